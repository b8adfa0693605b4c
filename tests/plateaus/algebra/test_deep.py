"""Moments over the group of a circuit: against dense second moments of endless layers, and closed forms."""

from functools import reduce

import numpy as np
import pytest
import reference
import torch

import qbp
from qbp import HamiltonianVariational, HardwareEfficient, PauliRotations, PauliSum, deep_variance
from qbp.circuits.gates import Rotation
from qbp.plateaus.algebra.deep import from_algebra
from qbp.plateaus.algebra.examples import FAMILIES, family
from qbp.plateaus.sampling import random_angles


def generators(circuit):
    """Of each angle the matrix that it turns, sum of scale times Pauli string."""
    found = {}
    for gate in circuit.program:
        assert isinstance(gate, Rotation)
        found[gate.parameter] = found.get(gate.parameter, 0) + gate.scale * reference.pauli(gate.pauli)
    return list(found.values())


def twirl(moment, generator):
    """Average (U x U) M (U x U)^+ over one angle: keep what commutes with G x 1 + 1 x G."""
    values, vectors = np.linalg.eigh(generator)
    basis = np.kron(vectors, vectors)
    total = np.add.outer(values, values).ravel()
    kept = abs(np.subtract.outer(total, total)) < 1e-9
    return basis @ ((basis.conj().T @ moment @ basis) * kept) @ basis.conj().T


def dense_moments(circuit, H):
    """Mean and variance of <H> after endless layers: projections in turn converge to the intersection."""
    state = reference.start_state(circuit.n_qubits, circuit.start)
    rho = np.outer(state, state.conj())
    moment, old = np.kron(rho, rho), 0
    while abs(moment - old).max() > 1e-13:
        old, moment = moment, reduce(twirl, generators(circuit), moment)
    observable = reference.pauli_sum(H.terms)
    one = np.kron(observable, np.eye(len(rho)))
    mean = np.trace(moment @ one).real
    return mean, np.trace(moment @ np.kron(observable, observable)).real - mean**2


def product_start(n, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 2)) + 1j * rng.normal(size=(n, 2))
    return [tuple(row / np.linalg.norm(row)) for row in rows]


def agrees(circuit, H):
    found = deep_variance(circuit, H)
    mean, variance = dense_moments(circuit, H)
    assert found.mean == pytest.approx(mean, abs=1e-9)
    assert found.variance == pytest.approx(variance, abs=1e-9)
    again = from_algebra(qbp.lie_algebra(circuit), circuit, H)
    assert (again.mean, again.variance) == (found.mean, found.variance)
    return found


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "hardware-efficient"])
def test_families_have_the_moments_of_endless_dense_layers(name):
    found = family(name, 3, 1)
    assert agrees(found.circuit, found.H).variance > 0


def test_random_strings_and_sums_from_stabilizer_and_other_starts():
    """Sums whose terms interfere, too: strings that differ by one that commutes with the component."""
    rng, interfering = np.random.default_rng(0), 0
    for case in range(30):
        n = int(rng.integers(2, 4))
        strings = ["".join(rng.choice(list("IXYZ"), n)) for _ in range(int(rng.integers(3, 6)))]
        strings = [s for s in strings if set(s) != {"I"}] or ["X" * n]
        start = ["zero", "plus", product_start(n, case)][case % 3]
        circuit = PauliRotations(n, strings, start=start)
        algebra = qbp.lie_algebra(circuit)
        words = ["".join(w) for w in np.array(np.meshgrid(*[list("IXYZ")] * n)).reshape(n, -1).T]
        inside = [w for w in words if set(w) != {"I"} and algebra.contains(PauliSum({w: 1.0}))]
        H = PauliSum({w: float(rng.normal()) for w in inside} | {"I" * n: 0.3})
        agrees(circuit, H)
        interfering += any(part.copies > 1 for part in algebra.components)
    assert interfering > 3


@pytest.mark.parametrize("start", ["plus", "zero"])
@pytest.mark.parametrize("periodic", [False, True])
def test_shared_angles(start, periodic):
    H = qbp.tfim(3, coupling=0.7, field=0.4, periodic=periodic)
    agrees(HamiltonianVariational(H, 1, start=start), H)
    agrees(HamiltonianVariational(H, 1, start=product_start(3, 1)), H)


