"""Programs rewritten for the kernel: to less work, with the same expectations."""

from functools import lru_cache

from qbp.circuits.gates import Entangler, Program, Rotation
from qbp.circuits.kernel.stages import stages, work
from qbp.circuits.lowering.frames import Pushed, push_cliffords, quarter_turns
from qbp.circuits.observables import Observable, PauliSum


@lru_cache(maxsize=256)
def lowered(
    program: Program, observables: tuple[Observable, ...]
) -> tuple[Program, tuple[Observable, ...], str]:
    """Return the program and the observables that the kernel runs, and the name of the way it takes.

    "layers": the gates as they stand.  "frame": its Clifford gates are pushed through to the observables
    (:mod:`qbp.circuits.lowering.frames`), and rotations by longer strings are left; where that takes a fifth
    less work at least, by the measured cost of stages.
    """
    n = observables[0].n_qubits
    sums = [H for H in observables if isinstance(H, PauliSum)]
    clifford = any(isinstance(gate, Entangler) or quarter_turns(gate) is not None for gate in program)
    if clifford and len(sums) == len(observables) and (pushed := _pushed(program, n)):
        return pushed.rotations, tuple(pushed.frame.observable(H) for H in sums), "frame"
    return program, observables, "layers"


@lru_cache(maxsize=64)  # runs may have a Hamiltonian each, and one program
def _pushed(program: Program, n: int) -> Pushed | None:
    """Return a program with its Clifford gates behind its rotations, or None if that pays too little."""
    pushed = push_cliffords(program, n)
    before, after = (work(stages(p, n), n) for p in (program, pushed.rotations))
    return pushed if pushed.rotations and after <= 0.8 * before else None


def turn_axes(program: Program, n: int) -> tuple[Program, tuple[int, ...]]:
    """Return a program with X read as Y and Y as -X on the qubits that its rotations turn about X, not Y.

    What S does to the axes of a qubit changes no CZ and no ZZ, and a rotation about Y is real: it takes half
    the work of one about X.  The start state and the observables are to be turned alike.

    Example:
        >>> program, turned = turn_axes(Program([Rotation("XI", 0), Rotation("ZZ", 1), Rotation("YX", 2)]), 2)
        >>> [(gate.pauli, gate.scale) for gate in program], turned
        ([('YI', 1.0), ('ZZ', 1.0), ('XX', -1.0)], (0,))
    """
    words, fixed = [""] * n, set()
    for gate in program:
        if isinstance(gate, Entangler):
            fixed |= {pair[1] for pair in gate.pairs if gate.kind == "cnot"}
        elif gate.pauli.count("I") == n - 1:
            letter = gate.pauli.strip("I")
            words[gate.pauli.index(letter)] += letter
    turned = tuple(q for q in range(n) if q not in fixed and "X" in words[q] and "Y" not in words[q])
    if not turned:
        return program, ()
    return Program(_turned(gate, turned) if isinstance(gate, Rotation) else gate for gate in program), turned


def turn_string(pauli: str, turned: tuple[int, ...]) -> tuple[str, int]:
    """Return a Pauli string with X read as Y and Y as -X on some qubits, and its sign."""
    letters = list(pauli)
    for q in turned:
        letters[q] = {"X": "Y", "Y": "X"}.get(letters[q], letters[q])
    return "".join(letters), -1 if sum(pauli[q] == "Y" for q in turned) % 2 else 1


def _turned(gate: Rotation, turned: tuple[int, ...]) -> Rotation:
    pauli, sign = turn_string(gate.pauli, turned)
    return Rotation(pauli, gate.parameter, sign * gate.scale, sign * gate.offset)
