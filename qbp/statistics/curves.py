"""Properties of loss curves: how smooth they are, how fast they fall, at which rate something decays.

Pure functions of arrays, beside the intervals of :mod:`qbp.statistics.intervals`.
"""

from dataclasses import dataclass

import numpy as np

from qbp import _checks
from qbp._arguments import takes
from qbp.statistics.intervals import numbers

LOWEST = 1e-8  # below this a loss counts as zero, so that rounding on the way to it is no roughness
DIGITS = 12  # of log10(loss): a curve that is constant but for its last bits is constant


@dataclass(frozen=True)
class Smoothness:
    """Two measures of each run, both 0 for a constant loss.

    Attributes:
        second_difference: mean absolute second difference of log10(loss), in decades per record squared,
            (runs,); 0 for a loss that falls exponentially, however fast.
        total_variation: sum of absolute first differences, in decades, (runs,); a loss that falls without
            ever rising has no more than the decades it falls.
    """

    second_difference: np.ndarray
    total_variation: np.ndarray


@takes(values="array runs records", step="array records")
def smoothness(values: np.ndarray, step: np.ndarray, start: int = 300) -> Smoothness:
    """Measure how smooth a recorded training loss is from a step on ("smoother descent beyond step 300",
    Section IV.B, which names no measure).

    Args:
        values: losses, (runs, records), finite.
        step: recorded steps, (records,), equally spaced from `start` on.
        start: first step that counts.

    Returns:
        Both measures; compare them between curves recorded equally often.

    Raises:
        ValueError: there are fewer than three records from `start` on, or they are not equally spaced.

    Example:
        >>> halving = np.array([[8.0, 4.0, 2.0, 1.0]])
        >>> smoothness(halving, np.arange(4), start=0).second_difference
        array([0.])
    """
    values, step = numbers(values), numbers(step)
    late = step[step >= start]
    if len(late) < 3 or np.ptp(np.diff(late)):
        raise ValueError(
            f"step must have three or more equally spaced records from {start} on (start), got "
            f"{late.tolist()[:5]}"
        )
    log = _log(values, step, start, None)
    bends, moves = np.abs(np.diff(log, n=2, axis=1)), np.abs(np.diff(log, axis=1))
    return Smoothness(bends.mean(1).round(DIGITS), moves.sum(1).round(DIGITS))


@takes(values="array runs records", step="array records+")
def rises(values: np.ndarray, step: np.ndarray, start: int = 0, stop: int | None = None) -> np.ndarray:
    """Return how much a recorded loss climbs on its way, the sum of its upward moves of log10(loss).

    Args:
        values: losses, (runs, records), finite.
        step: recorded steps, (records,).
        start, stop: first and last step that count; the last record by default.

    Returns:
        In decades, (runs,); 0 for a loss that never rises, half the total variation for one that goes
        nowhere.

    Example:
        >>> rises(np.array([[100.0, 1.0, 10.0, 0.1]]), np.arange(4))
        array([1.])
    """
    moves = np.diff(_log(values, step, start, stop), axis=1)
    return np.maximum(moves, 0).sum(1).round(DIGITS)


@takes(values="array runs records", step="array records+")
def rising_share(values: np.ndarray, step: np.ndarray, start: int = 0, stop: int | None = None) -> np.ndarray:
    """Return :func:`rises` as a share of all moves, up and down, (runs,) in [0, 1]; 0 for a constant loss."""
    up = rises(values, step, start, stop)
    total = np.abs(np.diff(_log(values, step, start, stop), axis=1)).sum(1).round(DIGITS)
    return np.divide(up, total, out=np.zeros_like(up), where=total > 0)


def _log(values: np.ndarray, step: np.ndarray, start: int, stop: int | None) -> np.ndarray:
    values, step = numbers(values), numbers(step)
    inside = (step >= start) & (step <= (step[-1] if stop is None else stop))
    return np.log10(np.maximum(values[:, inside], LOWEST)).round(DIGITS)


def common_target(*values: np.ndarray) -> float:
    """Return the lowest loss that every run of every method has reached, for a fair count of steps.

    Args:
        values: recorded losses, each (runs, records).

    Example:
        >>> common_target(np.array([[3.0, 1.0], [3.0, 2.0]]), np.array([[3.0, 0.5]]))
        2.0
    """
    if not values:
        raise ValueError("values must be one array or more, got none")
    lowest = [numbers(v) for v in values]
    if any(v.ndim != 2 or v.size == 0 for v in lowest):
        raise ValueError(f"values must have shape (runs, records), got {[v.shape for v in lowest]}")
    return float(max(v.min(axis=1).max() for v in lowest))


