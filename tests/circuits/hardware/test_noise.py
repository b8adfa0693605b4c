"""Channels against closed forms and dense Kraus matrices; trajectories against the density matrix."""

import math

import numpy as np
import pytest
import reference
import torch

import qbp
from qbp import draws
from qbp.circuits.hardware.noise import (
    Channel,
    amplitude_damping,
    apply_channel,
    density_matrix,
    depolarizing,
    noisy_expectations,
    sample_trajectories,
    trace,
)
from qbp.circuits.problems import Infidelity

CIRCUIT = qbp.HardwareEfficient(3, 2, entangler="cnot")
CHANNELS = [depolarizing(0.12), amplitude_damping(0.3)]


def angles(circuit, runs=1, seed=0):
    return draws.uniform(range(seed, seed + runs), "test", circuit.n_params, high=2 * math.pi)


def random_state(n, rank=1, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2**n, rank)) + 1j * rng.normal(size=(2**n, rank))
    rho = x @ x.conj().T
    return rho / np.trace(rho).real


def kraus(channel):
    """The operators, spelled once more."""
    s = channel.strength
    if channel.name == "depolarizing":
        return [math.sqrt(1 - s if p == "I" else s / 3) * reference.PAULI[p] for p in "IXYZ"]
    return [np.diag([1, math.sqrt(1 - s)]), np.array([[0, math.sqrt(s)], [0, 0]])]


def dense_channel(channel, n, rho):
    for q in range(n):
        rho = sum(reference.on(n, k, q) @ rho @ reference.on(n, k, q).conj().T for k in kraus(channel))
    return rho


def dense(circuit, theta, channel, where, inputs=()):
    """The density matrix by 2**n x 2**n matrices."""
    n, theta = circuit.n_qubits, theta.reshape(circuit.n_layers, circuit.n_qubits, -1).numpy()
    psi = reference.start_state(n, circuit.start, inputs)
    rho = np.outer(psi, psi.conj())
    for layer in theta:
        total = reference.entangler(n, circuit.entangler, circuit.topology)
        for qubit, own in reversed(list(enumerate(layer))):
            for name, angle in zip(circuit.rotations[::-1], own[::-1], strict=True):
                total = total @ reference.on(n, reference.rotation(name[1].upper(), angle), qubit)
        rho = total @ rho @ total.conj().T
        rho = dense_channel(channel, n, rho) if where == "layers" else rho
    return rho if where == "layers" else dense_channel(channel, n, rho)


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.name)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_channel_is_its_kraus_operators(channel, n):
    rho = random_state(n, 2, seed=n)
    found = apply_channel(channel, torch.from_numpy(np.stack([rho, np.eye(2**n) / 2**n])))
    np.testing.assert_allclose(found[0], dense_channel(channel, n, rho), atol=1e-14)
    np.testing.assert_allclose(found.diagonal(dim1=-2, dim2=-1).sum(-1), 1, atol=1e-14)
    total = sum(k.conj().T @ k for k in channel.kraus)
    np.testing.assert_allclose(total, np.eye(2), atol=1e-15)


@pytest.mark.parametrize("p", [0.0, 0.05, 0.75, 1.0])
def test_depolarizing_shrinks_a_pauli_by_its_weight(p):
    rho = random_state(3)
    noisy = apply_channel(depolarizing(p), torch.from_numpy(rho))
    for string in ("IIZ", "XYI", "YZX", "III"):
        before, H = np.trace(reference.pauli(string) @ rho).real, qbp.PauliSum({string: 1.0})
        weight = 3 - string.count("I")
        np.testing.assert_allclose(trace(H, noisy), (1 - 4 * p / 3) ** weight * before, atol=1e-14)


@pytest.mark.parametrize("gamma", [0.0, 0.2, 1.0])
def test_amplitude_damping_of_one_qubit(gamma):
    rho = random_state(1, 2, seed=3)
    noisy = apply_channel(amplitude_damping(gamma), torch.from_numpy(rho))
    scale = {"X": math.sqrt(1 - gamma), "Y": math.sqrt(1 - gamma), "Z": 1 - gamma}
    for p in "XYZ":
        before = np.trace(reference.PAULI[p] @ rho).real
        after = scale[p] * before + gamma * (p == "Z")
        np.testing.assert_allclose(trace(qbp.PauliSum({p: 1.0}), noisy), after, atol=1e-14)


@pytest.mark.parametrize("where", ["layers", "end"])
@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.name)
@pytest.mark.parametrize(
    "circuit",
    [CIRCUIT, qbp.HardwareEfficient(4, 3, ["rx", "rz", "ry"], "cz", "ring", start="plus")],
)
def test_the_density_matrix_of_a_circuit(circuit, channel, where):
    theta = angles(circuit, runs=2)
    found = density_matrix(circuit, theta, channel, where=where)
    expected = [dense(circuit, t, channel, where) for t in theta]
    np.testing.assert_allclose(found, expected, atol=1e-13)
    observables = [qbp.tfim(circuit.n_qubits), qbp.Projector(circuit.n_qubits)]
    values = noisy_expectations(circuit, theta, observables, channel, where=where)
    matrices = [reference.pauli_sum(observables[0].terms), np.diag(np.eye(2**circuit.n_qubits)[0])]
    np.testing.assert_allclose(
        values, [[np.trace(m @ rho).real for m in matrices] for rho in expected], atol=1e-13
    )


