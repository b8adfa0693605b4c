"""Losses and random stream of the released notebook, in place of the paper's losses and start.

In the notebook (QiML_barrenLandscape.ipynb at commit 49feece) the two-stage method and its baseline minimize
penalties on the weights alone: no data enter.  Both penalties are taken tensor by tensor (W1, b1, W2, b2).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from qbp import _checks
from qbp._arguments import takes
from qbp.perceptrons.mlp import MLP

TELECOM_LENGTH = 1480
PANELS = {
    "curve": MLP(1, 250, 1),
    "telecom": MLP(12, 250, 1),
    "mnist": MLP(784, 128, 10),
}  # in the notebook's order
PLAIN: dict[str, Any] = {"dtype": torch.float32, "device": "cpu"}  # whatever the caller's defaults

_ZEROS = ["0.00000", "0.00000", "0.00000"]
STORED = {  # printed by the notebook: the plotted loss of "Convex -> Nonconvex" at steps 0, 50, ..., 450
    "curve": [*_ZEROS, "0.00635", "0.00126", "0.00016", "0.00001", "0.00000", "-0.00000", "-0.00000"],
    "telecom": [*_ZEROS, "0.00634", "0.00113", "0.00013", "0.00001", "0.00000", "-0.00000", "-0.00000"],
    "mnist": [
        "0.00001",
        *_ZEROS[1:],
        "0.00954",
        "0.00364",
        "0.00113",
        "0.00031",
        "0.00008",
        "0.00002",
        "0.00000",
    ],
}


@takes(theta="... model.n_params")
def convex_penalty(model: MLP, theta: Tensor) -> Tensor:
    """Return the released Stage 1 loss: the mean over weight tensors of (mean of the tensor)**2.

    Args:
        model: tells which weights form a tensor.
        theta: (..., n_params).

    Returns:
        Real, (...).
    """
    return sum(w.mean(-1).square() for w in theta.split(model.sizes, -1)) / len(model.sizes)


@takes(theta="... model.n_params")
def task_penalty(model: MLP, theta: Tensor) -> Tensor:
    """Return the released Stage 2 task term: the sum over weight tensors of mean(w**2), shapes as above."""
    return sum(w.square().mean(-1) for w in theta.split(model.sizes, -1))


@takes()
def replay_start(panel: str, seed: int = 42) -> tuple[Tensor, Tensor | None]:
    """Replay torch's global stream as the notebook consumes it, up to the start of one panel.

    The notebook seeds once.  Each panel, in the order curve, telecom, MNIST, draws the default start of the
    layers and then the Xavier weights, and afterwards builds three more models whose weights are
    overwritten; telecom draws its noise first.

    Args:
        panel: "curve", "telecom" or "mnist".
        seed: seed of torch's global generator, which is left as it was found.

    Returns:
        theta_0 (n_params,) in float32, and the noise of the telecom series (1480,) or None.
    """
    _checks.choice("panel", panel, PANELS)
    seed = _checks.integer("seed", seed, 0, 2**64 - 1)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the GPUs too
        for name, model in PANELS.items():
            noise = torch.randn(TELECOM_LENGTH, **PLAIN) if name == "telecom" else None
            layers = _default_layers(model)
            for layer in layers:
                nn.init.xavier_uniform_(layer.weight, gain=nn.init.calculate_gain("tanh"))
                nn.init.zeros_(layer.bias)
            if name == panel:
                flat = [p.detach().flatten() for layer in layers for p in (layer.weight, layer.bias)]
                return torch.cat(flat), noise
            for _ in range(3):
                _default_layers(model)
    raise AssertionError("panel is one of PANELS")


@takes()
def replay_starts(panel: str, seeds: Sequence[int]) -> Tensor:
    """Stack :func:`replay_start` over seeds: (runs, n_params), float32."""
    if len(seeds) == 0:
        raise ValueError("seeds must be one or more, got none")
    return torch.stack([replay_start(panel, seed)[0] for seed in seeds])


class ReleasedBatches:
    """The notebook's shuffled mini-batches by step: the same for every method and run, loader seed 123.

    Args:
        n_train: size of the training set.
        batch_size: at most `n_train` is used.
        device: where the indices go.
    """

    @takes()
    def __init__(self, n_train: int, batch_size: int, device: torch.device | str) -> None:
        _checks.integer("n_train", n_train)
        _checks.integer("batch_size", batch_size)
        generator = torch.Generator().manual_seed(123)
        self._loader: DataLoader = DataLoader(
            range(n_train),  # type: ignore[arg-type]  # has items and a length, which is all that is asked
            min(batch_size, n_train),
            shuffle=True,
            generator=generator,
        )
        self._seen: list[Tensor] = []
        self._device = device

    def __call__(self, step: int) -> Tensor:
        """Return the indices of one step, (batch,) int64; the last batch of an epoch may be shorter."""
        while len(self._seen) <= step:
            self._seen.extend(batch.to(self._device) for batch in self._loader)
        return self._seen[step]


def _default_layers(model: MLP) -> tuple[nn.Linear, nn.Linear]:
    return nn.Linear(model.n_in, model.n_hidden, **PLAIN), nn.Linear(model.n_hidden, model.n_out, **PLAIN)
