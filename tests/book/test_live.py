"""What pages compute by themselves (book/_vendor/qbp-live*.js), in Chromium against Python: `-m browser`.

The scripts are opened from a file with the network off.  Variances are compared with those of the package and
with closed forms, states with dense matrices and the package, Algorithm 1 step by step.  A table of the
variances is written to `_build/live-comparison.md`.
"""

import functools
import json
import math
import re
from functools import reduce
from html import unescape
from urllib.parse import quote

import matplotlib.pyplot as plt
import numpy as np
import pytest
import reference
import torch
from test_browser import ROOT, Browser, find_browser, problems

import qbp
from qbp.book.explorer import Explorer
from qbp.book.sphinx.live import SCRIPTS as LIVE
from qbp.circuits.observables import PauliSum, Projector
from qbp.interchange.qasm.reader import read_qasm
from qbp.plateaus.pauli.walk import walk_moments

pytestmark = pytest.mark.browser

REPORT = ROOT / "_build" / "live-comparison.md"
FIELDS = ("n", "layers", "rotations", "entangler", "topology")
ISING = "Z0 X1 + 0.5 Z1 Z2 - 2 Y0 Y1 + X0"  # on three qubits or more
CIRCUITS = [
    ((2, 1, "rx", "cz", "ladder"), "global"),
    ((5, 1, "rx", "cnot", "ladder"), "global"),
    ((1, 2, "rx,ry", "cz", "ladder"), "zz"),
    ((2, 3, "ry,rz", "cz", "ring"), "zz"),
    ((4, 3, "ry,rz", "cz", "ladder"), "zz"),
    ((4, 3, "ry,rz", "cnot", "ring"), "tfim"),
    ((5, 2, "rx,ry", "cz", "brick"), "local"),
    ((3, 4, "rz,ry", "cnot", "brick"), "heisenberg"),
    ((6, 6, "ry", "cz", "ring"), "tfim"),
    ((4, 2, "rz,rx", "cz", "ladder"), "global"),
    ((3, 2, "rz", "cz", "ladder"), "zz"),
    ((3, 2, "rz", "cnot", "ladder"), "global"),
    ((8, 4, "ry,rz", "cnot", "ladder"), "zz"),
    ((6, 3, "ry", "cnot", "ring"), "tfim"),
    ((5, 3, "rz,rx", "cnot", "ring"), ISING),
    ((6, 3, "ry,rz", "cz", "ring"), "global"),
    ((4, 3, "ry", "cz", "ladder"), "heisenberg"),
    ((4, 2, "rz,ry", "cz", "brick"), "heisenberg"),
    ((3, 1, "rx,ry,rz", "cz", "ring"), ISING),
    ((7, 2, "rx,rz", "cnot", "brick"), "local"),
    ((10, 4, "ry,rz", "cz", "brick"), "zz"),
    ((12, 3, "ry,rz", "cz", "ladder"), "tfim"),
    ((16, 3, "rx,ry", "cz", "ring"), "local"),
    ((9, 2, "ry", "cnot", "ladder"), "global"),
    ((20, 5, "ry,rz", "cz", "ladder"), "zz"),
    ((30, 2, "ry,rz", "cnot", "brick"), "tfim"),
    ((50, 4, "rx,rz", "cz", "brick"), "zz"),
    ((100, 3, "ry,rz", "cz", "ladder"), "heisenberg"),
    ((200, 2, "ry", "cz", "ladder"), "local"),
    ((1000, 10, "ry,rz", "cz", "ladder"), "zz"),
]
PROGRAM = """OPENQASM 2.0;
include "qelib1.inc"; // a comment; with a semicolon
qreg q[3]; creg c[3];
h q; /* over
two lines */ rx(0.3) q[0]; cx q[0],q[1]; ry(-pi/3) q[1]; s q[2]; rzz(1.1) q[0],q[2]; sx q[1]; cy q[1],q[2];
swap q[0],q[2]; u3(0.1,0.2,0.3) q[1]; rz(pi/2) q[0]; ry(0.7) q[0]; sdg q[1]; rxx(0.4) q[1],q[2]; rx(0) q[2];
u3(0,0.7,pi) q[0]; measure q -> c;
"""
INPUTS = """OPENQASM 3.0; input float a; input angle[32] b; qubit[2] q; qubit r;
ry(a) q[0]; rz(-2 * (b + pi / 4)) q[1]; cz q[0], r; ry(0.3) q[1]; t r; h q; sxdg r; cx q[1], r;
ryy(pi) q[0], r;
"""
SUM, TERMS = "Z0 - 0.5*X1 Z2 + 0.25 YYI + 2e-1 XXX", {"ZII": 1.0, "IXZ": -0.5, "YYI": 0.25, "XXX": 0.2}

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>live</title></head><body>
<div class="qbp-live" data-figure="{figure}"><p>no script</p></div>{scripts}</body></html>"""
RUN = """(async () => {
    const parts = [], began = performance.now(), plain = (key, value) => ArrayBuffer.isView(value)
        ? Array.from(value, one => Number.isFinite(one) ? one : null) : value === -Infinity ? null : value;
    let first = null, ticks = 0;
    const clock = setInterval(() => { ticks += 1; }, 10);
    const job = qbpLive.start(%s, %s, more => { first ??= performance.now() - began; parts.push(...more); });
    const value = await job.result.catch(error => ({ error: error.message }));
    clearInterval(clock);
    return JSON.stringify({ value, parts: %s, first, ticks }, plain);
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium on a file that holds the scripts, without a network."""
    browser = Browser(find_browser())
    browser.send(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
    )
    browser.folder = tmp_path_factory.mktemp("live")
    visit(browser, "none")
    yield browser
    browser.close()


def visit(browser, figure, state="", body=""):
    """Open a page with one element, and others; return what happened."""
    scripts = "".join(f'<script src="{(ROOT / "book/_vendor" / name).as_uri()}"></script>' for name in LIVE)
    page = browser.folder / f"{figure}.html"
    page.write_text(PAGE.format(figure=figure, scripts=body + scripts))
    browser.open("about:blank")
    return browser.open(page.as_uri() + state)


def computed(browser, task, *, whole=False, **options):
    """Return what a task gives: its value, its last part or all, and when the first part came, in ms."""
    kept = "parts" if whole else "parts.slice(-1)"
    return json.loads(browser.run(RUN % (json.dumps(task), json.dumps(options), kept)))


def asked(shape):
    return dict(zip(FIELDS, shape, strict=True))


def ansatz(shape):
    n, layers, rotations, entangler, topology = shape
    return qbp.HardwareEfficient(
        n, layers, rotations=rotations.split(","), entangler=entangler, topology=topology
    )


def placed(n, letters):
    return "".join(letters.get(q, "I") for q in range(n))


def observable(name, n):
    match name:
        case "zz":
            return PauliSum({placed(n, dict.fromkeys(range(min(n, 2)), "Z")): 1.0})
        case "global":
            return Projector(n)
        case "local":
            return PauliSum({"I" * n: 0.5} | {placed(n, {q: "Z"}): -0.5 / n for q in range(n)})
        case "tfim" | "heisenberg":
            return getattr(qbp, name)(n)
    terms = [({0: "Z", 1: "X"}, 1.0), ({1: "Z", 2: "Z"}, 0.5), ({0: "Y", 1: "Y"}, -2.0), ({0: "X"}, 1.0)]
    return PauliSum({placed(n, letters): c for letters, c in terms})


# ------------------------------------------------------------------------------------------------ Pauli walks


def walked(found):
    """Return variances, their standard errors, which are exactly zero, the sum of all and its error."""
    (last,) = found["parts"]
    variance = np.array([0.0 if bits is None else 2.0**bits for bits in last["log2"]])
    error = variance * np.array([0.0 if share is None else share for share in last["relative"]])
    total = 0.0 if last["mean"]["log2"] is None else 2.0 ** last["mean"]["log2"] * len(variance)
    return variance, error, np.array(last["zero"]) == 1, total, total * (last["mean"]["relative"] or 0.0)


@pytest.fixture(scope="module")
def compared(browser):
    """Each circuit, walked in the page and in Python; the report."""
    rows, lines = [], []
    for number, (shape, name) in enumerate(CIRCUITS):
        ours = walked(
            computed(browser, "variance", circuit=asked(shape), observable=name, walks=2**15, seed=number)
        )
        theirs = walk_moments(ansatz(shape), observable(name, shape[0]), walks=2**15, seed=number)
        rows.append((ours, theirs))
        spread = math.hypot(ours[4], theirs.total_stderr)
        apart = abs(ours[3] - theirs.total) / spread if spread else 0.0
        words = [*map(str, shape), name, f"{ours[3]:.5g}", f"{ours[4]:.2g}", f"{theirs.total:.5g}"]
        lines.append(
            [*words, f"{theirs.total_stderr:.2g}", f"{apart:.2f}", f"{ours[2].sum()} of {len(ours[2])}"]
        )
    head = [
        *FIELDS,
        "observable",
        "page: sum of variances",
        "its error",
        "Python",
        "its error",
        "apart, in errors",
        "zeros",
    ]
    table = [
        "# Gradient variances computed in the page, and by the package",
        "",
        *map(_row, [head, ["---"] * len(head), *lines]),
    ]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text("\n".join(table) + "\n")
    return rows


def _row(cells):
    return f"| {' | '.join(cells)} |"


def test_thirty_variances_are_within_three_standard_errors_of_the_packages(compared):
    assert len(compared) == 30
    for (shape, name), (ours, theirs) in zip(CIRCUITS, compared, strict=True):
        rounding = 1e-12 * theirs.total
        assert abs(ours[3] - theirs.total) <= 3 * math.hypot(ours[4], theirs.total_stderr) + rounding, (
            shape,
            name,
        )


def test_the_errors_of_single_entries_are_as_large_as_they_say(compared):
    apart = []
    for ours, theirs in compared:
        error = np.hypot(ours[1], theirs.stderr)
        apart.extend(((ours[0] - theirs.variance) / np.where(error > 0, error, 1))[error > 0])
    apart = np.abs(apart)
    assert len(apart) > 1000 and (apart > 3).mean() < 0.02 and 0.5 < np.sqrt((apart**2).mean()) < 1.3


def test_entries_that_are_known_to_be_zero_are_zero_exactly(compared):
    exact = 0
    for (shape, name), (ours, theirs) in zip(CIRCUITS, compared, strict=True):
        assert (ours[2] == (theirs.upper_bound == 0)).all(), (shape, name)
        assert (ours[0][ours[2]] == 0).all()
        exact += ours[2].sum()
    assert exact > 10_000  # of 1,000 qubits most are outside the light cone


@pytest.mark.parametrize("n", [1, 3, 6])
def test_a_layer_of_rx_has_the_variances_of_the_closed_form(browser, n):
    """Cerezo et al. 2021: (1/8)(3/8)^(n-1) of the projector, 1/(8 n^2) of the local cost; CZs add phases."""
    shape = {"n": n, "layers": 1, "rotations": "rx"}
    for name, exact in {"global": 0.375 ** (n - 1) / 8, "local": 1 / (8 * n**2)}.items():
        variance, error, zero, *_ = walked(
            computed(browser, "variance", circuit=shape, observable=name, seed=1)
        )
        assert not zero.any() and (abs(variance - exact) <= 4 * error + 1e-12).all()


def test_a_pasted_circuit_with_cross_terms_has_the_variances_of_the_package(browser):
    found = computed(browser, "variance", circuit={"qasm": PROGRAM}, observable=SUM)
    variance, error, zero, *_ = walked(found)
    theirs = walk_moments(read_qasm(PROGRAM).circuit, PauliSum(TERMS))
    assert (abs(variance - theirs.variance) <= 4 * np.hypot(error, theirs.stderr)).all()
    assert (zero <= (theirs.variance == 0)).all()
    # Z_0 and X_1 do not tell Z_1 and Z_0 Z_1 apart: the two terms interfere
    circuit = "OPENQASM 2.0; qreg q[2]; rz(0.1) q[0]; rx(0.2) q[1];"
    for text, exact in {"Z1 + Z0 Z1": [0, 2.0], "Z1 - Z0 Z1": [0, 0], "2 Z1 + Z0 Z1": [0, 4.5]}.items():
        variance, error, *_ = walked(
            computed(browser, "variance", circuit={"qasm": circuit}, observable=text)
        )
        assert (abs(variance - exact) <= 4 * error + 1e-12).all()


def test_a_thousand_qubits_answer_soon_and_the_page_goes_on(browser):
    found = computed(browser, "variance", circuit={"n": 1000, "layers": 10}, observable="tfim", walks=2**12)
    assert found["first"] < 20_000  # about one second on a quiet machine
    assert found["ticks"] > 3  # timers of the page ran meanwhile


# ---------------------------------------------------------------------------------------------- state vectors


def theta_of(size, seed=3):
    return np.random.default_rng(seed).uniform(-4, 4, size)


@pytest.mark.parametrize(("shape", "name"), [case for case in CIRCUITS if case[0][0] <= 10])
def test_values_and_gradients_are_those_of_the_package(browser, shape, name):
    circuit = ansatz(shape)
    theta = theta_of(circuit.n_params)
    found = computed(browser, "values", circuit=asked(shape), observable=name, theta=theta.tolist())["value"]
    value, gradient = circuit.value_and_gradient(torch.from_numpy(theta), observable(name, shape[0]))
    assert abs(found["value"] - value.item()) < 1e-6
    np.testing.assert_allclose(found["gradient"], gradient.numpy(), rtol=0, atol=1e-6)


def test_values_are_those_of_dense_matrices(browser):
    theta = theta_of(24)
    state = reference.hardware_efficient(4, theta, [["ZYX"] * 4] * 2, "cnot", "brick")
    shape = {"n": 4, "layers": 2, "rotations": "rz,ry,rx", "entangler": "cnot", "topology": "brick"}
    for text, terms in {"ZIXI - 0.5 YYZI": {"ZIXI": 1, "YYZI": -0.5}, "1.5 X3 Z0": {"ZIIX": 1.5}}.items():
        found = computed(browser, "values", circuit=shape, observable=text, theta=theta.tolist())["value"]
        assert abs(found["value"] - reference.expectation(reference.pauli_sum(terms), state)) < 1e-9


@pytest.mark.parametrize("program", [PROGRAM, INPUTS])
def test_a_pasted_circuit_is_the_circuit_that_the_package_reads(browser, program):
    circuit = read_qasm(program).circuit
    theta = theta_of(circuit.n_params)
    found = computed(browser, "values", circuit={"qasm": program}, observable=SUM, theta=theta.tolist())[
        "value"
    ]
    value, gradient = circuit.value_and_gradient(torch.from_numpy(theta), PauliSum(TERMS))
    assert abs(found["value"] - value.item()) < 1e-6
    np.testing.assert_allclose(found["gradient"], gradient.numpy(), rtol=0, atol=1e-6)


def test_the_landscape_is_that_of_the_package(browser):
    circuit, theta = ansatz((3, 2, "ry,rz", "cz", "ring")), theta_of(12)
    shape = {"n": 3, "layers": 2, "topology": "ring"}
    found = computed(
        browser, "landscape", circuit=shape, observable="tfim", theta=theta.tolist(), i=5, j=2, points=9
    )
    at = np.tile(theta, (9, 9, 1))  # rows: the second angle
    at[..., 5] += np.linspace(-np.pi, np.pi, 9)
    at[..., 2] += np.linspace(-np.pi, np.pi, 9)[:, None]
    values = circuit.expectation(torch.from_numpy(at), qbp.tfim(3)).numpy()
    np.testing.assert_allclose(np.reshape(found["value"]["grid"], (9, 9)), values, rtol=0, atol=1e-9)


def test_a_scaled_angle_in_two_gates_has_its_landscape_too(browser):
    program = "OPENQASM 3; input float a; input float b; qubit[1] q; rx(2*a) q[0]; ry(b) q[0]; rx(a/2) q[0];"
    options = {
        "circuit": {"qasm": program},
        "observable": "Z",
        "theta": [0.4, 0.9],
        "i": 1,
        "j": 0,
        "points": 5,
    }
    found = np.reshape(computed(browser, "landscape", **options)["value"]["grid"], (5, 5))
    shifts, gates = np.linspace(-np.pi, np.pi, 5), [("X", 2, 0), ("Y", 1, 1), ("X", 0.5, 0)]
    for row, db in enumerate(shifts):
        for column, da in enumerate(shifts):
            theta = [0.4 + db, 0.9 + da]
            state = reduce(
                lambda s, g: reference.rotation(g[0], g[1] * theta[g[2]]) @ s, gates, np.array([1, 0j])
            )
            assert abs(found[row, column] - reference.expectation(reference.PAULI["Z"], state)) < 1e-9


# --------------------------------------------------------------------------------------------------- training

SHAPE = {"n": 3, "layers": 2}


def test_algorithm_1_takes_the_steps_of_the_package(browser):
    circuit, hamiltonian, spins = qbp.HardwareEfficient(3, 2), qbp.tfim(3), qbp.local_observables(3, "X")
    problem = qbp.Problem(
        energy=lambda theta, batch: circuit.expectation(theta, hamiltonian),
        convex=lambda theta, batch: qbp.local_loss(circuit, theta, spins, torch.ones(3)),
    )
    start = torch.from_numpy(theta_of(12))
    config = qbp.TwoStageConfig(steps=60, stage_1_steps=20, optimizer="adam", eta_c=0.1, eta_n=0.1)
    _, history = qbp.two_stage(problem, config, start[None])
    options = {"methods": ["two-stage"], "theta0": start.tolist(), "steps": 60, "stage1": 20, "rate": 0.1}
    parts = computed(browser, "train", whole=True, circuit=SHAPE, observable="tfim", **options)["parts"]
    energy = history.metrics["energy"][0, 20:]  # Stage 1 does not ask for the task
    np.testing.assert_allclose([part["energy"] for part in parts][20:], energy, rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        [part["convex"] for part in parts], history.metrics["convex"][0], rtol=0, atol=1e-6
    )


def test_the_five_methods_begin_as_they_say_and_all_come_down(browser):
    methods = ["two-stage", "random", "small", "identity", "layerwise"]
    options = {"methods": methods, "steps": 60, "stage1": 20, "runs": 2, "seed": 4}
    parts = computed(browser, "train", whole=True, circuit=SHAPE, observable="tfim", **options)["parts"]
    runs = {
        (m, r): [p["energy"] for p in parts if (p["method"], p["run"]) == (m, r)]
        for m in methods
        for r in (0, 1)
    }
    assert all(len(curve) == 61 and curve[-1] < -2.5 for curve in runs.values())  # the lowest is -3.49
    assert runs["two-stage", 0][0] == runs["random", 0][0] != runs["random", 1][0]  # one start for both
    for method in ("identity", "layerwise"):  # |000>, where the chain has -2
        assert abs(runs[method, 1][0] + 2) < 1e-9
    assert abs(runs["small", 0][0] + 2) < 0.9


def test_shifted_gradients_are_the_adjoint_ones_and_shots_scatter_around_them(browser):
    script = """(() => {
        const read = qbpRead(), engine = qbpEngine(read), { shiftedGradient } = qbpTraining(engine, read);
        const { compile, measured, adjoint, run } = engine.states, rng = engine.random(5), many = [];
        const compiled = compile(read.hardwareEfficient({ n: 3, layers: 2 }));
        const terms = measured(read.observable("tfim", 3)), weights = terms.map(term => term.c);
        const theta = Array.from({ length: 12 }, () => 6 * rng.uniform());
        const of = shots => Array.from(shiftedGradient(compiled, theta, terms, weights, shots, rng));
        for (let i = 0; i < 200; i++) many.push(of(20));
        return [Array.from(adjoint(compiled, theta, terms, weights, run(compiled, theta))), of(0), many];
    })()"""
    exact, shifted, many = map(np.array, browser.run(script))
    np.testing.assert_allclose(shifted, exact, rtol=0, atol=1e-9)
    error = many.std(axis=0, ddof=1) / len(many) ** 0.5
    assert (abs(many.mean(axis=0) - exact) < 4.5 * error + 1e-9).all()
    assert error.max() < (5 / (2 * 20)) ** 0.5 / len(many) ** 0.5 * 1.5  # five terms, two circuits each


# -------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("circuit", "text", "says"),
    [
        ({"qasm": "OPENQASM 2.0;\nqreg q[1];\nif (c == 1) x q[0];"}, "Z0", "line 3"),
        ({"qasm": "qreg q[2]; ccx q[0], q[1], q[2];"}, "Z0", "q has 2 qubits"),
        ({"qasm": "qreg q[1]; ry(2 *) q[0];"}, "Z0", "ends too early"),
        ({"qasm": "qreg q[1]; ry(constructor) q[0];"}, "Z0", "no input that was declared"),
        ({"qasm": "qreg q[1]; toString q[0];"}, "Z0", 'the gate "toString" is not read'),
        ({"qasm": "input float a; qubit[2] q; rx(a) q;"}, "Z0", "one angle is in two"),
        ({"qasm": "qreg q[1]; rx(0.2) q[0]; t q[0];"}, "Z0", "multiples of pi/2"),
        ({"n": 2, "layers": 1}, "Z0 +", "a term is missing"),
        ({"n": 2, "layers": 1}, "Z2", "not among 0 to 1"),
        ({"n": 2, "layers": 1}, "Z0 Z0", "names a qubit twice"),
        ({"n": 2, "layers": 1}, "", "?"),
        ({"n": 2, "layers": 1, "rotations": "rw"}, "zz", "rotations must be"),
        ({"n": 1000, "layers": 1000}, "zz", "at most 200000 gates"),
        ({"n": 0, "layers": 1}, "zz", "1 to 1000 qubits"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(browser, circuit, text, says):
    assert says in computed(browser, "variance", circuit=circuit, observable=text)["value"]["error"]


# --------------------------------------------------------------------------------------------------- the page

IDLE = """new Promise(done => {
    const texts = () => [...document.querySelectorAll(".said")].map(one => one.textContent);
    const busy = () => document.querySelector("[aria-busy]") || texts().includes("");
    const look = () => (busy() ? setTimeout(look, 50) : done(texts()));
    look();
})"""


def test_a_link_is_computed_and_the_form_makes_the_same_link(browser):
    state = "#what=variance&n=4&layers=2&topology=ring&observable=own&own=Z0+Z1&walks=16384&seed=7"
    events = visit(browser, "try-it", state)
    (said,) = browser.run(IDLE)
    assert said.startswith("Mean over 16 angles: 2^") and "16,384 walks, 32 of 32 rounds" in said
    assert browser.run("document.querySelector('.qbp-live a').hash") == state
    assert browser.run("document.querySelectorAll('.qbp-live svg').length") == 1
    assert problems([e for e in events if not asks_a_file(e)], "file://") == []


def asks_a_file(event):
    return event["params"].get("request", {}).get("url", "").startswith("file://")


def test_enter_in_a_field_computes_and_a_hidden_field_never_stops_it(browser):
    visit(browser, "try-it")
    browser.run("document.querySelector('.qbp-live input[type=number]').focus()")
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
    browser.send("Input.dispatchKeyEvent", type="keyDown", **key)
    browser.send("Input.dispatchKeyEvent", type="keyUp", **key)
    (said,) = browser.run(IDLE)
    assert said.startswith("Mean over 48 angles") and browser.run("location.hash") == "#what=variance"


@pytest.mark.parametrize(
    "what", ["scaling&n=6", "training&observable=tfim&steps=20&stage1=5", "landscape&observable=tfim"]
)
def test_every_task_of_the_page_ends_in_a_picture_that_says_what_it_shows(browser, what):
    visit(browser, "try-it", f"#what={what}")
    (said,) = browser.run(IDLE)
    assert "cannot" not in said and len(said) > 50
    assert len(browser.run("document.querySelector('.qbp-live svg').getAttribute('aria-label')")) > 20


def test_what_is_pasted_stays_text(browser):
    evil = "<img src=x onerror='window.hit=1'>"
    for field in (
        f"circuit=qasm&qasm={quote(evil)}",
        f"observable=own&own={quote(evil)}",
        f"seed={quote(evil)}",
    ):
        visit(browser, "try-it", f"#what=variance&{field}")
        browser.run("new Promise(done => setTimeout(done, 300))")
        assert browser.run("[window.hit ?? null, document.querySelector('.qbp-live img')]") == [None, None]


def test_an_explorer_computes_what_its_frame_asks_for(browser):
    def compute(n):
        return {"what": "variance", "n": n, "layers": 1, "walks": 16384}

    draw = functools.partial(plt.figure, figsize=(1, 1))
    explorer = Explorer(lambda n: draw(), "Variance", alt="nothing", compute=compute, n=[2, 3])
    visit(browser, "explorer", body=explorer._repr_mimebundle_()["text/html"])
    press = "document.querySelector('.qbp-live > button').click()"
    browser.run(press)
    assert browser.run(IDLE)[0].startswith("Mean over 4 angles")
    link = "try-it.html#what=variance&n=2&layers=1&walks=16384"
    assert browser.run("document.querySelector('.qbp-live a').getAttribute('href')") == link
    slide = "const slider = document.querySelector('.sliders input'); slider.value = 1;"
    browser.run(f"(() => {{ {slide} slider.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()")
    assert browser.run("document.querySelector('.qbp-live .said')") is None
    browser.run(press)
    assert browser.run(IDLE)[0].startswith("Mean over 6 angles")
    assert browser.run("document.querySelectorAll('.qbp-live form :is(input, select)').length") == 0


def asked_states():
    """What the smallest and the largest frame of each explorer with a button ask for, by chapter."""
    found = []
    for chapter in sorted((ROOT / "book").glob("*.ipynb")):
        for cell in json.loads(chapter.read_text())["cells"]:
            for output in cell.get("outputs", ()):
                page = "".join(output.get("data", {}).get("text/html", ""))
                for states in re.findall(r'data-figure="compute" data-states="([^"]*)"', page):
                    listed = json.loads(unescape(states))
                    found += [pytest.param(state, id=chapter.stem) for state in (listed[0], listed[-1])]
    return found


@pytest.mark.parametrize("state", asked_states())
def test_what_a_chapter_asks_for_is_computed(browser, state):
    visit(browser, "try-it", f"#{state}")
    (said,) = browser.run(IDLE)
    assert "cannot" not in said and len(said) > 50


def test_the_plateau_appears(browser):
    visit(browser, "plateau")
    ready = "document.querySelectorAll('.qbp-live circle').length > 2"
    browser.run(
        f"new Promise(done => {{ const look = () => {ready} ? done() : setTimeout(look, 50); look(); }})"
    )
    assert "the mean gradient variance is 2^" in browser.run("document.querySelector('.said').textContent")
    assert browser.run("document.querySelectorAll('.qbp-live polygon').length") == 16**2
