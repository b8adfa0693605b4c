r"""Families of circuits whose Lie algebras are known, with an observable of each and a start state.

The variance of their loss, once they are deep, follows from the algebra
(:func:`~qbp.plateaus.algebra.deep.deep_variance`); here they can be built with any number of layers, and
sampled, to see it.
"""

from typing import NamedTuple

import torch

from qbp import _checks
from qbp.circuits.ansatz import HardwareEfficient, PauliRotations
from qbp.circuits.circuit import Circuit, check
from qbp.circuits.gates import Start
from qbp.circuits.observables import PauliSum, tfim
from qbp.circuits.templates.hamiltonian import HamiltonianVariational
from qbp.plateaus.sampling import MOST_SAMPLES, chunks, random_angles


class Family(NamedTuple):
    """A family of circuits.

    Attributes:
        algebra: its Lie algebra on n qubits, in words.
        circuit: with this many layers.
        H: the observable.
    """

    algebra: str
    circuit: Circuit
    H: PauliSum


FAMILIES = {  # name: its algebra
    "Ising chain": "so(2n)",
    "Ising chain from |+...+>": "so(2n)",
    "Ising ring": "2 so(2n)",
    "XY chain": "2 so(n)",
    "XY chain in a field": "so(2n)",
    "single qubits": "n su(2)",
    "shared angles, open chain": "u(n)",
    "shared angles, ring": "(n - 1) su(2) + 2 u(1)",
    "real rotations": "so(2^n)",
    "symplectic rotations": "sp(2^(n - 1))",
    "hardware-efficient": "su(2^n)",
    "Heisenberg chain": "of exponential size",
    "cut of a complete graph": "of exponential size",
}
LARGEST = 10_000  # qubits
PLUS_I: tuple[complex, complex] = (0.5**0.5, 0.5**0.5 * 1j)


def family(name: str, n: int, n_layers: int) -> Family:
    """Return one of the families.

    Args:
        name: a key of `FAMILIES`.
        n: number of qubits, 3 to 10,000.
        n_layers: repetitions of the generators, or layers.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> family("Ising chain", 4, 2).algebra
        'so(2n)'
    """
    _checks.choice("name", name, FAMILIES)
    n, n_layers = _checks.integer("n", n, 3, LARGEST), _checks.integer("n_layers", n_layers)
    letters = 100 * (n**2 if name.startswith("cut") else n) * n_layers  # bytes of each: its letters
    _checks.memory("n_layers", letters * (n + 100), f"{n_layers} layers on {n} qubits")
    words = FAMILIES[name]
    if name == "hardware-efficient":
        return Family(words, HardwareEfficient(n, n_layers), _term(n, ZZ=0))
    if name.startswith("shared"):
        H = tfim(n, periodic=name.endswith("ring"))
        return Family(words, HamiltonianVariational(H, n_layers), H)
    strings, H, start = _strings(name, n)
    return Family(words, PauliRotations(n, tuple(strings * n_layers), start=start), H)


def enough_layers(name: str, n: int) -> int:
    """Return after how many layers a family is deep, to a few per cent at up to 12 qubits.

    In a chain of free fermions a pair diffuses, which takes some n^2 layers; others mix in some n.

    Args:
        name, n: as for :func:`family`.
    """
    _checks.choice("name", name, FAMILIES)
    diffuses = name.startswith(("Ising", "XY", "shared"))
    return 5 * _checks.integer("n", n, 3, LARGEST) ** 2 // 2 if diffuses else 8 * n


def sampled_variance(
    circuit: Circuit,
    H: PauliSum,
    samples: int = 1000,
    seed: int = 0,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float64,
) -> tuple[float, float]:
    """Return the variance of ``<H>`` over uniform angles by state vectors, and one standard error.

    Args:
        circuit: any circuit.
        H: the observable.
        samples: parameter vectors, 2 to 2^24.
        seed: of the draws.
        device: where the states are: "cpu", "cuda" or "auto".
        dtype: of the angles.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> from qbp import PauliRotations, PauliSum
        >>> variance, error = sampled_variance(PauliRotations(1, ["X"]), PauliSum({"Z": 1.0}))  # of a cosine
        >>> abs(variance - 0.5) < 3 * error
        True
    """
    check(circuit, H, trained=True)
    samples, where = _checks.integer("samples", samples, 2, MOST_SAMPLES), _checks.device("device", device)
    precision = _checks.precision("dtype", dtype)
    parts = [random_angles(seed, rows, circuit.n_params) for rows in chunks(samples, circuit)]
    found = torch.cat(
        [circuit.expectation(theta.to(where, precision), H).double().cpu() for theta in parts]
    ).numpy()
    squares = (found - found.mean()) ** 2
    error = squares.std() / samples**0.5
    return float(squares.sum() / (samples - 1)), float(error)


def string(n: int, **letters: int) -> str:
    """Return a Pauli string from letters and the first qubit they stand on.

    Example:
        >>> string(4, ZZ=1, X=3)
        'IZZX'
    """
    spelled = ["I"] * n
    for word, first in letters.items():
        for q, letter in enumerate(word, first):
            spelled[q % n] = letter
    return "".join(spelled)


def _term(n: int, **letters: int) -> PauliSum:
    return PauliSum({string(n, **letters): 1.0})


def _strings(name: str, n: int) -> tuple[list[str], PauliSum, Start]:
    """Return the generators of a layer, the observable and the start state."""
    bonds, every = range(n - 1), range(n)
    ising = [*(string(n, X=q) for q in every), *(string(n, ZZ=q) for q in bonds)]
    xy = [string(n, **{word: q}) for word in ("XX", "YY") for q in bonds]
    first = _term(n, ZZ=0)
    if name == "Ising chain":
        return ising, first, "zero"
    if name == "Ising chain from |+...+>":
        return ising, _term(n, X=0), "plus"
    if name == "Ising ring":
        return [*ising, string(n, ZZ=n - 1)], first, "zero"
    if name == "XY chain":
        return xy, _term(n, XX=0), "plus"
    if name == "XY chain in a field":
        return [*xy, *(string(n, Z=q) for q in every)], _term(n, Z=0), "zero"
    if name == "single qubits":
        return [string(n, **{letter: q}) for q in every for letter in "XY"], _term(n, Z=0), "zero"
    if name == "real rotations":
        odd = [string(n, **{word: q}) for word in ("YX", "XY", "YZ", "ZY") for q in bonds]
        return [*(string(n, Y=q) for q in every), *odd], _term(n, Y=0), tuple([PLUS_I] * n)
    if name == "symplectic rotations":
        others = [string(n, **{word: q}) for word in ("YX", "XY", "YZ", "ZY") for q in range(1, n - 1)]
        joined = [string(n, X=0, Z=1), string(n, X=0), string(n, Z=0), string(n, Y=1)]
        return [*joined, *others], _term(n, Z=0), "zero"
    if name == "Heisenberg chain":
        return [*xy, *(string(n, ZZ=q) for q in bonds)], first, "zero"
    pairs = [string(n, Z=i)[:j] + "Z" + "I" * (n - 1 - j) for j in every for i in range(j)]
    return [*ising[:n], *pairs], first, "zero"
