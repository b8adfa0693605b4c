r"""Gradient variance at any number of qubits: random walks of Pauli strings, without a state vector.

Each angle is uniform on [0, 2 pi) and independent.  The second moment of ``C = <H>`` has Fourier frequencies up
to two in an angle, so it is the average over the four Clifford angles: a walk carries a string of H back to the
start, and every rotation whose generator P anticommutes with the string S turns it into PS with probability 1/2.
Then (:mod:`qbp.pauli_strings` says how strings move)

    E[C^2]         = sum_a c_a^2 E[ <S>^2 ],                            <S> in the product start state,
    E[(d_k C)^2]   = sum_a c_a^2 E[ 1{S anticommutes with P_k at gate k} <S>^2 ],

and E[d_k C] = 0.  One set of walks gives every entry.  Three things make deep circuits possible:

- *Light cone.*  Walks live on the qubits that they can reach, so 1,000 qubits cost what the cone costs.
- *The first rotations are averaged exactly.*  Up to the first gate on two qubits each qubit contributes a number
  that depends on its letter alone, so no walk is lost there.
- *Resampling.*  A long string gives about 3^-weight.  Where these become unequal, walks are copied in proportion
  to them and the copies are reweighted (Doucet, de Freitas and Gordon 2001): still unbiased.

*Pairs of strings.*  ``P_a`` and ``P_b`` also contribute a cross term, unless their product, carried back as if
there were no rotations, anticommutes with a generator that it meets, or arrives where it has no expectation.  From
``|0...0>`` under :class:`~qbp.ansatz.HardwareEfficient` with RX or RY among its rotations no pair has one: what
commutes with, say, every RY of the first layer is a string of Y and I there, and ``<Y> = 0``.  In other circuits
strings whose product passes walk together, and enter as ``(sum_a c_a <S_a>)^2``, with their signs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qbp import _checks, draws
from qbp.ansatz import Circuit
from qbp.observables import Observable, PauliSum, Projector
from qbp.pauli_strings import (
    ONES,
    Chain,
    Step,
    Turn,
    back,
    back_signs,
    compile_steps,
    light_cone,
    meets,
    pack,
    parts,
    product_phase,
    unpack,
)
from qbp.statevector import Entangler, Rotation

ROUNDS = 32  # independent populations of walks: their spread is the standard error
FAMILIES = 64  # strings that share a light cone and a population
TRAIL = 2**23  # words of history kept at once, 64 MB
LARGEST_FAMILY = 10  # log2 of the strings of a projector that may walk together
SHRINK = (
    np.log2(3) / 2
)  # bits by which a letter lowers what a walk may give; in a pure state the last one costs log2 3
LETTERS = np.arange(4)  # a letter is x + 2 z: I, X, Z, Y; the product of two is their XOR


@dataclass(frozen=True)
class WalkMoments:
    """Moments of ``C = <H>`` and of its gradient over uniform independent angles, estimated by Pauli walks.

    Attributes:
        variance: Var[dC/dtheta_k], float64, shape (n_params,).  Exactly 0 where no walk can ever contribute.
        stderr: one standard error of `variance`, from the spread between rounds; NaN after a single round.
        upper_bound: at 95 %.  Where the relative standard error is below 1/4, ``variance + 1.645 stderr``.  Else
            what walks without resampling exclude: if nothing survived, 3 divided by their number, times
            ``sum_a c_a^2`` (for a projector 2^-n).  There `variance` is most likely far too low, since a few
            walks that were not drawn carry most of it.  0 where the variance is known to be zero.
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


class Family(NamedTuple):
    """Strings that walk together, each the first one times a fixed string; most families have one member."""

    first: (
        np.ndarray
    )  # (n,) letters of the first string; of a projector, each walk draws I or Z on every qubit
    log2_weight: float  # log2 sum_a c_a^2
    coefficients: np.ndarray  # (members,), squares adding up to 1
    fixed: np.ndarray  # (n, members) letters at the start
    powers: np.ndarray  # (members,) of i, in front of `fixed`
    drawn: bool = False  # of a projector


class Front(NamedTuple):
    """The rotations that act on a qubit before any gate on two: averaged exactly, from its letter behind them."""

    factor: np.ndarray  # (n, 4), the mean of <S>^2
    qubits: np.ndarray  # (k,), of each rotation
    parameters: np.ndarray  # (k,)
    share: np.ndarray  # (k, 4), the part of the factor in which the letter anticommutes with the generator


