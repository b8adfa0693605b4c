"""JupyterLab's access to the chapters: trusted, and with the glued numbers in their prose (`make jupyter`).

JupyterLab shows the name of a glued number where the pages show the number.  So a chapter is handed over with
the stored number, as an abbreviation of its name, and saved with the name again: the file keeps its own form.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from qbp.book.pages import glued
from qbp.book.run import chapters

GLUE = re.compile(r"\{glue:text\}`([\w.-]+)`")
NUMBER = re.compile(r"\{abbr\}`[^`]* \(glued: ([\w.-]+)\)`")


def with_numbers(source: str, values: Mapping[str, str]) -> str:
    """Put numbers in place of their names.

    Example:
        >>> with_numbers("It ends at {glue:text}`end`.", {"end": "0.5 (n = 20)"})
        'It ends at {abbr}`0.5 (n = 20) (glued: end)`.'
    """
    shown = {name: text for name, text in values.items() if not set("`\n") & set(text)}
    return GLUE.sub(lambda m: f"{{abbr}}`{shown[m[1]]} (glued: {m[1]})`" if m[1] in shown else m[0], source)


def with_names(source: str) -> str:
    """Put names in place of their numbers, as they stood.

    Example:
        >>> with_names("It ends at {abbr}`0.5 (n = 20) (glued: end)`.")
        'It ends at {glue:text}`end`.'
    """
    return NUMBER.sub(r"{glue:text}`\1`", source)


def is_chapter(path: str, root: str | Path) -> bool:
    """Whether a path that JupyterLab names, from its root on, is a chapter of this checkout's book.

    Example:
        >>> root = chapters()[0].parents[1]
        >>> is_chapter("book/curve.ipynb", root), is_chapter("mine.ipynb", root)
        (True, False)
    """
    return Path(root, path.lstrip("/")).resolve() in {chapter.resolve() for chapter in chapters()}


class Chapters(AsyncLargeFileManager):
    """Contents manager of JupyterLab for this book."""

    async def get(self, path: str, content: bool = True, *args: Any, **options: Any) -> dict[str, Any]:
        """Read a file; prose of a notebook gets its numbers."""
        model = await super().get(path, content, *args, **options)
        if model["type"] == "notebook" and content:
            values = glued(model["content"]["cells"])
            for cell in model["content"]["cells"]:
                if cell["cell_type"] == "markdown":
                    cell["source"] = with_numbers(cell["source"], values)
        return model

    async def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        """Write a file; prose of a notebook gets its names back."""
        if model.get("type") == "notebook":
            for cell in (model.get("content") or {}).get("cells", ()):
                if cell["cell_type"] == "markdown":
                    cell["source"] = with_names("".join(cell["source"]))
        return await super().save(model, path)

    def mark_trusted_cells(self, nb: Any, path: str = "") -> None:
        """Trust every cell of a chapter, which is code of this checkout, like the package that it runs.

        Another notebook is trusted as Jupyter would: when its reader has run it, and not before.
        """
        if is_chapter(path, self.root_dir):
            self.notary.mark_cells(nb, True)
        else:
            super().mark_trusted_cells(nb, path)
