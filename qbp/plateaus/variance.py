r"""Gradient variance over random angles: how flat the landscape of a circuit is.

A barren plateau is a variance of dC/dtheta_k that falls exponentially with the number of qubits (McClean et
al. 2018, the paper's [5]; Cerezo et al. 2021, [2]).  Two engines estimate it:

- "statevector" differentiates the cost at random angles.  Its cost grows as 2**n.
- "pauli-walk" follows random Pauli strings back through the circuit, see :mod:`qbp.plateaus.pauli.walk`.  It
  reaches a thousand qubits, and serves circuits whose entanglers are Clifford and whose angles are all free.

Angles are uniform on the circle unless an ensemble says otherwise (:mod:`qbp.plateaus.starts.weighted`).
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import callback
from qbp.circuits.circuit import Circuit, check
from qbp.circuits.observables import Observable, Projector
from qbp.plateaus.pauli.bounds import RESOLVED
from qbp.plateaus.pauli.walk import MOST, walk_moments
from qbp.plateaus.sampling import AMPLITUDE, MOST_SAMPLES, Estimate, Sums, chunks, sample
from qbp.plateaus.starts.density import LARGEST as LARGEST_NOISY
from qbp.plateaus.starts.density import rows_at_once
from qbp.plateaus.starts.ensemble import AngleEnsemble
from qbp.plateaus.starts.moments import start_moments

ENGINES = ("auto", "statevector", "pauli-walk")
WALKS = 2**17
SMALL, LARGEST = 12, 20  # qubits up to which "auto" takes a state vector: for a sum, and where no walk goes
POSSIBLE = 26  # qubits up to which one is tried when asked for: 4 GiB
SECONDS = 3e-9  # a sample, angle and amplitude, on one core
POOR = 0.5  # relative standard error of walks from which on there is no estimate


@dataclass(frozen=True)
class GradientVariance:
    r"""Variance of the gradient and of the cost over independent parameters.

    Where walks resolve too little, an upper bound is all that is known, and the variance, its error and its
    logarithm are NaN: where the relative standard error is 1/2 or more, or 1/20 or more while that of Var[C]
    is so too, for then few walks carry the variance and heavy tails deceive.  The raw estimates are those of
    :func:`qbp.plateaus.pauli.walk.walk_moments`; :func:`qbp.plateaus.starts.moments.start_moments` has those
    of an ensemble.  A variance of 0 with a bound of 0 is zero: no walk can ever contribute, or the samples
    are no larger than rounding.

    Attributes:
        variance: of dC/dtheta_k for each k, (n_params,), in the squared unit of C.
        stderr: its standard errors, (n_params,).  They are estimates too: where few samples carry the
            variance, as for a global cost on a shallow circuit, they come out too small.
        upper_bound: one-sided 95 % upper bounds, (n_params,), everywhere: of samples by Student's t, of walks
            as :class:`qbp.plateaus.pauli.walk.WalkMoments` says, and of an ensemble by Student's t and three
            walks like the largest, where hardly any came back.
        log2_variance: base-2 logarithm, (n_params,), also where the variance is too small for a float.
        mean: the same four of the mean over k, (): the errors of different k are correlated, so its own
            cannot be had from `stderr`; where angles are scaled, the error may be what it is at most.
        cost_variance, cost_stderr: of C itself, ().
        engine: the engine used, "statevector" or "pauli-walk".
        reason: why it was used.
        samples: angles drawn, or walks made; of an ensemble 0 where all walks were followed exactly.
        interrupted: whether Ctrl-C came before the last of them.
    """

    variance: Tensor
    stderr: Tensor
    upper_bound: Tensor
    log2_variance: Tensor
    mean: Estimate
    cost_variance: Tensor
    cost_stderr: Tensor
    engine: str
    reason: str
    samples: int
    interrupted: bool


def gradient_variance(
    circuit: Circuit,
    H: Observable,
    samples: int = 200,
    seed: int = 0,
    engine: str = "auto",
    *,
    ensemble: AngleEnsemble | None = None,
    walks: int = WALKS,
    dtype: torch.dtype = torch.float64,
    device: str | torch.device = "auto",
    chunk: int | None = None,
    progress: Callable[[int], Any] | None = None,
) -> GradientVariance:
    r"""Estimate Var[dC/dtheta_k] of C(theta) = <psi(theta)|H|psi(theta)> for every k, and Var[C].

    Ctrl-C returns what two samples or more have given; its `samples` says how many.

    Args:
        circuit, H: prepares psi(theta); an observable on as many qubits.
        samples: parameter vectors of the state-vector engine, 2 to 2^24; a seed has the same in any chunks.
        seed: of the draws, 0 <= seed < 2**64.
        engine: "statevector", "pauli-walk", or "auto": walks above 12 qubits and for a projector, else
            the state vector; it stands in up to 20 qubits where a condition of the walk does not hold.
        ensemble: of the angles, and noise behind every gate; None for uniform angles without noise.  With
            noise the first engine takes density matrices, up to 8 qubits.
        walks: walks of the other engine, 64 to 2^30.
        dtype: of the angles, float64 or float32; sums are kept in float64.
        device: "auto" means CUDA where there is one.  Walks stay on the CPU.
        chunk: parameter vectors at once; None keeps them within 64 MiB.
        progress: called with the number of samples just done.

    Returns:
        The variances, their errors, and which engine gave them.

    Raises:
        TypeError, ValueError: an argument is none of these, or the engine cannot serve the circuit: a state
            vector up to 26 qubits if asked for.

    Warns:
        UserWarning: it is going to take an hour or more.

    Example:
        >>> from qbp import HardwareEfficient, PauliSum
        >>> one = HardwareEfficient(1, 1, rotations=["rx"])  # C = cos theta, so Var[dC/dtheta] = 1/2
        >>> found = gradient_variance(one, PauliSum({"Z": 1.0}), samples=1000)
        >>> found.engine, bool(abs(found.variance[0] - 0.5) < 4 * found.stderr[0])
        ('statevector', True)
    """
    callback("progress", progress)
    samples, seed, walks, chunk = _checked(circuit, H, samples, seed, walks, chunk, dtype)
    ensemble = _ensemble(ensemble, circuit.n_params)
    where, refusal = _checks.device("device", device), None
    asked = _checks.choice("engine", engine, ENGINES) != "auto"
    engine, reason = (engine, "asked for") if asked else choose(circuit.n_qubits, H)
    if engine != "statevector":
        try:
            return _walk(circuit, H, ensemble, walks, seed, reason, progress)
        except (ValueError, TypeError) as error:  # the arguments are checked: a condition of the walk
            if asked:
                raise
            refusal = f"no walk, {error}"
    noisy = ensemble is not None and bool(ensemble.noise)
    _check_size(circuit, samples, refusal, noisy=noisy)
    if noisy and chunk is None:
        chunk = rows_at_once(circuit)
    drawn = sample(circuit, H, chunks(samples, circuit, chunk), seed, dtype, where, progress, ensemble)
    return _of_samples(*drawn, H, dtype, refusal or reason)


def _checked(
    circuit: Circuit,
    H: Observable,
    samples: int,
    seed: int,
    walks: int,
    chunk: int | None,
    dtype: torch.dtype,
) -> tuple[int, int, int, int | None]:
    """Return `samples`, `seed`, `walks` and `chunk`, with all of these arguments checked."""
    check(circuit, trained=True)
    if getattr(H, "n_qubits", None) != circuit.n_qubits or not isinstance(H, Observable):
        raise ValueError(f"H must be an observable on {circuit.n_qubits} qubits, got {H!r}")
    samples, seed = (
        _checks.integer("samples", samples, 2, MOST_SAMPLES),
        _checks.integer("seed", seed, 0, 2**64 - 1),
    )
    walks = _checks.integer("walks", walks, 64, MOST)
    chunk = chunk if chunk is None else _checks.integer("chunk", chunk)
    _checks.precision("dtype", dtype)
    return samples, seed, walks, chunk


def _ensemble(ensemble: AngleEnsemble | None, n_params: int) -> AngleEnsemble | None:
    """Return an ensemble that fits the parameters; None where it is what there is without one."""
    if ensemble is None:
        return None
    if not isinstance(ensemble, AngleEnsemble):
        raise TypeError(f"ensemble must be an AngleEnsemble, got {_checks.kind_of(ensemble)}")
    for name in ("width", "center"):
        ensemble.per_parameter(name, n_params)
    return ensemble if ensemble.kind != "full" or ensemble.noise else None


def _check_size(circuit: Circuit, samples: int, refusal: str | None, *, noisy: bool) -> None:
    """Raise where there are too many qubits, fewer where this engine only stands in; warn of hours."""
    n = circuit.n_qubits
    if noisy and n > LARGEST_NOISY:
        takes = f"at most {LARGEST_NOISY} qubits with noise: no density matrix, {refusal or 'but a walk'}"
        raise ValueError(f"circuit must have {takes}, got {n}")
    if n > (limit := LARGEST if refusal else POSSIBLE):
        raise ValueError(
            f"engine must be one that serves {n} qubits: no state vector, {refusal or 'but a walk'} "
            f"(it would take {AMPLITUDE} x 2^{n} bytes; at most {limit} qubits)"
        )
    hours = SECONDS * samples * circuit.n_params * 2**n / 3600
    if hours > 1:
        warnings.warn(f"samples={samples:,} are going to take about {hours:,.0f} hours here", stacklevel=3)


def _of_samples(
    sums: Sums, interrupted: bool, H: Observable, dtype: torch.dtype, reason: str
) -> GradientVariance:
    """Say what :mod:`qbp.plateaus.sampling` has found in this module's words."""
    rounding = sums.rounding(H, dtype)
    cost = sums.of_cost(rounding)
    return GradientVariance(
        **sums.each(rounding)._asdict(),
        mean=sums.mean(rounding),
        cost_variance=cost.variance,
        cost_stderr=cost.stderr,
        engine="statevector",
        reason=reason,
        samples=len(sums.cost),
        interrupted=interrupted,
    )


