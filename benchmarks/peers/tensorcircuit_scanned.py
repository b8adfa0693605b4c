"""TensorCircuit-NG on JAX, jit and vmap: `lax.scan` over the layers, its mode for a short compilation."""

import jax
import jax.numpy as jnp
import tensorcircuit as tc

from benchmarks.peers import tensorcircuit_unrolled as whole
from benchmarks.workloads import Workload

VERSIONS, DTYPES = whole.VERSIONS, whole.DTYPES


def scanned(w: Workload, theta, start):
    """Return a circuit that starts from the state after all layers."""

    def layer(state, angles):
        circuit = tc.Circuit(w.n, inputs=state)
        whole.apply_gates(circuit, w.layer, angles)
        return circuit.state(), None

    if w.start == "plus":
        start = jnp.full(2**w.n, 2 ** (-w.n / 2), dtype=w.dtype)
    elif start is None:
        start = jnp.zeros(2**w.n, dtype=w.dtype).at[0].set(1)
    state, _ = jax.lax.scan(layer, start, theta.reshape(w.layers, -1))
    return tc.Circuit(w.n, inputs=state)


def prepare(w: Workload):
    """Return the function to time."""
    return whole.prepare(w, scanned)
