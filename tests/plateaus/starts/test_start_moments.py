"""Weighted walks against dense second moments, with angles integrated by quadrature and noise by Kraus."""

import numpy as np
import pytest
import reference

import qbp
from qbp import HardwareEfficient, PauliRotations, PauliSum, Projector
from qbp.circuits.gates import Rotation
from qbp.plateaus.starts import moments
from qbp.plateaus.starts.ensemble import AngleEnsemble, GateNoise
from qbp.plateaus.starts.moments import start_moments


def nodes(ensemble, width):
    """Angles about their center, and their weights."""
    if ensemble.kind == "gaussian":
        x, w = np.polynomial.hermite_e.hermegauss(28 if width > 0.7 else 12)
        return width * x, w / w.sum()
    if ensemble.kind == "uniform":
        x, w = np.polynomial.legendre.leggauss(16 if width > 1 else 8)
        return width * x, w / 2
    return 2 * np.pi * (np.arange(5) + 0.3) / 5, np.full(5, 0.2)


def kraus(noise):
    """Operators of one qubit, in order: depolarizing, dephasing, damping."""
    p, d, g = noise.depolarizing, noise.dephasing, noise.amplitude_damping
    letters = [reference.PAULI[letter] for letter in "IXYZ"]
    first = [np.sqrt(w) * m for w, m in zip([1 - p, p / 3, p / 3, p / 3], letters, strict=True)]
    second = [np.sqrt(1 - d) * letters[0], np.sqrt(d) * letters[3]]
    third = [np.diag([1, np.sqrt(1 - g)]), np.array([[0, np.sqrt(g)], [0, 0]])]
    return [c @ b @ a for a in first for b in second for c in third]


def tensors(operators, copies):
    """Products of one operator for each copy, whose sum over all is the channel on all copies."""
    found = [np.eye(1)]
    for _ in range(copies):
        found = [np.kron(a, b) for a in found for b in operators]
    return found


def pieces(circuit):
    """Yield each rotation, and the matrix of each pair of an entangler, with the qubits that it acts on."""
    n = circuit.n_qubits
    for gate in circuit.program:
        if isinstance(gate, Rotation):
            yield gate, [q for q, letter in enumerate(gate.pauli) if letter != "I"]
        else:
            for a, b in gate.pairs:
                yield (
                    reference.controlled(n, reference.PAULI["Z" if gate.kind == "cz" else "X"], a, b),
                    [a, b],
                )


def averaged(circuit, ensemble, copies, slope=None):
    """E[rho^(x copies)], or with the derivative by parameter `slope` taken of every copy."""
    n = circuit.n_qubits
    widths, centers = (ensemble.per_parameter(x, circuit.n_params) for x in ("width", "center"))
    psi = reference.start_state(n, circuit.start)
    one = np.outer(psi, psi.conj())
    moment = tensors([one], copies)[0]
    for gate, qubits in pieces(circuit):
        if not isinstance(gate, Rotation):
            (u,) = tensors([gate], copies)
            moment = u @ moment @ u.conj().T
        else:
            k, total = gate.parameter, 0
            offsets, weights = nodes(ensemble, widths[k]) if k is not None else ([0.0], [1.0])
            p = reference.pauli(gate.pauli)
            for x, w in zip(offsets, weights, strict=True):
                angle = gate.offset if k is None else gate.scale * (centers[k] + x) + gate.offset
                (u,) = tensors([reference.rotation(gate.pauli, angle)], copies)
                now = u @ moment @ u.conj().T
                if k is not None and k == slope:
                    for c in range(copies):
                        on = np.kron(np.kron(np.eye(2 ** (n * c)), p), np.eye(2 ** (n * (copies - c - 1))))
                        now = -0.5j * gate.scale * (on @ now - now @ on)
                total = total + w * now
            moment = total
        if ensemble.noise:
            for q in qubits:
                for c in range(copies):
                    idle = np.eye(2 ** (n * c)), np.eye(2 ** (n * (copies - c - 1)))
                    on = [
                        np.kron(np.kron(idle[0], reference.on(n, k, q)), idle[1])
                        for k in kraus(ensemble.noise)
                    ]
                    moment = sum(k @ moment @ k.conj().T for k in on)
    return moment


def dense(circuit, H, ensemble):
    """Var[dC/dtheta_k] for every k, then Var[C]."""
    terms = H.terms if isinstance(H, PauliSum) else None
    matrix = reference.pauli_sum(terms) if terms else np.diag(np.eye(2**H.n_qubits)[0])
    found = []
    for slope in [*range(circuit.n_params), None]:
        square, mean = (
            np.trace(tensors([matrix], copies)[0] @ averaged(circuit, ensemble, copies, slope)).real
            for copies in (2, 1)
        )
        found.append(square - mean**2)
    return np.array(found)


def hea(n, layers, rotations=("ry", "rz"), entangler="cz", **options):
    return HardwareEfficient(n, layers, rotations=rotations, entangler=entangler, **options)


