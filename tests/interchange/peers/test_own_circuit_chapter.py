"""The chapter on circuits of your own: its blocks run, and write the files that stand beside it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from exchanged import same, state

import qbp

pytestmark = [pytest.mark.interchange, pytest.mark.filterwarnings("ignore")]
BOOK = Path(__file__).parents[3] / "book"
EDGES = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5), (0, 3)]
POINT = np.array([-0.5, 0.4, -0.9, 0.15])  # of the template: gamma_1, beta_1, gamma_2, beta_2


def block(package):
    """Run the block of the chapter that imports a package; return what it leaves."""
    cells = json.loads((BOOK / "own-circuit.ipynb").read_text())["cells"]
    text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    before = text.partition("## Four ways in")[0]
    (found,) = [b for b in re.findall(r"(?s)```python\n(.*?)```", before) if f"qbp.from_{package}" in b]
    scope = {"qbp": qbp, "edges": EDGES}
    exec(compile(found, f"{package} in own-circuit", "exec"), scope)
    return scope


@pytest.mark.parametrize(("package", "values"), [
    ("qiskit", POINT[[1, 3, 0, 2]] * [1, 1, -1, -1]),
    ("pennylane", POINT * [-1, 2, -1, 2]),
])  # fmt: skip
def test_a_block_gives_the_circuit_and_the_file(package, values):
    found, file = block(package), BOOK / "circuits" / f"qaoa-{package}.qasm"
    assert found["text"].rstrip("\n") == file.read_text().rstrip("\n")
    expected = state(qbp.QAOA(EDGES, 2), POINT)
    read = qbp.read_qasm(file, angles="equal")
    for circuit in (found["found"].circuit, read.circuit):
        assert circuit.n_params == 4
        same(state(circuit, values), expected, 1e-10)
    if package == "pennylane":
        np.testing.assert_allclose(read.theta0, values)


def test_pennylanes_energy_is_the_chapters():
    energy, angles = block("pennylane")["energy"], [(0.5, 0.4), (0.9, 0.15)]
    ours = qbp.QAOA(EDGES, 2).expectation(torch.from_numpy(POINT), qbp.maxcut(EDGES))
    assert float(ours) == pytest.approx(float(energy(angles)), abs=1e-10)


def test_pennylanes_maximum_cut_is_ours_and_ignores_weights():
    import networkx
    import pennylane as qml

    graph = networkx.Graph()
    graph.add_weighted_edges_from([(0, 1, 2.0), (1, 2, 0.5)])
    cost, _ = qml.qaoa.maxcut(graph)
    assert qbp.from_pennylane_operator(cost) == qbp.maxcut([(0, 1), (1, 2)])
