"""Registry of the remedies: a file each, one signature, a docstring that says it all; and a planted one."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pybtex.database import parse_file

from qbp.remedies.registry import FIELDS, FOLDERS, remedies, remedy

ROOT = Path(__file__).parents[2]
KEYS = set(parse_file(ROOT / "book" / "references.bib").entries)
PLANTED = '''"""Planted remedy."""

import torch

from qbp.remedies.lab import Lab, Steps
from qbp.remedies.steps import ETA, descend


def half_turns(lab: Lab, *, eta: float = ETA) -> Steps:
    """Start at pi / 2 everywhere.

    :When: never.
    :How: then Adam.
    :Options: eta.
    :Cost: free.
    :Source: grant2019.
    """
    return descend(lab, torch.full((lab.runs, lab.n_params), torch.pi / 2, dtype=lab.dtype), eta)
'''


def test_there_are_the_remedies_of_the_literature_and_of_the_paper():
    found = remedies()
    assert len(found) >= 20 and {r.folder for r in found.values()} == set(FOLDERS)
    asked = "no-init zero small-angle small-uniform reduced-domain identity beinit warm clifford layerwise "
    asked += (
        "local-global adiabatic adapt two-stage two-stage-plain levenberg bandit rotosolve fraxis natural "
    )
    asked += "natural-block adaptive-rate"
    assert set(asked.split()) <= set(found)
    assert not found["rotosolve"].rated and found["zero"].rated and found["adapt"].alone
    with pytest.raises(ValueError, match=r"method must be one of .*, got 'adiabatc'"):
        remedy("adiabatc")


@pytest.mark.parametrize("name", remedies())
def test_a_remedy_is_short_and_says_when_how_options_cost_and_source(name):
    found = remedies()[name]
    path = ROOT.joinpath(*found.train.__module__.split(".")).with_suffix(".py")
    assert len(path.read_text().splitlines()) <= 60
    words = found.words
    assert list(words) == ["Title", *FIELDS] and all(words.values())
    cited = re.findall(r"\b[a-z_]+(?:19|20)\d\d\b", words["Source"])
    assert cited and set(cited) <= KEYS


def test_a_file_more_is_a_remedy_more(tmp_path):
    shutil.copytree(ROOT / "qbp", tmp_path / "qbp", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "qbp" / "remedies" / "starts" / "half_turns.py").write_text(PLANTED)
    assert len(PLANTED.splitlines()) <= 40
    script = """
import json, sys
from qbp.cli.commands import main
from qbp.experiments.registry import REMEDIES
from qbp.results.store import core_of
from qbp.studies.tables import gridded
words = "run vqe --methods random,half-turns --qubits 2 --layers 2 --seeds 2 --steps 2 --device cpu --json"
status = main(words.split())
table = gridded()["remedies-tfim-exact"]
print(json.dumps([len(table.configs), core_of(REMEDIES.config(method="zero"))]))
sys.exit(status)
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1", "QBP_KERNEL": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    run, (cells, digest) = map(json.loads, done.stdout.splitlines())
    assert list(run["methods"]) == ["random", "half-turns"]
    assert len({m["evaluations"] for m in run["methods"].values()}) == 1
    from qbp.experiments.registry import REMEDIES
    from qbp.results.store import core_of

    assert cells == len(remedies()) + 1
    assert digest == core_of(REMEDIES.config(method="zero"))  # what the others computed stays theirs
