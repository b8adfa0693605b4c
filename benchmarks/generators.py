"""Pauli strings of circuits that are no layers of single-qubit rotations.  Numpy alone, as workloads.py."""

from itertools import combinations, groupby, product

import numpy as np


def string(n: int, letters: dict[int, str]) -> str:
    """Return the string of n letters with `letters` at their qubits and I elsewhere."""
    return "".join(letters.get(q, "I") for q in range(n))


def excitations(n: int) -> list[str]:
    """Return the strings of all single, then of all double excitations, by Jordan and Wigner.

    A single from p to q is X Z...Z Y and Y Z...Z X, with Z on every qubit between.  A double on
    p < q < r < s has the eight strings of X and Y on these four with an odd number of Y, and Z between
    p and q and between r and s.
    """
    found = []
    for pair in combinations(range(n), 2):
        found += [_between(n, pair, letters) for letters in ("XY", "YX")]
    odd = ["".join(word) for word in product("XY", repeat=4) if word.count("Y") % 2]
    for four in combinations(range(n), 4):
        found += [_between(n, four, letters) for letters in odd]
    return found


def _between(n: int, qubits: tuple[int, ...], letters: str) -> str:
    """Return the string with letters on qubits, and Z between the first two and between the last two."""
    z = {q: "Z" for a, b in zip(qubits[::2], qubits[1::2], strict=True) for q in range(a + 1, b)}
    return string(n, z | dict(zip(qubits, letters, strict=True)))


def groups(strings: list[str]) -> int:
    """Return how many rotations are left if those that follow each other and flip the same qubits are one.

    Such strings commute here, so one pass over the state can apply all of them.
    """
    return len(list(groupby(strings, key=lambda s: [letter in "XY" for letter in s])))


def regular_graph(n: int, degree: int, seed: int) -> list[tuple[int, int]]:
    """Return the edges of a random regular graph, sorted.

    Each node has `degree` ends, and the ends are paired at random, anew until no edge is a loop and none is
    double, which makes all such graphs equally likely.
    """
    draws = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, n]))
    while True:
        ends = draws.permutation(np.repeat(np.arange(n), degree))
        edges = {(int(min(pair)), int(max(pair))) for pair in ends.reshape(-1, 2)}
        if len(edges) == n * degree // 2 and all(a != b for a, b in edges):
            return sorted(edges)
