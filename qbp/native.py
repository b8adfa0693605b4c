"""The native CPU path: a program of gates as tables of the kernel, tensors as its vectors, and back.

The kernel (``qbp/_kernel.py``) is used where it can be: layers of single-qubit rotations with an angle each,
Pauli sums and projectors, float32 or float64 on the CPU, numba installed (the extra `fast`).  Everything else
takes the torch path of :mod:`qbp.adjoint`, which computes the same numbers.  ``QBP_KERNEL=torch`` in the
environment switches the kernel off.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks
from qbp.layers import as_layers
from qbp.observables import Observable, PauliSum, Projector
from qbp.statevector import Program, entangler_table, pauli_signs

TEAM = 13  # qubits from which threads share one state
SERIAL = 500_000  # vector operations below which other threads do not pay


def available() -> bool:
    """Whether the kernel may be used here: numba is installed and nothing switched it off."""
    wanted = _checks.choice("QBP_KERNEL", os.environ.get("QBP_KERNEL", "native"), ("native", "torch"))
    return wanted == "native" and _kernel() is not None


def supports(program: Program, n_qubits: int, theta: Tensor, observables: tuple[Observable, ...]) -> bool:
    """Whether the kernel computes these expectations."""
    return (
        theta.device.type == "cpu"
        and theta.dtype in (torch.float32, torch.float64)
        and theta.numel() > 0
        and _angles(program, n_qubits) == theta.shape[-1]
        and all(type(H) in (PauliSum, Projector) for H in observables)
        and available()
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
        self, program: Program, theta: Tensor, start: Tensor, observables: tuple[Observable, ...]
    ) -> None:
        self.start, n_qubits = start, observables[0].n_qubits
        angles = theta.detach().numpy()
        self.size = B = len(angles)
        single, team = _form(B, n_qubits, angles.dtype)
        self.plan = plan = _plan(program, n_qubits, angles.dtype.char, single, team)
        self.terms, self.m = _terms(observables, n_qubits, angles.dtype.char, plan.V if single else 1)
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
        self._run(_kernel().forward, self._start(), self.start.ndim == 3, values)
        return values.sum(0) if plan.team > 1 else values[0]

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
        plan, G = self.plan, self.groups
        gradient, start = plan.empty(G, plan.n_params), plan.empty(G if of_start else 0, 2 * plan.rows)
        weights = np.ascontiguousarray(self._lanes(weights.detach().numpy()))
        applied = self.m == 1 and self.threads == G
        self._run(_kernel().backward, weights, applied, gradient, start)
        by_start = torch.from_numpy(2 * self._amplitudes(start)) if of_start else None
        return torch.from_numpy(self._samples(gradient)), by_start

    def _run(self, entry: Callable, *rest: Any) -> None:
        """Call an entry of the kernel: over groups side by side, or with a team of threads on each state."""
        plan, threads, G = self.plan, self.threads, self.groups
        rest = (np.zeros(1, np.int64), G, *plan.tables, *self.terms, self.room, self.work, *rest)
        if plan.team > 1:
            calls = [(0, G, 0, part) for part in range(plan.team)]
        else:
            calls = [(G * i // threads, G * (i + 1) // threads, i, 0) for i in range(threads)]
        waiting = [_pool(len(calls) - 1).submit(entry, *call, *rest) for call in calls[1:]]
        entry(*calls[0], *rest)
        for job in waiting:
            job.result()

    # Lanes: (B, k) -> (G, k, V), where a lane is a sample, or all lanes are one.

    def _lanes(self, array: np.ndarray) -> np.ndarray:
        if self.plan.lane_bits:
            return np.repeat(array[:, :, None], self.plan.V, axis=2)
        if len(array) < (size := self.groups * self.plan.V):
            padded = np.zeros((size, array.shape[1]), self.plan.dtype)
            padded[: len(array)] = array
            array = padded
        return array.reshape(self.groups, self.plan.V, -1).transpose(0, 2, 1)

    def _samples(self, array: np.ndarray) -> np.ndarray:
        if self.plan.lane_bits:
            return array.sum(-1)
        return array.transpose(0, 2, 1).reshape(-1, array.shape[1])[: self.size]

    def _start(self) -> np.ndarray:
        """The start as vectors: of qubits (1 or G, 4 n, V), or of amplitudes (1 or G, 2 rows, V)."""
        parts, plan = torch.view_as_real(self.start.detach().resolve_conj()).numpy(), self.plan
        if len(parts) == 1 and parts.ndim == 4:
            return _same_start(parts.tobytes(), plan.dtype.char, plan.V)
        if parts.ndim == 4:
            parts = parts[:, ::-1]  # bits from the least significant
        elif plan.lane_bits:
            rows = parts.reshape(len(parts), plan.rows, plan.V, 2).swapaxes(2, 3)
            return np.ascontiguousarray(rows).reshape(-1, 2 * plan.rows, plan.V)
        flat = np.ascontiguousarray(parts).reshape(len(parts), -1)
        return (
            np.repeat(flat[:, :, None], plan.V, 2)
            if len(flat) == 1
            else np.ascontiguousarray(self._lanes(flat))
        )

    def _amplitudes(self, rows: np.ndarray) -> np.ndarray:
        """Rows of vectors as complex amplitudes, (B, 2**n)."""
        pairs = rows.reshape(self.groups, self.plan.rows, 2, self.plan.V)
        order = (0, 1, 3, 2) if self.plan.lane_bits else (0, 3, 1, 2)
        flat = np.ascontiguousarray(pairs.transpose(order)).reshape(-1, 2**self.plan.n, 2)
        return flat[: self.size].view(np.complex64 if self.plan.dtype.itemsize == 4 else np.complex128)[
            ..., 0
        ]


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

    @property
    def rows(self) -> int:
        return 1 << (self.n - self.lane_bits)

    @cached_property
    def work(self) -> int:
        """Vector operations of forward and backward together, about, for one group."""
        return self.rows * self.n_layers * (16 * self.n + 30)

    @cached_property
    def tables(self) -> tuple[np.ndarray, ...]:
        """What the kernel takes: `shape`, then the tables."""
        row_bits, kinds = self.n - self.lane_bits, self.layers[:, 0]
        tile_bits = min(_kernel().TILE_BITS, row_bits - 1 if self.team > 1 else row_bits)
        odd, permutes = (kinds == 2).sum() % 2, (kinds == 2).any()
        first = (self.n_layers, self.n, self.lane_bits, tile_bits, self.n_params)
        shape = np.array([*first, self.plain, odd, permutes, self.team], np.int64)
        return shape, self.word, self.layers, self.signs, self.places

    @cached_property
    def sizes(self) -> tuple[int, int, int]:
        """As in the kernel."""
        return _kernel().sizes(self.tables[0])

    def empty(self, *shape: int) -> np.ndarray:
        """Room for vectors, (..., V), from a register's boundary on; numpy asks for huge pages."""
        size, item = prod(shape) * self.V, self.dtype.itemsize
        raw = np.empty(size + 64 // item, self.dtype)
        first = -raw.ctypes.data % 64 // item
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
        plain=words <= {(), ("Y",), ("Y", "Z")},
    )  # fmt: skip


