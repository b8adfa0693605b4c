"""Notebooks of labs run fast, for tests that compare points: one process, a fork for each answer.

``python answers.py JOB.json`` runs the code cells of the instructor's notebook once in IPython; where the
cells of another answer first differ, a child goes on with those.  Nothing is kept out, and an endless answer
is killed after `seconds`: what is hostile is run in the sandbox instead.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

from qbp.teaching.grader.sandbox import Executed

ROOT = Path(__file__).parents[1]


def run(trunk, others, seconds=600.0):
    """What the code cells of `trunk` and of each list of `others` put out, as the sandbox would say it."""
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder, "job.json")
        job.write_text(
            json.dumps({"trunk": list(trunk), "others": [list(o) for o in others], "seconds": seconds})
        )
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        env = (
            os.environ | threads | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "MPLBACKEND": "agg"}
        )
        done = subprocess.run(
            [sys.executable, __file__, str(job)], cwd=folder, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found = json.loads(job.with_name("done.json").read_text())
    return [Executed(outputs, {int(i): why for i, why in stopped.items()}) for outputs, stopped in found]


class Shell:
    """IPython's shell, whose cells give outputs as nbformat has them."""

    def __init__(self):
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "NoColor"
        self.shell = InteractiveShell.instance(config=config)
        self.shell.showtraceback = lambda *a, **k: None
        self.shell.showsyntaxerror = lambda *a, **k: None

    def cell(self, source):
        from IPython.utils.capture import capture_output

        from qbp.teaching.release import gives_value

        if not source.strip():
            return []
        with capture_output() as said:
            done = self.shell.run_cell(source, store_history=True)
        outputs = [
            {"output_type": "stream", "name": name, "text": text}
            for name, text in (("stdout", said.stdout), ("stderr", said.stderr))
            if text
        ]
        if (error := done.error_before_exec or done.error_in_exec) is not None:
            shown = {"ename": type(error).__name__, "evalue": str(error), "traceback": []}
            return [*outputs, {"output_type": "error", **shown}]
        if done.result is not None and gives_value(source):
            data = self.shell.display_formatter.format(done.result)[0]
            result = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}
            outputs.append({**result, "data": {"text/plain": data.get("text/plain", "")}})
        return outputs


def _children(shell, index, done, job, found):
    """Go on from a cell with every answer whose cells differ from there on, each in a child."""
    for k, cells in enumerate(job["others"]):
        if found[k] is None and (index >= len(cells) or cells[index] != job["trunk"][index]):
            found[k] = _child(shell, cells[index:], done, job["seconds"])


def _child(shell, cells, done, seconds):
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.close(read)
            outputs = [*done, *map(shell.cell, cells)]
            with os.fdopen(write, "w") as file:
                json.dump([outputs, {}], file)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    parts = []
    while select.select([read], [], [], seconds)[0] and (part := os.read(read, 1 << 16)):
        parts.append(part)
    os.close(read)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if not parts:  # it ended, or was ended, before it was done
        why = "it did not come to an end"
        return [[*done, *([] for _ in cells)], {i: why for i in range(len(done), len(done) + len(cells))}]
    return json.loads(b"".join(parts))


def main(path):
    job = json.loads(path.read_text())
    import qbp.experiments.registry  # noqa: F401  torch once, not in each child

    shell, done, found = Shell(), [], [None] * len(job["others"])
    for index, source in enumerate(job["trunk"]):
        _children(shell, index, done, job, found)
        done.append(shell.cell(source))
    for k, cells in enumerate(job["others"]):
        if found[k] is None:
            found[k] = _child(shell, cells[len(done) :], done, job["seconds"])
    path.with_name("done.json").write_text(json.dumps([[done, {}], *found]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
