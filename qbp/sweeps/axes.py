"""Grid of parameters: which values a sweep gives to a notebook, parsed by the types of its own defaults.

Nothing here is evaluated: a notebook's defaults are read from its source as literals, and values are parsed.
"""

import ast
import csv
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import product
from pathlib import Path
from typing import Any

from qbp import _checks, _files
from qbp.book import parameters
from qbp.book.run import BOOK, chapters
from qbp.sweeps.notebook import code_digest

Value = bool | int | float | str
SCHEMA = 1
MOST_RUNS, MOST_BYTES = 10_000, 200_000_000
PARAMETERS = "parameters"  # tag of the cell that papermill puts the values behind


@dataclass(frozen=True)
class Run:
    """One point of a grid.

    Attributes:
        given: {parameter: value} that the notebook is told.
        config: {"chapter": name, "parameters": {parameter: value}}, with defaults: what determines the rows.
        key: hash of the configuration, 16 digits.
        stem: name of the run's files, without suffix: what differs from the defaults, then the key.
    """

    given: Mapping[str, Value]
    config: Mapping[str, Any]
    key: str
    stem: str

    def __str__(self) -> str:
        return " ".join(f"{name}={_shown(value)}" for name, value in self.given.items()) or "defaults"


@dataclass(frozen=True)
class Plan:
    """A grid of runs of one notebook.

    Attributes:
        path: the notebook.
        source: its text.
        code: digest of its code cells, the package and the committed tables.
        runs: in the order of the grid; the last parameter changes fastest.
    """

    path: Path
    source: str
    code: str
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """The chapter's name."""
        return self.path.stem


def plan(chapter: str, given: Sequence[str], *, elsewhere: bool = False) -> Plan:
    """Return the runs that a sweep consists of.

    Args:
        chapter: name of a chapter, or path of a notebook.
        given: a "name=values" for each parameter that is set: values separated by commas, each of the type
            of the default; numbers also as first:last or first:last:step, both ends included.
        elsewhere: runs on other machines, so that this one need not have their device.

    Raises:
        ValueError: no such chapter or parameter; a value that does not fit; too many runs.
    """
    path = find(chapter)
    source = read(path)
    usual = defaults(source, str(path))
    axes = dict[str, tuple[Value, ...]]()
    for text in given:
        name, values = _axis(text, usual, path.name)
        if name in axes:
            raise ValueError(f"-p {name} is given twice: separate its values by commas")
        axes[name] = values
    if (count := math.prod(map(len, axes.values()))) > MOST_RUNS:
        raise ValueError(f"-p must make at most {MOST_RUNS} runs, got {count}")
    chosen = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    ruled = path.parent == BOOK
    runs = tuple(_run(path.stem, usual, choice, ruled, elsewhere) for choice in chosen)
    return Plan(path, source, code_digest(source), runs)


def find(chapter: str) -> Path:
    """Return the notebook of a chapter's name, or of a path that ends in .ipynb."""
    if chapter.endswith(".ipynb"):
        if not (path := Path(chapter)).is_file():
            raise ValueError(f"CHAPTER must be a notebook that is there, got {chapter!r}")
        return path.resolve()
    known = {path.stem: path for path in chapters()}
    return known[_checks.choice("CHAPTER", chapter, known)]


