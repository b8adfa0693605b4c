r"""Moments of noisy gradients, without a state: mean squares of Pauli coefficients under depolarizing noise.

Carry the observable back through the circuit.  At independent uniform angles a rotation that anticommutes
with a string leaves half of its mean square where it is and moves half to the product with its generator; a
Clifford entangler permutes the strings; depolarizing noise multiplies a string of weight w by
``(1 - 4 p / 3)^w``.  So the mean squares move by one real, non-negative table per layer, of size 4**n: its
largest eigenvalue is the factor by which a deep circuit's mean square gradient shrinks with every layer.
"""

import math
from functools import cache

import numpy as np

from qbp import _checks
from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.gates import Entangler
from qbp.circuits.observables import PauliSum

LARGEST = 8  # qubits: 65,536 strings
ITERATIONS, DIGITS = 5000, 1e-11  # of the power iteration, and where it stops


def exact_variance(circuit: HardwareEfficient, H: PauliSum, p: float = 0.0) -> np.ndarray:
    """Return Var[dC/dtheta_k] over uniform angles, exactly, with depolarizing noise after each layer.

    Args:
        circuit: from "zero", with "rx" or "ry" among its rotations (so no two strings of H interfere), up to
            8 qubits.
        H: the observable.
        p: probability of an error on each qubit after each layer, see
            :func:`qbp.circuits.hardware.noise.depolarizing`.

    Returns:
        (n_params,), in the squared unit of H.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> one = HardwareEfficient(1, 1, ["rx"])  # C = (1 - 4 p / 3) cos theta
        >>> exact_variance(one, PauliSum({"Z": 1.0}), p=0.15).round(4)
        array([0.32])
    """
    gates = _gates(circuit)
    strings = _Strings(circuit.n_qubits, p)
    if not isinstance(H, PauliSum) or H.n_qubits != circuit.n_qubits:
        raise ValueError(f"H must be a PauliSum on {circuit.n_qubits} qubits, got {H!r}")
    ahead = [np.where(strings.x == 0, 1.0, 0.0)]  # <0|S|0>^2, carried forward: before each gate
    for gate in gates:
        ahead.append(strings.forward(gate, ahead[-1]))
    back = np.zeros(4**circuit.n_qubits)
    for string, c in H.terms.items():
        back[strings.index(string)] += c * c
    variance = np.zeros(circuit.n_params)
    for gate, before in zip(reversed(gates), ahead[-2::-1], strict=True):
        if gate[0] == "rotation":
            turned, partner = strings.rotation(gate[1])
            variance[gate[2]] += (turned * before * (back + back[partner])).sum() / 2
        back = strings.backward(gate, back)
    return variance


