"""Command `qbp diagnose`: files, templates and families in, a page or one object out; one line if bad."""

import json
import re

import pytest
from said import Said

import qbp
from qbp.cli import diagnose

FAST = ["--samples", "32", "--walks", "4096", "--quick"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for n in (3, 4, 5, 6):
        circuit = qbp.HardwareEfficient(n, 1, rotations=["rx"])
        (tmp_path / f"{n}.qasm").write_text(qbp.write_qasm(circuit))
    (tmp_path / "energy.json").write_text('{"ZZII": 1.0, "XIII": 0.5}')
    (tmp_path / "sparse.json").write_text('{"Z0 Z1": 1.0, "X3": 0.5}')
    (tmp_path / "words.json").write_text('{"terms": 1.0}')
    (tmp_path / "broken.qasm").write_text("OPENQASM 3.0;\nqubit[2] q;\nrx(0.1 q[0];\n")
    return tmp_path


def test_a_template_is_a_family(here):
    words = [
        "hardware-efficient",
        "--layers",
        "1",
        "--hamiltonian",
        "global",
        "--sizes",
        "4-7",
        "--qubits",
        "5",
    ]
    said = Said("diagnose", *words, *FAST, "--json")
    found = json.loads(said.out)
    assert said.status == 0 and list(found)[:3] == ["circuit", "hamiltonian", "schema"]
    assert (
        found["n_qubits"] == 5 and found["rate"]["sizes"] == [4, 5, 6, 7] and found["hamiltonian"] == "global"
    )
    assert found["verdict"] == "plateau"  # RY, then RZ: each qubit gives a factor to the projector


def test_files_of_several_sizes_are_a_family_and_one_is_none(here):
    files = [f"{n}.qasm" for n in (6, 3, 5, 4)]
    found = json.loads(Said("diagnose", *files, "--hamiltonian", "global", *FAST, "--json").out)
    assert found["verdict"] == "plateau" and found["rate"]["slope"] == pytest.approx(-1.415, abs=0.05)
    said = Said("diagnose", "4.qasm", "--hamiltonian", "energy.json", *FAST)
    assert said.out.startswith("4.qasm, energy.json\n\nCannot say") and "one size, no rate" in said.out
    said = Said("diagnose", "3.qasm", "4.qasm", "--hamiltonian", "global", *FAST)
    assert "a rate takes 4 sizes with a resolved variance, here are fewer than 3" in said.out


def test_its_page_and_figure(here):
    words = ["3.qasm", "--hamiltonian", "local", "--samples", "32", "--walks", "4096"]
    said = Said("diagnose", *words, "--save", "found.svg")
    assert said.status == 0 and (here / "found.svg").read_text().startswith("<?xml")
    for line in ("How large are gradients here?", "Dead parameters", "What one change does", "What to do"):
        assert line in said.out


BAD = {
    "nowhere.qasm": "circuit must be a file that is there, or one of hardware-efficient,",
    "hardware-eficient": "circuit must be a file that is there.*did you mean",
    "broken.qasm": "broken.qasm:3:8: expected",
    "4.qasm --hamiltonian zzz": "hamiltonian must be one of zz, last,",
    "4.qasm --hamiltonian Z0+W1": "text must be a sum such as Z0 Z1 . 0.5 X2, got .*W1",
    "4.qasm --hamiltonian e.json": r'a file that is there, as energy.json with \{"ZZII": 1, "IXII": 0.5\}',
    "3.qasm --hamiltonian energy.json": "must be on 3 qubits, as the circuit, got 4 in energy.json",
    "3.qasm --hamiltonian sparse.json": "must be on 3 qubits, as the circuit, got 4 in sparse.json",
    "4.qasm --hamiltonian words.json": r'letters with their qubits as in \{"Z0 Z1": 1.0\}, got \'terms\'',
    "4.qasm --sizes 4-8": "--sizes is an option of templates",
    "4.qasm --hamiltonian zz,zz": "--hamiltonian must be one or 1",
    "qaoa 4.qasm": "a template stands alone",
    "qaoa --layers x": "layers must be a number, or n, 2n",
    "qaoa --sizes 8-4": "sizes must go up",
    "qaoa --sizes a": "sizes must be numbers like",
    "qaoa --qubits 1": "qubits must be",
    "4.qasm --ensemble wide": "angles must be full, or uniform",
    "4.qasm --noise loud:1": "noise must be none, or",
    "4.qasm --angles some": "angles must be one of free, equal, file",
    "4.qasm --save there/found.svg": "save must be a .svg or .png file",
    "4.qasm 4.qasm": "family must have circuits of different",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_line(words, here):
    said = Said("diagnose", *words.split(), *FAST)
    assert said.status == 2 and said.out == "" and said.err.count("\n") == 1
    assert re.search(BAD[words], said.err), said.err


def test_long_ranges_are_thinned():
    assert diagnose._sizes("4-9") == [4, 5, 6, 7, 8, 9] and diagnose._sizes(" 4, 8") == [4, 8]
    long = diagnose._sizes("4-1000")
    assert (long[0], long[-1], len(long)) == (4, 1000, 8)


@pytest.mark.parametrize("kind", diagnose.TEMPLATES)
def test_templates_have_their_observable(kind):
    made = diagnose.template(kind, "2", diagnose.OWN.get(kind, "heisenberg"))
    circuit, H = made(4)
    assert circuit.n_qubits == H.n_qubits == 4 and circuit.n_params
