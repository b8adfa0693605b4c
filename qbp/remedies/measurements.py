"""Measurements on a batch of states: how likely outcomes are, drawn from shots, and what they are worth.

The counterpart of :mod:`qbp.circuits.hardware.shots` for many circuits of one run, all runs of which share
their settings.  No autograd: a remedy asks for values, gradients and Jacobians in numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qbp import draws
from qbp.circuits.hardware.measurement import Setting, amplitudes, overlaps, plan
from qbp.circuits.observables import Observable

DRAWS = 2**21  # at once: 16 MiB


@dataclass(frozen=True)
class Wanted:
    """Observables of all runs, grouped into the settings that they share.

    Attributes:
        settings: how to measure, one after another.
        worth: for each setting what an outcome adds to each observable, (runs or 1, m, outcomes).
        constant: what the identity adds, (runs or 1, m).
    """

    settings: tuple[Setting, ...]
    worth: tuple[Tensor, ...]
    constant: Tensor

    @property
    def cost(self) -> int:
        """Evaluations of one circuit, the number of settings."""
        return len(self.settings)


def wanted(observables: Sequence[Sequence[Observable]], dtype: torch.dtype, device: torch.device) -> Wanted:
    """Group the observables of each run, or those of all runs, into settings.

    Args:
        observables: a list of m of them for each run, or one list for all.
        dtype, device: of the numbers.

    Raises:
        ValueError: the runs need different settings.
    """
    plans = [plan(own) for own in observables]
    names = [tuple(s.name for s in p.settings) for p in plans]
    if len(set(names)) > 1:
        raise ValueError(f"observables must need the same settings in all runs, got {sorted(set(names))}")
    worth = [np.stack([p.settings[k].values for p in plans]) for k in range(len(names[0]))]
    constant = torch.from_numpy(np.stack([p.constant for p in plans]))
    tensors = tuple(torch.from_numpy(w).to(device, dtype) for w in worth)
    return Wanted(plans[0].settings, tensors, constant.to(device, dtype))


class Shots:
    """Outcomes drawn from their probabilities, a stream for each run and call; none without shots.

    Args:
        seeds: of the runs.
        shots: measurements of a circuit in a setting; None for exact values.
    """

    def __init__(self, seeds: Sequence[int], shots: int | None) -> None:
        self.seeds, self.shots, self.calls = tuple(seeds), shots, 0

    def frequencies(self, likely: Tensor) -> Tensor:
        """Return how often each outcome is seen, of (runs, circuits, outcomes) probabilities."""
        if self.shots is None:
            return likely
        self.calls += 1
        found = [self._one(seed, own) for seed, own in zip(self.seeds, likely, strict=True)]
        return torch.stack(found).to(likely)

    def binomial(self, likely: np.ndarray) -> np.ndarray:
        """Return how often a certain outcome is seen, of probabilities (runs, circuits)."""
        return self.frequencies(torch.from_numpy(np.stack([likely, 1 - likely], -1)))[..., 0].numpy()

    def _one(self, seed: int, likely: Tensor) -> Tensor:
        """Draw for one run, (circuits, outcomes): outcome by outcome where they are fewer than the shots."""
        assert self.shots is not None
        circuits, outcomes = likely.shape
        stream = draws.stream(seed, "remedy", self.calls)
        if self.shots > outcomes:
            # Rounded: numpy draws no number for a share of 0, and one for 1e-17, which shifts what follows.
            shares = np.round(likely.clamp(min=0).double().cpu().numpy(), 12)
            counts = stream.multinomial(self.shots, shares / shares.sum(-1, keepdims=True))
            return torch.from_numpy(counts / self.shots)
        cumulated = likely.clamp(min=0).double().cumsum(-1)
        cumulated = (cumulated / cumulated[:, -1:]).cpu()
        many, found = max(1, DRAWS // self.shots), []
        for part in cumulated.split(many):
            uniform = torch.from_numpy(stream.random((len(part), self.shots)))
            seen = torch.searchsorted(part, uniform, right=True).clamp(max=outcomes - 1)
            seen += outcomes * torch.arange(len(part)).unsqueeze(-1)
            found.append(torch.bincount(seen.flatten(), minlength=outcomes * len(part)))
        return torch.cat(found).reshape(circuits, outcomes) / self.shots


def values(states: Tensor, asked: Wanted, shots: Shots) -> Tensor:
    """Return measured expectations, (runs, circuits, m), of states (runs, circuits, 2**n)."""
    total = asked.constant.unsqueeze(1)
    for setting, worth in zip(asked.settings, asked.worth, strict=True):
        rotated = amplitudes(setting, states)
        total = total + shots.frequencies(overlaps(setting, rotated, rotated)) @ worth.mT
    return total


def jacobian(states: Tensor, asked: Wanted, shots: Shots) -> Tensor:
    """Return parameter-shift derivatives, (runs, rotations, m).

    Args:
        states: the final state, then the states turned at each rotation
            (:func:`qbp.circuits.hardware.parameter_shift.turned_states`), (runs, 1 + rotations, 2**n).
        asked: what is measured.
        shots: of each shifted circuit.
    """
    total: Tensor | float = 0.0
    for setting, worth in zip(asked.settings, asked.worth, strict=True):
        rotated = amplitudes(setting, states)
        psi, turned = rotated[:, :1], rotated[:, 1:]
        mean = (overlaps(setting, psi, psi) + overlaps(setting, turned, turned)) / 2
        half = overlaps(setting, psi, turned)
        up, down = shots.frequencies(torch.cat([mean + half, mean - half], 1)).tensor_split(2, dim=1)
        total = total + (up - down) / 2 @ worth.mT
    assert isinstance(total, Tensor)
    return total
