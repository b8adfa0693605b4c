"""Claims of the paper, read from claims.toml: what a sentence says, where, how we read it, and the measure
(:mod:`qbp.audit.measures`) and rule (:mod:`qbp.audit.verdicts`) that it is put to.

Measuring and judging are in :mod:`qbp.audit.claims`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from qbp.audit.measures import MEASURES, Measure
from qbp.audit.verdicts import RULES
from qbp.studies.study import entries, problems, refuse, stored, unique, values


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper in one reading.

    To measure an open one, give it a table, methods, a metric and a measure.

    Attributes:
        id: short name; the chapters glue the measurement under it.
        claim: what the paper says, in few words.
        quote: its own words.
        where: section or figure of the paper.
        paper: the paper's relative change, None where it gives no figure.
        read_as: how we read it, where the words leave a choice.
        experiment, reading: which results speak to it; the reading may add what else is changed.
        table: committed table it is measured on; "study/task" for one of
            :mod:`qbp.studies.perceptron_studies`, after "vqe/" for one of :mod:`qbp.studies.circuit_studies`;
            "pqc/depth/output"; empty for a statement about formulas, which is computed when it is asked for.
        method, baseline: the two that are compared, as the table calls them.
        metric: name in the history.
        how: the measure; claims.toml gives its name, as `measure`.
        rule: key of RULES in :mod:`qbp.audit.verdicts`, or "untestable".
        ambiguities: rows of the chapter on ambiguities that it depends on.
        needs: what an open or untestable row would take.
        main: whether it is one of the rows that README and the chapters show.
        uses: names in the table that the measure reads, where they are not the method and the baseline.
    """

    id: str
    claim: str
    quote: str
    where: str
    paper: float | None = None
    read_as: str = ""
    experiment: str = ""
    reading: str = ""
    table: str = ""
    method: str = ""
    baseline: str = ""
    metric: str = ""
    how: Measure | None = None
    rule: str = "lower"
    ambiguities: tuple[int, ...] = ()
    needs: str = ""
    main: bool = False
    uses: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What the measure reads of its table."""
        given = self.uses or (*self.method.split(","), *self.baseline.split(","))
        return tuple(name for name in given if name)


FIELDS = {field.name for field in fields(Claim)} - {"how"} | {"measure"}  # of an entry in claims.toml


def read(text: str) -> tuple[Claim, ...]:
    """Return the claims of a text like claims.toml, in its order.

    Raises:
        ValueError: a row has an unknown field, measure or rule, lacks a name, or has another's id.
    """
    return unique(_claim(row) for entry in entries(text, "sentence") for row in _rows(entry, {}))


def _rows(entry: dict[str, Any], above: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of an entry, each with the fields that stand above it."""
    given = above | {name: value for name, value in entry.items() if name != "rows"}
    if "rows" not in entry:
        yield given
    for row in entry.get("rows", ()):
        yield from _rows(row, given)


def _claim(row: dict[str, Any]) -> Claim:
    refuse(Claim, row, _problems(row))
    given = values(row)
    measure = given.pop("measure", None)
    return Claim(**given, how=None if measure is None else MEASURES[measure])


def _problems(row: dict[str, Any]) -> Iterator[str]:
    yield from problems(Claim, row, FIELDS)
    if "measure" not in row and "needs" not in row:
        yield "a row must have a measure, or say what it needs"
    for name, known in {"measure": [*MEASURES], "rule": [*RULES, "untestable"]}.items():
        if name in row and row[name] not in known:
            yield f"{name} must be one of {', '.join(known)}, got {row[name]!r}"


CLAIMS = read(stored("qbp.audit", "claims.toml"))
