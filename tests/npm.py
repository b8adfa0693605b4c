"""Packages from npm, for tests: installed once into `_build`."""

import subprocess
from pathlib import Path

BUILD = Path(__file__).parents[1] / "_build"


def package(name: str, version: str) -> Path:
    """Return the folder of a package, installed if it is not there."""
    folder = BUILD / f"{name}-{version}"
    if not (folder / "node_modules").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        command = ["npm", "install", "--no-audit", "--no-fund", "--silent", f"{name}@{version}"]
        subprocess.run(command, cwd=folder, check=True)
    return folder / "node_modules" / name
