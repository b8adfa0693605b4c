"""Computation of the tables: every configuration once, in the background, going on where it stopped.

A finished configuration is a file of its own under the digest of the code that computed it, so nothing that
is done is lost or mistaken for the work of other code.  A table is put together from these parts.
"""

import contextlib
import multiprocessing
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from qbp import _checks
from qbp.baseline.waves import WaveConfig
from qbp.experiments import registry
from qbp.experiments.registry import run
from qbp.perceptrons.mlp import MLP
from qbp.results import store
from qbp.results.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from qbp.experiments.perceptrons import Experiment

SHAPES = {"curve": (1, 1, 3, 2), "telecom": (12, 1, 1024, 256), "mnist": (784, 10, 2000, 3000)}  # in, out, n


def seconds(config: "Experiment") -> float:
    """Estimate what a configuration takes on one core of a laptop, to order and announce the work."""
    if own := registry.of(config.experiment).seconds:
        return own(config)
    n_in, n_out, train, val = SHAPES[config.experiment]
    train, val = (config.points, config.points) if config.experiment == "curve" else (train, val)
    train = 10 * config.per_class if config.per_class else train
    size, c = MLP(n_in, config.n_hidden, n_out, config.n_layers).n_params, config.algorithm
    step = 5e-5 * (1 + config.n_layers) + 6e-8 * size * (0.5 + min(config.batch_size, train) / 32)
    if isinstance(c, WaveConfig):
        step += size * (2.6e-6 * c.points / 64 if c.form == "wave" else 1.1e-7)
    units = (train + val) * config.n_hidden * config.n_layers
    record = 2.2e-8 * units + 2e-11 * (3 * train + val) * size
    return config.seeds * (config.steps * step + (config.steps / config.record_every + 2) * record)


def _cores() -> dict[str, str]:
    """Return {experiment: digest of the code that runs it}."""
    return {name: store.core_digest(kind) for name, kind in registry.KINDS.items()}


@dataclass(frozen=True)
class Parts:
    """The folder of finished configurations.

    Attributes:
        folder: holds one folder per digest of the core.
        core: digest of the code at hand, as it was when the grid began; by default that of each kind of
            experiment.
        allow_mixed: take what other code computed where this code has not.
        fresh: compute anew what only other code has computed.
    """

    folder: Path
    core: str | None = None
    allow_mixed: bool = False
    fresh: bool = False
    _cores: Mapping[str, str] = field(default_factory=_cores, init=False, repr=False)

    def path(self, config: "Experiment") -> Path:
        """Return where a configuration goes that this code has computed."""
        seeds = f"{config.seed}-{config.run_seeds[-1]}"
        core = self.core or self._cores[config.experiment]
        return self.folder / core / f"{store.key(config)}.{seeds}.parquet"

    def find(self, config: "Experiment") -> Path | None:
        """Return the file of a configuration, None if there is none that may be used."""
        own = self.path(config)
        if own.is_file():
            return own
        others = sorted(self.folder.glob(f"*/{own.name}"), key=lambda path: path.stat().st_mtime)
        return others[-1] if others and self.allow_mixed else None

    def check(self, configs: Iterable["Experiment"]) -> None:
        """Raise ValueError if other code has computed what this code has not, and nobody said what to do."""
        if self.fresh or self.allow_mixed:
            return
        lacking = [path for c in configs if not (path := self.path(c)).is_file()]
        other = {path.parent.name for own in lacking for path in self.folder.glob(f"*/{own.name}")}
        if other:
            now = ", ".join(sorted({own.parent.name for own in lacking}))
            raise ValueError(
                f"{self.folder} has configurations from other code (core {', '.join(sorted(other))}, now "
                f"{now}): --fresh computes them again, --allow-mixed takes them as they are"
            )


def compute(
    configs: Iterable["Experiment"],
    parts: Parts,
    *,
    jobs: int = 1,
    done: Callable[["Experiment"], Any] = lambda config: None,
) -> dict[str, Exception]:
    """Compute the configurations that have no file yet.

    Args:
        configs: what to compute, in this order.
        parts: where the finished ones go, each written whole or not at all.
        jobs: processes, one thread each; 1 computes in this one.
        done: called with each configuration that is finished.

    Returns:
        {command: error} of those that failed; the others are done.

    Raises:
        ValueError: there are files from other code, see :class:`Parts`.
        KeyboardInterrupt: as pressed; what is finished is kept.
    """
    _checks.integer("jobs", jobs)
    configs = list(configs)
    parts.check(configs)
    todo = [c for c in configs if parts.find(c) is None]
    failed = {}
    with _executed(todo, parts, jobs) as finished:
        for config, error in finished:
            if error is None:
                done(config)
            else:
                failed[store.command(config)] = error
    return failed


