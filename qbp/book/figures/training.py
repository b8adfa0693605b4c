"""Training curves; they draw and label, and every number comes from results or `statistics`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from qbp.book.figures.style import (
    LABELS,
    PEERS,
    PLAIN,
    STYLES,
    UNITS,
    add_legend,
    draw_band,
    drawing,
    log_axis,
)

if TYPE_CHECKING:
    import pandas as pd

    from qbp.experiments.result import Result


def training_curves(
    results: Mapping[str, "Result"],
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
    with drawing(1.2 + 4.1 * len(metrics), 3.9, len(metrics)) as (figure, axes):
        for axis, metric in zip(axes, metrics, strict=True):
            loss_unit = f" ({unit})" if unit and "loss" in metric else ""
            _bands(axis, results, metric, LABELS.get(metric, metric) + loss_unit)
            if log and metric != "accuracy":
                log_axis(axis)
        add_legend(figure, axes[0], columns=4 if len(metrics) > 1 else 2)
    return figure


def with_late_steps(results: Mapping[str, "Result"], metric: str, *, unit: str, late: int = 300) -> Figure:
    """Draw a metric on a log axis, and beside it its late steps on a linear one, without runs far above.

    Args:
        results, unit: as in :func:`training_curves`.
        metric: name in the histories.
        late: step at which the enlarged part begins; methods ending above twice the lowest are not in it.
    """
    lowest = min(result.history[metric][:, -1].mean() for result in results.values())
    low = {m: r for m, r in results.items() if r.history[metric][:, -1].mean() < 2 * lowest}
    with drawing(9.4, 3.9, 2) as (figure, (whole, zoom)):
        _bands(whole, results, metric, f"{LABELS[metric]} ({unit})", title="all steps, log axis")
        log_axis(whole)
        title = f"from step {late}, linear axis"
        _bands(zoom, low, metric, f"{LABELS[metric]} ({unit})", title=title, start=late)
        add_legend(figure, whole)
    return figure


def plotted_and_true(results: Mapping[str, "Result"], *, unit: str = "") -> Figure:
    """Draw what the released notebook plots (a panel of the paper's Fig. 1a, Fig. 1b, Fig. 1c) beside the
    training loss of the same models, first seed."""
    with drawing(9.4, 3.9, 2) as (figure, (plotted, true)):
        for method, result in results.items():
            color, dash = STYLES[method]
            plotted.plot(np.asarray(result.minibatch_loss)[0], color=color, linestyle=dash, label=method)
            true.plot(result.step, result.history["train_loss"][0], color=color, linestyle=dash)
        plotted.set(title="plotted by the released notebook", ylabel="each method's own quantity")
        true.set(title="the same models on the data", ylabel=f"training loss ({unit})")
        for axis in (plotted, true):
            axis.set_xlabel("training step")
            axis.set_ylim(bottom=min(0, axis.get_ylim()[0]))
        add_legend(figure, plotted)
    return figure


def figure_1_released(
    results: Mapping[str, Mapping[str, "Result"]], inset: tuple[int, int] = (300, 500)
) -> Figure:
    """Draw Fig. 1a, Fig. 1b and Fig. 1c as the released notebook plots them.

    Each method's own quantity at every step, first run, on one axis per experiment, with an inset of the
    late steps.

    Args:
        results: {experiment: {method: Result}} as released, with mini-batch losses.
        inset: first and last step of the inset.
    """
    with drawing(0.5 + 4.3 * len(results), 4.1, len(results)) as (figure, axes):
        for axis, (experiment, methods) in zip(axes, results.items(), strict=True):
            zoom = axis.inset_axes((0.36, 0.55, 0.62, 0.36))
            for method, result in methods.items():
                color, dash = STYLES[method]
                loss, late = np.asarray(result.minibatch_loss)[0], slice(inset[0], inset[1] + 1)
                axis.plot(loss, color=color, linestyle=dash, linewidth=1.6, label=method)
                zoom.plot(np.arange(len(loss))[late], loss[late], color=color, linestyle=dash, linewidth=1.6)
            low, top = axis.get_ylim()
            axis.set(title=experiment, xlabel="training step", ylabel="each method's own quantity")
            axis.set_ylim(min(-0.03 * top, low), 2.3 * top)
            zoom.set_title(f"steps {inset[0]}-{inset[1]}", fontsize=10)
            zoom.tick_params(labelsize=9)
        add_legend(figure, axes[0])
    return figure


def figure_1(results: Mapping[str, Mapping[str, "Result"]], metric: str = "train_loss") -> Figure:
    """Draw Figure 1 so that it can be compared: one metric for all methods on a logarithmic axis, the mean
    over seeds and the 95 % bootstrap band of the mean, a panel per experiment.

    Args:
        results: {experiment: {method: Result}}.
        metric: a loss in the histories.
    """
    with drawing(0.5 + 4.3 * len(results), 4.1, len(results)) as (figure, axes):
        for axis, (experiment, methods) in zip(axes, results.items(), strict=True):
            _bands(axis, methods, metric, f"{LABELS[metric]} ({UNITS[experiment]})", title=experiment)
            log_axis(axis)
        add_legend(figure, axes[0])
    return figure


def own_and_true(results: Mapping[str, Mapping[str, "Result"]]) -> Figure:
    """Draw each method's own mini-batch loss above the training loss of the same models: the mean over seeds
    and the 95 % bootstrap band of the mean, a column per experiment, linear axes.

    Args:
        results: {experiment: {method: Result}} with `loss` and `train_loss`.
    """
    with drawing(0.5 + 4.3 * len(results), 7.0, len(results), 2, sharex="col") as (figure, axes):
        for (plotted, true), (experiment, methods) in zip(axes.T, results.items(), strict=True):
            _bands(plotted, methods, "loss", "each method's own quantity", title=experiment)
            unit = UNITS[next(iter(methods.values())).config.experiment]
            _bands(true, methods, "train_loss", f"{LABELS['train_loss']} ({unit})")
            true.set_ylim(bottom=0)
            plotted.tick_params(labelbottom=True)
        add_legend(figure, axes[0, 0])
    return figure


def study_curves(
    studies: Mapping[str, Mapping[str, "Result"]], metric: str = "train_loss", *, columns: int = 3
) -> Figure:
    """Draw rows of a study on a logarithmic axis, mean and 95 % bootstrap band, a panel per task; four tasks
    stand two by two.

    Args:
        studies: {task: {label: Result}}, as from :func:`qbp.studies.tables.load`.
        metric: a loss in the histories.
        columns: of the legend.

    The first row of a method has the method's style, further ones a style of their own, the same in every
    panel.
    """
    looks: dict[str, tuple[str, Any]] = {}
    for label, result in ((label, r) for rows in studies.values() for label, r in rows.items()):
        style = STYLES[result.config.method]
        if label not in looks:
            taken = len(looks.keys() - STYLES.keys())
            looks[label] = style if style not in looks.values() else PLAIN[taken % len(PLAIN)]
    handles: dict[str, Artist] = {}
    across = 2 if len(studies) == 4 else len(studies)
    down = -(-len(studies) // across)
    with drawing(0.5 + 4.6 * across, 0.9 + 3.5 * down, across, down) as (figure, axes):
        for axis, (task, rows) in zip(axes.flat, studies.items(), strict=True):
            for label, result in rows.items():
                values, look = result.history[metric], looks[label]
                handles[label] = draw_band(axis, result.step, values, look, label=label)
            log_axis(axis)
            unit = UNITS[next(iter(rows.values())).config.experiment]
            axis.set(title=task, xlabel="training step", ylabel=f"{LABELS[metric]} ({unit})")
        add_legend(figure, handles, columns=columns)
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
    with drawing(1.2 + 4.1 * len(values), 3.9, len(values)) as (figure, axes):
        for axis, (name, methods) in zip(axes, values.items(), strict=True):
            for label, height in (references or {}).get(name, {}).items():
                axis.axhline(height, color="0.45", linewidth=1.2, label=label)
            for method, runs in methods.items():
                draw_band(axis, step, runs, STYLES[method], label=method)
            log_axis(axis)
            axis.set(xlabel="training step", ylabel=name)
        add_legend(figure, axes[0])
    return figure


def times_against_qubits(table: "pd.DataFrame") -> Figure:
    """Draw how long each library takes against the number of qubits, and the least time the machine allows.

    Args:
        table: from :func:`qbp.book.benchmarks.load`; its families W1 (time of a vector and a layer), W2, W6,
            W7 and W8, a panel each.  Where a library has no time in a row's precision, its 64-bit time is
            shown, hollow.
    """
    titles = {
        "W1": ("200 vectors at once", "s per vector and layer"),
        "W2": ("one vector, value and gradient", "s"),
        "W6": ("eq. 1, 20 vectors", "s"),
        "W7": ("Hamiltonian variational ansatz", "s"),
        "W8": ("strings of excitations", "s"),
    }
    families = [family for family in titles if (table["family"] == family).any()]
    shown: dict[str, Artist] = {}
    across, down = min(2, len(families)), -(-len(families) // 2)  # two panels abreast
    with drawing(0.4 + 4.4 * across, 4 * down, across, down) as (figure, axes):
        for axis, family in zip(axes.flat, families, strict=False):
            part = table[table["family"] == family].sort_values(["n", "layers"])
            scale = part["batch"] * part["layers"] if family == "W1" else 1
            part = part.assign(time=part["seconds"] / scale, limit=part["limit_seconds"] / scale)
            for peer, rows in part[part["status"] == "ok"].groupby("peer", sort=False):
                color, dash = PEERS[peer]
                single = rows["main"].any()
                rows = rows[rows["main"]] if single else rows
                (line,) = axis.plot(rows["n"], rows["time"], marker="o", color=color, linestyle=dash)
                line.set_markerfacecolor(color if single else "white")
                shown.setdefault(peer, line)
            color, dash = PEERS["limit"]
            limit = part[part["main"]].drop_duplicates("workload")
            (line,) = axis.plot(limit["n"], limit["limit"], color=color, linestyle=dash)
            shown.setdefault("limit of the machine", line)
            axis.set(xlabel="qubits", ylabel=titles[family][1], title=titles[family][0], yscale="log")
            axis.set_xticks(sorted(part["n"].unique()))
        if len(free := axes.flat[len(families) :]):
            free[0].set_axis_off()
            free[0].legend(shown.values(), shown.keys(), loc="center", frameon=False)
        else:
            add_legend(figure, shown, columns=2)
    return figure


def _bands(
    axis: Axes,
    results: Mapping[str, "Result"],
    metric: str,
    label: str,
    *,
    title: str = "",
    start: float = 0,
) -> None:
    """Draw a metric of every method against the step, from a step on: mean and bootstrap band of the mean."""
    for method, result in results.items():
        shown = result.step >= start
        values = result.history[metric][:, shown]
        draw_band(axis, result.step[shown], values, STYLES[method], label=method)
    axis.set(xlabel="training step", ylabel=label, title=title)
