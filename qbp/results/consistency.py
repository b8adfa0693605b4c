"""Consistency of stored rows with each other, over all tables: what agrees, without computing a run again.

Two rows of one run agree, whatever else was recorded; runs from one start have one value before the first
step; energy and error above the lowest energy differ by that energy; a run that is marked as diverged stands
still.  Whoever scales a configuration, or swaps two, breaks one of these where it has such a twin.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp.experiments.perceptrons import EXPERIMENTS
from qbp.experiments.registry import SURVEYS
from qbp.results.integrity import Mismatch, named, words

if TYPE_CHECKING:
    import pandas as pd

# Of a value, and beside it: two machines may have made the rows of one run; what should be 0 is rounding.
AGREE, ROUNDING = 1e-3, 1e-12
# Fields that a start does not depend on, and the metrics that are read off it alone.
AFTER_START = {"steps", "record_every", "algorithm", "batch_size", "shots", "phi"}
OF_START = {"train_loss", "val_loss", "accuracy", "error", "product_error", "target_information"}
# What a run that diverged keeps from there on; the others count or are schedules.
OF_PATH = {"loss", "train_loss", "val_loss", "energy", "error", "task_grad_norm", "task_grad_var"}
ROW = ["table", "key", "seed", "step", "metric", "value"]


def disagreements(frames: "Mapping[str, pd.DataFrame]", verbs: Mapping[str, str]) -> Iterator[Mismatch]:
    """Yield, for each table and configuration, the first row that disagrees with another row.

    Args:
        frames: {table: rows whose configurations can be read}.
        verbs: {table: subcommand that runs its rows}.
    """
    import pandas as pd

    whole = [frame.assign(table=name) for name, frame in frames.items()]
    if not whole:
        return
    plain = dict[str, Any]()
    for frame in whole:
        first = frame.drop_duplicates("key")
        plain |= {str(k): json.loads(c) for k, c in zip(first["key"], first["config"], strict=True)}
    text = {"key": str, "metric": str}  # the categories of two tables differ
    starts = pd.concat([f[(f["step"] == 0) & f["metric"].isin(OF_START)][ROW].astype(text) for f in whole])
    yield from _apart(starts, _labels(plain, _start), "the same start", ["seed", "metric"])
    runs = _labels(plain, _run)
    times = Counter(runs[str(key)] for frame in whole for key in frame["key"].unique())
    several = {key for key, label in runs.items() if times[label] > 1}
    twins = pd.concat([f[f["key"].isin(several)][ROW].astype(text) for f in whole])
    yield from _apart(twins, runs, "the same run", ["seed", "step", "metric"])
    above = pd.concat([_lowest(f).astype(text) for f in whole])
    yield from _apart(above, _labels(plain, _hamiltonian), "the same Hamiltonian", [])
    for name, frame in frames.items():
        if verbs.get(name) != SURVEYS.verb:  # whose records are not of one path
            yield from _flags(name, frame)


def _labels(plain: Mapping[str, Any], same: Callable[[dict[str, Any]], Any]) -> dict[str, str]:
    """Return {key: one text for all configurations that are the same in some way}."""
    texts = {key: json.dumps(same(config), sort_keys=True) for key, config in plain.items()}
    return {key: hashlib.sha256(text.encode()).hexdigest() for key, text in texts.items()}


def _start(config: dict[str, Any]) -> dict[str, Any]:
    """Return what a run starts from: of perceptrons the same for every method but that of eq. 2."""
    apart = set(AFTER_START)
    if config["experiment"] in EXPERIMENTS and "ridge" not in config["method"]:
        apart |= {"method", "ridge"}
    return {name: value for name, value in config.items() if name not in apart}


def _run(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration without what says how often it is looked at."""
    algorithm = {name: value for name, value in config["algorithm"].items() if name != "record_every"}
    return {**config, "algorithm": algorithm, "record_every": None}


def _hamiltonian(config: dict[str, Any]) -> list[Any]:
    return [config.get(name) for name in ("experiment", "hamiltonian", "qubits")]


def _lowest(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return energy - error of every record, the lowest energy, as rows of their energy."""
    name = ["table", "key", "seed", "step"]
    energy, error = (frame[frame["metric"] == m].drop_duplicates(name) for m in ("energy", "error"))
    both = energy.merge(error[[*name, "value"]], on=name, suffixes=("", "_error"))
    return both.assign(size=both["value"].abs(), value=both["value"] - both["value_error"])[[*ROW, "size"]]


def _apart(
    rows: "pd.DataFrame", labels: Mapping[str, str], what: str, alike: list[str]
) -> Iterator[Mismatch]:
    """Yield rows that are not what the others with one label have.

    Args:
        rows: ROW, and `size` where that is not of the value.
        labels: {key: label}.
        what: what they have in common, for a reader.
        alike: columns that agree, too.
    """
    rows = rows.assign(same=rows["key"].map(labels)).reset_index(drop=True)
    groups = rows.groupby(["same", *alike], sort=False)["value"]
    usual = groups.transform("median")
    size = np.maximum(rows["size"] if "size" in rows else rows["value"].abs(), usual.abs())
    bad = rows[~((rows["value"] - usual).abs() <= AGREE * size + ROUNDING)]
    for (table, key), part in bad.groupby(["table", "key"], sort=False):
        row, others = part.iloc[0], rows[(rows["same"] == part.iloc[0]["same"]) & (rows["key"] != key)]
        where = others["table"] + " (" + others["key"] + ")"
        where = ", ".join(sorted(where.unique())[:2]) or "its other rows"
        said = f"{words(row)} disagrees with {what} in {where}; {len(part)} rows do"
        yield Mismatch(table, "consistency", said, named(row), float(row["value"]), float(usual[row.name]))


def _flags(name: str, frame: "pd.DataFrame") -> Iterator[Mismatch]:
    """Yield runs whose mark `diverged` is not 0 or 1, or not what their last two records say."""
    marks = frame[frame["metric"] == "diverged"].drop_duplicates(["key", "seed"])
    for _, row in marks[~marks["value"].isin([0.0, 1.0])].iterrows():
        yield Mismatch(name, "consistency", f"{words(row)} is {row['value']}, neither 0 nor 1", named(row))
    path = frame[frame["metric"].isin(OF_PATH)].drop_duplicates(["key", "seed", "step", "metric"])
    path = path.assign(last=path.groupby("key", observed=True)["step"].transform("max"))
    before = path[path["step"] < path["last"]]
    before = before[before["step"] == before.groupby("key", observed=True)["step"].transform("max")]
    run = ["key", "seed"]
    both = path[path["step"] == path["last"]].merge(before[[*run, "metric", "value"]], on=[*run, "metric"])
    both = both.assign(still=both["value_x"] == both["value_y"], size=both["value_x"].abs())
    ends = both.groupby(run, observed=True, as_index=False).agg({"still": "all", "size": "max"})
    huge = {key: np.finfo(json.loads(text)["dtype"]).max ** 0.5 for key, text in
            frame.drop_duplicates("key")[["key", "config"]].itertuples(index=False)}  # fmt: skip
    for _, row in marks.merge(ends, on=run).iterrows():
        if row["value"] == 1 and not row["still"]:
            said = "and its metrics still move at the end"
        elif row["value"] == 0 and row["still"] and row["size"] > huge[row["key"]]:
            said = f"and its metrics stand still at {row['size']:.3g}"
        else:
            continue
        yield Mismatch(name, "consistency", f"{words(row)} is {row['value']:.0f}, {said}", named(row))
