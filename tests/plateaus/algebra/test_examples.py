"""Families of known algebras: predictions against state vectors at random angles and against deep walks."""

import subprocess
import sys
from pathlib import Path

import pytest

import qbp
from qbp import PauliRotations, PauliSum, deep_variance
from qbp.plateaus.algebra.examples import FAMILIES, enough_layers, family, sampled_variance, string
from qbp.plateaus.pauli.walk import walk_moments

ALGEBRA = Path(qbp.__file__).parent / "plateaus" / "algebra"


@pytest.mark.parametrize("name", FAMILIES)
def test_predictions_against_state_vectors_of_deep_circuits(name):
    n = 4
    found = family(name, n, enough_layers(name, n))
    measured, error = sampled_variance(found.circuit, found.H, 1200, seed=1)
    predicted = deep_variance(family(name, n, 4).circuit, found.H).variance
    assert abs(measured - predicted) < 4 * error and error < 0.1 * predicted


@pytest.mark.parametrize("name", ["Ising ring", "symplectic rotations", "Heisenberg chain"])
def test_predictions_against_deep_walks(name):
    n = 6
    found = family(name, n, 40)
    walked = walk_moments(found.circuit, found.H, walks=2**11, seed=2)
    predicted = deep_variance(family(name, n, 1).circuit, found.H).variance
    assert abs(walked.cost_variance - predicted) < 4 * walked.cost_stderr


def test_a_shallow_circuit_is_not_what_its_algebra_says():
    shallow = family("hardware-efficient", 6, 2)
    measured, error = sampled_variance(shallow.circuit, shallow.H, 1000)
    assert measured - deep_variance(shallow.circuit, shallow.H).variance > 10 * error


def test_the_variance_of_a_cosine_is_one_half():
    measured, error = sampled_variance(PauliRotations(1, ["X"]), PauliSum({"Z": 1.0}), 4000)
    assert abs(measured - 0.5) < 4 * error and error == pytest.approx((1 / 8 / 4000) ** 0.5, rel=0.1)


def test_strings_are_spelled_around_a_ring():
    assert string(4, ZZ=3) == "ZIIZ" and string(3, X=1, Y=2) == "IXY"


def test_bad_arguments_are_refused_by_name():
    for call, words in (
        (lambda: family("Ising", 4, 1), "name must be one of"),
        (lambda: family("Ising chain", 2, 1), "n must be at least 3"),
        (lambda: family("Ising chain", 4, 0), "n_layers must be at least 1"),
        (lambda: enough_layers("none", 4), "name must be one of"),
        (lambda: sampled_variance(*family("Ising chain", 4, 1)[1:], samples=1), "samples must be at least 2"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_the_algebra_of_strings_loads_numpy_alone():
    names = [p.stem for p in ALGEBRA.glob("[a-z]*.py") if p.stem != "examples"]  # which has circuits
    code = f"import sys\nfor name in {names}: __import__('qbp.plateaus.algebra.' + name)\n"
    code += "print(sorted({'torch', 'scipy', 'pandas', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
