"""Tables come back as they were written, or not at all; the committed ones are those of their manifest."""

import dataclasses
import json
import runpy
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import test_architecture as architecture

import qbp
from qbp import results
from qbp.cli import _configs, _parser
from qbp.results import core_digest, key, load, manifest, save, to_frame

OPTIONS = {"device": "cpu", "n_hidden": 5, "points": 6, "batch_size": 4, "steps": 7, "record_every": 3}
WRITTEN = {"command": "qbp run curve --steps 7", "target": "IV.B, Fig. 1a"}


@pytest.fixture(scope="module")
def made():
    """Two methods, of which the first diverged on its last seed."""
    found = qbp.compare("curve", ["two-stage", "sellier"], seeds=3, seed=4, **OPTIONS)
    marked = dataclasses.replace(found["two-stage"], diverged=np.array([False, False, True]))
    return {**found, "two-stage": marked}


@pytest.fixture
def saved(made, tmp_path):
    save("small", made.values(), directory=tmp_path, **WRITTEN)
    return tmp_path


def test_a_table_comes_back_as_it_was_written(made, saved):
    back = load("small", saved)
    assert list(back) == list(made)
    for method, result in back.items():
        whole = made[method]
        assert dataclasses.replace(result.config, device="cpu") == whole.config
        assert result.config.run_seeds == range(4, 7) and result.step.tolist() == [0, 3, 6, 7]
        assert result.history.keys() == whole.history.keys()
        for metric in whole.history:
            np.testing.assert_array_equal(result.history[metric], whole.history[metric], err_msg=metric)
            assert (result.final(metric) == whole.final(metric)).all()
        assert result.diverged.tolist() == whole.diverged.tolist()
        assert result.theta is None and result.minibatch_loss is None
    assert back["two-stage"].diverged.tolist() == [False, False, True]


def test_a_frame_has_one_row_per_recorded_value(made):
    result = made["sellier"]
    frame = to_frame(result)
    assert list(frame.columns) == ["key", "config", "core", "seed", "step", "metric", "value"]
    assert len(frame) == len(result.history) * 3 * 4 + 3  # and one row per run for `diverged`
    assert set(frame["key"]) == {key(result.config)} and set(frame["core"]) == {core_digest()}
    row = frame[(frame.metric == "val_loss") & (frame.seed == 5) & (frame.step == 6)]
    assert row["value"].item() == result.history["val_loss"][1, 2]


def test_the_manifest_says_what_made_a_table(made, saved):
    entry = manifest(saved)["small"]
    assert entry.items() >= WRITTEN.items() and entry["seeds"] == 3 and entry["core"] == core_digest()
    assert [c["method"] for c in entry["configs"]] == ["two-stage", "sellier"]
    assert entry["packages"].keys() >= {"torch", "numpy"} and entry["minutes"] >= 0
    before = (saved / "small.parquet").read_bytes()
    save("small", made.values(), directory=saved, **WRITTEN)  # no timestamp anywhere: the same bytes
    save("other", [made["sellier"]], directory=saved, **WRITTEN)
    assert (saved / "small.parquet").read_bytes() == before
    assert manifest(saved)["small"] == entry and list(manifest(saved)) == ["other", "small"]
    assert sorted(p.name for p in saved.iterdir()) == ["MANIFEST.json", "other.parquet", "small.parquet"]


@pytest.mark.parametrize("broken", ["write_bytes", "replace"])
def test_a_write_that_fails_leaves_what_was_there(made, saved, broken, monkeypatch):
    def half(path, content):
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError("no space left on device")

    def refused(*_):
        raise OSError("no space left on device")

    before = {p.name: p.read_bytes() for p in saved.iterdir()}
    monkeypatch.setattr(
        *((Path, "write_bytes", half) if broken == "write_bytes" else (results.os, "replace", refused))
    )
    with pytest.raises(OSError, match="no space left"):
        save("small", [made["sellier"]], directory=saved, **WRITTEN)
    assert {p.name: p.read_bytes() for p in saved.iterdir()} == before


def test_a_table_that_is_not_the_manifests_is_refused(saved):
    path, listed = saved / "small.parquet", saved / "MANIFEST.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    with pytest.raises(
        ValueError, match=r"small.parquet is not the table of the manifest: sha256 \w{12}, not"
    ):
        load("small", saved)
    path.write_bytes(whole)
    assert load("small", saved)
    entry = manifest(saved)["small"]
    entry["sha256"] = "0" * 64
    listed.write_text(json.dumps({"small": entry}))
    with pytest.raises(
        ValueError, match=r"small.parquet is not the table of the manifest: .*not 000000000000"
    ):
        load("small", saved)


