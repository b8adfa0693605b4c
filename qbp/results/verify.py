"""Verification of result tables: each checked whole and beside the others, a sample of its runs run again."""

import secrets
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from qbp import _checks
from qbp._files import printable
from qbp.results import store
from qbp.results.census.check import recheck
from qbp.results.census.table import NAME as CENSUS
from qbp.results.consistency import disagreements
from qbp.results.integrity import Mismatch, check, listed
from qbp.results.rerun import OF_RANGE, RELATIVE, ROUNDING, SPREAD, Outcome, chances, cost, recompute, sample

SHOWN = 40  # mismatches printed as text
CENSUS_ROWS = 4  # of the census, at most, that are computed again


@dataclass
class Report:
    """What a verification found.

    Attributes:
        tables: {table: rows}, of every table that can be read.
        older: {table: digest} of the tables that other code than the present has made.
        seed: of the sample.
        sampled, runs, compared: rows drawn, one of a run; runs they took; stored rows of these runs.
        chances: {table: {"run", "configuration", "table": probability that the sample has a forged run, where
            one run, one configuration or the whole table is forged}}.
        census: rows of the census that were computed again.
        loose: those of them that agree only as far as a run that amplifies rounding repeats itself.
        worst: the largest difference found, in units of what is tolerated.
        printed: numbers on pages that were compared with the tables.
        mismatches: what is not as it should be.
    """

    tables: dict[str, int] = field(default_factory=dict)
    older: dict[str, str | None] = field(default_factory=dict)
    seed: int = 0
    sampled: int = 0
    runs: int = 0
    compared: int = 0
    census: int = 0
    loose: int = 0
    worst: float = 0.0
    chances: dict[str, dict[str, float]] = field(default_factory=dict)
    printed: int = 0
    mismatches: list[Mismatch] = field(default_factory=list)

    def add(self, drawn: int, run: Outcome) -> None:
        """Count a run that was computed again for some rows that were drawn."""
        self.sampled, self.runs = self.sampled + drawn, self.runs + 1
        self.compared, self.loose = self.compared + run.compared, self.loose + run.loose
        self.worst = max(self.worst, run.worst)
        self.mismatches += run.mismatches

    def json(self) -> dict[str, Any]:
        """Return what `qbp verify --json` prints."""
        plain = asdict(self)
        plain["worst"] = self.worst if self.worst < float("inf") else None
        tolerance = {"relative": RELATIVE, "of_range": OF_RANGE, "spread": SPREAD, "rounding": ROUNDING}
        return {"ok": not self.mismatches} | plain | {"tolerance": tolerance}

    def __str__(self) -> str:
        names = printable(f": {', '.join(self.tables)}" if self.tables else "")
        lines = [f"{len(self.tables)} tables, {sum(self.tables.values())} rows{names}"]
        older = [f"{name} was made by other code (core {core})" for name, core in self.older.items()]
        lines += map(printable, older)
        if self.runs:
            lines.append(
                f"computed again: {self.sampled} rows drawn with --seed {self.seed}, in {self.runs} runs of "
                f"{self.compared} rows; largest difference {self.worst:.2g} of what is tolerated"
            )
            lines += [self._chance(what) for what in ("table", "configuration", "run")]
        if self.loose:
            lines.append(
                f"{self.loose} of these rows are of runs that amplify rounding, and agree within that"
            )
        lines += [f"{self.census} rows of the census computed again"] * bool(self.census)
        lines += [f"{self.printed} numbers and lines on pages compared with the tables"] * bool(self.printed)
        lines += [f"MISMATCH {found}" for found in self.mismatches[:SHOWN]]
        wrong = len(self.mismatches)
        lines += [f"... and {wrong - SHOWN} more: --json has all"] * (wrong > SHOWN)
        return "\n".join([*lines, "verified" if not wrong else f"{wrong} mismatch{'es' * (wrong > 1)}"])

    def _chance(self, what: str) -> str:
        """Say how likely such a sample finds what is forged, in the best and the worst table for a forger."""
        low, high = (of(self.chances, key=lambda name: self.chances[name][what]) for of in (min, max))
        shown = [f"{100 * self.chances[name][what]:.3g} % ({printable(name)})" for name in (low, high)]
        return f"chance to find one forged {what} so: from {shown[0]} to {shown[1]}"


def verify(
    directory: Path = store.DIRECTORY,
    *,
    tables: Collection[str] | None = None,
    rows: int = 20,
    seed: int | None = None,
    allow_older: bool = False,
    progress: Callable[[int, int, str], Any] = lambda done, runs, what: None,
) -> Report:
    """Check the tables of a folder and recompute a sample of their rows.

    Args:
        directory: the results folder.
        tables: names of tables, all by default.
        rows: how many rows to recompute, if each table gave as many; cheap ones give more, dear ones fewer,
            in the same time (:func:`~qbp.results.rerun.shares`); 0 recomputes none.
        seed: of the sample; drawn if not given.
        allow_older: a table made by other code is named, but is no mismatch.
        progress: called with the number of runs done, that of all, and what is run next.

    Returns:
        The report.

    Raises:
        ValueError: there are no tables, or none of a name in `tables`.
    """
    _checks.integer("rows", rows, low=0)
    seed = secrets.randbelow(2**31) if seed is None else _checks.integer("seed", seed, low=0, high=2**63)
    manifest, wrong = listed(directory)
    names = sorted({path.stem for path in directory.glob("*.parquet")} | manifest.keys())
    if not names and not wrong:
        raise ValueError(f"no result tables in {directory}: run `make results` in a checkout of the book")
    for name in tables or ():
        _checks.choice("tables", name, names)
    report, frames, verbs, costs = Report(seed=seed, mismatches=wrong), {}, {}, {}
    for name in names if tables is None else dict.fromkeys(tables):
        entry: Any = manifest.get(name)
        found = check(name, entry, directory)
        report.mismatches += found.mismatches
        if found.rows is not None:
            report.tables[name] = found.rows
        if found.frame is not None and len(found.frame):
            frames[name], verbs[name] = found.frame, found.verb
            costs[name] = cost(found.frame, entry.get("minutes"))
        if found.now and found.core != found.now:
            report.older[name] = found.core
            if not allow_older:
                what = f"made by other code: core {found.core}, now {found.now}"
                report.mismatches.append(Mismatch(name, "core", what, command=str(entry.get("command"))))
    report.mismatches += disagreements(frames, verbs)
    if report.tables.get(CENSUS):
        census = recheck(directory, min(rows, CENSUS_ROWS), seed, allow_older=allow_older)
        report.census, report.mismatches = census.rows, report.mismatches + census.mismatches
    todo = sample(frames, rows, seed, verbs, costs)
    report.chances = chances(frames, rows, costs) if todo else {}
    for number, again in enumerate(todo):
        progress(number, len(todo), printable(" ".join(again.parts)))
        done = recompute(again)
        report.add(sum(len(drawn) for _, drawn in again.parts.values()), done)
    progress(len(todo), len(todo), "")
    return report
