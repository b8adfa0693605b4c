"""The compiled path against the torch path: every form of the vectors, every kind of gate and observable."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import qbp
from qbp.circuits import adjoint
from qbp.circuits.kernel import evolution, plan, preparation

pytestmark = pytest.mark.skipif(
    not evolution.available(), reason="numba is not installed, or QBP_KERNEL=torch"
)
WIDE = evolution.available() and plan.kernel().BYTES == 64  # an x86 CPU with 512-bit registers
TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-4}


def both(monkeypatch, circuit, theta, observables, x=None):
    """Values and gradients of a weighted sum, by both paths."""
    found = []
    for kernel in ("torch", "native"):
        monkeypatch.setenv("QBP_KERNEL", kernel)
        leaves = [t.clone().requires_grad_() for t in (theta, x) if t is not None]
        assert evolution.supports(circuit.program, circuit.n_qubits, leaves[0], tuple(observables)) == (
            kernel == "native"
        )
        values = circuit.expectations(leaves[0], observables, *leaves[1:])
        weights = torch.linspace(-1, 2, values.numel(), dtype=values.dtype).reshape(values.shape)
        found.append([values, *torch.autograd.grad((values * weights).sum(), leaves)])
    return found


def angles(*shape, dtype=torch.float64, seed=0):
    return 2 * torch.pi * torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def hamiltonians(n):
    mixed = qbp.PauliSum({"Y" + "I" * (n - 1): 0.3, "X" * n: -0.7, "I" * (n - 1) + "Z": 1.1, "I" * n: 0.2})
    return [qbp.tfim(n), qbp.Projector(n), qbp.heisenberg(n), mixed]


# With 16 lanes or 4 these sizes take every form: samples or one state in the lanes; one row, tile or several.
@pytest.mark.parametrize(("n", "batch"), [(1, 9), (2, 3), (4, 40), (5, 1), (7, 2), (9, 3), (11, 1), (15, 1)])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_every_form_of_the_vectors(monkeypatch, n, batch, dtype):
    circuit = qbp.HardwareEfficient(n, 2, start="plus")
    found = both(monkeypatch, circuit, angles(batch, circuit.n_params, dtype=dtype), hamiltonians(n))
    assert_close(*found, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("rotations", [("ry", "rz"), ("rx", "rz", "ry"), ("rz",), ("rx",), "random"])
@pytest.mark.parametrize(
    ("entangler", "topology"), [("cz", "ring"), ("cnot", "ladder"), ("cnot", "ring"), ("cz", "brick")]
)
@pytest.mark.parametrize("batch", [1, 20])
def test_every_gate(monkeypatch, rotations, entangler, topology, batch):
    seed = 3 if rotations == "random" else None
    circuit = qbp.HardwareEfficient(7, 3, rotations, entangler, topology, seed, start="plus")
    found = both(monkeypatch, circuit, angles(batch, circuit.n_params), hamiltonians(7))
    assert_close(*found, rtol=0, atol=1e-10)


@pytest.mark.parametrize("lead", [(), (5,), (2, 3)])
@pytest.mark.parametrize("n", [3, 7])
def test_inputs_and_their_gradients(monkeypatch, lead, n):
    circuit = qbp.HardwareEfficient(n, 2, ("rx", "rz"), "cnot")
    theta, x = angles(*lead, circuit.n_params), angles(*lead, 4, 2, seed=1)
    assert_close(*both(monkeypatch, circuit, theta, hamiltonians(n), x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(("n", "batch", "entangler"), [(14, 1, "cz"), (13, 1, "cnot"), (8, 70, "cz")])
def test_any_number_of_threads(monkeypatch, threads, n, batch, entangler):
    before = torch.get_num_threads()
    monkeypatch.setattr(preparation, "SERIAL", 0)
    preparation._prepared.cache_clear()
    try:
        torch.set_num_threads(threads)
        circuit = qbp.HardwareEfficient(n, 2, entangler=entangler, topology="ring")
        found = both(monkeypatch, circuit, angles(batch, circuit.n_params), hamiltonians(n)[:2])
    finally:
        torch.set_num_threads(before)
        preparation._prepared.cache_clear()
    assert_close(*found, rtol=0, atol=1e-10)


@pytest.mark.parametrize("rotations", [("rx", "ry", "rz"), ("ry", "rz"), ("ry",)])
@pytest.mark.parametrize("entangler", ["cz", "cnot"])
def test_angles_where_a_factor_of_the_rotation_vanishes(monkeypatch, rotations, entangler):
    """Half turns and no turns: one of the two amplitudes of the word is 0, and its phase means nothing."""
    circuit = qbp.HardwareEfficient(3, 2, rotations, entangler, start=[[0.6, 0.8j], [1j, 0], [-0.8, 0.6]])
    grid = torch.pi * torch.arange(4.0, dtype=torch.float64)
    theta = grid[torch.from_numpy(np.random.default_rng(0).integers(0, 4, (40, circuit.n_params)))]
    theta[:4, :] = torch.tensor([[0.0], [torch.pi / 2], [1.0], [2 * torch.pi]])
    theta[2, ::2] = 0.0  # with RY by exactly 0, then by RZ
    assert_close(*both(monkeypatch, circuit, theta, hamiltonians(3)), rtol=0, atol=1e-10)


def test_a_state_may_be_carried_back_twice():
    circuit, H = qbp.HardwareEfficient(4, 3, entangler="cnot"), qbp.heisenberg(4)
    theta = angles(3, circuit.n_params).requires_grad_()
    value = circuit.expectation(theta, H)
    first, second = (torch.autograd.grad(value.sum(), theta, retain_graph=True)[0] for _ in range(2))
    assert_close(first, second, rtol=0, atol=1e-13)


def test_parameter_shift():
    circuit, H = qbp.HardwareEfficient(6, 2, "random", seed=5, topology="ring"), qbp.tfim(6)
    theta = angles(circuit.n_params).requires_grad_()
    circuit.expectation(theta, H).backward()
    shift = torch.eye(circuit.n_params, dtype=torch.float64) * torch.pi / 2
    plus, minus = (circuit.expectation(theta.detach() + sign * shift, H) for sign in (1, -1))
    assert_close(theta.grad, (plus - minus) / 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("circuit", "theta", "observable"),
    [
        (qbp.HardwareEfficient(3, 1), angles(6).to(torch.bfloat16), qbp.tfim(3)),
        (qbp.HardwareEfficient(3, 1), torch.empty(6, device="meta"), qbp.tfim(3)),
    ],
)
def test_what_the_kernel_leaves_to_torch(circuit, theta, observable):
    assert not evolution.supports(circuit.program, 3, theta, (observable,))


def test_import_and_torch_path_need_no_numba():
    code = """
