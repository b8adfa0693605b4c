"""Reading paths: minutes counted from words and exercises; what is no chapter is refused."""

import nbformat
import pytest

from qbp.book.sphinx import reading

WORDS = "word " * 590


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
