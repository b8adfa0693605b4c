"""Algebras of sums: dimensions of closed forms, types of what strings generate, an orthonormal basis."""

import numpy as np
import pytest

import qbp
from qbp.plateaus.algebra.closure import close, simple_ideals
from qbp.plateaus.algebra.structure import components
from qbp.plateaus.algebra.symplectic import vector


def ising(n, periodic):
    """The two sums of an Ising chain, on a ring or open."""
    terms = qbp.tfim(n, periodic=periodic).terms
    return [{vector(p): c for p, c in terms.items() if ("X" in p) is field} for field in (False, True)]


def types(parts):
    return sorted((part.kind, part.size) for part in parts for _ in range(part.copies))


@pytest.mark.parametrize("n", [3, 4, 6, 8])
def test_shared_angles_of_an_open_chain_give_u_n(n):
    found = close(ising(n, False), n, 100)
    ideals, centre = simple_ideals(found)
    assert len(found.basis) == n**2 and types(part for part, _ in ideals) == [("su", n)] and len(centre) == 1


@pytest.mark.parametrize("n", [3, 4, 6, 8])
def test_shared_angles_of_a_ring_give_spins(n):
    found = close(ising(n, True), n, 100)
    ideals, centre = simple_ideals(found)
    assert len(found.basis) == 3 * n - 1
    assert types(part for part, _ in ideals) == [("su", 2)] * (n - 1) and len(centre) == 2


def test_the_basis_is_orthonormal_and_ideals_are_orthogonal():
    found = close(ising(5, False), 5, 100)
    assert abs(found.basis @ found.basis.T - np.eye(25)).max() < 1e-12
    ideals, centre = simple_ideals(close(ising(5, True), 5, 100))
    rows = np.concatenate([*(basis for _, basis in ideals), centre])
    assert abs(rows @ rows.T - np.eye(14)).max() < 1e-10


def test_strings_taken_as_sums_have_the_types_that_their_graph_says():
    rng = np.random.default_rng(0)
    for _ in range(60):
        n = int(rng.integers(1, 4))
        strings = list(dict.fromkeys(int(v) for v in rng.integers(1, 4**n, int(rng.integers(1, 7)))))
        parts, centre = components(strings, n)
        ideals, rest = simple_ideals(close([{s: 0.7} for s in strings], n, 100))
        assert types(part for part, _ in ideals) == types(parts) and len(rest) == len(centre)


@pytest.mark.parametrize(
    "strings, expected",
    [
        (["XII", "ZZI", "IXI", "IZZ", "IIX", "IIZ"], ("so", 7)),
        (["XII", "ZII", "IYI", "IIY", "XZI", "IYX", "IXY", "IYZ"], ("sp", 4)),
    ],
)
def test_orthogonal_and_symplectic_algebras_of_one_rank_are_told_apart(strings, expected):
    """so(7) and sp(3) share dimension and rank; so do so(9) and sp(4)."""
    ideals, _ = simple_ideals(close([{vector(s): 1.0} for s in strings], 3, 100))
    assert types(part for part, _ in ideals) == [expected]


def test_a_larger_algebra_than_the_cap_is_refused():
    with pytest.raises(ValueError, match=r"generators must be .* of dimension up to 20, the cap"):
        close(ising(6, False), 6, 20)
