r"""Ansatze: circuits whose angles are trained, ``|psi(theta)> = U(theta) |start>``.

:class:`HardwareEfficient` and :class:`PauliRotations` only write down a program of gates; what a circuit
does is in :class:`Circuit`.  Its states come from :func:`qbp.circuits.statevector.evolve`, its expectations
and their gradients from :mod:`qbp.circuits.adjoint`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from math import prod

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, draws
from qbp.circuits import adjoint
from qbp.circuits.gates import Entangler, Program, Rotation, Start, start_qubits
from qbp.circuits.kernel import evolution
from qbp.circuits.observables import Observable, observables_on, pauli_string
from qbp.circuits.statevector import embed, evolve, product_state


class Circuit:
    """A program of gates on a product start state: immutable, hashable, equal if built alike."""

    n_qubits: int
    start: Start
    program: Program

    def __post_init__(self) -> None:
        n = self.__dict__["n_qubits"] = _checks.integer("n_qubits", self.n_qubits)
        _checks.memory("n_qubits", 100 * n, f"{n} qubits")
        qubits = self.qubits.tolist()  # checks the start state
        if not isinstance(self.start, str):
            self.__dict__["start"] = tuple(map(tuple, qubits))  # tuples can be hashed and printed

    def state(self, theta: Tensor, inputs: Tensor | None = None) -> Tensor:
        """Return the state ``U(theta) RY(inputs) |start>``.

        Args:
            theta: angles in radians, real, shape (..., n_params).
            inputs: features x in radians, real, shape (..., samples, n_features <= n_qubits): RY(x_j) acts on
                qubit j of the start state. Leading axes broadcast against those of `theta`.

        Returns:
            Amplitudes, shape (..., 2**n_qubits), or (..., samples, 2**n_qubits) with `inputs`; complex128 for
            float64 `theta`, complex64 for float32; differentiable in `theta` and `inputs`.

        Raises:
            TypeError, ValueError: `theta` or `inputs` is not a real tensor of the shape above, or not finite.
        """
        self._check(theta, inputs)
        theta, qubits = self._start(theta, inputs)
        return evolve(self.program, theta, product_state(qubits))

    def expectation(self, theta: Tensor, H: Observable, inputs: Tensor | None = None) -> Tensor:
        """Return ``<psi|H|psi>``, real, shape (...) or (..., samples); the rest as :meth:`expectations`."""
        check(self, H)
        return self.expectations(theta, [H], inputs).squeeze(-1)

    def expectations(
        self, theta: Tensor, observables: Sequence[Observable], inputs: Tensor | None = None
    ) -> Tensor:
        """Return the expectations ``<O_i>`` of several observables in one state.

        The state is evolved once, so the gradient of ``sum_i g_i <O_i>`` is one backward pass, whatever m is;
        it undoes the gates one by one, so its memory does not grow with their number
        (:mod:`qbp.circuits.adjoint`).

        Args:
            theta, inputs: as for :meth:`state`.
            observables: m >= 1 observables on n_qubits qubits.

        Returns:
            Real, shape (..., m), or (..., samples, m) with `inputs`; differentiable in `theta` and `inputs`.

        Raises:
            TypeError, ValueError: as for :meth:`state`; or no observable, or one of another number of qubits.
        """
        n = self.n_qubits
        observables = observables_on(n, observables)
        self._check(theta, inputs)
        if inputs is None or not evolution.supports(self.program, n, theta, observables):
            return adjoint.expectations(self.program, *self._start(theta, inputs), observables, product=True)
        # The kernel takes the angles of each sample anyway: RY(inputs) are rotations like the others.
        theta, qubits = self._start(theta, inputs, embedded=False)
        samples = torch.broadcast_shapes(theta.shape[:-1], inputs.shape[:-1])
        angles = torch.cat([x.expand(*samples, -1) for x in (inputs.to(theta.dtype), theta)], -1)
        program = _embedded(self.program, n, inputs.shape[-1])
        return adjoint.expectations(program, angles, qubits, observables, product=True)

    @cached_property
    def n_params(self) -> int:
        """The number of angles."""
        return 1 + max(gate.parameter for gate in self.program if isinstance(gate, Rotation))

    @cached_property
    def qubits(self) -> np.ndarray:
        """The single-qubit amplitudes of the start state, complex, shape (n_qubits, 2)."""
        return start_qubits(self.start, self.n_qubits)

    def _start(self, theta: Tensor, inputs: Tensor | None, *, embedded: bool = True) -> tuple[Tensor, Tensor]:
        """Return `theta` and the qubits of the start state, with axes that broadcast."""
        qubits = torch.from_numpy(_qubits(self.start, self.n_qubits, theta.dtype)).to(theta.device)
        if inputs is None:
            return theta, qubits
        if embedded:
            qubits = embed(inputs.to(theta.dtype), qubits)  # (..., samples, n_qubits, 2)
        return theta.unsqueeze(-2), qubits

    def _check(self, theta: Tensor, inputs: Tensor | None) -> None:
        _checks.theta(theta, self.n_params)
        rows = prod(theta.shape[:-1])
        if inputs is not None:
            self._check_inputs(theta, inputs)
            rows = prod(torch.broadcast_shapes(theta.shape[:-1], inputs.shape[:-2])) * inputs.shape[-2]
        _checks.room("theta", self.n_qubits, rows, torch.finfo(theta.dtype).bits, theta.device)

    def _check_inputs(self, theta: Tensor, inputs: Tensor) -> None:
        shape = tuple(getattr(inputs, "shape", ()))
        _checks.theta(inputs, min((0, *shape)[-1], self.n_qubits), name="inputs")
        runs = zip(theta.shape[-2::-1], shape[-3::-1], strict=False)  # broadcasting aligns the last axes
        if len(shape) < 2 or any(a != b and 1 not in (a, b) for a, b in runs):
            takes = f"(..., samples, n_features) to go with theta {tuple(theta.shape)}"
            raise ValueError(f"inputs must have shape {takes}, got {shape}")


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
            that begin on even qubits, then those on odd qubits, in the same layer.
        seed: for "random" only, which needs one; layer l is the same whatever the number of layers.
        start: "zero", "plus", or amplitudes of a product state, shape (n_qubits, 2), each row normalized.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> circuit = HardwareEfficient(n_qubits=2, n_layers=1, rotations=["ry"], entangler="cnot")
        >>> circuit.state(torch.tensor([torch.pi, 0.0])).abs().round()  # |10>, then CNOT: |11>
        tensor([0., 0., 0., 1.])
    """

    n_qubits: int
    n_layers: int
    rotations: str | tuple[str, ...] = ("ry", "rz")
    entangler: str = "cz"
    topology: str = "ladder"
    seed: int | None = None
    start: Start = "zero"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.__dict__["n_layers"] = _checks.integer("n_layers", self.n_layers)
        gates = self.n_layers * self.n_qubits
        _checks.memory("n_layers", 100 * gates + self.n_qubits**2, f"{gates} gates")
        _checks.choice("entangler", self.entangler, ("cz", "cnot"))
        _checks.choice("topology", self.topology, ("ladder", "ring", "brick"))
        if isinstance(self.rotations, str) and self.rotations == "random":
            self.__dict__["seed"] = _checks.integer("seed", self.seed, 0, 2**64 - 1)
            return
        listed = _checks.sequence("rotations", self.rotations, '"random" or a list like ["ry", "rz"]')
        if self.seed is not None:
            raise ValueError(f'seed must be None unless rotations is "random", got {self.seed!r}')
        names = [_checks.choice("a rotation", name, ("rx", "ry", "rz")) for name in listed]
        self.__dict__["rotations"] = tuple(map(str, names))

    @cached_property
    def program(self) -> Program:  # type: ignore[override]  # an attribute, once it is made
        """The gates, first to last."""
        n, pairs, gates = self.n_qubits, _pairs(self.n_qubits, self.topology), []  # type: int, tuple, list[Rotation | Entangler]
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