@pytest.mark.parametrize("n", [4, 8, 30, 200])
def test_closed_forms_of_an_ising_chain(n):
    chain = ["I" * q + "X" + "I" * (n - 1 - q) for q in range(n)]
    chain += ["I" * q + "ZZ" + "I" * (n - 2 - q) for q in range(n - 1)]
    zz, x = (PauliSum({word.ljust(n, "I"): 1.0}) for word in ("ZZ", "X"))
    found = deep_variance(PauliRotations(n, chain), zz).variance
    assert found == pytest.approx((n - 1) / (n * (2 * n - 1)), rel=1e-12)
    found = deep_variance(PauliRotations(n, chain, start="plus"), x).variance
    assert found == pytest.approx(1 / (2 * n - 1), rel=1e-12)
    field = PauliSum(dict.fromkeys(chain[:n], 1.0))  # the sum over the chain does not shrink
    assert deep_variance(PauliRotations(n, chain, start="plus"), field).variance == pytest.approx(
        n / (2 * n - 1)
    )


@pytest.mark.parametrize("n", [3, 10, 60])
def test_closed_forms_of_a_two_design(n):
    circuit = HardwareEfficient(n, 3, start=product_start(n, 0))
    found = deep_variance(circuit, PauliSum({"ZX".ljust(n, "I"): 2.0}))
    assert found.variance == pytest.approx(4 / (2**n + 1), rel=1e-12)
    assert found.shares[0].start == pytest.approx(2**n - 1) and found.shares[0].observable == 4


def test_an_exponential_algebra_beyond_floats():
    n = 600  # 4^n is above 1e308
    words = ["X", "Z", "ZZ"]
    strings = [("I" * q + w).ljust(n, "I") for w in words for q in range(n + 1 - len(w))]
    found = deep_variance(PauliRotations(n, strings), PauliSum({"ZX".ljust(n, "I"): 1.0}))
    assert found.variance == pytest.approx(2.0**-n, rel=1e-12) and found.algebra.dimension == 4**n - 1
    assert found.shares[0].start == pytest.approx(2.0**n, rel=1e-12)
    with pytest.raises(ValueError, match="start state too"):
        chain = [s for s in strings if "Z" not in s or "ZZ" in s]
        deep_variance(PauliRotations(n, chain), PauliSum({"Z".ljust(n, "I"): 1.0}))


def test_deep_circuits_with_cnots_have_the_variance_of_their_algebra():
    circuit = HardwareEfficient(4, 40, entangler="cnot", topology="ring")
    H = PauliSum({"ZIIZ": 1.0, "IXII": 0.5})
    values = circuit.expectation(random_angles(0, range(6000), circuit.n_params), H)
    spread = ((values - values.mean()) ** 2).mean()
    error = (((values - values.mean()) ** 4).mean() - spread**2).sqrt() / len(values) ** 0.5
    assert abs(spread - deep_variance(circuit, H).variance) < 4 * error
    assert torch.is_tensor(values)


def test_an_observable_outside_is_refused():
    circuit = PauliRotations(3, ["XII", "IXI", "IIX", "ZZI", "IZZ"])
    with pytest.raises(ValueError, match="H must be in the Lie algebra of circuit, or the start state in it"):
        deep_variance(circuit, PauliSum({"ZII": 1.0}))
    with pytest.raises(ValueError, match="1 of 1 terms outside"):
        deep_variance(HamiltonianVariational(qbp.tfim(3), 1), PauliSum({"XII": 1.0}))


def test_what_no_generator_moves_is_a_part_of_the_mean():
    circuit = PauliRotations(2, ["XI", "ZI"])
    found = agrees(circuit, PauliSum({"ZI": 1.0, "IZ": 2.0, "II": 3.0}))
    assert found.mean == 5 and found.variance == pytest.approx(1 / 3)


def test_bad_arguments_are_refused_by_name():
    circuit = PauliRotations(2, ["XI", "ZI"])
    with pytest.raises(TypeError, match="circuit must be a Circuit"):
        deep_variance(["XI"], PauliSum({"ZI": 1.0}))
    with pytest.raises(TypeError, match="H must be a PauliSum"):
        deep_variance(circuit, qbp.Projector(2))
    with pytest.raises(ValueError, match="H must act on 2 qubits, got 1"):
        deep_variance(circuit, PauliSum({"Z": 1.0}))
