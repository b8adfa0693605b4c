"""Studies of the later notebook's circuit: its regression, in the tables `pqc` and `pqc-depth`; and eq. 2 as
its Stage 1, in the table `pqc-ridge`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbp import _checks
from qbp.experiments.regression import RegressionExperiment
from qbp.results import store
from qbp.statistics.intervals import paired
from qbp.studies.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from qbp.experiments.result import Result

SEEDS, EVERY = 100, 120
DEPTHS = (1, 2, 3, 4, 5, 6)
CIRCUITS = ("no-init", "two-stage")
METRICS: tuple[str, ...] = ("loss", "train_loss", "val_loss", "val_loss_shots", "val_loss_channels")
METRICS += ("task_grad_norm", "task_grad_var")

_CHOICES: dict[str, dict[str, Any]] = {  # what a comparison changes in both of its arms
    "affine output": {"output": "affine"},
    "penalty 5e-7": {"penalty": 5e-7},
    "start N(0, 1)": {"spread": 1.0},
    "other data": {"data_seed": 1},
}
_STAGE_1: dict[str, dict[str, Any]] = {  # what is changed in Algorithm 1 alone
    "asked at each step": {"switching": "threshold"},
    "ten epochs": {"stage_1_steps": 80},
    "blend and oscillation": {"lambda_0": 0.9, "beta_0": 0.05},
}

RIDGE_SEEDS, RIDGE_EVERY = 50, 20
RIDGE_METRICS = ("train_loss", "val_loss", "accuracy", "task_grad_norm")
_RIDGE_CHOICES: dict[str, dict[str, dict[str, Any]]] = {  # task: what a comparison changes in both arms
    "regression": {
        "affine output": {"output": "affine"},
        "start N(0, 1)": {"spread": 1.0},
        "other data": {"data_seed": 1},
    },
    "digits": {
        "start N(0, 1)": {"spread": 1.0},
        "other data": {"data_seed": 1},
        "digits 0, 1, 2": {"classes": "0,1,2"},
        "cross-entropy": {"criterion": "cross-entropy"},
    },
}
_RIDGE_ALONE: dict[str, dict[str, Any]] = {  # what is changed in two-stage-ridge alone
    "ridge = 0.1": {"ridge": 0.1},
    "ridge = 10": {"ridge": 10.0},
    "blend and oscillation": {"algorithm": _STAGE_1["blend and oscillation"]},
}

# Test errors that the later notebook reports, each of one run with seed 42.
REPORTED: dict[str, dict[str, float]] = {
    "no-init": {"val_loss": 0.1456, "val_loss_shots": 0.1490, "val_loss_channels": 0.1559},
    "two-stage": {"val_loss": 0.0947, "val_loss_shots": 0.0967, "val_loss_channels": 0.1088},
    "mlp": {"val_loss": 0.0229},
}
# Of a later version with 60 weights and unequal penalties, and of its Wine data: not comparable.
REPORTED_LATER: dict[str, dict[str, float]] = {
    "60 weights": {"no-init": 0.1985, "two-stage": 0.1452, "mlp": 0.0086},
    "Wine": {"no-init": 0.3294, "two-stage": 0.2310, "mlp": 0.0216},
}


def rows() -> dict[str, RegressionExperiment]:
    """Return the configurations of table `pqc`, {label: configuration}, the notebook's own three first."""
    options: dict[str, dict[str, Any]] = {m: {"method": m} for m in (*CIRCUITS, "mlp")}
    options |= {f"{m}, {what}": {"method": m, **more} for what, more in _CHOICES.items() for m in CIRCUITS}
    for what, algorithm in _STAGE_1.items():
        options[f"two-stage, {what}"] = {"method": "two-stage", "algorithm": algorithm}
    shared: dict[str, Any] = {"seeds": SEEDS, "record_every": EVERY}
    return {label: RegressionExperiment(**shared, **chosen) for label, chosen in options.items()}


def depth_rows(output: str = "plain") -> dict[tuple[str, int], RegressionExperiment]:
    """Return {(method, layers): configuration}; those with the notebook's three layers stand in `pqc`."""
    _checks.choice("output", output, ("plain", "affine"))
    configs: dict[tuple[str, int], RegressionExperiment] = {}
    for layers in DEPTHS:
        every = EVERY if layers == 3 else RegressionExperiment().steps
        shared: dict[str, Any] = {"seeds": SEEDS, "record_every": every, "layers": layers, "output": output}
        configs |= {(m, layers): RegressionExperiment(method=m, **shared) for m in CIRCUITS}
    return configs


