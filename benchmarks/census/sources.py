"""Circuits that packages of others generate or ship, each with the call that made it.

A source gives :class:`Found` after :class:`Found`; `make` gives the program, and may raise `Refused`.
"""

import random
import sys
import types
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.census.writing import Refused, of_pennylane, of_qiskit

SMALL, LARGE = (4, 6, 8, 10, 12, 14), (20, 50, 101, 128)
LICENCES = {
    "mqt-bench": "MIT",
    "qiskit": "Apache-2.0",
    "pennylane": "Apache-2.0",
    "qedcbench": "Apache-2.0",
    "ansatz-search": "Apache-2.0",
}


class Found(NamedTuple):
    """A circuit to be made.

    Attributes:
        source: package.
        family: short name, the same at all sizes.
        call: how it was made, for a reader.
        make: gives its program.
        edges: pairs of qubits of the problem that it is to solve, where it has one: its cost is the cut.
    """

    source: str
    family: str
    call: str
    make: Callable[[], str]
    edges: tuple[tuple[int, int], ...] = ()


def graph(kind: str, n: int) -> list[tuple[int, int]]:
    """Edges of a ring, or of a random 3-regular graph that n alone determines."""
    if kind == "ring":
        return [(q, (q + 1) % n) for q in range(n)]
    import networkx as nx

    return sorted(tuple(sorted(edge)) for edge in nx.random_regular_graph(3, n, seed=n).edges)


# ----------------------------------------------------------------------------------------------- MQT Bench

VARIATIONAL = {"qaoa": 50, "qnn": 128, "vqe_real_amp": 128, "vqe_su2": 128, "vqe_two_local": 20}  # largest
MQT = {  # others: sizes
    "ae": (4, 8, 12), "bmw_quark_cardinality": (4, 8, 12), "bmw_quark_copula": (4, 8, 12), "bv": (8,),
    "dj": (8,), "cdkm_ripple_carry_adder": (6,), "draper_qft_adder": (6, 12), "dynamic_qft": (5,),
    "ghz": (8,), "ghz_dynamic": (5,), "graphstate": (8,), "grover": (4, 5), "hhl": (5,),
    "hrs_cumulative_multiplier": (5,), "iqpe": (5,), "multiplier": (8,), "qft": (4, 8, 12, 20, 101),
    "qftentangled": (4, 8, 12, 50), "qpeexact": (4, 8, 12), "qpeinexact": (4, 8, 12, 50), "qwalk": (4, 6),
    "randomcircuit": (4, 8, 12), "rg_qft_multiplier": (8,), "wstate": (4, 8, 12, 20, 50, 128),
}  # fmt: skip


def mqt_bench() -> Iterator[Found]:
    """MQT Bench's generator, at the level of algorithms, parameters unbound."""

    def make(name: str, n: int) -> str:
        from mqt.bench import get_benchmark_alg

        random.seed(0)
        np.random.seed(0)
        return of_qiskit(get_benchmark_alg(name, n, random_parameters=False))

    pairs = [(name, n) for name, most in VARIATIONAL.items() for n in (*SMALL[:5], *LARGE) if n <= most]
    pairs += [(name, n) for name, sizes in MQT.items() for n in sizes]
    for name, n in pairs:
        call = f"get_benchmark_alg({name!r}, {n}, random_parameters=False)"
        yield Found("mqt-bench", name, call, partial(make, name, n))


# -------------------------------------------------------------------------------------------------- Qiskit


def qiskit() -> Iterator[Found]:
    """Functions of qiskit.circuit.library."""

    def make(name: str, n: int, options: dict[str, Any]) -> str:
        from qiskit.circuit import library

        return of_qiskit(getattr(library, name)(n, **options))

    def found(name: str, n: int, **options: Any) -> Found:
        words = ", ".join([str(n), *(f"{k}={v!r}" for k, v in options.items())])
        family = "-".join([name, *(str(v) for k, v in options.items() if k not in ("seed", "num_qubits"))])
        return Found("qiskit", family, f"{name}({words})", partial(make, name, n, options))

    for n, (tangle, reps) in product(
        SMALL, (("linear", 1), ("reverse_linear", 3), ("full", 3), ("circular", 2))
    ):
        for name in ("real_amplitudes", "efficient_su2"):
            yield found(name, n, entanglement=tangle, reps=reps)
    for n in LARGE:
        yield found("real_amplitudes", n, entanglement="reverse_linear", reps=3)
        yield found("efficient_su2", n, entanglement="reverse_linear", reps=3)
        yield found("efficient_su2", n, entanglement="pairwise", reps=2)
    for n in (*SMALL, 50, 128):
        yield found("pauli_two_design", n, reps=3, seed=0)
        yield found("excitation_preserving", n, entanglement="linear", reps=2)
    for n in SMALL[1:5]:
        blocks = {"rotation_blocks": ["ry", "rz"], "entanglement_blocks": "cz", "entanglement": "linear"}
        yield found("n_local", n, **blocks, reps=n)
        yield found("z_feature_map", n, reps=2)
        yield found("zz_feature_map", n, reps=2)
    yield from qiskit_problems()


