"""The sandbox: what a cell may do, what it costs, and that the others are run all the same."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from qbp.teaching.grader import walls
from qbp.teaching.grader.sandbox import Limits, Sandbox

LIMITS = Limits(minutes=1, seconds=2, memory=0.6, output=20_000, disk=20)


@pytest.fixture(autouse=True)
def nothing_to_copy(monkeypatch):
    """These cells need no compiled loops and draw nothing."""
    monkeypatch.setattr(walls, "_made", lambda: ())


def shown(outputs):
    """The value, error or text of each output."""
    of = {"error": "evalue", "stream": "text"}
    return [o[of[o["output_type"]]] if o["output_type"] in of else o["data"]["text/plain"] for o in outputs]


def run(*cells, kind=None, limits=LIMITS, **more):
    found = Sandbox(limits, kind).run(cells, **more)
    assert found.failure == ""
    return found


KINDS = [kind for kind in ("namespaces", "user", "none") if walls.works(kind)]


def left(mark):
    return [p for p in psutil.process_iter(["cmdline"]) if mark in " ".join(p.info["cmdline"] or ())]


@pytest.mark.parametrize("kind", KINDS)
def test_cells_run_in_one_kernel_in_a_folder_of_their_own_and_leave_no_process(kind):
    mark = f"mark-{uuid.uuid4().hex}"
    child = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)', {mark!r}],"
        " start_new_session=True)\np.poll()"
    )
    double = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    os.fork()\n    time.sleep(1000)\nx = 2"
    )
    found = run(
        "x = 1\nx",
        child,
        double,
        "x",
        "import os; os.listdir(), os.getcwd() == os.environ['HOME']",
        kind=kind,
    )
    assert shown(found.outputs[0]) == ["1"] and shown(found.outputs[3]) == ["2"]
    assert shown(found.outputs[4])[0].endswith("True)") and "job.json" not in shown(found.outputs[4])[0]
    assert found.stopped == {} and found.seconds > 0
    assert left(mark) == []


def test_each_cell_costs_itself():
    catch = "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except BaseException: pass"
    found = run(
        "x = [1]",
        "while True: pass",
        catch,
        "import sys; sys.exit(1)",
        "bytearray(10**10)",
        "import os; os._exit(1)",
        "while True: print('endless')",
        "print('long' * 10**5)",
        "x.append(2); x",
        "input()",
        "raise ValueError('long' * 10**5)",
        "'long' * 10**5",
        limits=Limits(minutes=2, seconds=30, memory=0.6, output=20_000, disk=20),
        seconds={1: 2, 2: 2},  # the others end by themselves, on however busy a machine
    )
    assert found.stopped == {
        1: "it took longer than 2 seconds",
        2: "it took longer than 2 seconds",
        5: "it ended the kernel",
    }
    assert shown(found.outputs[8]) == ["[1, 2]"]  # what the cells before it made was made again
    assert found.outputs[4][0]["ename"] == "MemoryError"
    assert found.outputs[3][0]["ename"] == "SystemExit"
    for i in (6, 7):
        assert "more than 20 kB of output: the rest was cut" in "".join(shown(found.outputs[i]))
        assert sum(map(len, shown(found.outputs[i]))) < 30_000
    assert "raw_input was called, but" in shown(found.outputs[9])[0]
    assert len(shown(found.outputs[10])[0]) == len(shown(found.outputs[11])[0]) == 1000


def test_children_count_as_memory_and_files_as_disk():
    children = (
        "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n"
        "        x = os.urandom(250_000_000)\n        time.sleep(99)\ntime.sleep(99)"
    )
    files = "for i in range(9):\n    open(f'{i}', 'wb').write(bytes(5_000_000))\nimport time; time.sleep(9)"
    found = run(children, files, "1 + 1", limits=Limits(1, 20, 0.6, 20_000, 20))
    assert found.stopped == {0: "it took more than 0.6 GB of memory", 1: "it took more than 20 MB on disk"}
    assert shown(found.outputs[2]) == ["2"]


def test_the_time_of_a_lab_ends_and_a_cell_may_ask_for_more_than_others():
    wait = "import time; time.sleep(3); 5"
    found = run(wait, wait, seconds={0: 9})
    assert shown(found.outputs[0]) == ["5"] and list(found.stopped) == [1]
    found = run(*[wait] * 4, limits=Limits(minutes=0.1, seconds=9))
    assert shown(found.outputs[0]) == ["5"]
    assert found.stopped[3] == "not run: the time for the lab was used up"


def test_a_notebook_that_ends_every_kernel_is_given_up():
    found = run("x = 1", *["import os; os._exit(0)"] * 6)
    assert found.stopped[1] == "it ended the kernel"
    assert found.stopped[6] == "not run: 4 cells before it took the kernel down"


PROBE = """
import os, socket
found = {}
def tried(name, do):
    try:
        do()
        found[name] = True
    except OSError as error:
        found[name] = False
