"""The bound of every cloner: the certificate is a pair of points that meet, checked with dense matrices."""

import numpy as np
import reference
from scipy.stats import unitary_group

from qbp.experiments.later_versions import ceiling


def fidelity(choi):
    """Mean fidelity of a cloner's clones, state by state, from its Choi matrix (input, Bob, Eve)."""
    found = []
    for psi in ceiling.AMPLITUDES:
        rho = np.einsum("iajb,i,j->ab", choi.reshape(2, 4, 2, 4), psi, psi).reshape(2, 2, 2, 2)
        bob, eve = np.einsum("abcb->ac", rho), np.einsum("abad->bd", rho)
        found += [psi @ bob @ psi, psi @ eve @ psi]
    return np.real(np.mean(found))


def random_cloner(seed, ancillas=2):
    """The Choi matrix of a unitary on the input, a blank and ancillas; the clones are two of its outputs."""
    n = 2 + ancillas
    columns = unitary_group.rvs(2**n, random_state=seed)[:, [0, 2 ** (n - 1)]].reshape(4, 2**ancillas, 2)
    return np.einsum("aei,bej->iajb", columns, columns.conj()).reshape(8, 8)


def test_the_two_points_meet_at_the_closed_form():
    assert abs(ceiling.upper_bound() - ceiling.CEILING) < 1e-14
    choi = ceiling.best_cloner()
    assert np.linalg.eigvalsh(choi)[0] > -1e-14  # completely positive ...
    np.testing.assert_allclose(ceiling.input_marginal(choi), np.eye(2), atol=1e-14)  # ... and a channel
    assert abs(np.trace(choi @ ceiling.score()).real - ceiling.CEILING) < 1e-14


def test_the_score_is_the_mean_fidelity_and_no_cloner_passes_the_bound():
    found = []
    for seed in range(50):
        choi = random_cloner(seed)
        np.testing.assert_allclose(ceiling.input_marginal(choi), np.eye(2), atol=1e-12)
        found.append(fidelity(choi))
        assert abs(np.trace(choi @ ceiling.score()).real - found[-1]) < 1e-12
    assert max(found) < ceiling.upper_bound() and max(found) > 0.5
    assert abs(fidelity(ceiling.best_cloner()) - ceiling.CEILING) < 1e-12


def test_the_states_are_those_of_bb84():
    z, x = reference.PAULI["Z"], reference.PAULI["X"]
    for psi, (matrix, sign) in zip(ceiling.AMPLITUDES, [(z, 1), (z, -1), (x, 1), (x, -1)], strict=True):
        np.testing.assert_allclose(matrix @ psi, sign * psi, atol=1e-15)
