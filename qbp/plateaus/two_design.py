r"""Gradient variance of a 2-design: of circuits that are as random as they can be.

McClean et al. 2018 (the paper's [5]) average a gradient over all unitaries.  A circuit whose parts before and
behind a rotation have the same first and second moments as the Haar measure, a 2-design each, has the same
variance, whatever its gates are.
"""

from qbp.circuits.observables import PauliSum, Projector


def two_design_variance(H: PauliSum | Projector) -> float:
    r"""Return Var[dE/dtheta] of a Pauli rotation exp(-i theta P / 2) between two independent 2-designs.

    By the second moments of the Haar measure (McClean et al. 2018, the paper's [5]) it is, with d = 2^n,

    .. math:: \frac{d \, (\mathrm{tr}\, H^2 - (\mathrm{tr}\, H)^2 / d)}{2 (d^2 - 1)(d + 1)},

    so about 2^-(n+1) for one Pauli string: a qubit more halves it.

    Args:
        H: a Pauli sum or the projector on all zeros.

    Returns:
        The variance, in the squared unit of H; 0 where it is below the smallest float, 2^-1074.

    Raises:
        TypeError: H is neither.

    Example:
        >>> from qbp.circuits.observables import PauliSum, Projector
        >>> two_design_variance(PauliSum({"Z": 1.0})) == 2 / 9, two_design_variance(Projector(1)) == 1 / 18
        (True, True)
    """
    if isinstance(H, Projector):
        return 1 / (2 * (2**H.n_qubits + 1) ** 2)
    if not isinstance(H, PauliSum):
        raise TypeError(f"H must be a PauliSum or a Projector, got {type(H).__name__!r}")
    d, identity = 2**H.n_qubits, "I" * H.n_qubits
    squares = sum(c * c for pauli, c in H.terms.items() if pauli != identity)  # (tr H^2 - (tr H)^2 / d) / d
    return squares * (d**2 / (2 * (d**2 - 1) * (d + 1)))  # d is a whole number: no size overflows
