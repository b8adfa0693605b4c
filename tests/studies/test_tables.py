"""A table or a study is one entry: `qbp grid` lists it, computes it, and its rows are loaded and verified."""

import pytest
from said import Said

from qbp.audit.claims import CLAIMS
from qbp.experiments.registry import CIRCUIT_SURVEYS, CIRCUITS, PERCEPTRONS, SURVEYS, of
from qbp.results import store
from qbp.results.table import Table
from qbp.results.verify import verify
from qbp.studies import circuit_studies, tables
from qbp.studies.tables import TABLES, gridded, resolve

SMALL = """
[[study]]
name = "small"
question = "Does it run?"
table = "vqe-small"
tasks = ["random"]
shared = { qubits = 2, layers = 1, steps = 2, seeds = 2, device = "cpu" }
[study.rows]
no-init = { method = "no-init" }
[study.pairs]
"Z" = { paulis = "Z" }
"""


@pytest.fixture
def added(monkeypatch):
    """A study and the table of its rows, an entry each."""
    (study,) = circuit_studies.read(SMALL)
    monkeypatch.setitem(tables.TABLES, "vqe-small", Table("title", {}, ("energy", "error")))
    monkeypatch.setattr(tables, "STUDIES", (*tables.STUDIES, study))
    return study


@pytest.fixture(autouse=True)
def anew():
    """The tables as they are asked for in each test."""
    for cached in (tables.tables, tables._sources):
        cached.cache_clear()
    yield
    for cached in (tables.tables, tables._sources):
        cached.cache_clear()


def test_a_new_study_and_its_table_are_listed_computed_loaded_and_verified(added, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert any(
        line.split()[:3] == ["vqe-small", "3", "6"] for line in Said("grid", "--list").out.splitlines()
    )
    said = Said("grid", "vqe-small", "--jobs", "1", "--save", "results", "--parts", "parts")
    assert said.status == 0, said.err
    assert resolve("vqe/small/random").tables == ("vqe-small",)
    found = tables.load("vqe/small/random", tmp_path / "results")
    assert list(found) == ["no-init", "no-init, Z", "two-stage, Z"] and {r.table for r in found.values()} == {
        "vqe-small"
    }
    keys = [store.key(config) for config in added.configs("random").values()]
    assert [store.key(r.config) for r in found.values()] == keys == list(gridded()["vqe-small"].configs)
    report = verify(tmp_path / "results", rows=6)
    assert report.mismatches == [] and report.tables.keys() == {"vqe-small"} and report.sampled == 6


def test_a_table_without_a_study_and_a_study_without_its_table_fail_at_once(added, monkeypatch):
    monkeypatch.delitem(tables.TABLES, "vqe-small")
    with pytest.raises(ValueError, match=r"table must be one of curve, .*, got 'vqe-small'"):
        gridded()
    monkeypatch.setattr(tables, "STUDIES", tables.STUDIES[:-1])
    monkeypatch.setitem(tables.TABLES, "alone", Table("title", {}))
    with pytest.raises(ValueError, match=r"a table must be the home of a study's rows .*, got alone$"):
        gridded()


def test_every_table_has_rows_and_every_study_a_home():
    assert list(tables.tables()) == list(TABLES) and all(t.configs for t in tables.tables().values())
    for study in tables.STUDIES:
        for task in study.tasks:
            source = resolve(study.called(task))
            assert source == (study, task) and study.question.endswith("?")
            for config in source.configs.values():
                assert store.key(config) in tables.tables()[study.home(config)].configs
    assert all(resolve(claim.table).tables for claim in CLAIMS if claim.table)
    with pytest.raises(ValueError, match=r"name must be one of components/curve, .*, got 'components/pqc'"):
        resolve("components/pqc")


def test_a_survey_is_told_by_the_command_of_its_table():
    apart = {name for name, table in tables.tables().items() if table.kind == "surveys"}
    assert apart == tables.tables().keys() - gridded().keys() == set(tables.SURVEYS)
    for name, table in tables.tables().items():
        verb = store.verb_of(table.command or f"qbp grid {name}")
        assert (of("curve", verb) is SURVEYS) == (name in apart)
    assert of("curve") is PERCEPTRONS and of("vqe") is CIRCUITS and of("vqe", "terrain") is CIRCUIT_SURVEYS
    with pytest.raises(ValueError, match="experiment must be one of curve, telecom, mnist, vqe, got 'pqc'"):
        of("pqc", "terrain")
