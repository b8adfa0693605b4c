"""Checks of the numbers that chapters and README print, against the tables they come from."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from qbp.audit import claims
from qbp.book import pages, readme
from qbp.book.run import BOOK, chapters
from qbp.book.svg import STRAY, pixels_apart
from qbp.book.tables.claims import paper_says, we_measure
from qbp.results import store
from qbp.results.integrity import Mismatch
from qbp.results.table import first_seeds

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# A chapter that runs a few seeds itself computes them in another batch than the table: then a number may
# differ by one in its last digit, or by this share of it, as single precision makes it after 500 steps.
LIVE = 2e-3


def check_claims(book: Path = BOOK, directory: Path = store.DIRECTORY) -> tuple[int, list[Mismatch]]:
    """Compare what the chapters glued under the names of claims with what the tables give.

    A chapter that measures a claim on n seeds is compared with the first n seeds of the table.

    Args:
        book: the chapters.
        directory: the results folder.

    Returns:
        How many texts were compared, and those that differ.
    """
    try:
        measured = {row.claim.id: row for row in claims.everything(directory) if row.found is not None}
    except ValueError as error:
        return 0, [Mismatch("chapters", "claim", f"cannot be compared: {error}")]
    tables = [store.load(name, directory) for name in store.MAIN if name in store.manifest(directory)]
    few: dict[int, dict[str, str]] = {}
    count, wrong = 0, []
    for notebook in chapters(book):
        for name, printed in glued(notebook).items():
            count += 1
            row, seeds = measured.get(name), re.findall(r"\(n = (\d+)\)", printed)
            most = row.found.n if row and row.found else 0
            n = int(seeds[0]) if seeds else most
            if row is None or not 0 < n <= most:
                what = f"{name} is glued, but no table has it on {n} seeds"
                wrong.append(Mismatch(notebook.name, "claim", what, stored=printed))
                continue
            if n not in few:
                parts = [{m: first_seeds(r, n) for m, r in table.items()} for table in tables]
                few[n] = {row.claim.id: we_measure(row) for part in parts for row in claims.measure(part)}
            live = n < most
            computed = few[n].get(name, we_measure(row)) if live else we_measure(row)
            if live and not agree(printed, computed, LIVE):  # alone, a run that amplifies rounding is another
                computed = we_measure(claims.rerun(row.claim, n, directory))
            if not agree(printed, computed, LIVE if live else 0.0):
                command = f"papermill book/{notebook.name} out.ipynb" if live else row.command
                what = f"{name} is not what the tables give"
                wrong.append(Mismatch(notebook.name, "claim", what, None, printed, computed, command))
    return count, wrong


def agree(printed: str, computed: str, share: float) -> bool:
    """Whether two texts are the same but for their last digits.

    Args:
        printed, computed: texts with numbers.
        share: how much the numbers may differ, relatively; a unit in the last digit is allowed as well. With
            0 the texts must be equal.

    Example:
        >>> agree("-10.7 % (n = 5)", "-10.8 % (n = 5)", 1e-3), agree("-10.7 %", "-10.8 %", 0.0)
        (True, False)
    """
    if share == 0 or NUMBER.sub("", printed) != NUMBER.sub("", computed):
        return printed == computed
    for a, b in zip(NUMBER.findall(printed), NUMBER.findall(computed), strict=True):
        digits = len(a.partition(".")[2])
        unit = 1.01 * 10.0**-digits if digits else 0.0  # a count has no last digit
        if a != b and abs(float(a) - float(b)) > unit + share * abs(float(b)) * (digits > 0):
            return False
    return True


def check_readme(root: Path = readme.ROOT, directory: Path = store.DIRECTORY) -> tuple[int, list[Mismatch]]:
    """Compare the computed parts of README.md, and the figure it shows, with what `qbp readme` would write.

    Returns:
        How many lines are computed, and those that differ.
    """
    text = (root / "README.md").read_text()
    try:
        anew = readme.filled(text, directory)
    except ValueError as error:
        return 0, [Mismatch("README.md", "readme", f"cannot be compared: {error}", command="qbp readme")]
    wrong = list(_lines(text, anew))
    shown = root / "results" / "headline.png"
    if not shown.is_file() or pixels_apart(shown.read_bytes(), readme.headline(directory)) > STRAY:
        what = "is not what its rows draw"
        wrong.append(Mismatch("results/headline.png", "readme", what, command="qbp readme"))
    return sum(len(block.splitlines()) for block in re.findall(readme.BLOCK, text)), wrong


def _lines(text: str, anew: str) -> Iterator[Mismatch]:
    ours, theirs = text.splitlines(), anew.splitlines()
    if len(ours) != len(theirs):
        what = f"has {len(ours)} lines, computed are {len(theirs)}"
        yield Mismatch("README.md", "readme", what, command="qbp readme")
        return
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True), 1):
        if a != b:
            yield Mismatch("README.md", "readme", f"line {number}", None, a, b, "qbp readme")


def glued(notebook: Path) -> dict[str, str]:
    """Return what a notebook glued under the names of claims, {id: text}."""
    names = {claim.id for claim in claims.CLAIMS}
    texts = pages.glued(json.loads(notebook.read_text())["cells"])
    return {name: text for name, text in texts.items() if name in names}


def side_by_side(rows: Iterable[claims.Row], notebooks: Iterable[Path]) -> str:
    """Return the claims with two measurements, committed and just run in these notebooks, and the verdict."""
    run_now = {name: text for notebook in notebooks for name, text in glued(notebook).items()}
    table = [("claim", "experiment, reading", "paper", "committed", "just run here", "verdict")]
    for row in rows:
        c, ran = row.claim, run_now.get(row.claim.id, "-")
        what = f"{c.experiment}, {c.reading}" if c.experiment else c.reading
        table.append((c.claim, what, paper_says(row), we_measure(row), ran, row.verdict))
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    )