class RegressionStudy(Study):
    """The regression: its `arms`, and both methods across depths with each kind of output."""

    tasks = ("arms", "depth/plain", "depth/affine")

    def configs(self, task: str) -> dict[str, RegressionExperiment]:
        """Return {label: configuration} of one task."""
        _checks.choice("task", task, self.tasks)
        if task == "arms":
            return rows()
        found = depth_rows(task.removeprefix("depth/"))
        return {f"{method}, {layers} layers": config for (method, layers), config in found.items()}

    def home(self, config: RegressionExperiment) -> str:
        """Return `pqc` for the notebook's three layers."""
        return "pqc" if config.layers == 3 else "pqc-depth"


STUDY = RegressionStudy("pqc", "What does Stage 1 do to the regression of the later notebook?")


class RidgeStudy(Study):
    """Eq. 2 as Stage 1 of the circuit with a trained readout, on the notebook's regression and on digits.

    All arms of a comparison train the same readout.  "ridge, then nothing" takes no step: the circuit at its
    start with the readout of eq. 2.
    """

    tasks = ("regression", "digits")

    def configs(self, task: str) -> dict[str, RegressionExperiment]:
        """Return {label: configuration} of one task."""
        _checks.choice("task", task, self.tasks)
        ridge, shared = "two-stage-ridge", dict[str, Any](task=task, output="local")
        options: dict[str, dict[str, Any]] = {m: {"method": m} for m in ("no-init", "two-stage", ridge)}
        options["ridge, then nothing"] = {"method": ridge, "steps": 0}
        for what, more in _RIDGE_CHOICES[task].items():
            options |= {f"{m}, {what}": {"method": m, **more} for m in ("no-init", ridge)}
        options |= {f"{ridge}, {what}": {"method": ridge, **more} for what, more in _RIDGE_ALONE.items()}
        shared |= {"seeds": RIDGE_SEEDS, "record_every": RIDGE_EVERY}
        return {label: RegressionExperiment(**{**shared, **chosen}) for label, chosen in options.items()}

    def home(self, config: RegressionExperiment) -> str:
        """Return `pqc-ridge`."""
        return "pqc-ridge"


RIDGE = RidgeStudy("pqc-ridge", "What does ridge regression as Stage 1 do to a circuit with a readout?")


def load_depths(output: str = "plain", directory: Path = store.DIRECTORY) -> dict[tuple[str, int], "Result"]:
    """Read {(method, layers): Result} from both tables."""
    found = STUDY.load(f"depth/{output}", directory)
    return dict(zip(depth_rows(output), found.values(), strict=True))


def compared(
    found: Mapping[str, "Result"], pairs: Mapping[str, tuple[str, str]], metric: str = "val_loss"
) -> "pd.DataFrame":
    """Return two arms side by side, seed by seed, a row per pair.

    Args:
        found: {label: Result}.
        pairs: {name of the row: labels (a, b)}.
        metric: a loss.

    Returns:
        The number of seeds, the mean of each arm, the mean of a - b [95 % bootstrap interval] and on how many
        seeds a ends lower.
    """
    import pandas as pd

    rows = {}
    for name, (a, b) in pairs.items():
        difference = paired(found[a], found[b], metric)
        rows[name] = {
            "seeds": difference.n,
            "a": f"{found[a].final(metric).mean():.3g}",
            "b": f"{found[b].final(metric).mean():.3g}",
            "a - b": f"{difference:+.2g}",
            "a lower": f"{difference.wins} of {difference.n}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def arms() -> dict[str, tuple[str, str]]:
    """Return the comparisons of table `pqc` for :func:`compared`: each arm with a Stage 1 against its own
    without."""
    pairs = {"as the notebook": ("two-stage", "no-init")}
    pairs |= {what: (f"two-stage, {what}", f"no-init, {what}") for what in _CHOICES}
    pairs |= {f"Stage 1 {what}": (f"two-stage, {what}", "no-init") for what in list(_STAGE_1)[:2]}
    pairs["Stage 2 with blend and oscillation"] = ("two-stage, blend and oscillation", "no-init")
    pairs["penalties of the later version"] = ("two-stage, penalty 5e-7", "no-init")
    pairs["a smaller penalty alone"] = ("no-init, penalty 5e-7", "no-init")
    return pairs


def ridge_arms(task: str) -> dict[str, tuple[str, str]]:
    """Return the comparisons of a task of table `pqc-ridge` for :func:`compared`: each arm that begins with
    eq. 2 against its own that does not, and against eq. 2 alone."""
    _checks.choice("task", task, RIDGE.tasks)
    pairs = {"ridge = 0.001": ("two-stage-ridge", "no-init"), "gradient steps": ("two-stage", "no-init")}
    pairs |= {what: (f"two-stage-ridge, {what}", f"no-init, {what}") for what in _RIDGE_CHOICES[task]}
    pairs |= {what: (f"two-stage-ridge, {what}", "no-init") for what in _RIDGE_ALONE}
    pairs["eq. 2 and nothing else"] = ("ridge, then nothing", "no-init")
    pairs["Stage 2 after eq. 2"] = ("two-stage-ridge", "ridge, then nothing")
    return pairs
