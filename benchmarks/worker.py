"""One peer in its own interpreter, driven by JSON lines: `python worker.py PEER THREADS`.

Requests: {"do": "check" | "setup", "workload": {...}}, {"do": "time", "repeats": k},
{"do": "limits", "dtype": ...}.
Every request gets one line or more back, the last with "done": true.
"""

import contextlib
import dataclasses
import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # the repository in place of this folder


def resident() -> float:
    """Memory held now, in MB; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
    return 0.0


def forget_peak() -> bool:
    """Let the peak of the memory begin anew (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return True
    return False


def peak() -> float:
    """Largest memory held since :func:`forget_peak`, or ever, in MB."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def summary(answer: dict) -> dict:
    """A few numbers that tell a wrong answer, whatever the size: values, first and last entries."""
    import numpy as np

    short = {}
    for name, value in answer.items():
        flat = np.atleast_2d(np.asarray(value, dtype=float))[0]
        short[name] = [*flat[:4].tolist(), *flat[-4:].tolist(), float(flat.sum())]
    return short


def main() -> None:
    """Serve requests until standard input ends."""
    peer, threads = sys.argv[1], int(sys.argv[2])
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints goes to the log

    def say(**fields) -> None:
        out.write(json.dumps(fields) + "\n")

    if peer == "machine":
        from benchmarks import machine

        say(done=True)
    else:
        try:
            module = importlib.import_module(f"benchmarks.peers.{peer}")
        except Exception as error:
            say(done=True, error=f"{type(error).__name__}: {error}"[:200])
            return
        say(done=True, versions=module.VERSIONS, dtypes=module.DTYPES)
    from benchmarks import workloads

    base, run = resident(), None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "limits":
                say(done=True, **machine.limits(request["dtype"], threads))
            elif request["do"] == "check":
                w = workloads.from_json(request["workload"])
                say(done=True, answer={k: v.tolist() for k, v in module.prepare(w)().items()})
            elif request["do"] == "setup":
                w = workloads.from_json(request["workload"])
                began = time.perf_counter()
                run = module.prepare(w)
                if w.family == "W5":  # minutes: a few steps prepare it, and the first whole run is timed
                    module.prepare(dataclasses.replace(w, samples=3))()
                    say(compile=time.perf_counter() - began)
                    began = time.perf_counter()
                    answer = run()
                    warm = time.perf_counter() - began
                    say(done=True, warm=warm, answer=summary(answer), memory=peak() - base)
                    continue
                answer = run()
                say(compile=time.perf_counter() - began, answer=summary(answer))
                del answer
                compile_peak, fresh = peak(), forget_peak()
                began = time.perf_counter()
                run()
                warm = time.perf_counter() - began
                say(
                    done=True,
                    warm=warm,
                    compile_memory=compile_peak - base,
                    memory=(peak() if fresh else compile_peak) - base,
                )
            elif request["do"] == "time":
                times = []
                for _ in range(request["repeats"]):
                    began = time.perf_counter()
                    run()
                    times.append(time.perf_counter() - began)
                say(done=True, times=times)
        except NotImplementedError as error:
            say(done=True, unsupported=str(error) or "not supported")
        except Exception as error:
            say(done=True, error=f"{type(error).__name__}: {error}".splitlines()[0][:200])


if __name__ == "__main__":
    main()
