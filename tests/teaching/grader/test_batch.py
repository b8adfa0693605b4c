"""A batch: mischief costs its own points, nothing ends it, and what was graded is not run again."""

import copy
import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import small_lab
from said import Said

from qbp.teaching import release
from qbp.teaching.grader import batch, merging, sandbox, submission, walls
from qbp.teaching.grader.sandbox import Executed, Limits

pytest.importorskip("nbgrader")
NAME = small_lab.NAME
LIMITS = Limits(minutes=1, seconds=3, memory=0.6, output=20_000, disk=20)
BODY = "def gradient(f, angle):\n    {}\n    return (f(angle + math.pi / 2) - f(angle - math.pi / 2)) / 2"


def answer(line):
    """The right answer with a line in front of it, which the test runs."""
    return {**small_lab.ANSWERS, "shift": BODY.format(line)}


NOISY = "import sys, warnings; print('careful', file=sys.stderr); warnings.warn('careful')"
# The student's answers, and the points of the two tests.
STUDENTS = {
    "clean": (small_lab.ANSWERS, (3, 2)),
    "endless": (answer("while True: pass"), (0, 2)),
    "hog": (answer("x = bytearray(10**10)"), (0, 2)),
    "noisy": (answer(NOISY), (3, 2)),
    "exit": (answer("raise SystemExit(1)"), (0, 2)),
    "killer": (answer("import os; os._exit(1)"), (0, 2)),
    "printer": (answer("[print('x' * 1000) for i in range(10**6)]"), (0, 2)),
}
CHANGES = {"tampered": ("tamper", "copy"), "deleted": ("delete",), "converted": ("convert",)}


def change(notebook, how):
    place = small_lab.place(notebook, "shift-test")
    if how == "tamper":
        notebook.cells[place].source = "3.0"
    elif how == "delete":
        del notebook.cells[place]
    elif how == "copy":
        notebook.cells.insert(place, copy.deepcopy(notebook.cells[place]))
    else:
        old = notebook.cells[place]
        notebook.cells[place] = nbformat.v4.new_markdown_cell(old.source, metadata=old.metadata)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A folder with the lab and a class that has handed it in."""
    folder = tmp_path_factory.mktemp("course")
    path = small_lab.write(folder / "source")
    released = release.student_version(release.read(path))

    def hand_in(student, notebook):
        where = folder / "in" / student / f"{NAME}.ipynb"
        where.parent.mkdir(parents=True)
        where.write_text(json.dumps(notebook))  # as it is, copies of cells included

    for student, (answers, _) in STUDENTS.items():
        hand_in(student, small_lab.handed(released, answers))
    for student, changes in CHANGES.items():
        notebook = small_lab.handed(released)
        for how in changes:
            change(notebook, how)
        hand_in(student, notebook)
    hand_in("untouched", released)
    (folder / "in" / "broken").mkdir()
    (folder / "in" / "broken" / f"{NAME}.ipynb").write_text('{"cells": [')
    (folder / "in" / "absent").mkdir()
    return folder


@pytest.fixture(scope="module")
def graded(course):
    """The lines of the whole class, by student."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walls, "_made", lambda: ())
        lines = work(course).grade(jobs=2)
    return {line.student: line for line in lines}


def work(course, limits=LIMITS):
    labs = {NAME: course / "source" / NAME / f"{NAME}.ipynb"}
    return batch.Batch(submission.find(course / "in", labs), labs, course / "out", limits)


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def scores(line):
    return tuple(p.score for p in line.graded.points if p.name != "verdict")


@pytest.mark.parametrize("student", STUDENTS)
def test_mischief_costs_its_own_points_only(graded, student):
    assert scores(graded[student]) == STUDENTS[student][1], graded[student].graded


@pytest.mark.parametrize("student", CHANGES)
def test_what_was_done_to_a_test_is_mended_and_costs_nothing(graded, student):
    assert scores(graded[student]) == (3, 2)
    notes = graded[student].graded.notes
    assert len(notes) == len(CHANGES[student]) and all(n.startswith("shift-test was ") for n in notes)


def test_who_did_nothing_has_no_points_and_no_crash(graded):
    line = graded["untouched"]
    assert scores(line) == (0, 0) and line.graded.of == 9 and line.graded.notes == () and not line.failed


