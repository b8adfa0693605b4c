"""Effect sizes, tests and power against closed forms, scipy's own tests and simulation."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_rel, wilcoxon

from qbp.statistics.hypothesis_tests import (
    EXACT,
    FLIPS,
    benjamini_hochberg,
    compare_pairs,
    detectable,
    effect_size,
    holm,
    rank_biserial,
    reachable,
    share,
    sign_flip_p,
    smallest_p,
)
from qbp.statistics.intervals import relative_change


def test_differences_too_large_to_square_have_an_effect_and_a_detectable_size():
    d = np.random.default_rng(0).normal(1, 1, 12)
    for found in (effect_size, detectable):
        size = 1e200 if found is detectable else 1.0
        assert found(d * 1e200) == pytest.approx(found(d) * size, rel=1e-12)


def test_effect_size_is_the_corrected_mean_over_spread():
    d = np.random.default_rng(0).normal(-0.8, 1.0, 12)
    assert effect_size(d) == pytest.approx(d.mean() / d.std(ddof=1) * (1 - 3 / (4 * 12 - 5)))
    assert effect_size(-3 * d) == pytest.approx(-effect_size(d))
    assert effect_size([2.0, 2.0]) == np.inf and effect_size([-2.0, -2.0]) == -np.inf
    assert effect_size([0.0, 0.0]) == 0 and np.isnan(effect_size([1.0]))


def test_the_correction_takes_most_of_the_bias_away():
    d = np.random.default_rng(1).normal(0.5, 1.0, (20_000, 6))
    plain = d.mean(1) / d.std(1, ddof=1)
    corrected = np.mean([effect_size(row) for row in d])
    assert abs(corrected - 0.5) < 0.02 < abs(plain.mean() - 0.5)


def test_rank_biserial_is_from_wilcoxons_rank_sums():
    d = np.random.default_rng(2).normal(0.3, 1.0, 15)
    below = wilcoxon(d, alternative="greater").statistic  # rank sum of the positive differences
    total = 15 * 16 / 2
    assert rank_biserial(d) == pytest.approx((below - (total - below)) / total)
    assert rank_biserial([-1.0, -9.0]) == -1 and rank_biserial([0.0, 0.0]) == 0
    assert rank_biserial([1.0, -1.0, 0.0]) == 0  # ties of size share their ranks


@given(st.lists(st.integers(-4, 4), min_size=2, max_size=8))
@settings(max_examples=40)
def test_the_exact_test_counts_every_pattern_of_signs(values):
    d = np.array(values, dtype=float)
    signs = itertools.product([1, -1], repeat=len(d))
    reached = [abs(np.dot(s, d)) >= abs(d.sum()) - 1e-9 for s in signs]
    assert sign_flip_p(d) == pytest.approx(np.mean(reached))
    assert sign_flip_p(-1e-9 * d) == sign_flip_p(d)


def test_sums_that_tie_but_for_rounding_tie():
    tenths = np.array([1, 1, 1, -1, -3, -1, 3, -1])
    assert tenths.sum() == 0 != (0.1 * tenths).sum()
    assert sign_flip_p(0.1 * tenths) == sign_flip_p(tenths) == 1


def test_the_smallest_p_and_none():
    assert sign_flip_p(np.arange(1.0, EXACT + 1)) == 2 / 2**EXACT
    assert sign_flip_p(np.full(20, 0.1)) == 2 / 2**20  # sums of 0.1 round differently in another order
    assert sign_flip_p([0.0, 0.0]) == 1
    assert np.isnan(sign_flip_p([1.0])) and np.isnan(sign_flip_p([1.0, np.inf]))


def test_many_seeds_are_sampled_and_close_to_students_test():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.0, 1.0, 60), rng.normal(0.35, 1.0, 60)
    assert sign_flip_p(a - b) == pytest.approx(ttest_rel(a, b).pvalue, abs=0.01)
    assert sign_flip_p(np.ones(40)) == 1 / (1 + FLIPS)


def test_equal_methods_are_told_apart_at_the_level_and_no_more_often():
    d = np.random.default_rng(4).standard_cauchy((1000, 10))  # symmetric, and no mean at all
    assert np.mean([sign_flip_p(row) <= 0.05 for row in d]) == pytest.approx(0.05, abs=0.02)


def test_holm_by_hand():
    # 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1, each at least the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]).tolist() == [1, 1]
    found = holm([0.02, np.nan, 0.01])  # a row without a test does not count
    assert found[[0, 2]] == pytest.approx([0.02, 0.02]) and np.isnan(found[1])
    assert holm([]).size == 0 and np.isnan(holm([np.nan])).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.randoms())
@settings(max_examples=40)
def test_holm_is_between_none_and_bonferroni_whatever_the_order(values, shuffler):
    p = np.array(values)
    found = holm(p)
    assert (found >= p).all() and (found <= np.minimum(p * len(p), 1)).all()
    order = list(range(len(p)))
    shuffler.shuffle(order)
    np.testing.assert_allclose(holm(p[order]), found[order])


def test_what_could_be_seen_is_seen_eight_times_in_ten():
    rng = np.random.default_rng(5)
    spread = np.sqrt(0.5)
    sample = rng.normal(0, spread, 20)
    standard = (sample - sample.mean()) / sample.std(ddof=1) * spread
    visible = detectable(standard)
    d = rng.normal(visible, spread, (20_000, 20))
    t = d.mean(1) / d.std(1, ddof=1) * np.sqrt(20)
    assert np.mean(np.abs(t) > 2.093) == pytest.approx(0.8, abs=0.01)  # t of 19 degrees, 97.5 %
    assert detectable(standard, level=0.001) > visible > detectable(standard, power=0.5)
    assert detectable(7 * standard + 3) == pytest.approx(7 * visible)
    assert detectable([1.0, 1.0]) == 0 and np.isnan(detectable([1.0]))
    for wrong in ({"power": 1}, {"level": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
            detectable(standard, **wrong)
    with pytest.raises(ValueError, match="power must be above half the level"):  # chance gives that much
        detectable(standard, power=0.025)


def test_a_comparison_has_everything():
    rng = np.random.default_rng(6)
    b = rng.normal(10.0, 1.0, 20)
    a = b - rng.normal(1.0, 0.5, 20)
    found, change = compare_pairs(a, b), relative_change(a, b)
    assert (found.mean, found.low, found.high, found.n) == (change.mean, change.low, change.high, 20)
    assert found.wins == (a < b).sum() and found.effect == effect_size(a - b)
    assert (found.ranks, found.p) == (rank_biserial(a - b), sign_flip_p(a - b))
    assert found.detectable == pytest.approx(detectable(a - b) / b.mean())
    one = compare_pairs([1.0], [2.0])
    assert one.mean == -0.5 and np.isnan([one.low, one.effect, one.p, one.detectable]).all()
    with pytest.raises(ValueError, match="b must have shape"):
        compare_pairs([1.0, 2.0], [1.0])


def test_benjamini_and_hochberg_by_hand():
    """Sorted p times m over its rank, then the smallest of those above."""
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    found = benjamini_hochberg([0.02, np.nan, 0.01])
    assert found[[0, 2]] == pytest.approx([0.02, 0.02]) and np.isnan(found[1])
    assert benjamini_hochberg([]).size == 0 and np.isnan(benjamini_hochberg([np.nan])).all()
    p = np.random.default_rng(0).random(30) ** 3
    order = np.argsort(p)
    by_hand = [min(p[order[k]] * 30 / (k + 1) for k in range(rank, 30)) for rank in range(30)]
    np.testing.assert_allclose(benjamini_hochberg(p)[order], by_hand)
    assert (p <= benjamini_hochberg(p)).all() and (benjamini_hochberg(p) <= holm(p) + 1e-15).all()


def test_the_smallest_p_is_that_of_seeds_that_all_agree():
    for n in (2, 5, 6, 20):
        assert smallest_p(n) == pytest.approx(sign_flip_p(np.ones(n))) == pytest.approx(share([True] * n).p)
    assert smallest_p(25) == 2.0**-24 and smallest_p(25, sampled=True) == sign_flip_p(np.ones(25)) == 1e-5


def test_what_so_many_seeds_can_reach_in_a_family():
    p = [0.0625, 0.5, 0.9]
    np.testing.assert_allclose(reachable(p, [0.0625, 0.001, 0.3]), [0.1875, 0.003, 0.6])
    beside = [0.001] * 9 + [0.04]  # by rank: the tenth of ten is hardly corrected, the only small one is
    assert reachable(beside, [0.001] * 9 + [0.03125], benjamini_hochberg)[-1] == pytest.approx(0.03125)
    assert reachable(beside, [0.001] * 9 + [0.03125])[-1] == pytest.approx(0.03125)  # the last of Holm's, too
    assert reachable([0.5] * 9 + [0.04], [0.001] * 9 + [0.03125], benjamini_hochberg)[-1] == 0.3125
    assert np.isnan(reachable([np.nan, 0.5], [0.1, 0.1])[0])


def test_changes_from_nothing():
    same = compare_pairs([0.0, 0.0], [0.0, 0.0])
    assert (same.mean, same.low, same.high, same.wins, same.p) == (0, 0, 0, 0, 1)
    assert relative_change(np.array([1.0, 2.0]), np.array([0.0, 0.0])).low == np.inf
    some = relative_change(np.array([1.0, 0.0, 1.0]), np.array([0.0, 0.0, 3.0]))
    assert some.mean == pytest.approx(-1 / 3) and some.high == np.inf and not np.isnan(some.low)


def test_a_share_has_the_exact_binomial_interval():
    found = share(np.array([True] * 15 + [False] * 5))
    assert (found.mean, found.hits, found.n) == (0.75, 15, 20)
    assert (found.low, found.high) == pytest.approx((0.5090, 0.9134), abs=1e-4)  # tabled
    assert found.p == pytest.approx(2 * 21_700 / 2**20)  # 15 or more of 20 heads, and as far below
    assert share(np.array([True] * 20)).low == pytest.approx(0.025 ** (1 / 20))  # all of n: closed form
    with pytest.raises(ValueError, match=r"hits must have shape \(n,\)"):
        share([])
