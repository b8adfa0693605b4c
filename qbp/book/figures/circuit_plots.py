"""Figures of circuits: slices with their sine, energy maps, spectra, kinds of points, states on the sphere,
costs along a line of states."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from qbp.book.figures.style import PLAIN, POINTS, add_legend, drawing
from qbp.circuits.gates import Entangler, Rotation
from qbp.statistics.intervals import numbers

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit
    from qbp.plateaus.shifts import Slice

BOX = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": "black"}
PI_TICKS = {-np.pi: "−π", -np.pi / 2: "−π/2", 0.0: "0", np.pi / 2: "π/2", np.pi: "π"}


def diagram(circuit: "Circuit") -> Figure:
    """Draw a circuit: a line per qubit from its start on the left, a box per letter of a rotation, those of
    one string joined, and CZ or CNOT as two joined dots, the target of a CNOT hollow.

    Args:
        circuit: of a few gates.
    """
    free, gates = np.zeros(circuit.n_qubits), []  # the first free column of each qubit
    for gate in circuit.program:
        turned = [q for q, p in enumerate(gate.pauli) if p != "I"] if isinstance(gate, Rotation) else []
        for group in gate.pairs if isinstance(gate, Entangler) else [turned] * bool(turned):
            column = free[min(group) : max(group) + 1].max() + 1
            free[min(group) : max(group) + 1] = column
            gates.append((column, group, gate))
    with drawing(1.2 + 1.0 * free.max(), 0.4 + 0.7 * circuit.n_qubits, grid=False) as (figure, axis):
        axis.hlines(range(circuit.n_qubits), 0.4, free.max() + 0.6, color="black", linewidth=1, zorder=1)
        for column, group, gate in gates:
            axis.plot([column] * len(group), group, color="black", linewidth=1.4, zorder=2)
            if isinstance(gate, Rotation):
                name = "R_" if len(group) == 1 else ""  # joined boxes are one rotation about their product
                for q in group:
                    text = f"${name}{gate.pauli[q]}({_angle(gate)})$"
                    axis.text(column, q, text, ha="center", va="center", bbox=BOX, zorder=3)
                continue
            for q, filled in zip(group, (True, gate.kind == "cz"), strict=True):
                face = "black" if filled else "white"
                axis.plot(column, q, "o", color="black", markerfacecolor=face, markersize=9, zorder=3)
        axis.set(xlim=(0, free.max() + 1), ylim=(circuit.n_qubits - 0.4, -0.6), xticks=[])
        axis.set_yticks(range(circuit.n_qubits), [f"qubit {q}" for q in range(circuit.n_qubits)])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    return figure


def _angle(gate: Rotation) -> str:
    """Return the angle of a rotation in TeX: scale and offset to three digits, where there are any."""
    if gate.parameter is None:
        return f"{gate.offset:.3g}"
    scale = "" if gate.scale == 1 else "-" if gate.scale == -1 else f"{gate.scale:.3g}\\,"
    return f"{scale}\\theta_{{{gate.parameter}}}" + (f"{gate.offset:+.3g}" if gate.offset else "")


def sine_slice(shown: "Slice", limits: tuple[float, float], *, unit: str = "J") -> Figure:
    """Draw a slice of a cost along one angle, the sine through three of its values, and what limits it.

    Args:
        shown: from :func:`qbp.plateaus.shifts.slice_along`.
        limits: lowest and highest eigenvalue of the observable.
        unit: of the cost.
    """
    with drawing(7.2, 3.9) as (figure, axis):
        for limit in limits:
            axis.axhline(limit, color=PLAIN[3][0], linestyle=PLAIN[3][1], label="limits of the observable")
        at, cost, sine, measured_at, measured = map(numbers, shown)
        axis.plot(at, sine, color=PLAIN[1][0], linewidth=4, label="sine through three values")
        axis.plot(at, cost, "o", color="black", markersize=3.5, label="circuit")
        look = {"color": PLAIN[2][0], "markersize": 9, "markeredgecolor": "black"}
        axis.plot(measured_at, measured, "D", label="the three values", **look)
        axis.set(xlabel="step of one angle (radians)", ylabel=f"cost ({unit})")
        _pi_axis(axis)
        add_legend(figure, axis, columns=2)
    return figure


def energy_map(
    maps: Mapping[str, np.ndarray],
    at: np.ndarray,
    *,
    xlabel: str,
    ylabel: str,
    label: str,
    limits: tuple[float, float],
    marks: Sequence[tuple[float, float]] = (),
) -> Figure:
    """Draw costs over two steps as contours of one scale, a panel each, darker where lower.

    Args:
        maps: {title: cost (points, points)}, the first step down the rows.
        at: steps in radians, (points,), of both.
        xlabel, ylabel: the second and the first step.
        label: of the colour bar, with the unit.
        limits: lowest and highest cost of the scale.
        marks: points (second, first step) to mark in every panel.
    """
    # A last bit that differs between processors would move an end of a contour, and so the stored picture.
    at, maps = numbers(at), {title: numbers(values).round(9) for title, values in maps.items()}
    with drawing(1.4 + 2.9 * len(maps), 3.5, len(maps), grid=False) as (figure, axes):
        levels = np.linspace(*limits, 13)
        for axis, (title, values) in zip(axes, maps.items(), strict=True):
            filled = axis.contourf(at, at, values, levels=levels, cmap="Greys_r", extend="both")
            axis.contour(at, at, values, levels=levels, colors="white", linewidths=0.6)
            for x, y in marks:
                axis.plot(x, y, "D", color=PLAIN[2][0], markeredgecolor="black", markersize=9)
            axis.set(xlabel=xlabel, ylabel=ylabel, title=title, aspect="equal")
            if np.isclose(at[-1], np.pi):
                _pi_axis(axis)
                axis.set_yticks(list(PI_TICKS), PI_TICKS.values())
        ticks = MaxNLocator(6, steps=[1, 2, 5, 10])
        figure.colorbar(filled, ax=list(axes), label=label, format="%.2g", ticks=ticks)
    return figure


def spreads(
    values: Mapping[str, np.ndarray], *, xlabel: str, bounds: tuple[float, float], bins: int = 80
) -> Figure:
    """Draw how values spread between their bounds, a histogram as a line each.

    Args:
        values: {label: values (samples,)}.
        xlabel: with the unit.
        bounds: the limits, drawn as lines.
        bins: of the histograms.
    """
    edges = np.linspace(*bounds, bins + 1)
    with drawing(7.2, 3.9) as (figure, axis):
        for (label, sample), (color, dash) in zip(values.items(), cycle(PLAIN)):
            density, _ = np.histogram(numbers(sample), edges, density=True)
            axis.stairs(density, edges, color=color, linestyle=dash, linewidth=2, label=label)
        for bound in bounds:
            axis.axvline(bound, color="0.3", linewidth=1.2)
        axis.set(xlabel=xlabel, ylabel="probability density (1 / unit)")
        add_legend(figure, axis, columns=len(values))
    return figure


def curvature(
    spectrum: np.ndarray,
    at: np.ndarray,
    slices: Mapping[str, np.ndarray],
    *,
    limits: tuple[float, float],
    unit: str = "dimensionless",
) -> Figure:
    """Draw a Hessian's eigenvalues, lowest first, and beside them slices of the cost.

    The axis of the eigenvalues is linear up to a hundredth to either side of zero, logarithmic beyond, and
    always the same.

    Args:
        spectrum: eigenvalues, (n_params,).
        at: distances along the slices in radians, (points,).
        slices: {direction: cost (points,)}.
        limits: of the vertical axis of the slices.
        unit: of the cost.
    """
    spectrum, at = numbers(spectrum), numbers(at)
    with drawing(8.6, 3.7, 2) as (figure, (left, right)):
        place = np.linspace(0, 1, len(spectrum))
        left.vlines(place, 0, spectrum, color=np.where(spectrum < 0, PLAIN[4][0], PLAIN[5][0]), linewidth=2)
        left.axhline(0, color="0.3", linewidth=1)
        left.set(xlabel="share of the directions (dimensionless)", ylabel="eigenvalue (per radian²)")
        left.set_yscale("symlog", linthresh=0.01)
        left.set(ylim=(-10, 10), xlim=(-0.03, 1.03))
        ticks = [-1, -0.1, -0.01, 0, 0.01, 0.1, 1]
        left.set_yticks(ticks, [f"{tick:g}".replace("-", "−") for tick in ticks])
        for (label, cost), (color, dash) in zip(slices.items(), cycle(PLAIN)):
            right.plot(at, numbers(cost), color=color, linestyle=dash, label=label)
        right.set(xlabel="distance (radians)", ylabel=f"cost ({unit})", ylim=limits)
        add_legend(figure, right, columns=3)
    return figure


def kinds_of_points(
    tasks: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]], *, near: float, steep: float
) -> Figure:
    """Draw points by what kind they are: slope over curvature across, lowest over largest curvature up.

    Args:
        tasks: {title: {moment: (slope in radians (runs,), lowest / largest eigenvalue (runs,))}}.
        near: slope below which a critical point is near.
        steep: share of the largest curvature by which a saddle's way out curves down; the corner of saddles
            is shaded.

    A slope below the left edge, 1e-4 radians, is drawn there.
    """
    with drawing(0.9 + 2.6 * len(tasks), 4.2, len(tasks), sharey=True) as (figure, axes):
        edge = 1e-4
        shown: dict[str, Artist] = {}
        for axis, (title, moments) in zip(axes, tasks.items(), strict=True):
            axis.fill_between([edge, near], -1.1, -steep, color="0.88", linewidth=0)
            axis.text(near / 1.3, -1.04, "near a saddle", color="0.3", fontsize=11, ha="right", va="bottom")
            axis.axhline(0, color="0.3", linewidth=1)
            for (moment, (slope, lowest)), (color, _), marker in zip(moments.items(), cycle(PLAIN), POINTS):
                look = {"color": color, "markeredgecolor": "black", "markersize": 7, "alpha": 0.85}
                across = np.maximum(numbers(slope), 1.3 * edge)
                (shown[moment],) = axis.plot(across, numbers(lowest), marker, label=moment, **look)
            axis.set(xscale="log", ylim=(-1.1, 0.3), xlim=(edge, 4), title=title)
            axis.set(xlabel="gradient / largest\ncurvature (radians)", ylabel="lowest / largest curvature")
            axis.label_outer()  # one vertical axis for all
            axis.set_xticks([1e-4, 1e-3, 1e-2, 1e-1, 1])
        add_legend(figure, shown)
    return figure


def sphere_map(bloch: np.ndarray, excess: float) -> Figure:
    """Draw states of one qubit on an equal-area map of the sphere, longitude across and height up.

    Args:
        bloch: expectations of X, Y and Z, (states, 3).
        excess: F_2 / F_2(Haar) - 1 of these states, written above.
    """
    bloch = numbers(bloch)
    with drawing(6.4, 3.4) as (figure, axis):
        longitude = np.arctan2(bloch[:, 1], bloch[:, 0])
        axis.plot(longitude, bloch[:, 2], "o", color=PLAIN[5][0], markersize=4, alpha=0.7)
        axis.set(xlim=(-np.pi, np.pi), ylim=(-1.05, 1.05), title=f"excess of F₂: {excess:.2f}")
        axis.set(xlabel="longitude (radians)", ylabel="⟨Z⟩ (dimensionless)")
        _pi_axis(axis)
    return figure


def boxes(
    reach: Sequence[float], panels: Mapping[str, Mapping[str, np.ndarray]], *, ylabels: Mapping[str, str]
) -> Figure:
    """Draw what a box of angles holds against its half width, a panel for each quantity, log2.

    Args:
        reach: half widths in radians, (sizes,).
        panels: {title: {center: values (sizes,)}}, above 0.
        ylabels: of each panel, with the unit.
    """
    with drawing(0.6 + 3.3 * len(panels), 3.9, len(panels)) as (figure, axes):
        shown: dict[str, Artist] = {}
        for axis, (title, lines) in zip(axes, panels.items(), strict=True):
            for (label, values), (color, dash), marker in zip(lines.items(), cycle(PLAIN), POINTS):
                look = {"color": color, "linestyle": dash, "marker": marker, "markersize": 6}
                (shown[label],) = axis.plot(reach, np.log2(values), **look)
            axis.set(title=title, xscale="log", xlabel="half width of the box (radians)")
            axis.set_ylabel(ylabels[title])
            axis.set_xticks([0.03, 0.1, 0.3, 1, np.pi], ["0.03", "0.1", "0.3", "1", "π"])
            axis.xaxis.set_minor_formatter(NullFormatter())
        add_legend(figure, shown, columns=3)
    return figure


def along(
    at: np.ndarray, panels: Mapping[str, np.ndarray], marks: Mapping[str, float], *, xlabel: str
) -> Figure:
    """Draw costs along a line of states, a panel each, with marked places on the line.

    Args:
        at: places, (points,).
        panels: {cost with its unit: values (points,)}.
        marks: {label: place}, a dot on the horizontal axis of every panel.
        xlabel: what runs along the line, with its unit.
    """
    with drawing(0.8 + 4.2 * len(panels), 3.4, len(panels)) as (figure, axes):
        for axis, (label, values) in zip(axes, panels.items(), strict=True):
            axis.plot(at, numbers(values), color=PLAIN[0][0])
            for (name, place), (color, _), marker in zip(marks.items(), PLAIN[1:], POINTS, strict=False):
                height = np.interp(place, at, numbers(values))
                look = {"color": color, "markersize": 10, "markeredgecolor": "black", "zorder": 3}
                axis.plot([place], [height], marker, linestyle="none", label=name, **look)
            axis.set(xlabel=xlabel, ylabel=label)
            axis.set_ylim(bottom=-0.05 * axis.get_ylim()[1])
        add_legend(figure, axes[0])
    return figure


def _pi_axis(axis: Axes) -> None:
    axis.set_xticks(list(PI_TICKS), PI_TICKS.values())
