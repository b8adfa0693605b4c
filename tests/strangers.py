"""Harmless stand-ins for what a stranger's file could try, and what qbp says to each.

Run alone (`python tests/strangers.py`), it tries all of them in this process and prints JSON: the messages,
the memory it took, and whether anything of a file was run: unpickled, started, or given to a shell.  With
`--table` it prints the table of the page `book/strangers.md`.
"""

import io
import json
import os
import re
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

RAN = "a file of a stranger ran"  # what would be written
WATCHED = ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen")
EVIL = f"__import__('os').system('echo {RAN} > ran')"  # runs where it is evaluated
PICKLE = b"cposix\nsystem\n(S'echo ran > ran'\ntR."  # runs where it is unpickled
LETTERS = "A" * 100_000


def table(**columns) -> bytes:
    """A file of results with these columns, others as they should be."""
    import pyarrow as pa
    from pyarrow import parquet

    usual = {"key": ["0" * 16], "config": ["{}"], "core": ["1"], "seed": [0], "step": [0], "metric": ["loss"]}
    buffer = io.BytesIO()
    parquet.write_table(pa.table(usual | {"value": [0.5]} | columns), buffer, compression="zstd")
    return buffer.getvalue()


def listed(folder: Path, raw: bytes) -> Path:
    """A folder of results with this file, and a manifest that lists it."""
    import hashlib

    (folder / "mine.parquet").write_bytes(raw)
    entry = {"sha256": hashlib.sha256(raw).hexdigest()}
    (folder / "MANIFEST.json").write_text(json.dumps({"mine": entry}))
    return folder


def pickled(folder: Path) -> None:
    """A column whose type is pickled, as old versions of pyarrow would load it."""
    import pyarrow as pa
    from pyarrow import parquet

    marks = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": PICKLE}
    schema = pa.schema([pa.field("value", pa.int64(), metadata=marks)])
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"value": [1]}, schema=schema), buffer)
    found = read_table(buffer.getvalue())
    raise ValueError(f"read as {found['value'].dtype}, and the pickle is left alone")


def read_table(raw: bytes):
    from qbp.results.reading import parquet

    return parquet.read(raw)


def load(folder: Path, raw: bytes):
    from qbp.results import store

    return store.read_table("mine", listed(folder, raw))


def manifest(folder: Path, text: str):
    from qbp.results import store

    (folder / "MANIFEST.json").write_text(text)
    return store.manifest(folder)


def repeated() -> bytes:
    """A text of 100,000 letters that 50,000 rows name: some kilobytes, and 5 GB if each row had its own."""
    import pyarrow as pa
    from pyarrow import parquet

    n, buffer = 50_000, io.BytesIO()
    packed = pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), [LETTERS])
    found = pa.table({"config": packed, "value": [0.5] * n})
    parquet.write_table(found, buffer, compression="zstd", store_schema=False)  # a reader unpacks it
    return buffer.getvalue()


def bomb() -> bytes:
    """A page that says of itself that it unpacks to 600 MB; the footer says a few bytes."""
    import pyarrow as pa
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(pa.table({"value": [0.5]}), buffer, compression="zstd", use_dictionary=False)
    raw, at = buffer.getvalue(), 4
    assert raw[at] == raw[at + 2] == 0x15 and raw[at + 3] < 128  # its kind, then its size in a byte
    size, number = b"", 2 * 600_000_000
    while number:
        size, number = size + bytes([number & 127 | (128 if number > 127 else 0)]), number >> 7
    return raw[: at + 3] + size + raw[at + 4 :]


def pipe(folder: Path) -> None:
    """A sweep's folder with a pipe that nobody writes to, where rows should be."""
    from qbp.sweeps.collect import collect

    os.mkfifo(folder / "run.parquet")
    collect(folder)


def parameter(value) -> Callable[[Path], object]:
    """A sweep's folder with rows of a run of this parameter."""

    def tried(folder: Path) -> object:
        from qbp.sweeps import shards
        from qbp.sweeps.axes import Run
        from qbp.sweeps.collect import collect
        from qbp.sweeps.notebook import Ran, Row

        config = {"chapter": "a", "parameters": {"n": value}}
        run = Run({}, config, "0" * 16, f"a.{'0' * 16}")
        shards.keep(folder, run, Ran("{}", (Row("glue", -1, -1, "a", 1.0, "1"),), 1.0), "1")
        return collect(folder)

    return tried


def notebook(folder: Path, first: str, *given: str, text: str | None = None) -> object:
    """A notebook with this cell of parameters, of which a sweep is planned."""
    from qbp.sweeps.axes import plan

    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": first, "outputs": []}
    node = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]}
    (folder / "a.ipynb").write_text(json.dumps(node) if text is None else text)
    return plan(str(folder / "a.ipynb"), given)


def qasm(body: str, folder: Path | None = None) -> object:
    from qbp.interchange.qasm.reader import read_qasm

    return read_qasm(f"OPENQASM 2.0; {body}")


def hamiltonian(folder: Path, name: str, text: str) -> object:
    from qbp.interchange.hamiltonians import read_hamiltonian

    (folder / name).write_text(text)
    return read_hamiltonian(folder / name)


