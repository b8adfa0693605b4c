r"""State vectors: :func:`evolve` applies a program of gates (:mod:`qbp.circuits.gates`) to a batch of states.

States are tensors of shape (..., 2**n).  Qubit 0 is the most significant bit of the index: of two qubits, the
amplitude of ``|01>`` (qubit 1 excited) has index 1.  Nothing here knows about layers; see
:mod:`qbp.circuits.ansatz`.
"""

from functools import reduce

import numpy as np
import torch
from torch import Tensor

from qbp.circuits.gates import Entangler, Program, Rotation, entangler_table, pauli_signs, untied


def evolve(program: Program, theta: Tensor, state: Tensor) -> Tensor:
    """Apply the gates of `program`, first to last.

    This is the one place where amplitudes move.  It is plain torch: differentiable any number of times in
    `theta` and `state`, on any device, under ``torch.func``.

    Args:
        program: gates whose parameter indices are below n_params; see :mod:`qbp.circuits.gates`.
        theta: angles in radians, real, shape (..., n_params).
        state: amplitudes, shape (..., 2**n); its leading axes broadcast against those of `theta`.

    Returns:
        Amplitudes, shape (..., 2**n), complex128 for float64 `theta` and complex64 for float32.

    Example:
        >>> evolve((Rotation("X", 0),), torch.tensor([torch.pi]), torch.tensor([1.0, 0.0])).abs().round()
        tensor([0., 1.])
    """
    program, theta = own_angles(program, theta)
    batch = torch.broadcast_shapes(theta.shape[:-1], state.shape[:-1])
    state = state.to(theta.dtype.to_complex()).expand(*batch, -1)
    cosines, sines = (f(theta / 2).unsqueeze(-1).unbind(-2) for f in (torch.cos, torch.sin))  # each (..., 1)
    for gate in program:
        if isinstance(gate, Rotation):
            assert gate.parameter is not None  # each angle is an entry of theta now
            phase, flipped = flip(gate.pauli, state)
            state = cosines[gate.parameter] * state + (-1j * phase * sines[gate.parameter]) * flipped
        else:
            state = entangle(gate, state)
    return state


def own_angles(program: Program, theta: Tensor) -> tuple[Program, Tensor]:
    """Return a program whose angles are entries of a vector as they stand, and that vector.

    This is the one place where ``scale * theta[k] + offset`` is computed in torch; a program that asks for no
    such angle comes back as it is.

    Args:
        program: gates; see :mod:`qbp.circuits.gates`.
        theta: angles in radians, real, shape (..., n_params).

    Example:
        >>> own_angles(Program([Rotation("X", 0, 2.0, 0.5)]), torch.tensor([1.0]))[1]
        tensor([2.5000])
    """
    alone = untied(program)
    if alone.as_given:
        return program, theta
    parameter, scale, offset = (
        torch.as_tensor(x, device=theta.device) for x in (alone.parameter, alone.scale, alone.offset)
    )
    if theta.shape[-1] == 0:  # every gate is fixed
        return alone.program, offset.to(theta.dtype).expand(*theta.shape[:-1], -1)
    return alone.program, theta[..., parameter] * scale.to(theta.dtype) + offset.to(theta.dtype)


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
