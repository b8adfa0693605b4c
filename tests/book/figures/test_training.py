"""Figures: labelled, with the legend outside, one style per method in all of them, and none left open."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from drawn import legend_outside
from matplotlib.colors import to_hex

import qbp
from qbp.book.figures import diagrams, style, training
from qbp.book.figures.style import LABELS, STYLES
from qbp.experiments.perceptrons import METHODS
from qbp.perceptrons import datasets

SMALL = {"device": "cpu", "n_hidden": 5, "steps": 6, "seeds": 2}
METRICS = ["train_loss", "val_loss", "task_grad_var", "accuracy"]


@pytest.fixture(scope="module")
def curve():
    return qbp.compare("curve", METHODS, **SMALL)


@pytest.fixture(scope="module")
def digits():
    return qbp.compare("mnist", ["two-stage", "no-init"], per_class=5, **SMALL)


@pytest.fixture(scope="module")
def telecom():
    return qbp.compare("telecom", ["two-stage", "no-init"], **SMALL)


@pytest.fixture(scope="module")
def figures(curve, digits, telecom):
    angles = np.linspace(0, 1, 5)
    path = np.stack([angles, angles], -1)
    maps = {"left": np.add.outer(angles, angles), "right": np.outer(angles, angles)}
    released = ["two-stage", "no-init", "sellier"]
    two = {"left": {"f": angles, "g": angles**2}, "right": {"g": angles}}
    fit = {"": {"truth": angles, "no-init": angles**2}}
    norms, tau = np.array([0.1, 0.4, 0.3, 0.2]), {"a": 0.2, "b": 0.05}
    left = {"steps": 3.0, "threshold": 1.0, "plateau": 3.0, "threshold-or-plateau": 1.0}
    return {
        "training_curves": training.training_curves(digits, METRICS, unit="nats"),
        "one_panel": training.training_curves(curve, unit="MSE", log=False),
        "plotted_and_true": training.plotted_and_true({m: curve[m] for m in released}, unit="MSE"),
        "fits": diagrams.fits(curve, datasets.curve(), qbp.MLP(1, 5, 1)),
        "figure_1_released": training.figure_1_released({"curve": curve, "telecom": telecom}, inset=(3, 6)),
        "own_and_true": training.own_and_true({"curve": {m: curve[m] for m in released}, "mnist": digits}),
        "study_curves": training.study_curves(
            {"curve": {**curve, "ball again": curve["heavy-ball"]}, "telecom": telecom}
        ),
        "figure_1": training.figure_1({"curve": curve, "telecom": telecom, "mnist": digits}),
        "errors": training.errors(
            {
                f"{name} (J)": {m: np.exp(-r.history["loss"]) for m, r in curve.items()}
                for name in ("energy error", "other")
            },
            curve["no-init"].step,
            references={"energy error (J)": {"best product state": 0.4}},
        ),
        "seed_by_seed": diagrams.seed_by_seed(
            curve["two-stage"], curve["no-init"], "val_loss", step=6, unit="MSE"
        ),
        "forecasts": diagrams.forecasts(telecom, datasets.telecom(), qbp.MLP(12, 5, 1), length=50),
        "landscapes": diagrams.landscapes(maps, angles, {"two-stage": path, "no-init": path[::-1]}, switch=2),
        "digits": diagrams.digits(datasets.mnist(5), per_class=3),
        "lines": diagrams.lines(two, angles, xlabel="x (radians)", ylabel="local loss (dimensionless)"),
        "fit": diagrams.lines(
            fit, angles, xlabel="x (radians)", ylabel="y (m)", points=(angles, angles), ylim=(0, 2)
        ),
        "exits": diagrams.exits({"a": norms, "b": norms}, {"a": left, "b": {**left, "plateau": np.inf}}, tau),
    }


METHODS_SHOWN = [
    "training_curves",
    "one_panel",
    "plotted_and_true",
    "fits",
    "figure_1_released",
    "figure_1",
    "own_and_true",
    "study_curves",
    "forecasts",
    "landscapes",
    "fit",
]
DRAWN = [*METHODS_SHOWN, "lines", "exits"]
NAMES = [*DRAWN, "digits"]


def panels(figure):
    return [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_draws_and_none_is_left_open(figures, name, tmp_path):
    assert plt.get_fignums() == []
    figures[name].savefig(tmp_path / "figure.png")  # a warning is an error
    assert (tmp_path / "figure.png").stat().st_size > 1000
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", DRAWN)
def test_axes_say_what_they_show_and_in_which_unit(figures, name):
    for axis in panels(figures[name]):
        assert axis.get_xlabel() and axis.get_ylabel()
        assert (
            "step" in axis.get_xlabel() or "(" in axis.get_xlabel()
        )  # steps are counted; the rest has a unit
        if "loss" in axis.get_ylabel():
            assert any(unit in axis.get_ylabel() for unit in ("(MSE)", "(nats)", "(dimensionless)"))
    for axis in set(figures[name].axes) - set(panels(figures[name])):
        assert "(" in axis.get_ylabel()  # a colour bar has its unit too


def test_panels_of_training_curves_name_their_metric(figures):
    labels = [axis.get_ylabel() for axis in figures["training_curves"].axes]
    assert labels[:2] == ["training loss (nats)", "validation loss (nats)"]
    assert labels[2:] == [LABELS["task_grad_var"], LABELS["accuracy"]]
    assert [axis.get_yscale() for axis in figures["training_curves"].axes] == ["log"] * 3 + ["linear"]
    assert figures["one_panel"].axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("name", DRAWN)
def test_the_legend_stands_outside_the_axes(figures, name):
    legend_outside(figures[name])


def styles(figure):
    """Yield (method, colour, dash) of the lines that carry a method's name."""
    for axis in panels(figure):
        for line in axis.get_lines():
            if line.get_label() in STYLES:
                yield line.get_label(), to_hex(line.get_color()), line._unscaled_dash_pattern


