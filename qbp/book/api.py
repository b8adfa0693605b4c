"""Pages of the package: `book/api.md`, an overview, and a page for each folder at the top of `qbp`.

One page of everything takes two megabytes, and a browser some seconds.
"""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

from qbp.results.store import ROOT

FOLDER = "api"  # of the pages, below book/
METHOD = "method"  # the page of the modules that stand at the top of `qbp`
UNSHOWN = {"qbp.circuits.kernel.loops"}  # compiled loops: a reader may skip them
OVERVIEW = """# The package, module by module

The method stands at the top of `qbp`; each folder is a room with its own subject, and has a page. An import
goes from a room to one below it, never up: `make lint` checks the contracts in `pyproject.toml`. The method,
the baseline, circuits, perceptrons and plateaus need torch and numpy alone. Each docstring gives shapes,
units and its source in the paper. Every function takes leading batch axes.

| folder | holds | modules |
|---|---|---|
"""


def folders(root: Path = ROOT) -> list[str]:
    """Return the dotted names of all folders of `qbp`, each before those in it."""
    found = [path.parent.relative_to(root) for path in (root / "qbp").rglob("__init__.py")]
    return sorted(".".join(path.parts) for path in found)


def modules(folder: str, root: Path = ROOT) -> list[str]:
    """Return the dotted names of the modules that stand in a folder, without those of a leading underscore.

    Example:
        >>> modules("qbp.baseline")
        ['qbp.baseline.loop', 'qbp.baseline.packets', 'qbp.baseline.waves']
    """
    paths = sorted(root.joinpath(*folder.split(".")).glob("*.py"))
    return [f"{folder}.{path.stem}" for path in paths if not path.stem.startswith("_")]


def says(name: str, root: Path = ROOT) -> str:
    """Return the first sentence of the docstring of a module or folder, as Markdown without its full stop."""
    if name == "qbp":
        return "Algorithm 1 and its stages"
    path = root.joinpath(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    first, *_ = re.split(r"\.\s+(?=[A-Z:`])|\n\n", ast.get_docstring(ast.parse(path.read_text())) or "")
    text = re.sub(r":\w+:`~?([\w.]+)`", r"`\1`", " ".join(first.split()).removesuffix("."))
    return text.replace("``", "`").replace("|", "\\|")


def page_of(name: str) -> str:
    """Return the page, below book/ and without a suffix, on which a module or what is in it stands.

    Example:
        >>> page_of("qbp.circuits.hardware.shots"), page_of("qbp.convex.ridge")
        ('api/circuits', 'api/method')
    """
    rooms = {folder.split(".")[1] for folder in folders() if "." in folder}
    room = f"{name}.".split(".")[1]
    return f"{FOLDER}/{room if room in rooms else METHOD}"


def pages(root: Path = ROOT) -> dict[str, str]:
    """Return {page below book/, without a suffix: its text}, the overview first."""
    shown = {folder: [n for n in modules(folder, root) if n not in UNSHOWN] for folder in folders(root)}
    rows, texts = [], {FOLDER: ""}
    for folder, names in shown.items():
        leaves = ", ".join(f"`{name.rpartition('.')[2]}`" for name in names)
        page = page_of(f"{folder}.x")
        rows.append(f"| [`{folder}`]({page}.md) | {says(folder, root)} | {leaves} |\n")
        level = "#" if page not in texts else "##"
        texts[page] = texts.get(page, "") + _section(folder, names, level, root)
    texts[FOLDER] = OVERVIEW + "".join(rows)
    return texts


def _section(folder: str, names: Iterable[str], level: str, root: Path) -> str:
    text = "" if level == "#" else "\n"
    text += f"{level} `{folder}`\n\n{says(folder, root)}.\n"
    for name in names:
        text += f"\n#{level} `{name}`\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n"
    return text


def update(root: Path = ROOT) -> None:
    """Write the pages, and remove those of folders that are gone."""
    texts, book = pages(root), root / "book"
    for page, text in texts.items():
        path = book / f"{page}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for path in (book / FOLDER).glob("*.md"):
        if f"{FOLDER}/{path.stem}" not in texts:
            path.unlink()
