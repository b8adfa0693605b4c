"""Chapters as programs: run notebooks with papermill, check their parameters first, keep what is finished."""

import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from qbp import _checks
from qbp.results.store import ROOT

QUIET_KERNEL = ["--IPKernelApp.log_level=40"]  # errors only: a local kernel warns that it is unencrypted
BOOK = ROOT / "book"


def chapters(book: Path = BOOK) -> list[Path]:
    """Return the notebooks of the table of contents, in its order."""
    toc = yaml.safe_load((book / "_toc.yml").read_text())
    paths = [book / f"{name}.ipynb" for name in _files(toc)]
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
        out: folder of the copy; an earlier copy is replaced.
        book: the sources.
        profile: "quick", or "paper" for the number of seeds of the committed results; given to the chapters
            that have this parameter.
        jobs: chapters at a time.

    Returns:
        The executed notebooks, in the order of the book.

    Raises:
        ValueError: `out` holds something else than an earlier copy, and is left as it is.
        Exception: a cell failed (papermill's own error); chapters that had not begun are not run.
    """
    from tqdm import tqdm

    _checks.integer("jobs", jobs)
    if _holds_other_things(out, book):
        raise ValueError(f"out must be a new folder or an earlier copy of the book, got {str(out)!r}")
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(book, out, ignore=shutil.ignore_patterns("*.ipynb", "_build", ".ipynb_checkpoints"))

    todo = chapters(book)
    run = partial(_run_into, out, book, profile)
    with tqdm(total=len(todo), unit="chapter", desc="chapters", disable=None) as bar:
        began = time.perf_counter()
        for done, (source, seconds) in enumerate(_finished(run, todo, jobs), 1):
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
    return seconds


def _finished(run: Callable[[Path], float], todo: Sequence[Path], jobs: int) -> Iterator[tuple[Path, float]]:
    """Run chapters, so many at a time, and yield each with its seconds when it is done."""
    if jobs == 1:
        yield from ((source, run(source)) for source in todo)
        return
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))
    running = {pool.submit(run, source): source for source in todo}
    try:
        for done in as_completed(running):
            yield running[done], done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def refresh(book: Path = BOOK, names: Collection[str] = ()) -> None:
    """Execute chapters in place, as they are stored: what `make test` then compares with.

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
        new = path.with_name(f"{path.stem}.new.ipynb")
        nbformat.write(notebook, new)
        os.replace(new, path)
        print(f"{path.stem:<24} {time.perf_counter() - began:6.1f} s")


def hide_parameters(notebook: Path) -> None:
    """Tag the cell that papermill injected, so that the page folds it like the one it overrides."""
    import nbformat

    node = nbformat.read(notebook, as_version=4)
    for cell in node.cells:
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags and "hide-cell" not in tags:
            cell.metadata["tags"] = [*tags, "hide-cell"]
    nbformat.write(node, notebook)


def move_links(notebook: Path, book: Path) -> None:
    """Let the links of a copied chapter to files beside the book, ``<../results/...>``, lead there again."""
    beside = os.path.relpath(book.resolve().parent, notebook.resolve().parent).replace(os.sep, "/")
    text = notebook.read_text(encoding="utf-8")
    notebook.write_text(text.replace("<../", f"<{beside}/"), encoding="utf-8")


def _holds_other_things(out: Path, book: Path) -> bool:
    """Tell whether clearing `out` would take more away than a copy of the book's sources."""
    ours, here = book.resolve(), out.resolve()
    if ours.is_relative_to(here) or here.is_relative_to(ours) or (out.exists() and not out.is_dir()):
        return True
    return out.is_dir() and any(out.iterdir()) and not (out / "_toc.yml").is_file()


def _files(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name in ("root", "file"):
                yield value
            else:
                yield from _files(value)
    elif isinstance(node, list):
        for item in node:
            yield from _files(item)
