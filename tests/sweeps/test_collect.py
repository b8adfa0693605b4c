"""One table of the runs of a sweep, in the order of their parameters; what cannot be read is named."""

import json
import shutil

import pandas as pd
import pytest
from said import Said
from swept import notebook, ran

from qbp.sweeps import plot, shards
from qbp.sweeps.axes import plan
from qbp.sweeps.collect import collect
from qbp.sweeps.notebook import Ran, Row


def fill(folder, path, words, function=ran):
    folder.mkdir(exist_ok=True)
    whole = plan(str(path), words)
    for run in whole.runs:
        shards.keep(folder, run, function(whole.source, run.given, "", ""), whole.code)
    return whole


def seeded(source, given, folder, code):
    """A result of three seeds, and a glued number."""
    rows = [Row("found[two]", seed, 9, "loss", given["n"] + given["x"] * seed) for seed in (0, 1, 2)]
    return Ran(source, (*rows, Row("glue", -1, -1, "share", 10.0 * given["n"], f"{10 * given['n']} %")), 1.0)


@pytest.fixture
def out(tmp_path):
    fill(tmp_path / "out", notebook(tmp_path / "tiny.ipynb"), ["n=10,8,9", "x=0.5,0.25"], seeded)
    return tmp_path / "out"


def test_a_row_per_number_in_the_order_of_the_parameters(out):
    found = collect(out)
    runs = [(p["n"], p["x"]) for p in found.parameters.values()]
    assert runs == [(8, 0.25), (8, 0.5), (9, 0.25), (9, 0.5), (10, 0.25), (10, 0.5)]
    assert found.varied == ["n", "x"] and len(found.table) == 24 and not found.bad
    assert not found.table.duplicated(["run", "source", "seed", "step", "metric"]).any()
    (first,) = found.table[(found.table["run"] == [*found.parameters][1]) & (found.table["seed"] == 2)][
        "value"
    ]
    assert first == 8 + 0.5 * 2
    assert found.means().loc["found[two]: loss"].tolist() == [8.25, 8.5, 9.25, 9.5, 10.25, 10.5]


