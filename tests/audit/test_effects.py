"""Effects and open choices: the rule, the correction, where every study stands, what is said and drawn."""

from dataclasses import replace

import nbformat
import numpy as np
import pytest

import qbp
from qbp.audit import ambiguities, choices, effects
from qbp.audit.ambiguities import AMBIGUITIES, ambiguity
from qbp.audit.effects import (
    AT_START,
    CONDITIONS,
    CONTROLS,
    ELSEWHERE,
    PARTS,
    SETTINGS,
    Part,
    corrected,
    judged,
)
from qbp.book.figures import forest
from qbp.book.tables.choices import Choice, Overview
from qbp.book.tables.effects import EffectsGrid, EffectsTable, Findings, counts, judged_words, named
from qbp.book.tables.markup import percent
from qbp.experiments.result import Result
from qbp.statistics.hypothesis_tests import compare_pairs, detectable
from qbp.studies import perceptron_studies
from qbp.studies.perceptron_studies import STUDIES, TASKS, PerceptronStudy

SEEDS = 12
RNG = np.random.default_rng(0)
BASE = 1 + 0.1 * RNG.normal(size=SEEDS)


def result(factor, config=None):
    """Return a result whose validation loss ends at `factor` times a common one, after twice that."""
    end = BASE * factor
    history = {"val_loss": np.stack([2 * end, end], 1), "train_loss": np.stack([2 * end, end], 1)}
    history["held_loss"] = np.array([[0.0, 1.0]] * SEEDS)  # lowest at the first record
    config = config or qbp.Experiment("curve", seeds=SEEDS)
    return Result(config, None, np.array([0, 500]), history, None, np.zeros(SEEDS, dtype=bool), 0.0)


def noisy(level):
    return 1 + level * RNG.normal(size=SEEDS)


def test_the_rule_asks_for_interval_and_correction():
    lower, higher = compare_pairs(BASE * 0.9, BASE), compare_pairs(BASE * 1.1, BASE)
    assert judged(lower, 0.01) == "helps" and judged(higher, 0.01) == "hurts"
    assert judged(lower, 0.05) == judged(higher, 0.06) == "nothing seen"
    assert judged(replace(lower, high=0.01), 0.01) == "nothing seen"
    assert judged(compare_pairs(BASE, BASE * (1 + 1e-9)), 0.001) == "the same"
    assert judged(compare_pairs(BASE[:1], BASE[1:2]), np.nan) == "no interval"


def test_too_few_seeds_neither_help_nor_hurt():
    for factor, word in ((0.9, "helps"), (1.1, "hurts")):
        six, five = (compare_pairs(BASE[:n] * factor, BASE[:n]) for n in (6, 5))
        assert judged(six, six.p) == word and judged(five, five.p) == "too few seeds"
        assert (
            judged(six, 2 * six.p, 2 * six.p) == "too few seeds"
        )  # one of two, of which the other is nothing
        assert judged(six, 0.06, 0.04) == "nothing seen"
    one = effects.effect({"a": result(1.0), "b": result(0.9)}, Part("b", "s", "b", "a"), "curve")
    few = replace(one, found=compare_pairs(BASE[:6] * 0.9, BASE[:6]))
    null = replace(one, found=replace(one.found, p=0.9))
    assert [e.verdict for e in corrected([few])] == ["helps"]
    judgment = corrected([few, null])[0]
    assert (judgment.verdict, judgment.reachable) == ("too few seeds", 0.0625)
    assert judged_words(judgment) == "too few seeds" and not judgment.small
    assert "Too few seeds to tell (1)" in Findings([judgment], "On curve").lines()
    assert len(forest.forest([judgment]).legends) == 1
    usual = choices.Answer("curve", "usual", one, usual=True)
    assert choices.depends([usual, choices.Answer("curve", "few", judgment)]) == []


def test_effects_of_a_family_are_corrected_together_and_their_power_too():
    rows = {"a": result(1.0), "b": result(noisy(0.02)), "c": result(0.5)}
    one, two = (effects.effect(rows, Part(x, "s", x, "a"), "curve") for x in "bc")
    alone, together = corrected([one])[0], corrected([one, two])
    assert alone.adjusted == one.found.p and alone.visible == pytest.approx(one.found.detectable)
    # Holm on two: the smaller p twice, the larger as it is but not below that
    assert together[1].adjusted == 2 * two.found.p and together[0].adjusted == max(
        one.found.p, 2 * two.found.p
    )
    d = rows["b"].final("val_loss") - rows["a"].final("val_loss")
    expected = detectable(d, level=0.025) / BASE.mean()
    assert together[0].visible == pytest.approx(expected, rel=1e-6)
    other = corrected([one, replace(two, family="other")])
    assert other[1].adjusted == two.found.p  # another family


