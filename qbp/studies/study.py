"""What a study is: one question, and the rows that answer it; and the tables of the paper's own comparisons.

The studies themselves are data in :mod:`qbp.studies.perceptron_studies`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from qbp import _checks
from qbp.experiments.perceptrons import Experiment
from qbp.results import store

if TYPE_CHECKING:
    from qbp.experiments.result import Result

TASKS: dict[str, dict[str, Any]] = {  # the paper's three, and the curve on more than three points
    "curve": {"experiment": "curve"},
    "curve-64": {"experiment": "curve", "points": 64},
    "telecom": {"experiment": "telecom"},
    "mnist": {"experiment": "mnist"},
}
EPOCH = {"curve": 1, "curve-64": 4, "telecom": 64, "mnist": 125}  # steps that see the training set once
WRITTEN = ("two-stage", "two-stage-ridge", "no-init", "sellier")
RELEASED = ("two-stage", "no-init", "sellier")
FEW = ("loss", "train_loss", "val_loss", "accuracy", "held_loss", "task_grad_norm", "task_grad_var")
FEW += ("stage", "tau_g", "spread")
MAIN_EVERY, EVERY = 10, 50  # steps between records: of the comparisons, of every other row


@dataclass(frozen=True)
class Row:
    """One line of a study.

    Attributes:
        label: what is changed; unique in the study.
        options: fields of :class:`~qbp.experiments.perceptrons.Experiment`, those of the algorithm
            under "algorithm".
        against: label of the row it is compared with; empty for a row that is only compared with.
        by_task: further options on one task, {task: options}; they replace `options` name by name.
        tasks: those that have this row; empty is every task of the study.
    """

    label: str
    options: Mapping[str, Any]
    against: str = ""
    by_task: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """A question and the rows that answer it.

    Attributes:
        name: short name.
        question: what it asks.
        rows: the lines of its table, baselines first.
        tasks: where it is asked, of TASKS.
        ambiguities: rows of the chapter on ambiguities that it measures.
        seeds: {task: runs} where that is not 20.
    """

    name: str
    question: str
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


@dataclass(frozen=True)
class Table:
    """A file of results.

    Attributes:
        target: the item of the paper it speaks to.
        configs: {key: configuration}.
        metrics: what is stored of the histories; None is everything.
    """

    target: str
    configs: Mapping[str, Experiment]
    metrics: tuple[str, ...] | None = None


def configure(**options: Any) -> Experiment:
    """Return a configuration; one that a comparison has too is that one, with its more frequent records."""
    every = options.pop("record_every", None)
    often = Experiment(record_every=every or MAIN_EVERY, **options)
    if every or store.key(often) in MAIN_KEYS:
        return often
    return Experiment(record_every=EVERY, **options)


def two_stage(**algorithm: Any) -> dict[str, Any]:
    """Return the options of Algorithm 1 with these settings."""
    return {"method": "two-stage", "algorithm": algorithm}


def pair(
    what: str,
    options: Mapping[str, Any],
    methods: Iterable[str] = ("no-init", "two-stage"),
    by_task: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Iterator[Row]:
    """Yield a row per method with the same options, each method compared with the first."""
    first, *others = methods
    yield Row(f"{first}, {what}", {"method": first, **options}, by_task=by_task)
    for method in others:
        against = f"{first}, {what}"
        yield Row(f"{method}, {what}", {"method": method, **options}, against, by_task)


def pairs(
    choices: Mapping[str, Mapping[str, Any]], methods: Iterable[str] = ("no-init", "two-stage")
) -> tuple[Row, ...]:
    """Return :func:`pair` for each of several options."""
    return tuple(row for what, options in choices.items() for row in pair(what, options, tuple(methods)))


def sweep(choices: Mapping[str, Mapping[str, Any]], base: str = "two-stage") -> tuple[Row, ...]:
    """Return the base method as it is, and one row per changed setting of it, compared with that."""
    rows = [Row(label, {"method": base, **options}, against=base) for label, options in choices.items()]
    return Row(base, {"method": base}), *rows


def setting(**algorithm: Any) -> dict[str, Any]:
    """Return settings of the algorithm as options, whatever the method."""
    return {"algorithm": algorithm}


FEWER = {"mnist": 10}  # seeds where a run takes long and the row is secondary
BATCHED = ("curve-64", "telecom", "mnist")  # three points are one batch

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
    return Table(target, {store.key(c): c for c in configs}, metrics)


COMPARISONS = {name: _comparison(name) for name in _COMPARISONS}
MAIN_KEYS = {key for table in COMPARISONS.values() for key in table.configs}


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
