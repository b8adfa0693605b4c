"""Command of the article: write its numbers beside its text, or the list of outputs."""

import shutil
import sys
from pathlib import Path

from qbp.book.article import codecheck, numbers
from qbp.results.store import ROOT

USAGE = "python -m qbp.book.article FOLDER | codecheck"


def main(arguments: list[str]) -> int:
    """Write into a folder what LaTeX needs, or `codecheck.yml`; return the exit status."""
    if len(arguments) != 1:
        print(USAGE, file=sys.stderr)
        return 2
    if arguments == ["codecheck"]:
        (ROOT / codecheck.FILE).write_text(codecheck.text(), "utf-8")
        return 0
    folder = Path(arguments[0])
    numbers.write(ROOT / "article" / "article.tex", folder)
    for file in ("article/article.tex", "results/headline.png", "book/references.bib"):
        shutil.copy(ROOT / file, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
