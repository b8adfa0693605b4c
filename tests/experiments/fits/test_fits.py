"""Fits and ground searches: budgets, bounds, and the same numbers as the experiments they stand beside."""

import json

import numpy as np
import pytest
import torch

import qbp
from qbp.circuits.targets import ground_energy
from qbp.cli import commands
from qbp.experiments import registry
from qbp.experiments.fits import data, molecules
from qbp.experiments.fits.ground import METHODS as SEARCHES
from qbp.experiments.fits.ground import GroundExperiment
from qbp.experiments.fits.methods import METHODS
from qbp.experiments.fits.settings import FitExperiment

SMALL = {"layers": 1, "steps": 24, "record_every": 12, "seeds": 2}


@pytest.mark.parametrize("method", METHODS)
def test_no_method_asks_for_more_than_the_budget(method):
    config = FitExperiment(method=method, **SMALL)
    result = registry.run(config)
    once = config.model.cost(256, value=True, gradient=False)  # of ridge-once, beside its steps
    assert (result.final("evaluations") <= 24 * config.unit + once).all()
    assert not result.diverged.any() and np.isfinite(result.final("val_loss")).all()
    assert result.step.tolist() == registry.FITS.records(config) == [0, 12, 24]


@pytest.mark.parametrize(
    ("method", "other", "output"),
    [
        ("no-init", "no-init", "local"),
        ("two-stage", "two-stage", "affine"),
        ("ridge-once", "two-stage-ridge", "local"),
    ],
)
def test_arms_of_algorithm_1_are_those_of_the_regression(method, other, output):
    rates = {"eta_c": 0.02, "eta_n": 0.01}
    options = {**SMALL, "output": output}
    fit = registry.run(FitExperiment(method=method, algorithm=rates, **options))
    regression = registry.run(qbp.RegressionExperiment(method=other, algorithm=rates, **options))
    for metric in ("loss", "train_loss", "val_loss"):
        np.testing.assert_allclose(fit.history[metric], regression.history[metric], rtol=1e-9)


def test_the_projected_loss_falls_and_is_below_that_of_its_start():
    whole = registry.run(FitExperiment(method="varpro", **SMALL | {"record_every": 8}))
    once = registry.run(FitExperiment(method="ridge-only", **SMALL))
    assert (np.diff(whole.history["loss"]) <= 0).all()
    np.testing.assert_allclose(whole.history["train_loss"][:, 0], once.final("train_loss"), rtol=1e-9)
    assert (whole.final("train_loss") < once.final("train_loss")).all()


def test_a_run_is_the_same_alone_and_with_shots():
    for more in ({}, {"shots": 20}):
        both = registry.run(FitExperiment(method="varpro", **SMALL | more | {"steps": 16}))
        alone = registry.run(
            FitExperiment(method="varpro", **SMALL | more | {"steps": 16, "seeds": 1, "seed": 1})
        )
        np.testing.assert_allclose(both.history["val_loss"][1:], alone.history["val_loss"], rtol=1e-6)


@pytest.mark.parametrize("kind", data.DATA)
def test_data_are_angles_with_disjoint_parts(kind):
    found = data.data_angles(kind)
    assert found.x.shape[-1] == 4 and not set(found.train.tolist()) & set(found.val.tolist())
    if kind != "sine":
        assert found.x[found.train].abs().amax(0) == pytest.approx(torch.full((4,), np.pi / 2).double())


def test_wine_is_scikit_learns():
    sklearn = pytest.importorskip("sklearn.datasets")
    for kind, load in (("wine", sklearn.load_wine), ("cancer", sklearn.load_breast_cancer)):
        x, labels, _ = data.shipped_table(kind)
        bunch = load()
        np.testing.assert_array_equal(x, bunch.data)
        np.testing.assert_array_equal(labels, bunch.target)


def test_h2_has_the_energy_that_its_file_says():
    assert ground_energy(molecules.h2()) == pytest.approx(molecules.H2_LOWEST, abs=1e-9)
    with pytest.raises(ValueError, match="qubits must be 4 for h2, got 6"):
        GroundExperiment(hamiltonian="h2")


@pytest.mark.parametrize("method", SEARCHES)
def test_searches_stay_within_budget_and_above_the_ground_energy(method):
    config = GroundExperiment(method=method, qubits=3, layers=1, span="Y", steps=40, record_every=20, seeds=3)
    result = registry.run(config)
    assert (result.final("evaluations") <= 40 * config.unit).all()
    assert (result.history["error"] > -1e-9).all()
    assert (result.history["error"] <= result.history["plain_error"] + 1e-9).all()
    assert (result.final("error") < result.history["error"][:, 0]).all()


def test_rotosolve_never_rises():
    result = registry.run(
        GroundExperiment(method="rotosolve", qubits=3, layers=1, steps=6, record_every=1, seeds=3)
    )
    assert (np.diff(result.history["energy"]) <= 1e-9).all()


def test_pqc_with_a_method_of_fits_is_a_fit(capsys):
    words = "run pqc --methods no-init,two-stage,ridge-once,varpro --seeds 2 --steps 8 --layers 1 --json"
    assert commands.main(words.split()) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed["methods"]) == ["no-init", "two-stage", "ridge-once", "varpro"]
    assert printed["experiment"] == "fit" and "varpro - no-init" not in printed["methods"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "varpro", "output": "plain"}, "output must be affine or local for varpro to solve it"),
        ({"method": "rotosolve", "shots": 5}, "shots must be None for rotosolve"),
        ({"method": "mlp", "ridge": 1.0}, "ridge is no option of the method mlp, got 1.0"),
        ({"data": "iris"}, "data must be one of sine, telecom, wine, cancer"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        FitExperiment(**options)
