"""Problems of the perceptron experiments for Algorithm 1: data, mini-batches, losses."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from qbp import _checks, draws
from qbp._arguments import alike_in, takes
from qbp.convex import gradient_metrics, ridge
from qbp.perceptrons.mlp import MLP, accuracy, cross_entropy, mean_squared_error
from qbp.problem import Problem

if TYPE_CHECKING:
    from qbp.perceptrons.datasets import Dataset


@takes()
def surrogate_targets(data: "Dataset") -> Tensor:
    """Return what the surrogate fits, targets or one-hot vectors of the labels, (samples, n_outputs)."""
    if not data.is_classification:
        return data.y
    return torch.eye(data.n_outputs, dtype=data.x.dtype, device=data.x.device)[data.y]


@takes(theta0="... model.n_params")
def ridge_start(model: MLP, data: "Dataset", theta0: Tensor, strength: float) -> Tensor:
    """Replace the readout of each start by the solution of eq. 2 on the whole training set.

    Args:
        model: the perceptron; its hidden layer gives Phi.
        data: targets y are :func:`surrogate_targets`.
        theta0: starts, (runs, n_params).
        strength: ridge parameter of eq. 2.

    Returns:
        (runs, n_params).
    """
    _checks.finite("theta0", theta0)
    alike_in({"data": data.x, "theta0": theta0}, "data theta0")
    features = model.features(theta0, data.x[data.train])
    return model.with_readout(theta0, ridge(features, surrogate_targets(data)[data.train], strength))


class MiniBatches:
    """Mini-batches of training indices by step, the same for every method.

    Each epoch is one permutation of the training set per run, cut into equal batches; samples that do not
    fill one wait for the next epoch.

    Args:
        seeds: seed of each run.
        n_train: size of the training set.
        batch_size: at most `n_train` is used.
        device: where the indices go.
    """

    if TYPE_CHECKING:
        _order: Any  # of the present epoch, (runs, n_train); None before the first

    @takes()
    def __init__(self, seeds: Sequence[int], n_train: int, batch_size: int, device: torch.device) -> None:
        _checks.integer("n_train", n_train)
        _checks.integer("batch_size", batch_size)
        self._seeds, self._n_train, self._device = seeds, n_train, device
        self._size = min(batch_size, n_train)
        self._epoch, self._order = -1, None

    def __call__(self, step: int) -> Tensor:
        """Return the indices of one step, (runs, batch_size) int64."""
        epoch, slot = divmod(step, self._n_train // self._size)
        if epoch != self._epoch:
            order = draws.permutations(self._seeds, "batches", self._n_train, step=epoch)
            self._epoch, self._order = epoch, order.to(self._device)
        return self._order[:, slot * self._size : (slot + 1) * self._size]


@takes()
def perceptron_problem(
    model: MLP,
    data: "Dataset",
    batches: Callable[[int], Tensor],
    penalties: tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]] | None = None,
) -> Problem:
    """Build the problem of one data set.

    The task is the mean squared error, or the cross entropy for labels; L_convex is the quadratic surrogate
    "of Section IV.B", the mean squared error to :func:`surrogate_targets`. On regression the two are the
    same function.

    Args:
        model: the perceptron.
        data: on the device and in the dtype of the run.
        batches: step -> indices into the training set, (batch,) or (runs, batch).
        penalties: (task, convex) functions of theta alone that replace both losses, as in the released
            notebook.

    Returns:
        The problem; it evaluates `train_loss` and `val_loss` (the task on the whole sets), `accuracy`
        (validation, labels only) and `task_grad_norm`, `task_grad_var` of the gradient of `train_loss`;
        `held_loss`, the task on the samples kept from training, where there are any.
    """
    task = cross_entropy if data.is_classification else mean_squared_error
    surrogate = surrogate_targets(data)

    def energy(theta: Tensor, batch: Tensor) -> Tensor:
        index = data.train[batch]
        return task(model(theta, data.x[index]), data.y[index])

    def convex(theta: Tensor, batch: Tensor) -> Tensor:
        index = data.train[batch]
        return mean_squared_error(model(theta, data.x[index]), surrogate[index])

    def evaluate(theta: Tensor) -> dict[str, Tensor]:
        theta = theta.detach().requires_grad_()
        train_loss = task(model(theta, data.x[data.train]), data.y[data.train])
        (grad,) = torch.autograd.grad(train_loss.sum(), theta)
        with torch.no_grad():
            output, target = model(theta, data.x[data.val]), data.y[data.val]
            found = {"train_loss": train_loss, "val_loss": task(output, target)}
            if data.is_classification:
                found["accuracy"] = accuracy(output, target)
            if data.held is not None:
                found["held_loss"] = task(model(theta, data.x[data.held]), data.y[data.held])
        metrics = gradient_metrics(grad)
        return found | {"task_grad_norm": metrics["grad_norm"], "task_grad_var": metrics["grad_var"]}

    if penalties is None:
        return Problem(energy, convex, batches, evaluate)
    task_penalty, convex_penalty = penalties
    return Problem(
        lambda theta, _: task_penalty(theta), lambda theta, _: convex_penalty(theta), batches, evaluate
    )
