"""Paths of the methods of least squares: where a batch of runs stands, and what the next step costs."""

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from qbp.convex import ridge
from qbp.optimizers import Moments, adam
from qbp.remedies.least_squares import levenberg_marquardt as lm
from qbp.remedies.least_squares.coordinates import turn_one
from qbp.remedies.least_squares.fixed import fourier, post_variational
from qbp.remedies.least_squares.projection import projected_jacobian

if TYPE_CHECKING:
    from collections.abc import Callable

    from qbp.experiments.fits.training import FitTraining


class Path:
    """Some runs of a method; a subclass says how they move.

    Attributes:
        first, each: circuit evaluations of a run before the first step, and of a step; 0: it takes none.
        theta: angles and weights, (runs, n_params).
        loss: the method's own loss, (runs,).
    """

    first: int = 0
    each: int = 0
    theta: Tensor
    loss: Tensor

    def __init__(self, training: "FitTraining", seeds: range, start: Tensor) -> None:
        data = training.data
        self.training, self.seeds, self.theta = training, seeds, start
        self.config, self.model = training.config, training.model
        self.samples = data.train
        self.targets = training.targets[data.train]
        self.measured = training.measured(seeds, data.train)
        self.count = self.targets.numel()
        self.begin()

    def begin(self) -> None:
        """Measure what the first step needs."""

    def advance(self, step: int) -> None:
        """Take a step, counted from 1 on."""

    def evaluate(self) -> dict[str, Tensor]:
        """Return the exact errors where the runs stand."""
        return self.training.errors(self.theta, self.training.predict)

    def cost(self, *, value: bool = False, gradient: bool = False) -> int:
        """Return the evaluations of values or derivatives on the training set."""
        return self.model.cost(len(self.samples), value=value, gradient=gradient)


