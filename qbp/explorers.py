"""A figure over one to three parameters: sliders in the page without a kernel, the same sliders live with one."""

import base64
import io
import itertools
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from html import escape
from json import dumps
from typing import Any
from urllib.parse import quote

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

MAX_FRAMES = 200  # about 20 kB each: more than this and the page is slow to load

# What a page needs, and no more: no library, no request, no element id (so two explorers never share one).
# The script looks for explorers not set up yet, since some front ends run it from another place in the page;
# the sliders stay hidden without it, and the start frame and the note are what remains.
# Dark themes recolor text inside outputs; the frames are drawn on white, so the panel around them stays light.
PAGE = """\
<figure class="qbp-explorer">
<style>
.qbp-explorer {{ background: #fff; padding: .75rem; border-radius: .25rem; margin: 0; color-scheme: light }}
.qbp-explorer :is(figcaption, label, output, p, div) {{ background: #fff !important; color: #222 !important }}
.qbp-explorer label {{ display: flex; flex-wrap: wrap; gap: .75rem; margin: .25rem 0; align-items: center }}
.qbp-explorer label span {{ min-width: 9rem }}
.qbp-explorer input {{ flex: 1; min-width: 8rem; accent-color: #0b5fa5 }}
.qbp-explorer output {{ min-width: 4rem; font-variant-numeric: tabular-nums }}
.qbp-explorer img {{ max-width: 100%; height: auto; padding: 0 !important }}
.qbp-explorer [hidden] {{ display: none !important }}
</style>
<figcaption><strong>{title}</strong></figcaption>
<div class="controls" hidden>
{sliders}
</div>
<noscript><p>The sliders need JavaScript; shown is {state}.</p></noscript>
<div aria-live="polite">
{frames}
</div>
<script>
for (const root of document.querySelectorAll(".qbp-explorer:not([data-ready])")) {{
  root.dataset.ready = "";
  const controls = root.querySelector(".controls");
  const sliders = controls.querySelectorAll("input");
  const frames = root.querySelectorAll("img");
  const show = () => {{
    let index = 0;  // the last parameter varies fastest
    for (const slider of sliders) {{
      const text = JSON.parse(slider.dataset.values)[slider.value];
      slider.setAttribute("aria-valuetext", text);
      slider.parentElement.querySelector("output").value = text;
      index = index * (Number(slider.max) + 1) + Number(slider.value);
    }}
    frames.forEach((frame, i) => {{ frame.hidden = i !== index; }});
  }};
  controls.addEventListener("input", show);
  controls.hidden = false;
  show();  // a browser may restore the sliders of an earlier visit
}}
</script>
</figure>
"""
# The output is silent to screen readers: they speak the slider's own value, then the alt text of the new frame.
SLIDER = """\
<label><span>{label}</span><input type="range" min="0" max="{last}" step="1" value="{at}" \
aria-valuetext="{text}" data-values="{values}"><output aria-live="off">{text}</output></label>"""


