"""What is measured: circuits, angles and data, and the least time they could take.  Numpy alone: every peer's
interpreter imports this file.

A circuit is a list of gates ``("ry", qubit, parameter)``, ``("cz", qubit, qubit)`` and, for a Pauli string on
several qubits, ``("rot", string, parameter)``, in the order they act.  Qubit 0 is the most significant bit
and the leftmost letter, a rotation is exp(-i theta P / 2).  Angles of layers lie (layer, qubit, rotation).
"""

from dataclasses import asdict, dataclass, replace

import numpy as np

from benchmarks import generators

SEED = 20


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    Attributes:
        name: family and size, such as "W1 8x20".
        family: W1 gradients of a batch; W2 value and gradient of one vector; W3 an epoch of Adam; W4 variance
            of the gradient by Pauli walks; W5 training of perceptrons over seeds; W6 gradient of eq. 1; W7 to
            W9 value and gradient of rotations by Pauli strings.
        n, layers, batch: qubits, layers, parameter vectors (W3: samples of a mini-batch; W5: seeds).
        observable: "zz", "tfim", "z0", "local" (the 3n single-qubit Paulis of eq. 1), "last" (Z of the last
            qubit) or "cut" (half the ZZ of each edge: MaxCut but for its constant); the experiment's name in
            W5.
        dtype: of the states; "float64" or "float32" in W5.
        rotations, entangler, topology: of a layer of ansatz "layers".
        samples: W3, size of the training set; W5, training steps; ansatz "excitations", number of strings.
        ansatz: "layers"; "alternating", from |+>, in each layer ZZ on every edge by one angle and X on every
            qubit by another (the Hamiltonian variational ansatz, QAOA); "excitations", an angle for each
            string of singles and doubles.
        graph: the edges of "alternating" and "cut": "chain" or "cubic", a random 3-regular graph.
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
    ansatz: str = "layers"
    graph: str = "chain"

    @property
    def n_params(self) -> int:
        """Number of angles."""
        sizes = {"alternating": 2 * self.layers, "excitations": self.samples}
        return sizes.get(self.ansatz, self.n * self.layers * len(self.rotations))

    @property
    def start(self) -> str:
        """The state before the gates: "zero" or "plus"."""
        return "plus" if self.ansatz == "alternating" else "zero"

    @property
    def edges(self) -> list[tuple[int, int]]:
        """The edges of the graph."""
        if self.graph == "cubic":
            return generators.regular_graph(self.n, 3, SEED)
        return [(q, q + 1) for q in range(self.n - 1)]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of qubits that the entangler of a layer acts on."""
        ladder = [(q, q + 1) for q in range(self.n - 1)]
        return [*ladder, (self.n - 1, 0)] if self.topology == "ring" and self.n > 2 else ladder

    @property
    def layer(self) -> list[tuple[str, int | str, int]]:
        """The gates of one layer; parameters count from 0."""
        if self.ansatz == "excitations":
            strings = generators.excitations(self.n)[: self.samples]
            return [("rot", string, k) for k, string in enumerate(strings)]
        if self.ansatz == "alternating":
            turns = [("rot", generators.string(self.n, {a: "Z", b: "Z"}), 0) for a, b in self.edges]
            return [*turns, *(("rx", q, 1) for q in range(self.n))]
        k = len(self.rotations)
        turns = [(r, q, q * k + i) for q in range(self.n) for i, r in enumerate(self.rotations)]
        return [*turns, *((self.entangler, a, b) for a, b in self.pairs)]

    @property
    def gates(self) -> list[tuple[str, int | str, int]]:
        """The gates of all layers."""
        per_layer = self.n_params // self.layers
        return [
            (name, a, b + per_layer * layer if name[0] == "r" else b)
            for layer in range(self.layers)
            for name, a, b in self.layer
        ]

    @property
    def strings(self) -> list[tuple[str, int]]:
        """The rotations as (Pauli string, parameter); single-qubit gates are strings as well."""
        return [
            (a if name == "rot" else generators.string(self.n, {a: name[1].upper()}), k)
            for name, a, k in self.gates
            if name[0] == "r"
        ]

    @property
    def of_rotation(self) -> np.ndarray:
        """The parameter of each rotation, (rotations,) int64: what a library without shared angles binds."""
        return np.array([k for name, _, k in self.gates if name[0] == "r"])

    def shared(self, grads: np.ndarray) -> np.ndarray:
        """Return the derivatives of rotations, (..., rotations), summed by angle, (..., n_params)."""
        total = np.zeros((self.n_params, *grads.shape[:-1]))
        np.add.at(total, self.of_rotation, np.moveaxis(grads, -1, 0))
        return np.moveaxis(total, 0, -1)

    @property
    def terms(self) -> dict[str, float]:
        """The observable, {Pauli string: coefficient}; for "local" each string is one observable."""
        n = self.n
        at = lambda letters: generators.string(n, letters)  # noqa: E731
        return {
            "zz": lambda: {at({0: "Z", 1: "Z"}): 1.0},
            "z0": lambda: {at({0: "Z"}): 1.0},
            "last": lambda: {at({n - 1: "Z"}): 1.0},
            "tfim": lambda: (
                {at({q: "Z", q + 1: "Z"}): -1.0 for q in range(n - 1)}
                | {at({q: "X"}): -1.0 for q in range(n)}
            ),
            "local": lambda: {at({q: p}): 1.0 for q in range(n) for p in "XYZ"},
            "cut": lambda: {at({a: "Z", b: "Z"}): 0.5 for a, b in self.edges},
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
        moved = runs * self.layers * size * (96 if double else 48)
        if self.ansatz == "layers":
            return runs * self.layers * size * 26 * (self.n + 1), moved
        return runs * size * 22 * generators.groups([string for string, _ in self.strings]), moved

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
    rows += [Workload(f"W2 n={n}", "W2", n, 10, 1, "tfim") for n in (4, 8, 12, 16, 18, 20, 22, 24, 26)]
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
    rows += [Workload(f"W6 n={n}", "W6", n, n, 20, "local") for n in (4, 6, 8, 10, 12)]
    alternating = {"dtype": "complex128", "ansatz": "alternating"}
    rows += [Workload(f"W7 n={n}", "W7", n, 10, 1, "tfim", **alternating) for n in (6, 12, 16)]
    for n, strings in ((8, 432), (10, 936), (12, 2052)):
        options = {"dtype": "complex128", "ansatz": "excitations", "samples": strings}
        rows.append(Workload(f"W8 n={n}", "W8", n, 1, 1, "tfim", **options))
    return [*rows, Workload("W9 n=16", "W9", 16, 8, 1, "cut", **alternating, graph="cubic")]


ALL = _all()
QUICK = (
    "W1 2x5",
    "W1 4x10",
    "W2 n=4",
    "W2 n=8",
    "W2 n=12",
    "W3 cz",
    "W5 curve float64",
    "W6 n=4",
    "W6 n=6",
    "W7 n=6",
    "W8 n=8",
    "W9 n=16",
)
DESCRIPTIONS = {
    "W1": "gradient of <Z0 Z1>, 200 parameter vectors",
    "W2": "value and gradient of the TFIM energy, L = 10, one vector",
    "W3": "one Adam epoch, four-qubit regression, 256 samples, batch 32",
    "W4": "variance of the whole gradient by Pauli walks",
    "W5": "training over 20 seeds, two methods, 500 steps",
    "W6": "gradient of eq. 1 with X, Y, Z on each qubit, L = n, 20 vectors",
    "W7": "value and gradient of the TFIM energy, Hamiltonian variational ansatz, L = 10, 20 shared angles",
    "W8": "value and gradient of the TFIM energy, strings of singles and doubles, an angle each",
    "W9": "value and gradient of MaxCut on a random 3-regular graph, QAOA, p = 8, 16 shared angles",
}


def small(workload: Workload) -> Workload:
    """Return the instance that the dense reference can do: 3 qubits (4 where it takes 4), 2 layers."""
    if workload.family == "W3":
        return replace(workload, name="check", layers=2, batch=4, samples=8)
    if workload.ansatz == "excitations":
        return replace(workload, name="check", n=4, samples=len(generators.excitations(4)))
    if workload.graph == "cubic":
        return replace(workload, name="check", n=4, layers=2)
    return replace(workload, name="check", n=3, layers=2, batch=min(workload.batch, 2))
