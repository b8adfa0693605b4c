"""The command line: `qbp run`, `qbp claims`, `qbp info` ..., its options built from the fields of the
configurations."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import Field, fields, is_dataclass
from pathlib import Path
from typing import Any, NoReturn, get_args

import numpy as np

from qbp import circuit_configs, kinds
from qbp.configs import EXPERIMENTS, METHODS, Algorithm, Experiment
from qbp.experiments import Result, load_data, resolve_device
from qbp.kinds import run
from qbp.sellier import SellierConfig
from qbp.sellier_waves import WaveConfig
from qbp.two_stage import TwoStageConfig
from qbp.variances import Row, Study, decay, rows

OWN = ("experiment", "method", "algorithm")  # fields that `qbp run` spells in its own way
ALGORITHMS: dict[str, type[Algorithm]] = {
    "Algorithm 1": TwoStageConfig,
    "Sellier, as described": WaveConfig,
    "Sellier, as released": SellierConfig,
}
RELEASED = {f.name: f.default for f in fields(SellierConfig)}
TABLES = {"as-written": "", "as-released": "-as-released"}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments, by default those of the process.

    Returns:
        Exit status: 0; 1 a check ran and found a mismatch; 2 bad input; 130 interrupted.
    """
    args = _parser().parse_args(argv)
    try:
        status = args.command(args)
        sys.stdout.flush()
        return status
    except (ValueError, TypeError, ModuleNotFoundError) as error:
        print(f"qbp {args.name}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"qbp {args.name}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # as in `qbp run ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="qbp", description="Two stages against the barren plateau: run, measure, reproduce."
    )
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND", parser_class=_Parser)

    runs = commands.add_parser(
        "run", help="train methods on one experiment and compare them on the same seeds"
    )
    runs.set_defaults(command=_run)
    runs.add_argument("experiment", help=f"one of {', '.join(kinds.KINDS)}")
    on_circuits = ", ".join(circuit_configs.METHODS)
    runs.add_argument(
        "--methods",
        default="two-stage,no-init",
        help=f"comma-separated, of {', '.join(METHODS)}; on vqe and pqc {on_circuits}; random is no-init; "
        "mlp is a control of pqc",
    )
    _add_fields(runs, [f for f in fields(Experiment) if f.name not in OWN])
    known = {f.name for f in fields(Experiment)}
    for title, kind in ALGORITHMS.items():  # a name that two share is one option; help shows both defaults
        new = [f for f in fields(kind) if f.name not in known]
        _add_fields(runs.add_argument_group(title), new)
        known |= {f.name for f in new}
    for experiment, kind in kinds.KINDS.items():
        new = [f for f in fields(kind.config) if f.name not in {*known, *OWN}]
        if new:
            _add_fields(runs.add_argument_group(experiment, _other_defaults(kind.config)), new)
        known |= {f.name for f in new}
    runs.add_argument(
        "--json", action="store_true", help="print one JSON object to standard output and nothing else"
    )
    runs.add_argument(
        "--save", metavar="DIR", help="also write the runs as a table with a manifest into this folder"
    )

    grid = commands.add_parser("grid", help="compute the result tables; goes on where it stopped")
    grid.set_defaults(command=_grid)
    grid.add_argument(
        "tables", nargs="*", metavar="TABLE", help="tables to compute (default all; see --list)"
    )
    grid.add_argument(
        "--list", action="store_true", help="show the tables and what they take, compute nothing"
    )
    grid.add_argument("--profile", default="paper", choices=("quick", "paper"), help="quick: to see it run")
    grid.add_argument("--seeds", type=int, default=None, metavar="N", help="runs of every configuration")
    grid.add_argument(
        "--jobs", type=int, default=2, metavar="N", help="processes, one thread each (default 2)"
    )
    grid.add_argument(
        "--save", metavar="DIR", help="folder of the tables (default results; _build/quick for quick)"
    )
    grid.add_argument(
        "--parts", default="_build/grid", metavar="DIR", help="folder of finished configurations"
    )
    other = grid.add_mutually_exclusive_group()
    other.add_argument("--fresh", action="store_true", help="compute anew what only other code has computed")
    other.add_argument("--allow-mixed", action="store_true", help="take what other code has computed")

    variance = commands.add_parser("variance", help="gradient variance against the number of qubits")
    variance.set_defaults(command=_variance)
    _add_fields(variance, fields(Study))
    variance.add_argument("--plot", metavar="FILE", help="also draw it, into a .svg or .png file")
    variance.add_argument(
        "--json", action="store_true", help="print one JSON object to standard output and nothing else"
    )

    terrain = commands.add_parser(
        "terrain", help="curvature, gradients by layer and barriers where Stage 1 starts and ends"
    )
    terrain.set_defaults(command=_terrain)
    terrain.add_argument("experiment", help=f"one of {', '.join(EXPERIMENTS)}")
    terrain.add_argument("--seeds", type=int, default=20, metavar="N", help="number of runs (default 20)")
    terrain.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the first (default 0)")
    terrain.add_argument("--steps", type=int, default=500, metavar="N", help="training steps (default 500)")
    terrain.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    terrain.add_argument(
        "--save", metavar="DIR", help="also write the table with a manifest into this folder"
    )

    claims = commands.add_parser("claims", help="the paper's claims, measured on the committed tables")
    claims.set_defaults(command=_claims)
    claims.add_argument("ids", nargs="*", metavar="ID", help="rows to show (default all)")
    claims.add_argument(
        "--rerun", action="store_true", help="train again what these rows are measured on, and measure them"
    )
    claims.add_argument(
        "--seeds", type=int, default=None, metavar="N", help="runs with --rerun (default as committed)"
    )
    form = claims.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list and nothing else")
    form.add_argument("--markdown", action="store_true", help="print the table of README.md")

    checks = commands.add_parser(
        "verify", help="check the committed tables, and compute a sample of their rows again"
    )
    checks.set_defaults(command=_verify)
    checks.add_argument(
        "--rows", type=int, default=20, metavar="K", help="rows to compute again (default 20)"
    )
    checks.add_argument(
        "--seed", type=int, default=None, metavar="S", help="seed of the sample (default: drawn, and printed)"
    )
    checks.add_argument("--tables", metavar="A,B", help="tables to check (default all, and what pages print)")
    checks.add_argument("--results", metavar="DIR", help="folder of the tables (default the committed ones)")
    checks.add_argument("--skip-recompute", action="store_true", help="check what is stored, compute nothing")
    checks.add_argument(
        "--allow-older", action="store_true", help="name tables that other code has made, but let them pass"
    )
    checks.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    again = commands.add_parser("reproduce", help="run every chapter at a profile into a copy of the book")
    again.set_defaults(command=_reproduce)
    again.add_argument(
        "--profile", default="quick", choices=("quick", "paper"), help="quick: seconds a chapter"
    )
    again.add_argument("--out", default="_build/reproduced", help="folder of the copy, made anew")

    refresh = commands.add_parser("refresh", help="execute every chapter in place, as it is stored")
    refresh.set_defaults(command=_refresh)

    readme = commands.add_parser("readme", help="fill in the computed parts of README.md")
    readme.set_defaults(command=_readme)

    info = commands.add_parser("info", help="versions, device, threads, kernel in use")
    info.set_defaults(command=_info)
    info.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _add_fields(parser: Any, chosen: Sequence[Field]) -> None:
    for f in chosen:
        kind = next((t for t in (int, float, str) if t is f.type or t in get_args(f.type)), str)
        default = "" if f.default is None or "default" in f.metadata["help"] else f" (default {f.default})"
        if f.default != RELEASED.get(f.name, f.default):
            default = f" (default {f.default}; as released {RELEASED[f.name]})"
        help_text = f.metadata["help"].replace("%", "%%") + default
        parser.add_argument(
            f"--{f.name.replace('_', '-')}", type=kind, default=None, metavar=f.name.upper(), help=help_text
        )


