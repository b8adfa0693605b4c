"""Row-wise optimizers against torch.optim, one torch optimizer per row."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qbp.optimizers import OPTIMIZERS

ROWS, DIM, STEPS = 3, 4, 25
RATES = [0.1, 0.02, 0.003]
TORCH = {
    "gd": lambda p, lr, decay: torch.optim.SGD([p], lr, weight_decay=decay),
    "adam": lambda p, lr, decay: torch.optim.Adam([p], lr, weight_decay=decay),
    "adamw": lambda p, lr, decay: torch.optim.AdamW([p], lr, weight_decay=decay),
}
CASES = [("gd", 0.0), ("gd", 0.1), ("adam", 0.0), ("adamw", 0.0), ("adamw", 0.1)]


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
