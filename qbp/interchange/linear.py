"""Linear angles: a number plus multiples of named parameters, all that a rotation here can turn by."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

MOST_TERMS = 100  # parameters in one angle


class Linear(NamedTuple):
    """The angle ``constant + sum of scale * parameter``, in radians.

    Attributes:
        constant: in radians.
        terms: (name, scale) of each parameter, each name once and no scale 0, in the order first met.
    """

    constant: float
    terms: tuple[tuple[str, float], ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether no parameter is in it."""
        return not self.terms

    def plus(self, other: "Linear") -> "Linear":
        """Return the sum.

        Raises:
            ValueError: more than 100 parameters in one angle.

        Example:
            >>> Linear(0.5, (("a", 1.0),)).plus(Linear(0.0, (("a", -1.0), ("b", 2.0))))
            Linear(constant=0.5, terms=(('b', 2.0),))
        """
        if not other.terms:
            return Linear(self.constant + other.constant, self.terms)
        if not self.terms:
            return Linear(self.constant + other.constant, other.terms)
        return combined(self.constant + other.constant, [*self.terms, *other.terms])

    def times(self, factor: float) -> "Linear":
        """Return the angle times a number."""
        terms = ((name, scale * factor) for name, scale in self.terms)
        return Linear(self.constant * factor, tuple(term for term in terms if term[1] != 0))

    def with_values(self, values: "Mapping[str, Linear]") -> "Linear":
        """Return the angle with every parameter replaced by an angle of others.

        Example:
            >>> Linear(1.0, (("a", 2.0),)).with_values({"a": Linear(0.5, (("b", -1.0),))})
            Linear(constant=2.0, terms=(('b', -2.0),))
        """
        if len(self.terms) == 1:
            ((name, scale),) = self.terms
            value = values[name]
            if scale == 1.0 and self.constant == 0.0:
                return value
            scaled = value.times(scale)
            return Linear(self.constant + scaled.constant, scaled.terms)
        total = Linear(self.constant)
        for name, scale in self.terms:
            total = total.plus(values[name].times(scale))
        return total

    def is_finite(self) -> bool:
        """Whether its numbers are finite."""
        return math.isfinite(self.constant) and all(math.isfinite(scale) for _, scale in self.terms)


def combined(constant: float, terms: Iterable[tuple[str, float]]) -> Linear:
    """Return the angle in which the scales of equal names are added up; errors as in :meth:`Linear.plus`."""
    scales = dict[str, float]()
    for name, scale in terms:
        scales[name] = scales.get(name, 0.0) + scale
    if len(scales) > MOST_TERMS:
        raise ValueError(f"an angle must have at most {MOST_TERMS} parameters, got {len(scales)}")
    return Linear(constant, tuple((name, scale) for name, scale in scales.items() if scale != 0))
