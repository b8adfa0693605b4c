"""Expressions of OpenQASM: angles that are linear in the names of a scope, computed as they are read.

Two traps are met by refusing: a quotient of two integers that leaves a remainder in OpenQASM 3, where some
tools divide as integers and some do not; and ``^``, a power in OpenQASM 2 and an exclusive or in OpenQASM 3.
"""

import math
from collections.abc import Callable, Collection, Mapping

from qbp.interchange.linear import Linear
from qbp.interchange.qasm.tokens import Source, Token

DEEPEST = 50  # parentheses and functions inside each other
_CONSTANTS = {
    2: {"pi": math.pi},
    3: {"pi": math.pi, "π": math.pi, "tau": math.tau, "τ": math.tau, "euler": math.e, "ℇ": math.e},
}
_FUNCTIONS_2 = {
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "exp": math.exp,
    "ln": math.log,
    "sqrt": math.sqrt,
}
_FUNCTIONS: Mapping[int, Mapping[str, Callable[[float], float]]] = {
    2: _FUNCTIONS_2,
    3: {**_FUNCTIONS_2, "log": math.log, "arcsin": math.asin, "arccos": math.acos, "arctan": math.atan},
}
_Value = tuple[Linear, bool]  # and whether it is an integer, written without a point


class Expressions:
    """Expressions in a source, of one version of the language.

    Args:
        source: where they stand.
        version: 2 or 3.
    """

    def __init__(self, source: Source, version: int):
        self.source, self.version = source, version
        self.constants: dict[str, float] = dict(_CONSTANTS[version])
        self._depth = 0

    @property
    def reserved(self) -> Collection[str]:
        """The names that mean a number or a function."""
        return {*_CONSTANTS[self.version], *_FUNCTIONS[self.version]}

    def angle(self, names: Collection[str]) -> Linear:
        """Read an expression that is linear in `names`, the parameters of its scope.

        Raises:
            ValueError: another name, a product of two names, a number that is not finite, no expression.
        """
        start = self.source.token
        value, _ = self._sum(names)
        if not value.is_finite():
            self.source.fail("a finite angle", start, "an infinite one")
        return value

    def number(self) -> float:
        """Read an expression without parameters."""
        return self.angle(()).constant

    def _sum(self, names: Collection[str]) -> _Value:
        left, whole = self._product(names)
        while sign := self.source.accept("+") or self.source.accept("-"):
            right, also = self._product(names)
            try:
                left = left.plus(right if sign.text == "+" else right.times(-1.0))
            except ValueError:
                self.source.fail("at most 100 parameters in one angle", sign, "more")
            whole = whole and also
        return left, whole

    def _product(self, names: Collection[str]) -> _Value:
        left, whole = self._unary(names)
        while sign := self.source.accept("*") or self.source.accept("/"):
            right, also = self._unary(names)
            if sign.text == "/":
                left = self._quotient(left, right, sign, whole and also)
            elif left.is_number or right.is_number:
                left = right.times(left.constant) if left.is_number else left.times(right.constant)
            else:
                self.source.fail("an angle linear in its parameters", sign, "a product of two of them")
            whole = whole and also
        return left, whole

    def _quotient(self, left: Linear, right: Linear, sign: Token, whole: bool) -> Linear:
        if not right.is_number:
            self.source.fail("an angle linear in its parameters", sign, "a division by one of them")
        if right.constant == 0:
            self.source.fail("a divisor other than 0", sign, "0")
        if self.version == 3 and whole and left.constant % right.constant:
            shown = f"{left.constant:.0f}/{right.constant:.0f}"
            told = "integers, which OpenQASM 3 divides without a remainder in some tools"
            self.source.fail(
                "a decimal point in one of two integers that are divided", sign, f"{shown}: {told}"
            )
        quotient = left.constant / right.constant
        terms = ((name, scale / right.constant) for name, scale in left.terms)
        return Linear(quotient, tuple(term for term in terms if term[1] != 0))

    def _unary(self, names: Collection[str]) -> _Value:
        factor = 1.0
        while sign := self.source.accept("-") or self.source.accept("+"):
            factor = -factor if sign.text == "-" else factor
        base, whole = self._atom(names)
        raised = "^" if self.version == 2 else "**"
        if wrong := self.source.accept("**" if self.version == 2 else "^"):
            self.source.fail(f"'{raised}', the power of OpenQASM {self.version}", wrong)
        if sign := self.source.accept(raised):
            negative = bool(self.source.accept("-"))
            exponent, also = self._atom(names)
            if self.source.token.text == raised:
                self.source.fail("parentheses around one of two powers")
            base = self._power(base, exponent.times(-1.0) if negative else exponent, sign)
            whole = whole and also and not negative
        return base.times(factor) if factor < 0 else base, whole

    def _power(self, base: Linear, exponent: Linear, sign: Token) -> Linear:
        if not base.is_number or not exponent.is_number:
            self.source.fail("an angle linear in its parameters", sign, "a power of one of them")
        try:
            return Linear(math.pow(base.constant, exponent.constant))
        except (ValueError, OverflowError):
            self.source.fail(
                "a power that is a real number", sign, f"{base.constant:g} to the {exponent.constant:g}"
            )
        raise AssertionError  # not reached: `fail` raises

    def _atom(self, names: Collection[str]) -> _Value:
        token = self.source.take()
        if token.kind == "number":
            return self._literal(token)
        if token.text == "(" and token.kind == "symbol":
            return self._inside(names, token)
        if token.kind != "name":
            self.source.fail("a number, a name or '('", token)
        functions = _FUNCTIONS[self.version]
        if token.text in names:
            return Linear(0.0, ((token.text, 1.0),)), False
        if token.text in self.constants:
            return Linear(self.constants[token.text]), False
        if token.text not in functions:
            known = ", ".join([*list(names)[:5], *self.constants, *functions])
            self.source.fail(f"one of {known}", token, f"'{token.text[:40]}', which is not declared")
        opening = self.source.expect("(")
        inside, _ = self._inside(names, opening)
        if not inside.is_number:
            self.source.fail("an angle linear in its parameters", token, f"{token.text} of one of them")
        try:
            return Linear(functions[token.text](inside.constant)), False
        except (ValueError, OverflowError):
            self.source.fail("a real number", token, f"{token.text}({inside.constant:g})")
        raise AssertionError  # not reached: `fail` raises

    def _inside(self, names: Collection[str], opening: Token) -> _Value:
        self._depth += 1
        if self._depth > DEEPEST:
            self.source.fail(f"at most {DEEPEST} parentheses inside each other", opening, "more")
        found = self._sum(names)
        self.source.expect(")")
        self._depth -= 1
        return found

    def _literal(self, token: Token) -> _Value:
        try:
            value = float(token.text)
        except ValueError:  # 1__0, 1_
            self.source.fail("a decimal number", token)
        return Linear(value), token.text.replace("_", "").isdigit()
