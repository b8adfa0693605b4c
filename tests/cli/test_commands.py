"""The command line: one line for bad input, one object for --json, and the notebook's numbers."""

import json
import math
import re
import shlex
from dataclasses import fields

import pytest
import torch
from said import Said

import qbp
from qbp.audit import claims
from qbp.audit.verdicts import VERDICTS
from qbp.baseline.loop import SellierConfig
from qbp.cli import arguments, commands
from qbp.experiments import perceptrons, registry
from qbp.experiments.result import resolve_device
from qbp.results import store
from qbp.studies import variance_studies

QUICK = ["--seeds", "1", "--steps", "2", "--n-hidden", "4", "--device", "cpu"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("mine")
    return tmp_path


@pytest.fixture(scope="module")
def released():
    options = ["--methods", "two-stage,no-init,sellier", "--reading", "as-released", "--seeds", "1"]
    return Said("run", "curve", *options, "--device", "cpu", "--json")


OF_CIRCUITS = "vqe, pqc, fit, ground, cloning, wine, remedies"
BAD = {
    "iris": f"experiment must be one of curve, telecom, mnist, {OF_CIRCUITS}, got 'iris'",
    "curve --methods two-stage,annealing": "method must be one of .*sellier, got 'annealing'",
    "curve --methods ,": "method must be one of .*, got ''",
    "curve --steps -1": "steps must be at least 0.*got -1",
    "curve --steps 1e3": "invalid int value: '1e3'",
    "curve --seeds 0": "seeds must be at least 1, got 0",
    "curve --seed -1": "seed must be at least 0.*got -1",
    "curve --beta-0 nan": "beta_0 must be a finite number, got nan",
    "curve --eta-c inf": "eta_c must be a finite number.*got inf",
    "curve --lambda-0 1.5": "lambda_0 must be .*got 1.5",
    "curve --phi nan": "phi must be .*got nan",
    "curve --reading as-told": "reading must be one of as-written, as-released, got 'as-told'",
    "curve --methods two-stage-ridge --reading as-released": "is not in the released notebook",
    "curve --device cuda": "device must be one this machine has, got 'cuda'",
    "curve --device abacus": "device must be one this machine has, got 'abacus'",
    "mnist --mnist no/such/folder": "folder with the four IDX files, got 'no/such/folder'",
    "mnist --per-class 500": "per_class must be .*got 500",
    "curve --qbits 3": r"unrecognized arguments: --qbits 3; did you mean --qubits\? \(see qbp run --help",
    "curve --qubits 3": f"--qubits is an option of {OF_CIRCUITS}, not of curve",
    "vqe --points 4": "--points is an option of curve, telecom, mnist, not of vqe",
    "vqe --kappa 0.1": "--kappa is an option of curve, telecom, mnist, not of vqe",
    "vqe --methods random,sellier": "method must be one of two-stage, no-init, got 'sellier'",
    "vqe --hamiltonian ising": "hamiltonian must be one of tfim, .*got 'ising'",
    "vqe --hamiltonian random --frame clifford": "frame is an option of Hamiltonians",
    "vqe --shots 0": "shots must be at least 1, got 0",
    "vqe --shots 10 --channel damping --qubits 7": "channel trains density matrices of at most 6 qubits",
    "vqe --qubits 0": "qubits must be at least 1, got 0",
    "vqe --qubits 40": "qubits must be at most 20 to train on state vectors, got 40",
    "vqe --methods random --beta-0 0.1": "beta_0 is fixed in or foreign to each of the methods",
    "curve --device mps": r"device must be one this machine has, got 'mps'; it has auto, cpu",
    "curve --device hpu": r"device must be one this machine has, got 'hpu'; it has auto, cpu",
    "curv": r"experiment must be one of .*got 'curv'; did you mean 'curve'\?",
    "curve --methods two-stge": r"method must be one of .*got 'two-stge'; did you mean 'two-stage'\?",
    "curve --seeds 1000000 --steps 1000000": "at most 365 days on one core, got an estimate of .* days: take",
    "curve --n-layers 1000000": "must fit into the .* GiB of this machine",
    "vqe --layers 1000000": "layers must be at most 10000 to train on state vectors, got 1000000",
    "pqc --qubits 21": "qubits must be at most 20 to train on state vectors, got 21",
    "curve --save a-file": "--save must be a folder, got 'a-file'",
    "curve --save a-file/below": "--save must be a folder, got 'a-file/below'",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_line_exit_2_and_nothing_written(words, here, monkeypatch):
    empty = torch.empty

    def no_cuda(*size, **options):
        if str(options.get("device", "")).startswith("cuda"):
            raise RuntimeError("no GPU here\nand a second line")
        return empty(*size, **options)

    monkeypatch.setattr(torch, "empty", no_cuda)  # so that the test says the same where there is a GPU
    monkeypatch.setattr(commands, "run", None)  # no step is taken
    save = [] if "--save" in words else ["--save", "out"]
    said = Said("run", *words.split(), *save, "--json")
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1), said.err
    assert said.err.startswith("qbp") and ": error: " in said.err
    with pytest.raises(ValueError, match=BAD[words]):
        raise ValueError(said.err)
    assert [path.name for path in here.iterdir()] == ["a-file"] and (here / "a-file").read_text() == "mine"


EMPTY = ["run curve --save", "run curve --methods", "run mnist --mnist", "variance --plot", "verify --tables"]
EMPTY += ["grid --parts", "reproduce --out", "terrain curve --save"]


@pytest.mark.parametrize("words", EMPTY)
def test_an_empty_name_is_refused(words, here):
    said = Said(*words.split(), "")
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    assert f"argument {words.split()[-1]}: must be a name, got ''" in said.err
    assert [path.name for path in here.iterdir()] == ["a-file"]


@pytest.mark.parametrize(
    "words",
    [
        "walk",
        "run",
        "claims --json --markdown",
        "grid --jobs 0 --list",
        "reproduce --profile slow",
        "reproduce --out .",
        "info --js 1",
    ],
)
def test_bad_commands_are_refused_the_same_way(words, here):
    said = Said(*words.split())
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1), said.err
    assert [path.name for path in here.iterdir()] == ["a-file"]


