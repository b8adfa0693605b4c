"""Figures of the later notebooks' circuits: the regression, and the clones of BB84's states."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter

from qbp.book.figures.diagrams import lines, trained
from qbp.book.figures.style import STYLES, add_legend, draw_band, drawing, interval_bars, log_axis
from qbp.experiments.regressor import after_channels, regression_data, target
from qbp.perceptrons.mlp import mean_squared_error
from qbp.statistics.intervals import bootstrap_interval

if TYPE_CHECKING:
    from qbp.experiments.result import Result

CONTROL = "0.45"  # the colour of what is no method of the paper
CLONERS = {"convex": "#009E73", "as released": "#CC79A7", "one ridge step": "#999933"}  # beside the methods
AXES: dict[str, Any] = {"xlabel": "x (radians)", "ylabel": "output (dimensionless)"}  # of outputs


def every_run(
    found: Mapping[str, "Result"],
    metric: str = "val_loss",
    *,
    reported: Mapping[str, float] | None = None,
    limit: float | None = None,
    xlabel: str = "test error (MSE)",
) -> Figure:
    """Draw where each run ends, a strip per arm, with the mean and its 95 % interval.

    Args:
        found: {label: Result}, the first on top.
        metric: name in the histories.
        reported: {label: one reported value}, drawn as a hollow diamond.
        limit: a value drawn as a line through all strips: the least error of any bounded output.
        xlabel: with the unit.
    """
    hollow: dict[str, Any] = {
        "marker": "D",
        "color": "black",
        "markerfacecolor": "white",
        "markersize": 9,
        "linestyle": "none",
    }
    handles: dict[str, Artist] = {
        "a run": Line2D([], [], marker="o", color="0.3", linewidth=0, markersize=4),
        "mean and 95 % interval": Line2D([], [], marker="|", color="black", linewidth=3, markersize=11),
    }
    with drawing(9.2, 1.7 + 0.72 * len(found)) as (figure, axis):
        for at, (label, result) in enumerate(found.items()):
            values = np.sort(result.final(metric))
            color = STYLES.get(result.config.method, (CONTROL, "-"))[0]
            axis.plot(values, at + _heights(values), "o", color=color, markersize=4, alpha=0.55, linewidth=0)
            mean = bootstrap_interval(values)
            axis.plot([mean.low, mean.high], [at + 0.4] * 2, color="black", linewidth=3)
            axis.plot(mean.mean, at + 0.4, "k|", markersize=11)
            if reported and label in reported:
                axis.plot(reported[label], at, **hollow)
        if reported:
            handles["reported, one run"] = Line2D([], [], **hollow)
        if limit is not None:
            handles["least for |f| ≤ 1"] = axis.axvline(limit, color="black", linewidth=1.2, linestyle=":")
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_yticks(range(len(found)), list(found))
        axis.set(ylim=(len(found) - 0.4, -0.5), xlabel=xlabel)
        axis.grid(axis="y", visible=False)
        add_legend(figure, handles, columns=2)
    return figure


def against_depth(panels: Mapping[str, Mapping[tuple[str, int], "Result"]]) -> Figure:
    """Draw training and test error against the number of layers, mean and 95 % interval over runs.

    Args:
        panels: {title: {(method, layers): Result}}, as from
            :func:`qbp.studies.regression_studies.load_depths`.
    """
    handles: dict[str, Any] = {}
    with drawing(0.6 + 4.4 * len(panels), 4.1, len(panels)) as (figure, axes):
        for axis, (title, found) in zip(axes, panels.items(), strict=True):
            for side, method in enumerate(dict.fromkeys(m for m, _ in found)):
                color, dash = STYLES[method]
                layers = sorted(n for m, n in found if m == method)
                test, training = {"markerfacecolor": color}, {"markerfacecolor": "white", "linestyle": "none"}
                for part, metric, look in (("test", "val_loss", test), ("training", "train_loss", training)):
                    means = [bootstrap_interval(found[method, n].final(metric)) for n in layers]
                    x = np.array(layers) + 0.12 * (2 * side - 1) + 0.04 * (part == "training")
                    look = {"color": color, "linestyle": dash, "marker": "o", "linewidth": 1.8} | look
                    handles[f"{method}, {part}"] = interval_bars(axis, x, means, capsize=3, **look)
            log_axis(axis)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.set(title=title, xlabel="layers", ylabel="error (MSE)")
        add_legend(figure, handles, columns=2)
    return figure


def learned(panels: Mapping[str, Mapping[str, "Result"]]) -> Figure:
    """Draw the target and what each method has learned, the mean output over its runs, a panel per title.

    Args:
        panels: {title: {method: Result}}, with theta.
    """
    x, shown = _grid(), {}
    for title, found in panels.items():
        shown[title] = {"target": target(x)[:, 0].numpy()}
        for method, result in found.items():
            output = result.config.model(trained(result), x)
            shown[title][method] = output[..., 0].mean(0).numpy()
    return lines(shown, x[:, 0].numpy(), **AXES)


def cloned(
    found: Mapping[str, Mapping[int, "Result"]],
    ceiling: float,
    *,
    reported: Mapping[str, Mapping[int, float]] | None = None,
    metric: str = "fidelity",
) -> Figure:
    """Draw the mean fidelity of both clones after the last step against the number of layers.

    Args:
        found: {row: {layers: Result}}; each run is a dot, and a line goes through the means of a row that
            has every depth, a bar through those of others.
        ceiling: of every cloner, a dotted line.
        reported: {row: {layers: stored value}}, drawn as hollow diamonds.
        metric: name in the histories.
    """
    handles: dict[str, Any] = {}
    with drawing(9.2, 5.0) as (figure, axis):
        for side, (row, at) in enumerate(found.items()):
            color, dash = STYLES.get(row, (CLONERS.get(row, CONTROL), "-"))
            shift = 0.13 * (side - (len(found) - 1) / 2)
            x = np.array(list(at)) + shift
            for here, result in zip(x, at.values(), strict=True):
                ends = result.final(metric)
                axis.plot(np.full(len(ends), here), ends, "o", color=color, markersize=3, alpha=0.45)
            means = [float(result.final(metric).mean()) for result in at.values()]
            joins: Any = dash if len(at) == max(at) else "none"  # a line joins depths that are neighbours
            look: dict[str, Any] = {"color": color, "linestyle": joins, "linewidth": 1.6}
            look |= {} if joins == dash else {"marker": "_", "markersize": 16, "markeredgewidth": 2.4}
            handles[row] = axis.plot(x, means, **look)[0]
            if reported and row in reported:
                stored = [reported[row][layers] for layers in at]
                look = {"markerfacecolor": "white", "markersize": 8, "linestyle": "none"}
                axis.plot(x, stored, "D", color=color, zorder=3, **look)
                handles["stored, one run"] = Line2D([], [], marker="D", color="black", **look)
        handles["ceiling"] = axis.axhline(ceiling, color="black", linewidth=1.2, linestyle=":")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set(xlabel="layers", ylabel="mean fidelity of both clones")
        add_legend(figure, handles, columns=3)
    return figure


def cloning_curves(found: Mapping[str, "Result"], ceiling: float) -> Figure:
    """Draw the mean fidelity of both clones against the step, mean and 95 % band over runs.

    Args:
        found: {row: Result}.
        ceiling: of every cloner, a dotted line.
    """
    handles: dict[str, Any] = {}
    with drawing(8.4, 4.4) as (figure, axis):
        for row, result in found.items():
            look = STYLES.get(row, (CLONERS.get(row, CONTROL), "-"))
            handles[row] = draw_band(axis, result.step, result.history["fidelity"], look)
        handles["ceiling"] = axis.axhline(ceiling, color="black", linewidth=1.2, linestyle=":")
        axis.set(xlabel="step", ylabel="mean fidelity of both clones", ylim=(0.45, 0.88))
        add_legend(figure, handles, columns=3)
    return figure


def behind_channels(result: "Result", depolarizing: float, damping: float) -> Figure:
    """Draw the first run's output as it is and behind both channels, with its error on the test points.

    Args:
        result: of a circuit, with theta.
        depolarizing, damping: see :func:`qbp.experiments.regressor.after_channels`.
    """
    model, theta, x = result.config.model, trained(result)[0], _grid()
    data = regression_data(result.config.data_seed)

    def noisy(where: torch.Tensor) -> torch.Tensor:
        return model.scaled(theta, after_channels(model.readout(theta, where), depolarizing, damping))

    error = mean_squared_error(noisy(data.x[data.val]), data.y[data.val])
    shown = {"target": target(x), "exact": model(theta, x), "behind the channels": noisy(x)}
    panel = {f"test error {float(error):.3f} (MSE)": {name: y[:, 0].numpy() for name, y in shown.items()}}
    return lines(panel, x[:, 0].numpy(), **AXES, ylim=(-1.7, 1.7))


def _grid() -> torch.Tensor:
    return torch.linspace(-torch.pi, torch.pi, 81, dtype=torch.float64)[:, None]


def _heights(values: np.ndarray) -> np.ndarray:
    """Spread dots that would cover each other: as a fixed zigzag of the sorted values."""
    return 0.07 * (np.arange(len(values)) * 2 % 5 - 2)
