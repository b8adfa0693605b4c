"""Diagnoses of circuits whose variances, light cones and causes are known."""

import json
import math
import time

import numpy as np
import pytest
import torch

import qbp
from qbp import AngleEnsemble, GateNoise, HardwareEfficient, PauliSum, Projector
from qbp.circuits.gates import Rotation
from qbp.interchange.qasm.reader import read_qasm
from qbp.plateaus.algebra import lie_algebra
from qbp.plateaus.diagnosis import measures
from qbp.plateaus.diagnosis.changes import Case, small_algebra
from qbp.plateaus.diagnosis.report import CAUSES, VERDICTS
from qbp.plateaus.diagnosis.simulability import simulability, tied
from qbp.plateaus.diagnosis.words import SAYS

SIZES = [4, 6, 8, 10]
FAST = {"samples": 64, "walks": 2**14}


def product(n):
    return HardwareEfficient(n, 1, rotations=["rx"]), Projector(n)


def regular(n, degree, seed):
    """Edges of a random regular graph: stubs are paired until no edge is a loop or double."""
    rng = np.random.default_rng(seed)
    while True:
        stubs, edges = rng.permutation(np.repeat(np.arange(n), degree)).tolist(), set()
        while stubs:
            a = stubs.pop()
            fits = [i for i, b in enumerate(stubs) if b != a and (min(a, b), max(a, b)) not in edges]
            if not fits:
                break
            b = stubs.pop(int(rng.choice(fits)))
            edges.add((min(a, b), max(a, b)))
        if 2 * len(edges) == n * degree:
            return sorted(edges)


@pytest.fixture(scope="module")
def plateau():
    return qbp.diagnose(*product(8), family=product, sizes=SIZES, **FAST)


def test_a_global_cost_is_a_plateau_by_its_observable(plateau):
    """(1/8)(3/8)^(n-1), Cerezo et al. 2021."""
    assert plateau.verdict == "plateau" and plateau.causes[0].name == "global-observable"
    assert plateau.rate.low < math.log2(3 / 8) < plateau.rate.high and plateau.rate.sizes == tuple(SIZES)
    exact = math.log2(1 / 8) + 7 * math.log2(3 / 8)
    assert abs(plateau.gradient.log2 - exact) < 4 * max(plateau.gradient.stderr, 0.01)
    for group in plateau.groups:
        assert (
            group.kind == "RX"
            and group.parameters == 8
            and group.variance == pytest.approx(2**exact, rel=0.05)
        )


def test_its_report_is_plain_and_complete(plateau):
    found = json.loads(json.dumps(plateau.json(), allow_nan=False))
    assert found["schema"] == 1 and found["verdict"] in VERDICTS
    assert (
        found["rate"]["sizes"] == SIZES
        and {c["name"] for c in found["changes"]} <= CAUSES.keys() == SAYS.keys()
    )
    page = str(plateau)
    assert page.startswith("Plateau") and "Could a laptop do it? Yes." in page and "-1.4" in page


def test_a_local_cost_is_none():
    """1 / (8 n^2), Cerezo et al. 2021."""

    def family(n):
        z = {"I" * q + "Z" + "I" * (n - 1 - q): -0.5 / n for q in range(n)}
        return HardwareEfficient(n, 1, rotations=["rx"]), PauliSum(z)

    found = qbp.diagnose(*family(6), family=[family(n) for n in SIZES], quick=True, **FAST)
    assert found.verdict == "no plateau" and found.rate.power_low < -2 < found.rate.power_high
    assert 2**found.gradient.log2 == pytest.approx(1 / (8 * 36), rel=0.3)


def test_one_size_is_never_a_plateau():
    found = qbp.diagnose(*product(12), quick=True, **FAST)
    assert found.verdict == "cannot say" and found.rate is None and found.reason == "one size, no rate"
    assert found.gradient.log2 < -15 and "One size, no rate" in str(found)


def test_a_constant_cost():
    circuit = HardwareEfficient(3, 2, rotations=["rz"])
    found = qbp.diagnose(circuit, qbp.tfim(3), **FAST)
    assert found.verdict == "no plateau" and [c.name for c in found.causes] == ["dead-parameters"]
    assert len(found.dead) == 6 and {d.reason for d in found.dead} == {"symmetry of the start"}
    assert found.shots is None and str(found)


def test_an_ising_chain_is_protected_by_its_algebra():
    def family(n):
        return qbp.HamiltonianVariational(qbp.tfim(n), 2 * n), qbp.tfim(n)

    found = qbp.diagnose(*family(4), family=family, sizes=[3, 4, 5, 6, 7, 8], samples=100, walks=2**13)
    assert found.verdict == "no plateau", found.reason
    assert found.causes[0].name == "small-algebra" and found.simulability.algebra_dimension == 16  # u(n)
    assert found.simulability.easy and not found.freed


