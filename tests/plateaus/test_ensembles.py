"""Ensembles of given angles: all angles, one point, known circles, and gradients of dense blocks."""

import math

import numpy as np
import pytest
import reference
import torch

import qbp
from qbp import draws
from qbp.circuits import problems
from qbp.plateaus import sampling
from qbp.plateaus.ensembles import box, ensemble
from qbp.plateaus.expressibility import expressibility
from qbp.plateaus.two_design import two_design_variance

ONE = qbp.HardwareEfficient(1, 1, rotations=["rx"]), qbp.PauliSum({"Z": 1.0})  # C = cos theta


def test_all_angles_give_what_the_two_estimators_of_all_angles_give():
    circuit, H = qbp.HardwareEfficient(3, 2), qbp.tfim(3)
    theta = sampling.random_angles(0, range(300), circuit.n_params)
    found, whole = ensemble(circuit, {"H": H}, theta), expressibility(circuit, 300)
    torch.testing.assert_close(found.frame_potential, whole.frame_potential)
    torch.testing.assert_close(found.stderr, whole.stderr)
    variance = qbp.gradient_variance(circuit, H, samples=300).mean
    torch.testing.assert_close(found.gradients["H"].square, variance.variance)
    torch.testing.assert_close(found.gradients["H"].square_stderr, variance.stderr)
    assert (
        abs(found.gradients["H"].variance - found.gradients["H"].square)
        < 3 * found.gradients["H"].square / 300
    )  # means of zero, but for their noise


def test_a_small_box_holds_one_state_and_one_gradient():
    circuit, H = ONE
    reach = 0.02
    found = ensemble(circuit, {"H": H}, box(torch.tensor([1.0], dtype=torch.float64), reach, 2000))
    assert float(found.gradients["H"].square) == pytest.approx(math.sin(1) ** 2, rel=1e-2)
    assert float(found.gradients["H"].variance) == pytest.approx(math.cos(1) ** 2 * reach**2 / 3, rel=0.1)
    assert float(found.excess) == pytest.approx(2, abs=1e-2)  # F_2 = 1 against 1/3


def test_the_variance_of_few_gradients_is_unbiased():
    circuit, H = ONE  # dC / dtheta = -sin theta
    theta = torch.tensor([[0.1], [0.5], [2.0], [4.0], [-1.0]], dtype=torch.float64)
    found = ensemble(circuit, {"H": H}, theta).gradients["H"]
    assert float(found.variance) == pytest.approx(float(theta.sin().var()))
    assert float(found.square) == pytest.approx(float(theta.sin().square().mean()))


def test_boxes_are_nested_uniform_and_around_their_center():
    center = torch.arange(5.0, dtype=torch.float64)
    small, large = box(center, 0.1, 400, seed=2), box(center, 1.0, 400, seed=2)
    torch.testing.assert_close(small - center, (large - center) / 10)
    assert (large - center).abs().max() <= 1 and (large - center).mean().abs() < 4 / (3 * 2000) ** 0.5
    assert (large - center).square().mean() == pytest.approx(1 / 3, abs=0.03)
    torch.testing.assert_close(box(center, 0.0, 3), center.expand(3, 5))


@pytest.mark.parametrize("H", [qbp.PauliSum({"ZX": 1.0}), qbp.tfim(2), qbp.Projector(2)], ids=repr)
def test_the_value_of_a_2_design_is_that_of_haar_blocks(H):
    """U exp(-i t P / 2) V on |00>, U and V Haar: the derivative from commutators of dense matrices."""
    rng = np.random.default_rng(0)
    matrix = np.diag([1.0, 0, 0, 0]) if isinstance(H, qbp.Projector) else reference.pauli_sum(H.terms)
    gaussian = rng.normal(size=(20000, 2, 4, 4)) + 1j * rng.normal(size=(20000, 2, 4, 4))
    q, r = np.linalg.qr(gaussian)
    phase = np.diagonal(r, axis1=-2, axis2=-1)
    blocks = q * (phase / abs(phase))[..., None, :]
    state, after = blocks[:, 0, :, 0], blocks[:, 1]
    seen = np.conj(np.swapaxes(after, -1, -2)) @ matrix @ after
    generator = reference.pauli("ZI")
    derivative = 0.5j * np.einsum("bi,bij,bj->b", state.conj(), generator @ seen - seen @ generator, state)
    square = derivative.real**2
    assert abs(square.mean() - two_design_variance(H)) < 4 * square.std() / len(square) ** 0.5


def test_the_identity_in_a_sum_moves_nothing():
    shifted = qbp.PauliSum({"ZX": 1.0, "II": 5.0})
    assert two_design_variance(shifted) == two_design_variance(qbp.PauliSum({"ZX": 1.0}))
    assert two_design_variance(qbp.PauliSum({"ZX": 1.0})) == pytest.approx(16 / (2 * 15 * 5))


def test_a_deep_circuit_comes_to_the_2_design():
    circuit, H = qbp.HardwareEfficient(3, 40), qbp.PauliSum({"ZZI": 1.0})  # the last layers matter little
    theta = draws.uniform([0], "all", 500 * circuit.n_params, high=2 * math.pi).reshape(500, -1)
    found = ensemble(circuit, {"H": H}, theta)
    assert abs(found.excess) < 4 * found.stderr / found.haar
    assert float(found.gradients["H"].square) == pytest.approx(two_design_variance(H), rel=0.08)


def test_meta_device():
    found = ensemble(ONE[0], {"H": ONE[1]}, torch.zeros(5, 1, device="meta", dtype=torch.float64))
    assert found.excess.is_meta and found.gradients["H"].square.shape == ()


def test_bad_input_is_named():
    circuit, H = ONE
    for message, theta in {
        "m at least 4, got": torch.zeros(3, 1),
        "theta must have": torch.zeros(5, 2),
    }.items():
        with pytest.raises(ValueError, match=message):
            ensemble(circuit, {"H": H}, theta)
    with pytest.raises(TypeError, match="H must be a PauliSum or a Projector"):
        two_design_variance(problems.Infidelity(torch.tensor([1.0, 0.0])))
    with pytest.raises(ValueError, match="reach must be"):
        box(torch.zeros(2), -0.1, 5)
    with pytest.raises((ValueError, TypeError), match="center must"):
        box([0.0], 0.1, 5)
    with pytest.raises(ValueError, match=r"center must have shape \(n_params,\)"):
        box(torch.zeros(3, 3), 0.1, 3)  # many centers, as many as angles
    with pytest.raises(TypeError, match="observables must be a mapping"):
        ensemble(circuit, [H], torch.zeros(5, 1))
    with pytest.raises(TypeError, match="circuit must be a Circuit"):
        ensemble(None, {"H": H}, torch.zeros(5, 1))


def test_where_nothing_changes_the_variance_is_zero():
    """RZ keeps |0...0>, and all circuits the identity: rounding is no variance, no error of overlaps."""
    still, H = qbp.HardwareEfficient(3, 3, ["rz"]), qbp.PauliSum({"III": 7.0})
    theta = 6 * torch.rand(9, still.n_params, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for dtype in (torch.float64, torch.float32):
        found = ensemble(still, {"a": H}, theta.to(dtype))
        assert [float(value) for value in found.gradients["a"]] == [0.0] * 4
        assert found.frame_potential == pytest.approx(1, abs=1e-5) and found.stderr == 0
        other = qbp.HardwareEfficient(3, 3)
        found = ensemble(other, {"a": H}, torch.cat([theta, theta], -1).to(dtype))
        assert [float(value) for value in found.gradients["a"]] == [0.0] * 4
