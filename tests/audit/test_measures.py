"""Every measure on histories made by hand, whose answers are known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import qbp
from qbp.audit import measures
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
    assert measures.eq_1_chord({}, ASKS) == pytest.approx(4)
    ends = torch.tensor([[-torch.pi], [torch.pi]], dtype=torch.float64)
    assert midpoint_gap(lambda t: (t[..., 0].cos() + 1) ** 2, *ends) == pytest.approx(4)


def test_eq_2_is_as_curved_as_twice_its_ridge():
    """Fewer points than features leave directions that the penalty alone curves."""
    config = qbp.Experiment("curve")
    assert measures.eq_2_curvature({}, ASKS) == pytest.approx(-2 * config.ridge, rel=1e-6)
    assert ridge(torch.zeros(1, 1), torch.zeros(1, 1), config.ridge).abs().max() == 0


def test_the_surrogate_by_hand():
    """Ends compute tanh(x) - 0.2, the middle the constant -0.2."""
    x = np.array([0.15, 0.60, 0.80])
    ends, middle = (np.tanh(x) - 0.2 - x**2) ** 2, (-0.2 - x**2) ** 2
    assert measures.surrogate_chord({}, ASKS) == pytest.approx(middle.mean() - ends.mean())


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
        name
        for name, f in vars(measures).items()
        if callable(f) and getattr(f, "__module__", "") == "qbp.audit.measures" and name[0].islower()
    }
    assert public - {"weigh"} == used
    assert all(getattr(measures, name).__doc__ for name in public)
