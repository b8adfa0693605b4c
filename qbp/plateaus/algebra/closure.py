r"""Lie closure of sums of Pauli strings, by nested commutators, and its simple parts.

An element ``A = sum_s a_s P_s`` is a row of real numbers; the bracket is ``(i / 2) [A, B]``, so that two
strings that anticommute give a string.  Rows are kept orthonormal: ``tr(A B) = 2^n sum_s a_s b_s``.

A compact algebra is its centre and simple ideals.  A random element of it has the Cartan subalgebra as its
centralizer, and planes on which it turns, each inside one ideal: the ideal is what brackets make of a plane.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from qbp import draws
from qbp.plateaus.algebra.structure import Component
from qbp.plateaus.algebra.symplectic import bit_table, commutation, product

TOLERANCE = 1e-8
STRINGS = 2**13  # that sums may be made of: a table of all pairs takes half a gigabyte
Sum = Mapping[int, float]  # coefficients of strings, as vectors


class Strings(NamedTuple):
    """What brackets ask of the strings of a closure, one row each.

    Attributes:
        x, z: bits of the X and Z parts, float32, (strings, n).
        ys: how many Y each has, (strings,).
        graph: which anticommute, bool, (strings, strings).
        names: a number each, int64, that of a product being the XOR of both, (strings,).
        order: what sorts the names.
    """

    x: np.ndarray
    z: np.ndarray
    ys: np.ndarray
    graph: np.ndarray
    names: np.ndarray
    order: np.ndarray


@dataclass(frozen=True)
class Closure:
    """An orthonormal basis of the algebra that sums of Pauli strings generate.

    Attributes:
        n: number of qubits.
        strings: vectors of the strings in the basis.
        basis: coefficients, float64, shape (dimension, strings), orthonormal rows.
        actions: bracket with each generator in this basis, shape (generators, dimension, dimension).
    """

    n: int
    strings: list[int]
    basis: np.ndarray
    actions: np.ndarray

    @cached_property
    def _strings(self) -> Strings:
        """Tables of the strings, made once for all roots."""
        table, names = bit_table(self.strings, 2 * self.n), _names(self.strings, self.n)
        x, z = table[:, : self.n], table[:, self.n :]
        return Strings(x, z, (x * z).sum(1), commutation(self.strings, self.n), names, np.argsort(names))

    def coordinates(self, terms: Sum) -> tuple[np.ndarray, float]:
        """Return the part of a sum in the algebra, (dimension,), and the sum of squares of the rest."""
        place = {s: i for i, s in enumerate(self.strings)}
        inside = np.zeros(len(self.strings))
        for s, c in terms.items():
            if s in place:
                inside[place[s]] = c
        found = self.basis @ inside
        return found, max(0.0, sum(c * c for c in terms.values()) - float(found @ found))


def close(generators: Sequence[Sum], n: int, cap: int, strings: int = STRINGS) -> Closure:
    """Return the algebra that sums of Pauli strings generate.

    Args:
        generators: sums of strings, none zero.
        n: number of qubits.
        cap: largest dimension.
        strings: largest number of strings that its elements are made of.

    Raises:
        ValueError: the dimension is above `cap`, or there are more strings.
    """
    place: dict[int, int] = {}
    rows: list[np.ndarray] = []
    todo: list[Sum] = list(generators)
    signs: dict[tuple[int, int], tuple[int, float] | None] = {}
    brackets: list[list[Sum]] = []  # of each row with the generators
    while todo:
        terms = todo.pop()
        for s in terms:
            place.setdefault(s, len(place))
        if len(place) > strings:
            takes = f"what spans an algebra of up to {strings} strings"
            raise ValueError(f"generators must be {takes}, got sums that become more")
        row = _row(terms, place)
        if (size := np.linalg.norm(row)) < TOLERANCE:
            continue
        row /= size
        for _ in range(2):  # once more: the first leaves rounding
            for other in rows:
                row[: len(other)] -= (other @ row[: len(other)]) * other
        if (size := np.linalg.norm(row)) < TOLERANCE:
            continue
        if len(rows) == cap:
            takes = f"what spans an algebra of dimension up to {cap}, the cap for sums"
            raise ValueError(f"generators must be {takes}, got one that is larger")
        rows.append(row / size)
        element = _terms(rows[-1], list(place))
        brackets.append([_bracket(g, element, n, signs) for g in generators])
        todo += brackets[-1]
    for s in (s for some in brackets for terms in some for s in terms):
        place.setdefault(s, len(place))
    basis = np.array([np.pad(row, (0, len(place) - len(row))) for row in rows])
    actions = np.array([[_row(terms, place) for terms in some] for some in brackets]) @ basis.T
    return Closure(n, list(place), basis, actions.swapaxes(0, 1))


def _row(terms: Sum, place: Mapping[int, int]) -> np.ndarray:
    row = np.zeros(len(place))
    for s, c in terms.items():
        row[place[s]] = c
    return row


def _terms(row: np.ndarray, strings: Sequence[int]) -> Sum:
    return {strings[i]: float(row[i]) for i in np.flatnonzero(abs(row) > 1e-14).tolist()}


def _bracket(a: Sum, b: Sum, n: int, signs: dict) -> dict[int, float]:
    """Return ``(i / 2) [A, B]``; `signs` remembers products of strings."""
    found: dict[int, float] = {}
    for s, x in a.items():
        for t, y in b.items():
            if (s, t) not in signs:
                w, power = product(s, t, n)
                signs[s, t] = (w, power - 2.0) if power % 2 else None  # i times i^power: 1 is -1, 3 is +1
            if (known := signs[s, t]) is not None:
                found[known[0]] = found.get(known[0], 0.0) + known[1] * x * y
    return found


def simple_ideals(closure: Closure) -> tuple[list[tuple[Component, np.ndarray]], np.ndarray]:
    """Split an algebra into simple ideals and its centre.

    Returns:
        Each ideal as its type and an orthonormal basis, shape (dimension of the ideal, dimension); and such a
        basis of the centre.
    """
    d = len(closure.basis)
    moved = np.concatenate([action.T for action in closure.actions])
    centre = _null_space(moved)
    left, ideals = np.eye(d) - centre.T @ centre, []
    turn = _action(closure, draws.stream(0, "an element of an algebra").standard_normal(d))
    while len(rest := _rows_of(left)):
        _, vectors = np.linalg.eigh(1j * rest @ turn @ rest.T)
        plane = vectors[:, -1] @ rest  # the one that turns fastest
        ideal = _generated(closure, np.array([plane.real, plane.imag]))
        ideals.append((_type(closure, ideal, ideal @ turn @ ideal.T), ideal))
        left = left - ideal.T @ ideal
    return ideals, centre


def _action(closure: Closure, element: np.ndarray) -> np.ndarray:
    """Return the bracket with an element, shape (dimension, dimension): a row for each basis element."""
    x, z, ys, graph, names, order = closure._strings
    weights, turn = element @ closure.basis, np.zeros(graph.shape)
    for i in np.flatnonzero(abs(weights) > 1e-14).tolist():
        wanted = names[i] ^ names
        at = np.searchsorted(names, wanted, sorter=order) % len(names)
        known = np.flatnonzero(graph[i] & (names[order[at]] == wanted))  # the others cancel in an algebra
        to = order[at[known]]
        power = ys[i] + ys[known] - ys[to] + 2 * (x[known] @ z[i])  # of i, as symplectic.product has it
        turn[known, to] = weights[i] * (power % 4 - 2)
    return closure.basis @ turn @ closure.basis.T


def _names(strings: Sequence[int], n: int) -> np.ndarray:
    """Return a number for each string, int64, that of a product being the XOR of both: its bits, or where
    these are more than 62, parities of them that were drawn once."""
    table = bit_table(strings, 2 * n)
    width = table.shape[1]
    words = 1 << np.arange(min(width, 62), dtype=np.int64)
    if width > len(words):
        words = draws.stream(0, "names of strings").integers(2**62, size=width)  # type: ignore[assignment]
    return np.bitwise_xor.reduce(np.where(table > 0, words, 0), axis=1)


def _generated(closure: Closure, start: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the ideal of some elements: what brackets with generators make."""
    basis = _rows_of(start)
    while True:
        more = np.concatenate([basis, *(basis @ action for action in closure.actions)])
        grown = _rows_of(more)
        if len(grown) == len(basis):
            return basis
        basis = grown


