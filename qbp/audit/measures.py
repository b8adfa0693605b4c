"""Measures of a claim: functions from results to what each seed says.

A measure takes the results of a claim's table, {method: Result}, and the claim.  For the rules "lower" and
"preserved" it returns two arrays (n,), one value per seed of the method and of its baseline, where the claim
is that the first are lower; for "most" and "every" one boolean per run; for "convex" the height over a chord.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from inspect import isfunction, signature
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from qbp.audit.verdicts import BARRIER, ESCAPED, FLAT, LATE, OSCILLATES, WINDOW
from qbp.circuits.ansatz import PauliRotations
from qbp.circuits.observables import local_observables
from qbp.convex import local_loss, midpoint_gap, ridge_hessian
from qbp.experiments.perceptrons import Experiment, load_data
from qbp.experiments.result import Result
from qbp.perceptrons.mlp import MLP, mean_squared_error
from qbp.statistics.curves import common_target, rises, rising_share, smoothness
from qbp.statistics.gains import evaluations_to
from qbp.statistics.hypothesis_tests import compare_pairs, share
from qbp.statistics.intervals import Interval, steps_to_target
from qbp.studies.start_ensembles import WHENS, ensemble, small
from qbp.studies.start_gradients import RELATIVE, bits_per_qubit, escape, squared

if TYPE_CHECKING:
    from qbp.audit.sentences import Claim

Results = Mapping[str, Result]
Pair = tuple[np.ndarray, ...]  # two, of the method and of the baseline


def final(results: Results, claim: "Claim") -> Pair:
    """The metric after the last step."""
    return results[claim.method].final(claim.metric), results[claim.baseline].final(claim.metric)


def error_rate(results: Results, claim: "Claim") -> Pair:
    """The share of validation samples that are classified wrongly, after the last step."""
    ours, others = final(results, claim)
    return 1 - ours, 1 - others


def early(results: Results, claim: "Claim") -> Pair:
    """The mean of the recorded metric over the first WINDOW steps, the length of Stage 1."""
    return tuple(r.history[claim.metric][:, r.step <= WINDOW].mean(1) for r in _both(results, claim))


def early_rises(results: Results, claim: "Claim") -> Pair:
    """How much the metric climbs during the first WINDOW steps (:func:`qbp.statistics.curves.rises`)."""
    return tuple(rises(r.history[claim.metric], r.step, 0, WINDOW) for r in _both(results, claim))


def climbs(results: Results, claim: "Claim") -> Pair:
    """How much the metric climbs on its whole way (:func:`qbp.statistics.curves.rises`)."""
    return tuple(rises(r.history[claim.metric], r.step) for r in _both(results, claim))


def steps_needed(results: Results, claim: "Claim") -> Pair:
    """Steps to the lowest value of the metric that every run of both methods reaches: "faster"."""
    ours, others = _both(results, claim)
    target = common_target(ours.history[claim.metric], others.history[claim.metric])
    return tuple(steps_to_target(r.history[claim.metric], r.step, target) for r in (ours, others))


def evaluations_needed(results: Results, claim: "Claim") -> Pair:
    """Circuit evaluations to the lowest error that every run of both methods reaches."""
    ours, others = _both(results, claim)
    target = common_target(ours.history["error"], others.history["error"])
    return evaluations_to(ours, target), evaluations_to(others, target)


def late_climbs(results: Results, claim: "Claim") -> Pair:
    """How much the metric climbs during the last WINDOW steps (:func:`qbp.statistics.curves.rises`)."""
    pair = _both(results, claim)
    return tuple(rises(r.history[claim.metric], r.step, r.step[-1] - WINDOW) for r in pair)


def roughness(results: Results, claim: "Claim") -> Pair:
    """Mean absolute second difference of log10 of the metric beyond step LATE: "smoother"."""
    found = (smoothness(r.history[claim.metric], r.step, LATE) for r in _both(results, claim))
    return tuple(f.second_difference for f in found)


def variation(results: Results, claim: "Claim") -> Pair:
    """Total variation of log10 of the metric beyond step LATE, the other reading of "smoother"."""
    found = (smoothness(r.history[claim.metric], r.step, LATE) for r in _both(results, claim))
    return tuple(f.total_variation for f in found)


def deviation(results: Results, claim: "Claim") -> Pair:
    """Squared distance of each seed's last value from the mean over seeds: their mean is the variance."""
    return tuple((values - values.mean()) ** 2 for values in final(results, claim))


