"""Report of a diagnosis: what was measured, with intervals, and the verdict by a fixed rule."""

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

VERDICTS = ("plateau", "no plateau", "cannot say")
SCHEMA = 1  # of the JSON object
CAUSES = {  # name: what is changed to see it, and the word of the literature
    "noise": "noise taken out (noise-induced plateau)",
    "global-observable": "each string of H replaced by the mean of its letters (globality of the observable)",
    "depth": "the first layer kept alone (expressibility: deep circuits approach a 2-design)",
    "entanglement": "gates on several qubits taken out (entanglement-induced plateau)",
    "shared-angles": "each rotation given an angle of its own (fewer directions than rotations)",
    "start-state": "another product start state (what the start lets the circuit reach)",
    "small-angles": "all angles drawn from the circle (angles near a point where gradients are large)",
    "small-algebra": "against a circuit that is a 2-design (small dynamical Lie algebra)",
    "shallow-local": "layers repeated until the circuit is deep (short light cones of a local observable)",
    "dead-parameters": "parameters on which the cost does not depend left out",
}


@dataclass(frozen=True)
class Dead:
    """A parameter on which the cost does not depend.

    Attributes:
        index: of the parameter in theta.
        name: its name, or theta_INDEX.
        reason: "light cone": no string of H meets its rotations on the way back; "symmetry of the start": it
            turns a phase, or meets only strings that a symmetry of start and circuit makes zero; "turns no
            gate"; "cancels": zero to rounding at random angles, without a shorter proof.
    """

    index: int
    name: str
    reason: str


@dataclass(frozen=True)
class Bits:
    """A variance as a base-2 logarithm.

    Attributes:
        log2: in bits; -inf for zero, NaN where only the bound is known.
        stderr: one standard error, bits.
        upper: one-sided 95 % upper bound, bits.
    """

    log2: float
    stderr: float
    upper: float


@dataclass(frozen=True)
class Group:
    """Parameters of one layer and one kind of gate.

    Attributes:
        layer: from 0, in the order of the program.
        kind: "RY", "RZZ"; "mixed" where an angle is shared by several.
        parameters, dead: how many are not dead, and how many are.
        variance: mean of Var[dC/dtheta_k] over those that are not dead.
        stderr: what its standard error is at most, since errors of parameters are correlated.
    """

    layer: int
    kind: str
    parameters: int
    dead: int
    variance: float
    stderr: float


@dataclass(frozen=True)
class Shots:
    """Shots that show a typical entry of the gradient.

    Attributes:
        gradient: the root mean square of the entries that are not dead, in units of C.
        deviation: standard deviation of one shot at random angles, at most, in units of C.
        shots: for one entry, by parameter shift, until its 95 % interval just reaches zero.
        low, high: 95 %, from the standard error of the variance.
    """

    gradient: float
    deviation: float
    shots: float
    low: float
    high: float


@dataclass(frozen=True)
class Rate:
    """Decay of the mean gradient variance over sizes.

    Attributes:
        slope, low, high: bits per qubit of the exponential fit, 95 % by Student's t; -1 says that one more
            qubit halves the variance.
        power, power_low, power_high: exponent of the polynomial fit ``n^power``, 95 %.
        evidence: chi-squared of the polynomial fit minus that of the exponential one, errors widened until
            the better one fits: 4 or more speaks for exponential decay, -4 or less against it.
        sizes: numbers of qubits that were fitted.
        levels, stderrs: base-2 logarithms of the variance there and their standard errors, bits.
    """

    slope: float
    low: float
    high: float
    power: float
    power_low: float
    power_high: float
    evidence: float
    sizes: tuple[int, ...]
    levels: tuple[float, ...]
    stderrs: tuple[float, ...]