def choose(n_qubits: int, H: Observable) -> tuple[str, str]:
    """Return the engine that "auto" tries first, and why, in words.

    Example:
        >>> choose(4, Projector(4))
        ('pauli-walk', 'a projector, whose gradients have heavy tails')
    """
    if isinstance(H, Projector):
        return "pauli-walk", "a projector, whose gradients have heavy tails"
    if n_qubits > SMALL:
        return "pauli-walk", f"above {SMALL} qubits"
    return "statevector", f"at most {SMALL} qubits"


def _walk(
    circuit: Circuit,
    H: Observable,
    ensemble: AngleEnsemble | None,
    walks: int,
    seed: int,
    reason: str,
    progress: Callable[[int], Any] | None,
) -> GradientVariance:
    """Ask :mod:`qbp.plateaus.pauli.walk`, and say its answer in this module's words."""
    before = 0

    def advance(finished: int) -> None:
        nonlocal before
        before, done = finished, finished - before
        if progress is not None:
            progress(done)

    k = circuit.n_params
    if ensemble is not None:
        start = start_moments(circuit, H, ensemble, walks=walks, seed=seed, progress=advance)
        total, made, of_total = start.total, start.walks, start.total.relative_stderr
        each, relative, cost, error = start.each[:4], start.each[4], start.cost[:4], start.cost[4]
        mean = (*(x / k for x in total[:3]), total.log2_variance - math.log2(k))
        interrupted = False
    else:
        found = walk_moments(circuit, H, walks=walks, seed=seed, progress=advance)
        bound = min(found.total_upper_bound, found.upper_bound.sum())
        mean = (found.total / k, found.total_stderr / k, bound / k, found.log2_total - math.log2(k))
        each = (found.variance, found.stderr, found.upper_bound, found.log2_variance)
        cost = (found.cost_variance, found.cost_stderr, found.cost_upper_bound, found.log2_cost_variance)
        relative, of_total, error = (
            found.relative_stderr,
            found.total_relative_stderr,
            found.cost_relative_stderr,
        )
        made, interrupted = found.walks, found.walks < walks
    cost_known = _known(cost, error, error)
    return GradientVariance(
        **_known(each, relative, error)._asdict(),
        mean=_known(mean, of_total, error),
        cost_variance=cost_known.variance,
        cost_stderr=cost_known.stderr,
        engine="pauli-walk",
        reason=reason,
        samples=made,
        interrupted=interrupted,
    )


def _known(columns: tuple[Any, ...], relative_stderr: Any, cost_relative_stderr: float) -> Estimate:
    """Keep the bound alone where walks give no more.

    Args:
        columns: estimates, standard errors, upper bounds and base-2 logarithms.
        relative_stderr: of the estimates, as :class:`qbp.plateaus.pauli.walk.WalkMoments` has it.
        cost_relative_stderr: of Var[C].  Where few walks carry that, the tails are heavy, and an entry's
            own error deceives as well.
    """
    columns = tuple(torch.as_tensor(column, dtype=torch.float64) for column in columns)
    relative, (_, _, bound, log2) = torch.as_tensor(relative_stderr), columns
    close = (relative < RESOLVED) | ((relative < POOR) & (cost_relative_stderr < RESOLVED))
    known = (bound == 0) | (close & (log2 > -torch.inf))  # where none survived the relative error is 0
    variance, stderr, _, log2 = (torch.where(known, column, torch.nan) for column in columns)
    return Estimate(variance, stderr, bound, log2)
