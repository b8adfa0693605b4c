#!/usr/bin/env bash
# `^` in OpenQASM 2 is a power: rx(2^3) turns by 8.  qutip-qip 0.4.2 and pyqasm 1.3.0 read an exclusive or, 2^3 = 1,
# without a word; Qiskit 2.6.2 and BQSKit 1.2.1 read 8.  (In OpenQASM 3 it is the other way: `**` is the power and
# `^` the exclusive or.)  With a float in it, `2^2/8`, both end in Python's TypeError.
# A writer prints numbers, never expressions; a reader has to look at the version in the first line.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q qutip==5.3.1 qutip-qip==0.4.2 pyqasm==1.3.0 qiskit==2.6.2 bqskit==1.2.1
cat > "$folder/power.qasm" <<'QASM'
OPENQASM 2.0;
include "qelib1.inc";
qreg q[1];
rx(2^3) q[0];
QASM
"$folder/env/bin/python" -W ignore - "$folder/power.qasm" <<'PY'
import math
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
    "qiskit": Operator(qasm2.loads(text)).data,
    "bqskit": np.array(Circuit.from_file(path).get_unitary()),
    "qutip-qip": read_qasm(path).compute_unitary().full(),
    "pyqasm": Operator(qasm2.loads(pyqasm.dumps(module))).data,
}
for tool, expected in {"qiskit": 8, "bqskit": 8, "qutip-qip": 1, "pyqasm": 1}.items():
    cosine = seen[tool][0, 0].real
    print(f"{tool}: <0|rx(2^3)|0> = {cosine:.4f} = cos({expected}/2)")
    assert math.isclose(cosine, math.cos(expected / 2), abs_tol=1e-9)
PY
