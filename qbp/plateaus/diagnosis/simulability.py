r"""Simulability of a cost on a laptop: by short light cones, by a small Lie algebra, by Clifford gates.

What keeps gradients large often makes a circuit easy to simulate (Cerezo et al. 2023).  Light cones are cut
out and run as state vectors of their own, also with shared angles: the sum over terms of H has its gradient
by autograd, whatever the number of qubits of the whole.
"""

import math
import time
from collections import defaultdict
from collections.abc import Iterator

import torch

from qbp import _checks
from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Rotation
from qbp.circuits.lowering.frames import light_cone
from qbp.circuits.observables import Observable, PauliSum, Projector
from qbp.plateaus.algebra.lie_algebra import LieAlgebra, lie_algebra
from qbp.plateaus.algebra.simulation.simulator import AlgebraSimulator
from qbp.plateaus.diagnosis.measures import GATE, Effort
from qbp.plateaus.diagnosis.report import Bits, Simulability, Tied
from qbp.plateaus.diagnosis.variants import Cone, cone, freed, shares
from qbp.plateaus.sampling import Sums, random_angles

EASY = 26  # qubits of a state vector on a laptop, 1 GiB
FITS = 20  # qubits of a cone with shared angles
RUN = 18  # qubits of a cone that is timed here
TERMS = 64  # of which the cones are looked at, spread over H
SAMPLES = 16  # angles with shared angles, at least
CAP, STRINGS = 300, 2**12  # dimension of an algebra of sums, and strings that it is made of: seconds
SUMS = 12  # qubits up to which sums are closed


def cones(circuit: Circuit, H: PauliSum, most: int | None = None) -> Iterator[Cone]:
    """Yield the light cone of each term, the identity left out; of at most so many, spread over H."""
    terms = [(p, c) for p, c in H.terms.items() if c and set(p) != {"I"}]
    step = 1 if most is None else max(1, math.ceil(len(terms) / most))
    for p, c in terms[::step]:
        yield cone(circuit, PauliSum({p: c}))


def simulability(circuit: Circuit, H: Observable) -> Simulability:
    """Say by which structure a laptop computes the cost, with seconds where that is quick to try."""
    turned = {i for i, g in enumerate(circuit.program) if isinstance(g, Rotation) and g.parameter is not None}
    if isinstance(H, PauliSum):
        found = list(cones(circuit, H, TERMS))
        largest = max(found, key=lambda c: (len(c.reach.qubits), len(c.reach.rotations)), default=None)
        qubits = len(largest.reach.qubits) if largest else 0
        turns = len(largest.reach.rotations) if largest else 0
        inside = len(turned.intersection(place for c in found for place in c.reach.rotations))
    else:
        reach = light_cone(circuit.program, H)
        largest, qubits, turns = None, len(reach.qubits), len(reach.rotations)
        inside = len(turned.intersection(reach.rotations))
        if circuit.n_qubits <= RUN and isinstance(H, Projector):
            largest = None
    seconds = _seconds_of(largest) if largest else None
    name, dimension = algebra_of(circuit)
    lie = _algebra_seconds(circuit, H)
    easy = qubits <= EASY or lie is not None or inside == 0
    words = _words(circuit, qubits, turns, seconds, name, dimension, lie, inside, len(turned))
    return Simulability(qubits, turns, seconds, name, dimension, lie, inside, easy, words)


def algebra_of(circuit: Circuit) -> tuple[str | None, int | None]:
    """Return the Lie algebra of a circuit in words, and its dimension; None as for :func:`algebra`."""
    found = algebra(circuit)
    return (None, None) if found is None else (str(found), found.dimension)


def algebra(circuit: Circuit, cap: int = CAP) -> LieAlgebra | None:
    """Return the Lie algebra of a circuit, that with shared angles freed above 12 qubits; None where it is
    none, or is made of sums, over `cap` of them or over 4,096 strings in them."""
    try:
        whole = freed(circuit) if freed_for_algebra(circuit) else circuit
        return lie_algebra(whole, cap=cap, strings=STRINGS)
    except ValueError:
        return None


def freed_for_algebra(circuit: Circuit) -> bool:
    """Whether :func:`algebra` frees the shared angles of a circuit."""
    return shares(circuit) and circuit.n_qubits > SUMS


def _seconds_of(largest: Cone) -> float | None:
    """Time one value of a term on the qubits of its cone."""
    made = largest.circuit
    if made is None or made.n_qubits > RUN:
        return None
    theta = random_angles(0, range(1), made.n_params)
    made.expectation(theta, largest.H)
    began = time.perf_counter()
    made.expectation(theta, largest.H)
    return time.perf_counter() - began


