"""Properties of every public function: whatever it is given, a result that is right or an error that names
the argument; the same result for the same values in another form; rows of a batch that are those alone.

The good calls are those of test_arguments.py and circuits/test_wrong_arguments.py, and what these lack.
"""

import dataclasses
import importlib
import resource
import signal
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_arguments
import torch
import variants
from test_arguments import ROOT, result, t

import qbp
from qbp.perceptrons.mlp import MLP
from qbp.plateaus.algebra import examples
from qbp.plateaus.pauli.trace import walk_trace
from qbp.plateaus.pauli.walk import walk_moments
from qbp.plateaus.sampling import random_angles
from qbp.plateaus.starts.moments import start_moments
from qbp.teaching.budget import MeteredDevice

sys.path.append(str(ROOT / "tests" / "circuits"))
import test_wrong_arguments

H, CIRCUIT = qbp.tfim(2), qbp.HardwareEfficient(2, 1)
ENSEMBLE = qbp.AngleEnsemble("gaussian", 0.1)
SIMULATOR, ALGEBRA = qbp.AlgebraSimulator(CIRCUIT, H), qbp.lie_algebra(["XI", "IX", "ZZ"])
MODEL = MLP(1, 2, 1)


def builder(**more: Any) -> Callable[[], dict[str, Any]]:
    """The arguments of a gate of a new builder."""
    return lambda: {"self": qbp.CircuitBuilder(3).h(0), **more}


def device(**more: Any) -> Callable[[], dict[str, Any]]:
    """The arguments of a new metered device."""
    return lambda: {"self": MeteredDevice(CIRCUIT, H, shots=3, budget=10**6), **more}


