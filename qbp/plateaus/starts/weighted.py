r"""Weighted walks of pairs of Pauli strings: variances over angles around a Clifford point, with noise.

**One string.**  In the Heisenberg picture a rotation whose generator P anticommutes with S turns it into
``cos x S + sin x S'``, with ``S' = i P S``.  Let x be symmetric about zero, with the moments mu, q, p and v
of :mod:`qbp.plateaus.starts.ensemble`.  The cross term ``E[sin x cos x]`` vanishes, so

.. math:: E[S \otimes S] \to q \, S \otimes S + p \, S' \otimes S',

the second moment stays diagonal, and a walk turns with probability p, which is 1/2 for uniform angles.

**Two strings** A and B of a sum interfere.  Where P anticommutes with both they turn together, as above;
where it anticommutes with one alone, that one keeps mu and cannot turn.  They never part, so a walk is a pair
with one sign, and ends with ``<A> <B>`` in the start state.

**The mean** must be subtracted.  Two independent copies of the circuit would give mu^2 in place of q, and no
turn.  What they have less is v for a stay and p for a turn: the variance is the sum over walks that turned
once or more, and of those that never turned the part ``1 - prod(mu^2 / q)`` over the rotations that they met.
No difference of two estimates is taken.

**A gradient.**  The derivative of the rotation k takes S to ``-sin x S + cos x S'``, so p and q change
places there; the mean gradient has S' alone, with mu^2.  A walk that stayed at k counts p / q, one that
turned there q / p, less the share ``prod(mu^2 / q)`` of the mean if that was its only turn.  One set of walks
gives all k.

**Noise.**  Depolarizing and dephasing multiply X, Y and Z by numbers.  Amplitude damping takes X and Y to
``sqrt(1 - gamma)`` of them and Z to ``(1 - gamma) Z + gamma I``: A and B each lose a Z with probability
gamma.  From there on they differ, which the pair allows for.

**Rare turns.**  Walks with few turns are few, and are all followed, exactly.  Others are drawn: each begins
with the turns of one of those, and turns later with probability max(p, 1 / rotations met), which its weight
makes up for.
"""

from typing import NamedTuple

import numpy as np

from qbp.plateaus.pauli.strings import Chain, Turn, back, back_signs, letters_of, meets, pack, unpack
from qbp.plateaus.starts.bits import pack_all, positions, random_bits, weigh
from qbp.plateaus.starts.process import Noise, Process, Quarter, Step, turn_signs

NEVER, FREE = -2, -1  # in place of the last given turn: no turn later, and a turn at any rotation
LN2 = np.log(2.0)


class Batch(NamedTuple):
    """Pairs of strings on one light cone; qubits are numbered inside it."""

    qubits: np.ndarray  # (k,) of the circuit
    steps: list[Step]
    letters: np.ndarray  # (copies, k, pairs) of A and B, x + 2 z; one copy where B is A
    coefficients: np.ndarray  # (pairs,)


class Met(NamedTuple):
    """Rotations (k,), and which walks stayed there, turned, and stayed after the given turns, (k, words)."""

    rotations: np.ndarray
    stayed: np.ndarray
    turned: np.ndarray
    free: np.ndarray


class Walked(NamedTuple):
    """Where walks have come."""

    weight: np.ndarray  # (walks,), without what the start state gives
    value: np.ndarray  # (walks,), with it
    turns: np.ndarray  # (walks,), their number
    log_kept: np.ndarray  # (walks,), log2 of the product of mu^2 / q over rotations met without a turn
    log_given: np.ndarray  # (walks,), log2 of the weight at the last given turn
    trail: list[Met]


def walk(
    process: Process,
    batch: Batch,
    letters: np.ndarray,
    given: np.ndarray,
    odds: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
) -> Walked:
    """Walk pairs back to the start, 64 in each machine word.

    Args:
        process: moments and noise.
        batch: the steps.
        letters: of each walk, (copies, k, walks), a multiple of 64 walks.
        given: the rotations at which each turns first, in this order, (depth, walks), depth 1 or more; the
            last may be NEVER or FREE.
        odds: of a later turn at each rotation, (rotations,); None for no other turn, and no dropped Z.
        rng: source of the draws.
    """
    return _Walk(process, batch, letters, given, odds, rng).run()