def test_inputs_and_circuits_without_layers():
    theta, x = angles(CIRCUIT, runs=2), draws.uniform(range(4), "inputs", 2)
    found = density_matrix(CIRCUIT, theta, CHANNELS[1], inputs=x)
    assert found.shape == (2, 4, 8, 8)
    np.testing.assert_allclose(
        found[1, 2], dense(CIRCUIT, theta[1], CHANNELS[1], "layers", x[2].tolist()), atol=1e-13
    )
    tied = qbp.PauliRotations(3, ["ZZI", "IZZ", "XII", "IXI", "IIX"], tied=[0, 0, 1, 1, 1])
    psi = tied.state(angles(tied)[0]).numpy()
    expected = dense_channel(CHANNELS[0], 3, np.outer(psi, psi.conj()))
    found = density_matrix(tied, angles(tied)[0], CHANNELS[0], where="end")
    np.testing.assert_allclose(found, expected, atol=1e-13)
    with pytest.raises(ValueError, match='where must be "end" for a circuit without layers'):
        density_matrix(tied, angles(tied), CHANNELS[0])


@pytest.mark.parametrize("rotations", [("ry", "rz"), "random"])
def test_without_noise_the_state_vector_is_found(rotations):
    circuit = qbp.HardwareEfficient(4, 3, rotations, seed=1 if rotations == "random" else None)
    theta = angles(circuit, runs=3)
    exact = circuit.expectations(theta, [qbp.heisenberg(4)])
    for channel in (depolarizing(0.0), amplitude_damping(0.0)):
        for how in ({}, {"trajectories": 2}):
            found = noisy_expectations(circuit, theta, [qbp.heisenberg(4)], channel, **how)
            np.testing.assert_allclose(found, exact, atol=1e-12)


def test_one_layer_of_noise_before_the_measurement_shrinks_each_string():
    theta, p = angles(CIRCUIT)[0], 0.1
    strings = ["XII", "ZZI", "XYZ"]
    observables = [qbp.PauliSum({s: 1.0}) for s in strings]
    found = noisy_expectations(CIRCUIT, theta, observables, depolarizing(p), where="end")
    shrunk = [(1 - 4 * p / 3) ** (3 - s.count("I")) for s in strings]
    np.testing.assert_allclose(
        found, CIRCUIT.expectations(theta, observables) * torch.tensor(shrunk), atol=1e-13
    )


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.name)
def test_the_gradient_is_the_parameter_shift(channel):
    theta = angles(CIRCUIT)[0].requires_grad_()
    H = [qbp.tfim(3)]
    (grad,) = torch.autograd.grad(noisy_expectations(CIRCUIT, theta, H, channel).sum(), theta)
    shift = math.pi / 2 * torch.eye(CIRCUIT.n_params, dtype=torch.float64)
    up, down = (noisy_expectations(CIRCUIT, theta.detach() + s * shift, H, channel)[:, 0] for s in (1, -1))
    np.testing.assert_allclose(grad, (up - down) / 2, atol=1e-12)


@pytest.mark.parametrize("where", ["layers", "end"])
@pytest.mark.parametrize("channel", [depolarizing(0.2), amplitude_damping(0.4)], ids=lambda c: c.name)
def test_trajectories_average_to_the_density_matrix(channel, where):
    theta, count = angles(CIRCUIT, runs=3), 800
    observables = [*qbp.local_observables(3), qbp.tfim(3), qbp.Projector(3)]
    states = sample_trajectories(CIRCUIT, theta, channel, count, 5, where=where)
    np.testing.assert_allclose(torch.linalg.vector_norm(states, dim=-1), 1, atol=1e-12)
    exact = noisy_expectations(CIRCUIT, theta, observables, channel, where=where)
    each = torch.stack([H.expectation(states) for H in observables], dim=-1)  # (runs, count, m)
    error = each.std(1) / math.sqrt(count)
    assert ((each.mean(1) - exact).abs() <= 4 * error + 1e-12).all()
    mean = noisy_expectations(CIRCUIT, theta, observables, channel, where=where, trajectories=count, seed=5)
    np.testing.assert_allclose(mean, each.mean(1), atol=1e-12)


def test_trajectories_beyond_a_density_matrix_keep_the_closed_form():
    """Eight qubits, noise before the measurement alone."""
    circuit, p, count = qbp.HardwareEfficient(8, 1), 0.15, 1500
    H = qbp.PauliSum({"ZZIIIIII": 1.0})
    theta = angles(circuit)[0] / 10
    exact = (1 - 4 * p / 3) ** 2 * circuit.expectation(theta, H)
    each = H.expectation(sample_trajectories(circuit, theta, depolarizing(p), count, where="end"))
    assert abs(each.mean() - exact) <= 4 * each.std() / math.sqrt(count)


