"""Summary of a circuit that was read: its gates, its parameters, and what an expectation can depend on."""

from typing import Any

from qbp._files import printable
from qbp.circuits.gates import Rotation
from qbp.circuits.kernel.rewriting import lowered
from qbp.circuits.lowering.frames import light_cone, push_cliffords
from qbp.circuits.observables import PauliSum
from qbp.interchange.imported import Imported

MOST_QUBITS = 26  # up to which a state vector is thought of
MOST_WORK = 10**6  # qubits times gates, up to which light cones are followed
SHOWN = 8  # parameters and notes that are listed for a reader


def summary(found: Imported) -> dict[str, Any]:
    """Summary of a circuit as plain numbers and texts, the shape of ``qbp circuit --json``.

    Returns:
        ``n_qubits``; ``gates``, {name in the source: how often}; ``rotations``, how many there are, ``free``
        ones turned by parameters and ``fixed`` ones; ``entanglers``, pairs of a CNOT or CZ; ``parameters``, a
        list of ``name``, ``value`` in radians or null, ``rotations`` that it turns; ``shared``, how many turn
        several; ``rotations_without_cliffords``, those that are left when Clifford gates are pushed behind
        them; ``way``, how the compiled loops would run it under a sum of Pauli strings, "layers" as it stands
        or "frame" without its Clifford gates, whichever is less work, null above 26 qubits; ``light_cones``,
        {"qubits": [...], "rotations": [...]}, how many the expectation of Z on each qubit can depend on, null
        for a large circuit; ``notes``.

    Raises:
        TypeError: not a circuit that was read.
    """
    if not isinstance(found, Imported):
        raise TypeError(f"found must be an Imported circuit, got {type(found).__name__!r}")
    circuit, program = found.circuit, found.circuit.program
    rotations = [gate for gate in program if isinstance(gate, Rotation)]
    turned = [0] * circuit.n_params
    for gate in rotations:
        if gate.parameter is not None:
            turned[gate.parameter] += 1
    values = [None] * circuit.n_params if found.theta0 is None else found.theta0.tolist()
    rows = zip(found.names, values, turned, strict=True)
    return {
        "n_qubits": circuit.n_qubits,
        "gates": dict(sorted(found.kinds.items())),
        "rotations": len(rotations),
        "free": sum(turned),
        "fixed": len(rotations) - sum(turned),
        "entanglers": sum(len(gate.pairs) for gate in program if not isinstance(gate, Rotation)),
        "parameters": [{"name": name, "value": value, "rotations": count} for name, value, count in rows],
        "shared": sum(count > 1 for count in turned),
        "rotations_without_cliffords": len(push_cliffords(program, circuit.n_qubits).rotations),
        "way": _way(found),
        "light_cones": _light_cones(found),
        "notes": list(found.notes),
    }


def in_words(of: dict[str, Any]) -> str:
    """Return a summary as lines for a reader."""
    gates = ", ".join(f"{count} {name}" for name, count in of["gates"].items())
    parameters = of["parameters"]
    shown = [f"{p['name']}{_value(p['value'])}" for p in parameters[:SHOWN]]
    more = f", ... {len(parameters)} in all" if len(parameters) > SHOWN else ""
    cones = of["light_cones"]
    lines = {
        "qubits": of["n_qubits"],
        "gates": gates,
        "rotations": f"{of['rotations']}: {of['free']} turned by parameters, {of['fixed']} fixed",
        "CNOT, CZ": of["entanglers"],
        "parameters": f"{len(parameters)}, {of['shared']} of them in several rotations",
        "": ", ".join(shown) + more,
        "without Cliffords": f"{of['rotations_without_cliffords']} rotations are left",
    }
    if of["way"]:
        runs = {"layers": "run its gates as they stand", "frame": "run what is left"}
        lines["compiled loops"] = runs[of["way"]]
    if cones:
        lines["light cones"] = (
            f"Z on a qubit depends on {min(cones['qubits'])} to {max(cones['qubits'])} qubits, "
            f"{min(cones['rotations'])} to {max(cones['rotations'])} rotations"
        )
    text = [f"{name:<17} {value}" for name, value in lines.items() if value != ""]
    text += [f"{'note':<17} {note}" for note in of["notes"][:SHOWN]]
    text += [f"{'note':<17} and {len(of['notes']) - SHOWN} more"] * (len(of["notes"]) > SHOWN)
    return "\n".join(map(printable, text))


def _value(value: float | None) -> str:
    return "" if value is None else f" = {value:.4g}"


def _way(found: Imported) -> str | None:
    n = found.circuit.n_qubits
    if n > MOST_QUBITS:
        return None
    return lowered(found.circuit.program, (PauliSum({"Z" + "I" * (n - 1): 1.0}),))[2]


def _light_cones(found: Imported) -> dict[str, list[int]] | None:
    n, program = found.circuit.n_qubits, found.circuit.program
    if n * len(program) > MOST_WORK:
        return None
    cones = [light_cone(program, PauliSum({"I" * q + "Z" + "I" * (n - 1 - q): 1.0})) for q in range(n)]
    rotations = [sum(isinstance(program[place], Rotation) for place in cone.rotations) for cone in cones]
    return {"qubits": [len(cone.qubits) for cone in cones], "rotations": rotations}
