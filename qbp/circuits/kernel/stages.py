"""Stages of a program: gates gathered, where they commute, into few passes over a state.

A stage is one of: *words*, rotations of single qubits, any number on each; *signs*, CZs; a *permutation*,
CNOTs; *strings*, rotations by Pauli strings that all flip the same qubits and commute, such as all ZZ of a
layer or the eight strings of a double excitation.  A gate moves to the earliest stage that takes it, past
stages with which it commutes; nothing else moves.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from qbp.circuits.gates import Entangler, Program, Rotation
from qbp.circuits.lowering.frames import bits

REACH = 32  # stages that a gate passes on its way to an earlier one, at most


@dataclass
class Stage:
    """Gates that one pass over the state applies, in their order.

    Attributes:
        kind: "words", "cz", "cnot" or "strings".
        gates: rotations as (x, z, number of the gate), or pairs of qubits.
        letters: of each qubit that a rotation turns, the letters "XYZ" that occur.
        flips: of strings, the qubits that each of them flips, as bits.
        odd: of strings, whether the number of Y in each is odd.
    """

    kind: str
    gates: list = field(default_factory=list)
    letters: dict[int, set[str]] = field(default_factory=dict)
    flips: int = 0
    odd: bool = False


@lru_cache(maxsize=64)  # asked whether it fits, what it costs, and for its tables
def stages(program: Program, n: int) -> tuple[Stage, ...]:
    """Return the stages of a program on n qubits, first to last.  A rotation by the identity is in none.

    Example:
        >>> x = [Rotation("XII", 1), Rotation("IXI", 1), Rotation("IIX", 1)]
        >>> tfim = Program([Rotation("ZZI", 0), Rotation("IZZ", 0), *x])
        >>> [(stage.kind, len(stage.gates)) for stage in stages(tfim, 3)]
        [('strings', 2), ('words', 3)]
    """
    found: list[Stage] = []
    for number, gate in enumerate(program):
        if isinstance(gate, Entangler):
            _add_entangler(found, gate)
        elif letters := [(q, letter) for q, letter in enumerate(gate.pauli) if letter != "I"]:
            _add_rotation(found, gate, number, letters)
    return tuple(part for stage in found for part in _parts(stage, n))


def work(found: Iterable[Stage], n: int) -> int:
    """Return what the stages cost for each row of a state on n qubits, in the unit of `Plan.work`."""
    of = {"words": 16 * n + 30, "cz": 10, "cnot": 60, "strings": 30}  # measured at 8 to 14 qubits
    return sum(of[stage.kind] for stage in found)


def _parts(stage: Stage, n: int) -> Iterator[Stage]:
    """Yield a stage, or, of words so few that a walk over all qubits costs more, each rotation by itself."""
    if stage.kind != "words" or work([stage], n) <= work([Stage("strings")], n) * len(stage.gates):
        yield stage
        return
    for x, z, number in stage.gates:
        yield Stage("strings", [(x, z, number)], flips=x, odd=bool(x & z))


def _add_entangler(found: list[Stage], gate: Entangler) -> None:
    place = None
    for stage in _reachable(found):
        if stage.kind == gate.kind:
            place = stage
            break  # an order among CNOTs is kept: none moves past others
        if not stage.letters.keys().isdisjoint(q for pair in gate.pairs for q in pair):
            break
        if stage.kind in ("cz", "cnot"):
            break
    if place is None:
        found.append(place := Stage(gate.kind))
    place.gates += gate.pairs
    for pair in gate.pairs:
        for qubit in pair:
            place.letters.setdefault(qubit, set()).update("Z" if gate.kind == "cz" else "XZ")


def _add_rotation(found: list[Stage], gate: Rotation, number: int, letters: list[tuple[int, str]]) -> None:
    x, z = bits(gate.pauli)
    odd = bool((x & z).bit_count() % 2)
    place = None
    for stage in _reachable(found):
        if _takes(stage, x, odd, len(letters)):
            place = stage
        if not all(stage.letters.get(q, set()) <= {letter} for q, letter in letters) and not (
            stage.kind == "strings" and all(_commute((x, z), other[:2]) for other in stage.gates)
        ):
            break
    if place is None:
        single = len(letters) == 1
        found.append(place := Stage("words" if single else "strings", flips=x, odd=odd))
    place.gates.append((x, z, number))
    for qubit, letter in letters:
        place.letters.setdefault(qubit, set()).add(letter)


def _reachable(found: list[Stage]) -> Iterator[Stage]:
    return iter(found[: -REACH - 1 : -1])


def _takes(stage: Stage, x: int, odd: bool, weight: int) -> bool:
    """Whether a rotation may be one of the stage's: behind all others that it has."""
    if stage.kind == "words":
        return weight == 1
    return stage.kind == "strings" and stage.flips == x and stage.odd == odd and (weight > 1 or x == 0)


def _commute(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return (a[0] & b[1]).bit_count() % 2 == (a[1] & b[0]).bit_count() % 2