def test_a_file_that_cannot_be_read_and_one_that_is_missing_are_lines_of_their_own(graded):
    broken, absent = graded["broken"], graded["absent"]
    assert broken.failed and broken.graded.notes[0].startswith("the notebook cannot be read: ")
    assert absent.graded.notes == ("nothing handed in",) and not absent.failed
    assert scores(broken) == scores(absent) == (0, 0)


def test_tables_have_a_line_for_each_and_a_page_for_each_that_ran(graded, course):
    rows = {r["student"]: r for r in table(course / "out" / "grades.csv")}
    assert rows.keys() == graded.keys()
    assert rows["clean"]["total"] == "5" and rows["clean"]["of"] == "5" and rows["clean"]["to_read"] == "4"
    assert rows["killer"]["notes"] == "shift-test was stopped: it ended the kernel"
    by_cell = {r["student"]: r for r in table(course / "out" / f"{NAME}.csv")}
    assert list(by_cell["exit"])[:5] == ["student", "lab", "shift-test", "choice-test", "verdict"]
    assert [by_cell["exit"][n] for n in ("shift-test", "choice-test", "verdict")] == ["0", "2", ""]
    pages = {p.parent.name for p in (course / "out" / "feedback").glob(f"*/{NAME}.html")}
    assert pages == graded.keys() - {"broken", "absent"}
    assert "3 of 3" in (course / "out" / "feedback" / "clean" / f"{NAME}.html").read_text()


def refuse(*args, **options):
    raise AssertionError("it is run again")


def test_what_was_graded_is_not_run_again_until_something_changes(graded, course, monkeypatch):
    monkeypatch.setattr(sandbox.Sandbox, "run", refuse)
    again = {line.student: line for line in work(course).grade()}
    assert {s: x.graded for s, x in again.items()} == {s: x.graded for s, x in graded.items()}
    moved = work(course, Limits(minutes=2))
    clean = next(h for h in moved.handed if h.student == "clean")
    line = moved.one(clean)
    assert line.failed and "AssertionError: it is run again" in line.graded.notes[0]
    (course / "out" / "state" / "clean" / f"{NAME}.json").write_text("{")  # a file that was cut
    assert work(course).one(clean).failed
    fits = next(h for h in moved.handed if h.student == "hog")
    path = course / "source" / NAME / f"{NAME}.ipynb"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"A small lab", b"A smaller lab"))
    assert work(course).one(fits).failed
    path.write_bytes(before)
    assert not work(course).one(fits).failed


def test_an_interrupt_keeps_what_is_done_and_ends_what_runs(graded, course, tmp_path, monkeypatch):
    began = []

    def run(self, cells, seconds=None):
        began.append(1)
        if len(began) == 3:
            raise KeyboardInterrupt
        return Executed([[] for _ in cells])

    monkeypatch.setattr(sandbox.Sandbox, "run", run)
    labs = {NAME: course / "source" / NAME / f"{NAME}.ipynb"}
    found = batch.Batch(submission.find(course / "in", labs), labs, tmp_path / "out", LIMITS)
    with pytest.raises(KeyboardInterrupt):
        found.grade()
    rows = table(tmp_path / "out" / "grades.csv")
    assert {"absent", "broken"} <= {r["student"] for r in rows} and len(rows) < len(found.handed)
    assert found.sandbox._stop.is_set()


def test_the_leaderboard_is_sorted_and_no_name_is_a_formula(tmp_path):
    points = (batch.Points("a", 1.0, 1.0),)

    def line(student, **numbers):
        return batch.Line(student, "6-x", batch.Graded(points, (), numbers))

    lines = [
        line("=b", error=0.2, evaluations=9.0),
        line("a", error=0.2, evaluations=8.0),
        line("c", error=0.1),
    ]
    batch._table(tmp_path / "x.csv", *batch._board(lines))
    assert (tmp_path / "x.csv").read_text() == "student,error,evaluations\nc,0.1,\na,0.2,8\n'=b,0.2,9\n"


