"""The terrain of circuits against runs, two derivatives by autograd, parameter shift, and lines by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from qbp.experiments.circuits import CircuitExperiment, targets_of
from qbp.experiments.runner import run
from qbp.experiments.terrain import circuits as terrain
from qbp.plateaus.shifts import parameter_shift
from qbp.studies.circuit_studies import TASKS, study

SMALL = {"seeds": 3, "qubits": 2, "layers": 2, "steps": 140}
TASK = "tfim"


@pytest.fixture(scope="module")
def walked():
    return {c.method: terrain.survey(c) for c in terrain.configs(**TASKS[TASK], **SMALL)}


@pytest.fixture(scope="module")
def ends():
    """{(method, step): theta}, each the end of a run of its own."""
    found = {}
    for method in ("two-stage", "no-init", "calm"):
        for steps in (0, 100, 140):
            options = {"method": "no-init" if method == "no-init" else "two-stage", "steps": steps}
            if method == "calm":
                options["algorithm"] = {"beta_0": 0.0}
            found[method, steps] = run(CircuitExperiment(**TASKS[TASK], **{**SMALL, **options})).theta
    return found


def energies():
    """The task of each run as a function of its own angles, from states, which differentiate twice."""
    config = CircuitExperiment(**TASKS[TASK], **SMALL)
    targets = targets_of(config, config.run_seeds)
    return [
        lambda t, H=target.task, low=target.lowest: H.expectation(config.circuit.state(t)) - low
        for target in targets
    ]


def test_it_trains_what_the_study_trains():
    rows = study("methods").configs(TASK)
    for config in terrain.configs(**TASKS[TASK], seeds=1, qubits=2, layers=1):
        own = replace(rows[config.method], seeds=1, qubits=2, layers=1, record_every=100)
        assert config == own and terrain.records(config) == (0, 100, 300)


@pytest.mark.parametrize("method", ["two-stage", "no-init"])
def test_it_looks_around_where_the_runs_stand(walked, ends, method):
    history = walked[method].history
    np.testing.assert_array_equal(walked[method].step, [0, 100, 140])
    for record, steps in enumerate((0, 100, 140)):
        theta = ends[method, steps]
        np.testing.assert_allclose(
            history["error"][:, record],
            [energy(at) for energy, at in zip(energies(), theta, strict=True)],
            atol=1e-9,
        )
        for r, energy in enumerate(energies()):
            curvature = torch.autograd.functional.hessian(energy, theta[r])
            values = torch.linalg.eigvalsh(curvature)
            for name, value in {"low": values[0], "high": values[-1], "mean": values.mean()}.items():
                assert history[f"hessian_{name}"][r, record] == pytest.approx(float(value), abs=1e-7)
            down = (values < -0.01 * values.abs().max()).double().mean()
            assert history["down"][r, record] == float(down)
    np.testing.assert_allclose(walked[method].theta, ends[method, 140], atol=1e-9)


def test_the_gradients_are_those_of_parameter_shift(walked, ends):
    config = CircuitExperiment(**TASKS[TASK], **SMALL)
    targets = targets_of(config, config.run_seeds)
    for method in ("two-stage", "no-init"):
        history = walked[method].history
        found = np.stack([history[f"grad_{j}"] for j in range(config.circuit.n_params)], -1)
        for record, steps in enumerate((0, 100, 140)):
            theta = ends[method, steps]
            expected = [
                parameter_shift(config.circuit, at, t.task) for at, t in zip(theta, targets, strict=True)
            ]
            np.testing.assert_allclose(found[:, record], np.stack(expected), atol=1e-9)


def test_a_run_is_surveyed_the_same_alone(walked):
    for config in terrain.configs(**TASKS[TASK], **{**SMALL, "seeds": 1}, seed=1):
        for metric, values in terrain.survey(config).history.items():
            np.testing.assert_allclose(values[0], walked[config.method].history[metric][1], atol=1e-9)


def test_progress_adds_up_to_the_work():
    seen = []
    for config in terrain.configs(**TASKS[TASK], **SMALL):
        terrain.survey(config, seen.append)
        assert sum(seen) == terrain.work(config)
        seen.clear()


def test_the_barriers_are_those_of_the_lines_between_the_points(walked, ends):
    def heights(a, b):
        step, found = torch.atan2((b - a).sin(), (b - a).cos()), []
        for energy, start, way in zip(energies(), a, step, strict=True):
            values = [float(energy(start + k / 40 * way)) for k in range(41)]
            found.append(max(values) - max(values[0], values[-1]))
        return found

    for method in ("two-stage", "no-init"):
        start, middle, end = (ends[method, steps] for steps in (0, 100, 140))
        expected = np.stack([np.zeros(3), heights(start, middle), heights(middle, end)], -1)
        np.testing.assert_allclose(walked[method].history["barrier_back"], expected, atol=1e-9)
        turned = [np.zeros(3), ((middle - start).abs() > np.pi).double().mean(-1)]
        np.testing.assert_array_equal(walked[method].history["turned"][:, :2], np.stack(turned, -1))
    ours, calm = ends["two-stage", 140], ends["calm", 140]
    plain = walked["two-stage"].history["barrier_plain"]
    np.testing.assert_allclose(plain[:, -1], heights(calm, ours), atol=1e-9)
    assert (plain[:, :2] == 0).all() and "barrier_plain" not in walked["no-init"].history
    length = (ours - calm).norm(dim=-1)  # short enough to have no turn in it
    np.testing.assert_allclose(walked["two-stage"].history["distance_plain"][:, -1], length, rtol=1e-7)
    assert (length > 0.01).all()


@pytest.mark.parametrize("options", [{"steps": 100}, {"algorithm": {"switching": "plateau"}}])
def test_what_has_no_such_points_is_refused(options):
    with pytest.raises(ValueError, match="stage_1_steps must end Stage 1 before step"):
        terrain.survey(CircuitExperiment(seeds=1, record_every=1, **options))
