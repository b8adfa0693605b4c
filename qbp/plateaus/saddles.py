r"""Kinds of points that the optimizer is at: a slope, a saddle, a minimum, or a plateau.

Two numbers without a scale tell them apart.  The share of eigenvalues of the Hessian below zero: none at a
minimum, some at a saddle, about half of those that are not zero at a random point.  And the slope against
the curvature, ``|grad C|`` / max ``|eigenvalue|`` in radians: a small one says that a critical point is near.
A plateau has it no smaller than a hilly landscape has, since there slope and curvature are small together.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from qbp import _checks
from qbp.algorithm_1 import TwoStageConfig, two_stage
from qbp.circuits.circuit import check
from qbp.optimizers import OPTIMIZERS
from qbp.plateaus.landscape import hessian, landscape, rounded
from qbp.plateaus.sampling import AMPLITUDE, WORKING_SET, random_angles
from qbp.problem import History, Problem, gradients

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit
    from qbp.circuits.observables import Observable

FLAT = 0.01  # of the largest curvature: a direction with less counts as flat
NEAR = 0.1  # radians: with a slope below this a critical point is near
STEEP = 0.1  # of the largest curvature: a saddle's way out curves down by more
ROUNDING = 1000  # units of rounding of the largest curvature: a direction with less does not curve at all


@dataclass(frozen=True)
class Point:
    """The landscape at points theta, to second order; each (...) but for the spectrum.

    Attributes:
        cost: C, in the unit of H.
        gradient: ``|grad C|``, in that unit per radian.
        spectrum: eigenvalues of the Hessian, ascending, (..., n_params), per radian squared.
        power: mean over k of (dC/dtheta_k)**2.
        entries: mean over k and l of (d2C / dtheta_k dtheta_l)**2.
    """

    cost: Tensor
    gradient: Tensor
    spectrum: Tensor
    power: Tensor
    entries: Tensor

    @property
    def lowest(self) -> Tensor:
        """Return the lowest eigenvalue, (...)."""
        return self.spectrum[..., 0]

    @property
    def largest(self) -> Tensor:
        """Return the largest curvature in either sign, max ``|eigenvalue|``, (...)."""
        return self.spectrum.abs().amax(-1)

    @property
    def slope(self) -> Tensor:
        """Return ``|grad C|`` / max ``|eigenvalue|`` in radians, (...), NaN where nothing is curved."""
        return self.gradient / self.largest

    @property
    def down(self) -> Tensor:
        """Return the share of directions that curve down, by more than `FLAT` of the largest, (...)."""
        return (self.spectrum < -FLAT * self.largest.unsqueeze(-1)).to(self.cost.dtype).mean(-1)

    @property
    def curved(self) -> Tensor:
        """Return the share of directions that curve at all, by more than `ROUNDING`, (...)."""
        return self._curved.to(self.cost.dtype).mean(-1)

    @property
    def negative(self) -> Tensor:
        """Return the share of the directions that curve which curve down, (...), NaN where none does."""
        return (self._curved & (self.spectrum < 0)).sum(-1) / self._curved.sum(-1).to(self.cost.dtype)

    @property
    def _curved(self) -> Tensor:
        unit = ROUNDING * torch.finfo(self.spectrum.dtype).eps
        return self.spectrum.abs() > unit * self.largest.unsqueeze(-1)

    @property
    def flat(self) -> Tensor:
        """Return the share of directions that curve by no more than `FLAT` of the largest, (...)."""
        return (self.spectrum.abs() <= FLAT * self.largest.unsqueeze(-1)).to(self.cost.dtype).mean(-1)

    @property
    def saddle(self) -> Tensor:
        """Return whether a saddle with a way out is near, (...), as a slope below `NEAR` and a lowest
        eigenvalue below -`STEEP` of the largest say; a maximum counts."""
        return (self.slope < NEAR) & (self.lowest < -STEEP * self.largest)


def look(circuit: "Circuit", theta: Tensor, H: "Observable") -> Point:
    r"""Return cost, gradient and Hessian at points, exact.

    Args:
        circuit: prepares psi(theta).
        theta: angles in radians, (..., n_params).
        H: observable.

    Raises:
        TypeError, ValueError: as for :meth:`qbp.circuits.circuit.Circuit.expectation`.

    Example:
        >>> from qbp import PauliRotations, PauliSum
        >>> two = PauliRotations(2, ["XI", "IX"])  # C = cos(a) cos(b)
        >>> saddle = look(two, torch.full((2,), torch.pi / 2), PauliSum({"ZZ": 1.0}))
        >>> saddle.spectrum.round(decimals=4), saddle.down
        (tensor([-1.,  1.]), tensor(0.5000))
    """
    curvature = hessian(circuit, theta, H)  # checks the arguments
    with gradients():
        at = theta.detach().clone().requires_grad_()
        cost = circuit.expectation(at, H)
        (gradient,) = torch.autograd.grad(cost.sum(), at)
    spectrum = torch.linalg.eigvalsh(curvature)
    curved = rounded(spectrum.abs().amax(-1, keepdim=True), H) > 0  # else all of it is rounding
    return Point(
        cost=cost.detach(),
        gradient=rounded(gradient.norm(dim=-1), H),
        spectrum=torch.where(curved, spectrum, 0),
        power=gradient.square().mean(-1),
        entries=curvature.square().mean((-2, -1)),
    )


def random_points(
    circuit: "Circuit",
    H: "Observable",
    samples: int = 50,
    seed: int = 0,
    *,
    reach: float | None = None,
    dtype: torch.dtype = torch.float64,
    device: str | torch.device = "auto",
) -> Point:
    """Look around at random points.

    Args:
        circuit, H: as in :func:`look`.
        samples: points.
        seed: of the angles; a point is the same however many there are.
        reach: angles are uniform on [-reach, reach), near zero; None takes all angles.
        dtype: of the angles.
        device: "auto" means CUDA where there is one.

    Returns:
        Each attribute with a first axis of `samples`.
    """
    check(circuit, H, trained=True)
    samples, seed = _checks.integer("samples", samples), _checks.integer("seed", seed, 0, 2**64 - 1)
    dtype = _checks.precision("dtype", dtype)
    where = _checks.device("device", device)
    _checks.memory("samples", 8 * samples * circuit.n_params, f"{samples} points")
    theta = random_angles(seed, range(samples), circuit.n_params)  # in [0, 2 pi)
    if reach is not None:
        theta = (theta / torch.pi - 1) * _checks.number("reach", reach, 0, strict=True)
    row = 2 * circuit.n_params * AMPLITUDE * 2**circuit.n_qubits  # bytes: a Hessian is so many gradients
    parts = theta.to(where, dtype).split(max(1, WORKING_SET // row))
    points = [look(circuit, part, H) for part in parts]
    return Point(**{name: torch.cat([vars(p)[name] for p in points]) for name in vars(points[0])})


def descend(
    circuit: "Circuit",
    H: "Observable",
    theta0: Tensor,
    *,
    steps: int = 500,
    rate: float = 0.05,
    optimizer: str = "adam",
    record_every: int = 10,
) -> tuple[Tensor, History]:
    """Descend <H> from each start and look around on the way.

    Args:
        circuit, H: as in :func:`look`.
        theta0: starts, (..., n_params).
        steps, rate, optimizer: of the descent, no Stage 1 and no oscillation.
        record_every: look each so many steps.

    Returns:
        The last theta, and a history whose metrics have `energy` and of each :class:`Point` its `gradient`,
        `largest`, `lowest`, `down`, `flat`, `slope` and `saddle` (1 or 0), each (..., records).
    """
    check(circuit, H, trained=True)
    _checks.theta(theta0, circuit.n_params, "theta0")
    if theta0.numel() == 0:
        raise ValueError(f"theta0 must have a row or more, got shape {tuple(theta0.shape)}")
    rate, steps = _checks.number("rate", rate, 0.0, strict=True), _checks.integer("steps", steps, 0)
    _checks.memory("steps", 8 * steps * theta0[..., 0].numel(), f"{steps} steps")
    _checks.choice("optimizer", optimizer, OPTIMIZERS)
    kept = ("gradient", "largest", "lowest", "down", "flat", "slope", "saddle")

    def watch(theta: Tensor) -> dict[str, Tensor]:
        point = look(circuit, theta, H)
        return {name: getattr(point, name).to(theta.dtype) for name in kept}

    plain = Problem(
        energy=lambda theta, batch: circuit.expectation(theta, H),
        evaluate=watch,
    )
    config = TwoStageConfig(
        steps=steps, stage_1_steps=0, lambda_0=0.0, beta_0=0.0, optimizer=optimizer, eta_n=rate,
        record_every=record_every,
    )  # fmt: skip
    return two_stage(plain, config, theta0)


def slowest(history: History, *, left: float = 0.1) -> Tensor:
    """Return the record at which each run was slowest while it still had a fall ahead of it, (...).

    Args:
        history: from :func:`descend`.
        left: share of its whole fall that a run must still have ahead of it; the start counts, too.

    Returns:
        Indices into the records: of the smallest gradient among those with that much left.
    """
    energy, gradient = (_metrics(history, "energy", "gradient")[name] for name in ("energy", "gradient"))
    left = _checks.number("left", left, 0.0, 1.0)
    lowest = energy.amin(-1, keepdim=True)
    ahead = energy - lowest >= left * (energy[..., :1] - lowest)
    return torch.where(ahead, gradient, torch.inf).argmin(-1)


def at_records(history: History, records: Tensor) -> dict[str, Tensor]:
    """Return each run's metrics at a record of its own, each (...); `lowest` as a share of `largest`.

    Args:
        history: from :func:`descend`.
        records: indices into its records, (...).
    """
    metrics = _metrics(history, "lowest", "largest")
    shape = tuple(metrics["lowest"].shape)
    fits = isinstance(records, Tensor) and records.dtype == torch.int64 and records.shape == shape[:-1]
    if not fits or not ((records >= 0) & (records < shape[-1])).all():
        takes = f"indices below {shape[-1]}, int64 of shape {shape[:-1]}"
        raise ValueError(f"records must be {takes}, got {records!r}")
    at = {name: values.gather(-1, records.unsqueeze(-1)).squeeze(-1) for name, values in metrics.items()}
    return at | {"lowest": at["lowest"] / at["largest"]}


def _metrics(history: History, *names: str) -> dict[str, Tensor]:
    metrics = getattr(history, "metrics", {})
    if missing := set(names) - set(metrics):
        raise TypeError(f"history must be one of `descend`, with {sorted(missing)}, got {history!r}")
    return metrics


def surroundings(
    circuit: "Circuit", theta: Tensor, H: "Observable", points: int = 41
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Return the spectrum at a point, and slices through it along the eigenvectors of its two ends.

    Args:
        circuit, H: as in :func:`look`.
        theta: the point, (n_params,).
        points: of each slice, which reaches pi to either side.

    Returns:
        Eigenvalues, ascending, (n_params,); distances in radians, (points,); {"lowest", "highest": costs}.
    """
    curvature = hessian(circuit, theta, H)  # checks the arguments
    if theta.ndim != 1:
        raise ValueError(f"theta must have shape ({circuit.n_params},), got {tuple(theta.shape)}")
    values, vectors = torch.linalg.eigh(curvature)
    slices = {}
    for name, k in {"lowest": 0, "highest": -1}.items():
        at, slices[name] = landscape(
            lambda t: circuit.expectation(t, H), theta, vectors.mT[k, None], points=points
        )
    return values, at, slices
