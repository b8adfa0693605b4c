"""Scoring of an executed notebook: nbgrader's rule, guarded where it gives points away.

nbgrader 0.9.6 counts a NumPy number, a text, a negative number, nan or no value at all as full points, stops
at a number above the points, and counts a cell that wrote to standard error as zero.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import nbformat
from nbformat import NotebookNode

from qbp._files import printable
from qbp.teaching.grader.sandbox import Executed
from qbp.teaching.release import gives_value, grade_id, role

_NUMPY = re.compile(r"np\.\w+\((.*)\)")
_LEADERBOARD = "leaderboard:"


@dataclass(frozen=True)
class Points:
    """Points of one graded cell.

    Attributes:
        name: its `grade_id`.
        score: points given; None where a person has to read the answer.
        of: points that it is worth.
        why: what kept it from being tested, empty otherwise.
    """

    name: str
    score: float | None
    of: float
    why: str = ""


@dataclass(frozen=True)
class Graded:
    """What a lab of a student is worth.

    Attributes:
        points: of each graded cell, in the lab's order.
        notes: what was mended, stopped or ignored.
        leaderboard: the numbers of the line that begins with ``leaderboard:``, if there is one.
    """

    points: tuple[Points, ...]
    notes: tuple[str, ...] = ()
    leaderboard: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Points given by the tests."""
        return math.fsum(p.score for p in self.points if p.score is not None)

    @property
    def of(self) -> float:
        """Points that the tests can give."""
        return math.fsum(p.of for p in self.points if p.score is not None)

    @property
    def unread(self) -> float:
        """Points of answers that a person has to read."""
        return math.fsum(p.of for p in self.points if p.score is None)


def code(notebook: NotebookNode) -> list[int]:
    """Return the indices of the code cells."""
    return [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def fill(notebook: NotebookNode, executed: Executed) -> None:
    """Put the outputs of the code cells into a notebook.

    Args:
        notebook: as :func:`qbp.teaching.grader.merging.merge` made it.
        executed: what became of its code cells.
    """
    for i, outputs in zip(code(notebook), executed.outputs, strict=True):
        notebook.cells[i].outputs = [nbformat.from_dict(output) for output in outputs]


def grade(notebook: NotebookNode, executed: Executed, notes: Sequence[str] = ()) -> Graded:
    """Return the points of an executed notebook.

    Args:
        notebook: with its outputs, see :func:`fill`.
        executed: what became of its code cells.
        notes: what was mended before it ran.
    """
    stopped = {i: executed.stopped[k] for k, i in enumerate(code(notebook)) if k in executed.stopped}
    said = [executed.failure] if executed.failure else []
    points = []
    for i, cell in enumerate(notebook.cells):
        if role(cell) in ("test", "written"):
            points.append(_points(cell, stopped.get(i, "")))
    said += [f"{_where(notebook, i)} was stopped: {why}" for i, why in _summed(stopped)]
    said += [f"{p.name}: {p.why}" for p in points if p.why and p.why not in stopped.values()]
    return Graded(tuple(points), (*notes, *map(printable, said)), _leaderboard(notebook))


def _summed(stopped: Mapping[int, str]) -> list[tuple[int, str]]:
    """Return the cells that were stopped; of those that were not run because of it, the first."""
    unrun = [i for i, why in stopped.items() if why.startswith("not run")]
    return [(i, why) for i, why in stopped.items() if i not in unrun[1:]]


def _where(notebook: NotebookNode, i: int) -> str:
    return grade_id(notebook.cells[i]) or f"cell {i + 1}"


def _points(cell: NotebookNode, stopped: str) -> Points:
    """Return what one graded cell is worth."""
    from nbgrader.utils import determine_grade

    name, of = grade_id(cell), float(cell.metadata.nbgrader["points"])
    if role(cell) == "written":
        return Points(name, determine_grade(cell)[0], of)
    if stopped:
        return Points(name, 0.0, of, stopped)
    results = [o for o in cell.outputs if o.output_type == "execute_result"]
    if results:  # a warning of a library is no error
        cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
        shown = str(results[0].get("data", {}).get("text/plain", ""))
        number = _number(shown)
        if not 0 <= number <= of + 1e-9:  # nan too
            return Points(name, 0.0, of, f"its value is no number from 0 to {of:g}: {shown[:40]!r}")
        results[0].data["text/plain"] = repr(min(number, of))
    elif gives_value(cell.source) and not any(o.output_type == "error" for o in cell.outputs):
        return Points(name, 0.0, of, "it showed no value")
    return Points(name, float(determine_grade(cell)[0]), of)


def _number(text: str) -> float:
    """Return the number that a cell showed, NumPy's too; nan for anything else."""
    inside = _NUMPY.fullmatch(text.strip())
    try:
        return float(inside[1] if inside else text)
    except ValueError:
        return math.nan


def _leaderboard(notebook: NotebookNode) -> dict[str, float]:
    """Return the numbers of the last leaderboard line that a cell of the lab printed."""
    found: dict[str, float] = {}
    for cell in notebook.cells:
        if cell.cell_type != "code" or role(cell) not in ("test", "read-only"):
            continue
        printed = "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout")
        for line in printed.splitlines():
            if line.startswith(_LEADERBOARD):
                found = _numbers(line.removeprefix(_LEADERBOARD)) or found
    return found


def _numbers(text: str) -> dict[str, float]:
    """Return the finite numbers of a JSON object."""
    try:
        given: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(given, dict):
        return {}
    numbers = {k: v for k, v in given.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    return {printable(k)[:40]: float(v) for k, v in numbers.items() if abs(v) < 1e300}
