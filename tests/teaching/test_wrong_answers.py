"""The labs themselves: the instructor has all points, the untouched lab none, a wrong answer what it should.

All of it runs under `make labtest`: minutes.  The small lab of the other tests shows here that the fast
runner of these tests and the sandbox give the same points.
"""

import copy
import csv
import tomllib
from pathlib import Path

import answers
import nbformat
import pytest
import small_lab

from qbp.teaching import layout, release
from qbp.teaching.grader import merging, scoring, walls
from qbp.teaching.grader.sandbox import Limits, Sandbox

pytest.importorskip("nbgrader")
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = [HERE / "wrong_answers.toml", *sorted((HERE / "wrong").glob("*.toml"))]
WRONG = [entry for path in FILES for entry in tomllib.loads(path.read_text()).get("answer", [])]
LABS = layout.labs() if layout.SOURCE.is_dir() else {}
KEYS = {"lab", "name", "edits", "replace", "actions", "points", "sandbox"}
ACTIONS = ("delete", "copy", "tamper", "convert")


def solved(lab):
    """The student version with the instructor's answers."""
    made = copy.deepcopy(lab.released)
    for cell, ours in zip(made.cells, lab.instructor.cells, strict=True):
        if release.role(ours) in ("solution", "written"):
            cell.source = ours.source
    return made


def answered(lab, entry):
    """The student version with a wrong answer of wrong_answers.toml."""
    made = solved(lab)
    for name, source in entry.get("edits", {}).items():
        small_lab.cell(made, name).source = source.strip("\n")
    for name, (old, new) in entry.get("replace", {}).items():
        cell = small_lab.cell(made, name)
        assert old in cell.source, f"{name} has no {old!r}"
        cell.source = cell.source.replace(old, new)
    for name, action in entry.get("actions", {}).items():
        act(made, name, action)
    return made


def act(notebook, name, action):
    place = small_lab.place(notebook, name)
    cell = notebook.cells[place]
    if action == "delete":
        del notebook.cells[place]
    elif action == "copy":
        notebook.cells.insert(place, copy.deepcopy(cell))
    elif action == "tamper":
        cell.source = str(float(cell.metadata.nbgrader["points"]))
    else:
        assert action == "convert", f"an action is one of {ACTIONS}, not {action!r}"
        text = nbformat.v4.new_markdown_cell if cell.cell_type == "code" else nbformat.v4.new_code_cell
        notebook.cells[place] = text(cell.source, metadata=cell.metadata)


def merged(lab, notebook):
    """What is run of a submission: the notebook, and the sources of its code cells."""
    made = merging.merge(lab, merging.cells(notebook)).notebook
    return made, [made.cells[i].source for i in scoring.code(made)]


def points(notebook, executed):
    scoring.fill(notebook, executed)
    return {p.name: p.score for p in scoring.grade(notebook, executed).points}


def full(lab):
    cells = (c for c in lab.instructor.cells if release.role(c) == "test")
    return {release.grade_id(c): float(c.metadata.nbgrader["points"]) for c in cells}


def by_tests(lab, found):
    return {name: found[name] for name in full(lab)}


def fast(lab, notebooks):
    """Points of several submissions, the first one run once for what the others share with it."""
    made = [merged(lab, notebook) for notebook in notebooks]
    trunk, *others = (sources for _, sources in made)
    executed = answers.run(trunk, others)
    return [points(notebook, done) for (notebook, _), done in zip(made, executed, strict=True)]


def sandboxed(lab, notebook, limits):
    made, sources = merged(lab, notebook)
    asked = (made.cells[i].metadata.get("qbp", {}).get("seconds") for i in scoring.code(made))
    seconds = {k: s for k, s in enumerate(asked) if s}
    return points(made, Sandbox(limits).run(sources, seconds))