class Group(NamedTuple):
    """Families on one light cone; qubits are numbered inside it."""

    families: list[Family]
    qubits: np.ndarray  # of the cone, in the circuit
    steps: list[Step]
    front: Front | None  # None: the families have several members, and every rotation is walked


def walk_moments(
    circuit: Circuit,
    H: Observable,
    *,
    walks: int = 2**17,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> WalkMoments:
    """Estimate the variance of every entry of the gradient of ``<H>``, and of ``<H>``, by random Pauli walks.

    Angles are independent and uniform on [0, 2 pi).  The work is integer arithmetic on the CPU, O(gates in the
    light cone) a walk; there is no state vector, so 1,000 qubits are no obstacle.  A keyboard interrupt after
    the first of 32 rounds keeps the finished ones.

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
    _check(circuit, H)
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
    log_mean = sums[0] - np.log2(rounds)
    with np.errstate(invalid="ignore", divide="ignore"):  # -inf - -inf where nothing survived; one round
        spread = np.exp2(sums[1] - 2 * sums[0]) * rounds - 1
        relative = np.sqrt(np.maximum(spread, 0) / np.float64(rounds - 1))
    relative[log_mean == -np.inf] = 0.0
    mean = np.exp2(log_mean)
    upper = mean * (1 + 1.645 * relative)
    unresolved = problem.reach & ~((relative < 0.25) & (log_mean > -np.inf))
    if unresolved.any():
        excluded = _exclusion(problem, n_words, seed, rounds)
        most = np.append(np.full(len(mean) - 1, excluded), problem.reach[:-2].sum() * excluded)
        upper[unresolved] = np.fmax(upper, most)[unresolved]
    estimates = (mean, mean * relative, upper, log_mean, relative)
    entries, cost, total = (
        [e[:-2] for e in estimates],
        [float(e[-2]) for e in estimates],
        [float(e[-1]) for e in estimates],
    )
    return WalkMoments(*entries, *cost, *total, problem.cost_mean, 64 * n_words * rounds)


def _check(circuit: Circuit, H: Observable) -> None:
    """Raise unless the second moment is one over Clifford circuits, with independent angles."""
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


def _prepare(circuit: Circuit, H: PauliSum | Projector) -> Problem:
    steps = compile_steps(circuit.program)
    a, b = circuit.qubits.T  # <I>, <X>, <Z>, <Y>, in the order of the letters
    start = np.stack([abs(a) ** 2 + abs(b) ** 2, 2 * (a.conj() * b).real,
                      abs(a) ** 2 - abs(b) ** 2, 2 * (a.conj() * b).imag], axis=1)  # fmt: skip
    start[abs(start) < 1e-12] = 0.0
    find = _sum_families if isinstance(H, PauliSum) else _projector_families
    families, cost_mean = find(H, steps, start)
    body, front = _split(steps, start)
    alone = sorted((f for f in families if len(f.powers) == 1), key=lambda f: np.argmax(f.first > 0))
    chunks = [(alone[i : i + FAMILIES], body, front) for i in range(0, len(alone), FAMILIES)]
    chunks += [([f], steps, None) for f in families if len(f.powers) > 1]
    reach = np.zeros(circuit.n_params + 2, dtype=bool)
    groups = []
    for chunk, walked, exact in chunks:
        group, reached = _group(chunk, walked, exact, start)
        groups.append(group)
        reach[reached] = True
    reach[-2:] = bool(families), reach[:-2].any()
    return Problem(groups, start, reach, cost_mean)


def _group(
    families: list[Family], steps: list[Step], front: Front | None, start: np.ndarray
) -> tuple[Group, np.ndarray]:
    """Cut the circuit to the light cone of some families; also return the parameters that they reach."""
    letters = np.bitwise_or.reduce([f.first for f in families], axis=0)
    x, z, cut = light_cone(steps, *(ONES * ((letters >> bit) & 1).astype(np.uint64)[:, None] for bit in (0, 1)))
    qubits = np.flatnonzero(x | z)
    reached = [step.parameters for step in cut if isinstance(step, Turn)]
    if front is not None:
        possible = np.stack([x | z, x, z, x & z], axis=1)[front.qubits] != 0  # letters that may arrive there
        met = (possible & (front.share > 0)).any(axis=1)
        number = np.searchsorted(qubits, front.qubits[met])
        reached.append(front.parameters[met])
        front = Front(front.factor[qubits], number, front.parameters[met], front.share[met])
    else:  # outside the cone of the first string only the fixed ones have letters
        (f,) = families
        outside = np.setdiff1d(np.arange(len(start)), qubits)
        rest = _expectations(start[outside], f.fixed[outside], np.zeros(len(f.powers), int))
        families = [f._replace(coefficients=f.coefficients * rest)]
    return Group(families, qubits, cut, front), np.concatenate([np.zeros(0, int), *reached])


# ---- strings that share a walk


def _sum_families(H: PauliSum, steps: list[Step], start: np.ndarray) -> tuple[list[Family], float]:
    """Split a sum into families that have no cross terms with each other, and its exact mean."""
    terms = {pauli: c for pauli, c in H.terms.items() if c}
    if not terms:
        return [], 0.0
    coefficients = np.array(list(terms.values()))
    x, z = parts(list(terms))
    first = _letters(x, z)[:, : len(terms)]
    labels, met = _syndromes(steps, start, x, z, len(terms))
    lonely = met & (np.bincount(labels)[labels] == 1)
    families = [
        Family(first[:, a], 2 * np.log2(abs(coefficients[a])), np.ones(1), first[:, :0], np.zeros(1, int))
        for a in np.flatnonzero(lonely)
    ]
    rest = np.flatnonzero(~lonely)
    letters, signs = _carry(steps, first[:, rest])
    fixed = np.flatnonzero(~met[rest])  # no rotation acts on these: they are numbers
    mean = coefficients[rest[fixed]] @ _expectations(start, letters[:, fixed], 2 * signs[fixed])
    for label in np.unique(labels[rest[met[rest]]]):
        members = np.flatnonzero(labels[rest] == label)
        c, ours = coefficients[rest[members]], letters[:, members]
        powers = 2 * (signs[members] + signs[members[0]]) + product_phase(ours[:, :1], ours)
        square = c @ c
        families.append(
            Family(
                first[:, rest[members[0]]], np.log2(square), c / square**0.5, ours[:, :1] ^ ours, powers % 4
            )
        )
    return families, float(mean)


def _projector_families(H: Projector, steps: list[Step], start: np.ndarray) -> tuple[list[Family], float]:
    """A projector is 2^-n times all Z strings: cosets of those that pass the pair check with the identity."""
    n = H.n_qubits
    x, z = np.zeros((n, n), dtype=np.uint64), np.eye(n, dtype=np.uint64)  # a string a column, one bit a word
    basis = z.copy()  # the same strings in H
    for rows in _rows(steps, start, x, z):
        for row in rows:
            if len(odd := np.flatnonzero(row & 1)):  # of the odd strings keep the products with the first
                for table in (x, z, basis, rows):
                    table[:, odd] ^= table[:, odd[:1]]
        if not basis.any():
            break
    basis = basis[:, basis.any(axis=0)].astype(np.int8)  # (n, d)
    if (d := basis.shape[1]) > LARGEST_FAMILY:
        raise ValueError(
            f"circuit must tell the Z strings of a projector apart: Pauli walks take together those whose "
            f"products commute with every generator they meet, at most 2^{LARGEST_FAMILY}, got 2^{d}"
        )
    members = (np.arange(2**d) >> np.arange(d)[:, None]) & 1
    letters, signs = _carry(steps, (2 * (basis @ members % 2)).astype(np.int8))
    coefficients = np.full(2**d, 2.0 ** (-d / 2))
    family = Family(np.full(n, 2, dtype=np.int8), -n, coefficients, letters, 2 * signs, drawn=True)
    return [family], float(np.exp2(-n) * _expectations(start, letters, 2 * signs).sum())


def _rows(steps: list[Step], start: np.ndarray, x: np.ndarray, z: np.ndarray) -> Iterator[np.ndarray]:
    """Carry strings back as if there were no rotations; yield which ones anticommute, last gate first.

    The last rows are those of the start: where a qubit has one letter with an expectation, what anticommutes
    with that letter has none.
    """
    for step in reversed(steps):
        if isinstance(step, Chain):
            back(step, x, z)
        else:
            yield meets(step, x, z)
    single = np.flatnonzero((start[:, 1:] != 0).sum(axis=1) == 1)
    letter = 1 + np.argmax(start[single, 1:] != 0, axis=1)
    masks = [ONES * ((letter >> bit) & 1).astype(np.uint64)[:, None, None] for bit in (0, 1)]
    yield meets(Turn(single[:, None], *masks, single), x, z)


def _syndromes(
    steps: list[Step], start: np.ndarray, x: np.ndarray, z: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Label strings so that two have a cross term only if they share a label; say which meet a rotation."""
    labels, met = np.zeros(count, dtype=int), np.zeros_like(x[0])
    *rotations, last = _rows(steps, start, x, z)
    for rows in [*rotations, last]:
        if rows is not last:
            met |= np.bitwise_or.reduce(rows, axis=0)
        if labels.max() + 1 < count:
            known = labels.astype(np.uint32).view(np.uint8).reshape(count, -1)
            keys = np.hstack([known, np.packbits(unpack(rows)[:, :count], axis=0).T])
            labels = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    return labels, unpack(met)[:count] == 1


def _carry(steps: list[Step], letters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Carry strings of letters (n, strings) back as if there were no rotations: letters and signs, 1 for -."""
    count = letters.shape[1]
    x, z = pack(letters & 1), pack(letters >> 1)
    signs = np.zeros_like(x[0])
    for step in reversed(steps if letters.any() else []):
        if isinstance(step, Chain):
            signs ^= back_signs(step, x, z)
    return _letters(x, z)[:, :count], unpack(signs)[:count].astype(int)


def _letters(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Letters of packed strings, x + 2 z, int8 of shape (n, strings)."""
    return (unpack(x) + 2 * unpack(z)).astype(np.int8)


def _expectations(start: np.ndarray, letters: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Return ``<i^power S>`` in the start state for strings of letters (n, strings), shape (strings,)."""
    return np.take_along_axis(start, letters, axis=1).prod(axis=0) * np.array([1, 0, -1, 0])[powers % 4]


# ---- the first rotations, exactly


def _split(steps: list[Step], start: np.ndarray) -> tuple[list[Step], Front]:
    """Take the rotations that come first on their qubit, before any gate on two, out of the circuit."""
    closed = np.zeros(len(start), dtype=bool)
    body: list[Step] = []
    factor = start**2
    qubits, parameters, share = np.zeros(0, int), np.zeros(0, int), np.zeros((0, 4))
    for step in steps:
        if isinstance(step, Chain) or step.qubits.shape[1] > 1:
            closed[step.qubits] = True
            body.append(step)
            continue
        late = closed[step.qubits[:, 0]]
        if late.any():
            body.append(Turn(*(field[late] for field in step)))
        axis = np.zeros(len(start), dtype=int)
        ours = step.qubits[~late, 0]
        axis[ours] = ((step.x & 1) + 2 * (step.z & 1))[~late, 0, 0]
        share = np.concatenate([share, np.where(_odd(axis[ours]), factor[ours], 0)])
        qubits = np.concatenate([qubits, ours])
        parameters = np.concatenate([parameters, step.parameters[~late]])
        share, factor = _mix(share, axis[qubits]), _mix(factor, axis)
    return body, Front(factor, qubits, parameters, share)


def _odd(axis: np.ndarray) -> np.ndarray:
    """Which letters anticommute with the axis of a rotation, shape (k, 4)."""
    return (LETTERS > 0) & (axis[:, None] > 0) & (LETTERS != axis[:, None])


def _mix(table: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Average each row of a table (k, 4) over the angle of a rotation: S and PS in equal parts."""
    return np.where(
        _odd(axis), (table + np.take_along_axis(table, LETTERS ^ axis[:, None], axis=1)) / 2, table
    )


# ---- walks


def _round(problem: Problem, n_words: int, seed: int, index: int) -> np.ndarray:
    """Return log2 of one estimate of every entry, of the cost and of the sum of the entries."""
    total = np.full(len(problem.reach), -np.inf)
    for group, words, log_scale, rng in _share(problem, n_words, seed, "pauli walks", index):
        log_w, x, z, trail = _walk(group, problem.start, words, rng)
        if (top := log_w.max()) == -np.inf:
            continue
        w = np.exp2(log_w - top).astype(np.float32)
        w[w < 2.0**-100] = 0  # no slow denormal numbers
        parameters, sums = _gather(group, x, z, trail, w)
        with np.errstate(divide="ignore"):
            total[parameters] = np.logaddexp2(total[parameters], np.log2(sums) + top + log_scale)
        total[-2] = np.logaddexp2(total[-2], np.log2(w.sum(dtype=float)) + top + log_scale)
    total[-1] = np.logaddexp2.reduce(total[:-2])
    return total


def _share(
    problem: Problem, n_words: int, seed: int, purpose: str, index: int
) -> Iterator[tuple[Group, np.ndarray, float, np.random.Generator]]:
    """Share the words of a round out to the families in proportion to sum_a c_a^2, by systematic sampling.

    Yields:
        A group; the family of each of its words; log2 of what a walk counts; the generator of its draws.
    """
    log_weights = np.array([f.log2_weight for group in problem.groups for f in group.families])
    if not len(log_weights):
        return
    top = log_weights.max()
    part = np.exp2(log_weights - top)
    log_scale = top + np.log2(part.sum()) - np.log2(64 * n_words)
    offset = draws.stream(seed, f"{purpose}: shares", index).uniform()
    ends = np.floor(part.cumsum() * (n_words / part.sum()) + offset).astype(int)
    ends[-1] = n_words  # whatever the rounding
    counts = np.diff(ends, prepend=0)
    first = 0
    for number, group in enumerate(problem.groups):
        words = np.repeat(np.arange(len(group.families)), counts[first : first + len(group.families)])
        first += len(group.families)
        rng = draws.stream(seed, purpose, index * len(problem.groups) + number)
        rotations = sum(len(step.qubits) for step in group.steps if isinstance(step, Turn))
        for low in range(0, len(words), most := max(1, TRAIL // max(1, rotations))):
            yield group, words[low : low + most], log_scale, rng


def _walk(
    group: Group, start: np.ndarray, words: np.ndarray, rng: np.random.Generator, plain: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list]:
    """Walk 64 strings in each word back to the start, or to its first rotations.

    Args:
        group, start: what to walk, and the expectations of the start state.
        words: the family of each word.
        rng: source of bits.
        plain: do not resample, do not draw Z strings in proportion to what they may give, keep no history.

    Returns:
        log2 of the weight of each walk, shape (walks,); its string, packed; and what happened on the way: a
        Turn's parameters with the strings that it acted on, or the parents of a resampling.
    """
    x, z, log_v = _begin(group, words, rng, plain)
    trail: list[tuple] = []
    grown = False
    for step in reversed(group.steps):
        if isinstance(step, Chain):
            back(step, x, z)
            grown = True
            continue
        if grown and not plain:
            log_v, parents = _resample(x, z, log_v, rng)
            trail += [] if parents is None else [(None, parents)]
        acts = meets(step, x, z)
        moves = (acts & rng.bit_generator.random_raw(acts.size).reshape(acts.shape))[:, None]
        x[step.qubits] ^= moves & step.x
        z[step.qubits] ^= moves & step.z
        trail += [] if plain else [(step.parameters, acts)]
        grown = step.qubits.shape[1] > 1
    return log_v + _log_weights(group, start, x, z), x, z, trail


def _begin(
    group: Group, words: np.ndarray, rng: np.random.Generator, plain: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the strings of the observable, packed, and log2 of their weights."""
    if not group.families[0].drawn:
        letters = np.stack([f.first[group.qubits] for f in group.families], axis=1)[:, words]
        x, z = (ONES * ((letters >> bit) & 1).astype(np.uint64) for bit in (0, 1))
        return x, z, np.zeros(64 * len(words))
    odds = 1.0 if plain else 2.0**-SHRINK
    drawn = rng.random((len(group.qubits), 64 * len(words))) < odds / (1 + odds)
    z = pack(drawn)
    x = np.zeros_like(z)
    log_v = np.log2(np.where(drawn, 0.5 * (1 + odds) / odds, 0.5 * (1 + odds))).sum(axis=0)
    return x, z, np.where(_moves(group, x.copy(), z.copy()), log_v, -np.inf)


def _moves(group: Group, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return which strings meet a rotation on their way back, bool of shape (strings,); others belong to E[C]."""
    met = np.zeros_like(z[0])
    for step in reversed(group.steps):
        if isinstance(step, Chain):
            back(step, x, z)
        else:
            met |= np.bitwise_or.reduce(meets(step, x, z), axis=0)
        if (met == ONES).all():
            break
    met = unpack(met) == 1
    if group.front is not None and not met.all():
        turned = np.zeros((len(x), 4))
        np.add.at(turned, group.front.qubits, group.front.share)
        met |= (np.take_along_axis(turned, _letters(x, z), axis=1) > 0).any(axis=0)
    return met


def _resample(
    x: np.ndarray, z: np.ndarray, log_v: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:
    """Copy walks in proportion to what they may still give, if that is unequal: in place; weights, parents."""
    bits = SHRINK * unpack(x | z).sum(axis=0, dtype=np.uint16)
    score = log_v - bits
    share = np.exp2(score - (top := score.max()))
    if share.sum() ** 2 > 0.5 * len(share) * (share @ share):
        return log_v, None
    ends = share.cumsum()
    places = (np.arange(len(share)) + rng.uniform()) * (ends[-1] / len(share))
    parents = np.minimum(np.searchsorted(ends, places, side="right"), len(share) - 1)
    for part in (x, z):
        part[:] = pack(np.take(unpack(part), parents, axis=1))  # far faster than an index
    return top + np.log2(ends[-1] / len(share)) + bits[parents], parents


def _log_weights(group: Group, start: np.ndarray, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return log2 of ``(sum_a c_a <S_a>)^2`` for each walk; of its mean over the first rotations if exact."""
    letters = _letters(x, z)
    with np.errstate(divide="ignore"):
        if group.front is not None:
            return np.take_along_axis(np.log2(group.front.factor), letters, axis=1).sum(axis=0)
        family, start = group.families[0], start[group.qubits]
        logs, signs = [], []
        for fixed, power in zip(family.fixed[group.qubits].T[..., None], family.powers, strict=True):
            values = np.take_along_axis(start, letters ^ fixed, axis=1)
            logs.append(np.log2(abs(values)).sum(axis=0))
            turns = np.array([1, 0, -1, 0])[(power + product_phase(letters, fixed)) % 4]
            signs.append(turns * np.sign(values).prod(axis=0))
        top = np.maximum(np.max(logs, axis=0), -1e300)
        return 2 * (top + np.log2(abs(family.coefficients @ (signs * np.exp2(logs - top)))))


def _gather(
    group: Group, x: np.ndarray, z: np.ndarray, trail: list[tuple], w: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Add the weights of the walks to the parameters that they met, from the start back to the observable."""
    parameters, sums = [np.zeros(0, int)], [np.zeros(0)]
    if (front := group.front) is not None:
        here = np.stack(
            [0 * _weigh(x, w), *(_weigh(letter, w) for letter in (x & ~z, z & ~x, x & z))], axis=1
        )
        factor = front.factor[front.qubits]
        share = np.divide(front.share, factor, out=np.zeros_like(factor), where=factor > 0)
        parameters.append(front.parameters)
        sums.append((share * here[front.qubits]).sum(axis=1))
    for met, what in reversed(trail):
        if met is None:  # the weights of the copies go to their parent
            w = np.bincount(what, w, minlength=len(w)).astype(np.float32)
        else:
            parameters.append(met)
            sums.append(_weigh(what, w))
    return np.concatenate(parameters), np.concatenate(sums)


def _weigh(rows: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Add up the weights of the strings in each packed row, shape (rows,); a megabyte at a time."""
    some = max(1, 2**18 // len(w))
    pieces = [unpack(rows[i : i + some]).astype(np.float32) @ w for i in range(0, len(rows), some)]
    return np.concatenate(pieces).astype(float)


def _exclusion(problem: Problem, n_words: int, seed: int, rounds: int) -> float:
    """Return what plain walks exclude at 95 % for Var[C], and so for every entry.

    What a walk gives is a number in [0, 1] times the largest weight.  By the Chernoff-Hoeffding theorem the mean
    of m such numbers and their expectation p obey m kl(mean, p) < log 20 but for one time in twenty; where no
    walk gives anything this is the rule of three, p < 3 / m.
    """
    ceiling = max(abs(f.coefficients).sum() ** 2 for group in problem.groups for f in group.families)
    given, m = 0.0, 0
    try:
        for index in range(rounds):
            now = 0.0
            for group, words, log_scale, rng in _share(problem, n_words, seed, "plain walks", index):
                now += np.exp2(_walk(group, problem.start, words, rng, plain=True)[0]).sum() / ceiling
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
    return float(high * ceiling * 64 * n_words * np.exp2(log_scale))
