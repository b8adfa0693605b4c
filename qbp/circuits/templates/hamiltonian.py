r"""Circuits made of the Hamiltonian they serve: the Hamiltonian variational ansatz and QAOA.

Both apply ``exp(-i theta A)`` for a few operators A whose terms commute, in turn, layer by layer.  A term
``c P`` of A is a rotation about P by ``2 c theta``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from qbp import _checks
from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Program, Rotation, Start
from qbp.circuits.observables import PauliSum, maxcut


@dataclass(frozen=True)
class HamiltonianVariational(Circuit):
    r"""Hamiltonian variational ansatz ``prod_l prod_g exp(-i theta_lg H_g)`` (Wecker et al. 2015; Wiersema et
    al. 2020).

    The terms of H are put into groups H_g that commute: by the letters a string names, which are "Z", "Y",
    "X", "ZY", "ZX", "YX", "ZYX" in this order; strings of several letters that do not commute go into
    further groups.  The identity and terms with coefficient 0 are left out.  `theta` is laid out
    (layer, group), flattened: n_params = n_layers * len(groups).

    Args:
        H: the Hamiltonian, in units of energy, so that theta is in radians per such unit.
        n_layers: at least 1.
        start: "plus", "zero", or amplitudes of a product state, shape (n_qubits, 2), each row normalized.

    Raises:
        TypeError, ValueError: an argument is none of these, or H has no term but the identity.

    Example:
        >>> from qbp import tfim
        >>> HamiltonianVariational(tfim(3), n_layers=2).groups
        (('ZZI', 'IZZ'), ('XII', 'IXI', 'IIX'))
    """

    H: PauliSum
    n_layers: int
    start: Start = "plus"

    def __post_init__(self) -> None:
        if not isinstance(self.H, PauliSum):
            raise TypeError(f"H must be a PauliSum, got {type(self.H).__name__!r}")
        self.__dict__["n_qubits"] = self.H.n_qubits
        super().__post_init__()
        self.__dict__["n_layers"] = _checks.integer("n_layers", self.n_layers)
        if not self.groups:
            raise ValueError(f"H must have a term other than the identity, got {self.H!r}")
        gates = self.n_layers * len(self.H.terms)
        _checks.memory("n_layers", 100 * gates, f"{gates} gates")

    @cached_property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The strings that share an angle, in the order they act."""
        strings = [p for p, c in self.H.terms.items() if c and set(p) != {"I"}]
        found: dict[tuple[int, ...], list[list[str]]] = {}
        for string in sorted(strings, key=lambda p: p.replace("I", "~")):  # of equal sums, equal groups
            groups = found.setdefault(kind := _kind(string), [])
            fits = (group for group in groups if len(kind) == 1 or _commutes(string, group))
            if (group := next(fits, None)) is None:
                groups.append(group := [])
            group.append(string)
        kinds = sorted(found, key=lambda kind: (len(kind), kind))
        return tuple(tuple(group) for kind in kinds for group in found[kind])

    @cached_property
    def program(self) -> Program:  # type: ignore[override]  # an attribute, once it is made
        """The gates, first to last."""
        n_groups, terms = len(self.groups), self.H.terms
        return Program(
            Rotation(string, layer * n_groups + g, 2 * terms[string])
            for layer in range(self.n_layers)
            for g, group in enumerate(self.groups)
            for string in group
        )


