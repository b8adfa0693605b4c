"""The digest of the code behind a number: what moves it, what does not; it misses nothing that runs."""

import ast
import dataclasses
import shutil
import sys
from pathlib import Path

import pytest

import qbp
from qbp.experiments import perceptrons, registry, regression
from qbp.experiments.later_versions import cloning, wine
from qbp.experiments.terrain import circuits as circuit_terrain
from qbp.experiments.terrain import perceptrons as terrain
from qbp.results import store
from qbp.results.digest import PACKAGE, Code

KINDS = {
    "perceptrons": registry.PERCEPTRONS,
    "surveys": registry.SURVEYS,
    "circuits": registry.CIRCUITS,
    "surveys of circuits": registry.CIRCUIT_SURVEYS,
    "regression": registry.REGRESSION,
    "cloning": registry.CLONING,
    "wine": registry.WINE,
    "remedies": registry.REMEDIES,
    "fits": registry.FITS,
    "ground states": registry.GROUND,
}

# One of everything whose tree differs between versions of Python: f-strings, fields that come and go.
SOURCE = {
    "__init__.py": "",
    "start.py": '''
"""A module."""
from dataclasses import dataclass
from functools import partial
import numpy as np
from small import tools as t
from small.tools import LIMIT as top, Base

@dataclass(frozen=True)
class Config(Base[int]):
    """What to run."""
    steps: "int" = 5
    name: str = f"{top!r:>{3}} {{}} of {3.5e-7}" "and more"

    def text(self, *, width: int | None = None, **more: object) -> str:
        """Say it."""
        local: float = 1e-3
        return f"{self.steps:{width}d}" + t.word(*[x for x in range(3) if x], **more) + str(local)

def run(config, /, a=1, *rest, key=b"x", **more) -> None:
    match config:
        case Config(steps=2 | 3) | [_, *_]:
            return (yield)
        case {"a": None, **other}:
            pass
    try:
        with open("x") as f, open("y"):
            x = lambda a, *, b=...: a @ b if not a else 2j
    except* ValueError as error:
        raise KeyError from error
    async def g():
        return [i async for i in x]
    del x
    global seen
    return {**more, 1: {2, 3}}, np.linalg.norm, (y := partial(int)), -1 ** 2, rest[1:, ::2]

seen: int = 0
seen += 1
seen.attribute = True
''',
    "tools.py": """
LIMIT = 1_000
from small.inner import word
class Base:
    def __class_getitem__(cls, key): return cls
def unused():
    return 1
""",
    "inner.py": """
def word(*a, **b):
    import os as system
    return system.sep.join(a, depth(3))
def depth(n):
    return depth(n - 1) if n else word()
""",
}
ROOTS = ("small.start.Config", "small.start.run")
EXPECTED = "f237c3d798eb5861"


def written(folder, sources):
    package = folder / "small"
    shutil.rmtree(package, ignore_errors=True)
    for name, text in sources.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return package


def digest(folder, sources=SOURCE, apart=(), roots=ROOTS):
    return Code(written(folder, sources), apart).digest(roots)


def changed(name, old, new):
    assert old in SOURCE[name], old
    return {**SOURCE, name: SOURCE[name].replace(old, new)}


def test_the_digest_of_a_fixed_source_is_the_same_in_every_python(tmp_path):
    assert digest(tmp_path) == EXPECTED


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("start.py", '"""Say it."""', "# said"),
        ("start.py", '"int" = 5', "float = 5"),
        ("start.py", "local: float = 1e-3", "local = 0.001"),
        ("start.py", "width: int | None = None, **more: object) -> str", "width=None, **more)"),
        ("start.py", "seen: int = 0", "seen = 0"),
        ("start.py", "import LIMIT as top, Base", "import Base\nfrom small.tools import LIMIT as top"),
        ("start.py", "import numpy as np", "import numpy as np\nif TYPE_CHECKING:\n    import torch"),
        ("start.py", "np.linalg.norm", "(  np.linalg\n    .norm  )"),
        ("start.py", "from small import tools as t\n", "from small import inner as t\n"),
        ("tools.py", "return 1", "return 2"),  # nothing names it
        ("tools.py", "1_000", "1000"),
        ("inner.py", "import os as system", "import os as system, re"),
    ],
)  # fmt: skip
def test_layout_hints_and_places_do_not_move_it(name, old, new, tmp_path):
    sources = changed(name, old, new)
    assert digest(tmp_path, sources) == digest(tmp_path)


