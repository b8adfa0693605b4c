"""pyproject.toml, requirements.lock and environment.yml describe one set of packages."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"pytorch-cpu": "torch"}  # conda-forge name -> PyPI name, where they differ
CONDA_ONLY = {"python", "pip", "make"}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def direct() -> list[Requirement]:
    """What `make` installs by name: the dependencies and the extras."""
    extras = project()["optional-dependencies"]
    chosen = [line for extra in ("book", "dev", "fast", "lab", "labs", "scale") for line in extras[extra]]
    return [Requirement(line) for line in project()["dependencies"] + chosen]


def lock_lines() -> list[str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def lock() -> dict[str, str]:
    pins = (line.split("==") for line in lock_lines())
    return {canonicalize_name(name): version for name, version in pins}


def conda() -> tuple[dict[str, str], dict[str, str]]:
    """Return environment.yml's pins, (from conda-forge, from PyPI), under their PyPI names."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pairs = [entry.split("=") for entry in entries if isinstance(entry, str)]
    pins = {name: "".join(version) for name, *version in pairs if name not in CONDA_ONLY}
    from_conda = {CONDA_NAMES.get(name, name): version for name, version in pins.items()}
    (pip,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    return from_conda, dict(line.split("==") for line in pip if line != "-e .")


def test_every_line_of_the_lock_is_one_exact_version():
    for line in lock_lines():
        name, version = line.split("==")
        assert Version(version).local is None, line
        assert Requirement(line).name == name and Requirement(line).url is None
    names = [canonicalize_name(line.split("==")[0]) for line in lock_lines()]
    assert names == sorted(set(names))


@pytest.mark.parametrize("requirement", direct(), ids=lambda r: r.name)
def test_the_lock_satisfies_pyproject(requirement):
    version = lock()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version), f"{requirement} but the lock has {version}"


def test_environment_yml_names_the_direct_packages_at_the_locked_versions():
    from_conda, from_pypi = conda()
    assert not from_conda.keys() & from_pypi.keys()
    names = {canonicalize_name(requirement.name) for requirement in direct()}
    assert from_conda | from_pypi == {name: lock()[name] for name in names}


def test_environment_yml_takes_conda_forge_alone_and_the_oldest_python():
    text = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert text["channels"] == ["conda-forge", "nodefaults"]
    (python,) = [entry.split("=")[1] for entry in text["dependencies"] if str(entry).startswith("python=")]
    assert project()["requires-python"] == f">={python}"


def test_the_tests_that_the_makefile_lists_are_there():
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    lists = re.findall(r"^\w+ := \$\(addprefix tests/,(.*?)\)$", text, re.MULTILINE)
    assert len(lists) == 2  # for `make check`, and without the kernel
    for names in lists:
        missing = [name for name in names.split() if not (ROOT / "tests" / name).exists()]
        assert not missing
