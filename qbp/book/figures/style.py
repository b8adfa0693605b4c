"""Style of every figure: one colour and one dash per method, axes, legends."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

# One colour and one dash per method across the book, told apart without colour vision too (Okabe & Ito 2008).
STYLES: dict[str, tuple[str, str]] = {
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
PLAIN = [
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
PEERS = {
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
STYLE = {
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
    width: float, height: float, panels: int | None = None, *, grid: bool = True, **options: Any
) -> Iterator[tuple[Figure, Any]]:
    """Open a figure in the book's style and close it at the end, so that it is shown once.

    Args:
        width, height: in inches.
        panels: how many stand in a row; None is a single axis.
        grid: whether axes have one.
        options: of `plt.subplots`.

    Yields:
        The figure, and its axis or the row of them.
    """
    with plt.rc_context({**STYLE, "axes.grid": grid}):
        figure, axes = plt.subplots(1, panels or 1, figsize=(width, height), squeeze=False, **options)
        yield figure, axes[0] if panels else axes[0, 0]
        plt.close(figure)


def log_axis(axis: Axes) -> None:
    """Make the vertical axis logarithmic, with plain numbers at 1, 2 and 5 if it spans under two decades."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    axis.yaxis.set_minor_formatter(NullFormatter())
    if high < 100 * low:
        plain = FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "125" else "")
        axis.yaxis.set_major_formatter(plain)
        axis.yaxis.set_minor_formatter(plain)


def add_legend(
    figure: Figure, source: Axes | Mapping[str, Artist | tuple[Artist, ...]], columns: int = 4
) -> None:
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
