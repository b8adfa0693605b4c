"""The compiled loops of the remedies against the torch path: the same likelihoods, draws and numbers."""

import itertools

import numpy as np
import pytest
import torch

from qbp.circuits.ansatz import HardwareEfficient, PauliRotations
from qbp.circuits.gates import Program, Rotation
from qbp.circuits.observables import Projector, tfim
from qbp.experiments import registry
from qbp.experiments.remedies.configuration import RemedyExperiment
from qbp.remedies import compiled
from qbp.remedies.lab import Lab
from qbp.remedies.measurements import Shots, wanted
from qbp.remedies.tasks import task

pytest.importorskip("numba")
SEEDS = (4, 5, 6)
TASKS = [
    ("tfim", "clifford", 4),
    ("heisenberg", "plain", 3),
    ("regular", "clifford", 4),
    ("molecule", "clifford", 4),
    ("circuit", "plain", 4),
    ("random", "plain", 3),
    ("tfim", "clifford", 6),  # more columns than a block of the loops takes
]


def angles(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.pi * torch.rand(*shape, generator=generator, dtype=torch.float64)


def asked_of(lab):
    """What a laboratory answers to every kind of question, about three ansatzes."""
    n, p = lab.n_qubits, lab.n_params
    free = HardwareEfficient(n, 2, ("rz", "ry", "rz"))
    letters = ["".join(s) for s in itertools.product("IXYZ", repeat=n) if set(s) != {"I"}][5:40]
    grown = PauliRotations(n, tuple(letters))
    theta, rows = angles(3, p), torch.tensor([[3, 1], [0, 5], [7, 2]])
    return [
        lab.energies(angles(3, 13, free.n_params), free),
        lab.locally(theta),
        lab.local_jacobian(theta),
        lab.gradient(theta),
        lab.gradient(theta, rows=rows),
        lab.gradient(theta, task=0.3, local=lambda seen: seen - 0.2),
        lab.gradient(angles(3, grown.n_params), grown),
        lab.measured(lab.circuit, theta, lab.local),
    ]


@pytest.mark.parametrize("shots", [None, 7, 300])
@pytest.mark.parametrize("kind, frame, n", TASKS)
def test_the_loops_answer_as_torch_does(monkeypatch, kind, frame, n, shots):
    circuit, found = HardwareEfficient(n, 6 if n == 6 else 3), []
    for takes in (compiled.takes, lambda *_: False):
        monkeypatch.setattr(compiled, "takes", takes)
        tasks = [task(kind, circuit, s, frame) for s in SEEDS]
        found.append(asked_of(Lab(circuit, tasks, SEEDS, shots=shots, steps=1000)))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["adapt", "fraxis", "two-stage", "layerwise"])
def test_a_remedy_ends_where_it_does_in_torch(monkeypatch, method):
    ends = []
    for takes in (compiled.takes, lambda *_: False):
        monkeypatch.setattr(compiled, "takes", takes)
        options = {"qubits": 3, "layers": 2, "seeds": 2, "steps": 12, "record_every": 6, "device": "cpu"}
        for shots in (None, 5):
            config = RemedyExperiment(method=method, frame="clifford", shots=shots, **options)
            ends.append(registry.run(config).history["error"])
    np.testing.assert_allclose(ends[:2], ends[2:], rtol=1e-9, atol=1e-12)


def test_shots_are_counted_alike_with_and_without_the_loops(monkeypatch):
    edges = np.array([[0.0, 0.25, 0.25, 1.0], [0.5, 0.5, 0.75, 1.0]])
    uniform = np.array([[0.0, 0.1, 0.25, 0.9999], [0.4, 0.5, 0.6, 0.8]])
    expected = [[0, 2, 0, 2], [1, 0, 2, 1]]
    assert compiled.counted(edges, uniform).tolist() == expected
    monkeypatch.setattr(compiled, "loops", lambda: None)
    assert compiled.counted(edges, uniform).tolist() == expected


@pytest.mark.parametrize("shots", [5, 300])
def test_a_run_draws_the_same_alone_and_among_others(shots):
    likely = torch.from_numpy(np.random.default_rng(3).dirichlet(np.ones(4), (3, 2, 6)))
    together, alone = Shots(SEEDS, shots), Shots(SEEDS[1:2], shots)
    for _ in range(2):
        whole, one = together.frequencies(likely), alone.frequencies(likely[1:2])
        torch.testing.assert_close(whole[1:2], one, rtol=0, atol=0)
        torch.testing.assert_close(whole.sum(-1), torch.ones(3, 2, 6, dtype=torch.float64))


def test_what_the_loops_do_not_know_takes_torch():
    theta, cpu = angles(1, 4), torch.device("cpu")
    asked, ladder = wanted([[tfim(2)]], torch.float64, cpu), HardwareEfficient(2, 1)
    assert compiled.takes(ladder.program, theta, asked)
    assert not compiled.takes(ladder.program, theta.float(), asked)
    assert not compiled.takes(HardwareEfficient(2, 1, entangler="cnot").program, theta, asked)
    assert not compiled.takes(ladder.program, theta, wanted([[Projector(2)]], torch.float64, cpu))


def test_first_rotations_of_all_qubits_come_before_second_ones():
    program = Program([Rotation("YI", 0), Rotation("ZI", 1), Rotation("IY", 2), Rotation("IZ", 3)])
    assert compiled.table(program, 2).gates[:, 4].tolist() == [0, 2, 1, 3]
    tied = Program([Rotation("ZZ", 0), Rotation("XI", 1), Rotation("XX", 2)])
    assert compiled.table(tied, 2).gates[:, 1].tolist() == [0, 2, 3]
