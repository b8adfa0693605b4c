"""OpenQASM that is read: by hand-computed circuits, and errors that say where."""

import os
import random
import time
from math import e, pi, sqrt

import numpy as np
import pytest
from exchanged import matrix_of, same

import qbp
from qbp.circuits.gates import Entangler, Rotation
from qbp.interchange.qasm import parser
from qbp.interchange.qasm.reader import read_qasm

TWO, THREE = "OPENQASM 2.0;\n", "OPENQASM 3.0;\n"


def angle(text, version=TWO):
    """The angle that one rotation is read with."""
    (gate,) = read_qasm(f"{version}qreg q[1]; rx({text}) q[0];", "file").circuit.gates
    return gate.offset


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("pi/3", pi / 3), ("-pi/2", -pi / 2), ("2*2^3", 16), ("2^3", 8), ("-2^2", -4), ("2^-1", 0.5),
        ("7/2", 3.5), ("1.e-05", 1e-05), (".5", 0.5), ("1.", 1), ("3e2", 300), ("(1+2)*3-4/8", 8.5),
        ("- -1", 1), ("+1", 1),
        ("sin(pi/6)+cos(0)", 1.5), ("exp(1)", e), ("ln(exp(2))", 2), ("sqrt(2)", sqrt(2)), ("tan(pi/4)", 1),
    ],
)  # fmt: skip
def test_numbers_of_openqasm_2(text, value):
    assert angle(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2*2**3", 16), ("τ/4", pi / 2), ("tau", 2 * pi), ("π", pi), ("euler", e), ("4/2", 2), ("7.0/2", 3.5),
        ("pi*1/2", pi / 2), ("log(euler)", 1), ("arccos(0)", pi / 2), ("arctan(1)*4", pi), ("1_000", 1000),
    ],
)  # fmt: skip
def test_numbers_of_openqasm_3(text, value):
    assert angle(text, THREE) == pytest.approx(value, rel=1e-15)


def test_registers_count_from_the_first_and_gates_spread_over_them():
    found = read_qasm(f"{TWO}qreg a[2]; creg c[3]; qreg b[2]; x b[0]; cx a, b; cx a[1], b; barrier a, b[1];")
    pairs = ((0, 2), (1, 3), (1, 2), (1, 3))
    assert found.circuit.gates == (Rotation("IIXI", None, 1.0, pi), Entangler("cnot", pairs))
    assert dict(found.kinds) == {"x": 1, "cx": 4}


def test_inputs_are_parameters_in_the_order_declared():
    text = f"{THREE}input float[64] b; input angle a; qubit[2] q; rx(2*a - b/4 + pi) q[0]; rz(-(a)) q[1];"
    found = read_qasm(text)
    assert found.names == ("b", "a") and found.theta0 is None and not found.notes
    assert found.circuit.gates == (
        Rotation("XI", 1, 2.0, pi),  # the order of the expression; the offset comes once
        Rotation("XI", 0, -0.25, 0.0),
        Rotation("IZ", 1, -1.0, 0.0),
    )


def test_a_parameter_that_cancels_is_none():
    found = read_qasm(f"{THREE}input float a; qubit q; rx(a - a + 0.5) q; rz(0*a) q;")
    assert found.circuit.gates == (Rotation("X", None, 1.0, 0.5), Rotation("Z", None, 1.0, 0.0))
    assert found.notes == (
        "the source names its parameters: the numbers in it stay fixed",
        "the parameter a turns no gate",
    )


def test_definitions_pass_their_angles_on():
    text = f"""{THREE}input float a;
      gate inner(x) p {{ rz(x/2) p; h p; }}
      gate outer(x, y) p, r {{ inner(x + y) r; barrier p; cx p, r; ry(-y) p; }}
      qubit[3] q; outer(2*a, 1) q[2], q[0];"""
    b = qbp.CircuitBuilder(3)
    a = b.parameter("a")
    expected = b.rz(a + 0.5, 0).h(0).cx(2, 0).ry(-1.0, 2).build()
    assert read_qasm(text).circuit == expected


