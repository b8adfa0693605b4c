"""TensorCircuit-NG on JAX, jit and vmap: the circuit unrolled, its mode for the fastest repeated calls."""

from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import tensorcircuit as tc

from benchmarks.peers.jax_epoch import epoch
from benchmarks.workloads import Workload

VERSIONS = {name: version(name) for name in ("tensorcircuit-ng", "jax")}
DTYPES = ["complex64", "complex128"]
K = tc.set_backend("jax")


def apply_gates(circuit, gates, theta) -> None:
    """Append gates, with their angles, to a circuit."""
    for name, a, b in gates:
        if name == "rot":
            circuit.rzz(*(q for q, letter in enumerate(a) if letter == "Z"), theta=theta[b])
            continue
        getattr(circuit, name)(a, theta=theta[b]) if name[0] == "r" else getattr(circuit, name)(a, b)


def unrolled(w: Workload, theta, start):
    """Return the circuit, gate by gate."""
    circuit = tc.Circuit(w.n) if start is None else tc.Circuit(w.n, inputs=start)
    for q in range(w.n if w.start == "plus" else 0):
        circuit.h(q)
    apply_gates(circuit, w.gates, theta)
    return circuit


def expectations(w: Workload, circuit) -> list:
    """Return the expectation of each string; they share one state."""
    at = lambda string, p: [q for q, letter in enumerate(string) if letter == p]  # noqa: E731
    return [
        jnp.real(circuit.expectation_ps(x=at(s, "X"), y=at(s, "Y"), z=at(s, "Z"), reuse=True))
        for s in w.terms
    ]


def prepare(w: Workload, build=unrolled):
    """Return the function to time."""
    if w.family in ("W4", "W5"):
        raise NotImplementedError("circuits of a state vector only")
    if any(name == "rot" and a.replace("I", "") != "ZZ" for name, a, _ in w.gates):
        raise NotImplementedError("no gate for a Pauli string but its dense matrix")
    jax.config.update("jax_enable_x64", w.dtype == "complex128")
    tc.set_dtype(w.dtype)

    if w.family == "W3":

        def model(theta, x):
            first = tc.Circuit(w.n)
            for q in range(w.n):
                first.ry(q, theta=x[q])
            if build is not unrolled:
                return expectations(w, build(w, theta, first.state()))[0]
            apply_gates(first, w.gates, theta)
            return expectations(w, first)[0]

        return epoch(w, model)

    def loss(theta):
        found = expectations(w, build(w, theta, None))
        if w.family == "W6":
            return jnp.sum((jnp.stack(found) - jnp.asarray(w.targets)) ** 2)
        return sum(c * e for c, e in zip(w.terms.values(), found, strict=True))

    one = w.batch == 1
    step = K.jit(K.value_and_grad(loss) if one else K.vectorized_value_and_grad(loss))
    theta = jnp.asarray(w.theta[0] if one else w.theta)

    def run():
        values, grads = jax.block_until_ready(step(theta))
        return {"values": np.atleast_1d(values), "grads": np.atleast_2d(grads)}

    return run