def zero_between():
    b = qbp.CircuitBuilder(2)
    return b.ry(b.parameter(), 0).rzz(0.0, 0, 1).cx(0, 1).rz(0.0, 1).rx(b.parameter(), 1).build()


SUM = PauliSum({"XI": 0.5, "ZZ": 1.0, "IZ": -0.7, "YX": 0.4, "ZX": 0.3})
PRODUCT = [[0.6, 0.8j], [0.8, -0.6]]
CENTERS = tuple(np.pi / 2 * np.array([0, 1, 2, 3, 1, 1, 2, 0]))
NOISY = GateNoise(0.02, 0.01, 0.0)
DAMPED = GateNoise(0.01, 0.02, 0.1)
CASES = {
    "gaussian": (hea(2, 2), SUM, AngleEnsemble("gaussian", 0.3)),
    "uniform": (hea(2, 2, entangler="cnot"), SUM, AngleEnsemble("uniform", 0.8)),
    "beyond pi, negative means": (hea(2, 2), SUM, AngleEnsemble("uniform", 4.5)),
    "narrow": (hea(2, 2), SUM, AngleEnsemble("uniform", 0.01)),
    "wide and narrow": (hea(2, 2), SUM, AngleEnsemble("gaussian", (0.1, 1.0, 0.3, 2, 0.5, 0.0, 0.2, 1))),
    "centers": (hea(2, 2), SUM, AngleEnsemble("gaussian", 0.4, CENTERS)),
    "centers, product start": (hea(2, 2, start=PRODUCT), SUM, AngleEnsemble("uniform", 0.7, CENTERS)),
    "random generators": (
        PauliRotations(2, ["XY", "ZI", "YY", "IX", "ZX"], start=PRODUCT),
        SUM,
        AngleEnsemble("gaussian", 0.5, tuple(np.pi / 2 * np.array([1, 3, 2, 1, 0]))),
    ),
    "three qubits": (
        PauliRotations(3, ["XYZ", "ZIY", "YYX", "IXI", "ZXX"], start="plus"),
        PauliSum({"XYZ": 1.0, "ZZI": 0.5, "YIX": -0.5, "XXX": 0.8}),
        AngleEnsemble("gaussian", 0.6, np.pi / 2),
    ),
    "full, with noise": (hea(2, 2), SUM, AngleEnsemble("full", noise=NOISY)),
    "full, product start": (hea(2, 2, ("rz",), start=PRODUCT), SUM, AngleEnsemble("full")),
    "noise": (hea(2, 2), SUM, AngleEnsemble("gaussian", 0.4, noise=NOISY)),
    "damping": (hea(2, 2), SUM, AngleEnsemble("gaussian", 0.4, noise=DAMPED)),
    "damping, centers": (
        hea(2, 2, entangler="cnot", start=PRODUCT), SUM, AngleEnsemble("uniform", 1.0, CENTERS, DAMPED)
    ),
    "damping, full": (hea(2, 2, ("rx", "rz")), SUM, AngleEnsemble("full", noise=DAMPED)),
    "fixed by zero, noise": (zero_between(), SUM, AngleEnsemble("gaussian", 0.4, noise=NOISY)),
    "projector": (hea(2, 2), Projector(2), AngleEnsemble("gaussian", 0.4)),
    "projector, damping": (hea(2, 1), Projector(2), AngleEnsemble("uniform", 1.0, noise=DAMPED)),
    "tfim": (hea(3, 2, ("rx",), "cnot"), qbp.tfim(3), AngleEnsemble("gaussian", 0.5)),
}  # fmt: skip


@pytest.fixture(scope="module")
def exact():
    return {name: dense(*case) for name, case in CASES.items()}


def entries(found, part):
    return np.append(getattr(found.each, part), getattr(found.cost, part))


@pytest.mark.parametrize("name", CASES)
def test_moments_against_dense_matrices(name, exact):
    """With so many walks nearly everything is followed exactly; what is not has an error."""
    found = start_moments(*CASES[name], walks=2**13)
    estimate, stderr = entries(found, "variance"), entries(found, "stderr")
    sure = stderr <= 1e-9 * abs(estimate)
    np.testing.assert_allclose(estimate[sure], exact[name][sure], rtol=1e-9, atol=1e-13)
    assert (abs(estimate - exact[name])[~sure] < 5 * stderr[~sure]).all()
    total = exact[name][:-1].sum()
    assert abs(found.total.variance - total) <= 5 * found.total.stderr + 1e-9 * total
    assert sure.all() or name in ("damping", "damping, centers", "damping, full", "projector, damping")


