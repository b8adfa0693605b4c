"""Programs and observables as the tables of the kernel (``qbp/circuits/kernel/loops.py``), made once and
kept.

Bits are counted from the least significant, so qubit q is bit n - 1 - q.  With `lane_bits` > 0 one state
fills the vectors and its last qubits are their V lanes; with 0, samples lie side by side in the lanes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod

import numpy as np

from qbp.circuits.gates import Entangler, Program, entangler_table, pauli_signs
from qbp.circuits.kernel.loading import kernel
from qbp.circuits.layers import as_layers, layers_of
from qbp.circuits.observables import Observable, PauliSum, Projector


@dataclass(frozen=True)
class Plan:
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
        """Rows of a state."""
        return 1 << (self.n - self.lane_bits)

    @cached_property
    def work(self) -> int:
        """Vector operations of forward and backward together, about, for one group."""
        return self.rows * self.n_layers * (16 * self.n + 30)

    @cached_property
    def tables(self) -> tuple[np.ndarray, ...]:
        """The arrays that the kernel takes, `shape` first."""
        row_bits, kinds = self.n - self.lane_bits, self.layers[:, 0]
        tile_bits = min(kernel().TILE_BITS, row_bits - 1 if self.team > 1 else row_bits)
        odd, permutes = (kinds == 2).sum() % 2, (kinds == 2).any()
        first = (self.n_layers, self.n, self.lane_bits, tile_bits, self.n_params)
        shape = np.array([*first, self.plain, odd, permutes, self.team], np.int64)
        return shape, self.word, self.layers, self.signs, self.places

    @cached_property
    def sizes(self) -> tuple[int, int, int]:
        """As in the kernel."""
        return kernel().sizes(self.tables[0])

    def empty(self, *shape: int) -> np.ndarray:
        """Room for vectors, (..., V); if it is much, from a register's boundary on, and in huge pages."""
        if (size := prod(shape) * self.V) < 2**12:
            return np.empty((*shape, self.V), self.dtype)
        item = self.dtype.itemsize
        raw = np.empty(size + 64 // item, self.dtype)
        first = -raw.ctypes.data % 64 // item
        return raw[first : first + size].reshape(*shape, self.V)


@lru_cache(maxsize=256)
def plan(program: Program, n: int, char: str, single: bool, team: int) -> Plan:
    """Return the tables of a program of layers.

    Args:
        program: see :func:`angles`.
        n: number of qubits.
        char: numpy's letter for the precision, "f" or "d".
        single: whether one state fills the vectors.
        team: threads that share a state.
    """
    dtype = np.dtype(char)
    V, layers = kernel().lanes(dtype), layers_of(program, n)
    lane_bits = V.bit_length() - 1 if single else 0
    word = [
        (number, n - 1 - qubit, "XYZ".index(axis), parameter)
        for number, layer in enumerate(layers)
        for qubit, gates in reversed(list(enumerate(layer.words)))
        for axis, parameter in gates
    ]
    kinds, signs, places = [], [np.zeros(2**n >> lane_bits, np.uint16)], [np.zeros(1, np.int32)] * 2
    slots: dict[Entangler | None, tuple[int, int]] = {None: (0, 0)}
    for layer in layers:
        if (entangler := layer.entangler) is not None and entangler not in slots:
            table = entangler_table(entangler, n)
            if entangler.kind == "cz":
                slots[entangler] = 1, len(signs)
                bits = (1 << np.arange(V) if single else np.array([2**V - 1])).astype(np.uint16)
                signs.append(((table < 0).reshape(-1, len(bits)) * bits).sum(1, dtype=np.uint16))
            else:
                slots[entangler] = 2, len(places)
                for source in (table, np.argsort(table)):
                    places.append((source // V * 2 * V + source % V if single else source).astype(np.int32))
        kinds.append(slots[entangler])
    words = {"".join(axis for axis, _ in gates) for layer in layers for gates in layer.words}
    return Plan(
        n=n,
        dtype=dtype,
        V=V,
        lane_bits=lane_bits,
        team=team,
        n_layers=len(layers),
        n_params=len(word),
        word=np.array(word, np.int64).reshape(-1, 4),
        layers=np.array(kinds, np.int64),
        signs=np.array(signs),
        places=np.array([np.resize(table, len(places[-1])) for table in places]),
        plain=all(re.fullmatch("(Y+Z*)?", word) for word in words),
    )


@lru_cache(maxsize=64)  # runs may have a Hamiltonian each
def terms(observables: tuple[Observable, ...], n: int, char: str, lanes: int) -> tuple[tuple, int]:
    """The kernel's lists, and m; Pauli strings of an observable that flip the same qubits are one term."""
    found, scales, tables = [], [], [np.zeros(1, char)]
    for number, observable in enumerate(observables):
        for mask, kind, values in _phases(observable, n):
            row, lane = divmod(int(mask.translate(str.maketrans("IX", "01")), 2), lanes)
            if isinstance(values, np.ndarray):
                found.append((number, kind, row, lane, len(tables)))
                scales.append(1.0)
                tables.append(values.astype(char))
            else:
                found.append((number, kind, row, lane, 0))
                scales.append(values)
    rows = np.zeros((len(tables), max(map(len, tables))), char)
    for whole, table in zip(rows, tables, strict=True):
        whole[: len(table)] = table
    return (np.array(found, np.int64).reshape(-1, 5), np.array(scales, char), rows), len(observables)


def _phases(observable: Observable, n: int) -> Iterator[tuple[str, int, float | np.ndarray]]:
    """Yield (flips as "IX...", kind, phases): a number (0), a table of real (1) or imaginary parts (2)."""
    if isinstance(observable, Projector):
        yield "I" * n, 1, np.eye(1, 2**n)[0]
        return
    assert isinstance(observable, PauliSum)  # there is no third kind here
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
            if found:
                table = np.zeros(2**n)
                for phase, pauli in found:
                    table += phase * pauli_signs.__wrapped__(pauli)  # not kept: they may be many
                yield mask, kind, table


@lru_cache(maxsize=256)
def start(amplitudes: bytes, char: str, lanes: int) -> np.ndarray:
    """Return the qubits of a product state, complex (n, 2), as vectors, (4 n, V), the last qubit first."""
    flipped = np.frombuffer(amplitudes, char).reshape(-1, 4)[::-1]
    return np.repeat(flipped.reshape(-1, 1), lanes, axis=1)


@lru_cache(maxsize=1024)
def angles(program: Program, n_qubits: int) -> int | None:
    """The number of angles of a program of layers, None where it is none or an angle turns two gates."""
    layers = as_layers(program, n_qubits)
    used = sorted(k for layer in layers or () for word in layer.words for _, k in word)
    return len(used) if used == list(range(len(used))) and layers else None
