"""Known vulnerabilities of the locked packages: `make audit`, by pip-audit in an environment of its own.

Not a part of CI: what it says changes with the day, and it needs a network.  It ends with 0 where no package
has a known vulnerability, with 1 where one has, and with 2 and one line where that could not be asked of all:
a check that did not run is no good news, and none of our code is at fault.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-torch.lock")
TOOL = "pip-audit==2.10.1"


def main(python: str) -> int:
    """Ask about every package of the locks.

    Args:
        python: of the environment of pip-audit, which is installed there once.

    Returns:
        The exit status: 0 none known, 1 some, 2 not asked.
    """
    try:
        if subprocess.run([python, "-m", "pip_audit", "--version"], capture_output=True).returncode:
            got = subprocess.run(
                [python, "-m", "pip", "install", "-q", "--retries", "1", TOOL], capture_output=True, text=True
            )
            if got.returncode:
                return _unasked(f"{TOOL} cannot be installed", got.stderr)
        words = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "-f", "json"]
        words += [word for lock in LOCKS for word in ("-r", str(ROOT / lock))]
        done = subprocess.run([python, "-m", "pip_audit", *words], capture_output=True, text=True)
        found = json.loads(done.stdout)["dependencies"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return _unasked("the database of vulnerabilities does not answer", locals().get("done", error))
    return report(found)


def report(found: list[dict]) -> int:
    """Print what is known, a line each, and return the exit status."""
    unasked = [f"{p['name']}: {p['skip_reason']}" for p in found if "skip_reason" in p]
    known = [(p, v) for p in found for v in p.get("vulns", ())]
    for package, flaw in known:
        mended = ", ".join(flaw.get("fix_versions", ())) or "no release"
        print(f"{package['name']} {package['version']}: {flaw['id']}, mended in {mended}")
    if len(unasked) < len(found):
        print(f"{len(found) - len(unasked)} packages, {len(known)} known vulnerabilities")
    if unasked and not known:
        return _unasked(f"{len(unasked)} of {len(found)} packages are not in the database", unasked[0])
    return 1 if known else 0


def _unasked(what: str, said: object) -> int:
    text = said.stderr if isinstance(said, subprocess.CompletedProcess) else str(said)
    last = ([line.strip() for line in str(text).splitlines() if line.strip()] or ["no message"])[-1]
    print(f"not checked: {what} (no network, or an index without it?): {last[:200]}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
