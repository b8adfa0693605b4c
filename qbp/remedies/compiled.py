"""Compiled path of the laboratory: how likely outcomes are, for all circuits of all runs, without torch.

It is taken on a CPU in float64 with numba, for programs of rotations and CZs from the all-zero state.  Torch
computes the same numbers (:mod:`qbp.remedies.measurements`).
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from qbp.circuits.gates import Program, Rotation, entangler_table, untied
from qbp.circuits.kernel import evolution

if TYPE_CHECKING:
    from qbp.remedies.measurements import Wanted


class Table(NamedTuple):
    """A program as the loops take it.

    Attributes:
        gates: (gates, 5) int64, see :mod:`qbp.remedies.loops`.
        signs: what each entangler does, (entanglers or 1, 2**n) int8.
    """

    gates: np.ndarray
    signs: np.ndarray


@cache
def loops() -> ModuleType | None:
    """Return the compiled loops; None where numba is not there or cannot be used."""
    if not evolution.available():
        return None
    try:
        return import_module("qbp.remedies.loops")
    except Exception:  # of a cache that cannot be written, as of the kernel
        return None


def takes(program: Program, theta: Tensor, asked: "Wanted") -> bool:
    """Whether the loops compute these circuits."""
    return (
        asked.plain
        and theta.device.type == "cpu"
        and theta.dtype == torch.float64
        and all(isinstance(gate, Rotation) or gate.kind == "cz" for gate in program)
        and evolution.available()
        and loops() is not None
    )


@lru_cache(maxsize=64)
def table(program: Program, n_qubits: int) -> Table:
    """Return a program as the loops take it: the first rotations of all qubits, then the second ones."""
    gates, signs, number = list[tuple[int, ...]](), list[np.ndarray](), 0
    bits = [1 << (n_qubits - 1 - q) for q in range(n_qubits)]
    for stretch in _stretches(program):
        rows = list[tuple[int, ...]]()
        for gate in stretch:
            if isinstance(gate, Rotation):
                flips = sum(b for b, p in zip(bits, gate.pauli, strict=True) if p in "XY")
                signed = sum(b for b, p in zip(bits, gate.pauli, strict=True) if p in "YZ")
                rows.append((0, flips, signed, gate.pauli.count("Y"), number))
                number += 1
            else:
                rows.append((1, 0, 0, 0, len(signs)))
                signs.append(entangler_table(gate, n_qubits))
        seen, turn = Counter[int](), list[int]()  # how many rotations of its qubit come before each
        for row in rows:
            turn.append(seen[row[1] | row[2]])
            seen[row[1] | row[2]] += 1
        single = all(r[0] == 0 and (r[1] | r[2]).bit_count() == 1 for r in rows)
        gates += [rows[i] for i in sorted(range(len(rows)), key=turn.__getitem__)] if single else rows
    tables = np.array(signs or [np.ones(2**n_qubits, np.int8)])
    return Table(np.array(gates, np.int64).reshape(-1, 5), tables)


def _stretches(program: Program) -> Iterator[list]:
    """Split a program into stretches of rotations on one qubit each, and what stands between them."""
    held: list = []
    for gate in program:
        if isinstance(gate, Rotation) and gate.pauli.count("I") == len(gate.pauli) - 1:
            held.append(gate)
            continue
        if held:
            yield held
        held = []
        yield [gate]
    if held:
        yield held


def shifted(program: Program, theta: Tensor, asked: "Wanted", rows: np.ndarray, run: int) -> np.ndarray:
    """Return how likely each level is in the shifted circuits of a run, (settings, 2 k, levels).

    Args:
        program: gates, see :func:`takes`; rotation k turns by angle k.
        theta: angles, (n_params,).
        asked: what is measured.
        rows: which k rotations are shifted, in the order wanted.
        run: number of the run.
    """
    own, n = table(program, asked.n_qubits), len(theta)
    place = np.full(n, -1)
    place[rows] = np.arange(len(rows))
    level, target = asked.level[:, run % asked.level.shape[1]], asked.target[run % len(asked.target)]
    found = np.zeros((len(asked.axes), 2 * len(rows), asked.levels))
    _of(loops()).shifted(*own, _angles(program, theta), place, asked.axes, level, target, found)
    return found


def prepared(program: Program, theta: Tensor, asked: "Wanted") -> Tensor:
    """Return how likely each level is, (runs, settings, circuits, levels).

    At angles (runs, circuits, n_params); the rest as for :func:`shifted`.
    """
    runs, circuits = theta.shape[:2]
    angles, own = _angles(program, theta.flatten(0, 1)), table(program, asked.n_qubits)
    found = np.zeros((len(asked.axes), runs * circuits, asked.levels))
    _of(loops()).prepared(*own, angles, asked.axes, asked.level, asked.target, circuits, found)
    return torch.from_numpy(found).unflatten(1, (runs, circuits)).transpose(0, 1)


def counted(edges: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Return how many of (rows, shots) numbers in [0, 1) fall below each of (rows, levels) growing edges."""
    found = np.zeros(edges.shape)
    if (compiled := loops()) is not None:
        compiled.count(edges, uniform, found)
        return found
    size = edges.shape[1]
    seen = torch.searchsorted(torch.from_numpy(edges), torch.from_numpy(uniform), right=True)
    seen = seen.clamp(max=size - 1) + size * torch.arange(len(edges)).unsqueeze(-1)
    return torch.bincount(seen.flatten(), minlength=edges.size).double().numpy().reshape(edges.shape)


def _angles(program: Program, theta: Tensor) -> np.ndarray:
    """Return the angle of each rotation, (..., rotations), contiguous."""
    alone, given = untied(program), theta.detach().numpy()
    if alone.as_given and np.array_equal(alone.parameter, np.arange(given.shape[-1])):
        return np.ascontiguousarray(given)
    return np.ascontiguousarray(given[..., alone.parameter] * alone.scale + alone.offset)


def _of(module: ModuleType | None) -> ModuleType:
    assert module is not None  # asked before
    return module
