"""Buttons of a page: a chapter as a script, paper with solutions, and the repository if it has an address."""

from pathlib import Path
from typing import Any

import nbformat
from nbconvert import PythonExporter
from sphinx.application import Sphinx
from sphinx.config import Config

PRINT_SOLUTIONS = {
    "type": "javascript",
    "javascript": "document.documentElement.classList.add('with-solutions');"
    "addEventListener('afterprint', () => document.documentElement.classList.remove('with-solutions'));"
    "print()",
    "text": ".pdf with solutions",
    "tooltip": "Print to PDF, with the solutions of the exercises",
    "icon": "fas fa-file-pdf",
    "label": "download-solutions-button",
}
BINDER, COLAB = "https://mybinder.org", "https://colab.research.google.com"


def set_repository(app: Sphinx, config: Config) -> None:
    """Show the repository's buttons, for issues, Binder and Colab too, if `qbp_repository` is its address.

    Binder builds from the repository's own ``environment.yml``.
    """
    if not config.qbp_repository:
        return
    config.html_theme_options |= {
        "repository_url": config.qbp_repository,
        "path_to_docs": "book",
        "use_repository_button": True,
        "use_issues_button": True,
        "launch_buttons": {"binderhub_url": BINDER, "colab_url": COLAB, "notebook_interface": "jupyterlab"},
    }


def add_buttons(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Add to the downloads a chapter as a script, and paper with solutions where there are some."""
    more = []
    if context.get("ipynb_source"):
        url = f"{context['pathto']('_sources', 1)}/{page}.py"
        more.append(
            {
                "type": "link",
                "url": url,
                "text": ".py",
                "tooltip": "Download the chapter as a Python script",
                "icon": "fas fa-code",
                "label": "download-script-button",
            }
        )
    if 'class="solution' in context.get("body", ""):
        more.append(PRINT_SOLUTIONS)
    for group in context.get("header_buttons", ()):
        if group.get("label") == "download-buttons":
            group["buttons"].extend(more)


def write_scripts(app: Sphinx, failure: Exception | None) -> None:
    """Write every chapter of the built pages as a script, its text as comments."""
    if failure or app.builder.name != "html":
        return
    for page in app.env.found_docs:
        source = Path(app.env.doc2path(page))
        if source.suffix == ".ipynb":
            notebook = nbformat.read(source, as_version=4)
            text, _ = PythonExporter(exclude_input_prompt=True).from_notebook_node(notebook)
            Path(app.outdir, "_sources", f"{page}.py").write_text(text, "utf-8")
