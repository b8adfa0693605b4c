"""What a program and a page read: the shape of the JSON, and the summary's cells."""

import dataclasses
import json

import numpy as np
import pytest
import torch

import qbp
from qbp.book.tables.results import (
    convergence_table,
    errors_table,
    own_and_true_table,
    plateau_table,
    run_json,
    smoothness_table,
    summary,
)
from qbp.statistics.intervals import bootstrap_interval


def result(method, runs, *, seed=0, diverged=None):
    """A result made by hand: `val_loss` is given run by run, the other metrics are 1."""
    runs = np.array(runs, dtype=float)
    n, records = runs.shape
    return qbp.Result(
        config=qbp.Experiment("curve", method=method, seeds=n, seed=seed, steps=10 * (records - 1)),
        theta=torch.zeros(n, 2),
        step=np.arange(0, 10 * records, 10),
        history={
            "loss": np.ones_like(runs),
            "val_loss": runs,
            **({"lam": runs} if method != "sellier" else {}),
        },
        minibatch_loss=None,
        diverged=np.zeros(n, dtype=bool) if diverged is None else np.array(diverged),
        seconds=0.25,
    )


A = result("two-stage", [[9, 1], [9, 2], [9, 6]])
B = result("no-init", [[9, 2], [9, 4], [9, 5]], diverged=[False, True, False])
C = result("sellier", [[5, 5], [5, 5], [5, 5]])


def test_the_object_of_a_run_has_the_documented_shape():
    found = run_json({"two-stage": A, "no-init": B, "sellier": C})
    assert json.loads(json.dumps(found, allow_nan=False)) == found  # plain data, no NaN
    assert {k: v for k, v in found.items() if k not in ("methods", "paired")} == {
        "qbp": qbp.__version__,
        "experiment": "curve",
        "reading": "as-written",
        "seeds": 3,
        "seed": 0,
        "steps": 10,
        "device": "cpu",
        "seconds": 0.75,
        "step": [0, 10],
    }
    assert list(found["methods"]) == ["two-stage", "no-init", "sellier"]
    for name, method in found["methods"].items():
        assert method["config"]["method"] == name and method["config"]["algorithm"]["steps"] == 10
        assert method.keys() == {"final", "history", "diverged", "config", "step"}
        assert method["step"] == found["step"]
        assert method["final"].keys() == method["history"].keys()
        for final in method["final"].values():
            assert final.keys() == {"mean", "low", "high", "values"} and len(final["values"]) == 3
        assert all(len(means) == 2 for means in method["history"].values())
    assert list(found["paired"]) == ["two-stage - no-init", "two-stage - sellier", "no-init - sellier"]
    for pair in found["paired"].values():
        for metric in pair.values():
            assert metric.keys() == {"mean", "low", "high", "wins", "n"}


def test_the_numbers_of_a_run_are_those_of_its_results():
    found = run_json({"two-stage": A, "no-init": B, "sellier": C})
    two = found["methods"]["two-stage"]
    interval = bootstrap_interval(np.array([1.0, 2.0, 6.0]))
    assert two["final"]["val_loss"] == {
        "mean": 3.0,
        "low": interval.low,
        "high": interval.high,
        "values": [1.0, 2.0, 6.0],
    }
    assert two["history"]["val_loss"] == [9.0, 3.0] and two["diverged"] == 0
    assert found["methods"]["no-init"]["diverged"] == 1
    pair = found["paired"]["two-stage - no-init"]
    assert pair.keys() == {"loss", "val_loss", "lam"}
    assert (pair["val_loss"]["wins"], pair["val_loss"]["n"]) == (2, 3)
    assert pair["val_loss"]["mean"] == pytest.approx((-1 - 2 + 1) / 3)
    assert pair["val_loss"]["low"] < pair["val_loss"]["mean"] < pair["val_loss"]["high"]
    assert found["paired"]["two-stage - sellier"].keys() == {"loss", "val_loss"}  # what both have


def test_one_seed_has_no_interval():
    one = run_json({"two-stage": result("two-stage", [[2, 1]]), "no-init": result("no-init", [[2, 3]])})
    assert one["methods"]["two-stage"]["final"]["val_loss"] == {
        "mean": 1.0,
        "low": None,
        "high": None,
        "values": [1.0],
    }
    pair = one["paired"]["two-stage - no-init"]["val_loss"]
    assert pair == {"mean": -2.0, "low": None, "high": None, "wins": 1, "n": 1}
    json.dumps(one, allow_nan=False)


def test_what_is_not_finite_is_null():
    broken = result("two-stage", [[1, np.nan], [1, np.inf]])
    final = run_json({"two-stage": broken})["methods"]["two-stage"]
    assert final["final"]["val_loss"] == {"mean": None, "low": None, "high": None, "values": [None, None]}
    assert final["history"]["val_loss"] == [1.0, None]


def test_a_run_that_diverged_shows_in_both():
    options = {"seeds": 2, "steps": 30, "n_hidden": 5, "record_every": 30, "device": "cpu"}
    wild = {"optimizer": "gd", "eta_n": 1e9}
    config = qbp.Experiment("curve", method="no-init", algorithm=wild, **options)
    found = {"no-init": qbp.run(config)}
    assert run_json(found)["methods"]["no-init"]["diverged"] == 2
    json.dumps(run_json(found), allow_nan=False)
    assert summary(found, ["train_loss"]).loc["no-init", "diverged"] == 2


