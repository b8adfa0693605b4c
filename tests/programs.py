"""Programs of their own, for tests that stop them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def start(*words, cwd, **streams):
    """Start Python on some words in a folder, in a process group of its own as a terminal has it."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *words]
    return subprocess.Popen(command, cwd=cwd, env=env, text=True, start_new_session=True, **streams)
