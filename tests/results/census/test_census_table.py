"""Table of the census: made in parts, written once, and found out where it was changed."""

import hashlib
import json

import collected
import pandas as pd
import pytest

from qbp.results import store
from qbp.results.census import check, table
from qbp.results.verify import verify


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("census")
    collected.write(folder, collected.SMALL)
    circuits = table.collection(folder).values()
    table.assemble(table.compute(circuits, folder / "parts").values(), folder)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    for name in ("census.parquet", "MANIFEST.json", "census-circuits.zip"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    return tmp_path


def change(folder, column, value, row=0):
    """Write another value, and a manifest that agrees with it."""
    frame = pd.read_parquet(folder / "census.parquet")
    frame.loc[row, column] = value
    frame.to_parquet(folder / "census.parquet", index=False)
    listed = store.manifest(folder)
    listed["census"]["sha256"] = hashlib.sha256((folder / "census.parquet").read_bytes()).hexdigest()
    (folder / "MANIFEST.json").write_text(json.dumps(listed))


def test_a_table_has_a_row_for_each_circuit_and_observable(made):
    frame = table.load(made)
    assert len(frame) == 6 and set(frame["circuit"]) == set(collected.SMALL)
    entry = store.manifest(made)["census"]
    assert entry["command"] == table.COMMAND and entry["core"] == table.core()
    causes = frame.set_index(["circuit", "observable"])["cause"]
    assert causes["tied", "neighbours"] == "start-state" and causes["product", "last qubit"] == ""


def test_a_second_run_goes_on_where_the_first_stopped(made):
    done = []
    paths = table.compute(table.collection(made).values(), made / "parts", done=done.append)
    assert done == [] and len(paths) == 2


def test_a_good_table_is_verified(folder):
    report = verify(folder, rows=20, seed=3)
    assert report.mismatches == [] and report.census == 4
    assert "4 rows of the census computed again" in str(report)


@pytest.mark.parametrize(
    "column, value, said",
    [
        ("log2_cost", -3.0, "log2_cost of"),
        ("rotations", 7, "rotations of"),
        ("sha256", "0" * 64, "sha256 of"),
        ("dead", 0.5, "dead of"),
        ("cause", "depth", "cause of"),
        ("cause_bits", 0.5, "cause_bits of"),
        ("core", "0" * 16, "made by other code"),
        ("circuit", "another", "is not in the collection"),
    ],
)
def test_a_changed_table_is_found(folder, column, value, said):
    for row in range(6):
        change(folder, column, value, row)
    found = check.recheck(folder, 6, 0).mismatches
    assert found and any(said in mismatch.message for mismatch in found)


def test_no_rows_are_computed_where_none_are_asked_for(folder):
    assert check.recheck(folder, 0, 0) == check.Rechecked(0, [])


def test_a_table_without_its_circuits_is_a_mismatch(folder):
    (folder / "census-circuits.zip").unlink()
    (found,) = check.recheck(folder, 1, 0).mismatches
    assert found.check == "file"
