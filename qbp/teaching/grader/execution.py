"""Execution of one notebook in a kernel behind walls, cell by cell, with limits; run as a process of its own.

``python -m qbp.teaching.grader.execution JOB.json`` reads :class:`Job`, writes what came out beside it.  This
process is trusted and the kernel is not: it is started through :mod:`qbp.teaching.grader.jail`, and all
that comes back is messages, which are counted and cut.  A cell that ends the kernel, or that cannot be
interrupted, costs itself: a new kernel runs the other cells again without it.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import zmq.asyncio
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from qbp._files import write
from qbp.teaching.grader import processes

RESTARTS = 3
GRACE = 5.0  # seconds that an interrupted cell has to end
OVERRUN = 0.5  # seconds that a cell may go on after too much output
_MESSAGE = 8 * 2**20  # bytes of the largest message that is taken
_SUBREAPER, _PDEATHSIG = 36, 1


@dataclass(frozen=True)
class Job:
    """What to run, and within which limits.

    Attributes:
        cells: sources of the code cells, in order.
        seconds: what each of them has, wall clock.
        lab_seconds: what all of them have together, from the first on.
        output: bytes of output that each cell may have; all of them together have twenty times that.
        memory: bytes that the kernel and its children may hold together.
        disk: bytes that may lie in the folder of the run.
        folder: working folder of the kernel.
        jail: command that starts a command behind walls.
        env: environment of the kernel.
    """

    cells: Sequence[str]
    seconds: Sequence[float]
    lab_seconds: float
    output: int
    memory: int
    disk: int
    folder: str
    jail: Sequence[str]
    env: dict[str, str]


class _Manager(AsyncKernelManager):
    """A manager whose kernel runs behind the walls of a job, reached through files in its folder."""

    job: Job

    @property
    def kernel_spec(self) -> KernelSpec:
        kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(
            argv=[*self.job.jail, *kernel], interrupt_mode="message", language="python", display_name="qbp"
        )


def _manager(job: Job) -> _Manager:
    context = zmq.asyncio.Context()
    context.setsockopt(zmq.MAXMSGSIZE, _MESSAGE)
    context.setsockopt(zmq.LINGER, 0)
    path = Path(job.folder, f"k{time.monotonic_ns() % 10**9}.json")
    manager = _Manager(transport="ipc", connection_file=str(path), context=context)
    manager.job = job
    return manager


class Client(NotebookClient):
    """A client that takes no more output of a cell than it may have, and no widgets."""

    def __init__(self, notebook: nbformat.NotebookNode, job: Job, manager: _Manager) -> None:
        options = {"allow_errors": True, "record_timing": False, "store_widget_state": False}
        super().__init__(notebook, km=manager, startup_timeout=120, coalesce_streams=True, **options)
        self.job, self.left, self.manager = job, 0, manager
        self.overrun: asyncio.TimerHandle | None = None

    def process_message(
        self, msg: dict[str, Any], cell: nbformat.NotebookNode, cell_index: int
    ) -> nbformat.NotebookNode | None:
        """Count a message; past the limit, drop what comes, and interrupt the kernel once if it goes on.

        Not at once: an interrupt that meets a cell at its very end makes ipykernel lose the reply, and the
        cell would wait for all of its seconds.
        """
        kind = msg["msg_type"]
        if kind.startswith("comm"):
            return None
        if kind not in ("status", "execute_input"):
            within, self.left = self.left > 0, self.left - _size(msg["content"])
            if self.left <= 0 and kind in ("stream", "display_data", "update_display_data"):
                if within:
                    text = f"\n[more than {self.job.output // 1000} kB of output: the rest was cut]\n"
                    cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=text))
                    loop = asyncio.get_running_loop()
                    self.overrun = loop.call_later(
                        OVERRUN, lambda: asyncio.ensure_future(self.manager.interrupt_kernel())
                    )
                return None
            if kind in ("execute_result", "error") and _size(msg["content"]) > self.job.output:
                _cut(msg["content"])
        return super().process_message(msg, cell, cell_index)

    def settle(self) -> None:
        """Forget the interrupt of a cell that has ended by itself."""
        if self.overrun is not None:
            self.overrun.cancel()
            self.overrun = None

    async def end(self) -> None:
        """Kill the kernel and everything that it started."""
        if self.kc is not None:
            self.kc.stop_channels()
        with contextlib.suppress(Exception):
            await self.manager.shutdown_kernel(now=True)
        processes.kill_children()


def _size(value: Any) -> int:
    """Return about how many bytes of memory a part of a message takes."""
    if isinstance(value, dict):
        return 100 + sum(len(str(k)) + _size(v) for k, v in value.items())
    if isinstance(value, list):
        return 50 + sum(map(_size, value))
    return 50 + len(value) if isinstance(value, str) else 50


def _cut(content: dict[str, Any]) -> None:
    """Shorten a value or an error that is longer than all that a cell may put out."""
    if "data" in content:
        content["data"] = {"text/plain": str(content["data"].get("text/plain", ""))[:1000]}
    else:
        content.update(evalue=str(content.get("evalue", ""))[:1000], traceback=[])


class Run:
    """One job: what each cell put out, and why a cell was stopped.

    Attributes:
        stopped: {index of a cell: why it was stopped or not run}.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in job.cells])
        self.stopped: dict[int, str] = {}
        self.deadline, self.room = 0.0, 20 * job.output
        self._heavy = ""  # why the watch has killed the kernel

    @property
    def outputs(self) -> list[list[dict[str, Any]]]:
        """Outputs of each cell."""
        return [cell.outputs for cell in self.notebook.cells]

    async def execute(self) -> None:
        """Run all cells, with a new kernel after each cell that took its kernel down."""
        for _ in range(RESTARTS + 1):
            client = Client(self.notebook, self.job, _manager(self.job))
            log = Path(self.job.folder).parent / "kernel.log"
            watch = None
            try:
                with log.open("ab") as file:
                    await client.async_start_new_kernel(
                        cwd=self.job.folder, env=self.job.env, stdout=file, stderr=file
                    )
                await client.async_start_new_kernel_client()
                self.deadline = self.deadline or time.monotonic() + self.job.lab_seconds
                watch = asyncio.ensure_future(self._watch())
                if await self._cells(client):
                    return
            finally:
                if watch:
                    watch.cancel()
                await client.end()
        self._give_up(f"not run: {RESTARTS + 1} cells before it took the kernel down")

    async def _cells(self, client: Client) -> bool:
        """Run the cells that may run; whether the kernel lived to the end."""
        for index, cell in enumerate(self.notebook.cells):
            if index in self.stopped:
                self._mark(index, self.stopped[index])
                continue
            if time.monotonic() >= self.deadline:
                self._give_up("not run: the time for the lab was used up")
                return True
            alive = await self._cell(client, index, cell)
            if not alive:
                return False
        return True

    async def _cell(self, client: Client, index: int, cell: nbformat.NotebookNode) -> bool:
        """Run one cell; whether its kernel can run another."""
        left = self.deadline - time.monotonic()
        client.timeout = max(1, int(min(self.job.seconds[index], left)))
        alive, client.left = True, min(self.job.output, self.room)
        before = client.left
        try:
            await client.async_execute_cell(cell, index)
            return True
        except DeadKernelError:
            reason, alive = self._heavy or "it ended the kernel", False
        except CellTimeoutError:
            reason = f"it took longer than {client.timeout} seconds"
            alive = await self._interrupt(client)
        except Exception as error:  # messages that are none, from a kernel that somebody else speaks through
            reason, alive = f"its output cannot be read ({type(error).__name__})", False
        finally:
            client.settle()
            self.room -= max(0, before - max(client.left, 0))
        self._heavy = ""
        self._mark(index, reason)
        return alive

    async def _interrupt(self, client: Client) -> bool:
        """Interrupt the kernel; whether it answers in time."""
        with contextlib.suppress(Exception):
            await client.manager.interrupt_kernel()
            async with asyncio.timeout(GRACE):
                kernel: Any = client.kc
                reply = kernel.kernel_info()  # answered when the cell has ended
                while (await kernel.get_shell_msg())["parent_header"].get("msg_id") != reply:
                    pass
            return True
        return False

    def _mark(self, index: int, reason: str) -> None:
        """Leave at a cell, as its last output, why it was stopped."""
        self.stopped[index] = reason
        cell = self.notebook.cells[index]
        cell.outputs = [o for o in cell.outputs if o.output_type != "error"]
        error = {"ename": "Stopped", "evalue": reason, "traceback": [f"Stopped: {reason}"]}
        cell.outputs.append(nbformat.v4.new_output("error", **error))

    def _give_up(self, reason: str) -> None:
        """Mark every cell that has not been run by the last kernel."""
        for index, cell in enumerate(self.notebook.cells):
            if index not in self.stopped and cell.execution_count is None:
                self._mark(index, reason)

    async def _watch(self) -> None:
        """Kill the kernel when it holds too much memory with its children, or fills the disk."""
        while True:
            await asyncio.sleep(0.5)
            held, filled = processes.memory(), processes.disk(self.job.folder)
            if held > self.job.memory or filled > self.job.disk:
                more = f"{self.job.memory / 2**30:g} GB of memory"
                if filled > self.job.disk:
                    more = f"{self.job.disk // 2**20} MB on disk"
                    processes.empty(self.job.folder)
                self._heavy = f"it took more than {more}"
                processes.kill_children()


def _terminated(*_: object) -> None:
    processes.kill_children()
    os._exit(143)


def main(path: Path) -> None:
    """Run the job of a file, and write ``done.json`` beside it."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_SUBREAPER, 1, 0, 0, 0)  # who leaves its parent comes to us, and is killed with the rest
        libc.prctl(_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    run = Run(Job(**json.loads(path.read_text("utf-8"))))
    try:
        asyncio.run(run.execute())
    finally:
        processes.kill_children()
    done = {"outputs": run.outputs, "stopped": run.stopped}
    write(path.with_name("done.json"), json.dumps(done).encode("utf-8", "replace"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
