"""What every figure is held to, for the tests of several files."""

import io


def legend_outside(figure):
    """The one legend of a figure, once it is laid out, covers no axis and stands inside the figure."""
    figure.savefig(io.BytesIO())  # lays it out, whatever the backend
    assert all(axis.get_legend() is None for axis in figure.axes)
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert not any(box.overlaps(axis.get_window_extent()) for axis in figure.axes)
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
    return legend
