r"""Purities in an algebra: how much of a product state, and of an observable, lies in it.

For Pauli strings the purity of the start state in a component is ``sum <P>^2`` over its strings P, up to
2^n.  Where every qubit starts in an eigenstate of a Pauli matrix, as in ``|0...0>`` or ``|+...+>``, it counts
the strings that are products of these matrices, and linear algebra counts them; else the strings are listed.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import islice

import numpy as np

from qbp.plateaus.algebra.structure import StringComponent
from qbp.plateaus.algebra.symplectic import Span, anticommute, bit_table, product, swapped, vector

LISTED = 2**17  # strings of an algebra


class Start:
    """A product state, by its expectations of I, X, Z, Y on each qubit, float64, shape (n_qubits, 4)."""

    def __init__(self, table: np.ndarray):
        self.table, self.n = table, len(table)
        self._known: dict[int, float] = {}
        pure = abs(abs(table[:, 1:]) - 1) < 1e-12
        self.stabilizer: int | None = None  # its letter of a qubit is the Pauli matrix that starts it
        if pure.any(axis=1).all():
            letters = "".join("XZY"[letter] for letter in pure.argmax(axis=1))
            self.stabilizer = vector(letters)

    def expectations(self, strings: Sequence[int]) -> np.ndarray:
        """Return the expectations of strings, as vectors, float64."""
        found = []
        every = iter(strings)
        while some := list(islice(every, 4096)):
            bits = bit_table(some, 2 * self.n).astype(np.int8)
            letters = bits[:, : self.n] + 2 * bits[:, self.n :]
            found.append(self.table[np.arange(self.n), letters].prod(axis=1))
        return np.concatenate([np.zeros(0), *found])

    def expectation(self, v: int) -> float:
        """Return the expectation of one string."""
        if v not in self._known:
            self._known[v] = float(self.expectations([v])[0])
        return self._known[v]

    def syndrome(self, v: int) -> int:
        """Return on which qubits a string anticommutes with the stabilizer's letter; 0 of their products."""
        assert self.stabilizer is not None
        crossed = swapped(self.stabilizer, self.n) & v
        return (crossed >> self.n ^ crossed) & (1 << self.n) - 1


def correlation(part: StringComponent, start: Start, shift: int) -> float:
    """Return the mean of ``<Q> <Q C>`` over the strings Q of a component; of ``<Q>^2`` where C is 1.

    Args:
        part: the component.
        start: the state.
        shift: the string C as a vector; it commutes with the component, which contains Q C with Q.

    Raises:
        ValueError: the state is no product of eigenstates of Pauli matrices, and the algebra is large.
    """
    if start.stabilizer is not None:
        weight = start.expectation(shift)
        return weight * (_count(part, start) / part.dimension) if weight else 0.0
    if part.dimension == 4**start.n - 1:
        return (2**start.n - 1) / part.dimension  # all strings: the state is pure
    if part.dimension > LISTED:
        takes = "eigenstates of X, Y or Z on every qubit where the algebra has over 2^17 strings"
        raise ValueError(f"circuit must start in {takes}, got one of dimension {part.dimension}")
    strings = list(part.elements())
    values = start.expectations(strings)
    if not shift:
        return float((values**2).mean())
    moved = [product(q, shift, start.n) for q in strings]
    signs = np.array([1.0 - power for _, power in moved])  # powers of i: 0 or 2
    return float((values * signs * start.expectations([w for w, _ in moved])).mean())


def _count(part: StringComponent, start: Start) -> int:
    """Return how many strings of a component are products of the stabilizers of the start."""
    if part.labels is not None:
        twins = [start.syndrome(v) for v in part.twins]
        span = Span(start.n)
        for syndrome in twins:
            span.add(syndrome, 0)
        labels = Counter(span.coset(start.syndrome(root)) for root in part.roots)
        return sum(m * (m - 1) // 2 for m in labels.values()) << len(twins) - len(span)
    counts = []
    for basis in (part.span.basis(), part.radical):
        kept = _stabilized(basis, start)
        free = part.span.consistent  # else q is no form, and every product that is moved is in the algebra
        counts.append(2 ** len(kept) if not free else 2 ** len(kept) // 2 * any(q for _, q in kept))
    return counts[0] - counts[1]


def _stabilized(basis: Sequence[tuple[int, int]], start: Start) -> list[tuple[int, int]]:
    """Return a basis, with q, of the products in a span that are products of the stabilizers."""
    rows: dict[int, tuple[int, int, int]] = {}  # leading bit of the syndrome: syndrome, vector, q
    kept = []
    for v, q in basis:
        syndrome = start.syndrome(v)
        while syndrome and (row := rows.get(syndrome.bit_length())):
            q ^= row[2] ^ anticommute(v, row[1], start.n)
            syndrome, v = syndrome ^ row[0], v ^ row[1]
        if syndrome:
            rows[syndrome.bit_length()] = syndrome, v, q
        else:
            kept.append((v, q))
    return kept
