"""Circuits against the dense oracle, their derivatives against parameter shifts and closed forms."""

import copy
import dataclasses
import itertools
import pickle

import numpy as np
import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from qbp.circuits import adjoint
from qbp.circuits.ansatz import HardwareEfficient, PauliRotations
from qbp.circuits.observables import PauliSum, Projector, local_observables, tfim

PRODUCT = [[0.6, 0.8j], [1j, 0], [-0.8, 0.6], [0.5**0.5, -(0.5**0.5)]]


def angles(*shape, seed=0, dtype=torch.float64):
    return 2 * torch.pi * torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def layers(circuit):
    """Rotations of each qubit of each layer, spelled for the oracle; drawn ones are read off the program."""
    L, n = circuit.n_layers, circuit.n_qubits
    if circuit.rotations != "random":
        return [["".join(r[1].upper() for r in circuit.rotations)] * n] * L
    letters = [gate.pauli.strip("I") for gate in circuit.program if hasattr(gate, "pauli")]
    return [letters[layer * n : (layer + 1) * n] for layer in range(L)]


def dense(circuit, theta, inputs=()):
    c = circuit
    return reference.hardware_efficient(
        c.n_qubits, theta.tolist(), layers(c), c.entangler, c.topology, c.start, list(inputs)
    )


