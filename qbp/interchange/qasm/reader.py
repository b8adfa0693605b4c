"""Reader of OpenQASM 2 and 3: a file becomes a circuit, or a ValueError that says where and why not."""

from collections.abc import Sequence
from pathlib import Path

from qbp.interchange.imported import Collector, Imported
from qbp.interchange.qasm.expansion import Expansion, TooMuch
from qbp.interchange.qasm.parser import KEYWORDS, REFUSED, Call, Parser
from qbp.interchange.qasm.standard import standard_gates
from qbp.interchange.qasm.tokens import MOST_BYTES, Source, Token

MOST_QUBITS = 4096
_INCLUDES = ("qelib1.inc", "stdgates.inc")
_NUMBERS = ("float", "angle", "int", "uint")


def read_qasm(path_or_text: str | Path, angles: str = "free") -> Imported:
    """Circuit of an OpenQASM 2 or 3 program: its gates, its parameters and the values they have there.

    Read are: registers of qubits, in the order declared (qubit 0 is the first of the first register); the
    standard gates of qelib1.inc and stdgates.inc, with or without an `include` line; `gate` definitions;
    broadcasting over registers; in OpenQASM 3 `input float` and `input angle` parameters, constants, `inv @`,
    `pow(k) @` with an integer, and `ctrl @` where the controlled gate is a standard one.  Angles are linear
    in parameters, with numbers made of pi, + - * /, powers and sin cos tan exp ln sqrt.  Bits, barriers and
    measurements at the end are left out.  Anything else is refused: measurements before a gate, reset,
    classical control, subroutines.  `cu3` is the controlled u3.

    Args:
        path_or_text: a file, or the program itself where the text has a line break or a semicolon.
        angles: what becomes of a number that a gate turns by, where the program has no `input`: "free", each
            is a parameter of its own; "equal", numbers that are equal to 1e-12 share a parameter, and minus
            such a number is -1 times it (twice the number is another parameter); "file", it stays fixed.  A
            number given to a gate that the file defines is one parameter, wherever it is used in there.
            Multiples of pi/2 spell Clifford gates and stay fixed; a gate that turns by zeros alone is
            trained.

    Returns:
        The circuit, the values written down, notes, and how many gates there are of each kind.

    Raises:
        ValueError: ``file:line:column: expected ..., got ...``; nothing is half read.  Limits: 8 MiB, 4,096
            qubits, 500,000 gates after expansion, 50 parentheses or definitions inside each other.

    Example:
        >>> found = read_qasm("OPENQASM 2.0; qreg q[2]; h q[0]; cx q[0], q[1]; rz(0.3) q[1];")
        >>> found.circuit, found.theta0
        (BuiltCircuit(n_qubits=2, n_gates=4, n_params=1), array([0.3]))
    """
    source = _source(path_or_text)
    reader = _Reader(source, Collector(angles))
    return reader.read()


def _source(path_or_text: str | Path) -> Source:
    if isinstance(path_or_text, str) and any(mark in path_or_text for mark in ";\n"):
        return Source(path_or_text, "text")
    takes = "path_or_text must be a file of OpenQASM that can be read, or its text"
    if not isinstance(path_or_text, str | Path) or not str(path_or_text):
        raise TypeError(f"{takes}, got {type(path_or_text).__name__!r}")
    try:
        with open(path_or_text, "rb") as file:
            content = file.read(MOST_BYTES + 1)
        return Source(content.decode(), str(path_or_text))
    except UnicodeDecodeError:
        raise ValueError(f"{takes}, got {str(path_or_text)!r}, which is not UTF-8") from None
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) and "expected" in str(error):
            raise
        why = getattr(error, "strerror", None) or "no name of a file"
        raise ValueError(f"{takes}, got {str(path_or_text)!r}: {why}") from None


