"""The right answers, from the dense matrices of tests/reference.py, which share no code with any peer."""

import sys
from pathlib import Path

import numpy as np

from benchmarks.workloads import Workload

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import reference


def answer(w: Workload) -> dict[str, np.ndarray]:
    """Return {"values", "grads"} of a small circuit, or {"theta"} after the epoch of a small W3."""
    energies = _energies if w.ansatz == "layers" else _rotations
    return {"W3": _epoch, "W6": _local_loss}.get(w.family, energies)(w)


def _letters(w: Workload) -> list[list[str]]:
    return [["".join(r[1].upper() for r in w.rotations)] * w.n] * w.layers


def _expectations(w: Workload, theta: np.ndarray, matrices: list[np.ndarray]) -> np.ndarray:
    state = reference.hardware_efficient(w.n, theta, _letters(w), w.entangler, w.topology)
    return np.array([reference.expectation(m, state) for m in matrices])


def _shifted(f, theta: np.ndarray) -> np.ndarray:
    """Parameter shift: exact for rotations, (n_params, m) if f gives (m,)."""
    steps = np.eye(theta.size) * np.pi / 2
    return np.array([(f(theta + s) - f(theta - s)) / 2 for s in steps])


def _energies(w: Workload) -> dict[str, np.ndarray]:
    matrix = [reference.pauli_sum(w.terms)]
    f = lambda t: _expectations(w, t, matrix)[0]  # noqa: E731
    return {"values": np.array([f(t) for t in w.theta]), "grads": np.array([_shifted(f, t) for t in w.theta])}


def _rotations(w: Workload) -> dict[str, np.ndarray]:
    """Every rotation is shifted alone, and the derivatives of rotations that share an angle are added."""
    matrix, strings = reference.pauli_sum(w.terms), w.strings

    def f(angles: np.ndarray) -> float:
        state = reference.start_state(w.n, w.start)
        for (string, _), angle in zip(strings, angles, strict=True):
            state = reference.rotation(string, angle) @ state
        return reference.expectation(matrix, state)

    values, grads = [], []
    for theta in w.theta:
        angles, grad = np.array([theta[k] for _, k in strings]), np.zeros(w.n_params)
        for (_, k), derivative in zip(strings, _shifted(f, angles), strict=True):
            grad[k] += derivative
        values.append(f(angles))
        grads.append(grad)
    return {"values": np.array(values), "grads": np.array(grads)}


def _local_loss(w: Workload) -> dict[str, np.ndarray]:
    matrices, values, grads = [reference.pauli(p) for p in w.terms], [], []
    for theta in w.theta:
        f = lambda t: _expectations(w, t, matrices)  # noqa: E731
        off = f(theta) - w.targets
        values.append((off**2).sum())
        grads.append(_shifted(f, theta) @ (2 * off))
    return {"values": np.array(values), "grads": np.array(grads)}


def _epoch(w: Workload) -> dict[str, np.ndarray]:
    """Adam (Kingma and Ba 2015, step size 0.01) over the mini-batches, in their order.

    NaN where the gradient is zero: there Adam's quotient is rounding over rounding, a step of any size.
    """
    x, y, largest = *w.data, 0.0
    z0, theta, m, v = reference.pauli("ZIII"), w.theta, 0.0, 0.0
    for step in range(w.samples // w.batch):
        rows = slice(step * w.batch, (step + 1) * w.batch)
        start = np.stack([reference.start_state(4, "zero", row) for row in x[rows]], 1)  # (16, batch)

        def f(t, start=start):
            state, k = start, 0
            for _ in range(w.layers):
                for q in range(4):
                    for r in w.rotations:
                        state, k = reference.on(4, reference.rotation(r[1].upper(), t[k]), q) @ state, k + 1
                state = reference.entangler(4, w.entangler, w.topology) @ state
            return np.einsum("ib,ij,jb->b", state.conj(), z0, state).real

        grad = _shifted(f, theta) @ (2 * (f(theta) - y[rows]) / w.batch)
        largest = np.maximum(largest, abs(grad))
        m, v = 0.9 * m + 0.1 * grad, 0.999 * v + 0.001 * grad**2
        hat_m, hat_v = m / (1 - 0.9 ** (step + 1)), v / (1 - 0.999 ** (step + 1))
        theta = theta - 0.01 * hat_m / (np.sqrt(hat_v) + 1e-8)
    return {"theta": np.where(largest > 1e-9, theta, np.nan)}
