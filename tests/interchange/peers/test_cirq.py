"""Circuits and operators exchanged with Cirq itself: states, gradients, qubits without gates."""

import time

import numpy as np
import pytest
from exchanged import random_circuit, same, state
from peers import gradient, our_gradient

import qbp
from qbp.interchange import cirq as exchange

pytestmark = pytest.mark.interchange
ONE = "XPowGate YPowGate ZPowGate HPowGate"
TWO = "CZPowGate CXPowGate XXPowGate YYPowGate ZZPowGate ISwapPowGate SwapPowGate"


def final_state(circuit, values, n):
    """Cirq's state, qubit 0 leftmost, for {name: value}."""
    import cirq

    simulator = cirq.Simulator(dtype=np.complex128)
    bound = cirq.resolve_parameters(circuit, values)
    return simulator.simulate(bound, qubit_order=cirq.LineQubit.range(n)).final_state_vector


def random_cirq(rng, n, size):
    """A circuit of Cirq's own gates with linear exponents in three symbols."""
    import cirq
    import sympy

    symbols = sympy.symbols("a b c")
    q = cirq.LineQubit.range(n)
    circuit = cirq.Circuit(cirq.ry(s)(q[int(rng.integers(n))]) for s in symbols)

    def exponent():
        a, b = rng.integers(3, size=2)
        scale, offset = map(float, rng.normal(size=2))
        both = symbols[a] - symbols[b] / 2 + offset
        return [symbols[a], scale * symbols[a] + offset, both, offset, 1, -1, 0.5, -0.25][rng.integers(8)]

    for _ in range(size):
        k = int(min(n, rng.choice([1, 2, 2, 3])))
        on = [q[int(x)] for x in rng.permutation(n)[:k]]
        if k == 1:
            kind = rng.choice([*ONE.split(), "rx", "rz", "phased", "phased-xz"])
            if kind == "phased":
                gate = cirq.PhasedXPowGate(phase_exponent=float(rng.normal()), exponent=exponent())
            elif kind == "phased-xz":
                gate = cirq.PhasedXZGate(
                    x_exponent=0.3, z_exponent=-0.2, axis_phase_exponent=float(rng.normal())
                )
            else:
                gate = getattr(cirq, kind)(
                    **({"rads": exponent()} if kind[0] == "r" else {"exponent": exponent()})
                )
        elif k == 2:
            kind = rng.choice([*TWO.split(), "crx", "FSim", "string"])
            if kind == "crx":
                sub = [cirq.rx(exponent()), cirq.Y ** exponent(), cirq.Z ** exponent(), cirq.H][
                    rng.integers(4)
                ]
                gate = cirq.ControlledGate(sub, control_values=[int(rng.random() < 0.8 or sub != cirq.H)])
            elif kind == "FSim":
                gate = cirq.FSimGate(float(rng.normal()), float(rng.normal()))
            elif kind == "string":
                gate = cirq.PauliStringPhasorGate(cirq.DensePauliString("XY"), exponent_neg=exponent())
            else:
                gate = getattr(cirq, kind)(exponent=exponent())
        else:
            gate = [cirq.CCX, cirq.CCZ, cirq.CSWAP, cirq.CCZ**0.3][rng.integers(4)]
        circuit.append(gate(*on))
    circuit.append(cirq.X(q[0]).with_tags("tagged"))
    return circuit


def same_gradient(ours, theirs, theta):
    """Compare our gradient with differences of Cirq's own energies."""
    n = ours.n_qubits
    H = qbp.heisenberg(n) if n > 1 else qbp.tfim(1)
    matrix = exchange.to_cirq_operator(H).matrix(range_of(n))

    def value(theta):
        psi = final_state(theirs, dict(zip("abc", theta, strict=True)), n)
        return (psi.conj() @ matrix @ psi).real

    np.testing.assert_allclose(our_gradient(ours, theta, H), gradient(value, theta), atol=1e-10)


def test_200_circuits_from_cirq():
    start = time.process_time()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        n = 1 + seed % 4
        theirs, theta = random_cirq(rng, n, 10), rng.normal(size=3)
        found, values = exchange.from_cirq(theirs, range_of(n)), dict(zip("abc", theta, strict=True))
        assert found.names == ("a", "b", "c") and found.theta0 is None
        same(state(found.circuit, theta), final_state(theirs, values, n), 1e-10)
        if seed % 20 == 0:
            same_gradient(found.circuit, theirs, theta)
    assert time.process_time() - start < 60