def qiskit_problems() -> Iterator[Found]:
    """Ansatz functions of qiskit.circuit.library that take a Hamiltonian."""

    def cut(n: int, kind: str) -> Any:
        from qiskit.quantum_info import SparsePauliOp

        return SparsePauliOp.from_sparse_list([("ZZ", edge, 1.0) for edge in graph(kind, n)], n)

    def qaoa(n: int, kind: str, reps: int) -> str:
        from qiskit.circuit.library import qaoa_ansatz

        return of_qiskit(qaoa_ansatz(cut(n, kind), reps=reps))

    def variational(n: int, reps: int) -> str:
        from qiskit.circuit.library import hamiltonian_variational_ansatz
        from qiskit.quantum_info import SparsePauliOp

        terms = [("ZZ", (q, q + 1), 1.0) for q in range(n - 1)] + [("X", (q,), 1.0) for q in range(n)]
        return of_qiskit(hamiltonian_variational_ansatz(SparsePauliOp.from_sparse_list(terms, n), reps=reps))

    for n, kind, reps in product((*SMALL, 20, 50, 128), ("ring", "3-regular"), (1, 3)):
        call = f"qaoa_ansatz(ZZ on a {kind} graph of {n}, reps={reps})"
        yield Found(
            "qiskit", f"qaoa_ansatz-{kind}-{reps}", call, partial(qaoa, n, kind, reps), tuple(graph(kind, n))
        )
    for n in (*SMALL, 128):
        call = f"hamiltonian_variational_ansatz(transverse Ising chain of {n}, reps=3)"
        yield Found("qiskit", "hamiltonian_variational_ansatz", call, partial(variational, n, 3))


# ----------------------------------------------------------------------------------------------- PennyLane


def pennylane() -> Iterator[Found]:
    """Templates of PennyLane."""
    layers = {
        "BasicEntanglerLayers": 3,
        "StronglyEntanglingLayers": 3,
        "SimplifiedTwoDesign": 3,
        "RandomLayers": 2,
    }
    for name, n in product(layers, SMALL):
        yield _layered(name, n, layers[name])
    for name, n in product(("BasicEntanglerLayers", "SimplifiedTwoDesign"), (20, 50, 101, 128)):
        yield _layered(name, n, layers[name])
    yield _layered("StronglyEntanglingLayers", 101, 2)
    for name, n in product(("MPS", "TTN", "MERA"), (4, 8, 16, 32, 128)):
        if name != "MERA" or n <= 32:
            yield _tensor_network(name, n)
    for name, n in product(
        ("GateFabric", "ParticleConservingU1", "ParticleConservingU2", "UCCSD", "AllSinglesDoubles"),
        (4, 6, 8),
    ):
        yield _chemistry(name, n)


def _shape(name: str, n: int, layers: int) -> tuple[int, ...]:
    import pennylane as qml

    shape = {
        "SimplifiedTwoDesign": lambda: (n + layers * (n - 1) * 2,),
        "RandomLayers": lambda: (layers, n),
    }.get(name) or (lambda: getattr(qml, name).shape(n_layers=layers, n_wires=n))
    return shape()


def _layered(name: str, n: int, layers: int) -> Found:
    def make() -> str:
        import pennylane as qml

        shape = _shape(name, n, layers)

        def template(w: Any) -> None:
            if name == "SimplifiedTwoDesign":
                qml.SimplifiedTwoDesign(w[:n], w[n:].reshape((layers, n - 1, 2)), wires=range(n))
            elif name == "RandomLayers":
                qml.RandomLayers(w.reshape(shape), wires=range(n), seed=0)
            else:
                getattr(qml, name)(w.reshape(shape), wires=range(n))

        return of_pennylane(template, n, int(np.prod(shape)))

    return Found("pennylane", name, f"{name}, {layers} layers, {n} wires", make)


def _tensor_network(name: str, n: int) -> Found:
    def make() -> str:
        import pennylane as qml

        def block(weights: Any, wires: Any) -> None:
            qml.RY(weights[0], wires=wires[0])
            qml.RY(weights[1], wires=wires[1])
            qml.CNOT(wires=wires)

        count = getattr(qml, name).get_n_blocks(range(n), 2)

        def template(w: Any) -> None:
            options = {"offset": 1} if name == "MPS" else {}
            getattr(qml, name)(range(n), 2, block, 2, w.reshape((count, 2)), **options)

        return of_pennylane(template, n, 2 * count)

    return Found("pennylane", name, f"{name}, blocks of two RY and a CNOT, {n} wires", make)