@pytest.mark.parametrize("name", METHODS_SHOWN)
def test_a_method_has_its_style_in_every_figure(figures, name):
    found = list(styles(figures[name]))
    assert found
    for method, color, dash in found:
        expected = plt.Line2D([], [], color=STYLES[method][0], linestyle=STYLES[method][1])
        assert (color, dash) == (STYLES[method][0].lower(), expected._unscaled_dash_pattern), method
    shown = {text.get_text() for text in figures[name].legends[0].get_texts()}
    assert {method for method, *_ in found} <= shown


def test_styles_tell_methods_apart_by_colour_and_by_dash():
    assert STYLES.keys() == set(METHODS)
    assert len({color for color, _ in STYLES.values()}) == len({dash for _, dash in STYLES.values()}) == 6


def test_lines_are_the_means_over_seeds_and_bands_hold_them(curve, figures):
    axis = figures["one_panel"].axes[0]
    lines = {line.get_label(): line for line in axis.get_lines()}
    for method, result in curve.items():
        np.testing.assert_allclose(lines[method].get_ydata(), result.history["train_loss"].mean(0))
        np.testing.assert_array_equal(lines[method].get_xdata(), result.step)
    assert len(axis.collections) == len(curve)


def test_own_quantities_stand_above_the_loss_on_the_data(curve, figures):
    own, _, true, _ = figures["own_and_true"].axes
    for axis, metric in ((own, "loss"), (true, "train_loss")):
        (line,) = [line for line in axis.get_lines() if line.get_label() == "two-stage"]
        np.testing.assert_allclose(line.get_ydata(), curve["two-stage"].history[metric].mean(0))
    assert true.get_ylabel() == "training loss (MSE)" and true.get_ylim()[0] == 0


def test_a_second_row_of_a_method_looks_like_no_method_and_the_same_in_every_panel(figures):
    left, _ = figures["study_curves"].axes
    look = {line.get_label(): line.get_color() for line in left.get_lines()}
    assert look["heavy-ball"] == STYLES["heavy-ball"][0]
    assert look["ball again"] in {color for color, _ in style.PLAIN}


