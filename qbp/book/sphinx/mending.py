"""Mending of what the theme and pandas write for screens, for screen readers, phones and paper."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from sphinx.application import Sphinx

EMPTY_HEADER = re.compile(r"<th(?: scope=\"\w+\")?([^>]*)>\s*(?:<p>\s*</p>\s*)?</th>")
IMAGE = re.compile(r"<img(?:\"[^\"]*\"|[^\">])*>")  # an SVG in an attribute has ">"
SCROLLS = "jp-RenderedHTMLCommon"  # the theme lets the keyboard into a box of this class where it scrolls


def mend_page(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Mend the body of a page; an e-reader has its own sizes."""
    if "body" not in context or app.builder.name == "epub":
        return
    sizes = {}
    for source, name in app.builder.images.items():
        if name.endswith(".png"):
            with Image.open(Path(app.srcdir, source)) as image:
                sizes[name] = image.width / image.info.get("dpi", (72, 72))[0] * 72
    context["body"] = mend(context["body"], sizes)


def mend(body: str, sizes: Mapping[str, float]) -> str:
    """Return the HTML of a page with what axe-core and a phone ask for.

    An empty header is a plain cell.  A folded cell is named by the words on it.  An image knows its width in
    points, `--points`, so that a style sheet can say how large its letters are at least, and stands in a box
    that scrolls.

    Args:
        body: of a page.
        sizes: {file name of an image: its width in points}.

    Example:
        >>> mend('<tr><th scope="col"></th></tr>', {})
        '<tr><td></td></tr>'
        >>> mend('<img src="_images/a.png" />', {"a.png": 720})
        '<div class="qbp-scroll jp-RenderedHTMLCommon"><img style="--points:720" src="_images/a.png" /></div>'
    """

    def image(match: re.Match) -> str:
        tag = match[0]
        # a frame of an explorer
        if found := re.search(r"src=\"data:image/svg[^\"]*? width='([\d.]+)pt'", tag):
            return tag.replace("<img", f'<img style="--points:{found[1]}"', 1)
        name = re.search(r'src="_images/([^"]+)"', tag)
        if not name or name[1] not in sizes:
            return tag
        tag = tag.replace("<img", f'<img style="--points:{sizes[name[1]]:.0f}"', 1)
        return f'<div class="qbp-scroll {SCROLLS}">{tag}</div>'

    body = EMPTY_HEADER.sub(r"<td\1></td>", body)
    body = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    for role in (' role="list"', ' role="doc-biblioentry"'):  # of references: no items, and one given up
        body = body.replace(role, "")
    body = body.replace('<div aria-live="polite">', f'<div aria-live="polite" class="qbp-scroll {SCROLLS}">')
    return IMAGE.sub(image, body)
