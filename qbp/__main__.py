"""`python -m qbp` is the command `qbp`."""

import sys

from qbp.cli import main

sys.exit(main())
