"""Figure of a diagnosis: the variance by layer and kind of gate, and what each change does to it."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qbp.book.figures.style import PLAIN, drawing
from qbp.plateaus.diagnosis.words import SAYS

if TYPE_CHECKING:
    from qbp.plateaus.diagnosis.report import Change, Diagnosis

MARKERS = "osD^vPX"


def diagnosis(found: "Diagnosis") -> Figure:
    """Draw variances by layer, one marker for each kind of gate, and the effect of each change with its 95 %
    interval; filled bars explain the verdict.

    Args:
        found: the report.
    """
    shown = _shown(found)
    heights = [3.2, 0.8 + 0.36 * max(1, len(shown))]
    with drawing(7.2, sum(heights) + 0.4, rows=2, height_ratios=heights, layout="constrained") as drawn:
        figure, axes = drawn
        _layers(axes[0, 0], found)
        _changes(axes[1, 0], found, shown)
    return figure


def _shown(found: "Diagnosis") -> list["Change"]:
    """Return changes of one unit, per qubit where there is one, the largest effect last."""
    every = [c for c in found.changes if math.isfinite(c.effect)]
    per_qubit = [c for c in every if c.unit == "bits per qubit"]
    return sorted(per_qubit or every, key=lambda c: abs(c.effect))


def _layers(axis: Axes, found: "Diagnosis") -> None:
    kinds = list(dict.fromkeys(group.kind for group in found.groups))
    for kind, (color, _), marker in zip(kinds, PLAIN * len(kinds), MARKERS * len(kinds), strict=False):
        ours = [g for g in found.groups if g.kind == kind and g.variance > 0]
        if not ours:
            continue
        at, level = [g.layer + 1 for g in ours], [math.log2(g.variance) for g in ours]
        bars = [min(4.0, 1.96 * g.stderr / g.variance / math.log(2)) for g in ours]
        look: dict[str, Any] = {
            "color": color,
            "marker": marker,
            "markersize": 6,
            "capsize": 3,
            "linewidth": 1.2,
        }
        axis.errorbar(at, level, bars, label=kind, **look)
    if any(g.variance > 0 for g in found.groups):
        axis.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.22))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="layer", ylabel="gradient variance, log2 (bits)")


def _changes(axis: Axes, found: "Diagnosis", shown: list["Change"]) -> None:
    leading = {c.name for c in found.causes}
    for row, c in enumerate(shown):
        low, high = (c.effect - c.low if math.isfinite(c.low) else 0.0), c.high - c.effect
        face = PLAIN[1][0] if c.name in leading else "white"
        style: dict[str, Any] = {"color": face, "edgecolor": PLAIN[0][0], "height": 0.6}
        style |= {"capsize": 3, "zorder": 2}
        axis.barh(row, c.effect, xerr=[[low], [high]], **style)
    axis.axvline(0, color="0.4", linewidth=0.8)
    axis.set_yticks(range(len(shown)), [SAYS[c.name][0] for c in shown])
    axis.set(xlabel=f"effect on the variance, log2 ({shown[0].unit if shown else 'bits'})")


def check_path(path: str | Path) -> None:
    """Raise ValueError unless a figure can be written there.

    Raises:
        ValueError: `path` is no .svg or .png file in a folder that exists.
    """
    path = Path(path)
    if path.suffix not in (".svg", ".png") or path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"save must be a .svg or .png file in a folder that exists, got {str(path)!r}")


def save(found: "Diagnosis", path: str | Path) -> None:
    """Write :func:`diagnosis` into a file.

    Raises:
        ValueError: as for :func:`check_path`.
    """
    check_path(path)
    diagnosis(found).savefig(path)
