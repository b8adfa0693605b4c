"""Processes that compute beside this one: they end with it, however it ends, and leave Ctrl-C to it."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, TypeVar

Work = TypeVar("Work")


@contextlib.contextmanager
def computed(
    function: Callable[..., Any], todo: Iterable[tuple[Work, tuple[Any, ...]]], jobs: int
) -> Iterator[Iterator[tuple[Work, Any]]]:
    """Call a function in other processes, and yield what it returns as it comes.

    Args:
        function: at the top of a module, as its arguments and values must be picklable.
        todo: (name of the work, arguments), begun in this order.
        jobs: processes.

    Returns:
        A context with an iterator of (name, value).  Where that is left by an exception, Ctrl-C among them,
        nothing more is begun and what runs is killed at once.  The iterator raises what the function raised.

    Raises:
        ChildProcessError: a process was killed from outside, as for want of memory.
    """
    before = set(multiprocessing.active_children())
    # Spawned, not forked: a copy of a process whose torch has threads may hang.
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        futures = {pool.submit(function, *arguments): name for name, arguments in todo}
        yield ((futures[future], future.result()) for future in as_completed(futures))
        pool.shutdown()
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in set(multiprocessing.active_children()) - before:
            worker.kill()
        if isinstance(error, BrokenProcessPool):
            said = "a process was killed from outside, as for want of memory; what is finished is kept"
            raise ChildProcessError(f"{said}: go on with fewer --jobs") from error
        raise


def _begin() -> None:
    """Prepare a worker: Ctrl-C reaches the whole group, and the parent decides; its end is the worker's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)  # whatever runs: nobody is there to take its result
