"""Every measure on histories made by hand, whose answers are known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import qbp
from qbp.audit import circuit_measures, formula_measures, measures
from qbp.audit.measures import weigh
from qbp.audit.sentences import CLAIMS
from qbp.convex import midpoint_gap, ridge
from qbp.statistics.hypothesis_tests import Comparison, Share

STEP = np.arange(0, 501, 100)


def result(method="two-stage", step=STEP, diverged=None, **history):
    """A result whose metrics are these, (runs, records)."""
    history = {name: np.array(values, dtype=float) for name, values in history.items()}
    runs = len(next(iter(history.values())))
    return qbp.Result(
        config=qbp.Experiment("curve", method=method, seeds=runs, steps=int(step[-1])),
        theta=None,
        step=np.array(step),
        history=history,
        minibatch_loss=None,
        diverged=np.zeros(runs, dtype=bool) if diverged is None else np.array(diverged),
        seconds=0.0,
    )


ASKS = SimpleNamespace(method="a", baseline="b", metric="x")


def said(how, a, b, **asks):
    """What a measure says of two methods' metric x, as lists."""
    results = {"a": result(x=a), "b": result("no-init", x=b)}
    found = how(results, SimpleNamespace(**{**vars(ASKS), **asks}))
    return [np.round(part, 12).tolist() for part in found] if isinstance(found, tuple) else found.tolist()


FALLING, FLAT_ROW = [[32, 16, 8, 4, 2, 1]], [[5, 5, 5, 5, 5, 5]]


def test_last_values_errors_and_early_means():
    assert said(measures.final, FALLING, FLAT_ROW) == [[1], [5]]
    assert said(measures.error_rate, [[0, 0, 0, 0, 0, 0.9]], [[0, 0, 0, 0, 0, 0.75]]) == [[0.1], [0.25]]
    assert said(measures.early, FALLING, FLAT_ROW) == [[24], [5]]  # steps 0 and 100


def test_climbs_are_in_decades():
    bumpy = [[1, 10, 1, 1, 10, 1]]
    assert said(measures.climbs, bumpy, FALLING) == [[2], [0]]
    assert said(measures.early_rises, bumpy, [[10, 1, 10, 1, 1, 1]]) == [[1], [0]]


def test_steps_to_what_every_run_of_both_reaches():
    slow = [[64, 32, 16, 8, 4, 4], [64, 32, 16, 8, 8, 8]]  # the worst run gets to 8
    fast = [[8, 4, 2, 1, 1, 1], [16, 8, 4, 2, 1, 1]]
    assert said(measures.steps_needed, fast, slow) == [[0, 100], [300, 300]]


def test_smoothness_begins_at_step_300():
    early_noise = [[1, 100, 1, 1e3, 1e2, 1e1]]  # a straight line in decades beyond 300
    bent = [[1, 1, 1, 1e3, 1e2, 1e2]]  # one bend of one decade
    assert said(measures.roughness, early_noise, bent) == [[0], [1]]
    assert said(measures.variation, early_noise, bent) == [[2], [1]]


def test_smoothness_in_absolute_terms_is_that_of_the_loss_itself():
    """Halving from 4 at step 300: second differences 4 - 2 * 2 + 1 = 1; in logarithms it has none."""
    assert said(measures.roughness_absolute, FALLING, FLAT_ROW) == [[1], [0]]
    assert said(measures.roughness, FALLING, FLAT_ROW) == [[0], [0]]


def test_an_error_that_rounding_puts_below_zero_is_zero():
    assert said(measures.final, [[3, -1e-15]], [[3, 2]], metric="x") == [[-0.0], [2]]
    both = {name: result(error=[[3, -1e-6], [3, 2]], step=[0, 1]) for name in "ab"}
    found = measures.final(both, SimpleNamespace(method="a", baseline="b", metric="error"))
    assert found[0].tolist() == [0, 2]


def test_data_sets_have_the_mean_of_their_starts():
    rows = {f"a, data seed {k}": result(x=[[9, k], [9, k + 2]], step=[0, 1]) for k in (0, 1, 5)}
    rows |= {f"b, data seed {k}": result(x=[[9, 1], [9, 3]], step=[0, 1]) for k in (0, 1, 5)}
    ours, others = measures.across_data(rows, ASKS)
    assert ours.tolist() == [1, 2, 6] and others.tolist() == [2, 2, 2]


