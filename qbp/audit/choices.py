"""The paper's open choices measured: default against alternatives, and whether a conclusion depends on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from qbp.audit.effects import METRIC, Effect, Part, corrected, effect
from qbp.audit.findings import change_words, judged_words
from qbp.results import store
from qbp.results.table import first_seeds
from qbp.studies import perceptron_studies
from qbp.studies.study import TASKS
from qbp.studies.tables import TABLES

if TYPE_CHECKING:
    from qbp.audit.ambiguities import Ambiguity
    from qbp.experiments.result import Result

RANK = {"helps": 1, "hurts": -1}  # of two-stage against its baseline; everything else is 0, and small effects


@dataclass(frozen=True)
class Answer:
    """One alternative, or the default, on one task.

    Attributes:
        task: one of ``qbp.studies.study.TASKS``.
        label: the alternative.
        conclusion: two-stage against its baseline, both under this alternative.
        change: the alternative against the default; None for the default itself, and where the two are
            trained on different data or other seeds, so that their losses cannot be compared.
        usual: whether this is the default.
    """

    task: str
    label: str
    conclusion: Effect
    change: Effect | None = None
    usual: bool = False


def answers(item: "Ambiguity", task: str, directory: Path = store.DIRECTORY) -> list[Answer]:
    """Measure a choice on one task, the default first; empty if no study asks about it there.

    The conclusions are corrected together, and so are the changes.

    Raises:
        ValueError: a table it needs is not there.
    """
    names = [name for name in item.studies if task in perceptron_studies.study(name).tasks]
    if not names:
        return []
    (name,) = names
    rows = _rows(name, task, directory)
    parts = _parts(item, name, rows)
    ends = {label: effect(rows, part, task, METRIC, "conclusion") for label, part in parts.items()}
    changes = {}
    for label, part in parts.items():
        other = _against_default(item, part, parts[item.default])
        if label != item.default and other and _comparable(rows, other):
            changes[label] = effect(rows, other, task, METRIC, "change")
    found = {e.name: e for e in corrected(ends.values())}
    moved = {e.name: e for e in corrected(changes.values())}
    return [Answer(task, label, found[label], moved.get(label), label == item.default) for label in parts]


def _rows(name: str, task: str, directory: Path) -> dict[str, "Result"]:
    """Read a study; where it lacks the method or its baseline, they come from the components, same seeds."""
    rows = perceptron_studies.study(name).load(task, directory)
    if not any(label.startswith("no-init, ") for label in rows):
        seeds = next(iter(rows.values())).config.seeds
        plain = perceptron_studies.study("components").load(task, directory)
        more = {label: first_seeds(plain[label], seeds) for label in ("two-stage", "no-init")}
        rows = {**more, **rows}
    return rows


def _parts(item: "Ambiguity", name: str, rows: Mapping[str, "Result"]) -> dict[str, Part]:
    """Return {alternative: the two rows that make its conclusion}, the default first."""
    pairs = [label.removeprefix("no-init, ") for label in rows if label.startswith("no-init, ")]
    if pairs:
        found = {what: Part(what, name, f"two-stage, {what}", f"no-init, {what}") for what in pairs}
    elif item.default == "sellier":
        others = [label for label in rows if label not in ("two-stage", "no-init")]
        found = {label: Part(label, name, "two-stage", label) for label in others}
    else:
        asked = [
            r.label
            for r in perceptron_studies.study(name).rows
            if r.against == item.default and r.label in rows
        ]
        shown = [item.default, *(item.labels or asked)]
        found = {label: Part(label, name, label, "no-init") for label in shown}
        found |= {label: Part(label, name, item.default, label) for label in item.baselines}
    return {item.default: found[item.default], **found}


def _against_default(item: "Ambiguity", part: Part, default: Part) -> Part | None:
    """Return the comparison of what differs: the method's row, or the baseline's where that is the choice."""
    if part.has != default.has:
        return part._replace(has=part.has, lacks=default.has)
    return part._replace(has=part.lacks, lacks=default.lacks) if part.lacks != default.lacks else None


def _comparable(rows: Mapping[str, "Result"], part: Part) -> bool:
    a, b = rows[part.has].config, rows[part.lacks].config
    same = ("points", "per_class", "data", "data_seed", "run_seeds")
    return all(getattr(a, name) == getattr(b, name) for name in same)


def _rank(one: Effect) -> int:
    return 0 if one.small else RANK.get(one.verdict, 0)


def depends(found: Iterable[Answer]) -> list[Answer]:
    """Return the alternatives under which two-stage fares otherwise than under the default: "helps", "hurts",
    or neither, which an effect within SMALL counts as."""
    found = list(found)
    usual: dict[str, int] = {}
    for answer in found:
        usual.setdefault(answer.task, _rank(answer.conclusion))  # the default comes first
    return [a for a in found if _rank(a.conclusion) != usual[a.task]]


def new_default(item: "Ambiguity", found: Iterable[Answer]) -> list[str]:
    """Return the alternatives that should become the default, by a rule that favours the paper.

    An alternative qualifies if the paper's words admit it as well, and under it two-stage fares better
    against its baseline than under the default on at least one task and worse on none: from "hurts" to
    neither or "helps", from neither to "helps".  An effect whose interval lies within 1 % counts as neither.

    Args:
        item: the choice; one with a reason to keep its default has none.
        found: its answers on all tasks.
    """
    if item.kept:
        return []
    moved: dict[str, list[int]] = {label: [] for label in item.admitted}
    usual: dict[str, int] = {}
    for answer in found:
        rank = _rank(answer.conclusion)
        usual.setdefault(answer.task, rank)
        if answer.label in moved:
            moved[answer.label].append(rank - usual[answer.task])
    return [label for label, steps in moved.items() if steps and min(steps) >= 0 and max(steps) > 0]


class Choice:
    """An ambiguity with its measurements, for a cell's last line: HTML on a page, Markdown as text.

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
        other = depends(self.answers)
        named = "; ".join(f"{a.task}, {a.label} ({judged_words(a.conclusion)})" for a in other)
        count = f"{len(other)} of {sum(not a.usual for a in self.answers)}"
        said = [f"How two-stage compares with its baseline changes under {count} alternatives: {named}."]
        if not other:
            said = ["How two-stage compares with its baseline is the same under every alternative shown."]
        better = new_default(self.item, self.answers)
        if self.item.kept:
            said.append(f"The default stays: {self.item.kept}.")
        elif better:
            said.append(f"By the rule the default should change, to one of: {', '.join(better)}.")
        else:
            said.append("By the rule the default stays.")
        return said

    @property
    def words(self) -> list[str]:
        """What is unclear, what we start from, and what follows."""
        return [f"Unclear: {self.item.unclear}", f"We start from: {self.item.start}", *self.sentences()]

    def __repr__(self) -> str:
        lines = [self.HEAD, ["---"] * len(self.HEAD), *map(_line, self.answers)]
        table = ["| " + " | ".join(line) + " |" for line in lines] if self.answers else []
        return "\n".join([*self.words, *table])

    def _repr_html_(self) -> str:
        split = [text.partition(": ") for text in self.words[:2]]
        said = "".join(f"<p><strong>{what}.</strong> {escape(text)}</p>" for what, _, text in split)
        said += "".join(f"<p>{escape(text)}</p>" for text in self.sentences())
        if not self.answers:
            return f'<div class="qbp-choice">{said}</div>'
        head = "".join(f'<th scope="col">{escape(text)}</th>' for text in self.HEAD)
        body, before = "", ""
        for a in self.answers:
            task, label, *rest = map(escape, _line(a))
            code = escape((a.change or a.conclusion).command)
            label += f"<details><summary>command</summary><code>{code}</code></details>"
            cells = "".join(f"<td>{text}</td>" for text in (label, *rest))
            body += f'<tr><th scope="row">{task if task != before else ""}</th>{cells}</tr>'
            before = task
        command = f"<code>qbp grid {' '.join(self.tables)}</code>"
        table = f'<table class="qbp-effects"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        return f'<div class="qbp-choice">{said}{table}<p class="qbp-recompute">Recompute: {command}</p></div>'


