"""What is measured: circuits, angles and data, and the least time they could take.  Numpy alone: every peer's
interpreter imports this file.

A circuit is a list of gates ``("ry", qubit, parameter)`` and ``("cz", qubit, qubit)``, in the order they act.
Qubit 0 is the most significant bit, a rotation is exp(-i theta P / 2), angles lie (layer, qubit, rotation).
"""

from dataclasses import asdict, dataclass, replace

import numpy as np

SEED = 20


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    Attributes:
        name: family and size, such as "W1 8x20".
        family: W1 gradients of a batch; W2 value and gradient of one vector; W3 an epoch of Adam; W4 variance
            of the gradient by Pauli walks; W5 training of perceptrons over seeds; W6 gradient of eq. 1.
        n, layers, batch: qubits, layers, parameter vectors (W3: samples of a mini-batch; W5: seeds).
        observable: "zz", "tfim", "z0", "local" (the 3n single-qubit Paulis of eq. 1) or "last" (Z of the last
            qubit); the experiment's name in W5.
        dtype: of the states; "float64" or "float32" in W5.
        rotations, entangler, topology: of a layer.
        samples: W3, size of the training set; W5, training steps.
    """

    name: str
    family: str
    n: int
    layers: int
    batch: int = 1
    observable: str = "zz"
    dtype: str = "complex64"
    rotations: tuple[str, ...] = ("ry", "rz")
    entangler: str = "cz"
    topology: str = "ladder"
    samples: int = 0

    @property
    def n_params(self) -> int:
        """Number of angles."""
        return self.n * self.layers * len(self.rotations)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of qubits that the entangler of a layer acts on."""
        ladder = [(q, q + 1) for q in range(self.n - 1)]
        return [*ladder, (self.n - 1, 0)] if self.topology == "ring" and self.n > 2 else ladder

    @property
    def layer(self) -> list[tuple[str, int, int]]:
        """The gates of one layer; parameters count from 0."""
        k = len(self.rotations)
        turns = [(r, q, q * k + i) for q in range(self.n) for i, r in enumerate(self.rotations)]
        return [*turns, *((self.entangler, a, b) for a, b in self.pairs)]

    @property
    def gates(self) -> list[tuple[str, int, int]]:
        """The gates of all layers."""
        per_layer = self.n_params // self.layers
        return [
            (name, a, b + per_layer * layer if name[0] == "r" else b)
            for layer in range(self.layers)
            for name, a, b in self.layer
        ]

    @property
    def terms(self) -> dict[str, float]:
        """The observable, {Pauli string: coefficient}; for "local" each string is one observable."""
        n = self.n
        at = lambda letters: "".join(letters.get(q, "I") for q in range(n))  # noqa: E731
        return {
            "zz": lambda: {at({0: "Z", 1: "Z"}): 1.0},
            "z0": lambda: {at({0: "Z"}): 1.0},
            "last": lambda: {at({n - 1: "Z"}): 1.0},
            "tfim": lambda: (
                {at({q: "Z", q + 1: "Z"}): -1.0 for q in range(n - 1)}
                | {at({q: "X"}): -1.0 for q in range(n)}
            ),
            "local": lambda: {at({q: p}): 1.0 for q in range(n) for p in "XYZ"},
        }[self.observable]()

    @property
    def targets(self) -> np.ndarray:
        """The b_i of eq. 1: <X>, <Y>, <Z> of each qubit in |+>, (3n,)."""
        return np.tile([1.0, 0.0, 0.0], self.n)

    @property
    def theta(self) -> np.ndarray:
        """Angles, uniform on [0, 2 pi), (batch, n_params) float64; W3: small ones, (n_params,)."""
        draws = np.random.Generator(np.random.Philox(key=SEED, counter=[0, 0, 0, self.n_params]))
        if self.family == "W3":
            return 0.1 * draws.standard_normal(self.n_params)
        return draws.uniform(0, 2 * np.pi, (self.batch, self.n_params))

    @property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """W3: features (samples, 4) and targets y = sin 2x + 0.5 cos x (samples,), in an epoch's order."""
        draws = np.random.Generator(np.random.Philox(key=SEED + 1))
        x = draws.uniform(-np.pi, np.pi, self.samples)
        return np.stack([x, x**2, np.sin(x), np.cos(x)], -1), np.sin(2 * x) + 0.5 * np.cos(x)

    @property
    def limit(self) -> tuple[float, float]:
        """Real operations and bytes that the work needs, by the model that the page states."""
        size, double = 2.0**self.n, self.dtype in ("complex128", "float64")
        if self.family == "W5":
            return PERCEPTRON[self.observable] * self.batch, 0.0
        if self.family == "W4":
            return 0.0, 0.0
        runs = self.samples if self.family == "W3" else self.batch
        return runs * self.layers * size * 26 * (self.n + 1), runs * self.layers * size * (
            96 if double else 48
        )

    def as_json(self) -> dict:
        """Return the fields as plain data."""
        return asdict(self)


