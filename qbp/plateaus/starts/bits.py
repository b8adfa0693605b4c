"""Packed bits: random ones, where they are set, and sums over them."""

import numpy as np

from qbp.plateaus.pauli.strings import ONES, pack, unpack

SPARSE = 0.1  # odds below which it is quicker to draw the gaps


def random_bits(rng: np.random.Generator, odds: np.ndarray, words: int) -> np.ndarray:
    """Return bits that are set with the odds of each row, packed, (k,) -> (k, words).

    Example:
        >>> bits = random_bits(np.random.default_rng(0), np.array([0.0625]), 2**10)
        >>> bits.shape, 3700 < np.bitwise_count(bits).sum() < 4500
        ((1, 1024), np.True_)
    """
    if 0 < odds[0] < SPARSE and (odds == odds[0]).all():
        return pack(_sparse(rng, float(odds[0]), len(odds) * 64 * words).reshape(len(odds), -1))
    drawn = rng.random((len(odds), 64 * words), dtype=np.float32)
    return pack(drawn < odds[:, None].astype(np.float32))


def _sparse(rng: np.random.Generator, odds: float, size: int) -> np.ndarray:
    """Return which of `size` trials succeed, each with the same small odds, by the gaps in between."""
    found, place = np.zeros(size, dtype=bool), -1
    while place < size:
        places = place + rng.geometric(odds, int(size * odds) + 64).cumsum()
        found[places[places < size]] = True
        place = int(places[-1])
    return found


def positions(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return row and string of every bit that is set, (rows, words) -> two arrays, by row, then by string."""
    row, word = np.nonzero(bits)
    which, bit = np.nonzero(unpack(bits[row, word][:, None]))
    return row[which], 64 * word[which] + bit


def pack_all(mask: np.ndarray) -> np.ndarray:
    """Return words of ones where a mask is set, of its shape."""
    return np.where(mask, ONES, np.uint64(0))


def weigh(bits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Add up the weights of the rows in which each string has a bit, (rows, words), (rows,) -> (walks,)."""
    if (weights == weights[0]).all():
        return weights[0] * unpack(bits).sum(axis=0, dtype=np.int64)
    return weights @ unpack(bits).astype(float)
