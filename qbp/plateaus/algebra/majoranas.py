r"""Free fermions in disguise: the labels of strings that are products of two Majorana operators.

Strings that anticommute exactly where pairs {a, b} of labels share one label generate so(N), whatever they
look like: their anticommutation graph is a line graph.  The search builds a tree of such pairs.  What a
string u does to the tree is a set f(u) of labels, up to its complement: u anticommutes with the pair {a, b}
if one of the two is in f(u).

- f(u) is one label: u is a pair with a new label;
- f(u) is two labels: u does to the tree what their pair does, and must be that pair, or no labels exist
  once no generator brings a new one;
- f(u) is three or more, with as many left: the tree and u hold the graph E6, and no labels exist
  (Aguilar et al. 2024; Cuypers 2026).

Strings are compared by what they anticommute with among the generators, so all that is read is the graph.
"""

from typing import NamedTuple

import numpy as np


class Labels(NamedTuple):
    """Majorana labels of generators.

    Attributes:
        pairs: the two labels of each generator, the smaller first.
        tree: of each label the generators whose product is the pair {0, label}; none of label 0.
    """

    pairs: list[tuple[int, int]]
    tree: list[list[int]]


def majorana_labels(graph: np.ndarray) -> Labels | None:
    """Label the generators of one connected component by pairs of Majorana operators, or return None.

    Args:
        graph: which generators anticommute, bool, shape (m, m), connected, m at least 2.

    Returns:
        The labels; None if the algebra is none of free fermions.  Generators that differ by a string that
        commutes with all of them have the same labels.

    Example:
        >>> path = np.eye(4, k=1, dtype=bool) | np.eye(4, k=-1, dtype=bool)  # XI, ZZ, IX, IZ
        >>> majorana_labels(path).pairs
        [(0, 1), (1, 2), (2, 3), (3, 4)]
    """
    tree = _Tree(graph)
    while tree.open.any():
        sizes = np.minimum(tree.inside, len(tree.rows) - tree.inside)
        if (sizes[tree.open] >= 3).any():
            return None
        if len(single := np.flatnonzero(tree.open & (sizes == 1))):
            tree.take(int(single[0]))
            continue
        # No label is new.  A tree of four would find one: a generator anticommutes with its first pair times
        # its last, since the graph is connected and holds more than so(3), and meets an odd number of labels.
        for u in np.flatnonzero(tree.open & (sizes == 2)).tolist():
            tree.close(u)
        if tree.open.any():
            return None
    return Labels([tree.pairs[u] for u in range(len(graph))], tree.paths)


class _Tree:
    """A tree of pairs that grows, and what each generator does to it."""

    def __init__(self, graph: np.ndarray):
        self.graph = graph
        self.open = np.ones(len(graph), dtype=bool)
        self.pairs: dict[int, tuple[int, int]] = {}
        self.meets = np.zeros((len(graph), len(graph) + 1), dtype=bool)  # f(u): (generators, labels)
        self.inside = np.zeros(len(graph), dtype=int)  # sizes of f(u)
        self.rows = [np.zeros(len(graph), dtype=bool)]  # what the pair {0, label} anticommutes with
        self.paths: list[list[int]] = [[]]
        self._grow(0, 0)

    def take(self, u: int) -> None:
        """Take a generator that meets one label: a pair of it and a new one, or of two of three."""
        (a,) = self._members(u, 1)
        others = [label for label in range(3) if label != a]
        if len(self.rows) == 3 and self._is(u, *others):
            self._settle(u, *others)
        else:
            self._grow(u, a)

    def close(self, u: int) -> None:
        """Take a generator that meets two labels, if it is their pair."""
        a, b = self._members(u, 2)
        if self._is(u, a, b):
            self._settle(u, a, b)

    def _grow(self, u: int, a: int) -> None:
        """Take generator u as the pair of label a and a new one."""
        new = len(self.rows)
        self.meets[:, new] = self.meets[:, a] ^ self.graph[u]
        self.inside += self.meets[:, new]
        self.rows.append(self.rows[a] ^ self.graph[u])
        self.paths.append([*self.paths[a], u])
        self._settle(u, a, new)

    def _settle(self, u: int, a: int, b: int) -> None:
        self.pairs[u], self.open[u] = (min(a, b), max(a, b)), False

    def _is(self, u: int, a: int, b: int) -> bool:
        """Whether u anticommutes with what the pair of two labels does."""
        return bool((self.graph[u] == self.rows[a] ^ self.rows[b]).all())

    def _members(self, u: int, size: int) -> list[int]:
        """Return f(u), or its complement, whichever has `size` labels."""
        inside = self.meets[u, : len(self.rows)]
        return np.flatnonzero(inside if inside.sum() == size else ~inside).tolist()
