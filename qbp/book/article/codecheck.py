"""List of outputs, ``codecheck.yml``: each committed output with the command that makes it again.

The file follows the CODECHECK configuration, version 1.0; we add a `command` to the entries of its manifest.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from qbp.results import store

FILE = "codecheck.yml"
PAPER = {
    "title": "Overcoming Barren Plateaus in Variational Quantum Circuits "
    "using a Two-Step Least Squares Approach",
    "authors": [{"name": "Francis Boabang"}, {"name": "Samuel Asante Gyamerah"}],
    "reference": "https://arxiv.org/abs/2601.18060",
}
OTHERS = {
    "headline.png": ("qbp readme", "figure of the README and of the article"),
    "census-circuits.zip": ("python -m benchmarks.census.collect", "circuits collected from other packages"),
    "census-agreement.json": ("python -m qbp.results.census --agreement", "both engines on small circuits"),
    "plateau-suite.json": (
        "python -m benchmarks.plateau_score --save results/plateau-suite.json",
        "answers to circuits with a known answer",
    ),
}
HEAD = """\
# Outputs of this replication, each with its command: written by `python -m qbp.book.article codecheck`.
# Nobody else has checked them yet, so there is no codechecker, certificate or report here.
"""


def entries(root: Path = store.ROOT) -> list[dict[str, str]]:
    """Return the manifest: committed tables first, then the chapters with stored outputs.

    Args:
        root: of the checkout.

    Returns:
        For each file, relative to `root`, what it holds and the command that makes it again.
    """
    listed = store.manifest(root / "results")
    found = [
        _entry(f"results/{name}.parquet", entry["command"], f"rows: {entry['target']}")
        for name, entry in listed.items()
    ]
    found += [_entry(f"results/{name}", command, comment) for name, (command, comment) in OTHERS.items()]
    for path in sorted((root / "book").glob("*.ipynb")):
        chapter = _notebook(path)
        first = next(cell for cell in chapter["cells"] if cell["cell_type"] == "markdown")
        title = "".join(first["source"]).splitlines()[0].lstrip("# ")
        command = f"papermill book/{path.name} out.ipynb"
        found.append(_entry(f"book/{path.name}", command, f"chapter: {title}"))
    return found


def text(root: Path = store.ROOT) -> str:
    """Return ``codecheck.yml``."""
    content = {
        "version": "https://codecheck.org.uk/spec/config/1.0/",
        "paper": PAPER,
        "manifest": entries(root),
        "summary": "Each output stands with its command. `make verify` computes a sample of all rows again, "
        "`make test` every stored output of every chapter.",
    }
    return HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def _entry(file: str, command: str, comment: str) -> dict[str, str]:
    return {"file": file, "command": command, "comment": comment}


def _notebook(path: Path) -> Mapping[str, Any]:
    return json.loads(path.read_text("utf-8"))
