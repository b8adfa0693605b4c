r"""Gradient variance at any number of qubits: random walks of Pauli strings, without a state vector.

Each angle is uniform on [0, 2 pi) and independent.  The second moment of ``C = <H>`` has frequencies up to
two in an angle, so it is the mean over the four Clifford angles: a walk carries a string of H back to the
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
:mod:`qbp.plateaus.pauli.strings` says how strings move, :mod:`qbp.plateaus.pauli.population` how a population
of them does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qbp import _checks, draws
from qbp.circuits.gates import Entangler, Rotation
from qbp.circuits.observables import Observable, PauliSum, Projector
from qbp.plateaus.pauli.families import Family, projector_families, start_expectations, sum_families
from qbp.plateaus.pauli.population import Front, Group, cut_group, gather, split, walk
from qbp.plateaus.pauli.strings import Step, Turn, compile_steps

if TYPE_CHECKING:
    from qbp.circuits.ansatz import Circuit

ROUNDS = 32  # independent populations of walks: their spread is the standard error
FAMILIES = 64  # strings that share a light cone and a population
TRAIL = 2**23  # words of history kept at once, 64 MB
RESOLVED = 0.05  # relative standard error of the cost: 400 walks count; with fewer, heavy tails deceive it


@dataclass(frozen=True)
class WalkMoments:
    """Moments of ``C = <H>`` and of its gradient over uniform independent angles, estimated by Pauli walks.

    Attributes:
        variance: Var[dC/dtheta_k], float64, shape (n_params,).  Exactly 0 where no walk can ever contribute.
        stderr: one standard error of `variance`, from the spread between rounds; NaN after a single round.
        upper_bound: at 95 %, shape (n_params,).  Resolved entries, ``variance + 2 stderr``: the relative
            standard error is below 0.1 here, and below 0.05 for Var[C].  Others, what holds for every
            entry: the bound of Var[C] if that is resolved, or what walks without resampling exclude, which
            is 3 divided by their number times ``sum_a c_a^2`` (for a projector 2^-n) if none of them
            survived.  There `variance` is most likely far too low: walks that were not drawn carry most of
            it.  0 where the variance is known to be zero.
        log2_variance: `variance` without underflow, in bits; -inf for zero.
        relative_stderr: ``stderr / variance`` without underflow; 0 where the variance is 0.
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
        circuit: a circuit of rotations, each with an angle of its own, CZs and CNOTs.
        H: a PauliSum or a Projector on its qubits.
        walks: number of walks, at least 64; rounded up to 32 rounds of whole machine words of 64.
        seed: the walks are the same for the same seed, and the same on 13 and on 1,000 qubits if the light
            cone is.
        progress: called with the number of finished walks after each round.

    Returns:
        Moments and standard errors, see :class:`WalkMoments`; float64 numpy arrays.

    Raises:
        TypeError: `circuit` is not a Circuit, or `H` neither a PauliSum nor a Projector.
        ValueError: another number of qubits; an angle that two rotations share; a gate that is neither a
            rotation nor an entangler of CZs or CNOTs; a projector of which over 2^10 strings walk together.

    Example:
        >>> from qbp import HardwareEfficient
        >>> circuit = HardwareEfficient(n_qubits=2, n_layers=1, rotations=["rx"])  # Cerezo et al. 2021
        >>> walk_moments(circuit, Projector(2), walks=2048).variance.round(2)  # (1/8)(3/8)
        array([0.05, 0.05])
    """
    n_words = -(-_checks.integer("walks", walks, 64) // (64 * ROUNDS))
    seed = _checks.integer("seed", seed, 0, 2**64 - 1)
    check_walkable(circuit, H)
    problem = _prepare(circuit, H)
    sums = np.full((2, circuit.n_params + 2), -np.inf)  # log2 of the sum over rounds, and of the squares
    rounds = 0
    try:
        while rounds < ROUNDS:
            now = _round(problem, n_words, seed, rounds)
            sums, rounds = np.logaddexp2(sums, [now, 2 * now]), rounds + 1
            if progress is not None:
                progress(64 * n_words * rounds)
    except KeyboardInterrupt:
        if not rounds:
            raise
    return _moments(problem, sums, rounds, n_words, seed)


def _moments(problem: "Problem", sums: np.ndarray, rounds: int, n_words: int, seed: int) -> WalkMoments:
    """Return the moments, their errors and their bounds from log2 of the sums over rounds."""
    log_mean = sums[0] - np.log2(rounds)
    with np.errstate(invalid="ignore", divide="ignore"):  # -inf - -inf where nothing survived; one round
        spread = np.exp2(sums[1] - 2 * sums[0]) * rounds - 1
        relative = np.sqrt(np.maximum(spread, 0) / np.float64(rounds - 1))
    relative[log_mean == -np.inf] = 0.0
    mean = np.exp2(log_mean)
    upper = mean * (1 + 2 * relative)
    resolved = (relative < 2 * RESOLVED) & (relative[-2] < RESOLVED) & (log_mean > -np.inf)
    unresolved = problem.reach & ~resolved
    if unresolved.any():  # an entry is at most the variance of the cost
        limit = _exclusion(problem, n_words, seed, rounds) if unresolved[-2] else upper[-2]
        upper[unresolved] = limit
        upper[-1] = limit * problem.reach[:-2].sum() if unresolved[-1] else upper[-1]
    estimates = (mean, mean * relative, upper, log_mean, relative)
    entries: list[Any] = [e[:-2] for e in estimates]
    cost, total = ([float(e[position]) for e in estimates] for position in (-2, -1))
    values: list[Any] = [*entries, *cost, *total, problem.cost_mean, 64 * n_words * rounds]
    return WalkMoments(*values)


def check_walkable(circuit: "Circuit", H: Observable) -> None:
    """Raise unless the second moment is one over Clifford circuits, with independent angles."""
    from qbp.circuits.ansatz import Circuit  # brings torch, as the circuit already has

    if not isinstance(circuit, Circuit):
        raise TypeError(f"circuit must be a Circuit, got {type(circuit).__name__!r}")
    if not isinstance(H, PauliSum | Projector):
        raise TypeError(f"H must be a PauliSum or a Projector for Pauli walks, got {type(H).__name__!r}")
    if H.n_qubits != circuit.n_qubits:
        raise ValueError(f"H must act on {circuit.n_qubits} qubits, got {H.n_qubits}")
    angles = set()
    for gate in circuit.program:
        if isinstance(gate, Rotation):
            if gate.parameter in angles:
                raise ValueError(
                    f"circuit must have an angle for each rotation: Pauli walks need independent angles, got "
                    f"parameter {gate.parameter} in two rotations (tied angles)"
                )
            angles.add(gate.parameter)
        elif not isinstance(gate, Entangler) or gate.kind not in ("cz", "cnot"):
            raise ValueError(
                f"circuit must consist of Pauli rotations and Clifford entanglers (cz, cnot), got {gate!r}"
            )


class Problem(NamedTuple):
    """What is the same for every round."""

    groups: list[Group]
    start: np.ndarray  # (n, 4), expectation of each letter in the start state
    reach: np.ndarray  # (n_params + 2,), entries that may differ from zero; then the cost, then the sum
    cost_mean: float


def _prepare(circuit: "Circuit", H: Observable) -> Problem:
    steps = compile_steps(circuit.program)
    start = start_expectations(circuit.qubits)
    if isinstance(H, PauliSum):
        families, cost_mean = sum_families(H, steps, start)
    else:
        assert isinstance(H, Projector)  # `check_walkable` saw to it
        families, cost_mean = projector_families(H, steps, start)
    body, front = split(steps, start)
    alone = sorted((f for f in families if len(f.powers) == 1), key=lambda f: np.argmax(f.first > 0))
    chunks: list[tuple[list[Family], list[Step], Front | None]] = [
        (alone[i : i + FAMILIES], body, front) for i in range(0, len(alone), FAMILIES)
    ]
    chunks += [([f], steps, None) for f in families if len(f.powers) > 1]
    reach = np.zeros(circuit.n_params + 2, dtype=bool)
    groups = []
    for chunk, walked, exact in chunks:
        group, reached = cut_group(chunk, walked, exact, start)
        groups.append(group)
        reach[reached] = True
    reach[-2:] = bool(families), reach[:-2].any()
    return Problem(groups, start, reach, cost_mean)


def _round(problem: Problem, n_words: int, seed: int, index: int) -> np.ndarray:
    """Return log2 of one estimate of every entry, of the cost and of the sum of the entries."""
    total = np.full(len(problem.reach), -np.inf)
    for group, words, log_scale, shift, rng in _share(problem, n_words, seed, "pauli walks", index):
        log_w, x, z, trail = walk(group, problem.start, words, rng, np.repeat(shift, 64))
        if (top := log_w.max()) == -np.inf:
            continue
        w = np.exp2(log_w - top).astype(np.float32)
        w[w < 2.0**-100] = 0  # no slow denormal numbers
        parameters, sums = gather(group, x, z, trail, w)
        with np.errstate(divide="ignore"):
            total[parameters] = np.logaddexp2(total[parameters], np.log2(sums) + top + log_scale)
        total[-2] = np.logaddexp2(total[-2], np.log2(w.sum(dtype=float)) + top + log_scale)
    total[-1] = np.logaddexp2.reduce(total[:-2])
    return total


def _share(
    problem: Problem, n_words: int, seed: int, purpose: str, index: int
) -> Iterator[tuple[Group, np.ndarray, float, np.ndarray, np.random.Generator]]:
    """Share the words of a round out to the families in proportion to sum_a c_a^2, by systematic sampling.

    Yields:
        A group; the family of each of its words; log2 of what a walk counts; what to add to it for each word
        where the family has its share in every round, but for the rounding; the generator of its draws.
    """
    log_weights = np.array([f.log2_weight for group in problem.groups for f in group.families])
    if not len(log_weights):
        return
    top = log_weights.max()
    part = np.exp2(log_weights - top)
    log_scale = top + np.log2(part.sum()) - np.log2(64 * n_words)
    due = part * (n_words / part.sum())
    ends = np.floor(due.cumsum() + draws.stream(seed, f"{purpose}: shares", index).uniform()).astype(int)
    ends[-1] = n_words  # whatever the rounding
    counts = np.diff(ends, prepend=0)
    shifts = np.log2(np.where(due >= 1, due / np.maximum(counts, 1), 1.0))
    first = 0
    for number, group in enumerate(problem.groups):
        families = np.arange(first, first := first + len(group.families))
        words = np.repeat(families, counts[families])
        rng = draws.stream(seed, purpose, index * len(problem.groups) + number)
        rotations = sum(len(step.qubits) for step in group.steps if isinstance(step, Turn))
        for low in range(0, len(words), most := max(1, TRAIL // max(1, rotations))):
            some = words[low : low + most]
            yield group, some - families[0], log_scale, shifts[some], rng


def _exclusion(problem: Problem, n_words: int, seed: int, rounds: int) -> float:
    """Return what plain walks exclude at 95 % for Var[C], and so for every entry.

    What a walk gives is a number in [0, 1] times the largest weight.  By the Chernoff-Hoeffding theorem the
    mean of m such numbers and their expectation p obey m kl(mean, p) < log 20 but for one time in twenty;
    where no walk gives anything this is the rule of three, p < 3 / m.
    """
    ceiling = max(abs(f.coefficients).sum() ** 2 for group in problem.groups for f in group.families) or 1.0
    given, m = 0.0, 0
    try:
        for index in range(rounds):
            now = 0.0
            for group, words, log_scale, _, rng in _share(problem, n_words, seed, "plain walks", index):
                now += np.exp2(walk(group, problem.start, words, rng)[0]).sum() / ceiling
                weight = 64 * n_words * np.exp2(log_scale)  # sum_a c_a^2
            given, m = given + now, m + 64 * n_words
    except KeyboardInterrupt:
        if not m:
            raise
    mean, low, high = given / m, given / m, 1.0
    for _ in range(60):
        p = (low + high) / 2
        rest = (1 - mean) * np.log((1 - mean) / (1 - p)) if mean < 1 else 0.0
        kl = rest + (mean * np.log(mean / p) if mean else 0.0)
        low, high = (p, high) if m * kl < np.log(20) else (low, p)
    return float(high * ceiling * weight)
