r"""Families of Pauli strings that walk together: the pair check of an observable under a circuit.

The second moment of a sum has a term for each pair of strings ``P_a``, ``P_b``.  A rotation keeps the pair
only if its generator anticommutes with both or with neither, that is, if it commutes with their product,
which therefore is never changed by a rotation and has one way back.  The pair contributes nothing if
that product anticommutes with a generator that it meets, or arrives where the start state gives it no
expectation.  What a product anticommutes with is the sum modulo 2 of what its factors do, so no pairs are
listed: strings with the same syndrome form a family.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qbp.plateaus.pauli.strings import (
    Chain,
    Step,
    back,
    back_signs,
    letters_of,
    meets,
    pack,
    parts,
    product_phase,
    unpack,
    without_expectation,
)

if TYPE_CHECKING:
    from qbp.circuits.observables import PauliSum, Projector

LARGEST = 10  # log2 of the strings of a projector that may walk together


class Family(NamedTuple):
    """Strings that walk together, each the first one times a fixed string; most families have one member."""

    first: np.ndarray  # (n,) letters, x + 2 z; of a projector, where each walk draws I or Z, all Z
    log2_weight: float  # log2 sum_a c_a^2
    coefficients: np.ndarray  # (members,), squares adding up to 1
    fixed: np.ndarray  # (n, members) letters at the start
    powers: np.ndarray  # (members,) of i, in front of `fixed`
    drawn: bool = False  # of a projector


def start_expectations(qubits: np.ndarray) -> np.ndarray:
    """Return the expectation of I, X, Z, Y in each qubit of a product state, float64 of shape (n, 4).

    Args:
        qubits: amplitudes, complex, shape (n, 2).

    Example:
        >>> start_expectations(np.array([[1.0, 1.0j]]) / 2**0.5).round().tolist()
        [[1.0, 0.0, 0.0, 1.0]]
    """
    zero, one = qubits.T
    cross = 2 * zero.conj() * one
    table = np.stack([np.ones(len(qubits)), cross.real, abs(zero) ** 2 - abs(one) ** 2, cross.imag], axis=1)
    return np.where(abs(table) < 1e-12, 0.0, table)


def sum_families(H: "PauliSum", steps: list[Step], start: np.ndarray) -> tuple[list[Family], float]:
    """Split a sum into families without cross terms between them.

    Args:
        H: the sum.
        steps: the circuit.
        start: see :func:`start_expectations`.

    Returns:
        (families, E[C]); strings that no rotation ever changes enter E[C] alone.
    """
    terms = {pauli: c for pauli, c in H.terms.items() if c}
    if not terms:
        return [], 0.0
    coefficients = np.array(list(terms.values()))
    x, z = parts(list(terms))
    first = letters_of(x, z)[:, : len(terms)]
    labels, met = _syndromes(steps, start, x, z, len(terms))
    lonely = met & (np.bincount(labels)[labels] == 1)
    families = [
        Family(first[:, a], 2 * np.log2(abs(coefficients[a])), np.ones(1), first[:, :0], np.zeros(1, int))
        for a in np.flatnonzero(lonely)
    ]
    rest = np.flatnonzero(~lonely)
    letters, signs = _carry(steps, first[:, rest])
    still = np.flatnonzero(~met[rest])  # no rotation acts on these: they are numbers
    mean = coefficients[rest[still]] @ expectations(start, letters[:, still], 2 * signs[still])
    for label in np.unique(labels[rest[met[rest]]]):
        members = np.flatnonzero(labels[rest] == label)
        c, ours = coefficients[rest[members]], letters[:, members]
        powers = 2 * (signs[members] + signs[members[0]]) + product_phase(ours[:, :1], ours)
        scale = np.exp2(np.floor(np.log2(abs(c).max())))  # squares of tiny numbers would be zero
        square = (c / scale) @ (c / scale)
        log2_weight, unit = np.log2(square) + 2 * np.log2(scale), c / scale / square**0.5
        fixed = ours[:, :1] ^ ours
        families.append(Family(first[:, rest[members[0]]], log2_weight, unit, fixed, powers))
    return families, float(mean)


def projector_families(H: "Projector", steps: list[Step], start: np.ndarray) -> tuple[list[Family], float]:
    """Do the same for a projector, 2^-n times the sum of all Z strings.

    The Z strings with the syndrome of the identity are a group; the families are its cosets, all alike, so
    there is one family whose first string is drawn.

    Raises:
        ValueError: a family has more than 2^10 members.
    """
    n = H.n_qubits
    x, z = np.zeros((n, n), dtype=np.uint64), np.eye(n, dtype=np.uint64)  # a string a column, one bit a word
    basis = z.copy()  # the same strings in H
    for rows in _rows(steps, start, x, z):
        for row in rows:
            if len(odd := np.flatnonzero(row & 1)):  # of the odd strings keep the products with the first
                for table in (x, z, basis, rows):
                    table[:, odd] ^= table[:, odd[:1]]
        if not basis.any():
            break
    basis = basis[:, basis.any(axis=0)].astype(np.int8)  # (n, d)
    if (d := basis.shape[1]) > LARGEST:
        raise ValueError(
            f"circuit must tell the Z strings of a projector apart: Pauli walks take together those whose "
            f"products commute with every generator they meet, at most 2^{LARGEST}, got 2^{d}"
        )
    members = (np.arange(2**d) >> np.arange(d)[:, None]) & 1
    letters, signs = _carry(steps, (2 * (basis @ members % 2)).astype(np.int8))
    coefficients = np.full(2**d, 2.0 ** (-d / 2))
    family = Family(np.full(n, 2, dtype=np.int8), -n, coefficients, letters, 2 * signs, drawn=True)
    return [family], float(np.exp2(-n) * expectations(start, letters, 2 * signs).sum())


def _rows(steps: list[Step], start: np.ndarray, x: np.ndarray, z: np.ndarray) -> Iterator[np.ndarray]:
    """Carry strings back as if there were no rotations; yield which ones anticommute, last gate first.

    The rows of the start come at the end, even if there are none (:func:`without_expectation`).
    """
    for step in reversed(steps):
        if isinstance(step, Chain):
            back(step, x, z)
        else:
            yield meets(step, x, z)
    yield without_expectation(start, x, z)


def _syndromes(
    steps: list[Step], start: np.ndarray, x: np.ndarray, z: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Label strings so that two have a cross term only if they share a label; say which meet a rotation."""
    labels, met, now = np.zeros(count, dtype=np.uint32), np.zeros_like(x[0]), np.zeros_like(x[0])
    for rows in _rows(steps, start, x, z):
        met |= now  # one step behind: the start is no rotation
        now = np.bitwise_or.reduce(rows, axis=0)
        if labels.max() + 1 < count:
            bits = np.packbits(unpack(rows)[:, :count], axis=0).T
            keys = np.hstack([labels.view(np.uint8).reshape(count, -1), bits])
            labels = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1).astype(np.uint32)
    return labels, unpack(met)[:count] == 1


def _carry(steps: list[Step], letters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Carry strings, letters (n, strings), back as if there were no rotations: letters, signs (1 for -)."""
    count = letters.shape[1]
    x, z = pack(letters & 1), pack(letters >> 1)
    signs = np.zeros_like(x[0])
    for step in reversed(steps if letters.any() else []):
        if isinstance(step, Chain):
            signs ^= back_signs(step, x, z)
    return letters_of(x, z)[:, :count], unpack(signs)[:count].astype(int)


def expectations(start: np.ndarray, letters: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Return ``<i^power S>`` in the start state for strings of letters (n, strings), shape (strings,)."""
    return np.take_along_axis(start, letters, axis=1).prod(axis=0) * np.array([1, 0, -1, 0])[powers % 4]
