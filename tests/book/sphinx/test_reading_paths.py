"""Reading paths: minutes counted from words and exercises; what is no chapter is refused."""

import re

import nbformat
import pytest

from qbp.book.run import BOOK, chapters
from qbp.book.sphinx import reading

WORDS = "word " * 590
PATHS = sorted(path.stem for path in BOOK.glob("path-*.md"))
LINK = r"\]\(([\w-]+)\.ipynb"


def notebook(path, *cells):
    made = nbformat.v4.new_notebook(cells=list(cells))
    nbformat.write(made, path)
    return path


def test_minutes_are_those_of_words_and_exercises_and_not_of_code(tmp_path):
    text = nbformat.v4.new_markdown_cell(
        WORDS + "\n```python\n" + "code " * 5000 + "\n```\n$$\n" + "a b " * 999 + "$$"
    )
    code = nbformat.v4.new_code_cell("code = 1\n" * 5000)
    assert reading.minutes(notebook(tmp_path / "a.ipynb", text, code)) == 5  # 590 / 200 = 2.95
    exercise = nbformat.v4.new_markdown_cell(
        "```{exercise}\n:label: a\n```\n\n````{exercise}\n:label: b\n````"
    )
    assert reading.minutes(notebook(tmp_path / "b.ipynb", text, exercise)) == 15  # 2.97 + 2 * 5
    (tmp_path / "c.md").write_text(WORDS * 4)
    assert reading.minutes(tmp_path / "c.md") == 15  # 11.8


def test_a_chapter_is_a_notebook_or_text_and_another_name_is_refused(tmp_path):
    (tmp_path / "a.md").touch()
    assert reading.source_of(tmp_path, "a") == tmp_path / "a.md"
    with pytest.raises(ValueError, match=r"reading-path must list chapters.*there is no 'nowhere'"):
        reading.source_of(tmp_path, "nowhere")


def needs(name):
    """The chapters that a chapter names under "You need"."""
    source = reading.source_of(BOOK, name)
    if source.suffix == ".md":
        return []
    first = nbformat.read(source, as_version=4).cells[0].source
    said = re.search(r"(?s)\*\*You need\*\*(.*?)(\*\*Run time|\n\n|\Z)", first)
    return re.findall(LINK, said[1]) if said else []


def too_early(order, known=()):
    """Pairs of a chapter and one that it needs and that does not come before it."""
    return [
        (name, other)
        for at, name in enumerate(order)
        for other in needs(name)
        if other not in {*known, *order[:at]}
    ]


@pytest.mark.parametrize("name", PATHS)
def test_a_path_has_what_a_chapter_needs_before_it(name):
    text = (BOOK / f"{name}.md").read_text()
    order = re.findall(r"(?m)^([\w-]+): ", "".join(re.findall(r"(?s)```\{reading-path\}(.*?)```", text)))
    known = [link for line in re.findall(r".*You know.*", text) for link in re.findall(LINK, line)]
    assert len(order) > 9 and len(set(order)) == len(order) and too_early(order, known) == []


def test_the_table_of_contents_has_what_a_chapter_needs_before_it():
    order = [path.stem for path in chapters()]
    assert too_early(order) == []
    assert too_early(["curve", "algorithm-1"]) == [("curve", "algorithm-1")] and needs("noise-plateaus")
