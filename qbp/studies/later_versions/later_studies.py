"""Studies of the paper's later versions: the cloning attack on BB84, in the table `cloning`, and the Wine
regression, in the table `wine`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qbp import _checks
from qbp.experiments.later_versions.cloning import ARMS, CloningExperiment
from qbp.experiments.later_versions.wine import PENALTIES, WineExperiment
from qbp.studies.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from qbp.experiments.result import Result

DEPTHS = tuple(range(1, 11))
FEW = (1, 4, 7, 10)  # depths of what is varied beside
SEEDS = 20
METRICS = ("fidelity", "fidelity_bob", "fidelity_channels", "shots_sd", "loss")
SHARED: dict[str, dict[str, Any]] = {  # rows from one start for all methods
    "no-init": {"method": "no-init", "reading": "as-described"},
    "two-stage": {"method": "two-stage", "reading": "as-described"},
    "one ridge step": {
        "method": "two-stage",
        "reading": "as-described",
        "algorithm": {"stage_1_steps": 1},
    },
    "as released": {"method": "two-stage", "starts": "shared"},
}

# Mean fidelities that the later notebook stores, of one run each: exact, from 1,000 shots, with channels.
REPORTED: dict[str, tuple[tuple[float, float, float], ...]] = {
    "convex": (
        (0.7440274782892193, 0.7475, 0.7303944427472254),
        (0.609852932073647, 0.60725, 0.6037158201891485),
        (0.4999909153059727, 0.496625, 0.4999914230391029),
        (0.7294571435400932, 0.7355, 0.7166371792645378),
        (0.6101301654504874, 0.60775, 0.603977910613362),
        (0.4999168350847966, 0.498875, 0.49992132192343686),
        (0.7068780760531688, 0.711125, 0.6953196535129516),
        (0.5964034192185903, 0.5935, 0.5909523608864264),
        (0.5036313553872502, 0.5005, 0.5034780749213656),
        (0.5000289261469528, 0.499625, 0.5000229607985527),
    ),
    "two-stage": (
        (0.749999990375881, 0.751125, 0.7360332991409272),
        (0.6249999868398811, 0.6185, 0.6180166410998309),
        (0.7723943929121988, 0.76725, 0.7597076681702972),
        (0.8535528378739445, 0.8555, 0.836362335567852),
        (0.8535532089943374, 0.860625, 0.836362618292785),
        (0.8535533487436231, 0.8525, 0.8363626857681791),
        (0.818631643635267, 0.8105, 0.8036933807901019),
        (0.8535530237503071, 0.853125, 0.8363624284421378),
        (0.8535497658898832, 0.848125, 0.8363596069419428),
        (0.8535531841183489, 0.8545, 0.8363627449645552),
    ),
    "no-init": (
        (0.7499999972506735, 0.753125, 0.7360333737197695),
        (0.624999972237273, 0.617, 0.6180166337307055),
        (0.7499999615286148, 0.749125, 0.7378443943519153),
        (0.8535534664925359, 0.8545, 0.8363629303641982),
        (0.8535529270175164, 0.86075, 0.8363623745416011),
        (0.81863245483349, 0.81525, 0.8036941253519752),
        (0.8017763188847035, 0.80325, 0.7861977653689936),
        (0.8535408678865823, 0.851375, 0.8363507722397759),
        (0.757008904967214, 0.758125, 0.7453055982702879),
        (0.8534548307248775, 0.857, 0.8362684314433289),
    ),
}
# Of its first cell, a program of its own: five layers alone.
REPORTED_ALONE = {
    "convex": (0.608442, 0.61150, 0.602384),
    "two-stage": (0.853546, 0.85450, 0.836355),
    "no-init": (0.792705, 0.79375, 0.778473),
}


class CloningStudy(Study):
    """The cloning circuit at every depth: `replayed`, the notebook's three arms with the starts that its
    program draws; `alone`, its first cell; `shared`, methods that begin at one start."""

    tasks = ("replayed", "alone", "shared")

    def configs(self, task: str) -> dict[str, CloningExperiment]:
        """Return {"arm, 3 layers": configuration} of one task."""
        _checks.choice("task", task, self.tasks)
        if task == "alone":
            return {arm: CloningExperiment(method=arm, first_layers=5, seeds=1) for arm in ARMS}
        rows = SHARED if task == "shared" else {arm: {"method": arm} for arm in ARMS}
        return {
            label(row, layers): CloningExperiment(**{"seeds": SEEDS, "layers": layers, **options})
            for row, options in rows.items()
            for layers in (DEPTHS if row in ARMS else FEW)
        }

    def home(self, config: CloningExperiment) -> str:
        """Return `cloning`."""
        return "cloning"


def label(row: str, layers: int) -> str:
    """Return what a claim calls a row at a depth.

    Example:
        >>> label("two-stage", 1), label("no-init", 2)
        ('two-stage, 1 layer', 'no-init, 2 layers')
    """
    return f"{row}, {layers} layer{'s' * (layers > 1)}"


CLONING = CloningStudy("cloning", "Does the two-stage method clone BB84's states better than a random start?")

WINE_METRICS = ("train_loss", "val_loss")
# Errors that the repository stores of its Wine run, one run each: training and test.
WINE_REPORTED = {"no-init": (0.2245, 0.3294), "two-stage": (0.2291, 0.2310), "mlp": (0.0014, 0.0216)}
_WINE: dict[str, dict[str, Any]] = {
    "no-init": {"method": "no-init"},
    "two-stage": {"method": "two-stage"},
    "mlp": {"method": "mlp"},
    "two-stage, the other's penalty": {"method": "two-stage", "penalty": PENALTIES["no-init"]},
    "no-init, components": {"method": "no-init", "features": "components"},
    "two-stage, components": {"method": "two-stage", "features": "components"},
}


class WineStudy(Study):
    """The Wine regression: its `arms`, and what they change by."""

    tasks = ("arms",)

    def configs(self, task: str) -> dict[str, WineExperiment]:
        """Return {label: configuration}."""
        _checks.choice("task", task, self.tasks)
        return {row: WineExperiment(seeds=SEEDS, **options) for row, options in _WINE.items()}

    def home(self, config: WineExperiment) -> str:
        """Return `wine`."""
        return "wine"

    def pairs(self) -> dict[str, tuple[str, str]]:
        """Return the comparisons of two arms for :func:`qbp.studies.regression_studies.compared`."""
        return {
            "as stored": ("two-stage", "no-init"),
            "one penalty": ("two-stage, the other's penalty", "no-init"),
            "principal components": ("two-stage, components", "no-init, components"),
            "a perceptron": ("mlp", "no-init"),
        }


WINE = WineStudy("wine", "What does Stage 1 do to a regression on the Wine data?")


def by_depth(found: Mapping[str, "Result"]) -> dict[str, dict[int, "Result"]]:
    """Return rows of the study by name and depth, {row: {layers: Result}}.

    Args:
        found: {"row, N layers": Result}, as the study loads them.
    """
    rows: dict[str, dict[int, Result]] = {}
    for name, result in found.items():
        rows.setdefault(name.rpartition(", ")[0], {})[result.config.layers] = result
    return rows


def matched(found: Mapping[str, Mapping[int, "Result"]]) -> "pd.DataFrame":
    """Compare the run of the notebook's seed with what the notebook stores, a row per depth.

    Args:
        found: {arm: {layers: Result}}, whose first run is that of the notebook's seed.

    Returns:
        For each arm the stored value and ours; then the largest difference of the exact values, of those
        behind the channels, and the largest distance of a value from shots in standard deviations.
    """
    import pandas as pd

    rows = {}
    for layers in DEPTHS:
        row: dict[str, Any] = {}
        exact, noisy, shots = [], [], []
        for arm, values in REPORTED.items():
            stored, drawn, behind = values[layers - 1]
            run = {m: found[arm][layers].final(m)[0] for m in METRICS}
            row |= {f"{arm}, stored": f"{stored:.4f}", f"{arm}, ours": f"{run['fidelity']:.4f}"}
            exact.append(abs(run["fidelity"] - stored))
            noisy.append(abs(run["fidelity_channels"] - behind))
            shots.append(abs(drawn - run["fidelity"]) / run["shots_sd"])
        worst = {"exact": max(exact), "channels": max(noisy), "shots, in deviations": max(shots)}
        rows[layers] = row | worst
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("layers")