def test_a_row_ends_where_its_label_and_early_stopping_say():
    held = result(1.0, qbp.Experiment("curve", seeds=SEEDS, holdout=0.2))
    rows = {"x": result(1.0), "held": held}
    for label, expected in {"x": BASE, "x" + AT_START: 2 * BASE, "held": 2 * BASE}.items():
        np.testing.assert_array_equal(effects.final_values(rows, label, "val_loss"), expected)
    with pytest.raises(ValueError, match="x and other must have the same seeds"):
        other = replace(rows["x"], config=qbp.Experiment("curve", seeds=SEEDS, seed=5))
        effects.effect({**rows, "other": other}, Part("", "s", "x", "other"), "curve")


def test_every_study_stands_in_one_place_and_every_part_is_two_of_its_rows():
    placed = [*SETTINGS, *CONDITIONS, *ELSEWHERE, *dict.fromkeys(p.study for p in (*PARTS, *CONTROLS))]
    assert sorted(placed) == sorted(s.name for s in STUDIES)
    for part in (*PARTS, *CONTROLS):
        for task in TASKS:
            labels = perceptron_studies.study(part.study).configs(task)
            assert {part.has.removesuffix(AT_START), part.lacks.removesuffix(AT_START)} <= labels.keys()
    assert len({part.name for part in (*PARTS, *CONTROLS)}) == len(PARTS) + len(CONTROLS)


@pytest.fixture
def fake(monkeypatch):
    """Every row of every study ends a fifth lower than the loss of its baseline; no tables are read."""

    def load(study, task, directory=None):
        low = {row.label: 0.8 if row.against else 1.0 for row in study.on(task)}
        return {
            label: result(low[label] * noisy(0.01), replace(config, seeds=SEEDS))
            for label, config in study.configs(task).items()
        }

    monkeypatch.setattr(PerceptronStudy, "load", load)


def test_what_is_said_of_effects(fake):
    found = effects.of_parts("mnist")
    assert len(found) == len(PARTS) + len(CONTROLS)
    whole = found[0]
    assert whole.verdict == "helps" and whole.found.mean == pytest.approx(-0.2, abs=0.02)
    assert whole.config.method == "two-stage" and whole.command.startswith("qbp run mnist --methods two-st")
    said = Findings(found, "On digits")
    assert set(said.groups) <= {"helps", "hurts", "small", "nothing seen"}
    assert sum(map(len, said.groups.values())) == len(found)
    assert repr(said).startswith("On digits\n- Lower with it (") and "the method as a whole (-" in repr(said)
    assert "n = 12, would be from" in repr(said) and "<strong>" in said._repr_html_()
    small = replace(
        whole, found=compare_pairs(BASE * (1 + 0.001 * np.linspace(1, 2, SEEDS)), BASE), adjusted=0
    )
    assert small.group == "small" and judged_words(small) == "hurts (below 1 %)"
    table = EffectsTable(found, tasks=True)
    assert "mnist: the oscillation" in repr(table) and len(repr(table).splitlines()) == len(found) + 2
    assert whole.command.replace("'", "&#x27;") in table._repr_html_()
    studies = effects.of_studies(SETTINGS, "curve")
    assert {e.study for e in studies} == set(SETTINGS) - {"annealing"}  # three points are one batch
    assert "How long should Stage 1 be?" in EffectsTable(studies, by_study=True)._repr_html_()


def test_effects_of_all_tasks_in_one_grid_and_counted(fake):
    found = {task: effects.of_parts(task) for task in ("curve", "mnist")}
    grid, parts = EffectsGrid(found, [part.name for part in PARTS]), len(PARTS)
    head, _, *lines = repr(grid).splitlines()
    assert head == "| with it the loss ends | curve | mnist |" and len(lines) == parts
    mean = found["mnist"][0].found.mean
    assert lines[0].startswith("| the method as a whole | ") and f"lower ({percent(mean)}) |" in lines[0]
    assert grid._repr_html_().count("<tr>") == parts + 1
    assert len(repr(EffectsGrid(found)).splitlines()) == parts + len(CONTROLS) + 2
    assert named(found, "the method as a whole", "helps") == "curve, mnist"
    assert named(found, "the method as a whole", "hurts") == "none"
    table = counts(found)
    for task, some in found.items():
        assert table.loc[task, "all"] == len(some) == table.loc[task].drop("all").sum()
        assert table.loc[task, "lower"] == sum(e.group == "helps" for e in some) > 0


def test_forests_draw_every_effect(fake):
    found = effects.of_parts("curve")
    axis = forest.forest(found, aside=["the blend"]).axes[0]
    labels = {tick.get_text(): tick.get_fontstyle() for tick in axis.get_yticklabels()}
    assert labels.keys() == {e.name for e in found} and labels["the blend"] == "italic"
    by_task = {task: effects.of_studies(CONDITIONS, task) for task in ("curve", "mnist")}
    figure = forest.forests(by_task, CONDITIONS)
    marks = [len([line for line in a.lines if line.get_marker() in "<>oDx"]) for a in figure.axes]
    assert marks == [len(by_task["curve"]), len(by_task["mnist"])]
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert "Budget" in names and "Budget mnist" not in names and "two-stage, 1000 steps" in names
    odd = replace(
        found[0], found=replace(found[0].found, mean=np.inf, low=np.nan, high=np.nan)
    )  # a baseline at 0
    assert forest.forest([odd]) and forest.every_choice({"curve": [odd, found[1]]})


