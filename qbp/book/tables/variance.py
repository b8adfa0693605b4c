"""Gradient variances as tables: fitted decays, and both engines side by side, one size or many starts."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

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


def differences(sampled: Sequence[Row], walked: Sequence[Row]) -> np.ndarray:
    """Return how far both engines' variances of the same parameters are apart, in joint standard errors.

    Args:
        sampled, walked: rows of the same study of all parameters by "statevector" and by "pauli-walk", in the
            same order.

    Returns:
        A number for each parameter: NaN where one engine has an upper bound alone, where neither has an
        error, or where the variance is zero for both; infinite where one engine calls dead what the other
        sees alive.

    Example:
        >>> def row(variance, stderr, bound=1.0):
        ...     return Row(4, 3, "zz", "", 9, 0, variance, 0.0, stderr, bound, 0.0)
        >>> differences([row(0.5, 0.03), row(0.1, 0.01)], [row(0.4, 0.04), row(0.0, 0.0, 0.0)])
        array([ 2., inf])
    """
    found = []
    for a, b in zip(sampled, walked, strict=True):
        dead, alive = a.upper_bound == 0 or b.upper_bound == 0, a.variance > 0 or b.variance > 0
        error = math.hypot(a.stderr, b.stderr)
        known = a.variance > 0 and b.variance > 0 and error > 0
        found.append(math.inf if dead and alive else (a.variance - b.variance) / error if known else math.nan)
    return np.array(found)


def agreement_table(apart: Mapping[tuple[str, str, str], np.ndarray]) -> "pd.DataFrame":
    """Return how many parameters both engines agree about, for each start, observable and entangler.

    Args:
        apart: {(start, observable, entangler): as :func:`differences` returns them}.

    Returns:
        A row for each start and observable, a column for each entangler: how many are within two standard
        errors, of how many that both resolve, and the largest difference.
    """
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for (start, observable, entangler), each in apart.items():
        size = abs(each[~np.isnan(each)])
        words = f"{(size < 2).sum()} of {len(size)}, largest {size.max():.1f}" if len(size) else "none"
        rows.setdefault((start, observable), {})[entangler] = words
    return frame(rows, "angles", "observable")
