"""Ansatze: circuits whose angles are trained.

:class:`HardwareEfficient` and :class:`PauliRotations` only write down a program of gates; what a circuit does
is in :class:`qbp.circuits.circuit.Circuit`.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from qbp import _checks, draws
from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Entangler, Program, Rotation, Start, entangler_pairs
from qbp.circuits.observables import pauli_string

TOPOLOGIES = ("ladder", "ring", "brick")


@dataclass(frozen=True)
class HardwareEfficient(Circuit):
    """Layers of single-qubit rotations and a fixed entangler (Kandala et al. 2017; McClean et al. 2018, the
    paper's [5]).

    A layer applies the rotations in the order listed on every qubit, then the entangler. `theta` is laid out
    (layer, qubit, rotation), flattened: n_params = n_layers * n_qubits * len(rotations).

    Args:
        n_qubits, n_layers: at least 1; one qubit has no entangler.
        rotations: a list of "rx", "ry", "rz"; or "random", one random Pauli for each qubit and layer.
        entangler: "cz" or "cnot" (control first).
        topology: "ladder", pairs (0, 1), (1, 2), ...; "ring", these and (n-1, 0) if n > 2; "brick", the pairs
            that begin on even qubits, then those on odd qubits, in the same layer; or a list of pairs.
        seed: for "random" only, which needs one; layer l is the same whatever the number of layers.
        start: "zero", "plus", or amplitudes of a product state, shape (n_qubits, 2), each row normalized.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> import torch
        >>> circuit = HardwareEfficient(n_qubits=2, n_layers=1, rotations=["ry"], entangler="cnot")
        >>> circuit.state(torch.tensor([torch.pi, 0.0])).abs().round()  # |10>, then CNOT: |11>
        tensor([0., 0., 0., 1.])
    """

    n_qubits: int
    n_layers: int
    rotations: str | tuple[str, ...] = ("ry", "rz")
    entangler: str = "cz"
    topology: str | tuple[tuple[int, int], ...] = "ladder"
    seed: int | None = None
    start: Start = "zero"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.__dict__["n_layers"] = _checks.integer("n_layers", self.n_layers)
        gates = self.n_layers * self.n_qubits
        _checks.memory("n_layers", 100 * gates + self.n_qubits**2, f"{gates} gates")
        _checks.choice("entangler", self.entangler, ("cz", "cnot"))
        pairs = entangler_pairs(self.topology, self.n_qubits, TOPOLOGIES)
        if not isinstance(self.topology, str):
            self.__dict__["topology"] = pairs
        if isinstance(self.rotations, str) and self.rotations == "random":
            self.__dict__["seed"] = _checks.integer("seed", self.seed, 0, 2**64 - 1)
            return
        listed = rotation_names(self.rotations, '"random" or a list like ["ry", "rz"]')
        if self.seed is not None:
            raise ValueError(f'seed must be None unless rotations is "random", got {self.seed!r}')
        self.__dict__["rotations"] = listed

    @cached_property
    def program(self) -> Program:  # type: ignore[override]  # an attribute, once it is made
        """The gates, first to last."""
        n, gates = self.n_qubits, []  # type: int, list[Rotation | Entangler]
        pairs = entangler_pairs(self.topology, n, TOPOLOGIES)
        if self.rotations == "random":
            words = draws.stream(self.seed, "paulis").bit_generator.random_raw(self.n_layers * n)  # type: ignore[arg-type]  # "random" has a seed
            letters = ["XYZ"[word % 3] for word in words]
        else:
            letters = [name[1].upper() for name in self.rotations] * (self.n_layers * n)
        per_layer = len(letters) // self.n_layers
        string = cache(
            lambda qubit, letter: "I" * qubit + letter + "I" * (n - 1 - qubit)
        )  # one for all layers
        for k, letter in enumerate(letters):
            gates.append(Rotation(string(k % per_layer * n // per_layer, letter), k))
            if pairs and (k + 1) % per_layer == 0:  # the layer is complete
                gates.append(Entangler(self.entangler, pairs))
        return Program(gates)


@dataclass(frozen=True)
class PauliRotations(Circuit):
    """The rotations ``exp(-i theta P / 2)`` of any Pauli strings, in the order given.

    Tied angles make the Hamiltonian variational ansatz and QAOA: one angle for all strings of a kind.

    Args:
        n_qubits: at least 1.
        generators: at least one Pauli string of n_qubits letters "IXYZ".
        tied: a parameter index for each generator, 0, 1, ... without a gap; None gives each its own.
        start: as for :class:`HardwareEfficient`.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> PauliRotations(2, ["ZZ", "XI", "IX"], tied=[0, 1, 1], start="plus").n_params
        2
    """

    n_qubits: int
    generators: tuple[str, ...]
    tied: tuple[int, ...] | None = None
    start: Start = "zero"

    def __post_init__(self) -> None:
        super().__post_init__()
        listed = _checks.sequence("generators", self.generators, "a list of Pauli strings")
        self.__dict__["generators"] = tuple(str(pauli_string(p, self.n_qubits)) for p in listed)
        if self.tied is not None:
            takes = f"{len(self.generators)} indices, 0, 1, ... without a gap"
            listed = _checks.sequence("tied", self.tied, takes)
            self.__dict__["tied"] = tied = tuple(_checks.integer("an index of tied", k, 0) for k in listed)
            if len(tied) != len(self.generators) or set(tied) != set(range(max(tied) + 1)):
                raise ValueError(f"tied must be {takes}, got {tied}")

    @cached_property
    def program(self) -> Program:  # type: ignore[override]  # an attribute, once it is made
        """The gates, first to last."""
        indices = range(len(self.generators)) if self.tied is None else self.tied
        return Program(Rotation(pauli, k) for pauli, k in zip(self.generators, indices, strict=True))


def rotation_names(value: Any, takes: str) -> tuple[str, ...]:
    """Return `value` as a tuple if it lists one or more of "rx", "ry", "rz"."""
    listed = _checks.sequence("rotations", value, takes)
    return tuple(str(_checks.choice("a rotation", name, ("rx", "ry", "rz"))) for name in listed)
