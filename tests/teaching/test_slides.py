"""Figures for slides: a small chapter is run, and its captioned figures come out as SVG with text."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from qbp.teaching import slides

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.title('two <points>')\nplt.show()"


@pytest.fixture
def book(tmp_path):
    folder = tmp_path / "book"
    folder.mkdir()
    (folder / "_toc.yml").write_text("format: jb-book\nroot: lines\n")
    figure = {"mystnb": {"figure": {"caption": "A line\nof $x$ & y. Recompute: `qbp run`.", "name": "fig"}}}
    cells = [
        new_code_cell(PLOT, metadata=figure),
        new_code_cell(PLOT),
        new_code_cell("1 + 1", metadata=figure),
    ]
    nbformat.write(new_notebook(cells=cells), folder / "lines.ipynb")
    return folder


def test_the_figures_with_a_caption_become_svg_files_and_a_page(book, tmp_path):
    stored, asked = (book / "lines.ipynb").read_bytes(), []
    (path,) = slides.slides(tmp_path / "out", ["lines"], book=book, progress=asked.append)
    assert path.name == "lines-1.svg" and asked == ["lines"] and (book / "lines.ipynb").read_bytes() == stored
    text = path.read_text()
    assert "<svg" in text and re.search(r"<text[^>]*>two &lt;points&gt;</text>", text)
    page = (tmp_path / "out" / "index.html").read_text()
    assert 'src="lines-1.svg"' in page and "<figcaption>A line of $x$ &amp; y.</figcaption>" in page


def test_an_unknown_chapter_is_refused_before_anything_runs(book, tmp_path):
    with pytest.raises(ValueError, match=r"CHAPTER must be one of lines, got 'line'.*did you mean"):
        slides.slides(tmp_path / "out", ["line"], book=book)
    assert not (tmp_path / "out").exists()
