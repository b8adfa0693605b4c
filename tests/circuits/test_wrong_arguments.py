"""Wrong arguments of every public function of circuits and plateaus: a result, or an error that names them.

Each argument of each function is replaced, one at a time, by each of the values below.  What comes back is a
result, or a TypeError or ValueError that names the argument and says what it takes and what it got.
"""

import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import qbp
from qbp.circuits import targets
from qbp.circuits.gates import Rotation
from qbp.circuits.hardware import measurement, noise, shots
from qbp.circuits.problems import Infidelity, circuit_problem, product_energy, product_state_targets
from qbp.circuits.templates import chemistry
from qbp.plateaus import (
    barriers,
    ensembles,
    expressibility,
    landscape,
    noise_moments,
    saddles,
    shifts,
    two_design,
)

ROOT = Path(qbp.__file__).parent
CIRCUIT = qbp.HardwareEfficient(2, 1)
TIED = qbp.PauliRotations(2, ["ZZ", "XI", "IX"], tied=[0, 1, 1])
THETA = torch.linspace(0, 1, 4, dtype=torch.float64)
H, CHANNEL = qbp.tfim(2), noise.depolarizing(0.1)
STATE = torch.tensor([0.6, 0.0, 0.0, 0.8], dtype=torch.complex128)
_, HISTORY = saddles.descend(CIRCUIT, H, THETA[None], steps=2, record_every=1)

WRONG = {
    "None": None,
    "text": "one",
    "an object": object(),
    "a class": dict,
    "true": True,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus one": -1,
    "zero": 0,
    "one half": 0.5,
    "numpy integer": np.int64(2),
    "numpy number": np.float32(0.5),
    "beyond a float": 10**400,
    "beyond any memory": 10**15,
    "complex": 1j,
    "empty list": [],
    "list": [0.1, 0.2, 0.3, 0.4],
    "list of lists": [[0.1, 0.2], [0.3]],
    "list of texts": ["one"],
    "set": {"rx", "ry"},
    "set of letters": {"X", "Y"},
    "mapping": {"a": 1},
    "iterator": iter([0.1]),
    "array": np.ones(4),
    "array without axes": np.array(1.0),
    "tensor": torch.ones(4),
    "another shape": torch.ones(2, 7, 3),
    "no axis": torch.tensor(1.0),
    "no entry": torch.ones(0),
    "no row": torch.ones(0, 4),
    "half": torch.ones(4, dtype=torch.float16),
    "bfloat16": torch.ones(4, dtype=torch.bfloat16),
    "whole numbers": torch.ones(4, dtype=torch.int64),
    "complex tensor": torch.ones(4, dtype=torch.complex128),
    "sparse": torch.ones(4).to_sparse(),
    "tensor of NaN": torch.full((4,), torch.nan),
    "asks for a gradient": torch.ones(4, requires_grad=True),
    "another circuit": qbp.HardwareEfficient(3, 1),
    "another observable": qbp.Projector(3),
    "one observable": H,
}