def _chemistry(name: str, n: int) -> Found:
    def make() -> str:
        import pennylane as qml

        electrons, kind = n // 2 - (n // 2) % 2 or 2, getattr(qml, name)
        hf = np.array([1] * electrons + [0] * (n - electrons))
        singles, doubles = qml.qchem.excitations(electrons, n)
        count = len(singles) + len(doubles)

        def template(w: Any) -> None:
            if name == "UCCSD":
                s, d = qml.qchem.excitations_to_wires(singles, doubles)
                qml.UCCSD(w, range(n), s_wires=s, d_wires=d, init_state=hf)
            elif name == "AllSinglesDoubles":
                qml.AllSinglesDoubles(w, range(n), hf, singles=singles, doubles=doubles)
            else:
                kind(w.reshape(shape), wires=range(n), init_state=hf)

        shape = (count,) if name in ("UCCSD", "AllSinglesDoubles") else kind.shape(n_layers=2, n_wires=n)
        return of_pennylane(template, n, int(np.prod(shape)))

    return Found("pennylane", name, f"{name}, half filled, {n} wires", make)


# ------------------------------------------------------------------------------------- QED-C, Sim et al.


def _qedc() -> Path:
    """Folder of qedcbench, which its modules expect among those of Python; runs are replaced by nothing."""
    import qedcbench

    folder = Path(qedcbench.__path__[0])
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
        for name in ("qiskit_aer", "qedclib.qiskit", "qedclib.qiskit.execute"):
            stub = types.ModuleType(name)
            stub.Aer, stub.execute, stub.__path__ = None, None, []  # type: ignore[attr-defined]
            sys.modules[name] = stub
    return folder


def qedc() -> Iterator[Found]:
    """Builders of QED-C's application-oriented benchmarks for Qiskit."""

    def maxcut(n: int, rounds: int) -> str:
        _qedc()
        from maxcut.qiskit.maxcut_benchmark import create_qaoa_circ_param
        from qiskit.circuit import ParameterVector

        betas, gammas = ParameterVector("b", rounds), ParameterVector("g", rounds)
        return of_qiskit(create_qaoa_circ_param(n, _instance(n), betas, gammas))

    def lattice(n: int) -> str:
        _qedc()
        from hydrogen_lattice.qiskit.hydrogen_lattice_benchmark import VQE_ansatz

        found = VQE_ansatz(n, [1.0] * (n * n // 4), True)
        return of_qiskit(found[0] if isinstance(found, tuple) else found)

    def simulation(n: int, hamiltonian: str) -> str:
        _qedc()
        from hamiltonian_simulation.qiskit.hamiltonian_simulation_kernel import HamiltonianSimulation

        rng = np.random.default_rng(0)
        hx, hz = rng.uniform(-1, 1, (2, n)).round(6).tolist()
        found = HamiltonianSimulation(n, 2, 0.2, hamiltonian, 1.0, hx, hz)
        return of_qiskit(found[0] if isinstance(found, tuple) else found)

    for n, rounds in product((4, 6, 8, 10, 12, 14, 20, 24), (1, 2)):
        call = f"create_qaoa_circ_param({n}, mc_{n:03}_003_000, {rounds} rounds)"
        yield Found("qedcbench", f"maxcut-{rounds}", call, partial(maxcut, n, rounds), tuple(_instance(n)))
    for n in (4, 6, 8, 10):
        yield Found(
            "qedcbench", "hydrogen_lattice", f"VQE_ansatz({n}, parameterized=True)", partial(lattice, n)
        )
    for n, hamiltonian in product((4, 8, 12, 20), ("heisenberg", "tfim")):
        call = f"HamiltonianSimulation({n}, K=2, t=0.2, {hamiltonian!r})"
        yield Found(
            "qedcbench", f"hamiltonian_simulation-{hamiltonian}", call, partial(simulation, n, hamiltonian)
        )


def _instance(n: int) -> list[tuple[int, int]]:
    lines = (_qedc() / f"maxcut/_common/instances/mc_{n:03}_003_000.txt").read_text().split("\n")
    return [tuple(map(int, line.split())) for line in lines[1:] if line.strip()]  # type: ignore[misc]


def sim2019() -> Iterator[Found]:
    """The nineteen circuits of Sim et al. 2019 as ansatz-search ships them, one and three layers."""

    def make(number: int, layers: int) -> str:
        from ansatz_search.backends.qiskit import QiskitCompiler
        from ansatz_search.benchmarks.sim2019 import sim2019_circuit
        from qiskit.circuit import ParameterVector

        one = QiskitCompiler().compile(sim2019_circuit(number))
        theta, whole = ParameterVector("t", layers * one.num_parameters), one.copy_empty_like()
        for layer in range(layers):
            some = theta[layer * one.num_parameters : (layer + 1) * one.num_parameters]
            whole = whole.compose(one.assign_parameters(some))
        return of_qiskit(whole)

    for number, layers in product(range(1, 20), (1, 3)):
        call = f"sim2019_circuit({number}), {layers} layers"
        yield Found("ansatz-search", f"sim2019-{number}-{layers}", call, partial(make, number, layers))


SOURCES = {
    "mqt-bench": mqt_bench,
    "qiskit": qiskit,
    "pennylane": pennylane,
    "qedcbench": qedc,
    "ansatz-search": sim2019,
}


def versions(names: list[str]) -> dict[str, str]:
    """Versions of some packages."""
    return {name: version(name) for name in names}


__all__ = ["LICENCES", "SOURCES", "Found", "Refused", "versions"]