def test_files_may_move_split_and_merge(tmp_path):
    first = digest(tmp_path)
    bases = "small.deep.er.bases import Base, LIMIT as top"
    start = SOURCE["start.py"].replace("from small import tools as t", "from small.deep.er import text as t")
    rest = SOURCE["tools.py"].split("class Base")[1]
    word, depth = SOURCE["inner.py"].split("def depth")
    moved = {
        "__init__.py": "",
        "start.py": start.replace("small.tools import LIMIT as top, Base", bases),
        "deep/__init__.py": "", "deep/er/__init__.py": "",
        "deep/er/bases.py": f"LIMIT = 1000\nclass Base{rest}",
        "deep/er/text.py": f"{word}from small.deep.er.depths import depth",
        "deep/er/depths.py": f"from small.deep.er import text\ndef depth{depth.replace('word', 'text.word')}",
    }  # fmt: skip
    assert digest(tmp_path, moved) == first


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("start.py", "= 5", "= 6"),
        ("start.py", "1e-3", "1.0000001e-3"),
        ("start.py", "3.5e-7", "3.5e-8"),
        ("start.py", "!r:>{3}", "!s:>{3}"),
        ("start.py", "{{}}", "{{ }}"),
        ("start.py", "2 | 3", "2 | 4"),
        ("start.py", "name: str = f", "named: str = f"),
        ("start.py", "    steps: \"int\" = 5\n", "    steps = 5\n"),  # no field any more
        ("start.py", "config, /,", "config,"),
        ("start.py", "import numpy as np", "import numpy as np\nif TYPE_CHECKING: pass\nelse: np.x = 1"),
        ("start.py", "    steps: \"int\" = 5\n", "    steps: \"ClassVar[int]\" = 5\n"),
        ("start.py", "-1 ** 2", "(-1) ** 2"),
        ("start.py", "np.linalg.norm", "np.linalg.cond"),
        ("start.py", "import numpy as np", "import torch as np"),
        ("start.py", "seen += 1", "seen += 2"),
        ("start.py", "seen.attribute = True", "seen.attribute = False"),
        ("start.py", "frozen=True", "frozen=False"),
        ("start.py", "import LIMIT as top", "import LIMIT as unused, Base as top"),
        ("tools.py", "1_000", "1_001"),
        ("inner.py", "n - 1", "n - 2"),
        ("inner.py", "depth(3)", "depth(4)"),
        ("inner.py", "import os as system", "import ntpath as system"),
    ],
)  # fmt: skip
def test_a_number_or_a_name_moves_it(name, old, new, tmp_path):
    assert digest(tmp_path, changed(name, old, new)) != digest(tmp_path)


def test_twins_are_told_apart_by_what_they_name(tmp_path):
    """Two modules with the same function over another constant: exchanging the constants is a change."""
    tail = "def half():\n    return N / 2\ndef third():\n    return half()\n"
    start = {
        "__init__.py": "",
        "start.py": "from small import a, b\ndef run():\n    return a.third() - b.third()\n",
    }
    before = {**start, "a.py": f"N = 1\n{tail}", "b.py": f"N = 2\n{tail}"}
    after = {**start, "a.py": f"N = 2\n{tail}", "b.py": f"N = 1\n{tail}"}
    roots = ["small.start.run"]
    found = digest(tmp_path, before, roots=roots)
    assert found != digest(tmp_path, {**before, "a.py": f"N = 3\n{tail}"}, roots=roots)
    assert found != digest(tmp_path, after, roots=roots)


