"""Gradient variances as tables: fitted decays, and both engines side by side."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qbp.book.tables.markup import frame
from qbp.studies.variance_studies import Row, decay

if TYPE_CHECKING:
    import pandas as pd


def decay_table(studies: Mapping[tuple[str, str], Sequence[Row]], *ranges: range) -> "pd.DataFrame":
    """Return the fitted decay in bits per qubit with its 95 % interval, for each range of qubits.

    An exponential decay has the same slope in every range; a power of n has slopes that go to zero.

    Args:
        studies: {(cost, depth): rows of :func:`qbp.studies.variance_studies.rows`}.
        *ranges: of the number of qubits, a column each; all sizes without one.

    Returns:
        A row per study; "bound only" where fewer than three sizes of a range have a variance.
    """
    table: dict[tuple[str, str], dict[str, str]] = {}
    for key, study in studies.items():
        sizes = sorted(row.n_qubits for row in study)
        for within in ranges or [range(sizes[0], sizes[-1] + 1)]:
            fit = decay(row for row in study if row.n_qubits in within)
            words = "bound only"
            if fit.slope_bits_per_qubit is not None:
                words = f"{fit.slope_bits_per_qubit:+.2f} [{fit.low:+.2f}, {fit.high:+.2f}]"
            table.setdefault(key, {})[f"n = {within[0]} to {within[-1]}"] = words
    return frame(table, "cost", "depth")


def row_table(table: Sequence[Row]) -> "pd.DataFrame":
    """Return rows of :func:`qbp.studies.variance_studies.rows` to be read: log2 of the variance with one
    standard error, in bits, and of the upper bound where that is all that is known."""
    import pandas as pd

    def words(row: Row) -> str:
        if math.isnan(row.variance):
            return f"below {math.log2(row.upper_bound):.1f}"
        return f"{row.log2_variance:.2f} ± {row.stderr / row.variance / math.log(2):.2f}"

    columns = ["observable", "n", "layers", "engine", "samples or walks", "log2 variance (bits)"]
    rows = [(r.observable, r.n_qubits, r.n_layers, r.engine, r.samples, words(r)) for r in table]
    return pd.DataFrame(rows, columns=columns).set_index(["observable", "n"])


def engine_table(sampled: Sequence[Row], walked: Sequence[Row]) -> "pd.DataFrame":
    """Return both engines' variances of the same circuits, and how far apart they are.

    Args:
        sampled, walked: rows of the same study by "statevector" and by "pauli-walk", in the same order.

    Returns:
        A row per size: each variance with one standard error, and their difference in units of its error.
    """
    rows = {}
    for a, b in zip(sampled, walked, strict=True):
        apart = (a.variance - b.variance) / math.hypot(a.stderr, b.stderr)
        rows[a.n_qubits] = {
            f"state vector, {a.samples} samples": f"{a.variance:.3e} ± {a.stderr:.1e}",
            f"{b.samples} walks": f"{b.variance:.3e} ± {b.stderr:.1e}",
            "difference (standard errors)": f"{apart:+.1f}",
        }
    return frame(rows, "n")
