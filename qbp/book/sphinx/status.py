"""Directive `chapter-status`: when, where and with what each chapter was last executed, and its digits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from qbp.book import run
from qbp.book.sphinx.reading import link
from qbp.book.tables import records

HEAD = ("chapter", "last run", "seconds", "device", "versions", "processor", "digits compared")


class ChapterStatus(SphinxDirective):
    """A table with a row for each chapter, from the records in the notebooks."""

    def run(self) -> list[nodes.Node]:
        """Return the table and a line that counts the chapters."""
        folder = Path(self.env.srcdir)
        days, body, recorded = records.stored(folder), nodes.tbody(), 0
        chapters = run.chapters(folder)
        for path in chapters:
            self.env.note_dependency(str(path))
            notebook = nbformat.read(path, as_version=4)
            name = path.relative_to(folder)
            known = notebook.metadata.get(records.NAME, {})
            recorded += bool(known)
            words = (*in_words(known, days.get(name.as_posix())), f"{records.digits(notebook):,}")
            title = link(self.env.docname, name.with_suffix("").as_posix())
            cells = [nodes.paragraph("", "", title), *(nodes.paragraph("", word) for word in words)]
            body += nodes.row("", *(nodes.entry("", cell) for cell in cells))
        said = f"{recorded} of {len(chapters)} chapters have a record of their last run."
        return [_table(body), nodes.paragraph("", said, classes=["qbp-status"])]


def in_words(known: Mapping[str, Any], day: str | None) -> tuple[str, ...]:
    """Return last run, seconds, device, versions and processor of a chapter as the page has them.

    Args:
        known: the record, {} if there is none.
        day: of the last commit that changed the notebook, None if git does not say.

    Example:
        >>> in_words({}, "2026-01-31")
        ('not recorded; stored by 2026-01-31', '', '', '', '')
    """
    if not known:
        return (f"not recorded; stored by {day}" if day else "not recorded", *[""] * 4)
    versions = ", ".join(f"{name} {known[name]}" for name in ("python", "torch", "numpy", "qbp"))
    kind = f"{known['processor']}, {known['instructions']}"
    return known["date"], f"{known['seconds']:,}", known["device"], versions, kind


def _table(body: nodes.tbody) -> nodes.table:
    head = nodes.row("", *(nodes.entry("", nodes.paragraph("", word)) for word in HEAD))
    group = nodes.tgroup(cols=len(HEAD))
    group += [*(nodes.colspec(colwidth=1) for _ in HEAD), nodes.thead("", head), body]
    return nodes.table("", group, classes=["qbp-status"])
