"""What a chapter shows of the package: the source as it stands, and the listing beside it."""

import inspect
import re

import pytest

from qbp import refinement
from qbp.algorithm_1 import algorithm
from qbp.book import pages
from qbp.book.pages import LISTING, Beside, Source


def test_source_is_the_live_source():
    shown = Source(refinement.refinement_loss)
    assert shown.text == repr(shown) == inspect.getsource(refinement.refinement_loss)
    page = shown._repr_html_()
    assert "qbp.refinement.refinement_loss" in page and 'class="highlight"' in page
    words = re.sub(r"<[^>]+>", "", page)
    assert "def refinement_loss(" in words and "return" in words


def test_source_without_its_docstring_is_the_same_code():
    function = refinement.refinement_loss
    short = Source(function, docstring=False).text
    assert '"""' not in short and "Args:" not in short
    assert function.__doc__.strip().splitlines()[0] not in short
    code = inspect.getsource(function)
    head, tail = code.split('"""')[0].rstrip("r "), code.split('"""')[-1]
    assert short == head.rstrip() + tail
    compile(short, "shown", "exec")


def no_docstring(x):
    text = """not a docstring"""
    return text * x


def test_a_function_without_a_docstring_keeps_its_strings():
    assert Source(no_docstring, docstring=False).text == inspect.getsource(no_docstring)


def test_algorithm_1_fits_one_screen_and_names_every_line_of_the_listing():
    source = inspect.getsource(algorithm).splitlines()
    assert len(source) <= 50 and max(map(len, source)) <= 110
    comments = " ".join(line.partition("#")[2] for line in source)
    named = {
        int(n) for part in re.findall(r"lines? ([\d, and]+)", comments) for n in re.findall(r"\d+", part)
    }
    assert named == set(LISTING) == set(range(1, 14))


def test_every_line_of_the_listing_stands_beside_statements_of_the_source():
    beside = Beside(algorithm)
    source = inspect.getsource(algorithm)
    assert [(n, text) for n, text, _ in beside.rows] == list(LISTING.items())
    for number, _, code in beside.rows:
        assert code, f"nothing stands beside line {number}"
        assert all(statement and statement in source for statement in code)
    by_line = {number: " ".join(code) for number, _, code in beside.rows}
    assert "oscillatory_regularizer" in by_line[8] and "refinement_loss" in by_line[9]
    assert "_anneal" in by_line[11] and "return" in by_line[13]


def steps(x):
    x = x < 1  # line 1: a comparison
    y = x + 1  # lines 2, 4 and 6
    return y  # nothing of the listing: online 3


@pytest.mark.parametrize("form", ["_repr_html_", "__repr__"])
def test_beside_reads_numbers_from_comments_and_shows_them(form):
    beside = Beside(steps)
    filled = {number: code for number, _, code in beside.rows if code}
    assert filled == {1: ["x = x < 1"], 2: ["y = x + 1"], 4: ["y = x + 1"], 6: ["y = x + 1"]}
    shown = getattr(beside, form)()
    if form == "__repr__":
        lines = shown.splitlines()
        assert len(lines) == 13 and lines[0].startswith(" 1: Initialize") and lines[0].endswith("| x = x < 1")
    else:
        assert shown.count('<th scope="row">') == 13 and "<code>x = x &lt; 1</code>" in shown
        assert pages.LISTING[1] in shown and "x = x < 1" not in shown


def test_beside_shows_the_lines_that_are_asked_for():
    assert [number for number, _, _ in Beside(algorithm, lines=range(3, 7)).rows] == [3, 4, 5, 6]
