"""The later notebook's regression as an experiment: its switch, its runs alone and together, its tables."""

import json
import shlex

import numpy as np
import pytest
import torch

from qbp import draws
from qbp.book.figures import regression_plots
from qbp.cli.arguments import parser
from qbp.cli.commands import _configs, main
from qbp.convex import gradient_norm
from qbp.experiments import regression
from qbp.experiments.registry import configurations, run
from qbp.experiments.regression import RegressionExperiment
from qbp.experiments.regressor import CircuitRegressor, regression_data
from qbp.perceptrons.mlp import MLP
from qbp.results import store
from qbp.studies import regression_studies
from qbp.studies.tables import tables

SMALL = {"steps": 24, "device": "cpu"}
KNOWN = "method must be one of two-stage, two-stage-ridge, no-init, mlp, got"


@pytest.fixture(scope="module")
def every_step():
    """Ten runs, recorded at each of the first steps."""
    options = {"seeds": 10, "record_every": 1, "steps": 12, "device": "cpu"}
    return {
        "default": run(RegressionExperiment(**options)),
        "threshold": run(RegressionExperiment(**options, layers=2, algorithm={"switching": "threshold"})),
    }


def test_stage_1_is_an_epoch_and_the_notebooks_criterion_is_met_after_it(every_step):
    found = every_step["default"]
    stages = found.history["stage"]
    assert (stages[:, :8] == 1).all() and (stages[:, 8:] == 2).all()
    mean_squares = found.history["grad_rms"][:, :8] ** 2  # ||grad||**2 / dim, over the angles
    assert (mean_squares.mean(1) >= 1e-4).all()
    np.testing.assert_allclose(found.history["loss"][:, :8], found.history["convex"][:, :8])
    np.testing.assert_allclose(found.history["loss"][:, 8:], found.history["energy"][:, 8:])


def test_asked_at_each_step_stage_1_ends_as_soon_as_the_norm_is_there(every_step):
    found = every_step["threshold"]
    model, data = CircuitRegressor(n_layers=2), regression_data(0)
    batches = regression.MiniBatches(found.config.run_seeds, 256, 32, torch.device("cpu"))
    theta = model.start(found.config.run_seeds, 0.01).requires_grad_()
    loss = model.readout(theta, data.x[data.train[batches(0)]]).square().mean((-2, -1))
    (grad,) = torch.autograd.grad(loss.sum(), theta)
    at_once = gradient_norm(grad, "mean-square").numpy() >= 1e-4
    np.testing.assert_array_equal(found.history["stage"][:, 0] == 2, at_once)
    first = (found.history["stage"] == 2).argmax(1)
    assert (first < 8).all() and len(set(first)) > 1  # each run switches on its own
    for row, step in enumerate(first):  # below the threshold as long as it is in Stage 1
        assert (found.history["grad_rms"][row, :step] ** 2 < 1e-4).all()


def test_the_first_steps_are_adams_by_hand():
    config = RegressionExperiment(seeds=1, steps=1, device="cpu")
    model, data = CircuitRegressor(), regression_data(0)
    start = 0.01 * draws.normal([0], "start", 24)
    theta = start.clone().requires_grad_()
    index = draws.permutations([0], "batches", 256)[0, :32]
    model.readout(theta, data.x[index])[0].square().mean().backward()
    expected = start - 0.02 * theta.grad / (theta.grad.abs() + 1e-8)  # Adam's first step
    torch.testing.assert_close(run(config).theta, expected)
    plain = RegressionExperiment(method="random", seeds=1, steps=1, device="cpu")
    theta = start.clone().requires_grad_()
    (
        (model(theta, data.x[index])[0] - data.y[index]).square().mean() + 5e-4 * theta.square().sum()
    ).backward()
    expected = start - 0.01 * theta.grad / (theta.grad.abs() + 1e-8)
    torch.testing.assert_close(run(plain).theta, expected)


@pytest.mark.parametrize("options", [{}, {"output": "affine"}, {"method": "mlp"}])
def test_a_run_alone_is_that_of_the_batch(options, monkeypatch):
    steps = {"steps": 100, "device": "cpu", "record_every": 50}
    together = run(RegressionExperiment(seeds=3, seed=4, **steps, **options))
    alone = run(RegressionExperiment(seeds=1, seed=5, **steps, **options))
    for metric, values in alone.history.items():
        np.testing.assert_allclose(values[0], together.history[metric][1], rtol=1e-9, atol=1e-12)
    monkeypatch.setattr(regression.RegressionTraining, "rows", 2)
    in_parts = run(RegressionExperiment(seeds=3, seed=4, **steps, **options))
    np.testing.assert_allclose(in_parts.final("val_loss"), together.final("val_loss"), rtol=1e-9)


