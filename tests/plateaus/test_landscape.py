"""Slices and Hessians: known functions, dense finite differences, tied angles twice differentiated."""

import numpy as np
import pytest
import reference
import torch

import qbp
from qbp.plateaus import ensembles, saddles

COSINE = qbp.HardwareEfficient(1, 1, rotations=["rx"]), qbp.PauliSum({"Z": 1.0})  # C = cos theta


def angles(circuit, *batch, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(0, 6, (*batch, circuit.n_params)))


def test_directions_are_orthonormal_even_and_of_their_seed():
    u = qbp.random_directions(6, 3, seed=4)
    torch.testing.assert_close(u @ u.mT, torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(qbp.random_directions(6, 3, seed=4), u, rtol=0, atol=0)
    first = torch.cat([qbp.random_directions(4, 2, seed=s) for s in range(300)])
    assert first.mean(0).abs().max() < 4 * 0.5 / 600**0.5
    torch.testing.assert_close(
        first.mT @ first / 600, torch.eye(4, dtype=torch.float64) / 4, rtol=0, atol=0.04
    )
    with pytest.raises(ValueError, match="count must be at least 1 and at most 2"):
        qbp.random_directions(2, 3)


def test_slices_are_the_cost_on_a_line_and_on_a_plane():
    def cost(t):
        return t[..., 0].cos() + 2 * t[..., 1].sin()

    theta = torch.tensor([0.3, -0.2], dtype=torch.float64)
    u = torch.tensor([[1.0, 0.0], [0.5, 0.5]], dtype=torch.float64)
    at, line = qbp.landscape(cost, theta, u[:1], points=5, reach=1.0)
    torch.testing.assert_close(at, torch.linspace(-1, 1, 5, dtype=torch.float64))
    torch.testing.assert_close(line, (0.3 + at).cos() + 2 * torch.sin(theta[1]))
    at, plane = qbp.landscape(cost, theta, u, points=4)
    a, b = at[:, None], at[None, :]
    torch.testing.assert_close(plane, (0.3 + a + b / 2).cos() + 2 * (-0.2 + b / 2).sin())


def test_a_slice_of_a_circuit():
    circuit, H = COSINE
    direction = torch.ones(1, 1, dtype=torch.float64)
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    at, values = qbp.landscape(lambda t: circuit.expectation(t, H), zero, direction)
    torch.testing.assert_close(values, at.cos())
    assert not values.requires_grad and values.argmax() == 20


def test_hessian_is_that_of_dense_finite_differences():
    circuit, H, h = qbp.HardwareEfficient(2, 1, entangler="cnot"), qbp.heisenberg(2), 1e-4
    matrix, theta = reference.pauli_sum(H.terms), angles(circuit)

    def cost(t):
        state = reference.hardware_efficient(2, t, [["YZ", "YZ"]], "cnot", "ladder")
        return reference.expectation(matrix, state)

    e = h * np.eye(circuit.n_params)
    t = theta.numpy()
    dense = [[cost(t + a + b) - cost(t + a - b) - cost(t - a + b) + cost(t - a - b) for a in e] for b in e]
    np.testing.assert_allclose(qbp.hessian(circuit, theta, H), np.array(dense) / (4 * h**2), atol=1e-6)


def test_hessian_in_a_batch_is_the_second_derivative_of_torch():
    circuit, H = qbp.HardwareEfficient(3, 2), qbp.Projector(3)
    theta = angles(circuit, 2, 2).requires_grad_()
    found = qbp.hessian(circuit, theta, H)
    twice = torch.func.jacrev(torch.func.grad(lambda t: H.expectation(circuit.state(t))))
    rows = torch.stack([twice(row) for row in theta.detach().reshape(4, -1)])
    torch.testing.assert_close(found, rows.reshape(found.shape))
    torch.testing.assert_close(found, found.mT, rtol=0, atol=0)
    diagonal = circuit.expectation(theta[..., None, :] + torch.pi * torch.eye(circuit.n_params), H)
    shifted = (
        diagonal - circuit.expectation(theta, H)[..., None]
    ) / 2  # C'' = (C(theta + pi) - C(theta)) / 2
    torch.testing.assert_close(found.diagonal(dim1=-2, dim2=-1), shifted)


def test_tied_angles_have_their_own_hessian():
    """Two RX of one angle: <ZZ> = cos^2, so C'' = -2 cos(2 theta), which one shift would get wrong."""
    circuit = qbp.PauliRotations(2, ["XI", "IX"], tied=[0, 0])
    theta = angles(circuit, 3)
    found = qbp.hessian(circuit, theta, qbp.PauliSum({"ZZ": 1.0}))
    torch.testing.assert_close(found[..., 0], -2 * torch.cos(2 * theta))


def test_spectrum_at_a_minimum_a_maximum_and_between():
    circuit, H = qbp.PauliRotations(2, ["XI", "IX"]), qbp.PauliSum({"ZI": 1.0, "IZ": 2.0})  # cos a + 2 cos b
    for a, b, expected in ((torch.pi, torch.pi, [1, 2]), (0, 0, [-2, -1]), (0, torch.pi, [-1, 2])):
        theta = torch.tensor([a, b], dtype=torch.float64)
        expected = torch.tensor(expected, dtype=torch.float64)
        torch.testing.assert_close(qbp.hessian_spectrum(circuit, theta, H), expected)


def test_meta_device():
    circuit, H = COSINE
    theta = torch.zeros(3, 1, device="meta")
    assert qbp.hessian(circuit, theta, H).is_meta
    _, values = qbp.landscape(lambda t: circuit.expectation(t, H), theta[0], theta[:1])
    assert values.is_meta and values.shape == (41,)


def test_bad_input_is_named():
    circuit, H = COSINE
    zero, one = torch.zeros(1), torch.ones(1, 1)
    with pytest.raises(ValueError, match=r"theta must have shape \(..., 1\)"):
        qbp.hessian(circuit, torch.zeros(2), H)
    for message, arguments in {
        "directions must have shape": (torch.cos, zero, torch.ones(1, 2)),
        "theta and directions must be": (torch.cos, zero, torch.ones(3, 1)),
        "theta must be a real": (torch.cos, [0.0], one),
        "theta must be finite": (torch.cos, zero * torch.nan, one),
    }.items():
        with pytest.raises((ValueError, TypeError), match=message):
            qbp.landscape(*arguments)
    with pytest.raises(ValueError, match="reach must be"):
        qbp.landscape(torch.cos, zero, one, reach=0.0)
    with pytest.raises(ValueError, match="points must be"):
        qbp.landscape(torch.cos, zero, one, points=1)


@pytest.mark.parametrize("shared", [False, True])
def test_the_hessian_of_scaled_shared_and_fixed_angles(shared):
    """By shifts where an angle enters by its first harmonic, else differentiated twice."""
    b = qbp.CircuitBuilder(2)
    a, c = b.parameter(), b.parameter()
    b.h(0).rx(a + 0.3, 0).cx(0, 1).t(1).ry(1 - c, 1)
    circuit, H = (b.rz(2.5 * c, 0).rxx(a, 0, 1) if shared else b).build(), qbp.heisenberg(2)
    theta = torch.tensor([[0.4, -0.7], [1.0, 2.0]], dtype=torch.float64)
    twice = torch.func.jacrev(torch.func.jacrev(lambda t: H.expectation(circuit.state(t))))
    expected = torch.stack([twice(row) for row in theta])
    torch.testing.assert_close(qbp.hessian(circuit, theta, H), expected, rtol=0, atol=1e-10)


def test_a_circuit_without_parameters_has_no_landscape():
    fixed, H, none = qbp.CircuitBuilder(2).h(0).build(), qbp.heisenberg(2), torch.zeros(5, 0)
    for call in (
        lambda: qbp.hessian(fixed, none, H),
        lambda: saddles.look(fixed, none, H),
        lambda: saddles.random_points(fixed, H),
        lambda: saddles.descend(fixed, H, none, steps=1),
        lambda: ensembles.ensemble(fixed, {"H": H}, none),
    ):
        with pytest.raises(ValueError, match="circuit must have a parameter, got BuiltCircuit"):
            call()
