"""Figures of circuits: labelled, with the legend outside, showing the numbers they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from drawn import legend_outside

import qbp
from qbp.book.figures import circuit_plots
from qbp.plateaus import shifts

AT = np.linspace(-np.pi, np.pi, 9)
RELIEF = np.add.outer(np.cos(AT), np.sin(AT))


@pytest.fixture(scope="module")
def figures():
    one, H = qbp.HardwareEfficient(1, 1, rotations=["ry"]), qbp.PauliSum({"Z": 1.0})
    along = shifts.slice_along(one, torch.tensor([0.4], dtype=torch.float64), H, 0)
    mean = np.array([0.2, 0.06, 0.02])
    moments = {
        "start": (np.array([1.0, 0.5]), np.array([-1, -0.9])),
        "end": (np.zeros(2), np.array([0, 0.1])),
    }
    axes = {"xlabel": "second angle (radians)", "ylabel": "first angle (radians)", "label": "energy (J)"}
    return {
        "sine_slice": circuit_plots.sine_slice(along, (-1.0, 1.0)),
        "energy_map": circuit_plots.energy_map(
            {"a": RELIEF, "b": RELIEF / 2}, AT, limits=(-2, 2), marks=[(0.0, 1.0)], **axes
        ),
        "spreads": circuit_plots.spreads({"2": np.sin(AT)}, xlabel="⟨Z⟩ (dimensionless)", bounds=(-1, 1)),
        "curvature": circuit_plots.curvature(
            np.array([-1, 0, 2.0]), AT, {"lowest": -AT, "highest": AT}, limits=(-1, 1)
        ),
        "kinds_of_points": circuit_plots.kinds_of_points({"a": moments, "b": moments}, near=0.1, steep=0.1),
        "sphere_map": circuit_plots.sphere_map(np.array([[0, 1.0, 0], [0, 0, -1]]), 0.5),
        "boxes": circuit_plots.boxes(
            [0.1, 1, np.pi], {"F₂": {"zero": mean}, "gradient": {"zero": mean}},
            ylabels={"F₂": "excess, log2 (bits)", "gradient": "mean square, log2 (bits)"},
        ),
        "along": circuit_plots.along(
            AT, {"loss (1)": AT**2, "infidelity (1)": abs(AT)}, {"target": 0.0, "mirror": np.pi / 2},
            xlabel="angle (radians)",
        ),
    }  # fmt: skip


NAMES = [
    "sine_slice", "energy_map", "spreads", "curvature", "kinds_of_points", "boxes", "sphere_map", "along",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_draws_says_its_units_and_is_not_left_open(figures, name, tmp_path):
    figure = figures[name]
    figure.savefig(tmp_path / "figure.png")  # a warning is an error
    assert plt.get_fignums() == []
    for axis in figure.axes:
        first = axis.get_subplotspec() is None or axis.get_subplotspec().is_first_col()
        shared = name == "kinds_of_points" and not first  # has the axis of the first panel
        assert "(" in axis.get_ylabel() or axis.get_ylabel() == "lowest / largest curvature" or shared
        assert axis.get_label() == "<colorbar>" or "(" in axis.get_xlabel()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("energy_map", "sphere_map")])
def test_the_legend_stands_outside_the_axes(figures, name):
    legend_outside(figures[name])


def test_a_map_has_the_first_step_up_and_one_scale(figures):
    left, right, _ = figures["energy_map"].axes
    assert left.get_xlabel() == "second angle (radians)"
    assert left.collections[0].get_clim() == right.collections[0].get_clim() == (-2, 2)
    (mark,) = left.get_lines()
    assert mark.get_xydata().tolist() == [[0.0, 1.0]]


def test_numbers_are_drawn_where_they_are(figures):
    start, end = figures["kinds_of_points"].axes[0].get_lines()[1:]
    assert start.get_xydata().tolist() == [[1.0, -1.0], [0.5, -0.9]]
    assert end.get_xdata().min() > 0  # a point without a gradient has a place on the axis


def test_a_state_has_its_place_on_the_map(figures):
    (line,) = figures["sphere_map"].axes[0].get_lines()
    assert line.get_xydata()[0].tolist() == [np.pi / 2, 0] and line.get_ydata()[1] == -1


def test_a_diagram_has_every_gate_on_its_qubits():
    circuit = qbp.HardwareEfficient(3, 1, rotations=["ry"], entangler="cnot")
    (axis,) = circuit_plots.diagram(circuit).axes
    boxes = [(*text.get_position(), text.get_text()) for text in axis.texts]
    assert boxes == [(1, q, rf"$R_Y(\theta_{{{q}}})$") for q in range(3)]
    links = [line for line in axis.get_lines() if len(line.get_xdata()) == 2]
    assert [line.get_xydata().tolist() for line in links] == [[[2, 0], [2, 1]], [[3, 1], [3, 2]]]
    dots = [line for line in axis.get_lines() if line.get_marker() == "o"]
    assert [dot.get_markerfacecolor() for dot in dots] == ["black", "white"] * 2  # control first
    strings = circuit_plots.diagram(qbp.PauliRotations(3, ["XIX", "IZI"]))
    found = [(*text.get_position(), text.get_text()) for text in strings.axes[0].texts]
    assert found == [
        (1, 0, r"$X(\theta_{0})$"), (1, 2, r"$X(\theta_{0})$"), (2, 1, r"$R_Z(\theta_{1})$"),
    ]  # fmt: skip


def test_a_diagram_shows_scales_offsets_and_fixed_angles():
    b = qbp.CircuitBuilder(2)
    a, c = b.parameter(), b.parameter()
    b.h(0).rx(2 * a, 0).ry(-c, 1).rz(c / 3 - 1, 0).cx(0, 1).ry(a, 1).pauli_rotation(0.5, "II")
    (axis,) = circuit_plots.diagram(b.build()).axes
    shown = [text.get_text() for text in axis.texts]
    assert shown == [
        "$R_Z(3.14)$",
        "$R_Y(1.57)$",
        r"$R_X(2\,\theta_{0})$",
        r"$R_Y(-\theta_{1})$",
        r"$R_Z(0.333\,\theta_{1}-1)$",
        r"$R_Y(\theta_{0})$",
    ]
