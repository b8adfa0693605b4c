"""One walk to look at: it takes the steps that a Pauli string can take, with the right odds."""

import numpy as np
import pytest
import reference

import qbp
from qbp.plateaus.pauli.trace import walk_trace
from qbp.plateaus.pauli.walk import walk_moments

CIRCUITS = {
    "cz": qbp.HardwareEfficient(3, 3),
    "cnot ring": qbp.HardwareEfficient(3, 2, ["rx", "ry"], "cnot", "ring"),
    "random": qbp.HardwareEfficient(3, 4, "random", seed=3),
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_each_string_follows_from_the_one_before(name):
    """Dense matrices: an entangler conjugates, a rotation multiplies by a generator that anticommutes."""
    circuit = CIRCUITS[name]
    E = reference.entangler(3, circuit.entangler, circuit.topology)
    letters = ["XYZ"] * 3 if name == "random" else ["".join(r[1].upper() for r in circuit.rotations)] * 3
    for seed in range(20):
        strings, passed = walk_trace(circuit, "XZI", seed)
        assert strings[0] == "XZI" and passed[0] == "observable" and len(strings) == len(passed)
        assert passed[1:] == ["entangler", "rotations"] * circuit.n_layers
        for before, after, gate in zip(strings, strings[1:], passed[1:], strict=False):
            if gate == "entangler":
                expected = E.conj().T @ reference.pauli(before) @ E
                sign = np.sign((expected @ reference.pauli(after)).trace().real)
                np.testing.assert_allclose(expected, sign * reference.pauli(after), atol=1e-12)
            else:  # identities stay, no letter becomes one, and one axis moves two letters
                for a, b, axes in zip(before, after, letters, strict=True):
                    assert (a == "I") == (b == "I")
                    assert a == b or len(axes) > 1 or axes not in (a, b)


def test_the_share_of_walks_that_end_in_i_and_z_is_the_second_moment():
    """Var[C] + E[C]^2 = E[<0|S|0>^2]; two layers of RY on two qubits: 5/16 by hand."""
    circuit = qbp.HardwareEfficient(2, 2, ["ry"])
    ends = [walk_trace(circuit, "ZZ", seed)[0][-1] for seed in range(2000)]
    share = np.mean([set(end) <= set("IZ") for end in ends])
    assert abs(share - 5 / 16) < 4 * (5 / 16 * 11 / 16 / 2000) ** 0.5
    found = walk_moments(circuit, qbp.PauliSum({"ZZ": 1.0}))
    assert abs(found.cost_variance - 5 / 16) < 4 * found.cost_stderr


def test_what_cannot_be_walked_is_named():
    with pytest.raises(ValueError, match="tied"):
        walk_trace(qbp.PauliRotations(1, ["X", "Z"], tied=[0, 0]), "Z")
    with pytest.raises(ValueError, match="H must act on 3 qubits"):
        walk_trace(CIRCUITS["cz"], "ZZ")
    with pytest.raises(ValueError, match="seed"):
        walk_trace(CIRCUITS["cz"], "ZZI", seed=-1)
