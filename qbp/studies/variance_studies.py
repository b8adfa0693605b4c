"""Gradient variance against the number of qubits: what `qbp variance` prints, a row for each circuit.

A study fixes the circuit's shape and the observable; its rows come one by one, so that a reader sees the
decay while it is computed.
"""

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from qbp import _checks
from qbp._checks import option
from qbp.circuits.ansatz import HardwareEfficient
from qbp.circuits.observables import Observable, PauliSum, Projector, tfim
from qbp.experiments.result import resolve_device
from qbp.plateaus.starts.widths import ensemble_of
from qbp.plateaus.variance import ENGINES, WALKS, GradientVariance, choose, gradient_variance
from qbp.statistics.curves import decay_fit_log2


def _zz(n: int) -> PauliSum:
    return PauliSum({"ZZ" + "I" * (n - 2): 1.0})


def _local(n: int) -> PauliSum:
    zeros = {"I" * q + "Z" + "I" * (n - 1 - q): -0.5 / n for q in range(n)}
    return PauliSum({"I" * n: 0.5} | zeros)  # |0><0| = (1 + Z) / 2


OBSERVABLES: dict[str, Callable[[int], Observable]] = {
    "zz": _zz,  # Z_0 Z_1
    "last": lambda n: PauliSum(
        {"I" * (n - 1) + "Z": 1.0}
    ),  # under a CNOT ladder its light cone is every qubit
    "local": _local,  # 1 - (1/n) sum_j |0><0|_j, the local cost of Cerezo et al. 2021
    "global": Projector,  # |0...0><0...0|, their global cost but for the sign and a constant
    "tfim": tfim,
}