def test_a_summary_has_a_row_per_method_with_mean_and_interval():
    table = summary({"two-stage": A, "no-init": B, "sellier": C}, ["val_loss"])
    assert list(table.index) == ["two-stage", "no-init", "sellier"]
    assert list(table.columns) == ["seeds", "diverged", "val_loss"]
    assert table["seeds"].tolist() == [3, 3, 3] and table["diverged"].tolist() == [0, 1, 0]
    assert (
        table.loc["two-stage", "val_loss"].startswith("3.00 [")
        and "[5.00, 5.00]" in table.loc["sellier", "val_loss"]
    )
    alone = summary({"two-stage": result("two-stage", [[2, 0.12345]])}, ["val_loss"])
    assert alone.loc["two-stage", "val_loss"] == "0.123"  # no interval from one seed
    with pytest.raises(ValueError, match="metric must be one of"):
        summary({"two-stage": A}, ["val_los"])


def test_results_of_other_seeds_are_not_paired():
    other = dataclasses.replace(result("no-init", [[1, 1]] * 3, seed=7))
    with pytest.raises(ValueError, match="a and b must have the same seeds"):
        run_json({"two-stage": A, "no-init": other})


def falling(method, rates, rough=0.0):
    """Runs that fall by so many decades per record from 1, with every other record raised by `rough`."""
    records = np.arange(41)
    log = -np.array(rates)[:, None] * records + rough * (records % 2)
    return dataclasses.replace(result(method, np.ones((len(rates), 41))), history={"train_loss": 10.0**log})


def test_smoothness_and_speed_are_compared_in_pairs_and_judged():
    tables = {
        "curve": {
            "two-stage": falling("two-stage", [0.10, 0.11, 0.12]),
            "no-init": falling("no-init", [0.08, 0.08, 0.08], rough=0.01),
            "sellier": falling("sellier", [0.15, 0.2, 0.2]),
        }
    }
    each = smoothness_table(tables)
    assert list(each.index) == [("curve", m) for m in tables["curve"]] and set(each["seeds"]) == {3}
    bends = each["second difference (decades)"]
    assert bends["curve", "two-stage"] == "0 [0, 0]"
    assert bends["curve", "no-init"] == "0.02 [0.02, 0.02]"
    assert each["total variation (decades)"]["curve", "two-stage"].startswith("1.1 [")
    found = convergence_table(tables)
    assert list(found.index) == [("curve", "against no-init"), ("curve", "against sellier")]
    plain, packets = (found.loc["curve", f"against {m}"] for m in ("no-init", "sellier"))
    assert plain["second difference"] == "-0.02 [-0.02, -0.02]: undecided"  # of so few runs
    assert plain["target"] == f"{10 ** (-0.08 * 40):#.3g}"  # where the slower one ends
    assert plain["steps to target"].startswith("-103 [") and plain["steps to target"].endswith(": undecided")
    assert packets["second difference"] == "+0 [+0, +0]: not supported"
    assert packets["steps to target"].endswith(": not supported")


def test_errors_of_circuits_at_the_start_at_the_end_and_in_pairs():
    a, b = np.array([[3.0, 1.0], [3.0, 2.0]]), np.array([[3.0, 2.0], [3.0, 1.5]])
    found = errors_table({"energy error (J)": {"two-stage": a, "no-init": b}})
    two, plain = (found.loc["energy error (J)", m] for m in ("two-stage", "no-init"))
    assert two["runs"] == 2 and two["start"] == plain["start"] == "3.00 [3.00, 3.00]"
    assert two["end"].startswith("1.50 [") and plain["end"].startswith("1.75 [")
    assert two["minus no-init"].startswith("-0.250 [") and two["lower on"] == "1 of 2"
    assert plain["minus no-init"] == plain["lower on"] == ""


def with_losses(method, loss, train_loss, every=10):
    """A result made by hand of a method's own quantity and its loss on the data, run by run."""
    loss, train_loss = np.array(loss, dtype=float), np.array(train_loss, dtype=float)
    made = result(method, loss)
    steps = every * np.arange(loss.shape[1])
    return dataclasses.replace(made, step=steps, history={"loss": loss, "train_loss": train_loss})


def test_what_is_plotted_stands_beside_the_loss_on_the_data():
    two = with_losses("two-stage", [[1, 0], [1, 0]], [[2, 5], [2, 7]])
    found = own_and_true_table({"curve": {"two-stage": two}}).loc["curve", "two-stage"]
    assert found["seeds"] == 2 and found["plotted, at the end"] == "0 [0, 0]"
    assert found["on the data, at the start"] == "2.000 [2.000, 2.000]"
    assert found["on the data, at the end"] == "6.000 [-6.706, 18.706]"  # Student's t for two values


def test_a_plateau_is_measured_on_the_late_records_that_all_rows_have():
    often = [[9, 9, 9, 9, 4, 99, 2], [9, 9, 9, 9, 4, 99, 2]]  # steps 0, 50, ..., 300
    seldom = [[9, 9, 8, 6], [9, 9, 8, 8]]  # steps 0, 100, 200, 300
    rows = {
        "sellier": with_losses("sellier", seldom, seldom, every=100),
        "heavy ball": with_losses("heavy-ball", often, often, every=50),
    }
    found = plateau_table({"curve": rows}, "sellier", start=200).loc["curve"]
    ball, packets = found.loc["heavy ball"], found.loc["sellier"]
    assert ball["mean"].startswith("3.00 [") and ball["range"] == "2 [2, 2]"
    assert ball["lowest"] == "2.00 [2.00, 2.00]" and packets["range"] == "1 [-12, 14]"  # 1 +- 12.7
    assert ball["against sellier"] == "-60.0 %: undecided" and packets["against sellier"] == ""
