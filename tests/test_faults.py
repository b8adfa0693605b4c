"""The list of planted faults: each can be planted, and the runner tells a caught one from a missed one."""

import queue

import faults
import pytest

PLACES = {
    "method", "kernel", "walks", "shots", "noise", "statistics", "verdicts", "store", "verify", "algebra",
    "start ensembles", "interchange", "sweeps", "grader", "figures",
}  # fmt: skip


@pytest.mark.parametrize("fault", faults.entries(), ids=lambda fault: fault["name"])
def test_a_fault_can_be_planted_and_its_tests_exist(fault):
    assert faults.planted(fault, (faults.ROOT / fault["file"]).read_text())
    for node in fault["caught_by"]:
        path, _, name = node.partition("::")
        if "/" in path:
            assert name.partition("[")[0] in (faults.ROOT / path).read_text()


def test_a_sample_is_drawn_by_its_seed_and_reaches_every_fault():
    every = faults.entries()
    drawn = [faults.chosen(every, "", 5, seed) for seed in range(200)]
    assert all(len({fault["name"] for fault in some}) == 5 for some in drawn)
    assert drawn[7] == faults.chosen(every, "", 5, 7) != drawn[8]
    assert {fault["name"] for some in drawn for fault in some} == {fault["name"] for fault in every}
    assert faults.chosen(every, "", None, 0) == faults.chosen(every, "", 10**6, 0) == every
    assert {fault["name"] for fault in faults.chosen(every, "method: ", 2, 0)} <= {f["name"] for f in every}


def test_the_faults_spread_over_what_is_computed():
    about = [fault["name"].partition(":")[0] for fault in faults.entries()]
    assert len(about) >= 60 and len(set(about)) == len(set(about) | PLACES)


def test_the_runner_tells_a_caught_fault_from_a_missed_one(tmp_path):
    (tmp_path / "half.py").write_text("def half(x):\n    return x / 2\n")
    (tmp_path / "test_half.py").write_text(
        "from half import half\ndef test_half():\n    assert half(4) == 2\n"
    )
    fault = {"name": "half", "file": "half.py", "old": "x / 2", "new": "x / 3", "caught_by": ["test_half.py"]}
    copies = queue.Queue()
    copies.put(tmp_path)
    assert faults.judge(fault, copies) == "caught"
    assert faults.judge(fault | {"new": "x * 0.5"}, copies) == "missed"
    assert "x / 2" in (tmp_path / "half.py").read_text()
    with pytest.raises(ValueError, match="stands 0 times"):
        faults.judge(fault | {"old": "x / 7"}, copies)
