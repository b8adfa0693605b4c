"""Rows of the paper map as Markdown and as HTML."""

import re

from qbp.audit.paper_map import Item
from qbp.book.tables.paper_map import MapTable


def test_a_table_is_markdown_as_text_and_links_on_a_page():
    row = Item("eq. 1", "a < b", "qbp.convex.local_loss", "test_convex.py::test_a", "algorithm-1")
    unused = Item("[7]", "X, not used: why", "", "", "references", key="x")
    table = MapTable([row, unused])
    head, rule, first, second = repr(table).splitlines()
    assert head == "| the paper | what it is | in the package | test | chapter |"
    assert re.fullmatch(r"\|( ---+ \|){5}", rule)
    assert first == "| eq. 1 | a < b | qbp.convex.local_loss | test_convex.py::test_a | algorithm-1 |"
    assert second == "| [7] | X, not used: why | - | - | references |"
    page = table._repr_html_()
    assert page.count("<table") == 1 and page.count("<tr>") == 3 and page.count("<td>") == 8
    assert "a &lt; b" in page and 'href="api/method.html#qbp.convex.local_loss"' in page
    assert 'href="algorithm-1.html"' in page and 'href="references.html"' in page
    assert "qbp.convex.local_loss" in re.sub(r"<wbr>", "", page)
