#!/usr/bin/env bash
# Qulacs 0.6.14: convert_qulacs_circuit_to_QASM leaves out, without a word, a rotation by 1e-05 or less and writes the next by
# its sign turned for RX (Qulacs turns the other way); it reads rx(1e-05), but refuses a quotient as in rx(pi/3), which most
# other tools write.  Small angles are what near-identity starts consist of.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q qulacs==0.6.14
"$folder/env/bin/python" -W ignore - <<'PY'
import qulacs
from qulacs import converter

circuit = qulacs.QuantumCircuit(1)
for angle in (1e-5, 2e-5, 0.3):
    circuit.add_RotX_gate(0, angle)
circuit.add_RX_gate(0, 0.3)
written = converter.convert_qulacs_circuit_to_QASM(circuit)
print(circuit.get_gate_count(), "gates, written:", written[3:])
assert written[3:] == ["rx(2e-05) q[0];", "rx(0.3) q[0];", "rx(-0.3) q[0];"]
head = ["OPENQASM 2.0;", 'include "qelib1.inc";', "qreg q[1];"]
assert converter.convert_QASM_to_qulacs_circuit([*head, "rx(1e-05) q[0];"]).get_gate_count() == 1
try:
    converter.convert_QASM_to_qulacs_circuit([*head, "rx(pi/3) q[0];"])
    raise SystemExit("a quotient is read now")
except AssertionError:
    print("rx(pi/3) is refused by an assertion")
PY