tried("network", lambda: socket.create_connection(("192.0.2.1", 9), 0.5))
tried("read", lambda: open(CANARY).read())
tried("delete", lambda: os.unlink(CANARY))
tried("write beside", lambda: open(CANARY + "x", "w"))
tried("write library", lambda: open(os.__file__, "a"))
tried("kill", lambda: os.kill(PID, 0))
tried("home", lambda: open("mine", "w"))
import shutil
for path in (os.path.dirname(CANARY), os.getcwd()):
    shutil.rmtree(path, ignore_errors=True)
found
"""


@pytest.mark.skipif("namespaces" not in KINDS, reason="no namespaces here")
def test_behind_namespaces_there_is_no_network_no_file_and_no_process_of_ours(tmp_path):
    canary = tmp_path / "canary"
    canary.write_text("mine")
    canary.chmod(0o666)
    tmp_path.chmod(0o777)
    found = run(f"CANARY, PID = {str(canary)!r}, {os.getpid()}", PROBE, "7", seconds={1: 20})
    tried = eval(shown(found.outputs[1])[0])
    assert {name for name, done in tried.items() if done} == {"home"}
    assert canary.read_text() == "mine" and shown(found.outputs[2]) == ["7"]


@pytest.mark.skipif("user" not in KINDS, reason="not root, or Python is in a place of root's own")
def test_as_another_user_a_submission_cannot_delete_our_files(tmp_path):
    canary = tmp_path / "canary"
    canary.write_text("mine")
    found = run(f"CANARY, PID = {str(canary)!r}, {os.getpid()}", PROBE, seconds={1: 20}, kind="user")
    tried = eval(shown(found.outputs[1])[0])
    assert not any(tried[name] for name in ("delete", "write beside", "write library", "kill"))
    assert canary.read_text() == "mine"


def test_without_walls_hidden_tests_and_environment_still_stay_outside(monkeypatch):
    monkeypatch.setenv("MY_SECRET", "token")
    found = run("import os; sorted(os.environ)", kind="none")
    assert "MY_SECRET" not in shown(found.outputs[0])[0]


def test_the_run_ends_with_the_grader(tmp_path):
    mark = f"mark-{uuid.uuid4().hex}"
    program = tmp_path / "grader.py"
    program.write_text(
        "from qbp.teaching.grader import sandbox, walls\nwalls._made = lambda: ()\n"
        'import sys\ncell = f\'import subprocess, sys; subprocess.run([sys.executable, "-c", '
        '"import time; time.sleep(1000)", {sys.argv[1]!r}])\'\n'
        "sandbox.Sandbox(sandbox.Limits(seconds=500)).run([cell])\n"
    )
    root = str(Path(__file__).parents[3])
    for how in (signal.SIGINT, signal.SIGKILL):
        process = subprocess.Popen(
            [sys.executable, program, mark], env={**os.environ, "PYTHONPATH": root}, stderr=subprocess.DEVNULL
        )
        inside = wait_for(lambda: [p for p in left(mark) if "sleep(1000)" in str(p.info["cmdline"])])
        assert inside
        process.send_signal(how)
        process.wait(120)
        assert wait_for(lambda: not left(mark))


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.2)
    return condition()


def test_limits_are_numbers():
    with pytest.raises(ValueError, match="minutes must be a finite number, above 0, got 0"):
        Limits(minutes=0)
    with pytest.raises(ValueError, match="memory must be a finite number, above 0, got -1"):
        Limits(memory=-1)
