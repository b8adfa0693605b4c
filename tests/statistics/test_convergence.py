"""When a loss has converged: curves whose answers are known."""

import numpy as np
import pytest

from qbp.statistics.curves import convergence

STEP = np.arange(0, 301, 10)


def test_an_exponential_converges_where_its_rest_is_small():
    """Over 50 steps 1 + exp(-t / tau) falls by less than 1 % once exp(t / tau) > 99 - 100 exp(-50 / tau)."""
    for tau in (10, 40):
        rest = np.exp(-STEP / tau)
        first = tau * np.log(99 - 100 * np.exp(-50 / tau))
        found = convergence(np.array([1 + rest, 7 * (1 + rest), -3 + 0 * rest]), STEP)
        assert found.tolist() == [10 * np.ceil(first / 10)] * 2 + [0]
    assert convergence(rest[None], STEP).tolist() == [np.inf]  # it halves forever


def test_the_whole_window_counts_and_must_lie_in_the_budget():
    bump = np.ones(31)
    bump[4] = 2.0  # from the step 0 the loss is as high again after 50 steps, but not between
    assert convergence(bump[None], STEP).tolist() == [50]
    late = np.ones(31)
    late[:27] = np.arange(30, 3, -1)  # still from step 270 on, with 30 steps left
    assert convergence(late[None], STEP).tolist() == [np.inf]
    assert convergence(late[None], STEP, window=30).tolist() == [270]


def test_share_window_and_start():
    steps = np.repeat([1.0, 0.98, 0.96], [10, 10, 11])[None]  # 2 % down at 100 and at 200
    assert convergence(steps, STEP).tolist() == [0]
    assert convergence(steps, STEP, start=60).tolist() == [100]
    assert convergence(steps, STEP, start=100).tolist() == [100]
    assert convergence(steps, STEP, share=0.03, start=60).tolist() == [60]
    assert convergence(steps, STEP, window=150).tolist() == [np.inf]
    assert convergence(-steps, STEP, start=60).tolist() == [100]  # of the size of an energy below 0


def test_a_change_of_just_the_share_is_none_too_small():
    exact = np.array([[1.0, 0.75, 0.75]])
    assert convergence(exact, np.arange(3), share=0.25, window=1).tolist() == [1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0.0}, "share must be a finite number, above 0"),
        ({"window": 0}, "window must be at least 1"),
        ({"window": 5}, "window must reach the next record, got 5 steps"),
        ({"start": -1}, "start must be at least 0"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        convergence(np.ones((1, 31)), STEP, **options)