def test_variances_are_means_of_squared_distances():
    a, b = [[1] * 5 + [v] for v in (1, 3)], [[1] * 5 + [v] for v in (10, 1000)]
    assert said(measures.deviation, a, b) == [[1, 1], [495**2, 495**2]]
    assert said(measures.log_deviation, b, b) == [[1, 1], [1, 1]]
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, (2, 20))
    ours, others = said(measures.deviation, [[1] * 5 + [v] for v in x], [[1] * 5 + [v] for v in y])
    assert weigh("lower", (ours, others)).mean == pytest.approx(x.var(ddof=1) / y.var(ddof=1) - 1)


def test_small_batches_are_a_factor_for_each_method():
    ends = {"a, batches of 4": 6, "a, batches of 64": 2, "b, batches of 4": 9, "b, batches of 64": 1}
    results = {name: result(x=[[0] * 5 + [v]]) for name, v in ends.items()}
    assert [v.tolist() for v in measures.small_batches(results, ASKS)] == [[3], [9]]


def test_surveys_are_read_at_the_end_of_stage_1():
    step = (0, 100, 500)
    results = {"a": result(step=step, x=[[1, 2, 3]]), "b": result("no-init", step=step, x=[[4, 5, 6]])}
    assert [v.tolist() for v in measures.after_stage_1(results, ASKS)] == [[2], [5]]
    assert [v.tolist() for v in measures.since_start(results, ASKS)] == [[2], [1]]
    barriers = [[0, 0, 0.02], [0, 0.5, 0.001]]
    results = {"a": result(step=step, barrier_back=barriers, barrier_plain=barriers[::-1])}
    assert measures.climbs_back(results, ASKS).tolist() == [True, False]
    assert measures.other_basin(results, ASKS).tolist() == [False, True]


def test_the_end_of_stage_1_is_looked_up_by_its_step():
    """Tables of runs have more records than surveys."""
    assert said(measures.after_stage_1, FALLING, [[1, 7, 2, 3, 4, 5]]) == [[16], [7]]
    results = {"a": result(step=(0, 50, 100, 150), x=[[1, 2, 3, 4]])}
    assert [v.tolist() for v in measures.since_start(results, ASKS)] == [[3], [1]]


def test_variances_along_training():
    steady, unsteady = [[2, 2, 2, 2, 2, 2]], [[0, 4, 0, 4, 0, 4]]
    assert said(measures.along_training, steady, unsteady) == [[0], [4]]
    assert said(measures.relative_along_training, [[0, 8, 0, 8, 0, 8]], unsteady) == [[1], [1]]


def test_variance_across_seeds_is_a_mean_square():
    assert said(measures.seed_variance, FALLING, FLAT_ROW) == [[1], [25]]


def test_a_mirrored_hidden_unit_trains_alike_and_has_the_opposite_gradient():
    """Why each component's mean over starts is zero: starts and phases are drawn as often mirrored."""
    training = qbp.Experiment("curve", n_hidden=3, steps=30, algorithm={"stage_1_steps": 10}).training()
    model, problem, seeds = training.model, training.problem(range(2)), range(2)
    theta, unit = training.start(seeds), torch.zeros(model.n_params, dtype=torch.bool)
    unit[[1, 4, 7]] = True  # weight, bias and readout of the second of three hidden units
    phi = torch.linspace(0, 6, model.n_params, dtype=torch.float64)
    mirrored = torch.where(unit, torch.pi - phi, phi)  # sin(-x + pi - phi) = sin(x + phi)
    ends = [
        qbp.two_stage(problem, training.algorithm, start, phi=phase)[0]
        for start, phase in [(theta, phi), (torch.where(unit, -theta, theta), mirrored)]
    ]
    torch.testing.assert_close(ends[1], torch.where(unit, -ends[0], ends[0]))
    assert (ends[0] - theta).abs().min() > 1e-4
    grads = []
    for end in ends:
        end = end.clone().requires_grad_()
        energy = problem.energy(end, torch.arange(3).expand(2, 3))
        grads += torch.autograd.grad(energy.sum(), end)
    torch.testing.assert_close(grads[1], torch.where(unit, -grads[0], grads[0]))
    assert (grads[0][:, unit] != 0).all()


