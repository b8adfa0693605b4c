"""Memory that a call leaves to the next: values and gradients stay their own, and much is not kept."""

import numpy as np
import pytest
import torch

import qbp
from qbp.circuits.kernel import evolution, preparation

pytestmark = pytest.mark.skipif(
    not evolution.available(), reason="numba is not installed, or QBP_KERNEL=torch"
)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("QBP_THREADS", "1")
    monkeypatch.setattr(preparation, "KEPT", (0, 2**24))
    preparation._left.clear()
    yield
    preparation._left.clear()


def test_a_second_call_takes_what_the_first_left_and_gives_the_same():
    circuit, H = qbp.HardwareEfficient(6, 2), qbp.tfim(6)
    theta = torch.linspace(0, 3, circuit.n_params)
    first = circuit.value_and_gradient(theta, H)
    (left,) = preparation._left.values()
    for part in left:
        part[:] = np.nan
    kept = [part.clone() for part in first]
    second = circuit.value_and_gradient(theta, H)
    (again,) = preparation._left.values()
    assert all(a is b for a, b in zip(left, again, strict=True))
    for a, b, c in zip(first, second, kept, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)


def test_memory_of_two_sizes_is_kept_at_most():
    for n in (3, 4, 5, 6):
        circuit = qbp.HardwareEfficient(n, 1)
        circuit.value_and_gradient(torch.zeros(circuit.n_params), qbp.tfim(n))
    assert len(preparation._left) == 2


def test_much_memory_is_not_kept(monkeypatch):
    monkeypatch.setattr(preparation, "KEPT", (0, 100))
    circuit = qbp.HardwareEfficient(6, 2)
    circuit.value_and_gradient(torch.zeros(circuit.n_params), qbp.tfim(6))
    assert not preparation._left
