"""Circuits and operators exchanged with PennyLane itself: states, its own gradients, orders of wires."""

import time

import numpy as np
import pytest
from exchanged import random_circuit, same, state
from peers import our_gradient

import qbp
from qbp.interchange import pennylane as exchange

pytestmark = [pytest.mark.interchange, pytest.mark.filterwarnings("ignore")]
ONE = "RX RY RZ PhaseShift U1 Rot U2 U3 Hadamard PauliX PauliY PauliZ S T SX"
TWO = "CNOT CZ CY CH SWAP ISWAP ECR IsingXX IsingYY IsingZZ IsingXY CRX CRY CRZ CRot SISWAP"
TWO += " ControlledPhaseShift SingleExcitation PSWAP SingleExcitationPlus"
THREE = "Toffoli CCZ CSWAP"
FOUR = "DoubleExcitation OrbitalRotation"


def tape_state(tape, n):
    """PennyLane's state of a tape, wire 0 leftmost."""
    import pennylane as qml

    ops = [*tape.operations, *(qml.Identity(k) for k in range(n))]
    whole = qml.tape.QuantumScript(ops, [qml.state()])
    return np.asarray(qml.execute([whole], qml.device("default.qubit", wires=n))[0])


def random_tape(rng, n, size):
    """A tape of PennyLane's own gates."""
    import pennylane as qml

    ops = [qml.RY(float(rng.normal()), int(rng.integers(n)))]
    names = {1: ONE.split(), 2: TWO.split(), 3: THREE.split(), 4: FOUR.split()}
    for _ in range(size):
        k = int(min(n, rng.choice([1, 2, 2, 3, 4])))
        wires = [int(w) for w in rng.permutation(n)[:k]]
        kind = getattr(qml, rng.choice(names[k]))
        made = kind(*map(float, rng.normal(size=kind.num_params)), wires=wires)
        ops.append(qml.adjoint(made) if rng.random() < 0.2 else made)
    word = "".join(rng.choice(list("XYZI"), n - 1)) + "Y"
    ops += [qml.PauliRot(0.7, word, wires=range(n)), qml.MultiRZ(0.4, wires=range(n)), qml.Barrier(range(n))]
    ops.append(qml.QubitUnitary(np.array([[0, 1], [1j, 0]]), wires=0))
    return qml.tape.QuantumScript(ops, [qml.expval(qml.Z(0))])


def test_200_tapes_from_pennylane():
    start = time.process_time()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        n = 1 + seed % 4
        tape = random_tape(rng, n, 12)
        expected = tape_state(tape, n)
        for angles in ("free", "equal", "file"):
            found = exchange.from_pennylane(tape, wire_order=range(n), angles=angles)
            same(state(found.circuit, found.theta0), expected, 1e-10)
    assert time.process_time() - start < 60


def test_gradients_of_tapes_are_pennylanes():
    import pennylane as qml
    from pennylane import numpy as pnp

    names = "RX RY RZ PhaseShift IsingXX IsingYY IsingZZ IsingXY CRX CRY CRZ SingleExcitation"
    H = qbp.heisenberg(4)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        chosen = [(kind, rng.permutation(4)) for kind in rng.choice(names.split(), 10)]

        def circuit(theta, chosen=chosen):
            for k in range(4):
                qml.Hadamard(k)
            for k, (name, wires) in enumerate(chosen):
                kind = getattr(qml, name)
                kind(theta[k], wires=[int(w) for w in wires[: kind.num_wires]])
            qml.DoubleExcitation(theta[10], wires=[0, 1, 2, 3])
            return qml.expval(exchange.to_pennylane_operator(H))

        node = qml.QNode(circuit, qml.device("default.qubit", wires=4))
        theta = pnp.array(rng.normal(size=11), requires_grad=True)
        found = exchange.from_pennylane(node, theta)
        np.testing.assert_allclose(found.theta0, theta)
        assert found.circuit.n_params == 11  # an excitation is one parameter of many rotations
        np.testing.assert_allclose(our_gradient(found.circuit, theta, H), qml.grad(node)(theta), atol=1e-10)


