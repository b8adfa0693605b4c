"""The house: what stands where, what loads what, and that the rules between the folders hold."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import qbp

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "qbp"
FOLDERS = [path.parent for path in sorted(PACKAGE.rglob("__init__.py"))]
# `import qbp` loads none of these.
HEAVY = ["torch", "numba", "matplotlib", "pandas", "ipywidgets", "scipy", "mlxtend", "papermill", "pyarrow"]


def run(*words, cwd=ROOT):
    return subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True)


def loaded(statement):
    """The modules that a statement loads in a fresh interpreter."""
    done = run("-c", f"{statement}\nimport sys; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def contracts(cwd):
    """What import-linter says in a folder: exit status and text."""
    done = run("-c", "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])", cwd=cwd)
    return done.returncode, re.sub(r"\s+", " ", done.stdout + done.stderr)


def imports(path):
    """The (module, name) pairs of every `from module import name` in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, path
            yield from ((node.module, alias.name) for alias in node.names)


def is_module(dotted):
    path = ROOT.joinpath(*dotted.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_the_contracts_hold():
    status, said = contracts(ROOT)
    assert status == 0, said
    assert "Contracts: 3 kept, 0 broken" in said


@pytest.mark.parametrize(
    "module, statement, reported",
    [
        (
            "circuits/targets.py",
            "from qbp.experiments import registry",
            "qbp.circuits.targets -> qbp.experiments",
        ),
        ("perceptrons/mlp.py", "from qbp.circuits import gates", "qbp.perceptrons.mlp -> qbp.circuits"),
        ("plateaus/shifts.py", "import pandas", "qbp.plateaus.shifts -> pandas"),
        ("circuits/gates.py", "from qbp.circuits import layers", ".gates -> .layers"),  # in a circle
        ("novelty.py", "", "not listed as layers: - qbp.novelty"),
    ],
)
def test_a_broken_rule_is_reported(tmp_path, module, statement, reported):
    shutil.copytree(PACKAGE, tmp_path / "qbp", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "qbp" / module).open("a") as file:
        file.write(f"\n{statement}\n")
    status, said = contracts(tmp_path)
    assert status == 1 and "BROKEN" in said and reported in said, said


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_folder_can_be_seen_at_a_glance(folder):
    files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    below = [path for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"]
    top = folder == PACKAGE
    assert len(files) <= (12 if top else 10) and len(below) <= (15 if top else 12)
    assert set(below) <= set(FOLDERS), "a folder without __init__.py"
    if not top:  # one sentence, and nothing handed on
        (docstring,) = ast.parse((folder / "__init__.py").read_text()).body
        assert re.fullmatch(r"[A-Z][^.\n]*\.", docstring.value.value)


def test_the_package_imports_from_modules_not_from_folders():
    for path in PACKAGE.rglob("*.py"):
        for module, name in imports(path):
            if module.partition(".")[0] == "qbp" and name != "__version__":
                where = ROOT.joinpath(*module.split("."))
                assert not where.is_dir() or is_module(f"{module}.{name}"), f"{path}: {module}.{name}"


def test_tests_stand_where_the_modules_stand():
    folders = {path.relative_to(PACKAGE) for path in FOLDERS} | {Path("interchange/peers")}  # other tools
    for path in (ROOT / "tests").rglob("test_*.py"):
        assert path.parent.relative_to(ROOT / "tests") in folders, path


def test_import_qbp_loads_nothing_heavy():
    found = loaded("import qbp")
    assert not found & set(HEAVY)
    assert {name for name in found if name.startswith("qbp")} == {"qbp"}


def test_algorithm_1_is_seven_modules():
    found = {name for name in loaded("import qbp.algorithm_1") if name.startswith("qbp.")}
    method = ["_arguments", "_checks", "algorithm_1", "convex", "optimizers", "problem", "refinement"]
    assert found == {f"qbp.{name}" for name in method}


def test_pauli_walks_load_numpy_alone():
    modules = ", ".join(
        f"qbp.plateaus.pauli.{p.stem}" for p in (PACKAGE / "plateaus/pauli").glob("[a-z]*.py")
    )
    assert not loaded(f"import {modules}") & {"torch", "scipy", "pandas", "matplotlib"}


def test_the_public_names_are_one_table():
    (block,) = [
        node for node in ast.parse((PACKAGE / "__init__.py").read_text()).body if isinstance(node, ast.If)
    ]
    for_types = {node.module: tuple(alias.name for alias in node.names) for node in block.body}
    assert for_types == qbp._NAMES
    assert sorted(name for names in for_types.values() for name in names) == qbp.__all__
    assert set(qbp.__all__) <= set(dir(qbp))
    for name in qbp.__all__:
        assert getattr(qbp, name).__module__ == qbp._HOME[name]


def test_a_misspelled_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'qbp' has no attribute 'two_stages'$"):
        qbp.two_stages  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'two_stages' from 'qbp'"):
        from qbp import two_stages  # noqa: F401


def test_module_docstrings_begin_with_what_is_inside():
    others = {"What", "How", "Which", "Whether", "Where", "When", "Why", "Who", "The", "A", "An", "One"}
    first = {path: ast.get_docstring(ast.parse(path.read_text())) or "" for path in PACKAGE.rglob("*.py")}
    assert [str(path) for path, text in first.items() if not text or text.split()[0] in others] == []
