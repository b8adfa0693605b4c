"""Forest plots of effects, a line per effect; they draw and label, and compute nothing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from qbp.book.figures.style import drawing, interval_mark
from qbp.book.tables.markup import change_words

if TYPE_CHECKING:
    from qbp.audit.effects import Effect

# A shape and a colour per verdict, told apart without colour vision too; none of them means a method.
MARKS = {
    "helps": ("<", "#4B2E83", "#4B2E83", "lower"),
    "hurts": (">", "#E69F00", "#8A5A00", "higher"),
    "nothing seen": ("o", "white", "0.45", "nothing seen"),
    "too few seeds": ("s", "white", "black", "too few seeds to tell"),
    "the same": ("D", "black", "black", "the same numbers"),
    "no interval": ("x", "black", "black", "no interval"),
}
UPRIGHT = {"<": "v", ">": "^"}  # the same marks where changes go up and down
EDGE, LINEAR = 1e4, 1.0  # percent: where the axis ends at most, and up to where it is linear
TICKS = (-100, -10, -1, 0, 1, 10, 100, 1000, 10_000)
BUDGET = {"budget-mnist": "budget"}  # the same question with fewer lengths


def forest(
    effects: Iterable["Effect"], *, aside: Iterable[str] = (), metric: str = "validation loss"
) -> Figure:
    """Draw effects, the most helpful above, with 95 % intervals and the numbers beside them.

    Args:
        effects: of one task.
        aside: names that are written in italics, such as those of controls.
        metric: what changes, for the axis.
    """
    shown = sorted(effects, key=lambda e: np.nan_to_num(e.found.mean), reverse=True)
    with drawing(10.5, 1.7 + 0.36 * len(shown), font=13) as (figure, axis):
        for height, one in enumerate(shown):
            _draw(axis, height, one, size=10)
            words = change_words(one.found).replace("-", "\u2212")
            axis.text(1.02, height, words, transform=axis.get_yaxis_transform(), va="center", fontsize=11.5)
        axis.set_yticks(range(len(shown)), [e.name for e in shown])
        italic = set(aside)
        for tick in axis.get_yticklabels():
            tick.set_fontstyle("italic" if tick.get_text() in italic else "normal")
        _finish(axis, shown, f"change of the {metric} (%)")
        axis.set_ylim(-0.7, len(shown) - 0.3)
        _legend(figure, shown)
    return figure


def forests(
    by_task: Mapping[str, Sequence["Effect"]],
    studies: Iterable[str],
    *,
    strip: str = "",
    metric: str = "validation loss",
) -> Figure:
    """Draw the rows of studies, a panel per task and the same line for the same row.

    Args:
        by_task: {task: effects}.
        studies: names, in the order to be drawn.
        strip: beginning of the labels that all rows share, left out.
        metric: what changes, for the axis.
    """
    wanted = list(studies)
    rows: dict[tuple[str, str], None] = {}
    for study in wanted:
        for effects in by_task.values():
            rows |= {_place(e): None for e in effects if BUDGET.get(e.study, e.study) == study}
    height = _heights(list(rows))
    last = max(height.values(), default=0)
    shown = [e for effects in by_task.values() for e in effects if _place(e) in rows]
    with drawing(13, 1.9 + 0.31 * (last + 1), len(by_task), font=13, sharey=True) as (figure, axes):
        for axis, (task, effects) in zip(axes, by_task.items(), strict=True):
            for one in effects:
                if _place(one) in rows:
                    _draw(axis, height[_place(one)], one, size=8)
            axis.set_title(task)
            _finish(axis, shown, "change (%)", wide=False)
        first, heads = axes[0], []
        labels = {height[place]: place[1].removeprefix(strip) for place in rows}
        for study in dict.fromkeys(place[0] for place in rows):
            heads.append(min(h for place, h in height.items() if place[0] == study) - 1)
            labels[heads[-1]] = study.replace("-", " ").capitalize()
        first.set_yticks(sorted(labels), [labels[h] for h in sorted(labels)])
        for at, tick in zip(sorted(labels), first.get_yticklabels(), strict=True):
            tick.set_fontweight("bold" if at in heads else "normal")
        first.set_ylim(last + 0.8, -0.8)
        figure.supxlabel(f"change of the {metric}; axis linear within 1 %, else logarithmic", fontsize=12)
        _legend(figure, shown)
    return figure


def every_choice(by_task: Mapping[str, Sequence["Effect"]], *, metric: str = "validation loss") -> Figure:
    """Draw a comparison under every choice, sorted by its change, a panel per task.

    Args:
        by_task: {task: effects}.
        metric: what changes, for the axis.
    """
    shown = [e for effects in by_task.values() for e in effects]
    with drawing(13, 4.4, len(by_task), font=13, sharey=True) as (figure, axes):
        for axis, (task, effects) in zip(axes, by_task.items(), strict=True):
            for at, one in enumerate(sorted(effects, key=lambda e: np.nan_to_num(e.found.mean))):
                _draw(axis, at, one, size=6, upright=True)
            axis.set(title=f"{task} ({len(effects)})", xlabel="choices, sorted", xticks=[])
            _finish(axis, shown, "", upright=True)
        axes[0].set_ylabel(f"change of the {metric} (%)")
        _legend(figure, shown, upright=True)
    return figure


def _place(one: "Effect") -> tuple[str, str]:
    return BUDGET.get(one.study, one.study), one.name


def _heights(places: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return a height per row, with a free line for the name of each study above its rows."""
    studies = list(dict.fromkeys(study for study, _ in places))
    return {place: row + studies.index(place[0]) + 1 for row, place in enumerate(places)}


