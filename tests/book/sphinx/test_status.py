"""Status page: a row for each chapter, with its record or the day by which it was stored."""

from types import SimpleNamespace

import nbformat
from docutils import nodes
from nbformat.v4 import new_code_cell, new_notebook, new_output

from qbp.book.sphinx import status
from qbp.book.tables import records

KNOWN = dict(
    zip(records.FIELDS, ("2026-01-31", 1234, "cpu", "A", "AVX2", "3.11", "2", "3", "0"), strict=True)
)


def test_a_record_in_words():
    said = ("2026-01-31", "1,234", "cpu", "python 3.11, torch 2, numpy 3, qbp 0", "A, AVX2")
    assert status.in_words(KNOWN, "2026-02-01") == said
    assert status.in_words({}, None) == ("not recorded", "", "", "", "")


def test_the_table_has_a_row_for_each_chapter_and_its_digits(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "stored", lambda folder: {"deep/b.ipynb": "2026-01-01"})
    (tmp_path / "deep").mkdir()
    (tmp_path / "_toc.yml").write_text("root: a\nparts:\n- chapters:\n  - file: deep/b\n  - file: c\n")
    for name, metadata in {"a": {records.NAME: KNOWN}, "deep/b": {}}.items():
        cell = new_code_cell(outputs=[new_output("stream", text="0.125")])
        nbformat.write(new_notebook(cells=[cell], metadata=metadata), tmp_path / f"{name}.ipynb")
    read = []
    env = SimpleNamespace(srcdir=str(tmp_path), docname="status", note_dependency=read.append)
    state = SimpleNamespace(document=SimpleNamespace(settings=SimpleNamespace(env=env)))
    made = status.ChapterStatus("chapter-status", [], {}, [], 1, 0, "", state, SimpleNamespace(reporter=None))
    table, line = made.run()
    rows = [[entry.astext() for entry in row.findall(nodes.entry)] for row in table.findall(nodes.row)]
    assert rows[0] == [*status.HEAD] and [row[1] for row in rows[1:]] == [
        "2026-01-31",
        "not recorded; stored by 2026-01-01",
    ]
    assert [row[-1] for row in rows[1:]] == ["4", "4"] and line.astext().startswith("1 of 2 chapters")
    assert read == [str(tmp_path / "a.ipynb"), str(tmp_path / "deep/b.ipynb")]
