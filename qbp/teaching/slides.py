"""Figures for a projector: those of a chapter as SVG files whose letters stay text, and a page of them."""

import html
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from qbp import _checks, _files
from qbp.book.run import BOOK, QUIET_KERNEL, chapters

if TYPE_CHECKING:
    import nbformat

# A kernel draws PNG unless told otherwise; text stays text, so that it can be edited, searched and restyled.
AS_SVG = """\
from matplotlib_inline.backend_inline import set_matplotlib_formats
import matplotlib
set_matplotlib_formats("svg")
matplotlib.rcParams["svg.fonttype"] = "none"
"""
PAGE = """\
<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Figures for slides</title>
<style>
body {{ margin: 0; font: 1.25rem/1.4 sans-serif; color: #222; background: #fff }}
figure {{ margin: 0; padding: 3vh 5vw; height: 94vh; box-sizing: border-box; break-after: page }}
img {{ display: block; margin: 0 auto; width: 100%; height: 75vh; object-fit: contain }}
</style>
{figures}
</html>
"""


class Slide(NamedTuple):
    """One figure.

    Attributes:
        name: of its file, without ".svg".
        caption: plain text, with the formulas as the chapter writes them.
        svg: the drawing.
    """

    name: str
    caption: str
    svg: str


def slides(
    out: Path,
    names: Collection[str] = (),
    *,
    book: Path = BOOK,
    progress: Callable[[str], Any] = lambda name: None,
) -> list[Path]:
    """Run chapters, and write each of their figures as an SVG file, with one page that shows them all.

    Args:
        out: folder for the files; those of earlier calls are replaced, others stay.
        names: chapters, all by default.
        book: folder of the chapters.
        progress: called with each chapter before it runs.

    Returns:
        The SVG files, in the order of the book; ``index.html`` stands beside them.

    Raises:
        ValueError: there is no such chapter; nothing was run.
        OSError: the folder cannot be written.
    """
    known = {path.stem: path for path in chapters(book)}
    for name in names:
        _checks.choice("CHAPTER", name, known)
    out.mkdir(parents=True, exist_ok=True)
    written, drawn = [], []
    for name in names or known:
        progress(name)
        for slide in figures(_executed(known[name]), name):
            written.append(out / f"{slide.name}.svg")
            _files.write(written[-1], slide.svg.encode())
            drawn.append(slide)
    _files.write(out / "index.html", page(drawn).encode())
    return written


def figures(notebook: "nbformat.NotebookNode", chapter: str) -> list[Slide]:
    """Return the figures of an executed notebook that were drawn as SVG and have a caption.

    Args:
        notebook: its outputs hold ``image/svg+xml``.
        chapter: begins the names of the files.
    """
    found: list[Slide] = []
    for cell in notebook.cells:
        caption = cell.metadata.get("mystnb", {}).get("figure", {}).get("caption")
        drawn = [
            o.data["image/svg+xml"] for o in cell.get("outputs", ()) if "image/svg+xml" in o.get("data", {})
        ]
        for svg in drawn if caption else ():
            text = re.sub(r"\s*Recompute:.*", "", " ".join(caption.split()))
            found.append(Slide(f"{chapter}-{len(found) + 1}", text, svg))
    return found


def page(drawn: Collection[Slide]) -> str:
    """Return a page with one figure a screen, and a sheet each on paper."""
    rows = (
        f'<figure><img src="{slide.name}.svg" alt="{html.escape(slide.caption)}">'
        f"<figcaption>{html.escape(slide.caption)}</figcaption></figure>"
        for slide in drawn
    )
    return PAGE.format(figures="\n".join(rows))


def _executed(path: Path) -> "nbformat.NotebookNode":
    """Return a chapter, executed with figures as SVG; the stored one stays as it is."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(AS_SVG))
    folder = {"metadata": {"path": str(path.parent)}}
    return NotebookClient(notebook, timeout=600, extra_arguments=QUIET_KERNEL, resources=folder).execute()
