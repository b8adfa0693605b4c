"""Configurations resolve and refuse; a run is the same alone, in chunks and in company of other methods."""

import dataclasses
import math

import numpy as np
import pytest
import torch

import qbp
from qbp.algorithm_1 import TwoStageConfig
from qbp.baseline.loop import SellierConfig
from qbp.experiments import perceptrons, registry
from qbp.experiments.perceptrons import METHODS
from qbp.experiments.registry import compare, configurations, run
from qbp.perceptrons import datasets
from qbp.perceptrons.problems import perceptron_problem

SMALL = {"device": "cpu", "n_hidden": 7, "points": 9, "batch_size": 4}  # curve: two batches an epoch


def small(method="two-stage", **options):
    return qbp.Experiment("curve", method=method, **{**SMALL, "steps": 20, "seeds": 3, **options})


def test_defaults_follow_experiment_and_reading():
    table = {
        ("curve", "as-written"): (0, "float64", 1, 250, None),
        ("telecom", "as-released"): (42, "float32", 10, 250, None),
        ("mnist", "as-written"): (0, "float64", 10, 128, 200),
    }
    for (experiment, reading), expected in table.items():
        c = qbp.Experiment(experiment, reading=reading)
        assert (c.seed, c.dtype, c.record_every, c.n_hidden, c.per_class) == expected
        assert (c.algorithm.steps, c.algorithm.record_every) == (500, c.record_every)
    assert qbp.Experiment("mnist", reading="as-released", mnist="folder").per_class == 500
    assert qbp.Experiment("curve", method="random") == qbp.Experiment("curve", method="no-init")
    assert list(qbp.Experiment("curve", seed=5, seeds=3).run_seeds) == [5, 6, 7]


def test_methods_are_what_the_paper_and_the_notebook_say():
    def of(method, reading):
        return qbp.Experiment("curve", method=method, reading=reading).algorithm

    written, released = of("two-stage", "as-written"), of("two-stage", "as-released")
    assert (written.stage_1_steps, written.lambda_0, written.beta_0, written.amplitude) == (
        100,
        0.9,
        0.05,
        1.0,
    )
    assert (released.stage_1_steps, released.amplitude, released.anneal, released.omega) == (
        102,
        0.1,
        "before",
        4.0,
    )
    plain, notebook = of("no-init", "as-written"), of("no-init", "as-released")
    assert (plain.stage_1_steps, plain.lambda_0, plain.beta_0) == (0, 0.0, 0.0)
    assert (notebook.stage_1_steps, notebook.lambda_0, notebook.beta_0) == (0, 0.3, 0.05)
    assert of("two-stage-ridge", "as-written").stage_1_steps == 0
    assert isinstance(of("sellier", "as-released"), SellierConfig)
    assert {c.optimizer for c in (written, released, plain, notebook)} == {"adamw"}
    assert {(c.eta_c, c.eta_n, c.weight_decay) for c in (written, released)} == {(1e-3, 1e-3, 0.01)}


