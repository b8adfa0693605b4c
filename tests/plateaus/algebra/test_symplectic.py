"""Strings as vectors against dense matrices: products with their phase, commutation, the quadratic form."""

import itertools

import numpy as np
import reference

from qbp.plateaus.algebra.symplectic import (
    Span,
    anticommute,
    commutation,
    hyperbolic,
    product,
    spelled,
    vector,
)

PAIRS = ["".join(letters) for letters in itertools.product("IXYZ", repeat=2)]


def test_products_and_commutators_of_all_pairs_are_those_of_matrices():
    for a, b in itertools.product(PAIRS, repeat=2):
        v, power = product(vector(a), vector(b), 2)
        left, right = reference.pauli(a), reference.pauli(b)
        assert np.array_equal(1j**power * reference.pauli(spelled(v, 2)), left @ right)
        assert anticommute(vector(a), vector(b), 2) == (not np.array_equal(left @ right, right @ left))


def test_the_table_of_commutation_is_that_of_pairs():
    rng = np.random.default_rng(0)
    for n in (1, 3, 8, 13):
        vectors = [int(v) for v in rng.integers(1, 4**n, 9)]
        pairs = [[anticommute(u, v, n) for v in vectors] for u in vectors]
        assert commutation(vectors, n).tolist() == pairs


def test_the_form_of_a_product_counts_pairs_that_anticommute():
    rng = np.random.default_rng(1)
    for _ in range(50):
        vectors = list(dict.fromkeys(int(v) for v in rng.integers(1, 4**4, 6)))
        span = Span(4, vectors)
        if not span.consistent:
            continue
        for size in range(1, len(vectors) + 1):
            for some in itertools.combinations(vectors, size):
                v = 0
                for u in some:
                    v ^= u
                pairs = sum(anticommute(a, b, 4) for a, b in itertools.combinations(some, 2))
                left, q = span.reduce(v)
                assert left == 0 and q == (size + pairs) % 2


def test_a_space_splits_into_pairs_and_what_commutes_with_all():
    rng = np.random.default_rng(2)
    for _ in range(50):
        n = int(rng.integers(1, 6))
        span = Span(n, [int(v) for v in rng.integers(1, 4**n, 5)])
        pairs, _, radical = hyperbolic(span.basis(), n)
        assert 2 * pairs + len(radical) == len(span)
        vectors = [v for v, _ in span.basis()]
        assert not any(anticommute(r, v, n) for r, _ in radical for v in vectors)
        rank = np.linalg.matrix_rank(commutation(vectors, n).astype(float))  # at least the rank modulo 2
        assert 2 * pairs <= rank
