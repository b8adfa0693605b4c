"""Files of Hamiltonians: each format by hand, there and back, and what is refused."""

import random
import sys

import numpy as np
import pytest

import qbp
from qbp.interchange import hamiltonians
from qbp.interchange.hamiltonians import openfermion_text, pauli_sum, read_hamiltonian, write_hamiltonian

H = qbp.PauliSum({"ZIII": -0.2, "XYZI": 0.1 + 0.2, "IIII": 1e-05})
FILES = {
    "a.json": '{"ZIII": -0.2, "XYZI": 0.30000000000000004, "IIII": 1e-05}',
    "b.json": '[["ZIII", -0.1], ["XYZI", "0.30000000000000004"], ["IIII", 1e-5], ["ZIII", -0.1]]',
    "a.csv": "ZIII,-0.2\nXYZI,0.30000000000000004\nIIII,1e-05\n",
    "b.csv": '"string","coefficient"\r\n"ZIII", -0.2\r\n\r\nXYZI,(0.30000000000000004+0j)\r\nIIII,1e-05',
    "c.json": '{"Z0 ": -0.2, "X0 Y1  Z2": 0.30000000000000004, "": 1e-05, "X3": 0}',
    "d.json": '[["Z0", -0.2], ["Z2 X0 Y1", 0.30000000000000004], ["I", 1e-05], ["X3", 0]]',
    "c.csv": "Z0,-0.2\nX0 Y1 Z2,0.30000000000000004\nI,1e-05\nX3,0",
    "d.csv": "string,value\nZ0,-0.2\nX0 Y1 Z2,0.30000000000000004\nI,1e-05\nX3,0",
    "a.txt": "(-0.2+0j) [Z0] +\n(0.30000000000000004+0j) [X0 Y1 Z2] +\n1e-05 [] + 0 [X3]",
    "b.txt": "- 0.2 [Z0] + 0.30000000000000004 [Z2 X0 Y1] +\n\n1e-05 [] + 0 [X3] ",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read(name, tmp_path):
    (tmp_path / name).write_text(FILES[name])
    found = {string: value for string, value in read_hamiltonian(tmp_path / name).terms.items() if value}
    assert found == dict(H.terms)


@pytest.mark.parametrize("ending", ["json", "csv", "txt"])
def test_what_is_written_is_read(ending, tmp_path):
    for written in (H, qbp.heisenberg(3), qbp.maxcut([(0, 2)]), qbp.PauliSum({"I": 0.0})):
        write_hamiltonian(written, tmp_path / f"H.{ending}")
        assert read_hamiltonian(str(tmp_path / f"H.{ending}"), n_qubits=written.n_qubits) == written


@pytest.mark.parametrize(
    "name, text", [("a.txt", "[X0] + -[Y2]"), ("a.json", '{"X0": 1, "Y2": -1}'), ("a.csv", "X0,1\nY2,-1")]
)
def test_strings_that_name_their_qubits_say_no_length(name, text, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    assert read_hamiltonian(path).terms == {"XII": 1.0, "IIY": -1.0}
    assert read_hamiltonian(path, n_qubits=4).terms == {"XIII": 1.0, "IIYI": -1.0}
    with pytest.raises(ValueError, match=r"n_qubits must be at least 3 for path: .*a\.\w+, got 2"):
        read_hamiltonian(path, n_qubits=2)


WRONG = {
    "a.json": {
        "{": "cannot be read: Expecting",
        "[" * 10**5: "nested too deeply",
        "3": "an object or a list of pairs",
        "[]": "at least one Pauli string, got none",
        '[["X"]]': "list of pairs, got",
        '{"X": null}': "got None",
        '{"X": true}': "must be a real number, got True",
        '{"X": NaN}': "must be real and finite, got",
        '{"X": "0.5+1e-3j"}': r"must be real and finite, got \(0.5\+0.001j\)",
        '{"X": 1, "X": 2}': "one twice",
        '{"X": 1, "XY": 2}': "strings of one length, got 'X' of 1 and 'XY' of 2",
        '{"x": 1}': "strings of I, X, Y",
        '{"": 1}': r"""as in \{"ZZI": 1.0\}, or letters with their qubits as in \{"Z0 Z1": 1.0\}, got ''""",
        "[[1, 2]]": r'strings of I, X, Y, Z, a letter for each qubit as in \{"ZZI": 1.0\}, or .*, got 1',
        '{"z0 z1": 1}': r'with their qubits as in \{"Z0 Z1": 1.0\}, got \'z0 z1\'',
        '{"Z0Z1": 1}': r'with their qubits as in \{"Z0 Z1": 1.0\}, got \'Z0Z1\'',
        '{"Z0 Z1": 1, "XII": 2}': r"name in all strings their qubits, as in .*, or in none, got 'XII'",
        '{"Z0 Z1": 1, "A0": 2}': "letters X, Y, Z with a qubit below 4096, got 'A0'",
        '[["Z0", 1], [3, 1]]': r'with their qubits as in \{"Z0 Z1": 1.0\}, got 3',
        '{"Z0 Z0": 1}': "each qubit once in a string",
        '{"Z0 Z5000": 1}': "a qubit below 4096",
        '{"Z0": 1, "Z1": null}': "got None",
        '{"X": {"a": 1}}': "must be a real number",
        '{"X": 1e999}': "real and finite",
        '[["X", 1, 2]]': "list of pairs",
    },
    "a.csv": {
        "X,1\nY": "two columns, got 1 in row 2",
        "": "at least one Pauli string, got none",
        "X,a": "real number, got 'a'",
        "\0": "path: ",
        "X;1": "two columns",
    },
    "a.txt": {
        "": "at least one Pauli string",
        "0.5": "sum of terms such as",
        "0.5 [X0": "sum of terms such as",
        "0.5 [A0]": "letters X, Y, Z with a qubit below 4096, got 'A0'",
        "1 [X0 Y0]": "each qubit once in a string",
        "1 [X99999]": "a qubit below 4096",
        "1 [X-1]": "letters X, Y, Z",
        "(1+1j) [X0]": "must be real and finite",
        "1 [X]": "letters X, Y, Z",
        "x [X0]": "must be a real number",
        " " * 10**6 + "1": "sum of terms such as",
        "1" * 10**6 + "[X0]": "sum of terms such as",
    },
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in WRONG.items() for text in texts])
def test_what_is_no_hamiltonian_is_one_line(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=WRONG[name][text]) as raised:
        read_hamiltonian(tmp_path / name)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


def test_files_that_are_not_there_or_of_another_kind(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xff")
    for path, message in (
        (tmp_path / "no.json", "cannot be read: No such file"),
        (tmp_path / "a.json", "it is not UTF-8 text"),
        ("H.yaml", r"path must end in one of \.json, .csv, .txt, .h5, .hdf5, got 'H.yaml'"),
    ):
        with pytest.raises(ValueError, match=message):
            read_hamiltonian(path)
    with pytest.raises(TypeError, match="path must be the name of a file, got 3"):
        read_hamiltonian(3)
    with pytest.raises(TypeError, match="H must be a PauliSum, got 'Projector'"):
        write_hamiltonian(qbp.Projector(2), tmp_path / "a.json")
    with pytest.raises(ValueError, match="key must be None but for an HDF5 file, got 'a'"):
        read_hamiltonian(tmp_path / "a.json", key="a")
    (tmp_path / "b.json").write_text('{"XY": 1}')
    with pytest.raises(ValueError, match=r"n_qubits must be 2, as in path: .*, got 3"):
        read_hamiltonian(tmp_path / "b.json", n_qubits=3)


def test_a_tiny_imaginary_part_is_dropped():
    assert pauli_sum([("X", 0.5 + 1e-13j), ("Y", np.complex128(1 - 1e-12j))], "this").terms == {
        "X": 0.5,
        "Y": 1.0,
    }


def test_hdf5_needs_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "a.h5").write_bytes(b"")
    with pytest.raises(ModuleNotFoundError, match="h5py"):
        read_hamiltonian(tmp_path / "a.h5")


def test_a_file_may_be_no_longer_than_can_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(hamiltonians, "MOST_BYTES", 10)
    (tmp_path / "a.json").write_text('{"ZIII": -0.2}')
    with pytest.raises(ValueError, match="must have at most 10 bytes, got more"):
        read_hamiltonian(tmp_path / "a.json")


def test_a_text_of_others_ends_in_a_value_error(tmp_path):
    read = 0
    for seed in range(300):
        rng = random.Random(seed)
        name = rng.choice(list(FILES))
        text = FILES[name]
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(text) + 1)
            piece = rng.choice(["", "X", "[", "]", "(", ",", "1", "j", "-", "\n", " ", '"', "{", "nan", "\0"])
            text = text[:at] + piece + text[at + rng.choice([0, 1]) :]
        path = tmp_path / name
        path.write_text(text)
        try:
            read_hamiltonian(path)
            read += 1
        except ValueError as error:
            assert "\n" not in str(error), seed
    assert read > 20


def test_a_sum_is_written_as_openfermion_prints_it():
    assert openfermion_text(H).splitlines()[1] == "(0.30000000000000004+0j) [X0 Y1 Z2] +"