def test_errors_of_drawn_walks_are_as_large_as_they_say(exact, monkeypatch):
    begin = moments._begin  # follows a few walks exactly; the rest is drawn
    monkeypatch.setattr(
        moments, "_begin", lambda process, groups, table, most: begin(process, groups, table, 40)
    )
    z, above, count = [], 0, 0
    for name in CASES:
        for seed in range(4):
            found = start_moments(*CASES[name], walks=2**12, seed=seed)
            estimate, stderr = entries(found, "variance"), entries(found, "stderr")
            known = (stderr > 1e-9 * abs(estimate)) & (stderr < abs(estimate) / 2)
            z.append((estimate - exact[name])[known] / stderr[known])
            above += (exact[name] > entries(found, "upper_bound") * (1 + 1e-9) + 1e-13).sum()
            count += len(estimate)
    z = np.concatenate(z)
    assert len(z) > 100 and abs(z).max() < 6
    assert (abs(z) < 2).mean() > 0.9 and (z**2).mean() < 1.5
    assert above < 0.08 * count


def test_one_qubit_against_closed_forms():
    circuit, Z = hea(1, 1, ("rx",)), PauliSum({"Z": 1.0})
    for width in (1e-4, 0.3, 2.0):
        found = start_moments(circuit, Z, AngleEnsemble("gaussian", width))
        assert found.each.variance[0] == pytest.approx(-np.expm1(-2 * width**2) / 2, rel=1e-12)
        assert found.cost.variance == pytest.approx(np.expm1(-(width**2)) ** 2 / 2, rel=1e-12)
        assert found.walks == found.cost.stderr == 0
    narrow = start_moments(circuit, Z, AngleEnsemble("uniform", 1e-3))
    assert narrow.cost.variance == pytest.approx(1e-12 / 45, rel=1e-5)


def test_a_start_does_not_see_qubits_outside_the_light_cone():
    few, many = (
        start_moments(hea(n, 3), PauliSum({"ZZ" + "I" * (n - 2): 1.0}), AngleEnsemble("gaussian", 0.2))
        for n in (6, 1000)
    )
    assert few.cost.variance == pytest.approx(many.cost.variance, rel=1e-9)
    assert few.each.variance.max() == pytest.approx(many.each.variance.max(), rel=1e-9)
    assert (many.each.upper_bound == 0).sum() > 5900  # of 6,000 angles the others are known to be dead


def test_drawn_pairs_of_a_projector_against_a_product():
    """One layer of RX on nine qubits: C is a product of (1 + cos) / 2."""
    n, width = 9, 0.4
    found = start_moments(hea(n, 1, ("rx",)), Projector(n), AngleEnsemble("gaussian", width), walks=2**14)
    mean, square = np.exp(-(width**2) / 2), (1 + np.exp(-2 * width**2)) / 2
    first, second = (1 + mean) / 2, (1 + 2 * mean + square) / 4
    assert abs(found.cost.variance - (second**n - first ** (2 * n))) < 5 * found.cost.stderr
    slope = (1 - square) / 4 * second ** (n - 1)
    assert (abs(found.each.variance - slope) < 5 * found.each.stderr).all()
    assert (found.each.stderr < 0.2 * slope).all()


def test_what_cannot_be_walked_is_refused_in_one_line():
    ZZ = PauliSum({"ZZ": 1.0})
    cases = {
        r"angle for each rotation.*parameter 0 in two rotations \(tied": (
            PauliRotations(2, ["XI", "IX"], tied=[0, 0]), ZZ, AngleEnsemble("gaussian", 0.1)
        ),
        r"angles with centers at multiples of pi/2": (hea(2, 1), ZZ, AngleEnsemble("uniform", 0.1, 0.3)),
        r"center must be one number or 4, got 3": (hea(2, 1), ZZ, AngleEnsemble("uniform", 0.1, (0, 0, 0))),
    }  # fmt: skip
    for words, (circuit, H, ensemble) in cases.items():
        with pytest.raises(ValueError, match=words):
            start_moments(circuit, H, ensemble)
    with pytest.raises(ValueError, match="at most 8 qubits with noise"):
        noisy = AngleEnsemble("full", noise=NOISY)
        qbp.gradient_variance(hea(9, 1), Projector(9), 2, ensemble=noisy, engine="statevector")
    with pytest.raises(ValueError, match=r"serves 21 qubits: no state vector, no walk, .*tied"):
        tied = PauliRotations(21, ["X" + "I" * 20, "I" * 20 + "X"], tied=[0, 0])
        H = PauliSum({"Z" * 21: 1.0})
        qbp.gradient_variance(tied, H, ensemble=AngleEnsemble("gaussian", 0.1))


def test_both_engines_take_the_same_ensembles():
    circuit, H = hea(3, 2), qbp.tfim(3)
    centers = tuple(np.pi / 2 * (np.arange(12) % 4))
    for ensemble in (AngleEnsemble("gaussian", 0.5, centers), AngleEnsemble("gaussian", 0.4, noise=DAMPED)):
        options = {"samples": 600, "walks": 2**14, "ensemble": ensemble}
        a, b = (qbp.gradient_variance(circuit, H, engine=e, **options) for e in ("statevector", "pauli-walk"))
        known = b.variance.isfinite() & (a.stderr > 0)
        assert known.sum() > 5
        z = ((a.variance - b.variance) / (a.stderr**2 + b.stderr**2).sqrt())[known]
        assert z.abs().max() < 5
