"""Sellier as described: the start is kept, packets are Newton's particles, and the two forms agree."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import qbp
from qbp import MLP, WaveConfig, sellier
from qbp.baseline.loop import SellierConfig
from qbp.baseline.packets import density, gaussian, positions
from qbp.baseline.waves import _mean_hartree, advance, metrics, read, start
from qbp.perceptrons import datasets
from qbp.perceptrons.problems import perceptron_problem
from qbp.problem import Problem

MODEL = MLP(1, 6, 1)
DATA = datasets.curve(9)
FREE = WaveConfig(kappa=0.0)
CLOSURE = WaveConfig(form="closure", kappa=0.0)
MASS = FREE.kinetic**2 * FREE.dt**2  # step of the mean per unit of force


def shared(*seeds):
    """Starts well inside the box: the small model's own reach far out."""
    return 0.3 * MODEL.xavier(seeds)


FORMS = pytest.mark.parametrize("form", ["wave", "closure"])


def curve_problem(bad=None, rows=1):
    """The curve in three fixed batches; at step 4, run `bad` of `rows` breaks."""
    base = perceptron_problem(MODEL, DATA, lambda step: None)

    def energy(theta, step):
        factor = torch.ones(rows, dtype=theta.dtype)
        if bad is not None and step == 4:
            factor[bad] = math.nan
        first = 3 * (step % 3)
        return base.energy(theta, torch.arange(first, first + 3)) * factor

    return Problem(energy, energy, lambda step: step, base.evaluate)


def gradient(theta, step=0):
    theta = theta.detach().requires_grad_()
    return torch.autograd.grad(curve_problem().energy(theta, step).sum(), theta)[0]


@FORMS
@pytest.mark.parametrize("kappa", [0.0, 0.01])
def test_it_starts_at_the_shared_weights_and_overwrites_none(form, kappa):
    config = WaveConfig(form=form, kappa=kappa, steps=0)
    theta0 = shared(3, 4)
    torch.testing.assert_close(read(start(theta0, config), config), theta0, rtol=0, atol=1e-12)
    theta, history = sellier(curve_problem(), config, theta0, model=MODEL)
    assert torch.equal(theta, theta0)
    plain = perceptron_problem(MODEL, DATA, lambda step: None).evaluate(theta0)
    assert torch.equal(history.metrics["train_loss"][:, 0], plain["train_loss"])
    after, _ = sellier(curve_problem(), replace(config, steps=1), theta0, model=MODEL)
    moved = after - theta0
    assert all(len(set(row.tolist())) == MODEL.n_params for row in moved)  # each by its own amount
    if kappa == 0:
        torch.testing.assert_close(moved, -MASS * gradient(theta0), rtol=1e-9, atol=1e-14)
    assert (moved != 0).all() and moved.abs().max() < 1e-3


@FORMS
def test_the_means_are_particles_without_friction(form):
    """Two hundred steps of the training redone by Newton's kick and drift of the weights themselves."""
    config = WaveConfig(form=form, kappa=0.0, steps=200, record_every=50)
    theta, _ = sellier(curve_problem(), config, shared(3), model=MODEL)
    q = shared(3)
    start_, p = q.clone(), torch.zeros_like(q)
    for step in range(200):
        p = p - config.dt * gradient(q, step)
        q = q + config.dt * config.kinetic**2 * p
    torch.testing.assert_close(theta, q, rtol=0, atol=1e-7)
    assert (q - start_).abs().max() > 0.1


def quadratic(stiffness):
    def energy(theta, batch):
        return (theta @ stiffness * theta).sum(-1) / 2

    return Problem(energy, energy)


