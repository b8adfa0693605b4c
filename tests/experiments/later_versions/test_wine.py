"""The Wine data as a regression: splits, both stages by hand, and the numbers of weights that are stored."""

import json

import numpy as np
import pytest
import torch

from qbp import draws
from qbp.cli.commands import main
from qbp.experiments.later_versions import wine
from qbp.experiments.later_versions.wine import WineExperiment
from qbp.experiments.registry import run

SMALL = {"qubits": 2, "layers": 1, "seeds": 2, "device": "cpu"}


def test_weights_are_as_many_as_the_repository_says():
    assert WineExperiment().circuit.n_params == 60 and wine.MLP_SHAPE.n_params == 1537


def test_each_run_has_a_split_of_its_own_scaled_by_its_training_samples():
    x, y = wine.splits(range(3, 5))
    assert x.shape == (2, 178, 13) and y.shape == (2, 178, 1)
    np.testing.assert_allclose(x[:, : wine.N_TRAIN].mean(1), 0, atol=1e-12)
    np.testing.assert_allclose(x[:, : wine.N_TRAIN].std(1, correction=0), 1)
    assert torch.unique(y).tolist() == [-1, 0, 1] and not torch.equal(y[0], y[1])
    torch.testing.assert_close(wine.splits(range(4, 5))[0][0], x[1])
    raw = wine.wine()[0][draws.permutations([4], "split", 178)[0]]
    slope = np.polyfit(raw[:, 0], x[1, :, 0], 1)
    np.testing.assert_allclose(np.polyval(slope, raw[:, 0]), x[1, :, 0], atol=1e-9)


def test_components_are_those_of_the_covariance():
    x = wine.splits(range(1))[0]
    found = wine.components(x, 4)[0].numpy()
    values, vectors = np.linalg.eigh(np.cov(x[0, : wine.N_TRAIN].numpy().T, bias=True))
    for k in range(4):
        expected = x[0].numpy() @ vectors[:, -1 - k] / np.sqrt(values[-1 - k])
        assert abs(np.corrcoef(expected, found[:, k])[0, 1]) == pytest.approx(1)
        np.testing.assert_allclose(np.abs(expected), np.abs(found[:, k]), atol=1e-9)


@pytest.mark.parametrize("method", ["two-stage", "no-init"])
def test_the_first_step_is_adams_by_hand(method):
    config = WineExperiment(method=method, **SMALL, steps=1)
    start = 0.01 * draws.normal([0], "start", 4)[0]
    theta = start.clone().requires_grad_()
    index = draws.permutations([0], "batches", wine.N_TRAIN)[0, :32]
    x, y = (part[0] for part in wine.splits(range(1)))
    state = config.circuit.state(theta, x[index, :2])
    output = (state.abs() ** 2 @ torch.tensor([1.0, 1, -1, -1]).double()).unsqueeze(-1)
    if method == "two-stage":
        loss, eta = output.square().mean(), 0.02  # Stage 1 has no penalty
    else:
        loss, eta = (output - y[index]).square().mean() + 5e-4 * theta.square().sum(), 0.01
    loss.backward()
    expected = start - eta * theta.grad / (theta.grad.abs() + 1e-8)
    torch.testing.assert_close(run(config).theta[0], expected, rtol=1e-6, atol=1e-9)


def test_the_control_and_the_command_run(capsys):
    found = run(WineExperiment(method="mlp", seeds=2, device="cpu"))
    assert (found.final("train_loss") < 0.01).all() and (found.final("val_loss") < 0.5).all()
    words = "run wine --methods two-stage,random --qubits 2 --layers 1 --seeds 2 --steps 2 --json"
    assert main(words.split()) == 2  # the repository's penalties differ
    assert "penalty must be the same for all methods" in capsys.readouterr().err
    assert main([*words.split(), "--penalty", "0.0005"]) == 0
    assert json.loads(capsys.readouterr().out)["methods"].keys() == {"two-stage", "random"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"qubits": 14}, "qubits must be"),
        ({"features": "last"}, "features must be one of first, components"),
        ({"method": "mlp", "layers": 2}, "layers is an option of circuits"),
        ({"penalty": -1.0}, "penalty must be"),
    ],
)
def test_bad_configurations_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        WineExperiment(**options)
