r"""Tokens of OpenQASM, one at a time, and errors that say where: ``file:line:column: expected ..., got ...``.

The reader of this folder is written by hand.  The reference parser (`openqasm3`, which ANTLR generates) reads
a file of 1,700 lines in 1.5 s and was tried first; what it cannot serve is OpenQASM 2, where ``^`` is a power
that binds before ``*`` (the tree it gives for ``2*2^3`` is that of an exclusive or, which binds after), and a
stranger's file: 5,000 parentheses keep it busy for seconds and end in a RecursionError.  The subset read here
is small, so the grammar is, too; the tests hold it to what other tools read.
"""

import re
from typing import NamedTuple

from qbp._files import printable

MOST_BYTES = 8 * 2**20  # of a file
_TOKEN = re.compile(
    r"""[ \t\r\n\f\ufeff]*(?:
       (?P<skip>//[^\n]*|/\*(?s:.*?)\*/)
      |(?P<number>(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      |(?P<name>[^\W\d]\w*)
      |(?P<text>"[^"\n]*"|'[^'\n]*')
      |(?P<symbol>->|\*\*|==|!=|<=|>=|\+\+|[-\[\](){},;+*/^@=:<>$\#!&|~%?.])
      |(?P<end>\Z))""",
    re.VERBOSE,
)
_TAIL = re.compile(r"\w+")  # after a number


class Token(NamedTuple):
    """A piece of the text: its kind ("number", "name", "text", "symbol", "end"), itself, where it begins."""

    kind: str
    text: str
    offset: int


class Source:
    """A text that is read token by token; `token` is the one that comes next.

    Args:
        text: OpenQASM.
        name: what errors call it, such as the name of the file.

    Raises:
        ValueError: the text is too long.
    """

    def __init__(self, text: str, name: str):
        self.text, self.name, self._end = text, printable(name), 0
        if len(text) > MOST_BYTES:
            raise ValueError(f"{self.name}:1:1: expected at most {MOST_BYTES} characters, got {len(text)}")
        self.token = self._read()

    def take(self) -> Token:
        """Return the next token and go on to the one after it."""
        taken = self.token
        self.token = self._read()
        return taken

    def accept(self, text: str) -> Token | None:
        """Return the next token, and go on, if it is the symbol or word `text`."""
        return self.take() if self.token.text == text and self.token.kind in ("symbol", "name") else None

    def expect(self, text: str, where: str = "") -> Token:
        """Return the next token, which has to be the symbol or word `text`, and go on."""
        return self.accept(text) or self.fail(f"'{text}'{where}")

    def name_of(self, what: str) -> Token:
        """Return the next token, which has to be a name, of `what`, and go on."""
        return self.take() if self.token.kind == "name" else self.fail(what)

    def fail(self, expected: str, token: Token | None = None, got: str = "") -> "Token":
        """Raise ValueError: at `token`, by default the next one, something else was expected.

        Args:
            expected: what, in words.
            token: where.
            got: what stands there, by default the token itself.
        """
        token = token or self.token
        said = got or ("the end" if token.kind == "end" else f"'{token.text[:40]}'")
        raise ValueError(f"{self.place(token.offset)}: expected {expected}, got {printable(said)}")

    def place(self, offset: int) -> str:
        """Return "name:line:column" of a position; lines and columns count from 1."""
        line = self.text.count("\n", 0, offset) + 1
        column = offset - (self.text.rfind("\n", 0, offset) + 1) + 1
        return f"{self.name}:{line}:{column}"

    def _read(self) -> Token:
        found = _TOKEN.match(self.text, self._end)
        while found and found.lastgroup == "skip":
            found = _TOKEN.match(self.text, found.end())
        if found is None:
            blank = re.compile(r"[ \t\r\n\f\ufeff]*").match(self.text, self._end)
            start = blank.end() if blank else self._end
            self.fail("a name, a number or a symbol of OpenQASM", Token("symbol", self.text[start], start))
        assert found is not None and found.lastgroup is not None
        kind, self._end = found.lastgroup, found.end()
        token = Token(kind, found[kind], found.start(kind))
        if token.text == "/" and self.text.startswith("*", self._end):
            self.fail("'*/' at the end of a comment", token, "the end")
        if kind == "number" and (tail := _TAIL.match(self.text, self._end)):
            self.fail("a decimal number", token, f"'{token.text[:20]}{tail[0][:20]}'")
        return token
