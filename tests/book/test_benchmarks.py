"""The measurements beside other libraries: right workloads, an honest runner, a table that tells."""

import ast
import contextlib
import importlib
import json
import re
from dataclasses import replace
from functools import reduce
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import reference

import qbp
from benchmarks import generators, gpu, machine, oracle, run, workloads
from qbp.book import benchmarks
from qbp.book.figures import diagrams, style, training
from qbp.results.store import manifest

ROOT = Path(__file__).parents[2]
X, Y, Z = (reference.PAULI[letter] for letter in "XYZ")
BY_NAME = {w.name: w for w in workloads.ALL}
CHECKED = ("W1 4x10", "W2 n=4", "W3 cz", "W3 cnot", "W6 n=4", "W7 n=6", "W8 n=8", "W9 n=16")
SMALL = [workloads.small(BY_NAME[name]) for name in CHECKED]
ids = [f"{w.family}-{w.entangler}" for w in SMALL]


@pytest.mark.parametrize("w", SMALL, ids=ids)
def test_our_adapter_gives_the_answer_of_the_dense_matrices(w):
    ours = importlib.import_module("benchmarks.peers.qbp").prepare(w)()
    for name, right in oracle.answer(w).items():
        known = np.isfinite(right)
        np.testing.assert_allclose(
            ours[name][known], right[known], atol=1e-5 if w.dtype == "complex64" else 1e-7
        )


def test_the_oracle_knows_a_cosine():
    one = workloads.Workload("one", "W1", 2, 1, batch=3, observable="z0", rotations=("ry",))
    found = oracle.answer(one)
    np.testing.assert_allclose(found["values"], np.cos(one.theta[:, 0]))
    np.testing.assert_allclose(found["grads"][:, 0], -np.sin(one.theta[:, 0]))


def test_the_oracle_adds_the_derivatives_of_a_shared_angle():
    """From |00> by exp(-i t XI / 2) and exp(-i t XX / 2), <ZI> = cos(t)^2: a factor of each rotation."""
    one = workloads.Workload("one", "W7", 2, 1, observable="z0", ansatz="alternating")
    fields = {"n": 2, "n_params": 1, "start": "zero", "terms": one.terms, "strings": [("XI", 0), ("XX", 0)]}
    angle = 0.3
    found = oracle._rotations(SimpleNamespace(**fields, theta=np.array([[angle]])))
    np.testing.assert_allclose(found["values"], [np.cos(angle) ** 2])
    np.testing.assert_allclose(found["grads"], [[-np.sin(2 * angle)]])


def test_the_strings_of_excitations_are_those_of_jordan_and_wigner():
    lower = (X + 1j * Y) / 2
    fermion = [reference.kron(*[Z] * q, lower, *[np.eye(2)] * (3 - q)) for q in range(4)]
    strings = generators.excitations(4)
    assert len(strings) == len(set(strings)) == 2 * 6 + 8
    for annihilated, created, among in [((0,), (2,), strings[:12]), ((0, 1), (2, 3), strings[12:])]:
        up = reduce(np.matmul, [fermion[q].conj().T for q in created] + [fermion[q] for q in annihilated])
        generator = 1j * (up - up.conj().T)  # of exp(t (T - T^dagger)), Hermitian
        weights = {s: np.trace(reference.pauli(s) @ generator).real / 16 for s in strings}
        assert {s for s, weight in weights.items() if abs(weight) > 1e-12} <= set(among)
        np.testing.assert_allclose(reference.pauli_sum(weights), generator, atol=1e-12)
    assert [s.count("Y") % 2 for s in strings] == [1] * 20 and strings[2:4] == ["XZYI", "YZXI"]


def test_strings_that_flip_the_same_qubits_are_one_pass():
    assert generators.groups(["ZZI", "IZZ", "XII", "IXI", "XYI", "YXI", "ZII", "XYI"]) == 6
    assert generators.groups(generators.excitations(4)) == 6 + 1
    w = BY_NAME["W7 n=6"]
    assert w.limit == (22 * 10 * (1 + 6) * 2**6, 10 * 2**6 * 96)
    assert BY_NAME["W9 n=16"].limit[0] == 22 * 8 * (1 + 16) * 2**16


