"""Circuits at their boundaries: sets, modes of torch, targets of several runs, and states beyond memory."""

import numpy as np
import pytest
import torch

import qbp
from qbp import HardwareEfficient, PauliRotations, _checks, tfim
from qbp.circuits.circuit import _qubits
from qbp.circuits.hardware.measurement import settings
from qbp.circuits.problems import Infidelity
from qbp.circuits.targets import target
from qbp.experiments.circuit_losses import CircuitLosses
from qbp.plateaus.ensembles import ensemble
from qbp.plateaus.saddles import look, random_points
from qbp.plateaus.shifts import limits, parameter_shift

H = tfim(2)
CONFIG = qbp.CircuitExperiment(qubits=2, layers=1, rotations="ry,rz")
LOSSES = CircuitLosses(CONFIG, [0], [target("tfim", CONFIG.circuit, 0)], torch.device("cpu"), torch.float64)


def angles(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.pi * torch.rand(*shape, dtype=torch.float64, generator=generator)


SOME = {tfim(2), qbp.Projector(2)}
ORDERED = {"rotations": {"rx", "ry"}, "generators": {"ZX", "YI"}, "tied": {0, 1}, "paulis": {"X", "Y"}}


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("rotations", lambda: HardwareEfficient(2, 1, rotations=ORDERED["rotations"])),
        ("rotations", lambda: HardwareEfficient(2, 1, rotations=frozenset(ORDERED["rotations"]))),
        ("rotations", lambda: HardwareEfficient(2, 1, rotations={"rx": 1, "ry": 2})),
        ("generators", lambda: PauliRotations(2, generators=ORDERED["generators"])),
        ("tied", lambda: PauliRotations(2, generators=["ZX", "YI"], tied=ORDERED["tied"])),
        ("paulis", lambda: qbp.local_observables(1, paulis=ORDERED["paulis"])),
        ("edges", lambda: qbp.maxcut(edges={(0, 1), (1, 2)})),
        ("weights", lambda: qbp.maxcut(edges=[(0, 1), (1, 2)], weights={1.0, 2.0})),
        (
            "observables",
            lambda: HardwareEfficient(2, 1).expectations(
                torch.zeros(4), observables={tfim(2), qbp.Projector(2)}
            ),
        ),
        ("observables", lambda: settings(observables={tfim(2), qbp.Projector(2)})),
        ("paulis", lambda: target("product", HardwareEfficient(2, 1), 0).local(paulis=ORDERED["paulis"])),
    ],
)
def test_what_has_no_order_is_refused_where_order_matters(name, make):
    with pytest.raises((TypeError, ValueError), match=f"^{name} must"):
        make()


def test_any_order_is_taken_as_it_stands():
    listed = HardwareEfficient(2, 1, ["rz", "rx"])
    for given in (("rz", "rx"), iter(["rz", "rx"]), np.array(["rz", "rx"]), {"rz": 0, "rx": 0}.keys()):
        assert HardwareEfficient(2, 1, given) == listed
    assert PauliRotations(2, np.array(["ZX", "YI"]), np.array([1, 0])) == PauliRotations(
        2, ["ZX", "YI"], [1, 0]
    )
    each = listed.expectations(torch.ones(4), iter(qbp.local_observables(2, ["Z", "X"])))
    assert torch.equal(each, listed.expectations(torch.ones(4), qbp.local_observables(2, "ZX")))


@pytest.mark.parametrize(
    "circuit", [HardwareEfficient(1, 2), HardwareEfficient(3, 2), PauliRotations(3, ["ZZX", "YIY"])]
)
@pytest.mark.parametrize("mode", [torch.inference_mode, lambda: torch.device("meta")])
def test_the_mode_of_the_first_call_is_not_kept(circuit, mode):
    """A start state that is kept takes part in gradients, whatever the mode of the first call."""
    theta, inputs = angles(circuit.n_params), torch.rand(4, 1, dtype=torch.float64).requires_grad_()
    _qubits.cache_clear()
    with mode():
        circuit.state(theta)
        circuit.expectation(theta, tfim(circuit.n_qubits))
    for x in (theta.clone().requires_grad_(), theta):
        (circuit.state(x, inputs).abs().square() * torch.arange(2.0**circuit.n_qubits)).sum().backward()
        circuit.expectation(x, tfim(circuit.n_qubits), inputs).sum().backward()
        assert x.grad is None or x.grad.abs().max() > 0