def test_wave_and_closure_agree_on_a_quadratic_loss_and_with_its_normal_modes():
    rng = np.random.default_rng(5)
    rotation = np.linalg.qr(rng.standard_normal((MODEL.n_params, MODEL.n_params)))[0]
    h = np.linspace(0.5, 20, MODEL.n_params)
    problem = quadratic(torch.from_numpy(rotation * h @ rotation.T))
    theta0 = shared(1)
    wave, seen = sellier(problem, replace(FREE, steps=300), theta0, model=MODEL)
    closure, known = sellier(problem, replace(CLOSURE, steps=300), theta0, model=MODEL)
    torch.testing.assert_close(wave, closure, rtol=0, atol=1e-7)
    for name, values in known.metrics.items():
        torch.testing.assert_close(seen.metrics[name], values, rtol=1e-5, atol=1e-6, msg=name)
    dt, c = FREE.dt, FREE.kinetic**2
    for k, start_ in enumerate(theta0[0].numpy() @ rotation):
        map_ = np.array([[1 - c * h[k] * dt**2, c * dt], [-h[k] * dt, 1]])
        expected = (np.linalg.matrix_power(map_, 300) @ [start_, 0])[0]
        assert closure[0].numpy() @ rotation[:, k] == pytest.approx(expected, abs=1e-9)


def test_a_slope_held_over_substeps_drives_oscillations_up():
    """The area of a period grows by 1 + h (kinetic dt)**2 n (n - 1) / 2 per step; one substep keeps it."""
    h, steps = 20.0, 400
    problem = quadratic(h * torch.eye(MODEL.n_params, dtype=torch.float64))
    theta0 = torch.full((1, MODEL.n_params), 0.1, dtype=torch.float64)
    for n in (1, 4):
        config = replace(CLOSURE, steps=steps, substeps=n)
        _, history = sellier(problem, config, theta0, model=MODEL)
        growth = 1 + h * (config.kinetic * config.dt) ** 2 * n * (n - 1) / 2
        peak = history.minibatch_loss[0, -150:].max() / history.minibatch_loss[0, 0]
        assert peak.item() <= growth**steps * 1.01
        assert peak.item() >= growth ** (steps - 150) * 0.9


@pytest.fixture(scope="module")
def two_hundred():
    """A perceptron of 200 weights on random data, 250 steps in both forms, with and without Hartree term."""
    model = MLP(3, 33, 2)
    assert model.n_params == 200
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((20, 3)))
    y = torch.from_numpy(rng.standard_normal((20, 2)))

    def energy(theta, batch):
        return (model(theta, x) - y).square().mean((-2, -1))

    found = {}
    for kappa in (0.0, 0.01):
        for form in ("wave", "closure"):
            config = WaveConfig(form=form, kappa=kappa, steps=250)
            found[form, kappa] = sellier(Problem(energy, energy), config, model.xavier([0, 1]), model=model)
    return found


def test_wave_and_closure_agree_on_200_weights(two_hundred):
    (wave, seen), (closure, known) = two_hundred["wave", 0.0], two_hundred["closure", 0.0]
    torch.testing.assert_close(wave, closure, rtol=0, atol=1e-6)
    torch.testing.assert_close(seen.minibatch_loss, known.minibatch_loss, rtol=1e-5, atol=0)
    torch.testing.assert_close(seen.metrics["spread"], known.metrics["spread"], rtol=1e-5, atol=0)
    assert seen.metrics["edge"].max() < 1e-6
    assert known.minibatch_loss[:, 0].min() > 2 * known.minibatch_loss.min()  # it did train


def test_with_the_hartree_term_they_agree_roughly_on_200_weights(two_hundred):
    (_, seen), (_, known) = two_hundred["wave", 0.01], two_hundred["closure", 0.01]
    without = two_hundred["wave", 0.0][1]
    far = (seen.minibatch_loss - without.minibatch_loss).abs().mean()
    near = (seen.minibatch_loss - known.minibatch_loss).abs().mean()
    assert near < far / 3  # most of what the term does, the closure does too


def pair_force(q, variance, kappa, sizes):
    """Mean force between Gaussian densities that touch: -kappa mean_k d/dq_j N(q_j - q_k; v_j + v_k)."""
    force = torch.zeros_like(q)
    for one in torch.arange(len(q)).split(sizes):
        away = q[one, None] - q[None, one]
        total = 2 * variance
        n = torch.exp(-(away**2) / (2 * total)) / math.sqrt(2 * math.pi * total)
        force[one] = kappa * (away / total * n).mean(-1)
    return force