class _Walk:
    """The state of :func:`walk`: strings of A, then of B, in words side by side."""

    def __init__(
        self,
        process: Process,
        batch: Batch,
        letters: np.ndarray,
        given: np.ndarray,
        odds: np.ndarray | None,
        rng: np.random.Generator | None,
    ) -> None:
        self.process, self.batch, self.given, self.odds, self.rng = process, batch, given, odds, rng
        self.copies, _, walks = letters.shape
        self.words = walks // 64
        self.x = np.concatenate([pack(part & 1) for part in letters], axis=1)
        self.z = np.concatenate([pack(part >> 1) for part in letters], axis=1)
        self.sign = np.zeros(self.words, dtype=np.uint64)
        self.begun = pack(given[-1] == FREE)
        self.log_weight, self.log_kept, self.log_given = np.zeros((3, walks))
        self.turns = np.zeros(walks, dtype=np.int64)
        self.trail: list[Met] = []

    def run(self) -> Walked:
        for step in reversed(self.batch.steps):
            if isinstance(step, Chain):
                self.entangle(step)
            elif isinstance(step, Noise):
                self.disturb(step)
            elif isinstance(step, Quarter):
                self.quarter(step.turn)
            else:
                self.turn(step)
        weight = np.exp2(self.log_weight)
        value = weight * self.expectations()
        return Walked(weight, value, self.turns, self.log_kept, self.log_given, self.trail)

    def joint(self, bits: np.ndarray) -> np.ndarray:
        """Return the parity of bits of A and of B, (..., copies * words) -> (..., words)."""
        return bits[..., : self.words] ^ bits[..., self.words :]

    def entangle(self, chain: Chain) -> None:
        if self.copies == 1:
            back(chain, self.x, self.z)
        else:
            self.sign ^= self.joint(back_signs(chain, self.x, self.z))

    def quarter(self, turn: Turn) -> None:
        acts = meets(turn, self.x, self.z)
        quarters = turn.parameters[:, None]
        if self.copies == 2:
            reverse = pack_all(quarters == 3) ^ turn_signs(turn, self.x, self.z)
            flips = acts & np.where(quarters == 2, pack_all(quarters == 2), reverse)
            self.sign ^= np.bitwise_xor.reduce(self.joint(flips), axis=0)
        self.move(turn, acts & pack_all(quarters != 2))

    def move(self, turn: Turn, moves: np.ndarray) -> None:
        self.x[turn.qubits] ^= moves[:, None] & turn.x
        self.z[turn.qubits] ^= moves[:, None] & turn.z

    def random(self, odds: np.ndarray, words: int) -> np.ndarray:
        """Return random bits that are set with the odds of each row, packed, (k, words)."""
        assert self.rng is not None
        return random_bits(self.rng, odds, words)

    def disturb(self, step: Noise) -> None:
        process, qubits = self.process, step.qubits
        x, z = self.x[qubits], self.z[qubits]
        if process.drop and self.rng is not None:
            z &= x | ~self.random(np.full(len(qubits), process.drop), x.shape[1])
            self.z[qubits] = z
        logs = np.log2(process.factors) * (2 if self.copies == 1 else 1)  # one string stands for both
        for bits, log in ((x, logs[1]), (z & ~x, logs[2])):
            if log:
                self.log_weight += log * unpack(bits).sum(axis=0, dtype=np.int64).reshape(
                    self.copies, -1
                ).sum(axis=0)

    def turn(self, turn: Turn) -> None:
        process, numbers = self.process, turn.parameters
        acts = meets(turn, self.x, self.z)
        both = acts[:, : self.words]
        if self.copies == 2:
            both, one = both & acts[:, self.words :], self.joint(acts)
            self.alone(one, process.mean[numbers])
        last = pack(self.given[-1] == numbers[:, None]) & both
        forced = last.copy()
        for earlier in self.given[:-1]:
            forced |= pack(earlier == numbers[:, None]) & both
        turned, odds = forced, np.zeros(len(numbers))
        since = np.bitwise_or.accumulate(last, axis=0)  # rotations of a step come in the order of its rows
        begun = self.begun | np.concatenate([np.zeros_like(since[:1]), since[:-1]])
        if self.odds is not None:
            odds = self.odds[numbers]
            turned = forced | (self.random(odds, self.words) & begun & both)
        stayed = both & ~turned
        later, stay, move = turned & ~forced, process.stay[numbers], process.turn[numbers]
        self.add(stayed & ~begun, np.log2(stay))
        self.add(stayed & begun, np.log2(stay / (1 - odds)))
        self.add(forced, np.log2(move))
        if self.odds is not None:
            self.add(later, np.log2(move / odds))
        self.log_kept += weigh(stayed, process.log_kept[numbers])
        self.turns += unpack(turned).sum(axis=0, dtype=np.int64)
        if last.any():
            now = unpack(since[-1]) == 1
            self.log_given[now] = self.log_weight[now]
        self.begun = self.begun | since[-1]
        if self.copies == 2:
            signs = self.joint(turn_signs(turn, self.x, self.z)) & turned
            self.sign ^= np.bitwise_xor.reduce(signs, axis=0)
            turned_both = np.concatenate([turned, turned], axis=1)
        self.move(turn, turned if self.copies == 1 else turned_both)
        self.trail.append(Met(numbers, stayed, turned, stayed & begun))

    def alone(self, one: np.ndarray, mean: np.ndarray) -> None:
        """Count mu for each rotation that meets one string of a pair, and its sign."""
        with np.errstate(divide="ignore"):
            logs = np.maximum(np.log2(abs(mean)), -1e4)
        self.add(one, logs)
        if (mean < 0).any():
            self.sign ^= np.bitwise_xor.reduce(one & pack_all(mean < 0)[:, None], axis=0)

    def add(self, bits: np.ndarray, logs: np.ndarray) -> None:
        if bits.any():
            self.log_weight += weigh(bits, logs)

    def expectations(self) -> np.ndarray:
        """Return the sign times the expectations of A and B in the start state, (walks,)."""
        start = self.process.start[self.batch.qubits]
        found = np.take_along_axis(start, letters_of(self.x, self.z), axis=1).prod(axis=0)
        if self.copies == 1:
            return found**2
        half = 64 * self.words
        return found[:half] * found[half:] * (1 - 2.0 * unpack(self.sign))


