"""Plain PyTorch, one run after another: nn.Sequential, torch.optim.AdamW, a loop over seeds.  W5 alone.

The same data, starts, batches, phases, steps, dtype and recorded numbers as qbp, which draws them for both.
"""

import os

import numpy as np
import torch
from torch import nn

import qbp
from benchmarks.workloads import Workload
from qbp import draws
from qbp.experiments.perceptrons import load_data
from qbp.perceptrons.problems import MiniBatches, surrogate_targets

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
VERSIONS = {"torch": torch.__version__}
DTYPES = ["float64", "float32"]


def prepare(w: Workload):
    """Return the function to time."""
    if w.family != "W5":
        raise NotImplementedError("perceptrons only")

    def run():
        losses = []
        for method in ("no-init", "two-stage"):
            options = {"method": method, "seeds": w.batch, "steps": w.samples, "dtype": w.dtype}
            config = qbp.Experiment(w.observable, **options, device="cpu")
            data = load_data(config).to("cpu", getattr(torch, w.dtype))
            losses += [_one_run(config, seed, data) for seed in config.run_seeds]
        return {"train_loss": np.array(losses)}

    return run


def _one_run(config, seed: int, data) -> float:
    c, dtype = config.algorithm, data.x.dtype
    n_in, n_out = data.x.shape[-1], data.n_outputs
    start = qbp.MLP(n_in, config.n_hidden, n_out)
    theta0 = start.xavier([seed])[0].to(dtype)
    model = nn.Sequential(nn.Linear(n_in, config.n_hidden), nn.Tanh(), nn.Linear(config.n_hidden, n_out))
    model = model.to(dtype)
    nn.utils.vector_to_parameters(theta0, model.parameters())
    phi = draws.uniform([seed], "phi", start.n_params, high=2 * np.pi)[0].to(dtype)
    task = nn.CrossEntropyLoss() if data.is_classification else nn.MSELoss()
    mse, surrogate = nn.MSELoss(), surrogate_targets(data)
    batches = MiniBatches([seed], len(data.train), config.batch_size, data.x.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=c.eta_n, weight_decay=c.weight_decay, fused=True)
    train, val, parameters = data.train, data.val, list(model.parameters())
    x, y, lam, beta, curve, records = data.x, data.y, c.lambda_0, c.beta_0, [], []
    for step in range(config.steps + 1):
        index = train[batches(step)[0]]
        output = model(x[index])
        if step < c.stage_1_steps:
            loss = mse(output, surrogate[index])
        else:
            loss = task(output, y[index])
            if lam or beta:
                flat = torch.cat([p.reshape(-1) for p in parameters])
                osc = c.amplitude * torch.sin(c.omega * flat + phi).mean()
                loss = (1 - lam) * loss + lam * mse(output, surrogate[index]) + beta * osc
                lam, beta = c.lambda_decay * lam, c.beta_decay * beta
        optimizer.zero_grad()
        loss.backward()
        curve.append(loss.detach())
        if step % config.record_every == 0 or step == config.steps:
            grad = torch.cat([p.grad.reshape(-1) for p in parameters])
            found = [grad.norm(), grad.var()]
            whole = task(model(x[train]), y[train])
            grad = torch.cat([g.reshape(-1) for g in torch.autograd.grad(whole, parameters)])
            with torch.no_grad():
                output = model(x[val])
                found += [whole.detach(), grad.norm(), grad.var(), task(output, y[val])]
                if data.is_classification:
                    found.append((output.argmax(-1) == y[val]).to(dtype).mean())
            records.append(torch.stack(found))
        if step < config.steps:
            optimizer.step()
    torch.stack(curve)
    return float(torch.stack(records)[-1, 2])
