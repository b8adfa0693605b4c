"""Chapters as programs: run notebooks with papermill, check their parameters first, keep what is finished."""

import json
import os
import shutil
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from qbp import _checks, _files
from qbp.book.tables import records
from qbp.results import workers
from qbp.results.store import ROOT

QUIET_KERNEL = ["--IPKernelApp.log_level=40"]  # errors only: a local kernel warns that it is unencrypted
BOOK = ROOT / "book"
MARKER = ".qbp-copy.json"  # in a copy of the book: the files that we put there
MADE_THERE = {"_build", ".ipynb_checkpoints", "__pycache__", ".jupyter_cache", _files.LOCK, MARKER}


def chapters(book: Path = BOOK) -> list[Path]:
    """Return the notebooks of the table of contents, in its order."""
    toc = yaml.safe_load((book / "_toc.yml").read_text())
    paths = [book / f"{name}.ipynb" for name in _named(toc)]
    return [path for path in paths if path.is_file()]


def known_parameters(notebook: Path) -> set[str]:
    """Return the names in the cell tagged `parameters`."""
    import papermill

    return set(papermill.inspect_notebook(str(notebook)))


def run_notebook(source: Path, target: Path, parameters: Mapping[str, Any]) -> float:
    """Execute a notebook with these parameters; `target` appears whole or not at all.

    Args:
        source: the notebook.
        target: where the executed one goes.
        parameters: names that the cell tagged `parameters` has.

    Returns:
        Seconds.

    Raises:
        ValueError: a parameter the notebook does not have.
        Exception: a cell failed (papermill's own error); what it did stays beside `target`
            as ``*.new.ipynb``.
    """
    import papermill

    known = known_parameters(source)
    unknown = sorted(set(parameters) - known)
    if unknown:
        raise ValueError(
            f"{source.name} has no parameter {', '.join(unknown)}; it takes {', '.join(sorted(known))}"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f"{target.stem}.new.ipynb")
    began = time.perf_counter()
    papermill.execute_notebook(
        str(source),
        str(new),
        dict(parameters),
        cwd=str(source.parent),
        progress_bar=False,
        extra_arguments=QUIET_KERNEL,
    )
    os.replace(new, target)
    return time.perf_counter() - began


def reproduce(out: Path, *, book: Path = BOOK, profile: str = "quick", jobs: int = 1) -> list[Path]:
    """Run every chapter into a copy of the book's sources, with a progress bar and a time per chapter.

    Args:
        out: folder of the copy: new, empty or an earlier copy, which is replaced.
        book: the sources.
        profile: "quick", or "paper" for the number of seeds of the committed results; given to the chapters
            that have this parameter.
        jobs: chapters at a time.

    Returns:
        The executed notebooks, in the order of the book.

    Raises:
        ValueError: `out` holds a file that we did not put there, and is left as it is.
        OSError: another process makes a copy there.
        Exception: a cell failed (papermill's own error); chapters that had not begun are not run.
        KeyboardInterrupt: as pressed; chapters and their kernels are ended, and what is finished is kept.
    """
    from tqdm import tqdm

    _checks.integer("jobs", jobs)
    if other := _not_ours(out, book):
        what = "a new folder or an earlier copy of the book"
        raise ValueError(f"out must be {what}, got {str(out)!r}: {other}")
    todo = chapters(book)
    compile_kernel()
    with (
        _files.locked(out, seconds=0),
        tqdm(total=len(todo), unit="chapter", desc="chapters", disable=None) as bar,
    ):
        _copy(book, out, todo)
        work = [(source, (out, book, profile, source)) for source in todo]
        with workers.computed(_run_into, work, jobs) as finished:
            began = time.perf_counter()
            for done, (source, seconds) in enumerate(finished, 1):
                left = (time.perf_counter() - began) / done * (len(todo) - done)
                rest = f"  about {left / 60:.0f} min left" if left > 30 else ""
                bar.write(f"{done:>2} of {len(todo)}  {source.stem:<24} {seconds:6.1f} s{rest}")
                sys.stdout.flush()  # into a file or a pipe too, chapter by chapter
                bar.update()
    return [out / source.name for source in todo]


def _run_into(out: Path, book: Path, profile: str, source: Path) -> float:
    chosen = {"profile": profile} if "profile" in known_parameters(source) else {}
    seconds = run_notebook(source, out / source.name, chosen)
    hide_parameters(out / source.name)
    move_links(out / source.name, book)
    records.keep(out / source.name, seconds)
    return seconds