class Explorer:
    r"""A figure to explore over a small grid of parameters.

    As the last line of a cell it shows sliders above the figure. The page of the book holds every frame as an SVG
    and needs no kernel; a PDF shows the start frame; a notebook open on a kernel gets ipywidgets, which
    draw anew for the finer values of `live`. All frames are drawn here, so a failing `draw` fails its cell.

    Args:
        draw: ``draw(**values)`` returns a matplotlib Figure, the same one for the same values.
        title: caption, plain text.
        alt: what the figure shows, for a reader who cannot see it; the values are put in front of it.
        start: values shown first, on the grid; a parameter left out starts at its first value.
        labels: the sliders' names where the parameter's own will not do, ``{"lam": "blend λ"}``.
        live: finer values for the sliders that have a kernel, drawn when looked at, ``{"lam": np.linspace(0, 1, 101)}``.
        **choices: one to three parameters, each with the numbers or strings it takes on the page.

    Raises:
        ValueError: no or too many parameters, an empty choice, equal values, more than `MAX_FRAMES` frames,
            a `start` off the grid, a name in `start`, `labels` or `live` that is no parameter.
        TypeError: `draw` is not callable or returns no Figure; a choice is not a sequence of numbers or strings.

    Example:
        >>> Explorer(lambda n: plt.figure(), "Nothing", alt="an empty figure", n=[1, 2])
        Explorer('Nothing', n=[1, 2])
    """

    def __init__(
        self,
        draw: Callable[..., Figure],
        title: str,
        *,
        alt: str,
        start: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        live: Mapping[str, Iterable] | None = None,
        **choices: Iterable,
    ):
        if not callable(draw):
            raise TypeError(f"draw must be a function that returns a Figure, got {draw!r}")
        for name, text in {"title": title, "alt": alt}.items():
            if not isinstance(text, str) or not text.strip():
                raise TypeError(f"{name} must be a text that is not empty, got {text!r}")
        if not 1 <= len(choices) <= 3:
            raise ValueError(f"choices must be 1 to 3 parameters, as in lam=[0, 0.5, 1]; got {len(choices)}")
        start, labels, live = dict(start or {}), dict(labels or {}), dict(live or {})
        for name, given in {"start": start, "labels": labels, "live": live}.items():
            if unknown := sorted(given.keys() - choices.keys()):
                raise ValueError(
                    f"{name} must name parameters among {', '.join(choices)}; got {', '.join(unknown)}"
                )
        self.title, self._draw, self._alt = title, draw, alt
        self._labels = {name: str(labels.get(name, name)) for name in choices}
        self._grid = {name: _values(name, values) for name, values in choices.items()}
        self._live = {name: _values(f"live[{name!r}]", values) for name, values in live.items()}
        self._start = {name: start.get(name, values[0]) for name, values in self._grid.items()}
        for grid, where in [(self._grid, "the choices"), (self._live, "the live values")]:
            for name, values in grid.items():
                if self._start[name] not in values:
                    shown = ", ".join(map(_text, values))
                    raise ValueError(
                        f"start[{name!r}] must be among {where} {shown}; got {self._start[name]!r}"
                    )
        if (frames := math.prod(map(len, self._grid.values()))) > MAX_FRAMES:
            raise ValueError(f"choices must make at most {MAX_FRAMES} frames, got {frames}: use fewer values")
        self._image = lru_cache(MAX_FRAMES)(
            self._make_image
        )  # of this explorer alone: it goes when this goes
        self._page = self._make_page()
        self._png = base64.b64encode(_save(self._figure(self._start), "png", dpi=150)).decode()

    def __repr__(self) -> str:
        grid = (f"{name}=[{', '.join(map(repr, values))}]" for name, values in self._grid.items())
        return f"Explorer({self.title!r}, {', '.join(grid)})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle = {"text/plain": repr(self), "text/html": self._page, "image/png": self._png}
        # A widget view is a random id of a model in one kernel. Stored, it shows as "model not found" to the next
        # reader who opens the notebook, and the models of every run pile up in its metadata. So it is given only to
        # a cell run from a front end, which names the cell in its request; papermill, nbval and make do not.
        # A front end that does not either shows the page's sliders.
        if _run_from_front_end():
            bundle |= self.widget()._repr_mimebundle_() | {"text/plain": repr(self)}
        return bundle

    def widget(self) -> Any:
        """Return the live view: an ipywidgets box whose sliders take the `live` values and draw anew.

        Example:
            >>> explorer = Explorer(lambda n: plt.figure(), "Nothing", alt="an empty figure", n=[1], live={"n": [1, 2]})
            >>> [slider.options for slider in explorer.widget().children[1:-1]]
            [(('1', 1), ('2', 2))]
        """
        import ipywidgets  # here: a page can be built without it

        sliders = {
            name: ipywidgets.SelectionSlider(
                options=[(_text(value), value) for value in self._live.get(name, values)],
                value=self._start[name],
                description=self._labels[name],
                continuous_update=False,  # draw where the slider comes to rest
                style={"description_width": "initial"},
            )
            for name, values in self._grid.items()
        }
        image = ipywidgets.HTML()

        def show(_: Any = None) -> None:
            try:
                image.value = self._image(*(slider.value for slider in sliders.values()))
            except Exception as error:  # an observer's error would end in a log nobody reads
                image.value = f'<pre role="alert">{escape(f"{type(error).__name__}: {error}")}</pre>'

        for slider in sliders.values():
            slider.observe(show, "value")
        show()
        title = ipywidgets.HTML(f"<strong>{escape(self.title)}</strong>")
        return ipywidgets.VBox([title, *sliders.values(), image])

    def _state(self, values: Mapping[str, Any]) -> str:
        return ", ".join(f"{self._labels[name]} = {_text(value)}" for name, value in values.items())

    def _figure(self, values: Mapping[str, Any]) -> Figure:
        """Draw one frame and close what was opened for it, else the notebook would show it a second time."""
        before = set(plt.get_fignums())
        try:
            figure = self._draw(**values)
        finally:
            for number in set(plt.get_fignums()) - before:
                plt.close(number)
        if not isinstance(figure, Figure):
            raise TypeError(f"draw must return a matplotlib Figure, got {type(figure).__name__!r}")
        plt.close(figure)
        return figure

    def _make_image(self, *values: Any, hidden: bool = False) -> str:
        named = dict(zip(self._grid, values, strict=True))
        # Percent-encoded: smaller than base64, smaller still when the server compresses, and readable in a diff.
        source = quote(_small(_save(self._figure(named), "svg").decode()), safe=" ,;:=/'()!*+[]|")
        alt = escape(f"{self._state(named)}: {self._alt}")
        # dark-light: the theme's name for an image that it should leave as it is
        return f'<img class="dark-light"{" hidden" * hidden} alt="{alt}" src="data:image/svg+xml,{source}">'

    def _make_page(self) -> str:
        sliders = []
        for name, values in self._grid.items():
            texts, at = [_text(value) for value in values], values.index(self._start[name])
            fields = {
                "label": self._labels[name],
                "text": texts[at],
                "values": dumps(texts, ensure_ascii=False),
            }
            fields = {key: escape(value) for key, value in fields.items()}
            sliders.append(SLIDER.format(last=len(values) - 1, at=at, **fields))
        first = tuple(self._start.values())
        frames = [self._make_image(*v, hidden=v != first) for v in itertools.product(*self._grid.values())]
        state = escape(self._state(self._start))
        return PAGE.format(
            title=escape(self.title), sliders="\n".join(sliders), state=state, frames="\n".join(frames)
        )


