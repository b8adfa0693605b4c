"""Rows of the census against closed forms, and the two engines beside each other."""

import math
import time

import collected
import numpy as np
import pytest

from qbp.results.census import agreement, collection, rows


@pytest.fixture
def small(tmp_path):
    more = {"wide": (collected.product(16, "ry"), 16, 16)}
    collected.write(tmp_path, collected.SMALL | more)
    return collection.read_collection(tmp_path / collection.FILE)


def test_a_product_circuit_has_its_closed_form(small):
    row = rows.measure(small["product"], "projector")
    exact = math.log2((3 / 8) ** 2 / 8)  # Cerezo et al. 2021
    assert row["engine"] == "state vectors" and row["samples"] == rows.MOST and not row["note"]
    assert abs(row["log2_mean"] - exact) < 2 * (row["log2_mean_high"] - row["log2_mean_low"])
    assert row["log2_mean_low"] < row["log2_mean"] < row["log2_mean_high"]
    cost = math.log2((3 / 8) ** 3 - 1 / 64)
    assert abs(row["log2_cost"] - cost) < 2 * (row["log2_cost_high"] - row["log2_cost_low"])
    assert row["dead"] == row["unresolved"] == 0 and row["log2_q05"] <= row["log2_median"] <= row["log2_q95"]


def test_a_wide_circuit_is_walked_and_knows_its_dead_parameters(small):
    row = rows.measure(small["wide"], "last qubit")
    assert row["engine"] == "walks of the untied circuit" and row["dead"] == 15 / 16
    assert row["log2_cost"] == pytest.approx(-1, abs=0.05)
    assert row["log2_median"] == pytest.approx(-1, abs=0.05) and row["unresolved"] == 0


def test_shared_angles_are_counted_and_kept_tied(small):
    row = rows.measure(small["tied"], "last qubit")
    assert (row["parameters"], row["shared"], row["rotations"]) == (1, 1, 4)
    assert row["log2_mean"] == pytest.approx(-1, abs=0.3)  # cos(a) on the last qubit


def test_a_row_says_why_it_has_no_numbers(small, monkeypatch):
    def late(*arguments):
        raise TimeoutError("over 60 s")

    monkeypatch.setattr(rows, "estimate", late)
    row = rows.measure(small["product"], "neighbours")
    assert row["note"] == "over 60 s" and math.isnan(row["log2_mean"]) and row["circuit"] == "product"


def test_the_cause_is_the_change_that_moves_the_variance_most(small):
    row = rows.measure(small["wide"], "projector")
    local = 15 * math.log2(8 / 3) - 2 * math.log2(16)  # (3/8)^15 / 8 against 1 / (8 * 16^2)
    assert row["cause"] == "global-observable" and row["cause_note"] == ""
    assert row["cause_low"] < local < row["cause_high"] and row["cause_low"] < row["cause_bits"]


def test_a_row_says_why_it_has_no_cause_and_keeps_its_numbers(small, monkeypatch):
    def late(*arguments):
        raise ValueError("no engine serves it")

    monkeypatch.setattr(rows, "cause", late)
    row = rows.measure(small["product"], "last qubit")
    assert row["cause_note"] == "no engine serves it" and row["cause"] == "" and not row["note"]
    assert row["log2_mean"] < 0 and math.isnan(row["cause_bits"])


def test_what_takes_too_long_is_stopped():
    with pytest.raises(TimeoutError, match="over 1 s"), rows.limit(1):
        while time.process_time() < time.process_time() + 1:
            pass


def test_the_engines_agree_on_untied_circuits(small):
    found = agreement.compare_engines(small.values(), samples=1000, walks=2**12)
    assert set(found.circuits) == {f"{n}, {k}" for n in ("product", "tied") for k in agreement.KINDS}
    assert abs(found.z).max() < 5 and not found.refused and "parameters of 4" in str(found)


def test_an_agreement_is_kept_as_numbers(small, tmp_path):
    found = agreement.Agreement(np.array([0.5, -2.5, 1.0, 0.0]), {"a": 2.5}, [], {"b": "why"})
    agreement.save(found, tmp_path)
    kept = agreement.load(tmp_path)
    assert kept == found.numbers() and kept["inside"] == 0.75 and kept["largest"] == 2.5
    assert (kept["parameters"], kept["pairs"], kept["disagree"], kept["refused"]) == (4, 1, 0, 1)
    with pytest.raises(ValueError, match=r"directory must have census-agreement\.json"):
        agreement.load(tmp_path / "none")
