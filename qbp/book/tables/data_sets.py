"""Effects on other data sets as a table: what an interval over starts covers, and what it does not."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qbp.book.tables.markup import change_words, percent
from qbp.results import store
from qbp.statistics.crossed import Crossed, crossed
from qbp.statistics.intervals import Interval, relative_change
from qbp.studies import tables
from qbp.studies.perceptron_studies import on_data_sets

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("two-stage", "two-stage-ridge")
# Each task: where its rows stand, the metric that the paper reports, the methods that are compared.
TASKS = {
    "curve": ("data/curve", "train_loss", METHODS),
    "telecom": ("data/telecom", "train_loss", METHODS),
    "mnist": ("data-mnist/mnist", "val_loss", METHODS[:1]),
}


def over_both(logs: np.ndarray) -> tuple[Interval, Crossed]:
    """Return the relative change over data sets and starts, of geometric means, and what it is made from.

    Args:
        logs: logarithms of ratios, (data sets, starts).

    Returns:
        The change, and the mean logarithm with its components of variance.
    """
    parts = crossed(logs)
    mean, low, high = (float(np.expm1(x)) for x in (parts.mean, parts.low, parts.high))
    return Interval(mean, low, high, parts.n), parts


def data_sets(directory: Path = store.DIRECTORY) -> "pd.DataFrame":
    """Return, for each task and method, its change against no-init on the paper's data and over other data.

    Args:
        directory: the results folder.
    """
    import pandas as pd

    rows = {}
    for task, (home, metric, methods) in TASKS.items():
        found = tables.load(home, directory)
        for method in methods:
            ours, others = (on_data_sets(found, name, metric) for name in (method, "no-init"))
            logs = np.log(ours / others)
            change, parts = over_both(logs)
            lower = int((logs.mean(1) < 0).sum())
            rows[task, method] = {
                "loss": metric.removesuffix("_loss"),
                "the paper's data": change_words(relative_change(ours[0], others[0])),
                "over data and starts": change_words(change),
                "data sets with it lower": f"{lower} of {parts.n}",
                "variance from data / start / both": " / ".join(_share(x) for x in parts.shares),
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["task", "method"])


def _share(value: float) -> str:
    return percent(value).removeprefix("+")
