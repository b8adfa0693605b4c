"""Numbers of the article, each from a committed table, under the name that its text asks for.

The text is ``article/article.tex``; it says ``\\n{claim:curve-ridge}`` and never a digit of ours.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbp.audit import claims
from qbp.audit.verdicts import LEVEL
from qbp.book.tables.claims import we_measure
from qbp.results import store

if TYPE_CHECKING:
    from qbp.audit.claims import Row

ASKED = re.compile(r"\\n\{([^}]+)\}")
_PLAIN = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "±": r"$\pm$", "θ": r"$\theta$"}


def latex(text: str) -> str:
    r"""Return a text as LaTeX has it: signs as signs, one thing on one line.

    Example:
        >>> latex("-0.1 % [-2 %, +3 %] (n = 20)")
        '$-$0.1\\,\\% [$-$2\\,\\%, +3\\,\\%] ($n$~=~20)'
    """
    text = "".join(_PLAIN.get(letter, letter) for letter in text)
    text = re.sub(r"(?<![\w-])-(?=\d)", "$-$", text).replace(r" \%", r"\,\%")
    return text.replace("(n = ", "($n$~=~")


def numbers(rows: Iterable["Row"], manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return {name: what the article prints}.

    Args:
        rows: all claims with their measurements.
        manifest: of the committed tables.

    Returns:
        ``claim:ID`` what was measured, ``change:ID`` the same after its direction, ``verdict:ID``;
        ``count:VERDICT`` of the primary rows, ``count:VERDICT of all``, ``count:sentences``, ``count:all``,
        ``count:measured``; ``tables``, ``rows`` and ``hours`` of all tables, ``seeds`` of most of them,
        ``minutes:TABLE``; ``level`` of the intervals.
    """
    rows = list(rows)
    primary = [row for row in rows if row.claim.primary]
    told = Counter(row.verdict for row in primary)
    named = {f"count:{verdict}": f"{count}" for verdict, count in told.items()}
    named |= {"count:sentences": f"{len(primary)}", "count:all": f"{len(rows)}"}
    named |= {"count:measured": f"{sum(row.found is not None for row in rows)}"}
    named |= {f"count:{verdict} of all": f"{count}" for verdict, count in _verdicts(rows).items()}
    for row in rows:
        named[f"claim:{row.claim.id}"] = we_measure(row)
        named[f"verdict:{row.claim.id}"] = row.verdict
        if row.found is not None:
            named[f"change:{row.claim.id}"] = f"{direction(row.found.low, row.found.high)}, {we_measure(row)}"
    named |= {f"minutes:{name}": f"{entry['minutes']:.0f}" for name, entry in manifest.items()}
    named["tables"] = f"{len(manifest)}"
    named["level"] = f"{100 * (1 - LEVEL):.0f} %"
    named["rows"] = f"{sum(entry['rows'] for entry in manifest.values()) / 1e6:.1f} million"
    named["hours"] = f"{sum(entry['minutes'] for entry in manifest.values()) / 60:.0f}"
    named["seeds"] = f"{Counter(entry.get('seeds') for entry in manifest.values()).most_common(1)[0][0]}"
    return named


def direction(low: float, high: float) -> str:
    """Return in words where an interval of a change lies.

    Example:
        >>> direction(-0.2, -0.1), direction(-0.1, 0.1)
        ('lower', 'no different')
    """
    return "lower" if high < 0 else "higher" if low > 0 else "no different"


def _verdicts(rows: Iterable["Row"]) -> Counter[str]:
    return Counter(row.verdict for row in rows if not row.claim.setup)


def asked_for(text: str) -> set[str]:
    r"""Return the names of the numbers that a text asks for; its comments ask for none.

    Example:
        >>> asked_for(r"\n{tables} % \n{name}")
        {'tables'}
    """
    return set(ASKED.findall(re.sub(r"(?<!\\)%.*", "", text))) - {"#1"}


def definitions(text: str, named: Mapping[str, str]) -> str:
    r"""Return the LaTeX that defines what a text asks for.

    Raises:
        ValueError: it asks for a name that is not there.

    Example:
        >>> definitions(r"\n{tables} tables", {"tables": "39"})
        '\\expandafter\\def\\csname n:tables\\endcsname{39}\n'
    """
    asked = sorted(asked_for(text))
    if unknown := [name for name in asked if name not in named]:
        raise ValueError(f"the article must ask for numbers that there are, got {', '.join(unknown)}")
    return "".join(
        rf"\expandafter\def\csname n:{name}\endcsname{{{latex(named[name])}}}" + "\n" for name in asked
    )


def verdict_table(rows: Iterable["Row"]) -> str:
    """Return a line of LaTeX for each primary row: the sentence, its place, task, number and verdict."""
    lines = []
    for row in rows:
        if row.claim.primary:
            c = row.claim
            task = "circuits" if c.reading.startswith("circuits") else c.experiment
            cells = (c.claim, c.where, task, we_measure(row), _short(row))
            lines.append(" & ".join(map(latex, cells)) + r" \\")
    return "\n".join(lines) + "\n"


def _short(row: "Row") -> str:
    return row.verdict if row.verdict != "depends" else f"depends ({row.own})"


def write(source: Path, folder: Path, directory: Path = store.DIRECTORY) -> None:
    """Write ``numbers.tex`` and ``verdicts.tex``, which the article reads, into a folder.

    Args:
        source: the article's text.
        folder: where it is compiled.
        directory: of the committed tables.
    """
    rows = claims.everything(directory)
    text = source.read_text("utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "numbers.tex").write_text(definitions(text, numbers(rows, store.manifest(directory))), "utf-8")
    (folder / "verdicts.tex").write_text(verdict_table(rows), "utf-8")
