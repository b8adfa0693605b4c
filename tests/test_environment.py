"""pyproject.toml, the two locks and environment.yml describe one set of packages, whose files have hashes."""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
import vulnerabilities
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


def lock_lines(file: str) -> list[str]:
    """The requirements of a lock, continued lines joined."""
    lines = (ROOT / file).read_text().replace("\\\n", " ").splitlines()
    return [line for line in lines if not line.startswith("#")]


def pins(file: str) -> list[str]:
    return [line.split()[0] for line in lock_lines(file)]


def lock() -> dict[str, str]:
    pairs = (pin.split("==") for file in vulnerabilities.LOCKS for pin in pins(file))
    return {canonicalize_name(name): version for name, version in pairs}


def conda() -> tuple[dict[str, str], dict[str, str]]:
    """Return environment.yml's pins, (from conda-forge, from PyPI), under their PyPI names."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pairs = [entry.split("=") for entry in entries if isinstance(entry, str)]
    pins = {name: "".join(version) for name, *version in pairs if name not in CONDA_ONLY}
    from_conda = {CONDA_NAMES.get(name, name): version for name, version in pins.items()}
    (pip,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    return from_conda, dict(line.split("==") for line in pip if line != "-e .")


def test_every_line_of_a_lock_is_one_exact_version():
    for file in vulnerabilities.LOCKS:
        for pin in pins(file):
            name, version = pin.split("==")
            assert Version(version).local is None, pin
            assert Requirement(pin).name == name and Requirement(pin).url is None
        names = [canonicalize_name(pin.split("==")[0]) for pin in pins(file)]
        assert names == sorted(set(names))


def test_every_package_but_torch_has_hashes_in_the_lock():
    assert pins("requirements-torch.lock") == lock_lines(
        "requirements-torch.lock"
    )  # one that differs by machine
    assert [pin.split("==")[0] for pin in pins("requirements-torch.lock")] == ["torch"]
    for line in lock_lines("requirements.lock"):
        name, *hashes = line.split()
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), name
        assert hashes == sorted(set(hashes)), name
    # A package with compiled code has a file for each system, Python and source: many.
    many = {line.split("==")[0]: line.count("--hash") for line in lock_lines("requirements.lock")}
    assert min(many[name] for name in ("numpy", "scipy", "pandas", "llvmlite", "pyarrow")) > 20


def test_torch_needs_nothing_without_a_hash_but_the_libraries_of_a_gpu():
    locked, asked = lock(), [Requirement(line) for line in requires("torch") or ()]
    needed = [r for r in asked if r.marker is None or r.marker.evaluate({"extra": ""})]
    needed = [r for r in needed if not re.match("nvidia|cuda|triton", canonicalize_name(r.name))]
    assert needed and {canonicalize_name(r.name) for r in needed} <= locked.keys()
    assert all(r.specifier.contains(locked[canonicalize_name(r.name)]) for r in needed)


def test_the_makefile_installs_hashes_first_and_torch_last():
    text = (ROOT / "Makefile").read_text()
    words = re.findall(
        r"pip install (.*?)(?: +#.*)?$", text.partition("$(STAMP):")[2].partition("@touch")[0], re.M
    )
    first, second = "--no-deps --require-hashes -r requirements.lock", "-r requirements-torch.lock"
    assert words[:2] == [first, second] and len(words) == 3


def test_the_audit_says_what_is_known_and_what_could_not_be_asked(tmp_path, capsys):
    flaw = {"id": "X-1", "fix_versions": ["1.1"]}
    found = [{"name": "a", "version": "1.0", "vulns": [flaw]}, {"name": "b", "version": "2", "vulns": []}]
    assert vulnerabilities.report(found) == 1
    assert capsys.readouterr().out == "a 1.0: X-1, mended in 1.1\n2 packages, 1 known vulnerabilities\n"
    assert vulnerabilities.report(found[1:]) == 0 and "1 packages, 0 known" in capsys.readouterr().out
    for text in (
        "exit 1",
        "echo ConnectionError: no route >&2; exit 1",
        "echo {}",
    ):  # no pip, no network, no sense
        tool = tmp_path / "python"
        tool.write_text(f"#!/bin/sh\ncase $3 in --version) exit 0;; esac\n{text}\n")
        tool.chmod(0o755)
        assert vulnerabilities.main(str(tool)) == 2
        said = capsys.readouterr().err
        assert said.startswith("not checked: ") and said.count("\n") == 1
    assert vulnerabilities.main(str(tmp_path / "none")) == 2 and capsys.readouterr().err.count("\n") == 1


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
