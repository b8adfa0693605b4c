"""Command of the census: `python -m qbp.results.census`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from qbp.results import store
from qbp.results.census import agreement, table


def main(words: Sequence[str] | None = None) -> int:
    """Compute what is missing and write the table, print rows, or compare the engines."""
    parser = argparse.ArgumentParser(prog=table.COMMAND, description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="processes, one thread each")
    parser.add_argument("--parts", type=Path, default=store.ROOT / "_build" / "census", help="where parts go")
    parser.add_argument("--only", default="", help="circuits whose name has this in it")
    parser.add_argument("--print", action="store_true", help="print the rows as JSON and write no table")
    more = "compare the two engines up to 12 qubits, and keep the numbers: an hour"
    parser.add_argument("--agreement", action="store_true", help=more)
    parser.add_argument("--save", type=Path, default=store.DIRECTORY, help="folder of the table")
    args = parser.parse_args(words)
    circuits = [found for name, found in table.collection().items() if args.only in name]
    if args.agreement:
        found = agreement.compare_engines(circuits)
        if not args.only:
            agreement.save(found, args.save)
        print(found)
        return 0
    if args.print:
        print(json.dumps([row for found in circuits for row in table.rows_of(found)], indent=1))
        return 0
    with tqdm(total=len(circuits), unit="circuit") as bar:
        paths = table.compute(circuits, args.parts, jobs=args.jobs, done=lambda name: bar.update())
    if args.only:
        print(f"{len(paths)} circuits are computed; the table is written when all are", file=sys.stderr)
        return 0
    print(table.assemble(paths.values(), args.save))
    return 0


if __name__ == "__main__":
    sys.exit(main())