@pytest.mark.parametrize("n", [4, 8, 16])
def test_a_random_graph_is_regular_and_always_the_same(n):
    edges = generators.regular_graph(n, 3, seed=1)
    assert np.bincount(np.ravel(edges)).tolist() == [3] * n
    assert len(set(edges)) == len(edges) and all(a < b for a, b in edges)
    assert edges == generators.regular_graph(n, 3, seed=1)


def test_derivatives_by_rotation_are_summed_by_angle():
    w = BY_NAME["W7 n=6"]
    assert w.n_params == 20 and len(w.of_rotation) == 10 * (5 + 6)
    found = w.shared(np.ones((3, 110)))
    assert found.shape == (3, 20) and found[0].tolist() == [5, 6] * 10


def test_circuits_of_strings_are_those_of_the_library():
    for name in ("W7 n=12", "W8 n=8", "W9 n=16"):
        w = BY_NAME[name]
        generators_, tied = zip(*w.strings, strict=True)
        assert qbp.PauliRotations(w.n, generators_, tied, start=w.start).n_params == w.n_params
        assert workloads.from_json(json.loads(json.dumps(w.as_json()))) == w
        assert w.dtype == "complex128" and w.theta.shape == (1, w.n_params)
    assert [BY_NAME[f"W8 n={n}"].n_params for n in (8, 10, 12)] == [432, 936, 2052]
    cut, w = qbp.maxcut(w.edges), BY_NAME["W9 n=16"]
    assert cut == qbp.PauliSum(w.terms | {"I" * 16: -len(w.edges) / 2})


def test_workloads_are_those_of_the_library():
    assert len(BY_NAME) == len(workloads.ALL) and set(workloads.QUICK) <= BY_NAME.keys()
    assert benchmarks.TARGETS.keys() <= BY_NAME.keys()
    assert workloads.DESCRIPTIONS.keys() == {w.family for w in workloads.ALL}
    for w in (BY_NAME["W1 8x20"], BY_NAME["W3 cnot"], BY_NAME["W4b n=100 L=10"]):
        circuit = qbp.HardwareEfficient(w.n, w.layers, w.rotations, w.entangler, w.topology)
        turns = [g for g in w.gates if g[0][0] == "r"]
        assert [k for *_, k in turns] == list(range(circuit.n_params)) and w.n_params == circuit.n_params
        assert len(next(iter(w.terms))) == w.n
        assert workloads.from_json(json.loads(json.dumps(w.as_json()))) == w
    assert qbp.PauliSum(BY_NAME["W2 n=8"].terms) == qbp.tfim(8)
    assert [qbp.PauliSum({p: 1.0}) for p in BY_NAME["W6 n=4"].terms] == qbp.local_observables(4)


def test_the_limit_counts_operations_and_bytes_per_layer():
    w = BY_NAME["W2 n=20"]
    assert w.limit == (10 * 2**20 * 26 * 21, 10 * 2**20 * 48)
    assert replace(w, dtype="complex128").limit[1] == 2 * w.limit[1]
    found = machine.limits("float32", 1, seconds=0.01)
    assert all(value > 0 for value in found.values())


def test_a_whole_run_checks_times_and_writes_a_table(tmp_path, capsys):
    words = ["--workloads", "W1 2x5", "--peers", "torch path", "--rounds", "2", "--threads", "1"]
    assert run.main([*words, "--output", str(tmp_path)]) == 0
    assert "| W1 2x5 |" in capsys.readouterr().out
    (row,) = benchmarks.load(tmp_path).to_dict("records")
    assert row["status"] == "ok" and row["rounds"] == 2 and 0 < row["low"] <= row["seconds"] <= row["high"]
    assert row["compile_seconds"] > 0 and row["memory_mb"] >= 0 and 0 < row["limit_seconds"] < row["seconds"]
    assert manifest(tmp_path)["benchmarks"]["command"].startswith("python -m benchmarks --workloads")


def test_what_is_slow_large_or_gone_is_said(tmp_path):
    with open(tmp_path / "log", "w") as log:
        with contextlib.closing(run.Worker("machine", None, {}, 1, log)) as worker:
            worker.read(60, np.inf, "start")
            with pytest.raises(run.Failed, match="over 0 s to run"):
                worker.ask(0, np.inf, "run", do="limits", dtype="float32")
            with pytest.raises(run.Failed, match="over 0 GB"):
                worker.read(60, 1, "run")
        with contextlib.closing(run.Worker("no_such_peer", None, {}, 1, log)) as worker:
            with pytest.raises(run.Failed, match="failed: ModuleNotFoundError"):
                worker.read(60, np.inf, "start")
            with pytest.raises(run.Failed, match="failed: its process ended"):
                worker.ask(60, np.inf, "run", do="time")


