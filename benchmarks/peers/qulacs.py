"""Qulacs: ParametricQuantumCircuit.backprop.  Double precision alone, one parameter vector at a time.

Its GradCalculator shifts every parameter: 50 times slower and more from 4 qubits and 10 layers on.
Its rotations are exp(+i angle P / 2), so angles and gradients change their sign.
"""

from importlib.metadata import version

import numpy as np
from qulacs import Observable, ParametricQuantumCircuit, QuantumState

from benchmarks.workloads import Workload

VERSIONS = {"qulacs": version("qulacs")}
DTYPES = ["complex128"]


def _observable(w: Workload, terms: dict[str, float]) -> Observable:
    found = Observable(w.n)
    for string, coefficient in terms.items():
        found.add_operator(coefficient, " ".join(f"{p} {q}" for q, p in enumerate(string) if p != "I"))
    return found


def prepare(w: Workload):
    """Return the function to time."""
    if w.family in ("W4", "W5"):
        raise NotImplementedError("circuits of a state vector only")
    circuit, first = ParametricQuantumCircuit(w.n), w.n if w.family == "W3" else 0
    for q in range(w.n if w.start == "plus" else 0):
        circuit.add_H_gate(q)
    for q in range(first):
        circuit.add_parametric_RY_gate(q, 0.0)
    for name, a, b in w.gates:
        if name == "rot":
            on = [q for q, letter in enumerate(a) if letter != "I"]
            circuit.add_parametric_multi_Pauli_rotation_gate(on, ["IXYZ".index(a[q]) for q in on], 0.0)
        elif name[0] == "r":
            getattr(circuit, f"add_parametric_{name.upper()}_gate")(a, 0.0)
        else:
            getattr(circuit, f"add_{name.upper()}_gate")(a, b)
    H, state = _observable(w, w.terms), QuantumState(w.n)
    each = [_observable(w, {p: 1.0}) for p in w.terms]

    def bind(theta, offset=0) -> None:
        for k, angle in enumerate(theta.tolist(), offset):
            circuit.set_parameter(k, -angle)

    def evolve() -> None:
        state.set_zero_state()
        circuit.update_quantum_state(state)

    def energies():
        values, grads = np.empty(len(angles)), np.empty((len(angles), len(w.of_rotation)))
        for row, theta in enumerate(angles):
            bind(theta[of_rotation] if tied else theta)
            if with_values:
                evolve()
                values[row] = H.get_expectation_value(state)
            grads[row] = circuit.backprop(H)
        grads = w.shared(grads) if tied else grads
        return {"grads": -grads} | ({"values": values} if with_values else {})

    def local_loss():
        values, grads = np.empty(len(angles)), np.empty((len(angles), w.n_params))
        for row, theta in enumerate(angles):
            bind(theta)
            evolve()
            off = np.array([o.get_expectation_value(state) for o in each]) - w.targets
            values[row] = (off**2).sum()
            weighted = dict(zip(w.terms, (2 * off).tolist(), strict=True))
            grads[row] = circuit.backprop(_observable(w, weighted))
        return {"values": values, "grads": -grads}

    def epoch():
        (x, y), theta, m, v = data, angles.copy(), 0.0, 0.0
        for step in range(w.samples // w.batch):
            bind(theta, first)
            grad = np.zeros(w.n_params)
            for row in range(step * w.batch, (step + 1) * w.batch):
                bind(x[row])
                evolve()
                off = H.get_expectation_value(state) - y[row]
                grad -= 2 * off / w.batch * np.array(circuit.backprop(H)[first:])
            m, v = 0.9 * m + 0.1 * grad, 0.999 * v + 0.001 * grad**2
            scale = np.sqrt(v / (1 - 0.999 ** (step + 1))) + 1e-8
            theta = theta - 0.01 * m / (1 - 0.9 ** (step + 1)) / scale
        return {"theta": theta}

    angles, data = w.theta, w.data
    of_rotation, tied = w.of_rotation, len(w.of_rotation) > w.n_params
    with_values = w.family != "W1"  # which asks for the gradient alone
    return {"W3": epoch, "W6": local_loss}.get(w.family, energies)