def executed_from(course):
    """A sandbox that runs nothing: the outputs of a student with all points."""

    def run(self, cells, seconds=None):
        value = {"output_type": "execute_result", "execution_count": 1, "metadata": {}}
        return Executed([[{**value, "data": {"text/plain": "2.0"}}] for _ in cells], {}, 1.0)

    return run


def test_the_command_prints_lines_or_one_object(course, tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox.Sandbox, "run", executed_from(course))
    words = ["grade", course / "in", "--source", course / "source", "--out", tmp_path / "out"]
    said = Said(*words)
    assert said.status == 1  # one file could not be read
    assert "sandbox: " in said.err and "fake the score of its own lab" in said.err
    assert "4 of 5, 4 to be read" in said.out and said.out.endswith("grades.csv\n")
    found = json.loads(Said(*words, "--json").out)
    assert found.keys() == {"sandbox", "out", "rows"}
    clean = next(row for row in found["rows"] if row["student"] == "clean")
    assert clean["cells"]["shift-test"] == {"score": 2.0, "of": 3.0} and clean["to_read"] == 4
    made = Said("labs", "--source", course / "source", "--out", tmp_path / "labs")
    assert (made.status, made.out) == (0, f"{tmp_path / 'labs' / NAME}.zip\n")
    made = Said("labs", NAME, "--source", course / "source", "--out", tmp_path / "labs", "--json")
    assert json.loads(made.out) == {"released": [f"{tmp_path / 'labs' / NAME}.zip"]}


@pytest.mark.parametrize(
    "words, said",
    [
        (["grade", "nowhere"], "DIR must be a folder with submissions, got 'nowhere'"),
        (["grade", "source"], "DIR must be a folder of what students handed in, got 'source', in which"),
        (["grade", "in", "--jobs", "0"], "jobs must be at least 1, got 0"),
        (["grade", "in", "--minutes", "0"], "minutes must be a finite number, above 0, got 0"),
        (["grade", "in", "--memory", "nan"], "memory must be a finite number, above 0, got nan"),
        (["grade", "in", "--source", "nowhere"], "no labs found: there is no folder nowhere"),
        (["labs", "--source", "nowhere"], "no labs found: there is no folder nowhere"),
        (["labs", "0-smal"], "LAB must be one of 0-small, got '0-smal'; did you mean '0-small'?"),
    ],
)
def test_bad_input_is_one_line_and_status_2(course, monkeypatch, words, said):
    monkeypatch.chdir(course)
    source = [] if "--source" in words else ["--source", "source"]
    found = Said(*words, *source)
    assert (found.status, found.out) == (2, "") and found.err.count("\n") == 1
    assert found.err.startswith(f"qbp {words[0]}: error: ") and said in found.err


def test_without_nbgrader_there_is_one_clear_line(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for words in (["labs"], ["grade", "in"]):
        found = Said(*words)
        assert found.status == 2 and found.err.count("\n") == 1
        assert "labs need the package nbgrader: install the extra, pip install '.[labs]'" in found.err


def nbgrader(course, *words):
    bin = str(Path(sys.executable).parent)  # the first call runs alembic
    env = {**os.environ, "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *words], cwd=course, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.labs
def test_nbgraders_own_commands_release_the_same_and_give_the_same_points(course, tmp_path, monkeypatch):
    monkeypatch.setattr(walls, "_made", lambda: ())
    shutil.copytree(course / "source", tmp_path / "source")
    nbgrader(tmp_path, "generate_assignment", NAME)
    ours = release.student_version(release.read(course / "source" / NAME / f"{NAME}.ipynb"))
    theirs = nbformat.read(tmp_path / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    assert merging.cells(theirs) == merging.cells(ours)
    for student in ("clean", "untouched"):
        where = tmp_path / "submitted" / student / NAME
        where.mkdir(parents=True)
        shutil.copy(course / "in" / student / f"{NAME}.ipynb", where)
    nbgrader(tmp_path, "autograde", NAME)
    from nbgrader.api import Gradebook

    ours_in = work(course)
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as book:
        for student in ("clean", "untouched"):
            grades = book.find_submission_notebook(NAME, NAME, student).grades
            found = {g.name: g.auto_score for g in grades}
            (handed,) = (h for h in ours_in.handed if h.student == student)
            assert found == {p.name: p.score for p in ours_in.one(handed).graded.points}