def test_methods_share_starts_and_data():
    found = [run(RegressionExperiment(method=m, seeds=2, **SMALL)) for m in ("no-init", "two-stage")]
    np.testing.assert_array_equal(*(r.history["val_loss"][:, 0] for r in found))
    affine = run(RegressionExperiment(seeds=2, output="affine", **SMALL))  # the same Stage 1, scale at rest
    np.testing.assert_allclose(affine.history["train_loss"][:, 1], found[1].history["train_loss"][:, 1])
    control = run(RegressionExperiment(method="mlp", seeds=1, **SMALL))
    assert affine.theta.shape == (2, 26) and control.theta.shape == (1, MLP(1, 32, 1, n_layers=2).n_params)


def test_the_control_has_the_penalty_too():
    free, bound = (
        run(RegressionExperiment(method="mlp", penalty=penalty, **{**SMALL, "seeds": 2, "steps": 0}))
        for penalty in (0.0, 0.1)
    )
    of_weights = 0.1 * free.theta.square().sum(-1)
    np.testing.assert_allclose(bound.history["loss"][:, 0] - free.history["loss"][:, 0], of_weights)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_result_is_whole(dtype):
    steps = []
    found = run(RegressionExperiment(seeds=3, dtype=dtype, **SMALL), steps.append)
    assert sum(steps) == 3 * 25 and found.theta.dtype == getattr(torch, dtype)
    assert found.step.tolist() == [0, 8, 16, 24] and not found.diverged.any()
    assert {*regression_studies.METRICS} <= found.history.keys()
    assert all(v.shape == (3, 4) and v.dtype == np.float64 for v in found.history.values())
    assert found.minibatch_loss.shape == (3, 25)


def test_training_fits():
    found = run(RegressionExperiment(method="no-init", seeds=2, output="affine", device="cpu"))
    assert (found.final("val_loss") < 0.03).all() and (found.history["val_loss"][:, 0] > 0.3).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "sellier"}, f"{KNOWN} 'sellier'"),
        ({"experiment": "curve"}, "experiment must be one of pqc, got 'curve'"),
        ({"qubits": 3}, "qubits must be at least 4"),
        ({"output": "scaled"}, "output must be one of plain, affine"),
        ({"method": "mlp", "output": "affine"}, "output is an option of circuits, got 'affine'"),
        ({"damping": 1.5}, "damping must be"),
        ({"algorithm": {"lr": 1}}, "algorithm has no field 'lr'"),
        (
            {"method": "no-init", "algorithm": {"stage_1_steps": 3}},
            "stage_1_steps is 0 in method no-init, got 3",
        ),
    ],
)
def test_bad_configurations_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        RegressionExperiment(**options)


def test_each_method_takes_the_options_it_has():
    plain, control, two = configurations(
        "pqc", ["random", "mlp", "two-stage"], {"stage_1_steps": 4, "eta_n": 0.1}, layers=2, seeds=3
    )
    assert [c.method for c in (plain, control, two)] == ["no-init", "mlp", "two-stage"]
    assert (plain.layers, two.layers, two.algorithm.stage_1_steps, plain.algorithm.eta_n) == (2, 2, 4, 0.1)
    for methods, algorithm, options in ((["no-init"], {"lambda_0": 0.5}, {}), (["mlp"], {}, {"layers": 2})):
        with pytest.raises(ValueError, match="is fixed in or foreign to each of the methods asked for"):
            configurations("pqc", methods, algorithm, **options)


def test_a_command_runs_exactly_its_configuration():
    for config in [
        RegressionExperiment(seeds=3, seed=7, layers=2, output="affine", penalty=0.0, shots=10),
        RegressionExperiment(algorithm={"switching": "threshold", "tau_g": 1e-3}, device="cpu"),
        *regression_studies.rows().values(),
        *regression_studies.depth_rows("affine").values(),
    ]:
        program, *words = shlex.split(store.command(config))
        assert program == "qbp" and _configs(parser().parse_args(words)) == [config]