def _other_defaults(config: type) -> str | None:
    """Say where a configuration has another default than the options above it."""
    usual = {f.name: f.default for f in fields(Experiment)}
    own = {f.name: f.default for f in fields(config) if f.name not in OWN and f.name in usual}
    if config is not Experiment:
        algorithm = config().algorithm
        own |= {f.name: getattr(algorithm, f.name) for f in fields(algorithm) if f.name not in own}
        usual = {f.name: getattr(TwoStageConfig(), f.name) for f in fields(TwoStageConfig)} | usual
    words = [f"--{name.replace('_', '-')} {value}" for name, value in own.items() if usual[name] != value]
    return f"options above have other defaults here: {', '.join(words)}" if words else None


def _configs(args: argparse.Namespace) -> list[Any]:
    kind = kinds.of(args.experiment)
    given = {name: value for name, value in vars(args).items() if value is not None}
    takes, of_algorithm = _takes(kind.config)
    for name in given:
        others = [e for e, k in kinds.KINDS.items() if name in set.union(*_takes(k.config))]
        if others and name not in takes | of_algorithm:
            raise ValueError(
                f"--{name.replace('_', '-')} is an option of {', '.join(others)}, not of {args.experiment}"
            )
    options = {name: given[name] for name in takes & given.keys()}
    algorithm = {name: given[name] for name in (of_algorithm - takes) & given.keys()}
    return kind.configurations(args.experiment, args.methods.split(","), algorithm=algorithm, **options)


