"""Submissions: which file is whose, and a stranger's notebook read without trusting any of it."""

import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qbp._files import parse, printable

LARGEST = 20 * 2**20  # bytes of a file
CELLS = 2000
SOURCE = 200_000  # characters of a cell
_IGNORED = re.compile(r"[._].*|.*checkpoints?|.*~")


@dataclass(frozen=True)
class Cell:
    """What is taken from a cell of a submission: nothing but this.

    Attributes:
        kind: ``code``, ``markdown`` or ``raw``.
        source: its text.
        id: nbformat's, empty where there is none.
        grade_id: nbgrader's, empty where there is none.
    """

    kind: str
    source: str
    id: str = ""
    grade_id: str = ""


@dataclass(frozen=True)
class Handed:
    """The work of one student for one lab.

    Attributes:
        student: name of the folder, or the part of the file's name in front of the lab's.
        lab: name of the lab.
        path: the notebook; None where it is missing, or more than one could be meant.
        problem: why there is no path.
    """

    student: str
    lab: str
    path: Path | None
    problem: str = ""


def find(folder: Path, labs: Mapping[str, Path]) -> list[Handed]:
    """Return what was handed in, a line for each student and each lab that somebody handed in.

    ``STUDENT/LAB.ipynb``, ``STUDENT/LAB/LAB.ipynb`` (also a folder of nbgrader's) and ``STUDENT_LAB.ipynb``.
    A folder with ``LAB.ipynb`` or ``LAB/LAB.ipynb`` in it is that of one student, who has its name.

    Args:
        folder: of the submissions, or of one student.
        labs: the instructor notebook of each lab that may be there, by name.

    Raises:
        ValueError: it is no folder, holds no notebook of these labs, or holds those of the instructor.
    """
    if not folder.is_dir():
        raise ValueError(f"DIR must be a folder with submissions, got {str(folder)!r}")
    there: dict[tuple[str, str], list[Path]] = {}
    others: dict[str, list[str]] = {}
    for student, lab, path in _notebooks(folder, sorted(labs, key=len, reverse=True)):
        if lab:
            there.setdefault((student, lab), []).append(path)
        else:
            others.setdefault(student, []).append(path.name)
    students = {p.name for p in folder.iterdir() if p.is_dir() and not _IGNORED.fullmatch(p.name)} - set(labs)
    students |= {student for student, _ in there}
    handed_in = sorted({lab for _, lab in there})
    ours = {path.resolve() for path in labs.values()}
    if mine := next((path for paths in there.values() for path in paths if path.resolve() in ours), None):
        found = f"in which {printable(mine)} is the instructor's: the labs themselves are not graded"
        raise ValueError(f"DIR must be a folder of what students handed in, got {str(folder)!r}, {found}")
    if not handed_in:
        takes = "STUDENT/LAB.ipynb, STUDENT/LAB/LAB.ipynb, STUDENT_LAB.ipynb or one student's LAB.ipynb"
        raise ValueError(
            f"DIR must hold {takes} with LAB one of {', '.join(sorted(labs))}, got {str(folder)!r}"
        )
    return [
        _one(student, lab, there.get((student, lab), []), others.get(student, []))
        for student in sorted(students)
        for lab in handed_in
    ]


def _notebooks(folder: Path, labs: Collection[str]) -> Iterator[tuple[str, str, Path]]:
    """Yield student, lab (empty if it is none of ours) and path of each notebook."""
    own = folder.resolve().name or "student"
    for path in sorted(folder.glob("*.ipynb")):
        if path.stem in labs:
            yield own, path.stem, path
            continue
        lab = next((lab for lab in labs if path.stem.endswith(f"_{lab}") and path.stem != f"_{lab}"), "")
        if lab and not path.name.startswith("."):
            yield path.stem.removesuffix(f"_{lab}"), lab, path
    for below in ("*/*.ipynb", "*/*/*.ipynb"):
        for path in sorted(folder.glob(below)):
            inside = path.relative_to(folder).parts
            linked = any(above.is_symlink() for above in path.parents[: len(inside) - 1])
            if linked or any(_IGNORED.fullmatch(part) for part in inside):
                continue
            ours = path.stem in labs and (len(inside) == 2 or inside[1] == path.stem)
            student = own if inside[0] in labs else inside[0]  # nobody has the name of a lab
            yield student, path.stem if ours else "", path


def _one(student: str, lab: str, paths: list[Path], others: list[str]) -> Handed:
    if len(paths) == 1:
        return Handed(student, lab, paths[0])
    if paths:
        return Handed(student, lab, None, f"handed in {len(paths)} times: keep one of {_names(paths)}")
    near = [name for name in others if lab in name]
    more = f"; rename {near[0]!r} to {lab}.ipynb if it is meant" if near else ""
    return Handed(student, lab, None, f"nothing handed in{printable(more)}")


def _names(paths: list[Path]) -> str:
    return ", ".join(printable(f"{p.parent.name}/{p.name}") for p in paths)


def content(path: Path) -> bytes:
    """Return the bytes of a file that somebody else has written.

    Raises:
        ValueError: it is no plain file (a link, a pipe), cannot be read, or is too large.
    """
    try:
        there = path.lstat()
        if not stat.S_ISREG(there.st_mode):
            raise ValueError("it is not a plain file")
        if there.st_size > LARGEST:
            most = f"at most {LARGEST // 2**20} MB are read; clear its outputs"
            raise ValueError(f"the file has {there.st_size / 2**20:.0f} MB: {most}")
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None


def read(data: bytes) -> list[Cell]:
    """Return the cells of a notebook.

    Args:
        data: what is in the file, anything at all.

    Raises:
        ValueError: it is no notebook of format 4; the error says so in one line.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not a notebook: it is no text in UTF-8") from None
    if not text.strip():
        raise ValueError("the file is empty")
    notebook = parse(text, "the notebook")
    if notebook.get("nbformat") != 4:
        got = printable(repr(notebook.get("nbformat")))[:40]
        raise ValueError(f"the notebook must have nbformat 4, got {got}: open it in JupyterLab and save it")
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise ValueError("the notebook has no list of cells")
    if len(cells) > CELLS:
        raise ValueError(f"the notebook has {len(cells)} cells, at most {CELLS} are read")
    return [_cell(number, cell) for number, cell in enumerate(cells, 1)]


def _cell(number: int, cell: Any) -> Cell:
    """Return what is taken from a cell, if it is one."""
    if not isinstance(cell, Mapping) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        raise ValueError(f"cell {number} of the notebook is none")
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise ValueError(f"cell {number} of the notebook has no text")
    if len(source) > SOURCE:
        raise ValueError(
            f"cell {number} of the notebook has {len(source)} characters, at most {SOURCE} are read"
        )
    meta = cell.get("metadata")
    named = meta.get("nbgrader") if isinstance(meta, Mapping) else None
    name = named.get("grade_id") if isinstance(named, Mapping) else None
    own = cell.get("id")
    clean = source.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    return Cell(cell["cell_type"], clean, *(v if isinstance(v, str) else "" for v in (own, name)))
