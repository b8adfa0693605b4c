"""Packets on a grid, and Gaussians, against Newton, classical covariances and Schroedinger's spreading."""

import math

import numpy as np
import pytest
import torch

from qbp.baseline.packets import (
    density,
    gaussian,
    gaussian_drift,
    gaussian_kick,
    gaussian_moments,
    layer_density,
    mean_value,
    positions,
    propagator,
    split_step,
    spread_out,
    wave_numbers,
)

ONE = torch.ones((), dtype=torch.float64)
LENGTH, POINTS = 20.0, 128
X = positions(POINTS, LENGTH, ONE, -LENGTH / 2)


def wave_step(psi, potential, kinetic, dt, time="real"):
    drift = propagator(dt * kinetic**2 / 2 * wave_numbers(POINTS, LENGTH, ONE).square(), time)
    return split_step(psi, propagator(dt * potential, time), drift)


def wave_moments(psi):
    p = density(psi)
    mean = mean_value(p, X)
    return mean, mean_value(p, X.square()) - mean.square()


def pair_of(centre, width):
    return torch.tensor([centre, width**2], dtype=torch.complex128)


def test_grid_and_wave_numbers():
    assert positions(4, 8.0, ONE, -4.0).tolist() == [-4, -2, 0, 2]
    assert wave_numbers(4, 8.0, ONE).tolist() == pytest.approx([0, math.pi / 4, -math.pi / 2, -math.pi / 4])
    assert (
        positions(4, 8.0, torch.ones(())).dtype == wave_numbers(4, 8.0, torch.ones(())).dtype == torch.float32
    )


def test_a_gaussian_sits_where_it_is_put_between_the_grid_points_too():
    centre = torch.tensor([[0.0], [1.234], [-2.71]], dtype=torch.float64)
    psi = gaussian(X, centre, 0.6)
    assert psi.shape == (3, POINTS) and psi.dtype == torch.complex128
    torch.testing.assert_close(density(psi).sum(-1), torch.ones(3, dtype=torch.float64), rtol=1e-14, atol=0)
    mean, variance = wave_moments(psi)
    torch.testing.assert_close(mean, centre[:, 0], rtol=0, atol=1e-14)
    torch.testing.assert_close(variance, torch.full_like(mean, 0.18), rtol=1e-12, atol=0)
    assert mean_value(7 * density(psi), X).tolist() == pytest.approx(mean.tolist())  # of any norm


def test_propagators():
    phase = torch.linspace(-30, 30, 61, dtype=torch.float64)
    torch.testing.assert_close(propagator(phase), torch.exp(-1j * phase), rtol=1e-12, atol=1e-14)
    assert torch.equal(propagator(phase, "imaginary"), torch.exp(-phase))


def test_real_time_is_unitary_in_any_potential():
    a, b = gaussian(X, 1.0, 0.7), gaussian(X, -0.5, 1.1)
    overlap, potential = torch.vdot(a, b), X.sin() + 0.1 * X**2
    for _ in range(50):
        a, b = wave_step(torch.stack([a, b]), potential, 0.8, 0.05)
    assert a.norm().item() == pytest.approx(1, abs=1e-12)
    assert abs(torch.vdot(a, b) - overlap) < 1e-12


def test_a_free_packet_stays_and_spreads():
    psi, pair, kinetic, dt, zero = gaussian(X, 0.3, 0.8), pair_of(0.3, 0.8), 0.9, 0.05, torch.zeros(())
    for _ in range(30):
        psi = wave_step(psi, 0 * X, kinetic, dt)
        pair = gaussian_drift(gaussian_kick(pair, zero, zero, dt), kinetic, dt)
    start = 0.8**2 / 2
    expected = start + (kinetic**2 * 30 * dt) ** 2 / (4 * start)
    for mean, variance in (wave_moments(psi), gaussian_moments(pair)):
        assert mean.item() == pytest.approx(0.3, abs=1e-12)
        assert variance.item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("stiffness", [0.0, 1.3, -0.2])
