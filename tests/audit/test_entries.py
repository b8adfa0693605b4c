"""Data of the audit as TOML: what its reader makes of an entry, and what it refuses by name."""

import tomllib
from dataclasses import FrozenInstanceError, fields
from importlib.resources import files
from pathlib import Path

import pytest

from qbp.audit import ambiguities, paper_map
from qbp.audit.ambiguities import AMBIGUITIES, Ambiguity
from qbp.audit.entries import entries, stored
from qbp.audit.paper_map import PAPER_MAP, Item

ROOT = Path(__file__).parents[2]
CHOICE = """
[[ambiguity]]
number = 24
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
READ = {CHOICE: ambiguities.read, PLACE: paper_map.read}


def test_a_new_entry_is_a_frozen_object_after_the_others():
    choices = ambiguities.read(stored("ambiguities.toml") + CHOICE)
    new = Ambiguity(24, "The weather", "Nothing is said of it.", "Rain.", studies=("rain", "snow"))
    assert choices == (*AMBIGUITIES, new)
    place = Item("eq. 9", "the next one", "qbp.convex.ridge", "test_convex.py::test_ridge", "switching")
    assert paper_map.read(stored("paper_map.toml") + PLACE) == (*PAPER_MAP, place)
    with pytest.raises(FrozenInstanceError):
        place.item = "eq. 10"


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (CHOICE, "studies =", "study =", "24: fields must be among admitted, .*, unclear, got study"),
        (CHOICE, "start =", "default =", "24: a row must have number, item, unclear, start, got no start"),
        (CHOICE, "number = 24", "", "The weather: a row must have number, .*, got no number"),
        (CHOICE, '"Rain."', '""', "24: .*, got no start"),
        (CHOICE, CHOICE, 2 * CHOICE, "24: number must be of one row, got two"),
        (CHOICE, "[[ambiguity]]", "[[ambiguty]]", r"every entry must be a \[\[ambiguity\]\], got ambiguty"),
        (CHOICE, "[[ambiguity]]", "[ambiguity]", r"every entry must be a \[\[ambiguity\]\], got ambiguity"),
        (CHOICE, CHOICE, "", r"every entry must be a \[\[ambiguity\]\], got none"),
        (PLACE, "chapter =", "page =", "eq. 9: fields must be among chapter, .*, got page"),
        (PLACE, 'test = "test_convex.py::test_ridge"', "", "eq. 9: a row must have item, .*, got no test"),
        (PLACE, '"switching"', '""', "eq. 9: .*, got no chapter"),
        (PLACE, 'item = "eq. 9"', "", "the next one: a row must have item, .*, got no item"),
        (PLACE, PLACE, 2 * PLACE, "eq. 9: item must be of one row, got two"),
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
    for entry, row in zip(entries(stored(file), table), rows, strict=True):
        given = {field.name for field in fields(row) if getattr(row, field.name) != field.default}
        assert entry.keys() == given


def test_the_package_carries_the_files():
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert packaged["qbp.audit"] == ["*.toml"]
    here = {path.name for path in files("qbp.audit").iterdir() if path.name.endswith(".toml")}
    assert here == {"ambiguities.toml", "claims.toml", "paper_map.toml"}
