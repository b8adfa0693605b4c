"""Evidence of paired runs: size of an effect, an exact test, its correction for many tests, its power.

Pure functions of arrays.  Everything here is about differences between two methods on the same seeds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from qbp import _checks
from qbp._arguments import takes
from qbp.statistics.intervals import Interval, numbers, pairs, relative_change

EXACT = 20  # up to so many seeds every pattern of signs is counted, above a sample of them
FLIPS = 99_999


@dataclass(frozen=True)
class Comparison(Interval):
    """A relative change over n seeds, mean(a) / mean(b) - 1, and what stands behind it.

    Attributes:
        wins: seeds on which a is below b; a tie is none.
        effect: :func:`effect_size` of a - b, dimensionless.
        ranks: :func:`rank_biserial` of a - b, in [-1, 1].
        p: :func:`sign_flip_p` of a - b.
        detectable: :func:`detectable` of a - b, relative to mean(b): the power statement.
    """

    wins: int = 0
    effect: float = np.nan
    ranks: float = np.nan
    p: float = np.nan
    detectable: float = np.nan


@dataclass(frozen=True)
class Share(Interval):
    """A share of n runs with its exact interval (Clopper and Pearson 1934), and on how many it holds.

    Attributes:
        hits: runs on which it holds.
        p: exact two-sided binomial test against one half.
    """

    hits: int = 0
    p: float = np.nan


@takes(a="array n+", b="array n+")
def compare_pairs(a: np.ndarray, b: np.ndarray) -> Comparison:
    """Compare two arrays of one value per seed, (n,) each, in the same order.

    Raises:
        ValueError: as for :func:`qbp.statistics.intervals.pairs`.

    Example:
        >>> found = compare_pairs(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
        >>> found.mean, found.wins, found.ranks, found.p
        (-0.5, 3, -1.0, 0.25)
    """
    a, b = pairs(a, b)
    change, d = relative_change(a, b), a - b
    visible = detectable(d) / abs(b.mean()) if b.mean() else np.nan
    return Comparison(
        change.mean,
        change.low,
        change.high,
        change.n,
        wins=int((d < 0).sum()),
        effect=effect_size(d),
        ranks=rank_biserial(d),
        p=sign_flip_p(d),
        detectable=visible,
    )


@takes(hits="array n+")
def share(hits: np.ndarray, confidence: float = 0.95) -> Share:
    """Return on which share of the runs something holds, from one boolean per run, (n,).

    Example:
        >>> found = share(np.array([True] * 20))
        >>> found.mean, round(found.low, 3), found.high
        (1.0, 0.832, 1.0)
    """
    from scipy.stats import binomtest  # slow to import, so not with the package

    _checks.share("confidence", confidence)
    hits = numbers(hits) != 0
    found = binomtest(int(hits.sum()), len(hits))
    ends = found.proportion_ci(confidence, method="exact")
    return Share(
        float(hits.mean()), ends.low, ends.high, len(hits), hits=int(hits.sum()), p=float(found.pvalue)
    )


@takes(differences="array n")
def effect_size(differences: np.ndarray) -> float:
    """Return Cohen's d_z, mean / standard deviation of paired differences (n,), times Hedges' correction.

    The factor 1 - 3 / (4 n - 5) takes away most of the bias that a small n gives d_z (Hedges 1981).

    Returns:
        Dimensionless, with the sign of the mean; infinite where all differences are the same but not 0, NaN
        for one seed.

    Example:
        >>> round(effect_size(np.array([-1.0, -2.0, -3.0])), 4)
        -1.1429
    """
    d = numbers(differences)
    if len(d) < 2:
        return float("nan")
    mean, spread = float(d.mean()), _deviation(d)
    if spread == 0:
        return float(np.sign(mean) * np.inf) if mean else 0.0
    return mean / spread * (1 - 3 / (4 * len(d) - 5))


@takes(differences="array n")
def rank_biserial(differences: np.ndarray) -> float:
    """Return the matched-pairs rank-biserial correlation (Kerby 2014): rank sums of the positive differences
    minus those of the negative ones, over their total; ties are left out.

    Returns:
        1 if every difference (n,) is above 0, -1 if every one is below, 0 if there is none; no outlier
        changes it much.

    Example:
        >>> rank_biserial(np.array([-5.0, 1.0, -2.0, 0.0]))
        -0.6666666666666666
    """
    from scipy.stats import rankdata

    d = numbers(differences)
    d = d[d != 0]
    ranks = rankdata(np.abs(d))
    return float((ranks * np.sign(d)).sum() / ranks.sum()) if len(d) else 0.0


@takes(differences="array n")
def sign_flip_p(differences: np.ndarray) -> float:
    """Return the two-sided p of the paired permutation test (Fisher 1935): how many of the 2**n ways to swap
    the two methods on some seeds give a mean difference at least as far from 0.

    Exact up to EXACT seeds, where the smallest p is 2 / 2**n; above, from FLIPS random patterns of a fixed
    seed.  It takes the differences as symmetric about 0 if the methods are equal, and nothing else.

    Args:
        differences: a - b, (n,).

    Returns:
        In (0, 1]; NaN if a difference is not finite or there is one seed.

    Example:
        >>> sign_flip_p(np.array([1.0, 2.0, 3.0]))
        0.25
    """
    d = numbers(differences)
    if len(d) < 2 or not np.isfinite(d).all():
        return float("nan")
    reached = abs(d.sum()) - 1e-12 * np.abs(d).sum()  # rounding in another order is no smaller sum
    if len(d) <= EXACT:
        sums = d[:1]  # the first sign stays: turning all of them changes no size
        for value in d[1:]:
            sums = np.concatenate([sums + value, sums - value])
        return float((np.abs(sums) >= reached).mean())
    rng = np.random.default_rng(0)
    turned = rng.integers(0, 2, size=(FLIPS, len(d)), dtype=np.int8) @ d
    return float((1 + (np.abs(d.sum() - 2 * turned) >= reached).sum()) / (1 + FLIPS))


@takes(p_values="array n")
def holm(p_values: ArrayLike) -> np.ndarray:
    """Correct p values for their number (Holm 1979): with all of them below a level, the chance that any of
    the true "no difference" is called one stays below that level, however the tests depend on each other.

    Args:
        p_values: one per comparison, (m,); NaN, a row without a test, stays and does not count.

    Returns:
        Adjusted p values in the same order, at most 1.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        array([0.03, 0.06, 0.06])
    """
    p = numbers(p_values)
    adjusted, order = np.full_like(p, np.nan), np.argsort(p)[: int(np.isfinite(p).sum())]  # NaN sorts last
    steps = p[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


@takes(p_values="array n")
def benjamini_hochberg(p_values: ArrayLike) -> np.ndarray:
    """Correct p values for their number (Benjamini and Hochberg 1995): of the comparisons below a level, the
    expected share in which there is no difference stays below that level, where tests are independent or lean
    the same way.

    Args:
        p_values: one per comparison, (m,); NaN, a row without a test, stays and does not count.

    Returns:
        Adjusted p values in the same order, at most 1, none above :func:`holm`'s.

    Example:
        >>> benjamini_hochberg([0.01, 0.04, 0.03])
        array([0.03, 0.04, 0.04])
    """
    from scipy.stats import false_discovery_control  # slow to import, so not with the package

    p = numbers(p_values)
    adjusted, tested = np.full_like(p, np.nan), np.isfinite(p)
    if tested.any():
        adjusted[tested] = false_discovery_control(p[tested], method="bh")
    return adjusted


@takes()
def smallest_p(n: int, *, sampled: bool = False) -> float:
    """Return the smallest two-sided p that n pairs or runs can reach, 2 / 2**n: all of them agree.

    Where the test is `sampled`, as :func:`sign_flip_p` above EXACT seeds, it is at least 1 / (1 + FLIPS).

    Example:
        >>> smallest_p(5), smallest_p(6)
        (0.0625, 0.03125)
    """
    _checks.integer("n", n)
    exact = 2.0 ** (1 - n)
    return max(exact, 1 / (1 + FLIPS)) if sampled and n > EXACT else exact


@takes(p_values="array n", smallest="array n")
def reachable(
    p_values: ArrayLike, smallest: ArrayLike, correction: Callable[[ArrayLike], np.ndarray] = holm
) -> np.ndarray:
    """Return the corrected p that each comparison would have if its seeds agreed as far as they can, among
    the p of the others: where it is not below the level, so many seeds could not survive the correction.

    Args:
        p_values, smallest: p and :func:`smallest_p` of each, (m,); NaN stays and does not count.

    Example:
        >>> reachable([0.25, 0.5], [0.25, 1e-6])
        array([5.e-01, 2.e-06])
    """
    p, least = numbers(p_values), numbers(smallest)
    best = np.full_like(p, np.nan)
    for place in np.flatnonzero(np.isfinite(p)):
        in_place = p.copy()
        in_place[place] = min(p[place], least[place])
        best[place] = correction(in_place)[place]
    return best


@takes(differences="array n")
def detectable(differences: np.ndarray, power: float = 0.8, level: float = 0.05) -> float:
    """Return the smallest true mean difference that so many seeds would have shown: that Student's paired
    test at this level sees with this probability, given the spread that was found.

    Args:
        differences: a - b, (n,).
        power: probability to see it, in (0, 1); above half the level, which is what chance alone gives.
        level: two-sided level of the test, in (0, 1).

    Returns:
        At least 0, in the unit of the differences; NaN for one seed.

    Raises:
        ValueError: `power` or `level` is none of these.

    Example:
        >>> round(detectable(np.array([-1.0, 1.0] * 10)), 3)
        0.678
    """
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    for name, value in {"power": power, "level": level}.items():
        _checks.share(name, value)
    if power <= level / 2:
        raise ValueError(f"power must be above half the level {level}, got {power}")
    d = numbers(differences)
    if len(d) < 2 or not np.isfinite(d).all():
        return float("nan")
    df, limit = len(d) - 1, t.ppf(1 - level / 2, len(d) - 1)
    # Far out scipy's noncentral t loses its lower tail, which is then below 1e-10: leave that out.
    shift = brentq(lambda nc: nct.sf(limit, df, nc) - power, 1e-6, 20 * limit)
    return float(shift * _deviation(d) / len(d) ** 0.5)


def _deviation(d: np.ndarray) -> float:
    """Return the standard deviation of a sample, (n,), also where the square of a value would overflow."""
    scale = float(np.abs(d).max())
    return scale * float((d / scale).std(ddof=1)) if scale > 0 else 0.0
