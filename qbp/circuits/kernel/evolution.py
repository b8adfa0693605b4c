"""Native CPU path: a program of gates as tables of the kernel, tensors as its vectors, and back.

The kernel (``qbp/circuits/kernel/loops.py``) is used where it can be: any program whose tables fit into
memory, Pauli sums and projectors, float32 or float64 on the CPU, numba installed (the extra `fast`).
Everything else takes the torch path of :mod:`qbp.circuits.adjoint`, which computes the same numbers.
``QBP_KERNEL=torch`` in the environment switches the kernel off.

A value and its gradient hold two states, psi and lambda; a third where CNOTs permute amplitudes; and half a
state for each set of three Pauli strings or more, in an observable, that flip the same qubits, such as all
its ZZ.  Other tables are shorter by the lanes of a vector at least.

Threads of Python may share all of this: each evolution carries its states back for one of them at a time.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor

from qbp import _checks
from qbp.circuits.gates import Program, Rotation
from qbp.circuits.kernel import loading
from qbp.circuits.kernel import plan as kernel_plan
from qbp.circuits.kernel.preparation import prepared
from qbp.circuits.observables import Observable, PauliSum, Projector

PATIENCE = 2.0  # seconds until it is said that numba compiles


def available() -> bool:
    """Whether the kernel may be used here: numba is installed and nothing switched it off."""
    wanted = _checks.choice("QBP_KERNEL", os.environ.get("QBP_KERNEL", "native"), ("native", "torch"))
    return wanted == "native" and kernel_plan.kernel() is not None


def name() -> str:
    """What computes expectations here: "torch", or "native" with the width of its vectors.

    In brackets follows what is not as usual, as :class:`qbp.circuits.kernel.loading.KernelWarning` says it.
    """
    used = f"native ({kernel_plan.kernel().BYTES * 8}-bit vectors)" if available() else "torch"
    remark = loading.LOOPS.remark
    return f"{used} ({remark})" if remark else used


def supports(program: Program, n_qubits: int, theta: Tensor, observables: Sequence[Observable]) -> bool:
    """Whether the kernel computes these expectations."""
    return (
        theta.device.type == "cpu"
        and theta.dtype in (torch.float32, torch.float64)
        and theta.numel() > 0
        and kernel_plan.takes(program, n_qubits)
        and all(type(H) in (PauliSum, Projector) for H in observables)
        and available()
        and _works("f" if theta.dtype == torch.float32 else "d")
    )


def array(tensor: Tensor) -> np.ndarray:
    """Return the numbers of a tensor on the CPU; of a lazy conjugate or negative, what it stands for."""
    return tensor.detach().resolve_conj().resolve_neg().numpy()


@cache
def _works(char: str) -> bool:
    """Compile or load the loops of a precision; whether they give cos(1) and -sin(1) where they should."""
    program, zero = Program([Rotation("Y", 0)]), np.array([[1.0, 0.0]], char).astype(char.upper())
    while kernel_plan.kernel() is not None:
        try:
            with _compiling(char):
                evolution = Evolution(program, np.ones((1, 1), char), zero, (PauliSum({"Z": 1.0}),))
                values = evolution.expectations(), evolution.gradient(np.ones((1, 1), char))
            if not np.allclose(np.ravel(values), [np.cos(1), -np.sin(1)], rtol=0, atol=1e-5):
                raise ArithmeticError(f"the loops for {np.dtype(char)} give wrong values")
            return True
        except Exception as error:  # a cache that cannot be read or written, a compiler that cannot compile
            loading.LOOPS.give_up(error)
    return False


class Evolution:
    """States of a batch after the circuit, kept in the kernel's vectors; values, then gradients.

    Args:
        program: gates, see :func:`supports`.
        theta: angles in radians, (B, n_params), float32 or float64.
        qubits: amplitudes of each qubit in the product state before the gates, (n, 2), complex.
        observables: Pauli sums and projectors, m of them.
    """

    def __init__(
        self, program: Program, theta: np.ndarray, qubits: np.ndarray, observables: tuple[Observable, ...]
    ) -> None:
        self.theta = np.ascontiguousarray(theta)
        self.prepared = prepared(program, observables, theta, qubits, team=True)
        self.memory = self.prepared.room()
        self._lock = threading.Lock()  # of the memory, which the backward pass overwrites
        self.values = self._forward()

    def _forward(self) -> np.ndarray:
        p = self.prepared
        values = np.empty((p.plan.team, p.size, p.m), p.plan.dtype)
        p.run("forward", self.theta, self.memory, values=values)
        self.fresh = True
        return values.sum(0) if p.plan.team > 1 else values[0]

    def expectations(self) -> np.ndarray:
        """Return the value of every observable in every state, (B, m)."""
        return self.values

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        """Return the gradient of ``sum_i weights_i <O_i>`` by theta, (B, n_params), for weights (B, m)."""
        p, gradient = self.prepared, np.empty_like(self.theta)
        both = np.broadcast_to(weights, (2, p.size, p.m)).copy()
        applied = p.m == 1 and p.threads == p.groups  # O psi still lies where lambda goes
        with self._lock:
            if not self.fresh:  # an earlier call carried the states back to the start
                self._forward()
            self.fresh = False
            p.run("backward", self.theta, self.memory, weights=both, applied=applied, gradient=gradient)
        return gradient


def value_and_gradient(
    program: Program, theta: np.ndarray, qubits: np.ndarray, observables: tuple[Observable, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of all expectations, (B,), and its gradient by theta, (B, n_params), in one call.

    Arguments as for :class:`Evolution`.
    """
    theta = np.ascontiguousarray(theta)
    p = prepared(program, observables, theta, qubits, team=True)
    if p.plan.team > 1:
        evolution = Evolution(program, theta, qubits, observables)
        return evolution.values.sum(-1), evolution.gradient(np.ones_like(evolution.values))
    dtype, shape = p.plan.dtype, (p.size, p.m)
    losses, gradient = np.empty(p.size, dtype), np.empty_like(theta)
    values, weights = np.empty((1, *shape), dtype), np.ones((2, *shape), dtype)
    memory = p.take()
    p.run("both", theta, memory, values=values, weights=weights, linear=p.m, losses=losses, gradient=gradient)
    p.leave(memory)
    return losses, gradient


@contextlib.contextmanager
def _compiling(precision: str) -> Iterator[None]:
    """Say what keeps the first call when numba compiles; it is silent where compiled code is read from disk.

    On a busy machine reading may take as long as compiling does on another, so time does not tell.
    """
    before, done = _compiled(), threading.Event()

    def watch() -> None:
        while not done.wait(PATIENCE):
            if _compiled() > before:
                text = (
                    f"qbp: compiling the kernel for {np.dtype(precision)}, once on this machine (seconds) ..."
                )
                print(text, file=sys.stderr, flush=True)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _compiled() -> int:
    """Return how often this process compiled or began to compile the loops."""
    stats = getattr(getattr(kernel_plan.kernel(), "evolve", None), "stats", None)
    return 0 if stats is None else sum(stats.cache_misses.values())
