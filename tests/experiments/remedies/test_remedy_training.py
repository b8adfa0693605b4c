"""Remedies trained as an experiment: equal budgets, records, runs alone and among others, refusals."""

import json

import numpy as np
import pytest
import torch
from said import Said

from qbp.circuits.ansatz import HardwareEfficient
from qbp.experiments import registry
from qbp.experiments.remedies.configuration import METHODS, RemedyExperiment
from qbp.experiments.remedies.training import followed
from qbp.remedies.lab import Lab, Point, Spent
from qbp.remedies.tasks import TASKS, task
from qbp.results import store

SMALL = {"qubits": 2, "layers": 2, "seeds": 2, "steps": 4, "record_every": 2, "device": "cpu"}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_spends_the_same_and_keeps_exact_records(name):
    config = RemedyExperiment(method=name, shots=6, **SMALL)
    ticks = []
    found = registry.run(config, ticks.append)
    assert found.step.tolist() == [0, 2, 4] and sum(ticks) == 2 * 5
    unit = 2 * 8 * 2  # eight rotations, two settings
    assert found.history["evaluations"].tolist() == [[0, 2 * unit, 4 * unit]] * 2
    assert found.history["shots"].tolist() == [[0, 12 * unit, 24 * unit]] * 2
    assert (found.history["error"] > -1e-9).all() and not found.diverged.any()
    lowest = found.history["energy"] - found.history["error"]
    np.testing.assert_allclose(lowest, -(5**0.5), atol=1e-9)  # of the chain of two
    assert found.theta.shape[0] == 2 and torch.isfinite(found.theta).all()


@pytest.mark.parametrize("name", METHODS)
def test_a_budget_of_one_gradient_gives_a_result_or_a_reason(name):
    """A search for the start may cost more; on a state it is not free."""
    config = RemedyExperiment(method=name, hamiltonian="circuit", **SMALL | {"steps": 1, "record_every": 1})
    try:
        found = registry.run(config)
    except ValueError as error:
        assert name == "clifford" and str(error).startswith("steps must pay for the start")
    else:
        assert np.isfinite(found.final("error")).all() and found.history["evaluations"][0, -1] == 2 * 8


@pytest.mark.parametrize("name", ["random", "adapt", "layerwise", "natural-block", "clifford"])
def test_a_run_ends_the_same_alone_and_among_others(name):
    options = {**SMALL, "method": name, "frame": "clifford", "shots": 5}
    whole = registry.run(RemedyExperiment(**{**options, "seeds": 3}))
    alone = registry.run(RemedyExperiment(**{**options, "seed": 1, "seeds": 1}))
    for metric in whole.history:
        np.testing.assert_allclose(whole.history[metric][1:2], alone.history[metric], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", TASKS)
def test_every_task_is_trained_exactly_and_by_shots(kind):
    options = {**SMALL, "hamiltonian": kind, "qubits": 4}
    for shots in (None, 5):
        found = registry.run(RemedyExperiment(method="random", shots=shots, **options))
        assert (found.history["error"] > -1e-9).all() and ("shots" in found.history) == (shots is not None)
    assert (found.history["error"][:, -1] < 20).all()


def test_marks_take_the_last_point_that_was_paid():
    circuit = HardwareEfficient(2, 1)
    here = Lab(circuit, [task("tfim", circuit, 0)], [0], steps=10)
    points = [Point(circuit, torch.full((1, 4), float(k))) for k in range(4)]

    def steps():
        here.pay(5)  # a start that costs
        yield points[0]
        for point in points[1:]:
            here.pay(here.unit)
            yield point
        raise Spent

    ticks = []
    found = followed(here, steps(), [0, here.unit, 2 * here.unit, here.budget], ticks.append, 10)
    assert [int(p.theta[0, 0]) for p in found] == [0, 0, 1, 3] and ticks == list(range(11))
    assert here.spent == here.budget
    with pytest.raises(ValueError, match="steps must pay for the start"):
        followed(here, (here.pay(1) for _ in range(1)), [0], ticks.append, 0)


def test_the_command_compares_on_equal_shots(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = "random,two-stage,warm,rotosolve,identity,small-angle,layerwise"
    words = ["--qubits", "2", "--layers", "2", "--seeds", "2", "--steps", "3", "--shots", "10"]
    said = Said(
        "run", "vqe", "--hamiltonian", "tfim", *words, "--methods", names, "--device", "cpu", "--json"
    )
    assert said.status == 0, said.err
    found = json.loads(said.out)["methods"]
    assert list(found) == names.split(",")
    assert {m["shots"] for m in found.values()} == {3 * 32 * 10} and {
        m["evaluations"] for m in found.values()
    } == {96}
    for method in found.values():
        end = method["final"]["error"]
        assert end["low"] <= end["mean"] <= end["high"]


def test_a_configuration_is_its_command_and_its_key_knows_the_step_size():
    config = RemedyExperiment(method="warm", hamiltonian="regular", frame="clifford", algorithm={"eta": 0.05})
    words = store.command(config)
    assert words.startswith("qbp run remedies --methods warm") and words.endswith("--eta 0.05")
    assert store.key(config) != store.key(
        RemedyExperiment(method="warm", hamiltonian="regular", frame="clifford")
    )
    assert registry.configuration(store.config_dict(config), seeds=20) == config


@pytest.mark.parametrize(
    "options, said",
    [
        ({"hamiltonian": "maxcut"}, "hamiltonian must be one of tfim, heisenberg, regular"),
        ({"hamiltonian": "regular", "qubits": 5}, "qubits must be even and at least 4 for regular, got 5"),
        ({"hamiltonian": "molecule", "qubits": 5}, "qubits must be 4, 6 or 8 for molecule, got 5"),
        ({"hamiltonian": "random", "frame": "clifford"}, "frame is an option of Hamiltonians"),
        ({"frame": "turned"}, "frame must be one of plain, clifford"),
        ({"qubits": 1}, "qubits must be at least 2 for remedies, got 1"),
        ({"method": "warm", "layers": 1}, "layers must be at least 2 for method warm, got 1"),
        ({"method": "sellier"}, "method must be one of .*, got 'sellier'"),
        ({"shots": 0}, "shots must be at least 1, got 0"),
        ({"algorithm": {"eta": 0.0}}, "eta must be"),
        ({"algorithm": {"beta_0": 0.1}}, "algorithm has no field 'beta_0' for method no-init"),
    ],
)
def test_wrong_configurations_are_refused_in_words(options, said):
    with pytest.raises(ValueError, match=said):
        RemedyExperiment(**options)
