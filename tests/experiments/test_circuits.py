"""Runs on circuits: exact records whatever is trained on, shared starts, alone as in a batch, the cost."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import qbp
from qbp import draws
from qbp.circuits.hardware.noise import amplitude_damping, depolarizing, noisy_expectations
from qbp.circuits.hardware.shots import gradient_noise
from qbp.circuits.targets import STATES, TARGETS
from qbp.convex import local_loss
from qbp.experiments import circuits, registry
from qbp.experiments.circuits import CircuitExperiment, starts, targets_of
from qbp.experiments.registry import configurations, run
from qbp.results import store

SMALL = {"qubits": 3, "layers": 2, "seeds": 3, "steps": 6, "record_every": 2, "device": "cpu"}
EARLY = {"stage_1_steps": 3}


def small(method="two-stage", **options):
    if method == "two-stage":
        options = {"algorithm": {**EARLY, **options.pop("algorithm", {})}, **options}
    return CircuitExperiment(method=method, **{**SMALL, **options})


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("method", ["two-stage", "no-init"])
def test_records_are_the_exact_values_of_each_runs_own_task(kind, method):
    config = small(method, hamiltonian=kind, **({} if kind in STATES else {"frame": "clifford"}))
    result, circuit = run(config), config.circuit
    for r, t in enumerate(targets_of(config, config.run_seeds)):
        last = result.theta[r].clone().requires_grad_()
        state = circuit.state(last)
        energy = t.task.expectation(state)
        observables = qbp.local_observables(3)
        local = torch.stack([o.expectation(state) for o in observables])
        convex = (local - t.local()).square().sum()
        (of_task,) = torch.autograd.grad(energy, last, retain_graph=True)
        (of_convex,) = torch.autograd.grad(convex, last)
        found = {name: values[r, -1] for name, values in result.history.items()}
        assert found["energy"] == pytest.approx(energy.item(), abs=1e-10)
        assert found["error"] == pytest.approx(energy.item() - t.lowest, abs=1e-10) and found["error"] > -1e-9
        assert found["convex"] == pytest.approx(convex.item(), abs=1e-10)
        assert found["task_grad_rms"] == pytest.approx(of_task.square().mean().sqrt().item(), abs=1e-10)
        assert found["convex_grad_rms"] == pytest.approx(of_convex.square().mean().sqrt().item(), abs=1e-10)
        assert found["target_information"] == pytest.approx(t.information())
        assert found["product_error"] == pytest.approx(t.product - t.lowest)
    assert result.step.tolist() == [0, 2, 4, 6] and not result.diverged.any()
    assert "snr" not in result.history and "noisy_energy" not in result.history


def test_algorithm_1_by_hand():
    """The listing, written out for one run with the package's losses alone."""
    eta = 0.2
    config = small(hamiltonian="tfim", seeds=1, algorithm={"optimizer": "gd", "eta_c": eta, "eta_n": eta})
    (t,), theta = targets_of(config, [0]), starts(config, [0])[0]
    phi = draws.uniform([0], "phi", len(theta), high=2 * math.pi)[0]
    lam, beta = 0.9, 0.05
    for step in range(6):
        theta = theta.requires_grad_()
        loss = local_loss(config.circuit, theta, qbp.local_observables(3), t.local())
        if step >= 3:
            task = config.circuit.expectation(theta, qbp.tfim(3))
            loss = (1 - lam) * task + lam * loss + beta * torch.sin(4 * theta + phi).mean()
            lam, beta = 0.98 * lam, 0.99 * beta
        (grad,) = torch.autograd.grad(loss, theta)
        theta = (theta - eta * grad).detach()
    np.testing.assert_allclose(run(config).theta[0], theta, atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"hamiltonian": "tfim"},
        {"hamiltonian": "heisenberg", "frame": "clifford"},
        {"hamiltonian": "circuit", "shots": 20},
        {"hamiltonian": "tfim", "frame": "clifford", "shots": 20},
        {"hamiltonian": "random", "channel": "damping", "strength": 0.1},
        {"hamiltonian": "tfim", "frame": "clifford", "channel": "damping", "strength": 0.1, "shots": 20},
    ],
)
@pytest.mark.parametrize("method", ["two-stage", "no-init"])
def test_a_run_alone_is_that_run_in_a_batch(options, method):
    batch, alone = run(small(method, **options)), run(small(method, seeds=1, seed=2, **options))
    for metric, values in alone.history.items():
        np.testing.assert_allclose(values[0], batch.history[metric][2], rtol=1e-9, atol=1e-12, err_msg=metric)


