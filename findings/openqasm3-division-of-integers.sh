#!/usr/bin/env bash
# OpenQASM 3 `rx(7/2) q[0];`: two integers.  pyqasm 1.3.0 turns by 3.5; qiskit-qasm3-import 0.6.0 and the local
# simulator of Amazon Braket (1.41.2) divide as integers and turn by 3.  None says a word.
# A writer prints 3.5; a reader of angles has to say which it takes.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pyqasm==1.3.0 qiskit==2.6.2 qiskit-qasm3-import==0.6.0 amazon-braket-default-simulator==1.41.2
"$folder/env/bin/python" -W ignore - <<'PY'
import math

import numpy as np
import pyqasm
from braket.default_simulator.openqasm.interpreter import Interpreter
from braket.default_simulator.state_vector_simulation import StateVectorSimulation
from qiskit import qasm3
from qiskit.quantum_info import Operator

text = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[1] q;\nrx(7/2) q[0];\n'
module = pyqasm.loads(text)
module.unroll()
simulation = StateVectorSimulation(1, 1, 1)
simulation.evolve(Interpreter().build_circuit(text.replace('include "stdgates.inc";\n', "")).instructions)
seen = {
    "pyqasm": Operator(qasm3.loads(pyqasm.dumps(module))).data[0, 0],
    "qiskit": Operator(qasm3.loads(text)).data[0, 0],
    "braket": simulation.state_vector[0],
}
for tool, angle in {"pyqasm": 3.5, "qiskit": 3.0, "braket": 3.0}.items():
    print(f"{tool}: <0|rx(7/2)|0> = {seen[tool].real:.4f} = cos({angle}/2)")
    assert math.isclose(seen[tool].real, math.cos(angle / 2), abs_tol=1e-9)
PY
