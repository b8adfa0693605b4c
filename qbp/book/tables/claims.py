"""Claims and their measurements as a table "the paper says / we measure", in words and in counts."""

from collections.abc import Iterable
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from qbp.audit.verdicts import VERDICTS
from qbp.book.tables.markup import change_words, folded, html, markdown, percent
from qbp.statistics.hypothesis_tests import Comparison, Share

if TYPE_CHECKING:
    import pandas as pd

    from qbp.audit.claims import Row


def paper_says(row: "Row") -> str:
    """Write what the paper gives: its figure, or that it is lower, or said in words."""
    if row.claim.paper is None:
        return "lower" if row.claim.rule == "lower" and row.claim.table else "in words"
    return percent(row.claim.paper)


def we_measure(row: "Row") -> str:
    """Write what we measured, with interval and n, for prose and tables."""
    if row.found is None:
        return "not measured"
    f = row.found
    if isinstance(f, Share):
        return f"{f.hits} of {f.n} runs [{100 * f.low:.0f} %, {100 * f.high:.0f} %]"
    if row.claim.rule == "convex":
        return f"{f.mean:.3g} above a chord" if f.mean > 0 else f"curvature {-f.mean:.3g} everywhere"
    return f"{change_words(f)} (n = {f.n})"


def evidence(row: "Row") -> str:
    """Write wins, effect sizes, corrected p and what could have been seen; empty without them."""
    f, parts = row.found, []
    if isinstance(f, Comparison) and f.n > 1:
        parts = [f"lower on {f.wins} of {f.n}", f"d = {f.effect:.2g}, r = {f.ranks:.2g}"]
    if row.adjusted is not None:
        parts.append(f"p = {row.adjusted:.1g} ({row.family})")
    if isinstance(f, Comparison) and np.isfinite(f.detectable):
        parts.append(f"visible from {percent(f.detectable).removeprefix('+')}")
    return ", ".join(parts)


def verdict_words(row: "Row") -> str:
    """Write the verdict; with it what the row is alone, where the correction takes it away, and what it is
    without its alternatives, where it depends on them."""
    notes = [f"alone: {row.alone}"] if row.own != row.alone else []
    if row.verdict == "depends":
        notes = [f"by itself: {row.own}", f"otherwise: {', '.join(row.differs)}"]
    return f"{row.verdict} ({'; '.join(notes)})" if notes else row.verdict


class ClaimsTable:
    """ "The paper says / we measure", for a cell's last line: HTML on a page, Markdown as text.

    Args:
        rows: claims with their measurements.
        details: whether a page also folds in the paper's words, how we read them, the evidence, the
            ambiguities a row depends on and the command that measures it again; as text, a last column has
            the command.
    """

    HEAD = ("the paper says", "where", "experiment, reading", "paper", "we measure", "verdict")

    def __init__(self, rows: Iterable["Row"], *, details: bool = False) -> None:
        self.rows, self.details = list(rows), details

    def __repr__(self) -> str:
        head = (*self.HEAD, "recompute") if self.details else self.HEAD
        lines = [(*_said(r), *_measured(r), *[r.command or "-"] * self.details) for r in self.rows]
        return markdown(head, lines)

    def _repr_html_(self) -> str:
        body = "".join(self._group(list(rows)) for _, rows in groupby(self.rows, _said))
        return html("qbp-claims", self.HEAD, body)

    def _group(self, rows: list["Row"]) -> str:
        """Write the rows of one sentence: what it says stands once, at their left."""
        (says, where), c = _said(rows[0]), rows[0].claim
        quote = f"The paper: “{c.quote}”. " + (f"We read: {c.read_as}." if c.read_as else "")
        span = f' rowspan="{len(rows)}"' if len(rows) > 1 else ""
        first = f"<td{span}>{escape(says)}{self._folded(escape(quote))}</td><td{span}>{escape(where)}</td>"
        lines = []
        for row in rows:
            on, paper, ours, verdict = map(escape, _measured(row))
            more = [escape(evidence(row)), _depends(row), f"<code>{escape(row.command or '')}</code>"]
            ours += f"<br><em>{escape(row.claim.note)}</em>" if row.claim.note else ""
            ours += self._folded("; ".join(filter(None, more))) if row.command else ""
            lines.append(f'<td>{on}</td><td class="short">{paper}</td><td>{ours}</td><td>{verdict}</td>')
        return f"<tr>{first}" + "</tr><tr>".join(lines) + "</tr>"

    def _folded(self, text: str) -> str:
        return folded("details", text) if self.details else ""


