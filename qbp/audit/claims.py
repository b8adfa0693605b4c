"""Claims of the paper, measured on results and judged by rule; no verdict here is an opinion.

The claims are in claims.toml (:mod:`qbp.audit.sentences`), measures in :mod:`qbp.audit.measures`, rules in
:mod:`qbp.audit.verdicts`; tables of them for a page in :mod:`qbp.book.tables.claims`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp.audit.measures import weigh
from qbp.audit.sentences import CLAIMS, Claim
from qbp.audit.verdicts import RULES
from qbp.experiments.registry import run
from qbp.results import store as tables
from qbp.statistics.hypothesis_tests import holm
from qbp.statistics.intervals import Interval
from qbp.studies.tables import load, resolve

if TYPE_CHECKING:
    from qbp.experiments.result import Result


@dataclass(frozen=True)
class Row:
    """A claim and its measurement, None for a claim that has none.

    Attributes:
        claim: the sentence.
        found: what was measured.
        adjusted: its p after the correction for all rows, None if it stands alone or has no test.
    """

    claim: Claim
    found: Interval | None = None
    adjusted: float | None = None

    @property
    def verdict(self) -> str:
        """The verdict by rule, after the correction where the row stands among others."""
        return self._judged(self.adjusted)

    @property
    def alone(self) -> str:
        """The verdict of the row by itself."""
        return self._judged(None)

    def _judged(self, adjusted: float | None) -> str:
        if self.claim.rule == "untestable":
            return "untestable"
        if self.found is None:
            return "open"
        return RULES[self.claim.rule](self.found, self.claim.paper, adjusted)

    @property
    def command(self) -> str | None:
        """The command that measures it again on as many seeds."""
        if self.found is None:
            return None
        seeds = f" --seeds {self.found.n}" if self.claim.table else ""
        return f"qbp claims {self.claim.id} --rerun{seeds} --json"

    def json(self) -> dict[str, Any]:
        """Return the row as plain data; numbers that do not exist are null.

        The verdict is the one after the correction; `alone` is the row's own.  `unit` says what `ours`, `low`
        and `high` are.
        """
        c, f = self.claim, self.found
        numbers = {name: getattr(f, name, None) for name in ("mean", "low", "high", "n")}
        extra = {
            name: getattr(f, name, None) for name in ("effect", "ranks", "wins", "hits", "p", "detectable")
        }
        row = {"id": c.id, "claim": c.claim, "where": c.where, "reading": c.reading or None, "paper": c.paper}
        row |= {"ours": numbers.pop("mean"), **numbers, "verdict": self.verdict, "command": self.command}
        row |= {"alone": self.alone, "rule": c.rule, "unit": UNITS.get(c.rule), **extra}
        row |= {"p_adjusted": self.adjusted, "quote": c.quote, "read_as": c.read_as or None}
        row |= {"metric": c.metric or None, "table": c.table or None, "needs": self.needs or None}
        return {k: _finite(v) for k, v in row.items()} | {"ambiguities": list(c.ambiguities)}

    @property
    def needs(self) -> str:
        """What an open or untestable row would take; empty for a measured one."""
        if self.found is not None:
            return ""
        return self.claim.needs or f"the table {self.claim.table}"


UNITS = {
    **dict.fromkeys(["lower", "preserved"], "relative change"),
    **dict.fromkeys(["most", "every"], "share of runs"),
    "convex": "height above a chord; negative: minus the smallest curvature",
}


def measure_one(claim: Claim, results: Mapping[str, "Result"]) -> Interval:
    """Measure one claim on the results it names."""
    assert claim.how is not None, claim.needs
    return weigh(claim.rule, claim.how(results, claim))


def measure(results: Mapping[str, "Result"]) -> list[Row]:
    """Measure the main claims that these results speak to, in the order of CLAIMS, each by itself.

    Args:
        results: {method: Result} of one experiment in one reading over the same seeds.
    """
    some = next(iter(results.values())).config
    return [
        Row(claim, measure_one(claim, results))
        for claim in CLAIMS
        if claim.main
        and (claim.experiment, claim.reading) == (some.experiment, some.reading)
        and set(claim.names) <= results.keys()
    ]


def everything(directory: Path = tables.DIRECTORY, claims: Sequence[Claim] = CLAIMS) -> list[Row]:
    """Return every claim in order, measured on the committed tables as far as they go.

    The correction is over all rows with a test.

    Args:
        directory: the results folder.
        claims: those of the paper, or others (:func:`qbp.audit.sentences.read`).
    """
    there = set(tables.manifest(directory))
    measured: dict[str, Interval] = {}
    for table in dict.fromkeys(claim.table for claim in claims):  # each is read once
        if table and not there.issuperset(resolve(table).tables):
            continue
        results = load(table, directory) if table else {}
        asked = [claim for claim in claims if claim.table == table and claim.how]
        measured |= {claim.id: measure_one(claim, results) for claim in asked}
    return corrected(Row(claim, measured.get(claim.id)) for claim in claims)


def corrected(rows: Iterable[Row]) -> list[Row]:
    """Return the rows with their p values corrected for the number of rows that have one."""
    rows = list(rows)
    adjusted = holm([getattr(row.found, "p", np.nan) for row in rows])
    return [
        replace(row, adjusted=float(p)) if np.isfinite(p) else row
        for row, p in zip(rows, adjusted, strict=True)
    ]


def committed(directory: Path = tables.DIRECTORY) -> list[Row]:
    """Return the main claims on the committed tables, corrected for all rows, in the order of CLAIMS."""
    return main_rows(everything(directory))


def main_rows(rows: Iterable[Row]) -> list[Row]:
    """Return the rows about the paper's figures and final losses, as far as they are measured."""
    return [row for row in rows if row.claim.main and row.found is not None]


