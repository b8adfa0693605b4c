"""Changes of one thing at a time, and what each does to the variance: causes, and remedies that take no
training.

A change that makes the variance decay more slowly is a cause of a plateau; one that makes it decay faster
says what protects a circuit without one.  Of a family the effect is a rate, the slope over sizes of the
difference in bits; of one size it is the difference.  The words are those of the literature: sources of
concentration (Larocca et al. 2025), and for each its own paper, see `CAUSES`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from qbp.circuits.circuit import Circuit
from qbp.circuits.observables import Observable, PauliSum, Projector
from qbp.plateaus.algebra.deep import deep_variance, from_algebra
from qbp.plateaus.diagnosis import variants
from qbp.plateaus.diagnosis.measures import Effort, Measured, Of, Z, difference, measured
from qbp.plateaus.diagnosis.rate import interval, line, misfit
from qbp.plateaus.diagnosis.report import Bits, Change, Remedy
from qbp.plateaus.diagnosis.simulability import CAP, algebra, freed_for_algebra
from qbp.plateaus.starts.ensemble import AngleEnsemble, GateNoise

FLATTENING = ("noise", "global-observable", "depth", "entanglement", "shared-angles", "start-state")
PROTECTING = ("small-angles", "small-algebra", "shallow-local", "shared-angles", "start-state")
ORDER = (*FLATTENING[:4], *PROTECTING)
NEAR = 2.0  # bits
TRIED = 0.01  # probability of depolarizing noise that is tried on a circuit without


class Case(NamedTuple):
    """A circuit and an observable, with what was measured of them."""

    circuit: Circuit
    H: Observable
    seen: Measured


Changed = tuple[Circuit, Observable, Of]


def _quiet(of: Of) -> Of:
    def quiet(circuit: Circuit) -> AngleEnsemble | None:
        ensemble = of(circuit)
        return None if ensemble is None else replace(ensemble, noise=GateNoise())

    return quiet


def _around(of: Of) -> Of:
    def around(circuit: Circuit) -> AngleEnsemble | None:
        ensemble = of(circuit)
        noisy = ensemble is not None and ensemble.noise
        return AngleEnsemble("full", noise=ensemble.noise) if ensemble is not None and noisy else None

    return around


def _noise(case: Case, of: Of) -> Changed | None:
    ensemble = of(case.circuit)
    return (case.circuit, case.H, _quiet(of)) if ensemble is not None and ensemble.noise else None


def _small_angles(case: Case, of: Of) -> Changed | None:
    ensemble = of(case.circuit)
    return None if ensemble is None or ensemble.kind == "full" else (case.circuit, case.H, _around(of))


def _with(made: Circuit | None, case: Case, of: Of) -> Changed | None:
    return None if made is None else (made, case.H, of)


def _observable(case: Case, of: Of) -> Changed | None:
    local = variants.localized(case.H)
    return None if local is None else (case.circuit, local, of)


def _depth(case: Case, of: Of) -> Changed | None:
    parts = variants.layout(case.circuit)
    return _with(variants.prefix(case.circuit, parts, 1) if parts.n_layers > 1 else None, case, of)


def _entanglement(case: Case, of: Of) -> Changed | None:
    return _with(variants.without_entanglers(case.circuit), case, of)


def _shared(case: Case, of: Of) -> Changed | None:
    shared = variants.shares(case.circuit) and not case.seen.freed
    return _with(variants.freed(case.circuit) if shared else None, case, of)


def _start(case: Case, of: Of) -> Changed | None:
    return _with(variants.restarted(case.circuit), case, of)


def _deeper(case: Case, of: Of) -> Changed | None:
    layers = variants.layout(case.circuit).n_layers
    return _with(variants.deeper(case.circuit, math.ceil(2 * case.circuit.n_qubits / layers)), case, of)


CHANGES: dict[str, Callable[[Case, Of], Changed | None]] = {
    "noise": _noise,
    "global-observable": _observable,
    "depth": _depth,
    "entanglement": _entanglement,
    "shared-angles": _shared,
    "start-state": _start,
    "small-angles": _small_angles,
    "shallow-local": _deeper,
}


def changes(cases: Sequence[Case], effort: Effort, of: Of, said: Callable[[str], object]) -> list[Change]:
    """Make each change on each case, and fit its effect.

    Args:
        cases: the sizes, ascending; one of them gives effects in bits.
        effort, of: of the measurements, and the ensemble.
        said: called with the name of a change before it is made.

    Returns:
        Those that could be made and measured on every size, of a family three or more.
    """
    found = []
    for number, (name, change) in enumerate(CHANGES.items()):
        said(name)
        points, bounds = list[tuple[int, float, float]](), list[tuple[int, float]]()
        for case in cases:
            made = change(case, of)
            point = None if made is None else _effect(case, made, name, effort.less(1 + number))
            if isinstance(point, float):
                bounds.append((case.circuit.n_qubits, point))
            elif point is not None:
                points.append((case.circuit.n_qubits, *point))
        fitted = _fitted(name, points, len(cases))
        if name == "shallow-local" and points and not any(c.resolved for c in fitted):
            fitted = _bounded(name, bounds) or _fitted(name, points[-1:], 1)  # a fall, though not its rate
        found += fitted or _bounded(name, bounds)
    said("small-algebra")
    points = [(c.circuit.n_qubits, *gap) for c in cases if (gap := above_two_design(c)) and small_algebra(c)]
    found += [
        replace(c, effect=-c.effect, low=-c.high, high=-c.low)
        for c in _fitted("small-algebra", points, len(cases))
    ]
    return found


def _effect(case: Case, made: Changed, name: str, effort: Effort) -> tuple[float, float] | float | None:
    """Return the difference in bits and its error, or to an upper bound where that is all, or None."""
    try:
        after = measured(*made[:2], effort, made[2])
    except (ValueError, TypeError):  # no engine serves it
        return None
    if name == "shared-angles":
        return difference(after.cost, case.seen.cost)
    before = case.seen.gradient
    if math.isnan(after.gradient.log2) and math.isfinite(after.gradient.upper - before.log2):
        return after.gradient.upper - before.log2
    return difference(after.gradient, before)


def _fitted(name: str, points: list[tuple[int, float, float]], sizes: int) -> list[Change]:
    """Return the change of points (qubits, difference, standard error)."""
    at = tuple(n for n, *_ in points)
    if sizes == 1 and points:
        _, effect, error = points[0]
        return [Change(name, effect, effect - Z * error, effect + Z * error, "bits", at)]
    if len(points) < 3:
        return []
    fit = line(at, [y for _, y, _ in points], [e for *_, e in points])
    return [Change(name, fit.slope, *interval(fit, misfit(fit)), "bits per qubit", at)]


def _bounded(name: str, bounds: list[tuple[int, float]]) -> list[Change]:
    """Return the largest fall that upper bounds show at one size: at least so much."""
    falls = [(gap, n) for n, gap in bounds if gap < 0]
    if not falls:
        return []
    gap, n = min(falls)
    return [Change(name, gap, -math.inf, gap, "bits", (n,))]


def above_two_design(case: Case) -> tuple[float, float] | None:
    """Return log2 of Var[C] over that of a 2-design, and its standard error; None where it is not known.

    Haar random states have the variance ``(tr O^2 - (tr O)^2 / d) / (d (d + 1))`` (McClean et al. 2018).
    """
    n, H = case.circuit.n_qubits, case.H
    if isinstance(H, PauliSum):
        square = sum(c * c for p, c in H.terms.items() if set(p) != {"I"})
        log2 = math.log2(square) - n - math.log2(1 + 2.0**-n) if square else -math.inf
    elif isinstance(H, Projector):
        log2 = -2 * n + math.log2(1 - 2.0**-n) - math.log2(1 + 2.0**-n)
    else:
        return None
    return difference(case.seen.cost, Bits(log2, 0.0, log2))


def small_algebra(case: Case) -> bool:
    """Whether the Lie algebra is far smaller than the largest, 4^n - 1, and explains Var[C]: that of a deep
    circuit with this algebra (Ragone et al. 2024) is within two bits of it."""
    least = 4**case.circuit.n_qubits // 4
    if not isinstance(case.H, PauliSum):  # none has its formula
        return False
    found = algebra(case.circuit, min(CAP, least))
    if found is None or found.dimension > min(20 * CAP, least):
        return False
    try:
        if case.seen.freed == freed_for_algebra(case.circuit):
            deep = from_algebra(found, case.seen.circuit, case.H).variance
        else:
            deep = deep_variance(case.seen.circuit, case.H, cap=CAP).variance
    except ValueError:  # neither H nor the start is in it
        return False
    return deep > 0 and abs(case.seen.cost.log2 - math.log2(deep)) <= NEAR


def causes(made: Sequence[Change], verdict: str) -> tuple[Change, ...]:
    """Return the changes that explain a verdict, the leading one first.

    Of a plateau those that make the decay slower; without one those that make it faster; where nothing can be
    said both.  Only effects whose interval excludes zero count.  Among those that the intervals cannot tell
    from the largest, the order is that of `ORDER`: of two changes that both mend a plateau the earlier one
    names the cause.  Dead parameters are no part of the mean, so they explain no rate; where half of all
    parameters are dead or more, and there is no plateau, they are named last, and alone where all are.
    """
    dead = [c for c in made if c.name == "dead-parameters" and c.effect >= 1 and verdict != "plateau"]
    if any(math.isinf(c.effect) for c in dead):
        return tuple(dead)
    lifts = [c for c in made if c.name in FLATTENING and c.low > 0]
    lowers = [c for c in made if c.name in PROTECTING and c.high < 0]
    chosen = {"plateau": lifts, "no plateau": lowers}.get(verdict, lifts + lowers)
    if not chosen:
        return tuple(dead)
    top = max(chosen, key=_size)
    least = min(abs(end) for end in (top.low, top.high)) * _size(top) / abs(top.effect)
    tied = [c for c in chosen if _size(c, most=True) >= least]
    rest = [c for c in chosen if c not in tied]
    tied.sort(key=lambda c: ORDER.index(c.name))
    return (*tied, *sorted(rest, key=lambda c: -_size(c)), *dead)


def _size(change: Change, most: bool = False) -> float:
    """Return the size of an effect, or the most it may be; of one in bits that a qubit's share."""
    value = max(abs(change.low), abs(change.high)) if most else abs(change.effect)
    return value if change.unit == "bits per qubit" else value / max(change.at)


