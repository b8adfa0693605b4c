"""Newer versions of Python, as npm packages: the same digests as here, and every module parses."""

import json
import subprocess

import npm
import pytest
from test_digest import EXPECTED, KINDS, PACKAGE, ROOTS, SOURCE

from qbp.results import store

ROOT = PACKAGE.parent
VERSIONS = {(3, 12): "0.27.7", (3, 13): "0.28.3", (3, 14): "314.0.5"}  # of Python: of pyodide


@pytest.mark.pythons
@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: "{}.{}".format(*v))
def test_digests_are_those_of_this_python(version):
    pyodide = npm.package("pyodide", VERSIONS[version])
    kinds = {name: {"roots": kind.roots, "apart": sorted(kind.apart)} for name, kind in KINDS.items()}
    asked = {"source": SOURCE, "kinds": {**kinds, "fixed": {"roots": ROOTS, "apart": []}}}
    command = ["node", ROOT / "tests" / "other_python.mjs", pyodide, ROOT]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert tuple(found["python"]) == version
    here = {name: store.core_digest(kind) for name, kind in KINDS.items()}
    assert found["digests"] == {**here, "fixed": EXPECTED}
    assert found["parsed"] == len(list(PACKAGE.rglob("*.py")))
