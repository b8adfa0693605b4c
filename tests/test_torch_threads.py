"""Threads of torch by the size of the work: one where it is small, or what is asked for; put back after."""

import json
import os
import subprocess
import sys
import threading

import pytest
import torch

import qbp
from qbp import _threads
from qbp.experiments import runner
from qbp.experiments.circuits import CircuitTraining
from qbp.plateaus import sampling


@pytest.fixture(autouse=True)
def three_threads(monkeypatch):
    """torch has three threads, as if by itself."""
    for name in ("OMP_NUM_THREADS", "QBP_THREADS"):
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_by_size():
    assert (_threads.threads(_threads.SMALL - 1), _threads.threads(_threads.SMALL)) == (1, 3)
    with _threads.suited(10):
        assert (torch.get_num_threads(), _threads.most()) == (1, 3)
        with _threads.suited(_threads.SMALL):
            assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 1
    assert (torch.get_num_threads(), _threads.most()) == (3, 3)
    with pytest.raises(KeyError), _threads.suited(10):
        raise KeyError
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("QBP_THREADS", "2", 2), ("OMP_NUM_THREADS", "9", 3), ("QBP_THREADS", "", 1)],
)
def test_what_is_asked_for_holds_for_any_size(monkeypatch, name, value, expected):
    monkeypatch.setenv(name, value)  # OMP_NUM_THREADS: torch read it when it started, and has three here
    with _threads.suited(0):
        assert torch.get_num_threads() == expected


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_what_is_no_number_of_threads(monkeypatch, value):
    monkeypatch.setenv("QBP_THREADS", value)
    with pytest.raises(ValueError, match="QBP_THREADS must be"):
        qbp.run(qbp.Experiment("curve", seeds=1, steps=1))


def test_blocks_of_several_python_threads_overlap():
    """The one that comes second finds one thread, and must not take that for what was there before."""
    second_in, first_out, found = threading.Event(), threading.Event(), []

    def second():
        with _threads.suited(0):
            second_in.set()
            first_out.wait(10)
        found.append(torch.get_num_threads())

    with _threads.suited(0):
        other = threading.Thread(target=second)
        other.start()
        second_in.wait(10)
    first_out.set()
    other.join()
    third = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    third.start()
    third.join()
    assert [*found, torch.get_num_threads()] == [3, 3, 3]


def seen(monkeypatch, where, name):
    """Have a function note the threads that it runs with."""
    inner, noted = getattr(where, name), set()

    def noting(*arguments, **options):
        noted.add(torch.get_num_threads())
        return inner(*arguments, **options)

    monkeypatch.setattr(where, name, noting)
    return noted


@pytest.mark.parametrize(
    "config",
    [
        qbp.Experiment("curve", seeds=2, steps=1),
        qbp.CircuitExperiment(qubits=2, layers=1, seeds=2, steps=1),
        qbp.RegressionExperiment(seeds=1, steps=1),
    ],
    ids=lambda config: config.experiment,
)
def test_runs_of_the_book_take_one(monkeypatch, config):
    noted = seen(monkeypatch, runner, "_chunk")
    qbp.run(config)
    assert noted == {1} and torch.get_num_threads() == 3


def test_large_circuits_take_all():
    assert _threads.threads(CircuitTraining(qbp.CircuitExperiment(qubits=4, layers=1, seeds=5)).size) == 1
    assert _threads.threads(CircuitTraining(qbp.CircuitExperiment(qubits=14, layers=1, seeds=20)).size) == 3


@pytest.mark.parametrize(("n_qubits", "expected"), [(4, 1), (14, 3)])
def test_gradient_variance(monkeypatch, n_qubits, expected):
    noted = seen(monkeypatch, qbp.HardwareEfficient, "expectation")
    qbp.gradient_variance(
        qbp.HardwareEfficient(n_qubits, 1), qbp.tfim(n_qubits), samples=10, engine="statevector"
    )
    assert noted == {expected} and torch.get_num_threads() == 3
    assert sampling.chunks(10, qbp.HardwareEfficient(14, 1)) == [range(10)]


def test_info_says_both_and_an_import_changes_nothing():
    code = """
import torch
torch.set_num_threads(3)
import qbp, qbp.cli.commands
assert torch.get_num_threads() == 3
qbp.cli.commands.main(["info", "--json"])
"""
    env = {
        name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "QBP_THREADS")
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    found = json.loads(done.stdout)
    assert (found["threads"], found["threads_small"]) == (3, 1)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "1"),
        ({"QBP_THREADS": "2"}, "2"),
        ({"OMP_NUM_THREADS": "2"}, "None"),
        ({"OPENBLAS_NUM_THREADS": "3"}, "3"),
    ],
)
def test_the_command_line_asks_numpy_for_one_thread_before_it_is_loaded(given, expected):
    code = """
import builtins, os
inner = builtins.__import__

def noting(name, *rest):
    if name == "numpy":
        print(os.environ.get("OPENBLAS_NUM_THREADS"), flush=True)
        os._exit(0)
    return inner(name, *rest)

builtins.__import__ = noting
import qbp.cli.commands
import numpy
"""
    env = {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")} | given
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.strip() == expected
