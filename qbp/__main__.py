"""`python -m qbp` is the command `qbp`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  whoever has an older one is told
    sys.exit(f"qbp: error: Python 3.11 or newer is needed, {sys.executable} is {sys.version.split()[0]}")

from qbp.cli.entry import main

sys.exit(main())
