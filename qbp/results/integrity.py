"""Checks of a stored table, whole: bytes, columns, keys, seeds, and what the manifest says of it."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp import _files
from qbp._files import printable
from qbp.experiments import registry
from qbp.results import store
from qbp.results.reading import parquet

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"key": "text", "config": "text", "core": "text", "seed": "int64", "step": "int64"}
COLUMNS |= {"metric": "text", "value": "float64"}
ROW = ["key", "seed", "step", "metric"]  # what names a row: it stands once
ENTRY: dict[str, type | tuple[type, ...]] = {  # what the manifest says of every table ...
    "target": str, "command": str, "sha256": str, "rows": int, "core": str, "packages": dict,
    "machine": str, "minutes": (int, float),
}  # fmt: skip
OF_RUNS: dict[str, type] = {"seeds": int, "configs": dict}  # ... and of those with rows of runs
OTHER_KINDS = ("benchmarks", "census")  # with columns of their own: timings, of which no two agree, and rows
# of circuits, which qbp.results.census computes again
# A table of a stranger is read up to here; the largest of ours has 400,000 rows.
MOST_ROWS, LONGEST_TEXT = parquet.MOST_ROWS, 20_000


@dataclass(frozen=True)
class Mismatch:
    """Something that is not what it should be.

    Attributes:
        table: name of the table, or of the page.
        check: what was looked at: file, sha256, schema, manifest, config, seeds, core, consistency, value,
            claim, readme.
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
        return "\n    ".join(map(printable, lines))


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
        return store.manifest(directory), []
    except ValueError as error:
        return {}, [Mismatch("MANIFEST.json", "manifest", str(error))]


def read(raw: bytes) -> "pd.DataFrame":
    """Return the rows of a file, its texts as categories.

    Raises:
        ValueError: it is no table, or larger than what is read.
    """
    return parquet.read(raw, MOST_ROWS)


def check(name: str, entry: Any, directory: Path) -> Checked:
    """Check one table whole.

    Args:
        name: of the table.
        entry: what the manifest says of it, None if it says nothing.
        directory: the results folder.
    """
    found, path = Checked(), directory / f"{name}.parquet"

    def wrong(check: str, message: str, **more: Any) -> None:
        found.mismatches.append(Mismatch(name, check, message, **more))

    if not path.is_file():
        wrong("file", "the manifest lists it, but it is not there")
        return found
    try:
        raw = _files.content(path, parquet.MOST_FILE)
        frame = read(raw)
    except (OSError, ValueError) as error:
        wrong("file", str(error))
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
    if messages := list(columns(frame)):
        for message in messages:
            wrong("schema", message)
        return found
    frame = frame.astype({column: "category" for column, kind in COLUMNS.items() if kind == "text"})
    found.core = "+".join(sorted(frame["core"].unique()))
    if found.core != entry.get("core"):
        wrong("core", "the rows are of another", stored=str(entry.get("core")), recomputed=found.core)
    good, others = _configs(frame, entry, found.verb)
    found.mismatches += [replace(m, table=name) for m in (*broken(frame), *others)]
    if good:
        configs = (config_of(key, rows) for key, rows in frame.groupby("key", observed=True) if key in good)
        found.now = "+".join(sorted({store.core_of(config, found.verb) for config in configs}))
    found.frame = frame[frame["key"].isin(good)].reset_index(drop=True)
    return found


def _entry(entry: Mapping[str, Any], frame: "pd.DataFrame", *, of_runs: bool) -> Iterator[str]:
    """Say what the manifest lacks, or says of a table that is not so."""
    for name, kind in (ENTRY | (OF_RUNS if of_runs else {})).items():
        if not isinstance(entry.get(name), kind) or entry[name] in ("", {}):
            yield f"{name} is {repr(entry.get(name))[:60]}"
    if entry.get("rows") != len(frame):
        yield f"rows is {entry.get('rows')!r}, and the table has {len(frame)}"
    if of_runs and not list(columns(frame)):
        seeds = frame.groupby("key", observed=True)["seed"].nunique().max()
        if entry.get("seeds") != seeds:
            yield f"seeds is {entry.get('seeds')!r}, and the table has {seeds}"


