"""Folds of a chapter: what stands between two comments, up to the next heading."""

import pytest
from docutils import nodes
from docutils.utils import new_document

from qbp.book.sphinx.folding import Folded, fold


def comment(words):
    return nodes.raw("", f"<!-- {words} -->\n", format="html")


def chapter(*children):
    document, section = new_document("x"), nodes.section("", nodes.title("", "One"), ids=["one"])
    for child in children:
        section += nodes.paragraph("", child) if isinstance(child, str) else child
    document += section
    return document, section


def test_what_stands_between_two_comments_is_folded_under_its_words():
    document, section = chapter("a", comment("fold: All six"), "b", "c", comment("end of fold"), "d")
    fold(None, document)
    _, first, folded, last = section.children
    assert isinstance(folded, Folded) and folded["summary"] == "All six" and folded.parent is section
    assert [first.astext(), folded.astext(), last.astext()] == ["a", "b\n\nc", "d"]
    assert all(child.parent is folded for child in folded)
    assert not [node for node in document.findall(nodes.raw)]


def test_a_fold_ends_at_the_next_fold_or_heading():
    inner = nodes.section("", nodes.title("", "Two"), nodes.paragraph("", "e"), ids=["two"])
    document, section = chapter(comment("fold: x"), "a", comment("fold: y"), "b", inner)
    fold(None, document)
    assert [type(child) for child in section.children[1:]] == [Folded, Folded, nodes.section]
    assert [folded.astext() for folded in document.findall(Folded)] == ["a", "b"]
    assert inner.parent is section and inner.astext() == "Two\n\ne"


def test_other_comments_stay_and_an_end_alone_is_refused():
    document, section = chapter(comment("a note"), "a")
    fold(None, document)
    assert len(section.children) == 3
    document, _ = chapter("a", comment("end of fold"))
    with pytest.raises(ValueError, match="a fold must begin before it ends"):
        fold(None, document)
