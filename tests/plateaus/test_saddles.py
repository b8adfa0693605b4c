"""Slopes, saddles and minima: landscapes known by hand, differences of the cost, a descent past a saddle."""

import math

import pytest
import torch

import qbp
from qbp import draws
from qbp.plateaus import saddles

PRODUCT = qbp.PauliRotations(2, ["XI", "IX"]), qbp.PauliSum({"ZZ": 1.0})  # C = cos a cos b
WAVES = qbp.PauliRotations(2, ["XI", "IX"]), qbp.PauliSum({"ZI": 1.0, "IZ": 2.0})  # C = cos a + 2 cos b


def at(*angles):
    return torch.tensor(angles, dtype=torch.float64)


def test_a_point_of_two_waves_is_known_by_hand():
    a, b = 0.7, -0.4
    found = saddles.look(WAVES[0], at(a, b), WAVES[1])
    slope, curvature = at(-math.sin(a), -2 * math.sin(b)), at(-math.cos(a), -2 * math.cos(b))
    torch.testing.assert_close(found.cost, at(math.cos(a) + 2 * math.cos(b))[0])
    torch.testing.assert_close(found.gradient, slope.norm())
    torch.testing.assert_close(found.spectrum, curvature.sort().values)
    torch.testing.assert_close(found.power, slope.square().mean())
    torch.testing.assert_close(found.entries, curvature.square().sum() / 4)  # two of four entries are zero
    torch.testing.assert_close(found.slope, slope.norm() / (2 * math.cos(b)))
    assert float(found.lowest) == float(found.spectrum[0]) and float(found.down) == 1


def test_minimum_saddle_and_maximum():
    theta = at([math.pi, math.pi], [0, math.pi], [0, 0])
    found = saddles.look(WAVES[0], theta, WAVES[1])
    assert found.down.tolist() == [0, 0.5, 1] and not found.flat.any()
    assert found.saddle.tolist() == [False, True, True]  # a maximum has a way out, too
    middle = saddles.look(PRODUCT[0], at(math.pi / 2, math.pi / 2), PRODUCT[1])  # only the diagonals curve
    torch.testing.assert_close(middle.spectrum, at(-1.0, 1.0))
    assert middle.saddle


def test_a_direction_without_effect_is_flat():
    one = qbp.HardwareEfficient(1, 1, rotations=["ry", "rz"])  # <Z> = cos of the first angle
    found = saddles.look(one, at(math.pi, 0.3), qbp.PauliSum({"Z": 1.0}))
    assert float(found.flat) == 0.5 and float(found.down) == 0 and not found.saddle


def test_random_points_are_the_same_in_any_number_and_cut_any_way(monkeypatch):
    circuit, H = qbp.HardwareEfficient(2, 2), qbp.tfim(2)
    whole = saddles.random_points(circuit, H, 7, seed=3)
    monkeypatch.setattr(saddles, "WORKING_SET", 1)
    torch.testing.assert_close(saddles.random_points(circuit, H, 4, seed=3).spectrum, whole.spectrum[:4])
    near = saddles.random_points(circuit, H, 50, reach=1e-3)
    start = saddles.look(circuit, torch.zeros(circuit.n_params, dtype=torch.float64), H)
    torch.testing.assert_close(near.cost, start.cost.expand(50), rtol=0, atol=0.02)
    one = qbp.HardwareEfficient(1, 1, ["rx"])  # <Y> = -sin theta: a box to both sides of zero
    sines = saddles.random_points(one, qbp.PauliSum({"Y": 1.0}), 200, reach=0.5).cost
    assert sines.abs().max() <= math.sin(0.5) and abs(sines.mean()) < 4 * sines.std() / math.sqrt(200)


def test_at_random_points_both_signs_are_equally_frequent_for_a_traceless_observable():
    """C flips its sign under a half turn of the last rotations that the observable anticommutes with."""
    found = saddles.random_points(qbp.HardwareEfficient(3, 2), qbp.PauliSum({"ZZI": 1.0}), 400)
    share = (found.spectrum < 0).double().mean(-1)
    assert abs(share.mean() - 0.5) < 4 * share.std() / 20


def test_a_descent_slows_down_at_a_saddle_and_leaves_it():
    """From beside the ridge of cos a cos b one comes to (pi/2, pi/2) first, then falls to -1."""
    start = at([math.pi / 2 - 1 + 1e-3, math.pi / 2 - 1]).reshape(1, 2)
    _, history = saddles.descend(*PRODUCT, start, steps=400, rate=0.1, optimizer="gd", record_every=1)
    when = int(saddles.slowest(history)[0])
    metric = {name: float(values[0, when]) for name, values in history.metrics.items()}
    assert metric["saddle"] == 1 and abs(metric["energy"]) < 0.05 and 20 < history.step[when] < 200
    assert float(history.metrics["energy"][0, -1]) == pytest.approx(-1, abs=1e-6)
    assert float(history.metrics["saddle"][0, -1]) == 0 and float(history.metrics["down"][0, -1]) == 0


