"""Icons of the pages: of two thousand in the theme's script, half a megabyte packed, those that are used."""

import re
from collections.abc import Set
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx

# "magnifying-glass":[512,512,[128269,"search"],"f002","M416 208..."]: a name, width and height, what else it
# is called, a letter of a font, and one path or two.
ICON = re.compile(
    r'"?(?P<name>[\w-]+)"?:\[\d+,\d+,\[(?P<others>[^\]]*)\],"[0-9a-f]+",(?:"[^"]*"|\[[^\]]*\])\],?'
)
CLASS = re.compile(r"\bfa-([a-z0-9-]+)")
# The theme asks for its three fonts of icons first of all; a page that draws with one asks for it anyway.
PRELOAD = re.compile(r"<link rel=\"preload\" as=\"font\"[^>]*/fontawesome/[^>]*>\n?")
SCRIPT = "vendor/fontawesome/*/js/all.min.js"


def keep_used_icons(app: Sphinx, exception: Exception | None) -> None:
    """Write the script of the icons anew, with those that the built pages and their scripts name.

    Pages no longer ask for a font of icons that they may not need.
    """
    if exception or app.builder.format != "html":
        return
    names, static = set[str](), Path(app.outdir, "_static")
    for path in Path(app.outdir).rglob("*"):
        if path.suffix in (".html", ".js") and not {"fontawesome", "mathjax"} & set(path.parts):
            text = path.read_text("utf-8", errors="replace")
            names.update(CLASS.findall(text))
            if PRELOAD.search(text):
                path.write_text(PRELOAD.sub("", text), "utf-8")
    for script in static.glob(SCRIPT):  # an earlier build may have left fewer icons in it than the theme has
        source = theme() / script.relative_to(static)
        script.write_text(with_icons(source.read_text("utf-8"), names), "utf-8")


def theme() -> Path:
    """Return the folder of the files that the theme adds to every book."""
    spec = find_spec("pydata_sphinx_theme")
    assert spec is not None and spec.origin is not None  # the book's theme needs it
    return Path(spec.origin).parent / "theme" / "pydata_sphinx_theme" / "static"


def with_icons(script: str, names: Set[str]) -> str:
    """Return a script of icons without those that are not named.

    Args:
        script: its text.
        names: of the icons to keep, without ``fa-``.

    Example:
        >>> text = '{"eye":[2,2,[],"f06e","M0 0"],xmark:[2,2,[215,"close"],"f00d","M1 1"]}'
        >>> with_icons(text, {"close"})
        '{xmark:[2,2,[215,"close"],"f00d","M1 1"]}'
    """

    def kept(match: re.Match) -> str:
        called = {match["name"], *re.findall(r'"([\w-]+)"', match["others"])}
        return match[0] if called & names else ""

    return ICON.sub(kept, script)
