"""Shots against exact values: unbiased, with the variance of theory, the same alone as in a batch."""

import dataclasses
import math

import numpy as np
import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import qbp
from qbp import draws
from qbp.circuits.hardware import measurement, shots
from qbp.circuits.hardware import parameter_shift as shifted
from qbp.circuits.hardware.noise import amplitude_damping, depolarizing, noisy_expectations
from qbp.circuits.hardware.parameter_shift import turned_states
from qbp.circuits.hardware.shots import evaluations, gradient_noise, shot_expectations
from qbp.circuits.observables import Observable
from qbp.circuits.problems import Infidelity

CIRCUIT = qbp.HardwareEfficient(3, 2)
TIED = qbp.PauliRotations(
    3, ["ZZI", "IZZ", "XII", "IYI", "IIX", "XYZ"], tied=[0, 0, 1, 1, 1, 2], start="plus"
)
RUNS = 600


def angles(circuit, runs=1, seed=0):
    return draws.uniform(range(seed, seed + runs), "test", circuit.n_params, high=2 * math.pi)


def target(circuit, seed=9):
    return Infidelity(circuit.state(angles(circuit, seed=seed)[0]))


def repeated(circuit, theta, observables, weights, n_shots, **options):
    """Estimates of values and gradients at one point, each of many runs with draws of its own."""
    theta = theta.expand(RUNS, -1).clone().requires_grad_()
    values = shot_expectations(circuit, theta, observables, n_shots, (range(RUNS), "test", 3), **options)
    (values @ weights).sum().backward()
    return values.detach(), theta.grad


def assert_mean(samples, expected):
    error = samples.std(0) / math.sqrt(len(samples))
    assert ((samples.mean(0) - expected).abs() <= 4 * error + 1e-12).all()


@pytest.mark.parametrize(
    ("observables", "expected"),
    [
        ([qbp.tfim(3)], ("ZZZ", "XXX")),
        ([qbp.tfim(4, periodic=True)], ("ZZZZ", "XXXX")),
        ([qbp.tfim(3, coupling=0.0)], ("XXX",)),
        ([qbp.heisenberg(4)], ("XXXX", "YYYY", "ZZZZ")),
        (qbp.local_observables(3), ("XXX", "YYY", "ZZZ")),
        ([qbp.tfim(3), *qbp.local_observables(3)], ("ZZZ", "XXX", "YYY")),
        ([qbp.maxcut([(0, 1), (1, 2)])], ("ZZZ",)),
        ([qbp.PauliSum({"XIZ": 1.0, "IYI": 2.0, "IXI": 1.0})], ("XXZ", "ZYZ")),
        ([qbp.PauliSum({"II": 3.0})], ()),
        ([qbp.Projector(2), qbp.PauliSum({"ZI": 1.0})], ("ZZ", "projector 0")),
    ],
)
def test_settings(observables, expected):
    assert measurement.settings(observables) == expected == shots.settings(tuple(observables))


@given(st.lists(st.permutations("XYZ"), min_size=2, max_size=5), st.booleans())
def test_a_local_clifford_frame_costs_no_setting(frame, periodic):
    def turned(H):
        letters = {q: dict(zip("XYZ", p, strict=True)) | {"I": "I"} for q, p in enumerate(frame)}
        terms = {"".join(letters[q][p] for q, p in enumerate(s)): c for s, c in H.terms.items()}
        return qbp.PauliSum(terms)

    n = len(frame)
    for observables, count in (
        ([qbp.tfim(n, periodic=periodic)], 2),
        ([qbp.heisenberg(n, periodic=periodic)], 3),
        (qbp.local_observables(n), 3),
    ):
        assert len(measurement.settings([turned(H) for H in observables])) == count


def test_equal_sums_share_settings_whatever_the_order_of_their_terms():
    terms = {"XX": 1.0, "YI": 2.0, "IZ": 3.0, "ZZ": 0.5}
    sums = [qbp.PauliSum(terms), qbp.PauliSum(dict(reversed(terms.items())))]
    found = [measurement._plan.__wrapped__((H,)) for H in sums]
    assert found[0].settings[0].name == found[1].settings[0].name
    np.testing.assert_array_equal(found[0].settings[0].values, found[1].settings[0].values)


def test_cost_model():
    assert evaluations(CIRCUIT, 2, gradient=False) == 2
    assert evaluations(CIRCUIT, 2, gradient=True) == evaluations(12, 2, gradient=True) == 48
    assert evaluations(TIED, 3, gradient=True) == 2 * 6 * 3  # angles are shifted gate by gate
    assert evaluations(TIED, 0, gradient=True) == 0


