r"""Variances of a cost and of its gradient over an ensemble of angles, from weighted walks.

See :mod:`qbp.plateaus.starts.weighted` for the theory.  Walks with few turns are followed exactly, as long as
they are no more than the walks asked for; the rest is drawn in 32 independent rounds, whose spread is the
standard error, with strata by the first turns (:mod:`qbp.plateaus.starts.strata`).  Everything is drawn under
amplitude damping, where the mean is more than one path, and for a projector on more than seven qubits.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qbp import _checks, draws
from qbp._arguments import callback
from qbp.circuits.observables import Observable, PauliSum, Projector
from qbp.plateaus.pauli.bounds import TINY, UNSEEN, student
from qbp.plateaus.pauli.strings import unpack
from qbp.plateaus.pauli.walk import MOST, ROUNDS
from qbp.plateaus.starts.ensemble import AngleEnsemble
from qbp.plateaus.starts.pairs import batches
from qbp.plateaus.starts.process import Process, process_of
from qbp.plateaus.starts.strata import (
    Strata,
    deal,
    follow,
    next_turns,
    pairs_of,
    project,
    projected,
    rotations,
    strings_of,
)
from qbp.plateaus.starts.weighted import NEVER, Batch, Walked, gather, walk

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit

FEW = 30  # walks that turned at a rotation and came back, in effect: of fewer the spread says too little
LISTED = 7  # qubits of a projector up to which its strings are listed, 2,080 pairs at 6
SECONDS = 1.5e-8  # a walk and rotation, on one core


class Columns(NamedTuple):
    """Estimates, standard errors, 95 % upper bounds, base-2 logarithms and relative errors, of one shape."""

    variance: Any
    stderr: Any
    upper_bound: Any
    log2_variance: Any
    relative_stderr: Any


@dataclass(frozen=True)
class StartMoments:
    """Moments over an ensemble of angles.

    Attributes:
        each: of dC/dtheta_k for every k, (n_params,).
        cost: of C.
        total: of the sum of the former, whose errors are correlated.
        walks: drawn; 0 where everything was followed exactly.
    """

    each: Columns
    cost: Columns
    total: Columns
    walks: int


class _Table:
    """Sums over walks: exact ones, and those of each round; parameters, then the cost."""

    def __init__(self, process: Process, n_params: int) -> None:
        self.process, self.n_params = process, n_params
        self.exact = np.zeros(n_params + 1)
        self.rounds = np.zeros((n_params + 1, ROUNDS))
        self.typical, self.unseen = np.zeros((2, n_params + 1))
        self.reached = np.zeros(n_params + 1, dtype=bool)
        self.sizes = np.zeros((n_params + 1, 2))

    def add(self, walked: Walked, factor: np.ndarray, rounds: np.ndarray | None = None) -> None:
        """Add walks to the exact sums, or to those of their rounds."""
        process, exact = self.process, rounds is None
        index = np.zeros(len(factor), dtype=int) if rounds is None else rounds
        found = gather(process, walked, factor, index, 1 if exact else ROUNDS)
        where = process.parameter[found.rotations]
        if exact:
            np.add.at(self.exact, where, found.sums[:, 0])
            self.exact[-1] += found.cost[0]
        else:
            np.add.at(self.rounds, where, found.sums)
            self.rounds[-1] += found.cost
            np.add.at(self.sizes, where, found.sizes)
            given = abs(factor * walked.value)[walked.turns > 0]
            self.sizes[-1] += given.sum(), given @ given

    def expect(self, batch: Batch, typical: float, largest: float) -> None:
        """Note what one walk more of a batch may give."""
        met = rotations(batch)
        ratio = self.process.stay[met] / self.process.turn[met]
        where = self.process.parameter[met]
        for table, size in ((self.typical, typical), (self.unseen, largest)):
            np.maximum.at(table, where, size * np.maximum(ratio, 1 / ratio))
            table[-1] = max(table[-1], size)
        self.reached[where] = self.reached[-1] = True

    def columns(self, scales: np.ndarray) -> tuple[Columns, Columns, Columns]:
        """Return what is known of each parameter, of the cost, and of the sum over parameters."""
        squares = np.append(scales**2, 1.0)
        exact = self.exact * squares
        rounds = self.rounds * squares[:, None]
        few = squares * (effective(self.sizes) < FEW)
        typical, unseen = self.typical * few, self.unseen * few
        each = _columns(exact, typical, unseen, rounds, self.reached)
        none = effective(self.sizes[:-1].sum(axis=0)) < FEW
        total = _columns(
            exact[:-1].sum()[None],
            none * typical[:-1].max(initial=0)[None],
            none * unseen[:-1].max(initial=0)[None],
            rounds[:-1].sum(axis=0)[None],
            np.array([self.reached[:-1].any()]),
        )
        cost = Columns(*(float(column[-1]) for column in each))
        return Columns(*(c[:-1] for c in each)), cost, Columns(*(float(c[0]) for c in total))


def effective(sizes: np.ndarray) -> np.ndarray:
    """Return how many equal numbers have these sums and sums of squares, (..., 2) -> (...); 0 of none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(sizes[..., 0] ** 2 / sizes[..., 1])


