"""Scores of the plateau suite: what counts as right, and what peers are handed."""

import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

import qbp
from benchmarks import plateau_score as score
from benchmarks.plateau_suite import entries

BY_NAME = {entry.name: entry for entry in entries()}
GLOBAL, LOCAL = BY_NAME["product, projector"], BY_NAME["two rings, one qubit"]
BOUND = BY_NAME["Ising chain, depolarizing, depth n"]


def answer(entry, **fields):
    return score.Answer(entry.name, **({"verdict": entry.verdict} | fields))


@pytest.mark.parametrize(
    "entry, fields, right",
    [
        (GLOBAL, {"causes": ("observable",), "rate": 1.4, "low": 1.3, "high": 1.5}, (True, True, True)),
        (GLOBAL, {"causes": ("noise",), "rate": 1.2, "low": 1.1, "high": 1.3}, (True, False, False)),
        (GLOBAL, {"causes": ("noise", "observable"), "rate": 1.3}, (True, True, True)),
        (GLOBAL, {"verdict": "cannot say", "rate": 1.4}, (False, None, None)),
        (GLOBAL, {"verdict": "no plateau"}, (False, None, None)),
        (LOCAL, {}, (True, None, None)),
        (BOUND, {"causes": ("noise",), "rate": 0.5}, (True, True, True)),
        (BOUND, {"causes": ("noise",), "rate": 0.1, "low": 0.0, "high": 0.2}, (True, True, False)),
    ],
)
def test_an_answer_is_judged(entry, fields, right):
    found = score.judge(entry, answer(entry, **fields))
    assert (found["verdict"], found["cause"], found["rate"]) == right


def test_dead_parameters_are_judged_where_they_are_named():
    entry = BY_NAME["one layer, one live parameter"]
    assert score.judge(entry, answer(entry, dead={4: frozenset({1, 2, 3})}))["dead"] is True
    assert score.judge(entry, answer(entry, dead={4: frozenset({1, 2})}))["dead"] is False
    assert score.judge(entry, answer(entry))["dead"] is None


def test_counts_and_false_alarms():
    listed = [GLOBAL, BOUND, LOCAL]
    answers = [answer(GLOBAL), answer(BOUND, verdict="cannot say"), answer(LOCAL, verdict="plateau")]
    found = score.score(listed, answers)
    assert found["suite"]["families"] == 2 and found["suite"]["verdict"] == 1
    assert found["suite"]["cannot say"] == 1 and found["false_alarms"] == [LOCAL.name]


def test_a_report_becomes_an_answer_in_one_place():
    causes = [SimpleNamespace(name=name) for name in ("depth", "entanglement", "noise", "small-algebra")]
    rate = SimpleNamespace(slope=-1.0, low=-1.1, high=-0.9)
    report = SimpleNamespace(verdict="plateau", causes=causes, rate=rate, n_qubits=4)
    report.dead = [SimpleNamespace(index=1)]
    found = score.from_report("a", report)
    named = ("expressiveness", "noise")
    assert found == score.Answer("a", "plateau", named, 1.0, 0.9, 1.1, {4: frozenset({1})})
    assert score.from_report("a", replace_rate(report, None)).rate is None
    assert found.verdict in score.VERDICTS


def replace_rate(report, rate):
    return SimpleNamespace(**(vars(report) | {"rate": rate}))


@pytest.mark.parametrize("name", ["QAOA of a ring, two layers, cut", "XY chain, deep", "tree of blocks"])
def test_peers_get_the_circuit_itself(name):
    entry = replace(BY_NAME[name], sizes=BY_NAME[name].sizes[:2])
    case = score.plain(entry)["cases"][0]
    original = entry.at(case["n"])
    builder = qbp.CircuitBuilder(case["n"])
    theta = [builder.parameter() for _ in range(case["n_params"])]
    for gate, qubits, angle in case["gates"]:
        turn = [angle] if not isinstance(angle, list) else [angle[1] * theta[angle[0]] + angle[2]]
        getattr(builder, gate)(*(turn if angle is not None else []), *qubits)
    values = torch.linspace(0.1, 2.9, case["n_params"], dtype=torch.float64)
    states = [c.state(values) for c in (original.circuit, builder.build())]
    assert abs(torch.vdot(*states)) == pytest.approx(1.0)
    assert case["H"] == dict(original.H.terms)


def test_a_projector_is_a_sum_of_strings():
    case = score.plain(GLOBAL)["cases"][0]
    n = case["n"]
    state = GLOBAL.at(n).circuit.state(torch.linspace(0.1, 0.9, n, dtype=torch.float64))
    assert qbp.PauliSum(case["H"]).expectation(state) == pytest.approx(float(state[0].abs() ** 2))


PEER = f"""#!{sys.executable}
import json, sys
print(json.dumps({{"peer": "a", "version": "1.0"}}), flush=True)
for line in sys.stdin:
    name = json.loads(line)["name"]
    if name == "stops here":
        sys.exit(1)
    print(json.dumps({{"name": name, "verdict": "plateau", "seconds": 1.0}}), flush=True)
"""


def test_a_peer_goes_on_where_it_stopped(tmp_path, capsys):
    python = tmp_path / "qmlkit" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PEER)
    python.chmod(0o755)
    with pytest.raises(ValueError, match="qmlkit stopped at stops here"):
        score.peer_answers("qmlkit", [GLOBAL, replace(LOCAL, name="stops here")], tmp_path)
    which, answers, raw = score.peer_answers("qmlkit", [GLOBAL, LOCAL], tmp_path)
    assert which == "1.0" and [a.name for a in answers] == [GLOBAL.name, LOCAL.name] and len(raw) == 2
    kept = (tmp_path / "qmlkit" / "answers.jsonl").read_text().splitlines()
    assert [json.loads(line)["name"] for line in kept] == [GLOBAL.name, LOCAL.name]
    assert capsys.readouterr().err.splitlines()[-1] == f"1 of 2 families: {LOCAL.name}"
