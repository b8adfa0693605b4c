"""Diagrams beside the training curves: functions, landscapes with paths, exits, fits, forecasts, digits,
libraries beside each other."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from qbp.book.figures.style import LABELS, MARKERS, PEERS, PLAIN, STYLES, add_legend, drawing, log_axis
from qbp.statistics.intervals import numbers

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from qbp.experiments.result import Result
    from qbp.perceptrons.datasets import Dataset

# What a library needs: a column of the table of timings, and its unit.
QUANTITIES = {
    "time of a call": ("seconds", "s"),
    "first call": ("compile_seconds", "s, compilation included"),
    "memory": ("memory_mb", "MB above the imports"),
}


def trained(result: "Result") -> "torch.Tensor":
    """Return the parameters of all runs, float64 on the CPU, (runs, n_params).

    Raises:
        ValueError: the result has none, since it was read from a table.
    """
    if result.theta is None:
        raise ValueError("result must have its parameters, but a table stores none: train it with qbp.run")
    return result.theta.detach().cpu().double()


def fits(results: Mapping[str, "Result"], data: "Dataset", model: Callable) -> Figure:
    """Draw the curve y = x**2, its training points and what each method's first run has learned."""
    import torch

    x = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    with drawing(8, 4.2) as (figure, axis):
        axis.plot(x, x**2, color="0.6", linewidth=5, alpha=0.5, label="y = x²")
        for method, result in results.items():
            color, dash = STYLES[method]
            learned = model(trained(result)[0], x)
            axis.plot(x, learned, color=color, linestyle=dash, label=method)
        axis.plot(
            data.x[data.train], data.y[data.train], "ko", markersize=7, label="training points", zorder=5
        )
        axis.set(xlabel="x (dimensionless)", ylabel="y (dimensionless)")
        add_legend(figure, axis, columns=3)
    return figure


