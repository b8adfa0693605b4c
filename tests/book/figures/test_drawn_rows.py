"""Pictures in the stored chapters show their rows: curves read back from the pixels, and from SVG paths.

The rows are read from the table's file and averaged here; of the package's drawing only the axes are used, to
say which pixel stands for which step and value, and the colour of a method.  So a figure of another metric,
method, table or seed is found, whoever drew it, and so is a stored picture of other rows.
"""

import base64
import io
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image
from scipy.spatial import cKDTree

from qbp.book import svg
from qbp.book.figures import training
from qbp.book.figures.style import STYLES
from qbp.experiments.result import Result
from qbp.results import store

ROOT = Path(__file__).parents[3]
NEAR = 3.0  # pixels between a curve and what is drawn of it: half a line of 2.2 points is 1.7
SEEN = 0.25  # share of a curve that is seen at least: a dash may be half a gap, and others may cover it
Curves = dict[str, np.ndarray]  # method: (records, 2), step and mean over seeds


def curves(table: str, metric: str) -> Curves:
    """The mean over seeds of each method, from the rows of a committed table."""
    frame = pd.read_parquet(ROOT / "results" / f"{table}.parquet")
    frame = frame[frame["metric"] == metric]
    methods = frame["config"].astype(str).map(lambda text: json.loads(text)["method"])
    means = frame.groupby([methods, "step"], observed=True)["value"].mean()
    return {method: means[method].reset_index().to_numpy() for method in methods.unique()}


def three(reading: str) -> Callable[[], Figure]:
    names = ("curve", "telecom", "mnist")
    return lambda: training.figure_1({name: store.load(f"{name}{reading}") for name in names})


def two(table: str, *metrics: str, unit: str = "") -> Callable[[], Figure]:
    return lambda: training.training_curves(store.load(table), metrics, unit=unit)


FIGURES = {  # (chapter, text of its cell): axes as they are drawn, and the rows of each axis
    ("figure-1", "training.figure_1(released)"): (
        three("-as-released"),
        [(f"{name}-as-released", "train_loss") for name in ("curve", "telecom", "mnist")],
    ),
    ("figure-1", "training.figure_1(written)"): (
        three(""), [(name, "train_loss") for name in ("curve", "telecom", "mnist")],
    ),
    ("index", "training.with_late_steps("): (
        lambda: training.with_late_steps(store.load("mnist"), "val_loss", unit="nats"),
        [("mnist", "val_loss")],
    ),
    ("mnist", 'store.load("mnist"), ["task_grad_var", "accuracy"]'): (
        two("mnist", "task_grad_var", "accuracy"), [("mnist", "task_grad_var"), ("mnist", "accuracy")],
    ),
    ("mnist", 'larger, ["val_loss", "accuracy"]'): (
        two("mnist-400", "val_loss", "accuracy", unit="nats"),
        [("mnist-400", "val_loss"), ("mnist-400", "accuracy")],
    ),
    ("curve", 'dense, ["train_loss", "val_loss"]'): (
        two("curve-64", "train_loss", "val_loss", unit="MSE"),
        [("curve-64", "train_loss"), ("curve-64", "val_loss")],
    ),
    ("telecom", 'many, ["train_loss", "val_loss"]'): (
        two("telecom", "train_loss", "val_loss", unit="MSE"),
        [("telecom", "train_loss"), ("telecom", "val_loss")],
    ),
}  # fmt: skip


def stored(chapter: str, text: str) -> np.ndarray:
    """The picture under the one cell of a chapter that has this text, (height, width, 3)."""
    cells = json.loads((ROOT / "book" / f"{chapter}.ipynb").read_text())["cells"]
    (cell,) = [cell for cell in cells if text in "".join(cell["source"]) and cell.get("outputs")]
    (data,) = [out["data"]["image/png"] for out in cell["outputs"] if "image/png" in out.get("data", {})]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), dtype=float)