def _columns(
    exact: np.ndarray, typical: np.ndarray, unseen: np.ndarray, rounds: np.ndarray, reached: np.ndarray
) -> Columns:
    """Return estimates with errors: the spread between rounds, and one walk more that they have not seen."""
    variance = exact + rounds.mean(axis=1)
    spread = rounds.std(axis=1, ddof=1) / math.sqrt(ROUNDS)
    stderr = np.hypot(spread, typical)
    upper = np.maximum(variance, 0) + student(ROUNDS - 1) * stderr + UNSEEN * unseen
    upper = np.where(reached | (variance > 0), np.maximum(upper, TINY), upper)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(variance > 0, stderr / variance, np.where(reached, np.inf, 0.0))
        log2 = np.where(variance > 0, np.log2(np.maximum(variance, TINY)), -np.inf)
    return Columns(variance, stderr, upper, log2, relative)


def start_moments(
    circuit: "Circuit",
    H: Observable,
    ensemble: AngleEnsemble,
    *,
    walks: int = 2**17,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> StartMoments:
    """Estimate the variance of every entry of the gradient of ``<H>``, and of ``<H>``, over an ensemble.

    Args:
        circuit: rotations, each with a parameter of its own, CZs, CNOTs, and fixed rotations by multiples of
            pi/2 (any at the start of a qubit, where there is no noise).
        H: a PauliSum or a Projector on its qubits.
        ensemble: angles around multiples of pi/2, and noise.
        walks: 64 to 2^30 of them.
        seed: of the draws.
        progress: called with the number of finished walks.

    Raises:
        TypeError, ValueError: an argument is none of these, two rotations share a parameter, or more than
            2^18 pairs of strings covary.

    Warns:
        UserWarning: it is going to take an hour or more.

    Example:
        >>> from qbp import HardwareEfficient
        >>> one = HardwareEfficient(1, 1, rotations=["rx"])  # C = cos theta: Var[dC/dtheta] = E[sin^2 theta]
        >>> found = start_moments(one, PauliSum({"Z": 1.0}), AngleEnsemble("gaussian", 0.1))
        >>> found.each.variance.round(6), found.each.stderr
        (array([0.009901]), array([0.]))
    """
    walks = _checks.integer("walks", walks, 64, MOST)
    callback("progress", progress)
    process = process_of(circuit, H, ensemble)
    table = _Table(process, circuit.n_params)
    if isinstance(H, Projector) and H.n_qubits <= LISTED:
        H = strings_of(H)
    drawn = not isinstance(H, PauliSum)
    free = drawn or process.drop > 0
    groups = batches(process, H) if isinstance(H, PauliSum) else [projected(process)]
    if free:
        least, strata, mets = 0, [pairs_of(batch) for batch in groups], _mets(process, groups, drawn, seed)
    else:
        least, strata, mets = _begin(process, groups, table, walks)
    _warn(groups, walks)
    done = 0
    for piece in deal(groups, strata, walks, seed):
        batch = groups[piece.batch]
        odds = np.maximum(process.turn, min(0.5, 1 / max(mets[piece.batch], 1.0)))
        letters = project(batch, len(piece.pair), piece.rng) if drawn else batch.letters[:, :, piece.pair]
        walked = walk(process, batch, letters, piece.given, odds, piece.rng)
        factor = np.where(walked.turns >= least, piece.factor * batch.coefficients[piece.pair], 0.0)
        table.add(walked, factor, piece.rounds)
        table.expect(batch, *_sizes(walked, factor, max(least, 1)))
        done += int((piece.factor > 0).sum())
        if progress is not None:
            progress(done)
    scales = np.zeros(circuit.n_params)
    scales[process.parameter] = process.size
    return StartMoments(*table.columns(scales), walks=done)


def _sizes(walked: Walked, factor: np.ndarray, turns: int) -> tuple[float, float]:
    """Return what a walk of so many turns or more gives to an estimate, before the start: mean and most."""
    size = abs(walked.weight * factor)[walked.turns >= turns]
    size = size[size > 0] / ROUNDS
    return (float(size.mean()), float(size.max())) if len(size) else (0.0, 0.0)


def _mets(process: Process, groups: list[Batch], drawn: bool, seed: int) -> list[float]:
    """Return how many rotations a pair of each batch meets where nothing turns."""
    found = []
    for number, batch in enumerate(groups):
        rng = draws.stream(seed, "weighted walks: odds", number)
        some = np.arange(64) % len(batch.coefficients)
        letters = project(batch, 64, rng) if drawn else batch.letters[:, :, some]
        walked = walk(process, batch, letters, np.full((1, 64), NEVER))
        found.append(sum(float(unpack(step.stayed).sum()) for step in walked.trail) / 64)
    return found


def _begin(
    process: Process, groups: list[Batch], table: _Table, most: int
) -> tuple[int, list[Strata], list[float]]:
    """Follow walks without a turn, with one, with two, as long as they are at most `most`, and add them up.

    Returns:
        The fewest turns of the others, their strata, and how many rotations a pair of each batch meets.
    """
    level, room, turns = [pairs_of(batch) for batch in groups], most, 0
    mets = [1.0] * len(groups)
    while any(len(strata.pair) for strata in level):
        here, after = [], []
        for number, (batch, strata) in enumerate(zip(groups, level, strict=True)):
            own, later, count = _level(process, batch, strata, table, room)
            here.append(own)
            after.append(later)
            room -= count
            if turns == 0:
                mets[number] = count / len(strata.pair)
        turns += 1
        if room < 0:
            return turns, here, mets
        level = after
    return turns, level, mets


def _level(
    process: Process, batch: Batch, strata: Strata, table: _Table, room: int
) -> tuple[Strata, Strata, int]:
    """Add the walks that turn as given alone.

    Returns:
        Their strata with what they promise, those with one turn more (not if beyond `room`), their number.
    """
    promise, pairs, given, count = strata.promise.copy(), [], [], 0
    for walked, pair, some in follow(process, batch, strata):
        inside = np.arange(len(pair)) < some.stop - some.start
        table.add(walked, np.where(inside, batch.coefficients[pair], 0.0))
        logs = walked.log_given + np.log2(abs(batch.coefficients[pair]))
        promise[some] = logs[: some.stop - some.start]
        count += sum(int(np.bitwise_count(step.free).sum()) for step in walked.trail)
        if count <= room:
            found, turns = next_turns(strata, walked, some)
            pairs.append(found)
            given.append(turns)
    own = strata._replace(promise=promise)
    if count > room or not pairs:
        return (
            own,
            strata._replace(pair=strata.pair[:0], given=strata.given[:, :0], promise=promise[:0]),
            count,
        )
    later = np.concatenate(pairs)
    return own, Strata(later, np.concatenate(given, axis=1), np.zeros(len(later))), count


def _warn(groups: list[Batch], walks: int) -> None:
    """Warn of hours."""
    length = max((len(rotations(batch)) for batch in groups), default=0)
    hours = SECONDS * walks * length / 3600
    if hours > 1:
        warnings.warn(f"walks={walks:,} are going to take about {hours:,.0f} hours here", stacklevel=3)
