"""Rows of the tables of the later notebook's circuit: what stands in them, and which are compared."""

from dataclasses import fields, replace

import numpy as np
import pytest

from qbp.experiments.registry import run
from qbp.results import store
from qbp.results.table import seconds
from qbp.studies import regression_studies
from qbp.studies.tables import resolve, tables

TASKS = regression_studies.RIDGE.tasks


def differing(a, b):
    """Names of the fields in which two configurations differ, those of the algorithm among them."""
    pairs = [(a, b), (a.algorithm, b.algorithm)]
    of = [{f.name for f in fields(x) if getattr(x, f.name) != getattr(y, f.name)} for x, y in pairs]
    return of[0] - {"algorithm"} | of[1]


def test_rows_that_were_stored_before_keep_their_keys():
    held = store.manifest()
    for name in ("pqc", "pqc-depth"):
        assert set(held[name]["configs"]) == set(tables()[name].configs)


@pytest.mark.parametrize("task", TASKS)
def test_arms_differ_in_stage_1_alone(task):
    rows = regression_studies.RIDGE.configs(task)
    stage_1 = {"method", "stage_1_steps", "switching", "lambda_0", "beta_0"}
    for name, (a, b) in regression_studies.ridge_arms(task).items():
        a, b = rows[a], rows[b]
        assert a.output == b.output != "plain" and a.model == b.model and a.task == b.task == task
        own = {"steps"} if "eq. 2" in name else {"ridge"} if name.startswith("ridge =") else set()
        assert differing(a, b) <= stage_1 | own, name
        if name in ("ridge = 0.001", "start N(0, 1)", "other data", "cross-entropy"):
            assert differing(a, b) == {"method"}  # neither has steps of Stage 1, blend or oscillation
    assert {label for pair in regression_studies.ridge_arms(task).values() for label in pair} == set(rows)


def test_the_table_is_small():
    table = tables()["pqc-ridge"]
    named = [resolve(f"pqc-ridge/{task}") for task in TASKS]
    assert all(source.tables == ("pqc-ridge",) for source in named)
    assert sum(len(source.configs) for source in named) == len(table.configs)  # no row stands twice
    assert sum(map(seconds, table.configs.values())) < 300
    for config in table.configs.values():
        assert 20 <= config.seeds <= 100 and config.steps // config.record_every + 1 <= 50
    assert not set(table.configs) & {k for name in ("pqc", "pqc-depth") for k in tables()[name].configs}


@pytest.mark.parametrize("task", TASKS)
def test_eq_2_and_nothing_else_is_where_two_stage_ridge_begins(task):
    rows = regression_studies.RIDGE.configs(task)
    few = {"seeds": 2, "device": "cpu"}
    alone = run(replace(rows["ridge, then nothing"], **few))
    trained = run(replace(rows["two-stage-ridge"], steps=2, **few))
    assert alone.step.tolist() == [0]
    for metric in {*regression_studies.RIDGE_METRICS} & alone.history.keys():
        np.testing.assert_allclose(alone.final(metric), trained.history[metric][:, 0], rtol=1e-12)
