"""Tasks of the remedies: graphs, molecules and frames against counts, known energies and dense matrices."""

from collections import Counter

import numpy as np
import pytest
import reference
import torch

from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.targets import clifford_frame
from qbp.remedies.molecules import molecule
from qbp.remedies.tasks import TASKS, euler_angles, regular_graph, relaxed_cut, task


@pytest.mark.parametrize("n", [4, 6, 10])
def test_every_vertex_of_a_regular_graph_has_three_neighbours(n):
    for seed in range(5):
        edges = regular_graph(n, seed)
        assert len(set(edges)) == 3 * n // 2 and all(a < b for a, b in edges)
        assert set(Counter(v for edge in edges for v in edge).values()) == {3}
    assert len({tuple(regular_graph(n, seed)) for seed in range(20)}) > (1 if n > 4 else 0)


def test_the_two_cubic_graphs_on_six_vertices_come_as_often_as_their_labellings():
    # 60 labellings of the prism, which has triangles, and 10 of K_3,3, which has none
    def triangles(edges):
        a = np.zeros((6, 6))
        for i, j in edges:
            a[i, j] = a[j, i] = 1
        return np.trace(a @ a @ a)

    none = sum(triangles(regular_graph(6, seed)) == 0 for seed in range(300))
    assert abs(none - 300 / 7) < 5 * (300 * 6 / 49) ** 0.5


@pytest.mark.parametrize(
    "n, lowest", [(4, -1.137270174625328), (6, -7.8796), (8, -7.8802)]
)  # four qubits: full configuration interaction, as in the package's file; the others leave orbitals out
def test_molecules_have_the_energies_of_the_chemists(n, lowest):
    terms = molecule(n)
    values = np.linalg.eigvalsh(reference.pauli_sum(terms))
    assert values[0] == pytest.approx(lowest, abs=1e-9 if n == 4 else 1e-4)
    assert (
        n == 4 or -7.8809823148256966 < values[0] < -7.8625677857178955
    )  # above all orbitals, below one determinant


def test_euler_angles_turn_as_the_frame_does():
    def about(axis, angle):
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[j, i], turn[i, j] = np.sin(angle), -np.sin(angle)
        return turn

    for frame in np.concatenate([clifford_frame(3, seed) for seed in range(30)]):
        a, b, c = euler_angles(frame)
        np.testing.assert_allclose(about(2, a) @ about(1, b) @ about(2, c), frame, atol=1e-12)


def test_the_relaxed_cut_is_a_stationary_point_below_every_cut():
    edges = regular_graph(6, 1)
    vectors = relaxed_cut(edges, 6, 1)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(6, dtype=torch.float64))
    product = sum(float(vectors[a] @ vectors[b]) for a, b in edges)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 6)).reshape(6, -1)
    assert product <= min(sum(signs[a] * signs[b] for a, b in edges)) + 1e-9


@pytest.mark.parametrize("kind", TASKS)
def test_a_task_knows_its_lowest_value(kind):
    circuit = HardwareEfficient(4, 2)
    found = task(kind, circuit, 3, "plain")
    matrix = np.stack([found.observable.apply(e).numpy() for e in torch.eye(16, dtype=torch.complex128)], 1)
    assert np.linalg.eigvalsh(matrix)[0] == pytest.approx(found.lowest, abs=1e-9)
    assert found.frame is None and found.seen is found.bloch and found.bloch.shape == (4, 3)


def test_wrong_tasks_are_refused_in_words():
    circuit = HardwareEfficient(3, 2)
    with pytest.raises(ValueError, match="kind must be one of"):
        task("ising", circuit, 0)
    with pytest.raises(ValueError, match="frame must be one of plain, clifford"):
        task("tfim", circuit, 0, "turned")
    with pytest.raises(ValueError, match="frame is an option of Hamiltonians"):
        task("circuit", circuit, 0, "clifford")
    with pytest.raises(ValueError, match="n must be at least 4"):
        task("regular", circuit, 0)
    with pytest.raises(ValueError, match="n must be even"):
        regular_graph(5, 0)
    with pytest.raises(ValueError, match="qubits must be 4, 6, 8 for molecule, got 3"):
        task("molecule", circuit, 0)
