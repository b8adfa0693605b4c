r"""Expectations and their whole gradient by the adjoint method, in memory that does not grow with depth.

Let ``E = sum_i g_i <psi|O_i|psi>`` and ``lambda = sum_i g_i O_i psi``.  Right after the gate
``exp(-i theta P / 2)`` the derivative is ``dE/dtheta = Im <lambda|P|psi>`` (Jones and Gacon 2020).  So the
last state is all that is kept: the backward pass undoes the gates, last to first, on psi and lambda together,
and reads off one number a gate.

Three paths compute the same numbers.  On a CPU with numba any program runs in
:mod:`qbp.circuits.kernel.evolution`; else programs of layers run in :mod:`qbp.circuits.layers`, and those
with Pauli strings on several qubits gate by gate, here.
"""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks
from qbp.circuits.gates import Entangler, Program
from qbp.circuits.kernel import evolution as native
from qbp.circuits.layers import as_layers, run, undo
from qbp.circuits.statevector import entangle, evolve, flip, own_angles, product_state
from qbp.problem import gradients

if TYPE_CHECKING:
    from qbp.circuits.observables import Observable


def expectations(
    program: Program,
    theta: Tensor,
    start: Tensor,
    observables: Sequence["Observable"],
    *,
    product: bool = False,
    inputs: Tensor | None = None,
) -> Tensor:
    """Return the expectations of observables after a program of gates.

    One backward pass gives the gradient of any weighted sum of them.  Second derivatives (``create_graph``),
    ``torch.func``, forward mode and tensors without values take the plain path, unasked.

    Args:
        program: gates, first to last, whose parameter indices are below n_params.
        theta: angles in radians, real, shape (..., n_params).
        start: amplitudes before the gates, shape (..., 2**n); leading axes broadcast against `theta`.
        observables: m >= 1 observables on n qubits.
        product: `start` holds the amplitudes of each qubit of a product state instead, shape (..., n, 2).
        inputs: features, shape (..., samples, n_features), in the precision of `theta`: the first angles of
            the program, before those of `theta`, which all samples share.

    Returns:
        Real, shape (..., m), or (..., samples, m) with `inputs`, in the precision of `theta`; differentiable
        in `theta`, `start` and `inputs`.

    Example:
        >>> from qbp.circuits.observables import PauliSum
        >>> from qbp.circuits.gates import Rotation
        >>> theta, zero = torch.tensor([torch.pi / 2], requires_grad=True), torch.tensor([1.0, 0.0])
        >>> expectations((Rotation("Y", 0),), theta, zero, [PauliSum({"Z": 1.0})]).sum().backward()
        >>> theta.grad.round()  # of <Z> = cos(theta)
        tensor([-1.])
    """
    start, observables = start.to(theta.dtype.to_complex()), tuple(observables)
    held = [value for H in observables for value in getattr(H, "__dict__", {}).values()]
    learned = any(isinstance(value, Tensor) and value.requires_grad for value in held)  # as a target may be
    tensors = (theta, start) if inputs is None else (theta, start, inputs)
    plain = learned or not _checks.reverse_mode_only(*tensors)
    alike = product and start.ndim == 2 and not start.requires_grad
    if alike and not plain and native.supports(program, observables[0].n_qubits, theta, observables):
        return _Kernel.apply(theta, inputs, start, program, observables)
    program, theta = own_angles(program, _angles(theta, inputs))
    state = product_state(start) if product else start
    if plain:
        return _plain(program, theta, state, observables)
    batch, angles, starts = _rows(theta, state)
    if torch.is_grad_enabled() and (theta.requires_grad or state.requires_grad):
        return _Adjoint.apply(angles, starts, program, observables, batch)
    _, values = _forward(angles, starts, program, observables, batch)
    return values


def value_and_gradient(
    program: Program, theta: Tensor, qubits: Tensor, H: "Observable"
) -> tuple[Tensor, Tensor]:
    """Return the expectation of one observable and its gradient by theta, (...) and (..., n_params).

    Args:
        program, theta: as for :func:`expectations`.
        qubits: amplitudes of each qubit of the product state before the gates, shape (n, 2).
        H: the observable.

    Example:
        >>> from qbp.circuits.observables import Projector
        >>> from qbp.circuits.gates import Rotation
        >>> zero = torch.tensor([[1.0, 0.0]])
        >>> value_and_gradient((Rotation("Y", 0),), torch.tensor([0.0]), zero, Projector(1))[0]
        tensor(1.)
    """
    qubits = qubits.to(theta.dtype.to_complex())
    plain = torch._C._are_functorch_transforms_active() or not _checks.has_values(theta)
    if not plain and native.supports(program, H.n_qubits, theta, (H,)):
        angles, shape = native.array(theta), theta.shape
        rows = angles[None] if angles.ndim == 1 else angles.reshape(-1, shape[-1])
        values, slopes = native.value_and_gradient(program, rows, native.array(qubits), (H,))
        return torch.from_numpy(values.reshape(shape[:-1])), torch.from_numpy(slopes.reshape(shape))
    with gradients():
        at = theta.detach().clone().requires_grad_()
        value = expectations(program, at, qubits, [H], product=True)[..., 0]
        if not value.requires_grad:  # every gate is fixed
            return value, torch.zeros_like(at)
        return value.detach(), torch.autograd.grad(value.sum(), at, materialize_grads=True)[0]


