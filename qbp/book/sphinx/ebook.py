"""Builder of the e-book: Sphinx's own, with what EPUB asks to be said of pages that hold MathML."""

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.builders.epub3 import Epub3Builder

STYLES = ("pygments.css", "epub.css")  # those of screens have selectors that a reader may not know


class EBook(Epub3Builder):
    """Builder of the EPUB; its manifest names the pages with formulas."""

    def build_content(self) -> None:
        """Write the manifest."""
        super().build_content()
        manifest = Path(self.outdir, "content.opf")
        manifest.write_text(with_properties(manifest.read_text("utf-8"), Path(self.outdir)), "utf-8")


def with_properties(manifest: str, folder: Path) -> str:
    """Return the manifest in which each page with a formula has the property `mathml`.

    Args:
        manifest: text of ``content.opf``.
        folder: of the files that it names.
    """

    def item(match: re.Match[str]) -> str:
        page = folder / match[1]
        if page.suffix != ".xhtml" or "<math" not in page.read_text("utf-8"):
            return match[0]
        return match[0].replace(" />", ' properties="mathml" />')

    return re.sub(r'<item id="[^"]*" href="([^"]*)" media-type="[^"]*" />', item, manifest)


def leave_out_screens(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave the scripts and the styles of screens out of a page of the e-book."""
    if app.builder.name == "epub":
        context["script_files"] = []
        context["css_files"] = [one for one in context["css_files"] if one.filename.endswith(STYLES)]