class Liar:
    """A worker whose answers are off by a hundredth."""

    def ask(self, *args, workload, **request):
        right = oracle.answer(workloads.from_json(workload))
        return {"answer": {name: (value + 0.01).tolist() for name, value in right.items()}}

    def close(self):
        """Do nothing."""


def test_a_wrong_answer_is_not_timed():
    session = run.Session(["Qulacs"], 1, 1, run.Limits(60, 60, 1e4), None)
    with pytest.raises(run.Failed, match=r"wrong by 1\.\de-02 against dense"):
        session.check(run.Cell("Qulacs", BY_NAME["W1 4x10"], worker=Liar()))
    cells = [run.Cell(peer, BY_NAME["W2 n=20"], answer={"values": [1.0]}) for peer in "abc"]
    cells[1].answer = {"values": [1.1]}
    session.agree(cells)
    assert [cell.status for cell in cells] == ["ok", "wrong by 1.0e-01 against the others", "ok"]


def test_a_peer_in_one_precision_has_ours_beside_it_in_the_same():
    session = run.Session(["qbp", "Qulacs", "PyTorch loop"], 1, 1, run.Limits(60, 60, 1e4), None)
    session.dtypes = {
        "qbp": ["complex64", "complex128"],
        "Qulacs": ["complex128"],
        "PyTorch loop": ["float64"],
    }
    session.problems = {"Qulacs": "does not install: no wheel"}
    cells = [(c.peer, c.workload.dtype, c.status[:16]) for c in session.cells(BY_NAME["W1 4x10"])]
    assert cells == [
        ("qbp", "complex64", "ok"),
        ("Qulacs", "complex128", "does not install"),
        ("qbp", "complex128", "ok"),
    ]
    assert [c.peer for c in session.cells(BY_NAME["W5 curve float64"])] == ["qbp", "PyTorch loop"]


def test_a_peer_that_does_not_compile_in_time_is_not_asked_for_a_larger_circuit():
    session = run.Session(["qbp", "PennyLane JAX"], 1, 1, run.Limits(60, 60, 1e4), None)

    def start(peer):
        raise run.Failed("over 60 s to compile" if peer == "PennyLane JAX" else "failed: gone")

    session.start = start
    for cell in session.cells(BY_NAME["W7 n=6"]):
        session.set_up(cell)
    assert [c.peer for c in session.cells(BY_NAME["W7 n=12"])] == ["qbp"]
    assert [c.peer for c in session.cells(BY_NAME["W8 n=8"])] == ["qbp", "PennyLane JAX"]


def test_names_are_found_or_refused():
    known = {"W1 2x5": "W1", "W1 8x20": "W1", "W2 n=4": "W2"}
    assert run._chosen("w1", known, "--workloads") == ["W1 2x5", "W1 8x20"]
    assert run._chosen("W2 n=4, 2x5", known, "--workloads") == ["W2 n=4", "W1 2x5"]
    with pytest.raises(SystemExit, match=r"--workloads must be of .*; got 'W9'"):
        run._chosen("W9", known, "--workloads")


def test_peers_are_pinned_and_not_in_the_lock():
    lock = (ROOT / "requirements.lock").read_text().lower()
    named = [package for _, _, packages in run.requirements() for package in packages]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", package) for package in named)
    for peer in ("pennylane", "pennylane-lightning", "tensorcircuit-ng", "qulacs", "torchquantum", "jax"):
        assert any(package.startswith(f"{peer}==") for package in named)
        assert not re.search(rf"^{peer}==", lock, re.MULTILINE)
    assert {environment for _, environment, _ in run.PEERS.values()} - {None} == {
        e for e, *_ in run.requirements()
    }


def test_qbp_does_not_import_the_benchmarks():
    for path in (ROOT / "qbp").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [a.name for a in node.names] + [getattr(node, "module", "") or ""]
                assert not any(name.split(".")[0] == "benchmarks" for name in names[-1:]), path.name


# ------------------------------------------------------------------------------------------- the table


