r"""Largest mean fidelity that any cloner of the four BB84 states can have, with a certificate.

A cloner is a channel from one qubit to two, Bob's and Eve's.  Its mean fidelity over the states psi and both
clones is ``tr(J R)``, where J is its Choi matrix and

    R = 1/4 sum_psi psi^T (x) (psi (x) 1 + 1 (x) psi) / 2.

Since ``tr J = 2``, no channel passes twice the largest eigenvalue of R: a dual point of the semidefinite
program (Hettel 2026), and a bound whatever the circuit, its qubits and its depth.  A channel that reaches it
is made of the eigenvectors: the phase-covariant cloner (Bruss et al. 2000).
"""

import math

import numpy as np

CEILING = 0.5 + 1 / math.sqrt(8)
AMPLITUDES = np.array([[1, 0], [0, 1], [1, 1], [1, -1]]) / np.sqrt([[1], [1], [2], [2]])


def score() -> np.ndarray:
    """Return R, real, (8, 8): the qubits are the input, Bob's and Eve's clone.

    Example:
        >>> round(2 * float(np.linalg.eigvalsh(score())[-1]), 6)  # the certificate
        0.853553
    """
    one, states = np.eye(2), [np.outer(psi, psi) for psi in AMPLITUDES]
    both = [np.kron(psi, np.kron(psi, one) + np.kron(one, psi)) / 2 for psi in states]  # psi^T is psi: real
    return np.mean(both, axis=0)


def upper_bound() -> float:
    """Return twice the largest eigenvalue of R, which no cloner passes: the dual point."""
    return 2 * float(np.linalg.eigvalsh(score())[-1])


def best_cloner(digits: int = 9) -> np.ndarray:
    """Return the Choi matrix of a cloner that reaches the bound, (8, 8): the primal point.

    It is the projector onto the eigenvectors of the largest eigenvalue; that its partial trace over the
    clones is the identity makes it a channel.

    Args:
        digits: eigenvalues that agree to so many are one.
    """
    values, vectors = np.linalg.eigh(score())
    top = vectors[:, np.round(values - values[-1], digits) == 0]
    return top @ top.conj().T * (2 / top.shape[1])


def input_marginal(choi: np.ndarray) -> np.ndarray:
    """Return the partial trace of a Choi matrix over both clones, (2, 2): the identity for a channel."""
    return np.trace(choi.reshape(2, 4, 2, 4), axis1=1, axis2=3)
