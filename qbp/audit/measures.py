"""Measures of a claim: functions from results to what each seed says.

A measure takes the results of a claim's table, {method: Result}, and the claim.  For the rules "lower" and
"preserved" it returns two arrays (n,), one value per seed of the method and of its baseline, where the claim
is that the first are lower; for "most" and "every" one boolean per run; for "convex" the height over a chord.
Those of circuits alone are in :mod:`qbp.audit.circuit_measures`, those of formulas in
:mod:`qbp.audit.formula_measures`.
"""

from collections.abc import Callable
from dataclasses import replace
from inspect import isfunction, signature
from typing import TYPE_CHECKING, Any

import numpy as np

from qbp.audit import circuit_measures, formula_measures
from qbp.audit.circuit_measures import Pair, Results
from qbp.audit.verdicts import BARRIER, CONVERGED, FLAT, LATE, OSCILLATES, STILL, WINDOW
from qbp.experiments.result import Result
from qbp.statistics.curves import common_target, convergence, rises, rising_share, smoothness
from qbp.statistics.gains import errors, evaluations_to
from qbp.statistics.hypothesis_tests import compare_pairs, share
from qbp.statistics.intervals import Interval, steps_to_target
from qbp.studies.perceptron_studies import on_data_sets

if TYPE_CHECKING:
    from qbp.audit.sentences import Claim


def final(results: Results, claim: "Claim") -> Pair:
    """The metric after the last step, an error as :func:`qbp.statistics.gains.errors` has it."""
    pair = _both(results, claim)
    return tuple(errors(r)[:, -1] if claim.metric == "error" else r.final(claim.metric) for r in pair)


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


def roughness_absolute(results: Results, claim: "Claim") -> Pair:
    """As :func:`roughness`, of the metric itself: a loss that has come further down moves less."""
    both = ((r.history[claim.metric][:, r.step >= LATE]) for r in _both(results, claim))
    return tuple(np.abs(np.diff(values, n=2, axis=1)).mean(1) for values in both)


def across_data(results: Results, claim: "Claim") -> Pair:
    """The metric after the last step, mean over starts, one value for each data set: from rows "METHOD, data
    seed N".  An interval over them covers other data as well as other starts."""
    both = (on_data_sets(results, method, claim.metric) for method in (claim.method, claim.baseline))
    return tuple(ends.mean(1) for ends in both)


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


def along_training(results: Results, claim: "Claim") -> Pair:
    """Variance of the metric, the size of a gradient, over the records of a run: how unsteady it is."""
    return tuple(r.history[claim.metric].var(axis=1) for r in _both(results, claim))


def relative_along_training(results: Results, claim: "Claim") -> Pair:
    """As :func:`along_training`, over the square of the mean over the records, so without a unit."""
    values = (r.history[claim.metric] for r in _both(results, claim))
    return tuple(v.var(axis=1) / v.mean(axis=1) ** 2 for v in values)


def seed_variance(results: Results, claim: "Claim") -> Pair:
    """Square of the metric, the length of a gradient, after the last step.

    Where the mean of each component over seeds is zero, its mean over seeds is, but for the number of
    components, their variance across seeds.  For perceptrons it is zero by symmetry: a hidden unit of tanh
    with all its signs turned, and the phases phi of the oscillation at pi - phi, computes the same with the
    opposite gradient, and both are drawn equally often.  Only biases of the output have no such partner.
    """
    return tuple(r.final(claim.metric) ** 2 for r in _both(results, claim))


def converges(results: Results, claim: "Claim") -> np.ndarray:
    """Whether a run of the method converges (`_converged`) within its budget."""
    return np.isfinite(_converged(results[claim.method], claim))


def steps_to_convergence(results: Results, claim: "Claim") -> Pair:
    """Step at which each run has converged (`_converged`); the whole budget where it never has."""
    return tuple(np.minimum(_converged(r, claim), r.step[-1]) for r in _both(results, claim))


def at_convergence(results: Results, claim: "Claim") -> Pair:
    """The metric where each run has converged (`_converged`), after the last step where none has."""
    pair = []
    for r in _both(results, claim):
        record = np.searchsorted(r.step, np.minimum(_converged(r, claim), r.step[-1]))
        pair.append(r.history[claim.metric][np.arange(len(record)), record])
    return tuple(pair)


def after_stage_1(results: Results, claim: "Claim") -> Pair:
    """The metric where Stage 1 ends, of the method and, at the same step, of the baseline."""
    return tuple(_after_stage_1(r, claim) for r in _both(results, claim))


def since_start(results: Results, claim: "Claim") -> Pair:
    """The metric of the method where Stage 1 ends and at its own start."""
    ours = results[claim.method]
    return _after_stage_1(ours, claim), ours.history[claim.metric][:, 0]


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


def weigh(rule: str, said: Any) -> Interval:
    """Turn what a measure returned into a measurement, as its rule takes it."""
    if rule in ("lower", "preserved"):
        return compare_pairs(*said)
    if rule in ("most", "every"):  # a fact is checked, not tested
        return share(said) if rule == "most" else replace(share(said), p=np.nan)
    height = float(said)
    return Interval(height, height, height, 1)


Measure = Callable[[Results, Any], Any]


def _after_stage_1(result: Result, claim: "Claim") -> np.ndarray:
    return result.history[claim.metric][:, result.step == WINDOW][:, 0]


def _converged(result: Result, claim: "Claim") -> np.ndarray:
    """Return the first record after which the loss changes by less than STILL over the next CONVERGED steps,
    (runs,), infinity where there is none; asked only in Stage 2, whose loop line 7 is.

    The loss of a circuit is its energy: the error, which the rows report, takes the ground state to know.
    """
    values = result.history["energy" if claim.metric == "error" else claim.metric]
    return convergence(values, result.step, STILL, CONVERGED, result.config.algorithm.stage_1_steps)


def _both(results: Results, claim: "Claim") -> tuple[Result, Result]:
    return results[claim.method], results[claim.baseline]


MEASURES: dict[str, Measure] = {  # by name: every public function of a claim's results and the claim
    name: f
    for name, f in [*globals().items(), *vars(circuit_measures).items(), *vars(formula_measures).items()]
    if name[0] != "_" and isfunction(f) and [*signature(f).parameters] == ["results", "claim"]
}
