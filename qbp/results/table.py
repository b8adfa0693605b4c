"""Tables as they are asked for: what one is to hold, which command makes it and what that takes, and its
rows read by label."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp import _checks
from qbp.results import store

if TYPE_CHECKING:
    from qbp.experiments.result import Result
    from qbp.experiments.settings import Settings


PROFILES: dict[str, dict[str, int]] = {"paper": {}, "quick": {"seeds": 2, "steps": 20}}


def seconds(config: "Settings") -> float:
    """Estimate what a configuration takes on one core of a laptop, to order and announce the work."""
    return config.cost()[0]


@dataclass(frozen=True)
class Table:
    """A file of results.

    Attributes:
        target: the item of the paper it speaks to.
        configs: {key: configuration}.
        metrics: what is stored of the histories; None is everything.
        kind: comparisons, studies, regression, fits, starts or surveys.
        command: what makes it, where that is not `qbp grid` with its name.
    """

    target: str
    configs: Mapping[str, Any]
    metrics: tuple[str, ...] | None = None
    kind: str = "studies"
    command: str = ""


def at_profile(tables: Mapping[str, Table], profile: str, seeds: int | None = None) -> dict[str, Table]:
    """Return the tables with a profile's number of seeds and steps.

    Args:
        tables: {name: table}, as from :func:`qbp.studies.tables.gridded`.
        profile: "paper", as they are; "quick", two seeds and twenty steps, to see that everything runs.
        seeds: number of runs of every configuration, whatever the profile says.
    """
    changed = PROFILES[_checks.choice("profile", profile, PROFILES)]
    if seeds is not None:
        changed = changed | {"seeds": _checks.integer("seeds", seeds)}

    def content(table: Table) -> dict[str, Any]:
        configs = [replace(config, **changed) for config in table.configs.values()]
        return {store.key(config): config for config in configs}

    return {name: replace(table, configs=content(table)) for name, table in tables.items()}


def listing(tables: Mapping[str, Table], jobs: int) -> str:
    """Return what there is to compute, a line per table: configurations, runs, estimated minutes."""
    lines, whole = [("table", "configs", "runs", "minutes", "target")], 0.0
    for name, table in tables.items():
        configs = list(table.configs.values())
        minutes = sum(map(seconds, configs)) / 60 / jobs
        whole += minutes
        lines.append(
            (name, str(len(configs)), str(sum(c.seeds for c in configs)), f"{minutes:.1f}", table.target)
        )
    lines.append(("all", "", "", f"{whole:.0f}", f"with {jobs} processes"))
    return "\n".join(f"{a:<24}{b:>8}{c:>8}{d:>9}  {e}" for a, b, c, d, e in lines)


def read(
    configs: Mapping[Any, Any], tables: Iterable[str], directory: Path = store.DIRECTORY, *, what: str
) -> dict[Any, "Result"]:
    """Read configurations from the tables that hold them, {label: Result}.

    Args:
        configs: {label: configuration}.
        tables: names of the tables to look in.
        directory: the results folder.
        what: whose rows these are, for the error.

    Raises:
        ValueError: a table or a row is not there.
    """
    wanted, names = {label: store.key(c) for label, c in configs.items()}, list(tables)
    found: dict[str, Result] = {}
    for name in names:
        found |= store.load_keys(name, set(wanted.values()), directory=directory)
    if lacking := [str(label) for label, key in wanted.items() if key not in found]:
        raise ValueError(f"{what} lacks {', '.join(lacking)}: run `qbp grid {' '.join(names)}`")
    return {label: found[key] for label, key in wanted.items()}


def first_seeds(result: "Result", count: int) -> "Result":
    """Return a result with its first `count` runs alone."""
    history = {metric: values[:count] for metric, values in result.history.items()}
    config = replace(result.config, seeds=min(count, result.config.seeds))
    return replace(result, config=config, history=history, diverged=np.asarray(result.diverged)[:count])


def up_to(result: "Result", step: int) -> "Result":
    """Return a result with its records up to a step; one that ends before it stays whole.

    Raises:
        ValueError: the step lies between two records.
    """
    kept = result.step <= step
    if step not in result.step and not kept.all():
        raise ValueError(f"step must be a recorded one, {', '.join(map(str, result.step))}, got {step}")
    history = {metric: values[:, kept] for metric, values in result.history.items()}
    return replace(result, history=history, step=result.step[kept])
