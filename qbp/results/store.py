"""Storage of result tables.

A table is Parquet in long form, one row per recorded value: config, seed, step, metric, value.
MANIFEST.json says for each table what produced it; a table whose bytes do not match its manifest is refused.
"""

import hashlib
import io
import json
import os
import platform
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp import _files
from qbp.experiments import registry
from qbp.experiments.perceptrons import EXPERIMENTS
from qbp.experiments.registry import PERCEPTRONS, Kind
from qbp.experiments.result import Result
from qbp.experiments.settings import as_plain
from qbp.results.digest import Code
from qbp.results.reading import parquet

if TYPE_CHECKING:
    import pandas as pd

SCHEMA, MANIFEST, MOST_MANIFEST = 1, "MANIFEST.json", 10_000_000  # bytes
ROOT = Path(__file__).resolve().parents[2]  # of the repository
DIRECTORY = ROOT / "results"
PACKAGES = ("torch", "numpy", "scipy", "pandas", "pyarrow")
ENTRY = ("target", "command", "sha256", "rows", "seeds", "configs", "core", "packages", "machine", "minutes")
MAIN = tuple(name + end for name in EXPERIMENTS for end in ("", "-as-released"))  # tables of the comparisons
NOT_KEY = {"device", "seeds", "seed"}  # where and for how many seeds it ran: not what was computed


def config_dict(config: Any) -> dict[str, Any]:
    """Return what determines one seed's numbers as plain data: a configuration without device and seeds."""
    return {name: value for name, value in as_plain(config).items() if name not in NOT_KEY}


def key(config: Any) -> str:
    """Return the key of a configuration's rows, a hash of :func:`config_dict` and the schema version."""
    return key_of(config_dict(config))