@takes(values="array runs records+", step="array records")
def convergence(
    values: np.ndarray, step: np.ndarray, share: float = 0.01, window: int = 50, start: int = 0
) -> np.ndarray:
    """Return the first recorded step after which each run's loss stands still for a while: "while not
    converged" (Algorithm 1, line 7, which names no criterion).

    Args:
        values: losses, (runs, records), finite.
        step: recorded steps, (records,), ascending.
        share: over the next `window` steps the highest and the lowest record differ by less than this share
            of the size of the loss at the first of them.
        window: steps, all of them within the budget.
        start: first step that is asked.

    Returns:
        (runs,); infinity where no record is followed by so still a window.

    Raises:
        ValueError: `share` or `window` is not above 0, or no two records are within a window.

    Example:
        >>> convergence(np.array([[8.0, 4.0, 2.0, 2.0], [8.0, 4.0, 2.0, 1.0]]), np.array([0, 10, 20, 30]),
        ...             window=10)
        array([20., inf])
    """
    values, step = numbers(values), numbers(step)
    share, window = _checks.number("share", share, 0, strict=True), _checks.integer("window", window)
    start = _checks.integer("start", start, 0)
    found = np.full(len(values), np.inf)
    for first in range(len(step))[::-1]:
        inside = (step >= step[first]) & (step <= step[first] + window)
        if step[first] < start or step[first] + window > step[-1]:
            continue
        if inside.sum() < 2:
            raise ValueError(f"window must reach the next record, got {window} steps from {step[first]:.0f}")
        still = np.ptp(values[:, inside], axis=1) < share * np.abs(values[:, first])
        found = np.where(still, step[first], found)
    return found


@takes(values="array runs records", held="array runs records+")
def stopped_early(values: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Return a metric where early stopping ends each run: at the record with the lowest held-out loss.

    The run goes on to its last step, so its budget of gradients is that of every other run.

    Args:
        values: the metric, (runs, records).
        held: loss on training samples that were kept from training, (runs, records).

    Returns:
        (runs,), in the unit of `values`.

    Example:
        >>> stopped_early(np.array([[3.0, 2.0, 4.0]]), np.array([[0.9, 0.5, 0.7]]))
        array([2.])
    """
    best = numbers(held).argmin(-1, keepdims=True)
    return np.take_along_axis(numbers(values), best, -1)[:, 0]


@dataclass(frozen=True)
class Decay:
    """A slope of log2(y) per unit of x and its confidence interval from n points."""

    slope: float
    low: float
    high: float
    n: int


@takes(x="array n", y="array n")
def decay_fit(x: np.ndarray, y: np.ndarray, confidence: float = 0.95) -> Decay:
    """Fit y = 2**(slope * x + constant) by least squares on log2(y).

    Args:
        x: such as numbers of qubits, (n,), three or more, not all equal.
        y: such as variances, (n,), above 0.
        confidence: level of Student's interval, which takes the deviations from the line as independent,
            normal and of one size.

    Returns:
        The slope in bits per unit of x; -1 says that y halves.

    Raises:
        ValueError: other shapes, too few points, a `y` that is not finite and above 0, or a `confidence`
            outside (0, 1).

    Example:
        >>> decay_fit([2, 3, 4], [0.5, 0.25, 0.125])
        Decay(slope=-1.0, low=-1.0, high=-1.0, n=3)
    """
    y = numbers(y)
    if not (np.isfinite(y).all() and (y > 0).all()):
        raise ValueError(f"y must be finite and above 0, got {y}")
    return decay_fit_log2(x, np.log2(y), confidence)


@takes(x="array n", log2_y="array n")
def decay_fit_log2(x: np.ndarray, log2_y: np.ndarray, confidence: float = 0.95) -> Decay:
    """Fit as :func:`decay_fit` where y itself may be too small for a float: from its base-2 logarithm."""
    from scipy.stats import linregress, t  # slow to import, so not with the package

    _checks.share("confidence", confidence)
    x, y = numbers(x), numbers(log2_y)
    if len(x) < 3 or np.ptp(x) == 0:
        raise ValueError(f"x and y must be three or more points with different x, got {x} and {y}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(f"x and log2_y must be finite, got {x} and {y}")
    fit = linregress(x, y)
    reach = t.ppf((1 + confidence) / 2, len(x) - 2) * np.nan_to_num(fit.stderr)  # NaN for a constant y
    return Decay(float(fit.slope), float(fit.slope - reach), float(fit.slope + reach), len(x))