def refresh(book: Path = BOOK, names: Collection[str] = ()) -> None:
    """Execute chapters in place, as they are stored: what `make test` then compares with.

    Into each notebook's metadata goes a record of the run, :func:`qbp.book.tables.records.record`, for the
    page `status`.  So date and seconds are two lines that differ at every refresh, also where no output does;
    no test compares them.

    Args:
        book: folder of the chapters.
        names: of the chapters (default all).

    Raises:
        ValueError: there is no such chapter; nothing was executed.
    """
    import nbformat
    from nbclient import NotebookClient

    known = {path.stem: path for path in chapters(book)}
    for name in names:
        _checks.choice("CHAPTER", name, known)
    compile_kernel()
    for path in [known[name] for name in names or known]:
        began = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(
            notebook,
            timeout=600,
            extra_arguments=QUIET_KERNEL,
            resources={"metadata": {"path": str(book)}},
            store_widget_state=False,
            coalesce_streams=True,  # how often a kernel flushes is another diff at every run
        ).execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # wall-clock times: another diff at every run
        seconds = time.perf_counter() - began
        notebook.metadata[records.NAME] = records.record(notebook, seconds)
        _files.write(path, (nbformat.writes(notebook) + "\n").encode())
        print(f"{path.stem:<24} {seconds:6.1f} s")


def compile_kernel() -> str:
    """Return what computes circuits here, after a gradient in each precision: the first ever compiles it.

    Done before a chapter runs, so that what compiling says ends in no stored output.
    """
    import torch

    from qbp.circuits.ansatz import HardwareEfficient
    from qbp.circuits.kernel import evolution
    from qbp.circuits.observables import tfim

    circuit = HardwareEfficient(2, 1)
    for dtype in (torch.float64, torch.float32):
        theta = torch.zeros(circuit.n_params, dtype=dtype, requires_grad=True)
        circuit.expectation(theta, tfim(2)).backward()
    return evolution.name()


def hide_parameters(notebook: Path) -> None:
    """Tag the cell that papermill injected, so that the page folds it like the one it overrides."""
    import nbformat

    node = nbformat.read(notebook, as_version=4)
    for cell in node.cells:
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags and "hide-cell" not in tags:
            cell.metadata["tags"] = [*tags, "hide-cell"]
    _files.write(notebook, nbformat.writes(node).encode())


def move_links(notebook: Path, book: Path) -> None:
    """Let the links of a copied chapter to files beside the book, ``<../results/...>``, lead there again."""
    beside = os.path.relpath(book.resolve().parent, notebook.resolve().parent).replace(os.sep, "/")
    text = notebook.read_text(encoding="utf-8")
    _files.write(notebook, text.replace("<../", f"<{beside}/").encode())


def _not_ours(out: Path, book: Path) -> str:
    """Say what clearing `out` would take away beside an earlier copy of the book; "" if nothing."""
    ours, here = book.resolve(), out.resolve()
    if ours.is_relative_to(here) or here.is_relative_to(ours):
        return f"the book stands in {ours}"
    if out.exists() and not out.is_dir():
        return "it is a file"
    made = _files.parse((out / MARKER).read_bytes(), str(out / MARKER)) if (out / MARKER).is_file() else {}
    known = {*made.get("files", ())}
    for path in sorted(out.rglob("*")):
        within = path.relative_to(out)
        foreign = within.as_posix() not in known and not path.name.endswith(".new.ipynb")
        if MADE_THERE.isdisjoint(within.parts) and (path.is_symlink() or not path.is_dir()) and foreign:
            return f"{within} is not of one"
    return ""


def _copy(book: Path, out: Path, notebooks: Collection[Path]) -> None:
    """Put the sources into `out` in place of what is there, which our list names whenever we are stopped."""
    within = [path.relative_to(book) for path in sorted(book.rglob("*")) if path.is_file()]
    sources = [path for path in within if path.suffix != ".ipynb" and MADE_THERE.isdisjoint(path.parts)]
    names = [path.as_posix() for path in sources] + [notebook.name for notebook in notebooks]
    before = [path.relative_to(out).as_posix() for path in out.rglob("*")]
    _mark(out, [*before, *names])
    for path in out.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in (MARKER, _files.LOCK):
            path.unlink()
    for path in sources:
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(book / path, out / path)
    _mark(out, names)


def _mark(out: Path, names: Collection[str]) -> None:
    said = {"made by": "qbp reproduce, which replaces this folder and all of these files", "files": [*names]}
    _files.write(out / MARKER, json.dumps(said, indent=1).encode())


def _named(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name in ("root", "file"):
                yield value
            else:
                yield from _named(value)
    elif isinstance(node, list):
        for item in node:
            yield from _named(item)
