"""E-book: its manifest names the pages with formulas."""

from qbp.book.sphinx.ebook import with_properties


def test_pages_with_formulas_have_their_property(tmp_path):
    (tmp_path / "a.xhtml").write_text('<p><math xmlns="x"></math></p>')
    (tmp_path / "b.xhtml").write_text("<p>mathematics</p>")
    item = '<item id="{0}" href="{0}" media-type="application/xhtml+xml" />'
    lines = [item.format(name) for name in ("a.xhtml", "b.xhtml")]
    first, second = with_properties("\n".join(lines), tmp_path).splitlines()
    assert first == lines[0].replace(" />", ' properties="mathml" />') and second == lines[1]
