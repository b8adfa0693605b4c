"""Tables come back as they were written, or not at all; the committed ones are those of their manifest."""

import dataclasses
import json
import shlex
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import qbp
from qbp import _files
from qbp.cli.arguments import parser
from qbp.cli.commands import _configs
from qbp.experiments import registry
from qbp.results import store
from qbp.results.integrity import OTHER_KINDS
from qbp.results.store import core_digest, key, load, manifest, save, to_frame
from qbp.studies.tables import tables

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
    assert entry["configs"] == {key(r.config): store.command(r.config) for r in made.values()}
    assert entry["packages"].keys() >= {"torch", "numpy"} and entry["minutes"] >= 0
    before = (saved / "small.parquet").read_bytes()
    save("small", made.values(), directory=saved, **WRITTEN)  # no timestamp anywhere: the same bytes
    save("other", [made["sellier"]], directory=saved, **WRITTEN)
    assert (saved / "small.parquet").read_bytes() == before
    assert manifest(saved)["small"] == entry and list(manifest(saved)) == ["other", "small"]
    names = {"MANIFEST.json", "other.parquet", "small.parquet"}
    assert {p.name for p in saved.iterdir()} == names


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_write_that_fails_leaves_what_was_there(made, saved, broken, monkeypatch):
    def refused(*_):
        raise OSError("no space left on device")

    before = {p.name: p.read_bytes() for p in saved.iterdir()}
    monkeypatch.setattr(_files.os, broken, refused)
    with pytest.raises(OSError, match="no space left"):
        save("small", [made["sellier"]], directory=saved, **WRITTEN)
    assert {p.name: p.read_bytes() for p in saved.iterdir()} == before


WRITER = """
import sys, pandas as pd
from pathlib import Path
from qbp.results import store
for number in range(10):
    store.write_table(f"{sys.argv[2]}-{number}", pd.DataFrame({"x": [1.0]}), {}, Path(sys.argv[1]))
"""


def test_several_processes_list_every_table_they_write(saved):
    """Two at once, and this one: none takes another's entry away or trips over its temporary file."""
    words = [sys.executable, "-c", WRITER, str(saved)]
    running = [subprocess.Popen([*words, name], stderr=subprocess.PIPE, text=True) for name in "ab"]
    while any(process.poll() is None for process in running):
        store.write_table("own", store.read_table("small", saved).head(3), {}, saved)
    assert [process.communicate()[1] for process in running] == [""] * 2
    names = {f"{name}-{number}" for name in "ab" for number in range(10)} | {"own", "small"}
    assert manifest(saved).keys() == names == {path.stem for path in saved.glob("*.parquet")}
    assert {path.suffix for path in saved.iterdir()} == {".parquet", ".json"}


@pytest.mark.parametrize(
    "text, reason",
    {
        "{": "Expecting property name",
        "[]": "not an object",
        '{"small": ' + "[" * 100_000: "nested too deeply",
        '{"small": {}, "small": {}}': "the key 'small' stands twice",
    }.items(),
)
def test_a_manifest_that_cannot_be_read_shows_before_a_table_is_replaced(made, saved, text, reason):
    (saved / "MANIFEST.json").write_text(text)
    before = {p.name: p.read_bytes() for p in saved.iterdir()}
    with pytest.raises(ValueError, match=rf"{saved}/MANIFEST.json cannot be read: .*{reason}"):
        save("small", [made["sellier"]], directory=saved, **WRITTEN)
    assert {p.name: p.read_bytes() for p in saved.iterdir()} == before


def test_a_file_that_the_manifest_does_not_list_is_not_replaced(made, saved):
    (saved / "mine.parquet").write_text("mine")
    with pytest.raises(
        ValueError, match=r"mine.parquet is there, but .*MANIFEST.json does not list it: move"
    ):
        save("mine", [made["sellier"]], directory=saved, **WRITTEN)
    assert (saved / "mine.parquet").read_text() == "mine" and list(manifest(saved)) == ["small"]
    (saved / "MANIFEST.json").unlink()  # as after a kill between table and manifest
    save("small", made.values(), directory=saved, **WRITTEN)
    assert list(manifest(saved)) == ["small"]