def log_deviation(results: Results, claim: "Claim") -> Pair:
    """As :func:`deviation`, of log10: whatever the level of the loss, how far it depends on the start."""
    logs = (np.log10(values) for values in final(results, claim))
    return tuple((values - values.mean()) ** 2 for values in logs)


def small_batches(results: Results, claim: "Claim") -> Pair:
    """The factor by which batches of 4 end higher than batches of 64, from rows "METHOD, batches of N"."""

    def factor(method: str) -> np.ndarray:
        few, many = (results[f"{method}, batches of {n}"].final(claim.metric) for n in (4, 64))
        return few / many

    return factor(claim.method), factor(claim.baseline)


def after_stage_1(results: Results, claim: "Claim") -> Pair:
    """The metric where Stage 1 ends, of the method and, at the same step, of the baseline (surveys)."""
    return tuple(r.history[claim.metric][:, 1] for r in _both(results, claim))


def since_start(results: Results, claim: "Claim") -> Pair:
    """The metric of the method where Stage 1 ends and at its own start (surveys)."""
    values = results[claim.method].history[claim.metric]
    return values[:, 1], values[:, 0]


def oscillates(results: Results, claim: "Claim") -> np.ndarray:
    """Whether a run of the baseline oscillates: upward moves are OSCILLATES of all moves or more, beyond
    step LATE."""
    r = results[claim.baseline]
    return rising_share(r.history[claim.metric], r.step, LATE) >= OSCILLATES


def plateaus_higher(results: Results, claim: "Claim") -> np.ndarray:
    """Whether a run of the baseline has plateaued, its metric has fallen by less than FLAT over the last
    WINDOW steps, and lies above the method's on the same seed."""
    ours, others = _both(results, claim)
    values, late = others.history[claim.metric], others.step >= others.step[-1] - WINDOW
    first, last = values[:, late][:, 0], values[:, -1]
    return (last > (1 - FLAT) * first) & (last > ours.final(claim.metric))


def climbs_back(results: Results, claim: "Claim") -> np.ndarray:
    """Whether a barrier of BARRIER or more lies between where Stage 2 began and where it ended (surveys)."""
    return results[claim.method].history["barrier_back"][:, -1] >= BARRIER


def other_basin(results: Results, claim: "Claim") -> np.ndarray:
    """Whether a barrier of BARRIER or more lies between the ends with and without oscillation (surveys)."""
    return results[claim.method].history["barrier_plain"][:, -1] >= BARRIER


def same_start(results: Results, claim: "Claim") -> np.ndarray:
    """Whether all of METHOD, BASELINE ... (both comma-separated) of a seed stand at the same training and
    validation loss before the first step."""
    names = [*claim.method.split(","), *claim.baseline.split(",")]
    first, *others = (
        np.stack([results[name].history[metric][:, 0] for metric in ("train_loss", "val_loss")], -1)
        for name in names
    )
    return np.all([np.isclose(first, other, rtol=1e-6).all(-1) for other in others], axis=0)


def same_batch(results: Results, claim: "Claim") -> np.ndarray:
    """Whether both methods of a seed measure the same task on their first mini-batch."""
    first, other = (r.history["energy"][:, 0] for r in _both(results, claim))
    return np.isclose(first, other, rtol=1e-6)


def stays_finite(results: Results, claim: "Claim") -> np.ndarray:
    """Whether every value of a run of the method was finite."""
    return ~results[claim.method].diverged


def eq_1_chord(results: Results, claim: "Claim") -> float:
    """How far eq. 1 rises over a chord: two qubits, one angle of exp(-i theta XX / 2), O = Z on the first
    qubit, b = -1, between the angles -pi and pi.

    There <Z> = cos(theta), so that eq. 1 is (cos(theta) + 1)**2: 0 at both ends, 4 in the middle.
    """
    circuit, observables = PauliRotations(2, ("XX",)), local_observables(2, "Z")[:1]
    target = torch.tensor([-1.0], dtype=torch.float64)
    ends = torch.tensor([[-torch.pi], [torch.pi]], dtype=torch.float64)
    return round(float(midpoint_gap(lambda t: local_loss(circuit, t, observables, target), *ends)), 12)


