"""Fixed examples and one torch thread: a test gives the same result alone and in any order."""

import secrets

import pytest
import torch
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def drawn_seeds_are_fixed(monkeypatch):
    """What draws a seed when it is given none, as `qbp verify` does, draws the same one in every test."""
    monkeypatch.setattr(secrets, "randbelow", lambda limit: 1)
