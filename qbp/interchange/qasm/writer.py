"""Writer of OpenQASM 2 and 3, for any reader: numbers as Python prints them, one register named q."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from qbp import _checks
from qbp.circuits.circuit import Circuit, check
from qbp.interchange.export import common_gates, names_of, values_of
from qbp.interchange.linear import Linear
from qbp.interchange.qasm.parser import KEYWORDS
from qbp.interchange.qasm.standard import standard_gates

_HEADS = {2: 'OPENQASM 2.0;\ninclude "qelib1.inc";\n', 3: 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'}
_TAKEN = frozenset(
    [
        "q",
        "pi",
        "tau",
        "euler",
        "sin",
        "cos",
        "tan",
        "exp",
        "ln",
        "log",
        "sqrt",
        "arcsin",
        "arccos",
        "arctan",
        "mod",
        "popcount",
        "rotl",
        "rotr",
    ]
)


def write_qasm(circuit: Circuit, version: int = 3, theta: Any = None) -> str:
    """Program in OpenQASM of any circuit, its start state included, up to a global phase.

    Parameters are inputs, and an angle is written as ``scale*name + offset``; other characters than letters,
    digits and underscores of a name become underscores.  Rotations by longer Pauli strings are written out in
    CNOTs, and fixed gates by their names.  Numbers have all their digits, "1e-05" and not "1.e-05", which
    some readers take for an expression.

    Args:
        circuit: any circuit.
        version: 3, or 2, which has no parameters and needs `theta`.
        theta: values of the angles, radians, shape (n_params,), to write numbers instead of parameters.

    Returns:
        The text, which :func:`qbp.interchange.qasm.reader.read_qasm` reads to the same states.

    Raises:
        TypeError, ValueError: an argument is none of these.

    Example:
        >>> from qbp.circuits.builder import CircuitBuilder
        >>> b = CircuitBuilder(2)
        >>> print(write_qasm(b.h(0).cx(0, 1).rx(2 * b.parameter("a") + 0.1, 1).build()), end="")
        OPENQASM 3.0;
        include "stdgates.inc";
        input float[64] a;
        qubit[2] q;
        h q[0];
        cx q[0], q[1];
        rx(2.0*a + 0.1) q[1];
    """
    check(circuit)
    if _checks.integer("version", version, 2, 3) == 2 and theta is None and circuit.n_params:
        raise ValueError("theta must be given for version 2, which has no parameters, got None")
    names = names_of(circuit)
    values: Mapping[str, Linear]
    if theta is not None:
        numbers = values_of(circuit, theta)
        values = {name: Linear(float(v)) for name, v in zip(names, numbers, strict=True)}
        inputs = []
    else:
        inputs = _identifiers(names)
        values = {name: Linear(0.0, ((new, 1.0),)) for name, new in zip(names, inputs, strict=True)}
    lines = [f"input float[64] {name};\n" for name in inputs]
    lines.append(f"qreg q[{circuit.n_qubits}];\n" if version == 2 else f"qubit[{circuit.n_qubits}] q;\n")
    for gate in common_gates(circuit):
        angle = "" if gate.angle is None else f"({_text(gate.angle.with_values(values))})"
        lines.append(f"{gate.name}{angle} {', '.join(f'q[{k}]' for k in gate.qubits)};\n")
    return _HEADS[version] + "".join(lines)


def _identifiers(names: Iterable[str]) -> list[str]:
    """Return a different identifier for each name, the name itself where it means nothing else."""
    taken = {*KEYWORDS, *_TAKEN, *standard_gates()}
    found = list[str]()
    for name in names:
        base = re.sub(r"[^A-Za-z0-9_]", "_", name)
        base = base if base[0].isalpha() or (base[0] == "_" and len(base) > 1) else f"p_{base}"
        new, count = base, 1
        while new in taken:
            new, count = f"{base}_{count}", count + 1
        taken.add(new)
        found.append(new)
    return found


def _text(angle: Linear) -> str:
    """Return an angle in OpenQASM: multiples of pi/4 as such, other numbers with all their digits."""
    if not angle.terms:
        return _number(angle.constant)
    text = " + ".join(name if scale == 1 else f"{scale!r}*{name}" for name, scale in angle.terms)
    return f"{text} + {angle.constant!r}" if angle.constant else text


def _number(value: float) -> str:
    eighths = round(value / (math.pi / 4)) if abs(value) < 100 else 0
    if eighths == 0 or value != eighths * math.pi / 4:
        return repr(float(value))
    divisor = math.gcd(eighths, 4)
    top, below = abs(eighths) // divisor, 4 // divisor
    sign = "-" if eighths < 0 else ""
    return f"{sign}{'' if top == 1 else f'{top}*'}pi{'' if below == 1 else f'/{below}'}"
