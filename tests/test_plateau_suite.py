"""Labels of the plateau suite against arithmetic, the Lie algebras, and circuits that are run.

The labels stand in benchmarks/plateau_suite.toml; here no tool is scored.
"""

import math
import re

import numpy as np
import pytest
import torch
from pybtex.database import parse_file
from test_references import ROOT

import qbp
from benchmarks import plateau_suite as suite
from qbp.plateaus.algebra.deep import deep_variance
from qbp.plateaus.algebra.examples import family

ENTRIES = {entry.name: entry for entry in suite.entries()}
WITH_FORMULA = [name for name, entry in ENTRIES.items() if entry.variance]
WITH_DEAD = [name for name, entry in ENTRIES.items() if entry.dead]
ALGEBRAS = [name for name, entry in ENTRIES.items() if entry.build == "algebra"]
DEEP = 0.25  # what a circuit of these depths may be off the limit of deep ones, at the smallest size
LARGE = 64  # qubits at which formulas are taken for those in the limit; a power of two, for trees


def of(entry, verdict):
    return sum(other.set == entry and other.verdict == verdict for other in ENTRIES.values())


def test_there_are_enough_of_each_kind():
    assert len(ENTRIES) == len(suite.entries())
    assert of("suite", "plateau") + of("suite", "no plateau") >= 30
    assert of("suite", "plateau") >= 15 and of("suite", "no plateau") >= 15
    assert of("trainable", "plateau") == 0 and of("trainable", "no plateau") >= 20


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_says_what_it_must(name):
    entry = ENTRIES[name]
    listed = parse_file(ROOT / "book" / "references.bib").entries
    plateau = entry.verdict == "plateau"
    assert entry.verdict in suite.VERDICTS and entry.set in suite.SETS
    assert entry.sources and set(entry.sources) <= set(listed)
    assert set(entry.causes) <= set(suite.CAUSES) and bool(entry.causes) == plateau
    assert (entry.rate is not None or entry.at_least is not None) == plateau
    assert len(entry.sizes) >= 4 and sorted(set(entry.sizes)) == list(entry.sizes)  # a rate needs four
    assert entry.why.endswith(".")


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_builds_at_its_sizes(name):
    entry = ENTRIES[name]
    for n in (entry.sizes[0], entry.sizes[-1]):
        circuit, H, ensemble = entry.at(n)
        assert circuit.n_qubits == H.n_qubits == n and circuit.n_params
        assert (ensemble is None) == (not entry.ensemble and not entry.noise)
        if entry.dead:
            assert entry.dead_at(n) < set(range(circuit.n_params))


@pytest.mark.parametrize("name", WITH_FORMULA)
def test_the_rate_is_that_of_the_formula(name):
    entry = ENTRIES[name]
    lost = math.log2(entry.cost_variance(LARGE) / entry.cost_variance(2 * LARGE))
    if entry.verdict == "plateau":
        assert lost / LARGE == pytest.approx(entry.rate, rel=0.02)
    else:
        assert lost < 3  # a power of n no higher than the third


@pytest.mark.parametrize("name", WITH_FORMULA)
def test_the_formula_is_that_of_the_circuit(name):
    entry = ENTRIES[name]
    n = next(n for n in entry.sizes if n > 2)
    circuit, H, ensemble = entry.at(n)
    shared = isinstance(circuit, qbp.UCCSD | qbp.HamiltonianVariational)
    engine = "pauli-walk" if entry.deep and not shared else "statevector"
    samples = 500 if entry.noise or entry.deep else 4000
    found = qbp.gradient_variance(circuit, H, samples, engine=engine, ensemble=ensemble, walks=2**13)
    off = abs(float(found.cost_variance) - entry.cost_variance(n))
    assert off < 5 * float(found.cost_stderr) + entry.deep * DEEP * entry.cost_variance(n) + 1e-12


@pytest.mark.parametrize("name", WITH_DEAD)
def test_the_dead_parameters_are_those_without_a_gradient(name):
    entry = ENTRIES[name]
    circuit, H, ensemble = entry.at(n := entry.sizes[0])
    if entry.noise:
        variance = qbp.gradient_variance(circuit, H, 20, engine="statevector", ensemble=ensemble).variance
    else:
        theta = 2 * torch.pi * torch.rand(20, circuit.n_params, generator=torch.Generator().manual_seed(1))
        variance = circuit.value_and_gradient(theta.double(), H)[1].square().mean(0)
    assert set(np.flatnonzero(variance < 1e-25).tolist()) == entry.dead_at(n)


@pytest.mark.parametrize("name", ALGEBRAS)
def test_deep_circuits_have_the_variance_of_their_algebra(name):
    entry = ENTRIES[name]
    sizes = [n for n in entry.sizes if n <= 8 and n % 2 == 0]
    found = [deep_variance(*family(entry.options["family"], n, 1)[1:]).variance for n in sizes]
    if entry.variance:
        assert found == pytest.approx([entry.cost_variance(n) for n in sizes])
    lost = math.log2(found[-2] / found[-1]) / 2
    if entry.verdict == "plateau":
        assert lost == pytest.approx(entry.rate, abs=0.05)
    else:
        assert lost < 1.5 * math.log2(sizes[-1] / sizes[-2])  # n^-1.5, for two qubits more


def test_a_bound_is_no_estimate():
    (entry,) = [entry for entry in ENTRIES.values() if entry.at_least]
    factor = 1 - 4 * entry.noise["depolarizing"] / 3
    assert entry.rate is None and entry.at_least == pytest.approx(-2 * math.log2(factor))
    for n in (3, 4):
        circuit, H, ensemble = entry.at(n)
        found = qbp.gradient_variance(circuit, H, 40, ensemble=ensemble, engine="statevector")
        assert 0 < float(found.cost_variance) < 2 ** (-entry.at_least * n)


def test_qubits_of_the_scrambled_input_are_nearly_mixed():
    entry = ENTRIES["one layer on a scrambled input"]
    sizes, found = [4, 6, 8, 10], []
    for n in sizes:
        circuit = entry.at(n).circuit
        state = circuit.state(torch.zeros(circuit.n_params, dtype=torch.float64))
        spins = qbp.local_observables(n, "XZ")
        found.append(sum(float(spin.expectation(state)) ** 2 for spin in spins) / (2 * n))
    slope = np.polyfit(sizes, np.log2(found), 1)[0]  # RY of uniform angles: (<X>^2 + <Z>^2)/2 a qubit
    assert -slope == pytest.approx(entry.rate, abs=0.3)


@pytest.mark.parametrize("text", ["__import__('os')", "n.real", "lambda: n", "[k for k in n if q]", "open"])
def test_a_formula_is_arithmetic_alone(text):
    with pytest.raises((ValueError, TypeError), match=re.compile("formula|iterable")):
        suite.formula(text, 4)
