r"""Expectations of free fermions in disguise: orthogonal matrices in place of state vectors.

With Majorana labels a string of the algebra is ``h_ab = i m_a m_b``, up to its sign and a string C that
commutes with the component.  ``<h_ab>`` is an antisymmetric matrix Gamma, and a rotation by an angle phi
about ``s h_ab`` turns its rows and columns a and b,

    row a -> cos(phi) row a + s sin(phi) row b,        row b -> cos(phi) row b - s sin(phi) row a.

Strings C have the values +-1 in sectors, of which each has a Gamma; in the sector s holds the value of C.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from qbp import _checks
from qbp.plateaus.algebra.purity import Start
from qbp.plateaus.algebra.structure import StringComponent
from qbp.plateaus.algebra.symplectic import product

Gate = tuple[int, int]  # the string, as a vector, and the number of the angle


class Turn(NamedTuple):
    """Rotations on disjoint pairs of labels: they commute and act in one operation."""

    a: np.ndarray  # (k,) labels
    b: np.ndarray  # (k,)
    signs: np.ndarray  # (sectors, k)
    angles: np.ndarray  # (k,) numbers of the angles


class Fermions:
    """Gamma of a component, its gates and its part of an observable.

    Args:
        part: a component with Majorana labels.
        gates: the rotations of the circuit about its strings, first to last.
        terms: coefficients of strings in it.
        start: the state before the gates.
    """

    def __init__(self, part: StringComponent, gates: Sequence[Gate], terms: dict[int, float], start: Start):
        self.part, self.n_labels = part, len(part.roots)
        self.shifts = _products(part.twins, part.n)  # C with its sign, of each subset of the twins
        self.place = {v: i for i, (v, _) in enumerate(self.shifts)}
        count, sectors = np.arange(len(self.shifts)), len(self.shifts)
        got = f"{sectors} sectors of {self.n_labels} Majorana labels"
        _checks.memory("circuit", 32 * sectors * self.n_labels**2, got)
        odd = np.array([[int(a & b).bit_count() & 1 for b in count] for a in count])
        self.values = 1.0 - 2.0 * odd  # value of each C in each sector: (sectors, C)
        self.gamma = self._start(start)
        self.observable = np.zeros_like(self.gamma)
        for v, c in terms.items():
            pair = part.pair_of(v)
            assert pair is not None
            signs = c * self._signs(v, pair)
            self.observable[:, pair[0], pair[1]] += signs
            self.observable[:, pair[1], pair[0]] -= signs
        self.turns = self._turns(gates)

    def __str__(self) -> str:
        return f"free fermions so({self.n_labels})"

    def _pair(self, a: int, b: int) -> tuple[int, int]:
        """Return the string of ``h_ab``, a < b, and its sign."""
        if a == 0:
            return self.part.roots[b], 1
        v, power = product(self.part.roots[a], self.part.roots[b], self.part.n)  # h_ab = i h_0a h_0b
        return v, power - 2

    def _signs(self, v: int, pair: tuple[int, int]) -> np.ndarray:
        """Return the sign of a string by its pair in each sector."""
        h, sign = self._pair(*pair)
        number = self.place[v ^ h]
        shift, own = self.shifts[number]
        return sign * own * (1 - product(h, shift, self.part.n)[1]) * self.values[:, number]

    def _start(self, start: Start) -> np.ndarray:
        """Return Gamma of each sector in the start state, shape (sectors, labels, labels)."""
        gamma = np.zeros((len(self.shifts), self.n_labels, self.n_labels))
        pairs = list(combinations(range(self.n_labels), 2))
        strings = [self._pair(a, b) for a, b in pairs]
        a, b = np.array(pairs).T
        for number, (shift, own) in enumerate(self.shifts):
            moved = [product(h, shift, self.part.n) for h, _ in strings]
            signs = [sign * own * (1 - power) for (_, sign), (_, power) in zip(strings, moved, strict=True)]
            found = np.array(signs) * start.expectations([v for v, _ in moved])
            gamma[:, a, b] += self.values[:, number, None] * found / len(self.shifts)
        return gamma - gamma.swapaxes(-1, -2)

    def _turns(self, gates: Sequence[Gate]) -> list[Turn]:
        """Put gates on disjoint labels together, as early as they can act."""
        known = dict(zip(self.part.strings, self.part.labels.pairs, strict=True)) if self.part.labels else {}
        signs = {v: self._signs(v, pair) for v, pair in known.items()}
        depth = [0] * self.n_labels
        layers: list[list[Gate]] = []
        for v, angle in gates:
            a, b = known[v]
            slot = max(depth[a], depth[b])
            depth[a] = depth[b] = slot + 1
            if slot == len(layers):
                layers.append([])
            layers[slot].append((v, angle))
        return [
            Turn(
                np.array([known[v][0] for v, _ in layer]),
                np.array([known[v][1] for v, _ in layer]),
                np.stack([signs[v] for v, _ in layer], axis=-1),
                np.array([angle for _, angle in layer]),
            )
            for layer in layers
        ]

    def value(self, angles: np.ndarray, gradient: np.ndarray | None = None) -> np.ndarray:
        """Return the expectation, shape (runs,), and add its derivative by each angle to `gradient`.

        Args:
            angles: in radians, (runs, angles).
            gradient: (runs, angles) or None.
        """
        gamma = np.tile(self.gamma, (len(angles), 1, 1, 1))
        for turn in self.turns:
            _rotate(gamma, turn, angles[:, turn.angles])
        value = (gamma * self.observable).sum(axis=(-1, -2, -3)) / 2
        if gradient is not None:
            lam = np.tile(self.observable, (len(angles), 1, 1, 1))
            for turn in reversed(self.turns):
                upper = lam[..., turn.a, :] * gamma[..., turn.b, :]
                lower = lam[..., turn.b, :] * gamma[..., turn.a, :]
                slope = turn.signs * (upper - lower).sum(axis=-1)
                gradient[:, turn.angles] += slope.sum(axis=1)
                for table in (lam, gamma):
                    _rotate(table, turn, -angles[:, turn.angles])
        return value


def _rotate(table: np.ndarray, turn: Turn, angles: np.ndarray) -> None:
    """Turn rows and columns of matrices, (runs, sectors, labels, labels), in place; angles are (runs, k)."""
    cos, sin = np.cos(angles)[:, None, :], np.sin(angles)[:, None, :] * turn.signs
    for flat, c, s in ((False, cos[..., None], sin[..., None]), (True, cos[..., None, :], sin[..., None, :])):
        rows = (..., turn.a) if flat else (..., turn.a, slice(None))
        others = (..., turn.b) if flat else (..., turn.b, slice(None))
        first, second = table[rows], table[others]
        table[rows], table[others] = c * first + s * second, c * second - s * first


def _products(basis: Sequence[int], n: int) -> list[tuple[int, int]]:
    """Return the products of all subsets of strings that commute, as (string, sign)."""
    found = [(0, 1)]
    for v in basis:
        for w, sign in list(found):
            u, power = product(w, v, n)
            found.append((u, sign * (1 - power)))
    return found
