"""Explorers: a figure over one to three parameters, with sliders that work without a kernel, and that compute
what lies between with one."""

import itertools
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from qbp.book import svg

MAX_FRAMES = 200  # at 5 to 25 kB each; a page with more is slow to load

# All that a page needs: no library, no request, and no element id, so that two explorers never share one.
# The script looks for explorers not set up yet, since some front ends run it from another place in the page.
# Without it the sliders stay hidden: the start frame and the note remain.
# Dark themes recolor text in outputs; the frames are drawn on white, so the panel around them stays white.
PAGE = """\
<figure class="qbp-explorer">
<style>
.qbp-explorer {{ background: #fff; padding: .75rem; border-radius: .25rem; margin: 0; color-scheme: light }}
.qbp-explorer :is(figcaption, label, output, p, div) {{ background: #fff !important; color: #222 !important }}
.qbp-explorer :is(.slider, label) {{ display: flex; gap: .75rem; margin: .25rem 0; align-items: center }}
.qbp-explorer label {{ flex: 1; flex-wrap: wrap }}
.qbp-explorer label span {{ min-width: 9rem }}
.qbp-explorer input {{ flex: 1; min-width: 8rem; accent-color: #0b5fa5 }}
.qbp-explorer output {{ min-width: 4rem; font-variant-numeric: tabular-nums }}
.qbp-explorer img {{ max-width: 100%; height: auto; padding: 0 !important }}
.qbp-explorer [hidden] {{ display: none !important }}
</style>
<figcaption><strong>{title}</strong></figcaption>
<div class="sliders" hidden>
{sliders}
</div>
<noscript><p>The sliders need JavaScript; shown is {state}.</p></noscript>
<div aria-live="polite">
{frames}
</div>{compute}
<script>
for (const root of document.querySelectorAll(".qbp-explorer:not([data-ready])")) {{
  root.dataset.ready = "";
  const controls = root.querySelector(".sliders");
  const sliders = controls.querySelectorAll("input");
  const frames = root.querySelectorAll("img");
  const show = () => {{
    let index = 0;  // the last parameter varies fastest
    for (const slider of sliders) {{
      const text = JSON.parse(slider.dataset.values)[slider.value];
      slider.setAttribute("aria-valuetext", text);
      slider.closest(".slider").querySelector("output").value = text;
      index = index * (Number(slider.max) + 1) + Number(slider.value);
    }}
    frames.forEach((frame, i) => {{ frame.hidden = i !== index; }});
  }};
  controls.addEventListener("input", show);
  controls.hidden = false;
  show();  // a browser may have restored the sliders of an earlier visit
}}
</script>
</figure>
"""
# A screen reader speaks the slider's value, then the alt text of the new frame; the output would be a third.
SLIDER = """\
<div class="slider"><label><span>{label}</span><input type="range" min="0" max="{last}" value="{at}" \
aria-valuetext="{text}" data-values="{values}"></label><output aria-live="off">{text}</output></div>"""

# What each frame asks of the page `try-it`, for a button that computes it there and then.  Only a page of the
# book has the script that shows it (book/_vendor/qbp-live-page.js).
COMPUTE = """
<div class="qbp-live" data-figure="compute" data-states="{states}" hidden></div>"""


