"""Rows of result tables computed again: drawn at random, run alone, compared within a tolerance."""

import json
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from qbp import draws
from qbp.experiments import registry
from qbp.experiments.registry import run
from qbp.results import store
from qbp.results.integrity import Mismatch, named, words
from qbp.results.table import seconds

if TYPE_CHECKING:
    import pandas as pd

    from qbp.experiments.result import Result

# |stored - computed| may be RELATIVE * |computed| + OF_RANGE * (largest |value| of this metric in this run).
# Sums are added in another order alone than in a batch, and with the instructions of another CPU.  Over 500
# steps that makes 1e-12 of the range in float64 (1e-10 in Sellier's waves) and 1e-5 in float32; the relative
# part is what is left of a metric that has fallen by orders of magnitude.
RELATIVE = {"float64": 1e-6, "float32": 1e-3}
OF_RANGE = {"float64": 1e-9, "float32": 1e-5}
# A few runs amplify rounding without bound: Sellier's packets as released, eq. 2 on fewer points than
# weights, and large steps on the digits.  Where a run exceeds the above, its rows may differ by SPREAD times
# what other rounding makes of this very run up to that step; between kinds of CPU we have measured up to 50
# times what the order of sums makes.
SPREAD = 200
# Energies of order one to fifty are subtracted: where they are equal, what is left is their rounding.
DIFFERENCES = ("energy", "error", "product_error")
ROUNDING = {"float64": 1e-13, "float32": 1e-5}
PER_RUN, PER_STEP = 0.05, 1.2e-3  # seconds that a run takes alone, beside what it adds to a batch
LONGEST = 120  # seconds that a run may take by our estimate; the longest of ours takes twelve


class Rerun(NamedTuple):
    """A run to do again: its configuration, {table: (the table's rows of it, labels of those drawn)}, and the
    subcommand that runs it."""

    config: Any
    parts: "dict[str, tuple[pd.DataFrame, list[int]]]"
    verb: str = "run"


@dataclass
class Outcome:
    """What computing one run again has shown.

    Attributes:
        compared: stored rows that were compared.
        loose: those of them that agree only as far as the run itself repeats.
        worst: the largest difference, in units of what is tolerated.
        mismatches: for each table that differs, the row that differs most; one that was drawn before others.
    """

    compared: int = 0
    loose: int = 0
    worst: float = 0.0
    mismatches: list[Mismatch] = field(default_factory=list)


def shares(runs: Mapping[str, int], rows: int, costs: Mapping[str, float]) -> dict[str, float]:
    """Return how many rows to expect of each table, so that all take what as many of every table would.

    A table whose runs are cheap gives more of them, as one over the root of what a run takes: that leaves the
    least chance of a forgery to all of them together.

    Args:
        runs: {table: number of its runs}; more rows than that are not drawn.
        rows: how many, if each table gave as many.
        costs: {table: what a run takes}, in any unit; 1 where it is not there.

    Example:
        >>> shares({"cheap": 20, "dear": 20}, 10, {"cheap": 1.0, "dear": 16.0})
        {'cheap': 17.0, 'dear': 4.25}
    """
    found, left = dict[str, float](), dict(runs)
    costs = {name: costs.get(name, 1.0) for name in runs}
    budget = rows * sum(costs.values()) / max(1, len(runs))
    while left:
        each = budget / sum(costs[name] ** 0.5 for name in left)
        full = [name for name in left if each / costs[name] ** 0.5 >= left[name]]
        for name in full or list(left):
            found[name] = float(left.pop(name)) if full else each / costs[name] ** 0.5
            if not full:
                left.pop(name)
            budget -= found[name] * costs[name]
    return {name: found[name] for name in runs}


