r"""Errors and 95 % upper bounds of Pauli walks: what the rounds show, and what they cannot.

The spread between rounds is the error of what walks have found.  It is silent about what they have not: a
family of strings that comes back once in a million walks gives nothing in most runs, and no spread.  So a
group whose cost is not resolved is bounded by walks without resampling, and a family that few rounds
have found adds what it may give and stay unseen.
"""

import math
from typing import NamedTuple

import numpy as np

from qbp import draws
from qbp.plateaus.pauli.population import Group, walk
from qbp.plateaus.pauli.shares import Plan, pieces, systematic

RESOLVED = 0.05  # relative standard error of the cost: 400 walks count; with fewer, heavy tails deceive it
RARE = 3  # rounds: what is found in fewer has an error that its spread says too small
UNSEEN = 3.0  # of the expected number of events none is seen in one case of twenty
STUDENT = 6.3138, 2.9200, 2.3534, 2.1318, 2.0150  # one-sided 95 % quantile for 1 to 5 degrees of freedom
TINY = 5e-324  # the smallest float
NORMAL = 1.6448536  # and of the normal distribution


def student(degrees: int) -> float:
    """Return the one-sided 95 % quantile of Student's t (Abramowitz and Stegun 1964, 26.7.5; to 1e-4).

    Example:
        >>> round(student(31), 3)
        1.696
    """
    if degrees <= len(STUDENT):
        return STUDENT[degrees - 1] if degrees else math.inf
    z, squared = NORMAL, NORMAL**2
    first, second = squared + 1, 5 * squared**2 + 16 * squared + 3
    third = 3 * squared**3 + 19 * squared**2 + 17 * squared - 15
    return z * (1 + first / (4 * degrees) + second / (96 * degrees**2) + third / (384 * degrees**3))


class Problem(NamedTuple):
    """What is the same for every round."""

    groups: list[Group]
    start: np.ndarray  # (n, 4), expectation of each letter in the start state
    due: Plan
    n_params: int
    cost_mean: float


class Tally(NamedTuple):
    """What the rounds have given of one group: its parameters, then the cost, then the sum of the former."""

    log_sums: np.ndarray  # (2, parameters + 2), log2 of the sum over rounds, and of the squares
    found: np.ndarray  # (families,), rounds in which a walk came back
    dealt: np.ndarray  # (families,), walks due

    def add(self, log_values: np.ndarray, found: np.ndarray, dealt: np.ndarray) -> "Tally":
        """Return the tally with another round."""
        log_sums = np.logaddexp2(self.log_sums, [log_values, 2 * log_values])
        return Tally(log_sums, self.found + found, self.dealt + dealt)


class Known(NamedTuple):
    """Estimates of every parameter, then of the cost, then of the sum of the former, (n_params + 2,)."""

    log_mean: np.ndarray
    relative: np.ndarray  # standard error
    stderr: np.ndarray
    upper: np.ndarray


def combine(problem: Problem, tallies: list[Tally], rounds: int, seed: int) -> Known:
    """Add up the groups: their walks are independent, and so are their errors."""
    zeros = np.zeros(problem.n_params + 2)
    log_mean, relative, stderr, reach = zeros - np.inf, zeros.copy(), zeros.copy(), zeros.copy()
    places = [np.append(group.parameters, [-2, -1]) for group in problem.groups]
    spreads = [_spread(tally.log_sums, rounds) for tally in tallies]
    for where, (ours, _) in zip(places, spreads, strict=True):
        log_mean[where] = np.logaddexp2(log_mean[where], ours)
    mean = np.exp2(log_mean)
    parts = [
        _share(ours, log_mean[where]) * error for where, (ours, error) in zip(places, spreads, strict=True)
    ]
    resolved = math.hypot(*(part[-2] for part in parts)) < RESOLVED
    for number, (where, part) in enumerate(zip(places, parts, strict=True)):
        hidden, ahead = _hidden(problem, number, tallies[number], resolved, rounds, seed)
        with np.errstate(invalid="ignore", divide="ignore"):  # nothing found
            least = np.where(hidden > 0, hidden / mean[where], 0)
        relative[where] = np.hypot(relative[where], np.maximum(part, least))
        stderr[where] = np.hypot(stderr[where], hidden)
        reach[where] = np.hypot(reach[where], ahead)
    with np.errstate(invalid="ignore"):
        stderr = np.where(mean > 0, mean * relative, stderr)
    upper = mean + reach
    for where in places:
        upper[where] = np.maximum(upper[where], TINY)  # below every float, and yet not zero
    return Known(log_mean, relative, stderr, upper)


def _share(log_part: np.ndarray, log_whole: np.ndarray) -> np.ndarray:
    """Return the part over the whole, 0 of nothing."""
    return np.exp2(log_part - np.maximum(log_whole, -1e300))


