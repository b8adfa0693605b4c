"""On a second device the same numbers: the core, every kind of experiment, and the chapters, cell by cell.

The device is that of `accelerator`: it refuses what a GPU refuses.
"""

import json
from pathlib import Path

import pytest
import torch
from accelerator import DEVICE, accelerator, operations

import qbp
from qbp import draws
from qbp.algorithm_1 import TwoStageConfig, two_stage
from qbp.book.explorer import Explorer
from qbp.circuits import problems
from qbp.convex import SWITCHING
from qbp.experiments.circuits import CircuitExperiment
from qbp.experiments.fits.ground import METHODS as SEARCHES
from qbp.experiments.fits.ground import GroundExperiment
from qbp.experiments.fits.methods import METHODS as FITTED
from qbp.experiments.fits.settings import FitExperiment
from qbp.experiments.later_versions.cloning import CloningExperiment
from qbp.experiments.later_versions.wine import WineExperiment
from qbp.experiments.perceptrons import METHODS, Experiment
from qbp.experiments.regression import RegressionExperiment
from qbp.experiments.remedies.configuration import RemedyExperiment
from qbp.optimizers import OPTIMIZERS
from qbp.perceptrons import datasets
from qbp.perceptrons.problems import MiniBatches, perceptron_problem
from qbp.plateaus import saddles, shifts
from qbp.remedies.registry import remedies

BOOK = Path(__file__).parents[1] / "book"


@pytest.fixture(autouse=True)
def device():
    before = operations()
    with accelerator():
        yield
    assert operations() > before, "nothing ran on the device"


def test_the_device_refuses_what_a_gpu_refuses():
    there, here = torch.ones(3, device=DEVICE), torch.ones(3)
    for mixed in (lambda: there + here, lambda: torch.stack([there, here]), lambda: there @ here):
        with pytest.raises(RuntimeError, match=r"CPU beside one on|on the same device"):
            mixed()
    with pytest.raises(TypeError, match=r"Use Tensor.cpu\(\) first"):
        there.numpy()
    assert (there + torch.tensor(2.0)).tolist() == [3, 3, 3] == (there.cpu() + 2 * here).tolist()
    assert there[torch.tensor([0])].device.type == DEVICE and float(there[0]) == 1
    leaf = torch.tensor([1.0, 2.0], device=DEVICE, requires_grad=True)
    (leaf**2).sum().backward()
    assert leaf.grad.device.type == DEVICE and leaf.grad.tolist() == [2, 4]


def same(on_device, on_cpu, rtol=1e-9):
    assert on_device.device.type == DEVICE and on_device.dtype == on_cpu.dtype
    torch.testing.assert_close(
        on_device.detach().cpu(), on_cpu.detach(), rtol=rtol, atol=1e-11, equal_nan=True
    )


def circuit_case(device):
    circuit, local = qbp.HardwareEfficient(3, 2, entangler="cnot"), qbp.local_observables(3)
    H = qbp.tfim(3)
    targets = problems.product_state_targets(H, local)[0].to(device)
    theta = draws.uniform(range(2), "start", circuit.n_params).to(device)
    return problems.circuit_problem(circuit, H, local, targets), theta


def perceptron_case(device):
    data = datasets.curve(9).to(device, torch.float64)
    model = qbp.MLP(1, 5, 1)
    problem = perceptron_problem(model, data, MiniBatches([1, 2], len(data.train), 4, torch.device(device)))
    return problem, model.xavier([1, 2], torch.float64).to(device)


