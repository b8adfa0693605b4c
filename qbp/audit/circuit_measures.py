"""Measures of a claim on circuits: gradients where training starts, and the terrain that training walks
(:mod:`qbp.experiments.terrain.circuits`); the rest as in :mod:`qbp.audit.measures`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from qbp.audit.verdicts import BARRIER, ESCAPED
from qbp.experiments.later_versions.ceiling import CEILING
from qbp.experiments.result import Result
from qbp.studies.start_ensembles import WHENS, ensemble, small
from qbp.studies.start_gradients import RELATIVE, bits_per_qubit, escape, squared

if TYPE_CHECKING:
    from qbp.audit.sentences import Claim

Results = Mapping[str, Result]
Pair = tuple[np.ndarray, ...]  # two, of the method and of the baseline


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
    return tuple(squared(results[name], claim.metric) for name in (claim.method, claim.baseline))


def constrained(results: Results, claim: "Claim") -> Pair:
    """``|<a|b>|**4`` of 50 pairs of states at four qubits and four layers, their mean the frame potential:
    of random starts, and of the same after Stage 1 towards one target of the kind that the metric names."""
    found = ensemble(small(claim.metric))
    return tuple(found.overlaps(when) for when in WHENS)


def escapes(results: Results, claim: "Claim") -> np.ndarray:
    """Whether the task's gradient over the error left has grown by the factor ESCAPED or more where the
    method ends Stage 1, in every run of the rows "TARGET, METHOD"."""
    return np.concatenate([escape(r, RELATIVE) >= ESCAPED for r in _ending(results, claim.method)])


def below_ceiling(results: Results, claim: "Claim") -> Pair:
    """How far below the ceiling of every cloner a run's fidelity ends, mean over the depths of the rows
    "METHOD, N layers" that the baseline has, too."""
    ours, others = (
        {label.removeprefix(f"{name}, "): r for label, r in results.items() if label.startswith(f"{name}, ")}
        for name in (claim.method, claim.baseline)
    )
    shared = [depth for depth in ours if depth in others]
    return tuple(
        np.mean([CEILING - rows[depth].final(claim.metric) for depth in shared], axis=0)
        for rows in (ours, others)
    )


def component_deviation(results: Results, claim: "Claim") -> Pair:
    """Squared distance of each component of the task's gradient after the last step from its mean over seeds,
    mean over components: its mean over seeds is the variance of a component across seeds (surveys)."""
    found = []
    for name in (claim.method, claim.baseline):
        history = results[name].history
        parts = np.stack([values[:, -1] for metric, values in history.items() if metric.startswith("grad_")])
        found.append(((parts.T - parts.mean(1)) ** 2).mean(1))
    return tuple(found)


def in_a_basin(results: Results, claim: "Claim") -> np.ndarray:
    """Whether no direction curves down where Stage 1 ends: the metric is the share of those that do
    (surveys)."""
    return results[claim.method].history[claim.metric][:, 1] == 0


def crosses_a_barrier(results: Results, claim: "Claim") -> np.ndarray:
    """Whether the metric, the height of a barrier at the end of the method, is BARRIER of the mean error at
    the random start or more (surveys)."""
    history = results[claim.method].history
    return history[claim.metric][:, -1] >= BARRIER * history["error"][:, 0].mean()


def _ending(results: Results, name: str) -> list[Result]:
    return [result for label, result in results.items() if label.endswith(f", {name}")]
