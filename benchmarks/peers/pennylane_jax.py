"""PennyLane default.qubit, differentiated by JAX ("backprop"), under jit and vmap."""

from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import pennylane as qml

from benchmarks.peers.jax_epoch import epoch
from benchmarks.workloads import Workload

VERSIONS = {name: version(name) for name in ("pennylane", "jax")}
DTYPES = ["complex64", "complex128"]
GATES = {"rx": qml.RX, "ry": qml.RY, "rz": qml.RZ, "cz": qml.CZ, "cnot": qml.CNOT}


def word(string: str):
    """Return a Pauli string as a PennyLane operator."""
    return qml.prod(*(getattr(qml, p)(q) for q, p in enumerate(string) if p != "I"))


def apply_gates(w: Workload, theta) -> None:
    """Queue the gates of a workload, `theta` by parameter."""
    for q in range(w.n if w.start == "plus" else 0):
        qml.Hadamard(q)
    for name, a, b in w.gates:
        if name == "rot":
            rotate(a, theta[b])
        else:
            GATES[name](theta[b], wires=a) if name[0] == "r" else GATES[name](wires=(a, b))


def rotate(string: str, angle) -> None:
    """Queue a rotation by a Pauli string on several qubits: IsingZZ for two Z, the fastest there is."""
    letters, on = string.replace("I", ""), [q for q, letter in enumerate(string) if letter != "I"]
    qml.IsingZZ(angle, wires=on) if letters == "ZZ" else qml.PauliRot(angle, letters, wires=on)


def prepare(w: Workload):
    """Return the function to time."""
    if w.family in ("W4", "W5"):
        raise NotImplementedError("circuits of a state vector only")
    jax.config.update("jax_enable_x64", w.dtype == "complex128")
    device, words = qml.device("default.qubit", wires=w.n), [word(p) for p in w.terms]

    @qml.qnode(device, interface="jax", diff_method="backprop")
    def expectations(theta, x=None):
        if x is not None:
            for q in range(w.n):
                qml.RY(x[q], wires=q)
        apply_gates(w, theta)
        if w.family == "W6":
            return [qml.expval(p) for p in words]
        return qml.expval(qml.Hamiltonian(list(w.terms.values()), words) if len(words) > 1 else words[0])

    if w.family == "W3":
        return epoch(w, lambda theta, x: expectations(theta, x))
    loss = expectations
    if w.family == "W6":
        targets = jnp.asarray(w.targets)
        loss = lambda theta: jnp.sum((jnp.stack(expectations(theta)) - targets) ** 2)  # noqa: E731
    one = w.batch == 1
    step = jax.value_and_grad(loss)
    step = jax.jit(step if one else jax.vmap(step))
    theta = jnp.asarray(w.theta[0] if one else w.theta)

    def run():
        values, grads = jax.block_until_ready(step(theta))
        return {"values": np.atleast_1d(values), "grads": np.atleast_2d(grads)}

    return run