class Overview:
    """All choices in a table: what depends on each, and whether its default should change.

    Args:
        choices: measured ones; an item links to the section of its number.
    """

    HEAD = ("", "choice", "alternatives measured", "change the comparison", "default")

    def __init__(self, choices: Iterable[Choice]) -> None:
        self.choices = list(choices)

    def _lines(self) -> list[tuple[str, ...]]:
        lines = []
        for choice in self.choices:
            item, shown = choice.item, [a for a in choice.answers if not a.usual]
            better = new_default(item, choice.answers)
            default = "should change" if better else "stays"
            counts = (str(len(shown)), str(len(depends(choice.answers)))) if shown else ("-", "-")
            lines.append((str(item.number), item.item, *counts, default if shown else "not measured"))
        return lines

    def __repr__(self) -> str:
        lines = [self.HEAD, ["---"] * len(self.HEAD), *self._lines()]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(text)}</th>' for text in self.HEAD)
        body = ""
        for number, item, *rest in self._lines():
            link = f'<a href="#ambiguity-{number}">{escape(item)}</a>'
            cells = "".join(f"<td>{escape(text)}</td>" for text in rest)
            body += f'<tr><th scope="row">{number}</th><td>{link}</td>{cells}</tr>'
        return f'<table class="qbp-effects"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def conclusions(choices: Iterable[Choice]) -> dict[str, list[Effect]]:
    """Return {task: how two-stage compares with no-init under every alternative}, each pair of rows once.

    Left out are other methods: ridge, and Sellier's as the baseline.
    """
    found: dict[str, dict[tuple[str, ...], Effect]] = {task: {} for task in TASKS}
    for choice in choices:
        for a in choice.answers:
            c = a.conclusion
            if c.lacks.startswith("no-init") and "ridge" not in c.has:
                found[a.task].setdefault((c.command, *map(str, c.ends)), c)
    return {task: list(some.values()) for task, some in found.items()}


def _line(a: Answer) -> tuple[str, ...]:
    change = ("-", "the default" if a.usual else "not comparable")
    if a.change:
        change = change_words(a.change.found), judged_words(a.change)
    c = a.conclusion
    return a.task, a.label, change_words(c.found), judged_words(c), *change, str(c.found.n)