class Gathered(NamedTuple):
    """Contributions of walks."""

    rotations: np.ndarray  # (met,), each once
    sums: np.ndarray  # (met, rounds)
    cost: np.ndarray  # (rounds,)
    sizes: (
        np.ndarray
    )  # (met, 2), sums of what each walk gave that turned there, without signs, and of squares


def gather(process: Process, walked: Walked, factor: np.ndarray, rounds: np.ndarray, count: int) -> Gathered:
    """Add what walks give to the rotations that they met, and to the cost.

    Args:
        process, walked: from :func:`walk`.
        factor: what each value is multiplied by, (walks,).
        rounds: the round of each walk, (walks,).
        count: number of rounds.
    """
    value = walked.value * factor
    live = np.flatnonzero(value)
    once, never = walked.turns == 1, walked.turns == 0
    kept = np.where(never, -np.expm1(LN2 * walked.log_kept), 1.0)
    cost = np.bincount(rounds[live], (value * kept)[live], minlength=count)
    table = np.zeros((len(value), count))
    table[live, rounds[live]] = value[live]
    many = table * (walked.turns > 1)[:, None]
    single = pack(once & (value != 0))
    powers = np.stack([abs(value), value**2], axis=1)
    numbers, sums, sizes = [np.zeros(0, int)], [np.zeros((0, count))], [np.zeros((0, 2))]
    for met, stayed, turned, _ in walked.trail:
        ratio = (process.turn[met] / process.stay[met])[:, None]
        moved = unpack(turned).astype(float)
        here = ratio * (unpack(stayed).astype(float) @ table) + moved @ many / ratio
        rows, columns = positions(turned & single)
        if len(rows):
            left = -np.expm1(LN2 * (walked.log_kept[columns] + process.log_kept[met[rows]]))
            np.add.at(here, (rows, rounds[columns]), left * value[columns] / ratio[rows, 0])
        numbers.append(met)
        sums.append(here)
        sizes.append(moved @ powers)
    return Gathered(np.concatenate(numbers), np.concatenate(sums), cost, np.concatenate(sizes))
