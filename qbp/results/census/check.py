"""Census rows computed again: the table beside the collection, and a sample of its rows beside new ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qbp import draws
from qbp.results.census import table
from qbp.results.census.collection import OBSERVABLES, Collected
from qbp.results.census.rows import CAUSE_NUMBERS, NUMBERS, described, measure
from qbp.results.integrity import Mismatch

if TYPE_CHECKING:
    import pandas as pd

CHEAP = 20.0  # seconds that a row may have taken that is computed again
CLOSE = 1e-6  # of a base-2 logarithm or a share
SAME = ("source", "version", "family", "sha256", "qubits", "parameters", "shared", "rotations", "engine")


class Rechecked(NamedTuple):
    """Rows computed again, and what is not as it should be."""

    rows: int
    mismatches: list[Mismatch]


def recheck(directory: Path, rows: int, seed: int, *, allow_older: bool = False) -> Rechecked:
    """Compare the census table of a folder with its collection, and some rows with what they come out as now.

    Args:
        directory: the results folder, with `census.parquet` and the file of the circuits.
        rows: how many to compute again, of those that took at most twenty seconds.
        seed: of the sample.
        allow_older: a table made by other code is no mismatch.

    Returns:
        The number of rows computed again, and the mismatches.
    """
    try:
        circuits, frame = table.collection(directory), table.load(directory)
    except ValueError as error:
        return Rechecked(0, [Mismatch(table.NAME, "file", str(error))])
    wrong = list(_whole(frame, circuits, allow_older=allow_older))
    if wrong:
        return Rechecked(0, wrong)
    cheap = frame[frame["seconds"] <= CHEAP]
    order = draws.stream(seed, "verify census").permutation(len(cheap))[:rows]
    for at in order:
        wrong += _again(cheap.iloc[int(at)], circuits)
    return Rechecked(len(order), wrong)


def _whole(frame: "pd.DataFrame", circuits: dict[str, Collected], *, allow_older: bool) -> Iterator[Mismatch]:
    """Say which circuits and observables the table lacks, or has twice or beside the collection."""
    columns = {"circuit", "observable", "core", "seconds", "cause", *SAME, *NUMBERS, *CAUSE_NUMBERS}
    if missing := columns - set(frame.columns):
        yield Mismatch(table.NAME, "schema", f"lacks the columns {', '.join(sorted(missing))}")
        return
    listed = list(zip(frame["circuit"], frame["observable"], strict=True))
    wanted = {(name, kind) for name in circuits for kind in OBSERVABLES}
    if len(set(listed)) < len(listed):
        yield Mismatch(table.NAME, "schema", "a circuit and observable stands twice")
    if other := set(listed) ^ wanted:
        name, kind = min(other)
        what = "not in the collection" if (name, kind) in set(listed) else "not in the table"
        yield Mismatch(table.NAME, "schema", f"{name}, {kind}, is {what}, one of {len(other)}")
    made = "+".join(sorted(set(frame["core"])))
    if made != table.core() and not allow_older:
        what = f"made by other code: core {made}, now {table.core()}"
        yield Mismatch(table.NAME, "core", what, command=table.COMMAND)


def _again(row: Any, circuits: dict[str, Collected]) -> Iterator[Mismatch]:
    """Compute one row again, and say where it differs."""
    found, kind = circuits[row["circuit"]], row["observable"]
    what, command = f"{found.name}, {kind}", f"{table.COMMAND} --only {found.name} --print"
    said = described(found, kind)
    for column in SAME:
        if row[column] != said[column]:
            stored, now = str(row[column]), str(said[column])
            yield Mismatch(table.NAME, "value", f"{column} of {what}", None, stored, now, command)
            return
    new = measure(found, kind)
    if row["cause"] != new["cause"]:
        stored, now = str(row["cause"]), str(new["cause"])
        yield Mismatch(table.NAME, "value", f"cause of {what}", None, stored, now, command)
        return
    for column in (*NUMBERS, *CAUSE_NUMBERS):
        before, after = float(row[column]), float(new[column])
        if not np.isclose(before, after, rtol=0, atol=CLOSE, equal_nan=True):
            values = str(before), str(after)  # NaN is no number of JSON
            yield Mismatch(table.NAME, "value", f"{column} of {what}", None, *values, command)
            return
