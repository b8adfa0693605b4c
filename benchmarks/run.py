"""Run the peers side by side: one worker each, timed in turn, every answer checked first.

python -m benchmarks                              everything, an hour or more
python -m benchmarks --quick                      the small workloads, few rounds
python -m benchmarks --workloads W2,"W1 8x20" --peers qbp,qulacs
"""

import argparse
import json
import os
import re
import select
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from benchmarks import oracle, workloads
from benchmarks.workloads import Workload
from qbp.book import benchmarks as report
from qbp.results import store

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ENVIRONMENTS = HERE / ".env"
PEERS = {  # label: (adapter, environment, variables)
    "qbp": ("qbp", None, {}),
    "qbp (torch path)": ("qbp", None, {"QBP_KERNEL": "torch"}),
    "PennyLane JAX": ("pennylane_jax", "pennylane", {}),
    "PennyLane Lightning": ("lightning", "pennylane", {}),
    "TensorCircuit unrolled": ("tensorcircuit_unrolled", "tensorcircuit-ng", {}),
    "TensorCircuit scanned": ("tensorcircuit_scanned", "tensorcircuit-ng", {}),
    "Qulacs": ("qulacs", "qulacs", {}),
    "TorchQuantum": ("torchquantum", "torchquantum", {}),
    "PyTorch loop": ("torch_loop", None, {}),
}
CIRCUITS = ("W1", "W2", "W3", "W6", "W7", "W8", "W9")  # what a peer can do; the others here:
FAMILIES = {
    "qbp": (*CIRCUITS, "W4", "W5"),
    "qbp (torch path)": CIRCUITS,
    "PyTorch loop": ("W5",),
    "TorchQuantum": ("W1", "W2", "W3", "W6"),  # single precision alone
}
TOLERANCE = {"complex64": 3e-4, "float32": 3e-3, "complex128": 1e-6, "float64": 1e-6}
TRAINING = 5  # times the cap on a run, for W5, whose first run counts
ROUND_SECONDS = 0.3  # what a turn repeats a fast workload for
PAUSE = 0.2  # before a turn: the previous peer's threads go to sleep


class Failed(Exception):
    """A cell without a time, with the reason."""


@dataclass
class Limits:
    """What a cell may take."""

    compile_seconds: float
    run_seconds: float
    memory_mb: float