def test_200_circuits_to_pennylane_and_back():
    import pennylane as qml
    from pennylane import numpy as pnp

    start = time.process_time()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        n = 1 + seed % 4
        ours = random_circuit(rng, n, 12, start=["zero", "plus"][seed % 2])
        theta, function = pnp.array(rng.normal(size=3), requires_grad=True), exchange.to_pennylane(ours)
        tape = qml.tape.make_qscript(function)(theta)
        same(tape_state(tape, n), state(ours, theta), 1e-10)
        back = exchange.from_pennylane(tape, wire_order=range(n))
        same(state(back.circuit, back.theta0), state(ours, theta), 1e-10)
        if seed % 5 == 0:
            H = qbp.heisenberg(n) if n > 1 else qbp.tfim(1)

            @qml.qnode(qml.device("default.qubit", wires=n))
            def value(theta, function=function, H=H):
                function(theta)
                return qml.expval(exchange.to_pennylane_operator(H))

            np.testing.assert_allclose(qml.grad(value)(theta), our_gradient(ours, theta, H), atol=1e-10)
    assert time.process_time() - start < 60


def test_wires_are_qubits_and_a_ring_has_its_own_order():
    import pennylane as qml

    ring = qml.spin.transverse_ising("chain", [4], coupling=1.0, h=1.0, boundary_condition=True)
    assert list(ring.wires) == [0, 3, 1, 2]  # what its matrix would be ordered by
    assert exchange.from_pennylane_operator(ring) == qbp.tfim(4, periodic=True)
    assert exchange.from_pennylane_operator(qml.spin.transverse_ising("chain", [5])) == qbp.tfim(5)
    named = qml.Z("b") @ qml.X("a") * 0.5
    assert exchange.from_pennylane_operator(named, wire_order=["a", "b", "c"]).terms == {"XZI": 0.5}
    assert exchange.from_pennylane_operator(qml.X(2)).terms == {"IIX": 1.0}
    with pytest.raises(ValueError, match=r"wire_order must have every wire, got none of \['b'\]"):
        exchange.from_pennylane_operator(named, wire_order=["a"])


def test_operators_go_there_and_back_and_have_to_be_real():
    import pennylane as qml

    for H in (qbp.tfim(3, field=0.3), qbp.maxcut([(0, 1), (1, 2)]), qbp.PauliSum({"IZI": 1.0, "III": 2.0})):
        theirs = exchange.to_pennylane_operator(H)
        assert exchange.from_pennylane_operator(theirs, wire_order=range(3)) == H
    projector = exchange.from_pennylane_operator(qml.Projector([0, 0], wires=[0, 1]))
    assert projector.terms == {"II": 0.25, "IZ": 0.25, "ZI": 0.25, "ZZ": 0.25}
    with pytest.raises(ValueError, match="operator: the coefficient of 'X' must be real"):
        exchange.from_pennylane_operator(1j * qml.X(0))
    with pytest.raises(TypeError, match="operator must be an operator of PennyLane"):
        exchange.from_pennylane_operator(3)


def test_what_cannot_be_read_is_refused():
    import pennylane as qml

    broadcast = qml.tape.QuantumScript([qml.RX(np.array([0.1, 0.2]), 0)])
    with pytest.raises(ValueError, match="circuit must have one number an angle, got 2 in RX"):
        exchange.from_pennylane(broadcast)
    with pytest.raises(ValueError, match="circuit must have gates that decompose, got"):
        exchange.from_pennylane(qml.tape.QuantumScript([qml.measurements.MidMeasureMP(0)]))
    with pytest.raises(TypeError, match="circuit must be a tape or a QNode"):
        exchange.from_pennylane(3)


def test_only_trainable_numbers_of_a_tape_are_parameters():
    import pennylane as qml

    tape = qml.tape.QuantumScript([qml.RX(0.1, 0), qml.RY(0.2, 1), qml.Rot(0.1, 0.2, 0.3, 0)])
    tape.trainable_params = [1]
    found = exchange.from_pennylane(tape)
    assert found.theta0.tolist() == [0.2] and found.circuit.n_qubits == 2
