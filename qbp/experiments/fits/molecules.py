"""Hamiltonian of the hydrogen molecule on four qubits, as OpenFermion gives it.

Source: OpenFermion 1.8.1 (Apache 2.0), the file ``H2_sto-3g_singlet_0.7414.hdf5`` that it ships: H2 at 0.7414
Angstrom in the basis STO-3G, by the Jordan-Wigner transform of ``get_molecular_hamiltonian()``.  Energies in
Hartree.
"""

from typing import TYPE_CHECKING

from qbp.circuits.observables import PauliSum, heisenberg, tfim

if TYPE_CHECKING:
    from collections.abc import Callable

H2_TERMS = {
    "IIII": -0.09886397351781583,
    "ZIII": 0.17119774853325848,
    "IZII": 0.1711977485332586,
    "IIZI": -0.22278592890107018,
    "IIIZ": -0.22278592890107013,
    "ZZII": 0.16862219143347554,
    "YXXY": 0.04532220209856541,
    "YYXX": -0.04532220209856541,
    "XXYY": -0.04532220209856541,
    "XYYX": 0.04532220209856541,
    "ZIZI": 0.12054482186554413,
    "ZIIZ": 0.16586702396410954,
    "IZZI": 0.16586702396410954,
    "IZIZ": 0.12054482186554413,
    "IIZZ": 0.17434844170557132,
}
H2_LOWEST = -1.137270174625328  # full configuration interaction, in the same file


def h2(n_qubits: int = 4) -> PauliSum:
    """Return the Hamiltonian of H2, in Hartree.

    Args:
        n_qubits: 4; there is no other.
    """
    if n_qubits != 4:
        raise ValueError(f"qubits must be 4 for h2, got {n_qubits}")
    return PauliSum(H2_TERMS)


HAMILTONIANS: "dict[str, Callable[[int], PauliSum]]" = {"tfim": tfim, "heisenberg": heisenberg, "h2": h2}
