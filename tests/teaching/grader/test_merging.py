"""Merging: the instructor's tests and the student's answers, each in its place, whatever was done."""

import copy

import nbformat
import pytest
import small_lab
from hypothesis import given
from hypothesis import strategies as st

from qbp.teaching import release
from qbp.teaching.grader import merging

pytest.importorskip("nbgrader")
LAB = merging.Lab.of(small_lab.NAME, small_lab.instructor())
ANSWERED = small_lab.handed(LAB.released)


def merged(change=lambda notebook: None, answers=small_lab.ANSWERS):
    made = small_lab.handed(LAB.released, answers)
    change(made)
    return merging.merge(LAB, merging.cells(made))


def own(source="mine = 1", kind="code"):
    new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    return new(source)


def sources(found):
    return [c.source for c in found.notebook.cells]


EXPECTED = sources(merged())


def test_an_answered_lab_has_all_tests_and_all_answers():
    found = merged()
    assert found.notes == []
    assert small_lab.cell(found.notebook, "shift").source == small_lab.ANSWERS["shift"]
    assert small_lab.cell(found.notebook, "shift-test").source == small_lab.SHIFT_TEST
    assert len(found.notebook.cells) == len(LAB.instructor.cells)
    nbformat.validate(found.notebook)


def test_the_untouched_lab_has_stubs_and_all_tests():
    found = merging.merge(LAB, LAB.untouched())
    assert found.notes == []
    assert "NotImplementedError" in small_lab.cell(found.notebook, "shift").source
    assert small_lab.cell(found.notebook, "shift-test").source == small_lab.SHIFT_TEST


def tampered(notebook):
    small_lab.cell(notebook, "shift-test").source = "3.0"


def deleted(*names):
    def change(notebook):
        for name in names:
            del notebook.cells[small_lab.place(notebook, name)]

    return change


def copied(name, source=None, before=False):
    def change(notebook):
        again = copy.deepcopy(small_lab.cell(notebook, name))
        again.source = again.source if source is None else source
        notebook.cells.insert(small_lab.place(notebook, name) + (not before), again)

    return change


def converted(name):
    def change(notebook):
        i = small_lab.place(notebook, name)
        old = notebook.cells[i]
        new = nbformat.v4.new_markdown_cell if old.cell_type == "code" else nbformat.v4.new_code_cell
        notebook.cells[i] = new(old.source, metadata=old.metadata)

    return change


def points(notebook):
    small_lab.cell(notebook, "shift-test").metadata.nbgrader.update(points=99, locked=False)


def reversed_order(notebook):
    notebook.cells = notebook.cells[::-1]


def without_ids(notebook):
    for i, cell in enumerate(notebook.cells):
        cell.id = f"other-{i}"


@pytest.mark.parametrize(
    "change, notes",
    [
        (tampered, ["shift-test was changed: it was put back"]),
        (deleted("shift-test"), ["shift-test was deleted: it was put back"]),
        (
            deleted("setup", "goals"),
            ["goals was deleted: it was put back", "setup was deleted: it was put back"],
        ),
        (copied("shift-test"), ["shift-test was there 2 times: one is kept"]),
        (
            copied("setup", "import os"),
            ["setup was there 2 times: one is kept", "setup was changed: it was put back"],
        ),
        (converted("shift-test"), ["shift-test was turned into markdown: it is code again"]),
        (converted("shift"), ["shift was turned into markdown: it is code again"]),
        (converted("verdict"), ["verdict was turned into code: it is markdown again"]),
        (points, []),
        (reversed_order, []),
        (without_ids, []),
    ],
)
def test_what_was_done_to_the_cells_is_mended_and_said(change, notes):
    found = merged(change)
    assert found.notes == notes
    assert sources(found) == EXPECTED
    for cell, ours in zip(found.notebook.cells, LAB.released.cells, strict=True):
        assert cell.cell_type == ours.cell_type
        assert cell.metadata.get("nbgrader") == ours.metadata.get("nbgrader")


def test_a_deleted_answer_is_the_stub():
    found = merged(deleted("shift"))
    assert found.notes == ["shift was deleted: its points are lost"]
    assert "NotImplementedError" in small_lab.cell(found.notebook, "shift").source


def test_of_a_copied_answer_the_last_that_is_not_the_stub_counts_and_others_run_before_it():
    found = merged(copied("shift", "gradient = 1", before=True))
    assert found.notes == ["shift was there 2 times: the last answer counts"]
    place = small_lab.place(found.notebook, "shift")
    assert found.notebook.cells[place].source == small_lab.ANSWERS["shift"]
    assert found.notebook.cells[place - 1].source == "gradient = 1"
    assert "nbgrader" not in found.notebook.cells[place - 1].metadata
    stub = small_lab.cell(LAB.released, "shift").source
    found = merged(copied("shift", stub))  # a copy of the empty cell behind the answer
    assert small_lab.cell(found.notebook, "shift").source == small_lab.ANSWERS["shift"]


def test_own_cells_stay_behind_the_cell_that_they_came_after():
    def add(notebook):
        notebook.cells.insert(small_lab.place(notebook, "shift") + 1, own("after_shift = 1"))
        notebook.cells.insert(0, own("first = 1", "markdown"))
        notebook.cells.append(own("last = 1"))

    found = sources(merged(add))
    assert found[0] == "first = 1" and found[-1] == "last = 1"
    assert found[found.index("after_shift = 1") - 1] == small_lab.ANSWERS["shift"]


def test_an_answer_in_a_cell_of_its_own_runs_after_the_stub_that_it_replaces():
    def move(notebook):
        place = small_lab.place(notebook, "shift")
        notebook.cells[place] = own(small_lab.ANSWERS["shift"])

    found = merged(move)
    place = small_lab.place(found.notebook, "shift")
    assert "NotImplementedError" in found.notebook.cells[place].source
    assert found.notebook.cells[place + 1].source == small_lab.ANSWERS["shift"]


def test_plain_cells_are_the_students():
    def change(notebook):
        for cell in notebook.cells:
            if cell.id == "plain-code":
                cell.source = "a = 2"

    assert "a = 2" in sources(merged(change)) and "a = 1" not in sources(merged(change))

    def remove(notebook):
        notebook.cells = [c for c in notebook.cells if c.id != "plain-code"]

    assert sources(merged(remove)) == EXPECTED


def test_an_unknown_grade_id_is_a_cell_of_the_students_own():
    def add(notebook):
        notebook.cells.append(small_lab.graded("bonus", 100, "100.0"))

    found = merged(add)
    assert found.notebook.cells[-1].source == "100.0" and not found.notebook.cells[-1].metadata


@given(st.permutations(range(len(ANSWERED.cells))), st.data())
def test_whatever_happens_to_the_cells_tests_are_the_instructors(order, data):
    cells = merging.cells(ANSWERED)
    kept = [cells[i] for i in order for _ in range(data.draw(st.integers(0, 2)))]
    found = merging.merge(LAB, kept)
    nbformat.validate(found.notebook)
    graded = [c for c in found.notebook.cells if "nbgrader" in c.metadata]
    assert [release.grade_id(c) for c in graded] == [
        release.grade_id(c) for c in LAB.instructor.cells if release.grade_id(c)
    ]
    for cell in graded:
        name = release.grade_id(cell)
        if release.role(cell) in ("test", "read-only"):
            assert cell.source == small_lab.cell(LAB.instructor, name).source
        else:
            handed = any(c.grade_id == name for c in kept)
            source = ANSWERED if handed else LAB.released
            assert cell.source == small_lab.cell(source, name).source
