"""Every public function gives a result, or an error that names the argument, whatever it is given.

The functions are found by walking over the modules; each needs a good call here, from which wrong ones are
made, one argument at a time.
"""

import contextlib
import importlib
import inspect
import json
import re
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import qbp
from qbp import _checks
from qbp._arguments import broadcast, takes
from qbp.baseline.loop import SellierConfig
from qbp.baseline.waves import WaveConfig
from qbp.experiments import registry
from qbp.experiments.regressor import CircuitRegressor
from qbp.experiments.result import Result
from qbp.perceptrons import datasets
from qbp.perceptrons.mlp import MLP
from qbp.problem import Problem
from qbp.remedies.least_squares import levenberg_marquardt
from qbp.remedies.least_squares.measured import Measured
from qbp.remedies.least_squares.readout import LinearReadout
from qbp.results import store
from qbp.statistics.gains import gain

ROOT = Path(__file__).parents[1]
FOLDERS = ("", "baseline", "perceptrons", "statistics", "experiments", "interchange", "interchange.qasm")
FOLDERS += ("remedies.least_squares",)
UNCHECKED = {  # public to the package, not to a caller
    "qbp.interchange.cirq": "needs Cirq: tests/interchange/peers",
    "qbp.interchange.export": "of a circuit that the exporters have checked",
    "qbp.interchange.linear": "sums of angles that are read",
    "qbp.interchange.pennylane": "needs PennyLane: tests/interchange/peers",
    "qbp.interchange.qasm.standard": "takes nothing",
    "qbp.interchange.qiskit": "needs Qiskit: tests/interchange/peers",
    "qbp.interchange.summary": "plain numbers of a circuit that was read",
    "qbp.algorithm_1.algorithm": "two_stage checks its arguments",
    "qbp.perceptrons.datasets.shipped_digits": "takes nothing",
    "qbp.statistics.curves.common_target": "any number of arrays: tested with the others",
    "qbp.experiments.circuits": "a configuration, checked when it was built",
    "qbp.experiments.perceptrons": "a configuration, checked when it was built",
    "qbp.experiments.regression": "a configuration, checked when it was built",
    "qbp.experiments.settings": "a configuration, checked when it was built",
    "qbp.experiments.terrain.circuits": "a configuration, checked when it was built",
    "qbp.experiments.terrain.perceptrons": "a configuration, checked when it was built",
    "qbp.experiments.runner": "a configuration, checked when it was built",
}
MODEL, SELLIER, WAVES = MLP(1, 2, 1), SellierConfig(points=16), WaveConfig(points=16, reach=4.0)
N = MODEL.n_params
CIRCUIT = CircuitRegressor(1)
READOUT = LinearReadout(qbp.HardwareEfficient(2, 1))
MEASURED = Measured(READOUT.circuit, READOUT.observables, torch.full((5, 2), 0.3, dtype=torch.float64))


def t(*shape, value=0.3, dtype=torch.float64):
    return torch.full(shape, value, dtype=dtype)


def c(*shape):
    return t(*shape, dtype=torch.complex128)


def problem(**fields):
    return Problem(energy=lambda theta, batch: theta.square().sum(-1), **fields)


def result(value=1.0):
    history = {name: np.full((3, 2), value) for name in ("error", "evaluations", "target_information")}
    config = SimpleNamespace(run_seeds=range(3))
    return Result(config, None, np.array([0, 1]), history, None, np.zeros(3, dtype=bool), 0.0)


def square(theta):
    return theta.square().sum(-1) + 1


def linearized(angles, step):
    return angles, torch.eye(angles.shape[-1]).to(angles).expand(len(angles), -1, -1)


def step():
    return {
        "theta": t(2, 3),
        "grad": t(2, 3),
        "state": None,
        "lr": t(2),
        "active": t(2) > 0,
        "weight_decay": 0.1,
    }


def values():
    return {"values": np.ones((3, 4)) + np.arange(4), "step": np.arange(4)}


def pair():
    return {"a": [1.0, 2.0, 4.0], "b": [2.0, 3.0, 3.0]}


def rule():
    return {"norms": t(2, 5), "rule": "threshold", "steps": 3, "cap": 9, "tau_g": 0.5}


