"""Map of the paper as data: where each equation, line, experiment, figure and reference of it stands.

A test checks every row: the name can be imported and its docstring carries the paper's label, the test
exists, the chapter is in the table of contents and shows the item.
"""

from collections.abc import Iterable
from dataclasses import dataclass

STARTS = {"eq. ": "equation", "line ": "line", "IV.": "experiment", "Fig. ": "figure", "[": "reference"}
KINDS = tuple(STARTS.values())


@dataclass(frozen=True)
class Item:
    """One row of the map.

    Attributes:
        item: the paper's label: "eq. 1", "line 5" (of Algorithm 1), "IV.B", "Fig. 1a" or "[6]".
        says: what it is, in few words; for a reference, what the book takes from it, or "not used: why".
        name: dotted name of what does it in the package; empty for a reference the book does not use.
        test: "file::function" in tests/; empty as above.
        chapter: page of the book that shows it.
        key: of a reference, in references.bib.
    """

    item: str
    says: str
    name: str
    test: str
    chapter: str
    key: str = ""

    @property
    def kind(self) -> str:
        """One of KINDS, as the paper's label says."""
        return next(kind for start, kind in STARTS.items() if self.item.startswith(start))


_LINES = "qbp.algorithm_1.algorithm"
_LISTING = "test_algorithm_1.py::test_runs_are_the_listing"
_SWITCH = "test_algorithm_1.py::test_each_row_switches_by_itself_and_anneals_from_its_own_switch"
_PANELS = "qbp.book.figures.training.figure_1_released"
_DRAWS = "book/figures/test_training.py::test_a_figure_draws_and_none_is_left_open"


def _line(number: int, says: str, test: str = _LISTING, chapter: str = "algorithm-1") -> Item:
    return Item(f"line {number}", says, _LINES, test, chapter)


