"""Programs and observables as the tables of the kernel (``qbp/circuits/kernel/loops.py``), made once and
kept.

Gates go into layers (:mod:`qbp.circuits.kernel.stages`): words of rotations of single qubits, and what closes
them.  Bits are counted from the least significant, so qubit q is bit n - 1 - q.  With `lane_bits` > 0 one
state fills the vectors and its last qubits are their V lanes; with 0, samples lie side by side in the lanes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from math import prod

import numpy as np

from qbp.circuits.gates import Entangler, Program, Rotation, entangler_table, untied
from qbp.circuits.kernel.loading import kernel
from qbp.circuits.kernel.passes import Passes, Tables, signs
from qbp.circuits.kernel.rewriting import turn_axes, turn_string
from qbp.circuits.kernel.stages import Stage, stages
from qbp.circuits.observables import Observable, PauliSum, Projector

MOST_BYTES = 2**32  # of the tables of a program


@dataclass(frozen=True)
class Outside(Observable):
    """The observable 1 - ``|state><state|``, of a state for each sample that comes with a call."""

    n_qubits: int


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
    halves: np.ndarray  # (2, gates): half the scale and half the offset of its angle
    layers: np.ndarray  # (n_layers, 6): as in the kernel
    signs: np.ndarray  # (1 + sign tables, rows): the lanes that change sign, as bits
    places: np.ndarray  # (2 x permutations, ...): where a row or amplitude comes from, there and back
    passes: Passes
    turned: tuple[int, ...]  # qubits whose axes are turned, see `turn_axes`

    @property
    def rows(self) -> int:
        """Rows of a state."""
        return 1 << (self.n - self.lane_bits)

    @cached_property
    def work(self) -> int:
        """Vector operations of forward and backward together, about, for one group."""
        places = int((self.passes.table[:, 4] - self.passes.table[:, 3]).sum())
        return self.rows * int(self.layers[:, 3].sum()) * (16 * self.n + 30) + 60 * places

    @cached_property
    def tables(self) -> tuple[np.ndarray, ...]:
        """The arrays that the kernel takes, `shape` first."""
        row_bits, kinds, made = self.n - self.lane_bits, self.layers[:, 0], self.passes
        tile_bits = min(kernel().TILE_BITS, row_bits - 1 if self.team > 1 else row_bits)
        permutations = int((kinds == 2).sum())
        first = (self.n_layers, self.n, self.lane_bits, tile_bits, len(self.word))
        then = permutations > 0, permutations % 2, self.team, self.V
        last = len(made.turns), len(made.first) - 1, self.n_params
        words = self.word, self.halves, self.layers, self.signs, self.places
        shape, values = np.array([*first, *then, *last], np.int64), made.values.astype(self.dtype)
        return shape, *words, made.table, made.places, made.turns, made.first, made.parameter, values

    @cached_property
    def sizes(self) -> tuple[int, int, int]:
        """As in the kernel."""
        return kernel().sizes(self.tables[0])

    def vectors(self, states: np.ndarray) -> np.ndarray:
        """Return states, complex (B, 2**n), as the kernel has them: groups of rows of lanes, (..., V)."""
        index = np.arange(2**self.n)
        ones = sum((index >> (self.n - 1 - q)) & 1 for q in self.turned) + 0 * index
        states = states * 1j**ones
        if self.lane_bits:
            states = states.reshape(-1, self.V)
        else:
            lanes = np.minimum(np.arange(-(-len(states) // self.V) * self.V), len(states) - 1)
            states = states[lanes].reshape(-1, self.V, 2**self.n).swapaxes(1, 2).reshape(-1, self.V)
        return np.stack([states.real, states.imag], 1).astype(self.dtype, order="C").reshape(-1, self.V)

    def empty(self, *shape: int) -> np.ndarray:
        """Room for vectors, (..., V); if it is much, from a register's boundary on, and in huge pages."""
        if (size := prod(shape) * self.V) < 2**12:
            return np.empty((*shape, self.V), self.dtype)
        item = self.dtype.itemsize
        raw = np.empty(size + 64 // item, self.dtype)
        first = -raw.ctypes.data % 64 // item
        return raw[first : first + size].reshape(*shape, self.V)


@lru_cache(maxsize=256)
def plan(program: Program, n: int, char: str, single: bool, team: int, n_params: int) -> Plan:
    """Return the tables of a program.

    Args:
        program: gates on n qubits.
        n: number of qubits.
        char: numpy's letter for the precision, "f" or "d".
        single: whether one state fills the vectors.
        team: threads that share a state.
        n_params: number of angles.
    """
    dtype = np.dtype(char)
    V = kernel().lanes(dtype)
    lane_bits = V.bit_length() - 1 if single else 0
    program, turned = turn_axes(program, n)
    alone = untied(program)
    rotations = {
        gate: k for k, gate in enumerate(k for k, g in enumerate(program) if isinstance(g, Rotation))
    }
    layers, passes = [], Tables(alone, n, lane_bits, n_params)
    word: list[tuple[int, int, int, int]] = []
    closings = _Closings(n, V, single)
    for number, (words, closing) in enumerate(_layered(stages(program, n))):
        by_bit: dict[int, list[tuple[str, int]]] = {}
        for x, z, gate in words.gates if words else ():
            by_bit.setdefault((x | z).bit_length() - 1, []).append(
                ("_ZXY"[2 * (x > 0) + (z > 0)], rotations[gate])
            )
        word += [(number, bit, "XYZ".index(letter), k) for bit in sorted(by_bit) for letter, k in by_bit[bit]]
        spelled = {"".join(letter for letter, _ in gates) for gates in by_bit.values()}
        first = len(passes.table)
        for stage in closing:
            if stage.kind == "strings":
                passes.add(stage, rotations)
        kind, slot = closings.add(closing)
        last = len(passes.table)
        q = not all(re.fullmatch("(Y+Z*)?", letters) for letters in spelled)
        p = kind == 1 or any(set(letters) != {"Y"} for letters in spelled)
        layers.append([kind, first if kind == 3 else slot, last, bool(spelled), p, q])
    for layer, following in pairwise([*layers, [0] * 6]):
        layer[4] = layer[4] or (layer[0] < 2 and following[5])
        layer[3] = layer[3] or layer[4]
    used = [k for *_, k in word]
    halves = np.stack([alone.scale[used], alone.offset[used]]) / 2 if used else np.zeros((2, 0))
    return Plan(
        n=n,
        dtype=dtype,
        V=V,
        lane_bits=lane_bits,
        team=team,
        n_layers=len(layers),
        n_params=n_params,
        word=np.array([(*place, alone.parameter[k]) for *place, k in word], np.int64).reshape(-1, 4),
        halves=halves.astype(dtype),
        layers=np.array(layers, np.int64).reshape(-1, 6),
        signs=np.array(closings.signs),
        places=np.array([np.resize(table, len(closings.places[-1])) for table in closings.places]),
        passes=passes.done(),
        turned=turned,
    )


def _layered(found: Iterable[Stage]) -> Iterator[tuple[Stage | None, list[Stage]]]:
    """Yield the words of each layer, if it has any, and the stages that close it: signs, a permutation, or
    strings.
    """
    words: Stage | None = None
    closing: list[Stage] = []
    for stage in found:
        both = stage.kind == "strings" == closing[-1].kind if closing else True
        if stage.kind == "words" or not both:
            if words or closing:
                yield words, closing
            words, closing = (stage, []) if stage.kind == "words" else (None, [stage])
        else:
            closing.append(stage)
    if words or closing:
        yield words, closing


class _Closings:
    """Signs of CZs and permutations of CNOTs, a table for each that is different."""

    def __init__(self, n: int, V: int, single: bool) -> None:
        self.n, self.V, self.single = n, V, single
        self.signs = [np.zeros(2**n // (V if single else 1), np.uint16)]
        self.places = [np.zeros(1, np.int32)] * 2
        self.slots: dict[Entangler, tuple[int, int]] = {}

    def add(self, closing: list[Stage]) -> tuple[int, int]:
        """Return the kind of a layer's end, and its table."""
        if not closing or closing[0].kind == "strings":
            return (3 if closing else 0), 0
        entangler = Entangler(closing[0].kind, tuple(closing[0].gates))
        if entangler not in self.slots:
            table, V, single = entangler_table(entangler, self.n), self.V, self.single
            if entangler.kind == "cz":
                self.slots[entangler] = 1, len(self.signs)
                bits = (1 << np.arange(V) if single else np.array([2**V - 1])).astype(np.uint16)
                self.signs.append(((table < 0).reshape(-1, len(bits)) * bits).sum(1, dtype=np.uint16))
            else:
                self.slots[entangler] = 2, len(self.places)
                for source in (table, np.argsort(table)):
                    moved = source // V * 2 * V + source % V if single else source
                    self.places.append(moved.astype(np.int32))
        return self.slots[entangler]


@lru_cache(maxsize=64)  # runs may have a Hamiltonian each
def terms(
    observables: tuple[Observable, ...], n: int, char: str, lanes: int, turned: tuple[int, ...] = ()
) -> tuple[tuple, int]:
    """The kernel's lists, and m; Pauli strings of an observable that flip the same qubits are one term."""
    found, scales, tables = [], [], [np.zeros(1, char)]
    for number, observable in enumerate(observables):
        for mask, kind, values in _phases(observable, n, turned):
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


def _phases(
    observable: Observable, n: int, turned: tuple[int, ...]
) -> Iterator[tuple[str, int, float | np.ndarray]]:
    """Yield (flips as "IX...", kind, phases): a number (0), a table of real (1) or imaginary parts (2), or 1
    for what a state leaves (3).
    """
    if isinstance(observable, Outside):
        yield "I" * n, 3, 1.0
        return
    if isinstance(observable, Projector):
        yield "I" * n, 1, np.eye(1, 2**n)[0]
        return
    assert isinstance(observable, PauliSum)  # there is no third kind here
    groups: dict[str, list[tuple[complex, str]]] = {}
    for given, coefficient in observable.terms.items():
        pauli, sign = turn_string(given, turned)
        mask = pauli.translate(str.maketrans("YZ", "XI"))
        groups.setdefault(mask, []).append((sign * coefficient * 1j ** pauli.count("Y"), pauli))
    for mask, strings in groups.items():
        if len(strings) == 1 and set(strings[0][1]) <= set("IX"):
            yield mask, 0, strings[0][0].real
            continue
        for kind, part in ((1, np.real), (2, np.imag)):
            found = [(part(phase), pauli) for phase, pauli in strings if part(phase)]
            if found:
                table, index = np.zeros(2**n), np.arange(2**n)
                for phase, pauli in found:
                    z = int(pauli.translate(str.maketrans("IXYZ", "0011")), 2)
                    table += (-1) ** pauli.count("Y") * phase * signs(z, index)
                yield mask, kind, table


@lru_cache(maxsize=256)
def start(amplitudes: bytes, char: str, lanes: int, turned: tuple[int, ...] = ()) -> np.ndarray:
    """Return the qubits of a product state, complex (n, 2), as vectors, (4 n, V), the last qubit first."""
    qubits = np.frombuffer(amplitudes, char.upper()).reshape(-1, 2).copy()
    qubits[list(turned), 1] *= 1j
    return np.repeat(qubits[::-1].view(char).reshape(-1, 1), lanes, axis=1)


@lru_cache(maxsize=1024)
def takes(program: Program, n_qubits: int) -> bool:
    """Whether the kernel takes a program: it has a gate, and tables that fit into memory."""
    found = stages(program, n_qubits)
    flips = {(stage.flips, stage.odd, len(stage.gates)) for stage in found if stage.kind == "strings"}
    permutations = len({tuple(stage.gates) for stage in found if stage.kind in ("cz", "cnot")})
    return bool(found) and (8 * len(flips) + 12 * permutations) * 2**n_qubits <= MOST_BYTES
