"""Checks and times on a GPU, in under ten minutes: `python -m benchmarks.gpu`, on a machine that has one.

It runs the unit tests of the core on the device, every experiment at a small size, Algorithm 1 and a chapter
by papermill, compares each number with the CPU's, and times W1, W2 and W5 (`benchmarks.workloads`) beside
libraries that are installed and see the GPU.  One file comes of it, results/gpu.json, which the page
*Performance* shows.  `--device cpu --quick` takes the same way without a GPU, to see that it works.
"""

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import qbp
from benchmarks.workloads import Workload
from qbp import _files, draws
from qbp.circuits import problems
from qbp.sweeps import axes, notebook

ROOT = Path(__file__).resolve().parents[1]
AGREE = 1e-9  # of the largest number of its kind, after at most 100 steps in float64
CHAPTER = ("first-circuit", {"seeds": 2, "steps": 20})
# Libraries that compute on a GPU where their JAX does; the adapters of `make bench`.
PEERS = {
    "PennyLane JAX": "pennylane_jax",
    "TensorCircuit unrolled": "tensorcircuit_unrolled",
    "TensorCircuit scanned": "tensorcircuit_scanned",
}
SMALL = {"qubits": 4, "layers": 4, "seeds": 2, "record_every": 10}
EXPERIMENTS: dict[str, Callable[..., Any]] = {
    "curve": lambda **o: qbp.Experiment("curve", seeds=2, **o),
    "telecom": lambda **o: qbp.Experiment("telecom", seeds=2, **o),
    "mnist": lambda **o: qbp.Experiment("mnist", seeds=2, **o),
    "vqe": lambda **o: qbp.CircuitExperiment(**SMALL, **o),
    "vqe, ten shots": lambda **o: qbp.CircuitExperiment(shots=10, **SMALL, **o),
    "pqc": lambda **o: qbp.RegressionExperiment(seeds=2, **o),
}


def apart(there: Any, here: Any) -> float:
    """Return the largest distance of two arrays, as a share of the second one's largest number."""
    a, b = (
        np.asarray(x.detach().cpu() if isinstance(x, torch.Tensor) else x, dtype=float) for x in (there, here)
    )
    if a.shape != b.shape or not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return float("inf")
    ok = np.isfinite(b)
    return float(abs(a - b)[ok].max(initial=0.0) / max(abs(b[ok]).max(initial=0.0), 1e-12))


def unit_tests(device: str, quick: bool) -> dict[str, Any]:
    """Run the tests of the core on the device; for the CPU its stand-in, an emulated one."""
    env = {**os.environ, **({} if device == "cpu" else {"QBP_TEST_DEVICE": device})}
    chosen = "refuses" if quick else "not chapters"
    words = ["-q", "-x", "-p", "no:cacheprovider", "-k", chosen, "tests/test_accelerator.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
    )
    last = (done.stdout.strip().splitlines() or ["no output"])[-1].strip("= ")
    return {
        "name": "unit tests of the core",
        "agrees": done.returncode == 0,
        "apart": None,
        "said": last[:200],
    }


def experiments(device: str, quick: bool) -> Iterator[dict[str, Any]]:
    """Run every experiment on the device and on the CPU."""
    for name in ("curve", "vqe") if quick else EXPERIMENTS:
        steps = 3 if quick else 100 if name in ("curve", "vqe", "pqc") else 20
        there, here = (qbp.run(EXPERIMENTS[name](steps=steps, device=where)) for where in (device, "cpu"))
        worst = max(apart(there.history[metric], values) for metric, values in here.history.items())
        yield _compared(f"{name}, {steps} steps", worst)


