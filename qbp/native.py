"""From a program of gates to the tables of :mod:`qbp._kernel`, and from torch tensors to its vectors and back.

The kernel is used where it can be: layers of single-qubit rotations with an angle each, Pauli sums and
projectors, real tensors on the CPU, numba installed (the extra `fast`).  Everything else takes the torch path of
:mod:`qbp.adjoint`, which computes the same numbers.  ``QBP_KERNEL=torch`` in the environment switches it off.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from qbp.layers import as_layers
from qbp.observables import Observable, PauliSum, Projector
from qbp.statevector import Program, entangler_table

TEAM = 13  # qubits from which two threads share one state


def available() -> bool:
    """Whether the kernel may be used here: numba is installed and nothing switched it off."""
    return os.environ.get("QBP_KERNEL", "native") != "torch" and _kernel() is not None


def supports(
    program: Program, n_qubits: int, theta: Tensor, observables: tuple[Observable, ...]
) -> bool:
    """Whether the kernel computes these expectations."""
    return (
        theta.device.type == "cpu"
        and theta.dtype in (torch.float32, torch.float64)
        and all(type(o) in (PauliSum, Projector) for o in observables)
        and available()
        and _layered(program, n_qubits)
    )


class Evolution:
    """States of a batch after the circuit, kept in the kernel's vectors; values, then gradients.

    Args:
        program: layers of single-qubit rotations, see :func:`supports`.
        theta: angles in radians, (B, n_params), float32 or float64, on the CPU.
        qubits: single-qubit amplitudes of the start state, (1 or B, n, 2), or its amplitudes, (1 or B, 2**n).
        observables: Pauli sums and projectors, m of them.
    """

    def __init__(
        self, program: Program, theta: Tensor, qubits: Tensor, n_qubits: int, observables: tuple[Observable, ...]
    ) -> None:
        self.theta, self.qubits, B = theta.detach(), qubits.detach(), len(theta)
        V = _kernel().lanes(_dtype(theta))
        single = V > 2 * B and n_qubits >= V.bit_length() + 1
        threads = torch.get_num_threads()
        team = threads if single and n_qubits >= TEAM and B < threads else 1
        self.plan = plan = _plan(program, n_qubits, _dtype(theta).char, single, team)
        self.observables = _terms(observables, n_qubits, _dtype(theta).char, single)
        self.groups = B if single else -(-B // V)
        self.threads = min(threads, self.groups) if team == 1 and self._work() > 2e6 else 1
        G, n = self.groups, n_qubits
        empty = plan.empty
        self.half, self.coef = empty(G, plan.n_params, 2), empty(G, plan.n_layers * n * _kernel().COEF)
        self.psi, self.one = empty(G, 2 * plan.rows), np.ones(V, plan.dtype)
        angles = self._lanes(theta.detach().numpy() / 2)
        np.cos(angles, out=self.half[:, :, 0])
        np.sin(angles, out=self.half[:, :, 1])
        self.shared = (plan.shape, plan.word, plan.layers, plan.signs, plan.places, *self.observables[:3])
        self.values = self._forward()

    def _work(self) -> float:
        """Vector operations of forward and backward together, about."""
        return self.groups * self.plan.rows * self.plan.n_layers * (16 * self.plan.n + 30)

    def _forward(self) -> np.ndarray:
        plan, m = self.plan, self.observables[3]
        self.fresh = True
        start = self._start()
        rows = plan.empty(self.threads, 2 * plan.rows)
        spare = plan.empty(self.threads, 2 * plan.rows if plan.permutes else 0)
        values = np.zeros((plan.team, self.groups, m, plan.V), plan.dtype)
        product = self.qubits.ndim == 3
        rest = (self.half, self.coef, start, product, self.psi, rows, spare, self._scratch(), self.one, values)
        self._run(_kernel().forward, rest)
        return values.sum(0)

    def expectations(self) -> Tensor:
        """Return the value of every observable in every state, (B, m)."""
        return torch.from_numpy(self._samples(self.values))

    def gradient(self, weights: Tensor, *, of_start: bool = False) -> tuple[Tensor, Tensor | None]:
        """Return the gradient of ``sum_i weights_i <O_i>``: by theta, and by the start state if wanted.

        Args:
            weights: (B, m).
            of_start: whether the gradient by the amplitudes of the start state is wanted, too.

        Returns:
            (B, n_params) real, and (B, 2**n) complex in torch's convention or None.
        """
        if not self.fresh:  # an earlier call carried the states back to the start
            self._forward()
        self.fresh = False
        plan, G, V = self.plan, self.groups, self.plan.V
        t = np.zeros((plan.team, G, plan.n_layers + 1, plan.n * 3, V), plan.dtype)
        gradient = plan.empty(G, plan.n_params)
        start = plan.empty(G if of_start else 0, 2 * plan.rows)
        weights = np.ascontiguousarray(self._lanes(weights.detach().numpy()))
        scratch = [plan.empty(self.threads, r) for r in (2 * plan.rows, 2 * plan.rows * plan.permutes, plan.rows)]
        lam, spare, total = scratch
        rest = (self.half, self.coef, weights, self.psi, lam, spare, self._scratch(), total, t, gradient, start)
        self._run(_kernel().backward, rest)
        t = t.sum(0) if plan.team > 1 else t[0]
        _kernel().finish(0, G, plan.shape, plan.word, self.half, self.coef, t, gradient)
        by_theta = torch.from_numpy(self._samples(gradient))
        return by_theta, torch.from_numpy(2 * self._amplitudes(start)) if of_start else None

    def _run(self, entry, rest: tuple) -> None:
        """Call an entry of the kernel: over groups side by side, or with a team of threads on each state."""
        team, threads, G = self.plan.team, self.threads, self.groups
        counter = np.zeros(1, np.int64)
        if team > 1:
            calls = [(0, G, 0, part, team) for part in range(team)]
        else:
            calls = [(G * i // threads, G * (i + 1) // threads, i, 0, 1) for i in range(threads)]
        waiting = [_pool(len(calls) - 1).submit(entry, *c, counter, *self.shared, *rest) for c in calls[1:]]
        entry(*calls[0], counter, *self.shared, *rest)
        for job in waiting:
            job.result()

    def _scratch(self) -> np.ndarray:
        bits = (self.plan.n - self.plan.lane_bits + 1) // 2
        return self.plan.empty(max(self.threads, self.plan.team), 4 + 2 * self.plan.n + 2 * (2 << bits))

    # Lanes: (B, k) -> (G, k, V), where a lane is a sample, or all lanes are one.

    def _lanes(self, array: np.ndarray) -> np.ndarray:
        if self.plan.lane_bits:
            return np.repeat(array[:, :, None], self.plan.V, axis=2)
        padded = np.zeros((self.groups * self.plan.V, array.shape[1]), self.plan.dtype)
        padded[: len(array)] = array
        return padded.reshape(self.groups, self.plan.V, -1).transpose(0, 2, 1)

    def _samples(self, array: np.ndarray) -> np.ndarray:
        if self.plan.lane_bits:
            return array.sum(-1)
        return array.transpose(0, 2, 1).reshape(-1, array.shape[1])[: len(self.theta)]

    def _start(self) -> np.ndarray:
        """The start, of qubits (1 or G, 4 n, V) or of amplitudes (1 or G, 2 rows, V), as vectors."""
        plan, B = self.plan, len(self.qubits)
        parts = torch.view_as_real(self.qubits.resolve_conj()).numpy()
        if self.qubits.ndim == 3:
            parts = parts[:, ::-1]  # bits from the least significant
        elif plan.lane_bits:
            return np.ascontiguousarray(parts.reshape(B, plan.rows, plan.V, 2).swapaxes(2, 3)).reshape(
                B, 2 * plan.rows, plan.V
            )
        flat = np.ascontiguousarray(parts).reshape(B, -1).astype(plan.dtype, copy=False)
        if B == 1:
            return np.repeat(flat[:, :, None], plan.V, axis=2)
        return np.ascontiguousarray(self._lanes(flat))

    def _amplitudes(self, rows: np.ndarray) -> np.ndarray:
        """Rows of vectors as complex amplitudes, (B, 2**n)."""
        pairs = rows.reshape(self.groups, self.plan.rows, 2, self.plan.V)
        order = (0, 1, 3, 2) if self.plan.lane_bits else (0, 3, 1, 2)
        flat = np.ascontiguousarray(pairs.transpose(order)).reshape(-1, 2**self.plan.n, 2)
        return flat[: len(self.theta)].view(np.complex64 if self.plan.dtype.itemsize == 4 else np.complex128)[..., 0]


@dataclass(frozen=True)
class _Plan:
    """A program as the kernel's tables."""

    n: int
    dtype: np.dtype
    V: int
    lane_bits: int
    team: int
    n_layers: int
    n_params: int
    word: np.ndarray  # (gates, 4): layer, bit, axis, parameter
    layers: np.ndarray  # (n_layers, 2): kind, slot
    signs: np.ndarray  # (1 + sign tables, rows): the lanes that change sign, as bits
    places: np.ndarray  # (2 x permutations, ...): where a row or amplitude comes from, there and back
    plain: bool  # whether every Q is 1
    permutes: bool

    @property
    def rows(self) -> int:
        return 1 << (self.n - self.lane_bits)

    @cached_property
    def shape(self) -> np.ndarray:
        row_bits = self.n - self.lane_bits
        tile_bits = min(11, row_bits - 1 if self.team > 1 else row_bits)
        odd = int((self.layers[:, 0] == 2).sum() % 2)
        return np.array([self.n_layers, self.n, self.lane_bits, tile_bits, self.plain, odd])

    def empty(self, *shape: int) -> np.ndarray:
        """Room for vectors, (..., V), aligned to a register."""
        size = int(np.prod(shape)) * self.V
        raw = np.empty(size + self.V, self.dtype)
        first = -raw.ctypes.data % (self.V * self.dtype.itemsize) // self.dtype.itemsize
        return raw[first : first + size].reshape(*shape, self.V)


