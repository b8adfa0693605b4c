"""The process `qbp`: quick help, closed streams, a missing environment; each in a process of its own."""

import io
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from said import Said

import qbp
from qbp.cli import entry

ROOT = Path(__file__).parents[2]


def process(*words, shell=""):
    """`python -m qbp` with some words, in a shell that may redirect."""
    line = f"exec {sys.executable} -m qbp {' '.join(words)} {shell}"
    return subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("words", ["--help", "--version", "", "walk", "claims --help", "run --save="])
def test_help_and_version_load_no_torch_and_take_no_time(words):
    code = (
        "import sys\nfrom qbp.cli.entry import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(*sorted({'torch', 'numpy', 'scipy', 'pandas'} & {*sys.modules}), file=sys.stderr)"
    )
    heavy = words.startswith("run")  # its options are fields of configurations
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *words.split()], capture_output=True, text=True, cwd=ROOT
    )
    took = time.perf_counter() - began
    assert ("torch" in done.stderr.splitlines()[-1]) == heavy, done.stderr
    assert heavy or took < 3  # about 0.1 s on an idle core


def test_qbp_alone_prints_the_help():
    found, help = process(), process("--help")
    assert (found.returncode, found.stdout, found.stderr) == (
        0,
        help.stdout,
        "",
    ) and "COMMAND" in found.stdout
    version = process("--version")
    assert (version.returncode, version.stdout, version.stderr) == (0, f"qbp {qbp.__version__}\n", "")


def test_a_command_that_does_not_exist_is_asked_for_by_its_near_name():
    found = process("variannce")
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("qbp: error: COMMAND must be one of run, variance, ")
    assert "got 'variannce'; did you mean 'variance'?" in found.stderr


def test_python_m_is_the_command():
    found = process("info")
    assert found.returncode == 0 and found.stdout == Said("info").out


@pytest.mark.parametrize("shell", [">&-", "| head -0; exit ${PIPESTATUS[0]}", "2>&- >&-"])
@pytest.mark.parametrize("words", ["info", "--help"])
def test_a_standard_output_that_is_closed_ends_quietly(words, shell):
    line = f"{sys.executable} -m qbp {words} {shell}"
    found = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True)
    news = [
        line for line in found.stderr.splitlines() if not line.startswith("qbp: compiling")
    ]  # a first time
    assert (found.returncode, found.stdout, news) == (0, "", [])


class FullDisk(io.StringIO):
    """A standard output on a disk that is full, until it is replaced."""

    full = True

    def __init__(self, file):
        super().__init__()
        self.fileno = file.fileno

    def flush(self):
        if self.full:
            raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("words", "prog"), [(["info"], "qbp info"), ([], "qbp")])
def test_a_full_disk_is_one_line(words, prog, monkeypatch, capsys, tmp_path):
    with (tmp_path / "out").open("w") as file, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", FullDisk(file))
        patched.setattr(FullDisk, "full", True)
        patched.setattr(os, "dup2", lambda new, old: setattr(FullDisk, "full", False))  # what is left is lost
        status = entry.main(words)
    assert (status, capsys.readouterr().err) == (2, f"{prog}: error: No space left on device\n")


def test_a_missing_package_says_what_to_do(tmp_path):
    """An interpreter without torch: one whose path to packages is left out."""
    shutil.copytree(ROOT / "qbp", tmp_path / "qbp", ignore=shutil.ignore_patterns("__pycache__"))
    words = [sys.executable, "-S", "-m", "qbp", "run", "curve"]
    found = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert (found.returncode, found.stdout, found.stderr.count("\n")) == (2, "", 1), found.stderr
    assert "is not installed for" in found.stderr and "`make install`" in found.stderr
    assert subprocess.run([*words[:4], "--version"], cwd=tmp_path, capture_output=True).returncode == 0
