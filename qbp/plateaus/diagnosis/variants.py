"""Variants of a circuit with one thing changed: layers, entanglers, shared angles, start, observable."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from qbp.circuits.builder import BuiltCircuit
from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Entangler, Rotation, Start
from qbp.circuits.lowering.frames import LightCone, light_cone, push_cliffords
from qbp.circuits.observables import Observable, PauliSum, Projector
from qbp.plateaus.pauli.walkable import started

MOST = 3000  # rotations of a circuit that is made deeper
Gate = Rotation | Entangler


class Layout(NamedTuple):
    """Layer and kind of each rotation by a parameter, in the order of the program.

    Attributes:
        parameter: of each rotation, (rotations,).
        layer: from 0, (rotations,).
        kind: "RY", "RZZ", ...
        ends: where each layer ends in the program.
    """

    parameter: np.ndarray
    layer: np.ndarray
    kind: tuple[str, ...]
    ends: tuple[int, ...]

    @property
    def n_layers(self) -> int:
        """The number of layers."""
        return len(self.ends)


def layout(circuit: Circuit) -> Layout:
    """Cut a circuit into layers: one ends where, after an entangler, a qubit comes that it has turned, and
    without entanglers where a generator comes that it has.

    Where the CNOTs and other Cliffords undo each other, as around an RZZ in a file, the rotations are those
    that are left without them.

    Example:
        >>> from qbp import HardwareEfficient
        >>> layout(HardwareEfficient(2, 3)).layer.tolist()
        [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    """
    program = circuit.program
    strings, undone = _strings(circuit)
    parameter, layer, kind, ends = [], [], [], []
    seen, turned, passed, number = set[str](), set[int](), False, 0
    entangled = not undone and any(isinstance(gate, Entangler) for gate in program)
    for place, gate in enumerate(program):
        if isinstance(gate, Entangler):
            passed = not undone
            continue
        if gate.parameter is None or not gate.scale:
            continue
        string = next(strings)
        on = {q for q, letter in enumerate(string) if letter != "I"}
        if passed and on & turned if entangled else string in seen:
            ends.append(_end(program, place))
            seen, turned, number = set(), set(), number + 1
        passed = False if not seen else passed
        seen.add(string)
        turned |= on
        parameter.append(gate.parameter)
        layer.append(number)
        kind.append("R" + "".join(sorted(letter for letter in string if letter != "I")))
    ends.append(len(program))
    return Layout(np.array(parameter, int), np.array(layer, int), tuple(kind), tuple(ends))


def _strings(circuit: Circuit) -> tuple[Iterator[str], bool]:
    """Return the generators of the rotations by parameters, and whether the Cliffords undo each other.

    They do where they leave every qubit to itself in the end, and are as many as it takes to write the
    rotations about several qubits as CNOTs and RZ, two for each qubit beyond the first.
    """
    program, n = started(circuit.program, circuit.qubits)[0], circuit.n_qubits
    own = [g.pauli for g in program if isinstance(g, Rotation) and g.parameter is not None and g.scale]
    count = sum(len(g.pairs) for g in program if isinstance(g, Entangler))
    if not count:
        return iter(own), False
    pushed = push_cliffords(program, n)
    turned = (g for g in pushed.rotations if isinstance(g, Rotation))
    moved = [g.pauli for g in turned if g.parameter is not None and g.scale]
    alone = all(
        string.count("I") == n - 1 and string[q] != "I"
        for images in (pushed.frame.x, pushed.frame.z)
        for q, (_, string) in enumerate(images)
    )
    undone = alone and count == 2 * sum(n - p.count("I") - 1 for p in moved)
    return iter(moved if undone else own), undone


def _end(program: Iterable[Gate], place: int) -> int:
    """Return where the gates before a rotation end, fixed gates that prepare it left out."""
    gates = tuple(program)
    while place and isinstance(before := gates[place - 1], Rotation) and before.parameter is None:
        place -= 1
    return place


def built(circuit: Circuit, gates: Iterable[Gate], *, start: Start | None = None) -> BuiltCircuit | None:
    """Return a circuit of these gates with parameters numbered anew; None without a parameter."""
    gates = list(gates)
    used = dict.fromkeys(g.parameter for g in gates if isinstance(g, Rotation) and g.parameter is not None)
    number = {k: i for i, k in enumerate(used)}
    if not number:
        return None
    moved = [
        g._replace(parameter=number[g.parameter])
        if isinstance(g, Rotation) and g.parameter is not None
        else g
        for g in gates
    ]
    names = tuple(f"theta_{i}" for i in range(len(number)))
    return BuiltCircuit(circuit.n_qubits, tuple(moved), names, circuit.start if start is None else start)


def shares(circuit: Circuit) -> bool:
    """Whether two rotations share a parameter."""
    uses = Counter(
        g.parameter for g in circuit.program if isinstance(g, Rotation) and g.parameter is not None
    )
    return any(count > 1 for count in uses.values())


def freed(circuit: Circuit) -> Circuit:
    """Return the circuit with an angle of its own for each rotation, as it stands.

    Example:
        >>> from qbp import PauliRotations
        >>> freed(PauliRotations(2, ["ZZ", "XI", "IX"], tied=[0, 1, 1])).n_params
        3
    """
    whole = not any(
        isinstance(g, Rotation) and g.parameter is not None and (g.scale % 1 or g.offset)
        for g in circuit.program
    )
    if not shares(circuit) and whole:
        return circuit
    gates, k = list[Gate](), 0
    for g in circuit.program:
        if isinstance(g, Rotation) and g.parameter is not None:
            gates.append(Rotation(g.pauli, k) if g.scale else Rotation(g.pauli, None, 1.0, g.offset))
            k += bool(g.scale)
        else:
            gates.append(g)
    names = tuple(f"theta_{i}" for i in range(k))
    return BuiltCircuit(circuit.n_qubits, tuple(gates), names, circuit.start)


def prefix(circuit: Circuit, parts: Layout, layers: int) -> Circuit | None:
    """Return the first layers of a circuit."""
    if layers >= parts.n_layers:
        return circuit
    return built(circuit, circuit.program[: parts.ends[layers - 1]])


def without_entanglers(circuit: Circuit) -> Circuit | None:
    """Return the gates on single qubits alone; None if nothing else was there, or no parameter is left."""
    alone = [g for g in circuit.program if isinstance(g, Rotation) and g.pauli.count("I") >= len(g.pauli) - 1]
    return None if len(alone) == len(circuit.program) else built(circuit, alone)


def deeper(circuit: Circuit, times: int) -> Circuit | None:
    """Return the circuit several times one after the other, each with parameters of its own.

    None where that makes more than 3,000 rotations; fixed rotations at the start are repeated, too.
    """
    if times < 2 or times * len(circuit.program) > MOST:
        return None
    gates = [
        g._replace(parameter=g.parameter + r * circuit.n_params)
        if isinstance(g, Rotation) and g.parameter is not None
        else g
        for r in range(times)
        for g in circuit.program
    ]
    return built(circuit, gates)


def restarted(circuit: Circuit) -> Circuit | None:
    """Return the circuit from another start: from plus where every qubit is in zero, else from zero."""
    zero = circuit.start == "zero" or bool(np.allclose(abs(circuit.qubits[:, 0]), 1))
    return built(circuit, circuit.program, start="plus" if zero else "zero")


def localized(H: Observable) -> PauliSum | None:
    """Return the observable with each string replaced by the mean of its letters, a projector by the mean of
    ``|0><0|`` over qubits (the local cost of Cerezo et al. 2021); None where it is local already.

    Example:
        >>> localized(PauliSum({"ZZZ": 3.0, "IIX": 1.0}))
        PauliSum({'ZII': 1.0, 'IZI': 1.0, 'IIZ': 1.0, 'IIX': 1.0})
    """
    n = H.n_qubits
    if isinstance(H, Projector):
        return None if n < 3 else PauliSum({_letter(n, q, "Z"): 0.5 / n for q in range(n)})
    if not isinstance(H, PauliSum) or weight(H) < 3:
        return None
    terms: dict[str, float] = {}
    for string, c in H.terms.items():
        on = [q for q in range(n) if string[q] != "I"]
        for q in on:
            letter = _letter(n, q, string[q])
            terms[letter] = terms.get(letter, 0.0) + c / len(on)
    return PauliSum(terms)


def weight(H: Observable) -> int:
    """Return the largest number of letters of a string of H; all qubits of a projector."""
    if not isinstance(H, PauliSum):
        return H.n_qubits
    return max((len(p) - p.count("I") for p, c in H.terms.items() if c), default=0)


def _letter(n: int, q: int, letter: str) -> str:
    return "I" * q + letter + "I" * (n - 1 - q)


class Cone(NamedTuple):
    """A circuit cut to the light cone of a sum of strings, on its qubits alone.

    Attributes:
        circuit: with all parameters of the whole circuit; None where no parameter turns anything.
        H: the sum, on the qubits of the cone.
        reach: the qubits and rotations of it.
    """

    circuit: BuiltCircuit | None
    H: PauliSum
    reach: LightCone


def cone(circuit: Circuit, H: PauliSum, reach: LightCone | None = None) -> Cone:
    """Cut a circuit down to what an expectation depends on.

    A pair of an entangler with a qubit outside meets strings with which it commutes, and is left out.

    Example:
        >>> from qbp import HardwareEfficient
        >>> cut = cone(HardwareEfficient(9, 1, ["ry"]), PauliSum({"ZZIIIIIII": 1.0}))
        >>> cut.circuit.n_qubits, cut.H
        (2, PauliSum({'ZZ': 1.0}))
    """
    reach = reach or light_cone(circuit.program, H)
    number = {q: i for i, q in enumerate(reach.qubits)}
    kept, gates = set(reach.rotations), list[Gate]()
    for place, g in enumerate(circuit.program):
        if isinstance(g, Entangler):
            pairs = tuple((number[a], number[b]) for a, b in g.pairs if a in number and b in number)
            gates += [Entangler(g.kind, pairs)] if pairs else []
        elif place in kept:
            gates.append(g._replace(pauli="".join(g.pauli[q] for q in reach.qubits)))
    terms = (
        {"".join(p[q] for q in reach.qubits): c for p, c in H.terms.items()} if reach.qubits else {"I": 0.0}
    )
    start = tuple(map(tuple, circuit.qubits[list(reach.qubits)].tolist()))
    names = tuple(f"theta_{k}" for k in range(circuit.n_params))
    turns = any(isinstance(g, Rotation) and g.parameter is not None for g in gates)
    made = BuiltCircuit(len(reach.qubits), tuple(gates), names, start) if turns else None
    return Cone(made, PauliSum(terms), reach)
