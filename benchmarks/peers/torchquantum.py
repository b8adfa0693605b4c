"""TorchQuantum: a batched QuantumDevice, functional gates, torch's autograd.  Single precision alone."""

import os
import sys
import types
from importlib.machinery import ModuleSpec
from importlib.metadata import version

import torch

from benchmarks.workloads import Workload


class _Anything(type):
    def __getattr__(cls, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


class _Empty(types.ModuleType):
    """Stands in for torchvision, which only TorchQuantum's image data sets use and whose wheel needs CUDA."""

    __path__ = ()

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything(name, (), {})


for _name in ("", ".datasets", ".datasets.utils", ".transforms", ".transforms.functional"):
    _module = _Empty(f"torchvision{_name}")
    _module.__spec__ = ModuleSpec(_module.__name__, None)
    sys.modules[_module.__name__] = _module

import torchquantum as tq  # noqa: E402
import torchquantum.functional as tqf  # noqa: E402

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
VERSIONS = {name: version(name) for name in ("torchquantum", "torch")}
DTYPES = ["complex64"]


def _expectations(w: Workload, theta: torch.Tensor, x: torch.Tensor | None = None) -> list[torch.Tensor]:
    device = tq.QuantumDevice(w.n, bsz=len(theta) if x is None else len(x))
    if x is not None:
        for q in range(w.n):
            tqf.ry(device, wires=q, params=x[:, q])
    for name, a, b in w.gates:
        if name[0] == "r":
            getattr(tqf, name)(device, wires=a, params=theta[:, b])
        else:
            getattr(tqf, name)(device, wires=[a, b])
    return [tq.expval_joint_analytical(device, string) for string in w.terms]


def prepare(w: Workload):
    """Return the function to time."""
    if w.family in ("W4", "W5"):
        raise NotImplementedError("circuits of a state vector only")
    if w.family == "W3":
        return _epoch(w)
    theta = torch.tensor(w.theta, dtype=torch.float32, requires_grad=True)
    targets = torch.tensor(w.targets, dtype=torch.float32)

    def run():
        theta.grad = None
        found = torch.stack(_expectations(w, theta), -1)
        if w.family == "W6":
            values = (found - targets).square().sum(-1)
        else:
            values = found @ torch.tensor(list(w.terms.values()))
        values.sum().backward()
        return {"values": values.detach().numpy(), "grads": theta.grad.numpy()}

    return run


def _epoch(w: Workload):
    x, y = (torch.tensor(part, dtype=torch.float32) for part in w.data)

    def run():
        theta = torch.tensor(w.theta, dtype=torch.float32, requires_grad=True)
        adam = torch.optim.Adam([theta], lr=0.01, fused=True)
        for rows in torch.arange(w.samples).split(w.batch):
            adam.zero_grad()
            found = _expectations(w, theta.unsqueeze(0), x[rows])[0]
            (found - y[rows]).square().mean().backward()
            adam.step()
        return {"theta": theta.detach().numpy()}

    return run
