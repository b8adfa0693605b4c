"""Style of every figure: one colour and one dash per method, axes, legends; bands and intervals."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from qbp.statistics.intervals import band

if TYPE_CHECKING:
    from qbp.statistics.intervals import Interval

# One colour and one dash per method across the book, told apart without colour vision too (Okabe & Ito 2008).
STYLES: dict[str, tuple[str, Any]] = {
    "two-stage": ("#0072B2", "-"),
    "two-stage-ridge": ("#CC79A7", (0, (5, 1.5))),
    "no-init": ("#D55E00", (0, (1.2, 1.2))),
    "sellier": ("#009E73", (0, (6, 1.5, 1.2, 1.5))),
    "sellier-released": ("#999933", (0, (2.5, 1.2))),
    "heavy-ball": ("#882255", (0, (9, 1.5, 1.2, 1.5, 1.2, 1.5))),
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
PLAIN: list[tuple[str, Any]] = [
    ("black", "-"),
    ("#56B4E9", (0, (5, 1.5))),
    ("#E69F00", (0, (1.2, 1.2))),
    ("0.55", (0, (6, 1.5, 1.2, 1.5))),
    ("#8B5A2B", (0, (9, 2))),
    ("#4B2E83", (0, (3, 1, 1, 1, 1, 1))),
]
MARKERS = [("s", 9), ("o", 9), ("^", 15), ("D", 20)]  # the last two are drawn hollow, around another
POINTS = ["o", "s", "^", "D", "v", "P"]
# Libraries timed beside each other: ours black, the others a colour each.
PEERS: dict[str, tuple[str, Any]] = {
    "qbp": ("black", "-"),
    "qbp (torch path)": ("black", (0, (4, 1.5))),
    "PennyLane JAX": ("#56B4E9", "-"),
    "PennyLane Lightning": ("#4B2E83", (0, (6, 1.5, 1.2, 1.5))),
    "TensorCircuit unrolled": ("#E69F00", "-"),
    "TensorCircuit scanned": ("#8B5A2B", (0, (4, 1.5))),
    "Qulacs": ("#B22222", (0, (1.2, 1.2))),
    "TorchQuantum": ("#6B8E23", (0, (9, 2))),
    "PyTorch loop": ("0.35", (0, (3, 1, 1, 1))),
    "limit": ("0.6", (0, (1, 1))),
}
UNITS = {"curve": "MSE", "telecom": "MSE", "mnist": "nats"}  # of each experiment's task loss
STYLE: dict[str, Any] = {
    "font.size": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "lines.linewidth": 2.2,
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
}


@contextmanager
def drawing(
    width: float,
    height: float,
    panels: int | None = None,
    rows: int | None = None,
    *,
    grid: bool = True,
    font: float = STYLE["font.size"],
    **options: Any,
) -> Iterator[tuple[Figure, Any]]:
    """Open a figure in the book's style and close it at the end, so that it is shown once.

    Args:
        width, height: in inches.
        panels: how many stand in a row; None is a single axis.
        rows: how many rows there are; None is one.
        grid: whether axes have one.
        font: size of the text, in points.
        options: of `plt.subplots`.

    Yields:
        The figure, and its axis, the row of them or, with `rows`, the array of them.
    """
    look: Any = {**STYLE, "axes.grid": grid, "font.size": font}
    with plt.rc_context(look):
        size = (width, height)
        figure, axes = plt.subplots(rows or 1, panels or 1, figsize=size, squeeze=False, **options)
        yield figure, axes if rows else axes[0] if panels else axes[0, 0]
        plt.close(figure)


def one_two_five(value: float, position: float | None = None) -> str:
    """Write a tick of a logarithmic axis if its first digit is 1, 2 or 5."""
    return f"{value:g}" if f"{value:e}"[0] in "125" else ""


def log_axis(axis: Axes) -> None:
    """Make the vertical axis logarithmic, with plain numbers at 1, 2 and 5 if it spans under two decades."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.yaxis.set_minor_formatter(NullFormatter())
    if high < 100 * low:
        axis.yaxis.set_major_formatter(one_two_five)
        axis.yaxis.set_minor_formatter(one_two_five)


def draw_band(
    axis: Axes, x: Any, values: np.ndarray, look: tuple[Any, ...], alpha: float = 0.2, **line: Any
) -> Artist:
    """Draw the mean over runs and the 95 % bootstrap band of the mean, in a colour and a dash."""
    mean, low, high = band(values)
    axis.fill_between(x, low, high, color=look[0], alpha=alpha, linewidth=0)
    return axis.plot(x, mean, color=look[0], linestyle=look[1], **line)[0]


def interval_bars(axis: Axes, x: Any, means: Sequence["Interval"], **look: Any) -> ErrorbarContainer:
    """Draw means with the bars of their intervals; an end that does not exist has no bar."""
    mean, low, high = np.array([[one.mean, one.low, one.high] for one in means]).T
    return axis.errorbar(x, mean, np.nan_to_num([mean - low, high - mean]).clip(min=0), **look)


def interval_mark(
    axis: Axes,
    at: float,
    interval: Sequence[float] | np.ndarray,
    mark: tuple[str, str, str],
    *,
    size: float,
    upright: bool = False,
    **line: Any,
) -> None:
    """Draw a mean and a line from the low to the high end of its interval, across the page or upright.

    Args:
        axis: to draw on.
        at: where it stands on the other axis.
        interval: mean, low and high; without finite ends there is no line.
        mark: marker, colour of its face, colour of its edge and of the line.
        size: of the marker, in points.
        upright: whether the interval goes up the page.
        **line: how the line looks.
    """
    (mean, *ends), (marker, face, edge) = interval, mark
    span: Any = ([at, at], ends) if upright else (ends, [at, at])
    if np.isfinite(ends).all():
        axis.plot(*span, color=edge, **line)
    look: dict[str, Any] = {"markeredgecolor": edge, "markeredgewidth": 1.5, "markersize": size}
    axis.plot(*((at, mean) if upright else (mean, at)), marker, color=face, **look)


def add_legend(figure: Figure, source: Axes | Mapping[str, Any], columns: int = 4) -> None:
    """Put the legend above the figure, off the data: from an axis, or label -> artist or several."""
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
