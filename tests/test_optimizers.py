"""Row-wise optimizers against torch.optim, one torch optimizer per row."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qbp.optimizers import OPTIMIZERS, adam, gradient_descent, heavy_ball, restarted

ROWS, DIM, STEPS = 3, 4, 25
RATES = [0.1, 0.02, 0.003]
TORCH = {
    "gd": lambda p, lr, decay: torch.optim.SGD([p], lr, weight_decay=decay),
    "adam": lambda p, lr, decay: torch.optim.Adam([p], lr, weight_decay=decay),
    "adamw": lambda p, lr, decay: torch.optim.AdamW([p], lr, weight_decay=decay),
}
TORCH["heavy-ball"] = lambda p, lr, decay: torch.optim.SGD([p], lr, momentum=1.0, weight_decay=decay)
CASES = [("gd", 0.0), ("gd", 0.1), ("adam", 0.0), ("adamw", 0.0), ("adamw", 0.1)]
CASES += [("heavy-ball", 0.0), ("heavy-ball", 0.1)]


def gradient(theta, step):
    """A gradient that depends on the place and on the step."""
    return torch.sin(3 * theta) + 0.1 * step * theta.cos()


def start():
    return torch.randn(ROWS, DIM, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def by_torch(name, decay, row, active):
    """One row alone, stepping torch's optimizer only where the row is active."""
    theta = torch.nn.Parameter(start()[row])
    optimizer = TORCH[name](theta, RATES[row], decay)
    for step in range(STEPS):
        if active[step]:
            theta.grad = gradient(theta.detach(), step)
            optimizer.step()
    return theta.detach()


def by_rows(name, decay, active):
    """All rows together under masks; inactive rows are handed NaN."""
    theta, state, lr = start(), None, torch.tensor(RATES, dtype=torch.float64)
    for step in range(STEPS):
        mask = torch.tensor(active[step])
        grad = torch.where(mask[:, None], gradient(theta, step), torch.nan)
        before, old = theta, state
        theta, state = OPTIMIZERS[name](theta, grad, state, lr=lr, active=mask, weight_decay=decay)
        assert torch.equal(theta[~mask], before[~mask])  # to the last bit
        if old is not None:
            assert all(torch.equal(new[~mask], kept[~mask]) for new, kept in zip(state, old, strict=True))
    return theta


@pytest.mark.parametrize(("name", "decay"), CASES)
def test_rows_are_torchs(name, decay):
    found = by_rows(name, decay, [[True] * ROWS] * STEPS)
    for row in range(ROWS):
        expected = by_torch(name, decay, row, [True] * STEPS)
        torch.testing.assert_close(found[row], expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("name", "decay"), CASES)
@settings(max_examples=30)
@given(flags=st.lists(st.tuples(*[st.booleans()] * ROWS), min_size=STEPS, max_size=STEPS))
def test_under_mixed_masks_each_row_has_its_own_step_count(name, decay, flags):
    found = by_rows(name, decay, [list(f) for f in flags])
    for row in range(ROWS):
        expected = by_torch(name, decay, row, [f[row] for f in flags])
        torch.testing.assert_close(found[row], expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_and_any_leading_axes(name, dtype):
    theta = start().to(dtype).reshape(1, ROWS, DIM)
    lr, active = torch.full((1, ROWS), 0.1, dtype=dtype), torch.ones(1, ROWS, dtype=torch.bool)
    new, state = OPTIMIZERS[name](theta, theta.cos(), None, lr=lr, active=active)
    assert new.dtype == dtype and new.shape == theta.shape
    assert all(part.dtype == dtype for part in state or ())
    alone, _ = OPTIMIZERS[name](theta[0, 1], theta[0, 1].cos(), None, lr=lr[0, 1], active=active[0, 1])
    assert torch.equal(alone, new[0, 1])


def slide(friction, curvature, lr=0.01, steps=400):
    """Path of one weight in curvature / 2 * theta**2 from rest at 1."""
    theta, state, path = torch.ones(1, 1, dtype=torch.float64), None, [1.0]
    one, yes = torch.ones(1, dtype=torch.float64), torch.tensor([True])
    for _ in range(steps):
        theta, state = heavy_ball(theta, curvature * theta, state, lr=lr * one, active=yes, friction=friction)
        path.append(theta.item())
    return torch.tensor(path, dtype=torch.float64)


@pytest.mark.parametrize("friction", [0.0, 0.02])
def test_a_heavy_ball_in_a_parabola_swings_with_the_exact_frequency_and_decay(friction):
    """theta_t = r**t (cos w t + c sin w t), where r e^{iw} solves z^2 - (2 - f - lr h) z + (1 - f) = 0."""
    curvature, lr = 1.7, 0.01
    half, r = 1 - (friction + lr * curvature) / 2, math.sqrt(1 - friction)
    w, t = math.acos(half / r), torch.arange(401, dtype=torch.float64)
    c = ((1 - lr * curvature) / r - math.cos(w)) / math.sin(w)  # the first step, from rest
    expected = r**t * (torch.cos(w * t) + c * torch.sin(w * t))
    torch.testing.assert_close(slide(friction, curvature), expected, rtol=0, atol=1e-10)
    late = slide(friction, curvature)[-60:].abs().max()  # more than one period
    assert (late > 0.99) if friction == 0 else (late < 1.1 * r**340)


def test_a_heavy_ball_that_loses_all_its_velocity_descends_the_gradient():
    theta, lr, yes = start(), torch.tensor(RATES, dtype=torch.float64), torch.ones(ROWS, dtype=torch.bool)
    plain, state = theta, None
    for step in range(5):
        theta, state = heavy_ball(theta, gradient(theta, step), state, lr=lr, active=yes, friction=1.0)
        plain, _ = gradient_descent(plain, gradient(plain, step), None, lr=lr, active=yes)
    torch.testing.assert_close(theta, plain, rtol=1e-13, atol=1e-14)


def test_a_restarted_run_is_a_new_one_and_its_neighbour_goes_on():
    """After a restart the next step is the first step of Adam, sign(grad) lr, whatever came before."""
    theta, lr = torch.zeros(2, 3, dtype=torch.float64), torch.full((2,), 0.1, dtype=torch.float64)
    on, grad = torch.ones(2, dtype=torch.bool), torch.tensor([[3.0, -2.0, 1.0]] * 2, dtype=torch.float64)
    state = None
    for _ in range(5):
        theta, state = adam(theta, grad, state, lr=lr, active=on)
    state = restarted(state, torch.tensor([True, False]))
    assert state.count.flatten().tolist() == [0, 5]
    after, state = adam(theta, -0.5 * grad, state, lr=lr, active=on)
    torch.testing.assert_close((after - theta)[0], 0.1 * grad[0].sign(), rtol=1e-6, atol=1e-6)
    assert ((after - theta)[1] * grad[1] < 0).all()  # five steps of momentum outweigh one
    assert restarted(None, on) is None