@pytest.mark.parametrize("case", [circuit_case, perceptron_case])
@pytest.mark.parametrize(
    ("switching", "optimizer"), [*((s, "adamw") for s in SWITCHING), *(("plateau", o) for o in OPTIMIZERS)]
)
def test_algorithm_1_gives_the_same_numbers(case, switching, optimizer):
    config = TwoStageConfig(
        steps=25, stage_1_steps=9, stage_1_cap=22, switching=switching, tau_g=1.0, optimizer=optimizer,
        record_every=9,
    )  # fmt: skip
    found = {}
    for where in (DEVICE, "cpu"):
        problem, theta0 = case(where)
        phi = draws.uniform(range(2), "phases", theta0.shape[1]).to(where)
        theta, history = two_stage(problem, config, theta0, phi=phi)
        found[where] = [theta, history.minibatch_loss, *history.metrics.values()]
    for there, here in zip(*found.values(), strict=True):
        same(there, here, rtol=1e-6)


CIRCUIT = {"qubits": 2, "layers": 2, "steps": 12, "seeds": 2, "record_every": 4}
CIRCUIT |= {"algorithm": {"optimizer": "adam", "stage_1_steps": 4}}
CLONING = {"qubits": 3, "layers": 2, "steps": 6, "seeds": 2, "record_every": 1}
CLONING |= {"algorithm": {"stage_1_steps": 2}}
REMEDY = {
    "qubits": 2,
    "layers": 2,
    "steps": 3,
    "seeds": 2,
    "record_every": 3,
    "shots": 7,
    "frame": "clifford",
}
EXPERIMENTS = {
    "vqe": (CircuitExperiment, CIRCUIT),
    "vqe-state": (CircuitExperiment, CIRCUIT | {"hamiltonian": "circuit", "dtype": "float32"}),
    "vqe-shots": (
        CircuitExperiment,
        CIRCUIT | {"hamiltonian": "heisenberg", "frame": "clifford", "shots": 50},
    ),
    "vqe-channel": (CircuitExperiment, CIRCUIT | {"channel": "depolarizing", "strength": 0.05}),
    **{f"remedies-{name}": (RemedyExperiment, REMEDY | {"method": name}) for name in remedies()},
    "remedies-exact": (
        RemedyExperiment,
        REMEDY | {"shots": None, "hamiltonian": "tfim"},
    ),
    "pqc": (RegressionExperiment, {"seeds": 2, "steps": 7, "record_every": 1, "layers": 1}),
    "cloning": (CloningExperiment, CLONING | {"reading": "as-described"}),
    "cloning-as-released": (CloningExperiment, CLONING),
    "wine": (WineExperiment, {"seeds": 2, "steps": 5, "record_every": 2, "layers": 1, "qubits": 2}),
    **{
        f"fit-{method}": (
            FitExperiment,
            {"method": method, "seeds": 2, "steps": 20, "layers": 1, "record_every": 10},
        )
        for method in FITTED
    },
    **{
        f"ground-{m}": (
            GroundExperiment,
            {"method": m, "qubits": 2, "layers": 1, "seeds": 2, "steps": 20, "span": "Y"},
        )
        for m in SEARCHES
    },
    **{
        f"{task}-{method}": (Experiment, {"experiment": task, "method": method, "seeds": 2, "steps": 11})
        for task in ("curve", "telecom")
        for method in METHODS
    },
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiments_give_the_same_numbers(name):
    kind, options = EXPERIMENTS[name]
    there, here = (qbp.run(kind(**options, device=where)) for where in (DEVICE, "cpu"))
    assert there.theta.device.type == DEVICE
    exact = options.get("dtype") != "float32"
    for metric, values in here.history.items():
        assert there.history[metric] == pytest.approx(
            values, rel=1e-6 if exact else 1e-3, abs=1e-6, nan_ok=True
        )


def test_studies_of_circuits_give_the_same_numbers():
    circuit, H = qbp.HardwareEfficient(3, 2), qbp.tfim(3)
    theta, found = draws.uniform([0], "start", circuit.n_params)[0], {}
    for where in (DEVICE, "cpu"):
        at = theta.to(where)
        found[where] = [
            *shifts.slices(circuit, at, H),
            *shifts.slice_along(circuit, at, H, 1),
            saddles.look(circuit, at, H).spectrum,
            saddles.random_points(circuit, H, 4, device=where).entries,
            qbp.gradient_variance(circuit, H, 8, engine="statevector", device=where).variance,
            qbp.expressibility(circuit, 8, device=where).frame_potential,
        ]
    for there, here in zip(*found.values(), strict=True):
        same(there, here, rtol=1e-7)


# ------------------------------------------------------------------------------------------------ chapters

CHAPTERS = {  # parameters with which a chapter is short, and its fits have the points they need
    "algorithm-1": {"seeds": 3},
    "as-released": {},
    "barren-plateaus": {"samples": 4, "n_max": 5, "deep": 4},
    "cost-locality": {"samples": 4, "walks": 64},
    "curve": {"seeds": 2, "steps": 20},
    "expressibility": {"n_qubits": 2, "samples": 8, "boxed": 8, "runs": 4},
    "figure-1": {},
    "first-circuit": {"seeds": 2, "n_qubits": 2, "steps": 20},
    "later-versions": {"seeds": 2, "layers": 1, "steps": 20},
    "diagnose": {"samples": 16, "walks": 2048, "chain": 24},
    "lie-algebra": {"samples": 4, "largest": 4, "chain": 10, "steps": 20},
    "mnist": {"seeds": 2, "steps": 20},
    "noise-plateaus": {"samples": 2, "runs": 2, "deepest": 32, "n_qubits": 2},
    "own-circuit": {"starts": 2, "samples": 4, "steps": 20},
    "refinement": {"seeds": 2},
    "regression-circuit": {"seeds": 2, "layers": 1},
    "saddles-and-curvature": {"largest": 4, "samples": 4, "runs": 2, "steps": 20},
    "sellier": {"seeds": 2, "steps": 20},
    "start-ensembles": {"samples": 4, "walks": 256, "largest": 100},
    "start-of-stage-2": {"starts": 8, "hessians": 2, "n": 2},
    "switching": {"seeds": 2, "cap": 60},
    "telecom": {"seeds": 2, "steps": 20},
    "thousand-qubits": {"samples": 4, "walks": 256, "largest": 100},
    "two-steps-that-work": {"seeds": 2, "layers": 1, "steps": 20},
    "variational-circuits": {"samples": 8, "n_qubits": 2, "n_layers": 1},
    "vqe": {"seeds": 2, "n": 2},
}


def cells(name):
    """Return the sources of a chapter's code cells; the one with its parameters is tagged."""
    notebook = json.loads((BOOK / f"{name}.ipynb").read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [("".join(c["source"]), "parameters" in c["metadata"].get("tags", [])) for c in code]


def takes(name, parameter):
    return any(tagged and f"\n{parameter} = " in f"\n{source}" for source, tagged in cells(name))


def test_chapters_with_a_device_are_tested_on_one():
    assert set(CHAPTERS) == {path.stem for path in BOOK.glob("*.ipynb") if takes(path.stem, "device")}
    toc = (BOOK / "_toc.yml").read_text()
    part = toc.partition("caption: On circuits")[2].partition("caption:")[0]
    chapters = [line.split()[-1] for line in part.splitlines() if "file:" in line]
    assert len(chapters) >= 10
    assert [(c, p) for c in chapters for p in ("device", "dtype") if not takes(c, p)] == []
    torch.zeros(1, device=DEVICE).sum()  # the fixture asks for an operation


@pytest.mark.parametrize("name", CHAPTERS)
def test_chapters_run_on_the_device(name, monkeypatch):
    monkeypatch.chdir(BOOK)
    monkeypatch.setattr(Explorer, "_make_page", lambda self: "")  # the frame it starts with stands for all
    scope = {"__name__": "__main__"}
    for source, tagged in cells(name):
        exec(compile(source, name, "exec"), scope)
        if tagged:
            assert CHAPTERS[name].keys() <= scope.keys()
            scope |= CHAPTERS[name] | {"device": DEVICE}