@lru_cache(maxsize=16)
def _terms(observables: tuple[Observable, ...], n: int, char: str, lanes: int) -> tuple[tuple, int]:
    """The kernel's lists, and m; Pauli strings of an observable that flip the same qubits are one term."""
    terms, scales, tables = [], [], [np.zeros(1, char)]
    for number, observable in enumerate(observables):
        for mask, kind, values in _phases(observable, n):
            row, lane = divmod(int(mask.translate(str.maketrans("IX", "01")), 2), lanes)
            constant = np.ndim(values) == 0
            terms.append((number, kind, row, lane, 0 if constant else len(tables)))
            scales.append(values if constant else 1.0)
            tables += [] if constant else [values.astype(char)]
    rows = np.zeros((len(tables), max(map(len, tables))), char)
    for row, table in zip(rows, tables, strict=True):
        row[: len(table)] = table
    return (np.array(terms, np.int64).reshape(-1, 5), np.array(scales, char), rows), len(observables)


def _phases(observable: Observable, n: int) -> Iterator[tuple[str, int, float | np.ndarray]]:
    """Yield (flips as "IX...", kind, phases): a number (0), a table of real (1) or imaginary parts (2)."""
    if isinstance(observable, Projector):
        yield "I" * n, 1, np.eye(1, 2**n)[0]
        return
    groups: dict[str, list[tuple[complex, str]]] = {}
    for pauli, coefficient in observable.terms.items():
        mask = pauli.translate(str.maketrans("YZ", "XI"))
        groups.setdefault(mask, []).append((coefficient * 1j ** pauli.count("Y"), pauli))
    for mask, strings in groups.items():
        if len(strings) == 1 and set(strings[0][1]) <= set("IX"):
            yield mask, 0, strings[0][0].real
            continue
        for kind, part in ((1, np.real), (2, np.imag)):
            found = [(part(phase), pauli) for phase, pauli in strings if part(phase)]
            if found:  # signs of 2**n amplitudes: not kept
                yield mask, kind, sum(phase * pauli_signs.__wrapped__(pauli) for phase, pauli in found)


@lru_cache(maxsize=256)
def _same_start(amplitudes: bytes, char: str, lanes: int) -> np.ndarray:
    """The qubits of one start state for all, as vectors, (1, 4 n, V)."""
    flipped = np.frombuffer(amplitudes, char).reshape(-1, 4)[::-1]
    return np.repeat(flipped.reshape(1, -1, 1), lanes, axis=2)


@lru_cache(maxsize=1024)
def _angles(program: Program, n_qubits: int) -> int | None:
    """The number of angles of a program of layers, None where it is none or an angle turns two gates."""
    layers = as_layers(program, n_qubits)
    used = sorted(k for layer in layers or () for word in layer.words for _, k in word)
    return len(used) if used == list(range(len(used))) and layers else None


@lru_cache(maxsize=8)
def _pool(size: int) -> ThreadPoolExecutor | None:
    return ThreadPoolExecutor(size, thread_name_prefix="qbp") if size else None


@lru_cache(maxsize=1)
def _kernel() -> ModuleType | None:
    """The module of compiled loops; None where numba is not, or does not know this Python or numpy."""
    try:
        from qbp import _kernel
    except ImportError:
        return None
    return _kernel


def _form(size: int, n_qubits: int, dtype: np.dtype) -> tuple[bool, int]:
    """Whether a state fills the vectors, rather than samples side by side; and how many threads share it."""
    V, threads = _kernel().lanes(dtype), torch.get_num_threads()
    single = 2 * size < V and n_qubits > V.bit_length()
    return single, threads if single and n_qubits >= TEAM and size < threads else 1
