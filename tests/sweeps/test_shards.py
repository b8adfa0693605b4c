"""Files of a run: written rows last, and read only if they are what was written."""

import json
import shutil

import pandas as pd
import pytest
from swept import notebook, ran

from qbp.sweeps import shards
from qbp.sweeps.axes import plan


@pytest.fixture
def kept(tmp_path):
    """Two runs that are done: their plan and where the rows of the first are."""
    whole = plan(str(notebook(tmp_path / "tiny.ipynb")), ["n=2,3"])
    (tmp_path / "out").mkdir()
    for run in whole.runs:
        shards.keep(tmp_path / "out", run, ran(whole.source, run.given, "", ""), whole.code)
    return whole, shards.rows_path(tmp_path / "out", whole.runs[0])


def test_a_run_is_a_notebook_and_rows(kept):
    whole, path = kept
    frame = shards.read(path)
    assert [*frame] == [*shards.COLUMNS] and frame.attrs["rows"] == len(frame) == 2
    assert shards.state(path.parent, whole.runs[0]) == whole.code == frame["core"].iloc[0]
    assert shards.config(frame) == whole.runs[0].config and frame["value"].tolist() == [4.0, 4.5]
    assert shards.notebook_path(path).read_text() == whole.source
    (other,) = plan(str(whole.path), ["n=4"]).runs
    assert shards.state(path.parent, other) is None
    assert len([*path.parent.iterdir()]) == 4


def changed(attributes=None, **columns):
    def change(path):
        frame = pd.read_parquet(path)
        attrs = {**frame.attrs, **(attributes or {})}
        frame = frame.assign(**columns)
        frame.attrs = attrs
        frame.to_parquet(path)

    return change


def text_of(path):
    return shards.notebook_path(path)


BAD = {  # what was done to the files of a run: how, what is said
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:999]), "cannot be read as a table"),
    "empty": (lambda p: p.write_bytes(b""), "cannot be read as a table"),
    "text": (lambda p: p.write_text("key,config\n1,2\n"), "cannot be read as a table"),
    "a row is missing": (lambda p: _less(p), "has 1 rows, not 2"),
    "a row twice": (changed(metric="cells", source="run"), "has a row twice"),
    "a column more": (changed(more=1), "has columns key, config, .*, more, not key"),
    "integers": (changed(value=1), "value is int64"),
    "numbers for text": (changed(text=1.0), "has a text that is none"),
    "two runs": (changed(key=["a" * 16, "b" * 16]), "has rows of several runs"),
    "another run's": (changed(key="a" * 16), "has rows of another run"),
    "no key": (changed(key="../../etc"), "has rows of several runs"),
    "no parameters": (changed(config="{}"), "has no parameters"),
    "no attributes": (changed({"notebook": None}), "does not say which notebook"),
    "the notebook is gone": (lambda p: text_of(p).unlink(), "has lost its notebook"),
    "the notebook has changed": (lambda p: text_of(p).write_text("{}"), "which has changed since"),
    "another run's rows": (lambda p: _other(p), "is not of the notebook|has rows of another run"),
}  # fmt: skip


def _less(path):
    frame = pd.read_parquet(path)
    attrs, frame = frame.attrs, frame.iloc[:1]
    frame.attrs = attrs
    frame.to_parquet(path)


def _other(path):
    (other,) = (p for p in path.parent.glob("*.parquet") if p != path)
    shutil.copy(other, path)
    shutil.copy(text_of(other), text_of(path))


@pytest.mark.parametrize("what", BAD)
def test_rows_that_are_not_what_was_written_are_refused(what, kept):
    whole, path = kept
    spoil, said = BAD[what]
    spoil(path)
    with pytest.raises(ValueError, match=said):
        shards.state(path.parent, whole.runs[0])


def test_a_table_that_would_fill_memory_is_refused_unread(kept, monkeypatch):
    path = kept[1]
    monkeypatch.setattr(shards.integrity, "MOST_ROWS", 1)
    with pytest.raises(ValueError, match=r"2 rows of .* bytes, of at most 1 and"):
        shards.read(path)


def test_a_failure_keeps_the_notebook_and_a_later_success_removes_it(kept):
    whole, path = kept
    (run,) = plan(str(whole.path), ["n=7"]).runs
    bad = ran(whole.source, run.given, "", "")
    shards.keep(path.parent, run, bad, whole.code)
    assert shards.failed_path(path.parent, run).is_file() and shards.state(path.parent, run) is None
    shards.keep(path.parent, run, ran(whole.source, {"n": 3}, "", ""), whole.code)
    assert not shards.failed_path(path.parent, run).exists()
    assert json.loads(shards.notebook_path(shards.rows_path(path.parent, run)).read_text())["nbformat"] == 4