GOOD = {
    "algorithm_1": {
        "two_stage": lambda: {
            "problem": problem(), "config": qbp.TwoStageConfig(steps=2), "theta0": t(2, 3), "phi": t(3),
        },
    },
    "convex": {
        "local_loss": lambda: {
            "circuit": qbp.HardwareEfficient(2, 1), "theta": t(2, 4),
            "observables": qbp.local_observables(2, "Z"), "targets": t(2),
        },
        "ridge": lambda: {"features": t(2, 5, 3), "targets": t(5, 1), "strength": 0.1},
        "ridge_hessian": lambda: {"features": t(5, 3), "strength": 0.1},
        "midpoint_gap": lambda: {"function": square, "a": t(2, 3), "b": t(2, 3)},
        "gradient_norm": lambda: {"grad": t(2, 3), "norm": "rms"},
        "gradient_metrics": lambda: {"grad": t(2, 3)},
        "should_switch": rule,
        "exit_step": rule,
        "default_threshold": lambda: {"norms": t(5)},
    },
    "draws": {
        "stream": lambda: {"seed": 1, "purpose": "x", "step": 2},
        "uniform": lambda: {"seeds": [1, 2], "purpose": "x", "size": 3, "low": 0.0, "high": 1.0, "step": 2},
        "normal": lambda: {"seeds": range(2), "purpose": "x", "size": 3, "step": 2},
        "permutations": lambda: {"seeds": (1, 2), "purpose": "x", "size": 3, "step": 2},
    },
    "optimizers": {
        "gradient_descent": step,
        "adam": step,
        "heavy_ball": lambda: {**step(), "friction": 0.5},
        "restarted": lambda: {"state": None, "runs": torch.tensor([True, False])},
    },
    "problem": {"no_loss": lambda: {"theta": t(2, 3), "batch": None}, "gradients": dict},
    "refinement": {
        "refinement_loss": lambda: {
            "energy": t(2), "convex": t(2), "oscillation": t(2), "lam": t(2), "beta": 0.1,
        },
        "oscillatory_regularizer": lambda: {"theta": t(2, 3), "omega": 4.0, "phi": t(3)},
        "anneal_blend": lambda: {"lam": t(2), "decay": 0.9},
        "anneal_oscillation": lambda: {"beta": t(2), "decay": 0.9},
    },
    "baseline.loop": {
        "grid": lambda: {"config": SELLIER, "like": t(1)},
        "packet": lambda: {"config": SELLIER, "like": t(1)},
        "evolve_packet": lambda: {"psi": c(2, 16), "slope": t(2), "config": SELLIER},
        "mean_position": lambda: {"psi": c(2, 16), "config": SELLIER},
        "collapsed": lambda: {"psi": c(2, 4, 16), "model": MODEL, "config": SELLIER},
        "start": lambda: {"theta": t(2, N), "config": SELLIER, "model": MODEL},
        "advance": lambda: {"psi": c(2, 4, 16), "grad": t(2, N), "config": SELLIER, "model": MODEL},
        "sellier": lambda: {
            "problem": problem(), "config": replace(SELLIER, steps=2), "theta0": t(2, N), "model": MODEL,
        },
    },
    "baseline.packets": {
        "positions": lambda: {"points": 4, "length": 2.0, "like": t(1), "start": -1.0},
        "wave_numbers": lambda: {"points": 4, "length": 2.0, "like": t(1)},
        "gaussian": lambda: {"x": torch.arange(4.0), "centre": 1.0, "width": 0.5},
        "normalized": lambda: {"psi": c(2, 4)},
        "split_step": lambda: {"psi": c(2, 4), "kick": c(4), "drift": t(4)},
        "propagator": lambda: {"exponent": t(4), "time": "imaginary"},
        "density": lambda: {"psi": c(2, 4)},
        "mean_value": lambda: {"probability": t(2, 4), "x": t(4)},
        "layer_density": lambda: {"probability": t(2, 3, 4), "sizes": [1, 2], "spacing": 0.1},
        "spread_out": lambda: {"values": t(2, 2), "sizes": [1, 2], "dim": -1},
        "gaussian_kick": lambda: {
            "pair": c(3, 2), "force": t(3), "curvature": t(3), "dt": 0.1, "time": "real",
        },
        "gaussian_drift": lambda: {"pair": c(3, 2), "kinetic": 0.1, "dt": 0.1, "time": "real"},
        "gaussian_moments": lambda: {"pair": c(3, 2)},
    },
    "baseline.waves": {
        "start": lambda: {"theta": t(2, N), "c": WAVES},
        "advance": lambda: {
            "state": c(2, N, 16), "theta": t(2, N), "grad": t(2, N), "c": WAVES, "model": MODEL,
        },
        "read": lambda: {"state": c(2, N, 16), "c": WAVES},
        "metrics": lambda: {"state": c(2, N, 16), "c": WAVES},
    },
    "perceptrons.curvature": {
        "hessian_product": lambda: {"loss": square, "theta": t(2, 3), "vector": t(2, 3)},
        "hessian_extremes": lambda: {"loss": square, "theta": t(2, 3), "steps": 2, "seed": 1},
        "line_barrier": lambda: {"loss": square, "a": t(2, 3), "b": t(2, 3), "points": 3},
        "layer_ratio": lambda: {"model": MODEL, "gradient": t(2, N)},
    },
    "perceptrons.datasets": {
        "curve": lambda: {"points": 4},
        "telecom": lambda: {"noise": t(1480), "seed": 1, "as_released": True},
        "hold_out": lambda: {"data": datasets.curve(10), "share": 0.2, "seed": 1},
        "idx_digits": lambda: {"folder": Path("nowhere")},
        "mnist": lambda: {"path": "nowhere"},
    },
    "perceptrons.mlp": {
        "mean_squared_error": lambda: {"output": t(2, 5, 1), "target": t(5, 1)},
        "cross_entropy": lambda: {"output": t(2, 5, 3), "label": torch.arange(5) % 3},
        "accuracy": lambda: {"output": t(2, 5, 3), "label": torch.arange(5) % 3},
    },
    "perceptrons.problems": {
        "surrogate_targets": lambda: {"data": datasets.curve()},
        "ridge_start": lambda: {
            "model": MODEL, "data": datasets.curve(), "theta0": t(2, N), "strength": 0.1,
        },
        "perceptron_problem": lambda: {"model": MODEL, "data": datasets.curve(), "batches": lambda step: 0},
    },
    "perceptrons.released": {
        "convex_penalty": lambda: {"model": MODEL, "theta": t(2, N)},
        "task_penalty": lambda: {"model": MODEL, "theta": t(2, N)},
        "replay_start": lambda: {"panel": "curve", "seed": 1},
        "replay_starts": lambda: {"panel": "curve", "seeds": [1]},
    },
    "statistics.curves": {
        "smoothness": lambda: {**values(), "start": 0},
        "rises": lambda: {**values(), "start": 0, "stop": 3},
        "rising_share": lambda: {**values(), "start": 0, "stop": 3},
        "convergence": lambda: {**values(), "share": 0.1, "window": 1, "start": 0},
        "stopped_early": lambda: {"values": np.ones((3, 4)), "held": np.ones((3, 4))},
        "decay_fit": lambda: {"x": [1, 2, 3], "y": [4.0, 2.0, 1.5], "confidence": 0.9},
        "decay_fit_log2": lambda: {"x": [1, 2, 3], "log2_y": [2.0, 1.0, 0.5], "confidence": 0.9},
    },
    "statistics.gains": {
        "evaluations_to": lambda: {"result": result(), "target": 0.5},
        "errors": lambda: {"result": result()},
        "error_within": lambda: {"result": result(), "budget": 2.0},
        "successes": lambda: {"result": result()},
        "gain": lambda: {"task": "a", "label": "b", "ours": result(), "others": result(2.0), "longer": None},
        "factor_words": lambda: {"low": 0.1, "factor": 1.0, "high": 3.0, "digits": 2},
        "factor_of": lambda: {"change": gain("a", "b", result(), result(2.0)).steps},
        "table": lambda: {"gains": {("a",): gain("a", "b", result(), result(2.0))}, "names": ("task",)},
        "gains": lambda: {"task": "a", "results": {"no-init": result(), "two-stage": result()}},
    },
    "statistics.crossed": {
        "crossed": lambda: {"values": np.eye(3), "confidence": 0.9},
    },
    "perceptrons.digits": {
        "digit_angles": lambda: {"classes": [0, 1], "n_features": 2, "per_class": 3, "seed": 1},
        "different_digits": lambda: {"classes": [0, 1]},
    },
    "statistics.hypothesis_tests": {
        "compare_pairs": pair,
        "share": lambda: {"hits": [True, False], "confidence": 0.9},
        "effect_size": lambda: {"differences": [1.0, 2.0]},
        "rank_biserial": lambda: {"differences": [1.0, -2.0]},
        "sign_flip_p": lambda: {"differences": [1.0, -2.0]},
        "holm": lambda: {"p_values": [0.1, 0.2]},
        "benjamini_hochberg": lambda: {"p_values": [0.1, 0.2]},
        "smallest_p": lambda: {"n": 5},
        "reachable": lambda: {"p_values": [0.1, 0.2], "smallest": [0.1, 0.1]},
        "detectable": lambda: {"differences": [1.0, -2.0], "power": 0.7, "level": 0.1},
    },
    "statistics.intervals": {
        "numbers": lambda: {"values": [1.0, 2.0]},
        "pairs": pair,
        "bootstrap_interval": lambda: {"values": [1.0, 2.0], "confidence": 0.9},
        "paired": lambda: {"a": result(), "b": result(2.0), "metric": "error"},
        "paired_difference": pair,
        "relative_change": pair,
        "band": lambda: {"values": np.ones((3, 4))},
        "steps_to_target": lambda: {**values(), "target": 2.0},
    },
    "experiments.regressor": {
        "regression_data": lambda: {"seed": 1, "n_train": 4, "n_val": 2},
        "target": lambda: {"x": t(2, 1)},
        "features": lambda: {"x": t(2, 1)},
        "output_limit": lambda: {"y": t(2, 1), "low": -0.5, "high": 0.5},
        "after_channels": lambda: {"z": t(2), "depolarizing": 0.1, "damping": 0.1},
        "shot_variance": lambda: {"z": t(2), "shots": 3},
        "regression_problem": lambda: {
            "model": CIRCUIT, "data": datasets.curve(), "batches": lambda step: 0, "penalty": 0.1, "shots": 3,
            "depolarizing": 0.1, "damping": 0.1,
        },
    },
    "remedies.least_squares.projection": {
        "solve": lambda: {"features": t(2, 5, 3), "targets": t(5, 1), "strength": 0.1},
        "projected_loss": lambda: {"features": t(2, 5, 3), "targets": t(5, 1), "strength": 0.1},
        "projected_jacobian": lambda: {
            "features": t(2, 5, 3), "targets": t(5, 1), "derivatives": t(2, 5, 3, 4), "strength": 0.1,
        },
    },
    "remedies.least_squares.levenberg_marquardt": {
        "damped_step": lambda: {"jacobian": t(2, 5, 3), "residual": t(2, 5), "damping": t(2)},
        "begin": lambda: {"linearized": linearized, "angles": t(2, 3), "damping": 1.0},
        "advance": lambda: {
            "linearized": linearized, "point": levenberg_marquardt.begin(linearized, t(2, 3)), "step": 1,
        },
    },
    "remedies.least_squares.coordinates": {
        "wave": lambda: {"present": t(2, 3), "up": t(2, 3), "down": t(2, 3)},
        "best_turn": lambda: {"a": t(2, 3), "b": t(2, 3), "c": t(2, 3)},
        "turn_one": lambda: {
            "measured": MEASURED, "angles": t(2, 4), "features": t(2, 5, 6), "weights": t(2, 7, 1),
            "targets": t(5, 1), "which": 1,
        },
    },
    "remedies.least_squares.fixed": {
        "post_variational": lambda: {"measured": MEASURED, "angles": t(2, 4)},
        "fourier": lambda: {"inputs": t(5, 2), "seeds": [1, 2], "count": 3, "width": 1.0},
    },
    "remedies.least_squares.ritz": {
        "product": lambda: {"strings": ["XY", "ZI"]},
        "local_span": lambda: {"n_qubits": 2, "letters": "YZ"},
        "ritz_settings": lambda: {"H": qbp.tfim(2), "span": ["II", "YI"]},
        "lowest": lambda: {"gram": torch.eye(3) + 0j, "energies": torch.eye(3) + 0j, "cutoff": 0.1},
        "ritz_energy": lambda: {
            "state": c(2, 4), "H": qbp.tfim(2), "span": ["II", "YI"], "cutoff": 0.1,
        },
    },
    "experiments.registry": {
        "of": lambda: {"experiment": "curve", "verb": "run"},
        "configuration": lambda: {"plain": {"experiment": "curve"}},
        "experiment_of": lambda: {"experiment": "vqe", "methods": ["random", "warm"]},
        "configurations": lambda: {"experiment": "curve", "methods": ["no-init"], "algorithm": {"omega": 1}},
        "run": lambda: {"config": qbp.Experiment("curve", seeds=1, steps=0), "verb": "run"},
        "compare": lambda: {"experiment": "curve", "methods": ["no-init"]},
        "asked": lambda: {"methods": ["random"]},
    },
    "interchange.hamiltonians": {
        "pauli_sum": lambda: {"terms": [("XY", 0.5)], "what": "this"},
        "read_hamiltonian": lambda: {"path": ROOT / "tests/interchange/two.json", "n_qubits": 2, "key": None},
        "write_hamiltonian": lambda: {
            "H": qbp.tfim(2), "path": f"{tempfile.gettempdir()}/H.json", "key": "H",
        },
        "openfermion_text": lambda: {"H": qbp.tfim(2)},
    },
    "interchange.typed": {
        "typed_sum": lambda: {"text": "Z0 Z1 + 0.5 X2", "n_qubits": 3},
        "looks_typed": lambda: {"text": "Z0"},
    },
    "interchange.qasm.reader": {
        "read_qasm": lambda: {"path_or_text": "OPENQASM 2.0; qreg q[1]; rx(0.1) q[0];", "angles": "free"},
    },
    "interchange.qasm.writer": {
        "write_qasm": lambda: {"circuit": qbp.HardwareEfficient(2, 1), "version": 2, "theta": t(4)},
    },
    "experiments.result": {"resolve_device": lambda: {"device": "cpu"}},
}  # fmt: skip
CALLS = [(module, name) for module, functions in GOOD.items() for name in functions]
UNTYPED = {
    ("problem", "no_loss"): {"batch"},
    ("interchange.hamiltonians", "pauli_sum"): {"what"},
}  # anything will do


