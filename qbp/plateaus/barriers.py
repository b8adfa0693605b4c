r"""Barriers between two points of a periodic landscape, on the shortest straight line from one to the other.

A rotation exp(-i theta P / 2) returns to itself after 4 pi and changes the sign of the whole state after
2 pi, so an expectation has the period 2 pi in every angle, one that many rotations share among them.  Two
points whose angles differ by whole turns are the same point, and the straight line between any two is the
shortest one: every angle turns by at most pi.

A landscape may have further symmetries, such as half turns that amount to a Pauli string to which the
observable is blind.  Their copies of a point count as other points here.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes

TURN = 2 * torch.pi  # radians: the period of an expectation in each of its angles


@takes("a b", a="... n", b="... n")
def periodic_difference(a: Tensor, b: Tensor, period: float = TURN) -> Tensor:
    """Return the shortest step from one point to another where each angle has a period, b - a but for turns.

    Args:
        a, b: angles in radians, (..., n_params), finite.
        period: of each angle, above 0.

    Returns:
        In [-period / 2, period / 2), (..., n_params), as the arguments broadcast.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> periodic_difference(torch.tensor([3.0, 0.0]), torch.tensor([-3.0, 1.0]))
        tensor([0.2832, 1.0000])
    """
    _checks.finite("a", a)
    _checks.finite("b", b)
    half = _checks.number("period", period, 0, strict=True) / 2
    return torch.remainder(b - a + half, 2 * half) - half


@takes("a b", a="... n", b="... n")
def along_line(
    cost: Callable[[Tensor], Tensor], a: Tensor, b: Tensor, points: int = 41, period: float | None = TURN
) -> Tensor:
    """Return a cost on the straight line from one point to another.

    Args:
        cost: (..., points, n_params) -> (..., points), such as ``lambda t: circuit.expectation(t, H)``; it is
            asked for all points at once.
        a, b: ends in radians, (..., n_params), finite.
        points: on the line, at equal distances, both ends among them.
        period: of each angle, for the shortest line (:func:`periodic_difference`); None for the line through
            the numbers as they stand.

    Returns:
        Costs, (..., points), the first at a, the last at b.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> along_line(lambda t: t.cos().sum(-1), torch.tensor([-0.5]), torch.tensor([0.5]), points=3)
        tensor([0.8776, 1.0000, 0.8776])
    """
    points = _checks.integer("points", points, 2, 2**40)
    _checks.finite("a", a)
    _checks.finite("b", b)
    step = b - a if period is None else periodic_difference(a, b, period)
    _checks.memory("points", 8 * points * step.numel(), f"{points} points of {tuple(step.shape)}")
    share = torch.linspace(0, 1, points, dtype=step.dtype, device=step.device)
    line = a.unsqueeze(-2) + share.unsqueeze(-1) * step.unsqueeze(-2)
    with torch.no_grad():
        return _checks.per_run("cost", cost(line), line)


@takes("a b", a="... n", b="... n")
def barrier(
    cost: Callable[[Tensor], Tensor], a: Tensor, b: Tensor, points: int = 41, period: float | None = TURN
) -> Tensor:
    """Return how far a cost rises above the higher end on the straight line between two points.

    0 says that one can go from end to end without climbing: the two lie in one basin.  A barrier says that
    the line climbs; a curved path may still go around it, so two points with a barrier between them are not
    thereby in two basins.

    Args:
        cost, a, b, points, period: as in :func:`along_line`.

    Returns:
        Highest cost on the line minus that of the higher end, at least 0, in the unit of the cost, (...).

    Example:
        >>> barrier(lambda t: t.cos().sum(-1), torch.tensor([-0.5]), torch.tensor([0.5])).round(decimals=4)
        tensor(0.1224)

        The same two points, a turn apart, and no shorter way taken:

        >>> a, b = torch.tensor([3.0]), torch.tensor([-3.0])
        >>> [round(float(barrier(lambda t: t.cos().sum(-1), a, b, period=p)), 4) for p in (TURN, None)]
        [0.0, 1.99]
    """
    values = along_line(cost, a, b, points, period)
    return values.amax(-1) - torch.maximum(values[..., 0], values[..., -1])
