r"""Expectations and their whole gradient by the adjoint method, in memory that does not grow with depth.

Let ``E = sum_i g_i <psi|O_i|psi>`` and ``lambda = sum_i g_i O_i psi``.  Right after the gate
``exp(-i theta P / 2)`` the derivative is ``dE/dtheta = Im <lambda|P|psi>`` (Jones and Gacon 2020).  So the
last state is all that is kept: the backward pass undoes the gates, last to first, on psi and lambda together,
and reads off one number a gate.

Programs of layers run in :mod:`qbp.layers`, those with Pauli strings on several qubits gate by gate, here.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from qbp import _checks
from qbp.layers import as_layers, run, undo
from qbp.observables import Observable
from qbp.statevector import Entangler, Program, entangle, evolve, flip

try:  # TODO(lead): plain `from qbp import native` once that module is there
    from qbp import native
except ImportError:
    native = None


def expectations(program: Program, theta: Tensor, state: Tensor, observables: Sequence[Observable]) -> Tensor:
    """Return the expectations of observables after a program of gates.

    One backward pass gives the gradient of any weighted sum of them.  Second derivatives (``create_graph``),
    ``torch.func``, forward mode and tensors without values take the plain path, unasked.

    Args:
        program: gates, first to last, whose parameter indices are below n_params.
        theta: angles in radians, real, shape (..., n_params).
        state: amplitudes before the gates, shape (..., 2**n); leading axes broadcast against `theta`.
        observables: m >= 1 observables on n qubits.

    Returns:
        Real, shape (..., m), in the precision of `theta`; differentiable in `theta` and `state`.

    Example:
        >>> from qbp.observables import PauliSum
        >>> from qbp.statevector import Rotation
        >>> theta, zero = torch.tensor([torch.pi / 2], requires_grad=True), torch.tensor([1.0, 0.0])
        >>> expectations((Rotation("Y", 0),), theta, zero, [PauliSum({"Z": 1.0})]).sum().backward()
        >>> theta.grad.round()  # of <Z> = cos(theta)
        tensor([-1.])
    """
    state, observables = state.to(theta.dtype.to_complex()), tuple(observables)
    held = [value for H in observables for value in getattr(H, "__dict__", {}).values()]
    learned = any(isinstance(value, Tensor) and value.requires_grad for value in held)  # as a target may be
    if learned or not _checks.reverse_mode_only(theta, state):
        return _plain(program, theta, state, observables)
    batch = torch.broadcast_shapes(theta.shape[:-1], state.shape[:-1])
    rows = _rows(theta, state, batch)
    if torch.is_grad_enabled() and (theta.requires_grad or state.requires_grad):
        values = _Adjoint.apply(*rows, program, observables)
    else:
        _, values = _forward(*rows, program, observables)
    return values.reshape(*batch, len(observables))


def _plain(program: Program, theta: Tensor, state: Tensor, observables: Sequence[Observable]) -> Tensor:
    psi = evolve(program, theta, state)
    return torch.stack([H.expectation(psi) for H in observables], dim=-1)


def _rows(theta: Tensor, state: Tensor, batch: torch.Size) -> tuple[Tensor, Tensor]:
    """Return `theta` as (runs, n_params) and `state` as (runs | 1, samples, 2**n); samples share angles."""
    own, given = ((1,) * (len(batch) + 1 - x.ndim) + x.shape[:-1] for x in (theta, state))
    split = max((axis + 1 for axis, size in enumerate(own) if size != 1), default=0)
    runs, samples = batch[:split], batch[split:]
    theta = theta.reshape(*own[:split], theta.shape[-1]).expand(*runs, -1)
    shared = all(size == 1 for size in given[:split])  # the runs start alike: no copies
    axes = (*(given[:split] if shared else runs), *samples)
    state = state.expand(*axes, -1).reshape(1 if shared else prod(runs), prod(samples), state.shape[-1])
    return theta.reshape(prod(runs), theta.shape[-1]), state


class _Adjoint(torch.autograd.Function):
    """The values, and behind them the final state, from which the backward pass starts."""

    @staticmethod
    def forward(
        ctx: Any, theta: Tensor, start: Tensor, program: Program, observables: Sequence[Observable]
    ) -> Tensor:
        final, values = _forward(theta, start, program, observables)
        torch_path = isinstance(final, Tensor)
        ctx.save_for_backward(theta, start, *((final,) if torch_path else ()))
        ctx.rest = program, observables, None if torch_path else final
        return values

    @staticmethod
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor | None, ...]:
        theta, start, *kept = ctx.saved_tensors
        program, observables, final = ctx.rest
        if torch.is_grad_enabled():  # create_graph: this gradient is to be differentiated
            inputs = theta.view_as(theta), start.view_as(start)  # apart, also if one was made of the other
            wanted = [x for x, wants in zip(inputs, ctx.needs_input_grad[:2], strict=True) if wants]
            values = _plain(program, inputs[0].unsqueeze(1), inputs[1], observables)
            found = iter(torch.autograd.grad(values, wanted, weights, create_graph=True))
            return *(next(found) if wants else None for wants in ctx.needs_input_grad[:2]), None, None
        final = kept[0] if kept else final
        of_theta, of_start = _backward(
            theta, start, program, observables, final, weights, ctx.needs_input_grad[1]
        )
        return of_theta, of_start, None, None


def _engine(*arguments: Any) -> Any:
    """Return the native path if it supports (program, n_qubits, theta, observables), else None: torch."""
    return native if native and native.supports(*arguments) else None


def _forward(
    theta: Tensor, start: Tensor, program: Program, observables: Sequence[Observable]
) -> tuple[Any, Tensor]:
    """Return the final state, a tensor unless the path is native, and the values, (runs, samples, m)."""
    n_qubits = start.shape[-1].bit_length() - 1
    if engine := _engine(program, n_qubits, theta, observables):
        final = engine.forward(program, *_flat(theta, start))
        return final, engine.values(final, observables).unflatten(0, (len(theta), start.shape[1]))
    layered = as_layers(program, n_qubits)
    psi = run(program, theta, start) if layered else evolve(program, theta.unsqueeze(1), start)
    return psi, torch.stack([H.expectation(psi) for H in observables], dim=-1)


def _backward(
    theta: Tensor,
    start: Tensor,
    program: Program,
    observables: Sequence[Observable],
    final: Any,
    weights: Tensor,
    want_start: bool,
) -> tuple[Tensor, Tensor | None]:
    """Return the gradients of ``sum_i weights_i <O_i>`` in `theta` and, if wanted, in `start`."""
    if not isinstance(final, Tensor):
        flat, _ = _flat(theta, start)
        of_theta, of_start = native.backward(final, flat, observables, weights.flatten(0, 1), want_start)
        of_theta = of_theta.unflatten(0, weights.shape[:2]).sum(1)
        of_start = of_start.unflatten(0, weights.shape[:2]) if want_start else None
    else:
        each = weights.unsqueeze(-1).unbind(-2)  # (runs, samples, 1)
        lam = sum(weight * H.apply(final) for weight, H in zip(each, observables, strict=True))
        layered = as_layers(program, start.shape[-1].bit_length() - 1)
        of_theta, lam = (undo if layered else _undo_gates)(program, theta, final, lam)
        of_start = 2 * lam if want_start else None  # torch's convention for a complex tensor
    return of_theta, of_start.sum_to_size(start.shape) if want_start else None


def _flat(theta: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Return angles for every sample of every run, and starts likewise unless they all share one."""
    runs, samples = len(theta), start.shape[1]
    theta = theta.unsqueeze(1).expand(-1, samples, -1).flatten(0, 1)
    return theta, start[0] if len(start) == samples == 1 else start.expand(runs, -1, -1).flatten(0, 1)


def _undo_gates(program: Program, theta: Tensor, psi: Tensor, lam: Tensor) -> tuple[Tensor, Tensor]:
    """Do what :func:`qbp.layers.undo` does, for any program, gate by gate."""
    cosines, sines = (f(theta / 2)[..., None, None].unbind(1) for f in (torch.cos, torch.sin))  # (runs, 1, 1)
    gradient, pair = torch.zeros_like(theta), torch.stack([psi, lam])
    for gate in reversed(program):
        if isinstance(gate, Entangler):
            pair = entangle(gate._replace(pairs=gate.pairs[::-1]), pair)
            continue
        phase, flipped = flip(gate.pauli, pair)
        overlap = torch.linalg.vecdot(pair[1].flatten(1), flipped[0].flatten(1))
        gradient[:, gate.parameter] += (phase * overlap).imag  # tied angles add up
        pair = cosines[gate.parameter] * pair + (1j * phase * sines[gate.parameter]) * flipped
    return gradient, pair[1]
