"""Table of the runs of a sweep, or of several, in long form: parameters, what it is of, metric, value.

A number of a result is that of one seed after the last step; a glued one is of the whole run.
"""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbp._files import printable
from qbp.sweeps import shards
from qbp.sweeps.notebook import finite

if TYPE_CHECKING:
    import pandas as pd

ROW = ["source", "seed", "step", "metric", "value", "text"]
FEW = 8  # runs, or metrics, that stand side by side
MOST_FILES = 20_000


@dataclass(frozen=True)
class Collected:
    """The rows of all runs in a folder.

    Attributes:
        table: a row per number: chapter, run, core, the rows' own columns; parameters are in `parameters`.
        parameters: {run: {parameter: value}}.
        bad: files that are not what a sweep wrote, a line each.
    """

    table: "pd.DataFrame"
    parameters: Mapping[str, Mapping[str, Any]]
    bad: tuple[str, ...]

    @property
    def varied(self) -> list[str]:
        """Parameters that are not the same in all runs, in their order."""
        names = dict.fromkeys(name for of in self.parameters.values() for name in of)
        several = (n for n in names if len({json.dumps(p.get(n)) for p in self.parameters.values()}) > 1)
        return [*several]

    def wide(self) -> "pd.DataFrame":
        """Return the table with a column for each parameter, `param_` before its name."""
        names = dict.fromkeys(name for of in self.parameters.values() for name in of)
        columns = {f"param_{n}": [self.parameters[r].get(n) for r in self.table["run"]] for n in names}
        first = self.table[["chapter", "run", "core"]]
        return first.assign(**columns).join(self.table[ROW])

    def json(self) -> dict[str, Any]:
        """Return the runs and their rows as plain data; what is of no one seed or step has None there."""
        runs = self.table.drop_duplicates("run")[["chapter", "run", "core"]].to_dict("records")
        rows = self.table[["run", *ROW]].to_dict("records")
        for row in rows:
            row["value"] = finite(row["value"])
            row |= {name: None if row[name] < 0 else row[name] for name in ("seed", "step")}
        found = [{**run, "parameters": dict(self.parameters[run["run"]])} for run in runs]
        return {"varied": self.varied, "runs": found, "rows": rows, "bad": [*self.bad]}

    def means(self) -> "pd.DataFrame":
        """Return the mean over seeds of each metric of each run: (source, metric) by runs."""
        held = self.table.assign(of=self.table["source"] + ": " + self.table["metric"])
        means = held.groupby(["of", "run"], sort=False)["value"].mean().unstack("run")
        return means.reindex(index=held["of"].unique(), columns=[*self.parameters])

    def __str__(self) -> str:
        means, names = self.means(), self.varied
        labels = [", ".join(f"{n}={self.parameters[r].get(n)}" for n in names) or r for r in means.columns]
        means.columns, count = labels, len(labels)
        chapters = ", ".join(self.table["chapter"].unique())
        head = f"{chapters}: {count} runs, {len(self.table)} numbers; means over the seeds of each"
        if len(means) <= FEW:
            return printable_lines(head, means.T.to_string(float_format="{:.4g}".format))
        rest = f"\n{FEW} of {count} runs: --csv and --json have all, --metrics chooses" if count > FEW else ""
        return printable_lines(head, means.iloc[:, :FEW].to_string(float_format="{:.4g}".format) + rest)


def for_spreadsheets(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table in which no text is a formula to a spreadsheet: an apostrophe stands before one.

    A text that begins with "=", "@", a tab or a new line is one, or with a sign if it names a program ("|").
    """

    def plain(value: Any) -> Any:
        formula = isinstance(value, str) and (
            value[:1] in ("=", "@", "\t", "\r", "\n") or (value[:1] in ("+", "-") and "|" in value)
        )
        return f"'{value}" if formula else value

    return table.map(plain).rename(columns=plain)


def printable_lines(*parts: str) -> str:
    """Return texts below each other, without what a terminal would act on."""
    return "\n".join(printable(line) for part in parts for line in part.split("\n"))


def collect(folder: Path, metrics: Collection[str] = ()) -> Collected:
    """Return what the runs in a folder, and in folders below it, have left.

    Args:
        folder: of one sweep or of several.
        metrics: names of the numbers that are wanted (default all).

    Raises:
        ValueError: there is no such folder, no run in it that can be read, or no such metric.
    """
    import pandas as pd

    if not folder.is_dir():
        raise ValueError(f"DIR must be a folder of a sweep, got {str(folder)!r}")
    frames, parameters, bad = [], dict[str, Mapping[str, Any]](), list[str]()
    paths = sorted(folder.rglob("*.parquet"))
    if len(paths) > MOST_FILES:
        raise ValueError(f"DIR must have at most {MOST_FILES} files of rows, got {len(paths)} in {folder}")
    for path in paths:
        try:
            frame = shards.read(path)
            config, key = shards.config(frame), str(frame["key"].iloc[0])
            if key in parameters:
                raise ValueError(f"has run {key} again")
        except ValueError as error:
            bad.append(printable(f"{path} {error}"))
            continue
        parameters[key] = config["parameters"]
        frame = frame.rename(columns={"key": "run"}).assign(chapter=config["chapter"])
        frames.append(frame[["chapter", "run", "core", *ROW]])
    if not frames:
        more = f": {bad[0]}" if bad else ""
        raise ValueError(f"DIR must be a folder of a sweep, got {str(folder)!r}, which has no run{more}")
    for frame in frames:
        frame.attrs = {}
    table = _ordered(pd.concat(frames, ignore_index=True), parameters)
    if metrics:
        known = set(table["metric"])
        if unknown := sorted(set(metrics) - known):
            raise ValueError(f"metrics must be of {', '.join(sorted(known))}, got {', '.join(unknown)}")
        table = table[table["metric"].isin(metrics)].reset_index(drop=True)
    ordered = {run: parameters[run] for run in table["run"].unique()}
    return Collected(table, ordered, tuple(bad))


def _ordered(table: "pd.DataFrame", parameters: Mapping[str, Mapping[str, Any]]) -> "pd.DataFrame":
    """Return the rows with runs in the order of their parameters: 8 before 10."""
    chapters = dict(zip(table["run"], table["chapter"], strict=True))

    def place(run: str) -> tuple[Any, ...]:
        values = parameters[run].values()
        numbers = [isinstance(v, int | float) and math.isfinite(v) for v in values]
        pairs = zip(values, numbers, strict=True)
        return chapters[run], [(0, float(v), "") if n else (1, 0.0, str(v)) for v, n in pairs], run

    rank = {run: at for at, run in enumerate(sorted(chapters, key=place))}
    return table.sort_values("run", key=lambda runs: runs.map(rank), kind="stable").reset_index(drop=True)
