"""Measures of a claim about a formula: whether it is convex, computed when it is asked for.

As in :mod:`qbp.audit.measures`; each returns how far the formula rises over a chord, or minus its smallest
curvature where that is the same everywhere.
"""

from typing import TYPE_CHECKING, Any

import torch

from qbp.audit.circuit_measures import Results
from qbp.circuits.ansatz import PauliRotations
from qbp.circuits.observables import local_observables
from qbp.convex import local_loss, midpoint_gap, ridge_hessian
from qbp.experiments.perceptrons import Experiment, load_data
from qbp.perceptrons.mlp import MLP, mean_squared_error

if TYPE_CHECKING:
    from qbp.audit.sentences import Claim


def eq_1_chord(results: Results, claim: "Claim") -> float:
    """How far eq. 1 rises over a chord: two qubits, one angle of exp(-i theta XX / 2), O = Z on the first
    qubit, b = -1, between the angles -pi and pi.

    There <Z> = cos(theta), so that eq. 1 is (cos(theta) + 1)**2: 0 at both ends, 4 in the middle.
    """
    circuit, observables = PauliRotations(2, ("XX",)), local_observables(2, "Z")[:1]
    target = torch.tensor([-1.0], dtype=torch.float64)
    ends = torch.tensor([[-torch.pi], [torch.pi]], dtype=torch.float64)
    return round(float(midpoint_gap(lambda t: local_loss(circuit, t, observables, target), *ends)), 12)


def eq_2_curvature(results: Results, claim: "Claim") -> float:
    """Minus the smallest eigenvalue of the Hessian of eq. 2, which is the same everywhere: the curve's three
    points, features of the first start, the default ridge strength."""
    config = Experiment("curve")
    model, data = _curve(config)
    features = model.features(model.xavier([0]), data.x[data.train])[0]
    return -round(float(torch.linalg.eigvalsh(ridge_hessian(features, config.ridge))[0]), 12)


def surrogate_chord(results: Results, claim: "Claim") -> float:
    """How far the quadratic surrogate of a perceptron rises over the chord between a point and its mirror
    image, where every hidden unit has changed its sign: both compute the same function, the middle is a
    constant.  The point has a hidden unit tanh(x) and fits the curve roughly.
    """
    config = Experiment("curve", n_hidden=1)
    model, data = _curve(config)
    ends = torch.tensor([[1.0, 0.0, 1.0, -0.2], [-1.0, 0.0, -1.0, -0.2]], dtype=torch.float64)

    def surrogate(theta: torch.Tensor) -> torch.Tensor:
        return mean_squared_error(model(theta, data.x[data.train]), data.y[data.train])

    return round(float(midpoint_gap(surrogate, *ends)), 12)


def _curve(config: Experiment) -> tuple[MLP, Any]:
    data = load_data(config)
    return MLP(1, config.n_hidden, 1), data