def test_the_command_prints_one_object_and_saves_a_table(capsys, tmp_path):
    words = ["run", "pqc", "--methods", "random,two-stage", "--seeds", "2", "--steps", "8", "--device", "cpu"]
    assert main([*words, "--json", "--save", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["experiment"] == "pqc" and found["methods"].keys() == {"random", "two-stage"}
    assert found["paired"]["random - two-stage"]["val_loss"]["n"] == 2 and found["step"] == [0, 8]
    back = store.load("pqc", tmp_path)
    assert back["two-stage"].config == RegressionExperiment(seeds=2, steps=8)
    np.testing.assert_allclose(
        back["no-init"].final("val_loss"), found["methods"]["random"]["final"]["val_loss"]["values"]
    )
    assert main(["verify", "--results", str(tmp_path), "--rows", "2", "--seed", "1"]) == 0
    assert main(words) == 0 and "pqc, 8 steps, seeds 0-1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pqc", "--points", "3"], "--points is an option of curve, telecom, mnist, not of pqc"),
        (
            ["curve", "--layers", "3"],
            "--layers is an option of vqe, pqc, fit, ground, cloning, wine, remedies, not of curve",
        ),
        (["pqc", "--methods", "sellier"], f"{KNOWN} 'sellier'"),
    ],
)
def test_a_foreign_option_is_named(words, said, capsys):
    assert main(["run", *words]) == 2 and said in capsys.readouterr().err


def test_the_tables_hold_each_row_once():
    keys = [key for name in ("pqc", "pqc-depth") for key in tables()[name].configs]
    assert len(keys) == len(set(keys)) == len(regression_studies.rows()) + 20
    for output in ("plain", "affine"):
        assert {store.key(c) for c in regression_studies.depth_rows(output).values()} <= set(keys)


@pytest.fixture(scope="module")
def few():
    """Three runs of three arms, small."""
    options = {"steps": 8, "seeds": 3, "device": "cpu"}
    return {m: run(RegressionExperiment(method=m, **options)) for m in regression.METHODS}


def test_arms_are_compared_seed_by_seed(few):
    table = regression_studies.compared(few, {"first": ("two-stage", "no-init")})
    a, b = (few[m].final("val_loss") for m in ("two-stage", "no-init"))
    row = table.loc["first"]
    assert (row["seeds"], row["a lower"]) == (3, f"{(a < b).sum()} of 3")
    assert (row["a"], row["b"]) == (f"{a.mean():.3g}", f"{b.mean():.3g}")
    assert row["a - b"].startswith(f"{(a - b).mean():+.2g} [")
    labels = regression_studies.rows().keys()
    assert all({a, b} <= labels for a, b in regression_studies.arms().values())
    assert {label for pair in regression_studies.arms().values() for label in pair} == labels - {"mlp"}


def test_the_figures_show_the_numbers(few):
    figure = regression_plots.every_run(few, reported={"mlp": 0.5}, limit=0.3)
    axis = figure.axes[0]
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    for line, result in zip(dots, few.values(), strict=True):
        np.testing.assert_allclose(line.get_xdata(), np.sort(result.final("val_loss")))
    assert [line.get_xdata()[0] for line in axis.lines if line.get_marker() == "D"] == [0.5]
    assert [label.get_text() for label in axis.get_yticklabels()] == list(few)

    depths = {(m, n): few[m] for m in ("no-init", "two-stage") for n in (1, 2)}
    bars = regression_plots.against_depth({"plain": depths}).axes[0].containers
    means = {round(float(y), 9) for bar in bars for y in bar.lines[0].get_ydata()}
    assert means == {round(few[m].final(k).mean(), 9) for m, _ in depths for k in ("train_loss", "val_loss")}

    panel = regression_plots.learned({"plain": {"no-init": few["no-init"]}}).axes[0]
    x, output = next(line for line in panel.lines if line.get_label() == "no-init").get_data()
    expected = CircuitRegressor()(few["no-init"].theta, torch.from_numpy(x)[:, None])[..., 0].mean(0)
    np.testing.assert_allclose(output, expected)

    shown = regression_plots.behind_channels(few["no-init"], 0.02, 0.03).axes[0]
    error = float(few["no-init"].history["val_loss_channels"][0, -1])
    assert f"{error:.3f}" in shown.get_title()
