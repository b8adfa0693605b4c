"""Rules that turn a measurement into a verdict, the same for every row.

What is measured first: before any number, each sentence of the paper that has a row with a test names one
primary row.  It is the first row of the sentence, in the order of claims.toml, that has a test and takes the
paper's own task, data, budget and metric in the as-written reading; for a sentence on circuits, of which the
paper ran none, the row of the first target listed.  All other rows with a test are secondary.  A row has a
test where its rule uses one ("lower" and "most"): the paired permutation test, or the exact binomial test.

How many tests there are: Holm's correction over the primary rows keeps the chance of any false "supported"
among them below 5 %; Benjamini and Hochberg's over the secondary rows keeps the expected share of false ones
among what they call "supported" below 5 %.  The verdict goes by the row's own family.  Holm's and Benjamini
and Hochberg's p over all rows stand beside it.

Each rule asks for two things: the 95 % interval says it, and the corrected p is below 0.05.  The verdicts:

- "supported": what was measured is what the sentence says, and the row survives the correction.
- "partly": the direction is the paper's and survives, the size is not.
- "depends": the row and its alternatives, rows that measure the same sentence under other reasonable
  readings, are not all on one side ("supported" and "partly" on one, "not supported" on the other).  The row
  names those that differ.  An alternative that is undecided or open is named, too, and does not make a row
  "depends".
- "not supported": it was not shown, or the contrary was.
- "undecided": the interval says it, and no outcome of so few runs could have survived: the smallest p that
  they can reach (2 / 2**n for n runs), put in the row's place among the others, is not below 0.05 after the
  correction.  Without a correction that is so for five runs or fewer, where a rule without a test calls
  nothing supported either.
- "untestable": the sentence names nothing that could be measured; the row says what would be needed.
- "open": it could be measured and has not been, or one seed alone was run.

"Supported" is not proven and "not supported" is not refuted, except where a rule says so.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp.statistics.hypothesis_tests import Comparison, smallest_p

if TYPE_CHECKING:
    from qbp.statistics.intervals import Interval

VERDICTS = ("supported", "partly", "depends", "not supported", "undecided", "untestable", "open")
IN_FAVOR, AGAINST = ("supported", "partly"), ("not supported",)  # the two sides of "depends"
TESTED = ("lower", "most")  # rules that ask for a p: their rows make the families
LEVEL = 0.05  # of the intervals, 95 %, and of the corrected tests
MARGIN = 0.05  # a loss that rises by less than this share counts as preserved
FLAT = 0.05  # a loss that falls by less than this share over the last WINDOW steps has plateaued
WINDOW = 100  # steps: "early" is the first so many, the length of Stage 1; "late" the last so many
LATE = 300  # first step that counts as late for smoothness ("beyond step 300")
OSCILLATES = 0.25  # share of upward moves; 0 for a loss that only falls, 0.5 for one that goes nowhere
CONVERGED = 50  # steps over which a loss that has converged stands still
STILL = 0.01  # a loss that changes by less than this share of its size over CONVERGED steps stands still
BARRIER = 0.01  # relative height over the higher end that counts as a barrier between two minima
ESCAPED = 4.0  # factor in a task's gradient variance, over the error left, that counts as off the plateau


def is_lower(
    found: "Interval",
    claimed: float | None = None,
    adjusted: float | None = None,
    reachable: float | None = None,
) -> str:
    """Judge "lower", "faster" (fewer steps to a loss both methods reach) or "smoother" (smaller second
    differences of the logarithm): a relative change from the baseline to the method.

    "supported": the whole 95 % interval is below 0, the corrected p is below 0.05 and, where the paper gives
    a figure, the interval reaches it or lies lower still.  "partly": the same, but the effect is smaller
    than the figure.  "not supported": the interval reaches 0 or lies above, or the correction takes the row
    away.  "undecided": the interval is below 0, and so few seeds could not have survived.  "open": there is
    no interval, as with one seed.

    Args:
        found: relative change, negative for a reduction.
        claimed: the paper's figure on the same scale, None if it gives none.
        adjusted: p after the correction, None to judge the row by itself, by its own p.
        reachable: the smallest p that so many seeds could have after the correction
            (:func:`qbp.statistics.hypothesis_tests.reachable`), None without one.

    Example:
        >>> from qbp.statistics.intervals import Interval
        >>> is_lower(Interval(-0.2, -0.25, -0.15, 20), claimed=-0.273)
        'partly'
    """
    if np.isnan(found.low) or np.isnan(found.high):
        return "open"
    if found.high >= 0:
        return "not supported"
    if not could_survive(found, reachable):
        return "undecided"
    if not _survives(found, adjusted):
        return "not supported"
    return "supported" if claimed is None or found.low <= claimed else "partly"


def in_most_runs(
    found: "Interval",
    claimed: float | None = None,
    adjusted: float | None = None,
    reachable: float | None = None,
) -> str:
    """Judge "a run does X", such as "oscillates" or "plateaus higher", from the share of runs that do.

    "supported": the exact 95 % interval is above one half and the corrected p below 0.05.  "partly": more
    than half of the runs, but it could be chance.  "not supported": half of them or fewer.  "undecided": more
    than half of too few runs.  "open": one run.
    """
    if found.n < 2:
        return "open"
    if found.mean <= 0.5:
        return "not supported"
    if not could_survive(found, reachable):
        return "undecided"
    return "supported" if found.low > 0.5 and _survives(found, adjusted) else "partly"


def in_every_run(
    found: "Interval",
    claimed: float | None = None,
    adjusted: float | None = None,
    reachable: float | None = None,
) -> str:
    """Judge a fact that is checked run by run, such as "identical starts" or "without divergence".

    "supported": it holds in every run (the interval says how rare an exception may still be).  "not
    supported": one exception refutes it.  "undecided": it holds in every one of too few runs.
    """
    if found.mean < 1:
        return "not supported"
    return "supported" if could_survive(found) else "undecided"


def is_convex(
    found: "Interval",
    claimed: float | None = None,
    adjusted: float | None = None,
    reachable: float | None = None,
) -> str:
    """Judge "convex" from how far a function rises above one of its own chords.

    "not supported": one chord that runs below the function refutes convexity.  "supported": the function is
    quadratic and its constant curvature is positive, so that no chord can (a negative height).  "open":
    neither; chords that were tried and did not refute it prove nothing.
    """
    if found.mean > 0:
        return "not supported"
    return "supported" if found.mean < 0 else "open"


def is_preserved(
    found: "Interval",
    claimed: float | None = None,
    adjusted: float | None = None,
    reachable: float | None = None,
) -> str:
    """Judge "preserved" from the relative change of a loss, where higher is worse.

    "supported": the whole 95 % interval is below +5 %, so that a rise of 5 % is ruled out.  "partly": the
    mean is, the interval is not.  "not supported": the mean rises by 5 % or more.  "undecided": the mean is
    below, of too few seeds.  "open": one seed.
    """
    if np.isnan(found.low) or np.isnan(found.high):
        return "open"
    if found.mean >= MARGIN:
        return "not supported"
    if not could_survive(found):
        return "undecided"
    return "supported" if found.high < MARGIN else "partly"


def best_p(found: "Interval") -> float:
    """Return the smallest p that as many seeds as were measured can reach, without a correction."""
    return smallest_p(found.n, sampled=isinstance(found, Comparison))


def could_survive(found: "Interval", reachable: float | None = None) -> bool:
    """Return whether so many seeds could be below LEVEL: by themselves, or at `reachable`."""
    return (best_p(found) if reachable is None else reachable) < LEVEL


def _survives(found: "Interval", adjusted: float | None) -> bool:
    """Return whether p is below LEVEL, the row's own without a correction; a row without one has no such
    hurdle."""
    p = getattr(found, "p", np.nan) if adjusted is None else adjusted
    return not p >= LEVEL


Rule = Callable[[Any, float | None, float | None, float | None], str]
RULES: dict[str, Rule] = {
    "lower": is_lower,
    "most": in_most_runs,
    "every": in_every_run,
    "convex": is_convex,
    "preserved": is_preserved,
}