@pytest.mark.parametrize("options", [{"frame": "clifford"}, {"hamiltonian": "random", "shots": 5}])
def test_runs_that_take_turns_are_those_of_one_batch(options, monkeypatch):
    together = run(small(**options))
    monkeypatch.setattr(circuits, "AMPLITUDES", 1)
    done = []
    in_turn = run(small(**options), progress=done.append)
    assert set(done) == {1} and sum(done) == 3 * 7  # run by run, every step
    torch.testing.assert_close(in_turn.theta, together.theta, rtol=1e-9, atol=1e-12)
    for metric, values in together.history.items():
        np.testing.assert_allclose(in_turn.history[metric], values, rtol=1e-9, atol=1e-12, err_msg=metric)


def test_methods_share_starts_and_targets():
    a, b, z = (run(small(m, hamiltonian="random", **o)) for m, o in (
        ("two-stage", {}), ("no-init", {}), ("two-stage", {"paulis": "Z"})))  # fmt: skip
    for metric in ("energy", "error", "task_grad_rms", "product_error"):
        np.testing.assert_allclose(a.history[metric][:, 0], b.history[metric][:, 0])
        np.testing.assert_allclose(a.history[metric][:, 0], z.history[metric][:, 0])
    assert len(set(a.history["energy"][:, 0])) == 3  # and each run has its own
    assert (z.history["target_information"] < a.history["target_information"]).all()


def test_no_initialization_is_descent_on_the_task_alone():
    config = small("no-init", algorithm={"optimizer": "gd", "eta_n": 0.1})
    theta = starts(config, range(3))
    for _ in range(6):
        theta = theta.requires_grad_()
        (grad,) = torch.autograd.grad(config.circuit.expectation(theta, qbp.tfim(3)).sum(), theta)
        theta = (theta - 0.1 * grad).detach()
    np.testing.assert_allclose(run(config).theta, theta, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "stage_1", "stage_2"),
    [
        # 12 rotations; Stage 1: 3 settings, shifted and for the residual; Stage 2: what task and O_i need
        ({"hamiltonian": "tfim"}, 24 * 3 + 3, 24 * 3 + 3),
        ({"hamiltonian": "tfim", "frame": "clifford"}, 24 * 3 + 3, 24 * 3 + 3),
        ({"hamiltonian": "tfim", "paulis": "Z"}, 24 + 1, 24 * 2 + 1),
        ({"hamiltonian": "heisenberg"}, 24 * 3 + 3, 24 * 3 + 3),
        ({"hamiltonian": "random"}, 24 * 3 + 3, 24 * 4 + 3),
        ({"hamiltonian": "tfim", "method": "no-init"}, 0, 24 * 2),
        ({"hamiltonian": "heisenberg", "method": "no-init"}, 0, 24 * 3),
        ({"hamiltonian": "random", "method": "no-init"}, 0, 24),
        ({"hamiltonian": "tfim", "algorithm": {"lambda_0": 0.0}}, 24 * 3 + 3, 24 * 2),
    ],
)
def test_evaluations_follow_the_cost_model(options, stage_1, stage_2):
    config = small(**options)
    first = np.minimum([0, 2, 4, 6], config.algorithm.stage_1_steps)
    expected = first * stage_1 + (np.array([0, 2, 4, 6]) - first) * stage_2
    np.testing.assert_array_equal(run(config).history["evaluations"], [expected] * 3)


