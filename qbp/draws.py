"""Random draws keyed by what they are for, independent of what was drawn before.

Each draw has its own counter-based stream (Philox; Salmon et al. 2011), keyed by the seed of the run, the
purpose and the step.  So the run with seed 7 draws the same numbers alone or among twenty, first or last, on
the CPU or on a GPU, with one worker or eight.  Draws are made on the CPU and moved.

What is computed from them agrees to rounding, a relative 1e-9 after 100 steps: alone or in a batch, on one
thread or two, in any number of workers, and beside a run that turns into NaN.  The tests hold every kind of
experiment to it (`tests/experiments/test_same_numbers.py`).
"""

import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from qbp import _checks
from qbp._arguments import takes

if TYPE_CHECKING:
    import torch


@takes()
def stream(seed: int, purpose: str, step: int = 0) -> np.random.Generator:
    """Return the generator of one purpose at one step of the run with this seed.

    Args:
        seed: seed of the run, 0 <= seed < 2**64.
        purpose: a short name, such as ``"start"``; other names give independent streams.
        step: step or epoch, for draws made again and again.

    Example:
        >>> a, b = (stream(7, "start").uniform() for _ in range(2))
        >>> a == b
        True
    """
    seed, step = _checks.integer("seed", seed, 0, 2**64 - 1), _checks.integer("step", step, 0, 2**63)
    key = np.array([seed, zlib.crc32(purpose.encode())], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, step]))


@takes()
def uniform(
    seeds: Sequence[int], purpose: str, size: int, *, low: float = 0.0, high: float = 1.0, step: int = 0
) -> "torch.Tensor":
    """Draw uniform numbers in [low, high), (runs, size) float64 on the CPU: row r from ``seeds[r]``."""
    import torch  # not at the top: a stream needs numpy alone

    _checks.integer("size", size, 0, 2**40)
    low, high = _checks.number("low", low), _checks.number("high", high)
    if low > high:
        raise ValueError(f"high must be at least low, {low:g}, got {high:g}")
    return torch.from_numpy(_rows(lambda one: one.uniform(low, high, size), seeds, purpose, step))


@takes()
def normal(seeds: Sequence[int], purpose: str, size: int, *, step: int = 0) -> "torch.Tensor":
    """Draw standard normal numbers, shape (runs, size), float64 on the CPU: row r from ``seeds[r]``."""
    import torch  # not at the top: a stream needs numpy alone

    _checks.integer("size", size, 0, 2**40)
    return torch.from_numpy(_rows(lambda one: one.standard_normal(size), seeds, purpose, step))


@takes()
def permutations(seeds: Sequence[int], purpose: str, size: int, *, step: int = 0) -> "torch.Tensor":
    """Draw permutations of ``range(size)``, shape (runs, size), int64 on the CPU: row r from ``seeds[r]``."""
    import torch  # not at the top: a stream needs numpy alone

    _checks.integer("size", size, 0, 2**40)
    return torch.from_numpy(_rows(lambda one: one.permutation(size), seeds, purpose, step))


def _rows(
    draw: Callable[[np.random.Generator], np.ndarray], seeds: Sequence[int], purpose: str, step: int
) -> np.ndarray:
    """Return one row per seed."""
    if len(seeds) == 0:
        raise ValueError("seeds must be one or more, got none")
    return np.stack([draw(stream(seed, purpose, step)) for seed in seeds])
