r"""Observables: sums of Pauli strings, projectors, and the Hamiltonians of the book.

An observable has ``n_qubits``, ``apply(state)``, which is ``H|state>``, and ``expectation(state)``, which is
``<state|H|state>``; leading axes are a batch.  Position i of a Pauli string is qubit i.

Torch is imported where a state is met: a sum of Pauli strings that no state meets does without.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from qbp import _checks
from qbp.circuits.gates import pauli_signs

if TYPE_CHECKING:
    import torch


class Observable:
    """A Hermitian operator on `n_qubits` qubits; a kind of observable adds ``apply(state)``.

    One that is another operator in each run, along the first axis of the states, says how many `runs` it has.
    """

    n_qubits: int
    runs: int | None = None

    @property
    def size(self) -> float:
        """What no expectation passes in size, 1 for a projector, for a sum that of its coefficients."""
        return 1.0

    if TYPE_CHECKING:  # each kind has its own

        def apply(self, state: "torch.Tensor") -> "torch.Tensor":
            """Return ``H|state>``, shape (..., 2**n_qubits); as for :meth:`expectation`."""

    def expectation(self, state: "torch.Tensor") -> "torch.Tensor":
        """Return ``<state|H|state>``, real, shape (...), for amplitudes `state` of shape (..., 2**n_qubits).

        Raises:
            TypeError, ValueError: `state` is not a tensor, or not one of 2**n_qubits amplitudes.
        """
        return (self._checked(state).conj() * self.apply(state)).sum(-1).real

    def of_runs(self, runs: slice, copies: int = 1) -> "Observable":
        """Return the operators of some runs, each in as many copies."""
        return self

    def _checked(self, state: "torch.Tensor") -> "torch.Tensor":
        return amplitudes("state", state, 2**self.n_qubits)


class PauliSum(Observable):
    """A real combination of Pauli strings, ``H = sum_a c_a P_a``.

    Args:
        terms: coefficient of each string of "IXYZ"; all strings have one length, the number of qubits.

    Raises:
        TypeError, ValueError: no terms, strings of two lengths, another letter, a coefficient not finite.

    Example:
        >>> H = PauliSum({"ZZ": 1.0, "IX": -0.5})
        >>> import torch
        >>> H.expectation(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        tensor(1.)
    """

    def __init__(self, terms: Mapping[str, float]):
        if not isinstance(terms, Mapping) or not terms:
            raise TypeError(f'terms must be a non-empty mapping such as {{"ZZ": 1.0}}, got {terms!r}')
        self.n_qubits = len(str(next(iter(terms))))
        self._terms = {
            str(pauli_string(p, self.n_qubits)): _checks.number(f"terms[{p!r}]", c) for p, c in terms.items()
        }

    @property
    def terms(self) -> Mapping[str, float]:
        """Coefficient of each Pauli string, read only, in the order given."""
        return MappingProxyType(self._terms)

    @property
    def size(self) -> float:
        """The sum of the sizes of the coefficients, which no expectation passes."""
        return sum(map(abs, self._terms.values()))

    @cached_property
    def _groups(self) -> dict[str, np.ndarray]:
        """Strings that flip the same qubits differ by phases: {the flips, as "XIX": the phases, added up}."""
        groups: dict[str, np.ndarray] = {}
        for pauli, coefficient in self._terms.items():
            mask = pauli.translate(str.maketrans("YZ", "XI"))
            phases = coefficient * 1j ** pauli.count("Y") * pauli_signs(pauli)
            groups[mask] = groups.get(mask, 0) + phases
        return {mask: phases if phases.imag.any() else phases.real.copy() for mask, phases in groups.items()}

    def apply(self, state: "torch.Tensor") -> "torch.Tensor":
        """Return ``H|state>``, shape (..., 2**n_qubits); as for :meth:`Observable.expectation`."""
        from qbp.circuits.statevector import flip, like

        state = self._checked(state)
        return sum(like(phases, state) * flip(mask, state)[1] for mask, phases in self._groups.items())  # type: ignore[return-value]  # of one term or more

    def __eq__(self, other: object) -> bool:
        return self._terms == other._terms if isinstance(other, PauliSum) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._terms.items()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{pauli!r}: {c!r}" for pauli, c in list(self._terms.items())[:4])
        more = f", ... {len(self._terms)} terms" if len(self._terms) > 4 else ""
        return f"PauliSum({{{shown}{more}}})"


@dataclass(frozen=True)
class Projector(Observable):
    """The projector ``|0...0><0...0|`` on `n_qubits` qubits; its expectation is the probability of all zeros.

    The global observable of Cerezo et al. 2021, the paper's [2].

    Example:
        >>> import torch
        >>> Projector(1).expectation(torch.tensor([0.6, 0.8]))
        tensor(0.3600)
    """

    n_qubits: int

    def __post_init__(self) -> None:
        self.__dict__["n_qubits"] = _checks.integer("n_qubits", self.n_qubits)

    def apply(self, state: "torch.Tensor") -> "torch.Tensor":
        """Return ``<0...0|state> |0...0>``, shape (..., 2**n_qubits); argument and errors as for a sum."""
        import torch

        zeros, rest = self._checked(state).tensor_split([1], dim=-1)
        return torch.cat([zeros, torch.zeros_like(rest)], dim=-1)


def tfim(n: int, coupling: float = 1.0, field: float = 1.0, periodic: bool = False) -> PauliSum:
    """Transverse-field Ising chain, ``H = -J sum_i Z_i Z_{i+1} - h sum_i X_i``.

    Args:
        n: number of qubits; one qubit has no bond.
        coupling: J, in units of energy.
        field: h, in units of energy.
        periodic: add the bond (n-1, 0); two qubits keep both their bonds, which doubles the coefficient.

    Raises:
        TypeError, ValueError: `n` is not a positive integer; `coupling` or `field` not a finite number.

    Example:
        >>> tfim(2, field=0.5)
        PauliSum({'ZZ': -1.0, 'XI': -0.5, 'IX': -0.5})
    """
    n, J, h = _size(n, 2), _checks.number("coupling", coupling), _checks.number("field", field)
    bonds = [(_string(n, bond, "Z"), -J) for bond in _bonds(n, periodic)]
    return _collect(n, bonds + [(_string(n, (i,), "X"), -h) for i in range(n)])


def heisenberg(n: int, coupling: float = 1.0, periodic: bool = False) -> PauliSum:
    """Heisenberg chain, ``H = +J sum_i (X_i X_{i+1} + Y_i Y_{i+1} + Z_i Z_{i+1})``, Pauli matrices not spins.

    Arguments, bonds and errors as in :func:`tfim`; J > 0 is antiferromagnetic.

    Example:
        >>> heisenberg(2)
        PauliSum({'XX': 1.0, 'YY': 1.0, 'ZZ': 1.0})
    """
    n, J = _size(n, 3), _checks.number("coupling", coupling)
    return _collect(n, [(_string(n, bond, p), J) for bond in _bonds(n, periodic) for p in "XYZ"])


def maxcut(
    edges: Iterable[Sequence[int]], weights: Sequence[float] | None = None, *, n_qubits: int | None = None
) -> PauliSum:
    """Maximum cut, to be minimized: ``H = sum_(i,j) w_ij (Z_i Z_j - 1) / 2``, minus the weight of the cut.

    Args:
        edges: pairs of different vertices, integers from 0; an edge listed twice counts twice.
        weights: one number for each edge, dimensionless; None means 1.
        n_qubits: number of vertices; None means up to the largest one that has an edge.

    Raises:
        TypeError, ValueError: no vertex, a loop, a vertex out of range, another number of weights.

    Example:
        >>> maxcut([(0, 1), (1, 2)])
        PauliSum({'III': -1.0, 'ZZI': 0.5, 'IZZ': 0.5})
    """
    edges = [_edge(edge) for edge in _several("edges", edges)]
    weights = [1.0] * len(edges) if weights is None else _several("weights", weights)
    weights = [_checks.number("a number of weights", w) for w in weights]
    if len(weights) != len(edges):
        raise ValueError(f"weights must be one number for each of the {len(edges)} edges, got {len(weights)}")
    largest = max(map(max, edges), default=0)
    n = largest + 1 if n_qubits is None and edges else _checks.integer("n_qubits", n_qubits, largest + 1)
    _checks.memory("edges and n_qubits", n * (len(edges) + 1), f"{n} vertices")
    cut = [(_string(n, edge, "Z"), w / 2) for edge, w in zip(edges, weights, strict=True)]
    return _collect(n, [("I" * n, -sum(weights) / 2), *cut])


def local_observables(n: int, paulis: str = "XYZ") -> list[PauliSum]:
    """Single-qubit Pauli observables, qubit by qubit: X_0, Y_0, Z_0, X_1, ... (the set {O_i} of eq. 1).

    Args:
        n: number of qubits.
        paulis: which of "XYZ", in the order wanted for each qubit.

    Returns:
        A list of ``n * len(paulis)`` sums; number ``i * len(paulis) + a`` is ``paulis[a]`` on qubit i.

    Example:
        >>> local_observables(2, "XZ")
        [PauliSum({'XI': 1.0}), PauliSum({'ZI': 1.0}), PauliSum({'IX': 1.0}), PauliSum({'IZ': 1.0})]
    """
    n = _size(n, 3)
    letters = paulis if isinstance(paulis, str | list | tuple) else ()  # a set has no order
    if not letters or not all(p in ("X", "Y", "Z") for p in letters):
        raise ValueError(f"paulis must be one or more of X, Y, Z, in the order wanted, got {paulis!r}")
    return [PauliSum({_string(n, (i,), p): 1.0}) for i in range(n) for p in paulis]


def observables_on(n_qubits: int, value: Sequence[Observable]) -> tuple[Observable, ...]:
    """Return `value` as a tuple if it lists one observable or more on `n_qubits`, else raise ValueError."""
    takes = f"a list of observables on {n_qubits} qubits"
    found = _checks.sequence("observables", value, takes)
    if not all(isinstance(H, Observable) and H.n_qubits == n_qubits for H in found):
        raise ValueError(f"observables must be {takes}, got {value!r}")
    return found


def amplitudes(name: str, value: "torch.Tensor", size: int) -> "torch.Tensor":
    """Return `value` in its complex dtype if it is a tensor of amplitudes, (..., size).

    Raises:
        TypeError, ValueError: it is none, or in half precision, or of another shape.
    """
    from torch import Tensor, complex64, complex128, float32, float64, strided

    fits = isinstance(value, Tensor) and value.dtype in (float32, float64, complex64, complex128)
    if not fits or value.layout != strided:
        raise TypeError(f"{name} must be a tensor in 32 or 64 bits, got {_checks.kind_of(value)}")
    if value.ndim == 0 or value.shape[-1] != size:
        raise ValueError(f"{name} must have shape (..., {size}), got {tuple(value.shape)}")
    return value.to(value.dtype.to_complex())


def pauli_string(value: str, n_qubits: int) -> str:
    """Return `value` if it is a Pauli string on `n_qubits` qubits, else raise ValueError."""
    if not isinstance(value, str) or not set(value) <= set("IXYZ") or not len(value) == n_qubits > 0:
        raise ValueError(f"a Pauli string must be {n_qubits or 'some'} letters of I, X, Y, Z, got {value!r}")
    return value


def _edge(edge: Sequence[int]) -> tuple[int, ...]:
    ends = tuple(_checks.integer("a vertex of edges", v, 0) for v in _several("a pair of edges", edge))
    if len(ends) != 2 or ends[0] == ends[1]:
        raise ValueError(f"edges must be pairs of different vertices, got {edge}")
    return ends


def _several(name: str, value: Iterable) -> list:
    unordered = isinstance(value, str | set | frozenset | Mapping) or not isinstance(value, Iterable)
    if unordered or getattr(value, "ndim", 1) == 0:
        raise TypeError(f"{name} must be a list, got {value!r}")
    return list(value)


def _string(n: int, qubits: Iterable[int], pauli: str) -> str:
    return "".join(pauli if i in qubits else "I" for i in range(n))


def _size(n: int, strings: int) -> int:
    """Return a number of qubits, if so many strings for each fit into memory."""
    n = _checks.integer("n", n)
    _checks.memory("n", strings * n**2, f"strings of {n} letters")
    return n


def _bonds(n: int, periodic: bool) -> list[tuple[int, int]]:
    if not isinstance(periodic, bool | np.bool_):
        raise TypeError(f"periodic must be True or False, got {periodic!r}")
    return [(i, (i + 1) % n) for i in range(n if periodic and n > 1 else n - 1)]


def _collect(n: int, terms: list[tuple[str, float]]) -> PauliSum:
    """Add up equal strings; a sum without terms is zero times the identity."""
    total: dict[str, float] = {}
    for string, coefficient in terms:
        total[string] = total.get(string, 0.0) + coefficient
    return PauliSum(total or {"I" * n: 0.0})
