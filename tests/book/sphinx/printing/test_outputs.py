"""Outputs for paper: HTML that the package writes becomes nodes with the same words, or is refused."""

import nbformat
import pytest
from docutils import nodes

from qbp.book.sphinx.printing.outputs import as_nodes
from qbp.book.tables import markup
from qbp.results.store import ROOT


def grid(table):
    return [[cell.astext() for cell in row] for row in table.findall(nodes.row)]


def test_a_table_keeps_its_cells_and_a_span_stands_once():
    html = (
        '<table class="x"><thead><tr><th></th><th>a</th><th>b</th></tr></thead><tbody>'
        '<tr><th rowspan="2">r</th><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr>'
        '<tr><td colspan="2">wide</td><td>5</td></tr></tbody></table>'
    )
    (table,) = as_nodes(html, "curve")
    assert "x" in table["classes"]
    assert grid(table) == [["", "a", "b"], ["r", "1", "2"], ["", "3", "4"], ["wide", "", "5"]]


def test_what_a_page_folds_is_open_and_the_command_of_a_row_is_left_out():
    rows = markup.html_row("x" + markup.folded("command", "<code>qbp run</code>"), ["1"])
    rows += markup.html_row(markup.folded("x against y", "<code>qbp run</code>"), ["2"])
    rows += markup.html_row("z", [markup.folded("details", "p = 1; <code>qbp claims</code>")])
    made = as_nodes(markup.folded("A study", markup.html("t", ["", "v"], rows)), "curve")
    assert [node.astext() for node in made[:1]] == ["A study"]
    assert grid(made[1])[1:] == [["x", "1"], ["x against y", "2"], ["z", "p = 1; qbp claims"]]


def test_of_a_fold_below_a_row_its_summary_stands_in_the_row():
    rows = '<tr><td>a <span class="where">there</span></td><td>1</td></tr>'
    rows += '<tr class="below"><td colspan="2"><details><summary>on b</summary><p>c</p></details></td></tr>'
    (table,) = as_nodes(markup.html("t", ["", "v"], rows), "claims")
    assert grid(table)[1:] == [["a there\n\non b", "1"]]
    assert [part.astext() for part in table.findall(nodes.emphasis)] == ["there"]


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "book").glob("*.ipynb")))
def test_every_stored_output_can_be_printed(name):
    for cell in nbformat.read(ROOT / "book" / f"{name}.ipynb", as_version=4).cells:
        for output in cell.get("outputs", []):
            html = output.get("data", {}).get("text/html", "")
            if "qbp-explorer" not in html and "qbp-source" not in html:
                assert as_nodes(html, name) or not html


def test_words_lists_and_links():
    html = "<p>A <strong>b</strong> &amp; <em>c</em> <code>d e</code>.</p><ul><li>one</li><li>two</li></ul>"
    paragraph, listing = as_nodes(html, "curve")
    assert paragraph.astext() == "A b & c d e."
    kinds = [type(part) for part in paragraph if not isinstance(part, nodes.Text)]
    assert kinds == [nodes.strong, nodes.emphasis, nodes.literal]
    assert [item.astext() for item in listing] == ["one", "two"]
    for target, (domain, kind, at) in {
        "curve.html": ("std", "doc", "/curve"),
        "#ambiguity-3": ("std", "ref", "ambiguity-3"),
        "api/method.html#qbp.convex.ridge": ("py", "obj", "qbp.convex.ridge"),
    }.items():
        link = as_nodes(f'<a href="{target}">x</a>', "mnist")[0][0]
        assert (link["refdomain"], link["reftype"], link["reftarget"]) == (domain, kind, at)
        assert link["refdoc"] == "mnist" and link.astext() == "x"
    assert as_nodes('<a href="https://example.org">x</a>', "a")[0][0]["refuri"] == "https://example.org"


def test_another_tag_is_refused():
    with pytest.raises(ValueError, match=r"an output for paper must not have the tag 'video'"):
        as_nodes("<p><video></video></p>", "curve")