def test_bad_input_of_the_library_is_one_clear_error():
    circuit = qbp.HardwareEfficient(2, 1)
    bad = torch.zeros(circuit.n_params, dtype=torch.float64)
    bad[1] = math.nan
    calls = {
        "n_qubits must be at least 1.*got 0": lambda: qbp.HardwareEfficient(0, 1),
        "theta must be finite": lambda: circuit.expectation(bad, qbp.tfim(2)),
        r"theta must have .*4.*got": lambda: circuit.expectation(torch.zeros(3), qbp.tfim(2)),
    }
    for message, call in calls.items():
        with pytest.raises(ValueError, match=message) as raised:
            call()
        assert "\n" not in str(raised.value)


def test_the_notebooks_stored_numbers_come_out_of_the_command_line(released):
    assert released.status == 0
    found = json.loads(released.out)
    at = {step: index for index, step in enumerate(found["step"])}
    loss = found["methods"]["two-stage"]["history"]["loss"]
    printed = {step: f"{loss[at[step]]:.5f}" for step in (150, 200, 250, 300)}
    assert printed == {150: "0.00635", 200: "0.00126", 250: "0.00016", 300: "0.00001"}
    finals = {name: method["final"]["train_loss"] for name, method in found["methods"].items()}
    assert list(finals) == ["two-stage", "no-init", "sellier"]
    assert finals["sellier"]["mean"] < finals["two-stage"]["mean"]  # the paper has it the other way round


def test_json_is_one_object_and_nothing_else(released):
    assert released.out.count("\n") == 1 and released.out.endswith("}\n")
    found = json.loads(released.out, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))
    assert (found["experiment"], found["reading"], found["seeds"]) == ("curve", "as-released", 1)
    assert found["methods"]["two-stage"]["final"]["loss"]["low"] is None  # one seed
    assert released.err == ""  # the bar shows on a terminal only


