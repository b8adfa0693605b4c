"""The claims as data: measured by hand-computed numbers, judged by rule, shown the same everywhere."""

import json
import re
import shlex
from pathlib import Path

import nbformat
import numpy as np
import pytest

import qbp
from qbp import claims
from qbp.claims import (
    CLAIMS,
    OPEN,
    Claim,
    Row,
    Table,
    committed,
    everything,
    glued,
    measure,
    percent,
    side_by_side,
)
from qbp.cli import _configs, _parser
from qbp.statistics import Interval, relative_change

ROOT = Path(__file__).parents[1]
GUIDE = ["id", "claim", "where", "paper", "ours", "low", "high", "n", "verdict", "command"]


def result(method, finals, reading="as-written", experiment="curve"):
    """A result made by hand, whose metrics all end at these values."""
    finals = np.array(finals, dtype=float)[:, None]
    metrics = ("train_loss", "val_loss", "task_grad_var")
    return qbp.Result(
        config=qbp.Experiment(experiment, method=method, reading=reading, seeds=len(finals), steps=0),
        theta=None,
        step=np.array([0]),
        history={metric: finals for metric in metrics},
        minibatch_loss=None,
        diverged=np.zeros(len(finals), dtype=bool),
        seconds=0.0,
    )


def of(rows, id):
    (row,) = [row for row in rows if row.claim.id == id]
    return row


def test_a_claim_is_the_relative_change_of_the_means():
    rows = measure({"two-stage": result("two-stage", [1, 2, 3]), "sellier": result("sellier", [4, 4, 8])})
    assert [row.claim.id for row in rows] == ["curve-sellier-as-written"]
    found = rows[0].found
    assert found.mean == pytest.approx(6 / 16 - 1) and found.n == 3  # change of the mean, not mean of changes
    assert 1 / 4 - 1 <= found.low < found.mean < found.high <= 3 / 4 - 1 + 1e-12
    assert rows[0].ours.startswith("-62.5 % [") and rows[0].ours.endswith("(n = 3)")
    assert rows[0].paper == "-27.3 %"


def test_equal_changes_have_an_interval_of_no_width():
    rows = measure({"two-stage": result("two-stage", [1, 2]), "no-init": result("no-init", [4, 8])})
    row = of(rows, "curve-no-init-as-written")
    assert (row.found.mean, row.found.low, row.found.high) == (-0.75, -0.75, -0.75)
    assert row.ours == "-75.0 % [-75.0 %, -75.0 %] (n = 2)"
    assert row.paper == "lower" and row.verdict == "supported"


@pytest.mark.parametrize(
    ("method", "baseline", "verdict"),
    [
        ([7.0, 7.1, 7.2, 7.3], [10, 10, 10, 10], "supported"),  # about -28.5 %, at least the paper's -27.3 %
        ([9.0, 9.1, 9.2, 9.3], [10, 10, 10, 10], "partly"),  # lower, but by less
        ([8, 11, 8, 14], [10, 10, 10, 10], "not supported"),  # the interval reaches 0
        ([12, 13, 12, 13], [10, 10, 10, 10], "not supported"),
        ([1], [10], "open"),  # one seed is no interval
    ],
)
def test_the_verdict_follows_the_rule(method, baseline, verdict):
    rows = measure({"two-stage": result("two-stage", method), "sellier": result("sellier", baseline)})
    assert of(rows, "curve-sellier-as-written").verdict == verdict


def test_results_speak_only_to_claims_of_their_experiment_reading_and_methods():
    two, plain = (
        result("two-stage", [1], "as-released", "mnist"),
        result("no-init", [2], "as-released", "mnist"),
    )
    ids = [row.claim.id for row in measure({"two-stage": two, "no-init": plain})]
    assert ids == ["mnist-val-loss-as-released", "mnist-grad-var-as-released"]
    assert measure({"two-stage": two}) == []
    assert measure({"two-stage": result("two-stage", [1], "as-written", "telecom")}) == []


def test_claims_have_their_own_ids_and_name_what_exists():
    ids = [claim.id for claim in (*CLAIMS, *OPEN)]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-z][a-z-]*", id) for id in ids)
    assert {claim.paper for claim in CLAIMS} == {-0.273, -0.115, None}  # the figures of Section IV


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_the_command_of_a_claim_runs_its_two_methods(claim):
    program, *words = shlex.split(claim.command.format(n=4))
    args = _parser().parse_args(words)
    method, baseline = _configs(args)
    assert program == "qbp" and args.json
    assert (method.method, baseline.method) == (claim.method, claim.baseline)
    for config in (method, baseline):
        assert (config.experiment, config.reading, config.seeds) == (claim.experiment, claim.reading, 4)


def test_the_committed_claims_are_all_there_in_order():
    rows = committed()
    assert [row.claim for row in rows] == list(CLAIMS)
    assert all(row.found.n >= 20 for row in rows if row.claim.reading == "as-written")


def test_open_claims_are_listed_after_the_measured_ones_and_name_a_place_in_the_paper():
    rows = everything()
    assert [row.claim for row in rows] == [*CLAIMS, *OPEN] and len(OPEN) >= 15
    for row in rows[len(CLAIMS) :]:
        assert (row.found, row.verdict, row.command, row.ours) == (None, "open", None, "not measured")
        assert re.match(r"(abstract|I|II|III\.[AB]|IV\.[A-D]|V)\b", row.claim.where)
        assert row.paper == "in words" and not row.claim.experiment
        json.dumps(row.json(), allow_nan=False)


