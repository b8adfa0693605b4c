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
    from qbp.circuits.ansatz import HardwareEfficient, PauliRotations
    from qbp.circuits.builder import BuiltCircuit, CircuitBuilder
    from qbp.circuits.circuit import Circuit
    from qbp.circuits.gates import Angle
    from qbp.circuits.observables import PauliSum, Projector, heisenberg, local_observables, maxcut, tfim
    from qbp.circuits.targets import ground_energy
    from qbp.circuits.templates.chemistry import UCCSD
    from qbp.circuits.templates.hamiltonian import QAOA, HamiltonianVariational
    from qbp.circuits.templates.layered import StronglyEntangling, TwoLocal
    from qbp.circuits.training.descent import train
    from qbp.circuits.training.layer import Layer
    from qbp.convex import gradient_norm, local_loss, ridge, should_switch
    from qbp.experiments.circuits import CircuitExperiment
    from qbp.experiments.perceptrons import Experiment
    from qbp.experiments.registry import compare, run
    from qbp.experiments.regression import RegressionExperiment
    from qbp.experiments.result import Result
    from qbp.interchange.cirq import from_cirq, from_cirq_operator, to_cirq, to_cirq_operator
    from qbp.interchange.hamiltonians import read_hamiltonian, write_hamiltonian
    from qbp.interchange.imported import Imported
    from qbp.interchange.pennylane import (
        from_pennylane,
        from_pennylane_operator,
        to_pennylane,
        to_pennylane_operator,
    )
    from qbp.interchange.qasm.reader import read_qasm
    from qbp.interchange.qasm.writer import write_qasm
    from qbp.interchange.qiskit import from_qiskit, from_qiskit_operator, to_qiskit, to_qiskit_operator
    from qbp.perceptrons.mlp import MLP
    from qbp.plateaus.algebra.deep import DeepVariance, deep_variance
    from qbp.plateaus.algebra.lie_algebra import LieAlgebra, lie_algebra
    from qbp.plateaus.algebra.simulation.simulator import AlgebraSimulator
    from qbp.plateaus.diagnosis.examination import diagnose
    from qbp.plateaus.diagnosis.report import Diagnosis
    from qbp.plateaus.expressibility import Expressibility, expressibility
    from qbp.plateaus.landscape import hessian, hessian_spectrum, landscape, random_directions
    from qbp.plateaus.starts.ensemble import AngleEnsemble, GateNoise
    from qbp.plateaus.variance import GradientVariance, gradient_variance
    from qbp.problem import History, Problem
    from qbp.refinement import oscillatory_regularizer, refinement_loss
    from qbp.statistics.intervals import bootstrap_interval, paired

__version__ = "0.1.0"
_NAMES = {  # module: its public names
    "qbp.algorithm_1": ("TwoStageConfig", "two_stage"),
    "qbp.baseline.loop": ("SellierConfig", "sellier"),
    "qbp.baseline.waves": ("WaveConfig",),
    "qbp.circuits.circuit": ("Circuit",),
    "qbp.circuits.ansatz": ("HardwareEfficient", "PauliRotations"),
    "qbp.circuits.builder": ("BuiltCircuit", "CircuitBuilder"),
    "qbp.circuits.gates": ("Angle",),
    "qbp.circuits.observables": (
        "PauliSum",
        "Projector",
        "heisenberg",
        "local_observables",
        "maxcut",
        "tfim",
    ),
    "qbp.circuits.targets": ("ground_energy",),
    "qbp.circuits.templates.chemistry": ("UCCSD",),
    "qbp.circuits.templates.hamiltonian": ("QAOA", "HamiltonianVariational"),
    "qbp.circuits.templates.layered": ("StronglyEntangling", "TwoLocal"),
    "qbp.circuits.training.descent": ("train",),
    "qbp.circuits.training.layer": ("Layer",),
    "qbp.convex": ("gradient_norm", "local_loss", "ridge", "should_switch"),
    "qbp.experiments.circuits": ("CircuitExperiment",),
    "qbp.experiments.perceptrons": ("Experiment",),
    "qbp.experiments.registry": ("compare", "run"),
    "qbp.experiments.regression": ("RegressionExperiment",),
    "qbp.experiments.result": ("Result",),
    "qbp.interchange.cirq": ("from_cirq", "from_cirq_operator", "to_cirq", "to_cirq_operator"),
    "qbp.interchange.hamiltonians": ("read_hamiltonian", "write_hamiltonian"),
    "qbp.interchange.imported": ("Imported",),
    "qbp.interchange.pennylane": (
        "from_pennylane",
        "from_pennylane_operator",
        "to_pennylane",
        "to_pennylane_operator",
    ),
    "qbp.interchange.qasm.reader": ("read_qasm",),
    "qbp.interchange.qasm.writer": ("write_qasm",),
    "qbp.interchange.qiskit": ("from_qiskit", "from_qiskit_operator", "to_qiskit", "to_qiskit_operator"),
    "qbp.perceptrons.mlp": ("MLP",),
    "qbp.plateaus.algebra.deep": ("DeepVariance", "deep_variance"),
    "qbp.plateaus.algebra.lie_algebra": ("LieAlgebra", "lie_algebra"),
    "qbp.plateaus.algebra.simulation.simulator": ("AlgebraSimulator",),
    "qbp.plateaus.diagnosis.examination": ("diagnose",),
    "qbp.plateaus.diagnosis.report": ("Diagnosis",),
    "qbp.plateaus.expressibility": ("Expressibility", "expressibility"),
    "qbp.plateaus.landscape": ("hessian", "hessian_spectrum", "landscape", "random_directions"),
    "qbp.plateaus.starts.ensemble": ("AngleEnsemble", "GateNoise"),
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
