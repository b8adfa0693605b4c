"""Column widths: no word wider than its column where there is room, all within the line."""

import numpy as np
import pytest
from docutils import nodes
from docutils.core import publish_doctree

from qbp.book.sphinx.printing import widths


@pytest.mark.parametrize("seed", range(5))
def test_columns_fill_the_line_and_hold_their_longest_words(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 200, (9, 5))
    words = np.minimum(lengths.max(0), rng.integers(3, 15, 5))
    found = np.array(widths.columns_of(lengths, words, 112))
    assert found.sum() <= 112 - widths.PAD * 5 and (found >= words).all()


def test_a_small_table_needs_no_widths_and_one_of_many_words_is_turned():
    assert widths.columns_of(np.array([[3, 4]]), np.array([3, 4]), 112) == [None, None]
    assert widths.letters(np.full((2, 17), 20), np.full(17, 12)) == (*widths.TURNED, True)
    squeezed = widths.columns_of(np.full((2, 30), 20), np.full(30, 12), 218)
    assert sum(squeezed) <= 218 and min(squeezed) >= 1


def test_a_table_gets_its_widths_letters_and_places_to_break():
    line = f"==== {36 * '='}"
    rows = ["a    ``qbp.plateaus.pauli.walk``", "b    c"]
    document = publish_doctree("\n".join(["x", "", line, *rows, line, ""]))
    (table,) = document.findall(nodes.table)
    widths.fit(table)
    kinds = [type(node).__name__ for node in table.parent]
    at = table.parent.index(table)
    assert kinds[at - 2 : at + 2] == ["raw", "tabular_col_spec", "table", "raw"]
    assert table.parent[at - 1]["spec"] == "ll" and "longtable" in table["classes"]
    assert widths.BREAK in next(table.findall(nodes.literal)).astext()
