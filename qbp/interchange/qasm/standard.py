"""Standard gates of OpenQASM, of qelib1.inc and stdgates.inc, and a few that tools write beside them.

Each is spelled in rotations, CNOTs and CZs as :class:`~qbp.circuits.builder.CircuitBuilder` spells it, equal
up to a global phase; the phase between the branches of a controlled gate is in it.
"""

from functools import lru_cache

from qbp.interchange.qasm.parser import Definition, Parser
from qbp.interchange.qasm.tokens import Source

_TEXT = """
gate id a { }
gate u0(g) a { }
gate x a { rx(pi) a; }
gate y a { ry(pi) a; }
gate z a { rz(pi) a; }
gate h a { rz(pi) a; ry(pi/2) a; }
gate s a { rz(pi/2) a; }
gate sdg a { rz(-pi/2) a; }
gate t a { rz(pi/4) a; }
gate tdg a { rz(-pi/4) a; }
gate sx a { rx(pi/2) a; }
gate sxdg a { rx(-pi/2) a; }
gate p(l) a { rz(l) a; }
gate u2(f, l) a { rz(l) a; ry(pi/2) a; rz(f) a; }
gate u3(t, f, l) a { rz(l) a; ry(t) a; rz(f) a; }
gate r(t, f) a { rz(-f) a; rx(t) a; rz(f) a; }
gate cy a, b { sdg b; cx a, b; s b; }
gate ch a, b { ry(-pi/4) b; cz a, b; ry(pi/4) b; }
gate crx(t) a, b { rx(t/2) b; cz a, b; rx(-t/2) b; cz a, b; }
gate cry(t) a, b { ry(t/2) b; cx a, b; ry(-t/2) b; cx a, b; }
gate crz(t) a, b { rz(t/2) b; cx a, b; rz(-t/2) b; cx a, b; }
gate cp(l) a, b { rz(l/2) a; crz(l) a, b; }
gate cs a, b { cp(pi/2) a, b; }
gate csdg a, b { cp(-pi/2) a, b; }
gate csx a, b { rz(pi/4) a; crx(pi/2) a, b; }
gate cu3(t, f, l) a, b {
  rz((f + l)/2) a; rz((l - f)/2) b; cx a, b; rz(-(f + l)/2) b; ry(-t/2) b; cx a, b; ry(t/2) b; rz(f) b;
}
gate cu(t, f, l, g) a, b { rz(g) a; cu3(t, f, l) a, b; }
gate swap a, b { cx a, b; cx b, a; cx a, b; }
gate dcx a, b { cx a, b; cx b, a; }
gate iswap a, b { rxx(-pi/2) a, b; ryy(-pi/2) a, b; }
gate ecr a, b { rzx(pi/4) a, b; rx(pi) a; rzx(-pi/4) a, b; }
gate ccx a, b, c {
  h c; cx b, c; tdg c; cx a, c; t c; cx b, c; tdg c; cx a, c; t b; t c; h c; cx a, b; t a; tdg b; cx a, b;
}
gate ccz a, b, c { h c; ccx a, b, c; h c; }
gate cswap a, b, c { cx c, b; ccx a, b, c; cx c, b; }
gate rccx a, b, c { h c; t c; cx b, c; tdg c; cx a, c; t c; cx b, c; tdg c; h c; }
gate rc3x a, b, c, d {
  h d; t d; cx c, d; tdg d; h d; cx a, d; t d; cx b, d; tdg d; cx a, d; t d; cx b, d; tdg d;
  h d; t d; cx c, d; tdg d; h d;
}
gate c3p(l) a, b, c, d {
  cp(l/4) a, d; cx a, b; cp(-l/4) b, d; cx a, b; cp(l/4) b, d; cx b, c; cp(-l/4) c, d; cx a, c; cp(l/4) c, d;
  cx b, c; cp(-l/4) c, d; cx a, c; cp(l/4) c, d;
}
gate c3x a, b, c, d { h d; c3p(pi) a, b, c, d; h d; }
gate c3sqrtx a, b, c, d { h d; c3p(pi/2) a, b, c, d; h d; }
gate c4x a, b, c, d, e {
  h e; cp(pi/2) d, e; h e; c3x a, b, c, d; h e; cp(-pi/2) d, e; h e; c3x a, b, c, d; c3sqrtx a, b, c, e;
}
"""
_ALSO = {  # another name: its gate
    "u": "u3", "U": "u3", "u1": "p", "phase": "p", "CX": "cx", "cnot": "cx", "cu1": "cp", "cphase": "cp",
}  # fmt: skip
_ROTATIONS = {"rx": "X", "ry": "Y", "rz": "Z", "rxx": "XX", "ryy": "YY", "rzz": "ZZ", "rzx": "ZX"}


@lru_cache(maxsize=1)
def standard_gates() -> dict[str, Definition]:
    """Return the definition of every standard gate, by its name.

    Example:
        >>> [call.gate.name for call in standard_gates()["swap"].body]
        ['cx', 'cx', 'cx']
    """
    gates = {n: Definition(n, ("t",), len(p), letters=p) for n, p in _ROTATIONS.items()}
    gates["cx"] = Definition("cx", (), 2, letters="cnot")
    gates["cz"] = Definition("cz", (), 2, letters="cz")
    parser = Parser(Source(_TEXT, "standard gates"), 2, gates, own=False)
    while parser.source.token.kind != "end":
        parser.source.expect("gate")
        parser.definition()
    found = parser.gates
    found |= {name: found[other]._replace(name=name) for name, other in _ALSO.items()}
    return {name: gate for name, gate in found.items() if name != "c3p"}  # no file has it
