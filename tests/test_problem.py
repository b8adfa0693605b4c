"""The recorder: what is kept, when, and of whom."""

import math

import pytest
import torch

from qbp.algorithm_1 import TwoStageConfig, two_stage
from qbp.problem import Problem, Recorder

NAN, INF = math.nan, math.inf


def test_problem_defaults():
    problem = Problem(energy=lambda theta, batch: theta.sum(-1), convex=lambda theta, batch: theta.sum(-1))
    assert problem.batches(3) is None and problem.evaluate(torch.zeros(1)) == {}


def test_a_term_left_out_is_zero():
    theta = torch.ones(2, 3, requires_grad=True)
    energy, convex = Problem(energy=lambda theta, batch: theta.sum(-1)).losses(theta, None)
    assert energy.tolist() == [3.0, 3.0] and convex.tolist() == [0.0, 0.0]
    assert Problem(convex=lambda theta, batch: theta.sum(-1)).losses(theta, None)[1].tolist() == [3.0, 3.0]


@pytest.mark.parametrize(
    ("options", "task", "convex"),
    [
        ({}, [2, 3, 4], [0, 1, 2, 3, 4]),
        ({"lambda_0": 0.0}, [2, 3, 4], [0, 1]),
        ({"switching": "threshold", "tau_g": 0.0, "stage_1_cap": 3}, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]),
        ({"switching": "threshold", "lambda_0": 0.0, "stage_1_cap": 3}, [0, 1, 2, 3, 4], [0, 1, 2]),
    ],
)
def test_algorithm_1_asks_once_a_step_for_what_the_loss_has(options, task, convex):
    asked = []

    def both(theta, step, task, convex):
        asked.append((step, task, convex))
        return theta.square().sum(-1) * task, theta.square().sum(-1) * convex

    config = TwoStageConfig(steps=4, stage_1_steps=2, **{"tau_g": 0.1, **options})
    two_stage(Problem(batches=lambda step: step, both=both), config, torch.ones(2, 3))
    assert [step for step, _, _ in asked] == [0, 1, 2, 3, 4]
    assert [step for step, has, _ in asked if has] == task
    assert [step for step, _, has in asked if has] == convex


def test_first_and_last_step_are_always_due():
    log = Recorder(7, 3, like=torch.zeros(2))
    assert [step for step in range(8) if log.due(step)] == [0, 3, 6, 7]
    assert [step for step in range(1) if Recorder(0, 3, like=torch.zeros(2)).due(step)] == [0]


def test_a_run_once_not_finite_keeps_its_last_finite_values_for_good():
    log = Recorder(3, 2, like=torch.zeros(3))
    losses = [[1.0, 2.0, 3.0], [1.5, NAN, 3.5], [1.25, 9.0, INF], [1.125, 8.0, 7.0]]
    for step, row in enumerate(losses):
        value = torch.tensor(row)
        alive = log.watch(value, torch.zeros(3))
        log.loss(value)
        if log.due(step):
            log.add(step, {"loss": value, "twice": 2 * value})
    assert alive.tolist() == [True, False, False]
    history = log.history()
    assert history.step == [0, 2, 3]
    expected = [[1.0, 1.5, 1.25, 1.125], [2.0] * 4, [3.0, 3.5, 3.5, 3.5]]
    assert history.minibatch_loss.tolist() == expected
    assert history.metrics["loss"].tolist() == [[1.0, 1.25, 1.125], [2.0] * 3, [3.0] * 3]
    assert torch.equal(history.metrics["twice"], 2 * history.metrics["loss"])
    assert history.diverged.tolist() == [False, True, True]


def test_the_gradient_alone_can_mark_a_run():
    log = Recorder(1, 1, like=torch.zeros(2))
    assert log.watch(torch.zeros(2), torch.tensor([0.0, NAN])).tolist() == [True, False]
    assert log.watch(torch.zeros(2), torch.zeros(2)).tolist() == [True, False]
