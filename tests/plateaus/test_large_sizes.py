"""Formulas at sizes where 2^n is no float, against fractions; and sizes that numpy counts."""

import math
from fractions import Fraction

import numpy as np
import pytest

import qbp
from qbp.plateaus.expressibility import haar_frame_potential
from qbp.plateaus.noise_moments import gradient_bound, scrambled_factor
from qbp.plateaus.two_design import two_design_variance

SIZES = [1, 2, 31, 64, 511, 512, 513, 1023, 1024, 1025, 2000]


def bits(value):
    """Base-2 logarithm of a fraction of any size."""
    shift = value.denominator.bit_length() - value.numerator.bit_length()
    return math.log2(float(value * Fraction(2) ** shift)) - shift


def same(found, expected):
    """Equal to rounding, or both below what a float resolves, or above all floats."""
    assert isinstance(found, float)
    if expected == 0 or bits(expected) < -1060:
        return found <= 2.0**-1060
    if bits(expected) > 1024:
        return found == math.inf
    return abs(Fraction(found) / expected - 1) < 1e-12


@pytest.mark.parametrize("n", SIZES)
def test_formulas_hold_at_any_size(n):
    d, p = 2**n, Fraction(1, 7)
    string, q = qbp.PauliSum({"Z" * n: 0.5, "I" * n: 2.0}), (1 - 4 * p / 3) ** 2
    assert same(two_design_variance(qbp.Projector(n)), Fraction(1, 2 * (d + 1) ** 2))
    assert same(two_design_variance(string), Fraction(d**2, 8 * (d**2 - 1) * (d + 1)))
    assert same(haar_frame_potential(d, 2), Fraction(2, d * (d + 1)))
    for noise, kept in ((1 / 7, q), (0.0, Fraction(1)), (0.75, Fraction(0)), (1.0, Fraction(1, 9))):
        assert same(scrambled_factor(n, noise), ((1 + 3 * kept) ** n - 1) / (4**n - 1))
    for layers in (0, 3, 6000):
        square = (1 - 4 * p / 3) ** (2 * layers) * (d - 1) / 4
        root = Fraction(math.isqrt(int(square * 2**20000)), 2**10000)
        assert same(gradient_bound(string, 1 / 7, layers), root)
    assert gradient_bound(string, 0.75, 1) == gradient_bound(qbp.PauliSum({"I" * n: 1.0}), 0.1, 1) == 0


def test_coefficients_whose_squares_are_no_floats():
    assert gradient_bound(qbp.PauliSum({"Z": 1e300}), 0.0, 0) == pytest.approx(1e300)
    assert two_design_variance(qbp.PauliSum({"Z": 1e300})) == math.inf


@pytest.mark.parametrize("n", np.arange(28, 70))
def test_a_size_of_numpy_is_the_same_size(n):
    plain = int(n)
    projector = qbp.Projector(n)
    assert type(projector.n_qubits) is int and projector == qbp.Projector(plain)
    assert two_design_variance(projector) == two_design_variance(qbp.Projector(plain)) > 0
    assert scrambled_factor(n, 0.01) == scrambled_factor(plain, 0.01)
    circuit = qbp.HardwareEfficient(n, np.int64(2))
    assert circuit == qbp.HardwareEfficient(plain, 2) and type(circuit.n_layers) is int
    for make in (qbp.tfim, qbp.heisenberg):
        H = make(n)
        assert make(plain) == H and type(H.n_qubits) is int
    assert haar_frame_potential(2**plain, np.int64(2)) == haar_frame_potential(2**plain, 2)
    bound = gradient_bound(qbp.tfim(n), np.float32(0.25), np.int64(3))
    assert bound == gradient_bound(qbp.tfim(plain), 0.25, 3)
