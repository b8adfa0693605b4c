"""Gradient variance: closed forms, dense parameter shift, chunks, Ctrl-C, and both engines side by side."""

import math

import numpy as np
import pytest
import reference
import torch
from scipy import stats
from torch._subclasses.fake_tensor import FakeTensorMode

import qbp
from qbp.circuits.observables import Observable
from qbp.plateaus import noise_moments, sampling

CIRCUIT, H = qbp.HardwareEfficient(3, 2), qbp.tfim(3)


def product_of_rx(n):
    return qbp.PauliRotations(n, ["I" * q + "X" + "I" * (n - 1 - q) for q in range(n)])


def local(n):
    return qbp.PauliSum({"I" * n: 0.5} | {"I" * q + "Z" + "I" * (n - 1 - q): -0.5 / n for q in range(n)})


def scores(found, variance):
    """How many standard errors the estimates are off, where they have any."""
    return ((found.variance - variance) / found.stderr)[found.stderr > 0]


@pytest.mark.parametrize("n", [1, 4])
def test_local_warm_up_of_cerezo(n):
    """Product of RX, cost 1 - (1/n) sum |0><0|_j: Var = 1 / (8 n^2), and Var[C] = 1 / (8 n)."""
    found = qbp.gradient_variance(product_of_rx(n), local(n), samples=2000, engine="statevector")
    assert scores(found, 1 / (8 * n**2)).abs().max() < 4
    assert abs(found.cost_variance - 1 / (8 * n)) < 4 * found.cost_stderr
    assert abs(found.mean.variance - 1 / (8 * n**2)) < 4 * found.mean.stderr
    assert (found.stderr / found.variance).max() < 0.03  # theory: sqrt(1/2) / sqrt(2000)


def test_global_warm_up_of_cerezo():
    """Two qubits, so that the tails are light: Var = (1/8)(3/8), for |0..0><0..0| and for one minus it."""
    found = qbp.gradient_variance(product_of_rx(2), qbp.Projector(2), samples=4000, engine="statevector")
    assert scores(found, 3 / 64).abs().max() < 4