PAPER_MAP: tuple[Item, ...] = (
    Item(
        "eq. 1", "local loss of Stage 1, called convex", "qbp.convex.local_loss",
        "test_convex.py::test_local_loss_is_eq_1_on_dense_matrices", "convex-initialization",
    ),
    Item(
        "eq. 2", "ridge regression, the other Stage 1", "qbp.convex.ridge",
        "test_convex.py::test_ridge_solves_the_normal_equations_run_by_run", "convex-initialization",
    ),
    Item(
        "eq. 3", "switching criterion, gradient norm against a threshold", "qbp.convex.should_switch",
        "test_convex.py::test_should_switch_is_the_scalar_rule_run_by_run_and_pure", "switching",
    ),
    Item(
        "eq. 4", "refinement loss of Stage 2, the blend", "qbp.refinement.refinement_loss",
        "test_refinement.py::test_refinement_loss_is_eq_4", "refinement",
    ),
    Item(
        "eq. 5", "structured oscillation", "qbp.refinement.oscillatory_regularizer",
        "test_refinement.py::test_oscillation_is_eq_5_bounded_and_has_its_gradient", "refinement",
    ),
    Item(
        "eq. 6", "annealing of the blend", "qbp.refinement.anneal_blend",
        "test_refinement.py::test_annealing_is_geometric", "refinement",
    ),
    Item(
        "eq. 7", "annealing of the oscillation", "qbp.refinement.anneal_oscillation",
        "test_refinement.py::test_annealing_is_geometric", "refinement",
    ),
    Item(
        "eq. 8", "the curve y = x² on [0, 1]", "qbp.perceptrons.datasets.curve",
        "perceptrons/test_datasets.py::test_curve_of_three_points_is_the_notebooks", "curve",
    ),
    _line(1, "random start θ₀"),
    _line(2, "blend and oscillation at their start values"),
    _line(3, "loop of Stage 1, while the gradient norm is below τ_g", _SWITCH, chapter="switching"),
    _line(4, "local loss", chapter="convex-initialization"),
    _line(5, "descent with step size η_c", chapter="convex-initialization"),
    _line(6, "end of Stage 1", _SWITCH, chapter="switching"),
    _line(7, "loop of Stage 2, while not converged", chapter="refinement"),
    _line(8, "oscillation", chapter="refinement"),
    _line(9, "total loss", chapter="refinement"),
    _line(10, "descent with step size η_n", chapter="refinement"),
    _line(11, "annealing, each run from its own switch", _SWITCH, chapter="refinement"),
    _line(12, "end of Stage 2", chapter="refinement"),
    _line(13, "returns θ*", "test_algorithm_1.py::test_no_steps_and_records"),
    Item(
        "IV.A", "shared Xavier start, shared batches, three strategies", "qbp.perceptrons.mlp.MLP.xavier",
        "experiments/test_perceptrons.py::test_methods_of_a_comparison_share_start_data_and_batches",
        "claims",
    ),
    Item(
        "IV.B", "curve fitting, 250 hidden units", "qbp.perceptrons.datasets.curve",
        "perceptrons/test_datasets.py::test_curve_of_three_points_is_the_notebooks", "curve",
    ),
    Item(
        "IV.C", "telecom, autoregressive series with sines", "qbp.perceptrons.datasets.telecom",
        "perceptrons/test_datasets.py::test_telecom", "telecom",
    ),
    Item(
        "IV.D", "reduced MNIST, 128 hidden units", "qbp.perceptrons.datasets.mnist",
        "perceptrons/test_datasets.py::test_mnist_has_exactly_so_many_of_each_class_and_loses_none", "mnist",
    ),
    Item("Fig. 1a", "losses on the curve", _PANELS, _DRAWS, "figure-1"),
    Item("Fig. 1b", "losses on telecom", _PANELS, _DRAWS, "figure-1"),
    Item("Fig. 1c", "losses on reduced MNIST", _PANELS, _DRAWS, "figure-1"),
    Item(
        "[1]", "Boabang 2024, not used: cited for eq. 2, which is ordinary ridge regression",
        "", "", "references", key="boabang2024",
    ),
    Item(
        "[2]", "Cerezo et al. 2021, global against local observables: its variances test our circuits",
        "qbp.circuits.observables.Projector", "circuits/test_ansatz.py::test_cerezo_warm_up_variances",
        "cost-locality",
        key="cerezo2021",
    ),
    Item(
        "[3]", "Ding et al. 2022, not used: cited for eq. 2, which is ordinary ridge regression",
        "", "", "references", key="ding2022",
    ),
    Item(
        "[4]", "Holmes et al. 2022, expressive circuits have small gradients: both measured side by side",
        "qbp.plateaus.expressibility.expressibility",
        "plateaus/test_expressibility.py::test_haar_states_and_a_deep_circuit_are_at_distance_zero",
        "expressibility",
        key="holmes2022",
    ),
    Item(
        "[5]", "McClean et al. 2018, barren plateaus of random circuits: the variance they come to",
        "qbp.plateaus.two_design.two_design_variance",
        "plateaus/test_two_design.py::test_it_is_the_mean_over_haar_random_unitaries", "barren-plateaus",
        key="mcclean2018",
    ),
    Item(
        "[6]", "Sellier 2023, the baseline, training by wave packets", "qbp.baseline.loop.sellier",
        "baseline/test_loop.py::test_every_tensor_is_one_number_from_the_first_step_on", "sellier",
        key="sellier2023",
    ),
    Item(
        "[7]", "Stęchły 2024, not used: a general introduction, cited for background", "", "",
        "references", key="stechly2024",
    ),
    Item(
        "[8]", "Xiong et al. 2011, not used: cited for eq. 2, which is ordinary ridge regression",
        "", "", "references", key="xiong2011",
    ),
)  # fmt: skip


def select(kind: str = "all", items: Iterable[Item] = PAPER_MAP) -> list[Item]:
    """Return the rows of one kind, or all of them.

    Raises:
        ValueError: `kind` is neither "all" nor in KINDS.

    Example:
        >>> [row.item for row in select("figure")]
        ['Fig. 1a', 'Fig. 1b', 'Fig. 1c']
    """
    if kind not in ("all", *KINDS):
        raise ValueError(f"kind must be one of all, {', '.join(KINDS)}, got {kind!r}")
    return [row for row in items if kind in ("all", row.kind)]
