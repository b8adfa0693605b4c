"""Tools asked about the circuits of plateau_suite.toml, and their answers scored.

python -m benchmarks.plateau_score                        qbp, its suite score and false alarms
python -m benchmarks.plateau_score --tool qmlkit          a peer, in an environment of its own
python -m benchmarks.plateau_score --only "two rings"     families whose name has this in it
"""

import argparse
import json
import subprocess
import sys
import time
import venv
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.plateau_suite import SETS, Case, Entry, entries
from qbp.circuits.observables import PauliSum, Projector
from qbp.interchange.export import common_gates, names_of
from qbp.plateaus.diagnosis.examination import diagnose
from qbp.plateaus.diagnosis.report import Diagnosis

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results" / "plateau-suite.json"
VERDICTS = ("plateau", "no plateau", "cannot say")
CLOSE = 0.15  # relative difference up to which a rate without an interval is right
PEERS = {  # name on PyPI: what is installed; torch is in none of these
    "qmlkit": ["qmlkit==0.3.0"],
    "ansatz-search": ["ansatz-search==0.1.0"],
    "hilbertbench": ["hilbertbench==1.0.0"],
    "landscape-tools": ["landscape-tools==0.4.9"],
}
LARGEST, GATES, SIZES = (
    8,
    1500,
    4,
)  # of what peers get: all hold state vectors
CAUSES = {  # words of peers: ours
    "PLATEAU_NOISE": "noise",
    "PLATEAU_COST_GLOBALITY": "observable",
    "PLATEAU_EXPRESSIBILITY": "expressiveness",
    "PLATEAU_ENTANGLEMENT": "input state",
}
WORDS = {  # names of qbp's changes: the sources of plateau_suite.toml
    "noise": "noise",
    "global-observable": "observable",
    "depth": "expressiveness",
    "entanglement": "expressiveness",
    "start-state": "input state",
}


@dataclass(frozen=True)
class Answer:
    """What a tool says of a family.

    Attributes:
        name: of the family.
        verdict: one of VERDICTS.
        causes: names as in plateau_suite.toml.
        rate, low, high: bits per qubit and its interval, None where it gives none.
        dead: {number of qubits: parameters that it calls dead}, empty where it names none.
        seconds: of a processor that it took.
        note: why it cannot say.
    """

    name: str
    verdict: str = "cannot say"
    causes: tuple[str, ...] = ()
    rate: float | None = None
    low: float | None = None
    high: float | None = None
    dead: dict[int, frozenset[int]] | None = None
    seconds: float = 0.0
    note: str = ""


# ------------------------------------------------------------------------------------------------- qbp


def ask_qbp(entry: Entry, cases: dict[int, Case]) -> Diagnosis:
    """Report of `qbp.diagnose` on a family: the one place to change when its arguments do."""
    largest = cases[max(cases)]
    pairs = [(case.circuit, case.H) for case in cases.values()]
    ensembles = {n: case.ensemble for n, case in cases.items()}
    return diagnose(
        largest.circuit, largest.H, family=pairs, ensemble=lambda circuit: ensembles[circuit.n_qubits]
    )


def from_report(name: str, report: Diagnosis) -> Answer:
    """Answer of a report of `qbp.diagnose`: the one place that knows the names of its fields."""
    causes = tuple(dict.fromkeys(WORDS[cause.name] for cause in report.causes if cause.name in WORDS))
    dead = {report.n_qubits: frozenset(one.index for one in report.dead)}
    if report.rate is None:
        return Answer(name, report.verdict, causes, None, None, None, dead)
    rate = report.rate
    return Answer(name, report.verdict, causes, -rate.slope, -rate.high, -rate.low, dead)


def qbp_answers(listed: Iterable[Entry]) -> Iterator[Answer]:
    """Answers of qbp, one after another; an error is "cannot say", with its words."""
    for entry in listed:
        start, cases = time.process_time(), {n: entry.at(n) for n in entry.sizes}
        try:
            answer = from_report(entry.name, ask_qbp(entry, cases))
        except Exception as error:
            answer = Answer(entry.name, note=f"{type(error).__name__}: {error}")
        yield replace(answer, seconds=round(time.process_time() - start, 2))


