r"""Gradients at random angles, and what is kept of them: the state-vector engine of
:mod:`qbp.plateaus.variance`.

Whole gradients are drawn a chunk at a time and only sums stay, so memory does not grow with their number but
for two numbers a sample.  C is periodic in every angle, so the mean of dC/dtheta_k is zero whatever the
circuit: the variance is the mean square, and its standard error follows from the mean fourth power.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, draws

if TYPE_CHECKING:
    from qbp.circuits.ansatz import Circuit
    from qbp.circuits.observables import Observable

WORKING_SET = 2**26  # bytes in flight at once
AMPLITUDE, ANGLE = 64, 40  # bytes of it for each: psi, lambda, room to apply H; angle, gradient, its powers
ONE_SIDED = 1.6449  # 95 % quantile of the normal distribution


class Estimate(NamedTuple):
    """Variances, their standard errors, one-sided 95 % upper bounds and base-2 logarithms, of one shape."""

    variance: Tensor
    stderr: Tensor
    upper_bound: Tensor
    log2_variance: Tensor


def random_angles(seed: int, rows: range, n_params: int) -> Tensor:
    """Draw parameter vectors uniform on [0, 2 pi), (len(rows), n_params) float64 on the CPU.

    Row r depends on the seed, on r and on n_params alone.

    Example:
        >>> bool((random_angles(0, range(3), 2)[2] == random_angles(0, range(2, 5), 2)[0]).all())
        True
    """
    purpose = f"random angles, {n_params}"  # so that circuits of other sizes are independent
    vectors = [draws.stream(seed, purpose, r).uniform(0, 2 * np.pi, n_params) for r in rows]
    return torch.from_numpy(np.stack(vectors))


def chunks(samples: int, circuit: "Circuit", chunk: int | None = None) -> list[range]:
    """Cut the rows of a sample into ranges that fit the working set, or of length `chunk`.

    Example:
        >>> from qbp.circuits.ansatz import HardwareEfficient
        >>> chunks(3, HardwareEfficient(2, 1), chunk=2), len(chunks(1000, HardwareEfficient(10, 10)))
        ([range(0, 2), range(2, 3)], 2)
    """
    row = AMPLITUDE * 2**circuit.n_qubits + ANGLE * circuit.n_params  # bytes
    size = chunk or max(1, WORKING_SET // row)
    return [range(first, min(first + size, samples)) for first in range(0, samples, size)]


class Sums(NamedTuple):
    """What is kept of the samples so far.

    `second` and `fourth` are sums of g_k**2 and g_k**4, (n_params,), in float64 whatever the gradients were;
    `power` is the mean over k of g_k**2, one number for each sample, (samples,); `cost` is C, (samples,).
    """

    second: Tensor
    fourth: Tensor
    power: Tensor
    cost: Tensor

    def add(self, gradient: Tensor, cost: Tensor) -> "Sums":
        """Return the sums with more samples, (chunk, n_params) and (chunk,)."""
        squares = gradient.double() ** 2
        kept = torch.cat([self.power, squares.mean(-1)]), torch.cat([self.cost, cost.double()])
        return Sums(self.second + squares.sum(0), self.fourth + (squares**2).sum(0), *kept)

    def each(self) -> Estimate:
        """Estimate Var[dC/dtheta_k] for each k, (n_params,)."""
        m = len(self.cost)
        variance = self.second / m
        return _estimate(variance, (self.fourth / m - variance**2).clamp(min=0) / (m - 1))

    def mean(self) -> Estimate:
        """Estimate the mean of the variance over k, ()."""
        return _estimate(self.power.mean(), self.power.var() / len(self.power))

    def of_cost(self) -> Estimate:
        """Estimate Var[C], (), whose mean is not known."""
        m, centered = len(self.cost), self.cost - self.cost.mean()
        variance, fourth = (centered**2).sum() / (m - 1), (centered**4).mean()
        return _estimate(variance, (fourth - variance**2 * (m - 3) / (m - 1)).clamp(min=0) / m)


def _estimate(variance: Tensor, square_error: Tensor) -> Estimate:
    stderr = square_error.sqrt()
    return Estimate(variance, stderr, variance + ONE_SIDED * stderr, variance.log2())


def sample(
    circuit: "Circuit",
    H: "Observable",
    parts: list[range],
    seed: int,
    dtype: torch.dtype,
    device: torch.device,
    progress: Callable[[int], Any] | None = None,
) -> tuple[Sums, bool]:
    """Differentiate <H> at random angles, the rows of one part at a time.

    Args:
        circuit, H: as in :func:`qbp.plateaus.variance.gradient_variance`, which checks the arguments.
        parts: rows of each chunk, see :func:`chunks`.
        seed, dtype, device: of the angles.
        progress: called with the number of samples just done.

    Returns:
        The sums, and whether Ctrl-C came before their end.

    Raises:
        KeyboardInterrupt: before two samples were done.
    """
    zeros = torch.zeros(circuit.n_params, dtype=torch.float64, device=device)
    sums, interrupted = Sums(zeros, zeros, zeros[:0], zeros[:0]), False
    try:
        for rows in parts:
            with torch.inference_mode(False), torch.enable_grad(), _checks.trusted():
                theta = random_angles(seed, rows, circuit.n_params).to(device, dtype).requires_grad_()
                cost = circuit.expectation(theta, H)
                (gradient,) = torch.autograd.grad(cost.sum(), theta)  # rows do not see each other
            sums = sums.add(gradient, cost.detach())  # one assignment: an interrupt finds all of it or none
            if progress is not None:
                progress(len(rows))
    except KeyboardInterrupt:
        interrupted = True
        if len(sums.cost) < 2:
            raise
    return sums, interrupted
