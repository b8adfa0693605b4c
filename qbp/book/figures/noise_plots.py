"""Figures of gradients under noise: against the number of layers, and layer by layer."""

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qbp.book.figures.style import PLAIN, STYLE, add_legend, log_axis
from qbp.studies.noise_depth import typical

if TYPE_CHECKING:
    from qbp.statistics.intervals import Interval

MARKERS = "os^Dv"
DASHES = ["-", (0, (4, 2)), (0, (1, 1.5))]  # of what is computed, not measured


def against_depth(
    points: Mapping[str, Mapping[int, "Interval"]],
    lines: Mapping[str, Mapping[int, float]],
    label: str,
    *,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw measured means with their intervals against the number of layers, and lines that were computed.

    Args:
        points: {label: {n_layers: mean and interval}}.
        lines: {label: {n_layers: value}}; one with the label of points takes their colour and no place in
            the legend, the others are grey; without points they have colours of their own.
        label: of the vertical axis, with its unit.
        limits: of the vertical axis; None fits it to the data.
    """
    with plt.rc_context(STYLE):
        figure, axis = plt.subplots(figsize=(7.2, 4.4))
        for (name, own), (color, dash), marker in zip(points.items(), PLAIN, MARKERS, strict=False):
            _bars(axis, np.array([*own]), [*own.values()], color, marker, name)
            if name in lines:
                axis.plot([*lines[name]], [*lines[name].values()], color=color, linestyle=dash, linewidth=1.6)
        others = {name: line for name, line in lines.items() if name not in points}
        looks = cycle(("0.55", dash) for dash in DASHES) if points else cycle(PLAIN)
        for (name, line), (color, dash) in zip(others.items(), looks, strict=False):
            axis.plot([*line], [*line.values()], color=color, linestyle=dash, linewidth=1.6, label=name)
        axis.set(xlabel="number of layers (dimensionless)", ylabel=label)
        if limits:
            axis.set_ylim(limits)
        log_axis(axis)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        add_legend(figure, axis, columns=2)
        plt.close(figure)
    return figure


def by_layer(panels: Mapping[str, Mapping[str, np.ndarray]], label: str) -> Figure:
    """Draw the typical gradient of each layer of a circuit, one panel per number of layers or noise.

    Args:
        panels: {title: {label: gradients, (samples, n_layers, angles of a layer)}}.
        label: of the vertical axis, with its unit.
    """
    with plt.rc_context(STYLE):
        size = (0.8 + 4.2 * len(panels), 4.2)
        figure, axes = plt.subplots(1, len(panels), figsize=size, squeeze=False, sharey=True)
        for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
            for (name, own), (color, _), marker in zip(curves.items(), PLAIN, MARKERS, strict=False):
                found = [typical(own[:, layer]) for layer in range(own.shape[1])]
                _bars(axis, np.arange(1, own.shape[1] + 1), found, color, marker, name)
            axis.set(xlabel="layer of the angle, from start to measurement", title=title)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        log_axis(axes[0, 0])
        axes[0, 0].set_ylabel(label)
        add_legend(figure, axes[0, 0], columns=3)
        plt.close(figure)
    return figure


def _bars(axis: Axes, x: np.ndarray, found: list["Interval"], color: str, marker: str, name: str) -> None:
    mean, low, high = (np.array([getattr(v, part) for v in found]) for part in ("mean", "low", "high"))
    bars = np.nan_to_num(np.stack([mean - low, high - mean])).clip(min=0)
    axis.errorbar(
        x, mean, bars, fmt=marker, color=color, markersize=6, capsize=3, linewidth=1.4, label=name, zorder=3
    )
