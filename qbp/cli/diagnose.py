"""Command `qbp diagnose`: whether a circuit of a file, or a template, has a plateau, why, and at which size.

The shape of --json: the attributes of :class:`qbp.plateaus.diagnosis.report.Diagnosis` by their names, with
``schema``, ``circuit`` and ``hamiltonian`` before them::

    {"schema": 1, "circuit", "hamiltonian", "verdict", "reason",
     "rate": {"slope", "low", "high", "power", "power_low", "power_high", "evidence", "sizes": [...],
              "levels": [...], "stderrs": [...]} or null, "cost_rate": the same,
     "causes": [{"name", "effect", "low", "high", "unit", "at": [...]}], "changes": [the same],
     "dead": [{"index", "name", "reason"}], "n_qubits", "n_params", "n_rotations", "engine", "freed",
     "gradient": {"log2", "stderr", "upper"}, "cost": the same, "two_design": the same or null,
     "groups": [{"layer", "kind", "parameters", "dead", "variance", "stderr"}],
     "depths": [{"label", "size", "variance", "stderr"}], "terms": [the same],
     "shots": {"gradient", "deviation", "shots", "low", "high"} or null,
     "tied": {"terms", "of_terms", "cost": {...}, "mean": {...}, "samples"} or null,
     "noise": a change or null, "remedies": [{"name", "what", "effect", "low", "high"}],
     "simulability": {"cone_qubits", "cone_rotations", "cone_seconds", "algebra", "algebra_dimension",
                      "algebra_seconds", "non_clifford", "easy", "words": [...]},
     "unknown": [...], "seconds"}

Numbers that are not known are null.
"""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbp import _checks
from qbp.cli import output
from qbp.cli.parser import JSON, named, number, switch, valued

if TYPE_CHECKING:
    from qbp.circuits.circuit import Circuit
    from qbp.circuits.observables import Observable
    from qbp.plateaus.starts.ensemble import AngleEnsemble

TEMPLATES = ("hardware-efficient", "two-local", "strongly-entangling", "qaoa", "hva")
NAMES = ("zz", "last", "local", "global", "tfim", "heisenberg", "maxcut")
OWN = {"qaoa": "maxcut", "hva": "tfim"}  # Hamiltonian of a template, where that is not zz
MANY = 8  # sizes of a long range


