"""Chapters as programs, on a book of two small notebooks made here."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from types import SimpleNamespace

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from programs import start

from qbp import _files
from qbp.book import run
from qbp.book.run import chapters, known_parameters, refresh, reproduce, run_notebook
from qbp.book.tables import records
from qbp.circuits.kernel import evolution

TOC = """\
format: jb-book
root: index
parts:
  - caption: One
    chapters:
      - file: first
        sections:
          - file: notes
          - file: deep/second
  - caption: Two
    chapters:
      - file: references
"""
LINK = "All rows: {download}`curve <../results/curve.parquet>`."
PARAMETERS = {"tags": ["parameters", "hide-cell"]}


def write(path, *sources, metadata=PARAMETERS, title="# Title"):
    """Store a notebook of these code cells, of which the first holds the parameters."""
    cells = [new_markdown_cell(title), *(new_code_cell(source) for source in sources)]
    cells[1].metadata.update(metadata)
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # else drawn at random
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), path)
    return path


def make_book(folder):
    """Two notebooks, of which `index` has no profile, and two pages."""
    slow = (
        "import time\nfor word in ('one', 'two'):\n    print(word, flush=True)\n    time.sleep(0.3)\nprofile"
    )
    write(folder / "index.ipynb", 'reading = "both"  # which', "print(reading)", title=f"# Title\n{LINK}")
    write(folder / "first.ipynb", 'profile = "quick"  # quick or paper\nseeds = 3  # runs', slow)
    for name in ("notes", "references"):
        (folder / f"{name}.md").write_text(f"# {name}\n")
    (folder / "_toc.yml").write_text(TOC.replace("          - file: deep/second\n", ""))
    return folder


def without_record(path):
    """The bytes of a file; of a notebook, its text without the record of the run."""
    if path.suffix != ".ipynb":
        return path.read_bytes()
    node = nbformat.read(path, as_version=4)
    del node.metadata[records.NAME]
    return nbformat.writes(node)


def outputs(path):
    """The text of each output of a notebook."""
    cells = nbformat.read(path, as_version=4).cells
    found = [o for cell in cells if cell.cell_type == "code" for o in cell.outputs]
    return [o.text if o.output_type == "stream" else o.data["text/plain"] for o in found]


def injected(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if "injected-parameters" in cell.metadata.get("tags", [])]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return make_book(tmp_path_factory.mktemp("sources") / "book")


@pytest.fixture(scope="module")
def copy(book, tmp_path_factory):
    """What `reproduce` makes of the book, over an earlier copy."""
    out = tmp_path_factory.mktemp("build") / "reproduced"
    out.mkdir()
    for name in ("_toc.yml", "stale.ipynb", "deep/stale.md", "first.new.ipynb", "_build/x.html"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("an earlier copy")
    (out / run.MARKER).write_text(json.dumps({"files": ["_toc.yml", "stale.ipynb", "deep/stale.md"]}))
    return out, reproduce(out, book=book, profile="paper", jobs=2)


def test_chapters_are_the_notebooks_of_the_table_of_contents_in_its_order(tmp_path):
    (tmp_path / "_toc.yml").write_text(TOC)
    for name in ("index", "deep/second", "first", "unlisted"):
        write(tmp_path / f"{name}.ipynb", "x = 1")
    for name in ("notes", "references"):
        (tmp_path / f"{name}.md").write_text("# page\n")
    assert [path.relative_to(tmp_path).as_posix() for path in chapters(tmp_path)] == [
        "index.ipynb",
        "first.ipynb",
        "deep/second.ipynb",
    ]


def test_the_parameters_of_a_notebook_are_known(book):
    assert known_parameters(book / "first.ipynb") == {"profile", "seeds"}
    assert known_parameters(book / "index.ipynb") == {"reading"}


def test_an_unknown_parameter_is_refused_before_anything_runs(book, tmp_path, monkeypatch):
    monkeypatch.setattr(papermill, "execute_notebook", None)
    message = "first.ipynb has no parameter sedes, stepps; it takes profile, seeds"
    with pytest.raises(ValueError, match=message):
        run_notebook(book / "first.ipynb", tmp_path / "new/out.ipynb", {"stepps": 1, "seeds": 2, "sedes": 3})
    assert list(tmp_path.iterdir()) == []


def test_a_cell_that_fails_leaves_the_target_as_it_was(tmp_path):
    source = write(tmp_path / "bad.ipynb", "x = 1  # a number", "x / 0")
    target = tmp_path / "out.ipynb"
    target.write_text("the last one that finished")
    with pytest.raises(papermill.PapermillExecutionError, match="ZeroDivisionError"):
        run_notebook(source, target, {"x": 2})
    assert target.read_text() == "the last one that finished"
    assert {path.name for path in tmp_path.iterdir()} == {"bad.ipynb", "out.ipynb", "out.new.ipynb"}


def test_reproduce_makes_a_copy_of_the_book_with_executed_notebooks(book, copy):
    out, notebooks = copy
    assert notebooks == [out / "index.ipynb", out / "first.ipynb"]
    names = {path.name for path in out.iterdir()} - {run.MARKER}
    assert names == {"_toc.yml", "index.ipynb", "first.ipynb", "notes.md", "references.md"}  # nothing stale
    for name in ("_toc.yml", "notes.md", "references.md"):
        assert (out / name).read_bytes() == (book / name).read_bytes()
    assert "".join(outputs(out / "index.ipynb")) == "both\n"
    assert "".join(outputs(out / "first.ipynb")) == "one\ntwo\n'paper'"
    assert outputs(book / "first.ipynb") == []  # the sources stay as they are


def test_reproduce_gives_the_profile_to_the_chapters_that_have_one_and_folds_it(copy):
    out, _ = copy
    assert injected(out / "index.ipynb") == []
    (cell,) = injected(out / "first.ipynb")
    assert "hide-cell" in cell.metadata["tags"] and 'profile = "paper"' in cell.source
    assert "seeds" not in cell.source


def test_links_of_a_copy_lead_to_the_same_files(book, copy):
    out, _ = copy
    for folder in (book, out):
        text = nbformat.read(folder / "index.ipynb", as_version=4).cells[0].source
        (link,) = re.findall("<(.*)>", text)
        assert (folder / link).resolve() == (book.parent / "results/curve.parquet").resolve()


def test_reproduce_leaves_no_progress_bar_in_an_output(copy):
    for path in copy[1]:
        cells = nbformat.read(path, as_version=4).cells
        streams = [o for c in cells for o in c.get("outputs", []) if o.output_type == "stream"]
        assert all(stream.name == "stdout" for stream in streams)


@contextlib.contextmanager
def nothing_run(function, work, jobs):
    """In place of the processes: each chapter is copied, in 12.345 seconds."""

    def run_all():
        for source, (out, *_) in work:
            shutil.copy(source, out / source.name)
            yield source, 12.345

    yield run_all()


def test_reproduce_prints_a_time_per_chapter(book, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run.workers, "computed", nothing_run)
    reproduce(tmp_path / "out", book=book)
    printed = capsys.readouterr()
    found = re.findall(r"^ (\d) of 2  (\w+) +(\d+\.\d) s$", printed.out, re.MULTILINE)
    assert found == [("1", "index", "12.3"), ("2", "first", "12.3")]
    assert printed.err == ""  # the bar is for a terminal


def test_reproduce_says_how_many_minutes_are_left(book, tmp_path, monkeypatch, capsys):
    """Of two chapters the first took ten minutes: so will the other."""
    clock = iter([0.0, 600.0, 630.0])
    monkeypatch.setattr(run, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    monkeypatch.setattr(run.workers, "computed", nothing_run)
    reproduce(tmp_path / "out", book=book)
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("12.3 s  about 10 min left") and second.endswith("12.3 s")


PROGRAM = """
import sys
from pathlib import Path
from qbp.book import run
from qbp.cli import commands
if __name__ == "__main__":
    run.BOOK = Path("book")
    run.reproduce.__kwdefaults__["book"] = run.BOOK
    sys.exit(commands.main(["reproduce", "--out", "out"]))
