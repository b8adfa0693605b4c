"""Words for a report: a page that a student reads, a section for each question."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qbp.plateaus.diagnosis.measures import Measured
    from qbp.plateaus.diagnosis.report import Bits, Change, Diagnosis, Point, Tied

SHOWN = 10  # lines of a table
SAYS = {
    "noise": ("without the noise", "noise"),
    "global-observable": ("with a local observable", "a global observable"),
    "depth": ("with the first layer alone", "depth: the circuit nears a 2-design (expressibility)"),
    "entanglement": ("without gates on several qubits", "entanglement"),
    "shared-angles": ("with an angle for each rotation", "shared angles"),
    "start-state": ("from another start state", "the start state"),
    "small-angles": ("with angles from the whole circle", "small angles about a good point"),
    "small-algebra": ("as a 2-design", "a small Lie algebra"),
    "shallow-local": ("with its layers repeated until it is deep", "short light cones of a local observable"),
    "dead-parameters": ("without its dead parameters", "dead parameters"),
}
HEAD = {
    "plateau": "Plateau: gradients vanish exponentially with the number of qubits.",
    "no plateau": "No plateau: gradients do not vanish exponentially with the number of qubits.",
    "cannot say": "Cannot say whether there is a plateau.",
}


def page(of: "Diagnosis") -> str:
    """Return the whole page."""
    sections = (_head, _variances, _dead, _causes, _depths, _remedies, _laptop, _unknown)
    return "\n".join(line for section in sections for line in section(of))


def _head(of: "Diagnosis") -> Iterator[str]:
    size = f"{of.n_qubits} qubits, {of.n_rotations} rotations, {of.n_params} parameters"
    yield HEAD[of.verdict]
    yield f"  Rule     {of.reason}"
    if of.causes:
        word = "Cause" if of.verdict == "plateau" else "Because" if of.verdict == "no plateau" else "Moved by"
        yield f"  {word:<8} {'; '.join(SAYS[c.name][1] for c in of.causes[:3])}"
    if of.cost_rate is not None and of.rate is not None:
        r = of.cost_rate
        falls = r.high < 0 and of.verdict == "plateau"
        word = ": the observable concentrates, and the gradients with it" if falls else ""
        yield f"  Cost     Var[C] {r.slope:+.2f} bits per qubit [{r.low:+.2f}, {r.high:+.2f}]{word}"
    yield f"  Circuit  {size}"


def _variances(of: "Diagnosis") -> Iterator[str]:
    words = "shared angles freed, " if of.freed else ""
    yield f"\nHow large are gradients here? ({words}{of.engine})"
    yield f"  mean Var[dC/dtheta]  {_bits(of.gradient)}"
    yield f"  Var[C]               {_bits(of.cost)}"
    if of.two_design is not None and math.isfinite(of.two_design.log2):
        yield f"  against a 2-design   {_pm(of.two_design)} bits in Var[C] (0: it behaves as one)"
    if of.shots is not None:
        s = of.shots
        yield (
            f"  a typical entry is {s.gradient:.2g}; to see it at 95 % takes {_count(s.shots)} shots "
            f"[{_count(s.low)}, {_count(s.high)}], {s.deviation:.2g} being the deviation of one"
        )
    if of.tied is not None:
        t = of.tied
        yield (
            f"  with shared angles, {t.terms} of {t.of_terms} terms, {t.samples} angles: mean "
            f"{_bits(t.mean)}, Var[C] {_bits(t.cost)}"
        )
    shown = of.groups if len(of.groups) <= SHOWN else (*of.groups[: SHOWN // 2], *of.groups[-SHOWN // 2 :])
    for group in shown:
        left_out = f", {group.dead} dead" if group.dead else ""
        value = f"{group.variance:.3g} +- {group.stderr:.1g}" if group.parameters else "none lives"
        value = "not resolved" if math.isnan(group.variance) else value
        yield f"    layer {group.layer + 1:<3} {group.kind:<6} {value} ({group.parameters}{left_out})"
    if len(of.groups) > len(shown):
        yield f"    and {len(of.groups) - len(shown)} more between them"


def _dead(of: "Diagnosis") -> Iterator[str]:
    yield "\nDead parameters (the cost does not depend on them)"
    if not of.dead:
        yield "  none is proven dead"
    for reason, count in Counter(d.reason for d in of.dead).items():
        names = [d.name for d in of.dead if d.reason == reason]
        more = " ..." if count > 6 else ""
        yield f"  {count} of {of.n_params}, {reason}: {', '.join(names[:6])}{more}"


def _causes(of: "Diagnosis") -> Iterator[str]:
    if not of.changes:
        return
    yield "\nWhat one change does to the variance (log2; + is less flat)"
    leading = {c.name for c in of.causes}
    for change in sorted(of.changes, key=lambda c: (c.name not in leading, -abs(c.effect))):
        mark = "*" if change.name in leading else " "
        yield f" {mark} {SAYS[change.name][0]:<43} {_effect(change)}"
    if of.noise is not None:
        yield f"   {'with 1 % depolarizing noise behind each gate':<43} {_effect(of.noise)}"
    if leading:
        yield f"  * {'moves it most' if of.verdict == 'cannot say' else 'explains the verdict'}"


def _depths(of: "Diagnosis") -> Iterator[str]:
    for title, points in (("By depth", of.depths), ("Term by term", of.terms)):
        if len(points) > 1:
            yield f"\n{title}: mean Var[dC/dtheta]"
            yield from (f"  {p.label:<24} {_value(p)}" for p in points[:SHOWN])


def _remedies(of: "Diagnosis") -> Iterator[str]:
    if of.remedies:
        yield "\nWhat to do (tried on this circuit, without training)"
    for r in of.remedies:
        yield f"  {r.name:<15} {r.effect:+.2f} bits [{r.low:+.2f}, {r.high:+.2f}]: {r.what}"


def _laptop(of: "Diagnosis") -> Iterator[str]:
    yield f"\nCould a laptop do it? {'Yes.' if of.simulability.easy else 'Not by these structures.'}"
    yield from (f"  {words}" for words in of.simulability.words)


def _unknown(of: "Diagnosis") -> Iterator[str]:
    if of.unknown:
        yield "\nWhat is not known"
    yield from (f"  {words}" for words in of.unknown)
    yield f"\n{of.seconds:.1f} s"


def unknown(
    seen: "Measured", family: bool, exact: "Tied | None", cone: int, qubits: int, params: int, rotations: int
) -> tuple[str, ...]:
    """Return what cannot be known, a sentence each.

    Args:
        seen: what was measured.
        family: whether there are other sizes.
        exact: the variance with shared angles, if it was found.
        cone: qubits of the largest light cone.
        qubits, params, rotations: of the circuit.
    """
    said = []
    if not family:
        said.append("One size, no rate: whether the variance decays with the number of qubits is not known.")
    if seen.freed:
        said.append(
            "The variances are those of the circuit with an angle of its own for each rotation; it has "
            f"{params} shared angles in {rotations} rotations."
        )
        if exact is None:
            said.append(
                f"With shared angles the variance cannot be known here: {qubits} qubits are beyond state "
                f"vectors, light cones have up to {cone} qubits, and walks need independent angles."
            )
        elif exact.terms < exact.of_terms:
            left = exact.of_terms - exact.terms
            said.append(f"With shared angles {left} terms of H have light cones beyond 20 qubits.")
    if seen.found.engine == "none":
        said.append(f"The variances cannot be known here: {seen.found.reason}.")
    elif math.isnan(seen.gradient.log2):
        said.append(
            "Too few walks come back: all that is known of the mean variance is that it is below "
            f"2^{seen.gradient.upper:.1f}, at 95 %."
        )
    return tuple(said)


def _bits(value: "Bits") -> str:
    if math.isnan(value.log2):
        return f"below 2^{value.upper:.1f} (95 %)" if math.isfinite(value.upper) else "not resolved"
    if value.log2 == -math.inf:
        return "0"
    number = 2.0**value.log2
    reach = 1.96 * value.stderr
    return f"{number:.3g}, 2^{value.log2:.2f} [2^{value.log2 - reach:.2f}, 2^{value.log2 + reach:.2f}]"


def _pm(value: "Bits") -> str:
    reach = 1.96 * value.stderr
    return f"{value.log2:+.2f} [{value.log2 - reach:+.2f}, {value.log2 + reach:+.2f}]"


def _effect(change: "Change") -> str:
    if math.isinf(change.effect):
        return "no parameter is left"
    if math.isinf(change.low):
        return f"{change.effect:+.2f} {change.unit} or less, at {change.at[0]} qubits"
    return f"{change.effect:+.2f} {change.unit} [{change.low:+.2f}, {change.high:+.2f}]"


def _value(point: "Point") -> str:
    return "not resolved" if math.isnan(point.variance) else f"{point.variance:.3g} +- {point.stderr:.1g}"


def _count(number: float) -> str:
    return f"{number:.0f}" if number < 1e5 else f"{number:.1e}"
