"""W3 for the peers on JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.workloads import Workload


def epoch(w: Workload, model):
    """One jitted epoch, `lax.scan` over the mini-batches, optax.adam; `model(theta, x)` gives <Z_0>."""
    x, y = (jnp.asarray(part) for part in w.data)
    x, y = x.reshape(-1, w.batch, x.shape[-1]), y.reshape(-1, w.batch)
    adam, theta0 = optax.adam(0.01), jnp.asarray(w.theta)

    def loss(theta, x, y):
        return jnp.mean((jax.vmap(model, (None, 0))(theta, x) - y) ** 2)

    def step(carry, batch):
        theta, state = carry
        updates, state = adam.update(jax.grad(loss)(theta, *batch), state)
        return (optax.apply_updates(theta, updates), state), None

    @jax.jit
    def whole(theta):
        return jax.lax.scan(step, (theta, adam.init(theta)), (x, y))[0][0]

    return lambda: {"theta": np.asarray(jax.block_until_ready(whole(theta0)))}
