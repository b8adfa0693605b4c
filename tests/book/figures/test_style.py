"""Parts that figures share, and figures of noise, starts and the regression: drawn where the numbers are."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drawn import legend_outside

import qbp
from qbp.book.figures import diagrams, noise_plots, regression_plots, start_plots, style
from qbp.experiments.regression import RegressionExperiment
from qbp.statistics.intervals import Interval, band
from qbp.studies.start_ensembles import WHENS

SHAPES = [((), {}, ()), ((3,), {}, (3,)), ((3, 2), {}, (2, 3)), ((1, 1), {"font": 7}, (1, 1))]


@pytest.mark.parametrize(("count", "options", "shape"), SHAPES)
def test_a_figure_has_its_axes_and_its_text_and_is_closed(count, options, shape):
    with style.drawing(4, 3, *count, **options) as (figure, axes):
        assert np.shape(axes) == shape and figure.get_size_inches().tolist() == [4, 3]
        assert plt.rcParams["font.size"] == options.get("font", style.STYLE["font.size"])
    assert plt.get_fignums() == []


def test_a_band_is_the_mean_over_runs_and_its_interval():
    values = np.random.default_rng(0).normal(size=(9, 4))
    _, low, high = band(values)
    with style.drawing(4, 3) as (_, axis):
        line = style.draw_band(axis, range(4), values, ("red", "--"), label="runs")
    np.testing.assert_allclose(line.get_ydata(), values.mean(0))
    inside = axis.collections[0].get_paths()[0].vertices
    for step in range(4):
        ends = inside[inside[:, 0] == step, 1]
        np.testing.assert_allclose([ends.min(), ends.max()], [low[step], high[step]])


@pytest.mark.parametrize("upright", [True, False])
def test_an_interval_lies_across_the_page_or_stands_and_has_no_line_without_an_end(upright):
    with style.drawing(4, 3) as (_, axis):
        for ends in ((0.5, 2.0), (np.nan, 2.0), (0.5, np.inf)):
            style.interval_mark(axis, 7, (1, *ends), ("o", "white", "red"), size=5, upright=upright)
    order = slice(None) if upright else slice(None, None, -1)
    drawn = [line.get_xydata()[:, order].tolist() for line in axis.get_lines()]
    assert drawn == [[[7, 0.5], [7, 2]], [[7, 1]], [[7, 1]], [[7, 1]]]


def test_bars_reach_the_ends_of_the_intervals_and_none_that_does_not_exist():
    means = [Interval(2, 1, 4, 9), Interval(3, np.nan, np.nan, 1)]
    with style.drawing(4, 3) as (_, axis):
        _, _, (bars,) = style.interval_bars(axis, [5, 6], means, fmt="o")
    np.testing.assert_allclose(bars.get_segments(), [[[5, 1], [5, 4]], [[6, 3], [6, 3]]])


def test_gradients_under_noise_stand_at_their_layers():
    points = {"measured": {1: Interval(0.5, 0.4, 0.6, 9), 4: Interval(0.1, 0.05, 0.2, 9)}}
    figure = noise_plots.against_depth(
        points, {"measured": {1: 0.5}, "law": {1: 0.4, 4: 0.1}}, "gradient (J)"
    )
    legend = legend_outside(figure)
    assert [text.get_text() for text in legend.get_texts()] == ["law", "measured"]
    np.testing.assert_allclose(figure.axes[0].get_lines()[0].get_xydata(), [[1, 0.5], [4, 0.1]])
    layers = np.stack([np.full((6, 2), size) for size in (0.4, 0.2, 0.1)], axis=1)
    (axis,) = noise_plots.by_layer({"3 layers": {"exact": layers}}, "gradient (J)").axes
    np.testing.assert_allclose(axis.get_lines()[0].get_xydata(), [[1, 0.4], [2, 0.2], [3, 0.1]])


def test_variances_stand_at_their_qubits_before_and_after():
    rows = [(kind, n, when, 2.0**-n) for kind in ("product", "circuit") for n in (4, 6) for when in WHENS]
    frame = pd.DataFrame(rows, columns=["target", "qubits", "when", "variance"]).assign(depth="n")
    frame["low"], frame["high"] = frame["variance"] / 2, frame["variance"] * 2
    figure = start_plots.against_qubits(frame)
    assert [text.get_text() for text in legend_outside(figure).get_texts()] == list(WHENS)
    np.testing.assert_allclose(figure.axes[0].get_lines()[0].get_xydata(), [[4, 2**-4], [6, 2**-6]])
    points = {"target": "product", "information": [0.1, 0.9], "gain": [2.0, 8.0], "target_layers": 2}
    figure = start_plots.against_information(pd.DataFrame(points))
    np.testing.assert_allclose(figure.axes[0].get_lines()[0].get_xydata(), [[0.1, 2], [0.9, 8]])


def test_the_regression_has_every_run_on_its_strip_and_the_mean_of_each_depth():
    arms = {m: qbp.run(RegressionExperiment(method=m, seeds=3, steps=2)) for m in ("no-init", "two-stage")}
    figure = regression_plots.every_run(arms, reported={"no-init": 0.5}, limit=0.01)
    shown = [text.get_text() for text in legend_outside(figure).get_texts()]
    assert shown == ["a run", "mean and 95 % interval", "reported, one run", "least for |f| ≤ 1"]
    strip = figure.axes[0].get_lines()[0]
    np.testing.assert_allclose(strip.get_xdata(), np.sort(arms["no-init"].final("val_loss")))
    found = {(m, n): result for m, result in arms.items() for n in (1, 2)}
    figure = regression_plots.against_depth({"plain": found})
    names = [text.get_text() for text in legend_outside(figure).get_texts()]
    assert names == [f"{m}, {part}" for m in arms for part in ("test", "training")]
    test, training = figure.axes[0].containers[:2]
    for container, metric in ((test, "val_loss"), (training, "train_loss")):
        np.testing.assert_allclose(container[0].get_ydata(), arms["no-init"].final(metric).mean())
    assert test[0].get_linestyle() != "None" and training[0].get_linestyle() == "None"
    learned = regression_plots.learned({"plain": arms}).axes[0].get_lines()
    assert [line.get_label() for line in learned] == ["target", *arms]


def test_a_result_without_its_parameters_is_named():
    result = qbp.run(RegressionExperiment(seeds=1, steps=1))
    stored = qbp.Result(result.config, None, result.step, result.history, None, result.diverged, 0.0)
    with pytest.raises(ValueError, match=r"result must have its parameters, .* train it with qbp\.run"):
        diagrams.trained(stored)