@contextlib.contextmanager
def _executed(
    todo: list["Experiment"], parts: Parts, jobs: int
) -> Iterator[Iterator[tuple["Experiment", Exception | None]]]:
    if jobs == 1:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield ((config, _attempt(config, parts.path(config))) for config in todo)
        finally:
            torch.set_num_threads(threads)
        return
    before = set(multiprocessing.active_children())
    # Spawned, not forked: a copy of a process whose torch has threads may hang.
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_become_worker)
    try:
        futures = {pool.submit(_attempt, config, parts.path(config)): config for config in todo}
        yield ((futures[future], future.result()) for future in as_completed(futures))
        pool.shutdown()
    except BaseException:  # Ctrl-C too: what runs now is dropped, at once
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in set(multiprocessing.active_children()) - before:
            worker.terminate()
        raise


def _become_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    torch.set_num_threads(1)


def _attempt(config: "Experiment", path: Path) -> Exception | None:
    """Run one configuration and write its part; return the error if there was one."""
    try:
        frame, buffer = store.to_frame(run(config), core=path.parent.name), BytesIO()
        frame.to_parquet(buffer, index=False, compression="zstd")
        path.parent.mkdir(parents=True, exist_ok=True)
        store.write(path, buffer.getvalue())
    except Exception as error:
        return error
    return None


def assemble(name: str, table: Table, parts: Parts, *, command: str, directory: Path) -> Path | None:
    """Put a table together from its parts and write it; None if a part is not there yet."""
    paths = [parts.find(config) for config in table.configs.values()]
    there = [path for path in paths if path is not None]
    if len(there) < len(paths):
        return None
    frames = [_read(path, table.metrics) for path in there]
    return store.save_frames(name, frames, command=command, target=table.target, directory=directory)


def _read(path: Path, metrics: tuple[str, ...] | None) -> "pd.DataFrame":
    import pandas as pd

    frame = pd.read_parquet(path)
    if metrics is None:
        return frame
    kept = frame[frame["metric"].isin([*metrics, "diverged"])]
    kept.attrs = frame.attrs
    return kept


def run_grid(
    tables: Mapping[str, Table],
    parts: Parts,
    *,
    jobs: int,
    options: str,
    directory: Path,
) -> dict[str, Exception]:
    """Compute tables one after another, each written as soon as its last configuration is done.

    Args:
        tables: {name: table}.
        parts, jobs: as in :func:`compute`.
        options: what to add to `qbp grid NAME` in the manifest.
        directory: the results folder.

    Returns:
        {command: error} of the configurations that failed.
    """
    # Longest first within a table, so that no worker waits long for another; a key may be in two tables.
    ordered = [c for t in tables.values() for c in sorted(t.configs.values(), key=seconds, reverse=True)]
    unique = list({parts.path(c): c for c in ordered}.values())
    parts.check(unique)
    missing = [c for c in unique if parts.find(c) is None]
    waiting = dict(tables)

    def write_finished() -> None:
        for name in [n for n, t in waiting.items() if all(map(parts.find, t.configs.values()))]:
            words = " ".join(["qbp grid", name, *shlex.split(options)])
            assemble(name, waiting.pop(name), parts, command=words, directory=directory)
            bar.say(f"wrote {directory / name}.parquet")

    with _Progress(missing, jobs) as bar:
        write_finished()

        def done(config: "Experiment") -> None:
            bar.done(config)
            write_finished()

        return compute(unique, parts, jobs=jobs, done=done)


class _Progress:
    """A bar on a terminal, else a line per configuration, both on standard error and with the time left."""

    def __init__(self, configs: list["Experiment"], jobs: int) -> None:
        from tqdm import tqdm

        self._total, self._count = len(configs), 0
        self._work, self._ready = sum(map(seconds, configs)), 0.0
        self._began = time.perf_counter()
        form = "{l_bar}{bar}| {n:.0f}/{total:.0f} s of work [{elapsed}<{remaining}{postfix}]"
        self._bar = partial(tqdm, total=self._work, bar_format=form, disable=None, file=sys.stderr)()

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def say(self, text: str) -> None:
        self._bar.write(text, file=sys.stderr)

    def done(self, config: "Experiment") -> None:
        self._count, self._ready = self._count + 1, self._ready + seconds(config)
        left = (time.perf_counter() - self._began) * (self._work / self._ready - 1)
        words = store.command(config).removeprefix("qbp run ")
        if self._bar.disable:
            self.say(f"[{self._count}/{self._total}] about {left / 60:.0f} min left: {words}")
        else:
            self._bar.set_postfix_str(f"{self._count}/{self._total}")
            self._bar.update(seconds(config))


def listing(tables: Mapping[str, Table], jobs: int) -> str:
    """Return what there is to compute, a line per table: configurations, runs, estimated minutes."""
    lines, whole = [("table", "configs", "runs", "minutes", "target")], 0.0
    for name, table in tables.items():
        configs = list(table.configs.values())
        minutes = sum(map(seconds, configs)) / 60 / jobs
        whole += minutes
        lines.append(
            (name, str(len(configs)), str(sum(c.seeds for c in configs)), f"{minutes:.1f}", table.target)
        )
    lines.append(("all", "", "", f"{whole:.0f}", f"with {jobs} processes"))
    return "\n".join(f"{a:<24}{b:>8}{c:>8}{d:>9}  {e}" for a, b, c, d, e in lines)
