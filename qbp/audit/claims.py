"""The paper's claims measured on results and judged by rule; no verdict here is an opinion.

The sentences are :mod:`qbp.audit.sentences`, what is measured is :mod:`qbp.audit.measures`, the rules are
:mod:`qbp.audit.verdicts`.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp.audit.measures import weigh
from qbp.audit.sentences import CLAIMS, Claim
from qbp.audit.verdicts import RULES, VERDICTS
from qbp.experiments.registry import run
from qbp.results import store as tables
from qbp.statistics.hypothesis_tests import Comparison, Share, holm
from qbp.statistics.intervals import Interval
from qbp.studies.tables import load, resolve

if TYPE_CHECKING:
    import pandas as pd

    from qbp.experiments.result import Result


@dataclass(frozen=True)
class Row:
    """A claim and its measurement, None for a claim that has none.

    Attributes:
        claim: the sentence.
        found: what was measured.
        adjusted: its p after the correction for all rows, None if it stands alone or has no test.
    """

    claim: Claim
    found: Interval | None = None
    adjusted: float | None = None

    @property
    def verdict(self) -> str:
        """The verdict by rule, after the correction where the row stands among others."""
        return self._judged(self.adjusted)

    @property
    def alone(self) -> str:
        """The verdict of the row by itself."""
        return self._judged(None)

    def _judged(self, adjusted: float | None) -> str:
        if self.claim.rule == "untestable":
            return "untestable"
        if self.found is None:
            return "open"
        return RULES[self.claim.rule](self.found, self.claim.paper, adjusted)

    @property
    def paper(self) -> str:
        """What the paper gives, for a table."""
        if self.claim.paper is None:
            return "lower" if self.claim.rule == "lower" and self.claim.table else "in words"
        return percent(self.claim.paper)

    @property
    def command(self) -> str | None:
        """The command that measures it again on as many seeds."""
        if self.found is None:
            return None
        seeds = f" --seeds {self.found.n}" if self.claim.table else ""
        return f"qbp claims {self.claim.id} --rerun{seeds} --json"

    @property
    def ours(self) -> str:
        """What we measured, with interval and n, for prose and tables."""
        if self.found is None:
            return "not measured"
        f, n = self.found, f"n = {self.found.n}"
        if isinstance(f, Share):
            return f"{f.hits} of {f.n} runs [{100 * f.low:.0f} %, {100 * f.high:.0f} %]"
        if self.claim.rule == "convex":
            return f"{f.mean:.3g} above a chord" if f.mean > 0 else f"curvature {-f.mean:.3g} everywhere"
        if not np.isfinite(f.low):
            return f"{percent(f.mean)} ({n})"
        return f"{percent(f.mean)} [{percent(f.low)}, {percent(f.high)}] ({n})"

    @property
    def evidence(self) -> str:
        """Wins, effect sizes, corrected p and what could have been seen, for a table; empty without them."""
        f, parts = self.found, []
        if isinstance(f, Comparison) and f.n > 1:
            parts = [f"lower on {f.wins} of {f.n}", f"d = {f.effect:.2g}, r = {f.ranks:.2g}"]
        if self.adjusted is not None:
            parts.append(f"p = {self.adjusted:.1g}")
        if isinstance(f, Comparison) and np.isfinite(f.detectable):
            parts.append(f"visible from {percent(f.detectable).removeprefix('+')}")
        return ", ".join(parts)

    def json(self) -> dict[str, Any]:
        """Return the row as plain data; numbers that do not exist are null.

        The verdict is the one after the correction; `alone` is the row's own.  `unit` says what `ours`, `low`
        and `high` are.
        """
        c, f = self.claim, self.found
        numbers = {name: getattr(f, name, None) for name in ("mean", "low", "high", "n")}
        extra = {
            name: getattr(f, name, None) for name in ("effect", "ranks", "wins", "hits", "p", "detectable")
        }
        row = {"id": c.id, "claim": c.claim, "where": c.where, "reading": c.reading or None, "paper": c.paper}
        row |= {"ours": numbers.pop("mean"), **numbers, "verdict": self.verdict, "command": self.command}
        row |= {"alone": self.alone, "rule": c.rule, "unit": UNITS.get(c.rule), **extra}
        row |= {"p_adjusted": self.adjusted, "quote": c.quote, "read_as": c.read_as or None}
        row |= {"metric": c.metric or None, "table": c.table or None, "needs": self.needs or None}
        return {k: _finite(v) for k, v in row.items()} | {"ambiguities": list(c.ambiguities)}

    @property
    def needs(self) -> str:
        """What an open or untestable row would take; empty for a measured one."""
        if self.found is not None:
            return ""
        return self.claim.needs or f"the table {self.claim.table}"


UNITS = {
    **dict.fromkeys(["lower", "preserved"], "relative change"),
    **dict.fromkeys(["most", "every"], "share of runs"),
    "convex": "height above a chord; negative: minus the smallest curvature",
}


def measure_one(claim: Claim, results: Mapping[str, "Result"]) -> Interval:
    """Measure one claim on the results it names."""
    return weigh(claim.rule, claim.how(results, claim))


def measure(results: Mapping[str, "Result"]) -> list[Row]:
    """Measure the main claims that these results speak to, in the order of CLAIMS, each by itself.

    Args:
        results: {method: Result} of one experiment in one reading over the same seeds.
    """
    some = next(iter(results.values())).config
    return [
        Row(claim, measure_one(claim, results))
        for claim in CLAIMS
        if claim.main
        and (claim.experiment, claim.reading) == (some.experiment, some.reading)
        and set(claim.names) <= results.keys()
    ]


def everything(directory: Path = tables.DIRECTORY) -> list[Row]:
    """Return every claim, measured on the committed tables as far as they go, in the order of CLAIMS.

    The correction is over all rows with a test.
    """
    there = set(tables.manifest(directory))
    found: dict[str, Interval] = {}
    for table in dict.fromkeys(claim.table for claim in CLAIMS):  # each is read once
        if table and not there.issuperset(resolve(table).tables):
            continue
        results = load(table, directory) if table else {}
        asked = [claim for claim in CLAIMS if claim.table == table and claim.how]
        found |= {claim.id: measure_one(claim, results) for claim in asked}
    return corrected(Row(claim, found.get(claim.id)) for claim in CLAIMS)


def corrected(rows: Iterable[Row]) -> list[Row]:
    """Return the rows with their p values corrected for the number of rows that have one."""
    rows = list(rows)
    adjusted = holm([getattr(row.found, "p", np.nan) for row in rows])
    return [
        replace(row, adjusted=float(p)) if np.isfinite(p) else row
        for row, p in zip(rows, adjusted, strict=True)
    ]


def committed(directory: Path = tables.DIRECTORY) -> list[Row]:
    """Return the main claims on the committed tables, corrected for all rows, in the order of CLAIMS."""
    return [row for row in everything(directory) if row.claim.main and row.found is not None]


def of_tables(start: str, directory: Path = tables.DIRECTORY) -> list[Row]:
    """Return the rows of :func:`everything` whose table, or study, has a name that begins like this."""
    return [row for row in everything(directory) if row.claim.table.startswith(start)]


def in_sections(rows: Iterable[Row], *names: str) -> list[Row]:
    """Return the rows that stand first in one of these sections of the paper, such as "IV.B"."""
    return [row for row in rows if row.claim.where.split(",")[0] in names]


def tally(rows: Iterable[Row]) -> "pd.DataFrame":
    """Count verdicts by reading: by themselves, then after the correction."""
    import pandas as pd

    rows = list(rows)
    kinds = {row: row.claim.reading.split(",")[0] or "no experiment" for row in rows}
    found = {
        (kind, when): [sum(kinds[r] == kind and verdict(r) == word for r in rows) for word in VERDICTS]
        for kind in dict.fromkeys(kinds.values())
        for when, verdict in (("alone", lambda r: r.alone), ("corrected", lambda r: r.verdict))
    }
    return pd.DataFrame(found, index=pd.Index(VERDICTS, name="verdict"))


def rerun(claim: Claim, seeds: int | None = None, directory: Path = tables.DIRECTORY) -> Row:
    """Train what a claim is measured on again and measure it, by itself.

    Args:
        claim: one with a measure.
        seeds: number of runs; those of the committed table by default.
        directory: the results folder, whose tables say which configurations to run.

    Raises:
        ValueError: the claim is open or untestable, or its table is not there.
    """
    if claim.how is None:
        raise ValueError(f"claim must be one that is measured, got {claim.id!r}, which needs {claim.needs}")
    known, fresh = load(claim.table, directory) if claim.table else {}, {}
    listed = tables.manifest(directory)
    for name in claim.names if claim.table else ():
        config, verb = known[name].config, tables.verb_of(listed[known[name].table]["command"])
        fresh[name] = run(config if seeds is None else replace(config, seeds=seeds), verb=verb)
    return Row(claim, measure_one(claim, fresh))


def select(ids: Iterable[str]) -> list[Claim]:
    """Return the claims with these ids.

    Raises:
        ValueError: there is none with an id.
    """
    known = {claim.id: claim for claim in CLAIMS}
    for id in ids:
        if id not in known:
            close = [name for name in known if id in name]
            raise ValueError(f"id must be one of those in `qbp claims --json`, got {id!r}" + _like(close))
    return [known[id] for id in ids]


def _like(names: list[str]) -> str:
    return f"; did you mean {', '.join(names[:6])}?" if names else ""


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def glued(notebook: Path) -> dict[str, str]:
    """Return what a notebook glued under the names of claims, {id: text}."""
    names = {claim.id for claim in CLAIMS}
    found = {}
    for cell in json.loads(notebook.read_text())["cells"]:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name in names:
                text = next(v for kind, v in output["data"].items() if kind.endswith("text/plain"))
                found[name] = "".join(text).strip("'")
    return found


class Table:
    """ "The paper says / we measure", for a cell's last line: HTML on a page, Markdown as text.

    Args:
        rows: claims with their measurements.
        details: whether a page also folds in the paper's words, how we read them, the evidence, the
            ambiguities a row depends on and the command that measures it again; as text, a last column has
            the command.
    """

    HEAD = ("the paper says", "where", "experiment, reading", "paper", "we measure", "verdict")

    def __init__(self, rows: Iterable[Row], *, details: bool = False) -> None:
        self.rows, self.details = list(rows), details

    def __repr__(self) -> str:
        head = (*self.HEAD, "recompute") if self.details else self.HEAD
        lines = [head, ["---"] * len(head)]
        for row in self.rows:
            lines.append((*_said(row), *_measured(row), *[row.command or "-"] * self.details))
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(text)}</th>' for text in self.HEAD)
        body = "".join(self._group(list(rows)) for _, rows in groupby(self.rows, _said))
        return f'<table class="qbp-claims"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'

    def _group(self, rows: list[Row]) -> str:
        """Write the rows of one sentence: what it says stands once, at their left."""
        (says, where), c = _said(rows[0]), rows[0].claim
        quote = f"The paper: “{c.quote}”. " + (f"We read: {c.read_as}." if c.read_as else "")
        span = f' rowspan="{len(rows)}"' if len(rows) > 1 else ""
        first = f"<td{span}>{escape(says)}{self._folded(escape(quote))}</td><td{span}>{escape(where)}</td>"
        lines = []
        for row in rows:
            on, paper, ours, verdict = map(escape, _measured(row))
            more = [escape(row.evidence), _depends(row), f"<code>{escape(row.command or '')}</code>"]
            ours += self._folded("; ".join(filter(None, more))) if row.command else ""
            lines.append(f'<td>{on}</td><td class="short">{paper}</td><td>{ours}</td><td>{verdict}</td>')
        return f"<tr>{first}" + "</tr><tr>".join(lines) + "</tr>"

    def _folded(self, text: str) -> str:
        return f"<details><summary>details</summary>{text}</details>" if self.details else ""


def _said(row: Row) -> tuple[str, str]:
    return row.claim.claim, row.claim.where


def _measured(row: Row) -> tuple[str, str, str, str]:
    on = ", ".join(filter(None, [row.claim.experiment, row.claim.reading])) or "-"
    ours = f"needs {row.needs}" if row.needs else row.ours
    verdict = row.verdict if row.verdict == row.alone else f"{row.verdict} (alone: {row.alone})"
    return on, row.paper, ours, verdict


def _depends(row: Row) -> str:
    found = ", ".join(map(str, row.claim.ambiguities))
    return f"depends on ambiguity {found}" if found else ""


def side_by_side(rows: Iterable[Row], notebooks: Iterable[Path]) -> str:
    """Return the claims in two columns: committed, and just run in these notebooks."""
    run_now = {name: text for notebook in notebooks for name, text in glued(notebook).items()}
    table = [("claim", "reading", "paper", "committed", "just run here")]
    table += [(r.claim.claim, r.claim.reading, r.paper, r.ours, run_now.get(r.claim.id, "-")) for r in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    )


def percent(change: float) -> str:
    """Write a relative change, as "-27.3 %" or "-0.14 %"; above a thousand percent as a factor, and from a
    baseline at 0 as "unbounded"."""
    if change == np.inf:
        return "unbounded"
    if change > 10:
        return f"{change + 1:.3g} times"
    digits = 1 if abs(change) >= 0.01 else 2
    return f"{round(100 * change, digits) + 0.0:+.{digits}f} %"  # + 0.0: no -0.00
