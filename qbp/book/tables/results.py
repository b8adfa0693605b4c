"""Results as tables for a page and as JSON for a program."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp import __version__
from qbp.audit.verdicts import is_lower
from qbp.book.tables.markup import frame
from qbp.results.store import config_dict
from qbp.statistics.curves import common_target, smoothness
from qbp.statistics.intervals import (
    bootstrap_interval,
    paired,
    paired_difference,
    relative_change,
    steps_to_target,
)
from qbp.studies.variance_studies import Fit, Row, decay

if TYPE_CHECKING:
    import pandas as pd

    from qbp.experiments.result import Result


def summary(results: dict[str, "Result"], metrics: Iterable[str]) -> "pd.DataFrame":
    """Return final values, a row per method: seeds, diverged runs, and each metric's mean [95 % interval]."""
    names, rows = list(metrics), dict[str, dict[str, Any]]()
    for method, result in results.items():
        rows[method] = {"seeds": len(result.config.run_seeds), "diverged": int(result.diverged.sum())}
        rows[method] |= {name: f"{bootstrap_interval(result.final(name)):#.3g}" for name in names}
    return frame(rows)


def own_and_true_table(tables: Mapping[str, Mapping[str, "Result"]]) -> "pd.DataFrame":
    """Return what is plotted of each method beside the training loss of the same model.

    Args:
        tables: {experiment: {method: Result}} with `loss` and `train_loss`.

    Returns:
        A row per experiment and method: the method's own quantity after the last step, and the training loss
        before the first and after the last, mean [95 % interval] over seeds.
    """
    rows = {}
    for experiment, methods in tables.items():
        for method, result in methods.items():
            true = result.history["train_loss"]
            rows[experiment, method] = {
                "seeds": len(result.config.run_seeds),
                "plotted, at the end": f"{bootstrap_interval(result.final('loss')):.3g}",
                "on the data, at the start": f"{bootstrap_interval(true[:, 0]):.3f}",
                "on the data, at the end": f"{bootstrap_interval(true[:, -1]):.3f}",
            }
    return frame(rows, "experiment", "method")


def plateau_table(
    studies: Mapping[str, Mapping[str, "Result"]], baseline: str, *, start: int = 300
) -> "pd.DataFrame":
    """Return where training losses stay late in training and how much they move there.

    Args:
        studies: {task: {label: Result}}, as from :func:`qbp.studies.tables.load`, on the same
            seeds.
        baseline: row that the others are compared with.
        start: first step that counts as late; of the records, only steps that all rows have are used.

    Returns:
        A row per task and label: the mean late loss and its range (highest minus lowest of each run), the
        lowest late loss of each run, each mean [95 % interval] over seeds; and the change of the mean late
        loss from the baseline, with the verdict of :func:`qbp.audit.verdicts.is_lower` on "lower".
    """
    rows = {}
    for task, results in studies.items():
        shared = set.intersection(*(set(r.step[r.step >= start].tolist()) for r in results.values()))
        late = {n: r.history["train_loss"][:, np.isin(r.step, list(shared))] for n, r in results.items()}
        for label, runs in late.items():
            row = {
                "seeds": len(runs),
                "mean": f"{bootstrap_interval(runs.mean(1)):#.3g}",
                "range": f"{bootstrap_interval(np.ptp(runs, 1)):.2g}",
                "lowest": f"{bootstrap_interval(runs.min(1)):#.3g}",
                f"against {baseline}": "",
            }
            if label != baseline:
                change = relative_change(runs.mean(1), late[baseline].mean(1))
                row[f"against {baseline}"] = f"{100 * change.mean:+.1f} %: {is_lower(change)}"
            rows[task, label] = row
    return frame(rows, "task", "")


def smoothness_table(tables: Mapping[str, Mapping[str, "Result"]]) -> "pd.DataFrame":
    """Return how rough the training loss is after step 300, a row per experiment and method.

    Args:
        tables: {experiment: {method: Result}}.

    Returns:
        Mean over seeds with the 95 % interval of both measures of :func:`qbp.statistics.curves.smoothness`.
    """
    rows = {}
    for experiment, results in tables.items():
        for method, result in results.items():
            rough = smoothness(result.history["train_loss"], result.step)
            rows[experiment, method] = {
                "seeds": len(result.config.run_seeds),
                "second difference (decades)": f"{bootstrap_interval(rough.second_difference):.3g}",
                "total variation (decades)": f"{bootstrap_interval(rough.total_variation):.3g}",
            }
    return frame(rows, "experiment", "method")


def convergence_table(
    tables: Mapping[str, Mapping[str, "Result"]],
    method: str = "two-stage",
    others: Iterable[str] = ("no-init", "sellier"),
) -> "pd.DataFrame":
    """Compare smoothness and speed of a method with each other method's, in pairs over seeds.

    Args:
        tables: {experiment: {method: Result}}, the methods of an experiment over the same seeds.
        method: the one that is claimed to be smoother and faster.
        others: those it is claimed to beat.

    Returns:
        A row per experiment and other method: mean difference [95 % interval] in decades or steps, negative
        where `method` is smoother or faster, and the verdict of :func:`qbp.audit.verdicts.is_lower`.  Steps
        are counted to the lowest training loss that every run of both has reached.
    """
    rows = {}
    for experiment, results in tables.items():
        losses = {name: r.history["train_loss"] for name, r in results.items()}
        smooth = {name: smoothness(losses[name], r.step) for name, r in results.items()}
        for other in [name for name in others if name in results]:
            pair, target = (method, other), common_target(losses[method], losses[other])
            steps = [steps_to_target(losses[name], results[name].step, target) for name in pair]
            rows[experiment, f"against {other}"] = {
                "second difference": _judged(*(smooth[name].second_difference for name in pair)),
                "total variation": _judged(*(smooth[name].total_variation for name in pair)),
                "target": f"{target:#.3g}",
                "steps to target": _judged(*steps),
            }
    return frame(rows, "experiment", "")