@pytest.mark.parametrize(("n", "closed"), [(6, 1), (13, 0)])
def test_an_algebra_is_closed_once(n, closed, monkeypatch):
    """Shared angles are freed above 12 qubits, and strings need no closure; a projector has no formula."""
    count, close = [], lie_algebra.close
    monkeypatch.setattr(lie_algebra, "close", lambda *args: count.append(args) or close(*args))
    circuit, H = qbp.HamiltonianVariational(qbp.tfim(n), 3), qbp.tfim(n)
    effort = measures.Effort(samples=100, walks=2**11, seconds=0.01)
    seen = measures.measured(circuit, H, effort, measures.uniform)
    assert seen.freed == (n > 12)
    small_algebra(Case(circuit, H, seen))
    assert len(count) == closed
    assert not small_algebra(Case(circuit, Projector(n), seen)) and len(count) == closed


def test_small_angles_and_noise_are_named():
    def family(n):
        return HardwareEfficient(n, n), PauliSum({"ZZ" + "I" * (n - 2): 1.0})

    narrow = AngleEnsemble("gaussian", 0.05)
    calm = qbp.diagnose(*family(6), family=family, sizes=SIZES, ensemble=narrow, **FAST)
    assert calm.verdict == "no plateau" and calm.causes[0].name == "small-angles"

    def everywhere(n):  # every qubit is measured, so every gate is in a light cone
        return HardwareEfficient(n, n), PauliSum({"Z" * n: 1.0})

    noisy = AngleEnsemble("gaussian", 0.05, noise=GateNoise(depolarizing=0.05))
    loud = qbp.diagnose(*everywhere(4), family=everywhere, sizes=[3, 4, 5, 6], ensemble=noisy, **FAST)
    assert loud.verdict == "plateau" and loud.causes[0].name == "noise"


def test_shots_are_those_of_the_parameter_shift():
    """C = cos theta: with N shots shared by the two circuits the spread of the slope at 0 is g / 1.96."""
    one = HardwareEfficient(1, 1, rotations=["rx"])
    Z = PauliSum({"Z": 1.0})
    seen = measures.measured(one, Z, measures.Effort(samples=4000), measures.uniform)
    found = measures.shots(seen, one, Z)
    assert found.gradient == pytest.approx(0.5**0.5, rel=0.05) and found.deviation == 1
    count = max(1, round(found.shots * 1000 / 2))  # a thousand times as many, so that halves are whole
    outcomes = np.random.default_rng(0).choice([-1.0, 1.0], (4000, 2, count)).mean(axis=2)
    slope = (outcomes[:, 0] - outcomes[:, 1]) / 2
    assert slope.std() * 1000**0.5 == pytest.approx(found.gradient / 1.96, rel=0.05)


def test_settings_are_those_of_the_measurement_module():
    from qbp.circuits.hardware.measurement import settings

    for H in (qbp.tfim(4), qbp.heisenberg(3), PauliSum({"XYI": 1.0, "IYZ": 2.0, "XII": 1.0, "ZZZ": 1.0})):
        assert len(measures.together(H.terms)) == len(settings([H]))


def test_shared_angles_by_light_cones():
    """QAOA of depth one on a ring: <C> = n/2 + (n/4) sin(4 beta) sin(2 gamma) (Wang et al. 2018)."""
    n = 40
    circuit = qbp.QAOA([(q, (q + 1) % n) for q in range(n)], 1)
    found = tied(circuit, circuit.hamiltonian, measures.Effort(samples=2000))
    assert (found.terms, found.of_terms) == (n, n)
    assert abs(found.cost.log2 - math.log2(n**2 / 64)) < 4 * found.cost.stderr
    assert abs(found.mean.log2 - math.log2(5 * n**2 / 32)) < 4 * found.mean.stderr


def test_a_circuit_that_no_engine_serves_still_has_cones_and_dead_parameters():
    """A fixed gate by an odd angle stops walks; it commutes with H, so the closed form above stays."""
    n, last = 24, Rotation("Z" + "I" * 23, None, 1.0, 0.3)
    ring = qbp.QAOA([(q, (q + 1) % n) for q in range(n)], 1)
    circuit = qbp.BuiltCircuit(n, (*ring.program, last, Rotation("I" * 23 + "Z", 2)), ("a", "b", "c"), "plus")
    found = qbp.diagnose(circuit, ring.hamiltonian, samples=400)
    assert found.engine == "none" and math.isnan(found.gradient.log2) and found.shots is None
    assert [(d.index, d.reason) for d in found.dead] == [(2, "light cone")]
    assert abs(found.tied.cost.log2 - math.log2(n**2 / 64)) < 4 * found.tied.cost.stderr
    assert "cannot be known here" in found.unknown[-1] and json.dumps(found.json(), allow_nan=False)


