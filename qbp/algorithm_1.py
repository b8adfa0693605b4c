"""Algorithm 1: Two-Stage Optimization Framework for Overcoming Barren Plateaus."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from qbp import _checks
from qbp._arguments import takes
from qbp._checks import option
from qbp.convex import NORMS, SWITCHING, gradient_metrics, gradient_norm, should_switch
from qbp.optimizers import OPTIMIZERS, restarted
from qbp.problem import History, Problem, Recorder, gradients
from qbp.refinement import anneal_blend, anneal_oscillation, oscillatory_regularizer, refinement_loss


@dataclass(frozen=True, kw_only=True)
class TwoStageConfig:
    """Every choice Algorithm 1 leaves open, with the paper's value where it gives one."""

    steps: int = option(500, "training steps, both stages together unless counting says otherwise")
    stage_1_steps: int = option(100, "length of Stage 1 when switching is steps (Section IV.B)")
    switching: str = option("steps", "reading of eq. 3: steps, threshold, plateau or threshold-or-plateau")
    norm: str = option(
        "paper", "gradient norm of eq. 3: paper |g|/dim, rms |g|/sqrt(dim), mean-square |g|^2/dim"
    )
    tau_g: float | None = option(
        None, "threshold of eq. 3 (default of qbp run: half the median over 100 starts)"
    )
    stage_1_cap: int = option(250, "longest Stage 1 under the other rules")
    lambda_0: float = option(0.9, "blend at the start of Stage 2 (eq. 4, Section IV.D)")
    beta_0: float = option(0.05, "weight of the oscillation at the start of Stage 2 (eq. 4, Section IV.D)")
    lambda_decay: float = option(0.98, "factor per step of the blend (eq. 6)")
    beta_decay: float = option(0.99, "factor per step of the oscillation (eq. 7)")
    anneal: str = option("after", "anneal after the update, as Algorithm 1 lists it, or before the loss")
    omega: float = option(4.0, "angular frequency of the oscillation (eq. 5)")
    amplitude: float = option(1.0, "factor of R_osc; a hidden 0.1 in the released notebook")
    optimizer: str = option(
        "adamw", "gd as in the listing, adam, adamw as in the released notebook, or heavy-ball"
    )
    eta_c: float = option(1e-3, "step size of Stage 1 (line 5)")
    eta_n: float = option(
        1e-3, "step size of Stage 2 (line 10; default 0.001; of heavy-ball Sellier's (kinetic dt)^2, 2.5e-05)"
    )
    friction: float = option(0.0, "heavy-ball: share of its velocity that a weight loses per step")
    weight_decay: float | None = option(
        None, "decoupled weight decay (default 0.01 for adamw, 0 for the others)"
    )
    moments: str = option(
        "carried", "the optimizer's state at the switch to Stage 2: carried on, or restarted", later=True
    )
    restart_step: int | None = option(
        None, "restart the optimizer before this step, in either stage: the control of moments", later=True
    )
    counting: str = option(
        "within",
        "within: steps are those of both stages; on-top: those of Stage 2, after Stage 1",
        later=True,
    )
    record_every: int = option(1, "keep metrics each so many steps")

    def __post_init__(self) -> None:
        """Check every field."""
        _checks.plain(self)
        if self.weight_decay is None:
            object.__setattr__(self, "weight_decay", 0.01 if self.optimizer == "adamw" else 0.0)
        for name in ("steps", "stage_1_steps", "stage_1_cap"):
            _checks.integer(name, getattr(self, name), low=0)
        _checks.integer("record_every", self.record_every)
        for name in ("lambda_0", "lambda_decay", "beta_decay"):
            _checks.number(name, getattr(self, name), low=0, high=1)
        for name in ("beta_0", "omega", "amplitude"):
            _checks.number(name, getattr(self, name))
        for name in ("eta_c", "eta_n", "weight_decay"):
            _checks.number(name, getattr(self, name), low=0)
        _checks.number("friction", self.friction, low=0, high=1)
        if self.friction and self.optimizer != "heavy-ball":
            raise ValueError(f"friction is an option of heavy-ball, got {self.friction} for {self.optimizer}")
        for name, options in CHOICES.items():
            _checks.choice(name, getattr(self, name), options)
        if self.tau_g is not None:
            _checks.number("tau_g", self.tau_g, low=0)
        if self.restart_step is not None:
            _checks.integer("restart_step", self.restart_step, low=0)
        if self.counting == "on-top" and self.switching != "steps":
            raise ValueError(
                f"counting must be within where eq. 3 ends Stage 1 (switching {self.switching}), got on-top: "
                "each run would end at a step of its own"
            )

    @property
    def budget(self) -> int:
        """Steps that a run takes, of both stages."""
        return self.steps + (self.stage_1_steps if self.counting == "on-top" else 0)


CHOICES = {
    "switching": SWITCHING,
    "norm": NORMS,
    "anneal": ("after", "before"),
    "optimizer": tuple(OPTIMIZERS),
    "moments": ("carried", "restarted"),
    "counting": ("within", "on-top"),
}


@takes(moved="phi", theta0="... n+")
def two_stage(
    problem: Problem, config: TwoStageConfig, theta0: Tensor, *, phi: Tensor | float = 0.0
) -> tuple[Tensor, History]:
    """Run Algorithm 1 on a batch of runs, each with its own switch, annealing and end.

    Args:
        problem: the losses and the batches; circuits and perceptrons alike.
        config: steps, rates and schedules.
        theta0: starts, (..., n_params), finite; one run per row.
        phi: phases of the oscillation in radians, broadcast against `theta0`.

    Returns:
        theta after the last update, (..., n_params), and its :class:`~qbp.problem.History`. A run that
        diverges stands still at its last finite point and is marked; the others go on.

    Raises:
        TypeError, ValueError: `theta0` is no real tensor or holds NaN; `phi` is not finite or does not
            broadcast to it.
    """
    _checks.finite("theta0", theta0)
    _checks.phases(phi, theta0, "theta0")
    with gradients():
        theta0 = theta0.clone()  # of a tensor of inference mode no derivative is taken
        if isinstance(phi, Tensor):
            phi = phi.to(theta0, copy=True)  # a float64 phase would carry a float32 run along
        with _checks.trusted():
            return algorithm(problem, config, theta0, phi)


