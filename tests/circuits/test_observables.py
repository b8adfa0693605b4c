"""Observables against dense matrices, Hamiltonians against closed forms."""

import copy
import pickle

import numpy as np
import pytest
import reference
import torch
from hypothesis import given
from hypothesis import strategies as st

from qbp.circuits.observables import PauliSum, Projector, heisenberg, local_observables, maxcut, tfim

coefficients = st.floats(-2, 2).map(lambda c: round(c, 3))
sums = st.integers(1, 4).flatmap(
    lambda n: st.dictionaries(st.text("IXYZ", min_size=n, max_size=n), coefficients, min_size=1, max_size=8)
)


def matrix(H):
    """Column j of the matrix is H|j>; `apply` maps rows."""
    return H.apply(torch.eye(2**H.n_qubits, dtype=torch.complex128)).T.numpy()


def random_states(n, *batch, dtype=torch.complex128):
    generator = torch.Generator().manual_seed(1)
    state = torch.randn(*batch, 2**n, dtype=dtype, generator=generator)
    return state / state.norm(dim=-1, keepdim=True)


@given(sums)
def test_pauli_sums_are_their_matrices(terms):
    H = PauliSum(terms)
    expected = reference.pauli_sum(terms)
    np.testing.assert_allclose(matrix(H), expected, atol=1e-14)
    state = random_states(H.n_qubits, 2, 3)
    values = H.expectation(state)
    assert values.shape == (2, 3) and values.dtype == torch.float64
    for index in np.ndindex(2, 3):
        assert abs(values[index].item() - reference.expectation(expected, state[index].numpy())) < 1e-12


def test_strings_that_flip_the_same_qubits_share_a_pass():
    assert len(tfim(6)._groups) == 7  # one diagonal, six single flips
    assert len(heisenberg(2)._groups) == 2  # XX and YY flip both qubits, ZZ none
    assert all(not np.iscomplexobj(phases) for phases in heisenberg(4)._groups.values())


@pytest.mark.parametrize("n", [1, 2, 4])
def test_projector(n):
    P = Projector(n)
    expected = reference.kron(*[reference.ZERO] * n)
    np.testing.assert_allclose(matrix(P), expected)
    state = random_states(n, 3)
    np.testing.assert_allclose(P.expectation(state), state[:, 0].abs() ** 2, atol=1e-15)


def test_precision_follows_the_state_and_real_states_are_welcome():
    H = PauliSum({"XY": 0.5, "ZI": 1.0})
    assert H.expectation(random_states(2, dtype=torch.complex64)).dtype == torch.float32
    state = torch.tensor([0.6, 0.0, 0.8, 0.0], dtype=torch.float64)
    assert abs(H.expectation(state).item() - (0.36 - 0.64)) < 1e-15


def test_expectation_is_differentiable():
    state = random_states(2, 2).requires_grad_()
    for H in (PauliSum({"XY": 0.5, "ZI": 1.0, "YY": -1.0}), Projector(2)):
        assert torch.autograd.gradcheck(H.expectation, (state,))


def chain(n, periodic):
    return [(i, (i + 1) % n) for i in range(n if periodic and n > 1 else n - 1)]


def two_site(n, letter, i, j):
    return reference.on(n, reference.PAULI[letter], i) @ reference.on(n, reference.PAULI[letter], j)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_chains_are_their_matrices(n, periodic):
    ising = -0.7 * sum((two_site(n, "Z", *bond) for bond in chain(n, periodic)), np.zeros((2**n, 2**n)))
    ising = ising - 0.3 * sum(reference.on(n, reference.PAULI["X"], i) for i in range(n))
    np.testing.assert_allclose(matrix(tfim(n, 0.7, 0.3, periodic)), ising, atol=1e-14)
    expected = sum(
        (1.3 * two_site(n, p, *b) for b in chain(n, periodic) for p in "XYZ"), np.zeros((2**n, 2**n))
    )
    np.testing.assert_allclose(matrix(heisenberg(n, 1.3, periodic)), expected, atol=1e-14)


def test_two_periodic_qubits_keep_both_bonds():
    assert tfim(2, periodic=True).terms["ZZ"] == -2.0
    assert dict(heisenberg(2, periodic=True).terms) == {"XX": 2.0, "YY": 2.0, "ZZ": 2.0}


@pytest.mark.parametrize("n", [1, 2, 3, 6])
@pytest.mark.parametrize(("J", "h"), [(1.0, 1.0), (0.4, 1.3), (1.5, 0.2), (1.0, 0.0)])
def test_open_ising_chain_has_the_free_fermion_energy(n, J, h):
    bidiagonal = np.diag([h] * n) + np.diag([J] * (n - 1), 1)
    exact = -np.linalg.svd(bidiagonal, compute_uv=False).sum()
    assert abs(np.linalg.eigvalsh(matrix(tfim(n, J, h)))[0] - exact) < 1e-12
    if J == h == 1:
        assert abs(exact - (1 - 1 / np.sin(np.pi / (2 * (2 * n + 1))))) < 1e-12


