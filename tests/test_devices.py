"""No step touches a number: the core runs where tensors hold none (meta), and with a GPU's tensors faked.

A tensor made on the CPU on the way, or a number read back, raises there.
"""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import qbp
from qbp.algorithm_1 import TwoStageConfig, two_stage
from qbp.baseline import waves
from qbp.baseline.loop import SellierConfig, evolve_packet, packet, sellier
from qbp.baseline.waves import WaveConfig
from qbp.convex import SWITCHING
from qbp.perceptrons import datasets
from qbp.perceptrons.problems import MiniBatches, perceptron_problem, ridge_start
from qbp.perceptrons.released import convex_penalty, task_penalty
from qbp.problem import Problem

STEPS = 25  # past the two windows of the plateau rule


def circuit_problem(device, dtype=torch.float64):
    circuit, observables = qbp.HardwareEfficient(2, 1, entangler="cnot"), qbp.local_observables(2)
    targets = torch.zeros(len(observables), device=device, dtype=dtype)
    H, P = qbp.heisenberg(2), qbp.Projector(2)

    def energy(theta, batch):
        return circuit.expectations(theta, [H, P]).sum(-1)

    def convex(theta, batch):
        return qbp.local_loss(circuit, theta, observables, targets)

    problem = Problem(energy, convex, evaluate=lambda theta: {"value": circuit.expectation(theta, H)})
    return problem, torch.zeros(2, circuit.n_params, device=device, dtype=dtype), None


def perceptron(data, device, dtype=torch.float64):
    data = data.to(device, dtype)
    model = qbp.MLP(data.x.shape[-1], 5, data.n_outputs)
    problem = perceptron_problem(model, data, MiniBatches([1, 2], len(data.train), 4, torch.device(device)))
    return problem, model.xavier([1, 2], dtype).to(device), model


PROBLEMS = {
    "circuit": circuit_problem,
    "curve": lambda *where: perceptron(datasets.curve(9), *where),
    "mnist": lambda *where: perceptron(datasets.mnist(2), *where),
}


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(
    ("switching", "optimizer"),
    [*((rule, "adamw") for rule in SWITCHING), *(("plateau", o) for o in ("gd", "adam", "heavy-ball"))],
)
def test_algorithm_1_runs_on_meta(name, switching, optimizer):
    problem, theta0, _ = PROBLEMS[name]("meta")
    c = TwoStageConfig(
        steps=STEPS,
        stage_1_steps=9,
        stage_1_cap=22,
        switching=switching,
        tau_g=1.0,
        optimizer=optimizer,
        record_every=9,
    )
    theta, history = two_stage(problem, c, theta0, phi=torch.zeros(2, theta0.shape[1], device="meta"))
    kept = [theta, history.minibatch_loss, history.diverged, *history.metrics.values()]
    assert {t.device.type for t in kept} == {"meta"} and theta.dtype == torch.float64
    assert theta.shape == theta0.shape and history.minibatch_loss.shape == (2, STEPS + 1)


@pytest.mark.parametrize("name", ["curve", "mnist"])
def test_sellier_ridge_and_penalties_run_on_meta(name):
    problem, theta0, model = PROBLEMS[name]("meta", torch.float32)
    theta, history = sellier(problem, SellierConfig(steps=2), theta0, model=model)
    data = (datasets.curve(9) if name == "curve" else datasets.mnist(2)).to("meta", torch.float32)
    start = ridge_start(model, data, theta0, 0.1)
    found = [
        theta,
        *history.metrics.values(),
        start,
        convex_penalty(model, theta0),
        task_penalty(model, theta0),
    ]
    assert {t.device.type for t in found} == {"meta"} and {t.dtype for t in found} == {torch.float32}


@pytest.mark.parametrize("name", ["curve", "mnist"])
@pytest.mark.parametrize("time", ["real", "imaginary"])
@pytest.mark.parametrize("form", ["wave", "closure"])
def test_sellier_as_described_runs_on_meta(name, form, time):
    problem, theta0, model = PROBLEMS[name]("meta", torch.float32)
    config = WaveConfig(steps=3, form=form, time=time)
    theta, history = sellier(problem, config, theta0, model=model)
    found = [theta, history.minibatch_loss, history.diverged, *history.metrics.values()]
    assert {t.device.type for t in found} == {"meta"} and theta.shape == theta0.shape
    assert {t.dtype for t in found} == {torch.float32, torch.bool}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_forward_on_a_faked_gpu(dtype):
    with FakeTensorMode():
        problem, theta, _ = circuit_problem("cuda", dtype)
        circuit = qbp.HardwareEfficient(3, 2, start="plus")
        x = torch.zeros(4, 2, device="cuda", dtype=dtype)
        angles = torch.zeros(2, circuit.n_params, device="cuda", dtype=dtype)
        features = circuit.expectations(angles, qbp.local_observables(3), inputs=x)
        model = qbp.MLP(9, 5, 1)
        weights = torch.zeros(2, model.n_params, device="cuda", dtype=dtype)
        config = SellierConfig()
        psi = packet(config, weights).expand(2, 4, -1)
        slope = torch.zeros(2, 4, device="cuda", dtype=dtype)
        real = [
            problem.energy(theta, None),
            problem.convex(theta, None),
            features,
            model(weights, features),
            qbp.ridge(features, features.narrow(-1, 0, 1), 0.1),
            qbp.oscillatory_regularizer(theta, omega=4.0),
        ]
        assert {t.device.type for t in real} == {"cuda"} and {t.dtype for t in real} == {dtype}
        assert real[2].shape == (2, 4, 9) and real[3].shape == (2, 4, 1)
        for c in (WaveConfig(), WaveConfig(form="closure"), WaveConfig(time="imaginary")):
            state = waves.advance(waves.start(weights, c), weights, weights, c, model)
            assert state.device.type == "cuda" and state.dtype == dtype.to_complex()
            kept = [waves.read(state, c), *waves.metrics(state, c).values()]
            assert {t.device.type for t in kept} == {"cuda"} and {t.dtype for t in kept} == {dtype}
        moved = evolve_packet(psi, slope, config)
        assert moved.device.type == "cuda" and moved.dtype == dtype.to_complex() and moved.shape == psi.shape
