"""Fixed examples and one torch thread: a test gives the same result alone and in any order."""

import torch
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")
torch.set_num_threads(1)