def settled(*values, method="two-stage", **history):
    """Runs that are recorded each ten steps and whose loss takes these values for 100 steps each."""
    x = np.repeat(np.array(values, dtype=float), 10, axis=1)
    return result(method, np.arange(0, 10 * x.shape[1], 10), x=x, **history)


def test_convergence_is_asked_from_stage_2_on_and_has_the_budget_where_there_is_none():
    results = {"a": settled([8, 4, 4], [8, 4, 2]), "b": settled([8, 4, 4], [8, 4, 2], method="no-init")}
    results["a"].history["x"][1] = results["b"].history["x"][1] = 2.0 ** -np.arange(30)
    assert measures.converges(results, ASKS).tolist() == [True, False]
    ours, others = measures.steps_to_convergence(results, ASKS)
    assert ours.tolist() == [100, 290] and others.tolist() == [0, 290]  # Stage 1 is 100 steps long
    ours, others = measures.at_convergence(results, ASKS)
    assert ours.tolist() == [4, 2.0**-29] and others.tolist() == [8, 2.0**-29]


def test_convergence_of_a_circuit_is_that_of_its_energy():
    error = np.repeat([[2.0, 1.01, 1.0]], 10, axis=1)  # the energy moves by less than 1 % between the last
    one = result("no-init", np.arange(0, 300, 10), error=error, energy=error - 7)
    asks = SimpleNamespace(method="b", baseline="b", metric="error")
    assert measures.steps_to_convergence({"b": one}, asks)[0].tolist() == [0]
    assert measures.at_convergence({"b": one}, asks)[0].tolist() == [2]
    moved = np.repeat([[-5.0, -6.0, -6.01]], 10, axis=1)
    moved[:, 1:10] = -5.5
    one = result("no-init", np.arange(0, 300, 10), error=error, energy=moved)
    assert measures.steps_to_convergence({"b": one}, asks)[0].tolist() == [10]


def test_the_terrain_of_circuits_is_read_at_its_three_points():
    step, start = (0, 100, 300), [[1, 5, 5], [3, 5, 5]]  # mean error 2 at the start
    found = {
        "a": result(step=step, error=start, down=[[0.5, 0, 1], [0, 0.01, 0]],
                    barrier=[[0, 0.5, 0.02], [0, 0.5, 0.0199]]),
    }  # fmt: skip
    asks = SimpleNamespace(method="a", baseline="a", metric="down")
    assert circuit_measures.in_a_basin(found, asks).tolist() == [True, False]
    asks.metric = "barrier"
    assert circuit_measures.crosses_a_barrier(found, asks).tolist() == [True, False]


def test_clones_are_measured_from_the_ceiling_at_the_depths_that_both_have():
    found = {
        name: result(fidelity=[[0, end], [0, end / 2]])
        for name, end in {
            "a, 1 layer": 0.5,
            "a, 2 layers": 0.7,
            "b, 2 layers": 0.6,
            "b, 3 layers": 0.1,
        }.items()
    }
    asks = SimpleNamespace(method="a", baseline="b", metric="fidelity")
    ours, others = circuit_measures.below_ceiling(found, asks)
    ceiling = (2 + 2**0.5) / 4
    np.testing.assert_allclose(ours, [ceiling - 0.7, ceiling - 0.35])
    np.testing.assert_allclose(others, [ceiling - 0.6, ceiling - 0.3])


def test_the_deviation_of_components_is_their_variance_across_seeds():
    rng = np.random.default_rng(0)
    ends = {name: rng.normal(size=(2, 3)) for name in "ab"}  # (runs, components)
    parts = {
        name: {f"grad_{j}": [[9, 9, value] for value in end[:, j]] for j in range(3)}
        for name, end in ends.items()
    }
    found = {
        name: result(method, step=(0, 100, 300), **parts[name])
        for name, method in {"a": "two-stage", "b": "no-init"}.items()
    }
    for values, end in zip(circuit_measures.component_deviation(found, ASKS), ends.values(), strict=True):
        assert values.shape == (2,) and values.mean() == pytest.approx(end.var(axis=0).mean())
        assert values[0] == pytest.approx(((end[0] - end.mean(0)) ** 2).mean())


