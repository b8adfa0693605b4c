"""Submissions: whose file is which, and files that are no notebook."""

import json
import os
from pathlib import Path

import nbformat
import pytest

from qbp.teaching.grader import submission
from qbp.teaching.grader.submission import Cell

LABS = {name: Path("labs", "source", name, f"{name}.ipynb") for name in ("1-one", "2-two")}


def put(folder, *paths):
    for path in paths:
        where = folder / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text("{}")


def test_three_ways_to_hand_in(tmp_path):
    put(tmp_path, "ann/1-one.ipynb", "bob/1-one/1-one.ipynb", "cy_1-one.ipynb", "d_e_1-one.ipynb")
    found = submission.find(tmp_path, LABS)
    assert [(h.student, h.lab, h.problem) for h in found] == [
        (name, "1-one", "") for name in ("ann", "bob", "cy", "d_e")
    ]
    assert [h.path.relative_to(tmp_path).as_posix() for h in found][:2] == [
        "ann/1-one.ipynb",
        "bob/1-one/1-one.ipynb",
    ]


def test_a_student_who_lacks_a_lab_or_has_it_twice_has_a_line_that_says_so(tmp_path):
    put(tmp_path, "ann/1-one.ipynb", "ann/1-one/1-one.ipynb", "bob/2-two (1).ipynb", "cy/2-two.ipynb")
    put(tmp_path, "cy_2-two.ipynb", "cy/.ipynb_checkpoints/1-one.ipynb", "__MACOSX/1-one.ipynb")
    put(tmp_path, "dan/1-one/2-two.ipynb")
    (tmp_path / "eve").mkdir()
    put(tmp_path, "fay/1-one.ipynb")
    (tmp_path / "guy").symlink_to("fay")  # somebody else's folder
    (tmp_path / "hal").mkdir()
    (tmp_path / "hal" / "1-one").symlink_to("../fay")
    found = {(h.student, h.lab): h for h in submission.find(tmp_path, LABS)}
    assert {student for student, _ in found} == {"ann", "bob", "cy", "dan", "eve", "fay", "guy", "hal"}
    assert [h.student for h in found.values() if h.path] == ["fay"]
    assert (
        found["ann", "1-one"].problem == "handed in 2 times: keep one of ann/1-one.ipynb, 1-one/1-one.ipynb"
    )
    assert found["cy", "2-two"].problem.startswith("handed in 2 times")
    assert found["bob", "2-two"].problem == (
        "nothing handed in; rename '2-two (1).ipynb' to 2-two.ipynb if it is meant"
    )
    assert found["eve", "1-one"].problem == found["bob", "1-one"].problem == "nothing handed in"


def test_a_folder_without_submissions_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"DIR must be a folder with submissions, got '.*nowhere'"):
        submission.find(tmp_path / "nowhere", LABS)
    with pytest.raises(
        ValueError, match=r"DIR must hold STUDENT/LAB.ipynb, .* with LAB one of 1-one, 2-two, got"
    ):
        submission.find(tmp_path, LABS)


def test_the_folder_of_one_student_is_graded_under_its_name(tmp_path, monkeypatch):
    put(tmp_path, "ann/1-one.ipynb", "ann/2-two/2-two.ipynb", "ann/figures/a.png", "bob/1-one.ipynb")
    found = submission.find(tmp_path / "ann", LABS)
    assert [(h.student, h.lab, h.problem) for h in found if h.path] == [
        ("ann", "1-one", ""),
        ("ann", "2-two", ""),
    ]
    monkeypatch.chdir(tmp_path / "bob")
    assert [(h.student, h.lab) for h in submission.find(Path("."), LABS)] == [("bob", "1-one")]


def test_the_labs_themselves_are_not_graded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, *LABS.values(), "labs/README.md", "ann/1-one.ipynb", "copies/source/1-one/1-one.ipynb")
    (tmp_path / "linked").symlink_to("labs/source")
    said = r"DIR must be a folder of what .*, got '{}', in which \S*1-one.ipynb is the instructor's"
    for folder in ("labs", "labs/source", "labs/source/1-one", "linked"):
        with pytest.raises(ValueError, match=said.format(folder)) as raised:
            submission.find(Path(folder), LABS)
        assert "\n" not in str(raised.value)
    assert [h.student for h in submission.find(Path("copies"), LABS)] == ["source"]


def test_links_pipes_and_large_files_are_not_read(tmp_path):
    (tmp_path / "secret").write_text("mine")
    (tmp_path / "link").symlink_to("secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(ValueError, match="it is not a plain file"):
            submission.content(tmp_path / name)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(submission.LARGEST + 1)
    with pytest.raises(ValueError, match="the file has 20 MB: at most 20 MB are read; clear its outputs"):
        submission.content(tmp_path / "large")
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        submission.content(tmp_path / "none")


def notebook(**change):
    made = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    return json.dumps({**made, **change}).encode()


@pytest.mark.parametrize(
    "data, said",
    [
        (b"", "the file is empty"),
        (b"{", "the notebook cannot be read: Expecting"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "it is not an object"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b'{"cells": [], "cells": []}', "the key 'cells' stands twice"),
        (notebook(nbformat=3), "must have nbformat 4, got 3: open it in JupyterLab"),
        (notebook(nbformat="4"), "must have nbformat 4, got '4'"),
        (notebook(cells={}), "has no list of cells"),
        (notebook(cells=[{}] * 2001), "has 2001 cells, at most 2000"),
        (notebook(cells=["x"]), "cell 1 of the notebook is none"),
        (notebook(cells=[{"cell_type": "heading"}]), "cell 1 of the notebook is none"),
        (notebook(cells=[{"cell_type": "code", "source": 3}]), "cell 1 of the notebook has no text"),
        (notebook(cells=[{"cell_type": "code", "source": [3]}]), "cell 1 of the notebook has no text"),
        (notebook(cells=[{"cell_type": "code", "source": "x" * 200_001}]), "has 200001 characters, at most"),
    ],
)
def test_what_is_no_notebook_is_refused_in_one_line(data, said):
    with pytest.raises(ValueError) as refused:
        submission.read(data)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_only_what_is_needed_is_taken_from_a_cell():
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("a\nb", id="x")])
    nb.cells[0].metadata = nbformat.from_dict({"nbgrader": {"grade_id": "one", "points": 99}})
    assert submission.read(nbformat.writes(nb).encode()) == [Cell("code", "a\nb", "x", "one")]
    odd = {
        "cell_type": "markdown",
        "source": ["a\n", "b\0\ud800"],
        "metadata": {"nbgrader": {"grade_id": 3}},
        "id": 4,
    }
    for given in (odd, {**odd, "metadata": [1]}, {**odd, "metadata": {"nbgrader": 1}}):
        assert submission.read(notebook(cells=[given])) == [Cell("markdown", "a\nb?")]
    assert submission.read(notebook(cells=[{"cell_type": "raw"}])) == [Cell("raw", "")]
