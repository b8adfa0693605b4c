"""Checks of a stored table, whole: bytes, columns, keys, seeds, and what the manifest says of it."""

import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp.experiments import registry
from qbp.results import store

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"key": "text", "config": "text", "core": "text", "seed": "int64", "step": "int64"}
COLUMNS |= {"metric": "text", "value": "float64"}
ENTRY: dict[str, type | tuple[type, ...]] = {  # what the manifest says of every table ...
    "target": str, "command": str, "sha256": str, "rows": int, "core": str, "packages": dict,
    "machine": str, "minutes": (int, float),
}  # fmt: skip
OF_RUNS: dict[str, type] = {"seeds": int, "configs": dict}  # ... and of those with rows of runs
OTHER_KINDS = ("benchmarks",)  # timings: columns of their own, and no two measurements agree


@dataclass(frozen=True)
class Mismatch:
    """Something that is not what it should be.

    Attributes:
        table: name of the table, or of the page.
        check: what was looked at: file, sha256, schema, manifest, config, seeds, core, value, claim, readme.
        message: what is wrong, one line.
        row: {"key", "seed", "step", "metric"} of a row, None where it is not about one.
        stored, recomputed: the two values, as numbers or text, None where there are none.
        command: the command that computes it again, None where there is none.
    """

    table: str
    check: str
    message: str
    row: Mapping[str, Any] | None = None
    stored: float | str | None = None
    recomputed: float | str | None = None
    command: str | None = None

    def __str__(self) -> str:
        lines = [f"{self.table}: {self.check}: {self.message}"]
        if self.stored is not None:
            lines.append(f"stored {self.stored}, computed {self.recomputed}")
        lines += [f"recompute: {self.command}"] if self.command else []
        return "\n    ".join(lines)


@dataclass
class Checked:
    """A table and what is wrong with it.

    Attributes:
        rows: number of rows, None for a file that cannot be read.
        core: digest of the code that made the rows of runs; None for a table of another kind.
        now: digest of the present code for these rows.
        verb: the subcommand that runs them.
        frame: rows that can be run again, None if there are none.
        mismatches: what is not as it should be.
    """

    rows: int | None = None
    core: str | None = None
    now: str | None = None
    verb: str = "run"
    frame: "pd.DataFrame | None" = None
    mismatches: list[Mismatch] = field(default_factory=list)


def listed(directory: Path) -> tuple[dict[str, Any], list[Mismatch]]:
    """Return the manifest, empty if it cannot be read, and what is wrong with it."""
    try:
        found = store.manifest(directory)
        if isinstance(found, dict):
            return found, []
        error: object = "it is not an object"
    except ValueError as broken:
        error = broken
    return {}, [Mismatch("MANIFEST.json", "manifest", f"cannot be read: {error}")]


def check(name: str, entry: Any, directory: Path) -> Checked:
    """Check one table whole.

    Args:
        name: of the table.
        entry: what the manifest says of it, None if it says nothing.
        directory: the results folder.
    """
    import pandas as pd

    found, path = Checked(), directory / f"{name}.parquet"

    def wrong(check: str, message: str, **more: Any) -> None:
        found.mismatches.append(Mismatch(name, check, message, **more))

    if not path.is_file():
        wrong("file", "the manifest lists it, but it is not there")
        return found
    raw = path.read_bytes()
    try:
        frame = pd.read_parquet(io.BytesIO(raw))
    except Exception as error:  # pyarrow raises what it likes on bytes that are no table
        wrong("file", f"cannot be read as a table: {error}")
        return found
    found.rows = len(frame)
    if not isinstance(entry, dict):
        wrong("manifest", "the file is there, but the manifest does not list it")
        return found
    if (digest := hashlib.sha256(raw).hexdigest()) != entry.get("sha256"):
        wrong("sha256", "not the bytes of the manifest", stored=str(entry.get("sha256")), recomputed=digest)
    of_runs = name not in OTHER_KINDS
    found.verb = store.verb_of(entry.get("command"))
    for message in _entry(entry, frame, of_runs=of_runs):
        wrong("manifest", message)
    if not of_runs:
        return found
    if message := _columns(frame):
        wrong("schema", message)
        return found
    frame = frame.astype({column: str for column, kind in COLUMNS.items() if kind == "text"})
    found.core = "+".join(sorted(frame["core"].unique()))
    if found.core != entry.get("core"):
        wrong("core", "the rows are of another", stored=str(entry.get("core")), recomputed=found.core)
    good, others = _configs(frame, entry, found.verb)
    found.mismatches += [replace(m, table=name) for m in (*_rows(frame), *others)]
    if good:
        found.now = store.core_of(_config(good[0], frame[frame["key"] == good[0]]), found.verb)
    found.frame = frame[frame["key"].isin(good)].reset_index(drop=True)
    return found