@pytest.mark.parametrize("engine", ["statevector", "pauli-walk"])
@pytest.mark.parametrize("name", ["string", "projector"])
def test_two_design_values(name, engine):
    """Deep inside a deep circuit: d^2 / (2 (d^2-1) (d+1)) for a string, 1 / (2 (d+1)^2) for a projector."""
    n, d, layers = 4, 16, {"statevector": 40, "pauli-walk": 80}[engine]  # 40 layers are 1 % off, walks see it
    H = {"string": qbp.PauliSum({"ZZII": 1.0}), "projector": qbp.Projector(n)}[name]
    exact = {"string": d**2 / (2 * (d**2 - 1) * (d + 1)), "projector": 1 / (2 * (d + 1) ** 2)}[name]
    found = qbp.gradient_variance(qbp.HardwareEfficient(n, layers), H, samples=1000, engine=engine)
    middle = slice(2 * layers // 5 * n * 2, 3 * layers // 5 * n * 2)
    z = (found.variance - exact)[middle] / found.stderr[middle]
    assert abs(z.mean()) < 3 and z.abs().max() < 4.5  # entries of one set of walks are correlated


def test_estimates_are_those_of_dense_parameter_shift():
    """The same angles, through Kronecker products in numpy: mean squares, and numpy's moments."""
    m, circuit = 7, qbp.HardwareEfficient(2, 1)
    theta = sampling.random_angles(3, range(m), circuit.n_params).numpy()
    matrix = reference.pauli_sum(qbp.tfim(2).terms)

    def cost(angles):
        state = reference.hardware_efficient(2, angles, [["YZ", "YZ"]], "cz", "ladder")
        return reference.expectation(matrix, state)

    shift = np.pi / 2 * np.eye(circuit.n_params)
    gradient = np.array([[(cost(t + s) - cost(t - s)) / 2 for s in shift] for t in theta])
    found = qbp.gradient_variance(circuit, qbp.tfim(2), samples=m, seed=3, device="cpu")
    squares = gradient**2
    np.testing.assert_allclose(found.variance, squares.mean(0), atol=1e-15)
    np.testing.assert_allclose(found.stderr, squares.std(0, ddof=1) / m**0.5, atol=1e-15)
    np.testing.assert_allclose(found.mean.variance, squares.mean())
    np.testing.assert_allclose(found.mean.stderr, squares.mean(1).std(ddof=1) / m**0.5)
    np.testing.assert_allclose(found.cost_variance, np.var([cost(t) for t in theta], ddof=1))
    assert (found.upper_bound >= found.variance).all() and found.mean.upper_bound > found.mean.variance
    np.testing.assert_allclose(found.mean.log2_variance, float(found.mean.variance.log2()))
    assert (found.engine, found.samples, found.interrupted) == ("statevector", m, False)


def test_the_error_of_the_cost_variance_covers():
    """C = cos(theta): Var = 1/2, fourth central moment 3/8; 60 seeds scatter as the error says."""
    one = qbp.HardwareEfficient(1, 1, rotations=["rx"])
    H = qbp.PauliSum({"Z": 1.0})
    runs = [qbp.gradient_variance(one, H, samples=300, seed=s) for s in range(60)]
    z = torch.stack([(run.cost_variance - 0.5) / run.cost_stderr for run in runs])
    g = torch.cat([(run.variance - 0.5) / run.stderr for run in runs])
    for score in (z, g):
        assert abs(score.mean()) < 0.5 and 0.6 < (score**2).mean() < 1.6
    exact = math.sqrt((3 / 8 - 1 / 4) / 300)
    assert np.mean([run.cost_stderr for run in runs]) == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_chunks_do_not_change_the_answer(dtype):
    whole, *others = [
        qbp.gradient_variance(CIRCUIT, H, samples=20, seed=5, chunk=chunk, dtype=dtype)
        for chunk in (None, 1, 7, 20)
    ]
    tolerance = 1e-12 if dtype == torch.float64 else 1e-4
    for other in others:
        torch.testing.assert_close(other.variance, whole.variance, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(other.stderr, whole.stderr, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(other.mean.stderr, whole.mean.stderr, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(other.cost_stderr, whole.cost_stderr, rtol=tolerance, atol=tolerance)
    assert whole.variance.dtype == torch.float64  # sums of small squares, whatever the angles were


def test_more_samples_begin_with_the_same_ones_and_seeds_share_none():
    five, ten = (sampling.random_angles(1, range(m), 4) for m in (5, 10))
    torch.testing.assert_close(five, ten[:5], rtol=0, atol=0)
    other = torch.cat([sampling.random_angles(s, range(10), 4) for s in (0, 2)])
    assert not (other[:, None] == ten).any() and ((ten >= 0) & (ten < 2 * np.pi)).all()
    six = sampling.random_angles(1, range(5), 6)
    assert not (six[:, :4] == five).any()  # a circuit of another size draws other angles


def test_memory_is_bounded_in_qubits_and_in_angles():
    for circuit in (qbp.HardwareEfficient(18, 1), qbp.HardwareEfficient(2, 3000)):
        rows = sampling.chunks(10**6, circuit)[0]
        assert len(rows) == 2**26 // (64 * 2**circuit.n_qubits + 40 * circuit.n_params) > 1
    assert sampling.chunks(2, qbp.HardwareEfficient(24, 1)) == [range(0, 1), range(1, 2)]


@pytest.mark.parametrize("m", [3, 30])
def test_95_of_100_bounds_of_samples_hold(m):
    """20,000 mean squares of m sines of uniform angles, whose variance is 1/2."""
    angles = 2 * np.pi * torch.from_numpy(np.random.default_rng(2).random((m, 20_000)))
    zeros = torch.zeros(20_000, dtype=torch.float64)
    found = sampling.Sums(zeros, zeros, zeros[:0], zeros[:0]).add(angles.sin(), angles[:, 0]).each()
    held = (found.upper_bound >= 0.5).double().mean()
    assert {3: 0.9, 30: 0.945}[m] < held < 0.96
    if m == 30:
        t = (found.upper_bound - found.variance) / found.stderr
        torch.testing.assert_close(t, torch.full_like(t, stats.t.ppf(0.95, m - 1)), rtol=1e-4, atol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e6])
def test_rounding_is_no_variance(dtype, scale):
    """The first RZ acts on |0>: its gradient is zero, and a sample has rounding alone."""
    circuit = qbp.HardwareEfficient(4, 3, ["rz", "ry"])
    H = qbp.PauliSum({"ZZII": scale, "IXIX": -0.3 * scale})
    found = qbp.gradient_variance(circuit, H, 50, engine="statevector", dtype=dtype)
    first = torch.arange(circuit.n_params) % 8 + torch.arange(circuit.n_params) // 8 * 9
    zero = (first < 8) & (first % 2 == 0)
    exact = torch.from_numpy(noise_moments.exact_variance(circuit, H))
    assert (exact[zero] == 0).all()
    for column in (found.variance, found.stderr, found.upper_bound):
        torch.testing.assert_close(column == 0, exact == 0)
    assert (found.log2_variance[zero] == -math.inf).all() and found.mean.variance > 0


def test_a_cost_that_never_changes_has_no_variance():
    still = qbp.HardwareEfficient(3, 2, ("rz",))
    for H in (qbp.PauliSum({"XII": 1.0, "ZZI": 2.0}), qbp.Projector(3), Minus(3)):
        found = qbp.gradient_variance(still, H, 20, engine="statevector")
        assert (found.variance == 0).all() and found.mean.variance == found.mean.upper_bound == 0
        assert found.cost_variance == found.cost_stderr == 0


def test_small_gradients_are_no_rounding():
    """A global cost: (1/8)(3/8)^(n-1) in either precision."""
    for dtype in (torch.float32, torch.float64):
        found = qbp.gradient_variance(
            product_of_rx(14), qbp.Projector(14), 40, engine="statevector", dtype=dtype
        )
        assert (found.variance > 0).all() and found.cost_variance > 0


class Minus(Observable):
    """Minus the Ising chain, of which only its action is known."""

    def __init__(self, n):
        self.n_qubits = n

    def apply(self, state):
        return -qbp.tfim(self.n_qubits).apply(state)


class Interrupt:
    """A progress bar on which the reader presses Ctrl-C."""

    def __init__(self, after):
        self.after, self.done = after, 0

    def __call__(self, samples):
        self.done += samples
        if self.done >= self.after:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_what_was_done():
    progress = Interrupt(12)
    found = qbp.gradient_variance(CIRCUIT, H, samples=1000, chunk=4, progress=progress)
    assert (found.samples, progress.done, found.interrupted) == (12, 12, True)
    whole = qbp.gradient_variance(CIRCUIT, H, samples=12, chunk=4)
    torch.testing.assert_close(found.variance, whole.variance, rtol=0, atol=0)
    torch.testing.assert_close(found.stderr, whole.stderr, rtol=0, atol=0)
    with pytest.raises(KeyboardInterrupt):  # one sample has no error
        qbp.gradient_variance(CIRCUIT, H, samples=1000, chunk=1, progress=Interrupt(1))


def test_progress_counts_every_sample():
    done = []
    qbp.gradient_variance(CIRCUIT, H, samples=10, chunk=4, progress=done.append)
    assert done == [4, 4, 2]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_no_step_reads_a_number(dtype):
    """On meta, and with a GPU's tensors faked: nothing is made on the CPU on the way."""
    where = {"dtype": dtype, "device": "meta", "engine": "statevector"}
    found = qbp.gradient_variance(CIRCUIT, qbp.Projector(3), samples=5, chunk=2, **where)
    assert found.variance.is_meta and found.mean.stderr.is_meta and found.cost_stderr.is_meta
    with FakeTensorMode(allow_non_fake_inputs=True):
        sums = sampling.Sums(*(torch.zeros(k, device="cuda", dtype=torch.float64) for k in (4, 4, 0, 0)))
        sums = sums.add(*(torch.ones(k, device="cuda", dtype=dtype) for k in ((3, 4), (3,))))
        for estimate in (sums.each(), sums.mean(), sums.of_cost()):
            assert {t.device.type for t in estimate} == {"cuda"}


def test_small_circuits_go_to_the_state_vector_and_the_choice_is_reported():
    found = qbp.gradient_variance(CIRCUIT, H, samples=2)
    assert found.engine == "statevector" and found.reason == "at most 12 qubits"
    asked = qbp.gradient_variance(CIRCUIT, H, samples=2, engine="statevector")
    assert asked.reason == "asked for"


def test_a_projector_and_a_large_circuit_go_to_the_walks():
    found = qbp.gradient_variance(CIRCUIT, qbp.Projector(3), walks=2048)
    assert found.engine == "pauli-walk" and found.reason.startswith("a projector") and found.samples == 2048
    large = qbp.gradient_variance(qbp.HardwareEfficient(40, 1), qbp.tfim(40), walks=2**16)
    assert (large.engine, large.reason) == ("pauli-walk", "above 12 qubits")
    mean = large.mean
    assert float(mean.variance) == pytest.approx(float(large.variance.mean()))
    assert float(mean.log2_variance) == pytest.approx(math.log2(mean.variance))
    assert mean.variance < mean.upper_bound < 1.5 * mean.variance and 0 < mean.stderr < mean.variance / 10


@pytest.mark.parametrize("layers", [2, 3])
def test_where_walks_resolve_nothing_there_is_a_bound_and_no_estimate(layers):
    """Z_(n-1) under a CNOT ladder reaches every qubit, and no walk comes back as I and Z alone."""
    n, walks = 300, 2**13
    circuit = qbp.HardwareEfficient(n, layers, entangler="cnot")
    H = qbp.PauliSum({"I" * (n - 1) + "Z": 2.0})
    found = qbp.gradient_variance(circuit, H, walks=walks)
    zero = found.upper_bound == 0  # a rotation that the string commutes with, whatever came before
    assert (found.variance[zero] == 0).all() and (found.stderr[zero] == 0).all() and 0 < zero.sum() < n + 1
    for column in (found.variance, found.stderr, found.log2_variance):
        assert column[~zero].isnan().all()
    bound = 4 * (1 - 0.05 ** (1 / found.samples))
    torch.testing.assert_close(found.upper_bound[~zero], torch.full_like(found.upper_bound[~zero], bound))
    assert found.mean.variance.isnan() and found.mean.upper_bound.isfinite() and found.cost_variance.isnan()


def test_a_variance_too_small_for_a_float_is_known_by_its_logarithm():
    circuit = qbp.HardwareEfficient(1200, 1, rotations=["rx"])  # (1/8) (3/8)^1199, below 2^-1600
    found = qbp.gradient_variance(circuit, qbp.Projector(1200), walks=2**16)
    assert (found.variance == 0).all() and (found.stderr == 0).all()
    exact = -3 + 1199 * math.log2(3 / 8)
    assert float(found.mean.log2_variance) == pytest.approx(exact, abs=1.0)


def test_where_no_walk_goes_a_state_vector_stands_in_or_the_condition_is_named():
    def tied(n):
        return qbp.PauliRotations(n, ["X" * n, "Z" * n], tied=[0, 0])

    found = qbp.gradient_variance(tied(13), qbp.PauliSum({"Y" * 13: 1.0}), samples=2)
    assert found.engine == "statevector" and found.reason.startswith("no walk, ") and "tied" in found.reason
    with pytest.raises(
        ValueError, match=r"engine must be one that serves 21 qubits: no state vector, no walk, .*tied"
    ):
        qbp.gradient_variance(tied(21), qbp.PauliSum({"Y" * 21: 1.0}))
    with pytest.raises(ValueError, match="serves 1000 qubits: no state vector, but a walk"):
        qbp.gradient_variance(qbp.HardwareEfficient(1000, 1), qbp.tfim(1000), engine="statevector")
    with pytest.raises(ValueError, match="tied"):
        qbp.gradient_variance(tied(2), qbp.tfim(2), engine="pauli-walk")


def test_hours_of_samples_are_announced():
    circuit, words = qbp.HardwareEfficient(18, 20), r"samples=1,000,000 are going to take about \d+ hours"
    options = {"engine": "statevector", "progress": Interrupt(1), "chunk": 1}
    with pytest.warns(UserWarning, match=words), pytest.raises(KeyboardInterrupt):
        qbp.gradient_variance(circuit, qbp.tfim(18), 1_000_000, **options)


def test_ctrl_c_keeps_walks_and_progress_counts_them():
    done = []
    found = qbp.gradient_variance(CIRCUIT, H, engine="pauli-walk", walks=6400, progress=done.append)
    assert found.samples == sum(done) >= 6400 and not found.interrupted
    cut = Interrupt(1000)
    found = qbp.gradient_variance(CIRCUIT, H, engine="pauli-walk", walks=6400, progress=cut)
    assert found.interrupted and found.samples == cut.done < 6400
    assert float(found.cost_stderr) > 0


def random_string(rng, n, letters="IXYZ"):
    while True:
        string = "".join(rng.choice(list(letters), n))
        if set(string) != {"I"}:
            return string


def both_engines():
    """Yield (circuit, H, samples): all shapes of HardwareEfficient, and rotations by random strings."""
    rng = np.random.default_rng(11)
    rotations = [("ry", "rz"), ("rx",), ("rz", "rx"), ("ry",), ("rx", "ry", "rz")]
    topologies = ["ladder", "ring", "brick"]
    for i in range(30):  # ten strings, ten sums, ten projectors
        n, entangler, topology = 2 + i % 4, ["cz", "cnot"][i // 3 % 2], topologies[i // 2 % 3]
        start = rng.normal(size=(n, 2, 2)) @ [1, 1j]
        start = ["zero", "plus", start / np.linalg.norm(start, axis=1, keepdims=True)][i // 6 % 3]
        circuit = qbp.HardwareEfficient(n, 1 + i % 3, rotations[i % 5], entangler, topology, start=start)
        if i % 3 == 1:
            circuit = qbp.HardwareEfficient(n, 2, "random", entangler, topology, seed=i, start=start)
        terms = {random_string(rng, n): float(c) for c in rng.normal(size=4)}
        sums = [qbp.tfim(n), qbp.heisenberg(n), qbp.PauliSum(terms)]
        string = qbp.PauliSum({random_string(rng, n): 1.0})
        yield circuit, [string, sums[i % 3], qbp.Projector(n)][i // 10], 8000 if i >= 20 else 3000
    for n in (2, 3, 3, 4):  # rotations by random strings: their pairs have cross terms
        generators = [random_string(rng, n) for _ in range(5 * n)]
        terms = {random_string(rng, n): float(c) for c in rng.normal(size=4)}
        yield qbp.PauliRotations(n, generators), qbp.PauliSum(terms), 3000
    yield qbp.PauliRotations(2, ["ZI", "IX"]), qbp.PauliSum({"IZ": 1.0, "ZZ": 1.0}), 3000
    yield qbp.HardwareEfficient(10, 2), qbp.tfim(10), 500
    yield qbp.HardwareEfficient(8, 3, entangler="cnot"), qbp.PauliSum({"ZZIIIIII": 1.0}), 500


def test_both_engines_agree_on_37_circuits():
    scores, relative, zeros = [], [], 0
    for circuit, H, samples in both_engines():
        sampled = qbp.gradient_variance(circuit, H, samples, seed=1, engine="statevector")
        walked = qbp.gradient_variance(circuit, H, seed=2, engine="pauli-walk")
        unknown = walked.variance.isnan()  # a zero that walks cannot prove
        zero = unknown | (walked.variance == 0)
        torch.testing.assert_close(zero, sampled.variance < 1e-24)  # rounding of gradients that are zero
        assert (walked.upper_bound[unknown] > 0).all()
        assert (walked.upper_bound >= walked.variance)[~unknown].all()
        assert (walked.stderr[zero & ~unknown] == 0).all()
        zeros += int(zero.sum())
        error = (sampled.stderr**2 + walked.stderr**2).sqrt()[~zero]
        scores += [(sampled.variance - walked.variance)[~zero] / error]
        relative += [(walked.stderr / walked.variance)[~zero]]
        cost = sampled.cost_variance - walked.cost_variance
        if walked.cost_variance.isnan():
            assert sampled.cost_variance < 1e-24
            continue
        assert abs(cost) < 5 * (sampled.cost_stderr**2 + walked.cost_stderr**2) ** 0.5 + 1e-15
    z, relative = torch.cat(scores), torch.cat(relative)
    assert len(z) > 300 and zeros > 20
    assert z.abs().max() < 4.5 and abs(z.sum() / len(z) ** 0.5) < 4.5
    assert 0.7 < (z**2).mean() < 1.4
    assert (relative <= 0.05).float().mean() >= 0.5


def test_tied_angles_and_any_observable_have_a_state_vector():
    circuit = qbp.PauliRotations(2, ["ZZ", "XI", "IX"], tied=[0, 1, 1], start="plus")

    ours = qbp.gradient_variance(circuit, qbp.tfim(2), samples=4)
    other = qbp.gradient_variance(circuit, Minus(2), samples=4)
    torch.testing.assert_close(ours.variance, other.variance)


BAD = {
    "circuit must be a Circuit, got 'int'": {"circuit": 3},
    "H must be an observable on 3 qubits": {"H": qbp.tfim(2)},
    "H must be an observable on 3 qubits, got 'ZZ'": {"H": "ZZ"},
    "samples must be at least 2 and at most 16777216, got 1": {"samples": 1},
    "samples must be an integer": {"samples": 2.5},
    "samples must be at least 2 and at most 16777216, got 1000000000000": {"samples": 10**12},
    "walks must be at least 64 and at most 1073741824, got 1000000000000": {"walks": 10**12},
    "seed must be at least 0": {"seed": -1},
    "engine must be one of auto, statevector, pauli-walk, got 'exact'": {"engine": "exact"},
    "walks must be at least 64": {"walks": 0},
    "chunk must be at least 1": {"chunk": 0},
    "dtype must be torch.float64 or torch.float32, got torch.complex64": {"dtype": torch.complex64},
    "device must be one this machine has, got 'abacus'": {"device": "abacus"},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_named(message):
    arguments = {"circuit": CIRCUIT, "H": H} | BAD[message]
    with pytest.raises((ValueError, TypeError)) as raised:
        qbp.gradient_variance(**arguments)
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)


def test_angles_scaled_by_any_number_have_a_variance_about_their_mean():
    """C = cos(theta / 2) over [0, 2 pi): the gradient -sin(theta / 2) / 2 has mean -1/pi, square 1/8."""
    b = qbp.CircuitBuilder(2)
    circuit = b.rx(b.parameter() / 2, 0).ry(2 * b.parameter(), 1).build()
    H = qbp.PauliSum({"ZI": 1.0, "IZ": 1.0})
    found = qbp.gradient_variance(circuit, H, samples=4000, seed=3)
    exact = torch.tensor([1 / 8 - 1 / np.pi**2, 2.0], dtype=torch.float64)
    assert found.engine == "statevector"
    assert ((found.variance - exact).abs() < 4 * found.stderr).all() and (found.stderr < 0.1 * exact).all()
    assert (found.mean.variance - exact.mean()).abs() < 4 * found.mean.stderr
    one = qbp.gradient_variance(circuit, H, samples=50, seed=3)
    many = qbp.gradient_variance(circuit, H, samples=50, seed=3, chunk=7)
    torch.testing.assert_close(one.variance, many.variance)


def test_errors_of_scaled_angles_are_those_of_the_spread_between_seeds():
    b = qbp.CircuitBuilder(1)
    circuit = b.rx(b.parameter() / 2, 0).build()
    H = qbp.PauliSum({"Z": 1.0})
    runs = [qbp.gradient_variance(circuit, H, samples=200, seed=seed) for seed in range(200)]
    values = torch.stack([run.variance for run in runs])
    expected = torch.stack([run.stderr for run in runs]).square().mean().sqrt()
    assert 0.85 < values.std() / expected < 1.15
    assert abs(values.mean() - (1 / 8 - 1 / np.pi**2)) < 4 * values.std() / 200**0.5
