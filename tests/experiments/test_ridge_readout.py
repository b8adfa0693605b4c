"""Eq. 2 as Stage 1 of a circuit: its readout against dense matrices and the normal equations of numpy."""

import numpy as np
import pytest
import reference
import torch

from qbp import _checks
from qbp.cli.arguments import parser
from qbp.cli.commands import main
from qbp.experiments.registry import configurations, run
from qbp.experiments.regression import RegressionExperiment, RegressionTraining, readout_problem
from qbp.experiments.regressor import CircuitRegressor, features
from qbp.results import store

PAULIS = [reference.pauli("I" * q + P + "I" * (3 - q)) for q in range(4) for P in "XYZ"]
Z_0 = [reference.pauli("ZIII")]
SMALL = {"layers": 2, "steps": 0, "seeds": 2, "device": "cpu"}
TASKS = {
    "regression": {"output": "local", "spread": 0.7},
    "affine": {"output": "affine", "spread": 0.7},
    "digits": {"task": "digits", "spread": 0.7},
    "near zero": {"output": "local", "ridge": 1e-2},
}


def dense(angles, inputs, observables=PAULIS):
    """The expectations of one run for each sample, (samples, observables), from Kronecker products."""
    layers = [[["X", "Z"]] * 4] * (len(angles) // 8)
    states = [reference.hardware_efficient(4, angles, layers, "cnot", "ring", inputs=x) for x in inputs]
    return np.array([[reference.expectation(matrix, psi) for matrix in observables] for psi in states])


def pieces(config):
    """Phi with its constant (samples, k + 1) of each run, and the targets, for the training samples."""
    training = RegressionTraining(config)
    data, angles = training.data, config.model.start(config.run_seeds, config.spread)[:, :16].numpy()
    x, y = data.x[data.train], data.y[data.train].numpy()
    inputs = (x if config.digits else features(x)).numpy()
    observables = Z_0 if config.output == "affine" else PAULIS
    phi = [np.column_stack([dense(row, inputs, observables), np.ones(len(x))]) for row in angles]
    return angles, phi, np.eye(len(config.digits))[y] if config.digits else y


@pytest.fixture(scope="module", params=list(TASKS))
def solved(request):
    """A configuration of each task, its run of no step, and w* of the normal equations with its residual."""
    config = RegressionExperiment(method="two-stage-ridge", **{**SMALL, **TASKS[request.param]})
    angles, phi, y = pieces(config)
    k = phi[0].shape[-1]
    weights = [np.linalg.solve(p.T @ p + config.ridge * np.eye(k), p.T @ y) for p in phi]
    residuals = [np.mean((p @ w - y) ** 2) for p, w in zip(phi, weights, strict=True)]
    return config, run(config), angles, weights, residuals


def test_the_readout_solves_the_normal_equations(solved):
    _, found, angles, weights, _ = solved
    np.testing.assert_allclose(found.theta[:, :16], angles)  # of the same random start
    for tail, w in zip(found.theta[:, 16:].numpy(), weights, strict=True):
        constant_first = np.concatenate([w[-1:], w[:-1]])
        np.testing.assert_allclose(tail.reshape(w.shape), constant_first, rtol=1e-7, atol=1e-8)


def test_the_loss_before_the_first_step_is_the_residual_of_eq_2(solved):
    config, found, _, _, residuals = solved
    np.testing.assert_allclose(found.history["train_loss"][:, 0], residuals, rtol=1e-9)
    shared = {name: getattr(config, name) for name in ("output", "task", "spread")}
    before = run(RegressionExperiment(method="no-init", **{**SMALL, **shared}))
    assert (found.history["train_loss"] < before.history["train_loss"]).all()


def test_the_outputs_are_the_weighted_expectations():
    for model, x in [
        (CircuitRegressor(2, output="local"), torch.tensor([[-2.5], [0.3]])),
        (CircuitRegressor(2, output="local", n_classes=3), torch.tensor([[0.1, -1.5, 0.7, 1.2]])),
    ]:
        theta = torch.from_numpy(np.random.default_rng(0).normal(size=(2, model.n_params)))
        assert model.n_params == 16 + 13 * model.n_outputs
        inputs = (x if model.n_classes else features(x)).double().numpy()
        for row, found in zip(theta.numpy(), model(theta, x.double()), strict=True):
            a, *w = row[16:].reshape(13, model.n_outputs)
            np.testing.assert_allclose(found, a + dense(row[:16], inputs) @ np.array(w), atol=1e-12)


def test_the_shared_start_reads_z_of_a_qubit_for_each_output():
    model = CircuitRegressor(1, output="local", n_classes=3)
    x = torch.tensor([[0.1, -1.5, 0.7, 1.2]], dtype=torch.float64)
    theta = model.start([4], 1.0)
    z = dense(theta[0, :8].numpy(), x.numpy(), [reference.pauli(s) for s in ("ZIII", "IZII", "IIZI")])
    np.testing.assert_allclose(model(theta, x)[0], z, atol=1e-12)
    many = CircuitRegressor(1, output="local", n_classes=6)
    assert torch.equal(many(many.start([4], 1.0), x)[..., 4:], torch.zeros(1, 1, 2).double())
    plain, local = (  # on the regression the start is the notebook's
        run(RegressionExperiment(method="no-init", output=output, **SMALL)) for output in ("plain", "local")
    )
    np.testing.assert_allclose(local.history["val_loss"], plain.history["val_loss"], rtol=1e-12)


@pytest.mark.parametrize("criterion", ["squared", "cross-entropy"])
def test_gradients_of_readout_and_angles_are_finite_differences(criterion):
    config = RegressionExperiment(method="two-stage-ridge", task="digits", criterion=criterion, **SMALL)
    training, model = RegressionTraining(config), config.model
    problem = readout_problem(
        model, training.data, lambda step: None, penalty=0.01, criterion=config.criterion
    )
    theta = torch.from_numpy(np.random.default_rng(1).normal(size=(1, model.n_params))).requires_grad_()
    batch = torch.tensor([[0, 100, 200, 299]])
    (grad,) = torch.autograd.grad(problem.losses(theta, batch)[0].sum(), theta)
    step = 1e-5 * torch.eye(model.n_params, dtype=torch.float64)
    with torch.no_grad(), _checks.trusted():
        up, down = (problem.losses(theta[0] + s * step, batch)[0] for s in (1, -1))
    torch.testing.assert_close(grad[0], (up - down) / 2e-5, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("criterion", ["squared", "cross-entropy"])
def test_the_losses_by_hand(criterion):
    config = RegressionExperiment(
        method="no-init", task="digits", classes="0,1,2", criterion=criterion, penalty=0.3, **SMALL
    )
    training, model = RegressionTraining(config), config.model
    data, problem = training.data, training.problem(range(2))
    theta = torch.from_numpy(np.random.default_rng(2).normal(size=(2, model.n_params)))
    output, y = model(theta, data.x[data.train]).numpy(), data.y[data.train].numpy()
    squared = ((output - np.eye(3)[y]) ** 2).mean((1, 2))
    p = np.exp(output) / np.exp(output).sum(-1, keepdims=True)
    entropy = -np.log(p[:, np.arange(300), y]).mean(-1)
    loss = {"squared": squared, "cross-entropy": entropy}[criterion]
    whole = torch.arange(300).expand(2, -1)
    task, surrogate = problem.losses(theta, whole)
    np.testing.assert_allclose(surrogate, squared)
    np.testing.assert_allclose(task, loss + 0.3 * (theta[:, :16].numpy() ** 2).sum(-1))  # of the angles alone
    found = problem.evaluate(theta)
    np.testing.assert_allclose(found["train_loss"].detach(), loss)
    right = model(theta, data.x[data.val]).numpy().argmax(-1) == data.y[data.val].numpy()
    np.testing.assert_allclose(found["accuracy"], right.mean(-1))


def test_after_eq_2_all_methods_take_the_same_steps():
    """The first step by hand, Adam's, from both starts on the same batch."""
    options = {**SMALL, "steps": 1, "output": "local", "seeds": 1, "spread": 0.5}
    for method in ("no-init", "two-stage-ridge"):
        config = RegressionExperiment(method=method, **options)
        training = RegressionTraining(config)
        problem, theta = training.problem(range(1)), training.start(range(1)).requires_grad_()
        (grad,) = torch.autograd.grad(problem.losses(theta, problem.batches(0))[0].sum(), theta)
        expected = theta.detach() - 0.01 * grad / (grad.abs() + 1e-8)
        torch.testing.assert_close(run(config).theta, expected)
        assert config.algorithm.stage_1_steps == 0 and config.algorithm.lambda_0 == 0


@pytest.mark.parametrize("options", [{"output": "local"}, {"task": "digits"}])
def test_a_run_alone_is_that_of_the_batch(options):
    steps = {"method": "two-stage-ridge", "steps": 40, "device": "cpu", "record_every": 20}
    together = run(RegressionExperiment(seeds=3, seed=4, **steps, **options))
    alone = run(RegressionExperiment(seeds=1, seed=5, **steps, **options))
    assert {"train_loss", "val_loss", "task_grad_norm"} <= alone.history.keys()
    assert ("accuracy" in alone.history) == ("task" in options)
    for metric, values in alone.history.items():
        np.testing.assert_allclose(values[0], together.history[metric][1], rtol=1e-7, atol=1e-10)
    single = run(RegressionExperiment(seeds=1, seed=5, dtype="float32", **steps, **options))
    assert single.theta.dtype == torch.float32
    np.testing.assert_allclose(
        single.history["train_loss"][:, 0], alone.history["train_loss"][:, 0], rtol=0.05
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ridge": 0.1}, "ridge is an option of two-stage-ridge, got 0.1 for the method two-stage"),
        ({"method": "two-stage-ridge", "ridge": 0}, "ridge must be .* above 0, got 0"),
        (
            {"method": "two-stage-ridge", "output": "plain"},
            "output must be affine or local for two-stage-ridge",
        ),
        (
            {"method": "mlp", "task": "digits"},
            "task is an option of circuits, got 'digits' for the method mlp",
        ),
        ({"task": "wine"}, "task must be one of regression, digits, got 'wine'"),
        ({"task": "digits", "output": "affine"}, "output must be local to tell classes apart, got 'affine'"),
        ({"task": "digits", "classes": "3"}, "classes must be two or more different digits, got 3"),
        ({"task": "digits", "classes": "3,b"}, "classes must be digits such as 3,5,8, got '3,b'"),
        ({"classes": "0,1"}, "classes is an option of digits, got '0,1' for regression"),
        ({"criterion": "cross-entropy"}, "criterion is an option of digits, got 'cross-entropy'"),
        ({"output": "local", "shots": 9}, "shots is an option of plain and affine output, got 9"),
        (
            {"method": "two-stage-ridge", "algorithm": {"stage_1_steps": 3}},
            "stage_1_steps is 0 in method two-stage-ridge, got 3",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        RegressionExperiment(**options)


def test_keys_of_stored_runs_do_not_know_the_new_options():
    later = {"ridge", "task", "classes", "criterion"}
    assert not later & store.config_dict(RegressionExperiment()).keys()
    told = store.config_dict(RegressionExperiment(method="two-stage-ridge", ridge=0.1, task="digits"))
    assert later & told.keys() == {"ridge", "task"} and told["output"] == "local"


def test_methods_that_are_compared_share_the_readout(capsys):
    methods = ["no-init", "two-stage-ridge"]
    with pytest.raises(
        ValueError, match=r"output must be the same .* 'plain' for no-init, 'local' for two-st"
    ):
        configurations("pqc", methods)
    pair = configurations("pqc", [*methods, "mlp"], output="local", ridge=0.1)
    assert [(c.method, c.output, c.ridge) for c in pair] == [
        ("no-init", "local", 1e-3), ("two-stage-ridge", "local", 0.1), ("mlp", "plain", 1e-3),
    ]  # fmt: skip
    assert main(["run", "pqc", "--methods", "no-init", "--output", "local", "--ridge", "0.1"]) == 2
    assert "ridge is fixed in or foreign to each of the methods" in capsys.readouterr().err


def test_the_command_trains_both_and_its_help_says_the_options(capsys, tmp_path):
    words = ["run", "pqc", "--methods", "no-init,two-stage-ridge", "--task", "digits", "--steps", "2"]
    assert main([*words, "--seeds", "2", "--device", "cpu", "--save", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "two-stage-ridge" in said and "accuracy" in said
    saved = store.load("pqc", tmp_path)
    assert saved["two-stage-ridge"].config.task == "digits" and saved["no-init"].config.output == "local"
    with pytest.raises(SystemExit):
        parser().parse_args(["run", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "two-stage-ridge: strength of eq. 2 (default 0.001)" in shown
    for words in (
        "--task NAME the notebook's regression, or digits",
        "--classes",
        "--criterion",
        "local for two",
    ):
        assert words in shown
