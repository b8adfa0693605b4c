"""Claims as data: every row complete, every id found by a search, and what the loader refuses."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from qbp.audit import measures
from qbp.audit.claims import CLAIMS, everything, select
from qbp.audit.sentences import read
from qbp.audit.verdicts import RULES, VERDICTS
from qbp.studies.tables import resolve, tables

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "qbp/audit/claims.toml").read_text()
MAIN = [claim for claim in CLAIMS if claim.main]
ENTRY = """
[[sentence]]
claim = "ends lower than Sellier on 64 points"
quote = "consistently outperformed baselines in convergence speed"
where = "IV.D"
experiment = "curve"
method = "two-stage"
baseline = "sellier"
metric = "val_loss"
measure = "final"
ambiguities = [1, 18]
rows = [{ id = "new", reading = "as-written, 64 points", table = "curve-64" }]
"""


def test_a_new_claim_is_one_entry_in_one_place():
    claims = read(TEXT + ENTRY)
    assert claims[:-1] == CLAIMS and claims[-1].id == "new" and claims[-1].how is measures.final
    rows = everything(claims=claims)
    assert [row.claim for row in rows] == list(claims)
    assert rows[-1].found.n == 20 and rows[-1].adjusted is not None and rows[-1].verdict in VERDICTS
    assert rows[-1].json()["command"] == "qbp claims new --rerun --seeds 20 --json"


def test_every_id_on_the_page_is_found_by_a_search():
    cells = json.loads((ROOT / "book/claims.ipynb").read_text())["cells"]
    outputs = [out for cell in cells for out in cell.get("outputs", [])]
    pages = "".join("".join(out.get("data", {}).get("text/html", "")) for out in outputs)
    ids = re.findall(r"<code>qbp claims (\S+) --rerun", pages)
    assert len(ids) == sum(claim.how is not None for claim in CLAIMS)
    bases = re.findall(r'\bid = "([^"]+)"', TEXT)
    for id in ids:  # itself, or that of the row and the suffix of its variant
        parts = [id.removeprefix(f"{base}-") for base in bases if id.startswith(f"{base}-")]
        assert bases.count(id) == 1 or any(f'suffix = "{part}"' in TEXT for part in parts), id


def test_a_row_has_what_stands_above_it_unless_it_gives_its_own():
    text = ENTRY.replace('table = "curve-64" }', 'where = "V" }, { id = "other", claim = "c", main = true }')
    one, other = read(text)
    assert (one.where, one.claim, one.main) == ("V", "ends lower than Sellier on 64 points", False)
    assert (other.where, other.claim, other.main) == ("IV.D", "c", True)
    assert one.quote == other.quote and one.ambiguities == (1, 18) and one.rule == "lower"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("metric =", "metrics =", "new: fields must be among .*, got metrics"),
        ('"final"', '"finale"', "new: measure must be one of .*, got 'finale'"),
        ('"final"', '"weigh"', "new: measure must be one of .*, got 'weigh'"),
        ('"final"', '"final"\nrule = "higher"', "new: rule must be one of .*, untestable, got 'higher'"),
        ('measure = "final"', "", "new: a row must have a measure, or say what it needs"),
        ("quote =", "read_as =", "new: a row must have id, .*, got no quote"),
        ('id = "new", ', "", "ends lower .*: a row must have id, .*, got no id"),
        ("rows = [", 'rows = [{ id = "new" }, ', "new: id must be of one row, got two"),
        (
            '"final"',
            '"final"\nalternatives = ["old"]',
            "new: alternatives must be ids .*, got old",
        ),
        (
            '"final"',
            '"final"\nalternatives = ["new"]',
            "new: alternatives must be ids .*, got new",
        ),
    ],
)
def test_the_loader_names_the_row_it_refuses(old, new, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        read(ENTRY.replace(old, new, 1))


def test_claims_have_their_own_ids_and_name_a_place_and_the_papers_words():
    ids = [claim.id for claim in CLAIMS]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-z][a-z0-9-]*", id) for id in ids)
    assert {claim.paper for claim in CLAIMS} == {-0.273, -0.115, None}  # the figures of Section IV
    for claim in CLAIMS:
        assert (
            re.match(r"(title|abstract|I|II|III\.[AB]|IV\.[A-D]|V)\b", claim.where) and len(claim.quote) > 15
        )
        assert claim.rule in {*RULES, "untestable"}
        assert all(1 <= number <= 26 for number in claim.ambiguities)
        if claim.how is None:
            assert claim.needs and not claim.table, claim.id
        else:
            assert not claim.needs and claim.rule != "untestable"
            assert claim.read_as or claim.metric


def test_few_sentences_stay_open_once_every_table_is_there():
    waiting = [claim.id for claim in CLAIMS if claim.how is None and claim.rule != "untestable"]
    assert len(waiting) <= 8 and all("circuit" in claim.needs for claim in select(waiting))
    assert len({claim.claim for claim in CLAIMS}) >= 40


def test_main_claims_are_final_changes_in_one_reading():
    assert len(MAIN) == 18
    for claim in MAIN:
        assert claim.reading in ("as-released", "as-written") and claim.how is measures.final
        assert claim.table == claim.experiment + "-as-released" * (claim.reading == "as-released")


def test_every_table_a_claim_reads_is_one_that_a_command_makes():
    for table in {claim.table for claim in CLAIMS if claim.table}:
        assert resolve(table).tables and set(resolve(table).tables) <= tables().keys()


@pytest.mark.parametrize("table", sorted({c.table for c in CLAIMS if c.table}))
def test_the_methods_and_metrics_of_a_claim_are_in_its_table(table):
    """As far as configurations say: what a table would hold, whether it is committed or not."""
    asked, runs = [claim for claim in CLAIMS if claim.table == table], resolve(table).configs
    if "/" not in table:
        for claim in asked:
            assert {config.experiment for config in runs.values()} == {claim.experiment}
            readings = {getattr(config, "reading", "circuits") for config in runs.values()}
            assert readings == {claim.reading.split(",")[0]}
    for claim in asked:  # a name that ends with * stands for several
        for name in claim.names:
            assert any(fnmatchcase(label, name) for label in runs), (claim.id, name)
        assert claim.names and claim.among(runs)


VARIED = ENTRY.replace(
    "ambiguities =",
    """variants = [
  { suffix = "late", reading = "at once", at = 100 },
  { suffix = "other", of = "as-written", reading = "x", table = "s/{experiment}", baseline = "{method}, y" },
  { suffix = "part", of = "as-written, 64 points", reading = "z", table = "a/{task}", control = true },
]
ambiguities =""",
)


def test_a_variant_is_the_row_in_another_reading_and_an_alternative_unless_it_is_a_control():
    row, late, part = read(VARIED)  # the one of another reading is not made
    assert row.alternatives == ("new-late",) and not late.alternatives and not part.alternatives
    assert (late.id, late.reading, late.at) == ("new-late", "as-written, 64 points, at once", 100)
    assert (late.table, late.method, late.how) == (row.table, row.method, row.how)
    assert (part.table, part.at) == ("a/curve-64", None)
    other = read(VARIED.replace('"as-written, 64 points", table', '"as-written", table'))
    assert [claim.id for claim in other] == ["new", "new-late", "new-other"]
    assert (other[2].table, other[2].baseline) == ("s/curve", "two-stage, y")


def test_a_variant_that_lacks_its_name_is_refused():
    with pytest.raises(ValueError, match="new: a variant must have suffix"):
        read(VARIED.replace('suffix = "late", ', ""))
    with pytest.raises(ValueError, match=r"new-late: fields must be among .*, got att"):
        read(VARIED.replace("at = 100", "att = 100"))


def test_a_named_variant_is_the_one_that_stands_under_its_name():
    named = 'variants = { late = { suffix = "late", reading = "at once", at = 100 } }\n'
    by_name = ENTRY.replace("ambiguities =", 'variants = ["late"]\nambiguities =')
    assert read(named + by_name)[1] == read(VARIED)[1]
    with pytest.raises(ValueError, match="new: variants must be among late, got later"):
        read(named + by_name.replace('["late"]', '["later"]'))
