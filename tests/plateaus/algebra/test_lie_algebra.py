"""Lie algebras of circuits: what shared angles, entanglers and fixed gates make of the generators."""

import subprocess
import sys

import pytest

import qbp
from qbp import HamiltonianVariational, HardwareEfficient, PauliRotations, PauliSum, lie_algebra
from qbp.plateaus.algebra.examples import FAMILIES, family


@pytest.mark.parametrize(
    "name, n, expected, dimension",
    [
        ("Ising chain", 7, "so(14)", 91),
        ("Ising ring", 5, "2 so(10)", 90),
        ("XY chain", 7, "2 so(7)", 42),
        ("XY chain in a field", 5, "so(10)", 45),
        ("single qubits", 5, "5 su(2)", 15),
        ("shared angles, open chain", 5, "su(5) + u(1)", 25),
        ("shared angles, ring", 5, "4 su(2) + 2 u(1)", 14),
        ("real rotations", 5, "so(32)", 496),
        ("symplectic rotations", 5, "sp(16)", 528),
        ("hardware-efficient", 5, "su(32)", 1023),
        ("Heisenberg chain", 6, "4 su(16)", 1020),
        ("cut of a complete graph", 6, "2 su(32)", 2046),
    ],
)
def test_algebras_of_the_families(name, n, expected, dimension):
    found = lie_algebra(family(name, n, 4).circuit)
    assert (str(found), found.dimension) == (expected, dimension)


def test_every_family_is_tried():
    for name, words in FAMILIES.items():
        assert family(name, 4, 1).algebra == words and lie_algebra(family(name, 4, 2).circuit).dimension


def test_dimensions_are_integers_of_any_length():
    strings = [*("I" * q + p + "I" * (99 - q) for q in range(100) for p in "XZ")]
    strings += ["I" * q + "ZZ" + "I" * (98 - q) for q in range(99)]
    assert lie_algebra(strings).dimension == 4**100 - 1


def test_sums_may_be_listed_with_strings_and_with_repetitions():
    H = PauliSum({"ZZI": 1.0, "IZZ": 1.0, "III": 3.0})
    field = PauliSum({"XII": 2.0, "IXI": 2.0, "IIX": 2.0})
    assert lie_algebra([H, field, PauliSum({"ZZI": -2.0, "IZZ": -2.0})]).dimension == 9
    assert lie_algebra([H, "XII", "IXI", "IIX"]).dimension == 15
    assert str(lie_algebra(["XI", "XX", "IX"])) == "3 u(1)"


def test_an_entangler_moves_the_strings_behind_it():
    """Between CZs RX is X, then Z X Z: cluster strings, not X alone."""
    one, two = (lie_algebra(HardwareEfficient(5, depth, rotations=["rx"])) for depth in (1, 2))
    assert str(one) == "5 u(1)" and two.dimension > 5


def test_what_is_in_an_algebra():
    chain = lie_algebra(PauliRotations(3, ["XII", "IXI", "IIX", "ZZI", "IZZ"]))
    assert chain.contains(PauliSum({"YXZ": 1.0, "IYY": 2.0, "III": 1.0}))
    assert not chain.contains(PauliSum({"ZIZ": 1.0})) and not chain.contains(
        PauliSum({"XII": 1.0, "ZII": 1.0})
    )
    shared = lie_algebra(HamiltonianVariational(qbp.tfim(3), 1))
    assert shared.contains(qbp.tfim(3, coupling=0.3)) and not shared.contains(PauliSum({"XII": 1.0}))


def test_bad_generators_are_refused_by_name():
    for value, error, words in (
        ("XX", ValueError, "generators must be a circuit, or a list"),
        ([], ValueError, "generators must be"),
        (["XX", 3], TypeError, "generators must be"),
        (["XX", "X"], ValueError, "a Pauli string must be 2 letters"),
        (["II"], ValueError, "other than the identity"),
        ([PauliSum({"X": 1.0}), PauliSum({"XX": 1.0})], ValueError, "must all be on 1 qubits"),
        (3, ValueError, "generators must be"),
    ):
        with pytest.raises(error, match=words):
            lie_algebra(value)
    with pytest.raises(ValueError, match="cap must be at least 1"):
        lie_algebra(["X"], cap=0)


def test_shared_angles_that_are_no_generator_are_refused():
    for strings, tied in ((["XI", "ZI"], [0, 0]), (["XI", "ZI", "IX", "IZ", "XI"], [0, 1, 2, 3, 0])):
        with pytest.raises(ValueError, match="shared angles that turn about strings that commute"):
            lie_algebra(PauliRotations(2, strings, tied=tied))


def test_strings_load_no_torch():
    code = "import sys, qbp; print(qbp.lie_algebra(['X', 'Z'])); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["su(2)", "False"]
