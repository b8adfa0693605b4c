"""Commands for teachers: `qbp labs` makes the student versions, `qbp grade` grades what students handed in,
`qbp slides` exports figures."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbp import _checks
from qbp.cli import output
from qbp.cli.parser import JSON, folder, number, switch, valued

if TYPE_CHECKING:
    from qbp.teaching.grader.batch import Line

SOURCE = "folder of the instructor notebooks, LAB/LAB.ipynb (default labs/source of the checkout)"


def _labs(command: Any) -> None:
    own = command(
        "write the student version of each lab, and a zip of it",
        "Solutions and hidden tests are taken out; a file that would tell one is refused and its line named.",
        ["", "1-one-qubit --out _build/monday", '--package "qbp[book,fast,lab] @ git+https://..."'],
    )
    own.add_argument("labs", nargs="*", metavar="LAB", help="names of labs (default all)")
    folder(own, "--out", "folder of the student versions", "_build/labs")
    folder(own, "--source", SOURCE)
    valued(own, "--package", "what the README of a lab tells students to give to pip", metavar="NAME")
    switch(own, "--json", JSON)


def _grade(command: Any) -> None:
    own = command(
        "grade a folder of submissions, offline, each in a sandbox",
        "DIR holds STUDENT/LAB.ipynb, STUDENT/LAB/LAB.ipynb or STUDENT_LAB.ipynb, or is the folder of one "
        "student, who then has its name.  Into --out go "
        "grades.csv, a table for each lab, its leaderboard if it has one, and feedback/STUDENT/LAB.html. "
        "What was graded is not run again while notebook and lab stay the same.  A submission that is "
        "hostile or endless costs its own points.  What a sandbox keeps out depends on the system, and is "
        "printed: with namespaces of Linux there is no network and no file but Python and this package; "
        "without, code can read and delete what you can.  Nowhere is a cell kept from reading the hidden "
        "tests of its own lab, or from faking the score of its own lab: read what looks too good.  The "
        "exit status is 1 if a submission could not be read or run.",
        [
            "submissions",
            "submissions/ada",
            "submissions --jobs 2 --minutes 3 --out _build/grades --json > grades.json",
        ],
    )
    own.add_argument("folder", metavar="DIR", help="folder of the submissions, or of one student")
    folder(own, "--out", "folder of the grades", "_build/grades")
    folder(own, "--source", SOURCE)
    number(own, "--jobs", "submissions at a time", 1)
    own.add_argument("--minutes", type=float, default=5, metavar="M", help="of a lab (default 5)")
    words = "of a lab, 1.1 of them for Python and torch (default 3)"
    own.add_argument("--memory", type=float, default=3, metavar="GB", help=words)
    switch(own, "--json", JSON)


def _slides(command: Any) -> None:
    own = command(
        "run chapters, and write their figures as SVG files for slides",
        "Letters stay text.  Beside the files stands index.html, one figure a screen with its caption.",
        ["barren-plateaus vqe", "--out talk curve"],
    )
    own.add_argument(
        "chapters", nargs="*", metavar="CHAPTER", help="names of chapters (default all: minutes)"
    )
    folder(own, "--out", "folder of the figures", "_build/slides")
    switch(own, "--json", JSON)


def _run_labs(args: argparse.Namespace) -> int:
    from qbp.teaching import layout

    _installed()
    from qbp.teaching import release

    chosen = layout.select(args.labs, Path(args.source) if args.source else None)
    package = args.package or release.PACKAGE
    # All are made before one is written: a lab that cannot be released shows first.
    files = {lab: release.files(lab, path, package) for lab, path in chosen.items()}
    made = [str(release.pack(lab, content, Path(args.out))) for lab, content in files.items()]
    output.show(args, lambda: {"released": made}, lambda: "\n".join(made))
    return 0


def _run_grade(args: argparse.Namespace) -> int:
    from qbp.teaching import layout

    _installed()
    from qbp.teaching.grader import batch, sandbox, submission, walls

    labs = layout.labs(Path(args.source) if args.source else None)
    _checks.integer("jobs", args.jobs)
    limits = sandbox.Limits(minutes=args.minutes, memory=args.memory)
    handed = submission.find(Path(args.folder), labs)
    work = batch.Batch(handed, labs, Path(args.out), limits)
    kind = work.sandbox.kind
    print(f"qbp: sandbox: {kind}: {walls.SAYS[kind]}.  {sandbox.UNPROTECTED}", file=sys.stderr)
    with output.bar("lab", len(handed)) as bar:
        lines = work.grade(args.jobs, lambda line: bar.update())
    output.show(
        args,
        lambda: {"sandbox": kind, "out": args.out, "rows": [line.json() for line in lines]},
        lambda: "\n".join([*map(_in_words, lines), f"wrote {Path(args.out, 'grades.csv')}"]),
    )
    return 1 if any(line.failed for line in lines) else 0


def _run_slides(args: argparse.Namespace) -> int:
    from qbp.book.run import chapters
    from qbp.teaching.slides import slides

    with output.bar("chapter", len(args.chapters) or len(chapters())) as bar:
        files = slides(Path(args.out), args.chapters, progress=lambda name: bar.update())
    made = [str(path) for path in files]
    output.show(args, lambda: {"figures": made}, lambda: "\n".join(made))
    return 0


def _in_words(line: "Line") -> str:
    """Return a line for a reader: points, and how many notes there are."""
    from qbp._files import printable

    g = line.graded
    more = f", {g.unread:g} to be read" if g.unread else ""
    notes = f"  {g.notes[0]}" + (f" (and {len(g.notes) - 1} more)" if g.notes[1:] else "") if g.notes else ""
    return f"{printable(line.student):<20} {line.lab:<20} {g.total:>5g} of {g.of:g}{more}{notes}"


def _installed() -> None:
    """Raise ModuleNotFoundError, which names it, where nbgrader is not installed."""
    from importlib.util import find_spec

    for name in ("nbgrader", "nbclient", "ipykernel"):
        if find_spec(name) is None:
            raise ModuleNotFoundError(
                f"labs need the package {name}: install the extra, pip install '.[labs]', or use "
                ".venv/bin/qbp after `make install`"
            )


ARGUMENTS = (_labs, _grade, _slides)
COMMANDS = {"labs": _run_labs, "grade": _run_grade, "slides": _run_slides}