@pytest.fixture
def table():
    """Two sizes; the peer in double precision is the closest one, and one peer does not install."""

    def row(workload, peer, seconds, **other):
        w = BY_NAME[workload]
        base = {"workload": workload, "family": w.family, "n": w.n, "layers": w.layers, "batch": w.batch}
        base |= {
            "dtype": "complex64",
            "main": True,
            "peer": peer,
            "status": "ok",
            "seconds": seconds,
            "note": "",
        }
        base |= {"low": seconds, "high": seconds, "rounds": 3, "compile_seconds": 1.5, "memory_mb": 10.0}
        base |= {
            "limit_seconds": 1e-4,
            "gemm_gflops": 100.0,
            "copy_gb_s": 10.0,
            "l2_gb_s": 50.0,
            "threads": 1,
        }
        return base | {"compile_memory_mb": 20.0, "versions": "x 1"} | other

    double = {"dtype": "complex128", "main": False}
    rows = []
    for name in ("W2 n=4", "W2 n=8"):
        rows += [
            row(name, "qbp", 1e-3),
            row(name, "TorchQuantum", 40e-3),
            row(name, "Qulacs", 10e-3, **double),
        ]
        rows += [row(name, "qbp", 2e-3, **double)]
        rows += [row(name, "PennyLane JAX", np.nan, status="does not install: no wheel", rounds=0)]
    return pd.DataFrame(rows)


def test_the_ratio_is_taken_at_equal_precision_and_the_smaller_counts(table):
    found = benchmarks.ratios(table)
    assert found["ratio"].round(9).tolist() == [40.0, 5.0, 40.0, 5.0]
    shown = benchmarks.layout(table)
    assert shown["best peer / qbp"].tolist() == ["5 (Qulacs*)", "5 (Qulacs*)"]
    assert shown["qbp"].tolist() == ["1.00\u00a0ms / 2.00\u00a0ms*"] * 2 and shown[
        "qbp / limit"
    ].tolist() == [
        "10",
        "10",
    ]
    assert shown["PennyLane JAX"].tolist() == ["does not install"] * 2
    assert benchmarks.slower(table).index.tolist() == ["W2 n=8"]  # 8 was aimed at


def test_families_and_sentences_are_counted(table):
    theirs = (table["workload"] == "W2 n=4") & (table["peer"] == "Qulacs")
    table.loc[theirs, "seconds"] = 1e-3  # half of ours
    shown = benchmarks.by_family(table)
    assert shown.loc["W2"].tolist() == [2, 1, "0.5 (W2 n=4, Qulacs)", "5 (W2 n=8, Qulacs)"]
    said = benchmarks.in_words(table)
    assert said == {"compared": "2", "faster": "1", "middle": "2.8", "lost": "W2 n=4 (Qulacs)"}
    assert benchmarks.in_words(table[table["workload"] == "W2 n=8"])["lost"] == "none"


def test_the_markdown_table_gives_the_reason_and_the_versions(table):
    text = benchmarks.markdown(table)
    assert "| PennyLane JAX | does not install: no wheel | W2 n=4, W2 n=8 |" in text and "Qulacs: x 1" in text
    assert len({line.count("|") for line in text.splitlines()[:4]}) == 1
    assert benchmarks.compiling(table).loc["Qulacs", "W2"] == "1.50\u00a0s"


def test_the_figure_shows_every_peer_that_ran_and_the_limit(table, tmp_path):
    figure = training.times_against_qubits(table)
    lines = figure.axes[0].get_lines()
    assert [line.get_xdata().tolist() for line in lines] == [[4, 8]] * 4
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {
        "qbp",
        "TorchQuantum",
        "Qulacs",
        "limit of the machine",
    }
    assert (
        next(x for x in lines if x.get_color() == style.PEERS["Qulacs"][0]).get_markerfacecolor() == "white"
    )  # double precision
    figure.savefig(tmp_path / "times.png")
    assert plt.get_fignums() == []
    assert style.PEERS.keys() == {*run.PEERS, "limit"} and len(set(style.PEERS.values())) == len(style.PEERS)


@pytest.mark.parametrize("quantity", diagrams.QUANTITIES)
def test_a_family_shows_each_library_on_each_workload_and_times_beside_the_limit(table, quantity):
    (axis,) = diagrams.of_a_family(table, "W2", quantity).axes
    marks = {shown.get_label(): shown.get_offsets() for shown in axis.collections}
    workloads = [label.get_text() for label in axis.get_yticklabels()]
    assert workloads == ["W2 n=8", "W2 n=4"]  # the first one on top
    assert ("limit" in marks) == (quantity == "time of a call")
    timed = table[table["status"] == "ok"]
    assert marks.keys() - {"limit"} == set(timed["peer"])
    for peer in marks.keys() - {"limit"}:
        rows = timed[timed["peer"] == peer].sort_values("main", ascending=False, kind="stable")
        rows = rows.drop_duplicates("workload").set_index("workload")[diagrams.QUANTITIES[quantity][0]]
        found = {workloads[round(height)]: value for value, height in marks[peer]}
        assert found == {workload: value for workload, value in rows.items() if np.isfinite(value)}
    assert plt.get_fignums() == []


