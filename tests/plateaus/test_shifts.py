"""Slices along one angle: sines known by hand, dense matrices, and the gradient of the fast path."""

import math

import numpy as np
import pytest
import reference
import torch

import qbp
from qbp import draws
from qbp.plateaus import shifts


def problem(n=3, layers=2, seed=0):
    circuit = qbp.HardwareEfficient(n, layers)
    theta = draws.uniform([seed, seed + 1], "start", circuit.n_params, high=2 * math.pi)
    return circuit, theta, qbp.tfim(n)


def test_a_slice_of_dense_matrices_is_the_sine_through_three_points():
    theta = draws.uniform([4], "start", 4, high=6.0)[0]
    H = qbp.heisenberg(2)
    found = shifts.slices(qbp.HardwareEfficient(2, 1), theta, H)
    matrix = reference.pauli_sum(H.terms)
    for k in range(4):
        for x in (-2.0, 0.3, 3.0):
            moved = theta.numpy() + x * np.eye(4)[k]
            state = reference.hardware_efficient(2, moved, [["YZ", "YZ"]], "cz", "ladder")
            assert float(found.value(x)[k]) == pytest.approx(reference.expectation(matrix, state), abs=1e-12)


def test_shifts_give_the_gradient_of_the_fast_path_in_a_batch():
    circuit, theta, H = problem()
    theta.requires_grad_()
    (gradient,) = torch.autograd.grad(circuit.expectation(theta, H).sum(), theta)
    torch.testing.assert_close(shifts.parameter_shift(circuit, theta, H), gradient, rtol=0, atol=1e-12)


def test_the_lowest_point_is_where_rotosolve_goes():
    circuit, theta, H = problem()
    found = shifts.slices(circuit, theta, H)
    half = math.pi / 2 * torch.eye(circuit.n_params, dtype=theta.dtype)
    zero = circuit.expectation(theta, H)[:, None]
    plus, minus = (circuit.expectation(theta[:, None] + s * half, H) for s in (1, -1))
    step = -math.pi / 2 - torch.atan2(2 * zero - plus - minus, plus - minus)
    torch.testing.assert_close(torch.cos(step), found.lowest_at.cos())
    torch.testing.assert_close(torch.sin(step), found.lowest_at.sin())
    torch.testing.assert_close(found.value(found.lowest_at), found.middle - found.amplitude)


def test_one_qubit_by_hand():
    """RY then RZ on |0>: <X> = sin(a) cos(b)."""
    found = shifts.slices(
        qbp.HardwareEfficient(1, 1), torch.tensor([0.4, 0.9], dtype=torch.float64), qbp.PauliSum({"X": 1.0})
    )
    amplitude = [math.cos(0.9), math.sin(0.4)]
    assert found.amplitude.tolist() == pytest.approx(amplitude) and found.middle.tolist() == pytest.approx(
        [0, 0]
    )


def test_a_slice_is_its_sine_and_stays_within_the_limits():
    circuit, theta, H = problem()
    for k in (0, 7):
        found = shifts.slice_along(circuit, theta[0], H, k, points=9)
        torch.testing.assert_close(found.cost, found.sine)
        torch.testing.assert_close(found.measured, found.cost[[2, 4, 6]])
        assert float(found.at[-1]) == pytest.approx(math.pi)
    low, high = shifts.limits(H)
    dense = np.linalg.eigvalsh(reference.pauli_sum(H.terms))
    assert (low, high) == pytest.approx((dense[0], dense[-1]))
    assert shifts.limits(qbp.Projector(2)) == pytest.approx((0, 1))
    with pytest.raises(ValueError, match="k must be at least 0 and at most 11"):
        shifts.slice_along(circuit, theta[0], H, 12)


def test_tied_angles_are_refused_and_meta_tensors_are_not():
    tied = qbp.PauliRotations(2, ["XI", "IX"], tied=[0, 0])
    with pytest.raises(ValueError, match="an angle of its own"):
        shifts.slices(tied, torch.zeros(1), qbp.PauliSum({"ZZ": 1.0}))
    with pytest.raises(ValueError, match="theta must have shape"):
        shifts.parameter_shift(problem()[0], torch.zeros(2), qbp.tfim(3))
    with pytest.raises(TypeError, match="H must be an observable"):
        shifts.limits("ZZ")
    circuit, theta, H = problem()
    assert shifts.slices(circuit, theta.to("meta"), H).amplitude.is_meta


def test_fixed_and_shifted_angles_have_slices_and_scaled_ones_are_named():
    b = qbp.CircuitBuilder(2)
    b.h(0).rx(b.parameter() + 0.3, 0).cx(0, 1).t(1).ry(1 - b.parameter(), 1).parameter()
    circuit, H = b.build(), qbp.heisenberg(2)
    theta = torch.tensor([[0.4, -0.7, 0.2], [1.0, 2.0, 3.0]], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(circuit.expectation(theta, H).sum(), theta)
    found = shifts.slices(circuit, theta, H)
    torch.testing.assert_close(found.sine, gradient, rtol=0, atol=1e-12)
    moved = theta.detach() + 0.9 * torch.eye(3, dtype=torch.float64)[1]
    torch.testing.assert_close(found.value(0.9)[:, 1], circuit.expectation(moved, H), rtol=0, atol=1e-12)
    scaled = b.rz(2 * b.parameter("scaled"), 0).build()
    message = r"circuit must have no angle scaled .*got Rotation\(pauli='ZI', parameter=3, scale=2.0"
    with pytest.raises(ValueError, match=message):
        shifts.slices(scaled, torch.zeros(4), H)
    fixed = qbp.CircuitBuilder(2).h(0).build()
    assert shifts.parameter_shift(fixed, torch.zeros(5, 0), H).shape == (5, 0)
