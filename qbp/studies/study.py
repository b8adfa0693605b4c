"""Studies: one question each, and the rows that answer it; and how those on perceptrons are written down.

The studies themselves are data in TOML files, and :mod:`qbp.studies.tables` lists them all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from qbp import _checks
from qbp.experiments.perceptrons import Experiment
from qbp.results import store
from qbp.results.table import Table, first_seeds, read
from qbp.studies.entries import entries, problems, refuse, unique, values

if TYPE_CHECKING:
    from qbp.experiments.result import Result

Asked = TypeVar("Asked", bound="Study")


@dataclass(frozen=True)
class Study:
    """A question and the configurations that answer it, the same for every kind of experiment.

    A kind has `tasks`, the names of where the question is asked, and says `configs` and `home`.

    Attributes:
        name: short name.
        question: what it asks.
    """

    name: str
    question: str

    if TYPE_CHECKING:

        @property
        def tasks(self) -> tuple[str, ...]:
            """Names of where the question is asked."""
            ...

    def configs(self, task: str) -> dict[str, Any]:
        """Return {label: configuration} of one task."""
        raise NotImplementedError

    def home(self, config: Any) -> str:
        """Return the name of the table that holds a configuration."""
        raise NotImplementedError

    def called(self, task: str) -> str:
        """Return what claims and chapters call its rows on a task."""
        return f"{self.name}/{task}"

    def tables(self, task: str) -> tuple[str, ...]:
        """Return the names of the committed tables that hold the rows of one task."""
        return tuple(dict.fromkeys(map(self.home, self.configs(task).values())))

    def load(self, task: str, directory: Path = store.DIRECTORY) -> dict[str, "Result"]:
        """Read the rows of one task: {label: Result}, all on the same, the fewest, seeds.

        Raises:
            ValueError: there is no such task, or a table or a row is not there.
        """
        results = read(self.configs(task), self.tables(task), directory, what=f"{self.name} on {task}")
        fewest = min(result.config.seeds for result in results.values())
        return {label: first_seeds(result, fewest) for label, result in results.items()}


@dataclass(frozen=True)
class Whole(Study):
    """Tables with a row per method, each read whole: its tasks are the names of the tables.

    Attributes:
        held: {name: table}.
    """

    held: Mapping[str, Table]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tables."""
        return tuple(self.held)

    def configs(self, task: str) -> dict[str, Any]:
        """Return {method: configuration} of a table."""
        _checks.choice("task", task, self.held)
        return {config.method: config for config in self.held[task].configs.values()}

    def called(self, task: str) -> str:
        """Return the table's own name."""
        return task

    def home(self, config: Any) -> str:
        """Return the name of the table that has a configuration."""
        return next(name for name, table in self.held.items() if store.key(config) in table.configs)

    def load(self, task: str, directory: Path = store.DIRECTORY) -> dict[str, "Result"]:
        """Read a table: {method: Result}, whatever its configurations."""
        return store.load(task, directory)


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
MAIN_EVERY, EVERY = 10, 50  # steps between records: of the comparisons, of every other row
FORMS = ("rows", "changes", "pairs", "base", "methods")  # of an entry's rows, and what they are about


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
        if table := MAIN_KEYS.get(store.key(config)):
            return table
        if config.method.startswith(("sellier", "heavy-ball")):
            return "sellier-variants"
        return f"ablations-{config.experiment}" + "-64" * (config.points == 64)


def configure(**options: Any) -> Experiment:
    """Return a configuration; one that a comparison has too is that one, with its more frequent records."""
    every = options.pop("record_every", None)
    often = Experiment(record_every=every or MAIN_EVERY, **options)
    if every or store.key(often) in MAIN_KEYS:
        return often
    return Experiment(record_every=EVERY, **options)


def read_studies(
    kind: type[Asked], text: str, gather: Callable[[list[Row]], Any] = tuple
) -> tuple[Asked, ...]:
    """Return the studies of a text like perceptron_studies.toml, in its order.

    Args:
        kind: their class.
        text: says in its first lines how rows are written down.
        gather: what makes of the rows of a study what the class takes.

    Raises:
        ValueError: a study has an unknown field, lacks one without a default, or has another's name.
    """
    studies = []
    for entry in entries(text, "study"):
        given = {name: value for name, value in entry.items() if name not in FORMS}
        given["rows"] = gather([*_rows(**entry)])
        refuse(kind, given, problems(kind, given))
        studies.append(kind(**values(given)))
    return unique(studies)


def _rows(
    base: str = "two-stage", methods: Sequence[str] = ("no-init", "two-stage"), **entry: Any
) -> Iterator[Row]:
    """Yield the rows of an entry, in the order of its forms."""
    for form, given in entry.items():
        if form == "rows":
            yield from (_row(label, **options) for label, options in given.items())
        elif form == "changes":
            yield _row(base, base)
            yield from (_row(label, base, base, **options) for label, options in given.items())
        elif form == "pairs":
            for choice, options in given.items():
                first, *others = (f"{method}, {choice}" for method in methods)
                yield _row(first, methods[0], **options)
                for label, method in zip(others, methods[1:], strict=True):
                    yield _row(label, method, first, **options)


def _row(
    label: str,
    method: str,
    against: str = "",
    by_task: Mapping[str, Any] = MappingProxyType({}),
    tasks: Iterable[str] = (),
    **options: Any,
) -> Row:
    return Row(label, {"method": method, **options}, against, by_task, tuple(tasks))


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
