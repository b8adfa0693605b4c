r"""Expectations in the space that a few strings span: the adjoint representation in the Pauli basis.

A rotation by phi about P turns a string S that anticommutes with it, ``S -> cos(phi) S + sin(phi) i P S``.
So the strings that the observable can become are a space that every gate of the circuit keeps, whatever
algebra it has; where there are few of them, vectors of their expectations take the place of states.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from qbp.plateaus.algebra.purity import Start
from qbp.plateaus.algebra.symplectic import product, swapped

Gate = tuple[int, int]  # the string, as a vector, and the number of the angle


class TooManyError(ValueError):
    """More strings than the cap."""


class Orbit:
    """The strings that an observable can become, with its gates.

    Args:
        gates: the rotations of the circuit, first to last.
        terms: coefficients of the observable.
        start: the state before the gates.
        cap: largest number of strings.

    Raises:
        TooManyError: there are more.
    """

    def __init__(self, gates: Sequence[Gate], terms: dict[int, float], start: Start, cap: int):
        n, strings = start.n, dict.fromkeys(v for v, _ in gates)
        self.strings = _reached(strings, terms, n, cap)
        place = {s: i for i, s in enumerate(self.strings)}
        self.moves = {p: _move(p, self.strings, place, n) for p in strings}
        self.gates = [gate for gate in gates if len(self.moves[gate[0]][0])]
        self.start = start.expectations(self.strings)
        self.observable = np.array([terms.get(s, 0.0) for s in self.strings])

    def __str__(self) -> str:
        return f"{len(self.strings)} strings"

    def value(self, angles: np.ndarray, gradient: np.ndarray | None = None) -> np.ndarray:
        """Return the expectation, shape (runs,), and add its derivative by each angle to `gradient`.

        Args:
            angles: in radians, (runs, angles).
            gradient: (runs, angles) or None.
        """
        r = np.tile(self.start, (len(angles), 1))
        for v, k in self.gates:
            self._turn(r, v, angles[:, k])
        value = r @ self.observable
        if gradient is not None:
            lam = np.tile(self.observable, (len(angles), 1))
            for v, k in reversed(self.gates):
                here, there, signs = self.moves[v]
                gradient[:, k] += (signs * (lam[:, here] * r[:, there])).sum(axis=-1)
                self._turn(r, v, -angles[:, k])
                self._turn(lam, v, -angles[:, k])
        return value

    def _turn(self, r: np.ndarray, v: int, angles: np.ndarray) -> None:
        here, there, signs = self.moves[v]
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None] * signs
        r[:, here] = cos * r[:, here] + sin * r[:, there]


def _reached(strings: Iterable[int], terms: Iterable[int], n: int, cap: int) -> list[int]:
    turned = [(p, swapped(p, n)) for p in strings]
    found = list(terms)
    seen = set(found)
    for s in found:  # grows
        for p, swap in turned:
            if (swap & s).bit_count() & 1 and (w := s ^ p) not in seen:
                if len(found) >= cap:
                    raise TooManyError(f"an observable of up to {cap:,} strings, the cap, got more")
                seen.add(w)
                found.append(w)
    return found


def _move(p: int, strings: Sequence[int], place: dict[int, int], n: int) -> tuple[np.ndarray, ...]:
    """Return the strings that P turns, what they become, and the sign of ``i P S``."""
    swap = swapped(p, n)
    here = [i for i, s in enumerate(strings) if (swap & s).bit_count() & 1]
    made = [product(p, strings[i], n) for i in here]
    signs = np.array([power - 2.0 for _, power in made])  # i times i^power
    return np.array(here, int), np.array([place[w] for w, _ in made], int), signs
