"""Rules that turn a measurement into a verdict, the same for every row; each was written, with its
thresholds, before the rows that it judges were measured.

A row is judged twice, by itself and after the correction for the number of rows
(:func:`qbp.statistics.hypothesis_tests.holm` over all of them); the second counts.  Common to all rules:

- "supported": what was measured is what the sentence says, and the row survives the correction.
- "partly": the direction is the paper's and survives, the size is not.
- "not supported": the measurement could have shown it and did not, or shows the contrary.
- "untestable": the sentence names nothing that could be measured; the row says what would be needed.
- "open": it could be measured and has not been, or one seed alone was run.

"Supported" is not proven and "not supported" is not refuted, except where a rule says so.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from qbp.statistics.intervals import Interval

VERDICTS = ("supported", "partly", "not supported", "untestable", "open")
LEVEL = 0.05  # of the intervals, 95 %, and of the corrected tests
MARGIN = 0.05  # a loss that rises by less than this share counts as preserved
FLAT = 0.05  # a loss that falls by less than this share over the last WINDOW steps has plateaued
WINDOW = 100  # steps: "early" is the first so many, the length of Stage 1; "late" the last so many
LATE = 300  # first step that counts as late for smoothness ("beyond step 300")
OSCILLATES = 0.25  # share of upward moves; 0 for a loss that only falls, 0.5 for one that goes nowhere
BARRIER = 0.01  # relative height over the higher end that counts as a barrier between two minima
ESCAPED = 4.0  # factor in a task's gradient variance, over the error left, that counts as off the plateau


def is_lower(found: "Interval", claimed: float | None = None, adjusted: float | None = None) -> str:
    """Judge "lower", "faster" (fewer steps to a loss both methods reach) or "smoother" (smaller second
    differences of the logarithm): a relative change from the baseline to the method.

    "supported": the whole 95 % interval is below 0, the corrected p is below 0.05 and, where the paper gives
    a figure, the interval reaches it or lies lower still.  "partly": the same, but the effect is smaller
    than the figure.  "not supported": the interval reaches 0 or lies above, or the correction takes the row
    away.  "open": there is no interval, as with one seed.

    Args:
        found: relative change, negative for a reduction.
        claimed: the paper's figure on the same scale, None if it gives none.
        adjusted: p after the correction, None to judge the row by itself.

    Example:
        >>> from qbp.statistics.intervals import Interval
        >>> is_lower(Interval(-0.2, -0.25, -0.15, 20), claimed=-0.273)
        'partly'
    """
    if np.isnan(found.low) or np.isnan(found.high):
        return "open"
    if found.high >= 0 or not _survives(adjusted):
        return "not supported"
    return "supported" if claimed is None or found.low <= claimed else "partly"


def in_most_runs(found: "Interval", claimed: float | None = None, adjusted: float | None = None) -> str:
    """Judge "a run does X", such as "oscillates" or "plateaus higher", from the share of runs that do.

    "supported": the exact 95 % interval is above one half and the corrected p below 0.05.  "partly": more
    than half of the runs, but it could be chance.  "not supported": half of them or fewer.  "open": one run.
    """
    if found.n < 2:
        return "open"
    if found.mean <= 0.5:
        return "not supported"
    return "supported" if found.low > 0.5 and _survives(adjusted) else "partly"


def in_every_run(found: "Interval", claimed: float | None = None, adjusted: float | None = None) -> str:
    """Judge a fact that is checked run by run, such as "identical starts" or "without divergence".

    "supported": it holds in every run (the interval says how rare an exception may still be).  "not
    supported": one exception refutes it.
    """
    return "supported" if found.mean == 1 else "not supported"


def is_convex(found: "Interval", claimed: float | None = None, adjusted: float | None = None) -> str:
    """Judge "convex" from how far a function rises above one of its own chords.

    "not supported": one chord that runs below the function refutes convexity.  "supported": the function is
    quadratic and its constant curvature is positive, so that no chord can (a negative height).  "open":
    neither; chords that were tried and did not refute it prove nothing.
    """
    if found.mean > 0:
        return "not supported"
    return "supported" if found.mean < 0 else "open"


def is_preserved(found: "Interval", claimed: float | None = None, adjusted: float | None = None) -> str:
    """Judge "preserved" from the relative change of a loss, where higher is worse.

    "supported": the whole 95 % interval is below +5 %, so that a rise of 5 % is ruled out.  "partly": the
    mean is, the interval is not.  "not supported": the mean rises by 5 % or more.  "open": one seed.
    """
    if np.isnan(found.low) or np.isnan(found.high):
        return "open"
    if found.mean >= MARGIN:
        return "not supported"
    return "supported" if found.high < MARGIN else "partly"


def _survives(adjusted: float | None) -> bool:
    return adjusted is None or adjusted < LEVEL


Rule = Callable[[Any, float | None, float | None], str]
RULES: dict[str, Rule] = {
    "lower": is_lower,
    "most": in_most_runs,
    "every": in_every_run,
    "convex": is_convex,
    "preserved": is_preserved,
}