def test_the_hartree_term_repels_within_a_layer_and_nowhere_else():
    theta = torch.tensor([[-0.4, 0.0, 0.1, 0.5, 0.2, -0.3, *[0.3, 0.1, 0.0, -0.2, 0.4, 0.6]]])
    theta = torch.cat([theta, shared(1)[:, 12:]], -1).double()
    config = WaveConfig(kappa=0.02)
    psi = start(theta, config)
    moved = advance(psi, theta, torch.zeros_like(theta), config, MODEL)
    shift = read(moved, config) - theta
    force = pair_force(theta[0], config.width**2 / 2, config.kappa, MODEL.sizes)
    torch.testing.assert_close(shift[0], config.kinetic**2 * config.dt**2 * force, rtol=1e-6, atol=1e-12)
    assert force[0] < 0 < force[3] and force[-1] == 0  # outwards; a bias alone feels nothing
    for part in shift[0].split(MODEL.sizes):
        assert abs(part.sum()) < 1e-9 * max(1e-3, part.abs().max())  # action is reaction
    torch.testing.assert_close(density(moved).sum(-1), torch.ones_like(theta), rtol=1e-13, atol=0)
    still = advance(psi, theta, torch.zeros_like(theta), replace(config, kappa=0.0), MODEL)
    torch.testing.assert_close(read(still, config), theta, rtol=0, atol=1e-11)


def test_the_closure_averages_the_hartree_term_over_the_packet():
    mean = torch.tensor([0.5, -0.3, 0.1, 0.2, 0.0, 0.9], dtype=torch.float64).repeat(3)
    mean = torch.cat([mean, mean[:1]])
    variance = torch.linspace(0.02, 0.05, 19, dtype=torch.float64)
    slope, bend = _mean_hartree(mean, variance, MODEL)
    x = torch.linspace(-4, 4, 4001, dtype=torch.float64)
    for j, layer in ((0, slice(0, 6)), (8, slice(6, 12)), (18, slice(18, 19))):
        centre, size = (
            mean[layer].mean(),
            ((mean[layer] - mean[layer].mean()) ** 2).mean() + variance[layer].mean(),
        )
        n = torch.exp(-((x - centre) ** 2) / (2 * size)) / torch.sqrt(2 * math.pi * size)
        p = torch.exp(-((x - mean[j]) ** 2) / (2 * variance[j])) / torch.sqrt(2 * math.pi * variance[j])
        first = torch.trapezoid(p * n * -(x - centre) / size, x)
        second = torch.trapezoid(p * n * ((x - centre) ** 2 / size**2 - 1 / size), x)
        assert slope[j].item() == pytest.approx(first.item(), rel=1e-8, abs=1e-12)
        assert bend[j].item() == pytest.approx(second.item(), rel=1e-8)


def test_imaginary_time_descends_the_gradient():
    for form in ("wave", "closure"):
        config = WaveConfig(form=form, kappa=0.0, time="imaginary", steps=40)
        theta, history = sellier(curve_problem(), config, shared(3), model=MODEL)
        q, rate = shared(3), config.width**2
        for step in range(40):
            q = q - rate * config.dt * gradient(q, step)
            rate += config.kinetic**2 * config.dt
        torch.testing.assert_close(theta, q, rtol=0, atol=1e-7)
        assert history.metrics["spread"][0, -1].item() == pytest.approx(math.sqrt(rate / 2), rel=1e-6)


@pytest.mark.parametrize("time", ["real", "imaginary"])
def test_waves_keep_their_norm(time):
    """The Hartree term reads densities, so it needs the norm in imaginary time too."""
    config, theta = WaveConfig(time=time, substeps=5), shared(3)
    psi = advance(start(theta, config), theta, torch.full_like(theta, 0.7), config, MODEL)
    torch.testing.assert_close(density(psi).sum(-1), torch.ones_like(theta), rtol=1e-12, atol=0)


def test_edge_and_spread():
    theta = torch.zeros(1, MODEL.n_params, dtype=torch.float64)
    for config in (FREE, CLOSURE):
        found = metrics(start(theta, config), config)
        assert found["spread"].item() == pytest.approx(config.width / math.sqrt(2), rel=1e-9)
    assert metrics(start(theta, FREE), FREE)["edge"].item() < 1e-12
    for side in (-1, 1):  # one weight's packet at the border
        psi = start(theta, FREE)
        psi[0, 7] = gaussian(positions(64, 5.5, theta, -2.75), side * 2.6, 0.05)
        assert metrics(psi, FREE)["edge"].item() == pytest.approx(1, abs=1e-3)


