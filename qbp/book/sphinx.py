"""Sphinx extension: on the pages, every figure and every table of numbers says what computes it again.

Below a table goes the command that runs the chapter again, below what is made from committed rows a link to
them too.  The page of the result tables lists each with its command and the file (directive `result-tables`).
What the theme and pandas write for screens is mended for screen readers, phones and paper (`mend`).  A page
that computes by itself (an element of class `qbp-live`) gets the scripts for it.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from PIL import Image
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from qbp.audit.claims import CLAIMS
from qbp.results import store
from qbp.studies.tables import resolve

NO_RESULTS = ("qbp-beside", "qbp-map", "qbp-source")  # source code and indices: nothing that is computed
PAGE = "result-tables"
EMPTY_HEADER = re.compile(r"<th(?: scope=\"\w+\")?([^>]*)>\s*(?:<p>\s*</p>\s*)?</th>")
IMAGE = re.compile(r"<img(?:\"[^\"]*\"|[^\">])*>")  # an SVG in an attribute has ">"
PRINT_SOLUTIONS = {
    "type": "javascript",
    "javascript": "document.documentElement.classList.add('with-solutions');"
    "addEventListener('afterprint', () => document.documentElement.classList.remove('with-solutions'));"
    "print()",
    "text": ".pdf with solutions",
    "tooltip": "Print to PDF, with the solutions of the exercises",
    "icon": "fas fa-file-pdf",
    "label": "download-solutions-button",
}
SCROLLS = "jp-RenderedHTMLCommon"  # the theme lets the keyboard into a box of this class where it scrolls
LIVE = tuple(
    f"qbp-live{part}.js"
    for part in ("-read", "", "-train", "-worker", "-draw", "-figure", "-results", "-page")
)
ALL_CLAIMS = "claims"  # in a cell's metadata: every table that a claim is measured on


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive(PAGE, ResultTables)
    app.connect("doctree-read", trace)
    app.connect("autodoc-skip-member", is_default)
    app.connect("html-page-context", mend_page, priority=600)  # after the theme has set its buttons
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def is_default(app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Skip a field of a class whose default is a function or a class, which stands under its own name, and a
    field of a named tuple, which stands in the text of the class.
    """
    field = str(getattr(member, "__doc__", "")).startswith("Alias for field number")
    return True if what == "class" and (field or "." not in getattr(member, "__qualname__", ".")) else None


def trace(app: Sphinx, doctree: nodes.document) -> None:
    """Add what is missing to the figures and tables of a chapter."""
    source = Path(app.env.doc2path(app.env.docname))
    if source.suffix != ".ipynb":
        return
    cells = nbformat.read(source, as_version=4).cells
    for cell in list(doctree.findall(nodes.container)):
        if cell.get("nb_element") != "cell_code":
            continue
        rows = tables_shown(cells[cell["cell_index"]].metadata)
        for figure in cell.findall(nodes.figure):
            if rows and (captions := list(figure.findall(nodes.caption))):
                said = captions[0].astext()
                captions[0] += [nodes.Text(" "), *_rows(rows)] if "Rows:" not in said else []
        for bundle in list(cell.findall(_is_result)):
            command = f"papermill book/{source.name} out.ipynb"
            line = nodes.paragraph("", "Recompute: ", nodes.literal(command, command), nodes.Text("."))
            line += [nodes.Text(" "), *_rows(rows)] if rows else []
            line["classes"].append("qbp-trace")
            bundle.parent.insert(bundle.parent.index(bundle) + 1, line)


