"""Walls around a kernel: which kind works here, and what is to be seen and found inside."""

import contextlib
import glob
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import qbp
from qbp.teaching.grader import jail
from qbp.teaching.grader.jail import Jail

SAYS = {
    "namespaces": "no network; no file but Python, the package and an empty folder; processes end with it",
    "user": "another user, who can write nothing of yours; but there is a network, and files that everybody "
    "may read can be read",
    "none": "limits on time, memory and output alone: a submission has a network, and can read, change and "
    "delete whatever you can",
}
_PACKAGE = Path(qbp.__file__).parent
_KEPT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",
}
_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
_LOCK = threading.Lock()


def protection() -> str:
    """Return the best kind of walls that works here, having tried."""
    return next((kind for kind in jail.KINDS if works(kind)), "none")


@cache
def works(kind: str) -> bool:
    """Whether Python starts behind walls of a kind, and can load what a kernel needs."""
    if kind == "user" and os.geteuid() != 0:
        return False
    with folder() as base:
        run = base / "run"
        spec = Jail(kind, str(run), str(base / "root"), readable(), env=environment(run))
        private(base / "jail.json", asdict(spec))
        program = "import ipykernel.kernelapp, numpy, qbp; open('works', 'w').close()"
        words = [*command(base / "jail.json"), sys.executable, "-c", program]
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            # A second, but minutes on a busy machine, and late is no reason for lower walls.
            subprocess.run(words, capture_output=True, timeout=300, check=True)
            return (run / "works").exists()
    return False


def command(spec: Path) -> list[str]:
    """Return the words that start a command behind the walls of a file."""
    return [sys.executable, "-I", "-S", str(Path(jail.__file__)), str(spec)]


def readable() -> list[str]:
    """Return the folders that a kernel has to read: Python, what is installed for it, and this package."""
    links = [sys.executable]
    while os.path.islink(links[-1]) and len(links) < 20:
        links.append(os.path.normpath(os.path.join(os.path.dirname(links[-1]), os.readlink(links[-1]))))
    programs = {os.path.dirname(path) for path in links}
    installed = {p for p in sys.path if p.endswith(("site-packages", "dist-packages")) and os.path.isdir(p)}
    prefixes = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib")}
    return sorted({*prefixes, *programs, *installed, str(_PACKAGE)} - {"/"})


def fill(run: Path) -> None:
    """Copy into the folder of a run what takes long to make: compiled loops and the list of fonts."""
    with _LOCK:  # runs begin in several threads
        made = _made()
    for source, target in made:
        (run / target).mkdir(parents=True, exist_ok=True)
        for path in source:
            with contextlib.suppress(OSError):
                shutil.copy2(path, run / target)


@cache
def _made() -> tuple[tuple[list[str], str], ...]:
    """Return files that are already made, and the folder of the run that they belong in."""
    found = []
    with contextlib.suppress(ImportError):
        import matplotlib

        found.append((glob.glob(f"{matplotlib.get_cachedir()}/fontlist-*.json"), ".cache/matplotlib"))
    with contextlib.suppress(Exception):  # numba without a cache: a kernel compiles for itself
        found.append(_loops())
    return tuple(found)


def _loops() -> tuple[list[str], str]:
    """Return the compiled loops of circuits, made now if they were not, and where numba looks for them."""
    import torch
    from numba.core.caching import _CacheLocator

    from qbp.circuits.ansatz import HardwareEfficient
    from qbp.circuits.kernel import loading
    from qbp.circuits.observables import tfim

    circuit = HardwareEfficient(2, 1)
    for dtype in (torch.float64, torch.float32):
        theta = torch.zeros(circuit.n_params, dtype=dtype, requires_grad=True)
        circuit.expectation(theta, tfim(2)).backward()
    loops: Any = loading.kernel()
    name = _CacheLocator.get_suitable_cache_subpath(loops.__file__)
    return glob.glob(f"{loops.evolve.stats.cache_path}/loops.*"), f".cache/numba/{name}"


def environment(run: Path) -> dict[str, str]:
    """Return the environment of a kernel: nothing of ours."""
    env = _KEPT | _THREADS | {"HOME": str(run), "USER": "student", "LOGNAME": "student", "TMPDIR": str(run)}
    env |= {"IPYTHONDIR": f"{run}/.ipython", "MPLCONFIGDIR": f"{run}/.cache/matplotlib"}
    env |= {"NUMBA_CACHE_DIR": f"{run}/.cache/numba", "QBP_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    if not str(_PACKAGE.parent).endswith(("site-packages", "dist-packages")):
        env["PYTHONPATH"] = str(_PACKAGE.parent)
    return env


def ours() -> dict[str, str]:
    """Return the environment of the trusted process: ours, with this package."""
    paths = [str(_PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    return (
        os.environ
        | _THREADS
        | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONWARNINGS": "ignore"}
    )


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Give a folder with ``run`` and ``root`` in it; who is let into ``run`` can list nothing else."""
    base = Path(tempfile.mkdtemp(prefix="qbp-"))
    try:
        for name in ("run", "root"):
            (base / name).mkdir(mode=0o700)
        base.chmod(0o711)
        yield base
    finally:
        _remove(base)


def _remove(base: Path) -> None:
    """Remove a folder, whatever its owner forbade."""
    for _ in range(3):
        shutil.rmtree(base, ignore_errors=True)
        if not base.exists():
            return
        for path, folders, _ in os.walk(base):
            for name in (path, *(os.path.join(path, f) for f in folders)):
                with contextlib.suppress(OSError):
                    os.chmod(name, 0o700, follow_symlinks=False)


def private(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file that its owner alone may read."""
    path.touch(mode=0o600)
    path.write_text(json.dumps(content), "utf-8")
