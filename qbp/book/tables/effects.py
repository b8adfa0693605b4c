"""Effects as tables and as sentences: which parts help, which hurt, and where nothing was seen."""

from collections.abc import Iterable, Mapping
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from qbp.audit.effects import SMALL, Effect
from qbp.book.tables.markup import change_words, folded, frame, html, html_row, markdown, percent
from qbp.studies import perceptron_studies

if TYPE_CHECKING:
    import pandas as pd

VERDICTS = {  # in the order of a page: what to say of each
    "helps": "Lower with it",
    "hurts": "Higher with it",
    "small": f"Seen, but all of the interval within {100 * SMALL:.0f} %",
    "nothing seen": "Nothing seen",
    "too few seeds": "Too few seeds to tell",
    "the same": "The same numbers with it and without",
    "no interval": "No interval",
}


def visible_words(effect: Effect) -> str:
    """Write the smallest change that these seeds would have shown, "-" where there is no spread."""
    return percent(effect.visible).removeprefix("+") if effect.visible > 0 else "-"


def judged_words(effect: Effect) -> str:
    """Write the verdict; with it that the effect is small, or what would have been seen."""
    if effect.verdict == "nothing seen":
        return f"nothing seen (would be from {visible_words(effect)})"
    return effect.verdict + f" (below {100 * SMALL:.0f} %)" * (effect.group == "small")


class EffectsTable:
    """Effects, a line each, for a cell's last line: HTML on a page, Markdown as text.

    Args:
        effects: from :func:`qbp.audit.effects.of_parts` or :func:`qbp.audit.effects.of_studies`.
        by_study: a folded table per study, under its question, instead of one table.
        tasks: whether the name of a line begins with its task.
    """

    HEAD = ("", "ends at", "without it", "change", "lower on", "d", "p", "verdict")

    def __init__(self, effects: Iterable[Effect], *, by_study: bool = False, tasks: bool = False) -> None:
        self.effects, self.by_study, self.tasks = list(effects), by_study, tasks

    def __repr__(self) -> str:
        return markdown(self.HEAD, ([self._name(e), *_numbers(e)] for e in self.effects))

    def _repr_html_(self) -> str:
        if not self.by_study:
            return self._table(self.effects)
        parts = []
        for name, group in groupby(self.effects, lambda e: e.study):
            question = escape(perceptron_studies.study(name).question)
            parts.append(folded(question, self._table(group)))
        return f'<div class="qbp-studies">{"".join(parts)}</div>'

    def _table(self, effects: Iterable[Effect]) -> str:
        return html("qbp-effects", self.HEAD, "".join(map(self._row, effects)))

    def _name(self, e: Effect) -> str:
        return f"{e.task}: {e.name}" if self.tasks else e.name

    def _row(self, e: Effect) -> str:
        command = folded(escape(f"{e.has} against {e.lacks}"), f"<code>{escape(e.command)}</code>")
        name = escape(self._name(e)) if self._name(e) != e.has else ""
        return html_row(name + command, map(escape, _numbers(e)))


def _numbers(e: Effect) -> tuple[str, ...]:
    change = e.found
    p = "-" if np.isnan(e.adjusted) else f"{e.adjusted:.1g}"
    size = f"{change.effect:.2g}" if np.isfinite(change.effect) else "-"
    ends = [f"{value:.3g}" for value in e.ends]
    return *ends, change_words(change), f"{change.wins} of {change.n}", size, p, judged_words(e)


class Findings:
    """What effects say, in sentences: computed, so that they hold for any numbers.

    Args:
        effects: of one task.
        where: how the sentence begins, such as "On curve".
    """

    def __init__(self, effects: Iterable[Effect], where: str) -> None:
        self.effects, self.where = list(effects), where

    @property
    def groups(self) -> dict[str, list[Effect]]:
        """The effects by what is said of them, largest change first; a verdict without effects is not in."""
        largest = sorted(self.effects, key=_size, reverse=True)
        groups = {verdict: [e for e in largest if e.group == verdict] for verdict in VERDICTS}
        return {verdict: members for verdict, members in groups.items() if members}

    def lines(self) -> dict[str, str]:
        """Return {what is said: of what, with numbers}."""
        return {f"{VERDICTS[v]} ({len(some)})": self._named(v, some) for v, some in self.groups.items()}

    def _named(self, verdict: str, some: list[Effect]) -> str:
        if verdict == "the same":
            return ", ".join(e.name for e in some)
        named = []
        for e in some:
            seen = f", would be from {visible_words(e)}" if verdict == "nothing seen" else ""
            named.append(f"{e.name} ({change_words(e.found)}, n = {e.found.n}{seen})")
        return "; ".join(named)

    def __repr__(self) -> str:
        return "\n".join([self.where, *(f"- {what}: {of}." for what, of in self.lines().items())])

    def _repr_html_(self) -> str:
        lines = self.lines().items()
        items = "".join(f"<li><strong>{escape(what)}.</strong> {escape(of)}.</li>" for what, of in lines)
        return f'<p class="qbp-findings">{escape(self.where)}</p><ul>{items}</ul>'


class EffectsGrid:
    """What is said of each part on every task, for a cell's last line: HTML on a page, Markdown as text.

    A cell has the verdict, and the change where one was seen.

    Args:
        judged: {task: its effects}, of the same parts on every task.
        names: of the parts that are shown, all of them by default.
    """

    def __init__(self, judged: Mapping[str, Iterable[Effect]], names: Iterable[str] = ()) -> None:
        cells = {task: {e.name: _seen(e) for e in some} for task, some in judged.items()}
        first = next(iter(cells.values()), {})
        self.head = ("with it the loss ends", *cells)
        self.lines = [(name, *(cells[task][name] for task in cells)) for name in names or first]

    def __repr__(self) -> str:
        return markdown(self.head, self.lines)

    def _repr_html_(self) -> str:
        lines = (html_row(escape(name), map(escape, rest)) for name, *rest in self.lines)
        return html("qbp-effects", self.head, "".join(lines))


WORDS = {"helps": "lower", "hurts": "higher", "small": "within 1 %"}


def _seen(e: Effect) -> str:
    """Write the verdict in a word or two, with the mean change where one was seen."""
    word = WORDS.get(e.group)
    return f"{word} ({percent(e.found.mean)})" if word else e.group


def counts(judged: Mapping[str, Iterable[Effect]]) -> "pd.DataFrame":
    """Count on every task how effects come out: a row per task, a column per word, the sum last."""
    rows = {}
    for task, some in judged.items():
        words = [WORDS.get(e.group, e.group) for e in some]
        rows[task] = {word: words.count(word) for word in (*WORDS.values(), *VERDICTS) if word in words}
        rows[task]["all"] = len(words)
    found = frame(rows, "task").fillna(0).astype(int)
    return found[[word for word in (*WORDS.values(), *VERDICTS, "all") if word in found]]


def named(judged: Mapping[str, Iterable[Effect]], name: str, group: str) -> str:
    """Return the tasks on which a part comes out like this, such as "telecom, mnist"; "none" if on none."""
    tasks = [task for task, some in judged.items() for e in some if (e.name, e.group) == (name, group)]
    return ", ".join(tasks) or "none"


def _size(e: Effect) -> float:
    return abs(float(np.nan_to_num(e.found.mean)))
