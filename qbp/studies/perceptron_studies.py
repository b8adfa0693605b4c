"""Studies beside the paper's own comparisons, read from perceptron_studies.toml: a question each, with the
rows that answer it.

A study has rows; a row is a configuration on each task and the row it is compared with, on the same seeds.
A configuration is computed once, stored in one table, and may stand in many studies.
"""

from qbp import _checks
from qbp.studies.entries import stored
from qbp.studies.study import PerceptronStudy, read_studies


def read(text: str) -> tuple[PerceptronStudy, ...]:
    """Return the studies of a text like perceptron_studies.toml, in its order.

    Raises:
        ValueError: as :func:`qbp.studies.study.read_studies`.
    """
    return read_studies(PerceptronStudy, text)


STUDIES = read(stored("qbp.studies", "perceptron_studies.toml"))


def study(name: str) -> PerceptronStudy:
    """Return a study by its name; raise ValueError if there is none."""
    return {s.name: s for s in STUDIES}[_checks.choice("study", name, [s.name for s in STUDIES])]
