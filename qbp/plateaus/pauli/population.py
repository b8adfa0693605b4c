r"""Populations of Pauli walks: cut to their light cone, walked back in rounds, their weights gathered.

See :mod:`qbp.plateaus.pauli.walk` for what is estimated and why.
"""

from typing import NamedTuple

import numpy as np

from qbp.plateaus.pauli.families import Family, expectations
from qbp.plateaus.pauli.strings import (
    ONES,
    Chain,
    Step,
    Turn,
    back,
    letters_of,
    light_cone,
    masks,
    meets,
    pack,
    product_phase,
    unpack,
)

# log2 by which a letter lowers what its walk may give.  In the end it is log2 3, for the mean of <X>^2, <Y>^2
# and <Z>^2 is 1/3 in any pure state; on the way, where letters come and go, half of it resamples best.
SHRINK = np.log2(3) / 2
LETTERS = np.arange(4)  # a letter is x + 2 z: I, X, Z, Y; the product of two is their XOR


class Front(NamedTuple):
    """Rotations that act on a qubit before any gate on two, averaged exactly by its letter behind them."""

    factor: np.ndarray  # (n, 4), the mean of <S>^2
    qubits: np.ndarray  # (k,), of each rotation
    parameters: np.ndarray  # (k,)
    share: np.ndarray  # (k, 4), the part of the factor in which the letter anticommutes with the generator


class Group(NamedTuple):
    """Families on one light cone, a stratum of the walks; qubits are numbered inside it."""

    families: list[Family]
    qubits: np.ndarray  # of the cone, in the circuit
    steps: list[Step]
    front: Front | None  # None: the families have several members, and every rotation is walked
    parameters: np.ndarray  # that its walks may reach, sorted


def split(steps: list[Step], start: np.ndarray) -> tuple[list[Step], Front]:
    """Take the rotations that come first on their qubit, before any gate on two, out of the circuit.

    Args:
        steps: the circuit.
        start: expectations of the letters in the start state, shape (n, 4).

    Returns:
        The other steps, and the rotations taken out.
    """
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
    return (LETTERS > 0) & (axis[:, None] > 0) & (axis[:, None] != LETTERS)


