"""Measures of a circuit at its own size: variances, by layer and kind of gate, and shots that show them."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch

from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Rotation
from qbp.circuits.observables import Observable, PauliSum, Projector
from qbp.plateaus.diagnosis.dead import also, dead_parameters
from qbp.plateaus.diagnosis.rate import FLOOR
from qbp.plateaus.diagnosis.report import Bits, Dead, Group, Shots
from qbp.plateaus.diagnosis.variants import Layout, freed, layout, shares
from qbp.plateaus.sampling import Estimate, random_angles
from qbp.plateaus.starts.density import LARGEST as LARGEST_NOISY
from qbp.plateaus.starts.ensemble import AngleEnsemble
from qbp.plateaus.variance import LARGEST, SMALL, GradientVariance, gradient_variance

Of = Callable[[Circuit], AngleEnsemble | None]  # the ensemble of a circuit
Z = 1.959964  # 95 %
GATE = 1e-8  # seconds a rotation, amplitude and sample, gradient included, on one core
LEAST_SAMPLES = 64
FEWEST, BRIEF = 4096, 1e7  # walks, and walks times rotations, of one of many measurements
MOST_WORK = 3e7  # walks times rotations that are tried eight times over where too few walks come back


@dataclass(frozen=True)
class Effort:
    """What a measurement may take.

    Attributes:
        samples: angles of state vectors.
        walks: of the other engine.
        seed: of all draws.
        seconds: of one state-vector measurement beyond 12 qubits.
        device: of state vectors.
        work: walks times rotations, above which there are fewer walks.
    """

    samples: int = 200
    walks: int = 2**17
    seed: int = 0
    seconds: float = 10.0
    device: str = "cpu"
    work: float = math.inf

    def less(self, seed: int = 0) -> "Effort":
        """Return a quarter of the walks and of the time, with other draws."""
        walks = max(2048, self.walks // 4)
        seed = (self.seed + seed) % 2**64
        return replace(self, walks=walks, seconds=self.seconds / 4, seed=seed, work=BRIEF)


class Measured(NamedTuple):
    """Variances of a circuit, or of it with its shared angles freed.

    Attributes:
        circuit: that was measured.
        found: by :func:`qbp.plateaus.variance.gradient_variance`.
        freed: whether shared angles were freed for it.
        dead: parameters without an influence.
        gradient: mean over parameters that are not dead.
        cost: of Var[C].
    """

    circuit: Circuit
    found: GradientVariance
    freed: bool
    dead: tuple[Dead, ...]
    gradient: Bits
    cost: Bits


def measured(circuit: Circuit, H: Observable, effort: Effort, of: Of) -> Measured:
    """Measure a circuit; one with shared angles by state vectors where that is quick, else freed.

    Raises:
        ValueError: neither a state vector nor a walk can serve it, for a reason that is named.
    """
    free = False
    ensemble = of(circuit)
    engine, samples = "auto", effort.samples
    noisy = ensemble is not None and bool(ensemble.noise)
    if shares(circuit):
        if noisy or circuit.n_qubits > SMALL:
            gates = sum(isinstance(g, Rotation) for g in circuit.program)
            samples = (
                int(effort.seconds / (GATE * gates * 2**circuit.n_qubits)) if circuit.n_qubits < 40 else 0
            )
            free = noisy or circuit.n_qubits > LARGEST or samples < LEAST_SAMPLES
            samples = min(effort.samples, max(samples, LEAST_SAMPLES))
        if free:
            circuit = freed(circuit)
            ensemble = of(circuit)
    if noisy:
        engine = "pauli-walk"
    options: dict[str, Any] = {"ensemble": ensemble, "device": effort.device}
    walks = int(min(effort.walks, max(FEWEST, effort.work / max(1, _work(circuit)))))
    try:
        found = gradient_variance(circuit, H, samples, effort.seed, engine, walks=walks, **options)
    except ValueError:
        if not noisy or circuit.n_qubits > LARGEST_NOISY:
            raise
        found = gradient_variance(circuit, H, samples, effort.seed, "statevector", **options)
    if math.isnan(float(found.mean.variance)) and _work(circuit) * walks < MOST_WORK:
        found = gradient_variance(circuit, H, samples, effort.seed, engine, walks=8 * walks, **options)
    zero = ((found.variance == 0) & (found.upper_bound == 0)).cpu().numpy()
    dead = also(dead_parameters(circuit, H), zero, circuit)
    return Measured(circuit, found, free, dead, _gradient(found, dead, circuit.n_params), _cost(found))


def unmeasured(circuit: Circuit, H: Observable, reason: str) -> Measured:
    """Return what stands for a circuit that no engine serves: dead parameters, and numbers that are NaN."""
    each, one = torch.full((circuit.n_params,), math.nan), torch.tensor(math.nan)
    none = {"engine": "none", "reason": reason, "samples": 0, "interrupted": False}
    mean = Estimate(one, one, one, one)
    found = GradientVariance(each, each, each, each, mean, one, one, **none)  # type: ignore[arg-type]
    unknown = Bits(math.nan, math.nan, math.nan)
    return Measured(circuit, found, False, dead_parameters(circuit, H), unknown, unknown)


def _gradient(found: GradientVariance, dead: tuple[Dead, ...], n_params: int) -> Bits:
    """Return the mean over parameters that are not dead: that over all times their inverse share."""
    live = n_params - len(dead)
    if not live:
        return Bits(-math.inf, 0.0, -math.inf)
    mean, shift = found.mean, math.log2(n_params / live)
    upper = math.log2(bound) + shift if (bound := float(mean.upper_bound)) > 0 else -math.inf
    log2 = float(mean.log2_variance)
    relative = float(mean.stderr / mean.variance) if float(mean.variance) > 0 else 0.0
    return Bits(log2 + shift, _bits(relative), upper if math.isfinite(upper) else log2 + shift + 1)


def _cost(found: GradientVariance) -> Bits:
    variance, error = float(found.cost_variance), float(found.cost_stderr)
    if math.isnan(variance) or variance < 0:
        return Bits(math.nan, math.nan, math.nan)
    if variance == 0:
        return Bits(-math.inf, 0.0, -math.inf)
    return Bits(math.log2(variance), _bits(error / variance), math.log2(variance + 1.645 * error))


def _bits(relative: float) -> float:
    return relative / math.log(2) if relative > 0 else 0.0


def difference(after: Bits, before: Bits) -> tuple[float, float] | None:
    """Return by how many bits one variance is above another, and its standard error; None if unknown."""
    if not (math.isfinite(after.log2) and math.isfinite(before.log2)):
        return None
    return after.log2 - before.log2, max(FLOOR, math.hypot(after.stderr, before.stderr))


def groups(seen: Measured, parts: Layout | None = None) -> tuple[Group, ...]:
    """Return mean variances by layer and kind of gate, in the order of the program."""
    parts = parts or layout(seen.circuit)
    dead = {d.index for d in seen.dead}
    where: dict[int, tuple[int, str]] = {}
    for k, layer, kind in zip(parts.parameter.tolist(), parts.layer.tolist(), parts.kind, strict=True):
        first, other = where.setdefault(k, (layer, kind))
        where[k] = (first, other if other == kind else "mixed")
    members: dict[tuple[int, str], list[int]] = {}
    for k, place in where.items():
        members.setdefault(place, []).append(k)
    variance, stderr = (c.cpu().double().numpy() for c in (seen.found.variance, seen.found.stderr))
    found = []
    for (layer, kind), ours in sorted(members.items(), key=lambda item: item[0][0]):
        live = [k for k in ours if k not in dead]
        mean, error = (float(np.mean(c[live])) if live else 0.0 for c in (variance, stderr))
        found.append(Group(layer, kind, len(live), len(ours) - len(live), mean, error))
    return tuple(found)


def shots(seen: Measured, circuit: Circuit, H: Observable) -> Shots | None:
    r"""Return how many shots show a typical entry of the gradient.

    The parameter-shift rule takes a rotation's derivative from two circuits, ``(C_+ - C_-) / 2``, so N shots,
    shared between them, leave the error sigma / sqrt N, with sigma the deviation of one shot.  An angle that
    several rotations share takes that of each, and N grows by the square of the sum of their scales.  With
    ``N = (1.96 sigma / g)^2`` the 95 % interval of an entry of size g just reaches zero.  Where H takes
    several settings, shots are shared in proportion to their deviations.

    Args:
        seen: what was measured.
        circuit: the same circuit, or the one that was freed: the angles that a device turns.
        H: the observable.
    """
    if not math.isfinite(seen.gradient.log2) or (sigma := deviation(circuit, H)) is None:
        return None
    g = 2.0 ** (seen.gradient.log2 / 2)
    if g == 0:
        return None
    turns = [
        abs(r.scale) for r in seen.circuit.program if isinstance(r, Rotation) and r.parameter is not None
    ]
    each = sum(turns) / max(1, seen.circuit.n_params)
    count = (Z * sigma * each / g) ** 2
    spread = 2.0 ** (Z * seen.gradient.stderr)
    return Shots(g, sigma, count, count / spread, count * spread)


def deviation(circuit: Circuit, H: Observable) -> float | None:
    """Return the standard deviation of one shot at random angles, at most, in units of H; None if unknown.

    Of a setting it is the root of the sum of squares of its coefficients, as if no string had an expectation;
    of a projector the root of p (1 - p) with p its mean, by 200 state vectors up to 12 qubits, else 2^-n.
    """
    if isinstance(H, Projector):
        p = 2.0**-H.n_qubits
        if circuit.n_qubits <= SMALL:
            p = float(circuit.expectation(random_angles(0, range(200), circuit.n_params), H).mean())
        return math.sqrt(p * (1 - p))
    if not isinstance(H, PauliSum):
        return None
    strings = {p: c for p, c in H.terms.items() if c and set(p) != {"I"}}
    squares = [sum(strings[p] ** 2 for p in ours) for ours in together(strings)]
    return sum(map(math.sqrt, squares)) if squares else None


def together(strings: Iterable[str]) -> list[list[str]]:
    """Put strings into settings greedily, heaviest first: letters of one setting agree on every qubit.

    As :func:`qbp.circuits.hardware.measurement.settings` does, without the outcomes of 2^n.

    Example:
        >>> together(["XII", "ZZI", "IZZ"])
        [['IZZ', 'ZZI'], ['XII']]
    """
    found: list[tuple[dict[int, str], list[str]]] = []
    for p in sorted(strings, key=lambda p: (p.count("I"), p)):
        own = {q: letter for q, letter in enumerate(p) if letter != "I"}
        fits = (f for f in found if all(f[0].get(q, letter) == letter for q, letter in own.items()))
        basis, ours = next(fits, ({}, []))
        if not ours:
            found.append((basis, ours))
        basis |= own
        ours.append(p)
    return [ours for _, ours in found]


def uniform(circuit: Circuit) -> None:
    """Return the ensemble of angles uniform on the circle, without noise: None."""


def rule(ensemble: AngleEnsemble | Of | None) -> Of:
    """Return an ensemble, or a rule that gives one to each circuit, as a rule."""
    return ensemble if callable(ensemble) else (lambda _: ensemble)


def _work(circuit: Circuit) -> int:
    return sum(isinstance(g, Rotation) for g in circuit.program)