def noisy(case: Case, effort: Effort, of: Of) -> Change | None:
    """Return what depolarizing noise of one per cent behind every gate does, None where there is noise."""
    ensemble = of(case.circuit)
    if ensemble is not None and ensemble.noise:
        return None

    def disturbed(circuit: Circuit) -> AngleEnsemble:
        quiet = of(circuit) or AngleEnsemble("full")
        return replace(quiet, noise=GateNoise(depolarizing=TRIED))

    point = _effect(case, (case.circuit, case.H, disturbed), "noise", effort.less(91))
    points = [(case.circuit.n_qubits, *point)] if isinstance(point, tuple) else []
    return next(iter(_fitted("noise", points, 1)), None)


def remedies(case: Case, effort: Effort, of: Of) -> tuple[Remedy, ...]:
    """Return remedies that take no training, each tried on this circuit."""
    parts = variants.layout(case.circuit)
    m, layers = max(1, case.circuit.n_params), parts.n_layers
    normal, flat = 1 / math.sqrt(8 * (layers + 2)), 1 / math.sqrt(m)
    tried: list[tuple[str, str, Changed | None]] = []
    if of(case.circuit) is None:
        for name, kind, width, words in (
            ("small angles", "gaussian", normal, "normal angles of width {:.3g} (Zhang et al. 2022)"),
            ("reduced domain", "uniform", flat, "uniform angles within {:.3g} of zero (Mhiri et al. 2025)"),
        ):
            tried.append((name, words.format(width), (case.circuit, case.H, _fixed(kind, width))))
    local = "each string replaced by the mean of its letters (Cerezo et al. 2021)"
    tried.append(("local cost", local, _observable(case, of)))
    half = variants.prefix(case.circuit, parts, max(1, layers // 2)) if layers > 1 else None
    fewer = f"the first {max(1, layers // 2)} of {layers} layers"
    tried.append(("fewer layers", fewer, _with(half, case, of)))
    found = list[Remedy]()
    for number, (name, what, made) in enumerate(tried):
        point = _effect(case, made, name, effort.less(51 + number)) if made else None
        if isinstance(point, tuple):
            found.append(Remedy(name, what, point[0], point[0] - Z * point[1], point[0] + Z * point[1]))
    return tuple(found)


def _fixed(kind: str, width: float) -> Of:
    ensemble = AngleEnsemble(kind, width)
    return lambda _: ensemble
