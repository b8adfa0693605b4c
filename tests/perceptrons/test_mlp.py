"""The perceptron against torch.nn, run by run."""

import math

import pytest
import torch
from torch import nn

from qbp.perceptrons.mlp import MLP, accuracy, cross_entropy, mean_squared_error

MODEL = MLP(3, 5, 2)


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def module(theta):
    """The same network built of torch modules: weights copied in the order state_dict has them."""
    net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double()
    nn.utils.vector_to_parameters(theta, net.parameters())
    return net


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
@pytest.mark.parametrize("shared", [True, False])
def test_outputs_and_gradients_are_those_of_torch_modules(batch, shared):
    theta = random(*batch, MODEL.n_params).requires_grad_()
    x = random(7, 3, seed=1) if shared else random(*batch, 7, 3, seed=1)
    output = MODEL(theta, x)
    assert output.shape == (*batch, 7, 2)
    (grad,) = torch.autograd.grad(output.square().sum(), theta)
    for row in range(math.prod(batch)):
        net = module(theta.detach().reshape(-1, MODEL.n_params)[row])
        expected = net(x if shared else x.reshape(-1, 7, 3)[row])
        torch.testing.assert_close(output.reshape(-1, 7, 2)[row], expected, rtol=1e-12, atol=1e-12)
        expected.square().sum().backward()
        flat = torch.cat([p.grad.flatten() for p in net.parameters()])
        torch.testing.assert_close(grad.reshape(-1, MODEL.n_params)[row], flat, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("shared", [True, False])
def test_more_hidden_layers_are_torchs_too(shared):
    model, x = MLP(3, 5, 2, n_layers=3), random(7, 3, seed=1)
    theta = random(4, model.n_params).requires_grad_()
    assert model.shapes == ((5, 3), (5,), (5, 5), (5,), (5, 5), (5,), (2, 5), (2,))
    output = model(theta, x if shared else x.expand(4, 7, 3))
    (grad,) = torch.autograd.grad(output.square().sum(), theta)
    features = model.features(theta, x)
    for row in range(4):
        hidden = [layer for n in (3, 5, 5) for layer in (nn.Linear(n, 5), nn.Tanh())]
        net = nn.Sequential(*hidden, nn.Linear(5, 2)).double()
        nn.utils.vector_to_parameters(theta.detach()[row], net.parameters())
        torch.testing.assert_close(output[row], net(x), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(features[row], net[:-1](x), rtol=1e-12, atol=1e-12)
        net(x).square().sum().backward()
        flat = torch.cat([p.grad.flatten() for p in net.parameters()])
        torch.testing.assert_close(grad[row], flat, rtol=1e-11, atol=1e-12)
    weights = random(4, 6, 2, seed=2)
    constant = torch.cat([features, torch.ones(4, 7, 1, dtype=torch.float64)], -1)
    changed = model(model.with_readout(theta, weights), x)
    torch.testing.assert_close(changed, constant @ weights, rtol=1e-12, atol=1e-12)
    start, shallow = model.xavier([3]), MODEL.xavier([3])
    assert torch.equal(start[:, :20], shallow[:, :20])  # the first layer does not know of the others
    assert start[:, 20:45].abs().max() <= 5 / 3 * math.sqrt(6 / 10) and not start[:, 45:50].any()


def test_features_are_the_hidden_layer_and_with_readout_replaces_what_follows():
    theta, x, weights = random(4, MODEL.n_params), random(7, 3, seed=1), random(4, 6, 2, seed=2)
    features = MODEL.features(theta, x)
    torch.testing.assert_close(features[2], module(theta[2])[:2](x), rtol=1e-12, atol=1e-12)
    changed = MODEL.with_readout(theta, weights)
    torch.testing.assert_close(MODEL.features(changed, x), features, rtol=0, atol=0)
    constant = torch.cat([features, torch.ones(4, 7, 1, dtype=torch.float64)], -1)
    torch.testing.assert_close(MODEL(changed, x), constant @ weights, rtol=1e-12, atol=1e-12)


def test_xavier_bounds_moments_and_seeds():
    model = MLP(40, 250, 10)
    theta = model.xavier([3, 4])
    w1, b1, w2, b2 = model.tensors(theta)
    assert w1.shape == (2, 250, 40) and w2.shape == (2, 10, 250) and not b1.any() and not b2.any()
    for w, fans in ((w1, 290), (w2, 260)):
        bound = 5 / 3 * math.sqrt(6 / fans)
        assert bound * 0.99 < w.abs().max() <= bound
        spread = w.var().item() / (bound**2 / 3)
        assert abs(spread - 1) < 5 * math.sqrt(0.8 / w.numel())  # variance of a uniform's square: 4/45 b^4
        assert abs(w.mean()) < 5 * bound / math.sqrt(3 * w.numel())
    assert torch.equal(theta[1], model.xavier([4])[0]) and not torch.equal(theta[0], theta[1])
    assert theta.dtype == torch.float64
    assert torch.equal(model.xavier([3, 4], torch.float32), theta.float())


def test_losses_are_torchs():
    output, target, label = random(4, 7, 3), random(7, 3, seed=1), torch.arange(7) % 3
    per_run = label.roll(1).expand(4, 7)
    for row in range(4):
        expected = nn.functional.mse_loss(output[row], target)
        torch.testing.assert_close(mean_squared_error(output, target)[row], expected)
        for labels in (label, per_run):
            found = cross_entropy(output, labels)[row]
            labels = labels.expand(4, 7)[row]
            torch.testing.assert_close(found, nn.functional.cross_entropy(output[row], labels))
            right = sum(
                output[row, s].tolist().index(max(output[row, s].tolist())) == labels[s] for s in range(7)
            )
            assert accuracy(output, labels)[row] == pytest.approx(right / 7)
    huge = torch.tensor([[[1e4, -1e4]]], dtype=torch.float64)
    assert cross_entropy(huge, torch.tensor([1])).item() == 2e4  # no overflow on the way


def test_bad_input():
    with pytest.raises(ValueError, match="n_hidden must be at least 1, got 0"):
        MLP(1, 0, 1)
    with pytest.raises(ValueError, match="n_layers must be at least 1, got 0"):
        MLP(1, 2, 1, n_layers=0)
    with pytest.raises(ValueError, match=r"theta must have shape \(..., 32\), got \(31,\)"):
        MODEL(torch.zeros(31), torch.zeros(7, 3))
    with pytest.raises(TypeError, match="theta must be a real"):
        MODEL(torch.zeros(32).long(), torch.zeros(7, 3))
