"""Tampering is found: what is stored is checked whole, numbers are computed again, pages print the tables."""

import json
import re
import shlex
from dataclasses import replace

import nbformat
import numpy as np
import pandas as pd
import pytest
from said import Said

import qbp
from qbp.audit import claims
from qbp.book import check_pages, readme
from qbp.book.tables.claims import we_measure
from qbp.experiments import registry
from qbp.experiments.terrain import circuits as circuit_terrain
from qbp.experiments.terrain import perceptrons as terrain
from qbp.results import integrity, rerun, store
from qbp.results.rerun import Rerun, recompute, sample, spread
from qbp.results.verify import verify

OPTIONS = {"n_hidden": 4, "points": 4, "batch_size": 2, "steps": 7, "record_every": 3, "seeds": 3, "seed": 5}
WRITTEN = {"command": "qbp grid small", "target": "IV.B"}
ALL = 10_000  # more rows than there are: each is drawn


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with two tables of runs and one of timings, as it should be."""
    folder = tmp_path_factory.mktemp("whole")
    made = qbp.compare("curve", ["two-stage", "two-stage-ridge", "sellier"], **OPTIONS)
    store.save("small", made.values(), directory=folder, **WRITTEN)
    single = qbp.compare("curve", ["no-init"], dtype="float32", **OPTIONS)
    store.save("single", single.values(), directory=folder, **WRITTEN)
    pd.DataFrame({"peer": ["qbp", "another"], "seconds": [0.1, np.nan]}).to_parquet(
        folder / "benchmarks.parquet"
    )
    listed = store.manifest(folder)
    listed["benchmarks"] = {k: v for k, v in listed["small"].items() if k not in ("seeds", "configs")}
    (folder / "MANIFEST.json").write_text(json.dumps(listed))
    _fix(folder, "benchmarks")
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    for path in whole.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def _fix(folder, name="small"):
    """Make the manifest agree with the bytes and rows of a table, as one who tampers with both would."""
    raw = (folder / f"{name}.parquet").read_bytes()
    _list(folder, name, sha256=store.hashlib.sha256(raw).hexdigest(), rows=len(_table(folder, name)))


def _list(folder, name="small", **changes):
    listed = store.manifest(folder)
    listed[name] |= changes
    (folder / "MANIFEST.json").write_text(json.dumps(listed))


def _table(folder, name="small"):
    return pd.read_parquet(folder / f"{name}.parquet")


def _store(folder, frame, name="small", fix=True):
    frame.to_parquet(folder / f"{name}.parquet", index=False)
    if fix:
        _fix(folder, name)


def _changed(folder, column, row, value, **options):
    frame = _table(folder)
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    kind = integrity.COLUMNS[column]
    _store(folder, frame.astype({column: "category" if kind == "text" else kind}), **options)


def _value(folder, fix=True, factor=1.001, row=40):
    _changed(folder, "value", row, _table(folder).loc[row, "value"] * factor, fix=fix)


def _configs(folder, change):
    configs = store.manifest(folder)["small"]["configs"]
    key = next(iter(configs))
    change(configs, key)
    _list(folder, configs=configs)


def _other_config(folder):
    frame = _table(folder)
    config = json.loads(frame["config"][0])
    other = json.dumps(config | {"ridge": 0.5}, sort_keys=True)
    frame["config"] = frame["config"].cat.rename_categories({frame["config"][0]: other})
    _store(folder, frame)


def _without(folder, where):
    frame = _table(folder)
    _store(folder, frame[~where(frame)])


TAMPERED = {  # what was done: how, the check that finds it, what it says
    "a value": (lambda f: _value(f, fix=False), "sha256", "not the bytes of the manifest"),
    "a value and the hash": (_value, "value", "osc of seed 6 at step 0 .* 1 of .* rows of this run differ"),
    "a value by one part in a million": (lambda f: _value(f, factor=1 + 3e-6), "value", "1 of .* differ"),
    "number of rows": (lambda f: _list(f, rows=3), "manifest", "rows is 3, and the table has"),
    "number of seeds": (lambda f: _list(f, seeds=20), "manifest", "seeds is 20, and the table has 3"),
    "a field is missing": (lambda f: _list(f, machine=None), "manifest", "machine is None"),
    "a command": (
        lambda f: _configs(f, lambda c, key: c.update({key: c[key] + " --ridge 0.5"})),
        "config",
        "the manifest's command is not that of the rows",
    ),
    "a configuration more": (
        lambda f: _configs(f, lambda c, key: c.update({"0" * 16: c[key]})),
        "config",
        "lists 0000000000000000, of which there is no row",
    ),
    "digest in the manifest": (lambda f: _list(f, core="0" * 16), "core", "the rows are of another"),
    "a configuration": (_other_config, "config", "its key would be"),
    "a row twice": (
        lambda f: _store(f, pd.concat([_table(f), _table(f).iloc[[7]]])),
        "schema",
        "loss of seed 6 at step 7 .* stands twice",
    ),
    "two values of a row": (
        lambda f: _store(f, pd.concat([_table(f), _table(f).iloc[[7]].assign(value=0.5)])),
        "schema",
        "loss of seed 6 at step 7 .* stands twice, one of 2",
    ),
    "a seed is missing": (lambda f: _without(f, lambda t: t["seed"] == 6), "seeds", r"lacks \[6\]"),
    "the last seed is missing": (
        lambda f: _without(f, lambda t: t["seed"] == 7),
        "config",
        "the manifest's command is not that of the rows",
    ),
    "a record is missing": (
        lambda f: _without(f, lambda t: t.index == 5),
        "seeds",
        "loss of seed 6 at step 3 .* is not there, one of 1",
    ),
    "not a number": (lambda f: _changed(f, "value", 9, np.nan), "schema", "is not finite"),
    "no table": (lambda f: (f / "small.parquet").unlink(), "file", "lists it, but it is not there"),
    "half a table": (
        lambda f: (f / "small.parquet").write_bytes((f / "small.parquet").read_bytes()[:999]),
        "file",
        "cannot be read as a table",
    ),
    "a column": (lambda f: _store(f, _table(f).astype({"seed": float})), "schema", "seed is float64"),
    "a metric": (
        lambda f: _changed(f, "metric", slice(None), "bliss"),
        "value",
        "bliss of seed .* rows of this run differ",
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_tampering_is_found_and_named(what, folder):
    tamper, check, message = TAMPERED[what]
    tamper(folder)
    found = verify(folder, rows=ALL).mismatches
    assert {m.table for m in found} == {"small"}
    said = {m.check: str(m) for m in reversed(found) if m.check == check}
    assert check in said, found
    with pytest.raises(ValueError, match=message):
        raise ValueError(said[check])
    assert verify(folder, rows=ALL, tables=["single"]).mismatches == []


def test_what_is_as_it_should_be_is_verified(folder):
    report = verify(folder, rows=ALL)
    assert report.mismatches == [] and report.older == {} and report.worst < 0.1 and report.loose == 0
    assert list(report.tables) == ["benchmarks", "single", "small"]
    runs = report.tables["single"] + report.tables["small"]
    assert report.compared == runs and report.sampled == report.runs == 12
    assert {chance for of in report.chances.values() for chance in of.values()} == {1.0}


def test_files_that_the_manifest_does_not_list_and_timings_are_checked_too(folder):
    (folder / "more.parquet").write_bytes((folder / "small.parquet").read_bytes())
    (found,) = verify(folder, rows=0).mismatches
    assert (found.table, found.check) == ("more", "manifest") and "does not list it" in str(found)
    (folder / "more.parquet").unlink()
    _store(folder, _table(folder, "benchmarks").assign(seconds=0.01), "benchmarks", fix=False)
    (found,) = verify(folder, rows=0).mismatches
    assert (found.table, found.check) == ("benchmarks", "sha256")
    (folder / "MANIFEST.json").write_text("{")
    found = verify(folder, rows=0).mismatches
    assert found[0].table == "MANIFEST.json" and "cannot be read" in str(found[0]) and len(found) == 4


def test_a_table_made_by_other_code_is_named_and_let_pass_on_demand(folder):
    _changed(folder, "core", slice(None), "1" * 16)
    _list(folder, core="1" * 16)
    report = verify(folder, rows=0)
    assert report.older == {"small": "1" * 16} == verify(folder, rows=0, allow_older=True).older
    (found,) = report.mismatches
    assert (found.table, found.check, found.command) == ("small", "core", "qbp grid small")
    assert verify(folder, rows=ALL, allow_older=True).mismatches == []


def test_a_mismatch_names_the_row_both_values_and_a_command_that_gives_the_second(folder):
    row = _table(folder).loc[40]
    _value(folder)
    (found,) = verify(folder, rows=ALL).mismatches
    assert found.row == {k: row[k] for k in ("key", "seed", "step", "metric")}
    assert found.stored == row["value"] * 1.001 and found.recomputed == pytest.approx(row["value"])
    program, *words = shlex.split(found.command)
    assert program == "qbp" and words[0] == "run"
    history = json.loads(Said(*words).out)
    at = history["step"].index(row["step"])
    (method,) = history["methods"].values()
    assert method["history"][row["metric"]][at] == pytest.approx(found.recomputed, rel=1e-12)
    assert str(found.stored) in str(found) and found.command in str(found)


# ------------------------------------------------------------------------------------ rows beside other rows


def _forged(folder, change, name="small"):
    """Change the values of rows as one who knows how: whole runs, with the manifest."""
    frame = _table(folder, name)
    frame["value"] = change(frame)
    _store(folder, frame, name)


def _of(frame, method):
    return frame["config"].astype(str).str.contains(f'"method": "{method}"')


@pytest.fixture(scope="module")
def starts(tmp_path_factory):
    """Runs of circuits, as the tables `starts` and `vqe` have them: two circuits, each with two budgets."""
    folder = tmp_path_factory.mktemp("starts")
    options = {"qubits": 2, "layers": 1, "seeds": 3, "record_every": 1}
    for name, layers, steps in (("one", 1, 0), ("two", 1, 2), ("three", 2, 0), ("four", 2, 3)):
        options |= {"layers": layers, "steps": steps}
        found = qbp.compare("vqe", ["two-stage", "no-init"], **options)
        store.save(name, found.values(), directory=folder, **WRITTEN)
    return folder


def _swapped(frame):
    """Values of the first configuration under the second, and the other way around."""
    one, two = frame["key"].unique()
    value = frame["value"].copy()
    value[frame["key"] == one] = frame["value"][frame["key"] == two].to_numpy()
    value[frame["key"] == two] = frame["value"][frame["key"] == one].to_numpy()
    return value


def test_a_configuration_scaled_in_all_seeds_disagrees_with_runs_from_the_same_start(folder):
    _forged(folder, lambda t: t["value"] * np.where(_of(t, "sellier"), 0.9, 1.0))
    found = verify(folder, rows=0).mismatches
    assert {(m.table, m.check) for m in found} == {("small", "consistency")}
    assert re.search("of seed 5 at step 0 of .* disagrees with the same start in small", str(found[0]))
    ratios = sorted(m.stored / m.recomputed for m in found)
    assert ratios == pytest.approx([0.9 / 0.95, 1 / 0.95])  # of both to the median of both


def test_rows_of_circuits_that_are_scaled_or_swapped_disagree(starts, tmp_path):
    for path in starts.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert verify(tmp_path, rows=0).mismatches == []
    forged = {
        "scaled": lambda t: t["value"] * np.where(t["metric"] == "diverged", 1.0, 0.9),
        "shifted": lambda t: t["value"] + np.where(t["metric"] == "energy", 0.1, 0.0),
    }
    for change in forged.values():
        _forged(tmp_path, change, "one")
        found = verify(tmp_path, rows=0).mismatches
        assert {m.check for m in found} == {"consistency"} and "one" in {m.table for m in found}
        (tmp_path / "one.parquet").write_bytes((starts / "one.parquet").read_bytes())
        _fix(tmp_path, "one")
    both = pd.concat([_table(tmp_path, "one"), _table(tmp_path, "three")], ignore_index=True)
    both = both[_of(both, "no-init")].reset_index(drop=True)
    both["value"] = _swapped(both)
    key = both["key"].iloc[0]
    kept = [_table(tmp_path, n) for n in ("one", "three")]
    for name, frame, first in zip(("one", "three"), kept, (True, False), strict=True):
        part = both[(both["key"] == key) == first]
        _store(tmp_path, pd.concat([frame[~_of(frame, "no-init")], part]), name)
    found = verify(tmp_path, rows=0).mismatches
    assert {(m.table, m.check) for m in found} >= {("one", "consistency"), ("three", "consistency")}


def test_one_run_with_other_records_is_the_same_run(folder):
    again = qbp.compare("curve", ["two-stage"], **{**OPTIONS, "record_every": 1})
    store.save("steps", again.values(), directory=folder, **WRITTEN)
    assert verify(folder, rows=0).mismatches == []
    _forged(folder, lambda t: t["value"].where((t["seed"] != 6) | (t["step"] < 6), t["value"] * 0.9), "steps")
    found = verify(folder, rows=0).mismatches
    assert {(m.table, m.check) for m in found} == {("small", "consistency"), ("steps", "consistency")}
    assert "seed 6 at step 6 of" in str(found[0]) and "the same run in" in str(found[0])


def _flagged(folder, change, *, still=()):
    """Mark runs as diverged, or not; `still` stand still at a value that only a diverged run has."""
    frame = _table(folder)
    ends = frame["seed"].isin(still) & (frame["step"] >= 6) & (frame["metric"] != "diverged")
    frame.loc[ends, "value"] = 1e200
    frame.loc[frame["metric"] == "diverged", "value"] = change(frame[frame["metric"] == "diverged"])
    _store(folder, frame)


FLAGS = {
    "and its metrics still move at the end": (lambda marks: (marks["seed"] == 6) * 1.0, ()),
    "and its metrics stand still at 1e.200": (lambda marks: marks["seed"] * 0.0, (6,)),
    "is 0.5, neither 0 nor 1": (lambda marks: (marks["seed"] == 6) * 0.5, ()),
}


@pytest.mark.parametrize("said", FLAGS)
def test_a_mark_of_divergence_is_what_the_records_say(said, folder):
    change, still = FLAGS[said]
    _flagged(folder, change, still=still)
    found = [str(m) for m in verify(folder, rows=0).mismatches]
    assert found and all(re.search(f"diverged of seed 6 at step 7 .*{said}", m) for m in found), found
    _flagged(folder, lambda marks: (marks["seed"] == 6) * 1.0, still=(6,))
    assert verify(folder, rows=0).mismatches == []


def test_a_run_that_diverges_agrees_with_its_mark(tmp_path):
    options = {**OPTIONS, "steps": 40, "algorithm": {"eta_n": 1e150, "optimizer": "gd"}}
    found = qbp.compare("curve", ["no-init"], **options)
    assert found["no-init"].diverged.all()
    store.save("small", found.values(), directory=tmp_path, **WRITTEN)
    assert verify(tmp_path, rows=0).mismatches == []


# --------------------------------------------------------------------------------------- a stranger's table


def test_a_huge_seed_takes_no_memory(folder):
    frame = _table(folder)
    frame.loc[40, "seed"] = 2**62
    _store(folder, frame)
    found = verify(folder, rows=ALL).mismatches
    assert any(re.search(r"lacks \[\d+(, \d+){4}\] and others, 461168\d+", str(m)) for m in found), found


def test_a_configuration_that_asks_for_more_than_there_is_or_than_can_end_is_not_run(folder):
    whole, many = _table(folder, "single"), 10**12
    for change, said in {"steps": f"records of {many} steps", "n_hidden": "would take about"}.items():
        frame = whole.copy()
        config = json.loads(frame["config"][0]) | {change: many}
        config["algorithm"] |= {"steps": config["steps"]}
        text = json.dumps(config, sort_keys=True)
        frame["config"], frame["key"] = text, store.key_of(config)
        _store(folder, frame, "single")
        found = [str(m) for m in verify(folder, rows=ALL, tables=["single"]).mismatches]
        assert any(said in m for m in found), found


def test_control_characters_and_deep_or_nested_data_are_named_and_hide_nothing(folder):
    bad, red = "\x1b[31m\u202e", r"\x1b[31m\u202e"
    frame = _table(folder)
    deep = "[" * 100_000 + "]" * 100_000
    frame["metric"] = frame["metric"].astype(str).replace("loss", f"loss{bad}")
    frame["config"] = frame["config"].astype(str)
    keys = frame["key"].unique()
    frame.loc[frame["key"] == keys[0], "config"] = deep[:9_000] + deep[-9_000:]
    frame.loc[frame["key"] == keys[1], "config"] = json.dumps({"experiment": {bad: []}})
    _store(folder, frame)
    (folder / f"{bad}.parquet").write_bytes(b"")
    nested = _table(folder, "single").astype({"core": object})
    nested["core"] = [[1]] * len(nested)
    plain = _table(folder, "single")
    _store(folder, nested, "single")
    report = verify(folder, rows=ALL)
    text = str(report)
    assert all(line.isprintable() for line in text.splitlines()) and red in text
    checks = {(m.table, m.check) for m in report.mismatches}
    assert {("small", "config"), ("small", "value"), ("single", "file"), (bad, "file")} <= checks
    said = "\n".join(str(m) for m in report.mismatches)
    for part in ("nested too deeply", "a column holds lists", "its key would be"):
        assert part in said, part
    _store(folder, plain.assign(seed=1.5), "single")
    found = verify(folder, rows=ALL, tables=["single"]).mismatches
    assert any(m.check == "schema" and "column seed is float64" in str(m) for m in found)
    (folder / "MANIFEST.json").write_text(deep)
    assert "MANIFEST.json cannot be read: it is nested too deeply" in str(verify(folder, rows=0))
    said = Said("verify", "--results", folder, "--tables", bad + "x")
    assert said.status == 2 and "\x1b" not in said.err


def test_a_table_larger_than_any_of_ours_is_not_read(folder, monkeypatch):
    monkeypatch.setattr(integrity, "MOST_ROWS", len(_table(folder)) - 1)
    found = verify(folder, rows=0, tables=["small"]).mismatches
    assert any("cannot be read as a table: " in str(m) and "rows of" in str(m) for m in found)


# ------------------------------------------------------------------------------------------- the tolerance


@pytest.mark.parametrize("dtype, large, small", [("float64", 1e-4, 1e-7), ("float32", 1e-1, 1e-3)])
def test_each_tolerance_lies_between_rounding_and_the_digits_that_are_printed(dtype, large, small):
    """Four digits of a value, two as released; of one that has fallen a thousandfold the same of its range.

    Below: what another order of sums makes of a run, measured here, is a tenth of what is let pass, or less.
    """
    rows = pd.DataFrame({"metric": "loss", "value": [1.0, 1e-3]})
    allowed, _ = rerun.tolerance(rows, dtype)
    assert allowed[0] < large and allowed[1] < small
    config = qbp.Experiment("curve", **{**OPTIONS, "seeds": 1, "dtype": dtype})
    alone, among = store.to_frame(qbp.run(config)), store.to_frame(qbp.run(replace(config, seeds=4)))
    among = among[among["seed"] == 5].reset_index(drop=True)
    allowed, _ = rerun.tolerance(alone, dtype)
    assert ((alone["value"] - among["value"]).abs() <= 0.1 * allowed).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_row_that_is_a_hundred_tolerances_off_is_reported_and_a_tenth_of_one_is_not(dtype):
    config = qbp.Experiment("curve", **{**OPTIONS, "seeds": 1, "dtype": dtype})
    alone = store.to_frame(qbp.run(config))
    allowed, _ = rerun.tolerance(alone, dtype)
    for row in np.flatnonzero((alone["step"] == 6) & (allowed > 0))[::4]:
        for times, reported in ((100, 1), (-100, 1), (0.1, 0)):
            stored = alone.copy()
            stored.loc[row, "value"] += times * allowed[row]
            assert len(recompute(Rerun(config, {"t": (stored, [row])})).mismatches) == reported


def test_a_row_blown_up_does_not_widen_what_the_others_of_its_run_may_be():
    config = qbp.Experiment("curve", **{**OPTIONS, "seeds": 1})
    stored = store.to_frame(qbp.run(config))
    loss = stored.index[stored["metric"] == "val_loss"]
    stored.loc[loss[0], "value"] = 1e300
    stored.loc[loss[1], "value"] *= 0.9
    (found,) = recompute(Rerun(config, {"t": (stored, [loss[1]])})).mismatches
    assert found.row["step"] == 3 and "2 of " in found.message


# --------------------------------------------------------------------------------------------- the sample


def test_a_sample_hits_every_table_and_repeats_by_its_seed(whole):
    frames = {name: _table(whole, name) for name in ("small", "single")}
    for seed in range(20):
        drawn = sample(frames, 5, seed)
        counts = {n: sum(len(r.parts[n][1]) for r in drawn if n in r.parts) for n in frames}
        assert counts["single"] in (2, 3) and counts["small"] in (2, 3) and len(drawn) == 5
        assert [(r.config, list(r.parts)) for r in sample(frames, 5, seed)] == [
            (r.config, list(r.parts)) for r in drawn
        ]
        for again in drawn:
            assert again.config.seeds == 1
            for part, labels in again.parts.values():
                assert set(part["key"]) == {store.key(again.config)} and set(labels) <= set(part.index)
                assert set(part["seed"]) == {again.config.seed} and len(labels) == 1
    assert len({str([r.config.seed for r in sample(frames, 5, seed)]) for seed in range(20)}) > 1
    assert len(sample(frames, 1, 0)) == 1 and sample(frames, 0, 0) == [] and sample({}, 5, 0) == []


def test_each_configuration_is_drawn_before_one_is_drawn_again(whole):
    frame = _table(whole)
    for seed in range(20):
        for rows in (2, 3, 6, 8):
            times = [store.key(again.config) for again in sample({"small": frame}, rows, seed)]
            counts = [times.count(key) for key in frame["key"].unique()]
            assert len(times) == rows and max(counts) - min(counts) <= 1
        runs = {(store.key(again.config), again.config.seed) for again in sample({"small": frame}, ALL, seed)}
        assert len(runs) == 9


@pytest.mark.parametrize("rows", [1, 3])
def test_the_chances_are_how_often_a_forged_run_is_drawn_and_ten_samples_see_every_table(rows, whole):
    """Counted, over 120 seeds; the dearest table takes 40 times what the cheapest does, as ours do."""
    frames = {"cheap": _table(whole), "dear": _table(whole, "single"), "other": _table(whole)}
    costs = {"cheap": 0.5, "dear": 20.0, "other": 4.0}
    drawn = [sample(frames, rows, seed, costs=costs) for seed in range(120)]
    spent = [sum(costs[name] for again in one for name in again.parts) for one in drawn]
    assert abs(np.mean(spent) / (rows * np.mean([*costs.values()])) - 1) < 0.1
    said = rerun.chances(frames, rows, costs)
    for name, frame in frames.items():
        forged = {"table": frame["key"] != "", "configuration": frame["key"] == frame["key"][0]}
        forged["run"] = forged["configuration"] & (frame["seed"] == frame["seed"][0])
        for what, where in forged.items():
            found = [any(where[r.parts[name][1]].any() for r in one if name in r.parts) for one in drawn]
            error = 4 * (said[name][what] * (1 - said[name][what]) / len(drawn)) ** 0.5
            assert abs(np.mean(found) - said[name][what]) <= error, (name, what)
    seen = [{name for again in one for name in again.parts} for one in drawn]
    every = [set().union(*seen[first : first + 10]) == set(frames) for first in range(0, 120, 10)]
    lacking = sum((1 - of["table"]) ** 10 for of in said.values())
    assert lacking < 0.2 and abs(1 - np.mean(every) - lacking) < 0.15


@pytest.mark.parametrize("commit", ["267b53c", "0000001", "fffffff"])
def test_a_forgery_that_agrees_with_itself_is_found_by_computing_again(commit, folder):
    """Every loss of every run and table is 1 % lower, and the manifest agrees: nothing contradicts anything.

    CI draws the sample by the commit, which a forger does not have before the forged table is in it.
    """
    for name in ("small", "single"):
        _forged(
            folder,
            lambda t: t["value"] * np.where(t["metric"].astype(str).str.endswith("loss"), 0.99, 1),
            name,
        )
    assert verify(folder, rows=0).mismatches == []
    found = verify(folder, rows=1, seed=int(commit, 16)).mismatches  # a single run
    assert {m.check for m in found} == {"value"}
    ratios = [m.stored / m.recomputed for m in found]
    assert ratios == pytest.approx([0.99] * len(ratios), rel=1e-4)


def test_a_manifest_that_says_a_table_takes_for_ever_does_not_keep_it_from_being_drawn(whole):
    frame = _table(whole)
    usual = rerun.cost(frame, 0.0)
    for minutes in (1e5, 1e300, 10**400, float("nan"), -1, "long", None):
        assert usual <= rerun.cost(frame, minutes) <= 10 * usual


def test_surveys_are_surveyed_again_and_rest_on_code_of_their_own(tmp_path):
    small = terrain.configs("curve", 1, n_hidden=4, points=4, steps=101)
    store.save("terrain-curve", map(terrain.survey, small), directory=tmp_path, command="qbp terrain curve",
               target="I")  # fmt: skip
    report = verify(tmp_path, rows=4)  # by the seed that conftest fixes, of both runs
    assert report.mismatches == [] and report.older == {} and report.runs == report.sampled == 2
    assert store.manifest(tmp_path)["terrain-curve"]["core"] == store.core_digest(registry.SURVEYS)
    table = _table(tmp_path, "terrain-curve")
    table.loc[table["metric"] == "hessian_high", "value"] *= 1.01
    table.to_parquet(tmp_path / "terrain-curve.parquet", index=False)
    _fix(tmp_path, "terrain-curve")
    found = verify(tmp_path, rows=ALL).mismatches
    assert len(found) == 2 and found[0].command.startswith("qbp terrain curve --seeds 1 --steps 101")


def test_surveys_of_circuits_are_surveyed_again_run_by_run(tmp_path):
    options = {"hamiltonian": "circuit", "qubits": 2, "layers": 1, "steps": 10, "record_every": 100}
    config = qbp.CircuitExperiment(seeds=2, algorithm={"stage_1_steps": 5}, **options)
    found = [circuit_terrain.survey(config)]
    store.save("terrain-circuit", found, directory=tmp_path, command="qbp terrain vqe", target="I")
    report = verify(tmp_path, rows=4)
    assert report.mismatches == [] and report.older == {} and report.runs == report.sampled == 2
    assert store.manifest(tmp_path)["terrain-circuit"]["core"] == store.core_digest(registry.CIRCUIT_SURVEYS)
    table = _table(tmp_path, "terrain-circuit")
    table.loc[table["metric"] == "grad_1", "value"] *= 1.01
    table.to_parquet(tmp_path / "terrain-circuit.parquet", index=False)
    _fix(tmp_path, "terrain-circuit")
    wrong = verify(tmp_path, rows=ALL).mismatches
    assert len(wrong) == 2 and wrong[0].command.startswith("qbp terrain vqe --seeds 1")


def test_rows_of_one_run_are_computed_once(whole, monkeypatch):
    ran = []
    monkeypatch.setattr(rerun, "run", lambda config, verb: ran.append(config) or registry.run(config))
    frame = _table(whole)
    one = frame[(frame["key"] == frame["key"][0]) & (frame["seed"] == 5)].reset_index(drop=True)
    report = [recompute(again) for again in sample({"a": one, "b": one}, 12, 0)]
    assert len(ran) == 1 and report[0].compared == 2 * len(one)


def test_a_run_that_repeats_less_well_is_held_to_what_it_repeats(whole, monkeypatch):
    """Its rows may differ by what the order of sums makes of it up to then, times SPREAD, and no more."""
    frame = _table(whole).astype({"key": str, "config": str})
    (again,) = sample({"small": frame[frame["key"] == frame["key"][0]].reset_index(drop=True)}, 1, 0)
    ((part, labels),) = again.parts.values()

    def chaotic(config, verb):
        done = registry.run(config)
        if config.seeds > 1:
            growth = np.where(done.step > 3, 1e-4, 0.0)
            done = replace(done, history={m: v * (1 + growth) for m, v in done.history.items()})
        return done

    def with_change(step, factor):
        changed = part.copy()
        at = changed.index[(changed["metric"] == "train_loss") & (changed["step"] == step)]
        changed.loc[at, "value"] *= factor
        return recompute(Rerun(again.config, {"small": (changed, labels)}))

    assert with_change(6, 1 + 1e-4).mismatches
    monkeypatch.setattr(rerun, "run", chaotic)
    found = with_change(6, 1 + 1e-4)
    assert found.mismatches == [] and found.loose == 1 and 0 < found.worst < 1
    assert with_change(6, 1.1).mismatches and with_change(3, 1 + 1e-4).mismatches
    alone = registry.run(again.config)
    assert spread(alone, alone.step) == pytest.approx([0, 0, 1e-4, 1e-4], rel=1e-6, abs=1e-12)


def test_what_is_left_of_two_equal_energies_may_differ_by_their_rounding():
    """An error that is 0 but for the last digit of two energies, and a metric that is small by itself."""
    part = pd.DataFrame({"metric": ["product_error", "task_grad_var"], "value": [3e-17, 3e-17]})
    allowed, _ = rerun.tolerance(part, "float64")
    assert 1e-15 < allowed[0] < 1e-12 and allowed[1] < 1e-22


def test_code_that_cannot_compute_a_row_any_more_is_a_mismatch(whole, monkeypatch):
    def broken(config, verb):
        raise RuntimeError("gone")

    monkeypatch.setattr(rerun, "run", broken)
    (found,) = verify(whole, rows=1, tables=["small"]).mismatches
    assert found.check == "value" and "cannot be computed: gone" in str(found) and found.command


# --------------------------------------------------------------------------------------- what pages print


@pytest.fixture
def book(tmp_path):
    """A book of one chapter that glued every committed claim, and the first on three seeds."""
    rows = claims.committed()
    chapter = nbformat.v4.new_notebook()
    for row in rows:
        output = nbformat.v4.new_output(
            "display_data",
            {"application/papermill.record/text/plain": f"'{we_measure(row)}'"},
            metadata={"scrapbook": {"name": row.claim.id, "mime_prefix": "application/papermill.record/"}},
        )
        chapter.cells.append(nbformat.v4.new_code_cell("glue", outputs=[output]))
    nbformat.write(chapter, tmp_path / "only.ipynb")
    (tmp_path / "_toc.yml").write_text("root: only\n")
    return tmp_path


def test_a_glued_claim_that_is_not_the_tables_is_found(book):
    path, rows = book / "only.ipynb", claims.committed()
    assert check_pages.check_claims(book) == (len(rows), [])
    text, row = path.read_text(), next(row for row in rows if "[" in we_measure(row))
    value = we_measure(row).split(" %")[0]
    other = value[:-1] + str((int(value[-1]) + 1) % 10)
    path.write_text(text.replace(we_measure(row), we_measure(row).replace(value, other, 1)))
    count, (found, *more) = check_pages.check_claims(book)
    assert count == len(rows) and (found.table, found.check) == ("only.ipynb", "claim")
    assert found.stored.startswith(other) and we_measure(row) in [
        found.recomputed,
        *(m.recomputed for m in more),
    ]
    assert found.command.startswith("qbp claims")
    path.write_text(text.replace(f"(n = {row.found.n})", "(n = 999)"))
    assert len(check_pages.check_claims(book)[1]) == len(rows)


def test_a_chapters_own_few_seeds_are_compared_with_the_first_of_the_table(book):
    name = next(n for n in store.MAIN if n in store.manifest())
    few = {m: check_pages.first_seeds(r, 3) for m, r in store.load(name).items()}
    row, path = next(r for r in claims.measure(few) if "%" in we_measure(r)), book / "only.ipynb"
    whole = next(r for r in claims.committed() if r.claim == row.claim)
    text = path.read_text()
    assert we_measure(whole) in text and we_measure(whole) != we_measure(row)
    path.write_text(text.replace(f"'{we_measure(whole)}'", f"'{we_measure(row)}'", 1))
    assert check_pages.check_claims(book)[1] == []
    path.write_text(
        text.replace(f"'{we_measure(whole)}'", f"'{we_measure(row).replace('%', '% and more', 1)}'", 1)
    )
    (found,) = check_pages.check_claims(book)[1]
    assert found.command == "papermill book/only.ipynb out.ipynb"


def test_numbers_agree_to_their_last_digit_only_where_they_may():
    agree = check_pages.agree
    assert agree("+797.0 % (n = 1)", "+797.5 % (n = 1)", 1e-3) and not agree("+797.0 %", "+799.0 %", 1e-3)
    assert not agree("+0.1 %", "+0.1 %!", 1e-3) and not agree("1.0 (n = 3)", "1.0 (n = 4)", 0.9)
    assert agree("+0.00 %", "-0.01 %", 1e-3) and not agree("+0.00 %", "+0.00 %.", 0.0)


def test_a_number_in_readme_that_is_not_the_tables_is_found(tmp_path):
    path = tmp_path / "README.md"
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "headline.png").write_bytes(readme.headline())
    text = readme.filled((readme.ROOT / "README.md").read_text())
    path.write_text(text)
    count, found = check_pages.check_readme(tmp_path)
    assert count > 20 and found == []
    row = claims.committed()[0]
    value = we_measure(row).split(" %")[0]
    other = value[:-1] + str((int(value[-1]) + 1) % 10)
    path.write_text(text.replace(value, other, 1))
    (found,) = check_pages.check_readme(tmp_path)[1]
    assert found.check == "readme" and other in found.stored and value in found.recomputed
    path.write_text(text.replace("<!-- claims -->", ""))
    assert "cannot be compared: README.md must have one pair" in str(check_pages.check_readme(tmp_path)[1][0])


# ----------------------------------------------------------------------------------------- the command line


def test_the_command_says_verified_or_names_mismatches(folder):
    said = Said("verify", "--results", folder, "--rows", "2", "--seed", "3")
    assert said.status == 0 and said.out.endswith("verified\n") and "--seed 3" in said.out
    found = json.loads(Said("verify", "--results", folder, "--skip-recompute", "--json").out)
    assert found["ok"] and found["mismatches"] == [] and found["runs"] == 0
    assert found["tables"].keys() == {"benchmarks", "single", "small"} and found["tolerance"]["relative"]
    _value(folder)
    said = Said("verify", "--results", folder, "--rows", ALL)
    assert said.status == 1 and "MISMATCH small: value: " in said.out and "qbp run curve" in said.out
    said = Said("verify", "--results", folder, "--rows", ALL, "--json")
    (wrong,) = json.loads(said.out)["mismatches"]
    assert said.status == 1 and wrong["stored"] != wrong["recomputed"] and wrong["command"]
    assert wrong["row"]["seed"] == int(_table(folder).loc[40, "seed"])
    assert Said("verify", "--results", folder, "--rows", ALL, "--tables", "single").status == 0


@pytest.mark.parametrize(
    "words, message",
    {
        "--rows -1": "rows must be at least 0",
        "--rows many": "invalid int value",
        "--seed -1": "seed must be at least 0",
        "--tables small,iris": "tables must be one of benchmarks, single, small, got 'iris'",
        "--tables ": "got ''",
    }.items(),
)
def test_bad_input_is_one_line_and_exit_2(words, message, folder):
    name, value = words.split(" ")
    said = Said("verify", "--results", folder, name, value)
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1) and message in said.err
    said = Said("verify", "--results", folder / "nowhere")
    assert said.status == 2 and "no result tables in" in said.err
