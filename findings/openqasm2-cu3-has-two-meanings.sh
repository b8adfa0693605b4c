#!/usr/bin/env bash
# `cu3(theta, phi, lambda)` of qelib1.inc is two different gates.  The file of the OpenQASM 2 paper builds it without
# a phase on the control; later versions add u1((phi + lambda)/2) on the control, which makes it the controlled u3.
# qutip-qip 0.4.2 applies the former, Qiskit 2.6.2, BQSKit 1.2.1 and pyqasm 1.3.0 the latter, all without a word.
# A circuit that is exchanged writes cu3 as rotations and CX.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q qutip==5.3.1 qutip-qip==0.4.2 pyqasm==1.3.0 qiskit==2.6.2 bqskit==1.2.1
cat > "$folder/cu3.qasm" <<'QASM'
OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
cu3(0.7,0.2,0.3) q[0],q[1];
QASM
"$folder/env/bin/python" -W ignore - "$folder/cu3.qasm" <<'PY'
import sys
from pathlib import Path

import numpy as np
import pyqasm
from bqskit import Circuit
from qiskit import qasm2
from qiskit.quantum_info import Operator
from qutip_qip.qasm import read_qasm

path = sys.argv[1]
text = Path(path).read_text()
module = pyqasm.loads(text)
module.unroll()
seen = {
    "qiskit": Operator(qasm2.loads(text).reverse_bits()).data,
    "bqskit": np.array(Circuit.from_file(path).get_unitary()),
    "pyqasm": Operator(qasm2.loads(pyqasm.dumps(module)).reverse_bits()).data,
    "qutip-qip": read_qasm(path).compute_unitary().full(),
}
phase = {tool: np.exp(-1j * np.angle(unitary[0, 0])) for tool, unitary in seen.items()}  # compare up to one phase
seen = {tool: phase[tool] * unitary for tool, unitary in seen.items()}
control = np.diag(np.exp(1j * np.array([0, 0, 1, 1]) * (0.2 + 0.3) / 2))  # u1((phi + lambda)/2) on qubit 0
for tool, unitary in seen.items():
    plain, turned = (np.abs(unitary @ extra - seen["qiskit"]).max() for extra in (np.eye(4), control))
    print(f"{tool}: {plain:.1e} from qiskit's; with the control turned {turned:.1e}")
    assert (turned if tool == "qutip-qip" else plain) < 1e-9 < (plain if tool == "qutip-qip" else turned)
PY
