"""Examination of a circuit: every measurement of a diagnosis, in order, and the report they make."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from qbp import _checks
from qbp.circuits.circuit import Circuit, check
from qbp.circuits.gates import Rotation
from qbp.circuits.observables import Observable, PauliSum
from qbp.plateaus.diagnosis import changes as change
from qbp.plateaus.diagnosis import variants
from qbp.plateaus.diagnosis.changes import Case
from qbp.plateaus.diagnosis.dead import dead_parameters
from qbp.plateaus.diagnosis.measures import Effort, Of, groups, measured, rule, shots, unmeasured
from qbp.plateaus.diagnosis.rate import LEAST, rate, verdict
from qbp.plateaus.diagnosis.report import Bits, Change, Dead, Diagnosis, Point, Rate
from qbp.plateaus.diagnosis.simulability import simulability, tied
from qbp.plateaus.diagnosis.words import unknown
from qbp.plateaus.starts.ensemble import AngleEnsemble
from qbp.plateaus.variance import MOST_SAMPLES, WALKS

Family = Callable[[int], tuple[Circuit, Observable]] | Sequence[tuple[Circuit, Observable]]
SIZES = (4, 6, 8, 10, 12, 16, 24, 32)
SHOWN = 8  # terms of H that are measured one by one
FILLED = 6  # sizes between others that are added where those could not be resolved
SLOW = 20.0  # seconds of one size after which larger ones are left out


def diagnose(
    circuit: Circuit,
    H: Observable,
    *,
    family: Family | None = None,
    sizes: Sequence[int] | None = None,
    ensemble: AngleEnsemble | Of | None = None,
    samples: int = 200,
    walks: int = WALKS,
    seed: int = 0,
    quick: bool = False,
    device: str = "auto",
    progress: Callable[[str], Any] | None = None,
) -> Diagnosis:
    r"""Say whether a circuit has a barren plateau, at which rate, and why.

    At the circuit's own size the variance of each entry of the gradient is measured, and what one change at a
    time does to it.  Over the sizes of a family the same gives a rate, and the verdict: "plateau" only if the
    interval of an exponential rate over four sizes or more excludes zero and polynomial decay fits worse, see
    :func:`qbp.plateaus.diagnosis.rate.verdict`.  No single variance is ever called a plateau.

    Args:
        circuit: any circuit with a parameter.
        H: a sum of strings or a projector on its qubits.
        family: the circuit and observable at other sizes: a function of the number of qubits, or pairs of
            different numbers of qubits.
        sizes: numbers of qubits for a function, each at least 2; None for 4 to 32.
        ensemble: of the angles, and noise; or a function of a circuit that returns one; None for uniform
            angles without noise.
        samples, walks, seed: as for :func:`qbp.plateaus.variance.gradient_variance`.
        quick: leave out changes, terms, depths, remedies and simulation: variances, dead parameters, rate and
            verdict alone.
        device: of state vectors; "auto" means CUDA where there is one.
        progress: called with a few words before each step.

    Returns:
        The report; ``print`` shows it as a page, ``.json()`` as plain numbers.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> import qbp
        >>> def product(n):  # Cerezo et al. 2021: 3/8 a qubit
        ...     return qbp.HardwareEfficient(n, 1, rotations=["rx"]), qbp.Projector(n)
        >>> found = qbp.diagnose(*product(8), family=product, sizes=[4, 6, 8, 10], quick=True)
        >>> found.verdict, round(found.rate.slope, 1)
        ('plateau', -1.4)
    """
    began, said = time.perf_counter(), progress or (lambda _: None)
    effort, of = _checked(circuit, H, samples, walks, seed, ensemble, device)
    members = _family(family, sizes)
    said("variances")
    try:
        seen = measured(circuit, H, effort, of)
    except ValueError as error:  # the arguments are checked: no engine serves it
        seen = unmeasured(circuit, H, str(error))
    dead = dead_parameters(circuit, H) if seen.freed else seen.dead
    curve = _curve(members, effort, of, said)
    found = _rate(curve, [case.seen.gradient for case in curve])
    word, reason = verdict(found) if members else ("cannot say", "one size, no rate")
    if members and found is None:
        reason = f"a rate takes {LEAST} sizes with a resolved variance, here are fewer than 3"
    if curve and curve[0].seen.freed:
        reason += "; of circuits with an angle for each rotation"
    if len(dead) == circuit.n_params:
        word, reason = "no plateau", "the cost depends on no parameter: it is constant, not concentrated"
    case = Case(circuit, H, seen)
    made = _without(dead, circuit)
    extra: dict[str, Any] = {"depths": (), "terms": (), "remedies": (), "noise": None}
    exact = None
    if not quick and len(dead) < circuit.n_params:
        made += change.changes(_cases(curve, found) or [case], effort, of, said)
        extra = _more(case, effort, of, said)
    if seen.freed or seen.found.engine == "none":
        said("light cones with shared angles")
        exact = tied(circuit, H, effort)
    said("simulability")
    laptop = simulability(circuit, H)
    gap = change.above_two_design(case)
    return Diagnosis(
        verdict=word,
        reason=reason,
        rate=found,
        cost_rate=_rate(curve, [case.seen.cost for case in curve]),
        causes=change.causes(made, word),
        changes=tuple(made),
        dead=dead,
        n_qubits=circuit.n_qubits,
        n_params=circuit.n_params,
        n_rotations=sizes_of(circuit)[2],
        engine=seen.found.engine,
        freed=seen.freed,
        gradient=seen.gradient,
        cost=seen.cost,
        two_design=None if gap is None else Bits(gap[0], gap[1], gap[0] + 1.645 * gap[1]),
        groups=groups(seen),
        shots=shots(seen, circuit, H),
        tied=exact,
        simulability=laptop,
        unknown=unknown(seen, members is not None, exact, laptop.cone_qubits, *sizes_of(circuit)),
        seconds=time.perf_counter() - began,
        **extra,
    )


def _checked(
    circuit: Circuit,
    H: Observable,
    samples: int,
    walks: int,
    seed: int,
    ensemble: AngleEnsemble | Of | None,
    device: str,
) -> tuple[Effort, Of]:
    check(circuit, H, trained=True)
    samples = _checks.integer("samples", samples, 2, MOST_SAMPLES)
    walks = _checks.integer("walks", walks, 64, 2**26)
    if ensemble is not None and not callable(ensemble) and not isinstance(ensemble, AngleEnsemble):
        raise TypeError(
            f"ensemble must be an AngleEnsemble, or give one to a circuit, got {_checks.kind_of(ensemble)}"
        )
    seed, where = _checks.integer("seed", seed, 0, 2**64 - 1), str(_checks.device("device", device))
    return Effort(samples, walks, seed, device=where), rule(ensemble)


class _Members(NamedTuple):
    """Members of a family: numbers of qubits, ascending, and what makes the one of a number."""

    sizes: list[int]
    make: Callable[[int], tuple[Circuit, Observable]]
    every: bool  # whether it makes other numbers, too


def _family(family: Family | None, sizes: Sequence[int] | None) -> _Members | None:
    """Return the members of a family."""
    if family is None or not callable(family):
        if sizes is not None:
            raise ValueError(f"sizes must be left out without a family that is a function, got {sizes!r}")
        if family is None:
            return None
        members = [
            _member(pair) for pair in _checks.sequence("family", family, "pairs of a circuit and an H")
        ]
        by_size = {pair[0].n_qubits: pair for pair in members}
        if len(by_size) < len(members):
            raise ValueError("family must have circuits of different numbers of qubits, got two of one")
        return _Members(sorted(by_size), by_size.__getitem__, False)
    listed = _checks.sequence("sizes", SIZES if sizes is None else sizes, "numbers of qubits")
    numbers = sorted({_checks.integer("a number of sizes", n, 2) for n in listed})
    return _Members(numbers, lambda n: _member(family(n)), True)


def _member(pair: Any) -> tuple[Circuit, Observable]:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TypeError(f"family must give pairs of a circuit and an observable, got {_checks.kind_of(pair)}")
    check(*pair, trained=True)
    return pair[0], pair[1]


def _curve(members: _Members | None, effort: Effort, of: Of, said: Callable[[str], Any]) -> list[Case]:
    """Measure the members as long as their variances can be resolved, with shared angles where the first one
    has them; where that leaves too few sizes, those between, too."""
    if members is None:
        return []
    found, end = _measured(members.sizes, members, effort, of, said)
    if end is not None and members.every and len(found) <= LEAST:
        tried = {case.circuit.n_qubits for case in found}
        between = [n for n in range(members.sizes[0], end) if n not in tried]
        some = between[:: max(1, math.ceil(len(between) / FILLED))]
        found += _measured(some, members, effort, of, said)[0]
    return sorted(found, key=lambda case: case.circuit.n_qubits)


def _measured(
    sizes: Sequence[int], members: _Members, effort: Effort, of: Of, said: Callable[[str], Any]
) -> tuple[list[Case], int | None]:
    """Return what could be resolved, and the size at which no more could."""
    found, missed = list[Case](), list[int]()
    for n in sizes:
        said(f"n = {n}")
        began = time.perf_counter()
        circuit, H = members.make(n)
        try:
            seen = measured(circuit, H, effort.less(), of)
        except ValueError:
            return found, n
        if found and seen.freed and not found[0].seen.freed:
            return found, n
        if math.isfinite(seen.gradient.log2):
            found.append(Case(circuit, H, seen))
        else:
            missed.append(n)
        if len(missed) == 2 or time.perf_counter() - began > SLOW:
            return found, min(missed, default=n)
    return found, min(missed, default=None)


def _rate(curve: Sequence[Case], levels: Sequence[Bits]) -> Rate | None:
    """Fit what is known of the sizes."""
    pairs = zip(curve, levels, strict=True)
    known = [(case.circuit.n_qubits, b.log2, b.stderr) for case, b in pairs if math.isfinite(b.log2)]
    return rate(*zip(*known, strict=True)) if known else None


def _cases(curve: Sequence[Case], found: Rate | None) -> list[Case]:
    """Return the sizes of which changes are made: the first four of those that count."""
    return [case for case in curve if found and case.circuit.n_qubits in found.sizes][:LEAST]


def _without(dead: tuple[Dead, ...], circuit: Circuit) -> list[Change]:
    """Return what leaving out dead parameters does to the mean over parameters."""
    live = circuit.n_params - len(dead)
    if not dead:
        return []
    gain = math.log2(circuit.n_params / live) if live else math.inf
    return [Change("dead-parameters", gain, gain, gain, "bits", (circuit.n_qubits,))]


def _more(case: Case, effort: Effort, of: Of, said: Callable[[str], Any]) -> dict[str, Any]:
    """Return depths, terms, remedies and noise at the circuit's own size."""
    said("layers")
    circuit, H = case.circuit, case.H
    parts = variants.layout(circuit)
    counts = sorted({2**i for i in range(parts.n_layers.bit_length())} | {parts.n_layers})
    depths = [
        _point(f"{k} layers" if k > 1 else "1 layer", k, variants.prefix(circuit, parts, k), H, effort, of)
        for k in counts
    ]
    said("terms of H")
    strings = [p for p, c in H.terms.items() if c and set(p) != {"I"}] if isinstance(H, PauliSum) else []
    terms = [
        _point(_short(p), len(p) - p.count("I"), circuit, PauliSum({p: 1.0}), effort, of)
        for p in strings[:: max(1, math.ceil(len(strings) / SHOWN))]
    ]
    said("remedies")
    return {
        "depths": tuple(p for p in depths if p),
        "terms": tuple(p for p in terms if p),
        "remedies": change.remedies(case, effort, of),
        "noise": change.noisy(case, effort, of),
    }


def _point(
    label: str, size: int, circuit: Circuit | None, H: Observable, effort: Effort, of: Of
) -> Point | None:
    if circuit is None:
        return None
    try:
        bits = measured(circuit, H, effort.less(), of).gradient
    except ValueError:
        return None
    value = 2.0**bits.log2
    return Point(label, size, value, value * bits.stderr * math.log(2))


def _short(pauli: str) -> str:
    """Spell a string by its letters: "Z0 Z1"."""
    on = [f"{letter}{q}" for q, letter in enumerate(pauli) if letter != "I"]
    return " ".join(on) if len(on) <= 4 else f"{' '.join(on[:3])} ... ({len(on)} letters)"


def sizes_of(circuit: Circuit) -> tuple[int, int, int]:
    """Return the numbers of qubits, of parameters, and of rotations by parameters."""
    turned = sum(isinstance(g, Rotation) and g.parameter is not None for g in circuit.program)
    return circuit.n_qubits, circuit.n_params, turned
