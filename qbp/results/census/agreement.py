"""Agreement of the two engines on collected circuits: z values of every parameter's variance."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qbp import _files
from qbp.plateaus.diagnosis.variants import freed
from qbp.plateaus.variance import gradient_variance
from qbp.results import store
from qbp.results.census.collection import Collected

FILE = "census-agreement.json"
SAMPLES, WALKS = 20_000, 2**16
FEWEST = 4000  # samples of large circuits: of fewer the errors of rare large gradients are not known
ENOUGH, PER_AMPLITUDE = 30.0, 1e-9  # seconds a circuit and observable, and seconds a rotation and amplitude
LARGEST = 12  # qubits
KINDS = ("last qubit", "neighbours")  # a projector has tails that the errors of samples do not know of


class Agreement(NamedTuple):
    """Differences of two estimates over the root of the sum of their squared errors.

    Attributes:
        z: of all parameters of all circuits that both engines resolve.
        circuits: {circuit and observable: the largest z in size}.
        disagree: circuits and observables where one engine calls a parameter dead that the other sees alive.
        refused: {circuit: why no walk serves it}.
    """

    z: np.ndarray
    circuits: dict[str, float]
    disagree: list[str]
    refused: dict[str, str]

    def numbers(self) -> dict[str, float]:
        """Return counts, the share of z below 2 in size, its largest size and its deviation; NaN of none."""
        size = np.abs(self.z)
        some = len(self.z) > 0
        return {
            "parameters": len(self.z),
            "pairs": len(self.circuits),
            "inside": float((size < 2).mean()) if some else math.nan,
            "largest": float(size.max()) if some else math.nan,
            "deviation": float(self.z.std()) if some else math.nan,
            "disagree": len(self.disagree),
            "refused": len(self.refused),
        }

    def __str__(self) -> str:
        if not len(self.z):
            return "no parameter to compare"
        n = self.numbers()
        return (
            f"{n['parameters']} parameters of {n['pairs']} circuits and observables: |z| < 2 in "
            f"{100 * n['inside']:.1f} %, largest {n['largest']:.2f}; "
            f"{n['disagree']} where one calls dead what the other sees; {n['refused']} refused"
        )


def save(found: Agreement, directory: Path = store.DIRECTORY) -> Path:
    """Write the numbers of an agreement into a results folder."""
    path = directory / FILE
    _files.write(path, (json.dumps(found.numbers(), indent=1) + "\n").encode())
    return path


def load(directory: Path = store.DIRECTORY) -> dict[str, float]:
    """Return the numbers of the agreement of a results folder, see :meth:`Agreement.numbers`.

    Raises:
        ValueError: there are none.
    """
    return _files.kept(directory, FILE)


def compare_engines(
    circuits: Iterable[Collected], samples: int = SAMPLES, walks: int = WALKS, seed: int = 0
) -> Agreement:
    """Estimate the variances of untied circuits of at most 12 qubits by state vectors and by walks.

    Args:
        circuits: larger ones are left out.
        samples, walks: of the two engines; of samples fewer where they would take over 30 seconds, 4,000 at
            least.
        seed: of both, whose draws are independent.

    Returns:
        The z values, see :class:`Agreement`.
    """
    z, worst, disagree, refused = list[np.ndarray](), dict[str, float](), list[str](), dict[str, str]()
    for found in circuits:
        if found.qubits > LARGEST:
            continue
        circuit = freed(found.circuit)
        one = PER_AMPLITUDE * len(circuit.program) * 2**found.qubits
        several = min(samples, max(int(ENOUGH / one), FEWEST))
        for kind in KINDS:
            H, name = found.observable(kind), f"{found.name}, {kind}"
            try:
                walked = gradient_variance(circuit, H, engine="pauli-walk", walks=walks, seed=seed)
            except ValueError as error:
                refused[found.name] = str(error)
                continue
            sampled = gradient_variance(circuit, H, several, seed=seed, engine="statevector", device="cpu")
            dead = [(one.upper_bound == 0).numpy() for one in (walked, sampled)]
            seen = [(one.variance > 0).numpy() for one in (walked, sampled)]
            if (dead[0] & seen[1] | dead[1] & seen[0]).any():
                disagree.append(name)
            spread = np.hypot(walked.stderr.numpy(), sampled.stderr.numpy())
            off = walked.variance.numpy() - sampled.variance.numpy()
            known = seen[0] & seen[1] & (spread > 0)
            if known.any():
                z.append(off[known] / spread[known])
                worst[name] = float(abs(z[-1]).max())
    return Agreement(np.concatenate(z) if z else np.zeros(0), worst, disagree, refused)
