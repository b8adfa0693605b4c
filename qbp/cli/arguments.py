"""Arguments of each command of `qbp`: a function per command, its options built from the fields of the
configurations.  :mod:`qbp.cli.commands` has what the commands do.

Nothing here loads torch until a command that has configurations is parsed: `qbp --help` is quick.
"""

from collections.abc import Iterable, Mapping
from dataclasses import Field, fields
from functools import partial
from typing import Any, get_args

from qbp import __version__
from qbp.cli import diagnose, labs, sweep_arguments
from qbp.cli.parser import JSON, Command, Parser, folder, named, number, option, profile, switch, valued

OWN = ("experiment", "method", "algorithm")  # fields that `qbp run` spells in its own way
VALUES = {int: "N", float: "X", str: "NAME"}  # what an option's value is called in its help
NAMED = {"mnist": "DIR", "rotations": "A,B", "qubits": "N-M", "layers": "N"}  # where words say more


def parser() -> Parser:
    """Return the parser of `qbp`; what it parses has the command's `name`."""
    whole = Parser(
        prog="qbp",
        description="Two stages against the barren plateau: run, measure, reproduce.",
        epilog="Exit status: 0, done; 1, a check found a mismatch or a part failed; 2, bad input, said in "
        "one line; 130, interrupted, and what was finished is kept.  `qbp COMMAND --help` has examples.",
    )
    whole.add_argument("--version", action="version", version=f"qbp {__version__}")
    commands = whole.add_subparsers(dest="name", metavar="COMMAND", parser_class=Parser)
    measured = (_run, _variance, _circuit, *diagnose.ARGUMENTS, _claims, _terrain)
    swept = (sweep_arguments.grid, sweep_arguments.sweep, sweep_arguments.collect)
    for add in (
        *measured,
        _recommend,
        _verify,
        *swept,
        _reproduce,
        _refresh,
        _readme,
        *labs.ARGUMENTS,
        _info,
    ):
        add(partial(_command, commands, add.__name__.strip("_")))
    return whole


def _command(commands: Any, name: str, does: str, more: str = "", examples: Iterable[str] = ()) -> Parser:
    """Add a command: `does` for the list of commands, `more` for its own help, then the examples."""
    said = f"{does[0].upper()}{does[1:]}.  {more}".strip()
    lines = "\n".join(["examples:", *(f"  qbp {name} {words}".rstrip() for words in examples)])
    return commands.add_parser(name, help=does, description=said, epilog=lines if examples else None)


def _run(command: Command) -> None:
    own = command(
        "train methods on one experiment and compare them on the same seeds",
        "All methods share start, batches and number of steps.  What it prints is each metric after the last "
        "step, the mean over seeds with its 95 % bootstrap interval.  --json has the values of every seed, "
        "the mean at every recorded step, the paired differences between methods, and every option as well.",
        [
            "curve --methods two-stage,no-init,sellier --seeds 5",
            "curve --reading as-released --seeds 1 --json > curve.json",
            "mnist --methods two-stage-ridge,no-init --save tables",
            "vqe --hamiltonian tfim --qubits 4 --layers 4 --methods random,two-stage --shots 10 --seeds 5",
            "pqc --methods two-stage,no-init,mlp --seeds 5",
            "cloning --methods two-stage,no-init --layers 1 --seeds 2 --steps 110",
            "vqe --qubits 6 --layers 6 --methods random,two-stage,warm,rotosolve --shots 10 --seeds 5",
            "pqc --methods no-init,ridge-once,varpro --seeds 5 --steps 60",
        ],
    )
    own.fill = _fields_of_run
    own.usage = "%(prog)s experiment [--methods A,B] [--seeds N] [--json] [further options]"
    own.add_argument(
        "experiment",
        help="curve, telecom or mnist: the paper's, with perceptrons; vqe: a circuit prepares a ground state "
        "or another target; pqc: the regression circuit of the later notebook; fit: the same circuit with a "
        "readout fitted by least squares, on several data sets; ground: ground states in a small span; "
        "cloning and wine: the later versions' attack on BB84 and their regression; remedies: circuits by "
        "every known remedy, on equal evaluations and shots",
    )


