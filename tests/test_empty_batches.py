"""No run is a batch, too: whatever takes angles gives results without a row, or an error that names them.

Each function is called with some runs and with none, in batches of one leading axis and of two: the axis of
the runs has no entry then, every other one stays, and so does the dtype; a derivative has the shape of the
angles. Samples and seeds may be none as well.
"""

import dataclasses

import pytest
import torch
from torch import Tensor

import qbp
from qbp.circuits.hardware import noise, shots
from qbp.circuits.problems import Infidelity, circuit_problem
from qbp.convex import SWITCHING, local_loss
from qbp.optimizers import OPTIMIZERS
from qbp.plateaus import barriers, ensembles, landscape, saddles, shifts

RUNS = 11  # no other axis of a result is as long
BATCHES = {(0,): (RUNS,), (0, 3): (RUNS, 3), (3, 0): (3, RUNS)}
H, P, CHANNEL = qbp.tfim(2), qbp.Projector(2), noise.depolarizing(0.1)
TARGET = Infidelity(torch.tensor([0.6, 0.0, 0.0, 0.8], dtype=torch.complex128))
X = torch.linspace(0, 1, 10, dtype=torch.float64).reshape(5, 2)
CIRCUIT = qbp.HardwareEfficient(2, 1)
TIED = qbp.PauliRotations(2, ["ZZ", "XI", "IX"], tied=[0, 1, 1])
CIRCUITS = {
    "hardware-efficient": CIRCUIT,
    "random axes": qbp.HardwareEfficient(2, 2, rotations="random", seed=1, entangler="cnot", topology="ring"),
    "tied": TIED,
    "from a file": qbp.read_qasm("OPENQASM 2.0; qreg q[2]; rx(0.1) q[0]; crx(0.2) q[0], q[1];").circuit,
    "QAOA": qbp.QAOA([(0, 1)], 2),
    "strongly entangling": qbp.StronglyEntangling(2, 1),
}
OF_A_CIRCUIT = {
    "state": lambda c, t: c.state(t),
    "state of inputs": lambda c, t: c.state(t, X.to(t)),
    "energy": lambda c, t: c.expectation(t, H),
    "projector": lambda c, t: c.expectation(t, P),
    "infidelity": lambda c, t: c.expectation(t, TARGET),
    "energy of inputs": lambda c, t: c.expectation(t, H, X.to(t)),
    "expectations": lambda c, t: c.expectations(t, [H, P]),
    "expectations of inputs": lambda c, t: c.expectations(t, [H, P], X.to(t)),
    "value and gradient": lambda c, t: c.value_and_gradient(t, H),
    "local loss": lambda c, t: local_loss(c, t, qbp.local_observables(2, "Z"), torch.ones(2)),
    "layer": lambda c, t: qbp.Layer(c, [H, P], t)(),
    "layer of inputs": lambda c, t: qbp.Layer(c, [H, P], t)(X[:1]),
    "train": lambda c, t: qbp.train(c, H, t, steps=2),
    "train to targets": lambda c, t: qbp.train(
        c, [H, P], t, steps=2, optimizer="gd", targets=torch.ones(2).to(t)
    ),
    "train on data": lambda c, t: qbp.train(
        c, H, t, steps=2, optimizer="adamw", inputs=X.to(t), targets=X[:, :1].to(t),
        batches=torch.zeros(2, 4, dtype=torch.int64),
    ),
    "a line": lambda c, t: barriers.along_line(lambda a: c.expectation(a, H), t, 2 * t, 5),
    "barrier": lambda c, t: barriers.barrier(lambda a: c.expectation(a, H), t, 2 * t, 5),
}  # fmt: skip


OF_FREE_ANGLES = {
    "slices": lambda c, t: shifts.slices(c, t, H),
    "parameter shift": lambda c, t: shifts.parameter_shift(c, t, H),
}


def seeds(t: Tensor) -> range:
    return range(t.shape[:-1].numel())


REFUSED = {  # what asks for a run says so
    "shots": lambda t: shots.shot_expectations(CIRCUIT, t, [H, P], 3, (seeds(t), "m", 0)),
    "shots of inputs": lambda t: shots.shot_expectations(
        CIRCUIT, t, [H], 3, (seeds(t), "m", 0), inputs=X.to(t)
    ),
    "shots of a noisy circuit": lambda t: shots.shot_expectations(
        CIRCUIT, t, [H], 3, (seeds(t), "m", 0), channel=CHANNEL
    ),
    "noise of a gradient": lambda t: shots.gradient_noise(CIRCUIT, t, H, 3),
    "noisy energy": lambda t: noise.noisy_expectations(CIRCUIT, t, [H], CHANNEL),
    "noisy energy of trajectories": lambda t: noise.noisy_expectations(
        CIRCUIT, t, [H], CHANNEL, trajectories=2, seed=0
    ),
    "density matrix": lambda t: noise.density_matrix(CIRCUIT, t, CHANNEL, inputs=X.to(t)),
    "trajectories": lambda t: noise.sample_trajectories(CIRCUIT, t, CHANNEL, 2, 0),
    "descent": lambda t: saddles.descend(CIRCUIT, H, t, steps=2),
    "hessian": lambda t: landscape.hessian(CIRCUIT, t, H),
    "hessian of tied angles": lambda t: landscape.hessian(TIED, t[..., :2], H),
    "hessian spectrum": lambda t: landscape.hessian_spectrum(CIRCUIT, t, H),
    "point": lambda t: saddles.look(CIRCUIT, t, H),
}  # fmt: skip


