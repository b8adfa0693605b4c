"""Algorithm 1 against its listing written out for one run, and as a batch of runs that stay apart."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

import qbp
from qbp import draws
from qbp.algorithm_1 import TwoStageConfig, two_stage
from qbp.optimizers import OPTIMIZERS
from qbp.perceptrons import datasets
from qbp.perceptrons.problems import MiniBatches, perceptron_problem
from qbp.problem import Problem


def circuit_case(seeds):
    """TFIM energy and eq. 1 on three qubits."""
    circuit, H, observables = qbp.HardwareEfficient(3, 2), qbp.tfim(3), qbp.local_observables(3)
    targets = torch.linspace(-0.6, 0.9, 9, dtype=torch.float64)
    problem = Problem(
        energy=lambda theta, batch: circuit.expectation(theta, H),
        convex=lambda theta, batch: qbp.local_loss(circuit, theta, observables, targets),
        evaluate=lambda theta: {"value": circuit.expectation(theta, H)},
    )
    theta0 = draws.uniform(seeds, "start", circuit.n_params, high=2 * math.pi)
    return problem, theta0, draws.uniform(seeds, "phi", circuit.n_params)


def perceptron_case(seeds):
    """Curve through nine points in mini-batches of four, each run its own; a surrogate unlike the task."""
    model, data = qbp.MLP(1, 6, 1), datasets.curve(9)
    base = perceptron_problem(model, data, MiniBatches(seeds, 9, 4, torch.device("cpu")))

    def convex(theta, batch):
        return base.convex(theta, batch) + 0.1 * theta.square().mean(-1)

    return replace(base, convex=convex), model.xavier(seeds), draws.uniform(seeds, "phi", model.n_params)


CASES = {"circuit": circuit_case, "perceptron": perceptron_case}


def seen(norms, c):
    """Scalar reading of the switching rules; norms of steps 0 ... now."""
    if c.switching == "steps":
        return len(norms) > c.stage_1_steps
    reached = "threshold" in c.switching and norms[-1] >= c.tau_g
    stable = False
    if "plateau" in c.switching and len(norms) >= 20:
        now, before = sum(norms[-10:]) / 10, sum(norms[-20:-10]) / 10
        stable = abs(now - before) <= 0.01 * before
    return len(norms) > c.stage_1_cap or reached or stable


def listing(case, seed, c):
    """Algorithm 1 for one run, two loops with torch.optim: losses, last theta, where Stage 1 ended."""
    problem, theta0, phi = CASES[case]([seed])
    theta, step, losses, norms = nn.Parameter(theta0.clone()), 0, [], []
    kind = {"gd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[c.optimizer]
    optimizer = kind([theta], lr=1.0, weight_decay=c.weight_decay)
    last_step = c.steps + (c.stage_1_steps if c.counting == "on-top" else 0)

    def update(loss, eta):
        nonlocal optimizer
        if step == c.restart_step:
            optimizer = kind([theta], lr=1.0, weight_decay=c.weight_decay)
        last = theta.detach().clone()
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = eta
        optimizer.step()
        losses.append(loss.item())
        return last[0]

    while step <= last_step:  # line 3
        convex = problem.convex(theta, problem.batches(step)).squeeze()
        (grad,) = torch.autograd.grad(convex, theta, retain_graph=True)
        norms.append(grad.norm().item() / {"paper": theta.numel(), "rms": theta.numel() ** 0.5}[c.norm])
        if seen(norms, c):
            break
        last = update(convex, c.eta_c)  # lines 4 and 5
        step += 1
    switch, lam, beta = step, c.lambda_0, c.beta_0
    if c.moments == "restarted":
        optimizer = kind([theta], lr=1.0, weight_decay=c.weight_decay)
    while step <= last_step:  # line 7
        if c.anneal == "before":
            lam, beta = max(0, c.lambda_decay * lam), c.beta_decay * beta
        batch = problem.batches(step)
        osc = c.amplitude * torch.sin(c.omega * theta + phi).mean()  # line 8
        energy, convex = problem.energy(theta, batch).squeeze(), problem.convex(theta, batch).squeeze()
        last = update((1 - lam) * energy + lam * convex + beta * osc, c.eta_n)  # lines 9 and 10
        if c.anneal == "after":
            lam, beta = max(0, c.lambda_decay * lam), c.beta_decay * beta  # line 11
        step += 1
    return losses, last, switch


def agree(a, b, rtol=1e-9):
    torch.testing.assert_close(torch.as_tensor(a), torch.as_tensor(b), rtol=rtol, atol=rtol)


OPTIONS = [
    {"optimizer": "gd", "eta_c": 0.05, "eta_n": 0.02, "weight_decay": 0.0},
    {"optimizer": "adamw", "eta_c": 0.02, "eta_n": 0.01, "weight_decay": 0.1},
    {"optimizer": "adam", "eta_c": 0.02, "eta_n": 0.01},
    {"optimizer": "gd", "eta_c": 0.05, "lambda_0": 0.0, "beta_0": 0.0},  # without the blend
    {"stage_1_steps": 0, "lambda_0": 0.0, "beta_0": 0.0},  # the baseline
    {"stage_1_steps": 61},  # Stage 1 takes the whole budget
    {"anneal": "before", "amplitude": 0.1, "omega": 2.5, "lambda_decay": 0.9, "beta_decay": 0.5},
    {"switching": "threshold", "tau_g": 0.001, "norm": "rms"},
    {"switching": "threshold", "tau_g": 1e9, "stage_1_cap": 17},
    {"switching": "plateau", "eta_c": 0.01},
    {"moments": "restarted", "eta_c": 0.02, "eta_n": 0.02},
    {"moments": "restarted", "eta_c": 0.02, "eta_n": 0.02, "counting": "on-top"},
    {"moments": "restarted", "switching": "plateau", "eta_c": 0.01, "eta_n": 0.01},  # each at its own step
    {"counting": "on-top", "stage_1_steps": 10, "optimizer": "adam"},
    {"restart_step": 33, "stage_1_steps": 0, "lambda_0": 0.0, "beta_0": 0.0, "eta_n": 0.02},  # the control
    {"restart_step": 7, "moments": "restarted", "optimizer": "adam", "eta_c": 0.02, "eta_n": 0.02},
    {"switching": "threshold-or-plateau", "tau_g": 1e9, "norm": "rms", "eta_c": 0.01},
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("options", OPTIONS)
def test_runs_are_the_listing(case, options):
    c = TwoStageConfig(**{"steps": 60, "stage_1_steps": 25, **options})
    problem, theta0, phi = CASES[case]([3, 8])
    theta, history = two_stage(problem, c, theta0, phi=phi)
    for row, seed in enumerate((3, 8)):
        losses, last, switch = listing(case, seed, c)
        agree(history.minibatch_loss[row].tolist(), losses)
        agree(theta[row], last)
        assert history.metrics["stage"][row].tolist() == [1 if t < switch else 2 for t in range(c.budget + 1)]
    agree(history.metrics["loss"], history.minibatch_loss, rtol=0)
    assert not history.diverged.any()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rule", ["steps", "plateau"])
def test_a_run_is_the_same_alone_first_or_last(case, rule):
    c = TwoStageConfig(stage_1_steps=40, steps=100, switching=rule, eta_c=0.01, eta_n=0.01, record_every=7)
    results = {}
    for seeds in ([5], [5, 1, 2, 3], [1, 2, 3, 5]):
        problem, theta0, phi = CASES[case](seeds)
        theta, history = two_stage(problem, c, theta0, phi=phi)
        row = seeds.index(5)
        results[tuple(seeds)] = [
            theta[row],
            history.minibatch_loss[row],
            *(m[row] for m in history.metrics.values()),
        ]
    alone, *others = results.values()
    for other in others:
        for a, b in zip(alone, other, strict=True):
            agree(a, b)


def saddle(theta, batch):
    """Gradient descent on -theta^2 / 2 grows by (1 + eta) a step, and so does the norm of its gradient."""
    return -theta.square().sum(-1) / 2


@pytest.mark.parametrize("rule", ["threshold", "threshold-or-plateau"])
@pytest.mark.parametrize("anneal", ["after", "before"])
def test_each_row_switches_by_itself_and_anneals_from_its_own_switch(rule, anneal):
    c = TwoStageConfig(
        steps=40,
        switching=rule,
        tau_g=1.0,
        stage_1_cap=30,
        anneal=anneal,
        optimizer="gd",
        eta_c=0.25,
        eta_n=0.01,
    )
    theta0 = torch.tensor([[2.0], [0.5], [0.1], [1e-9]], dtype=torch.float64)
    problem = Problem(energy=lambda theta, _: (theta - 1).square().sum(-1), convex=saddle)
    _, history = two_stage(problem, c, theta0)
    first = [max(0, math.ceil(math.log(1 / start) / math.log(1.25))) for start in (2.0, 0.5, 0.1)]
    switches = [*first, 30]  # the last row would need 93 steps: the cap ends its Stage 1
    assert switches[0] == 0 and len(set(switches)) == 4  # norm above tau_g at the start: no Stage 1 at all
    shift = 1 if anneal == "before" else 0
    for row, switch in enumerate(switches):
        since = [t - switch + shift for t in range(41)]
        lam = [1.0 if t < switch else 0.9 * 0.98 ** since[t] for t in range(41)]
        beta = [0.0 if t < switch else 0.05 * 0.99 ** since[t] for t in range(41)]
        assert history.metrics["lam"][row].tolist() == pytest.approx(lam, rel=1e-12)
        assert history.metrics["beta"][row].tolist() == pytest.approx(beta, rel=1e-12)
        assert history.metrics["stage"][row].tolist() == [1 if t < switch else 2 for t in range(41)]


def faulty(rows, at, value):
    """A bowl whose task is multiplied by `value` in one row at one step; eq. 1 likewise."""

    def bowl(theta, step):
        factor = torch.ones(rows, dtype=theta.dtype)
        factor[1] = value if step == at else 1.0
        return (theta - 1).square().sum(-1) * factor

    return Problem(
        energy=bowl, convex=bowl, batches=lambda step: step, evaluate=lambda t: {"size": t.norm(dim=-1)}
    )


@pytest.mark.parametrize("optimizer", ["gd", "adam", "adamw"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("at", [5, 15])  # in Stage 1, in Stage 2
def test_a_diverged_row_stands_still_and_the_others_do_not_notice(optimizer, value, at):
    theta0 = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    options = {"stage_1_steps": 10, "optimizer": optimizer, "eta_c": 0.01, "eta_n": 0.01}
    theta, history = two_stage(faulty(3, at, value), TwoStageConfig(steps=20, **options), theta0)
    clean, expected = two_stage(faulty(3, at, 1.0), TwoStageConfig(steps=20, **options), theta0)
    assert history.diverged.tolist() == [False, True, False] and not expected.diverged.any()
    for row in (0, 2):
        assert torch.equal(theta[row], clean[row])
        assert torch.equal(history.minibatch_loss[row], expected.minibatch_loss[row])
    before, _ = two_stage(faulty(3, at, 1.0), TwoStageConfig(steps=at - 1, **options), theta0)
    assert torch.equal(theta[1], before[1])  # where it last was finite, though later losses are finite again
    for name, metric in {**history.metrics, "mini": history.minibatch_loss}.items():
        assert metric.isfinite().all(), name
        wanted = expected.metrics.get(name, expected.minibatch_loss)
        assert torch.equal(metric[1, :at], wanted[1, :at])
        assert (metric[1, at:] == wanted[1, at - 1]).all(), name


def test_a_gradient_that_is_not_a_number_marks_its_row_alone():
    """The root of zero: a finite loss, a gradient 0 / 0."""
    theta0 = torch.tensor([[0.0, 0.0], [3.0, 4.0]], dtype=torch.float64)
    root = lambda theta, _: theta.square().sum(-1).sqrt()  # noqa: E731
    theta, history = two_stage(Problem(root, root), TwoStageConfig(steps=30), theta0)
    alone, _ = two_stage(Problem(root, root), TwoStageConfig(steps=30), theta0[1:])
    assert history.diverged.tolist() == [True, False]
    assert torch.equal(theta[0], theta0[0]) and torch.equal(theta[1], alone[0])
    _, history = two_stage(Problem(root, root), TwoStageConfig(steps=0), theta0)
    assert history.diverged.tolist() == [True, False]  # at once, not when theta has caught it


def test_the_moments_of_a_diverged_row_stand_still_too(monkeypatch):
    kept, adam = [], OPTIMIZERS["adam"]

    def watched(*args, **kwargs):
        theta, moments = adam(*args, **kwargs)
        kept.append(moments)
        return theta, moments

    monkeypatch.setitem(OPTIMIZERS, "adam", watched)
    theta0 = torch.ones(3, 2, dtype=torch.float64) / 2
    two_stage(faulty(3, 5, math.nan), TwoStageConfig(steps=20, optimizer="adam"), theta0)
    for moments in kept[5:]:
        assert all(torch.equal(new[1], old[1]) for new, old in zip(moments, kept[4], strict=True))
    assert kept[-1].count.flatten().tolist() == [20, 5, 20]


def test_overflow_is_divergence_and_ends_in_time():
    c = TwoStageConfig(
        steps=2000, switching="threshold", tau_g=1.0, optimizer="gd", eta_n=1e6, eta_c=1e6, beta_0=0.0
    )
    problem = Problem(lambda theta, _: theta.pow(4).sum(-1), lambda theta, _: theta.pow(4).sum(-1))
    theta, history = two_stage(problem, c, torch.tensor([[1.0], [0.0]], dtype=torch.float64))
    assert history.diverged.tolist() == [True, False] and theta.isfinite().all()


def slope(theta, batch):
    return theta.sum(-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("switching", ["steps", "plateau"])
def test_precision_follows_theta0_with_no_rounded_constant(dtype, switching):
    c = TwoStageConfig(
        steps=3, stage_1_steps=1, stage_1_cap=1, optimizer="gd", switching=switching, beta_0=0.0
    )
    theta, history = two_stage(
        Problem(slope, slope), c, torch.zeros(2, 3, dtype=dtype), phi=torch.zeros(3).double()
    )
    kept = {theta.dtype, history.minibatch_loss.dtype, *(m.dtype for m in history.metrics.values())}
    assert kept == {dtype}
    assert history.minibatch_loss[0, 1] == 3 * torch.tensor(
        -1e-3, dtype=dtype
    )  # eta_c, not rounded to float32
    assert history.metrics["lam"][0, 1] == torch.tensor(0.9, dtype=dtype)


def test_any_leading_axes_and_no_grad_left_behind():
    problem, theta0, phi = circuit_case(range(4))
    c = TwoStageConfig(steps=5, stage_1_steps=2)
    flat, history = two_stage(problem, c, theta0.requires_grad_(), phi=phi)
    square, squares = two_stage(problem, c, theta0.reshape(2, 2, -1), phi=phi.reshape(2, 2, -1))
    agree(square.reshape(4, -1), flat, rtol=1e-12)
    agree(squares.metrics["value"].reshape(4, -1), history.metrics["value"], rtol=1e-12)
    one, single = two_stage(problem, c, theta0[3], phi=phi[3])
    agree(one, flat[3], rtol=1e-12)
    assert single.minibatch_loss.shape == (6,) and single.diverged.shape == ()
    assert theta0.grad is None and not flat.requires_grad and not history.minibatch_loss.requires_grad


def test_no_steps_and_records():
    problem, theta0, phi = circuit_case([1])
    theta, history = two_stage(problem, TwoStageConfig(steps=0), theta0, phi=phi)
    assert torch.equal(theta, theta0) and history.step == [0] and history.minibatch_loss.shape == (1, 1)
    theta, history = two_stage(problem, TwoStageConfig(steps=7, record_every=3), theta0, phi=phi)
    _, every = two_stage(problem, TwoStageConfig(steps=7), theta0, phi=phi)
    assert history.step == [0, 3, 6, 7] and torch.equal(history.minibatch_loss, every.minibatch_loss)
    for name, metric in every.metrics.items():
        assert torch.equal(history.metrics[name], metric[:, [0, 3, 6, 7]])
    agree(history.metrics["value"][:, -1], problem.energy(theta, None), rtol=1e-12)  # after the last update


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("steps", -1, ValueError),
        ("steps", 2.5, TypeError),
        ("stage_1_steps", -1, ValueError),
        ("stage_1_cap", None, TypeError),
        ("record_every", 0, ValueError),
        ("switching", "never", ValueError),
        ("norm", "max", ValueError),
        ("anneal", "twice", ValueError),
        ("optimizer", "sgd", ValueError),
        ("lambda_0", 1.5, ValueError),
        ("lambda_decay", -0.1, ValueError),
        ("beta_0", math.nan, ValueError),
        ("omega", "4", TypeError),
        ("eta_c", -1e-3, ValueError),
        ("eta_n", math.inf, ValueError),
        ("weight_decay", -1, ValueError),
        ("tau_g", -1, ValueError),
    ],
)
def test_config_names_a_bad_field(field, value, error):
    with pytest.raises(error, match=f"{field} must be"):
        TwoStageConfig(**{field: value})


def test_bad_input():
    problem, c = Problem(slope, slope), TwoStageConfig(steps=1)
    with pytest.raises(ValueError, match="tau_g must be a number under the rule 'threshold', got None"):
        two_stage(problem, replace(c, switching="threshold"), torch.zeros(2))
    for theta0, error in (
        ([0.0], TypeError),
        (torch.zeros(2).long(), TypeError),
        (torch.tensor(1.0), ValueError),
    ):
        with pytest.raises(error, match="theta0 must"):
            two_stage(problem, c, theta0)
    with pytest.raises(ValueError, match="theta0 must be finite, got 1 of 2"):
        two_stage(problem, c, torch.tensor([1.0, math.nan]))
    with pytest.raises(ValueError, match=r"phi must broadcast to theta0 \(2,\), got \(3, 2\)"):
        two_stage(problem, c, torch.zeros(2), phi=torch.zeros(3, 2))
    with pytest.raises(ValueError, match="phi must be finite"):
        two_stage(problem, c, torch.zeros(2), phi=torch.full((2,), math.nan))


def test_a_heavy_ball_forgets_its_velocity_at_the_switch():
    """In a potential without force a ball that has been pushed in Stage 1 rolls on, or stands still."""
    problem = Problem(convex=lambda theta, batch: theta.sum(-1))
    ends = {}
    for moments in ("carried", "restarted"):
        c = TwoStageConfig(
            steps=5,
            stage_1_steps=1,
            lambda_0=0.0,
            beta_0=0.0,
            optimizer="heavy-ball",
            eta_c=0.1,
            moments=moments,
        )
        ends[moments] = two_stage(problem, c, torch.zeros(1, 1, dtype=torch.float64))[0].item()
    assert ends == pytest.approx({"carried": -0.5, "restarted": -0.1})


def test_a_budget_on_top_needs_a_stage_1_of_fixed_length():
    with pytest.raises(ValueError, match=r"counting must be within where eq\. 3 ends Stage 1 .*got on-top"):
        TwoStageConfig(counting="on-top", switching="plateau")
    assert TwoStageConfig(counting="on-top", steps=20, stage_1_steps=7).budget == 27
    assert TwoStageConfig(steps=20, stage_1_steps=7).budget == 20
    for bad in ({"moments": "kept"}, {"counting": "outside"}, {"restart_step": -1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            TwoStageConfig(**bad)
