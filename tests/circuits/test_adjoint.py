"""Values and gradients of the adjoint method against the dense oracle, plain autograd and closed rules."""

import numpy as np
import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd.graph import saved_tensors_hooks
from torch.testing import assert_close

import qbp
from qbp.circuits import adjoint
from qbp.circuits.gates import Entangler, Rotation
from qbp.circuits.kernel import evolution
from qbp.circuits.observables import Observable, PauliSum, Projector, local_observables, tfim
from qbp.circuits.problems import Infidelity
from qbp.circuits.statevector import evolve

PRODUCT = [[0.6, 0.8j], [1j, 0], [-0.8, 0.6], [0.5**0.5, -(0.5**0.5)]]
LAYERED = qbp.HardwareEfficient(3, 2, ["rx", "rz", "ry"], "cnot", "ring", start="plus")
STRINGS = qbp.PauliRotations(3, ["ZZI", "IZZ", "XII", "IXI", "YYY", "IIX"], [0, 0, 1, 1, 2, 1])
PATHS = ["torch", "native"] if evolution.available() else ["torch"]  # the second with numba, not switched off


@pytest.fixture(params=PATHS, autouse=True, scope="module")
def path(request):
    """Everything here holds on each path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QBP_KERNEL", request.param)
        yield request.param


CIRCUITS = pytest.mark.parametrize("circuit", [LAYERED, STRINGS], ids=["layers", "gates"])


def angles(*shape, seed=0, dtype=torch.float64):
    return 2 * torch.pi * torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def plain(circuit, theta, observables, inputs=None):
    """Ordinary autograd through every gate."""
    state = circuit.state(theta, inputs)
    return torch.stack([H.expectation(state) for H in observables], dim=-1)


def dense(circuit, theta, inputs=()):
    """State by dense matrices, gate by gate."""
    n, state = circuit.n_qubits, reference.start_state(circuit.n_qubits, circuit.start, inputs)
    for gate in circuit.program:
        if isinstance(gate, Rotation):
            state = reference.rotation(gate.pauli, theta[gate.parameter]) @ state
        for a, b in getattr(gate, "pairs", ()):
            state = reference.controlled(n, reference.PAULI["Z" if gate.kind == "cz" else "X"], a, b) @ state
    return state


def dense_observable(H):
    return (
        reference.pauli_sum(H.terms)
        if isinstance(H, PauliSum)
        else reference.kron(*[reference.ZERO] * H.n_qubits)
    )


@st.composite
def circuits(draw):
    n = draw(st.integers(1, 5))
    start = draw(st.sampled_from(["zero", "plus", [PRODUCT[q % 4] for q in range(n)]]))
    if draw(st.integers(0, 2)) == 0:
        generators = draw(st.lists(st.text("IXYZ", min_size=n, max_size=n), min_size=1, max_size=8))
        tied = [k // 2 for k in range(len(generators))] if draw(st.booleans()) else None
        return qbp.PauliRotations(n, generators, tied, start)
    words = st.lists(st.sampled_from(["rx", "ry", "rz"]), min_size=1, max_size=3)
    rotations = draw(st.one_of(words, st.just("random")))
    kind, topology = (draw(st.sampled_from(x)) for x in (["cz", "cnot"], ["ladder", "ring", "brick"]))
    seed = draw(st.integers(0, 99)) if rotations == "random" else None
    layers = draw(st.integers(1, 4))
    return qbp.HardwareEfficient(n, layers, rotations, kind, topology, seed=seed, start=start)


@st.composite
def observables(draw, n):
    strings = st.dictionaries(
        st.text("IXYZ", min_size=n, max_size=n), st.floats(-2, 2), min_size=1, max_size=5
    )
    one = st.one_of(strings.map(PauliSum), st.just(Projector(n)), st.just(tfim(n)))
    return draw(st.lists(one, min_size=1, max_size=4))


@settings(max_examples=120)
@given(st.data())
def test_the_whole_surface(data):
    """Circuits, starts, inputs, batch shapes and observables: dense values, autograd's gradients."""
    circuit = data.draw(circuits())
    Os = data.draw(observables(circuit.n_qubits))
    lead = data.draw(st.sampled_from([(), (3,), (2, 3), (2, 1), (1,)]))
    theta = angles(*lead, circuit.n_params, seed=data.draw(st.integers(0, 99))).requires_grad_()
    x = None
    if data.draw(st.booleans()):
        runs = data.draw(st.sampled_from([(), lead, (1,) * len(lead), (4, *lead)]))
        x = angles(*runs, 3, data.draw(st.integers(1, circuit.n_qubits)), seed=1).requires_grad_()
    values, expected = circuit.expectations(theta, Os, x), plain(circuit, theta, Os, x)
    assert_close(values, expected, rtol=0, atol=1e-10)
    weights = angles(*values.shape, seed=2) - 3
    leaves = [theta] if x is None else [theta, x]
    found, wanted = (torch.autograd.grad((v * weights).sum(), leaves) for v in (values, expected))
    assert_close(found, wanted, rtol=0, atol=1e-10)
    with torch.no_grad():
        assert_close(circuit.expectations(theta, Os, x), values, rtol=0, atol=1e-14)
    batch, index = values.shape[:-1], tuple(0 for _ in values.shape[:-1])
    if x is None:
        state = dense(circuit, theta.detach()[index].tolist())
    else:
        one = theta.detach().expand(*batch[:-1], -1)[index[:-1]].tolist()
        state = dense(circuit, one, x.detach().expand(*batch, -1)[index].tolist())
    exact = [reference.expectation(dense_observable(H), state) for H in Os]
    np.testing.assert_allclose(values.detach()[index], exact, atol=1e-10)


