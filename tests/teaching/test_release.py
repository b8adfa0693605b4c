"""Releases: no solution or hidden test in them, and a lab that is not as it should be is refused."""

import io
import json
import zipfile

import nbformat
import pytest
import small_lab

from qbp.teaching import layout, release

pytest.importorskip("nbgrader")


@pytest.fixture
def lab(tmp_path):
    return small_lab.write(tmp_path / "source")


def changed(tmp_path, change):
    notebook = small_lab.instructor()
    change(notebook)
    return small_lab.write(tmp_path / "other", notebook)


def test_a_release_has_stubs_public_tests_and_nothing_else(lab, tmp_path):
    path = release.release(small_lab.NAME, lab, tmp_path / "out")
    packed = zipfile.ZipFile(path)
    assert packed.namelist() == ["0-small/0-small.ipynb", "0-small/README.md"]
    text = packed.read("0-small/0-small.ipynb").decode()
    made = nbformat.reads(text, as_version=4)
    nbformat.validate(made)
    stub = "def gradient(f, angle):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    assert small_lab.cell(made, "shift").source == stub
    assert "the gradient of cos" in small_lab.cell(made, "shift-test").source
    for secret in ("halves", "gradient of sin", 'prediction = \\"b\\"', "SOLUTION", "HIDDEN", "is supported"):
        assert secret not in text, secret
    assert not small_lab.cell(made, "shift-test").metadata.editable
    assert not small_lab.cell(made, "setup").metadata.editable
    assert not small_lab.cell(made, "shift").metadata.deletable
    assert small_lab.cell(made, "shift").metadata.get("editable", True)
    assert b"jupyter lab 0-small.ipynb" in packed.read("0-small/README.md")


def test_a_release_has_the_same_bytes_whenever_it_is_made(lab, tmp_path):
    first, second = (release.release(small_lab.NAME, lab, tmp_path / n).read_bytes() for n in "ab")
    assert first == second


def test_stored_outputs_and_metadata_are_not_released(lab, tmp_path):
    def run(notebook):
        cell = small_lab.cell(notebook, "shift")
        cell.outputs = [nbformat.v4.new_output("stream", text="halves 0.25")]
        cell.execution_count = 3
        cell.metadata["qbp"] = {"seconds": 90}
        notebook.metadata["author"] = "prediction = 'b'"

    made = release.files(small_lab.NAME, changed(tmp_path, run))
    assert made == release.files(small_lab.NAME, lab)


def test_a_solution_elsewhere_in_a_file_is_a_leak(lab):
    notebook = release.read(lab)
    files = {"README.md": b"Try halves = f(angle + math.pi / 2) - f(angle - math.pi / 2) first."}
    (told,) = release.leaks(notebook, files)
    assert told.startswith("README.md has 'halves = ")
    student = release.student_version(notebook)
    small_lab.cell(student, "setup").metadata["tip"] = 'prediction = "b"'
    text = nbformat.writes(student).encode()
    assert release.leaks(notebook, {"0-small.ipynb": text}) == ["0-small.ipynb has 'prediction = \"b\"'"]
    assert release.leaks(notebook, {"a.md": b"### END HIDDEN TESTS"}) == [
        "a.md has the marker '### END HIDDEN'"
    ]


def test_a_line_that_is_visible_elsewhere_is_no_secret(tmp_path):
    def show(notebook):
        small_lab.cell(notebook, "goals").source = "Compute `return halves / 2`."

    files = release.files(small_lab.NAME, changed(tmp_path, show))
    assert b"halves / 2" in files["0-small.ipynb"]


def test_a_release_that_would_tell_an_answer_is_not_written(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(release, "student_version", lambda notebook: notebook)  # a step that was forgotten
    with pytest.raises(ValueError, match=r"would tell answers: 0-small.ipynb has .* more"):
        release.release(small_lab.NAME, lab, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def mistake(name, **change):
    def apply(notebook):
        cell = small_lab.cell(notebook, name)
        cell.source = change.pop("source", cell.source)
        cell.metadata.nbgrader.update(change)

    return apply


@pytest.mark.parametrize(
    "change, said",
    [
        (mistake("shift", grade_id="choice"), "cell choice is there twice"),
        (mistake("shift", grade_id="Shift 1"), "small letters, digits and hyphens, got 'Shift 1'"),
        (mistake("shift-test", points=0), "cell shift-test must have points, more than 0, got 0"),
        (mistake("shift-test", source="x = 1"), "cell shift-test must be code that ends in a value"),
        (mistake("shift-test", source="score.total();"), "must be code that ends in a value"),
        (
            mistake("shift", source="### BEGIN SOLUTION\nx = 1"),
            "BEGIN SOLUTION and END SOLUTION must alternate",
        ),
        (
            mistake("shift", source="### BEGIN SOLUTIONS\nx\n### END SOLUTION"),
            "a marker is `### BEGIN SOLUTION`",
        ),
        (mistake("shift", source="# begin solution\nx = 1"), "got '# begin solution'"),
        (
            mistake("setup", source="### BEGIN SOLUTION\n### END SOLUTION"),
            "may not stand in a read-only cell",
        ),
        (
            mistake("choice", source="### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS"),
            "not stand in a solution cell",
        ),
        (
            mistake("goals", locked=False),
            "cell goals has a grade_id but is no solution, test or read-only cell",
        ),
    ],
)
def test_a_lab_that_is_not_as_it_should_be_is_refused(tmp_path, change, said):
    with pytest.raises(ValueError) as refused:
        release.read(changed(tmp_path, change))
    assert said in str(refused.value)


def test_a_file_that_is_no_notebook_is_refused(tmp_path):
    path = tmp_path / "x" / "x.ipynb"
    path.parent.mkdir()
    for content in ("{", json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{}]})):
        path.write_text(content)
        with pytest.raises(ValueError, match="is not a notebook"):
            release.read(path)


def test_labs_are_found_by_name(tmp_path, lab):
    (tmp_path / "source" / "notes").mkdir()
    (tmp_path / "source" / "notes" / "other.ipynb").write_text("{}")
    assert layout.labs(tmp_path / "source") == {small_lab.NAME: lab}
    assert layout.select([small_lab.NAME], tmp_path / "source") == {small_lab.NAME: lab}
    with pytest.raises(ValueError, match=r"LAB must be one of 0-small, got '0-smal'; did you mean '0-small'"):
        layout.select(["0-smal"], tmp_path / "source")
    with pytest.raises(ValueError, match=r"no labs found: there is no folder .*nowhere; name a folder with"):
        layout.labs(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"has no LAB/LAB.ipynb"):
        layout.labs(tmp_path)


def test_a_zip_opens_into_one_folder(lab, tmp_path):
    content = release.release(small_lab.NAME, lab, tmp_path).read_bytes()
    assert {name.partition("/")[0] for name in zipfile.ZipFile(io.BytesIO(content)).namelist()} == {"0-small"}
