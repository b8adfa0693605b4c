r"""Measurement settings: few bases that give all observables, and the worth of an outcome to each of them.

Pauli strings commute qubit by qubit if they name the same letter on every qubit where both name one; then one
basis, a letter for each qubit, measures them all.  An observable that is no Pauli sum is taken as a
projector, measured on its own: its outcomes are 0 and 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod

import numpy as np
import torch
from torch import Tensor

from qbp import _checks, draws
from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Program, Rotation, pauli_signs, untied
from qbp.circuits.layers import run
from qbp.circuits.observables import Observable, PauliSum, observables_on

TO_Z = {"X": ("Y", -math.pi / 2), "Y": ("X", math.pi / 2)}  # the rotation that turns this axis to Z


def settings(observables: Sequence[Observable]) -> tuple[str, ...]:
    """Return the measurement settings that give all observables: a letter of "XYZ" for each qubit.

    Strings are put into groups greedily, heaviest first, then by name.  Terms with coefficient 0, and the
    identity, need no setting.

    Args:
        observables: at least one, all on the same number of qubits.

    Raises:
        ValueError: there is none, the numbers of qubits differ, or one is neither a sum nor a projector.

    Example:
        >>> from qbp.circuits.observables import heisenberg, tfim
        >>> settings([tfim(3)]), settings([heisenberg(3)])
        (('ZZZ', 'XXX'), ('XXX', 'YYY', 'ZZZ'))
    """
    return tuple(setting.name for setting in plan(observables).settings)


def evaluations(circuit: Circuit | int, n_settings: int, *, gradient: bool) -> int:
    """Return how often a circuit is prepared and measured: the one cost model of every method.

    One evaluation is one circuit in one setting, with all its shots.  A value takes one for each setting, a
    parameter-shift gradient two for each rotation and setting.  Classical work counts 0.

    Args:
        circuit: the circuit, or its number of rotations; tied angles are shifted gate by gate, fixed ones
            not at all.
        n_settings: ``len(settings(observables))``.
        gradient: of a gradient, else of a value.

    Example:
        >>> evaluations(72, 2, gradient=True), evaluations(72, 2, gradient=False)
        (288, 2)
    """
    n_settings = _checks.integer("n_settings", n_settings, 0)
    if not isinstance(gradient, bool | np.bool_):
        raise TypeError(f"gradient must be True or False, got {gradient!r}")
    if isinstance(circuit, Circuit):
        circuit = int(np.count_nonzero(untied(circuit.program).scale))
    rotations = _checks.integer("circuit, where it is a number of rotations,", circuit, 0)
    return 2 * rotations * n_settings if gradient else n_settings


@dataclass(frozen=True)
class Setting:
    """One way to measure: a basis for every qubit, or a projector.

    Attributes:
        name: a letter of "XYZ" for each qubit, or "projector" and its place among the observables.
        projector: the observable with outcomes 0 and 1, else None.
        values: what each outcome adds to each observable, (m, outcomes).
    """

    name: str
    projector: Observable | None
    values: np.ndarray

    def of_runs(self, runs: slice) -> "Setting":
        """Return the setting of some runs: a projector may have a target for each."""
        return self if self.projector is None else replace(self, projector=self.projector.of_runs(runs))


@dataclass(frozen=True)
class Plan:
    """The settings of m observables, and what the identity adds to each, (m,)."""

    settings: tuple[Setting, ...]
    constant: np.ndarray


def plan(observables: Sequence[Observable], n_qubits: int | None = None) -> Plan:
    """Group the Pauli strings of all observables, and say what each outcome is worth to each of them.

    Args:
        observables: at least one, all on the same number of qubits, `n_qubits` if given.
        n_qubits: number of qubits.

    Raises:
        ValueError: as for :func:`settings`.
    """
    found = _checks.sequence("observables", observables, "a list of observables")
    n = getattr(found[0], "n_qubits", 0) if n_qubits is None else _checks.integer("n_qubits", n_qubits)
    return _plan(observables_on(n, found))


def in_rows(observables: Sequence[Observable], batch: torch.Size) -> list[Observable]:
    """Return observables for states (runs, ...): what has a target for each run, with one for each row.

    Raises:
        ValueError: such targets do not go with the first axis of the batch.
    """
    for H in observables:
        if H.runs is not None and H.runs != (*batch, 1)[0]:
            takes = f"observables must have a target for each run, along the first axis of {tuple(batch)}"
            raise ValueError(f"{takes}, got {H.runs}")
    return [H.of_runs(slice(None), prod(batch[1:])) for H in observables]


def amplitudes(setting: Setting, states: Tensor) -> Tensor:
    """Turn the axes of a setting to Z, (..., 2**n) -> the same: squares are how likely the outcomes are.

    The states of a projector stay as they are.

    Example:
        >>> x = plan([PauliSum({"X": 1.0})]).settings[0]
        >>> amplitudes(x, torch.tensor([0.6, 0.8]) + 0j).abs() ** 2  # 1/2 (1 +- 2 * 0.6 * 0.8)
        tensor([0.9800, 0.0200])
    """
    turns = [(q, *TO_Z[letter]) for q, letter in enumerate(setting.name) if letter in TO_Z]
    if setting.projector is not None or not turns:
        return states
    n = len(setting.name)
    program = Program(Rotation("I" * q + axis + "I" * (n - 1 - q), k) for k, (q, axis, _) in enumerate(turns))
    angles = states.real.new_tensor([[angle for _, _, angle in turns]])
    return run(program, angles, states.reshape(1, -1, 2**n)).reshape(states.shape)


def overlaps(setting: Setting, a: Tensor, b: Tensor) -> Tensor:
    """Return ``Re <a|Pi_x|b>`` for every outcome x: how likely it is, if a is b.

    Args:
        setting: how to measure.
        a, b: from :func:`amplitudes`, (..., 2**n), broadcast against each other.

    Returns:
        Real, (..., outcomes).
    """
    if setting.projector is None:
        return (a.conj() * b).real
    one = (a.conj() * setting.projector.apply(b)).sum(-1).real
    return torch.stack([(a.conj() * b).sum(-1).real - one, one], dim=-1)


@lru_cache(maxsize=64)
def _plan(observables: tuple[Observable, ...]) -> Plan:
    sums = [H.terms if isinstance(H, PauliSum) else {} for H in observables]
    n, m = observables[0].n_qubits, len(observables)
    strings = {p for terms in sums for p, c in terms.items() if c} - {"I" * n}
    groups: list[tuple[list[str], list[str]]] = []  # letters named so far, strings
    for string in sorted(strings, key=lambda p: (p.count("I"), p)):
        fits = (group for group in groups if _share_a_basis(string, group[0]))
        letters, members = next(fits, None) or (groups.append((["I"] * n, [])) or groups[-1])  # type: ignore[func-returns-value]  # None, so the last
        letters[:] = [q if p == "I" else p for p, q in zip(string, letters, strict=True)]
        members.append(string)
    found = []
    for letters, members in groups:
        signs = np.array([pauli_signs(p.translate(str.maketrans("XY", "ZZ"))) for p in members])
        weights = np.array([[terms.get(p, 0.0) for p in members] for terms in sums])
        found.append(Setting("".join(letters).replace("I", "Z"), None, weights @ signs))
    for i, H in enumerate(observables):
        if not isinstance(H, PauliSum):
            _check_projector(H)
            found.append(Setting(f"projector {i}", H, np.outer(np.eye(m)[i], [0.0, 1.0])))
    return Plan(tuple(found), np.array([terms.get("I" * n, 0.0) for terms in sums]))


def _share_a_basis(string: str, letters: Sequence[str]) -> bool:
    return all(p == q or "I" in (p, q) for p, q in zip(string, letters, strict=True))


def _check_projector(H: Observable) -> None:
    """Raise unless H applied twice is H applied once, on a random state."""
    if not all(_checks.has_values(held) for held in vars(H).values() if isinstance(held, Tensor)):
        return
    state = draws.normal([0], "probe", 2**H.n_qubits)[0] + 0j
    once = H.apply(state)
    if not torch.allclose(H.apply(once), once, rtol=0, atol=1e-4 * 2 ** (H.n_qubits / 2)):
        raise ValueError(f"observables must be Pauli sums or projectors, got {H!r}")
