"""Release of a lab: the student version by nbgrader's own steps, a check that it tells no answer, a zip.

Nothing here needs nbgrader's database or folders.  An instructor notebook that is not as ``labs/README.md``
says is refused with the cell that is wrong.
"""

import ast
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from qbp import _checks
from qbp._files import write

_ANSWER = ("BEGIN SOLUTION", "END SOLUTION")
_HIDDEN = ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
_MARKER = re.compile(
    r"\b(BEGIN|END)\W+(HID|SOL|MARK)\w*|^\s*#+\s*(?i:begin|end)\W+(?i:hid|sol|mark)\w*", re.MULTILINE
)
_SHORT = 4  # letters and digits of a line below which it tells nothing
_SAFE = re.compile(r"[a-z0-9][a-z0-9-]*")

README = """# {lab}

Two ways to work on it; both need a browser.

**On your own computer**, with Python 3.11 or newer.  Once:

    python -m venv qbp-labs
    qbp-labs/bin/python -m pip install "{package}" jupyterlab

(on Windows: `qbp-labs\\Scripts` in place of `qbp-labs/bin`, here and below).

Then, in the folder of this file:

    qbp-labs/bin/jupyter lab {lab}.ipynb

**On a server of your course** (JupyterHub): upload `{lab}.ipynb` and open it.

Write only where it says `YOUR CODE HERE`.  The cells that test your answers cannot be edited: what you
change in them is taken back when your work is graded.  Before you hand it in: *Kernel*, *Restart Kernel
and Run All Cells*, and save.  Hand in `{lab}.ipynb` under this name.
"""
PACKAGE = "qbp[book,fast,lab] @ git+URL-FROM-YOUR-TEACHER"


def read(path: Path) -> NotebookNode:
    """Return an instructor notebook, if it is as it should be.

    Raises:
        ValueError: it cannot be read, or a cell is not as ``labs/README.md`` says.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise ValueError(f"{path} is not a notebook: {str(error).splitlines()[0]}") from None
    if wrong := list(problems(notebook)):
        raise ValueError(f"{path}: {'; '.join(wrong)}")
    return notebook


def role(cell: NotebookNode) -> str:
    """Return what a cell is for: ``solution``, ``test``, ``written``, ``read-only`` or ``plain``."""
    meta = cell.metadata.get("nbgrader", {})
    if meta.get("grade"):
        return "written" if meta.get("solution") else "test"
    if meta.get("solution"):
        return "solution"
    return "read-only" if meta.get("locked") else "plain"


def grade_id(cell: Mapping[str, Any]) -> str:
    """Return the name of a cell, empty if it has none."""
    return str(cell["metadata"].get("nbgrader", {}).get("grade_id", ""))


def problems(notebook: NotebookNode) -> Iterator[str]:
    """Say of each cell what is wrong with it."""
    names: set[str] = set()
    for number, cell in enumerate(notebook.cells, 1):
        kind, name = role(cell), grade_id(cell)
        where = f"cell {name or number}"
        if kind == "plain":
            if name:
                yield f"{where} has a grade_id but is no solution, test or read-only cell"
            if _MARKER.search(cell.source):
                yield f"{where} has a marker but is neither a solution nor a test"
            continue
        if not _SAFE.fullmatch(name):
            yield f"{where} must have a grade_id of small letters, digits and hyphens, got {name!r}"
        if name in names:
            yield f"{where} is there twice"
        names.add(name)
        if kind in ("test", "written"):
            points = cell.metadata.nbgrader.get("points")
            if isinstance(points, bool) or not isinstance(points, int | float) or not points > 0:
                yield f"{where} must have points, more than 0, got {points!r}"
        if kind == "test" and (cell.cell_type != "code" or not gives_value(cell.source)):
            yield f"{where} must be code that ends in a value: score.total()"
        yield from (f"{where}: {said}" for said in _regions(cell, kind))


def gives_value(source: str) -> bool:
    """Whether the last statement of a cell is an expression, whose value nbgrader takes for the points."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return False
    return bool(body) and isinstance(body[-1], ast.Expr) and not source.rstrip().endswith(";")


