"""Small collections of circuits, as benchmarks/census/collect.py writes them."""

import hashlib
import json
import zipfile

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


def product(n, gate="rx"):
    """A rotation of its own on each of n qubits."""
    inputs = "".join(f"input float[64] t{k};\n" for k in range(n))
    return f"{HEAD}{inputs}qubit[{n}] q;\n" + "".join(f"{gate}(t{k}) q[{k}];\n" for k in range(n))


TIED = (
    f"{HEAD}input float[64] a;\nqubit[3] q;\nrx(2*a) q[0];\nrx(a) q[1];\nrx(a) q[2];\ncz q[0], q[1];\n"
    "ry(a + 0.5) q[1];\n"
)


def entry(name, text, n, parameters, edges=()):
    """What the index says of a program."""
    return {
        "name": name,
        "source": "made up",
        "version": "1.0",
        "licence": "MIT",
        "family": name,
        "call": f"{name}({n})",
        "qubits": n,
        "parameters": parameters,
        "angles": "its own parameters",
        "edges": [list(edge) for edge in edges],
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def write(folder, programs):
    """Write {name: (program, qubits, parameters)} as a collection into a results folder."""
    listed = [entry(name, *of) for name, of in programs.items()]
    with zipfile.ZipFile(folder / "census-circuits.zip", "w") as file:
        file.writestr("index.json", json.dumps({"circuits": listed, "refused": []}))
        for name, (text, *_) in programs.items():
            file.writestr(f"{name}.qasm", text)


SMALL = {"product": (product(3), 3, 3), "tied": (TIED, 3, 1)}
