"""The 2-design value against Haar random unitaries and against what a deep circuit does."""

import numpy as np
import pytest
import reference

import qbp
from qbp.plateaus.two_design import two_design_variance


def haar(rng, d):
    z = rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))
    q, r = np.linalg.qr(z)
    return q * (np.diag(r) / abs(np.diag(r)))


@pytest.mark.parametrize("H", [qbp.PauliSum({"ZZ": 1.5, "XI": -0.5, "II": 3.0}), qbp.Projector(2)])
def test_it_is_the_mean_over_haar_random_unitaries(H):
    """E = <0|A^+ exp(i t P/2) B^+ H B exp(-i t P/2) A|0>, whose derivative is <i/2 [P, H']>."""
    rng, n = np.random.default_rng(0), 2
    matrix = np.diag([1.0, 0, 0, 0]) if isinstance(H, qbp.Projector) else reference.pauli_sum(H.terms)
    P = reference.pauli("ZX")
    squares = []
    for _ in range(4000):
        a, b = haar(rng, 2**n)[:, 0], haar(rng, 2**n)
        seen = b.conj().T @ matrix @ b
        squares.append((0.5j * (a.conj() @ (P @ seen - seen @ P) @ a)).real ** 2)
    mean, error = np.mean(squares), np.std(squares) / len(squares) ** 0.5
    assert abs(mean - two_design_variance(H)) < 4 * error and error < 0.05 * mean


def test_closed_forms():
    for n in (1, 3, 10):
        d = 2**n
        string = qbp.PauliSum({"Z" * n: 1.0})
        assert two_design_variance(string) == pytest.approx(d**2 / (2 * (d**2 - 1) * (d + 1)))
        assert two_design_variance(qbp.Projector(n)) == pytest.approx(1 / (2 * (d + 1) ** 2))
    assert two_design_variance(qbp.PauliSum({"II": 7.0})) == 0


def test_anything_else_is_refused():
    with pytest.raises(TypeError, match="H must be a PauliSum or a Projector, got 'int'"):
        two_design_variance(3)
