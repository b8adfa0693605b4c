#!/usr/bin/env bash
# qasm3.dumps of Qiskit 2.6.1 writes an angle near a multiple of pi as that multiple: pi/2 + 1e-10 becomes pi/2,
# and 1e-11 becomes 0.  qasm2.dumps keeps both.  Gradients and second derivatives at a start near the identity,
# which are compared between tools, lose such angles on the way.
# A writer prints all digits of a number and leaves no angle out.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q qiskit==2.6.1
"$folder/env/bin/python" -W ignore - <<'PY'
import math

from qiskit import QuantumCircuit, qasm2, qasm3

circuit = QuantumCircuit(1)
for angle in (math.pi / 2 + 1e-10, 1e-11, 1e-6):
    circuit.ry(angle, 0)
three = [line for line in qasm3.dumps(circuit).splitlines() if line.startswith("ry")]
two = [line for line in qasm2.dumps(circuit).splitlines() if line.startswith("ry")]
print("OpenQASM 3:", *three)
print("OpenQASM 2:", *two)
assert three[:2] == ["ry(pi/2) q[0];", "ry(0) q[0];"]
assert "pi" not in two[0] and "ry(0)" not in two[1]
PY
