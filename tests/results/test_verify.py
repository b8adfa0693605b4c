"""Tampering is found: what is stored is checked whole, numbers are computed again, pages print the tables."""

import json
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
from qbp.experiments import registry, terrain
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
    assert report.sampled == report.compared == runs and report.runs == 12


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


# --------------------------------------------------------------------------------------------- the sample


def test_a_sample_hits_every_table_and_repeats_by_its_seed(whole):
    frames = {name: _table(whole, name) for name in ("small", "single")}
    for seed in range(20):
        drawn = sample(frames, 5, seed)
        counts = {n: sum(len(r.parts[n][1]) for r in drawn if n in r.parts) for n in frames}
        assert sorted(counts.values()) == [2, 3]
        assert [(r.config, list(r.parts)) for r in sample(frames, 5, seed)] == [
            (r.config, list(r.parts)) for r in drawn
        ]
        for again in drawn:
            assert again.config.seeds == 1
            for part, labels in again.parts.values():
                assert set(part["key"]) == {store.key(again.config)} and set(labels) <= set(part.index)
                assert set(part["seed"]) == {again.config.seed}
    assert len({str([r.config.seed for r in sample(frames, 5, seed)]) for seed in range(20)}) > 1
    assert len(sample(frames, 1, 0)) == 1 and sample(frames, 0, 0) == [] and sample({}, 5, 0) == []


def test_surveys_are_surveyed_again_and_rest_on_code_of_their_own(tmp_path):
    small = terrain.configs("curve", 1, n_hidden=4, points=4, steps=101)
    store.save("terrain-curve", map(terrain.survey, small), directory=tmp_path, command="qbp terrain curve",
               target="I")  # fmt: skip
    report = verify(tmp_path, rows=4)  # by the seed that conftest fixes, of both runs
    assert report.mismatches == [] and report.older == {} and report.runs == 2 and report.sampled == 4
    assert store.manifest(tmp_path)["terrain-curve"]["core"] == store.core_digest(registry.SURVEYS)
    table = _table(tmp_path, "terrain-curve")
    table.loc[table["metric"] == "hessian_high", "value"] *= 1.01
    table.to_parquet(tmp_path / "terrain-curve.parquet", index=False)
    _fix(tmp_path, "terrain-curve")
    found = verify(tmp_path, rows=ALL).mismatches
    assert len(found) == 2 and found[0].command.startswith("qbp terrain curve --seeds 1 --steps 101")


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
    row, path = claims.measure(few)[0], book / "only.ipynb"
    whole = next(r for r in claims.committed() if r.claim == row.claim)
    text = path.read_text()
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
