#!/usr/bin/env bash
# barren_plateau_scan of qmlkit 0.3.0 calls a decay exponential where the variance falls by less than a factor 0.75 a
# qubit, whatever the sizes: one RX on each qubit and the mean of all Z, whose derivative has the variance 1/(2 n^2),
# a power of n, "looks exponential" from 4 to 8 qubits, (4/8)^2 being 0.707 a qubit, and not from 10 to 14.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q qmlkit==0.3.0
"$folder/env/bin/python" -W ignore - <<'PY'
import qmlkit as qk
from qmlkit.ansatz.blocks import Custom
from qmlkit.ansatz.library import Ansatz
from qmlkit.core.ir import ParamRef
from qmlkit.core.observables import PauliString, PauliSum


def ansatz(n):
    def emit(qc, ctx):
        made = [ctx.new_param() for _ in range(n)]
        for q in range(n):
            qc.apply("rx", (q,), ParamRef(made[q].index, 1.0, 0.0))

    return Ansatz(n, Custom(emit))


def mean(n):
    return PauliSum(tuple(PauliString.from_label("I" * q + "Z" + "I" * (n - 1 - q), 1 / n) for q in range(n)))


for sizes, said in (([4, 5, 6, 7, 8], True), ([10, 11, 12, 13, 14], False)):
    scan = qk.barren_plateau_scan(ansatz, sizes, mean, n_samples=200, seed=0)
    exact = [1 / (2 * n**2) for n in sizes]
    print(sizes, "variances", [f"{v:.4f}" for v in scan["variance"]], "exact", [f"{v:.4f}" for v in exact])
    print("  factor a qubit", round(scan["decay_per_qubit"], 3), "looks exponential:", bool(scan["looks_exponential"]))
    assert all(abs(a / b - 1) < 0.4 for a, b in zip(scan["variance"], exact))
    assert bool(scan["looks_exponential"]) == said
PY
