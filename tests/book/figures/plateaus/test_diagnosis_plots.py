"""Figure of a diagnosis: points where the variances are, bars as long as the effects."""

import math

import pytest

import qbp
from qbp.book.figures.plateaus import diagnosis_plots


@pytest.fixture(scope="module")
def found():
    return qbp.diagnose(qbp.HardwareEfficient(3, 2), qbp.tfim(3), samples=32, walks=2048)


def test_points_and_bars(found):
    above, below = diagnosis_plots.diagnosis(found).axes
    drawn = {label: line for line, label in zip(*above.get_legend_handles_labels(), strict=True)}
    for kind in ("RY", "RZ"):
        line = drawn[kind].lines[0]
        ours = [g for g in found.groups if g.kind == kind and g.variance > 0]
        assert line.get_xdata().tolist() == [g.layer + 1 for g in ours]
        assert line.get_ydata().tolist() == pytest.approx([math.log2(g.variance) for g in ours])
    lengths = sorted(bar.get_width() for bar in below.patches)
    assert lengths == pytest.approx(sorted(c.effect for c in found.changes))


@pytest.mark.parametrize("path", ["found.pdf", "nowhere/found.svg", "."])
def test_files_that_cannot_be_written(path, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"save must be a .svg or .png file"):
        diagnosis_plots.save(found, path)
