"""Studies: one question each, the rows that answer it, and how both are read from TOML files, as the audit's
entries are.

The studies themselves are data in those files, and :mod:`qbp.studies.tables` lists them all.
"""

import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from qbp import _checks
from qbp.results import store
from qbp.results.table import Table, first_seeds, read

if TYPE_CHECKING:
    from qbp.experiments.result import Result

Asked = TypeVar("Asked", bound="Study")
Entry = TypeVar("Entry")
FORMS = ("rows", "changes", "pairs", "base", "methods")  # of an entry's rows, and what they are about


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


def stored(folder: str, file: str) -> str:
    """Text of a file of a folder such as "qbp.audit", which the package carries."""
    return files(folder).joinpath(file).read_text("utf-8")


def entries(text: str, table: str, beside: Collection[str] = ()) -> list[dict[str, Any]]:
    """Entries [[table]] of a text, in its order.

    Args:
        beside: names of other tables that the text may have.

    Raises:
        ValueError: the text has something else, or none of them.
    """
    content = tomllib.loads(text)
    if content.keys() - set(beside) != {table} or not isinstance(content[table], list):
        raise ValueError(f"every entry must be a [[{table}]], got {', '.join(content) or 'none'}")
    return content[table]


def rows(kind: type[Entry], text: str, table: str, empty: Collection[str] = ()) -> tuple[Entry, ...]:
    """Entries [[table]] of a text as objects of a dataclass, whose first field names the row.

    Args:
        empty: required fields that may be "".

    Raises:
        ValueError: an entry has an unknown field, lacks one without a default, or has another's name.
    """
    listed = entries(text, table)
    for entry in listed:
        refuse(kind, entry, problems(kind, entry, empty=empty))
    return unique(kind(**values(entry)) for entry in listed)


def refuse(kind: type, entry: dict[str, Any], found: Iterable[str]) -> None:
    """Error with the name of the entry, if problems were found.

    Raises:
        ValueError: the first of them.
    """
    for problem in found:
        name = next((entry[field] for field in _required(kind) if entry.get(field)), "an entry")
        raise ValueError(f"{name}: {problem}")


def values(entry: dict[str, Any]) -> dict[str, Any]:
    """Fields of an entry as a frozen object has them, lists as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}


def problems(
    kind: type, entry: dict[str, Any], known: Collection[str] = (), empty: Collection[str] = ()
) -> Iterator[str]:
    """Fields of an entry that are unknown, and those without a default that it lacks.

    Args:
        known: its fields, those of the dataclass if none are given.
        empty: required fields that may be "".
    """
    known, required = known or [field.name for field in fields(kind)], _required(kind)
    if unknown := sorted(entry.keys() - known):
        yield f"fields must be among {', '.join(sorted(known))}, got {', '.join(unknown)}"
    if missing := [n for n in required if n not in entry or (not entry[n] and n not in empty)]:
        yield f"a row must have {', '.join(required)}, got no {', '.join(missing)}"


def unique(found: Iterable[Entry]) -> tuple[Entry, ...]:
    """Rows in their order, each with a name of its own, which is the first field.

    Raises:
        ValueError: two have one name.
    """
    named: dict[Any, Entry] = {}
    for row in found:
        kind: type = type(row)
        field = fields(kind)[0].name
        name = getattr(row, field)
        if named.setdefault(name, row) is not row:
            raise ValueError(f"{name}: {field} must be of one row, got two")
    return tuple(named.values())


def _required(kind: type) -> list[str]:
    return [field.name for field in fields(kind) if field.default is field.default_factory is MISSING]
