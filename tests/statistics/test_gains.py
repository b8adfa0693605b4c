"""Cost and gain on histories made by hand, and the studies that they are read from."""

from types import SimpleNamespace

import numpy as np
import pytest

import qbp
from qbp.audit import measures
from qbp.audit.sentences import CLAIMS
from qbp.experiments.circuits import CircuitExperiment
from qbp.experiments.registry import run
from qbp.results import store
from qbp.statistics.gains import (
    CUT,
    error_within,
    errors,
    evaluations_to,
    factor_of,
    gain,
    gains,
    successes,
    table,
)
from qbp.studies import circuit_studies
from qbp.studies.circuit_studies import STUDIES, study
from qbp.studies.tables import gridded, resolve


def result(error, evaluations, **history):
    error = np.array(error, dtype=float)
    runs, records = error.shape
    history = {name: np.array(values, dtype=float) for name, values in history.items()}
    history |= {"error": error, "evaluations": np.broadcast_to(evaluations, (runs, records)).astype(float)}
    history.setdefault("target_information", np.full((runs, records), 0.5))
    config = CircuitExperiment(seeds=runs, steps=10 * (records - 1), algorithm={"stage_1_steps": 1})
    step = np.arange(0, 10 * records, 10)
    return qbp.Result(config, None, step, history, None, np.zeros(runs, dtype=bool), 0.0)


SLOW = result([[4, 3, 2, 1], [4, 4, 4, 2]], [0, 10, 20, 30])
DEAR = result([[4, 2, 1, 1], [4, 2, 2, 1]], [0, 40, 80, 120])


def test_evaluations_to_a_target():
    assert evaluations_to(SLOW, 2).tolist() == [20, 30]
    assert evaluations_to(SLOW, 1.5).tolist() == [30, np.inf]
    assert evaluations_to(DEAR, np.array([2, 1])).tolist() == [40, 120]


def test_errors_at_equal_cost():
    assert error_within(SLOW, 25).tolist() == [2, 4] and error_within(SLOW, 1e9).tolist() == [1, 2]
    assert error_within(DEAR, np.array([0, 80])).tolist() == [4, 2]


def test_an_error_that_rounding_puts_below_0_is_0_wherever_it_is_compared():
    low = result([[1, -1e-15], [1, 0.5]], [0, 1])
    assert errors(low).tolist() == [[1, 0], [1, 0.5]] and error_within(low, 1).tolist() == [0, 0.5]
    asks = SimpleNamespace(method="a", baseline="b", metric="error")
    ours, others = measures.final({"a": low, "b": DEAR}, asks)
    assert ours.tolist() == [0, 0.5] and others.tolist() == [1, 1]
    assert gain("task", "low", low, result([[1, 1], [1, 1]], [0, 1])).steps.mean == -0.75


def test_success_is_99_percent_of_the_way():
    assert successes(result([[2, 0.02], [4, 0.04]], [0, 1])).tolist() == [True, False]  # of 3 on average


def test_a_gain_by_hand():
    """At equal steps the dear method ends lower; at the cost of the slow one it stands where it began."""
    found = gain("task", "dear", DEAR, SLOW)
    assert found.steps.mean == pytest.approx(1 / 1.5 - 1) and found.errors == (1.5, 1.0)
    assert found.cost.mean == pytest.approx(4 / 1.5 - 1)  # 30 evaluations: no record after the first
    assert found.to_target.mean == pytest.approx(40 / 25 - 1)  # both reach 2
    assert found.information == 0.5
    longer = result([[4, 3, 2, 1, 0.5], [4, 4, 4, 2, 0.25]], [0, 10, 20, 30, 120])
    assert gain("task", "dear", DEAR, SLOW, longer).cost.mean == pytest.approx(2 / 0.75 - 1)
    rows = gains("task", {"no-init": SLOW, "two-stage": DEAR, "no-init, longer": longer})
    assert [row.label for row in rows] == ["two-stage"]
    shown = table({("task", "dear"): rows[0]}, ("task", "row"))
    assert shown.index.names == ["task", "row"] and shown.shape == (1, 7)
    assert shown.iloc[0]["n"] == 2 and shown.iloc[0]["success"] == "0 / 0"
    assert shown.iloc[0]["equal steps"].startswith("0.667 [") and factor_of(found.cost).startswith("2.67 [")
    assert "equal evaluations, cut short" in table({("task", "dear"): found}, ("task", "row"), CUT)
    asks = SimpleNamespace(method="a", baseline="b", metric="error")
    ours, others = measures.evaluations_needed({"a": DEAR, "b": SLOW}, asks)
    assert ours.tolist() == [40, 40] and others.tolist() == [20, 30]
    climbing = result([[1, 10, 1, 10, 1], [1, 1, 1, 1, 1]], range(5))
    climbing = SimpleNamespace(history=climbing.history, step=100 * np.arange(5))
    assert measures.late_climbs({"a": climbing, "b": climbing}, asks)[0].tolist() == [0, 0]


def test_studies_are_whole():
    found = gridded()
    assert len({s.name for s in STUDIES}) == len(STUDIES)
    for s in STUDIES:
        for task in s.tasks:
            configs = s.configs(task)
            keys = [store.key(c) for c in configs.values()]
            assert len(set(keys)) == len(keys) and set(keys) <= found[s.table].configs.keys()
            assert {c.seeds for c in configs.values()} == {20}
            assert len({(c.qubits, c.hamiltonian, c.frame) for c in configs.values()}) == 1
    with pytest.raises(ValueError, match="study must be one of methods"):
        study("size")


def test_claims_name_rows_that_exist():
    for claim in CLAIMS:
        if claim.table.startswith("vqe/"):
            _, name, task = claim.table.split("/")
            assert set(claim.names) <= study(name).configs(task).keys(), claim.id
            assert resolve(claim.table) == (study(name), task)
    assert set(resolve("pqc/depth/plain").tables) == {"pqc", "pqc-depth"}


def test_a_study_is_read_back(tmp_path):
    two = {"no-init": {"method": "no-init"}, "two-stage": {"method": "two-stage"}}
    small = {"qubits": 2, "layers": 1, "steps": 2, "seeds": 2, "device": "cpu"}
    one = circuit_studies.CircuitStudy("one", "?", two, ("random",), "vqe", small)
    configs = one.configs("random")
    done = [run(c) for c in configs.values()]
    store.save("vqe", done[:1], command="x", target="t", directory=tmp_path)
    with pytest.raises(ValueError, match="one on random lacks two-stage: run `qbp grid vqe`"):
        one.load("random", tmp_path)
    store.save("vqe", done, command="x", target="t", directory=tmp_path)
    assert [r.config.method for r in one.load("random", tmp_path).values()] == list(configs)