@lru_cache(maxsize=256)
def _plan(program: Program, n: int, char: str, single: bool, team: int) -> _Plan:
    dtype = np.dtype(char)
    V, layers = _kernel().lanes(dtype), as_layers(program, n)
    lane_bits = V.bit_length() - 1 if single else 0
    word = [
        (number, n - 1 - qubit, "XYZ".index(axis), parameter)
        for number, layer in enumerate(layers)
        for qubit, gates in reversed(list(enumerate(layer.words)))
        for axis, parameter in gates
    ]
    tables = {"cz": [], "cnot": []}
    kinds = []
    for layer in layers:
        if layer.entangler is None:
            kinds.append((0, 0))
            continue
        found = tables[layer.entangler.kind]
        if layer.entangler not in found:
            found.append(layer.entangler)
        slot = found.index(layer.entangler)
        kinds.append((1, slot + 1) if layer.entangler.kind == "cz" else (2, 2 * slot))
    signs = [np.zeros(2**n >> lane_bits, np.uint16)]
    for entangler in tables["cz"]:
        flipped = (entangler_table(entangler, n) < 0).reshape(-1, V if single else 1)
        bits = 1 << np.arange(V) if single else np.array([2**V - 1])
        signs.append((flipped * bits).sum(1).astype(np.uint16))
    places = []
    for entangler in tables["cnot"]:
        source = entangler_table(entangler, n)
        for table in (source, np.argsort(source)):
            places.append((table // V * 2 * V + table % V if single else table).astype(np.int32))
    words = {tuple(axis for axis, _ in gates) for layer in layers for gates in layer.words}
    return _Plan(
        n, dtype, V, lane_bits, team, len(layers), len(word),
        np.array(word, np.int64).reshape(-1, 4), np.array(kinds, np.int64), np.array(signs),
        np.array(places, np.int32).reshape(-1, 2**n) if places else np.zeros((1, 1), np.int32),
        plain=words <= {(), ("Y",), ("Y", "Z")}, permutes=bool(places),
    )  # fmt: skip


@lru_cache(maxsize=64)
def _terms(observables: tuple[Observable, ...], n: int, char: str, single: bool) -> tuple:
    """Pauli strings that flip the same qubits are one term: (terms, scales, tables, m) for the kernel."""
    dtype, terms, scales, tables = np.dtype(char), [], [], [np.zeros(1, char)]
    V = _kernel().lanes(dtype)
    for number, observable in enumerate(observables):
        if isinstance(observable, Projector):
            groups = {"I" * n: np.eye(1, 2**n)[0]}
        else:
            groups = observable.groups
        for mask, phases in groups.items():
            flips = int(mask.replace("I", "0").replace("X", "1"), 2)
            row, lane = divmod(flips, V) if single else (flips, 0)
            parts = [(1, phases.real), (2, phases.imag)]
            for kind, table in parts:
                if not table.any():
                    continue
                if kind == 1 and (table == table[0]).all():
                    terms.append((number, 0, row, lane, 0))
                    scales.append(table[0])
                else:
                    terms.append((number, kind, row, lane, len(tables)))
                    scales.append(1.0)
                    tables.append(table.astype(dtype))
    size = max(map(len, tables))
    room = np.zeros((len(tables), size + 16), dtype)
    first = -room.ctypes.data % 64 // dtype.itemsize
    del first
    for place, table in zip(room, tables, strict=True):
        place[: len(table)] = table
    return np.array(terms, np.int64).reshape(-1, 5), np.array(scales, dtype), room, len(observables)


@lru_cache(maxsize=1024)
def _layered(program: Program, n_qubits: int) -> bool:
    """Whether a program is layers of rotations with an angle each."""
    layers = as_layers(program, n_qubits)
    if layers is None:
        return False
    used = [k for layer in layers for gates in layer.words for _, k in gates]
    return sorted(used) == list(range(len(used)))


@lru_cache(maxsize=8)
def _pool(size: int) -> ThreadPoolExecutor | None:
    return ThreadPoolExecutor(size, thread_name_prefix="qbp") if size else None


@lru_cache(maxsize=1)
def _kernel():
    """The module of compiled loops, or None; the first use of a precision compiles, which is cached on disk."""
    if find_spec("numba") is None:
        return None
    from qbp import _kernel

    return _kernel


def _dtype(theta: Tensor) -> np.dtype:
    return np.dtype("f" if theta.dtype == torch.float32 else "d")
