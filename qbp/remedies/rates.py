"""Step sizes of the remedies, chosen by one rule on seeds that no other result uses.

The rule (:mod:`qbp.studies.remedies.rates`): of CANDIDATES, for exact values and for shots apart, the one
with the lowest mean rank of the median error over tasks, the larger one of equals.  A remedy that is not
listed takes USUAL.
"""

CANDIDATES = (0.02, 0.05, 0.1, 0.2)
USUAL = 0.1
RATES: dict[str, tuple[float, float]] = {}  # exact, with shots; from the tables remedies-rates-TASK


def rate(name: str, shots: bool) -> float:
    """Return the step size of a remedy, for exact values or with shots.

    Example:
        >>> rate("planted", shots=False)
        0.1
    """
    return RATES.get(name, (USUAL, USUAL))[int(bool(shots))]
