"""The rules at their borders."""

import numpy as np
import pytest

from qbp.audit.verdicts import (
    RULES,
    VERDICTS,
    in_every_run,
    in_most_runs,
    is_convex,
    is_lower,
    is_preserved,
)
from qbp.statistics.hypothesis_tests import Comparison, share
from qbp.statistics.intervals import Interval

NO = np.nan


@pytest.mark.parametrize(
    ("low", "high", "claimed", "adjusted", "expected"),
    [
        (-0.3, -0.2, -0.25, None, "supported"),
        (-0.3, -0.2, -0.30, None, "supported"),  # the figure is the end of the interval
        (-0.3, -0.2, -0.31, None, "partly"),
        (-0.3, -0.2, None, None, "supported"),
        (-0.3, 0.0, None, None, "not supported"),
        (0.1, 0.2, -0.1, None, "not supported"),
        (-0.3, -0.2, None, 0.049, "supported"),
        (-0.3, -0.2, -0.31, 0.049, "partly"),
        (-0.3, -0.2, None, 0.05, "not supported"),  # the correction takes it away
        (0.1, 0.2, None, 0.001, "not supported"),  # sure, and the contrary
        (np.inf, np.inf, None, None, "not supported"),
        (NO, NO, None, None, "open"),
    ],
)
def test_lower(low, high, claimed, adjusted, expected):
    assert is_lower(Interval((low + high) / 2, low, high, 20), claimed, adjusted) == expected


@pytest.mark.parametrize(
    ("mean", "low", "n", "adjusted", "expected"),
    [
        (0.9, 0.7, 20, 0.01, "supported"),
        (0.9, 0.7, 20, None, "supported"),
        (0.9, 0.7, 20, 0.2, "partly"),
        (0.6, 0.4, 20, None, "partly"),
        (0.5, 0.3, 20, None, "not supported"),
        (0.1, 0.0, 20, 0.001, "not supported"),
        (1.0, 0.025, 1, None, "open"),
    ],
)
def test_most_runs(mean, low, n, adjusted, expected):
    assert in_most_runs(Interval(mean, low, 1.0, n), adjusted=adjusted) == expected


@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_runs_never_support_anything(n):
    """Six is the least that reaches 0.05: 2 / 2**5 is 0.0625, 2 / 2**6 is 0.03125."""
    clear = Interval(-0.3, -0.4, -0.2, n)
    assert is_lower(clear) == is_lower(clear, -0.9) == is_preserved(clear) == "undecided"
    all_of_them = share(np.ones(n))
    assert in_most_runs(all_of_them) == in_every_run(all_of_them) == "undecided"
    six = share(np.ones(6))
    assert in_most_runs(six) == in_every_run(six) == is_lower(Interval(-0.3, -0.4, -0.2, 6)) == "supported"
    assert is_lower(Interval(-0.3, -0.4, 0.1, n)) == in_every_run(Interval(0.9, 0, 1, n)) == "not supported"


def test_what_a_family_can_reach_and_a_rows_own_p():
    clear = Interval(-0.3, -0.4, -0.2, 8)
    assert is_lower(clear, adjusted=0.2, reachable=0.0499) == "not supported"
    assert is_lower(clear, adjusted=0.2, reachable=0.05) == "undecided"
    assert in_most_runs(Interval(1, 0.6, 1, 8), adjusted=0.2, reachable=0.05) == "undecided"
    assert is_lower(Comparison(-0.3, -0.4, -0.2, 20, p=0.05)) == "not supported"  # by itself: its own p
    assert is_lower(Comparison(-0.3, -0.4, -0.2, 20, p=0.049)) == "supported"


def test_every_run_and_convex():
    assert in_every_run(Interval(1.0, 0.8, 1.0, 20)) == "supported"
    assert in_every_run(Interval(0.99, 0.9, 1.0, 100)) == "not supported"
    heights = {4.0: "not supported", 0.0: "open", -1.0: "supported"}
    assert {h: is_convex(Interval(h, h, h, 1)) for h in heights} == heights


@pytest.mark.parametrize(
    ("mean", "high", "expected"),
    [(-0.1, 0.0, "supported"), (0.01, 0.06, "partly"), (0.05, 0.06, "not supported"), (0.01, NO, "open")],
)
def test_preserved(mean, high, expected):
    low = NO if np.isnan(high) else mean - 0.1
    assert is_preserved(Interval(mean, low, high, 20)) == expected


def test_every_rule_says_in_words_what_it_returns():
    for rule in RULES.values():
        found = {rule(Interval(m, m - 0.1, m + 0.1, 20), None, None) for m in np.linspace(-2, 2, 81)}
        assert found <= set(VERDICTS)
        assert all(f'"{word}"' in rule.__doc__.replace("\n    ", " ") for word in found)
