"""Rows of `qbp variance`: closed forms, decays with a known rate, what is asked for is what is computed."""

import dataclasses
import math

import pytest
import torch

import qbp
from qbp.book.tables.results import decay_words, variance_json, variance_line
from qbp.studies import variance_studies
from qbp.studies.variance_studies import OBSERVABLES, Fit, Row, Study, decay, rows

FIELDS = [
    "n_qubits", "n_layers", "observable", "engine", "samples", "parameter",
    "variance", "log2_variance", "stderr", "upper_bound", "seconds",
]  # fmt: skip
RX = {"layers": "1", "rotations": "rx", "engine": "statevector", "samples": 2000}


def row(n, log2_variance, **fields):
    variance = 2**log2_variance
    others = {"variance": variance, "stderr": variance / 10, "upper_bound": 2 * variance, "seconds": 0.1}
    start = {"n_layers": 1, "observable": "zz", "engine": "statevector", "samples": 9, "parameter": "mean"}
    return Row(n, log2_variance=log2_variance, **start | others | fields)


def test_observables_are_what_they_are_called():
    theta = torch.tensor([0.3, 1.1, 2.0], dtype=torch.float64)  # a product of RX, so <Z_j> = cos(theta_j)
    circuit = qbp.PauliRotations(3, ["XII", "IXI", "IIX"])
    c = theta.cos()
    expected = {
        "zz": c[0] * c[1],
        "last": c[2],
        "local": 1 - ((1 + c) / 2).mean(),
        "global": ((1 + c) / 2).prod(),
    }
    for name, value in expected.items():
        torch.testing.assert_close(circuit.expectation(theta, OBSERVABLES[name](3)), value)
    assert OBSERVABLES["tfim"](4) == qbp.tfim(4)


def test_rows_of_cerezos_local_warm_up():
    """A layer of RX and CZs, which keep |<0|psi>|: Var = 1 / (8 n^2) for every parameter."""
    found = list(rows(Study("1-5", observable="local", **RX)))
    assert [r.n_qubits for r in found] == [1, 2, 3, 4, 5] and {r.samples for r in found} == {2000}
    for r in found:
        assert abs(r.variance - 1 / (8 * r.n_qubits**2)) < 4 * r.stderr
        assert r.variance < r.upper_bound and r.log2_variance == pytest.approx(math.log2(r.variance))


def test_decay_of_cerezos_global_warm_up():
    """(1/8)(3/8)^(n-1): log2(3/8) = -1.415 bits per qubit, up to four qubits, where tails are bearable."""
    fit = decay(rows(Study("1-4", observable="global", **RX | {"samples": 20000})))
    assert fit.slope_bits_per_qubit == pytest.approx(math.log2(3 / 8), abs=0.08)
    assert fit.low < fit.slope_bits_per_qubit < fit.high and (fit.n_min, fit.n_max) == (1, 4)


def test_rows_are_those_of_gradient_variance_with_every_option():
    study = Study(
        "3", layers="2", observable="tfim", samples=6, seed=7, rotations="random", entangler="cnot",
        topology="ring", dtype="float32", device="cpu", parameter="all",
    )  # fmt: skip
    circuit = qbp.HardwareEfficient(3, 2, "random", entangler="cnot", topology="ring", seed=7)
    expected = qbp.gradient_variance(circuit, qbp.tfim(3), samples=6, seed=7, dtype=torch.float32)
    every = list(rows(study))
    assert [r.parameter for r in every] == list(range(circuit.n_params))
    assert [r.variance for r in every] == expected.variance.tolist()
    assert [r.stderr for r in every] == expected.stderr.tolist()
    (top,) = rows(dataclasses.replace(study, parameter="max"))
    assert top.variance == expected.variance.max() and top.parameter == "max"
    (third,) = rows(dataclasses.replace(study, parameter="3"))
    assert (third.variance, third.parameter) == (expected.variance[3], 3)
    (mean,) = rows(dataclasses.replace(study, parameter="mean"))
    assert (mean.variance, mean.stderr) == (expected.mean.variance, expected.mean.stderr)
    assert mean.variance == pytest.approx(expected.variance.mean().item()) and mean.n_layers == 2


def test_sizes():
    assert Study("2-4,8").sizes == ((2, 10), (3, 10), (4, 10), (8, 10))
    assert Study("12, 4", layers="n").sizes == ((12, 12), (4, 4))
    assert Study("12, 4", layers="2n").sizes == ((12, 24), (4, 8))
    assert Study("1000", layers=3).sizes == ((1000, 3),)
    assert Study("2-3,20", samples=5, walks=100).expected == 110
    assert Study("2-3,20", samples=5, walks=100, engine="pauli-walk").expected == 300


