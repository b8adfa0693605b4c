"""Rows of the table of two steps of least squares: what differs between those that are compared."""

from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest

from qbp.experiments.fits.molecules import HAMILTONIANS
from qbp.experiments.result import Result
from qbp.results.table import seconds
from qbp.studies.fits import two_steps
from qbp.studies.tables import resolve, tables

TASKS = two_steps.STUDY.tasks


@pytest.mark.parametrize("task", TASKS)
def test_rows_differ_in_method_readout_and_span_alone(task):
    rows = list(two_steps.STUDY.configs(task).values())
    apart = {f.name for a in rows for f in fields(a) if getattr(a, f.name) != getattr(rows[0], f.name)}
    data = {"method", "output", "algorithm", "steps", "record_every"}
    assert apart <= ({"method", "span", "algorithm"} if task in HAMILTONIANS else data)
    assert len({c.steps * c.unit for c in rows}) == 1  # evaluations
    home = "two-steps-ground" if task in HAMILTONIANS else "two-steps"
    assert resolve(f"two-steps/{task}").tables == (home,)


def test_parts_are_rows_and_the_table_is_small():
    rows = two_steps.STUDY.configs("sine")
    assert {label for pair in two_steps.PARTS.values() for label in pair} <= rows.keys()
    assert rows[two_steps.RECOMMENDED].method == two_steps.RECOMMENDED
    whole = tables()["two-steps"].configs | tables()["two-steps-ground"].configs
    assert sum(len(two_steps.STUDY.configs(task)) for task in TASKS) == len(whole)
    assert sum(map(seconds, whole.values())) < 300
    with pytest.raises(ValueError, match="task must be one of sine"):
        two_steps.STUDY.configs("mnist")


def test_tables_say_means_and_wins():
    config = SimpleNamespace(run_seeds=range(2))
    history = {"val_loss": np.array([[3.0, 1.0], [5.0, 2.0]]), "evaluations": np.full((2, 2), 1000.0)}
    own = Result(config, None, np.array([0, 1]), history, None, np.zeros(2, dtype=bool), 0.0)
    other = Result(config, None, np.array([0, 1]), history | {"val_loss": 2 * history["val_loss"]}, None,
                   np.zeros(2, dtype=bool), 0.0)  # fmt: skip
    found = {label: own for label in two_steps.STUDY.configs("sine")}
    found |= {"plain <Z>, Adam": other}
    assert two_steps.losses(found, "val_loss").loc["varpro", "evaluations"] == "1,000"
    row = two_steps.parts(found).loc["readout, circuit untrained"]
    assert (row["with"], row["without"], row["lower"]) == ("1.5", "3", "2 of 2")
