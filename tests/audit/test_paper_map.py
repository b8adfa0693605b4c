"""The paper map cannot drift: every row names what exists, is labelled, is tested and is shown."""

import ast
import inspect
import json
import pkgutil
import re
from pathlib import Path

import pytest
import yaml

from qbp.audit import paper_map
from qbp.audit.paper_map import PAPER_MAP, select
from qbp.book.run import _named

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "book"
LISTS = ("paper-map", "api", "index", "notation", "glossary")  # these name every item, and show none
NUMBERS = r"(\d+(?:(?:,| and| or| to|-|–)\s?\d+)*)"


def source(page):
    """What a page of the book says: prose, captions, printed outputs."""
    if (BOOK / f"{page}.md").exists():
        text = (BOOK / f"{page}.md").read_text()
        return text + (BOOK / "references.bib").read_text() if "{bibliography}" in text else text
    texts = []
    for cell in json.loads((BOOK / f"{page}.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "markdown":
            texts.append("".join(cell["source"]))
        else:
            texts.append(cell["metadata"].get("mystnb", {}).get("figure", {}).get("caption", ""))
            printed = [output.get("data", {}).get("text/plain", "") for output in cell["outputs"]]
            texts += ["".join(text) for text in printed]
    return "\n\n".join(texts)


def numbers_after(words, text):
    """Every number that follows one of the words: "eq. 1", "Eq. 1-3", "lines 7 to 9", "eq. 3, 5 and 6"."""
    found = set()
    for run in re.findall(rf"(?:{words})\s{NUMBERS}", text):
        for low, high in re.findall(r"(\d+)(?:(?: to |-|–)(\d+))?", run):
            found.update(range(int(low), int(high or low) + 1))
    return found


def shown(kind, text):
    """The labels of one kind that a text shows."""
    if kind == "equation":
        return {f"eq. {n}" for n in numbers_after(r"[Ee]q\.|[Ee]quations?", text)}
    if kind == "line":
        listings = re.findall(r"^```\{prf:algorithm\}.*?^```", text, re.DOTALL | re.MULTILINE)
        items = re.findall(r"^(\d+)\. ", "\n".join(listings), re.MULTILINE)
        return {f"line {n}" for n in numbers_after("[Ll]ines?", text) | set(map(int, items))}
    if kind == "experiment":
        return set(re.findall(r"\bIV\.[A-D]\b", text))
    if kind == "figure":
        return {f"Fig. {panel}" for panel in re.findall(r"\b(?:Figure|Fig\.) (1[abc])\b", text)}
    cited = ",".join(re.findall(r"\{cite:\w+\}`([^`]+)`", text)).split(",")
    return set(cited) | (set(re.findall(r"^@\w+\{(\w+),", text, re.MULTILINE)))


def test_every_item_of_the_paper_has_one_row():
    items = [row.item for row in PAPER_MAP]
    assert items == [
        *(f"eq. {n}" for n in range(1, 9)),
        *(f"line {n}" for n in range(1, 14)),
        *("IV.A", "IV.B", "IV.C", "IV.D"),
        *("Fig. 1a", "Fig. 1b", "Fig. 1c"),
        *(f"[{n}]" for n in range(1, 9)),
    ]


@pytest.mark.parametrize("row", PAPER_MAP, ids=lambda row: row.item)
def test_the_name_exists_and_its_docstring_carries_the_label(row):
    if row.kind == "reference" and not row.name:
        assert ", not used: " in row.says and row.test == ""
        return
    found = pkgutil.resolve_name(row.name)
    label = "Algorithm 1" if row.kind == "line" else row.item
    assert re.search(rf"{re.escape(label)}(?!\d)", inspect.getdoc(found)), f"{row.name} does not say {label}"
    if row.kind == "line":
        comments = "\n".join(line.partition("#")[2] for line in inspect.getsource(found).splitlines())
        assert int(row.item[5:]) in numbers_after("lines?", comments)


@pytest.mark.parametrize("row", [row for row in PAPER_MAP if row.test], ids=lambda row: row.item)
def test_the_test_exists(row):
    file, name = row.test.split("::")
    tree = ast.parse((ROOT / "tests" / file).read_text())
    assert name.startswith("test_")
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", PAPER_MAP, ids=lambda row: row.item)
def test_the_chapter_is_in_the_book_and_shows_the_item(row):
    assert row.chapter not in LISTS
    assert row.chapter in set(_named(yaml.safe_load((BOOK / "_toc.yml").read_text())))
    label = row.key if row.kind == "reference" else row.item
    assert label in shown(row.kind, source(row.chapter)), f"{row.chapter} does not show {label}"


def test_what_counts_as_shown():
    """The reading above is strict: a near miss is none."""
    text = "Lines 3 to 5 and line 7; eq. 1-2, Eq. 4, 5 and 7. Section IV.B, Figure 1a {cite:p}`a2020,b2021`"
    assert shown("line", text) == {"line 3", "line 4", "line 5", "line 7"}
    assert shown("equation", text) == {f"eq. {n}" for n in (1, 2, 4, 5, 7)}
    assert (shown("experiment", text), shown("figure", text)) == ({"IV.B"}, {"Fig. 1a"})
    assert shown("reference", text) == {"a2020", "b2021"}
    assert shown("equation", "the sequel. 8 of them") == shown("line", "outline 4a") - {"line 4"} == set()
    listing = "```{prf:algorithm} Name\n\n1. Start\n2. End\n```\n\n3. another list"
    assert shown("line", listing) == {"line 1", "line 2"}


def test_rows_of_a_kind():
    assert sum(len(select(kind)) for kind in paper_map.KINDS) == len(select()) == len(PAPER_MAP)
    assert all(row.kind == "figure" for row in select("figure"))
    with pytest.raises(ValueError, match=r"kind must be one of all, .*, got 'equations'"):
        select("equations")
