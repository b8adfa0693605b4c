"""Files of a sweep's runs: each its executed notebook and its rows, written whole, rows last.

A run is done when its rows are there, are those of its parameters and of this code, and its notebook is the
one they were taken from.
"""

import hashlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbp import _files
from qbp.results import integrity
from qbp.results.integrity import LONGEST_TEXT
from qbp.results.reading import parquet
from qbp.sweeps.axes import Run
from qbp.sweeps.notebook import Ran

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {**integrity.COLUMNS, "source": "text", "text": "text"}
UNIQUE = ["source", "seed", "step", "metric"]  # what names a row of a run: it stands once
KEY = re.compile(r"[0-9a-f]{16}")
MOST_NOTEBOOK, MOST_PARAMETERS, LARGEST = 200_000_000, 200, 2**63  # bytes; of a run; number of a parameter


def rows_path(folder: Path, run: Run) -> Path:
    """Return where a run's rows go."""
    return folder / f"{run.stem}.parquet"


def notebook_path(rows: Path) -> Path:
    """Return where the executed notebook stands whose rows these are."""
    return rows.with_name(f"{rows.name.removesuffix('.parquet')}.ipynb")


def failed_path(folder: Path, run: Run) -> Path:
    """Return where the notebook of a run goes that failed."""
    return folder / f"{run.stem}.failed.ipynb"


def keep(folder: Path, run: Run, ran: Ran, code: str) -> None:
    """Write a run's notebook and then its rows; of one that failed, the notebook up to there.

    Raises:
        OSError: as of a full disk; what was there before is unchanged.
    """
    text = ran.notebook.encode()
    if ran.error:
        _files.write(failed_path(folder, run), text)
        return
    path = rows_path(folder, run)
    _files.write(notebook_path(path), text)
    _files.write(path, _table(run, ran, code, hashlib.sha256(text).hexdigest()))
    failed_path(folder, run).unlink(missing_ok=True)


def _table(run: Run, ran: Ran, code: str, sha256: str) -> bytes:
    import pandas as pd

    frame = pd.DataFrame([vars(row) for row in ran.rows])
    frame = frame.assign(key=run.key, config=json.dumps(run.config, sort_keys=True, default=str), core=code)
    frame = frame[[*COLUMNS]].astype({n: kind for n, kind in COLUMNS.items() if kind != "text"})
    frame.attrs = {"seconds": ran.seconds, "rows": len(frame), "notebook": sha256}
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def read(path: Path) -> "pd.DataFrame":
    """Return the rows of a run, whichever it is; its attributes are seconds, rows and the notebook's hash.

    Raises:
        ValueError: the file is not what a sweep wrote, or its notebook is not: what it is or lacks.
    """
    try:
        frame = integrity.read(_files.content(path, parquet.MOST_FILE))
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None
    for column in ("key", "config", "core", "metric", "source", "text"):
        if column in frame:
            frame[column] = frame[column].astype(object)
    if wrong := _wrong(frame):
        raise ValueError(wrong)
    notebook = notebook_path(path)
    if not notebook.is_file():
        raise ValueError(f"has lost its notebook {notebook.name}")
    if _digest(notebook) != frame.attrs["notebook"]:
        raise ValueError(f"is not of the notebook {notebook.name}, which has changed since")
    return frame


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(_files.content(path, MOST_NOTEBOOK)).hexdigest()
    except OSError as error:
        raise ValueError(
            f"has a notebook {path.name} that cannot be read: {error.strerror or error}"
        ) from None


def _wrong(frame: "pd.DataFrame") -> str:
    """Say what rows lack that a sweep writes; "" if nothing."""
    if [*frame.columns] != [*COLUMNS]:
        return f"has columns {', '.join(map(str, frame.columns))}, not {', '.join(COLUMNS)}"
    kinds = {name: str(frame[name].dtype) for name, kind in COLUMNS.items() if kind != "text"}
    if other := [f"{n} is {k}" for n, k in kinds.items() if k != COLUMNS[n]]:
        return f"has other columns: {', '.join(other)}"
    if any(not isinstance(v, str) for n, k in COLUMNS.items() if k == "text" for v in frame[n]):
        return "has a text that is none"
    if frame.attrs.get("rows") != len(frame) or not frame.attrs.get("seconds", -1.0) >= 0 or not len(frame):
        return f"has {len(frame)} rows, not {frame.attrs.get('rows')}"
    if not isinstance(frame.attrs.get("notebook"), str):
        return "does not say which notebook it is of"
    if frame["key"].nunique() > 1 or not KEY.fullmatch(frame["key"].iloc[0]):
        return "has rows of several runs"
    if frame["config"].nunique() > 1 or frame["core"].nunique() > 1:
        return "has rows of several configurations"
    if frame.duplicated(UNIQUE).any():
        return "has a row twice"
    if long := [n for n, k in COLUMNS.items() if k == "text" and frame[n].map(len).max() > LONGEST_TEXT]:
        return f"has a text of more than {LONGEST_TEXT} characters in column {long[0]}"
    if not (found := config(frame)):
        return "has no parameters"
    if len(found["parameters"]) > MOST_PARAMETERS or not all(map(_plain, found["parameters"].values())):
        return f"has more than {MOST_PARAMETERS} parameters, or one that is no number, text, True or False"
    return ""


def _plain(value: Any, depth: int = 0) -> bool:
    """Whether a value is what a notebook has for a parameter: a number, a text, or a short list of them."""
    if isinstance(value, list):
        return depth < 4 and all(_plain(one, depth + 1) for one in value)
    return (
        value is None
        or isinstance(value, str)
        or (isinstance(value, int | float) and not abs(value) >= LARGEST)
    )


def config(frame: "pd.DataFrame") -> Mapping[str, Any]:
    """Return {"chapter": name, "parameters": {name: value}} of a run's rows, {} if they lack it."""
    try:
        found = _files.parse(frame["config"].iloc[0], "config")
    except ValueError:
        return {}
    sound = isinstance(found.get("chapter"), str) and isinstance(found.get("parameters"), dict)
    return found if sound else {}


def state(folder: Path, run: Run) -> str | None:
    """Return the digest of the code that computed a run, None if it is not there.

    Raises:
        ValueError: what is there is not that run.
    """
    path = rows_path(folder, run)
    if not path.is_file():
        return None
    frame = read(path)
    if frame["key"].iloc[0] != run.key or config(frame) != json.loads(json.dumps(run.config, default=str)):
        raise ValueError("has rows of another run")
    return str(frame["core"].iloc[0])
