"""Markdown and HTML of tables, their rows as data frames, and relative changes in words."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from qbp.statistics.intervals import Interval


def markdown(head: Sequence[str], lines: Iterable[Iterable[str]]) -> str:
    """Return a table as text.

    Example:
        >>> print(markdown(["a", "b"], [["1", "2"]]))
        | a | b |
        | --- | --- |
        | 1 | 2 |
    """
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *lines))


def html(style: str, head: Iterable[str], body: str) -> str:
    """Return a table of a page: its CSS class, the texts of its head, and its rows as HTML."""
    cells = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    return f'<table class="{style}"><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>'


FACTOR = 10  # relative changes above a thousand percent are written as factors


def html_row(name: str, cells: Iterable[str]) -> str:
    """Return a row of a page's table: its name and its cells, all of them HTML."""
    return f'<tr><th scope="row">{name}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def folded(summary: str, content: str) -> str:
    """Return HTML that a page shows under its summary, when a reader opens it."""
    return f"<details><summary>{summary}</summary>{content}</details>"


def frame(rows: Mapping[Any, Mapping[str, Any]], *names: str) -> "pd.DataFrame":
    """Return {name of a row, or its names: {column: cell}} as a table, whose index has the names given."""
    import pandas as pd

    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis(names) if names else table


def percent(change: float, factor: bool | None = None) -> str:
    """Write a relative change, as "-27.3 %" or "-0.14 %"; above a thousand percent, or where `factor` says
    so, as a factor, and from a baseline at 0 as "unbounded"."""
    if change == np.inf:
        return "unbounded"
    if change > FACTOR if factor is None else factor:
        return f"{change + 1:.3g} times"
    digits = 1 if abs(change) >= 0.01 else 2
    return f"{round(100 * change, digits) + 0.0:+.{digits}f} %"  # + 0.0: no -0.00


def change_words(found: "Interval") -> str:
    """Write a relative change with its interval in one unit, as "-1.2 % [-2.0 %, -0.4 %]"; factors, if an end
    is one."""
    if not np.isfinite(found.low):
        return percent(found.mean)
    whole = (found.mean, found.low, found.high)
    mean, low, high = (percent(change, max(whole) > FACTOR) for change in whole)
    return f"{mean} [{low}, {high}]"