@pytest.mark.parametrize("topology", ["ladder", "ring", "brick"])
@pytest.mark.parametrize("entangler", ["cz", "cnot"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_every_entangler_and_topology(n, entangler, topology):
    circuit = HardwareEfficient(n, 2, entangler=entangler, topology=topology)
    theta = angles(circuit.n_params)
    assert circuit.n_params == 2 * n * 2
    np.testing.assert_allclose(circuit.state(theta), dense(circuit, theta), atol=1e-12)


@pytest.mark.parametrize(
    "rotations", [["rx"], ["rz", "rx"], ["ry", "rz", "ry"], ["rx", "ry", "rz"], "random"]
)
@pytest.mark.parametrize("start", ["zero", "plus", PRODUCT])
def test_every_rotation_and_start(rotations, start):
    seed = 5 if rotations == "random" else None
    circuit = HardwareEfficient(4, 2, rotations, "cnot", "ring", seed=seed, start=start)
    theta = angles(circuit.n_params)
    assert circuit.n_params == 2 * 4 * (1 if rotations == "random" else len(rotations))
    np.testing.assert_allclose(circuit.state(theta), dense(circuit, theta), atol=1e-12)


@settings(max_examples=40)
@given(
    n=st.integers(1, 4),
    n_layers=st.integers(1, 3),
    rotations=st.lists(st.sampled_from(["rx", "ry", "rz"]), min_size=1, max_size=3),
    entangler=st.sampled_from(["cz", "cnot"]),
    topology=st.sampled_from(["ladder", "ring", "brick"]),
    start=st.sampled_from(["zero", "plus"]),
    seed=st.integers(0, 99),
)
def test_random_circuits(n, n_layers, rotations, entangler, topology, start, seed):
    circuit = HardwareEfficient(n, n_layers, rotations, entangler, topology, start=start)
    theta = angles(circuit.n_params, seed=seed)
    np.testing.assert_allclose(circuit.state(theta), dense(circuit, theta), atol=1e-12)


@settings(max_examples=40)
@given(st.data())
def test_pauli_rotations(data):
    n = data.draw(st.integers(1, 4))
    generators = data.draw(st.lists(st.text("IXYZ", min_size=n, max_size=n), min_size=1, max_size=6))
    tied = [k // 2 for k in range(len(generators))] if data.draw(st.booleans()) else None
    circuit = PauliRotations(n, generators, tied, start="plus")
    theta = angles(circuit.n_params)
    assert circuit.n_params == (len(generators) if tied is None else tied[-1] + 1)
    state = reference.start_state(n, "plus")
    for k, generator in enumerate(generators):
        state = reference.rotation(generator, theta[k if tied is None else tied[k]].item()) @ state
    np.testing.assert_allclose(circuit.state(theta), state, atol=1e-12)


def test_a_hardware_efficient_layer_is_pauli_rotations_and_an_entangler():
    circuit = HardwareEfficient(3, 1)
    theta = angles(circuit.n_params)
    rotations = PauliRotations(3, ["YII", "ZII", "IYI", "IZI", "IIY", "IIZ"]).state(theta)
    np.testing.assert_allclose(
        circuit.state(theta), reference.entangler(3, "cz", "ladder") @ rotations.numpy(), atol=1e-14
    )


def test_random_paulis_are_stable():
    """The same seed draws the same Paulis, whatever the number of layers, and all three equally often."""
    circuit = HardwareEfficient(4, 3, "random", seed=7)
    assert circuit.program == HardwareEfficient(4, 3, "random", seed=7).program
    assert HardwareEfficient(4, 2, "random", seed=7).program == circuit.program[: 2 * 5]
    assert layers(circuit) != layers(HardwareEfficient(4, 3, "random", seed=8))
    counts = {
        p: sum(row.count(p) for row in layers(HardwareEfficient(10, 300, "random", seed=0))) for p in "XYZ"
    }
    assert all(abs(count - 1000) < 4 * np.sqrt(3000 * 2 / 9) for count in counts.values())


@pytest.mark.parametrize("n_features", [1, 3])
@pytest.mark.parametrize(
    ("runs", "lead"), [((), ()), ((2,), ()), ((), (2,)), ((2,), (2,)), ((2, 1), (5,)), ((3, 2), (2,))]
)
def test_inputs_batch_axes_and_observables(runs, lead, n_features):
    circuit = HardwareEfficient(3, 1, start=PRODUCT[:3])
    observables = [PauliSum({"XYI": 0.5, "IIZ": 1.0}), Projector(3)]
    matrices = [reference.pauli_sum({"XYI": 0.5, "IIZ": 1.0}), reference.kron(*[reference.ZERO] * 3)]
    theta, x = angles(*runs, circuit.n_params), angles(*lead, 4, n_features, seed=1)
    batch = np.broadcast_shapes(runs, lead)
    state = circuit.state(theta, inputs=x)
    values = circuit.expectations(theta, observables, inputs=x)
    assert state.shape == (*batch, 4, 8) and values.shape == (*batch, 4, 2)
    torch.testing.assert_close(circuit.expectation(theta, observables[1], inputs=x), values[..., 1])
    theta, x = theta.expand(*batch, -1), x.expand(*batch, -1, -1)
    for index in np.ndindex(*batch, 4):
        expected = dense(circuit, theta[index[:-1]], x[index].tolist())
        np.testing.assert_allclose(state[index], expected, atol=1e-12)
        for value, matrix in zip(values[index].tolist(), matrices, strict=True):
            assert abs(value - reference.expectation(matrix, expected)) < 1e-12


@pytest.mark.parametrize("runs", [(), (3,), (2, 3)])
def test_shapes_without_inputs(runs):
    circuit, H = HardwareEfficient(3, 2), tfim(3)
    theta = angles(*runs, circuit.n_params)
    assert circuit.state(theta).shape == (*runs, 8)
    assert circuit.expectations(theta, local_observables(3)).shape == (*runs, 9)
    values = circuit.expectation(theta, H)
    assert values.shape == runs
    for index in np.ndindex(*runs):
        exact = reference.expectation(reference.pauli_sum(H.terms), dense(circuit, theta[index]))
        assert abs(values[index].item() - exact) < 1e-12


def test_single_precision():
    circuit = HardwareEfficient(3, 2)
    theta, x = angles(circuit.n_params), angles(4, 2, seed=1)
    assert circuit.state(theta.float(), x).dtype == torch.complex64
    values = circuit.expectation(theta.float(), tfim(3), x)
    assert values.dtype == torch.float32
    torch.testing.assert_close(values, circuit.expectation(theta, tfim(3), x).float(), rtol=1e-5, atol=1e-5)


CIRCUITS = [
    HardwareEfficient(3, 2),
    HardwareEfficient(3, 2, "random", "cnot", "brick", seed=3, start="plus"),
    PauliRotations(3, ["ZZI", "XIY", "IZX", "YYY"]),
]


@pytest.mark.parametrize("circuit", CIRCUITS)
@pytest.mark.parametrize("H", [tfim(3), Projector(3)])
def test_autograd_is_the_parameter_shift(circuit, H):
    theta = angles(circuit.n_params).requires_grad_()
    (gradient,) = torch.autograd.grad(circuit.expectation(theta, H), theta)
    shift = torch.pi / 2 * torch.eye(circuit.n_params, dtype=torch.float64)
    with torch.no_grad():
        plus, minus = circuit.expectation(theta + shift, H), circuit.expectation(theta - shift, H)
    torch.testing.assert_close(gradient, (plus - minus) / 2, rtol=0, atol=1e-12)


def test_second_derivatives():
    circuit, H = PauliRotations(2, ["XI", "ZZ", "IY"]), PauliSum({"ZI": 1.0, "XY": 0.5})
    theta = angles(2, 3).requires_grad_()
    x = angles(2, 2, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda t, x: circuit.expectation(t, H, x), (theta, x))
    assert torch.autograd.gradgradcheck(lambda t, x: circuit.expectation(t, H, x), (theta, x))


# torch's own forward-mode rules are scripted when first used, which torch deprecates.
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_torch_func():
    circuit, H = HardwareEfficient(2, 1), tfim(2)
    theta, x = angles(5, circuit.n_params), angles(3, 2, seed=1)
    energy = lambda t: circuit.expectation(t, H)  # noqa: E731
    torch.testing.assert_close(torch.func.vmap(energy)(theta), energy(theta))
    per_sample = torch.func.vmap(lambda t: circuit.expectation(t, H, x))(theta)
    torch.testing.assert_close(per_sample, circuit.expectation(theta, H, x))
    leaf = theta.clone().requires_grad_()
    energy(leaf).sum().backward()
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(energy))(theta), leaf.grad)
    hessian = torch.func.hessian(energy)(theta[0])
    shift = torch.pi * torch.eye(circuit.n_params, dtype=torch.float64)
    diagonal = (energy(theta[0] + shift) - energy(theta[0])) / 2
    torch.testing.assert_close(hessian.diagonal(), diagonal, rtol=0, atol=1e-12)
    torch.testing.assert_close(hessian, hessian.T)


def test_the_value_checks_let_functorch_through_but_catch_nan_outside():
    circuit = HardwareEfficient(1, 1)
    with pytest.raises(ValueError, match="theta must be finite"):
        circuit.state(torch.tensor([float("nan"), 0.0]))


def test_expectations_evolve_once(monkeypatch):
    monkeypatch.setenv("QBP_KERNEL", "torch")
    calls = []
    forward = adjoint._forward
    monkeypatch.setattr(adjoint, "_forward", lambda *args: calls.append(1) or forward(*args))
    circuit, observables = HardwareEfficient(3, 2), local_observables(3)
    theta = angles(2, circuit.n_params).requires_grad_()
    values = circuit.expectations(theta, observables)
    assert len(calls) == 1
    weights = torch.linspace(-1, 2, 9, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((values @ weights).sum(), theta)
    combined = PauliSum({next(iter(H.terms)): w for H, w in zip(observables, weights.tolist(), strict=True)})
    (expected,) = torch.autograd.grad(circuit.expectation(theta, combined).sum(), theta)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_cerezo_warm_up_variances(n):
    """Product of RX: (1/8)(3/8)^(n-1) for the global cost, 1/(8 n^2) for the local one, by quadrature."""
    circuit = PauliRotations(n, ["I" * q + "X" + "I" * (n - 1 - q) for q in range(n)])
    points = 2 * np.pi * np.arange(5) / 5  # exact for frequencies up to 4; a squared gradient has 2
    grid = torch.tensor(list(itertools.product(points, repeat=n)), dtype=torch.float64).requires_grad_()
    local = PauliSum({"I" * n: 0.5} | {"I" * q + "Z" + "I" * (n - 1 - q): 0.5 / n for q in range(n)})
    for H, variance in ((Projector(n), 3 ** (n - 1) / 8**n), (local, 1 / (8 * n**2))):
        (gradient,) = torch.autograd.grad((1 - circuit.expectation(grid, H)).sum(), grid)
        assert gradient.mean(0).abs().max() < 1e-14
        torch.testing.assert_close((gradient**2).mean(0), torch.full((n,), variance, dtype=torch.float64))


def test_four_clifford_angles_give_the_second_moment():
    """The gradient's second moment over uniform angles equals the one over multiples of pi/2."""
    circuit, H = HardwareEfficient(2, 1, start=PRODUCT[:2]), PauliSum({"XI": 1.0, "YZ": 0.4})
    moments = []
    for points in (4, 5):
        grid = list(itertools.product(2 * np.pi * np.arange(points) / points, repeat=circuit.n_params))
        theta = torch.tensor(grid, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(circuit.expectation(theta, H).sum(), theta)
        moments.append((gradient**2).mean(0))
    torch.testing.assert_close(*moments)


@pytest.mark.parametrize("circuit", CIRCUITS)
def test_meta_device(circuit):
    theta = torch.empty(5, circuit.n_params, dtype=torch.float64, device="meta", requires_grad=True)
    x = torch.empty(4, 2, dtype=torch.float64, device="meta")
    values = circuit.expectations(theta, [tfim(3), Projector(3)], inputs=x)
    assert values.shape == (5, 4, 2) and values.is_meta
    values.sum().backward()
    assert theta.grad.shape == theta.shape and theta.grad.is_meta


@pytest.mark.parametrize("circuit", CIRCUITS)
def test_forward_on_a_fake_cuda_device(circuit):
    with FakeTensorMode():
        theta = torch.empty(5, circuit.n_params, device="cuda")
        x = torch.empty(4, 2, device="cuda")
        values = circuit.expectations(theta, [tfim(3), Projector(3)], inputs=x)
        state = circuit.state(theta)
    assert values.shape == (5, 4, 2) and values.device.type == "cuda" and values.dtype == torch.float32
    assert state.shape == (5, 8) and state.device.type == "cuda"


@pytest.mark.parametrize("circuit", [*CIRCUITS, HardwareEfficient(2, 1, ["rx"], start=PRODUCT[:2])])
def test_circuits_are_values(circuit):
    assert eval(repr(circuit)) == circuit
    same = pickle.loads(pickle.dumps(circuit))
    assert same == copy.deepcopy(circuit) == circuit and hash(same) == hash(circuit)
    assert same.program == circuit.program
    with pytest.raises(dataclasses.FrozenInstanceError):
        circuit.n_qubits = 4


def test_repr_reads_like_the_call_and_arguments_take_one_form():
    circuit = HardwareEfficient(np.int64(2), 1, ["ry"], start=torch.tensor([[1.0, 0.0], [0.6, 0.8]]).double())
    assert repr(circuit) == (
        "HardwareEfficient(n_qubits=2, n_layers=1, rotations=('ry',), entangler='cz', topology='ladder', "
        "seed=None, start=(((1+0j), 0j), ((0.6000000238418579+0j), (0.800000011920929+0j))))"
    )
    assert HardwareEfficient(2, 1) != HardwareEfficient(2, 1, topology="ring")
    assert (
        repr(PauliRotations(1, ["X"]))
        == "PauliRotations(n_qubits=1, generators=('X',), tied=None, start='zero')"
    )


def test_a_start_given_as_an_array_is_copied():
    start = np.array([[1.0 + 0j, 0.0]])
    circuit = PauliRotations(1, ["Z"], start=start)
    start[:] = 0
    assert circuit.state(torch.zeros(1)).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: HardwareEfficient(0, 1), ValueError, "n_qubits must be at least 1, got 0"),
        (lambda: HardwareEfficient(2.0, 1), TypeError, "n_qubits must be an integer"),
        (lambda: HardwareEfficient(2, 0), ValueError, "n_layers must be at least 1, got 0"),
        (lambda: HardwareEfficient(2, 1, entangler="swap"), ValueError, "entangler must be one of cz, cnot"),
        (lambda: HardwareEfficient(2, 1, topology="star"), ValueError, "topology must be one of ladder"),
        (lambda: HardwareEfficient(2, 1, ["rw"]), ValueError, "rotation must be one of rx, ry, rz, got 'rw'"),
        (lambda: HardwareEfficient(2, 1, "ry"), ValueError, 'rotations must be "random" or a list'),
        (lambda: HardwareEfficient(2, 1, []), ValueError, "rotations"),
        (lambda: HardwareEfficient(2, 1, "random"), TypeError, "seed must be an integer, got None"),
        (lambda: HardwareEfficient(2, 1, "random", seed=-1), ValueError, "seed must be at least 0"),
        (lambda: HardwareEfficient(2, 1, seed=1), ValueError, "seed must be None"),
        (lambda: HardwareEfficient(2, 1, start="one"), ValueError, "start must be one of zero, plus"),
        (lambda: HardwareEfficient(2, 1, start=[[1, 1], [1, 0]]), ValueError, "normalized"),
        (lambda: PauliRotations(0, ["X"]), ValueError, "n_qubits"),
        (lambda: PauliRotations(2, []), ValueError, "generators"),
        (lambda: PauliRotations(2, "XX"), ValueError, "generators must be a list"),
        (lambda: PauliRotations(2, ["XX", "XXX"]), ValueError, "2 letters of I, X, Y, Z, got 'XXX'"),
        (lambda: PauliRotations(2, ["XX", "XW"]), ValueError, "'XW'"),
        (lambda: PauliRotations(2, ["XX", "ZZ"], tied=[0]), ValueError, "tied must be 2 indices"),
        (lambda: PauliRotations(2, ["XX", "ZZ"], tied=[0, 2]), ValueError, "without a gap"),
        (lambda: PauliRotations(2, ["XX", "ZZ"], tied=[]), ValueError, "tied must be 2 indices"),
        (lambda: PauliRotations(2, ["XX"], tied=[0.0]), TypeError, "tied"),
    ],
)
def test_bad_circuits(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        (lambda c, t: c.state([0.0] * 8), TypeError, "theta must be a real floating-point tensor"),
        (lambda c, t: c.state(t.to(torch.complex128)), TypeError, "theta"),
        (lambda c, t: c.state(t[:-1]), ValueError, r"theta must have shape \(..., 8\), got \(7,\)"),
        (lambda c, t: c.state(t / 0), ValueError, "theta must be finite, got"),
        (lambda c, t: c.state(t, inputs=[[1.0]]), TypeError, "inputs must be a real"),
        (
            lambda c, t: c.state(t, inputs=torch.ones(3, 2, dtype=torch.int64)),
            TypeError,
            "inputs must be a real",
        ),
        (lambda c, t: c.state(t, inputs=torch.ones(3, 3)), ValueError, r"inputs must have shape \(..., 2\)"),
        (
            lambda c, t: c.state(t, inputs=torch.ones(2)),
            ValueError,
            r"inputs must have shape \(..., samples,",
        ),
        (lambda c, t: c.state(t, inputs=torch.tensor(1.0)), ValueError, "inputs"),
        (lambda c, t: c.state(t, inputs=torch.full((3, 2), torch.inf)), ValueError, "inputs must be finite"),
        (
            lambda c, t: c.state(t.expand(3, 8), inputs=torch.ones(4, 5, 2)),
            ValueError,
            r"go with theta \(3, 8\)",
        ),
        (lambda c, t: c.expectation(t, tfim(3)), ValueError, "on 2 qubits, got PauliSum"),
        (lambda c, t: c.expectation(t, "ZZ"), ValueError, "H must be an observable on 2 qubits"),
        (lambda c, t: c.expectations(t, []), ValueError, "observables"),
    ],
)
def test_bad_calls(use, error, message):
    with pytest.raises(error, match=message):
        use(HardwareEfficient(2, 2), angles(8))
