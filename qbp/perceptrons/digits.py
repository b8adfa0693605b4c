"""Digits for a circuit: a few principal components of some classes, as angles."""

import math
from collections.abc import Sequence

import torch

from qbp import _checks
from qbp._arguments import takes
from qbp.perceptrons.datasets import Dataset, mnist


@takes()
def digit_angles(
    classes: Sequence[int], n_features: int = 4, per_class: int = 100, *, seed: int = 0
) -> Dataset:
    """Return some of the shipped digits as angles: their principal components on the training digits.

    Each component is divided by its largest size on the training digits and multiplied by pi / 2: within
    that, sin is one to one, so RY keeps what the component says.

    Args:
        classes: two or more different digits; labels count them in this order.
        n_features: leading components, at most 784 and the number of training digits.
        per_class: training digits of each class; the other ones, 500 less these, are for validation.
        seed: which of them train (:func:`qbp.perceptrons.datasets.mnist`).

    Returns:
        x (samples, n_features) in radians, labels (samples,); validation angles may pass pi / 2.

    Raises:
        ValueError: `classes` are not such digits, or there are not so many components or digits.
    """
    digits, count = different_digits(classes), _checks.integer("per_class", per_class)
    _checks.integer("n_features", n_features, 1, min(784, len(digits) * count))
    pool, kinds = mnist(per_class, seed=seed), torch.tensor(digits)
    parts = [part[torch.isin(pool.y[part], kinds)] for part in (pool.train, pool.val)]
    images, label = (side[torch.cat(parts)] for side in (pool.x, pool.y))
    train, val = torch.arange(len(label)).split([len(part) for part in parts])
    centered = images - images[train].mean(0)
    axes = torch.linalg.svd(centered[train], full_matrices=False).Vh[:n_features]
    peak = axes.gather(-1, axes.abs().argmax(-1, keepdim=True))  # positive: a library may choose the sign
    x = centered @ (axes * peak.sign()).mT
    x = x / x[train].abs().amax(0) * (math.pi / 2)
    return Dataset("digits", x, (label[:, None] == kinds).int().argmax(-1), train, val)


def different_digits(classes: Sequence[int]) -> list[int]:
    """Return classes as a list if they are two or more different digits, else raise ValueError.

    Example:
        >>> different_digits((3, 5))
        [3, 5]
    """
    takes = "two or more different digits"
    found = [_checks.integer("classes", c, 0, 9) for c in _checks.sequence("classes", classes, takes)]
    if len(set(found)) < max(2, len(found)):
        raise ValueError(f"classes must be {takes}, got {', '.join(map(str, found))}")
    return found
