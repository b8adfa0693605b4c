"""Intervals against known cases, coverage by simulation, pairs against arithmetic."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from qbp.statistics import Interval, band, bootstrap_interval, paired, paired_difference, relative_change


def test_bootstrap_of_many_normal_values_is_students_interval():
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found = bootstrap_interval(values)
    low, high = student.interval(0.95, 399, values.mean(), values.std(ddof=1) / 20)
    assert found.mean == values.mean() and found.n == 400
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.03 * (high - low))
    narrow = bootstrap_interval(values, confidence=0.5)
    assert found.low < narrow.low < narrow.mean < narrow.high < found.high


def test_the_interval_leans_to_the_long_tail_and_covers():
    """Forty samples of twenty lognormal values: a 95 % interval misses the mean a few times, not often."""
    rng = np.random.default_rng(1)
    found = [bootstrap_interval(rng.lognormal(0, 0.75, 20)) for _ in range(40)]
    truth = np.exp(0.75**2 / 2)
    assert 33 <= sum(f.low <= truth <= f.high for f in found) <= 40
    assert np.mean([(f.high - f.mean) / (f.mean - f.low) for f in found]) > 1.1


@given(
    values=st.lists(st.integers(-8, 8), min_size=2, max_size=6),
    shift=st.sampled_from([0.0, 2.302585092994046, -1e3]),
    scale=st.sampled_from([1.0, 1e-12, 1e-200, 1e12]),
)
@settings(max_examples=40)
def test_intervals_hold_the_mean_at_any_scale_without_a_warning(values, shift, scale):
    sample = shift + scale * np.array(values, dtype=float)
    found = bootstrap_interval(sample)
    slack = 1e-12 * np.abs(sample).max()
    assert sample.min() - slack <= found.low <= found.mean + slack
    assert found.mean - slack <= found.high <= sample.max() + slack
    assert found == bootstrap_interval(sample)  # the same every time


def test_special_cases():
    assert bootstrap_interval([2.5, 2.5]) == Interval(2.5, 2.5, 2.5, 2)
    one = bootstrap_interval([4.0])
    assert (one.mean, one.n) == (4.0, 1) and np.isnan([one.low, one.high]).all()
    assert np.isnan(bootstrap_interval([1.0, np.nan]).low)
    for values in ([], [[1.0, 2.0]], 3.0):
        with pytest.raises(ValueError, match=r"values must have shape \(n,\)"):
            bootstrap_interval(values)
    for confidence in (0, 1, 95):
        with pytest.raises(ValueError, match="confidence must be"):
            bootstrap_interval([1.0, 2.0], confidence)


def test_paired_difference_and_wins():
    a, b = np.array([1.0, 5.0, 2.0, 7.0]), np.array([2.0, 5.0, 1.0, 9.0])
    found = paired_difference(a, b)
    assert (found.mean, found.wins, found.n) == (-0.5, 2, 4)  # a tie is no win
    interval = bootstrap_interval(a - b)
    assert (found.low, found.high) == (interval.low, interval.high)
    assert paired_difference(b, a).wins == 1
    pairs = np.random.default_rng(0).normal(0, 10, 30)  # runs differ a lot, methods by 0.1 each time
    assert paired_difference(pairs + 0.1, pairs).low == pytest.approx(0.1)


def result(seeds, **metrics):
    config = SimpleNamespace(run_seeds=seeds)
    return SimpleNamespace(config=config, final=lambda name: np.array(metrics[name]))


def test_paired_takes_the_final_values_of_the_same_seeds():
    a, b = result(range(3), loss=[1.0, 2.0, 3.0]), result(range(3), loss=[2.0, 1.0, 5.0])
    assert paired(a, b, "loss") == paired_difference([1.0, 2.0, 3.0], [2.0, 1.0, 5.0])
    with pytest.raises(ValueError, match=r"same seeds, got range\(0, 3\) and range\(1, 4\)"):
        paired(a, result(range(1, 4), loss=[0.0] * 3), "loss")


def test_relative_change():
    b = np.array([1.0, 2.0, 3.0, 10.0])
    quarter = relative_change(0.75 * b, b)  # in pairs, the ratio is the same in every resample
    assert (quarter.mean, quarter.low, quarter.high, quarter.n) == pytest.approx((-0.25, -0.25, -0.25, 4))
    rng = np.random.default_rng(0)
    a, b = rng.normal(2.0, 0.2, 200), rng.normal(4.0, 0.4, 200)
    found = relative_change(a, b)
    spread = 0.5 * np.sqrt(0.1**2 + 0.1**2) / np.sqrt(200)  # delta method
    assert found.mean == pytest.approx(a.mean() / b.mean() - 1)
    assert (found.low, found.high) == pytest.approx(
        (found.mean - 1.96 * spread, found.mean + 1.96 * spread), abs=2e-3
    )
    assert np.isnan(relative_change(np.array([1.0]), np.array([2.0])).low)


def test_band_is_a_percentile_bootstrap_at_each_record():
    values = np.random.default_rng(0).normal(0, 1, (100, 3)) * [1, 2, 0]
    mean, low, high = band(values)
    np.testing.assert_allclose(mean, values.mean(0))
    np.testing.assert_allclose(high - low, 2 * 1.96 * values.std(0) / 10, rtol=0.15)
    assert low[2] == high[2] == 0
    for part in band(values[:1]):
        np.testing.assert_allclose(part, values[0])
