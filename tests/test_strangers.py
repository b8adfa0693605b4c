"""What a stranger's file cannot do: run, fill memory, put a script on a page.  Each is tried, harmlessly."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import strangers
from matplotlib.figure import Figure

from qbp.book import jupyter, svg
from qbp.book.explorer import Explorer
from qbp.results import store
from qbp.results.reading import parquet
from qbp.sweeps import plot
from qbp.sweeps.collect import Collected, for_spreadsheets

PAGE = Path(__file__).parents[1] / "book" / "strangers.md"
SCRIPT = "</strong></text><script>alert(1)</script><img src=x onerror='alert(1)'>\" onload=\"x $\\frac{"


@pytest.fixture(scope="module")
def tried():
    """Every stand-in, tried in a process of its own."""
    done = subprocess.run([sys.executable, strangers.__file__], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_file_of_a_stranger_runs_or_fills_memory(tried):
    assert tried["events"] == [] and strangers.RAN not in tried["said"].values()
    assert tried["mb"] < 1000  # one of them would take 5 GB
    assert tried["said"].keys() == strangers.CASES.keys()
    assert [case for case, said in tried["said"].items() if said == "nothing"] == []


def test_the_page_has_what_is_said(tried):
    text = PAGE.read_text()
    assert text.partition("<!-- bad input -->\n")[2].partition("\n<!-- /bad input -->")[0] == (
        strangers.rows(tried["said"])
    ), "python tests/strangers.py --table prints it"


def test_a_pickle_that_is_loaded_would_be_seen():
    """The watch works: where a pickle is loaded, and a stand-in evaluated, that is seen."""
    program = "import sys, pickle; seen = []; sys.addaudithook(lambda e, _: seen.append(e)); "
    program += f"pickle.loads({strangers.PICKLE[:14] + b'.'!r}); print(seen)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pickle.find_class" in done.stdout


def test_no_module_loads_pickles_or_evaluates():
    found = []
    for path in (store.ROOT / "qbp").rglob("*.py"):
        text = path.read_text()
        found += [
            path.name
            for word in (r"\bpickle\.", r"torch\.load\(", r"np\.load\(", r"read_pickle")
            if re.search(word, text)
        ]
        found += [path.name for line in text.splitlines() if re.search(r"(?<![\w.])(eval|exec)\(", line)]
        found += [path.name for line in text.splitlines() if re.search(r"yaml\.(unsafe_|full_)?load", line)]
    assert found == []


def test_pages_of_a_file_add_up_to_what_its_footer_says():
    from pyarrow import BufferReader
    from pyarrow.parquet import ParquetFile

    for name in ("curve", "benchmarks"):
        raw = (store.DIRECTORY / f"{name}.parquet").read_bytes()
        file = ParquetFile(BufferReader(raw)).metadata
        for column in (file.row_group(0).column(at) for at in range(file.num_columns)):
            start = column.dictionary_page_offset or column.data_page_offset
            found = [*parquet.pages(raw, start, start + column.total_compressed_size)]
            sizes = sum(unpacked + header for unpacked, _, header in found)  # the footer counts headers, too
            assert sizes == column.total_uncompressed_size


def test_tables_are_read_as_they_were_written():
    for name in ("curve", "benchmarks"):
        path = store.DIRECTORY / f"{name}.parquet"
        pd.testing.assert_frame_equal(parquet.read_as_written(path.read_bytes()), pd.read_parquet(path))


# ---------------------------------------------------------------------------------------------------- pages


class Parts(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.names = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.names |= {name for name, _ in attributes}


def drawn(label):
    figure = Figure(figsize=(2, 2))
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], label=plot.literal(label))
    axes.set(title=plot.literal(label), xlabel=plot.literal(label))
    axes.legend()
    return figure


def test_texts_of_an_explorer_are_texts():
    explorer = Explorer(
        lambda word: drawn(word), SCRIPT, alt=SCRIPT, labels={"word": SCRIPT}, word=[SCRIPT, "b"]
    )
    page = explorer._repr_mimebundle_()["text/html"]
    plain = Explorer(lambda word: drawn(word), "a", alt="a", labels={"word": "a"}, word=["a", "b"])
    expected, found = Parts(plain._repr_mimebundle_()["text/html"]), Parts(page)
    assert found.tags == expected.tags and found.tags.count("script") == 1
    assert found.names == expected.names and not any(name.startswith("on") for name in found.names)


def test_texts_in_a_figure_are_texts():
    found = Parts(svg.svg(drawn(SCRIPT)))
    assert "script" not in found.tags and "img" not in found.tags
    assert not any(name.startswith("on") for name in found.names)


def test_rows_of_a_stranger_are_drawn_and_listed_as_text():
    usual = dict.fromkeys(("chapter", "source", "metric"), SCRIPT) | {"core": "1", "text": "1"}
    usual |= {"seed": -1, "step": -1}
    rows = [usual | {"run": run, "value": value} for run, value in (("a", 1.0), ("b", 2.0))]
    given = {run: {SCRIPT: n, "x$": f"{SCRIPT}{n % 2}"} for n, run in enumerate("ab")}
    found = Parts(svg.svg(plot.figure(Collected(pd.DataFrame(rows), given, ()))))
    assert "script" not in found.tags and "img" not in found.tags


def test_no_text_is_a_formula_to_a_spreadsheet():
    texts = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-10.7 % [-15.2 %, -4.2 %]", "3 of 5", 1.5]
    made = for_spreadsheets(pd.DataFrame({"text": texts, "=n": 1.0}))
    assert made["text"].tolist() == ["'=1+1", "'@SUM(A1)", "'+cmd|' /C calc'!A0", *texts[3:]]
    assert [*made] == ["text", "'=n"] and made["'=n"].tolist() == [1.0] * 6


def test_jupyter_trusts_the_chapters_and_no_other_notebook():
    asked = []
    notary = type("Notary", (), {"mark_cells": lambda self, nb, trusted: asked.append(trusted)})()
    manager = type("Manager", (), {"notary": notary, "root_dir": str(store.ROOT)})()
    jupyter.Chapters.mark_trusted_cells(manager, {}, "book/curve.ipynb")
    assert asked == [True]
    for path in ("downloads/curve.ipynb", "book/x/curve.ipynb", "book/mine.ipynb"):
        assert not jupyter.is_chapter(path, store.ROOT)
    assert not jupyter.is_chapter("book/curve.ipynb", store.ROOT / "tests")  # a folder of the same names