@pytest.mark.parametrize("n", [2, 3, 4, 6])
@pytest.mark.parametrize(("J", "h"), [(1.0, 1.0), (0.4, 1.3), (1.5, 0.2)])
def test_periodic_ising_chain_has_the_free_fermion_energy(n, J, h):
    k = (2 * np.arange(n) + 1) * np.pi / n
    exact = -np.sqrt(J**2 + h**2 - 2 * J * h * np.cos(k)).sum()
    assert abs(np.linalg.eigvalsh(matrix(tfim(n, J, h, periodic=True)))[0] - exact) < 1e-12
    if J == h == 1:
        assert abs(exact + 2 / np.sin(np.pi / (2 * n))) < 1e-12


def test_heisenberg_pair_has_the_singlet_at_minus_three():
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix(heisenberg(2))), [-3, 1, 1, 1], atol=1e-14)


def test_maxcut_is_minus_the_weight_of_the_cut():
    edges, weights = [(0, 1), (1, 2), (2, 0), (2, 3), (1, 0)], [1.0, 2.0, -0.5, 3.0, 0.25]
    energies = matrix(maxcut(edges, weights))
    assert np.count_nonzero(energies - np.diag(np.diag(energies))) == 0
    for index, energy in enumerate(np.diag(energies).real):
        side = [index >> (3 - v) & 1 for v in range(4)]
        cut = sum(w for (i, j), w in zip(edges, weights, strict=True) if side[i] != side[j])
        assert abs(energy + cut) < 1e-14


def test_maxcut_sizes():
    assert maxcut([(0, 4)]).n_qubits == 5
    assert maxcut([(0, 1)], n_qubits=3).n_qubits == 3
    assert maxcut([], n_qubits=2) == PauliSum({"II": 0.0})


def test_local_observables_go_qubit_by_qubit():
    observables = local_observables(3)
    assert [next(iter(O_i.terms)) for O_i in observables[:4]] == ["XII", "YII", "ZII", "IXI"]
    assert len(observables) == 9
    assert local_observables(2, "Z") == [PauliSum({"ZI": 1}), PauliSum({"IZ": 1})]


def test_observables_are_values():
    H = tfim(5)
    assert repr(H) == "PauliSum({'ZZIII': -1.0, 'IZZII': -1.0, 'IIZZI': -1.0, 'IIIZZ': -1.0, ... 9 terms})"
    assert repr(Projector(3)) == "Projector(n_qubits=3)"
    a, b = PauliSum({"X": 1, "Z": 2}), PauliSum({"Z": 2.0, "X": 1.0})
    assert a == b and hash(a) == hash(b) and a != PauliSum({"X": 1}) and a != "X"
    H.expectation(random_states(5))
    assert pickle.loads(pickle.dumps(H)) == copy.deepcopy(H) == H
    with pytest.raises(TypeError):
        H.terms["ZZIII"] = 3.0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: PauliSum({}), TypeError, "terms"),
        (lambda: PauliSum("ZZ"), TypeError, "terms"),
        (lambda: PauliSum({"ZA": 1.0}), ValueError, "'ZA'"),
        (lambda: PauliSum({"": 1.0}), ValueError, "letters"),
        (lambda: PauliSum({3: 1.0}), ValueError, "got 3"),
        (lambda: PauliSum({"Z": 1.0, "ZZ": 1.0}), ValueError, "must be 1 letters .* got 'ZZ'"),
        (lambda: PauliSum({"Z": 1j}), TypeError, r"terms\['Z'\]"),
        (lambda: PauliSum({"Z": float("nan")}), ValueError, r"terms\['Z'\]"),
        (lambda: Projector(0), ValueError, "n_qubits must be at least 1, got 0"),
        (lambda: tfim(0), ValueError, "n must be at least 1, got 0"),
        (lambda: tfim(2.0), TypeError, "n must be an integer"),
        (lambda: tfim(2, field=float("inf")), ValueError, "field"),
        (lambda: heisenberg(2, "J"), TypeError, "coupling"),
        (lambda: maxcut([]), TypeError, "n_qubits"),
        (lambda: maxcut([(0, 0)]), ValueError, r"edges .* \(0, 0\)"),
        (lambda: maxcut([(0, 1, 2)]), ValueError, "edges"),
        (lambda: maxcut([(0, -1)]), ValueError, "vertex"),
        (lambda: maxcut([(0, 3)], n_qubits=2), ValueError, "n_qubits must be at least 4"),
        (lambda: maxcut([(0, 1)], [1.0, 2.0]), ValueError, "weights"),
        (lambda: local_observables(2, "XI"), ValueError, "paulis"),
        (lambda: local_observables(0), ValueError, "n must be"),
        (
            lambda: tfim(2).expectation(torch.ones(8)),
            ValueError,
            r"state must have shape \(..., 4\), got \(8,\)",
        ),
        (lambda: tfim(2).expectation([1, 0, 0, 0]), TypeError, "state must be a tensor"),
        (lambda: Projector(2).apply(torch.ones(())), ValueError, "state"),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error, match=message):
        make()
