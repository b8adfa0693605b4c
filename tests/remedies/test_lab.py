"""The laboratory of remedies: frames, gradients, shots and costs against dense matrices and shifts."""

import numpy as np
import pytest
import reference
import torch

from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.hardware.shots import gradient_noise
from qbp.circuits.observables import heisenberg, tfim
from qbp.circuits.targets import clifford_frame, in_frame
from qbp.remedies.lab import Lab, Spent
from qbp.remedies.measurements import wanted
from qbp.remedies.tasks import task

CIRCUIT = HardwareEfficient(3, 2)


def lab(kind="tfim", frame="clifford", seeds=(4, 5), circuit=CIRCUIT, **options):
    return Lab(circuit, [task(kind, circuit, s, frame) for s in seeds], seeds, **options)


def angles(runs, circuit=CIRCUIT, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.pi * torch.rand(runs, circuit.n_params, generator=generator, dtype=torch.float64)


def dense(circuit, theta):
    words = [["YZ"] * circuit.n_qubits] * circuit.n_layers
    return reference.hardware_efficient(circuit.n_qubits, theta.numpy(), words, "cz", "ladder")


def energy(circuit, theta, terms):
    return reference.expectation(reference.pauli_sum(terms), dense(circuit, theta))


def slope(circuit, theta, terms):
    """The whole gradient by the parameter-shift rule on dense states."""
    shifts = torch.pi / 2 * torch.eye(len(theta), dtype=torch.float64)
    return np.array(
        [(energy(circuit, theta + s, terms) - energy(circuit, theta - s, terms)) / 2 for s in shifts]
    )


@pytest.mark.parametrize("kind", ["tfim", "heisenberg"])
def test_a_frame_behind_the_circuit_is_a_frame_in_the_hamiltonian(kind):
    here, theta = lab(kind), angles(2)
    H = {"tfim": tfim, "heisenberg": heisenberg}[kind](3)
    found, gradient = here.energies(theta.unsqueeze(1))[:, 0], here.gradient(theta)
    for row, seed in enumerate((4, 5)):
        terms = in_frame(H, clifford_frame(3, seed)).terms
        assert float(found[row]) == pytest.approx(energy(CIRCUIT, theta[row], terms))
        np.testing.assert_allclose(gradient[row], slope(CIRCUIT, theta[row], terms), atol=1e-9)
        np.testing.assert_allclose(here.record(CIRCUIT, theta)[1][row], gradient[row], atol=1e-12)


def test_local_values_and_their_jacobian_are_those_of_the_dense_state_in_the_frame():
    here, theta = lab(), angles(2)
    seen, jacobian = here.locally(theta), here.local_jacobian(theta)
    for row, seed in enumerate((4, 5)):
        for k, H in enumerate(here.local):
            terms = in_frame(H, clifford_frame(3, seed)).terms
            assert float(seen[row, k]) == pytest.approx(energy(CIRCUIT, theta[row], terms))
            np.testing.assert_allclose(jacobian[row, :, k], slope(CIRCUIT, theta[row], terms), atol=1e-9)


def test_a_blend_of_task_and_local_terms_has_the_gradient_of_the_blend():
    here, theta = lab(), angles(2)
    weights = lab("tfim").bloch + 0.3
    both = here.gradient(theta, task=0.25, local=weights)
    apart = 0.25 * here.gradient(theta) + (here.local_jacobian(theta) @ weights.unsqueeze(-1))[..., 0]
    torch.testing.assert_close(both, apart)
    rows = torch.tensor([[0, 3], [5, 2]])
    some = here.gradient(theta, rows=rows)
    torch.testing.assert_close(some.gather(1, rows), here.gradient(theta).gather(1, rows))
    assert (some != 0).sum() == 4


@pytest.mark.parametrize("kind", ["tfim", "circuit"])
def test_gradients_from_shots_scatter_around_the_exact_one_as_they_must(kind):
    circuit, runs = HardwareEfficient(2, 1), 400
    theta = angles(1, circuit).expand(runs, -1).contiguous()
    asked = [task(kind, circuit, 3)] * runs
    exact = Lab(circuit, asked[:1], [0]).gradient(theta[:1])[0]
    found = Lab(circuit, asked, range(runs), shots=30).gradient(theta)
    deviation = gradient_noise(circuit, theta[0], asked[0].observable, 30)
    assert ((found.mean(0) - exact).abs() <= 5 * deviation / runs**0.5 + 1e-12).all()
    torch.testing.assert_close(found.std(0), deviation, rtol=0.2, atol=1e-12)
    rows = torch.tensor([1])
    alone = Lab(circuit, asked, range(runs), shots=30).gradient(theta, rows=rows)
    assert ((alone.mean(0) - exact)[1].abs() <= 5 * deviation[1] / runs**0.5) and not alone[
        :, [0, 2, 3]
    ].any()


def test_values_from_shots_scatter_around_the_exact_one():
    circuit, runs = HardwareEfficient(2, 1), 400
    theta = angles(1, circuit).expand(runs, 2, -1).contiguous()
    found = Lab(circuit, [task("heisenberg", circuit, 0)] * runs, range(runs), shots=50).energies(theta)
    state = dense(circuit, theta[0, 0])
    terms = [reference.pauli(p) for p in ("XX", "YY", "ZZ")]
    means = np.array([reference.expectation(term, state) for term in terms])
    deviation = np.sqrt((1 - means**2).sum() / 50)
    assert abs(float(found.mean()) - means.sum()) < 5 * deviation / (2 * runs) ** 0.5
    assert float(found.std()) == pytest.approx(deviation, rel=0.15)
    assert abs(np.corrcoef(found.T.numpy())[0, 1]) < 0.25  # two circuits have shots of their own


@pytest.mark.parametrize("shots", [None, 7])
def test_what_is_asked_is_paid_by_the_one_cost_model(shots):
    here, theta = lab(shots=shots, steps=20), angles(2)
    p, seen = CIRCUIT.n_params, 0
    assert here.unit == 2 * p * 2 and here.budget == 20 * here.unit  # two settings of the chain
    for ask, cost in (
        (lambda: here.energies(theta.unsqueeze(1).repeat(1, 5, 1)), 5 * 2),
        (lambda: here.gradient(theta), 2 * p * 2),
        (lambda: here.gradient(theta, rows=torch.tensor([1, 2])), 2 * 2 * 2),
        (lambda: here.gradient(theta, task=0.5, local=lambda values: values), 2 * p * 3 + 3),
        (lambda: here.gradient(theta, task=0.0, local=here.bloch), 2 * p * 3),
        (lambda: here.locally(theta), 3),
        (lambda: here.local_jacobian(theta), 2 * p * 3),
        (lambda: here.energies(theta.unsqueeze(1), free=True), 0),
        (lambda: here.record(CIRCUIT, theta), 0),
    ):
        ask()
        assert here.spent - seen == cost
        seen = here.spent
    here.pay(here.budget - here.spent)
    with pytest.raises(Spent):
        here.locally(theta)
    assert here.spent == here.budget and here.share == 1


def test_a_run_measures_the_same_alone_and_among_others():
    theta = angles(3)
    whole = lab(seeds=(7, 8, 9), shots=10).gradient(theta)
    torch.testing.assert_close(lab(seeds=(8,), shots=10).gradient(theta[1:2])[0], whole[1])


def test_runs_that_need_other_settings_are_refused():
    with pytest.raises(ValueError, match="observables must need the same settings in all runs"):
        wanted([[tfim(2)], [heisenberg(2)]], torch.float64, torch.device("cpu"))
