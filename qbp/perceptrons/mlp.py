"""Two-layer Tanh perceptrons, many seeds at once (Section IV.A).

All weights of a run are one flat vector `theta`, laid out W1 (hidden, in), b1, W2 (out, hidden), b2, so that
Algorithm 1 sees a perceptron exactly as it sees a circuit: parameters (..., n_params) in, losses (...) out.
The paper's has one hidden layer; with more, W2 (hidden, hidden), b2 and so on follow W1, b1.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from qbp import _checks, draws
from qbp._arguments import takes


@dataclass(frozen=True)
class MLP:
    """Linear - Tanh - Linear, or (Linear - Tanh) n_layers times - Linear.

    Args:
        n_in, n_hidden, n_out: widths, each at least 1; all hidden layers have one width.
        n_layers: hidden layers.

    Example:
        >>> MLP(1, 250, 1).n_params, MLP(1, 250, 1, n_layers=2).n_params
        (751, 63501)
    """

    n_in: int
    n_hidden: int
    n_out: int
    n_layers: int = 1

    def __post_init__(self) -> None:
        """Check widths and depth."""
        _checks.plain(self)
        for name in ("n_in", "n_hidden", "n_out", "n_layers"):
            _checks.integer(name, getattr(self, name))

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of W1, b1, W2, b2 ..., in the order they lie in `theta`."""
        widths = (self.n_in, *[self.n_hidden] * self.n_layers, self.n_out)
        return tuple(s for below, own in itertools.pairwise(widths) for s in ((own, below), (own,)))

    @property
    def sizes(self) -> list[int]:
        """Number of weights in each tensor."""
        return [math.prod(shape) for shape in self.shapes]

    @property
    def n_params(self) -> int:
        """Length of `theta`."""
        return sum(self.sizes)

    @takes(theta="... self.n_params")
    def tensors(self, theta: Tensor) -> tuple[Tensor, ...]:
        """Split theta (..., n_params) into W1, b1, W2, b2 ..., each with the leading axes of `theta`."""
        _checks.theta(theta, self.n_params)
        parts = theta.split(self.sizes, dim=-1)
        return tuple(p.unflatten(-1, s) for p, s in zip(parts, self.shapes, strict=True))

    @takes("theta x", theta="... self.n_params", x="... samples self.n_in")
    def features(self, theta: Tensor, x: Tensor) -> Tensor:
        """Return the hidden layer tanh(W1 x + b1), the last of several: the feature matrix Phi of eq. 2.

        Args:
            theta: weights, (..., n_params).
            x: inputs, (samples, n_in) shared by all runs, or (..., samples, n_in).

        Returns:
            Real, (..., samples, n_hidden), in [-1, 1].
        """
        w1, b1, *others = self.tensors(theta)
        if x.ndim == 2:  # one matrix product for all runs: (samples, in) @ (in, runs * hidden)
            flat = x @ w1.reshape(-1, self.n_in).mT
            pre = flat.unflatten(-1, w1.shape[:-1]).movedim(0, -2)
        else:
            pre = x @ w1.mT
        hidden = torch.tanh(pre + b1.unsqueeze(-2))
        for w, b in zip(others[:-2:2], others[1:-2:2], strict=True):  # all but the readout
            hidden = torch.tanh(hidden @ w.mT + b.unsqueeze(-2))
        return hidden

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """Return the outputs W2 tanh(W1 x + b1) + b2, of the last hidden layer if there are several.

        Args:
            theta, x: as in :meth:`features`.

        Returns:
            Real, (..., samples, n_out).
        """
        *_, w2, b2 = self.tensors(theta)
        return self.features(theta, x) @ w2.mT + b2.unsqueeze(-2)

    @takes(theta="... self.n_params", weights="... hidden self.n_out")
    def with_readout(self, theta: Tensor, weights: Tensor) -> Tensor:
        """Return `theta` with the last two tensors, W2 and b2, replaced by the solution of eq. 2.

        Args:
            theta: weights, (..., n_params).
            weights: (..., n_hidden + 1, n_out), the bias in the last row, as :func:`qbp.convex.ridge` gives
                them.
        """
        if weights.shape[-2] != self.n_hidden + 1:
            took = f"(..., {self.n_hidden + 1}, {self.n_out})"
            raise ValueError(f"weights must have shape {took}, got {tuple(weights.shape)}")
        *below, _, _ = theta.split(self.sizes, dim=-1)
        w2, b2 = weights.split([self.n_hidden, 1], dim=-2)
        return torch.cat([*below, w2.mT.flatten(-2), b2.squeeze(-2)], dim=-1)

    @takes()
    def xavier(self, seeds: Sequence[int], dtype: torch.dtype = torch.float64) -> Tensor:
        """Draw the paper's start: Xavier uniform with the Tanh gain 5/3, zero biases (Section IV.A).

        Returns:
            (runs, n_params) on the CPU, row r from ``seeds[r]``.
        """
        gain = torch.nn.init.calculate_gain("tanh")
        parts = []
        names = [f"{letter}{layer}" for layer in range(1, self.n_layers + 2) for letter in "Wb"]
        for name, shape in zip(names, self.shapes, strict=True):
            bound = gain * math.sqrt(6 / sum(shape)) if len(shape) == 2 else 0.0  # weights; biases start at 0
            parts.append(draws.uniform(seeds, f"start {name}", math.prod(shape), low=-bound, high=bound))
        return torch.cat(parts, dim=-1).to(dtype)


@takes(output="... samples outputs", target="... samples outputs")
def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean over samples and outputs of (output - target)**2: (..., samples, n_out) -> (...)."""
    return (output - target).square().mean((-2, -1))


@takes(output="... samples classes+", label="index ... samples")
def cross_entropy(output: Tensor, label: Tensor) -> Tensor:
    """Return the mean over samples of -log softmax(output)[label] in nats, (..., samples, n_out) -> (...)."""
    _labels(output, label)
    log_p = output.log_softmax(-1)
    return -log_p.gather(-1, label.expand(log_p.shape[:-1]).unsqueeze(-1)).squeeze(-1).mean(-1)


@takes(output="... samples classes+", label="index ... samples")
def accuracy(output: Tensor, label: Tensor) -> Tensor:
    """Return the fraction of samples whose largest output is the label: (..., samples, n_out) -> (...)."""
    return (output.argmax(-1) == label).to(output.dtype).mean(-1)


def _labels(output: Tensor, label: Tensor) -> None:
    """Raise ValueError if a label is none of the classes; where numbers are trusted they are not read."""
    if _checks.is_trusted() or not _checks.has_values(label) or not label.numel():
        return
    low, high = int(label.min()), int(label.max())
    if low < 0 or high >= output.shape[-1]:
        raise ValueError(f"label must be from 0 to {output.shape[-1] - 1}, got {low if low < 0 else high}")