def _algebra_seconds(circuit: Circuit, H: Observable) -> float | None:
    """Time one value of the cost inside the Lie algebra, None where that is too large."""
    if not isinstance(H, PauliSum):
        return None
    try:
        simulator = AlgebraSimulator(circuit, H, cap=min(STRINGS, max(4, 4**circuit.n_qubits // 4)))
        theta = random_angles(0, range(1), circuit.n_params)
        began = time.perf_counter()
        simulator.expectation(theta)
        return time.perf_counter() - began
    except ValueError:
        return None


def _words(
    circuit: Circuit,
    qubits: int,
    turns: int,
    seconds: float | None,
    algebra: str | None,
    dimension: int | None,
    lie: float | None,
    inside: int,
    rotations: int,
) -> tuple[str, ...]:
    took = f", {seconds:.2g} s a value here" if seconds is not None else ""
    fits = (
        f"a state vector of a laptop{took}"
        if qubits <= EASY
        else "more than a state vector of a laptop holds"
    )
    said = [
        f"The largest light cone has {qubits} of {circuit.n_qubits} qubits and {turns} rotations: {fits}."
    ]
    if lie is not None:
        said.append(
            f"In its Lie algebra one value takes {lie:.2g} s here: the algebra is small for this cost."
        )
    if algebra is not None and dimension is not None:
        size = str(dimension) if dimension < 10**6 else f"about 10^{len(str(dimension)) - 1}"
        said.append(f"The Lie algebra is {algebra}, of dimension {size}.")
    else:
        said.append(
            "The Lie algebra was not found: it has more than 300 elements, or a gate has no generator."
        )
    said.append(
        f"Of {rotations} rotations {inside} are in light cones; at multiples of pi/2 all are Clifford gates, "
        "which are easy, and at other angles none is."
    )
    return tuple(said)


def tied(circuit: Circuit, H: Observable, effort: Effort) -> Tied | None:
    """Estimate the variance with shared angles by state vectors of light cones of at most 20 qubits.

    Args:
        circuit: any circuit; H: a sum of strings.
        effort: its `seconds` are what it may take.

    Returns:
        That of the terms that fit; None where none does, or 16 angles would take too long.
    """
    if not isinstance(H, PauliSum):
        return None
    every = list(cones(circuit, H))
    kept = [c for c in every if c.circuit is not None and c.circuit.n_qubits <= FITS]
    work = GATE * sum(len(c.reach.rotations) * 2.0 ** len(c.reach.qubits) for c in kept)
    if not kept or work * SAMPLES > effort.seconds:
        return None
    samples = int(min(effort.samples, effort.seconds / work))
    sums = _sampled(kept, circuit, samples, effort.seed)
    cost, mean = sums.of_cost(), sums.mean()
    return Tied(len(kept), len(every), _bits(cost), _bits(mean), samples)


def _sampled(kept: list[Cone], circuit: Circuit, samples: int, seed: int) -> Sums:
    """Differentiate the sum of the terms at random angles."""
    m = circuit.n_params
    zeros = torch.zeros(m, dtype=torch.float64)
    whole = all(
        g.scale % 1 == 0 for g in circuit.program if isinstance(g, Rotation) and g.parameter is not None
    )
    sums = Sums(zeros, zeros, zeros[:0], zeros[:0], None if whole else torch.zeros(2, m, dtype=torch.float64))
    alike: dict[object, list[Cone]] = defaultdict(list)
    for c in kept:
        alike[c.circuit].append(c)
    for low in range(0, samples, SAMPLES):
        theta = random_angles(seed, range(low, min(low + SAMPLES, samples)), m)
        gradient, cost = torch.zeros_like(theta), torch.zeros(len(theta), dtype=torch.float64)
        with _checks.trusted():
            for made, ours in alike.items():
                assert isinstance(made, Circuit)
                terms: dict[str, float] = defaultdict(float)
                for c in ours:
                    for p, coefficient in c.H.terms.items():
                        terms[p] += coefficient
                value, slope = made.value_and_gradient(theta, PauliSum(terms))
                cost += value
                gradient += slope
        sums = sums.add(gradient, cost)
    return sums


def _bits(found: object) -> Bits:
    variance, stderr, upper = (float(getattr(found, n)) for n in ("variance", "stderr", "upper_bound"))
    if variance <= 0:
        return Bits(-math.inf, 0.0, -math.inf)
    return Bits(math.log2(variance), stderr / variance / math.log(2), math.log2(upper))
