"""One adapter per peer: VERSIONS, DTYPES, and `prepare(workload) -> run`, where `run()` returns numpy.

W1, W2, W6: {"values": (batch,), "grads": (batch, n_params)}.  W3: {"theta": (n_params,)} after the epoch.
W4: {"total": (sum, relative error, upper bound)}.  W5: {"train_loss": (2 * seeds,)}.  The rest:
NotImplementedError.
"""
