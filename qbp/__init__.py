"""Two stages against the barren plateau: the core of an executable book.

Floors 0-4, imported here with the experiments on floor 5, need torch and numpy alone; plots, explorers and
the command line are imported by name when wanted.
"""

from qbp.ansatz import Circuit, HardwareEfficient, PauliRotations
from qbp.circuit_configs import CircuitExperiment
from qbp.configs import Experiment
from qbp.convex import gradient_norm, local_loss, ridge, should_switch
from qbp.experiments import compare
from qbp.expressibility import Expressibility, expressibility
from qbp.kinds import run
from qbp.landscape import hessian, hessian_spectrum, landscape, random_directions
from qbp.mlp import MLP
from qbp.observables import PauliSum, Projector, heisenberg, local_observables, maxcut, tfim
from qbp.plateau import GradientVariance, gradient_variance
from qbp.pqc import RegressionExperiment
from qbp.problem import History, Problem
from qbp.refinement import oscillatory_regularizer, refinement_loss
from qbp.result import Result
from qbp.sellier import SellierConfig, sellier
from qbp.sellier_waves import WaveConfig
from qbp.statistics import bootstrap_interval, paired
from qbp.targets import ground_energy
from qbp.two_stage import TwoStageConfig, two_stage

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
