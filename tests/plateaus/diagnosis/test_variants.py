"""Variants of circuits: the same expectation in a light cone, layers as in a template, one change."""

import numpy as np
import pytest
import torch

import qbp
from qbp import HardwareEfficient, PauliRotations, PauliSum, Projector
from qbp.circuits.gates import Entangler, Rotation
from qbp.plateaus.diagnosis import variants

CUTS = {
    "ladder": (HardwareEfficient(7, 2, entangler="cnot"), "IIZZIII"),
    "brick": (HardwareEfficient(7, 2, topology="brick", start="plus"), "IIIXIII"),
    "qaoa": (qbp.QAOA([(q, q + 1) for q in range(6)], 2), "ZZIIIII"),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_cone_has_the_expectation_of_the_whole(name):
    circuit, string = CUTS[name]
    H = PauliSum({string: 0.7})
    cut = variants.cone(circuit, H)
    assert cut.circuit.n_qubits < circuit.n_qubits and cut.circuit.n_params == circuit.n_params
    theta = torch.linspace(0, 5, 3 * circuit.n_params, dtype=torch.float64).reshape(3, -1)
    theta = (theta * 7919) % 6.28
    for ours, whole in zip(
        cut.circuit.value_and_gradient(theta, cut.H), circuit.value_and_gradient(theta, H), strict=True
    ):
        torch.testing.assert_close(ours, whole, rtol=0, atol=1e-12)


def layers(circuit):
    return variants.layout(circuit).layer.tolist()


def test_layers_of_templates():
    for circuit in (
        HardwareEfficient(4, 3),
        HardwareEfficient(3, 2, rotations="random", seed=1),
        qbp.StronglyEntangling(3, 3),
        qbp.HamiltonianVariational(qbp.tfim(4), 2),
    ):
        count = circuit.n_layers
        turned = [g for g in circuit.program if isinstance(g, Rotation)]
        assert layers(circuit) == np.repeat(np.arange(count), len(turned) // count).tolist(), circuit
    kinds = variants.layout(qbp.HamiltonianVariational(qbp.tfim(3), 1)).kind
    assert kinds == ("RZZ", "RZZ", "RX", "RX", "RX")


def test_layers_of_a_file_are_those_of_its_circuit():
    circuit = qbp.QAOA([(0, 1), (1, 2), (2, 0)], 2)
    read = qbp.read_qasm(qbp.write_qasm(circuit)).circuit
    assert layers(read) == layers(circuit)
    assert variants.layout(read).kind == variants.layout(circuit).kind


def test_prefixes_and_repetitions():
    circuit, H = HardwareEfficient(3, 3), qbp.tfim(3)
    parts, short = variants.layout(circuit), HardwareEfficient(3, 2)
    cut = variants.prefix(circuit, parts, 2)
    theta = torch.linspace(0, 3, 12, dtype=torch.float64)
    assert cut.expectation(theta, H) == pytest.approx(float(short.expectation(theta, H)))
    twice = variants.deeper(short, 2)
    long = HardwareEfficient(3, 4)
    theta = torch.linspace(0, 3, 24, dtype=torch.float64)
    assert twice.expectation(theta, H) == pytest.approx(float(long.expectation(theta, H)))
    assert variants.deeper(short, 1) is None and variants.deeper(short, 10**4) is None


def test_entanglers_out_angles_freed_another_start():
    circuit = HardwareEfficient(3, 2, rotations=["rx"])
    alone = variants.without_entanglers(circuit)
    theta = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], dtype=torch.float64)
    assert alone.expectation(theta, PauliSum({"ZII": 1.0})) == pytest.approx(np.cos(0.1 + 0.4))
    assert variants.without_entanglers(HardwareEfficient(1, 1)) is None
    qaoa = qbp.QAOA([(0, 1)], 2)
    free = variants.freed(qaoa)
    assert free.n_params == 6 and not variants.shares(free) and variants.shares(qaoa)
    assert variants.freed(circuit) is circuit
    assert variants.restarted(circuit).start == "plus" and variants.restarted(qaoa).start == "zero"


def test_local_observables():
    """Of a projector it is the local cost of Cerezo et al. 2021: a mean of |0><0| up to a constant."""
    local, state = variants.localized(Projector(3)), torch.zeros(8, dtype=torch.complex128)
    for index, ones in ((0, 0), (1, 1), (7, 3)):
        state[:] = 0
        state[index] = 1
        assert local.expectation(state) == pytest.approx((3 - ones) / 3 - 0.5)
    assert variants.localized(qbp.tfim(4)) is None and variants.localized(Projector(2)) is None


def test_a_fixed_basis_change_is_kept_with_its_layer():
    gates = [Rotation("XI", 0), Entangler("cz", ((0, 1),)), Rotation("XI", None, 1.0, 0.3), Rotation("XI", 1)]
    circuit = qbp.BuiltCircuit(2, tuple(gates), ("a", "b"))
    parts = variants.layout(circuit)
    assert parts.layer.tolist() == [0, 1] and parts.ends == (2, 4)
    assert PauliRotations(2, ["XX", "XX"]).program == variants.freed(PauliRotations(2, ["XX", "XX"])).program