def _values(psi: Tensor, observables: tuple["Observable", ...]) -> Tensor:
    """Return the expectations in states (..., 2**n), (..., m); own targets may add axes."""
    return torch.stack(torch.broadcast_tensors(*[H.expectation(psi) for H in observables]), dim=-1)


def _plain(program: Program, theta: Tensor, state: Tensor, observables: tuple["Observable", ...]) -> Tensor:
    return _values(evolve(program, theta, state), observables)


def _again(
    theta: Tensor,
    start: Tensor,
    program: Program,
    observables: tuple["Observable", ...],
    weights: Tensor,
    wants: Sequence[bool],
    batch: torch.Size | None = None,
) -> list[Tensor | None]:
    """Return the gradients by angles and start state where wanted, such that they can be differentiated."""
    inputs = theta.view_as(theta), start.view_as(start)  # apart, also if one was made of the other
    wanted = [x for x, wants_it in zip(inputs, wants, strict=True) if wants_it]
    psi = evolve(program, *inputs)
    values = _values(psi if batch is None else psi.reshape(*batch, -1), observables)
    found = iter(torch.autograd.grad(values, wanted, weights, create_graph=True))
    return [next(found) if wants_it else None for wants_it in wants]


def _refuse_batched(weights: Tensor) -> None:
    """Raise NotImplementedError for weights that stand for several: torch takes none of them here."""
    if torch._C._functorch.is_legacy_batchedtensor(weights):
        raise NotImplementedError(
            "a circuit takes no several gradients at once (is_grads_batched, jacobian with vectorize=True); "
            "torch.func.jacrev gives the same"
        )


class _Kernel(torch.autograd.Function):
    """The native path: angles (..., n_params), features (..., samples, n_features) or none, and one product
    state for all, (n, 2).
    """

    @staticmethod
    def forward(
        ctx: Any,
        theta: Tensor,
        inputs: Tensor | None,
        qubits: Tensor,
        program: Program,
        observables: tuple["Observable", ...],
    ) -> Tensor:
        angles = native.array(_angles(theta, inputs))
        rows = angles.reshape(-1, angles.shape[-1])
        evolution = native.Evolution(program, rows, native.array(qubits), observables)
        if any(ctx.needs_input_grad[:2]):
            ctx.save_for_backward(theta, inputs)
            ctx.rest = qubits, program, observables, evolution
        values = torch.from_numpy(evolution.expectations())
        return values.reshape(*angles.shape[:-1], len(observables))

    @staticmethod
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor | None, ...]:
        _refuse_batched(weights)
        theta, inputs = ctx.saved_tensors
        qubits, program, observables, evolution = ctx.rest
        if torch.is_grad_enabled():  # create_graph: this gradient is to be differentiated
            angles, state = _angles(theta, inputs), product_state(qubits)
            found, _ = _again(angles, state, program, observables, weights, (True, False))
            assert found is not None
        else:
            gradient = evolution.gradient(native.array(weights).reshape(-1, len(observables)))
            found = torch.from_numpy(gradient).reshape(*weights.shape[:-1], -1)
        if inputs is None:
            return found, *[None] * 4
        of_inputs, of_theta = found.split([inputs.shape[-1], theta.shape[-1]], -1)
        of_theta = of_theta.sum_to_size(theta.unsqueeze(-2).shape).squeeze(-2)  # samples add up
        return of_theta, of_inputs.sum_to_size(inputs.shape), *[None] * 3


def _angles(theta: Tensor, inputs: Tensor | None) -> Tensor:
    """Return the angles of each sample, (..., samples, n_features + n_params), or `theta` without inputs."""
    if inputs is None:
        return theta
    theta = theta.unsqueeze(-2)
    batch = np.broadcast_shapes(theta.shape[:-1], inputs.shape[:-1])
    return torch.cat([inputs.expand(*batch, -1), theta.expand(*batch, -1)], -1)