def _regions(cell: NotebookNode, kind: str) -> Iterator[str]:
    """Say what is wrong with the markers of a cell."""
    lines = cell.source.split("\n")
    for (begin, end), takes in ((_ANSWER, ("solution", "written")), (_HIDDEN, ("test",))):
        marks = [m for line in lines for m in (begin, end) if m in line]
        if marks and kind not in takes:
            yield f"{begin} may not stand in a {kind} cell"
        if marks != [begin, end] * (len(marks) // 2):
            yield f"{begin} and {end} must alternate"
    known = (*_ANSWER, *_HIDDEN)
    for line in lines:
        if _MARKER.search(line) and not any(re.search(rf"### {mark}\s*$", line) for mark in known):
            yield f"a marker is `### {'`, `### '.join(known)}`, got {line.strip()!r}"


def student_version(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without solutions, hidden tests and outputs, its cells locked and signed.

    Args:
        notebook: the instructor's, as :func:`read` gives it.
    """
    from nbgrader import preprocessors as step

    made = nbformat.from_dict(notebook)
    resources: dict[str, Any] = {}
    for each in (
        step.LockCells,
        step.ClearSolutions,
        step.ClearOutput,
        step.CheckCellMetadata,
        step.ComputeChecksums,
        step.ClearHiddenTests,
        step.ClearMarkScheme,
        step.ComputeChecksums,
        step.CheckCellMetadata,
    ):
        made, resources = each().preprocess(made, resources)
    for cell in made.cells:
        cell.metadata.pop("execution", None)
        cell.metadata.pop("qbp", None)
    made.metadata = nbformat.from_dict(
        {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    return made


def secrets(notebook: NotebookNode) -> set[str]:
    """Return the lines of solutions and hidden tests that stand in no visible part."""
    hidden, visible = set[str](), set[str]()
    for cell in notebook.cells:
        whole = role(cell) in ("solution", "written") and not any(m in cell.source for m in _ANSWER)
        inside = whole
        for line in cell.source.split("\n"):
            if any(mark in line for mark in (_ANSWER[0], _HIDDEN[0])):
                inside = True
            elif any(mark in line for mark in (_ANSWER[1], _HIDDEN[1])):
                inside = whole
            else:
                (hidden if inside else visible).add(line.strip())
    shown = "\n".join(visible)
    return {line for line in hidden if len(re.sub(r"\W", "", line)) >= _SHORT and line not in shown}


def leaks(notebook: NotebookNode, files: Mapping[str, bytes]) -> list[str]:
    """Return what released files tell of solutions and hidden tests.

    Args:
        notebook: the instructor's.
        files: name and content of each file; texts in a notebook are searched as they read, not as JSON.
    """
    found = []
    for name, content in files.items():
        text = content.decode("utf-8")
        if name.endswith(".ipynb"):
            text = "\n".join(_texts(nbformat.reads(text, as_version=4)))
        found += [f"{name} has {line!r}" for line in sorted(secrets(notebook)) if line in text]
        if marker := _MARKER.search(text):
            found.append(f"{name} has the marker {marker[0]!r}")
    return found


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a notebook, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, below in value.items():
            yield key
            yield from _texts(below)
    elif isinstance(value, list):
        for below in value:
            yield from _texts(below)


def files(lab: str, path: Path, package: str = PACKAGE) -> dict[str, bytes]:
    """Return the files of a release, by name.

    Args:
        lab: its name.
        path: the instructor notebook.
        package: what a student gives to pip.

    Raises:
        ValueError: the notebook is not as it should be, or a file would tell an answer.
    """
    notebook = read(path)
    text = nbformat.writes(student_version(notebook), version=4) + "\n"
    made = {f"{lab}.ipynb": text.encode(), "README.md": README.format(lab=lab, package=package).encode()}
    if told := leaks(notebook, made):
        more = f" (and {len(told) - 3} more)" if len(told) > 3 else ""
        raise ValueError(f"the release of {lab} would tell answers: {'; '.join(told[:3])}{more}")
    return made


def release(lab: str, path: Path, out: Path, package: str = PACKAGE) -> Path:
    """Write the files of a lab into ``out/LAB`` and ``out/LAB.zip``; return the path of the zip.

    Args:
        lab: its name.
        path: the instructor notebook.
        out: a folder, made if it is not there.
        package: what a student gives to pip.

    Raises:
        ValueError: see :func:`files`; nothing is written then.
    """
    _checks.choice("lab", lab, [path.stem])
    return pack(lab, files(lab, path, package), out)


def pack(lab: str, made: Mapping[str, bytes], out: Path) -> Path:
    """Write what :func:`files` made of a lab, and a zip of it; return the path of the zip."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in made.items():  # the same bytes whenever it is made
            packed.writestr(zipfile.ZipInfo(f"{lab}/{name}", (2026, 1, 1, 0, 0, 0)), content)
    (out / lab).mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        write(out / lab / name, content)
    write(out / f"{lab}.zip", archive.getvalue())
    return out / f"{lab}.zip"
