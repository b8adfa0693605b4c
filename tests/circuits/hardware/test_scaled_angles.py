"""Noise, shots and parameter shifts of circuits with shared, scaled, shifted and fixed angles.

The circuit written out with an angle for each rotation is the reference: its tests stand beside this file.
"""

import numpy as np
import pytest
import torch

import qbp
from qbp.circuits.gates import Rotation, untied
from qbp.circuits.hardware import noise, shots
from qbp.circuits.hardware import parameter_shift as shifted
from qbp.circuits.statevector import own_angles

OBSERVABLES = [qbp.tfim(3), qbp.PauliSum({"XYI": 0.5, "IIZ": -1.0}), qbp.Projector(3)]
CHANNEL = noise.depolarizing(0.07)


def mixed():
    """Every kind of angle."""
    b = qbp.CircuitBuilder(3)
    a, c = b.parameter("a"), b.parameter("c")
    return b.h(0).cx(0, 1).rx(2 * a, 2).ry(0.5 - c, 1).rzz(a, 1, 2).t(0).crx(c / 2 + 0.1, 0, 2).build()


def layered():
    """Rotations of one qubit alone, which take the path of layers."""
    b = qbp.CircuitBuilder(3)
    a, c = b.parameter("a"), b.parameter("c")
    return b.h(0).cx(0, 1).rx(2 * a, 2).ry(0.5 - c, 1).cz(1, 2).rz(0 * a, 0).ry(a, 0).t(0).build()


CIRCUITS = {"mixed": mixed(), "layered": layered(), "HVA": qbp.HamiltonianVariational(qbp.tfim(3, 0.4), 2)}
THETA = torch.tensor([[0.3, -0.8, 1.0, 0.2], [1.9, 0.4, -0.3, 0.7]], dtype=torch.float64)


def written_out(circuit):
    """The circuit with an angle for each rotation, and what its angles are."""
    alone = untied(circuit.program)
    names = [f"a{k}" for k in range(len(alone.scale))]
    return qbp.BuiltCircuit(circuit.n_qubits, alone.program, names, circuit.start)


def case(name):
    circuit = CIRCUITS[name]
    theta = THETA[:, : circuit.n_params].clone()
    return circuit, theta, written_out(circuit), own_angles(circuit.program, theta)[1]


@pytest.mark.parametrize("name", CIRCUITS)
def test_the_density_matrix_and_its_gradient(name):
    circuit, theta, apart, angles = case(name)
    theta.requires_grad_()
    found = noise.noisy_expectations(circuit, theta, OBSERVABLES, CHANNEL, where="end")
    expected = noise.noisy_expectations(apart, angles, OBSERVABLES, CHANNEL, where="end")
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)

    def value(t):
        return noise.noisy_expectations(circuit, t, OBSERVABLES, CHANNEL, where="end")

    assert torch.autograd.gradcheck(value, theta)


@pytest.mark.parametrize("name", CIRCUITS)
def test_trajectories(name):
    circuit, theta, apart, angles = case(name)
    found = noise.sample_trajectories(circuit, theta, CHANNEL, 5, seed=3, where="end")
    expected = noise.sample_trajectories(apart, angles, CHANNEL, 5, seed=3, where="end")
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("circuit", [CIRCUITS["HVA"], qbp.QAOA([(0, 1), (1, 2)], 2)])
def test_noise_after_each_layer(circuit):
    """Layer by layer, each a circuit of its own: rho -> U rho U^dagger, then the channel."""
    theta = THETA[0]
    kind = qbp.HamiltonianVariational if circuit is CIRCUITS["HVA"] else qbp.QAOA
    of = circuit.H if circuit is CIRCUITS["HVA"] else circuit.graph
    rho = torch.full((8, 8), 1 / 8, dtype=torch.complex128)
    for angles in theta.reshape(2, 2):
        columns = []
        for index in range(8):
            basis = [[1, 0] if index >> (2 - q) & 1 == 0 else [0, 1] for q in range(3)]
            columns.append(kind(of, 1, start=basis).state(angles))
        U = torch.stack(columns, dim=-1)
        rho = noise.apply_channel(CHANNEL, U @ rho @ U.mH)
    found = noise.density_matrix(circuit, theta, CHANNEL)
    torch.testing.assert_close(found, rho, rtol=0, atol=1e-12)


def test_a_circuit_without_layers_says_so():
    with pytest.raises(ValueError, match='where must be "end" for a circuit without layers'):
        noise.density_matrix(CIRCUITS["mixed"], THETA[0, :2], CHANNEL)


