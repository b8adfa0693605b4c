"""Registration of what the pages get from us with Sphinx."""

from typing import Any

from sphinx.application import Sphinx

from qbp.book.sphinx.buttons import add_buttons, set_repository, write_scripts
from qbp.book.sphinx.folding import Folded, fold
from qbp.book.sphinx.icons import keep_used_icons
from qbp.book.sphinx.live import add_scripts
from qbp.book.sphinx.mending import mend_page
from qbp.book.sphinx.printing.paper import EBook, Equations, Outputs, Parts, leave_out_screens
from qbp.book.sphinx.printing.widths import Widths
from qbp.book.sphinx.reading import ReadingPath
from qbp.book.sphinx.result_tables import ResultTables
from qbp.book.sphinx.status import ChapterStatus
from qbp.book.sphinx.traces import trace


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("result-tables", ResultTables)
    app.add_directive("reading-path", ReadingPath)
    app.add_directive("chapter-status", ChapterStatus)
    app.add_node(
        Folded,
        html=(Folded.visit, Folded.depart),
        **dict.fromkeys(("latex", "text"), (Folded.nothing, Folded.nothing)),
    )
    for transform in (Outputs, Parts, Equations, Widths):  # for paper and e-readers alone
        app.add_post_transform(transform)
    app.add_builder(EBook, override=True)
    app.connect("doctree-read", trace)
    app.connect("doctree-read", fold)
    app.connect("autodoc-skip-member", is_default)
    app.add_config_value("qbp_repository", "", "env")
    app.connect("config-inited", set_repository)
    app.connect("html-page-context", mend_page, priority=600)
    app.connect("html-page-context", add_scripts)
    app.connect("html-page-context", add_buttons, priority=600)  # after the theme has set its own
    app.connect("html-page-context", leave_out_screens, priority=900)
    app.connect("build-finished", write_scripts)
    app.connect("build-finished", keep_used_icons)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def is_default(app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Skip a field of a class whose default is a function or a class, which stands under its own name, and a
    field of a named tuple, which stands in the text of the class.
    """
    field = str(getattr(member, "__doc__", "")).startswith("Alias for field number")
    return True if what == "class" and (field or "." not in getattr(member, "__qualname__", ".")) else None