@dataclass(frozen=True)
class Study:
    """Everything that determines the rows.

    Raises:
        TypeError, ValueError: a field is none of what its help text says.

    Example:
        >>> Study("2-4,8", layers="n").sizes
        ((2, 2), (3, 3), (4, 4), (8, 8))
    """

    qubits: str = option("2-12", "numbers of qubits: 2-12, or 4,8,12, or 1000")
    layers: str = option("10", "layers of every circuit, or n, 2n ... for multiples of the qubits")
    observable: str = option(
        "zz", "zz: Z_0 Z_1; last: Z_(n-1); local, global: costs of Cerezo et al. 2021; tfim"
    )
    samples: int = option(200, "parameter vectors of the state-vector engine")
    walks: int = option(WALKS, "walks of the pauli-walk engine")
    engine: str = option("auto", "auto, statevector or pauli-walk")
    parameter: str = option("mean", "mean over parameters, max, all, or the index of one")
    rotations: str = option("ry,rz", "rotations of a layer, of rx, ry, rz, or random")
    entangler: str = option("cz", "cz or cnot")
    topology: str = option("ladder", "ladder, ring or brick")
    angles: str = option(
        "full", "full, or uniform:WIDTH or gaussian:WIDTH about zero: radians, depth or count"
    )
    noise: str = option("none", "behind every gate: depolarizing:0.01, dephasing:..., damping:..., by commas")
    seed: int = option(0, "seed of all draws, and of random rotations")
    dtype: str = option("float64", "float64 or float32")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 ...; auto means CUDA where there is one")

    def __post_init__(self) -> None:
        _checks.choice("observable", self.observable, OBSERVABLES)
        _checks.choice("engine", self.engine, ENGINES)
        _checks.choice("dtype", self.dtype, ("float64", "float32"))
        _checks.integer("samples", self.samples, 2)
        _checks.integer("walks", self.walks, 64)
        _checks.integer("seed", self.seed, 0, 2**64 - 1)
        if self.observable == "zz" and min(self.sizes)[0] < 2:
            raise ValueError(f"qubits must be at least 2 for the observable zz, got {self.qubits!r}")
        ensemble_of(self.angles, self.noise, 1, 1)
        small = self.circuit(1, 1)  # checks what the circuits have in common
        fewest = min(n * layers for n, layers in self.sizes) * small.n_params
        parameter = str(self.parameter)
        if parameter not in ("mean", "max", "all") and not (
            parameter.isdecimal() and int(parameter) < fewest
        ):
            takes = f"mean, max, all, or an index from 0 to {fewest - 1}"
            raise ValueError(f"parameter must be {takes}, got {self.parameter!r}")
        resolve_device(self.device)

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Qubits and layers of each circuit, in the order given."""
        numbers = _numbers("qubits", self.qubits)
        if multiple := re.fullmatch(r"([1-9]\d?)?n", str(self.layers)):
            return tuple((n, n * int(multiple[1] or 1)) for n in numbers)
        layers = _numbers("layers", self.layers, "a number, or n, 2n ...")
        if len(layers) > 1:
            raise ValueError(f"layers must be one number, or n, 2n ..., got {self.layers!r}")
        return tuple((n, layers[0]) for n in numbers)

    @property
    def expected(self) -> int:
        """Samples and walks of all sizes together where no walk is refused, the total of a progress bar."""
        size = {"statevector": self.samples, "pauli-walk": self.walks}
        tried = [choose(n, OBSERVABLES[self.observable](n))[0] for n, _ in self.sizes]
        return sum(size[name if self.engine == "auto" else self.engine] for name in tried)

    def circuit(self, n_qubits: int, n_layers: int) -> HardwareEfficient:
        """Return the circuit of a size."""
        random = self.rotations == "random"
        return HardwareEfficient(
            n_qubits,
            n_layers,
            rotations="random" if random else tuple(self.rotations.split(",")),
            entangler=self.entangler,
            topology=self.topology,
            seed=self.seed if random else None,
        )


@dataclass(frozen=True)
class Row:
    """One line of the table: a variance at one size, in the squared unit of the cost.

    Attributes:
        n_qubits, n_layers, observable: the circuit's size, and what it measures.
        engine: the one used.
        samples: parameter vectors drawn, or walks made; fewer than asked for in the row an interrupt cut off.
        parameter: "mean" over parameters, "max", or an index.
        variance, log2_variance, stderr, upper_bound: as in :class:`qbp.plateaus.variance.GradientVariance`;
            where the bound is all that is known, the other three are NaN.
        seconds: wall time of this size.
    """

    n_qubits: int
    n_layers: int
    observable: str
    engine: str
    samples: int
    parameter: str | int
    variance: float
    log2_variance: float
    stderr: float
    upper_bound: float
    seconds: float


def rows(study: Study, progress: Callable[[int], Any] | None = None) -> Iterator[Row]:
    """Yield the rows of a study as they are computed, sizes in the order given.

    Args:
        study: what to compute.
        progress: called with the number of samples just done.

    Raises:
        KeyboardInterrupt: after the rows of a size that was cut off, if anything of it was done.
        ValueError: no engine serves a circuit.
    """
    for n, layers in study.sizes:
        begin = time.perf_counter()
        circuit = study.circuit(n, layers)
        estimate = gradient_variance(
            circuit,
            OBSERVABLES[study.observable](n),
            study.samples,
            study.seed,
            study.engine,
            ensemble=ensemble_of(study.angles, study.noise, layers, circuit.n_params),
            walks=study.walks,
            dtype=getattr(torch, study.dtype),
            device=study.device,
            progress=progress,
        )
        chosen = list(_chosen(study, estimate))
        seconds = time.perf_counter() - begin
        made = estimate.engine, estimate.samples
        for parameter, (variance, bits, stderr, bound) in chosen:
            numbers = variance, bits, stderr, bound, seconds
            yield Row(n, layers, study.observable, *made, parameter, *numbers)
        if estimate.interrupted:
            raise KeyboardInterrupt


def _chosen(study: Study, found: GradientVariance) -> Iterator[tuple[str | int, Any]]:
    """Yield (parameter, [variance, log2, stderr, upper bound]) as `parameter` asks."""
    each = (found.variance, found.log2_variance, found.stderr, found.upper_bound)
    table = torch.stack([column.cpu() for column in each], dim=-1)  # (n_params, 4)
    if study.parameter == "mean":
        variance, stderr, upper_bound, log2 = (float(number) for number in found.mean)
        yield "mean", [variance, log2, stderr, upper_bound]
    elif study.parameter == "max":
        known = table[:, 1].nan_to_num(nan=-math.inf)  # one with a bound alone is not the largest known
        yield "max", table[known.argmax()].tolist()
    elif study.parameter == "all":
        yield from enumerate(table.tolist())
    else:
        yield int(study.parameter), table[int(study.parameter)].tolist()


@dataclass(frozen=True)
class Fit:
    """The decay 2**(slope n + constant) of a study's rows; None throughout where fewer than three sizes have
    a variance above zero."""

    slope_bits_per_qubit: float | None = None
    low: float | None = None
    high: float | None = None
    n_min: int | None = None
    n_max: int | None = None


def decay(table: Iterable[Row]) -> Fit:
    """Fit the variance against the number of qubits, see :func:`qbp.statistics.curves.decay_fit`.

    Returns:
        The slope in bits per qubit, with its 95 % interval; -1 says that a qubit more halves the variance.
    """
    logs = points(table)
    if len(logs) < 3:
        return Fit()
    fit = decay_fit_log2(np.array([*logs]), np.array([*logs.values()]))
    return Fit(fit.slope, fit.low, fit.high, min(logs), max(logs))


def points(table: Iterable[Row]) -> dict[int, float]:
    """Return {number of qubits: log2 of the variance}, the points of :func:`decay`.

    Where a size has many rows, as with parameter "all", it is that of their mean; a zero is left out, and so
    is a size with a row of which only a bound is known.
    """
    by_size: dict[int, list[float]] = {}
    for row in table:
        by_size.setdefault(row.n_qubits, []).append(row.log2_variance)
    logs = {n: log2_mean(values) for n, values in by_size.items() if not any(map(math.isnan, values))}
    return {n: bits for n, bits in logs.items() if math.isfinite(bits)}


def log2_mean(logs: Sequence[float]) -> float:
    """Return the base-2 logarithm of a mean of numbers given by theirs, however small they are.

    Example:
        >>> log2_mean([-2000.0, -2000.0])
        -2000.0
    """
    top = max(logs)
    return top + math.log2(sum(2 ** (x - top) for x in logs) / len(logs)) if math.isfinite(top) else top


def decay_line(table: Sequence[Row]) -> tuple[list[int], list[float]] | None:
    """Return the fitted line's qubits and log2 of the variance, to be drawn; None if there is no fit."""
    logs, fit = points(table), decay(table)
    if fit.slope_bits_per_qubit is None:
        return None
    at, centre, height = sorted(logs), sum(logs) / len(logs), sum(logs.values()) / len(logs)
    return at, [
        height + fit.slope_bits_per_qubit * (n - centre) for n in at
    ]  # least squares: through the mean