def test_one_run_draws_without_a_warning(tmp_path):
    one = qbp.compare("curve", ["two-stage"], **{**SMALL, "seeds": 1, "steps": 0})
    for figure in (training.training_curves(one), training.plotted_and_true(one, unit="MSE")):
        figure.savefig(tmp_path / "one.png")
    diagrams.fits(one, datasets.curve(), qbp.MLP(1, 5, 1)).savefig(tmp_path / "one.png")
    assert plt.get_fignums() == []


def test_drawing_changes_no_setting(curve):
    before = dict(plt.rcParams)
    training.training_curves(curve)
    assert dict(plt.rcParams) == before and torch.get_default_dtype() == torch.float32


def test_digits_shows_a_column_per_class(figures):
    axes = figures["digits"].axes
    assert len(axes) == 30 and all(axis.images[0].get_array().shape == (28, 28) for axis in axes)


def test_lines_keep_their_style_from_panel_to_panel_and_never_borrow_a_methods(figures):
    left, right = figures["lines"].axes
    look = {line.get_label(): line.get_color() for line in left.get_lines()}
    assert look["g"] == right.get_lines()[0].get_color() != look["f"]
    assert not {color for color, _ in style.PLAIN} & {color for color, _ in STYLES.values()}


def test_exits_marks_each_rule_on_the_curve_and_no_exit_that_is_not_there(figures):
    for axis, missing in zip(figures["exits"].axes, (None, "plateau"), strict=True):
        marks = {line.get_label(): line.get_xydata().tolist() for line in axis.get_lines()}
        assert marks["threshold"] == [[1.0, 0.4]] and marks["steps"] == [[3.0, 0.2]]
        assert marks["plateau"] == ([] if missing else [[3.0, 0.2]])


def test_forecasts_are_the_models_outputs_at_the_end_of_validation(telecom, figures):
    data = datasets.telecom()
    lines = {line.get_label(): line.get_ydata() for line in figures["forecasts"].axes[0].get_lines()}
    last = data.val[-50:]
    np.testing.assert_array_equal(lines["series"], data.y[last, 0])
    model = qbp.MLP(12, 5, 1)
    for method, result in telecom.items():
        np.testing.assert_allclose(lines[method], model(result.theta, data.x)[0, last, 0])


def test_figure_1_as_released_shows_each_methods_own_loss_and_its_late_steps(curve, figures):
    axis = figures["figure_1_released"].axes[0]
    (zoom,) = axis.child_axes
    assert axis.get_ylabel() == "each method's own quantity" and "3-6" in zoom.get_title()
    for line, late, result in zip(axis.get_lines(), zoom.get_lines(), curve.values(), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), result.minibatch_loss[0])
        np.testing.assert_array_equal(late.get_xydata(), line.get_xydata()[3:7])


def test_figure_1_has_one_metric_in_its_unit_on_log_axes(digits, figures):
    axes = figures["figure_1"].axes
    assert [axis.get_ylabel() for axis in axes] == [f"training loss ({u})" for u in ("MSE", "MSE", "nats")]
    assert {axis.get_yscale() for axis in axes} == {"log"}
    for line, result in zip(axes[2].get_lines(), digits.values(), strict=True):
        np.testing.assert_allclose(line.get_ydata(), result.history["train_loss"].mean(0))
    assert len(axes[2].collections) == len(digits)


def test_a_point_per_seed_counts_the_seeds_below_the_diagonal(curve):
    ours, others = curve["two-stage"], curve["sellier"]
    figure = diagrams.seed_by_seed(ours, others, "train_loss", step=6, unit="MSE")
    axis = figure.axes[0]
    x, y = axis.lines[1].get_data()
    assert np.array_equal(x, others.final("train_loss")) and np.array_equal(y, ours.final("train_loss"))
    assert axis.get_title() == f"step 6: two-stage lower on {(y < x).sum()} of 2 seeds"
    assert axis.get_xlim() == axis.get_ylim()
    with pytest.raises(ValueError, match="step must be among the recorded"):
        diagrams.seed_by_seed(ours, others, "train_loss", step=7, unit="MSE")
