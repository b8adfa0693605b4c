"""Effects on crossed data sets and starts: components against their truth, and what the interval covers."""

import numpy as np
import pytest

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