def test_edge_is_the_probability_in_the_outer_eighth_on_either_side():
    """Point by point: 64 points from -2.75 on, each with the weight of a normal density."""
    theta = torch.zeros(1, MODEL.n_params, dtype=torch.float64)
    for centre in (-2.3, -2.0, 2.0, 2.3):
        psi = start(theta, FREE)
        psi[0, 0] = gaussian(positions(64, 5.5, theta, -2.75), centre, 0.5)
        weight = {
            x: math.exp(-(((x - centre) / 0.5) ** 2)) for x in (-2.75 + 5.5 * i / 64 for i in range(64))
        }
        outer = sum(w for x, w in weight.items() if not -2.40625 <= x <= 2.40625) / sum(weight.values())
        assert 0.05 < outer < 0.5 and metrics(psi, FREE)["edge"].item() == pytest.approx(outer, rel=1e-9)


@FORMS
@pytest.mark.parametrize("time", ["real", "imaginary"])
def test_runs_do_not_touch_each_other_and_a_diverged_one_stands_still(form, time):
    theta0 = shared(1, 2, 3)
    config = WaveConfig(form=form, time=time, steps=9, record_every=2, dt=0.5)
    theta, history = sellier(curve_problem(1, 3), config, theta0, model=MODEL)
    assert history.diverged.tolist() == [False, True, False] and history.step == [0, 2, 4, 6, 8, 9]
    for row in (0, 2):
        alone, single = sellier(curve_problem(), config, theta0[row : row + 1], model=MODEL)
        torch.testing.assert_close(theta[row], alone[0], rtol=1e-9, atol=1e-12)
        for name, metric in single.metrics.items():
            torch.testing.assert_close(history.metrics[name][row], metric[0], rtol=1e-9, atol=1e-12)
    before, _ = sellier(curve_problem(None, 3), replace(config, steps=3), theta0, model=MODEL)
    torch.testing.assert_close(theta[1], before[1], rtol=1e-12, atol=0)
    assert all(metric.isfinite().all() for metric in history.metrics.values())


@FORMS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_follows_theta0(form, dtype):
    problem = perceptron_problem(MODEL, DATA.to("cpu", dtype), lambda step: torch.arange(9))
    config = WaveConfig(form=form, steps=2)
    theta, history = sellier(problem, config, MODEL.xavier([0], dtype), model=MODEL)
    kinds = {theta.dtype, history.minibatch_loss.dtype, *(m.dtype for m in history.metrics.values())}
    assert kinds == {dtype}


def test_each_experiment_and_reading_has_its_form():
    def of(experiment, **options):
        return qbp.Experiment(experiment, method="sellier", **options).algorithm

    assert [of(e).form for e in ("curve", "telecom", "mnist")] == ["wave", "wave", "closure"]
    assert of("mnist", algorithm={"form": "wave"}).form == "wave"
    assert of("curve", algorithm=CLOSURE).form == "closure"
    assert all(isinstance(of(e, reading="as-released"), SellierConfig) for e in ("curve", "mnist"))
    assert (of("curve").points, of("curve").time) == (64, "real")
    with pytest.raises(ValueError, match="no field 'box' for method sellier; it takes dt, form, kappa"):
        of("curve", algorithm={"box": 3.0})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("form", "cloud"), ("time", "proper"), ("steps", -1), ("points", 0), ("substeps", 0)),
        *(("reach", 0.0), ("width", 0.0), ("dt", -1.0), ("kinetic", math.nan), ("kappa", math.inf)),
    ],
)
def test_bad_input(field, value):
    with pytest.raises(ValueError, match=f"{field} must be"):
        WaveConfig(**{field: value})


def test_weights_outside_the_box_are_refused_before_the_first_step():
    theta0 = shared(0)
    theta0[0, 3] = -2.5
    with pytest.raises(ValueError, match=r"reach must be at least 3\.24, .*got 2\.75"):
        sellier(curve_problem(), FREE, theta0, model=MODEL)
    sellier(curve_problem(), replace(CLOSURE, steps=1), theta0, model=MODEL)  # no box there
    with pytest.raises(ValueError, match=r"theta0 must have shape \(..., 19\), got \(3,\)"):
        sellier(curve_problem(), FREE, torch.zeros(3), model=MODEL)
