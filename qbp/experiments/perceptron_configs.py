"""An experiment of the paper as a frozen configuration (Section IV), in two readings.

"as-released" is what the released notebook computes: penalties on the weights for its first two methods, its
start and batches, float32.  "as-written" is what the text says: the data loss as the task of every method.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args

from qbp import _checks
from qbp._checks import option
from qbp.algorithm_1 import TwoStageConfig
from qbp.baseline.loop import SellierConfig
from qbp.baseline.waves import WaveConfig

EXPERIMENTS = {"curve": 250, "telecom": 250, "mnist": 128}  # name -> hidden units (Section IV.B-D)
METHODS = ("two-stage", "two-stage-ridge", "no-init", "heavy-ball", "sellier-released", "sellier")
READINGS = ("as-written", "as-released")
ALIASES = {"random": "no-init"}

CLOSURE = ("mnist",)  # experiments with too many weights for a wave each
WAVES = WaveConfig()
NEWTON = {"eta_n": (WAVES.kinetic * WAVES.dt) ** 2}  # the step of a packet's mean per unit of force
RELEASED = {"amplitude": 0.1, "anneal": "before"}
NO_STAGE_1 = {"stage_1_steps": 0, "switching": "steps"}
PINNED: dict[tuple[str, str], dict[str, Any]] = {  # what makes a method the method it is, in each reading
    ("two-stage", "as-written"): {},
    ("two-stage", "as-released"): {"stage_1_steps": 102, **RELEASED},
    ("two-stage-ridge", "as-written"): NO_STAGE_1,
    ("no-init", "as-written"): {**NO_STAGE_1, "lambda_0": 0.0, "beta_0": 0.0},
    ("no-init", "as-released"): {**NO_STAGE_1, "lambda_0": 0.3, **RELEASED},
    ("heavy-ball", "as-written"): {**NO_STAGE_1, "lambda_0": 0.0, "beta_0": 0.0, "optimizer": "heavy-ball"},
    ("sellier-released", "as-written"): {},  # the notebook's packets from the shared start, in float64
    ("sellier", "as-written"): {},
    ("sellier", "as-released"): {},
}

Algorithm = TwoStageConfig | WaveConfig | SellierConfig


@dataclass(frozen=True)
class Experiment:
    """Everything that determines a run; fields left at None take the value of the experiment and the reading.

    Example:
        >>> config = Experiment("curve", method="two-stage", reading="as-released")
        >>> config.seed, config.dtype, config.algorithm.stage_1_steps
        (42, 'float32', 102)
    """

    experiment: str
    method: str = option("two-stage", "how to train")
    reading: str = option(
        "as-written", "as-written: the data loss; as-released: what the released notebook computes"
    )
    seeds: int = option(20, "number of runs")
    seed: int | Any = option(
        None, "seed of the first run; the next ones count up (default 0; 42 as released)"
    )
    steps: int = option(500, "training steps of every method")
    device: str = option("auto", "auto, cpu, cuda, cuda:1 ...; auto means CUDA where there is one")
    dtype: str | Any = option(None, "float64 or float32 (default float64; float32 as released)")
    record_every: int | Any = option(
        None, "keep metrics each so many steps (default 1 for curve, 10 otherwise)"
    )
    n_hidden: int | Any = option(None, "hidden units (default 250; 128 for mnist)")
    n_layers: int = option(1, "hidden layers")
    batch_size: int = option(16, "samples in a mini-batch, at most the training set")
    points: int = option(3, "curve: training points; 3 are the released notebook's")
    per_class: int | Any = option(
        None, "mnist: training digits per class (default 200; as released 400, or 500 with --mnist)"
    )
    mnist: str | None = option(None, "mnist: folder with the four IDX files of the full set")
    data: str | None = option(
        None, "telecom: as-written or as-released windows and scale (default those of the reading)"
    )
    holdout: float = option(
        0.0, "share of the training samples kept from training; their loss is recorded as held_loss"
    )
    data_seed: int = option(0, "seed of the data: telecom noise, choice of digits; the same for every run")
    ridge: float = option(1e-3, "two-stage-ridge: strength of eq. 2")
    phi: float | None = option(
        None, "phase of R_osc in radians (default uniform on [0, 2 pi) per run; 0 as released)"
    )
    algorithm: Algorithm | Any = None  # made of a mapping of some of its fields or None

    def __post_init__(self) -> None:
        """Check every field and fill in those left at None."""
        released = self.reading == "as-released"
        given = {
            "method": ALIASES.get(self.method, self.method),
            "seed": 42 if released else 0,
            "dtype": "float32" if released else "float64",
            "record_every": 1 if self.experiment == "curve" else 10,
            "n_hidden": EXPERIMENTS.get(self.experiment),
            "data": self.reading,
        }
        if self.experiment == "mnist":
            given["per_class"] = (400 if self.mnist is None else 500) if released else 200
        for name, value in given.items():
            if name == "method" or getattr(self, name) is None:
                object.__setattr__(self, name, value)
        _checks.choice("experiment", self.experiment, EXPERIMENTS)
        _checks.choice("method", self.method, METHODS)
        _checks.choice("reading", self.reading, READINGS)
        _checks.choice("dtype", self.dtype, ("float64", "float32"))
        for name, owner in {"points": "curve", "per_class": "mnist", "mnist": "mnist"}.items():
            value, unset = getattr(self, name), type(self).__dataclass_fields__[name].default
            if self.experiment != owner and value != unset:
                raise ValueError(f"{name} is an option of {owner}, got {value!r} for {self.experiment}")
        _checks.choice("data", self.data, READINGS)
        if self.data != self.reading and self.experiment != "telecom":
            raise ValueError(f"data is an option of telecom, got {self.data!r} for {self.experiment}")
        if released and self.n_layers != 1:
            raise ValueError(f"n_layers is 1 in the released notebook, got {self.n_layers!r}")
        if not 0 <= _checks.number("holdout", self.holdout) < 1:
            raise ValueError(f"holdout must be at least 0 and below 1, got {self.holdout}")
        for name in ("seeds", "record_every", "n_hidden", "n_layers", "batch_size"):
            _checks.integer(name, getattr(self, name))
        if self.per_class is not None:
            _checks.integer("per_class", self.per_class)
        for name in ("seed", "steps", "data_seed"):
            _checks.integer(name, getattr(self, name), low=0, high=2**63)
        _checks.integer("points", self.points, low=2)
        _checks.number("ridge", self.ridge, low=0, strict=True)
        if self.phi is not None:
            _checks.number("phi", self.phi)
        object.__setattr__(self, "algorithm", self._algorithm())

    @property
    def run_seeds(self) -> range:
        """The seed of each run, where run r of seed S is the run that seed S + r gives alone."""
        return range(self.seed, self.seed + self.seeds)

    def _algorithm(self) -> Algorithm:
        if (self.method, self.reading) not in PINNED:
            raise ValueError(f"method {self.method!r} is not in the released notebook: take it as-written")
        pinned = {**PINNED[self.method, self.reading], "steps": self.steps, "record_every": self.record_every}
        chosen = self.algorithm or {}
        kind: type[Algorithm] = TwoStageConfig
        if self.method in ("sellier", "sellier-released"):
            kind = WaveConfig if (self.method, self.reading) == ("sellier", "as-written") else SellierConfig
        own: dict[str, Any] = NEWTON if self.method == "heavy-ball" else {}
        if kind is WaveConfig and self.experiment in CLOSURE:
            own = {"form": "closure"}
        if not isinstance(chosen, Mapping):
            chosen = {f.name: getattr(chosen, f.name) for f in fields(chosen)}
            chosen = {k: v for k, v in chosen.items() if k not in ("steps", "record_every")}  # fields of ours
        known = {f.name for f in fields(kind)}
        for name, value in chosen.items():
            if name not in known:
                takes = ", ".join(sorted(known))
                raise ValueError(
                    f"algorithm has no field {name!r} for method {self.method}; it takes {takes}"
                )
            if name in pinned and value != pinned[name]:
                raise ValueError(
                    f"{name} is {pinned[name]!r} in method {self.method} {self.reading}, got {value!r}"
                )
        return kind(**{**own, **chosen, **pinned})


def configurations(experiment: str, methods: Iterable[str], **options: Any) -> list[Experiment]:
    """Return the configurations that :func:`qbp.experiments.perceptrons.compare` runs."""
    chosen, reading = options.pop("algorithm", None) or {}, options.get("reading", "as-written")
    if not isinstance(chosen, Mapping):
        chosen = {f.name: getattr(chosen, f.name) for f in fields(chosen)}
    takes = {f.name for kind in get_args(Algorithm) for f in fields(kind)}
    if unknown := chosen.keys() - takes:
        raise ValueError(
            f"algorithm has no field {min(unknown)!r} for any method; it takes {', '.join(sorted(takes))}"
        )
    configs, taken = [], set()
    for method in dict.fromkeys(ALIASES.get(name, name) for name in methods):
        plain = Experiment(experiment, method=method, **options)
        known = {f.name for f in fields(plain.algorithm)} - PINNED[method, reading].keys()
        taken |= known & chosen.keys()
        configs.append(
            Experiment(
                experiment,
                method=method,
                algorithm={k: v for k, v in chosen.items() if k in known},
                **options,
            )
        )
    if untaken := chosen.keys() - taken:
        raise ValueError(f"{min(untaken)} is fixed in or foreign to each of the methods asked for")
    return configs