def test_a_measurement_can_be_attached_to_a_claim(monkeypatch):
    """The lowest value instead of the last one, as a claim about plateaus may need."""

    def lowest(method, baseline, metric):
        return relative_change(method.history[metric].min(1), baseline.history[metric].min(1))

    claim = Claim("x", "deeper", "V", None, "curve", "as-written", "two-stage", "no-init", "loss", how=lowest)
    monkeypatch.setattr(claims, "CLAIMS", (claim,))
    ours, other = result("two-stage", [3, 3]), result("no-init", [3, 3])
    ours.history["loss"], other.history["loss"] = np.array([[1.0, 3], [1, 3]]), np.array([[2.0, 3], [2, 3]])
    (row,) = measure({"two-stage": ours, "no-init": other})
    assert row.found == Interval(-0.5, -0.5, -0.5, 2) and row.verdict == "supported"
    assert row.command == "qbp run curve --methods two-stage,no-init --reading as-written --seeds 2 --json"


def test_a_row_as_data_has_the_documented_keys():
    row = Row(CLAIMS[0], Interval(-0.5, np.nan, np.nan, 1)).json()
    assert [key for key in row if key != "reading"] == GUIDE
    assert (row["ours"], row["low"], row["high"], row["n"], row["verdict"]) == (-0.5, None, None, 1, "open")
    assert row["paper"] == -0.273 and row["command"].endswith("--seeds 1 --json")
    json.dumps(row, allow_nan=False)


def notebook(path, **texts):
    """Store texts as `glue` does, and one that is no claim."""
    outputs = [
        nbformat.v4.new_output(
            "display_data",
            data={"application/papermill.record/text/plain": repr(text)},
            metadata={"scrapbook": {"mime_prefix": "application/papermill.record/", "name": name}},
        )
        for name, text in {**texts, "curve-wins": "3 of 5"}.items()
    ]
    outputs.append(nbformat.v4.new_output("stream", text="no name\n"))
    cells = [nbformat.v4.new_markdown_cell("# Title"), nbformat.v4.new_code_cell("glue()", outputs=outputs)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_what_a_notebook_glued_is_read_by_the_name_of_the_claim(tmp_path):
    texts = {"curve-sellier-as-written": "-9.0 % [-9.1 %, -8.9 %] (n = 5)"}
    assert glued(notebook(tmp_path / "a.ipynb", **texts)) == texts


def test_two_columns_committed_and_just_run(tmp_path):
    rows = [Row(CLAIMS[0], Interval(0.5, np.nan, np.nan, 1)), Row(CLAIMS[1], Interval(-0.5, -0.6, -0.4, 20))]
    here = notebook(tmp_path / "a.ipynb", **{CLAIMS[1].id: "-40.0 % (n = 5)"})
    other = notebook(tmp_path / "b.ipynb")
    head, first, second = side_by_side(rows, [here, other]).splitlines()
    cells = [re.split(r" {2,}", line) for line in (head, first, second)]
    assert cells[0] == ["claim", "reading", "paper", "committed", "just run here"]
    assert cells[1] == [CLAIMS[0].claim, "as-released", "-27.3 %", "+50.0 % (n = 1)", "-"]
    assert cells[2][3:] == ["-50.0 % [-60.0 %, -40.0 %] (n = 20)", "-40.0 % (n = 5)"]
    assert len({line.index("as-") for line in (first, second)} | {head.index("reading")}) == 1  # columns


def test_a_table_is_markdown_as_text_and_escaped_html_on_a_page():
    rows = [
        Row(
            claims.Claim("x", "a < b & c", "IV", None, "curve", "as-written", "m", "n", "loss"),
            Interval(-0.5, -0.6, -0.4, 3),
        )
    ]
    table = Table(rows)
    head, rule, body = repr(table).splitlines()
    assert head == "| the paper says | where | reading | paper | we measure | verdict |"
    assert re.fullmatch(r"\|( ?---+ ?\|){6}", rule)
    assert body == "| a < b & c | IV | as-written | lower | -50.0 % [-60.0 %, -40.0 %] (n = 3) | supported |"
    page = table._repr_html_()
    assert "a &lt; b &amp; c" in page and "a < b" not in page
    assert page.count("<td") == 6 and page.count("<tr") == 2 and page.count("<table") == 1


def test_a_table_with_commands_folds_them_on_a_page():
    rows = [Row(CLAIMS[0], Interval(-0.5, -0.6, -0.4, 3)), Row(OPEN[0])]
    table = Table(rows, commands=True)
    head, _, first, second = repr(table).splitlines()
    assert head.endswith("| verdict | recompute |") and second.endswith("| open | - |")
    assert first.endswith("| supported | " + rows[0].command + " |") and rows[0].command
    page = table._repr_html_()
    assert page.count("<td") == 12 and page.count("<details>") == page.count("</details>") == 1
    assert page.count("<th ") == 6 and f"<code>{rows[0].command}</code>" in page
    assert "details" not in Table(rows)._repr_html_() and "qbp run" not in repr(Table(rows))


def test_readme_shows_the_committed_claims():
    text = (ROOT / "README.md").read_text()
    (block,) = re.findall(r"<!-- claims -->\n(.*)\n<!-- /claims -->", text, re.DOTALL)
    assert block == repr(Table(committed()))


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
