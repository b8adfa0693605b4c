"""Figures of the census draw the rows they are given."""

import numpy as np
import pandas as pd
import pytest

from qbp.book.figures.plateaus import census_plots
from qbp.results.census.collection import OBSERVABLES


@pytest.fixture
def frame():
    rows = [
        {"source": source, "family": f"{source} {k}", "qubits": n, "observable": kind, "log2_mean": -n - k}
        | {"shared": k == 2, "engine": "state vectors" if n < 15 else "walks of the untied circuit"}
        for source in ("a", "b")
        for k in range(3)
        for n in (4, 8, 101)
        for kind in OBSERVABLES
    ]
    return pd.DataFrame([*rows, rows[0] | {"qubits": 14, "log2_mean": np.nan}])


def test_every_circuit_is_a_point_and_the_line_is_the_median(frame):
    figure = census_plots.variances(frame)
    assert len(figure.axes) == 3
    for axis in figure.axes:
        points = np.concatenate([c.get_offsets() for c in axis.collections])
        assert len(points) == 18 and sorted(set(points[:, 1])) == [-103, -102, -101, -10, -9, -8, -6, -5, -4]
        (line,) = axis.lines
        assert line.get_xydata().tolist() == [[4, -5], [8, -9], [101, -102]]


def test_each_family_is_a_line(frame):
    (axis,) = census_plots.families(frame, "b", "projector").axes
    assert [line.get_label() for line in axis.lines[:3]] == ["b 0", "b 1", "b 2"]
    assert axis.lines[1].get_xydata().tolist() == [[4, -5], [8, -9], [101, -102]]
    assert len({(line.get_color(), line.get_marker()) for line in axis.lines}) == 3


def test_a_line_breaks_where_shared_angles_are_freed(frame):
    tied, free = census_plots.families(frame, "b", "projector").axes[0].lines[2:]
    assert tied.get_xydata().tolist() == [[4, -6], [8, -10]] and free.get_xydata().tolist() == [[101, -103]]
    assert free.get_markerfacecolor() == "white" and free.get_color() == tied.get_color()


def test_a_package_without_a_variance_is_an_empty_figure(frame):
    (axis,) = census_plots.families(frame, "c", "projector").axes
    assert not axis.lines and axis.get_xlabel() == "qubits"