def algorithm_1(device: str, quick: bool) -> dict[str, Any]:
    """Run Algorithm 1 on a circuit on the device and on the CPU."""
    steps, found = 5 if quick else 100, []
    for where in (device, "cpu"):
        circuit, H, local = qbp.HardwareEfficient(4, 3), qbp.tfim(4), qbp.local_observables(4)
        targets = problems.product_state_targets(H, local)[0].to(where)
        theta = draws.uniform(range(3), "start", circuit.n_params).to(where)
        config = qbp.TwoStageConfig(
            steps=steps, stage_1_steps=steps // 3, optimizer="adam", eta_c=0.1, eta_n=0.1
        )
        found.append(qbp.two_stage(problems.circuit_problem(circuit, H, local, targets), config, theta)[0])
    return _compared(f"Algorithm 1, {steps} steps", apart(*found))


def chapter(device: str, quick: bool) -> dict[str, Any]:
    """Run a chapter by papermill with `device`, and compare what it leaves with the CPU's."""
    name, given = CHAPTER
    source = axes.read(axes.find(name))
    ran = [
        notebook.execute(source, {**given, "device": where}, str(ROOT / "book"), notebook.code_digest(source))
        for where in dict.fromkeys((device, "cpu"))
    ]
    if errors := [one.error for one in ran if one.error]:
        return _compared(f"chapter {name}", float("inf"), errors[0])
    first, last = ([row.value for row in one.rows] for one in (ran[0], ran[-1]))
    return _compared(f"chapter {name}, as printed", apart(first, last), limit=1e-3)


def _compared(name: str, worst: float, said: str = "", limit: float = AGREE) -> dict[str, Any]:
    return {
        "name": name,
        "agrees": worst <= limit,
        "apart": worst if np.isfinite(worst) else None,
        "said": said,
    }


def checks(device: str, quick: bool) -> Iterator[dict[str, Any]]:
    """Yield each check: its name, whether it holds, how far the numbers are apart, what was said."""
    yield unit_tests(device, quick)
    yield from experiments(device, quick)
    yield algorithm_1(device, quick)
    yield chapter(device, quick)


# ------------------------------------------------------------------------------------------------------ times


def workloads(quick: bool) -> list[Workload]:
    """Return what is timed: W1 and W2 at 12 to 28 qubits, W5 for each experiment of perceptrons.

    W1 has 200 vectors at 12 qubits, and fewer above: as many amplitudes, until one vector has more.
    """
    sizes = (4, 6) if quick else (12, 16, 20, 24, 26, 28)
    base = 4 if quick else 12
    found = [Workload(f"W1 n={n}", "W1", n, 20, max(1, 200 >> (n - base))) for n in sizes]
    found += [Workload(f"W2 n={n}", "W2", n, 10, 1, "tfim") for n in sizes]
    steps, tasks = (5, ("curve",)) if quick else (500, ("curve", "telecom", "mnist"))
    return [
        *found,
        *(Workload(f"W5 {task}", "W5", 0, 0, 20, task, "float64", samples=steps) for task in tasks),
    ]


def prepared(w: Workload, device: str) -> Callable[[], Any]:
    """Return the function to time, which ends when the device has."""
    if w.family == "W5":
        options = {"seeds": w.batch, "steps": w.samples, "device": device}
        configs = [qbp.Experiment(w.observable, method=m, **options) for m in ("no-init", "two-stage")]
        return lambda: [qbp.run(config) for config in configs]
    circuit, H = qbp.HardwareEfficient(w.n, w.layers), qbp.PauliSum(w.terms)
    theta = torch.tensor(w.theta, dtype=torch.float32, device=device).requires_grad_(w.batch > 1)

    def run() -> Any:
        theta.grad = None
        if w.batch == 1:
            found = circuit.value_and_gradient(theta, H)
        else:
            circuit.expectation(theta, H).sum().backward()
            found = theta.grad
        if theta.device.type == "cuda":
            torch.cuda.synchronize()
        return found

    return run


