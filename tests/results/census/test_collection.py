"""Collected circuits: the file of the checkout, and what is read from it."""

import math
import re
import zipfile

import collected
import pytest
import torch

import qbp
from qbp.circuits.gates import Rotation
from qbp.plateaus.diagnosis.variants import freed
from qbp.results import store
from qbp.results.census import collection

FILE = store.DIRECTORY / collection.FILE


@pytest.fixture(scope="module")
def circuits():
    return collection.read_collection(FILE)


@pytest.fixture
def small(tmp_path):
    collected.write(tmp_path, collected.SMALL)
    return collection.read_collection(tmp_path / collection.FILE)


def test_the_checkout_has_enough_circuits_of_others(circuits):
    assert len(circuits) >= 200 and len({found.source for found in circuits.values()}) >= 4
    assert sum(found.qubits > 100 for found in circuits.values()) >= 20
    assert FILE.stat().st_size < 1.5e6
    assert len({found.sha256 for found in circuits.values()}) == len(circuits)


def test_versions_are_those_that_are_asked_for(circuits):
    asked = (store.ROOT / "benchmarks" / "census" / "requirements.txt").read_text()
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", asked, re.MULTILINE))
    assert {(found.source, found.version) for found in circuits.values()} <= set(pins.items())
    assert all(found.licence in ("MIT", "Apache-2.0") for found in circuits.values())


def test_circuits_are_read_with_their_qubits_and_parameters(circuits):
    for found in [found for found in circuits.values() if found.qubits <= 20][::12]:
        circuit = found.circuit
        assert circuit.n_qubits == found.qubits and circuit.n_params > 0
        assert circuit.n_params == found.parameters or not found.parameters


def test_a_circuit_of_qiskit_is_what_it_is_called(circuits):
    found = circuits["qiskit-real-amplitudes-linear-1-4"].circuit
    ours = qbp.TwoLocal(4, reps=1, rotations=["ry"], entangler="cnot")
    theta = torch.linspace(0.1, 2.0, 8, dtype=torch.float64)
    assert abs(torch.vdot(found.state(theta), ours.state(theta))) == pytest.approx(1.0)


def test_a_circuit_of_pennylane_is_what_it_is_called(circuits):
    found = circuits["pennylane-stronglyentanglinglayers-4"].circuit
    theta = torch.linspace(0.1, 2.0, 36, dtype=torch.float64)
    ours = qbp.StronglyEntangling(4, 3).state(theta)
    assert abs(torch.vdot(found.state(theta), ours)) == pytest.approx(1.0)


def test_a_cut_is_measured_along_its_edges(circuits):
    found = circuits["qiskit-qaoa-ansatz-ring-1-6"]
    strings = found.observable("neighbours").terms
    assert strings == {p: 1 / 6 for p in ("ZZIIII", "IZZIII", "IIZZII", "IIIZZI", "IIIIZZ", "ZIIIIZ")}
    beta, gamma = 0.3, 0.2  # exp(-i gamma sum ZZ), then exp(-i beta sum X): sin(4 beta) sin(4 gamma) / 2
    theta = torch.tensor([beta, gamma], dtype=torch.float64)
    value = float(found.circuit.expectation(theta, found.observable("neighbours")))
    assert abs(value) == pytest.approx(abs(math.sin(4 * beta) * math.sin(4 * gamma)) / 2)


def test_observables_of_a_circuit_without_a_problem(small):
    found = small["product"]
    assert found.observable("last qubit") == qbp.PauliSum({"IIZ": 1.0})
    assert found.observable("neighbours") == qbp.PauliSum({"ZZI": 0.5, "IZZ": 0.5})
    assert found.observable("projector") == qbp.Projector(3)
    with pytest.raises(ValueError, match="kind must be one of"):
        found.observable("everything")


def test_an_untied_circuit_has_an_angle_for_each_rotation(small):
    circuit = small["tied"].circuit
    free = freed(circuit)
    theta, turned = torch.tensor([0.7], dtype=torch.float64), []
    for gate in circuit.program:
        if isinstance(gate, Rotation) and gate.parameter is not None:
            turned.append(gate.scale * 0.7 + gate.offset)
    assert free.n_params == len(turned) == 4 and collection.shared(circuit) == 1
    state = free.state(torch.tensor(turned, dtype=torch.float64))
    assert abs(torch.vdot(state, circuit.state(theta))) == pytest.approx(1.0)


def test_a_program_that_was_changed_is_refused(tmp_path):
    collected.write(tmp_path, collected.SMALL)
    path = tmp_path / collection.FILE
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts["tied.qasm"] = parts["tied.qasm"].replace(b"0.5", b"0.6")
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    with pytest.raises(ValueError, match="must be the program of its SHA-256"):
        collection.read_collection(path)


@pytest.mark.parametrize("content", [b"", b"no zip"])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "other.zip"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="path must be a collection of circuits"):
        collection.read_collection(path)
