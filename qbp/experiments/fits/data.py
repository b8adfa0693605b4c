"""Data sets of the fits as angles of a circuit: the sine task, telecom, Wine and breast cancer.

Nothing is downloaded: Wine (Aeberhard and Forina 1992) and breast cancer (Wolberg et al. 1993) ship with
scikit-learn, and are read without importing it.
"""

import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, draws
from qbp.experiments.regressor import N_FEATURES, features, regression_data
from qbp.perceptrons.datasets import Dataset, telecom

DATA = ("sine", "telecom", "wine", "cancer")
FILES = {"wine": ("wine_data.csv", 128), "cancer": ("breast_cancer.csv", 256)}  # and training samples
EVERY = 4  # telecom: each fourth of the 1,024 training windows, 256 of them


def data_angles(kind: str, n_qubits: int = N_FEATURES, seed: int = 0) -> Dataset:
    """Return a data set whose x are angles in radians, (samples, n_features).

    Args:
        kind: "sine", y = sin 2x + 0.5 cos x at x, x**2, sin x and cos x
            (:func:`qbp.experiments.regressor.features`), 256 training points and 128 others; "telecom", the
            next value from a window of 12, 256 and 256; "wine", 3 classes, 128 and 50; "cancer", 2 classes,
            256 and 313.
        n_qubits: of the circuit; all but "sine" have as many principal components, :func:`principal_angles`.
        seed: of the points, of the noise of the series, of which samples train.

    Raises:
        ModuleNotFoundError: scikit-learn, which ships the data, is not installed.
    """
    _checks.choice("kind", kind, DATA)
    if kind == "sine":
        whole = regression_data(seed)
        return Dataset("sine", features(whole.x), whole.y, whole.train, whole.val)
    if kind == "telecom":
        series = telecom(seed=seed)
        train = series.train[::EVERY]
        return Dataset("telecom", principal_angles(series.x, train, n_qubits), series.y, train, series.val)
    x, labels, n_train = shipped_table(kind)
    order = draws.permutations([seed], kind, len(labels))[0]
    train, val = order[:n_train].sort().values, order[n_train:].sort().values
    x = (x - x[train].mean(0)) / x[train].std(0)
    return Dataset(kind, principal_angles(x, train, n_qubits), labels, train, val)


def principal_angles(x: Tensor, train: Tensor, n_features: int) -> Tensor:
    """Return principal components of the training samples, each as angles of at most pi / 2 on them.

    Args:
        x: (samples, columns).
        train: indices of the training samples.
        n_features: leading components, at most the columns.

    Returns:
        (samples, n_features) in radians; other samples may pass pi / 2.
    """
    _checks.integer("n_features", n_features, 1, x.shape[-1])
    centered = x - x[train].mean(0)
    axes = torch.linalg.svd(centered[train], full_matrices=False).Vh[:n_features]
    peak = axes.gather(-1, axes.abs().argmax(-1, keepdim=True))  # positive: a library may choose the sign
    parts = centered @ (axes * peak.sign()).mT
    return parts / parts[train].abs().amax(0) * (math.pi / 2)


def shipped_table(kind: str) -> tuple[Tensor, Tensor, int]:
    """Read a table inside scikit-learn without importing it.

    Args:
        kind: "wine", 178 samples of 13 columns, or "cancer", 569 of 30.

    Returns:
        Columns, float64, (samples, columns), labels, int64, (samples,), and how many samples train.
    """
    spec: Any = importlib.util.find_spec("sklearn")
    if spec is None:
        raise ModuleNotFoundError(
            f"{kind} ships with the package scikit-learn, which is not installed: run `pip install "
            "scikit-learn`"
        )
    file, n_train = FILES[_checks.choice("kind", kind, FILES)]
    path = Path(spec.origin).parent / "datasets" / "data" / file
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    return torch.from_numpy(table[:, :-1].copy()), torch.from_numpy(table[:, -1]).long(), n_train
