"""Result -> Figure.  Draws and labels; every number comes from the results or from `statistics`."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from qbp.datasets import Dataset
from qbp.experiments import Result
from qbp.statistics import band

# One colour and one dash per method across the book, told apart without colour vision too (Okabe & Ito 2008).
STYLES: dict[str, tuple[str, str]] = {
    "two-stage": ("#0072B2", "-"),
    "two-stage-ridge": ("#CC79A7", (0, (5, 1.5))),
    "no-init": ("#D55E00", (0, (1.2, 1.2))),
    "sellier": ("#009E73", (0, (6, 1.5, 1.2, 1.5))),
}
LABELS = {
    "loss": "the method's own mini-batch loss",
    "train_loss": "training loss",
    "val_loss": "validation loss",
    "accuracy": "validation accuracy",
    "grad_norm": "gradient norm per parameter",
    "task_grad_var": "variance of gradient components",
}
# What is no method: a loss, a term of one, a rule.  None of these colours or markers means a method.
PLAIN = [
    ("black", "-"),
    ("#56B4E9", (0, (5, 1.5))),
    ("#E69F00", (0, (1.2, 1.2))),
    ("0.55", (0, (6, 1.5, 1.2, 1.5))),
]
MARKERS = [("s", 9), ("o", 9), ("^", 15), ("D", 20)]  # the last two are drawn hollow, around another
UNITS = {"curve": "MSE", "telecom": "MSE", "mnist": "nats"}  # of each experiment's task loss
STYLE = {
    "font.size": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "lines.linewidth": 2.2,
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
}


def training_curves(
    results: Mapping[str, Result],
    metrics: Sequence[str] = ("train_loss",),
    *,
    unit: str = "",
    log: bool = True,
) -> Figure:
    """Draw metrics against the step: the mean over seeds and the 95 % bootstrap band of the mean, a panel
    per metric.

    Args:
        results: {method: Result}.
        metrics: names in the histories.
        unit: of the losses, for the axis, such as "MSE" or "nats".
        log: logarithmic vertical axis.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(metrics), figsize=(1.2 + 4.1 * len(metrics), 3.9), squeeze=False)
        for axis, metric in zip(axes[0], metrics, strict=True):
            for method, result in results.items():
                _draw_band(axis, method, result.step, result.history[metric])
            if log and metric != "accuracy":
                _log_axis(axis)
            axis.set_xlabel("training step")
            loss_unit = f" ({unit})" if unit and "loss" in metric else ""
            axis.set_ylabel(LABELS.get(metric, metric) + loss_unit)
        _legend(figure, axes[0, 0], columns=4 if len(metrics) > 1 else 2)
        plt.close(figure)
    return figure


def with_late_steps(results: Mapping[str, Result], metric: str, *, unit: str, late: int = 300) -> Figure:
    """Draw a metric on a log axis, and beside it its late steps on a linear one, without runs far above.

    Args:
        results, unit: as in :func:`training_curves`.
        metric: name in the histories.
        late: step at which the enlarged part begins; a method ending above twice the lowest is left out of it.
    """
    lowest = min(result.history[metric][:, -1].mean() for result in results.values())
    with plt.rc_context(STYLE):
        figure, (whole, zoom) = plt.subplots(1, 2, figsize=(9.4, 3.9))
        for method, result in results.items():
            mean, low, high = band(result.history[metric])
            color, dash = STYLES[method]
            for axis, first in ((whole, 0), (zoom, late)):
                shown = (result.step >= first) & (axis is whole or mean[-1] < 2 * lowest)
                axis.fill_between(
                    result.step[shown], low[shown], high[shown], color=color, alpha=0.2, linewidth=0
                )
                axis.plot(result.step[shown], mean[shown], color=color, linestyle=dash, label=method)
        _log_axis(whole)
        for axis, title in ((whole, "all steps, log axis"), (zoom, f"from step {late}, linear axis")):
            axis.set(xlabel="training step", ylabel=f"{LABELS[metric]} ({unit})", title=title)
        _legend(figure, whole)
        plt.close(figure)
    return figure


def plotted_and_true(results: Mapping[str, Result], *, unit: str = "") -> Figure:
    """Draw what the released notebook plots (a panel of the paper's Fig. 1a, Fig. 1b, Fig. 1c) beside the
    training loss of the same models, first seed."""
    with plt.rc_context(STYLE):
        figure, (plotted, true) = plt.subplots(1, 2, figsize=(9.4, 3.9))
        for method, result in results.items():
            color, dash = STYLES[method]
            plotted.plot(result.minibatch_loss[0], color=color, linestyle=dash, label=method)
            true.plot(result.step, result.history["train_loss"][0], color=color, linestyle=dash)
        plotted.set(title="plotted by the released notebook", ylabel="each method's own quantity")
        true.set(title="the same models on the data", ylabel=f"training loss ({unit})")
        for axis in (plotted, true):
            axis.set_xlabel("training step")
            axis.set_ylim(bottom=min(0, axis.get_ylim()[0]))
        _legend(figure, plotted)
        plt.close(figure)
    return figure


