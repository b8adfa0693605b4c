"""Effects of each part, setting and circumstance: the rows of the studies, judged by one rule.

An effect is the relative change of the mean final value over seeds from one row to another, on the same
seeds.  The rule, :func:`judged`, was written before the numbers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qbp import _checks
from qbp.audit.verdicts import LEVEL, best_p, could_survive
from qbp.experiments.perceptrons import METHODS, Experiment
from qbp.results import store
from qbp.statistics.curves import stopped_early
from qbp.statistics.hypothesis_tests import Comparison, compare_pairs, detectable, holm, reachable
from qbp.studies import perceptron_studies
from qbp.studies.perceptron_studies import TASKS

if TYPE_CHECKING:
    from qbp.experiments.result import Result

METRIC = "val_loss"  # the one that is judged: what every control of overfitting speaks to
AT_START = ", untrained"  # after a label: the loss at step 0, before the first gradient step
SAME = 1e-6  # relative changes below this are rounding
SMALL = 0.01  # effects whose whole interval is within this are seen, and small


class Part(NamedTuple):
    """A comparison with a name: the row that has something, and the row of the same study that lacks it."""

    name: str
    study: str
    has: str
    lacks: str


PARTS = (
    Part("the method as a whole", "components", "two-stage", "no-init"),
    Part("Stage 1", "components", "two-stage", "Stage 2 only"),
    Part("Stage 2", "components", "two-stage", "Stage 1 only"),
    Part("the oscillation", "components", "two-stage", "beta = 0"),
    Part("the blend", "components", "two-stage", "lam = 0"),
    Part("blend and oscillation", "components", "two-stage", "lam = beta = 0"),
    Part("the annealing", "components", "two-stage", "no annealing"),
    Part("the oscillation alone", "components", "Stage 2 only, lam = 0", "no-init"),
    Part("ridge in place of gradient steps", "stage-1", "two-stage-ridge", "two-stage"),
    Part("ridge, then both stages", "stage-1", "two-stage-ridge", "no-init"),
    Part("ridge alone, not trained further", "stage-1", "two-stage-ridge" + AT_START, "no-init"),
    Part("500 steps after ridge", "stage-1", "two-stage-ridge", "two-stage-ridge" + AT_START),
    Part("blend and oscillation after ridge", "stage-1", "two-stage-ridge", "ridge, then the task alone"),
)
CONTROLS = (  # what is no part of the method, and could do what it is said to do
    Part("AdamW's weight decay in two-stage", "weight-decay", "two-stage", "two-stage, weight decay 0"),
    Part("AdamW's weight decay in no-init", "weight-decay", "no-init", "no-init, weight decay 0"),
    Part("ten times the decay in no-init", "weight-decay", "no-init, weight decay 0.1", "no-init"),
    Part("a hundred times the decay in no-init", "weight-decay", "no-init, weight decay 1", "no-init"),
    Part("early stopping of no-init", "early-stopping", "no-init, a fifth held out", "no-init"),
    Part("early stopping of two-stage", "early-stopping", "two-stage, a fifth held out", "two-stage"),
)
SETTINGS = ("stage-1-length", "switching", "ridge-strength", "blend", "oscillation", "annealing")
CONDITIONS: tuple[str, ...] = ("optimizer", "rates", "width", "depth", "batch", "budget", "budget-mnist")
CONDITIONS += ("points", "digits", "telecom-data", "readings")
ELSEWHERE = (
    "sellier",
    "sellier-constants",
    "data",
    "data-mnist",
    "switch",
)  # rows that other tables and chapters show


@dataclass(frozen=True)
class Effect:
    """One comparison on one task.

    Attributes:
        task: one of ``qbp.studies.perceptron_studies.TASKS``.
        study: the study the rows are from.
        family: effects of one task and family are corrected together.
        name: what is compared, for a figure.
        has, lacks: labels of the two rows; a negative change says that `has` ends lower.
        found: the change from `lacks` to `has` and what stands behind it.
        ends: means of the two, in the unit of the metric.
        config: configuration of the row of this effect, the one that is not a baseline.
        adjusted: p after the correction for the number of effects in the family.
        reachable: the smallest such p that so many seeds could reach.
        visible: smallest relative change that so many seeds would have shown, after the correction.
    """

    task: str
    study: str
    family: str
    name: str
    has: str
    lacks: str
    found: Comparison
    ends: tuple[float, float]
    config: Experiment
    adjusted: float = np.nan
    visible: float = np.nan
    reachable: float = np.nan

    @property
    def verdict(self) -> str:
        """What :func:`judged` says of it."""
        return judged(self.found, self.adjusted, self.reachable)

    @property
    def small(self) -> bool:
        """Whether the whole interval lies within SMALL of 0."""
        return max(abs(self.found.low), abs(self.found.high)) < SMALL

    @property
    def group(self) -> str:
        """The verdict, or "small" for an effect that was seen and is small."""
        return "small" if self.small and self.verdict in ("helps", "hurts") else self.verdict

    @property
    def command(self) -> str:
        """The command line that computes the row again."""
        return store.command(self.config)


def judged(found: Comparison, adjusted: float, reached: float = np.nan) -> str:
    """Judge an effect on a loss.

    "helps": the whole 95 % interval of the change is below 0, and p after Holm's correction for the effects
    of its family on this task is below 0.05.  "hurts": the same above 0.  "too few seeds": the interval
    leaves 0 out, and no outcome of so few seeds could have survived the correction.  "the same": both rows
    end with the same numbers, but for rounding.  "nothing seen": all else; what these seeds would have seen
    is said beside it, and a smaller effect may be there.  "no interval": one seed, or a run without a finite
    end.

    Args:
        found: relative change and what stands behind it.
        adjusted: p after the correction.
        reached: the smallest p after the correction that so many seeds could reach; NaN: without one.
    """
    if np.isnan(found.low) or np.isnan(found.high) or not np.isfinite(found.mean):
        return "no interval"
    if max(abs(found.mean), abs(found.low), abs(found.high)) < SAME:
        return "the same"
    away = found.low > 0 or found.high < 0
    if away and not could_survive(found, None if np.isnan(reached) else reached):
        return "too few seeds"
    if adjusted < LEVEL and found.high < 0:
        return "helps"
    return "hurts" if adjusted < LEVEL and found.low > 0 else "nothing seen"


def final_values(rows: Mapping[str, "Result"], label: str, metric: str) -> np.ndarray:
    """Return a row's value per seed, (n,): at the last record, at the first for a label that ends with
    AT_START, and where early stopping ends it for a row that holds samples back."""
    result = rows[label.removesuffix(AT_START)]
    if label.endswith(AT_START):
        return result.history[metric][:, 0]
    if result.config.holdout:
        return stopped_early(result.history[metric], result.history["held_loss"])
    return result.final(metric)


def effect(
    rows: Mapping[str, "Result"], part: Part, task: str, metric: str = METRIC, family: str = ""
) -> Effect:
    """Compare two rows, without a correction.

    Args:
        rows: {label: Result} over the same seeds.
        part: the two labels, the study and a name.
        task, family: as in :class:`Effect`; the study is the family by default.
        metric: a loss in the histories.

    Raises:
        ValueError: the seeds of the two rows differ.
    """
    a, b = (final_values(rows, label, metric) for label in (part.has, part.lacks))
    configs = [rows[label.removesuffix(AT_START)].config for label in (part.has, part.lacks)]
    if configs[0].run_seeds != configs[1].run_seeds:
        raise ValueError(f"{part.has} and {part.lacks} must have the same seeds")
    of_row = configs[part.has in METHODS and part.lacks not in METHODS]
    change, ends = compare_pairs(a, b), (float(a.mean()), float(b.mean()))
    family = family or part.study
    return Effect(task, part.study, family, part.name, part.has, part.lacks, change, ends, of_row)


def corrected(effects: Iterable[Effect]) -> list[Effect]:
    """Return effects, in their order, with p and power corrected for the number in each family of a task."""
    done = list(effects)
    families = [(one.task, one.family) for one in done]
    for family in set(families):
        places = [i for i, own in enumerate(families) if own == family]
        p_values = [done[i].found.p for i in places]
        best = reachable(p_values, [best_p(done[i].found) for i in places])
        for i, p, reached in zip(places, holm(p_values), best, strict=True):
            seen = done[i].found.detectable * _reach(done[i].found.n, len(places))
            done[i] = replace(done[i], adjusted=float(p), visible=float(seen), reachable=float(reached))
    return done


@cache
def _reach(n: int, members: int) -> float:
    """Return how much larger an effect must be to be seen at a level divided by the number of tests."""
    if n < 2:
        return float("nan")
    unit = np.array([-1.0, 1.0] * n)[:n]
    return detectable(unit, level=LEVEL / members) / detectable(unit, level=LEVEL)


def of_parts(task: str, metric: str = METRIC, directory: Path = store.DIRECTORY) -> list[Effect]:
    """Return what the parts of the method and the controls do on a task, corrected together.

    Args:
        task: one of ``qbp.studies.perceptron_studies.TASKS``.
        metric: a loss in the histories.
        directory: the results folder.

    Raises:
        ValueError: there is no such task, or a table it needs is not there.
    """
    _checks.choice("task", task, TASKS)
    chosen = [*PARTS, *CONTROLS]
    names = dict.fromkeys(part.study for part in chosen)
    rows = {name: perceptron_studies.study(name).load(task, directory) for name in names}
    return corrected(effect(rows[p.study], p, task, metric, family="parts") for p in chosen)


def of_studies(
    names: Iterable[str], task: str, metric: str = METRIC, directory: Path = store.DIRECTORY
) -> list[Effect]:
    """Return every row of some studies against the row it is compared with, corrected study by study.

    Args:
        names: of studies; those that do not ask about the task are left out.
        task, metric, directory: as in :func:`of_parts`.
    """
    effects: list[Effect] = []
    for name in names:
        study = perceptron_studies.study(name)
        if task in study.tasks:
            rows = study.load(task, directory)
            parts = [Part(row.label, name, row.label, row.against) for row in study.on(task) if row.against]
            effects += corrected(effect(rows, part, task, metric) for part in parts)
    return effects
