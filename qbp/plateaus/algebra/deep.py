r"""Variance of the loss of a deep circuit, from its Lie algebra alone.

A circuit so deep that it is a 2-design on the group of its algebra has, for an observable H in the algebra or
a start state rho in it (Ragone et al. 2024; Fontana et al. 2024)::

    Var[<H>] = sum_j  P_j(H) P_j(rho) / dim g_j,        P_j(A) = sum_k |tr(B_k A)|^2,

with the simple ideals g_j and an orthonormal basis B_k of each; what H has in the centre enters the mean
alone.  For Pauli strings of one component this is the mean of ``<Q>^2`` over its strings Q, times the sum of
squares of the coefficients of H, and strings that differ by one that commutes with the component interfere.
"""

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import inf, ldexp
from typing import TYPE_CHECKING

import numpy as np

from qbp import _checks
from qbp.plateaus.algebra import generators as read
from qbp.plateaus.algebra.closure import TOLERANCE
from qbp.plateaus.algebra.lie_algebra import CAP, LieAlgebra, observable, of_sums
from qbp.plateaus.algebra.purity import Start, correlation
from qbp.plateaus.algebra.structure import Component, StringComponent
from qbp.plateaus.algebra.symplectic import product, vector
from qbp.plateaus.pauli.families import start_expectations

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit
    from qbp.circuits.lowering.frames import Frame
    from qbp.circuits.observables import PauliSum


@dataclass(frozen=True)
class Share:
    """What one component gives to the variance.

    Attributes:
        component: the simple algebra, with its copies.
        observable: sum of squares of the coefficients of H in it, in units of H squared.
        start: sum of squares of the expectations of its orthonormal elements in the start state; an element
            is as large as a Pauli string.  Infinite above 1e308.
        variance: its part of the variance, in units of H squared.
    """

    component: Component
    observable: float
    start: float
    variance: float


@dataclass(frozen=True)
class DeepVariance:
    """Mean and variance of ``<H>`` over the group of a circuit.

    Attributes:
        mean: in units of H.
        variance: in units of H squared; 0 below 1e-308.
        shares: one for each component in which H has a part.
        algebra: the Lie algebra of the circuit.
    """

    mean: float
    variance: float
    shares: tuple[Share, ...]
    algebra: LieAlgebra


def deep_variance(circuit: "Circuit", H: "PauliSum", *, cap: int = CAP) -> DeepVariance:
    """Return mean and variance of ``<H>`` of a circuit with the gates of `circuit`, but deep.

    Deep means a 2-design on the group of its algebra.  How many layers that takes the algebra does not say;
    where layers repeat and angles are uniform, the moments converge to these.

    Args:
        circuit: its rotations, Cliffords and start state; shared angles as in
            :func:`~qbp.plateaus.algebra.lie_algebra.lie_algebra`.
        H: a sum of Pauli strings, in the algebra up to terms that commute with every generator.  An H outside
            is taken if the start state is in the algebra.
        cap: largest dimension of an algebra of sums.

    Returns:
        Mean, variance, and what each component gives, see :class:`DeepVariance`.

    Raises:
        TypeError, ValueError: as for `lie_algebra`; H is no PauliSum on these qubits; neither H nor the start
            state is in the algebra; a start that is none of eigenstates of X, Y, Z, and a large algebra.

    Example:
        >>> from qbp import PauliRotations, PauliSum
        >>> chain = ["XIII", "IXII", "IIXI", "IIIX", "ZZII", "IZZI", "IIZZ"]
        >>> deep_variance(PauliRotations(4, chain), PauliSum({"ZZII": 1.0})).variance  # 3 of 28 strings
        0.10714285714285714
    """
    from qbp.circuits.circuit import check

    check(circuit)
    observable(H, circuit.n_qubits)
    sums, frame = read.of_circuit(circuit)
    algebra = of_sums(sums, circuit.n_qubits, _checks.integer("cap", cap, 1, 4096))
    return _deep(algebra, sums, frame, circuit, H)


def from_algebra(algebra: LieAlgebra, circuit: "Circuit", H: "PauliSum") -> DeepVariance:
    """Return what :func:`deep_variance` does where the Lie algebra of the circuit is known.

    Args:
        algebra: of the same circuit.
        circuit, H: as there.

    Raises:
        TypeError, ValueError: as there.
    """
    observable(H, circuit.n_qubits)
    return _deep(algebra, *read.of_circuit(circuit), circuit, H)


