"""Walks of circuits with fixed Cliffords and scaled angles, against grids of states that are exact."""

import numpy as np
import pytest
import torch

import qbp
from qbp.plateaus.pauli.trace import walk_trace
from qbp.plateaus.pauli.walk import walk_moments
from qbp.plateaus.pauli.walkable import walkable


def exact(circuit, H):
    """Var[dC/dtheta_k] and Var[C] on a grid fine enough for its means to be exact."""
    m = 13
    axis = torch.arange(m, dtype=torch.float64) * (2 * torch.pi / m)
    theta = torch.cartesian_prod(*[axis] * circuit.n_params).reshape(-1, circuit.n_params).requires_grad_()
    cost = circuit.expectation(theta, H)
    (gradient,) = torch.autograd.grad(cost.sum(), theta)
    return gradient.square().mean(0).numpy(), float(cost.detach().var(unbiased=False))


def cliffords():
    b = qbp.CircuitBuilder(3)
    a, c, d = (b.parameter() for _ in range(3))
    return b.h(0).t(2).rx(a, 1).cx(0, 1).s(1).rzz(-c + 0.3, 1, 2).h(1).cz(0, 2).ry(d, 2).sx(0).build()


def scaled(*scales):
    b = qbp.CircuitBuilder(2)
    a, c = b.parameter(), b.parameter()
    return b.ry(scales[0] * a + 0.2, 0).cx(0, 1).rx(scales[1] * c, 1).build()


H3 = qbp.PauliSum({"XIZ": 1.0, "ZYI": 0.5, "IZX": -0.7, "IIZ": 0.3, "YYX": 0.9})
H2 = qbp.PauliSum({"ZZ": 1.0, "IY": 0.5, "XX": -0.4})


@pytest.mark.parametrize(
    "circuit, H",
    [(cliffords(), H3), (scaled(2, 2), H2), (scaled(-3, 1), H2), (scaled(1, -1), qbp.Projector(2))],
)
def test_moments_are_those_of_the_states(circuit, H):
    found = walk_moments(circuit, H, walks=2**16)
    variance, cost = exact(circuit, H)
    assert (abs(found.variance - variance) < 5 * found.stderr + 1e-12).all()
    assert abs(found.cost_variance - cost) < 5 * found.cost_stderr + 1e-12
    assert (variance <= found.upper_bound + 1e-12).all() and (found.stderr < 0.05 * variance.max()).all()
    assert abs(found.total - variance.sum()) < 5 * found.total_stderr + 1e-12
    assert variance.sum() <= found.total_upper_bound + 1e-12
    assert 2**found.log2_total == pytest.approx(found.total)
    np.testing.assert_allclose(np.exp2(found.log2_variance), found.variance)


def test_a_parameter_that_turns_nothing_has_no_gradient():
    b = qbp.CircuitBuilder(1)
    b.parameter("unused")
    circuit = b.h(0).rz(2 * b.parameter("a"), 0).build()
    found = walk_moments(circuit, qbp.PauliSum({"X": 1.0}), walks=2048)
    assert found.variance[0] == found.upper_bound[0] == 0
    assert abs(found.variance[1] - 2.0) < 5 * found.stderr[1] + 1e-12  # (2 sin 2 theta)^2


def test_gates_at_the_start_are_part_of_the_start():
    b = qbp.CircuitBuilder(2)
    circuit = b.h(0).t(1).rx(b.parameter(), 0).cx(0, 1).rz(b.parameter(), 1).build()
    found = walkable(circuit, qbp.Projector(2))
    assert [type(gate).__name__ for gate in found.program] == ["Rotation", "Entangler", "Rotation"]
    np.testing.assert_allclose(abs(found.qubits[0]) ** 2, [0.5, 0.5], atol=1e-15)
    given = qbp.HardwareEfficient(3, 2)
    assert walkable(given, qbp.tfim(3)).program is given.program


def test_gradient_variance_takes_them():
    circuit = cliffords()
    walked = qbp.gradient_variance(circuit, H3, engine="pauli-walk")
    sampled = qbp.gradient_variance(circuit, H3, samples=2000, engine="statevector")
    assert ((walked.variance - sampled.variance).abs() < 5 * (walked.stderr + sampled.stderr)).all()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda b, a: b.rx(a, 0).t(0),
            r"multiples of pi/2 alone: .*got Rotation\(pauli='ZI', parameter=None",
        ),
        (lambda b, a: b.rx(a / 2, 0), r"scaled by whole numbers other than 0.*got Rotation\(pauli='XI'"),
        (lambda b, a: b.rx(0 * a, 0), "scaled by whole numbers other than 0"),
        (lambda b, a: b.rx(a, 0).rx(a, 1), "parameter 0 in two rotations"),
    ],
)
def test_what_no_walk_takes_is_named(build, message):
    b = qbp.CircuitBuilder(2)
    circuit = build(b, b.parameter()).build()
    with pytest.raises(ValueError, match=message) as error:
        walk_moments(circuit, qbp.tfim(2), walks=64)
    assert "\n" not in str(error.value)


def test_a_circuit_without_parameters_is_refused():
    circuit = qbp.CircuitBuilder(2).h(0).build()
    for engine in ("pauli-walk", "statevector", "auto"):
        with pytest.raises(ValueError, match="circuit must have a parameter, got BuiltCircuit"):
            qbp.gradient_variance(circuit, qbp.tfim(2), engine=engine)


@pytest.mark.parametrize("turn", [0.0, 2 * np.pi, -4 * np.pi])
def test_a_fixed_rotation_by_nothing_is_no_gate(turn):
    """Of one or of two qubits, first, between, or last; what is walked is the circuit without it."""
    found = []
    for fixed in (True, False):
        b = qbp.CircuitBuilder(3)
        for q in range(3):
            b = b.rzz(turn, q, (q + 1) % 3) if fixed else b
            b = b.t(q).ry(b.parameter(), q)
        b = b.cx(0, 1).cz(1, 2)
        b = b.rz(turn, 0).rxx(turn, 0, 2) if fixed else b
        b = b.rx(b.parameter(), 1)
        circuit = (b.ry(turn, 1) if fixed else b).build()
        found.append([walk_moments(circuit, H, walks=2**12) for H in (H3, qbp.Projector(3))])
        variance, cost = exact(circuit, qbp.Projector(3))
        assert (abs(found[-1][1].variance - variance) < 5 * found[-1][1].stderr + 1e-12).all()
        assert abs(found[-1][1].cost_variance - cost) < 5 * found[-1][1].cost_stderr + 1e-12
    for with_it, without in zip(*found, strict=True):
        np.testing.assert_array_equal(with_it.variance, without.variance)


def test_a_projector_takes_no_fixed_gate_inside():
    b = qbp.CircuitBuilder(2)
    circuit = b.rx(b.parameter(), 0).h(0).build()
    with pytest.raises(ValueError, match="no fixed rotation where a projector is walked"):
        walk_moments(circuit, qbp.Projector(2), walks=64)
    with pytest.raises(ValueError, match="circuit must have no fixed rotation where a walk is looked at"):
        walk_trace(circuit, "XI")
