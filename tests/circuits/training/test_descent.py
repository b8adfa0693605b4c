"""Training in one call against the same steps one by one in torch."""

import pytest
import torch
from torch.testing import assert_close

import qbp
from qbp.circuits.kernel import evolution
from qbp.circuits.training import descent
from qbp.circuits.training.descent import train

CIRCUIT, H = qbp.HardwareEfficient(4, 3), qbp.tfim(4)
THETA = 6 * torch.rand(11, CIRCUIT.n_params, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
NUMBERS = torch.Generator().manual_seed(2)
X, Y = (torch.randn(30, k, dtype=torch.float64, generator=NUMBERS) for k in (3, 1))
BATCHES = torch.randint(0, 30, (100, 2, 7), generator=NUMBERS)


def both_ways(monkeypatch, *arguments, **options):
    monkeypatch.setattr(descent.native, "supports", evolution.supports)
    here = train(*arguments, **options)
    monkeypatch.setattr(descent.native, "supports", lambda *_: False)
    return here, train(*arguments, **options)


@pytest.mark.parametrize("theta", [THETA, THETA[0], THETA[:6].reshape(2, 3, -1)], ids=["runs", "one", "grid"])
@pytest.mark.parametrize(("optimizer", "decay"), [("gd", 0.1), ("adam", 0.0), ("adamw", 0.1)])
def test_hundred_steps_on_an_energy(monkeypatch, theta, optimizer, decay):
    options = {"steps": 100, "optimizer": optimizer, "lr": 0.05, "weight_decay": decay}
    here, there = both_ways(monkeypatch, CIRCUIT, H, theta, **options)
    assert_close(here.loss, there.loss, rtol=0, atol=1e-9)
    assert_close(CIRCUIT.expectation(here.theta, H), CIRCUIT.expectation(there.theta, H), rtol=0, atol=1e-9)
    assert here.loss.shape == (*theta.shape[:-1], 100) and (here.loss[..., -1] < here.loss[..., 0]).all()
    assert_close(here.loss[..., 0], CIRCUIT.expectation(theta, H))


def test_hundred_steps_on_local_targets(monkeypatch):
    local, b = qbp.local_observables(4), torch.linspace(-0.5, 0.5, 12, dtype=torch.float64)
    here, there = both_ways(monkeypatch, CIRCUIT, local, THETA[:3], steps=100, targets=b, lr=0.05)
    assert_close(here.loss, there.loss, rtol=0, atol=1e-9)
    assert_close(here.loss[:, 0], qbp.local_loss(CIRCUIT, THETA[:3], local, b))


@pytest.mark.parametrize("batches", [BATCHES, BATCHES[:, 0], None], ids=["each", "alike", "all"])
def test_hundred_steps_on_data(monkeypatch, batches):
    z = qbp.PauliSum({"ZIII": 1.0})
    options = {"steps": 100, "inputs": X, "targets": Y, "batches": batches, "lr": 0.03}
    here, there = both_ways(monkeypatch, CIRCUIT, z, THETA[:2], **options)
    assert_close(here.loss, there.loss, rtol=0, atol=1e-9)
    rows = torch.arange(30) if batches is None else batches[0].expand(2, 7)[1]
    first = (CIRCUIT.expectation(THETA[1], z, inputs=X[rows]) - Y[rows, 0]).square().mean()
    assert_close(here.loss[1, 0], first)


def test_a_run_that_diverges_stands_still(monkeypatch):
    options = {"steps": 5, "optimizer": "gd", "lr": 1e160, "weight_decay": 1.0}
    here, there = both_ways(monkeypatch, CIRCUIT, H, THETA[:2], **options)
    for found in (here, there):
        assert found.diverged.all() and torch.isfinite(found.theta).all() and torch.isfinite(found.loss).all()
    assert_close(here.theta, there.theta, rtol=1e-9, atol=0)
    assert_close(here.loss[:, 0], there.loss[:, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 10**15}, "steps must ask for what fits into memory"),
        ({"lr": 0.0}, "lr"),
        ({"optimizer": "sgd"}, "optimizer"),
        ({"weight_decay": 0.1}, '"adamw" has it'),
        ({"batches": BATCHES}, "without inputs"),
        ({"inputs": X}, "targets must have shape"),
        ({"inputs": X, "targets": Y[:3]}, "targets must have shape"),
        ({"inputs": X, "targets": Y, "batches": BATCHES[:3]}, "batches must have shape"),
        ({"inputs": X, "targets": Y, "batches": BATCHES + 30}, "0 to 29"),
        ({"inputs": X, "targets": Y, "batches": BATCHES.double()}, "int64"),
        ({"targets": Y[:3, 0]}, "targets"),
    ],
)
def test_a_wrong_argument_is_named(change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        train(CIRCUIT, H, THETA[:2], **{"steps": 100} | change)
