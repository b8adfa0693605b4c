"""The regression circuit against dense matrices, and its readout under shots and channels."""

import math

import numpy as np
import pytest
import reference
import torch

from qbp import draws
from qbp.experiments.regressor import (
    CircuitRegressor,
    after_channels,
    features,
    output_limit,
    regression_data,
    regression_problem,
    shot_variance,
    target,
)

X = torch.tensor([[-2.5], [0.3], [3.0]], dtype=torch.float64)
Z_0 = reference.pauli("ZIII")


def dense(theta, x, layers):
    """The last state of the circuit, from Kronecker products."""
    inputs = [x, x**2, math.sin(x), math.cos(x)]
    paulis = [[["X", "Z"]] * 4] * layers
    return reference.hardware_efficient(4, theta, paulis, "cnot", "ring", inputs=inputs)


@pytest.mark.parametrize("layers", [1, 3])
def test_the_model_is_the_dense_circuit(layers):
    model = CircuitRegressor(n_layers=layers, output="affine")
    theta = model.start(range(2), spread=1.0)
    theta[:, -2:] = torch.tensor([[0.3, 1.7], [-0.2, 0.5]])
    for row, values in zip(theta.tolist(), model(theta, X)[..., 0].tolist(), strict=True):
        z = [reference.expectation(Z_0, dense(row, x, layers)) for x in X[:, 0].tolist()]
        assert values == pytest.approx([row[-2] + row[-1] * v for v in z], abs=1e-12)
    plain = CircuitRegressor(n_layers=layers)
    assert torch.equal(plain(theta[:, :-2], X), model.readout(theta, X))


def test_gradients_are_those_of_shifted_circuits():
    model = CircuitRegressor()
    theta = model.start([3], spread=1.0).requires_grad_()
    (grad,) = torch.autograd.grad(model.readout(theta, X)[0, 1, 0], theta)
    shift = math.pi / 2 * torch.eye(24, dtype=torch.float64)
    with torch.no_grad():
        up, down = (model.readout(theta + s * shift, X[1:2])[:, 0, 0] for s in (1, -1))
    torch.testing.assert_close(grad[0], (up - down) / 2)


def test_every_gradient_vanishes_at_zero_angles():
    """There the state is real, and each derivative is the expectation of an imaginary matrix or of zero."""
    for layers in (1, 3, 5):
        model = CircuitRegressor(n_layers=layers)
        theta = torch.zeros(model.n_params, dtype=torch.float64, requires_grad=True)
        jacobian = torch.autograd.functional.jacobian(lambda t, m=model: m.readout(t, X)[:, 0], theta)
        assert jacobian.abs().max() < 1e-15


def test_the_last_ring_reads_three_qubits():
    """Z_0 behind the ring is Z_1 Z_2 Z_3 before it, so five of the last layer's eight angles do nothing."""
    ring = reference.entangler(4, "cnot", "ring")
    np.testing.assert_allclose(ring.conj().T @ Z_0 @ ring, reference.pauli("IZZZ"), atol=1e-15)
    theta = CircuitRegressor().start([5], spread=1.0)[0].requires_grad_()
    jacobian = torch.autograd.functional.jacobian(lambda t: CircuitRegressor().readout(t, X)[:, 0], theta)
    dead = (jacobian.abs().amax(0) < 1e-14).nonzero().flatten().tolist()
    assert dead == [16, 17, 19, 21, 23]  # RX and RZ on qubit 0, then RZ on 1, 2, 3


def test_the_data_are_the_notebooks():
    data = regression_data(7)
    assert (len(data.train), len(data.val)) == (256, 128) and not set(data.train.tolist()) & {
        *data.val.tolist()
    }
    assert data.x.abs().max() <= math.pi and data.x.dtype == torch.float64
    x = data.x[:, 0].numpy()
    np.testing.assert_allclose(data.y[:, 0], np.sin(2 * x) + 0.5 * np.cos(x))
    assert torch.equal(data.x, regression_data(7).x) and not torch.equal(data.x, regression_data(8).x)
    # uniform: of 384 points a quarter in each quarter, within five standard deviations
    quarters = np.histogram(x, np.linspace(-np.pi, np.pi, 5))[0]
    assert (abs(quarters - 96) < 5 * math.sqrt(384 * 3 / 16)).all()
    torch.testing.assert_close(
        features(X)[0], torch.tensor([-2.5, 6.25, math.sin(-2.5), math.cos(-2.5)]).double()
    )
    grid = torch.linspace(-math.pi, math.pi, 10_001, dtype=torch.float64)
    assert 1.35 < target(grid).abs().max() < 1.45  # beyond what |<Z_0>| <= 1 reaches