def test_the_command_line(out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = Said("collect", "out", "--csv", "a.csv", "--plot", "a.svg")
    head, columns, *rows = said.out.splitlines()
    assert (said.status, said.err) == (0, "")
    assert head == "tiny: 6 runs, 24 numbers; means over the seeds of each"
    assert columns.split() == ["of", "found[two]:", "loss", "glue:", "share"]
    assert [row.split() for row in rows][-1] == ["n=10,", "x=0.5", "10.5", "100"] and len(rows) == 6
    table = pd.read_csv("a.csv")
    assert [*table][:7] == ["chapter", "run", "core", "param_n", "param_word", "param_x", "param_yes"]
    assert table["value"].tolist() == collect(out).table["value"].tolist()
    assert (tmp_path / "a.svg").read_text().count("<svg") == 1
    found = json.loads(Said("collect", "out", "--json", "--metrics", "share").out)
    assert found.keys() == {"varied", "runs", "rows", "bad"} and len(found["rows"]) == len(found["runs"]) == 6
    assert found["runs"][0]["parameters"] == {"n": 8, "word": "a", "x": 0.25, "yes": True}
    assert found["rows"][0].keys() == {"run", "source", "seed", "step", "metric", "value", "text"}
    assert (found["rows"][0]["seed"], found["rows"][0]["step"]) == (None, None)


def test_many_metrics_stand_below_each_other_and_few_runs_beside(tmp_path):
    def many(source, given, *rest):
        return Ran(source, tuple(Row("glue", -1, -1, f"m{k}", k * given["n"]) for k in range(9)), 1.0)

    fill(tmp_path / "out", notebook(tmp_path / "tiny.ipynb"), ["n=1:9"], many)
    text = str(collect(tmp_path / "out"))
    assert "n=8" in text and "n=9" not in text and "8 of 9 runs: --csv and --json have all" in text


def test_what_cannot_be_read_is_named_and_the_rest_survives(out):
    first, second, third, *rest = sorted(out.glob("*.parquet"))
    first.write_bytes(b"\x1b[31m")
    shards.notebook_path(second).unlink()
    (out / "copy").mkdir()
    shutil.copy(third, out / "copy"), shutil.copy(shards.notebook_path(third), out / "copy")
    said = Said("collect", out)
    lines = said.err.splitlines()
    assert said.status == 1 and said.out.startswith("tiny: 4 runs") and len(lines) == 3
    assert f"{first} cannot be read as a table" in lines[0] and f"{second} has lost its notebook" in lines[1]
    assert lines[2].startswith(f"left out: {third} has run") and lines[2].endswith("again")  # copy/ is first
    assert json.loads(Said("collect", out, "--json").out)["bad"]
    for path in (first, second, third, *rest):
        path.unlink()
    shutil.rmtree(out / "copy")
    said = Said("collect", out)
    assert said.status == 2 and "which has no run" in said.err and said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("nowhere", "DIR must be a folder of a sweep, got 'nowhere'"),
        ("out --metrics los", "metrics must be of loss, share, got los"),
        ("out --plot a.pdf", "--plot must be a .svg or .png file in a folder that exists, got 'a.pdf'"),
        ("out --plot no/a.svg", "--plot must be a .svg or .png file in a folder that exists"),
        ("out --csv no/a.csv", "no/a.csv|no"),
    ],
)
def test_bad_input_is_one_line(words, message, out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = Said("collect", *words.split())
    assert said.status == 2 and said.err.count("\n") == 1, said.err
    with pytest.raises(ValueError, match=message):
        raise ValueError(said.err)


def test_the_figure_shows_what_the_rows_have(out):
    drawn = plot.figure(collect(out))
    loss, share = (axis for axis in drawn.axes if axis.get_visible())
    assert (loss.get_ylabel(), share.get_ylabel()) == ("found[two]: loss", "glue: share (%)")
    assert loss.get_xlabel() == "n"
    for container, x in zip(loss.containers, (0.25, 0.5), strict=True):
        line = container.lines[0]
        assert line.get_xdata().tolist() == [8, 9, 10]
        assert (
            line.get_ydata().tolist() == [n + x for n in (8, 9, 10)] and container.get_label() == f"x = {x}"
        )


def test_a_parameter_of_seeds_is_averaged_over_and_words_stand_across_the_page(tmp_path):
    path = notebook(tmp_path / "tiny.ipynb", "word = 'a'\nseed = 0", "1")

    def rows(source, given, *rest):
        return Ran(source, (Row("glue", -1, -1, "m", len(given["word"]) + given["seed"], ""),), 1.0)

    fill(tmp_path / "out", path, ["word=a,bb", "seed=0,2"], rows)
    (axis,) = plot.figure(collect(tmp_path / "out")).axes
    assert axis.get_xlabel() == "word" and axis.containers[0].lines[0].get_ydata().tolist() == [2, 3]


def test_nothing_that_differs_is_said(tmp_path):
    fill(tmp_path / "out", notebook(tmp_path / "tiny.ipynb"), ["n=3"])
    with pytest.raises(ValueError, match="needs a number that differs between the runs"):
        plot.figure(collect(tmp_path / "out"))


@pytest.mark.parametrize(
    ("runs", "starting", "cores", "expected"),
    [
        (4, 0, 16, [1, 2, 2, 4, 4]),  # three workers have as long as two
        (4, 2, 16, [1, 6 / 4, 6 / 4, 6 / 3, 6 / 3]),
        (10, 0, 2, [1, 2, 10 / 6, 10 / 6, 2]),  # more workers than cores share these
        (1, 0, 1, [1, 1, 1, 1, 1]),  # who has nothing to do shares nothing
    ],
)
def test_the_cost_of_a_sweep_is_counted_in_rounds(runs, starting, cores, expected):
    (axis,) = plot.cost(runs, starting, cores, most=5).axes
    ideal, ours = axis.get_lines()
    assert ours.get_ydata().tolist() == pytest.approx(expected)
    assert ideal.get_ydata().tolist() == [min(workers, cores) for workers in range(1, 6)]