@settings(max_examples=60)
@given(st.data())
def test_any_program_and_any_start(data):
    """Gates in any order, starts that are no product, gradients with respect to both."""
    n = data.draw(st.integers(2, 4))
    gates = (
        [Rotation("XY" + "I" * (n - 2), 1)]
        if data.draw(st.booleans())
        else [Rotation("Y" + "I" * (n - 1), 1)]
    )
    for _ in range(data.draw(st.integers(0, 8))):
        a, b = data.draw(st.sampled_from([(q, p) for q in range(n) for p in range(n) if p != q]))
        pauli = data.draw(st.text("IXYZ", min_size=n, max_size=n))
        kind = data.draw(st.sampled_from(["cz", "cnot", "rotation"]))
        k = data.draw(st.integers(0, 3))
        gates.append(Rotation(pauli, k) if kind == "rotation" else Entangler(kind, ((a, b), (0, n - 1))))
    lead, tail = data.draw(st.sampled_from([((), ()), ((2,), (2,)), ((2, 1), (3,)), ((), (3,)), ((3,), ())]))
    theta = angles(*lead, 4).requires_grad_()
    start = torch.complex(angles(*tail, 2**n, seed=1), angles(*tail, 2**n, seed=2)) / 9
    start.requires_grad_()
    Os = data.draw(observables(n))
    values = adjoint.expectations(tuple(gates), theta, start, Os)
    psi = evolve(tuple(gates), theta, start)
    expected = torch.stack([H.expectation(psi) for H in Os], dim=-1)
    assert_close(values, expected, rtol=1e-10, atol=1e-10)
    found, wanted = (torch.autograd.grad(v.square().sum(), (theta, start)) for v in (values, expected))
    assert_close(found, wanted, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("H", [tfim(3), Projector(3), PauliSum({"YXI": 0.7, "IYZ": -1.0, "YIY": 0.3})])
@pytest.mark.parametrize("entangler", ["cz", "cnot"])
def test_the_gradient_is_the_parameter_shift(entangler, H):
    circuit = qbp.HardwareEfficient(3, 3, "random", entangler, "brick", seed=4, start=PRODUCT[:3])
    theta = angles(circuit.n_params).requires_grad_()
    (gradient,) = torch.autograd.grad(circuit.expectation(theta, H), theta)
    values = []
    for k in range(circuit.n_params):
        for sign in (1, -1):
            shifted = theta.tolist()
            shifted[k] += sign * np.pi / 2
            values.append(reference.expectation(dense_observable(H), dense(circuit, shifted)))
    np.testing.assert_allclose(gradient, (np.array(values[0::2]) - values[1::2]) / 2, atol=1e-12)


@CIRCUITS
def test_first_and_second_derivatives_in_angles_and_start(circuit):
    start = torch.complex(angles(2, 8, seed=1), angles(2, 8, seed=2)).requires_grad_() / 9
    theta = angles(2, 1, circuit.n_params).requires_grad_()
    Os = [PauliSum({"XYZ": 0.5, "ZII": 1.0}), Projector(3)]

    def values(theta, start):
        return adjoint.expectations(circuit.program, theta, start, Os)

    leaves = theta, start.detach().requires_grad_()
    assert torch.autograd.gradcheck(values, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(values, leaves, fast_mode=True)


@CIRCUITS
def test_inputs_made_of_the_angles(circuit):
    """Both arguments grow from one leaf, so a second derivative must not count a path twice."""
    leaf, Os, results = angles(circuit.n_params).requires_grad_(), [tfim(3), Projector(3)], []
    for expectations in (type(circuit).expectations, plain):
        values = expectations(circuit, 2 * leaf, Os, torch.sin(leaf[:3]).expand(2, 3))
        (first,) = torch.autograd.grad(values.sum(), leaf, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), leaf)
        results.append((first.detach(), second))
    assert_close(*results, rtol=0, atol=1e-9)


# torch's own forward-mode rules are scripted when first used, which torch deprecates.
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@CIRCUITS
def test_torch_func_and_forward_mode(circuit):
    theta, direction, H = angles(4, circuit.n_params), angles(4, circuit.n_params, seed=1), tfim(3)
    energy = lambda t: circuit.expectation(t, H)  # noqa: E731
    leaf = theta.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(energy(leaf).sum(), leaf)
    slope = (gradient * direction).sum(-1)
    assert_close(torch.func.vmap(torch.func.grad(energy))(theta), gradient)
    assert_close(torch.func.jacrev(energy)(theta[0]), gradient[0])
    assert_close(torch.func.jvp(energy, (theta,), (direction,))[1], slope)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(theta, direction)
        assert_close(torch.autograd.forward_ad.unpack_dual(energy(dual)).tangent, slope)
    x = angles(4, 2, 3, seed=2)  # only the inputs are transformed
    per_sample = torch.func.vmap(lambda x: circuit.expectation(leaf, H, x))(x)
    assert_close(per_sample, torch.stack([circuit.expectation(leaf, H, x[i]) for i in range(4)]))


def saved(circuit_of, n_layers, inputs=None, grad=True):
    """Numbers of elements of all tensors that a call keeps for its backward pass, but for the angles."""
    circuit, sizes = circuit_of(n_layers), []
    theta = angles(2, circuit.n_params).requires_grad_(grad)

    def pack(tensor):
        if tensor.shape[-1] not in (circuit.n_params, circuit.n_params + 4):  # alone, or with 4 inputs
            sizes.append(tensor.numel() * tensor.element_size())
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        values = circuit.expectations(theta, [tfim(4), Projector(4)], inputs)
    assert values.requires_grad == grad
    return sizes


@pytest.mark.parametrize(
    "circuit_of",
    [
        lambda n_layers: qbp.HardwareEfficient(4, n_layers),
        lambda n_layers: qbp.HardwareEfficient(4, n_layers, ["rx"], "cnot", "ring"),
        lambda n_layers: qbp.PauliRotations(4, ["ZZII", "IXIY", "XIII"] * n_layers),
    ],
)
@pytest.mark.parametrize("inputs", [None, angles(5, 4)])
def test_memory_does_not_grow_with_depth(circuit_of, inputs):
    sizes = saved(circuit_of, 5, inputs)
    assert sizes == saved(circuit_of, 20, inputs)
    state = 2 * (1 if inputs is None else len(inputs)) * 16 * 16
    assert sum(sizes) <= 2 * state  # the start and the end
    assert saved(circuit_of, 20, inputs, grad=False) == []


@CIRCUITS
def test_a_graph_used_twice_and_a_subset_of_the_angles(circuit):
    leaf, fixed = angles(2, 2).requires_grad_(), angles(2, circuit.n_params, seed=1)
    where = torch.tensor([2, 0])
    theta = fixed.index_copy(1, where, leaf)
    values = circuit.expectations(theta, [tfim(3), Projector(3)])
    first = torch.autograd.grad(values[:, 0].sum(), leaf, retain_graph=True)
    both = torch.autograd.grad(values.sum(), leaf, retain_graph=True)
    assert_close(torch.autograd.grad(values[:, 0].sum(), leaf), first, rtol=0, atol=0)
    whole = theta.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(plain(circuit, whole, [tfim(3), Projector(3)]).sum(), whole)
    assert_close(both[0], gradient[:, where])


@CIRCUITS
def test_any_observable_that_can_be_applied(circuit):
    class Parity(Observable):
        n_qubits = 3

        def apply(self, state):
            return state * torch.tensor([1, -1, -1, 1, -1, 1, 1, -1])

    theta = angles(circuit.n_params).requires_grad_()
    Os = [Infidelity(circuit.state(angles(circuit.n_params, seed=1))), Parity()]
    values, expected = circuit.expectations(theta, Os), plain(circuit, theta, [Os[0], PauliSum({"ZZZ": 1.0})])
    assert_close(values, expected)
    grads = [torch.autograd.grad(v.sum(), theta)[0] for v in (values, expected)]
    assert_close(*grads, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad:UserWarning")
def test_an_observable_with_a_gradient_of_its_own():
    angle = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    task = Infidelity(torch.stack([torch.cos(angle), torch.sin(angle)]))
    circuit, theta = qbp.PauliRotations(1, ["Y"]), torch.tensor([0.5], dtype=torch.float64)
    (slope,) = torch.autograd.grad(circuit.expectation(theta, task), angle)
    assert slope.item() == pytest.approx(-np.sin(0.5 - 2 * 0.3))  # of 1 - cos(theta / 2 - angle)^2


@CIRCUITS
def test_single_precision(circuit):
    theta, x = angles(2, circuit.n_params), angles(4, 2, seed=1)
    grads = []
    for t in (theta.float().requires_grad_(), theta.requires_grad_()):
        values = circuit.expectations(t, local_observables(3), x)
        assert values.dtype == t.dtype
        grads.append(torch.autograd.grad(values.sum(), t)[0])
    assert_close(grads[0].double(), grads[1], rtol=0, atol=1e-4)


def test_no_gates_and_no_rotations():
    theta, start = angles(2, 1).requires_grad_(), torch.tensor([0.0, 0.6, 0.0, 0.8j], dtype=torch.complex128)
    for program, value in (((), -1.0), ((Entangler("cnot", ((0, 1),)),), 0.28)):
        values = adjoint.expectations(program, theta, start, [PauliSum({"IZ": 1.0})])
        assert values.tolist() == [[pytest.approx(value)]] * 2
        assert torch.autograd.grad(values.sum(), theta)[0].tolist() == [[0.0]] * 2


@CIRCUITS
def test_no_rows_and_no_values(circuit):
    theta = torch.empty(0, circuit.n_params, dtype=torch.float64, requires_grad=True)
    values = circuit.expectations(theta, [tfim(3)])
    values.sum().backward()
    assert values.shape == (0, 1) and theta.grad.shape == theta.shape
    theta = torch.empty(2, circuit.n_params, device="meta", requires_grad=True)
    x = torch.empty(4, 2, device="meta", requires_grad=True)
    values = circuit.expectations(theta, [tfim(3), Projector(3)], x)
    values.sum().backward()
    assert values.shape == (2, 4, 2) and theta.grad.is_meta and x.grad.shape == x.shape
