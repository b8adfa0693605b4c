r"""Layers: a program read as single-qubit rotations on every qubit, then an entangler, and so on.

Rotations of different qubits commute.  So a layer needs no order among qubits, only the word of rotations of
each qubit, which is one 2 x 2 matrix; those of up to three qubits are fused to one of 8 x 8, and all
amplitudes move in one product with it.  :func:`run` does this forward and :func:`undo` backward, in plain
torch: for :mod:`qbp.circuits.adjoint` they are the reference, and the path of GPUs.
"""

from functools import lru_cache, reduce
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from qbp.circuits.gates import Entangler, Program
from qbp.circuits.statevector import entangle, like

Word = tuple[tuple[str, int], ...]  # rotations of one qubit, first to last: (axis "X" | "Y" | "Z", parameter)
BLOCK = 3  # qubits fused, at most
PAULIS = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])  # X, Y, Z


class Layer(NamedTuple):
    """The rotations of each qubit, in their order, then an entangler (None: there is none)."""

    words: tuple[Word, ...]
    entangler: Entangler | None


@lru_cache(maxsize=256)
def as_layers(program: Program, n_qubits: int) -> tuple[Layer, ...] | None:
    """Return the layers of a program, or None if a rotation acts on more qubits than one, or on none.

    An entangler closes a layer, and so does the end; between two entanglers in a row all words are empty.

    Args:
        program: gates on `n_qubits` qubits, first to last.
        n_qubits: number of qubits.

    Example:
        >>> from qbp.circuits.gates import Rotation
        >>> as_layers((Rotation("IY", 0), Rotation("IZ", 1)), 2)
        (Layer(words=((), (('Y', 0), ('Z', 1))), entangler=None),)
        >>> as_layers((Rotation("ZZ", 0),), 2) is None
        True
    """
    layers: list[Layer] = []
    words: list[list[tuple[str, int]]] = [[] for _ in range(n_qubits)]
    for gate in program:
        if isinstance(gate, Entangler):
            layers.append(Layer(tuple(map(tuple, words)), gate))
            words = [[] for _ in range(n_qubits)]
        elif gate.pauli.count("I") == n_qubits - 1:
            assert gate.parameter is not None  # each angle is an entry of theta here
            axis = gate.pauli.strip("I")
            words[gate.pauli.index(axis)].append((axis, gate.parameter))
        else:
            return None
    if any(words):
        layers.append(Layer(tuple(map(tuple, words)), None))
    return tuple(layers)


def layers_of(program: Program, n_qubits: int) -> tuple[Layer, ...]:
    """Return the layers of a program that has them, see :func:`as_layers`; else raise ValueError."""
    layers = as_layers(program, n_qubits)
    if layers is None:
        raise ValueError("program must consist of layers: rotations of one qubit each, and entanglers")
    return layers