def seconds(run: Callable[[], Any], budget: float) -> dict[str, Any]:
    """Return the first call's time, and the median and quartiles of three or more within a budget."""
    began, times = time.perf_counter(), list[float]()
    run()
    first = time.perf_counter() - began
    while len(times) < 3 or (len(times) < 30 and sum(times) < min(0.5, budget)):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
        if first + sum(times) > budget:
            break
    low, middle, high = np.quantile(times, [0.25, 0.5, 0.75])
    assert low <= statistics.median(times) <= high
    return {"seconds": middle, "low": low, "high": high, "rounds": len(times), "first": first, "status": "ok"}


def timed(w: Workload, peer: str, device: str, budget: float) -> dict[str, Any]:
    """Return one row of the table; a row that has no time says why."""
    row = {"workload": w.name, "family": w.family, "n": w.n, "batch": w.batch, "dtype": w.dtype, "peer": peer}
    try:
        if peer == "qbp":
            return row | seconds(prepared(w, device), budget)
        if peer == "qbp (CPU)":
            if w.n > 20:
                return row | {"status": "not run above 20 qubits"}
            return row | seconds(prepared(w, "cpu"), budget)
        adapter = importlib.import_module(f"benchmarks.peers.{PEERS[peer]}")
        if device != "cpu" and importlib.import_module("jax").default_backend() == "cpu":
            return row | {"status": "its JAX sees no GPU"}
        return row | seconds(adapter.prepare(replace(w)), budget)
    except ImportError:
        return row | {"status": "not installed"}
    except NotImplementedError:
        return row | {"status": "not supported"}
    except (RuntimeError, MemoryError, ValueError) as error:  # too large, for memory above all
        return row | {"status": " ".join(str(error).split())[:120] or type(error).__name__}


def machine(device: str) -> dict[str, str]:
    """Return what was measured on: the device, its driver's CUDA, versions."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.processor() or "CPU"
    return {"device": device, "name": name, "torch": torch.__version__, "cuda": torch.version.cuda or "none"}


def main(words: list[str] | None = None) -> int:
    """Run the command; 0: every number agrees; 1: one does not; 2: there is no such device."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--device", default="cuda", help="cuda, cuda:1, ...; cpu for a rehearsal (default cuda)"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: see that it runs, in seconds")
    parser.add_argument(
        "--minutes", type=float, default=9.0, help="after which nothing more is begun (default 9)"
    )
    parser.add_argument("--out", help="file (default results/gpu.json; of the CPU _build/gpu.json)")
    args = parser.parse_args(words)
    if args.device != "cpu" and not torch.cuda.is_available():
        print("there is no CUDA device here: nothing was run (--device cpu is a rehearsal)", file=sys.stderr)
        return 2
    began, end = time.monotonic(), time.monotonic() + 60 * args.minutes
    out = (
        Path(args.out) if args.out else ROOT / ("_build" if args.device == "cpu" else "results") / "gpu.json"
    )
    checked, rows = list[dict[str, Any]](), list[dict[str, Any]]()
    for check in checks(args.device, args.quick):
        checked.append(check)
        print(
            f"{'agrees' if check['agrees'] else 'DIFFERS'}: {check['name']}  {check['said']}", file=sys.stderr
        )
    peers = ["qbp", *(["qbp (CPU)"] if args.device != "cpu" else []), *PEERS]
    for w in workloads(args.quick):
        for peer in peers:
            left = end - time.monotonic()
            row = timed(w, peer, args.device, min(20.0, left)) if left > 5 else {"status": "no time left"}
            rows.append({"workload": w.name, "peer": peer, **row})
    found = {"machine": machine(args.device), "quick": args.quick, "checks": checked, "times": rows}
    found |= {"minutes": round((time.monotonic() - began) / 60, 2), "command": "python -m benchmarks.gpu"}
    out.parent.mkdir(parents=True, exist_ok=True)
    _files.write(out, (json.dumps(found, indent=1) + "\n").encode())
    print(f"wrote {out}", file=sys.stderr)
    return 0 if all(check["agrees"] for check in checked) else 1


if __name__ == "__main__":
    sys.exit(main())
