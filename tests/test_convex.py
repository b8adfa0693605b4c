"""Eq. 1-3 against dense matrices, normal equations and a scalar reading of the switching rule."""

import math
from fractions import Fraction

import numpy as np
import pytest
import reference
import torch
from hypothesis import given
from hypothesis import strategies as st

import qbp
from qbp.convex import (
    SWITCHING,
    default_threshold,
    exit_step,
    gradient_metrics,
    gradient_norm,
    local_loss,
    midpoint_gap,
    ridge,
    ridge_hessian,
    should_switch,
)

CIRCUIT = qbp.HardwareEfficient(3, 2, rotations=("ry", "rz"), entangler="cz", topology="ladder")


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("paulis", ["XYZ", "Z"])
def test_local_loss_is_eq_1_on_dense_matrices(paulis):
    theta, observables = random(2, CIRCUIT.n_params), qbp.local_observables(3, paulis)
    targets = random(2, len(observables), seed=1)
    loss = local_loss(CIRCUIT, theta, observables, targets)
    for row in range(2):
        state = reference.hardware_efficient(3, theta[row].tolist(), [["YZ"] * 3] * 2, "cz", "ladder")
        dense = [reference.on(3, reference.PAULI[p], q) for q in range(3) for p in paulis]
        found = np.array([reference.expectation(O_i, state) for O_i in dense])
        assert abs(loss[row].item() - ((found - targets[row].numpy()) ** 2).sum()) < 1e-12


def test_gradient_of_local_loss_by_parameter_shift():
    """d/dtheta_k sum (<O_i> - b_i)^2 = sum 2 (<O_i> - b_i) (<O_i>_+ - <O_i>_-) / 2."""
    theta, observables, targets = random(CIRCUIT.n_params), qbp.local_observables(3), random(9, seed=1)
    start = theta.clone().requires_grad_()
    (grad,) = torch.autograd.grad(local_loss(CIRCUIT, start, observables, targets), start)
    shift = torch.eye(len(theta), dtype=torch.float64) * torch.pi / 2
    plus, minus = (CIRCUIT.expectations(theta + sign * shift, observables) for sign in (1, -1))
    residual = CIRCUIT.expectations(theta, observables) - targets
    torch.testing.assert_close(grad, (plus - minus) @ residual, rtol=1e-10, atol=1e-12)


def test_local_loss_checks_its_targets():
    observables = qbp.local_observables(3)
    with pytest.raises(
        ValueError, match=r"targets must have shape \(..., 9\), one .* observables, got \(8,\)"
    ):
        local_loss(CIRCUIT, torch.zeros(12), observables, torch.zeros(8))
    with pytest.raises(ValueError, match="targets must be finite"):
        local_loss(CIRCUIT, torch.zeros(12), observables, torch.full((9,), torch.nan))


def normal_equations(phi, y, strength):
    phi = np.column_stack([phi, np.ones(len(phi))])
    return np.linalg.solve(phi.T @ phi + strength * np.eye(phi.shape[1]), phi.T @ y)


@pytest.mark.parametrize("samples", [3, 20])  # fewer and more than unknowns
@pytest.mark.parametrize("shared", [True, False])
def test_ridge_solves_the_normal_equations_run_by_run(samples, shared):
    features = random(4, samples, 5)
    targets = random(samples, 2, seed=1) if shared else random(4, samples, 2, seed=1)
    w = ridge(features, targets, 0.3)
    assert w.shape == (4, 6, 2)
    for row in range(4):
        y = (targets if shared else targets[row]).numpy()
        np.testing.assert_allclose(w[row], normal_equations(features[row].numpy(), y, 0.3), atol=1e-11)


def test_ridge_takes_the_features_of_a_circuit():
    theta, x = random(4, CIRCUIT.n_params), random(8, 2, seed=1)
    features = CIRCUIT.expectations(theta, qbp.local_observables(3, "Z"), inputs=x)  # (4, 8, 3)
    y = torch.sin(x[:, :1])
    for row, w in enumerate(ridge(features, y, 1e-2)):
        np.testing.assert_allclose(w, normal_equations(features[row].numpy(), y.numpy(), 1e-2), atol=1e-10)


def exact_solution(rows, y, strength):
    """The normal equations in rational arithmetic, by Gauss-Jordan."""
    rows = [[Fraction(v) for v in (*row, 1)] for row in rows]
    k = len(rows[0])
    system = [
        [sum(r[i] * r[j] for r in rows) + (i == j) * Fraction(strength) for j in range(k)]
        + [sum(r[i] * Fraction(t) for r, t in zip(rows, y, strict=True))]
        for i in range(k)
    ]
    for i in range(k):
        system[i] = [v / system[i][i] for v in system[i]]
        for j in set(range(k)) - {i}:
            system[j] = [v - system[j][i] * pivot for v, pivot in zip(system[j], system[i], strict=True)]
    return [float(row[-1]) for row in system]


