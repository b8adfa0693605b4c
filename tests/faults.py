"""Planted faults: each entry of faults.toml is put into a copy of the project, and its test must fail.

`make faults` runs them; `python tests/faults.py PART` runs those whose name has PART in it, `--sample 5
--seed 7` five of them, drawn by a seed.
"""

import argparse
import concurrent.futures
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS_FAILED = 1  # pytest's exit status; 2 and more: the tests could not be run


def entries() -> list[dict]:
    """The faults of faults.toml, in its order: name, file, old, new and caught_by (arguments of pytest)."""
    return tomllib.loads((ROOT / "tests" / "faults.toml").read_text())["fault"]


def chosen(faults: list[dict], part: str, size: int | None, seed: int) -> list[dict]:
    """Those with a part in their names; of these a sample in their order, another one for another seed."""
    named = [fault for fault in faults if part in fault["name"]]
    if size is None or size >= len(named):
        return named
    return [named[at] for at in sorted(random.Random(seed).sample(range(len(named)), size))]


def planted(fault: dict, text: str) -> str:
    """A file's text with the fault in it; ValueError unless what it replaces stands there exactly once."""
    times = text.count(fault["old"])
    if times != 1:
        raise ValueError(f"{fault['name']}: {fault['old']!r} stands {times} times in {fault['file']}")
    return text.replace(fault["old"], fault["new"])


def tests_pass(copy: Path, arguments: list[str]) -> bool:
    """Whether pytest passes in a copy of the project; RuntimeError if it ran no test."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments]
    # Without .pyc files: one passes for fresh if its source has the same length and second of writing.
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
    if done.returncode not in (0, TESTS_FAILED):
        said = (done.stdout + done.stderr)[-2000:]
        raise RuntimeError(f"pytest {' '.join(arguments)} ended with {done.returncode}:\n{said}")
    return done.returncode == 0


def judge(fault: dict, copies: queue.Queue) -> str:
    """'caught', 'missed', or 'fails without the fault' for one entry."""
    copy = copies.get()
    try:
        path = copy / fault["file"]
        sound = path.read_text()
        if not tests_pass(copy, fault["caught_by"]):
            return "fails without the fault"
        try:
            path.write_text(planted(fault, sound))
            return "missed" if tests_pass(copy, fault["caught_by"]) else "caught"
        finally:
            path.write_text(sound)
    finally:
        copies.put(copy)


def main() -> int:
    """Plant every fault, a line each; 1 if a test does not see one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", default="", help="faults whose name has this in it (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="copies at work (default: %(default)s)")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of them, drawn (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: %(default)s)")
    options = parser.parse_args()
    faults = chosen(entries(), options.part, options.sample, options.seed)
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        copies: queue.Queue = queue.Queue()
        for job in range(options.jobs):
            for file in listed.splitlines():
                target = Path(folder, str(job), file)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, target)
            copies.put(Path(folder, str(job)))
        verdicts = []
        for fault, verdict in zip(faults, pool.map(lambda fault: judge(fault, copies), faults), strict=True):
            print(f"{verdict:8} {fault['name']}", flush=True)
            verdicts.append(verdict)
    print(f"{verdicts.count('caught')} of {len(faults)} faults are caught")
    return int(verdicts.count("caught") != len(faults) or not faults)


if __name__ == "__main__":
    sys.exit(main())
