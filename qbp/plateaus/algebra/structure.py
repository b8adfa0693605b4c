r"""Simple parts of the Lie algebra that Pauli strings generate, read off their anticommutation graph.

The algebra is spanned by Pauli strings.  Each connected component of the graph gives a simple algebra, in a
number of copies that is a power of two: strings that commute with a whole component, but are products of its
strings, split it.  Free fermions give so(N).  Every other component has, with 2g the rank of its graph, all
products of its strings that do not commute with all of them and have q = 1, where q is well defined: so(2^g),
sp(2^(g-1)) or su(2^g) (Aguilar et al. 2024; Cuypers 2026).  There is nothing between free fermions and 2^g.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np

from qbp.plateaus.algebra.majoranas import Labels, majorana_labels
from qbp.plateaus.algebra.symplectic import Span, anticommute, commutation, hyperbolic


@dataclass(frozen=True)
class Component:
    """A simple Lie algebra and how often it occurs.

    Attributes:
        kind: "so", "su", "sp", or the type of an exceptional algebra, such as "g2".
        size: N of so(N) and su(N), of sp(N) half the size of its matrices; the rank of an exceptional one.
        copies: how many of them there are.
        dimension: of all copies together.
    """

    kind: str
    size: int
    copies: int
    dimension: int

    def __str__(self) -> str:
        power = _shown(self.copies)
        name = f"{self.kind}({_shown(self.size)})" if self.kind in ("so", "su", "sp") else self.kind
        return name if self.copies == 1 else f"{power} {name}"


@dataclass(frozen=True)
class StringComponent(Component):
    """A component that Pauli strings generate.

    Attributes:
        strings: the generators, as vectors.
        n: number of qubits.
        labels: their Majorana labels, None if there are none.
        twins: strings that split free fermions into copies, as a basis of vectors.
    """

    strings: tuple[int, ...] = field(repr=False)
    n: int
    labels: Labels | None = field(repr=False, compare=False)
    twins: tuple[int, ...] = field(repr=False)

    @cached_property
    def span(self) -> Span:
        """The span of the generators."""
        return Span(self.n, self.strings)

    @cached_property
    def radical(self) -> list[tuple[int, int]]:
        """A basis of the products of generators that commute with all of them, each with its q."""
        return hyperbolic(self.span.basis(), self.n)[2]

    @cached_property
    def roots(self) -> list[int]:
        """Of each Majorana label the string of the pair {0, label}; the identity for label 0."""
        assert self.labels is not None
        return [_product(self.strings[g] for g in edge) for edge in self.labels.tree]

    def moved_by(self, v: int) -> bool:
        """Whether a string anticommutes with a generator."""
        return any(anticommute(v, s, self.n) for s in self.strings)

    def contains(self, v: int) -> bool:
        """Whether a string is in the algebra."""
        if self.labels is not None:
            return self.pair_of(v) is not None
        left, q = self.span.reduce(v)
        return not left and (q == 1 or not self.span.consistent) and self.moved_by(v)

    @cached_property
    def splitting(self) -> Span:
        """Strings that split the component into copies; a string of it times one of these is in it, too."""
        found = Span(self.n)
        if self.labels is not None:
            rest = [(v, 0) for v in self.twins]
        else:
            rest = list(self.radical)
            odd = next((v for v, q in rest if q), 0) if self.span.consistent else 0
            rest = [(v ^ odd, 0) if q and odd else (v, 0) for v, q in rest]
        for v, q in rest:
            if v:
                found.add(v, q)
        return found

    @cached_property
    def _by_root(self) -> dict[int, list[int]]:
        """Labels by what is left of their string after the twins."""
        found: dict[int, list[int]] = {}
        for label, root in enumerate(self.roots):
            found.setdefault(self.splitting.coset(root), []).append(label)
        return found

    def pair_of(self, v: int) -> tuple[int, int] | None:
        """Return the Majorana labels of a string, None if it is not in the algebra."""
        for a, root in enumerate(self.roots):
            for b in self._by_root.get(self.splitting.coset(v ^ root), ()):
                if a < b:
                    return a, b
        return None

    def elements(self) -> Iterator[int]:
        """Yield all strings of the algebra: `dimension` of them."""
        if self.labels is not None:
            shifts = list(_subsets(self.twins))
            for a, b in combinations(self.roots, 2):
                yield from (a ^ b ^ c for c in shifts)
            return
        seen, todo = set(self.strings), list(self.strings)
        while todo:
            v = todo.pop()
            yield v
            for s in self.strings:
                if anticommute(v, s, self.n) and (w := v ^ s) not in seen:
                    seen.add(w)
                    todo.append(w)


def components(strings: Sequence[int], n: int) -> tuple[list[StringComponent], list[int]]:
    """Split the algebra of Pauli strings into simple parts and its centre.

    Args:
        strings: different vectors, none the identity.
        n: number of qubits.

    Returns:
        The components, and the strings that commute with all the others.
    """
    graph = commutation(strings, n)
    groups = [[int(i) for i in group] for group in _connected(graph)]
    centre = [strings[i] for i, *rest in groups if not rest]
    return [_component([strings[i] for i in g], graph[np.ix_(g, g)], n) for g in groups if len(g) > 1], centre


def _component(strings: list[int], graph: np.ndarray, n: int) -> StringComponent:
    labels = majorana_labels(graph)
    if labels is not None:
        roots = [_product(strings[g] for g in edge) for edge in labels.tree]
        twins = Span(n)
        for s, (a, b) in zip(strings, labels.pairs, strict=True):
            twins.add(s ^ roots[a] ^ roots[b], 0)
        size, copies = len(roots), 2 ** len(twins)
        kind, named = {3: ("su", 2), 5: ("sp", 2), 6: ("su", 4)}.get(size, ("so", size))
        total = copies * (size * (size - 1) // 2)
        basis = tuple(v for v, _ in twins.basis())
        return StringComponent(kind, named, copies, total, tuple(strings), n, labels, basis)
    span = Span(n, strings)
    g, arf, radical = hyperbolic(span.basis(), n)
    halved = span.consistent and any(q for _, q in radical)
    copies = 2 ** (len(radical) - halved)
    if halved or not span.consistent:
        kind, size, dimension = "su", 2**g, 4**g - 1
    elif arf:
        kind, size, dimension = "sp", 2 ** (g - 1), 2 ** (g - 1) * (2**g + 1)
    else:
        kind, size, dimension = "so", 2**g, 2 ** (g - 1) * (2**g - 1)
    return StringComponent(kind, size, copies, copies * dimension, tuple(strings), n, None, ())


def _connected(graph: np.ndarray) -> list[np.ndarray]:
    """Return the connected components of a graph."""
    left, groups = np.ones(len(graph), dtype=bool), []
    while left.any():
        inside = np.zeros(len(graph), dtype=bool)
        edge = np.flatnonzero(left)[:1]
        while len(edge):
            inside[edge] = True
            edge = np.flatnonzero(graph[edge].any(axis=0) & ~inside)
        groups.append(np.flatnonzero(inside))
        left &= ~inside
    return groups


def _product(vectors: Iterator[int]) -> int:
    found = 0
    for v in vectors:
        found ^= v
    return found


def _subsets(basis: Sequence[int]) -> Iterator[int]:
    """Yield the products of all subsets of strings."""
    products = [0]
    for v in basis:
        products += [p ^ v for p in products]
    yield from products


def _shown(size: int) -> str:
    return f"2^{size.bit_length() - 1}" if size > 64 and not size & (size - 1) else str(size)
