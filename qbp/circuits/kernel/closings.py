"""Closings of layers: signs of CZs and permutations of CNOTs, in tables shorter than a state."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from qbp.circuits.gates import Entangler
from qbp.circuits.kernel.stages import Stage

CHUNK = 2**16  # amplitudes whose numbers are made together


class Closings:
    """The tables of a program, one for each entangler that is different.

    Args:
        n: number of qubits.
        V: lanes of a vector.
        lane_bits: the last qubits, which lie in the lanes; 0 where samples do.

    Attributes:
        signs: of each table of CZs, the lanes of every row that change sign, as bits; the first changes none.
        places: of each permutation, there and back, where the amplitudes of a row come from; the first two
            are none.
    """

    def __init__(self, n: int, V: int, lane_bits: int) -> None:
        self.n, self.V, self.lane_bits = n, V, lane_bits
        self.signs = [np.zeros(1 << (n - lane_bits), np.uint16)]
        self.places = [self._places(())] * 2
        self.slots: dict[Entangler, tuple[int, int]] = {}

    def add(self, closing: Sequence[Stage]) -> tuple[int, int]:
        """Return the kind of a layer's end, and its table."""
        if not closing or closing[0].kind == "strings":
            return (3 if closing else 0), 0
        entangler = Entangler(closing[0].kind, tuple(closing[0].gates))
        if entangler not in self.slots:
            if entangler.kind == "cz":
                self.slots[entangler] = 1, len(self.signs)
                self.signs.append(self._signs(entangler.pairs))
            else:
                self.slots[entangler] = 2, len(self.places)
                self.places += [self._places(entangler.pairs[::-1]), self._places(entangler.pairs)]
        return self.slots[entangler]

    def _signs(self, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
        """Return the lanes of each row whose sign CZs change, as bits."""
        bits = (1 << np.arange(self.V) if self.lane_bits else np.array([2**self.V - 1])).astype(np.uint16)
        both = [1 << (self.n - 1 - a) | 1 << (self.n - 1 - b) for a, b in pairs]
        rows = []
        for index in indices(self.n):
            odd = np.zeros(len(index), bool)
            for mask in both:
                odd ^= index & mask == mask
            rows.append((odd.reshape(-1, len(bits)) * bits).sum(1, dtype=np.uint16))
        return np.concatenate(rows)

    def _places(self, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
        """Return where amplitudes come from: what the lanes, the lower and upper bits of a row add, mod 2.

        CNOTs are linear in the bits of an index; `pairs` act on it first to last, which undoes them.  With
        one state in the lanes, the real parts of row r begin at 2 r V.
        """
        lanes, images = self.lane_bits, []
        for bit in range(self.n):
            source = 1 << bit
            for control, target in pairs:
                source ^= (source >> (self.n - 1 - control) & 1) << (self.n - 1 - target)
            images.append(source + (source >> lanes << lanes) if lanes else source)
        middle = lanes + (self.n - lanes + 1) // 2
        return np.concatenate([_sums(images[:lanes]), _sums(images[lanes:middle]), _sums(images[middle:])])


def _sums(images: Iterable[int]) -> np.ndarray:
    """Return the sums modulo 2 of all subsets, int32."""
    table = np.zeros(1, np.int32)
    for image in images:
        table = np.concatenate([table, table ^ np.int32(image)])
    return table


def indices(n: int) -> Iterator[np.ndarray]:
    """Yield the indices of 2**n amplitudes, some at a time: what is made of them is then short, too.

    Example:
        >>> [index.tolist() for index in indices(2)]
        [[0, 1, 2, 3]]
    """
    for first in range(0, 2**n, CHUNK):
        yield np.arange(first, min(first + CHUNK, 2**n))
