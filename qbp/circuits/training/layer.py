"""Circuit as a layer of a neural network: a :class:`torch.nn.Module` between others."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from qbp import _checks, draws
from qbp.circuits.circuit import Circuit, check
from qbp.circuits.observables import Observable, observables_on


class Layer(torch.nn.Module):
    """Circuit as a :class:`torch.nn.Module`: features in, expectations of observables out.

    RY(x_j) acts on qubit j of the start state, then the circuit by its angles `theta`, the parameter of the
    module.  Gradients reach `theta` and, through the features, whatever made them.

    The dtype of `theta` is that of `theta0`, or torch's default where there is none; ``.double()`` and
    ``.float()`` change it.  States are computed in the same precision, outputs are of that dtype, and inputs
    of another are converted to it.

    Inside :func:`torch.compile` a layer runs as it does outside: a graph ends before it, and another begins
    after it.  So ``fullgraph=True`` is an error of torch; and where the layer is called in a loop, as by
    ``torch.nn.Sequential``, torch compiles nothing of that loop.

    Args:
        circuit: n_qubits qubits, `n_params` angles.
        observables: one, or m of them, on n_qubits qubits.
        theta0: angles to begin with, in radians, shape (n_params,), or (..., n_params) for several circuits
            side by side; None draws them uniformly from [0, 2 pi).
        seed: of these draws, 0 <= seed < 2**64.  Layers with the same seed start alike.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> from qbp.circuits.ansatz import HardwareEfficient
        >>> from qbp.circuits.observables import local_observables
        >>> circuit = HardwareEfficient(n_qubits=2, n_layers=1)
        >>> model = torch.nn.Sequential(Layer(circuit, local_observables(2, "Z")), torch.nn.Linear(2, 3))
        >>> model(torch.zeros(5, 2)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        circuit: Circuit,
        observables: Observable | Sequence[Observable],
        theta0: Tensor | None = None,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check(circuit)
        listed = [observables] if isinstance(observables, Observable) else observables
        self.circuit, self.observables = circuit, observables_on(circuit.n_qubits, listed)
        if theta0 is None:
            drawn = draws.uniform([seed], "start", circuit.n_params, high=2 * math.pi)[0]
            theta0 = drawn.to(torch.get_default_dtype())
        _checks.theta(theta0, circuit.n_params, "theta0")
        self.theta = torch.nn.Parameter(theta0.detach().clone())

    @torch.compiler.disable
    def forward(self, inputs: Tensor | None = None) -> Tensor:
        """Return the expectations of the observables.

        Args:
            inputs: features x in radians, real, shape (..., samples, n_features <= n_qubits), or one sample,
                (n_features,); None leaves the start state as it is.

        Returns:
            Real, shape (..., samples, m), or (..., m) for one sample or none; leading axes of `theta` and of
            `inputs` broadcast.

        Raises:
            TypeError, ValueError: `inputs` is not a real tensor of the shape above and on the device of
                `theta`, or not finite.
        """
        if inputs is None:
            return self.circuit.expectations(self.theta, self.observables)
        features = self._features(inputs)
        if features.ndim == 1:
            return self.circuit.expectations(self.theta, self.observables, features[None]).squeeze(-2)
        return self.circuit.expectations(self.theta, self.observables, features)

    def extra_repr(self) -> str:
        """Return what a module prints in its brackets."""
        return f"{self.circuit}, observables={len(self.observables)}, theta={tuple(self.theta.shape)}"

    def _features(self, inputs: Tensor) -> Tensor:
        """Return the features in the dtype of theta."""
        if not isinstance(inputs, Tensor) or inputs.is_complex() or inputs.layout is not torch.strided:
            raise TypeError(f"inputs must be a tensor of real numbers, got {_checks.kind_of(inputs)}")
        if inputs.device != self.theta.device:
            raise ValueError(
                f"inputs must be on the device of theta, {self.theta.device}, got {inputs.device}"
            )
        return inputs.to(self.theta.dtype)
