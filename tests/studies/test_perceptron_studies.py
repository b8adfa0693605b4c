"""The grid as data: every study resolves, compares what it names, and finds its rows again."""

import shlex
from dataclasses import replace

import numpy as np
import pytest

import qbp
from qbp.audit.ambiguities import AMBIGUITIES
from qbp.cli.arguments import parser
from qbp.cli.commands import _configs
from qbp.experiments.perceptrons import load_data
from qbp.results import store
from qbp.studies.perceptron_studies import STUDIES, TASKS, TUNING, PerceptronStudy, study
from qbp.studies.study import Row
from qbp.studies.tables import gridded

ASKED = [(s, task) for s in STUDIES for task in s.tasks]


@pytest.mark.parametrize(("s", "task"), ASKED, ids=[f"{s.name}-{task}" for s, task in ASKED])
def test_a_study_compares_rows_that_are_there_and_differ(s, task):
    configs = s.configs(task)
    assert (
        list(configs) == [row.label for row in s.on(task)] and set(s.tasks) <= TASKS.keys()
    )  # labels are unique
    keys = {label: store.key(config) for label, config in configs.items()}
    assert len(set(keys.values())) == len(keys), "two labels, one configuration"
    assert any(row.against for row in s.rows) or s.name == "sellier-constants"  # which picks the lowest
    for row in s.on(task):
        assert not row.against or (row.against in configs and row.against != row.label)
        if row.against:
            a, b = configs[row.label], configs[row.against]
            assert (a.experiment, a.reading) == (b.experiment, b.reading)
            assert a.budget == b.budget or any(word in row.label for word in ("on top", "600 steps"))


def test_every_row_is_in_one_table_and_every_command_makes_its_row():
    homes = {}
    for name, table in gridded().items():
        for key, config in table.configs.items():
            place = key, config.seed >= TUNING  # runs that choose constants stand apart
            assert homes.setdefault(place, name) == name and key == store.key(config)
            _, *words = shlex.split(store.command(config))
            assert _configs(parser().parse_args(words)) == [config]
    for s, task in ASKED:
        for config in s.configs(task).values():
            home = gridded()[homes[store.key(config), config.seed >= TUNING]]
            assert home.configs[store.key(config)].seeds >= config.seeds
    assert set(store.MAIN) <= gridded().keys()


def test_every_ambiguity_is_measured_or_says_why_not():
    measured = {number for s in STUDIES for number in s.ambiguities}
    unmeasured = {item.number for item in AMBIGUITIES if item.not_measured}
    assert measured | unmeasured == set(range(1, 27)) and not measured & unmeasured


@pytest.mark.parametrize(("task", "steps"), [("curve-64", 4), ("telecom", 64), ("mnist", 125)])
def test_annealing_per_epoch_is_spread_over_its_steps(task, steps):
    config = study("annealing").configs(task)["per epoch, spread over its steps"]
    assert steps == -(-len(load_data(config).train) // config.batch_size)
    assert config.algorithm.lambda_decay**steps == pytest.approx(0.98, rel=1e-12)
    assert config.algorithm.beta_decay**steps == pytest.approx(0.99, rel=1e-12)


def test_a_study_is_found_by_name():
    assert study("components").rows[1].against == "no-init"
    with pytest.raises(ValueError, match=r"study must be one of components, .*, got 'part'"):
        study("part")
    with pytest.raises(ValueError, match="task must be one of curve, telecom, got 'mnist'"):
        study("data").configs("mnist")


READINGS = {"sellier": "real", "sellier, imaginary time": "imaginary", "sellier, friction": "friction"}


@pytest.mark.parametrize("task", study("sellier-constants").tasks)
@pytest.mark.parametrize("reading", READINGS)
def test_sellier_has_the_constants_that_were_best_on_other_seeds(task, reading):
    metric = "val_loss" if task == "mnist" else "train_loss"
    asked, tried = study("sellier-constants"), study("sellier-constants").load(task)
    means = {
        label: result.final(metric).mean()
        for label, result in tried.items()
        if label.startswith(READINGS[reading])
    }
    assert len(means) >= 6 and min(c.seed for c in asked.configs(task).values()) == TUNING
    best = asked.configs(task)[min(means, key=means.get)]
    taken = study("sellier").configs(task)[f"{reading}, best constants"]
    assert (taken.method, replace(taken.algorithm, record_every=1)) == (
        best.method,
        replace(best.algorithm, record_every=1),
    )


def test_rows_come_back_by_label_on_the_same_seeds(tmp_path, monkeypatch):
    def tiny(method, **options):
        return Row(method, {"method": method, "n_hidden": 4, "steps": 3, **options})

    small = PerceptronStudy("small", "?", (tiny("no-init"), tiny("two-stage")), seeds={"curve": 2})
    homes = {"no-init": "a", "two-stage": "b"}
    monkeypatch.setattr(PerceptronStudy, "home", lambda self, config: homes[config.method])
    first, second = small.configs("curve").values()
    done = [qbp.run(c) for c in (qbp.Experiment("curve", "no-init", n_hidden=4, steps=3, seeds=3,
                                                record_every=50), second)]  # fmt: skip
    assert store.key(done[0].config) == store.key(first) and small.tables("curve") == ("a", "b")
    store.save("a", done[:1], command="", target="", directory=tmp_path)
    with pytest.raises(ValueError, match=r"name must be a table in .*got 'b'"):
        small.load("curve", tmp_path)
    store.save("b", done[1:], command="", target="", directory=tmp_path)
    back = small.load("curve", tmp_path)
    assert [r.table for r in back.values()] == ["a", "b"]
    assert list(back) == ["no-init", "two-stage"]
    assert [r.config.run_seeds for r in back.values()] == [range(2), range(2)]
    np.testing.assert_array_equal(back["no-init"].final("val_loss"), done[0].final("val_loss")[:2])
    assert qbp.paired(back["two-stage"], back["no-init"], "val_loss").n == 2
