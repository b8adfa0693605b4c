"""What is cited is listed: the keys in chapters, and the names and years in docstrings and comments."""

import re
from pathlib import Path

import pytest
from pybtex.database import parse_file

ROOT = Path(__file__).parents[1]
ENTRIES = parse_file(ROOT / "book" / "references.bib").entries
MODULES = sorted((ROOT / "qbp").rglob("*.py"))
# "Cerezo et al. 2021", "Sellier (2023)"; of "Kingma & Ba 2015" the last name and the year
CITED = re.compile(r"([A-Z][\w'-]+)(?:\s+et\s+al\.)?,?\s+\(?((?:19|20)\d\d)\b")


def surnames(entry):
    """The last words of the names of authors or editors, with the letters they have."""
    people = [person for group in entry.persons.values() for person in group]
    return {str(name).split()[-1] for person in people for name in person.rich_last_names}


def test_chapters_cite_what_the_bibliography_lists():
    pages = [*(ROOT / "book").glob("*.ipynb"), *(ROOT / "book").glob("*.md")]
    runs = [run for page in pages for run in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", page.read_text())]
    cited = {key for run in runs for key in run.split(",")}
    assert len(cited) > 20 and cited <= set(ENTRIES)


def test_the_package_cites_what_the_bibliography_lists():
    listed = {(name, entry.fields.get("year")) for entry in ENTRIES.values() for name in surnames(entry)}
    cited = {match.groups(): path.name for path in MODULES for match in CITED.finditer(path.read_text())}
    assert len(cited) > 20
    assert not {work: where for work, where in cited.items() if work not in listed}


@pytest.mark.parametrize("key", ENTRIES)
def test_a_key_ends_with_the_year(key):
    assert key.endswith(ENTRIES[key].fields.get("year", ""))


@pytest.mark.parametrize("key", [key for key, entry in ENTRIES.items() if entry.type == "article"])
def test_an_article_can_be_found(key):
    found = ENTRIES[key].fields
    assert {"title", "journal", "volume", "pages", "year"} <= set(found)
    doi = re.fullmatch(r"10\.\d{4,5}/\S+", found.get("doi", ""))
    assert doi or "url" in found or "arXiv:" in found["note"]
