"""Open choices as tables and as sentences: the alternatives measured, and what follows."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from qbp.audit.choices import Answer, answers, depends, favored, new_default
from qbp.book.tables.effects import judged_words
from qbp.book.tables.markup import change_words, folded, html, html_row, markdown
from qbp.results import store
from qbp.studies import perceptron_studies
from qbp.studies.perceptron_studies import TASKS
from qbp.studies.tables import TABLES

if TYPE_CHECKING:
    from qbp.audit.ambiguities import Ambiguity


class Choice:
    """An ambiguity with its measurements, for a cell's last line: HTML on a page, Markdown as text.

    On a page it is folded under a line that says what follows.

    Args:
        item: the choice.
        directory: the results folder.
    """

    HEAD = ("task", "choice", "two-stage against its baseline", "", "against the default", "", "n")

    def __init__(self, item: "Ambiguity", directory: Path = store.DIRECTORY) -> None:
        self.item = item
        self.answers = [a for task in TASKS for a in answers(item, task, directory)]

    @property
    def tables(self) -> list[str]:
        """The `qbp grid` tables it reads."""
        studies = map(perceptron_studies.study, self.item.studies)
        wanted = {name for study in studies for task in study.tasks for name in study.tables(task)}
        return [name for name in TABLES if name in wanted]

    def sentences(self) -> list[str]:
        """Return what follows: what depends on the choice, and whether the default should change."""
        if self.item.not_measured:
            return [f"Not measured: {self.item.not_measured}."]
        other = self.changing
        named = "; ".join(f"{a.task}, {a.label} ({judged_words(a.conclusion)})" for a in other)
        count = f"{len(other)} of {sum(not a.usual for a in self.answers)}"
        said = [f"How two-stage compares with its baseline changes under {count} alternatives: {named}."]
        if not other:
            said = ["How two-stage compares with its baseline is the same under every alternative shown."]
        better = new_default(self.item, self.answers)
        if self.item.kept:
            liked = favored(self.item, self.answers)
            would = f"The numbers favor {', '.join(liked)}, and yet the" if liked else "The"
            said.append(f"{would} default stays: {self.item.kept}.")
        elif better:
            said.append(f"By the rule the default should change, to one of: {', '.join(better)}.")
        else:
            said.append("By the rule the default stays.")
        return said

    @property
    def changing(self) -> list[Answer]:
        """The alternatives under which the comparison with the baseline comes out otherwise."""
        return depends(self.answers)

    @property
    def summary(self) -> str:
        """What follows, in a few words."""
        if self.item.not_measured:
            return "Not measured"
        shown = sum(not a.usual for a in self.answers)
        return f"{len(self.changing)} of {shown} alternatives change the comparison"

    @property
    def words(self) -> list[str]:
        """What is unclear, what we start from, and what follows."""
        return [f"Unclear: {self.item.unclear}", f"We start from: {self.item.start}", *self.sentences()]

    def __repr__(self) -> str:
        table = [markdown(self.HEAD, map(_line, self.answers))] if self.answers else []
        return "\n".join([*self.words, *table])

    def _repr_html_(self) -> str:
        split = [text.partition(": ") for text in self.words[:2]]
        words = "".join(f"<p><strong>{what}.</strong> {escape(text)}</p>" for what, _, text in split)
        words += "".join(f"<p>{escape(text)}</p>" for text in self.sentences())
        if not self.answers:
            return f'<div class="qbp-choice">{folded(self.summary, words)}</div>'
        body, before = "", ""
        for a in self.answers:
            task, label, *rest = map(escape, _line(a))
            label += folded("command", f"<code>{escape((a.change or a.conclusion).command)}</code>")
            body += html_row(task if task != before else "", (label, *rest))
            before = task
        table = html("qbp-effects", self.HEAD, body)
        command = f"Recompute: <code>qbp grid {' '.join(self.tables)}</code>"
        inside = f'{words}{table}<p class="qbp-recompute">{command}</p>'
        return f'<div class="qbp-choice">{folded(self.summary, inside)}</div>'


class Overview:
    """All choices in a table: what depends on each, and whether its default should change.

    Args:
        choices: measured ones; an item links to the section of its number.
    """

    HEAD = ("", "choice", "measured", "change it", "which, and to what", "default")

    def __init__(self, choices: Iterable[Choice]) -> None:
        self.choices = list(choices)

    def _lines(self) -> list[tuple[str, ...]]:
        lines: list[tuple[str, ...]] = []
        for choice in self.choices:
            item, shown = choice.item, [a for a in choice.answers if not a.usual]
            better = new_default(item, choice.answers)
            default = "should change" if better else "stays"
            counts = (str(len(shown)), str(len(choice.changing))) if shown else ("-", "-")
            which = _by_task(choice.changing) if choice.changing else "-"
            lines.append((str(item.number), item.item, *counts, which, default if shown else "not measured"))
        return lines

    def __repr__(self) -> str:
        return markdown(self.HEAD, self._lines())

    def _repr_html_(self) -> str:
        def row(number: str, item: str, *rest: str) -> str:
            link = f'<a href="#ambiguity-{number}">{escape(item)}</a>'
            return html_row(number, (link, *map(escape, rest)))

        return html("qbp-effects qbp-overview", self.HEAD, "".join(row(*line) for line in self._lines()))


def _by_task(found: Iterable[Answer]) -> str:
    """Write alternatives by task, each with its verdict, as "mnist: 0 steps (helps), 25 steps (helps)"."""
    tasks: dict[str, list[str]] = {}
    for a in found:
        tasks.setdefault(a.task, []).append(f"{a.label} ({a.conclusion.group})")
    return "; ".join(f"{task}: {', '.join(some)}" for task, some in tasks.items())


def _line(a: Answer) -> tuple[str, ...]:
    change = ("-", "the default" if a.usual else "not comparable")
    if a.change:
        change = change_words(a.change.found), judged_words(a.change)
    c = a.conclusion
    return a.task, a.label, change_words(c.found), judged_words(c), *change, str(c.found.n)
