"""A grid goes on where it stopped, keeps what is done, mixes no code unasked, and stores what a run gives."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import tempfile
import time

import numpy as np
import pandas as pd
import pytest
from programs import start
from said import Said

import qbp
from qbp import _files
from qbp.results import grid, store
from qbp.results.grid import Parts, compute, run_grid
from qbp.results.table import Table, at_profile, listing, seconds

OPTIONS = {"n_hidden": 4, "steps": 6, "record_every": 3, "seeds": 2, "device": "cpu"}


def configs(*betas):
    return [qbp.Experiment("curve", algorithm={"beta_0": beta}, **OPTIONS) for beta in betas]


def table(*betas, metrics=None):
    return Table("IV", {store.key(c): c for c in configs(*betas)}, metrics)


@pytest.fixture
def parts(tmp_path):
    return Parts(tmp_path / "parts", core="a" * 16)


@pytest.fixture
def ran(monkeypatch):
    """Which configurations are run, by beta."""
    seen, whole = [], qbp.run

    def watched(config):
        seen.append(config.algorithm.beta_0)
        return whole(config)

    monkeypatch.setattr(grid, "run", watched)
    return seen


def test_a_table_is_what_direct_runs_give(parts, tmp_path):
    asked = {"one": table(0.1, 0.2), "few": table(0.2, 0.3, metrics=("val_loss",))}
    assert run_grid(asked, parts, jobs=1, options="--seeds 2", directory=tmp_path) == {}
    assert len(list(parts.folder.glob("*/*.parquet"))) == 3  # 0.2 is in both tables and computed once
    for name, chosen in asked.items():
        entry, back = store.manifest(tmp_path)[name], store.load_keys(name, directory=tmp_path)
        assert entry["command"] == f"qbp grid {name} --seeds 2" and entry["core"] == "a" * 16
        assert list(back) == list(entry["configs"]) == list(chosen.configs)
        for key, config in chosen.configs.items():
            direct = qbp.run(config)
            assert entry["configs"][key] == store.command(config)
            shown = direct.history if chosen.metrics is None else chosen.metrics
            assert back[key].history.keys() == set(shown)
            for metric in shown:
                np.testing.assert_array_equal(back[key].history[metric], direct.history[metric])
            assert not back[key].diverged.any() and back[key].config.run_seeds == config.run_seeds


def test_an_interrupted_grid_keeps_what_is_done_and_goes_on_there(parts, ran, monkeypatch):
    whole, done = grid.run, []

    def pressed(config):
        if len(ran) == 2:
            raise KeyboardInterrupt
        return whole(config)

    monkeypatch.setattr(grid, "run", pressed)
    with pytest.raises(KeyboardInterrupt):
        compute(configs(0.1, 0.2, 0.3), parts, done=done.append)
    assert ran == [0.1, 0.2] and done == configs(0.1, 0.2)
    monkeypatch.setattr(grid, "run", whole)
    assert compute(configs(0.1, 0.2, 0.3), parts, done=done.append) == {}
    assert ran == [0.1, 0.2, 0.3] and done == configs(0.1, 0.2, 0.3)
    assert not [p for p in parts.folder.rglob("*") if p.is_file() and p.suffix != ".parquet"]
    more = at_profile({"t": table(0.1)}, "paper", seeds=3)["t"].configs.values()
    compute(more, parts)
    assert ran[-1] == 0.1 and len(ran) == 4  # other seeds are other work


def test_work_of_other_code_is_not_mixed_in_unasked(parts, ran, tmp_path):
    compute(configs(0.1, 0.2), parts)
    newer = Parts(parts.folder, core="b" * 16)
    message = (
        "has configurations from other code .core a{16}, now b{16}.: --fresh computes them again, --allow"
    )
    with pytest.raises(ValueError, match=message):
        run_grid({"t": table(0.1, 0.3)}, newer, jobs=1, options="", directory=tmp_path)
    assert ran == [0.1, 0.2] and not (tmp_path / "t.parquet").exists()
    compute(configs(0.4), newer)  # nothing of it was done by other code
    mixed = Parts(parts.folder, core="b" * 16, allow_mixed=True)
    run_grid({"t": table(0.1, 0.3)}, mixed, jobs=1, options="", directory=tmp_path)
    assert ran == [0.1, 0.2, 0.4, 0.3]
    assert store.manifest(tmp_path)["t"]["core"] == "a" * 16 + "+" + "b" * 16
    fresh = Parts(parts.folder, core="b" * 16, fresh=True)
    run_grid({"t": table(0.1, 0.3)}, fresh, jobs=1, options="", directory=tmp_path)
    assert ran[-1] == 0.1 and store.manifest(tmp_path)["t"]["core"] == "b" * 16


def test_one_that_fails_does_not_stop_the_others(parts, monkeypatch, tmp_path):
    whole = qbp.run

    def fragile(config):
        if config.algorithm.beta_0 == 0.2:
            raise RuntimeError("out of memory")
        return whole(config)

    monkeypatch.setattr(grid, "run", fragile)
    failed = run_grid({"t": table(0.1, 0.2), "u": table(0.3)}, parts, jobs=1, options="", directory=tmp_path)
    assert [str(error) for error in failed.values()] == ["out of memory"]
    assert list(failed) == [store.command(configs(0.2)[0])]
    assert [p.name for p in tmp_path.glob("*.parquet")] == ["u.parquet"]


def test_processes_give_what_one_gives(parts, tmp_path):
    compute(configs(0.1, 0.2, 0.3), parts, jobs=2)
    alone = Parts(tmp_path / "alone", core="a" * 16)
    compute(configs(0.1, 0.2, 0.3), alone)
    for config in configs(0.1, 0.2, 0.3):
        a, b = (grid._read(p.path(config), None) for p in (parts, alone))
        assert a.equals(b) and a.attrs["command"] == b.attrs["command"]


def test_a_grid_is_computed_by_whoever_it_is_given_to(parts, tmp_path):
    """As the workers of a scheduler: what they return is written here; an error may stand in its place."""

    @contextlib.contextmanager
    def elsewhere(function, work):
        (lost, _), *rest = work
        yield ((c, ChildProcessError("killed") if c is lost else function(*a)) for c, a in [*work[:1], *rest])

    failed = compute(configs(0.1, 0.2), parts, computed=elsewhere)
    assert {command: str(error) for command, error in failed.items()} == {
        store.command(configs(0.1)[0]): "killed"
    }
    compute(configs(0.2), alone := Parts(tmp_path / "alone", core="a" * 16))
    assert not parts.find(configs(0.1)[0])
    a, b = (grid._read(p.path(configs(0.2)[0]), None) for p in (parts, alone))
    assert a.equals(b) and a.attrs["command"] == b.attrs["command"]


def test_ctrl_c_ends_every_process_at_once_with_130(tmp_path):
    """The real program, in a process group of its own as a terminal has it."""
    words = ["grid", "ablations-curve", "--profile", "quick", "--parts", "parts", "--save", "out"]
    program = start("-m", "qbp", *words, cwd=tmp_path, stderr=subprocess.PIPE)
    while not (done := list((tmp_path / "parts").glob("*/*.parquet"))):
        assert program.poll() is None, program.stderr.read()
        time.sleep(0.1)
    os.killpg(program.pid, signal.SIGINT)
    error = program.communicate(timeout=60)[1]
    assert program.returncode == 130 and error.splitlines()[-1] == "qbp grid: interrupted"
    assert all(path.is_file() for path in done)
    until = time.monotonic() + 10
    with pytest.raises(ProcessLookupError):  # soon nobody is left of the group
        while time.monotonic() < until:
            os.killpg(program.pid, 0)
            time.sleep(0.05)


def _changed(**columns):
    def change(path):
        frame = pd.read_parquet(path)
        attrs, frame = frame.attrs, frame.assign(**columns)
        frame.attrs = attrs
        frame.to_parquet(path)

    return change


def _without(path, *, attributes=False, renamed=False):
    frame = pd.read_parquet(path)
    frame.attrs = {} if attributes else frame.attrs
    frame = frame.rename(columns={"value": "number"} if renamed else {})
    frame.iloc[: None if attributes or renamed else -1].to_parquet(path)


BAD = {  # what was done to a part: how, what is said of it
    "truncated": (lambda p: p.write_bytes(p.read_bytes()[:999]), "cannot be read as a table"),
    "empty": (lambda p: p.write_bytes(b""), "cannot be read as a table"),
    "of another configuration": (lambda p: shutil.copy(p.parent / "other", p), "lacks its command"),
    "of another key": (_changed(key="0" * 16), "of another configuration"),
    "not a number": (_changed(value=lambda f: f["value"].where(f.index != 3)), "is not finite"),
    "of other seeds": (_changed(seed=lambda f: f["seed"] + 1), "has other seeds than 0 to 1"),
    "another configuration under this key": (
        _changed(config=lambda f: f["config"].str.replace("0.001", "0.002")), "its key would be"),
    "a renamed column": (lambda p: _without(p, renamed=True), "columns are"),
    "without attributes": (lambda p: _without(p, attributes=True), "lacks its command or seconds"),
    "a row is missing": (_without, "is not there"),
    "a row twice": (
        _changed(step=lambda f: f["step"].where(f.index != 1, 0)), "stands twice"),
    "integers": (_changed(value=1), "column value is int64"),
}  # fmt: skip


@pytest.mark.parametrize("fresh", [False, True])
def test_a_part_that_is_not_its_configurations_is_set_aside_and_computed_again(fresh, parts, ran, capsys):
    parts = Parts(parts.folder, core="a" * 16, fresh=fresh)
    compute(configs(0.1, 0.2), parts)
    (one, other) = (parts.path(c) for c in configs(0.1, 0.2))
    good = grid._read(one, None)
    shutil.copy(other, one.parent / "other")
    for what, (spoil, said) in BAD.items():
        spoil(one)
        ran.clear(), capsys.readouterr()
        assert compute(configs(0.1, 0.2), parts) == {} and ran == [0.1], what
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{one} ") and said in line and "computed again, and kept as" in line, line
        assert grid._read(one, None).equals(good)
    assert len(list(one.parent.glob(f"{one.name}.*.bad"))) == len(BAD)


@pytest.mark.parametrize("folder", ["parts", "save"])
def test_a_folder_that_cannot_be_written_shows_before_anything_is_computed(folder, ran, tmp_path):
    (tmp_path / "file").write_text("mine")
    asked = {"parts": tmp_path / "parts", "save": tmp_path / "save", folder: tmp_path / "file" / "below"}
    with pytest.raises(ValueError, match=f"--{folder} must be a folder that can be written, got .*e/below"):
        run_grid({"t": table(0.1)}, Parts(asked["parts"]), jobs=1, options="", directory=asked["save"])
    assert ran == [] and (tmp_path / "file").read_text() == "mine"


def test_a_broken_manifest_shows_before_anything_is_computed(parts, ran, tmp_path):
    (tmp_path / "MANIFEST.json").write_text("{")
    with pytest.raises(ValueError, match=r"MANIFEST.json cannot be read"):
        run_grid({"t": table(0.1)}, parts, jobs=1, options="", directory=tmp_path)
    assert ran == []


def test_what_is_computed_when_the_disk_is_full_is_kept_elsewhere(parts, ran, tmp_path, monkeypatch):
    whole = _files.write

    def full(path, content):
        if parts.folder in path.parents:
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(path, content)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(_files, "write", full)
    with pytest.raises(ValueError, match=r"No space left .* --beta-0 0.1 is computed and kept: move") as said:
        compute(configs(0.1, 0.2), parts)
    assert ran == [0.1]
    monkeypatch.setattr(_files, "write", whole)
    (spare,) = (word for word in str(said.value).split() if word.endswith(".parquet"))
    shutil.move(spare, str(said.value).split(" cannot be written")[0])
    compute(configs(0.1, 0.2), parts)
    assert ran == [0.1, 0.2]


WAITING = """
import time
from qbp.results.workers import computed
if __name__ == "__main__":
    with computed(time.sleep, [(n, (n,)) for n in (0, 60, 60)], 2) as done:
        print(next(done), flush=True)
        next(done)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_a_parent_that_is_killed(how, tmp_path):
    (tmp_path / "waiting.py").write_text(WAITING)
    program = start("waiting.py", cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert program.stdout.readline() == "(0, None)\n"
    os.kill(program.pid, how)
    said, _ = program.communicate(timeout=60)  # nobody holds the pipe any more
    assert "Traceback" not in said  # Python's resource tracker says what it cleans up
    assert program.returncode == -how


def test_the_quick_profile_is_the_same_grid_made_small():
    quick = at_profile({"t": table(0.1, 0.2)}, "quick")["t"]
    assert [(c.seeds, c.steps, c.algorithm.beta_0) for c in quick.configs.values()] == [
        (2, 20, b) for b in (0.1, 0.2)
    ]
    assert list(quick.configs) == [store.key(c) for c in quick.configs.values()]
    with pytest.raises(ValueError, match="profile must be one of paper, quick, got 'slow'"):
        at_profile({}, "slow")


def test_the_estimate_grows_with_the_work():
    base = qbp.Experiment("mnist")
    for changed in ({"seeds": 40}, {"steps": 900}, {"n_hidden": 300}, {"n_layers": 3}, {"record_every": 2}):
        assert seconds(qbp.Experiment("mnist", **changed)) > seconds(base) > 10
    text = listing({"t": table(0.1, 0.2)}, jobs=2)
    assert [line.split()[:3] for line in text.splitlines()[:2]] == [
        ["table", "configs", "runs"],
        ["t", "2", "4"],
    ]


def test_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qbp.studies.tables.gridded", lambda: {"t": table(0.1), "u": table(0.2)})
    said = Said("grid", "--list")
    assert said.status == 0 and "t  " in said.out and not list(tmp_path.iterdir())
    said = Said("grid", "curve")
    assert (said.status, said.out) == (2, "") and "TABLE must be one of t, u, got 'curve'" in said.err
    assert Said("grid", "--jobs", "0").status == 2
    said = Said("grid", "t", "--jobs", "1", "--profile", "quick")
    assert said.status == 0 and said.out == "", said.err
    lines = said.err.splitlines()
    assert lines[0].startswith("[1/1] about 0 min left: curve --methods two-stage") and len(lines) == 2
    assert store.manifest(tmp_path / "_build/quick")["t"]["command"] == "qbp grid t --profile quick"
    again = Said("grid", "t", "--jobs", "1", "--profile", "quick")
    assert again.err.startswith("wrote ") and again.err.count("\n") == 1
