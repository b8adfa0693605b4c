"""Gradients under noise as figures: against the number of layers, and layer by layer."""

from collections.abc import Mapping
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qbp.noise_depth import typical
from qbp.statistics import Interval
from qbp.style import PLAIN, STYLE, add_legend, log_axis

MARKERS = "os^Dv"
DASHES = ["-", (0, (4, 2)), (0, (1, 1.5))]  # of what is computed, not measured


def against_depth(
    points: Mapping[str, Mapping[int, Interval]],
    lines: Mapping[str, Mapping[int, float]],
    label: str,
    *,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw measured means with their intervals against the number of layers, and lines that were computed.

    Args:
        points: {label: {n_layers: mean and interval}}.
        lines: {label: {n_layers: value}}; one with the label of points takes their colour and no place in
            the legend, the others are grey.
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
        for (name, line), dash in zip(others.items(), cycle(DASHES)):
            axis.plot([*line], [*line.values()], color="0.55", linestyle=dash, linewidth=1.6, label=name)
        axis.set(xlabel="number of layers (dimensionless)", ylabel=label, ylim=limits)
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
        figure, axes = plt.subplots(1, len(panels), figsize=(0.8 + 4.2 * len(panels), 4.2), squeeze=False)
        for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
            for (name, own), (color, _), marker in zip(curves.items(), PLAIN, MARKERS, strict=False):
                found = [typical(own[:, layer]) for layer in range(own.shape[1])]
                _bars(axis, np.arange(1, own.shape[1] + 1), found, color, marker, name)
            log_axis(axis)
            axis.set(xlabel="layer of the angle, the last one measured", title=title)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        low = min(axis.get_ylim()[0] for axis in axes[0])
        high = max(axis.get_ylim()[1] for axis in axes[0])
        for axis in axes[0]:
            axis.set_ylim(low, high)
        axes[0, 0].set_ylabel(label)
        add_legend(figure, axes[0, 0], columns=3)
        plt.close(figure)
    return figure


def _bars(axis: Axes, x: np.ndarray, found: list[Interval], color: str, marker: str, name: str) -> None:
    mean, low, high = (np.array([getattr(v, part) for v in found]) for part in ("mean", "low", "high"))
    bars = np.nan_to_num(np.stack([mean - low, high - mean])).clip(min=0)
    axis.errorbar(
        x, mean, bars, fmt=marker, color=color, markersize=6, capsize=3, linewidth=1.4, label=name, zorder=3
    )
