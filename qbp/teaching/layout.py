"""Places of the labs: instructor notebooks ``labs/source/LAB/LAB.ipynb`` of the checkout, or elsewhere."""

from pathlib import Path

import qbp
from qbp import _checks

SOURCE = Path(qbp.__file__).parents[1] / "labs" / "source"


def labs(source: Path | None = None) -> dict[str, Path]:
    """Return the instructor notebook of each lab, by name.

    Args:
        source: folder with a folder for each lab; the checkout's by default.

    Raises:
        ValueError: there is no such folder, or no lab in it.
    """
    folder = SOURCE if source is None else source
    found = {
        path.stem: path
        for path in sorted(folder.glob("*/*.ipynb"))
        if path.stem == path.parent.name and not path.name.startswith(".")
    }
    if not found:
        where = f"{folder} has no LAB/LAB.ipynb" if folder.is_dir() else f"there is no folder {folder}"
        takes = "name a folder with --source, or work in a checkout of the book"
        raise ValueError(f"no labs found: {where}; {takes}")
    return found


def select(names: list[str], source: Path | None = None) -> dict[str, Path]:
    """Return the labs of some names, all of them if there is no name.

    Raises:
        ValueError: there is no lab of a name.
    """
    known = labs(source)
    return {_checks.choice("LAB", name, known): known[name] for name in names} or known