class _Reader:
    """The statements of a program, read from first to last."""

    def __init__(self, source: Source, collector: Collector):
        self.source, self.collector = source, collector
        self.expansion = Expansion(collector)
        self.registers = dict[str, range | int]()  # an int is a single qubit, of `qubit q;`
        self.bits = dict[str, int]()
        self.n_qubits = 0
        self.measured = set[int]()
        self.begun = False  # whether a gate has been met
        self.parser = Parser(source, self._version(), standard_gates())

    def read(self) -> Imported:
        """Read all statements; return the circuit."""
        while self.source.token.kind != "end":
            self._statement()
        try:
            return self.collector.build(self.n_qubits, f"{self.source.name}: the circuit")
        except TypeError as error:
            raise ValueError(str(error)) from None

    def _version(self) -> int:
        source = self.source
        source.expect("OPENQASM", " and a version, 2.0 or 3.0")
        number = source.take()
        if number.text not in ("2.0", "2", "3.0", "3", "3.1"):
            source.fail("version 2.0 or 3.0", number)
        source.expect(";")
        return int(number.text[0])

    def _statement(self) -> None:
        token, source = self.source.token, self.source
        readers = {
            "include": self._include, "qreg": self._register, "qubit": self._register, "creg": self._bits,
            "bit": self._bits, "input": self._input, "const": self._constant, "gate": self._definition,
            "measure": self._measure, "barrier": self._barrier, "gphase": self._global_phase,
        }  # fmt: skip
        later = ("qubit", "bit", "input", "const", "gphase")
        if token.kind == "name" and token.text in readers:
            if self.parser.version == 2 and token.text in later:
                source.fail("a statement of OpenQASM 2", token)
            readers[source.take().text]()
        elif token.text in REFUSED:
            source.fail(
                "a register, a gate, a barrier or a measurement",
                got=f"'{token.text}', which is not read here",
            )
        elif token.text in self.bits:
            source.take()
            self._bit_index(token)
            source.expect("=")
            source.expect("measure")
            self._mark(self._operand())
            source.expect(";")
        elif not source.accept(";"):
            self._gate()

    def _include(self) -> None:
        token = self.source.take()
        if token.kind != "text" or token.text[1:-1] not in _INCLUDES:
            self.source.fail(" or ".join(f'"{name}"' for name in _INCLUDES), token)
        self.source.expect(";")

    def _register(self) -> None:
        at_end = self.parser.source.token.text != "["
        size = None if at_end else self._size()
        name = self._new("a register")
        if size is None and self.source.token.text == "[":
            size = self._size()
        start, self.n_qubits = self.n_qubits, self.n_qubits + (size or 1)
        if self.n_qubits > MOST_QUBITS:
            self.source.fail(f"at most {MOST_QUBITS} qubits", name, str(self.n_qubits))
        self.registers[name.text] = start if size is None else range(start, self.n_qubits)
        self.source.expect(";")

    def _bits(self) -> None:
        size = self._size() if self.source.token.text == "[" else None
        name = self._new("a register")
        if size is None and self.source.token.text == "[":
            size = self._size()
        self.bits[name.text] = size or 1
        if self.source.accept("="):
            self.source.expect("measure")
            self._mark(self._operand())
        self.source.expect(";")

    def _size(self) -> int:
        self.source.expect("[")
        size = self.parser.whole_number(1, MOST_QUBITS, "a size")
        self.source.expect("]")
        return size

    def _new(self, what: str) -> Token:
        name = self.parser.new_name(what)
        if name.text in {
            *self.registers,
            *self.bits,
            *self.collector.names,
            *self.parser.expressions.constants,
        }:
            self.source.fail("a name that is not declared yet", name)
        return name

    def _type(self, kinds: Sequence[str]) -> None:
        kind = self.source.take()
        if kind.text not in kinds:
            self.source.fail(" or ".join(kinds), kind)
        if self.source.token.text == "[":
            self._size()

    def _input(self) -> None:
        if self.begun:
            self.source.fail("every input before the first gate")
        self._type(("float", "angle"))
        self.collector.declare(self._new("a parameter").text)
        self.source.expect(";")

    def _constant(self) -> None:
        self._type(_NUMBERS)
        name = self._new("a constant")
        self.source.expect("=")
        self.parser.expressions.constants[name.text] = self.parser.expressions.number()
        self.source.expect(";")

    def _definition(self) -> None:
        self.parser.definition()

    def _global_phase(self) -> None:
        self.source.expect("(")
        self.parser.expressions.angle(self.collector.names)
        self.source.expect(")")
        self.source.expect(";")

    def _barrier(self) -> None:
        if self.source.token.text != ";":
            self._operands()
        self.source.expect(";")

    def _measure(self) -> None:
        self._mark(self._operand())
        if self.source.accept("->"):
            bit = self.source.name_of("a bit")
            if bit.text not in self.bits:
                self.source.fail("a declared bit", bit)
            self._bit_index(bit)
        self.source.expect(";")

    def _bit_index(self, name: Token) -> None:
        if self.source.accept("["):
            self.parser.whole_number(0, self.bits[name.text] - 1, "an index")
            self.source.expect("]")

    def _mark(self, qubits: range | int) -> None:
        self.measured.update([qubits] if isinstance(qubits, int) else qubits)
        self.collector.note("measurements at the end are left out")

    def _operand(self) -> range | int:
        """Read a register or one of its qubits."""
        name = self.source.name_of("a qubit")
        if name.text not in self.registers:
            known = ", ".join(list(self.registers)[:5]) or "none is declared"
            self.source.fail(f"a register of qubits ({known})", name)
        register = self.registers[name.text]
        if not self.source.accept("["):
            return register
        if isinstance(register, int):
            self.source.fail("no index of a single qubit", name)
        assert isinstance(register, range)
        index = self.parser.whole_number(0, len(register) - 1, "an index")
        self.source.expect("]")
        return register[index]

    def _operands(self) -> list[range | int]:
        found = [self._operand()]
        while self.source.accept(","):
            found.append(self._operand())
        return found

    def _gate(self) -> None:
        call = self.parser.call(self.collector.names)
        operands = self._operands()
        where = Token("name", call.gate.name, call.offset)
        self.source.expect(";", " or ','")
        sizes = {len(operand) for operand in operands if isinstance(operand, range)}
        if len(operands) != call.gate.n_qubits:
            takes = f"{call.gate.n_qubits} qubit{'s' * (call.gate.n_qubits != 1)} for {call.gate.name}"
            self.source.fail(takes, where, str(len(operands)))
        if len(sizes) > 1:
            self.source.fail("registers of one size", where, f"sizes {sorted(sizes)}")
        self.begun = True
        if call.gate.name == "cu3" and not call.gate.own:
            self.collector.note(
                "cu3 is read as the controlled u3; the first qelib1.inc had no phase on its control"
            )
        for k in range(max(sizes, default=1)):
            qubits = [operand if isinstance(operand, int) else operand[k] for operand in operands]
            self._apply(call, qubits, where)

    def _apply(self, call: Call, qubits: list[int], where: Token) -> None:
        if len(set(qubits)) < len(qubits):
            self.source.fail("different qubits", where, f"one of them twice in {call.gate.name}")
        if not self.measured.isdisjoint(qubits):
            self.source.fail("no gate on a qubit that was measured", where)
        try:
            self.expansion.apply(call.gate, self.collector.freed(call.angles), qubits, call.times)
        except TooMuch as error:
            self.source.fail(str(error), where, "more")
        except ValueError as error:
            self.source.fail("at most 100 parameters in one angle", where, str(error).rpartition("got ")[2])


assert set(_NUMBERS) <= KEYWORDS
