"""A peer asked about circuits of the suite, as its documentation says: run by its own interpreter.

python plateau_peers.py PEER < families.jsonl > answers.jsonl

A line of input is a family: {"name", "ensemble", "noise", "cases": [{"n", "n_params", "H": {string: number},
"gates": [[name, [qubits], null | number | [parameter, scale, offset]]]}]}; position 0 of a string is qubit 0.
A line of output has the verdict ("plateau", "no plateau", or null where the tool gives none), what it
measured, seconds, and a note.
"""

import contextlib
import io
import json
import math
import re
import signal
import sys
import tempfile
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

SAMPLES = 100  # angles a circuit, the default of qmlkit's scan; ansatz-search has 11,806 and takes 500 here
SEED = 0
SECONDS = 60  # of a processor, a family


class NotServed(Exception):
    """Something that the peer does not take."""


class TooLong(Exception):
    """More than SECONDS."""


def _stop(*_):
    raise TooLong(f"over {SECONDS} s")


def qiskit_circuit(case):
    """Qiskit circuit with a parameter for each angle; the names sort in their order."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector

    theta, made = ParameterVector("t", case["n_params"]), QuantumCircuit(case["n"])
    for name, qubits, angle in case["gates"]:
        turn = []
        if isinstance(angle, list):
            k, scale, offset = angle
            turn = [theta[k] if scale == 1 and offset == 0 else scale * theta[k] + offset]
        elif angle is not None:
            turn = [angle]
        getattr(made, name)(*turn, *qubits)
    return made


def draw(family, rng, count, n_params):
    """Angles of the ensemble of a family, (count, n_params)."""
    ensemble = family["ensemble"]
    if not ensemble:
        return rng.uniform(0, 2 * np.pi, (count, n_params))
    normal = ensemble["kind"] == "gaussian"
    unit = rng.standard_normal((count, n_params)) if normal else rng.uniform(-1, 1, (count, n_params))
    return ensemble["width"] * unit


def no_noise(family):
    """Refuse noise behind every gate."""
    if family["noise"]:
        raise NotServed("noise behind every gate")


def qmlkit(family):
    """Scan of the variance of the first derivative over widths; its verdict: a factor < 0.75 a qubit."""
    import qmlkit as qk
    from qmlkit.ansatz.blocks import Custom
    from qmlkit.ansatz.library import Ansatz
    from qmlkit.core.ir import ParamRef
    from qmlkit.core.observables import PauliString, PauliSum

    no_noise(family)
    if family["ensemble"]:
        raise NotServed("angles other than uniform ones")
    cases = {case["n"]: case for case in family["cases"]}
    if len(cases) < 2:  # it would call one width "not exponential"
        raise NotServed("a family of which one size alone is small enough")

    def ansatz(n):
        def emit(qc, ctx):
            made = [ctx.new_param() for _ in range(cases[n]["n_params"])]
            for name, qubits, angle in cases[n]["gates"]:
                turn = []
                if isinstance(angle, list):
                    turn = [ParamRef(made[angle[0]].index, angle[1], angle[2])]
                elif angle is not None:
                    turn = [angle]
                qc.apply(name, qubits, *turn)

        return Ansatz(n, Custom(emit))

    def observable(n):
        terms = [PauliString.from_label(string, c) for string, c in cases[n]["H"].items()]
        return terms[0] if len(terms) == 1 else PauliSum(tuple(terms))

    scan = qk.barren_plateau_scan(ansatz, list(cases), observable, n_samples=SAMPLES, seed=SEED)
    smallest = min(cases)
    findings = qk.plateau_mechanism(ansatz(max(cases)), observable(max(cases)), n_samples=30, seed=SEED)
    report = qk.diagnose(ansatz(smallest), observable(smallest), n_samples=30, seed=SEED)
    named = [f.message for f in report.findings if f.code == "DEAD_WEIGHTS"]
    return {
        "verdict": "plateau" if scan["looks_exponential"] else "no plateau",
        "rate": None if not scan["decay_per_qubit"] else -math.log2(scan["decay_per_qubit"]),
        "causes": [finding.code for finding in findings],
        "variances": scan["variance"],
        "findings": [finding.code for finding in report.findings],
        "dead": {smallest: json.loads(re.search(r"indices (\[[^\]]*\])", named[0])[1]) if named else []},
    }


def ansatz_search(family):
    """Gradient variance over gate error at the largest size: from 8 on trainable (Table I of its paper)."""
    from ansatz_search import AnsatzSpec
    from ansatz_search.backends.numpy import NumpyCompiler
    from ansatz_search.metrics import Trainability
    from ansatz_search.utils.parameter_sampler import GaussianSampler, UniformSampler

    no_noise(family)
    case, ensemble = family["cases"][-1], family["ensemble"]
    sampler = UniformSampler(seed=SEED)
    if ensemble and ensemble["kind"] == "gaussian":
        sampler = GaussianSampler(std=ensemble["width"], seed=SEED)
    elif ensemble:
        sampler = UniformSampler(-ensemble["width"], ensemble["width"], seed=SEED)
    spec = AnsatzSpec.from_qiskit(qiskit_circuit(case))
    metric = Trainability(case["H"], parameter_sampler=sampler, num_of_param_samples=500, seed=SEED)
    value = metric.value(NumpyCompiler().compile(spec), spec)
    return {"verdict": "plateau" if value < 8.0 else "no plateau", "ratio": value}


def hilbertbench(family):
    """Variance of recorded values at the largest size, random angles: above 0.005 is trainable."""
    from hilbertbench import HilbertTrace
    from hilbertbench.analysis import detect_barren_plateau
    from hilbertbench.integrations.qiskit import HilbertEstimatorProxy
    from hilbertbench.recorder.tape import HilbertTape
    from qiskit.quantum_info import SparsePauliOp

    no_noise(family)
    case = family["cases"][-1]
    circuit = qiskit_circuit(case)
    H = SparsePauliOp.from_list([(string[::-1], c) for string, c in case["H"].items()])
    angles = draw(family, np.random.default_rng(SEED), SAMPLES, case["n_params"])
    with tempfile.TemporaryDirectory() as folder, HilbertTape(folder + "/run") as tape:
        estimator = HilbertEstimatorProxy(tape)
        for theta in angles:
            estimator.run([(circuit, H, theta)]).result()
        path = tape.dir_path
        tape.__exit__(None, None, None)
        found = detect_barren_plateau(HilbertTrace(path), seed=SEED)
    plateau = found["status"] == "Barren Plateau Detected"
    enough = found["status"] != "Insufficient Data"
    return {
        "verdict": ("plateau" if plateau else "no plateau") if enough else None,
        "variance": found["variance"],
    }


def landscape_tools(family):
    """Variances of the cost at each size, for a plot; the tool gives no verdict."""
    from landscape_tools import barren_plateaus as bp
    from qiskit.quantum_info import SparsePauliOp, Statevector

    no_noise(family)
    cases = {case["n"]: case for case in family["cases"]}
    rng = np.random.default_rng(SEED)

    def builder(context, **_):
        case = cases[context["n_qubits"]]
        H = SparsePauliOp.from_list([(string[::-1], c) for string, c in case["H"].items()])
        circuit = context["circuits"]
        return lambda theta: float(Statevector(circuit.assign_parameters(theta)).expectation_value(H).real)

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("figures").mkdir()  # it draws into this folder, and ends with an error where it is not
        found = bp.barren_plateaus_analysis(
            bp.ExperimentConfig("layerwise_qubits", list(cases), [1], family["name"]),
            builder,
            lambda n, depth: draw(family, rng, 1, cases[n]["n_params"])[0],
            lambda n, depth, name: qiskit_circuit(cases[n]),
            bp.SamplingConfig(N_min=SAMPLES, N_batch=SAMPLES, N_max=2 * SAMPLES),
            bp.ExecutionConfig(n_jobs=1, verbose=False),
        )
    return {"verdict": None, "measured": json.loads(json.dumps(found, default=str))}


PEERS = {
    "qmlkit": qmlkit,
    "ansatz-search": ansatz_search,
    "hilbertbench": hilbertbench,
    "landscape-tools": landscape_tools,
}


def main() -> None:
    """Answer each line."""
    peer, out = sys.argv[1], sys.stdout
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, _stop)
    out.write(json.dumps({"peer": peer, "version": version(peer), "python": sys.version.split()[0]}) + "\n")
    out.flush()
    for line in sys.stdin:
        family, start = json.loads(line), time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                answer = PEERS[peer](family)
        except (NotServed, TooLong) as error:
            answer = {"verdict": None, "note": f"{'not served: ' * isinstance(error, NotServed)}{error}"}
        except Exception as error:
            answer = {"verdict": None, "note": f"{type(error).__name__}: {str(error)[:200]}"}
        signal.setitimer(signal.ITIMER_PROF, 0)
        answer |= {"name": family["name"], "sizes": [case["n"] for case in family["cases"]]}
        out.write(json.dumps(answer | {"seconds": round(time.process_time() - start, 2)}) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