def test_the_committed_table_is_whole():
    found = benchmarks.load()
    assert set(found["peer"]) <= run.PEERS.keys() and set(found["workload"]) <= BY_NAME.keys()
    assert found["status"].eq("ok").eq(found["seconds"].notna()).all()
    assert not found["status"].str.startswith("wrong").any()


# ------------------------------------------------------------------------------------------------ on a GPU


def test_the_page_shows_what_was_found_on_a_gpu_and_says_so_without_one(tmp_path):
    assert benchmarks.on_gpu(tmp_path) == benchmarks.NO_GPU
    machine_of = {"name": "A \x1b[31mGPU", "torch": "2", "cuda": "13"}
    checks = [{"name": name, "agrees": name == "curve", "said": "x"} for name in ("curve", "vqe")]
    times = [
        {"workload": "W2 n=12", "peer": "qbp", "status": "ok", "seconds": 0.00123},
        {"workload": "W2 n=12", "peer": "B", "status": "not installed"},
        {"workload": "W2 n=28", "peer": "qbp", "status": "out of memory"},
    ]
    found = {"machine": machine_of, "command": "python -m benchmarks.gpu", "checks": checks, "times": times}
    (tmp_path / "gpu.json").write_text(json.dumps(found))
    lines = benchmarks.on_gpu(tmp_path).splitlines()
    assert lines[0].startswith("A \\x1b[31mGPU, torch 2, CUDA 13; ") and lines[1].startswith("1 of 2 checks")
    assert lines[2] == "not: vqe x"
    assert lines[-2:] == ["| W2 n=12 | 1.23\xa0ms |", "| W2 n=28 | out of memory |"]
    for text in ("{}", '{"machine": {}, "checks": 1, "times": []}', "no"):
        (tmp_path / "gpu.json").write_text(text)
        with pytest.raises(ValueError, match=r"gpu\.json"):
            benchmarks.on_gpu(tmp_path)


def test_the_measurement_on_a_gpu_takes_its_whole_way_on_a_cpu(tmp_path, monkeypatch, capsys):
    for name in ("unit_tests", "chapter"):  # which start processes of their own
        monkeypatch.setattr(gpu, name, lambda device, quick, n=name: gpu._compared(n, 0.0))
    out = tmp_path / "gpu.json"
    assert gpu.main(["--device", "cpu", "--quick", "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert [check["agrees"] for check in found["checks"]] == [True] * 5
    timed = {row["workload"]: row for row in found["times"] if row["peer"] == "qbp"}
    assert timed.keys() == {"W1 n=4", "W1 n=6", "W2 n=4", "W2 n=6", "W5 curve"}
    assert all(row["status"] == "ok" and 0 < row["low"] <= row["high"] for row in timed.values())
    assert {row["status"] for row in found["times"] if row["peer"] in gpu.PEERS} == {"not installed"}
    assert "5 of 5 checks agree" in benchmarks.on_gpu(tmp_path)
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 2 and "no CUDA device here" in capsys.readouterr().err


def test_numbers_apart_are_seen():
    nan = float("nan")
    assert gpu.apart([1.0, 2.0, nan], [1.0, 2.0 + 2e-6, nan]) == pytest.approx(1e-6, rel=1e-3)
    assert gpu.apart([1.0], [float("nan")]) == gpu.apart([1.0], [1.0, 2.0]) == float("inf")
    assert not gpu._compared("a", 2e-9)["agrees"] and gpu._compared("a", 1e-10)["agrees"]


def test_workloads_of_a_gpu_go_up_to_28_qubits():
    sizes = {f: [w.n for w in gpu.workloads(False) if w.family == f] for f in ("W1", "W2")}
    assert all(found[0] == 12 and found[-1] == 28 for found in sizes.values())
    assert all(w.batch << w.n <= max(200 << 12, 1 << w.n) for w in gpu.workloads(False) if w.family == "W1")
