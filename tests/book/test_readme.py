"""README: its output is what its code prints, its findings say the direction of their intervals."""

import contextlib
import io
import re
from types import SimpleNamespace

import pytest

from qbp.audit import claims
from qbp.book import readme
from qbp.book.tables.claims import we_measure
from qbp.statistics.intervals import Interval

TEXT = (readme.ROOT / "README.md").read_text()


def test_the_output_below_a_program_is_what_it_prints():
    shown = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", TEXT, re.DOTALL)
    assert shown
    for program, output in shown:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(program, "README.md", "exec"), {})
        assert said.getvalue() == output


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(-0.2, -0.1, "lower"), (0.1, 0.2, "higher"), (-0.1, 0.2, "no different"), (-0.2, 0.0, "no different")],
)
def test_a_finding_says_the_direction_of_its_interval(low, high, word):
    (row, *_) = claims.committed()
    found = Interval((low + high) / 2, low, high, 20)
    said = readme._direction(SimpleNamespace(claim=row.claim, found=found, needs=None))
    assert said.startswith(f"{word} (") and "n = 20" not in said


def test_every_finding_is_a_measured_claim():
    block = re.search(r"(?s)<!-- findings -->\n(.*?)<!-- /findings -->", TEXT)[1]
    numbers = re.findall(r"\(([^()]*%\])\)", " ".join(block.split()))
    measured = {we_measure(row).partition(" (n =")[0] for row in claims.everything()}
    assert len(numbers) >= 20 and set(numbers) <= measured


def test_a_sentence_has_one_row_in_the_table():
    block = re.search(r"(?s)<!-- claims -->\n(.*?)<!-- /claims -->", TEXT)[1]
    rows = [line for line in block.splitlines() if line.startswith("| ")][2:]
    primary = [claim for claim in claims.CLAIMS if claim.primary]
    assert len(rows) == len(primary) > 30
    for line, claim in zip(rows, primary, strict=True):
        assert line.startswith(f"| {claim.claim}") and f"| {claim.where} |" in line
    counted = re.search(r"of (\d+) sentences", TEXT)
    assert int(counted[1]) == len(primary)


def test_the_first_minute_has_paper_method_figure_and_findings():
    marks = ["arxiv.org/abs/2601.18060", "qbp.two_stage(", "headline.png", "<!-- findings -->"]
    marks += ["<!-- claims -->", "git clone", "pip install", "conda env create", "WSL", "<!-- lines -->"]
    places = [TEXT.find(mark) for mark in marks]
    assert -1 not in places and places == sorted(places)
    assert "2601.18060" in (readme.ROOT / "CITATION.cff").read_text()
    assert len(TEXT[: TEXT.find("<!-- claims -->")].splitlines()) < 90


def test_every_command_that_computes_has_a_time_beside_it():
    lines = [line for line in TEXT.splitlines() if re.match(r"make \w|\.venv/bin/", line)]
    assert len(lines) > 8 and all(re.search(r"#.*\b(s|minutes?)\b", line) for line in lines)
