"""This library, through its public functions; QBP_KERNEL=torch in the environment takes its torch path."""

import contextlib
import os
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch

import qbp
from benchmarks.workloads import Workload
from qbp.circuits.training.descent import train

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
VERSIONS = {"qbp": version("qbp"), "torch": torch.__version__}
with contextlib.suppress(PackageNotFoundError):
    VERSIONS["numba"] = version("numba")
with contextlib.suppress(ImportError):  # qbp imports its compiler late; memory counts from after imports
    from qbp.circuits.kernel import evolution

    evolution.available()
DTYPES = ["complex64", "complex128", "float64", "float32"]
REAL = {"complex64": torch.float32, "complex128": torch.float64}


def _circuit(w: Workload) -> qbp.HardwareEfficient | qbp.PauliRotations:
    if w.ansatz != "layers":
        generators, tied = zip(*w.strings, strict=True)
        return qbp.PauliRotations(w.n, generators, tied, start=w.start)
    return qbp.HardwareEfficient(
        w.n, w.layers, rotations=w.rotations, entangler=w.entangler, topology=w.topology
    )


def prepare(w: Workload):
    """Return the function to time."""
    others = {"W1": _energies, "W3": _epoch, "W4": _variance, "W5": _train, "W6": _local_loss}
    return others.get(w.family, _one_vector)(w)


def _gradient(theta: torch.Tensor, loss):
    def run():
        theta.grad = None
        values = loss(theta)
        values.sum().backward()
        return {"values": values.detach().numpy(), "grads": theta.grad.numpy()}

    return run


def _energies(w: Workload):
    circuit, H = _circuit(w), qbp.PauliSum(w.terms)
    theta = torch.tensor(w.theta, dtype=REAL[w.dtype], requires_grad=True)
    return _gradient(theta, lambda t: circuit.expectation(t, H))


def _one_vector(w: Workload):
    circuit, H = _circuit(w), qbp.PauliSum(w.terms)
    theta = torch.tensor(w.theta, dtype=REAL[w.dtype])

    def run():
        values, grads = circuit.value_and_gradient(theta, H)
        return {"values": values.numpy(), "grads": grads.numpy()}

    return run


def _local_loss(w: Workload):
    circuit, observables = _circuit(w), qbp.local_observables(w.n)
    theta = torch.tensor(w.theta, dtype=REAL[w.dtype], requires_grad=True)
    targets = torch.tensor(w.targets, dtype=theta.dtype)
    return _gradient(theta, lambda t: qbp.local_loss(circuit, t, observables, targets))


def _epoch(w: Workload):
    circuit, H = _circuit(w), qbp.PauliSum(w.terms)
    x, y = (torch.tensor(part, dtype=REAL[w.dtype]) for part in w.data)
    theta, batches = torch.tensor(w.theta, dtype=x.dtype), torch.arange(w.samples).reshape(-1, w.batch)
    data = {"inputs": x, "targets": y.unsqueeze(-1), "batches": batches}

    def run():
        return {"theta": train(circuit, H, theta, steps=len(batches), lr=0.01, **data).theta.numpy()}

    return run


def _variance(w: Workload):
    """Until the error of the sum over parameters is 5 %; a bound where walks hardly survive."""
    try:
        from qbp.plateaus.pauli.walk import walk_moments
    except ImportError:
        raise NotImplementedError("this version has no Pauli walks") from None
    circuit, H = _circuit(w), qbp.PauliSum(w.terms)

    def run():
        for walks in (2**15, 2**17, 2**19):
            found = walk_moments(circuit, H, walks=walks)
            if not 0.05 < found.total_relative_stderr < 0.5:
                break  # known well enough, or so few walks survive that 16 times as many give a bound as well
        return {"total": [found.total, found.total_relative_stderr, found.total_upper_bound]}

    return run


def _train(w: Workload):
    def run():
        options = {"seeds": w.batch, "steps": w.samples, "dtype": w.dtype, "device": "cpu"}
        found = qbp.compare(w.observable, ["no-init", "two-stage"], **options)
        return {"train_loss": np.concatenate([r.final("train_loss") for r in found.values()])}

    return run
