"""Expansion of gates into rotations, CNOTs and CZs, and its cost, which has a limit."""

from collections.abc import Mapping, Sequence

from qbp.interchange.imported import Collector
from qbp.interchange.linear import Linear
from qbp.interchange.qasm.parser import MOST_GATES, Call, Definition


class TooMuch(ValueError):
    """More gates than are read."""


class Expansion:
    """Gates that are applied one after another, to a collector of what they are made of.

    Args:
        collector: takes the rotations, CNOTs and CZs.
    """

    def __init__(self, collector: Collector):
        self.collector, self._work = collector, 0

    def apply(
        self, gate: Definition, angles: Sequence[Linear], qubits: Sequence[int], times: int = 1
    ) -> None:
        """Apply a gate that the source names; negative times are its inverse.

        Raises:
            ValueError: more than 500,000 gates, counting those of which definitions are made, or more than
                100 parameters in an angle.
        """
        self._apply(gate, angles, tuple(qubits), times, counted=True)

    def _apply(
        self, gate: Definition, angles: Sequence[Linear], qubits: tuple[int, ...], times: int, counted: bool
    ) -> None:
        if counted and not gate.own:
            self.collector.kinds[gate.name] += abs(times)
        for _ in range(abs(times)):
            self._work += 1 + (len(angles) + len(qubits)) // 8
            if self._work > MOST_GATES:
                raise TooMuch(f"at most {MOST_GATES} gates, counting those of definitions")
            if not gate.letters:
                self._body(gate, angles, qubits, backward=times < 0)
            elif gate.angles:
                self.collector.rotate(gate.letters, qubits, angles[0] if times > 0 else angles[0].times(-1.0))
            else:
                self.collector.entangle(gate.letters, qubits)

    def _body(
        self, gate: Definition, angles: Sequence[Linear], qubits: tuple[int, ...], backward: bool
    ) -> None:
        values = dict(zip(gate.angles, angles, strict=True))
        for call in reversed(gate.body) if backward else gate.body:
            turns = self._angles(gate, call, values)
            times = -call.times if backward else call.times
            self._apply(call.gate, turns, tuple([qubits[q] for q in call.qubits]), times, gate.own)

    def _angles(self, gate: Definition, call: Call, values: Mapping[str, Linear]) -> list[Linear]:
        """Return the angles of a call: a number in a definition of the file may be trained like any other."""
        given = self.collector.freed(call.angles) if gate.own and call.angles else call.angles
        return [
            new.with_values(values) if new is old and new.terms else new
            for old, new in zip(call.angles, given, strict=True)
        ]
