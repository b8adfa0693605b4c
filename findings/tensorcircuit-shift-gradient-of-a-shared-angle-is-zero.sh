#!/usr/bin/env bash
# tensorcircuit-ng 1.10.0: experimental.parameter_shift_grad shifts the entry of theta by pi/2, not each gate.  For an angle
# used by two rotations, or doubled, it returns 0 without a word; at half scale it is wrong by a factor of the root of 2.
# QAOA and most published ansatze share or scale angles.  True for one rotation at scale 1 alone.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q tensorcircuit-ng==1.10.0 torch==2.13.0 jax==0.10.2
"$folder/env/bin/python" -W ignore - <<'PY'
import math

import tensorcircuit
import torch
from tensorcircuit.experimental import parameter_shift_grad

backend, a = tensorcircuit.set_backend("pytorch"), 0.7


def both(*scales):
    def value(theta):
        circuit = tensorcircuit.Circuit(1)
        for scale in scales:
            circuit.rx(0, theta=scale * theta[0])
        return backend.real(circuit.expectation_ps(z=[0]))

    shifted = float(parameter_shift_grad(value, jit=False)(torch.tensor([a]))[0])
    total = sum(scales)
    return shifted, -total * math.sin(total * a)


for scales in [(1.0,), (1.0, 1.0), (2.0,), (0.5,)]:
    print("scales", scales, "shift gradient %.4f, true %.4f" % both(*scales))
found, true = both(1.0)
assert abs(found - true) < 1e-5
for scales in [(1.0, 1.0), (2.0,)]:
    found, true = both(*scales)
    assert abs(found) < 1e-5 and abs(true) > 1
found, true = both(0.5)
assert abs(found - math.sqrt(2) * true) < 1e-5
PY
