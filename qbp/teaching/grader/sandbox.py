"""Sandbox of submissions: each runs in its own processes, with limits on time, memory, files and output.

What holds depends on the system; :mod:`qbp.teaching.grader.walls` tries it and has it in words.  Linux with
namespaces, as root or not, hides every file but Python, the package and the folder of the run, makes those
read-only, and has no network.  Nowhere does it hold against code that wants its own points: student and tests
share a kernel, so a cell can read the hidden tests once they run, print them, and fake the score of its own
lab.  It reaches nobody else's.  Read what looks too good.
"""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from qbp import _checks
from qbp.teaching.grader import jail, processes, walls
from qbp.teaching.grader.jail import Jail

UNPROTECTED = (
    "A cell can read the hidden tests of its own lab while they run, and fake the score of its own lab: "
    "read what looks too good."
)
_START = 180.0  # seconds for the processes to start, beside the time of the lab


@dataclass(frozen=True)
class Limits:
    """Limits of one lab of one student.

    Attributes:
        minutes: wall clock of the lab.
        seconds: wall clock of a cell that does not say more.
        memory: in GB (2^30 bytes), of the kernel with its children; Python with torch takes 1.1 of it.
        output: bytes of output of one cell.
        disk: in MB (2^20 bytes), files of the lab.
    """

    minutes: float = 5
    seconds: float = 60
    memory: float = 3
    output: int = 500_000
    disk: int = 200

    def __post_init__(self) -> None:
        for name in ("minutes", "seconds", "memory"):
            _checks.number(name, getattr(self, name), low=0, strict=True)
        for name in ("output", "disk"):
            _checks.integer(name, getattr(self, name))


@dataclass(frozen=True)
class Executed:
    """What became of the code cells of a notebook.

    Attributes:
        outputs: of each cell, as nbformat has them.
        stopped: {index of a cell: why it was stopped or not run}.
        seconds: wall clock, with starting and ending.
        failure: why nothing came back, empty if something did.
    """

    outputs: list[list[dict[str, Any]]]
    stopped: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    failure: str = ""


class Sandbox:
    """Runs of notebooks, one after the other or several at a time from threads.

    Args:
        limits: of each run.
        kind: the walls, one of ``jail.KINDS``; by default the best that works here.
    """

    def __init__(self, limits: Limits | None = None, kind: str | None = None) -> None:
        self.limits = limits or Limits()
        self.kind = _checks.choice("kind", kind, jail.KINDS) if kind is not None else walls.protection()
        self._stop = threading.Event()

    def stop(self) -> None:
        """End every run now, and start no other."""
        self._stop.set()

    def run(self, cells: Sequence[str], seconds: Mapping[int, float] | None = None) -> Executed:
        """Run the code cells of one notebook in a fresh kernel.

        Args:
            cells: their sources, in order.
            seconds: {index: what a cell needs} where that is more than others have.

        Returns:
            What came out, whatever they did.
        """
        start = time.monotonic()
        with walls.folder() as base:
            own = [(seconds or {}).get(i, self.limits.seconds) for i in range(len(cells))]
            self._write(base, cells, own)
            failure = self._wait(base)
            found = _done(base, len(cells))
            spent = time.monotonic() - start
            if found is None:
                return Executed([[] for _ in cells], {}, spent, failure or _last_words(base))
            return Executed(*found, spent)

    def _write(self, base: Path, cells: Sequence[str], seconds: Sequence[float]) -> None:
        run, lim = base / "run", self.limits
        walls.fill(run)
        spec = Jail(
            self.kind,
            str(run),
            str(base / "root"),
            walls.readable(),
            memory=int(lim.memory * 2**30),
            seconds=int(lim.minutes * 60) + 120,
            env=walls.environment(run),
        )
        walls.private(base / "jail.json", asdict(spec))
        job = {
            "cells": list(cells),
            "seconds": list(seconds),
            "lab_seconds": lim.minutes * 60,
            "output": lim.output,
            "memory": spec.memory,
            "disk": lim.disk * 2**20,
            "folder": str(run),
            "jail": walls.command(base / "jail.json"),
            "env": spec.env,
        }
        walls.private(base / "job.json", job)

    def _wait(self, base: Path) -> str:
        """Let a process run the job; return why it had to be ended, if it had."""
        words = [sys.executable, "-m", "qbp.teaching.grader.execution", str(base / "job.json")]
        end = time.monotonic() + self.limits.minutes * 60 + _START
        with (base / "log").open("wb") as log:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=walls.ours(),
            )
            try:
                while process.poll() is None:
                    if self._stop.is_set():
                        return "interrupted"
                    if time.monotonic() > end:
                        return "it did not end in time"
                    time.sleep(0.05)
                return ""
            finally:
                _end(process)


def _done(base: Path, n_cells: int) -> tuple[list[list[dict[str, Any]]], dict[int, str]] | None:
    """Return outputs and stopped cells, if the job came to an end."""
    path = base / "done.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text("utf-8"))
    assert len(found["outputs"]) == n_cells
    return found["outputs"], {int(index): reason for index, reason in found["stopped"].items()}


def _last_words(base: Path) -> str:
    """Return the last line that the processes wrote."""
    for name in ("kernel.log", "log"):
        if (base / name).exists():
            with (base / name).open("rb") as file:
                file.seek(max(0, (base / name).stat().st_size - 2000))
                if lines := file.read().decode("utf-8", "replace").strip().splitlines():
                    return f"the kernel could not run: {lines[-1]}"
    return "the kernel could not run"


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process with all that it started; it does so itself when it is asked to."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
    if process.poll() is None:  # it does not answer
        processes.kill_children(process.pid)
        process.kill()
        process.wait()
