"""Eq. 4-7 and their gradients by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qbp.refinement import anneal_blend, anneal_oscillation, oscillatory_regularizer, refinement_loss

numbers = st.floats(-1e3, 1e3)


@given(energy=numbers, convex=numbers, osc=numbers, lam=st.floats(0, 1), beta=numbers)
def test_refinement_loss_is_eq_4(energy, convex, osc, lam, beta):
    terms = [torch.tensor(v, dtype=torch.float64).requires_grad_() for v in (energy, convex, osc, lam, beta)]
    loss = refinement_loss(*terms)
    assert loss.item() == pytest.approx((1 - lam) * energy + lam * convex + beta * osc, rel=1e-12, abs=1e-9)
    grads = [g.item() for g in torch.autograd.grad(loss, terms)]
    assert grads == pytest.approx([1 - lam, lam, beta, convex - energy, osc], rel=1e-12, abs=1e-12)


def test_at_one_and_zero_it_is_the_loss_of_stage_1():
    energy, convex, osc = torch.randn(3, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    one, zero = torch.ones(50, dtype=torch.float64), torch.zeros(50, dtype=torch.float64)
    assert torch.equal(refinement_loss(energy, convex, osc, one, zero), convex)


@given(
    theta=st.lists(st.floats(-50, 50), min_size=1, max_size=6),
    omega=st.floats(-10, 10),
    phi=st.floats(-7, 7),
)
def test_oscillation_is_eq_5_bounded_and_has_its_gradient(theta, omega, phi):
    row = torch.tensor([theta, theta[::-1]], dtype=torch.float64).requires_grad_()
    value = oscillatory_regularizer(row, omega=omega, phi=phi)
    expected = sum(math.sin(omega * t + phi) for t in theta) / len(theta)
    assert value.tolist() == pytest.approx([expected] * 2, abs=1e-12) and value.abs().max() <= 1
    (grad,) = torch.autograd.grad(value.sum(), row)
    slopes = [omega * math.cos(omega * t + phi) / len(theta) for t in theta]
    assert grad[0].tolist() == pytest.approx(slopes, abs=1e-11)


def test_oscillation_has_period_two_pi_over_omega_and_reaches_both_bounds():
    theta = torch.linspace(-3, 3, 7, dtype=torch.float64)
    phi = torch.linspace(0, 6, 7, dtype=torch.float64)
    here, there = (oscillatory_regularizer(t, omega=4.0, phi=phi) for t in (theta, theta + torch.pi / 2))
    torch.testing.assert_close(here, there)
    for sign in (1, -1):  # phases per parameter can lift every sine to its bound
        bound = oscillatory_regularizer(theta, omega=4.0, phi=sign * torch.pi / 2 - 4 * theta)
        assert bound.item() == pytest.approx(sign)
    with pytest.raises(ValueError, match=r"omega must be .*finite.*got inf"):
        oscillatory_regularizer(theta, omega=math.inf)


def test_no_phases_are_phases_of_zero():
    theta = torch.linspace(-3, 2, 7, dtype=torch.float64)
    assert oscillatory_regularizer(theta, omega=2.0).item() == pytest.approx((2 * theta).sin().mean().item())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_annealing_is_geometric(dtype):
    lam, beta = torch.tensor([0.9, 0.0], dtype=dtype), torch.tensor([0.05], dtype=dtype)
    for _ in range(223):
        lam, beta = anneal_blend(lam), anneal_oscillation(beta)
    assert lam.dtype == beta.dtype == dtype
    rtol = 1e-4 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(
        lam.double(), torch.tensor([0.9 * 0.98**223, 0]).double(), rtol=rtol, atol=1e-9
    )
    assert beta.item() == pytest.approx(0.05 * 0.99**223, rel=rtol)
    assert lam[0] < 0.01 < lam[0] / 0.98  # below 0.01 only after 223 steps
    assert anneal_blend(torch.tensor([-1.0]), 0.5).item() == 0  # the max(0, .) of eq. 6