def shown(figure: Figure) -> np.ndarray:
    """The picture of a figure as a notebook shows it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi="figure", bbox_inches="tight")
    return np.asarray(Image.open(file).convert("RGB"), dtype=float)


def pixels(figure: Figure, axis: Axes, points: np.ndarray, height: int) -> np.ndarray:
    """Columns and rows of the picture where data points stand, (points, 2); the figure was saved before."""
    box = figure.get_tightbbox().padded(mpl.rcParams["savefig.pad_inches"])
    column, row = (axis.transData.transform(points) - np.array([box.x0, box.y0]) * figure.dpi).T
    return np.stack([column, height - 1 - row], -1)


def along(points: np.ndarray) -> np.ndarray:
    """Points a pixel apart along the line through some points."""
    pieces = [
        a + np.linspace(0, 1, int(np.hypot(*(b - a))) + 2)[:, None] * (b - a)
        for a, b in itertools.pairwise(points)
    ]
    return np.concatenate(pieces)


def differences(picture: np.ndarray, figure: Figure, rows: list[Curves]) -> list[str]:
    """What a picture draws that is not in the rows, and what of the rows it does not draw."""
    shown(figure)  # sets its layout
    found = []
    for number, (axis, methods) in enumerate(zip(figure.axes, rows, strict=False)):
        frame = np.array([axis.get_xlim(), axis.get_ylim()]).T
        (left, bottom), (right, top) = pixels(figure, axis, frame, len(picture))
        for method, points in methods.items():
            line = along(pixels(figure, axis, points, len(picture)))
            inside = (line[:, 0] > left) & (line[:, 0] < right) & (line[:, 1] > top) & (line[:, 1] < bottom)
            line, colour = line[inside], 255 * np.array(to_rgb(STYLES[method][0]))
            row, column = np.nonzero(abs(picture - colour).max(-1) < 24)
            here = (column > left + 2) & (column < right - 2) & (row > top + 2) & (row < bottom - 2)
            ink = np.stack([column, row], -1)[here]
            if not len(ink):
                found.append(f"panel {number}: nothing of {method}")
                continue
            off, missing = cKDTree(line).query(ink)[0], cKDTree(ink).query(line)[0]
            if (share := np.mean(off > NEAR)) > 0.02:
                found.append(f"panel {number}: {share:.0%} of the ink of {method} is off its rows")
            if (share := np.mean(missing < NEAR)) < SEEN:
                found.append(f"panel {number}: {share:.0%} of the rows of {method} are drawn")
    return found


@pytest.mark.parametrize(("chapter", "text"), FIGURES)
def test_a_stored_picture_shows_the_rows_of_its_table(chapter, text):
    draw, tables = FIGURES[chapter, text]
    assert differences(stored(chapter, text), draw(), [curves(*table) for table in tables]) == []


@pytest.mark.parametrize("chapter", sorted({chapter for chapter, _ in FIGURES}))
def test_the_cells_say_which_tables_they_draw(chapter):
    cells = json.loads((ROOT / "book" / f"{chapter}.ipynb").read_text())["cells"]
    for (name, text), (_, tables) in FIGURES.items():
        if name == chapter:
            (cell,) = [c for c in cells if text in "".join(c["source"]) and c.get("outputs")]
            assert {table for table, _ in tables} <= set(cell["metadata"]["tables"])


FAULTS: dict[str, Callable[[dict[str, Result]], dict[str, Result]]] = {
    "another metric": lambda found: {
        m: replace(r, history={**r.history, "train_loss": r.history["val_loss"]}) for m, r in found.items()
    },
    "two methods in each other's place": lambda found: {
        **found, "no-init": found["sellier"], "sellier": found["no-init"],
    },
    "a few per cent more": lambda found: {
        **found, "two-stage": changed(found["two-stage"], lambda values: 1.1 * values),
    },
    "one seed for the mean": lambda found: {
        m: changed(r, lambda values: np.broadcast_to(values[:1], values.shape)) for m, r in found.items()
    },
    "a step late": lambda found: {
        m: changed(r, lambda values: np.roll(values, 5, axis=1)) for m, r in found.items()
    },
}  # fmt: skip


def changed(result: Result, change: Callable[[np.ndarray], np.ndarray]) -> Result:
    return replace(result, history={name: change(values) for name, values in result.history.items()})


@pytest.fixture(scope="module")
def telecom() -> tuple[dict[str, Result], list[Curves]]:
    return store.load("telecom"), [curves("telecom", "train_loss")]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_picture_of_other_values_is_found(fault, telecom):
    found, rows = telecom
    figure = training.training_curves(FAULTS[fault](found), unit="MSE")
    assert differences(shown(figure), figure, rows) != []


def paths(text: str) -> dict[str, list[np.ndarray]]:
    """The lines of an SVG by their colour, each (points, 2) in points from the upper left."""
    found: dict[str, list[np.ndarray]] = {}
    for tag in re.findall(r"<path [^>]*>", text):
        steps, colour = re.search(r" d='m([^'z]*)'", tag), re.search(r"stroke:(#\w{6})", tag)
        if steps and colour and "fill:none" in tag:
            numbers = np.array(re.findall(r"-?(?:\d+\.?\d*|\.\d+)", steps[1]), dtype=float)
            found.setdefault(colour[1].upper(), []).append(numbers.reshape(-1, 2).cumsum(0))
    return found


@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_the_paths_of_an_svg_are_the_rows(fault, telecom):
    found, (rows,) = telecom
    figure = training.training_curves(FAULTS[fault](found) if fault else found, unit="MSE")
    lines, axis = paths(svg.svg(figure)), figure.axes[0]
    apart = []
    for method, points in rows.items():
        column, row = axis.transData.transform(points).T * 72 / figure.dpi
        expected = np.stack([column, 72 * figure.get_figheight() - row], -1)
        drawn = max(lines[STYLES[method][0].upper()], key=len)  # the other is in the legend
        apart += [cKDTree(along(8 * expected)).query(8 * drawn)[0].max() / 8]
        apart += [cKDTree(along(8 * drawn)).query(8 * expected)[0].max() / 8]
    assert (max(apart) < 0.5) == (fault is None), apart  # points; the width of a line is 2.2
