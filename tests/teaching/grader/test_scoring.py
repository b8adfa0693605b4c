"""Scores: nbgrader's rule where it is right, ours where it gives points away; pages that run nothing."""

import base64

import nbformat
import pytest
import small_lab

from qbp.teaching.grader import feedback, merging, scoring
from qbp.teaching.grader.sandbox import Executed

pytest.importorskip("nbgrader")
LAB = merging.Lab.of(small_lab.NAME, small_lab.instructor())
PNG = base64.b64encode(b"\x89PNG").decode()


def result(text):
    return nbformat.v4.new_output("execute_result", {"text/plain": text})


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def error(name="ValueError", said="no"):
    return nbformat.v4.new_output("error", ename=name, evalue=said, traceback=["line with a hidden test"])


def graded(outputs, stopped="", verdict=None, where="shift-test"):
    """The small lab with some outputs of one test; the other has 2 of 2."""
    notebook = merging.merge(LAB, merging.cells(small_lab.handed(LAB.released))).notebook
    if verdict is not None:
        small_lab.cell(notebook, "verdict").source = verdict
    which = scoring.code(notebook)
    k = which.index(small_lab.place(notebook, where))
    all_outputs = [[] for _ in which]
    all_outputs[which.index(small_lab.place(notebook, "choice-test"))] = [result("2.0")]
    all_outputs[k] = outputs
    executed = Executed(all_outputs, {k: stopped} if stopped else {})
    scoring.fill(notebook, executed)
    return notebook, scoring.grade(notebook, executed, ["mended"])


@pytest.mark.parametrize(
    "outputs, score, why",
    [
        ([result("3.0")], 3, ""),
        ([stream("1 of 1"), result("1.5")], 1.5, ""),
        ([result("0.0")], 0, ""),
        ([result("np.float64(1.5)")], 1.5, ""),
        ([result("np.int64(2)")], 2, ""),
        ([result("3.0000000000000004")], 3, ""),
        ([stream("a warning", "stderr"), result("2.0")], 2, ""),
        ([result("3.0"), result("0.0")], 3, ""),
        ([error()], 0, ""),
        ([stream("x", "stderr")], 0, "it showed no value"),
        ([], 0, "it showed no value"),
        ([stream("3.0")], 0, "it showed no value"),
        ([result("'all right'")], 0, "its value is no number from 0 to 3: \"'all right'\""),
        ([result("nan")], 0, "its value is no number from 0 to 3: 'nan'"),
        ([result("-1.0")], 0, "its value is no number from 0 to 3: '-1.0'"),
        ([result("99.0")], 0, "its value is no number from 0 to 3: '99.0'"),
        ([result("tensor(3.)")], 0, "its value is no number from 0 to 3: 'tensor(3.)'"),
        (
            [nbformat.v4.new_output("execute_result", {"text/html": "3.0"})],
            0,
            "its value is no number from 0 to 3: ''",
        ),
    ],
)
def test_points_of_a_test(outputs, score, why):
    _, found = graded(outputs)
    assert (found.points[0].score, found.points[0].why) == (score, why)
    assert found.total == score + 2 and found.of == 5 and found.unread == 4
    assert found.notes == ("mended", *([f"shift-test: {why}"] if why else []))


def test_a_test_that_was_stopped_has_no_points_whatever_it_showed():
    _, found = graded([result("3.0")], stopped="it took longer than 60 seconds")
    assert found.points[0].score == 0 and found.total == 2
    assert found.notes == ("mended", "shift-test was stopped: it took longer than 60 seconds")


def test_a_written_answer_is_zero_untouched_and_read_by_a_person_otherwise():
    stub = small_lab.cell(LAB.released, "verdict").source
    _, found = graded([result("3.0")], verdict=stub)
    assert (found.points[2].score, found.of, found.unread) == (0, 9, 0)
    _, found = graded([result("3.0")])
    assert (found.points[2].score, found.of, found.unread) == (None, 5, 4)


@pytest.mark.parametrize(
    "text, numbers",
    [
        ('leaderboard: {"error": 0.25, "evaluations": 800}\n', {"error": 0.25, "evaluations": 800}),
        ('x\nleaderboard: {"error": 1}\nleaderboard: {"error": 2}\n', {"error": 2}),
        ('leaderboard: {"error": NaN, "evaluations": true, "name": "x"}\n', {}),
        ("leaderboard: [1]\nleaderboard: {\nleaderboard:" + "[" * 10**5, {}),
        (' leaderboard: {"error": 1}', {}),
    ],
)
def test_the_leaderboard_is_a_line_of_a_cell_of_the_lab(text, numbers):
    assert graded([stream(text), result("1.0")])[1].leaderboard == numbers
    assert graded([stream(text)], where="shift")[1].leaderboard == {}


def test_a_page_of_feedback_shows_points_and_runs_nothing():
    evil = "<script>alert(1)</script>"
    outputs = [
        stream(f"\x1b[31m0 of 1\x1b[0m {evil}"),
        nbformat.v4.new_output("display_data", {"text/html": evil, "text/plain": "plain"}),
        nbformat.v4.new_output("display_data", {"image/svg+xml": f"<svg>{evil}</svg>"}),
        nbformat.v4.new_output("display_data", {"image/png": PNG}),
        nbformat.v4.new_output("display_data", {"image/png": f'"><{evil}', "text/plain": "no picture"}),
        nbformat.v4.new_output("display_data", {"application/javascript": "alert(2)", "text/markdown": evil}),
        error("<b>Bad</b>", evil),
    ]
    notebook, found = graded(outputs, verdict=f"I say {evil} <img src=x onerror=alert(3)>")
    text = feedback.page(f"ann{evil}", "0-small", notebook, found)
    assert (
        "<script" not in text and "onerror=alert(3)>" not in text.replace("&gt;", "") and "<b>Bad" not in text
    )
    assert text.count("&lt;script&gt;") >= 5 and "alert(2)" not in text
    assert "default-src 'none'" in text and f"data:image/png;base64,{PNG}" in text and text.count("<img") == 1
    assert "2 of 5 points" in text and "to be read, of 4" in text and "mended" in text and "\x1b" not in text


def test_a_page_of_feedback_does_not_tell_hidden_tests_or_solutions():
    notebook, found = graded([error()])
    text = feedback.page("ann", "0-small", notebook, found)
    assert "the gradient of cos" in text
    for secret in ("gradient of sin", "HIDDEN", "halves", "line with a hidden test"):
        assert secret not in text
