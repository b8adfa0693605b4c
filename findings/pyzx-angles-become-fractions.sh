#!/usr/bin/env bash
# pyzx 0.10.8: an angle read from OpenQASM is kept as a fraction of pi with a denominator of at most 2^20.
# Expected: the angle to double precision.  Seen: rx(0.1) is off by 5.5e-12, rx(1.2345678901234567) by 1.2e-9,
# and rx(0.0000003) is no rotation at all: its phase is 0.  So a circuit of small angles (a start near identity) comes
# back empty, and a comparison of states to 1e-10 fails by pyzx alone.
# Source: pyzx/circuit/qasmparser.py (limit_denominator).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pyzx==0.10.8
"$folder/env/bin/python" - <<'PY'
import math
import pyzx

text = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[1];\nrx({}) q[0];\n'
for written, low, high in (("0.1", 1e-12, 1e-11), ("1.2345678901234567", 1e-10, 1e-8), ("0.0000003", 2.99e-7, 3.01e-7)):
    phase = pyzx.Circuit.from_qasm(text.format(written)).gates[0].phase
    off = abs(float(phase) * math.pi - float(written))
    print(f"pyzx {pyzx.__version__}: rx({written}) is read as {phase} pi, off by {off:.2e}")
    assert low < off < high
assert phase == 0
PY
