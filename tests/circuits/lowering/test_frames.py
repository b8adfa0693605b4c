"""Cliffords pushed behind the rotations, against states of the circuit as it was."""

import time

import numpy as np
import pytest
import reference
import torch

import qbp
from qbp.circuits.gates import Entangler, Program, Rotation
from qbp.circuits.lowering.frames import light_cone, push_cliffords

CLIFFORDS = ("h", "s", "sdg", "x", "y", "z", "sx", "sxdg", "cx", "cy", "cz", "swap", "quarter")
OTHERS = ("rx", "ry", "rz", "t", "rzz", "rxx", "string", "fixed")


def random_builder(rng, n, size):
    b = qbp.CircuitBuilder(n, start=rng.choice(["zero", "plus"]))
    angles = [b.parameter() for _ in range(3)]
    pick = [*CLIFFORDS, *OTHERS]
    for name in rng.choice(pick, size):
        q = [int(i) for i in rng.permutation(n)]
        angle = angles[rng.integers(3)] * rng.normal() + rng.choice([0.0, rng.normal()])
        string = "".join(rng.choice(list("IXYZ"), n))
        if name in ("cx", "cy", "cz", "swap", "rzz", "rxx"):
            turn = [angle] if name in ("rzz", "rxx") else []
            getattr(b, name)(*turn, *q[:2])
        elif name == "quarter":
            b.pauli_rotation(rng.integers(-5, 6) * np.pi / 2, string)
        elif name == "string":
            b.pauli_rotation(angle, string)
        elif name == "fixed":
            b.pauli_rotation(rng.normal(), string)
        else:
            getattr(b, name)(*([angle] if name in ("rx", "ry", "rz") else []), q[0])
    return b