def _draw(axis: Axes, at: int, one: "Effect", size: float, *, upright: bool = False) -> None:
    marker, face, edge, _ = MARKS[one.verdict]
    mark = (UPRIGHT.get(marker, marker) if upright else marker, face, edge)
    change = np.clip([100 * v for v in (one.found.mean, one.found.low, one.found.high)], -EDGE, EDGE)
    line: dict[str, Any] = {"linewidth": 2.4, "solid_capstyle": "butt"}
    interval_mark(axis, at, change, mark, size=size, upright=upright, **line)


def _finish(
    axis: Axes, effects: Sequence["Effect"], label: str, *, wide: bool = True, upright: bool = False
) -> None:
    """Make the axis of changes: symmetric logarithmic in percent, as wide as the intervals."""
    ends = [100 * v for e in effects for v in (e.found.low, e.found.high, e.found.mean) if np.isfinite(v)]
    low, high = (1.4 * bound for bound in (min([-1.5, *ends]), max([1.5, *ends])))
    low, high = max(low, -150), min(high, 1.4 * EDGE)
    inside = [t for t in TICKS if low <= t <= high]
    if not wide and len(inside) > 4:  # a narrow panel has room for every other label
        inside = [t for t in inside if t in (-100, -1, 0, 10, 1000)]
    labels = [f"{t:+g}".replace("-", "\u2212") if t else "0" for t in inside]
    scale: dict[str, Any] = {"value": "symlog", "linthresh": LINEAR, "linscale": 0.6}
    if upright:
        axis.set_yscale(**scale)
        axis.set_ylim(low, high)
        axis.axhline(0, color="black", linewidth=1)
    else:
        axis.set_xscale(**scale)
        axis.set(xlim=(low, high), xlabel=label)
        axis.axvline(0, color="black", linewidth=1)
    changes = axis.yaxis if upright else axis.xaxis
    changes.set_major_locator(FixedLocator(inside))
    changes.set_minor_locator(NullLocator())
    changes.set_ticklabels(labels)


def _legend(figure: Figure, effects: Iterable["Effect"], *, upright: bool = False) -> None:
    drawn, marks = {e.verdict for e in effects}, []
    for marker, face, edge, label in (mark for verdict, mark in MARKS.items() if verdict in drawn):
        look: dict[str, Any] = {"color": edge, "markerfacecolor": face, "linewidth": 2.4, "markersize": 9}
        look |= {"marker": UPRIGHT.get(marker, marker) if upright else marker, "label": label}
        marks.append(Line2D([], [], **look))
    figure.legend(handles=marks, loc="outside upper center", ncols=len(marks), frameon=False)
