"""Circuits of layers: strongly entangling ones, and two-local ones with a layer of rotations at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from qbp import _checks
from qbp.circuits.ansatz import rotation_names
from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Entangler, Program, Rotation, Start, entangler_pairs

TOPOLOGIES = ("ladder", "ring", "brick", "full")


@dataclass(frozen=True)
class StronglyEntangling(Circuit):
    """Layers of RZ, RY, RZ on every qubit, and CNOTs to the qubit a range away (Schuld et al. 2020).

    Layer l has the CNOTs (0, r), (1, 1 + r), ..., (n - 1, n - 1 + r), indices modulo n, with r = ranges[l].
    `theta` is laid out (layer, qubit, rotation), flattened: n_params = 3 * n_layers * n_qubits.

    Args:
        n_qubits, n_layers: at least 1; one qubit has no CNOT.
        ranges: r of each layer, 1 to n_qubits - 1; None means 1, 2, ..., n_qubits - 1, 1, 2, ...
        start: "zero", "plus", or amplitudes of a product state, shape (n_qubits, 2), each row normalized.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> circuit = StronglyEntangling(3, 2)
        >>> circuit.n_params, circuit.ranges, circuit.program[-1].pairs
        (18, (1, 2), ((0, 2), (1, 0), (2, 1)))
    """

    n_qubits: int
    n_layers: int
    ranges: tuple[int, ...] | None = None
    start: Start = "zero"

    def __post_init__(self) -> None:
        super().__post_init__()
        n, layers = self.n_qubits, _checks.integer("n_layers", self.n_layers)
        _checks.memory("n_layers", 300 * layers * n + n**2, f"{3 * layers * n} gates")
        self.__dict__["n_layers"] = layers
        if self.ranges is None:
            self.__dict__["ranges"] = tuple(layer % max(1, n - 1) + 1 for layer in range(layers))
            return
        takes = f"a range for each of the {layers} layers"
        listed = _checks.sequence("ranges", self.ranges, takes)
        highest = max(1, n - 1)  # of one qubit, which has no CNOT, the default
        ranges = tuple(_checks.integer("an entry of ranges", r, 1, highest) for r in listed)
        if len(ranges) != layers:
            raise ValueError(f"ranges must be {takes}, got {len(ranges)}")
        self.__dict__["ranges"] = ranges

    @cached_property
    def program(self) -> Program:  # type: ignore[override]  # an attribute, once it is made
        """The gates, first to last."""
        n, gates = self.n_qubits, []  # type: int, list[Rotation | Entangler]
        for layer, r in enumerate(self.ranges or ()):
            gates += _rotations(n, "ZYZ", 3 * n * layer)
            if n > 1:
                gates.append(Entangler("cnot", tuple((q, (q + r) % n) for q in range(n))))
        return Program(gates)


@dataclass(frozen=True)
class TwoLocal(Circuit):
    """Rotations and entanglers in turn, with rotations at the end too (the shape of Kandala et al. 2017).

    `theta` is laid out (layer, qubit, rotation), flattened, as everywhere here; the circuit of this name in
    Qiskit lays it out (layer, rotation, qubit).  n_params = (reps + 1) * n_qubits * len(rotations).

    Args:
        n_qubits: at least 1; one qubit has no entangler.
        reps: entanglers, at least 1.
        rotations: one or more of "rx", "ry", "rz", in the order they act.
        entangler: "cz" or "cnot" (control first).
        topology: "ladder", "ring", "brick" as in :class:`~qbp.circuits.ansatz.HardwareEfficient`; "full",
            every pair (0, 1), (0, 2), ..., (1, 2), ...; or a list of pairs.
        start: "zero", "plus", or amplitudes of a product state, shape (n_qubits, 2), each row normalized.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> TwoLocal(3, reps=1, rotations=["ry"]).n_params
        6
    """

    n_qubits: int
    reps: int = 3
    rotations: tuple[str, ...] = ("ry", "rz")
    entangler: str = "cz"
    topology: str | tuple[tuple[int, int], ...] = "ladder"
    start: Start = "zero"

    def __post_init__(self) -> None:
        super().__post_init__()
        n, reps = self.n_qubits, _checks.integer("reps", self.reps)
        _checks.memory("reps", 100 * (reps + 1) * n + 50 * n**2, f"{(reps + 1) * n} gates")
        _checks.choice("entangler", self.entangler, ("cz", "cnot"))
        self.__dict__["reps"] = reps
        self.__dict__["rotations"] = rotation_names(self.rotations, 'a list like ["ry", "rz"]')
        pairs = entangler_pairs(self.topology, n, TOPOLOGIES)
        if not isinstance(self.topology, str):
            self.__dict__["topology"] = pairs

    @cached_property
    def program(self) -> Program:  # type: ignore[override]  # an attribute, once it is made
        """The gates, first to last."""
        n, gates = self.n_qubits, []  # type: int, list[Rotation | Entangler]
        letters = "".join(name[1].upper() for name in self.rotations)
        pairs = entangler_pairs(self.topology, n, TOPOLOGIES)
        for layer in range(self.reps + 1):
            gates += _rotations(n, letters, layer * n * len(letters))
            if pairs and layer < self.reps:
                gates.append(Entangler(self.entangler, pairs))
        return Program(gates)


def _rotations(n: int, letters: Sequence[str], first: int) -> list[Rotation | Entangler]:
    """Return rotations about each letter on every qubit, with angles of their own from number `first` on."""
    places = [(q, letter) for q in range(n) for letter in letters]
    return [Rotation("I" * q + p + "I" * (n - 1 - q), first + k) for k, (q, p) in enumerate(places)]