def test_a_descent_is_that_of_the_energy_alone():
    circuit, H = qbp.HardwareEfficient(2, 1), qbp.tfim(2)
    start = draws.uniform([0, 1], "start", circuit.n_params)
    theta, _ = saddles.descend(circuit, H, start, steps=3, rate=0.1, optimizer="gd")
    by_hand = start.clone()
    for _ in range(3):
        by_hand = by_hand.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(H.expectation(circuit.state(by_hand)).sum(), by_hand)
        by_hand = by_hand.detach() - 0.1 * gradient
    torch.testing.assert_close(theta, by_hand)


def test_slices_along_the_ends_of_the_spectrum_curve_as_it_says():
    circuit, H = qbp.HardwareEfficient(2, 2), qbp.tfim(2)
    theta = draws.uniform([5], "start", circuit.n_params)[0]
    spectrum, at, slices = saddles.surroundings(circuit, theta, H, points=2001)
    torch.testing.assert_close(spectrum, qbp.hessian_spectrum(circuit, theta, H))
    for values, eigenvalue in zip(slices.values(), spectrum[[0, -1]], strict=True):
        low, middle, high = values[999:1002]
        assert float(middle) == pytest.approx(float(circuit.expectation(theta, H)))
        second = (low + high - 2 * middle) / (at[1] - at[0]) ** 2
        assert float(second) == pytest.approx(float(eigenvalue), abs=1e-4)


def test_a_run_is_read_at_a_record_of_its_own():
    circuit, H = qbp.HardwareEfficient(2, 1), qbp.tfim(2)
    start = draws.uniform([0, 1], "start", circuit.n_params)
    _, history = saddles.descend(circuit, H, start, steps=4, record_every=2)
    found = saddles.at_records(history, torch.tensor([0, 2]))
    energy, lowest = history.metrics["energy"], history.metrics["lowest"] / history.metrics["largest"]
    assert found["energy"].tolist() == [float(energy[0, 0]), float(energy[1, 2])]
    assert found["lowest"].tolist() == [float(lowest[0, 0]), float(lowest[1, 2])]


def test_meta_device():
    found = saddles.random_points(*PRODUCT, 3, device="meta")
    assert found.slope.is_meta and found.spectrum.shape == (3, 2) and found.saddle.shape == (3,)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        saddles.random_points(*PRODUCT, 0)
    with pytest.raises(ValueError, match="reach must be"):
        saddles.random_points(*PRODUCT, reach=-1.0)
    with pytest.raises(ValueError, match="theta must have shape"):
        saddles.look(PRODUCT[0], torch.zeros(3), PRODUCT[1])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_directions_without_effect_are_counted_neither_up_nor_down(dtype):
    circuit, zz = (
        qbp.HardwareEfficient(4, 1),
        qbp.PauliSum({"ZZII": 1.0}),
    )  # cos of the first times of the third
    found = saddles.look(circuit, torch.linspace(0.3, 2.4, 8, dtype=dtype), zz)
    assert float(found.curved) == 2 / 8
    a, b = 0.3, 0.9  # both curve by -cos a cos b, mixed by sin a sin b
    lowest = -math.cos(a) * math.cos(b) - math.sin(a) * math.sin(b)
    assert float(found.lowest) == pytest.approx(lowest, rel=1e-4) and float(found.negative) == 1
    tilted = saddles.look(circuit, torch.tensor([1.5, 0, 1.4, 0, 0, 0, 0, 0], dtype=dtype), zz)
    assert float(tilted.negative) == 0.5  # the diagonals of a saddle, six directions without effect


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_where_nothing_changes_there_is_neither_slope_nor_curvature(dtype):
    """The identity has one value in every state: gradient and Hessian of rounding alone are zero."""
    still, H = qbp.HardwareEfficient(3, 3), qbp.PauliSum({"III": 7.0})
    theta = 6 * torch.rand(5, still.n_params, dtype=dtype, generator=torch.Generator().manual_seed(0))
    found = saddles.look(still, theta, H)
    assert qbp.hessian(still, theta, H).any()  # which has the rounding
    assert not found.gradient.any() and not found.spectrum.any() and found.slope.isnan().all()
    assert found.negative.isnan().all() and not found.curved.any() and not found.saddle.any()