TABLE = """
from functools import partial
from contextlib import nullcontext
from small import tools
from small.tools import register
KNOWN = {"a": len}
def run(x): return KNOWN["a"](x) + tools.LIMIT
def other(x): return 2
"""


@pytest.mark.parametrize(
    "end",
    [
        "KNOWN['a'] = other",
        "KNOWN.update(a=other)",
        "_ = KNOWN.update(a=other)",
        "for _n in ('a',): KNOWN[_n] = other",
        "with nullcontext() as _n: KNOWN['a'] = other",
        "try:\n    KNOWN['a'] = other\nexcept KeyError:\n    _n = 1",
        "if True:\n    def _g(): pass\n    KNOWN['a'] = other",
        "KNOWN['a'], _rest = other, None",
        "_ = tools.LIMIT = 3",
        "setattr(tools.Base, 'x', 1)",
        "@register(KNOWN)\ndef _g(): pass",
        "def _g(x=KNOWN.update(a=other)): pass",
        "class _G:\n    KNOWN['a'] = other",
        "_ = register(KNOWN)",
        "import small.patches",
        "def _g():\n    from small import patches",
    ],
)
def test_what_a_module_does_when_it_is_loaded_moves_it(end, tmp_path):
    sources = {**SOURCE, "start.py": TABLE, "patches.py": "from small import tools\ntools.Base.x = 1\n"}
    sources["tools.py"] += "def register(f): return f\n"
    first = digest(tmp_path, sources, roots=["small.start.run"])
    assert digest(tmp_path, {**sources, "start.py": f"{TABLE}{end}\n"}, roots=["small.start.run"]) != first


def test_what_a_folder_does_when_it_is_loaded_moves_it(tmp_path):
    patched = {**SOURCE, "__init__.py": "from small import tools\ntools.Base.x = 1\n"}
    assert digest(tmp_path, patched) != digest(tmp_path)


@pytest.mark.parametrize("name", ["batch = 1", "def batch(): pass", "class batch: pass"])
def test_a_variable_of_a_function_is_not_what_stands_in_the_module(name, tmp_path):
    start = (
        "from small.tools import LIMIT\ndef run(limit, x=LIMIT):\n    batch = limit\n    return batch + x\n"
    )
    sources = {**SOURCE, "start.py": start}
    first = digest(tmp_path, sources, roots=["small.start.run"])
    assert digest(tmp_path, {**sources, "start.py": f"{start}{name}\n"}, roots=["small.start.run"]) == first
    limit = {**sources, "tools.py": SOURCE["tools.py"].replace("1_000", "1_001")}
    assert digest(tmp_path, limit, roots=["small.start.run"]) != first  # a default comes from outside


def test_a_name_that_is_bound_and_imported_is_followed_both_ways(tmp_path):
    start = "from small.inner import depth\ndepth = max(depth, int)\ndef run(): return depth\n"
    sources = {**SOURCE, "start.py": start}
    other = {**sources, "inner.py": SOURCE["inner.py"].replace("n - 1", "n - 2")}
    of_run = {"roots": ["small.start.run"]}
    assert digest(tmp_path, sources, **of_run) != digest(tmp_path, other, **of_run)


def test_far_twins_are_told_apart(tmp_path):
    chain = "".join(f"def f{i}(): return f{i + 1}()\n" for i in range(30)) + "def f30(): return N\n"
    start = "from small import a, b\ndef run():\n    return a.f0() - b.f0()\n"
    plain = {"__init__.py": "", "start.py": start}
    of = {n: {**plain, "a.py": f"N = {n}\n{chain}", "b.py": f"N = {3 - n}\n{chain}"} for n in (1, 2)}
    roots = {"roots": ["small.start.run"]}
    assert digest(tmp_path, of[1], **roots) != digest(tmp_path, of[2], **roots)