def _values(name: str, values: Iterable) -> list:
    """Return the values as plain Python numbers or strings, all different as the reader sees them."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a sequence of numbers or strings, got {values!r}")
    plain = [value.item() if hasattr(value, "item") else value for value in values]  # NumPy and torch scalars
    for value in plain:
        if not isinstance(value, int | float | str):
            raise TypeError(f"{name} must hold numbers or strings, got {value!r}")
    if not plain or len({_text(value) for value in plain}) < len(plain):
        raise ValueError(f"{name} must hold at least one value and no two that read the same, got {plain}")
    return plain


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | bool) else f"{value:g}"


def _save(figure: Figure, kind: str, **options: Any) -> bytes:
    """Return the figure as a file of fixed size without date or version; SVG text stays text."""
    fixed = {"svg.fonttype": "none", "svg.hashsalt": "explorer", "savefig.bbox": "standard"}
    blank = {"svg": ["Creator", "Date", "Format", "Type"], "png": ["Software"]}[kind]
    file = io.BytesIO()
    with plt.rc_context(fixed):
        figure.savefig(file, format=kind, metadata=dict.fromkeys(blank), **options)
    return file.getvalue()


def _small(svg: str) -> str:
    """Return a matplotlib SVG that is small and the same on another CPU.

    Coordinates come with six decimals, and markers and clips are named by hashes of all digits: a last bit that
    differs between processors would change the text that nbval compares. So names are counted, and numbers
    rounded: lines to 0.1 point (matplotlib itself moves them by up to 1/9 when it simplifies), written as
    steps, which are short; other numbers to 0.01, or four decimals below 1, where they may be scale factors.
    """
    svg = re.sub(r"<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r">\s*\n\s*<", "><", svg)
    used = re.findall(r'[("]#([^")]+)[")]', svg)
    ids = dict.fromkeys(name for name in re.findall(r' id="([^"]*)"', svg) if name in used)
    ids = {name: f"i{number}" for number, name in enumerate(ids)}

    def shrink(tag: re.Match) -> str:  # tags only: a number written in the figure stays as it is
        text = re.sub(r"\s+", " ", tag[0])
        text = re.sub(r' id="([^"]*)"', lambda m: f' id="{ids[m[1]]}"' if m[1] in ids else "", text)
        text = re.sub(r'([("])#([^")]+)', lambda m: f"{m[1]}#{ids.get(m[2], m[2])}", text)
        # An SVG in an <img> sees the reader's fonts only; Verdana is as wide as DejaVu Sans, so labels still fit.
        text = re.sub(r"'DejaVu Sans'[^;\"]*", "'DejaVu Sans', Verdana, sans-serif", text)
        text = re.sub(r' d="([MLz\d. -]+)"', lambda m: f' d="{_steps(m[1])}"', text)
        return re.sub(r"-?\d+\.\d\d+", lambda m: _short(float(m[0]), 2 if abs(float(m[0])) >= 1 else 4), text)

    return re.sub(r"<[^>]+>", shrink, svg)


def _steps(path: str) -> str:
    """Write straight lines, ``M 1 2 L 1.5 2 L 1.5 2.5 z``, as steps on a grid of 0.1: ``m1 2 .5 0 0 .5z``."""
    written, last, first = "", (0, 0), (0, 0)
    for letter, *numbers in re.findall(r"([MLz]) ?(?:(\S+) (\S+))?", path):
        if letter == "z":
            written, last = written + "z", first
            continue
        x, y = (round(10 * float(number)) for number in numbers)
        step = [_short(now / 10 - then / 10, 1) for now, then in zip((x, y), last, strict=True)]
        if letter == "M":
            written, first = written + "m", (x, y)
        written, last = f"{written} {' '.join(step)}", (x, y)
    return re.sub(r"(?<=[mz]) | (?=-)", "", written)


def _short(number: float, decimals: int) -> str:
    text = f"{number:.{decimals}f}".rstrip("0").rstrip(".")
    return re.sub(r"^(-?)0(?=\.)", r"\1", "0" if text == "-0" else text)


def _run_from_front_end() -> bool:
    """Whether the cell being run was sent by a notebook front end to a kernel."""
    kernel = (
        getattr(sys.modules["IPython"].get_ipython(), "kernel", None) if "IPython" in sys.modules else None
    )
    return kernel is not None and "cellId" in kernel.get_parent("shell").get("metadata", {})
