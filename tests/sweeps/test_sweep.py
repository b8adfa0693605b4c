"""A sweep goes on where it stopped, keeps what is done, mixes no code unasked and shares no folder."""

import errno
import subprocess

import pytest
from programs import start
from said import Said
from swept import Here, notebook, ran

from qbp import _files
from qbp.book import run
from qbp.sweeps import axes, shards
from qbp.sweeps import sweep as module
from qbp.sweeps.axes import plan
from qbp.sweeps.collect import collect
from qbp.sweeps.notebook import Ran
from qbp.sweeps.sweep import sweep


@pytest.fixture
def here(monkeypatch):
    """Which runs are computed, in this process and without a kernel."""
    found = Here()
    monkeypatch.setattr(module, "computed", found)
    return found


@pytest.fixture
def three(tmp_path):
    return plan(str(notebook(tmp_path / "tiny.ipynb")), ["n=2:4"])


def names(folder):
    return sorted(path.suffix for path in folder.iterdir() if not path.name.startswith("."))


def test_runs_are_computed_once_and_a_larger_grid_goes_on(here, three, tmp_path):
    lines = []
    swept = sweep(three, tmp_path / "out", say=lines.append)
    assert here.begun == ["n=2", "n=3", "n=4"] == [*map(str, swept.done)] and not swept.failed
    assert (
        lines[0] == "[1/3] about 0 s left: n=2  0.5 s"
        and names(tmp_path / "out") == [".ipynb"] * 3 + [".parquet"] * 3
    )
    more = plan(str(three.path), ["n=0:4"])
    swept = sweep(more, tmp_path / "out", say=lines.append)
    assert here.begun[3:] == ["n=0", "n=1"] and len(swept.before) == 3
    assert collect(tmp_path / "out").table["value"].tolist()[1::2] == [0.5, 2.5, 4.5, 6.5, 8.5]


def test_a_run_that_fails_is_named_the_others_go_on_and_it_is_tried_again(here, three, tmp_path):
    whole, lines = plan(str(three.path), ["n=7,3"]), []
    swept = sweep(whole, tmp_path / "out", say=lines.append)
    said = "cell 4, line 1: `1 / (n - 7)`: ZeroDivisionError: division by zero"
    assert swept.failed == {"n=7": said} and [str(run) for run in swept.done] == ["n=3"]
    assert lines[0].endswith(f"failed: n=7: {said}")
    assert len([*(tmp_path / "out").glob("*.failed.ipynb")]) == 1
    here.function = lambda source, *rest: ran(source, {"n": 3}, *rest[1:])
    assert [str(run) for run in sweep(whole, tmp_path / "out", say=lines.append).done] == ["n=7"]
    assert not [*(tmp_path / "out").glob("*.failed.ipynb")]


def test_work_that_raises_is_a_run_that_failed(here, three, tmp_path):
    here.function = lambda *arguments: ChildProcessError("its worker was killed\ntime and again")
    swept = sweep(three, tmp_path / "out", say=lambda line: None)
    assert swept.failed["n=2"] == "its worker was killed time and again" and len(swept.failed) == 3


def test_an_interrupt_keeps_what_is_done(here, three, tmp_path):
    def pressed(source, given, *rest):
        if given["n"] == 3:
            raise KeyboardInterrupt
        return ran(source, given, *rest)

    here.function = pressed
    with pytest.raises(KeyboardInterrupt):
        sweep(three, tmp_path / "out", say=lambda line: None)
    here.function = ran
    swept = sweep(three, tmp_path / "out", say=lambda line: None)
    assert [*map(str, swept.before)] == ["n=2"] and [*map(str, swept.done)] == ["n=3", "n=4"]


def test_work_of_other_code_is_not_mixed_in_unasked(here, three, tmp_path):
    sweep(three, tmp_path / "out", say=lambda line: None)
    newer = axes.Plan(three.path, three.source, "b" * 16, plan(str(three.path), ["n=4,5"]).runs)
    message = f"out has runs of other code .core {three.code}, now b{{16}}.: --fresh .* --allow-mixed"
    with pytest.raises(ValueError, match=message):
        sweep(newer, tmp_path / "out", say=lambda line: None)
    assert len(here.begun) == 3
    sweep(newer, tmp_path / "out", allow_mixed=True, say=lambda line: None)
    assert here.begun[3:] == ["n=5"] and collect(tmp_path / "out").table["core"].nunique() == 2
    sweep(newer, tmp_path / "out", fresh=True, say=lambda line: None)
    assert here.begun[4:] == ["n=4"]
    assert len(collect(tmp_path / "out").parameters) == 4  # none twice


