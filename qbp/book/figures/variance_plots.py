"""Figures of gradient variances: against qubits, layers, expressibility; engine against engine; one walk."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qbp.book.figures.style import PLAIN, POINTS, add_legend, drawing, one_two_five
from qbp.studies.variance_studies import Row, decay, decay_line, error_bars, upper_bounds

if TYPE_CHECKING:
    from qbp.plateaus.variance import GradientVariance
    from qbp.statistics.curves import Decay

LETTERS = {"X": ("X", "#56B4E9"), "Y": ("D", "#4B2E83"), "Z": ("s", "#E69F00")}  # marker, colour; I is none
DASHES: list[Any] = ["-", (0, (4, 2)), (0, (1, 1.5))]  # of references


def decays(
    studies: Mapping[str, Sequence[Row]],
    *,
    references: Mapping[str, Mapping[int, float]] | None = None,
    fits: bool = True,
) -> Figure:
    """Draw gradient variances against the number of qubits, and the decay fitted to each study.

    Bars are one standard error.  A triangle is an upper bound (95 %) where that is all that is known.

    Args:
        studies: {label: rows of :func:`qbp.studies.variance_studies.rows`}.
        references: {label: {number of qubits: log2 of a variance}}, drawn as grey lines.
        fits: without them the points are joined, and the axis of qubits is logarithmic.
    """
    with drawing(7.2, 4.2) as (figure, axis):
        handles: dict[str, Artist | tuple[Artist, ...]] = {}
        for (label, line), dash in zip((references or {}).items(), cycle(DASHES)):
            look = {"color": "0.7", "linestyle": dash, "linewidth": 6 if dash == "-" else 2.2, "zorder": 1}
            (handles[label],) = axis.plot([*line], [*line.values()], **look)
        for (label, table), (color, dash) in zip(studies.items(), cycle(PLAIN)):
            bars = error_bars(table)
            drawn = axis.errorbar(*bars[:2], bars[2:], fmt="o", color=color, capsize=3, markersize=6)
            if fits and (fitted := decay_line(table)):
                label += f": {decay(table).slope_bits_per_qubit:+.2f} bits per qubit"
                drawn = (drawn, *axis.plot(*fitted, color=color, linestyle=dash))
            elif not fits:
                drawn = (drawn, *axis.plot(*bars[:2], color=color, linestyle=dash, linewidth=1.4))
            handles[label] = drawn
            axis.plot(*upper_bounds(table), "v", color=color, fillstyle="none", markersize=9)
        axis.set(xlabel="number of qubits (dimensionless)", ylabel="gradient variance, log2 (bits)")
        if fits:
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        else:
            _log_of_counts(axis)
        columns = 2 if max(map(len, handles)) < 36 else 1  # so that it is no wider than the axis
        figure.set_figheight(4.2 + 0.24 * max(0, len(handles) / columns - 2))
        add_legend(figure, handles, columns=columns)
    return figure


def save_decays(studies: Mapping[str, Sequence[Row]], path: str | Path) -> None:
    """Write :func:`decays` into a file; without studies, only look whether that can be done.

    Raises:
        ValueError: `path` is no .svg or .png file in a folder that exists.
    """
    path = Path(path)
    if path.suffix not in (".svg", ".png") or path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"plot must be a .svg or .png file in a folder that exists, got {str(path)!r}")
    if studies:
        decays(studies).savefig(path)


def against_layers(
    studies: Mapping[str, Sequence[Row]], *, references: Mapping[str, float] | None = None
) -> Figure:
    """Draw gradient variances against the number of layers, on a logarithmic axis of layers.

    Args:
        studies: {label: rows, each with its number of layers}.
        references: {label of a study: log2 of a variance}, a dotted line of its colour.
    """
    with drawing(7.2, 4.2) as (figure, axis):
        for (label, table), (color, dash) in zip(studies.items(), cycle(PLAIN)):
            _, bits, down, up = error_bars(table)
            layers = [row.n_layers for row in table if np.isfinite(row.log2_variance)]
            look = {"color": color, "linestyle": dash, "linewidth": 1.6, "capsize": 3, "markersize": 5}
            axis.errorbar(layers, bits, (down, up), fmt="o", label=label, **look)
            if references and label in references:
                axis.axhline(references[label], color=color, linestyle=(0, (1, 2)), linewidth=1.2)
        axis.set(xlabel="layers (dimensionless)", ylabel="gradient variance, log2 (bits)")
        _log_of_counts(axis)
        add_legend(figure, axis, columns=5)
    return figure


def scalings(
    panels: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]],
    fits: Mapping[str, Mapping[str, "Decay"]],
    n_qubits: Sequence[int],
    *,
    ylabel: str,
) -> Figure:
    """Draw mean squares against the number of qubits, log2, with the decays fitted to them.

    Args:
        panels: {title: {label: (means (sizes,), standard errors (sizes,))}}.
        fits: the decays, of the same titles and labels.
        n_qubits: sizes.
        ylabel: of a panel, with the unit.
    """
    x, shown = np.asarray(n_qubits, dtype=float), dict[str, Artist]()
    with drawing(1.0 + 3.9 * len(panels), 4.0, len(panels), sharey=True) as (figure, axes):
        for axis, (title, lines) in zip(axes, panels.items(), strict=True):
            for (label, (mean, error)), (color, dash), marker in zip(lines.items(), cycle(PLAIN), POINTS):
                bits, bar = np.log2(mean), np.asarray(error) / mean / np.log(2)
                axis.errorbar(x, bits, bar, fmt=marker, color=color, capsize=3, markersize=6)
                line = bits.mean() + fits[title][label].slope * (x - x.mean())
                (drawn,) = axis.plot(x, line, color=color, linestyle=dash)
                shown.setdefault(label, drawn)
            axis.set(xlabel="number of qubits (dimensionless)", ylabel=ylabel, title=title)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.yaxis.set_tick_params(labelleft=True)
        add_legend(figure, shown)
    return figure


def expressibility_and_gradients(
    depths: Sequence[int],
    excess: np.ndarray,
    variances: Mapping[str, np.ndarray],
    limits: Mapping[str, float],
) -> Figure:
    """Draw gradient variances against the expressibility of the same circuits, a mark for each depth.

    Args:
        depths: layers, (depths,), written beside the first curve.
        excess: F_2 / F_2(Haar) - 1, (depths,), above 0; the axis runs from large to small.
        variances: {observable: variances (depths,)}.
        limits: {observable: its value on a 2-design}, dotted lines.
    """
    with drawing(7.6, 4.4) as (figure, axis):
        handles: dict[str, Artist] = {}
        for (label, values), (color, dash), marker in zip(variances.items(), cycle(PLAIN), POINTS):
            look = {"color": color, "linestyle": dash, "marker": marker, "markersize": 7}
            (handles[label],) = axis.plot(excess, np.log2(values), **look)
            limit = axis.axhline(np.log2(limits[label]), color=color, linewidth=1.3, linestyle=":")
        first, before = np.log2(next(iter(variances.values()))), np.inf
        for depth, x, y in zip(depths, excess, first, strict=True):
            place = (0, 8) if x < 0.8 * before else (0, -18)  # two marks close together: below
            axis.annotate(str(depth), (x, y), place, textcoords="offset points", ha="center", fontsize=11)
            before = x
        axis.set(xscale="log", ylabel="mean gradient variance, log2 (bits)")
        axis.set_xlabel("F₂ above Haar's, F₂ / F₂(Haar) − 1 (dimensionless)")
        axis.invert_xaxis()
        axis.margins(y=0.12)
        add_legend(figure, handles | {"2-design": limit})
    return figure


def both_engines(pairs: Mapping[str, tuple["GradientVariance", "GradientVariance"]]) -> Figure:
    """Draw the variance of every parameter as one engine estimates it against the other's estimate.

    Bars are one standard error; on the grey line both agree.

    Args:
        pairs: {label: (by state vectors, by walks)} of the same circuit.
    """
    with drawing(5.6, 4.6) as (figure, axis):
        for (label, (sampled, walked)), (color, _) in zip(pairs.items(), cycle(PLAIN)):
            kept = (walked.variance > 0) & (sampled.variance > 0)
            variances = [engine.variance[kept].numpy() for engine in (sampled, walked)]
            errors = [engine.stderr[kept].numpy() for engine in (sampled, walked)]
            x_bar, y_bar = (e / v / np.log(2) for e, v in zip(errors, variances, strict=True))
            look = {"color": color, "markersize": 3, "elinewidth": 0.8, "label": label}
            axis.errorbar(*np.log2(variances), y_bar, x_bar, fmt="o", **look)
        low, high = axis.get_xlim()
        axis.plot([low, high], [low, high], color="0.6", linewidth=1.2, zorder=1)
        axis.set(xlabel="by state vectors, log2 (bits)", ylabel="by Pauli walks, log2 (bits)")
        add_legend(figure, axis)
    return figure


def histograms(gradients: Mapping[str, np.ndarray], *, reach: float = 1.0, bins: int = 41) -> Figure:
    """Draw how a gradient component is distributed over random angles.

    Args:
        gradients: {title: values of dC/dtheta_k, (samples,)}, a panel each on the same axes.
        reach: the horizontal axis goes from -reach to reach, in units of C per radian.
        bins: of equal width.
    """
    edges = np.linspace(-reach, reach, bins + 1)
    width = 1.2 + (3.4 if len(gradients) > 1 else 5.0) * len(gradients)
    with drawing(width, 3.3, len(gradients), sharey=True) as (figure, axes):
        for axis, (title, values) in zip(axes, gradients.items(), strict=True):
            share = np.histogram(values, edges)[0] / len(values)
            axis.stairs(share, edges, fill=True, color="#56B4E9")
            axis.set(title=title, xlabel="gradient component (per radian)", ylabel="share of samples (1)")
            axis.set_ylim(0, 1)
    return figure


def walk_picture(strings: Sequence[str], passed: Sequence[str]) -> Figure:
    """Draw a Pauli string on its way back through a circuit, a row a qubit, time to the right.

    Args:
        strings, passed: from :func:`qbp.plateaus.pauli.trace.walk_trace`.
    """
    shown = strings[::-1]  # the start of the circuit on the left
    n = len(shown[0])
    with drawing(8.2, 1.4 + 0.24 * n, grid=False) as (figure, axis):
        handles: dict[str, Artist] = {}
        for letter, (marker, color) in LETTERS.items():
            at = [(t, q) for t, string in enumerate(shown) for q, p in enumerate(string) if p == letter]
            where = np.array(at, dtype=float).reshape(-1, 2)
            (handles[letter],) = axis.plot(*where.T, marker, color=color, markersize=8, label=letter)
        for t, gate in enumerate(passed[::-1]):
            if gate == "entangler":
                axis.axvline(t + 0.5, color="0.8", linewidth=1.2, zorder=0)
        axis.set(xlabel="gates passed (entanglers are grey lines)", ylabel="qubit (index)")
        axis.set(xlim=(-0.6, len(shown) - 0.4), ylim=(n - 0.4, -0.6))
        axis.yaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_xticks([0, len(shown) - 1], ["start", "measured"])
        add_legend(figure, handles)
    return figure


def points_on_lines(
    lines: Mapping[str, Mapping[float, float]],
    points: Mapping[str, Mapping[float, tuple[float, float]]],
    labels: tuple[str, str],
    *,
    powers: bool = True,
) -> Figure:
    """Draw lines that were computed and, in the colour of a line, what was measured of the same.

    Args:
        lines: {label: {x: y}}; one without points is a grey reference if others have points.
        points: {label of a line: {x: (y, one standard error)}}.
        labels: of the axes, with their units.
        powers: whether the vertical axis is logarithmic.
    """
    with drawing(7.2, 4.4 + 0.12 * len(lines)) as (figure, axis):
        looks, grey = cycle(PLAIN), cycle(("0.6", dash) for dash in DASHES)
        for (name, line), marker in zip(lines.items(), cycle(POINTS)):
            color, dash = next(grey if points and name not in points else looks)
            axis.plot([*line], [*line.values()], color=color, linestyle=dash, linewidth=1.6, label=name)
            if some := points.get(name):
                y, error = np.array([*some.values()]).T
                look = {"fmt": marker, "color": color, "capsize": 3, "markersize": 6}
                axis.errorbar([*some], y, error, **look)
        axis.set(xlabel=labels[0], ylabel=labels[1])
        if powers:
            axis.set_yscale("log")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        add_legend(figure, axis, columns=2)
    return figure


def _log_of_counts(axis: Axes) -> None:
    """Make the horizontal axis logarithmic, with counts written out."""
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(one_two_five)
    axis.xaxis.set_minor_formatter(one_two_five)
