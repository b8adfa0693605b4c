r"""Ensembles in words: named widths of angles, and noise, as `qbp variance` takes them.

Widths named after what they depend on, for L layers and m parameters:

- "depth" is ``1 / sqrt(8 (L + 2))`` for normal angles (Zhang et al. 2022, for terms on two qubits) and
  ``1 / sqrt(L)`` for uniform ones (Wang et al. 2023: in proportion to it);
- "count" is ``1 / sqrt(m)`` (Mhiri et al. 2025: in proportion to it).
"""

import math

from qbp import _checks
from qbp.plateaus.starts.ensemble import KINDS, AngleEnsemble, GateNoise

NOISES = {"depolarizing": "depolarizing", "dephasing": "dephasing", "damping": "amplitude_damping"}


def ensemble_of(angles: str, noise: str, n_layers: int, n_params: int) -> AngleEnsemble | None:
    """Return the ensemble that is written as text; None for all angles without noise.

    Args:
        angles: "full", or "uniform:WIDTH" or "gaussian:WIDTH" about zero, radians, or depth, or count.
        noise: "none", or such as "depolarizing:0.01,damping:0.02", behind every gate.
        n_layers, n_params: of the circuit.

    Raises:
        ValueError: a text is none of these.

    Example:
        >>> ensemble_of("uniform:count", "none", n_layers=2, n_params=16).width
        0.25
    """
    kind, colon, width = str(angles).partition(":")
    rules = {"depth": 1 / math.sqrt(8 * (n_layers + 2)) if kind == "gaussian" else 1 / math.sqrt(n_layers)}
    rules["count"] = 1 / math.sqrt(n_params)
    takes = "full, or uniform: or gaussian: and a width in radians, depth or count"
    if kind not in KINDS or bool(colon) == (kind == "full"):
        raise ValueError(f"angles must be {takes}, got {angles!r}")
    found = _noise(noise)
    if kind == "full":
        return AngleEnsemble("full", noise=found) if found else None
    if width not in rules and (_number(width) or -1.0) < 0:
        raise ValueError(f"angles must be {takes}, got {angles!r}")
    return AngleEnsemble(kind, rules.get(width, _number(width) or 0.0), noise=found)


def _noise(noise: str) -> GateNoise:
    strengths: dict[str, float] = {}
    for word in () if str(noise) == "none" else str(noise).split(","):
        name, _, strength = word.strip().partition(":")
        if name not in NOISES or (value := _number(strength)) is None:
            takes = f"none, or {', '.join(NOISES)}, each with : and its strength"
            raise ValueError(f"noise must be {takes}, got {noise!r}{_checks.did_you_mean(name, NOISES)}")
        strengths[NOISES[name]] = value
    return GateNoise(**strengths)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
