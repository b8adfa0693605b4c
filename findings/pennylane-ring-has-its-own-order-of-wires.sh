#!/usr/bin/env bash
# The ring of qml.spin.transverse_ising in PennyLane 0.45.1 meets its wires in the order 0, 3, 1, 2, and qml.matrix
# takes the wires as the operator meets them: with a term that tells the qubits apart, its matrix is not that of
# wires 0, 1, 2, 3, which a state vector of a device has.  wire_order=range(4) gives that one.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pennylane==0.45.1
"$folder/env/bin/python" -W ignore - <<'PY'
import numpy as np
import pennylane as qml

ring = qml.spin.transverse_ising("chain", [4], coupling=1.0, h=1.0, boundary_condition=True)
print("wires:", list(ring.wires))
assert list(ring.wires) == [0, 3, 1, 2]
tilted = ring + 0.5 * qml.Z(1)
plain, ordered = qml.matrix(tilted), qml.matrix(tilted, wire_order=range(4))
state = np.zeros(16)
state[0b0100] = 1  # wire 1 excited
device = qml.device("default.qubit", wires=4)


@qml.qnode(device)
def energy():
    qml.X(1)
    return qml.expval(tilted)


values = energy(), plain[0b0100, 0b0100].real, ordered[0b0100, 0b0100].real
print("energy of |0100>: QNode {:.2f}, qml.matrix {:.2f}, with wire_order {:.2f}".format(*values))
assert np.isclose(values[0], values[2]) and not np.isclose(values[0], values[1])
PY
