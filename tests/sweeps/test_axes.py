"""The grid of a sweep: values by the types of the notebook's defaults, checked before anything runs."""

import json
from pathlib import Path

import pytest
from said import Said
from swept import notebook

from qbp.sweeps import axes
from qbp.sweeps.axes import MOST_RUNS, plan

CHAPTERS = sorted(path.stem for path in axes.BOOK.glob("*.ipynb"))
CELL = (
    "n = 2  # a number\nx = 0.5\nword = 'a'\nyes = True\na = b = 3\nlist_ = [1]\nmade = len('ab')\nc: int = 4"
)


@pytest.fixture
def path(tmp_path):
    return str(notebook(tmp_path / "tiny.ipynb", CELL, "n"))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("n=5", [5]),
        ("n=5,7,-1", [5, 7, -1]),
        ("n=0:4", [0, 1, 2, 3, 4]),
        ("n=0:9:4,100", [0, 4, 8, 100]),
        ("n=3:1:-1", [3, 2, 1]),
        ("x=1", [1.0]),
        ("x=1e-3,.5", [0.001, 0.5]),
        ("x=0.1:0.5:0.1", [0.1, 0.2, 0.3, 0.4, 0.5]),  # not 0.30000000000000004
        ("x=1:0:-0.5", [1.0, 0.5, 0.0]),
        ("yes=true,False", [True, False]),
        ("word=5,b c,0:3", ["5", "b c", "0:3"]),
        ('word="4,6,8",x', ["4,6,8", "x"]),
        ("word=", [""]),
        ("b=4", [4]),
        ("c=5", [5]),
        ("word=__import__('os').abort()", ["__import__('os').abort()"]),  # a text, never evaluated
    ],
)
def test_values_have_the_type_of_the_default(path, text, values):
    found = [run.given[text.partition("=")[0]] for run in plan(path, [text]).runs]
    assert found == values and [type(v) for v in found] == [type(v) for v in values]


BAD = {
    "m=2": "tiny.ipynb has no parameter m; it takes n, x, word, yes, a, b, list_, made, c",
    "wrod=2": r"has no parameter wrod; it takes .*; did you mean 'word'\?",
    "n": "-p must be name=value or name=value,value, got 'n'",
    "=3": "-p must be name=value",
    "n=": r"n must be a whole number, or first:last\[:step\], got ''",
    "n=2.5": "n must be a whole number.* got '2.5'",
    "n=1e3": "n must be a whole number.* got '1e3'",
    "n=1:2:3:4": "n must be a whole number.* got '1:2:3:4'",
    "n=__import__('os')": "n must be a whole number",
    "n=5:2": "n must have a step that leads from first to last, got '5:2'",
    "n=1:2:0": "n must have a step that leads",
    "n=0:99999": f"n must have at most {MOST_RUNS} values, got 100000 by '0:99999'",
    "n=0:200 x=0:200:1": f"-p must make at most {MOST_RUNS} runs, got 40401",
    "n=1,1": "n must have each value once, got '1,1'",
    "n=1 n=2": "-p n is given twice",
    "x=0:1": "x must be a number, or first:last:step, got '0:1'",
    "x=nan": "x must be a number.* got 'nan'",
    "x=inf": "x must be a number.* got 'inf'",
    "yes=1": "yes must be true or false, got '1'",
    'word="a': "word must have values separated by commas, got '\"a'",
    "list_=2": "list_ cannot be swept: its default is list, not a number, a text, True or False",
    "made=2": "made cannot be swept: its default is computed",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_line_exit_2_and_nothing_written(path, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = Said("sweep", path, *(w for word in words.split() for w in ("-p", word)))
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1), said.err
    with pytest.raises(ValueError, match=BAD[words]):
        raise ValueError(said.err)
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.ipynb"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "bad.ipynb cannot be read: "),
        ("{", "bad.ipynb cannot be read: "),
        ("[1]", "bad.ipynb cannot be read: it is not an object"),
        ("{}", "bad.ipynb cannot be read as a notebook: it is not of format 4"),
        ('{"nbformat": 4, "cells": [1]}', "it is not of format 4"),
        ('{"nbformat": 4, "cells": []}', "has no cell tagged `parameters`"),
        ("[" * 100_000, "it is nested too deeply"),
        (b"\xff\xfe\x00", "bad.ipynb cannot be read as a notebook: "),
    ],
)
def test_a_corrupt_notebook_is_one_line_that_names_it(content, message, tmp_path):
    (tmp_path / "bad.ipynb").write_bytes(content if isinstance(content, bytes) else content.encode())
    said = Said("sweep", tmp_path / "bad.ipynb")
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1) and message in said.err, said.err


def test_a_cell_of_parameters_that_is_no_python_and_a_missing_file_are_named(tmp_path):
    path = notebook(tmp_path / "bad.ipynb", "n = ")
    assert "bad.ipynb: the cell tagged `parameters` cannot be read" in Said("sweep", path).err
    assert "CHAPTER must be a notebook that is there, got 'no.ipynb'" in Said("sweep", "no.ipynb").err
    assert "did you mean 'curve'?" in Said("sweep", "curv").err


def test_the_grid_of_the_issue(capsys):
    found = plan("curve", ["seeds=5", "steps=100,200"])
    assert [run.given for run in found.runs] == [{"seeds": 5, "steps": 100}, {"seeds": 5, "steps": 200}]
    said = Said("sweep", "curve", "-p", "seeds=5", "-p", "steps=100,200", "--dry-run")
    assert said.out == "curve: 2 runs\nseeds=5 steps=100\nseeds=5 steps=200\n" and said.status == 0
    assert found.runs[0].config["parameters"]["profile"] == "quick"
    assert found.runs[0].stem == f"seeds=5,steps=100.{found.runs[0].key}"


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_parameter_of_every_chapter_can_be_given_its_default_and_is_the_same_run(name):
    usual = axes.defaults((axes.BOOK / f"{name}.ipynb").read_text(), name)
    words = [
        f'{key}="{value}"' if isinstance(value, str) else f"{key}={value}" for key, value in usual.items()
    ]
    (run,), (plain,) = plan(name, words).runs, plan(name, []).runs
    assert run.given == usual and run.key == plain.key and run.stem == f"defaults.{run.key}"


def test_a_chapters_own_rules_hold_before_anything_runs():
    with pytest.raises(ValueError, match=r"seeds must be a whole number from 2 .* got 1"):
        plan("curve", ["seeds=5,1"])
    with pytest.raises(ValueError, match="device must be"):
        plan("curve", ["device=abacus"])
    assert plan("curve", ["device=cuda"], elsewhere=True).runs  # the workers may have it


def test_a_key_is_of_the_parameters_and_a_digest_of_the_code_alone(tmp_path):
    path = notebook(tmp_path / "tiny.ipynb")
    first = plan(str(path), ["n=2"])
    node = json.loads(path.read_text())
    node["cells"][2]["outputs"], node["metadata"]["more"] = [{"output_type": "stream", "text": "1"}], 1
    path.write_text(json.dumps(node))
    assert plan(str(path), []).code == first.code and first.path == Path(path)
    assert plan(str(path), []).runs[0].key == first.runs[0].key
    node["cells"][2]["source"] += "\n1"
    path.write_text(json.dumps(node))
    assert plan(str(path), ["n=2"]).code != first.code
    assert plan(str(path), ["word=../../../x;rm -rf /"]).runs[0].stem.startswith("word=.._.._.._x_rm_-rf__.")