def function(module, name):
    return getattr(importlib.import_module(f"qbp.{module}"), name)


def public():
    """All functions of the folders, {dotted name}."""
    for folder in FOLDERS:
        for path in sorted((ROOT / "qbp" / folder.replace(".", "/")).glob("*.py")):
            if path.stem.startswith("_"):
                continue
            module = importlib.import_module(".".join(filter(None, ["qbp", folder, path.stem])))
            for name, found in vars(module).items():
                own = inspect.isfunction(found) and found.__module__ == module.__name__
                if own and not name.startswith("_"):
                    yield f"{module.__name__}.{name}"


def test_every_public_function_has_a_good_call():
    found = {n for n in public() if n not in UNCHECKED and n.rpartition(".")[0] not in UNCHECKED}
    assert found == {f"qbp.{module}.{name}" for module, name in CALLS}


def wrong(good):
    """What an argument is replaced by: of other types, shapes, precisions, and values."""
    yield from (
        object(),
        "no such name",
        None,
        b"x",
        [],
        [0.5],
        {},
        {1},
        0.5,
        -1,
        10**400,
        True,
        float("nan"),
    )
    yield from (
        float("inf"),
        np.int64(2),
        np.float32(0.5),
        np.array([[1.0]]),
        np.array(2.0),
        1j,
        lambda *given: None,
    )
    yield from (
        torch.tensor(0.5),
        torch.zeros(0),
        torch.zeros(2, 7),
        torch.ones(3).to_sparse(),
        torch.ones(3) > 0,
    )
    if isinstance(good, torch.Tensor):
        yield from (good.half(), good.bfloat16(), good.float(), good * torch.nan, good * torch.inf, good * 1j)
        yield from (
            good.tolist(),
            good.numpy(),
            good[..., None],
            good[None, ..., :0],
            good.sum(),
            good.to("meta"),
        )
        yield torch.cat([good, good], -1)
    if isinstance(good, list | np.ndarray):
        yield from (
            np.array(good),
            [good],
            list(good)[:-1],
            [np.nan] * len(good),
            ["a"] * len(good),
            tuple(good),
        )


