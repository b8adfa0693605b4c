r"""Pauli strings as vectors over the field of two elements, and the quadratic form of what they generate.

A string on n qubits is one whole number of 2n bits, its X part above its Z part; a product is XOR, up to a
phase.  Two strings anticommute if their symplectic product is 1.  On the span W of generators there is a
quadratic form q with ``q(u + v) = q(u) + q(v) + <u, v>`` and q = 1 on each generator, if their relations
allow it: it tells which products of generators are nested commutators of them (Cuypers 2026).
"""

from collections.abc import Iterable, Sequence

import numpy as np

from qbp.circuits.lowering.frames import bits


def vector(pauli: str) -> int:
    """Return a Pauli string as one number, X part above Z part.

    Example:
        >>> bin(vector("XZ"))
        '0b1001'
    """
    x, z = bits(pauli)
    return x << len(pauli) | z


def spelled(v: int, n: int) -> str:
    """Return the letters of a vector.

    Example:
        >>> spelled(vector("XYZI"), 4)
        'XYZI'
    """
    x, z = f"{v >> n:0{n}b}", f"{v & (1 << n) - 1:0{n}b}"
    return "".join(("IZ", "XY")[a == "1"][b == "1"] for a, b in zip(x, z, strict=True))


def swapped(v: int, n: int) -> int:
    """Return a vector with its X and Z parts exchanged: ``<u, v>`` is the parity of ``swapped(u) & v``."""
    return (v & (1 << n) - 1) << n | v >> n


def anticommute(u: int, v: int, n: int) -> bool:
    """Whether two strings anticommute.

    Example:
        >>> anticommute(vector("XX"), vector("ZI"), 2)
        True
    """
    return bool((swapped(u, n) & v).bit_count() & 1)


def product(u: int, v: int, n: int) -> tuple[int, int]:
    """Return the product of two strings as (string, power of i).

    Example:
        >>> product(vector("X"), vector("Y"), 1) == (vector("Z"), 1)
        True
    """
    low = (1 << n) - 1
    w = u ^ v
    ys = [((a >> n) & a & low).bit_count() for a in (u, v, w)]  # Y = i X Z
    crossed = (u & v >> n & low).bit_count()  # Z before X: -X Z
    return w, (ys[0] + ys[1] - ys[2] + 2 * crossed) % 4


def commutation(vectors: Sequence[int], n: int) -> np.ndarray:
    """Return which strings anticommute, bool, shape (strings, strings)."""
    table = bit_table(vectors, 2 * n)
    x, z = table[:, :n], table[:, n:]
    crossed = x @ z.T  # counts up to n: whole numbers in single precision
    return ((crossed + crossed.T) % 2).astype(bool)


def bit_table(vectors: Sequence[int], width: int) -> np.ndarray:
    """Return vectors as rows of zeros and ones, float32, the most significant bit first."""
    size = -(-width // 8)
    raw = np.frombuffer(b"".join(v.to_bytes(size, "big") for v in vectors), np.uint8).reshape(-1, size)
    return np.unpackbits(raw, axis=1)[:, 8 * size - width :].astype(np.float32)


class Span:
    """Span of vectors over the field of two elements, with the form q of its generators.

    Args:
        n: number of qubits.

    Attributes:
        rows: of each leading bit, a vector and its q.
        consistent: whether q is well defined: no product of generators is the identity with q = 1.
    """

    def __init__(self, n: int, generators: Iterable[int] = ()):
        self.n = n
        self.rows: dict[int, tuple[int, int, int]] = {}  # leading bit: vector, swapped vector, q
        self.consistent = True
        for generator in generators:
            self.add(generator)

    def reduce(self, v: int, q: int = 0) -> tuple[int, int]:
        """Return what is left of a vector, 0 in the span, and q of that; q = 0 in gives q(v) out if so."""
        while v and (row := self.rows.get(v.bit_length())):
            q ^= row[2] ^ (row[1] & v).bit_count() & 1
            v ^= row[0]
        return v, q

    def coset(self, v: int) -> int:
        """Return the same vector for all that differ from `v` by one of the span."""
        for bit in sorted(self.rows, reverse=True):
            if v >> (bit - 1) & 1:
                v ^= self.rows[bit][0]
        return v

    def add(self, v: int, q: int = 1) -> bool:
        """Add a vector with its q; return whether the span has grown."""
        v, q = self.reduce(v, q)
        if v:
            self.rows[v.bit_length()] = v, swapped(v, self.n), q
        elif q:
            self.consistent = False
        return bool(v)

    def basis(self) -> list[tuple[int, int]]:
        """Return a basis as (vector, q)."""
        return [(v, q) for v, _, q in self.rows.values()]

    def __len__(self) -> int:
        return len(self.rows)


def hyperbolic(basis: Sequence[tuple[int, int]], n: int) -> tuple[int, int, list[tuple[int, int]]]:
    """Split a space into pairs that anticommute and its radical, whose elements commute with all.

    Args:
        basis: vectors with their q.
        n: number of qubits.

    Returns:
        (pairs, Arf invariant of q on them, basis of the radical with q).

    Example:
        >>> hyperbolic([(vector("XI"), 1), (vector("ZI"), 1), (vector("IZ"), 1)], 2)
        (1, 1, [(1, 1)])
    """
    rest, radical, pairs, arf = list(basis), [], 0, 0
    while rest:
        a, q_a = rest.pop()
        turned = swapped(a, n)
        partner = next((i for i, (v, _) in enumerate(rest) if (turned & v).bit_count() & 1), None)
        if partner is None:
            radical.append((a, q_a))
            continue
        b, q_b = rest.pop(partner)
        pairs, arf = pairs + 1, arf ^ q_a & q_b
        other = swapped(b, n)
        cleared = []
        for v, q in rest:
            with_a, with_b = (turned & v).bit_count() & 1, (other & v).bit_count() & 1
            if with_b:
                v, q = v ^ a, q ^ q_a ^ with_a
            if with_a:
                v, q = v ^ b, q ^ q_b ^ (other & v).bit_count() & 1
            cleared.append((v, q))
        rest = cleared
    return pairs, arf, radical
