"""`python -m qbp` is the command `qbp`."""

import sys

from qbp.cli.commands import main

sys.exit(main())
