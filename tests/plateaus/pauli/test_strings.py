"""Packed Pauli strings against dense matrices."""

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from qbp import HardwareEfficient, PauliRotations, PauliSum, Projector
from qbp.circuits.gates import Entangler, Rotation, start_qubits
from qbp.plateaus.pauli.families import projector_families, start_expectations, sum_families
from qbp.plateaus.pauli.strings import (
    Chain,
    Turn,
    back,
    back_signs,
    compile_steps,
    letters_of,
    light_cone,
    masks,
    meets,
    pack,
    parts,
    product_phase,
    unpack,
)

LETTERS = "IXZY"


def spell(letters):
    return "".join(LETTERS[letter] for letter in letters)


def read(pauli):
    return np.array([LETTERS.index(p) for p in pauli])


def gates(n):
    pairs = st.permutations(range(n)).map(lambda q: tuple(q[:2]))
    kinds = st.sampled_from(["cz", "cnot"])
    return st.builds(Entangler, kinds, st.lists(pairs, min_size=1, max_size=8).map(tuple))


def matrix(gate, n):
    total = np.eye(2**n, dtype=complex)
    for a, b in gate.pairs:
        total = reference.controlled(n, reference.PAULI["Z" if gate.kind == "cz" else "X"], a, b) @ total
    return total


@given(st.data())
def test_strings_go_back_through_entanglers(data):
    n = data.draw(st.integers(2, 4))
    gate = data.draw(gates(n))
    strings = data.draw(st.lists(st.text("IXYZ", min_size=n, max_size=n), min_size=1, max_size=4))
    x, z = parts(strings)
    signed, signs = (x.copy(), z.copy()), 0
    for chain in reversed(compile_steps((gate,))):
        back(chain, x, z)
        signs = signs ^ back_signs(chain, *signed)
    np.testing.assert_array_equal(x, signed[0])
    np.testing.assert_array_equal(z, signed[1])
    unitary = matrix(gate, n)
    for i, pauli in enumerate(strings):
        sign = 1 - 2 * int(unpack(signs)[i])
        expected = unitary.conj().T @ reference.pauli(pauli) @ unitary
        np.testing.assert_allclose(
            sign * reference.pauli(spell(letters_of(x, z)[:, i])), expected, atol=1e-12
        )


@pytest.mark.parametrize("topology", ["ladder", "ring", "brick"])
def test_entanglers_are_few_steps(topology):
    steps = compile_steps(HardwareEfficient(10, 1, ("ry", "rz"), topology=topology).program)
    turns, chains = ([s for s in steps if isinstance(s, kind)] for kind in (Turn, Chain))
    assert [len(turn.qubits) for turn in turns] == [10, 10]
    assert [chain.qubits.shape for chain in chains] == {
        "ladder": [(10, 1)], "ring": [(10, 1), (2, 1)], "brick": [(2, 5), (2, 4)]
    }[topology]  # fmt: skip


@given(st.data())
def test_steps_hold_every_rotation_in_order(data):
    n = data.draw(st.integers(1, 4))
    strings = data.draw(st.lists(st.text("IXYZ", min_size=n, max_size=n), min_size=1, max_size=9))
    angles = np.random.default_rng(len(strings)).normal(size=len(strings))
    program = tuple(Rotation(p, k) for k, p in enumerate(strings))
    expected = np.eye(2**n)
    for k, p in enumerate(strings):
        expected = reference.rotation(p, angles[k]) @ expected if set(p) != {"I"} else expected
    found = np.eye(2**n)
    for turn in compile_steps(program):
        assert len(set(turn.qubits.ravel())) == turn.qubits.size
        for k in turn.parameters:
            found = reference.rotation(strings[k], angles[k]) @ found
    np.testing.assert_allclose(found, expected, atol=1e-12)


@given(st.text("IXYZ", min_size=3, max_size=3), st.text("IXYZ", min_size=3, max_size=3))
def test_commutation_and_products(a, b):
    left, right = reference.pauli(a), reference.pauli(b)
    phase = 1j ** int(product_phase(read(a), read(b)))
    np.testing.assert_allclose(phase * reference.pauli(spell(read(a) ^ read(b))), left @ right, atol=1e-14)
    odd = any(meets(turn, *parts([b]))[0, 0] & 1 for turn in compile_steps((Rotation(a, 0),)))
    assert odd == (not np.allclose(left @ right, right @ left))


