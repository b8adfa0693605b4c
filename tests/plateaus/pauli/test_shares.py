"""Shares of walks: fair in the mean, and nobody is left out."""

import numpy as np
import pytest

from qbp import HardwareEfficient, PauliSum
from qbp.plateaus.pauli.shares import FAMILIES, deal
from qbp.plateaus.pauli.walk import _prepare


def faint_and_strong(n, terms, seed=0):
    rng = np.random.default_rng(seed)
    strings = {"".join(rng.choice(list("IXYZ"), n)) for _ in range(terms)} - {"I" * n}
    return PauliSum({s: float(10 ** rng.uniform(-6, 0)) for s in sorted(strings)})


@pytest.mark.parametrize(("terms", "n_words"), [(1, 1), (5, 2), (30, 64), (600, 2), (600, 64)])
def test_every_family_counts_its_square_in_the_mean(terms, n_words):
    """What walks count, summed over those dealt to a family, is c^2 in the mean over rounds."""
    H = faint_and_strong(5, terms)
    problem = _prepare(HardwareEfficient(5, 1), H, n_words)
    rounds, worth, total = 300, 0.0, 0
    for index in range(rounds):
        dealt = list(deal(problem.due, 3, index))
        total += sum(len(family) for family, _ in dealt)
        assert all(len(family) >= 64 and len(family) % 64 == 0 for family, _ in dealt)
        now = [np.bincount(f, minlength=len(logs)) * np.exp2(logs) for f, logs in dealt]
        worth = worth + np.concatenate(now) / rounds
    assert total == 64 * rounds * max(n_words, len(problem.groups))
    squares = np.exp2(np.concatenate(problem.due.log_squares))
    assert len(squares) == len(H.terms)
    due = np.concatenate([64 * w * o for w, o in zip(problem.due.words, problem.due.odds, strict=True)])
    error = np.sqrt(np.maximum(1 / due, 0) / rounds)  # of a coin, where less than a walk is due
    assert (abs(worth / squares - 1) < 5 * error + 1e-12).all()
    sure = due > 2
    np.testing.assert_allclose(worth[sure], squares[sure])


def test_no_family_is_left_out():
    """As many families as fit: each has a walk in every second round or more, whatever its coefficient."""
    problem = _prepare(HardwareEfficient(5, 1), faint_and_strong(5, 600), 64)
    had = 0
    for index in range(32):
        had = had + np.concatenate(
            [np.bincount(family, minlength=len(logs)) > 0 for family, logs in deal(problem.due, 0, index)]
        )
    assert had.min() >= 8


def test_groups_are_alike_and_few():
    terms = {"I" * q + "Z" + "I" * (199 - q): 1.0 if q % 2 else 0.001 for q in range(200)}
    problem = _prepare(HardwareEfficient(200, 1), PauliSum(terms), 64)
    for group in problem.groups:
        logs = [f.log2_weight for f in group.families]
        assert max(logs) - min(logs) < 4 and len(logs) <= FAMILIES
    assert len(_prepare(HardwareEfficient(200, 1), PauliSum(terms), 1).groups) == 1
