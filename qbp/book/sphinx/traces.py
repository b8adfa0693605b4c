"""Traces: below every figure and table of numbers, the command that computes it again.

Below a table goes the command that runs the chapter again, below what is made from committed rows a link to
them too.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from qbp.audit.claims import CLAIMS
from qbp.book.sphinx.folding import Folded
from qbp.results import store
from qbp.studies.tables import resolve

NO_RESULTS = ("qbp-beside", "qbp-map", "qbp-source")  # source code and indices: nothing that is computed
ALL_CLAIMS = "claims"  # in a cell's metadata: every table that a claim is measured on


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
            line = nodes.paragraph("", "", nodes.literal(command, command), nodes.Text("."))
            line += [nodes.Text(" "), *_rows(rows)] if rows else []
            line = Folded("", line, summary="Recompute", classes=["qbp-trace"])
            bundle.parent.insert(bundle.parent.index(bundle) + 1, line)


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
