"""Claims measured by hand-computed numbers and judged by rule."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

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
    measure_one,
    rerun,
    select,
)
from qbp.audit.measures import final
from qbp.audit.sentences import by_sentence, primary_of
from qbp.audit.verdicts import VERDICTS, best_p
from qbp.cli.arguments import parser
from qbp.experiments.terrain import perceptrons as terrain
from qbp.results import store as tables
from qbp.statistics.hypothesis_tests import Comparison, benjamini_hochberg, holm, reachable
from qbp.statistics.intervals import Interval, relative_change
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
    change = relative_change(np.array([1.0, 2, 3]), np.array([4.0, 4, 8]))
    assert (found.low, found.high) == (change.low, change.high) and found.low < found.mean < found.high


def test_equal_changes_have_an_interval_of_no_width():
    rows = measure({"two-stage": result("two-stage", [1, 2]), "no-init": result("no-init", [4, 8])})
    row = of(rows, "curve-no-init-as-written")
    assert (row.found.mean, row.found.low, row.found.high) == (-0.75, -0.75, -0.75)
    assert row.verdict == "undecided"  # of two seeds


@pytest.mark.parametrize(
    ("method", "baseline", "verdict"),
    [
        ([7.0, 7.1, 7.2, 7.3] * 2, [10] * 8, "supported"),  # about -28.5 %, at least the paper's -27.3 %
        ([9.0, 9.1, 9.2, 9.3] * 2, [10] * 8, "partly"),  # lower, but by less
        ([7.0, 7.1, 7.2, 7.3, 7.0], [10] * 5, "undecided"),  # the smallest p of five is 1 / 16
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
    tested = [row for row in all_rows if row.family]
    for family, corrections in {"primary": holm, "secondary": benjamini_hochberg}.items():
        of_family = [row for row in tested if row.family == family]
        p = [row.found.p for row in of_family]
        np.testing.assert_array_equal([row.adjusted for row in of_family], corrections(p))
        np.testing.assert_array_equal(
            [row.reachable for row in of_family],
            reachable(p, [best_p(r.found) for r in of_family], corrections),
        )
        assert len(of_family) > 20
    everyone = [row.found.p for row in tested]
    np.testing.assert_array_equal([row.p_holm for row in tested], holm(everyone))
    np.testing.assert_array_equal([row.p_bh for row in tested], benjamini_hochberg(everyone))
    assert {row.verdict for row in all_rows} <= set(VERDICTS)
    for row in all_rows:
        assert row.family or row.adjusted is row.p_holm is row.p_bh is row.reachable is None
        assert not (row.alone == "not supported" and row.own != "not supported")  # it only takes away


def test_a_sentence_has_one_primary_row_and_the_rule_says_which():
    """The first row that is tested, as written or on the first target, of each sentence; by hand for some."""
    text = (Path(claims.__file__).parent / "claims.toml").read_text()
    for rows in by_sentence(text):
        assert [c for c in rows if c.primary] == [c for c in [primary_of(rows)] if c], rows[0].id
    known = {claim.id for claim in CLAIMS if claim.primary}
    assert {"curve-sellier-as-written", "mnist-val-loss-as-written", "circuits-error-tfim"} < known
    assert len(known) == 40 and not known & {
        "curve-sellier-as-released",
        "depths",
        "curve-divergence-as-written",
    }
    assert all(claim.how and claim.rule in ("lower", "most") for claim in select(known))


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
    first, one = claim(primary=True, how=final), claim(how=final)
    others = [Row(claim()), Row(claim(rule="untestable")), Row(claim(rule="preserved", how=final), found[0])]
    rows = corrected([*(Row(first, f) for f in found), *others])
    assert [row.adjusted for row in rows] == [0.04, 0.04, None, None, None, None]
    weak = corrected(Row(first, f) for f in [*found, *[Comparison(0, -1, 1, 20, p=0.9)] * 3])
    assert (weak[0].alone, weak[0].verdict) == ("supported", "not supported")
    families = corrected([Row(first, found[1]), *(Row(one, f) for f in found[:2])])
    assert [row.adjusted for row in families] == [0.03, 0.03, 0.03]  # 0.02 * 2 / 1 is above 0.03 * 2 / 2
    assert [row.p_holm for row in families] == pytest.approx([0.06, 0.06, 0.06])
    assert [row.p_bh for row in families] == pytest.approx([0.03, 0.03, 0.03])
    assert [row.family for row in families] == ["primary", "secondary", "secondary"]


def test_a_row_that_its_family_leaves_no_chance_is_undecided():
    """Six seeds reach 2 / 64: enough alone, not as one of two in Holm's, unless the other's is smaller."""
    six, sure, null = (Comparison(-0.3, -0.4, -0.2, n, p=p) for n, p in ((6, 0.03125), (20, 1e-6), (20, 0.9)))
    first = claim(primary=True, how=final)
    assert [row.verdict for row in corrected([Row(first, six)])] == ["supported"]
    assert [row.verdict for row in corrected([Row(first, six), Row(first, sure)])] == ["supported"] * 2
    row = corrected([Row(first, six), Row(first, null)])[0]
    assert (row.alone, row.verdict, row.reachable) == ("supported", "undecided", 0.0625)
    assert row.json()["verdict"] == row.json()["own_verdict"] == "undecided"
    seen = Row(first, Comparison(-0.3, -0.4, 0.1, 6, p=0.03125))
    assert corrected([seen, Row(first, null)])[0].verdict == "not supported"  # the interval reaches 0


def test_a_row_depends_where_its_alternatives_are_on_the_other_side():
    lower, neither = Comparison(-0.3, -0.4, -0.2, 20, p=1e-5), Comparison(0.1, -0.1, 0.3, 20, p=0.6)
    few, ids = Comparison(-0.3, -0.4, -0.2, 5, p=0.0625), ("b", "c", "d")

    def verdicts(one, **others):
        rows = [
            Row(claim(id="a", how=final, alternatives=ids, paper=-0.9 if one is None else None), one or lower)
        ]
        rows += [Row(claim(id=id, how=final), others.get(id)) for id in ids]
        row = corrected(rows)[0]
        assert row.json()["differs"] == list(row.differs) and row.json()["own_verdict"] == row.own
        return row.own, row.verdict, row.differs

    assert verdicts(lower, b=lower, c=lower, d=lower) == ("supported", "supported", ())
    assert verdicts(None, b=lower, c=lower, d=lower) == ("partly", "partly", ())  # the same side
    assert verdicts(lower, b=lower, c=neither, d=lower) == ("supported", "depends", ("c",))
    assert verdicts(neither, b=lower, c=neither, d=neither) == ("not supported", "depends", ("b",))
    assert verdicts(lower, b=few, c=lower) == ("supported", "supported", ("b", "d"))  # undecided, and open
    assert verdicts(few, b=lower, c=neither, d=few) == ("undecided", "undecided", ("b", "c"))
    assert Row(claim(alternatives=ids), lower).verdict == "supported"  # by itself


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
    assert again.verdict in ("not supported", "undecided")  # three seeds support nothing
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


def test_a_claim_at_a_step_reads_what_is_recorded_until_then():
    step, values = np.array([0, 100, 500]), {"a": [[4.0, 2.0, 1.0]] * 6, "b": [[4.0, 4.0, 0.5]] * 6}
    config = qbp.Experiment("curve", seeds=6)
    results = {
        name: qbp.Result(config, None, step, {"x": np.array(v)}, None, np.zeros(6, dtype=bool), 0.0)
        for name, v in values.items()
    }
    claim = replace(CLAIMS[0], how=final, method="a", baseline="b", metric="x", at=100, rule="lower")
    assert measure_one(claim, results).mean == -0.5
    assert measure_one(replace(claim, at=None), results).mean == 1.0
    assert measure_one(replace(claim, at=600), results).mean == 1.0  # a result that ends before stays whole
    with pytest.raises(ValueError, match="step must be a recorded one, 0, 100, 500, got 300"):
        measure_one(replace(claim, at=300), results)
