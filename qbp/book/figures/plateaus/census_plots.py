"""Figures of the census: the gradient variance of circuits that others published, against their qubits."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from qbp.book.figures.style import PLAIN, POINTS, drawing
from qbp.results.census.collection import OBSERVABLES
from qbp.results.census.summary import as_published

if TYPE_CHECKING:
    import pandas as pd

TICKS = [4, 8, 14, 32, 50, 128]
ROWS = 24  # of a legend
NAMES = {"last qubit": "Z on the last qubit", "neighbours": "mean of Z Z", "projector": "projector on zeros"}


def variances(frame: "pd.DataFrame") -> Figure:
    """Draw the mean gradient variance of each circuit, a panel for each observable, and the median at each
    number of qubits.

    Args:
        frame: rows of the census.
    """
    with drawing(11, 4.6, 3) as (figure, axes):
        for axis, kind in zip(axes, OBSERVABLES, strict=True):
            _panel(axis, frame[frame["observable"] == kind])
            axis.set_title(NAMES[kind])
        axes[0].set_ylabel("mean gradient variance, log2 (bits)")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def families(frame: "pd.DataFrame", source: str, kind: str) -> Figure:
    """Draw the families of one package under one observable, a line for each; where shared angles had to be
    freed it breaks, and the markers are hollow.

    Args:
        frame: rows of the census.
        source: a package.
        kind: an observable.
    """
    some = frame[(frame["source"] == source) & (frame["observable"] == kind)]
    some = some[np.isfinite(some["log2_mean"])]
    with drawing(10.5, 5.4) as (figure, axis):
        for number, (name, of) in enumerate(some.groupby("family")):
            color, dash = PLAIN[number % len(PLAIN)]
            marker = POINTS[(number // len(PLAIN) + number) % len(POINTS)]
            look: dict[str, Any] = {"color": color, "linestyle": dash, "marker": marker}
            for tied, line in of.sort_values("qubits").groupby(as_published(of), sort=False):
                own = {"label": name} if tied else {"markerfacecolor": "white"}
                axis.plot(line["qubits"], line["log2_mean"], **look, **own)
        _axes(axis)
        axis.set_ylabel("mean gradient variance, log2 (bits)")
        if columns := -(-some["family"].nunique() // ROWS):
            beside: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "ncols": columns}
            axis.legend(frameon=False, fontsize=9, labelspacing=0.25, **beside)
    return figure


def _panel(axis: Axes, some: "pd.DataFrame") -> None:
    known = some[np.isfinite(some["log2_mean"])]
    for (source, of), (color, _), marker in zip(known.groupby("source"), PLAIN[1:], POINTS, strict=False):
        look: dict[str, Any] = {"s": 22, "color": color, "marker": marker, "alpha": 0.65}
        axis.scatter(of["qubits"], of["log2_mean"], label=source, **look)
    middle = known.groupby("qubits")["log2_mean"].median()
    axis.plot(middle.index, middle, color=PLAIN[0][0], label="median")
    _axes(axis)


def _axes(axis: Axes) -> None:
    axis.set_xscale("log")
    axis.set_xticks(TICKS, [str(n) for n in TICKS])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("qubits")