class _Adjoint(torch.autograd.Function):
    """The torch path: the values, and behind them the final state, from which the backward pass starts."""

    @staticmethod
    def forward(
        ctx: Any,
        theta: Tensor,
        start: Tensor,
        program: Program,
        observables: tuple["Observable", ...],
        batch: torch.Size,
    ) -> Tensor:
        final, values = _forward(theta, start, program, observables, batch)
        ctx.save_for_backward(theta, start, final)
        ctx.rest = program, observables, batch
        return values

    @staticmethod
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor | None, ...]:
        _refuse_batched(weights)
        theta, start, final = ctx.saved_tensors
        program, observables, batch = ctx.rest
        wants = ctx.needs_input_grad[:2]
        if torch.is_grad_enabled():
            again = _again(theta.unsqueeze(1), start, program, observables, weights, wants, batch)
            return again[0] if again[0] is None else again[0].squeeze(1), again[1], *[None] * 3
        of_theta, of_start = _backward(theta, final, program, observables, weights, batch)
        return of_theta.contiguous(), of_start.sum_to_size(start.shape) if wants[1] else None, *[None] * 3


def _rows(theta: Tensor, state: Tensor) -> tuple[torch.Size, Tensor, Tensor]:
    """Return the batch, `theta` as (runs, n_params) and `state` as (runs | 1, samples, 2**n).

    The samples of a run share its angles.
    """
    batch = torch.broadcast_shapes(theta.shape[:-1], state.shape[:-1])
    own, given = ((1,) * (len(batch) + 1 - x.ndim) + x.shape[:-1] for x in (theta, state))
    split = max((axis + 1 for axis, size in enumerate(own) if size != 1), default=0)
    runs, samples = batch[:split], batch[split:]
    theta = theta.reshape(*own[:split], theta.shape[-1]).expand(*runs, -1)
    shared = all(size == 1 for size in given[:split])  # the runs start alike: no copies
    axes = (*(given[:split] if shared else runs), *samples)
    state = state.expand(*axes, -1).reshape(1 if shared else prod(runs), prod(samples), state.shape[-1])
    return batch, theta.reshape(prod(runs), theta.shape[-1]), state


def _forward(
    theta: Tensor,
    start: Tensor,
    program: Program,
    observables: tuple["Observable", ...],
    batch: torch.Size,
) -> tuple[Tensor, Tensor]:
    """Return the final state, (runs, samples, 2**n), and the values, (*batch, m).

    An observable that has a target for each run finds the runs along the first axis of the batch.
    """
    layered = as_layers(program, observables[0].n_qubits)
    psi = run(program, theta, start) if layered else evolve(program, theta.unsqueeze(1), start)
    return psi, _values(psi.reshape(*batch, psi.shape[-1]), observables)


def _backward(
    theta: Tensor,
    final: Tensor,
    program: Program,
    observables: tuple["Observable", ...],
    weights: Tensor,
    batch: torch.Size,
) -> tuple[Tensor, Tensor]:
    """Return the gradients of ``sum_i weights_i <O_i>`` in `theta` and in the start state."""
    each, psi = weights.unsqueeze(-1).unbind(-2), final.reshape(*batch, final.shape[-1])  # (*batch, 1)
    lam: Any = sum(weight * H.apply(psi) for weight, H in zip(each, observables, strict=True))
    lam = lam.sum_to_size(psi.shape).reshape(final.shape)
    layered = as_layers(program, observables[0].n_qubits)
    of_theta, lam = (undo if layered else _undo_gates)(program, theta, final, lam)
    return of_theta, 2 * lam  # torch's convention for a complex tensor


def _undo_gates(program: Program, theta: Tensor, psi: Tensor, lam: Tensor) -> tuple[Tensor, Tensor]:
    """Do what :func:`qbp.circuits.layers.undo` does, for any program, gate by gate."""
    cosines, sines = (f(theta / 2)[..., None, None].unbind(1) for f in (torch.cos, torch.sin))  # (runs, 1, 1)
    gradient, pair = torch.zeros_like(theta), torch.stack([psi, lam])
    for gate in reversed(program):
        if isinstance(gate, Entangler):
            pair = entangle(gate._replace(pairs=gate.pairs[::-1]), pair)
            continue
        assert gate.parameter is not None  # each angle is an entry of theta here
        phase, flipped = flip(gate.pauli, pair)
        overlap = torch.linalg.vecdot(pair[1].flatten(1), flipped[0].flatten(1))
        gradient[:, gate.parameter] += (phase * overlap).imag  # tied angles add up
        pair = cosines[gate.parameter] * pair + (1j * phase * sines[gate.parameter]) * flipped
    return gradient, pair[1]