"""


def test_ctrl_c_ends_reproduce_with_one_line_and_its_kernel_and_runs_no_other_chapter(tmp_path):
    """The real program, in a process group of its own as a terminal has it."""
    book = make_book(tmp_path / "book")
    begun = tmp_path / "begun"
    said = f"open({str(begun)!r}, 'w').write(str(os.getpid()))"
    waiting = f"import os, time\n{said}\ntime.sleep(60)"
    write(book / "index.ipynb", 'reading = "both"  # which', waiting)
    write(book / "first.ipynb", 'profile = "quick"', f"open({str(tmp_path / 'other')!r}, 'w')")
    (tmp_path / "program.py").write_text(PROGRAM)
    program = start("program.py", cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (begun.exists() and begun.read_text()):
        assert program.poll() is None, program.stderr.read()
        time.sleep(0.1)
    os.killpg(program.pid, signal.SIGINT)
    assert program.communicate(timeout=60) == ("", "qbp reproduce: interrupted\n")
    assert program.returncode == 130 and not (tmp_path / "other").exists()
    until = time.monotonic() + 10
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < until:
            os.kill(int(begun.read_text()), 0)
            time.sleep(0.05)


@pytest.mark.parametrize("jobs", [1, 2])
def test_reproduce_stops_at_a_chapter_that_fails(jobs, tmp_path):
    book = make_book(tmp_path / "book")
    write(book / "index.ipynb", 'reading = "both"  # which', "1 / 0", title=f"# Title\n{LINK}")
    with pytest.raises(papermill.PapermillExecutionError, match="ZeroDivisionError"):
        reproduce(tmp_path / "out", book=book, jobs=jobs)
    assert not (tmp_path / "out/index.ipynb").exists()
    with pytest.raises(ValueError, match="jobs must be at least 1, got 0"):
        reproduce(tmp_path / "out", book=book, jobs=0)


@pytest.mark.parametrize("out", ["book", ".", "book/copy", "other", "file", "link", "theirs", "earlier"])
def test_reproduce_clears_nothing_but_an_earlier_copy(out, tmp_path, monkeypatch):
    """Not another Jupyter Book, nor an earlier copy with a file of the reader's in it."""
    monkeypatch.setattr(run.workers, "computed", nothing_run)
    book = make_book(tmp_path / "book")
    reproduce(tmp_path / "earlier", book=book)
    for name in ("other/thesis.tex", "file", "theirs/_toc.yml", "theirs/raw.csv", "earlier/deep/notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    message = rf"out must be a new folder or an earlier copy of the book, got '{tmp_path / out}': "
    with pytest.raises(ValueError, match=message):
        reproduce(tmp_path / out, book=book)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_reproduce_replaces_an_earlier_copy_even_one_that_was_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(run.workers, "computed", nothing_run)
    book, out = make_book(tmp_path / "book"), tmp_path / "out"
    reproduce(out, book=book)
    whole = {path.name for path in out.iterdir()}
    (book / "notes.md").rename(book / "added.md")
    copied = iter([shutil.copy, shutil.copy])
    monkeypatch.setattr(run.shutil, "copy2", lambda *names: next(copied)(*names))
    with pytest.raises(StopIteration):
        reproduce(out, book=book)
    assert (out / "added.md").exists()
    monkeypatch.setattr(run.shutil, "copy2", shutil.copy)
    reproduce(out, book=book)
    assert {path.name for path in out.iterdir()} == whole - {"notes.md"} | {"added.md"}
    with _files.locked(out), pytest.raises(OSError, match="another process writes to"):
        reproduce(out, book=book)


def test_refresh_stores_what_a_run_gives_without_the_time_of_day_and_twice_the_same(tmp_path, capsys):
    book = make_book(tmp_path / "book")
    source = nbformat.read(book / "index.ipynb", as_version=4)
    source.cells[1].outputs = [new_output("stream", text="stale\n")]
    nbformat.write(source, book / "index.ipynb")
    refresh(book)
    first = {path.name: without_record(path) for path in book.iterdir()}
    assert outputs(book / "index.ipynb") == ["both\n"]
    assert outputs(book / "first.ipynb") == ["one\ntwo\n", "'quick'"]  # two flushes, one stream
    for path in book.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert cell.metadata.keys() <= {"tags"}
        assert not re.search(r"\d\d:\d\d:\d\d|execution\"|papermill", path.read_text())
    assert re.findall(r"^(\w+) +\d+\.\d s$", capsys.readouterr().out, re.MULTILINE) == ["index", "first"]
    refresh(book)
    assert {path.name: without_record(path) for path in book.iterdir()} == first


def test_what_is_executed_keeps_a_record_of_it(copy, tmp_path):
    book = make_book(tmp_path / "book")
    refresh(book, ["index"])
    for path in (book / "index.ipynb", *copy[1]):
        assert nbformat.read(path, as_version=4).metadata[records.NAME].keys() == set(records.FIELDS)
    assert records.NAME not in nbformat.read(book / "first.ipynb", as_version=4).metadata


def test_the_kernel_is_compiled_before_a_chapter_runs(tmp_path, monkeypatch):
    """What compiling says on standard error is then said here, and in no stored output."""
    compiled = tmp_path / "compiled"
    monkeypatch.setattr(run, "compile_kernel", compiled.touch)
    book = make_book(tmp_path / "book")
    write(book / "index.ipynb", "x = 1", f"from pathlib import Path\nprint(Path({str(compiled)!r}).exists())")
    refresh(book, ["index"])
    assert outputs(book / "index.ipynb") == ["True\n"]
    compiled.unlink()
    reproduce(tmp_path / "out", book=book)
    assert outputs(tmp_path / "out/index.ipynb") == ["True\n"]


def test_compiling_ahead_is_done_in_both_precisions(monkeypatch):
    asked = []
    monkeypatch.setenv("QBP_KERNEL", "native")
    monkeypatch.setattr(evolution, "available", lambda: True)
    monkeypatch.setattr(evolution, "_works", lambda char: asked.append(char))  # None: torch computes
    run.compile_kernel()
    assert set(asked) == {"d", "f"}


def test_refresh_names_a_chapter_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"CHAPTER must be one of .*, got 'nowhere'"):
        refresh(names=["nowhere"])


def test_refresh_keeps_a_notebook_whose_cell_fails(tmp_path):
    book = make_book(tmp_path / "book")
    write(book / "index.ipynb", "x = 1", "x / 0")
    before = {path.name: path.read_bytes() for path in book.iterdir()}
    with pytest.raises(Exception, match="ZeroDivisionError"):
        refresh(book)
    assert {path.name: path.read_bytes() for path in book.iterdir()} == before
