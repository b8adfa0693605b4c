"""Effects as tables and as sentences: which parts help, which hurt, and where nothing was seen."""

from collections.abc import Iterable
from html import escape
from itertools import groupby

import numpy as np

from qbp.audit.effects import SMALL, Effect
from qbp.book.tables.markup import change_words, folded, html, html_row, markdown, percent
from qbp.studies import perceptron_studies

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


def _size(e: Effect) -> float:
    return abs(float(np.nan_to_num(e.found.mean)))
