"""Arguments of the commands that compute many runs: `qbp grid`, `qbp sweep`, `qbp collect`."""

from typing import Any

from qbp.cli.parser import JSON, Command, folder, named, number, profile, switch, valued


def grid(command: Command) -> None:
    """Add `qbp grid`."""
    own = command(
        "compute the result tables; goes on where it stopped",
        examples=["--list", "--profile quick curve", "vqe --jobs 2"],
    )
    own.add_argument("tables", nargs="*", metavar="TABLE", help="tables to compute (default all; see --list)")
    switch(own, "--list", "show the tables and what they take, compute nothing")
    profile(
        own, "--profile", "paper: as committed; quick: two seeds and twenty steps, to see it run", "paper"
    )
    number(own, "--seeds", "runs of every configuration (default as the profile says)")
    number(own, "--jobs", "processes, one thread each", 2)
    _scheduler(own, "instead of processes of this machine")
    folder(own, "--save", "folder of the tables (default results; _build/quick for quick)")
    folder(own, "--parts", "folder of finished configurations", "_build/grid")
    other = own.add_mutually_exclusive_group()
    switch(other, "--fresh", "compute anew what only other code has computed")
    switch(other, "--allow-mixed", "take what other code has computed")


def sweep(command: Command) -> None:
    """Add `qbp sweep`."""
    own = command(
        "run a chapter for every choice of its parameters; goes on where it stopped",
        "Each run is a notebook in the folder, with its rows beside it; a run counts as done when its rows "
        "are there.  Runs that fail are named, and the others go on.",
        [
            "curve -p seeds=5 -p steps=100,200 --workers 2",
            "vqe -p n=2:4 -p seeds=3 --dry-run",
            "cost-locality -p 'sizes=\"4,6,8,10\"' -p seed=0:4",
            "curve -p seeds=20 --scheduler tcp://127.0.0.1:8786",
            "curve --scheduler tls://HOST:8786 --tls-ca ca.pem --tls-cert me.pem --tls-key me.key",
        ],
    )
    own.add_argument("chapter", type=named, metavar="CHAPTER", help="name of a chapter, or a notebook's path")
    own.add_argument(
        "-p",
        action="append",
        default=[],
        metavar="NAME=VALUES",
        dest="given",
        help="a parameter of the notebook: a value, or several separated by commas; numbers also as "
        "first:last or first:last:step, both included; a text with a comma in double quotes",
    )
    number(own, "--workers", "processes of this machine, one thread each", 2)
    _scheduler(own, "instead of processes of this machine")
    own.add_argument(
        "--resources",
        action="append",
        default=[],
        metavar="NAME=AMOUNT",
        help="what each run takes of a worker, such as GPU=1; workers of this machine have that much each",
    )
    folder(own, "--out", "folder of the runs (default _build/sweeps/CHAPTER)")
    switch(own, "--dry-run", "print the grid, compute nothing")
    switch(own, "--no-dashboard", "do not serve Dask's pages")
    other = own.add_mutually_exclusive_group()
    switch(other, "--fresh", "compute anew what other code has computed")
    switch(other, "--allow-mixed", "take what other code has computed")


def collect(command: Command) -> None:
    """Add `qbp collect`."""
    own = command(
        "one table, and one figure, of the runs of a sweep",
        "Numbers of results are those of each seed after the last step; glued ones are of a whole run.  A "
        "file that cannot be read is named, and the others are taken; the exit status is then 1.",
        [
            "_build/sweeps/curve",
            "_build/sweeps/curve --csv curve.csv --plot curve.svg",
            "_build/sweeps --json",
        ],
    )
    own.add_argument("folder", type=named, metavar="DIR", help="folder of a sweep, or of several")
    own.add_argument(
        "--metrics", type=named, metavar="A,B", help="numbers to show (default all; of the figure six)"
    )
    own.add_argument("--csv", type=named, metavar="FILE", help="also write the table, a row per number")
    own.add_argument("--plot", type=named, metavar="FILE", help="also draw it, into a .svg or .png file")
    switch(own, "--json", JSON)


def _scheduler(to: Any, instead: str) -> None:
    text = f"a Dask scheduler whose workers compute, {instead}; your own: what it sends back can run code"
    valued(to, "--scheduler", text, metavar="tcp://HOST:PORT")
    more = "; by default as Dask's configuration says (distributed.comm.tls)"
    for name, of in (
        ("ca", f"for --scheduler tls://...: certificate of who signed all others{more}"),
        ("cert", "certificate of this side"),
        ("key", "its private key"),
    ):
        valued(to, f"--tls-{name}", of, type=named, metavar="FILE")
