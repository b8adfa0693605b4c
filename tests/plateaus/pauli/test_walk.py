"""Pauli walks against dense second moments, averaged over angles that are not Clifford, and closed forms."""

import itertools

import numpy as np
import pytest
import reference

import qbp
from qbp import HardwareEfficient, PauliRotations, PauliSum, Projector
from qbp.circuits import observables
from qbp.circuits.circuit import Circuit
from qbp.circuits.gates import Entangler, Rotation
from qbp.plateaus.pauli import walk
from qbp.plateaus.pauli.walk import walk_moments

ANGLES = 2 * np.pi * (np.arange(3) + 0.2) / 3  # three equally spaced angles integrate frequencies up to two


def dense_entangler(gate, n):
    total = np.eye(2**n, dtype=complex)
    for a, b in gate.pairs:
        total = reference.controlled(n, reference.PAULI["Z" if gate.kind == "cz" else "X"], a, b) @ total
    return total


def mean_over(gate, moment, n):
    """Average a second moment (U x U) M (U x U)^+ over the angle of a gate."""
    if isinstance(gate, Rotation):
        unitaries = [reference.rotation(gate.pauli, angle) for angle in ANGLES]
    else:
        unitaries = [dense_entangler(gate, n)]
    doubled = [np.kron(u, u) for u in unitaries]
    return sum(u @ moment @ u.conj().T for u in doubled) / len(doubled)


def inverse(gate):
    """The gates undone: the average over an angle is its own inverse, and so is a CZ or a CNOT."""
    return gate if isinstance(gate, Rotation) else Entangler(gate.kind, gate.pairs[::-1])


def dense_moments(circuit, H):
    """E[dC/dtheta_k ^2] for every k, Var[C] and E[C], by carrying rho x rho forwards and O x O backwards."""
    n = circuit.n_qubits
    d = 2**n
    matrix = (
        reference.pauli_sum(H.terms) if isinstance(H, PauliSum) else np.diag(np.eye(d)[0]).astype(complex)
    )
    psi = reference.start_state(n, circuit.start)
    rho = np.outer(psi, psi.conj())
    states = [np.kron(rho, rho)]
    for gate in circuit.program:
        states.append(mean_over(gate, states[-1], n))
    moment, squares = np.kron(matrix, matrix), np.zeros(circuit.n_params)
    for gate, after in zip(reversed(circuit.program), states[:0:-1], strict=True):
        if isinstance(gate, Rotation):
            # dC/dtheta = tr rho(after) i/2 [P, O]: the angle itself is already averaged in `after`
            p = reference.pauli(gate.pauli)
            one, two = np.kron(p, np.eye(d)), np.kron(np.eye(d), p)
            slope = 0.5j * (one @ moment - moment @ one)
            slope = 0.5j * (two @ slope - slope @ two)
            squares[gate.parameter] = np.trace(slope @ after).real
        moment = mean_over(inverse(gate), moment, n)
    mean = 0.0
    rho_mean = rho
    for gate in circuit.program:
        gates = (
            [reference.rotation(gate.pauli, a) for a in ANGLES]
            if isinstance(gate, Rotation)
            else [dense_entangler(gate, n)]
        )
        rho_mean = sum(u @ rho_mean @ u.conj().T for u in gates) / len(gates)
    mean = np.trace(rho_mean @ matrix).real
    return squares, np.trace(moment @ states[0]).real - mean**2, mean


def random_start(n, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 2)) + 1j * rng.normal(size=(n, 2))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).tolist()


def random_strings(n, count, seed, letters="IXYZ"):
    rng = np.random.default_rng(seed)
    drawn = ("".join(rng.choice(list(letters), n)) for _ in itertools.count())
    return list(itertools.islice((p for p in drawn if set(p) != {"I"}), count))


def random_sum(n, terms, seed):
    coefficients = np.random.default_rng(seed).normal(size=terms)
    return PauliSum(dict(zip(random_strings(n, terms, seed), coefficients.tolist(), strict=True)))