def said_well(error, argument):
    text = str(error)
    return (
        isinstance(error, TypeError | ValueError)
        and re.search(rf"\b{argument.removesuffix(chr(115))}", text)
        and "\n" not in text
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("module", "name"), CALLS)
def test_a_result_or_an_error_that_names_the_argument(module, name, monkeypatch):
    monkeypatch.setattr(registry, "run", lambda config, progress=None: None) if name == "compare" else None
    called, good, failed = function(module, name), GOOD[module][name], []
    with (
        contextlib.suppress(ValueError)
        if "nowhere" in map(str, good().values())
        else contextlib.nullcontext()
    ):
        called(**good())
    for argument in good().keys() - UNTYPED.get((module, name), set()):
        for value in wrong(good()[argument]):
            try:
                called(**{**good(), argument: value})
            except Exception as error:
                if not said_well(error, argument):
                    failed.append(f"{argument}={value!r:.60}: {type(error).__name__}: {error!s:.150}")
    assert not failed, "\n" + "\n".join(failed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_result_where_gradients_are_switched_off(mode):
    with mode():
        for module, name in CALLS:
            if name != "compare" and "nowhere" not in map(str, GOOD[module][name]().values()):
                function(module, name)(**GOOD[module][name]())


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize(
    "config",
    [
        qbp.CircuitExperiment(qubits=2, layers=1, seeds=2, steps=2, device="cpu"),
        qbp.Experiment("curve", seeds=2, steps=2, device="cpu"),
        qbp.Experiment("curve", method="sellier", seeds=2, steps=2, device="cpu"),
        qbp.RegressionExperiment(seeds=2, steps=2, device="cpu"),
    ],
    ids=lambda config: config.experiment,
)
def test_training_switches_gradients_on_itself(mode, config):
    """By the last digit what it is outside: the mode around a run changes nothing in it."""
    with mode():
        found = qbp.run(config)
    assert torch.equal(found.theta, qbp.run(config).theta) and not found.theta.is_inference()


CONFIGURATIONS = [
    (qbp.TwoStageConfig, {}),
    (SellierConfig, {}),
    (WaveConfig, {}),
    (qbp.Experiment, {"experiment": "curve"}),
    (qbp.Experiment, {"experiment": "mnist"}),
    (qbp.CircuitExperiment, {}),
    (qbp.RegressionExperiment, {}),
    (MLP, {"n_in": 1, "n_hidden": 2, "n_out": 1}),
    (CircuitRegressor, {"output": "local"}),
    (Problem, {}),
]


@pytest.mark.parametrize(("kind", "good"), CONFIGURATIONS)
def test_a_configuration_or_an_error_that_names_the_field(kind, good):
    failed = []
    for name in (f.name for f in fields(kind)):
        for value in wrong(None):
            try:
                kind(**{**good, name: value})
            except Exception as error:
                if not said_well(error, name):
                    failed.append(f"{name}={value!r:.60}: {type(error).__name__}: {error!s:.150}")
    assert not failed, "\n" + "\n".join(failed)


def test_equal_configurations_have_one_key_and_can_be_saved():
    """Numbers of numpy, and whole numbers where a real one is meant, are the same configuration."""
    plain = qbp.Experiment(
        "curve", steps=2, seeds=3, algorithm={"omega": 4.0, "beta_0": 1.0, "stage_1_steps": 1}
    )
    other = {"omega": 4, "beta_0": np.float64(1), "stage_1_steps": np.int64(1)}
    numpy = qbp.Experiment("curve", steps=np.int64(2), seeds=np.int32(3), algorithm=other)
    assert store.key(plain) == store.key(numpy) and store.command(plain) == store.command(numpy)
    assert store.key(qbp.CircuitExperiment(channel="damping", strength=1)) == store.key(
        qbp.CircuitExperiment(channel="damping", strength=1.0)
    )
    assert json.loads(json.dumps(store.config_dict(numpy))) == store.config_dict(plain)
    assert type(numpy.seeds) is int and type(numpy.algorithm.omega) is float


@pytest.mark.parametrize(
    ("phi", "message"),
    [
        (t(4), r"phi must broadcast to theta0 \(2, 3\), got \(4,\)"),
        (t(5, 2, 3), r"phi must broadcast to theta0 \(2, 3\), got \(5, 2, 3\)"),
        (float("nan"), "phi must be a finite number, got nan"),
        (t(3, value=torch.nan), "phi must be finite, got 3 of 3"),
    ],
)
def test_phases_that_are_no_phases(phi, message):
    with pytest.raises(ValueError, match=message):
        qbp.two_stage(problem(), qbp.TwoStageConfig(steps=2), t(2, 3), phi=phi)


def test_a_loss_that_is_not_one_value_per_run_is_named():
    for energy, got in (
        (lambda theta, batch: theta.square().sum(), r"\(\)"),
        (lambda theta, batch: 1.0, "1.0"),
    ):
        with pytest.raises(ValueError, match=rf"energy must return a tensor of shape \(2,\), .*got {got}"):
            qbp.two_stage(Problem(energy=energy), qbp.TwoStageConfig(steps=1), t(2, 3))


def test_axes_are_held_to_one_length_each():
    @takes("a b", a="... n k", b="k+", c="index ... 2")
    def f(a: torch.Tensor, b: torch.Tensor, c: torch.Tensor | None = None) -> None:
        """Nothing."""

    f(t(5, 2, 3), t(3), torch.ones(1, 2, dtype=torch.int64))
    for wrong_call, message in (
        ((t(3), t(3)), r"a must have shape \(\.{3}, n, k\), got \(3,\)"),
        ((t(2, 3), t(4)), r"b must have shape \(k,\) with k = 3, that of a, got \(4,\)"),
        ((t(2, 0), t(0)), r"b must have shape \(k,\) with k at least 1, got \(0,\)"),
        ((t(2, 3), t(1, 3)), r"b must have shape \(k,\), got \(1, 3\)"),
        (
            (t(2, 2, 3), t(3), torch.ones(3, 2, dtype=torch.int64)),
            r"c must have .* broadcast with those of a",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            f(*wrong_call)
    with pytest.raises(TypeError, match=r"b must have the dtype of a, torch.float64, got torch.float32"):
        f(t(2, 3), t(3).float())
    with pytest.raises(TypeError, match=r"b must be on the device of a, cpu, got one on meta"):
        f(t(2, 3), t(3).to("meta"))


def test_leading_axes_may_have_to_hold_a_row_and_more_may_be_refused():
    def odd(x: torch.Tensor, most: int = 3) -> None:
        if x.shape[-1] > most:
            raise ValueError(f"x must have at most {most} entries, got {x.shape[-1]}")

    @takes(also=odd, x="...+ n")
    def f(x: torch.Tensor, most: int = 3) -> torch.Size:
        """Nothing."""
        return x.shape

    assert f(t(2)) == (2,) and f(t(0)) == (0,) and f(t(5, 1, 2)) == (5, 1, 2)
    for shape in ((0, 2), (5, 0, 2), (0, 0, 0)):
        with pytest.raises(ValueError, match=r"^x must have shape \(\.{3}, n\) with a row or more, got \("):
            f(t(*shape))
    with pytest.raises(ValueError, match="x must have at most 3 entries, got 4"):
        f(t(4))
    assert f(t(4), most=4) == (4,)
    with _checks.trusted():
        assert f(t(0, 4)) == (0, 4)


@pytest.mark.parametrize(
    "shapes", [((), (2,)), ((3, 1), (1, 2)), ((2, 3), (3, 2)), ((4, 2), (2,)), ((0,), (1,))]
)
def test_shapes_broadcast_as_torch_says(shapes):
    with contextlib.suppress(RuntimeError):
        assert broadcast(*shapes) == tuple(torch.broadcast_shapes(*shapes))
        return
    assert broadcast(*shapes) is None
