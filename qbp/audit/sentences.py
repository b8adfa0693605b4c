"""Claims of the paper, read from claims.toml: what a sentence says, where, how we read it, and the measure
(:mod:`qbp.audit.measures`) and rule (:mod:`qbp.audit.verdicts`) that it is put to.

Measuring and judging are in :mod:`qbp.audit.claims`.
"""

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from qbp.audit.measures import MEASURES, Measure
from qbp.audit.verdicts import RULES, TESTED
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
        primary: whether it is the row that judges its sentence (the rule is in :mod:`qbp.audit.verdicts`);
            the other rows with a test are secondary.
        alternatives: ids of rows that measure the same sentence under other reasonable readings.
        main: whether it is one of the rows that README and the chapters show.
        uses: names in the table that the measure reads, where they are not the method and the baseline.
        at: step up to which the histories are read; None is their end.
        note: what the reader of the row must know, such as that both methods only guess.
        setup: whether it is a fact of how we have set the experiment up, which tests nothing.
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
    primary: bool = False
    alternatives: tuple[str, ...] = ()
    main: bool = False
    uses: tuple[str, ...] = ()
    at: int | None = None
    note: str = ""
    setup: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What the measure reads of its table; a name that ends with * stands for all that begin so."""
        several = re.split(",(?! )", self.method) + re.split(",(?! )", self.baseline)  # labels have ", "
        return tuple(name for name in self.uses or several if name)

    def among(self, labels: Collection[str]) -> list[str]:
        """Return the labels of its table that the measure reads."""
        return [label for label in labels if any(fnmatchcase(label, name) for name in self.names)]

    @property
    def tested(self) -> bool:
        """Whether its rule asks for a p."""
        return self.how is not None and self.rule in TESTED


FIELDS = {field.name for field in fields(Claim)} - {"how"} | {"measure"}  # of an entry in claims.toml


def read(text: str) -> tuple[Claim, ...]:
    """Return the claims of a text like claims.toml, in its order.

    Raises:
        ValueError: a row has an unknown field, measure or rule, lacks a name, or has another's id; or an
            alternative is no other row.
    """
    claims = unique(claim for rows in by_sentence(text) for claim in rows)
    ids = {claim.id for claim in claims}
    for claim in claims:
        if unknown := [id for id in claim.alternatives if id not in ids - {claim.id}]:
            raise ValueError(f"{claim.id}: alternatives must be ids of other rows, got {', '.join(unknown)}")
    return claims


def by_sentence(text: str) -> list[tuple[Claim, ...]]:
    """Return the rows of each sentence of a text like claims.toml, in its order; errors as for :func:`read`,
    those between rows left out."""
    named = tomllib.loads(text).get("variants", {})
    rows = (_rows(entry, {}) for entry in entries(text, "sentence", ("variants",)))
    return [tuple(_claim(one) for row in some for one in _variants(row, named)) for some in rows]


def primary_of(rows: Iterable[Claim]) -> Claim | None:
    """Return the primary row of a sentence by the rule in :mod:`qbp.audit.verdicts`, None if none is tested.

    Args:
        rows: all rows of the sentence, in their order.
    """
    tested = (claim for claim in rows if claim.tested)
    return next((c for c in tested if c.reading == "as-written" or c.reading.startswith("circuits, ")), None)


def _rows(entry: dict[str, Any], above: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of an entry, each with the fields that stand above it."""
    given = above | {name: value for name, value in entry.items() if name != "rows"}
    if "rows" not in entry:
        yield given
    for row in entry.get("rows", ()):
        yield from _rows(row, given)


def _variants(row: dict[str, Any], named: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row, and after it those that its `variants` make of it: other readings of the same sentence.

    A variant is one of those that are `named`, or a table.  It has `suffix`, added to the id, `reading`,
    added to the row's, and fields that replace the row's own, where "{experiment}", "{method}" and
    "{baseline}" stand for the row's and "{task}" for the last part of its table.  With `of` it is made of
    rows in that reading alone.  It is an alternative of the row unless `control` is true.
    """
    row, others = dict(row), []
    for variant in row.pop("variants", ()):
        if isinstance(variant, str) and variant not in named:
            raise ValueError(f"{row.get('id')}: variants must be among {', '.join(named)}, got {variant}")
        own = dict(named[variant] if isinstance(variant, str) else variant)
        if missing := sorted({"suffix", "reading"} - own.keys()):
            raise ValueError(f"{row.get('id')}: a variant must have {', '.join(missing)}")
        suffix, said, control = own.pop("suffix"), own.pop("reading"), own.pop("control", False)
        if row["reading"] != own.pop("of", row["reading"]):
            continue
        places = {name: row[name] for name in ("experiment", "method", "baseline")}
        places["task"] = row["table"].rpartition("/")[2]
        given = {k: _filled(v, places) for k, v in own.items()}
        plain = {k: v for k, v in row.items() if k not in ("main", "primary", "alternatives")}
        called = {"id": f"{row['id']}-{suffix}", "reading": f"{row['reading']}, {said}"}
        others.append((control, plain | given | called))
    if ids := [*row.get("alternatives", ()), *(other["id"] for control, other in others if not control)]:
        row["alternatives"] = ids
    yield row
    yield from (other for _, other in others)


def _filled(value: Any, places: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_filled(one, places) for one in value]
    return value.format(**places) if isinstance(value, str) else value


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
