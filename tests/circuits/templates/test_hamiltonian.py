"""The Hamiltonian variational ansatz and QAOA against exponentials of dense matrices."""

import numpy as np
import pytest
import reference
import torch

import qbp

MIXED = qbp.PauliSum({"XZI": 0.4, "ZXI": -0.3, "IXZ": 0.7, "III": 2.0, "YYI": 0.5, "IZZ": 0.0, "XXX": 1.1})


def exponential(terms, theta):
    """exp(-i theta H), by diagonalizing H."""
    values, vectors = np.linalg.eigh(reference.pauli_sum(terms))
    return vectors @ np.diag(np.exp(-1j * theta * values)) @ vectors.conj().T


def same_up_to_phase(found, expected):
    overlap = np.vdot(expected, found)
    assert abs(abs(overlap) - 1) < 1e-12


@pytest.mark.parametrize("H", [qbp.tfim(3, 0.7, 1.3), qbp.heisenberg(3, 0.6), MIXED])
@pytest.mark.parametrize("start", ["plus", "zero"])
def test_a_layer_is_one_exponential_a_group(H, start):
    circuit = qbp.HamiltonianVariational(H, 2, start=start)
    theta = np.random.default_rng(0).normal(size=circuit.n_params)
    state = reference.start_state(3, start)
    for angle, group in zip(theta, circuit.groups * 2, strict=True):
        state = exponential({p: H.terms[p] for p in group}, angle) @ state
    same_up_to_phase(circuit.state(torch.tensor(theta)).numpy(), state)


def test_groups_commute_and_hold_every_term_once():
    circuit = qbp.HamiltonianVariational(MIXED, 1)
    assert sorted(p for group in circuit.groups for p in group) == ["IXZ", "XXX", "XZI", "YYI", "ZXI"]
    for group in circuit.groups:
        for p in group:
            for q in group:
                a, b = reference.pauli(p), reference.pauli(q)
                assert np.allclose(a @ b, b @ a)
    assert len(circuit.groups) == 4  # Y, X, and ZX twice: XZI and IXZ do not commute
    assert qbp.HamiltonianVariational(qbp.heisenberg(3), 1).groups == (
        ("ZZI", "IZZ"),
        ("YYI", "IYY"),
        ("XXI", "IXX"),
    )


def test_equal_sums_have_equal_circuits():
    terms = list(MIXED.terms.items())
    one, other = (qbp.HamiltonianVariational(qbp.PauliSum(dict(t)), 2) for t in (terms, terms[::-1]))
    assert one == other and hash(one) == hash(other) and one.program == other.program


def test_a_hamiltonian_without_a_term_is_refused():
    with pytest.raises(ValueError, match="H must have a term other than the identity"):
        qbp.HamiltonianVariational(qbp.PauliSum({"II": 1.0, "XX": 0.0}), 1)
    with pytest.raises(TypeError, match="H must be a PauliSum"):
        qbp.HamiltonianVariational(qbp.Projector(2), 1)


def test_more_layers_come_closer_to_the_ground_state():
    """With n / 2 layers the ansatz holds the ground state of the ring (Wiersema et al. 2020)."""
    H = qbp.tfim(4, periodic=True)
    circuit = qbp.HamiltonianVariational(H, 2)
    torch.manual_seed(0)
    theta = (0.1 + 0.3 * torch.rand(8, 4, dtype=torch.float64)).requires_grad_()
    optimizer = torch.optim.LBFGS([theta], max_iter=300, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        total = circuit.expectation(theta, H).sum()
        total.backward()
        return total

    optimizer.step(loss)
    lowest = np.linalg.eigvalsh(reference.pauli_sum(H.terms))[0]
    assert circuit.expectation(theta.detach(), H).min() - lowest < 1e-6


EDGES = [(0, 1, 1.0), (1, 2, 0.5), (0, 3, -2.0)]


def test_qaoa_is_two_exponentials_a_layer():
    """exp(-i gamma C), then exp(-i beta B), with C counted cut by cut."""
    circuit = qbp.QAOA(EDGES, 2)
    cut = np.zeros(16)
    for bits in range(16):
        cut[bits] = sum(w for i, j, w in EDGES if (bits >> (3 - i) & 1) != (bits >> (3 - j) & 1))
    field = {"I" * q + "X" + "I" * (3 - q): 1.0 for q in range(4)}
    theta = [0.3, 0.7, -1.1, 0.4]
    state = reference.start_state(4, "plus")
    for gamma, beta in (theta[:2], theta[2:]):
        state = exponential(field, beta) @ (np.exp(-1j * gamma * cut) * state)
    found = circuit.state(torch.tensor(theta, dtype=torch.float64)).numpy()
    same_up_to_phase(found, state)
    energy = circuit.expectation(torch.tensor(theta, dtype=torch.float64), circuit.hamiltonian)
    assert abs(float(energy) + (abs(found) ** 2) @ cut) < 1e-12


@pytest.mark.parametrize("n", [4, 7])
def test_qaoa_on_a_ring_has_the_closed_form(n):
    """One layer, no triangle, degree two: an edge is cut with 1/2 + sin(4 beta) sin(2 gamma) / 4."""
    circuit = qbp.QAOA([(q, (q + 1) % n) for q in range(n)], 1)
    theta = torch.tensor([[0.3, 0.2], [np.pi / 4, np.pi / 8], [-0.9, 0.5]], dtype=torch.float64)
    gamma, beta = theta.unbind(-1)
    expected = -n * (0.5 + (4 * beta).sin() * (2 * gamma).sin() / 4)
    torch.testing.assert_close(circuit.expectation(theta, circuit.hamiltonian), expected)


class Graph:
    """What is read of a graph of networkx."""

    def __init__(self, nodes, edges):
        self.nodes, self._edges = nodes, edges

    def edges(self, data, default):
        return [(*edge[:2], edge[2] if len(edge) == 3 else default) for edge in self._edges]


def test_graphs_and_lists_of_edges_are_the_same():
    listed = qbp.QAOA([(0, 1), (1, 2, 0.5)], 1, n_qubits=4)
    assert listed.graph == ((0, 1, 1.0), (1, 2, 0.5)) and listed.n_qubits == 4
    assert listed == qbp.QAOA(Graph([2, 0, 1, 3], [(0, 1), (1, 2, 0.5)]), 1)
    assert listed == qbp.QAOA(Graph("abcd", [("a", "b"), ("b", "c", 0.5)]), 1)
    assert hash(listed) == hash(qbp.QAOA(listed.graph, 1, 4))
    assert qbp.QAOA([(0, 1)], 1).n_qubits == 2


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ([], "graph must be a list of pairs"),
        ([(0,)], "graph must be a list of pairs"),
        ([(1, 1)], "graph must have edges between different vertices"),
        ([(0, 1, float("nan"))], "a weight of graph must be a finite number"),
        ([(0, 1.5)], "a vertex of graph must be an integer"),
        (Graph([0, 1], []), "graph must .* one edge or more"),
    ],
)
def test_wrong_graphs(graph, message):
    with pytest.raises((TypeError, ValueError), match=message):
        qbp.QAOA(graph, 1)
    with pytest.raises(ValueError, match="n_qubits must be at least 3, what graph needs, got 2"):
        qbp.QAOA([(0, 2)], 1, n_qubits=2)
