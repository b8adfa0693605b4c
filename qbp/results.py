"""Result tables: the only file I/O of the package.

A table is Parquet in long form, one row per recorded value: config, seed, step, metric, value.
MANIFEST.json says for each table what produced it; a table whose bytes do not match its manifest is refused.
"""

import hashlib
import io
import itertools
import json
import os
import platform
import re
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp.experiments import Experiment, Result

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
DIRECTORY = Path(__file__).resolve().parent.parent / "results"
PACKAGES = ("torch", "numpy", "scipy", "pandas", "pyarrow")
ENTRY = ("target", "command", "sha256", "rows", "seeds", "configs", "core", "packages", "machine", "minutes")
NOT_KEY = {"device", "seeds", "seed"}  # where and for how many seeds it ran: not what was computed


def config_dict(config: Experiment) -> dict[str, Any]:
    """Return a configuration as plain data, without device and seeds: what determines one seed's numbers."""
    return {name: value for name, value in asdict(config).items() if name not in NOT_KEY}


def key(config: Experiment) -> str:
    """Return the key of a configuration's rows, a hash of :func:`config_dict` and the schema version."""
    text = json.dumps([SCHEMA, config_dict(config)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def core_digest() -> str:
    """Return a hash of the code that can change a number: `experiments` and all it imports, 16 hex digits.

    Comments, docstrings and layout do not enter.
    """
    package, seen, todo = Path(__file__).parent, set(), ["experiments"]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            found = re.findall(
                r"^\s*from qbp(?:\.(\w+))? import (.*)", (package / f"{name}.py").read_text(), re.M
            )
            todo += [
                m for module, names in found for m in ([module] if module else re.findall(r"\w+", names))
            ]
    digest = hashlib.sha256()
    for name in sorted(seen):
        digest.update(f"{name}\0{_code(package / f'{name}.py')}\0".encode())
    return digest.hexdigest()[:16]


def _code(path: Path) -> str:
    """Return a source's tokens, without what Python does not execute."""
    kept, fresh = [], True  # fresh: at the start of a statement, where a lone string is a docstring
    tokens = list(tokenize.generate_tokens(io.StringIO(path.read_text()).readline))
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    for token, after in itertools.pairwise(tokens):
        docstring = fresh and token.type == tokenize.STRING and after.type == tokenize.NEWLINE
        if token.type not in layout and not docstring:
            kept.append(token.string)
        if token.type != tokenize.COMMENT:
            fresh = token.type in layout
    return " ".join(kept)


def to_frame(result: Result) -> "pd.DataFrame":
    """Return a result in long form: key, config, core, seed, step, metric, value.

    `diverged` is stored as a metric of the last step.
    """
    import pandas as pd

    metrics, seeds, steps = list(result.history), list(result.config.run_seeds), result.step
    index = pd.MultiIndex.from_product([metrics, seeds, steps], names=["metric", "seed", "step"])
    values = np.stack([result.history[m] for m in metrics]).reshape(-1)
    frame = pd.DataFrame({"value": values}, index=index).reset_index()
    ended = pd.DataFrame(
        {"metric": "diverged", "seed": seeds, "step": steps[-1], "value": result.diverged.astype(float)}
    )
    frame = pd.concat([frame, ended], ignore_index=True)
    text = json.dumps(config_dict(result.config), sort_keys=True)
    return frame.assign(key=key(result.config), config=text, core=core_digest())[
        ["key", "config", "core", "seed", "step", "metric", "value"]
    ]


def save(
    name: str, results: Iterable[Result], *, command: str, target: str, directory: Path = DIRECTORY
) -> Path:
    """Write one table and its manifest entry, each atomically.

    Args:
        name: the table is `name`.parquet.
        results: what to store.
        command: the command that makes the table again.
        target: the item of the paper it speaks to.
        directory: the results folder.

    Returns:
        The table's path.
    """
    import pandas as pd

    results = list(results)
    table = pd.concat([to_frame(result) for result in results], ignore_index=True)
    for column in ("key", "config", "core", "metric"):
        table[column] = table[column].astype("category")
    return write_table(
        name,
        table,
        {
            "target": target,
            "command": command,
            "seeds": len(results[0].config.run_seeds),
            "configs": [config_dict(result.config) for result in results],
            "minutes": round(sum(result.seconds for result in results) / 60, 1),
        },
        directory,
    )


def write_table(
    name: str, table: "pd.DataFrame", entry: Mapping[str, Any], directory: Path = DIRECTORY
) -> Path:
    """Write any table and its manifest entry, each atomically.

    Args:
        name: the table is `name`.parquet.
        table: its rows.
        entry: what the manifest says of it beside hash, rows, core, packages and machine.
        directory: the results folder.

    Returns:
        The table's path.
    """
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False, compression="zstd")
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.parquet"
    _write(path, buffer.getvalue())
    found = {
        "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        "rows": len(table),
        "core": core_digest(),
        "packages": {package: version(package) for package in PACKAGES},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
    whole = {**entry, **found}  # in one order, so that a table made again changes few lines
    tables = {**manifest(directory), name: {key: whole[key] for key in ENTRY if key in whole}}
    _write(directory / "MANIFEST.json", (json.dumps(dict(sorted(tables.items())), indent=1) + "\n").encode())
    return path


def read_table(name: str, directory: Path = DIRECTORY) -> "pd.DataFrame":
    """Read the rows of a table.

    Raises:
        ValueError: there is no such table, or its bytes are not those of the manifest.
    """
    import pandas as pd

    path, entry = directory / f"{name}.parquet", manifest(directory).get(name)
    if entry is None or not path.is_file():
        names = ", ".join(manifest(directory)) or "none"
        raise ValueError(f"name must be a table in {directory}, one of {names}; got {name!r}")
    raw = path.read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if found != entry["sha256"]:
        raise ValueError(
            f"{path.name} is not the table of the manifest: sha256 {found[:12]}, not {entry['sha256'][:12]}"
        )
    return pd.read_parquet(io.BytesIO(raw))


def manifest(directory: Path = DIRECTORY) -> dict[str, Any]:
    """Return the manifest, {table: entry}; empty if there is none yet."""
    path = directory / "MANIFEST.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def load(name: str, directory: Path = DIRECTORY) -> dict[str, Result]:
    """Read a table of results: {method: Result}, without theta and mini-batch losses; errors as above."""
    table = read_table(name, directory)
    parts = [_from_frame(part) for _, part in table.groupby("key", observed=True, sort=False)]
    return {part.config.method: part for part in parts}


def _from_frame(part: "pd.DataFrame") -> Result:
    config = json.loads(part["config"].iloc[0])
    seeds = np.sort(part["seed"].unique())
    known = {f.name for f in fields(Experiment)}
    config = Experiment(
        **{k: v for k, v in config.items() if k in known}, seed=int(seeds[0]), seeds=len(seeds)
    )
    history, diverged = {}, np.zeros(len(seeds), dtype=bool)
    for metric, rows in part.groupby("metric", observed=True, sort=False):
        square = rows.pivot(index="seed", columns="step", values="value")
        if metric == "diverged":
            diverged = square.to_numpy()[:, -1] > 0
        else:
            history[str(metric)], steps = square.to_numpy(), square.columns.to_numpy()
    return Result(config, None, steps, history, None, diverged, seconds=float("nan"))


def _write(path: Path, content: bytes) -> None:
    new = path.with_name(path.name + ".new")
    try:
        new.write_bytes(content)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)  # there only if writing failed
