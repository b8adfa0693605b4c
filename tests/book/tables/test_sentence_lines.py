"""Sentences of the paper by verdict: a line each, every row in one place, a word where there is no number."""

import re
from dataclasses import replace

import numpy as np
import pytest

from qbp.audit.claims import Row, everything
from qbp.audit.sentences import CLAIMS
from qbp.audit.verdicts import VERDICTS
from qbp.book.tables.claims import counted, counted_rows
from qbp.book.tables.sentences import (
    MEANINGS,
    SentenceLines,
    VerdictCounts,
    by_verdict,
    others,
    ours,
    sentences,
    summary,
)
from qbp.statistics.hypothesis_tests import Comparison
from qbp.statistics.intervals import Interval


@pytest.fixture(scope="module")
def rows():
    return everything()


@pytest.fixture(scope="module")
def shown(rows):
    return sentences(rows)


def test_every_row_stands_in_one_place(rows, shown):
    parts = [*by_verdict(shown).values(), *others(shown).values()]
    placed = [row.claim.id for part in parts for s in part for row in s.rows]
    assert sorted(placed) == sorted(row.claim.id for row in rows)
    pages = "".join(SentenceLines(part)._repr_html_() for part in parts)
    assert sorted(re.findall(r'id="claim-([^"]+)"', pages)) == sorted(placed)
    measured = [claim.id for claim in CLAIMS if claim.how is not None]
    assert sorted(re.findall(r"<code>qbp claims (\S+) --rerun", pages)) == sorted(measured)


def test_a_primary_row_speaks_for_its_sentence_and_gives_its_verdict(rows, shown):
    found = by_verdict(shown)
    assert tuple(found) == VERDICTS and MEANINGS.keys() == set(VERDICTS)
    for verdict, some in found.items():
        for s in some:
            assert s.head.verdict == verdict and (s.head.claim.primary or s.head.found is None)
            assert not any(row.claim.primary for row in s.more)
    words = [row.verdict for row in rows if row.claim.primary]
    assert {v: sum(s.head.claim.primary for s in some) for v, some in found.items()} == {
        v: words.count(v) for v in VERDICTS
    }


def test_sentences_without_a_primary_row_stand_by_how_their_rows_agree(shown):
    for how, some in others(shown).items():
        assert some
        for s in some:
            words = {row.verdict for row in s.rows}
            favor = {word in ("supported", "partly") for word in words}
            favor |= {True, False} if "depends" in words else set()
            assert favor == {"all": {True}, "none": {False}, "some": {True, False}}[how]
            written = [row for row in s.rows if row.claim.reading != "as-released"]
            assert s.head in (written or s.rows)


def test_counts_are_those_of_the_rows_that_test_something(rows):
    lines = [line.strip("| ").split(" | ") for line in repr(VerdictCounts(rows)).splitlines()[2:]]
    tested = [row.verdict for row in rows if not row.claim.setup]
    assert {line[0]: int(line[2]) for line in lines} == {v: tested.count(v) for v in VERDICTS if v in tested}
    assert sum(int(line[1]) for line in lines) == sum(r.claim.primary or r.found is None for r in rows)
    assert VerdictCounts(rows)._repr_html_().count("<tr>") == len(lines) + 1
    assert counted(rows) == counted_rows(row for row in rows if row.claim.primary) != counted_rows(rows)


def test_a_row_without_a_number_says_why(rows):
    for row in rows:
        if row.found is None:
            assert ours(row) == f"no number: it would take {row.needs}" and len(row.needs) > 10
        else:
            assert "no number" not in ours(row)
    claim = next(row.claim for row in rows if row.claim.rule == "lower")
    unbounded = Row(claim, Comparison(np.inf, np.nan, np.nan, 20))
    assert ours(unbounded) == "unbounded, from a baseline at 0 (n = 20)"
    plain = Row(claim, Interval(-0.5, -0.6, -0.4, 8))
    assert ours(plain) == "-50.0 % [-60.0 %, -40.0 %] (n = 8)"


def test_a_line_has_a_page_of_details_and_escapes_what_it_says(rows):
    first = next(row for row in rows if row.claim.primary)
    claim = replace(first.claim, claim="a < b", quote="the <words>", ambiguities=(7,), paper=-0.273)
    again = replace(claim, id="other", primary=False, reading="a < c")
    (s,) = sentences([Row(claim, first.found), Row(again, first.found)])
    page = SentenceLines([s])._repr_html_()
    assert "a &lt; b (-27.3 %)" in page and "a &lt; c" in page and "a < b" not in page
    assert "The paper: “the &lt;words&gt;”." in page
    assert page.count('href="ambiguities.html#ambiguity-7"') == 2
    assert summary(s).endswith(f"; 1 more reading: 1 {s.more[0].verdict}")
    assert page.count("<details>") == page.count("</details>") == 2
    assert page.count("<table") == 2 and page.count("<tr") == page.count("</tr>") == 5
    head, _, line = repr(SentenceLines([s])).splitlines()
    assert head.count("|") == 6 and line.startswith("| a < b (-27.3 %) |")
