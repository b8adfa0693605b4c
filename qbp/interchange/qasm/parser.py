"""Gates of OpenQASM as they are written: calls, modifiers and definitions."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from qbp.interchange.linear import Linear
from qbp.interchange.qasm.expressions import Expressions
from qbp.interchange.qasm.tokens import Source, Token

DEEPEST = 50  # definitions that use each other
MOST_GATES = 500_000  # gates, with those of which definitions are made
REFUSED = frozenset((
    "opaque", "if", "else", "for", "while", "do", "switch", "case", "default", "def", "defcal",
    "defcalgrammar", "cal", "reset", "let", "extern", "box", "delay", "return", "break", "continue", "end",
    "array", "int", "uint", "float", "angle", "bool", "complex", "duration", "stretch", "output", "mutable",
    "readonly", "void",
))  # fmt: skip
_READ = "OPENQASM include qreg creg qubit bit input const gate measure barrier gphase inv pow ctrl negctrl"
KEYWORDS = REFUSED.union(_READ.split())
CONTROLLED = {  # the standard gates of which a controlled one is standard, too, phase and all
    "x": "cx", "cx": "ccx", "CX": "ccx", "ccx": "c3x", "c3x": "c4x", "y": "cy", "z": "cz", "cz": "ccz",
    "h": "ch", "s": "cs", "sdg": "csdg", "sx": "csx", "swap": "cswap", "rx": "crx", "ry": "cry", "rz": "crz",
    "p": "cp",    "phase": "cphase", "u1": "cu1",
}  # fmt: skip


class Definition(NamedTuple):
    """A gate: its name, the names of its angles, its number of qubits, and the calls it is made of.

    Attributes:
        letters: of a rotation by a Pauli string, that string; of an entangler, its kind.
        own: whether the file defines it.
        depth: how many definitions stand inside each other.
    """

    name: str
    angles: tuple[str, ...]
    n_qubits: int
    body: tuple["Call", ...] = ()
    letters: str = ""
    own: bool = False
    depth: int = 0


class Call(NamedTuple):
    """A gate that is applied: by which angles, on which qubits, how often; negative times are its inverse."""

    gate: Definition
    angles: tuple[Linear, ...]
    qubits: tuple[int, ...]
    times: int
    offset: int


class Parser:
    """What is the same at the top of a file and inside a definition.

    Args:
        source: the text.
        version: 2 or 3.
        gates: the gates that are known; definitions are added.
        own: whether definitions are those of a file.
    """

    def __init__(self, source: Source, version: int, gates: Mapping[str, Definition], *, own: bool = True):
        self.source, self.version, self.gates, self.own = source, version, dict(gates), own
        self.expressions = Expressions(source, version)

    def call(self, names: Collection[str]) -> Call:
        """Read modifiers, the name of a gate and its angles; the qubits are still to be read."""
        first, controls, times = self.source.token, 0, 1
        while self.version == 3 and self.source.token.text in ("inv", "pow", "ctrl", "negctrl"):
            how = self.source.take()
            if how.text == "ctrl":
                controls += self._count(1) if self.source.token.text == "(" else 1
            elif how.text == "pow":
                times *= self._count(None)
            elif how.text == "inv":
                times = -times
            else:
                self.source.fail("'ctrl', 'inv' or 'pow'", how)
            self.source.expect("@")
            if abs(times) > MOST_GATES or controls > 4:
                self.source.fail(f"at most {MOST_GATES} times and 4 controls", how, "more")
        gate = self._gate(controls)
        angles = self._angles(gate, names)
        return Call(gate, angles, (), times, first.offset)

    def definition(self) -> None:
        """Read the definition of a gate, after the word `gate`."""
        name = self.new_name("the name of a gate")
        if name.text in self.gates and self.gates[name.text].own:
            self.source.fail("another name for this gate", name, f"'{name.text}' again")
        angles = self._formals(")") if self.source.accept("(") else ()
        qubits = self._formals("{")
        if not qubits or set(qubits) & set(angles):
            self.source.fail("names of qubits, other than those of angles")
        body = []
        while not self.source.accept("}"):
            if self.source.accept("barrier"):
                self._operands(qubits, name)
            else:
                called = self.call(angles)
                on = self._operands(qubits, name)
                if len(on) != called.gate.n_qubits:
                    self._wrong_number(called, len(on))
                body.append(called._replace(qubits=on))
            self.source.expect(";")
        depth = 1 + max((call.gate.depth for call in body), default=0)
        if depth > DEEPEST:
            self.source.fail(f"at most {DEEPEST} definitions that use each other", name, "more")
        made = Definition(name.text, angles, len(qubits), tuple(body), own=self.own, depth=depth)
        self.gates[name.text] = made

    def new_name(self, what: str) -> Token:
        """Read a name that is declared here."""
        name = self.source.name_of(what)
        if name.text in KEYWORDS or name.text in self.expressions.reserved:
            self.source.fail(what, name)
        return name

    def whole_number(self, low: int, high: int, what: str) -> int:
        """Read an integer in [low, high]."""
        token = self.source.take()
        digits = token.kind == "number" and token.text.isdigit() and len(token.text) < 12
        if not digits or not low <= int(token.text) <= high:
            self.source.fail(f"{what} from {low} to {high}", token)
        return int(token.text)

    def _wrong_number(self, call: Call, found: int) -> None:
        where = Token("name", call.gate.name, call.offset)
        takes = f"{call.gate.n_qubits} qubit{'s' * (call.gate.n_qubits != 1)} for {call.gate.name}"
        self.source.fail(takes, where, str(found))

    def _count(self, low: int | None) -> int:
        self.source.expect("(")
        start = self.source.token
        value = self.expressions.number()
        self.source.expect(")")
        if value != int(value) or (low is not None and value < low):
            self.source.fail("an integer" if low is None else "a number of controls", start, f"{value:g}")
        return int(max(-MOST_GATES - 1, min(value, MOST_GATES + 1)))

    def _gate(self, controls: int) -> Definition:
        name = self.source.name_of("a gate")
        gate = self.gates.get(name.text)
        if gate is None:
            unread = " which is not read here" if name.text in KEYWORDS else " which is not defined"
            self.source.fail("a gate", name, f"'{name.text[:40]}',{unread}")
        assert gate is not None
        for _ in range(controls):
            if gate.own or gate.name not in CONTROLLED:
                self.source.fail("a gate whose controlled gate is a standard one", name)
            gate = self.gates[CONTROLLED[gate.name]]
        return gate

    def _angles(self, gate: Definition, names: Collection[str]) -> tuple[Linear, ...]:
        found = list[Linear]()
        opening = self.source.token
        if self.source.accept("(") and not self.source.accept(")"):
            found.append(self.expressions.angle(names))
            while self.source.accept(","):
                found.append(self.expressions.angle(names))
            self.source.expect(")", " after the angles")
        if len(found) != len(gate.angles):
            takes = f"{len(gate.angles)} angle{'s' * (len(gate.angles) != 1)} for {gate.name}"
            self.source.fail(takes, opening, str(len(found)))
        return tuple(found)

    def _formals(self, end: str) -> tuple[str, ...]:
        """Read different names up to `end`."""
        found = dict[str, None]()
        while not self.source.accept(end):
            if found:
                self.source.expect(",", f" or '{end}'")
            name = self.new_name("a name")
            if name.text in found:
                self.source.fail("different names", name, f"'{name.text[:40]}' again")
            found[name.text] = None
        return tuple(found)

    def _operands(self, qubits: tuple[str, ...], of: Token) -> tuple[int, ...]:
        at, found = {name: index for index, name in enumerate(qubits)}, dict[int, None]()
        while self.source.token.text != ";" or not found:
            if found:
                self.source.expect(",", " or ';'")
            name = self.source.name_of("a qubit")
            if name.text not in at:
                self.source.fail(f"a qubit of {of.text[:40]}", name)
            if at[name.text] in found:
                self.source.fail("different qubits", name, f"'{name.text[:40]}' again")
            found[at[name.text]] = None
        return tuple(found)
