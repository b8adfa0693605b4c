"""Tables of gradient variances: every number is that of the rows."""

import math

import pytest

from qbp.book.tables.variance import decay_table, engine_table, row_table
from qbp.studies.variance_studies import Row, Study, rows


def row(n, bits, engine="pauli-walk", stderr=0.0):
    v = 2.0**bits
    return Row(n, 1, "zz", engine, 9, "mean", v, bits, stderr, 2 * v, 0.1)


def test_decays_have_a_column_for_each_range():
    straight = [row(n, -1.5 * n) for n in range(2, 9)]
    power = [row(n, -2 * math.log2(n)) for n in (2, 4, 8, 16, 32, 64)]
    found = decay_table({("a", "1"): straight, ("b", "n"): power}, range(2, 9), range(16, 65))
    assert list(found.columns) == ["n = 2 to 8", "n = 16 to 64"]
    assert found.loc[("a", "1"), "n = 2 to 8"] == "-1.50 [-1.50, -1.50]"
    assert found.loc[("a", "1"), "n = 16 to 64"] == "bound only"
    slopes = [float(found.loc[("b", "n"), column].split()[0]) for column in found]
    assert slopes[0] < -0.5 < -0.1 < slopes[1] < 0
    assert decay_table({("a", "1"): straight}).columns.tolist() == ["n = 2 to 8"]


def test_rows_to_be_read_have_a_bound_where_nothing_else_is_known():
    unknown = Row(5, 1, "zz", "pauli-walk", 9, "mean", math.nan, math.nan, math.nan, 2.0**-10, 0.1)
    found = row_table([row(3, -4.0, stderr=2**-4 * math.log(2) / 2), unknown])["log2 variance (bits)"]
    assert found.tolist() == ["-4.00 ± 0.50", "below -10.0"]


def test_engines_side_by_side():
    study = {"qubits": "3,4", "layers": "2", "samples": 100, "walks": 2**12}
    pair = [list(rows(Study(engine=e, **study))) for e in ("statevector", "pauli-walk")]
    found = engine_table(*pair)
    for (n, line), a, b in zip(found.iterrows(), *pair, strict=True):
        assert n == a.n_qubits and f"{a.variance:.3e}" in line.iloc[0] and f"{b.variance:.3e}" in line.iloc[1]
        z = (a.variance - b.variance) / math.hypot(a.stderr, b.stderr)
        assert float(line.iloc[2]) == pytest.approx(z, abs=0.06) and abs(z) < 4