def _rows_of(rows: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the span of rows."""
    if not rows.size:
        return rows.reshape(0, rows.shape[-1])
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    return basis[sizes > TOLERANCE * max(1.0, sizes[0])]


def _null_space(rows: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of what rows map to zero."""
    if not rows.size:
        return np.eye(rows.shape[-1])
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    return basis[int((sizes > TOLERANCE * max(1.0, sizes[0])).sum()) :]


def _type(closure: Closure, ideal: np.ndarray, turn: np.ndarray) -> Component:
    """Name a simple ideal by its dimension, its rank and, where these leave two, the lengths of its roots."""
    d = len(ideal)
    rank = int((abs(np.linalg.eigvals(turn)) < 1e-6 * np.linalg.norm(turn, 2)).sum())
    exceptional = {(14, 2): "g2", (52, 4): "f4", (133, 7): "e7", (248, 8): "e8"}
    if d == rank * (rank + 2):
        return Component("su", rank + 1, 1, d)
    if d == rank * (2 * rank - 1):
        return Component("so", 2 * rank, 1, d)
    if (d, rank) in exceptional:
        return Component(exceptional[d, rank], rank, 1, d)
    assert d == rank * (2 * rank + 1), (d, rank)
    if rank == 2:
        return Component("sp", 2, 1, d)
    long = _long_roots(closure, ideal, turn)
    kind = "so" if long > 2 * rank else "sp"
    if rank == 6 and long == d - rank:
        return Component("e6", 6, 1, d)
    return Component(kind, 2 * rank + 1 if kind == "so" else rank, 1, d)


def _long_roots(closure: Closure, ideal: np.ndarray, turn: np.ndarray) -> int:
    """Count the longest roots: 2 r of them in sp(r), 2 r (r - 1) in so(2 r + 1)."""
    values, vectors = np.linalg.eigh(1j * turn)
    lengths = []
    for root in vectors.T[values > 1e-6 * values[-1]]:
        x, y = (np.sqrt(2) * part @ ideal for part in (root.real, root.imag))
        lengths.append(np.linalg.norm(y @ _action(closure, x)))  # of unit x and y the bracket is the root
    return 2 * int((np.array(lengths) > 0.9 * max(lengths)).sum())