def random_string(rng, n):
    return "".join(rng.choice(list("IXYZ"), n))


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_expectations_are_those_of_the_circuit(first):
    for seed in range(first, first + 20):
        rng = np.random.default_rng(seed)
        n = 2 + seed % 4
        b = random_builder(rng, n, 30)
        circuit = b.build()
        rotations, frame = push_cliffords(circuit.program, n)
        assert all(isinstance(gate, Rotation) for gate in rotations)
        alone = qbp.BuiltCircuit(
            n, rotations or [Rotation("I" * n, None)], circuit.parameter_names, circuit.start
        )
        H = qbp.PauliSum({random_string(rng, n): rng.normal() for _ in range(6)})
        theta = torch.from_numpy(rng.normal(size=(2, 3)))
        found = frame.observable(H).expectation(alone.state(theta))
        torch.testing.assert_close(found, H.expectation(circuit.state(theta)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_images_are_conjugations_by_the_matrix(seed):
    """Cliffords alone: the frame against dense matrices."""
    rng, n = np.random.default_rng(seed), 3
    gates, C = [], np.eye(8)
    for _ in range(12):
        if rng.random() < 0.5:
            string, angle = random_string(rng, n), rng.integers(-4, 5) * np.pi / 2
            gates.append(Rotation(string, None, 1.0, angle))
            C = reference.rotation(string, angle) @ C
        else:
            kind, (a, b) = rng.choice(["cz", "cnot"]), rng.permutation(n)[:2]
            gates.append(Entangler(str(kind), ((int(a), int(b)),)))
            C = reference.controlled(n, reference.PAULI["Z" if kind == "cz" else "X"], a, b) @ C
    rotations, frame = push_cliffords(Program(gates), n)
    assert rotations == ()
    for string in ["XII", "IIZ", *(random_string(rng, n) for _ in range(10))]:
        sign, moved = frame.image(string)
        expected = C.conj().T @ reference.pauli(string) @ C
        np.testing.assert_allclose(sign * reference.pauli(moved), expected, rtol=0, atol=1e-12)
    for q, (x, z) in enumerate(zip(frame.x, frame.z, strict=True)):
        assert x == frame.image("I" * q + "X" + "I" * (2 - q))
        assert z == frame.image("I" * q + "Z" + "I" * (2 - q))


def test_signs_that_the_field_knows():
    cz = push_cliffords(Program([Entangler("cz", ((0, 1),))]), 2).frame
    cnot = push_cliffords(Program([Entangler("cnot", ((0, 1),))]), 2).frame
    assert cz.image("XX") == (1, "YY") and cnot.image("XZ") == (-1, "YY") and cnot.image("YY") == (-1, "XZ")


def test_what_is_nearly_clifford_stays_a_rotation():
    near, far = (Rotation("X", None, 1.0, np.pi / 2 + x) for x in (1e-13, 1e-9))
    assert push_cliffords(Program([near]), 1).rotations == ()
    assert push_cliffords(Program([far]), 1).rotations == (far,)
    assert push_cliffords(Program([Rotation("X", 0, 1.0, np.pi / 2)]), 1).rotations[0].parameter == 0


def test_a_hundred_qubits_and_five_thousand_gates_take_less_than_a_second():
    rng = np.random.default_rng(0)
    b = random_builder(rng, 100, 5000)
    program, H = b.build().program, qbp.heisenberg(100)
    began = time.process_time()
    rotations, frame = push_cliffords(program, 100)
    moved = frame.observable(H)
    assert time.process_time() - began < 1
    assert len(rotations) > 1000 and len(moved.terms) == len(H.terms)


def test_wrong_observables_of_a_frame():
    frame = push_cliffords(Program([Entangler("cz", ((0, 1),))]), 2).frame
    with pytest.raises(TypeError, match="H must be a PauliSum, got 'Projector'"):
        frame.observable(qbp.Projector(2))
    with pytest.raises(ValueError, match="H must be on 2 qubits, got 3"):
        frame.observable(qbp.tfim(3))
    with pytest.raises(ValueError, match="a Pauli string must be 2 letters"):
        frame.image("X")


@pytest.mark.parametrize("seed", range(30))
def test_nothing_outside_a_light_cone_matters(seed):
    """Rotations outside turned at random, and qubits outside started at random: the expectation stays."""
    rng, n = np.random.default_rng(seed), 5
    circuit = random_builder(rng, n, 12).build()
    letters = ["I"] * n
    letters[rng.integers(n)] = rng.choice(list("XYZ"))
    H = qbp.PauliSum({"".join(letters): 1.0, "YXZXY": 0.0})
    cone = light_cone(circuit.program, H)
    turned = [
        gate._replace(scale=rng.normal(), offset=rng.normal())
        if isinstance(gate, Rotation) and place not in cone.rotations
        else gate
        for place, gate in enumerate(circuit.program)
    ]
    start = circuit.qubits.copy()
    for q in set(range(n)) - set(cone.qubits):
        vector = rng.normal(size=2) + 1j * rng.normal(size=2)
        start[q] = vector / np.linalg.norm(vector)
    other = qbp.BuiltCircuit(n, turned, circuit.parameter_names, start)
    theta = torch.from_numpy(rng.normal(size=3))
    torch.testing.assert_close(
        H.expectation(other.state(theta)), H.expectation(circuit.state(theta)), rtol=0, atol=1e-12
    )
    assert list(cone.qubits) == sorted(cone.qubits) and list(cone.rotations) == sorted(cone.rotations)


def test_light_cones_of_known_circuits():
    layer = qbp.HardwareEfficient(6, 1, ["ry"])
    inner = qbp.PauliSum({"IIXIII": 1.0})
    assert light_cone(layer.program, inner) == ((1, 2, 3), (1, 2, 3))
    two = light_cone(qbp.HardwareEfficient(6, 2, ["ry"]).program, inner)
    assert two.qubits == (0, 1, 2, 3, 4)
    assert light_cone(layer.program, qbp.Projector(6)).qubits == tuple(range(6))
    assert light_cone(layer.program, qbp.PauliSum({"IIIIII": 1.0})) == ((), ())
    diagonal = qbp.HardwareEfficient(3, 1, ["rz"])
    assert light_cone(diagonal.program, qbp.PauliSum({"ZII": 1.0})) == ((0,), ())
    with pytest.raises(TypeError, match="observable must be an Observable"):
        light_cone(layer.program, "Z")