def _perceptron(inputs: int, hidden: int, outputs: int, train: int, val: int, every: int) -> float:
    """Operations of 500 steps of two methods: 6 per weight and sample of a gradient, 2 of a value."""
    weights, batch, records = (inputs + outputs) * hidden, min(16, train), 500 // every + 1
    return 2 * weights * (501 * 6 * batch + records * (6 * train + 2 * val))


PERCEPTRON = {
    "curve": _perceptron(1, 250, 1, 3, 2, 1),
    "telecom": _perceptron(12, 250, 1, 1024, 256, 10),
    "mnist": _perceptron(784, 128, 10, 2000, 3000, 10),
}


def from_json(fields: dict) -> Workload:
    """Return the workload of :meth:`Workload.as_json`."""
    return Workload(**{**fields, "rotations": tuple(fields["rotations"])})


def _all() -> list[Workload]:
    sizes = [(2, 5), (4, 10), (6, 20), (8, 20), (8, 100), (10, 50), (12, 20), (12, 100)]
    pqc = {"batch": 32, "observable": "z0", "dtype": "complex128", "samples": 256}
    rows = [Workload(f"W1 {n}x{depth}", "W1", n, depth, 200) for n, depth in sizes]
    rows += [Workload(f"W2 n={n}", "W2", n, 10, 1, "tfim") for n in (4, 8, 12, 16, 18, 20, 22)]
    rows += [
        Workload("W3 cz", "W3", 4, 3, **pqc),
        Workload("W3 cnot", "W3", 4, 3, **pqc, rotations=("rx", "rz"), entangler="cnot", topology="ring"),
    ]
    for n in (100, 1000):
        for depth in (10, 100):
            rows.append(Workload(f"W4a n={n} L={depth}", "W4", n, depth, 1, "tfim"))
            rows.append(Workload(f"W4b n={n} L={depth}", "W4", n, depth, 1, "last", entangler="cnot"))
            rows.append(Workload(f"W4c n={n} L={depth}", "W4", n, depth, 1, "zz"))
    rows += [
        Workload(f"W5 {name} {dtype}", "W5", 0, 0, 20, name, dtype, samples=500)
        for name, dtype in [
            ("curve", "float64"),
            ("telecom", "float64"),
            ("mnist", "float64"),
            ("mnist", "float32"),
        ]
    ]
    return rows + [Workload(f"W6 n={n}", "W6", n, n, 20, "local") for n in (4, 6, 8, 10, 12)]


ALL = _all()
QUICK = ("W1 2x5", "W1 4x10", "W2 n=4", "W2 n=8", "W2 n=12", "W3 cz", "W5 curve float64", "W6 n=4", "W6 n=6")
DESCRIPTIONS = {
    "W1": "gradient of <Z0 Z1>, 200 parameter vectors",
    "W2": "value and gradient of the TFIM energy, L = 10, one vector",
    "W3": "one Adam epoch, four-qubit regression, 256 samples, batch 32",
    "W4": "variance of the whole gradient by Pauli walks",
    "W5": "training over 20 seeds, two methods, 500 steps",
    "W6": "gradient of eq. 1 with X, Y, Z on each qubit, L = n, 20 vectors",
}


def small(workload: Workload) -> Workload:
    """Return the instance that the dense reference can do: 3 qubits (W3 needs its 4), 2 layers."""
    if workload.family == "W3":
        return replace(workload, name="check", layers=2, batch=4, samples=8)
    return replace(workload, name="check", n=3, layers=2, batch=min(workload.batch, 2))
