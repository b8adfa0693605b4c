"""The rows of the tables `pqc` and `pqc-depth`: the later notebook's regression, and what we vary in it."""

from pathlib import Path
from typing import Any

from qbp import _checks, results
from qbp.experiments import Result
from qbp.pqc import RegressionExperiment
from qbp.studies import Table

SEEDS, EVERY = 100, 120
DEPTHS = (1, 2, 3, 4, 5, 6)
CIRCUITS = ("no-init", "two-stage")
METRICS = ("loss", "train_loss", "val_loss", "val_loss_shots", "val_loss_channels")
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


def rows() -> dict[str, RegressionExperiment]:
    """Return the configurations of table `pqc`, {label: configuration}, the notebook's own three first."""
    shared = {"seeds": SEEDS, "record_every": EVERY}
    found = {m: RegressionExperiment(method=m, **shared) for m in (*CIRCUITS, "mlp")}
    for what, options in _CHOICES.items():
        for m in CIRCUITS:
            found[f"{m}, {what}"] = RegressionExperiment(method=m, **shared, **options)
    for what, algorithm in _STAGE_1.items():
        found[f"two-stage, {what}"] = RegressionExperiment(method="two-stage", algorithm=algorithm, **shared)
    return found


def depth_rows(output: str = "plain") -> dict[tuple[str, int], RegressionExperiment]:
    """Return {(method, layers): configuration}; those with the notebook's three layers stand in `pqc`."""
    _checks.choice("output", output, ("plain", "affine"))
    found = {}
    for layers in DEPTHS:
        every = EVERY if layers == 3 else RegressionExperiment().steps
        shared = {"seeds": SEEDS, "record_every": every, "layers": layers, "output": output}
        found |= {(m, layers): RegressionExperiment(method=m, **shared) for m in CIRCUITS}
    return found


def tables() -> dict[str, Table]:
    """Return both tables, {name: table}."""
    main = {results.key(c): c for c in rows().values()}
    deep = [c for output in ("plain", "affine") for c in depth_rows(output).values()]
    depth = {key: c for c in deep if (key := results.key(c)) not in main}
    return {
        "pqc": Table("the later notebook", main, METRICS),
        "pqc-depth": Table("the abstract: across varying circuit depths", depth, METRICS),
    }


def load(directory: Path = results.DIRECTORY) -> dict[str, Result]:
    """Read table `pqc`, {label: Result}."""
    found = results.load_keys("pqc", directory=directory)
    return {label: found[results.key(c)] for label, c in rows().items()}


def load_depths(output: str = "plain", directory: Path = results.DIRECTORY) -> dict[tuple[str, int], Result]:
    """Read {(method, layers): Result} from both tables."""
    found = {}
    for name in ("pqc", "pqc-depth"):
        found |= results.load_keys(name, directory=directory)
    return {place: found[results.key(c)] for place, c in depth_rows(output).items()}
