"""A lab of two exercises that loads no torch, and what students may do to it, for the tests of the grader."""

import copy
from pathlib import Path

import nbformat

NAME = "0-small"
TOTAL = 5.0  # points of the tests, with their hidden parts

SHIFT = """def gradient(f, angle):
    ### BEGIN SOLUTION
    halves = f(angle + math.pi / 2) - f(angle - math.pi / 2)
    return halves / 2
    ### END SOLUTION"""
SHIFT_TEST = """score = Score(3)
with score.part(1, "the gradient of cos", hint="Which two angles does the rule compare?"):
    close(gradient(math.cos, 0.3), -math.sin(0.3), what="the gradient")
### BEGIN HIDDEN TESTS
with score.part(2, "the gradient of sin"):
    close(gradient(math.sin, 1.1), math.cos(1.1), what="the gradient")
### END HIDDEN TESTS
score.total()"""
CHOICE = """prediction = None  # "a" or "b"
### BEGIN SOLUTION
prediction = "b"
### END SOLUTION"""
CHOICE_TEST = """score = Score(2)
with score.part(2, "a choice was made"):
    assert prediction in ("a", "b"), "choose"
score.total()"""
SETUP = """import math


class Score:
    def __init__(self, points):
        self.given = 0.0

    def part(self, points, what, hint=""):
        import contextlib

        @contextlib.contextmanager
        def block():
            try:
                yield
                self.given += points
                print(f"{points} of {points}: {what}")
            except Exception as error:
                print(f"0 of {points}: {what}: {error}")

        return block()

    def total(self):
        return float(self.given)


def close(got, expected, what=""):
    assert abs(got - expected) < 1e-6, f"{what}: expected {expected}, got {got}"
"""


def graded(name, points, source, kind="code", **more):
    meta = {"schema_version": 3, "grade_id": name, "grade": points > 0, "solution": False, "locked": True}
    meta |= {"task": False, **({"points": points} if points else {}), **more}
    new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    return new(source, metadata={"nbgrader": meta}, id=name)


def solution(name, source):
    return graded(name, 0, source, solution=True, locked=False)


def instructor():
    """The instructor notebook."""
    text = nbformat.v4.new_markdown_cell
    cells = [
        graded("goals", 0, "# A small lab", "markdown"),
        graded("setup", 0, SETUP),
        text("Yours to change.", id="plain-text"),
        nbformat.v4.new_code_cell("a = 1", id="plain-code"),
        solution("shift", SHIFT),
        graded("shift-test", 3, SHIFT_TEST),
        solution("choice", CHOICE),
        graded("choice-test", 2, CHOICE_TEST),
        graded("verdict", 4, "It is supported.", "markdown", solution=True, locked=False),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def write(folder, notebook=None, name=NAME):
    """Write an instructor notebook as `labs/source` has it; return its path."""
    path = Path(folder, name, f"{name}.ipynb")
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook or instructor(), path)
    return path


ANSWERS = {
    "shift": "def gradient(f, angle):\n    return (f(angle + math.pi / 2) - f(angle - math.pi / 2)) / 2",
    "choice": 'prediction = "a"',
    "verdict": "I think so.",
}


def handed(released, answers=ANSWERS):
    """A copy of the student version with answers: {grade_id: source}."""
    made = copy.deepcopy(released)
    for name, source in answers.items():
        cell(made, name).source = source
    return made


def cell(notebook, name):
    return notebook.cells[place(notebook, name)]


def place(notebook, name):
    ids = [c.metadata.get("nbgrader", {}).get("grade_id") for c in notebook.cells]
    return ids.index(name)
