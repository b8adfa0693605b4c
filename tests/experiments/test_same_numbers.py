"""Same seed, same numbers: a run alone or in a batch, on one thread or two, in this process or in workers;
and one run whose loss is NaN changes no other run.

What is compared is every recorded metric of every kind of experiment after 100 steps, to a relative 1e-9.
"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import qbp
from qbp.experiments import registry
from qbp.experiments.fits.ground import GroundExperiment
from qbp.experiments.fits.settings import FitExperiment
from qbp.experiments.later_versions.cloning import CloningExperiment
from qbp.experiments.later_versions.wine import WineExperiment
from qbp.experiments.remedies.configuration import RemedyExperiment
from qbp.experiments.settings import Settings
from qbp.experiments.terrain import circuits as circuit_terrain
from qbp.experiments.terrain import perceptrons as perceptron_terrain
from qbp.results import integrity, store
from qbp.results.grid import Parts, compute

STEPS = {"steps": 100, "record_every": 25, "device": "cpu"}
CURVE = {"n_hidden": 4, **STEPS}
CIRCUIT = {"qubits": 3, "layers": 2, **STEPS}
EARLY = {"stage_1_steps": 40}
KINDS = {  # name: what makes the configuration of some runs, first seed and how many
    **{
        f"perceptron, {method}": lambda method=method, **runs: qbp.Experiment(
            "curve", method=method, **CURVE, **runs
        )
        for method in ("two-stage", "two-stage-ridge", "no-init", "heavy-ball", "sellier", "sellier-released")
    },
    **{
        f"perceptron, {optimizer}": lambda optimizer=optimizer, **runs: qbp.Experiment(
            "telecom", algorithm={"optimizer": optimizer, **EARLY}, **CURVE, **runs
        )
        for optimizer in ("gd", "adam", "adamw")
    },
    **{
        f"circuit, {name}": lambda options=options, **runs: qbp.CircuitExperiment(
            algorithm=EARLY, **options, **CIRCUIT, **runs
        )
        for name, options in {
            "exact": {},
            "shots": {"shots": 5},
            "noise": {"channel": "damping", "strength": 0.1},
            "shots and noise": {"shots": 5, "channel": "depolarizing", "strength": 0.1},
        }.items()
    },
    "regression": lambda **runs: qbp.RegressionExperiment(**STEPS, **runs),
    "regression, shots": lambda **runs: qbp.RegressionExperiment(shots=20, **STEPS, **runs),
    "regression, perceptron": lambda **runs: qbp.RegressionExperiment(method="mlp", **STEPS, **runs),
    "cloning": lambda **runs: CloningExperiment(
        qubits=3, layers=2, algorithm=EARLY, **STEPS, **runs
    ),
    "wine": lambda **runs: WineExperiment(layers=1, qubits=2, **STEPS, **runs),
    "fit": lambda **runs: FitExperiment(method="varpro", layers=1, **STEPS, **runs),
    "ground": lambda **runs: GroundExperiment(method="ritz", qubits=3, layers=1, **STEPS, **runs),
    "remedy": lambda **runs: RemedyExperiment(method="small-angle", **CIRCUIT, **runs),
}  # fmt: skip
SURVEYS = {
    "survey of a perceptron": (perceptron_terrain, {"experiment": "curve", "n_hidden": 4, "steps": 120}),
    "survey of a circuit": (circuit_terrain, {"qubits": 2, "layers": 1, "steps": 120}),
}
THREADED = ["perceptron, two-stage", "perceptron, sellier", "circuit, exact", "circuit, shots", "regression"]
COMPILED = "circuit, exact"  # its loop is in the kernel: tests/circuits/training/test_compiled.py has its NaN


def equal(found: qbp.Result, expected: qbp.Result, row: int | slice = slice(None)) -> None:
    """Require the same metrics, parameters and marks."""
    assert found.history.keys() == expected.history.keys()
    for metric, values in found.history.items():
        np.testing.assert_allclose(
            values, expected.history[metric][row], rtol=1e-9, atol=1e-12, err_msg=metric
        )
    np.testing.assert_array_equal(found.diverged, expected.diverged[row])


@pytest.fixture(scope="module")
def together() -> dict[str, qbp.Result]:
    """Three runs of each kind."""
    return {name: qbp.run(make(seeds=3, seed=4)) for name, make in KINDS.items()}


@pytest.mark.parametrize("name", KINDS)
def test_a_run_alone_is_that_of_the_batch(name, together):
    equal(qbp.run(KINDS[name](seeds=1, seed=5)), together[name], slice(1, 2))


@pytest.mark.parametrize("name", THREADED)
def test_two_threads_give_what_one_gives(name, together, monkeypatch):
    monkeypatch.setenv("QBP_THREADS", "2")
    torch.set_num_threads(2)
    try:
        equal(qbp.run(KINDS[name](seeds=3, seed=4)), together[name])
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("name", SURVEYS)
def test_a_survey_is_the_same_alone_and_on_two_threads(name, monkeypatch):
    terrain, options = SURVEYS[name]
    positional = [options["experiment"]] if "experiment" in options else []
    rest = {key: value for key, value in options.items() if key != "experiment"}

    def surveyed(seeds: int, seed: int) -> dict[str, qbp.Result]:
        if positional:
            made = terrain.configs(*positional, seeds, seed=seed, **rest)
        else:
            made = terrain.configs(seeds=seeds, seed=seed, **rest)
        return {config.method: terrain.survey(config) for config in made}

    batch, alone = surveyed(2, 4), surveyed(1, 5)
    monkeypatch.setenv("QBP_THREADS", "2")
    threads = surveyed(1, 5)
    for method, found in alone.items():
        equal(found, batch[method], slice(1, 2))
        equal(threads[method], found)


def test_any_number_of_workers_computes_the_same_rows(tmp_path):
    chosen = ["perceptron, two-stage", "circuit, shots", "regression, perceptron"]
    configs, tables = [KINDS[name](seeds=3, seed=4) for name in chosen], {}
    for jobs in (1, 3):
        parts = Parts(tmp_path / str(jobs))
        assert compute(configs, parts, jobs=jobs) == {}
        frames = [integrity.read(parts.path(config).read_bytes()) for config in configs]
        tables[jobs] = pd.concat(frames, ignore_index=True).sort_values([*integrity.ROW], ignore_index=True)
    pd.testing.assert_frame_equal(tables[3], tables[1], rtol=1e-9, atol=1e-12)
    assert set(tables[1]["key"]) == {store.key(config) for config in configs}


@pytest.mark.parametrize(
    "name", [name for name in KINDS if name not in (COMPILED, "fit", "ground", "remedy")]
)
def test_a_loss_that_is_nan_in_one_run_changes_no_other(name, together, monkeypatch):
    """From step 50 on, in the second of three runs."""
    config = KINDS[name](seeds=3, seed=4)
    kind, now = type(config.training()), [0]
    sound = kind.problem

    def spoiled(self: object, seeds: range) -> qbp.Problem:
        inner = sound(self, seeds)
        spoil = torch.tensor([1.0, math.nan, 1.0], dtype=torch.float64)

        def bad(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(value * spoil if now[0] >= 50 else value for value in values)

        def batches(step: int) -> object:
            now[0] = step
            return inner.batches(step)

        both = inner.both
        return replace(
            inner,
            batches=batches,
            energy=lambda theta, batch: bad(inner.energy(theta, batch))[0],
            convex=lambda theta, batch: bad(inner.convex(theta, batch))[0],
            both=None if both is None else lambda *given: bad(*both(*given)),
        )

    monkeypatch.setattr(kind, "problem", spoiled)
    found = qbp.run(config)
    assert found.diverged.tolist() == [False, True, False]
    for row in (0, 2):
        for metric, values in found.history.items():
            np.testing.assert_allclose(
                values[row], together[name].history[metric][row], rtol=1e-9, atol=1e-12, err_msg=metric
            )
    assert all(np.isfinite(values[1, :2]).all() for values in found.history.values())


def test_every_kind_of_experiment_is_here():
    kinds = {type(make(seeds=1, seed=0)) for make in KINDS.values()}
    assert kinds == {kind.config for kind in registry.KINDS.values()}
    assert all(issubclass(kind, Settings) for kind in kinds)
    assert len(SURVEYS) == len(set(map(id, registry.SURVEYED.values())))