def test_a_table_for_a_reader():
    said = Said("run", "curve", "--methods", "two-stage,no-init", *QUICK)
    head, columns, *rows, last = said.out.splitlines()
    assert said.status == 0 and head.startswith("curve, as-written, 2 steps, seeds 0-0; mean [95 %")
    assert columns.split() == ["seeds", "diverged", "loss", "train_loss", "val_loss"]
    assert [row.split()[0] for row in rows] == ["two-stage", "no-init"] and last.endswith(" s on cpu")


def test_options_reach_the_configuration():
    words = "run mnist --methods two-stage,sellier --beta-0 0.2 --kinetic 0.3 --record-every 5 --per-class 7"
    two, packets = commands._configs(arguments.parser().parse_args(words.split()))
    assert (two.per_class, two.record_every, two.algorithm.record_every, two.algorithm.beta_0) == (
        7,
        5,
        5,
        0.2,
    )
    assert packets.algorithm.kinetic == 0.3 and two.experiment == packets.experiment == "mnist"


def test_save_writes_a_table_with_its_manifest_and_its_command(here):
    methods = ["--methods", "two-stage,sellier"]
    said = Said("run", "curve", *methods, *QUICK, "--tau-g", "0.5", "--save", "made/tables", "--json")
    assert said.status == 0 and said.err.strip().endswith("curve.parquet")
    folder = here / "made/tables"
    assert {path.name for path in folder.iterdir()} == {"curve.parquet", "MANIFEST.json"}
    back = store.load("curve", folder)
    values = json.loads(said.out)["methods"]["sellier"]["final"]["val_loss"]["values"]
    assert back["sellier"].final("val_loss").tolist() == values
    program, *words = store.manifest(folder)["curve"]["command"].split()
    again = commands._configs(arguments.parser().parse_args(words))
    assert program == "qbp" and [store.key(c) for c in again] == [store.key(r.config) for r in back.values()]
    said = Said(
        "run", "curve", "--methods", "no-init", "--reading", "as-released", *QUICK[:4], "--save", folder
    )
    assert said.status == 0 and store.manifest(folder).keys() == {"curve", "curve-as-released"}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError(2, "No such file or directory", "/gone"), "No such file or directory: /gone"),
        (OSError("disk is full"), "disk is full"),
        (MemoryError(), r"not enough memory: take fewer .* \(MemoryError\)"),
        (
            RuntimeError("[enforce fail]\nCPUAllocator: can't allocate memory"),
            "not enough memory: .* allocate memory.*",
        ),
    ],
)
def test_what_the_machine_refuses_is_one_line_too(error, message, monkeypatch):
    def refuse(config, progress):
        raise error

    monkeypatch.setattr(commands, "run", refuse)
    said = Said("run", "curve", *QUICK)
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    assert re.fullmatch(f"qbp run: error: {message}\n", said.err), said.err


def test_a_folder_that_cannot_be_written_shows_before_the_first_step_or_after_the_numbers(here, monkeypatch):
    with monkeypatch.context() as locked:
        locked.setattr(commands, "run", None)
        locked.setattr(commands.os, "access", lambda path, mode: False)
        said = Said("run", "curve", *QUICK, "--save", "out/put")
        assert said.status == 2 and "--save must be a folder that can be written, got 'out/put'" in said.err

    def full(*args, **options):
        raise OSError(28, "No space left on device", "out")

    monkeypatch.setattr(store, "save", full)
    said = Said("run", "curve", *QUICK, "--save", "out", "--json")
    assert (said.status, said.err) == (2, "qbp run: error: No space left on device: out\n")
    assert json.loads(said.out)["methods"].keys() == {"two-stage", "no-init"}


