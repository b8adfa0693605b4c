"""The cloning runs: as released they are those of the notebook's program, whose stored figures come out."""

import json
import shlex

import numpy as np
import pytest
import torch

from qbp.cli.arguments import parser
from qbp.cli.commands import _configs, main
from qbp.experiments.later_versions import cloner
from qbp.experiments.later_versions.cloning import CloningExperiment
from qbp.experiments.registry import configurations, run
from qbp.results import store
from qbp.studies.later_versions import later_studies

SMALL = {"qubits": 3, "layers": 2, "seeds": 2, "device": "cpu"}


def program(theta, model, stage_1, stage_2):
    """What the notebook's program does to weights, with torch's own Adam; a ridge step makes new ones."""
    weights = theta.clone().requires_grad_()
    adam, lam = torch.optim.Adam([weights], lr=0.02), 1.0
    for step in range(stage_1 + stage_2):
        adam.zero_grad()
        ridge = model.ridge_step(weights.detach(), 0.01).requires_grad_()
        loss = cloner.surrogate(model.signals(ridge)).sum()
        if step >= stage_1:
            loss = (1 - lam) * cloner.square_loss(model.signals(weights)).sum() + lam * loss
            lam *= 0.98
        loss.backward()
        adam.step()
    return weights.detach()


def test_as_released_is_the_notebooks_program_and_its_stage_1_moves_nothing():
    config = CloningExperiment(**SMALL, steps=40, record_every=1, algorithm={"stage_1_steps": 15})
    found = run(config)
    start = cloner.replayed_starts(config.run_seeds, 2, 1, qubits=3)
    torch.testing.assert_close(found.theta, program(start, config.model, 15, 25), rtol=1e-9, atol=1e-9)
    fidelity = found.history["fidelity"]
    assert (fidelity[:, :17] == fidelity[:, :1]).all()  # lambda is 1 in the first step of Stage 2
    assert (fidelity[:, 17:] != fidelity[:, :1]).all()
    alone = run(CloningExperiment(**SMALL, method="convex", steps=20))
    start = cloner.replayed_starts(config.run_seeds, 2, 0, qubits=3)
    torch.testing.assert_close(alone.theta, start, rtol=0, atol=0)


def test_as_described_takes_the_ridge_steps_and_goes_on_from_there():
    config = CloningExperiment(
        **SMALL, reading="as-described", steps=7, record_every=2, algorithm={"stage_1_steps": 3}
    )
    found = run(config)
    theta, fidelities = config.training().start(config.run_seeds), []
    for _ in range(3):
        fidelities.append(torch.stack(cloner.fidelities(config.model.signals(theta))).mean(0))
        theta = config.model.ridge_step(theta, 0.01)
    assert found.step.tolist() == [0, 2, 4, 6, 7] and found.history["stage"][0].tolist() == [1, 1, 2, 2, 2]
    np.testing.assert_allclose(found.history["fidelity"][:, :2].T, torch.stack(fidelities[::2]))
    assert found.minibatch_loss.shape == (2, 8) and not found.diverged.any()
    no_init = CloningExperiment(**SMALL, method="random", reading="as-described", steps=7)
    assert run(no_init).history["fidelity"][:, 0].tolist() == found.history["fidelity"][:, 0].tolist()


@pytest.mark.parametrize("arm", later_studies.REPORTED)
def test_what_the_notebook_stores_comes_out(arm):
    """Its exact values and those behind its channels: untrained at every depth, trained with one layer."""
    steps = {"steps": 3, "record_every": 3} if arm == "convex" else {"record_every": 550}
    for layers in later_studies.DEPTHS if arm == "convex" else (1,):
        found = run(CloningExperiment(method=arm, layers=layers, seeds=1, device="cpu", **steps))
        exact, shots, noisy = later_studies.REPORTED[arm][layers - 1]
        assert found.final("fidelity")[0] == pytest.approx(exact, abs=5e-7)
        assert found.final("fidelity_channels")[0] == pytest.approx(noisy, abs=5e-7)
        assert abs(shots - exact) < 4 * found.final("shots_sd")[0]


def test_every_stored_value_comes_out_of_the_committed_table():
    found = later_studies.CLONING.load("replayed")
    for arm, values in later_studies.REPORTED.items():
        for layers, (exact, _, noisy) in enumerate(values, 1):
            run_42 = found[later_studies.label(arm, layers)]
            assert run_42.config.run_seeds[0] == 42
            assert run_42.final("fidelity")[0] == pytest.approx(exact, abs=1e-5)
            assert run_42.final("fidelity_channels")[0] == pytest.approx(noisy, abs=1e-5)
    alone = later_studies.CLONING.load("alone")
    for arm, (exact, _, noisy) in later_studies.REPORTED_ALONE.items():
        ends = [alone[arm].final(metric)[0] for metric in ("fidelity", "fidelity_channels")]
        np.testing.assert_allclose(ends, [exact, noisy], atol=1e-5)


def test_a_run_alone_is_that_of_the_batch():
    for reading in ("as-released", "as-described"):
        options = SMALL | {"reading": reading, "steps": 30, "algorithm": {"stage_1_steps": 5}}
        together, alone = (
            run(CloningExperiment(**options | more)) for more in ({}, {"seeds": 1, "seed": 43})
        )
        if reading == "as-described":
            together = run(CloningExperiment(**options | {"seed": 42}))
        np.testing.assert_allclose(alone.final("fidelity")[0], together.final("fidelity")[1], rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reading": "as-written"}, "reading must be one of as-released, as-described"),
        ({"method": "convex", "reading": "as-described"}, "read two-stage after Stage 1"),
        ({"starts": "own"}, "starts must be one of"),
        ({"qubits": 2}, "qubits must be at least 3"),
        ({"first_layers": 6}, "first_layers must be"),
        ({"first_layers": 2, "starts": "shared"}, "first_layers is an option of replayed starts"),
        ({"ridge": 0.0}, "ridge must be"),
        ({"algorithm": {"switching": "plateau"}}, "switching must be steps"),
    ],
)
def test_bad_configurations_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        CloningExperiment(**options)


def test_a_command_runs_exactly_its_configuration(capsys):
    tasks = later_studies.CLONING.tasks
    rows = [c for task in tasks for c in later_studies.CLONING.configs(task).values()]
    for config in rows:
        program, *words = shlex.split(store.command(config))
        assert program == "qbp" and _configs(parser().parse_args(words)) == [config]
    assert len({store.key(config) for config in rows}) == len(rows) == 61
    words = "run cloning --methods two-stage,random --qubits 3 --layers 1 --seeds 2 --steps 2 --device cpu"
    assert main([*words.split(), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["methods"].keys() == {"two-stage", "random"}


def test_methods_that_are_compared_share_what_no_method_fixes():
    two, plain = configurations("cloning", ["two-stage", "no-init"], reading="as-described", layers=2)
    assert (two.seed, plain.seed, two.algorithm.stage_1_steps, plain.algorithm.stage_1_steps) == (
        0,
        0,
        100,
        0,
    )
