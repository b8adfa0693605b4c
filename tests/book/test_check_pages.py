"""What chapters glued under the names of claims, and the two columns of `qbp reproduce`."""

import re

import nbformat
import numpy as np

from qbp.audit.claims import CLAIMS, Row
from qbp.book.check_pages import glued, side_by_side
from qbp.statistics.intervals import Interval

MAIN = [claim for claim in CLAIMS if claim.main]


def notebook(path, **texts):
    """Store texts as `glue` does, and one that is no claim."""
    outputs = [
        nbformat.v4.new_output(
            "display_data",
            data={"application/papermill.record/text/plain": repr(text)},
            metadata={"scrapbook": {"mime_prefix": "application/papermill.record/", "name": name}},
        )
        for name, text in {**texts, "curve-wins": "3 of 5"}.items()
    ]
    outputs.append(nbformat.v4.new_output("stream", text="no name\n"))
    cells = [nbformat.v4.new_markdown_cell("# Title"), nbformat.v4.new_code_cell("glue()", outputs=outputs)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_what_a_notebook_glued_is_read_by_the_name_of_the_claim(tmp_path):
    texts = {"curve-sellier-as-written": "-9.0 % [-9.1 %, -8.9 %] (n = 5)"}
    assert glued(notebook(tmp_path / "a.ipynb", **texts)) == texts


def test_two_columns_committed_and_just_run(tmp_path):
    rows = [Row(MAIN[0], Interval(0.5, np.nan, np.nan, 1)), Row(MAIN[1], Interval(-0.5, -0.6, -0.4, 20))]
    here = notebook(tmp_path / "a.ipynb", **{MAIN[1].id: "-40.0 % (n = 5)"})
    other = notebook(tmp_path / "b.ipynb")
    head, first, second = side_by_side(rows, [here, other]).splitlines()
    cells = [re.split(r" {2,}", line) for line in (head, first, second)]
    assert cells[0] == ["claim", "reading", "paper", "committed", "just run here"]
    assert cells[1] == [MAIN[0].claim, "as-released", "-27.3 %", "+50.0 % (n = 1)", "-"]
    assert cells[2][3:] == ["-50.0 % [-60.0 %, -40.0 %] (n = 20)", "-40.0 % (n = 5)"]
    assert len({line.index("as-") for line in (first, second)} | {head.index("reading")}) == 1  # columns