def error_bars(table: Iterable[Row]) -> tuple[list[float], ...]:
    """Return n, log2 of the variance, and how far one standard error reaches down and up, in bits.

    A zero and what is not known are left out; a bar that would reach below zero is cut at a hundredth of the
    variance.
    """
    kept = [row for row in table if math.isfinite(row.log2_variance)]
    relative = [row.stderr / row.variance if row.variance else 0.0 for row in kept]
    down = [-math.log2(1 - min(r, 0.99)) for r in relative]
    up = [math.log2(1 + r) for r in relative]
    return [row.n_qubits for row in kept], [row.log2_variance for row in kept], down, up


def upper_bounds(table: Iterable[Row]) -> tuple[list[int], list[float]]:
    """Return n and log2 of the upper bound of the rows of which it is all that is known."""
    kept = [row for row in table if math.isnan(row.variance)]
    return [row.n_qubits for row in kept], [math.log2(row.upper_bound) for row in kept]


def _numbers(name: str, text: str | int, takes: str = "numbers like 2-12, or 4,8,12, or 1000") -> list[int]:
    """Read "2-12", "4,8,12" or "1000"; every number at least 1, none twice."""
    numbers: list[int] = []
    for part in str(text).split(","):
        match = re.fullmatch(r"\s*(\d{1,6})(?:-(\d{1,6}))?\s*", part)
        if not match:
            raise ValueError(f"{name} must be {takes}, got {text!r}")
        first = int(match[1])
        numbers += range(first, int(match[2] or first) + 1)
    if not numbers or min(numbers) < 1 or len(set(numbers)) < len(numbers):
        raise ValueError(f"{name} must be {takes}, each at least 1 and none twice, got {text!r}")
    return numbers
