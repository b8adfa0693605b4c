"""The metered device against the cost model, exact values and itself."""

import math

import pytest
import torch

import qbp
from qbp import draws
from qbp.circuits.hardware.measurement import evaluations, settings
from qbp.circuits.hardware.shots import gradient_noise
from qbp.teaching.budget import BudgetSpent, MeteredDevice

CIRCUIT, H = qbp.HardwareEfficient(3, 2), qbp.tfim(3)
TIED = qbp.PauliRotations(3, ["ZZI", "IZZ", "XII", "IYI", "IIX"], tied=[0, 0, 1, 1, 1])
SPINS = qbp.local_observables(3, "XZ")
WEIGHTS = torch.linspace(-1, 1, len(SPINS)).double()


def angles(circuit=CIRCUIT, seed=0):
    return draws.uniform([seed], "test", circuit.n_params, high=2 * math.pi)[0]


def device(circuit=CIRCUIT, **options):
    return MeteredDevice(circuit, H, **{"shots": 20, "budget": 10**6, **options})


def assert_mean(samples, expected):
    samples = torch.stack(samples)
    error = samples.std(0) / math.sqrt(len(samples))
    assert ((samples.mean(0) - expected).abs() <= 4 * error + 1e-12).all()


@pytest.mark.parametrize("circuit", [CIRCUIT, TIED])
@pytest.mark.parametrize("shots", [5, None])
def test_counts_equal_the_cost_model(circuit, shots):
    metered, theta = device(circuit, shots=shots), angles(circuit)
    calls = {
        evaluations(circuit, 2, gradient=False): lambda: metered.energy(theta),
        evaluations(circuit, 2, gradient=True): lambda: metered.gradient(theta),
        len(settings(SPINS)): lambda: metered.expectations(theta, SPINS),
        evaluations(circuit, len(settings(SPINS)), gradient=True): lambda: metered.gradient(
            theta, SPINS, WEIGHTS
        ),
    }
    for price, call in calls.items():
        before = metered.spent
        call()
        assert metered.spent - before == price
    rotations = 5 if circuit is TIED else CIRCUIT.n_params  # tied angles are shifted gate by gate
    assert metered.cost(gradient=True) == 2 * 2 * rotations
    assert metered.cost(SPINS) == 2 and metered.cost(SPINS, gradient=True) == 4 * rotations


def test_exact_answers_are_those_of_autograd():
    exact, theta = device(shots=None), angles().requires_grad_()
    energy = CIRCUIT.expectation(theta, H)
    (grad,) = torch.autograd.grad(energy, theta)
    assert exact.energy(theta) == pytest.approx(energy.item(), abs=1e-12)
    assert torch.allclose(exact.gradient(theta), grad, rtol=0, atol=1e-12)
    values = CIRCUIT.expectations(theta, SPINS)
    assert torch.allclose(exact.expectations(theta, SPINS), values, rtol=0, atol=1e-12)
    (grad,) = torch.autograd.grad(values @ WEIGHTS, theta)
    assert torch.allclose(exact.gradient(theta, SPINS, WEIGHTS), grad, rtol=0, atol=1e-12)


def test_estimates_are_unbiased_and_as_noisy_as_theory_says():
    metered, exact, theta = device(seed=3), device(shots=None), angles()
    assert_mean([torch.tensor(metered.energy(theta)) for _ in range(300)], exact.energy(theta))
    assert_mean([metered.expectations(theta, SPINS) for _ in range(300)], exact.expectations(theta, SPINS))
    found = [metered.gradient(theta) for _ in range(300)]
    assert_mean(found, exact.gradient(theta))
    assert_mean(
        [metered.gradient(theta, SPINS, WEIGHTS) for _ in range(300)], exact.gradient(theta, SPINS, WEIGHTS)
    )
    noise = gradient_noise(CIRCUIT, theta, H, 20)
    assert torch.allclose(torch.stack(found).std(0), noise, rtol=0.25, atol=1e-9)


def test_the_same_seed_draws_the_same_and_each_call_draws_anew():
    theta = angles()
    first, second, other = device(seed=5), device(seed=5), device(seed=6)
    energies = [[one.energy(theta) for _ in range(4)] for one in (first, second, other)]
    assert energies[0] == energies[1] != energies[2]
    assert len(set(energies[0])) > 1
    gradients = [one.gradient(theta) for one in (first, second, other)]
    assert torch.equal(gradients[0], gradients[1]) and not torch.equal(gradients[0], gradients[2])


def test_a_spent_budget_refuses_and_keeps_the_best():
    theta, price = angles(), evaluations(CIRCUIT, 2, gradient=True)
    metered = device(budget=price + 5)
    low = min(((metered.energy(at), at) for at in (theta, theta + 1)), key=lambda pair: pair[0])
    metered.gradient(theta)
    assert metered.spent == price + 4 and metered.left == 1
    with pytest.raises(BudgetSpent, match="an energy costs 2 evaluations, 1 of"):
        metered.energy(theta - 1)
    with pytest.raises(BudgetSpent, match=f"a gradient costs {price} evaluations, 1 of"):
        metered.gradient(theta - 1)
    assert metered.spent == price + 4 and torch.equal(metered.last, theta)
    assert metered.best_energy == low[0] and torch.equal(metered.best, low[1])
    assert isinstance(metered.expectations(theta, qbp.local_observables(3, "X")), torch.Tensor)
    assert metered.left == 0


def test_what_it_keeps_is_its_own_and_its_counts_are_read_only():
    metered, theta = device(), angles()
    metered.energy(theta)
    theta += 1
    assert torch.equal(metered.best, angles())
    for name in ("spent", "budget", "left", "shots"):
        with pytest.raises(AttributeError):
            setattr(metered, name, 0)


def test_no_gradient_mode_around_it_matters():
    with torch.no_grad():
        assert device(shots=None).gradient(angles()).abs().max() > 0
    with torch.inference_mode():
        assert device().gradient(angles().clone()).shape == (CIRCUIT.n_params,)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: device(shots=0), ValueError, "shots"),
        (lambda: device(budget=-1), ValueError, "budget"),
        (lambda: device(seed=-1), ValueError, "seed"),
        (lambda: MeteredDevice(CIRCUIT, qbp.tfim(4)), ValueError, "qubits"),
        (lambda: device().energy(torch.zeros(2, 12).double()), ValueError, "theta must have shape"),
        (lambda: device().energy(torch.full((12,), math.nan).double()), ValueError, "theta must be finite"),
        (lambda: device().energy([0.0] * 12), TypeError, "theta must be"),
        (lambda: device().gradient(angles(), SPINS), TypeError, "weights must be given together"),
        (lambda: device().gradient(angles(), SPINS, WEIGHTS[:2]), ValueError, "weights must have shape"),
        (lambda: device().expectations(angles(), []), ValueError, "observables"),
    ],
)
def test_bad_input_is_named_and_costs_nothing(call, error, message):
    with pytest.raises(error, match=message):
        call()