def tensors(found) -> list[Tensor]:
    """The tensors and arrays of a result, those that it holds among them."""
    if dataclasses.is_dataclass(found):
        found = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
    if isinstance(found, dict | tuple | list):
        return [t for part in (found.values() if isinstance(found, dict) else found) for t in tensors(part)]
    return [found] if hasattr(found, "shape") else []


def held(function, n_params: int, none: tuple[int, ...], dtype: torch.dtype) -> None:
    """Hold what a function gives for no run to what it gives for some."""
    some = tensors(function(torch.full((*BATCHES[none], n_params), 0.3, dtype=dtype)))
    theta = torch.zeros((*none, n_params), dtype=dtype, requires_grad=True)
    found = tensors(function(theta))
    shapes = [tuple(0 if length == RUNS else length for length in t.shape) for t in some]
    assert [tuple(t.shape) for t in found] == shapes and any(0 in shape for shape in shapes)
    assert [t.dtype for t in found] == [t.dtype for t in some]
    for value in found:
        if isinstance(value, Tensor) and value.requires_grad:
            (slope,) = torch.autograd.grad(value.abs().sum(), theta, allow_unused=True, retain_graph=True)
            assert slope is None or slope.shape == theta.shape  # None: a Layer keeps angles of its own


@pytest.mark.parametrize("name", OF_A_CIRCUIT)
@pytest.mark.parametrize("kind", CIRCUITS)
def test_no_run_gives_no_row(kind, name):
    circuit = CIRCUITS[kind]
    for none in BATCHES:
        for dtype in (torch.float64, torch.float32):
            held(lambda t: OF_A_CIRCUIT[name](circuit, t), circuit.n_params, none, dtype)


@pytest.mark.parametrize("name", OF_FREE_ANGLES)
def test_no_run_of_free_angles_gives_no_row(name):
    for none in BATCHES:
        held(lambda t: OF_FREE_ANGLES[name](CIRCUIT, t), CIRCUIT.n_params, none, torch.float64)


@pytest.mark.filterwarnings(
    "ignore:var\\(\\). degrees of freedom:UserWarning"
)  # of torch, on no gradient at all
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("switching", SWITCHING)
def test_algorithm_1_trains_no_run(switching, optimizer):
    config = qbp.TwoStageConfig(
        steps=4, stage_1_steps=2, stage_1_cap=3, switching=switching, optimizer=optimizer, record_every=2,
        tau_g=0.1, moments="restarted",
    )  # fmt: skip
    local = qbp.local_observables(2, "Z")

    def train(theta: Tensor):
        problem = circuit_problem(CIRCUIT, H, local, torch.ones(len(local)).to(theta))
        return qbp.two_stage(problem, config, theta.detach(), phi=torch.zeros(CIRCUIT.n_params))

    for none in BATCHES:
        held(train, CIRCUIT.n_params, none, torch.float64)


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_a_run_says_so(name):
    for none, some in BATCHES.items():
        REFUSED[name](torch.full((*some, CIRCUIT.n_params), 0.3, dtype=torch.float64))
        got = rf"got (shape )?\({', '.join(map(str, none))}, \d\)$"
        with pytest.raises(ValueError, match=rf"^theta0? must have .*a row or more, {got}"):
            REFUSED[name](torch.zeros(*none, CIRCUIT.n_params, dtype=torch.float64))


def test_no_sample_and_no_seed_are_named():
    with pytest.raises(ValueError, match="samples must be at least"):
        qbp.gradient_variance(CIRCUIT, H, samples=0, seed=0)
    with pytest.raises(ValueError, match=r"theta must be \(m, n_params\) with m at least 4, got \(0, 4\)"):
        ensembles.ensemble(CIRCUIT, {"a": H}, torch.zeros(0, 4))
    with pytest.raises(ValueError, match="inputs"):
        qbp.train(CIRCUIT, H, torch.zeros(3, 4), steps=1, inputs=X[:0], targets=X[:0, :1])
    assert CIRCUIT.expectation(torch.zeros(3, 4).double(), H, inputs=X[:0]).shape == (3, 0)
