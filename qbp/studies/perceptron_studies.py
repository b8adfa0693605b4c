"""Studies beside the paper's own comparisons, as data: a question each, and the rows that answer it.

A study has rows; a row is a configuration on each task and the row it is compared with, on the same seeds.
A configuration is computed once, stored in one table, and may stand in many studies.
"""

from qbp import _checks
from qbp.studies.study import (
    BATCHED,
    EPOCH,
    FEWER,
    MAIN_EVERY,
    PerceptronStudy,
    Row,
    pair,
    pairs,
    row,
    setting,
    sweep,
)

STUDIES: tuple[PerceptronStudy, ...] = (
    PerceptronStudy(
        "components",
        "What does each part of the method do?",
        (
            row("no-init", "no-init"),
            row("two-stage", "two-stage", "no-init"),
            row("Stage 1 only", "two-stage", "two-stage", stage_1_steps=501),
            row("Stage 2 only", "two-stage", "two-stage", stage_1_steps=0),
            row("beta = 0", "two-stage", "two-stage", beta_0=0.0),
            row("lam = 0", "two-stage", "two-stage", lambda_0=0.0),
            row("lam = beta = 0", "two-stage", "two-stage", lambda_0=0.0, beta_0=0.0),
            row("no annealing", "two-stage", "two-stage", lambda_decay=1.0, beta_decay=1.0),
            row("Stage 2 only, lam = 0", "two-stage", "no-init", stage_1_steps=0, lambda_0=0.0),
        ),
        ambiguities=(12,),
    ),
    PerceptronStudy(
        "stage-1",
        "Gradient steps or ridge regression as Stage 1?",
        (
            row("no-init", "no-init"),
            row("two-stage", "two-stage", "no-init"),
            row("two-stage-ridge", "two-stage-ridge", "two-stage"),
            row("ridge, then the task alone", "two-stage-ridge", "two-stage-ridge", lambda_0=0.0, beta_0=0.0),
        ),
        ambiguities=(5,),
    ),
    PerceptronStudy(
        "ridge-strength",
        "How strong should the ridge of eq. 2 be?",
        sweep(
            {f"ridge = {value:g}": {"ridge": value} for value in (1e-6, 1e-5, 1e-4, 1e-2, 1e-1)},
            base="two-stage-ridge",
        ),
        ambiguities=(6,),
    ),
    PerceptronStudy(
        "stage-1-length",
        "How long should Stage 1 be?",
        sweep({f"{n} steps": setting(stage_1_steps=n) for n in (0, 25, 50, 102, 200, 400)}),
        ambiguities=(9,),
    ),
    PerceptronStudy(
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
    PerceptronStudy(
        "blend",
        "What do lambda_0 and its annealing do?",
        sweep(
                {
                    **{f"lambda_0 = {v:g}": setting(lambda_0=v) for v in (0.0, 0.3, 0.5, 1.0)},
                    "lambda decays by 0.9": setting(lambda_decay=0.9),
                    "lambda constant": setting(lambda_decay=1.0),
                    "released no-init on the data": setting(stage_1_steps=0, lambda_0=0.3),
                }
        ),
        ambiguities=(10, 11),
        seeds=FEWER,
    ),
    PerceptronStudy(
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
    PerceptronStudy(
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
    PerceptronStudy(
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
    PerceptronStudy(
        "rates",
        "Do the step sizes eta_c and eta_n decide?",
        pairs({f"eta = {v:g}": setting(eta_c=v, eta_n=v) for v in (1e-4, 1e-3, 1e-2)}),
        ambiguities=(23,),
        seeds=FEWER,
    ),
    PerceptronStudy(
        "weight-decay",
        "Does plain weight decay do what the oscillation is said to do?",
        (
            row("no-init", "no-init"),
            *(
                row(f"no-init, weight decay {v:g}", "no-init", "no-init", weight_decay=v)
                for v in (0.0, 0.1, 1.0)
            ),
            row("two-stage", "two-stage", "no-init"),
            row("two-stage, weight decay 0", "two-stage", "two-stage", weight_decay=0.0),
        ),
        ambiguities=(15,),
    ),
    PerceptronStudy(
        "early-stopping",
        "Does early stopping on a fifth of the training set do as well, at an equal budget?",
        (
            row("no-init", "no-init"),
            row("two-stage", "two-stage", "no-init"),
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
    PerceptronStudy(
        "width",
        "Does the number of hidden units decide?",
        pairs({f"{n} hidden units": {"n_hidden": n} for n in (16, 64, 256)}),
        seeds=FEWER,
    ),
    PerceptronStudy(
        "depth",
        "Does it hold across depths?",
        pairs(
            {f"depth {n}, width 64": {"n_hidden": 64, "n_layers": n} for n in (1, 2, 4, 8)},
            ("no-init", "two-stage", "two-stage-ridge"),
        ),
        seeds=FEWER,
    ),
    PerceptronStudy(
        "batch",
        "Does the size of a mini-batch decide?",
        pairs({f"batches of {n}": {"batch_size": n} for n in (4, 16, 64)}),
        tasks=BATCHED,
        seeds=FEWER,
    ),
    PerceptronStudy(
        "budget",
        "Does it hold with more steps?",
        pairs({"500 steps": {}, "1000 steps": {"steps": 1000}, "2000 steps": {"steps": 2000}}),
        tasks=("curve", "curve-64", "telecom"),
        ambiguities=(22,),
    ),
    PerceptronStudy(
        "budget-mnist",
        "Does it hold with more steps on MNIST?",
        pairs({"500 steps": {}, "1000 steps": {"steps": 1000}}),
        tasks=("mnist",),
        ambiguities=(22,),
        seeds=FEWER,
    ),
    PerceptronStudy(
        "data",
        "Does it hold on another noise, other digits?",
        pairs({f"data seed {n}": {"data_seed": n} for n in (0, 1, 2)}),
        tasks=("telecom", "mnist"),
        seeds=FEWER,
    ),
    PerceptronStudy(
        "points",
        "What do three training points say?",
        pairs({"3 points": {}, **{f"{n} points": {"points": n} for n in (8, 16, 64)}}),
        tasks=("curve",),
        ambiguities=(18,),
    ),
    PerceptronStudy(
        "digits",
        "Does it hold with more digits per class?",
        pairs({"200 per class": {}, "400 per class": {"per_class": 400}}),
        tasks=("mnist",),
        ambiguities=(16,),
    ),
    PerceptronStudy(
        "telecom-data",
        "Does the released telecom target, one step skipped, change the outcome?",
        pairs({"one step ahead": {}, "as released": {"data": "as-released"}}),
        tasks=("telecom",),
        ambiguities=(17,),
    ),
    PerceptronStudy(
        "readings",
        "Does training on the released penalties instead of the data change the outcome?",
        (
            *pair("as-written", {}),
            *pair("as-released", {"reading": "as-released"}, by_task={"mnist": {"per_class": 200}}),
        ),
        ambiguities=(1,),
    ),
    PerceptronStudy(
        "sellier",
        "Is Sellier's plateau the method's or the released variant's?",
        (
            row("no-init", "no-init"),
            row("sellier", "sellier", "no-init"),
            row("sellier, as released, shared start", "sellier-released", "sellier"),
            # On MNIST the closure, Gaussians, is the default.
            row("sellier, Gaussians", "sellier", "sellier", ("curve", "curve-64", "telecom"), form="closure"),
            row("Gaussians, no Hartree term", "sellier", "sellier", form="closure", kappa=0.0),
            row("Gaussians, imaginary time", "sellier", "sellier", form="closure", time="imaginary"),
            row("Gaussians, dt = 0.4", "sellier", "sellier", form="closure", dt=0.4),
            row("heavy ball", "heavy-ball", "sellier"),
            *(
                row(f"heavy ball, friction {v:g}", "heavy-ball", "heavy ball", friction=v)
                for v in (0.01, 0.03, 0.1)
            ),
            row("heavy ball, friction 0.1, step 0.01", "heavy-ball", "no-init", friction=0.1, eta_n=0.01),
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


def study(name: str) -> PerceptronStudy:
    """Return a study by its name; raise ValueError if there is none."""
    return {s.name: s for s in STUDIES}[_checks.choice("study", name, [s.name for s in STUDIES])]