def _deep(
    algebra: LieAlgebra, sums: list[read.Sum], frame: "Frame", circuit: "Circuit", H: "PauliSum"
) -> DeepVariance:
    start = Start(start_expectations(circuit.qubits))
    terms = {vector(p): c for p, c in frame.observable(H).terms.items() if c}
    if algebra._closure is not None:
        return _of_sums(algebra, sums, terms, start)
    return _of_strings(algebra, terms, start)


def _of_strings(algebra: LieAlgebra, terms: read.Sum, start: Start) -> DeepVariance:
    parts = [part for part in algebra.components if isinstance(part, StringComponent)]
    homes: dict[int, read.Sum] = defaultdict(dict)
    mean, outside = 0.0, []
    for v, c in terms.items():
        home = next((i for i, part in enumerate(parts) if part.contains(v)), None)
        if home is not None:
            homes[home][v] = c
        elif any(part.moved_by(v) for part in parts) or any(
            product(v, s, start.n)[1] != product(s, v, start.n)[1] for s in algebra._isolated
        ):
            outside.append(v)
        else:
            mean += c * start.expectation(v)
    if outside:
        weights = [_total(correlation(part, start, 0), part) for part in parts]
        central = float((start.expectations(list(algebra._isolated)) ** 2).sum())
        _refuse_outside(sum(weights) + central, start.n, len(outside), len(terms))
    shares = [_share(parts[i], some, start) for i, some in sorted(homes.items())]
    return DeepVariance(mean, sum(share.variance for share in shares), tuple(shares), algebra)


def _share(part: StringComponent, terms: read.Sum, start: Start) -> Share:
    """Return what the strings of H in one component give."""
    alike: dict[int, list[int]] = defaultdict(list)  # strings that differ by one that splits the component
    for v in terms:
        alike[part.splitting.coset(v)].append(v)
    weights: dict[int, float] = defaultdict(float)
    for group in alike.values():
        for v in group:
            for w in group:  # w = s v C with C the Hermitian string of v ^ w, and s = +-1
                sign = 1 - product(v, v ^ w, start.n)[1]
                weights[v ^ w] += sign * terms[v] * terms[w]
    means = {shift: correlation(part, start, shift) for shift, weight in weights.items() if weight}
    variance = sum(weights[shift] * mean for shift, mean in means.items())
    purity = _total(means[0], part)
    return Share(part, sum(c * c for c in terms.values()), purity, variance)


def _total(mean: float, part: StringComponent) -> float:
    """Return a mean over the strings of a component times their number, infinite above 1e308."""
    with suppress(OverflowError):
        return float(Fraction(mean) * part.dimension)
    return inf


def _of_sums(algebra: LieAlgebra, sums: list[read.Sum], terms: read.Sum, start: Start) -> DeepVariance:
    closure = algebra._closure
    assert closure is not None
    constant = terms.pop(0, 0.0)
    inside, outside = closure.coordinates(terms)
    *ideals, centre = algebra._ideals
    values = closure.basis @ start.expectations(closure.strings)  # of the basis in the start state
    rest = dict(terms)
    for s, c in zip(closure.strings, inside @ closure.basis, strict=True):
        rest[s] = rest.get(s, 0.0) - float(c)
    if outside > TOLERANCE**2 * sum(c * c for c in terms.values()) and _moved(rest, sums, start.n):
        _refuse_outside(float(values @ values), start.n, 1, 1)
    mean = constant + float((centre @ inside) @ (centre @ values))
    mean += sum(c * start.expectation(s) for s, c in rest.items() if abs(c) > TOLERANCE)
    shares = []
    for part, basis in zip(algebra.components, ideals, strict=True):
        share, purity = (float(np.square(basis @ some).sum()) for some in (inside, values))
        if share > TOLERANCE**2:
            shares.append(Share(part, share, purity, share * purity / part.dimension))
    return DeepVariance(mean, sum(share.variance for share in shares), tuple(shares), algebra)


def _moved(terms: read.Sum, sums: list[read.Sum], n: int) -> bool:
    """Whether a sum does not commute with every generator."""
    for generator in sums:
        found: dict[int, float] = defaultdict(float)
        for s, x in generator.items():
            for t, y in terms.items():
                w, power = product(s, t, n)
                found[w] += (power - 2) * x * y if power % 2 else 0.0
        if any(abs(c) > TOLERANCE for c in found.values()):
            return True
    return False


def _refuse_outside(purity: float, n: int, outside: int, terms: int) -> None:
    """Raise unless the start state is in the algebra: all of its purity but that of the identity."""
    if abs(ldexp(purity, -n) + 2.0**-n - 1) > 1e-6:
        takes = "in the Lie algebra of circuit, or the start state in it: else no formula holds"
        raise ValueError(
            f"H must be {takes}; got {outside} of {terms} terms outside, and the start state too"
        )