def test_packing():
    bits = np.random.default_rng(0).integers(0, 2, (3, 130))
    words = pack(bits)
    assert words.shape == (3, 3) and words.dtype == np.uint64
    np.testing.assert_array_equal(unpack(words)[:, :130], bits)
    assert unpack(words)[:, 130:].sum() == 0


@given(st.data())
def test_nothing_happens_outside_the_light_cone(data):
    n = data.draw(st.integers(2, 5))
    rotations = st.builds(Rotation, st.text("IXYZ", min_size=n, max_size=n), st.just(0))
    program = tuple(data.draw(st.lists(rotations | gates(n), max_size=8)))
    program = tuple(g._replace(parameter=k) if isinstance(g, Rotation) else g for k, g in enumerate(program))
    steps = compile_steps(program)
    string = data.draw(st.text("IXYZ", min_size=n, max_size=n))
    can_x, can_z, cut = light_cone(steps, *masks(read(string)[:, None]))
    qubits = np.flatnonzero(can_x | can_z)
    ends = []
    for some, inside in ((steps, slice(None)), (cut, qubits)):
        rng = np.random.default_rng(1)
        bits = {k: rng.integers(0, 2**63, dtype=np.uint64) for k in range(len(program))}
        x, z = (part[inside].copy() for part in masks(read(string)[:, None]))
        met = {}
        for step in reversed(some):
            if isinstance(step, Chain):
                back(step, x, z)
                continue
            acts = meets(step, x, z)
            met.update(zip(step.parameters.tolist(), acts[:, 0].tolist(), strict=True))
            moves = (acts & np.array([[bits[k]] for k in step.parameters], dtype=np.uint64))[:, None]
            x[step.qubits] ^= moves & step.x
            z[step.qubits] ^= moves & step.z
        ends.append((x, z, met))
    (x, z, met), (x_cut, z_cut, met_cut) = ends
    for part, part_cut, can in ((x, x_cut, can_x), (z, z_cut, can_z)):
        np.testing.assert_array_equal(part[qubits], part_cut)
        assert not (part[:, 0] & ~can).any()
    assert all(met_cut.get(k, 0) == acts for k, acts in met.items())


def test_ten_ladders_see_eleven_qubits_of_a_thousand():
    steps = compile_steps(HardwareEfficient(40, 10).program)
    x, z, _ = light_cone(steps, *masks(read("ZZ" + "I" * 38)[:, None]))
    assert np.flatnonzero(x | z).tolist() == list(range(11))  # the last CZs commute with Z Z
    x, z, _ = light_cone(steps, *masks(read("XX" + "I" * 38)[:, None]))
    assert np.flatnonzero(x | z).tolist() == list(range(12))


def families(circuit, H):
    start = start_expectations(start_qubits(circuit.start, circuit.n_qubits))
    find = projector_families if isinstance(H, Projector) else sum_families
    return find(H, compile_steps(circuit.program), start)[0]


@pytest.mark.parametrize("rotations", [("ry",), ("rx", "rz"), ("rz", "ry")])
@pytest.mark.parametrize("entangler", ["cz", "cnot"])
def test_strings_of_a_hardware_efficient_circuit_walk_apart(rotations, entangler):
    n = 3
    every = ["".join(LETTERS[i // 4**q % 4] for q in range(n)) for i in range(1, 4**n)]
    circuit = HardwareEfficient(n, 2, rotations, entangler)
    found = families(circuit, PauliSum(dict.fromkeys(every, 1.0)))
    assert all(len(family.powers) == 1 for family in found)
    assert len(families(circuit, Projector(n))[0].powers) == 1


def test_the_counterexample_walks_together():
    circuit = PauliRotations(2, ["ZI", "IX"])
    [family] = families(circuit, PauliSum({"IZ": 1.0, "ZZ": 1.0}))
    assert len(family.powers) == 2