def of_tables(start: str, directory: Path = tables.DIRECTORY) -> list[Row]:
    """Return the rows of :func:`everything` whose table, or study, has a name that begins like this."""
    return [row for row in everything(directory) if row.claim.table.startswith(start)]


def in_sections(rows: Iterable[Row], *names: str) -> list[Row]:
    """Return the rows that stand first in one of these sections of the paper, such as "IV.B"."""
    return [row for row in rows if row.claim.where.split(",")[0] in names]


def rerun(claim: Claim, seeds: int | None = None, directory: Path = tables.DIRECTORY) -> Row:
    """Train what a claim is measured on again and measure it, by itself.

    Args:
        claim: one with a measure.
        seeds: number of runs; those of the committed table by default.
        directory: the results folder, whose tables say which configurations to run.

    Raises:
        ValueError: the claim is open or untestable, or its table is not there.
    """
    if claim.how is None:
        raise ValueError(f"claim must be one that is measured, got {claim.id!r}, which needs {claim.needs}")
    known, fresh = load(claim.table, directory) if claim.table else {}, {}
    listed = tables.manifest(directory)
    for name in claim.names if claim.table else ():
        config, verb = known[name].config, tables.verb_of(listed[known[name].table]["command"])
        fresh[name] = run(config if seeds is None else replace(config, seeds=seeds), verb=verb)
    return Row(claim, measure_one(claim, fresh))


def select(ids: Iterable[str]) -> list[Claim]:
    """Return the claims with these ids.

    Raises:
        ValueError: there is none with an id.
    """
    known = {claim.id: claim for claim in CLAIMS}
    ids = list(dict.fromkeys(ids))
    for id in ids:
        if id not in known:
            close = [name for name in known if _bare(id) in _bare(name)] or get_close_matches(id, known, 3)
            raise ValueError(f"id must be one of those in `qbp claims --json`, got {id!r}" + _like(close))
    return [known[id] for id in ids]


def _bare(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def _like(names: list[str]) -> str:
    return f"; did you mean {', '.join(names[:6])}?" if names else ""


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
