"""Records of runs: what is written is what is there, digits are counted, git says how old a file is."""

import datetime
import platform
import subprocess

import nbformat
import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook, new_output

from qbp.book.tables import records


def notebook(*sources, tags=("parameters",)):
    cells = [new_code_cell(source) for source in sources]
    for cell, tag in zip(cells, tags, strict=False):
        cell.metadata["tags"] = [tag]
    return new_notebook(cells=cells)


def test_a_record_says_when_where_and_with_what():
    found = records.record(notebook("seeds = 5"), 12.6)
    assert tuple(found) == records.FIELDS
    today = datetime.datetime.now(datetime.UTC).date()
    assert today - datetime.date.fromisoformat(found["date"]) <= datetime.timedelta(1)
    assert (found["seconds"], found["device"]) == (13, "cpu")
    versions = [found[name] for name in ("python", "torch", "numpy")]
    assert versions == [platform.python_version(), torch.__version__, np.__version__]
    assert found["processor"] and found["processor"] == " ".join(found["processor"].split())


def test_the_device_is_that_of_the_last_parameters(monkeypatch):
    asked = []
    monkeypatch.setattr("qbp.experiments.result.resolve_device", lambda name: asked.append(name) or name)
    given = notebook(
        'device = "auto"  # where', 'device = "cuda"', tags=("parameters", "injected-parameters")
    )
    assert records.record(given, 1)["device"] == "cuda" and asked == ["cuda"]
    records.record(notebook('device = "auto"  # where', 'device = "cuda"'), 1)
    assert asked == ["cuda", "auto"]


def test_a_record_is_kept_and_nothing_else_is_changed(tmp_path):
    before = notebook("x = 1")
    before.cells[0].id = "one"
    nbformat.write(before, tmp_path / "a.ipynb")
    records.keep(tmp_path / "a.ipynb", 3)
    after = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    assert after.metadata.pop(records.NAME)["seconds"] == 3 and after == before


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("12.3 s and 0.50", 3),
        ("<object at 0x7f12>", 0),
        ("-1.25e-10, W1 2x5, 1,234", 10),
        ("version x2", 0),
    ],
)
def test_digits_of_numbers_are_counted_and_those_of_times_and_names_are_not(text, count):
    cell = new_code_cell(outputs=[new_output("stream", text=text)])
    assert records.digits(new_notebook(cells=[cell])) == count
    shown = {"text/plain": text, "text/html": f"<b>{text}</b>", "image/png": "1234"}
    cell = new_code_cell(outputs=[new_output("display_data", data=shown)])
    assert records.digits(new_notebook(cells=[cell])) == count


def test_git_says_by_when_a_file_was_stored(tmp_path):
    def commit(day):
        dates = {"GIT_AUTHOR_DATE": f"{day}T12:00:00Z", "GIT_COMMITTER_DATE": f"{day}T12:00:00Z"}
        name = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        for words in (["add", "."], [*name, "commit", "-q", "-m", day]):
            subprocess.run(["git", *words], cwd=tmp_path, check=True, env=dates | {"PATH": "/usr/bin:/bin"})

    (tmp_path / "book").mkdir()
    assert records.stored(tmp_path / "book") == {}
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    for day, name in [("2026-01-01", "a.ipynb"), ("2026-01-02", "b c.ipynb"), ("2026-01-03", "../other")]:
        (tmp_path / "book" / name).write_text(day)
        commit(day)
    (tmp_path / "book" / "a.ipynb").write_text("again")
    commit("2026-01-04")
    assert records.stored(tmp_path / "book") == {"a.ipynb": "2026-01-04", "b c.ipynb": "2026-01-02"}
