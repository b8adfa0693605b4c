"""Errors and bounds of Pauli walks against variances known otherwise: from all strings, or in closed form."""

import numpy as np
import pytest
from scipy import stats

import qbp
from qbp import HardwareEfficient, PauliRotations, PauliSum, Projector
from qbp.plateaus.noise_moments import exact_variance
from qbp.plateaus.pauli.bounds import exclusion, student
from qbp.plateaus.pauli.population import walk
from qbp.plateaus.pauli.walk import _prepare, walk_moments

ROTATIONS = [("ry",), ("rx",), ("ry", "rz"), ("rx", "rz"), ("rz", "ry"), ("rx", "ry", "rz")]


def sums_of_six_decades(count, most_qubits, most_layers, most_terms):
    """Circuits and sums of random strings, short and long, with coefficients from 1e-6 to 1."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        n, layers, terms = (int(rng.integers(2, most + 1)) for most in (most_qubits, most_layers, most_terms))
        kind, topology = rng.choice(["cz", "cnot"]), rng.choice(["ladder", "ring", "brick"])
        circuit = HardwareEfficient(n, layers, ROTATIONS[rng.integers(6)], str(kind), str(topology))
        odds = [[0.25] * 4, [0.7, 0.1, 0.1, 0.1]]
        strings = ["".join(rng.choice(list("IXYZ"), n, p=odds[rng.integers(2)])) for _ in range(terms)]
        strings = [s for s in strings if set(s) != {"I"}] or ["Z" * n]
        yield (
            seed,
            circuit,
            PauliSum({s: float(rng.choice([-1, 1]) * 10 ** rng.uniform(-6, 0)) for s in strings}),
        )


def coverage(cases, walks):
    """Whether bounds hold of entries that walks do not give exactly, and of sums over entries; z."""
    entries, totals, z = [], [], []
    for seed, circuit, H in cases:
        exact = exact_variance(circuit, H)
        found = walk_moments(circuit, H, walks=walks, seed=seed)
        noisy = abs(found.variance - exact) > 1e-5 * exact + 1e-30  # the rest to single precision
        assert (found.stderr[noisy] > 0).all() and (found.relative_stderr[noisy] > 1e-6).all()
        entries += (found.upper_bound >= exact)[noisy].tolist()
        if noisy.any():
            totals.append(found.total_upper_bound >= exact.sum() * (1 - 1e-5))
        resolved = noisy & (found.relative_stderr < 0.1)
        z += ((found.variance - exact) / np.where(noisy, found.stderr, 1))[resolved].tolist()
    return np.array(entries), np.array(totals), np.array(z)


def test_bounds_hold_for_sums_of_six_decades():
    entries, totals, z = coverage(sums_of_six_decades(200, 4, 2, 12), walks=4096)
    assert len(entries) > 1000 and len(totals) > 100 and len(z) > 1000
    assert entries.mean() >= 0.94 and totals.mean() >= 0.91
    assert abs(z).max() < 5 and 0.8 < (z**2).mean() < 1.3 and abs(z.mean()) < 0.2


def test_a_rotation_that_no_walk_met_has_an_error():
    """Three rotations with a share of 1e-4 of the cost and less, in a group that is not resolved."""
    *_, case = sums_of_six_decades(288, 6, 3, 24)
    coverage([case], walks=8192)


def test_a_small_coefficient_in_front_of_what_counts():
    """C = prod_q cos(theta_q) + 0.03 cos(theta_0), without a cross term."""
    n, exact = 20, 2.0**-20 + 0.03**2 / 2
    H = PauliSum({"Z" * n: 1.0, "Z" + "I" * (n - 1): 0.03})
    for seed in range(10):
        found = qbp.gradient_variance(HardwareEfficient(n, 1, ("ry",)), H, seed=seed, walks=2**13)
        assert float(found.variance[0]) == pytest.approx(exact, rel=1e-5)
        assert exact * (1 - 1e-5) < found.upper_bound[0] < 1.01 * exact


def test_equal_terms_are_exact_however_many():
    for n in (63, 64, 65, 200):
        H = PauliSum({"I" * q + "Z" + "I" * (n - 1 - q): -0.5 / n for q in range(n)})
        found = walk_moments(HardwareEfficient(n, 1, ("rx",)), H)
        np.testing.assert_allclose(found.variance, 1 / (8 * n**2), rtol=1e-5)


def test_bounds_of_two_long_strings_and_a_faint_short_one():
    circuit, H = HardwareEfficient(8, 2), PauliSum({"X" * 8: 1.0, "Y" * 8: 1.0, "Z" + "I" * 7: 0.03})
    exact = exact_variance(circuit, H)
    found = [walk_moments(circuit, H, walks=2**13, seed=seed) for seed in range(30)]
    assert np.mean([(f.upper_bound >= exact * (1 - 1e-5)).mean() for f in found]) > 0.93
    assert sum(f.total_upper_bound >= exact.sum() for f in found) > 26


def test_a_string_that_no_walk_brings_back_widens_error_and_bound():
    """Z_0 is seen; the last Z under two layers of a CNOT ladder comes back with 2^-n or so."""
    n, H = 40, {"Z" + "I" * 39: 0.03}
    circuit = HardwareEfficient(n, 2, entangler="cnot")
    alone = walk_moments(circuit, PauliSum(H), walks=2**13)
    both = walk_moments(circuit, PauliSum(H | {"I" * (n - 1) + "Z": 1.0}), walks=2**13)
    assert both.upper_bound[0] - alone.variance[0] > 2.9 / both.walks > 10 * alone.stderr[0]
    assert both.stderr[0] > 1 / both.walks and both.cost_stderr > 1 / both.walks


def test_an_upper_bound_holds_in_95_of_100_cases():
    """Of 200 seeds; entries of one run are correlated, so that one of them stands for it."""
    circuit, H = HardwareEfficient(2, 2), PauliSum({"ZZ": 1.0})
    exact, k = exact_variance(circuit, H), 3
    found = [walk_moments(circuit, H, walks=2**12, seed=seed) for seed in range(200)]
    assert all(0 < f.relative_stderr[k] < 0.1 and f.cost_relative_stderr < 0.05 for f in found)  # resolved
    for held in (
        [f.upper_bound[k] >= exact[k] for f in found],
        [f.total_upper_bound >= exact.sum() for f in found],
    ):
        assert 0.94 <= np.mean(held) < 1


def test_few_rounds_have_wider_bounds():
    def stop(walks):
        if walks >= 2 * 2048:
            raise KeyboardInterrupt

    found = walk_moments(HardwareEfficient(2, 2), PauliSum({"ZZ": 1.0}), walks=2**16, progress=stop)
    resolved = (found.relative_stderr > 0) & (found.relative_stderr < 0.1)
    assert resolved.any() and found.cost_relative_stderr < 0.05
    t = (found.upper_bound - found.variance)[resolved] / found.stderr[resolved]
    np.testing.assert_allclose(t, stats.t.ppf(0.95, 1), rtol=1e-3)


def test_student():
    for degrees in (*range(1, 40), 199, 10**6):
        assert student(degrees) == pytest.approx(stats.t.ppf(0.95, degrees), rel=2e-4)


@pytest.mark.parametrize("n", [1, 3, 8])
def test_plain_walks_of_a_projector_draw_every_string_alike(n):
    """C = prod (1 + cos theta_q) / 2: the mean of what a string gives is 2^n Var[C] = (3/4)^n - 2^-n."""
    problem = _prepare(HardwareEfficient(n, 1, ("rx",)), Projector(n), 1)
    family, rng = np.zeros(64 * 500, dtype=int), np.random.default_rng(5)
    log_w, x, z, _ = walk(problem.groups[0], problem.start, family, rng)
    w, exact = np.exp2(log_w), 0.75**n - 0.5**n
    assert w.max() <= 1  # the bound of Chernoff and Hoeffding needs it
    assert abs(w.mean() - exact) < 5 * w.std() / len(w) ** 0.5
    letters = np.unpackbits((x | z).view(np.uint8)).mean()
    assert abs(letters - 0.5) < 5 * 0.5 / (n * len(w)) ** 0.5


def test_what_plain_walks_exclude_holds_and_is_near():
    """Two qubits under RX: Var[C] = (3/8)^2 - (1/4)^2."""
    problem, exact = _prepare(HardwareEfficient(2, 1, ("rx",)), Projector(2), 1), 9 / 64 - 1 / 16
    bounds = np.array([exclusion(problem, 0, np.ones(1, dtype=bool), 4, seed) for seed in range(200)])
    assert (bounds >= exact).mean() >= 0.95 and np.median(bounds) < 1.3 * exact


def test_what_is_too_small_for_a_float_is_not_zero():
    for layers in (1, 2):  # resolved, and not
        found = walk_moments(HardwareEfficient(1200, layers, ("rx",)), Projector(1200), walks=64)
        assert (found.upper_bound > 0).all() and found.total_upper_bound > 0 and found.log2_total < -1500
    for scale in (1e-200, 1e100):  # of one family with cross terms, and of two without
        H = {"IZ": scale, "ZZ": -0.5 * scale}
        for circuit in (PauliRotations(2, ["ZI", "IX"]), HardwareEfficient(2, 2)):
            found = walk_moments(circuit, PauliSum(H), walks=2**12)
            plain = walk_moments(circuit, PauliSum({s: c / scale for s, c in H.items()}), walks=2**12)
            assert found.log2_cost_variance - plain.log2_cost_variance == pytest.approx(2 * np.log2(scale))
            np.testing.assert_allclose(found.relative_stderr, plain.relative_stderr, atol=1e-6)
            np.testing.assert_array_equal(found.upper_bound > 0, plain.upper_bound > 0)