def run(program: Program, theta: Tensor, state: Tensor) -> Tensor:
    """Apply a layered program: what :func:`qbp.circuits.statevector.evolve` does, in fewer and larger steps.

    Args:
        program: gates that :func:`as_layers` takes.
        theta: angles in radians, real, shape (runs, n_params).
        state: amplitudes, complex, shape (runs | 1, samples, 2**n): the samples of a run share its angles.

    Returns:
        Amplitudes, shape (runs, samples, 2**n).

    Example:
        >>> from qbp.circuits.gates import Rotation
        >>> run((Rotation("X", 0),), torch.tensor([[torch.pi]]), torch.eye(2)[None, :1] + 0j).abs().round()
        tensor([[[0., 1.]]])
    """
    state = state.expand(len(theta), -1, -1)
    runs, samples, size = state.shape
    n_qubits = size.bit_length() - 1
    matrices = _matrices(_table(program, n_qubits, theta.shape[1]), theta)
    for layer, own in zip(layers_of(program, n_qubits), matrices, strict=True):
        x = state.mT  # (runs, 2**n, samples)
        for block in _blocks(own):  # what it turned goes last: the next block leads, in the end the samples
            d = block.shape[-1]
            x = x.reshape(runs, d, samples * size // d).mT @ block.mT
        state = x.reshape(runs, samples, size)
        if layer.entangler:
            state = entangle(layer.entangler, state)
    return state


def undo(program: Program, theta: Tensor, psi: Tensor, lam: Tensor) -> tuple[Tensor, Tensor]:
    """Undo a layered program on psi and lambda together, and read the derivatives on the way.

    Args:
        program, theta: as for :func:`run`.
        psi, lam: amplitudes after the program, complex, shape (runs, samples, 2**n).

    Returns:
        ``Im <lam|P_k|psi>`` right after gate k, summed over samples and gates that share k, shape
        (runs, n_params); and lambda carried back to the start, shape (runs, samples, 2**n).
    """
    runs, samples, size = psi.shape
    n_qubits = size.bit_length() - 1
    table = _table(program, n_qubits, theta.shape[1])
    forward = _matrices(table, theta)
    matrices = torch.stack([forward, forward.conj()], dim=-2).unbind()  # each (n, 2, 2, 2, runs)
    pair = torch.stack([psi.conj(), lam])  # the conjugate once, here: every sum below needs it
    torques = []  # Im <lam|P|psi> for P = X, Y, Z of each qubit; last layer, last block first
    for layer, own in zip(layers_of(program, n_qubits)[::-1], matrices[::-1], strict=True):
        if layer.entangler:
            pair = entangle(layer.entangler._replace(pairs=layer.entangler.pairs[::-1]), pair)
        x = pair
        for block in _blocks(own)[::-1]:  # the way of `run` backward, each product by its inverse
            d = block.shape[-1]
            x = x.reshape(2, runs, samples * size // d, d)
            overlaps = x[1].mT @ x[0]  # sum of lam_i conj(psi_j), (runs, d, d)
            torques.append(like(_torque_table(d), x) @ overlaps.flatten(1).mT)
            x = block.mT @ x.mT
        pair = x.reshape(2, runs, size, samples).mT
    torque = torch.cat(torques[::-1]).imag.reshape(len(matrices), n_qubits, 3, runs)
    return _gradient(table, theta, torque), pair[1]


class _Table(NamedTuple):
    """All words of all layers as arrays; the shorter ones are filled up with turns by 0 about no axis."""

    parameter: np.ndarray  # int64, (n_layers, n_qubits, longest word); n_params where a word has ended
    axis: np.ndarray  # (n_layers, n_qubits, longest word, 3, 1): unit vectors, or zero
    in_order: bool  # parameters are 0, 1, 2, ... as in most circuits: nothing to look up


@lru_cache(maxsize=256)
def _table(program: Program, n_qubits: int, n_params: int) -> _Table:
    layers = layers_of(program, n_qubits)
    longest = max((len(word) for layer in layers for word in layer.words), default=0)
    parameter = np.full((len(layers), n_qubits, max(longest, 1)), n_params)
    axis = np.zeros((*parameter.shape, 3))
    for i, layer in enumerate(layers):
        for q, word in enumerate(layer.words):
            for j, (letter, k) in enumerate(word):
                parameter[i, q, j] = k
                axis[i, q, j, "XYZ".index(letter)] = 1
    in_order = np.array_equal(parameter.ravel(), np.arange(n_params))
    return _Table(parameter, axis[..., None], in_order)


# The small arrays below keep the runs last, where torch is fast.


def _angles(table: _Table, theta: Tensor) -> Tensor:
    """Return the angle of every turn, (n_layers, n_qubits, longest word, runs)."""
    if table.in_order:
        return theta.mT.contiguous().unflatten(0, table.parameter.shape)
    padded = torch.nn.functional.pad(theta, (0, 1)).mT
    return padded[torch.as_tensor(table.parameter, device=theta.device)]


def _matrices(table: _Table, theta: Tensor) -> Tensor:
    """Return each word as one matrix, multiplied as unit quaternions: (n_layers, n_qubits, 2, 2, runs).

    The quaternion (w, v) is the matrix ``w - i (v_x X + v_y Y + v_z Z)``.
    """
    half = (_angles(table, theta) / 2).unsqueeze(-2)
    turns = zip(half.cos().unbind(2), (half.sin() * like(table.axis, theta)).unbind(2), strict=True)
    w, v = reduce(_compose, turns)
    (w,), (x, y, z) = w.unbind(-2), v.unbind(-2)
    return torch.complex(torch.stack([w, -y, y, w], 2), torch.stack([-z, -x, -x, z], 2)).unflatten(2, (2, 2))


def _compose(first: tuple[Tensor, Tensor], then: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Multiply quaternions (w, v) of shapes (..., 1, runs) and (..., 3, runs)."""
    (a, u), (b, v) = first, then
    return a * b - (u * v).sum(-2, keepdim=True), a * v + b * u + torch.linalg.cross(v, u, dim=-2)


def _blocks(matrices: Tensor) -> list[Tensor]:
    """Return the Kronecker products of neighbouring qubits, (n, 2, 2, ...) -> a list of (..., d, d)."""
    parts = matrices.tensor_split(-(-len(matrices) // BLOCK))
    return [reduce(_kron, part).movedim((0, 1), (-2, -1)).contiguous() for part in parts]


def _kron(a: Tensor, b: Tensor) -> Tensor:
    return (a[:, None, :, None] * b[None, :, None, :]).flatten(0, 1).flatten(1, 2)


@lru_cache
def _torque_table(d: int) -> np.ndarray:
    """Return what turns the sums of ``lam_i conj(psi_j)`` into ``-<psi|P|lam>``, (3 * qubits, d * d)."""
    n = d.bit_length() - 1
    strings = [np.kron(np.kron(np.eye(2**q), P), np.eye(2 ** (n - 1 - q))) for q in range(n) for P in PAULIS]
    return -np.array(strings).conj().reshape(3 * n, d * d)


def _gradient(table: _Table, theta: Tensor, torque: Tensor) -> Tensor:
    """Walk each word backward: a derivative is the torque along its axis; undoing a turn turns the torque."""
    angles, axes = _angles(table, theta).unsqueeze(-2), like(table.axis, theta)
    turns = zip(axes.unbind(2), angles.cos().unbind(2), angles.sin().unbind(2), strict=True)
    found = []
    for axis, cosine, sine in reversed(list(turns)):
        along = (torque * axis).sum(-2, keepdim=True)  # (n_layers, n_qubits, 1, runs)
        found.append(along)
        kept = along * axis
        turned = torch.linalg.cross(torque, axis.expand_as(torque), dim=-2)
        torque = kept + cosine * (torque - kept) + sine * turned
    gradient = torch.cat(found[::-1], dim=-2).flatten(0, 2)
    if not table.in_order:
        parameter = torch.as_tensor(table.parameter.ravel(), device=theta.device)
        padded = theta.new_zeros(theta.shape[1] + 1, len(theta))
        gradient = padded.index_add_(0, parameter, gradient)[:-1]
    return gradient.mT
