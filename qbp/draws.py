"""Random draws keyed by what they are for, independent of what was drawn before.

Each draw has its own counter-based stream (Philox; Salmon et al. 2011), keyed by the seed of the run, the
purpose and the step.  So the run with seed 7 draws the same numbers alone or among twenty, first or last, on
the CPU or on a GPU, with one worker or eight.  Draws are made on the CPU and moved.
"""

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


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
    key = np.array([seed, zlib.crc32(purpose.encode())], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, step]))


def uniform(
    seeds: Sequence[int], purpose: str, size: int, *, low: float = 0.0, high: float = 1.0, step: int = 0
) -> "torch.Tensor":
    """Draw uniform numbers in [low, high), (runs, size) float64 on the CPU: row r from ``seeds[r]``."""
    import torch  # not at the top: a stream needs numpy alone

    return torch.from_numpy(np.stack([stream(s, purpose, step).uniform(low, high, size) for s in seeds]))


def normal(seeds: Sequence[int], purpose: str, size: int, *, step: int = 0) -> "torch.Tensor":
    """Draw standard normal numbers, shape (runs, size), float64 on the CPU: row r from ``seeds[r]``."""
    import torch  # not at the top: a stream needs numpy alone

    return torch.from_numpy(np.stack([stream(s, purpose, step).standard_normal(size) for s in seeds]))


def permutations(seeds: Sequence[int], purpose: str, size: int, *, step: int = 0) -> "torch.Tensor":
    """Draw permutations of ``range(size)``, shape (runs, size), int64 on the CPU: row r from ``seeds[r]``."""
    import torch  # not at the top: a stream needs numpy alone

    return torch.from_numpy(np.stack([stream(s, purpose, step).permutation(size) for s in seeds]))
