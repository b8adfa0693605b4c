"""Figures of gradients under noise: against the number of layers, and layer by layer."""

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qbp.book.figures.style import PLAIN, add_legend, drawing, interval_bars, log_axis
from qbp.studies.noise_depth import typical

if TYPE_CHECKING:
    from qbp.statistics.intervals import Interval

MARKERS = "os^Dv"
BARS = {"markersize": 6, "capsize": 3, "linewidth": 1.4, "zorder": 3}
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
    with drawing(7.2, 4.4) as (figure, axis):
        for (name, means), (color, dash), marker in zip(points.items(), PLAIN, MARKERS, strict=False):
            interval_bars(axis, [*means], [*means.values()], fmt=marker, color=color, label=name, **BARS)
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
    return figure


def by_layer(panels: Mapping[str, Mapping[str, np.ndarray]], label: str) -> Figure:
    """Draw the typical gradient of each layer of a circuit, one panel per number of layers or noise.

    Args:
        panels: {title: {label: gradients, (samples, n_layers, angles of a layer)}}.
        label: of the vertical axis, with its unit.
    """
    with drawing(0.8 + 4.2 * len(panels), 4.2, len(panels), sharey=True) as (figure, axes):
        for axis, (title, curves) in zip(axes, panels.items(), strict=True):
            for (name, gradients), (color, _), marker in zip(curves.items(), PLAIN, MARKERS, strict=False):
                layers = range(1, gradients.shape[1] + 1)
                means = [typical(gradients[:, layer - 1]) for layer in layers]
                interval_bars(axis, layers, means, fmt=marker, color=color, label=name, **BARS)
            axis.set(xlabel="layer of the angle, from start to measurement", title=title)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        log_axis(axes[0])
        axes[0].set_ylabel(label)
        add_legend(figure, axes[0], columns=3)
    return figure
