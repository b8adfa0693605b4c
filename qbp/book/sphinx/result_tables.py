"""Directive `result-tables`: the committed tables, each with the command that makes it, and its file."""

import os
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from qbp.results import store


class ResultTables(SphinxDirective):
    """The committed tables, each with what the manifest says of it, and the file."""

    def run(self) -> list[nodes.Node]:
        """Return a section per table."""
        self.env.note_dependency(str(store.DIRECTORY / "MANIFEST.json"))
        listed = store.manifest()
        return [self._entry(name, entry) for name, entry in listed.items()]

    def _entry(self, name: str, entry: dict[str, Any]) -> nodes.Node:
        label = f"rows-{name}"
        section = nodes.section("", nodes.title("", name), ids=[label], names=[label])
        self.state.document.note_explicit_target(section, section)
        file = os.path.relpath(store.DIRECTORY / f"{name}.parquet", self.env.srcdir)
        packages = ", ".join(f"{package} {version}" for package, version in entry["packages"].items())
        fields = {
            "of the paper": [nodes.Text(entry["target"])],
            "recompute": [nodes.literal("", entry["command"])],
            "rows": [nodes.Text(f"{entry['rows']}, of {entry.get('seeds', 'no')} seeds at most, in "),
                     addnodes.download_reference("", "", nodes.literal("", f"{name}.parquet"),
                                                 reftarget="/" + Path(file).as_posix())],
            "SHA-256": [nodes.literal("", entry["sha256"])],
            "made by": [nodes.Text(f"core {entry['core']}; {packages}; {entry['machine']}; "
                                   f"{entry['minutes']} minutes")],
        }  # fmt: skip
        listing = nodes.field_list(classes=["qbp-rows"])
        for key, value in fields.items():
            body = nodes.field_body("", nodes.paragraph("", "", *value))
            listing += nodes.field("", nodes.field_name("", key), body)
        section += listing
        if isinstance(entry.get("configs"), dict):
            lines = "\n".join(entry["configs"].values())
            block = nodes.literal_block(lines, lines, language="text")
            section += nodes.container("", block, classes=["toggle"])
        return section
