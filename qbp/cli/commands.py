"""Commands of `qbp`: what `qbp run`, `qbp claims`, `qbp info` ... do.  Their arguments are in
:mod:`qbp.cli.arguments`, what they print in :mod:`qbp.cli.output`."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import qbp.cli._environment  # noqa: F401  before NumPy is loaded
from qbp import _threads
from qbp.cli import arguments, diagnose, labs, output, sweeps
from qbp.experiments import registry
from qbp.experiments.perceptrons import Experiment, load_data
from qbp.experiments.registry import run
from qbp.experiments.result import Result, resolve_device
from qbp.experiments.runner import check_cost
from qbp.studies.variance_studies import Row, Study, rows


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, of a command; :func:`qbp.cli.entry.main` is for all."""
    return execute(arguments.parser().parse_args(argv))


def execute(args: argparse.Namespace) -> int:
    """Run a parsed command; return its exit status."""
    try:
        status = COMMANDS[args.name](args)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print(f"qbp {args.name}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # as in `qbp run ... | head`
        output.drop()
        return 0
    except Exception as error:
        if (said := output.in_words(error)) is None:
            raise  # a mistake of ours: whoever reports it needs to see where
        print(f"qbp {args.name}: error: {said}", file=sys.stderr)
        output.drop()
        return 2


def _configs(args: argparse.Namespace) -> list[Any]:
    experiment, methods = args.experiment, args.methods.split(",")
    experiment = registry.experiment_of(experiment, methods)
    kind = registry.of(experiment)
    given = {name: value for name, value in vars(args).items() if value is not None}
    takes, of_algorithm = _takes(kind.config)
    for name in given:
        others = ", ".join(e for e, k in registry.KINDS.items() if name in set.union(*_takes(k.config)))
        if others and name not in takes | of_algorithm:
            raise ValueError(f"{arguments.option(name)} is an option of {others}, not of {experiment}")
    options = {name: given[name] for name in takes & given.keys()}
    algorithm = {name: given[name] for name in (of_algorithm - takes) & given.keys()}
    return registry.configurations(experiment, methods, algorithm, **options)


def _takes(config: type) -> tuple[set[str], set[str]]:
    """Return the options of a configuration, and those of the algorithms it may have."""
    return {f.name for f in fields(config)} - set(arguments.OWN), config.algorithm_options()


def _run(args: argparse.Namespace) -> int:
    configs = _configs(args)
    resolve_device(configs[0].device)
    output.announce(sum(check_cost(config)[0] for config in configs))
    if isinstance(configs[0], Experiment):
        load_data(configs[0])  # a folder that is not there shows before the first step
    if args.save:
        path = Path(args.save).absolute()
        there = next(p for p in (path, *path.parents) if p.exists())
        if not there.is_dir():
            raise ValueError(f"--save must be a folder, got {args.save!r}, which is or lies under a file")
        if not os.access(there, os.W_OK | os.X_OK):
            raise ValueError(f"--save must be a folder that can be written, got {args.save!r}")
    results = {}
    try:
        _run_with_bar(configs, results)
    except KeyboardInterrupt:
        if results:  # the methods that are done are whole
            output.report(args, results, partial=True)
        raise
    output.report(args, results)
    return 0


def _run_with_bar(configs: Sequence[Any], results: dict[str, Result]) -> None:
    total = sum(c.seeds * (c.budget + 1) for c in configs)
    with output.bar("step", total, scaled=True) as bar:
        for config in configs:
            bar.set_description(f"{config.experiment} {config.method}")
            results[config.method] = run(config, bar.update)


def _variance(args: argparse.Namespace) -> int:
    study = Study(**{f.name: v for f in fields(Study) if (v := getattr(args, f.name)) is not None})
    if args.plot:
        from qbp.book.figures.variance_plots import save_decays

        save_decays({}, args.plot)  # a name that will not do shows before the first row
    table: list[Row] = []
    try:
        with output.bar("sample", study.expected, scaled=True) as bar:
            for row in rows(study, bar.update):
                bar.clear()
                if not args.json:
                    output.print_row(row, head=not table)
                table.append(row)
    finally:  # an interrupt keeps the rows that are done
        if table:
            output.print_decay(args, table)
        if table and args.plot:
            save_decays({f"{study.observable}, {table[0].parameter}": table}, args.plot)
    return 0


def _terrain(args: argparse.Namespace) -> int:
    from qbp.experiments.terrain import circuits, perceptrons

    options = {"seeds": args.seeds, "seed": args.seed, "steps": args.steps}
    options |= {"hamiltonian": args.hamiltonian, "frame": args.frame}
    given = {name: value for name, value in options.items() if value is not None}
    of_circuits = args.experiment == "vqe"
    if not of_circuits and (foreign := {"hamiltonian", "frame"} & given.keys()):
        raise ValueError(f"--{min(foreign)} is an option of vqe, not of {args.experiment}")
    walks: Any = circuits if of_circuits else perceptrons
    configs = circuits.configs(**given) if of_circuits else perceptrons.configs(args.experiment, **given)
    found = {}
    with output.bar("step", sum(map(walks.work, configs))) as bar:
        for config in configs:
            bar.set_description(f"{config.experiment} {config.method}")
            found[config.method] = walks.survey(config, bar.update)
    output.report_terrain(args, found)
    return 0


def _circuit(args: argparse.Namespace) -> int:
    from qbp.interchange.qasm.reader import read_qasm
    from qbp.interchange.summary import in_words, summary

    found = summary(read_qasm(Path(args.file), args.angles))
    output.show(args, lambda: {"file": args.file, "angles": args.angles, **found}, lambda: in_words(found))
    return 0


def _claims(args: argparse.Namespace) -> int:
    from qbp.audit import claims
    from qbp.book.tables.claims import ClaimsTable

    if args.seeds is not None and not args.rerun:
        raise ValueError(f"--seeds is an option of --rerun, got {args.seeds} without it")
    chosen = claims.select(args.ids)
    if args.rerun:
        if not chosen:
            raise ValueError("--rerun takes one ID or more: `qbp claims` lists them")
        rows = [claims.rerun(claim, args.seeds) for claim in chosen]
    else:
        rows = claims.everything()
        if not any(row.found is not None and row.claim.table for row in rows):
            raise ValueError("no committed tables found: run `make results` in a checkout of the book")
        rows = [row for row in rows if row.claim in chosen] if chosen else rows
    if args.markdown:  # README's
        rows = [row for row in rows if row.claim.main and row.found is not None]
    output.show(args, lambda: [row.json() for row in rows], lambda: ClaimsTable(rows))
    return 0


def _recommend(args: argparse.Namespace) -> int:
    from qbp.studies.remedies import recommendation

    found = recommendation.recommend(args.hamiltonian, args.qubits, args.shots)
    output.show(args, found.json, lambda: found)
    return 0


def _verify(args: argparse.Namespace) -> int:
    from qbp.book.check_pages import check_claims, check_readme
    from qbp.results.store import DIRECTORY
    from qbp.results.verify import verify

    with output.bar("run") as bar:

        def progress(done: int, runs: int, what: str) -> None:
            bar.total, bar.n = runs, done
            bar.set_description(what)

        report = verify(
            Path(args.results) if args.results else DIRECTORY,
            tables=list(dict.fromkeys(args.tables.split(","))) if args.tables is not None else None,
            rows=0 if args.skip_recompute else args.rows,
            seed=args.seed,
            allow_older=args.allow_older,
            progress=progress,
        )
    if args.results is None and args.tables is None:  # the book prints the committed tables
        for printed, wrong in (check_claims(), check_readme()):
            report.printed += printed
            report.mismatches += wrong
    output.show(args, report.json, lambda: report)
    return 1 if report.mismatches else 0


def _reproduce(args: argparse.Namespace) -> int:
    from qbp.audit.claims import committed
    from qbp.book.check_pages import side_by_side
    from qbp.book.run import reproduce

    notebooks = reproduce(Path(args.out), profile=args.profile, jobs=args.jobs)
    print(side_by_side(committed(), notebooks))
    return 0


def _refresh(args: argparse.Namespace) -> int:
    from qbp.book.run import refresh

    refresh(names=list(dict.fromkeys(args.chapters)))
    return 0


def _readme(args: argparse.Namespace) -> int:
    from qbp.book.readme import update

    update()
    return 0


def _info(args: argparse.Namespace) -> int:
    import platform
    from importlib.metadata import version

    import numpy as np
    import torch

    from qbp.book.run import compile_kernel

    found = {
        "qbp": version("qbp"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": str(resolve_device("auto")),
        "threads": _threads.most(),
        "threads_small": _threads.threads(0),  # for tensors below _threads.SMALL bytes
        "kernel": compile_kernel(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }
    output.show(args, lambda: found, lambda: "\n".join(f"{k:<13} {v}" for k, v in found.items()))
    return 0


COMMANDS = {
    "run": _run,
    "variance": _variance,
    "circuit": _circuit,
    "claims": _claims,
    "recommend": _recommend,
    "terrain": _terrain,
    "verify": _verify,
    "grid": sweeps.grid,
    "sweep": sweeps.sweep,
    "collect": sweeps.collect,
    "reproduce": _reproduce,
    "refresh": _refresh,
    "readme": _readme,
    "info": _info,
    **diagnose.COMMANDS,
    **labs.COMMANDS,
}