def layer_factor(circuit: HardwareEfficient, p: float) -> float:
    """Return the factor of the mean square gradient per layer, deep inside a circuit.

    Args:
        circuit, p: as for :func:`exact_variance`; the number of layers does not matter.

    Returns:
        The largest eigenvalue over strings other than the identity; 1 without noise.

    Example:
        >>> round(layer_factor(HardwareEfficient(1, 1, ["rx", "ry"]), p=0.15), 4)  # (1 - 4 p / 3)^2
        0.64
    """
    gates = _gates(circuit)
    gates = gates[: len(gates) // circuit.n_layers]
    strings = _Strings(circuit.n_qubits, p)
    vector, found = np.full(4**circuit.n_qubits, 1 / (4**circuit.n_qubits - 1)), 0.0
    vector[0] = 0.0
    for _ in range(ITERATIONS):
        moved = vector
        for gate in reversed(gates):
            moved = strings.backward(gate, moved)
        before, found = found, float(moved.sum())
        if found == 0 or abs(found - before) < DIGITS * found:
            break
        vector = moved / found + vector / 2  # a step and a half: strings sent in circles settle, too
        vector /= vector.sum()
    return found


def scrambled_factor(n_qubits: int, p: float) -> float:
    r"""Return the factor per layer where every layer spreads its strings evenly over all but the identity.

    The mean of ``(1 - 4 p / 3)^(2 w)`` over the 4**n - 1 strings, with q = (1 - 4 p / 3)^2

    .. math:: \frac{(1 + 3 q)^n - 1}{4^n - 1}
       = \Bigl(\frac{1 + 3 q}{4}\Bigr)^n \frac{1 - (1 + 3 q)^{-n}}{1 - 4^{-n}}.

    Raises:
        TypeError, ValueError: `n_qubits` is no integer from 1, or `p` no probability.

    Example:
        >>> round(scrambled_factor(1, p=0.15), 4)
        0.64
    """
    n, p = _checks.integer("n_qubits", n_qubits, 1, 2**53), _checks.number("p", p, 0.0, 1.0)
    q = (1 - 4 * p / 3) ** 2
    shrunk = math.exp(n * math.log1p(0.75 * (q - 1)))
    return shrunk * math.expm1(-n * math.log1p(3 * q)) / math.expm1(-n * math.log(4))


def gradient_bound(H: PauliSum, p: float, n_layers: int) -> float:
    r"""Return a bound on ``|dC/dtheta_k|`` at *all* angles after layers of depolarizing noise.

    Each layer keeps lengths in the space of Pauli coefficients but for the noise, which shortens every
    string but the identity by ``1 - 4 p / 3`` or more, so ``|C - tr H / 2^n|`` is at most
    ``(1 - 4 p / 3)^L sqrt((2^n - 1) sum_a c_a^2)``, and a gradient is half a difference of two values (in the
    spirit of Wang et al. 2021, Theorem 1).  Where it is above the largest float it is infinite.

    Raises:
        TypeError, ValueError: H is no Pauli sum, `p` no probability, or `n_layers` no integer from 0.

    Example:
        >>> round(gradient_bound(PauliSum({"Z": 1.0}), p=0.15, n_layers=2), 4)
        0.64
    """
    if not isinstance(H, PauliSum):
        raise TypeError(f"H must be a PauliSum, got {type(H).__name__!r}")
    n, n_layers = H.n_qubits, _checks.integer("n_layers", n_layers, 0, 2**53)
    rate = abs(1 - 4 * _checks.number("p", p, 0.0, 1.0) / 3)
    length = math.hypot(*(c for string, c in H.terms.items() if string != "I" * n))
    if length == 0 or (rate == 0 and n_layers > 0):
        return 0.0
    bits = n_layers * math.log2(rate) if n_layers else 0.0
    bits += math.log2(length) + (n + math.log2(1 - 2.0**-n)) / 2  # in logarithms: no size overflows
    return 2.0**bits if bits < 1024 else math.inf


class _Strings:
    """All Pauli strings as bits: index = x * 2**n + z, with X = (1, 0), Z = (0, 1), Y = (1, 1)."""

    def __init__(self, n: int, p: float) -> None:
        self.n = _checks.integer("n_qubits", n, 1, LARGEST)
        self.x, self.z = np.divmod(np.arange(4**n), 2**n)
        weight = np.bitwise_count(self.x | self.z)
        self.noise = (1 - 4 * _checks.number("p", p, 0.0, 1.0) / 3) ** (2 * weight)
        self.rotation, self.permutation = cache(self._rotation), cache(self._permutation)

    def bit(self, qubit: int) -> int:
        return 1 << (self.n - 1 - qubit)

    def index(self, string: str) -> int:
        x, z = (
            sum(self.bit(q) for q, letter in enumerate(string) if letter in kind) for kind in ("XY", "ZY")
        )
        return x * 2**self.n + z

    def _rotation(self, string: str) -> tuple[np.ndarray, np.ndarray]:
        """Which strings anticommute with a generator, and their products with it."""
        x, z = divmod(self.index(string), 2**self.n)
        turned = np.bitwise_count(self.x & z) + np.bitwise_count(self.z & x)
        return turned % 2 == 1, np.arange(4**self.n) ^ self.index(string)

    def _permutation(self, gate: Entangler) -> np.ndarray:
        """Where each string goes when carried back through an entangler."""
        x, z = self.x.copy(), self.z.copy()
        for a, b in reversed(gate.pairs):
            a, b = self.bit(a), self.bit(b)
            if gate.kind == "cz":
                z = z ^ np.where(x & a, b, 0) ^ np.where(x & b, a, 0)
            else:
                x, z = x ^ np.where(x & a, b, 0), z ^ np.where(z & b, a, 0)
        return x * 2**self.n + z

    def backward(self, gate: tuple, vector: np.ndarray) -> np.ndarray:
        """Carry mean squares from behind a gate to before it."""
        if gate[0] == "rotation":
            turned, partner = self.rotation(gate[1])
            return np.where(turned, (vector + vector[partner]) / 2, vector)
        if gate[0] == "noise":
            return vector * self.noise
        moved = np.empty_like(vector)
        moved[self.permutation(gate[1])] = vector
        return moved

    def forward(self, gate: tuple, vector: np.ndarray) -> np.ndarray:
        """Do the transpose of :meth:`backward`, which differs for entanglers alone."""
        return vector[self.permutation(gate[1])] if gate[0] == "entangler" else self.backward(gate, vector)


def _gates(circuit: HardwareEfficient) -> list[tuple]:
    """The gates of a circuit with the noise after each layer."""
    fits = isinstance(circuit, HardwareEfficient) and circuit.start == "zero"
    if not fits or not {"rx", "ry"} & set(circuit.rotations):
        raise ValueError(f'circuit must start from "zero" and have "rx" or "ry" rotations, got {circuit!r}')
    own = len(circuit.program) // circuit.n_layers
    gates: list[tuple] = []
    for k, gate in enumerate(circuit.program):
        if isinstance(gate, Entangler):
            gates.append(("entangler", gate))
        else:
            gates.append(("rotation", gate.pauli, gate.parameter))
        if (k + 1) % own == 0:
            gates.append(("noise",))
    return gates
