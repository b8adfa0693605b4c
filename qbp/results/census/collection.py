"""Collected circuits, read from the file that `benchmarks/census/collect.py` writes, and their observables.

The file has `index.json` and a program of OpenQASM 3 for each circuit, with its SHA-256.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from qbp import _checks
from qbp.circuits.builder import BuiltCircuit
from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Rotation
from qbp.circuits.observables import Observable, PauliSum, Projector
from qbp.interchange.imported import Imported
from qbp.interchange.qasm.reader import read_qasm

FILE = "census-circuits.zip"  # in the results folder
MOST_BYTES = 8 * 2**20  # of one program
OBSERVABLES = ("last qubit", "neighbours", "projector")


@dataclass(frozen=True)
class Collected:
    """A circuit of the collection.

    Attributes:
        name: unique.
        source, version, licence: of the package it comes from.
        family: the same at all sizes.
        call: how it was made.
        qubits, parameters: their numbers; no parameters where the source names none.
        angles: which of its angles are trained, in words.
        edges: pairs of qubits of the problem that it is to solve; empty where it has none.
        sha256: of the program.
        program: OpenQASM 3.
    """

    name: str
    source: str
    version: str
    licence: str
    family: str
    call: str
    qubits: int
    parameters: int
    angles: str
    edges: tuple[tuple[int, int], ...]
    sha256: str
    program: str

    @cached_property
    def imported(self) -> Imported:
        """The circuit as it is read; numbers are trained where the source names no parameters."""
        return read_qasm(self.program)

    @property
    def circuit(self) -> BuiltCircuit:
        """The circuit."""
        return self.imported.circuit

    def observable(self, kind: str) -> Observable:
        """Return what is measured, each no larger than 1 in size.

        Args:
            kind: "last qubit" is Z there; "neighbours", the mean of Z Z over the edges of the problem, or of
                qubits next to each other where there is none; "projector" on all zeros.

        Raises:
            ValueError: it is none of these, or there is one qubit and no neighbour.
        """
        n, kind = self.qubits, _checks.choice("kind", kind, OBSERVABLES)
        if kind == "projector":
            return Projector(n)
        if kind == "last qubit":
            return PauliSum({"I" * (n - 1) + "Z": 1.0})
        pairs = self.edges or tuple((q, q + 1) for q in range(n - 1))
        if not pairs:
            raise ValueError(f"kind must be one that a single qubit has, got {kind!r}")
        strings = ("".join("Z" if q in pair else "I" for q in range(n)) for pair in pairs)
        return PauliSum(dict.fromkeys(strings, 1 / len(pairs)))


def read_collection(path: Path) -> dict[str, Collected]:
    """Return the circuits of a file, {name: circuit}, in its order.

    Raises:
        ValueError: it cannot be read, or a program is not that of its SHA-256.
    """
    try:
        with zipfile.ZipFile(path) as file:
            listed = json.loads(_content(file, "index.json"))["circuits"]
            found = [_collected(entry, _content(file, f"{entry['name']}.qasm")) for entry in listed]
    except (OSError, KeyError, TypeError, zipfile.BadZipFile, json.JSONDecodeError) as error:
        raise ValueError(f"path must be a collection of circuits, got {path}: {error}") from None
    return {circuit.name: circuit for circuit in found}


def shared(circuit: Circuit) -> int:
    """Return how many parameters turn several rotations.

    Example:
        >>> from qbp import QAOA
        >>> shared(QAOA([(0, 1), (1, 2)], n_layers=1))
        2
    """
    turned = [gate.parameter for gate in circuit.program if isinstance(gate, Rotation)]
    return sum(turned.count(k) > 1 for k in set(turned) - {None})


def _content(file: zipfile.ZipFile, name: str) -> bytes:
    if file.getinfo(name).file_size > MOST_BYTES:
        raise ValueError(f"a file of a collection must have at most {MOST_BYTES} bytes, got {name}")
    return file.read(name)


def _collected(entry: Mapping[str, Any], content: bytes) -> Collected:
    if (found := hashlib.sha256(content).hexdigest()) != entry["sha256"]:
        raise ValueError(f"{entry['name']} must be the program of its SHA-256, got {found[:12]}")
    own = {f.name: entry[f.name] for f in fields(Collected) if f.name not in ("edges", "program")}
    edges = tuple((int(a), int(b)) for a, b in entry["edges"])
    return Collected(**own, edges=edges, program=content.decode())