def test_ridge_does_not_square_the_condition_number():
    """Powers of x up to seven: the normal equations lose five digits, the package must not."""
    x = torch.arange(12, dtype=torch.float64)[:, None] / 16
    features, y, strength = x ** torch.arange(1, 8), torch.cos(3 * x), 2.0**-40
    exact = exact_solution(features.tolist(), y.flatten().tolist(), strength)
    rough = normal_equations(features.numpy(), y.numpy(), strength).flatten()
    assert not np.allclose(rough, exact, rtol=1e-8)
    np.testing.assert_allclose(ridge(features, y, strength).flatten(), exact, rtol=1e-8)


def test_ridge_bad_input():
    with pytest.raises(ValueError, match=r"strength must be .*above 0.*got 0"):
        ridge(torch.ones(3, 2), torch.ones(3, 1), 0)
    for targets in (torch.ones(4, 1), torch.ones(3)):
        with pytest.raises(
            ValueError, match=r"targets must have shape \(\.{3}, samples, m\).*, got \(\d,( 1)?\)"
        ):
            ridge(torch.ones(3, 2), targets, 1.0)


def test_the_three_norms():
    grad = torch.tensor(
        [[1.0, -2.0, 2.0, 4.0], [0.0, 0.0, 0.0, 0.0]], dtype=torch.float64
    )  # ||g|| = 5, dim 4
    assert gradient_norm(grad).tolist() == [1.25, 0]
    assert gradient_norm(grad, "rms").tolist() == [2.5, 0]
    assert gradient_norm(grad, "mean-square").tolist() == [6.25, 0]
    metrics = gradient_metrics(grad)
    assert metrics["grad_norm"].tolist() == [1.25, 0] and metrics["grad_rms"].tolist() == [2.5, 0]
    np.testing.assert_allclose(metrics["grad_var"], np.var(grad.numpy(), axis=1))
    with pytest.raises(ValueError, match="norm must be one of paper, rms, mean-square, got 'max'"):
        gradient_norm(grad, "max")


def test_default_threshold_is_half_the_median():
    assert default_threshold(torch.tensor([4.0, 1.0, 2.0, 100.0])) == 1.5
    assert default_threshold(torch.tensor([4.0, 1.0, 100.0])) == 2.0


def scalar_rule(norms, rule, steps, cap, tau_g, window, tolerance):
    """The rule for one run, in words turned into plain python."""
    done = len(norms) - 1  # updates already made
    if rule == "steps":
        return done >= steps
    if done >= cap:
        return True
    if rule in ("threshold", "threshold-or-plateau") and norms[-1] >= tau_g:
        return True
    if rule in ("plateau", "threshold-or-plateau") and len(norms) >= 2 * window:
        now = sum(norms[-window:]) / window
        before = sum(norms[-2 * window : -window]) / window
        return abs(now - before) <= tolerance * before
    return False


@given(
    seed=st.integers(0, 2**32),
    length=st.integers(1, 12),
    rule=st.sampled_from(SWITCHING),
    steps=st.integers(0, 12),
    cap=st.integers(0, 40),
    tau_g=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    window=st.sampled_from([1, 2, 4]),
    tolerance=st.sampled_from([0.0, 0.125, 0.5]),
)
def test_should_switch_is_the_scalar_rule_run_by_run_and_pure(seed, length, rule, **options):
    # Halves have exact sums and means over these windows, so ties are ties; few values, so there are many.
    norms = torch.from_numpy(np.random.default_rng(seed).integers(0, 6, (100, length)) / 2)
    before = norms.clone()
    found = should_switch(norms, rule=rule, **options)
    assert found.dtype == torch.bool
    assert found.tolist() == [scalar_rule(row, rule, **options) for row in norms.tolist()]
    assert torch.equal(norms, before) and torch.equal(found, should_switch(norms, rule=rule, **options))


@pytest.mark.parametrize("rule", ["plateau", "threshold-or-plateau"])
@pytest.mark.parametrize("window", [1, 3, 10])
def test_a_plateau_is_seen_with_the_last_norm_of_the_second_window_and_not_before(rule, window):
    norms = torch.ones(2, 2 * window)  # constant: as flat as can be
    options = {"rule": rule, "steps": 99, "cap": 99, "tau_g": 2.0, "window": window}
    assert should_switch(norms, **options).all()
    assert not should_switch(norms[:, :-1], **options).any()
    assert exit_step(norms, **options).tolist() == [2 * window - 1] * 2


@pytest.mark.parametrize("rule", ["threshold", "plateau", "threshold-or-plateau"])
def test_the_cap_ends_a_run_whose_norms_are_nan(rule):
    norms = torch.full((1, 40), torch.nan)
    options = {"rule": rule, "steps": 5, "tau_g": 1.0}
    assert not should_switch(norms, cap=40, **options).any()
    assert should_switch(norms, cap=39, **options).all()


