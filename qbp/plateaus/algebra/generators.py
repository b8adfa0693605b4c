"""Generators of a circuit: the Pauli string, or the sum of strings, that each parameter turns about."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qbp import _checks
from qbp.circuits.gates import Rotation
from qbp.circuits.lowering.frames import Frame, push_cliffords
from qbp.circuits.observables import PauliSum, pauli_string
from qbp.plateaus.algebra.symplectic import anticommute, vector

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit

Sum = dict[int, float]  # coefficients of strings, as vectors


def of_circuit(circuit: "Circuit") -> tuple[list[Sum], Frame]:
    """Return what the parameters of a circuit turn about, each sum once, and the Clifford behind them.

    CNOTs, CZs and fixed rotations by multiples of pi/2 are moved behind the rotations, whose strings they
    change.  A rotation of the identity turns a phase, and is left out.

    Raises:
        ValueError: a fixed rotation by another angle; no rotation by a parameter; a shared angle whose
            strings do not commute, act apart or have an offset: it is no rotation about one sum.
    """
    rotations, frame = push_cliffords(circuit.program, circuit.n_qubits)
    found: dict[int, Sum] = {}
    gates = [g for g in rotations if isinstance(g, Rotation) and vector(g.pauli) and g.scale]
    uses = Counter(g.parameter for g in gates)
    since: dict[int | None, list[int]] = {k: [] for k in uses if uses[k] > 1}  # strings after its last gate
    for gate in gates:
        k, v = gate.parameter, vector(gate.pauli)
        if k is None:
            takes = "no fixed rotation but by multiples of pi/2: it is no generator"
            raise ValueError(f"circuit must have {takes}, got {gate}")
        terms = found.setdefault(k, {})
        apart = any(anticommute(v, other, circuit.n_qubits) for other in (*terms, *since.get(k, ())))
        if k in since and (apart or gate.offset):
            takes = "shared angles that turn about strings that commute, act together and have no offset"
            raise ValueError(f"circuit must have {takes}, got parameter {k} with {gate.pauli}")
        terms[v] = terms.get(v, 0.0) + gate.scale
        for other, strings in since.items():
            if other != k and other in found:
                strings.append(v)
    sums = [{v: c for v, c in terms.items() if c} for terms in found.values()]
    if not (sums := [terms for terms in sums if terms]):
        raise ValueError(f"circuit must have a rotation by a parameter, got {circuit!r}")
    return _once(sums), frame


def of_list(generators: Any) -> tuple[list[Sum], int]:
    """Return generators that are listed, Pauli strings or sums of them, each once, and the number of qubits.

    Raises:
        TypeError, ValueError: an entry is neither; of two sizes; nothing but identities.
    """
    takes = "a circuit, or a list of Pauli strings and PauliSums"
    listed = _checks.sequence("generators", generators, takes)
    n = listed[0].n_qubits if isinstance(listed[0], PauliSum) else len(str(listed[0]))
    sums: list[Sum] = []
    for entry in listed:
        if isinstance(entry, PauliSum):
            if entry.n_qubits != n:
                raise ValueError(f"generators must all be on {n} qubits, got {entry!r}")
            terms = {vector(p): float(c) for p, c in entry.terms.items() if c}
        elif isinstance(entry, str):
            terms = {vector(pauli_string(entry, n)): 1.0}
        else:
            raise TypeError(f"generators must be {takes}, got {_checks.kind_of(entry)}")
        terms.pop(0, None)  # the identity turns a phase
        sums += [terms] if terms else []
    if not sums:
        raise ValueError(f"generators must be {takes}, one other than the identity, got {generators!r}")
    return _once(sums), n


def _once(sums: Sequence[Sum]) -> list[Sum]:
    """Return sums without repetitions, whatever their sizes."""
    found: dict[tuple, Sum] = {}
    for terms in sums:
        ordered = sorted(terms.items())
        scale = ordered[0][1]
        found.setdefault(tuple((v, round(c / scale, 12)) for v, c in ordered), terms)
    return list(found.values())
