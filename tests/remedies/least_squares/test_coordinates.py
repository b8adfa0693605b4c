"""One angle at a time against a scan of all its values; fixed features against circuits one by one."""

import math

import numpy as np
import torch

import qbp
from qbp import draws
from qbp.remedies.least_squares import coordinates, fixed
from qbp.remedies.least_squares.measured import Measured
from qbp.remedies.least_squares.readout import LinearReadout

CIRCUIT = qbp.HardwareEfficient(2, 1, ("rx", "rz"), "cnot", "ring")
MODEL = LinearReadout(CIRCUIT)
X = draws.uniform([3], "x", 10, low=-2, high=2).reshape(5, 2)
Y = draws.normal([4], "y", 5).reshape(5, 1)
MEASURED = Measured(CIRCUIT, MODEL.observables, X)


def test_the_best_turn_is_that_of_a_fine_scan():
    a, b, c = (draws.normal(range(20), name, 4) for name in "abc")
    found = coordinates.best_turn(a, b, c)
    grid = torch.linspace(-math.pi, math.pi, 20001, dtype=torch.float64)

    def error(t):
        return (
            (a[:, None] + b[:, None] * t.cos()[..., None] + c[:, None] * t.sin()[..., None]).square().sum(-1)
        )

    least = error(grid.expand(20, -1)).min(-1).values
    assert (error(found[:, None])[:, 0] <= least + 1e-9).all() and (found.abs() <= math.pi).all()


def test_an_angle_that_changes_nothing_stays():
    a, nothing = draws.normal([1], "a", 4), torch.full((1, 4), 1e-17, dtype=torch.float64)
    assert torch.equal(coordinates.best_turn(a, nothing, -nothing), torch.zeros(1, dtype=torch.float64))


def test_a_turned_angle_is_the_best_of_all_its_values():
    theta = MODEL.start(range(3), 1.0)
    angles, weights = MODEL.split(theta)
    turned, features = coordinates.turn_one(MEASURED, angles, MEASURED.values(angles), weights, Y, 2)
    torch.testing.assert_close(features, MEASURED.values(turned), rtol=1e-9, atol=1e-11)
    least = (MODEL.predict(features, weights) - Y).square().sum((-2, -1))
    for t in np.linspace(0, 2 * np.pi, 50):
        other = angles.clone()
        other[:, 2] = t
        error = (MODEL.predict(MEASURED.values(other), weights) - Y).square().sum((-2, -1))
        assert (least <= error + 1e-9).all()
    assert torch.equal(turned[:, [0, 1, 3]], angles[:, [0, 1, 3]])


def test_post_variational_features_are_those_of_shifted_circuits():
    angles = MODEL.start(range(2), 1.0)[:, : MODEL.n_angles]
    found = fixed.post_variational(MEASURED, angles)
    m = len(MODEL.observables)
    assert found.shape == (2, 5, (1 + 2 * MODEL.n_angles) * m)
    up = angles.clone()
    up[:, 1] += math.pi / 2
    torch.testing.assert_close(found[..., 2 * m : 3 * m], MEASURED.values(up))
    torch.testing.assert_close(found[..., :m], MEASURED.values(angles))


def test_fourier_features_do_not_depend_on_the_other_runs():
    both, alone = fixed.fourier(X, [1, 2], 6), fixed.fourier(X, [2], 6)
    assert torch.equal(both[1:], alone) and both.shape == (2, 5, 6) and both.abs().max() <= 1


def test_a_readout_keeps_its_parts_in_order():
    for output, n_weights in (("plain", 0), ("affine", 2), ("local", 7)):
        model = LinearReadout(CIRCUIT, output)
        theta = model.start([0, 1], 0.1)
        angles, weights = model.split(theta)
        assert model.n_weights == n_weights and theta.shape == (2, model.n_params)
        assert torch.equal(model.join(angles, weights), theta)
        state = CIRCUIT.state(angles, X)
        z0 = qbp.PauliSum({"ZI": 1.0}).expectation(state)[..., None]
        values = Measured(CIRCUIT, model.observables, X).values(angles)
        torch.testing.assert_close(model.predict(values, weights), z0)  # the start reads out <Z_0>
    assert MODEL.cost(5, value=True, gradient=True) == 5 * 3 * (1 + 2 * 4)
