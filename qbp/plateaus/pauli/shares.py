r"""Shares of walks: each group of families has some in every round, and each family some in most.

The second moment of a sum is a sum over its families, and nothing says beforehand which of them counts: a
large coefficient may stand in front of a string that no walk brings back, a small one carry all.  So the
families are strata:

- Families of like promise walk together in a group.  Promise is ``sum_a c_a^2`` times the root of
  3^-letters, which is the standard deviation of what a walk gives if it comes back with a chance of
  3^-letters: shares in proportion to it are those of Neyman 1934.
- A group has one word of walks in every round, and of the others half by promise, half by
  ``sum_a c_a^2``, lest promises deceive.
- In a group half of the walks are shared evenly, half in the same way.  A family due one walk or more has one
  in every round, and each of its m walks counts c^2 / m; one due less has a walk with that probability,
  which then counts as much more (Horvitz and Thompson 1952).

Every family is sampled without bias, and since rounds are independent, their spread covers the sharing.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from qbp import draws
from qbp.plateaus.pauli.families import Family
from qbp.plateaus.pauli.population import SHRINK, Group
from qbp.plateaus.pauli.strings import Turn

FAMILIES, WIDTH = 64, 4.0  # of a group: families, and bits between the most and the least promising, at first
TRAIL, FEWEST = 2**23, 2**8  # words of history kept at once, 64 MB; rotations that a walk has at least in it


def promise(family: Family) -> float:
    """Return log2 of what is expected of a family before any walk."""
    return family.log2_weight - SHRINK * np.count_nonzero(family.first)


def arrange(families: list[Family], most: int) -> list[list[Family]]:
    """Sort families into at most `most` groups by promise, then by the first qubit they act on."""
    if not families:
        return []
    bits = np.array([promise(f) for f in families])
    place = [np.argmax(f.first > 0) for f in families]
    size, width = FAMILIES, WIDTH
    while True:
        kind = ((bits.max() - bits) // width).astype(int)
        order = np.lexsort((place, kind))
        alike = np.split(order, 1 + np.flatnonzero(np.diff(kind[order])))
        groups = [some[i : i + size] for some in alike for i in range(0, len(some), size)]
        if len(groups) <= max(1, most):
            return [[families[a] for a in some] for some in groups]
        size, width = 2 * size, 2 * width


class Plan(NamedTuple):
    """What is due in a round."""

    words: np.ndarray  # (groups,), each at least 1
    odds: list[np.ndarray]  # of each group, (families,), adding up to 1
    log_squares: list[np.ndarray]  # log2 of sum_a c_a^2, (families,)
    total: int  # words of a round


def plan(groups: list[Group], n_words: int) -> Plan:
    """Share `n_words` words out to groups, or one to each if there are more groups."""
    squares = [np.array([float(f.log2_weight) for f in group.families]) for group in groups]
    promises = [np.array([promise(f) for f in group.families]) for group in groups]
    odds = [(1 / len(s) + _portions(s, p)) / 2 for s, p in zip(squares, promises, strict=True)]
    sums = [np.array([np.logaddexp2.reduce(part) for part in parts]) for parts in (squares, promises)]
    total = max(n_words, len(groups))
    return Plan(1 + (total - len(groups)) * _portions(*sums), odds, squares, total)


def _portions(*logs: np.ndarray) -> np.ndarray:
    """Return the mean of the portions in proportion to numbers given by their log2, shape (k,)."""
    parts = [np.exp2(log - log.max(initial=-np.inf)) for log in logs]
    return sum((part / part.sum() for part in parts), np.zeros(len(logs[0]))) / len(parts)


def systematic(due: np.ndarray, total: int, at: float) -> np.ndarray:
    """Round what is due, (k,), up or down to whole numbers that add up to `total`, by `at` in [0, 1).

    Example:
        >>> systematic(np.array([0.5, 2.5]), 3, 0.4), systematic(np.array([0.5, 2.5]), 3, 0.6)
        (array([0, 3]), array([1, 2]))
    """
    ends = np.floor(due.cumsum() + at).astype(int)
    ends[-1:] = total  # whatever the rounding
    return np.diff(ends, prepend=0)


def rotations(group: Group) -> int:
    """Return how many rotations its walks pass."""
    return sum(len(step.qubits) for step in group.steps if isinstance(step, Turn))


def pieces(group: Group, family: np.ndarray) -> Iterator[np.ndarray]:
    """Cut the walks of a group, (walks,), so that the history of a piece fits the memory."""
    most = 64 * max(1, TRAIL // max(FEWEST, rotations(group)))
    return (family[low : low + most] for low in range(0, len(family), most))


def deal(due: Plan, seed: int, index: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Deal the walks of a round.

    Yields:
        Of each group the family of each of its walks, (walks,), and log2 of what a walk counts, (families,).
    """
    rng = draws.stream(seed, "pauli walks: shares", index)
    words = systematic(due.words, due.total, rng.uniform())
    for walks, odds, log_squares in zip(64 * words, due.odds, due.log_squares, strict=True):
        ours = walks * odds
        counts = systematic(ours, walks, rng.uniform())
        yield (
            np.repeat(np.arange(len(odds)), counts),
            log_squares - np.log2(np.where(ours < 1, ours, np.maximum(counts, 1))),
        )
