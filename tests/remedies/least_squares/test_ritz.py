"""Ritz values against dense generalized eigenproblems; never above the plain energy, nor below the lowest."""

import numpy as np
import pytest
import scipy.linalg
import torch
from reference import pauli

import qbp
from qbp import draws
from qbp.circuits.observables import PauliSum
from qbp.remedies.least_squares import ritz

H = qbp.heisenberg(3)
CIRCUIT = qbp.HardwareEfficient(3, 2)
STATES = CIRCUIT.state(draws.uniform(range(6), "start", CIRCUIT.n_params, high=2 * np.pi))
SPAN = ritz.local_span(3)


def dense(H):
    return sum(c * pauli(p) for p, c in H.terms.items())


@pytest.mark.parametrize("letters", ["Y", "XZ", "XYZ"])
@pytest.mark.parametrize("cutoff", [0.0, 1e-8, 0.1, 0.9])
def test_a_ritz_value_lies_between_the_lowest_and_the_plain_energy(letters, cutoff):
    values = ritz.ritz_energy(STATES, H, ritz.local_span(3, letters), cutoff)
    lowest = np.linalg.eigvalsh(dense(H))[0]
    assert (values >= lowest - 1e-9).all()
    assert (values <= H.expectation(STATES) + 1e-9).all()


def test_it_is_the_lowest_value_of_the_dense_eigenproblem():
    span = ritz.local_span(3, "Y")
    for state, found in zip(STATES, ritz.ritz_energy(STATES, H, span), strict=True):
        vectors = np.stack([pauli(word) @ state.numpy() for word in span], axis=1)
        S, E = vectors.conj().T @ vectors, vectors.conj().T @ dense(H) @ vectors
        expected = scipy.linalg.eigh(E, S, eigvals_only=True)[0]
        assert float(found) == pytest.approx(expected, abs=1e-8)


def test_a_span_of_everything_has_the_ground_energy():
    whole = ["III", *(p + q + r for p in "IXYZ" for q in "IXYZ" for r in "IXYZ" if p + q + r != "III")]
    assert ritz.ritz_energy(STATES, H, whole).numpy() == pytest.approx(
        np.linalg.eigvalsh(dense(H))[0], abs=1e-8
    )


def test_its_gradient_passes_gradcheck():
    theta = draws.uniform([1], "start", CIRCUIT.n_params, high=2 * np.pi).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda t: ritz.ritz_energy(CIRCUIT.state(t), H, ritz.local_span(3, "Y")), theta
    )


def test_a_run_that_is_not_finite_leaves_its_neighbours_alone():
    spoiled = STATES.clone()
    spoiled[2, 0] = torch.nan
    found, whole = (ritz.ritz_energy(s, H, SPAN) for s in (spoiled, STATES))
    others = [0, 1, 3, 4, 5]
    assert found[2].isnan()
    torch.testing.assert_close(found[others], whole[others])


def test_products_are_those_of_matrices():
    for words in (["XYZ", "ZZI"], ["YXI", "XYZ", "ZIX"]):
        phase, word = ritz.product(words)
        expected = np.linalg.multi_dot([pauli(w) for w in [*words, "III"]])
        np.testing.assert_allclose(phase * pauli(word), expected, atol=1e-12)


def test_the_settings_measure_every_matrix_element():
    one = PauliSum({"Z": 1.0})
    assert ritz.ritz_settings(one, ["I", "Y"]) == 3  # Y; <YZY> is -<Z>; <ZY> is <X> with a phase
    assert ritz.ritz_settings(H, SPAN) <= 3**3
    with pytest.raises(ValueError, match="span must be strings of 3 letters of IXYZ, the identity first"):
        ritz.ritz_energy(STATES, H, ["YII"])
    with pytest.raises(ValueError, match="letters must be some of XYZ, got 'AB'"):
        ritz.local_span(2, "AB")