class SentenceTable:
    """One primary row a sentence, in the readings: HTML on a page, Markdown as text.

    Args:
        rows: claims with their measurements; shown are the primary ones, each with the row of the released
            notebook that has the same name.
    """

    HEAD = ("the paper says", "where", "task", "as released", "as written, or on circuits", "verdict")

    def __init__(self, rows: Iterable["Row"]) -> None:
        by_id = {row.claim.id: row for row in rows}
        self.rows = [
            (row, by_id.get(id.replace("as-written", "as-released")) if "as-written" in id else None)
            for id, row in by_id.items()
            if row.claim.primary
        ]

    def __repr__(self) -> str:
        return markdown(self.HEAD, map(self._line, self.rows))

    def _repr_html_(self) -> str:
        lines = ("".join(f"<td>{escape(cell)}</td>" for cell in self._line(row)) for row in self.rows)
        return html("qbp-claims", self.HEAD, "".join(f"<tr>{line}</tr>" for line in lines))

    def _line(self, pair: tuple["Row", "Row | None"]) -> tuple[str, ...]:
        row, released = pair
        c = row.claim
        said = c.claim + (f" ({percent(c.paper)})" if c.paper is not None else "")
        task = "circuits" if c.reading.startswith("circuits") else c.experiment
        return said, c.where, task, _with_verdict(released), we_measure(row), verdict_words(row)


def _with_verdict(row: "Row | None") -> str:
    return "" if row is None else f"{we_measure(row)}: {row.verdict}"


def counted(rows: Iterable["Row"]) -> str:
    """Write how the sentences come out, by their primary rows: "3 are supported, 2 depend ..."."""
    return counted_rows(row for row in rows if row.claim.primary)


def counted_rows(rows: Iterable["Row"]) -> str:
    """Write how rows come out, whatever they are: "3 are supported, 2 depend ..."."""
    words = [row.verdict for row in rows]
    found = {word: words.count(word) for word in VERDICTS if word in words}
    parts = [f"{n} {_verb(word, n == 1)}" for word, n in found.items()]
    return ", ".join(parts[:-1]) + f" and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def _verb(verdict: str, alone: bool) -> str:
    if verdict == "depends":
        return f"depend{'s' * alone} on a reading that the paper does not fix"
    return f"{'is' if alone else 'are'} {'partly supported' if verdict == 'partly' else verdict}"


def _said(row: "Row") -> tuple[str, str]:
    return row.claim.claim, row.claim.where


def _measured(row: "Row") -> tuple[str, str, str, str]:
    on = ", ".join(filter(None, [row.claim.experiment, row.claim.reading])) or "-"
    ours = f"needs {row.needs}" if row.needs else we_measure(row)
    return on, paper_says(row), ours, verdict_words(row)


def _depends(row: "Row") -> str:
    numbers = ", ".join(map(str, row.claim.ambiguities))
    return f"depends on ambiguity {numbers}" if numbers else ""


def tally(rows: Iterable["Row"]) -> "pd.DataFrame":
    """Count verdicts by reading: by themselves, then after the correction and beside their alternatives.

    Facts of our own set-up are not counted: they test nothing.
    """
    import pandas as pd

    rows = [row for row in rows if not row.claim.setup]
    kinds = {row: row.claim.reading.split(",")[0] or "no experiment" for row in rows}
    counts = {
        (kind, when): [sum(kinds[r] == kind and verdict(r) == word for r in rows) for word in VERDICTS]
        for kind in dict.fromkeys(kinds.values())
        for when, verdict in (("alone", lambda r: r.alone), ("corrected", lambda r: r.verdict))
    }
    return pd.DataFrame(counts, index=pd.Index(VERDICTS, name="verdict"))