@settings(max_examples=30)
@given(st.data())
def test_outcomes_and_what_they_are_worth_give_the_exact_expectations(data):
    n = data.draw(st.integers(1, 4))
    terms = st.dictionaries(st.text("IXYZ", min_size=n, max_size=n), st.floats(-2, 2), min_size=1, max_size=6)
    observables = [qbp.PauliSum(t) for t in data.draw(st.lists(terms, min_size=1, max_size=3))]
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    state = rng.normal(size=2**n) + 1j * rng.normal(size=2**n)
    state /= np.linalg.norm(state)
    asked = measurement.plan(observables)
    total = asked.constant.copy()
    for setting in asked.settings:
        amplitudes = measurement.amplitudes(setting, torch.from_numpy(state))
        likely = measurement.overlaps(setting, amplitudes, amplitudes).numpy()
        basis = reference.kron(*(np.linalg.eigh(-reference.PAULI[p])[1] for p in setting.name))
        np.testing.assert_allclose(likely, np.abs(basis.conj().T @ state) ** 2, atol=1e-12)
        total += setting.values @ likely
    exact = [reference.expectation(reference.pauli_sum(H.terms), state) for H in observables]
    np.testing.assert_allclose(total, exact, atol=1e-12)


@pytest.mark.parametrize("circuit", [CIRCUIT, TIED, qbp.HardwareEfficient(3, 2, "random", "cnot", seed=1)])
def test_shifted_states_are_those_of_shifted_circuits(circuit):
    gates = [gate for gate in circuit.program if hasattr(gate, "pauli")]
    free = circuit if circuit is not TIED else dataclasses.replace(TIED, tied=None)
    theta = angles(circuit, runs=2)
    start = torch.from_numpy(reference.start_state(3, circuit.start))
    states = turned_states(circuit.program, theta, start.expand(2, 1, -1))[:, 0]
    psi, turned = states[:, :1], states[:, 1:]
    each = theta[:, [gate.parameter for gate in gates]]
    for sign in (1, -1):
        shifted = each.unsqueeze(1) + sign * math.pi / 2 * torch.eye(len(gates), dtype=torch.float64)
        np.testing.assert_allclose((psi + sign * turned) / math.sqrt(2), free.state(shifted), atol=1e-12)


@pytest.mark.parametrize("n_shots", [1, 30])
@pytest.mark.parametrize("name", ["tfim", "tied", "infidelity", "several"])
def test_estimates_are_unbiased_with_the_exact_noise(name, n_shots):
    circuit = TIED if name == "tied" else CIRCUIT
    observables = {
        "tfim": [qbp.tfim(3, field=0.7)],
        "tied": [qbp.PauliSum({"XYI": 1.0, "ZII": 0.5, "IIZ": -1.0, "IYY": 0.3, "III": 2.0})],
        "infidelity": [target(CIRCUIT)],
        "several": [*qbp.local_observables(3), qbp.heisenberg(3), qbp.Projector(3)],
    }[name]
    weights = torch.linspace(1, 2, len(observables), dtype=torch.float64)
    theta = angles(circuit)[0].requires_grad_()
    exact = circuit.expectations(theta, observables)
    (exact @ weights).backward()
    values, gradients = repeated(circuit, theta.detach(), observables, weights, n_shots)
    assert_mean(values, exact.detach())
    assert_mean(gradients, theta.grad)
    if len(observables) == 1:
        noise = gradient_noise(circuit, theta.detach(), observables[0], n_shots)
        centred = gradients - theta.grad
        error = (centred**2).std(0) / math.sqrt(RUNS)
        assert (((centred**2).mean(0) - noise**2).abs() <= 4 * error + 1e-12).all()


def test_noise_in_closed_form():
    """<Z> = cos theta after RX, so one shot of the shifted circuits has variance 1 - sin^2 theta, twice."""
    one, theta = qbp.HardwareEfficient(1, 1, ["rx"]), torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None]
    noise = gradient_noise(one, theta, qbp.PauliSum({"Z": 1.0, "I": 5.0}), 40)
    np.testing.assert_allclose(noise, theta.cos().abs() / math.sqrt(80), atol=1e-12)