def terrain_table(results: Mapping[str, "Result"]) -> "pd.DataFrame":
    """Return what surveys found (``qbp.experiments.terrain``), a row per method and step: each metric's
    mean over seeds with its 95 % interval, but for single components of a gradient."""
    rows = {}
    for method, result in results.items():
        shown = {m: values for m, values in result.history.items() if not m.startswith("grad_")}
        for k, step in enumerate(result.step):
            rows[method, int(step)] = {
                metric: f"{bootstrap_interval(values[:, k]):.3g}" for metric, values in shown.items()
            }
    return frame(rows, "method", "step")


def errors_table(values: Mapping[str, Mapping[str, np.ndarray]], baseline: str = "no-init") -> "pd.DataFrame":
    """Return errors of circuits, a row per task and method.

    Args:
        values: {name of the error with its unit: {method: (runs, records)}}, the same starts for all methods
            of a task.
        baseline: method that the others are compared with in pairs.

    Returns:
        Mean [95 % interval] at the first and at the last record, and the paired difference of the last ones
        with the number of runs that end lower.
    """
    rows = {}
    for name, methods in values.items():
        for method, runs in methods.items():
            start, end = (f"{bootstrap_interval(runs[:, k]):#.3g}" for k in (0, -1))
            row = {"runs": len(runs), "start": start, "end": end, f"minus {baseline}": "", "lower on": ""}
            if method != baseline:
                change = paired_difference(runs[:, -1], methods[baseline][:, -1])
                row |= {f"minus {baseline}": f"{change:+.3f}", "lower on": f"{change.wins} of {change.n}"}
            rows[name, method] = row
    return frame(rows, "error", "method")


def _judged(a: Any, b: Any) -> str:
    """Write the paired difference a - b with its interval and the verdict on "a is below b"."""
    difference = paired_difference(a, b)
    return f"{difference:+.3g}: {is_lower(difference)}"


def run_json(results: dict[str, "Result"]) -> dict[str, Any]:
    """Return the object that `qbp run --json` prints; what is not finite is None.

    Args:
        results: {method: Result} over the same seeds.

    Returns:
        qbp (its version), experiment, reading, seeds, seed, steps, device, seconds, step; methods {name:
        final, history (means), diverged, config (every option)}; paired {"a - b": metric: mean, low, high,
        wins, n}.
    """
    first = next(iter(results.values()))
    assert first.theta is not None  # fresh from training
    c, pairs = first.config, {}
    for (a, one), (b, other) in combinations(results.items(), 2):
        shared = [metric for metric in one.history if metric in other.history]
        pairs[f"{a} - {b}"] = {metric: asdict(paired(one, other, metric)) for metric in shared}
    printed = {
        "qbp": __version__,
        "experiment": c.experiment,
        "reading": getattr(c, "reading", None),  # the paper's experiments have two
        "seeds": c.seeds,
        "seed": c.seed,
        "steps": c.steps,
        "device": str(first.theta.device),
        "seconds": round(sum(r.seconds for r in results.values()), 2),
        "step": first.step.tolist(),
        "methods": {name: _method_json(result) for name, result in results.items()},
        "paired": pairs,
    }
    return _clean(printed)


def _method_json(result: "Result") -> dict[str, Any]:
    final = {}
    for metric in result.history:
        mean, values = bootstrap_interval(result.final(metric)), result.final(metric).tolist()
        final[metric] = {"mean": mean.mean, "low": mean.low, "high": mean.high, "values": values}
    history = {metric: values.mean(0).tolist() for metric, values in result.history.items()}
    diverged = int(result.diverged.sum())
    plain = {"final": final, "history": history, "diverged": diverged, "config": config_dict(result.config)}
    if "evaluations" in final:  # of a run, on average
        spent, shots = final["evaluations"]["mean"], getattr(result.config, "shots", None)
        plain |= {"evaluations": spent, "shots": None if shots is None else shots * spent}
    return plain | {"step": result.step.tolist()}  # methods may differ in it, as by their budgets


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_clean(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


VARIANCE_HEAD = "   n layers      engine  samples parameter  variance   stderr  95 % below     bits  seconds"


def variance_line(row: Row) -> str:
    """Return a row of `qbp variance` as text under VARIANCE_HEAD; `bits` is log2 of the variance."""
    return (
        f"{row.n_qubits:>4} {row.n_layers:>6} {row.engine:>11} {row.samples:>8} {row.parameter:>9}"
        f" {row.variance:>9.3g} {row.stderr:>8.2g} {row.upper_bound:>11.3g} {row.log2_variance:>8.2f}"
        f" {row.seconds:>8.2f}"
    )


def decay_words(fit: Fit) -> str:
    """Return the fitted decay as a sentence."""
    if fit.slope_bits_per_qubit is None:
        return "no decay fitted: it takes three sizes with a variance above zero"
    interval = f"95 % interval [{fit.low:+.3f}, {fit.high:+.3f}]"
    return f"{fit.slope_bits_per_qubit:+.3f} bits per qubit, {interval}, n = {fit.n_min} to {fit.n_max}"


def variance_json(table: Iterable[Row]) -> dict[str, Any]:
    """Return what `qbp variance --json` prints; a number that is not finite becomes None."""
    rows = list(table)
    return _clean({"rows": [asdict(row) for row in rows], "decay": asdict(decay(rows))})
