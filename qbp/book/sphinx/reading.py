"""Directive `reading-path`: chapters in an order, with why and how long, counted from their words.

A line of its body is ``chapter: why``.  The minutes are those of the words, `WORDS` of them a minute, and
`EXERCISE` for each exercise, rounded up to five: what a reader plans with, not what was measured.
"""

import math
import re
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

WORDS = 200
EXERCISE = 5
_NOT_READ = re.compile(
    r"```\{code-block\}.*?```|```(?:bash|python|text)\n.*?```|\$\$.*?\$\$|\(https?://[^)]*\)", re.S
)


def minutes(source: Path) -> int:
    """Return the minutes that a chapter takes, a multiple of five.

    Args:
        source: a notebook or a Markdown file.
    """
    if source.suffix == ".ipynb":
        cells = nbformat.read(source, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = source.read_text("utf-8")
    words = len(re.findall(r"[^\W\d_]{2,}", _NOT_READ.sub(" ", text)))
    exercises = len(re.findall(r"^`{3,}\{exercise\}", text, re.M))
    return 5 * math.ceil((words / WORDS + EXERCISE * exercises) / 5)


class ReadingPath(SphinxDirective):
    """An ordered list of chapters: title, minutes, why; and the hours of them all."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the list and a line with the sum."""
        listing, total = (
            nodes.enumerated_list(enumtype="arabic", prefix="", suffix=".", classes=["qbp-path"]),
            0,
        )
        for line in filter(str.strip, self.content):
            name, _, why = line.partition(":")
            try:
                source = source_of(Path(self.env.srcdir), name.strip())
            except ValueError as error:
                raise self.error(str(error)) from None
            self.env.note_dependency(str(source))
            total += (own := minutes(source))
            parsed, _ = self.parse_inline(why.strip(), lineno=self.lineno)
            text = nodes.paragraph("", "", link(self.env.docname, name.strip()))
            text += [nodes.inline("", f" · {own} min · ", classes=["qbp-minutes"]), *parsed]
            listing += nodes.list_item("", text)
        hours = f"{total / 60:.0f} hours" if total > 90 else f"{total} minutes"
        said = f"About {hours}, at {WORDS} words a minute and {EXERCISE} minutes an exercise."
        return [listing, nodes.paragraph("", said)]


def source_of(folder: Path, name: str) -> Path:
    """Return the file of a chapter.

    Raises:
        ValueError: there is none.
    """
    for suffix in (".ipynb", ".md"):
        if (path := folder / f"{name}{suffix}").exists():
            return path
    raise ValueError(f'reading-path must list chapters, as in "curve: why"; there is no {name!r}')


def link(docname: str, target: str) -> nodes.Node:
    """Return a link that shows the chapter's own title."""
    options: dict[str, Any] = {"refdoc": docname, "refdomain": "std", "reftype": "doc", "reftarget": target}
    return addnodes.pending_xref("", nodes.inline(), refexplicit=False, refwarn=True, **options)
