"""Trained circuits -> Figure: errors against cost, what Stage 1 gains, signal and noise under shots.

Draws and labels; every number comes from results, :mod:`qbp.statistics.gains` or `statistics`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from qbp.book.figures.style import STYLES, add_legend, draw_band, drawing, interval_mark

if TYPE_CHECKING:
    from qbp.experiments.result import Result
    from qbp.statistics.gains import Gain
    from qbp.statistics.hypothesis_tests import Comparison

UNITS = {"tfim": "energy", "heisenberg": "energy", "maxcut": "edges"}
LOOKS = {  # rows of the studies: the colour and dash of the method, thinner or dotted where it is varied
    "no-init": (*STYLES["no-init"], 2.2),
    "no-init, longer": (*STYLES["no-init"], 1.1),
    "two-stage": (*STYLES["two-stage"], 2.2),
    "two-stage, Z": (STYLES["two-stage"][0], (0, (1, 1)), 1.8),
    "Stage 1 only": (STYLES["two-stage"][0], (0, (5, 1.5)), 1.2),
}
MARKS = {"two-stage": ("o", "#0072B2"), "two-stage, Z": ("o", "white"), "Stage 1 only": ("s", "white")}
LOWEST = 1e-4  # a factor below this is drawn here


def against_evaluations(studies: Mapping[str, Mapping[str, "Result"]], columns: int = 3) -> Figure:
    """Draw the error against circuit evaluations, mean over seeds and 95 % bootstrap band, a panel per task.

    Args:
        studies: {task: {label of LOOKS: Result}}.
        columns: panels beside each other.
    """
    across, down = min(columns, len(studies)), -(-len(studies) // columns)
    with drawing(4.1 * across, 0.7 + 3.1 * down, across, down) as (figure, axes):
        for axis, (task, results) in zip(axes.flat, studies.items(), strict=False):
            for label, result in results.items():
                _band(axis, label, result.history["evaluations"].mean(0) / 1000, result.history["error"])
            unit = UNITS.get(task.split(",")[0])
            axis.set(title=task, yscale="log", ylabel=f"error ({unit})" if unit else "infidelity")
            axis.set_xlabel("evaluations (thousands)")
        for axis in axes.flat[len(studies) :]:
            axis.set_axis_off()
        add_legend(figure, axes[0, 0], columns=5)
    return figure


def forest(gains: Iterable["Gain"]) -> Figure:
    """Draw by which factor the mean final error changes with Stage 1, at equal steps and at equal cost.

    Args:
        gains: of any tasks; the rows of one task stand together.
    """
    gains = list(gains)
    tasks = list(dict.fromkeys(one.task for one in gains))
    shown = sorted(gains, key=lambda one: tasks.index(one.task))
    with drawing(11, 1.3 + 0.3 * len(shown), 2, sharex=True, sharey=True) as (figure, axes):
        for axis, what in zip(axes, ("steps", "cost"), strict=True):
            for height, one in enumerate(shown[::-1]):
                _interval(axis, height, getattr(one, what), one.label)
            axis.set(xscale="log", title=f"equal {'steps' if what == 'steps' else 'evaluations'}")
            axis.set_xlabel("mean error with Stage 1 / without")
            axis.axvline(1, color="black", linewidth=1)
            axis.xaxis.set_minor_formatter(NullFormatter())
        axes[0].set_yticks(range(len(shown)), [f"{g.task}: {g.label}" for g in shown[::-1]])
        axes[0].margins(y=0.02)
    return figure


def gain_against_information(gains: Sequence["Gain"]) -> Figure:
    """Draw the factor in the mean final error at equal steps against what the targets b_i know."""
    with drawing(7.4, 4.2) as (figure, axis):
        for one in gains:
            _interval(axis, one.information, one.steps, one.label, upright=True)
            high = 1 + one.steps.high if np.isfinite(one.steps.high) else 1 + one.steps.mean
            above = {"xytext": (0, 4), "textcoords": "offset points", "ha": "center", "fontsize": 9}
            axis.annotate(one.task, (one.information, max(high, LOWEST)), **above)
        axis.axhline(1, color="black", linewidth=1)
        axis.set(yscale="log", xlim=(-0.03, 1.06), ylabel="mean error with Stage 1 / without")
        axis.set_xlabel("information in the local targets (mean squared Bloch length)")
        axis.margins(y=0.15)
    return figure


def with_shots(results: Mapping[int, Mapping[str, "Result"]]) -> Figure:
    """Draw error and signal-to-noise ratio of the task's gradient against the step, a column per number of
    shots.

    Args:
        results: {shots: {method: Result}}.
    """
    shared: dict[str, Any] = {"sharex": True, "sharey": "row"}
    with drawing(0.6 + 3.9 * len(results), 5.6, len(results), 2, **shared) as (figure, axes):
        for (top, bottom), (shots, methods) in zip(axes.T, results.items(), strict=True):
            for label, result in methods.items():
                _band(top, label, result.step, result.history["error"])
                _band(bottom, label, result.step, result.history["snr"])
            bottom.axhline(1, color="black", linewidth=1)
            top.set(title=f"{shots:,} shots", yscale="log")
            bottom.set(xlabel="training step", yscale="log")
            bottom.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            bottom.yaxis.set_major_formatter("{x:g}")
            bottom.yaxis.set_minor_formatter(NullFormatter())
        axes[0, 0].set_ylabel("exact error")
        axes[1, 0].set_ylabel("signal / noise of the gradient")
        add_legend(figure, axes[0, 0])
    return figure


def _band(axis: Axes, label: str, x: np.ndarray, values: np.ndarray) -> None:
    """Draw the mean and the bootstrap band of the mean in the look of a row."""
    color, dash, width = LOOKS[label]
    draw_band(axis, x, values, (color, dash), 0.13, linewidth=width, label=label)


def _interval(axis: Axes, at: float, change: "Comparison", label: str, *, upright: bool = False) -> None:
    """Draw a relative change and its interval as factors; without an end there is no line."""
    ends = (1 + np.array([change.mean, change.low, change.high])).clip(min=LOWEST)
    mark = (*MARKS[label], STYLES["two-stage"][0])
    interval_mark(axis, at, ends, mark, size=8, upright=upright, linewidth=2)
