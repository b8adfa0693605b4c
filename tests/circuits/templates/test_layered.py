"""Circuits of layers against dense matrices."""

import numpy as np
import pytest
import reference
import torch

import qbp

PAIRS = {
    "ladder": [(0, 1), (1, 2), (2, 3)],
    "ring": [(0, 1), (1, 2), (2, 3), (3, 0)],
    "brick": [(0, 1), (2, 3), (1, 2)],
    "full": [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)],
    ((3, 1), (0, 2)): [(3, 1), (0, 2)],
}


def entangled(n, state, kind, pairs):
    for a, b in pairs:
        state = reference.controlled(n, reference.PAULI["Z" if kind == "cz" else "X"], a, b) @ state
    return state


def turned(n, state, letters, angles):
    for q in range(n):
        for k, letter in enumerate(letters):
            state = reference.on(n, reference.rotation(letter, angles[q, k]), q) @ state
    return state


@pytest.mark.parametrize("ranges", [None, (3, 1, 2, 1)])
def test_strongly_entangling(ranges):
    circuit = qbp.StronglyEntangling(4, 4, ranges)
    theta = np.random.default_rng(1).normal(size=(4, 4, 3))
    state = reference.start_state(4)
    for angles, r in zip(theta, ranges or (1, 2, 3, 1), strict=True):
        state = turned(4, state, "ZYZ", angles)
        state = entangled(4, state, "cnot", [(q, (q + r) % 4) for q in range(4)])
    found = circuit.state(torch.tensor(theta.ravel())).numpy()
    np.testing.assert_allclose(found, state, rtol=0, atol=1e-12)


def test_strongly_entangling_on_one_and_two_qubits():
    assert qbp.StronglyEntangling(1, 2).n_params == 6 and len(qbp.StronglyEntangling(1, 2).program) == 6
    assert qbp.StronglyEntangling(2, 1).program[-1].pairs == ((0, 1), (1, 0))
    for ranges in ([1], [1, 4], [0, 1], [1, 1, 1]):
        with pytest.raises(ValueError, match="ranges must be"):
            qbp.StronglyEntangling(4, 2, ranges)


@pytest.mark.parametrize("topology", PAIRS)
@pytest.mark.parametrize("entangler", ["cz", "cnot"])
def test_two_local(topology, entangler):
    circuit = qbp.TwoLocal(4, 2, ("rx", "rz"), entangler, topology)
    theta = np.random.default_rng(2).normal(size=(3, 4, 2))
    state = reference.start_state(4)
    for layer, angles in enumerate(theta):
        state = turned(4, state, "XZ", angles)
        if layer < 2:
            state = entangled(4, state, entangler, PAIRS[topology])
    assert circuit.n_params == 24
    found = circuit.state(torch.tensor(theta.ravel())).numpy()
    np.testing.assert_allclose(found, state, rtol=0, atol=1e-12)


@pytest.mark.parametrize("topology", [((3, 1), (0, 2)), [[3, 1], [0, 2]], np.array([[3, 1], [0, 2]])])
@pytest.mark.parametrize("make", [qbp.HardwareEfficient, qbp.TwoLocal])
def test_a_topology_may_be_a_list_of_pairs(topology, make):
    circuit = make(4, 1, topology=topology)
    assert circuit.topology == ((3, 1), (0, 2)) and type(circuit.topology[0][0]) is int
    assert circuit == make(4, 1, topology=((3, 1), (0, 2))) and hash(circuit) == hash(
        make(4, 1, topology=topology)
    )


def test_a_hardware_efficient_circuit_of_listed_pairs():
    pairs = [(0, 1), (1, 2), (2, 3), (3, 0)]
    ring, listed = (qbp.HardwareEfficient(4, 2, topology=t) for t in ("ring", pairs))
    assert ring.program == listed.program and ring != listed
    assert repr(ring) == (
        "HardwareEfficient(n_qubits=4, n_layers=2, rotations=('ry', 'rz'), entangler='cz', topology='ring', "
        "seed=None, start='zero')"
    )
    for wrong in ([], [(0, 4)], [(1, 1)], [(0, 1, 2)], [0, 1], {(0, 1)}, "star", None, [(0, 1.0)]):
        with pytest.raises((TypeError, ValueError), match="topology must be"):
            qbp.HardwareEfficient(4, 2, topology=wrong)
    with pytest.raises(ValueError, match="topology must be one of ladder, ring, brick, got 'full'"):
        qbp.HardwareEfficient(4, 2, topology="full")