def figure_1_released(
    results: Mapping[str, Mapping[str, Result]], inset: tuple[int, int] = (300, 500)
) -> Figure:
    """Draw Figure 1 as the released notebook plots it: each method's own quantity at every step, first run,
    on one axis per experiment, with an inset of the late steps.

    Args:
        results: {experiment: {method: Result}} as released, with mini-batch losses.
        inset: first and last step of the inset.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(results), figsize=(0.5 + 4.3 * len(results), 4.1), squeeze=False)
        for axis, (experiment, methods) in zip(axes[0], results.items(), strict=True):
            zoom = axis.inset_axes((0.36, 0.55, 0.62, 0.36))
            for method, result in methods.items():
                color, dash = STYLES[method]
                loss, late = result.minibatch_loss[0], slice(inset[0], inset[1] + 1)
                axis.plot(loss, color=color, linestyle=dash, linewidth=1.6, label=method)
                zoom.plot(np.arange(len(loss))[late], loss[late], color=color, linestyle=dash, linewidth=1.6)
            top = axis.get_ylim()[1]
            axis.set(
                title=experiment,
                xlabel="training step",
                ylim=(min(-0.03 * top, axis.get_ylim()[0]), 2.3 * top),
            )
            axis.set_ylabel("each method's own quantity")
            zoom.set_title(f"steps {inset[0]}-{inset[1]}", fontsize=10)
            zoom.tick_params(labelsize=9)
        _legend(figure, axes[0, 0])
        plt.close(figure)
    return figure


def figure_1(results: Mapping[str, Mapping[str, Result]], metric: str = "train_loss") -> Figure:
    """Draw Figure 1 so that it can be compared: one metric for all methods on a logarithmic axis, the mean
    over seeds and the 95 % bootstrap band of the mean, a panel per experiment.

    Args:
        results: {experiment: {method: Result}}.
        metric: a loss in the histories.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(results), figsize=(0.5 + 4.3 * len(results), 4.1), squeeze=False)
        for axis, (experiment, methods) in zip(axes[0], results.items(), strict=True):
            for method, result in methods.items():
                _draw_band(axis, method, result.step, result.history[metric])
            _log_axis(axis)
            axis.set(title=experiment, xlabel="training step")
            axis.set_ylabel(f"{LABELS[metric]} ({UNITS[experiment]})")
        _legend(figure, axes[0, 0])
        plt.close(figure)
    return figure


def errors(
    values: Mapping[str, Mapping[str, np.ndarray]],
    step: Sequence[int],
    *,
    references: Mapping[str, Mapping[str, float]] | None = None,
) -> Figure:
    """Draw errors of circuits on a logarithmic axis, mean and 95 % bootstrap band over runs, a panel per
    task.

    Args:
        values: {name of the error with its unit: {method: (runs, records)}}, above 0.
        step: recorded steps, (records,).
        references: {name of the error: {label: value}}, drawn as grey lines.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(values), figsize=(1.2 + 4.1 * len(values), 3.9), squeeze=False)
        for axis, (name, methods) in zip(axes[0], values.items(), strict=True):
            for label, height in (references or {}).get(name, {}).items():
                axis.axhline(height, color="0.45", linewidth=1.2, label=label)
            for method, runs in methods.items():
                _draw_band(axis, method, step, runs)
            _log_axis(axis)
            axis.set(xlabel="training step", ylabel=name)
        _legend(figure, axes[0, 0])
        plt.close(figure)
    return figure


def fits(results: Mapping[str, Result], data: Dataset, model: Callable) -> Figure:
    """Draw the curve y = x**2, its training points and what each method's first run has learned."""
    import torch

    x = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(8, 4.2))
        axis.plot(x, x**2, color="0.6", linewidth=5, alpha=0.5, label="y = x²")
        for method, result in results.items():
            color, dash = STYLES[method]
            axis.plot(
                x, model(result.theta[0].double(), x).detach(), color=color, linestyle=dash, label=method
            )
        axis.plot(
            data.x[data.train], data.y[data.train], "ko", markersize=7, label="training points", zorder=5
        )
        axis.set(xlabel="x (dimensionless)", ylabel="y (dimensionless)")
        _legend(figure, axis, columns=3)
        plt.close(figure)
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
    with plt.rc_context(STYLE):
        size = (1.6 + (3.9 if len(panels) > 1 else 5.6) * len(panels), 3.9)
        figure, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False, sharey=True)
        handles = {}
        for axis, (title, functions) in zip(axes[0], panels.items(), strict=True):
            for label, values in functions.items():
                color, dash = styles[label]
                (handles[label],) = axis.plot(x, values, color=color, linestyle=dash, label=label)
            if points is not None:
                (handles["data"],) = axis.plot(*points, "ko", markersize=6, label="data", zorder=5)
            axis.set(xlabel=xlabel, title=title)
            axis.yaxis.set_tick_params(labelleft=True)
            axis.set_ylabel(ylabel)
        if ylim is not None:
            axes[0, 0].set_ylim(ylim)
        _legend(figure, handles, columns=3 if len(panels) == 1 else 4)
        plt.close(figure)
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
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(histories), figsize=(1.2 + 3.3 * len(histories), 4.2), squeeze=False
        )
        handles = {}
        for axis, (title, norms) in zip(axes[0], histories.items(), strict=True):
            axis.plot(norms, color="0.45", linewidth=1.8)
            tau = axis.axhline(thresholds[title], color="#56B4E9", linestyle=PLAIN[1][1], label="τ_g")
            handles["τ_g"] = tau
            for (rule, step), (marker, size) in zip(steps[title].items(), MARKERS, strict=False):
                at = [int(step)] if np.isfinite(step) else []
                fill = "none" if marker in "^D" else "black"
                look = {
                    "markersize": size,
                    "markerfacecolor": fill,
                    "markeredgecolor": "black",
                    "label": rule,
                }
                (handles[rule],) = axis.plot(at, norms[at], marker, zorder=4, clip_on=False, **look)
            _log_axis(axis)
            axis.set(xlabel="step of Stage 1", ylabel="norm / dim (per unit of θ)", title=title)
        _legend(figure, handles, columns=5 if len(histories) > 1 else 3)
        plt.close(figure)
    return figure


