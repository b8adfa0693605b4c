"""Lie algebras against PennyLane's `lie_closure`: strings, and sums of strings."""

import numpy as np
import pytest

import qbp

pytestmark = [pytest.mark.interchange, pytest.mark.filterwarnings("ignore")]


def operator(word):
    """A Pauli string of ours as PennyLane's, wire 0 leftmost."""
    import pennylane as qml

    return qml.pauli.PauliWord({q: letter for q, letter in enumerate(word) if letter != "I"})


def theirs(generators):
    """The dimension by PennyLane."""
    import pennylane as qml

    sums = [qml.pauli.PauliSentence({operator(w): c for w, c in H.terms.items()}) for H in generators]
    return len(qml.lie_closure(sums, pauli=True))


def random_word(rng, n, share):
    while True:
        letters = np.where(rng.random(n) < share, rng.choice(list("XYZ"), n), "I")
        if set(letters) != {"I"}:
            return "".join(letters)


def test_200_random_sets_of_strings():
    rng, dimensions = np.random.default_rng(0), set()
    for _ in range(200):
        n = int(rng.integers(1, 5))
        words = [random_word(rng, n, rng.choice([0.4, 0.7])) for _ in range(int(rng.integers(1, 7)))]
        generators = [qbp.PauliSum({word: 1.0}) for word in dict.fromkeys(words)]
        dimension = qbp.lie_algebra(words).dimension
        assert dimension == theirs(generators), words
        dimensions.add(dimension)
    assert len(dimensions) > 12


def test_40_random_sets_of_sums():
    rng = np.random.default_rng(1)
    for _ in range(40):
        n = int(rng.integers(1, 4))
        sums = [
            qbp.PauliSum({random_word(rng, n, 0.7): float(rng.choice([-1, 1, 2])) for _ in range(2)})
            for _ in range(int(rng.integers(1, 4)))
        ]
        assert qbp.lie_algebra(sums).dimension == theirs(sums), sums


@pytest.mark.parametrize("n", [3, 4, 5])
@pytest.mark.parametrize("periodic", [False, True])
def test_an_ising_chain_of_sums_and_of_terms(n, periodic):
    terms = qbp.tfim(n, periodic=periodic).terms
    sums = [qbp.PauliSum({w: c for w, c in terms.items() if ("X" in w) is field}) for field in (False, True)]
    assert qbp.lie_algebra(sums).dimension == theirs(sums) == (3 * n - 1 if periodic else n**2)
    own = [qbp.PauliSum({w: 1.0}) for w in terms]
    assert qbp.lie_algebra(own).dimension == theirs(own) == n * (2 * n - 1) * (2 if periodic else 1)
