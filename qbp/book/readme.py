"""The parts of README.md that are computed: the claims table, the headline figure, the line counts."""

import re
from pathlib import Path

from qbp.audit import claims
from qbp.book.figures import training
from qbp.results import store
from qbp.results.store import ROOT

BLOCK = r"(?s)<!-- \w+ -->\n(.*?)<!-- /\w+ -->"  # what is computed in README
CORE = {  # floors 0 to 4: what a reader of the algorithm reads
    "two_stage": "Algorithm 1",
    "convex": "eq. 1-3: local loss, ridge, switching",
    "refinement": "eq. 4-7: blend, oscillation, annealing",
    "sellier": "Sellier's wave packets: the loop, and the form as released",
    "sellier_waves": "Sellier as described: one wave per weight, and its closure",
    "wave_packets": "packets on a grid, Gaussians that stand for them",
    "released": "the released notebook's penalties and random stream",
    "statevector": "gates, state evolution",
    "layers": "layers of rotations as few large matrix products",
    "adjoint": "expectations and their whole gradient, in memory that does not grow with depth",
    "native": "the same in compiled vectors, on a CPU",
    "kernel_plan": "programs and observables as tables for it",
    "_kernel": "its loops and vector instructions: the file to skip",
    "observables": "Pauli sums, Hamiltonians",
    "ansatz": "circuits",
    "mlp": "the perceptrons",
    "perceptron": "their problems: data, batches, losses",
    "circuits": "circuits as problems, mean-field targets",
    "plateau": "variance of gradients over random angles",
    "angle_samples": "by state vectors, streaming",
    "pauli_walk": "by random Pauli walks, at any number of qubits",
    "pauli_population": "the walks themselves, resampled",
    "pauli_families": "which strings of a sum walk together",
    "pauli_strings": "strings as bits, light cones",
    "expressibility": "distance of a circuit's states from Haar's",
    "landscape": "slices of a cost, spectra of its Hessian",
    "shifts": "slices along one angle, parameter shift",
    "saddles": "where runs descend, and what surrounds them",
    "ensembles": "gradients and expressibility of any set of angles",
    "two_design": "the variance that deep random circuits come to",
    "pauli_trace": "one walk, to be looked at",
    "targets": "what a circuit is asked for",
    "measurement": "settings, outcomes, the cost of a gradient",
    "shifted": "the circuits of a parameter-shift gradient, pure or noisy",
    "shots": "expectations and gradients from finite shots",
    "noise": "channels: density matrices and trajectories",
    "noise_moments": "exact moments of noisy gradients",
    "regression": "the later notebook's circuit",
    "optimizers": "gradient descent and Adam, row by row",
    "datasets": "curve, telecom, reduced MNIST",
    "problem": "what a method is given and gives back",
    "draws": "random draws keyed by seed, purpose, step",
}


def line_counts() -> str:
    """Return the core's modules with their lines, docstrings included, as a Markdown table."""
    counts = {name: len((ROOT / "qbp" / f"{name}.py").read_text().splitlines()) for name in CORE}
    rows = [f"| `qbp/{name}.py` | {CORE[name]} | {count} |" for name, count in counts.items()]
    return "\n".join(
        ["| module | holds | lines |", "|---|---|---|", *rows, f"| | | {sum(counts.values())} |"]
    )


def filled(text: str, directory: Path = store.DIRECTORY) -> str:
    """Return README's text with what stands between its markers computed anew, from the tables there."""
    rows = claims.committed(directory)
    for name, block in {"claims": repr(claims.Table(rows)), "lines": line_counts()}.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text, found = re.subn(pattern, lambda m, b=block: m[1] + b + "\n" + m[2], text, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"README.md must have one pair of markers for {name}, got {found}")
    return text


def update(root: Path = ROOT) -> None:
    """Write README.md and the figure it shows, results/headline.png."""
    path = root / "README.md"
    path.write_text(filled(path.read_text()))
    figure = training.with_late_steps(store.load("mnist"), "val_loss", unit="nats")
    figure.savefig(root / "results" / "headline.png", dpi=110, metadata={"Software": None})