@dataclass(frozen=True)
class QAOA(Circuit):
    r"""Quantum approximate optimization of the maximum cut (Farhi et al. 2014).

    Layer l applies ``exp(-i gamma_l C)``, then ``exp(-i beta_l B)``, with ``C = sum w (1 - Z_i Z_j) / 2`` the
    weight of the cut, to be maximized, and ``B = sum X_i``.  `theta` is laid out (layer, (gamma, beta)),
    flattened: gamma_1, beta_1, gamma_2, ...; n_params = 2 n_layers.

    Args:
        graph: pairs (i, j) or triples (i, j, weight) of different vertices, integers from 0; or a graph as of
            networkx, with `nodes` and `edges`, where an edge may have a "weight".  Its vertices are qubits by
            their name if that is 0, 1, ..., n - 1, else in the order of `nodes`.
        n_layers: at least 1.
        n_qubits: number of vertices; None means those of the graph, or up to the largest that has an edge.
        start: "plus", "zero", or amplitudes of a product state, shape (n_qubits, 2), each row normalized.

    Raises:
        TypeError, ValueError: an argument is none of these, or there is no edge.

    Example:
        >>> import torch
        >>> circuit = QAOA([(0, 1)], n_layers=1)
        >>> theta = torch.tensor([torch.pi / 2, torch.pi / 8])  # one edge is cut for sure
        >>> circuit.expectation(theta, circuit.hamiltonian).round()
        tensor(-1.)
    """

    graph: tuple[tuple[int, int, float], ...]
    n_layers: int
    n_qubits: int = None  # type: ignore[assignment]  # a number once it is made
    start: Start = "plus"

    def __post_init__(self) -> None:
        edges, n = _edges(self.graph)
        edges = [tuple(edge) if len(edge) == 3 else (*edge, 1.0) for edge in edges]
        weights = [_checks.number("a weight of graph", edge[2]) for edge in edges]
        pairs = [_pair(edge[:2]) for edge in edges]
        least = max(max(map(max, pairs)) + 1, n)
        if self.n_qubits is not None and _checks.integer("n_qubits", self.n_qubits) < least:
            raise ValueError(f"n_qubits must be at least {least}, what graph needs, got {self.n_qubits}")
        self.__dict__["n_qubits"] = least if self.n_qubits is None else self.n_qubits
        self.__dict__["graph"] = tuple((*pair, w) for pair, w in zip(pairs, weights, strict=True))
        super().__post_init__()
        self.__dict__["n_layers"] = _checks.integer("n_layers", self.n_layers)
        gates = self.n_layers * (len(pairs) + self.n_qubits)
        _checks.memory("n_layers", 100 * gates + self.n_qubits**2, f"{gates} gates")

    @cached_property
    def hamiltonian(self) -> PauliSum:
        """Return -C, to be minimized, as :func:`qbp.circuits.observables.maxcut` gives it."""
        pairs = [edge[:2] for edge in self.graph]
        return maxcut(pairs, [edge[2] for edge in self.graph], n_qubits=self.n_qubits)

    @cached_property
    def program(self) -> Program:  # type: ignore[override]  # an attribute, once it is made
        """The gates, first to last."""
        n = self.n_qubits
        cut = [("".join("Z" if q in edge[:2] else "I" for q in range(n)), -edge[2]) for edge in self.graph]
        mix = [("I" * q + "X" + "I" * (n - 1 - q), 2.0) for q in range(n)]
        return Program(
            Rotation(string, 2 * layer + k, scale)
            for layer in range(self.n_layers)
            for k, terms in enumerate((cut, mix))
            for string, scale in terms
        )


def _kind(string: str) -> tuple[int, ...]:
    """Return the letters a string names, Z before Y before X, as numbers."""
    return tuple("ZYX".index(letter) for letter in "ZYX" if letter in string)


def _commutes(string: str, group: Iterable[str]) -> bool:
    differ = (
        sum(p != q and "I" not in (p, q) for p, q in zip(string, other, strict=True)) for other in group
    )
    return all(count % 2 == 0 for count in differ)


def _edges(graph: Any) -> tuple[list[Any], int]:
    """Return the edges of a graph or of a list, and the number of vertices of a graph, else 0."""
    takes = "graph must be a list of pairs or triples (i, j, weight), or have nodes and edges"
    if not hasattr(graph, "nodes") or not hasattr(graph, "edges"):
        listed = isinstance(graph, Iterable) and not isinstance(graph, str | bytes | set | frozenset | dict)
        edges = list(graph) if listed and getattr(graph, "ndim", 1) > 0 else []
        if not edges or not all(isinstance(e, Sequence) and len(e) in (2, 3) for e in edges):
            raise ValueError(f"{takes}, got {graph!r}")
        return edges, 0
    nodes = list(graph.nodes)
    if set(nodes) == set(range(len(nodes))):
        nodes.sort()
    number = {node: q for q, node in enumerate(nodes)}
    edges = [(number[a], number[b], w) for a, b, w in graph.edges(data="weight", default=1.0)]
    if not edges:
        raise ValueError(f"{takes}, one edge or more, got {graph!r}")
    return edges, len(nodes)


def _pair(ends: Sequence[int]) -> tuple[int, int]:
    a, b = (_checks.integer("a vertex of graph", v, 0) for v in ends)
    if a == b:
        raise ValueError(f"graph must have edges between different vertices, got {(a, b)}")
    return a, b
