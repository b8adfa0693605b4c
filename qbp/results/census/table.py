"""Table of the census: computed circuit by circuit, going on where it stopped, and written beside the others.

Each circuit that is done is a file of its own under the digest of the code that computed it.
"""

import json
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbp import _checks, _files
from qbp._threads import suited
from qbp.experiments.registry import APART, PATHS
from qbp.results import store, workers
from qbp.results.census.collection import FILE, OBSERVABLES, Collected, read_collection
from qbp.results.census.rows import measure
from qbp.results.digest import Code

if TYPE_CHECKING:
    import pandas as pd

NAME, TARGET = "census", "abstract: plateaus of circuits that others published"
COMMAND = "python -m qbp.results.census"
ROOTS = ("qbp.results.census.rows.measure",)


@cache
def core() -> str:
    """Return the digest of the code that the numbers rest on, 16 digits."""
    return Code(apart=APART | PATHS).digest(ROOTS)


def rows_of(found: Collected) -> list[dict[str, Any]]:
    """Return the rows of a circuit, one for each observable."""
    with suited(0):
        return [measure(found, kind) for kind in OBSERVABLES]


def compute(
    circuits: Iterable[Collected],
    parts: Path,
    *,
    jobs: int = 1,
    done: Callable[[str], Any] = lambda name: None,
) -> dict[str, Path]:
    """Compute the circuits that have no file yet, small ones first.

    Args:
        circuits: what to compute.
        parts: folder of the files.
        jobs: processes, one thread each; 1 computes in this one.
        done: called with the name of each circuit that is finished.

    Returns:
        {name: file}.

    Raises:
        ValueError: `jobs` is no positive integer, or the folder cannot be written.
        KeyboardInterrupt: as pressed; what is finished is kept.
    """
    _checks.integer("jobs", jobs)
    folder = parts / core()
    folder.mkdir(parents=True, exist_ok=True)
    paths = {found.name: folder / f"{found.name}.{found.sha256[:12]}.json" for found in circuits}
    todo = [found for found in circuits if not paths[found.name].is_file()]
    todo.sort(key=lambda found: (found.qubits, len(found.program)))
    if jobs == 1:
        for found in todo:
            _keep(paths[found.name], rows_of(found))
            done(found.name)
        return paths
    with workers.computed(rows_of, [(found.name, (found,)) for found in todo], jobs) as finished:
        for name, rows in finished:
            _keep(paths[name], rows)
            done(name)
    return paths


def assemble(paths: Iterable[Path], directory: Path = store.DIRECTORY) -> Path:
    """Put the table together from the files of its circuits, and write it with its entry in the manifest.

    Raises:
        ValueError: as of :func:`qbp.results.store.write_table`.
    """
    import pandas as pd

    parts = [row for path in paths for row in _files.parse(path.read_bytes(), str(path))["rows"]]
    table = pd.DataFrame(parts).assign(core=core())
    minutes = round(float(table["seconds"].sum()) / 60, 1)
    entry = {"target": TARGET, "command": COMMAND, "core": core(), "minutes": minutes}
    return store.write_table(NAME, table, entry, directory)


def load(directory: Path = store.DIRECTORY) -> "pd.DataFrame":
    """Return the table, a row for each circuit and observable; see :func:`qbp.results.census.rows.measure`.

    Raises:
        ValueError: there is none, or its bytes are not those of the manifest.
    """
    return store.read_table(NAME, directory)


def collection(directory: Path = store.DIRECTORY) -> dict[str, Collected]:
    """Return the circuits, {name: circuit}.

    Raises:
        ValueError: their file is not there, or is none.
    """
    return read_collection(directory / FILE)


def _keep(path: Path, rows: list[dict[str, Any]]) -> None:
    plain = [{k: None if v != v else v for k, v in row.items()} for row in rows]  # JSON has no NaN
    _files.write(path, json.dumps({"rows": plain}).encode())
