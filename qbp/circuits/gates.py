"""Gates, the programs they form, and their tables in numpy: what a circuit is, before any state.

Two kinds of gate are enough for every circuit of this book:

- a :class:`Rotation` by a Pauli string P, ``exp(-i theta P / 2) = cos(theta / 2) - i sin(theta / 2) P``,
  since P squares to 1;
- an :class:`Entangler`, a fixed pattern of CNOTs (it permutes the amplitudes) or CZs (it flips their signs).
"""

from functools import lru_cache, reduce
from typing import NamedTuple

import numpy as np

from qbp import _checks


class Rotation(NamedTuple):
    """The gate ``exp(-i theta[k] P / 2)``: `pauli` spells P, a letter of "IXYZ" a qubit; `parameter` is k."""

    pauli: str
    parameter: int


class Entangler(NamedTuple):
    """Gates of one `kind` ("cz", or "cnot": control first) on `pairs` of qubits, applied in that order."""

    kind: str
    pairs: tuple[tuple[int, int], ...]


class Program(tuple[Rotation | Entangler, ...]):
    """Gates, first to last: a tuple that computes its hash once, since tables are kept by program."""

    def __hash__(self) -> int:
        if "hash" not in self.__dict__:
            self.__dict__["hash"] = super().__hash__()
        return self.__dict__["hash"]


Start = str | tuple[tuple[complex, complex], ...]  # a name, or the amplitudes of every qubit


@lru_cache(maxsize=1024)
def pauli_signs(pauli: str) -> np.ndarray:
    """Return the signs that `pauli` leaves on the flipped amplitudes, +-1 int8 of shape (2**n,).

    Example:
        >>> pauli_signs("ZZ").tolist()
        [1, -1, -1, 1]
    """
    factors = {"I": (1, 1), "X": (1, 1), "Y": (-1, 1), "Z": (1, -1)}  # Y|0> = i|1>, Y|1> = -i|0>
    return reduce(np.kron, [np.array(factors[p], dtype=np.int8) for p in pauli])


@lru_cache(maxsize=256)
def entangler_table(gate: Entangler, n_qubits: int) -> np.ndarray:
    """Return what the entangler does to the 2**n amplitudes.

    For "cz" the signs it gives them (int8); for "cnot" the index each new amplitude is read from (int64).

    Example:
        >>> entangler_table(Entangler("cnot", ((0, 1), (1, 2))), 3).tolist()
        [0, 1, 3, 2, 6, 7, 5, 4]
    """
    index = np.arange(2**n_qubits, dtype=np.int32 if n_qubits < 31 else np.int64)

    def bit(qubit: int) -> np.ndarray:
        return index >> (n_qubits - 1 - qubit) & 1

    if gate.kind == "cz":
        odd = np.zeros(2**n_qubits, dtype=bool)
        for a, b in gate.pairs:
            odd ^= (bit(a) & bit(b)).astype(bool)
        return np.where(odd, np.int8(-1), np.int8(1))
    source = index
    for a, b in gate.pairs:
        source = source[index ^ (bit(a) << (n_qubits - 1 - b))]  # later gates are read first
    return source.astype(np.int64)


def start_qubits(start: Start, n_qubits: int) -> np.ndarray:
    """Return the single-qubit amplitudes of a product start state, complex, shape (n_qubits, 2).

    Args:
        start: "zero", "plus", or amplitudes, array-like of shape (n_qubits, 2), each row normalized to 1e-6.
        n_qubits: number of qubits.

    Raises:
        ValueError: another name, another shape, or a row that is not normalized.

    Example:
        >>> start_qubits("zero", 1)
        array([[1.+0.j, 0.+0.j]])
    """
    if isinstance(start, str):
        _checks.choice("start", start, ("zero", "plus"))
        return np.tile(np.array([1, 0] if start == "zero" else [0.5**0.5] * 2, dtype=complex), (n_qubits, 1))
    takes = f'start must be "zero", "plus" or amplitudes of shape ({n_qubits}, 2)'
    if getattr(start, "requires_grad", False):
        raise ValueError(f"{takes} without a gradient, which it does not get, got one that asks for it")
    try:
        qubits = np.array(np.asarray(start), dtype=complex)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise TypeError(f"{takes}, got {start!r}") from None
    if qubits.shape != (n_qubits, 2):
        raise ValueError(f"{takes}, got shape {qubits.shape}")
    norms = np.linalg.norm(qubits, axis=1)
    if not np.allclose(norms, 1, rtol=0, atol=1e-6):
        raise ValueError(f"start must have normalized rows, got norms {norms.tolist()}")
    return qubits
