"""Claims measured by hand-computed numbers and judged by rule."""

import json
import shlex

import numpy as np
import pytest

import qbp
from qbp.audit import claims
from qbp.audit.claims import (
    CLAIMS,
    Claim,
    Row,
    committed,
    corrected,
    everything,
    measure,
    rerun,
    select,
)
from qbp.audit.verdicts import VERDICTS
from qbp.cli.arguments import parser
from qbp.experiments import terrain
from qbp.results import store as tables
from qbp.statistics.hypothesis_tests import Comparison, holm
from qbp.statistics.intervals import Interval
from qbp.studies.tables import resolve

GUIDE = ["id", "claim", "where", "paper", "ours", "low", "high", "n", "verdict", "command"]
MAIN = [claim for claim in CLAIMS if claim.main]


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


def test_equal_changes_have_an_interval_of_no_width():
    rows = measure({"two-stage": result("two-stage", [1, 2]), "no-init": result("no-init", [4, 8])})
    row = of(rows, "curve-no-init-as-written")
    assert (row.found.mean, row.found.low, row.found.high) == (-0.75, -0.75, -0.75)
    assert row.verdict == "supported"


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


# --------------------------------------------------------------------------------------- the committed tables


@pytest.fixture(scope="module")
def all_rows():
    return everything()


def test_everything_is_in_the_papers_order_and_corrected_together(all_rows):
    assert [row.claim for row in all_rows] == list(CLAIMS)
    p = np.array([getattr(row.found, "p", np.nan) for row in all_rows])
    adjusted = np.array([np.nan if row.adjusted is None else row.adjusted for row in all_rows])
    np.testing.assert_array_equal(adjusted, holm(p))
    assert np.isfinite(p).sum() > 50 and {row.verdict for row in all_rows} <= set(VERDICTS)
    for row in all_rows:
        assert not (row.alone == "not supported" and row.verdict != "not supported")  # it only takes away


def test_what_is_measured_is_what_the_committed_tables_allow(all_rows):
    there = tables.manifest().keys()
    for row in all_rows:
        can = row.claim.how is not None and (
            not row.claim.table or set(resolve(row.claim.table).tables) <= set(there)
        )
        assert (row.found is not None) == can
        assert bool(row.needs) != can
        if row.claim.table in tables.MAIN:
            assert row.found.n >= 20


def test_the_main_claims_are_all_committed(all_rows):
    rows = committed()
    assert [row.claim for row in rows] == MAIN
    assert rows == [row for row in all_rows if row.claim.main]


def test_rows_as_data_have_the_guides_keys_first(all_rows):
    for row in all_rows:
        found = row.json()
        assert [key for key in found if key in GUIDE] == GUIDE
        json.dumps(found, allow_nan=False)
        if row.found is None:
            assert {found[key] for key in ("ours", "low", "high", "n", "command", "p")} == {None}
            assert row.verdict in ("open", "untestable") and found["needs"]
    by_id = {row.claim.id: row.json() for row in all_rows}
    one = by_id["curve-sellier-as-written"]
    assert one["paper"] == -0.273 and one["wins"] == 20 and one["ambiguities"] == [1, 15, 18, 20]
    assert one["p"] <= one["p_adjusted"] < 0.05 and one["unit"] == "relative change"
    assert by_id["eq-one-convex"]["ours"] == 4 and by_id["emulates"]["verdict"] == "untestable"


def test_tables_that_are_not_there_leave_their_claims_open(tmp_path):
    rows = everything(tmp_path)
    assert {row.claim.id for row in rows if row.found} == {c.id for c in CLAIMS if c.how and not c.table}
    assert {row.verdict for row in rows if not row.found} == {"open", "untestable"}
    needs = {row.claim.id: row.needs for row in rows}
    assert needs["mnist-val-loss-as-written"] == "the table mnist" and "definition" in needs["tunneling"]
    assert committed(tmp_path) == []


def test_a_table_that_was_changed_is_refused(tmp_path):
    two, packets = result("two-stage", [1, 2]), result("sellier", [3, 4])
    tables.save("curve", [two, packets], command="c", target="t", directory=tmp_path)
    path = tmp_path / "curve.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ValueError, match="is not the table of the manifest"):
        everything(tmp_path)


# ---------------------------------------------------------------------------------------- judging and showing


def claim(**fields):
    given = {"id": "x", "claim": "a < b & c", "quote": "the <words>", "where": "IV", "read_as": "as & such"}
    given |= {"experiment": "curve", "reading": "as-written", "table": "curve", "ambiguities": (1, 12)}
    return Claim(**{**given, **fields})


def test_the_correction_is_over_the_rows_that_have_a_test():
    p = (0.02, 0.03, np.nan)
    found = [Comparison(-0.3, -0.4, -0.2, 20, p=value) for value in p]
    rows = corrected([*(Row(claim(), f) for f in found), Row(claim()), Row(claim(rule="untestable"))])
    assert [row.adjusted for row in rows] == [0.04, 0.04, None, None, None]
    weak = corrected(Row(claim(), f) for f in [*found, *[Comparison(0, -1, 1, 20, p=0.9)] * 3])
    assert (weak[0].alone, weak[0].verdict) == ("supported", "not supported")


@pytest.mark.parametrize("claim", MAIN[:3], ids=lambda claim: claim.id)
def test_the_command_of_a_row_names_it_and_its_seeds(claim):
    program, *words = shlex.split(Row(claim, Interval(-0.5, -0.6, -0.4, 7)).command)
    args = parser().parse_args(words)
    assert program == "qbp" and args.json and args.rerun
    assert (args.ids, args.seeds) == ([claim.id], 7)


def test_a_rerun_computes_the_row_again(tmp_path):
    options = {"seeds": 3, "steps": 4, "record_every": 2}
    ran = qbp.compare("curve", ["two-stage", "no-init"], **options)
    tables.save("curve", ran.values(), command="c", target="t", directory=tmp_path)
    (chosen,) = select(["curve-no-init-as-written"])
    again, stored = rerun(chosen, directory=tmp_path), claims.measure_one(chosen, ran)
    assert again.found.n == 3 and again.adjusted is None
    assert again.found.mean == pytest.approx(stored.mean, abs=1e-12)
    assert rerun(chosen, 2, tmp_path).found.n == 2
    with pytest.raises(ValueError, match="needs a definition"):
        rerun(select(["tunneling"])[0])


def test_surveys_are_run_again_as_surveys(tmp_path):
    configs = terrain.configs("curve", 2, n_hidden=4, steps=110)
    surveyed = [terrain.survey(config) for config in configs]
    tables.save("terrain-curve", surveyed, command="qbp terrain curve", target="t", directory=tmp_path)
    (chosen,) = select(["curve-low-curvature"])
    values = surveyed[0].history["hessian_high"]
    assert rerun(chosen, directory=tmp_path).found.mean == pytest.approx(
        values[:, 1].mean() / values[:, 0].mean() - 1
    )
    rows = {row.claim.id: row for row in everything(tmp_path)}
    assert rows["curve-low-curvature"].found.n == 2 and rows["curve-many-minima"].found is not None


def test_an_unknown_id_is_named_with_those_it_may_mean():
    with pytest.raises(ValueError, match="got 'curve-ridg'; did you mean curve-ridge"):
        select(["curve-ridg"])


def test_rows_by_section(all_rows):
    names = {row.claim.where.split(",")[0] for row in all_rows}
    assert sum(len(claims.in_sections(all_rows, name)) for name in names) == len(all_rows)
    assert {row.claim.where[:4] for row in claims.in_sections(all_rows, "IV.B")} == {"IV.B"}