def _fields_of_run(own: Parser) -> None:
    from qbp.algorithm_1 import TwoStageConfig
    from qbp.baseline.loop import SellierConfig
    from qbp.baseline.waves import WaveConfig
    from qbp.experiments import circuits, registry, regression
    from qbp.experiments.fits import ground, methods
    from qbp.experiments.later_versions import cloning, wine
    from qbp.experiments.perceptrons import METHODS, Experiment
    from qbp.experiments.remedies import configuration

    own.add_argument(
        "--methods",
        type=named,
        metavar="A,B",
        default="two-stage,no-init",
        help=f"of {', '.join(METHODS)}; for vqe {', '.join(circuits.METHODS)}; for pqc "
        f"{', '.join(regression.METHODS)}, or those of fit: {', '.join(methods.METHODS)}; for ground "
        f"{', '.join(ground.METHODS)}; for cloning {', '.join(cloning.METHODS)}; for wine "
        f"{', '.join(wine.METHODS)}; for remedies, and for vqe with another than its own, "
        f"{', '.join(configuration.METHODS)}; random is another name of no-init (default two-stage,no-init)",
    )
    shown = _fields(own, Experiment)
    released = {f.name: f.default for f in fields(SellierConfig)}
    algorithms = {
        "Algorithm 1": TwoStageConfig,
        "Sellier, as described": WaveConfig,
        "Sellier, as released": SellierConfig,
        "Remedies": configuration.RemedyConfig,
    }
    for title, kind in algorithms.items():  # a name that two share is one option; help shows both defaults
        shown |= _fields(own.add_argument_group(title), kind, shown, released)
    shown |= {f.name: getattr(TwoStageConfig(), f.name) for f in fields(TwoStageConfig)}
    shown |= {f.name: getattr(Experiment("curve"), f.name) for f in fields(Experiment)}
    for experiment, kind in registry.KINDS.items():
        if kind.config is not Experiment:
            others = _other_defaults(kind.config, shown)
            shown |= _fields(own.add_argument_group(experiment, others), kind.config, shown)
    squares = "of fit and ground; --damping of fit is that of the first step of varpro and lm (default 1)"
    _fields(own.add_argument_group("Least squares", squares), methods.SquaresConfig, shown)
    switch(own, "--json", JSON)
    folder(own, "--save", "also write the runs as a table with a manifest into this folder")


def _variance(command: Command) -> None:
    own = command(
        "gradient variance against the number of qubits",
        "Angles are uniform on [0, 2 pi) unless --angles says otherwise.  A row for each size as it is done: "
        "the variance with its standard error, a 95 % upper bound and log2; then the decay fitted in bits "
        "per qubit.",
        [
            "--qubits 2-8 --layers 10 --observable zz",
            "--qubits 4,6,8 --layers 2n --observable global --json",
            "--qubits 1000 --layers 10 --observable tfim",
        ],
    )
    own.fill = _fields_of_variance
    own.add_argument("--plot", type=named, metavar="FILE", help="also draw it, into a .svg or .png file")
    switch(own, "--json", JSON)


def _fields_of_variance(own: Parser) -> None:
    from qbp.studies.variance_studies import Study

    _fields(own, Study)


def _circuit(command: Command) -> None:
    own = command(
        "read a circuit from an OpenQASM file and say what is in it",
        "Gates, rotations, parameters, and what an expectation can depend on.  A file that cannot be read is "
        "refused with its line and column.",
        ["ansatz.qasm", "trained.qasm --angles equal --json"],
    )
    own.add_argument("file", type=named, metavar="FILE", help="OpenQASM 2 or 3")
    words = "numbers in a file without inputs: free, each a parameter; equal, one for a and -a; file, fixed"
    valued(own, "--angles", words, "free", metavar="NAME")
    switch(own, "--json", JSON)


def _claims(command: Command) -> None:
    own = command(
        "the paper's claims, measured on the committed tables",
        "The change is relative, from the other method to the two-stage method, with a 95 % interval.",
        [
            "",
            "--json > claims.json",
            "mnist-sellier-as-written",
            "curve-no-init-as-written --rerun --seeds 3",
        ],
    )
    own.add_argument("ids", nargs="*", metavar="ID", help="rows to show (default all); --json has their ids")
    switch(own, "--rerun", "train again what these rows are measured on, and measure them")
    number(own, "--seeds", "runs with --rerun (default as committed)")
    form = own.add_mutually_exclusive_group()
    switch(form, "--json", "print a JSON list to standard output and nothing else")
    switch(form, "--markdown", "print the table of README.md")


def _terrain(command: Command) -> None:
    own = command(
        "curvature, gradients by layer and barriers where Stage 1 starts and ends",
        "Of two-stage and no-init, at the start, where Stage 1 ends, and after the last step.",
        ["curve --seeds 5", "vqe --frame clifford", "mnist --json > terrain.json"],
    )
    own.add_argument("experiment", help="one of curve, telecom, mnist, vqe")
    number(own, "--seeds", "number of runs", 20)
    number(own, "--seed", "seed of the first run", 0)
    number(own, "--steps", "training steps (default 500, of vqe 300)")
    own.add_argument("--hamiltonian", metavar="NAME", help="of vqe: the task (default tfim)")
    own.add_argument("--frame", metavar="NAME", help="of vqe: plain or clifford (default plain)")
    switch(own, "--json", JSON)
    folder(own, "--save", "also write the table with a manifest into this folder")