def test_a_mistake_of_ours_shows_where_it_was_made(monkeypatch):
    def mistaken(config, progress):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(commands, "run", mistaken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        Said("run", "curve", *QUICK)


VQE = ["run", "vqe", "--hamiltonian", "tfim", "--qubits", "3", "--layers", "2", "--steps", "4"]
VQE += ["--methods", "random,two-stage", "--shots", "10", "--seeds", "3", "--device", "cpu"]


def test_circuits_report_evaluations_errors_and_intervals(here):
    said = Said(*VQE, "--json", "--save", "out")
    assert said.status == 0 and said.out.count("\n") == 1, said.err
    found = json.loads(said.out, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))
    assert (found["experiment"], found["reading"], found["seeds"]) == ("vqe", None, 3)
    assert list(found["methods"]) == ["random", "two-stage"]
    for method in found["methods"].values():
        for metric in ("energy", "error", "evaluations", "snr", "convex"):
            end = method["final"][metric]
            assert end["low"] <= end["mean"] <= end["high"] and len(end["values"]) == 3
    assert {m: f["final"]["evaluations"]["mean"] for m, f in found["methods"].items()} == {
        "random": 4 * 24 * 2,  # 12 rotations, 2 settings
        "two-stage": 4 * (24 * 3 + 3),
    }
    (pair,) = found["paired"].values()
    assert pair["error"].keys() == {"mean", "low", "high", "n", "wins"} and pair["error"]["n"] == 3
    entry = store.manifest(here / "out")["vqe"]
    assert entry["command"].startswith("qbp run vqe --methods random,two-stage") and entry["seeds"] == 3
    table = Said(*VQE).out.splitlines()
    assert table[0] == "vqe, tfim, 4 steps, seeds 0-2; mean [95 % bootstrap interval]"
    assert table[1].split()[:4] == ["seeds", "diverged", "energy", "error"] and "evaluations" in table[1]


