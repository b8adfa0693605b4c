"""Native CPU path: a program of gates as tables of the kernel, tensors as its vectors, and back.

The kernel (``qbp/circuits/kernel/loops.py``) is used where it can be: layers of single-qubit rotations with
an angle each, Pauli sums and projectors, float32 or float64 on the CPU, numba installed (the extra `fast`).
Everything else takes the torch path of :mod:`qbp.circuits.adjoint`, which computes the same numbers.
``QBP_KERNEL=torch`` in the environment switches the kernel off.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks
from qbp.circuits.kernel import plan as kernel_plan
from qbp.circuits.observables import Observable, PauliSum, Projector

if TYPE_CHECKING:
    from qbp.circuits.gates import Program

TEAM = 13  # qubits from which threads share one state
SERIAL = 500_000  # vector operations below which other threads do not pay
_compiled: set[tuple[str, str]] = set()  # what has run in this process


def available() -> bool:
    """Whether the kernel may be used here: numba is installed and nothing switched it off."""
    wanted = _checks.choice("QBP_KERNEL", os.environ.get("QBP_KERNEL", "native"), ("native", "torch"))
    return wanted == "native" and kernel_plan.kernel() is not None


def name() -> str:
    """What computes expectations here: "torch", or "native" with the width of its vectors."""
    return f"native ({kernel_plan.kernel().BYTES * 8}-bit vectors)" if available() else "torch"


def supports(program: "Program", n_qubits: int, theta: Tensor, observables: Sequence[Observable]) -> bool:
    """Whether the kernel computes these expectations."""
    return (
        theta.device.type == "cpu"
        and theta.dtype in (torch.float32, torch.float64)
        and theta.numel() > 0
        and kernel_plan.angles(program, n_qubits) == theta.shape[-1]
        and all(type(H) in (PauliSum, Projector) for H in observables)
        and available()
    )


class Evolution:
    """States of a batch after the circuit, kept in the kernel's vectors; values, then gradients.

    Args:
        program: layers of single-qubit rotations, see :func:`supports`.
        theta: angles in radians, (B, n_params), float32 or float64, on the CPU.
        qubits: amplitudes of each qubit in the product state before the gates, (n, 2), complex.
        observables: Pauli sums and projectors, m of them.
    """

    def __init__(
        self, program: "Program", theta: Tensor, qubits: Tensor, observables: tuple[Observable, ...]
    ) -> None:
        n_qubits, angles = len(qubits), theta.numpy()
        self.size = B = len(angles)
        single, team = _form(B, n_qubits, angles.dtype)
        self.plan = plan = kernel_plan.plan(program, n_qubits, angles.dtype.char, single, team)
        self.terms, self.m = kernel_plan.terms(
            observables, n_qubits, angles.dtype.char, plan.V if single else 1
        )
        self.start = kernel_plan.start(qubits.numpy().tobytes(), angles.dtype.char, plan.V)
        self.groups = G = B if single else -(-B // plan.V)
        self.threads = min(torch.get_num_threads(), G) if G * plan.work > SERIAL and team == 1 else 1
        room, own, shared = plan.sizes
        self.room, self.work = plan.empty(G * room), plan.empty(self.threads, own * team + shared)
        half = self.room[: 2 * G * plan.n_params].reshape(G, plan.n_params, 2, plan.V)
        angles = self._lanes(angles / 2)
        np.cos(angles, out=half[:, :, 0])
        np.sin(angles, out=half[:, :, 1])
        self.values = self._forward()

    def _forward(self) -> np.ndarray:
        plan, self.fresh = self.plan, True
        values = np.empty((plan.team, self.groups, self.m, plan.V), plan.dtype)
        self._run(kernel_plan.kernel().forward, self.start, values)
        return values.sum(0) if plan.team > 1 else values[0]

    def expectations(self) -> Tensor:
        """Return the value of every observable in every state, (B, m)."""
        return torch.from_numpy(self._samples(self.values))

    def gradient(self, weights: Tensor) -> Tensor:
        """Return the gradient of ``sum_i weights_i <O_i>`` by theta, (B, n_params), for weights (B, m)."""
        if not self.fresh:  # an earlier call carried the states back to the start
            self._forward()
        plan, self.fresh = self.plan, False
        gradient = plan.empty(self.groups, plan.n_params)
        lanes = np.ascontiguousarray(self._lanes(weights.numpy()))
        applied = self.m == 1 and self.threads == self.groups  # O psi still lies where lambda goes
        self._run(kernel_plan.kernel().backward, lanes, applied, gradient)
        return torch.from_numpy(self._samples(gradient))

    def _run(self, entry: Callable, *rest: Any) -> None:
        """Call an entry of the kernel: over groups side by side, or with a team of threads on each state."""
        plan, threads, G = self.plan, self.threads, self.groups
        rest = (np.zeros(1, np.int64), G, *plan.tables, *self.terms, self.room, self.work, *rest)
        if plan.team > 1:
            calls = [(0, G, 0, part) for part in range(plan.team)]
        else:
            calls = [(G * i // threads, G * (i + 1) // threads, i, 0) for i in range(threads)]
        known = (entry.__name__, plan.dtype.char) in _compiled
        with contextlib.nullcontext() if known else _compiling(entry.__name__, plan.dtype.char):
            waiting = [_pool(len(calls) - 1).submit(entry, *call, *rest) for call in calls[1:]]
            entry(*calls[0], *rest)
        for job in waiting:
            job.result()

    def _lanes(self, array: np.ndarray) -> np.ndarray:
        """Return (B, k) as (G, k, V): a lane is a sample, or all lanes are one."""
        if self.plan.lane_bits:
            return np.repeat(array[:, :, None], self.plan.V, axis=2)
        if len(array) < (size := self.groups * self.plan.V):
            padded = np.zeros((size, array.shape[1]), self.plan.dtype)
            padded[: len(array)] = array
            array = padded
        return array.reshape(self.groups, self.plan.V, -1).transpose(0, 2, 1)

    def _samples(self, array: np.ndarray) -> np.ndarray:
        """Return (G, k, V) as (B, k): the lanes, or their sum."""
        if self.plan.lane_bits:
            return array.sum(-1)
        return array.transpose(0, 2, 1).reshape(-1, array.shape[1])[: self.size]


@contextlib.contextmanager
def _compiling(entry: str, precision: str) -> Iterator[None]:
    """Say what keeps the first call: numba compiles, and then finds what it compiled on disk."""
    text = f"qbp: compiling the {entry} pass for {np.dtype(precision)}, once on this machine (seconds) ..."
    timer = threading.Timer(2.0, print, [text], {"file": sys.stderr, "flush": True})
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    _compiled.add((entry, precision))


@lru_cache(maxsize=8)
def _pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="qbp")


if hasattr(os, "register_at_fork"):  # a forked process has the pool, but not its threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _form(size: int, n_qubits: int, dtype: np.dtype) -> tuple[bool, int]:
    """Whether a state fills the vectors, rather than samples side by side; and how many threads share it."""
    V, threads = kernel_plan.kernel().lanes(dtype), torch.get_num_threads()
    single = 2 * size < V and n_qubits > V.bit_length()
    return single, threads if single and n_qubits >= TEAM and size < threads else 1
