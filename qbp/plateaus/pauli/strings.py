r"""Pauli strings carried backwards through a circuit, 64 of them in a machine word.

In the Heisenberg picture the observable moves.  A Clifford entangler maps a Pauli string to a Pauli string;
a rotation ``exp(-i theta P / 2)`` mixes a string S that anticommutes with P with the string PS, and leaves
one that commutes.  A string is two bits a qubit, its X part and its Z part (Y has both), so a batch of
strings is two arrays of unsigned 64-bit words, each of shape (n_qubits, words): bit b of word w is string
``64 w + b``. Multiplying strings is XOR.  All of this is integer arithmetic on the CPU, and small.

The circuit is compiled once into steps that act on many qubits together: a :class:`Turn` is a set of
rotations on disjoint qubits, a :class:`Chain` a set of disjoint paths of two-qubit gates.
"""

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from qbp.circuits.gates import Entangler, Program

ONES = np.uint64(2**64 - 1)


class Turn(NamedTuple):
    """Rotations by k generators on w qubits each, no qubit twice: they commute, and act in one operation."""

    qubits: np.ndarray  # (k, w)
    x: np.ndarray  # (k, w, 1), words of ones where the generator has an X or a Y
    z: np.ndarray  # (k, w, 1), the same for Z or Y
    parameters: np.ndarray  # (k,)


class Chain(NamedTuple):
    """Gates (q_0, q_1), (q_1, q_2), ... along k disjoint paths of equal length."""

    kind: str  # "cz" or "cnot"
    qubits: np.ndarray  # (length + 1, k)


Step = Turn | Chain


def compile_steps(program: Program) -> list[Step]:
    """Group the gates of a program into steps, first to last.

    A rotation goes to the first step in which its qubits are free; rotations of the identity do nothing.

    Example:
        >>> from qbp.circuits.gates import Rotation
        >>> [turn] = compile_steps((Rotation("XI", 0), Rotation("IZ", 1)))
        >>> turn.qubits.tolist()
        [[0], [1]]
    """
    steps: list[Step] = []
    depth: dict[int, int] = defaultdict(int)  # rotations that each qubit has met since the last entangler
    open_turns: dict[tuple[int, int], list] = defaultdict(list)  # (depth, weight): the generators

    def close() -> None:
        steps.extend(turn_of(open_turns[key]) for key in sorted(open_turns))
        depth.clear()
        open_turns.clear()

    letters: dict[str, list[tuple[int, str]]] = {}  # every string and every entangler is read once
    chains: dict[Entangler, list[Chain]] = {}
    for gate in program:
        if isinstance(gate, Entangler):
            close()
            if gate not in chains:
                chains[gate] = chains_of(gate)
            steps.extend(chains[gate])
            continue
        if gate.pauli not in letters:
            letters[gate.pauli] = [(q, p) for q, p in enumerate(gate.pauli) if p != "I"]
        if support := letters[gate.pauli]:
            slot = max(depth[q] for q, _ in support)
            depth.update((q, slot + 1) for q, _ in support)
            open_turns[slot, len(support)].append((support, gate.parameter))
    close()
    return steps


def turn_of(generators: list) -> Turn:
    """Return a step from generators on disjoint qubits, each (its letters by qubit, its parameter)."""
    qubits = np.array([[q for q, _ in support] for support, _ in generators])
    x, z = (
        np.array([[ONES * (p in part) for _, p in support] for support, _ in generators], dtype=np.uint64)
        for part in ("XY", "YZ")
    )
    return Turn(qubits, x[..., None], z[..., None], np.array([k for _, k in generators]))


def chains_of(gate: Entangler) -> list[Chain]:
    """Cut the pairs into paths without a repeated qubit; paths side by side share a step."""
    paths: list[list[int]] = []
    for a, b in gate.pairs:
        if paths and paths[-1][-1] == a and b not in paths[-1]:
            paths[-1].append(b)
        else:
            paths.append([a, b])
    groups: list[list[list[int]]] = []
    for path in paths:
        fits = groups and len(groups[-1][0]) == len(path)
        if fits and not set(path) & {q for other in groups[-1] for q in other}:
            groups[-1].append(path)
        else:
            groups.append([path])
    return [Chain(gate.kind, np.array(group).T) for group in groups]


