"""What chapters glued under the names of claims, and the two columns of `qbp reproduce`."""

import re
import shutil
from dataclasses import replace

import nbformat
import numpy as np
import pytest

from qbp.audit import claims
from qbp.audit.claims import CLAIMS, Row
from qbp.book import readme
from qbp.book.check_pages import check_readme, glued, side_by_side
from qbp.results import store
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
    assert cells[0] == ["claim", "experiment, reading", "paper", "committed", "just run here", "verdict"]
    assert cells[1] == [MAIN[0].claim, "curve, as-released", "-27.3 %", "+50.0 % (n = 1)", "-", "open"]
    assert cells[2][3:] == ["-50.0 % [-60.0 %, -40.0 %] (n = 20)", "-40.0 % (n = 5)", "supported"]
    assert len({line.index("curve, as-") for line in (first, second)} | {head.index("experiment")}) == 1


def test_no_two_lines_of_the_two_columns_begin_alike():
    lines = side_by_side([Row(claim) for claim in MAIN], []).splitlines()
    begins = [tuple(re.split(r" {2,}", line)[:2]) for line in lines]
    assert len(set(begins)) == len(begins) == len(MAIN) + 1


# ------------------------------------------------------------------------------------------------- README


SAID = "On the curve it changes by <!-- claim curve-ridge -->{}<!-- /claim --> with ridge."


@pytest.fixture(scope="module")
def everything():
    return claims.everything()


@pytest.fixture
def folder(tmp_path, monkeypatch, everything):
    """A copy of README, with one sentence more, and its figure; claims are measured once for all tests."""
    monkeypatch.setattr(readme.claims, "everything", lambda directory: everything)
    (tmp_path / "results").mkdir()
    shutil.copy(readme.ROOT / "results" / "headline.png", tmp_path / "results")
    text = (readme.ROOT / "README.md").read_text()
    (tmp_path / "README.md").write_text(readme.filled(text + SAID.format("")))
    return tmp_path


def test_a_number_in_a_sentence_of_readme_is_filled_in_and_held_to_its_rows(folder):
    runs = store.load("curve")
    ridge, plain = (np.mean(runs[m].final("train_loss")) for m in ("two-stage-ridge", "no-init"))
    printed = f"{100 * (ridge / plain - 1):+.1f} %"
    text = (folder / "README.md").read_text()
    assert f"changes by <!-- claim curve-ridge -->{printed} [" in text and check_readme(folder)[1] == []
    (folder / "README.md").write_text(text.replace(f"-->{printed}", "-->-8.3 %"))
    (found,) = check_readme(folder)[1]
    assert "line" in found.message and "-8.3 %" in found.stored and printed in found.recomputed
    with pytest.raises(ValueError, match=r"README\.md must name claims that there are, got curve-rigde"):
        readme.filled(text.replace("claim curve-ridge", "claim curve-rigde"))


def test_the_figure_of_readme_is_held_to_its_rows(folder, monkeypatch):
    runs, load = store.load("mnist"), store.load
    history = dict(runs["no-init"].history)
    history["val_loss"] = history["val_loss"] * np.where(runs["no-init"].step < 400, 1, 1.005)
    runs["no-init"] = replace(
        runs["no-init"], history=history
    )  # one method's last steps are half a percent off
    monkeypatch.setattr(store, "load", lambda name, *where: runs if name == "mnist" else load(name, *where))
    (found,) = check_readme(folder)[1]
    assert found.table == "results/headline.png" and found.message == "is not what its rows draw"