def test_a_shard_or_a_notebook_that_is_broken_is_set_aside_and_computed_again(here, three, tmp_path):
    out, lines = tmp_path / "out", []
    sweep(three, out, say=lines.append)
    good = collect(out).table
    first, second = (shards.rows_path(out, run) for run in three.runs[:2])
    first.write_bytes(first.read_bytes()[:700])
    shards.notebook_path(second).write_text("{")
    lines.clear(), here.begun.clear()
    sweep(three, out, say=lines.append)
    assert here.begun == ["n=2", "n=3"] and collect(out).table.equals(good)
    assert (
        lines[0].startswith(f"{first} cannot be read as a table") and "computed again, and kept" in lines[0]
    )
    assert lines[1].startswith(f"{second} is not of the notebook") and len([*out.glob("*.bad")]) == 2


def test_a_write_that_was_killed_leaves_nothing(here, three, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".n=2.parquet.0123.new").write_text("half")
    sweep(three, tmp_path / "out", say=lambda line: None)
    assert not [path for path in (tmp_path / "out").iterdir() if path.suffix == ".new"]


@pytest.mark.parametrize("at", [".ipynb", ".parquet"])
def test_a_full_disk_is_one_line_that_names_the_folder_and_the_rest_survives(
    at, here, three, tmp_path, monkeypatch, capsys
):
    whole = _files.write

    def full(path, content):
        if path.name.startswith("n=3") and path.suffix == at:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        whole(path, content)

    monkeypatch.setattr(_files, "write", full)
    out = tmp_path / "out"
    said = Said("sweep", three.path, "-p", "n=2:4", "--out", out)
    last = said.err.splitlines()[-1]
    assert said.status == 2 and last.startswith(
        f"qbp sweep: error: {out} cannot be written (No space left on"
    )
    assert "n=3 is computed and lost; what was finished before is kept" in last
    monkeypatch.setattr(_files, "write", whole)
    here.begun.clear()
    assert Said("sweep", three.path, "-p", "n=2:4", "--out", out).status == 0
    assert here.begun == ["n=3", "n=4"] and len(collect(out).parameters) == 3


def test_a_folder_that_cannot_be_written_shows_before_anything_is_computed(here, three, tmp_path):
    (tmp_path / "file").write_text("mine")
    said = Said("sweep", three.path, "--out", tmp_path / "file" / "below")
    assert said.status == 2 and "--out must be a folder that can be written, got" in said.err
    assert here.begun == [] and (tmp_path / "file").read_text() == "mine"


HOLD = """
import sys, time
from pathlib import Path
from qbp import _files
with _files.locked(Path("out")):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_sweep_on_the_folder_is_refused_until_the_first_is_gone(here, three, tmp_path):
    (tmp_path / "hold.py").write_text(HOLD)
    other = start("hold.py", cwd=tmp_path, stdout=subprocess.PIPE)
    assert other.stdout.readline() == "held\n"
    said = Said("sweep", three.path, "--out", tmp_path / "out")
    assert said.status == 2 and said.err.count("\n") == 1 and here.begun == []
    assert f"another process writes to {tmp_path / 'out'}" in said.err
    other.kill()
    other.communicate()
    assert Said("sweep", three.path, "--out", tmp_path / "out").status == 0  # a lock ends with its process


def test_the_kernel_is_compiled_once_before_workers_run_a_notebook_that_uses_the_package(
    here, tmp_path, monkeypatch
):
    """And not by each of them at the same time, in the page of its first run."""
    begun = []
    monkeypatch.setattr(run, "compile_kernel", lambda: begun.append([*here.begun]))
    ours, theirs = notebook(tmp_path / "ours.ipynb", "n = 2", "import qbp"), notebook(tmp_path / "no.ipynb")
    for path in (theirs, ours):
        assert Said("sweep", path, "--out", tmp_path / path.stem).status == 0
    assert begun == [["defaults"]] and len(here.begun) == 2


def test_the_command_line(here, three, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = Said("sweep", "tiny.ipynb", "-p", "n=2,7")
    assert said.status == 1 and said.out == ""
    assert said.err.splitlines()[-1] == (
        "1 runs computed, 0 there before, 1 failed: qbp collect _build/sweeps/tiny"
    )
    assert Said("sweep", "tiny.ipynb", "-p", "n=2").status == 0 and here.begun == ["n=2", "n=7"]
    for words, message in {
        "--workers 0": "workers must be at least 1, got 0",
        "--scheduler 127.0.0.1:1": "scheduler must be an address such as tcp://HOST:8786, got '127.0.0.1:1'",
        "--resources GPU": "resources must be NAME=AMOUNT, such as GPU=1, got 'GPU'",
        "--resources GPU=-1": "resources must be NAME=AMOUNT",
        "--fresh --allow-mixed": "not allowed with argument",
    }.items():
        said = Said("sweep", "tiny.ipynb", *words.split())
        assert said.status == 2 and message in said.err and said.err.count("\n") == 1


def test_a_terminal_has_a_bar_with_counts(here, three, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(module.sys.stderr, "write", shown.append, raising=False)
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True, raising=False)
    sweep(three, tmp_path / "out")
    text = "".join(shown)
    assert "3/3" in text and "n=2" not in text and Ran("", (), 0.0).error == ""
