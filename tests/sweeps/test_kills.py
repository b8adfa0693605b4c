"""A sweep whose driver, worker or scheduler is killed goes on and ends with the table of an undisturbed one.

Two in every run of the tests; `make soak` kills at twenty moments, drawn from a seed.
"""

import contextlib
import os
import random
import shutil
import signal
import time

import psutil
import pytest
from swept import TINY, WORDS, Scheduler, notebook, program

from qbp.sweeps.collect import collect

SLOW = [*TINY[:2], f"import time; time.sleep(0.5); {TINY[2].splitlines()[0]}\n{TINY[2].splitlines()[1]}"]
VICTIMS = ("driver", "worker", "scheduler")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The table of a sweep on this machine that nobody disturbs: the real program on two workers."""
    folder = tmp_path_factory.mktemp("undisturbed")
    notebook(folder / "tiny.ipynb", *SLOW)
    done = program([*WORDS, "--out", "out"], folder)
    said = done.communicate(timeout=300)[1]
    assert done.returncode == 0 and said.endswith(
        "6 runs computed, 0 there before, 0 failed: qbp collect out\n"
    )
    found = collect(folder / "out").wide()
    assert len(found) == 18 and found[found["metric"] == "double"]["value"].tolist() == [
        4.1, 4.2, 6.1, 6.2, 8.1, 8.2
    ]  # fmt: skip
    return found


def descendants(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def kill(victim, driver, cluster, draw):
    """Kill the driver, one of its workers or of the scheduler's, or the scheduler; return its children."""
    if victim == "driver":
        left = descendants(driver)
        driver.kill()
        return left
    if victim == "scheduler":
        cluster.process.kill()
        return []
    workers = [w.pid for w in cluster.workers] if cluster else _workers(driver)
    if workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(draw.choice(workers), signal.SIGKILL)
    return []


def _workers(driver):
    """Processes of a local cluster's workers: those that Python spawned for the driver."""
    spawned = [p for p in descendants(driver) if "--multiprocessing-fork" in " ".join(p.cmdline())]
    return [p.pid for p in spawned]


def attempt(words, folder, cluster, victim=None, draw=None):
    """Run the sweep, kill the victim at a random moment, and return the exit status and what was said."""
    address = ["--scheduler", cluster.address] if cluster else []
    driver = program([*words, *address, "--out", "out"], folder)
    left = []
    if victim:
        after = draw.randrange(5)
        for _ in range(after):  # so many runs are done, if it comes to that
            if not driver.stderr.readline():
                break
        time.sleep(draw.uniform(0, 6 if after == 0 else 2))
        left = kill(victim, driver, cluster, draw)
    said = driver.communicate(timeout=300)[1]
    _, alive = psutil.wait_procs(left, timeout=15)
    assert not alive, "a worker or a kernel outlived its sweep"
    return driver.returncode, said


def disturbed(folder, seed, victim, local):
    """Sweep, kill, and go on until it is done; return how it ended and the table."""
    draw = random.Random(seed)
    notebook(folder / "tiny.ipynb", *SLOW)
    cluster = None if local else Scheduler(folder)
    try:
        first, said = attempt(WORDS, folder, cluster, victim, draw)
        assert first in ((0, -signal.SIGKILL) if victim == "driver" else (0, 2)), said
        if victim == "scheduler" and first:
            assert "is gone; what is finished is kept" in said or "does not answer" in said, said
        if victim == "scheduler":
            cluster.close()
            cluster = Scheduler(folder)
        last, said = attempt(WORDS, folder, cluster)
        assert last == 0, said
    finally:
        if cluster:
            cluster.close()
    assert not [path for path in (folder / "out").iterdir() if path.suffix == ".new"]
    return first, collect(folder / "out").wide()


@pytest.mark.parametrize(("victim", "local"), [("driver", True), ("scheduler", False)])
def test_a_killed_sweep_ends_with_the_same_table(victim, local, undisturbed, tmp_path):
    _, table = disturbed(tmp_path, 1, victim, local)
    assert table.equals(undisturbed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_killed_at_twenty_moments(seed, undisturbed, tmp_path):
    victim = VICTIMS[seed % 3]
    _, table = disturbed(tmp_path, seed, victim, local=victim != "scheduler" and seed % 2 == 0)
    assert table.equals(undisturbed)
    shutil.rmtree(tmp_path)


def test_ctrl_c_keeps_what_is_done_and_is_130(tmp_path):
    """The real program, in a process group of its own as a terminal has it, and a run that takes long."""
    notebook(tmp_path / "tiny.ipynb", *TINY[:2], "import time\ntime.sleep(60 if n == 9 else 0)")
    driver = program(["-p", "n=2,9", "--no-dashboard", "--out", "out"], tmp_path)
    assert driver.stderr.readline().startswith("[1/2] about ")
    left = descendants(driver)
    os.killpg(driver.pid, signal.SIGINT)
    said = driver.communicate(timeout=60)[1]
    assert driver.returncode == 130 and said == "qbp sweep: interrupted\n"
    _, alive = psutil.wait_procs(left, timeout=15)
    assert not alive and len(collect(tmp_path / "out").parameters) == 1
