"""Tables of entanglers for the kernel, against those that say it for every amplitude."""

import numpy as np
import pytest

from qbp.circuits.gates import Entangler, entangler_table
from qbp.circuits.kernel import closings
from qbp.circuits.kernel.stages import Stage


def random_pairs(rng, n, count):
    return tuple(tuple(int(q) for q in rng.permutation(n)[:2]) for _ in range(count))


def spread(places, n, V, lane_bits):
    """Where each amplitude comes from, as the kernel adds it up; rows of lanes have twice the places."""
    lanes, row = 1 << lane_bits, np.arange(1 << (n - lane_bits))
    bits = (n - lane_bits + 1) // 2
    lower, upper = places[lanes : lanes + (1 << bits)], places[lanes + (1 << bits) :]
    first = lower[row & ((1 << bits) - 1)] ^ upper[row >> bits]
    found = (first[:, None] ^ places[:lanes]).ravel()
    return found // (2 * V) * V + found % (2 * V) if lane_bits else found


@pytest.mark.parametrize("lane_bits", [0, 2, 4])
@pytest.mark.parametrize("seed", range(8))
def test_permutations_there_and_back(seed, lane_bits):
    rng, n = np.random.default_rng(seed), 6 + seed % 3
    pairs = random_pairs(rng, n, int(rng.integers(1, 20)))
    made = closings.Closings(n, 1 << lane_bits, lane_bits)
    assert made.add([Stage("cnot", list(pairs))]) == (2, 2) == made.add([Stage("cnot", list(pairs))])
    there, back = (spread(table, n, 1 << lane_bits, lane_bits) for table in made.places[2:])
    expected = entangler_table(Entangler("cnot", pairs), n)
    np.testing.assert_array_equal(there, expected)
    np.testing.assert_array_equal(back, np.argsort(expected))
    assert all(len(table) < 2 ** (n // 2 + 3) for table in made.places)


@pytest.mark.parametrize("V, lane_bits", [(4, 0), (4, 2), (16, 0), (16, 4)])
@pytest.mark.parametrize("chunk", [16, 2**16])
def test_signs(V, lane_bits, chunk, monkeypatch):
    monkeypatch.setattr(closings, "CHUNK", chunk)
    n = 7
    pairs = random_pairs(np.random.default_rng(V + lane_bits), n, 9)
    made = closings.Closings(n, V, lane_bits)
    assert made.add([Stage("cz", list(pairs))]) == (1, 1)
    (none, found), table = made.signs, entangler_table(Entangler("cz", pairs), n)
    each = found[:, None] >> np.arange(V) & 1
    expected = table.reshape(-1, V) if lane_bits else np.repeat(table[:, None], V, 1)
    np.testing.assert_array_equal(1 - 2 * each.astype(int), expected)
    assert not none.any() and none.dtype == found.dtype == np.uint16


def test_nothing_and_strings_have_no_table():
    made = closings.Closings(5, 4, 2)
    assert made.add([]) == (0, 0) and made.add([Stage("strings"), Stage("strings")]) == (3, 0)
    assert len(made.signs) == 1 and len(made.places) == 2
