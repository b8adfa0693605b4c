"""Frame potentials: known ensembles, and errors that cover."""

import itertools
import math

import numpy as np
import pytest
import torch

import qbp
from qbp.plateaus.expressibility import frame_potential, haar_frame_potential

ONE = qbp.HardwareEfficient(1, 1, rotations=["rx"])


def haar_states(seed, m, d):
    amplitudes = np.random.default_rng(seed).normal(size=(2, m, d))
    states = torch.from_numpy(amplitudes[0] + 1j * amplitudes[1])
    return states / states.norm(dim=-1, keepdim=True)


def test_haar_value_is_the_moment_of_the_overlap():
    """|<a|b>|^2 = x has the density (d-1) (1-x)^(d-2): integrate x^t."""
    x = (np.arange(20000) + 0.5) / 20000
    for d, t in itertools.product((2, 4, 8), (1, 2, 3)):
        assert haar_frame_potential(d, t) == pytest.approx(np.mean(x**t * (d - 1) * (1 - x) ** (d - 2)), 1e-5)
        by_name = math.factorial(t) * math.factorial(d - 1) / math.factorial(d + t - 1)
        assert haar_frame_potential(d, t) == pytest.approx(by_name)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_one_rotation_covers_a_circle(order):
    """One RX: E cos^(2t) = (2t choose t) / 4^t, 3/8 for t = 2."""
    found = qbp.expressibility(ONE, order=order)
    assert abs(found.frame_potential - math.comb(2 * order, order) / 4**order) < 4 * found.stderr
    assert found.stderr < 0.002 and found.order == order and found.samples == 1000


def test_a_product_of_circuits_has_the_product_of_frame_potentials():
    circuit = qbp.PauliRotations(2, ["XI", "IY"])
    found = qbp.expressibility(circuit, 800)
    assert abs(found.frame_potential - (3 / 8) ** 2) < 4 * found.stderr


def test_haar_states_and_a_deep_circuit_are_at_distance_zero():
    value, error = frame_potential(haar_states(0, 500, 8))
    assert abs(value - haar_frame_potential(8, 2)) < 4 * error and error < 3e-4
    deep = qbp.expressibility(qbp.HardwareEfficient(3, 12), 500)
    assert abs(deep.frame_potential - deep.haar) < 4 * deep.stderr and deep.distance < 0.03
    shallow = qbp.expressibility(qbp.HardwareEfficient(3, 1), 500)
    assert shallow.distance > 5 * deep.distance


def test_distance_is_that_of_the_mean_states():
    """Two states of equal weight, by matrices: || E rho^(x)2 - Haar ||^2 = F_2 - F_2(Haar)."""
    a, b = np.array([1, 0]), np.array([0.6, 0.8j])
    rho = [np.kron(s, s) for s in (a, b)]
    mean = sum(np.outer(s, s.conj()) for s in rho) / 2
    symmetric = (
        (np.eye(4) + np.eye(4)[[0, 2, 1, 3]]) / 2 / 3
    )  # Haar: the projector on symmetric states, over 3
    squared = np.linalg.norm(mean - symmetric) ** 2
    potential = np.mean([abs(np.vdot(s, t)) ** 4 for s in (a, b) for t in (a, b)])
    assert squared == pytest.approx(potential - haar_frame_potential(2, 2))
    found = qbp.Expressibility(torch.tensor(potential), torch.tensor(0.0), haar_frame_potential(2, 2), 2, 2)
    assert float(found.distance) == pytest.approx(np.sqrt(squared))


@pytest.mark.parametrize("kind", ["even", "uneven"])
def test_errors_are_about_as_large_as_the_scatter(kind):
    """Near Haar pairs scatter as if independent, elsewhere a state's own mean overlap counts."""
    if kind == "even":
        runs = [frame_potential(haar_states(seed, 60, 4)) for seed in range(100)]
    else:
        angles = np.random.default_rng(1).uniform(0, 0.6 * np.pi, (100, 60))
        runs = [frame_potential(torch.from_numpy(np.stack([np.cos(t), np.sin(t)], -1) + 0j)) for t in angles]
    value, error = (torch.stack(column) for column in zip(*runs, strict=True))
    assert 0.8 < float((error**2).mean().sqrt() / value.std()) < 1.35


def test_blocks_do_not_change_the_answer(monkeypatch):
    states = haar_states(3, 50, 4)
    whole = frame_potential(states)
    monkeypatch.setitem(frame_potential.__globals__, "WORKING_SET", 32 * 50 * 7)
    for ours, other in zip(frame_potential(states), whole, strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-12, atol=0)


def test_meta_device():
    found = qbp.expressibility(ONE, 10, device="meta", dtype=torch.float32)
    assert found.frame_potential.is_meta and found.distance.is_meta


@pytest.mark.parametrize(
    ("message", "arguments"),
    {
        "circuit must be a Circuit": {"circuit": None},
        "samples must be at least 4, got 3": {"samples": 3},
        "order must be at least 1": {"order": 0},
        "seed must be at least 0": {"seed": -1},
        "dtype must be": {"dtype": torch.int64},
        "device must be": {"device": "abacus"},
    }.items(),
)
def test_bad_input_is_named(message, arguments):
    with pytest.raises((ValueError, TypeError), match=message):
        qbp.expressibility(**{"circuit": ONE} | arguments)


def test_circuits_of_scaled_and_fixed_angles():
    """States on one circle of the sphere, F_2 = 3/8, however fast they run; one state, F_2 = 1."""
    b = qbp.CircuitBuilder(1)
    circle = qbp.expressibility(b.h(0).rz(3 * b.parameter() + 0.4, 0).build())
    assert abs(circle.frame_potential - 3 / 8) < 4 * circle.stderr
    one = qbp.expressibility(qbp.CircuitBuilder(1).h(0).t(0).build(), samples=10)
    assert abs(one.frame_potential - 1) < 1e-12 and one.stderr == 0
