"""Entry of the command `qbp`: help and version at once, and one line where the environment is missing.

Only a command that runs loads what it needs: torch takes a second.
"""

import sys
from collections.abc import Sequence

from qbp.cli import arguments, output


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments, by default those of the process.

    Returns:
        Exit status: 0; 1 a check ran and found a mismatch; 2 bad input; 130 interrupted.
    """
    output.open_streams()
    try:
        try:
            return _parsed(argv)
        finally:
            sys.stdout.flush()  # what --help has printed, too
    except OSError as error:  # `qbp --help | head -0`, a full disk
        output.drop()
        if isinstance(error, BrokenPipeError):
            return 0
        print(f"qbp: error: {output.in_words(error)}", file=sys.stderr)
        return 2


def _parsed(argv: Sequence[str] | None) -> int:
    parser = arguments.parser()
    try:
        args = parser.parse_args(argv)
        if args.name is None:
            parser.print_help()
            return 0
        from qbp.cli.commands import execute
    except ModuleNotFoundError as error:
        print(f"qbp: error: {output.in_words(error)}", file=sys.stderr)
        return 2
    return execute(args)