def test_a_definition_of_the_file_comes_before_a_standard_gate():
    found = read_qasm(f"{TWO}gate h a {{ x a; }} qreg q[1]; h q[0];")
    assert found.circuit.gates == (Rotation("X", None, 1.0, pi),) and found.kinds == {"x": 1}


@pytest.mark.parametrize(
    ("call", "same_as"),
    [
        ("inv @ s q[0];", "sdg q[0];"),
        ("inv @ u(0.1, 0.2, 0.3) q[0];", "u(-0.1, -0.3, -0.2) q[0];"),
        ("pow(2) @ t q[0];", "s q[0];"),
        ("pow(-3) @ rx(0.1) q[0];", "rx(-0.3) q[0];"),
        ("inv @ pow(2) @ inv @ t q[0];", "s q[0];"),
        ("ctrl @ x q[0], q[1];", "cx q[0], q[1];"),
        ("ctrl(2) @ x q[0], q[1], q[2];", "ccx q[0], q[1], q[2];"),
        ("ctrl @ inv @ sx q[0], q[1];", "inv @ csx q[0], q[1];"),
        ("ctrl @ p(0.3) q[0], q[2];", "cp(0.3) q[0], q[2];"),
        ("inv @ two(0.3) q[0], q[1];", "ry(-0.3) q[1]; cx q[0], q[1]; h q[0];"),
    ],
)
def test_modifiers(call, same_as):
    head = f"{THREE}gate two(x) a, b {{ h a; cx a, b; ry(x) b; }} qubit[3] q; rx(0.4) q;"
    found, expected = (read_qasm(head + text, "file").circuit for text in (call, same_as))
    same(matrix_of(found), matrix_of(expected))


NUMBERS = f"""{TWO}include "qelib1.inc";
gate mine(x) a {{ rx(x) a; rz(2*x) a; ry(0.7) a; }}
qreg q[2];
h q[0]; rx(0.3) q; rz(pi/2) q[0]; u3(0.3, -pi/2, pi/2) q[1]; ry(0) q[0]; u2(0, pi) q[1]; mine(0.3) q[0];
"""


def test_free_angles_are_numbers_that_a_gate_turns_by():
    found = read_qasm(NUMBERS)
    assert found.theta0.tolist() == [0.3, 0.3, 0.3, 0.0, 0.3, 0.7] and found.theta0.dtype == float
    assert found.names == tuple(f"theta_{k}" for k in range(6))
    assert found.notes == ("5 angles that are multiples of pi/2 stay fixed",)
    shared = [g.scale for g in found.circuit.gates if isinstance(g, Rotation) and g.parameter == 4]
    assert shared == [1.0, 2.0]  # the number that is given to a gate of the file


def test_equal_angles_share_a_parameter_and_those_of_the_file_stay():
    equal, fixed = read_qasm(NUMBERS, "equal"), read_qasm(NUMBERS, angles="file")
    assert equal.theta0.tolist() == [0.3, 0.0, 0.7]
    assert fixed.circuit.n_params == 0 and fixed.theta0.shape == (0,) and not fixed.notes
    expected = matrix_of(fixed.circuit)
    for found in (equal, read_qasm(NUMBERS)):
        same(matrix_of(found.circuit, found.theta0), expected)


def test_minus_an_equal_angle_is_minus_the_parameter_and_twice_it_is_another():
    """As QAOA has it on a graph with weights of both signs."""
    gates = "rzz(0.6) q[0],q[1]; rzz(-0.6) q[1],q[2]; rx(1.2) q; ry(-0.6) q[0]; u3(0.6,-1.2,7) q[2];"
    text = f"{TWO}qreg q[3]; {gates}"
    found, fixed = read_qasm(text, "equal"), read_qasm(text, "file")
    same(matrix_of(found.circuit, found.theta0), matrix_of(fixed.circuit))
    assert found.theta0.tolist() == [0.6, 1.2, 7.0] and read_qasm(text).circuit.n_params == 9
    elsewhere = text.replace("0.6", "-0.2").replace("--", "").replace("1.2", "0.5")
    same(matrix_of(found.circuit, [-0.2, 0.5, 7.0]), matrix_of(read_qasm(elsewhere, "file").circuit))


