"""Base of the configurations of experiments: common checks, and the algorithm that a method ends up with."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from qbp import _checks
from qbp.algorithm_1 import TwoStageConfig

if TYPE_CHECKING:
    from qbp.experiments.runner import Training

ALIASES = {"random": "no-init"}
NO_STAGE_1 = {"stage_1_steps": 0, "switching": "steps", "moments": "carried", "counting": "within"}
TASK_ALONE = {**NO_STAGE_1, "lambda_0": 0.0, "beta_0": 0.0}  # from the same random start


@dataclass(frozen=True)
class Recipe:
    """A method of an experiment as data.

    Attributes:
        pinned: fields of its algorithm that make the method what it is.
        own: fields that it sets unless told otherwise.
        algorithm: class of its algorithm.
    """

    pinned: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)
    algorithm: type = TwoStageConfig


class Settings:
    """Base of a frozen dataclass that determines a run; it has no fields, since their names make the keys.

    Attributes:
        experiments: names that `experiment` may have.
        methods: {name that `method` may have: its :class:`Recipe`}.
        counts: fields that are integers from 1 on.
        naturals: fields that are integers from 0 on.
    """

    experiments: ClassVar[Collection[str]]
    methods: ClassVar[Mapping[str, Any]]
    counts: ClassVar[tuple[str, ...]] = ("seeds", "record_every")
    naturals: ClassVar[tuple[str, ...]] = ("seed", "steps")

    if TYPE_CHECKING:  # fields of every configuration
        experiment: str
        method: str
        seeds: int
        seed: int | Any
        steps: int
        device: str
        dtype: str | Any
        record_every: int | Any
        algorithm: Any

        def __init__(self, *given: Any, **fields: Any) -> None: ...

        def training(self) -> "Training":
            """Return what the runner asks."""
            ...

    def cost(self) -> tuple[float, float]:
        """Estimate what the runs take: seconds on one core of a laptop, and bytes of memory."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        """Check every field and fill in those left at None, the algorithm last."""
        _checks.plain(self)
        _checks.choice("experiment", self.experiment, self.experiments)
        if isinstance(self.method, str):
            self._set("method", ALIASES.get(self.method, self.method))
        _checks.choice("method", self.method, self.methods)
        for name, value in self._usual().items():
            if getattr(self, name) is None:
                self._set(name, value)
        _checks.choice("dtype", self.dtype, ("float64", "float32"))
        for name in self.counts:
            _checks.integer(name, getattr(self, name))
        for name in self.naturals:
            _checks.integer(name, getattr(self, name), low=0, high=2**63)
        self._check()
        self._set("algorithm", self._resolved())

    @property
    def budget(self) -> int:
        """Steps that a run takes, `steps` and Stage 1's where they are counted on top."""
        return getattr(self.algorithm, "budget", self.steps)

    @property
    def run_seeds(self) -> range:
        """The seed of each run, where run r of seed S is the run that seed S + r gives alone."""
        return range(self.seed, self.seed + self.seeds)

    @property
    def recipe(self) -> Recipe:
        """The recipe of the method."""
        return self.methods[self.method]

    @classmethod
    def foreign(cls, method: str) -> Collection[str]:
        """Return the fields that a method does not have."""
        return ()

    @classmethod
    def algorithm_options(cls) -> set[str]:
        """Return the fields of the algorithms that a configuration may have."""
        hint = next(f.type for f in fields(cls) if f.name == "algorithm")  # type: ignore[arg-type]  # a dataclass below
        return {f.name for kind in get_args(hint) if is_dataclass(kind) for f in fields(kind)}

    def _usual(self) -> dict[str, Any]:
        """Return what fields left at None stand for."""
        return {}

    def _check(self) -> None:
        """Check the fields that not all configurations have."""

    def _own(self) -> Mapping[str, Any]:
        """Return the experiment's own defaults of the algorithm."""
        return {}

    def _held(self, n_params: int) -> float:
        """Return the bytes that all runs leave behind: parameters, records and the loss of each step."""
        records = self.budget / self.record_every + 2
        return 8.0 * self.seeds * (n_params + self.budget + 1 + 20 * records)

    def _resolved(self) -> Any:
        """Return own defaults, over them what was chosen, over both what the method fixes."""
        recipe, chosen = self.recipe, chosen_fields(self.algorithm)
        known = {f.name for f in fields(recipe.algorithm)}
        pinned = {**recipe.pinned, "steps": self.steps, "record_every": self.record_every}
        for name, value in chosen.items():
            if name not in known:
                takes = ", ".join(sorted(known))
                raise ValueError(
                    f"algorithm has no field {name!r} for method {self.method}; it takes {takes}"
                )
            if name in pinned and value != pinned[name]:
                where = " ".join([self.method, getattr(self, "reading", "")]).strip()
                raise ValueError(f"{name} is {pinned[name]!r} in method {where}, got {value!r}")
        return recipe.algorithm(**{**self._own(), **recipe.own, **chosen, **pinned})

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


def chosen_fields(algorithm: Any) -> dict[str, Any]:
    """Return some fields of an algorithm, or all as a configuration, without those of the experiment.

    Example:
        >>> chosen_fields({"eta_c": 0.1}), chosen_fields(None), "steps" in chosen_fields(TwoStageConfig())
        ({'eta_c': 0.1}, {}, False)
    """
    if algorithm is None or isinstance(algorithm, Mapping):
        return dict(algorithm or {})
    if not is_dataclass(algorithm):
        what = "a configuration such as TwoStageConfig, or a mapping of some of its fields"
        raise TypeError(f"algorithm must be {what}, got {_checks.kind_of(algorithm)}")
    names = (f.name for f in fields(algorithm))
    return {name: getattr(algorithm, name) for name in names if name not in ("steps", "record_every")}


def as_plain(config: Any) -> dict[str, Any]:
    """Return the fields of a configuration and of its algorithm as plain data, in their order.

    Options that came later than stored results are left out where they have their default, so that the keys
    of these results stay.

    Example:
        >>> "eta_c" in as_plain(TwoStageConfig()), "moments" in as_plain(TwoStageConfig())
        (True, False)
    """
    values = {f: getattr(config, f.name) for f in fields(config)}
    return {
        f.name: as_plain(value) if is_dataclass(value) else value
        for f, value in values.items()
        if not (f.metadata.get("later") and value == f.default)
    }
