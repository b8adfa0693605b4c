"""Computation of the tables: every configuration once, in the background, going on where it stopped.

A finished configuration is a file of its own under the digest of the code that computed it, so nothing that
is done is lost or mistaken for the work of other code.  A table is put together from these parts.
"""

import contextlib
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from qbp import _checks, _files
from qbp.experiments.registry import run
from qbp.results import integrity, store, workers
from qbp.results.reading import parquet
from qbp.results.table import Table, seconds

if TYPE_CHECKING:
    import pandas as pd

    from qbp.experiments.perceptrons import Experiment


@dataclass(frozen=True)
class Parts:
    """The folder of finished configurations.

    Attributes:
        folder: holds one folder per digest of the core.
        core: digest of the code at hand, as it was when the grid began; by default that of each
            configuration.
        allow_mixed: take what other code computed where this code has not.
        fresh: compute anew what only other code has computed.
    """

    folder: Path
    core: str | None = None
    allow_mixed: bool = False
    fresh: bool = False

    def path(self, config: "Experiment") -> Path:
        """Return where a configuration goes that this code has computed."""
        seeds = f"{config.seed}-{config.run_seeds[-1]}"
        core = self.core or store.core_of(config)  # kept from the first time on
        return self.folder / core / f"{store.key(config)}.{seeds}.parquet"

    def find(self, config: "Experiment") -> Path | None:
        """Return the file of a configuration, None if there is none that may be used."""
        own = self.path(config)
        if own.is_file():
            return own
        others = sorted(self.folder.glob(f"*/{own.name}"), key=lambda path: path.stat().st_mtime)
        return others[-1] if others and self.allow_mixed else None

    def check(self, configs: Iterable["Experiment"]) -> None:
        """Set aside the files that do not hold what they should, each with a line that says so.

        Raises:
            ValueError: the folder cannot be written, or other code has computed what this code has not, and
                nobody said what to do.
        """
        _files.probe("--parts", self.folder)
        lacking = []
        for config in configs:
            while (path := self.find(config)) is not None and (wrong := _wrong(path, config)):
                aside = path.with_name(f"{path.name}.{time.time_ns()}.bad")
                path.replace(aside)
                said = f"{path} {wrong}: it is computed again, and kept as {aside.name}"
                print(_files.printable(said), file=sys.stderr)
            lacking += [self.path(config)] if path is None else []
        other = {path.parent.name for own in lacking for path in self.folder.glob(f"*/{own.name}")}
        if other and not (self.fresh or self.allow_mixed):
            now = ", ".join(sorted({own.parent.name for own in lacking}))
            raise ValueError(
                f"{self.folder} has configurations from other code (core {', '.join(sorted(other))}, now "
                f"{now}): --fresh computes them again, --allow-mixed takes them as they are"
            )


def _wrong(path: Path, config: "Experiment") -> str:
    """Say why a file is not the part of a configuration that the code of its folder computed; "" if it is."""
    try:
        part = integrity.read(_files.content(path, parquet.MOST_FILE))
        if said := [*integrity.columns(part)]:
            return said[0]
        if part.attrs.get("command") != store.command(config) or not part.attrs.get("seconds", -1.0) >= 0:
            return "lacks its command or seconds"
        if set(part["key"]) != {store.key(config)} or set(part["core"]) != {path.parent.name}:
            return "has rows of another configuration or of other code"
        if set(part["seed"]) != set(config.run_seeds):
            return f"has other seeds than {config.run_seeds[0]} to {config.run_seeds[-1]}"
        integrity.config_of(store.key(config), part)
        flaws = [*integrity.broken(part), *integrity.records(config, part)]
    except (OSError, ValueError, TypeError) as error:
        return str(error)
    return flaws[0].message if flaws else ""


def compute(
    configs: Iterable["Experiment"],
    parts: Parts,
    *,
    jobs: int = 1,
    done: Callable[["Experiment"], Any] = lambda config: None,
    computed: Callable[..., Any] | None = None,
) -> dict[str, Exception]:
    """Compute the configurations that have no file yet.

    Args:
        configs: what to compute, in this order.
        parts: where the finished ones go, each written whole or not at all.
        jobs: processes, one thread each; 1 computes in this one.
        done: called with each configuration that is finished.
        computed: what computes instead of `jobs` processes, with the function and the work of
            :func:`qbp.results.workers.computed`; an exception may stand in place of a value.

    Returns:
        {command: error} of those that failed; the others are done.

    Raises:
        ValueError: as of :meth:`Parts.check`, before anything is computed; or a part could not be written
            (:class:`Unwritten`).
        KeyboardInterrupt: as pressed; what is finished is kept.
    """
    _checks.integer("jobs", jobs)
    configs = list(configs)
    parts.check(configs)
    todo = [c for c in configs if parts.find(c) is None]
    failed = {}
    work = [(config, (config, parts.path(config).parent.name)) for config in todo]
    if computed is None:
        computed = partial(workers.computed, jobs=jobs) if jobs > 1 else _here
    with computed(_attempt, work) as finished:
        for config, found in finished:
            if isinstance(found, bytes):
                _keep(parts.path(config), found, config)
                done(config)
            else:
                failed[store.command(config)] = found
    return failed


@contextlib.contextmanager
def _here(function: Callable[..., Any], work: list[tuple[Any, Any]]) -> Iterator[Iterator[tuple[Any, Any]]]:
    yield ((config, function(*arguments)) for config, arguments in work)


def _attempt(config: "Experiment", core: str) -> bytes | Exception:
    """Run one configuration on one thread; return its part, or the error if there was one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        frame, buffer = store.to_frame(run(config), core=core), BytesIO()
        frame.to_parquet(buffer, index=False, compression="zstd")
        return buffer.getvalue()
    except Exception as error:
        return error
    finally:
        torch.set_num_threads(threads)


class Unwritten(ValueError):
    """A configuration that is computed, and whose part could not be written where it belongs."""


def _keep(path: Path, content: bytes, config: "Experiment") -> None:
    """Write a part, or keep it in a temporary folder where that fails, as on a full disk."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _files.write(path, content)
    except OSError as error:
        said = f"{path.parent} cannot be written ({error.strerror or error}): {store.command(config)}"
        try:
            spare = Path(tempfile.mkdtemp(prefix="qbp-parts-")) / path.name
            _files.write(spare, content)
        except OSError as again:
            raise Unwritten(f"{said} is computed and lost, as {again.filename} cannot be either") from again
        raise Unwritten(f"{said} is computed and kept: move {spare} there and go on") from error


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
    computed: Callable[..., Any] | None = None,
) -> dict[str, Exception]:
    """Compute tables one after another, each written as soon as its last configuration is done.

    Args:
        tables: {name: table}.
        parts, jobs, computed: as in :func:`compute`.
        options: what to add to `qbp grid NAME` in the manifest.
        directory: the results folder.

    Returns:
        {command: error} of the configurations that failed.

    Raises:
        ValueError: a folder cannot be written or its manifest not be read, before anything is computed; the
            rest as of :func:`compute`.
    """
    # Longest first within a table, so that no worker waits long for another; a key may be in two tables.
    ordered = [c for t in tables.values() for c in sorted(t.configs.values(), key=seconds, reverse=True)]
    unique = list({parts.path(c): c for c in ordered}.values())
    _files.probe("--save", directory)
    store.manifest(directory)  # a broken one shows before the first run
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

        return compute(unique, parts, jobs=jobs, done=done, computed=computed)


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
