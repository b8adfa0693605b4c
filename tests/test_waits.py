"""No step of a training waits for the device: more steps, and not one more number that the host reads.

Counted on the device of `accelerator`, where each such operation passes through Python.
"""

import pytest
import torch
from accelerator import DEVICE, REAL, accelerator, waits
from test_accelerator import circuit_case, perceptron_case

import qbp
from qbp import draws
from qbp.algorithm_1 import TwoStageConfig, two_stage
from qbp.circuits.training.descent import train
from qbp.convex import SWITCHING
from qbp.experiments.circuits import CircuitExperiment
from qbp.experiments.fits.settings import FitExperiment
from qbp.experiments.later_versions.cloning import CloningExperiment
from qbp.experiments.later_versions.wine import WineExperiment
from qbp.experiments.perceptrons import METHODS, Experiment
from qbp.experiments.regression import RegressionExperiment
from qbp.optimizers import OPTIMIZERS

pytestmark = pytest.mark.skipif(REAL, reason="a real device does not pass through Python")


@pytest.fixture(autouse=True)
def device():
    with accelerator():
        yield


def waited(function, *arguments):
    before = len(waits())
    function(*arguments)
    return waits()[before:]


def test_every_way_to_wait_is_counted():
    at = torch.tensor([1.0, -1.0], device=DEVICE)
    ways = (
        lambda: at[0].item(), lambda: float(at[0]), lambda: bool((at > 0).any()), lambda: at.cpu(), at.tolist,
        lambda: at.nonzero(), lambda: at[at > 0], lambda: at.to("cpu"), lambda: torch.zeros(2).copy_(at),
        lambda: torch.masked_select(at, at > 0), lambda: torch.equal(at, at),
    )  # fmt: skip
    for number, way in enumerate(ways):
        assert waited(way), number
    at = at.clone()
    assert not waited(lambda: torch.where(at > 0, at, 0).sum() + at[torch.tensor([1])] + at[:1])


def algorithm(case, switching, optimizer, steps):
    config = TwoStageConfig(
        steps=steps, stage_1_steps=4, stage_1_cap=8, switching=switching, tau_g=1.0, optimizer=optimizer,
        record_every=1000,
    )  # fmt: skip
    problem, theta0 = case(DEVICE)
    two_stage(problem, config, theta0, phi=draws.uniform(range(2), "phases", theta0.shape[1]).to(DEVICE))


RULES = [*((s, "adamw") for s in SWITCHING), *(("plateau", o) for o in OPTIMIZERS if o != "adamw")]


@pytest.mark.parametrize(("switching", "optimizer"), RULES)
def test_a_step_of_algorithm_1_waits_for_nothing(switching, optimizer):
    case = perceptron_case if optimizer == "adamw" and switching != "plateau" else circuit_case
    assert waited(algorithm, case, switching, optimizer, 10) == waited(
        algorithm, case, switching, optimizer, 12
    )


FITS = ("varpro", "varpro-adam", "lm", "rotosolve")
CIRCUIT = {"qubits": 2, "layers": 1, "seeds": 2}
RUNS = {
    "vqe": (CircuitExperiment, CIRCUIT),
    "vqe-shots": (CircuitExperiment, CIRCUIT | {"shots": 50}),
    "vqe-channel": (CircuitExperiment, CIRCUIT | {"channel": "depolarizing", "strength": 0.05}),
    "pqc": (RegressionExperiment, {"seeds": 2, "layers": 1}),
    "cloning": (CloningExperiment, {"seeds": 2}),
    "wine": (WineExperiment, {"seeds": 2}),
    **{f"fit-{method}": (FitExperiment, {"method": method, "seeds": 2, "layers": 1}) for method in FITS},
    **{method: (Experiment, {"experiment": "curve", "method": method, "seeds": 2}) for method in METHODS},
}


@pytest.mark.parametrize("name", RUNS)
def test_a_step_of_an_experiment_waits_for_nothing(name):
    kind, options = RUNS[name]

    def run(steps):
        qbp.run(kind(**options, device=DEVICE, steps=steps, record_every=1000))

    assert waited(run, 4) == waited(run, 6)


@pytest.mark.parametrize("data", [False, True])
def test_a_step_of_train_waits_for_nothing(data):
    circuit, H = qbp.HardwareEfficient(2, 1), qbp.tfim(2)
    theta = draws.uniform(range(2), "start", circuit.n_params).to(DEVICE)
    x = draws.uniform([0], "x", 6)[0].reshape(3, 2).to(DEVICE)
    more = {"inputs": x, "targets": x[:, :1]} if data else {}
    assert waited(lambda: train(circuit, H, theta, steps=4, **more)) == waited(
        lambda: train(circuit, H, theta, steps=6, **more)
    )
