"""Ensembles of angles: moments against quadrature and draws, and their words."""

import numpy as np
import pytest

from qbp.plateaus.starts.ensemble import AngleEnsemble, GateNoise
from qbp.plateaus.starts.widths import ensemble_of


@pytest.mark.parametrize("width", [1e-3, 0.2, 0.499, 0.501, 1.5, 4.0])
@pytest.mark.parametrize("kind", ["uniform", "gaussian"])
def test_moments_against_quadrature(kind, width):
    x, w = (
        np.polynomial.hermite_e.hermegauss(60) if kind == "gaussian" else np.polynomial.legendre.leggauss(60)
    )
    angle, w = width * x, w / w.sum()
    mean, stay = w @ np.cos(angle), w @ np.cos(angle) ** 2
    found = AngleEnsemble(kind, width).moments(np.array([width]))
    assert found.mean[0] == pytest.approx(mean, rel=1e-9)
    assert found.stay[0] == pytest.approx(stay, rel=1e-9)
    assert found.turn[0] == pytest.approx(w @ np.sin(angle) ** 2, rel=1e-9)
    exact = w @ (np.cos(angle) - mean) ** 2
    assert found.spread[0] == pytest.approx(exact, rel=1e-9 if width > 0.1 else 1e-4)


def test_draws_have_their_center_and_width_and_do_not_depend_on_the_rows_around():
    ensemble = AngleEnsemble("gaussian", (0.1, 2.0), center=(1.0, -1.0))
    theta = ensemble.draw(3, range(4000), 2).numpy()
    np.testing.assert_allclose(theta.mean(0), [1, -1], atol=0.2)
    np.testing.assert_allclose(theta.std(0), [0.1, 2.0], rtol=0.1)
    np.testing.assert_array_equal(ensemble.draw(3, range(7, 9), 2), theta[7:9])
    assert abs(AngleEnsemble("uniform", 0.5).draw(0, range(999), 3)).max() <= 0.5


def test_ensembles_in_words():
    assert ensemble_of("full", "none", 4, 9) is None
    assert ensemble_of("gaussian:depth", "none", 2, 9).width == pytest.approx(32**-0.5)
    assert ensemble_of("uniform:depth", "none", 4, 9).width == 0.5
    found = ensemble_of("full", "depolarizing:0.01, damping:0.1", 4, 9)
    assert found == AngleEnsemble("full", noise=GateNoise(0.01, 0.0, 0.1))
    for angles, noise, words in [
        ("gaussian", "none", "angles must be full, or uniform"),
        ("full:1", "none", "got 'full:1'"),
        ("uniform:-1", "none", "got 'uniform:-1'"),
        ("full", "damp:0.1", "did you mean 'damping'"),
        ("full", "damping:2", "amplitude_damping must be a finite number"),
    ]:
        with pytest.raises(ValueError, match=words):
            ensemble_of(angles, noise, 4, 9)


def test_bad_ensembles_are_refused():
    for make, words in [
        (lambda: AngleEnsemble("flat"), "kind must be one of"),
        (lambda: AngleEnsemble("full", 0.1), "width must be left out"),
        (lambda: AngleEnsemble("uniform", -1), "width must be a finite number, at least 0"),
        (lambda: AngleEnsemble("uniform", (0.1, np.inf)), "width must be a finite number"),
        (lambda: GateNoise(depolarizing=0.8), "depolarizing must be a finite number, .* at most 0.75"),
    ]:
        with pytest.raises(ValueError, match=words):
            make()
    with pytest.raises(TypeError, match=r"noise must be a GateNoise, got 0\.1"):
        AngleEnsemble("full", noise=0.1)
