"""Claims in words, as Markdown, as HTML and counted."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qbp.audit.claims import Claim, Row, corrected, everything
from qbp.audit.measures import final
from qbp.book.tables.claims import (
    ClaimsTable,
    SentenceTable,
    counted,
    evidence,
    paper_says,
    tally,
    we_measure,
)
from qbp.book.tables.markup import change_words, percent
from qbp.statistics.hypothesis_tests import Comparison, compare_pairs, share
from qbp.statistics.intervals import Interval

ROOT = Path(__file__).parents[3]


def claim(**fields):
    given = {"id": "x", "claim": "a < b & c", "quote": "the <words>", "where": "IV", "read_as": "as & such"}
    given |= {"experiment": "curve", "reading": "as-written", "table": "curve", "ambiguities": (1, 12)}
    return Claim(**{**given, **fields})


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (-0.273, "-27.3 %"),
        (0.0, "+0.00 %"),
        (-0.00001, "+0.00 %"),
        (-0.0014, "-0.14 %"),
        (1.5, "+150.0 %"),
        (99.0, "100 times"),
    ],
)
def test_percent(change, text):
    assert percent(change) == text


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((11.2, 8.325, 15.2), "12.2 times [9.32 times, 16.2 times]"),
        ((4.673, 0.398, 11.2), "5.67 times [1.4 times, 12.2 times]"),
        ((10.5, -0.5, 12.0), "11.5 times [0.5 times, 13 times]"),
        ((4.404, 2.979, 7.23), "+440.4 % [+297.9 %, +723.0 %]"),
        ((2.0, 0.5, np.inf), "3 times [1.5 times, unbounded]"),
    ],
)
def test_a_change_and_its_interval_are_in_one_unit(ends, text):
    assert change_words(Interval(*ends, 20)) == text


def test_what_a_row_says_by_rule():
    hits = share(np.array([True] * 19 + [False]))
    assert we_measure(Row(claim(rule="most"), hits)) == "19 of 20 runs [75 %, 100 %]"
    assert we_measure(Row(claim(rule="convex", table=""), Interval(4, 4, 4, 1))) == "4 above a chord"
    flat = Row(claim(rule="convex", table=""), Interval(-0.002, -0.002, -0.002, 1))
    assert we_measure(flat) == "curvature 0.002 everywhere" and flat.verdict == "supported"
    assert flat.command == "qbp claims x --rerun --json"
    assert Row(claim(rule="untestable", table="", needs="a definition")).verdict == "untestable"
    rng = np.random.default_rng(0)
    b = rng.normal(10, 1, 20)
    row = Row(claim(how=final), compare_pairs(b - rng.normal(1, 0.1, 20), b), adjusted=0.012)
    assert re.fullmatch(
        r"lower on 20 of 20, d = -\d[\d.]*, r = -1, p = 0.01 \(secondary\), visible from 0\.\d+ %",
        evidence(row),
    )
    assert row.command == "qbp claims x --rerun --seeds 20 --json"


def test_a_figure_of_the_paper_and_equal_changes_are_written_out():
    same = Row(claim(paper=-0.273), compare_pairs(np.array([1.0, 2.0]), np.array([4.0, 8.0])))
    assert we_measure(same) == "-75.0 % [-75.0 %, -75.0 %] (n = 2)" and paper_says(same) == "-27.3 %"
    assert (paper_says(Row(claim())), paper_says(Row(claim(rule="most")))) == ("lower", "in words")
    assert we_measure(Row(claim())) == "not measured"


def test_a_verdict_that_the_correction_takes_away_is_shown():
    p = (0.02, 0.9, 0.9, 0.9)
    tested = claim(how=final, primary=True)
    weak = corrected(Row(tested, Comparison(-0.3, -0.4, -0.2, 20, p=value)) for value in p)
    assert "| not supported (alone: supported) |" in repr(ClaimsTable(weak[:1]))


def test_what_a_verdict_depends_on_is_named():
    lower, neither = (Comparison(m, m - 0.1, m + 0.1, 20, p=1e-4) for m in (-0.3, 0))
    rows = [Row(claim(id="a", how=final, alternatives=("b",)), lower), Row(claim(id="b", how=final), neither)]
    first, second = repr(ClaimsTable(corrected(rows))).splitlines()[2:]
    assert first.endswith("| depends (by itself: supported; otherwise: b) |")
    assert second.endswith("| not supported |")
    few = Row(claim(), Comparison(-0.3, -0.4, -0.2, 5, p=0.0625))
    assert repr(ClaimsTable([few])).endswith("(n = 5) | undecided |")


def test_a_table_is_markdown_as_text_and_escaped_html_on_a_page():
    table = ClaimsTable([Row(claim(), Interval(-0.5, -0.6, -0.4, 8))])
    head, rule, body = repr(table).splitlines()
    assert head == "| the paper says | where | experiment, reading | paper | we measure | verdict |"
    assert re.fullmatch(r"\|( ?---+ ?\|){6}", rule)
    ours = "-50.0 % [-60.0 %, -40.0 %] (n = 8)"
    assert body == f"| a < b & c | IV | curve, as-written | lower | {ours} | supported |"
    page = table._repr_html_()
    assert "a &lt; b &amp; c" in page and "a < b" not in page
    assert page.count("<td") == 6 and page.count("<tr") == 2 and page.count("<table") == 1


def test_a_table_with_details_folds_them_on_a_page():
    rows = [Row(claim(), Interval(-0.5, -0.6, -0.4, 8)), Row(claim(table="", needs="a circuit", where="V"))]
    table = ClaimsTable(rows, details=True)
    head, _, first, second = repr(table).splitlines()
    assert head.endswith("| verdict | recompute |") and second.endswith("| needs a circuit | open | - |")
    assert first.endswith("| supported | " + rows[0].command + " |") and rows[0].command
    page = table._repr_html_()
    assert page.count("<td") == 12 and page.count("<details>") == page.count("</details>") == 3
    assert page.count("<th ") == 6 and f"<code>{rows[0].command}</code>" in page
    assert "The paper: “the &lt;words&gt;”. We read: as &amp; such." in page
    assert "depends on ambiguity 1, 12" in page
    assert "details" not in ClaimsTable(rows)._repr_html_() and "rerun" not in repr(ClaimsTable(rows))


def test_what_a_sentence_says_stands_once_for_all_its_readings():
    one = claim()
    rows = [Row(replace(one, reading=f"reading {i}"), Interval(0, -1, 1, 3)) for i in range(3)]
    page = ClaimsTable([*rows, Row(claim(where="V"), Interval(0, -1, 1, 3))])._repr_html_()
    assert page.count('rowspan="3"') == 2 and page.count("a &lt; b") == 2
    assert page.count("<tr") == 5 and page.count("<td") == 2 + 3 * 4 + 6
    assert page.count("<tr>") == page.count("</tr>")


def test_counts_by_reading():
    found = tally(everything())
    rows = [row for row in everything() if not row.claim.setup]  # facts of our own set-up test nothing
    assert found.to_numpy().sum() == 2 * len(rows)  # each row alone, and corrected
    assert found.loc["supported", ("as-written", "alone")] == sum(
        row.alone == "supported" and row.claim.reading.startswith("as-written") for row in rows
    )


def test_sentences_stand_with_their_primary_rows_and_are_counted():
    rows = everything()
    table, primary = SentenceTable(rows), [row for row in rows if row.claim.primary]
    lines = repr(table).splitlines()[2:]
    assert len(lines) == len(primary)
    line = next(line for line in lines if "lower MSE than Sellier" in line)
    assert "-27.3 %" in line and ": not supported |" in line and "| curve |" in line
    assert table._repr_html_().count("<tr>") == len(primary) + 1
    words = counted(rows)
    numbers = [int(text) for text in re.findall(r"\d+", words)]
    assert sum(numbers) == len(primary) and words.endswith(" not supported")
    one = [row for row in primary if row.verdict == "supported"][:1]
    assert counted(one) == "1 is supported"