def read(path: Path) -> str:
    """Return the text of a notebook.

    Raises:
        ValueError: it cannot be read, is no notebook of format 4, or larger than a notebook should be.
    """
    try:
        text = _files.content(path, MOST_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a notebook: {error}") from None
    node = _files.parse(text, str(path))
    cells = node.get("cells")
    sound = isinstance(cells, list) and all(isinstance(c, dict) and "cell_type" in c for c in cells)
    if node.get("nbformat") != 4 or not sound:
        raise ValueError(f"{path} cannot be read as a notebook: it is not of format 4")
    return text


def defaults(source: str, what: str) -> dict[str, Any]:
    """Return {name: default} of the cell tagged `parameters`, read as literals.

    Args:
        source: text of a notebook.
        what: its name, for the error.

    Raises:
        ValueError: it has no such cell, or that is no Python.
    """
    cells = _files.parse(source, what)["cells"]
    tagged = [c for c in cells if PARAMETERS in (c.get("metadata") or {}).get("tags", ())]
    if not tagged:
        raise ValueError(f"{what} has no cell tagged `{PARAMETERS}`: papermill could set nothing in it")
    found = dict[str, Any]()
    try:
        nodes = ast.parse("".join(tagged[0].get("source", ""))).body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ValueError(f"{what}: the cell tagged `{PARAMETERS}` cannot be read: {error}") from None
    for node in nodes:
        if isinstance(node, ast.Assign):  # a = b = 3 sets two
            found |= {t.id: _literal(node.value) for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            found[node.target.id] = _literal(node.value)
    return found


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError):
        return None  # computed there: no type to go by


def _axis(text: str, usual: Mapping[str, Any], notebook: str) -> tuple[str, tuple[Value, ...]]:
    name, equals, values = text.partition("=")
    name = name.strip()
    if not equals or not name:
        raise ValueError(f"-p must be name=value or name=value,value, got {text!r}")
    if name not in usual:
        takes = f"it takes {', '.join(usual) or 'none'}{_checks.did_you_mean(name, usual)}"
        raise ValueError(f"{notebook} has no parameter {name}; {takes}")
    try:
        (words,) = csv.reader([values], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        raise ValueError(f"{name} must have values separated by commas, got {values!r}") from None
    found = [value for word in words or [""] for value in _values(name, word, usual[name])]
    if len({*found}) < len(found):
        raise ValueError(f"{name} must have each value once, got {values!r}")
    return name, tuple(found)


def _values(name: str, word: str, default: Any) -> list[Value]:
    """Return what a word stands for, by the type of the default."""
    if isinstance(default, bool):
        if word.lower() not in ("true", "false"):
            raise ValueError(f"{name} must be true or false, got {word!r}")
        return [word.lower() == "true"]
    if isinstance(default, int | float):
        return [*_numbers(name, word, type(default))]
    if isinstance(default, str):
        return [word]
    kind = "computed" if default is None else type(default).__name__
    raise ValueError(f"{name} cannot be swept: its default is {kind}, not a number, a text, True or False")


def _numbers(name: str, word: str, kind: type) -> Iterable[Value]:
    what = "a whole number" if kind is int else "a number"
    ends = f"{what}, or first:last{'[:step]' if kind is int else ':step'}"
    try:
        parts = [_decimal(part, kind) for part in word.split(":")]
        if len(parts) == 2 and kind is int:
            parts.append(Decimal(1))
        first, last, step = parts if len(parts) > 1 else (parts[0], parts[0], Decimal(1))
    except (ValueError, InvalidOperation):
        raise ValueError(f"{name} must be {ends}, got {word!r}") from None
    if step == 0 or (last - first) / step < 0:
        raise ValueError(f"{name} must have a step that leads from first to last, got {word!r}")
    if (count := int((last - first) / step) + 1) > MOST_RUNS:
        raise ValueError(f"{name} must have at most {MOST_RUNS} values, got {count} by {word!r}")
    return [kind(first + at * step) for at in range(count)]  # exact in decimals: 0.3, not 0.30000000000000004


def _decimal(text: str, kind: type) -> Decimal:
    form = r"[+-]?\d{1,30}" if kind is int else r"[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})([eE][+-]?\d{1,3})?"
    if not re.fullmatch(form, text.strip()):
        raise ValueError(text)
    return Decimal(text.strip())


def _run(name: str, usual: Mapping[str, Any], given: dict[str, Value], ruled: bool, elsewhere: bool) -> Run:
    whole = {**usual, **given}
    if ruled:
        apart = {"device"} if elsewhere else set()
        checked = {key: value for key, value in whole.items() if key not in apart}
        parameters.check(name, checked)
        whole |= checked
    config = {"chapter": name, "parameters": whole}
    text = json.dumps([SCHEMA, config], sort_keys=True, default=str)
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    changed = ",".join(f"{n}={_shown(v)}" for n, v in whole.items() if v != usual[n]) or "defaults"
    stem = f"{re.sub(r'[^A-Za-z0-9=.,+-]', '_', changed)[:80]}.{key}"
    return Run(given, config, key, stem)


def _shown(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) or value == "" else str(value)
