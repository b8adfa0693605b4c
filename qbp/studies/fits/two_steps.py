"""Study of two steps of least squares: who fits a readout, who trains the circuit, and what each is worth on
one budget of circuit evaluations, in the tables `two-steps` and `two-steps-ground`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qbp import _checks
from qbp.experiments.fits.data import DATA
from qbp.experiments.fits.ground import GroundExperiment
from qbp.experiments.fits.molecules import HAMILTONIANS
from qbp.experiments.fits.settings import FitExperiment
from qbp.statistics.intervals import bootstrap_interval, paired
from qbp.studies.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from qbp.experiments.result import Result
    from qbp.experiments.settings import Settings

SEEDS = 10
BUDGET, EVERY = 120, 24  # of fits: steps of Adam on a mini-batch, with a readout of three settings
SETTINGS = 3  # X, Y and Z; <Z> alone is one setting, and takes three times the steps for as many evaluations
GROUND: dict[str, Any] = {"qubits": 4, "layers": 3, "steps": 100, "record_every": 20, "seeds": SEEDS}
METRICS = ("train_loss", "val_loss", "accuracy", "evaluations")
OF_GROUND = ("energy", "error", "plain_error", "evaluations")
RECOMMENDED = "varpro"
TRAINED = ("no-init", "two-stage", "ridge-once", "rotosolve", "lm", "varpro-adam", "varpro")  # in a circuit

_FITS: dict[str, dict[str, Any]] = {  # label: what is fitted, and how
    "plain <Z>, Adam": {"method": "no-init", "output": "plain"},
    "plain <Z>, Rotosolve": {"method": "rotosolve", "output": "plain"},
    "plain <Z>, Levenberg-Marquardt": {"method": "lm", "output": "plain"},
    "a + b <Z>, Adam on both": {"method": "no-init", "output": "affine"},
    "local, Adam on both": {"method": "no-init"},
    "local, two stages": {"method": "two-stage"},
    "local, ridge once, then Adam": {"method": "ridge-once"},
    "local, ridge once, circuit untrained": {"method": "ridge-only"},
    "local, Levenberg-Marquardt on both": {"method": "lm"},
    # Of 0.05, 0.1, 0.2 and 0.5, the lowest training loss on the sine task on the five seeds from 1000 on.
    "local, weights solved, Adam": {"method": "varpro-adam", "algorithm": {"eta": 0.05}},
    RECOMMENDED: {"method": "varpro"},
    "post-variational": {"method": "post-variational"},
    "classical features": {"method": "features"},
    "perceptron": {"method": "mlp"},
}
_SEARCHES: dict[str, dict[str, Any]] = {
    "Adam": {"method": "no-init"},
    "Rotosolve": {"method": "rotosolve"},
    "Ritz once, after Adam": {"method": "ritz-once"},
    "Ritz in the loop": {"method": "ritz"},
    "Ritz once, Y alone": {"method": "ritz-once", "span": "Y"},
    "Ritz in the loop, Y alone": {"method": "ritz", "span": "Y"},
}
# What each part is worth: the row that has it, and the one that differs by that part alone.
PARTS = {
    "readout, circuit untrained": ("local, ridge once, circuit untrained", "plain <Z>, Adam"),
    "circuit, readout solved": (RECOMMENDED, "local, ridge once, circuit untrained"),
    "circuit, plain readout": ("plain <Z>, Levenberg-Marquardt", "plain <Z>, Adam"),
    "weights solved, not stepped": (RECOMMENDED, "local, Levenberg-Marquardt on both"),
    "Levenberg-Marquardt, not Adam": (RECOMMENDED, "local, weights solved, Adam"),
    "trained, not expanded": (RECOMMENDED, "post-variational"),
}


class TwoStepsStudy(Study):
    """Fits on four data sets, and ground states of three Hamiltonians."""

    tasks = (*DATA, *HAMILTONIANS)

    def configs(self, task: str) -> "dict[str, Settings]":
        """Return {label: configuration} of one task."""
        _checks.choice("task", task, self.tasks)
        if task in HAMILTONIANS:
            return {
                label: GroundExperiment(hamiltonian=task, **GROUND, **chosen)
                for label, chosen in _SEARCHES.items()
            }
        configs: dict[str, Settings] = {}
        for label, chosen in _FITS.items():
            times = 1 if chosen.get("output", "local") == "local" else SETTINGS
            budget = {"steps": times * BUDGET, "record_every": times * EVERY}
            configs[label] = FitExperiment(data=task, penalty=0.0, seeds=SEEDS, **budget, **chosen)  # type: ignore[arg-type]
        return configs

    def home(self, config: Any) -> str:
        """Return `two-steps`, or `two-steps-ground` for a ground state."""
        return "two-steps-ground" if isinstance(config, GroundExperiment) else "two-steps"


STUDY = TwoStepsStudy("two-steps", "What do two steps of least squares buy, and which part of it?")


def losses(results: Mapping[str, "Result"], metric: str) -> "pd.DataFrame":
    """Return a row per label: the mean of a metric after the budget with its interval, and what it cost.

    Args:
        results: {label: Result}.
        metric: such as "val_loss" or "error".
    """
    import pandas as pd

    rows = {}
    for label, result in results.items():
        of_seeds = bootstrap_interval(result.final(metric))
        evaluations = result.final("evaluations").mean()
        rows[label] = {metric: f"{of_seeds:.2g}", "evaluations": f"{evaluations:,.0f}"}
    return pd.DataFrame.from_dict(rows, orient="index")


def parts(results: Mapping[str, "Result"], metric: str = "val_loss") -> "pd.DataFrame":
    """Return what each part of a method is worth, a row for each of PARTS: both means, and on how many seeds
    the row that has the part ends lower."""
    import pandas as pd

    rows = {}
    for name, (own, other) in PARTS.items():
        difference = paired(results[own], results[other], metric)
        rows[name] = {
            "with": f"{results[own].final(metric).mean():.2g}",
            "without": f"{results[other].final(metric).mean():.2g}",
            "difference": f"{difference:+.2g}",
            "lower": f"{difference.wins} of {difference.n}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")
