r"""Dynamical Lie algebra of a circuit: its dimension and its simple parts.

The rotations of a circuit turn about generators; nested commutators of these span an algebra, and a deep
circuit reaches the group of it and no more.  Where every generator is one Pauli string, the algebra is read
off the graph of which strings anticommute, at 1,000 qubits in seconds
(:mod:`qbp.plateaus.algebra.structure`); where an angle is shared, the generator is a sum, and the algebra is
closed numerically (:mod:`qbp.plateaus.algebra.closure`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from qbp import _checks
from qbp.circuits.observables import PauliSum
from qbp.plateaus.algebra import generators as read
from qbp.plateaus.algebra.closure import STRINGS, TOLERANCE, Closure, close, simple_ideals
from qbp.plateaus.algebra.structure import Component, StringComponent, components
from qbp.plateaus.algebra.symplectic import vector

if TYPE_CHECKING:
    import numpy as np

    from qbp.circuits.circuit import Circuit

CAP = 1000  # dimension of an algebra of sums


@dataclass(frozen=True)
class LieAlgebra:
    """The Lie algebra that generators span with their nested commutators.

    Attributes:
        n_qubits: number of qubits.
        components: its simple parts; one may stand for several copies.
        centre: dimension of what commutes with everything.
    """

    n_qubits: int
    components: tuple[Component, ...]
    centre: int
    _isolated: frozenset[int] = field(repr=False)
    _closure: "Closure | None" = field(repr=False, compare=False)
    _ideals: "tuple[np.ndarray, ...]" = field(repr=False, compare=False)

    @property
    def dimension(self) -> int:
        """The number of independent elements, an integer of any length."""
        return sum(part.dimension for part in self.components) + self.centre

    def contains(self, H: PauliSum) -> bool:
        """Whether i times an observable is in the algebra, up to a multiple of the identity.

        Raises:
            TypeError, ValueError: H is no PauliSum on these qubits.

        Example:
            >>> lie_algebra(["XI", "IX", "ZZ"]).contains(PauliSum({"YY": 0.5, "II": 1.0}))
            True
        """
        observable(H, self.n_qubits)
        terms = {vector(p): c for p, c in H.terms.items() if c and set(p) != {"I"}}
        if self._closure is not None:
            rest = self._closure.coordinates(terms)[1]
            return rest <= TOLERANCE**2 * sum(c * c for c in terms.values())
        return all(v in self._isolated or self._home(v) is not None for v in terms)

    def _home(self, v: int) -> StringComponent | None:
        """Return the component that a string is in."""
        for part in self.components:
            if isinstance(part, StringComponent) and part.contains(v):
                return part
        return None

    def __str__(self) -> str:
        parts = Counter((part.kind, part.size, part.copies) for part in self.components)
        shown = [str(Component(*key[:2], key[2] * number, 0)) for key, number in parts.items()]
        centre = {0: [], 1: ["u(1)"]}.get(self.centre, [f"{self.centre} u(1)"])
        return " + ".join([*shown, *centre])


def lie_algebra(
    generators: "Circuit | Sequence[str | PauliSum]", *, cap: int = CAP, strings: int = STRINGS
) -> LieAlgebra:
    """Return the dynamical Lie algebra of a circuit, or of Pauli strings and sums of them.

    Args:
        generators: a circuit, whose angles may be shared by strings that commute and act together; or a list
            of generators.  CNOTs, CZs and other Cliffords of a circuit turn its strings into others.
        cap: largest dimension where a generator is a sum of strings, at most 4,096.
        strings: largest number of strings that the elements of such an algebra are made of: memory grows with
            its square.

    Raises:
        TypeError, ValueError: `generators` are none of these; a fixed rotation by no multiple of pi/2; an
            algebra of sums is larger than `cap`, or its elements are made of more strings.

    Example:
        >>> chain = ["XIII", "IXII", "IIXI", "IIIX", "ZZII", "IZZI", "IIZZ"]
        >>> print(lie_algebra(chain), lie_algebra(chain).dimension)  # an Ising chain: n (2 n - 1)
        so(8) 28
    """
    cap = _checks.integer("cap", cap, 1, 4096)
    strings = _checks.integer("strings", strings, 1)
    if not hasattr(generators, "program"):
        sums, n = read.of_list(generators)
    else:
        from qbp.circuits.circuit import check  # brings torch, as the circuit already has

        circuit = cast("Circuit", generators)
        check(circuit)
        sums, n = read.of_circuit(circuit)[0], circuit.n_qubits
    return of_sums(sums, n, cap, strings)


def of_sums(sums: Sequence[read.Sum], n: int, cap: int, strings: int = STRINGS) -> LieAlgebra:
    """Return the algebra of sums of strings as vectors, see :func:`lie_algebra`."""
    if all(len(terms) == 1 for terms in sums):
        parts, isolated = _of_strings([next(iter(terms)) for terms in sums], n)
        return LieAlgebra(n, tuple(parts), len(isolated), frozenset(isolated), None, ())
    closure = close(sums, n, cap, strings)
    ideals, centre = simple_ideals(closure)
    bases = (*(basis for _, basis in ideals), centre)
    return LieAlgebra(n, tuple(part for part, _ in ideals), len(centre), frozenset(), closure, bases)


def _of_strings(strings: list[int], n: int) -> tuple[list[StringComponent], list[int]]:
    """Return the components and the centre of strings; of a great many only those that add something."""
    step = 4 * n + 64
    used, rest = strings[:step], strings[step:]
    while True:
        parts, isolated = components(used, n)
        if any(part.dimension == 4**n - 1 for part in parts):
            return parts, []
        rest = [v for v in rest if v not in isolated and not any(part.contains(v) for part in parts)]
        if not rest:
            return parts, isolated
        used, rest = used + rest[:step], rest[step:]


def observable(H: Any, n: int) -> None:
    """Raise unless H is a PauliSum on n qubits."""
    if not isinstance(H, PauliSum):
        raise TypeError(f"H must be a PauliSum, got {type(H).__name__!r}")
    if H.n_qubits != n:
        raise ValueError(f"H must act on {n} qubits, got {H.n_qubits}")
