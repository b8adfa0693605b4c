r"""State vectors: a circuit is a list of gates, and :func:`evolve` applies it to a batch of states.

Two kinds of gate are enough for every circuit of this book:

- a :class:`Rotation` by a Pauli string P, ``exp(-i theta P / 2) = cos(theta / 2) - i sin(theta / 2) P``,
  since P squares to 1;
- an :class:`Entangler`, a fixed pattern of CNOTs (it permutes the amplitudes) or CZs (it flips their signs).

States are tensors of shape (..., 2**n).  Qubit 0 is the most significant bit of the index: of two qubits, the
amplitude of ``|01>`` (qubit 1 excited) has index 1.  Nothing here knows about layers; see
:mod:`qbp.circuits.ansatz`.
"""

from functools import lru_cache, reduce
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

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


def evolve(program: Program, theta: Tensor, state: Tensor) -> Tensor:
    """Apply the gates of `program`, first to last.

    This is the one place where amplitudes move.  It is plain torch: differentiable any number of times in
    `theta` and `state`, on any device, under ``torch.func``.

    Args:
        program: gates whose parameter indices are below n_params; see :class:`Rotation`, :class:`Entangler`.
        theta: angles in radians, real, shape (..., n_params).
        state: amplitudes, shape (..., 2**n); its leading axes broadcast against those of `theta`.

    Returns:
        Amplitudes, shape (..., 2**n), complex128 for float64 `theta` and complex64 for float32.

    Example:
        >>> evolve((Rotation("X", 0),), torch.tensor([torch.pi]), torch.tensor([1.0, 0.0])).abs().round()
        tensor([0., 1.])
    """
    batch = torch.broadcast_shapes(theta.shape[:-1], state.shape[:-1])
    state = state.to(theta.dtype.to_complex()).expand(*batch, -1)
    cosines, sines = (f(theta / 2).unsqueeze(-1).unbind(-2) for f in (torch.cos, torch.sin))  # each (..., 1)
    for gate in program:
        if isinstance(gate, Rotation):
            phase, flipped = flip(gate.pauli, state)
            state = cosines[gate.parameter] * state + (-1j * phase * sines[gate.parameter]) * flipped
        else:
            state = entangle(gate, state)
    return state


def flip(pauli: str, state: Tensor) -> tuple[complex, Tensor]:
    r"""Split ``P|state>`` into a phase and a signed rearrangement: ``P|state> = phase * flipped``.

    With Y = i X Z a Pauli string is ``i^(number of Y)`` times Z on some qubits, then X on some: a table of
    signs, and a state read backwards along the axes of the flipped qubits.

    Args:
        pauli: a string of "IXYZ", position i is qubit i.
        state: amplitudes, shape (..., 2**n).

    Returns:
        (phase, flipped): one of 1, i, -1, -i, and amplitudes of shape (..., 2**n).

    Example:
        >>> flip("Y", torch.tensor([1.0, 2.0]))  # Y|0> = i|1>, Y|1> = -i|0>
        (1j, tensor([-2.,  1.]))
    """
    n = len(pauli)
    axes = [q - n for q, p in enumerate(pauli) if p in "XY"]
    if axes:
        state = state.unflatten(-1, (2,) * n).flip(axes).flatten(-n)
    if "Y" in pauli or "Z" in pauli:
        state = state * like(pauli_signs(pauli), state)
    return 1j ** pauli.count("Y"), state


@lru_cache(maxsize=1024)
def pauli_signs(pauli: str) -> np.ndarray:
    """Return the signs that `pauli` leaves on the flipped amplitudes, +-1 int8 of shape (2**n,).

    Example:
        >>> pauli_signs("ZZ").tolist()
        [1, -1, -1, 1]
    """
    factors = {"I": (1, 1), "X": (1, 1), "Y": (-1, 1), "Z": (1, -1)}  # Y|0> = i|1>, Y|1> = -i|0>
    return reduce(np.kron, [np.array(factors[p], dtype=np.int8) for p in pauli])


def entangle(gate: Entangler, state: Tensor) -> Tensor:
    """Apply an entangler to amplitudes of shape (..., 2**n): one sign vector, or one permutation.

    Example:
        >>> entangle(Entangler("cnot", ((0, 1),)), torch.tensor([0.0, 0.0, 1.0, 0.0]))  # |10> -> |11>
        tensor([0., 0., 0., 1.])
    """
    table = entangler_table(gate, state.shape[-1].bit_length() - 1)
    if gate.kind == "cz":
        return state * like(table, state)
    return state.gather(-1, torch.as_tensor(table, device=state.device).expand_as(state))


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
    qubits = np.array(np.asarray(start), dtype=complex)
    if qubits.shape != (n_qubits, 2):
        raise ValueError(
            f'start must be "zero", "plus" or of shape ({n_qubits}, 2), got shape {qubits.shape}'
        )
    norms = np.linalg.norm(qubits, axis=1)
    if not np.allclose(norms, 1, rtol=0, atol=1e-6):
        raise ValueError(f"start must have normalized rows, got norms {norms.tolist()}")
    return qubits


def product_state(qubits: Tensor) -> Tensor:
    """Multiply single-qubit states together.

    Args:
        qubits: amplitudes of ``|0>`` and ``|1>`` for each qubit, shape (..., n, 2).

    Returns:
        Amplitudes, shape (..., 2**n), qubit 0 the most significant bit.

    Example:
        >>> product_state(torch.tensor([[1.0, 0.0], [0.6, 0.8]]))
        tensor([0.6000, 0.8000, 0.0000, 0.0000])
    """
    first, *rest = qubits.unbind(-2)
    return reduce(lambda state, qubit: (state.unsqueeze(-1) * qubit.unsqueeze(-2)).flatten(-2), rest, first)


def embed(inputs: Tensor, qubits: Tensor) -> Tensor:
    """Angle embedding: apply RY(x_j) to qubit j, for each sample.

    Args:
        inputs: features x in radians, real, shape (..., n_features), n_features <= n.
        qubits: single-qubit amplitudes before the embedding, shape (n, 2).

    Returns:
        Single-qubit amplitudes, shape (..., n, 2), ready for :func:`product_state`.

    Example:
        >>> embed(torch.tensor([torch.pi]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])).abs().round()
        tensor([[0., 1.],
                [1., 0.]])
    """
    n_features = inputs.shape[-1]
    embedded, rest = qubits.split([n_features, len(qubits) - n_features])
    zero, one = embedded.unbind(-1)
    c, s = torch.cos(inputs / 2), torch.sin(inputs / 2)
    turned = torch.stack([c * zero - s * one, s * zero + c * one], dim=-1)  # (..., n_features, 2)
    return torch.cat([turned, rest.to(turned.dtype).expand(*inputs.shape[:-1], -1, -1)], dim=-2)


def like(table: np.ndarray, state: Tensor) -> Tensor:
    """Return a table as a tensor on the device of `state`, in its precision, real if the table is real."""
    dtype = state.dtype if np.iscomplexobj(table) else state.real.dtype
    return torch.as_tensor(table, device=state.device).to(dtype)