def test_evaluations_where_each_run_switches_on_its_own():
    options = {"record_every": 1, "paulis": "Z", "hamiltonian": "random"}
    norms = np.sort(run(small(**options)).history["grad_norm"][:, 0])
    rule = {"switching": "threshold", "tau_g": float(norms[1:].mean()), "stage_1_cap": 4}
    config = small(**options, algorithm=rule)
    result = run(config)
    stage, cost = result.history["stage"], result.history["evaluations"]
    assert len({tuple(row) for row in stage}) > 1  # they differ
    per_step = np.where(stage == 1, 24 + 1, 24 * 2 + 1)[:, :-1]
    np.testing.assert_array_equal(np.diff(cost, axis=1), per_step)
    own = run(replace(config, algorithm={"switching": "threshold"}))
    assert (own.history["tau_g"] > 0).all()


def test_shots_are_trained_on_and_records_stay_exact():
    exact, noisy, again = (run(small(hamiltonian="random", shots=s, steps=4)) for s in (None, 10, 10))
    assert np.array_equal(noisy.history["energy"], again.history["energy"])
    np.testing.assert_allclose(noisy.history["energy"][:, 0], exact.history["energy"][:, 0])
    assert not np.allclose(noisy.history["energy"][:, -1], exact.history["energy"][:, -1])
    assert (noisy.history["snr"] > 0).all()
    np.testing.assert_array_equal(noisy.history["evaluations"], exact.history["evaluations"])
    for metric in ("energy", "error"):  # of the state at theta
        config = small(hamiltonian="random", shots=10, steps=4)
        values = [
            t.task.expectation(config.circuit.state(theta)).item()
            for t, theta in zip(targets_of(config, range(3)), noisy.theta, strict=True)
        ]
        np.testing.assert_allclose(noisy.final(metric), values, atol=1e-12)


def test_with_many_shots_a_run_is_nearly_exact():
    options = {"hamiltonian": "tfim", "algorithm": {"optimizer": "gd"}, "steps": 4, "frame": "clifford"}
    exact, noisy = run(small(**options)), run(small(shots=200_000, **options))
    assert np.abs(exact.final("error") - noisy.final("error")).max() < 0.05
    few = run(small(shots=200, steps=0, **{k: v for k, v in options.items() if k != "steps"}))
    many = run(small(shots=20_000, steps=0, **{k: v for k, v in options.items() if k != "steps"}))
    np.testing.assert_allclose(many.final("snr") / few.final("snr"), 10)  # noise falls as 1 / sqrt(shots)


def test_noise_is_trained_on_and_both_energies_are_kept():
    config = small(hamiltonian="tfim", channel="depolarizing", strength=0.1)
    result = run(config)
    noisy = noisy_expectations(config.circuit, result.theta, [qbp.tfim(3)], depolarizing(0.1))[:, 0]
    np.testing.assert_allclose(result.final("noisy_energy"), noisy, atol=1e-12)
    assert (result.final("noisy_energy") > result.final("energy")).all()
    clean = run(small(hamiltonian="tfim", channel="depolarizing", strength=0.0))
    np.testing.assert_allclose(clean.theta, run(small(hamiltonian="tfim")).theta, atol=1e-9)


def test_shots_of_a_noisy_circuit_are_trained_on():
    options = {"hamiltonian": "tfim", "channel": "damping", "strength": 0.1, "steps": 4}
    options |= {"algorithm": {"optimizer": "gd"}}
    exact, shots = run(small(**options)), run(small(shots=100_000, **options))
    np.testing.assert_allclose(shots.final("noisy_energy"), exact.final("noisy_energy"), atol=0.05)
    assert not np.array_equal(shots.final("noisy_energy"), exact.final("noisy_energy"))
    np.testing.assert_array_equal(shots.history["evaluations"], exact.history["evaluations"])
    config, damped = shots.config, amplitude_damping(0.1)
    theta = shots.theta.requires_grad_()
    noisy = noisy_expectations(config.circuit, theta, [qbp.tfim(3)], damped)
    (grad,) = torch.autograd.grad(noisy.sum(), theta)
    noise = gradient_noise(config.circuit, theta.detach(), qbp.tfim(3), 100_000, channel=damped)
    np.testing.assert_allclose(shots.final("snr"), grad.norm(dim=-1) / noise.norm(dim=-1), rtol=1e-9)