def test_noise_of_a_projector_from_two_passes():
    """p(theta +- pi/2) = |a +- 2 da|^2 / 2 with a the overlap amplitude: binomial noise."""
    theta, H = angles(CIRCUIT)[0], target(CIRCUIT)
    parts = [
        lambda t, part=part: part((H.target.conj() * CIRCUIT.state(t)).sum())
        for part in (torch.real, torch.imag)
    ]
    alpha = torch.complex(*(part(theta) for part in parts))
    slope = torch.complex(*(torch.autograd.functional.jacobian(part, theta) for part in parts))
    p = torch.stack([(alpha + sign * 2 * slope).abs() ** 2 / 2 for sign in (1, -1)])
    np.testing.assert_allclose(
        gradient_noise(CIRCUIT, theta, H, 10), ((p * (1 - p)).sum(0) / 4 / 10).sqrt(), atol=1e-12
    )


def test_counts_are_multinomial():
    likely = torch.tensor([[0.0, 0.5, 0.3, 0.0, 0.2], [1.0, 0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    n, m = 20, 4000
    counts = shots._counts(likely.repeat(m, 1), n, draws.stream(0, "test")).reshape(m, 2, 5).double()
    assert (counts.sum(-1) == n).all() and (counts[:, 1, 0] == n).all() and (counts[:, 0, [0, 3]] == 0).all()
    assert_mean(counts[:, 0], n * likely[0])
    expected = n * (torch.diag(likely[0]) - likely[0].outer(likely[0]))
    spread = counts[:, 0] - n * likely[0]
    assert_mean(spread.unsqueeze(-1) * spread.unsqueeze(-2), expected)


def test_a_run_draws_the_same_alone_and_in_a_batch():
    observables, seeds = [qbp.tfim(3), target(CIRCUIT)], (4, 11, 7)

    def estimate(theta, seeds, step=2):
        theta = theta.clone().requires_grad_()
        values = shot_expectations(CIRCUIT, theta, observables, 10, (seeds, "test", step))
        values.sum().backward()
        return values.detach(), theta.grad

    theta = angles(CIRCUIT, runs=3)
    values, gradient = estimate(theta, seeds)
    for r in range(3):
        for alone, together in zip(estimate(theta[r], seeds[r : r + 1]), (values, gradient), strict=True):
            torch.testing.assert_close(alone, together[r], rtol=0, atol=1e-12)
    again, _ = estimate(theta, seeds)
    other, _ = estimate(theta, seeds, step=3)
    assert torch.equal(again, values) and not torch.equal(other, values)
    assert not torch.equal(*(estimate(theta[:1].expand(2, -1), (0, 1))[1]))


def test_a_gradient_has_shots_of_its_own_so_that_of_a_square_is_unbiased():
    """Eq. 1 multiplies a residual by a gradient; if they shared shots, their noise would not average out."""
    one, Z = qbp.HardwareEfficient(1, 1, ["rx"]), qbp.PauliSum({"Z": 1.0})  # <Z> = cos theta
    theta = torch.full((RUNS, 1), -math.pi / 4, dtype=torch.float64, requires_grad=True)
    values = shot_expectations(one, theta, [Z], 1, (range(RUNS), "test", 0))
    values.square().sum().backward()
    assert_mean(theta.grad, 1.0)  # -sin 2 theta


def test_parts_and_blocks_change_nothing(monkeypatch):
    theta = angles(CIRCUIT, runs=4).requires_grad_()

    def gradient():
        values = shot_expectations(CIRCUIT, theta, [qbp.tfim(3)], 50, (range(4), "test", 0))
        noise = gradient_noise(CIRCUIT, theta.detach(), qbp.tfim(3), 50)
        return *torch.autograd.grad(values.sum(), theta), noise

    whole = gradient()
    monkeypatch.setattr(shifted, "AMPLITUDES", 1)
    monkeypatch.setattr(shots, "SHOTS", 120)
    for parts, one in zip(gradient(), whole, strict=True):
        torch.testing.assert_close(parts, one, rtol=0, atol=1e-12)


def test_inputs_are_samples_of_a_run():
    theta, weights = angles(CIRCUIT)[0].requires_grad_(), torch.ones(2, dtype=torch.float64)
    x = draws.uniform(range(4), "inputs", 2)
    observables = [qbp.tfim(3), qbp.PauliSum({"YII": 1.0})]
    exact = CIRCUIT.expectations(theta, observables, x)
    (exact @ weights).sum().backward()
    values, gradients = repeated(CIRCUIT, theta.detach(), observables, weights, 5, inputs=x)
    assert values.shape == (RUNS, 4, 2)
    assert_mean(values, exact.detach())
    assert_mean(gradients, theta.grad)


@pytest.mark.parametrize("channel", [depolarizing(0.1), amplitude_damping(0.3)], ids=lambda c: c.name)
@pytest.mark.parametrize("name", ["layers", "tied", "inputs"])
def test_shots_of_a_noisy_circuit_are_unbiased(channel, name, monkeypatch):
    monkeypatch.setattr("test_shots.RUNS", 300)
    circuit = TIED if name == "tied" else qbp.HardwareEfficient(3, 1)
    options = {"channel": channel, "where": "end" if name == "tied" else "layers"}
    options |= {"inputs": draws.uniform(range(2), "inputs", 2)} if name == "inputs" else {}
    observables = [qbp.PauliSum({"XYI": 1.0, "ZII": 0.5, "III": 2.0}), qbp.Projector(3)]
    weights = torch.tensor([1.0, 3.0], dtype=torch.float64)
    theta = angles(circuit)[0].requires_grad_()
    exact = noisy_expectations(circuit, theta, observables, **options)
    (exact @ weights).sum().backward()
    values, gradients = repeated(circuit, theta.detach(), observables, weights, 8, **options)
    assert_mean(values, exact.detach())
    assert_mean(gradients, theta.grad)


def test_without_an_error_a_channel_changes_no_shot():
    theta = angles(CIRCUIT, runs=2).requires_grad_()
    found = []
    for channel in (None, depolarizing(0.0)):
        values = shot_expectations(CIRCUIT, theta, [qbp.tfim(3)], 20, ((0, 1), "test", 0), channel=channel)
        found.append((values.detach(), *torch.autograd.grad(values.sum(), theta)))
    for pure, noisy in zip(*found, strict=True):
        torch.testing.assert_close(noisy, pure, rtol=0, atol=1e-12)


def test_noise_of_shots_behind_a_channel():
    one, Z, k = qbp.HardwareEfficient(1, 1, ["rx"]), qbp.PauliSum({"Z": 1.0}), 1 - 4 * 0.3 / 3
    theta = torch.tensor([[0.0], [math.pi / 2]], dtype=torch.float64)  # <Z> of the shifted: 0 and 0, -k and k
    found = gradient_noise(one, theta, Z, 50, channel=depolarizing(0.3))
    assert found.flatten().tolist() == pytest.approx([0.1, math.sqrt((1 - k**2) / 100)])
    theta, H = angles(CIRCUIT, runs=2), qbp.tfim(3)
    clean = gradient_noise(CIRCUIT, theta, H, 20, channel=amplitude_damping(0.0))
    torch.testing.assert_close(clean, gradient_noise(CIRCUIT, theta, H, 20))
    exact = gradient_noise(CIRCUIT, theta[0], H, 8, channel=amplitude_damping(0.3))
    _, gradients = repeated(CIRCUIT, theta[0], [H], torch.ones(1).double(), 8, channel=amplitude_damping(0.3))
    torch.testing.assert_close(gradients.std(0), exact, rtol=5 / math.sqrt(2 * len(gradients)), atol=0)


def test_axes_types_and_devices():
    theta = angles(CIRCUIT, runs=6).reshape(2, 3, -1)
    key = (range(6), "test", 0)
    assert shot_expectations(CIRCUIT, theta, [qbp.tfim(3)] * 2, 7, key).shape == (2, 3, 2)
    assert gradient_noise(CIRCUIT, theta, qbp.tfim(3), 7).shape == theta.shape
    single = theta.float().requires_grad_()
    found = shot_expectations(CIRCUIT, single, [qbp.tfim(3)], 7, key)
    found.sum().backward()
    assert found.dtype == torch.float32 == single.grad.dtype
    assert gradient_noise(CIRCUIT, single.detach(), qbp.tfim(3), 7).dtype == torch.float32
    meta = torch.zeros(6, CIRCUIT.n_params, device="meta", requires_grad=True)
    found = shot_expectations(CIRCUIT, meta, [qbp.heisenberg(3), qbp.Projector(3)], 7, key)
    found.sum().backward()
    assert meta.grad.shape == meta.shape and found.shape == (6, 2) and found.is_meta
    assert gradient_noise(CIRCUIT, meta.detach(), qbp.tfim(3), 7).is_meta


def test_an_identity_needs_no_shot_and_a_gradient_is_taken_once():
    theta = angles(CIRCUIT).requires_grad_()
    constant = qbp.PauliSum({"III": 1.5, "XII": 0.0})
    value = shot_expectations(CIRCUIT, theta, [constant], 1, ([0], "test", 0))
    value.backward()
    assert value.item() == 1.5 and (theta.grad == 0).all()
    assert (gradient_noise(CIRCUIT, theta.detach(), constant, 1) == 0).all()
    value = shot_expectations(CIRCUIT, theta, [qbp.tfim(3)], 1, ([0], "test", 0)).sum()
    (first,) = torch.autograd.grad(value, theta, create_graph=True)
    with pytest.raises(RuntimeError, match="does not require grad"):
        first.sum().backward()


class Twice(Observable):
    """No projector: its square is twice itself."""

    n_qubits = 3

    def apply(self, state):
        return 2 * qbp.Projector(3).apply(state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"observables": []}, "observables must be a list"),
        ({"observables": qbp.tfim(3)}, "observables must be a list"),
        ({"observables": [qbp.tfim(4)]}, "on 3 qubits"),
        ({"observables": [Twice()]}, "Pauli sums or projectors"),
        ({"shots": 0}, "shots must be at least 1"),
        ({"shots": 2.5}, "shots must be an integer"),
        ({"draws_key": ([0], "test", 0)}, "a seed for each of the 2 runs, got 1"),
        ({"draws_key": ([0, 1], "test")}, "must be .seeds, purpose, step"),
        ({"draws_key": ([0, -1], "test", 0)}, "a seed of draws_key must be at least 0"),
        ({"draws_key": ([0, 1], "test", -1)}, "step of draws_key must be at least 0"),
        ({"theta": torch.zeros(2, 5)}, "theta must have shape"),
        ({"theta": torch.full((2, 12), math.nan)}, "theta must be finite"),
        ({"circuit": "ladder"}, "circuit must be a Circuit"),
        ({"inputs": torch.zeros(4, 1, requires_grad=True)}, "inputs must not require a gradient"),
        ({"inputs": torch.zeros(4)}, "inputs must have shape"),
        ({"channel": 0.1}, "channel must be depolarizing"),
        ({"channel": depolarizing(0.1), "where": "gates"}, "where must be one of"),
    ],
)
def test_bad_input_is_named(change, message):
    good = dict(
        circuit=CIRCUIT,
        theta=torch.zeros(2, 12),
        observables=[qbp.tfim(3)],
        shots=10,
        draws_key=([0, 1], "test", 0),
    )
    with pytest.raises((ValueError, TypeError), match=message):
        shot_expectations(**good | change)