class Worker:
    """A peer's process."""

    def __init__(self, adapter: str, environment: str | None, variables: dict, threads: int, log) -> None:
        python = sys.executable
        if environment is not None:
            python = str(ENVIRONMENTS / environment / "bin" / "python")
        env = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBLAS", "PYTHONPATH"))}
        for name in ("OMP", "MKL", "OPENBLAS", "NUMBA", "QULACS"):
            env[f"{name}_NUM_THREADS"] = str(threads)
        eigen = "true" if threads > 1 else "false"
        env |= {
            "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={eigen}",
            "NPROC": str(threads),
            "JAX_PLATFORMS": "cpu",
        }
        self.process = subprocess.Popen(
            [python, "-W", "ignore", str(HERE / "worker.py"), adapter, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=env | variables,
            preexec_fn=lambda: _pin(threads),
            cwd=ROOT,
        )
        self.buffer, self.hello = b"", {}

    def ask(self, seconds: float, memory_mb: float, what: str, **request) -> dict:
        """Send a request and read the next line."""
        self.send(**request)
        return self.read(seconds, memory_mb, what)

    def send(self, **request) -> None:
        """Send a request."""
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed("failed: its process ended") from None

    def read(self, seconds: float, memory_mb: float, what: str) -> dict:
        """Return the next line, or raise Failed: too long, too large, or gone."""
        end, pipe = time.monotonic() + seconds, self.process.stdout.fileno()
        while b"\n" not in self.buffer:
            if not select.select([pipe], [], [], 0.1)[0]:
                if time.monotonic() > end:
                    raise Failed(f"over {seconds:.0f} s to {what}")
                if self.resident() > memory_mb:
                    raise Failed(f"over {memory_mb / 1000:.0f} GB")
                continue
            found = os.read(pipe, 1 << 16)
            if not found:
                raise Failed("failed: its process ended")
            self.buffer += found
        line, _, self.buffer = self.buffer.partition(b"\n")
        reply = json.loads(line)
        if "unsupported" in reply:
            raise Failed(f"not supported: {reply['unsupported']}")
        if "error" in reply:
            raise Failed(f"failed: {reply['error']}")
        return reply

    def resident(self) -> float:
        """Memory held by the process in MB, 0 where the system does not tell."""
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        except OSError:
            return 0.0

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def _pin(threads: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


@dataclass
class Cell:
    """A peer on a workload."""

    peer: str
    workload: Workload
    status: str = "ok"
    worker: Worker | None = None
    warm: float = float("nan")
    times: list[float] = field(default_factory=list)
    found: dict = field(default_factory=dict)
    answer: dict = field(default_factory=dict)

    def fail(self, reason: str) -> None:
        """Note why there is no time, and end the worker."""
        self.status = reason
        self.close()

    def close(self) -> None:
        """End the worker."""
        if self.worker is not None:
            self.worker.close()
            self.worker = None


# ---------------------------------------------------------------------------------------- environments


def requirements() -> list[tuple[str, list[str], list[str]]]:
    """Return (environment, options of pip, packages) as listed in requirements.txt, in its order."""
    parts: list[tuple[str, list[str], list[str]]] = []
    for line in (HERE / "requirements.txt").read_text().splitlines():
        if heading := re.match(r"# \[([\w-]+)\]\s*(.*)", line):
            parts.append((heading[1], heading[2].split(), []))
        elif line and line[0] != "#":
            parts[-1][2].append(line)
    return parts


def install(names: set[str]) -> dict[str, str]:
    """Make the environments that are missing or out of date: {name: why it could not be made}."""
    problems: dict[str, str] = {}
    for name in dict.fromkeys(name for name, _, _ in requirements() if name in names):
        parts = [part for part in requirements() if part[0] == name]
        folder, wanted = ENVIRONMENTS / name, json.dumps([part[1:] for part in parts])
        stamp = folder / ".installed"
        if stamp.is_file() and stamp.read_text() == wanted:
            continue
        print(f"installing {name} into {folder.relative_to(ROOT)} ...", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        for _, options, packages in parts:
            command = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", *options, *packages]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or ["pip failed"]
                problems[name] = f"does not install: {lines[-1][:150]}"
                break
        else:
            stamp.write_text(wanted)
    return problems


# ------------------------------------------------------------------------------------------- measuring


class Session:
    """All measurements of one invocation."""

    def __init__(self, peers: list[str], threads: int, rounds: int, limits: Limits, log) -> None:
        self.peers, self.threads, self.rounds, self.limits, self.log = peers, threads, rounds, limits, log
        self.problems: dict[str, str] = {}  # a peer that is not there
        self.dtypes: dict[str, list[str]] = {}
        self.versions: dict[str, str] = {}
        self.checked: dict[
            tuple[str, str, str], str
        ] = {}  # (peer, family and gates, dtype): "ok" or what was wrong
        self.slow: dict[str, set[str]] = {}  # family: peers that did not compile a smaller row of it in time
        self.machine: Worker | None = None

    def start(self, peer: str) -> Worker:
        """Start a peer's worker and wait until it has imported its library."""
        worker = Worker(*PEERS[peer], self.threads, self.log)
        try:
            worker.hello = worker.read(self.limits.compile_seconds + 60, self.limits.memory_mb, "import")
        except Failed:
            worker.close()
            raise
        return worker

    def meet(self) -> None:
        """Ask each peer for its versions and number types."""
        for peer in self.peers:
            if peer in self.problems:
                continue
            try:
                worker = self.start(peer)
            except (Failed, OSError) as error:
                self.problems[peer] = f"does not run: {error}"
                continue
            self.dtypes[peer] = worker.hello["dtypes"]
            self.versions[peer] = ", ".join(f"{k} {v}" for k, v in worker.hello["versions"].items())
            worker.close()

    def cells(self, workload: Workload) -> list[Cell]:
        """Return the cells of a row; ours also in every precision that a peer is confined to."""
        made, dtypes = [], {workload.dtype}
        for peer in self.peers:
            if workload.family not in FAMILIES.get(peer, CIRCUITS):
                continue
            if peer in self.slow.get(workload.family, ()):
                continue
            allowed = self.dtypes.get(peer, [workload.dtype])
            kind, dtype = workload.dtype.rstrip("0123456789"), workload.dtype  # kind: complex, float
            if dtype not in allowed:
                dtype = next((d for d in allowed if d.startswith(kind)), dtype)
            made.append(Cell(peer, replace(workload, dtype=dtype), self.problems.get(peer, "ok")))
            if workload.family not in ("W4", "W5"):
                dtypes.add(dtype)
        for dtype in sorted(dtypes - {workload.dtype}):
            made += [
                Cell(p, replace(workload, dtype=dtype))
                for p in ("qbp", "qbp (torch path)")
                if p in self.dtypes
            ]
        return made

    def check(self, cell: Cell) -> None:
        """Compare a small instance with the dense reference, once per peer, kind of circuit and precision."""
        w = cell.workload
        if w.family in ("W4", "W5"):
            return  # W4: no dense matrices of 100 qubits; W5: the plain loop is the reference, see `agree`
        key = (cell.peer, w.family + w.entangler, w.dtype)
        if key not in self.checked:
            small = workloads.small(w)
            reply = cell.worker.ask(
                2 * self.limits.compile_seconds,
                self.limits.memory_mb,
                "check",
                do="check",
                workload=small.as_json(),
            )
            right, off = oracle.answer(small), 0.0
            for name, value in reply["answer"].items():
                off = max(off, float(np.nanmax(np.abs(np.asarray(value) - right[name]))))
            self.checked[key] = (
                "ok" if off < TOLERANCE[w.dtype] else f"wrong by {off:.1e} against dense matrices"
            )
        if self.checked[key] != "ok":
            raise Failed(self.checked[key])

    def set_up(self, cell: Cell) -> None:
        """Start, check, compile and warm up one cell."""
        limits = self.limits
        try:
            cell.worker = self.start(cell.peer)
            self.check(cell)
            cell.worker.send(do="setup", workload=cell.workload.as_json())
            first = cell.worker.read(limits.compile_seconds, limits.memory_mb, "compile")
            long = TRAINING if cell.workload.family == "W5" else 1
            cell.found = first | cell.worker.read(long * limits.run_seconds, limits.memory_mb, "run")
            cell.answer, cell.warm = cell.found["answer"], cell.found["warm"]
            cell.times = [cell.warm] if long > 1 else []
        except Failed as reason:
            cell.fail(str(reason))
            if cell.status.endswith("to compile"):
                self.slow.setdefault(cell.workload.family, set()).add(cell.peer)

    def agree(self, cells: list[Cell]) -> None:
        """Compare the answers at full size with each other: the median of the peers decides."""
        ready = [cell for cell in cells if cell.status == "ok"]
        for name in {name for cell in ready for name in cell.answer} - {"total", "theta"}:
            having = [cell for cell in ready if name in cell.answer]
            middle = np.median([cell.answer[name] for cell in having], axis=0)
            scale = max(1.0, float(np.abs(middle).max()))
            for cell in having:
                off = float(np.abs(np.array(cell.answer[name]) - middle).max()) / scale
                if off > 30 * TOLERANCE[cell.workload.dtype]:
                    cell.fail(f"wrong by {off:.1e} against the others")

    def measure(self, workload: Workload, progress: tqdm) -> pd.DataFrame:
        """Measure one row: the machine, then each peer ready, then all in turn."""
        progress.set_postfix_str(f"{workload.name}: the machine")
        limits = self.limits_of_machine(workload.dtype)
        cells = self.cells(workload)
        try:
            for cell in cells:
                progress.set_postfix_str(f"{workload.name}: {cell.peer} gets ready")
                if cell.status == "ok":
                    self.set_up(cell)
            self.agree(cells)
            for turn in range(self.rounds):
                progress.set_postfix_str(f"{workload.name}: round {turn + 1} of {self.rounds}")
                for cell in cells:
                    if cell.status == "ok" and sum(cell.times) + cell.warm < self.limits.run_seconds:
                        self.turn(cell)
                    elif cell.status == "ok" and not cell.times:  # its first run alone was too long
                        cell.fail(f"over {self.limits.run_seconds:g} s to run")
        finally:
            for cell in cells:
                cell.close()
        return pd.DataFrame([self.row(workload, cell, limits) for cell in cells])

    def turn(self, cell: Cell) -> None:
        """Time one cell: the median of a fraction of a second's repetitions."""
        time.sleep(PAUSE)
        repeats = int(np.clip(ROUND_SECONDS / max(cell.warm, 1e-6), 1, 2000))
        seconds = 3 * self.limits.run_seconds
        try:
            reply = cell.worker.ask(seconds, self.limits.memory_mb, "run", do="time", repeats=repeats)
            cell.times.append(statistics.median(reply["times"]))
        except Failed as reason:
            cell.fail(str(reason))

    def limits_of_machine(self, dtype: str) -> dict[str, float]:
        """Measure the machine with the threads that the peers have."""
        if self.machine is None:
            self.machine = Worker("machine", None, {}, self.threads, self.log)
            self.machine.read(60, np.inf, "start")
        found = self.machine.ask(60, np.inf, "measure the machine", do="limits", dtype=dtype)
        return {k: v for k, v in found.items() if k != "done"}

    def row(self, workload: Workload, cell: Cell, limits: dict[str, float]) -> dict:
        """Return a cell as a row of the result table."""
        w, times = cell.workload, cell.times if cell.status == "ok" else []
        operations, moved = w.limit
        cached = (
            2 * 2.0**w.n * (16 if w.dtype == "complex128" else 8) <= 2**20
        )  # psi and lambda stay in the L2 cache
        bandwidth = limits["l2_gb_s" if cached else "copy_gb_s"]
        slower = (
            2 if w.dtype == "complex128" and workload.dtype == "complex64" else 1
        )  # GEMM was in the row's dtype
        limit = max(slower * operations / limits["gemm_gflops"], moved / bandwidth) / 1e9
        low, middle, high = np.quantile(times, [0.25, 0.5, 0.75]) if times else [np.nan] * 3
        return {
            "workload": workload.name,
            "family": w.family,
            "n": w.n,
            "layers": w.layers,
            "batch": w.batch,
            "dtype": w.dtype,
            "main": w.dtype == workload.dtype,
            "peer": cell.peer,
            "status": cell.status,
            "seconds": middle,
            "low": low,
            "high": high,
            "rounds": len(times),
            "compile_seconds": cell.found.get("compile", np.nan),
            "memory_mb": cell.found.get("memory", np.nan),
            "compile_memory_mb": cell.found.get("compile_memory", np.nan),
            "limit_seconds": limit or np.nan,
            **limits,
            "threads": self.threads,
            "note": _found(cell),
            "versions": self.versions.get(cell.peer, ""),
        }

    def close(self) -> None:
        """End what is left."""
        if self.machine is not None:
            self.machine.close()


# ------------------------------------------------------------------------------------------------- CLI


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="workloads:\n"
        + "\n".join(
            f"  {k}: {v}\n      " + ", ".join(w.name for w in workloads.ALL if w.family == k)
            for k, v in workloads.DESCRIPTIONS.items()
        )
        + "\npeers:\n  "
        + ", ".join(PEERS),
    )
    made.add_argument("--workloads", help="families or names, separated by commas (default all)")
    made.add_argument("--peers", help="names, or parts of names, separated by commas (default all)")
    made.add_argument("--rounds", type=int, help="turns of each peer (default 7; 3 with --quick)")
    made.add_argument("--threads", type=int, help="of every peer (default the cores of this machine)")
    made.add_argument(
        "--compile-cap", type=float, help="seconds until a compilation is given up (default 60)"
    )
    made.add_argument(
        "--run-cap", type=float, help="seconds of all runs of a cell (default 60; 10 with --quick)"
    )
    made.add_argument("--output", type=Path, default=store.DIRECTORY, help="folder (default results)")
    made.add_argument("--quick", action="store_true", help="small workloads, three rounds: minutes")
    made.add_argument("--install-only", action="store_true", help="make the peers' environments and stop")
    made.add_argument(
        "--keep", action="store_true", help="keep the stored rows of workloads that are not run now"
    )
    return made


def _chosen(asked: str | None, known: dict[str, str], what: str) -> list[str]:
    """Return the names asked for; `known` is {name: its family}."""
    if asked is None:
        return list(known)
    names = [word.strip() for word in asked.split(",")]
    found = []
    for name in names:
        hits = [k for k, family in known.items() if name.casefold() in (k.casefold(), family.casefold())]
        hits = hits or [k for k in known if name and name.casefold() in k.casefold()]
        if not hits:
            raise SystemExit(f"{what} must be of {', '.join(known)}; got {name!r}")
        found += hits
    return list(dict.fromkeys(found))


def main(words: list[str] | None = None) -> int:
    """Run the command line; Ctrl-C keeps the rows that are finished."""
    args = parser().parse_args(words)
    names = {w.name: w.family for w in workloads.ALL}
    if args.quick and args.workloads is None:
        names = {name: names[name] for name in workloads.QUICK}
    rows = [w for w in workloads.ALL if w.name in _chosen(args.workloads, names, "--workloads")]
    peers = _chosen(args.peers, dict.fromkeys(PEERS, ""), "--peers")
    threads = args.threads or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0])
    rounds = args.rounds or (3 if args.quick else 7)
    caps = Limits(args.compile_cap or 60, args.run_cap or (10 if args.quick else 60), 0.6 * _memory_mb())
    problems = install({PEERS[p][1] for p in peers} - {None})
    if args.install_only:
        for name, reason in problems.items():
            print(f"{name}: {reason}")
        return bool(problems)
    began, frames, kept, earlier = time.perf_counter(), [], None, 0.0
    command = shlex.join(["python", "-m", "benchmarks", *(words if words is not None else sys.argv[1:])])
    if args.keep and (entry := store.manifest(args.output).get("benchmarks")):
        command, earlier = entry["command"], entry["minutes"]  # what makes the whole table
        stored = report.load(args.output)
        kept = stored[~stored["workload"].isin([w.name for w in rows])]
    with tempfile.TemporaryFile("w+") as log:
        session = Session(peers, threads, rounds, caps, log)
        session.problems = {p: problems[PEERS[p][1]] for p in peers if PEERS[p][1] in problems}
        try:
            session.meet()
            progress = tqdm(rows, file=sys.stderr, unit="row")
            for workload in progress:
                frames.append(session.measure(workload, progress))
                table = _ordered([*frames, *([kept] if kept is not None else [])])
                minutes = earlier + (time.perf_counter() - began) / 60
                report.save(table, command=command, minutes=minutes, directory=args.output)
        except KeyboardInterrupt:
            print("interrupted: finished rows are kept", file=sys.stderr)
        finally:
            session.close()
    if not frames:
        return 130
    print(report.markdown(report.load(args.output)))
    return 130 if len(frames) < len(rows) else 0


def _found(cell: Cell) -> str:
    """Return what W4 found: the sum over parameters and its relative error, or the bound."""
    if "total" not in cell.answer:
        return ""
    total, error, bound = cell.answer["total"][:3]
    return f"{total:.3g} +- {error:.1%}" if error <= 0.05 else f"below {bound:.1g} at 95 %"


def _ordered(frames: list[pd.DataFrame]) -> pd.DataFrame:
    table, order = pd.concat(frames, ignore_index=True), {w.name: i for i, w in enumerate(workloads.ALL)}
    return table.sort_values("workload", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def _memory_mb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6
