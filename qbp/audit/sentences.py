"""The paper's claims as data, in its order: what each sentence says, where, how we read it, and which measure
(:mod:`qbp.audit.measures`) and rule (:mod:`qbp.audit.verdicts`) it is put to.

Measuring and judging them is :mod:`qbp.audit.claims`; no row here has a result in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from qbp.audit import measures
from qbp.audit.measures import Measure
from qbp.studies.start_ensembles import WHENS
from qbp.studies.start_gradients import RELATIVE

READINGS = ("as-released", "as-written")
TASKS = ("curve", "telecom", "mnist")
FIGURE = {"curve": "Fig. 1a", "telecom": "Fig. 1b", "mnist": "Fig. 1c"}
RULES_OF_EQ_3 = {"threshold": "a gradient norm above tau_g", "plateau": "a gradient norm that is stable"}
ASKED = {  # tasks of circuits
    "tfim": "Ising chain in a random frame",
    "heisenberg": "Heisenberg chain in a random frame",
    "maxcut": "cut of a ring in a random frame",
    "product": "product state",
    "circuit": "state of a two-layer circuit",
    "random": "random state",
}
KINDS = ("product", "circuit", "tfim", "random")  # of targets, where Stage 2 begins
BASELINES = {"no-init": "no initialization", "sellier": "Sellier"}


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper in one reading.

    To measure an open one, give it a table, methods, a metric and a measure.

    Attributes:
        id: short name; the chapters glue the measurement under it.
        claim: what the paper says, in few words.
        quote: its own words.
        where: section or figure of the paper.
        paper: the paper's relative change, None where it gives no figure.
        read_as: how we read it, where the words leave a choice.
        experiment, reading: which results speak to it; the reading may add what else is changed.
        table: committed table it is measured on; "study/task" for one of
            :mod:`qbp.studies.perceptron_studies`, after "vqe/" for one of :mod:`qbp.studies.circuit_studies`;
            "pqc/depth/output"; empty for a statement about formulas, which is computed when it is asked for.
        method, baseline: the two that are compared, as the table calls them.
        metric: name in the history.
        how: the measure.
        rule: key of RULES in :mod:`qbp.audit.verdicts`, or "untestable".
        ambiguities: rows of the chapter on ambiguities that it depends on.
        needs: what an open or untestable row would take.
        main: whether it is one of the rows that README and the chapters show.
        uses: names in the table that the measure reads, where they are not the method and the baseline.
    """

    id: str
    claim: str
    quote: str
    where: str
    paper: float | None = None
    read_as: str = ""
    experiment: str = ""
    reading: str = ""
    table: str = ""
    method: str = ""
    baseline: str = ""
    metric: str = ""
    how: Measure | None = None
    rule: str = "lower"
    ambiguities: tuple[int, ...] = ()
    needs: str = ""
    main: bool = False
    uses: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What the measure reads of its table."""
        given = self.uses or (*self.method.split(","), *self.baseline.split(","))
        return tuple(name for name in given if name)


def _both(id: str, claim: str, quote: str, where: str, experiment: str, **fields: Any) -> Iterator[Claim]:
    """Yield a claim about one experiment in both readings; two-stage against no-init unless said."""
    given = {"method": "two-stage", "baseline": "no-init", "metric": "train_loss", "how": measures.final}
    for reading in READINGS:
        table = experiment if reading == "as-written" else f"{experiment}-as-released"
        own = {"experiment": experiment, "reading": reading, "table": table, **given, **fields}
        yield Claim(f"{id}-{reading}", claim, quote, where, **own)


def _on(claims: Iterable[Claim], table: str, note: str, end: str) -> Iterator[Claim]:
    """Yield the as-written or as-released claim of a pair on another table, as a row of its own."""
    reading = "as-released" if table.endswith("as-released") else "as-written"
    for c in claims:
        if c.reading == reading:
            yield replace(c, id=f"{c.id}-{end}", reading=f"{reading}, {note}", table=table, main=False)


_CONVERGES = (
    "The Convex to Nonconvex initialization yields consistently smoother and faster convergence compared to "
    "QiML and Sellier baselines."
)
_OUTPERFORMS = "consistently outperformed baselines in convergence speed, stability, and final task accuracy"
_VALIDATION = "achieved an 11.5% relative reduction in validation loss and lower gradient variance"
_FASTER = "steps to the lowest training loss that every run of both methods reaches"
_SMOOTHER = "mean absolute second difference of log10 of the training loss beyond step 300"
_VARIATION = "total variation of log10 of the training loss beyond step 300"


def _convergence(experiment: str, where: str) -> Iterator[Claim]:
    """Yield "faster" and "smoother" against both baselines (Fig. 1)."""
    for baseline, name in BASELINES.items():
        of, place = f"{experiment}-{{}}-{baseline}", f"{where}, {FIGURE[experiment]}"
        yield from _both(
            of.format("faster"),
            f"faster than {name}",
            _CONVERGES,
            place,
            experiment,
            baseline=baseline,
            how=measures.steps_needed,
            read_as=_FASTER,
            ambiguities=(1, 12, 19),
        )
        yield from _both(
            of.format("smoother"),
            f"smoother than {name}",
            _CONVERGES,
            place,
            experiment,
            baseline=baseline,
            how=measures.roughness,
            read_as=_SMOOTHER,
            ambiguities=(1, 12, 19),
        )
        if experiment == "curve":
            for name_, how, read_as in (
                ("smoother", measures.roughness, _SMOOTHER),
                ("variation", measures.variation, _VARIATION),
            ):
                pair = _both(
                    of.format(name_),
                    f"smoother than {name}",
                    _CONVERGES,
                    place,
                    experiment,
                    baseline=baseline,
                    how=how,
                    read_as=read_as,
                    ambiguities=(1, 12, 19),
                )
                yield from _on(pair, "curve-steps", "every step", "every-step")


def _spread(experiment: str) -> Iterator[Claim]:
    """Yield "lower loss variance" and "mitigates initialization sensitivity"."""
    for baseline, name in BASELINES.items():
        yield from _both(
            f"{experiment}-loss-variance-{baseline}",
            f"lower loss variance than {name}",
            "achieved improved generalization and lower loss variance across tasks",
            "IV.D, V",
            experiment,
            baseline=baseline,
            how=measures.deviation,
            ambiguities=(1, 19),
            read_as="variance over seeds of the training loss after the last step",
        )
    yield from _both(
        f"{experiment}-start-sensitivity",
        "less sensitive to the start than no initialization",
        "mitigates gradient vanishing and initialization sensitivity",
        "V",
        experiment,
        how=measures.log_deviation,
        ambiguities=(1, 12),
        read_as="variance over seeds of log10 of the training loss after the last step: how much of the "
        "difference between starts is left, whatever the level",
    )


def _facts(experiment: str) -> Iterator[Claim]:
    """Yield the statements about the set-up that are checked run by run."""
    yield from _both(
        f"{experiment}-same-start",
        "all methods start from the same weights",
        "all models were initialized using the same random seed and identical weight parameters",
        "IV.A",
        experiment,
        baseline="no-init,sellier",
        how=measures.same_start,
        rule="every",
        ambiguities=(20,),
        read_as="equal training and validation loss before the first step; what Sellier's first step then "
        "does to the weights is another matter",
    )
    yield from list(
        _both(
            f"{experiment}-same-batches",
            "all methods see the same mini-batches",
            "Each optimizer used the same mini-batch order through a fixed pseudo-random generator",
            "IV.A",
            experiment,
            how=measures.same_batch,
            rule="every",
            read_as="equal task loss on the first mini-batch; the later ones come from the same stream",
        )
    )[1:]  # as released the batch is drawn and never used
    yield from _both(
        f"{experiment}-divergence",
        "without divergence",
        "promotes exploration and adaptive expressivity without divergence",
        "IV.D",
        experiment,
        baseline="",
        how=measures.stays_finite,
        rule="every",
        read_as="every value of the run stays finite",
    )


def _surveyed(experiment: str) -> Iterator[Claim]:
    """Yield what is measured where Stage 1 ends, on the tables of `qbp terrain`."""
    table = {
        "experiment": experiment,
        "reading": "as-written",
        "table": f"terrain-{experiment}",
        "method": "two-stage",
        "baseline": "no-init",
    }
    high = {"metric": "hessian_high", "ambiguities": (4, 12)}
    says = "the convex initialization guiding parameters toward a low-curvature region"
    low = "largest eigenvalue of the Hessian of the training loss at the end of Stage 1, "
    yield Claim(
        f"{experiment}-low-curvature",
        "Stage 1 leads to lower curvature",
        says,
        "IV.D",
        **table,
        **high,
        how=measures.since_start,
        read_as=f"{low}against the start",
    )
    yield Claim(
        f"{experiment}-low-curvature-no-init",
        "Stage 1 leads to lower curvature than no initialization",
        says,
        "IV.D",
        **table,
        **high,
        how=measures.after_stage_1,
        read_as=f"{low}against step 100 without Stage 1",
    )
    yield Claim(
        f"{experiment}-conditioning",
        "well-conditioned gradients after Stage 1",
        "ensuring well-conditioned gradient propagation",
        "I",
        **table,
        metric="layer_ratio",
        how=measures.since_start,
        ambiguities=(4, 12),
        read_as="ratio of the largest to the smallest root mean square gradient of a layer, at the end of "
        "Stage 1, against the start",
    )
    minima = "enabling exploration of multiple energy minima"
    yield Claim(
        f"{experiment}-many-minima",
        "Stage 2 leaves the basin that Stage 1 ends in",
        minima,
        "abstract, III.B",
        **table,
        how=measures.climbs_back,
        rule="most",
        ambiguities=(13,),
        read_as="the training loss rises by 1 % or more on the straight line from where Stage 2 starts to "
        "where it ends",
    )
    yield Claim(
        f"{experiment}-other-minimum",
        "the oscillation leads to another minimum",
        minima,
        "abstract, III.B",
        **table,
        how=measures.other_basin,
        rule="most",
        ambiguities=(13,),
        read_as="the training loss rises by 1 % or more on the straight line between the ends with and "
        "without oscillation",
    )


def _noise(experiment: str) -> Claim:
    task = {"curve": "curve-64"}.get(experiment, experiment)
    return Claim(
        f"{task}-noise-resilience",
        "more resilient to the noise of small mini-batches",
        "greater resilience to optimization noise",
        "V",
        experiment=experiment,
        reading="as-written, 64 points" if task == "curve-64" else "as-written",
        table=f"batch/{task}",
        method="two-stage",
        baseline="no-init",
        metric="train_loss",
        how=measures.small_batches,
        ambiguities=(12,),
        read_as="the factor by which the final training loss with batches of 4 lies above that with batches "
        "of 64, against the same factor without initialization",
        uses=tuple(f"{m}, batches of {n}" for m in ("two-stage", "no-init") for n in (4, 64)),
    )


def _depth(task: str) -> Claim:
    deep, shallow = (f"two-stage, depth {n}, width 64" for n in (8, 1))
    return Claim(
        f"{task}-depths",
        "generalization is preserved from one to eight hidden layers",
        "preserves generalization performance across varying circuit depths",
        "abstract",
        experiment=task.removesuffix("-64"),
        reading="as-written, 64 points" if task == "curve-64" else "as-written",
        table=f"depth/{task}",
        method=deep,
        baseline=shallow,
        metric="val_loss",
        how=measures.final,
        rule="preserved",
        read_as="validation loss of perceptrons with 8 hidden layers against 1; no circuit here",
        uses=(deep, shallow),
    )


def _vanishing(kind: str) -> Claim:
    ours, others = (f"{kind}, {when}" for when in WHENS[::-1])
    return Claim(
        f"gradient-vanishing-{kind}",
        "the framework mitigates gradient vanishing",
        "the framework mitigates gradient vanishing, enhances optimization stability",
        "abstract",
        **_CIRCUITS,
        reading=f"circuits, {ASKED[kind]}",
        table="starts/n",
        method=ours,
        baseline=others,
        metric=RELATIVE,
        how=measures.vanishing,
        ambiguities=(2, 3),
        read_as="bits per qubit by which the mean square component of the task's gradient, over the error "
        "left, falls from 4 to 12 qubits at as many layers: at the start of Stage 2 against the random start",
        uses=tuple(f"{n} qubits, {name}" for name in (ours, others) for n in (4, 6, 8, 10, 12)),
    )


def _escapes(rule: str) -> Claim:
    return Claim(
        f"escape-{rule}",
        "eq. 3 ensures escape from the flat regime",
        "ensuring that parameters have escaped the flat gradient regime associated with barren plateaus",
        "III.A, eq. 3",
        **_CIRCUITS,
        reading=f"circuits, {rule}",
        table="starts/switching",
        method=rule,
        metric=RELATIVE,
        how=measures.escapes,
        rule="every",
        ambiguities=(7, 8),
        read_as="the mean square component of the task's gradient, over the error left, is four times its "
        f"value at the random start or more where {RULES_OF_EQ_3[rule]} ends Stage 1, or after 100 steps; "
        "eight qubits, eight layers, four kinds of targets",
        uses=tuple(f"{kind}, {rule}" for kind in KINDS),
    )


def _constrains(kind: str) -> Claim:
    return Claim(
        f"concentration-expressibility-{kind}",
        "the convex stage constrains expressibility",
        _CONCENTRATES,
        "III.B",
        **_CIRCUITS,
        reading=f"circuits, {ASKED[kind]}",
        metric=kind,
        how=measures.constrained,
        ambiguities=(2, 3),
        read_as="frame potential of order two of the states of random starts, against that of the same "
        "starts after Stage 1; lower is more expressible; four qubits, four layers, n counts pairs of states",
    )


def _grows(kind: str) -> Claim:
    ours, others = (f"8 qubits, {kind}, {when}" for when in WHENS)
    return Claim(
        f"concentration-gradients-{kind}",
        "the convex stage makes gradients larger",
        _CONCENTRATES,
        "III.B",
        **_CIRCUITS,
        reading=f"circuits, {ASKED[kind]}",
        table="starts/n",
        method=ours,
        baseline=others,
        metric="task",
        how=measures.grown,
        ambiguities=(2, 3),
        read_as="mean square component of the task's gradient at random starts, against that after Stage 1; "
        "eight qubits, eight layers",
        uses=(ours, others),
    )


_CIRCUITS = {"experiment": "vqe"}
_CONCENTRATES = "The convex stage enforces gradient concentration by constraining expressibility"


def _on_circuits(id: str, claim: str, quote: str, where: str, task: str, table: str, **fields: Any) -> Claim:
    """Return a claim on one task of :mod:`qbp.studies.circuit_studies`; two-stage against no-init unless
    said."""
    given = {"method": "two-stage", "baseline": "no-init", "metric": "error", "how": measures.final}
    given |= {"experiment": "vqe", "reading": f"circuits, {ASKED[task]}", "ambiguities": (2, 3)}
    given |= {"table": f"vqe/{table}/{task}", **fields}
    both = given["method"], given["baseline"]  # labels with commas
    return Claim(f"circuits-{id}-{task}", claim, quote, where, uses=both, **given)


def _trained(task: str) -> Iterator[Claim]:
    """Yield what Algorithm 1 is made for: circuits, with exact expectations."""
    quote = "designed to overcome barren plateaus and improve convergence stability in quantum and"
    quote += " quantum-inspired models"
    size = "6 qubits, 6 layers, exact expectations, the same 300 steps"
    yield _on_circuits(
        "error", "circuits: lower final error than no initialization", quote, "abstract", task,
        "methods", read_as=f"energy above the ground state, or infidelity, after the last step; {size}",
    )  # fmt: skip
    yield _on_circuits(
        "cost", "circuits: fewer evaluations than no initialization", quote, "abstract", task,
        "methods", how=measures.evaluations_needed,
        read_as=f"evaluations to the lowest error that every run of both methods reaches; {size}",
    )  # fmt: skip


def _on_a_plateau(task: str) -> Claim:
    """Return the case that the method is made for: a random start without signal, local targets that know."""
    return _on_circuits(
        "plateau", "on a plateau: lower final error than no initialization",
        "leverages convex initialization to suppress barren plateaus and enhance gradient visibility",
        "III.B", task, "plateau", method="two-stage, 10 shots", baseline="no-init, 10 shots",
        read_as="exact infidelity after training with 10 shots per circuit and setting; 10 qubits, 2 layers, "
        "the same 300 steps",
    )  # fmt: skip


def _disturbed(task: str) -> Iterator[Claim]:
    """Yield what shots and channels do to trained circuits."""
    quote = "to enhance gradient visibility and suppress noise-induced instability"
    of = {"method": "two-stage, {}", "baseline": "no-init, {}"}
    shots = {name: form.format("10 shots") for name, form in of.items()}
    noise = {name: form.format("depolarizing 0.05") for name, form in of.items()}
    size = "6 qubits, 6 layers, the same 300 steps"
    yield _on_circuits(
        "instability", "convex initialization suppresses noise-induced instability", quote, "abstract", task,
        "shots", **shots, how=measures.late_climbs,
        read_as="sum of the upward moves of log10 of the exact error over the last 100 steps, trained with "
        f"10 shots per circuit and setting; {size}",
    )  # fmt: skip
    yield _on_circuits(
        "shots", "lower error than no initialization under the noise of shots", quote, "abstract", task,
        "shots", **shots,
        read_as=f"exact error after training with 10 shots per circuit and setting; {size}",
    )  # fmt: skip
    yield _on_circuits(
        "channel", "lower error than no initialization under a noise channel", quote, "abstract", task,
        "noise", **noise,
        read_as="error without noise of what was trained under depolarizing noise of 0.05 per qubit and "
        "layer; 4 qubits, 4 layers, the same 300 steps",
    )  # fmt: skip


def _deep(task: str) -> Iterator[Claim]:
    """Yield what depth does to trained circuits."""
    quote = "preserving trainability even in deep or expressive variational architectures"
    deep, shallow = (f"two-stage, {n} layers" for n in (12, 4))
    size = "6 qubits, exact expectations, 300 steps"
    yield _on_circuits(
        "trainability", "trainability is preserved in deep and expressive circuits", quote, "V", task,
        "layers", method=deep, baseline=shallow, rule="preserved",
        read_as=f"final error with 12 layers against 4; {size}",
    )  # fmt: skip
    yield _on_circuits(
        "deep", "deep circuits: lower final error than no initialization", quote, "V", task,
        "layers", method=deep, baseline="no-init, 12 layers", read_as=f"12 layers, {size}",
    )  # fmt: skip


def _grouped(claims: Iterable[Claim]) -> list[Claim]:
    """Put the rows of one sentence side by side, the sentences in the order in which they first come."""
    claims = list(claims)
    order = list(dict.fromkeys(c.claim for c in claims))
    return sorted(claims, key=lambda c: order.index(c.claim))


_CURVE_SELLIER = tuple(
    _both(
        "curve-sellier", "lower MSE than Sellier after 500 steps",
        "a mean squared error (MSE) reduction of approximately 27.3% compared to the Sellier baseline after "
        "500 training steps", "IV.B", "curve", paper=-0.273, baseline="sellier", main=True,
        ambiguities=(1, 15, 18, 20), read_as="training error after the last step",
    )
)  # fmt: skip

_CURVE_NO_INIT = tuple(
    _both(
        "curve-no-init", "lower final loss than no initialization", _OUTPERFORMS, "IV.D, Fig. 1a", "curve",
        main=True, ambiguities=(1, 12, 18),
    )
)  # fmt: skip

_MNIST_VAL_LOSS = tuple(
    _both(
        "mnist-val-loss", "lower validation loss than no initialization",
        _VALIDATION, "IV.D", "mnist",
        paper=-0.115, metric="val_loss", main=True, ambiguities=(1, 12, 16),
    )
)  # fmt: skip

CLAIMS: tuple[Claim, ...] = (
    # ------------------------------------------------------------------------------------ abstract, I
    *map(_vanishing, KINDS),
    *_grouped(c for task in ASKED for c in _trained(task)),
    *_grouped(c for task in ("tfim", "circuit") for c in _disturbed(task)),
    Claim(
        "depths", "generalization is preserved across circuit depths",
        "preserves generalization performance across varying circuit depths", "abstract", experiment="pqc",
        reading="circuits, the later notebook's regression", table="pqc/depth/plain",
        method="two-stage, 6 layers", baseline="two-stage, 1 layers", metric="val_loss", how=measures.final,
        rule="preserved", read_as="test error of its circuit with 6 layers against 1",
        uses=("two-stage, 6 layers", "two-stage, 1 layers"),
    ),
    *map(_depth, ("curve", "curve-64", "telecom", "mnist")),
    Claim(
        "emulates", "the stages emulate a physical evolution",
        "This staged approach emulates the physical evolution of quantum systems from ordered to "
        "interference-rich states", "abstract, V", rule="untestable",
        needs="a quantity of both evolutions that could agree or differ; the paper names none",
    ),
    Claim(
        "tunneling", "the oscillation emulates interference and tunneling",
        "structured oscillations that emulate quantum interference and tunneling", "I", rule="untestable",
        needs="a definition of interference and tunneling for R_osc, a fixed sum of sines of the weights",
    ),
    # ------------------------------------------------------------------------------------ III
    Claim(
        "eq-one-convex", "eq. 1 is convex", "A convex local loss is defined as", "III.A, eq. 1",
        read_as="convex in theta, its argument in the paper", rule="convex", how=measures.eq_1_chord,
        ambiguities=(4,),
    ),
    Claim(
        "eq-two-convex", "eq. 2 is convex", "optimizes a surrogate convex loss", "III.A, eq. 2",
        read_as="convex in w, its argument in the paper", rule="convex", how=measures.eq_2_curvature,
        ambiguities=(4, 5),
    ),
    Claim(
        "surrogate-convex", "the quadratic surrogate of the perceptrons is convex",
        "minimizing a quadratic surrogate loss to locate a smooth, low-energy region", "III.A, IV.B",
        read_as="the mean squared error, convex in the weights", rule="convex", how=measures.surrogate_chord,
        ambiguities=(4, 12),
    ),
    *map(_escapes, RULES_OF_EQ_3),
    *map(_constrains, KINDS),
    *map(_grows, KINDS),
    *map(_on_a_plateau, ("product", "circuit")),
    Claim(
        "sampling", "oscillations improve the sampling of quantum states",
        "structured oscillations to improve sampling of multiple quantum states", "III.B", rule="untestable",
        needs="something that is sampled; Algorithm 1 draws no states",
    ),
    *_grouped(c for task in TASKS for c in _surveyed(task) if c.id.endswith(("minima", "minimum"))),
    # ------------------------------------------------------------------------------------ IV.A
    *_grouped(c for task in TASKS for c in _facts(task) if c.where == "IV.A"),
    # ------------------------------------------------------------------------------------ IV.B
    *_CURVE_SELLIER,
    *_on(_CURVE_SELLIER, "curve-64", "64 points", "64-points"),
    *_on(_CURVE_SELLIER, "curve-64-as-released", "64 points", "64-points"),
    *_CURVE_NO_INIT,
    *_on(_CURVE_NO_INIT, "curve-64", "64 points", "64-points"),
    *_convergence("curve", "IV.B"),
    *_both(
        "curve-no-init-unstable", "climbs less than no initialization, which is unstable",
        "the QiML (No Init) baseline exhibited oscillatory and unstable loss reduction", "IV.B, Fig. 1a",
        "curve", how=measures.climbs, ambiguities=(1, 12, 19),
        read_as="sum of the upward moves of log10 of the training loss",
    ),
    *_both(
        "curve-no-init-oscillates", "without initialization the loss oscillates",
        "the QiML (No Init) baseline exhibited oscillatory and unstable loss reduction", "IV.B, Fig. 1a",
        "curve", how=measures.oscillates, rule="most", ambiguities=(1, 12, 19),
        read_as="a quarter or more of all moves of log10 of the training loss beyond step 300 is upward",
    ),
    *_both(
        "curve-sellier-plateau", "Sellier plateaus at a higher loss",
        "Sellier (2023) plateaued at a higher residual energy", "IV.B, Fig. 1a", "curve", baseline="sellier",
        how=measures.plateaus_higher, rule="most", ambiguities=(1, 20),
        read_as="its training loss falls by less than 5 % over the last 100 steps and ends above ours",
    ),
    # ------------------------------------------------------------------------------------ IV.C
    *_both(
        "telecom-no-init", "lower final loss than no initialization",
        "consistently achieved a lower final loss value compared to the QiML (No Init) baseline",
        "IV.C, Fig. 1b", "telecom", main=True, ambiguities=(1, 12, 17),
    ),
    *_both(
        "telecom-sellier", 'lower final loss than Sellier, which "plateaus prematurely"',
        "converged faster in the early iterations but plateaus prematurely", "IV.C, Fig. 1b", "telecom",
        baseline="sellier", main=True, ambiguities=(1, 17, 20),
    ),
    *_convergence("telecom", "IV.C"),
    *_both(
        "telecom-sellier-early", "Sellier is faster in the early iterations",
        "Sellier’s optimizer converged faster in the early iterations", "IV.C, Fig. 1b", "telecom",
        method="sellier", baseline="two-stage", how=measures.early, ambiguities=(1, 20),
        read_as="Sellier's training loss, mean over the first 100 steps, is below ours",
    ),
    *_both(
        "telecom-sellier-plateau", "Sellier then plateaus at a higher loss",
        "but plateaus prematurely", "IV.C, Fig. 1b", "telecom", baseline="sellier",
        how=measures.plateaus_higher, rule="most", ambiguities=(1, 20),
        read_as="its training loss falls by less than 5 % over the last 100 steps and ends above ours",
    ),
    *_both(
        "telecom-nonstationary", "adapts better than Sellier to the nonstationary regime",
        "showing limited adaptability to the nonstationary regime introduced by autoregressive noise", "IV.C",
        "telecom", baseline="sellier", metric="val_loss", ambiguities=(1, 17, 20),
        read_as="loss on the validation windows, the part of the series that follows the training windows",
    ),
    *_both(
        "telecom-early-oscillations", "fewer early oscillations than no initialization",
        "preventing early oscillations and enhancing subsequent fine-tuning", "IV.C", "telecom",
        how=measures.early_rises, ambiguities=(1, 12, 19),
        read_as="sum of the upward moves of log10 of the training loss in the first 100 steps",
    ),
    # ------------------------------------------------------------------------------------ IV.D
    *_MNIST_VAL_LOSS,
    *_on(_MNIST_VAL_LOSS, "mnist-400", "400 digits per class", "400-per-class"),
    *_on(_MNIST_VAL_LOSS, "mnist-200-as-released", "200 digits per class", "200-per-class"),
    *_both(
        "mnist-grad-var", "lower gradient variance than no initialization",
        _VALIDATION, "IV.D", "mnist",
        metric="task_grad_var", main=True, ambiguities=(1, 12, 19),
        read_as="variance over components of the gradient of the training cross entropy, after the last step",
    ),
    *_both(
        "mnist-sellier", "lower validation loss than Sellier",
        "showed poor generalization as shown in the large loss scale", "IV.D, Fig. 1c", "mnist",
        baseline="sellier", metric="val_loss", main=True, ambiguities=(1, 16, 20),
    ),
    *_convergence("mnist", "IV.D"),
    *(
        c
        for baseline, name in BASELINES.items()
        for c in _both(
            f"mnist-accuracy-{baseline}", f"better final accuracy than {name}", _OUTPERFORMS, "IV.D", "mnist",
            baseline=baseline, metric="accuracy", how=measures.error_rate, ambiguities=(1, 12, 16),
            read_as="lower share of wrong validation digits after the last step",
        )
    ),
    *(
        c
        for task in ("curve", "telecom")
        for c in _both(
            f"{task}-generalization", "generalizes better than no initialization",
            "achieved improved generalization and lower loss variance across tasks", "IV.D", task,
            metric="val_loss", ambiguities=(1, 12), read_as="validation loss after the last step",
        )
    ),
    *_both(
        "mnist-early-instability", "less early instability than no initialization",
        "lead to reduced early-stage instability through convex surrogate initialization", "IV.D", "mnist",
        how=measures.early_rises, ambiguities=(1, 12, 19),
        read_as="sum of the upward moves of log10 of the training loss in the first 100 steps",
    ),
    *_grouped(c for task in TASKS for c in _surveyed(task) if "curvature" in c.id),
    *_grouped(c for task in TASKS for c in _facts(task) if c.where == "IV.D"),
    # ------------------------------------------------------------------------------------ IV.D, V
    *_grouped(c for task in TASKS for c in _spread(task)),
    *map(_noise, TASKS),
    *_grouped(c for task in TASKS for c in _surveyed(task) if c.id.endswith("conditioning")),
    *_grouped(c for task in ("tfim", "circuit") for c in _deep(task)),
    # ------------------------------------------------------------- eq. 2, the other Stage 1 of Section III.A
    *(
        Claim(
            f"{task}{name}-ridge", f"eq. 2 as Stage 1: {says} than no initialization",
            "Alternatively, a ridge regression-inspired initialization", where, paper, experiment=task,
            reading="as-written", table=task, method="two-stage-ridge", baseline="no-init", metric=metric,
            how=measures.final, main=main, ambiguities=(5, 6),
        )
        for task, name, says, where, paper, metric, main in (
            ("mnist", "-val-loss", "lower validation loss", "III.A, IV.D", -0.115, "val_loss", True),
            ("mnist", "-grad-var", "lower gradient variance", "III.A, IV.D", None, "task_grad_var", True),
            ("curve", "", "lower final loss", "III.A, IV.D", None, "train_loss", True),
            ("telecom", "", "lower final loss", "III.A, IV.C", None, "train_loss", False),
        )
    ),
)  # fmt: skip