class Explorer:
    """A figure to explore over a small grid of parameters.

    As the last line of a cell it shows sliders above the figure. A page of the book holds every frame as SVG
    and needs no kernel, a PDF shows the start frame, and a notebook open on a kernel shows ipywidgets: what
    `live` names takes any value there, computed where the slider comes to rest. The frames are drawn here, so
    that a failing `draw` fails its cell.

    Args:
        draw: ``draw(**values)`` returns a matplotlib Figure; the same one for the same values.
        title: caption, plain text.
        alt: what the figure shows, for who cannot see it; the values of the sliders are put in front of it.
        start: the values shown first, on the grid; a parameter left out starts at its first one.
        labels: names for the sliders where the parameters' own will not do, as in ``{"lam": "blend λ"}``.
        live: parameters that take any number from their smallest to their largest on a kernel, as in
            ``["lam", "n"]``, whole ones where all choices are whole; or other values for them, as in
            ``{"lam": np.linspace(0, 1, 101), "walk": range(1000)}``.
        compute: ``compute(**values)`` returns settings of the page `try-it`, as in
            ``{"what": "variance", "n": n}``, by the names in its links: a page of the book then has a button
            that computes them, without a kernel.
        **choices: one to three parameters, each with the numbers or strings it takes on the page.

    Raises:
        ValueError: no or too many parameters; an empty choice or two values that read the same; more than
            `MAX_FRAMES` frames; a `start` off the grid; `start`, `labels` or `live` names no parameter.
        TypeError: `draw` or `compute` is no function; `draw` returns no Figure; `title` or `alt` is no text;
            a choice is not a sequence of numbers or strings; `live` names a parameter of strings.

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
        live: Mapping[str, Iterable] | Iterable[str] = (),
        compute: Callable[..., Mapping[str, Any]] | None = None,
        **choices: Iterable,
    ):
        if not callable(draw):
            raise TypeError(f"draw must be a function that returns a Figure, got {draw!r}")
        if compute is not None and not callable(compute):
            raise TypeError(f"compute must be a function that returns settings, got {compute!r}")
        for name, text in {"title": title, "alt": alt}.items():
            if not isinstance(text, str) or not text.strip():
                raise TypeError(f"{name} must be a text that is not empty, got {text!r}")
        if not 1 <= len(choices) <= 3:
            raise ValueError(f"choices must be 1 to 3 parameters, as in lam=[0, 0.5, 1]; got {len(choices)}")
        start, labels = dict(start or {}), dict(labels or {})
        live = dict(live) if isinstance(live, Mapping) else dict.fromkeys(live or ())
        for name, given in {"start": start, "labels": labels, "live": live}.items():
            if unknown := ", ".join(given.keys() - choices.keys()):
                raise ValueError(f"{name} must name parameters among {', '.join(choices)}; got {unknown}")
        self.title, self._alt, self._draw, self._compute = title, alt, draw, compute
        self._labels = {name: str(labels.get(name, name)) for name in choices}
        self._grid = {name: _values(name, values) for name, values in choices.items()}
        self._live = self._grid | {name: _live(name, live[name], self._grid[name]) for name in live}
        self._start = {name: start.get(name, values[0]) for name, values in self._grid.items()}
        for name, at in self._start.items():
            for values in (self._grid[name], self._live[name]):
                if at not in values and not isinstance(values, tuple):
                    known = ", ".join(map(_text, values))
                    raise ValueError(f"start[{name!r}] must be among {known}; got {at!r}")
        if (frames := math.prod(map(len, self._grid.values()))) > MAX_FRAMES:
            raise ValueError(f"choices must make at most {MAX_FRAMES} frames, got {frames}: use fewer values")
        self._image = lru_cache(2 * MAX_FRAMES)(self._make_image)
        self._page = self._make_page()
        self._png = svg.png(self._figure(self._start))

    def __repr__(self) -> str:
        grid = (f"{name}=[{', '.join(map(repr, values))}]" for name, values in self._grid.items())
        return f"Explorer({self.title!r}, {', '.join(grid)})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle = {"text/plain": repr(self), "text/html": self._page, "image/png": self._png}
        # A widget view is the random id of a model in one kernel. Stored, it reads "model not found" to who
        # opens the notebook next, and the models of the run fill its metadata. So only a cell that was run
        # from a front end gets one: a front end names the cell in its request, while papermill, nbclient and
        # nbval do not. One that does not name it either shows the sliders of the page.
        if _run_from_front_end():
            bundle = self.widget()._repr_mimebundle_() | bundle
        return bundle

    def widget(self) -> Any:
        """Return the live view: an ipywidgets box with sliders that compute what `live` names.

        Example:
            >>> explorer = Explorer(lambda n: plt.figure(), "Nothing", alt="empty", n=[1], live={"n": [1, 2]})
            >>> [slider.options for slider in explorer.widget().children[1:-1]]
            [(('1', 1), ('2', 2))]
        """
        import ipywidgets  # late: the pages do without it

        sliders = {}
        for name, values in self._live.items():
            look = {"value": self._start[name], "description": self._labels[name]}
            look |= {"style": {"description_width": "initial"}}
            look |= {"continuous_update": False}  # compute where the slider comes to rest
            if isinstance(values, range):
                slider = ipywidgets.IntSlider(min=values[0], max=values[-1], step=values.step, **look)
            elif isinstance(values, tuple):
                (low, high), look["readout_format"] = values, ".4g"
                slider = ipywidgets.FloatSlider(min=low, max=high, step=(high - low) / 1000, **look)
            else:
                slider = ipywidgets.SelectionSlider(options=[(_text(v), v) for v in values], **look)
            sliders[name] = slider
        image = ipywidgets.HTML()

        def show(_: Any = None) -> None:
            try:
                image.value = self._image(*(slider.value for slider in sliders.values()))
            except Exception as error:  # else it would end in a log that nobody reads
                image.value = f'<pre role="alert">{escape(f"{type(error).__name__}: {error}")}</pre>'

        for slider in sliders.values():
            slider.observe(show, "value")
        show()
        title = ipywidgets.HTML(f"<strong>{escape(self.title)}</strong>")
        return ipywidgets.VBox([title, *sliders.values(), image])

    def _state(self, values: Mapping[str, Any]) -> str:
        return ", ".join(f"{self._labels[name]} = {_text(value)}" for name, value in values.items())

    def _figure(self, values: Mapping[str, Any]) -> Figure:
        """Draw one frame and close all that was opened for it, else the notebook would show it once more."""
        before = set(plt.get_fignums())
        try:
            figure = self._draw(**values)
        finally:
            for number in set(plt.get_fignums()) - before:
                plt.close(number)
        if not isinstance(figure, Figure):
            raise TypeError(f"draw must return a matplotlib Figure, got {type(figure).__name__!r}")
        return figure

    def _make_image(self, *values: Any) -> str:
        named = dict(zip(self._grid, values, strict=True))
        alt = escape(f"{self._state(named)}: {self._alt}")
        # percent-encoded, which is smaller than base64 and packs much better
        source = quote(svg.svg(self._figure(named)), safe=" ,;:=/'()!*+[]|>")
        # dark-light is the theme's name for an image to be left as it is
        return f'<img class="dark-light" alt="{alt}" src="data:image/svg+xml,{source}">'

    def _make_page(self) -> str:
        sliders = []
        for name, values in self._grid.items():
            texts, at = [_text(value) for value in values], values.index(self._start[name])
            known = {"label": self._labels[name], "text": texts[at], "values": json.dumps(texts)}
            known = {key: escape(text) for key, text in known.items()}
            sliders.append(SLIDER.format(last=len(values) - 1, at=at, **known))
        frames = []
        for values in itertools.product(*self._grid.values()):
            shown = values == tuple(self._start.values())
            frames.append(self._image(*values).replace("<img", "<img" if shown else "<img hidden", 1))
        title, state = escape(self.title), escape(self._state(self._start))
        shown = {"title": title, "state": state, "compute": self._states()}
        return PAGE.format(sliders="\n".join(sliders), frames="\n".join(frames), **shown)

    def _states(self) -> str:
        """Return the element of the button that computes, with what each frame asks for."""
        if self._compute is None:
            return ""
        frames = (dict(zip(self._grid, at, strict=True)) for at in itertools.product(*self._grid.values()))
        return COMPUTE.format(states=escape(json.dumps([urlencode(self._compute(**at)) for at in frames])))


def _values(name: str, values: Iterable) -> list:
    """Return plain Python numbers or strings, at least one, no two of which read the same."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a sequence of numbers or strings, got {values!r}")
    plain = [value.item() if hasattr(value, "item") else value for value in values]  # of NumPy or torch
    for value in plain:
        if not isinstance(value, int | float | str):
            raise TypeError(f"{name} must hold numbers or strings, got {value!r}")
    if not plain or len(set(map(_text, plain))) < len(plain):
        raise ValueError(f"{name} must hold at least one value, and no two that read the same; got {plain}")
    return plain


def _live(name: str, values: Iterable | None, choices: list) -> list | range | tuple[float, float]:
    """Return what a parameter takes on a kernel: these values, or any (whole) number between its choices."""
    if values is not None:
        return values if isinstance(values, range) and values else _values(f"live[{name!r}]", values)
    if any(isinstance(choice, str) for choice in choices):
        raise TypeError(f"live must name parameters that take numbers, got {name} in {choices}")
    low, high = min(choices), max(choices)
    return range(low, high + 1) if all(isinstance(choice, int) for choice in choices) else (low, high)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | bool) else f"{value:g}"


def _run_from_front_end() -> bool:
    """Whether the cell being run was sent to a kernel by a notebook front end."""
    if "IPython" not in sys.modules:
        return False
    kernel = getattr(sys.modules["IPython"].get_ipython(), "kernel", None)
    return kernel is not None and "cellId" in kernel.get_parent("shell").get("metadata", {})
