"""What a run leaves: glued values as numbers, results after their last step, and the cell that failed."""

import json
import math

import pytest
from swept import TINY, notebook

import qbp
from qbp.sweeps import notebook as module
from qbp.sweeps.notebook import Row, code_digest, execute, number_of, results, rows_of


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("-6.4 %", -6.4), ("+0.00 % [-0.01 %, +0.01 %]", 0.0), ("0.0154 times", 0.0154), ("17 of 20", 17),
        ("1,234,567", 1234567), ("9.0e-07 [+3.7e-07]", 9e-7), ("−2.5", -2.5), ("3", 3), ("W3 cz", math.nan),
        ("", math.nan), ("12th", math.nan), ("unbounded", math.nan), ("1.2.3", math.nan),
    ],
)  # fmt: skip
def test_the_number_that_a_text_begins_with(text, number):
    assert number_of(text) == pytest.approx(number, nan_ok=True)


def glued(name, text):
    return {"data": {module.RECORD: text}, "metadata": {"scrapbook": {"name": name}}}


def test_rows_of_a_notebook():
    shown = [glued("a", "'1.5 %'"), glued("a", "'2.5 %'"), glued("b", ["26"]), {"text": "stream"}]
    shown += [{"data": {module.ROWS: [["r", 3, 9, "loss", 0.25], ["r", 4, 9, "loss", None]]}}]
    shown += [{"data": {"image/png": "x"}, "metadata": {"scrapbook": {"name": "figure"}}}]
    cells = [{"cell_type": "code", "outputs": shown}, {"cell_type": "markdown"}, {"cell_type": "code"}]
    first, *rest = rows_of({"cells": cells})
    assert first == Row("run", -1, -1, "cells", 1.0)  # without our last one
    assert rest[:3] == [
        Row("glue", -1, -1, "a", 2.5, "2.5 %"),  # the last one holds, as on a page
        Row("glue", -1, -1, "b", 26.0, "26"),
        Row("r", 3, 9, "loss", 0.25),
    ]
    assert math.isnan(rest[3].value) and len(rest) == 4


def test_results_of_a_namespace_are_the_numbers_of_each_seed_after_the_last_step():
    run = qbp.run(qbp.Experiment("curve", n_hidden=4, steps=6, seeds=2, seed=5, device="cpu"))
    namespace = {"a": 1, "found": {"two": run}, "again": run, "_7": run, "Out": {7: run}, "word": "x"}
    rows = [*results(namespace)]
    assert {row.source for row in rows} == {"found[two]"} and {row.step for row in rows} == {6}
    loss = [row.value for row in rows if row.metric == "train_loss"]
    assert loss == run.final("train_loss").tolist()
    assert [row.seed for row in rows if row.metric == "diverged"] == [5, 6]


def test_a_notebook_is_run_here_and_a_failure_says_where(tmp_path):
    source = notebook(tmp_path / "tiny.ipynb").read_text()
    found = execute(source, {"n": 7}, str(tmp_path), code_digest(source))
    assert found.error == "cell 5, line 1: `1 / (n - 7)`: ZeroDivisionError: division by zero"
    assert found.rows == () and '"14.5"' in found.notebook  # what it did stays
    assert module.LAST_CELL not in "".join(json.loads(found.notebook)["cells"][-1]["source"])
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.ipynb"]
    with pytest.raises(ValueError, match=r"other code or tables than the sweep \(.{16}, not 0{16}\)"):
        execute(source, {"n": 2}, str(tmp_path), "0" * 16)


def test_a_digest_moves_with_the_code_cells_and_the_package(monkeypatch, tmp_path):
    source = notebook(tmp_path / "a.ipynb").read_text()
    before = code_digest(source)
    assert before == code_digest(notebook(tmp_path / "b.ipynb").read_text())
    assert before != code_digest(notebook(tmp_path / "c.ipynb", *TINY, "1").read_text())
    monkeypatch.setattr(module, "_package", lambda: "other")
    assert before != code_digest(source)
