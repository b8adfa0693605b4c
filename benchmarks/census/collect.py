"""Circuits of the census, collected into one file: the same bytes on every run.

python -m benchmarks.census.collect [--out results/census-circuits.zip]

Needs benchmarks/census/requirements.txt, and not qbp.  The file has `index.json` and a program of OpenQASM 3
for each circuit.  A circuit without any angle, or with other than unitary gates, is listed under "refused".
"""

import argparse
import hashlib
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

from benchmarks.census.sources import LICENCES, SOURCES, Found, versions

OUT = Path("results/census-circuits.zip")
MOST = 120_000  # characters of a program
EPOCH = (2026, 1, 1, 0, 0, 0)


def described(found: Found, text: str, of: dict[str, str]) -> dict[str, Any]:
    """What the index says of a circuit."""
    qubits = int(re.findall(r"^qubit\[(\d+)\]", text, re.MULTILINE)[0])
    slug = re.sub(r"[^a-z0-9]+", "-", f"{found.source}-{found.family}".lower()).strip("-")
    return {
        "name": f"{slug}-{qubits}",
        "source": found.source,
        "version": of[found.source],
        "licence": LICENCES[found.source],
        "family": found.family,
        "call": found.call,
        "qubits": qubits,
        "parameters": len(re.findall(r"^input ", text, re.MULTILINE)),
        "angles": "its own parameters" if "\ninput " in text else "each number that is no multiple of pi/2",
        "edges": [list(edge) for edge in found.edges],
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def why_not(text: str) -> str | None:
    """Why a program is left out, None if it is not."""
    if len(text) > MOST:
        return f"a program of {len(text):,} characters, of at most {MOST:,}"
    if "\ninput " not in text and not re.search(r"\((?!-?(\d+\*)?pi(/[12])?\))", text.split("qubit[", 1)[1]):
        return "no angle but multiples of pi/2"
    return None


def collect(names: list[str]) -> tuple[dict[str, str], list[dict[str, Any]], list[dict[str, str]]]:
    """Programs by name, the index, and what was refused."""
    programs, index, refused, of = dict[str, str](), [], [], versions(names)
    for source in names:
        for found in SOURCES[source]():
            try:
                text = found.make()
                reason = why_not(text)
            except Exception as error:  # whatever a package raises
                reason = f"{type(error).__name__}: {str(error)[:120]}"
            if reason:
                refused.append({"source": source, "version": of[source], "call": found.call, "why": reason})
                continue
            row = described(found, text, of)
            if row["name"] in programs or row["sha256"] in {other["sha256"] for other in index}:
                refused.append(
                    {"source": source, "version": of[source], "call": found.call, "why": "the same again"}
                )
                continue
            programs[row["name"]] = text
            index.append(row)
            print(
                f"{row['name']:<60}{row['qubits']:>4} qubits{row['parameters']:>6} parameters",
                file=sys.stderr,
            )
    return programs, index, refused


def write(path: Path, programs: dict[str, str], index: list[Any], refused: list[Any]) -> None:
    """Write the file, with fixed times and in a fixed order."""
    said = {"circuits": index, "refused": refused}
    with zipfile.ZipFile(path, "w") as file:
        for name, text in [
            ("index.json", json.dumps(said, indent=1)),
            *((f"{n}.qasm", t) for n, t in programs.items()),
        ]:
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            file.writestr(entry, text, compresslevel=9)


def main() -> int:
    """Collect, write, and say how many."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--sources", nargs="*", choices=SOURCES, default=list(SOURCES))
    args = parser.parse_args()
    programs, index, refused = collect(args.sources)
    write(args.out, programs, index, refused)
    many = sum(row["qubits"] > 100 for row in index)
    size = args.out.stat().st_size
    digest = hashlib.sha256(args.out.read_bytes()).hexdigest()
    print(f"{len(index)} circuits, {many} above 100 qubits, {len(refused)} refused")
    print(f"{args.out}: {size:,} bytes, sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
