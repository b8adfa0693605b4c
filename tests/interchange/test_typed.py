"""Pauli sums as one types them."""

import pytest
from said import Said

from qbp.interchange.typed import looks_typed, typed_sum


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Z0", {"Z": 1.0}),
        ("Z0 Z1 + 0.5 X2", {"ZZI": 1.0, "IIX": 0.5}),
        ("Z0Z1+0.5X2", {"ZZI": 1.0, "IIX": 0.5}),
        ("-0.2*X0*Y1 - 1e-3 * Z1", {"XY": -0.2, "IZ": -0.001}),
        ("Y1 Z0 + X0 + X0 ", {"ZY": 1.0, "XI": 2.0}),
        ("2 X0\n+ .5 Z0", {"X": 2.0, "Z": 0.5}),
    ],
)
def test_a_sum_is_read(text, terms):
    assert typed_sum(text).terms == terms and looks_typed(text)
    assert all(len(string) == 12 for string in typed_sum(text, 12).terms)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a sum such as Z0 Z1 . 0.5 X2, got ''"),
        ("Z0 +", "got '.'"),
        ("Z0 2 X1", "got '2 X1'"),
        ("Z0 + 0.5", "got '. 0.5'"),
        ("Z0 + W1", "got '. W1'"),
        ("Z0 X0", "name a qubit once in a term, got 'Z0 X0'"),
        ("Z99999", "got 'Z99999'"),
        ("Z0 + " + "x" * 1000, "got '. x{38}'"),
    ],
)
def test_what_is_no_sum_is_refused_at_its_place(text, says):
    with pytest.raises(ValueError, match=says):
        typed_sum(text)


def test_a_qubit_that_the_circuit_lacks_is_named():
    with pytest.raises(ValueError, match="n_qubits must be at least 5 for the sum, got 2"):
        typed_sum("Z0 Z4", 2)
    with pytest.raises(TypeError, match="text must be text, got 3"):
        typed_sum(3)


@pytest.mark.parametrize("name", ["zz", "ising", "energy.json", "0.5", "ZZI", "x0.json"])
def test_names_and_files_are_no_sums(name):
    assert not looks_typed(name)


def test_the_diagnosis_takes_a_sum():
    found = Said(
        "diagnose", "hardware-efficient", "--qubits", "4", "--hamiltonian", "Z0 Z1 + 0.5 X2", "--quick"
    )
    assert found.status == 0 and "hardware-efficient, Z0 Z1 + 0.5 X2" in found.out
    found = Said("diagnose", "hardware-efficient", "--qubits", "2", "--hamiltonian", "Z3")
    assert found.status == 2 and "hamiltonian must be on 2 qubits, as the circuit, got 4 in Z3" in found.err
    found = Said("diagnose", "hva", "--hamiltonian", "ising")
    assert found.status == 2 and "did you mean 'tfim'" in found.err
