"""Records of when, where and with what each chapter was last executed, in the notebook's own metadata."""

import datetime
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from qbp import _files

NAME = "qbp"  # of the record in a notebook's metadata
FIELDS = ("date", "seconds", "device", "processor", "instructions", "python", "torch", "numpy", "qbp")
NOT_COMPARED = re.compile(r"\b\d+\.\d s\b|\bat 0x[0-9a-f]+\b")  # as tests/nbval.cfg has it
_NUMBER = re.compile(r"(?<![\w.])[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
_TEXTS = ("text/plain", "application/papermill.record/text/plain")  # the second: of a glued number


def record(notebook: Any, seconds: float) -> dict[str, Any]:
    """Return when, where and with what a notebook was executed: here, just now.

    Args:
        notebook: of nbformat; its parameters may name a device.
        seconds: that it took.

    Returns:
        date (UTC, as 2026-01-31), seconds (whole ones), device, processor (its kind), instructions (those
        that torch uses), and the versions of python, torch, numpy and qbp.
    """
    import numpy as np
    import torch

    from qbp.experiments.result import resolve_device

    cells = (cell for cell in notebook.cells if "parameters" in str(cell.metadata.get("tags")))
    given = "\n".join(cell.source for cell in cells)
    devices = re.findall(r"^device = [\"'](\S+)[\"']", given, re.MULTILINE)  # the last one is papermill's
    found = (
        datetime.datetime.now(datetime.UTC).date().isoformat(),
        round(seconds),
        str(resolve_device(devices[-1] if devices else "cpu")),
        processor(),
        torch.backends.cpu.get_cpu_capability(),
        platform.python_version(),
        torch.__version__,
        np.__version__,
        version("qbp"),
    )
    return dict(zip(FIELDS, found, strict=True))


def keep(path: Path, seconds: float) -> None:
    """Write the record of a run that has just ended into its notebook."""
    import nbformat

    node = nbformat.read(path, as_version=4)
    node.metadata[NAME] = record(node, seconds)
    _files.write(path, nbformat.writes(node).encode())


def processor() -> str:
    """Return the kind of processor of this machine, as the system names it."""
    known = Path("/proc/cpuinfo")  # of Linux
    text = known.read_text("utf-8") if known.is_file() else ""
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return " ".join(named[1].split()) if named else platform.processor() or platform.machine()


def digits(notebook: Any) -> int:
    """Return how many digits the stored outputs of a notebook print that a second run must give again.

    Those of a time, as 1.2 s, and of an address do not count, nor do those of figures and of HTML, whose
    numbers stand in the text of the same output.

    Args:
        notebook: of nbformat.

    Example:
        >>> from nbformat.v4 import new_code_cell, new_notebook, new_output
        >>> digits(new_notebook(cells=[new_code_cell(outputs=[new_output("stream", text="0.125 in 1.5 s")])]))
        4
    """
    texts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            texts += [output.get("text", "")] + [output.get("data", {}).get(kind, "") for kind in _TEXTS]
    found = _NUMBER.findall(NOT_COMPARED.sub("", "\n".join(texts)))
    return sum(letter.isdecimal() for number in found for letter in number)


def stored(folder: Path) -> dict[str, str]:
    """Return the day of the last commit that changed each file of a folder, {name: day}; {} without git."""
    command = ["git", "-C", str(folder), "log", "--format=%x00%cs", "--name-only", "--relative", "--", "."]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    days: dict[str, str] = {}
    for commit in done.stdout.split("\0")[1:] if done.returncode == 0 else ():
        day, *names = commit.split("\n")
        days = {name: day for name in names if name} | days
    return days
