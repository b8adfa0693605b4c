r"""Passes: rotations by Pauli strings that flip the same qubits, as one walk over the rows of a state.

Such strings act on pairs of amplitudes, r and r with the flips.  Where their angles add up to ``phi(r)``, a
pair is turned by ``phi``; without flips the amplitude gets the phase ``exp(-i phi(r))``.  With the angles of
theta, ``phi(r) = sum_g theta_g D_g(r) / 2``, and D takes few values: there are few angles phi, and a row of a
state is turned by one of few *patterns*, (cos phi, sin phi) for each lane.  The overlaps that the gradient
needs are summed up by pattern too, ``dE/dtheta_g = sum_r D_g(r) w(r)``.  Rows where all D are 0 are left out:
seven of eight in a double excitation.

Signs: a string with y letters Y maps r to ``(-i)^y (-1)^(z . r)`` times the flipped one.  For even y that is
a real number, eta, and the pair is turned by -i sin(phi); for odd y it is i eta, and the turn is real.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from qbp.circuits.gates import Untied
from qbp.circuits.kernel.stages import Stage

DIAGONAL, EVEN, ODD, EVEN_LANES, ODD_LANES, EVEN_WITHIN, ODD_WITHIN = range(7)  # kinds of a pass
PATTERNS = 2048  # of one pass, at most; also at most an eighth of the rows, since each costs two functions
LEAST = 3  # bits of a row's number that the loops for layers of one angle take
DIGITS = 1e-13  # sums of scales closer than this, relative to the largest, are one


@dataclass(frozen=True)
class Passes:
    """The tables of all passes of a program.

    Attributes:
        table: (passes, 6) int64: kind, row flips, lane flips, first place, one beyond the last, number of
            the pattern that is its 0.
        places: (2, rows of all different passes) int32: row, and its pattern in the pass.
        turns: (patterns, V or 1) int32: which angle each lane of a pattern has.
        first: (angles + 1,) int64: where the terms theta_g D_g / 2 of each angle begin.
        parameter: (terms,) int64: g; n_params stands for the angle 1 of fixed gates and offsets.
        values: (terms,) float64: D / 2.
    """

    table: np.ndarray
    places: np.ndarray
    turns: np.ndarray
    first: np.ndarray
    parameter: np.ndarray
    values: np.ndarray


class Cut(NamedTuple):
    """Strings that one pass takes: the groups they are of, and how rows and patterns belong together.

    Attributes:
        groups: the numbers of the groups, in the order of `values`.
        rows: those that are turned, int32; of a pair, the one without the highest flipped bit.
        code: the pattern of each, int32.
        turns: which angle each lane of a pattern has, int32 (patterns, lanes).
        values: D of each angle, float64 (angles, groups).
    """

    groups: list[int]
    rows: np.ndarray
    code: np.ndarray
    turns: np.ndarray
    values: np.ndarray


class Tables:
    """Passes of a program while they are made: stages are added one by one.

    Args:
        angles: of every rotation of the program.
        n: number of qubits.
        lane_bits: the last qubits, which lie in the lanes of a vector.
        n_params: number of angles.
    """

    def __init__(self, angles: Untied, n: int, lane_bits: int, n_params: int) -> None:
        self.angles, self.lane_bits, self.n_params = angles, lane_bits, n_params
        self.rows = np.arange(1 << (n - lane_bits), dtype=np.int32)
        self.lanes = np.arange(1 << lane_bits)
        self.table: list[tuple[int, ...]] = []
        self.places: list[np.ndarray] = []
        self.terms: list[tuple[np.ndarray, ...]] = []  # angle of each lane, first term, parameter, D / 2
        self.n_patterns = self.n_angles = self.n_terms = self.n_places = 0
        self.kept: dict[tuple, list[tuple[Cut, int]]] = {}  # layers repeat: cuts, and where their rows lie

    def add(self, stage: Stage, rotations: dict[int, int]) -> None:
        """Add the passes of a stage of strings; `rotations` numbers its gates among the rotations."""
        row_flips, lane_flips = divmod(stage.flips, len(self.lanes))
        groups = self._groups(stage, rotations)
        key = stage.flips, stage.odd, tuple(map(tuple, groups.values()))
        if key not in self.kept:
            self.kept[key] = [(cut, self._keep(cut)) for cut in self._cuts(row_flips, list(groups.values()))]
        for cut, first in self.kept[key]:
            numbers = _kind(row_flips, lane_flips, stage.odd), row_flips, lane_flips
            self.table.append((*numbers, first, first + len(cut.rows), self.n_patterns))
            count, each = cut.values.shape
            parameters = np.tile(np.array(list(groups))[cut.groups], count)
            begins = self.n_terms + each * np.arange(count)
            self.terms.append((cut.turns + self.n_angles, begins, parameters, cut.values.ravel() / 2))
            self.n_patterns += len(cut.turns)
            self.n_angles += count
            self.n_terms += count * each

    def done(self) -> Passes:
        """Return all passes."""
        turns, first, parameter, values = zip(*self.terms, strict=True) if self.terms else ((),) * 4
        none = np.zeros(0, np.int64)
        return Passes(
            table=np.array(self.table, np.int64).reshape(-1, 6),
            places=np.concatenate([np.zeros((2, 0), np.int32), *self.places], axis=1),
            turns=np.concatenate([np.zeros((0, len(self.lanes)), np.int32), *turns], dtype=np.int32),
            first=np.concatenate([none, *first, [self.n_terms]]),
            parameter=np.concatenate([none, *parameter]),
            values=np.concatenate([np.zeros(0), *values]),
        )

    def _keep(self, cut: Cut) -> int:
        """Store the rows of a pass; return where."""
        self.places.append(np.stack([cut.rows, cut.code]))
        self.n_places += len(cut.rows)
        return self.n_places - len(cut.rows)

    def _groups(self, stage: Stage, rotations: dict[int, int]) -> dict[int, list[tuple[int, float]]]:
        """Return, by parameter, the strings that turn by it: z, and the scale times eta."""
        found: dict[int, list[tuple[int, float]]] = {}
        for x, z, gate in stage.gates:
            eta = -1.0 if ((x & z).bit_count() + stage.odd) // 2 % 2 else 1.0
            k = rotations[gate]
            parameter = int(self.angles.parameter[k])
            for which, weight in ((parameter, self.angles.scale[k]), (self.n_params, self.angles.offset[k])):
                if weight:
                    found.setdefault(which, []).append((z, eta * float(weight)))
        return found

    def _cuts(self, row_flips: int, groups: list[list[tuple[int, float]]]) -> Iterator[Cut]:
        """Gather groups such that a pass has few patterns; a group with many patterns is cut in two."""
        rows = self.rows
        if row_flips:
            rows = rows[rows & (1 << row_flips.bit_length() - 1) == 0]
        most = max(32, min(PATTERNS, len(self.rows) // 8))
        waiting, nothing = list(enumerate(groups))[::-1], (np.zeros(len(rows), np.int64), [np.zeros((1, 0))])
        together: list[int] = []
        code, values = nothing
        while waiting:
            number, strings = waiting.pop()
            tried = self._with(code, values, strings, rows, most)
            if tried is None and together:
                yield self._cut(together, rows, code, values)
                together, (code, values) = [], nothing
                tried = self._with(code, values, strings, rows, most)
            if tried is None and len(strings) > 1:
                half = len(strings) // 2
                waiting += [(number, strings[half:]), (number, strings[:half])]
                continue
            assert tried is not None  # one string alone has two patterns
            code, values = tried
            together.append(number)
        if together:
            yield self._cut(together, rows, code, values)

    def _with(
        self,
        code: np.ndarray,
        values: list[np.ndarray],
        strings: list[tuple[int, float]],
        rows: np.ndarray,
        most: int,
    ) -> tuple[np.ndarray, list[np.ndarray]] | None:
        """Return the pattern of each row, and D of each pattern, with one group more; None if too many."""
        before, own = np.arange(len(values[0])), np.zeros((len(values[0]), len(self.lanes)))
        alike: dict[int, list[tuple[int, float]]] = {}  # by the lanes whose sign a string changes
        for z, weight in strings:
            row_z, lane_z = divmod(z, len(self.lanes))
            alike.setdefault(lane_z, []).append((row_z, weight))
        for lane_z, them in alike.items():
            total = np.sum([weight * signs(z, rows) for z, weight in them], axis=0)
            kinds, which = _distinct(total, DIGITS * sum(abs(weight) for _, weight in them), len(them))
            code = code * len(kinds) + which
            there = np.flatnonzero(np.bincount(code, minlength=1))
            if len(there) > most:
                return None
            moved = np.zeros(there[-1] + 1, np.int64)
            moved[there] = np.arange(len(there))
            code, (old, kind) = moved[code], divmod(there, len(kinds))
            before = before[old]
            own = own[old] + kinds[kind, None] * signs(lane_z, self.lanes)
        return code, [*(v[before] for v in values if v.shape[1]), own]

    def _cut(self, groups: list[int], rows: np.ndarray, code: np.ndarray, values: list[np.ndarray]) -> Cut:
        """Return a pass without the rows that nothing turns."""
        table = np.stack(values, axis=1)
        largest = abs(table).max(axis=(0, 2), keepdims=True)
        table[abs(table) < 10 * DIGITS * largest] = 0
        used = np.flatnonzero(table.any(axis=(1, 2)))
        moved = np.full(len(table), -1)
        moved[used] = np.arange(len(used))
        turned = moved[code] >= 0
        each = table[used].transpose(0, 2, 1)  # (patterns, lanes, groups)
        angles, turns = np.unique(each.reshape(-1, len(groups)), axis=0, return_inverse=True)
        code = moved[code[turned]].astype(np.int32)
        return Cut(groups, rows[turned], code, turns.reshape(each.shape[:2]).astype(np.int32), angles)


def _kind(row_flips: int, lane_flips: int, odd: bool) -> int:
    if not lane_flips:
        return (ODD if odd else EVEN) if row_flips else DIAGONAL
    if row_flips:
        return ODD_LANES if odd else EVEN_LANES
    return ODD_WITHIN if odd else EVEN_WITHIN


def _distinct(values: np.ndarray, unit: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the values that differ by more than a unit, and which of them each is; one string has two."""
    if count == 1:
        size = abs(values[0])
        return np.array([size, -size]), (values < 0).astype(np.int64)
    _, first, which = np.unique(np.rint(values / unit), return_index=True, return_inverse=True)
    return values[first], which


