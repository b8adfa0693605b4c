r"""Landscape around a point: slices along directions, and the spectrum of the Hessian, both exact.

On a barren plateau slices are flat and the Hessian's eigenvalues vanish with the gradient (Cerezo and Coles
2021); at a minimum all of them are at least zero, at a saddle they have both signs.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from qbp import _checks, draws
from qbp._arguments import takes
from qbp.circuits.circuit import check
from qbp.circuits.gates import Rotation
from qbp.problem import gradients

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit
    from qbp.circuits.observables import Observable


def random_directions(n_params: int, count: int = 2, seed: int = 0) -> Tensor:
    """Draw directions at right angles to each other, evenly over the sphere.

    Args:
        n_params: number of angles.
        count: number of directions, at most n_params.
        seed: of the draws.

    Returns:
        Orthonormal rows, (count, n_params) float64 on the CPU.

    Example:
        >>> u = random_directions(5, 2)
        >>> bool(torch.allclose(u @ u.mT, torch.eye(2, dtype=torch.float64)))
        True
    """
    n_params = _checks.integer("n_params", n_params)
    count = _checks.integer("count", count, 1, n_params)
    _checks.memory("n_params and count", 16 * count * n_params, f"{count} directions of {n_params} angles")
    normal = draws.normal([_checks.integer("seed", seed, 0, 2**64 - 1)], "directions", count * n_params)
    q, r = torch.linalg.qr(normal.reshape(count, n_params).mT)
    return (q * r.diagonal().sign()).mT  # with this sign the draw is even, and the first direction as drawn


def landscape(
    cost: Callable[[Tensor], Tensor],
    theta: Tensor,
    directions: Tensor,
    *,
    reach: float = torch.pi,
    points: int = 41,
) -> tuple[Tensor, Tensor]:
    r"""Cut a slice out of a cost: its values at theta + a u, or at theta + a u + b v.

    Args:
        cost: maps (..., n_params) to (...), such as ``lambda t: circuit.expectation(t, H)``.
        theta: centre in radians, (n_params,).
        directions: u, or u and v, (1, n_params) or (2, n_params).
        reach: largest distance from the centre along a direction, in units of its length.
        points: number of them along a direction, at least 2; an odd number includes the centre.

    Returns:
        Distances (points,), and costs (points,), or (points, points) with a down the rows and b along them.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> at, values = landscape(lambda t: t.cos().sum(-1), torch.zeros(1), torch.ones(1, 1), points=3)
        >>> values
        tensor([-1.,  1., -1.])
    """
    if not callable(cost):
        raise TypeError(f"cost must be a function of angles (..., n_params), got {type(cost).__name__!r}")
    n_params = (*getattr(theta, "shape", ()), 0)[0]
    _checks.theta(theta, n_params)
    _checks.theta(directions, n_params, "directions")
    if theta.ndim != 1 or directions.ndim != 2 or len(directions) not in (1, 2):
        shapes = f"{tuple(theta.shape)} and {tuple(directions.shape)}"
        raise ValueError(f"theta and directions must be (n_params,) and (1 or 2, n_params), got {shapes}")
    reach, points = _checks.number("reach", reach, 0, strict=True), _checks.integer("points", points, 2)
    many = points ** len(directions)
    _checks.memory("points", 8 * many * n_params, f"{many} points of {n_params} angles")
    at = torch.linspace(-reach, reach, points, dtype=theta.dtype, device=theta.device)
    grid = torch.cartesian_prod(*[at] * len(directions)).reshape(-1, len(directions))
    with torch.no_grad():
        values = cost(theta + grid @ directions.to(theta))
    return at, values.reshape((points,) * len(directions))


@takes(theta="...+ circuit.n_params")
def hessian(circuit: "Circuit", theta: Tensor, H: "Observable") -> Tensor:
    r"""Return the exact second derivatives of <H>, symmetric.

    A free angle enters by its first harmonic alone, so a column is the difference of two whole gradients,
    [grad C(theta + pi/2 e_k) - grad C(theta - pi/2 e_k)] / 2 (parameter shift).  Circuits with tied or scaled
    angles are differentiated twice.

    Args:
        circuit: prepares psi(theta).
        theta: angles in radians, (..., n_params), a row or more.
        H: observable.

    Returns:
        Real, (..., n_params, n_params), in the unit of H.

    Raises:
        TypeError, ValueError: `theta` has no row; else as for
            :meth:`qbp.circuits.circuit.Circuit.expectation`.

    Example:
        >>> from qbp import HardwareEfficient, PauliSum
        >>> one = HardwareEfficient(1, 1, rotations=["rx"])  # C = cos theta
        >>> hessian(one, torch.zeros(1), PauliSum({"Z": 1.0})).round(decimals=6)
        tensor([[-1.]])
    """
    check(circuit, H, trained=True)
    _checks.theta(theta, circuit.n_params)
    turns = [gate for gate in circuit.program if isinstance(gate, Rotation) and gate.parameter is not None]
    alone = len({gate.parameter for gate in turns}) == len(turns)
    if not alone or any(abs(gate.scale) != 1 for gate in turns):

        def cost(t: Tensor) -> Tensor:
            return circuit.expectation(t, H)

        twice = torch.func.jacrev(torch.func.grad(cost))
        with torch.inference_mode(False):
            rows = [twice(row) for row in theta.detach().clone().reshape(-1, circuit.n_params)]
            return torch.stack(rows).reshape(*theta.shape, -1)
    shift = torch.pi / 2 * torch.eye(circuit.n_params, dtype=theta.dtype, device=theta.device)
    with gradients():
        moved = (theta.detach()[..., None, None, :] + torch.stack([shift, -shift])).requires_grad_()
        (gradient,) = torch.autograd.grad(circuit.expectation(moved, H).sum(), moved)
    plus, minus = gradient.unbind(-3)  # each (..., n_params, n_params)
    half = (plus - minus) / 4
    return half + half.mT  # rounding aside, it is symmetric already


def rounded(values: Tensor, H: "Observable") -> Tensor:
    """Return derivatives of <H> with 0 for what is rounding: all below 100 of its units at the size of H.

    Example:
        >>> from qbp import PauliSum
        >>> rounded(torch.tensor([0.5, 1e-7, 1e-4]), PauliSum({"Z": 1.0}))
        tensor([5.0000e-01, 0.0000e+00, 1.0000e-04])
    """
    return torch.where(values.abs() < 100 * torch.finfo(values.dtype).eps * H.size, 0, values)


def hessian_spectrum(circuit: "Circuit", theta: Tensor, H: "Observable") -> Tensor:
    """Return the eigenvalues of :func:`hessian`, (..., n_params), from the lowest to the highest."""
    return torch.linalg.eigvalsh(hessian(circuit, theta, H))
