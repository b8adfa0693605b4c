"""Grading of a folder of submissions: each in the sandbox, points as tables, a page of feedback for each.

What was graded is not run again while notebook, lab, limits and package are the same.  Nothing that a
submission does ends the batch: what goes wrong is in the notes of its own line.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import nbformat

from qbp import __version__, _checks
from qbp._files import parse, printable, write
from qbp.teaching import release
from qbp.teaching.grader import feedback, merging, scoring, submission
from qbp.teaching.grader.sandbox import Limits, Sandbox
from qbp.teaching.grader.scoring import Graded, Points
from qbp.teaching.grader.submission import Handed

SCHEMA = 1  # of what is stored; another number, and everything is graded again
HEAD = ("student", "lab", "total", "of", "to_read", "seconds", "notes")


@dataclass(frozen=True)
class Line:
    """One line of the grades: a student and a lab.

    Attributes:
        student: name.
        lab: name.
        graded: points and notes; no points where the notebook could not be read.
        seconds: that its run took.
        key: digest of all that the points depend on.
        failed: whether somebody has to look: it could not be read or run.
    """

    student: str
    lab: str
    graded: Graded
    seconds: float = 0.0
    key: str = ""
    failed: bool = False

    def json(self) -> dict[str, Any]:
        """Return the line as ``qbp grade --json`` prints it."""
        g = self.graded
        return {
            "student": self.student,
            "lab": self.lab,
            "cells": {p.name: {"score": p.score, "of": p.of} for p in g.points},
            "total": g.total,
            "of": g.of,
            "to_read": g.unread,
            "seconds": round(self.seconds, 1),
            "notes": list(g.notes),
            "leaderboard": dict(g.leaderboard),
            "failed": self.failed,
        }


class Batch:
    """A folder of submissions, and where its grades go.

    Args:
        handed: what was handed in, see :func:`qbp.teaching.grader.submission.find`.
        labs: instructor notebook of each lab.
        out: folder of the grades, made if it is not there.
        limits: of each run.
        kind: of the walls, by default the best that works.

    Raises:
        ValueError: an instructor notebook is not as it should be.
    """

    def __init__(
        self,
        handed: Sequence[Handed],
        labs: Mapping[str, Path],
        out: Path,
        limits: Limits | None = None,
        kind: str | None = None,
    ) -> None:
        used = {one.lab for one in handed}
        self.labs = {n: merging.Lab.of(n, release.read(p)) for n, p in labs.items() if n in used}
        self.handed, self.out = handed, out
        self.sandbox = Sandbox(limits, kind)
        self._lab_keys = {n: _digest(nbformat.writes(lab.instructor)) for n, lab in self.labs.items()}

    def grade(self, jobs: int = 1, done: Callable[[Line], object] = lambda line: None) -> list[Line]:
        """Grade everything that has not been graded, write tables and pages, and return all lines.

        Args:
            jobs: runs at a time.
            done: called with each line as it is ready.

        Raises:
            KeyboardInterrupt: after the runs were ended and the tables of what was done were written.
        """
        _checks.integer("jobs", jobs)
        lines: dict[Handed, Line] = {}
        pool = ThreadPoolExecutor(jobs)
        try:
            waiting: dict[Future[Line], Handed] = {pool.submit(self.one, each): each for each in self.handed}
            while waiting:
                for future in wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED).done:
                    lines[waiting[future]] = future.result()
                    done(lines[waiting.pop(future)])
        except BaseException:
            self.sandbox.stop()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            ordered = [lines[each] for each in self.handed if each in lines]
            self._write(ordered)
        return ordered

    def one(self, handed: Handed) -> Line:
        """Grade one submission, or take the points that it was given before."""
        if handed.path is None:
            missing = handed.problem.startswith("nothing")
            return self._nothing(handed, handed.problem, failed=not missing)
        try:
            data = submission.content(handed.path)
        except ValueError as error:
            return self._nothing(handed, str(error))
        key = self._key(handed, data)
        if (stored := self._stored(handed, key)) is not None:
            return stored
        try:
            cells = submission.read(data)
        except ValueError as error:
            return self._nothing(handed, str(error))
        try:
            line = replace(self._run(handed, cells), key=key)
        except Exception as error:  # a mistake of ours: the others are graded all the same
            return self._nothing(handed, f"the grader stopped with {type(error).__name__}: {error}")
        if not line.failed:
            self._store(line)
        return line

    def _run(self, handed: Handed, cells: Sequence[submission.Cell]) -> Line:
        lab = self.labs[handed.lab]
        merged = merging.merge(lab, cells)
        notebook = merged.notebook
        which = scoring.code(notebook)
        own = {k: _seconds(notebook.cells[i]) for k, i in enumerate(which)}
        executed = self.sandbox.run(
            [notebook.cells[i].source for i in which], {k: s for k, s in own.items() if s is not None}
        )
        scoring.fill(notebook, executed)
        graded = scoring.grade(notebook, executed, merged.notes)
        page = feedback.page(handed.student, handed.lab, notebook, graded)
        self._put("feedback", handed, ".html", page)
        return Line(handed.student, handed.lab, graded, executed.seconds, failed=bool(executed.failure))

    def _nothing(self, handed: Handed, why: str, *, failed: bool = True) -> Line:
        """Return the line of a lab that could not be graded: none of its points."""
        lab = self.labs[handed.lab]
        graded = [c for c in lab.instructor.cells if release.role(c) in ("test", "written")]
        points = (Points(release.grade_id(c), 0.0, float(c.metadata.nbgrader["points"])) for c in graded)
        return Line(handed.student, handed.lab, Graded(tuple(points), (printable(why),)), failed=failed)

    def _key(self, handed: Handed, data: bytes) -> str:
        parts = [
            SCHEMA,
            __version__,
            self._lab_keys[handed.lab],
            asdict(self.sandbox.limits),
            self.sandbox.kind,
        ]
        return _digest(json.dumps(parts) + hashlib.sha256(data).hexdigest())

    def _stored(self, handed: Handed, key: str) -> Line | None:
        """Return what was given before, if nothing has changed since."""
        path = _path(self.out / "state", handed, ".json")
        try:
            found = parse(path.read_bytes(), str(path))
            if found.pop("key") != key or not _path(self.out / "feedback", handed, ".html").exists():
                return None
            points = tuple(Points(**p) for p in found["points"])
            graded = Graded(points, tuple(found["notes"]), found["leaderboard"])
            return Line(handed.student, handed.lab, graded, found["seconds"], key)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _store(self, line: Line) -> None:
        found = {
            "key": line.key,
            "points": [asdict(p) for p in line.graded.points],
            "notes": line.graded.notes,
            "leaderboard": dict(line.graded.leaderboard),
            "seconds": line.seconds,
        }
        self._put("state", line, ".json", json.dumps(found))

    def _put(self, folder: str, whose: Handed | Line, ending: str, text: str) -> None:
        path = _path(self.out / folder, whose, ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, text.encode("utf-8", "replace"))

    def _write(self, lines: Sequence[Line]) -> None:
        """Write the tables: all labs in short, each lab by cell, and leaderboards."""
        self.out.mkdir(parents=True, exist_ok=True)
        _table(self.out / "grades.csv", HEAD, (_short(line) for line in lines))
        for name, lab in self.labs.items():
            of_lab = [line for line in lines if line.lab == name]
            ids = [
                release.grade_id(c) for c in lab.instructor.cells if release.role(c) in ("test", "written")
            ]
            rows = ([*_short(x)[:2], *_by_cell(x, ids), *_short(x)[2:]] for x in of_lab)
            _table(self.out / f"{name}.csv", [*HEAD[:2], *ids, *HEAD[2:]], rows)
            if entered := [line for line in of_lab if line.graded.leaderboard]:
                _table(self.out / f"{name}-leaderboard.csv", *_board(entered))


def _seconds(cell: nbformat.NotebookNode) -> float | None:
    """Return the time that a cell of the lab asks for."""
    value = cell.metadata.get("qbp", {}).get("seconds")
    return None if value is None else _checks.number("seconds", value, low=0, strict=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _path(folder: Path, whose: Handed | Line, ending: str) -> Path:
    return folder / whose.student / f"{whose.lab}{ending}"


def _short(line: Line) -> list[Any]:
    g = line.graded
    notes = "; ".join(g.notes)
    return [line.student, line.lab, g.total, g.of, g.unread, round(line.seconds, 1), notes]


def _by_cell(line: Line, ids: Sequence[str]) -> list[Any]:
    given = {p.name: p.score for p in line.graded.points}
    return ["" if given.get(name) is None else given[name] for name in ids]


def _board(lines: Sequence[Line]) -> tuple[list[str], Iterable[list[Any]]]:
    """Return head and rows of a leaderboard, smallest error first, then fewest evaluations."""
    columns = list(dict.fromkeys(name for line in lines for name in line.graded.leaderboard))
    first = [name for name in ("error", "evaluations") if name in columns]

    def rank(line: Line) -> list[float]:
        return [line.graded.leaderboard.get(name, float("inf")) for name in first]

    rows = ([x.student, *(x.graded.leaderboard.get(n, "") for n in columns)] for x in sorted(lines, key=rank))
    return ["student", *columns], rows


def _table(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file in which no cell is a formula of a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([_plain(value) for value in row])
    write(path, text.getvalue().encode("utf-8", "replace"))


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.12g}"
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") and isinstance(value, str) else value