# ----------------------------------------------------------------------------------------------- peers


def plain(entry: Entry) -> dict[str, Any]:
    """A family as a line of input of plateau_peers.py: its smaller sizes, gate by gate."""
    sizes = [n for n in entry.sizes if 2 < n <= LARGEST]
    cases = [made for n in sizes if len((made := _plain(n, entry.at(n)))["gates"]) <= GATES or n == sizes[0]]
    ensemble = entry.at(cases[-1]["n"]).ensemble
    of = {"kind": ensemble.kind, "width": ensemble.width} if ensemble and ensemble.kind != "full" else None
    return {"name": entry.name, "ensemble": of, "noise": entry.noise, "cases": cases[-SIZES:]}


def _plain(n: int, case: Case) -> dict[str, Any]:
    index = {name: k for k, name in enumerate(names_of(case.circuit))}
    gates: list[list[Any]] = []
    for gate in common_gates(case.circuit):
        angle: Any = None
        if gate.angle is not None and gate.angle.terms:
            ((name, scale),) = gate.angle.terms
            angle = [index[name], scale, gate.angle.constant]
        elif gate.angle is not None:
            angle = gate.angle.constant
        gates.append([gate.name, list(gate.qubits), angle])
    return {"n": n, "n_params": case.circuit.n_params, "gates": gates, "H": _strings(n, case)}


def _strings(n: int, case: Case) -> dict[str, float]:
    """Strings of the observable; of a projector all strings of I and Z."""
    if isinstance(case.H, Projector):
        bits = (format(k, f"0{n}b").translate(str.maketrans("01", "IZ")) for k in range(2**n))
        return {string: 2.0**-n for string in bits}
    assert isinstance(case.H, PauliSum)
    return dict(case.H.terms)


def peer_answers(peer: str, listed: list[Entry], environments: Path) -> tuple[str, list[Answer], list[Any]]:
    """Version of a peer, its answers, and what it printed.

    Each answer is kept when it comes, in answers.jsonl beside the environment of the peer: what stopped on
    the way goes on there.  To ask again, remove that file.
    """
    python, kept = environments / peer / "bin" / "python", environments / peer / "answers.jsonl"
    if not python.is_file():
        venv.create(environments / peer, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PEERS[peer]], check=True)
    before = [json.loads(line) for line in kept.read_text().splitlines()] if kept.is_file() else []
    found = {row["name"]: row for row in before if "name" in row}
    left = [entry for entry in listed if entry.name not in found]
    command = [str(python), "-W", "ignore", str(HERE / "plateau_peers.py"), peer]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asked:
        assert asked.stdin is not None and asked.stdout is not None
        first = json.loads(asked.stdout.readline())
        for done, entry in enumerate(left, len(listed) - len(left)):
            print(f"{done} of {len(listed)} families: {entry.name}", file=sys.stderr)
            asked.stdin.write(json.dumps(plain(entry)) + "\n")
            asked.stdin.flush()
            if not (line := asked.stdout.readline()):
                raise ValueError(f"{peer} stopped at {entry.name}")
            found[entry.name] = json.loads(line)
            with kept.open("a") as file:
                file.write(line)
        asked.stdin.close()
    rest = [found[entry.name] for entry in listed]
    return first["version"], [_of_peer(row) for row in rest], rest


def _of_peer(found: dict[str, Any]) -> Answer:
    causes = tuple(dict.fromkeys(CAUSES[code] for code in found.get("causes", ()) if code in CAUSES))
    verdict, note = found["verdict"] or "cannot say", found.get("note", "")
    dead = {int(n): frozenset(indices) for n, indices in found.get("dead", {}).items()}
    rate, seconds = found.get("rate"), found["seconds"]
    return Answer(found["name"], verdict, causes, rate=rate, dead=dead, seconds=seconds, note=note)


# ---------------------------------------------------------------------------------------------- scores


