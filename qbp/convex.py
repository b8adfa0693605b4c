r"""Stage 1: the local loss (eq. 1), ridge regression (eq. 2) and the switching criterion (eq. 3).

The paper calls both losses convex.  Eq. 2 is convex in its unknowns `w`.  Eq. 1 is convex in the
*expectations* :math:`\langle O_i \rangle`, not in `theta`: a circuit's expectations are sines and cosines of
its angles.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes

if TYPE_CHECKING:
    from qbp.circuits.ansatz import Circuit
    from qbp.circuits.observables import Observable

SWITCHING = ("steps", "threshold", "plateau", "threshold-or-plateau")
NORMS = ("paper", "rms", "mean-square")


@takes(theta="... circuit.n_params", targets="numbers ... m")
def local_loss(
    circuit: "Circuit", theta: Tensor, observables: Sequence["Observable"], targets: Tensor
) -> Tensor:
    r"""Local loss L_convex = sum_i (<O_i> - b_i)**2  (eq. 1).

    Args:
        circuit: prepares psi(theta).
        theta: angles in radians, (..., n_params).
        observables: the restricted set O_i, m of them, as from
            :func:`qbp.circuits.observables.local_observables`.
        targets: their target expectations b_i, dimensionless, (..., m).

    Returns:
        Real, (...), at least 0; differentiable, one backward pass for all m.

    Raises:
        ValueError: the last dimension of `targets` is not m, or a value is not finite.

    Example:
        >>> from qbp.circuits.ansatz import HardwareEfficient
        >>> from qbp.circuits.observables import local_observables
        >>> circuit = HardwareEfficient(1, 1, rotations=("ry",))
        >>> local_loss(circuit, torch.zeros(1), local_observables(1, "Z"), torch.tensor([-1.0]))
        tensor(4.)
    """
    observables = tuple(observables)
    if targets.shape[-1] != len(observables):
        raise ValueError(
            f"targets must have shape (..., {len(observables)}), one for each of observables, got "
            f"{tuple(targets.shape)}"
        )
    _checks.finite("targets", targets)
    return (circuit.expectations(theta, observables) - targets).square().sum(-1)


@takes("features targets", features="... samples n", targets="... samples m")
def ridge(features: Tensor, targets: Tensor, strength: float) -> Tensor:
    r"""Solve min_w ||Phi w - y||^2 + strength ||w||^2  (eq. 2), with a constant column appended to Phi.

    Solved by QR of the stacked matrix [Phi, 1; sqrt(strength) I], which does not square the condition number.

    Args:
        features: Phi, (..., samples, n_features): hidden units of a perceptron or expectations of a circuit.
        targets: y, (..., samples, n_outputs).
        strength: the paper's ridge lambda, dimensionless, above 0; not the blend of eq. 4, which has the
            same letter.

    Returns:
        w*, (..., n_features + 1, n_outputs); the last row is the constant's weight.

    Raises:
        ValueError: `strength` is not above 0, or samples do not match.

    Example:
        >>> ridge(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [3.0]]), 1.0).flatten().round(decimals=4)
        tensor([1., 1.])
    """
    strength = _checks.number("strength", strength, low=0.0, strict=True)
    phi = _with_constant(features)
    k, batch = phi.shape[-1], torch.broadcast_shapes(phi.shape[:-2], targets.shape[:-2])
    damping = strength**0.5 * torch.eye(k, dtype=phi.dtype, device=phi.device).expand(*batch, k, k)
    stacked = torch.cat([phi.expand(*batch, *phi.shape[-2:]), damping], dim=-2)
    padded = torch.cat([targets, targets.new_zeros(*targets.shape[:-2], k, targets.shape[-1])], dim=-2)
    q, r = torch.linalg.qr(stacked)
    return torch.linalg.solve_triangular(r, q.mT @ padded, upper=True)


@takes(features="... samples n")
def ridge_hessian(features: Tensor, strength: float) -> Tensor:
    """Return the second derivatives of eq. 2 in w, 2 (Phi^T Phi + strength I), the same at every w.

    Args:
        features: Phi without the constant column, (..., samples, n_features).
        strength: as in :func:`ridge`.

    Returns:
        (..., n_features + 1, n_features + 1), symmetric; no eigenvalue below 2 strength: eq. 2 is convex.

    Example:
        >>> ridge_hessian(torch.tensor([[1.0]]), 0.5)
        tensor([[3., 2.],
                [2., 3.]])
    """
    phi = _with_constant(features)
    return 2 * (phi.mT @ phi + strength * torch.eye(phi.shape[-1], dtype=phi.dtype, device=phi.device))


def _with_constant(features: Tensor) -> Tensor:
    """Append a column of ones: (..., samples, n) -> (..., samples, n + 1)."""
    return torch.cat([features, features.new_ones(*features.shape[:-1], 1)], dim=-1)


@takes(a="... n", b="... n")
def midpoint_gap(function: Callable[[Tensor], Tensor], a: Tensor, b: Tensor) -> Tensor:
    """Return f((a + b) / 2) - (f(a) + f(b)) / 2: a convex f has it at or below 0 for every pair of points.

    One pair above 0 proves that f is not convex (the test of eq. 1 in the angles).

    Args:
        function: (..., n) -> (...).
        a, b: points, (..., n).

    Example:
        >>> midpoint_gap(lambda x: x.square().sum(-1), torch.tensor([-1.0]), torch.tensor([1.0]))
        tensor(-1.)
    """
    middle, *ends = (_checks.per_run("function", function(point), point) for point in ((a + b) / 2, a, b))
    return middle - sum(ends) / 2


@takes(grad="... n")
def gradient_norm(grad: Tensor, norm: str = "paper") -> Tensor:
    """Return the size of a gradient per parameter, the left side of eq. 3.

    Args:
        grad: (..., n_params).
        norm: "paper" ||g|| / dim; "rms" ||g|| / sqrt(dim); "mean-square" ||g||**2 / dim, as a later released
            notebook has it.

    Returns:
        Real, (...), in units of the loss per radian (or weight); squared for "mean-square".

    Example:
        >>> gradient_norm(torch.tensor([3.0, 4.0]))
        tensor(2.5000)
    """
    _checks.choice("norm", norm, NORMS)
    dim, size = grad.shape[-1], torch.linalg.vector_norm(grad, dim=-1)
    return {"paper": size / dim, "rms": size / dim**0.5, "mean-square": size**2 / dim}[norm]


@takes(grad="... n+")
def gradient_metrics(grad: Tensor) -> dict[str, Tensor]:
    """Return what histories keep of a gradient (..., n_params): `grad_norm`, `grad_rms`
    (:func:`gradient_norm`) and `grad_var`.

    `grad_var` is the variance over the components of this one gradient; the barren-plateau variance, over
    random angles, is another thing.
    """
    variance = grad.var(-1, correction=0)
    return {"grad_norm": gradient_norm(grad), "grad_rms": gradient_norm(grad, "rms"), "grad_var": variance}


@takes(norms="... t+")
def should_switch(
    norms: Tensor,
    *,
    rule: str,
    steps: int,
    cap: int,
    tau_g: float | None = None,
    window: int = 10,
    tolerance: float = 0.01,
) -> Tensor:
    """Decide for each run whether Stage 1 is over, from its gradient norms so far  (eq. 3; Algorithm 1, line
    3).

    The listing loops *while* the norm is below tau_g, the text says "stabilize or surpass", Section IV.B
    runs 100 iterations: the rule selects the reading, and the cap ends every one of them.

    Args:
        norms: norms at steps 0 ... t, the present one last, (..., t + 1).
        rule: "steps", after `steps` of them; "threshold", as soon as the norm reaches `tau_g`; "plateau",
            when the mean of the last `window` norms differs from the mean of the `window` before by at most
            `tolerance` of it; "threshold-or-plateau", whichever comes first.
        steps: length of Stage 1 under the rule "steps".
        cap: number of steps after which Stage 1 ends under any other rule.
        tau_g: threshold, in the unit of `norms`.
        window: steps averaged by the plateau rule.
        tolerance: relative change that counts as stable.

    Returns:
        Boolean, (...): true where the present step belongs to Stage 2.

    Example:
        >>> norms = torch.tensor([[0.1, 0.5], [0.1, 0.2]])
        >>> should_switch(norms, rule="threshold", tau_g=0.3, steps=100, cap=100)
        tensor([ True, False])
    """
    _checks.choice("rule", rule, SWITCHING)
    if "threshold" in rule and tau_g is None:
        raise ValueError(f"tau_g must be a number under the rule {rule!r}, got None")
    _checks.integer("window", window)
    _checks.integer("steps", steps, low=0)
    _checks.integer("cap", cap, low=0)
    step = norms.shape[-1] - 1
    over = torch.full_like(norms[..., -1], step >= (steps if rule == "steps" else cap), dtype=torch.bool)
    if "threshold" in rule:
        over = over | (norms[..., -1] >= tau_g)  # type: ignore[operator]  # checked above
    if "plateau" in rule and step + 1 >= 2 * window:
        now, before = norms[..., -window:].mean(-1), norms[..., -2 * window : -window].mean(-1)
        over = over | ((now - before).abs() <= tolerance * before)
    return over


@takes(norms="... t+")
def exit_step(norms: Tensor, **rule: Any) -> Tensor:
    """Return the step at which a rule ends Stage 1 on a recorded history of gradient norms  (eq. 3).

    Args:
        norms: norms at steps 0, 1, ..., (..., steps).
        rule: the keywords of :func:`should_switch`.

    Returns:
        The first step of Stage 2, (...), in steps; infinity where the record ends before.

    Example:
        >>> exit_step(torch.tensor([0.1, 0.2, 0.5]), rule="threshold", tau_g=0.2, steps=100, cap=100)
        tensor(1.)
    """
    _checks.readable("norms", norms)
    found = torch.full_like(norms[..., 0], torch.inf)
    for step in range(norms.shape[-1]):
        over = should_switch(norms[..., : step + 1], **rule)
        found = torch.where(over & found.isinf(), step, found)
        if found.isfinite().all():
            break
    return found


@takes(norms="starts+")
def default_threshold(norms: Tensor) -> float:
    """Return tau_g where the paper gives none: half the median of the norms at random starts, (starts,)."""
    _checks.readable("norms", norms)
    return float(norms.quantile(0.5)) / 2  # Tensor.median takes the lower of two middle values