def test_configurations_are_values():
    a, b = small(algorithm={"eta_n": 0.01}), small(algorithm={"eta_n": 0.01})
    assert a == b and hash(a) == hash(b) and len({a, b, small()}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        a.steps = 3
    assert small(algorithm=a.algorithm) == a  # a resolved algorithm goes back in
    assert dataclasses.replace(a, seeds=5).algorithm == a.algorithm


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"experiment": "iris"}, ValueError, "experiment must be one of curve, telecom, mnist, got 'iris'"),
        ({"method": "annealing"}, ValueError, "method must be one of .*got 'annealing'"),
        ({"reading": "as-told"}, ValueError, "reading must be one of as-written, as-released"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of float64, float32"),
        ({"steps": -1}, ValueError, "steps must be at least 0.*got -1"),
        ({"steps": 2.5}, TypeError, "steps must be an integer"),
        ({"seeds": 0}, ValueError, "seeds must be at least 1, got 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0.*got -1"),
        ({"seed": 2**64}, ValueError, "seed must be .*at most"),
        ({"record_every": 0}, ValueError, "record_every must be at least 1, got 0"),
        ({"n_hidden": 0}, ValueError, "n_hidden must be at least 1, got 0"),
        ({"experiment": "mnist", "per_class": 0}, ValueError, "per_class must be at least 1, got 0"),
        ({"per_class": 5}, ValueError, "per_class is an option of mnist, got 5 for curve"),
        ({"experiment": "telecom", "points": 5}, ValueError, "points is an option of curve, got 5"),
        ({"mnist": "folder"}, ValueError, "mnist is an option of mnist, got 'folder' for curve"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"n_layers": 0}, ValueError, "n_layers must be at least 1, got 0"),
        ({"n_layers": 2, "reading": "as-released"}, ValueError, "n_layers is 1 in the released notebook"),
        ({"holdout": 1.0}, ValueError, "holdout must be at least 0 and below 1, got 1.0"),
        ({"holdout": -0.1}, ValueError, "holdout must be at least 0 and below 1, got -0.1"),
        ({"data": "as-released"}, ValueError, "data is an option of telecom, got 'as-released' for curve"),
        ({"experiment": "telecom", "data": "raw"}, ValueError, "data must be one of as-written, as-released"),
        (
            {"algorithm": {"friction": 0.1}},
            ValueError,
            "friction is an option of heavy-ball, got 0.1 for adamw",
        ),
        ({"method": "heavy-ball", "algorithm": {"friction": 2}}, ValueError, "friction must be .*at most 1"),
        ({"method": "heavy-ball", "reading": "as-released"}, ValueError, "not in the released notebook"),
        ({"points": 1}, ValueError, "points must be at least 2"),
        ({"ridge": 0}, ValueError, "ridge must be .*above 0"),
        ({"phi": math.nan}, ValueError, "phi must be"),
        ({"algorithm": {"lr": 1.0}}, ValueError, "no field 'lr' for method two-stage; it takes amplitude, "),
        ({"algorithm": {"eta_c": -1}}, ValueError, "eta_c must be"),
        ({"algorithm": {"steps": 7}}, ValueError, "steps is 500 in method two-stage as-written, got 7"),
        ({"method": "no-init", "algorithm": {"beta_0": 1.0}}, ValueError, "beta_0 is 0.0 in method no-init"),
        ({"method": "two-stage-ridge", "reading": "as-released"}, ValueError, "not in the released notebook"),
    ],
)
def test_bad_fields_are_refused_when_the_configuration_is_made(options, error, message):
    with pytest.raises(error, match=message):
        qbp.Experiment(**{"experiment": "curve", **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "abacus"}, "device must be one this machine has, got 'abacus'"),
        ({"device": "meta"}, "device must be one that holds numbers, got 'meta'"),
        ({"experiment": "mnist", "mnist": "no/such/folder"}, "four IDX files, got 'no/such/folder'"),
        ({"experiment": "mnist", "per_class": 500}, "per_class must be .*at most 499, got 500"),
    ],
)
def test_what_the_machine_lacks_is_refused_before_work_starts(options, message):
    steps = []
    with pytest.raises(ValueError, match=message):
        run(qbp.Experiment(**{"experiment": "curve", **options}), progress=steps.append)
    assert steps == []


def test_cuda_is_refused_where_there_is_none(monkeypatch):
    def lacking(*args, **kwargs):
        raise AssertionError("Torch not compiled with CUDA enabled")

    monkeypatch.setattr(torch, "empty", lacking)  # so that the test says the same where there is a GPU
    with pytest.raises(ValueError, match=r"must be one this machine has, got 'cuda'; it has auto, cpu"):
        run(small(device="cuda"))