@pytest.mark.parametrize(
    ("angles", "theta0", "scales"),
    [
        ("0.3 0.3000000000001 -0.2999999999999 0.30000001", [0.3, 0.30000001], [1, 1, -1, 1]),
        ("-0.3 0.3 -0.3", [-0.3], [1, -1, 1]),  # the first one that is met
        ("0 -0.0 0.1 1e-13 -1e-13", [0.0, 0.1], [1, 1, 1, 1, 1]),  # zero is not turned around
        ("2e-12 -2e-12 1.4e-12 5e-12", [2e-12, 5e-12], [1, -1, 1, 1]),
        ("0.1 0.2 0.4 0.05", [0.1, 0.2, 0.4, 0.05], [1, 1, 1, 1]),
        ("1e+300 -1e+300 2e+300", [1e300, 2e300], [1, -1, 1]),
    ],
)
def test_what_is_equal_and_what_is_not(angles, theta0, scales):
    turns = " ".join(f"rx({angle}) q[0];" for angle in angles.split())
    found = read_qasm(f"{TWO}qreg q[1]; {turns}", "equal")
    assert found.theta0.tolist() == theta0 and [g.scale for g in found.circuit.gates] == scales


def test_measurements_at_the_end_are_left_out(tmp_path):
    path = tmp_path / "a.qasm"
    path.write_text(f"{TWO}qreg q[2]; creg c[2]; h q; measure q -> c; measure q[0] -> c[1]; barrier q;")
    assert read_qasm(path).notes == ("measurements at the end are left out",)
    text = f"{THREE}qubit[2] q; bit[2] c; gphase(pi/8); h q; c[0] = measure q[0]; bit d = measure q[1];"
    assert read_qasm(text).circuit == read_qasm(str(path)).circuit


def test_a_note_says_which_cu3():
    assert "controlled u3" in read_qasm(f"{TWO}qreg q[2]; cu3(1,2,3) q[0],q[1];").notes[0]