def state(folder: Path) -> object:
    found = qasm("qreg q[60]; h q; rz(0.3) q[1];")
    import torch

    return found.circuit.state(torch.tensor(found.theta0))


def submission(folder: Path, text: str) -> object:
    from qbp.teaching.grader.submission import content, read

    (folder / "a.ipynb").write_text(text)
    return read(content(folder / "a.ipynb"))


def mnist(folder: Path) -> object:
    """A folder of MNIST whose images are larger than what is read; the file system stores no byte of it."""
    from qbp.perceptrons.datasets import mnist

    with (folder / "train-images-idx3-ubyte").open("wb") as file:
        file.truncate(65 * 2**20)
    return mnist(path=folder)


DOUBLING = "gate g0 a { x a; } " + " ".join(f"gate g{k + 1} a {{ g{k} a; g{k} a; }}" for k in range(45))
CASES: dict[str, Callable[[Path], object]] = {
    "table: no table at all": lambda f: read_table(b"PAR1" + b"\0" * 99),
    "table: a pickle as the type of a column": pickled,
    "table: a page that unpacks to 600 MB": lambda f: read_table(bomb()),
    "table: 5 GB of one text, named by every row": lambda f: load(f, repeated()),
    "table: a column of lists": lambda f: read_table(table(value=[[0.5]])),
    "table: bytes of another table than the manifest's": lambda f: _exchanged(f),
    "manifest: 11 MB": lambda f: manifest(f, " " * 11_000_000),
    "manifest: nested 100,000 deep": lambda f: manifest(f, '{"a":' + "[" * 100_000),
    "sweep: a pipe in place of rows": pipe,
    "sweep: a parameter of 400 digits": parameter(10**400),
    "sweep: a parameter that is an object": parameter({"__class__": "os"}),
    "notebook: no JSON": lambda f: notebook(f, "", text="<html>"),
    "notebook: a default that is code": lambda f: notebook(f, f"n = {EVIL}", "n=1"),
    "-p: a value that is code": lambda f: notebook(f, "n = 1", f"n={EVIL}"),
    "-p: 10^30 values": lambda f: notebook(f, "n = 1", f"n=1:{10**29}"),
    "circuit: an angle that is code": lambda f: qasm(f"qreg q[1]; rx({EVIL}) q[0];"),
    "circuit: a file of the machine included": lambda f: qasm('include "/etc/passwd";'),
    "circuit: 2^45 gates by definitions": lambda f: qasm(f"qreg q[1]; {DOUBLING} g45 q[0];"),
    "circuit: 100,000 parentheses": lambda f: qasm(f"qreg q[1]; rx({'(' * 100_000}1) q[0];"),
    "circuit: 9^9^9^9": lambda f: qasm("qreg q[1]; rx(9^9^9^9) q[0];"),
    "circuit: a billion qubits": lambda f: qasm("qreg q[1000000000];"),
    "circuit: a state of 60 qubits": state,
    "circuit: 9 MB": lambda f: qasm("x" * 9 * 2**20),
    "MNIST: images of 65 MiB": mnist,
    "Hamiltonian: a coefficient that is code": lambda f: hamiltonian(f, "a.json", json.dumps({"Z": EVIL})),
    "Hamiltonian: qubit 999,999": lambda f: hamiltonian(f, "a.txt", "1.0 [X999999]"),
    "Hamiltonian: nested 100,000 deep": lambda f: hamiltonian(f, "a.json", "[" * 100_000),
    "submission: 21 MB": lambda f: submission(f, " " * 21 * 2**20),
    "submission: nested 100,000 deep": lambda f: submission(f, '{"cells":' + "[" * 100_000),
}


def _exchanged(folder: Path) -> object:
    from qbp.results import store

    listed(folder, table())
    (folder / "mine.parquet").write_bytes(table(value=[9.0]))
    return store.read_table("mine", folder)


def message(case: str) -> str:
    """Return what is said to a stand-in, without the folder it lies in."""
    with tempfile.TemporaryDirectory() as place:
        before = os.getcwd()
        os.chdir(place)
        try:
            CASES[case](Path(place))
        except (ValueError, TypeError) as error:
            said = str(error).replace(str(Path(place).resolve()), "FOLDER")
            said = re.sub(
                r"\d+(?= GiB)|\b[0-9a-f]{12}\b", "...", said
            )  # of the machine, of a library's version
        else:
            said = "nothing"
        finally:
            os.chdir(before)
        if Path(place, "ran").exists():
            said = RAN
    return " ".join(said.split())[:220]


def rows(messages: dict[str, str]) -> str:
    """Return the table of the page."""
    cells = [(case, said.replace("|", "\\|").replace("`", "'")) for case, said in messages.items()]
    return "\n".join(
        ["| what is in it | what qbp says |", "|---|---|", *(f"| {a} | `{b}` |" for a, b in cells)]
    )


def main(*words: str) -> None:
    """Try every stand-in, and print what came of it."""
    events = list[str]()
    message("table: no table at all")
    message("circuit: a billion qubits")  # modules are loaded before we listen
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.addaudithook(lambda event, _: events.append(event) if event in WATCHED else None)
    found = {case: message(case) for case in CASES}
    mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    print(rows(found) if words else json.dumps({"said": found, "mb": mb, "events": events}))


if __name__ == "__main__":
    main(*sys.argv[1:])
