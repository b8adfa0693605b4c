r"""Gradient variance at any number of qubits: random walks of Pauli strings, without a state vector.

Each parameter is uniform on [0, 2 pi) and independent.  The second moment of ``C = <H>`` has frequencies up
to two in an angle, so it is the mean over the four Clifford angles: a walk carries a string of H back to the
start, and every rotation whose generator P anticommutes with the string S turns it into PS with probability
1/2.  Then

    E[C^2]       = sum_a c_a^2 E[ <S>^2 ],                  <S> in the product start state,
    E[(d_k C)^2] = sum_a c_a^2 E[ 1{S anticommutes with P_k at gate k} <S>^2 ],

and E[d_k C] = 0.  One set of walks gives every entry.  Three things take the walks deep:

- *Light cone.*  A walk lives on the qubits that it can reach, so 1,000 qubits cost what the cone costs
  (:func:`~qbp.plateaus.pauli.strings.light_cone`).
- *The first rotations are averaged exactly.*  Before the first gate on two qubits each qubit contributes a
  number that depends on its letter alone, so no walk is lost there.
- *Resampling.*  Long strings give little.  Where what walks may give becomes unequal, they are copied in
  proportion to it and reweighted (sequential Monte Carlo; Doucet, de Freitas and Gordon 2001), which keeps
  the estimates unbiased.

Two strings of H also have a cross term if they share a syndrome; such strings walk together and enter as
``(sum_a c_a <S_a>)^2`` with their signs, see :mod:`qbp.plateaus.pauli.families`.  From ``|0...0>`` no two do
under :class:`~qbp.circuits.ansatz.HardwareEfficient` with RX or RY among its rotations: a product that
commutes with, say, every RY of the first layer is a string of Y and I there, and ``<Y> = 0``.
:mod:`qbp.plateaus.pauli.walkable` says what is made of scaled angles and fixed gates,
:mod:`qbp.plateaus.pauli.strings` how strings move, :mod:`qbp.plateaus.pauli.population` how a population
of them does, :mod:`qbp.plateaus.pauli.shares` how many walks a string of H has, and
:mod:`qbp.plateaus.pauli.bounds` how far the estimates can be trusted.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp import _checks, draws
from qbp._arguments import callback
from qbp.circuits.observables import Observable, PauliSum, Projector
from qbp.plateaus.pauli.bounds import Problem, Tally, combine
from qbp.plateaus.pauli.families import projector_families, start_expectations, sum_families
from qbp.plateaus.pauli.population import Group, cut_group, gather, split, walk
from qbp.plateaus.pauli.shares import arrange, deal, pieces, plan, rotations
from qbp.plateaus.pauli.strings import compile_steps
from qbp.plateaus.pauli.walkable import Walkable, walkable

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit

ROUNDS = 32  # independent populations of walks: their spread is the standard error
GROUPS = 4  # words of a round for each group of families, on the average
MOST = 2**30  # walks: weights are added in single precision, which resolves no more
SECONDS = 3e-8  # a walk and rotation, on one core


@dataclass(frozen=True)
class WalkMoments:
    """Moments of ``C = <H>`` and of its gradient over uniform independent angles, estimated by Pauli walks.

    Attributes:
        variance: Var[dC/dtheta_k], float64, shape (n_params,).  Exactly 0 where no walk can ever contribute.
        stderr: one standard error of `variance`, from the spread between rounds; NaN after a single round.
            Strings that no round found, or hardly any, add half of what they may give and stay unseen one
            time in twenty, so that it is 0 only where the variance is exact.
        upper_bound: at 95 %, shape (n_params,).  Resolved entries, ``variance + 2 stderr``: the relative
            standard error is below 0.1 here, and below 0.05 for Var[C].  Others, what holds for every
            entry: the bound of Var[C] if that is resolved, or what walks without resampling exclude, which
            is 3 divided by their number times ``sum_a c_a^2`` (for a projector 2^-n) if none of them
            survived.  There `variance` is most likely far too low: walks that were not drawn carry most of
            it.  Where H has several families of strings the bounds of their groups add up, as independent
            errors do, see :mod:`qbp.plateaus.pauli.bounds`.  0 where the variance is known to be zero.
        log2_variance: `variance` without underflow, in bits; -inf for zero.
        relative_stderr: ``stderr / variance`` without underflow; infinite where no walk survived but one may;
            0 where the variance is known to be zero.
        cost_variance, cost_stderr, cost_upper_bound, log2_cost_variance, cost_relative_stderr: the same of C.
        total, total_stderr, total_upper_bound, log2_total, total_relative_stderr: the same of the sum of
            `variance` over all parameters (its entries are correlated, so their errors do not add up).
        cost_mean: E[C], exact.
        walks: number of finished walks; fewer than asked for after a keyboard interrupt.
    """

    variance: np.ndarray
    stderr: np.ndarray
    upper_bound: np.ndarray
    log2_variance: np.ndarray
    relative_stderr: np.ndarray
    cost_variance: float
    cost_stderr: float
    cost_upper_bound: float
    log2_cost_variance: float
    cost_relative_stderr: float
    total: float
    total_stderr: float
    total_upper_bound: float
    log2_total: float
    total_relative_stderr: float
    cost_mean: float
    walks: int


def walk_moments(
    circuit: "Circuit",
    H: Observable,
    *,
    walks: int = 2**17,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> WalkMoments:
    """Estimate the variance of every entry of the gradient of ``<H>``, and of ``<H>``, by random Pauli walks.

    Angles are independent and uniform on [0, 2 pi).  The work is integer arithmetic on the CPU, O(gates in
    the light cone) a walk; there is no state vector, so 1,000 qubits are no obstacle.  A keyboard interrupt
    after the first of 32 rounds keeps the finished ones.  Weights are added in single precision, so that no
    entry is more accurate than 1e-5 of itself.

    Args:
        circuit: a circuit of rotations, each with a parameter of its own times a whole number, of CZs, CNOTs
            and fixed rotations by multiples of pi/2 (any at the start of a qubit).
        H: a PauliSum or a Projector on its qubits.
        walks: 64 to 2^30 of them; rounded up to 32 rounds of whole words of 64, one or more for each group.
        seed: a seed has the same walks, on 13 and on 1,000 qubits too if the light cone is the same.
        progress: called with the number of finished walks after each round.

    Returns:
        Moments and standard errors, see :class:`WalkMoments`; float64 numpy arrays.

    Warns:
        UserWarning: they are going to take an hour or more.

    Raises:
        TypeError: `circuit` is not a Circuit, or `H` neither a PauliSum nor a Projector.
        ValueError: another number of qubits; a parameter that two rotations share; another gate; a projector
            of which over 2^10 strings walk together, or with a fixed rotation that is not at the start.

    Example:
        >>> from qbp import HardwareEfficient
        >>> circuit = HardwareEfficient(n_qubits=2, n_layers=1, rotations=["rx"])  # Cerezo et al. 2021
        >>> walk_moments(circuit, Projector(2), walks=2048).variance.round(2)  # (1/8)(3/8)
        array([0.05, 0.05])
    """
    callback("progress", progress)
    n_words = -(-_checks.integer("walks", walks, 64, MOST) // (64 * ROUNDS))
    seed = _checks.integer("seed", seed, 0, 2**64 - 1)
    walked = walkable(circuit, H)
    problem = _prepare(walked, walked.H, n_words)
    if (hours := _hours(problem)) > 1:
        warnings.warn(f"walks={walks:,} are going to take about {hours:,.0f} hours here", stacklevel=2)
    tallies, rounds = [_empty(group) for group in problem.groups], 0
    try:
        while rounds < ROUNDS:
            tallies, rounds = _round(problem, tallies, seed, rounds), rounds + 1
            if progress is not None:
                progress(64 * problem.due.total * rounds)
    except KeyboardInterrupt:
        if not rounds:
            raise
    known = combine(problem, tallies, rounds, seed)
    columns = (np.exp2(known.log_mean), known.stderr, known.upper, known.log_mean, known.relative)
    entries: list[Any] = [column[:-2] for column in columns]
    cost, total = ([float(column[position]) for column in columns] for position in (-2, -1))
    values: list[Any] = [*entries, *cost, *total, problem.cost_mean, 64 * problem.due.total * rounds]
    return _scaled(WalkMoments(*values), walked.sizes)


def _scaled(found: WalkMoments, sizes: np.ndarray | None) -> WalkMoments:
    """Return the moments by theta from those by the angles, whose derivatives are `sizes` times as large.

    Errors of the sum over parameters add up in the worst case; that is what is taken where sizes differ.
    """
    if sizes is None or (sizes == 1).all():
        return found
    squares, bits = sizes**2, 2 * np.log2(sizes)
    each = {
        "variance": found.variance * squares,
        "stderr": found.stderr * squares,
        "upper_bound": found.upper_bound * squares,
        "log2_variance": found.log2_variance + bits,
    }
    if (sizes == sizes[0]).all():
        total, error, bound = (
            float(x * squares[0]) for x in (found.total, found.total_stderr, found.total_upper_bound)
        )
        log2_total, relative = float(found.log2_total + bits[0]), found.total_relative_stderr
    else:
        total, error, bound = (float(each[name].sum()) for name in ("variance", "stderr", "upper_bound"))
        log2_total = float(np.logaddexp2.reduce(each["log2_variance"]))
        relative = error / total if total > 0 else found.total_relative_stderr
    return replace(
        found,
        **each,
        total=total,
        total_stderr=error,
        total_upper_bound=bound,
        log2_total=log2_total,
        total_relative_stderr=relative,
    )


def _empty(group: Group) -> Tally:
    """Return the sums of a group before its first round."""
    return Tally(np.full((2, len(group.parameters) + 2), -np.inf), *np.zeros((2, len(group.families))))


def _hours(problem: Problem) -> float:
    """Estimate what the walks take on one core."""
    lengths = [max(1, rotations(group)) for group in problem.groups]
    return SECONDS * 64 * ROUNDS * float(problem.due.words @ np.array(lengths, dtype=float)) / 3600


def _prepare(circuit: "Circuit | Walkable", H: Observable, n_words: int) -> Problem:
    steps = compile_steps(circuit.program)
    start = start_expectations(circuit.qubits)
    if isinstance(H, PauliSum):
        families, cost_mean = sum_families(H, steps, start)
    else:
        assert isinstance(H, Projector)  # `check_walkable` saw to it
        families, cost_mean = projector_families(H, steps, start)
    body, front = split(steps, start)
    groups = [
        cut_group(alike, body if alone else steps, front if alone else None, start)
        for alone in (True, False)
        for alike in arrange([f for f in families if (len(f.powers) == 1) == alone], n_words // GROUPS)
    ]
    return Problem(groups, start, plan(groups, n_words), circuit.n_params, cost_mean)


def _round(problem: Problem, tallies: list[Tally], seed: int, index: int) -> list[Tally]:
    """Return the tallies with one estimate more of every entry, of the cost and of the sum of the entries."""
    after = []
    for number, (family, log_counts) in enumerate(deal(problem.due, seed, index)):
        group = problem.groups[number]
        rng = draws.stream(seed, "pauli walks", index * len(problem.groups) + number)
        scale = log_counts.max()
        total = np.full(len(group.parameters) + 2, -np.inf)
        found = np.zeros(len(group.families), dtype=bool)
        for some in pieces(group, family):
            log_w, x, z, trail = walk(group, problem.start, some, rng, (log_counts - scale)[some])
            if (top := log_w.max()) == -np.inf:
                continue
            w = np.exp2(log_w - top).astype(np.float32)
            w[w < 2.0**-100] = 0  # no slow denormal numbers
            parameters, sums, first = gather(group, x, z, trail, w)
            where = np.searchsorted(group.parameters, parameters)
            with np.errstate(divide="ignore"):
                total[where] = np.logaddexp2(total[where], np.log2(sums) + top + scale)
            total[-2] = np.logaddexp2(total[-2], np.log2(w.sum(dtype=float)) + top + scale)
            found |= np.bincount(some, first, minlength=len(found)) > 0
        total[-1] = np.logaddexp2.reduce(total[:-2])
        after.append(tallies[number].add(total, found, len(family) * problem.due.odds[number]))
    return after
