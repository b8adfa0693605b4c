"""The kernel under threads, interrupts and forks: right values, no wait without end, nothing broken after."""

import os
import subprocess
import sys
import threading

import pytest
import torch
from torch.testing import assert_close

import qbp
from qbp.circuits.kernel import evolution, preparation

pytestmark = pytest.mark.skipif(
    not evolution.available(), reason="numba is not installed, or QBP_KERNEL=torch"
)

# What each subprocess begins with: a circuit, and its gradient by the torch path.
COMMON = """
import os, signal, sys, threading, time
import torch
import qbp
from qbp.circuits.kernel import evolution, preparation

def gradient(n, batch, layers=2):
    circuit = qbp.HardwareEfficient(n, layers)
    theta = torch.linspace(0, 5, batch * circuit.n_params, dtype=torch.float64).reshape(batch, -1)
    theta.requires_grad_()
    circuit.expectation(theta, qbp.tfim(n)).sum().backward()
    return theta.grad

torch.set_num_threads(1)
os.environ["QBP_KERNEL"] = "torch"
SIZES = (13, 1), (6, 40)  # a team on a state; threads side by side
right = [gradient(*sizes) for sizes in SIZES]
os.environ["QBP_KERNEL"] = "native"
preparation.SERIAL = 0

def check():
    for sizes, expected in zip(SIZES, right):
        torch.testing.assert_close(gradient(*sizes), expected, rtol=0, atol=1e-10)
"""


def in_a_process(code, timeout=240):
    """Run code after COMMON; what waits for ever is ended, and fails."""
    done = subprocess.run(
        [sys.executable, "-c", COMMON + code],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={name: value for name, value in os.environ.items() if name != "QBP_KERNEL"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("observables", [1, 3])
def test_threads_share_a_retained_graph(monkeypatch, observables):
    n, calls, wrong, rest = 6, 100, [], [qbp.Projector(6), qbp.heisenberg(6)]
    circuit, chosen = qbp.HardwareEfficient(n, 4), [qbp.tfim(n), *rest][:observables]
    theta = torch.linspace(0, 9, 40 * circuit.n_params, dtype=torch.float64).reshape(40, -1).requires_grad_()
    weights = torch.randn(calls, 40, observables, dtype=torch.float64, generator=torch.manual_seed(1))
    monkeypatch.setenv("QBP_KERNEL", "torch")
    values = circuit.expectations(theta, chosen)
    right = [torch.autograd.grad(values, theta, w, retain_graph=True)[0] for w in weights]
    monkeypatch.setenv("QBP_KERNEL", "native")
    values = circuit.expectations(theta, chosen)

    def work(first):
        for k in range(first, calls, 4):
            (found,) = torch.autograd.grad(values, theta, weights[k], retain_graph=True)
            if not torch.allclose(found, right[k], rtol=0, atol=1e-10):
                wrong.append(k)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # a thread may lose its turn at any step
    try:
        threads = [threading.Thread(target=work, args=(first,)) for first in range(4) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong


def test_teams_of_several_python_threads_do_not_wait_for_each_other():
    """Without a lock each gets one of the three threads of the pool, and waits for another."""
    code = """
torch.set_num_threads(3)
submit, apart = preparation.ThreadPoolExecutor.submit, time.sleep
preparation.ThreadPoolExecutor.submit = lambda *a: (apart(0.002), submit(*a))[1]
wrong = []

def work():
    for _ in range(10):
        if not torch.allclose(gradient(13, 1), right[0], rtol=0, atol=1e-10):
            wrong.append(1)

threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert not wrong
"""
    in_a_process(code)


def test_an_interrupt_ends_a_long_call_and_the_next_is_right():
    """Calls of many seconds, of a team, of threads side by side and of one thread."""
    code = """
run, began = preparation.Prepared.run, []

def kill():
    began.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)

def interrupted(*arguments, **more):
    threading.Timer(0.2, kill).start()
    run(*arguments, **more)

check()
for threads, n, batch in ((2, 20, 1), (2, 12, 1024), (1, 12, 1024)):
    torch.set_num_threads(threads)
    preparation.Prepared.run = interrupted
    try:
        gradient(n, batch, 600)
        sys.exit("it was not interrupted")
    except KeyboardInterrupt:
        print(time.perf_counter() - began.pop())
    preparation.Prepared.run = run
    check()
"""
    seconds = [float(number) for number in in_a_process(code)]
    assert len(seconds) == 3 and max(seconds) < 15, seconds


def test_an_interrupted_backward_pass_can_be_repeated(monkeypatch):
    circuit, H = qbp.HardwareEfficient(5, 2), qbp.tfim(5)
    theta = torch.linspace(0, 5, 3 * circuit.n_params, dtype=torch.float64).reshape(3, -1).requires_grad_()
    value = circuit.expectation(theta, H).sum()
    (right,) = torch.autograd.grad(value, theta, retain_graph=True)
    run = preparation.Prepared.run

    def interrupted(self, *arguments, **more):
        run(self, *arguments, **more)
        raise KeyboardInterrupt

    for _ in range(
        2
    ):  # the first comes while the states are evolved anew, the second as they are carried back
        monkeypatch.setattr(preparation.Prepared, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            torch.autograd.grad(value, theta, retain_graph=True)
        monkeypatch.setattr(preparation.Prepared, "run", run)
        assert_close(torch.autograd.grad(value, theta, retain_graph=True)[0], right, rtol=0, atol=1e-12)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_computes_too():
    """It has the pool of its parent, but none of its threads; here it is made while a team runs."""
    code = """
import multiprocessing
torch.set_num_threads(2)
check()
preparation._team.acquire()
process = multiprocessing.get_context("fork").Process(target=check, daemon=True)
process.start()
preparation._team.release()
process.join(60)
sys.exit("the child waits for ever" if process.exitcode is None else process.exitcode)
"""
    in_a_process(code)