def test_a_table_is_not_replaced_by_another_subcommands(made, saved):
    """As `qbp run curve --seeds 2 --save results` would the committed table of `qbp grid curve`."""
    before = {p.name: p.read_bytes() for p in saved.iterdir()}
    with pytest.raises(ValueError, match=r"small.parquet was made by `qbp run curve --steps 7`, and is not"):
        save("small", [made["sellier"]], directory=saved, command="qbp grid small", target="IV")
    assert {p.name: p.read_bytes() for p in saved.iterdir()} == before


def test_two_values_of_one_row_are_refused(made, saved):
    """Neither written nor, where something else has written them, read."""
    other = dataclasses.replace(
        made["sellier"], history={m: 0.9 * v for m, v in made["sellier"].history.items()}
    )
    with pytest.raises(ValueError, match=r"both has two values of one row: \w+ of seed 4 at step 0 of"):
        save("both", [made["sellier"], other], directory=saved, **WRITTEN)
    assert not (saved / "both.parquet").exists()
    frame = pd.read_parquet(saved / "small.parquet")
    pd.concat([frame, frame.iloc[[7]].assign(value=0.5)]).to_parquet(saved / "small.parquet")
    entry = manifest(saved)["small"]
    entry["sha256"] = store.hashlib.sha256((saved / "small.parquet").read_bytes()).hexdigest()
    (saved / "MANIFEST.json").write_text(json.dumps({"small": entry}))
    with pytest.raises(ValueError, match="small has two values of one row: "):
        load("small", saved)


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
    "n_layers": 2,
    "data": "as-released",
    "holdout": 0.5,
    "phi": 0.25,
    "algorithm": {"beta_0": 0.5},
}


def test_a_key_is_what_was_computed_not_where_nor_for_how_many_seeds():
    base = qbp.Experiment("curve", **OPTIONS)
    same = qbp.Experiment("curve", **{**OPTIONS, "device": "cuda", "seeds": 2, "seed": 9})
    assert key(same) == key(base) and len(key(base)) == 16
    names = {f.name for f in dataclasses.fields(qbp.Experiment)}
    assert CHANGED.keys() == names - {"device", "seeds", "seed"}
    owners = {"per_class": "mnist", "mnist": "mnist", "experiment": "telecom", "data": "telecom"}
    for name, value in CHANGED.items():
        options = {"experiment": owners.get(name, "curve"), **OPTIONS}
        if name in owners:
            del options["points"]  # an option of curve
        plain = {**options, "experiment": "curve"} if name == "experiment" else options
        assert key(qbp.Experiment(**{**options, name: value})) != key(qbp.Experiment(**plain)), name


def test_an_option_that_came_later_enters_a_key_only_where_it_is_chosen():
    """The keys of tables that are older than the option stay; its default said aloud is the same run."""
    base = qbp.Experiment("curve", **OPTIONS)
    assert (
        "moments" not in store.config_dict(base)["algorithm"]
        and "eta_c" in store.config_dict(base)["algorithm"]
    )
    said = qbp.Experiment("curve", **OPTIONS, algorithm={"moments": "carried", "counting": "within"})
    assert key(said) == key(base)
    chosen = [{"moments": "restarted"}, {"counting": "on-top"}, {"restart_step": 3}]
    keys = {key(qbp.Experiment("curve", **OPTIONS, algorithm=one)) for one in chosen}
    assert len(keys | {key(base)}) == 4
    one = qbp.Experiment("curve", **OPTIONS, algorithm=chosen[0])
    assert registry.configuration(store.config_dict(one), seeds=one.seeds).algorithm.moments == "restarted"
    assert "--moments restarted" in store.command(one)


