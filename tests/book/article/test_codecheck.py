"""List of outputs: codecheck.yml has what is committed, and each of its commands is one that there is."""

import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from qbp.book.article import codecheck
from qbp.cli import arguments
from qbp.results.store import ROOT

LISTED = yaml.safe_load((ROOT / codecheck.FILE).read_text("utf-8"))
COMMANDS = sorted({one["command"] for one in LISTED["manifest"]})


def test_the_list_is_the_one_that_is_written():
    assert (ROOT / codecheck.FILE).read_text("utf-8") == codecheck.text(), "run `make codecheck`"


def test_every_committed_output_is_listed_once_and_nothing_else():
    said = subprocess.run(
        ["git", "ls-files", "results", "book/*.ipynb"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    listed = [one["file"] for one in LISTED["manifest"]]
    assert sorted(listed) == sorted(set(said) - {"results/MANIFEST.json"})  # which lists the tables itself


def test_every_entry_says_what_it_holds():
    assert all(one["comment"].strip() for one in LISTED["manifest"])
    assert LISTED["version"].startswith("https://codecheck.org.uk/spec/config/1.")
    assert LISTED["paper"]["title"] and LISTED["paper"]["reference"].startswith("https://")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_parses(command):
    program, *words = shlex.split(command)
    if program == "qbp":
        assert arguments.parser().parse_args(words).name == words[0]
    elif program == "papermill":
        assert (ROOT / words[0]).suffix == ".ipynb" and (ROOT / words[0]).exists() and len(words) == 2
    else:
        assert (program, words[0]) == ("python", "-m")
        module = ROOT.joinpath(*words[1].split("."))
        assert module.with_suffix(".py").exists() or Path(module, "__main__.py").exists()