def check(circuit: Circuit, *observable: Observable) -> None:
    """Raise TypeError unless `circuit` is one, and ValueError unless H is an observable on its qubits."""
    if not isinstance(circuit, Circuit):
        raise TypeError(f"circuit must be a Circuit, got {type(circuit).__name__!r}")
    for H in observable:
        if not isinstance(H, Observable) or H.n_qubits != circuit.n_qubits:
            raise ValueError(f"H must be an observable on {circuit.n_qubits} qubits, got {H!r}")


@lru_cache(maxsize=64)
def _qubits(start: Start, n_qubits: int, dtype: torch.dtype) -> np.ndarray:
    """Return the qubits of a start state, (n_qubits, 2), made once and never changed.

    An array: a tensor would keep the mode in which it was made, such as ``torch.inference_mode``.
    """
    return start_qubits(start, n_qubits).astype(np.complex64 if dtype == torch.float32 else complex)


@lru_cache(maxsize=64)
def _embedded(program: Program, n_qubits: int, n_features: int) -> Program:
    """Return the program after RY by the first `n_features` angles, one on each of the first qubits."""
    first = [Rotation("I" * q + "Y" + "I" * (n_qubits - 1 - q), q) for q in range(n_features)]
    moved = (
        g._replace(parameter=g.parameter + n_features) if isinstance(g, Rotation) else g for g in program
    )
    return Program([*first, *moved])


def _pairs(n: int, topology: str) -> tuple[tuple[int, int], ...]:
    ladder = [(i, i + 1) for i in range(n - 1)]
    if topology == "brick":
        ladder = ladder[0::2] + ladder[1::2]
    if topology == "ring" and n > 2:
        ladder.append((n - 1, 0))
    return tuple(ladder)
