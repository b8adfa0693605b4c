"""Paper and e-reader: a small book, built for each, has all that its page has or says where it is."""

import base64
import io
import os
import re
import subprocess
import sys
import zipfile
from xml.etree import ElementTree

import nbformat
import pytest
from PIL import Image

from qbp.book.sphinx.printing.paper import mathml, with_properties
from qbp.results.store import ROOT

CONF = """\
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "qbp.book.sphinx.extension"]
nb_execution_mode = "off"
nb_ipywidgets_js = {}
myst_enable_extensions = ["amsmath", "dollarmath"]
project, author, copyright, version = "Small", "nobody", "nobody", "1"
latex_engine = "xelatex"
latex_documents = [("index", "small.tex", "Small", "nobody", "manual")]
epub_identifier = epub_uid = epub_scheme = epub_description = epub_contributor = epub_basename = "small"
epub_show_urls = "no"
"""
INDEX = "# Small\n\nWords.\n\n```{toctree}\n:caption: A part\nchapter\n```\n"
EXPLORER = (
    '<figure class="qbp-explorer"><figcaption><strong>A title</strong></figcaption>'
    "<noscript><p>The sliders need JavaScript; shown is n = 2.</p></noscript>"
    '<img hidden alt="n = 1: a line" src="x"><img alt="n = 2: a line" src="y"></figure>'
)
TABLE = (
    '<table class="dataframe"><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr>'
    "<td>cell one<details><summary>command</summary><code>qbp run</code></details></td>"
    "<td>cell two</td></tr></tbody></table>"
)


def cell(source, *, tags=(), **data):
    outputs = [nbformat.v4.new_output("execute_result", data)] if data else []
    made = nbformat.v4.new_code_cell(source, outputs=outputs)
    made.metadata["tags"] = list(tags)
    return made


def chapter():
    Image.new("RGB", (300, 150)).save(png := io.BytesIO(), "png")
    frame = base64.b64encode(png.getvalue()).decode()
    words = "# A chapter\n\n## About $\\psi$\n\nA sum $1 + \\dots + n$.\n\n"
    words += "$$\nx = \\tfrac12\n$$ (eq-x)\n\nSee {eq}`eq-x`."
    live = '<div class="qbp-live"><p>Words of the live part.</p></div>'
    folded, source = "<p>folded words</p>", '<p class="qbp-source">qbp.a</p><pre>x</pre>'
    cells = [
        nbformat.v4.new_markdown_cell(words),
        nbformat.v4.new_markdown_cell(live),
        cell("shown = 1", **{"text/html": TABLE, "text/plain": "plain form"}),
        cell("folded_code = 2", tags=["hide-cell"], **{"text/html": folded, "text/plain": "x"}),
        cell("explore()", **{"text/html": EXPLORER, "image/png": frame, "text/plain": "Explorer"}),
        cell(
            "source()",
            **{"text/html": source, "text/plain": "def a(): 1"},
        ),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}}
    )


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Return the folder in which the small book is built for both."""
    folder = tmp_path_factory.mktemp("book")
    (source := folder / "source").mkdir()
    (source / "conf.py").write_text(CONF)
    (source / "index.md").write_text(INDEX)
    nbformat.write(chapter(), source / "chapter.ipynb")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    (left := folder / "epub" / "_static").mkdir(parents=True)
    (left / "script.json").write_text("{}")  # by an earlier build: no book has such a file
    for kind in ("latex", "epub"):
        words = [sys.executable, "-m", "sphinx", "-b", kind, "-W", "-q", "--keep-going"]
        words += ["-d", str(folder / "doctrees"), str(source), str(folder / kind)]
        done = subprocess.run(words, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
    return folder


def test_latex_has_the_outputs_and_says_where_the_sliders_are(book):
    text = (book / "latex" / "small.tex").read_text()
    for words in (
        "cell one", "cell two", "folded words", "Shown is n = 2, one of 2 frames", "Words of the live part",
        "_build/html/chapter.html", r"\part{A part}", r"\texorpdfstring{\(\psi\)}{psi}", r"\begin{longtable}",
    ):  # fmt: skip
        assert words in text.replace(r"\_", "_").replace("\u200b", ""), words
    for words in ("folded_code", "plain form", "qbp run", "<table", "JavaScript"):
        assert words not in text.replace(r"\_", "_"), words
    assert text.count(r"\sphinxincludegraphics") == 1 and "def" in text


def test_the_e_book_has_them_too_in_pages_that_parse(book):
    with zipfile.ZipFile(book / "epub" / "small.epub") as file:
        page = file.read("chapter.xhtml").decode()
        manifest = file.read("content.opf").decode()
        for name in file.namelist():
            if name.endswith(".xhtml"):
                ElementTree.fromstring(file.read(name))
    for words in (
        "cell one",
        "folded words",
        "one of 2 frames",
        "_build/html/chapter.html",
        'alt="n = 2: a line"',
    ):
        assert words in page, words
    assert page.count("<math") == 3 and page.count("<img") == 1
    for words in ("folded_code", "<script", "<details", "qbp.css"):
        assert words not in page, words
    assert 'href="chapter.xhtml" media-type="application/xhtml+xml" properties="mathml"' in manifest
    assert 'href="index.xhtml" media-type="application/xhtml+xml" />' in manifest


@pytest.mark.parametrize(
    "formula",
    [
        r"a \dots b",
        r"\frac12",
        r"x = \textstyle\sum_a c_a",
        r"\tfrac{1}{2}",
        r"\sin x",
        r"\begin{smallmatrix} a \\ b \end{smallmatrix}",
    ],
)
def test_formulas_that_docutils_refuses_are_rewritten(formula):
    root = ElementTree.fromstring(mathml(formula, block=True))
    assert root.tag.endswith("}math") and root.get("display") == "block" and len(root)
    assert not [part for part in root.iter() if part.tag.endswith("mfrac") and part.attrib]
    assert not [part for part in root.iter() if part.tag.endswith("mtable") and "scriptlevel" in part.attrib]


def test_an_operator_below_or_above_a_letter_stands_in_braces():
    """MathJax takes ``_\\min`` without, LaTeX stops there."""
    bare = re.compile(r"[_^]\\{1,2}(min|max|inf|sup|arg|log|sin|cos|det|lim|sum|operatorname)\b")
    files = [file for end in ("ipynb", "md") for file in (ROOT / "book").glob(f"**/*.{end}")]
    files += (ROOT / "qbp").rglob("*.py")
    assert [file.name for file in files if bare.search(file.read_text("utf-8"))] == []
    assert bare.search(r"\lambda_\min") and not bare.search(r"\lambda_{\min}")


def test_no_word_of_a_docstring_reads_as_the_first_item_of_a_list():
    """An argument described as ``order: t.`` is the twentieth item of a list inside a paragraph."""
    letter = re.compile(r"(?m)^ +\w+: \w\.$")
    assert [
        file.name for file in (ROOT / "qbp").rglob("*.py") if letter.search(file.read_text("utf-8"))
    ] == []
    assert letter.search("    order: t.")


def test_pages_with_formulas_have_their_property(tmp_path):
    (tmp_path / "a.xhtml").write_text('<p><math xmlns="x"></math></p>')
    (tmp_path / "b.xhtml").write_text("<p>mathematics</p>")
    item = '<item id="{0}" href="{0}" media-type="application/xhtml+xml" />'
    lines = [item.format(name) for name in ("a.xhtml", "b.xhtml")]
    first, second = with_properties("\n".join(lines), tmp_path).splitlines()
    assert first == lines[0].replace(" />", ' properties="mathml" />') and second == lines[1]
