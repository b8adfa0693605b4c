"""Messages of a score: they show the line of the student's cell, not one inside a library."""

import linecache

import torch

import qbp
from qbp.teaching.score import Score


def cell(source, name="/tmp/ipykernel_7/8.py"):
    """The names that a cell defines; its lines can be looked up, as those of a notebook can."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    scope = {"qbp": qbp}
    exec(compile(source, name, "exec"), scope)
    return scope


def test_a_failure_deep_inside_a_library_names_the_line_of_the_notebook(capsys):
    answer = cell("def gradients(theta):\n    cost = theta * theta\n    cost.backward()\n")["gradients"]
    score = Score(1)
    with score.part(1, "one gradient for each row"):
        answer(torch.ones(3, requires_grad=True))
    said = capsys.readouterr().out
    assert "RuntimeError" in said and "in gradients, at `cost.backward()`" in said
    assert score.total() == 0


def test_an_error_inside_this_library_is_shown_at_the_line_of_the_cell(capsys):
    call = "return qbp.oscillatory_regularizer(theta, omega=float('nan'))"
    answer = cell(f"def answer(theta):\n    {call}\n")["answer"]
    score = Score(1)
    with score.part(1, "a library call"):
        answer(torch.zeros(3))
    said = capsys.readouterr().out
    assert score.total() == 0
    assert "ValueError" in said and f"in answer, at `{call}`" in said


def test_a_failure_outside_a_notebook_names_its_last_line(capsys):
    with Score(1).part(1, "a whole number"):
        int("seven")
    assert 'at `int("seven")`' in capsys.readouterr().out
