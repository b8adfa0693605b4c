"""Scores of graded cells: parts that count on their own, and comparisons whose messages teach.

A test cell of a lab makes one :class:`Score`, has a few parts, and ends in ``score.total()``, a plain float:
nbgrader gives full points for anything else that a cell returns, a NumPy number included.
"""

import contextlib
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from qbp import _checks

_UNWRITTEN = "not written yet: replace the line `raise NotImplementedError()`"


class Score:
    """The points of one graded cell.

    Args:
        points: what the cell is worth, more than 0.  Parts may sum to less: the rest is hidden from students
            and counted when their work is graded.

    Example:
        >>> score = Score(3)
        >>> with score.part(1, "two and two"):
        ...     close(2 + 2, 4)
        1 of 1: two and two
        >>> with score.part(2, "a half of one", hint="Divide."):
        ...     close(2.0, 0.5)
        0 of 2: a half of one
            Expected 0.5, got 2.
            Hint: Divide.
        >>> score.total()
        1.0
    """

    def __init__(self, points: float) -> None:
        self.points = _checks.number("points", points, low=0, strict=True)
        self._given = self._possible = 0.0

    @contextlib.contextmanager
    def part(self, points: float, what: str, hint: str = "") -> Iterator[None]:
        """Give the points of a part if its block raises nothing, and say why not otherwise.

        Whatever the block writes to standard error goes to standard output, warnings too: nbgrader counts
        a cell that wrote to standard error as zero.

        Args:
            points: what the part is worth.
            what: the part in a few words, as a student reads it.
            hint: what to think about when it fails; never the solution.
        """
        reason = None
        try:
            with contextlib.redirect_stderr(sys.stdout), warnings.catch_warnings():
                warnings.simplefilter("default")
                yield
        except Exception as error:
            reason = _explained(error)
        self._possible += points
        self._given += points if reason is None else 0
        print(f"{points if reason is None else 0:g} of {points:g}: {what}")
        if reason is not None:
            print(f"    {reason}")
            if hint:
                print(f"    Hint: {hint}")

    def total(self) -> float:
        """Return the points given, a plain float.

        Raises:
            ValueError: the parts are worth more than the cell.
        """
        if self._possible > self.points + 1e-9:
            raise ValueError(f"the parts are worth {self._possible:g} points, the cell {self.points:g}")
        hidden = self.points - self._possible
        if hidden > 1e-9:
            print(f"{hidden:g} more of {self.points:g} are counted when your work is graded.")
        return float(self._given)


def close(
    got: Any,
    expected: Any,
    *,
    what: str = "",
    atol: float = 1e-6,
    mistakes: Mapping[str, Any] | None = None,
) -> None:
    """Require numbers, arrays or tensors to be equal to a tolerance.

    Args:
        got: what the student's code returned.
        expected: the right value, a number or an array of any shape.
        what: the value in words, ``"the gradient"``.
        atol: largest difference allowed.
        mistakes: values that typical mistakes give, each under the question it should raise:
            ``{"Is a factor 1/2 missing?": 2 * expected}``.

    Raises:
        AssertionError: they differ; the message says what was expected, what came, and asks the question
            of the mistake that fits.
    """
    ours, theirs = as_array(expected), as_array(got, what)
    subject = f"{what[0].upper()}{what[1:]}: expected" if what else "Expected"
    if ours.shape != theirs.shape:
        raise AssertionError(f"{subject} shape {ours.shape}, got shape {theirs.shape}.")
    if np.isnan(theirs).any():
        raise AssertionError(f"{subject} {_short(ours)}, got nan.")
    if np.allclose(theirs, ours, rtol=0, atol=atol):
        return
    message = f"{subject} {_short(ours)}, got {_short(theirs)}."
    for question, wrong in (mistakes or {}).items():
        value = as_array(wrong)
        if value.shape == theirs.shape and np.allclose(theirs, value, rtol=0, atol=atol):
            message += f" {question}"
            break
    raise AssertionError(message)


def equal(got: Any, expected: Any, what: str = "") -> None:
    """Require two values of any kind to be equal, an answer among several for instance.

    Raises:
        AssertionError: they differ.
    """
    if got is None:
        raise AssertionError(f"{what or 'It'} is still None: give an answer.")
    if not (type(got) is type(expected) and got == expected):
        raise AssertionError(f"{what + ': expected' if what else 'Expected'} {expected!r}, got {got!r}.")


def within(
    estimate: Any, truth: float, error: Any, *, what: str = "the estimate", errors: float = 4.0
) -> None:
    """Require an estimate to lie within its own error of the truth.

    Args:
        estimate: a number.
        truth: what it estimates.
        error: its standard error as the student gives it, more than 0.
        what: the estimate in words.
        errors: how many standard errors away it may lie.

    Raises:
        AssertionError: the error is not positive, or the estimate lies further away.
    """
    value, spread = float(as_array(estimate, what)), float(as_array(error, f"the error of {what}"))
    if not spread > 0:
        raise AssertionError(f"The standard error of {what} must be more than 0, got {spread:.3g}.")
    if not abs(value - truth) <= errors * spread:
        away = abs(value - truth) / spread
        raise AssertionError(
            f"{what[0].upper()}{what[1:]}: {value:.4g} with standard error {spread:.2g} lies "
            f"{away:.1f} standard errors from {truth:.4g}; at most {errors:g} are allowed."
        )


def chosen(answer: Any, among: str = "abc") -> None:
    """Require one of the letters offered: a prediction counts for being made, not for being right.

    Raises:
        AssertionError: the answer is none of them.
    """
    if answer not in tuple(among):
        raise AssertionError(f"Choose one of {', '.join(map(repr, among))}; your answer is {answer!r}.")


def as_array(value: Any, what: str = "") -> np.ndarray:
    """Return a number, list, array or tensor as an array of float64 or complex128.

    Raises:
        AssertionError: it is None or holds no numbers.
    """
    name = what or "your value"
    if value is None:
        raise AssertionError(f"{name[0].upper()}{name[1:]} is still None.")
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
        return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise AssertionError(f"{name[0].upper()}{name[1:]} should be numbers, got a {kind}.") from None


def _short(array: np.ndarray) -> str:
    """Return up to eight entries, four digits each; imaginary parts where there are any."""
    if np.iscomplexobj(array) and np.allclose(array.imag, 0, rtol=0, atol=1e-12):
        array = array.real
    if array.ndim == 0:
        return f"{array[()]:.4g}"
    shown = np.where(abs(array.ravel()[:8]) < 1e-12, 0, array.ravel()[:8])
    text = np.array2string(shown, 10**6, precision=4, suppress_small=True, separator=", ")
    return text if array.size <= 8 else f"{text[:-1]}, ...] ({array.size} numbers)"


def _explained(error: Exception) -> str:
    """Return in one line what went wrong in a part, and in which line of a cell."""
    if isinstance(error, AssertionError):
        return str(error) or "This does not hold."
    if isinstance(error, NotImplementedError):
        return str(error) or _UNWRITTEN
    if isinstance(error, NameError):
        return f"{error}. Was the cell that defines it run without an error?"
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if _in_a_cell(frame.filename)), frames[-1])
    where = f", in {last.name}, at `{last.line}`" if last.line else ""
    return f"It stopped with {type(error).__name__}: {error}{where}."


def _in_a_cell(filename: str) -> bool:
    """Return whether a file is a cell of a notebook, to which IPython gives a name of its own."""
    return filename.startswith("<ipython-input") or "ipykernel_" in filename