def judge(entry: Entry, answer: Answer) -> dict[str, bool | None]:
    """Whether verdict, cause, rate and dead parameters are right; None where that is not asked or not said.

    "cannot say" is not right.  A rate is right if its interval has the label's, or without one within 15 %.
    """
    right: dict[str, bool | None] = {"verdict": answer.verdict == entry.verdict}
    plateau = entry.verdict == answer.verdict == "plateau"
    right["cause"] = bool(set(answer.causes) & set(entry.causes)) if plateau else None
    right["rate"] = None
    if plateau and answer.rate is not None and entry.rate is not None:
        near = CLOSE * entry.rate
        low, high = (
            (answer.low, answer.high)
            if answer.low is not None and answer.high is not None
            else (answer.rate - near, answer.rate + near)
        )
        right["rate"] = low <= entry.rate <= high
    elif plateau and answer.rate is not None and entry.at_least is not None:
        right["rate"] = (answer.rate if answer.high is None else answer.high) >= entry.at_least
    said = (answer.dead or {}).items()
    right["dead"] = all(entry.dead_at(n) == found for n, found in said) if entry.dead and said else None
    return right


def score(listed: Iterable[Entry], answers: Iterable[Answer]) -> dict[str, Any]:
    """Counts for the suite, and false alarms on the trainable circuits.

    Returns:
        ``suite``: {"families", "verdict", "cannot say", "cause", "rate", "dead"}, each of the last three
        [right, asked]; ``false_alarms``: names of trainable circuits called a plateau; ``rows``.
    """
    by_name = {answer.name: answer for answer in answers}
    rows = []
    for entry in listed:
        answer = by_name[entry.name]
        shown = asdict(answer) | {"dead": {n: sorted(k) for n, k in (answer.dead or {}).items()}}
        label = {"set": entry.set, "label": entry.verdict, "known_rate": entry.rate}
        label |= {"known_causes": entry.causes, "sources": entry.sources, "why": entry.why}
        rows.append(shown | label | {"right": judge(entry, answer)})
    suite = [row for row in rows if row["set"] == "suite"]
    trainable = [row for row in rows if row["set"] == "trainable"]
    counts: dict[str, Any] = {
        "families": len(suite),
        "verdict": sum(row["right"]["verdict"] for row in suite),
        "cannot say": sum(row["verdict"] == "cannot say" for row in suite),
    }
    for what in ("cause", "rate", "dead"):
        asked = [row["right"][what] for row in suite if row["right"][what] is not None]
        counts[what] = [sum(asked), len(asked)]
    alarms = [row["name"] for row in trainable if row["verdict"] == "plateau"]
    return {"suite": counts, "trainable": len(trainable), "false_alarms": alarms, "rows": rows}


def main(words: list[str] | None = None) -> int:
    """Ask one tool, print its score, and keep it in a file beside those of the others."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tool", choices=("qbp", *PEERS), default="qbp")
    parser.add_argument("--set", choices=SETS, help="one of the two sets alone")
    parser.add_argument("--only", default="", help="families whose name has this in it")
    parser.add_argument("--environments", type=Path, default=HERE / ".env", help="folder of the peers'")
    parser.add_argument("--save", type=Path, help=f"file to keep the answers in, such as {RESULTS.name}")
    args = parser.parse_args(words)
    listed = [e for e in entries() if args.only in e.name and args.set in (None, e.set)]
    raw: list[Any] = []
    if args.tool == "qbp":
        which, answers = version("qbp"), list(qbp_answers(listed))
    else:
        which, answers, raw = peer_answers(args.tool, listed, args.environments)
    found = score(listed, answers)
    found |= {"version": which, "date": datetime.now(UTC).date().isoformat(), "raw": raw}
    for row in found["rows"]:
        mark = {True: "right", False: "wrong", None: ""}[row["right"]["verdict"]]
        mark = "-" if row["verdict"] == "cannot say" else mark
        print(f"{row['name']:<52} {row['label']:<11} {row['verdict']:<11} {mark:<6} {row['note'][:60]}")
    print(json.dumps({name: found[name] for name in ("version", "suite", "trainable", "false_alarms")}))
    if args.save:
        before = json.loads(args.save.read_text()) if args.save.is_file() else {}
        args.save.write_text(json.dumps(before | {args.tool: found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
