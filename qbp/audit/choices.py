"""Alternatives to each choice that the paper leaves, measured: whether a conclusion depends on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qbp.audit.effects import METRIC, Effect, Part, corrected, effect
from qbp.results import store
from qbp.results.table import first_seeds
from qbp.studies import perceptron_studies
from qbp.studies.perceptron_studies import TASKS

if TYPE_CHECKING:
    from qbp.audit.ambiguities import Ambiguity
    from qbp.experiments.result import Result

RANK = {"helps": 1, "hurts": -1}  # of two-stage against its baseline; everything else is 0, and small effects


@dataclass(frozen=True)
class Answer:
    """One alternative, or the default, on one task.

    Attributes:
        task: one of ``qbp.studies.perceptron_studies.TASKS``.
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
    judged = {e.name: e for e in corrected(ends.values())}
    moves = {e.name: e for e in corrected(changes.values())}
    return [Answer(task, label, judged[label], moves.get(label), label == item.default) for label in parts]


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
        parts = {what: Part(what, name, f"two-stage, {what}", f"no-init, {what}") for what in pairs}
    elif item.default == "sellier":
        known = [label for label in rows if label not in ("two-stage", "no-init", item.default)]
        others = [item.default, *(label for label in known if label in (item.labels or known))]
        parts = {label: Part(label, name, "two-stage", label) for label in others}
    else:
        against = {row.label: row.against for row in perceptron_studies.study(name).rows}
        asked = [label for label in rows if against.get(label) == item.default]
        shown = [item.default, *(item.labels or asked)]
        parts = {label: Part(label, name, label, "no-init") for label in shown}
        parts |= {label: Part(label, name, item.default, label) for label in item.baselines}
    return {item.default: parts[item.default], **parts}


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
    or neither, which an effect within SMALL counts as.  Those of too few seeds to tell are left out."""
    found = [a for a in found if a.conclusion.verdict != "too few seeds"]
    usual: dict[str, int] = {}
    for answer in found:
        usual.setdefault(answer.task, _rank(answer.conclusion))  # the default comes first
    return [a for a in found if _rank(a.conclusion) != usual[a.task]]


def new_default(item: "Ambiguity", found: Iterable[Answer]) -> list[str]:
    """Return the alternatives that should become the default: the favored ones, unless the default is kept.

    A default is kept, whatever the numbers say, where the paper gives the value for its own experiments or
    the released notebook settles it, or where the alternative would be another method: an audit runs what is
    described, and shows beside it what else the words allow.  `kept` says which of these it is.

    Args:
        item: the choice.
        found: its answers on all tasks.
    """
    return [] if item.kept else favored(item, found)


def favored(item: "Ambiguity", found: Iterable[Answer]) -> list[str]:
    """Return the alternatives under which the method fares better, by a rule that favors the paper.

    An alternative qualifies if the paper's words admit it as well, and under it two-stage fares better
    against its baseline than under the default on at least one task and worse on none: from "hurts" to
    neither or "helps", from neither to "helps".  An effect whose interval lies within 1 % counts as neither;
    one of too few seeds does not count.
    """
    moved: dict[str, list[int]] = {label: [] for label in item.admitted}
    usual: dict[str, int] = {}
    for answer in found:
        if answer.conclusion.verdict == "too few seeds":
            continue
        rank = _rank(answer.conclusion)
        usual.setdefault(answer.task, rank)
        if answer.label in moved:
            moved[answer.label].append(rank - usual[answer.task])
    return [label for label, steps in moved.items() if steps and min(steps) >= 0 and max(steps) > 0]


def conclusions(found: Iterable[Answer]) -> dict[str, list[Effect]]:
    """Return {task: how two-stage compares with no-init under every alternative}, each pair of rows once.

    Left out are other methods: ridge, and Sellier's as the baseline.
    """
    pairs: dict[str, dict[tuple[str, ...], Effect]] = {task: {} for task in TASKS}
    for a in found:
        c = a.conclusion
        if c.lacks.startswith("no-init") and "ridge" not in c.has:
            pairs[a.task].setdefault((c.command, *map(str, c.ends)), c)
    return {task: list(some.values()) for task, some in pairs.items()}
