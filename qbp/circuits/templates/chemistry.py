r"""Circuits of quantum chemistry: unitary coupled cluster, as rotations by Pauli strings.

Spin orbital p is qubit p, occupied where the qubit is ``|1>``.  The transform of Jordan and
Wigner 1928 writes the operator that empties it as ``a_p = Z_0 ... Z_{p-1} (X_p + i Y_p) / 2``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import combinations
from typing import Any

from qbp import _checks
from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Program, Rotation

PRODUCTS = {  # of two letters: a power of i, and a letter
    **{p + p: (0, "I") for p in "IXYZ"},
    **{"I" + p: (0, p) for p in "XYZ"},
    **{p + "I": (0, p) for p in "XYZ"},
    **{a + b: (1, c) for a, b, c in ("XYZ", "YZX", "ZXY")},
    **{b + a: (3, c) for a, b, c in ("XYZ", "YZX", "ZXY")},
}
Sum = dict[str, complex]  # Pauli strings and their coefficients
Excitation = tuple[tuple[int, ...], tuple[int, ...]]  # occupied orbitals, and those the electrons go to


@dataclass(frozen=True)
class UCCSD(Circuit):
    r"""Unitary coupled cluster with singles and doubles from the Hartree-Fock state (Peruzzo et al. 2014;
    Romero et al. 2019), one Trotter step.

    The circuit is ``prod_k exp(theta_k (T_k - T_k^dagger))``, the first excitation acting first, with
    ``T = a_a^dagger a_i`` for ((i,), (a,)) and ``T = a_a^dagger a_b^dagger a_j a_i`` for ((i, j), (a, b)).
    Each is exact: its 2 or 8 Pauli strings commute, and share its angle.  `theta` has one entry for each
    excitation, in radians; the angle of a string is +-theta for a single, +-theta / 4 for a double.

    Args:
        n_qubits: spin orbitals, at least 2.
        n_electrons: the Hartree-Fock state has qubits 0 to n_electrons - 1 in ``|1>``.
        excitations: which, in their order; None means all that keep the spin: singles, then doubles, each in
            the order of i, j, a, b, where orbitals with even index have spin up, odd ones spin down.

    Raises:
        TypeError, ValueError: an argument is none of these, or there is no excitation.

    Example:
        >>> UCCSD(4, 2).excitations  # two electrons in four spin orbitals, such as H2
        (((0,), (2,)), ((1,), (3,)), ((0, 1), (2, 3)))
    """

    n_qubits: int
    n_electrons: int
    excitations: tuple[Excitation, ...] | None = None

    def __post_init__(self) -> None:
        n = _checks.integer("n_qubits", self.n_qubits, 2)
        electrons = _checks.integer("n_electrons", self.n_electrons, 0, n)
        _checks.memory("n_qubits", 100 * n, f"{n} qubits")
        self.__dict__["n_electrons"] = electrons
        self.__dict__["start"] = ((0.0, 1.0),) * electrons + ((1.0, 0.0),) * (n - electrons)
        super().__post_init__()
        if self.excitations is None:
            found = spin_excitations(n, electrons)
            if not found:
                raise ValueError(f"n_electrons must leave some to excite, got {electrons} in {n} orbitals")
        else:
            listed = _checks.sequence("excitations", self.excitations, "pairs such as ((0, 1), (2, 3))")
            found = tuple(_excitation("excitations", value, n) for value in listed)
        self.__dict__["excitations"] = found

    @cached_property
    def program(self) -> Program:  # type: ignore[override]  # an attribute, once it is made
        """The gates, first to last."""
        return Program(
            Rotation(string, k, scale)
            for k, excitation in enumerate(self.excitations or ())
            for string, scale in excitation_rotations(self.n_qubits, excitation).items()
        )


def spin_excitations(n_qubits: int, n_electrons: int) -> tuple[Excitation, ...]:
    """Return the single, then the double excitations from the lowest orbitals that keep the spin.

    Args:
        n_qubits: spin orbitals; even ones have spin up, odd ones spin down.
        n_electrons: orbitals 0 to n_electrons - 1 are occupied.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> spin_excitations(4, 1)
        (((0,), (2,)),)
    """
    n = _checks.integer("n_qubits", n_qubits)
    electrons = _checks.integer("n_electrons", n_electrons, 0, n)
    _checks.memory("n_qubits", 200 * (electrons * (n - electrons)) ** 2 + 8 * n, f"{n} qubits")
    occupied = range(electrons)
    found = []
    for count in (1, 2):
        for low in combinations(occupied, count):
            for high in combinations(range(len(occupied), n), count):
                if sum(p % 2 for p in low) == sum(p % 2 for p in high):
                    found.append((low, high))
    return tuple(found)


def excitation_rotations(n_qubits: int, excitation: Excitation) -> dict[str, float]:
    r"""Return ``exp(theta (T - T^dagger))`` as rotations: {Pauli string: its angle over theta}.

    ``T - T^dagger`` is ``i sum_s c_s P_s`` with real c_s, and ``exp(i theta c P)`` turns by ``-2 c theta``.

    Args:
        n_qubits: spin orbitals.
        excitation: as for :class:`UCCSD`, of orbitals that all differ.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> excitation_rotations(3, ((0,), (2,)))
        {'XZY': 1.0, 'YZX': -1.0}
    """
    n = _checks.integer("n_qubits", n_qubits, 2)
    _checks.memory("n_qubits", 100 * n, f"{n} qubits")
    low, high = _excitation("excitation", excitation, n)
    factors = [_ladder(n, p, -1j) for p in high] + [_ladder(n, p, 1j) for p in reversed(low)]
    total = reduce(_multiply, factors)  # T - T^dagger keeps what is imaginary, twice
    return {string: -4 * c.imag for string, c in sorted(total.items()) if c.imag}


def _ladder(n: int, p: int, sign: complex) -> Sum:
    """Return a_p for the sign i, its adjoint for -i."""
    before, after = "Z" * p, "I" * (n - 1 - p)
    return {before + "X" + after: 0.5, before + "Y" + after: 0.5 * sign}


def _multiply(a: Sum, b: Sum) -> Sum:
    total: Sum = {}
    for p, c in a.items():
        for q, d in b.items():
            letters = [PRODUCTS[x + y] for x, y in zip(p, q, strict=True)]
            string = "".join(letter for _, letter in letters)
            phase = (1, 1j, -1, -1j)[sum(power for power, _ in letters) % 4]
            total[string] = total.get(string, 0) + c * d * phase
    return total


def _excitation(name: str, value: Any, n: int) -> Excitation:
    """Return one or two occupied orbitals and as many others, all different and below n, or raise."""
    takes = f"{name} must be such as ((0,), (2,)) or ((0, 1), (2, 3)), of different orbitals"
    parts = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    if len(parts) != 2 or not all(isinstance(p, Sequence) and not isinstance(p, str) for p in parts):
        raise ValueError(f"{takes}, got {value!r}")
    low, high = (tuple(_checks.integer(f"an orbital of {name}", q, 0, n - 1) for q in p) for p in parts)
    if len(low) not in (1, 2) or len(low) != len(high) or len({*low, *high}) != 2 * len(low):
        raise ValueError(f"{takes}, got {value!r}")
    return low, high
