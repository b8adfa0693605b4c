"""Effects over data sets: read from rows made by hand, whose answers are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from qbp.book.tables import data_sets
from qbp.studies.perceptron_studies import on_data_sets


def rows(of_data, starts=3):
    """Rows of "two-stage" that end at exp(of_data) times those of "no-init" on each data set."""
    found = {}
    for seed, effect in enumerate(of_data):
        base = np.arange(1.0, starts + 1)
        for method, factor in {"no-init": 1, "two-stage": np.exp(effect), "two-stage-ridge": 1}.items():
            ends = base * factor
            found[f"{method}, data seed {seed}"] = SimpleNamespace(final=lambda metric, ends=ends: ends)
    return found


def test_the_change_over_data_is_the_geometric_mean():
    found = rows([0.1, 0.2, 0.6])
    ends = {m: on_data_sets(found, m, "train_loss") for m in ("two-stage", "no-init")}
    change, parts = data_sets.over_both(np.log(ends["two-stage"] / ends["no-init"]))
    assert change.mean == pytest.approx(np.exp(0.3) - 1) and change.n == 3 and parts.starts == 3
    assert parts.shares == pytest.approx((1, 0, 0)) and change.low < 0 < change.high


def test_a_table_has_a_row_for_each_task_and_method(monkeypatch):
    monkeypatch.setattr(data_sets.tables, "load", lambda name, directory: rows([-0.1, -0.2, 0.1]))
    table = data_sets.data_sets()
    both = [(task, method) for task in ("curve", "telecom") for method in data_sets.METHODS]
    assert [*table.index] == [*both, ("mnist", "two-stage")]
    assert (table["data sets with it lower"].iloc[0], table["data sets with it lower"].iloc[1]) == (
        "2 of 3",
        "0 of 3",
    )
    assert table["the paper's data"].iloc[0].startswith("-9.5 %")  # exp(-0.1) - 1