@dataclass(frozen=True)
class Change:
    """One thing changed, and what the variance does.

    Attributes:
        name: a key of `CAUSES`.
        effect: of the change on the base-2 logarithm of the mean gradient variance (of the cost's variance
            for "shared-angles" and "small-algebra"); positive: the change makes the landscape less flat.  For
            "dead-parameters" of leaving them out; "small-algebra": of a 2-design in place of the circuit.
        low, high: 95 %; `low` is -inf where only an upper bound of the changed variance is known, and
            `effect` is then the least fall.
        unit: "bits per qubit" of a family, "bits" of one size; `at` are the sizes.
    """

    name: str
    effect: float
    low: float
    high: float
    unit: str
    at: tuple[int, ...]

    @property
    def resolved(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Point:
    """The variance with something else, such as a shorter circuit or one term of H.

    Attributes:
        label: what it is.
        size: its layers, or the number of letters of the term.
        variance: mean of Var[dC/dtheta_k] over parameters that are not dead; NaN where it is not resolved.
        stderr: one standard error.
    """

    label: str
    size: int
    variance: float
    stderr: float


@dataclass(frozen=True)
class Remedy:
    """Something to do about it.

    Attributes:
        name: "small angles", "reduced domain", "local cost", "fewer layers".
        what: how it was tried.
        effect, low, high: on the base-2 logarithm of the mean gradient variance here, bits, and its 95 %.
    """

    name: str
    what: str
    effect: float
    low: float
    high: float


@dataclass(frozen=True)
class Simulability:
    """Whether a laptop computes the cost, by which structure.

    Attributes:
        cone_qubits: qubits of the largest light cone of a term.
        cone_rotations: rotations in it.
        cone_seconds: one value of the term with that cone, by state vectors, measured; None if not run.
        algebra, algebra_dimension: the dynamical Lie algebra in words; None if it was not found.
        algebra_seconds: one value of the cost in the algebra, measured; None if not run.
        non_clifford: rotations that are no Clifford gates at general angles, those in the cones alone.
        easy: whether one of these structures serves: a cone of at most 26 qubits, an algebra that was used,
            or no rotation but Cliffords.
        words: the sentences.
    """

    cone_qubits: int
    cone_rotations: int
    cone_seconds: float | None
    algebra: str | None
    algebra_dimension: int | None
    algebra_seconds: float | None
    non_clifford: int
    easy: bool
    words: tuple[str, ...]


@dataclass(frozen=True)
class Tied:
    """Variance with shared angles as they are, from state vectors of light cones.

    Attributes:
        terms: terms of H whose cone fits.
        of_terms: all of them.
        cost: variance of their sum.
        mean: mean of Var[dC/dtheta_k] over the shared parameters.
        samples: angles drawn.
    """

    terms: int
    of_terms: int
    cost: Bits
    mean: Bits
    samples: int


@dataclass(frozen=True)
class Diagnosis:
    """What :func:`~qbp.plateaus.diagnosis.examination.diagnose` finds.

    Attributes:
        verdict: "plateau", "no plateau" or "cannot say".
        reason: the rule that gave it, in words.
        rate: over sizes; None of one size.  `cost_rate` is that of Var[C]: where it falls as well, the
            observable concentrates; where it does not, the circuit alone loses the parameters.
        causes: changes that explain the verdict, the leading one first.
        changes: all changes, those without an effect too.
        dead: parameters on which the cost does not depend.
        n_qubits, n_params, n_rotations: of the circuit itself.
        engine: "statevector" or "pauli-walk", or "none".
        freed: whether shared angles were given one each for the numbers below.
        gradient: mean of Var[dC/dtheta_k] over parameters that are not dead.
        cost: Var[C].
        two_design: log2 of Var[C] over that of a 2-design, bits; 0 says that the circuit behaves as one.
        groups: variances by layer and kind of gate.
        depths: variances of the first layers alone.
        terms: variances of terms of H one by one, coefficient 1.
        shots: shots that show a typical entry; None where the variance is not resolved.
        tied: with shared angles, where light cones fit; None where they were not needed or do not fit.
        noise: what depolarizing noise of one per cent behind every gate does to a circuit without noise.
        remedies: what to do, with its measured effect.
        simulability: whether a laptop does it.
        unknown: what cannot be known here, a sentence each.
        seconds: of wall time.
    """

    verdict: str
    reason: str
    rate: Rate | None
    cost_rate: Rate | None
    causes: tuple[Change, ...]
    changes: tuple[Change, ...]
    dead: tuple[Dead, ...]
    n_qubits: int
    n_params: int
    n_rotations: int
    engine: str
    freed: bool
    gradient: Bits
    cost: Bits
    two_design: Bits | None
    groups: tuple[Group, ...]
    depths: tuple[Point, ...]
    terms: tuple[Point, ...]
    shots: Shots | None
    tied: Tied | None
    noise: Change | None
    remedies: tuple[Remedy, ...]
    simulability: Simulability
    unknown: tuple[str, ...]
    seconds: float

    def json(self) -> dict[str, Any]:
        """Return plain numbers and texts, the names those of the attributes; null for NaN and infinities."""
        return {"schema": SCHEMA, **_plain(self)}

    def __str__(self) -> str:
        from qbp.plateaus.diagnosis.words import page

        return page(self)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
