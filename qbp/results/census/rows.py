"""Rows of the census: the gradient variance of one circuit and observable, as quantiles over its parameters.

Up to 14 qubits the circuit itself is sampled by state vectors, its shared angles as they are.  Above that
walks serve the circuit with every rotation free; where fixed rotations forbid them, the row says so.
"""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from qbp.circuits.gates import Rotation
from qbp.plateaus.diagnosis.changes import Case, causes, changes
from qbp.plateaus.diagnosis.measures import Effort, measured, uniform
from qbp.plateaus.diagnosis.variants import freed
from qbp.plateaus.variance import GradientVariance, gradient_variance
from qbp.results.census.collection import OBSERVABLES, Collected, shared

STATE_VECTORS = 14  # qubits up to which they are used
SECONDS = 60  # of a processor, that a circuit and observable may take
WALKS = 2**18
FEWEST, MOST = 100, 4000  # samples; between them ENOUGH seconds, estimated without a clock
ENOUGH, PER_AMPLITUDE = 8.0, 1e-9  # seconds, and seconds a rotation and amplitude
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
NUMBERS = (
    *(f"log2_{of}{end}" for of in ("cost", "mean", "median") for end in ("", "_low", "_high")),
    *(f"log2_{name}" for name in QUANTILES if name != "median"),
    "dead",
    "unresolved",
)
ERRORS = (ValueError, TypeError, MemoryError, TimeoutError)
CAUSE_NUMBERS = ("cause_bits", "cause_low", "cause_high")
BRIEF = Effort(samples=100, walks=2**15, seconds=2.0, work=1e7)  # a diagnosis measures many circuits


def measure(found: Collected, kind: str) -> dict[str, Any]:
    """Return the row of a circuit and an observable.

    Args:
        found: the circuit.
        kind: of observable: "last qubit", "neighbours" or "projector".

    Returns:
        What the collection says of the circuit; `shared`, parameters that turn several rotations;
        `rotations`, those that are turned; `engine`, `samples`; base-2 logarithms of the variance of the
        cost, of the mean over parameters and of quantiles over those that are neither dead nor unresolved,
        `_low` and `_high` being ends of 95 % intervals (NaN where the variance is not resolved, but for an
        upper bound); shares of parameters that are `dead` (their derivative is zero everywhere; walks know
        that of light cones alone) and `unresolved`; `seconds` of a processor; and a `note` where there are
        no numbers.  Of a diagnosis at this size `cause` is the change of one thing that moves the mean
        variance most, empty where the interval of none excludes zero, and `cause_bits` by how much, with an
        interval; `cause_note` says why there is none.

    Raises:
        ValueError: `kind` is none of these.
    """
    row, began = described(found, kind), time.process_time()
    try:
        with limit(SECONDS / 2):
            row |= numbers(estimate(found, kind))
    except ERRORS as error:
        row["note"] = str(error)[:300]
    try:
        with limit(SECONDS / 2):
            row |= cause(found, kind)
    except ERRORS as error:
        row["cause_note"] = str(error)[:300]
    return row | {"seconds": round(time.process_time() - began, 2)}


def described(found: Collected, kind: str) -> dict[str, Any]:
    """Return a row without its numbers."""
    if kind not in OBSERVABLES:
        raise ValueError(f"kind must be one of {', '.join(OBSERVABLES)}, got {kind!r}")
    circuit = found.circuit
    turned = [gate for gate in circuit.program if isinstance(gate, Rotation) and gate.parameter is not None]
    small = found.qubits <= STATE_VECTORS
    row: dict[str, Any] = {"circuit": found.name, "source": found.source, "version": found.version}
    row |= {"family": found.family, "sha256": found.sha256, "qubits": found.qubits}
    row |= {"parameters": circuit.n_params, "shared": shared(circuit), "rotations": len(turned)}
    row |= {"observable": kind, "engine": "state vectors" if small else "walks of the untied circuit"}
    row |= {"samples": 0, **dict.fromkeys(NUMBERS, math.nan), "note": ""}
    return row | {"cause": "", **dict.fromkeys(CAUSE_NUMBERS, math.nan), "cause_note": ""}


def estimate(found: Collected, kind: str) -> GradientVariance:
    """Return the variances of a circuit, by the engine that the row names.

    Raises:
        ValueError: walks do not serve the untied circuit.
    """
    circuit, H = found.circuit, found.observable(kind)
    if found.qubits > STATE_VECTORS:
        return gradient_variance(freed(circuit), H, engine="pauli-walk", walks=WALKS)
    one = PER_AMPLITUDE * len(circuit.program) * 2**found.qubits
    samples = int(min(max(ENOUGH / one, FEWEST), MOST))
    return gradient_variance(circuit, H, samples, engine="statevector", device="cpu")


def numbers(found: GradientVariance) -> dict[str, Any]:
    """Return the numbers of a row."""
    each = found.variance.numpy()
    dead = (found.upper_bound == 0).numpy()
    alive = np.flatnonzero(np.isfinite(each) & ~dead)
    logs = found.log2_variance.numpy()
    row: dict[str, Any] = {"samples": found.samples, "dead": float(dead.mean())}
    row["unresolved"] = float((np.isnan(each) & ~dead).mean())
    cost, mean = (float(found.cost_variance), float(found.cost_stderr)), found.mean
    row |= _interval("log2_cost", *cost, _log2(cost[0]), math.nan)
    plain = (float(mean.variance), float(mean.stderr), float(mean.log2_variance), float(mean.upper_bound))
    row |= _interval("log2_mean", *plain)
    if len(alive):
        order = alive[np.argsort(logs[alive], kind="stable")]
        for name, share in QUANTILES.items():
            row[f"log2_{name}"] = float(logs[order[round(share * (len(order) - 1))]])
        middle = order[round(0.5 * (len(order) - 1))]
        of = (float(each[middle]), float(found.stderr[middle]), float(logs[middle]), math.nan)
        row |= _interval("log2_median", *of)
    return row


def cause(found: Collected, kind: str) -> dict[str, Any]:
    """Return what a diagnosis of one size says: the leading cause, and its effect in bits.

    Raises:
        ValueError: no engine serves the circuit.
    """
    circuit, H = found.circuit, found.observable(kind)
    case = Case(circuit, H, measured(circuit, H, BRIEF, uniform))
    leading = next(iter(causes(changes([case], BRIEF, uniform, lambda _: None), "cannot say")), None)
    if leading is None:
        return {}
    numbers = leading.effect, leading.low, leading.high
    return {"cause": leading.name, **dict(zip(CAUSE_NUMBERS, numbers, strict=True))}


def _interval(name: str, value: float, stderr: float, log2: float, bound: float) -> dict[str, float]:
    """Return a logarithm and those of the ends of its 95 % interval; of a bound alone, the upper end."""
    if not value > 0:
        return {name: math.nan, f"{name}_low": math.nan, f"{name}_high": _log2(bound)}
    reach = 1.96 * stderr / value
    low = log2 + math.log2(1 - reach) if reach < 1 else math.nan
    return {name: log2, f"{name}_low": low, f"{name}_high": log2 + math.log2(1 + reach)}


def _log2(value: float) -> float:
    return math.log2(value) if value > 0 else math.nan


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in a block that computes for longer, where the system has alarms for that.

    Time of this process counts, so a busy machine changes no row.
    """

    def late(*_: Any) -> None:
        raise TimeoutError(f"over {seconds:.0f} s")

    if not hasattr(signal, "SIGPROF"):
        yield
        return
    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
