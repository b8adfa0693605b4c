r"""Gradients at random angles, and what is kept of them: the state-vector engine of
:mod:`qbp.plateaus.variance`.

Whole gradients are drawn a chunk at a time and only sums stay, so memory does not grow with their number but
for two numbers a sample.  C is periodic in every angle, so the mean of dC/dtheta_k is zero whatever the
circuit: the variance is the mean square, and its standard error follows from the mean fourth power.  A mean
square no larger than rounding leaves is 0, exactly: C is analytic, and vanishes at random angles only if it
vanishes at all.  Where an angle is a parameter times a number that is not whole, C is not periodic, and the
angles of an ensemble need not go all around; then the mean and the third power are kept, too.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, draws
from qbp._threads import suited
from qbp.circuits.gates import untied
from qbp.circuits.observables import Observable, PauliSum, Projector
from qbp.plateaus.pauli.bounds import student
from qbp.plateaus.starts.density import noisy_expectation
from qbp.problem import gradients

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit
    from qbp.plateaus.starts.ensemble import AngleEnsemble

WORKING_SET = 2**26  # bytes in flight at once
MOST_SAMPLES = 2**24  # errors of 0.03 %; they and their costs are kept
AMPLITUDE, ANGLE = 64, 40  # bytes of it for each: psi, lambda, room to apply H; angle, gradient, its powers
ROUNDING = 4.0  # epsilons, times the root of the number of angles: ten times what up to 14 qubits showed


class Estimate(NamedTuple):
    """Variances, their standard errors, one-sided 95 % upper bounds and base-2 logarithms, of one shape."""

    variance: Tensor
    stderr: Tensor
    upper_bound: Tensor
    log2_variance: Tensor


def random_angles(seed: int, rows: range, n_params: int) -> Tensor:
    """Draw parameter vectors uniform on [0, 2 pi), (len(rows), n_params) float64 on the CPU.

    Row r depends on the seed, on r and on n_params alone.

    Raises:
        TypeError, ValueError: an argument is none of these, or there is no room for the angles.

    Example:
        >>> bool((random_angles(0, range(3), 2)[2] == random_angles(0, range(2, 5), 2)[0]).all())
        True
    """
    if not isinstance(rows, range):
        raise TypeError(f"rows must be a range, got {_checks.kind_of(rows)}")
    n_params = _checks.integer("n_params", n_params, 0)
    _checks.memory("n_params", 16 * len(rows) * n_params, f"{len(rows)} vectors of {n_params} angles")
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
    size = chunk or max(1, WORKING_SET // _bytes(circuit))
    return [range(first, min(first + size, samples)) for first in range(0, samples, size)]


def _bytes(circuit: "Circuit") -> int:
    """Return what one sample takes."""
    return AMPLITUDE * 2**circuit.n_qubits + ANGLE * circuit.n_params


class Sums(NamedTuple):
    """What is kept of the samples so far.

    `second` and `fourth` are sums of g_k**2 and g_k**4, (n_params,), in float64 whatever the gradients were;
    `power` is the mean over k of g_k**2, one number for each sample, (samples,); `cost` is C, (samples,).
    `odd` are the sums of g_k and g_k**3, (2, n_params), where the mean of g_k may not be zero, else None.
    """

    second: Tensor
    fourth: Tensor
    power: Tensor
    cost: Tensor
    odd: Tensor | None = None

    def add(self, gradient: Tensor, cost: Tensor) -> "Sums":
        """Return the sums with more samples, (chunk, n_params) and (chunk,)."""
        squares = gradient.double() ** 2
        kept = torch.cat([self.power, squares.mean(-1)]), torch.cat([self.cost, cost.double()])
        odd = self.odd
        if odd is not None:
            odd = odd + torch.stack([gradient.double().sum(0), (gradient.double() * squares).sum(0)])
        return Sums(self.second + squares.sum(0), self.fourth + (squares**2).sum(0), *kept, odd)

    def rounding(self, H: Observable, dtype: torch.dtype) -> Tensor:
        """Return the mean square, (), that rounding leaves of a number that is zero.

        It is in proportion to the length of H psi, which is about that of the coefficients of a sum in most
        states, and the root of C for a projector; for others the largest root mean square seen stands in.
        """
        m, like = len(self.cost), self.cost
        if isinstance(H, PauliSum):
            square = torch.full_like(like[:1].sum(), math.fsum(c * c for c in H.terms.values()))
        elif isinstance(H, Projector):
            square = like.mean()
        else:
            square = torch.cat([self.second / m, like.square().mean()[None]]).max()
        return square * (ROUNDING * torch.finfo(dtype).eps) ** 2 * len(self.second)

    def each(self, rounding: Tensor | float = 0.0) -> Estimate:
        """Estimate Var[dC/dtheta_k] for each k, (n_params,); what is below `rounding` is zero."""
        m = len(self.cost)
        variance = self.second / m
        if self.odd is not None:
            mean, third = self.odd / m
            fourth = self.fourth / m - 4 * mean * third + 6 * mean**2 * variance - 3 * mean**4
            variance = (variance - mean**2) * (m / (m - 1))
            return _estimate(variance, _square_error(variance, fourth, m), m, rounding)
        return _estimate(variance, (self.fourth / m - variance**2).clamp(min=0) / (m - 1), m, rounding)

    def mean(self, rounding: Tensor | float = 0.0) -> Estimate:
        """Estimate the mean of the variance over k, (); its error at most, where means are kept."""
        m = len(self.power)
        if self.odd is not None:  # no error of a sum is above the sum of the errors
            variance, stderr, *_ = self.each()
            return _estimate(variance.mean(), stderr.mean().square(), m, rounding)
        return _estimate(self.power.mean(), self.power.var() / m, m, rounding)

    def of_cost(self, rounding: Tensor | float = 0.0) -> Estimate:
        """Estimate Var[C], (), whose mean is not known."""
        m, centered = len(self.cost), self.cost - self.cost.mean()
        variance, fourth = (centered**2).sum() / (m - 1), (centered**4).mean()
        return _estimate(variance, _square_error(variance, fourth, m), m, rounding)


def _square_error(variance: Tensor, fourth: Tensor, m: int) -> Tensor:
    """Return the squared error of a variance about the mean of m samples from the fourth central moment."""
    return (fourth - variance**2 * (m - 3) / (m - 1)).clamp(min=0) / m


def _estimate(variance: Tensor, square_error: Tensor, m: int, rounding: Tensor | float) -> Estimate:
    zero = variance <= rounding
    variance, stderr = (torch.where(zero, 0.0, x) for x in (variance, square_error.sqrt()))
    return Estimate(variance, stderr, variance + student(m - 1) * stderr, variance.log2())


def sample(
    circuit: "Circuit",
    H: "Observable",
    parts: list[range],
    seed: int,
    dtype: torch.dtype,
    device: torch.device,
    progress: Callable[[int], Any] | None = None,
    ensemble: "AngleEnsemble | None" = None,
) -> tuple[Sums, bool]:
    """Differentiate <H> at random angles, the rows of one part at a time.

    Args:
        circuit, H: as in :func:`qbp.plateaus.variance.gradient_variance`, which checks the arguments.
        parts: rows of each chunk, see :func:`chunks`.
        seed, dtype, device: of the angles.
        progress: called with the number of samples just done.
        ensemble: of the angles, and noise; None for all angles, and none.

    Returns:
        The sums, and whether Ctrl-C came before their end.

    Raises:
        KeyboardInterrupt: before two samples were done.
    """
    zeros = torch.zeros(circuit.n_params, dtype=torch.float64, device=device)
    periodic = ensemble is None and not (untied(circuit.program).scale % 1).any()
    draw = random_angles if ensemble is None else ensemble.draw
    odd = None if periodic else zeros.new_zeros(2, circuit.n_params)
    sums, interrupted = Sums(zeros, zeros, zeros[:0], zeros[:0], odd), False
    try:
        for rows in parts:
            few = suited(len(rows) * _bytes(circuit))
            with gradients(), _checks.trusted(), few:
                theta = draw(seed, rows, circuit.n_params).to(device, dtype).requires_grad_()
                if ensemble is not None and ensemble.noise:
                    cost = noisy_expectation(circuit, theta, H, ensemble.noise)
                else:
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
