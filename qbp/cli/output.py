"""Output of the commands of `qbp`: tables for a reader or one JSON object, progress, errors in one line."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbp._files import printable
from qbp.cli.parser import option

if TYPE_CHECKING:
    from tqdm import tqdm

    from qbp.experiments.result import Result
    from qbp.studies.variance_studies import Row

LONG = 600  # seconds of work that are announced
TABLES = {"as-written": "", "as-released": "-as-released"}


def open_streams() -> None:
    """Open standard output and error where the process has none, as after `>&-`: what is said is lost."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  as long as the process


def drop() -> None:
    """Flush standard output, or lose what it does not take: a closed pipe, a full disk."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def announce(seconds: float) -> None:
    """Say on standard error what work takes, where that is long."""
    if seconds >= LONG:
        unit, size = next(
            (u, s) for u, s in (("days", 86400), ("hours", 3600), ("minutes", 60)) if seconds >= s
        )
        print(f"qbp: about {seconds / size:.1f} {unit} of work on one core", file=sys.stderr)


def show(args: argparse.Namespace, of_json: Callable[[], Any], for_reader: Callable[[], object]) -> None:
    """Print one JSON object with --json, what is for a reader without."""
    print(json.dumps(of_json(), allow_nan=False) if args.json else for_reader())


def bar(unit: str, total: int | None = None, *, scaled: bool = False) -> "tqdm":
    """Return a progress bar on standard error, where that is a terminal; it leaves nothing behind.

    Args:
        unit: what is counted.
        total: how many there are, if that is known.
        scaled: whether thousands are written as k.
    """
    from tqdm import tqdm

    return tqdm(total=total, unit=unit, unit_scale=scaled, disable=None, leave=False)


def in_words(error: Exception) -> str | None:
    """Return an error that the user can do something about as one line, None for any other."""
    text = printable(" ".join(str(error).split()))
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "memory" in text):
        return f"not enough memory: take fewer qubits, seeds or samples ({text or 'MemoryError'})"
    if isinstance(error, OSError):  # a folder that cannot be read or written, a full disk
        said = error.strerror or text
        return printable(f"{said}: {error.filename}") if error.filename else said
    if isinstance(error, ModuleNotFoundError) and error.name:
        where = "use .venv/bin/qbp after `make install`, or run `pip install .` in a checkout"
        return f"the package {error.name.split('.')[0]} is not installed for {sys.executable}: {where}"
    return text if isinstance(error, ValueError | TypeError | ModuleNotFoundError) else None


def report(args: argparse.Namespace, results: dict[str, "Result"], *, partial: bool = False) -> None:
    """Print what `qbp run` has found, and save it where it is asked for.

    Args:
        args: of the command.
        results: {method: Result} over the same seeds.
        partial: whether methods are missing.
    """
    from qbp.book.tables.results import run_json
    from qbp.experiments import registry

    asked = registry.asked(args.methods.split(","))
    shown = {asked[method]: result for method, result in results.items()}
    show(args, lambda: run_json(shown), lambda: _table(shown))
    if args.json:
        sys.stdout.flush()
    if args.save:  # last: a full disk takes no numbers with it
        _save(args, results, "-partial" if partial else "")


def _table(results: dict[str, "Result"]) -> str:
    from qbp.book.tables.results import summary
    from qbp.experiments import registry

    first = next(iter(results.values()))
    c = first.config
    shown = [m for m in registry.of(c.experiment).metrics if m in first.history]
    what = [c.experiment, *(getattr(c, name) for name in ("reading", "hamiltonian") if hasattr(c, name))]
    runs = f"{', '.join(what)}, {_steps(results)} steps, seeds {c.seed}-{c.run_seeds[-1]}"
    seconds = sum(r.seconds for r in results.values())
    head, end = f"{runs}; mean [95 % bootstrap interval]", f"{seconds:.1f} s on {first.theta.device}"
    return f"{head}\n{summary(results, shown).to_string()}\n{end}"


def _steps(results: dict[str, "Result"]) -> str:
    return " or ".join(map(str, dict.fromkeys(r.config.budget for r in results.values())))


def _save(args: argparse.Namespace, results: dict[str, "Result"], suffix: str) -> None:
    from qbp.experiments import registry
    from qbp.experiments.perceptrons import Experiment
    from qbp.results.store import save

    c = next(iter(results.values())).config
    words = [f"{option(k)} {v}" for k, v in vars(args).items() if _is_option(k, v)]
    command = " ".join(["qbp run", args.experiment, *words])
    where = registry.of(c.experiment).targets[c.experiment]
    path = save(
        c.experiment + (TABLES[c.reading] if isinstance(c, Experiment) else "") + suffix,
        results.values(),
        command=command,
        target=where,
        directory=Path(args.save),
    )
    print(f"wrote {path}", file=sys.stderr)


def _is_option(name: str, value: Any) -> bool:
    return value not in (None, False) and name not in ("name", "command", "experiment", "json")


def print_row(row: "Row", *, head: bool) -> None:
    """Print a row of `qbp variance` as it is done, the first one under the head of the table."""
    from qbp.book.tables.results import VARIANCE_HEAD, variance_line

    print(*[VARIANCE_HEAD] if head else [], variance_line(row), sep="\n", flush=True)


def print_decay(args: argparse.Namespace, table: "Sequence[Row]") -> None:
    """Print what follows the rows of `qbp variance`: the fitted decay, or all as one JSON object."""
    from qbp.book.tables.results import decay_words, variance_json
    from qbp.studies.variance_studies import decay

    show(args, lambda: variance_json(table), lambda: decay_words(decay(table)))


def report_terrain(args: argparse.Namespace, found: dict[str, "Result"]) -> None:
    """Print what `qbp terrain` has found, saved before where that is asked for."""
    from qbp.book.tables.results import run_json, terrain_table
    from qbp.results import store

    show(args, lambda: run_json(found), lambda: terrain_table(found).to_string())
    sys.stdout.flush()
    if args.save:  # last: a full disk, or a table that is not to be replaced, takes no numbers with it
        config = next(iter(found.values())).config
        name, command = f"terrain-{_walked(config)}", f"{store.command(config, 'terrain')} --save {args.save}"
        target, folder = "I, III.B, IV.D", Path(args.save)
        path = store.save(name, found.values(), command=command, target=target, directory=folder)
        print(f"wrote {path}", file=sys.stderr)


def _walked(config: Any) -> str:
    """Name what was surveyed: the experiment, of circuits the task as studies call it."""
    from qbp.studies.circuit_studies import TASKS

    asked = {name: getattr(config, name) for name in ("hamiltonian", "frame") if hasattr(config, name)}
    named = (task for task, given in TASKS.items() if {"frame": "plain", **given} == asked)
    return next(named, config.experiment).replace(", ", "-")
