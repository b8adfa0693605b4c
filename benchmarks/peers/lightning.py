"""PennyLane lightning.qubit, adjoint gradients, through the device's own call for values and gradients."""

from importlib.metadata import version

import numpy as np
import pennylane as qml
from pennylane.devices import ExecutionConfig

from benchmarks.peers.pennylane_jax import apply_gates, word
from benchmarks.workloads import Workload

VERSIONS = {name: version(name) for name in ("pennylane", "pennylane-lightning")}
DTYPES = ["complex64", "complex128"]
ADJOINT = ExecutionConfig(gradient_method="adjoint")


def apply_strings(w: Workload, theta) -> None:
    """Queue rotations by Pauli strings as MultiRZ in the basis of their letters.

    The device's adjoint method has no PauliRot and rewrites it like this; here a change of basis that the
    next string would take back is left out.
    """
    basis = ["Z"] * w.n

    def change(q: int, letter: str) -> None:
        for old in (basis[q], letter) if basis[q] != letter else ():
            if old == "X":
                qml.Hadamard(q)
            elif old == "Y":  # to this basis by the square root of X, from it by its inverse
                qml.SX(q) if old == letter else qml.adjoint(qml.SX(q))
        basis[q] = letter

    for string, k in w.strings:
        on = [q for q, letter in enumerate(string) if letter != "I"]
        for q in on:
            change(q, string[q])
        qml.MultiRZ(theta[k], wires=on)
    for q in range(w.n):
        change(q, "Z")


def prepare(w: Workload):
    """Return the function to time.

    A QNode builds, checks and transforms its circuit at every call; here it is built once and new angles are
    bound to it, which was three times as fast.
    """
    if w.family in ("W4", "W5"):
        raise NotImplementedError("circuits of a state vector only")
    device = qml.device("lightning.qubit", wires=w.n, c_dtype=getattr(np, w.dtype))
    words, first = [word(p) for p in w.terms], w.n if w.family == "W3" else 0
    with qml.queuing.AnnotatedQueue() as queue:
        for q in range(first):
            qml.RY(0.0, wires=q)
        (apply_strings if w.ansatz == "excitations" else apply_gates)(w, np.zeros(w.n_params))
        if w.family == "W6":
            for p in words:
                qml.expval(p)
        else:
            qml.expval(qml.Hamiltonian(list(w.terms.values()), words) if len(words) > 1 else words[0])
    tape = qml.tape.QuantumScript.from_queue(queue)
    of_rotation, tied = w.of_rotation, len(w.of_rotation) > w.n_params
    every = list(range(first + len(of_rotation)))  # each rotation has a parameter of its own here
    tape.trainable_params = every[first:]

    def bound(theta, x=()):
        tapes = tape.bind_new_parameters([*x, *theta], every)
        tapes.trainable_params = every[first:]
        return tapes

    def derivatives(tapes):
        values, grads = device.execute_and_compute_derivatives(tapes, ADJOINT)
        return np.asarray(values, dtype=float), np.asarray(grads, dtype=float)

    def energies():
        values, grads = derivatives([bound(theta[of_rotation] if tied else theta) for theta in w_theta])
        grads = grads.reshape(len(w_theta), -1)
        return {"values": values.reshape(-1), "grads": w.shared(grads) if tied else grads}

    def local_loss():
        tapes = [bound(theta) for theta in w_theta]
        off = np.asarray(device.execute(tapes, ADJOINT), dtype=float) - w.targets
        grads = device.compute_vjp(tapes, [tuple(2 * row) for row in off], ADJOINT)
        return {"values": (off**2).sum(-1), "grads": np.asarray(grads, dtype=float).reshape(off.shape[0], -1)}

    def epoch():
        (x, y), theta, m, v = data, start.copy(), 0.0, 0.0
        for step in range(w.samples // w.batch):
            rows = slice(step * w.batch, (step + 1) * w.batch)
            values, grads = derivatives([bound(theta, row) for row in x[rows]])
            off = values.reshape(-1) - y[rows]
            grad = 2 * off @ grads.reshape(w.batch, -1) / w.batch
            m, v = 0.9 * m + 0.1 * grad, 0.999 * v + 0.001 * grad**2
            scale = np.sqrt(v / (1 - 0.999 ** (step + 1))) + 1e-8
            theta = theta - 0.01 * m / (1 - 0.9 ** (step + 1)) / scale
        return {"theta": theta}

    w_theta, data, start = w.theta, w.data, w.theta
    return {"W3": epoch, "W6": local_loss}.get(w.family, energies)