def signs(z: int, index: np.ndarray) -> np.ndarray:
    """Return (-1)^(bits of `index` in `z`)."""
    return 1.0 - 2.0 * (np.bitwise_count(index & z) & 1)


def with_alike(
    layers: Sequence[Sequence[int]],
    word: Sequence[tuple[int, int, int, int]],
    angles: Untied,
    passes: Passes,
    n: int,
    lane_bits: int,
) -> np.ndarray:
    """Return the layers with two columns more: whether words turn all qubits by one angle about Y, and
    whether the passes of a layer are made together with the rotations of the next, (n_layers, 8) int64.

    Such are the mixers of the Hamiltonian variational ansatz and of QAOA: the kernel turns two of their
    qubits at once, and has the diagonal pass before them in the same walk over a state.

    Args:
        layers: the first six columns, see ``qbp/circuits/kernel/loops.py``.
        word: layer, bit, axis and number of each rotation in words.
        angles: of every rotation of the program.
        passes: all passes.
        n: number of qubits.
        lane_bits: the last qubits, which lie in the lanes of a vector.
    """
    table = np.zeros((len(layers), 8), np.int64)
    table[:, :6] = np.array(layers, np.int64).reshape(-1, 6)
    gates: list[list[tuple[int, ...]]] = [[] for _ in layers]
    for layer, *gate in word:
        gates[layer].append(tuple(gate))
    for number, row in enumerate(table):
        _, _, _, words, diagonal, phase = row[:6]
        row[6] = (
            words and not diagonal and not phase and n - lane_bits >= LEAST and _one(gates[number], angles, n)
        )
    for row, following in pairwise(table):
        found = passes.table[row[1] : row[2]] if row[0] == 3 else passes.table[:0]
        whole = (found[:, 0] == DIAGONAL) & (found[:, 4] - found[:, 3] == 1 << (n - lane_bits))
        row[7] = following[6] and len(found) and whole.all()
    return table


def _one(gates: list[tuple[int, ...]], angles: Untied, n: int) -> bool:
    """Whether rotations are one about Y on each qubit, by the same angle."""
    bits, axes, numbers = zip(*gates, strict=True)
    used = list(numbers)
    same = all(len(np.unique(of[used])) == 1 for of in (angles.parameter, angles.scale, angles.offset))
    return len(set(bits)) == len(bits) == n and set(axes) == {1} and same
