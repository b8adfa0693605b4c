"""Widths of the columns of a printed table: letters small enough, and turned if need be, so that all fits."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from docutils import nodes
from numpy.typing import NDArray
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

SIZES = (("small", 112), ("footnotesize", 126), ("scriptsize", 144))  # characters on a line
TURNED = ("scriptsize", 218)
PAD = 2  # characters between two columns
STEP = 2
BREAK = "\u200b"  # the preamble allows a line to end here
_WORDS = re.compile(rf"[\s{BREAK}]+|(?<=[A-Za-z])-(?=[A-Za-z])")  # a line may end at a hyphen, of words
_BREAKS = re.compile(r"(?<=[./_=,:(&+-])(?=[^\s.])|(?<=[a-z])(?=[A-Z])")


class Widths(SphinxPostTransform):
    """Column widths, letters and orientation of every table."""

    default_priority = 660  # after links have their words
    builders = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Set them."""
        for table in list(self.document.findall(nodes.table)):
            fit(table)


def fit(table: nodes.table) -> None:
    """Give a table the widths of its columns, and put it between commands for its letters."""
    for code in table.findall(nodes.literal):
        said = code.astext()
        code.clear()
        code += nodes.Text(_BREAKS.sub(BREAK, said))
    lengths = np.array(_square([[len(_said(entry)) for entry in row] for row in table.findall(nodes.row)]))
    rows = _square([[_widest(entry) for entry in row] for row in table.findall(nodes.row)])
    words = np.max(rows, 0)
    size, line, turned = letters(lengths, words)
    widths = columns_of(lengths, words, line)
    table["classes"] = [*table["classes"], "longtable"] if not _boxed(table) else table["classes"]
    table.parent.insert(table.parent.index(table), addnodes.tabular_col_spec(spec=_spec(widths, line)))
    before = (
        rf"\begingroup\setlength{{\tabcolsep}}{{4pt}}\{size}"
        if not turned
        else rf"\begin{{landscape}}\setlength{{\tabcolsep}}{{4pt}}\{size}"
    )
    after = r"\endgroup" if not turned else r"\end{landscape}"
    at = table.parent.index(table)
    table.parent.insert(at + 1, nodes.raw("", after, format="latex"))
    table.parent.insert(at - 1, nodes.raw("", before, format="latex"))


def letters(lengths: NDArray, words: NDArray) -> tuple[str, int, bool]:
    """Return the size of the letters, the characters of a line, and whether the page is turned.

    The largest letters in which no word is wider than its column, and the longest row takes three lines.

    Args:
        lengths: characters of each cell, shape (rows, columns).
        words: characters of the longest word of each column, shape (columns,).

    Example:
        >>> letters(np.array([[9, 20]]), np.array([9, 8]))
        ('small', 112, False)
        >>> letters(np.array([[40] * 9]), np.array([12] * 9))
        ('scriptsize', 144, False)
    """
    for size, line in SIZES:
        room = line - PAD * len(words)
        if words.sum() <= room and lengths.max(0).sum() <= 3 * room:
            return size, line, False
    size, line = SIZES[-1]
    if words.sum() <= line - PAD * len(words):
        return size, line, False
    return *TURNED, True


def columns_of(lengths: NDArray, words: NDArray, line: int) -> list[int | None]:
    """Return the width of each column in characters; None where every cell is on one line.

    Each column has room for its longest word. What is left goes, `STEP` characters at a time, to the column
    that makes the table shortest.

    Example:
        >>> columns_of(np.array([[9, 300]]), np.array([9, 12]), 112)
        [9, 99]
    """
    room, longest = line - PAD * len(words), lengths.max(0)
    if longest.sum() <= 0.9 * room:
        return [None] * len(words)
    widths = np.minimum(longest, words).clip(1)
    if widths.sum() >= room:
        return [int(width) for width in widths * room / widths.sum()]
    while widths.sum() < room:
        more = np.minimum(STEP, room - widths.sum()) * np.eye(len(words), dtype=int)
        lines = (
            (lengths / (widths + more)[:, None]).max(2).sum(1)
        )  # (columns,): of the table, were this one wider
        widths = widths + more[lines.argmin()]
    return [int(width) for width in widths]


def _spec(widths: Sequence[int | None], line: int) -> str:
    """Return the columns as LaTeX takes them."""
    left, column = r">{\raggedright\arraybackslash}", r"p{\dimexpr%.3f\linewidth-2\tabcolsep\relax}"
    return "".join("l" if width is None else left + column % ((width + PAD) / line) for width in widths)


def _said(entry: nodes.Element) -> str:
    """Return the text of a cell."""
    return "  ".join(part.astext() for part in entry)


def _widest(entry: nodes.Element) -> int:
    """Return the characters of the longest word of a cell, as wide as digits."""
    return math.ceil(1.2 * max(map(len, _WORDS.split(_said(entry)))))


def _square(cells: list[list[int]]) -> list[list[int]]:
    width = max(map(len, cells))
    return [row + [0] * (width - len(row)) for row in cells]


def _boxed(node: nodes.Node) -> bool:
    """Whether a node stands in a box, in which a table cannot go on to the next page."""
    while node := node.parent:
        if isinstance(node, nodes.Admonition | nodes.entry | nodes.figure):
            return True
    return False
