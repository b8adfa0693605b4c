"""Summaries of the census: the ansätze among its circuits, their medians by size, and decay over families.

An ansatz is a circuit whose source names parameters; of the others every number is trained, as a file of
numbers has it.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from qbp.plateaus.diagnosis.measures import Z
from qbp.plateaus.diagnosis.rate import LEAST, rate, verdict
from qbp.results.census.collection import OBSERVABLES, Collected

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

SIZES = {"4 to 6": (4, 6), "8 to 14": (8, 14), "16 to 50": (16, 50), "101 to 128": (101, 128)}


def packages(circuits: "Mapping[str, Collected]") -> "pd.DataFrame":
    """Return a row for each package: version, families, circuits, ansätze, qubits and licence."""
    import pandas as pd

    rows = [
        {
            "package": c.source,
            "version": c.version,
            "family": c.family,
            "qubits": c.qubits,
            "ansatz": c.parameters > 0,
            "licence": c.licence,
        }
        for c in circuits.values()
    ]
    grouped = pd.DataFrame(rows).groupby(["package", "version", "licence"])
    found = grouped.agg(
        families=("family", "nunique"),
        circuits=("family", "size"),
        ansätze=("ansatz", "sum"),
        fewest=("qubits", "min"),
        most=("qubits", "max"),
    )
    return found.reset_index("licence").rename(columns={"fewest": "fewest qubits", "most": "most qubits"})


def ansatze(frame: "pd.DataFrame", circuits: "Mapping[str, Collected]") -> "pd.DataFrame":
    """Return the rows of circuits whose source names parameters.

    Args:
        frame: as of :func:`qbp.results.census.table.load`.
        circuits: as of :func:`qbp.results.census.table.collection`.
    """
    return frame[[circuits[name].parameters > 0 for name in frame["circuit"]]]


def as_published(frame: "pd.DataFrame") -> "pd.Series":
    """Return whether each row is of the circuit as published: above 14 qubits shared angles are freed."""
    return (frame["shared"] == 0) | (frame["engine"] == "state vectors")


def medians(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return, for each observable and range of qubits, the median circuit.

    Returns:
        Columns `circuits`; `resolved`, those with a variance; `variance`, base-2 logarithm of the mean
        gradient variance of the median circuit, bits, with the quartiles over circuits; `dead`, the median
        share of dead parameters; `shots`, how many show an entry of root-mean-square size at 95 % where one
        shot deviates by 1, the most these observables allow.
    """
    import pandas as pd

    rows = {}
    for kind in OBSERVABLES:
        for name, (low, high) in SIZES.items():
            some = frame[(frame["observable"] == kind) & frame["qubits"].between(low, high)]
            known = some["log2_mean"].dropna()
            quarter, half, most = known.quantile([0.25, 0.5, 0.75]) if len(known) else [math.nan] * 3
            rows[kind, name] = {
                "circuits": len(some),
                "resolved": len(known),
                "variance": half,
                "lower quartile": quarter,
                "upper quartile": most,
                "dead": some["dead"].median(),
                "shots": Z**2 * 2.0**-half,
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["observable", "qubits"])


def decays(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rate and the verdict of every family that has a variance at three sizes or more.

    A family with shared angles is fitted as far as they are shared, see
    :func:`qbp.results.census.summary.as_published`.

    Returns:
        A row for each family and observable: `sizes`, `slope`, `low`, `high` (bits per qubit), `verdict` and
        `reason`, by the rule of :func:`qbp.plateaus.diagnosis.rate.verdict`.
    """
    import pandas as pd

    rows = []
    for (source, family, kind), some in frame[as_published(frame)].groupby(
        ["source", "family", "observable"]
    ):
        known = some[np.isfinite(some["log2_mean"]) & np.isfinite(some["log2_mean_high"])]
        known = known.drop_duplicates("qubits").sort_values("qubits")
        errors = (known["log2_mean_high"] - known["log2_mean"]) / Z
        found = rate(known["qubits"].tolist(), known["log2_mean"].tolist(), errors.tolist())
        if found is None:
            continue
        word, reason = verdict(found)
        rows.append(
            {
                "source": source,
                "family": family,
                "observable": kind,
                "sizes": len(found.sizes),
                "slope": found.slope,
                "low": found.low,
                "high": found.high,
                "verdict": word,
                "reason": reason,
            }
        )
    return pd.DataFrame(rows)


def verdicts(decaying: "pd.DataFrame") -> "pd.DataFrame":
    """Return how many families of four sizes or more got which verdict, by observable."""
    import pandas as pd

    enough = decaying[decaying["sizes"] >= LEAST]
    counted = pd.crosstab(enough["observable"], enough["verdict"]).reindex(list(OBSERVABLES), fill_value=0)
    return counted.reindex(columns=["plateau", "no plateau", "cannot say"], fill_value=0)


def leading_causes(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return how many circuits have which leading cause, by observable, and the median effect in bits."""
    import pandas as pd

    some = frame[frame["cause"] != ""]
    grouped = some.groupby("cause")["cause_bits"]
    counted = pd.crosstab(some["cause"], some["observable"]).reindex(columns=list(OBSERVABLES), fill_value=0)
    return counted.assign(effect=grouped.median()).sort_values(list(OBSERVABLES), ascending=False)
