"""Ambiguities of the paper, read from ambiguities.toml: what is unclear, what we start from, and the study
that measures it.

The numbers are those that :mod:`qbp.studies.perceptron_studies` and the claims refer to.  What the
alternatives do is measured and judged in :mod:`qbp.audit.choices`.
"""

from dataclasses import dataclass

from qbp.studies.study import rows, stored


@dataclass(frozen=True)
class Ambiguity:
    """One choice that the paper leaves to its reader.

    Attributes:
        number: its number; claims and studies refer to it.
        item: what it is about.
        unclear: what is unclear.
        start: what we start from, the default.
        studies: names in :mod:`qbp.studies.perceptron_studies` that measure it; none if it is not measured.
        default: label of the default in those studies: a row, or a circumstance of a pair of rows.
        labels: alternatives that are shown, all of the studies' if empty.
        admitted: alternatives that the paper's words allow as well, so that one may become the default.
        baselines: labels that are other baselines, not other settings of the method.
        kept: why the default stays whatever the numbers say.
        not_measured: why no study here measures it.
    """

    number: int
    item: str
    unclear: str
    start: str
    studies: tuple[str, ...] = ()
    default: str = "two-stage"
    labels: tuple[str, ...] = ()
    admitted: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    kept: str = ""
    not_measured: str = ""


def read(text: str) -> tuple[Ambiguity, ...]:
    """Choices of a text like ambiguities.toml, in its order.

    Raises:
        ValueError: an entry has an unknown field, lacks one without a default, or has another's number.
    """
    return rows(Ambiguity, text, "ambiguity")


AMBIGUITIES = read(stored("qbp.audit", "ambiguities.toml"))


def ambiguity(number: int) -> Ambiguity:
    """Return a row by its number; raise ValueError if there is none.

    Example:
        >>> ambiguity(6).item
        'The strength of the ridge'
    """
    numbered = {a.number: a for a in AMBIGUITIES}
    if number not in numbered:
        raise ValueError(f"number must be 1 to {len(AMBIGUITIES)}, got {number!r}")
    return numbered[number]
