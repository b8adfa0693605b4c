"""Strata of weighted walks: pairs of strings and their first turns, and how many walks each has.

Half of the walks of a round are shared evenly, half in proportion to the weight after the first turns.  A
stratum due one walk or more has one in every round; one due less has a walk with that probability, which then
counts as much more (Horvitz and Thompson 1952), as in :mod:`qbp.plateaus.pauli.shares`.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from qbp import draws
from qbp.circuits.observables import PauliSum, Projector
from qbp.plateaus.pauli.shares import systematic
from qbp.plateaus.pauli.strings import Turn
from qbp.plateaus.pauli.walk import ROUNDS
from qbp.plateaus.starts.bits import pack_all, positions
from qbp.plateaus.starts.process import Process, cone
from qbp.plateaus.starts.weighted import FREE, NEVER, Batch, Walked, walk

TRAIL = 2**20  # rotations times words of 64 walks whose history is kept at once


class Strata(NamedTuple):
    """Where walks begin: pairs, their first turns (depth, strata), and log2 of the weight there."""

    pair: np.ndarray
    given: np.ndarray
    promise: np.ndarray


class Drawn(NamedTuple):
    """Walks of a batch that begin together."""

    batch: int
    pair: np.ndarray  # (walks,)
    given: np.ndarray  # (depth, walks)
    factor: np.ndarray  # (walks,), 1 over the walks of the stratum in its round; 0 fills the last word
    rounds: np.ndarray  # (walks,)
    rng: np.random.Generator


def projected(process: Process) -> Batch:
    """Return the batch of a projector, 2^-n times the sum of all strings of I and Z; pairs are drawn."""
    n = len(process.start)
    z = pack_all(np.ones((n, 1), dtype=bool))
    qubits, steps = cone(process.steps, np.zeros_like(z), z)
    return Batch(qubits, steps, np.full((2, len(qubits), 1), 2, dtype=np.int8), np.ones(1))


def strings_of(H: Projector) -> PauliSum:
    """Return a projector as the sum of its 2^n strings.

    Example:
        >>> strings_of(Projector(1))
        PauliSum({'I': 0.5, 'Z': 0.5})
    """
    n = H.n_qubits
    return PauliSum({"".join(letters): 2.0**-n for letters in product("IZ", repeat=n)})


def project(batch: Batch, walks: int, rng: np.random.Generator) -> np.ndarray:
    """Draw pairs of strings of I and Z, each letter Z with probability 1/2, (2, k, walks)."""
    return (2 * rng.integers(0, 2, (2, len(batch.qubits), walks))).astype(np.int8)


def rotations(batch: Batch) -> np.ndarray:
    """Return the rotations that its walks may meet."""
    numbers = [step.parameters for step in batch.steps if isinstance(step, Turn)]
    return np.concatenate([np.zeros(0, int), *numbers])


def pairs_of(batch: Batch) -> Strata:
    """Return strata of pairs whose walks turn anywhere."""
    count = len(batch.coefficients)
    return Strata(np.arange(count), np.full((1, count), FREE), np.log2(abs(batch.coefficients)))


def follow(process: Process, batch: Batch, strata: Strata) -> Iterator[tuple[Walked, np.ndarray, slice]]:
    """Follow walks that turn as given, and never again, by the piece: (walked, pair, which of the strata)."""
    for low in range(0, len(strata.pair), size := most(batch)):
        some = slice(low, min(low + size, len(strata.pair)))
        pair = filled(strata.pair[some], 0)
        given = filled(strata.given[:, some], NEVER)
        yield walk(process, batch, batch.letters[:, :, pair], given), pair, some


def next_turns(strata: Strata, walked: Walked, some: slice) -> tuple[np.ndarray, np.ndarray]:
    """Return the strata with one given turn more: the pairs, and the turns (depth + 1, strata)."""
    parents, numbers = [np.zeros(0, int)], [np.zeros(0, int)]
    for step in walked.trail:
        row, column = positions(step.free)
        inside = column < some.stop - some.start
        row, column = row[inside], column[inside]
        parents.append(some.start + column)
        numbers.append(step.rotations[row])
    parent, number = np.concatenate(parents), np.concatenate(numbers)
    before = strata.given[:, parent]
    given = number[None] if (before[-1:] == FREE).all() else np.concatenate([before, number[None]])
    return strata.pair[parent], given


def most(batch: Batch) -> int:
    """Return how many walks fit into one piece."""
    return 64 * max(1, TRAIL // max(256, len(rotations(batch))))


def filled(array: np.ndarray, value: float) -> np.ndarray:
    """Return an array, (..., walks), with its last word of 64 filled up by a value."""
    rest = np.full((*array.shape[:-1], -array.shape[-1] % 64), value, dtype=array.dtype)
    return np.concatenate([array, rest], axis=-1)


def deal(groups: list[Batch], strata: list[Strata], walks: int, seed: int) -> Iterator[Drawn]:
    """Share walks out to strata in every round, and yield them by the piece."""
    sizes = [len(some.pair) for some in strata]
    if not (count := sum(sizes)):
        return
    logs = np.concatenate([some.promise for some in strata])
    promise = np.exp2(logs - logs.max())
    each = -(-walks // ROUNDS)
    due = each * (0.5 / count + 0.5 * promise / promise.sum())
    counts = np.stack(
        [
            systematic(due, each, draws.stream(seed, "weighted walks: shares", r).uniform())
            for r in range(ROUNDS)
        ]
    )
    factors = 1 / np.where(due < 1, due, np.maximum(counts, 1))  # (rounds, strata)
    ends = np.cumsum([0, *sizes])
    for number, (batch, some) in enumerate(zip(groups, strata, strict=True)):
        ours = slice(ends[number], ends[number + 1])
        rng = draws.stream(seed, "weighted walks", number)
        stratum = np.repeat(np.tile(np.arange(sizes[number]), ROUNDS), counts[:, ours].ravel())
        rounds = np.repeat(np.arange(ROUNDS), counts[:, ours].sum(axis=1))
        factor = factors[:, ours][rounds, stratum]
        for low in range(0, len(stratum), size := most(batch)):
            piece = slice(low, low + size)
            at = stratum[piece]
            yield Drawn(
                number,
                filled(some.pair[at], 0),
                filled(some.given[:, at], NEVER),
                filled(factor[piece], 0.0),
                filled(rounds[piece], 0),
                rng,
            )