def _spread(log_sums: np.ndarray, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return log2 of the means, and their relative standard errors from the spread between rounds."""
    log_mean = log_sums[0] - np.log2(rounds)
    with np.errstate(invalid="ignore", divide="ignore"):  # -inf - -inf where nothing survived; one round
        spread = np.exp2(log_sums[1] - 2 * log_sums[0]) * rounds - 1
        relative = np.sqrt(np.maximum(spread, 0) / np.float64(rounds - 1))
    return log_mean, np.where(log_mean > -np.inf, relative, 0.0)


def _hidden(
    problem: Problem, number: int, tally: Tally, cost_resolved: bool, rounds: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the error of a group that its spread does not show, and how far its upper bounds reach.

    Args:
        cost_resolved: whether Var[C] of all groups together is.
    """
    log_mean, relative = _spread(tally.log_sums, rounds)
    mean = np.exp2(log_mean)
    per_cost = most_per_cost = np.append(
        np.ones(len(mean) - 1), len(mean) - 2
    )  # an entry is at most the cost
    close = (relative < 2 * RESOLVED) & (log_mean > -np.inf) & cost_resolved
    resolved = close & close[-2]
    spread = max(2.0, student(rounds - 1)) * mean * relative  # skewed: not below 2
    if log_mean[-2] > -np.inf:
        per_cost = np.append(np.ones(len(mean) - 1), np.exp2(log_mean[-1] - log_mean[-2]))
    if resolved[-2]:
        limit = mean[-2] + spread[-2]
        rest = _unseen(problem, number, tally, rounds, seed, mean[-2])
    else:
        limit = exclusion(problem, number, np.ones(len(tally.found), dtype=bool), rounds, seed)
        rest = max(limit - float(np.nan_to_num(mean[-2] + spread[-2])), 0.0)
    # of the walks that make the cost none met the rotation, or too few to tell
    unmet = UNSEEN * mean[-2] * np.nanmax([relative[-2] ** 2, 1 / tally.dealt.sum()])
    unseen = (rest + np.where(resolved, 0, unmet)) * per_cost
    most = np.maximum(limit * most_per_cost - mean, 0)
    one = len(problem.groups) == len(tally.found) == 1
    loose = most if one else np.fmin(spread + unseen, most)  # NaN after a single round
    reach = np.where(resolved, np.hypot(spread, unseen), loose)
    return np.where(log_mean > -np.inf, 0 if one else unseen / 2, reach / 2), reach


def _unseen(problem: Problem, number: int, tally: Tally, rounds: int, seed: int, cost: float) -> float:
    """Return what families of a resolved group that hardly any round has found may give."""
    families = problem.groups[number].families
    ceilings = [np.exp2(f.log2_weight) * max(1.0, abs(f.coefficients).sum() ** 2) for f in families]
    size = np.array(ceilings) / tally.dealt  # what one walk may give
    rare = tally.found < min(RARE, rounds)
    large = rare & (size > RESOLVED**2 * cost)  # more than one of those that count
    limit = exclusion(problem, number, large, rounds, seed) if large.any() else 0.0
    return math.hypot(limit, UNSEEN * size[rare & ~large].max(initial=0))


def exclusion(problem: Problem, number: int, chosen: np.ndarray, rounds: int, seed: int) -> float:
    """Return what plain walks exclude at 95 % for Var[C] of some families of a group, and so for every entry.

    They have walks in proportion to ``sum_a c_a^2``, the whole sum as many as in the rounds.  What a walk
    gives is a number in [0, 1] times the largest weight.  By the Chernoff-Hoeffding theorem the
    mean of m such numbers and their expectation p obey m kl(mean, p) < log 20 but for one time in twenty;
    where no walk gives anything this is the rule of three, p < 3 / m.
    """
    group = problem.groups[number]
    group = group._replace(families=[f for f, c in zip(group.families, chosen, strict=True) if c])
    ceiling = max(abs(f.coefficients).sum() ** 2 for f in group.families) or 1.0
    logs = problem.due.log_squares[number][chosen]
    squares, log_all = (
        np.exp2(logs - logs.max()),
        np.logaddexp2.reduce(np.concatenate(problem.due.log_squares)),
    )
    walks = 64 * max(1, math.ceil(problem.due.total * np.exp2(np.logaddexp2.reduce(logs) - log_all)))
    given, m = 0.0, 0
    try:
        for index in range(rounds):
            at = draws.stream(seed, "plain walks: shares", index).uniform()
            counts = systematic(walks * squares / squares.sum(), walks, at)
            rng = draws.stream(seed, "plain walks", index * len(problem.groups) + number)
            now = 0.0
            for family in pieces(group, np.repeat(np.arange(len(counts)), counts)):
                now += np.exp2(walk(group, problem.start, family, rng)[0]).sum() / ceiling
            given, m = given + now, m + walks
    except KeyboardInterrupt:
        if not m:
            raise
    mean, low, high = given / m, given / m, 1.0
    for _ in range(60):
        p = (low + high) / 2
        rest = (1 - mean) * np.log((1 - mean) / (1 - p)) if mean < 1 else 0.0
        kl = rest + (mean * np.log(mean / p) if mean else 0.0)
        low, high = (p, high) if m * kl < np.log(20) else (low, p)
    return float(high * ceiling * squares.sum() * np.exp2(logs.max()))
