"""The paper's claims as data, measured on results; the verdict is a rule (:func:`qbp.statistics.verdict`),
never an opinion."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from qbp import results as tables
from qbp.experiments import Result
from qbp.statistics import Interval, relative_change, verdict


def final_change(method: Result, baseline: Result, metric: str) -> Interval:
    """Return the relative change of a metric's mean after the last step, from the baseline to the method."""
    return relative_change(method.final(metric), baseline.final(metric))


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper that can be checked: a reduction of a metric from one method to another.

    A claim without an experiment has no measurement yet and is open.  To measure it, name the experiment,
    the reading, both methods and the metric, write `how` if the metric's last value is not what the
    sentence is about, and move the claim from OPEN to CLAIMS.

    Attributes:
        id: short name; the chapters glue the measurement under it.
        claim: what the paper says, in few words.
        where: section or figure of the paper.
        paper: the paper's relative change, None where it gives no figure.
        experiment, reading: which results speak to it.
        method, baseline: the mean over seeds of `metric` after the last step is compared between these two.
        metric: name in the history.
        how: takes the results of `method` and `baseline`, and `metric`; returns the relative change that
            :func:`qbp.statistics.verdict` judges, negative for a reduction.  None is :func:`final_change`.
    """

    id: str
    claim: str
    where: str
    paper: float | None
    experiment: str = ""
    reading: str = ""
    method: str = ""
    baseline: str = ""
    metric: str = ""
    how: Callable[[Result, Result, str], Interval] | None = None

    @property
    def command(self) -> str | None:
        """The command that measures it again, None if nothing does yet."""
        if not self.experiment:
            return None
        methods = f"{self.method},{self.baseline}"
        return f"qbp run {self.experiment} --methods {methods} --reading {self.reading} --seeds {{n}} --json"


def _both_readings(id: str, claim: str, where: str, paper: float | None, *rest: str) -> list[Claim]:
    experiment, method, baseline, metric = rest
    return [
        Claim(f"{id}-{reading}", claim, where, paper, experiment, reading, method, baseline, metric)
        for reading in ("as-released", "as-written")
    ]


CLAIMS: tuple[Claim, ...] = (
    *_both_readings(
        "curve-sellier", "lower MSE than Sellier after 500 steps", "IV.B", -0.273,
        "curve", "two-stage", "sellier", "train_loss",
    ),
    *_both_readings(
        "curve-no-init", "lower final loss than no initialization", "IV.D, Fig. 1a", None,
        "curve", "two-stage", "no-init", "train_loss",
    ),
    *_both_readings(
        "telecom-no-init", "lower final loss than no initialization", "IV.C, Fig. 1b", None,
        "telecom", "two-stage", "no-init", "train_loss",
    ),
    *_both_readings(
        "telecom-sellier", "lower final loss than Sellier, which \"plateaus prematurely\"", "IV.C, Fig. 1b",
        None, "telecom", "two-stage", "sellier", "train_loss",
    ),
    *_both_readings(
        "mnist-val-loss", "lower validation loss than no initialization", "IV.D", -0.115,
        "mnist", "two-stage", "no-init", "val_loss",
    ),
    *_both_readings(
        "mnist-grad-var", "lower gradient variance than no initialization", "IV.D", None,
        "mnist", "two-stage", "no-init", "task_grad_var",
    ),
    *_both_readings(
        "mnist-sellier", "lower validation loss than Sellier", "IV.D, Fig. 1c", None,
        "mnist", "two-stage", "sellier", "val_loss",
    ),
    Claim(
        "mnist-val-loss-ridge", "eq. 2 as Stage 1: lower validation loss than no initialization",
        "III.A, IV.D", -0.115, "mnist", "as-written", "two-stage-ridge", "no-init", "val_loss",
    ),
    Claim(
        "mnist-grad-var-ridge", "eq. 2 as Stage 1: lower gradient variance than no initialization",
        "III.A, IV.D", None, "mnist", "as-written", "two-stage-ridge", "no-init", "task_grad_var",
    ),
    Claim(
        "curve-ridge", "eq. 2 as Stage 1: lower final loss than no initialization", "III.A, IV.D", None,
        "curve", "as-written", "two-stage-ridge", "no-init", "train_loss",
    ),
)  # fmt: skip

OPEN: tuple[Claim, ...] = (  # the paper's other sentences that can be checked, in its order; none is yet
    Claim("gradient-vanishing", "the framework mitigates gradient vanishing", "abstract", None),
    Claim(
        "noise-instability", "convex initialization suppresses noise-induced instability", "abstract", None
    ),
    Claim("depths", "generalization is preserved across circuit depths", "abstract", None),
    Claim("conditioning", "convex initialization ensures well-conditioned gradients", "I", None),
    Claim("eq-one-convex", "the local loss is convex", "III.A, eq. 1", None),
    Claim("escape", "the switching criterion ensures escape from the flat regime", "III.A, eq. 3", None),
    Claim("many-minima", "oscillations help to explore multiple basins", "III.B", None),
    Claim(
        "concentration",
        "constrained expressibility concentrates gradients in the convex stage",
        "III.B",
        None,
    ),
    Claim("same-start", "all methods share start weights and mini-batches", "IV.A", None),
    Claim("curve-faster", "faster than both baselines beyond step 300", "IV.B, Fig. 1a", None),
    Claim("curve-smoother", "smoother than both baselines beyond step 300", "IV.B, Fig. 1a", None),
    Claim("curve-no-init-unstable", "without initialization the loss oscillates", "IV.B, Fig. 1a", None),
    Claim("curve-sellier-plateau", "Sellier stays at a higher loss", "IV.B, Fig. 1a", None),
    Claim("telecom-smoother", "smoother than no initialization", "IV.C, Fig. 1b", None),
    Claim("telecom-sellier-early", "Sellier is faster early, then stays higher", "IV.C, Fig. 1b", None),
    Claim("telecom-nonstationary", "Sellier adapts less to the nonstationary regime", "IV.C", None),
    Claim("mnist-faster", "faster loss decay than no initialization", "IV.D, Fig. 1c", None),
    Claim("mnist-smoother", "smoother loss decay than no initialization", "IV.D, Fig. 1c", None),
    Claim("low-curvature", "Stage 1 leads to a low-curvature region", "IV.D", None),
    Claim("loss-variance", "lower loss variance across tasks", "IV.D, V", None),
    Claim("task-accuracy", "better final accuracy across tasks", "IV.D", None),
    Claim("start-sensitivity", "the convex stage lowers the sensitivity to the start", "V", None),
    Claim("noise-resilience", "greater resilience to optimization noise", "V", None),
)


@dataclass(frozen=True)
class Row:
    """A claim and its measurement, None for a claim that has none yet."""

    claim: Claim
    found: Interval | None = None

    @property
    def verdict(self) -> str:
        """The verdict by rule."""
        return "open" if self.found is None else verdict(self.found, self.claim.paper)

    @property
    def paper(self) -> str:
        """What the paper gives, for a table."""
        if self.claim.paper is None:
            return "lower" if self.claim.experiment else "in words"
        return percent(self.claim.paper)

    @property
    def command(self) -> str | None:
        """The command that measures it again on as many seeds."""
        return self.found and self.claim.command.format(n=self.found.n)

    @property
    def ours(self) -> str:
        """What we measured, with interval and n, for prose and tables."""
        if self.found is None:
            return "not measured"
        n = f"n = {self.found.n}"
        if not np.isfinite(self.found.low):
            return f"{percent(self.found.mean)} ({n})"
        return f"{percent(self.found.mean)} [{percent(self.found.low)}, {percent(self.found.high)}] ({n})"

    def json(self) -> dict[str, Any]:
        """Return the row as plain data; numbers that do not exist are null."""
        c, f = self.claim, self.found or Interval(np.nan, np.nan, np.nan, 0)
        mean, low, high = (None if not np.isfinite(v) else v for v in (f.mean, f.low, f.high))
        row = {
            "id": c.id,
            "claim": c.claim,
            "where": c.where,
            "reading": c.reading or None,
            "paper": c.paper,
            "ours": mean,
        }
        row |= {"low": low, "high": high, "n": f.n or None, "verdict": self.verdict}
        return row | {"command": self.command}


def measure(results: Mapping[str, Result]) -> list[Row]:
    """Measure every claim that these results speak to, in the order of CLAIMS.

    Args:
        results: {method: Result} of one experiment in one reading over the same seeds.
    """
    some = next(iter(results.values())).config
    return [
        Row(claim, (claim.how or final_change)(results[claim.method], results[claim.baseline], claim.metric))
        for claim in CLAIMS
        if (claim.experiment, claim.reading) == (some.experiment, some.reading)
        and claim.method in results
        and claim.baseline in results
    ]


def committed(directory: Path = tables.DIRECTORY) -> list[Row]:
    """Measure the claims on the committed tables, in the order of CLAIMS."""
    names = [name for name in tables.MAIN if name in tables.manifest(directory)]
    rows = [row for name in names for row in measure(tables.load(name, directory))]
    return sorted(rows, key=lambda row: CLAIMS.index(row.claim))


def everything(directory: Path = tables.DIRECTORY) -> list[Row]:
    """Return the claims measured on the committed tables, then those that are open."""
    return [*committed(directory), *map(Row, OPEN)]


def glued(notebook: Path) -> dict[str, str]:
    """Return what a notebook glued under the names of claims, {id: text}."""
    names = {claim.id for claim in CLAIMS}
    found = {}
    for cell in json.loads(notebook.read_text())["cells"]:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name in names:
                text = next(v for kind, v in output["data"].items() if kind.endswith("text/plain"))
                found[name] = "".join(text).strip("'")
    return found


class Table:
    """ "The paper says / we measure", for a cell's last line: HTML on a page, Markdown as text.

    Args:
        rows: claims with their measurements.
        commands: whether to add the command that measures each row again, folded on a page.
    """

    HEAD = ("the paper says", "where", "reading", "paper", "we measure", "verdict")

    def __init__(self, rows: Iterable[Row], *, commands: bool = False) -> None:
        rows = list(rows)
        self.cells = [
            (r.claim.claim, r.claim.where, r.claim.reading or "-", r.paper, r.ours, r.verdict) for r in rows
        ]
        self.commands = [r.command if commands else None for r in rows]
        self.head = (*self.HEAD, "recompute") if commands else self.HEAD

    def __repr__(self) -> str:
        cells = self.cells
        if len(self.head) > len(self.HEAD):
            cells = [(*line, command or "-") for line, command in zip(cells, self.commands, strict=True)]
        lines = [self.head, ["---"] * len(self.head), *cells]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(text)}</th>' for text in self.HEAD)
        body = ""
        for line, command in zip(self.cells, self.commands, strict=True):
            first, *others = map(escape, line)
            if command:
                first += f"<details><summary>recompute</summary><code>{escape(command)}</code></details>"
            body += "<tr>" + "".join(f"<td>{cell}</td>" for cell in (first, *others)) + "</tr>"
        return f'<table class="qbp-claims"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def side_by_side(rows: Iterable[Row], notebooks: Iterable[Path]) -> str:
    """Return the claims in two columns: committed, and just run in these notebooks."""
    run_now = {name: text for notebook in notebooks for name, text in glued(notebook).items()}
    table = [("claim", "reading", "paper", "committed", "just run here")]
    table += [(r.claim.claim, r.claim.reading, r.paper, r.ours, run_now.get(r.claim.id, "-")) for r in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    )


def percent(change: float) -> str:
    """Write a relative change, as "-27.3 %" or "-0.14 %"; above a thousand percent as a factor."""
    if change > 10:
        return f"{change + 1:.3g} times"
    digits = 1 if abs(change) >= 0.01 else 2
    return f"{round(100 * change, digits) + 0.0:+.{digits}f} %"  # + 0.0: no -0.00
