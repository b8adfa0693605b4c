"""The released notebook: its stored outputs, to the printed digit."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import qbp
from qbp.perceptrons.mlp import MLP
from qbp.perceptrons.released import (
    PANELS,
    ReleasedBatches,
    convex_penalty,
    replay_start,
    replay_starts,
    task_penalty,
)

# Printed by the notebook (commit 49feece) at steps 0, 50, ... 450 for its two-stage method.
STORED = {
    "curve": "0.00000 0.00000 0.00000 0.00635 0.00126 0.00016 0.00001 0.00000 -0.00000 -0.00000",
    "telecom": "0.00000 0.00000 0.00000 0.00634 0.00113 0.00013 0.00001 0.00000 -0.00000 -0.00000",
    "mnist": "0.00001 0.00000 0.00000 0.00954 0.00364 0.00113 0.00031 0.00008 0.00002 0.00000",
}


@pytest.mark.parametrize("panel", STORED)
def test_seed_42_reproduces_the_stored_values_and_leaves_torchs_stream_alone(panel):
    before = torch.get_rng_state()
    options = {"seeds": 1, "steps": 450, "record_every": 450, "device": "cpu"}
    config = qbp.Experiment(panel, reading="as-released", **options)
    loss = qbp.run(config).minibatch_loss[0]
    assert " ".join(f"{value:.5f}" for value in loss[::50]) == STORED[panel]
    assert torch.equal(torch.get_rng_state(), before)


def curve_start(seed):
    """The notebook's first lines in plain torch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = nn.Linear(1, 250), nn.Linear(250, 1)
        for layer in layers:
            nn.init.xavier_uniform_(layer.weight, gain=5 / 3)
            nn.init.zeros_(layer.bias)
    return [p.detach() for layer in layers for p in (layer.weight, layer.bias)]


def test_no_init_starts_at_the_loss_computed_by_hand():
    tensors = curve_start(42)
    lam, beta = 0.3 * 0.98, 0.05 * 0.99  # annealed before the loss of the step
    osc = torch.cat([torch.sin(4 * p).flatten() for p in tensors]).mean()
    task = sum((p**2).mean() for p in tensors)
    convex = sum(p.mean() ** 2 for p in tensors) / 4
    expected = (1 - lam) * task + lam * convex + beta * 0.1 * osc
    config = qbp.Experiment("curve", method="no-init", reading="as-released", seeds=1, steps=0)
    assert qbp.run(config).minibatch_loss[0, 0] == pytest.approx(expected.item(), rel=1e-6)


def test_replay_does_not_depend_on_the_callers_defaults_and_seeds_no_gpu(monkeypatch):
    expected = torch.cat([p.flatten() for p in curve_start(7)])
    assert torch.equal(replay_start("curve", 7)[0], expected)

    def seeded(*_):
        raise AssertionError("a GPU's stream was reset")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded)
    torch.set_default_dtype(torch.float64)
    try:
        theta0, noise = replay_start("curve", 7)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(theta0, expected) and noise is None


def test_starts_stack_over_seeds_and_fit_their_models():
    starts = replay_starts("telecom", [42, 43])
    assert starts.shape == (2, PANELS["telecom"].n_params) and starts.dtype == torch.float32
    theta0, noise = replay_start("telecom", 43)
    assert torch.equal(starts[1], theta0) and noise.shape == (1480,)
    with pytest.raises(ValueError, match="panel must be one of curve, telecom, mnist, got 'iris'"):
        replay_start("iris")


def test_penalties_are_taken_tensor_by_tensor():
    model = MLP(2, 3, 1)
    theta = torch.randn(4, model.n_params, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for row in range(4):
        parts = [theta[row, :6], theta[row, 6:9], theta[row, 9:12], theta[row, 12:]]
        assert convex_penalty(model, theta)[row].item() == pytest.approx(
            sum(p.mean().item() ** 2 for p in parts) / 4
        )
        assert task_penalty(model, theta)[row].item() == pytest.approx(
            sum((p**2).mean().item() for p in parts)
        )


@pytest.mark.parametrize("n_train", [3, 40])  # fewer than a batch; a last batch of 8
def test_batches_are_those_of_a_plain_loader(n_train):
    generator = torch.Generator().manual_seed(123)
    dataset = TensorDataset(torch.arange(n_train))
    loader = DataLoader(dataset, batch_size=min(n_train, 16), shuffle=True, generator=generator)
    expected = [batch.tolist() for _ in range(4) for (batch,) in loader]
    batches = ReleasedBatches(n_train, 16, "cpu")
    assert [batches(step).tolist() for step in range(len(expected))] == expected
    assert batches(1).tolist() == expected[1]  # an earlier step again