@pytest.mark.parametrize("circuit", [HardwareEfficient(2, 2), PauliRotations(2, ["ZX", "YI", "XX"])])
@pytest.mark.parametrize("shape", [(), (3,), (3, 1), (3, 5), (1, 3), (3, 2, 2)])
def test_targets_of_the_runs_go_with_the_first_axis(circuit, shape):
    """Against the overlaps of the states, |<target_r|psi_r...>|^2, and autograd through them."""
    targets = torch.randn(3, 4, dtype=torch.complex128, generator=torch.Generator().manual_seed(1))
    targets = targets / targets.norm(dim=-1, keepdim=True)
    theta = angles(*shape, circuit.n_params).requires_grad_()
    aligned = targets.reshape(3, *(1,) * (len(shape) - 1), 4) if shape else targets
    expected = 1 - (aligned.conj() * circuit.state(theta)).sum(-1).abs().square()
    weights = torch.arange(1.0, expected.numel() + 1, dtype=torch.float64).reshape(expected.shape)
    found = circuit.expectations(theta, [Infidelity(targets), tfim(2)])
    torch.testing.assert_close(found[..., 0], expected)
    torch.testing.assert_close(found[..., 1], circuit.expectation(theta, tfim(2)).expand(expected.shape))
    gradients = [torch.autograd.grad((weights * x).sum(), theta)[0] for x in (found[..., 0], expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("n", [40, 64, 1100])
@pytest.mark.parametrize(
    "use",
    [
        lambda c, t: c.state(t),
        lambda c, t: c.expectation(t.expand(10, -1), tfim(c.n_qubits)),
        lambda c, t: c.expectation(t, tfim(c.n_qubits), inputs=torch.ones(3, 1)),
        lambda c, t: qbp.expressibility(c, samples=4),
        lambda c, t: qbp.hessian(c, t, tfim(c.n_qubits)),
        lambda c, t: qbp.ground_energy(tfim(c.n_qubits)),
        lambda c, t: limits(tfim(c.n_qubits)),
        lambda c, t: target("random", c, 0),
        lambda c, t: target("tfim", c, 0),
    ],
)
def test_states_that_cannot_fit_are_refused_before_work_begins(use, n):
    circuit = HardwareEfficient(n, 1, ["ry"])
    with pytest.raises(
        ValueError, match=r"must ask for what fits into memory, \d+ GiB, got .*: 2\^\d+ bytes or more"
    ):
        use(circuit, torch.zeros(n))


def test_work_that_fits_is_not_refused():
    _checks.room("theta", 20, 1)
    has = _checks._memory("cpu")
    _checks.memory("theta", has, "all")
    with pytest.raises(ValueError, match="theta must ask"):
        _checks.memory("theta", has + 1, "more")
    assert 2**28 < has < 2**50


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("theta", lambda dtype: HardwareEfficient(2, 1).state(torch.zeros(4, dtype=dtype))),
        ("theta", lambda dtype: HardwareEfficient(2, 1).expectation(torch.zeros(4, dtype=dtype), tfim(2))),
        ("theta", lambda dtype: PauliRotations(1, ["X"]).expectation(torch.zeros(1, dtype=dtype), tfim(1))),
        (
            "inputs",
            lambda dtype: CONFIG.circuit.state(torch.zeros(4), torch.ones(3, 2, dtype=dtype)),
        ),
        ("state", lambda dtype: tfim(1).expectation(torch.ones(2, dtype=dtype))),
        ("target", lambda dtype: Infidelity(torch.tensor([1, 0], dtype=dtype))),
        ("theta", lambda dtype: qbp.hessian(HardwareEfficient(2, 1), torch.zeros(4, dtype=dtype), tfim(2))),
        ("dtype", lambda dtype: qbp.expressibility(HardwareEfficient(2, 1), dtype=dtype)),
        ("dtype", lambda dtype: random_points(HardwareEfficient(2, 1), tfim(2), dtype=dtype)),
    ],
)
def test_half_precision_is_refused(name, use, dtype):
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be .* got .*{dtype}"):
        use(dtype)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize(
    "use",
    [
        lambda t: qbp.hessian(HardwareEfficient(2, 1), t, tfim(2)),
        lambda t: qbp.hessian(PauliRotations(2, ["ZX", "YI", "XX"], [0, 1, 1]), t[:2], tfim(2)),
        lambda t: look(HardwareEfficient(2, 1), t, tfim(2)).gradient,
        lambda t: parameter_shift(HardwareEfficient(2, 1), t, tfim(2)),
        lambda t: (
            ensemble(CONFIG.circuit, {"a": tfim(2)}, t * torch.arange(5.0)[:, None]).gradients["a"].square
        ),
        lambda t: qbp.gradient_variance(CONFIG.circuit, H, samples=4, device=t.device).variance,
        lambda t: LOSSES.evaluate(t[None])["task_grad_rms"],
    ],
)
def test_derivatives_are_the_same_where_gradients_are_switched_off(use, mode):
    theta = angles(4)
    expected = use(theta)
    with mode():
        torch.testing.assert_close(use(theta), expected)
        torch.testing.assert_close(use(theta + 0.0), expected)  # made in this mode, too