def test_the_output_limit_is_that_of_the_best_bounded_function():
    y = target(draws.uniform([0], "x", 50, low=-3, high=3).mT)
    values = torch.linspace(-1, 1, 2001, dtype=torch.float64)
    best = (y - values).square().amin(-1).mean()  # each point fitted on its own
    torch.testing.assert_close(output_limit(y), best, atol=1e-6, rtol=0)
    assert output_limit(y, -2.0, 2.0) == 0


@pytest.mark.parametrize("everywhere", [False, True])
def test_the_channels_against_kraus_operators(everywhere):
    p, gamma, n = 0.02, 0.03, 4
    theta = CircuitRegressor().start([1], spread=1.0)
    psi = dense(theta[0].tolist(), 0.7, 3)
    rho = np.outer(psi, psi.conj())
    depolarizing = [math.sqrt(1 - p) * np.eye(2), *(math.sqrt(p / 3) * reference.PAULI[P] for P in "XYZ")]
    damping = [np.diag([1, math.sqrt(1 - gamma)]), math.sqrt(gamma) * np.array([[0, 1], [0, 0]])]
    for qubit in range(n) if everywhere else [0]:
        for kraus in (depolarizing, damping):
            full = [reference.on(n, K, qubit) for K in kraus]
            rho = sum(K @ rho @ K.conj().T for K in full)
    z = CircuitRegressor().readout(theta, torch.tensor([[0.7]], dtype=torch.float64))
    found = after_channels(z, depolarizing=p, damping=gamma)
    assert found.item() == pytest.approx(np.trace(rho @ Z_0).real, abs=1e-12)


def test_shots_scatter_as_the_variance_says():
    z, shots = torch.tensor([-0.9, 0.0, 0.5], dtype=torch.float64), 200
    draw = np.random.default_rng(0).binomial(shots, (1 + z.numpy()) / 2, size=(200_000, 3))
    np.testing.assert_allclose((2 * draw / shots - 1).var(0), shot_variance(z, shots), rtol=0.02)


@pytest.mark.parametrize("output", ["plain", "affine"])
def test_the_losses_of_the_problem(output):
    model, data = CircuitRegressor(output=output), regression_data(0, 12, 9)
    theta = model.start(range(2), spread=1.0)
    if output == "affine":
        theta[:, -2:] = torch.tensor([0.2, 1.5])
    problem = regression_problem(model, data, lambda step: torch.arange(4), penalty=0.1, shots=50)
    batch = torch.tensor([[0, 1, 2], [5, 4, 3]])
    for row in range(2):
        x, y = data.x[batch[row]], data.y[batch[row]]
        angles = theta[row, :24]
        error = (model(theta[row], x) - y).square().mean() + 0.1 * (angles**2).sum()
        torch.testing.assert_close(problem.energy(theta, batch)[row], error)
        stage_1 = model.readout(theta[row], x).square().mean()  # of <Z_0>, whatever the scale
        torch.testing.assert_close(problem.convex(theta, batch)[row], stage_1)
    found = problem.evaluate(theta)
    rest = model(theta, data.x[data.val]) - data.y[data.val]
    torch.testing.assert_close(found["val_loss"], rest.square().mean((-2, -1)))
    # the error of many drawn estimates
    z = model.readout(theta, data.x[data.val])
    drawn = (
        2 * torch.from_numpy(np.random.default_rng(1).binomial(50, (1 + z) / 2, (20_000, *z.shape))) / 50 - 1
    )
    noisy = (model.scaled(theta, drawn) - data.y[data.val]).square().mean((0, -2, -1))
    torch.testing.assert_close(found["val_loss_shots"], noisy, rtol=0.01, atol=0)


def test_the_problem_runs_on_meta():
    model, data = CircuitRegressor(output="affine"), regression_data(0, 12, 9).to("meta", torch.float32)
    theta = model.start(range(2), 0.01, torch.float32).to("meta").requires_grad_()
    problem = regression_problem(model, data, lambda step: None)
    batch = torch.zeros(2, 3, dtype=torch.int64, device="meta")
    losses = [problem.energy(theta, batch), problem.convex(theta, batch), *problem.evaluate(theta).values()]
    assert all(loss.is_meta and loss.shape == (2,) and loss.dtype == torch.float32 for loss in losses)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_layers": 0}, "n_layers must be at least 1, got 0"),
        ({"n_qubits": 3}, "n_qubits must be at least 4, got 3"),
        ({"output": "scaled"}, "output must be one of plain, affine, local, got 'scaled'"),
    ],
)
def test_what_is_no_model_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        CircuitRegressor(**options)


def test_more_qubits_than_features_are_allowed():
    model = CircuitRegressor(n_qubits=5, n_layers=2)
    assert model(model.start([0], 1.0), X).shape == (1, 3, 1)
