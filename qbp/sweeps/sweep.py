"""Runs of a sweep: those that are not done are computed, and each is kept as soon as it comes.

The process that began the sweep writes all files, and one at a time may; workers need no common folder.
"""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from qbp import _files
from qbp._files import printable
from qbp.sweeps import shards
from qbp.sweeps.axes import Plan, Run
from qbp.sweeps.cluster import Place, computed
from qbp.sweeps.notebook import Ran, execute

LEFTOVER = ".*.new"  # of a write that was killed


@dataclass(frozen=True)
class Swept:
    """What a sweep has done.

    Attributes:
        done: runs that were computed now.
        before: runs that were there.
        failed: {run: the cell and the error line}; its notebook is kept beside, as far as it came.
    """

    done: list[Run] = field(default_factory=list)
    before: list[Run] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def sweep(
    plan: Plan,
    folder: Path,
    place: Place | None = None,
    *,
    fresh: bool = False,
    allow_mixed: bool = False,
    say: Callable[[str], None] | None = None,
) -> Swept:
    """Compute the runs of a plan that are not done yet.

    Args:
        plan: the runs, of :func:`qbp.sweeps.axes.plan`.
        folder: where their notebooks and rows are; an interrupted sweep goes on there.
        place: where they are computed (default two processes of this machine).
        fresh: compute anew what other code has computed.
        allow_mixed: take what other code has computed.
        say: told what happens, a line at a time; by default standard error, beside a bar.

    Raises:
        ValueError: the folder cannot be written, or holds runs of other code and nobody said what to do.
        OSError: another sweep is at work there; the disk is full; the scheduler is gone.  What is finished
            is kept.
        KeyboardInterrupt: as pressed; what is finished is kept.

    Example:
        >>> from qbp.sweeps.axes import plan
        >>> plan("curve", ["seeds=5", "steps=100:200:50"]).runs[1].given
        {'seeds': 5, 'steps': 150}
    """
    place = place or Place()
    _files.probe("--out", folder)
    with _files.locked(folder, seconds=0):
        for left in folder.glob(LEFTOVER):
            left.unlink(missing_ok=True)
        bar = Progress(len(plan.runs), say)
        with bar:
            swept = Swept()
            todo = _todo(plan, folder, swept, bar, fresh=fresh, allow_mixed=allow_mixed)
            if todo:
                _compute(plan, folder, place, todo, swept, bar)
    return swept


def _todo(plan: Plan, folder: Path, swept: Swept, bar: "Progress", *, fresh: bool, allow_mixed: bool) -> list:
    """Return the runs that are not done; files that are not what they should be are set aside."""
    todo, other = list[Run](), set[str]()
    for run in plan.runs:
        path = shards.rows_path(folder, run)
        try:
            code = shards.state(folder, run)
        except ValueError as error:
            aside = path.with_name(f"{path.name}.{time.time_ns()}.bad")
            path.replace(aside)
            bar.say(printable(f"{path} {error}: it is computed again, and kept as {aside.name}"))
            code = None
        foreign = code not in (None, plan.code)
        other |= {code} if foreign and code else set()
        if code is None or (foreign and not allow_mixed):
            todo.append(run)
        else:
            swept.before.append(run)
            bar.skip()
    if other and not (fresh or allow_mixed):
        raise ValueError(
            f"{folder} has runs of other code (core {', '.join(sorted(other))}, now {plan.code}): "
            "--fresh computes them again, --allow-mixed takes them as they are"
        )
    return todo


def _compute(plan: Plan, folder: Path, place: Place, todo: list[Run], swept: Swept, bar: "Progress") -> None:
    work = [(run, (plan.source, run.given, str(plan.path.parent), plan.code)) for run in todo]
    with computed(execute, work, place, say=bar.say) as finished:
        for run, found in finished:
            error = found.error if isinstance(found, Ran) else _in_words(found)
            if isinstance(found, Ran):
                _keep(folder, run, found, plan.code)
            if error:
                swept.failed[str(run)] = error
                bar.done(f"failed: {run}: {error}")
            else:
                swept.done.append(run)
                bar.done(f"{run}  {found.seconds:.1f} s")


def _keep(folder: Path, run: Run, ran: Ran, code: str) -> None:
    try:
        shards.keep(folder, run, ran, code)
    except OSError as error:
        said = f"{folder} cannot be written ({error.strerror or error}): {run} is computed and lost"
        raise ValueError(f"{said}; what was finished before is kept, and the same command goes on") from error


def _in_words(error: Any) -> str:
    return " ".join(f"{error}".split()) or type(error).__name__


class Progress(AbstractContextManager["Progress"]):
    """A bar on a terminal, else a line per run, both on standard error, with counts and the time left.

    Args:
        total: number of runs.
        say: told each line instead.
    """

    def __init__(self, total: int, say: Callable[[str], None] | None = None) -> None:
        from tqdm import tqdm

        self._total, self._count, self._new, self._began = total, 0, 0, time.perf_counter()
        hidden = True if say else None  # None: where there is no terminal
        self._bar = partial(tqdm, total=total, unit="run", disable=hidden, file=sys.stderr)()
        self._say = say or partial(self._bar.write, file=sys.stderr)

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def say(self, text: str) -> None:
        """Say a line."""
        self._say(text)
        sys.stderr.flush()

    def skip(self) -> None:
        """Count a run that was done before."""
        self._count += 1
        self._bar.update()

    def done(self, what: str) -> None:
        """Count a run, and say so where no bar shows it; a failure in any case."""
        self._count, self._new = self._count + 1, self._new + 1
        left = (time.perf_counter() - self._began) / self._new * (self._total - self._count)
        if self._bar.disable or what.startswith("failed"):
            self.say(f"[{self._count}/{self._total}] about {_duration(left)} left: {printable(what)}")
        self._bar.update()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
