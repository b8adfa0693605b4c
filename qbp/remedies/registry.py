"""Registry of the remedies: each file of `starts`, `schedules` and `optimizers` holds one, of its own name.

A remedy is a function of a :class:`~qbp.remedies.lab.Lab` that yields a
:class:`~qbp.remedies.lab.Point` after each step; its options are keywords with defaults, the step size
`eta` among them where it has one.  ``ALONE = True`` in its file says that each run has a circuit of its own.
A file more is a remedy more: nothing else lists them.
"""

import inspect
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from qbp import _checks
from qbp.remedies.lab import Steps

FOLDERS = ("starts", "schedules", "optimizers")
FIELDS = ("When", "How", "Options", "Cost", "Source")  # of a remedy's docstring, each a line or more


class Remedy(NamedTuple):
    """A way to train, and where it is written down.

    Attributes:
        name: as the command line has it.
        folder: what it changes: "starts", "schedules" or "optimizers".
        train: Lab -> steps.
        rated: whether it has a step size `eta`.
        alone: whether each run is trained by itself.
    """

    name: str
    folder: str
    train: Callable[..., Steps]
    rated: bool
    alone: bool

    @property
    def root(self) -> str:
        """Dotted name of the function."""
        return f"{self.train.__module__}.{self.train.__name__}"

    @property
    def words(self) -> dict[str, str]:
        """What its docstring says, by field, with the title, When, How, Options, Cost and Source."""
        text = inspect.getdoc(self.train) or ""
        title, _, rest = text.partition("\n\n")
        found = {"Title": " ".join(title.split())}
        field = ""
        for line in rest.splitlines():
            _, *parts = line.split(":", 2)  # ":When: ..."
            if line.startswith(":") and parts[0] in FIELDS:
                field, line = parts
            if field:
                found[field] = f"{found.get(field, '')} {line.strip()}".strip()
        return found


@cache
def remedies() -> dict[str, Remedy]:
    """Return every remedy by its name, in the order of folders and files."""
    found: dict[str, Remedy] = {}
    for folder in FOLDERS:
        for path in sorted((Path(__file__).parent / folder).glob("[a-z]*.py")):
            module = import_module(f"qbp.remedies.{folder}.{path.stem}")
            train = getattr(module, path.stem)
            rated = "eta" in inspect.signature(train).parameters
            name = path.stem.replace("_", "-")
            found[name] = Remedy(name, folder, train, rated, getattr(module, "ALONE", False))
    return found


def remedy(name: str) -> Remedy:
    """Return a remedy by its name; raise ValueError if there is none."""
    return remedies()[_checks.choice("method", name, remedies())]
