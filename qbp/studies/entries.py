"""Entries of the TOML files of studies and of the audit: how one is read, and what is refused by its name."""

import tomllib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import MISSING, fields
from importlib.resources import files
from typing import Any, TypeVar

Row = TypeVar("Row")


def stored(folder: str, file: str) -> str:
    """Text of a file of a folder such as "qbp.audit", which the package carries."""
    return files(folder).joinpath(file).read_text("utf-8")


def entries(text: str, table: str) -> list[dict[str, Any]]:
    """Entries [[table]] of a text, in its order.

    Raises:
        ValueError: the text has something else, or none of them.
    """
    content = tomllib.loads(text)
    if [*content] != [table] or not isinstance(content[table], list):
        raise ValueError(f"every entry must be a [[{table}]], got {', '.join(content) or 'none'}")
    return content[table]


def rows(kind: type[Row], text: str, table: str, empty: Collection[str] = ()) -> tuple[Row, ...]:
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


def unique(found: Iterable[Row]) -> tuple[Row, ...]:
    """Rows in their order, each with a name of its own, which is the first field.

    Raises:
        ValueError: two have one name.
    """
    named: dict[Any, Row] = {}
    for row in found:
        kind: type = type(row)
        field = fields(kind)[0].name
        name = getattr(row, field)
        if named.setdefault(name, row) is not row:
            raise ValueError(f"{name}: {field} must be of one row, got two")
    return tuple(named.values())


def _required(kind: type) -> list[str]:
    return [field.name for field in fields(kind) if field.default is field.default_factory is MISSING]