def test_an_interrupt_is_130_and_one_line(monkeypatch, here):
    def interrupted(config, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run", interrupted)
    said = Said("run", "curve", *QUICK, "--json", "--save", "out")
    assert (said.status, said.out, said.err) == (130, "", "qbp run: interrupted\n")
    assert not (here / "out").exists()


def test_help_names_every_command_and_every_field(monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")  # a narrow help breaks names at their hyphens
    said = Said("--help")
    assert said.status == 0
    for command in commands.COMMANDS:
        assert re.search(rf"^    {command}\b", said.out, re.MULTILINE)
        assert Said(command, "--help").status == 0
    text = Said("run", "--help").out
    for kind in (*{k.config for k in registry.KINDS.values()}, qbp.TwoStageConfig, SellierConfig):
        for field in fields(kind):
            if field.name not in ("experiment", "method", "algorithm"):  # spelled otherwise
                assert f"--{field.name.replace('_', '-')} " in text, field.name
    for name in (*perceptrons.METHODS, *registry.KINDS):
        assert name in text


def test_defaults_in_help_are_those_of_the_experiment(monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    text = Said("run", "--help").out
    assert "(default 0.05; as released 0.447214)" in text  # Sellier's kinetic factor
    assert "training points; 3 are the released notebook's (default 3)\n" in text
    assert "default None" not in text and "(default 1 for curve, 10 otherwise)\n" in text
    found = re.findall(r"have other defaults here: (.*)", text)
    of_vqe, of_pqc, of_fit, of_ground, of_cloning, of_wine, of_remedies = found
    assert "--damping 1" in of_fit and "--steps 300" in of_ground
    assert "--steps 300" in of_vqe and "--seed" not in of_vqe and "--dtype" not in of_vqe
    assert "--qubits 4, --layers 3" in of_pqc and "--shots 1000" in of_pqc
    assert "--reading as-released" in of_cloning and "--steps 240" in of_wine
    assert "--steps 300" in of_remedies and "--record-every 15" in of_remedies


EXAMPLES = [
    line.strip()
    for command in commands.COMMANDS
    for line in Said(command, "--help").out.partition("\nexamples:\n")[2].splitlines()
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_help_can_be_typed(example):
    program, *words = shlex.split(example.partition(" > ")[0])
    args = arguments.parser().parse_args(words)  # a wrong one exits
    assert program == "qbp" and len(EXAMPLES) > 15
    if args.name == "run":
        assert commands._configs(args)
    elif args.name == "variance":
        assert commands.Study(
            **{f.name: v for f in fields(commands.Study) if (v := getattr(args, f.name)) is not None}
        )
    elif args.name == "claims":
        assert not args.ids or claims.select(args.ids)


def test_circuit_says_what_is_in_a_file(here):
    (here / "a.qasm").write_text("OPENQASM 2.0;\nqreg q[2];\nrx(0.3) q[0]; rx(0.3) q[1]; cx q[0], q[1];\n")
    said = Said("circuit", "a.qasm", "--angles", "equal", "--json")
    assert (said.status, said.err, said.out.count("\n")) == (0, "", 1)
    found = json.loads(said.out)
    assert list(found) == [
        "file", "angles", "n_qubits", "gates", "rotations", "free", "fixed", "entanglers", "parameters",
        "shared",
        "rotations_without_cliffords", "way", "light_cones", "notes",
    ]  # fmt: skip
    assert (found["n_qubits"], found["gates"], found["shared"]) == (2, {"cx": 1, "rx": 2}, 1)
    assert Said("circuit", "a.qasm").out.startswith("qubits            2\ngates             1 cx, 2 rx\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("b.qasm", "b.qasm:2:10: expected ';', got the end"),
        ("no.qasm", "path_or_text must be a file of OpenQASM that can be read.* got 'no.qasm': No such file"),
        ("b.qasm --angles some", "angles must be one of free, equal, file, got 'some'"),
    ],
)
def test_a_circuit_that_cannot_be_read_is_one_line(words, message, here):
    (here / "b.qasm").write_text("OPENQASM 2.0;\nqreg q[1]")
    said = Said("circuit", *words.split(), "--json")
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    with pytest.raises(ValueError, match=f"^qbp circuit: error: {message}"):
        raise ValueError(said.err)


def test_run_wants_a_configuration():
    with pytest.raises(TypeError, match=r"config must be a configuration such as .*, got 'curve'"):
        qbp.run("curve")


def test_info(monkeypatch):
    said = Said("info", "--json")
    found = json.loads(said.out)
    news = [line for line in said.err.splitlines() if not line.startswith("qbp: compiling")]  # a first time
    assert said.status == 0 and not news and found["torch"] == torch.__version__
    assert found.keys() >= {"qbp", "python", "numpy", "device", "threads", "kernel"}
    assert found["device"] == str(resolve_device("auto"))
    plain = Said("info").out.splitlines()
    assert [line.split()[0] for line in plain] == list(found)


VARIANCE = ["variance", "--layers", "2", "--samples", "20", "--device", "cpu"]


def test_variance_is_one_object_of_the_documented_shape():
    said = Said(*VARIANCE, "--qubits", "2-4", "--observable", "local", "--json")
    assert (said.status, said.err, said.out.count("\n")) == (0, "", 1)
    found = json.loads(said.out, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))
    assert found.keys() == {"rows", "decay"} and [row["n_qubits"] for row in found["rows"]] == [2, 3, 4]
    for row in found["rows"]:
        assert row.keys() == {
            "n_qubits", "n_layers", "observable", "engine", "samples", "parameter",
            "variance", "log2_variance", "stderr", "upper_bound", "seconds",
        }  # fmt: skip
        assert (row["n_layers"], row["observable"], row["engine"]) == (2, "local", "statevector")
        assert row["parameter"] == "mean" and row["samples"] == 20 and row["seconds"] > 0
        assert 0 < row["stderr"] < row["variance"] < row["upper_bound"]
        assert row["log2_variance"] == pytest.approx(math.log2(row["variance"]))
    decay = found["decay"]
    assert decay.keys() == {"slope_bits_per_qubit", "low", "high", "n_min", "n_max"}
    assert decay["low"] <= decay["slope_bits_per_qubit"] <= decay["high"]
    assert (decay["n_min"], decay["n_max"]) == (2, 4)
    again = json.loads(Said(*VARIANCE, "--qubits", "4", "--observable", "local", "--json").out)
    assert again["rows"][0]["variance"] == found["rows"][2]["variance"]
    assert again["decay"] == dict.fromkeys(decay)


def test_variance_for_a_reader_is_a_row_a_size_and_the_decay(here):
    said = Said(*VARIANCE, "--qubits", "2-4", "--plot", "decay.svg")
    head, *table, last = said.out.splitlines()
    assert (said.status, said.err) == (0, "") and head.split()[:3] == ["n", "layers", "engine"]
    assert [line.split()[:4] for line in table] == [[n, "2", "statevector", "20"] for n in "234"]
    assert re.match(r"[+-]\d\.\d+ bits per qubit, 95 % interval \[.*\], n = 2 to 4$", last)
    assert "<svg" in (here / "decay.svg").read_text()
    every = Said(*VARIANCE, "--qubits", "2", "--rotations", "rx", "--parameter", "all").out.splitlines()
    assert len(every) == 1 + 4 + 1 and [line.split()[4] for line in every[1:-1]] == list("0123")


def test_an_interrupted_variance_prints_the_rows_that_are_done_and_is_130(monkeypatch, here):
    real, sizes = variance_studies.gradient_variance, []

    def interrupted(circuit, *arguments, **options):
        sizes.append(circuit.n_qubits)
        if len(sizes) > 2:
            raise KeyboardInterrupt
        return real(circuit, *arguments, **options)

    for form in (["--json"], []):
        sizes.clear()
        monkeypatch.setattr(variance_studies, "gradient_variance", interrupted)
        said = Said(*VARIANCE, "--qubits", "2-9", "--plot", "partial.png", *form)
        assert (said.status, said.err) == (130, "qbp variance: interrupted\n") and sizes == [2, 3, 4]
        if form:
            assert [row["n_qubits"] for row in json.loads(said.out)["rows"]] == [2, 3]
        assert (here / "partial.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    {
        "--qubits two": "qubits must be numbers like 2-12, or 4,8,12, or 1000, got 'two'",
        "--qubits 1-3": "qubits must be at least 2 for the observable zz, got '1-3'",
        "--layers 0": "layers must be a number, or n.*got '0'",
        "--samples 1": "samples must be at least 2, got 1",
        "--samples many": "argument --samples: invalid int value: 'many'",
        "--engine fast": "engine must be one of auto, statevector, pauli-walk, got 'fast'",
        "--observable z": "observable must be one of zz, last, local, global, tfim, got 'z'",
        "--parameter -1": "parameter must be mean, max, all, or an index from 0 to 7, got '-1'",
        "--parameter 99": "parameter must be mean, max, all, or an index from 0 to 7, got '99'",
        "--rotations ry,u3": "a rotation must be one of rx, ry, rz, got 'u3'",
        "--device abacus": "device must be one this machine has, got 'abacus'",
        "--plot decay.pdf": "plot must be a .svg or .png file in a folder that exists, got 'decay.pdf'",
        "--plot no/decay.svg": "plot must be a .svg or .png file in a folder that exists",
    }.items(),
)
def test_bad_input_to_variance_is_one_line_before_any_work(words, message, here, monkeypatch):
    monkeypatch.setattr(variance_studies, "gradient_variance", None)
    said = Said(*VARIANCE, "--qubits", "2-3", *words.split(), "--json")
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1), said.err
    assert said.err.startswith("qbp variance: error: ") and re.search(message, said.err)
    assert [path.name for path in here.iterdir()] == ["a-file"]