@pytest.mark.parametrize("rule", SWITCHING)
def test_should_switch_takes_one_run_and_runs_in_two_axes(rule):
    norms = torch.rand(3, 5, 12, generator=torch.Generator().manual_seed(0)).round(decimals=1) + 0.5
    options = {"rule": rule, "steps": 5, "cap": 40, "tau_g": 1.2, "window": 4, "tolerance": 0.2}
    found = should_switch(norms, **options)
    alone = [[should_switch(run, **options).item() for run in runs] for runs in norms]
    assert found.tolist() == alone and (rule == "steps" or 0 < sum(map(sum, alone)) < 15)


def test_what_is_not_said_of_a_plateau_is_ten_steps_and_one_per_cent():
    flat = torch.tensor([1.0] * 10 + [1.0099] * 10, dtype=torch.float64)
    options = {"rule": "plateau", "steps": 0, "cap": 99}
    assert should_switch(flat, **options) and not should_switch(flat[1:], **options)
    assert not should_switch(torch.cat([flat[:10], flat[10:] + 0.0003]), **options)
    assert exit_step(flat[:1], **options).isinf()  # one norm is a record, too


@pytest.mark.parametrize("norm", ["paper", "rms", "mean-square"])
def test_the_norm_of_a_gradient_is_one_value_a_row_whatever_the_axes(norm):
    grad = random(2, 3, 5)
    alone = [[gradient_norm(row, norm).item() for row in rows] for rows in grad]
    assert gradient_norm(grad, norm).tolist() == [pytest.approx(row) for row in alone]


def test_should_switch_bad_input():
    for name in ("steps", "cap"):
        with pytest.raises(ValueError, match=f"{name} must be at least 0"):
            should_switch(torch.ones(1), **{"rule": "plateau", "steps": 1, "cap": 1, name: -1})
    with pytest.raises(ValueError, match=r"rule must be one of steps, .*, got 'never'"):
        should_switch(torch.ones(1), rule="never", steps=1, cap=1)
    with pytest.raises(ValueError, match="tau_g must be a number under the rule 'threshold', got None"):
        should_switch(torch.ones(1), rule="threshold", steps=1, cap=1)
    with pytest.raises(ValueError, match="window must be at least 1, got 0"):
        should_switch(torch.ones(1), rule="plateau", steps=1, cap=1, window=0)


def test_exit_step_is_the_step_at_which_the_algorithm_leaves_stage_1():
    """Replayed on the norms of a run that never left, every rule exits where a run under it does."""
    observables, targets = qbp.local_observables(3), random(9, seed=1)
    problem = qbp.Problem(
        energy=lambda theta, batch: theta.square().sum(-1),
        convex=lambda theta, batch: local_loss(CIRCUIT, theta, observables, targets),
    )
    shared = {"steps": 40, "optimizer": "gd", "eta_c": 0.02, "stage_1_cap": 35}
    theta0, tau_g = random(3, CIRCUIT.n_params), 0.1
    recorded = qbp.two_stage(problem, qbp.TwoStageConfig(stage_1_steps=41, **shared), theta0)[1]
    found = set()
    for rule in SWITCHING:
        config = qbp.TwoStageConfig(switching=rule, tau_g=tau_g, stage_1_steps=25, **shared)
        stage = qbp.two_stage(problem, config, theta0)[1].metrics["stage"]
        options = {"rule": rule, "steps": 25, "cap": 35, "tau_g": tau_g}
        exits = exit_step(recorded.metrics["grad_norm"], **options)
        assert exits.tolist() == (stage == 2).double().argmax(-1).tolist()
        found |= set(exits.tolist())
    assert len(found) > 2
    assert exit_step(torch.ones(2, 5), rule="steps", steps=9, cap=9).tolist() == [math.inf] * 2


def test_ridge_hessian_is_the_second_derivative_of_eq_2():
    features, w, y = random(5, 2), random(3, seed=1), random(5, seed=2)

    def loss(w):
        return (features @ w[:-1] + w[-1] - y).square().sum() + 0.3 * w.square().sum()

    found = ridge_hessian(features, 0.3)
    torch.testing.assert_close(found, torch.autograd.functional.hessian(loss, w))
    assert torch.linalg.eigvalsh(found).min() >= 2 * 0.3


def test_midpoint_gap_of_a_square_is_minus_a_quarter_of_the_squared_distance():
    a, b = random(4, 3), random(4, 3, seed=1)
    gap = midpoint_gap(lambda x: (x - 1).square().sum(-1), a, b)
    torch.testing.assert_close(gap, -(a - b).square().sum(-1) / 4)
