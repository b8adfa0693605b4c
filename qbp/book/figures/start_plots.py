"""Figures of gradients where Stage 2 begins."""

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from qbp.book.figures.style import PLAIN, add_legend, drawing
from qbp.studies.start_ensembles import WHENS, Ensemble

if TYPE_CHECKING:
    import pandas as pd

MOMENTS = dict(zip(WHENS, ((PLAIN[3][0], "o", (0, (4, 2))), ("#0072B2", "s", "-")), strict=True))
KINDS = {  # of targets: their titles
    "product": "product state",
    "circuit": "two-layer circuit",
    "tfim": "Ising chain, random frame",
    "random": "random state",
}
MARKERS = dict(zip(KINDS, ("o", "s", "^", "D"), strict=True))
COLORS = dict(zip(KINDS, (color for color, _ in PLAIN), strict=False))


def against_qubits(frame: "pd.DataFrame", rows: str = "depth") -> Figure:
    """Draw gradient variances against the number of qubits at the random start and at the start of Stage 2,
    with their 95 % intervals: a column per kind of target.

    Args:
        frame: as from :func:`qbp.studies.start_studies.variances`.
        rows: what the rows of panels differ in, "depth" or "quantity"; of all else the frame has one value.
    """
    names, kinds = list(dict.fromkeys(frame[rows])), list(dict.fromkeys(frame["target"]))
    # 12 points stay 12 pixels in a column of text
    size, shape = (1.0 + 2.1 * len(kinds), 1.2 + 2.1 * len(names)), (len(kinds), len(names))
    with drawing(*size, *shape, sharey="row") as (figure, axes):
        handles: dict[str, Artist] = {}
        for (name, kind), part in frame.groupby([rows, "target"], sort=False):
            axis = axes[names.index(name), kinds.index(kind)]
            for when, line in part.groupby("when", sort=False):
                color, marker, dash = MOMENTS[when]
                x, y = line["qubits"].to_numpy(), line["variance"].to_numpy()
                bars = np.abs(line[["low", "high"]].to_numpy().T - y)
                style = {"color": color, "marker": marker, "linestyle": dash, "linewidth": 1.6}
                handles[when] = axis.errorbar(x, y, bars, capsize=2, markersize=5, **style)
            axis.set_yscale("log", base=2)
            axis.set_xticks(sorted(set(part["qubits"])))
        for axis, kind in zip(axes[0], kinds, strict=True):
            axis.set_title(fill(KINDS.get(kind, kind), 18), fontsize=12)
        for axis, name in zip(axes[:, 0], names, strict=True):
            axis.set_ylabel(f"variance,\ndepth {name}" if rows == "depth" else f"variance of\n{name}")
        for axis in axes[-1]:
            axis.set_xlabel("qubits")
        add_legend(figure, handles)
    return figure


def against_information(frame: "pd.DataFrame", means: "pd.DataFrame | None" = None) -> Figure:
    """Draw by which factor Stage 1 changes a run's gradient, against what its targets b_i know.

    Args:
        frame: a point per run, as from :func:`qbp.studies.start_studies.by_run`.
        means: a larger mark per place with the interval of its gain, as from
            :func:`qbp.studies.start_studies.gains`.
    """
    with drawing(7.6, 4.2) as (figure, axis):
        handles: dict[str, Artist] = {}
        for kind, part in frame.groupby("target", sort=False):
            style = {"color": COLORS[kind], "marker": MARKERS[kind], "linestyle": "none"}
            (line,) = axis.plot(part["information"], part["gain"], **style, markersize=4, alpha=0.35)
            if means is not None:
                places = means[means["target"] == kind]
                gain = places["gain"].to_numpy()
                bars = np.abs(places[["low", "high"]].to_numpy().T - gain)
                line = axis.errorbar(places["information"], gain, bars, **style, capsize=3, markersize=9)
            several = part["target_layers"].nunique() > 1
            handles["circuits, by depth" if several else KINDS[kind]] = line
        axis.axhline(1, color="0.3", linewidth=1)
        axis.set_yscale("log", base=2)
        axis.set(xlabel="information in the targets (1)", ylabel="variance after / before (1)")
        axis.set_xlim(-0.03, 1.03)
        add_legend(figure, handles)
    return figure


def spectra(found: dict[str, Ensemble], starts: int) -> Figure:
    """Draw the eigenvalues of the task's Hessian before and after Stage 1, all starts together: the share of
    eigenvalues below a value, a panel per kind of target."""
    with drawing(1.0 + 2.1 * len(found), 3.4, len(found), sharey=True) as (figure, axes):
        handles: dict[str, Artist] = {}
        for axis, (kind, one) in zip(axes, found.items(), strict=True):
            for when in WHENS:
                values = np.sort(one.spectra(when, starts).flatten().cpu().numpy())
                color, _, dash = MOMENTS[when]
                share = np.arange(1, len(values) + 1) / len(values)
                (handles[when],) = axis.plot(values, share, color=color, linestyle=dash)
            axis.axvline(0, color="0.3", linewidth=1)
            axis.set_title(fill(KINDS[kind], 18), fontsize=12)
            axis.set_xlabel("eigenvalue (per rad$^2$)")
        axes[0].set_ylabel("share of eigenvalues below")
        add_legend(figure, handles)
    return figure