def _takes(config: type) -> tuple[set[str], set[str]]:
    """Return the options of a configuration, and those of the algorithms it may have."""
    own = {f.name: f.type for f in fields(config)}
    algorithms = [kind for kind in get_args(own["algorithm"]) if is_dataclass(kind)]
    return own.keys() - set(OWN), {f.name for kind in algorithms for f in fields(kind)}


def _run(args: argparse.Namespace) -> int:
    configs = _configs(args)
    resolve_device(configs[0].device)
    if isinstance(configs[0], Experiment):
        load_data(configs[0])  # a folder that is not there shows before the first step
    if args.save and any(p.exists() and not p.is_dir() for p in (Path(args.save), *Path(args.save).parents)):
        raise ValueError(f"--save must be a folder, got {args.save!r}, which is or lies under a file")
    results = {}
    try:
        _run_with_bar(configs, results)
    except KeyboardInterrupt:
        if results:  # the methods that are done are whole
            _report(args, results, partial=True)
        raise
    _report(args, results)
    return 0


def _run_with_bar(configs: Sequence[Any], results: dict[str, Result]) -> None:
    from tqdm import tqdm

    total = sum(c.seeds * (c.steps + 1) for c in configs)
    with tqdm(total=total, unit="step", unit_scale=True, disable=None, leave=False) as bar:
        for config in configs:
            bar.set_description(f"{config.experiment} {config.method}")
            results[config.method] = run(config, bar.update)


def _report(args: argparse.Namespace, results: dict[str, Result], *, partial: bool = False) -> None:
    from qbp.report import run_json

    if args.save:
        _save(args, results, "-partial" if partial else "")
    if args.json:
        print(json.dumps(run_json(results), allow_nan=False))
    else:
        _print_table(results)


def _print_table(results: dict[str, Result]) -> None:
    from qbp.report import summary

    first = next(iter(results.values()))
    c = first.config
    shown = [m for m in kinds.of(c.experiment).metrics if m in first.history]
    what = [c.experiment, *(getattr(c, name) for name in ("reading", "hamiltonian") if hasattr(c, name))]
    runs = f"{', '.join(what)}, {c.steps} steps, seeds {c.seed}-{c.run_seeds[-1]}"
    print(f"{runs}; mean [95 % bootstrap interval]")
    print(summary(results, shown).to_string())
    print(f"{sum(r.seconds for r in results.values()):.1f} s on {first.theta.device}")


def _save(args: argparse.Namespace, results: dict[str, Result], suffix: str) -> None:
    from qbp.results import save

    c = next(iter(results.values())).config
    words = [f"--{k.replace('_', '-')} {v}" for k, v in vars(args).items() if _is_option(k, v)]
    command = " ".join(["qbp run", args.experiment, *words])
    where = kinds.of(c.experiment).targets[c.experiment]
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


def _grid(args: argparse.Namespace) -> int:
    from qbp.ablations import tables
    from qbp.grid import Parts, at_profile, listing, run_grid

    known = tables()
    if unknown := [name for name in args.tables if name not in known]:
        raise ValueError(f"TABLE must be one of {', '.join(known)}, got {unknown[0]!r}")
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
    )
    for command, error in failed.items():
        print(f"failed: {command}: {error}", file=sys.stderr)
    return 1 if failed else 0


