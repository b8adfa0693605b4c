"""Digits as angles, against the eigenvectors of a covariance matrix."""

import math

import numpy as np
import pytest
import torch

from qbp.perceptrons.datasets import mnist, shipped_digits
from qbp.perceptrons.digits import digit_angles

CLASSES = (5, 3)


@pytest.fixture(scope="module")
def data():
    return digit_angles(CLASSES, 4, per_class=30, seed=2)


def test_the_components_are_those_of_the_training_digits(data):
    images, labels = shipped_digits()
    pool = mnist(30, seed=2)  # which digits train; its scale is not that of these classes
    train, val = (part[np.isin(labels[part], CLASSES)] for part in (pool.train.numpy(), pool.val.numpy()))
    pixels = images[train].astype(float)
    values, vectors = np.linalg.eigh(np.cov(pixels.T))
    axes = vectors[:, ::-1][:, :4]  # the largest first
    axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(0)[None], 0))
    for part, index in ((train, data.train), (val, data.val)):
        along = (images[part] - pixels.mean(0)) @ axes
        expected = along / np.abs((pixels - pixels.mean(0)) @ axes).max(0) * np.pi / 2
        np.testing.assert_allclose(data.x[index], expected, atol=1e-9)
        named = np.where(labels[part] == 5, 0, 1)  # in the order of `classes`
        np.testing.assert_array_equal(data.y[index], named)
    assert values[::-1][3] > 1.01 * values[::-1][4]  # else a component would not be one


def test_each_class_trains_with_as_many_digits_and_the_rest_validate(data):
    assert data.x.shape == (1000, 4) and data.n_classes == 2 and data.name == "digits"
    assert [torch.bincount(data.y[part]).tolist() for part in (data.train, data.val)] == [
        [30, 30],
        [470, 470],
    ]
    assert not {*data.train.tolist()} & {*data.val.tolist()}
    torch.testing.assert_close(data.x[data.train].abs().amax(0), torch.full((4,), math.pi / 2).double())
    assert data.x[data.train].mean(0).abs().max() < 1e-12
    other = digit_angles(CLASSES, 4, per_class=30, seed=3)
    assert not torch.equal(other.x, data.x)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": (3,)}, "classes must be two or more different digits, got 3"),
        ({"classes": (3, 5, 3)}, "classes must be two or more different digits, got 3, 5, 3"),
        ({"classes": (3, 10)}, "classes must be at least 0 and at most 9, got 10"),
        ({"n_features": 5, "per_class": 2}, "n_features must be at least 1 and at most 4, got 5"),
    ],
)
def test_what_is_no_choice_of_digits_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        digit_angles(**{"classes": CLASSES, **options})
