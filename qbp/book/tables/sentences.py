"""Sentences of the paper by verdict: a line each, with its number; other readings are folded below it."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from qbp.audit.verdicts import IN_FAVOR, VERDICTS
from qbp.book.tables.claims import evidence, paper_says, verdict_words, we_measure
from qbp.book.tables.markup import folded, html, html_row, markdown, percent

if TYPE_CHECKING:
    from qbp.audit.claims import Row

MEANINGS = {
    "supported": "We measured what the sentence says, and chance alone does not explain it.",
    "partly": "The direction is the paper's. The size is smaller.",
    "depends": "One reasonable reading gives what the sentence says, another does not.",
    "not supported": "We did not see it, or saw the contrary.",
    "undecided": "Our runs are too few to tell.",
    "untestable": "The sentence names nothing that could be measured.",
    "open": "It could be measured. We have not done so.",
}


@dataclass(frozen=True)
class Sentence:
    """A sentence of the paper with its rows.

    Attributes:
        head: the row that speaks for it: the primary one; where none is, the first that is not as released.
        more: its other rows, in the order of claims.toml.
    """

    head: "Row"
    more: tuple["Row", ...]

    @property
    def rows(self) -> tuple["Row", ...]:
        """All rows, the one that speaks for it first."""
        return (self.head, *self.more)

    @property
    def on_circuits(self) -> bool:
        """Whether it speaks of circuits, of which the paper trained none."""
        return self.head.claim.reading.startswith("circuits")

    @property
    def says(self) -> str:
        """What the paper says, with its figure where it gives one."""
        paper = self.head.claim.paper
        return self.head.claim.claim + (f" ({percent(paper)})" if paper is not None else "")

    @property
    def agreement(self) -> str:
        """Whether all, none or some of its rows come out in favor."""
        sides = {row.verdict in IN_FAVOR for row in self.rows}
        if len(sides) == 1 and not any(row.verdict == "depends" for row in self.rows):
            return "all" if True in sides else "none"
        return "some"


def sentences(rows: Iterable["Row"]) -> list[Sentence]:
    """Return the sentences of these rows, in the order of the paper."""
    together: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        together.setdefault((row.claim.claim, row.claim.where), []).append(row)
    found = []
    for some in together.values():
        written = [row for row in some if row.claim.reading != "as-released"]
        head = next((row for row in some if row.claim.primary), (written or some)[0])
        found.append(Sentence(head, tuple(row for row in some if row is not head)))
    return found


class VerdictCounts:
    """How many sentences and rows have each verdict, and what it means: HTML on a page, Markdown as text.

    Args:
        rows: claims with their measurements; facts of our own set-up, which test nothing, are left out.
    """

    HEAD = ("verdict", "sentences", "all rows", "what it means")

    def __init__(self, rows: Iterable["Row"]) -> None:
        counted = [row for row in rows if not row.claim.setup]
        self.lines = [
            (
                verdict,
                str(sum(row.verdict == verdict and _speaks(row) for row in counted)),
                str(sum(row.verdict == verdict for row in counted)),
                meaning,
            )
            for verdict, meaning in MEANINGS.items()
            if any(row.verdict == verdict for row in counted)
        ]

    def __repr__(self) -> str:
        return markdown(self.HEAD, self.lines)

    def _repr_html_(self) -> str:
        lines = (html_row(escape(name), map(escape, rest)) for name, *rest in self.lines)
        return html("qbp-claims qbp-counts", self.HEAD, "".join(lines))


def _speaks(row: "Row") -> bool:
    """Whether a row is counted as a sentence: a primary one, or one that no number can answer."""
    return row.claim.primary or row.found is None


class SentenceLines:
    """Sentences, a line each, for a cell's last line: HTML on a page, Markdown as text.

    On a page a second line says on what the number was measured and how the other readings come out; opened,
    it has the paper's words, the evidence, the command and those readings.

    Args:
        some: sentences of one verdict.
    """

    HEAD = ("the paper says", "we measure", "verdict")

    def __init__(self, some: Iterable[Sentence]) -> None:
        self.sentences = list(some)

    def __repr__(self) -> str:
        head = ("the paper says", "where", *self.HEAD[1:], "measured on")
        lines = [
            (s.says, s.head.claim.where, ours(s.head), verdict_words(s.head), summary(s))
            for s in self.sentences
        ]
        return markdown(head, lines)

    def _repr_html_(self) -> str:
        return html("qbp-claims qbp-lines", self.HEAD, "".join(map(self._line, self.sentences)))

    def _line(self, s: Sentence) -> str:
        row = s.head
        says = f'{escape(s.says)} <span class="where">{escape(row.claim.where)}</span>'
        alone = f'<span class="where">by itself {escape(row.own)}</span>' if row.own != row.verdict else ""
        cells = f"<td>{says}</td><td>{escape(ours(row))}</td><td>{escape(row.verdict)} {alone}</td>"
        quote = f"The paper: “{row.claim.quote}”. " + (
            f"We read: {row.claim.read_as}." * bool(row.claim.read_as)
        )
        inside = f"<p>{escape(quote)}</p>{_details(row)}" + (_readings(s.more) if s.more else "")
        below = f'<tr class="below"><td colspan="3">{folded(escape(summary(s)), inside)}</td></tr>'
        return f'<tr id="claim-{escape(row.claim.id)}">{cells}</tr>{below}'


def ours(row: "Row") -> str:
    """Write what we measured, or why there is no number."""
    if row.needs:
        return f"no number: it would take {row.needs}"
    unbounded = getattr(row.found, "mean", 0) == np.inf
    return we_measure(row).replace(
        "unbounded (", "unbounded, from a baseline at 0 (" if unbounded else "unbounded ("
    )


def summary(s: Sentence) -> str:
    """Write on what a sentence's number was measured, and how its other readings come out."""
    on = _measured_on(s.head)
    words = [row.verdict for row in s.more]
    counts = ", ".join(f"{words.count(word)} {word}" for word in VERDICTS if word in words)
    several = "readings" if len(words) > 1 else "reading"
    return f"{on}; {len(words)} more {several}: {counts}" if words else on


