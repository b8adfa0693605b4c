"""Preparation of a call of the kernel, all but the angles: tables, memory, and which thread does what.

Teams are threads that share a state, and wait for each other; they run one after another.
"""

import contextlib
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from typing import Any

import numpy as np

from qbp._threads import most
from qbp.circuits.gates import Program
from qbp.circuits.kernel import plan as kernel_plan
from qbp.circuits.kernel import rewriting
from qbp.circuits.observables import Observable

# In the kernel's order.
ARRAYS = "states", "values", "targets", "weights", "linear", "applied", "losses", "gradient"
MODES = ("forward", "backward", "both", "train", "train_on_data")
TEAM = 13  # qubits from which threads share one state
SERIAL = 500_000  # vector operations below which other threads do not pay
LONG = 50_000_000  # vector operations, tenths of a second, for which Ctrl-C does not wait
KEPT = 2**18, 2**24  # bytes of memory, from and to, that are kept for the next call
Memory = tuple[np.ndarray, np.ndarray]


class Prepared:
    """Everything about a batch of evolutions but the angles: the tables of the kernel, and who does what.

    Args:
        program: gates, see :func:`~qbp.circuits.kernel.evolution.supports`.
        observables: Pauli sums and projectors, m of them.
        size: B, the number of parameter vectors.
        n_params: length of each.
        char: numpy's letter for the precision, "f" or "d".
        start: amplitudes of each qubit in the product state before the gates, the bytes of (n, 2) complex.
        threads: at most.
        team: whether threads may share a state.
        steps: how often all is done in one call.
    """

    def __init__(
        self,
        program: Program,
        observables: tuple[Observable, ...],
        size: int,
        n_params: int,
        char: str,
        start: bytes,
        threads: int,
        team: bool,
        steps: int,
    ) -> None:
        n_qubits, self.size = observables[0].n_qubits, size
        program, observables, self.way = rewriting.lowered(program, observables)
        single, members = _form(size, n_qubits, np.dtype(char), threads if team else 1)
        self.plan = plan = kernel_plan.plan(program, n_qubits, char, single, members, n_params)
        terms, self.m = kernel_plan.terms(observables, n_qubits, char, plan.V if single else 1, plan.turned)
        self.start = kernel_plan.start(start, char, plan.V, plan.turned)
        self.groups = G = size if single else -(-size // plan.V)
        self.threads = min(threads, G) if G * plan.work * steps > SERIAL and members == 1 else 1
        self.tables = *plan.tables, *terms
        self.counter = np.zeros(2, np.int64)  # of calls that nobody stops
        if members > 1:
            self.calls = [(0, G, 0, part) for part in range(members)]
        else:
            self.calls = [
                (G * i // self.threads, G * (i + 1) // self.threads, i, 0) for i in range(self.threads)
            ]
        self.long = G * plan.work * steps > LONG
        self.nothing = _nothing(plan.dtype)
        self._sizes = self.groups, self.threads, plan.team, char, *plan.sizes

    def __repr__(self) -> str:
        layers, passes = self.plan.n_layers, len(self.plan.passes.table)
        form = "one state in the lanes" if self.plan.lane_bits else "samples in the lanes"
        who = f"{self.plan.team} threads a state" if self.plan.team > 1 else f"{self.threads} threads"
        return f"Prepared({self.way}: {layers} layers, {passes} passes; {form}, {who})"

    def room(self) -> Memory:
        """Return memory for all groups, and for each thread or team."""
        room, own, shared = self.plan.sizes
        return self.plan.empty(self.groups * room), self.plan.empty(
            self.threads, own * self.plan.team + shared
        )

    def take(self) -> Memory:
        """Return memory as :meth:`room` does, or what an earlier call left."""
        return _left.pop(self._sizes, None) or self.room()

    def leave(self, memory: Memory) -> None:
        """Leave memory to the next call of its sizes, if it is neither little nor much.

        The C library may give such blocks back to the system, which then clears every page anew: of two
        states on 16 qubits 500 pages, a sixth of the time of a call.
        """
        if KEPT[0] <= sum(part.nbytes for part in memory) <= KEPT[1]:
            _left[self._sizes] = memory
            for sizes in list(_left)[:-2]:
                _left.pop(sizes, None)

    def run(
        self,
        mode: str,
        theta: np.ndarray,
        memory: Memory,
        training: tuple | None = None,
        **arrays: Any,
    ) -> None:
        """Run the kernel: over groups side by side, or with a team of threads on each state.

        Args:
            mode: "forward", "backward", "both", "train" or "train_on_data".
            theta: angles, (B, n_params).
            memory: from :meth:`room`.
            training: what the optimizer needs, see :mod:`qbp.circuits.kernel.training`.
            arrays: those of `ARRAYS` that the mode takes.
        """
        rest: tuple = self._arguments(theta, memory, training, arrays)
        number, entry, calls = MODES.index(mode), kernel_plan.kernel().evolve, self.calls
        if mode == "train_on_data":
            calls = [(0, len(theta), 0, 0)]
        if len(calls) == 1 and not self.long:
            entry(*calls[0], number, self.counter, *self.tables, *rest)
            return
        counter, team = np.zeros(2, np.int64), self.plan.team > 1
        rest = number, counter, *self.tables, *rest
        # Ctrl-C reaches the main thread alone, between two steps of Python: for what is long, it only waits.
        waits = self.long and threading.current_thread() is threading.main_thread()
        jobs: list[Future] = []
        with _team if team else contextlib.nullcontext():
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

    def _arguments(self, theta: np.ndarray, memory: Memory, training: tuple | None, given: dict) -> tuple:
        """Return what follows the tables; what a mode does not take is empty."""
        none = self.nothing
        arrays = (given.get(name, none[name]) for name in ARRAYS)
        return self.start, theta, *memory, *arrays, *(training or none["training"])


_left: dict[tuple, Memory] = {}  # of the last sizes; each step on it is one of Python's, safe among threads


@lru_cache(maxsize=256)
def _prepared(*key: Any) -> Prepared:
    return Prepared(*key)


def prepared(
    program: Program,
    observables: tuple[Observable, ...],
    theta: np.ndarray,
    qubits: np.ndarray,
    *,
    team: bool,
    steps: int = 1,
) -> Prepared:
    """Return what there is to know before the angles, made once; arguments as for an evolution."""
    who = most(), team, steps
    return _prepared(program, observables, *theta.shape, theta.dtype.char, qubits.tobytes(), *who)


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


def _form(size: int, n_qubits: int, dtype: np.dtype, threads: int) -> tuple[bool, int]:
    """Whether a state fills the vectors, rather than samples side by side; and how many threads share it."""
    V = kernel_plan.kernel().lanes(dtype)
    single = 2 * size < V and n_qubits > V.bit_length()
    return single, threads if single and n_qubits >= TEAM and size < threads else 1


def alone(size: int, n_qubits: int, char: str) -> bool:
    """Whether no threads share a state, in a batch of this size that may have all of them."""
    return _form(size, n_qubits, np.dtype(char), most())[1] == 1


@lru_cache(maxsize=2)
def _nothing(dtype: np.dtype) -> dict[str, Any]:
    """Return what stands for arrays that are not needed: as many axes, and nothing in them."""
    one, two, three = (np.empty((0,) * axes, dtype) for axes in (1, 2, 3))
    arrays = dict(zip(ARRAYS, (two, three, two, three, 0, False, one, two), strict=True))
    whole, steps = np.empty(0, np.int64), (np.empty((0, 5)), 0, 1)
    settings = 0, (0.0,) * 5, *steps, 0.0, two, two, two, two, two, whole, two
    return arrays | {"training": (*settings, two, two, np.empty((0, 0, 0), np.int64), two)}