ONE, TURN, TWO = {"qubit": 1}, {"angle": 0.5, "qubit": 1}, {"a": 0, "b": 1}
CONTROLLED = {"control": 0, "target": 2}
GATES = {
    **dict.fromkeys(("h", "s", "sdg", "t", "tdg", "x", "y", "z", "sx", "sxdg", "id"), ONE),
    **dict.fromkeys(("rx", "ry", "rz", "p"), TURN),
    **{name: {"angle": 0.5, **TWO} for name in ("rxx", "ryy", "rzz")},
    **{name: {"angle": 0.5, **CONTROLLED} for name in ("crx", "cry", "crz", "cp")},
    **dict.fromkeys(("swap", "cz"), TWO),
    **dict.fromkeys(("cx", "cy"), CONTROLLED),
    "u": {"theta": 0.1, "phi": 0.2, "lam": 0.3, "qubit": 1},
    "parameter": {"name": "a"},
    "pauli_rotation": {"angle": 0.5, "pauli": "XYZ"},
    "build": {},
    "barrier": {},
}
MORE: dict[Callable[..., Any], Callable[[], dict[str, Any]]] = {
    qbp.gradient_variance: lambda: {
        "circuit": CIRCUIT, "H": H, "samples": 3, "seed": 0, "engine": "statevector", "ensemble": ENSEMBLE,
        "walks": 64, "dtype": torch.float64, "device": "cpu", "chunk": 2, "progress": None,
    },
    qbp.lie_algebra: lambda: {"generators": ["XI", "IX", "ZZ"], "cap": 10},
    type(ALGEBRA).contains: lambda: {"self": ALGEBRA, "H": H},
    qbp.deep_variance: lambda: {
        "circuit": qbp.PauliRotations(2, ["XI", "IX", "ZZ"]), "H": qbp.PauliSum({"ZZ": 1.0}), "cap": 20,
    },
    qbp.AlgebraSimulator: lambda: {"circuit": CIRCUIT, "H": H, "cap": 20},
    qbp.AlgebraSimulator.expectation: lambda: {"self": SIMULATOR, "theta": t(2, 4)},
    qbp.AlgebraSimulator.value_and_gradient: lambda: {"self": SIMULATOR, "theta": t(2, 4)},
    qbp.AngleEnsemble: lambda: {"kind": "uniform", "width": 0.1, "center": 0.2, "noise": qbp.GateNoise()},
    qbp.GateNoise: lambda: {"depolarizing": 0.1, "dephasing": 0.1, "amplitude_damping": 0.1},
    qbp.HardwareEfficient.value_and_gradient: lambda: {"self": CIRCUIT, "theta": t(2, 4), "H": H},
    qbp.Angle.__mul__: lambda: {"self": qbp.Angle(0), "other": 2.0},
    qbp.Angle.__add__: lambda: {"self": qbp.Angle(0), "other": 2.0},
    qbp.Angle.__truediv__: lambda: {"self": qbp.Angle(0), "other": 2.0},
    qbp.Result.final: lambda: {"self": result(), "metric": "error"},
    MLP.__call__: lambda: {"self": MODEL, "theta": t(2, 7), "x": t(5, 1)},
    MLP.features: lambda: {"self": MODEL, "theta": t(2, 7), "x": t(5, 1)},
    MLP.with_readout: lambda: {"self": MODEL, "theta": t(2, 7), "weights": t(2, 3, 1)},
    MLP.xavier: lambda: {"self": MODEL, "seeds": [1, 2]},
    examples.family: lambda: {"name": "Ising chain", "n": 4, "n_layers": 2},
    examples.enough_layers: lambda: {"name": "Ising chain", "n": 4},
    examples.sampled_variance: lambda: {
        "circuit": CIRCUIT, "H": H, "samples": 3, "seed": 1, "device": "cpu", "dtype": torch.float32,
    },
    walk_trace: lambda: {"circuit": CIRCUIT, "pauli": "ZZ", "seed": 1},
    walk_moments: lambda: {"circuit": CIRCUIT, "H": H, "walks": 64, "seed": 1, "progress": None},
    start_moments: lambda: {
        "circuit": CIRCUIT, "H": H, "ensemble": ENSEMBLE, "walks": 64, "seed": 1, "progress": None,
    },
    random_angles: lambda: {"seed": 1, "rows": range(2), "n_params": 3},
    MeteredDevice: lambda: {"circuit": CIRCUIT, "hamiltonian": H, "shots": 3, "budget": 100, "seed": 1},
    MeteredDevice.cost: device(observables=[H], gradient=True),
    MeteredDevice.energy: device(theta=t(4)),
    MeteredDevice.gradient: device(theta=t(4), observables=[H], weights=t(1)),
    MeteredDevice.expectations: device(theta=t(4), observables=[H]),
    **{getattr(qbp.CircuitBuilder, name): builder(**given) for name, given in GATES.items()},
}  # fmt: skip
SLOW = {"experiments.registry.compare"}  # trains whatever it is given
ALSO = {  # how else an error may speak of an argument: by what it holds, or by what it does not go with
    **test_wrong_arguments.ALSO,
    **dict.fromkeys(("qubit", "a", "b", "control", "target"), "a qubit|the qubits of a gate"),
    **dict.fromkeys(("other", "phi", "lam"), "angle"),
    "theta": "directions|angle",
    "pauli": "a Pauli string",
    "circuit": "H|theta|observables|task|hamiltonian",
}
SECONDS = 20  # of the processor, for one call
LIKE = {
    "baseline.loop.grid",
    "baseline.loop.packet",
    "baseline.packets.positions",
    "baseline.packets.wave_numbers",
}
ONE_RUN = {*LIKE}  # a tensor says the precision and the device alone
IN_DOUBLE = {  # estimates and statistics, whatever the angles are
    "MeteredDevice.expectations",
    "MeteredDevice.gradient",
    "bloch_vectors",
    "ensemble",
    "frame_potential",
    "perceptrons.datasets.telecom",
}
SHARED = {  # what stands for all runs has fewer axes: a row of it is no row of the runs
    "MLP.__call__": "x",
    "MLP.features": "x",
    "baseline.packets.split_step": "kick drift",
    "convex.ridge": "targets",
    "perceptrons.mlp.mean_squared_error": "target",
    "remedies.least_squares.projection.projected_jacobian": "targets",
    "remedies.least_squares.projection.projected_loss": "targets",
    "remedies.least_squares.projection.solve": "targets",
}
ON_ITS_DEVICE = {"remedies.least_squares.coordinates.turn_one"}  # tensors meet those of what is measured
DOUBLE = (torch.float64, torch.complex128)
PATIENT = {
    ("walks", "a billion"),  # it takes its time
    ("start", "large array, one number"),  # the memory that it asks for is refused by numpy, not by name:
    ("start", "large tensor, one number"),  # a mend would change the code that the result tables rest on
}
PAIRS = 12  # of wrong arguments, a function


