"""What is run beside the paper's own comparisons, as data: studies of one question each, and their tables.

A :class:`Study` has rows; a row is a configuration on each task and the row it is compared with, on the same
seeds.  A configuration is computed once, stored in one table, and may stand in many studies.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from qbp import _checks, results
from qbp.configs import Experiment
from qbp.experiments import Result

TASKS: dict[str, dict[str, Any]] = {  # the paper's three, and the curve on more than three points
    "curve": {"experiment": "curve"},
    "curve-64": {"experiment": "curve", "points": 64},
    "telecom": {"experiment": "telecom"},
    "mnist": {"experiment": "mnist"},
}
EPOCH = {"curve": 1, "curve-64": 4, "telecom": 64, "mnist": 125}  # steps that see the training set once
WRITTEN = ("two-stage", "two-stage-ridge", "no-init", "sellier")
RELEASED = ("two-stage", "no-init", "sellier")
FEW = ("loss", "train_loss", "val_loss", "accuracy", "held_loss", "task_grad_norm", "task_grad_var")
FEW += ("stage", "tau_g", "spread", "diverged")
MAIN_EVERY, EVERY = 10, 50  # steps between records: of the comparisons, of every other row


@dataclass(frozen=True)
class Row:
    """One line of a study.

    Attributes:
        label: what is changed; unique in the study.
        options: fields of :class:`~qbp.configs.Experiment`, those of the algorithm under "algorithm".
        against: label of the row it is compared with; empty for a row that is only compared with.
        by_task: further options on one task, {task: options}; they replace `options` name by name.
    """

    label: str
    options: Mapping[str, Any]
    against: str = ""
    by_task: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A question and the rows that answer it.

    Attributes:
        name: short name.
        question: what it asks.
        rows: the lines of its table, baselines first.
        tasks: where it is asked, of TASKS.
        ambiguities: rows of the chapter on ambiguities that it measures.
        seeds: {task: runs} where that is not 20.
    """

    name: str
    question: str
    rows: tuple[Row, ...]
    tasks: tuple[str, ...] = tuple(TASKS)
    ambiguities: tuple[int, ...] = ()
    seeds: Mapping[str, int] = field(default_factory=dict)

    def configs(self, task: str) -> dict[str, Experiment]:
        """Return {label: configuration} of one task."""
        _checks.choice("task", task, self.tasks)
        found = {}
        for row in self.rows:
            options = {**TASKS[task], **row.options, **row.by_task.get(task, {})}
            found[row.label] = _config(seeds=self.seeds.get(task, 20), **options)
        return found


@dataclass(frozen=True)
class Table:
    """A file of results.

    Attributes:
        target: the item of the paper it speaks to.
        configs: {key: configuration}.
        metrics: what is stored of the histories; None is everything.
    """

    target: str
    configs: Mapping[str, Experiment]
    metrics: tuple[str, ...] | None = None


def _config(**options: Any) -> Experiment:
    """Return a configuration; one that a comparison has too is that one, with its more frequent records."""
    every = options.pop("record_every", None)
    often = Experiment(record_every=every or MAIN_EVERY, **options)
    if every or results.key(often) in _MAIN_KEYS:
        return often
    return Experiment(record_every=EVERY, **options)


def _two(**algorithm: Any) -> dict[str, Any]:
    return {"method": "two-stage", "algorithm": algorithm}


