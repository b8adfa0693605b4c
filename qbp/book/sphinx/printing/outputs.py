"""Conversion of an output's HTML into document nodes, which LaTeX and an e-book can write.

The package writes its tables and texts as HTML with few tags; each has its node here, others are refused.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree.ElementTree import Element, SubElement, TreeBuilder

from docutils import nodes
from sphinx import addnodes

INLINE = {"code": nodes.literal, "strong": nodes.strong, "em": nodes.emphasis, "span": nodes.emphasis}
_VOID = ("br", "wbr", "img", "input")
_LEFT_OUT = ("style", "script", "wbr")


class _Parser(HTMLParser):
    """Builder of an element tree; a tag that is not closed is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.builder = TreeBuilder()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.builder.start(tag, {key: value or "" for key, value in attrs})
        if tag in _VOID:
            self.builder.end(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            self.builder.end(tag)

    def handle_data(self, data: str) -> None:
        self.builder.data(data)


def parsed(html: str) -> Element:
    """Return the tree of a piece of HTML, below an element `body`.

    Example:
        >>> parsed("<p>a<br>b</p>").find("p").text
        'a'
    """
    parser = _Parser()
    parser.builder.start("body", {})
    parser.feed(html)
    parser.close()
    parser.builder.end("body")
    return parser.builder.close()


def as_nodes(html: str, page: str) -> list[nodes.Node]:
    """Return the nodes of an output's HTML: paragraphs, lists and tables.

    Args:
        html: as the package and pandas write it.
        page: name of the page that it stands on; links are relative to it.

    Raises:
        ValueError: it has a tag that has no node here.

    Example:
        >>> as_nodes("<p>A <code>b</code>.</p>", "curve")[0].astext()
        'A b.'
    """
    return _blocks(parsed(html), page)


def _blocks(element: Element, page: str) -> list[nodes.Node]:
    """Return the nodes of what stands in an element, loose text in paragraphs of its own."""
    made: list[nodes.Node] = []
    loose = nodes.paragraph()
    loose += _text(element.text)
    for child in element:
        if child.tag in ("table", "ul", "p", "div", "details", "br"):
            made += _filled(loose) + _block(child, page)
            loose = nodes.paragraph()
        else:
            loose += _inline(child, page)
        loose += _text(child.tail)
    return made + _filled(loose)


def _block(child: Element, page: str) -> list[nodes.Node]:
    """Return the nodes of one block."""
    if child.tag == "table":
        return [_table(child, page)]
    if child.tag == "ul":
        listing = nodes.bullet_list(bullet="-")
        listing += [nodes.list_item("", *_blocks(item, page)) for item in child]
        return [listing]
    if child.tag == "details":
        summary, *rest = child
        said = summary.text or ""
        heading = [nodes.paragraph("", said)] if said not in ("command", "details") else []
        words = "".join(part.tail or "" for part in child)
        if [part.tag for part in rest] == ["code"] and not words.strip():
            return heading  # the command of a row: paper has the address of the page
        child.remove(summary)
        child.text = summary.tail
        return [*heading, *_blocks(child, page)]
    return _blocks(child, page)


def _inline(child: Element, page: str) -> list[nodes.Node]:
    """Return the nodes of an inline element."""
    if child.tag in _LEFT_OUT:
        return []
    inner = [*_text(child.text, child.tag == "code")]
    for part in child:
        inner += [*_inline(part, page), *_text(part.tail, child.tag == "code")]
    if child.tag == "a":
        return [_link(child.get("href", ""), page, inner)]
    if child.tag not in INLINE:
        raise ValueError(f"an output for paper must not have the tag {child.tag!r}")
    said = "".join(part.astext() for part in inner)
    return [INLINE[child.tag](said, said)] if child.tag == "code" else [INLINE[child.tag](said, "", *inner)]


def _text(text: str | None, exact: bool = False) -> Iterator[nodes.Text]:
    if text:
        yield nodes.Text(text if exact else re.sub(r"\s+", " ", text))


def _filled(paragraph: nodes.paragraph) -> list[nodes.Node]:
    return [paragraph] if paragraph.astext().strip() else []


def _link(target: str, page: str, inner: list[nodes.Node]) -> nodes.Node:
    """Return a link: to another origin, to a page of the book, or to a place on this one."""
    if "://" in target:
        return nodes.reference("", "", *inner, refuri=target)
    file, _, place = target.partition("#")
    shown = nodes.inline("", "", *inner)
    if place and file.startswith("api/"):
        domain, kind, at = "py", "obj", place
    elif place:
        domain, kind, at = "std", "ref", place
    else:
        domain, kind, at = "std", "doc", "/" + file.removesuffix(".html")
    options = {"refdoc": page, "refdomain": domain, "reftype": kind, "reftarget": at}
    return addnodes.pending_xref("", shown, refexplicit=True, refwarn=True, **options)


def _table(table: Element, page: str) -> nodes.table:
    """Return a table without spans: what spans stands in its first cell, the others are empty."""
    heads, bodies = _grid(table.findall("thead/tr")), _grid(_closed(table.findall("tbody/tr")))
    columns = max(map(len, heads + bodies))
    group = nodes.tgroup(cols=columns)
    group += [nodes.colspec(colwidth=1) for _ in range(columns)]
    for part, rows in ((nodes.thead(), heads), (nodes.tbody(), bodies)):
        for cells in rows:
            row = nodes.row()
            for cell in cells + [None] * (columns - len(cells)):
                row += nodes.entry("", *(_blocks(cell, page) if cell is not None else []))
            part += row
        group += [part] if rows else []
    return nodes.table("", group, classes=["qbp-paper", *table.get("class", "").split()])


def _closed(rows: list[Element]) -> list[Element]:
    """Return the rows that stand open: of a fold below a row its summary, in that row's first cell."""
    kept: list[Element] = []
    for row in rows:
        if row.get("class") == "below" and kept:
            summary = row.find("td/details/summary")
            SubElement(kept[-1][0], "p").text = "" if summary is None else summary.text
        else:
            kept.append(row)
    return kept


def _grid(rows: list[Element]) -> list[list[Element | None]]:
    """Return the cells by row and column; None where one of another place reaches to."""
    taken: dict[tuple[int, int], Element | None] = {}
    for i, row in enumerate(rows):
        j = 0
        for cell in row:
            while (i, j) in taken:
                j += 1
            for k in range(int(cell.get("rowspan", 1))):
                for m in range(int(cell.get("colspan", 1))):
                    taken[i + k, j + m] = None
            taken[i, j] = cell
    width = max((j for _, j in taken), default=-1) + 1
    return [[taken.get((i, j)) for j in range(width)] for i in range(len(rows))]