def calls() -> Iterator[tuple[str, Callable[..., Any], Callable[[], dict[str, Any]]]]:
    """Every function of the three tables with its name and what makes its good arguments."""
    for module, functions in test_arguments.GOOD.items():
        for name, good in functions.items():
            found = getattr(importlib.import_module(f"qbp.{module}"), name)
            if f"{module}.{name}" not in SLOW and "nowhere" not in map(str, good().values()):
                yield f"{module}.{name}", found, good
    for function, given in test_wrong_arguments.VALID.items():
        yield function.__qualname__, function, lambda given=given: dict(given)
    for function, good in MORE.items():
        yield function.__qualname__, function, good


CALLS = {name: (function, good) for name, function, good in calls()}


def names_of(*arguments: str) -> str:
    """A pattern for the words by which an error may name one of some arguments."""
    return "|".join(rf"{name.removesuffix('s')}s?\b|(?:{ALSO.get(name, name)})\b" for name in arguments)


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """No call fills the memory: it gets a few GB above what the process has."""
    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (has + 3 * 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def too_long(*given: Any) -> None:
    raise TimeoutError("no answer in time")


def answer(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """What a call gives: its result or its error; one that takes far longer than any good call has none."""
    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        return function(**arguments)
    except Exception as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def wrong(argument: str, good: Any) -> list[tuple[str, Any]]:
    """The wrong values that an argument is given."""
    return [(said, value) for said, value in variants.wrong(good) if (argument, said) not in PATIENT]


def own(good: dict[str, Any]) -> list[str]:
    """The arguments of a call that may be replaced."""
    return [name for name in good if name != "self"]


def test_every_public_name_is_called_somewhere():
    called = {name.rpartition(".")[2] for name in CALLS} | {name.partition(".")[0] for name in CALLS}
    configured = {kind.__name__ for kind, _ in test_arguments.CONFIGURATIONS}
    returned = {
        "Circuit",
        "DeepVariance",
        "Diagnosis",
        "Expressibility",
        "GradientVariance",
        "History",
        "Imported",
        "LieAlgebra",
    }
    peers = {name for name in qbp.__all__ if name.startswith(("to_", "from_"))}  # tests/interchange/peers
    assert set(qbp.__all__) - called - configured - returned - peers == {"compare", "diagnose"}  # SLOW


def test_there_are_thousands_of_cases():
    single = sum(len(wrong(name, good()[name])) for good in MORE.values() for name in own(good()))
    pairs = PAIRS * sum(len(own(good())) > 1 for _, good in CALLS.values())
    assert single > 5000 and pairs > 2000


@pytest.mark.parametrize("name", [function.__qualname__ for function in MORE])
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_argument_gives_a_result_or_an_error_that_names_it(name, record_property):
    function, good = CALLS[name]
    function(**good())
    cases, failed = 0, []
    for argument in own(good()):
        for said, value in wrong(argument, good()[argument]):
            got, cases = answer(function, {**good(), argument: value}), cases + 1
            if isinstance(got, Exception) and not variants.clear(got, names_of(argument)):
                failed.append(f"{argument} = {said}: {type(got).__name__}: {got!s:.150}")
    record_property("cases", cases)
    assert not failed, "\n" + "\n".join(failed)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_two_wrong_arguments_give_an_error_that_names_one(name, record_property):
    function, good = CALLS[name]
    rng, failed, cases = np.random.default_rng(zlib.crc32(name.encode())), [], 0
    for _ in range(PAIRS * (len(own(good())) > 1)):
        two = rng.choice(own(good()), 2, replace=False).tolist()
        chosen = {a: values[rng.integers(len(values))] for a in two if (values := wrong(a, good()[a]))}
        got, cases = answer(function, {**good(), **{a: value for a, (_, value) in chosen.items()}}), cases + 1
        if isinstance(got, Exception) and not variants.clear(got, names_of(*two)):
            said = ", ".join(f"{a} = {said}" for a, (said, _) in chosen.items())
            failed.append(f"{said}: {type(got).__name__}: {got!s:.150}")
    record_property("cases", cases)
    assert not failed, "\n" + "\n".join(failed)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_the_same_value_in_another_form_gives_the_same_result(name, record_property):
    function, good = CALLS[name]
    expected, failed, cases = function(**good()), [], 0
    for argument in own(good()):
        for said, value in variants.alike(good()[argument]):
            got, cases = answer(function, {**good(), argument: value}), cases + 1
            if not variants.same(expected, got):
                failed.append(f"{argument} as {said}: {got!r:.200} for {expected!r:.200}")
    record_property("cases", cases)
    assert not failed, "\n" + "\n".join(failed)


def floats(arguments: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The real or complex tensors among the arguments of a call."""
    given = {name: value for name, value in arguments.items() if isinstance(value, torch.Tensor)}
    return {n: v for n, v in given.items() if n != "self" and (v.is_floating_point() or v.is_complex())}


BATCHED = {  # functions of tensors, which may take leading axes
    name
    for name, (_, good) in CALLS.items()
    if (given := floats(good())) and name not in ONE_RUN and any(value.ndim for value in given.values())
}


@pytest.mark.parametrize("name", sorted(BATCHED))
@pytest.mark.filterwarnings("ignore")
def test_rows_of_a_batch_are_those_alone_and_none_gives_none(name, record_property):
    """Two equal rows give the same result twice, no row gives no row, and one that is NaN stays alone."""
    function, good = CALLS[name]
    expected, given, failed = function(**good()), floats(good()), []
    named = names_of(*own(good()))
    two = {n: torch.stack([v, v]) for n, v in given.items()}
    got = answer(function, {**good(), **two})
    if isinstance(got, Exception):
        failed += [] if variants.clear(got, named) else [f"two rows: {got!r:.150}"]
    else:
        failed += [
            f"row {k} is another" for k in (0, 1) if not variants.same(expected, row(got, expected, k))
        ]
        none = answer(function, {**good(), **{n: v[:0] for n, v in two.items()}})
        if isinstance(none, Exception):
            failed += [] if variants.clear(none, named) else [f"no row: {none!r:.150}"]
        else:
            failed += [f"no row gives {part.shape}" for part in variants.tensors(none) if part.numel()]
        for argument, value in two.items():
            if argument in SHARED.get(name, "").split():
                continue
            spoiled = value.clone()
            spoiled[0] = torch.nan
            beside = answer(function, {**good(), **two, argument: spoiled})
            if isinstance(beside, Exception):
                failed += [] if variants.clear(beside, named) else [f"NaN: {beside!r:.150}"]
            elif not variants.same(expected, row(beside, expected, 1)):
                failed.append(f"{argument}: NaN in one row changes the other")
    record_property("cases", 2 + len(given))
    assert not failed, "\n" + "\n".join(failed)


def row(got: Any, expected: Any, k: int) -> Any:
    """Return row k of what a result holds, in the form of one without rows."""
    if isinstance(expected, torch.Tensor | np.ndarray):
        return got[k] if len(np.shape(got)) > len(np.shape(expected)) else got
    if isinstance(expected, dict):
        return {name: row(got[name], value, k) for name, value in expected.items()}
    if isinstance(expected, tuple):
        return tuple(row(a, b, k) for a, b in zip(got, expected, strict=True))
    if dataclasses.is_dataclass(expected):
        fields = {f.name: getattr(expected, f.name) for f in dataclasses.fields(expected)}
        return dataclasses.replace(expected, **{n: row(getattr(got, n), v, k) for n, v in fields.items()})
    return got


@pytest.mark.parametrize("name", sorted(BATCHED))
@pytest.mark.filterwarnings("ignore")
def test_single_precision_and_no_values_stay_what_they_are(name, record_property):
    """32-bit tensors give 32-bit tensors near the others; each gives a result or an error that names it."""
    function, good = CALLS[name]
    expected, given, failed = function(**good()), floats(good()), []
    single = {n: v.to(torch.complex64 if v.is_complex() else torch.float32) for n, v in given.items()}
    got = answer(function, {**good(), **single})
    if isinstance(got, Exception):
        failed += [] if variants.clear(got, names_of(*given)) else [f"32 bits: {got!r:.150}"]
    else:
        parts = list(zip(variants.tensors(got), variants.tensors(expected), strict=True))
        failed += [f"{a.dtype} for 32 bits" for a, b in parts if a.dtype in DOUBLE and name not in IN_DOUBLE]
        failed += ["other values in 32 bits"] * (not all(variants.same(a, b, 2e-3) for a, b in parts))
    bare = answer(function, {**good(), **{n: v.to("meta") for n, v in given.items()}})
    if isinstance(bare, Exception):
        named = variants.clear(bare, names_of(*given)) or name in ON_ITS_DEVICE
        failed += [] if named else [f"on meta: {bare!r:.150}"]
    record_property("cases", 2)
    assert not failed, "\n" + "\n".join(failed)