WRONG = {
    "qreg q[2];": "text:1:1: expected 'OPENQASM' and a version, 2.0 or 3.0, got 'qreg'",
    "OPENQASM 4.0; qreg q[1];": "text:1:10: expected version 2.0 or 3.0, got '4.0'",
    f"{TWO}qreg q[2]; x q[2];": "text:2:16: expected an index from 0 to 1, got '2'",
    f"{TWO}qreg q[0]; x q[0];": "text:2:8: expected a size from 1 to 4096, got '0'",
    f"{TWO}qreg q[2]; qreg q[3];": "text:2:17: expected a name that is not declared yet, got 'q'",
    f"{TWO}qreg q[2]; creg q[3];": "text:2:17: expected a name that is not declared yet, got 'q'",
    f"{TWO}qreg q[2]; rx(0.1 q[0];": "text:2:19: expected '\\)' after the angles, got 'q'",
    f"{TWO}qreg q[2];\n  cx q[0];": "text:3:3: expected 2 qubits for cx, got 1",
    f"{TWO}qreg q[2]; rx q[0];": "text:2:15: expected 1 angle for rx, got 0",
    f"{TWO}qreg q[2]; cx q[0], q[0];": "text:2:12: expected different qubits, got one of them twice in cx",
    f"{TWO}qreg q[2]; qreg r[3]; cx q, r;": "text:2:23: expected registers of one size, got sizes [2, 3]",
    f"{TWO}qreg q[2]; rx(a) q[0];":
        "text:2:15: expected one of pi, sin, cos, .*got 'a', which is not declared",
    f"{TWO}qreg q[2]; foo q[0];": "text:2:12: expected a gate, got 'foo', which is not defined",
    f"{TWO}qreg q[2]; x r[0];": r"text:2:14: expected a register of qubits \(q\), got 'r'",
    f"{TWO}x q[0];": r"text:2:3: expected a register of qubits \(none is declared\), got 'q'",
    f"{TWO}qreg q[2];": "text: the circuit must have at least one gate that does something, got none",
    f"{TWO}qreg q[2]; id q[0];":
        "text: the circuit must have at least one gate that does something, got none",
    f"{TWO}qreg q[1]; rx(1/0) q[0];": "text:2:16: expected a divisor other than 0, got 0",
    f"{TWO}qreg q[1]; rx(2**3) q[0];": r"text:2:16: expected '\^', the power of OpenQASM 2, got '\*\*'",
    f"{THREE}qreg q[1]; rx(2^3) q[0];": r"text:2:16: expected '\*\*', the power of OpenQASM 3, got '\^'",
    f"{THREE}qreg q[1]; rx(7/2) q[0];":
        "text:2:16: expected a decimal point in one of two integers .*got 7/2",
    f"{TWO}qreg q[1]; rx(2^3^2) q[0];": "text:2:18: expected parentheses around one of two powers",
    f"{TWO}qreg q[1]; rx((-2)^0.5) q[0];":
        "text:2:19: expected a power that is a real number, got -2 to the 0.5",
    f"{TWO}qreg q[1]; rx(9^9^9) q[0];": "expected parentheses",
    f"{TWO}qreg q[1]; rx(9^999) q[0];": "expected a power that is a real number, got 9 to the 999",
    f"{TWO}qreg q[1]; rx(1e999) q[0];": "text:2:15: expected a finite angle, got an infinite one",
    f"{TWO}qreg q[1]; rx(ln(-1)) q[0];": r"text:2:15: expected a real number, got ln\(-1\)",
    f"{TWO}qreg q[1]; rx(1.0im) q[0];": "text:2:15: expected a decimal number, got '1.0im'",
    f"{TWO}qreg q[1]; rx(0x1F) q[0];": "expected a decimal number, got '0x1F",
    f"{THREE}input float a; qubit q; rx(sin(a)) q;":
        "text:2:28: expected an angle linear in .*sin of one of them",
    f"{THREE}input float a; qubit q; rx(a*a) q;":
        "text:2:29: expected an angle linear .*a product of two of them",
    f"{THREE}input float a; qubit q; rx(1/a) q;": "text:2:29: expected .*a division by one of them",
    f"{THREE}input float a; qubit q; rx(a**2) q;": "text:2:29: expected .*a power of one of them",
    f"{THREE}qubit q; x q; input float a;": "text:2:21: expected every input before the first gate",
    f"{TWO}input float a;": "text:2:1: expected a statement of OpenQASM 2, got 'input'",
    f"{TWO}qreg q[1]; reset q[0];": "text:2:12: expected a register, .*got 'reset', which is not read here",
    f"{TWO}qreg q[1]; creg c[1]; if (c==1) x q[0];": "text:2:23: .*got 'if', which is not read here",
    f"{THREE}qubit q; for int i in [0:2] {{ x q; }}": "text:2:10: .*got 'for', which is not read here",
    f"{THREE}qubit q; while (true) {{ x q; }}": "text:2:10: .*got 'while', which is not read here",
    f"{TWO}opaque magic(a) b; qreg q[1];": "text:2:1: .*got 'opaque', which is not read here",
    f"{TWO}qreg q[1]; creg c[1]; measure q->c; x q[0];":
        "text:2:37: expected no gate on a qubit that was measured",
    f"{TWO}qreg q[1]; measure q->d;": "text:2:23: expected a declared bit, got 'd'",
    f'{TWO}include "/etc/passwd";':
        'text:2:9: expected "qelib1.inc" or "stdgates.inc", got \'"/etc/passwd"\'',
    f"{TWO}gate a b {{ c b; }}": "text:2:12: expected a gate, got 'c', which is not defined",
    f"{TWO}gate a b {{ a b; }}": "text:2:12: expected a gate, got 'a', which is not defined",
    f"{TWO}gate a b {{ x c; }}": "text:2:14: expected a qubit of a, got 'c'",
    f"{TWO}gate a b, b {{ x b; }}": "text:2:11: expected different names, got 'b' again",
    f"{TWO}gate a b {{ }} gate a b {{ }}": "text:2:19: expected another name for this gate, got 'a' again",
    f"{TWO}gate a(x) b {{ rx(sin(x)) b; }}": "text:2:18: expected an angle linear in its parameters",
    f"{THREE}qubit q; ctrl @ U(1,2,3) q;":
        "text:2:17: expected a gate whose controlled gate is a standard one",
    f"{THREE}qubit q; pow(0.5) @ x q;": "text:2:14: expected an integer, got 0.5",
    f"{THREE}qubit q; negctrl @ x q;": "text:2:10: expected 'ctrl', 'inv' or 'pow', got 'negctrl'",
    f"{THREE}qubit q; x q[0];": "text:2:12: expected no index of a single qubit",
    f"{THREE}qubit[2] q; x q[0:1];": r"text:2:18: expected '\]', got ':'",
    f"{THREE}x $0;": "expected a qubit, got '\\$'",
    f"{TWO}qreg q[1]; /* never": r"text:2:12: expected '\*/' at the end of a comment, got the end",
    f"{TWO}qreg q[1]; x q[0]": "text:2:18: expected ';' or ',', got the end",
    f"{TWO}qreg q[1]; x q[0]; ŧ€": "text:2:20: expected a gate, got|expected a name",
    f"{TWO}qreg if[1];": "text:2:6: expected a register, got 'if'",
    f"{TWO}qreg pi[1];": "text:2:6: expected a register, got 'pi'",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_an_error_says_where_what_was_expected_and_what_is_there(text):
    with pytest.raises(ValueError, match=WRONG[text].replace("[2, 3]", r"\[2, 3\]")) as raised:
        read_qasm(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("given", ["nowhere.qasm", "", "a\0b", b"x", 3, None, ".", "x" * 5000])
def test_what_is_no_file(given):
    with pytest.raises((ValueError, TypeError), match=r"^path_or_text must be a file of OpenQASM .*got"):
        read_qasm(given)


def test_a_file_is_named_in_its_errors_and_has_to_be_text(tmp_path):
    path = tmp_path / "broken.qasm"
    path.write_text("OPENQASM 2.0;\nqreg q[1]\n")
    with pytest.raises(ValueError, match=r"broken\.qasm:3:1: expected ';', got the end$"):
        read_qasm(path)
    path.write_bytes(b"OPENQASM 2.0;\xff\xfe")
    with pytest.raises(ValueError, match=r"path_or_text must .*broken\.qasm', which is not UTF-8"):
        read_qasm(path)


def test_angles_are_one_of_three():
    with pytest.raises(ValueError, match="angles must be one of free, equal, file, got 'fre'; did you mean"):
        read_qasm(f"{TWO}qreg q[1]; x q[0];", "fre")


def bomb(levels, leaf="", head=TWO):
    """Definitions that double at every level."""
    gates = [f"gate g0 a {{ {leaf} }}"] + [
        f"gate g{k} a {{ g{k - 1} a; g{k - 1} a; }}" for k in range(1, levels)
    ]
    return f"{head}{' '.join(gates)} qreg q[2]; x q[0]; g{levels - 1} q[0];"


INPUTS = "".join(f"input float a{k};" for k in range(200))
HOSTILE = {
    "an exponential number of gates": (bomb(49, "x a;"), "expected at most 500000 gates"),
    "and of nothing": (bomb(49), "expected at most 500000 gates"),
    "definitions": (bomb(60), "expected at most 50 definitions that use each other"),
    "parentheses": (f"{TWO}qreg q[1]; rx({'(' * 10**6}1) q[0];", "expected at most 50 parentheses"),
    "functions": (f"{TWO}qreg q[1]; rx({'sin(' * 10**5}1) q[0];", "expected at most 50 parentheses"),
    "signs": (f"{TWO}qreg q[1]; rx({'-' * 10**6}) q[0];", "expected a number, a name"),
    "a register": (f"{TWO}qreg q[999999999];", "expected a size from 1 to 4096, got '999999999'"),
    "registers": (TWO + "qreg q[4000]; qreg r[4000];", "expected at most 4096 qubits, got 8000"),
    "digits": (f"{TWO}qreg q[{'9' * 10**6}];", "expected a size from 1 to 4096, got '99999"),
    "a power": (f"{THREE}qubit q; pow(1000000) @ x q;", "expected at most 500000 times"),
    "powers": (f"{THREE}qubit q; {'pow(1000) @ ' * 9} x q;", "expected at most 500000 times"),
    "letters": (f"{TWO}qreg q[4096];{'h q;' * 10}", "expected|at most 100000000 qubits times gates"),
    "parameters in one angle": (
        f"{THREE}{INPUTS} qubit q; rx({'+'.join(f'a{k}' for k in range(200))}) q;",
        "at most 100 parameters in one angle",
    ),
    "a comment": (f"{TWO}/*{'*' * 10**6}", "end of a comment"),
    "a long file": (f"{TWO}//{'x' * (8 * 2**20)}", "expected at most 8388608 characters"),
    "arguments": (f"{TWO}qreg q[1]; rx({'1,' * 10**5}1) q[0];", "expected 1 angle for rx, got 100001"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_a_value_error_soon(what):
    text, message = HOSTILE[what]
    start = time.process_time()
    with pytest.raises(ValueError, match=message):
        read_qasm(text)
    assert time.process_time() - start < 10


def test_a_file_of_888_rotations_is_read_soon():
    rng, text = random.Random(1), f'{TWO}include "qelib1.inc";\nqreg q[12];\n'
    for k in range(888):
        text += f"r{rng.choice('xyz')}({rng.uniform(-3, 3)!r}) q[{k % 12}];\n"
        text += "".join(f"cx q[{j}],q[{j + 1}];\n" for j in range(11)) if k % 12 == 11 else ""
    start = time.process_time()
    assert read_qasm(text).circuit.n_params == 888
    assert time.process_time() - start < 10


SEEDS = [  # what mutations begin with
    NUMBERS,
    f"""{THREE}include "stdgates.inc"; input float[64] a; input angle b; const float k = 0.5;
    /* two */ gate g(x, y) p, r {{ rx(x*2 - y/4) p; cx p, r; inv @ s r; }} // one
    qubit[3] q; qubit s; bit[3] c; g(a + k, -b) q[0], s; ctrl @ rx(a) q[1], q[2]; pow(2) @ t q;
    barrier q; c = measure q;""",
    f"{TWO}qreg a[3]; qreg b[3]; creg c[3]; ccx a, b[0], b[1]; cu3(1,2^2,sin(pi/3)) a[0], b[2];",
]  # fmt: skip
PIECES = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ";",
    ",",
    "-",
    "*",
    "/",
    "^",
    "@",
    "->",
    "=",
    '"',
    "/*",
    "//",
    "$",
    "\0",
    "é",
]
PIECES += [
    "pi",
    "0",
    "1e999",
    "99999999999999999999",
    "qreg",
    "qubit",
    "input",
    "gate",
    "measure",
    "inv",
    "pow",
    "ctrl",
    "if",
    "opaque",
    "a",
    "b",
    "q",
    "x",
    "rx",
    "u3",
]


def mutated(rng):
    """A text with a few pieces put in, left out, doubled or exchanged."""
    text = rng.choice(SEEDS)
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice([0, 1, 3, 10, 40]))
        if rng.random() < 0.3:  # a statement goes, or comes twice
            at, end = text.find(";", at) + 1, text.find(";", end + 1) + 1 or len(text)
        twice = text[at:end] * rng.choice([0, 2, 30])
        piece = rng.choice([rng.choice(PIECES), twice, chr(rng.randrange(32, 0x2FFF)), " "])
        text = f"{text[:at]}{piece}{text[end:]}"
    return text


def test_whatever_a_file_holds_is_read_or_a_value_error():
    read = sum(read_qasm(text).circuit.n_qubits > 0 for text in SEEDS)
    for seed in range(int(os.environ.get("QBP_MUTANTS", "400"))):
        text = mutated(random.Random(seed))
        try:
            read_qasm(f"{text}\n", ("free", "equal", "file")[seed % 3])
            read += 1
        except ValueError as error:
            assert "\n" not in str(error) and str(error).isprintable(), seed
    assert read > 20  # some mutations leave a circuit


def test_limits_are_those_of_the_docstring():
    words = " ".join(read_qasm.__doc__.split())
    for limit in ("8 MiB, 4,096 qubits", "500,000 gates after expansion", "50 parentheses or definitions"):
        assert limit in words
    assert (parser.MOST_GATES, parser.DEEPEST) == (500_000, 50)
    assert np.all(np.isfinite(read_qasm(NUMBERS).theta0))