# -------------------------------------------------------------------------------------------- open choices


def test_the_choices_are_those_of_the_studies():
    assert [a.number for a in AMBIGUITIES] == list(range(1, 27))
    for item in AMBIGUITIES:
        asked = [s for s in STUDIES if item.number in s.ambiguities]
        assert {*item.studies} <= {s.name for s in asked} and bool(item.studies) == bool(asked)
        assert bool(item.not_measured) == (not item.studies)
        assert item.kept or item.admitted or item.not_measured
        labels = {row.label for s in asked for row in s.rows} | {item.default}
        assert {*item.labels, *item.baselines} <= labels
    with pytest.raises(ValueError, match="number must be 1 to 26, got 27"):
        ambiguity(27)


def test_every_choice_compares_its_alternatives_with_the_default(fake):
    for item in AMBIGUITIES:
        for task in TASKS:
            found = choices.answers(item, task)
            asked = any(task in perceptron_studies.study(name).tasks for name in item.studies)
            assert bool(found) == asked
            if found:
                labels = [a.label for a in found]
                assert found[0].usual and labels[0] == item.default and len(set(labels)) == len(labels)
                assert {*item.admitted} <= {*labels}
    rates = choices.answers(ambiguity(23), "curve")
    assert [a.label for a in rates] == ["eta = 0.001", "eta = 0.0001", "eta = 0.01"]
    assert all(a.conclusion.verdict == "helps" for a in rates)
    assert rates[1].change.lacks == "two-stage, eta = 0.001"
    points = choices.answers(ambiguity(18), "curve")
    assert all(a.change is None for a in points)  # other data: losses cannot be compared
    sellier = choices.answers(ambiguity(20), "mnist")
    assert {(a.conclusion.has, a.conclusion.lacks) for a in sellier} == {
        ("two-stage", a.label) for a in sellier
    }


def answer(label, factor, spread=0.01, usual=False):
    rows = {"two-stage": result(factor * noisy(spread)), "no-init": result(1.0)}
    one = effects.effect(rows, Part(label, "rates", "two-stage", "no-init"), "curve")
    return choices.Answer("curve", label, corrected([one])[0], usual=usual)


def test_a_default_changes_only_where_the_paper_admits_it_and_gains_by_it():
    item = replace(ambiguity(23), admitted=("better", "worse"), kept="")
    usual, better = answer("usual", 1.0, 0.1, usual=True), answer("better", 0.8)
    worse, forbidden = answer("worse", 1.2), answer("forbidden", 0.5)
    assert choices.depends([usual, better, worse]) == [better, worse]
    assert choices.new_default(item, [usual, better, worse, forbidden]) == ["better"]
    lost = replace(answer("better", 1.2), task="telecom")
    elsewhere = [replace(usual, task="telecom"), lost]
    assert choices.new_default(item, [usual, better, *elsewhere]) == []  # worse on another task
    assert choices.new_default(replace(item, kept="because"), [usual, better]) == []
    assert choices.favored(replace(item, kept="because"), [usual, better]) == ["better"]
    tiny = answer("better", 0.998, 1e-4)
    assert tiny.conclusion.verdict == "helps" and choices.depends([usual, tiny]) == []


def test_a_choice_says_what_follows(fake):
    rates, hardware = (Choice(ambiguity(number)) for number in (23, 21))
    assert "the same under every alternative" in repr(rates) and "By the rule the default stays." in repr(
        rates
    )
    assert "| curve | eta = 0.01 |" in repr(rates) and "qbp grid " in rates._repr_html_()
    assert "Not measured: a statement about hardware" in hardware._repr_html_()
    overview = Overview([rates, hardware])
    assert 'href="#ambiguity-23"' in overview._repr_html_() and "not measured" in repr(overview)
    shown = sum(not a.usual for a in rates.answers)
    assert rates.changing == [] and rates.summary == f"0 of {shown} alternatives change the comparison"
    assert f"<summary>{rates.summary}</summary>" in rates._repr_html_() and hardware.summary == "Not measured"
    shown = choices.conclusions([*rates.answers, *Choice(ambiguity(20)).answers])
    assert {task: len(some) for task, some in shown.items()} == dict.fromkeys(TASKS, 3)


def test_the_chapter_has_a_section_for_every_choice():
    path = ambiguities.__file__.replace("qbp/audit/ambiguities.py", "book/ambiguities.ipynb")
    cells = nbformat.read(path, 4).cells
    text = "\n".join(cell.source for cell in cells)
    for item in AMBIGUITIES:
        assert f"(ambiguity-{item.number})=\n### {item.item}\n" in text + "\n"
        assert f"\nmeasured[{item.number}]\n" in text + "\n"