def _recommend(command: Command) -> None:
    own = command(
        "name the remedies that ended lowest on a task like this one",
        "Reads the committed tables of remedies, and says what the answer rests on: the rows at the nearest "
        "size and shots, their seeds, and which others cannot be told from the best.  Nothing is run.",
        ["--hamiltonian tfim --qubits 8 --shots 100", "--hamiltonian molecule --json"],
    )
    valued(own, "--hamiltonian", "the task", "tfim", metavar="NAME")
    number(own, "--qubits", "number of qubits", 6)
    number(own, "--shots", "measurements per circuit and setting (default exact values)")
    switch(own, "--json", JSON)


def _verify(command: Command) -> None:
    own = command(
        "check the committed tables, and compute a sample of their rows again",
        "A mismatch is named with its table, row, both values and the command of the row; the exit status is "
        "then 1.",
        ["--rows 20", "--tables curve,vqe --rows 4 --seed 1", "--skip-recompute"],
    )
    number(own, "--rows", "rows to compute again", 20)
    number(own, "--seed", "seed of the sample (default: drawn, and printed)")
    own.add_argument(
        "--tables", type=named, metavar="A,B", help="tables to check (default all, and what pages print)"
    )
    folder(own, "--results", "folder of the tables (default the committed ones)")
    switch(own, "--skip-recompute", "check what is stored, compute nothing")
    switch(own, "--allow-older", "name tables that other code has made, but let them pass")
    switch(own, "--json", JSON)


def _reproduce(command: Command) -> None:
    own = command(
        "run every chapter at a profile into a copy of the book",
        "`make reproduce` does this and builds the pages from it; README.md has the command for one chapter.",
        ["", "--profile paper --out _build/paper"],
    )
    profile(own, "--profile", "quick: seconds a chapter; paper: the seeds of the committed results", "quick")
    folder(own, "--out", "folder of the copy, made anew", "_build/reproduced")
    number(own, "--jobs", "chapters at a time", 1)


def _refresh(command: Command) -> None:
    own = command(
        "execute chapters in place, as they are stored",
        "For authors: where an output is meant to change.  `make refresh` sets one thread first, and the\n"
        "instructions that every CPU has; `make refresh REFRESH=curve` does so for one chapter.",
    )
    own.add_argument("chapters", nargs="*", metavar="CHAPTER", help="name of a chapter (default all)")


def _readme(command: Command) -> None:
    command(
        "fill in the computed parts of README.md",
        "For authors: the claims table, the line counts and the figure, from the committed tables.",
    )


def _info(command: Command) -> None:
    own = command("versions, device, threads, kernel in use")
    switch(own, "--json", JSON)


def _fields(
    to: Any, config: type, shown: Iterable[str] = (), released: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Add an option for each field that is not shown yet; return {name: default} of those."""
    new = [f for f in fields(config) if f.name not in {*shown, *OWN}]
    for f in new:
        kind = next((t for t in VALUES if t is f.type or t in get_args(f.type)), str)
        text = f.metadata["help"].removeprefix(f"{getattr(to, 'title', '')}: ")  # its group says it
        to.add_argument(
            option(f.name),
            type=named if kind is str else kind,
            default=None,
            metavar=NAMED.get(f.name, VALUES[kind]) if kind is str else VALUES[kind],
            help=(text + _default(f, (released or {}).get(f.name, f.default))).replace("%", "%%"),
        )
    return {f.name: f.default for f in new}


def _default(f: Field, released: Any) -> str:
    """Return a field's default in words, where its help does not say it."""
    if f.default is None or "default" in f.metadata["help"]:
        return ""
    other = "" if released == f.default else f"; as released {_plain(released)}"
    return f" (default {_plain(f.default)}{other})"


def _other_defaults(config: type, shown: Mapping[str, Any]) -> str | None:
    """Say where a configuration has another default than the options above it."""
    example = config()
    own = {f.name: getattr(example.algorithm, f.name) for f in fields(example.algorithm)}
    own |= {f.name: getattr(example, f.name) for f in fields(config) if f.name not in OWN}
    words = [f"{option(n)} {_plain(v)}" for n, v in own.items() if n in shown and shown[n] != v]
    return f"options above have other defaults here: {', '.join(words)}" if words else None


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
