"""Tables of gradient variances: every number is that of the rows."""

import math

import numpy as np
import pytest

from qbp.book.tables.variance import agreement_table, decay_table, differences, engine_table, row_table
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


def test_differences_are_in_joint_standard_errors():
    def of(variance, stderr, bound=1.0):
        return Row(4, 1, "zz", "", 9, 0, variance, math.nan, stderr, bound, 0.1)

    sampled = [of(0.55, 0.03), of(0.3, 0.0), of(0.2, 0.1), of(0.0, 0.0, 0.0), of(0.1, 0.1), of(1.0, 0.5)]
    walked = [of(0.4, 0.04), of(0.3, 0.0), of(math.nan, math.nan), of(0.0, 0.0, 0.0), of(0.0, 0.0, 0.0)]
    walked.append(of(3.0, 0.0))
    found = differences(sampled, walked)
    np.testing.assert_allclose(found, [3.0, math.nan, math.nan, math.nan, math.inf, -4.0])
    table = agreement_table({("a", "zz", "one"): found[:1] / 2, ("a", "zz", "two"): found[[0, 1, 5]]})
    assert table.loc[("a", "zz")].tolist() == ["1 of 1, largest 1.5", "0 of 2, largest 4.0"]
    assert agreement_table({("a", "zz", "one"): found[1:2]}).loc[("a", "zz"), "one"] == "none"


def test_the_engines_agree_on_a_global_cost_from_a_narrow_start():
    study = {"qubits": "3", "layers": "2", "samples": 4000, "walks": 2**13, "parameter": "all"}
    study |= {"observable": "global", "angles": "gaussian:depth", "entangler": "cnot"}
    found = differences(*(list(rows(Study(engine=e, **study))) for e in ("statevector", "pauli-walk")))
    known = found[~np.isnan(found)]
    assert len(known) > 5 and abs(known).max() < 4
