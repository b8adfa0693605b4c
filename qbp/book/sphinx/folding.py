"""Folds: parts of a chapter that a page shows when a reader opens them.

A comment ``<!-- fold: Eight qubits -->`` in a Markdown cell begins one, under these words.  It ends at a
comment ``<!-- end of fold -->``, at the next heading, or where its section ends.  JupyterLab shows the whole
chapter, and no comment.
"""

import re
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

BEGIN = re.compile(r"<!-- fold: (.+?) -->\s*")
END = re.compile(r"<!-- end of fold -->\s*")


class Folded(nodes.General, nodes.Element):
    """A part that is folded below a word, `summary`; on paper the part alone."""

    @staticmethod
    def visit(translator: Any, node: nodes.Element) -> None:
        """Open it, on a page."""
        translator.body.append(translator.starttag(node, "details"))
        translator.body.append(f"<summary>{escape(node['summary'])}</summary>")

    @staticmethod
    def depart(translator: Any, node: nodes.Element) -> None:
        """Close it."""
        translator.body.append("</details>\n")

    @staticmethod
    def nothing(translator: Any, node: nodes.Element) -> None:
        """Add nothing, on paper."""


def fold(app: Sphinx, doctree: nodes.document) -> None:
    """Put what stands between the comments of a chapter into its folds.

    Raises:
        ValueError: a fold ends that did not begin.
    """
    for part in [doctree, *doctree.findall(nodes.section)]:
        if any(map(_words, part.children)) or any(map(_ends, part.children)):
            part.children = _folded(part.children)
            for child in part.children:
                child.parent = part


def _folded(children: list[nodes.Node]) -> list[nodes.Node]:
    kept: list[nodes.Node] = []
    into: Folded | None = None
    for child in children:
        if words := _words(child):
            into = Folded("", summary=words, classes=["qbp-fold"])
            kept.append(into)
        elif _ends(child):
            if into is None:
                raise ValueError("a fold must begin before it ends, as in <!-- fold: words -->")
            into = None
        elif into is None or isinstance(child, nodes.section):
            into = None
            kept.append(child)
        else:
            into += child
    return kept


def _words(node: nodes.Node) -> str:
    """Return the words of a fold that begins here, empty if none does."""
    found = BEGIN.fullmatch(node.astext()) if isinstance(node, nodes.raw) else None
    return found[1] if found else ""


def _ends(node: nodes.Node) -> bool:
    return isinstance(node, nodes.raw) and bool(END.fullmatch(node.astext()))
