"""Tables of the suite with known answers: counts, wrong answers and what cannot be said."""

import json

import pytest

from benchmarks import plateau_score as score
from benchmarks.plateau_suite import entries
from qbp.book.tables.plateaus import known_answers

LISTED = [e for e in entries() if e.set == "suite"][:3] + [e for e in entries() if e.set == "trainable"][:2]


def answers(*verdicts, **more):
    pairs = zip(LISTED, verdicts, strict=True)
    return [score.Answer(e.name, v if v != "right" else e.verdict, **more) for e, v in pairs]


@pytest.fixture
def suite(tmp_path):
    ours = answers("right", "right", "cannot say", "right", "right", rate=1.0, low=0.9, high=1.1)
    other = {"plateau": "no plateau", "no plateau": "plateau"}[LISTED[0].verdict]
    theirs = answers(other, "cannot say", "right", "plateau", "cannot say")
    dated = {"version": "1.0", "date": "2026-12-01", "raw": []}
    found = {"other": score.score(LISTED, theirs) | dated, "qbp": score.score(LISTED, ours) | dated}
    (tmp_path / known_answers.FILE).write_text(json.dumps(found))
    return known_answers.load(tmp_path)


def test_ours_stands_first_and_everything_is_counted(suite):
    found = known_answers.scores(suite)
    assert found.index.tolist() == ["qbp", "other"]
    assert found["right, of 3"].tolist() == [2, 1] and found["wrong"].tolist() == [0, 1]
    assert found["cannot say"].tolist() == [1, 1] and found["false alarms, of 2"].tolist() == [0, 1]
    assert (
        found["rate"].tolist() == ["1 of 2", "names none"] and found["cause"].tolist() == ["names none"] * 2
    )


def test_a_wrong_answer_is_marked(suite):
    found = known_answers.families(suite, "suite")
    assert found["other"].iloc[0].endswith(" (wrong)") and found["qbp"].iloc[0] == LISTED[0].verdict
    assert found["other"].iloc[1] == "cannot say" and len(found) == 3
    with pytest.raises(ValueError, match="of must be suite or trainable, got 'all'"):
        known_answers.families(suite, "all")


def test_losses_come_with_what_was_measured(suite):
    found = known_answers.losses(suite)
    assert found.index.tolist() == [LISTED[2].name] and found["said"].tolist() == ["cannot say"]
    assert found["rate measured"].tolist() == ["1.00 [0.90, 1.10]"]
    assert known_answers.losses(suite, "other")["rate measured"].tolist() == ["none"] * 4


def test_sources_are_those_of_the_labels(suite):
    assert known_answers.sources(suite) == sorted({key for e in LISTED for key in e.sources})


def test_other_tools_in_a_sentence(suite):
    theirs = {"other": suite["other"]}
    words = "Of 1 other packages the best, other, is right on 1 of 3; false alarms of all together: 1."
    assert known_answers.others_in_words(theirs) == words
    assert known_answers.others_in_words({}) == "No other package has answered yet."


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"directory must have plateau-suite\.json"):
        known_answers.load(tmp_path)
