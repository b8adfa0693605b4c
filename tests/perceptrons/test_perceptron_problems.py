"""The perceptron problems against torch modules; mini-batches; the ridge start by its normal equations."""

import numpy as np
import pytest
import torch
from torch import nn

from qbp import MLP, draws
from qbp.perceptrons import datasets
from qbp.perceptrons.datasets import Dataset
from qbp.perceptrons.problems import MiniBatches, perceptron_problem, ridge_start, surrogate_targets

CPU = torch.device("cpu")
LABELS = Dataset(
    "mnist",
    x=draws.normal([0], "x", 60)[0].reshape(20, 3),
    y=torch.arange(20) % 4,
    train=torch.tensor([1, 0, 3, 2, 7, 6, 5, 4, 9, 8, 10, 11]),  # not in order: an index of an index
    val=torch.arange(12, 20),
)
CURVE = datasets.curve(9)


def network(model, theta):
    net = nn.Sequential(
        nn.Linear(model.n_in, model.n_hidden), nn.Tanh(), nn.Linear(model.n_hidden, model.n_out)
    )
    nn.utils.vector_to_parameters(theta.detach(), net.double().parameters())
    return net


@pytest.mark.parametrize("data", [CURVE, LABELS], ids=["regression", "classes"])
@pytest.mark.parametrize("per_run", [True, False])
def test_losses_and_metrics_are_those_of_torch(data, per_run):
    model = MLP(data.x.shape[1], 5, data.n_outputs)
    theta = model.xavier([1, 2, 3]) + 0.1
    batch = torch.tensor([[0, 1, 2], [4, 3, 8], [5, 5, 6]]) if per_run else torch.tensor([7, 1, 4])
    problem = perceptron_problem(model, data, lambda step: batch)
    energy, convex, found = (
        problem.energy(theta, batch),
        problem.convex(theta, batch),
        problem.evaluate(theta),
    )
    mse, classes = nn.functional.mse_loss, data.is_classification
    task = nn.functional.cross_entropy if classes else mse
    one_hot = nn.functional.one_hot(data.y, 4).double() if classes else data.y
    for row in range(3):
        net = network(model, theta[row])
        index = data.train[batch[row] if per_run else batch]
        torch.testing.assert_close(energy[row], task(net(data.x[index]), data.y[index]))
        torch.testing.assert_close(convex[row], mse(net(data.x[index]), one_hot[index]))
        loss = task(net(data.x[data.train]), data.y[data.train])
        loss.backward()
        grad = torch.cat([p.grad.flatten() for p in net.parameters()])
        output = net(data.x[data.val])
        expected = {
            "train_loss": loss,
            "val_loss": task(output, data.y[data.val]),
            "task_grad_norm": grad.norm() / len(grad),
            "task_grad_var": grad.var(correction=0),
        }
        if classes:
            expected["accuracy"] = (output.argmax(-1) == data.y[data.val]).double().mean()
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name][row], value, msg=name)


def test_on_regression_the_surrogate_is_the_task():
    model = MLP(1, 5, 1)
    problem = perceptron_problem(model, CURVE, lambda step: torch.arange(4))
    theta, batch = model.xavier([1, 2]), torch.arange(4)
    assert torch.equal(problem.energy(theta, batch), problem.convex(theta, batch))


def test_penalties_replace_both_losses_but_not_the_metrics():
    model, theta = MLP(1, 5, 1), MLP(1, 5, 1).xavier([1, 2])
    penalties = (lambda t: t.square().sum(-1), lambda t: t.sum(-1))
    problem = perceptron_problem(model, CURVE, lambda step: torch.arange(4), penalties)
    assert torch.equal(problem.energy(theta, None), theta.square().sum(-1))
    assert torch.equal(problem.convex(theta, None), theta.sum(-1))
    plain = perceptron_problem(model, CURVE, lambda step: torch.arange(4)).evaluate(theta)
    assert torch.equal(problem.evaluate(theta)["val_loss"], plain["val_loss"])


def test_surrogate_targets_are_one_hot():
    assert torch.equal(surrogate_targets(LABELS), nn.functional.one_hot(LABELS.y, 4).double())
    assert surrogate_targets(CURVE) is CURVE.y


@pytest.mark.parametrize(("n_train", "size", "actual"), [(12, 4, 4), (10, 4, 4), (3, 16, 3)])
def test_batches_cut_one_permutation_an_epoch_per_run(n_train, size, actual):
    seeds = [5, 9]
    batches = MiniBatches(seeds, n_train, size, CPU)
    per_epoch = n_train // actual
    drawn = [batches(step) for step in range(3 * per_epoch)]
    assert all(b.shape == (2, actual) and b.dtype == torch.int64 for b in drawn)
    for row, seed in enumerate(seeds):
        epochs = [torch.cat([b[row] for b in drawn[e * per_epoch : (e + 1) * per_epoch]]) for e in range(3)]
        for seen in epochs:  # no sample twice in an epoch, and all if they fill the batches
            assert len(set(seen.tolist())) == per_epoch * actual and 0 <= seen.min() <= seen.max() < n_train
        alone = MiniBatches([seed], n_train, size, CPU)
        assert [alone(s)[0].tolist() for s in range(len(drawn))] == [b[row].tolist() for b in drawn]
    assert len({tuple(b[0].tolist()) for b in drawn[::per_epoch]}) > 1  # epochs differ
    assert torch.equal(batches(0), drawn[0])  # going back is allowed


@pytest.mark.parametrize("data", [CURVE, LABELS], ids=["regression", "classes"])
def test_ridge_start_solves_eq_2_on_the_training_set_run_by_run(data):
    model = MLP(data.x.shape[1], 5, data.n_outputs)
    theta0 = model.xavier([1, 2])
    theta = ridge_start(model, data, theta0, 0.2)
    target = (nn.functional.one_hot(data.y, 4).double() if data.is_classification else data.y)[data.train]
    kept = model.n_in * 5 + 5
    assert torch.equal(theta[:, :kept], theta0[:, :kept])  # the hidden layer stays
    for row in range(2):
        hidden = network(model, theta0[row])[:2](data.x[data.train]).detach().numpy()
        phi = np.column_stack([hidden, np.ones(len(hidden))])
        w = np.linalg.solve(phi.T @ phi + 0.2 * np.eye(6), phi.T @ target.numpy())
        np.testing.assert_allclose(
            network(model, theta[row])(data.x[data.train]).detach(), phi @ w, atol=1e-12
        )
