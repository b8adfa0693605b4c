"""Claims of the paper, measured on results and judged by rule; no verdict here is an opinion.

The claims are in claims.toml (:mod:`qbp.audit.sentences`), measures in :mod:`qbp.audit.measures`, rules in
:mod:`qbp.audit.verdicts`; tables of them for a page in :mod:`qbp.book.tables.claims`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp.audit.measures import weigh
from qbp.audit.sentences import CLAIMS, Claim
from qbp.audit.verdicts import AGAINST, IN_FAVOR, RULES, best_p
from qbp.experiments.registry import run
from qbp.results import store as tables
from qbp.results.table import up_to
from qbp.statistics.hypothesis_tests import benjamini_hochberg, holm, reachable
from qbp.statistics.intervals import Interval
from qbp.studies.tables import load, resolve

if TYPE_CHECKING:
    from qbp.experiments.result import Result

CORRECTIONS = {"primary": holm, "secondary": benjamini_hochberg}
DECIDED = (*IN_FAVOR, *AGAINST)


@dataclass(frozen=True)
class Row:
    """A claim and its measurement, None for a claim that has none.

    Attributes:
        claim: the sentence.
        found: what was measured.
        adjusted: its p after the correction for its family, None if it stands alone or has no test.
        reachable: the smallest p after the correction that so many seeds could reach, None as above.
        p_holm, p_bh: its p after the correction for all rows with a test, of Holm and of Benjamini and
            Hochberg, None as above.
        others: id and own verdict of each of its alternatives, empty if it stands alone.
    """

    claim: Claim
    found: Interval | None = None
    adjusted: float | None = None
    reachable: float | None = None
    p_holm: float | None = None
    p_bh: float | None = None
    others: tuple[tuple[str, str], ...] = ()

    @property
    def verdict(self) -> str:
        """The row's own verdict, or "depends" where an alternative is on the other side."""
        sides = {word in IN_FAVOR for word in (self.own, *dict(self.others).values()) if word in DECIDED}
        return "depends" if self.own in DECIDED and len(sides) > 1 else self.own

    @property
    def own(self) -> str:
        """The verdict by rule, after the correction where the row stands among others."""
        return self._judged(self.adjusted, self.reachable)

    @property
    def alone(self) -> str:
        """The verdict of the row by itself."""
        return self._judged(None, None)

    @property
    def differs(self) -> tuple[str, ...]:
        """The alternatives that are not on the side of the row's own verdict, undecided and open ones too."""
        side = _side(self.own)
        return tuple(id for id, word in self.others if _side(word) != side)

    @property
    def family(self) -> str | None:
        """Name of the rows it is corrected with, "primary" or "secondary"; None without a test."""
        if self.found is None or not self.claim.tested:
            return None
        return "primary" if self.claim.primary else "secondary"

    def _judged(self, adjusted: float | None, reachable: float | None) -> str:
        if self.claim.rule == "untestable":
            return "untestable"
        if self.found is None:
            return "open"
        return RULES[self.claim.rule](self.found, self.claim.paper, adjusted, reachable)

    @property
    def command(self) -> str | None:
        """The command that measures it again on as many seeds."""
        if self.found is None:
            return None
        seeds = f" --seeds {self.found.n}" if self.claim.table else ""
        return f"qbp claims {self.claim.id} --rerun{seeds} --json"

    def json(self) -> dict[str, Any]:
        """Return the row as plain data; numbers that do not exist are null.

        `verdict` goes by `p_adjusted`, the correction for the row's family; `own_verdict` is that before its
        alternatives are looked at, `alone` that without a correction.  `unit` says what `ours`, `low` and
        `high` are.
        """
        c, f = self.claim, self.found
        numbers = {name: getattr(f, name, None) for name in ("mean", "low", "high", "n")}
        extra = {
            name: getattr(f, name, None) for name in ("effect", "ranks", "wins", "hits", "p", "detectable")
        }
        row = {"id": c.id, "claim": c.claim, "where": c.where, "reading": c.reading or None, "paper": c.paper}
        row |= {"ours": numbers.pop("mean"), **numbers, "verdict": self.verdict, "command": self.command}
        row |= {"alone": self.alone, "rule": c.rule, "unit": UNITS.get(c.rule), **extra}
        row |= {"own_verdict": self.own, "family": self.family, "p_adjusted": self.adjusted}
        row |= {"p_holm": self.p_holm, "p_bh": self.p_bh, "quote": c.quote, "read_as": c.read_as or None}
        row |= {"metric": c.metric or None, "table": c.table or None, "needs": self.needs or None}
        row |= {"at": c.at, "note": c.note or None, "setup": c.setup}
        lists = {"ambiguities": list(c.ambiguities), "differs": list(self.differs)}
        return {k: _finite(v) for k, v in row.items()} | lists

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
    if claim.at is not None:
        results = {name: up_to(result, claim.at) for name, result in results.items()}
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

    The rows with a test are corrected by :func:`corrected`.

    Args:
        directory: the results folder.
        claims: those of the paper, or others (:func:`qbp.audit.sentences.read`).
    """
    hashes = {name: entry["sha256"] for name, entry in tables.manifest(directory).items()}
    measured: dict[str, Interval] = {}
    for table in dict.fromkeys(claim.table for claim in claims):  # each is read once
        parts = resolve(table).tables if table else ()
        if hashes.keys() >= set(parts):
            asked = tuple(claim for claim in claims if claim.table == table and claim.how)
            measured |= _measured(table, asked, directory, tuple(hashes[name] for name in parts))
    return corrected(Row(claim, measured.get(claim.id)) for claim in claims)


@cache
def _measured(
    table: str, asked: tuple[Claim, ...], directory: Path, hashes: tuple[str, ...]
) -> dict[str, Interval]:
    """Measure the claims about a table; kept in this process, as long as the tables do not change."""
    results = load(table, directory) if table else {}
    return {claim.id: measure_one(claim, results) for claim in asked}


def corrected(rows: Iterable[Row]) -> list[Row]:
    """Return the rows with their p values corrected, each beside its alternatives among them.

    Holm's correction is over the primary rows, Benjamini and Hochberg's over the secondary ones; both over
    all rows with a test stand beside them.
    """
    rows = list(rows)
    p = np.array([getattr(row.found, "p", np.nan) if row.family else np.nan for row in rows])
    best = np.array([np.nan if row.found is None else best_p(row.found) for row in rows])
    adjusted, reached = np.full_like(p, np.nan), np.full_like(p, np.nan)
    for family, correction in CORRECTIONS.items():
        places = [i for i, row in enumerate(rows) if row.family == family]
        adjusted[places] = correction(p[places])
        reached[places] = reachable(p[places], best[places], correction)
    fields = {"adjusted": adjusted, "reachable": reached, "p_holm": holm(p), "p_bh": benjamini_hochberg(p)}
    done = []
    for i, row in enumerate(rows):
        known: dict[str, Any] = {
            name: float(values[i]) for name, values in fields.items() if np.isfinite(values[i])
        }
        done.append(replace(row, **known))
    own = {row.claim.id: row.own for row in done}
    return [replace(r, others=tuple((id, own[id]) for id in r.claim.alternatives if id in own)) for r in done]


def _side(verdict: str) -> str:
    """Return on which side of "depends" a verdict is, the verdict itself where it is on none."""
    return "in favor" if verdict in IN_FAVOR else verdict


def committed(directory: Path = tables.DIRECTORY) -> list[Row]:
    """Return the main claims on the committed tables, corrected with all rows, in the order of CLAIMS."""
    return main_rows(everything(directory))


def main_rows(rows: Iterable[Row]) -> list[Row]:
    """Return the rows about the paper's figures and final losses, as far as they are measured."""
    return [row for row in rows if row.claim.main and row.found is not None]


def of_tables(start: str, directory: Path = tables.DIRECTORY) -> list[Row]:
    """Return the rows of :func:`everything` whose table, or study, has a name that begins like this."""
    return [row for row in everything(directory) if row.claim.table.startswith(start)]


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
    for name in claim.among(known):
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
