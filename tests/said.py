"""A command of `qbp` run in this process, for the tests of several folders."""

import contextlib
import io

from qbp.cli import commands


class Said:
    """What a command returned and printed."""

    def __init__(self, *words):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                self.status = commands.main([str(word) for word in words])
            except SystemExit as exit:  # argparse
                self.status = exit.code
        self.out, self.err = out.getvalue(), err.getvalue()