def mend_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Mend the body of a page, and add the button that prints the solutions too."""
    if "body" not in context:
        return
    sizes = {}
    for source, name in app.builder.images.items():
        if name.endswith(".png"):
            with Image.open(Path(app.srcdir, source)) as image:
                sizes[name] = image.width / image.info.get("dpi", (72, 72))[0] * 72
    context["body"] = mend(context["body"], sizes)
    if 'class="qbp-live"' in context["body"]:
        for script in LIVE:  # in this order, on the pages that compute alone
            app.add_js_file(script, loading_method="defer")
    if 'class="solution' in context["body"]:
        for group in context["header_buttons"]:
            if group.get("label") == "download-buttons":
                group["buttons"].append(PRINT_SOLUTIONS)


def mend(body: str, sizes: Mapping[str, float]) -> str:
    """Return the HTML of a page with what axe-core and a phone ask for.

    An empty header is a plain cell.  A folded cell is named by the words on it.  An image knows its width in
    points, `--points`, so that a style sheet can say how large its letters are at least, and stands in a box
    that scrolls.

    Args:
        body: of a page.
        sizes: {file name of an image: its width in points}.

    Example:
        >>> mend('<tr><th scope="col"></th></tr>', {})
        '<tr><td></td></tr>'
        >>> mend('<img src="_images/a.png" />', {"a.png": 720})
        '<div class="qbp-scroll jp-RenderedHTMLCommon"><img style="--points:720" src="_images/a.png" /></div>'
    """

    def image(match: re.Match) -> str:
        tag = match[0]
        # a frame of an explorer
        if found := re.search(r"src=\"data:image/svg[^\"]*? width='([\d.]+)pt'", tag):
            return tag.replace("<img", f'<img style="--points:{found[1]}"', 1)
        name = re.search(r'src="_images/([^"]+)"', tag)
        if not name or name[1] not in sizes:
            return tag
        tag = tag.replace("<img", f'<img style="--points:{sizes[name[1]]:.0f}"', 1)
        return f'<div class="qbp-scroll {SCROLLS}">{tag}</div>'

    body = EMPTY_HEADER.sub(r"<td\1></td>", body)
    body = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    for role in (' role="list"', ' role="doc-biblioentry"'):  # of references: no items, and one given up
        body = body.replace(role, "")
    body = body.replace('<div aria-live="polite">', f'<div aria-live="polite" class="qbp-scroll {SCROLLS}">')
    return IMAGE.sub(image, body)


def tables_shown(metadata: Mapping[str, Any]) -> list[str]:
    """Return the committed tables that a cell's output is made from, as its metadata say under `tables`.

    Example:
        >>> tables_shown({"tables": ["mnist", "curve"]})
        ['curve', 'mnist']
    """
    named = set(metadata.get("tables", ()))
    if ALL_CLAIMS in named:
        judged = {claim.table for claim in CLAIMS if claim.table}
        named = named - {ALL_CLAIMS} | {name for table in judged for name in resolve(table).tables}
    return sorted(named & store.manifest().keys())


def _is_result(node: nodes.Node) -> bool:
    """Whether a node is an output with a table or an explorer."""
    if not isinstance(node, nodes.container) or node.get("nb_element") != "mime_bundle":
        return False
    html = "".join(raw.astext() for raw in node.findall(nodes.raw) if raw.get("format") == "html")
    return ("<table" in html or "qbp-explorer" in html) and not any(name in html for name in NO_RESULTS)


def _rows(names: list[str]) -> list[nodes.Node]:
    """Return the words that link to the rows of these tables."""
    found: list[nodes.Node] = [nodes.Text("Rows: ")]
    for name in names:
        link = addnodes.pending_xref(
            "", nodes.inline("", name), refdomain="std", reftype="ref", reftarget=f"rows-{name}",
            refexplicit=True, refwarn=True,
        )  # fmt: skip
        found += [link, nodes.Text(", ")]
    return [*found[:-1], nodes.Text(".")]


class ResultTables(SphinxDirective):
    """The committed tables, each with what the manifest says of it, and the file."""

    def run(self) -> list[nodes.Node]:
        """Return a section per table."""
        self.env.note_dependency(str(store.DIRECTORY / "MANIFEST.json"))
        listed = store.manifest()
        return [self._entry(name, entry) for name, entry in listed.items()]

    def _entry(self, name: str, entry: dict[str, Any]) -> nodes.Node:
        label = f"rows-{name}"
        section = nodes.section("", nodes.title("", name), ids=[label], names=[label])
        self.state.document.note_explicit_target(section, section)
        file = os.path.relpath(store.DIRECTORY / f"{name}.parquet", self.env.srcdir)
        packages = ", ".join(f"{package} {version}" for package, version in entry["packages"].items())
        fields = {
            "of the paper": [nodes.Text(entry["target"])],
            "recompute": [nodes.literal("", entry["command"])],
            "rows": [nodes.Text(f"{entry['rows']}, of {entry.get('seeds', 'no')} seeds at most, in "),
                     addnodes.download_reference("", "", nodes.literal("", f"{name}.parquet"),
                                                 reftarget="/" + Path(file).as_posix())],
            "SHA-256": [nodes.literal("", entry["sha256"])],
            "made by": [nodes.Text(f"core {entry['core']}; {packages}; {entry['machine']}; "
                                   f"{entry['minutes']} minutes")],
        }  # fmt: skip
        listing = nodes.field_list(classes=["qbp-rows"])
        for key, value in fields.items():
            body = nodes.field_body("", nodes.paragraph("", "", *value))
            listing += nodes.field("", nodes.field_name("", key), body)
        section += listing
        if isinstance(entry.get("configs"), dict):
            lines = "\n".join(entry["configs"].values())
            block = nodes.literal_block(lines, lines, language="text")
            section += nodes.container("", block, classes=["toggle"])
        return section
