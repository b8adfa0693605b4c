"""Processes that a run has started: what they hold, and their end; files that they leave."""

import contextlib
import os
import time

import psutil


def kill_children(pid: int | None = None) -> None:
    """Kill every descendant of a process, this one by default; also those that left their parents, on Linux.

    Args:
        pid: whose descendants; a process that is gone has none.
    """
    for _ in range(20):
        with contextlib.suppress(psutil.NoSuchProcess):
            children = _alive(psutil.Process(pid).children(recursive=True))
            for step in ("suspend", "kill"):  # stopped first: what is stopped starts no other
                for child in children:
                    with contextlib.suppress(psutil.Error):
                        getattr(child, step)()
            if children:
                psutil.wait_procs(children, timeout=1)
                continue
        return


def _alive(found: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that are not dead already and wait to be asked how it went."""
    alive = []
    for each in found:
        with contextlib.suppress(psutil.Error):
            if each.status() != psutil.STATUS_ZOMBIE:
                alive.append(each)
    return alive


def memory() -> int:
    """Return the bytes that the descendants of this process hold; of several, what they share counts once."""
    children = psutil.Process().children(recursive=True)
    total = 0
    for child in children:
        with contextlib.suppress(psutil.Error):
            total += child.memory_info().rss if len(children) < 4 else child.memory_full_info().pss
    return total


def disk(folder: str) -> int:
    """Return the bytes in a folder; a folder that takes a second to look through is too full."""
    total, end = 0, time.monotonic() + 1
    for path, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_size + 512
            if time.monotonic() > end:
                return 2**62
    return total


def empty(folder: str) -> None:
    """Remove the large files of a folder."""
    for path, _, files in os.walk(folder):
        for name in files:
            where = os.path.join(path, name)
            with contextlib.suppress(OSError):
                if os.lstat(where).st_size > 2**20:
                    os.unlink(where)
