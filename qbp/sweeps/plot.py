"""Figure of a sweep: each number against the parameter with most values, a line for each other choice."""

from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from qbp._files import printable
from qbp.book.figures.style import PLAIN, POINTS, add_legend, drawing, interval_bars
from qbp.statistics.intervals import Interval, bootstrap_interval
from qbp.sweeps.collect import Collected

if TYPE_CHECKING:
    import pandas as pd

PANELS, LINES, LONGEST = 6, 12, 80  # that are drawn, and letters of a text; --metrics chooses
REPLICATE = "seed"  # a parameter over which a mean is taken


def save(collected: Collected | None, path: Path) -> None:
    """Write :func:`figure` into a file; of nothing, only look whether that can be done.

    Raises:
        ValueError: `path` is no .svg or .png file in a folder that exists; or as of :func:`figure`.
    """
    if path.suffix not in (".svg", ".png") or path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"--plot must be a .svg or .png file in a folder that exists, got {str(path)!r}")
    if collected is not None:
        figure(collected).savefig(path)


def figure(collected: Collected) -> Figure:
    """Draw the numbers of a sweep, each in a panel; bars are 95 % bootstrap intervals over seeds.

    Args:
        collected: rows of one chapter or more.

    Raises:
        ValueError: no number differs between the runs.
    """
    axis = _axis(collected)
    data = collected.table[np.isfinite(collected.table["value"])]
    data = data.assign(of=data["source"] + ": " + data["metric"])
    spread = data.groupby("of", sort=False)["value"].agg(["min", "max"])
    shown = [name for name, (low, high) in spread.iterrows() if high > low][:PANELS]
    if not shown:
        raise ValueError("--plot needs a number that differs between the runs, and there is none")
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    with drawing(4.4 * columns, 3.4 * rows + 0.5, columns, rows, font=10) as (drawn, axes):
        for panel, name in zip(axes.flat, shown, strict=False):
            _panel(panel, collected, data[data["of"] == name], axis)
            panel.set(xlabel=literal(axis), ylabel=_unit(literal(name), data[data["of"] == name]))
        for panel in axes.flat[len(shown) :]:
            panel.set_visible(False)
        if axes.flat[0].get_legend_handles_labels()[1]:
            add_legend(drawn, axes.flat[0])
    return drawn


def cost(runs: int, starting: float, cores: int, most: int = 16) -> Figure:
    """Draw how many times as fast a sweep is on more workers, where runs that share a core take longer.

    Args:
        runs: how many there are.
        starting: time that scheduler and workers take to start, in units of a run.
        cores: of the machine; more workers than these share them.
        most: workers, from 1 on.
    """
    workers = np.arange(1, most + 1)
    times = starting + np.ceil(runs / workers) * np.maximum(np.minimum(workers, runs) / cores, 1)
    with drawing(5.6, 3.6) as (drawn, axis):
        axis.plot(
            workers, np.minimum(workers, cores), color="0.55", linestyle=(0, (5, 1.5)), label="nothing lost"
        )
        axis.plot(workers, times[0] / times, color="black", marker="o", label="this sweep")
        axis.set(xlabel="workers", ylabel="times as fast as one", xticks=workers[1::2], ylim=(0, None))
        add_legend(drawn, axis)
    return drawn


def _axis(collected: Collected) -> str:
    """Return the parameter across the page: of numbers the one with most values, else any, but no seed."""
    runs = collected.parameters.values()
    names = [n for n in collected.varied if n != REPLICATE] or [*collected.varied, REPLICATE]
    return max(names, key=lambda n: (_numeric(collected, n), len({str(p.get(n)) for p in runs})))


def _numeric(collected: Collected, name: str) -> bool:
    values = [p.get(name) for p in collected.parameters.values()]
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _panel(panel: Any, collected: Collected, data: "pd.DataFrame", axis: str) -> None:
    others = [n for n in collected.varied if n not in (axis, REPLICATE)]
    lines = dict[str, dict[Any, list[float]]]()
    for run, values in data.groupby("run", sort=False)["value"]:
        of = collected.parameters[str(run)]
        label = literal(", ".join(f"{n} = {of.get(n)}" for n in others))
        lines.setdefault(label, {}).setdefault(of.get(axis, 0), []).extend(values)
    for (label, points), (colour, dash), mark in zip([*lines.items()][:LINES], cycle(PLAIN), cycle(POINTS)):
        look = {"color": colour, "linestyle": dash, "marker": mark, "linewidth": 1.5, "capsize": 3}
        x = [value if _numeric(collected, axis) else literal(str(value)) for value in points]
        means = [_mean(np.array(values)) for values in points.values()]
        interval_bars(panel, x, means, **({"label": label} if label else {}), **look)


def literal(text: str) -> str:
    r"""Return a text as a figure shows it: no formula, no control characters, and not too long.

    Example:
        >>> literal("a $x$")
        'a \\$x\\$'
    """
    return printable(text[:LONGEST]).replace("$", r"\$")


def _mean(values: np.ndarray) -> Interval:
    if len(values) == 1:
        return Interval(float(values[0]), float("nan"), float("nan"), 1)
    return bootstrap_interval(values)


def _unit(name: str, data: "pd.DataFrame") -> str:
    percent = data["text"].str.contains(r"^[-+\d.]+ %", regex=True).all()
    return f"{name} (%)" if percent else name
