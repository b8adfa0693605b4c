"""Threads of torch by the size of the work: a second thread costs small tensors more than it gives.

torch has every core work on each operation, and threads that have nothing to do wait by computing.  On a busy
machine the cores are somebody else's, and each operation waits until all of its threads have had their turn.
"""

import contextlib
import contextvars
import os
import threading
from collections.abc import Iterator

from qbp import _checks

SMALL = 2**23  # bytes of tensors that an operation goes through, below which one thread is enough

_outside: contextvars.ContextVar[int | None] = contextvars.ContextVar("threads outside", default=None)
_lock = threading.Lock()
_entered = [0, 0]  # blocks that threads of Python are in; torch's threads before them


def asked() -> int | None:
    """Return the number of threads that ``QBP_THREADS`` asks for; None if it does not.

    Raises:
        ValueError: it is no number from 1 on.
    """
    if not (text := os.environ.get("QBP_THREADS", "")):
        return None
    if not text.isdecimal():
        raise ValueError(f"QBP_THREADS must be a number of threads, got {text!r}")
    return _checks.integer("QBP_THREADS", int(text))


def most() -> int:
    """Return the threads that large work may have: ``QBP_THREADS``, or torch's outside of :func:`suited`."""
    import torch

    return asked() or _outside.get() or torch.get_num_threads()


def threads(size: int) -> int:
    """Return how many threads of torch are used for tensors of so many bytes.

    One if they are small, all if they are not; ``QBP_THREADS`` or, for torch, ``OMP_NUM_THREADS`` say
    otherwise.

    Example:
        >>> threads(2**30) == most()
        True
    """
    chosen = asked() is not None or "OMP_NUM_THREADS" in os.environ
    return most() if chosen or size >= SMALL else 1


@contextlib.contextmanager
def suited(size: int) -> Iterator[None]:
    """Let torch use :func:`threads` of `size` bytes inside, and what it used before afterwards."""
    import torch

    with _lock:
        _entered[:] = _entered[0] + 1, _entered[1] if _entered[0] else torch.get_num_threads()
        before = torch.get_num_threads() if _outside.get() else _entered[1]  # a new thread has another's few
    token = _outside.set(_outside.get() or before)
    try:
        torch.set_num_threads(threads(size))
        yield
    finally:
        torch.set_num_threads(before)
        _outside.reset(token)
        with _lock:
            _entered[0] -= 1