def test_a_module_apart_enters_by_name_alone(tmp_path):
    first = digest(tmp_path, apart=["small.inner"])
    assert first == digest(tmp_path, changed("inner.py", "n - 1", "n - 2"), apart=["small.inner"])
    assert first != digest(tmp_path)


def test_a_decorator_that_refuses_arguments_does_not_move_it(tmp_path):
    checks = {
        "__init__.py": "",
        "_arguments.py": "def takes(**axes):\n    return lambda function: function\n",
    }
    plain = "def run(x):\n    return x + 1\n"
    taken = "from small._arguments import takes\n@takes(x='... n')\n" + plain
    roots = {"roots": ["small.start.run"]}
    first = digest(tmp_path, {**checks, "start.py": plain}, **roots)
    assert first == digest(tmp_path, {**checks, "start.py": taken}, **roots)
    assert first != digest(tmp_path, {**checks, "start.py": taken.replace("x + 1", "x + 2")}, **roots)
    other = taken.replace("_arguments", "_other")
    assert first != digest(
        tmp_path, {"__init__.py": "", "_other.py": checks["_arguments.py"], "start.py": other}, **roots
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("from small.nothing import x\ndef run(): return x", "the package has no small.nothing"),
        ("from small.tools import x\ndef run(): return x", "the package has no small.tools.x"),
        ("from small import tools\ndef run(): getattr(tools, 'x')", "small.tools is used as a value"),
        ("from small import tools\ndef run(tools): tools.x", "for a module and for a variable: tools"),
        ("from small.tools import *\ndef run(): pass", "star imports and relative imports cannot"),
        ("from . import tools\ndef run(): pass", "star imports and relative imports cannot"),
        ("def run():\n    import a as x\ndef f():\n    import b as x", "imports two things as x: a and b"),
        ("def walk(): pass", "the package has no small.start.run"),
        ("def run(): return globals()['x']", "uses globals: what it looks up by text"),
        ("import importlib\ndef run(): return importlib.import_module('x')", "what it looks up by text"),
        ("class run: pass", "small.start.run.now is not at the top of a module"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_an_error(text, said, tmp_path):
    root = "small.start.run.now" if "now" in said else "small.start.run"
    with pytest.raises(ValueError, match=said):
        digest(tmp_path, {**SOURCE, "start.py": text}, roots=[root])


@pytest.mark.parametrize("name", KINDS)
def test_every_definition_that_is_reached_moves_the_digest_of_its_kind(name, tmp_path):
    """In a copy of the package a number is changed, in one definition at a time."""
    kind = KINDS[name]
    package = shutil.copytree(PACKAGE, tmp_path / "qbp", ignore=shutil.ignore_patterns("__pycache__"))
    code = Code(package, kind.apart)
    first, changes = code.digest(kind.roots), 0
    assert first == store.core_digest(kind)
    reached = code.reachable(kind.roots)
    for module, bound in sorted(reached)[:: max(1, len(reached) // 25)]:
        for statement in code.module(module).bound.get(bound, []):
            for node in ast.walk(statement):
                if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
                    value, node.value, changes = node.value, node.value + 1, changes + 1
                    assert code.digest(kind.roots) != first, (module, bound)
                    node.value = value
                    break
    assert changes > 5 and code.digest(kind.roots) == first


def called(package, run):
    """Return the definitions at the top of modules whose code runs, watched from the interpreter."""
    found = set()

    def watch(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(str(package)):
            found.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

    sys.setprofile(watch)
    try:
        run()
    finally:
        sys.setprofile(None)
    code = Code()
    return {place for place in (place_of(code, *where) for where in found) if place}


def place_of(code, file, line):
    module = ".".join(Path(file).relative_to(PACKAGE.parent).with_suffix("").parts)
    for name, statements in code.module(module).bound.items():
        for s in statements:
            first = min([s.lineno, *(d.lineno for d in getattr(s, "decorator_list", []))])
            if first <= line <= s.end_lineno:
                return module, name
    return None  # the body of a module


QUICK = {"seeds": 2, "steps": 2, "device": "cpu"}


def run_perceptrons():
    small = {**QUICK, "n_hidden": 4}
    for method in perceptrons.METHODS:
        rule = {"switching": "threshold-or-plateau"} if method == "two-stage" else {}
        qbp.run(qbp.Experiment("curve", method=method, algorithm=rule, n_layers=2, **small))
    for method in ("two-stage", "no-init", "sellier"):
        qbp.run(qbp.Experiment("curve", method=method, reading="as-released", **QUICK))
    qbp.run(qbp.Experiment("telecom", holdout=0.1, **small))
    qbp.run(qbp.Experiment("mnist", per_class=2, holdout=0.1, **small))
    packets = {"time": "imaginary", "form": "closure"}
    qbp.run(qbp.Experiment("curve", method="sellier", algorithm=packets, **small))


def run_surveys():
    for method in terrain.METHODS:
        terrain.survey(qbp.Experiment("curve", method, **{**QUICK, "n_hidden": 4, "points": 4, "steps": 101}))


def run_circuits():
    small = {**QUICK, "qubits": 2, "layers": 1}
    for more in (
        {},
        {"method": "random"},
        {"shots": 3, "channel": "depolarizing", "strength": 0.1},
        {"hamiltonian": "heisenberg", "record_every": 1, "algorithm": {"switching": "threshold"}},
    ):
        qbp.run(qbp.CircuitExperiment(**{**small, **more}))


def run_surveys_of_circuits():
    small = {**QUICK, "qubits": 2, "layers": 1, "algorithm": {"stage_1_steps": 1}}
    circuit_terrain.survey(qbp.CircuitExperiment(hamiltonian="circuit", **small))


def run_cloning():
    small = {**QUICK, "qubits": 3, "layers": 1, "algorithm": {"stage_1_steps": 1}}
    for more in ({"reading": "as-released"}, {"reading": "as-described"}):
        qbp.run(cloning.CloningExperiment(**small, **more))


def run_wine():
    small = {**QUICK, "qubits": 2, "layers": 1}
    for more in ({"features": "components"}, {"method": "no-init"}):
        qbp.run(wine.WineExperiment(**small, **more))
    qbp.run(wine.WineExperiment(method="mlp", **QUICK))


def run_regression():
    for method in regression.METHODS:
        qbp.run(qbp.RegressionExperiment(method=method, **QUICK))


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("perceptrons", run_perceptrons),
        ("surveys", run_surveys),
        ("surveys of circuits", run_surveys_of_circuits),
        ("circuits", run_circuits),
        ("regression", run_regression),
        ("cloning", run_cloning),
        ("wine", run_wine),
    ],
)
def test_everything_that_runs_is_in_the_digest_or_apart(name, run):
    kind = KINDS[name]
    ran = called(PACKAGE, run)
    missed = {
        (m, n) for m, n in ran - Code(apart=kind.apart).reachable(kind.roots).keys() if m not in kind.apart
    }
    finds = {("qbp.experiments.registry", n) for n in ("run", "of", "Kind")}  # what runs it, and public names
    checks = {("qbp._checks", n) for n in ("device", "is_trusted", "reverse_mode_only")}
    assert len(ran) > 40 and missed <= finds | checks | {("qbp.__init__", "__getattr__")}


def test_a_kind_names_its_roots():
    assert registry.CIRCUITS.roots == (
        "qbp.experiments.circuits.CircuitExperiment",
        "qbp.experiments.runner.run",
    )
    other = dataclasses.replace(registry.PERCEPTRONS, apart=registry.APART | {"qbp.draws"})
    assert store.core_digest(other) != store.core_digest(registry.PERCEPTRONS)
