"""Preparation of a Dask worker of this machine: Ctrl-C reaches the whole group, and the sweep decides."""

import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C to the process that began the workers; Dask calls this in each as it starts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