def pack(bits: np.ndarray) -> np.ndarray:
    """Pack bits, shape (..., strings), into words, shape (..., ceil(strings / 64)); the rest is zeros.

    Example:
        >>> pack(np.array([1, 1, 0])).tolist()
        [3]
    """
    padded = np.zeros((*bits.shape[:-1], -(-bits.shape[-1] // 64) * 64), dtype=np.uint8)
    padded[..., : bits.shape[-1]] = bits
    return np.packbits(padded, axis=-1, bitorder="little").view(np.uint64)


def unpack(words: np.ndarray) -> np.ndarray:
    """Unpack words, shape (..., words), into bits, uint8 of shape (..., 64 * words)."""
    return np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=-1, bitorder="little")


def parts(paulis: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the X and the Z part of strings of "IXYZ", packed, each of shape (n_qubits, words).

    Example:
        >>> [part.tolist() for part in parts(["XY"])]
        [[[1], [1]], [[0], [1]]]
    """
    letters = np.frombuffer("".join(paulis).encode(), dtype=np.uint8).reshape(len(paulis), -1).T
    return pack(np.isin(letters, list(b"XY"))), pack(np.isin(letters, list(b"YZ")))


def letters_of(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the letters of packed strings, x + 2 z: 0 to 3 are I, X, Z, Y; int8 of shape (n, strings)."""
    return (unpack(x) + 2 * unpack(z)).astype(np.int8)


def masks(letters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return words of ones where letters x + 2 z have an X part, and where they have a Z part."""
    return ONES * (letters & 1).astype(np.uint64), ONES * (letters >> 1).astype(np.uint64)


def meets(turn: Turn, x: np.ndarray, z: np.ndarray, add: np.ufunc = np.bitwise_xor) -> np.ndarray:
    """Return which strings anticommute with each generator, packed, shape (k, words)."""
    return add.reduce(add(x[turn.qubits] & turn.z, z[turn.qubits] & turn.x), axis=1)


def back(chain: Chain, x: np.ndarray, z: np.ndarray, add: np.ufunc = np.bitwise_xor) -> None:
    """Carry strings back through a chain of gates, in place and without their signs.

    CNOT copies the X part from control to target and the Z part from target to control; CZ adds the X part of
    each qubit to the Z part of the other.  Backwards the last gate of a path comes first: a path of CNOTs
    moves Z parts all the way to its beginning, and X parts one qubit on.

    Args:
        chain: the gates.
        x, z: parts of the strings, packed, shape (n_qubits, words).
        add: how bits are added; ``np.bitwise_or`` in place of XOR finds where a string can reach.
    """
    path = chain.qubits  # (length + 1, k)
    old = x[path]
    if chain.kind == "cz":
        z[path[1:]] = add(z[path[1:]], old[:-1])
        z[path[:-1]] = add(z[path[:-1]], old[1:])
    else:
        z[path] = add.accumulate(z[path][::-1], axis=0)[::-1]
        x[path[1:]] = add(old[1:], old[:-1])


def back_signs(chain: Chain, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Carry strings back as :func:`back` does, gate by gate, and return which change sign, shape (words,)."""
    signs = np.zeros_like(x[0])
    for a, b in zip(chain.qubits[-2::-1], chain.qubits[:0:-1], strict=True):  # each (k,)
        if chain.kind == "cz":  # X X <-> Y Y, X Y <-> -Y X
            change = x[a] & x[b] & (z[a] ^ z[b])
            z[a], z[b] = z[a] ^ x[b], z[b] ^ x[a]
        else:  # the sign rule of Aaronson and Gottesman 2004
            change = x[a] & z[b] & ~(x[b] ^ z[a])
            x[b], z[a] = x[b] ^ x[a], z[a] ^ z[b]
        signs ^= np.bitwise_xor.reduce(change, axis=0)
    return signs


def light_cone(steps: list[Step], x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[Step]]:
    """Cut a circuit down to what strings can meet on their way back.

    Args:
        steps: the circuit.
        x, z: masks of shape (n_qubits, 1): where the strings may have an X part, a Z part.

    Returns:
        (x, z, steps): masks of shape (n_qubits,), where a walk can have an X or a Z part in the end, and the
        circuit on those qubits alone, renumbered from 0, without the rotations that can never act.
    """
    x, z = x.copy(), z.copy()
    kept: list[Step] = []
    for step in reversed(steps):
        if isinstance(step, Chain):
            back(step, x, z, np.bitwise_or)
            kept.append(step)
        elif (turn := acting(step, x, z)) is not None:
            kept.append(turn)
    reached = (x | z)[:, 0] != 0
    number = np.where(reached, np.cumsum(reached) - 1, -1)
    cut: list[Step] = []
    chains: dict[int, list[Chain]] = {}  # layers share their entangler
    for step in reversed(kept):
        if isinstance(step, Turn):
            cut.append(step._replace(qubits=number[step.qubits]))
            continue
        if id(step) not in chains:
            chains[id(step)] = cut_chain(step, number)
        cut += chains[id(step)]
    return x[:, 0], z[:, 0], cut


def acting(turn: Turn, x: np.ndarray, z: np.ndarray) -> Turn | None:
    """Return the rotations of a turn that strings can meet, or None; their letters join the masks.

    Args:
        turn: the rotations.
        x, z: masks of shape (n_qubits, 1), where strings may have an X part, a Z part; changed in place.
    """
    acts = meets(turn, x, z, np.bitwise_or)[:, 0] != 0
    if not acts.any():
        return None
    turn = Turn(*(field[acts] for field in turn))
    x[turn.qubits] |= turn.x
    z[turn.qubits] |= turn.z
    return turn


def without_expectation(start: np.ndarray, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return which strings a product state gives no expectation, qubit by qubit, packed, (qubits, words).

    Where a qubit has one letter with an expectation, a string that anticommutes with that letter has none.

    Args:
        start: expectations of I, X, Z, Y in each qubit, (n_qubits, 4); the other qubits have no row.
        x, z: parts of the strings, packed, (n_qubits, words).
    """
    single = np.flatnonzero((start[:, 1:] != 0).sum(axis=1) == 1)
    letter = 1 + np.argmax(start[single, 1:] != 0, axis=1)
    return meets(Turn(single[:, None], *masks(letter[:, None, None]), single), x, z)


def cut_chain(chain: Chain, number: np.ndarray) -> list[Chain]:
    """Keep the stretches of each path that are inside; a gate with a qubit outside sees identities there."""
    path = number[chain.qubits]
    inside = path >= 0
    if inside.all():
        return [chain._replace(qubits=path)]
    stretches = []
    for column in np.flatnonzero(inside.sum(axis=0) > 1):
        ends = np.flatnonzero(np.diff(inside[:, column], prepend=False, append=False)).reshape(-1, 2)
        stretches += [path[low:high, column] for low, high in ends if high - low > 1]
    lengths = sorted({len(s) for s in stretches})
    return [Chain(chain.kind, np.array([s for s in stretches if len(s) == m]).T) for m in lengths]


def product_phase(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the power of i in front of the product of strings, modulo 4, shape (...).

    Args:
        a, b: letters of the left and the right factor, x + 2 z, signed integers, shape (n_qubits, ...).

    Example:
        >>> x, y = np.array([1]), np.array([3])
        >>> int(product_phase(x, y)), int(product_phase(y, x))  # XY = iZ, YX = -iZ
        (1, 3)
    """
    (ax, az), (bx, bz), (cx, cz) = ((letter & 1, letter >> 1) for letter in (a, b, a ^ b))
    return (ax * az + bx * bz - cx * cz + 2 * az * bx).sum(axis=0) % 4  # a string is i^(x z) X^x Z^z
