"""Loading of the compiled loops, and what is done where numba cannot keep or read what it compiled.

numba keeps compiled loops in the folder that ``NUMBA_CACHE_DIR`` names, beside the source, or in the user's
cache, whichever can be written first.  Where none can, or what lies there cannot be read, they are kept among
the temporary files.  Where that fails too, or numba is not to compile at all (``NUMBA_DISABLE_JIT=1``), torch
computes the same numbers.  What is not as usual is said once in a process, by a :class:`KernelWarning`.
"""

import atexit
import contextlib
import importlib
import os
import shutil
import stat
import sys
import tempfile
import threading
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

NAME = "qbp.circuits.kernel.loops"


class KernelWarning(RuntimeWarning):
    """The compiled loops are kept elsewhere than usual, or torch computes instead, more slowly."""


class Loops:
    """The compiled loops of this process.

    Attributes:
        module: the loops; None where numba is not installed or cannot be used.
        remark: what is not as usual, with the reason; empty if nothing is.
    """

    def __init__(self) -> None:
        self.module: ModuleType | None = None
        self.remark = ""
        self._moved, self._loaded, self._lock = False, False, threading.RLock()

    def load(self) -> None:
        """Import the loops, unless that was done before."""
        if self._loaded:
            return
        with self._lock:
            if self._loaded:
                return
            try:
                self.module = _import()
            except ModuleNotFoundError:
                pass  # numba is not installed: torch computes, as agreed
            except Exception as error:  # of numba, of the file system, of what lies in the cache
                self.give_up(error)
            finally:
                self._loaded = True

    def give_up(self, error: Exception) -> None:
        """Keep the compiled loops among the temporary files from now on; if they are, go on with torch."""
        with self._lock:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            self._loaded, self.module, where = True, None, ""
            if not self._moved and not isinstance(error, NotImplementedError):
                self._moved = True
                try:
                    self.module, where = _import(folder := _temporary()), folder
                except Exception as another:
                    reason += f"; then {type(another).__name__}: {another}".splitlines()[0]
            self.remark = f"compiled loops kept in {where}" if where else f"not native: {reason}"
        if where:
            text = (
                f"{self.remark}, for numba's usual place failed ({reason}); NUMBA_CACHE_DIR may name another"
            )
        else:
            text = f"circuits run in torch, slower and with the same values; {self.remark}"
        warnings.warn(f"qbp: {text}", KernelWarning, stacklevel=2)


LOOPS = Loops()


def kernel() -> ModuleType | Any:  # Any: it is asked for where it is known to be there
    """Return the compiled loops; None where numba is not installed or cannot be used."""
    LOOPS.load()
    return LOOPS.module


def _import(folder: str = "") -> ModuleType:
    """Import the loops, anew if they were; numba decides on the way where their compiled code is kept."""
    import numba

    config: Any = numba.config
    if config.DISABLE_JIT:
        raise NotImplementedError("NUMBA_DISABLE_JIT is set")
    usual = config.CACHE_DIR
    config.CACHE_DIR = folder or usual
    try:
        sys.modules.pop(NAME, None)
        return importlib.import_module(NAME)
    finally:
        config.CACHE_DIR = usual  # other code of this process keeps its own


@cache
def _temporary() -> str:
    """Return a folder of this user's and nobody else's: what numba reads from it is run."""
    if hasattr(os, "getuid"):
        path = Path(tempfile.gettempdir(), f"qbp-numba-{os.getuid()}")
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        there = path.lstat()
        if stat.S_ISDIR(there.st_mode) and there.st_uid == os.getuid() and not there.st_mode & 0o022:
            return str(path)
    atexit.register(shutil.rmtree, folder := tempfile.mkdtemp(prefix="qbp-numba-"), ignore_errors=True)
    return folder
