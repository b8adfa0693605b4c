"""Parser of the command line that refuses bad input in one line; what it takes: :mod:`qbp.cli.arguments`."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from qbp._checks import did_you_mean

JSON = "print one JSON object to standard output and nothing else"
Command = Callable[..., "Parser"]  # adds one command, whose name is known


class Parser(argparse.ArgumentParser):
    """A parser that refuses bad input in one line, and keeps the lines of its examples."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, formatter_class=_Help, **options)
        self.fill: Callable[[Parser], None] | None = None  # adds options that need the configurations

    def parse_known_args(self, *args: Any, **options: Any) -> tuple[argparse.Namespace, list[str]]:
        """Parse, and refuse what is not known here, where the command and its options are at hand."""
        if self.fill:
            fill, self.fill = self.fill, None
            fill(self)
        found, unknown = super().parse_known_args(*args, **options)
        if unknown:
            hint = did_you_mean(unknown[0], self._option_string_actions).replace("'", "")
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        known = action.choices
        if known is not None and value not in known:
            name = action.option_strings[0] if action.option_strings else action.metavar
            self.error(f"{name} must be one of {', '.join(known)}, got {value!r}{did_you_mean(value, known)}")

    def error(self, message: str) -> NoReturn:
        """Exit with status 2 and one line."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


class _Help(argparse.HelpFormatter):
    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


def named(value: str) -> str:
    """Return a value of an option that is a name, of a folder, a file or a choice; none is empty."""
    if not value.strip():
        raise argparse.ArgumentTypeError(f"must be a name, got {value!r}")
    return value


def option(name: str) -> str:
    """Return how the option of a field is spelled."""
    return f"--{name.replace('_', '-')}"


def switch(to: Any, name: str, text: str) -> None:
    """Add an option without a value."""
    to.add_argument(name, action="store_true", help=text)


def valued(to: Any, name: str, text: str, default: Any = None, **options: Any) -> None:
    """Add an option with a value; its help says the default, if it has one."""
    said = text if default is None else f"{text} (default {default})"
    to.add_argument(name, default=default, help=said, **options)


number = partial(valued, type=int, metavar="N")
folder = partial(valued, type=named, metavar="DIR")
profile = partial(valued, choices=("quick", "paper"))
