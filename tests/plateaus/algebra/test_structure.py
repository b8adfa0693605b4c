"""The classification of Pauli Lie algebras against closure: of strings, and of dense matrices."""

import itertools
from collections import Counter

import numpy as np
import pytest
import reference

from qbp.plateaus.algebra.structure import components
from qbp.plateaus.algebra.symplectic import anticommute, spelled, vector


def closure(strings, n):
    """All strings that nested commutators reach."""
    found, todo = set(strings), list(strings)
    while todo:
        v = todo.pop()
        for s in strings:
            if anticommute(v, s, n) and (w := v ^ s) not in found:
                found.add(w)
                todo.append(w)
    return found


def dense_dimension(strings):
    """Dimension of the real span of nested commutators of dense matrices."""
    basis = []

    def adds(matrix):
        rest = matrix / np.linalg.norm(matrix)
        for _ in range(2):
            for b in basis:
                rest = rest - np.vdot(b, rest).real * b
        if (size := np.linalg.norm(rest)) > 1e-6:
            basis.append(rest / size)
        return size > 1e-6

    generators = [1j * reference.pauli(s) for s in strings]
    todo = list(generators)
    while todo:
        if adds(todo.pop()):
            brackets = [g @ basis[-1] - basis[-1] @ g for g in generators]
            todo += [b for b in brackets if np.linalg.norm(b) > 1e-9]
    return len(basis)


def random_strings(rng, n_max, m_max):
    n = int(rng.integers(1, n_max + 1))
    share = rng.choice([0.3, 0.5, 0.8])
    letters = rng.choice(list("XYZ"), (int(rng.integers(1, m_max + 1)), n))
    letters[rng.random(letters.shape) > share] = "I"
    words = dict.fromkeys("".join(row) for row in letters)
    return [w for w in words if set(w) != {"I"}], n


def test_the_strings_of_1500_random_algebras_are_those_of_their_closure():
    rng, kinds = np.random.default_rng(0), Counter()
    for _ in range(1500):
        words, n = random_strings(rng, 5, 10)
        vectors = [vector(w) for w in words]
        parts, centre = components(vectors, n)
        found = [*centre, *(v for part in parts for v in part.elements())]
        assert set(found) == closure(vectors, n) and len(set(found)) == len(found), words
        assert all(len(list(part.elements())) == part.dimension for part in parts)
        kinds.update((part.kind, part.labels is None) for part in parts)
    assert min(kinds[kind, True] for kind in ("so", "su", "sp")) > 10 and kinds["so", False] > 5


def test_a_string_is_in_an_algebra_exactly_if_closure_reaches_it():
    rng = np.random.default_rng(1)
    for _ in range(120):
        words, n = random_strings(rng, 4, 9)
        vectors = [vector(w) for w in words]
        parts, centre = components(vectors, n)
        reached = closure(vectors, n)
        for v in range(1, 4**n):
            assert (v in centre or any(part.contains(v) for part in parts)) == (v in reached), words


def test_dimensions_are_those_of_dense_nested_commutators():
    rng = np.random.default_rng(2)
    for _ in range(25):
        words, n = random_strings(rng, 3, 7)
        parts, centre = components([vector(w) for w in words], n)
        assert sum(part.dimension for part in parts) + len(centre) == dense_dimension(words), words


def test_labels_are_pairs_that_share_one_label_where_strings_anticommute():
    rng, seen = np.random.default_rng(3), 0
    for _ in range(800):
        words, n = random_strings(rng, 5, 9)
        parts, _ = components([vector(w) for w in words], n)
        for part in parts:
            if part.labels is None:
                continue
            for (s, a), (t, b) in itertools.combinations(
                zip(part.strings, part.labels.pairs, strict=True), 2
            ):
                assert anticommute(s, t, n) == (len({*a} & {*b}) == 1)
                seen += 1
    assert seen > 1000


@pytest.mark.parametrize("seed", range(4))
def test_labels_are_found_whatever_the_order_and_the_clifford_frame(seed):
    """Pairs of Majorana operators drawn at random: a connected graph of pairs gives so(number of labels)."""
    rng, n = np.random.default_rng(seed), 8
    majorana = []
    for q in range(n):
        tail = sum(1 << (n - 1 - p) for p in range(q))  # Z on the qubits before
        x, z = 1 << (2 * n - 1 - q), 1 << (n - 1 - q)
        majorana += [tail | x, tail | x | z]
    for by in rng.integers(1, 4**n, 20).tolist():  # a random Clifford
        majorana = [m ^ by if anticommute(m, by, n) else m for m in majorana]
    for labels in (5, 7, 9, 12, 16):
        tree = [(int(rng.integers(k)), k) for k in range(1, labels)]
        pairs = tree + [tuple(sorted(rng.choice(labels, 2, replace=False).tolist())) for _ in range(labels)]
        strings = list(dict.fromkeys(majorana[a] ^ majorana[b] for a, b in pairs))
        (part,), centre = components([strings[i] for i in rng.permutation(len(strings))], n)
        assert not centre and part.dimension == labels * (labels - 1) // 2, labels
        assert len(part.roots) == labels


def test_every_small_connected_graph_of_generators():
    """Graphs without twins and with them, dense ones too: joins of edges have no long path to begin with."""
    rng, n = np.random.default_rng(4), 4
    for _ in range(1000):
        vectors = list(dict.fromkeys(int(v) for v in rng.integers(1, 4**n, int(rng.integers(4, 8)))))
        parts, centre = components(vectors, n)
        found = sum(p.dimension for p in parts) + len(centre)
        assert found == len(closure(vectors, n)), [spelled(v, n) for v in vectors]


@pytest.mark.parametrize("n", [100, 1000])
def test_families_at_a_thousand_qubits_have_their_closed_forms(n):
    x = [1 << (2 * n - 1 - q) for q in range(n)]
    z = [1 << (n - 1 - q) for q in range(n)]
    zz = [a | b for a, b in itertools.pairwise(z)]
    (chain,), _ = components(x + zz, n)
    assert str(chain) == f"so({2 * n})" and chain.dimension == n * (2 * n - 1)
    (ring,), _ = components([*x, *zz, z[0] | z[-1]], n)
    assert str(ring) == f"2 so({2 * n})" and ring.dimension == 2 * n * (2 * n - 1)
    (full,), _ = components(x + z + zz, n)
    assert full.dimension == 4**n - 1 and str(full) == f"su(2^{n})"
    apart, _ = components(x + z, n)
    assert [str(part) for part in apart] == ["su(2)"] * n
