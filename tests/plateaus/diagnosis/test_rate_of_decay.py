"""Rates of decay: lines against numpy and SciPy, verdicts on variances known in closed form."""

import math

import numpy as np
import pytest
import scipy.stats

from qbp.plateaus.diagnosis.rate import LEAST, interval, line, rate, student, tail, verdict

SIZES = [4, 6, 8, 10, 12]


def test_lines_are_weighted_least_squares():
    rng = np.random.default_rng(1)
    x, y, error = np.arange(6.0), rng.normal(size=6), rng.uniform(0.1, 1, 6)
    found = line(x, y, error)
    slope, _ = np.polyfit(x, y, 1, w=1 / error)
    covariance = np.linalg.inv((np.stack([x, x * 0 + 1]) / error**2) @ np.stack([x, x * 0 + 1]).T)
    assert found.slope == pytest.approx(slope) and found.error == pytest.approx(covariance[0, 0] ** 0.5)
    low, high = interval(line(x, y, np.ones(6)), 2.0)
    assert high - low == pytest.approx(2 * 2 * scipy.stats.t.ppf(0.975, 4) * 17.5**-0.5, rel=1e-3)


@pytest.mark.parametrize("degrees", [1, 2, 5, 10, 11, 20, 100])
def test_students_quantile(degrees):
    assert student(degrees) == pytest.approx(scipy.stats.t.ppf(0.975, degrees), rel=5e-4)


def judged(of, sizes=SIZES, error=0.03):
    return verdict(rate(sizes, [math.log2(of(n)) for n in sizes], [error] * len(sizes)))[0]


@pytest.mark.parametrize(
    "of, expected",
    [
        (lambda n: (1 / 8) * (3 / 8) ** (n - 1), "plateau"),  # global cost, Cerezo et al. 2021
        (lambda n: 4**n / (2 * (4**n - 1) * (2**n + 1)), "plateau"),  # both sides a 2-design
        (lambda n: 1 / (8 * n**2), "no plateau"),  # local cost
        (lambda n: (n - 1) / (n * (2 * n - 1)), "no plateau"),  # Ising chain
        (lambda n: 1 / 8, "no plateau"),
    ],
)
def test_known_decays(of, expected):
    assert judged(of) == expected
    assert judged(of, sizes=[4, 6, 8]) == "cannot say"  # three sizes are too few


def test_what_is_noisy_or_ambiguous_is_not_said():
    assert judged(lambda n: 2.0**-n, error=5.0) == "cannot say"
    assert judged(lambda n: n**-4.0, sizes=[10, 11, 12, 13], error=0.5) == "cannot say"
    assert verdict(None)[0] == "cannot say" and LEAST == 4


def test_false_verdicts_are_rare():
    """Polynomial decays with noise are called plateaus in few cases, exponential ones 'no plateau' in few."""
    rng = np.random.default_rng(2)
    sizes, wrong = np.array([4, 6, 8, 10, 12, 14]), {"plateau": 0, "no plateau": 0}
    for _ in range(400):
        noise = rng.normal(scale=0.15, size=6)
        for level, bad in ((-2 * np.log2(sizes), "plateau"), (-1.0 * sizes, "no plateau")):
            wrong[bad] += verdict(rate(list(sizes), list(level + noise), [0.15] * 6))[0] == bad
    assert wrong["plateau"] <= 8 and wrong["no plateau"] <= 8


def test_the_larger_half_counts():
    """A light cone that is full below n = 12 and constant above is no plateau."""
    sizes = [4, 6, 8, 10, 12, 16, 24, 32, 64]
    levels = [-min(n, 12) for n in sizes]
    found = rate(sizes, levels, [0.05] * 9)
    assert found.sizes == (12, 16, 24, 32, 64) and verdict(found)[0] == "no plateau"
    assert tail(sizes) == 5 and tail(sizes[:7]) == 7
