"""Native CPU path: a program of gates as tables of the kernel, tensors as its vectors, and back.

The kernel (``qbp/circuits/kernel/loops.py``) is used where it can be: layers of single-qubit rotations with
an angle each, Pauli sums and projectors, float32 or float64 on the CPU, numba installed (the extra `fast`).
Everything else takes the torch path of :mod:`qbp.circuits.adjoint`, which computes the same numbers.
``QBP_KERNEL=torch`` in the environment switches the kernel off.

Threads of Python may share all of this: each evolution carries its states back for one of them at a time, and
teams (threads that share a state, and wait for each other) run one after another.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks
from qbp._threads import most
from qbp.circuits.gates import Program, Rotation
from qbp.circuits.kernel import loading
from qbp.circuits.kernel import plan as kernel_plan
from qbp.circuits.observables import Observable, PauliSum, Projector

TEAM = 13  # qubits from which threads share one state
SERIAL = 500_000  # vector operations below which other threads do not pay
LONG = 50_000_000  # vector operations, tenths of a second, for which Ctrl-C does not wait


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
        and kernel_plan.angles(program, n_qubits) == theta.shape[-1]
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
        program: layers of single-qubit rotations, see :func:`supports`.
        theta: angles in radians, (B, n_params), float32 or float64.
        qubits: amplitudes of each qubit in the product state before the gates, (n, 2), complex.
        observables: Pauli sums and projectors, m of them.
    """

    def __init__(
        self, program: Program, theta: np.ndarray, qubits: np.ndarray, observables: tuple[Observable, ...]
    ) -> None:
        n_qubits, angles = len(qubits), theta
        self.size = B = len(angles)
        single, team = _form(B, n_qubits, angles.dtype)
        self.plan = plan = kernel_plan.plan(program, n_qubits, angles.dtype.char, single, team)
        self.terms, self.m = kernel_plan.terms(
            observables, n_qubits, angles.dtype.char, plan.V if single else 1
        )
        self.start = kernel_plan.start(qubits.tobytes(), angles.dtype.char, plan.V)
        self.groups = G = B if single else -(-B // plan.V)
        self.threads = min(most(), G) if G * plan.work > SERIAL and team == 1 else 1
        room, own, shared = plan.sizes
        self.room, self.work = plan.empty(G * room), plan.empty(self.threads, own * team + shared)
        half = self.room[: 2 * G * plan.n_params].reshape(G, plan.n_params, 2, plan.V)
        angles = self._lanes(angles / 2)
        np.cos(angles, out=half[:, :, 0])
        np.sin(angles, out=half[:, :, 1])
        self._lock = threading.Lock()  # of room and work, which the backward pass overwrites
        self.values = self._forward()

    def _forward(self) -> np.ndarray:
        plan = self.plan
        values = np.empty((plan.team, self.groups, self.m, plan.V), plan.dtype)
        self._run(kernel_plan.kernel().forward, self.start, values)
        self.fresh = True
        return values.sum(0) if plan.team > 1 else values[0]

    def expectations(self) -> np.ndarray:
        """Return the value of every observable in every state, (B, m)."""
        return self._samples(self.values)

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        """Return the gradient of ``sum_i weights_i <O_i>`` by theta, (B, n_params), for weights (B, m)."""
        plan = self.plan
        gradient = plan.empty(self.groups, plan.n_params)
        lanes = np.ascontiguousarray(self._lanes(weights))
        applied = self.m == 1 and self.threads == self.groups  # O psi still lies where lambda goes
        with self._lock:
            if not self.fresh:  # an earlier call carried the states back to the start
                self._forward()
            self.fresh = False
            self._run(kernel_plan.kernel().backward, lanes, applied, gradient)
        return self._samples(gradient)

    def _run(self, entry: Callable, *rest: Any) -> None:
        """Call an entry of the kernel: over groups side by side, or with a team of threads on each state."""
        plan, threads, G = self.plan, self.threads, self.groups
        counter = np.zeros(2, np.int64)
        rest = (counter, G, *plan.tables, *self.terms, self.room, self.work, *rest)
        if plan.team > 1:
            calls = [(0, G, 0, part) for part in range(plan.team)]
        else:
            calls = [(G * i // threads, G * (i + 1) // threads, i, 0) for i in range(threads)]
        # Ctrl-C reaches the main thread alone, between two steps of Python: for what is long, it only waits.
        waits = G * plan.work > LONG and threading.current_thread() is threading.main_thread()
        jobs: list[Future] = []
        with _team if plan.team > 1 else contextlib.nullcontext():
            try:
                for call in calls if waits else calls[1:]:
                    jobs.append(_pool(len(calls)).submit(entry, *call, *rest))
                if not waits:
                    entry(*calls[0], *rest)
                for job in jobs:
                    job.result()
            except BaseException:
                counter[1] = 1  # the others stop at the next layer, and then nobody writes any more
                wait(jobs)
                raise

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
        """Return (G, k, V) as (B, k), contiguous: the lanes, or their sum."""
        if self.plan.lane_bits:
            return array.sum(-1)
        return np.ascontiguousarray(array.transpose(0, 2, 1)).reshape(-1, array.shape[1])[: self.size]


@contextlib.contextmanager
def _compiling(precision: str) -> Iterator[None]:
    """Say what keeps the first call: numba compiles, the next time it finds what it compiled on disk."""
    text = f"qbp: compiling the kernel for {np.dtype(precision)}, once on this machine (seconds) ..."
    timer = threading.Timer(2.0, print, [text], {"file": sys.stderr, "flush": True})
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


_team = threading.Lock()  # held while a team runs: two that each had a part of the pool would wait for ever


@lru_cache(maxsize=8)
def _pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="qbp")


def _after_fork() -> None:
    """Begin anew in a forked process: it has the pool and the lock, but not the threads behind them."""
    global _team
    _team = threading.Lock()
    _pool.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _form(size: int, n_qubits: int, dtype: np.dtype) -> tuple[bool, int]:
    """Whether a state fills the vectors, rather than samples side by side; and how many threads share it."""
    V, threads = kernel_plan.kernel().lanes(dtype), most()
    single = 2 * size < V and n_qubits > V.bit_length()
    return single, threads if single and n_qubits >= TEAM and size < threads else 1
