"""Studies beside the paper's own comparisons, read from perceptron_studies.toml: a question each, with the
rows that answer it; and those comparisons.

A study has rows; a row is a configuration on each task and the row it is compared with, on the same seeds.
A configuration is computed once, stored in one table, and may stand in many studies.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp import _checks
from qbp.experiments.perceptrons import Experiment
from qbp.results import store
from qbp.results.table import Table
from qbp.studies.study import Row, Study, read_studies, stored

if TYPE_CHECKING:
    from qbp.experiments.result import Result

TASKS: dict[str, dict[str, Any]] = {  # the paper's three, and the curve on more than three points
    "curve": {"experiment": "curve"},
    "curve-64": {"experiment": "curve", "points": 64},
    "telecom": {"experiment": "telecom"},
    "mnist": {"experiment": "mnist"},
}
WRITTEN = ("two-stage", "two-stage-ridge", "no-init", "sellier")
RELEASED = ("two-stage", "no-init", "sellier")
FEW: tuple[str, ...] = ("loss", "train_loss", "val_loss", "accuracy", "held_loss", "task_grad_norm")
FEW += ("task_grad_var", "stage", "tau_g", "spread")
TUNING = 1000  # first seed of the runs by which constants are chosen, and that no result uses
MAIN_EVERY, EVERY = 10, 50  # steps between records: of the comparisons, of every other row


@dataclass(frozen=True)
class PerceptronStudy(Study):
    """A question on perceptrons and the rows that answer it.

    Attributes:
        rows: the lines of its table, baselines first.
        tasks: where it is asked, of TASKS.
        ambiguities: rows of the chapter on ambiguities that it measures.
        seeds: {task: runs} where that is not 20.
    """

    rows: tuple[Row, ...]
    tasks: tuple[str, ...] = tuple(TASKS)
    ambiguities: tuple[int, ...] = ()
    seeds: Mapping[str, int] = field(default_factory=dict)

    def on(self, task: str) -> tuple[Row, ...]:
        """Return the rows of one task."""
        _checks.choice("task", task, self.tasks)
        return tuple(row for row in self.rows if not row.tasks or task in row.tasks)

    def configs(self, task: str) -> dict[str, Experiment]:
        """Return {label: configuration} of one task."""
        found = {}
        for row in self.on(task):
            options = {**TASKS[task], **row.options, **row.by_task.get(task, {})}
            found[row.label] = configure(seeds=self.seeds.get(task, 20), **options)
        return found

    def home(self, config: Experiment) -> str:
        """Return the comparison that has the configuration, else the table of further rows."""
        if config.seed >= TUNING:
            return "sellier-tuning"
        if table := MAIN_KEYS.get(store.key(config)):
            return table
        if config.method.startswith(("sellier", "heavy-ball")):
            return "sellier-variants"
        return f"ablations-{config.experiment}" + "-64" * (config.points == 64)


def on_data_sets(rows: "Mapping[str, Result]", method: str, metric: str) -> np.ndarray:
    """Return a metric after the last step, (data sets, starts), from rows "METHOD, data seed N"."""
    start = f"{method}, data seed "
    return np.stack([result.final(metric) for label, result in rows.items() if label.startswith(start)])


def configure(**options: Any) -> Experiment:
    """Return a configuration; one that a comparison has too is that one, with its more frequent records."""
    every = options.pop("record_every", None)
    often = Experiment(record_every=every or MAIN_EVERY, **options)
    if every or store.key(often) in MAIN_KEYS:
        return often
    return Experiment(record_every=EVERY, **options)


_COMPARISONS = {  # table: target, options, methods, metrics
    "curve": ("IV.B, Fig. 1a", {"experiment": "curve"}, WRITTEN, None),
    "curve-as-released": ("IV.B, Fig. 1a", {"experiment": "curve"}, RELEASED, None),
    "telecom": ("IV.C, Fig. 1b", {"experiment": "telecom"}, WRITTEN, None),
    "telecom-as-released": ("IV.C, Fig. 1b", {"experiment": "telecom"}, RELEASED, None),
    "mnist": ("IV.D, Fig. 1c", {"experiment": "mnist"}, WRITTEN, None),
    "mnist-as-released": ("IV.D, Fig. 1c", {"experiment": "mnist"}, RELEASED, None),
    "curve-64": ("IV.B on 64 points", TASKS["curve-64"], WRITTEN, FEW),
    "curve-64-as-released": ("IV.B on 64 points", TASKS["curve-64"], RELEASED, FEW),
    "mnist-400": ("IV.D, 400 per class", {"experiment": "mnist", "per_class": 400}, WRITTEN, FEW),
    "mnist-200-as-released": (
        "IV.D, 200 per class", {"experiment": "mnist", "per_class": 200}, RELEASED, FEW,
    ),
    "curve-steps": ("IV.B, every step", {**TASKS["curve"], "record_every": 1}, WRITTEN, ("train_loss",)),
    "curve-64-steps": (
        "IV.B on 64 points, every step", {**TASKS["curve-64"], "record_every": 1}, WRITTEN, ("train_loss",),
    ),
}  # fmt: skip


def _comparison(name: str) -> Table:
    target, options, methods, metrics = _COMPARISONS[name]
    reading = "as-released" if name.endswith("as-released") else "as-written"
    chosen = {"record_every": MAIN_EVERY, "reading": reading, **options}
    configs = [Experiment(method=method, **chosen) for method in methods]
    return Table(target, {store.key(c): c for c in configs}, metrics, "comparisons")


COMPARISONS = {name: _comparison(name) for name in _COMPARISONS}
MAIN_KEYS = {key: name for name, table in COMPARISONS.items() for key in table.configs}


def read(text: str) -> tuple[PerceptronStudy, ...]:
    """Return the studies of a text like perceptron_studies.toml, in its order.

    Raises:
        ValueError: as :func:`qbp.studies.study.read_studies`.
    """
    return read_studies(PerceptronStudy, text)


STUDIES = read(stored("qbp.studies", "perceptron_studies.toml"))


def study(name: str) -> PerceptronStudy:
    """Return a study by its name; raise ValueError if there is none."""
    return {s.name: s for s in STUDIES}[_checks.choice("study", name, [s.name for s in STUDIES])]