def _diagnose(command: Any) -> None:
    own = command(
        "does a circuit have a barren plateau, why, and at which size",
        "A rate and a verdict take a family: a template, or files of different numbers of qubits.  Of one "
        "file everything else is measured at its size: variances by layer and kind of gate, dead parameters, "
        "shots, what one change at a time does, remedies, and whether a laptop does it.  --json has the "
        "attributes of the report by their names: verdict, rate, causes, changes, dead, gradient, groups ...",
        [
            "hardware-efficient --layers n --hamiltonian zz",
            "hva --hamiltonian tfim --sizes 4-12 --json > chain.json",
            "ansatz.qasm --hamiltonian energy.json --angles equal --save ansatz.svg",
            "four.qasm six.qasm eight.qasm ten.qasm --hamiltonian local",
            "hardware-efficient --hamiltonian global --ensemble uniform:0.1 --noise depolarizing:0.01",
        ],
    )
    templates = ", ".join(TEMPLATES)
    own.add_argument(
        "circuits", nargs="+", type=named, metavar="CIRCUIT", help=f"OpenQASM files, or one of {templates}"
    )
    words = f"{', '.join(NAMES)}, a sum as 'Z0 Z1 + 0.5 X2', or a file as `.json` (several files: A,B,...)"
    own.add_argument(
        "--hamiltonian", type=named, metavar="NAME", help=f"{words}; default zz, a template's own"
    )
    number(own, "--qubits", "of a template, at its own size", 8)
    valued(own, "--layers", "of a template: a number, or n, 2n ...", "n", metavar="L")
    own.add_argument("--sizes", type=named, metavar="N-M", help="of a template's family: 4-32, or 4,6,8,10")
    words = "numbers in a file: free, each a parameter; equal, one for a and -a; file, fixed"
    valued(own, "--angles", words, "free", metavar="NAME")
    words = "of the angles: full, or uniform:WIDTH or gaussian:WIDTH about zero: radians, depth or count"
    valued(own, "--ensemble", words, "full", metavar="NAME")
    valued(own, "--noise", "behind every gate: depolarizing:0.01, dephasing:..., damping:...", "none")
    number(own, "--samples", "parameter vectors of state vectors", 200)
    number(own, "--walks", "Pauli walks", 2**17)
    number(own, "--seed", "of all draws", 0)
    switch(own, "--quick", "variances, dead parameters, rate and verdict alone")
    own.add_argument("--save", type=named, metavar="FILE", help="also draw it, into a .svg or .png file")
    switch(own, "--json", JSON)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from qbp.plateaus.diagnosis.examination import diagnose

    if args.save:
        from qbp.book.figures.plateaus import diagnosis_plots

        diagnosis_plots.check_path(args.save)
    (circuit, H), more, name = _asked(args)
    of = _ensemble(args)
    of(circuit)  # a text that is none shows before the first number
    with output.bar("step") as bar:

        def progress(words: str) -> None:
            bar.set_description(words)
            bar.update()

        options = {"samples": args.samples, "walks": args.walks, "seed": args.seed, "quick": args.quick}
        found = diagnose(circuit, H, ensemble=of, progress=progress, **options, **more)
    head = {"circuit": " ".join(args.circuits), "hamiltonian": name}
    output.show(args, lambda: {**head, **found.json()}, lambda: f"{head['circuit']}, {name}\n\n{found}")
    if args.save:
        diagnosis_plots.save(found, args.save)
    return 0