def test_claims():
    said = Said("claims", "--json")
    rows = json.loads(said.out)
    assert said.status == 0 and said.err == ""
    documented = {"id", "claim", "where", "paper", "ours", "low", "high", "n", "verdict", "command"}
    for row in rows:
        assert documented < row.keys()
        assert row["verdict"] in VERDICTS
        if row["n"]:
            assert row["command"].startswith(f"qbp claims {row['id']} --rerun")
        else:
            assert row["ours"] is row["command"] is None and row["verdict"] in ("open", "untestable")
    assert 0 < sum(row["n"] is None for row in rows) < len(rows)
    table = Said("claims").out.splitlines()
    assert len(table) == len(rows) + 2 and all(line.startswith("|") for line in table)
    main = Said("claims", "--markdown").out.splitlines()  # README's
    assert set(main) < set(table) and not any("open" in line for line in main)
    some = Said("claims", "curve-ridge", "eq-one-convex").out.splitlines()
    assert [*some[:2], *sorted(some[2:])] == [*table[:2], *sorted(set(some[2:]) & set(table))]


def test_claims_again():
    (row,) = json.loads(Said("claims", "eq-one-convex", "--rerun", "--json").out)
    assert row["ours"] == 4 and row["verdict"] == "not supported"
    (row,) = json.loads(Said("claims", "curve-no-init-as-released", "--rerun", "--seeds", "2", "--json").out)
    assert row["n"] == 2 and row["p_adjusted"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    {
        "no-such": "id must be one of those in `qbp claims --json`, got 'no-such'",
        "--rerun": "--rerun takes one ID or more",
        "tunneling --rerun": "claim must be one that is measured, got 'tunneling'",
        "curve-ridge --rerun --seeds 0": "seeds must be at least 1, got 0",
        "curve-ridge --seeds 5": "--seeds is an option of --rerun, got 5 without it",
        "curve-noinit": r"got 'curve-noinit'; did you mean .*\bcurve-no-init-as-written\b",
        "curve-rigde": r"did you mean curve-ridge\b",
    }.items(),
)
def test_bad_input_to_claims_is_one_line(words, message):
    said = Said("claims", *words.split())
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    assert re.search(message, said.err), said.err


