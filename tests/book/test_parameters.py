"""Parameters of the chapters: each checks its own before it computes; a message names the parameter."""

import ast
import math
import re
from pathlib import Path

import nbformat
import pytest

from qbp.book.parameters import CHAPTERS, EVERYWHERE, check

BOOK = Path(__file__).parents[2] / "book"
NAMES = sorted(path.stem for path in BOOK.glob("*.ipynb"))
CELLS = {name: nbformat.read(BOOK / f"{name}.ipynb", as_version=4).cells for name in NAMES}
CODE = {name: [c.source for c in cells if c.cell_type == "code"] for name, cells in CELLS.items()}


def defaults(name):
    nodes = ast.parse(CODE[name][0]).body
    return {node.targets[0].id: ast.literal_eval(node.value) for node in nodes}


@pytest.mark.parametrize("name", NAMES)
def test_a_chapter_checks_all_its_parameters_before_it_computes(name):
    before, call, _ = "\n".join(CODE[name]).partition(f'parameters.check("{name}", globals())')
    assert call
    loads = [node for node in ast.walk(ast.parse(before)) if isinstance(node, ast.Call)]
    used = {word for node in loads for word in re.findall(r"\w+", ast.unparse(node))}
    assert not used & {"run", "compare", "load", "committed", "everything", "gradient_variance", "two_stage"}
    given = defaults(name)
    assert given.keys() <= (EVERYWHERE | CHAPTERS.get(name, {})).keys(), "a parameter without a rule"
    check(name, namespace := dict(given))
    assert namespace == given


WRONG = [-1, 0.5, math.nan, 10**12, True, None, "float16", "nowhere", [1, 2], "4"]


def fits(value, default):
    """Whether a value is of its parameter's kind, and its size is for the rule to say."""
    if isinstance(default, str):
        return default == "" and isinstance(value, str)  # a text that is free
    return isinstance(default, float) and value in (0.5, 10**12)


@pytest.mark.parametrize("name", NAMES)
def test_a_value_out_of_range_is_refused_by_the_name_of_its_parameter(name):
    for parameter, default in defaults(name).items():
        for value in (value for value in WRONG if not fits(value, default)):
            with pytest.raises(ValueError, match=rf"(?s)^{parameter} must (be|name) .*got "):
                check(name, defaults(name) | {parameter: value})


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("cost-locality", {"sizes": 4}, "sizes must name at least 4 of 2 to 1000, .* got 4"),
        ("cost-locality", {"sizes": "4,4,6,8,10"}, "sizes must name .* each once"),
        (
            "cost-locality",
            {"walks": 32},
            "walks must be a whole number from 64 .*, or 0 .*, got 32",
        ),
        ("variational-circuits", {"seed": -1}, "seed must be a whole number from 0 to 4294967295, got -1"),
        (
            "variational-circuits",
            {"dtype": "float16"},
            "dtype must be one of .*, got 'float16'",
        ),
        ("first-circuit", {"seeds": 2.5}, "seeds must be a whole number from 2 to .*, got 2.5"),
        ("saddles-and-curvature", {"runs": 0}, "runs must be a whole number from 2 to .*, got 0"),
        ("thousand-qubits", {"largest": 5}, "largest must be a whole number from 100 to .*, got 5"),
        ("algorithm-1", {"steps": 100}, "steps must be a whole number from 451 to .*, got 100"),
        ("noise-plateaus", {"p": 0}, "p must be a number above 0, at most 0.5, got 0"),
        ("curve", {"device": "nowhere"}, "device must be .*got 'nowhere'"),
    ],
)
def test_the_message_says_what_the_parameter_takes(name, given, message):
    with pytest.raises(ValueError, match=message):
        check(name, defaults(name) | given)


def test_whole_numbers_may_come_as_floats_and_a_choice_as_a_number():
    check("variational-circuits", given := {"samples": 50.0})
    assert given == {"samples": 50} and isinstance(given["samples"], int)
    check("start-of-stage-2", given := {"depth": 1})
    assert given == {"depth": "1"}