def test_ehrenfest_in_linear_and_quadratic_potentials(stiffness):
    """Means follow Newton's kick and drift; covariances follow the same 2 x 2 matrix."""
    slope, centre, kinetic, dt, width = 0.7, 1.0, 0.6, 0.1, 0.8
    psi, pair = gaussian(X, centre, width), pair_of(centre, width)
    z, sigma = np.array([centre, 0.0]), np.diag([width**2 / 2, 1 / (2 * width**2)])
    potential = slope * X + stiffness * X**2 / 2
    map_ = np.array([[1, kinetic**2 * dt], [0, 1]]) @ np.array([[1, 0], [-stiffness * dt, 1]])
    for _ in range(25):
        psi = wave_step(psi, potential, kinetic, dt)
        force = -(slope + stiffness * gaussian_moments(pair)[0])
        pair = gaussian_drift(gaussian_kick(pair, force, stiffness * ONE, dt), kinetic, dt)
        z = map_ @ z - np.array([kinetic**2 * dt, 1]) * slope * dt
        sigma = map_ @ sigma @ map_.T
        for mean, variance in (wave_moments(psi), gaussian_moments(pair)):
            assert mean.item() == pytest.approx(z[0], abs=1e-9)
            assert variance.item() == pytest.approx(sigma[0, 0], rel=1e-8)


def test_imaginary_time_is_gradient_descent_with_the_width_as_rate():
    """In a linear potential q falls by u g dt, and u, twice the variance, grows by kinetic**2 dt."""
    kinetic, dt, g = 0.5, 0.1, 0.4
    psi, pair, q, u = gaussian(X, 1.0, 0.8), pair_of(1.0, 0.8), 1.0, 0.64
    for _ in range(20):
        psi = wave_step(psi, g * (X - q), kinetic, dt, "imaginary")
        pair = gaussian_kick(pair, -g * ONE, 0 * ONE, dt, "imaginary")
        pair = gaussian_drift(pair, kinetic, dt, "imaginary")
        q, u = q - u * g * dt, u + kinetic**2 * dt
        for mean, variance in (wave_moments(psi), gaussian_moments(pair)):
            assert (mean.item(), 2 * variance.item()) == pytest.approx((q, u), rel=1e-9)


def test_imaginary_time_finds_the_ground_state_of_an_oscillator():
    kinetic, dt, stiffness = 0.9, 0.01, 1.7
    psi, pair = gaussian(X, 1.5, 0.5), pair_of(1.5, 0.5)
    for _ in range(1000):
        psi = wave_step(psi, stiffness * X**2 / 2, kinetic, dt, "imaginary")
        psi = psi / psi.norm()
        force = -stiffness * gaussian_moments(pair)[0]
        pair = gaussian_kick(pair, force, stiffness * ONE, dt, "imaginary")
        pair = gaussian_drift(pair, kinetic, dt, "imaginary")
    for mean, variance in (wave_moments(psi), gaussian_moments(pair)):
        assert abs(mean.item()) < 1e-4
        assert variance.item() == pytest.approx(kinetic / (2 * math.sqrt(stiffness)), rel=dt)
    assert wave_moments(psi)[1].item() == pytest.approx(gaussian_moments(pair)[1].item(), rel=1e-8)


def test_layers_are_averaged_and_spread_out_again():
    p = torch.arange(2 * 5 * 3, dtype=torch.float64).reshape(2, 5, 3)
    mean = layer_density(p, [3, 2], 0.5)
    assert mean.shape == (2, 2, 3)
    torch.testing.assert_close(mean[:, 0], p[:, :3].sum(1) / 3 / 0.5)
    torch.testing.assert_close(mean[:, 1], p[:, 3:].sum(1) / 2 / 0.5)
    again = spread_out(mean, [3, 2], -2)
    assert (
        again.shape == p.shape
        and torch.equal(again[:, 2], mean[:, 0])
        and torch.equal(again[:, 3], mean[:, 1])
    )
    assert spread_out(torch.tensor([1.0, 2.0]), [3, 2]).tolist() == [1, 1, 1, 2, 2]
