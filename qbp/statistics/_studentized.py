"""Ends of studentized bootstrap intervals, column by column, for :mod:`qbp.statistics.intervals`."""

from functools import lru_cache

import numpy as np

UNBOUNDED = 1000.0  # a ratio's end that is farther than this factor is 0 or infinite: it is not determined
ROUNDING = 1e-14  # of the largest value: residuals below this are none


def mean_ends(values: np.ndarray, confidence: float, resamples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the interval of the mean over rows, for each column, (columns,) each.

    On a logarithmic scale only where Student's interval leaves 0 out: a few differences may all have one sign
    by chance.
    """
    from scipy.stats import t  # slow to import, so not with the package

    n = len(values)
    with np.errstate(all="ignore"):
        unit = np.where(values.any(0), np.abs(values).max(0), 1)  # so that no square underflows
        values = values / unit
        student = t.ppf((1 + confidence) / 2, n - 1) * values.std(0) / (n - 1) ** 0.5 if n > 1 else np.inf
        clear = np.abs(values.mean(0)) > student
        low, high = ratio_ends(values, np.ones_like(values), confidence, resamples, clear)
        return unit * low, unit * high


def ratio_ends(
    a: np.ndarray, b: np.ndarray, confidence: float, resamples: int, logarithmic: np.ndarray | bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the interval of mean(a) / mean(b) over rows, for each column.

    The studentized distance T = (ratio of a resample - ratio) / (standard error within the resample) is what
    is resampled; its standard error is that of mean(a - ratio b) / mean(b), by the delta method.  Where no
    value of `a` or of `b` has another sign than its mean, T is of the logarithm of the ratio.  Each end is
    the farthest of three: the quantile of T (equal-tailed), that of abs(T) (symmetric), and Student's t.  On
    the logarithmic scale an end beyond a factor of UNBOUNDED is 0 or infinite.

    Args:
        a, b: (n, columns) each.
        confidence: level in (0, 1).
        resamples: number of resamples, the same for every column and call.
        logarithmic: whether the logarithm may be taken.

    Returns:
        Two arrays (columns,): NaN where n is 1 or a value is not finite; the ratio itself where a is
        proportional to b, and where mean(b) is 0.
    """
    from scipy.stats import t  # slow to import, so not with the package

    n = len(a)
    with np.errstate(all="ignore"):
        a_unit, b_unit = (np.abs(x).max(0, keepdims=True) for x in (a, b))
        a, b = a / np.where(a_unit > 0, a_unit, 1), b / np.where(b_unit > 0, b_unit, 1)
        unit = a_unit[0] / np.where(b_unit[0] > 0, b_unit[0], 1)
        mean_a, mean_b = a.mean(0), b.mean(0)
        ratio = mean_a / mean_b
        of_one_sign = (a * np.sign(mean_a) >= 0).all(0) & (b * np.sign(mean_b) >= 0).all(0) & (mean_a != 0)
        of_one_sign &= logarithmic
        residual = a - ratio * b
        residual = np.where(np.abs(residual).max(0) > ROUNDING * np.abs(a).max(0), residual, 0)
        distance = _studentized(a, b, residual, of_one_sign, resamples)
        low, high = _outer_quantiles(distance, confidence)
        error = np.sqrt((residual**2).mean(0) / n) / np.abs(np.where(of_one_sign, mean_a, mean_b))
        student = t.ppf((1 + confidence) / 2, n - 1) * np.sqrt(n / (n - 1)) if n > 1 else np.nan
        moves = -error * np.fmax(high, student), error * np.fmax(-low, student)
        factors = [np.where(np.abs(move) > np.log(UNBOUNDED), np.inf * move, move) for move in moves]
        ends = [
            np.where(of_one_sign, ratio * np.exp(f), ratio + m) for f, m in zip(factors, moves, strict=True)
        ]
        fixed = (residual == 0).all(0) | (mean_b == 0)
        known = np.isfinite(a).all(0) & np.isfinite(b).all(0) & (n > 1)
        low, high = np.where(known, unit * np.where(fixed, ratio, np.sort(ends, axis=0)), np.nan)
    return low, high


def _studentized(
    a: np.ndarray, b: np.ndarray, residual: np.ndarray, of_one_sign: np.ndarray, resamples: int
) -> np.ndarray:
    """Return T of every resample, (resamples, columns), NaN where a resample has no spread of its own."""
    ratio = a.mean(0) / b.mean(0)
    weights = _weights(len(a), resamples)
    sum_a, sum_b, sum_r = weights @ a, weights @ b, weights @ residual
    moved = sum_r / sum_b  # the resample's ratio less the sample's, without a difference of large numbers
    parts = weights @ residual**2, moved * (weights @ (residual * b)), moved**2 * (weights @ b**2)
    variance = parts[0] - 2 * parts[1] + parts[2]
    error = np.sqrt(np.where(variance > 1e-12 * (parts[0] + parts[2]), variance, np.nan) / len(a))
    of_log = np.log1p(moved / ratio) * np.abs(sum_a) / error
    none = np.where(sum_a == 0, -np.inf, np.inf)  # the ratio of a resample is 0, or infinite
    of_log = np.where((sum_a == 0) ^ (sum_b == 0), none, of_log)
    return np.where(of_one_sign, of_log, moved * np.abs(sum_b) / error)


def _outer_quantiles(distance: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest of the equal-tailed and the symmetric quantiles of each column, NaN left
    out."""
    count = (~np.isnan(distance)).sum(0) - 1
    columns = np.arange(distance.shape[1])
    values, sizes = np.sort(distance, axis=0), np.sort(np.abs(distance), axis=0)  # NaN sorts last
    size = sizes[np.ceil(confidence * count).astype(int), columns]
    low = values[np.floor((1 - confidence) / 2 * count).astype(int), columns]
    high = values[np.ceil((1 + confidence) / 2 * count).astype(int), columns]
    return np.fmin(low, -size), np.fmax(high, size)


@lru_cache(maxsize=8)
def _weights(n: int, resamples: int) -> np.ndarray:
    """Return how often each of n values is in each resample, over n: (resamples, n), from a fixed seed."""
    pick = np.random.default_rng(0).integers(n, size=(resamples, n))
    return np.stack([np.bincount(row, minlength=n) for row in pick]) / n
