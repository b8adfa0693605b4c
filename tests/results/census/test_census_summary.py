"""Summaries of the census on a small table whose medians, rates and causes are known."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from qbp.results.census import summary


def row(circuit, family, qubits, log2, **more):
    """A row of the census with a mean variance of a standard error of a tenth of a bit."""
    high = math.nan if math.isnan(log2) else log2 + 0.196
    of = {"circuit": circuit, "source": "made up", "family": family, "qubits": qubits, "log2_mean": log2}
    of |= {"log2_mean_high": high, "observable": "neighbours", "shared": 0, "dead": 0.0, "cause": ""}
    return of | {"engine": "state vectors" if qubits <= 14 else "walks", "cause_bits": math.nan} | more


@pytest.fixture
def frame():
    falling = [row(f"f{n}", "falling", n, -1.0 * n) for n in (4, 6, 8, 10, 12)]
    flat = [row(f"l{n}", "flat", n, -3.0) for n in (4, 6, 8, 10, 12)]
    tied = [row(f"t{n}", "tied", n, -2.0 * n, shared=1) for n in (4, 6, 8, 10, 50, 101)]
    short = [row(f"s{n}", "short", n, -1.0) for n in (4, 6)] + [row("s8", "short", 8, math.nan)]
    return pd.DataFrame([*falling, *flat, *tied, *short])


def test_a_family_has_the_verdict_of_its_rate(frame):
    found = summary.decays(frame).set_index("family")
    assert set(found.index) == {"falling", "flat", "tied"}  # two sizes are no rate
    assert found["verdict"].to_dict() == {"falling": "plateau", "flat": "no plateau", "tied": "plateau"}
    assert found.loc["falling", "slope"] == pytest.approx(-1)
    assert found.loc["falling", "low"] < -1 < found.loc["falling", "high"]
    assert found.loc["tied", "sizes"] == 4 and found.loc["tied", "slope"] == pytest.approx(-2)
    counted = summary.verdicts(summary.decays(frame))
    assert counted.loc["neighbours"].tolist() == [2, 1, 0] and counted.loc["projector"].sum() == 0


def test_free_and_shared_angles_stand_on_no_common_line(frame):
    large = frame[(frame["family"] != "tied") | (frame["qubits"] > 8)]
    assert "tied" not in set(summary.decays(large)["family"])


def test_medians_quartiles_and_shots(frame):
    found = summary.medians(frame)
    small = found.loc["neighbours", "4 to 6"]
    assert (small["circuits"], small["resolved"]) == (8, 8)
    values = pd.Series([-4, -6, -3, -3, -8, -12, -1, -1.0])
    assert small["variance"] == values.median() and small["lower quartile"] == values.quantile(0.25)
    assert small["shots"] == pytest.approx(1.959964**2 * 2**3.5)
    assert found.loc["neighbours", "8 to 14"]["resolved"] == 8  # one of nine is not resolved
    assert found.loc["neighbours", "8 to 14"]["circuits"] == 9
    assert math.isnan(found.loc["projector", "4 to 6"]["variance"])


def test_causes_are_counted_by_observable(frame):
    frame.loc[:3, ["cause", "cause_bits"]] = ["depth", 2.0]
    frame.loc[4:5, ["cause", "cause_bits"]] = ["start-state", -1.0]
    found = summary.leading_causes(frame)
    assert found.index.tolist() == ["depth", "start-state"]
    assert found["neighbours"].tolist() == [4, 2] and found["effect"].tolist() == [2.0, -1.0]
    assert found["projector"].tolist() == [0, 0]


def test_an_ansatz_is_a_circuit_whose_source_names_parameters(frame):
    circuits = {name: SimpleNamespace(parameters=name.startswith("f")) for name in frame["circuit"]}
    assert set(summary.ansatze(frame, circuits)["family"]) == {"falling"}


def test_packages_are_counted():
    def circuit(source, family, qubits, parameters):
        named = {"source": source, "version": "1", "licence": "MIT", "family": family}
        return SimpleNamespace(**named, qubits=qubits, parameters=parameters)

    listed = [circuit("a", "x", 4, 2), circuit("a", "x", 8, 0), circuit("b", "y", 101, 3)]
    found = summary.packages(dict(enumerate(listed)))
    assert found.loc[("a", "1")].tolist() == ["MIT", 1, 2, 1, 4, 8]
    assert found.loc[("b", "1")].tolist() == ["MIT", 1, 1, 1, 101, 101]