def test_a_trajectory_is_the_same_alone_and_among_others():
    theta, channel = angles(CIRCUIT, runs=2), depolarizing(0.3)
    many = sample_trajectories(CIRCUIT, theta, channel, 5, seed=1)
    few = sample_trajectories(CIRCUIT, theta[1], channel, 3, seed=1)
    torch.testing.assert_close(few, many[1, :3], rtol=0, atol=1e-14)
    assert not torch.allclose(sample_trajectories(CIRCUIT, theta[1], channel, 3, seed=2), few)
    samples = sample_trajectories(CIRCUIT, theta, channel, 5, seed=1, inputs=torch.zeros(4, 2))
    torch.testing.assert_close(samples[:, 3], many, rtol=0, atol=1e-14)


def test_axes_types_and_devices():
    theta = angles(CIRCUIT, runs=6).reshape(2, 3, -1)
    H = [qbp.tfim(3), qbp.Projector(3)]
    assert noisy_expectations(CIRCUIT, theta, H, CHANNELS[0]).shape == (2, 3, 2)
    assert noisy_expectations(CIRCUIT, theta, H, CHANNELS[0], trajectories=2).shape == (2, 3, 2)
    single = noisy_expectations(CIRCUIT, theta.float(), H, CHANNELS[1])
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, noisy_expectations(CIRCUIT, theta, H, CHANNELS[1]), atol=1e-5)
    meta = torch.zeros(2, CIRCUIT.n_params, device="meta", requires_grad=True)
    noisy_expectations(CIRCUIT, meta, H, CHANNELS[1]).sum().backward()
    assert meta.grad.shape == meta.shape
    assert sample_trajectories(CIRCUIT, meta, CHANNELS[1], 3).shape == (2, 3, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channel": "depolarizing"}, "channel must be depolarizing.p. or amplitude_damping"),
        ({"where": "gates"}, "where must be one of layers, end"),
        ({"observables": []}, "observables must be a list"),
        ({"observables": [qbp.tfim(4)]}, "on 3 qubits"),
        ({"theta": torch.zeros(2, 5)}, "theta must have shape"),
        ({"trajectories": 0}, "trajectories must be at least 1"),
        ({"trajectories": 3, "seed": -1}, "seed must be at least 0"),
        ({"circuit": None}, "circuit must be a Circuit"),
        (
            {
                "circuit": qbp.HardwareEfficient(7, 1),
                "theta": torch.zeros(14),
                "observables": [qbp.tfim(7)],
            },
            "at most 6 qubits for a density matrix, got 7: ask for trajectories",
        ),
    ],
)
def test_bad_input_is_named(change, message):
    good = dict(circuit=CIRCUIT, theta=torch.zeros(2, 12), observables=[qbp.tfim(3)], channel=CHANNELS[0])
    with pytest.raises((ValueError, TypeError), match=message):
        noisy_expectations(**good | change)


@pytest.mark.parametrize("make", [depolarizing, amplitude_damping])
@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan, "0.1"])
def test_a_strength_is_a_probability(make, bad):
    with pytest.raises((ValueError, TypeError), match=r"(p|gamma) must be"):
        make(bad)
    assert make(0.5) == Channel(make(0.5).name, 0.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channel", [amplitude_damping(0.1), depolarizing(0.0)])
def test_a_trajectory_never_takes_an_operator_of_probability_zero(channel, dtype):
    """RZ keeps |0...0>, and so do these channels; one of 13,068 draws of this seed rounds to 1 in float32."""
    circuit, Z = qbp.HardwareEfficient(6, 33, ["rz"]), qbp.PauliSum({"ZIIIII": 1.0})
    theta = torch.zeros(circuit.n_params, dtype=dtype)
    found = noisy_expectations(circuit, theta, [Z], channel, trajectories=22, seed=9)
    assert abs(found - 1) < 1e-5


def test_targets_of_the_runs_go_with_the_first_axis():
    """Density matrices, against the infidelity of each run alone."""
    circuit = qbp.HardwareEfficient(2, 1)
    states = circuit.state(angles(circuit, 3, seed=3))
    theta = angles(circuit, 6).reshape(3, 2, -1)
    for trajectories in (None, 3):
        options = {"trajectories": trajectories}
        found = noisy_expectations(circuit, theta, [Infidelity(states)], depolarizing(0.1), **options)
        for run in range(3):
            alone = [Infidelity(states[run])]
            own = noisy_expectations(circuit, theta[run], alone, depolarizing(0.1), **options)
            torch.testing.assert_close(found[run], own)
        with pytest.raises(ValueError, match=r"a target for each run, along the first axis of \(\).*got 3"):
            noisy_expectations(circuit, theta[0, 0], [Infidelity(states)], depolarizing(0.1))