VALID = {
    qbp.HardwareEfficient: {"n_qubits": 2, "n_layers": 1, "rotations": ["ry"], "entangler": "cz",
                            "topology": "ring", "seed": None, "start": "zero"},
    qbp.PauliRotations: {"n_qubits": 2, "generators": ["ZZ"], "tied": [0], "start": "plus"},
    qbp.BuiltCircuit: {"n_qubits": 2, "gates": [Rotation("XI", 0)], "parameter_names": ["a"],
                       "start": "zero"},
    qbp.CircuitBuilder: {"n_qubits": 2, "start": "plus"},
    qbp.HamiltonianVariational: {"H": H, "n_layers": 2, "start": "plus"},
    qbp.QAOA: {"graph": [(0, 1), (1, 2, 0.5)], "n_layers": 1, "n_qubits": 3, "start": "plus"},
    qbp.StronglyEntangling: {"n_qubits": 3, "n_layers": 2, "ranges": [1, 2], "start": "zero"},
    qbp.TwoLocal: {"n_qubits": 2, "reps": 1, "rotations": ["ry"], "entangler": "cz", "topology": "full",
                   "start": "zero"},
    qbp.UCCSD: {"n_qubits": 4, "n_electrons": 2, "excitations": [((0, 1), (2, 3))]},
    chemistry.spin_excitations: {"n_qubits": 4, "n_electrons": 2},
    chemistry.excitation_rotations: {"n_qubits": 4, "excitation": ((0,), (2,))},
    qbp.Layer: {"circuit": CIRCUIT, "observables": [H], "theta0": THETA, "seed": 1},
    qbp.Layer.forward: {"self": qbp.Layer(CIRCUIT, H), "inputs": torch.ones(3, 2)},
    qbp.train: {"circuit": CIRCUIT, "observables": H, "theta0": THETA, "steps": 2, "optimizer": "adamw",
                "lr": 0.1, "weight_decay": 0.1, "targets": torch.ones(3, 1), "inputs": torch.ones(3, 2),
                "batches": torch.zeros(2, 3, dtype=torch.int64)},
    qbp.HardwareEfficient.state: {"self": CIRCUIT, "theta": THETA, "inputs": torch.ones(3, 2)},
    qbp.HardwareEfficient.expectation: {"self": CIRCUIT, "theta": THETA, "H": H, "inputs": torch.ones(3, 2)},
    qbp.HardwareEfficient.expectations: {"self": CIRCUIT, "theta": THETA, "observables": [H], "inputs": None},
    qbp.PauliSum: {"terms": {"ZZ": 1.0}},
    qbp.PauliSum.expectation: {"self": H, "state": STATE},
    qbp.PauliSum.apply: {"self": H, "state": STATE},
    qbp.Projector: {"n_qubits": 2},
    qbp.Projector.apply: {"self": qbp.Projector(2), "state": STATE},
    qbp.tfim: {"n": 2, "coupling": 1.0, "field": 1.0, "periodic": False},
    qbp.heisenberg: {"n": 2, "coupling": 1.0, "periodic": False},
    qbp.maxcut: {"edges": [(0, 1)], "weights": [1.0], "n_qubits": 2},
    qbp.local_observables: {"n": 2, "paulis": "XZ"},
    Infidelity: {"target": STATE},
    Infidelity.apply: {"self": Infidelity(STATE), "state": STATE},
    circuit_problem: {"circuit": CIRCUIT, "task": H, "observables": [H], "targets": torch.ones(1)},
    product_state_targets: {"hamiltonian": qbp.PauliSum({"ZI": 1.0}), "seed": 0,
                            "observables": qbp.local_observables(2, "Z")},
    product_energy: {"hamiltonian": H, "bloch": torch.ones(2, 3)},
    targets.target: {"kind": "tfim", "circuit": CIRCUIT, "seed": 0, "frame": "plain", "layers": 2},
    targets.clifford_frame: {"n_qubits": 2, "seed": 0},
    targets.in_frame: {"H": H, "cliffords": targets.clifford_frame(2, 0)},
    targets.ground_energy: {"H": H},
    targets.bloch_vectors: {"state": STATE},
    targets.Target.local: {"self": targets.target("product", CIRCUIT, 0), "paulis": "XY"},
    targets.Target.information: {"self": targets.target("product", CIRCUIT, 0), "paulis": "XY"},
    measurement.settings: {"observables": [H]},
    measurement.evaluations: {"circuit": CIRCUIT, "n_settings": 2, "gradient": True},
    measurement.plan: {"observables": [H], "n_qubits": 2},
    noise.Channel: {"name": "depolarizing", "strength": 0.1},
    noise.depolarizing: {"p": 0.1},
    noise.amplitude_damping: {"gamma": 0.1},
    noise.noisy_expectations: {"circuit": CIRCUIT, "theta": THETA, "observables": [H], "channel": CHANNEL,
                               "where": "layers", "trajectories": 2, "seed": 0, "inputs": None},
    noise.density_matrix: {"circuit": CIRCUIT, "theta": THETA, "channel": CHANNEL, "where": "end",
                           "inputs": torch.ones(3, 2)},
    noise.sample_trajectories: {"circuit": CIRCUIT, "theta": THETA, "channel": CHANNEL, "count": 2, "seed": 0,
                                "where": "layers", "inputs": torch.ones(3, 2)},
    noise.n_qubits: {"circuit": CIRCUIT},
    noise.check_size: {"circuit": CIRCUIT},
    shots.shot_expectations: {"circuit": CIRCUIT, "theta": THETA, "observables": [H], "shots": 3,
                              "draws_key": ([0], "m", 0), "inputs": None, "channel": None, "where": "layers"},
    shots.gradient_noise: {"circuit": CIRCUIT, "theta": THETA, "H": H, "shots": 3, "channel": CHANNEL,
                           "where": "layers"},
    barriers.periodic_difference: {"a": THETA, "b": 2 * THETA, "period": 1.0},
    barriers.along_line: {"cost": lambda t: t.sum(-1), "a": THETA, "b": 2 * THETA, "points": 3,
                          "period": 1.0},
    barriers.barrier: {"cost": lambda t: t.sum(-1), "a": THETA, "b": 2 * THETA, "points": 3, "period": None},
    ensembles.ensemble: {"circuit": CIRCUIT, "observables": {"a": H}, "theta": THETA.expand(5, 4)},
    ensembles.box: {"center": THETA, "reach": 0.1, "samples": 3, "seed": 0},
    expressibility.expressibility: {"circuit": CIRCUIT, "samples": 4, "seed": 0, "order": 2,
                                    "dtype": torch.float64, "device": "cpu"},
    expressibility.haar_frame_potential: {"dimension": 4, "order": 2},
    expressibility.frame_potential: {"states": STATE.expand(5, 4), "order": 2},
    landscape.random_directions: {"n_params": 5, "count": 2, "seed": 0},
    landscape.landscape: {"cost": lambda t: t.sum(-1), "theta": THETA, "directions": torch.eye(4)[:1],
                          "reach": 1.0, "points": 3},
    landscape.hessian: {"circuit": TIED, "theta": THETA[:2], "H": H},
    landscape.hessian_spectrum: {"circuit": CIRCUIT, "theta": THETA, "H": H},
    noise_moments.exact_variance: {"circuit": CIRCUIT, "H": H, "p": 0.1},
    noise_moments.layer_factor: {"circuit": CIRCUIT, "p": 0.1},
    noise_moments.scrambled_factor: {"n_qubits": 2, "p": 0.1},
    noise_moments.gradient_bound: {"H": H, "p": 0.1, "n_layers": 2},
    saddles.look: {"circuit": CIRCUIT, "theta": THETA, "H": H},
    saddles.random_points: {"circuit": CIRCUIT, "H": H, "samples": 2, "seed": 0, "reach": 0.1,
                            "dtype": torch.float64, "device": "cpu"},
    saddles.descend: {"circuit": CIRCUIT, "H": H, "theta0": THETA, "steps": 1, "rate": 0.1,
                      "optimizer": "adam", "record_every": 1},
    saddles.slowest: {"history": HISTORY, "left": 0.1},
    saddles.at_records: {"history": HISTORY, "records": torch.zeros(1, dtype=torch.int64)},
    saddles.surroundings: {"circuit": CIRCUIT, "theta": THETA, "H": H, "points": 3},
    shifts.slices: {"circuit": CIRCUIT, "theta": THETA, "H": H},
    shifts.parameter_shift: {"circuit": CIRCUIT, "theta": THETA, "H": H},
    shifts.slice_along: {"circuit": CIRCUIT, "theta": THETA, "H": H, "k": 0, "points": 3},
    shifts.limits: {"H": H},
    two_design.two_design_variance: {"H": H},
}  # fmt: skip

