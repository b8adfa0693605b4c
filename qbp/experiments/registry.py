"""Kinds of experiments: for each, its configuration, what runs it, and the code its numbers rest on.

Whatever stores, lists or recomputes runs asks here, so that a new kind of experiment is one entry.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from qbp import _checks
from qbp._arguments import takes
from qbp.experiments import circuits, regression, runner
from qbp.experiments.fits.ground import GroundExperiment
from qbp.experiments.fits.methods import METHODS as FITTED
from qbp.experiments.fits.settings import FitExperiment
from qbp.experiments.later_versions import cloning, wine
from qbp.experiments.perceptrons import EXPERIMENTS, Experiment
from qbp.experiments.remedies.configuration import RemedyExperiment
from qbp.experiments.settings import ALIASES, Settings, chosen_fields
from qbp.experiments.terrain import circuits as circuit_terrain
from qbp.experiments.terrain import perceptrons as terrain
from qbp.remedies.registry import remedy

if TYPE_CHECKING:
    from qbp.experiments.result import Result

# Modules that change no number: a result is what a run leaves behind, arguments are refused or left alone.
APART = frozenset({"qbp", "qbp.experiments.result", "qbp._arguments", "qbp._threads"})  # "qbp": public names
# Paths of one engine, held together by tests: which of them runs changes rounding only.
PATHS = frozenset(
    {
        "qbp.circuits.adjoint",
        "qbp.circuits.layers",
        "qbp.circuits.kernel.loading",
        "qbp.circuits.kernel.closings",
        "qbp.circuits.kernel.plan",
        "qbp.circuits.kernel.evolution",
        "qbp.circuits.kernel.passes",
        "qbp.circuits.kernel.preparation",
        "qbp.circuits.kernel.rewriting",
        "qbp.circuits.kernel.stages",
        "qbp.circuits.kernel.training",
        "qbp.circuits.lowering.frames",
        "qbp.circuits.training.compiled",
        "qbp.circuits.kernel.loops",
        "qbp.remedies.compiled",
        "qbp.remedies.loops",
    }
)


@dataclass(frozen=True)
class Kind:
    """A kind of experiment.

    Attributes:
        config: its frozen configuration, a :class:`~qbp.experiments.settings.Settings`; it has `experiment`,
            `method`, `seeds`, `seed`, `steps`, `record_every`, `device` and `dtype`.
        run: configuration -> :class:`~qbp.experiments.result.Result`.
        apart: modules whose code no number depends on.
        verb: the subcommand of `qbp` that runs it.
        records: configuration -> the steps it records, ascending.
        metrics: what a summary shows, as far as a run has it.
        targets: {experiment: where in the paper}.
        among: runs in a batch that adds up its sums in another order than one run alone does.
        own: configuration -> dotted names of what its numbers depend on beside that.
    """

    config: "type[Settings]"
    run: "Callable[..., Result]" = runner.run
    apart: frozenset[str] = APART
    verb: str = "run"
    records: Callable[[Any], Sequence[int]] = lambda c: [*range(0, c.budget, c.record_every), c.budget]
    metrics: tuple[str, ...] = ("loss", "train_loss", "val_loss", "accuracy")
    targets: Mapping[str, str] = field(default_factory=dict)
    among: int = 3
    own: Callable[[Any], tuple[str, ...]] = lambda c: ()

    @property
    def roots(self) -> tuple[str, ...]:
        """Dotted names of the configuration and of what runs it, on which every number depends."""
        return tuple(f"{root.__module__}.{root.__qualname__}" for root in (self.config, self.run))


PERCEPTRONS = Kind(Experiment, targets={name: task.where for name, task in EXPERIMENTS.items()})
SURVEYS = Kind(Experiment, terrain.survey, verb="terrain", records=terrain.records)
CIRCUITS = Kind(
    circuits.CircuitExperiment,
    apart=APART | PATHS,
    metrics=("energy", "error", "convex", "snr", "evaluations"),
    targets={"vqe": "title, III: Algorithm 1 on circuits"},
    among=20,  # the kernel puts few runs into its vectors as it puts one
)
REGRESSION = Kind(
    regression.RegressionExperiment,
    apart=APART | PATHS,
    metrics=("loss", "train_loss", "val_loss", "accuracy", "val_loss_shots", "val_loss_channels"),
    targets={"pqc": "the later notebook"},
)
CLONING = Kind(
    cloning.CloningExperiment,
    apart=APART | PATHS,
    metrics=("fidelity", "fidelity_channels", "loss"),
    targets={"cloning": "versions 1 and 3: BB84"},
    among=20,
)
WINE = Kind(
    wine.WineExperiment,
    apart=APART | PATHS,
    metrics=("train_loss", "val_loss"),
    targets={"wine": "the later versions: Wine"},
    among=20,
)
FITS = Kind(
    FitExperiment,
    apart=APART | PATHS,
    metrics=("loss", "train_loss", "val_loss", "accuracy", "evaluations"),
    targets={"fit": "title: two steps of least squares"},
)
GROUND = Kind(
    GroundExperiment,
    apart=APART | PATHS,
    metrics=("energy", "error", "plain_error", "evaluations"),
    targets={"ground": "title: two steps of least squares"},
    among=20,
)
CIRCUIT_SURVEYS = Kind(
    circuits.CircuitExperiment,
    circuit_terrain.survey,
    apart=APART | PATHS,
    verb=SURVEYS.verb,
    records=circuit_terrain.records,
    among=CIRCUITS.among,
)
REMEDIES = Kind(
    RemedyExperiment,
    apart=APART | PATHS | {"qbp.remedies.registry", "qbp.remedies.rates"},
    metrics=("error", "energy", "task_grad_rms", "evaluations", "shots"),
    targets={"remedies": "abstract, V: what helps"},
    among=CIRCUITS.among,
    own=lambda config: (remedy(config.method).root,),  # a remedy more moves no digest of the others
)
KINDS: dict[str, Kind] = {
    **dict.fromkeys(EXPERIMENTS, PERCEPTRONS),
    "vqe": CIRCUITS,
    "pqc": REGRESSION,
    "fit": FITS,
    "ground": GROUND,
    "cloning": CLONING,
    "wine": WINE,
    "remedies": REMEDIES,
}
SURVEYED: dict[str, Kind] = {**dict.fromkeys(EXPERIMENTS, SURVEYS), "vqe": CIRCUIT_SURVEYS}


def of(experiment: str, verb: str = "run") -> Kind:
    """Return the kind of an experiment that a subcommand of `qbp` runs: a survey for that of surveys.

    Raises:
        ValueError: there is none of this name.
    """
    kinds = SURVEYED if isinstance(verb, str) and verb == SURVEYS.verb else KINDS
    return kinds[_checks.choice("experiment", experiment, kinds)]


@takes()
def experiment_of(experiment: str, methods: Iterable[str]) -> str:
    """Return what runs these methods: "remedies" for "vqe" with one that only these have, "fit" for "pqc"
    with one of the fits, else itself.

    Example:
        >>> experiment_of("vqe", ["random", "warm"]), experiment_of("vqe", ["random", "two-stage"])
        ('remedies', 'vqe')
        >>> experiment_of("pqc", ["no-init", "varpro"]), experiment_of("pqc", ["no-init", "two-stage-ridge"])
        ('fit', 'pqc')
    """
    names = {ALIASES.get(name, name) for name in methods}
    if experiment == "vqe" and names - set(circuits.METHODS) and names <= set(RemedyExperiment.methods):
        return "remedies"
    return (
        "fit" if experiment == "pqc" and names & (FITTED.keys() - regression.METHODS.keys()) else experiment
    )


@takes()
def configuration(plain: Mapping[str, Any], **more: Any) -> Any:
    """Return the configuration that plain data stand for, as a table stores them.

    Args:
        plain: {field: value}, with "experiment" among them.
        more: further fields, such as `seed` and `seeds`.

    Example:
        >>> configuration({"experiment": "curve"}, seeds=3).seeds
        3
    """
    if "experiment" not in plain:
        raise ValueError(f"plain must have an experiment, got {', '.join(map(str, plain)) or 'none'}")
    return of(plain["experiment"]).config(**plain, **more)


@takes()
def configurations(
    experiment: str, methods: Iterable[str], algorithm: Any = None, **options: Any
) -> "list[Settings]":
    """Return a configuration for each method; each takes those of the options that it has and does not fix.

    Args:
        experiment: its name.
        methods: their names.
        algorithm: fields of the algorithm of any method, or one as a configuration.
        options: fields of the configuration.

    Raises:
        ValueError: an option that none of the methods takes, or takes so; or the methods would differ in one
            that all of them have.
    """
    methods = list(methods)
    experiment = experiment_of(experiment, methods)
    config, chosen = of(experiment).config, chosen_fields(algorithm)
    if unknown := chosen.keys() - (takes := config.algorithm_options()):
        raise ValueError(
            f"algorithm has no field {min(unknown)!r} for any method; it takes {', '.join(sorted(takes))}"
        )
    configs, taken = [], set()
    for method in dict.fromkeys(ALIASES.get(name, name) for name in methods):
        own = {k: v for k, v in options.items() if k not in config.foreign(method)}
        usual = config(experiment, method=method, **own)
        free = {f.name for f in fields(usual.algorithm)} - usual.recipe.pinned.keys()
        fits = {k: v for k, v in chosen.items() if k in free}
        configs.append(config(experiment, method=method, algorithm=fits, **own))
        taken |= own.keys() | fits.keys()
    if untaken := (options.keys() | chosen.keys()) - taken:
        raise ValueError(f"{min(untaken)} is fixed in or foreign to each of the methods asked for")
    _check_shared(configs)
    return configs


def _check_shared(configs: "list[Settings]") -> None:
    """Raise ValueError where configurations differ in a field that no method fixes: a default may."""
    for f in fields(configs[0]) if configs else ():  # type: ignore[arg-type]  # a dataclass
        apart = {c.method for c in configs if f.name in {"method", "algorithm", *c.foreign(c.method)}}
        values = {c.method: getattr(c, f.name) for c in configs if c.method not in apart}
        if len(set(values.values())) > 1:
            said = ", ".join(f"{value!r} for {method}" for method, value in values.items())
            raise ValueError(
                f"{f.name} must be the same for all methods that are compared, got {said}: set it"
            )


def run(config: Any, progress: Callable[[int], Any] | None = None, verb: str = "run") -> "Result":
    """Run a configuration of any kind, as a subcommand does; see :func:`qbp.experiments.runner.run`.

    Raises:
        TypeError: `config` is no configuration.

    Example:
        >>> config = circuits.CircuitExperiment(qubits=2, layers=1, seeds=3, steps=1)
        >>> run(config).final("error").shape
        (3,)
    """
    if not isinstance(config, Settings):
        raise TypeError(
            f"config must be a configuration such as qbp.Experiment('curve'), got {_checks.kind_of(config)}"
        )
    return of(config.experiment, verb).run(config, progress)


@takes()
def compare(
    experiment: str, methods: Iterable[str], progress: Callable[[int], Any] | None = None, **options: Any
) -> "dict[str, Result]":
    """Run several methods on the same seeds, data, batches and budget: {name: Result}.

    Args:
        experiment: "curve", "telecom", "mnist", "vqe", "pqc", "fit", "ground" or "remedies".
        methods: names of methods, by which their results are called too.
        progress: as in :func:`qbp.experiments.runner.run`.
        options: fields of the configuration; `algorithm` here may name fields of any method, each takes those
            it has and does not fix itself.
    """
    methods = list(methods)
    experiment, names = experiment_of(experiment, methods), asked(methods)
    return {names[c.method]: run(c, progress) for c in configurations(experiment, methods, **options)}


@takes()
def asked(methods: Iterable[str]) -> dict[str, str]:
    """Return the name by which each method is asked for, the first of several: {method: name}.

    Example:
        >>> asked(["random", "two-stage", "no-init"])
        {'no-init': 'random', 'two-stage': 'two-stage'}
    """
    names: dict[str, str] = {}
    for name in methods:
        names.setdefault(ALIASES.get(name, name), name)
    return names