SMALL = [
    {"replace": {"shift": ["halves / 2", "halves"]}, "points": {"shift-test": 0}},
    {"replace": {"shift": ["+ math.pi", "+ 1 + math.pi"]}, "points": {"shift-test": 0}},
    {"edits": {"shift": "def gradient(f, angle):\n    return -math.sin(angle)"}, "points": {"shift-test": 1}},
    {
        "edits": {"shift": "import sys; sys.exit(1)", "choice": "1 +"},
        "points": {"shift-test": 0, "choice-test": 0},
    },
    {"actions": {"shift": "delete"}, "points": {"shift-test": 0}},
    {"actions": {"shift": "copy", "choice-test": "copy"}, "points": {}},
    {"actions": {"shift-test": "tamper", "choice": "delete"}, "points": {"choice-test": 0}},
    {"actions": {"shift-test": "convert", "shift": "convert", "setup": "convert"}, "points": {}},
    {"edits": {"choice": "import os; prediction = os._exit(0)"}, "points": {"choice-test": 0}},
]


def test_the_fast_runner_gives_the_points_of_the_sandbox(monkeypatch):
    monkeypatch.setattr(walls, "_made", lambda: ())
    lab = merging.Lab.of(small_lab.NAME, small_lab.instructor())
    notebooks = [solved(lab), lab.released, *(answered(lab, entry) for entry in SMALL)]
    found = [by_tests(lab, each) for each in fast(lab, notebooks)]
    assert found[:2] == [full(lab), dict.fromkeys(full(lab), 0)]
    for entry, got in zip(SMALL, found[2:], strict=True):
        assert got == full(lab) | entry["points"], entry
    for i in (0, 1, 5, -1):
        assert by_tests(lab, sandboxed(lab, notebooks[i], Limits(minutes=1, seconds=5))) == found[i]


def test_wrong_answers_say_what_is_needed():
    for entry in WRONG:
        assert entry.keys() <= KEYS and {"lab", "name", "points"} <= entry.keys(), entry
        assert {"edits", "replace", "actions"} & entry.keys(), entry
        assert entry["lab"] in LABS, entry
    names = [(entry["lab"], entry["name"]) for entry in WRONG]
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def table():
    """Where the points are written down, expected and given."""
    path = ROOT / "_build" / "labs-points"
    path.mkdir(parents=True, exist_ok=True)
    return path


def written(path, name, rows):
    with (path / f"{name}.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("answer", "graded cell", "expected", "given"), *rows])


@pytest.mark.labs
@pytest.mark.parametrize("name", LABS)
def test_points_of_a_lab(name, table):
    lab = merging.Lab.of(name, release.read(LABS[name]))
    entries = [e for e in WRONG if e["lab"] == name and not e.get("sandbox")]
    said = ["the instructor's", "untouched", *(e["name"] for e in entries)]
    found = fast(lab, [solved(lab), lab.released, *(answered(lab, e) for e in entries)])
    nothing = dict.fromkeys(full(lab), 0.0)
    expected = [full(lab), nothing, *(full(lab) | e["points"] for e in entries)]
    rows = [
        (each, cell, value, got.get(cell))
        for each, wanted, got in zip(said, expected, found, strict=True)
        for cell, value in wanted.items()
    ]
    written(table, name, rows)
    assert [row for row in rows if row[2] != pytest.approx(row[3])] == []


@pytest.mark.labs
@pytest.mark.parametrize("name", LABS)
def test_the_sandbox_gives_the_instructor_all_points_in_time(name):
    lab = merging.Lab.of(name, release.read(LABS[name]))
    assert by_tests(lab, sandboxed(lab, solved(lab), Limits(minutes=5))) == full(lab)


@pytest.mark.labs
@pytest.mark.parametrize(
    "entry", [e for e in WRONG if e.get("sandbox")], ids=lambda e: f"{e['lab']}: {e['name']}"
)
def test_hostile_answers_cost_their_own_points(entry, table):
    lab = merging.Lab.of(entry["lab"], release.read(LABS[entry["lab"]]))
    found = by_tests(lab, sandboxed(lab, answered(lab, entry), Limits(minutes=4, seconds=30)))
    expected = full(lab) | entry["points"]
    rows = [(entry["name"], cell, value, found[cell]) for cell, value in expected.items()]
    written(table, f"{entry['lab']}: {entry['name']}".replace("/", " "), rows)
    assert found == pytest.approx(expected)


@pytest.mark.labs
@pytest.mark.parametrize("name", LABS)
def test_a_release_of_the_labs_tells_no_answer(name):
    made = release.files(name, LABS[name])
    assert set(made) == {f"{name}.ipynb", "README.md"}
    assert release.leaks(release.read(LABS[name]), made) == []
