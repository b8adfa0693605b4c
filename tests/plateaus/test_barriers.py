"""Barriers: cosines by hand, states as dense matrices, and the period of an expectation."""

import math

import numpy as np
import pytest
import reference
import torch
from hypothesis import given
from hypothesis import strategies as st

import qbp
from qbp.plateaus.barriers import along_line, barrier, periodic_difference

ANGLE = st.floats(-20, 20)


def row(*values):
    return torch.tensor(values, dtype=torch.float64)


def cosine(theta):
    return theta.cos().sum(-1)


@given(ANGLE, ANGLE, st.floats(0.5, 10))
def test_a_difference_is_the_shortest_of_all_that_end_at_the_same_angle(a, b, period):
    step = float(periodic_difference(row(a), row(b), period))
    others = [b - a + k * period for k in range(-100, 101)]
    assert min(abs(step - other) for other in others) < 1e-9
    assert abs(step) == pytest.approx(min(map(abs, others)), abs=1e-9)


def test_half_a_turn_is_taken_backwards_and_axes_broadcast():
    assert periodic_difference(row(0.0), row(math.pi)).item() == -math.pi
    found = periodic_difference(row(0.5, 6.0), torch.stack([row(1.0, 0.0), row(0.5, 3.0)]))
    torch.testing.assert_close(found, torch.stack([row(0.5, 2 * math.pi - 6), row(0.0, -3.0)]))


def test_costs_on_a_line_by_hand():
    a, b = row(0.2, 6.0), row(-0.4, 1.0)  # the second angle goes forward over the turn
    share = torch.linspace(0, 1, 5, dtype=torch.float64)
    expected = (0.2 - 0.6 * share).cos() + (6 + (2 * math.pi - 5) * share).cos()
    torch.testing.assert_close(along_line(cosine, a, b, 5), expected)
    straight = (0.2 - 0.6 * share).cos() + (6 - 5 * share).cos()
    torch.testing.assert_close(along_line(cosine, a, b, 5, period=None), straight)
    rows = along_line(cosine, a, torch.stack([b, a]), 5)
    torch.testing.assert_close(rows, torch.stack([expected, expected[:1].expand(5)]))


@pytest.mark.parametrize(
    ("a", "b", "period", "height"),
    [
        (-1.0, 1.0, 2 * math.pi, 1 - math.cos(1)),  # over the top of the cosine
        (3.0, -3.0, 2 * math.pi, 0.0),  # through its bottom, the short way
        (3.0, -3.0, None, 1 - math.cos(3)),  # over the top, as the numbers stand
        (2.0, -2.5, 2 * math.pi, 0.0),
        (1.0, 2.0, 2 * math.pi, 0.0),  # downhill
        (-0.5, 1.0, 2 * math.pi, 1 - math.cos(0.5)),  # over the higher end, not the lower
    ],
)
def test_heights_by_hand(a, b, period, height):
    found = barrier(cosine, row(a), row(b), 3001, period=period)
    assert float(found) == pytest.approx(height, abs=1e-6)
    assert float(barrier(cosine, row(b), row(a), 3001, period=period)) == pytest.approx(height, abs=1e-6)


@pytest.mark.parametrize(
    "circuit",
    [
        qbp.HardwareEfficient(3, 2, ["rx", "ry", "rz"], "cnot", "ring"),
        qbp.PauliRotations(3, ["XII", "IXI", "ZZI", "IZZ", "YIY"], tied=[1, 1, 0, 0, 0]),
    ],
    ids=["own angles", "tied angles"],
)
def test_expectations_have_the_period_of_a_turn_and_states_of_two(circuit):
    H = qbp.PauliSum({"ZXI": 1.0, "YII": 0.5, "IZZ": 0.3})
    theta = torch.from_numpy(np.random.default_rng(0).uniform(0, 6, circuit.n_params))
    one_turn = 2 * math.pi * torch.eye(circuit.n_params, dtype=torch.float64)
    energy = circuit.expectation(theta, H).expand(circuit.n_params)
    torch.testing.assert_close(circuit.expectation(theta + one_turn, H), energy)
    overlaps = (circuit.state(theta).conj() * circuit.state(theta + one_turn)).sum(-1)
    torch.testing.assert_close(overlaps.abs(), torch.ones_like(energy))
    assert (circuit.expectation(theta + one_turn / 2, H) - energy).abs().max() > 0.01  # not of half a turn
    one = qbp.HardwareEfficient(1, 1, ["ry"])
    torch.testing.assert_close(one.state(row(0.3 + 2 * math.pi)), -one.state(row(0.3)))


def test_a_barrier_of_a_circuit_is_that_of_dense_states_and_knows_no_turns():
    circuit, H = qbp.HardwareEfficient(2, 2), qbp.tfim(2)
    matrix = reference.pauli_sum(H.terms)
    a, b = torch.from_numpy(np.random.default_rng(1).uniform(0, 6, (2, 3, circuit.n_params)))

    def dense(theta):
        state = reference.hardware_efficient(2, theta.numpy(), [["YZ", "YZ"]] * 2, "cz", "ladder")
        return reference.expectation(matrix, state)

    step = torch.atan2((b - a).sin(), (b - a).cos())  # the shortest, by another way
    expected = []
    for start, way in zip(a, step, strict=True):
        values = [dense(start + k / 10 * way) for k in range(11)]
        expected.append(float(max(values)) - float(max(values[0], values[-1])))
    found = barrier(lambda t: circuit.expectation(t, H), a, b, 11)
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert found.max() > 0.1
    whole = 2 * math.pi * torch.randint(-3, 4, a.shape, generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(barrier(lambda t: circuit.expectation(t, H), a + whole, b, 11), found)


def test_no_gradient_is_kept_and_a_cost_of_another_shape_is_refused():
    a = row(0.1, 0.2).requires_grad_()
    assert not along_line(cosine, a, row(1.0, 1.0)).requires_grad
    with pytest.raises(ValueError, match=r"cost must return a tensor of shape \(41,\)"):
        along_line(lambda t: t, a, row(1.0, 1.0))
    with pytest.raises(ValueError, match="period must be a finite number, above 0"):
        barrier(cosine, a, row(1.0, 1.0), period=0.0)
    with pytest.raises(ValueError, match="n = 2, that of a"):
        barrier(cosine, a, row(1.0))
