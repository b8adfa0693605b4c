#!/usr/bin/env bash
# landscape-tools 0.4.9: barren_plateaus_analysis of "layerwise_qubits" saves a figure at its end into a folder named
# figures of the working directory.  Where there is none it raises FileNotFoundError after all samples were taken, and
# the variances are lost; "layerwise_qubits_padding" makes the folder.  Its rate of decay is left to the reader of the plot.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q landscape-tools==0.4.9
cd "$folder"
MPLBACKEND=agg "$folder/env/bin/python" -W ignore - <<'PY' 2>/dev/null
import os

import numpy as np
from landscape_tools import barren_plateaus as bp
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

calls = 0


def circuit(n, depth, name):
    made, theta = QuantumCircuit(n), ParameterVector("t", n)
    for qubit in range(n):
        made.ry(theta[qubit], qubit)
    return made


def cost(context, **options):  # of RY on each qubit: the mean of all Z multiplied
    def value(theta):
        global calls
        calls += 1
        return float(np.prod(np.cos(theta)))

    return value


def analysis():
    rng = np.random.default_rng(0)
    return bp.barren_plateaus_analysis(
        bp.ExperimentConfig("layerwise_qubits", [2, 3], [1], "product"), cost,
        lambda n, depth: rng.uniform(0, 2 * np.pi, n), circuit,
        bp.SamplingConfig(N_min=50, N_batch=50, N_max=50), bp.ExecutionConfig(n_jobs=1, verbose=False),
    )


try:
    analysis()
    raise SystemExit("it ends without a folder now")
except FileNotFoundError as error:
    print(type(error).__name__, error.filename, "after", calls, "values of the cost")
    assert error.filename == "figures/layerwise_qubits.pdf" and calls >= 100
os.mkdir("figures")
found = analysis()
print([(row["nq"], round(row["var"], 3)) for row in found[0][1]] if isinstance(found, tuple) else found)
assert os.path.isfile("figures/layerwise_qubits.pdf")
PY
