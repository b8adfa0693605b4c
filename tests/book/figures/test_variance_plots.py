"""Figures of gradient variances: what is drawn is what was found, labelled, the legend outside."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from drawn import legend_outside

import qbp
from qbp.book.figures import variance_plots
from qbp.plateaus.pauli import trace
from qbp.statistics.curves import decay_fit
from qbp.studies.variance_studies import OBSERVABLES, Row, Study, decay, rows

CIRCUIT, ZZ = qbp.HardwareEfficient(4, 3), OBSERVABLES["zz"](4)


def bounds(*numbers):
    return [Row(n, 1, "zz", "pauli-walk", 9, "mean", np.nan, np.nan, np.nan, 0.1, 0) for n in numbers]


@pytest.fixture(scope="module")
def tables():
    return {"zz": list(rows(Study("2-4", layers="1", samples=20))), "no estimate": bounds(3, 4)}


@pytest.fixture(scope="module")
def pair():
    return tuple(
        qbp.gradient_variance(CIRCUIT, ZZ, samples=300, walks=2**13, engine=engine)
        for engine in ("statevector", "pauli-walk")
    )


@pytest.fixture(scope="module")
def figures(tables, pair):
    deep = [row for layers in ("1", "4", "16") for row in rows(Study("3", layers=layers, samples=20))]
    values = np.linspace(-0.5, 0.5, 11)
    sizes, mean = np.array([2, 4, 6]), np.array([0.2, 0.06, 0.02])
    fit = {"gradient": {"zz": decay_fit(sizes, mean)}, "curvature": {"zz": decay_fit(sizes, mean / 2)}}
    means = {"gradient": {"zz": (mean, mean / 10)}, "curvature": {"zz": (mean / 2, mean / 10)}}
    return {
        "decays": variance_plots.decays(tables, references={"exact": {2: -2.0, 4: -4.0}}),
        "joined": variance_plots.decays(tables, fits=False),
        "against_layers": variance_plots.against_layers({"n = 3": deep}, references={"n = 3": -4.0}),
        "scalings": variance_plots.scalings(means, fit, sizes, ylabel="mean square, log2 (bits)"),
        "expressibility_and_gradients": variance_plots.expressibility_and_gradients(
            [1, 2, 4], mean, {"zz": mean, "tfim": 2 * mean}, {"zz": 0.01, "tfim": 0.02}
        ),
        "both_engines": variance_plots.both_engines({"n = 4": pair}),
        "histograms": variance_plots.histograms({"a": values, "b": values / 5}),
        "walk_picture": variance_plots.walk_picture(*trace.walk_trace(CIRCUIT, "ZZII")),
        "points_on_lines": variance_plots.points_on_lines(
            {"a": {2: 0.5, 3: 0.25}, "limit": {2: 0.2, 3: 0.2}},
            {"a": {2: (0.52, 0.01), 3: (0.24, 0.01)}},
            ("number of qubits (dimensionless)", "variance (dimensionless)"),
        ),
    }


NAMES = [
    "decays", "joined", "against_layers", "scalings", "expressibility_and_gradients", "both_engines",
    "histograms", "walk_picture", "points_on_lines",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_labelled_in_units_with_its_legend_outside(figures, name, tmp_path):
    figure = figures[name]
    figure.savefig(tmp_path / "figure.png")  # a warning is an error
    assert plt.get_fignums() == []
    for axis in figure.axes:
        assert "(" in axis.get_xlabel() and "(" in axis.get_ylabel() and axis.get_legend() is None
    if name != "histograms":  # whose panels have titles
        legend_outside(figure)


def test_decays_shows_every_size_its_fit_a_reference_and_a_bound(figures, tables):
    (axis,) = figures["decays"].axes
    drawn = [line for line in axis.get_lines() if len(line.get_xdata()) > 1]
    reference, points = drawn[:2]
    (fit,) = (line for line in drawn[1:] if line.get_linestyle() != "None")
    np.testing.assert_allclose(reference.get_xydata(), [[2, -2], [4, -4]])
    np.testing.assert_allclose(points.get_ydata(orig=False), [row.log2_variance for row in tables["zz"]])
    slope = np.diff(fit.get_ydata(orig=False))
    np.testing.assert_allclose(slope, decay(tables["zz"]).slope_bits_per_qubit)
    np.testing.assert_allclose(drawn[-1].get_ydata(orig=False), np.log2([0.1, 0.1]))
    (joined,) = figures["joined"].axes
    assert joined.get_xscale() == "log" and "bits per qubit" not in str(joined.get_legend_handles_labels())


def test_layers_have_their_reference_in_their_colour(figures):
    (axis,) = figures["against_layers"].axes
    points, reference = axis.get_lines()[0], axis.get_lines()[-1]
    assert points.get_xdata().tolist() == [1, 4, 16] and list(reference.get_ydata()) == [-4.0, -4.0]
    assert points.get_color() == reference.get_color()


def test_both_engines_shows_every_parameter_with_a_variance(figures, pair):
    (axis,) = figures["both_engines"].axes
    points = axis.get_lines()[0].get_xydata()
    kept = pair[1].variance > 0
    np.testing.assert_allclose(points, np.log2([found.variance[kept].numpy() for found in pair]).T)
    assert abs(points[:, 0] - points[:, 1]).mean() < 0.3  # near the line


def test_histograms_add_up_and_share_their_axes(figures):
    left, right = figures["histograms"].axes
    for axis in (left, right):
        (stairs,) = axis.patches
        assert stairs.get_data().values.sum() == pytest.approx(1)
    assert left.get_xlim() == right.get_xlim() and left.get_ylim() == right.get_ylim()


def test_the_picture_of_a_walk_has_the_letters_where_they_are(figures):
    strings, _ = trace.walk_trace(CIRCUIT, "ZZII")
    (axis,) = figures["walk_picture"].axes
    for line in axis.get_lines():
        if line.get_label() in variance_plots.LETTERS:
            for time, qubit in line.get_xydata().astype(int):
                assert strings[::-1][time][qubit] == line.get_label()
    assert [label.get_text() for label in axis.get_xticklabels()] == ["start", "measured"]


def test_a_file_that_will_not_do_is_named(tmp_path, tables):
    variance_plots.save_decays(tables, tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size > 1000
    for bad in (tmp_path / "figure.pdf", tmp_path, tmp_path / "none" / "figure.png"):
        with pytest.raises(ValueError, match=r"plot must be a \.svg or \.png file in a folder that exists"):
            variance_plots.save_decays({}, bad)


def test_means_and_their_decays_are_drawn_where_they_are(figures):
    bits = figures["expressibility_and_gradients"].axes[0].get_lines()[0].get_ydata()
    np.testing.assert_allclose(bits, np.log2([0.2, 0.06, 0.02]))
    slopes = [line for line in figures["scalings"].axes[0].get_lines() if line.get_linestyle() != "None"]
    assert np.diff(slopes[0].get_ydata())[0] == pytest.approx(np.log2(0.02 / 0.2) / 2, rel=0.05)


def test_what_was_measured_has_the_colour_of_its_line_and_a_reference_is_grey(figures):
    (axis,) = figures["points_on_lines"].axes
    line, measured, *_, reference = [x for x in axis.get_lines() if len(x.get_xdata()) == 2]
    assert measured.get_ydata().tolist() == [0.52, 0.24] and line.get_ydata().tolist() == [0.5, 0.25]
    assert line.get_color() == measured.get_color() != reference.get_color() == "0.6"
    assert axis.get_yscale() == "log"