# Called by the functions above with what these have checked; the walks have tests of their own.
INNER = {"adjoint", "compiled", "gates", "layers", "statevector", "parameter_shift", "sampling", "variance"}
PARTS = {
    "check", "observables_on", "amplitudes", "pauli_string", "overlaps", "in_rows", "evolve_density", "rows",
    "apply_channel", "trace", "layers", "rounded", "rotation_names", "with_inputs",
}  # fmt: skip
RECORDS = {
    "Circuit", "Observable", "Target", "Setting", "Plan", "Gradients", "Ensemble", "Expressibility", "Point",
    "Slices", "Slice", "Training", "Settings", "Data",
}  # fmt: skip
ALSO = {  # how else an error may speak of an argument: by what it holds, or by what it does not go with
    "rotations": "a rotation",
    "generators": "a Pauli string",
    "terms": "a Pauli string",
    "circuit": "H|theta|observables|task",
    "theta": "directions",
    "n_qubits": "observables|ranges|excitations?",
    "count": "trajectories",
    "trajectories": "circuit",
    "steps": "batches",
}


def test_the_table_has_every_public_function():
    found = {function.__name__ for function in VALID}
    for folder in ("circuits", "circuits/hardware", "circuits/templates", "circuits/training", "plateaus"):
        for path in (ROOT / folder).glob("[a-z]*.py"):
            if path.stem in INNER:
                continue
            module = importlib.import_module(".".join(["qbp", *folder.split("/"), path.stem]))
            own = {n for n, o in vars(module).items() if getattr(o, "__module__", "") == module.__name__
                   and inspect.isroutine(o) | inspect.isclass(o) and not n.startswith("_")}  # fmt: skip
            assert own <= found | PARTS | RECORDS, path


@pytest.mark.parametrize("function", VALID, ids=lambda function: function.__qualname__)
def test_a_wrong_argument_gives_a_result_or_an_error_that_names_it(function):
    function(**VALID[function])
    for name in VALID[function].keys() - {"self"}:
        for said, value in WRONG.items():
            if name == "cost" and callable(value):
                continue
            arguments = {**VALID[function], name: value}
            try:
                function(**arguments)
            except (TypeError, ValueError) as error:
                text = str(error)
                names = rf"\b({name}|{ALSO.get(name, name)})\b"
                clear = re.search(names, text) and (" must " in text or " is an option " in text)
                assert clear and "got" in text, f"{name} = {said}: {text!r}"
            except BaseException as error:
                raise AssertionError(f"{name} = {said}: {type(error).__name__}: {error}") from error
