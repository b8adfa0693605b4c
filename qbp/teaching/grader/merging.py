"""Merging of a submission into the instructor's notebook: who has the last word on which cell.

Test and read-only cells are the instructor's, answers the student's; both stand where the instructor has
them.  A student's own cells stay behind the cell that they came after.  What had to be mended is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import nbformat
from nbformat import NotebookNode

from qbp._files import printable
from qbp.teaching.grader.submission import Cell
from qbp.teaching.release import grade_id, role, student_version

START = -1  # the place before the first cell


@dataclass(frozen=True)
class Lab:
    """An instructor notebook and its student version; the same cells in the same order.

    Attributes:
        name: of the lab.
        instructor: with solutions and hidden tests.
        released: without.
    """

    name: str
    instructor: NotebookNode
    released: NotebookNode

    @classmethod
    def of(cls, name: str, instructor: NotebookNode) -> "Lab":
        """Return a lab with the student version that nbgrader's steps make."""
        return cls(name, instructor, student_version(instructor))

    def untouched(self) -> list[Cell]:
        """Return the cells of the student version, as they are handed in by who did nothing."""
        return cells(self.released)


@dataclass
class Merged:
    """A notebook to be run.

    Attributes:
        notebook: in nbformat, without outputs.
        notes: what was mended, for teacher and student.
    """

    notebook: NotebookNode
    notes: list[str] = field(default_factory=list)


def cells(notebook: NotebookNode) -> list[Cell]:
    """Return the cells of a notebook of ours, as a submission has them."""
    return [Cell(c.cell_type, c.source, c.get("id", ""), grade_id(c)) for c in notebook.cells]


def merge(lab: Lab, handed: Sequence[Cell]) -> Merged:
    """Return the instructor's notebook with a student's answers and own cells.

    Args:
        lab: the lab.
        handed: cells of the submission, in its order.

    Returns:
        Test and read-only cells of the instructor, hidden tests included; answers by their `grade_id`, the
        last of several that are not the stub, the stub where there is none; cells without one as the student
        has them.  Cells of the instructor that are copied, moved, changed or gone are mended.
    """
    places = _places(lab, handed)
    chosen, notes = _chosen(lab, handed, places)
    after = _own(lab, handed, places, chosen)
    made: list[NotebookNode] = [_cell(c.kind, c.source) for c in after.get(START, [])]
    for i in range(len(lab.instructor.cells)):
        mine = handed[chosen[i]] if i in chosen else None
        made.append(_skeleton(lab, i, mine))
        notes += _note(lab, i, mine)
        made += [_cell(c.kind, c.source) for c in after.get(i, [])]
    notebook = nbformat.v4.new_notebook(cells=made)
    notebook.metadata = nbformat.from_dict(lab.released.metadata)
    return Merged(notebook, notes)


def _places(lab: Lab, handed: Sequence[Cell]) -> list[int | None]:
    """Return of each cell handed in which cell of the lab it is, None for a student's own."""
    named = {grade_id(c): i for i, c in enumerate(lab.instructor.cells) if grade_id(c)}
    plain = [i for i, c in enumerate(lab.released.cells) if role(c) == "plain"]
    by_id = {lab.released.cells[i].get("id"): i for i in plain}
    found: list[int | None] = []
    free = set(plain)
    for cell in handed:
        place = named.get(cell.grade_id)
        if place is None and not cell.grade_id:
            place = by_id.get(cell.id) if cell.id else None
            place = place if place in free else None
            free.discard(place if place is not None else START)
        found.append(place)
    for j, cell in enumerate(handed):  # Colab gives cells other names: the same text then
        if found[j] is None and not cell.grade_id:
            same = (i for i in sorted(free) if lab.released.cells[i].source.strip() == cell.source.strip())
            if (place := next(same, None)) is not None:
                found[j] = place
                free.discard(place)
    return found


def _chosen(
    lab: Lab, handed: Sequence[Cell], places: Sequence[int | None]
) -> tuple[dict[int, int], list[str]]:
    """Return which cell handed in is taken for each of the lab's, and what is said of copies."""
    chosen: dict[int, int] = {}
    notes = []
    several: dict[int, list[int]] = {}
    for j, place in enumerate(places):
        if place is not None:
            several.setdefault(place, []).append(j)
    for place, which in several.items():
        stub = lab.released.cells[place].source.strip()
        answers = [j for j in which if handed[j].source.strip() not in ("", stub)]
        chosen[place] = (answers or which)[-1]
        if len(which) > 1:
            name = grade_id(lab.released.cells[place])
            taken = (
                "the last answer counts" if role(lab.released.cells[place]) == "solution" else "one is kept"
            )
            notes.append(f"{name} was there {len(which)} times: {taken}")
    return chosen, notes


def _own(
    lab: Lab, handed: Sequence[Cell], places: Sequence[int | None], chosen: dict[int, int]
) -> dict[int, list[Cell]]:
    """Return a student's own cells by the cell of the lab that they stay behind.

    Where an answer is missing, cells around its place stay behind its stub: they may be the answer.
    """
    after: dict[int, list[Cell]] = {}
    here = START
    roles = [role(c) for c in lab.instructor.cells]
    for j, (cell, place) in enumerate(zip(handed, places, strict=True)):
        if place is not None and chosen[place] == j:
            here = place
            while here + 1 < len(roles) and roles[here + 1] == "solution" and here + 1 not in chosen:
                here += 1
        elif place is None or roles[place] in ("solution", "plain"):
            after.setdefault(here, []).append(cell)
    return after


def _skeleton(lab: Lab, i: int, mine: Cell | None) -> NotebookNode:
    """Return a cell of the lab, with the student's text where that has the last word."""
    ours, kind = lab.instructor.cells[i], role(lab.instructor.cells[i])
    source = ours.source
    if kind in ("solution", "written", "plain"):
        source = lab.released.cells[i].source if mine is None else mine.source
    metadata: dict[str, Any] = {}
    if kind != "plain":  # of a test the checksum with its hidden part is nobody's business
        metadata["nbgrader"] = lab.released.cells[i].metadata.nbgrader
    if "qbp" in ours.metadata:
        metadata["qbp"] = ours.metadata.qbp
    return _cell(mine.kind if kind == "plain" and mine else ours.cell_type, source, metadata)


def _note(lab: Lab, i: int, mine: Cell | None) -> list[str]:
    """Say what was mended at a cell of the lab."""
    released = lab.released.cells[i]
    kind, name = role(released), printable(grade_id(released))
    if kind == "plain":
        return []
    if mine is None:
        return [f"{name} was deleted: {'its points are lost' if kind == 'solution' else 'it was put back'}"]
    said = []
    if mine.kind != released.cell_type:
        said.append(f"{name} was turned into {mine.kind}: it is {released.cell_type} again")
    ours = (_text(cell.source) for cell in (released, lab.instructor.cells[i]))
    if kind in ("test", "read-only") and _text(mine.source) not in ours:
        said.append(f"{name} was changed: it was put back")
    return said


def _text(source: str) -> list[str]:
    """Return the lines of a text without what editors change by themselves."""
    return [line.rstrip() for line in source.strip().splitlines()]


def _cell(kind: str, source: str, metadata: dict[str, Any] | None = None) -> NotebookNode:
    new = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    return new.get(kind, nbformat.v4.new_raw_cell)(source, metadata=nbformat.from_dict(metadata or {}))
