"""Memory of a value and its gradient, in states; and Pauli strings without a table as long as a state."""

import tracemalloc

import numpy as np
import pytest
import torch

import qbp
from qbp.circuits.kernel import evolution, plan, preparation

pytestmark = pytest.mark.skipif(
    not evolution.available(), reason="numba is not installed, or QBP_KERNEL=torch"
)
ISING = qbp.HamiltonianVariational(qbp.tfim(20), 1)


@pytest.fixture
def anew():
    """Tables made anew, and forgotten afterwards."""
    for cached in (plan.terms, plan.plan, preparation._prepared):
        cached.cache_clear()
    yield
    for cached in (plan.terms, plan.plan, preparation._prepared):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("circuit", "H", "states"),
    [
        (qbp.HardwareEfficient(20, 2), qbp.tfim(20), 3.0),
        (ISING, qbp.tfim(20), 3.0),  # its X are Y of turned axes: each has signs of its own
        (qbp.HardwareEfficient(20, 2), qbp.heisenberg(20), 3.0),
        (
            qbp.HardwareEfficient(20, 2, entangler="cnot"),
            qbp.tfim(20),
            4.0,
        ),  # and what a permutation moves to
    ],
    ids=["cz", "ising", "heisenberg", "cnot"],
)
def test_memory_of_a_gradient(circuit, H, states, anew):
    """psi, lambda and a table of half a state; 2 MiB are allowed for what does not grow."""
    small = torch.zeros(4)
    qbp.HardwareEfficient(2, 1).value_and_gradient(small, qbp.tfim(2))  # compiled, imported
    theta = torch.linspace(0, 3, circuit.n_params)
    tracemalloc.start()
    try:
        circuit.value_and_gradient(theta, H)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 2.0 < (peak - 2**21) / (8 * 2**20) < states


SUMS = {
    "one each": qbp.PauliSum({"YIIIIII": 0.5, "IIIIIIY": -2.0, "IIZIIIZ": 1.5, "XIIXIII": 0.25}),
    "heisenberg": qbp.heisenberg(7),
    "strings": qbp.PauliSum(
        {"XYZIIII": 0.5, "YXIZIII": -0.25, "IIIIIYZ": 2.0, "ZIZIZIY": 1.5, "YYIIIII": 0.3}
    ),
}


@pytest.mark.parametrize("runs", [1, 20])  # a state in the lanes, and samples in them
@pytest.mark.parametrize("name", sorted(SUMS))
def test_signs_alone_give_what_tables_give(name, runs, monkeypatch, anew):
    H, circuit = SUMS[name], qbp.HardwareEfficient(7, 2, rotations=("rx", "rz"), entangler="cnot")
    theta = torch.from_numpy(np.random.default_rng(runs).normal(size=(runs, circuit.n_params)))
    values, gradients = circuit.value_and_gradient(theta, H)
    tables = plan.terms((H,), 7, "d", 1)[0][2]
    for cached in (plan.terms, preparation._prepared):
        cached.cache_clear()
    monkeypatch.setattr(plan, "LONG", 0)
    assert len(plan.terms((H,), 7, "d", 1)[0][2]) < len(tables)
    again, slopes = circuit.value_and_gradient(theta, H)
    torch.testing.assert_close(again, values, rtol=0, atol=1e-12)
    torch.testing.assert_close(slopes, gradients, rtol=0, atol=1e-12)
