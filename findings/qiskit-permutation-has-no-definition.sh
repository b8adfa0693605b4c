#!/usr/bin/env bash
# In Qiskit 2.6.2 the definition of a PermutationGate is None, although qasm2 and qasm3 write it as swaps: a reader that
# follows definitions down to known gates ends there; decompose() expands it. MQT Bench 2.3.0 hides one in "ae"
# (amplitude estimation, level ALG), and writing that circuit to OpenQASM 2 or 3 is a TypeError about arrays.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q qiskit==2.6.2 mqt.bench==2.3.0
"$folder/env/bin/python" -W ignore - <<'PY'
from mqt.bench import BenchmarkLevel, get_benchmark
from qiskit import QuantumCircuit, qasm2, qasm3
from qiskit.circuit.library import PermutationGate

circuit = QuantumCircuit(3)
circuit.append(PermutationGate([2, 0, 1]), [0, 1, 2])
print("definition:", circuit.data[0].operation.definition, "| decomposed:", dict(circuit.decompose().count_ops()))
assert circuit.data[0].operation.definition is None and circuit.decompose().count_ops() == {"swap": 2}
assert "swap" in qasm2.dumps(circuit) and "swap" in qasm3.dumps(circuit)
estimation = get_benchmark("ae", level=BenchmarkLevel.ALG, circuit_size=4)
assert "permutation" in estimation.count_ops()
for write in (qasm2.dumps, qasm3.dumps):
    try:
        write(estimation)
        raise SystemExit("it is written now")
    except TypeError as error:
        print(write.__module__, "TypeError:", error)
PY