import sys, torch
sys.modules["numba"] = None  # any import of it fails
import qbp
from qbp.circuits.kernel import evolution as native
assert not native.available()
circuit = qbp.HardwareEfficient(3, 2)
theta = torch.ones(circuit.n_params, requires_grad=True)
circuit.expectation(theta, qbp.tfim(3)).backward()
assert theta.grad.abs().sum() > 0
"""
    environment = {k: v for k, v in os.environ.items() if k != "QBP_KERNEL"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_the_switch(monkeypatch):
    circuit, calls = qbp.HardwareEfficient(2, 1), []
    monkeypatch.setattr(
        adjoint.native, "Evolution", lambda *a: calls.append(a) or pytest.fail("switched off")
    )
    monkeypatch.setenv("QBP_KERNEL", "torch")
    circuit.expectation(angles(circuit.n_params), qbp.tfim(2))
    monkeypatch.setenv("QBP_KERNEL", "fortran")
    with pytest.raises(ValueError, match="QBP_KERNEL must be one of native, torch"):
        circuit.expectation(angles(circuit.n_params), qbp.tfim(2))


@pytest.mark.parametrize("cpu", ["haswell:+avx,+avx2,+fma,+sse2"] * WIDE)
def test_narrower_vectors(cpu, tmp_path):
    """The kernel of a CPU with registers of 256 bits, which this one may run, too."""
    code = """