def test_bad_counts_are_named():
    with pytest.raises(ValueError, match="n_settings must be at least 0"):
        evaluations(3, -1, gradient=True)
    with pytest.raises(TypeError, match="circuit, where it is a number of rotations, must be an integer"):
        evaluations("3", 1, gradient=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_shares_of_shots_do_not_depend_on_the_default_dtype(dtype):
    """Of three shots each share is a third of a whole number, to the precision of the angles."""
    one, theta = (
        qbp.HardwareEfficient(1, 1, ["ry"]),
        torch.ones(20, 1, dtype=torch.float64, requires_grad=True),
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        found = shot_expectations(one, theta, [qbp.PauliSum({"Z": 1.0})], 3, (range(20), "m", 0))
        found.sum().backward()
    finally:
        torch.set_default_dtype(before)
    for values in (found.detach(), 2 * theta.grad):
        assert values.dtype == torch.float64 and len(values.unique()) > 1
        assert (3 * values - (3 * values).round()).abs().max() < 1e-14


@pytest.mark.parametrize("channel", [None, depolarizing(0.1)])
@pytest.mark.parametrize("at_once", [1, 2**20])
def test_targets_of_the_runs_are_measured_each_in_its_own(monkeypatch, channel, at_once):
    """Two starts for each of three targets, in parts or at once, against each target alone."""
    monkeypatch.setattr(shifted, "AMPLITUDES", at_once)
    circuit = qbp.HardwareEfficient(2, 1)
    states = circuit.state(torch.rand(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3)))
    theta = torch.rand(
        3, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(4)
    ).requires_grad_()

    def measured(angles, H, seeds):
        key = (seeds, "measure", 0)
        found = shot_expectations(circuit, angles, [H, qbp.tfim(2)], 100, key, channel=channel)
        noise = gradient_noise(circuit, angles, H, 100, channel=channel)
        return found, torch.autograd.grad(found[..., 0].sum(), angles)[0], noise

    together = measured(theta, Infidelity(states), range(6))
    for run in range(3):
        own = theta[run].detach().requires_grad_()
        alone = measured(own, Infidelity(states[run]), (2 * run, 2 * run + 1))
        for all_of_them, one in zip(together, alone, strict=True):
            torch.testing.assert_close(all_of_them[run], one)
    with pytest.raises(ValueError, match="observables must have a target for each run"):
        measured(theta[:2], Infidelity(states), range(4))