def test_what_cannot_be_known_is_said():
    deep = qbp.QAOA(regular(30, 3, 0), 4)
    found = qbp.diagnose(deep, deep.hamiltonian, quick=True, walks=2**14)
    assert found.freed and found.tied is None and found.verdict == "cannot say"
    assert any("With shared angles the variance cannot be known here" in words for words in found.unknown)


def test_a_hundred_qubits_of_a_file_in_a_minute(tmp_path):
    """QAOA on a random graph, written out as CNOTs and RZ, with 6 shared angles."""
    circuit = qbp.QAOA(regular(100, 3, 7), 3)
    theta = torch.linspace(0.3, 1.1, 6, dtype=torch.float64)
    text = qbp.write_qasm(circuit, version=2, theta=theta)
    read = qbp.read_qasm(text, "equal").circuit
    assert read.n_params == 6
    began = time.process_time()
    found = qbp.diagnose(read, circuit.hamiltonian)
    assert time.process_time() - began < 60
    assert (found.n_qubits, found.n_rotations, found.n_params) == (100, 750, 6)
    assert found.freed and found.engine == "pauli-walk" and found.dead == ()
    assert (
        -9 < found.gradient.log2 < -3 and found.gradient.stderr < 0.1 and found.shots.low < found.shots.high
    )
    assert found.simulability.cone_qubits > 26 and not found.simulability.easy and len(found.unknown) == 3
    assert [g.kind for g in found.groups] == ["RZZ", "RX"] * 3


def test_a_family_keeps_its_shared_angles():
    """Sizes that state vectors do not hold are left out, and smaller ones filled in."""

    def family(n):
        ring = qbp.QAOA([(q, (q + 1) % n) for q in range(n)], 1)
        return ring, ring.hamiltonian

    found = qbp.diagnose(*family(4), family=family, sizes=[4, 26, 40], quick=True, samples=64, walks=2048)
    assert (
        len(found.rate.sizes) >= 4 and max(found.rate.sizes) < 26 and "an angle for each" not in found.reason
    )
    far = qbp.diagnose(*family(26), family=[family(n) for n in (26, 28, 30, 32)], quick=True, walks=2**14)
    assert "an angle for each rotation" in far.reason and far.rate.sizes == (26, 28, 30, 32)


def test_noise_where_no_walk_goes():
    """A fixed rotation by an odd angle stops walks; a density matrix serves up to eight qubits."""
    circuit = qbp.BuiltCircuit(2, (Rotation("XI", 0), Rotation("XI", None, 1.0, 0.3)), ("a",))
    loud = AngleEnsemble("full", noise=GateNoise(depolarizing=0.075))  # two gates: 0.9 each
    found = qbp.diagnose(circuit, PauliSum({"ZI": 1.0}), ensemble=loud, quick=True, samples=2000)
    assert found.engine == "statevector" and 2**found.gradient.log2 == pytest.approx(0.81**2 / 2, rel=0.1)


WRONG = {
    "circuit must be a Circuit": lambda: qbp.diagnose("a", qbp.tfim(2)),
    "H must be an observable on 2": lambda: qbp.diagnose(HardwareEfficient(2, 1), qbp.tfim(3)),
    "circuit must have a parameter": lambda: qbp.diagnose(
        qbp.BuiltCircuit(1, (Rotation("X", None, 1.0, 1.0),)), PauliSum({"Z": 1.0})
    ),
    "sizes must be left out": lambda: qbp.diagnose(*product(4), sizes=[4]),
    "a number of sizes": lambda: qbp.diagnose(*product(4), family=product, sizes=[1]),
    "family must have circuits of different": lambda: qbp.diagnose(*product(4), family=[product(4)] * 2),
    "family must give pairs": lambda: qbp.diagnose(*product(4), family=lambda n: n),
    "ensemble must be an AngleEnsemble": lambda: qbp.diagnose(*product(4), ensemble=3),
    "walks must be": lambda: qbp.diagnose(*product(4), walks=1),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments(message):
    with pytest.raises((TypeError, ValueError), match=message):
        WRONG[message]()


def test_rotations_in_cones_are_counted_without_those_of_fixed_angles():
    gates = "rx(0.3) q[0];\nrx(a) q[0];\nrz(0.2) q[1];\nrx(0.1) q[1];\ncx q[0], q[1];"
    lines = f"input float[64] a;\nqubit[2] q;\n{gates}"
    circuit = read_qasm(f'OPENQASM 3.0;\ninclude "stdgates.inc";\n{lines}\n').circuit
    found = simulability(circuit, PauliSum({"IZ": 1.0}))
    assert found.non_clifford == 1 and "Of 1 rotations 1 are in light cones" in found.words[-1]