def same(a, b):
    """Agreement to rounding of everything recorded."""
    assert a.history.keys() == b.history.keys()
    for name in a.history:
        np.testing.assert_allclose(a.history[name], b.history[name], rtol=1e-9, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(a.minibatch_loss, b.minibatch_loss, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(a.theta, b.theta, rtol=1e-9, atol=1e-12)


def rows(result, chosen):
    """The same result with these runs alone."""
    history = {name: values[chosen] for name, values in result.history.items()}
    parts = {"theta": result.theta[chosen], "minibatch_loss": result.minibatch_loss[chosen]}
    return dataclasses.replace(result, history=history, **parts)


@pytest.mark.parametrize("method", METHODS)
def test_chunks_change_nothing_and_run_r_of_seed_s_is_seed_s_plus_r(method, monkeypatch):
    result = run(small(method, seed=5))
    alone = run(small(method, seed=7, seeds=1))
    same(rows(result, slice(2, 3)), alone)
    floats = getattr(result.config.algorithm, "floats_per_weight", 1)
    monkeypatch.setattr(perceptrons, "CHUNK_BYTES", 2 * 8 * floats * result.theta.shape[1])  # two at a time
    counted = []
    same(run(small(method, seed=5), progress=counted.append), result)
    assert counted == [2] * 21 + [1] * 21  # their total is seeds * (steps + 1)


def test_shapes_of_a_result():
    result = run(small(steps=7, record_every=3))
    assert result.step.tolist() == [0, 3, 6, 7] and result.theta.shape == (3, 22)
    assert all(v.shape == (3, 4) and v.dtype == np.float64 for v in result.history.values())
    assert result.minibatch_loss.shape == (3, 8) and result.diverged.tolist() == [False] * 3
    assert result.seconds > 0 and (result.final("val_loss") == result.history["val_loss"][:, -1]).all()
    with pytest.raises(ValueError, match=r"metric must be one of .*val_loss.*got 'loss_val'"):
        result.final("loss_val")
    assert run(small(dtype="float32", steps=1)).theta.dtype == torch.float32


def test_methods_of_a_comparison_share_start_data_and_batches(monkeypatch):
    drawn, current = {}, []

    class Spy(perceptrons.MiniBatches):
        def __call__(self, step):
            index = super().__call__(step)
            drawn.setdefault(current[-1], []).append(index.tolist())
            return index

    def watched(config, progress=None):
        current.append(config.method)
        return run(config, progress)

    monkeypatch.setattr(perceptrons, "MiniBatches", Spy)
    monkeypatch.setattr(registry, "run", watched)
    results = compare("curve", [*METHODS, "random"], seeds=3, steps=9, **SMALL)
    assert list(results) == list(METHODS)  # the alias is not run again
    first, *others = drawn.values()
    assert len(drawn) == len(METHODS) and len(first) == 10 and all(other == first for other in others)
    for metric in ("train_loss", "val_loss", "task_grad_norm"):
        first, *starts = [results[m].history[metric][:, 0] for m in METHODS if m != "two-stage-ridge"]
        assert len(starts) == 4 and all((start == first).all() for start in starts)
    ridge = results["two-stage-ridge"].history["train_loss"][:, 0]  # its start is already fitted
    assert (ridge < results["two-stage"].history["train_loss"][:, 0]).all()


def test_options_of_a_comparison_go_where_they_belong():
    chosen = {"beta_0": 0.2, "kinetic": 0.3, "eta_n": 0.01}
    two, plain, packets = configurations(
        "curve", ["two-stage", "no-init", "sellier"], algorithm=chosen, steps=3
    )
    assert (two.algorithm.beta_0, two.algorithm.eta_n) == (0.2, 0.01)
    assert (plain.algorithm.beta_0, plain.algorithm.eta_n) == (0.0, 0.01)  # its beta_0 makes it what it is
    assert packets.algorithm.kinetic == 0.3
    with pytest.raises(ValueError, match="algorithm has no field 'etac' for any method; it takes amplitude"):
        compare("curve", ["two-stage"], algorithm={"etac": 0.1})
    assert (
        configurations("curve", ["two-stage"], algorithm=TwoStageConfig(eta_n=0.01))[0].algorithm.eta_n
        == 0.01
    )


@pytest.mark.parametrize("lambda_0", [0.9, 0.2])
def test_on_the_curve_two_stage_differs_from_no_init_by_the_oscillation_alone(lambda_0):
    options = {"steps": 60, "seeds": 2}
    chosen = {"stage_1_steps": 30, "lambda_0": lambda_0}
    plain = run(small("no-init", **options))
    without = run(small(algorithm={**chosen, "beta_0": 0.0}, **options))
    for metric in ("train_loss", "val_loss", "loss", "grad_norm"):
        np.testing.assert_allclose(without.history[metric], plain.history[metric], rtol=1e-9)
    with_it = run(small(algorithm=chosen, **options))
    np.testing.assert_allclose(
        with_it.history["val_loss"][:, :31], plain.history["val_loss"][:, :31], rtol=1e-9
    )
    assert (np.abs(with_it.final("val_loss") - plain.final("val_loss")) > 1e-6).all()


def test_the_phase_is_drawn_per_run_or_given():
    osc = run(small(steps=0)).history["osc"][:, 0]
    fixed = run(small(steps=0, phi=0.3))
    assert len(set(osc)) == 3
    expected = torch.sin(4 * fixed.theta + 0.3).mean(-1)
    np.testing.assert_allclose(fixed.history["osc"][:, 0], expected, rtol=1e-12)
    released = run(small(steps=0, reading="as-released", n_hidden=250))
    expected = 0.1 * torch.sin(4 * released.theta).mean(-1)
    np.testing.assert_allclose(released.history["osc"][:, 0], expected, rtol=1e-4, atol=1e-7)


def test_default_threshold_is_half_the_median_norm_over_a_hundred_starts():
    result = run(small(steps=2, algorithm={"switching": "threshold", "norm": "rms"}))
    model, data = qbp.MLP(1, 7, 1), datasets.curve(9)
    norms = []
    for theta in model.xavier(range(100)):
        theta = theta.requires_grad_()
        loss = (model(theta, data.x[data.train]) - data.y[data.train]).square().mean()
        norms.append(torch.autograd.grad(loss, theta)[0].square().mean().sqrt().item())
    assert result.history["tau_g"] == pytest.approx(np.median(norms) / 2, rel=1e-12)
    given = run(small(steps=2, algorithm={"switching": "threshold", "tau_g": 0.5}))
    assert given.config.algorithm.tau_g == 0.5


def test_divergence_is_recorded_not_hidden():
    wild = {"optimizer": "gd", "eta_c": 1e6, "eta_n": 1e6}
    result = run(small(steps=80, algorithm=wild))
    assert result.diverged.all()
    assert all(np.isfinite(values).all() for values in result.history.values())
    assert np.isfinite(result.minibatch_loss).all() and result.theta.isfinite().all()
    assert (result.minibatch_loss[:, -1] == result.minibatch_loss[:, -2]).all()
    assert not run(small()).diverged.any()


def test_sellier_on_mnist_stays_at_ln_10_as_released():
    config = qbp.Experiment(
        "mnist", method="sellier", reading="as-released", seeds=2, steps=6, record_every=1, per_class=20
    )
    result = run(config)
    np.testing.assert_allclose(result.minibatch_loss[:, 1:], math.log(10), rtol=1e-6)
    assert (result.minibatch_loss[:, 0] > 2.4).all()
    np.testing.assert_allclose(result.history["val_loss"][:, 1:], math.log(10), rtol=1e-6)
    # The outputs of a class differ by rounding alone, which decides some ties: another CPU, another digit.
    np.testing.assert_allclose(result.history["accuracy"][:, 1:], 0.1, atol=0.02)


def test_every_experiment_runs_in_both_readings():
    for experiment in ("telecom", "mnist"):
        for reading, methods in (
            ("as-written", METHODS),
            ("as-released", ("two-stage", "no-init", "sellier")),
        ):
            options = {"reading": reading, "seeds": 2, "steps": 2}
            options |= {"per_class": 5} if experiment == "mnist" else {}
            options |= {"n_hidden": 8} if reading == "as-written" else {}
            for method, result in compare(experiment, methods, **options).items():
                assert result.step.tolist() == [0, 2] and not result.diverged.any(), (experiment, method)
                assert np.isfinite(result.final("val_loss")).all()


def test_the_frictionless_heavy_ball_is_sellier_without_spreading():
    """Ehrenfest: without the Hartree term the mean of a packet is Newton's particle, step by step."""
    ball = run(small("heavy-ball", steps=60))
    packet = run(small("sellier", steps=60, algorithm={"form": "closure", "kappa": 0.0}))
    np.testing.assert_allclose(ball.theta, packet.theta, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ball.history["val_loss"], packet.history["val_loss"], rtol=1e-9)
    assert (ball.theta != run(small("heavy-ball", steps=0)).theta).all()
    slowed = run(small("heavy-ball", steps=60, algorithm={"friction": 0.1}))
    assert (slowed.final("train_loss") > ball.final("train_loss")).all()


def test_the_released_packets_from_the_shared_start_are_the_released_method():
    written = run(small("sellier-released", steps=12))
    model = qbp.MLP(1, 7, 1)
    problem = perceptron_problem(
        model, datasets.curve(9), perceptrons.MiniBatches(range(3), 9, 4, torch.device("cpu"))
    )
    theta, history = qbp.sellier(problem, SellierConfig(steps=12), model.xavier(range(3)), model=model)
    np.testing.assert_allclose(written.theta, theta, rtol=1e-12)
    np.testing.assert_allclose(written.history["train_loss"], history.metrics["train_loss"], rtol=1e-12)


def test_depth_reaches_every_method():
    for method in METHODS:
        result = run(small(method, n_layers=3, steps=3))
        assert result.theta.shape == (3, 14 + 2 * 56 + 8) and np.isfinite(result.final("val_loss")).all()
    ridge, plain = (run(small(m, n_layers=3, steps=0)) for m in ("two-stage-ridge", "no-init"))
    assert (ridge.final("train_loss") < plain.final("train_loss")).all()


def test_held_out_samples_do_not_train_and_are_recorded():
    whole, part = (run(small(steps=5, holdout=share)) for share in (0.0, 0.25))
    assert "held_loss" not in whole.history
    data = perceptrons.load_data(small(holdout=0.25))
    assert len(data.train) == 7 and len(data.held) == 2
    x, y = data.x[data.held], data.y[data.held]
    expected = (qbp.MLP(1, 7, 1)(part.theta, x) - y).square().mean((-2, -1))
    np.testing.assert_allclose(part.final("held_loss"), expected, rtol=1e-12)
    assert not np.allclose(whole.final("val_loss"), part.final("val_loss"))


def test_telecom_takes_the_released_windows_in_the_written_reading():
    written, released = (qbp.Experiment("telecom", data=name) for name in ("as-written", "as-released"))
    assert written == qbp.Experiment("telecom")
    data = perceptrons.load_data(released)
    assert torch.equal(data.y, datasets.telecom(seed=0, as_released=True).y)
    assert not torch.equal(data.y[:100], perceptrons.load_data(written).y[:100])