def key_of(config: dict[str, Any]) -> str:
    """Return the key of a configuration given as the plain data of :func:`config_dict`."""
    text = json.dumps([SCHEMA, config], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def verb_of(command: Any) -> str:
    """Return the subcommand of a table's command, which says what its rows are: "grid" or "terrain"."""
    return [*str(command).split(), "", ""][1]


def command(config: Any, verb: str = "run") -> str:
    """Return the command line that runs exactly this configuration, by a kind's subcommand.

    Example:
        >>> from qbp.experiments.perceptrons import Experiment
        >>> command(Experiment("curve", algorithm={"beta_0": 0.0}))
        'qbp run curve --methods two-stage --reading as-written --seeds 20 --beta-0 0.0'
    """
    named = ("experiment", "method", "reading")
    plain = type(config)(**{name: getattr(config, name) for name in named if hasattr(config, name)})
    words = [f"qbp {registry.of(config.experiment, verb).verb} {config.experiment}"]
    said = {"method", "seeds", "algorithm"}
    if words == [f"qbp run {config.experiment}"]:
        words += [f"--methods {config.method}"]
        words += [f"--reading {config.reading}"] if hasattr(config, "reading") else []
    else:  # all methods at once, and records of its own
        said.add("record_every")
    words += [f"--seeds {config.seeds}"]
    for own, usual in ((config, plain), (config.algorithm, plain.algorithm)):
        for f in fields(own):
            value = getattr(own, f.name)
            if f.name not in said and value != getattr(usual, f.name):
                said.add(f.name)  # an algorithm repeats steps and record_every
                words.append(f"--{f.name.replace('_', '-')} {shlex.quote(str(value))}")
    return " ".join(words)


def core_digest(kind: Kind = PERCEPTRONS) -> str:
    """Return the digest of the code that a kind's numbers rest on, 16 digits (:mod:`qbp.results.digest`)."""
    return _digest(kind.roots, kind.apart)


@cache
def _digest(roots: tuple[str, ...], apart: frozenset[str]) -> str:
    return _code(apart).digest(roots)


@cache
def _code(apart: frozenset[str]) -> Code:
    return Code(apart=apart)  # a module is parsed once for all that depend on it


def core_of(config: Any, verb: str = "run") -> str:
    """Return the digest of the code by which a subcommand computes a configuration."""
    kind = registry.of(config.experiment, verb)
    return _digest((*kind.roots, *kind.own(config)), kind.apart)


def to_frame(result: Result, core: str | None = None, verb: str = "run") -> "pd.DataFrame":
    """Return a result in long form: key, config, core, seed, step, metric, value.

    `diverged` is stored as a metric of the last step.  A value that is not finite is stored as the last
    finite one of its run, as a norm overflows before the loss does.  Its attributes are command and seconds.

    Args:
        result: what to write down.
        core: digest of the code that computed it (default :func:`core_of`).
        verb: the subcommand that runs it.
    """
    import pandas as pd

    metrics, seeds, steps = list(result.history), list(result.config.run_seeds), result.step
    index = pd.MultiIndex.from_product([metrics, seeds, steps], names=["metric", "seed", "step"])
    values = _last_finite(np.stack([result.history[m] for m in metrics])).reshape(-1)
    frame = pd.DataFrame({"value": values}, index=index).reset_index()
    ended = pd.DataFrame(
        {"metric": "diverged", "seed": seeds, "step": steps[-1], "value": result.diverged.astype(float)}
    )
    frame = pd.concat([frame, ended], ignore_index=True)
    text = json.dumps(config_dict(result.config), sort_keys=True)
    frame = frame.assign(key=key(result.config), config=text, core=core or core_of(result.config, verb))
    frame = frame[["key", "config", "core", "seed", "step", "metric", "value"]]
    frame.attrs = {"seconds": result.seconds, "command": command(result.config, verb)}
    return frame


def _last_finite(values: np.ndarray) -> np.ndarray:
    """Replace what is not finite by the last finite value before it, along the last axis."""
    index = np.where(np.isfinite(values), np.arange(values.shape[-1]), 0)
    return np.take_along_axis(values, np.maximum.accumulate(index, axis=-1), axis=-1)


def save(
    name: str, results: Iterable[Result], *, command: str, target: str, directory: Path = DIRECTORY
) -> Path:
    """Write one table and its manifest entry, each whole or not at all, and return the table's path.

    Args:
        name: the table is `name`.parquet.
        results: what to store.
        command: the command that makes the table again; its subcommand says what its rows are.
        target: the item of the paper it speaks to.
        directory: the results folder.

    Raises:
        ValueError: two results have one row; the manifest cannot be read, does not list a file of this name,
            or says that another subcommand made it.  Nothing is replaced.
    """
    frames = (to_frame(result, verb=verb_of(command)) for result in results)
    return save_frames(name, frames, command=command, target=target, directory=directory)


def save_frames(
    name: str, frames: Iterable["pd.DataFrame"], *, command: str, target: str, directory: Path = DIRECTORY
) -> Path:
    """Write one table from frames as :func:`to_frame` gives them; the rest as :func:`save`."""
    import pandas as pd

    frames = list(frames)
    table = pd.concat(frames, ignore_index=True)
    table.attrs = {}  # seconds are no part of a table: the same numbers are the same bytes
    _once(table, name)
    for column in ("key", "config", "core", "metric"):
        table[column] = table[column].astype("category")
    entry = {
        "target": target,
        "command": command,
        "seeds": max(frame["seed"].nunique() for frame in frames),
        "configs": {frame["key"].iloc[0]: frame.attrs["command"] for frame in frames},
        "core": "+".join(sorted(table["core"].unique())),
        "minutes": round(sum(frame.attrs["seconds"] for frame in frames) / 60, 1),
    }
    return write_table(name, table, entry, directory)


def write_table(
    name: str, table: "pd.DataFrame", entry: Mapping[str, Any], directory: Path = DIRECTORY
) -> Path:
    """Write any table and its manifest entry; the rest as :func:`save`.

    Args:
        table: its rows.
        entry: what the manifest says of it beside hash, rows, packages and machine; `core` is the digest of
            the present code unless given.
    """
    path, buffer = directory / f"{name}.parquet", io.BytesIO()
    numbers = [column for column in table.columns if table[column].dtype == "float64"]
    words = [column for column in table.columns if column not in numbers]
    layout = {"use_dictionary": words, "use_byte_stream_split": numbers}  # a fifth smaller: equal bytes meet
    table.to_parquet(buffer, index=False, compression="zstd", compression_level=19, **layout)
    found = {
        "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        "rows": len(table),
        "packages": {package: version(package) for package in PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
    whole = {"core": core_digest(), **entry, **found}  # in one order: a table made again changes few lines
    listed = {key: whole[key] for key in ENTRY if key in whole}
    with _files.locked(directory):  # another process may have listed a table of its own meanwhile
        tables = manifest(directory)
        if name not in tables and path.exists() and path.read_bytes() != buffer.getvalue():
            raise ValueError(f"{path} is there, but {directory / MANIFEST} does not list it: move it away")
        made = tables.get(name, listed).get("command")
        if verb_of(made) != verb_of(listed.get("command")):
            raise ValueError(f"{path} was made by `{made}`, and is not replaced: take another folder")
        _files.write(path, buffer.getvalue())
        text = json.dumps(dict(sorted({**tables, name: listed}.items())), indent=1)
        _files.write(directory / MANIFEST, (text + "\n").encode())
    return path


def manifest(directory: Path = DIRECTORY) -> dict[str, Any]:
    """Return the manifest, {table: entry}; empty if there is none yet.

    Raises:
        ValueError: the file is no JSON object, or too large for one.
    """
    path = directory / MANIFEST
    return _files.parse(_files.content(path, MOST_MANIFEST), str(path)) if path.is_file() else {}


def load(name: str, directory: Path = DIRECTORY) -> dict[str, Result]:
    """Read a table with one configuration per method: {method: Result}, without theta and mini-batch losses.

    Raises:
        ValueError: there is no such table, its bytes are not those of the manifest, or a method stands in it
            with several configurations (then :func:`load_keys`).
    """
    parts = list(load_keys(name, directory=directory).values())
    found = {part.config.method: part for part in parts}
    if len(found) < len(parts):
        raise ValueError(f"{name} has several configurations per method: load_keys reads them by key")
    return found


def load_keys(
    name: str, keys: Collection[str] | None = None, *, directory: Path = DIRECTORY
) -> dict[str, Result]:
    """Read a table, or the configurations with these keys in it: {key: Result}, in the table's order.

    Raises:
        ValueError: there is no such table, or its bytes are not those of the manifest.
    """
    rows = read_table(name, directory)
    rows = rows if keys is None else rows[rows["key"].isin(keys)]
    return {str(k): _from_frame(part, name) for k, part in rows.groupby("key", observed=True, sort=False)}


def read_table(name: str, directory: Path = DIRECTORY) -> "pd.DataFrame":
    """Read the rows of any table; do not change them, they are kept.

    Raises:
        ValueError: there is no such table, or its bytes are not those of the manifest.
    """
    path, known = directory / f"{name}.parquet", manifest(directory)
    if (entry := known.get(name)) is None or not path.is_file():
        names = ", ".join(known) or "none"
        raise ValueError(f"name must be a table in {directory}, one of {names}; got {name!r}")
    return _frame(path, entry["sha256"], path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _frame(path: Path, sha256: str, changed: int) -> "pd.DataFrame":
    """Read a table, checked against its hash; kept while the file does not change."""
    raw = _files.content(path, parquet.MOST_FILE)
    found = hashlib.sha256(raw).hexdigest()
    if found != sha256:
        said = f"sha256 {found[:12]}, not {sha256[:12]}"
        raise ValueError(f"{path.name} is not the table of the manifest: {said}")
    return parquet.read_as_written(raw)


def _from_frame(part: "pd.DataFrame", table: str) -> Result:
    config = json.loads(part["config"].iloc[0])
    (seeds, run), (steps, record) = (np.unique(part[n], return_inverse=True) for n in ("seed", "step"))
    config = registry.configuration(config, seed=int(seeds[0]), seeds=len(seeds))
    history = {"diverged": np.zeros((len(seeds), 1))}
    _once(part, table)
    for metric in part["metric"].unique():
        rows, values = (part["metric"] == metric).to_numpy(), np.full((len(seeds), len(steps)), np.nan)
        values[run[rows], record[rows]] = part["value"].to_numpy()[rows]
        history[str(metric)] = values
    diverged = history.pop("diverged")[:, -1] > 0
    return Result(config, None, steps, history, None, diverged, seconds=float("nan"), table=table)


def _once(rows: "pd.DataFrame", table: str) -> None:
    if (twice := rows.duplicated(["key", "seed", "step", "metric"])).any():
        said = "{metric} of seed {seed} at step {step} of {key}".format(**rows[twice].iloc[0])
        raise ValueError(f"{table} has two values of one row: {said}")
