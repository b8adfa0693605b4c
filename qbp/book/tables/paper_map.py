"""Table of the paper map, with links."""

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from qbp.book.api import page_of
from qbp.book.tables.markup import html, html_row, markdown

if TYPE_CHECKING:
    from qbp.audit.paper_map import Item


class MapTable:
    """Rows of the map for a cell's last line: HTML with links on a page, Markdown as text."""

    HEAD = ("the paper", "what it is", "in the package", "test", "chapter")

    def __init__(self, rows: Iterable["Item"]) -> None:
        self.rows = list(rows)

    def __repr__(self) -> str:
        lines = [(r.item, r.says, r.name or "-", r.test or "-", r.chapter) for r in self.rows]
        return markdown(self.HEAD, lines)

    def _repr_html_(self) -> str:
        return html("qbp-map", self.HEAD, "".join(map(_row, self.rows)))


def _row(row: "Item") -> str:
    """Write a row; long names may break after a dot, an underscore or a colon."""

    def code(text: str) -> str:
        for mark in ("::", "_", "."):
            text = text.replace(mark, f"{mark}<wbr>")
        return f"<code>{text}</code>" if text else "–"

    name = f'<a href="{page_of(row.name)}.html#{row.name}">{code(row.name)}</a>' if row.name else "–"
    link = f'<a href="{row.chapter}.html">{row.chapter}</a>'
    return html_row(row.item, (escape(row.says), name, code(row.test), link))
