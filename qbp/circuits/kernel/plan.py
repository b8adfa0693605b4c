"""Programs and observables as the tables of the kernel (``qbp/circuits/kernel/loops.py``), made once and
kept.

Gates go into layers (:mod:`qbp.circuits.kernel.stages`): words of rotations of single qubits, and what closes
them.  Bits are counted from the least significant, so qubit q is bit n - 1 - q.  With `lane_bits` > 0 one
state fills the vectors and its last qubits are their V lanes; with 0, samples lie side by side in the lanes.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from math import prod

import numpy as np

from qbp.circuits.gates import Program, Rotation, untied
from qbp.circuits.kernel.closings import Closings, indices
from qbp.circuits.kernel.loading import kernel
from qbp.circuits.kernel.passes import Passes, Tables, signs, with_alike
from qbp.circuits.kernel.rewriting import turn_axes, turn_string
from qbp.circuits.kernel.stages import Stage, stages
from qbp.circuits.observables import Observable, PauliSum, Projector

MOST_BYTES = 2**32  # of the tables of a program
FEW, LONG, ONE = 2, 2**16, 2**10  # strings without a table of phases that were longer than LONG, or ONE
_Table = Callable[[np.ndarray], np.ndarray]  # numbers of the amplitudes of some indices


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
    layers: np.ndarray  # (n_layers, 8): as in the kernel
    signs: np.ndarray  # (1 + sign tables, rows): the lanes that change sign, as bits
    places: np.ndarray  # (2 x permutations, ...): where a row or amplitude comes from, see `Closings`
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
    closings = Closings(n, V, lane_bits)
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
        layers=with_alike(layers, word, alone, made := passes.done(), n, lane_bits),
        signs=np.array(closings.signs),
        places=np.array(closings.places),
        passes=made,
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


@lru_cache(maxsize=64)  # runs may have a Hamiltonian each
def terms(
    observables: tuple[Observable, ...], n: int, char: str, lanes: int, turned: tuple[int, ...] = ()
) -> tuple[tuple, int]:
    """The kernel's lists, and m; Pauli strings of an observable that flip the same qubits are one term.

    Its phases are a table; for few strings on many qubits, where tables would take more memory than states,
    each is a term that has the signs of its Z alone.
    """
    found: list[tuple[int, ...]] = []
    scales, tables, size = list[float](), list[tuple[int, _Table | np.ndarray]](), 0
    for number, observable in enumerate(observables):
        for mask, kind, phases in _phases(observable, n, turned):
            flips = divmod(int(mask.translate(str.maketrans("IX", "01")), 2), lanes)
            if isinstance(phases, float):
                found.append((number, kind, *flips, 0, -1))
                scales.append(phases)
                continue
            longest = LONG if phases is None or len(phases) > 1 else min(ONE, LONG)
            if phases is not None and len(phases) <= FEW and 2**n > longest:
                parts: Iterable[tuple[_Table | np.ndarray, int]] = _signed(phases, lanes)
            else:
                parts = [(_table(phases), -1)]
            for values, row_z in parts:
                found.append((number, kind, *flips, size, row_z))
                scales.append(1.0)
                tables.append((size, values))
                size += 2**n if callable(values) else len(values)
    every = np.zeros(max(size, 1), char)
    for first, values in tables:
        if isinstance(values, np.ndarray):
            every[first : first + len(values)] = values
            continue
        for index in indices(n):
            every[first + index[0] : first + index[-1] + 1] = values(index)
    return (np.array(found, np.int64).reshape(-1, 6), np.array(scales, char), every), len(observables)


def _signed(strings: list[tuple[float, str]], lanes: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the phases of each string in the lanes of a row, and minus those; and its Z among the rows."""
    for phase, pauli in strings:
        row_z, lane_z = divmod(_z(pauli), lanes)
        values = _sign(pauli) * phase * signs(lane_z, np.arange(lanes))
        yield np.concatenate([values, -values]), row_z


def _table(strings: list[tuple[float, str]] | None) -> _Table:
    """Return what gives the sum of the phases of strings; without any, of the projector."""
    if strings is None:
        return lambda index: index == 0

    def values(index: np.ndarray) -> np.ndarray:
        total = np.zeros(len(index))
        for phase, pauli in strings:
            total += _sign(pauli) * phase * signs(_z(pauli), index)
        return total

    return values


def _z(pauli: str) -> int:
    return int(pauli.translate(str.maketrans("IXYZ", "0011")), 2)


def _sign(pauli: str) -> int:
    return (-1) ** pauli.count("Y")


def _phases(
    observable: Observable, n: int, turned: tuple[int, ...]
) -> Iterator[tuple[str, int, float | list[tuple[float, str]] | None]]:
    """Yield (flips as "IX...", kind, phases): a number (0), strings whose real (1) or imaginary parts (2) are
    the phases, or 1 for what a state leaves (3); None is the projector.
    """
    if isinstance(observable, Outside):
        yield "I" * n, 3, 1.0
        return
    if isinstance(observable, Projector):
        yield "I" * n, 1, None
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
            found = [(float(part(phase)), pauli) for phase, pauli in strings if part(phase)]
            if found:
                yield mask, kind, found


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
    return bool(found) and 8 * len(flips) * 2**n_qubits <= MOST_BYTES
