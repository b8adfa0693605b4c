"""Studies of where Stage 2 begins: the tables `starts` and `starts-switching`, circuits beside the same
circuits at their random start.

A :class:`Place` is a kind of target on a circuit of some size.  It has two configurations: one that records
the random start, with the loss of Stage 2 already on, and one that runs Stage 1 and records where it ends.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qbp import _checks
from qbp.experiments.circuits import CircuitExperiment
from qbp.experiments.result import Result
from qbp.results import store
from qbp.statistics.curves import decay_fit
from qbp.statistics.gains import factor_words
from qbp.statistics.intervals import band, relative_change
from qbp.studies.start_ensembles import ALGORITHM, TARGETS, WHENS
from qbp.studies.start_gradients import QUANTITIES, RELATIVE, end_of_stage_1, escape, squared
from qbp.studies.study import Study

if TYPE_CHECKING:
    import pandas as pd

DEPTHS = {"1": (0, 1), "n": (1, 0), "2n": (2, 0), "4n": (4, 0)}  # layers = a n + b
SIZES = (4, 6, 8, 10, 12)  # qubits
MIDDLE = 8  # qubits of what is varied beside the sizes
TARGET_LAYERS = (1, 2, 3, 4, 6, 8)  # of the circuit that prepares the target
SWITCHING = ("threshold", "plateau")  # readings of eq. 3 beside the fixed length of Stage 1
STUDIES = (*DEPTHS, "Z", "target-layers")
SEEDS, LENGTH = 20, ALGORITHM["stage_1_steps"]
METRICS: tuple[str, ...] = ("energy", "error", "convex", "grad_rms", "task_grad_rms", "convex_grad_rms")
METRICS += ("target_information", "product_error")


class Place(NamedTuple):
    """A kind of target on a circuit of some size.

    `target` is one of TARGETS; `depth`, one of DEPTHS, is the rule that gives the layers; `paulis` is what
    Stage 1 fits on each qubit; `target_layers` is the depth of target "circuit".
    """

    target: str
    depth: str = "n"
    qubits: int = MIDDLE
    paulis: str = "XYZ"
    target_layers: int = 2

    @property
    def layers(self) -> int:
        """Layers of the trained circuit."""
        slope, constant = DEPTHS[_checks.choice("depth", self.depth, DEPTHS)]
        return slope * self.qubits + constant

    def configs(self) -> dict[str, CircuitExperiment]:
        """Return {"random start", "start of Stage 2": configuration}."""
        before = self._config(steps=0, algorithm={"stage_1_steps": 0})
        after = self._config(steps=LENGTH, record_every=LENGTH, algorithm={"stage_1_steps": LENGTH})
        return dict(zip(WHENS, (before, after), strict=True))

    def switched(self, rule: str) -> CircuitExperiment:
        """Return the configuration whose Stage 1 a reading of eq. 3 ends, at LENGTH steps the latest."""
        algorithm = {"switching": rule, "stage_1_cap": LENGTH}
        return self._config(steps=LENGTH, record_every=1, algorithm=algorithm)

    def _config(self, *, algorithm: Mapping[str, Any], **options: Any) -> CircuitExperiment:
        return CircuitExperiment(
            qubits=self.qubits,
            layers=self.layers,
            paulis=self.paulis,
            target_layers=self.target_layers,
            seeds=SEEDS,
            algorithm={**ALGORITHM, **algorithm},
            **TARGETS[self.target],
            **options,
        )


def places(study: str) -> list[Place]:
    """Return the places of a study.

    Args:
        study: "1", "n", "2n" or "4n", the targets and sizes of a depth; "Z", those of depth n with Z alone in
            Stage 1; "target-layers", targets prepared by circuits of several depths on eight qubits.
    """
    if study == "target-layers":
        return [Place("circuit", target_layers=layers) for layers in TARGET_LAYERS]
    _checks.choice("study", study, STUDIES)
    depth, paulis = ("n", "Z") if study == "Z" else (study, "XYZ")
    return [Place(target, depth, n, paulis) for target in TARGETS for n in SIZES]


def _label(place: Place, when: str, study: str) -> str:
    """Return what a claim calls a place before or after Stage 1."""
    more = f" of {place.target_layers} layers" if study == "target-layers" else ""
    return f"{place.qubits} qubits, {place.target}{more}, {when}"


class StartStudy(Study):
    """Where Stage 2 begins: the places of each depth and kind, and what ends Stage 1 by a rule.

    Example:
        >>> list(STUDY.configs("n"))[:2]
        ['4 qubits, product, random start', '4 qubits, product, start of Stage 2']
    """

    tasks = (*STUDIES, "switching")

    def configs(self, task: str) -> dict[str, CircuitExperiment]:
        """Return {label: configuration} of one task."""
        _checks.choice("task", task, self.tasks)
        if task == "switching":
            return {
                f"{target}, {rule}": Place(target).switched(rule) for rule in SWITCHING for target in TARGETS
            }
        return {
            _label(place, when, task): config
            for place in places(task)
            for when, config in place.configs().items()
        }

    def home(self, config: CircuitExperiment) -> str:
        """Return the table of the rules that end Stage 1, or that of all places."""
        return "starts" if config.algorithm.switching == "steps" else "starts-switching"


STUDY = StartStudy("starts", "How large are the gradients where Stage 2 begins?")
Pairs = Mapping[Place, Mapping[str, Result]]


def load_places(study: str, directory: Path = store.DIRECTORY) -> dict[Place, dict[str, Result]]:
    """Read the places of a study, {place: {"random start", "start of Stage 2": Result}}."""
    results = STUDY.load(study, directory)
    return {place: {when: results[_label(place, when, study)] for when in WHENS} for place in places(study)}


def variances(pairs: Pairs) -> "pd.DataFrame":
    """Return the gradient variance of every loss at every place, before and after Stage 1.

    Returns:
        A row for each place, quantity (:func:`qbp.studies.start_gradients.squared`) and moment: the fields of
        the place, `quantity`, `when`, `variance` with its 95 % bootstrap interval `low` and `high`
        over `runs` runs.
    """
    import pandas as pd

    kept = [
        (*p, q, w, squared(r, q)) for p, pair in pairs.items() for q in QUANTITIES for w, r in pair.items()
    ]
    frame = pd.DataFrame([row[:-1] for row in kept], columns=[*Place._fields, "quantity", "when"])
    frame["variance"], frame["low"], frame["high"] = band(np.stack([row[-1] for row in kept], axis=1))
    frame["runs"] = [len(row[-1]) for row in kept]
    return frame


def gains(pairs: Pairs, quantities: Iterable[str] = QUANTITIES) -> "pd.DataFrame":
    """Return by which factor Stage 1 changes a variance, the ratio of the means over the same runs.

    Returns:
        A row for each place and quantity: `gain`, with its paired 95 % bootstrap interval `low` and `high`;
        `information`, the mean of what the targets b_i know; the mean `error_before` and `error_after`.
    """
    import pandas as pd

    rows = []
    for place, pair in pairs.items():
        before, after = (pair[when] for when in WHENS)
        shared = {
            "information": float(after.history["target_information"][:, -1].mean()),
            "error_before": float(before.final("error").mean()),
            "error_after": float(after.final("error").mean()),
        }
        for quantity in quantities:
            change = relative_change(squared(after, quantity), squared(before, quantity))
            ends = {"gain": 1 + change.mean, "low": 1 + change.low, "high": 1 + change.high, "runs": change.n}
            rows.append({**place._asdict(), "quantity": quantity, **ends, **shared})
    return pd.DataFrame(rows)


def decays(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Fit how fast every variance falls with the number of qubits, see
    :func:`qbp.statistics.curves.decay_fit`.

    Args:
        frame: as from :func:`variances`.

    Returns:
        A row per target, depth, set of Paulis, quantity and moment: `bits`, the slope of log2 of the variance
        per qubit, its 95 % interval `low` and `high`, and the sizes `n_min` to `n_max`.
    """
    import pandas as pd

    by, rows = ["target", "depth", "paulis", "quantity", "when"], []
    for key, part in frame.groupby(by, sort=False):
        fit = decay_fit(part["qubits"].to_numpy(), part["variance"].to_numpy())
        sizes = {"n_min": part["qubits"].min(), "n_max": part["qubits"].max()}
        rows.append(
            dict(zip(by, key, strict=True)) | {"bits": fit.slope, "low": fit.low, "high": fit.high} | sizes
        )
    return pd.DataFrame(rows)


