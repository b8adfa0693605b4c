#!/usr/bin/env bash
# pyzx 0.10.8: two spellings that OpenQASM 2 allows, and that Qiskit and BQSKit read, are errors.
# An exponent: `rx(1e-05) q[0];` is "contains unbound variables" (the e), so what Python's repr writes for a small
# angle cannot be read.  The header and the include on one line: "does not start with supported OPENQASM descriptor".
# A writer for pyzx prints fixed decimals and one statement a line.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pyzx==0.10.8 qiskit==2.6.2
"$folder/env/bin/python" - <<'PY'
import pyzx
from qiskit import qasm2

exponent = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[1];\nrx(1e-05) q[0];\n'
one_line = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; rx(0.5) q[0];'
for text, said in ((exponent, "unbound variables"), (one_line, "OPENQASM descriptor")):
    print("qiskit reads", qasm2.loads(text).data[0].operation)
    try:
        pyzx.Circuit.from_qasm(text)
    except TypeError as error:
        print("pyzx:", error)
        assert said in str(error)
    else:
        raise SystemExit("pyzx reads it now")
decimals = pyzx.Circuit.from_qasm(exponent.replace("1e-05", "0.00001"))
print("pyzx reads 0.00001 as", decimals.gates[0])
PY