def chances(
    frames: "Mapping[str, pd.DataFrame]", rows: int, costs: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """Return how likely a sample has a run of each table that is forged.

    Args:
        frames, rows, costs: as in :func:`sample`.

    Returns:
        {table: {"table": if all of it is forged, "configuration": if all runs of one are, "run": if one is}}.
    """
    keys = {name: frame["key"].nunique() for name, frame in frames.items()}
    runs = {name: len(frame.drop_duplicates(["key", "seed"])) for name, frame in frames.items()}
    expected = shares(runs, rows, costs)
    of = {"table": dict.fromkeys(runs, 1), "configuration": keys, "run": runs}
    return {n: {what: min(1.0, expected[n] / count[n]) for what, count in of.items()} for n in runs}


def sample(
    frames: "Mapping[str, pd.DataFrame]",
    rows: int,
    seed: int,
    verbs: Mapping[str, str] = MappingProxyType({}),
    costs: Mapping[str, float] = MappingProxyType({}),
) -> list[Rerun]:
    """Draw rows of every table, as :func:`shares` says, and gather those of one run.

    In a table each configuration is drawn once before one is drawn again; of a run, one row is.

    Args:
        frames: {table: its rows}, each with a default index.
        rows: how many.
        seed: of the draw.
        verbs: {table: subcommand that runs its rows}, where it is not "run".
        costs: {table: what a run of it takes}, all the same by default.

    Returns:
        The runs that compute these rows again, in the order of the tables.
    """
    drawn = draws.stream(seed, "verify")
    orders = {name: _order(frame, drawn) for name, frame in frames.items()}
    runs = {name: len(order) for name, order in orders.items()}
    expected = shares(runs, rows, costs)
    names = [list(runs)[at] for at in drawn.permutation(len(runs))]
    ends = np.floor(np.cumsum([expected[name] for name in names]) + drawn.random() + 1e-9).astype(int)
    counts = dict(zip(names, np.diff(ends, prepend=0), strict=True))
    found: dict[tuple[str, int, str], Rerun] = {}
    for name, order in orders.items():
        frame = frames[name]
        for at in order[: counts[name]]:
            row = frame.loc[at]
            plain, seed_of = json.loads(row["config"]), int(row["seed"])
            one = row["key"], seed_of, registry.of(plain["experiment"], verbs.get(name, "run")).verb
            if one not in found:
                config = registry.configuration(plain, seed=seed_of, seeds=1, device="cpu")
                found[one] = Rerun(config, {}, one[2])
            if name not in found[one].parts:
                found[one].parts[name] = frame[(frame["key"] == one[0]) & (frame["seed"] == one[1])], []
            found[one].parts[name][1].append(int(at))
    return list(found.values())


def cost(frame: "pd.DataFrame", minutes: Any) -> float:
    """Return what one run of a table takes, in seconds: by its manifest, as far as our estimate bears it out.

    Args:
        frame: rows of the table.
        minutes: what the manifest says of the whole table; anything, from a stranger.
    """
    first = frame.drop_duplicates("key")
    configs = [registry.configuration(json.loads(text), seeds=1) for text in first["config"]]
    runs = frame.drop_duplicates(["key", "seed"])["key"].value_counts()
    weights = [runs[key] for key in first["key"]]
    mean = float(np.average([_seconds(replace(c, seeds=2)) - _seconds(c) for c in configs], weights=weights))
    alone = PER_RUN + PER_STEP * float(np.average([c.budget for c in configs], weights=weights))
    said = 60 * minutes / runs.sum() if isinstance(minutes, int | float) and 0 <= minutes < 1e6 else mean
    return alone + float(np.clip(said, mean, 10 * mean))


def _seconds(config: Any) -> float:
    try:
        return min(seconds(config), 1e9)
    except OverflowError:  # numbers of a stranger
        return 1e9


def _order(frame: "pd.DataFrame", drawn: np.random.Generator) -> np.ndarray:
    """Return the labels of rows in the order they are drawn in, one of each run: a run of each configuration,
    then a second one of each."""
    mixed = frame.iloc[drawn.permutation(len(frame))][["key", "seed"]]
    heads = mixed.drop_duplicates()
    again = heads.groupby("key", observed=True, sort=False).cumcount()
    return heads.index[np.argsort(again, kind="stable")].to_numpy()


def recompute(again: Rerun) -> Outcome:
    """Run a configuration again, alone, and compare every stored row of this run."""
    found, command = Outcome(), store.command(again.config, again.verb) + " --json"
    try:
        if (expected := _seconds(again.config)) > LONGEST:
            raise ValueError(f"it would take about {expected:.3g} s, of at most {LONGEST} s")
        done = run(again.config, verb=again.verb)
    except Exception as error:  # whatever it is, the row cannot be computed
        what = f"cannot be computed: {error}"
        found.mismatches = [Mismatch(table, "value", what, command=command) for table in again.parts]
        return found
    computed = store.to_frame(done).set_index(["metric", "step"])["value"]
    for table, (part, drawn) in again.parts.items():
        stored = part["value"].to_numpy()
        new = computed.reindex(list(zip(part["metric"], part["step"], strict=True))).to_numpy()
        allowed, largest = tolerance(part.assign(value=new), again.config.dtype)
        off = _excess(stored, new, allowed)
        if np.isfinite(off).all() and (over := off > 1).any():
            looser = allowed + SPREAD * spread(done, part["step"].to_numpy(), again.verb) * largest
            off = _excess(stored, new, looser)
            found.loose += int((over & (off <= 1)).sum())
        found.compared += len(part)
        found.worst = max(found.worst, float(off.max()))
        if (bad := off > 1).any():
            first = bad & part.index.isin(drawn)
            at = int(np.where(first if first.any() else bad, off, -1.0).argmax())
            c, row = again.config, part.iloc[at]
            reading = f", {c.reading}" if hasattr(c, "reading") else ""
            what = f"{words(row)} ({c.experiment}, {c.method}{reading})"
            what += f"; {bad.sum()} of {len(part)} rows of this run differ"
            values = _shown(stored[at]), _shown(new[at])
            found.mismatches.append(Mismatch(table, "value", what, named(row), *values, command))
    return found


def tolerance(part: "pd.DataFrame", dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much each row of a run may differ when it is computed again, and its metric's range.

    Args:
        part: rows of one configuration and seed, with the values that were computed.
        dtype: of the run.

    Returns:
        Both in the unit of each row's value, (rows,).
    """
    size = part["value"].abs()
    largest = size.groupby(part["metric"], sort=False, observed=True).transform("max").to_numpy()
    rounding = np.where(part["metric"].isin(DIFFERENCES), ROUNDING[dtype], 0.0)
    return RELATIVE[dtype] * size.to_numpy() + OF_RANGE[dtype] * largest + rounding, largest


def spread(alone: "Result", steps: np.ndarray, verb: str = "run") -> np.ndarray:
    """Return how far a run is from itself with other rounding: started beside its start, among others, where
    sums are in another order, and, if it is of single precision, in double precision.

    Args:
        alone: result of one seed.
        steps: recorded steps, (rows,).
        verb: the subcommand that runs it.

    Returns:
        The largest difference up to each of these steps, as a share of a metric's range, over all metrics.
    """
    among = registry.of(alone.config.experiment, verb).among
    others = [beside(alone.config), replace(alone.config, seeds=among)]
    if alone.config.dtype == "float32":
        others.append(replace(alone.config, dtype="float64"))
    far = np.zeros(len(alone.step))
    for other in others:
        history = run(other, verb=verb).history
        for metric, (values,) in alone.history.items():
            largest = np.abs(values).max()
            far = np.maximum(far, np.abs(values - history[metric][0]) / (largest if largest > 0 else 1.0))
    return np.maximum.accumulate(far)[np.searchsorted(alone.step, steps)]


def beside(config: Any) -> Any:
    """Return a configuration whose runs start one unit in the last place beside those of another."""
    training, near = config.training(), copy(config)
    start, unit = training.start, torch.finfo(training.dtype).eps
    training.start = lambda seeds: start(seeds) * (1 + unit)
    object.__setattr__(near, "training", lambda: training)
    return near


def _excess(stored: np.ndarray, new: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return |stored - new| in units of what is allowed; infinite for what is no number or not there."""
    with np.errstate(invalid="ignore", divide="ignore"):
        off = np.where(stored == new, 0.0, np.abs(stored - new) / allowed)
    return np.where(np.isnan(off), np.inf, off)


def _shown(value: float) -> float | str:
    return float(value) if np.isfinite(value) else str(float(value))  # JSON has no NaN