def test_decay_of_exact_rows_and_of_numbers_too_small_for_a_float():
    fit = decay([row(n, -1.5 * n) for n in (2, 4, 9)])
    assert (fit.slope_bits_per_qubit, fit.low, fit.high) == pytest.approx((-1.5, -1.5, -1.5))
    assert (fit.n_min, fit.n_max) == (2, 9)
    tiny = [row(n, -1.5 * n, variance=0.0) for n in (1000, 2000, 3000)]
    assert decay(tiny).slope_bits_per_qubit == pytest.approx(-1.5)
    many = [row(n, -float(n) + shift) for n in (2, 3, 4) for shift in (0, 1)]  # parameter "all": their mean
    assert variance_studies.points(many) == pytest.approx({n: -n + math.log2(1.5) for n in (2, 3, 4)})
    at, bits = variance_studies.decay_line(many)
    assert (at, bits) == ([2, 3, 4], pytest.approx([-n + math.log2(1.5) for n in at]))


def test_zeros_and_few_sizes_are_no_decay():
    bound = row(5, math.nan, upper_bound=1e-6)
    two = [row(2, -2.0), row(3, -3.0), row(4, -math.inf, upper_bound=0.0), bound]
    assert decay(two) == Fit() and variance_studies.decay_line(two) is None
    assert decay_words(Fit()).startswith("no decay fitted")
    assert variance_studies.upper_bounds(two) == ([5], [pytest.approx(math.log2(1e-6))])
    n, bits, down, up = variance_studies.error_bars(two)
    assert (n, bits) == ([2, 3], [-2.0, -3.0])
    assert down == pytest.approx([-math.log2(0.9)] * 2) and up == pytest.approx([math.log2(1.1)] * 2)


def test_where_walks_leave_a_bound_a_row_has_nothing_else():
    study = Study("1000", layers="2", observable="last", entangler="cnot", walks=2048)
    (mean,) = rows(study)
    assert mean.upper_bound > 0 and all(map(math.isnan, (mean.variance, mean.log2_variance, mean.stderr)))
    found = variance_json([mean])["rows"][0]
    assert found["variance"] is None and found["upper_bound"] == mean.upper_bound
    assert "nan" in variance_line(mean)
    assert variance_studies.points([mean, row(3, -3.0)]) == {3: -3.0}


def test_the_largest_is_the_largest_known():
    table = torch.tensor([0.0, -1.0, math.nan, 0.0]).exp2()
    found = qbp.GradientVariance(*[table] * 3, table.log2(), None, None, None, "pauli-walk", "", 9, False)
    ((name, numbers),) = variance_studies._chosen(Study("2", parameter="max"), found)
    assert name == "max" and numbers[0] == 1.0
    assert variance_studies.points([row(4, math.nan), row(4, -4.0), row(3, -3.0)]) == {3: -3.0}


def test_json_has_the_documented_shape_and_no_nan():
    found = variance_json([row(2, -2.0), row(3, -math.inf, stderr=math.nan)])
    assert list(found) == ["rows", "decay"] and [list(r) for r in found["rows"]] == [FIELDS] * 2
    assert list(found["decay"]) == ["slope_bits_per_qubit", "low", "high", "n_min", "n_max"]
    assert set(found["decay"].values()) == {None}
    assert found["rows"][1]["log2_variance"] is None and found["rows"][1]["stderr"] is None
    assert found["rows"][0]["variance"] == 0.25


def test_a_line_of_text_stands_under_its_head():
    from qbp.book.tables.results import VARIANCE_HEAD

    text = variance_line(row(12, -8.5, engine="pauli-walk", samples=131072))
    assert len(text) == len(VARIANCE_HEAD) and text.split()[:5] == ["12", "1", "pauli-walk", "131072", "mean"]


def test_an_interrupt_keeps_the_size_in_hand():
    done = 0

    def progress(samples):
        nonlocal done
        done += samples
        if done > 10:
            raise KeyboardInterrupt

    kept = []
    with pytest.raises(KeyboardInterrupt):
        for r in rows(Study("2-4", layers="1", samples=10), progress):
            kept.append(r)
    assert [(r.n_qubits, r.samples) for r in kept] == [(2, 10), (3, 10)]


BAD = {
    "qubits must be numbers like": [
        {"qubits": q} for q in ("", "two", "5-2", "0-3", "2-", "3,3", "1e3", "-4")
    ],
    "qubits must be at least 2 for the observable zz": [{"qubits": "1-4"}],
    "layers must be": [{"layers": q} for q in ("", "0", "m", "0n", "n2", "2.5", "2,3")],
    "observable must be one of zz, last, local, global, tfim": [{"observable": "zzz"}],
    "engine must be one of": [{"engine": "exact"}],
    "samples must be at least 2": [{"samples": 1}],
    "walks must be at least 64": [{"walks": 1}],
    "seed must be at least 0": [{"seed": -1}],
    "dtype must be one of float64, float32": [{"dtype": "float16"}],
    "device must be one": [{"device": "abacus"}, {"device": "meta"}],
    "parameter must be mean, max, all, or an index from 0 to 39": [
        {"parameter": p} for p in ("median", "40", "-1", "")
    ],
    "a rotation must be one of rx, ry, rz": [{"rotations": "ry,h"}, {"rotations": ""}],
    "entangler must be": [{"entangler": "swap"}],
    "topology must be": [{"topology": "star"}],
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_named(message):
    for arguments in BAD[message]:
        with pytest.raises((ValueError, TypeError)) as raised:
            Study(**arguments)
        assert str(raised.value).startswith(message) and "\n" not in str(raised.value), arguments