def _variance(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from qbp.report import VARIANCE_HEAD, decay_words, variance_json, variance_line

    study = Study(**{f.name: v for f in fields(Study) if (v := getattr(args, f.name)) is not None})
    if args.plot:
        from qbp.variance_plots import save_decays

        save_decays({}, args.plot)  # a name that will not do shows before the first row
    table: list[Row] = []
    try:
        with tqdm(total=study.expected, unit="sample", unit_scale=True, disable=None, leave=False) as bar:
            for row in rows(study, bar.update):
                bar.clear()
                if not args.json:
                    print(*[] if table else [VARIANCE_HEAD], variance_line(row), sep="\n", flush=True)
                table.append(row)
    finally:  # an interrupt keeps the rows that are done
        if table:
            print(
                json.dumps(variance_json(table), allow_nan=False) if args.json else decay_words(decay(table))
            )
        if table and args.plot:
            save_decays({f"{study.observable}, {table[0].parameter}": table}, args.plot)
    return 0


def _terrain(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from qbp import results, terrain
    from qbp.report import run_json, terrain_table

    configs = terrain.configs(args.experiment, args.seeds, steps=args.steps, seed=args.seed)
    found = {}
    with tqdm(total=sum(map(terrain.work, configs)), unit="step", disable=None, leave=False) as bar:
        for config in configs:
            bar.set_description(f"{config.experiment} {config.method}")
            found[config.method] = terrain.survey(config, bar.update)
    if args.save:
        name = f"terrain-{args.experiment}"
        command = f"{results.command(configs[0], name)} --save {args.save}"
        target, folder = "I, III.B, IV.D", Path(args.save)
        path = results.save(name, found.values(), command=command, target=target, directory=folder)
        print(f"wrote {path}", file=sys.stderr)
    print(json.dumps(run_json(found), allow_nan=False) if args.json else terrain_table(found).to_string())
    return 0


def _claims(args: argparse.Namespace) -> int:
    from qbp import claims

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
    print(json.dumps([row.json() for row in rows], allow_nan=False) if args.json else claims.Table(rows))
    return 0


def _verify(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from qbp.printed import check_claims, check_readme
    from qbp.results import DIRECTORY
    from qbp.verify import verify

    with tqdm(unit="run", disable=None, leave=False) as bar:

        def progress(done: int, runs: int, what: str) -> None:
            bar.total, bar.n = runs, done
            bar.set_description(what)

        report = verify(
            Path(args.results) if args.results else DIRECTORY,
            tables=args.tables.split(",") if args.tables is not None else None,
            rows=0 if args.skip_recompute else args.rows,
            seed=args.seed,
            allow_older=args.allow_older,
            progress=progress,
        )
    if args.results is None and args.tables is None:  # the book prints the committed tables
        for printed, wrong in (check_claims(), check_readme()):
            report.printed += printed
            report.mismatches += wrong
    print(json.dumps(report.json(), allow_nan=False) if args.json else report)
    return 1 if report.mismatches else 0


def _reproduce(args: argparse.Namespace) -> int:
    from qbp.claims import committed, side_by_side
    from qbp.sweep import reproduce

    notebooks = reproduce(Path(args.out), profile=args.profile)
    print(side_by_side(committed(), notebooks))
    return 0


def _refresh(args: argparse.Namespace) -> int:
    from qbp.sweep import refresh

    refresh()
    return 0


def _readme(args: argparse.Namespace) -> int:
    from qbp.readme import update

    update()
    return 0


def _kernel() -> str:
    """Name the path of circuit gradients, after one in each precision: the first ever compiles it."""
    import torch

    from qbp import HardwareEfficient, native, tfim

    circuit = HardwareEfficient(2, 1)
    for dtype in (torch.float64, torch.float32):
        theta = torch.zeros(circuit.n_params, dtype=dtype, requires_grad=True)
        circuit.expectation(theta, tfim(2)).backward()
    return native.name()


def _info(args: argparse.Namespace) -> int:
    import platform
    from importlib.metadata import version

    import torch

    found = {
        "qbp": version("qbp"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": str(resolve_device("auto")),
        "threads": torch.get_num_threads(),
        "kernel": _kernel(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }
    print(json.dumps(found) if args.json else "\n".join(f"{k:<8} {v}" for k, v in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
