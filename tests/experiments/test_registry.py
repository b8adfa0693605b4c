"""A method or a task more is one entry, and `qbp run` trains it."""

import json

import pytest
import torch

from qbp.cli.commands import main
from qbp.experiments import circuits, perceptrons, registry, regression
from qbp.experiments.perceptrons import Task
from qbp.experiments.settings import TASK_ALONE, Recipe
from qbp.perceptrons.datasets import Dataset

SMALL = ["--seeds", "2", "--steps", "3", "--device", "cpu", "--json"]


def trained(capsys, *words):
    assert main(["run", *words, *SMALL]) == 0
    return json.loads(capsys.readouterr().out)["methods"]


@pytest.mark.parametrize(
    ("methods", "entry", "words"),
    [
        (circuits.METHODS, Recipe({"beta_0": 0.0}), ["vqe", "--qubits", "2", "--layers", "1"]),
        (regression.METHODS, Recipe(TASK_ALONE, {"eta_n": 0.5}), ["pqc"]),
        (perceptrons.METHODS, {"as-written": Recipe({"beta_0": 0.0})}, ["curve", "--n-hidden", "4"]),
    ],
)
def test_a_method_is_an_entry(methods, entry, words, monkeypatch, capsys):
    monkeypatch.setitem(methods, "calm", entry)
    found = trained(capsys, *words, "--methods", "calm,random")
    assert list(found) == ["calm", "random"]
    assert set(found["calm"]["history"]["beta"]) == {0.0}


def test_a_method_is_answered_by_the_name_that_asked_for_it(capsys):
    words = {"n_hidden": 2, "seeds": 2, "steps": 2}
    found = registry.compare("curve", (name for name in ("two-stage", "random", "no-init")), **words)
    assert list(found) == ["two-stage", "random"] and found["random"].config.method == "no-init"
    assert list(registry.compare("curve", ["no-init"], **words)) == ["no-init"]
    options = [
        "curve",
        "--methods",
        "two-stage,random",
        "--n-hidden",
        "2",
        "--seeds",
        "2",
        "--steps",
        "2",
        "--device",
        "cpu",
    ]
    assert main(["run", *options]) == 0
    table = capsys.readouterr().out
    assert "\nrandom" in table and "no-init" not in table
    assert main(["run", *options, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed["methods"]) == {"two-stage", "random"} and set(printed["paired"]) == {
        "two-stage - random"
    }


def test_a_task_is_an_entry(monkeypatch, capsys):
    def line(config):
        x = torch.linspace(-1, 1, config.points + 2, dtype=torch.float64).unsqueeze(-1)
        index = torch.arange(len(x))
        return Dataset("line", x, 2 * x, index[:-2], index[-2:])

    monkeypatch.setitem(perceptrons.EXPERIMENTS, "line", Task(line, 5, "nowhere", record_every=1))
    monkeypatch.setitem(registry.KINDS, "line", registry.PERCEPTRONS)  # as at import, for all in EXPERIMENTS
    found = trained(capsys, "line", "--methods", "two-stage,sellier", "--lambda-0", "0.5")
    assert list(found) == ["two-stage", "sellier"]
    assert len(found["sellier"]["history"]["val_loss"]) == 4
    with pytest.raises(ValueError, match="points is an option of curve, got 5 for line"):
        perceptrons.Experiment("line", points=5)
