"""A cache of numba's that cannot be read or written, or no compiler: the values stay, and it is said once."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest
import torch

import qbp
from qbp.circuits.kernel import evolution, loading

pytestmark = pytest.mark.skipif(
    not evolution.available(), reason="numba is not installed, or QBP_KERNEL=torch"
)


def value(dtype=torch.float64):
    """<X_0> after RY(0.3) on |00>, and its derivative: sin and cos of 0.3."""
    circuit = qbp.HardwareEfficient(2, 1, ("ry",))
    theta = torch.tensor([0.3, 0.0], dtype=dtype, requires_grad=True)
    found = circuit.expectation(theta, qbp.PauliSum({"ZI": 1.0}))
    found.backward()
    torch.testing.assert_close(found.detach(), torch.tensor(0.3, dtype=dtype).cos())
    torch.testing.assert_close(theta.grad[0], -torch.tensor(0.3, dtype=dtype).sin())


def said():
    """Compute twice; return the kernel's warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value(), value()
    assert all(warning.category is loading.KernelWarning for warning in caught)
    return [str(warning.message) for warning in caught]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A folder with what numba compiled; its tests copy it, as compiling takes seconds."""
    value()
    folder = tmp_path_factory.mktemp("compiled")
    for path in Path(loading.kernel().evolve.stats.cache_path).glob("loops.*.nb[ic]"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def unloaded(monkeypatch, tmp_path):
    """Nothing is loaded; numba keeps its code in `usual` and nowhere else; temporary files lie in `temp`."""
    config = pytest.importorskip("numba").config
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr(loading, "LOOPS", loading.Loops())
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "usual"))
    monkeypatch.setattr(config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    monkeypatch.setitem(sys.modules, loading.NAME, sys.modules[loading.NAME])
    evolution._works.cache_clear()
    loading._temporary.cache_clear()
    yield tmp_path
    evolution._works.cache_clear()
    loading._temporary.cache_clear()


def fill(folder, compiled):
    """Put compiled code where numba looks for it under `folder`; return the place."""
    from numba.core.caching import UserProvidedCacheLocator

    path = folder / UserProvidedCacheLocator.get_suitable_cache_subpath(loading.__file__)
    return Path(shutil.copytree(compiled, path))


def temporary(path):
    folder = path / "temp" / f"qbp-numba-{os.getuid()}"
    folder.mkdir(mode=0o700)
    return folder


def test_a_cache_that_can_be_used_is_used(unloaded, compiled):
    fill(unloaded / "usual", compiled)
    assert said() == [] and not list((unloaded / "temp").iterdir())
    assert evolution.name() == f"native ({loading.kernel().BYTES * 8}-bit vectors)"


def test_no_folder_that_can_be_written(unloaded, compiled):
    (unloaded / "usual").write_text("a file where a folder should be")
    fill(folder := temporary(unloaded), compiled)
    (text,) = said()
    assert f"compiled loops kept in {folder}" in text and "no locator available" in text
    assert evolution.name().startswith("native (") and str(folder) in evolution.name()


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("broken", ["empty", "truncated", "garbage"])
def test_a_cache_that_cannot_be_read(unloaded, compiled, suffix, broken):
    for path in fill(unloaded / "usual", compiled).glob(f"loops.*{suffix}"):
        whole = path.read_bytes()
        half = len(whole) // 2
        path.write_bytes({"empty": b"", "truncated": whole[:half], "garbage": b"\0" * len(whole)}[broken])
    fill(temporary(unloaded), compiled)
    (text,) = said()
    assert "compiled loops kept in" in text and evolution.name().startswith("native")


def test_nor_are_the_temporary_files_of_use(unloaded):
    (unloaded / "usual").write_text("")
    (unloaded / "temp").rmdir()
    (text,) = said()
    assert "circuits run in torch" in text and "no locator available" in text
    assert evolution.name().startswith("torch (not native: RuntimeError: cannot cache function")


def test_wrong_values_of_the_loops_are_noticed(unloaded, compiled, monkeypatch):
    fill(unloaded / "usual", compiled), fill(temporary(unloaded), compiled)
    monkeypatch.setattr(evolution.Evolution, "gradient", lambda self, weights: weights)
    assert len(said()) == 2 and "give wrong values" in evolution.name()


def test_the_folder_among_the_temporary_files_is_this_users_alone(unloaded):
    """Who can write there can have numba run what they wrote."""
    folder = temporary(unloaded)
    assert loading._temporary() == str(folder)
    loading._temporary.cache_clear()
    folder.chmod(0o777)
    other = Path(loading._temporary())
    assert other != folder and stat.S_IMODE(other.stat().st_mode) == 0o700


def test_no_compiler():
    code = """
import warnings, torch, qbp
from qbp.circuits.kernel import evolution, loading
circuit, theta = qbp.HardwareEfficient(2, 1), torch.zeros(4, requires_grad=True)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(2):
        circuit.expectation(theta, qbp.tfim(2)).backward()
(warning,) = caught
assert warning.category is loading.KernelWarning and "NUMBA_DISABLE_JIT is set" in str(warning.message)
print(evolution.name())
"""
    env = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "torch (not native: NotImplementedError: NUMBA_DISABLE_JIT is set)\n"


def test_compiling_is_said_and_reading_what_was_compiled_is_not(tmp_path):
    """However long the reading takes: here nothing is waited for."""
    code = """
import torch, qbp
from qbp.circuits.kernel import evolution
evolution.PATIENCE = 0.001
circuit = qbp.HardwareEfficient(2, 1)
circuit.expectation(torch.zeros(circuit.n_params, dtype=torch.float64), qbp.tfim(2))
"""
    said = []
    for _ in range(2):
        command, there = [sys.executable, "-c", code], {"NUMBA_CACHE_DIR": str(tmp_path)}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | there)
        said.append(done.stderr)
    assert said == ["qbp: compiling the kernel for float64, once on this machine (seconds) ...\n", ""]