def forecasts(results: Mapping[str, Result], data: Dataset, model: Callable, *, length: int = 256) -> Figure:
    """Draw the end of a series' validation part and what each method's first run forecasts for it.

    Args:
        results: {method: Result} with theta.
        data: windows and targets in the order of time.
        model: (theta, windows) -> forecasts.
        length: how many steps to show.
    """
    time = data.val[-length:]
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(8, 3.9))
        axis.plot(time, data.y[time, 0], color="0.6", linewidth=5, alpha=0.5, label="series")
        for method, result in results.items():
            color, dash = STYLES[method]
            forecast = model(result.theta[0].detach().cpu().double(), data.x[time])[:, 0]
            axis.plot(time, forecast, color=color, linestyle=dash, label=method)
        axis.set(xlabel="time step", ylabel="signal (standard deviations)")
        _legend(figure, axis)
        plt.close(figure)
    return figure


def digits(data: Dataset, per_class: int = 4) -> Figure:
    """Show the first training digits of each class."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(per_class, 10, figsize=(8, 0.8 * per_class))
        labels = data.y[data.train]
        for digit in range(10):
            shown = data.train[labels == digit][:per_class]
            for axis, index in zip(axes[:, digit], shown, strict=True):
                axis.imshow(data.x[index].reshape(28, 28).numpy(), cmap="gray_r")
                axis.set_axis_off()
        plt.close(figure)
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
    with plt.rc_context({**STYLE, "axes.grid": False}):
        figure, axes = plt.subplots(1, len(maps), figsize=(0.6 + 4.6 * len(maps), 4.4), squeeze=False)
        for axis, (title, values) in zip(axes[0], maps.items(), strict=True):
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
            limits = (float(angles[0]), float(angles[-1]))
            axis.set(
                xlabel="angle θ₀ (radians)",
                ylabel="angle θ₁ (radians)",
                title=title,
                xlim=limits,
                ylim=limits,
            )
        _legend(figure, axes[0, 0])
        plt.close(figure)
    return figure


def _draw_band(axis: Axes, method: str, step: Sequence[int], values: np.ndarray) -> None:
    """Draw the mean over seeds and the bootstrap band of the mean, in the method's style."""
    mean, low, high = band(values)
    color, dash = STYLES[method]
    axis.fill_between(step, low, high, color=color, alpha=0.2, linewidth=0)
    axis.plot(step, mean, color=color, linestyle=dash, label=method)


def _log_axis(axis: Axes) -> None:
    """Make the vertical axis logarithmic, with plain numbers at 1, 2 and 5 if it spans under two decades."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.yaxis.set_minor_formatter(NullFormatter())
    if high < 100 * low:
        plain = FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "125" else "")
        axis.yaxis.set_major_formatter(plain)
        axis.yaxis.set_minor_formatter(plain)


def _legend(figure: Figure, source: Axes | Mapping[str, Artist], columns: int = 4) -> None:
    if isinstance(source, Axes):
        source = dict(zip(*reversed(source.get_legend_handles_labels()), strict=True))
    figure.legend(
        source.values(),
        source.keys(),
        loc="outside upper center",
        ncols=columns,
        frameon=False,
        handlelength=2.8,
    )