class Projected(Path):
    """Levenberg-Marquardt on the angles, the weights solved at each of them (variable projection)."""

    def begin(self) -> None:
        """Measure values and derivatives at the start."""
        self.first = self.each = self.cost(value=True, gradient=True)
        angles, _ = self.model.split(self.theta)
        self.point = lm.begin(self.linearized, angles, self.config.algorithm.damping)  # type: ignore[union-attr]
        self._settle()

    def linearized(self, angles: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return the residual that the best weights leave, the penalty's below it, and its derivative."""
        features, slopes = self.measured.values(angles, step), self.measured.derivatives(angles, step)
        targets = self.targets.expand(len(angles), -1, -1)
        _, residual, jacobian = projected_jacobian(features, targets, slopes, self.config.ridge)
        return self._penalized(residual, jacobian, angles)

    def advance(self, step: int) -> None:
        """Take one step of Levenberg-Marquardt."""
        self.point = lm.advance(self.linearized, self.point, step)
        self._settle()

    def _penalized(self, residual: Tensor, jacobian: Tensor, angles: Tensor) -> tuple[Tensor, Tensor]:
        root = (self.config.penalty * self.count) ** 0.5
        eye = root * torch.eye(angles.shape[-1], dtype=angles.dtype, device=angles.device)
        below = eye.expand(len(angles), -1, -1)
        return torch.cat([residual, root * angles], -1), torch.cat([jacobian, below], -2)

    def _settle(self) -> None:
        """Take the weights from the residual, whose rows after the samples hold them."""
        outputs, strength = self.model.n_outputs, self.config.ridge
        tail = self.point.residual[:, self.count : self.count + self.model.n_weights]
        weights = -tail.unflatten(-1, (-1, outputs)) / strength**0.5
        self.theta, self.loss = self.model.join(self.point.angles, weights), self.point.loss / self.count


class ProjectedAdam(Projected):
    """Adam on the angles with the exact gradient of the projected error on the whole training set."""

    moments: Moments | None = None

    def advance(self, step: int) -> None:
        """Take one step of Adam, whether it helps or not."""
        point = self.point
        gradient = 2 * (point.residual.unsqueeze(-2) @ point.jacobian).squeeze(-2) / self.count
        rate = torch.full_like(point.damping, self.config.algorithm.eta)  # type: ignore[union-attr]
        angles, self.moments = adam(point.angles, gradient, self.moments, lr=rate, active=point.alive)
        residual, jacobian = self.linearized(angles, step)
        alive = point.alive & residual.isfinite().all(-1)
        self.point = lm.Point(angles, residual, jacobian, point.damping, alive)
        self._settle()


class Together(Projected):
    """Levenberg-Marquardt on angles and weights at once."""

    def begin(self) -> None:
        """Measure values and derivatives at the start."""
        self.first = self.each = self.cost(value=True, gradient=True)
        self.point = lm.begin(self.linearized, self.theta, self.config.algorithm.damping)  # type: ignore[union-attr]
        self._settle()

    def linearized(self, theta: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return the residual, the penalty's below it, and its derivative by angles and weights."""
        angles, weights = self.model.split(theta)
        features, slopes = self.measured.values(angles, step), self.measured.derivatives(angles, step)
        residual = self.model.predict(features, weights) - self.targets
        by_angles = torch.einsum("rnkp,rko->rnop", slopes, weights[:, :-1])
        with_one = torch.cat([features, torch.ones_like(features[..., :1])], -1)
        one = torch.eye(self.model.n_outputs, dtype=theta.dtype, device=theta.device)
        by_weights = torch.einsum("rnk,op->rnokp", with_one, one).flatten(-2)[..., : self.model.n_weights]
        jacobian = torch.cat([by_angles, by_weights], -1).flatten(1, 2)
        residual, below = self._penalized(residual.flatten(1), jacobian[..., : self.model.n_angles], angles)
        of_weights = jacobian.new_zeros(len(theta), below.shape[-2], self.model.n_weights)
        of_weights[:, : self.count] = jacobian[..., self.model.n_angles :]
        return residual, torch.cat([below, of_weights], -1)

    def _settle(self) -> None:
        self.theta, self.loss = self.point.angles, self.point.loss / self.count


class Coordinates(Path):
    """Rotosolve: an angle at a time at its best; trained weights are solved anew after each round."""

    def begin(self) -> None:
        """Measure the values at the start."""
        self.first, self.each = self.cost(value=True), 2 * self.cost(value=True)
        self.angles, self.weights = self.model.split(self.theta)
        self.features = self.measured.values(self.angles)
        self._settle()

    def advance(self, step: int) -> None:
        """Turn the next angle."""
        which = (step - 1) % self.model.n_angles
        given = self.angles, self.features, self.weights, self.targets
        self.angles, self.features = turn_one(self.measured, *given, which)
        if which == self.model.n_angles - 1 and self.model.n_weights:
            self.weights = ridge(self.features, self.targets, self.config.ridge)
        self._settle()

    def _settle(self) -> None:
        output = self.model.predict(self.features, self.weights)
        self.theta = self.model.join(self.angles, self.weights)
        self.loss = (output - self.targets).square().mean((-2, -1))


class Once(Path):
    """The weights solved once, the angles where they start: what the readout alone is worth."""

    def begin(self) -> None:
        """Measure and solve."""
        self.first = self.cost(value=True)
        angles, _ = self.model.split(self.theta)
        weights = ridge(self.measured.values(angles), self.targets, self.config.ridge)
        self.theta = self.model.join(angles, weights)
        self.loss = self.evaluate()["train_loss"]


class Fixed(Path):
    """Fixed features and a solved readout: of shifted circuits, or without a circuit."""

    def begin(self) -> None:
        """Measure and solve."""
        expanded = self.config.method == "post-variational"
        self.first = self.cost(value=True, gradient=True) if expanded else 0
        self.weights = ridge(self.features(self.samples, None), self.targets, self.config.ridge)
        self.loss = self.evaluate()["train_loss"]

    def features(self, samples: Tensor, exact: Tensor | None) -> Tensor:
        """Return the features of samples; those that predict are exact, as every record is."""
        if self.config.method == "features":
            return fourier(self.training.data.x[samples], self.seeds, len(self.model.observables))
        angles, _ = self.model.split(self.theta)
        measured = self.training.measured(self.seeds, samples)
        return post_variational(measured if exact is None else replace(measured, shots=None), angles)

    def evaluate(self) -> dict[str, Tensor]:
        """Return the exact errors."""
        weights = self.weights
        return self.training.errors(
            weights, lambda w, samples: self.model.predict(self.features(samples, samples), w)
        )


PATHS: "dict[str, Callable[[FitTraining, range, Tensor], Path]]" = {
    "varpro": Projected,
    "varpro-adam": ProjectedAdam,
    "lm": Together,
    "rotosolve": Coordinates,
    "ridge-only": Once,
    "post-variational": Fixed,
    "features": Fixed,
}