def decay_table(frame: "pd.DataFrame", quantities: Iterable[str] = QUANTITIES) -> "pd.DataFrame":
    """Return :func:`decays` as one table to read: a row per target and depth, a column per quantity and
    moment, "slope [low, high]"."""
    kept = frame[frame["quantity"].isin(list(quantities))].copy()
    kept["text"] = [f"{r.bits:+.2f} [{r.low:+.2f}, {r.high:+.2f}]" for r in kept.itertuples()]
    kept["depth"] += np.where(kept["paulis"] == "XYZ", "", ", " + kept["paulis"] + " only")
    rows = list(dict.fromkeys(zip(kept["target"], kept["depth"], strict=True)))
    columns = [(q, when) for q in quantities for when in WHENS]
    wide = kept.pivot(index=["target", "depth"], columns=["quantity", "when"], values="text")
    return wide.loc[sorted(rows, key=lambda r: list(TARGETS).index(r[0])), columns]


def gain_words(row: Any) -> str:
    """Return the gain of a row of :func:`gains` with its interval, for tables and prose.

    Example:
        >>> from types import SimpleNamespace
        >>> gain_words(SimpleNamespace(gain=1234.5, low=0.123, high=56789.0))
        '1,200 [0.12, 57,000]'
    """
    return factor_words(row.low, row.gain, row.high)


def by_run(pairs: Pairs, quantity: str = RELATIVE) -> "pd.DataFrame":
    """Return each run's own `gain` and `information`, beside the fields of its place."""
    import pandas as pd

    parts = []
    for place, pair in pairs.items():
        before, after = (pair[when] for when in WHENS)
        columns = {
            "information": after.history["target_information"][:, -1],
            "gain": squared(after, quantity) / squared(before, quantity),
        }
        parts.append(pd.DataFrame(columns).assign(**place._asdict()))
    return pd.concat(parts, ignore_index=True)


def switches(found: Mapping[str, Result], factor: float) -> "pd.DataFrame":
    """Return what eq. 3 does, a row per target and reading: in how many runs Stage 1 has no step, its median
    length, the median change of the task's gradient relative to its error, and in how many runs that is
    `factor` or more."""
    import pandas as pd

    rows = {}
    for label, result in found.items():
        end, change = end_of_stage_1(result), escape(result)
        target, rule = label.split(", ")
        rows[target, rule] = {
            "no step": f"{(end == 0).sum()} of {len(end)}",
            "steps, median": f"{np.median(end):.0f}",
            "change, median": f"{np.median(change):.3g}",
            f"{factor:g} times or more": f"{(change >= factor).sum()} of {len(end)}",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["target", "eq. 3"])
