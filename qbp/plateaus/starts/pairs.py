"""Pairs of strings of an observable that can covary, put into batches by their light cones.

Two strings of a sum have a covariance only if some rotation anticommutes with both, on the path on which
nothing turns: the first turn of a pair happens there.  Their product is turned by no rotation, so it arrives
at the start as it would without them; where the start state gives it no expectation, the pair gives nothing.
Amplitude damping can change the product; then pairs are those whose light cones share a rotation.
"""

import numpy as np

from qbp.circuits.observables import PauliSum
from qbp.plateaus.pauli.strings import (
    Chain,
    Turn,
    back,
    letters_of,
    masks,
    meets,
    parts,
    unpack,
    without_expectation,
)
from qbp.plateaus.starts.bits import pack_all, positions
from qbp.plateaus.starts.process import Noise, Process, Quarter, cone
from qbp.plateaus.starts.weighted import Batch

MOST = 2**18  # pairs
BATCH = 256  # pairs that walk together
DENSE = 2**24  # pairs to look at, one rotation after the other, above which a table of all is multiplied out


def batches(process: Process, H: PauliSum) -> list[Batch]:
    """Return the pairs of a sum that can covary: each string with itself, then two different ones.

    Args:
        process: the circuit.
        H: the sum.

    Raises:
        ValueError: there are more than 2^18 pairs.
    """
    terms = {pauli: c for pauli, c in H.terms.items() if c and set(pauli) != {"I"}}
    if not terms:
        return []
    coefficients = np.array(list(terms.values()))
    x, z = parts(list(terms))
    letters = letters_of(x, z)[:, : len(terms)]
    a, b = _pairs(process, x, z, len(terms))
    place = np.argmax(letters > 0, axis=0)
    found = []
    alone = (a == b) & (process.drop == 0)
    for same in (True, False):
        chosen = np.flatnonzero(alone == same)
        chosen = chosen[np.argsort(place[a[chosen]], kind="stable")]
        for low in range(0, len(chosen), BATCH):
            some = chosen[low : low + BATCH]
            first, second = a[some], b[some]
            both = letters[:, first][None] if same else np.stack([letters[:, first], letters[:, second]])
            weight = np.where(first == second, 1.0, 2.0) * coefficients[first] * coefficients[second]
            found.append(batch_of(process, both, weight))
    return found


def batch_of(process: Process, letters: np.ndarray, coefficients: np.ndarray) -> Batch:
    """Cut the circuit to the light cone of pairs, letters (copies, n, pairs)."""
    reach = np.bitwise_or.reduce(np.bitwise_or.reduce(letters, axis=0), axis=1)
    qubits, steps = cone(process.steps, *masks(reach[:, None]))
    return Batch(qubits, steps, letters[:, qubits], coefficients)


def _pairs(process: Process, x: np.ndarray, z: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which strings can covary, (pairs,) and (pairs,), the first not after the second."""
    met, label = _met(process, x, z, count)
    looked_at = sum(len(strings) ** 2 for strings in met)
    if looked_at > DENSE:
        table = np.zeros((count, count), dtype=bool)
        for low in range(0, len(met), 4096):
            rows = np.zeros((len(met[low : low + 4096]), count), dtype=np.float32)
            for row, strings in zip(rows, met[low : low + 4096], strict=True):
                row[strings] = 1
            table |= rows.T @ rows > 0
        a, b = np.nonzero(np.triu(table))
    else:
        keys = [np.zeros(0, dtype=np.int64)]
        keys += [(s[:, None] * count + s)[np.triu_indices(len(s))] for s in met]
        a, b = np.divmod(np.unique(np.concatenate(keys)), count)
    fit = label[a] == label[b]
    if fit.sum() > MOST:
        takes = f"at most {MOST:,} pairs of strings that covary near this start"
        raise ValueError(f"H must have {takes}, got {fit.sum():,}")
    return a[fit], b[fit]


def _met(process: Process, x: np.ndarray, z: np.ndarray, count: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the strings that each rotation meets where nothing turns, and labels of the start: only strings
    with the same label have a product with an expectation there."""
    x, z = x.copy(), z.copy()
    spread = process.drop > 0
    add = np.bitwise_or if spread else np.bitwise_xor
    met = []
    for step in reversed(process.steps):
        if isinstance(step, Chain):
            back(step, x, z, add)
        elif not isinstance(step, Noise):
            turn = step.turn if isinstance(step, Quarter) else step
            acts = meets(turn, x, z, add)
            if isinstance(step, Turn):
                rows, columns = positions(acts)  # the rest of the last word is empty strings
                met += np.split(columns, np.flatnonzero(np.diff(rows)) + 1) if len(rows) else []
            if isinstance(step, Quarter) or spread:
                moves = acts if spread else acts & pack_all(turn.parameters[:, None] != 2)
                x[turn.qubits] = add(x[turn.qubits], moves[:, None] & turn.x)
                z[turn.qubits] = add(z[turn.qubits], moves[:, None] & turn.z)
    if spread:
        return met, np.zeros(count, dtype=int)
    odd = without_expectation(process.start, x, z)
    bits = np.packbits(unpack(odd)[:, :count], axis=0).T
    if bits.shape[1] == 0:
        return met, np.zeros(count, dtype=int)
    return met, np.unique(bits, axis=0, return_inverse=True)[1].reshape(-1)