# fmt: off
def algorithm(
    problem: Problem, c: TwoStageConfig, theta0: Tensor, phi: Tensor | float
) -> tuple[Tensor, History]:
    """Algorithm 1, line by line; :func:`two_stage` checks the arguments first."""
    update, moments, norms = _update(c), None, []  # type: Callable, Any, list[Tensor]
    theta = last = theta0.detach()                                           # line 1: theta_0
    lam, beta = (torch.full_like(theta[..., 0], v) for v in (c.lambda_0, c.beta_0))  # line 2
    eta_c, eta_n = (torch.full_like(lam, v) for v in (c.eta_c, c.eta_n))
    stage_1 = torch.ones_like(lam, dtype=torch.bool)
    log = Recorder(c.budget, c.record_every, like=lam)
    for step in range(c.budget + 1):  # lines 3, 7: one budget; a mask says in which loop a run is
        batch = problem.batches(step)
        theta = theta.detach().requires_grad_()
        energy, convex = problem.losses(theta, batch, **_terms(step, c))     # line 4: L_convex; line 9: <H>
        over = stage_1 & _is_over(norms, convex, theta, step, c)             # lines 3, 6: eq. 3
        stage_1, moments = stage_1 & ~over, _restart(moments, over, step, c)
        lam, beta = _anneal(lam, beta, ~stage_1 & (c.anneal == "before"), c)
        lam_t, beta_t = torch.where(stage_1, 1, lam), torch.where(stage_1, 0, beta)  # Stage 1 is 1, 0
        osc = c.amplitude * oscillatory_regularizer(theta, omega=c.omega, phi=phi)   # line 8: eq. 5
        loss = refinement_loss(energy, convex, osc, lam_t, beta_t)           # line 9: L_refine, eq. 4
        (grad,) = torch.autograd.grad(loss.sum(), theta)  # the sum, so each run has its own gradient
        alive = log.watch(loss, grad.sum(-1))             # a diverged run goes back one step and stays
        theta = last = torch.where(alive.unsqueeze(-1), theta.detach(), last)
        log.loss(loss)
        if log.due(step):
            terms = {"loss": loss, "energy": energy, "convex": convex, "osc": osc}
            state = {"lam": lam_t, "beta": beta_t, "stage": 2 - stage_1.to(lam.dtype)}
            log.add(step, terms | state | gradient_metrics(grad) | problem.evaluate(theta))
        if step == c.budget:  # the last pass only records                    # line 12: end while
            break
        eta = torch.where(stage_1, eta_c, eta_n)
        theta, moments = update(theta, grad, moments, lr=eta, active=alive)  # lines 5, 10
        lam, beta = _anneal(lam, beta, ~stage_1 & (c.anneal == "after"), c)  # line 11: eq. 6, 7
    return theta, log.history()                                              # line 13: theta*
# fmt: on


def _update(c: TwoStageConfig) -> Callable:
    """Return one step of the chosen optimizer."""
    own = {"friction": c.friction} if c.optimizer == "heavy-ball" else {}
    return partial(OPTIMIZERS[c.optimizer], weight_decay=c.weight_decay, **own)


def _restart(moments: Any, over: Tensor, step: int, c: TwoStageConfig) -> Any:
    """Restart the optimizer of the runs whose Stage 1 is over, where it is not carried on, or of all."""
    if step == c.restart_step:
        return restarted(moments, torch.ones_like(over))
    return restarted(moments, over) if c.moments == "restarted" else moments


def _terms(step: int, c: TwoStageConfig) -> dict[str, bool]:
    """Return which terms the loss of some run may have: Stage 1 has no task, Stage 2 L_convex by lambda."""
    by_rule = c.switching != "steps"
    longest = c.stage_1_cap if by_rule else c.stage_1_steps
    return {"task": by_rule or step >= longest, "convex": step < longest or c.lambda_0 > 0}


def _is_over(norms: list[Tensor], convex: Tensor, theta: Tensor, step: int, c: TwoStageConfig) -> Tensor:
    """Return the mask of the runs whose Stage 1 is over; only eq. 3 itself costs a gradient of L_convex."""
    if c.switching == "steps" or step >= c.stage_1_cap:
        longest = c.stage_1_steps if c.switching == "steps" else c.stage_1_cap
        return torch.full_like(convex, step >= longest, dtype=torch.bool)
    (grad,) = torch.autograd.grad(convex.sum(), theta, retain_graph=True)
    norms.append(gradient_norm(grad, c.norm))
    rule: dict[str, Any] = {
        "rule": c.switching,
        "steps": c.stage_1_steps,
        "cap": c.stage_1_cap,
        "tau_g": c.tau_g,
    }
    return should_switch(torch.stack(norms, -1), **rule)


def _anneal(lam: Tensor, beta: Tensor, now: Tensor, c: TwoStageConfig) -> tuple[Tensor, Tensor]:
    """Anneal the runs that are in Stage 2 now."""
    lower_lam, lower_beta = anneal_blend(lam, c.lambda_decay), anneal_oscillation(beta, c.beta_decay)
    return torch.where(now, lower_lam, lam), torch.where(now, lower_beta, beta)