def test_float32_follows_float64():
    single = run(small(dtype="float32", hamiltonian="random"))
    assert single.theta.dtype == torch.float32
    double = run(small(hamiltonian="random"))
    np.testing.assert_allclose(single.final("error"), double.final("error"), atol=1e-3)


def test_a_table_gives_back_what_ran(tmp_path):
    done = [run(small(m, hamiltonian="circuit", target_layers=1)) for m in ("two-stage", "no-init")]
    store.save("vqe", done, command="qbp run vqe", target="title", directory=tmp_path)
    for result, back in zip(done, store.load("vqe", tmp_path).values(), strict=True):
        assert replace(back.config, device="cpu") == result.config
        for metric, values in result.history.items():
            np.testing.assert_array_equal(back.history[metric], values)


def test_the_command_of_a_configuration_is_that_configuration():
    from qbp.cli.arguments import parser
    from qbp.cli.commands import _configs

    for config in (
        small(hamiltonian="heisenberg", frame="clifford", paulis="XZ"),
        small("no-init", hamiltonian="circuit", target_layers=3, shots=7),
        small(channel="damping", strength=0.25, algorithm={"beta_0": 0.0}),
        CircuitExperiment(method="random", rotations="rx,rz", entangler="cnot", topology="ring"),
    ):
        words = store.command(config).split()[1:]
        (back,) = _configs(parser().parse_args(words))
        assert back == config
    assert registry.of("vqe").config is CircuitExperiment


BAD = [
    ({"method": "sellier"}, "method must be one of two-stage, no-init, got 'sellier'"),
    ({"hamiltonian": "ising"}, "hamiltonian must be one of tfim"),
    ({"hamiltonian": "random", "frame": "clifford"}, "frame is an option of Hamiltonians"),
    ({"target_layers": 3}, "target_layers is an option of circuit, got 3 for tfim"),
    ({"paulis": "ZX"}, "paulis must be one of X, Y, Z"),
    ({"rotations": "ry,u3"}, "a rotation must be one of rx, ry, rz, got 'u3'"),
    ({"entangler": "iswap"}, "entangler must be one of cz, cnot"),
    ({"qubits": 0}, "qubits must be at least 1"),
    ({"shots": 0}, "shots must be at least 1, got 0"),
    ({"strength": 0.1}, "strength is an option of a channel"),
    ({"channel": "dephasing"}, "channel must be one of depolarizing, damping"),
    ({"channel": "damping", "strength": 2.0}, "strength must be .* at most 1"),
    ({"channel": "damping", "qubits": 7}, "at most 6 qubits, got 7"),
    ({"algorithm": {"tau": 1}}, "algorithm has no field 'tau'"),
    ({"algorithm": {"switching": "plateau"}, "record_every": 10}, "record_every must be 1 for switching"),
    ({"method": "no-init", "algorithm": {"beta_0": 0.1}}, "beta_0 is 0.0 in method no-init, got 0.1"),
    ({"dtype": "float16"}, "dtype must be one of float64, float32"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_configurations_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CircuitExperiment(**options)


def test_configurations_of_several_methods():
    a, b = configurations("vqe", ["random", "two-stage", "no-init"], qubits=4, algorithm={"beta_0": 0.1})
    assert (a.method, b.method, b.algorithm.beta_0, a.algorithm.beta_0) == ("no-init", "two-stage", 0.1, 0.0)
    with pytest.raises(ValueError, match="beta_0 is fixed in or foreign to each"):
        configurations("vqe", ["random"], algorithm={"beta_0": 0.1})


def test_the_estimate_grows_with_the_work():
    base = circuits.seconds(CircuitExperiment())
    for more in ({"seeds": 40}, {"steps": 600}, {"qubits": 8}, {"layers": 12}, {"shots": 100}):
        assert circuits.seconds(CircuitExperiment(**more)) > base