def _measured_on(row: "Row") -> str:
    return ", ".join(filter(None, (row.claim.experiment, row.claim.reading))) or "by formula"


def _details(row: "Row") -> str:
    """Write what stands behind a number: note, evidence, ambiguities, other rows, the command."""
    c = row.claim
    linked = ", ".join(f'<a href="ambiguities.html#ambiguity-{n}">{n}</a>' for n in c.ambiguities)
    otherwise = f"otherwise in {', '.join(row.differs)}" if row.verdict == "depends" else ""
    parts = [escape(text) for text in (c.note, evidence(row), otherwise) if text]
    parts += [f"depends on ambiguity {linked}"] * bool(linked)
    parts += [f"<code>{escape(row.command)}</code>"] if row.command else []
    return f"<p>{'; '.join(parts)}</p>" if parts else ""


def _readings(rows: Iterable["Row"]) -> str:
    """Write the other readings of a sentence as a table."""
    lines = []
    for row in rows:
        number = f"{escape(ours(row))} {folded('details', _details(row))}"
        cells = (escape(_measured_on(row)), escape(paper_says(row)), number, escape(verdict_words(row)))
        lines.append(
            f'<tr id="claim-{escape(row.claim.id)}">' + "".join(f"<td>{c}</td>" for c in cells) + "</tr>"
        )
    return html("qbp-claims", ("another reading", "paper", "we measure", "verdict"), "".join(lines))


def by_verdict(some: Iterable[Sentence]) -> dict[str, list[Sentence]]:
    """Return {verdict: its sentences} of those with a primary row, and of those without a number."""
    speaking = [s for s in some if _speaks(s.head)]
    return {word: [s for s in speaking if s.head.verdict == word] for word in VERDICTS}


def others(some: Iterable[Sentence]) -> dict[str, list[Sentence]]:
    """Return the sentences without a primary row by how their rows come out: "all", "some" or "none" of them
    in favor."""
    rest = [s for s in some if not _speaks(s.head)]
    return {how: [s for s in rest if s.agreement == how] for how in ("all", "some", "none")}
