"""Intervals against known cases, coverage by simulation, pairs and curves against arithmetic."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from qbp.experiments.result import Result
from qbp.results.store import load
from qbp.statistics._studentized import mean_ends, ratio_ends
from qbp.statistics.curves import common_target, decay_fit, rises, rising_share, smoothness
from qbp.statistics.intervals import (
    Interval,
    band,
    bootstrap_interval,
    paired,
    paired_difference,
    relative_change,
    steps_to_target,
)


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


SAMPLES = 500


def coverage(a, b, truth):
    """Return the share of columns of a and b, (n, SAMPLES), whose interval of mean(a) / mean(b) holds truth;
    b = None stands for the mean."""
    ends = mean_ends(a, 0.95, 499) if b is None else ratio_ends(a, b, 0.95, 499)
    return np.mean((ends[0] <= truth) & (truth <= ends[1]))


def least(stated):
    """Return a stated coverage less 2.5 standard errors of a share of SAMPLES."""
    return stated - 2.5 * np.sqrt(stated * (1 - stated) / SAMPLES)


@pytest.mark.parametrize(("n", "stated"), [(5, 0.96), (10, 0.93), (20, 0.95)])
def test_the_interval_of_a_mean_covers_as_often_as_its_docstring_says(n, stated):
    rng = np.random.default_rng(n)
    normal = rng.normal(size=(n, SAMPLES))
    assert least(stated) < coverage(normal, None, 0) < 0.99
    for width in (0.3, 0.75):
        assert coverage(np.exp(width * normal), None, np.exp(width**2 / 2)) > least(stated)
    assert coverage(rng.exponential(size=(n, SAMPLES)), None, 1) > least(min(stated, 0.95))


@pytest.mark.parametrize(("n", "stated"), [(5, 0.95), (10, 0.94), (20, 0.95)])
@pytest.mark.parametrize("correlation", [0.5, 0.99])
def test_the_interval_of_a_change_covers_as_often_as_its_docstring_says(n, stated, correlation):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(2, n, SAMPLES))
    y = correlation * x + np.sqrt(1 - correlation**2) * y
    assert least(stated) < coverage(1 + 0.25 * x, 2 + 0.5 * y, 0.5) < 0.995
    for width in (0.3, 0.75):
        assert coverage(3 * np.exp(width * x), np.exp(width * y), 3) > least(stated)
    squares = [(z - z.mean(0)) ** 2 for z in (2 * x, y)]
    assert coverage(*squares, 4) > least({5: 0.94, 10: 0.93, 20: 0.94}[n])
    for a, b in ((0.3, 0.75), (0.75, 0.3)):
        assert coverage(np.exp(a * x), np.exp(b * y), np.exp((a**2 - b**2) / 2)) > least(
            {5: 0.94, 10: 0.93, 20: 0.94}[n]
        )


@pytest.mark.parametrize(("n", "stated"), [(5, 0.95), (10, 0.94), (20, 0.94)])
def test_the_interval_covers_for_losses_as_the_tables_have_them(n, stated):
    """Runs are drawn from a committed table, jittered, so that the true change is that of the table."""
    rows = load("mnist")
    table = np.stack([rows[name].final("val_loss") for name in ("two-stage", "no-init")])
    rng = np.random.default_rng(n)
    root, noise = np.linalg.cholesky(np.cov(table)), rng.normal(size=(2, n, SAMPLES))
    jitter = 0.3 * np.einsum("ij,jns->ins", root, noise)
    a, b = table[:, rng.integers(table.shape[1], size=(n, SAMPLES))] + jitter
    assert coverage(a, b, table[0].mean() / table[1].mean()) > least(stated)


def test_the_interval_is_never_narrower_than_students_and_few_values_of_one_sign_prove_nothing():
    values = np.array([1.0, 2.0, 4.0])
    found, reach = bootstrap_interval(values), student.ppf(0.975, 2) * values.std(ddof=1) / np.sqrt(3)
    assert found.low == pytest.approx(values.mean() - reach) and found.low < 0  # all above 0, by chance
    two = bootstrap_interval([1.0, 2.0])  # its resamples have no spread: Student's, t of one degree 12.706
    assert (two.low, two.high) == pytest.approx((1.5 - 12.7062 * 0.5, 1.5 + 12.7062 * 0.5), abs=1e-4)
    change = relative_change(np.array([1.0, 2.0]), np.array([2.0, 2.0]))  # on the logarithm: error 1 / 3
    assert change.low == pytest.approx(0.75 * np.exp(-12.7062 / 3) - 1, abs=1e-5)


def test_an_end_that_is_not_determined_is_unbounded():
    tail = 10.0 ** np.arange(-6, 1)  # the mean is one run's
    found = relative_change(tail, np.ones(7))
    assert found.mean == pytest.approx(tail.mean() - 1) and found.high == np.inf and found.low > -1
    assert relative_change(np.ones(7), tail).low == -1


def test_the_interval_turns_with_the_sign_and_the_order_of_its_values():
    a, b = np.random.default_rng(3).lognormal(0, [[0.3], [0.6]], (2, 12))
    there, back = relative_change(a, b), relative_change(b, a)
    assert (1 + back.low, 1 + back.high) == pytest.approx(
        (1 / (1 + there.high), 1 / (1 + there.low)), rel=1e-9
    )
    up, down = bootstrap_interval(a), bootstrap_interval(-a)
    assert (down.low, down.high) == pytest.approx((-up.high, -up.low))
    energies = relative_change(-a, -b)
    assert (energies.low, energies.high) == pytest.approx((there.low, there.high))


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
    assert found.low <= found.mean + slack and found.mean - slack <= found.high
    wide = 200 * max(np.ptp(sample), slack)  # a t of one degree reaches 12.7 standard errors
    assert sample.min() - wide <= found.low and found.high <= sample.max() + wide
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


@pytest.mark.parametrize("b", [[1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]], 1.0])
def test_pairs_need_a_value_of_each_method_on_each_seed(b):
    for compare in (paired_difference, relative_change):
        with pytest.raises(ValueError, match=r"b must have shape \(n,\).*, got \((1,|3,|1, 2|)\)"):
            compare([1.0, 2.0], b)
    with pytest.raises(ValueError, match="n at least 1"):
        relative_change([], [])


def result(seeds, **metrics):
    history = {name: np.array(values)[:, None] for name, values in metrics.items()}
    diverged = np.zeros(len(seeds), dtype=bool)
    return Result(SimpleNamespace(run_seeds=seeds), None, np.array([0]), history, None, diverged, 0.0)


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
    assert found.mean == pytest.approx(a.mean() / b.mean() - 1)
    spread = np.std(a - (1 + found.mean) * b) / b.mean() / np.sqrt(200)  # delta method
    assert spread == pytest.approx(0.5 * np.sqrt(0.1**2 + 0.1**2) / np.sqrt(200), rel=0.15)
    ends = (found.mean - 1.96 * spread, found.mean + 1.96 * spread)
    assert (found.low, found.high) == pytest.approx(ends, abs=0.1 * spread)  # 95 %: 90 % is 0.3 off
    assert np.isnan(relative_change(np.array([1.0]), np.array([2.0])).low)


def test_band_is_the_interval_at_each_record():
    values = np.random.default_rng(0).normal(0, 1, (100, 3)) * [1, 2, 0]
    mean, low, high = band(values)
    np.testing.assert_allclose(mean, values.mean(0))
    np.testing.assert_allclose(high - low, 2 * 1.96 * values.std(0) / 10, rtol=0.15)
    assert low[2] == high[2] == 0
    runs = np.random.default_rng(1).lognormal(0, 0.5, (20, 1))
    whole, (_, one, other) = bootstrap_interval(runs[:, 0]), band(runs)
    assert (one[0], other[0]) == pytest.approx((whole.low, whole.high), rel=0.05)  # fewer resamples
    for part in band(values[:1]):
        np.testing.assert_allclose(part, values[0])


def test_smoothness_of_curves_known_by_hand():
    step = np.arange(0, 60, 10)
    logs = np.array([[0, -1, -2, -3, -4, -5], [0, 1, 0, 1, 0, 1], [5, -3, 1, 1, 1, 2]], dtype=float)
    found = smoothness(10**logs, step, start=0)
    np.testing.assert_allclose(found.second_difference, [0, 2, (12 + 4 + 0 + 1) / 4], atol=1e-11)
    np.testing.assert_allclose(found.total_variation, [5, 5, 8 + 4 + 1], atol=1e-11)
    late = smoothness(10**logs, step, start=20)  # the record at `start` counts
    np.testing.assert_allclose(late.second_difference, [0, 2, 0.5], atol=1e-11)
    np.testing.assert_allclose(late.total_variation, [3, 3, 1], atol=1e-11)


def test_smoothness_knows_no_scale_and_no_noise_near_zero():
    rng = np.random.default_rng(0)
    step, values = np.arange(301, 340), rng.lognormal(0, 1, (4, 39))
    found, scaled = smoothness(values, step), smoothness(1e-3 * values, step)
    np.testing.assert_allclose(scaled.second_difference, found.second_difference, rtol=1e-9)
    tiny = smoothness(1e-12 * values, step)  # below 1e-8 a loss is zero
    assert not tiny.second_difference.any() and not tiny.total_variation.any()
    shaky = np.log(10) * (1 + 1e-15 * rng.standard_normal((1, 39)))
    assert smoothness(shaky, step).second_difference == smoothness(shaky, step).total_variation == 0


@given(steps=st.lists(st.floats(0, 3), min_size=3, max_size=20), at=st.floats(1, 100), bump=st.floats(0.1, 5))
@settings(max_examples=40)
def test_a_falling_curve_varies_by_what_it_falls_and_a_bump_adds_twice_its_height(steps, at, bump):
    log, step = np.maximum(at - np.cumsum(steps), -7.9), np.arange(300, 300 + len(steps))
    fallen = smoothness(10 ** log[None], step).total_variation[0]
    assert fallen == pytest.approx(log[0] - log[-1], abs=1e-6)
    rises, middle = log.copy(), len(log) // 2
    rises[middle] = log[0] + bump
    height = rises[middle] - log[middle - 1]
    rough = smoothness(10 ** rises[None], step).total_variation[0]
    assert rough == pytest.approx(fallen + 2 * height, abs=1e-6)


@pytest.mark.parametrize("step", [[0, 100, 200, 299], [300, 310], [300, 310, 330, 340]])
def test_smoothness_refuses_curves_it_cannot_measure(step):
    with pytest.raises(ValueError, match="three or more equally spaced records from 300 on"):
        smoothness(np.ones((2, len(step))), np.array(step))


def test_steps_to_a_target_that_all_reach():
    a = np.array([[4.0, 2.0, 1.0, 3.0], [4.0, 3.0, 2.5, 2.0]])
    b = np.array([[4.0, 0.5, 0.4, 0.3], [5.0, 5.0, 5.0, 2.2]])
    step = np.array([0, 10, 20, 30])
    target = common_target(a, b)
    assert target == 2.2  # the worst run of b stops there
    np.testing.assert_array_equal(steps_to_target(a, step, target), [10, 30])
    np.testing.assert_array_equal(steps_to_target(b, step, target), [10, 30])
    assert np.isinf(steps_to_target(b, step, 2.1)[1]) and common_target(a) == 2.0


def test_decay_fit_finds_an_exact_rate_and_refuses_what_has_none():
    x = np.arange(2, 11)
    for rate in (-1.0, -0.25, 0.0, 2.0):
        found = decay_fit(x, 3.7 * 2 ** (rate * x))
        assert (found.slope, found.low, found.high) == pytest.approx((rate, rate, rate), abs=1e-6)
        assert found.n == 9
    for bad_x, bad_y in (
        ([1, 2], [1, 2]),
        ([1, 1, 1], [1, 2, 3]),
        ([1, 2, 3], [1, 2]),
        ([[1, 2, 3]], [[1, 2, 3]]),
    ):
        with pytest.raises(ValueError, match=r"three or more points|must have shape \(n,\)"):
            decay_fit(bad_x, bad_y)
    for bad in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="above 0"):
            decay_fit([1, 2, 3], [1.0, bad, 2.0])
    for bad in (0, 1, 1.5):
        with pytest.raises(ValueError, match="confidence must be"):
            decay_fit([1, 2, 3], [1, 2, 3], bad)


def test_the_interval_of_a_decay_is_students_of_two_degrees_less():
    """Deviations 1, -1, -1, 1 about a line of slope -1: variance 4 / 2, over the sum of squares 5 of x."""
    found = decay_fit([0, 1, 2, 3], 2.0 ** np.array([1, -2, -3, -2]))
    assert found.slope == pytest.approx(-1)
    reach = 4.302653 * np.sqrt(2 / 5)  # t of two degrees, 97.5 %
    assert (found.low, found.high) == pytest.approx((-1 - reach, -1 + reach), abs=1e-5)


def test_the_interval_of_a_decay_covers():
    """Of 200 noisy lines, a 95 % interval misses the slope about ten times, and a 50 % one a hundred."""
    rng, x = np.random.default_rng(2), np.arange(2, 8)
    noisy = 2.0 ** (-0.8 * x + rng.normal(0, 0.3, (200, 6)))
    for confidence in (0.95, 0.5):
        found = [decay_fit(x, y, confidence) for y in noisy]
        covered = sum(f.low <= -0.8 <= f.high for f in found)
        assert abs(covered - 200 * confidence) < 3.5 * np.sqrt(200 * confidence * (1 - confidence))
    by_hand = [np.polyfit(x, np.log2(y), 1)[0] for y in noisy]
    np.testing.assert_allclose([f.slope for f in found], by_hand)


def test_rises_count_the_way_up_alone():
    step = np.array([0, 10, 20, 30])
    values = np.array([[1.0, 0.1, 1.0, 0.01], [8.0, 4.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    assert rises(values, step).tolist() == [1, 0, 0]
    assert rises(values, step, stop=10).tolist() == [0, 0, 0]
    assert rises(values, step, start=10, stop=20).tolist() == [1, 0, 0]
    assert rising_share(values, step).tolist() == [0.25, 0, 0]  # one decade up of four
    there_and_back = np.array([[1.0, 2.0, 1.0, 2.0, 1.0]])
    assert rising_share(there_and_back, np.arange(5)).tolist() == [0.5]
    assert rises(np.array([[1e-12, 1e-9]]), np.arange(2)).tolist() == [0]  # both count as zero
