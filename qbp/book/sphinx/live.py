"""Scripts of the pages that compute by themselves: those with an element of class `qbp-live`."""

from typing import Any

from sphinx.application import Sphinx

SCRIPTS = tuple(
    f"qbp-live{part}.js"
    for part in ("-read", "", "-train", "-worker", "-draw", "-figure", "-results", "-page")
)


def add_scripts(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give the scripts to a page that needs them, in this order."""
    if 'class="qbp-live"' in context.get("body", ""):
        for script in SCRIPTS:
            app.add_js_file(script, loading_method="defer")
