"""Map of the paper, read from paper_map.toml: where each equation, line, experiment, figure and reference
of it stands.

A test checks every row: the name can be imported and its docstring carries the paper's label, the test
exists, the chapter is in the table of contents and shows the item.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from qbp.studies.study import rows, stored

STARTS = {"eq. ": "equation", "line ": "line", "IV.": "experiment", "Fig. ": "figure", "[": "reference"}
KINDS = tuple(STARTS.values())


@dataclass(frozen=True)
class Item:
    """One row of the map.

    Attributes:
        item: the paper's label: "eq. 1", "line 5" (of Algorithm 1), "IV.B", "Fig. 1a" or "[6]".
        says: what it is, in few words; for a reference, what the book takes from it, or "not used: why".
        name: dotted name of what does it in the package; empty for a reference the book does not use.
        test: "file::function" in tests/; empty as above.
        chapter: page of the book that shows it.
        key: of a reference, in references.bib.
    """

    item: str
    says: str
    name: str
    test: str
    chapter: str
    key: str = ""

    @property
    def kind(self) -> str:
        """One of KINDS, as the paper's label says."""
        return next(kind for start, kind in STARTS.items() if self.item.startswith(start))


def read(text: str) -> tuple[Item, ...]:
    """Rows of a text like paper_map.toml, in its order.

    Raises:
        ValueError: an entry has an unknown field, lacks one without a default, or has another's label.
    """
    return rows(Item, text, "item", empty=("name", "test"))


PAPER_MAP = read(stored("qbp.audit", "paper_map.toml"))


def select(kind: str = "all", items: Iterable[Item] = PAPER_MAP) -> list[Item]:
    """Return the rows of one kind, or all of them.

    Raises:
        ValueError: `kind` is neither "all" nor in KINDS.

    Example:
        >>> [row.item for row in select("figure")]
        ['Fig. 1a', 'Fig. 1b', 'Fig. 1c']
    """
    if kind not in ("all", *KINDS):
        raise ValueError(f"kind must be one of all, {', '.join(KINDS)}, got {kind!r}")
    return [row for row in items if kind in ("all", row.kind)]
