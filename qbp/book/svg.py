"""Images of matplotlib figures that are the same on another CPU: SVG for pages, PNG for print."""

import base64
import io
import re
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image  # matplotlib writes its PNG files with it

STRAY = 10  # pixels of a picture that may differ: an edge that another processor rounds the other way


def svg(figure: Figure) -> str:
    """Return the figure as SVG text that is small and the same on another CPU.

    Matplotlib writes six decimals, and names markers and clips by hashes of all digits: a last bit that
    differs between processors would change the text that nbval compares. So names are counted and numbers
    rounded: lines to 0.1 point (matplotlib itself moves them by up to 1/9 when it simplifies), written as
    steps, which are short; other numbers to 0.01, or four decimals below 1, where they may be scale factors.
    """
    raw = _save(figure, "svg", ["Creator", "Date", "Format", "Type"]).decode()
    text = re.sub(r"<!--.*?-->", "", raw[raw.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r">\s*\n\s*<", "><", text)
    used = set(re.findall(r'[("]#([^")]+)[")]', text))
    kept = dict.fromkeys(name for name in re.findall(r' id="([^"]*)"', text) if name in used)
    ids = {name: f"i{number}" for number, name in enumerate(kept)}

    def shrink(match: re.Match) -> str:
        tag = re.sub(r"\s+", " ", match[0])
        tag = re.sub(r' id="([^"]*)"', lambda m: f' id="{ids[m[1]]}"' if m[1] in ids else "", tag)
        tag = re.sub(r'([("])#([^")]+)', lambda m: f"{m[1]}#{ids.get(m[2], m[2])}", tag)
        tag = re.sub(r"font-family: 'DejaVu Sans'[^;\"]*(; )?| transform=\"rotate\(-0 [^\"]*\"", "", tag)
        tag = re.sub(r' d="([MLz\d. -]+)"', lambda m: f' d="{_steps(m[1])}"', tag)
        tag = re.sub(r"-?\d+\.\d\d+", lambda m: _short(float(m[0]), 2 if abs(float(m[0])) >= 1 else 4), tag)
        # A page percent-encodes a double quote, in three bytes, but no single quote; font names need neither.
        return tag.replace("'", "").replace('"', "'").replace("; ", ";").replace(": ", ":")

    text = re.sub(r"<[^>]+>", shrink, text)  # tags only: what is written in the figure stays as it is
    text = without_empty_groups(text)
    # An SVG in an <img> sees the reader's own fonts; Verdana is as wide as DejaVu Sans, so labels still fit.
    return text.replace("<svg", "<svg font-family='DejaVu Sans,Verdana,sans-serif'", 1)


def without_empty_groups(text: str) -> str:
    """Return SVG text in which a style of markers is said once and every group says something.

    What `svg` wrote stays as it is: a test holds every stored picture to that, so that a change here without
    drawing the chapters again is found at once.
    """
    markers = (
        r"<g([^>]*)>(<use [^>]*( style='[^']*')/>(?:<use [^>]*\3/>)*)</g>"  # all of one style: say it once
    )
    text = re.sub(markers, lambda m: f"<g{m[1]}{m[3]}>{m[2].replace(m[3], '')}</g>", text)
    text = re.sub(r"<g( [^>]*)?/>", "", text)  # of markers without a point
    ends: list[str] = []

    def group(match: re.Match) -> str:  # a group without attributes says nothing
        if match[0] == "</g>":
            return ends.pop()
        ends.append("" if match[0] == "<g>" else "</g>")
        return match[0] if ends[-1] else ""

    return re.sub(r"<g( [^>]*)?>|</g>", group, text)


def png(figure: Figure) -> str:
    """Return the figure as a PNG of 150 dots per inch in base64; 256 colors take a third of the bytes."""
    file = io.BytesIO()
    image = Image.open(io.BytesIO(_save(figure, "png", ["Software"], dpi=150))).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def pixels_apart(first: bytes, second: bytes) -> int:
    """Count the pixels of two PNG files that differ by over 16 of 255 in a color: all, if their sizes do.

    A last bit that differs between processors moves an edge by less: none. A line that is off by a thousandth
    of its value moves hundreds.
    """
    a, b = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=int) for data in (first, second))
    return int((abs(a - b).max(-1) > 16).sum()) if a.shape == b.shape else max(a.size, b.size) // 3


def _save(figure: Figure, kind: str, blank: list[str], **options: Any) -> bytes:
    """Write the figure at its own size, the named metadata left out; the text of an SVG stays text."""
    file = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "qbp", "savefig.bbox": "standard"}):
        figure.savefig(file, format=kind, metadata=dict.fromkeys(blank), **options)
    return file.getvalue()


def _steps(path: str) -> str:
    """Write straight lines as steps on a grid of 0.1, and close each that ends where it began.

    A contour comes closed or not as its two ends happen to be rounded.

    Example:
        >>> _steps("M 1 2 L 1.52 2 L 1.5 1.5 L 1 2 M 3 2 L 4 1 ")
        'm1 2 .5 0 0-.5zm2 0 1-1'
    """
    written, last = "", [0, 0]
    for line in path.split("M")[1:]:
        pairs = re.findall(r"([-.\d]+) ([-.\d]+)", line)
        points = [[round(10 * float(number)) for number in pair] for pair in pairs]
        back = len(points) > 2 and points[-1] == points[0]
        points = points[:-1] if back else points
        steps = []
        for point in points:
            steps += [_short((now - then) / 10, 1) for now, then in zip(point, last, strict=True)]
            last = point
        written += f"m{' '.join(steps)}"
        if back or "z" in line:
            written, last = written + "z", points[0]
    return written.replace(" -", "-")


def _short(number: float, decimals: int) -> str:
    text = f"{number:.{decimals}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else re.sub(r"^(-?)0(?=\.)", r"\1", text)
