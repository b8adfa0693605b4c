"""Ambiguities of the paper as data: what is unclear, what we start from, and the study that measures it.

The numbers are those that :mod:`qbp.studies.study` and the claims refer to.  What the alternatives do is
measured and judged in :mod:`qbp.audit.choices`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ambiguity:
    """One choice that the paper leaves to its reader.

    Attributes:
        number: its number; claims and studies refer to it.
        item: what it is about.
        unclear: what is unclear.
        start: what we start from, the default.
        studies: names in :mod:`qbp.studies.perceptron_studies` that measure it; none if it is not measured.
        default: label of the default in those studies: a row, or a circumstance of a pair of rows.
        labels: alternatives that are shown, all of the studies' if empty.
        admitted: alternatives that the paper's words allow as well, so that one may become the default.
        baselines: labels that are other baselines, not other settings of the method.
        kept: why the default stays whatever the numbers say.
        not_measured: why no study here measures it.
    """

    number: int
    item: str
    unclear: str
    start: str
    studies: tuple[str, ...] = ()
    default: str = "two-stage"
    labels: tuple[str, ...] = ()
    admitted: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    kept: str = ""
    not_measured: str = ""


AMBIGUITIES: tuple[Ambiguity, ...] = (
    Ambiguity(
        1,
        "The task term for perceptrons",
        "Eq. 4 has the energy of a quantum state. A perceptron has none. The released notebook puts "
        "in the mean squares of the weights, which no data enter.",
        "The loss on the data, for every method: mean squared error, or cross entropy on digits.",
        studies=("readings",),
        default="as-written",
        kept="a loss without data cannot fit data; the other reading is reported beside it throughout",
    ),
    Ambiguity(
        2,
        "The local observables of eq. 1",
        "Neither the operators O_i nor the restricted set R is named.",
        "X, Y and Z on each qubit; Z alone as the smallest choice.",
        not_measured=(
            "no experiment of the paper runs a circuit, and eq. 1 enters none of its three tasks; it is a"
            " question for circuits, and the chapter on training circuits has X, Y and Z beside Z alone"
        ),
    ),
    Ambiguity(
        3,
        "The targets of eq. 1",
        "The values b_i are not named. Those of the ground state would be the answer to the problem.",
        "For the preparation of a state its own local expectations; for a Hamiltonian those of the "
        "best product state; for MaxCut, whose solution is itself a product state, those of a "
        "relaxation.",
        not_measured="on perceptrons it has no meaning; the chapter on training circuits has targets that"
        " know much and little",
    ),
    Ambiguity(
        4,
        "What is convex",
        "Eq. 1 is called convex. It is so in the expectations, not in the angles.",
        "We say so where eq. 1 first stands; eq. 2 is the one that is convex in what it solves for.",
        not_measured=(
            "a matter of proof: one chord below the curve refutes convexity in the angles, a constant "
            "positive Hessian shows it for eq. 2"
        ),
    ),
    Ambiguity(
        5,
        "From the ridge weights to parameters",
        "The solution of eq. 2 is to initialize the parameters; how is not said, nor whether it comes"
        " in place of eq. 1.",
        "The weights become the last layer of the perceptron. This is a method of its own, "
        "two-stage-ridge, beside two-stage.",
        studies=("stage-1",),
        labels=("two-stage-ridge",),
        kept="the two are separate methods here, and both are always reported",
    ),
    Ambiguity(
        6,
        "The strength of the ridge",
        "Eq. 2 writes it with the letter of the blend, and gives no value.",
        "An argument of its own, ridge = 0.001.",
        studies=("ridge-strength",),
        default="two-stage-ridge",
        admitted=("ridge = 1e-06", "ridge = 1e-05", "ridge = 0.0001", "ridge = 0.01", "ridge = 0.1"),
    ),
    Ambiguity(
        7,
        "When Stage 1 ends",
        "The listing repeats Stage 1 while the gradient norm is below the threshold; the prose has "
        "the norms stabilize or surpass it; the experiments take 100 steps. The norm is usually "
        "largest at the first step, and the threshold has no value.",
        "The 100 steps of the experiments. Threshold and plateau can be chosen; the threshold is then"
        " half the median norm over 100 random starts, and 250 steps the most.",
        studies=("switching",),
        labels=("threshold", "plateau", "threshold or plateau", "never: the cap of 250"),
        admitted=("threshold", "plateau", "threshold or plateau"),
    ),
    Ambiguity(
        8,
        "The norm of the gradient",
        "The paper divides the norm by the number of parameters; a later notebook squares it first.",
        "The paper's.",
        studies=("switching",),
        labels=("threshold, rms norm", "threshold, squared norm", "plateau, squared norm"),
        kept="the paper's formula is plain",
    ),
    Ambiguity(
        9,
        "A hundred iterations",
        "The text says 100; the released notebook runs 102.",
        "100, and 102 as released.",
        studies=("stage-1-length",),
        kept="the text gives the number; other lengths show how much hangs on it",
    ),
    Ambiguity(
        10,
        "The annealing of the blend",
        "Eq. 6 takes the larger of 0 and a number that is never below 0, so the blend never reaches 0; "
        "it takes 223 steps to fall below 0.01.",
        "As written: times 0.98 per step.",
        studies=("blend",),
        labels=("lambda decays by 0.9", "lambda constant"),
        kept="the text gives the factor",
    ),
    Ambiguity(
        11,
        "The blend at the start",
        "One value, 0.9, is given for the convex initialization, where the blend does not occur; the "
        "listing sets it for Stage 2. The released notebooks have 0.3, 0.5 and 1. And does the "
        "baseline without initialization keep the blend?",
        "0.9 in Stage 2. The baseline has no blend and no oscillation.",
        studies=("blend",),
        labels=("lambda_0 = 0", "lambda_0 = 0.3", "lambda_0 = 0.5", "lambda_0 = 1"),
        admitted=("lambda_0 = 0", "lambda_0 = 0.3", "lambda_0 = 0.5", "lambda_0 = 1"),
        baselines=("released no-init on the data",),
    ),
    Ambiguity(
        12,
        "Stage 1 of a perceptron",
        "It minimizes 'a quadratic surrogate loss', which is not written down. Of regression the task"
        " loss is itself quadratic.",
        "100 gradient steps on the mean squared error, on digits to one-hot targets. On the curve and"
        " on telecom the surrogate is then the task, and two-stage differs from no-init by the "
        "oscillation alone.",
        studies=("components",),
        labels=("Stage 2 only", "lam = 0"),
        kept="any other surrogate would be our invention; what is shown is what the surrogate does",
    ),
    Ambiguity(
        13,
        "The oscillation",
        "Eq. 5 is bounded and periodic, and regularizes nothing in the usual sense. Frequency and "
        "phases have no value; the released code has a frequency of 4, phases of 0, and a factor of "
        "0.1 that the text does not have.",
        "Factor 1 as written, frequency 4, phases drawn uniformly for each run.",
        studies=("oscillation",),
        labels=(
            "amplitude 0.1", "amplitude 10", "omega = 1", "omega = 2", "omega = 8", "omega = 16", "phi = 0",
        ),
        admitted=("omega = 1", "omega = 2", "omega = 8", "omega = 16", "phi = 0"),
    ),
    Ambiguity(
        14,
        "When annealing happens",
        "Per step or per epoch, before the loss or after the update.",
        "Per step and after the update, as the listing has it.",
        studies=("annealing",),
        admitted=("per epoch, spread over its steps",),
    ),
    Ambiguity(
        15,
        "The optimizer",
        "The listing is plain gradient descent; the released code runs AdamW with its weight decay.",
        "AdamW with step size 0.001 for the perceptrons; an argument.",
        studies=("optimizer",),
        default="adamw",
        admitted=("adam", "gd 0.001", "gd 0.1"),
    ),
    Ambiguity(
        16,
        "Digits per class, and validation",
        "200 per class in the text, 500 in the code, which computes no validation loss; the text "
        "reports one.",
        "200 per class; all other shipped digits are for validation.",
        studies=("digits",),
        default="200 per class",
        kept="the text gives the number",
    ),
    Ambiguity(
        17,
        "The telecom series",
        "The released target leaves out one step after its window, and the series is standardized "
        "before it is split, so that the validation part enters.",
        "The next step, and mean and deviation of the training part.",
        studies=("telecom-data",),
        default="one step ahead",
        admitted=("as released",),
    ),
    Ambiguity(
        18,
        "The points of the curve",
        "How many points train the curve is not said; the released notebook has three.",
        "Three, and 64 beside it.",
        studies=("points",),
        default="3 points",
        admitted=("8 points", "16 points", "64 points"),
    ),
    Ambiguity(
        19,
        "Words without a measure",
        "Gradient variance, smoother, faster and validation are not defined.",
        "Gradient variance: over the components of a run's gradient. Smoother: smaller second "
        "differences of the logarithm of the training loss after step 300. Faster: fewer steps to a "
        "loss that both methods reach.",
        not_measured="definitions of measures, not of runs; the claims name the one they use",
    ),
    Ambiguity(
        20,
        "The start that all methods share, and whose Sellier",
        "The released version of Sellier's method overwrites every weight in its first step, and "
        "moves one packet for a whole tensor; his paper has one packet per weight.",
        "As described, a packet per weight, each centred at its shared weight.",
        studies=("sellier",),
        default="sellier",
        kept="it is the method of the paper that is cited",
    ),
    Ambiguity(
        21,
        "The hardware",
        "A graphics card is named; no quantum circuit is run in Figure 1.",
        "Double precision on any processor; the numbers do not depend on it.",
        not_measured="a statement about hardware, not a choice in a run",
    ),
    Ambiguity(
        22,
        "Until converged",
        "The listing's second loop ends at convergence; no criterion is given.",
        "A fixed budget: 500 steps, both stages together.",
        studies=("budget", "budget-mnist"),
        default="500 steps",
        kept="the text compares after 500 steps",
    ),
    Ambiguity(
        23,
        "The step sizes",
        "Both rates of the listing have no value.",
        "0.001 for both, the released notebook's.",
        studies=("rates",),
        default="eta = 0.001",
        admitted=("eta = 0.0001", "eta = 0.01"),
    ),
)  # fmt: skip


def ambiguity(number: int) -> Ambiguity:
    """Return a row by its number; raise ValueError if there is none.

    Example:
        >>> ambiguity(6).item
        'The strength of the ridge'
    """
    found = {a.number: a for a in AMBIGUITIES}
    if number not in found:
        raise ValueError(f"number must be 1 to {len(AMBIGUITIES)}, got {number!r}")
    return found[number]