def test_a_run_oscillates_when_a_quarter_of_its_moves_is_upward():
    runs = [[1, 1, 1, 100, 10, 1], [1, 1, 1, 10, 1, 10], [1, 1, 1, 1, 1, 1], [9, 1, 9, 100, 0.1, 1]]
    assert said(measures.oscillates, FALLING * 4, runs) == [False, True, False, True]


def test_a_plateau_is_flat_and_above():
    ours = [[9, 9, 9, 9, 9, 1.0]] * 4
    others = [[9, 9, 9, 9, 5, 4.9], [9, 9, 9, 9, 5, 4], [9, 9, 9, 9, 0.5, 0.5], [9, 9, 9, 9, 2, 3]]
    assert said(measures.plateaus_higher, ours, others) == [True, False, False, True]


def test_shared_starts_and_batches():
    same = {"train_loss": [[1, 0], [2, 0]], "val_loss": [[3, 0], [4, 0]], "energy": [[5, 0], [6, 0]]}
    other = {"train_loss": [[1, 9], [2, 9]], "val_loss": [[3, 9], [4.1, 9]], "energy": [[5, 9], [7, 9]]}
    results = {"a": result(step=(0, 1), **same), "b": result("no-init", step=(0, 1), **same)}
    results["c"] = result("sellier", step=(0, 1), **other)
    three = SimpleNamespace(method="a", baseline="b,c")
    assert measures.same_start(results, three).tolist() == [True, False]
    assert measures.same_start(results, ASKS).tolist() == [True, True]
    assert measures.same_batch(results, SimpleNamespace(method="a", baseline="c")).tolist() == [True, False]


def test_a_diverged_run_is_no_finite_one():
    assert measures.stays_finite({"a": result(x=FALLING * 2, diverged=[False, True])}, ASKS).tolist() == [
        True,
        False,
    ]


def test_eq_1_by_hand():
    """(cos theta + 1)**2 is 0 at both ends and 4 in the middle."""
    assert formula_measures.eq_1_chord({}, ASKS) == pytest.approx(4)
    ends = torch.tensor([[-torch.pi], [torch.pi]], dtype=torch.float64)
    assert midpoint_gap(lambda t: (t[..., 0].cos() + 1) ** 2, *ends) == pytest.approx(4)


def test_eq_2_is_as_curved_as_twice_its_ridge():
    """Fewer points than features leave directions that the penalty alone curves."""
    config = qbp.Experiment("curve")
    assert formula_measures.eq_2_curvature({}, ASKS) == pytest.approx(-2 * config.ridge, rel=1e-6)
    assert ridge(torch.zeros(1, 1), torch.zeros(1, 1), config.ridge).abs().max() == 0


def test_the_surrogate_by_hand():
    """Ends compute tanh(x) - 0.2, the middle the constant -0.2."""
    x = np.array([0.15, 0.60, 0.80])
    ends, middle = (np.tanh(x) - 0.2 - x**2) ** 2, (-0.2 - x**2) ** 2
    assert formula_measures.surrogate_chord({}, ASKS) == pytest.approx(middle.mean() - ends.mean())


def test_weighing_by_rule():
    pair = (np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 7.0]))
    for rule in ("lower", "preserved"):
        assert isinstance(found := weigh(rule, pair), Comparison) and found.wins == 3
    hits = np.array([True, True, False])
    assert isinstance(found := weigh("most", hits), Share) and found.hits == 2 and found.p == 1
    assert np.isnan(weigh("every", hits).p)  # a fact, not a test
    assert weigh("convex", 4.0).low == weigh("convex", 4.0).high == 4


def test_every_measure_is_used_and_explained():
    used = {claim.how.__name__ for claim in CLAIMS if claim.how}
    public = {
        name: f
        for module in (measures, circuit_measures, formula_measures)
        for name, f in vars(module).items()
        if callable(f) and getattr(f, "__module__", "") == module.__name__ and name[0].islower()
    }
    assert public.keys() - {"weigh"} == used
    assert all(f.__doc__ for f in public.values())
    assert public == {**measures.MEASURES, "weigh": weigh}
