"""Draws depend on seed, purpose and step alone, and have the moments they should."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qbp import draws

KINDS = {"uniform": draws.uniform, "normal": draws.normal, "permutations": draws.permutations}


@pytest.mark.parametrize("kind", KINDS)
@given(seeds=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4), step=st.integers(0, 2**40))
def test_row_r_is_its_seed_alone(kind, seeds, step):
    drawn = KINDS[kind](seeds, "p", 5, step=step)
    alone = [KINDS[kind]([seed], "p", 5, step=step)[0] for seed in seeds]
    assert torch.equal(drawn, torch.stack(alone))


@pytest.mark.parametrize("kind", KINDS)
def test_seed_purpose_and_step_each_give_another_stream(kind):
    keys = [(0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1)]
    rows = [tuple(KINDS[kind]([seed], purpose, 50, step=step)[0].tolist()) for seed, purpose, step in keys]
    assert len(set(rows)) == len(keys)


def test_steps_do_not_overlap():
    """A step is the topmost word of the counter: no draw of one step, however long, reaches the next."""
    long = draws.stream(0, "a", 0).bit_generator.random_raw(10_000)
    assert not set(long.tolist()) & set(draws.stream(0, "a", 1).bit_generator.random_raw(10_000).tolist())


def test_distributions():
    n = 40_000
    uniform = draws.uniform([3], "u", n, low=-1, high=3)[0]
    assert uniform.min() >= -1 and uniform.max() < 3 and uniform.dtype == torch.float64
    assert abs(uniform.mean() - 1) < 5 * (4 / math.sqrt(12)) / math.sqrt(n)
    normal = draws.normal([3], "n", n)[0]
    assert abs(normal.mean()) < 5 / math.sqrt(n) and abs(normal.var() - 1) < 5 * math.sqrt(2 / n)
    order = draws.permutations([1, 2], "p", 100)
    assert torch.equal(order.sort(-1).values, torch.arange(100).expand(2, -1)) and order.dtype == torch.int64


def test_nothing_global_is_touched():
    before = torch.get_rng_state()
    draws.normal([0], "n", 3)
    assert torch.equal(torch.get_rng_state(), before)