def _asked(args: argparse.Namespace) -> "tuple[tuple[Circuit, Observable], dict[str, Any], str]":
    """Return the circuit with its observable, its family, and what the observable is called."""
    kind = args.circuits[0]
    if kind in TEMPLATES:
        if len(args.circuits) > 1:
            raise ValueError(f"a template stands alone, got {' '.join(args.circuits)}")
        name = args.hamiltonian or OWN.get(kind, "zz")
        made = template(kind, args.layers, name)
        sizes = None if args.sizes is None else _sizes(args.sizes)
        return made(_checks.integer("qubits", args.qubits, 2)), {"family": made, "sizes": sizes}, name
    if args.sizes is not None:
        raise ValueError(f"--sizes is an option of templates, got {args.sizes!r}: give several files instead")
    names = (args.hamiltonian or "zz").split(",")
    if len(names) not in (1, len(args.circuits)):
        raise ValueError(f"--hamiltonian must be one or {len(args.circuits)}, got {args.hamiltonian!r}")
    pairs = [
        _file(path, name, args.angles)
        for path, name in zip(args.circuits, names * (len(args.circuits) // len(names)), strict=True)
    ]
    largest = max(pairs, key=lambda pair: pair[0].n_qubits)
    return largest, {"family": pairs} if len(pairs) > 1 else {}, args.hamiltonian or "zz"


def template(kind: str, layers: str, name: str) -> "Callable[[int], tuple[Circuit, Observable]]":
    """Return the circuits of a template with their observable, by the number of qubits."""
    match = re.fullmatch(r"([1-9]\d{0,2})?n|([1-9]\d{0,5})", str(layers))
    if not match:
        raise ValueError(f"layers must be a number, or n, 2n ..., got {layers!r}")

    def made(n: int) -> "tuple[Circuit, Observable]":
        from qbp.circuits import ansatz
        from qbp.circuits.templates import hamiltonian, layered

        depth = int(match[2]) if match[2] else n * int(match[1] or 1)
        H = observable(name, n)
        if kind == "qaoa":
            return hamiltonian.QAOA(_ring(n), depth, n_qubits=n), H
        if kind == "hva":
            return hamiltonian.HamiltonianVariational(H, depth), H
        if kind == "two-local":
            return layered.TwoLocal(n, reps=depth), H
        if kind == "strongly-entangling":
            return layered.StronglyEntangling(n, depth), H
        return ansatz.HardwareEfficient(n, depth), H

    return made


def observable(name: str, n: int) -> "Observable":
    """Return the observable of a name, or of a file, on n qubits."""
    from qbp.circuits.observables import heisenberg, maxcut
    from qbp.interchange.hamiltonians import read_hamiltonian
    from qbp.interchange.typed import looks_typed, typed_sum
    from qbp.studies.variance_studies import OBSERVABLES

    if name in OBSERVABLES:
        return OBSERVABLES[name](n)
    if name == "heisenberg":
        return heisenberg(n)
    if name == "maxcut":
        return maxcut(_ring(n), n_qubits=n)
    read = typed_sum if looks_typed(name) and not Path(name).exists() else read_hamiltonian
    if read is read_hamiltonian and not Path(name).exists():
        near = "; did you mean 'tfim'?" if "ising" in name.lower() else _checks.did_you_mean(name, NAMES)
        raise ValueError(
            f"hamiltonian must be one of {', '.join(NAMES)}, a sum such as 'Z0 Z1 + 0.5 X1', or a file that "
            f'is there, as energy.json with {{"ZZII": 1, "IXII": 0.5}} or {{"Z0 Z1": 1, "X1": 0.5}}, '
            f"got {name!r}{near}"
        )
    H = read(name)
    if H.n_qubits == n:
        return H
    try:
        return read(name, n)
    except ValueError:  # it can be read: another size
        said = f"hamiltonian must be on {n} qubits, as the circuit, got {H.n_qubits} in {name}"
        raise ValueError(said) from None


def _ring(n: int) -> list[tuple[int, int]]:
    return [(q, (q + 1) % n) for q in range(n if n > 2 else n - 1)]


def _file(path: str, name: str, angles: str) -> "tuple[Circuit, Observable]":
    from qbp.interchange.qasm.reader import read_qasm

    if not Path(path).exists():
        raise ValueError(
            f"circuit must be a file that is there, or one of {', '.join(TEMPLATES)}, got {path!r}"
            f"{_checks.did_you_mean(path, TEMPLATES)}"
        )
    circuit = read_qasm(Path(path), angles).circuit
    return circuit, observable(name, circuit.n_qubits)


def _sizes(text: str) -> list[int]:
    """Read "4-12", "4,6,8" or a long range, of which eight sizes are taken, evenly in their logarithm."""
    match = re.fullmatch(r"\s*(\d{1,4})-(\d{1,4})\s*", text)
    if match:
        first, last = int(match[1]), int(match[2])
        if not 2 <= first < last:
            raise ValueError(f"sizes must go up from 2 or more, got {text!r}")
        steps = min(MANY, last - first + 1) - 1
        if last - first < MANY:
            return list(range(first, last + 1))
        return sorted({round(first * (last / first) ** (i / steps)) for i in range(steps + 1)})
    words = text.split(",")
    if not all(re.fullmatch(r"\s*\d{1,4}\s*", word) for word in words):
        raise ValueError(f"sizes must be numbers like 4-32 or 4,6,8,10, got {text!r}")
    return [int(word) for word in words]


def _ensemble(args: argparse.Namespace) -> "Callable[[Circuit], AngleEnsemble | None]":
    from qbp.plateaus.diagnosis.variants import layout
    from qbp.plateaus.starts.widths import ensemble_of

    def of(circuit: "Circuit") -> "AngleEnsemble | None":
        layers = layout(circuit).n_layers if "depth" in args.ensemble else 1
        return ensemble_of(args.ensemble, args.noise, layers, circuit.n_params)

    return of


ARGUMENTS = (_diagnose,)
COMMANDS = {"diagnose": run}