def columns(frame: "pd.DataFrame") -> Iterator[str]:
    """Say what is wrong with the columns of a frame."""
    if list(frame.columns) != list(COLUMNS):
        yield f"columns are {', '.join(map(str, frame.columns))}, not {', '.join(COLUMNS)}"
    for column, kind in COLUMNS.items():
        if list(frame.columns).count(column) != 1:
            continue
        if kind != "text":
            if str(frame[column].dtype) != kind:
                yield f"column {column} is {frame[column].dtype}, not {kind}"
            continue
        category = frame[column].dtype == "category"
        values = list(frame[column].cat.categories if category else frame[column])
        others = {type(value).__name__ for value in values if not isinstance(value, str)}
        if category and frame[column].isna().any():
            others.add("nothing")
        if others:
            yield f"column {column} holds {', '.join(sorted(others))}, not only text"
        elif max(map(len, values), default=0) > LONGEST_TEXT:
            yield f"column {column} has a text of more than {LONGEST_TEXT} characters"


def broken(frame: "pd.DataFrame") -> Iterator[Mismatch]:
    """Yield rows that stand twice, whatever their values, and values that are not finite: a diverged run
    keeps its last ones."""
    twice = frame.duplicated(ROW, keep=False).to_numpy()
    infinite = ~np.isfinite(frame["value"].to_numpy())
    for where, what in ((twice, "stands twice"), (infinite, "is not finite")):
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
    for key, part in frame.groupby("key", sort=False, observed=True):
        try:
            config = config_of(str(key), part)
            command = store.command(config, verb)
            wrong += records(config, part, verb)
        except Exception as error:  # what a stranger wrote there may break anything
            wrong.append(Mismatch("", "config", f"of {key}: {str(error) or type(error).__name__}"))
            continue
        good.append(str(key))
        said = re.sub(r" --device \S+", "", str(commands.get(key)))  # where it ran is no part of it
        if commands and said != command and config.seeds == part["seed"].max() - part["seed"].min() + 1:
            what = f"of {key}: the manifest's command is not that of the rows"
            wrong.append(Mismatch("", "config", what, stored=said, recomputed=command))
    return good, wrong


def config_of(key: str, part: "pd.DataFrame") -> Any:
    """Return the configuration of these rows, for as many seeds; raise ValueError if it is not theirs."""
    texts = list(part["config"].unique())
    if len(texts) > 1:
        raise ValueError(f"its rows have {len(texts)} of them")
    plain = _files.parse(texts[0], "it")
    if (hashed := store.key_of(plain)) != key:
        raise ValueError(f"its key would be {hashed}")
    return registry.configuration(plain, seed=int(part["seed"].min()), seeds=int(part["seed"].nunique()))


def records(config: Any, part: "pd.DataFrame", verb: str = "run") -> Iterator[Mismatch]:
    """Yield what these rows lack of the seeds and recorded steps of their configuration.

    Raises:
        ValueError: the configuration has more records than there are rows.
    """
    command, key = store.command(config, verb), part["key"].iloc[0]
    first, last, seeds = int(part["seed"].min()), int(part["seed"].max()), set(part["seed"])
    if absent := list(islice((seed for seed in range(first, last) if seed not in seeds), 5)):
        more = f" and others, {last - first + 1 - len(seeds)}" * (last - first + 1 - len(seeds) > 5)
        yield Mismatch("", "seeds", f"{key} lacks {absent}{more}", command=command)
    if config.budget // config.record_every > len(part):  # before a list of them is made
        raise ValueError(f"it has records of {config.budget} steps, and there are {len(part)} rows")
    yield from _records(part, set(registry.of(config.experiment, verb).records(config)), command)


def _records(part: "pd.DataFrame", steps: set[int], command: str) -> Iterator[Mismatch]:
    """Yield the first metric that does not have one value for each seed and recorded step."""
    seeds = set(part["seed"])
    for metric, rows in part.groupby("metric", sort=False, observed=True):
        kept = [max(steps)] if metric == "diverged" else steps
        if len(seeds) * len(kept) > 2 * len(part):
            said = f"{metric} of {part['key'].iloc[0]} has {len(rows)} of {len(seeds) * len(kept)} records"
            yield Mismatch("", "seeds", said, command=command)
            break
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
    """Return what names a row, ROW."""
    return {"key": row["key"], "seed": int(row["seed"]), "step": int(row["step"]), "metric": row["metric"]}


def words(row: Any) -> str:
    """Return what names a row as words."""
    return f"{row['metric']} of seed {row['seed']} at step {row['step']} of {row['key']}"