def eq_2_curvature(results: Results, claim: "Claim") -> float:
    """Minus the smallest eigenvalue of the Hessian of eq. 2, which is the same everywhere: the curve's three
    points, features of the first start, the default ridge strength."""
    config = Experiment("curve")
    model, data = _curve(config)
    features = model.features(model.xavier([0]), data.x[data.train])[0]
    return -round(float(torch.linalg.eigvalsh(ridge_hessian(features, config.ridge))[0]), 12)


def surrogate_chord(results: Results, claim: "Claim") -> float:
    """How far the quadratic surrogate of a perceptron rises over the chord between a point and its mirror
    image, where every hidden unit has changed its sign: both compute the same function, the middle is a
    constant.  The point has a hidden unit tanh(x) and fits the curve roughly.
    """
    config = Experiment("curve", n_hidden=1)
    model, data = _curve(config)
    ends = torch.tensor([[1.0, 0.0, 1.0, -0.2], [-1.0, 0.0, -1.0, -0.2]], dtype=torch.float64)

    def surrogate(theta: torch.Tensor) -> torch.Tensor:
        return mean_squared_error(model(theta, data.x[data.train]), data.y[data.train])

    return round(float(midpoint_gap(surrogate, *ends)), 12)


def vanishing(results: Results, claim: "Claim") -> Pair:
    """By how many bits per qubit each run's gradient falls with the size
    (:func:`qbp.studies.start_gradients.squared` of the claim's metric), from rows "N qubits, METHOD" and "N
    qubits, BASELINE"."""

    def bits(name: str) -> np.ndarray:
        rows = sorted(_ending(results, name), key=lambda r: r.config.qubits)
        values = np.stack([squared(r, claim.metric) for r in rows], axis=1)
        return bits_per_qubit(np.array([r.config.qubits for r in rows]), values)

    return bits(claim.method), bits(claim.baseline)


def grown(results: Results, claim: "Claim") -> Pair:
    """The mean square component of the gradient of the claim's metric, of the method and of the baseline."""
    return tuple(squared(r, claim.metric) for r in _both(results, claim))


def constrained(results: Results, claim: "Claim") -> Pair:
    """``|<a|b>|**4`` of 50 pairs of states at four qubits and four layers, their mean the frame potential:
    of random starts, and of the same after Stage 1 towards one target of the kind that the metric names."""
    found = ensemble(small(claim.metric))
    return tuple(found.overlaps(when) for when in WHENS)


def escapes(results: Results, claim: "Claim") -> np.ndarray:
    """Whether the task's gradient over the error left has grown by the factor ESCAPED or more where the
    method ends Stage 1, in every run of the rows "TARGET, METHOD"."""
    return np.concatenate([escape(r, RELATIVE) >= ESCAPED for r in _ending(results, claim.method)])


def weigh(rule: str, said: Any) -> Interval:
    """Turn what a measure returned into a measurement, as its rule takes it."""
    if rule in ("lower", "preserved"):
        return compare_pairs(*said)
    if rule in ("most", "every"):  # a fact is checked, not tested
        return share(said) if rule == "most" else replace(share(said), p=np.nan)
    height = float(said)
    return Interval(height, height, height, 1)


Measure = Callable[[Results, Any], Any]


def _ending(results: Results, name: str) -> list[Result]:
    return [result for label, result in results.items() if label.endswith(f", {name}")]


def _both(results: Results, claim: "Claim") -> tuple[Result, Result]:
    return results[claim.method], results[claim.baseline]


def _curve(config: Experiment) -> tuple[MLP, Any]:
    data = load_data(config)
    return MLP(1, config.n_hidden, 1), data


MEASURES: dict[str, Measure] = {  # by name: every public function of a claim's results and the claim
    name: f
    for name, f in list(globals().items())
    if name[0] != "_" and isfunction(f) and [*signature(f).parameters] == ["results", "claim"]
}
