#!/usr/bin/env bash
# PennyLane 0.45.1: on default.mixed the gradient by backpropagation, the default there, is nan where amplitudes vanish: with
# all angles zero, or after a CNOT without noise.  Parameter shift gives the right number.  A start at zero, or near the
# identity, is a usual remedy against plateaus; an optimizer is handed nan at its first step.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pennylane==0.45.1
"$folder/env/bin/python" -W ignore - <<'PY'
import math

import pennylane as qml
from pennylane import numpy as pnp


def slope(method, at, noise):
    @qml.qnode(qml.device("default.mixed", wires=2), diff_method=method)
    def value(x):
        qml.RY(x, wires=0)
        qml.CNOT([0, 1])
        if noise:
            qml.DepolarizingChannel(noise, wires=0)
        return qml.expval(qml.Z(0))

    return float(qml.grad(value)(pnp.array(at, requires_grad=True)))


for at, noise in [(0.0, 0.1), (0.3, 0.0), (0.3, 0.1)]:
    back, shift = slope("backprop", at, noise), slope("parameter-shift", at, noise)
    print(f"angle {at}, noise {noise}: backpropagation {back:.4f}, parameter shift {shift:.4f}")
assert math.isnan(slope("backprop", 0.0, 0.1)) and math.isnan(slope("backprop", 0.3, 0.0))
assert abs(slope("parameter-shift", 0.0, 0.1)) < 1e-12
assert abs(slope("backprop", 0.3, 0.1) - slope("parameter-shift", 0.3, 0.1)) < 1e-12
PY