def test_what_overflows_is_stored_as_the_last_finite_value():
    result = qbp.run(qbp.Experiment("curve", **OPTIONS))
    values = result.history["val_loss"]
    values[1, 1:] = np.inf, np.nan, *values[1, 3:]
    stored = to_frame(result).query("metric == 'val_loss'")["value"].to_numpy().reshape(values.shape)
    assert (stored[1, :3] == values[1, 0]).all() and (stored[1, 3:] == values[1, 3:]).all()
    assert (stored[[0, *range(2, len(values))]] == values[[0, *range(2, len(values))]]).all()


def test_a_command_runs_exactly_its_configuration():
    for options in (
        {},
        {"seeds": 3, "seed": 7, "steps": 40, "record_every": 5, "points": 9},
        {"reading": "as-released", "method": "sellier", "algorithm": {"box": 12.0}},
        {"method": "sellier", "algorithm": {"form": "closure", "kappa": 0.0}},
        {"method": "heavy-ball", "algorithm": {"friction": 0.1}},
        {"algorithm": {"optimizer": "gd", "tau_g": 0.5, "switching": "threshold"}, "phi": 0.0},
        {"experiment": "telecom", "data": "as-released", "holdout": 0.2, "n_layers": 3},
        {"experiment": "mnist", "mnist": "a folder"},
    ):
        config = qbp.Experiment(**{"experiment": "curve", **options})
        program, *words = shlex.split(store.command(config))
        assert program == "qbp" and _configs(parser().parse_args(words)) == [config]


def test_a_table_with_several_configurations_of_a_method_is_read_by_key(made, tmp_path):
    other = qbp.run(qbp.Experiment("curve", algorithm={"beta_0": 0.0}, seeds=2, **OPTIONS))
    both = {key(r.config): r for r in (made["two-stage"], other)}
    save("both", both.values(), directory=tmp_path, **WRITTEN)
    with pytest.raises(ValueError, match="both has several configurations per method: load_keys"):
        load("both", tmp_path)
    back = store.load_keys("both", directory=tmp_path)
    assert list(back) == list(both) and [r.config.seeds for r in back.values()] == [3, 2]
    one = store.load_keys("both", [key(other.config)], directory=tmp_path)
    assert list(one) == [key(other.config)]
    np.testing.assert_array_equal(one[key(other.config)].final("loss"), other.final("loss"))


def test_committed_tables_and_manifest_are_the_same_set():
    names = {path.stem for path in store.DIRECTORY.glob("*.parquet")}
    registered = {*tables(), *OTHER_KINDS}
    assert names == manifest().keys() <= registered
    missing = {name for name in registered - names if not name.startswith("remedies-")}
    assert missing <= {"census"}  # these take hours, and are computed piece by piece
    assert sum(path.stat().st_size for path in store.DIRECTORY.iterdir()) < 20e6


@pytest.mark.parametrize("name", [name for name, entry in manifest().items() if "configs" in entry])
def test_a_committed_table_is_what_its_manifest_says_and_its_command_makes(name):
    entry, found = manifest()[name], store.load_keys(name)  # this compares the bytes with the hash
    assert entry.keys() >= {"target", "command", "sha256", "rows", "seeds", "configs", "core", "packages"}
    assert len(entry["core"]) == 16 and set(entry["core"]) <= set("0123456789abcdef")
    table = tables()[name]
    assert entry["command"] == (table.command or f"qbp grid {name}")
    assert entry["target"] == table.target and list(found) == list(entry["configs"]) == list(table.configs)
    for one, config in table.configs.items():
        result = found[one]
        assert (
            entry["configs"][one] == store.command(config, store.verb_of(entry["command"]))
            and key(config) == one
        )
        assert key(result.config) == one and result.config.run_seeds == config.run_seeds
        assert result.step[0] == 0 and result.step[-1] == config.budget
        assert all(np.isfinite(values).all() for values in result.history.values())
        assert table.metrics is None or result.history.keys() <= set(table.metrics)
    assert entry["seeds"] == max(config.seeds for config in table.configs.values())
    rows = sum(len(r.history) * r.config.seeds * len(r.step) + r.config.seeds for r in found.values())
    assert rows == entry["rows"]
