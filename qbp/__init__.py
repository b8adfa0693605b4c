"""Two stages against the barren plateau: the core of an executable book.

A public name is imported from its module when it is first asked for, so that `import qbp` is quick and
whoever wants Algorithm 1 loads Algorithm 1.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the table below, for whoever reads types; a test holds the two together
    from qbp.algorithm_1 import TwoStageConfig, two_stage
    from qbp.baseline.loop import SellierConfig, sellier
    from qbp.baseline.waves import WaveConfig
    from qbp.circuits.ansatz import Circuit, HardwareEfficient, PauliRotations
    from qbp.circuits.observables import PauliSum, Projector, heisenberg, local_observables, maxcut, tfim
    from qbp.circuits.targets import ground_energy
    from qbp.convex import gradient_norm, local_loss, ridge, should_switch
    from qbp.experiments.circuits import CircuitExperiment
    from qbp.experiments.perceptrons import Experiment
    from qbp.experiments.registry import compare, run
    from qbp.experiments.regression import RegressionExperiment
    from qbp.experiments.result import Result
    from qbp.perceptrons.mlp import MLP
    from qbp.plateaus.expressibility import Expressibility, expressibility
    from qbp.plateaus.landscape import hessian, hessian_spectrum, landscape, random_directions
    from qbp.plateaus.variance import GradientVariance, gradient_variance
    from qbp.problem import History, Problem
    from qbp.refinement import oscillatory_regularizer, refinement_loss
    from qbp.statistics.intervals import bootstrap_interval, paired

__version__ = "0.1.0"
_NAMES = {  # module: its public names
    "qbp.algorithm_1": ("TwoStageConfig", "two_stage"),
    "qbp.baseline.loop": ("SellierConfig", "sellier"),
    "qbp.baseline.waves": ("WaveConfig",),
    "qbp.circuits.ansatz": ("Circuit", "HardwareEfficient", "PauliRotations"),
    "qbp.circuits.observables": (
        "PauliSum",
        "Projector",
        "heisenberg",
        "local_observables",
        "maxcut",
        "tfim",
    ),
    "qbp.circuits.targets": ("ground_energy",),
    "qbp.convex": ("gradient_norm", "local_loss", "ridge", "should_switch"),
    "qbp.experiments.circuits": ("CircuitExperiment",),
    "qbp.experiments.perceptrons": ("Experiment",),
    "qbp.experiments.registry": ("compare", "run"),
    "qbp.experiments.regression": ("RegressionExperiment",),
    "qbp.experiments.result": ("Result",),
    "qbp.perceptrons.mlp": ("MLP",),
    "qbp.plateaus.expressibility": ("Expressibility", "expressibility"),
    "qbp.plateaus.landscape": ("hessian", "hessian_spectrum", "landscape", "random_directions"),
    "qbp.plateaus.variance": ("GradientVariance", "gradient_variance"),
    "qbp.problem": ("History", "Problem"),
    "qbp.refinement": ("oscillatory_regularizer", "refinement_loss"),
    "qbp.statistics.intervals": ("bootstrap_interval", "paired"),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