def _pair(
    what: str,
    options: Mapping[str, Any],
    methods: Iterable[str] = ("no-init", "two-stage"),
    by_task: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Iterator[Row]:
    """Yield a row per method with the same options, each method compared with the first."""
    first, *others = methods
    yield Row(f"{first}, {what}", {"method": first, **options}, by_task=by_task)
    for method in others:
        against = f"{first}, {what}"
        yield Row(f"{method}, {what}", {"method": method, **options}, against, by_task)


def _pairs(choices: Mapping[str, Mapping[str, Any]], methods: Iterable[str] = ("no-init", "two-stage")):
    return tuple(row for what, options in choices.items() for row in _pair(what, options, tuple(methods)))


def _sweep(choices: Mapping[str, Mapping[str, Any]], base: str = "two-stage") -> tuple[Row, ...]:
    """Return the base method as it is, and one row per changed setting of it, compared with that."""
    rows = [Row(label, {"method": base, **options}, against=base) for label, options in choices.items()]
    return Row(base, {"method": base}), *rows


def _set(**algorithm: Any) -> dict[str, Any]:
    return {"algorithm": algorithm}


FEWER = {"mnist": 10}  # seeds where a run takes long and the row is secondary
BATCHED = ("curve-64", "telecom", "mnist")  # three points are one batch

_COMPARISONS = {  # table: target, options, methods, metrics
    "curve": ("IV.B, Fig. 1a", {"experiment": "curve"}, WRITTEN, None),
    "curve-as-released": ("IV.B, Fig. 1a", {"experiment": "curve"}, RELEASED, None),
    "telecom": ("IV.C, Fig. 1b", {"experiment": "telecom"}, WRITTEN, None),
    "telecom-as-released": ("IV.C, Fig. 1b", {"experiment": "telecom"}, RELEASED, None),
    "mnist": ("IV.D, Fig. 1c", {"experiment": "mnist"}, WRITTEN, None),
    "mnist-as-released": ("IV.D, Fig. 1c", {"experiment": "mnist"}, RELEASED, None),
    "curve-64": ("IV.B on 64 points", TASKS["curve-64"], WRITTEN, FEW),
    "curve-64-as-released": ("IV.B on 64 points", TASKS["curve-64"], RELEASED, FEW),
    "mnist-400": ("IV.D, 400 per class", {"experiment": "mnist", "per_class": 400}, WRITTEN, FEW),
    "mnist-200-as-released": (
        "IV.D, 200 per class", {"experiment": "mnist", "per_class": 200}, RELEASED, FEW,
    ),
    "curve-steps": ("IV.B, every step", {**TASKS["curve"], "record_every": 1}, WRITTEN, ("train_loss",)),
    "curve-64-steps": (
        "IV.B on 64 points, every step", {**TASKS["curve-64"], "record_every": 1}, WRITTEN, ("train_loss",),
    ),
}  # fmt: skip


def _comparison(name: str) -> Table:
    target, options, methods, metrics = _COMPARISONS[name]
    reading = "as-released" if name.endswith("as-released") else "as-written"
    chosen = {"record_every": MAIN_EVERY, "reading": reading, **options}
    configs = [Experiment(method=method, **chosen) for method in methods]
    return Table(target, {results.key(c): c for c in configs}, metrics)


COMPARISONS = {name: _comparison(name) for name in _COMPARISONS}
_MAIN_KEYS = {key for table in COMPARISONS.values() for key in table.configs}

STUDIES: tuple[Study, ...] = (
    Study(
        "components",
        "What does each part of the method do?",
        (
            Row("no-init", {"method": "no-init"}),
            Row("two-stage", _two(), against="no-init"),
            Row("Stage 1 only", _two(stage_1_steps=501), against="two-stage"),
            Row("Stage 2 only", _two(stage_1_steps=0), against="two-stage"),
            Row("beta = 0", _two(beta_0=0.0), against="two-stage"),
            Row("lam = 0", _two(lambda_0=0.0), against="two-stage"),
            Row("lam = beta = 0", _two(lambda_0=0.0, beta_0=0.0), against="two-stage"),
            Row("no annealing", _two(lambda_decay=1.0, beta_decay=1.0), against="two-stage"),
            Row("Stage 2 only, lam = 0", _two(stage_1_steps=0, lambda_0=0.0), against="no-init"),
        ),
        ambiguities=(12,),
    ),
    Study(
        "stage-1",
        "Gradient steps or ridge regression as Stage 1?",
        (
            Row("no-init", {"method": "no-init"}),
            Row("two-stage", _two(), against="no-init"),
            Row("two-stage-ridge", {"method": "two-stage-ridge"}, against="two-stage"),
            Row(
                "ridge, then the task alone",
                {"method": "two-stage-ridge", **_set(lambda_0=0.0, beta_0=0.0)},
                against="two-stage-ridge",
            ),
        ),
        ambiguities=(5,),
    ),
    Study(
        "ridge-strength",
        "How strong should the ridge of eq. 2 be?",
        _sweep(
            {f"ridge = {value:g}": {"ridge": value} for value in (1e-6, 1e-5, 1e-4, 1e-2, 1e-1)},
            base="two-stage-ridge",
        ),
        ambiguities=(6,),
    ),
    Study(
        "stage-1-length",
        "How long should Stage 1 be?",
        _sweep({f"{n} steps": _set(stage_1_steps=n) for n in (0, 25, 50, 102, 200, 400)}),
        ambiguities=(9,),
    ),
    Study(
        "switching",
        "When does eq. 3 end Stage 1?",
        _sweep(
            {
                "threshold": _set(switching="threshold"),
                "plateau": _set(switching="plateau"),
                "threshold or plateau": _set(switching="threshold-or-plateau"),
                "never: the cap of 250": _set(switching="threshold", tau_g=1e9),
                "threshold, rms norm": _set(switching="threshold", norm="rms"),
                "threshold, squared norm": _set(switching="threshold", norm="mean-square"),
                "plateau, squared norm": _set(switching="plateau", norm="mean-square"),
            }
        ),
        ambiguities=(7, 8),
        seeds=FEWER,
    ),
    Study(
        "blend",
        "What do lambda_0 and its annealing do?",
        (
            *_sweep(
                {
                    **{f"lambda_0 = {v:g}": _set(lambda_0=v) for v in (0.0, 0.3, 0.5, 1.0)},
                    "lambda decays by 0.9": _set(lambda_decay=0.9),
                    "lambda constant": _set(lambda_decay=1.0),
                    "released no-init on the data": _set(stage_1_steps=0, lambda_0=0.3),
                }
            ),
        ),
        ambiguities=(10, 11),
        seeds=FEWER,
    ),
    Study(
        "oscillation",
        "What do amplitude, frequency, phase and annealing of R_osc do?",
        _sweep(
            {
                "amplitude 0": _set(beta_0=0.0),
                "amplitude 0.1": _set(amplitude=0.1),
                "amplitude 10": _set(amplitude=10.0),
                **{f"omega = {v:g}": _set(omega=v) for v in (1.0, 2.0, 8.0, 16.0)},
                "phi = 0": {"phi": 0.0},
                "beta constant": _set(beta_decay=1.0),
            }
        ),
        ambiguities=(13,),
        seeds=FEWER,
    ),
    Study(
        "annealing",
        "Does it matter when lambda and beta are annealed?",
        (
            *_sweep({"before the loss": _set(anneal="before")}),
            Row(
                "per epoch, spread over its steps",
                {"method": "two-stage"},
                against="two-stage",
                by_task={
                    task: _set(lambda_decay=0.98 ** (1 / n), beta_decay=0.99 ** (1 / n))
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
        _pairs(
            {
                "adamw": {},
                "adam": _set(optimizer="adam"),
                "gd 0.001": _set(optimizer="gd"),
                "gd 0.1": _set(optimizer="gd", eta_c=0.1, eta_n=0.1),
            }
        ),
        ambiguities=(15,),
        seeds=FEWER,
    ),
    Study(
        "rates",
        "Do the step sizes eta_c and eta_n decide?",
        _pairs({f"eta = {v:g}": _set(eta_c=v, eta_n=v) for v in (1e-4, 1e-3, 1e-2)}),
        ambiguities=(23,),
        seeds=FEWER,
    ),
    Study(
        "weight-decay",
        "Does plain weight decay do what the oscillation is said to do?",
        (
            Row("no-init", {"method": "no-init"}),
            *(
                Row(f"no-init, weight decay {v:g}", {"method": "no-init", **_set(weight_decay=v)}, "no-init")
                for v in (0.0, 0.1, 1.0)
            ),
            Row("two-stage", _two(), against="no-init"),
            Row("two-stage, weight decay 0", _two(weight_decay=0.0), against="two-stage"),
        ),
        ambiguities=(15,),
    ),
    Study(
        "early-stopping",
        "Does early stopping on a fifth of the training set do as well, at an equal budget?",
        _pairs({"a fifth held out": {"holdout": 0.2, "record_every": MAIN_EVERY}}),
    ),
    Study(
        "width",
        "Does the number of hidden units decide?",
        _pairs({f"{n} hidden units": {"n_hidden": n} for n in (16, 64, 256)}),
        seeds=FEWER,
    ),
    Study(
        "depth",
        "Does it hold across depths?",
        _pairs(
            {f"{n} hidden layers of 64": {"n_hidden": 64, "n_layers": n} for n in (1, 2, 4, 8)},
            ("no-init", "two-stage", "two-stage-ridge"),
        ),
        seeds=FEWER,
    ),
    Study(
        "batch",
        "Does the size of a mini-batch decide?",
        _pairs({f"batches of {n}": {"batch_size": n} for n in (4, 16, 64)}),
        tasks=BATCHED,
        seeds=FEWER,
    ),
    Study(
        "budget",
        "Does it hold with more steps?",
        _pairs({"500 steps": {}, "1000 steps": {"steps": 1000}, "2000 steps": {"steps": 2000}}),
        tasks=("curve", "curve-64", "telecom"),
        ambiguities=(22,),
    ),
    Study(
        "budget-mnist",
        "Does it hold with more steps on MNIST?",
        _pairs({"500 steps": {}, "1000 steps": {"steps": 1000}}),
        tasks=("mnist",),
        ambiguities=(22,),
        seeds=FEWER,
    ),
    Study(
        "data",
        "Does it hold on another noise, other digits?",
        _pairs({f"data seed {n}": {"data_seed": n} for n in (0, 1, 2)}),
        tasks=("telecom", "mnist"),
        seeds=FEWER,
    ),
    Study(
        "points",
        "What do three training points say?",
        _pairs({"3 points": {}, **{f"{n} points": {"points": n} for n in (8, 16, 64)}}),
        tasks=("curve",),
        ambiguities=(18,),
    ),
    Study(
        "digits",
        "Does it hold with more digits per class?",
        _pairs({"200 per class": {}, "400 per class": {"per_class": 400}}),
        tasks=("mnist",),
        ambiguities=(16,),
    ),
    Study(
        "telecom-data",
        "Does the released telecom target, one step skipped, change the outcome?",
        _pairs({"one step ahead": {}, "as released": {"data": "as-released"}}),
        tasks=("telecom",),
        ambiguities=(17,),
    ),
    Study(
        "readings",
        "Does training on the released penalties instead of the data change the outcome?",
        (
            *_pair("as-written", {}),
            *_pair("as-released", {"reading": "as-released"}, by_task={"mnist": {"per_class": 200}}),
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
            Row("sellier, Gaussians", {"method": "sellier", **_set(form="closure")}, against="sellier"),
            Row(
                "Gaussians, no Hartree term",
                {"method": "sellier", **_set(form="closure", kappa=0.0)},
                against="sellier",
            ),
            Row(
                "Gaussians, imaginary time",
                {"method": "sellier", **_set(form="closure", time="imaginary")},
                against="sellier",
            ),
            Row(
                "Gaussians, dt = 0.4",
                {"method": "sellier", **_set(form="closure", dt=0.4)},
                against="sellier",
            ),
            Row("heavy ball", {"method": "heavy-ball"}, against="sellier"),
            *(
                Row(
                    f"heavy ball, friction {v:g}",
                    {"method": "heavy-ball", **_set(friction=v)},
                    against="heavy ball",
                )
                for v in (0.01, 0.03, 0.1)
            ),
            Row(
                "heavy ball, friction 0.1, step 0.01",
                {"method": "heavy-ball", **_set(friction=0.1, eta_n=0.01)},
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
                key = results.key(config)
                if key in _MAIN_KEYS:
                    continue
                own = extra.setdefault(name, {})
                kept = next((table for table in extra.values() if key in table), own)
                if key not in kept or kept[key].seeds < config.seeds:
                    kept[key] = config
    targets = {"sellier-variants": "IV, [6]"}
    for name in sorted(filter(extra.get, extra)):
        found[name] = Table(targets.get(name, "III, IV: every choice"), extra[name], FEW)
    return found


def load(name: str, task: str, directory: Path = results.DIRECTORY) -> dict[str, Result]:
    """Read a study's rows on one task: {label: Result}, all on the same, its fewest, seeds per reading.

    Args:
        name: of the study.
        task: one of its tasks.
        directory: the results folder.

    Raises:
        ValueError: there is no such study, or a table it needs is not there.
    """
    wanted = {label: results.key(c) for label, c in study(name).configs(task).items()}
    parts: dict[str, Result] = {}
    for table, content in tables().items():
        if keys := set(wanted.values()) & content.configs.keys():
            parts |= results.load_keys(table, keys, directory=directory)
    if lacking := [label for label, key in wanted.items() if key not in parts]:
        raise ValueError(f"{name} on {task} lacks {', '.join(lacking)}: run `qbp grid`")
    fewest = min(parts[key].config.seeds for key in wanted.values())
    return {label: first_seeds(parts[key], fewest) for label, key in wanted.items()}


def first_seeds(result: Result, count: int) -> Result:
    """Return a result with its first `count` runs alone."""
    history = {metric: values[:count] for metric, values in result.history.items()}
    config = replace(result.config, seeds=min(count, result.config.seeds))
    return replace(result, config=config, history=history, diverged=np.asarray(result.diverged)[:count])
