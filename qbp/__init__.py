"""Two stages against the barren plateau: the core of an executable book.

Floors 0-4, imported here with the experiments on floor 5, need torch and numpy alone; plots, explorers and
the command line are imported by name when wanted.
"""

from qbp.algorithm_1 import TwoStageConfig, two_stage
from qbp.baseline.loop import SellierConfig, sellier
from qbp.baseline.waves import WaveConfig
from qbp.circuits.ansatz import Circuit, HardwareEfficient, PauliRotations
from qbp.circuits.observables import PauliSum, Projector, heisenberg, local_observables, maxcut, tfim
from qbp.circuits.targets import ground_energy
from qbp.convex import gradient_norm, local_loss, ridge, should_switch
from qbp.experiments.circuit_configs import CircuitExperiment
from qbp.experiments.perceptron_configs import Experiment
from qbp.experiments.perceptrons import compare
from qbp.experiments.registry import run
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
__all__ = [
    "MLP",
    "Circuit",
    "CircuitExperiment",
    "Experiment",
    "Expressibility",
    "GradientVariance",
    "HardwareEfficient",
    "History",
    "PauliRotations",
    "PauliSum",
    "Problem",
    "Projector",
    "RegressionExperiment",
    "Result",
    "SellierConfig",
    "TwoStageConfig",
    "WaveConfig",
    "bootstrap_interval",
    "compare",
    "expressibility",
    "gradient_norm",
    "gradient_variance",
    "ground_energy",
    "heisenberg",
    "hessian",
    "hessian_spectrum",
    "landscape",
    "local_loss",
    "local_observables",
    "maxcut",
    "oscillatory_regularizer",
    "paired",
    "random_directions",
    "refinement_loss",
    "ridge",
    "run",
    "sellier",
    "should_switch",
    "tfim",
    "two_stage",
]
