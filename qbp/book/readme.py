"""Computed parts of README.md: findings, claims, headline figure, folders."""

import io
import re
from collections.abc import Iterable
from pathlib import Path

from qbp.audit import claims
from qbp.book import api
from qbp.book.figures import training
from qbp.book.tables.claims import SentenceTable, counted, we_measure
from qbp.results import store
from qbp.results.store import ROOT

BLOCK = r"(?s)<!-- \w+ -->\n(.*?)<!-- /\w+ -->"  # what is computed in README
MEASURED = r"(<!-- claim ([\w-]+) -->)[^<]*(<!-- /claim -->)"  # in a sentence: what a claim is measured at
CORE = ("", "baseline", "circuits", "perceptrons", "plateaus")  # folders; the first is `qbp` itself
FINDINGS = """\
**In one sentence:** of {sentences} sentences of the paper that can be tested, on its own tasks and on
circuits, {counted}.

- **The schedule, as the text describes it.** Against no initialization the loss ends
  {curve-no-init-as-written} on the curve and {telecom-no-init-as-written} on telecom; on reduced MNIST the
  validation loss is {mnist-val-loss-as-written}, where the paper has 11.5 % less.
- **The optimizer at the switch**, of which the paper says nothing. With its moments restarted there and
  Stage 1's 100 steps on top of the 500, the MNIST loss is {mnist-val-loss-as-written-restarted-on-top}.
  Against a baseline of as many steps that is restarted at the same one it is
  {mnist-val-loss-as-written-both-restarted-600}; a restart without any Stage 1 makes the baseline
  {mnist-val-loss-as-written-restart-alone}.
- **On circuits**, six qubits, the same 500 steps, exact values: the error is {circuits-error-tfim} on an
  Ising chain and {circuits-error-circuit} on the state of a two-layer circuit. Trained with ten shots it is
  {circuits-shots-tfim} and {circuits-shots-circuit}.
- **Ridge regression (eq. 2) as Stage 1.** The loss ends {curve-ridge} on the curve and {telecom-ridge} on
  telecom, over other data {curve-ridge-across-data} and {telecom-ridge-across-data}; on reduced MNIST the
  validation loss is {mnist-val-loss-ridge}.
- **Against Sellier's wave packets.** With our constants the loss ends {curve-sellier-as-written} on the
  curve; with their best ones in imaginary time {curve-sellier-as-written-imaginary}, with friction
  {curve-sellier-as-written-friction}. On reduced MNIST: {mnist-sellier-as-written},
  {mnist-sellier-as-written-imaginary} and {mnist-sellier-as-written-friction}.
- **The released notebook.** Its losses are penalties on the weights, into which no data enter. Measured on
  the data, both of its models are constants: against each other {curve-no-init-as-released} on the curve."""


def line_counts(root: Path = ROOT) -> str:
    """Return the core's folders with their modules and lines, docstrings included, as a Markdown table."""
    core = [folder for folder in api.folders(root) if folder.partition(".")[2].partition(".")[0] in CORE]
    rows, total = [], 0
    for folder in core:
        paths = [root / (name.replace(".", "/") + ".py") for name in api.modules(folder, root)]
        count = sum(len(path.read_text().splitlines()) for path in paths)
        rows.append(f"| `{folder.replace('.', '/')}` | {api.says(folder, root)} | {len(paths)} | {count} |")
        total += count
    head = ["| folder | holds | modules | lines |", "|---|---|---|---|"]
    return "\n".join([*head, *rows, f"| | | | {total} |"])


def findings(rows: Iterable["claims.Row"]) -> str:
    """Return what was found in plain words, each with its number; the direction is that of the interval."""
    rows = list(rows)
    told = {row.claim.id: _direction(row) for row in rows if hasattr(row.found, "low")}
    sentences = str(sum(row.claim.primary for row in rows))
    return FINDINGS.format_map(told | {"sentences": sentences, "counted": counted(rows)})


def _direction(row: "claims.Row") -> str:
    low, high = row.found.low, row.found.high
    word = "lower" if high < 0 else "higher" if low > 0 else "no different"
    return f"{word} ({re.sub(r' [(]n = [0-9]+[)]$', '', we_measure(row))})"


def filled(text: str, directory: Path = store.DIRECTORY) -> str:
    """Return README's text with what stands between its markers computed anew, from the tables there."""
    everything = claims.everything(directory)
    blocks = {"findings": findings(everything), "claims": repr(SentenceTable(everything))}
    blocks["lines"] = line_counts()
    for name, block in blocks.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text, found = re.subn(pattern, lambda m, b=block: m[1] + b + "\n" + m[2], text, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"README.md must have one pair of markers for {name}, got {found}")
    measured = {row.claim.id: we_measure(row) for row in everything}
    if unknown := {match[2] for match in re.finditer(MEASURED, text)} - measured.keys():
        raise ValueError(f"README.md must name claims that there are, got {', '.join(sorted(unknown))}")
    return re.sub(MEASURED, lambda m: m[1] + measured[m[2]] + m[3], text)


def headline(directory: Path = store.DIRECTORY) -> bytes:
    """Return the figure that README shows, drawn from the table there, as PNG."""
    figure = training.with_late_steps(store.load("mnist", directory), "val_loss", unit="nats")
    figure.savefig(file := io.BytesIO(), dpi=110, metadata={"Software": None})
    return file.getvalue()


def update(root: Path = ROOT) -> None:
    """Write README.md, the figure it shows, results/headline.png, and the pages of the package in book/."""
    path = root / "README.md"
    path.write_text(filled(path.read_text()))
    api.update(root)
    (root / "results" / "headline.png").write_bytes(headline())