CIRCUITS = {
    "one layer": (HardwareEfficient(2, 1), PauliSum({"ZZ": 1.0})),
    "zz": (HardwareEfficient(3, 3), PauliSum({"ZZI": 1.0})),
    "cnot ladder": (HardwareEfficient(3, 3, entangler="cnot"), PauliSum({"IIZ": -2.0})),
    "cnot ring": (HardwareEfficient(3, 2, entangler="cnot", topology="ring"), PauliSum({"XIY": 1.0})),
    "cz ring": (HardwareEfficient(3, 2, ("rx", "rz"), topology="ring"), PauliSum({"YIZ": 1.0})),
    "cz brick": (HardwareEfficient(4, 2, ("rz", "ry"), topology="brick"), PauliSum({"IZZI": 1.0})),
    "cnot brick": (HardwareEfficient(4, 2, ("ry",), "cnot", "brick"), PauliSum({"IZXI": 1.0})),
    "three rotations": (HardwareEfficient(2, 2, ("rz", "ry", "rz")), PauliSum({"XX": 1.0})),
    "repeated axis": (HardwareEfficient(2, 2, ("ry", "ry")), PauliSum({"XZ": 1.0})),
    "plus": (HardwareEfficient(3, 2, ("rx", "rz"), start="plus"), PauliSum({"ZIZ": 1.0})),
    "product start": (HardwareEfficient(3, 2, start=random_start(3, 0)), PauliSum({"ZXI": 1.0})),
    "product start, sum": (HardwareEfficient(2, 1, ("rx",), start=random_start(2, 1)), random_sum(2, 6, 1)),
    "product start, rz": (HardwareEfficient(2, 2, ("rz",), start=random_start(2, 5)), random_sum(2, 8, 2)),
    "tfim": (HardwareEfficient(3, 3), qbp.tfim(3, field=0.5)),
    "heisenberg": (HardwareEfficient(3, 2, entangler="cnot"), qbp.heisenberg(3)),
    "maxcut": (HardwareEfficient(4, 2, ("rx", "ry")), qbp.maxcut([(0, 1), (1, 2), (0, 3)])),
    "random sum": (HardwareEfficient(3, 2), random_sum(3, 12, 3)),
    "rx alone, plus": (HardwareEfficient(3, 2, ("rx",), start="plus"), random_sum(3, 12, 4)),
    "rz alone": (HardwareEfficient(3, 2, ("rz",), entangler="cnot", start="plus"), random_sum(3, 20, 5)),
    "projector": (HardwareEfficient(2, 2), Projector(2)),
    "projector, cnot": (HardwareEfficient(3, 3, entangler="cnot"), Projector(3)),
    "projector, brick": (HardwareEfficient(4, 2, topology="brick"), Projector(4)),
    "projector, rx": (HardwareEfficient(3, 1, ("rx",)), Projector(3)),
    "projector, plus": (HardwareEfficient(3, 2, ("rz", "rx"), start="plus"), Projector(3)),
    "projector, product start": (HardwareEfficient(2, 2, start=random_start(2, 3)), Projector(2)),
    "projector, cosets": (
        PauliRotations(3, ["XII", "ZZI", "IXX"], start=random_start(3, 4)),
        Projector(3),
    ),
    "projector, pauli rotations": (PauliRotations(3, random_strings(3, 6, 6)), Projector(3)),
    "counterexample": (PauliRotations(2, ["ZI", "IX"]), PauliSum({"IZ": 1.0, "ZZ": 1.0})),
    "counterexample, product start": (
        PauliRotations(2, ["ZI", "IX"], start=random_start(2, 7)),
        PauliSum({"IZ": 1.0, "ZZ": 1.0}),
    ),
    "counterexample, signed": (
        PauliRotations(2, ["IX", "ZI", "IX", "XX"], start=random_start(2, 8)),
        PauliSum({"IZ": 1.0, "ZZ": -0.7, "IY": 0.4, "ZY": 0.3}),
    ),
    "identity": (HardwareEfficient(2, 1), PauliSum({"II": 3.0, "ZI": 1.0})),
    "one qubit": (HardwareEfficient(1, 3), PauliSum({"X": 1.0, "Z": 0.5})),
    **{
        f"random generators {seed}": (
            HardwareEfficient(3, 2, "random", kind, seed=seed, start=start),
            random_sum(3, 10, seed),
        )
        for seed, kind, start in [(0, "cz", "zero"), (1, "cnot", "plus"), (2, "cz", random_start(3, 9))]
    },
    "random generators, projector": (HardwareEfficient(3, 3, "random", "cnot", seed=4), Projector(3)),
    "random generators, tfim": (HardwareEfficient(4, 2, "random", seed=5), qbp.tfim(4)),
    **{
        f"pauli rotations {seed}": (
            PauliRotations(3, random_strings(3, 7, seed), start=start),
            random_sum(3, 10, seed + 20),
        )
        for seed, start in [(10, "zero"), (11, "plus"), (12, random_start(3, 2)), (13, random_start(3, 3))]
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def scores():
    """z of every entry of every circuit that is not known exactly."""
    return {}


@pytest.mark.parametrize("name", CIRCUITS)
def test_moments_against_dense_matrices(name, scores):
    circuit, H = CIRCUITS[name]
    squares, cost, mean = dense_moments(circuit, H)
    found = walk_moments(circuit, H, walks=2**15)
    estimate = np.append(found.variance, found.cost_variance)
    stderr = np.append(found.stderr, found.cost_stderr)
    exact = np.append(squares, cost)
    assert found.cost_mean == pytest.approx(mean, abs=1e-12)
    noise = stderr <= 1e-5 * estimate  # no spread: these are exact, up to single precision
    np.testing.assert_allclose(estimate[noise], exact[noise], rtol=1e-5, atol=1e-12)
    z = (estimate - exact)[~noise] / stderr[~noise]
    scores[name] = z
    assert abs(z).max(initial=0) < 5
    assert (exact <= np.append(found.upper_bound, found.cost_upper_bound) * 1.2 + 1e-12).all()


def test_errors_are_as_large_as_they_say(scores):
    if len(scores) < len(CIRCUITS):
        pytest.skip("a part of the circuits was selected")
    z = np.concatenate(list(scores.values()))
    assert len(z) > 100
    assert 0.7 < (z**2).mean() < 1.4 and abs(z.mean()) < 0.3


def test_the_warm_ups_of_cerezo():
    for n in (1, 2, 6, 300):
        circuit = HardwareEfficient(n, 1, ("rx",))
        found = walk_moments(circuit, Projector(n))
        exact = np.log2(1 / 8) + (n - 1) * np.log2(3 / 8)
        assert (found.relative_stderr < 0.2).all()
        log_stderr = found.relative_stderr / np.log(2)
        assert (abs(found.log2_variance - exact) <= 5 * log_stderr + 1e-6).all()
        local = PauliSum({"I" * n: 0.5, **{"I" * j + "Z" + "I" * (n - 1 - j): -0.5 / n for j in range(n)}})
        found = walk_moments(circuit, local)
        assert found.cost_mean == pytest.approx(0.5)
        if n < 64:  # every string walks in every round
            np.testing.assert_allclose(found.variance, 1 / (8 * n**2), rtol=1e-5)
        assert found.total == pytest.approx(1 / (8 * n), rel=1e-5)


def test_deep_circuits_are_two_designs():
    n, d = 4, 16
    circuit = HardwareEfficient(n, 60, entangler="cnot")
    found = walk_moments(circuit, PauliSum({"IZXI": 1.0}))
    middle = slice(20 * 2 * n, 40 * 2 * n)
    exact = d**2 / (2 * (d**2 - 1) * (d + 1))
    assert found.variance[middle].mean() == pytest.approx(exact, rel=0.02)
    z = (found.variance[middle] - exact) / found.stderr[middle]
    assert abs(z).max() < 5
    assert found.cost_variance == pytest.approx(1 / (d + 1), abs=5 * found.cost_stderr)
    found = walk_moments(circuit, Projector(n))
    z = (found.variance[middle] - 1 / (2 * (d + 1) ** 2)) / found.stderr[middle]
    assert abs(z).max() < 5
    assert found.cost_variance == pytest.approx((d - 1) / (d**2 * (d + 1)), abs=5 * found.cost_stderr)
    assert found.cost_mean == pytest.approx(1 / d)  # every Z string but the identity meets a rotation


@pytest.mark.parametrize("n", [3, 5])
def test_free_fermions(n):
    bonds = ["I" * i + "ZZ" + "I" * (n - 2 - i) for i in range(n - 1)]
    fields = ["I" * i + "X" + "I" * (n - 1 - i) for i in range(n)]
    circuit = PauliRotations(n, (bonds + fields) * 40, start="plus")
    found = walk_moments(circuit, PauliSum({fields[1]: 1.0}), walks=2**15)
    assert found.cost_variance == pytest.approx(1 / (2 * n - 1), abs=4 * found.cost_stderr)
    assert found.cost_stderr < 0.03 / (2 * n - 1)


def test_only_the_light_cone_counts():
    found = {
        n: walk_moments(HardwareEfficient(n, 10), PauliSum({"ZZ" + "I" * (n - 2): 1.0}), walks=2**14)
        for n in (13, 1000)
    }
    small = found[13].variance.reshape(10, 13, 2)
    large = found[1000].variance.reshape(10, 1000, 2)
    np.testing.assert_array_equal(small, large[:, :13])
    assert (large[:, 12:] == 0).all() and (found[1000].upper_bound.reshape(10, 1000, 2)[:, 12:] == 0).all()
    assert found[13].total == found[1000].total and found[13].total_relative_stderr < 0.05


def test_a_thousand_qubits_of_a_chain():
    found = walk_moments(HardwareEfficient(1000, 2), qbp.tfim(1000), walks=2**12)
    small = walk_moments(HardwareEfficient(12, 2), qbp.tfim(12))
    twelve, thousand = small.variance.reshape(2, 12, 2), found.variance.reshape(2, 1000, 2)
    middle, stderr = thousand[:, 6:-6], found.stderr.reshape(2, 1000, 2)[:, 6:-6]
    inside = middle.mean(axis=1)  # far from the ends every qubit is the same
    error = stderr.std(axis=1) + stderr.mean(axis=1)
    assert (abs(inside - twelve[:, 6]) < 5 * error / 30).all()


def test_what_no_walk_finds_is_bounded():
    n = 300
    H = PauliSum({"I" * (n - 1) + "Z": 2.0})
    found = walk_moments(HardwareEfficient(n, 3, entangler="cnot"), H, walks=2**13)
    bound = 4 * (1 - 0.05 ** (1 / found.walks))  # the rule of three, about 3 / walks
    unsure = found.variance > 0
    assert found.cost_relative_stderr > 0.05 and found.total_upper_bound > bound
    np.testing.assert_allclose(found.upper_bound[unsure], bound, rtol=1e-3)
    assert found.log2_total < -100


def test_no_walk_survives():
    # Z Z Z Z from |+>^4 after one X rotation: <Z> = 0, and <X> is not reached
    found = walk_moments(PauliRotations(2, ["XX", "ZI"], start="plus"), PauliSum({"ZI": 1.0}), walks=64)
    assert (found.variance == 0).all() and found.cost_variance == 0
    assert found.stderr[1] == 0 and found.upper_bound[1] == 0  # known to be zero
    assert found.upper_bound[0] == pytest.approx(1 - 0.05 ** (1 / found.walks))
    assert found.stderr[0] == pytest.approx(found.upper_bound[0] / 2) and found.relative_stderr[0] == np.inf
    assert found.cost_stderr > 0 and found.total_stderr > 0


def test_a_seed_gives_the_same_walks():
    circuit, H = HardwareEfficient(4, 3, entangler="cnot"), qbp.tfim(4)
    one, two, other = (walk_moments(circuit, H, walks=4096, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.variance, two.variance)
    assert one.cost_variance == two.cost_variance and one.cost_variance != other.cost_variance


def test_an_interrupt_keeps_the_finished_rounds():
    def stop(walks):
        assert walks % 64 == 0
        if walks >= 5 * 128:
            raise KeyboardInterrupt

    circuit, H = HardwareEfficient(4, 3), qbp.tfim(4)
    found = walk_moments(circuit, H, walks=4096, progress=stop)
    assert found.walks == 640 and (found.variance > 0).any() and np.isfinite(found.stderr).all()

    def at_once(walks):
        raise KeyboardInterrupt

    found = walk_moments(circuit, H, walks=4096, progress=at_once)
    assert found.walks == 128 and np.isnan(found.stderr[0]) and found.upper_bound[0] > found.variance[0]


def test_progress_counts_walks():
    seen = []
    found = walk_moments(HardwareEfficient(2, 1), PauliSum({"ZI": 1.0}), walks=2048, progress=seen.append)
    assert seen == list(range(64, 2049, 64)) and found.walks == 2048


def test_nothing_to_walk():
    found = walk_moments(HardwareEfficient(2, 1), PauliSum({"II": 2.0, "ZZ": 0.0}))
    assert found.cost_mean == 2 and found.cost_variance == 0 and (found.upper_bound == 0).all()
    found = walk_moments(HardwareEfficient(2, 2, ("rz",)), Projector(2))
    assert found.cost_mean == 1 and found.cost_variance == 0 and (found.variance == 0).all()


class Other(Circuit):
    """A circuit with a gate that no walk can take."""

    n_qubits, start = 1, "zero"
    program = (Rotation("X", 0), Entangler("swap", ()))


class Strange(observables.Observable):
    n_qubits = 2


@pytest.mark.parametrize(
    ("circuit", "H", "error", "words"),
    [
        (PauliRotations(2, ["XI", "IX"], tied=[0, 0]), PauliSum({"ZZ": 1.0}), ValueError, "tied"),
        (Other(), PauliSum({"Z": 1.0}), ValueError, "Clifford entanglers"),
        (HardwareEfficient(2, 1), Strange(), TypeError, "PauliSum or a Projector"),
        (HardwareEfficient(2, 1), PauliSum({"ZZZ": 1.0}), ValueError, "2 qubits, got 3"),
        ("circuit", PauliSum({"ZZ": 1.0}), TypeError, "circuit must be a Circuit"),
        (HardwareEfficient(12, 1, ("rz",)), Projector(12), ValueError, "commute with every generator"),
    ],
)
def test_refusals_name_the_condition(circuit, H, error, words):
    with pytest.raises(error, match=words):
        walk_moments(circuit, H)


def test_arguments():
    circuit, H = HardwareEfficient(2, 1), PauliSum({"ZZ": 1.0})
    with pytest.raises(ValueError, match="walks must be at least 64"):
        walk_moments(circuit, H, walks=10)
    with pytest.raises(ValueError, match=r"walks must be .*1073741824, got 1000000000000"):
        walk_moments(circuit, H, walks=10**12)
    with pytest.raises(TypeError, match="seed"):
        walk_moments(circuit, H, seed=0.5)


def test_a_warning_says_how_long_walks_take(monkeypatch):
    def at_once(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(walk, "_round", at_once)
    words = r"walks=1,073,741,824 are going to take about \d+ hours"
    with pytest.warns(UserWarning, match=words), pytest.raises(KeyboardInterrupt):
        walk_moments(HardwareEfficient(100, 30), qbp.tfim(100), walks=2**30)
