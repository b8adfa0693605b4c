"""Noise and gradients of other tools: what their numbers mean here, and what a gradient is there."""

import numpy as np
import pytest

from qbp.circuits.hardware.noise import amplitude_damping, depolarizing

pytestmark = [pytest.mark.interchange, pytest.mark.filterwarnings("ignore")]
P = 0.3
RHO = np.array([[0.4, 0.1 + 0.2j], [0.1 - 0.2j, 0.6]])
SHARE = {"00": 1 - P, **{a + b: P / 15 for a in "0123" for b in "0123" if a + b != "00"}}


def after(operators, rho=RHO):
    return sum(K @ rho @ K.conj().T for K in np.asarray(operators))


def of_aer(error):
    from qiskit.quantum_info import DensityMatrix, SuperOp

    return DensityMatrix(RHO).evolve(SuperOp(error.to_quantumchannel())).data


def of_qibo(gate):
    from qibo import models, set_backend

    set_backend("numpy")
    circuit = models.Circuit(1, density_matrix=True)
    circuit.add(gate)
    return circuit(initial_state=RHO.copy()).state()


def of_qulacs(gate):
    import qulacs

    rho = qulacs.DensityMatrix(1)
    rho.load(RHO)
    gate.update_quantum_state(rho)
    return rho.get_matrix()


def of_tensorcircuit(gates):
    return after([np.asarray(gate.tensor) for gate in gates])


def states_after(name):
    """The state of each tool after `depolarizing` or `amplitude_damping` by P."""
    import cirq
    import pennylane as qml
    import qulacs
    import tensorcircuit
    from qibo import gates
    from qiskit_aer import noise

    channels = tensorcircuit.channels
    if name == "depolarizing":
        return {
            "PennyLane": after(qml.DepolarizingChannel.compute_kraus_matrices(P)),
            "Cirq": after(cirq.kraus(cirq.depolarize(P))),
            "qulacs": of_qulacs(qulacs.gate.DepolarizingNoise(0, P)),
            "tensorcircuit": of_tensorcircuit(channels.isotropicdepolarizingchannel(P)),
            "tensorcircuit, by axis": of_tensorcircuit(channels.depolarizingchannel(P / 3, P / 3, P / 3)),
            "Aer, 4 p / 3": of_aer(noise.depolarizing_error(4 * P / 3, 1)),
            "qibo, 4 p / 3": of_qibo(gates.DepolarizingChannel((0,), 4 * P / 3)),
        }
    return {
        "PennyLane": after(qml.AmplitudeDamping.compute_kraus_matrices(P)),
        "Cirq": after(cirq.kraus(cirq.amplitude_damp(P))),
        "qulacs": of_qulacs(qulacs.gate.AmplitudeDampingNoise(0, P)),
        "tensorcircuit, with p=1": of_tensorcircuit(channels.amplitudedampingchannel(P, 1)),
        "Aer": of_aer(noise.amplitude_damping_error(P)),
        "qibo": of_qibo(gates.AmplitudeDampingChannel(0, P)),
    }


@pytest.mark.parametrize("channel", [depolarizing(P), amplitude_damping(P)], ids=lambda c: c.name)
def test_channels_at_the_same_number(channel):
    expected = after(channel.kraus)
    for tool, found in states_after(channel.name.replace(" ", "_")).items():
        np.testing.assert_allclose(found, expected, atol=1e-6, err_msg=tool)


def test_two_qubits_that_are_depolarized():
    """One of 15 strings with probability p; Aer and qibo want 16 p / 15."""
    import cirq
    import qulacs
    from qibo import gates, models, set_backend
    from qiskit.quantum_info import DensityMatrix, SuperOp
    from qiskit_aer import noise

    expected = [1 - 12 * P / 15, *[4 * P / 15] * 3]  # of |00>: three of the 15 leave it, twelve do not
    of_cirq = sum(p * np.abs(K[:, 0]) ** 2 for p, K in cirq.mixture(cirq.depolarize(P, 2)))
    rho = qulacs.DensityMatrix(2)
    qulacs.gate.TwoQubitDepolarizingNoise(0, 1, P).update_quantum_state(rho)
    error = noise.depolarizing_error(16 * P / 15, 2)
    of_aer = DensityMatrix.from_label("00").evolve(SuperOp(error.to_quantumchannel())).data
    set_backend("numpy")
    circuit = models.Circuit(2, density_matrix=True)
    circuit.add(gates.DepolarizingChannel((0, 1), 16 * P / 15))
    for found in (np.diag(of_cirq), rho.get_matrix(), of_aer, circuit().state()):
        np.testing.assert_allclose(np.diag(found).real, expected, atol=1e-7)


