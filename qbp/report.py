"""Results as tables for a page and as JSON for a program."""

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qbp.experiments import Result
from qbp.statistics import bootstrap_interval, paired

if TYPE_CHECKING:
    import pandas as pd


def summary(results: dict[str, Result], metrics: Iterable[str]) -> "pd.DataFrame":
    """Return final values, a row per method: seeds, diverged runs, and each metric's mean [95 % interval]."""
    import pandas as pd

    rows = {}
    for method, result in results.items():
        row = {"seeds": len(result.config.run_seeds), "diverged": int(result.diverged.sum())}
        for metric in metrics:
            row[metric] = f"{bootstrap_interval(result.final(metric)):#.3g}"
        rows[method] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def run_json(results: dict[str, Result]) -> dict[str, Any]:
    """Return the object that `qbp run --json` prints; what is not finite is None.

    Args:
        results: {method: Result} over the same seeds.

    Returns:
        experiment, reading, seeds, steps, device, seconds, step; methods {name: final, history (means),
        diverged}; paired {"a - b": metric: mean, low, high, wins, n}.
    """
    first = next(iter(results.values()))
    c, methods, pairs = first.config, {}, {}
    for name, result in results.items():
        final = {}
        for metric in result.history:
            found = bootstrap_interval(result.final(metric))
            values = result.final(metric).tolist()
            final[metric] = {"mean": found.mean, "low": found.low, "high": found.high, "values": values}
        history = {metric: values.mean(0).tolist() for metric, values in result.history.items()}
        methods[name] = {"final": final, "history": history, "diverged": int(result.diverged.sum())}
    names = list(results)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            shared = [m for m in results[a].history if m in results[b].history]
            pairs[f"{a} - {b}"] = {m: asdict(paired(results[a], results[b], m)) for m in shared}
    head = {
        "experiment": c.experiment,
        "reading": c.reading,
        "seeds": c.seeds,
        "seed": c.seed,
        "steps": c.steps,
    }
    found = {
        "device": str(first.theta.device),
        "seconds": round(sum(r.seconds for r in results.values()), 2),
        "step": first.step.tolist(),
        "methods": methods,
        "paired": pairs,
    }
    return _clean(head | found)


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_clean(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
