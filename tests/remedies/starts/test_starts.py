"""Starts of the remedies: identities, product states, Clifford points, widths, against their definitions."""

import numpy as np
import pytest
import reference
import torch

from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.observables import tfim
from qbp.circuits.targets import clifford_frame, in_frame
from qbp.remedies.lab import Lab
from qbp.remedies.registry import remedy
from qbp.remedies.starts.beinit import beta_draws, fitted
from qbp.remedies.tasks import task


def lab(kind="tfim", frame="plain", qubits=3, layers=3, seeds=(4, 5), **options):
    circuit = HardwareEfficient(qubits, layers)
    return Lab(circuit, [task(kind, circuit, s, frame) for s in seeds], seeds, **options)


def first(name, here, **options):
    return next(iter(remedy(name).train(here, **options)))


def bloch_state(vectors):
    """The product state along Bloch vectors, from the eigenvectors of n . sigma."""
    matrices = (np.tensordot(v, [reference.PAULI[p] for p in "XYZ"], 1) for v in vectors)
    return reference.kron(*(np.linalg.eigh(m)[1][:, 1] for m in matrices))


@pytest.mark.parametrize("layers", [2, 3, 7])
def test_identity_blocks_are_the_identity(layers):
    here = lab(layers=layers)
    theta = first("identity", here).theta
    state = here.circuit.state(theta)
    torch.testing.assert_close(state[:, 0].abs(), torch.ones(2, dtype=torch.float64))
    assert (theta != 0).sum() == 2 * (layers // 3) * 2 * 3  # two layers of a block, an axis of each qubit
    angles = theta[0].reshape(layers, 3, 2)
    block = np.eye(8)
    for layer in angles[: 3 * (layers // 3)]:
        for qubit, (y, z) in enumerate(layer.tolist()):
            block = reference.on(3, reference.rotation("Z", z) @ reference.rotation("Y", y), qubit) @ block
        block = reference.entangler(3, "cz", "ladder") @ block
    whole = np.linalg.matrix_power(reference.entangler(3, "cz", "ladder"), layers // 3)
    np.testing.assert_allclose(block, whole, atol=1e-12)  # nothing but a last ladder of CZs a block


@pytest.mark.parametrize("frame", ["plain", "clifford"])
def test_a_warm_start_has_the_energy_of_the_product_state(frame):
    here = lab(frame=frame)
    point = first("warm", here, jitter=0.0)
    found, _ = here.record(*point)
    for row, seed in enumerate(here.seeds):
        H = in_frame(tfim(3), clifford_frame(3, seed)) if frame == "clifford" else tfim(3)
        state = bloch_state(here.tasks[row].seen.numpy())
        assert float(found[row]) == pytest.approx(reference.expectation(reference.pauli_sum(H.terms), state))
    moved = first("warm", lab(frame=frame)).theta - point.theta
    assert 0.005 < moved.std() < 0.05


def test_a_warm_start_needs_two_layers():
    with pytest.raises(ValueError, match="layers must be at least 2 for method warm, got 1"):
        first("warm", lab(layers=1))


@pytest.mark.parametrize("kind", ["tfim", "circuit"])
def test_no_single_angle_betters_the_clifford_start(kind):
    here = lab(kind, "plain", 2, 2, (4,), steps=10_000)
    theta = first("clifford", here, passes=4).theta[0]
    quarters = theta / (np.pi / 2)
    torch.testing.assert_close(quarters, quarters.round())
    matrix = np.stack(
        [here.tasks[0].observable.apply(e).numpy() for e in torch.eye(4, dtype=torch.complex128)], 1
    )

    def value(theta):
        return reference.expectation(
            matrix, reference.hardware_efficient(2, theta.numpy(), [["YZ"] * 2] * 2, "cz", "ladder")
        )

    for k in range(len(theta)):
        for turn in (1, 2, 3):
            other = theta.clone()
            other[k] += turn * np.pi / 2
            assert value(other) >= value(theta) - 1e-9
    assert here.spent == (0 if kind == "tfim" else 4 * 4 * 8 * 3)  # of a Hamiltonian nothing is measured


def test_beta_draws_have_the_moments_of_the_targets():
    bloch = torch.tensor([[0.2, -0.3, 0.5, 0.0], [0.9, -0.9, 0.8, -0.7]], dtype=torch.float64)
    share = (1 + bloch.numpy()) / 2
    a, b = fitted(bloch).numpy().T
    np.testing.assert_allclose(a / (a + b), share.mean(1))
    np.testing.assert_allclose(a * b / (a + b) ** 2 / (a + b + 1), share.var(1))
    drawn = beta_draws(lab(seeds=(1, 2)))
    assert drawn.shape == (2, 18) and (drawn >= 0).all() and (drawn <= 1).all()


def test_widths_shrink_with_depth_as_published():
    for layers in (3, 30):
        here = lab(layers=layers, seeds=range(60))
        half = 3**0.5 * (8 * (layers + 2)) ** -0.5
        normal, uniform = (first(name, here).theta for name in ("small-angle", "small-uniform"))
        share = 5 * (2 / normal.numel()) ** 0.5
        assert float(normal.var()) == pytest.approx(1 / (8 * (layers + 2)), rel=share)
        assert float(uniform.var()) == pytest.approx(1 / (8 * (layers + 2)), rel=share)
        assert 0.95 * half < uniform.abs().max() <= half
        wide = first("reduced-domain", here).theta
        assert 0.95 * np.pi / layers**0.5 < wide.abs().max() <= np.pi / layers**0.5


def test_zero_and_random_are_what_they_say():
    here = lab(seeds=range(30))
    assert not first("zero", here).theta.any()
    theta = first("no-init", here).theta
    assert (
        theta.min() >= 0
        and theta.max() < 2 * np.pi
        and abs(theta.mean() - np.pi) < 5 * 2 * np.pi / (12 * theta.numel()) ** 0.5
    )