def test_depolarize1_of_stim():
    """A measured qubit is flipped by X and by Y."""
    import stim

    circuit = stim.Circuit(f"R 0\nDEPOLARIZE1({P}) 0\nM 0\nDETECTOR rec[-1]")
    (error,) = circuit.detector_error_model()
    assert error.args_copy() == pytest.approx([2 * P / 3])


def test_the_population_of_generalized_damping():
    """It is what strength 1 leaves: of |1> in PennyLane and Aer, of |0> in Cirq, as its first number."""
    import cirq
    import pennylane as qml
    import tensorcircuit
    from qiskit_aer import noise

    share = 0.2
    excited = {
        "PennyLane": after(qml.GeneralizedAmplitudeDamping.compute_kraus_matrices(1.0, share)),
        "Aer": of_aer(noise.amplitude_damping_error(1.0, share)),
    }
    ground = {
        "Cirq": after(cirq.kraus(cirq.generalized_amplitude_damp(share, 1.0))),
        "tensorcircuit": of_tensorcircuit(tensorcircuit.channels.amplitudedampingchannel(1.0, share)),
    }
    for found, diagonal in ((excited, [1 - share, share]), (ground, [share, 1 - share])):
        for tool, rho in found.items():
            np.testing.assert_allclose(rho, np.diag(diagonal), atol=1e-6, err_msg=tool)


def test_the_simulator_of_cirq_returns_one_trajectory():
    import cirq

    qubit = cirq.LineQubit(0)
    circuit = cirq.Circuit(cirq.H(qubit), cirq.depolarize(P)(qubit))
    states = [cirq.Simulator(seed=k).simulate(circuit).final_state_vector for k in range(40)]
    assert len({tuple(np.round(psi, 3)) for psi in states}) > 1
    np.testing.assert_allclose(np.linalg.norm(states, axis=1), 1, atol=1e-6)


def test_pennylane_has_no_derivative_at_probability_zero_by_backpropagation():
    import pennylane as qml
    from pennylane import numpy as pnp

    def slope(method, at, noise=0.1):
        @qml.qnode(qml.device("default.mixed", wires=2), diff_method=method)
        def value(x):
            qml.RY(x, wires=0)
            qml.CNOT([0, 1])
            if noise:
                qml.DepolarizingChannel(noise, wires=0)
            return qml.expval(qml.Z(0))

        return float(qml.grad(value)(pnp.array(at, requires_grad=True)))

    assert np.isnan(slope("backprop", 0.0)) and np.isnan(slope("backprop", P, noise=None))
    for method, at in (("backprop", P), ("parameter-shift", P), ("parameter-shift", 0.0)):
        assert slope(method, at) == pytest.approx(-np.sin(at) * (1 - 0.4 / 3), abs=1e-12)


def test_a_value_of_pennylane_computes_the_adjoint_gradient_too():
    import pennylane as qml
    from pennylane import numpy as pnp

    def derivatives(x, **options):
        device = qml.device("default.qubit", wires=1)

        @qml.qnode(device, diff_method="adjoint", **options)
        def value(x):
            qml.RY(x, wires=0)
            return qml.expval(qml.Z(0))

        with qml.Tracker(device) as tracker:
            value(x)
        return tracker.totals.get("derivatives", 0)

    assert derivatives(pnp.array(P, requires_grad=True)) == 1
    assert derivatives(pnp.array(P, requires_grad=True), grad_on_execution=False) == 0
    assert derivatives(P) == 0


def test_complex_gradients_of_autograd_and_jax_are_conjugates_of_torchs():
    import autograd
    import autograd.numpy as anp
    import jax
    import torch

    factor, z = 1 + 2j, 0.3 + 0.1j
    at = torch.tensor(z, requires_grad=True)
    (at * factor).real.backward()
    assert complex(at.grad) == factor.conjugate()  # the direction in which the value grows
    assert complex(autograd.grad(lambda w: anp.real(w * factor))(z)) == factor
    assert complex(jax.grad(lambda w: (w * factor).real)(z)) == factor