def test_terrain(tmp_path):
    words = ["terrain", "curve", "--seeds", "2", "--steps", "101", "--save", str(tmp_path), "--json"]
    found = json.loads(Said(*words).out)
    assert found["step"] == [0, 100, 101] and list(found["methods"]) == ["two-stage", "no-init"]
    assert {"hessian_high", "layer_ratio", "barrier_back"} < found["methods"]["no-init"]["final"].keys()
    entry = json.loads((tmp_path / "MANIFEST.json").read_text())["terrain-curve"]
    assert entry["seeds"] == 2 and entry["command"].startswith("qbp terrain curve --seeds 2 --steps 101")
    assert "hessian_high" in Said("terrain", "curve", "--seeds", "1", "--steps", "101").out
    said = Said("terrain", "heat")
    assert said.status == 2 and "experiment must be" in said.err


@pytest.mark.parametrize(("words", "name"), [("--frame clifford", "tfim"), ("", "tfim-plain")])
def test_terrain_of_a_circuit(tmp_path, words, name):
    more = ["--seeds", "1", "--steps", "101", "--save", str(tmp_path), "--json"]
    found = json.loads(Said("terrain", "vqe", *words.split(), *more).out)
    assert found["step"] == [0, 100, 101]
    assert {"down", "grad_71"} < found["methods"]["no-init"]["final"].keys()
    entry = json.loads((tmp_path / "MANIFEST.json").read_text())[f"terrain-{name}"]
    assert entry["command"].startswith(f"qbp terrain vqe --seeds 1 {words}".strip())
    shown = Said("terrain", "vqe", *words.split(), *more[:4]).out
    assert "hessian_high" in shown and "grad_0" not in shown


def test_tasks_of_circuits_are_none_of_perceptrons():
    said = Said("terrain", "curve", "--frame", "plain")
    assert said.status == 2 and "--frame is an option of vqe, not of curve" in said.err


def test_claims_without_tables_is_one_line(monkeypatch):
    monkeypatch.setattr("qbp.audit.claims.everything", lambda *_: [])
    said = Said("claims")
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1) and "make results" in said.err


def test_a_method_that_is_named_twice_runs_once(monkeypatch):
    seen = []
    real = commands.run
    monkeypatch.setattr(commands, "run", lambda config, bar: seen.append(config.method) or real(config, bar))
    assert Said("run", "curve", "--methods", "no-init,random,no-init", *QUICK).status == 0
    assert seen == ["no-init"]


def test_long_work_is_announced_before_it_begins(monkeypatch):
    def interrupted(config, progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run", interrupted)
    said = Said("run", "mnist", "--seeds", "20000", "--json")
    assert re.search(r"^qbp: about \d+\.\d (hours|days) of work on one core$", said.err, re.MULTILINE)
    assert "about" not in Said("run", "curve", *QUICK, "--json").err
