"""Effects on crossed data sets and starts: components against their truth, and what the interval covers."""

import math

import numpy as np
import pytest
from scipy import stats

from qbp.statistics.crossed import crossed


def drawn(rng, data, starts, of_data, of_start, of_both):
    values = 0.3 + of_data**0.5 * rng.standard_normal((data, 1)) + of_start**0.5 * rng.standard_normal(starts)
    return values + of_both**0.5 * rng.standard_normal((data, starts))


@pytest.mark.parametrize("truth", [(1.0, 0.2, 0.5), (0.0, 1.0, 0.3), (0.04, 0.0, 1.0)])
def test_components_are_those_that_were_drawn(truth):
    rng = np.random.default_rng(0)
    found = [crossed(drawn(rng, 20, 20, *truth)) for _ in range(400)]
    means = np.array([(c.of_data, c.of_start, c.of_both) for c in found]).mean(0)
    np.testing.assert_allclose(means, truth, atol=0.03)


@pytest.mark.parametrize("shape", [(10, 10), (20, 20)])
@pytest.mark.parametrize("truth", [(1.0, 0.2, 0.5), (0.1, 1.0, 0.3), (0.2, 0.2, 0.2)])
def test_the_interval_covers_other_data_and_other_starts(shape, truth):
    """95 % of 600 intervals hold the mean, but for three standard errors of that share."""
    rng = np.random.default_rng(1)
    found = [crossed(drawn(rng, *shape, *truth)) for _ in range(600)]
    held = np.mean([c.low <= 0.3 <= c.high for c in found])
    assert held >= 0.95 - 3 * (0.95 * 0.05 / 600) ** 0.5


CROSSED = {  # one for each way in which the components may be left out
    "both": [[1.0, 2.0, 4.0], [2.0, 3.5, 5.0], [5.0, 5.0, 9.0], [0.0, 0.5, 3.0]],
    "data alone": [[1.0, 1.2], [3.0, 2.5], [7.0, 7.1]],
    "starts alone": [[1.0, 5.0, 9.0, 2.0], [1.3, 4.6, 9.5, 2.0]],
    "neither": [[1.0, -1.0], [-1.0, 1.1]],
    "less than one degree of freedom": [[1.6, -0.5], [-0.5, -0.6]],
}


def by_hand(values, confidence):
    """The two-way analysis of variance in sums of plain numbers, and the interval after Satterthwaite."""
    m, n = len(values), len(values[0])
    mean = sum(map(sum, values)) / (m * n)
    rows = [sum(row) / n for row in values]
    columns = [sum(row[j] for row in values) / m for j in range(n)]
    rest = sum((values[i][j] - rows[i] - columns[j] + mean) ** 2 for i in range(m) for j in range(n))
    noise = rest / ((m - 1) * (n - 1))
    by_row = n * sum((row - mean) ** 2 for row in rows) / (m - 1)
    by_column = m * sum((column - mean) ** 2 for column in columns) / (n - 1)
    terms = [(by_row, m - 1)] * (by_row > noise) + [(by_column, n - 1)] * (by_column > noise)
    terms += [((1 - len(terms)) * noise, (m - 1) * (n - 1))]
    total = sum(square for square, _ in terms)
    df = max(1.0, total**2 / sum(square**2 / freedom for square, freedom in terms))
    reach = stats.t.ppf((1 + confidence) / 2, df) * math.sqrt(total / (m * n))
    return mean, reach, [max(0.0, (by_row - noise) / n), max(0.0, (by_column - noise) / m), noise]


@pytest.mark.parametrize("confidence", [0.95, 0.6])
@pytest.mark.parametrize("name", CROSSED)
def test_the_interval_is_that_of_the_analysis_by_hand(name, confidence):
    found = crossed(np.array(CROSSED[name]), confidence)
    mean, reach, parts = by_hand(CROSSED[name], confidence)
    assert [found.of_data, found.of_start, found.of_both] == pytest.approx(parts, abs=1e-12)
    assert [found.low, found.mean, found.high] == pytest.approx([mean - reach, mean, mean + reach])
    assert found.shares == pytest.approx([part / sum(parts) for part in parts])
    assert [part > 0 for part in parts[:2]] == {
        "data alone": [True, False], "starts alone": [False, True], "neither": [False, False],
    }.get(name, [True, True])  # fmt: skip


def test_what_does_not_vary_has_no_width():
    found = crossed(np.full((3, 4), 2.5))
    assert (found.mean, found.low, found.high) == (2.5, 2.5, 2.5) and np.isnan(found.shares).all()
    assert (found.n, found.starts) == (3, 4)


def test_bad_shapes_are_named():
    for shape in ((1, 5), (5, 1)):
        with pytest.raises(ValueError, match="values must have two data sets and two starts or more"):
            crossed(np.zeros(shape))
    with pytest.raises(ValueError, match="values"):
        crossed(np.zeros(3))
