#!/usr/bin/env bash
# nbgrader 0.9.6 gives partial points by the number that a test cell returns.  It reads the printed form of it, and
# NumPy 2 prints a scalar as np.float64(0.25), which is no number to it: the cell counts in full, though the work
# earned a quarter of a point or nothing.  So do nan and numbers below zero.  A plain float from 0 up counts as it
# should; so test cells must end in float(...).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q nbgrader==0.9.6 numpy==2.4.6 ipykernel==7.4.0
cd "$folder" && PATH="$folder/env/bin:$PATH" "$folder/env/bin/python" -W ignore - <<'PY'
import nbformat
from nbclient import NotebookClient
from nbgrader.utils import determine_grade

TEST = {"nbgrader": {"grade": True, "solution": False, "locked": True, "grade_id": "test", "points": 2, "schema_version": 3}}


def points(source):
    cell = nbformat.v4.new_code_cell(source, metadata=TEST)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import numpy as np"), cell])
    NotebookClient(notebook).execute()
    return determine_grade(notebook.cells[1])[0]


plain, scalar, none = points("float(np.mean([0.5, 0]))"), points("np.mean([0.5, 0])"), points("np.mean([0.0, 0])")
print(f"of 2 points: float 0.25 gives {plain}, the NumPy scalar 0.25 gives {scalar}, the NumPy scalar 0 gives {none}")
assert (plain, scalar, none) == (0.25, 2.0, 2.0)
others = points("float('nan')"), points("-1.0")
print(f"nan gives {others[0]}, -1.0 gives {others[1]}")
assert others == (2.0, 2.0)
PY
