"""Numbers of the article: none is typed, all are there, and the words beside them go with their intervals."""

import re

import pytest

from qbp.audit import claims
from qbp.book.article import numbers
from qbp.book.tables.claims import counted
from qbp.results import store

TEXT = (store.ROOT / "article" / "article.tex").read_text("utf-8")
# Names that have a number in them, and commands that print none.
NAMES = (
    r"Algorithm~?\s?1|Stage~?\s?[12]|eq\.~[12]|BB84|\\n\{[^}]*\}|\\paper\{[^}]*\}|\\texttt\{[^}]*\}|\\ref\{[^}]*\}"
    r"|\\label\{[^}]*\}|\\cite[pt]?\{[^}]*\}|\\includegraphics\S*|\\begin\{longtable\}.*|\\setlength\S*|_[12]|\^2|1-\\lambda"
)


def typed(text):
    """The digits that the text of an article prints and that have no source."""
    body = text.partition(r"\begin{document}")[2].partition(r"\bibliographystyle")[0]
    body = re.sub(r"(?<!\\)%.*", "", body)
    return re.findall(r".{0,20}\d.{0,20}", re.sub(NAMES, "", body))


@pytest.fixture(scope="module")
def rows():
    return claims.everything()


def test_no_number_is_typed():
    assert typed(TEXT) == []


@pytest.mark.parametrize("planted", ["the loss is 4.5 lower", "over 20 seeds", r"$-2\,\%$"])
def test_a_typed_number_is_seen(planted):
    assert typed(rf"\begin{{document}}{planted}\bibliographystyle")


def test_every_number_that_is_asked_for_has_a_source(rows):
    named = numbers.numbers(rows, store.manifest())
    made = numbers.definitions(TEXT, named)
    assert made.count(r"\csname") == len(numbers.asked_for(TEXT)) > 50
    told = sum(int(named[f"count:{word}"]) for word in ("supported", "partly", "depends", "not supported"))
    assert str(told) == named["count:sentences"] and counted(rows).startswith(named["count:supported"])
    for row in rows:
        if row.claim.primary:
            low, high = row.found.low, row.found.high
            word = numbers.direction(low, high)
            assert named[f"change:{row.claim.id}"].startswith(word)
            assert (word == "lower") == (high < 0)


def test_a_number_without_a_source_is_refused():
    with pytest.raises(ValueError, match="must ask for numbers that there are, got claim:nowhere"):
        numbers.definitions(r"\n{claim:nowhere}", {})


def test_the_table_has_each_sentence_once(rows):
    lines = numbers.verdict_table(rows).splitlines()
    assert len(lines) == sum(row.claim.primary for row in rows)
    assert all(line.count(" & ") == 4 and line.endswith(r"\\") for line in lines)


def test_signs_and_units_stay_together():
    assert numbers.latex("a_b & 3 % # 4e-05") == r"a\_b \& 3\,\% \# 4e-05"
