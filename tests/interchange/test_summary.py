"""Summaries of circuits that were read, by hand."""

import pytest

from qbp.interchange import summary as module
from qbp.interchange.qasm.reader import read_qasm
from qbp.interchange.summary import in_words, summary

TEXT = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[3];
creg c[3];
h q[0]; rx(0.3) q[0]; rx(0.3) q[2]; cx q[0], q[1]; rz(pi/2) q[1]; t q[1];
measure q -> c;
"""


def test_what_is_in_a_circuit():
    found = summary(read_qasm(TEXT, "equal"))
    assert {key: value for key, value in found.items() if key != "way"} == {
        "n_qubits": 3,
        "gates": {"cx": 1, "h": 1, "rx": 2, "rz": 1, "t": 1},
        "rotations": 6,  # a Hadamard is two
        "free": 2,
        "fixed": 4,
        "entanglers": 1,
        "parameters": [{"name": "theta_0", "value": 0.3, "rotations": 2}],
        "shared": 1,
        "rotations_without_cliffords": 3,  # two RX and T
        "light_cones": {"qubits": [1, 2, 1], "rotations": [3, 3, 1]},
        "notes": ["measurements at the end are left out", "1 angle that is a multiple of pi/2 stays fixed"],
    }
    lines = in_words(found).splitlines()
    assert lines[0] == "qubits            3" and lines[1] == "gates             1 cx, 1 h, 2 rx, 1 rz, 1 t"
    assert lines[-1] == "note              1 angle that is a multiple of pi/2 stays fixed"
    assert "Z on a qubit depends on 1 to 2 qubits, 1 to 3 rotations" in in_words(found)


def test_the_way_of_the_compiled_loops():
    def way(n, *gates):
        return summary(read_qasm(f'OPENQASM 2.0; include "qelib1.inc"; qreg q[{n}]; {" ".join(gates)}'))[
            "way"
        ]

    turns = [f"rx(0.{q + 1}) q[{q}];" for q in range(8)]
    many = [f"cx q[{q}], q[{(q + 1) % 8}];" for q in range(8)] * 20
    assert way(8, *turns) == "layers" and way(8, *turns, *many) == "frame" and way(27, *turns) is None


def test_parameters_without_values_and_large_circuits(monkeypatch):
    inputs = "".join(f"input float a{k};" for k in range(12))
    turns = "".join(f"rx(a{k}) q;" for k in range(12))
    monkeypatch.setattr(module, "MOST_WORK", 3)
    found = summary(read_qasm(f"OPENQASM 3.0; {inputs} qubit q; {turns}"))
    assert found["light_cones"] is None and found["parameters"][11] == {
        "name": "a11",
        "value": None,
        "rotations": 1,
    }
    assert "a0, a1, a2, a3, a4, a5, a6, a7, ... 12 in all" in in_words(found)
    assert "light cones" not in in_words(found)


def test_only_what_was_read_has_a_summary():
    with pytest.raises(TypeError, match="found must be an Imported circuit, got 'int'"):
        summary(3)