def _entry(entry: Mapping[str, Any], frame: "pd.DataFrame", *, of_runs: bool) -> Iterator[str]:
    """Say what the manifest lacks, or says of a table that is not so."""
    for name, kind in (ENTRY | (OF_RUNS if of_runs else {})).items():
        if not isinstance(entry.get(name), kind) or entry[name] in ("", {}):
            yield f"{name} is {repr(entry.get(name))[:60]}"
    if entry.get("rows") != len(frame):
        yield f"rows is {entry.get('rows')!r}, and the table has {len(frame)}"
    if of_runs and {"key", "seed"} <= set(frame.columns):
        seeds = frame.groupby("key", observed=True)["seed"].nunique().max()
        if entry.get("seeds") != seeds:
            yield f"seeds is {entry.get('seeds')!r}, and the table has {seeds}"


def _columns(frame: "pd.DataFrame") -> str:
    """Say what is wrong with the columns; empty if nothing is."""
    if list(frame.columns) != list(COLUMNS):
        return f"columns are {', '.join(map(str, frame.columns))}, not {', '.join(COLUMNS)}"
    for column, kind in COLUMNS.items():
        values = frame[column].cat.categories if frame[column].dtype == "category" else frame[column]
        found = str(values.dtype)
        if found != kind and not (kind == "text" and found in ("object", "str", "string")):
            return f"column {column} is {found}, not {kind}"
    if frame.drop(columns="value").isna().any(axis=None):
        return "a row lacks its key, config, core or metric"
    return ""


def _rows(frame: "pd.DataFrame") -> Iterator[Mismatch]:
    """Yield rows that stand twice and values that are not finite: a diverged run keeps its last ones."""
    twice = frame.duplicated(["key", "seed", "step", "metric"]).to_numpy()
    broken = ~np.isfinite(frame["value"].to_numpy())
    for where, what in ((twice, "stands twice"), (broken, "is not finite")):
        if where.any():
            row = frame.iloc[int(where.argmax())]
            more = f", one of {where.sum()}" if where.sum() > 1 else ""
            yield Mismatch("", "schema", f"{words(row)} {what}{more}", named(row))


def _configs(frame: "pd.DataFrame", entry: Mapping[str, Any], verb: str) -> tuple[list[str], list[Mismatch]]:
    """Return the keys whose rows can be run again, and what is wrong with configurations and seeds."""
    good, wrong = [], []
    commands = entry["configs"] if isinstance(entry.get("configs"), dict) else {}
    for key in sorted(commands.keys() - set(frame["key"])):
        wrong.append(Mismatch("", "config", f"the manifest lists {key}, of which there is no row"))
    for key, part in frame.groupby("key", sort=False):
        try:
            config = _config(str(key), part)
        except (TypeError, ValueError) as error:
            wrong.append(Mismatch("", "config", f"of {key}: {error}"))
            continue
        good.append(str(key))
        command = store.command(config, verb)
        said = re.sub(r" --device \S+", "", str(commands.get(key)))  # where it ran is no part of it
        if absent := sorted(set(config.run_seeds) - set(part["seed"])):
            wrong.append(Mismatch("", "seeds", f"{key} lacks {absent}", command=command))
        elif commands and said != command:
            what = f"of {key}: the manifest's command is not that of the rows"
            wrong.append(Mismatch("", "config", what, stored=said, recomputed=command))
        steps = registry.of(config.experiment, verb).records(config)
        wrong += _records(part, set(steps), command)
    return good, wrong


def _config(key: str, part: "pd.DataFrame") -> Any:
    """Return the configuration of these rows, for all their seeds; raise ValueError if it is not theirs."""
    texts = part["config"].unique()
    if len(texts) > 1:
        raise ValueError(f"its rows have {len(texts)} of them")
    plain = json.loads(texts[0])
    if (hashed := store.key_of(plain)) != key:
        raise ValueError(f"its key would be {hashed}")
    first, last = int(part["seed"].min()), int(part["seed"].max())
    return registry.configuration(plain, seed=first, seeds=last - first + 1)


def _records(part: "pd.DataFrame", steps: set[int], command: str) -> Iterator[Mismatch]:
    """Yield the first metric that does not have one value for each seed and recorded step."""
    seeds = set(part["seed"])
    for metric, rows in part.groupby("metric", sort=False):
        kept = [max(steps)] if metric == "diverged" else steps
        want = {(seed, step) for seed in seeds for step in kept}
        have = set(zip(rows["seed"], rows["step"], strict=True))
        if other := want ^ have:
            seed, step = min(other)
            row = {**named(rows.iloc[0]), "seed": int(seed), "step": int(step)}
            what = "should not be there" if (seed, step) in have else "is not there"
            yield Mismatch("", "seeds", f"{words(row)} {what}, one of {len(other)}", row, command=command)
            break
    if "diverged" not in set(part["metric"]):
        yield Mismatch("", "schema", f"{named(part.iloc[0])['key']} has no metric diverged", command=command)


def named(row: Any) -> dict[str, Any]:
    """Return what names a row: key, seed, step, metric."""
    return {"key": row["key"], "seed": int(row["seed"]), "step": int(row["step"]), "metric": row["metric"]}


def words(row: Any) -> str:
    """Return what names a row as words."""
    return f"{row['metric']} of seed {row['seed']} at step {row['step']} of {row['key']}"
