"""Variable projection against dense least squares, finite differences and numpy's normal equations."""

import numpy as np
import pytest
import torch

import qbp
from qbp import draws
from qbp.remedies.least_squares import levenberg_marquardt as lm
from qbp.remedies.least_squares import projection
from qbp.remedies.least_squares.measured import Measured
from qbp.remedies.least_squares.readout import LinearReadout

STRENGTH = 0.01
CIRCUIT = qbp.HardwareEfficient(2, 1, ("rx", "rz"), "cnot", "ring")
X = draws.uniform([3], "x", 14, low=-2, high=2).reshape(7, 2)
Y = draws.normal([4], "y", 14).reshape(7, 2)
ANGLES = draws.normal(range(3), "angles", CIRCUIT.n_params)
MEASURED = Measured(CIRCUIT, LinearReadout(CIRCUIT).observables, X)


def features(angles):
    """Expectations by autograd's way, on the state vector."""
    state = CIRCUIT.state(angles, X)
    return torch.stack([H.expectation(state) for H in MEASURED.observables], -1)


def stacked(phi):
    """The matrix of eq. 2 whose least squares are asked for, dense."""
    k = phi.shape[-1] + 1
    return np.vstack([np.hstack([phi, np.ones((len(phi), 1))]), STRENGTH**0.5 * np.eye(k)])


def test_weights_and_residual_are_those_of_dense_least_squares():
    weights, residual = projection.solve(MEASURED.values(ANGLES), Y, STRENGTH)
    for run, phi in enumerate(features(ANGLES).numpy()):
        A, b = stacked(phi), np.vstack([Y.numpy(), np.zeros((phi.shape[1] + 1, 2))])
        expected = np.linalg.lstsq(A, b, rcond=None)[0]
        np.testing.assert_allclose(weights[run], expected, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(residual[run], b - A @ expected, rtol=1e-9, atol=1e-11)
    loss = projection.projected_loss(MEASURED.values(ANGLES), Y, STRENGTH)
    torch.testing.assert_close(loss, residual.square().sum((-2, -1)) / Y.numel())


def test_the_projected_loss_passes_gradcheck():
    def loss(angles):
        return projection.projected_loss(features(angles), Y, STRENGTH)

    angles = ANGLES[:1].clone().requires_grad_()
    assert torch.autograd.gradcheck(loss, angles)
    assert torch.autograd.gradgradcheck(loss, angles)


def test_its_gradient_is_that_with_the_weights_held_still():
    angles = ANGLES.clone().requires_grad_()
    (exact,) = torch.autograd.grad(projection.projected_loss(features(angles), Y, STRENGTH).sum(), angles)
    weights = projection.solve(features(ANGLES), Y, STRENGTH)[0]
    error = Y - features(angles) @ weights[:, :-1] - weights[:, -1:]
    (held,) = torch.autograd.grad(error.square().sum() / Y.numel(), angles)
    torch.testing.assert_close(exact, held)


def test_the_jacobian_is_that_of_finite_differences():
    phi, slopes = MEASURED.values(ANGLES), MEASURED.derivatives(ANGLES)
    weights, residual, jacobian = projection.projected_jacobian(phi, Y, slopes, STRENGTH)
    torch.testing.assert_close(weights, projection.solve(phi, Y, STRENGTH)[0])
    step, columns = 1e-6, []
    for shift in step * torch.eye(CIRCUIT.n_params, dtype=torch.float64):
        up, down = (projection.solve(features(ANGLES + s), Y, STRENGTH)[1] for s in (shift, -shift))
        columns.append((up - down).flatten(-2) / (2 * step))
    torch.testing.assert_close(jacobian, torch.stack(columns, -1), rtol=1e-6, atol=1e-8)
    assert residual.shape == (3, 7 * 2 + 7 * 2)


def test_derivatives_are_those_of_autograd():
    own = torch.func.vmap(torch.func.jacrev(lambda a: features(a)))(ANGLES)
    torch.testing.assert_close(MEASURED.derivatives(ANGLES), own, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(MEASURED.values(ANGLES), features(ANGLES), rtol=1e-9, atol=1e-12)


def test_shots_agree_with_exact_values_within_their_noise():
    shots = 4000
    asked = Measured(CIRCUIT, MEASURED.observables, X, shots, (1, 2, 3))
    values, slopes = asked.values(ANGLES), asked.derivatives(ANGLES)
    bound = 5 * shots**-0.5
    assert (values - MEASURED.values(ANGLES)).abs().max() < bound
    assert (slopes - MEASURED.derivatives(ANGLES)).abs().max() < bound
    alone = Measured(CIRCUIT, MEASURED.observables, X, shots, (2,))
    torch.testing.assert_close(alone.derivatives(ANGLES[1:2]), slopes[1:2])


def test_a_damped_step_solves_numpys_normal_equations():
    J, r = draws.normal([1], "J", 60).reshape(2, 10, 3), draws.normal([1], "r", 20).reshape(2, 10)
    damping = torch.tensor([0.5, 2.0], dtype=torch.float64)
    found = lm.damped_step(J, r, damping)
    for run in range(2):
        j, right = J[run].numpy(), r[run].numpy()
        expected = np.linalg.solve(j.T @ j + float(damping[run]) * np.eye(3), -j.T @ right)
        np.testing.assert_allclose(found[run], expected, rtol=1e-9)


def test_a_run_that_is_not_finite_leaves_its_neighbours_alone():
    def linearized(angles, step):
        phi, slopes = features(angles), MEASURED.derivatives(angles)
        return projection.projected_jacobian(phi, Y, slopes, STRENGTH)[1:]

    def spoiled(angles, step):
        residual, jacobian = linearized(angles, step)
        residual[1, 0] = torch.nan
        return residual, jacobian

    points = {}
    for name, function in (("spoiled", spoiled), ("whole", linearized)):
        point = lm.begin(function, ANGLES)
        for step in range(1, 6):
            point = lm.advance(function, point, step)
        points[name] = point
    torch.testing.assert_close(points["spoiled"].angles[[0, 2]], points["whole"].angles[[0, 2]])
    assert points["spoiled"].alive.tolist() == [True, False, True]
    assert torch.equal(points["spoiled"].angles[1], ANGLES[1])
    assert (points["whole"].loss < lm.begin(linearized, ANGLES).loss).all()


def test_gauss_newton_recovers_a_circuit_of_its_own_kind():
    truth = 0.3 * ANGLES[:1]
    weights = torch.tensor([[0.5], [-0.2], [0.3], [0.1], [0.7], [-0.4], [0.2]], dtype=torch.float64)
    y = features(truth)[0] @ weights[:-1] + weights[-1:]

    def linearized(angles, step):
        return projection.projected_jacobian(features(angles), y.expand(len(angles), -1, -1),
                                             MEASURED.derivatives(angles), 1e-10)[1:]  # fmt: skip

    point = lm.begin(linearized, truth + 0.2 * ANGLES[1:2])
    for step in range(1, 30):
        point = lm.advance(linearized, point, step)
    assert float(point.loss) < 1e-8


def test_a_circuit_with_tied_angles_is_refused():
    tied = qbp.PauliRotations(2, ["ZZ", "XI", "IX"], tied=[0, 1, 1])
    with pytest.raises(ValueError, match="circuit must turn one rotation by each of its 2 angles, got 3"):
        Measured(tied, MEASURED.observables, X)
