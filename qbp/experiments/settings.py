"""The settings of Algorithm 1 that a configuration of an experiment ends up with."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from qbp.algorithm_1 import TwoStageConfig


def resolved(
    chosen: TwoStageConfig | Mapping[str, Any] | None,
    own: Mapping[str, Any],
    pinned: Mapping[str, Any],
    method: str,
) -> TwoStageConfig:
    """Return an experiment's own defaults, over them what was chosen, over both what the method fixes.

    Args:
        chosen: some fields, or all of them as a configuration, of which `steps` and `record_every` are not
            read: these are fields of the experiment.
        own: defaults of the experiment.
        pinned: what the method fixes.
        method: its name, for the message.

    Raises:
        ValueError: there is no such field, or the method fixes it at another value.

    Example:
        >>> resolved({"eta_c": 0.1}, {"eta_c": 0.5, "eta_n": 0.2}, {"steps": 9}, "two-stage").eta_n
        0.2
    """
    known = {f.name for f in fields(TwoStageConfig)}
    if isinstance(chosen, TwoStageConfig):
        chosen = {name: getattr(chosen, name) for name in known - {"steps", "record_every"}}
    for name, value in (chosen or {}).items():
        if name not in known:
            raise ValueError(f"algorithm has no field {name!r}; it takes {', '.join(sorted(known))}")
        if name in pinned and value != pinned[name]:
            raise ValueError(f"{name} is {pinned[name]!r} in method {method}, got {value!r}")
    return TwoStageConfig(**{**own, **(chosen or {}), **pinned})
