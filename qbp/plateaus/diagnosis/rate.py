r"""Rate of decay over sizes, exponential against polynomial, and the verdict that follows.

Two lines are fitted to ``y = log2 Var``: ``a + b n``, exponential decay, and ``a + c log2 n``, polynomial
decay, by least squares with the standard errors of y.  Where not even the better one fits, the errors are
widened until it does.  A plateau is what happens as n grows: of eight sizes or more the larger half counts.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qbp.plateaus.diagnosis.report import Rate

LEAST = 4  # sizes of a verdict
FLOOR = 0.02  # bits: errors below it claim more than a line through sizes can hold
CLEAR = 4.0  # of chi-squared: two standard errors
T = 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228  # 97.5 %, 1 to 10 degrees


class Line(NamedTuple):
    """A fitted line: slope, half the width of its 95 % interval before widening, chi-squared."""

    slope: float
    error: float
    chi_squared: float
    degrees: int


def line(x: Sequence[float], y: Sequence[float], stderr: Sequence[float]) -> Line:
    """Fit a line by weighted least squares, (n,) each; three points or more.

    Example:
        >>> line([1, 2, 3], [1, 2, 3], [1, 1, 1]).slope
        1.0
    """
    weight = np.maximum(np.asarray(stderr, float), FLOOR) ** -2.0
    across, up = (np.asarray(v, float) - np.average(v, weights=weight) for v in (x, y))
    spread = float(weight @ across**2)
    slope = float(weight @ (across * up)) / spread
    rest = up - slope * across
    return Line(slope, spread**-0.5, float(weight @ rest**2), len(x) - 2)


def student(degrees: int) -> float:
    """Return the two-sided 95 % quantile of Student's t (Abramowitz and Stegun 1964, 26.7.5, above 10).

    Example:
        >>> student(2), round(student(30), 3)
        (4.303, 2.042)
    """
    if degrees <= len(T):
        return T[degrees - 1]
    z, v = 1.959964, float(degrees)
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / v + second / v**2 + third / v**3


def interval(fit: Line, scale: float = 1.0) -> tuple[float, float]:
    """Return the 95 % interval of a slope; `scale` widens its error where the line does not fit."""
    reach = student(fit.degrees) * fit.error * max(1.0, scale)
    return fit.slope - reach, fit.slope + reach


def misfit(fit: Line) -> float:
    """Return by how much errors have to be widened until a line fits."""
    return max(1.0, math.sqrt(fit.chi_squared / fit.degrees))


def tail(sizes: Sequence[int]) -> int:
    """Return how many of the largest sizes count: the larger half of eight or more, else all.

    Example:
        >>> tail([4, 6, 8, 10]), tail([4, 6, 8, 10, 12, 16, 32, 64, 128])
        (4, 5)
    """
    return len(sizes) if len(sizes) < 2 * LEAST else (len(sizes) + 1) // 2


def rate(sizes: Sequence[int], levels: Sequence[float], stderrs: Sequence[float]) -> Rate | None:
    """Fit both decays to base-2 logarithms of variances.

    Args:
        sizes: numbers of qubits, ascending, all different.
        levels: logarithms, bits, finite.
        stderrs: their standard errors, bits.

    Returns:
        The rate, None of fewer than three sizes.
    """
    last = tail(sizes)
    sizes, levels, stderrs = sizes[-last:], levels[-last:], stderrs[-last:]
    if len(sizes) < 3:
        return None
    exponential = line(sizes, levels, stderrs)
    polynomial = line([math.log2(n) for n in sizes], levels, stderrs)
    better = min(misfit(exponential), misfit(polynomial))
    evidence = (polynomial.chi_squared - exponential.chi_squared) / better**2
    low, high = interval(exponential, misfit(exponential))
    power_low, power_high = interval(polynomial, misfit(polynomial))
    fits = exponential.slope, low, high, polynomial.slope, power_low, power_high
    return Rate(*fits, evidence, tuple(sizes), tuple(levels), tuple(stderrs))


def verdict(found: Rate | None) -> tuple[str, str]:
    """Return "plateau", "no plateau" or "cannot say", and the rule that gave it, in words.

    - "plateau": four sizes or more, the interval of the exponential rate lies below zero, and polynomial
      decay fits worse, by 4 of chi-squared or more.
    - "no plateau": four sizes or more, and polynomial decay fits better by as much; or the decay is so slow
      that even the steep end of the interval loses no more over these sizes than 1/n does.
    - "cannot say": everything else.
    """
    if found is None or len(found.sizes) < LEAST:
        have = 0 if found is None else len(found.sizes)
        return "cannot say", f"a rate takes {LEAST} sizes with a resolved variance, here are {have}"
    first, last = found.sizes[0], found.sizes[-1]
    said = (
        f"{found.slope:+.2f} bits per qubit [{found.low:+.2f}, {found.high:+.2f}] over n = {first} to {last}"
    )
    if found.high < 0 and found.evidence >= CLEAR:
        return "plateau", (
            f"{said}, zero excluded, and polynomial decay fits worse (chi-squared higher by "
            f"{found.evidence:.0f})"
        )
    if -found.low * (last - first) <= math.log2(last / first):
        return "no plateau", f"{said}: not even its steep end loses more over these sizes than 1/n does"
    if found.evidence <= -CLEAR:
        return "no plateau", (
            f"polynomial decay n^{found.power:.1f} [{found.power_low:.1f}, {found.power_high:.1f}] fits "
            f"better than exponential decay (chi-squared lower by {-found.evidence:.0f})"
        )
    if found.high >= 0:
        return "cannot say", f"{said}: the interval holds zero, and too much besides"
    return "cannot say", f"{said}: exponential and polynomial decay fit alike ({found.evidence:+.1f})"
