"""Gradients against depth: the same angles with and without noise, fits, starts, and the figures of them."""

import math

import numpy as np
import pytest
import torch

import qbp
from qbp.book.figures import noise_plots
from qbp.circuits import problems
from qbp.circuits.hardware.noise import amplitude_damping, depolarizing
from qbp.plateaus.noise_moments import exact_variance
from qbp.statistics.curves import Decay
from qbp.studies.noise_depth import (
    STARTS,
    by_depth,
    decay_per_layer,
    geometric,
    gradient,
    kept_by_start,
    kept_per_layer,
    percent_per_layer,
    starts,
    typical,
)

H = qbp.tfim(3)


def test_gradients_do_not_depend_on_how_many_are_taken_together(monkeypatch):
    circuit = qbp.HardwareEfficient(3, 2)
    theta = torch.linspace(0, 6, 5 * circuit.n_params, dtype=torch.float64).reshape(5, -1)
    whole = gradient(circuit, theta, H, depolarizing(0.1))
    monkeypatch.setattr("qbp.studies.noise_depth.CHUNK", 100)
    torch.testing.assert_close(gradient(circuit, theta, H, depolarizing(0.1)), whole, rtol=0, atol=1e-13)
    none = gradient(circuit, theta, H, depolarizing(0.0))
    torch.testing.assert_close(gradient(circuit, theta, H), none, rtol=0, atol=1e-12)


def test_sampled_gradients_have_the_exact_mean_square():
    p, samples = 0.04, 200
    found = by_depth(H, [1, 5], {"noisy": depolarizing(p), "clean": None}, samples)
    for label, strength in {"noisy": p, "clean": 0.0}.items():
        for n_layers, own in found[label].items():
            assert own.shape == (samples, n_layers, 6)
            squares = (own**2).reshape(samples, -1)
            exact = exact_variance(qbp.HardwareEfficient(3, n_layers), H, strength)
            error = squares.std(0) / math.sqrt(samples)
            assert (abs(squares.mean(0) - exact) <= 4.5 * error + 1e-12).all()
    single = by_depth(H, [2], {"noisy": amplitude_damping(p)}, 2, dtype=torch.float32, device="cpu")
    assert single["noisy"][2].dtype == np.float32


def test_a_decay_that_is_known_is_found():
    gradients = {n: np.full((3, n, 2), 2.0 ** (-0.1 * n)) for n in (1, 4, 8, 16)}
    gradients[1] *= 7  # before the fit begins
    assert decay_per_layer(gradients, 4).slope == pytest.approx(-0.1)
    assert kept_per_layer({n: g[:, 0, 0] for n, g in gradients.items()}, 4).slope == pytest.approx(-0.1)
    assert typical(gradients[4]).mean == pytest.approx(2**-0.4)
    assert geometric(np.array([0.5, 2.0])).mean == pytest.approx(1)
    assert percent_per_layer(Decay(-0.1, -0.2, 0.0, 4)) == "6.7 [0.0, 12.9] %"


def test_starts_are_what_they_are_called():
    circuit, found = starts(H, 3, runs=4, seed=2)
    assert tuple(found) == STARTS and all(theta.shape == (4, circuit.n_params) for theta in found.values())
    assert found["near the identity"].abs().max() < 0.5
    observables = qbp.local_observables(3)
    targets = problems.product_state_targets(H, observables)[0]
    before, _, after = (qbp.local_loss(circuit, theta, observables, targets) for theta in found.values())
    assert (after < before).all()
    alone = starts(H, 3, runs=1, seed=3)[1]
    for name, theta in alone.items():
        torch.testing.assert_close(theta[0], found[name][1], rtol=1e-9, atol=1e-9)


def test_noise_keeps_less_the_deeper_and_figures_show_it():
    kept = kept_by_start(H, [1, 3], depolarizing(0.1), runs=3)
    assert all(geometric(r[3]).mean < geometric(r[1]).mean < 1 for r in kept.values())
    points = {name: {n: geometric(r) for n, r in own.items()} for name, own in kept.items()}
    figure = noise_plots.against_depth(points, {"bound": {1: 1.0, 3: 0.5}}, "kept (1)", limits=(0.01, 2))
    (axis,) = figure.axes
    assert axis.get_yscale() == "log" and axis.get_ylim() == (0.01, 2)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(texts) == sorted([*STARTS, "bound"])
    gradients = by_depth(H, [2], {"a": None, "b": depolarizing(0.1)}, 3)
    panels = {"two layers": {label: own[2] for label, own in gradients.items()}}
    (axis,) = noise_plots.by_layer(panels, "gradient (J)").axes
    assert axis.get_title() == "two layers"
