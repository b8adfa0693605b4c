"""Claims as data: every row complete, every id found by a search, and what the loader refuses."""

import json
import re
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
    assert all(TEXT.count(f'id = "{id}"') == 1 for id in ids)


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
        assert re.match(r"(abstract|I|II|III\.[AB]|IV\.[A-D]|V)\b", claim.where) and len(claim.quote) > 15
        assert claim.rule in {*RULES, "untestable"}
        assert all(1 <= number <= 23 for number in claim.ambiguities)
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
    assert len(MAIN) == 17
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
            assert {config.reading for config in runs.values()} == {claim.reading.split(",")[0]}
    assert all(set(claim.names) <= set(runs) for claim in asked)