def test_a_table_that_is_not_there_is_refused_by_name(saved, tmp_path):
    with pytest.raises(ValueError, match=r"name must be a table in .*, one of small; got 'iris'"):
        load("iris", saved)
    (saved / "small.parquet").unlink()
    with pytest.raises(ValueError, match="got 'small'"):
        load("small", saved)
    with pytest.raises(ValueError, match="one of none; got 'small'"):
        load("small", tmp_path / "nowhere")


CHANGED = {  # another value of every field that determines one seed's numbers
    "experiment": "telecom",
    "method": "no-init",
    "reading": "as-released",
    "steps": 8,
    "dtype": "float32",
    "record_every": 2,
    "n_hidden": 6,
    "batch_size": 5,
    "points": 7,
    "per_class": 3,
    "mnist": "folder",
    "data_seed": 1,
    "ridge": 0.5,
    "phi": 0.25,
    "algorithm": {"beta_0": 0.5},
}


def test_a_key_is_what_was_computed_not_where_nor_for_how_many_seeds():
    base = qbp.Experiment("curve", **OPTIONS)
    same = qbp.Experiment("curve", **{**OPTIONS, "device": "cuda", "seeds": 2, "seed": 9})
    assert key(same) == key(base) and len(key(base)) == 16
    names = {f.name for f in dataclasses.fields(qbp.Experiment)}
    assert CHANGED.keys() == names - {"device", "seeds", "seed"}
    owners = {"per_class": "mnist", "mnist": "mnist", "experiment": "telecom"}
    for name, value in CHANGED.items():
        options = {"experiment": owners.get(name, "curve"), **OPTIONS}
        if name in owners:
            del options["points"]  # an option of curve
        plain = {**options, "experiment": "curve"} if name == "experiment" else options
        assert key(qbp.Experiment(**{**options, name: value})) != key(qbp.Experiment(**plain)), name


def test_the_core_digest_follows_every_module_that_can_change_a_number(tmp_path):
    package = shutil.copytree(
        architecture.PACKAGE, tmp_path / "qbp", ignore=shutil.ignore_patterns("__pycache__")
    )
    digest = runpy.run_path(str(package / "results.py"))["core_digest"]
    first = digest()
    assert first == core_digest()
    for path in sorted(package.glob("*.py")):
        text = path.read_bytes()
        path.write_bytes(text + b"changed = 1\n")
        counts = architecture.FLOOR[path.stem] < 6 and path.stem not in ("statistics", "curves", "circuits")
        assert (digest() != first) == counts, path.name
        path.write_bytes(b'"""Said anew."""\n' + text.split(b'"""', 2)[2] + b"# and more\n")
        assert digest() == first, path.name
        path.write_bytes(text.replace(b"\n", b"\r\n"))  # as a checkout on Windows has it
        assert digest() == first, path.name
        path.write_bytes(text)


def test_committed_tables_and_manifest_are_the_same_set():
    names = {path.stem for path in results.DIRECTORY.glob("*.parquet")}
    assert names == manifest().keys() and names >= {"curve", "mnist"}
    assert sum(path.stat().st_size for path in results.DIRECTORY.iterdir()) < 10e6


@pytest.mark.parametrize("name", [name for name, entry in manifest().items() if "configs" in entry])
def test_a_committed_table_is_what_its_manifest_says_and_its_command_makes(name):
    entry, found = manifest()[name], load(name)  # load compares the bytes with the hash
    assert entry.keys() >= {"target", "command", "sha256", "rows", "seeds", "configs", "core", "packages"}
    assert len(entry["core"]) == 16 and set(entry["core"]) <= set("0123456789abcdef")
    program, *words = shlex.split(entry["command"])
    configs = _configs(_parser().parse_args(words))
    assert program == "qbp" and [key(c) for c in configs] == [key(r.config) for r in found.values()]
    assert json.loads(json.dumps([results.config_dict(c) for c in configs])) == entry["configs"]
    for config, result in zip(configs, found.values(), strict=True):
        assert result.config.run_seeds == config.run_seeds and len(config.run_seeds) == entry["seeds"]
        assert result.step[0] == 0 and result.step[-1] == config.steps
        assert all(np.isfinite(values).all() for values in result.history.values())
    rows = sum(len(r.history) * r.config.seeds * len(r.step) + r.config.seeds for r in found.values())
    assert rows == entry["rows"]
