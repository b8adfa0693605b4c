"""What is run beside the paper's own comparisons, as data: studies of one question each, and their tables.

A :class:`~qbp.studies.study.Study` has rows; a row is a configuration on each task and the row it is compared
with, on the same seeds.  A configuration is computed once, stored in one table, and may stand in many
studies.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qbp import _checks
from qbp.results import store
from qbp.studies import circuit_studies, regression_studies, start_studies
from qbp.studies.study import (
    BATCHED,
    COMPARISONS,
    EPOCH,
    FEW,
    FEWER,
    MAIN_EVERY,
    MAIN_KEYS,
    Row,
    Study,
    Table,
    pair,
    pairs,
    read,
    setting,
    sweep,
    two_stage,
)

if TYPE_CHECKING:
    from qbp.experiments.perceptrons import Experiment
    from qbp.experiments.result import Result

STUDIES: tuple[Study, ...] = (
    Study(
        "components",
        "What does each part of the method do?",
        (
            Row("no-init", {"method": "no-init"}),
            Row("two-stage", two_stage(), against="no-init"),
            Row("Stage 1 only", two_stage(stage_1_steps=501), against="two-stage"),
            Row("Stage 2 only", two_stage(stage_1_steps=0), against="two-stage"),
            Row("beta = 0", two_stage(beta_0=0.0), against="two-stage"),
            Row("lam = 0", two_stage(lambda_0=0.0), against="two-stage"),
            Row("lam = beta = 0", two_stage(lambda_0=0.0, beta_0=0.0), against="two-stage"),
            Row("no annealing", two_stage(lambda_decay=1.0, beta_decay=1.0), against="two-stage"),
            Row("Stage 2 only, lam = 0", two_stage(stage_1_steps=0, lambda_0=0.0), against="no-init"),
        ),
        ambiguities=(12,),
    ),
    Study(
        "stage-1",
        "Gradient steps or ridge regression as Stage 1?",
        (
            Row("no-init", {"method": "no-init"}),
            Row("two-stage", two_stage(), against="no-init"),
            Row("two-stage-ridge", {"method": "two-stage-ridge"}, against="two-stage"),
            Row(
                "ridge, then the task alone",
                {"method": "two-stage-ridge", **setting(lambda_0=0.0, beta_0=0.0)},
                against="two-stage-ridge",
            ),
        ),
        ambiguities=(5,),
    ),
    Study(
        "ridge-strength",
        "How strong should the ridge of eq. 2 be?",
        sweep(
            {f"ridge = {value:g}": {"ridge": value} for value in (1e-6, 1e-5, 1e-4, 1e-2, 1e-1)},
            base="two-stage-ridge",
        ),
        ambiguities=(6,),
    ),
    Study(
        "stage-1-length",
        "How long should Stage 1 be?",
        sweep({f"{n} steps": setting(stage_1_steps=n) for n in (0, 25, 50, 102, 200, 400)}),
        ambiguities=(9,),
    ),
    Study(
        "switching",
        "When does eq. 3 end Stage 1?",
        sweep(
            {
                "threshold": setting(switching="threshold"),
                "plateau": setting(switching="plateau"),
                "threshold or plateau": setting(switching="threshold-or-plateau"),
                "never: the cap of 250": setting(switching="threshold", tau_g=1e9),
                "threshold, rms norm": setting(switching="threshold", norm="rms"),
                "threshold, squared norm": setting(switching="threshold", norm="mean-square"),
                "plateau, squared norm": setting(switching="plateau", norm="mean-square"),
            }
        ),
        ambiguities=(7, 8),
        seeds=FEWER,
    ),
    Study(
        "blend",
        "What do lambda_0 and its annealing do?",
        (
            *sweep(
                {
                    **{f"lambda_0 = {v:g}": setting(lambda_0=v) for v in (0.0, 0.3, 0.5, 1.0)},
                    "lambda decays by 0.9": setting(lambda_decay=0.9),
                    "lambda constant": setting(lambda_decay=1.0),
                    "released no-init on the data": setting(stage_1_steps=0, lambda_0=0.3),
                }
            ),
        ),
        ambiguities=(10, 11),
        seeds=FEWER,
    ),
    Study(
        "oscillation",
        "What do amplitude, frequency, phase and annealing of R_osc do?",
        sweep(
            {
                "amplitude 0": setting(beta_0=0.0),
                "amplitude 0.1": setting(amplitude=0.1),
                "amplitude 10": setting(amplitude=10.0),
                **{f"omega = {v:g}": setting(omega=v) for v in (1.0, 2.0, 8.0, 16.0)},
                "phi = 0": {"phi": 0.0},
                "beta constant": setting(beta_decay=1.0),
            }
        ),
        ambiguities=(13,),
        seeds=FEWER,
    ),
    Study(
        "annealing",
        "Does it matter when lambda and beta are annealed?",
        (
            *sweep({"before the loss": setting(anneal="before")}),
            Row(
                "per epoch, spread over its steps",
                {"method": "two-stage"},
                against="two-stage",
                by_task={
                    task: setting(lambda_decay=0.98 ** (1 / n), beta_decay=0.99 ** (1 / n))
                    for task, n in EPOCH.items()
                },
            ),
        ),
        tasks=BATCHED,
        ambiguities=(14,),
        seeds=FEWER,
    ),
    Study(
        "optimizer",
        "Does the optimizer decide?",
        pairs(
            {
                "adamw": {},
                "adam": setting(optimizer="adam"),
                "gd 0.001": setting(optimizer="gd"),
                "gd 0.1": setting(optimizer="gd", eta_c=0.1, eta_n=0.1),
            }
        ),
        ambiguities=(15,),
        seeds=FEWER,
    ),
    Study(
        "rates",
        "Do the step sizes eta_c and eta_n decide?",
        pairs({f"eta = {v:g}": setting(eta_c=v, eta_n=v) for v in (1e-4, 1e-3, 1e-2)}),
        ambiguities=(23,),
        seeds=FEWER,
    ),
    Study(
        "weight-decay",
        "Does plain weight decay do what the oscillation is said to do?",
        (
            Row("no-init", {"method": "no-init"}),
            *(
                Row(
                    f"no-init, weight decay {v:g}",
                    {"method": "no-init", **setting(weight_decay=v)},
                    against="no-init",
                )
                for v in (0.0, 0.1, 1.0)
            ),
            Row("two-stage", two_stage(), against="no-init"),
            Row("two-stage, weight decay 0", two_stage(weight_decay=0.0), against="two-stage"),
        ),
        ambiguities=(15,),
    ),
    Study(
        "early-stopping",
        "Does early stopping on a fifth of the training set do as well, at an equal budget?",
        (
            Row("no-init", {"method": "no-init"}),
            Row("two-stage", two_stage(), against="no-init"),
            *(  # to be read with qbp.statistics.curves.stopped_early, beside the two that train on everything
                Row(
                    f"{method}, a fifth held out",
                    {"method": method, "holdout": 0.2, "record_every": MAIN_EVERY},
                    against="two-stage",
                )
                for method in ("no-init", "two-stage")
            ),
        ),
    ),
    Study(
        "width",
        "Does the number of hidden units decide?",
        pairs({f"{n} hidden units": {"n_hidden": n} for n in (16, 64, 256)}),
        seeds=FEWER,
    ),
    Study(
        "depth",
        "Does it hold across depths?",
        pairs(
            {f"depth {n}, width 64": {"n_hidden": 64, "n_layers": n} for n in (1, 2, 4, 8)},
            ("no-init", "two-stage", "two-stage-ridge"),
        ),
        seeds=FEWER,
    ),
    Study(
        "batch",
        "Does the size of a mini-batch decide?",
        pairs({f"batches of {n}": {"batch_size": n} for n in (4, 16, 64)}),
        tasks=BATCHED,
        seeds=FEWER,
    ),
    Study(
        "budget",
        "Does it hold with more steps?",
        pairs({"500 steps": {}, "1000 steps": {"steps": 1000}, "2000 steps": {"steps": 2000}}),
        tasks=("curve", "curve-64", "telecom"),
        ambiguities=(22,),
    ),
    Study(
        "budget-mnist",
        "Does it hold with more steps on MNIST?",
        pairs({"500 steps": {}, "1000 steps": {"steps": 1000}}),
        tasks=("mnist",),
        ambiguities=(22,),
        seeds=FEWER,
    ),
    Study(
        "data",
        "Does it hold on another noise, other digits?",
        pairs({f"data seed {n}": {"data_seed": n} for n in (0, 1, 2)}),
        tasks=("telecom", "mnist"),
        seeds=FEWER,
    ),
    Study(
        "points",
        "What do three training points say?",
        pairs({"3 points": {}, **{f"{n} points": {"points": n} for n in (8, 16, 64)}}),
        tasks=("curve",),
        ambiguities=(18,),
    ),
    Study(
        "digits",
        "Does it hold with more digits per class?",
        pairs({"200 per class": {}, "400 per class": {"per_class": 400}}),
        tasks=("mnist",),
        ambiguities=(16,),
    ),
    Study(
        "telecom-data",
        "Does the released telecom target, one step skipped, change the outcome?",
        pairs({"one step ahead": {}, "as released": {"data": "as-released"}}),
        tasks=("telecom",),
        ambiguities=(17,),
    ),
    Study(
        "readings",
        "Does training on the released penalties instead of the data change the outcome?",
        (
            *pair("as-written", {}),
            *pair("as-released", {"reading": "as-released"}, by_task={"mnist": {"per_class": 200}}),
        ),
        ambiguities=(1,),
    ),
    Study(
        "sellier",
        "Is Sellier's plateau the method's or the released variant's?",
        (
            Row("no-init", {"method": "no-init"}),
            Row("sellier", {"method": "sellier"}, against="no-init"),
            Row("sellier, as released, shared start", {"method": "sellier-released"}, against="sellier"),
            Row(
                "sellier, Gaussians",
                {"method": "sellier", **setting(form="closure")},
                against="sellier",
                tasks=("curve", "curve-64", "telecom"),  # on MNIST it is the default
            ),
            Row(
                "Gaussians, no Hartree term",
                {"method": "sellier", **setting(form="closure", kappa=0.0)},
                against="sellier",
            ),
            Row(
                "Gaussians, imaginary time",
                {"method": "sellier", **setting(form="closure", time="imaginary")},
                against="sellier",
            ),
            Row(
                "Gaussians, dt = 0.4",
                {"method": "sellier", **setting(form="closure", dt=0.4)},
                against="sellier",
            ),
            Row("heavy ball", {"method": "heavy-ball"}, against="sellier"),
            *(
                Row(
                    f"heavy ball, friction {v:g}",
                    {"method": "heavy-ball", **setting(friction=v)},
                    against="heavy ball",
                )
                for v in (0.01, 0.03, 0.1)
            ),
            Row(
                "heavy ball, friction 0.1, step 0.01",
                {"method": "heavy-ball", **setting(friction=0.1, eta_n=0.01)},
                against="no-init",
            ),
        ),
        ambiguities=(20,),
        seeds=FEWER,
    ),
)  # fmt: skip

CIRCUITS = "circuits"
NOT_MEASURED = {  # rows of the chapter on ambiguities that no study here measures, and why
    2: CIRCUITS,
    3: CIRCUITS,
    4: "shown, not run: eq. 2 has a constant Hessian, eq. 1 a chord below its curve",
    19: "definitions of measures, not of runs; the tables *-steps record every step",
    21: "a statement about hardware",
}


def study(name: str) -> Study:
    """Return a study by its name; raise ValueError if there is none."""
    return {s.name: s for s in STUDIES}[_checks.choice("study", name, [s.name for s in STUDIES])]


@cache
def tables() -> dict[str, Table]:
    """Return every table, {name: table}: the comparisons, then what else the studies need, by task."""
    found: dict[str, Table] = dict(COMPARISONS)
    extra: dict[str, dict[str, Experiment]] = {}
    for s in STUDIES:
        for task in s.tasks:
            name = "sellier-variants" if s.name == "sellier" else f"ablations-{task}"
            for config in s.configs(task).values():
                key = store.key(config)
                if key in MAIN_KEYS:
                    continue
                own = extra.setdefault(name, {})
                kept = next((table for table in extra.values() if key in table), own)
                if key not in kept or kept[key].seeds < config.seeds:
                    kept[key] = config
    targets = {"sellier-variants": "IV, [6]"}
    for name in sorted(filter(extra.get, extra)):
        found[name] = Table(targets.get(name, "III, IV: every choice"), extra[name], FEW)
    found |= regression_studies.tables() | circuit_studies.tables() | start_studies.tables()
    return found


def load(name: str, task: str, directory: Path = store.DIRECTORY) -> dict[str, "Result"]:
    """Read a study's rows on one task: {label: Result}, all on the same, its fewest, seeds per reading.

    Args:
        name: of the study.
        task: one of its tasks.
        directory: the results folder.

    Raises:
        ValueError: there is no such study, or a table it needs is not there.
    """
    configs = study(name).configs(task)
    keys = {store.key(c) for c in configs.values()}
    holding = [table for table, content in tables().items() if keys & content.configs.keys()]
    found = read(configs, holding, directory, what=f"{name} on {task}")
    fewest = min(result.config.seeds for result in found.values())
    return {label: first_seeds(result, fewest) for label, result in found.items()}


def first_seeds(result: "Result", count: int) -> "Result":
    """Return a result with its first `count` runs alone."""
    history = {metric: values[:count] for metric, values in result.history.items()}
    config = replace(result.config, seeds=min(count, result.config.seeds))
    return replace(result, config=config, history=history, diverged=np.asarray(result.diverged)[:count])