def range_of(n):
    import cirq

    return cirq.LineQubit.range(n)


def test_200_circuits_to_cirq_and_back():
    start = time.process_time()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        n = 1 + seed % 4
        ours, theta = random_circuit(rng, n, 10, start=["zero", "plus"][seed % 2]), rng.normal(size=3)
        theirs, values = exchange.to_cirq(ours), dict(zip("abc", theta, strict=True))
        same(final_state(theirs, values, n), state(ours, theta), 1e-10)
        fixed = exchange.to_cirq(ours, theta)
        back, free = exchange.from_cirq(theirs), exchange.from_cirq(fixed)
        same(state(back.circuit, [values[name] for name in back.names]), state(ours, theta), 1e-10)
        same(state(free.circuit, free.theta0), state(ours, theta), 1e-10)
        if seed % 20 == 0:
            same_gradient(ours, theirs, theta)
    assert time.process_time() - start < 60


def test_qubits_without_a_gate_are_kept():
    import cirq

    ours = qbp.CircuitBuilder(4).h(1).build()
    assert exchange.to_cirq(ours).all_qubits() == frozenset(cirq.LineQubit.range(4))
    assert exchange.from_cirq(exchange.to_cirq(ours)).circuit.n_qubits == 4
    assert exchange.from_cirq(cirq.Circuit(cirq.X(cirq.LineQubit(2)))).circuit.n_qubits == 3
    grid = cirq.Circuit(cirq.X(cirq.GridQubit(0, 1)), cirq.Y(cirq.GridQubit(0, 0)))
    assert [g.pauli for g in exchange.from_cirq(grid).circuit.gates] == ["IX", "YI"]
    with pytest.raises(ValueError, match="qubit_order must have every qubit, got none of"):
        exchange.from_cirq(grid, [cirq.GridQubit(0, 0)])


def test_named_powers_stay_fixed_and_written_angles_are_free():
    import cirq

    q = cirq.LineQubit(0)
    found = exchange.from_cirq(cirq.Circuit(cirq.T(q), cirq.S(q), cirq.rz(np.pi / 4)(q), cirq.X(q) ** 0.3))
    np.testing.assert_allclose(found.theta0, [np.pi / 4, 0.3 * np.pi])


def test_operators_go_there_and_back():
    import cirq

    for H in (qbp.tfim(3, field=0.3), qbp.maxcut([(0, 1), (1, 2)])):
        assert exchange.from_cirq_operator(exchange.to_cirq_operator(H), range_of(3)).terms == pytest.approx(
            dict(H.terms)
        )
    q = cirq.LineQubit.range(2)
    assert exchange.from_cirq_operator(0.5 * cirq.Z(q[1]) * cirq.X(q[0])).terms == {"XZ": 0.5}
    with pytest.raises(ValueError, match="operator: the coefficient of 'X' must be real"):
        exchange.from_cirq_operator(1j * cirq.X(q[0]))
    with pytest.raises(TypeError, match=r"operator must be a cirq\.PauliSum"):
        exchange.from_cirq_operator(3)


def test_what_cannot_be_read_is_refused():
    import cirq
    import sympy

    q, a = cirq.LineQubit(0), sympy.Symbol("a")
    for exponent in (a**2, sympy.sin(a), a * sympy.Symbol("b")):
        with pytest.raises(ValueError, match="circuit must have angles linear in its symbols"):
            exchange.from_cirq(cirq.Circuit(cirq.X(q) ** exponent))
    for circuit in (
        cirq.Circuit(cirq.measure(q, key="m"), cirq.X(q)),
        cirq.Circuit(cirq.measure(q, key="m"), cirq.X(cirq.LineQubit(1)).with_classical_controls("m")),
    ):
        with pytest.raises(ValueError, match="circuit must have no gate after a measurement"):
            exchange.from_cirq(circuit)
    for channel in (cirq.reset(q), cirq.depolarize(0.1)(q)):
        with pytest.raises(ValueError, match="circuit must have gates that decompose"):
            exchange.from_cirq(cirq.Circuit(channel))
    with pytest.raises(TypeError, match=r"circuit must be a cirq\.Circuit"):
        exchange.from_cirq("x")
