#!/usr/bin/env bash
# Qiskit 2.6.1 writes the angle 1e-05 in OpenQASM 2 as `1.e-05`, which the grammar allows.  pytket 2.18.5 reads it
# as 1.*e - 05, with Euler's number: -2.28 rad in place of 0.00001, without a word.  `1e-05` it reads right.
# A writer prints `1e-05`, as Python does; a circuit near an identity start has many such angles.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pytket==2.18.5 qiskit==2.6.1
"$folder/env/bin/python" -W ignore - <<'PY'
import math

from pytket.qasm import circuit_from_qasm_str
from qiskit import QuantumCircuit, qasm2

circuit = QuantumCircuit(1)
circuit.ry(1e-05, 0)
text = qasm2.dumps(circuit)
assert "ry(1.e-05)" in text
for spelled, expected in (("1.e-05", math.e - 5), ("1e-05", 1e-05)):
    (gate,) = circuit_from_qasm_str(text.replace("1.e-05", spelled)).get_commands()
    turns = float(gate.op.params[0])  # in half turns, modulo 4
    angle = math.remainder(turns * math.pi, 4 * math.pi)
    print(f"ry({spelled}): pytket turns by {angle:.5f} rad")
    assert math.isclose(angle, expected, abs_tol=1e-9)
PY
