"""Execution of one notebook on a worker: values in, the executed notebook and its rows out, nothing written.

A worker and a kernel import this module: it loads nothing heavy until it has to.
"""

import hashlib
import json
import math
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[1]
TABLES = PACKAGE.parent / "results" / "MANIFEST.json"
ROWS = "application/vnd.qbp.rows+json"  # what the last cell shows, which is taken out again
RECORD = "application/papermill.record/text/plain"  # a glued value
RESULT = "qbp.experiments.result.Result"
LAST_CELL = "from qbp.sweeps.notebook import leave\nleave(globals())"
QUIET_KERNEL = ["--IPKernelApp.log_level=50"]  # it warns of what is local, and of being told to end
MOST_ROWS, LONGEST_TEXT = 200_000, 300
NUMBER = re.compile(r"[-+−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """A number that a run left behind.

    Attributes:
        source: "glue" of a number in the text; the name of a variable that held a result; "run".
        seed, step: of a result's number, -1 where it is of the whole run.
        metric: its name.
        value: the number, NaN where a text does not begin with one.
        text: as it is shown, "" of a result's number.
    """

    source: str
    seed: int
    step: int
    metric: str
    value: float
    text: str = ""


@dataclass(frozen=True)
class Ran:
    """What came of a run.

    Attributes:
        notebook: text of the executed notebook, up to the cell that failed.
        rows: what it left, none if it failed.
        seconds: wall-clock time.
        error: the cell that failed, and the line and error, "" if none did.
    """

    notebook: str
    rows: tuple[Row, ...]
    seconds: float
    error: str = ""


def code_digest(source: str) -> str:
    """Return the digest of what the numbers of a notebook rest on, 16 digits.

    That is its code cells, every file of the package, and the committed tables.

    Args:
        source: text of the notebook.
    """
    cells = [c for c in json.loads(source)["cells"] if c["cell_type"] == "code"]
    code = ["".join(cell.get("source", "")) for cell in cells]
    return hashlib.sha256(json.dumps([_package(), *code]).encode()).hexdigest()[:16]


@cache
def _package() -> str:
    found = hashlib.sha256()
    files = [path for path in sorted(PACKAGE.rglob("*")) if path.suffix in (".py", ".toml")]
    for path in [*files, *([TABLES] if TABLES.is_file() else [])]:
        found.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def execute(source: str, given: Mapping[str, Any], folder: str, code: str) -> Ran:
    """Run a notebook with these parameters.

    Args:
        source: its text.
        given: {parameter: value}.
        folder: where its kernel begins; a temporary one where that is not there.
        code: digest of the code that is to run it (:func:`code_digest`).

    Raises:
        ValueError: the code here is other code.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    if (here := code_digest(source)) != code:
        raise ValueError(
            f"a worker has other code or tables than the sweep ({here}, not {code}): update its qbp"
        )
    began, error = time.perf_counter(), ""
    with tempfile.TemporaryDirectory(prefix="qbp-run-") as place:
        before, after = Path(place, "source.ipynb"), Path(place, "run.ipynb")
        before.write_text(json.dumps(_with_last_cell(json.loads(source))), encoding="utf-8")
        try:
            papermill.execute_notebook(
                str(before), str(after), dict(given), progress_bar=False, extra_arguments=QUIET_KERNEL,
                cwd=folder if Path(folder).is_dir() else place,
            )  # fmt: skip
        except PapermillExecutionError as failed:
            error = where(failed)
        except Exception as failed:  # no such kernel, one that died
            error = " ".join(f"{type(failed).__name__}: {failed}".split())
        text = after.read_text(encoding="utf-8") if after.is_file() else source
    node = json.loads(text)
    rows = () if error else tuple(rows_of(node))
    cells = [cell for cell in node["cells"] if "".join(cell.get("source", "")) != LAST_CELL]
    text = json.dumps({**node, "cells": cells}, indent=1, ensure_ascii=False) + "\n"
    return Ran(text, rows, time.perf_counter() - began, error)


def where(failed: Any) -> str:
    """Say in one line which cell failed, at which of its lines, and how.

    Args:
        failed: papermill's PapermillExecutionError.
    """
    plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(failed.traceback))
    line = re.search(r"^-+> *(\d+) (.*)$", plain, re.MULTILINE)
    at = f", line {line[1]}: `{line[2].strip()}`" if line else ""
    said = " ".join(str(failed.evalue).split()) or "no message"
    return f"cell {failed.exec_count or failed.cell_index}{at}: {failed.ename}: {said}"


