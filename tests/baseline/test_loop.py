"""Sellier's wave packets against Newton's particles, and his training step against torch modules."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from qbp import MLP
from qbp.baseline.loop import SellierConfig, collapsed, evolve_packet, grid, mean_position, packet, sellier
from qbp.perceptrons import datasets
from qbp.perceptrons.problems import perceptron_problem
from qbp.problem import Problem

# A large box, and packets narrow enough never to feel its edge.
FREE = SellierConfig(box=20.0, kinetic=1.0, force=1.0)
SPACING = (512 / 511) ** 2  # of kinetic**2: the grid has both ends, its wave numbers one point more
MODEL = MLP(1, 6, 1)
DATA = datasets.curve(9)


def gaussian(width, centre, momentum=0.0):
    x = grid(FREE, torch.ones((), dtype=torch.float64))
    psi = torch.exp(-0.5 * ((x - centre) / width) ** 2) * torch.exp(1j * momentum * x)
    return psi / psi.norm()


def test_the_start_is_a_normalized_gaussian_at_the_centre():
    config = SellierConfig()
    psi = packet(config, torch.ones((), dtype=torch.float64))
    x = grid(config, psi.real)
    assert psi.dtype == torch.complex128 and psi.shape == x.shape == (512,)
    assert psi.abs().square().sum().item() == pytest.approx(1, abs=1e-14)
    assert mean_position(psi, config).item() == pytest.approx(5.0, abs=1e-12) and x[-1] == 10
    spread = (psi.abs().square() * (x - 5) ** 2).sum().item()
    assert spread == pytest.approx(2.0**2 / 2, rel=0.05)  # |psi|^2 of width 2 / sqrt 2, cut at the edges
    assert packet(config, torch.ones(())).dtype == torch.complex64


def test_evolution_is_unitary():
    a, b = gaussian(0.7, 9.0, 1.0), gaussian(1.1, 10.0, -0.5)
    overlap = torch.vdot(a, b)
    slope = torch.tensor(0.8, dtype=torch.float64)
    for _ in range(5):
        a, b = evolve_packet(torch.stack([a, b]), slope.expand(2), FREE)
    assert a.norm().item() == pytest.approx(1, abs=1e-13)
    assert abs(torch.vdot(a, b) - overlap) < 1e-12


def test_a_free_packet_stays_and_spreads_as_schroedinger_says():
    psi, zero = gaussian(0.7, 10.0), torch.zeros((), dtype=torch.float64)
    for _ in range(10):
        psi = evolve_packet(psi, zero, FREE)
    assert mean_position(psi, FREE).item() == pytest.approx(10.0, abs=1e-12)
    x = grid(FREE, zero)
    variance = (psi.abs().square() * (x - 10) ** 2).sum().item()
    time, start = 1.0, 0.7**2 / 2
    assert variance == pytest.approx(start + time**2 * SPACING**2 * FREE.kinetic**4 / (4 * start), rel=1e-9)


def test_ehrenfest_the_mean_moves_like_a_particle_without_friction():
    """x'' = -kinetic^2 force slope, slopes clamped to [-1, 1]: leapfrog, exact for a constant slope."""
    slopes = torch.tensor([0.3, -2.0, 0.9, 5.0, -0.1], dtype=torch.float64)
    for config in (FREE, replace(FREE, kinetic=0.5, force=2.0, dt=0.02, substeps=7)):
        psi = gaussian(0.8, 10.0, momentum=0.6)
        position, momentum = 10.0, 0.6
        mobility, time = SPACING * config.kinetic**2, config.dt * config.substeps
        for slope in slopes:
            psi = evolve_packet(psi, slope, config)
            push = -config.force * min(1.0, max(-1.0, slope.item()))
            position += mobility * (momentum * time + push * time**2 / 2)
            momentum += push * time
            assert mean_position(psi, config).item() == pytest.approx(position, abs=1e-9)


def test_packets_evolve_as_a_batch():
    psi = torch.stack([gaussian(0.7, 9.0), gaussian(0.9, 11.0, 1.0)]).expand(3, 2, -1)
    slope = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(3, 2)
    together = evolve_packet(psi, slope, FREE)
    for i in range(3):
        for j in range(2):
            alone = evolve_packet(psi[i, j], slope[i, j], FREE)
            torch.testing.assert_close(together[i, j], alone, rtol=1e-12, atol=1e-14)


def test_the_box_maps_to_weights():
    config = SellierConfig(box=8.0, points=9, reach=2.0)
    at = torch.eye(9, dtype=torch.complex128)[[0, 4, 6, 2]]  # packets on x = 0, 4, 6, 2
    assert collapsed(at, MLP(1, 2, 1), config).tolist() == [-2, -2, 0, 0, 1, 1, -1]


def curve_problem():
    return perceptron_problem(MODEL, DATA, lambda step: torch.arange(3 * (step % 3), 3 * (step % 3) + 3))


def test_a_step_follows_the_mean_gradient_of_each_tensor():
    """Two steps redone with torch modules; then every weight tensor is one number, whatever the start."""
    config = SellierConfig(steps=2, kinetic=1.0, force=20.0)
    theta0 = MODEL.xavier([3])
    theta, history = sellier(curve_problem(), config, theta0, model=MODEL)
    net = nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    nn.utils.vector_to_parameters(theta0[0], net.parameters())
    packets = [packet(config, theta0) for _ in net.parameters()]
    for step in range(2):
        index = slice(3 * step, 3 * step + 3)
        net.zero_grad()
        loss = nn.functional.mse_loss(net(DATA.x[index]), DATA.y[index])
        loss.backward()
        assert history.minibatch_loss[0, step].item() == pytest.approx(loss.item(), rel=1e-12)
        for k, p in enumerate(net.parameters()):
            packets[k] = evolve_packet(packets[k], p.grad.mean(), config)
            weight = (mean_position(packets[k], config) / config.box - 0.5) * 2 * config.reach
            nn.init.constant_(p, weight.item())
    expected = nn.utils.parameters_to_vector(net.parameters())
    torch.testing.assert_close(theta[0], expected.detach(), rtol=1e-11, atol=1e-13)
    assert expected.abs().max() > 0.01  # they did move


def test_every_tensor_is_one_number_from_the_first_step_on():
    theta, history = sellier(curve_problem(), SellierConfig(steps=1), MODEL.xavier([1, 2]), model=MODEL)
    for tensor in theta.split(MODEL.sizes, -1):
        assert (tensor == tensor[:, :1]).all()
    assert history.step == [0, 1] and history.minibatch_loss.shape == (2, 2)


def test_runs_do_not_touch_each_other_and_a_diverged_one_stands_still():
    def problem(rows, bad):
        base = curve_problem()

        def energy(theta, step):
            factor = torch.ones(rows, dtype=theta.dtype)
            if bad is not None and step == 4:
                factor[bad] = math.nan
            return base.energy(theta, base.batches(step)) * factor

        return Problem(energy, energy, lambda step: step, base.evaluate)

    theta0, config = MODEL.xavier([1, 2, 3]), SellierConfig(steps=9, record_every=2)
    theta, history = sellier(problem(3, 1), config, theta0, model=MODEL)
    assert history.diverged.tolist() == [False, True, False] and history.step == [0, 2, 4, 6, 8, 9]
    for row in (0, 2):
        alone, single = sellier(problem(1, None), config, theta0[row : row + 1], model=MODEL)
        torch.testing.assert_close(theta[row], alone[0], rtol=1e-9, atol=1e-12)
        for name, metric in single.metrics.items():
            torch.testing.assert_close(history.metrics[name][row], metric[0], rtol=1e-9, atol=1e-12)
    before, _ = sellier(problem(3, None), replace(config, steps=3), theta0, model=MODEL)
    torch.testing.assert_close(theta[1], before[1], rtol=1e-12, atol=0)
    assert all(metric.isfinite().all() for metric in history.metrics.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_follows_theta0(dtype):
    data = DATA.to("cpu", dtype)
    problem = perceptron_problem(MODEL, data, lambda step: torch.arange(9))
    theta, history = sellier(problem, SellierConfig(steps=2), MODEL.xavier([0], dtype), model=MODEL)
    assert {theta.dtype, history.minibatch_loss.dtype, *(m.dtype for m in history.metrics.values())} == {
        dtype
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", -1),
        ("record_every", 0),
        ("points", 0),
        ("substeps", 0),
        ("box", 0.0),
        ("dt", -1.0),
        ("reach", math.nan),
    ],
)
def test_bad_input(field, value):
    with pytest.raises(ValueError, match=f"{field} must be"):
        SellierConfig(**{field: value})
    with pytest.raises(ValueError, match=r"theta0 must have shape \(..., 19\), got \(3,\)"):
        sellier(curve_problem(), SellierConfig(), torch.zeros(3), model=MODEL)