def lines(
    panels: Mapping[str, Mapping[str, np.ndarray]],
    x: np.ndarray,
    *,
    xlabel: str,
    ylabel: str,
    points: tuple[np.ndarray, np.ndarray] | None = None,
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Draw functions of one variable, a panel each with a shared vertical axis.

    Args:
        panels: title -> {label: values (points,)}; a label that names a method has its style, the others have
            the same style in every panel.
        x: (points,), the same for all.
        xlabel, ylabel: with the unit.
        points: data (x, y), drawn as dots in every panel.
        ylim: limits of the vertical axis, where the panels of several figures are compared.
    """
    others = [name for name in dict.fromkeys(k for p in panels.values() for k in p) if name not in STYLES]
    styles = STYLES | {name: PLAIN[i % len(PLAIN)] for i, name in enumerate(others)}
    width = 1.6 + (3.9 if len(panels) > 1 else 5.6) * len(panels)
    with drawing(width, 3.9, len(panels), sharey=True) as (figure, axes):
        handles = {}
        for axis, (title, functions) in zip(axes, panels.items(), strict=True):
            for label, values in functions.items():
                color, dash = styles[label]
                look = {"color": color, "linestyle": dash, "label": label}
                (handles[label],) = axis.plot(numbers(x), numbers(values), **look)
            if points is not None:
                (handles["data"],) = axis.plot(*points, "ko", markersize=6, label="data", zorder=5)
            axis.set(xlabel=xlabel, ylabel=ylabel, title=title)
            axis.yaxis.set_tick_params(labelleft=True)
        if ylim is not None:
            axes[0].set_ylim(ylim)
        add_legend(figure, handles, columns=3 if len(panels) == 1 else 4)
    return figure


def exits(
    histories: Mapping[str, np.ndarray],
    steps: Mapping[str, Mapping[str, float]],
    thresholds: Mapping[str, float],
) -> Figure:
    """Draw recorded gradient norms with the step at which each rule of eq. 3 ends Stage 1.

    Args:
        histories: title -> norms at steps 0, 1, ..., (steps,).
        steps: title -> {rule: exit step}; infinity is not drawn.
        thresholds: title -> tau_g, a dashed line.
    """
    width = 1.2 + (3.3 if len(histories) > 1 else 6) * len(histories)
    with drawing(width, 4.2, len(histories)) as (figure, axes):
        handles = {}
        for axis, (title, norms) in zip(axes, histories.items(), strict=True):
            axis.plot(norms, color="0.45", linewidth=1.8)
            handles["τ_g"] = axis.axhline(thresholds[title], color=PLAIN[1][0], linestyle=PLAIN[1][1])
            for (rule, step), (marker, size) in zip(steps[title].items(), MARKERS, strict=False):
                at = [int(step)] if np.isfinite(step) else []
                look: dict[str, Any] = {"markersize": size, "zorder": 4, "clip_on": False, "label": rule}
                look |= {"markerfacecolor": "none" if marker in "^D" else "black", "markeredgecolor": "black"}
                (handles[rule],) = axis.plot(at, norms[at], marker, **look)
                handles[rule].set_in_layout(bool(at))  # a marker that is nowhere would count as at 0, 0
            log_axis(axis)
            axis.set(xlabel="step of Stage 1", ylabel="norm / dim (per unit of θ)", title=title)
        add_legend(figure, handles, columns=3)
    return figure


def forecasts(
    results: Mapping[str, "Result"], data: "Dataset", model: Callable, *, length: int = 256
) -> Figure:
    """Draw the end of a series' validation part and what each method's first run forecasts for it.

    Args:
        results: {method: Result} with theta.
        data: windows and targets in the order of time.
        model: (theta, windows) -> forecasts.
        length: how many steps to show.
    """
    time = data.val[-length:]
    with drawing(8, 3.9) as (figure, axis):
        axis.plot(time, data.y[time, 0], color="0.6", linewidth=5, alpha=0.5, label="series")
        for method, result in results.items():
            color, dash = STYLES[method]
            forecast = model(trained(result)[0], data.x[time])[:, 0]
            axis.plot(time, forecast, color=color, linestyle=dash, label=method)
        axis.set(xlabel="time step", ylabel="signal (standard deviations)")
        add_legend(figure, axis)
    return figure


def seed_by_seed(a: "Result", b: "Result", metric: str, *, step: int, unit: str) -> Figure:
    """Draw one point per seed: the metric of `a` against that of `b` at one recorded step; below the
    diagonal `a` is lower.

    Both axes have the same span, logarithmic where the values differ by more than a factor of four.

    Raises:
        ValueError: `step` is not recorded.
    """
    if step not in (known := [int(s) for s in a.step]):
        raise ValueError(f"step must be among the recorded {known}, got {step}")
    y, x = (np.asarray(result.history[metric])[:, known.index(step)] for result in (a, b))
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    scale = "log" if high > 4 * low else "linear"
    margin = 0.1 * (high - low)
    span = (low / 1.3, high * 1.3) if scale == "log" else (low - margin, high + margin)
    says = f"{LABELS.get(metric, metric)} ({unit})"
    with drawing(5.4, 5) as (figure, axis):
        axis.plot(span, span, color="0.6", linewidth=1)
        axis.plot(x, y, "o", color=STYLES[a.config.method][0], markersize=6, alpha=0.7)
        axis.set(xscale=scale, yscale=scale, xlim=span, ylim=span, aspect="equal")
        axis.set(xlabel=f"{b.config.method}: {says}", ylabel=f"{a.config.method}: {says}")
        for side in (axis.xaxis, axis.yaxis):
            side.set_minor_formatter(NullFormatter())
            if scale == "linear":
                side.set_major_locator(MaxNLocator(4))
        axis.set_title(f"step {step}: {a.config.method} lower on {(y < x).sum()} of {len(x)} seeds")
    return figure


def of_a_family(table: "pd.DataFrame", family: str, quantity: str) -> Figure:
    """Draw what every library needs for each workload of a family: a row a workload, a mark a library.

    Args:
        table: from :func:`qbp.book.benchmarks.load`.
        family: of its workloads, as "W1".
        quantity: of `QUANTITIES`.  A library without a time in a row's own precision is shown in the other,
            hollow.  Beside times stands the least that the machine allows.
    """
    column, unit = QUANTITIES[quantity]
    part = table[table["family"] == family]
    workloads = [*part["workload"].unique()][::-1]
    timed = part[part["status"] == "ok"].sort_values("main", ascending=False, kind="stable")
    timed = timed.drop_duplicates(["workload", "peer"])
    with drawing(6.6, 1.9 + 0.42 * len(workloads), font=12) as (figure, axis):
        for peer in (name for name in PEERS if name in set(timed["peer"])):
            rows = timed[timed["peer"] == peer]
            faces = [PEERS[peer][0] if main else "white" for main in rows["main"]]
            mark = "D" if peer == "qbp" else "s" if peer.startswith("qbp") else "o"
            look: Any = {"marker": mark, "color": faces, "edgecolors": PEERS[peer][0], "linewidths": 1.3}
            axis.scatter(
                rows[column], rows["workload"].map(workloads.index), s=46, label=peer, zorder=3, **look
            )
        if column == "seconds":
            limit = part[part["main"]].drop_duplicates("workload")
            look = {"marker": "|", "color": PEERS["limit"][0], "s": 150}
            axis.scatter(
                limit["limit_seconds"], limit["workload"].map(workloads.index), label="limit", **look
            )
        axis.set(xscale="log", xlabel=f"{quantity} ({unit})", ylim=(-0.6, len(workloads) - 0.4))
        axis.set_yticks(range(len(workloads)), workloads)
        add_legend(figure, axis, columns=3)
    return figure


def digits(data: "Dataset", per_class: int = 4) -> Figure:
    """Show the first training digits of each class."""
    with drawing(8, 0.8 * per_class, 10, per_class) as (figure, axes):
        labels = data.y[data.train]
        for digit in range(10):
            shown = data.train[labels == digit][:per_class]
            for axis, index in zip(axes[:, digit], shown, strict=True):
                axis.imshow(data.x[index].reshape(28, 28).numpy(), cmap="gray_r")
                axis.set_axis_off()
    return figure


def landscapes(
    maps: Mapping[str, np.ndarray],
    angles: np.ndarray,
    paths: Mapping[str, np.ndarray],
    *,
    switch: int | None = None,
) -> Figure:
    """Draw losses over two angles as contours, a panel each, with optimization paths on them.

    Args:
        maps: title -> loss (points, points), the second angle along the rows.
        angles: in radians, (points,), the same for both axes.
        paths: method -> angles in radians, (steps, 2); a circle at the start, a star at the end.
        switch: step at which the first path enters Stage 2, marked with a diamond.
    """
    low, high = float(angles[0]), float(angles[-1])
    with drawing(0.6 + 4.6 * len(maps), 4.4, len(maps), grid=False) as (figure, axes):
        for axis, (title, values) in zip(axes, maps.items(), strict=True):
            filled = axis.contourf(angles, angles, values, levels=8, cmap="Greys")
            figure.colorbar(filled, ax=axis, label="loss (dimensionless)", format="%.1f")
            for number, (label, path) in enumerate(paths.items()):
                color, dash = STYLES[label]
                mark = {"color": color, "markeredgecolor": "white", "linestyle": "none", "zorder": 4 - number}
                axis.plot(*path.T, color="white", linewidth=5)
                axis.plot(*path.T, color=color, linestyle=dash, linewidth=2.6, label=label)
                axis.plot(*path[0], "o", markersize=10, **mark)
                axis.plot(*path[-1], "*", markersize=19, **mark)
                if switch is not None and number == 0:
                    axis.plot(*path[switch], "D", markersize=9, **mark)
            axis.set(xlabel="angle θ₀ (radians)", ylabel="angle θ₁ (radians)", title=title)
            axis.set(xlim=(low, high), ylim=(low, high))
        add_legend(figure, axes[0])
    return figure
