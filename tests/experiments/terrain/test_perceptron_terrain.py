"""Surveys: what is looked at is what the runs themselves pass through."""

import numpy as np
import pytest
import torch

from qbp.experiments import registry
from qbp.experiments.perceptrons import Experiment, load_data
from qbp.experiments.runner import run
from qbp.experiments.terrain import perceptrons as terrain
from qbp.perceptrons.curvature import line_barrier
from qbp.perceptrons.mlp import MLP, mean_squared_error
from qbp.results import store

SMALL = {"n_hidden": 5, "steps": 130}


@pytest.fixture(scope="module")
def surveyed():
    return {c.method: terrain.survey(c) for c in terrain.configs("curve", 2, **SMALL)}


def test_the_records_are_those_of_one_run(surveyed):
    for method, found in surveyed.items():
        assert found.step.tolist() == [0, 100, 130]
        whole = run(Experiment("curve", method=method, seeds=2, **SMALL))
        np.testing.assert_allclose(
            found.history["train_loss"], whole.history["train_loss"][:, [0, 100, 130]], rtol=1e-9
        )
        torch.testing.assert_close(found.theta, whole.theta)


def test_curvature_is_that_of_the_whole_hessian(surveyed):
    config = surveyed["no-init"].config
    data, model = load_data(config), MLP(1, 5, 1)

    def loss(theta):
        return mean_squared_error(model(theta, data.x[data.train]), data.y[data.train])

    for k, theta in {0: run(Experiment("curve", method="no-init", seeds=2, n_hidden=5, steps=0)).theta,
                     2: surveyed["no-init"].theta}.items():  # fmt: skip
        for r in range(2):
            values = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, theta[r]))
            found = [surveyed["no-init"].history[f"hessian_{end}"][r, k] for end in ("low", "high")]
            assert found == pytest.approx(values[[0, -1]].tolist(), rel=1e-6, abs=1e-9)
    back = line_barrier(
        loss, model.xavier([0, 1]), run(Experiment("curve", seeds=2, n_hidden=5, steps=100)).theta
    )
    np.testing.assert_allclose(surveyed["two-stage"].history["barrier_back"][:, 1], back.numpy(), atol=1e-12)


def test_the_way_without_oscillation_is_another_one(surveyed):
    found, other = surveyed["two-stage"].history, surveyed["no-init"].history
    plain = run(Experiment("curve", seeds=2, algorithm={"beta_0": 0.0}, **SMALL)).theta
    distance = (plain - surveyed["two-stage"].theta).norm(dim=-1).numpy()
    np.testing.assert_allclose(found["distance_plain"][:, -1], distance)
    assert (distance > 0).all() and not found["distance_plain"][:, :2].any()
    assert "barrier_plain" not in other
    # On the curve the surrogate is the task: until Stage 1 ends both are the same run.
    np.testing.assert_allclose(found["hessian_high"][:, :2], other["hessian_high"][:, :2], rtol=1e-9)


def test_a_survey_is_stored_and_read_like_a_run(surveyed, tmp_path):
    store.save(
        "terrain-curve", surveyed.values(), command="qbp terrain curve", target="t", directory=tmp_path
    )
    again = store.load("terrain-curve", tmp_path)
    for method, found in surveyed.items():
        assert again[method].config == found.config and again[method].step.tolist() == [0, 100, 130]
        for metric, values in found.history.items():
            np.testing.assert_array_equal(again[method].history[metric], values)


def test_progress_adds_up_to_the_work():
    config, seen = terrain.configs("curve", 2, **SMALL)[0], []
    terrain.survey(config, seen.append)
    assert sum(seen) == terrain.work(config)


def test_who_makes_which_table():
    assert registry.of("mnist", "terrain").run is terrain.survey and registry.of("mnist").run is run


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"method": "sellier"}, "method"),
        ({"reading": "as-released"}, "method"),
        ({"steps": 100}, "stage_1_steps"),
        ({"algorithm": {"switching": "plateau"}}, "stage_1_steps"),
    ],
)
def test_what_has_no_such_points_is_refused(options, word):
    with pytest.raises(ValueError, match=word):
        terrain.survey(Experiment("curve", seeds=1, **options))
