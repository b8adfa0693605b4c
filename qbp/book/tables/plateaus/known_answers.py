"""Tables of `plateau-suite.json`: circuits whose answer is proven, and what each tool says of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp import _files
from qbp.results import store

if TYPE_CHECKING:
    import pandas as pd

FILE = "plateau-suite.json"
Suite = Mapping[str, Mapping[str, Any]]  # what `python -m benchmarks.plateau_score --save` writes, by tool


def load(directory: Path = store.DIRECTORY) -> Suite:
    """Return the answers of every tool that was asked, ours first.

    Raises:
        ValueError: the file is not there, or is no JSON.
    """
    found = _files.kept(directory, FILE)
    return dict(
        sorted(found.items(), key=lambda item: (item[0] != "qbp", -item[1]["suite"]["verdict"], item[0]))
    )


def scores(found: Suite) -> "pd.DataFrame":
    """Return a row for each tool: version, day, verdicts, and of plateaus the right causes and rates.

    Args:
        found: as of :func:`load`.
    """
    import pandas as pd

    rows = {}
    for tool, of in found.items():
        suite = of["suite"]
        wrong = suite["families"] - suite["verdict"] - suite["cannot say"]
        rows[tool] = {
            "version": of["version"],
            "asked on": of["date"],
            f"right, of {suite['families']}": suite["verdict"],
            "wrong": wrong,
            "cannot say": suite["cannot say"],
            f"false alarms, of {of['trainable']}": len(of["false_alarms"]),
            "cause": _counted(of, "cause", "causes"),
            "rate": _counted(of, "rate", "rate"),
            "dead": _counted(of, "dead", "dead"),
            "seconds a family": round(float(np.median([row["seconds"] for row in of["rows"]])), 2),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("tool")


def families(found: Suite, of: str) -> "pd.DataFrame":
    """Return a row for each family of a set: the label, and each tool's answer, a wrong one marked.

    Args:
        found: as of :func:`load`.
        of: "suite" or "trainable".

    Raises:
        ValueError: there is no such set.
    """
    import pandas as pd

    listed = [row for row in next(iter(found.values()))["rows"] if row["set"] == of]
    if not listed:
        raise ValueError(f"of must be suite or trainable, got {of!r}")
    answers = {tool: {row["name"]: row for row in each["rows"]} for tool, each in found.items()}
    rows = {
        row["name"]: {
            "known": row["label"],
            **{tool: _said(each[row["name"]]) for tool, each in answers.items() if row["name"] in each},
        }
        for row in listed
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("family")


def losses(found: Suite, tool: str = "qbp") -> "pd.DataFrame":
    """Return the families that a tool does not answer rightly, with its reason where it gives one.

    Args:
        found: as of :func:`load`.
        tool: one of them.
    """
    import pandas as pd

    rows = [row for row in found[tool]["rows"] if not row["right"]["verdict"]]
    columns = ["family", "known", "said", "rate measured", "why the label holds"]
    cells = [(r["name"], r["label"], r["verdict"], _rate(r), r["why"]) for r in rows]
    return pd.DataFrame(cells, columns=columns).set_index("family")


def sources(found: Suite) -> list[str]:
    """Return the keys of the references that prove the labels, sorted."""
    return sorted({key for row in next(iter(found.values()))["rows"] for key in row["sources"]})


def others_in_words(found: Suite) -> str:
    """Return a sentence on the other tools: the best one's right answers, and their false alarms.

    Args:
        found: as of :func:`load`, without ours.
    """
    if not found:
        return "No other package has answered yet."
    best = max(found, key=lambda tool: found[tool]["suite"]["verdict"])
    of = found[best]
    right = f"the best, {best}, is right on {of['suite']['verdict']} of {of['suite']['families']}"
    alarms = sum(len(each["false_alarms"]) for each in found.values())
    return f"Of {len(found)} other packages {right}; false alarms of all together: {alarms}."


def _counted(of: Mapping[str, Any], what: str, said: str) -> str:
    """Write "right of asked"; a tool that names none in any row was not asked."""
    right, asked = of["suite"][what]
    given = any(row[said] not in (None, [], {}) for row in of["rows"])
    return f"{right} of {asked}" if given else "names none"


def _said(row: Mapping[str, Any]) -> str:
    if row["right"]["verdict"] or row["verdict"] == "cannot say":
        return str(row["verdict"])
    return f"{row['verdict']} (wrong)"


def _rate(row: Mapping[str, Any]) -> str:
    if row["rate"] is None:
        return "none"
    ends = "" if row["low"] is None else f" [{row['low']:.2f}, {row['high']:.2f}]"
    return f"{row['rate']:.2f}{ends}"