def _mix(table: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Average each row of a table (k, 4) over the angle of a rotation: S and PS in equal parts."""
    partner = np.take_along_axis(table, LETTERS ^ axis[:, None], axis=1)
    return np.where(_odd(axis), (table + partner) / 2, table)


def cut_group(families: list[Family], steps: list[Step], front: Front | None, start: np.ndarray) -> Group:
    """Cut the circuit to the light cone of some families."""
    letters = np.bitwise_or.reduce([f.first for f in families], axis=0)
    x, z, cut = light_cone(steps, *masks(letters[:, None]))
    qubits = np.flatnonzero(x | z)
    reached = [step.parameters for step in cut if isinstance(step, Turn)]
    if front is not None:
        possible = np.stack([x | z, x, z, x & z], axis=1)[front.qubits] != 0  # letters that may arrive there
        met = (possible & (front.share > 0)).any(axis=1)
        number = np.searchsorted(qubits, front.qubits[met])
        reached.append(front.parameters[met])
        front = Front(front.factor[qubits], number, front.parameters[met], front.share[met])
    else:  # outside the cone of the first strings only the fixed ones have letters
        outside = np.setdiff1d(np.arange(len(start)), qubits)
        rest = [
            expectations(start[outside], f.fixed[outside], np.zeros(len(f.powers), int)) for f in families
        ]
        families = [f._replace(coefficients=f.coefficients * r) for f, r in zip(families, rest, strict=True)]
    return Group(families, qubits, cut, front, np.unique(np.concatenate([np.zeros(0, int), *reached])))


def walk(
    group: Group,
    start: np.ndarray,
    family: np.ndarray,
    rng: np.random.Generator,
    log_v: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list]:
    """Walk strings, 64 in each machine word, back to the start, or to its first rotations.

    Args:
        group, start: what to walk, and the expectations of the start state.
        family: the family of each walk, shape (walks,), a multiple of 64.
        rng: source of bits.
        log_v: log2 of the weights to begin with, shape (walks,).  None is for plain independent walks of
            equal weight, not resampled, without a history.

    Returns:
        log2 of the weight of each walk, shape (walks,); its string, packed; and what happened on the way: a
        Turn's parameters with the strings that it acted on, or the parents of a resampling.
    """
    plain = log_v is None
    x, z, log_first = _begin(group, family, rng, plain)
    log_v = log_first if plain else log_v + log_first
    trail: list[tuple] = []
    grown = False
    for step in reversed(group.steps):
        if isinstance(step, Chain):
            back(step, x, z)
            grown = True
            continue
        if grown and not plain:
            log_v, parents = _resample(x, z, log_v, rng)
            if parents is not None:
                trail.append((None, parents))
                family = family[parents]
        acts = meets(step, x, z)
        moves = (acts & rng.bit_generator.random_raw(acts.size).reshape(acts.shape))[:, None]
        x[step.qubits] ^= moves & step.x
        z[step.qubits] ^= moves & step.z
        trail += [] if plain else [(step.parameters, acts)]
        grown = step.qubits.shape[1] > 1
    return log_v + _log_weights(group, start, x, z, family), x, z, trail


def _begin(
    group: Group, family: np.ndarray, rng: np.random.Generator, plain: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the strings of the observable, packed, and log2 of their weights."""
    if not group.families[0].drawn:
        letters = np.stack([f.first[group.qubits] for f in group.families], axis=1)
        if letters.shape[1] == 1:
            x, z = (part.repeat(len(family) // 64, axis=1) for part in masks(letters))
        else:
            x, z = (pack(part[:, family]) for part in (letters & 1, letters >> 1))
        return x, z, np.zeros(len(family))
    odds = 1.0 if plain else 2.0**-SHRINK
    drawn = rng.random((len(group.qubits), len(family))) < odds / (1 + odds)
    z = pack(drawn)
    x = np.zeros_like(z)
    log_v = len(drawn) * np.log2((1 + odds) / 2) - drawn.sum(axis=0) * np.log2(odds)  # not 1/2 and 1/2
    return x, z, np.where(_moves(group, x.copy(), z.copy()), log_v, -np.inf)


def _moves(group: Group, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return which strings meet a rotation on their way back, shape (strings,); the others belong to E[C]."""
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
        met |= (np.take_along_axis(turned, letters_of(x, z), axis=1) > 0).any(axis=0)
    return met


def _resample(
    x: np.ndarray, z: np.ndarray, log_v: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:
    """Copy walks in proportion to what they may still give, in place, if that is unequal enough.

    Returns:
        log2 of the weights of the walks, shape (walks,), and the parent of each, or None if all stay.
    """
    bits = SHRINK * unpack(x | z).sum(axis=0, dtype=np.uint16)
    score = log_v - bits
    if (top := score.max()) == -np.inf:
        return log_v, None
    share = np.exp2(score - top)
    if share.sum() ** 2 > 0.5 * len(share) * (share @ share):
        return log_v, None
    ends = share.cumsum()
    places = (np.arange(len(share)) + rng.uniform()) * (ends[-1] / len(share))
    parents = np.minimum(np.searchsorted(ends, places, side="right"), len(share) - 1)
    for part in (x, z):
        part[:] = pack(np.take(unpack(part), parents, axis=1))  # far faster than an index
    return top + np.log2(ends[-1] / len(share)) + bits[parents], parents


def _log_weights(
    group: Group, start: np.ndarray, x: np.ndarray, z: np.ndarray, family: np.ndarray
) -> np.ndarray:
    """Return log2 of ``(sum_a c_a <S_a>)^2`` for each walk; of its mean over the first rotations if exact."""
    letters = letters_of(x, z)
    with np.errstate(divide="ignore"):
        if group.front is not None:
            return np.take_along_axis(np.log2(group.front.factor), letters, axis=1).sum(axis=0)
        found, start = np.zeros(len(family)), start[group.qubits]
        for number, f in enumerate(group.families):
            ours = np.flatnonzero(family == number)
            logs, signs = [], []
            for fixed, power in zip(f.fixed[group.qubits].T[..., None], f.powers, strict=True):
                values = np.take_along_axis(start, letters[:, ours] ^ fixed, axis=1)
                logs.append(np.log2(abs(values)).sum(axis=0))
                turns = np.array([1, 0, -1, 0])[(power + product_phase(letters[:, ours], fixed)) % 4]
                signs.append(turns * np.sign(values).prod(axis=0))
            top = np.maximum(np.max(logs, axis=0), -1e300)
            found[ours] = 2 * (top + np.log2(abs(f.coefficients @ (signs * np.exp2(logs - top)))))
    return found


def gather(
    group: Group, x: np.ndarray, z: np.ndarray, trail: list[tuple], w: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add the weights of the walks to the parameters of the rotations that they met.

    Args:
        group, x, z, trail: as for and from :func:`walk`.
        w: weights of the walks, float32: a sum of positive numbers needs no more.

    Returns:
        Parameters, none twice; the sum of the weights for each; the weights of the walks as they began.
    """
    parameters, sums = [np.zeros(0, int)], [np.zeros(0)]
    if (front := group.front) is not None:
        here = np.stack([_weigh(letter, w) for letter in (x & ~z, z & ~x, x & z)], axis=1)  # (n, 3)
        factor = front.factor[front.qubits]
        share = np.divide(front.share, factor, out=np.zeros_like(factor), where=factor > 0)
        parameters.append(front.parameters)
        sums.append((share[:, 1:] * here[front.qubits]).sum(axis=1))
    for met, what in reversed(trail):
        if met is None:  # the weights of the copies go to their parent
            w = np.bincount(what, w, minlength=len(w)).astype(np.float32)
        else:
            parameters.append(met)
            sums.append(_weigh(what, w))
    return np.concatenate(parameters), np.concatenate(sums), w


def _weigh(rows: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Add up the weights of the strings in each packed row, shape (rows,); a megabyte at a time."""
    some = max(1, 2**18 // len(w))
    pieces = [unpack(rows[i : i + some]).astype(np.float32) @ w for i in range(0, len(rows), some)]
    return np.concatenate(pieces).astype(float)
