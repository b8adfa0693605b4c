"""Commands that compute many runs, and collect them: `qbp grid`, `qbp sweep`, `qbp collect`."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from qbp import _checks
from qbp.cli import output


def grid(args: argparse.Namespace) -> int:
    """Compute result tables."""
    from qbp.results.grid import Parts, run_grid
    from qbp.results.table import at_profile, listing
    from qbp.studies.tables import gridded

    _checks.integer("jobs", args.jobs)
    known = gridded()
    for name in args.tables:
        _checks.choice("TABLE", name, known)
    chosen = {name: known[name] for name in args.tables or known}
    chosen = at_profile(chosen, args.profile, args.seeds)
    if args.list:
        print(listing(chosen, args.jobs))
        return 0
    quick = args.profile == "quick"
    words = ["--profile quick"] * quick + [f"--seeds {args.seeds}"] * (args.seeds is not None)
    failed = run_grid(
        chosen,
        Parts(Path(args.parts), allow_mixed=args.allow_mixed, fresh=args.fresh),
        jobs=args.jobs,
        options=" ".join(words),
        directory=Path(args.save or ("_build/quick" if quick else "results")),
        computed=_elsewhere(args),
    )
    for command, error in failed.items():
        print(f"failed: {command}: {error}", file=sys.stderr)
    return 1 if failed else 0


def _elsewhere(args: argparse.Namespace) -> Callable[..., Any] | None:
    """Return what computes on the workers of a scheduler, None without one."""
    tls = _tls(args)
    if args.scheduler is None and not any(tls.values()):
        return None
    from qbp.sweeps import cluster

    return partial(cluster.computed, place=cluster.Place(scheduler=args.scheduler, **tls))


def _tls(args: argparse.Namespace) -> dict[str, str | None]:
    return {"tls_ca": args.tls_ca, "tls_cert": args.tls_cert, "tls_key": args.tls_key}


def sweep(args: argparse.Namespace) -> int:
    """Run a chapter for every choice of its parameters."""
    from qbp.book.run import compile_kernel
    from qbp.sweeps import axes, cluster
    from qbp.sweeps.sweep import sweep

    asked = cluster.resources(args.resources)
    place = cluster.Place(args.workers, args.scheduler, asked, not args.no_dashboard, **_tls(args))
    plan = axes.plan(args.chapter, args.given, elsewhere=args.scheduler is not None)
    if args.dry_run:
        print(f"{plan.name}: {len(plan.runs)} runs", *plan.runs, sep="\n")
        return 0
    if args.scheduler is None and "qbp" in plan.source:
        compile_kernel()  # once, and not in the page of every worker's first run
    folder = Path(args.out or f"_build/sweeps/{plan.name}")
    swept = sweep(plan, folder, place, fresh=args.fresh, allow_mixed=args.allow_mixed)
    counts = f"{len(swept.done)} runs computed, {len(swept.before)} there before, {len(swept.failed)} failed"
    print(f"{counts}: qbp collect {folder}", file=sys.stderr)
    return 1 if swept.failed else 0


def collect(args: argparse.Namespace) -> int:
    """Put the rows of runs together."""
    from qbp.sweeps.collect import collect, for_spreadsheets

    if args.plot:
        from qbp.sweeps import plot

        plot.save(None, Path(args.plot))  # a name that will not do shows first
    found = collect(Path(args.folder), args.metrics.split(",") if args.metrics else ())
    for line in found.bad:
        print(f"left out: {line}", file=sys.stderr)
    output.show(args, found.json, lambda: found)
    if args.csv:
        for_spreadsheets(found.wide()).to_csv(args.csv, index=False)
    if args.plot:
        plot.save(found, Path(args.plot))
    return 1 if found.bad else 0