import torch, qbp
from qbp.circuits.kernel import evolution as native
for n, batch in ((3, 9), (7, 1)):
    circuit, found = qbp.HardwareEfficient(n, 2, ("rx", "rz"), "cnot", "ring", start="plus"), []
    for path in ("torch", "native"):
        native.os.environ["QBP_KERNEL"] = path
        theta = torch.linspace(0, 5, batch * circuit.n_params, dtype=torch.float64).reshape(batch, -1)
        theta.requires_grad_()
        circuit.expectation(theta, qbp.heisenberg(n)).sum().backward()
        found.append(theta.grad)
    torch.testing.assert_close(*found, rtol=0, atol=1e-10)
print(native.name())
"""
    name, features = cpu.split(":")
    numba = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | numba)
    assert done.stdout.strip() == "native (256-bit vectors)"


def test_lazy_negatives_and_what_is_made_of_them(monkeypatch):
    """Angles, inputs and weights with torch's negative bit, which NumPy does not know."""
    circuit, H = qbp.HardwareEfficient(3, 2), hamiltonians(3)
    z = torch.complex(angles(5, circuit.n_params), angles(5, circuit.n_params, seed=1))
    x = torch.complex(angles(5, 4, 2, seed=2), angles(5, 4, 2, seed=3))
    assert z.conj().imag.is_neg()
    for inputs, plain in ((None, None), (x.conj().imag, -x.imag)):
        found = circuit.expectations(z.conj().imag, H, inputs)
        monkeypatch.setenv("QBP_KERNEL", "torch")
        assert_close(found, circuit.expectations(-z.imag, H, plain), rtol=0, atol=1e-12)
        monkeypatch.setenv("QBP_KERNEL", "native")
    theta = z.imag.clone().requires_grad_()
    value = circuit.expectation(theta, H[0])
    amplitude = torch.complex(torch.zeros_like(value), value)  # i <H>, as of a Hadamard test
    (found,) = torch.autograd.grad((1j * amplitude.conj()).real.sum(), theta, retain_graph=True)
    assert_close(found, torch.autograd.grad(value.sum(), theta)[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("n", "batch"), [(2, 1), (2, 3), (2, 20), (7, 1), (7, 2), (7, 20)])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_results_are_contiguous_as_those_of_torch_are(monkeypatch, n, batch, dtype):
    circuit = qbp.HardwareEfficient(n, 2)
    for found in both(monkeypatch, circuit, angles(batch, circuit.n_params, dtype=dtype), hamiltonians(n)):
        assert all(tensor.is_contiguous() for tensor in found)
        assert torch.view_as_complex(found[0].unflatten(-1, (2, 2))).shape == (batch, 2)


def jacobians(circuit, H, theta):
    """Ways to the derivatives of each value by its own angles."""
    func, value = torch.func, lambda t: circuit.expectation(t, H)
    yield func.vmap(func.grad(value))(theta)
    yield torch.einsum("iik->ik", func.jacrev(value)(theta))
    yield torch.einsum("iik->ik", torch.autograd.functional.jacobian(value, theta))


def test_transforms_of_torch(monkeypatch):
    circuit, H = qbp.HardwareEfficient(3, 2), qbp.tfim(3)
    theta = angles(4, circuit.n_params)
    _, right = both(monkeypatch, circuit, theta, [H])[0]
    weights = torch.linspace(-1, 2, 4, dtype=torch.float64)
    for found in jacobians(circuit, H, theta):
        assert_close(weights.unsqueeze(-1) * found, right, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kernel", ["torch", "native"])
def test_several_gradients_at_once_are_refused_in_words(monkeypatch, kernel):
    monkeypatch.setenv("QBP_KERNEL", kernel)
    circuit, H = qbp.HardwareEfficient(3, 2), qbp.tfim(3)
    theta = angles(4, circuit.n_params).requires_grad_()
    with pytest.raises(NotImplementedError, match=r"torch\.func\.jacrev gives the same"):
        torch.autograd.grad(
            circuit.expectation(theta, H), theta, torch.eye(4, dtype=torch.float64), is_grads_batched=True
        )


def test_circuits_are_pickled_after_they_were_used():
    circuit, H = qbp.HardwareEfficient(3, 2), qbp.tfim(3)
    theta = angles(4, circuit.n_params)
    value = circuit.expectation(theta, H)
    again, observable = pickle.loads(pickle.dumps((circuit, H)))
    assert again == circuit and observable == H
    assert_close(again.expectation(theta, observable), value, rtol=0, atol=0)
