"""Algorithm 1 in the kernel against the same steps one by one in torch."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import qbp
from qbp.algorithm_1 import TwoStageConfig, two_stage
from qbp.circuits.kernel import evolution
from qbp.circuits.observables import local_observables
from qbp.circuits.problems import Infidelity
from qbp.circuits.targets import STATES, TARGETS
from qbp.circuits.training import compiled
from qbp.convex import local_loss
from qbp.experiments.circuits import CircuitExperiment
from qbp.experiments.registry import run
from qbp.problem import Problem

SMALL = {"qubits": 3, "layers": 2, "seeds": 3, "steps": 100, "record_every": 7, "device": "cpu"}
ALGORITHM = {"stage_1_steps": 33}


def small(method="two-stage", **options):
    if method == "two-stage":
        options["algorithm"] = {**ALGORITHM, **options.get("algorithm", {})}
    return CircuitExperiment(method=method, **{**SMALL, **options})


def both_ways(monkeypatch, config, progress=None):
    """The results of the kernel and of the listing in torch; fails if the kernel is not asked."""
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return train(*arguments)

    train = compiled.train
    with monkeypatch.context() as patch:
        patch.setattr(compiled, "train", counted)
        here = run(config, progress)
    with monkeypatch.context() as patch:
        patch.setattr(evolution, "supports", lambda *_: False)
        there = run(config, progress)
    assert len(calls) == 1
    return here, there


def assert_alike(here, there, atol=1e-9, flat=False):
    """`flat`: some angles do not matter, and Adam divides what rounding leaves of their slopes by 1e-8."""
    assert list(here.history) == list(there.history)
    np.testing.assert_array_equal(here.step, there.step)
    np.testing.assert_array_equal(here.diverged, there.diverged)
    np.testing.assert_allclose(here.minibatch_loss, there.minibatch_loss, rtol=0, atol=atol)
    for metric, values in there.history.items():
        within = 100 * atol if flat else atol
        np.testing.assert_allclose(here.history[metric], values, rtol=0, atol=within, err_msg=metric)
    assert_close(here.theta, there.theta, rtol=0, atol=100 * atol)


@pytest.mark.parametrize(
    ("kind", "frame"), [(k, "plain") for k in TARGETS] + [(k, "clifford") for k in TARGETS if k not in STATES]
)
@pytest.mark.parametrize("method", ["two-stage", "no-init"])
def test_hundred_steps_of_every_task(monkeypatch, kind, frame, method):
    found = both_ways(monkeypatch, small(method, hamiltonian=kind, frame=frame))
    assert_alike(*found, flat=(kind, method) == ("maxcut", "no-init"))


@pytest.mark.parametrize(
    "algorithm",
    [
        {"optimizer": "gd", "eta_c": 0.05, "eta_n": 0.02},
        {"optimizer": "adamw", "weight_decay": 0.1, "eta_n": 0.05},
        {"optimizer": "heavy-ball", "eta_c": 0.01, "eta_n": 0.01, "friction": 0.1, "weight_decay": 0.01},
        {"moments": "restarted", "restart_step": 50},
        {"optimizer": "heavy-ball", "eta_c": 0.01, "eta_n": 0.01, "moments": "restarted"},
        {"restart_step": 0, "counting": "on-top", "anneal": "before"},
        {"lambda_0": 0.0, "beta_0": 0.3, "omega": 2.5},
        {"beta_0": 0.0, "lambda_0": 1.0, "lambda_decay": 0.0},
        {"stage_1_steps": 0, "amplitude": 0.1, "beta_0": -0.5},
        {"stage_1_steps": 101},
        {"stage_1_steps": 100, "optimizer": "gd"},
    ],
    ids=str,
)
def test_every_choice_of_algorithm_1(monkeypatch, algorithm):
    assert_alike(*both_ways(monkeypatch, small(seeds=2, algorithm=algorithm)))


@pytest.mark.parametrize(
    "options",
    [
        {"seeds": 1, "paulis": "Z"},
        {"qubits": 5, "seeds": 2, "steps": 40, "frame": "clifford"},  # one state in the lanes
        {"qubits": 5, "seeds": 1, "steps": 40, "hamiltonian": "random"},
        {"qubits": 5, "seeds": 2, "steps": 40, "rotations": "rx,rz", "entangler": "cnot", "topology": "ring"},
        {"steps": 40, "hamiltonian": "circuit", "rotations": "rx,rz", "seeds": 9},  # axes turned
        {"steps": 0},
        {"steps": 5, "record_every": 100},
    ],
    ids=str,
)
def test_every_form_of_the_vectors(monkeypatch, options):
    assert_alike(*both_ways(monkeypatch, small(**options)), flat="paulis" in options)


@pytest.mark.parametrize("kind", ["tfim", "random"])
def test_single_precision(monkeypatch, kind):
    here, there = both_ways(monkeypatch, small(hamiltonian=kind, dtype="float32", steps=50))
    assert here.theta.dtype == torch.float32
    assert_alike(here, there, atol=2e-4)


def test_values_and_gradients_of_states():
    draw = torch.Generator().manual_seed(3)
    for n, runs, rotations in [(2, 1, "ry"), (3, 5, "rx,rz"), (5, 2, "rx,ry"), (5, 1, "rx"), (5, 9, "ry,rz")]:
        circuit = qbp.HardwareEfficient(n, 2, tuple(rotations.split(",")))
        theta = torch.rand(runs, circuit.n_params, dtype=torch.float64, generator=draw) * 6
        states = torch.randn(runs, 2**n, dtype=torch.complex128, generator=draw)
        states = states / states.norm(dim=-1, keepdim=True)
        local, b = local_observables(n), torch.rand(runs, 3 * n, dtype=torch.float64, generator=draw)
        losses = compiled.Losses(circuit, [(slice(None), Infidelity(states))], local, b)
        at = theta.requires_grad_()
        energy = 1 - (states.conj() * circuit.state(at)).sum(-1).abs().square()
        convex = local_loss(circuit, at, local, b)
        slopes = [torch.autograd.grad(loss.sum(), at)[0] for loss in (energy, convex)]
        for found, expected in zip(losses.gradients(theta), (energy, convex, *slopes), strict=True):
            assert_close(found, expected.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("beta", [0.05, 0.0])
def test_a_run_that_diverges_stands_still_beside_others(beta):
    """The decay is so strong that angles grow: one run leaves the finite numbers at the start, one later."""
    circuit, H, local = qbp.HardwareEfficient(2, 1), qbp.tfim(2), local_observables(2)
    b = torch.linspace(-0.5, 0.5, 6, dtype=torch.float64).expand(4, 6)
    theta = torch.linspace(0, 1, 16, dtype=torch.float64).reshape(4, 4).clone()
    theta[1], theta[2] = 1e308, 1e307
    options = {"steps": 40, "stage_1_steps": 10, "optimizer": "gd", "eta_c": 1.0, "eta_n": 1.0}
    config = TwoStageConfig(**options, weight_decay=2.05, record_every=10, beta_0=beta)

    def evaluate(theta):
        return {"energy": circuit.expectation(theta, H), "convex": local_loss(circuit, theta, local, b)}

    problem = Problem(
        lambda theta, batch: circuit.expectation(theta, H),
        lambda theta, batch: local_loss(circuit, theta, local, b),
        evaluate=evaluate,
    )
    phi = torch.linspace(0, 2, 4, dtype=torch.float64)
    losses = compiled.Losses(circuit, [(slice(0, 3), H), (slice(3, 4), H)], local, b)
    theta_here, here = compiled.train(losses, problem, config, theta, phi)
    theta_there, there = two_stage(problem, config, theta, phi=phi)
    assert here.diverged.tolist() == there.diverged.tolist() == [False, True, True, False]
    assert_close(theta_here, theta_there, rtol=1e-9, atol=1e-9)
    ended = [(h.minibatch_loss[2].diff() != 0).nonzero().max() for h in (here, there)]
    assert ended[0] == ended[1] > 20  # afterwards its loss stays
    for row in (0, 1, 3):  # what a run on angles of 1e307 has for a loss, is anybody's guess
        assert_close(here.minibatch_loss[row], there.minibatch_loss[row], atol=1e-9, rtol=0, equal_nan=True)
        for name, values in there.metrics.items():
            assert_close(here.metrics[name][row], values[row], atol=1e-9, rtol=0, equal_nan=True)
    for name in ("lam", "beta", "stage"):
        assert_close(here.metrics[name], there.metrics[name])


def test_progress_counts_every_step(monkeypatch):
    done = []
    both_ways(monkeypatch, small(steps=20), done.append)
    assert done == [3] * 21 * 2


def test_an_interrupt_between_records_ends_it():
    def interrupt(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(small(steps=20), interrupt)


@pytest.mark.parametrize(
    "options",
    [
        {"shots": 10, "steps": 2},
        {"channel": "damping", "strength": 0.1, "steps": 2},
        {"algorithm": {"switching": "plateau"}, "record_every": 1, "steps": 2},
    ],
    ids=str,
)
def test_what_the_kernel_leaves_to_the_listing(monkeypatch, options):
    monkeypatch.setattr(compiled, "train", None)
    assert np.isfinite(run(small(**options)).final("energy")).all()
