"""Hessians without the matrix against the matrix, barriers and layers against arithmetic."""

import pytest
import torch

from qbp.perceptrons.curvature import hessian_extremes, hessian_product, layer_ratio, line_barrier
from qbp.perceptrons.mlp import MLP, mean_squared_error


def quadratic(n, seed=0):
    """A symmetric matrix, and the loss with this Hessian."""
    a = torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    a = a + a.mT
    return a, lambda theta: (theta * (theta @ a)).sum(-1) / 2


def perceptron():
    model, x = MLP(2, 3, 1), torch.tensor([[0.1, 0.5], [0.7, -0.3], [-0.4, 0.2]], dtype=torch.float64)
    y = torch.tensor([[0.3], [-0.2], [0.9]], dtype=torch.float64)
    return model, lambda theta: mean_squared_error(model(theta, x), y)


def test_a_product_is_the_matrix_times_the_vector_at_every_point():
    model, loss = perceptron()
    theta = model.xavier([0, 1])
    vector = torch.linspace(-1, 1, 2 * model.n_params, dtype=torch.float64).reshape(2, -1)
    found = hessian_product(loss, theta, vector)
    for row, v, product in zip(theta, vector, found, strict=True):
        torch.testing.assert_close(torch.autograd.functional.hessian(loss, row) @ v, product)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_all_steps_give_the_exact_extremes(n):
    a, loss = quadratic(n)
    low, high = hessian_extremes(loss, torch.zeros(3, n, dtype=torch.float64), steps=50)
    values = torch.linalg.eigvalsh(a)
    torch.testing.assert_close(low, values[0].expand(3))
    torch.testing.assert_close(high, values[-1].expand(3))


def test_a_perceptrons_extremes_are_those_of_its_hessian_run_by_run():
    model, loss = perceptron()
    theta = model.xavier(range(3))
    low, high = hessian_extremes(loss, theta, steps=model.n_params)
    for row, a, b in zip(theta, low, high, strict=True):
        values = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, row))
        torch.testing.assert_close(torch.stack([a, b]), values[[0, -1]], atol=1e-9, rtol=1e-7)
    alone = hessian_extremes(loss, theta[1:2], steps=model.n_params)[1]
    torch.testing.assert_close(alone, high[1:2])


def test_few_steps_come_close_from_inside():
    a, loss = quadratic(60, seed=1)
    values = torch.linalg.eigvalsh(a)
    low, high = hessian_extremes(loss, torch.zeros(60, dtype=torch.float64), steps=25)
    assert values[0] <= low < 0.98 * values[0] and 0.98 * values[-1] < high <= values[-1] + 1e-9


def test_repeated_and_vanishing_eigenvalues_end_the_search():
    for diagonal in ([2.0, 2.0, 2.0, 2.0], [3.0, 3.0, -1.0, -1.0], [0.0, 0.0, 0.0, 0.0]):
        d = torch.tensor(diagonal, dtype=torch.float64)
        low, high = hessian_extremes(
            lambda t, d=d: (d * t**2).sum(-1) / 2, torch.ones(4, dtype=torch.float64)
        )
        assert (low.item(), high.item()) == pytest.approx((min(diagonal), max(diagonal)), abs=1e-9)


def test_bad_points_are_named():
    with pytest.raises(ValueError, match="theta"):
        hessian_extremes(lambda t: t.sum(-1), torch.tensor([torch.nan]))
    with pytest.raises(ValueError, match="steps"):
        hessian_extremes(lambda t: t.square().sum(-1), torch.ones(2), steps=0)


def test_a_barrier_is_over_the_higher_end():
    def loss(theta):  # two valleys at -1 and 1, of heights 1 and 1.5, a hill of 3 between them
        x = theta[..., 0]
        return torch.where(x.abs() < 0.5, 3.0, torch.where(x < 0, 1.0, 1.5))

    a, b, c = (torch.tensor([[v]], dtype=torch.float64) for v in (-1.0, 1.0, -0.6))
    assert line_barrier(loss, a, b).tolist() == [1.0]  # 3 / 1.5 - 1
    assert line_barrier(loss, b, a).tolist() == [1.0]
    assert line_barrier(loss, a, c).tolist() == [0.0]


def test_layers_of_a_gradient_by_hand():
    model = MLP(1, 2, 1)
    gradient = torch.tensor([[3.0, 4.0, 9.0, 9.0, 0.6, 0.8, 9.0]])  # W1, b1, W2, b2: biases do not count
    assert layer_ratio(model, gradient).tolist() == pytest.approx([5.0])
    assert layer_ratio(model, torch.ones(2, 7)).tolist() == [1.0, 1.0]