@pytest.mark.parametrize("name", CIRCUITS)
@pytest.mark.parametrize("channel", [None, CHANNEL])
def test_shifts_add_up_to_the_gradient(name, channel):
    """Without drawing: outcomes of the shifted circuits, times the scale of each angle."""
    circuit, theta, *_ = case(name)
    device = shifted.prepared_by(circuit, channel, "end")
    theta.requires_grad_()
    if channel is None:
        values = circuit.expectations(theta, OBSERVABLES[:2])
    else:
        values = noise.noisy_expectations(circuit, theta, OBSERVABLES[:2], channel, where="end")
    (gradient,) = torch.autograd.grad(values.sum(), theta)
    angles, start, _ = noise.rows(circuit, theta.detach(), None)
    prepared = device.prepare_shifted(angles, start)
    total = 0.0
    for setting in shots.plan(OBSERVABLES[:2]).settings:
        worth = torch.from_numpy(setting.values.sum(0))
        up, down = (likely @ worth for likely in device.shifted_outcomes(setting, prepared))
        total = total + (up - down).squeeze(1) / 2
    torch.testing.assert_close(device.per_parameter(total, angles), gradient, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", CIRCUITS)
@pytest.mark.parametrize("channel", [None, CHANNEL])
def test_gradients_from_shots_are_unbiased(name, channel):
    circuit, theta, *_ = case(name)
    runs = 400 if channel is None else 60
    many = theta[:1].expand(runs, -1).clone().requires_grad_()
    key = (range(runs), "test", 0)
    values = shots.shot_expectations(circuit, many, OBSERVABLES[:1], 20, key, channel=channel, where="end")
    (found,) = torch.autograd.grad(values.sum(), many)
    one = theta[0].clone().requires_grad_()
    if channel is None:
        exact = circuit.expectation(one, OBSERVABLES[0])
    else:
        exact = noise.noisy_expectations(circuit, one, OBSERVABLES[:1], channel, where="end").sum()
    (expected,) = torch.autograd.grad(exact, one)
    sigma = shots.gradient_noise(circuit, theta[0], OBSERVABLES[0], 20, channel=channel, where="end")
    assert ((found.mean(0) - expected).abs() < 4 * sigma / runs**0.5 + 1e-12).all()
    assert (abs(found.std(0) / sigma - 1) < 4 / (2 * runs) ** 0.5 + 0.02).all()


def test_what_a_gradient_costs_counts_no_fixed_gate():
    assert shots.evaluations(mixed(), 2, gradient=True) == 2 * 5 * 2  # crx is two rotations
    assert shots.evaluations(layered(), 1, gradient=True) == 2 * 3  # an angle 0 * a is never shifted
    assert shots.evaluations(mixed(), 2, gradient=False) == 2
    assert shots.evaluations(qbp.HardwareEfficient(3, 2), 1, gradient=True) == 2 * 12


def test_circuits_without_parameters():
    """A Bell pair: <XX> = <ZZ> = 1 in every shot."""
    bell = qbp.CircuitBuilder(2).h(0).cx(0, 1).build()
    clifford = qbp.CircuitBuilder(2, start="plus").cz(0, 1).cx(0, 1).build()  # no rotation at all
    pair = [qbp.PauliSum({"XX": 1.0}), qbp.PauliSum({"ZZ": 1.0})]
    theta = torch.zeros(3, 0, dtype=torch.float64)
    key = (range(3), "bell", 0)
    assert torch.equal(shots.shot_expectations(bell, theta, pair, 7, key), torch.ones(3, 2).double())
    noisy = noise.noisy_expectations(bell, theta, pair, CHANNEL, where="end")
    left = (1 - 4 * 0.07 / 3) ** 2
    torch.testing.assert_close(noisy, torch.full((3, 2), left, dtype=torch.float64))
    assert shots.evaluations(bell, 2, gradient=True) == 0
    for circuit in (bell, clifford):
        for channel in (None, CHANNEL):
            asked = theta.clone().requires_grad_()
            options = {"channel": channel, "where": "end"}
            values = shots.shot_expectations(circuit, asked, pair, 7, key, **options)
            assert values.shape == (3, 2)
            assert torch.autograd.grad(values.sum(), asked)[0].shape == (3, 0)
            assert shots.gradient_noise(circuit, theta, pair[0], 5, **options).shape == (3, 0)


def test_turned_states_are_of_the_gates_that_turn():
    circuit, theta, apart, angles = case("mixed")
    _, start, _ = noise.rows(circuit, theta, None)
    found = shifted.turned_states(circuit.program, theta, start)
    every = shifted.turned_states(apart.program, angles, start)
    rotations = [gate for gate in circuit.program if isinstance(gate, Rotation)]
    free = [k for k, gate in enumerate(rotations) if gate.parameter is not None]
    assert shifted.shifted_rotations(circuit.program) == free
    expected = every[:, :, [0, *(k + 1 for k in free)]]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