def _with_last_cell(node: dict[str, Any]) -> dict[str, Any]:
    last: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": LAST_CELL,
    }
    last |= {"id": "qbp-sweep-rows"} if node.get("nbformat_minor", 0) >= 5 else {}
    return {**node, "cells": [*node["cells"], last]}


def leave(namespace: Mapping[str, Any]) -> None:
    """Show the results that a notebook's variables hold, for the worker to take: its last cell calls this."""
    from IPython.display import display

    rows = [[r.source, r.seed, r.step, r.metric, finite(r.value)] for r in results(namespace)]
    display({ROWS: rows, "text/plain": f"{len(rows)} rows"}, raw=True)


def finite(value: float) -> float | None:
    """Return a number as JSON has it, None for one that is not finite."""
    return value if math.isfinite(value) else None


def results(namespace: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the numbers after the last step of each result that a notebook computed.

    Args:
        namespace: {name: value}; results, and mappings of results, are looked at.  What a table was loaded
            from was not computed there, and a result under two names counts once.
    """
    seen = set[int]()
    for name, value in namespace.items():
        if name.startswith("_") or name in ("In", "Out"):
            continue
        whole = value.items() if isinstance(value, Mapping) else [("", value)]
        for label, result in [*whole]:
            ours = f"{type(result).__module__}.{type(result).__name__}" == RESULT  # not loaded for this
            if ours and not result.table and id(result) not in seen:
                seen.add(id(result))
                yield from _finals(f"{name}[{label}]" if label != "" else name, result)


def _finals(source: str, result: Any) -> Iterator[Row]:
    step = int(result.step[-1])
    columns = {m: values[:, -1] for m, values in result.history.items()}
    for metric, values in {**columns, "diverged": result.diverged}.items():
        for seed, value in zip(result.config.run_seeds, values, strict=True):
            yield Row(source, int(seed), step, metric, float(value))


def rows_of(node: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the rows of an executed notebook: glued values, results, and how many cells have run."""
    found = dict[tuple[str, int, int, str], Row]()
    cells = [cell for cell in node["cells"] if cell["cell_type"] == "code"]
    for output in (output for cell in cells for output in cell.get("outputs", ())):
        data, said = output.get("data") or {}, (output.get("metadata") or {}).get("scrapbook") or {}
        if RECORD in data and "name" in said:
            text = _unquoted("".join(data[RECORD]))
            row = Row("glue", -1, -1, str(said["name"]), number_of(text), text[:LONGEST_TEXT])
            found[row.source, -1, -1, row.metric] = row
        for source, seed, step, metric, value in data.get(ROWS, ()):
            found[source, seed, step, metric] = Row(
                source, seed, step, metric, math.nan if value is None else float(value)
            )
    ran = len(cells) - 1  # without ours
    yield from [Row("run", -1, -1, "cells", float(ran)), *found.values()][:MOST_ROWS]


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def number_of(text: str) -> float:
    """Return the number that a text begins with, NaN if it begins with none.

    Example:
        >>> number_of("-10.7 % [-15.2 %, -4.2 %] (n = 5)"), number_of("3 of 5"), number_of("1.2e-3")
        (-10.7, 3.0, 0.0012)
    """
    found = NUMBER.match(text)
    return float(found[0].replace(",", "").replace("−", "-")) if found else math.nan
