"""Audit and studies as TOML: what the reader makes of an entry, and what it refuses by name."""

import tomllib
from dataclasses import FrozenInstanceError, fields
from importlib.resources import files
from pathlib import Path

import pytest

from qbp.audit import ambiguities, paper_map
from qbp.audit.ambiguities import AMBIGUITIES, Ambiguity
from qbp.audit.paper_map import PAPER_MAP, Item
from qbp.studies import circuit_studies, perceptron_studies
from qbp.studies.perceptron_studies import TASKS
from qbp.studies.study import Row, entries, stored

ROOT = Path(__file__).parents[2]
CHOICE = """
[[ambiguity]]
number = 27
item = "The weather"
unclear = "Nothing is said of it."
start = "Rain."
studies = ["rain", "snow"]
"""
PLACE = """
[[item]]
item = "eq. 9"
says = "the next one"
name = "qbp.convex.ridge"
test = "test_convex.py::test_ridge"
chapter = "switching"
"""
STUDY = """
[[study]]
name = "weather"
question = "Does it rain?"
ambiguities = [27]
seeds.mnist = 10
[study.rows]
dry = { method = "no-init" }
[study.changes]
rain = { n_hidden = 3, by_task.mnist.points = 4 }
[study.pairs]
snow = { algorithm.eta_c = 0.1, tasks = ["mnist"] }
"""
CIRCUIT = """
[[study]]
name = "weather"
question = "Does it rain?"
table = "vqe"
tasks = ["tfim"]
shared = { qubits = 3 }
[study.rows]
dry = { method = "no-init" }
"""
READ = {
    CHOICE: ambiguities.read,
    PLACE: paper_map.read,
    STUDY: perceptron_studies.read,
    CIRCUIT: circuit_studies.read,
}


def test_a_new_entry_is_a_frozen_object_after_the_others():
    choices = ambiguities.read(stored("qbp.audit", "ambiguities.toml") + CHOICE)
    new = Ambiguity(27, "The weather", "Nothing is said of it.", "Rain.", studies=("rain", "snow"))
    assert choices == (*AMBIGUITIES, new)
    place = Item("eq. 9", "the next one", "qbp.convex.ridge", "test_convex.py::test_ridge", "switching")
    assert paper_map.read(stored("qbp.audit", "paper_map.toml") + PLACE) == (*PAPER_MAP, place)
    with pytest.raises(FrozenInstanceError):
        place.item = "eq. 10"


def test_rows_of_a_study_stand_as_they_are_or_are_changes_or_pairs():
    (study,) = perceptron_studies.read(STUDY)
    snow = {"algorithm": {"eta_c": 0.1}}
    assert study.rows == (
        Row("dry", {"method": "no-init"}),
        Row("two-stage", {"method": "two-stage"}),
        Row("rain", {"method": "two-stage", "n_hidden": 3}, "two-stage", {"mnist": {"points": 4}}),
        Row("no-init, snow", {"method": "no-init", **snow}, tasks=("mnist",)),
        Row("two-stage, snow", {"method": "two-stage", **snow}, "no-init, snow", tasks=("mnist",)),
    )
    assert (study.ambiguities, study.seeds, study.tasks) == ((27,), {"mnist": 10}, tuple(TASKS))
    (study,) = circuit_studies.read(CIRCUIT)
    assert study.rows == {"dry": {"method": "no-init"}} and study.configs("tfim")["dry"].qubits == 3


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (CHOICE, "studies =", "study =", "27: fields must be among admitted, .*, unclear, got study"),
        (CHOICE, "start =", "default =", "27: a row must have number, item, unclear, start, got no start"),
        (CHOICE, "number = 27", "", "The weather: a row must have number, .*, got no number"),
        (CHOICE, '"Rain."', '""', "27: .*, got no start"),
        (CHOICE, CHOICE, 2 * CHOICE, "27: number must be of one row, got two"),
        (CHOICE, "[[ambiguity]]", "[[ambiguty]]", r"every entry must be a \[\[ambiguity\]\], got ambiguty"),
        (CHOICE, "[[ambiguity]]", "[ambiguity]", r"every entry must be a \[\[ambiguity\]\], got ambiguity"),
        (CHOICE, CHOICE, "", r"every entry must be a \[\[ambiguity\]\], got none"),
        (PLACE, "chapter =", "page =", "eq. 9: fields must be among chapter, .*, got page"),
        (PLACE, 'test = "test_convex.py::test_ridge"', "", "eq. 9: a row must have item, .*, got no test"),
        (PLACE, '"switching"', '""', "eq. 9: .*, got no chapter"),
        (PLACE, 'item = "eq. 9"', "", "the next one: a row must have item, .*, got no item"),
        (PLACE, PLACE, 2 * PLACE, "eq. 9: item must be of one row, got two"),
        (STUDY, "seeds", "seed", "weather: fields must be among ambiguities, .*, got seed"),
        (STUDY, 'question = "Does it rain?"', "", "weather: a row must have name, .*, got no question"),
        (STUDY, STUDY, 2 * STUDY, "weather: name must be of one row, got two"),
        (CIRCUIT, 'table = "vqe"', "", "weather: a row must have name, .*, got no table"),
        (CIRCUIT, 'dry = { method = "no-init" }', "", "weather: a row must have name, .*, got no rows"),
    ],
)
def test_the_reader_names_the_entry_it_refuses(text, old, new, message):
    assert old in text
    with pytest.raises(ValueError, match=f"^{message}"):
        READ[text](text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "table", "rows"),
    [("ambiguities.toml", "ambiguity", AMBIGUITIES), ("paper_map.toml", "item", PAPER_MAP)],
)
def test_an_entry_says_nothing_that_is_the_default(file, table, rows):
    for entry, row in zip(entries(stored("qbp.audit", file), table), rows, strict=True):
        given = {field.name for field in fields(row) if getattr(row, field.name) != field.default}
        assert entry.keys() == given


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        ("qbp.audit", {"ambiguities.toml", "claims.toml", "paper_map.toml"}),
        ("qbp.studies", {"circuit_studies.toml", "perceptron_studies.toml"}),
    ],
)
def test_the_package_carries_the_files(folder, names):
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert packaged[folder] == ["*.toml"]
    assert {path.name for path in files(folder).iterdir() if path.name.endswith(".toml")} == names
