"""The explorer: what it hands to a page, a kernel and a printer, and that it does so the same every time."""

import base64
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

from qbp.book import svg as _svg
from qbp.book.explorer import MAX_FRAMES, Explorer

BOOK = Path(__file__).parents[2] / "book"
WIDGET = "application/vnd.jupyter.widget-view+json"
LAMS, OMEGAS = [0, 0.5, 1], [1, 2, 4, 8]
UNSAFE = '<b onclick="x()">\'</script><script>alert(1)</script>& {0} %41 # λ'


def draw(lam, omega, shift=0.0):
    """Return a contour plot with a path, markers, mathematics and a legend."""
    x = np.linspace(-3, 3, 31)
    height = (1 - lam) * np.sin(omega * x)[:, None] * np.cos(x) + lam * (x[:, None] ** 2 + x**2) / 4
    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    axes.contour(x + shift, x, height, levels=8)
    t = np.linspace(0, 1, 60)
    axes.plot(2 * (1 - t) * np.cos(5 * t), (1 - t) * np.sin(5 * t), "-o", ms=3, label="path 0.123456789 #1")
    axes.set_xlabel(r"$\theta_1$ (rad)")
    axes.legend()
    return figure


def explorer(function=draw, *, title="Blend", alt="loss surface", lam=LAMS, omega=OMEGAS, **more):
    return Explorer(function, title, alt=alt, lam=lam, omega=omega, **more)


def blank(**values):
    return plt.figure(figsize=(1, 1))


class Page(HTMLParser):
    """Collect the tags of a page, and fail on one that is not closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def bundle():
    return explorer(start={"lam": 0.5}, labels={"lam": "blend λ"})._repr_mimebundle_()


@pytest.fixture(autouse=True)
def no_figure_is_left():
    yield
    assert plt.get_fignums() == []


def svgs(html):
    return [unquote(image["src"].partition(",")[2]) for image in Page(html).all("img")]


def test_it_gives_a_page_a_picture_for_print_and_a_stable_line(bundle):
    assert bundle.keys() == {"text/html", "image/png", "text/plain"}  # outside a kernel
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == "Explorer('Blend', lam=[0, 0.5, 1], omega=[1, 2, 4, 8])"


def test_each_frame_names_its_values_and_the_start_is_shown(bundle):
    images = Page(bundle["text/html"]).all("img")
    values = [f"blend λ = {lam:g}, omega = {omega}" for lam, omega in itertools.product(LAMS, OMEGAS)]
    assert [image["alt"] for image in images] == [f"{state}: loss surface" for state in values]
    assert [image["alt"].split(":")[0] for image in images if "hidden" not in image] == [
        "blend λ = 0.5, omega = 1"
    ]
    assert "shown is blend λ = 0.5, omega = 1." in bundle["text/html"]


def test_the_page_asks_for_nothing_and_shares_no_id(bundle):
    page = Page(bundle["text/html"])
    assert all("id" not in attributes for _, attributes in page.tags)
    sources = [attributes[key] for _, attributes in page.tags for key in ("src", "href") if key in attributes]
    assert len(sources) == 12 and all(source.startswith("data:image/svg+xml,") for source in sources)
    assert len(page.all("script")) == len(page.all("style")) == len(page.all("noscript")) == 1
    assert [(s["type"], s["max"], s["value"]) for s in page.all("input")] == [
        ("range", "2", "1"),
        ("range", "3", "0"),
    ]
    assert page.tags.count(("label", {})) == 2


def test_two_explorers_agree_whatever_matplotlib_did_between(bundle):
    plt.figure(7).add_subplot().plot([0, 1])
    with plt.rc_context({"svg.hashsalt": "other", "svg.fonttype": "path", "savefig.bbox": "tight"}):
        again = explorer(start={"lam": 0.5}, labels={"lam": "blend λ"})._repr_mimebundle_()
    assert plt.get_fignums() == [7]  # the reader's own figure stays
    plt.close(7)
    assert again == bundle


def test_a_last_bit_of_another_processor_does_not_show():
    exact, off = (explorer(lambda **v: draw(shift=shift, **v)) for shift in (0.0, 1e-11))  # noqa: B023
    raw = [_svg._save(draw(0.5, 2, shift), "svg", ["Date"]) for shift in (0.0, 1e-11)]
    plt.close("all")
    assert raw[0] != raw[1]  # names of clips and markers, hashes of every digit
    assert svgs(exact._page) == svgs(off._page)


def test_every_stored_picture_is_as_this_code_writes_it():
    """After a change of how an SVG is written its chapters are to be drawn again: `qbp refresh`."""
    old = []
    for chapter in sorted(BOOK.glob("*.ipynb")):
        outputs = [o for cell in json.loads(chapter.read_text())["cells"] for o in cell.get("outputs", ())]
        pages = ["".join(o["data"]["text/html"]) for o in outputs if "text/html" in o.get("data", {})]
        pictures = [svg for page in pages if "data:image/svg" in page for svg in svgs(page)]
        old += [chapter.stem] * any(svg != _svg.without_empty_groups(svg) for svg in pictures)
    assert not old


def test_numbers_are_rounded_in_coordinates_but_not_in_text(bundle):
    for svg in svgs(bundle["text/html"]):
        root = ElementTree.fromstring(svg)
        tags = "".join(re.findall(r"<[^>]*>", svg))
        assert not re.search(r"[1-9]\.\d{3}|\.\d{5}", tags)
        assert not re.search(r"metadata|<!--|Bitstream|\d{4}-\d\d-\d\d", svg)
        assert "path 0.123456789 #1" in "".join(root.itertext())
        defined = re.findall(r" id='([^']*)'", svg)
        assert len(set(defined)) == len(defined)
        assert set(re.findall(r"(?:\(|=')#(\w+)", svg)) == set(defined)


def test_steps_end_where_the_path_does():
    path = "M 10.04 0.06 L 12.26 -3.14 L 0 7 z M 1 1 L 0.96 99.999 "
    assert _svg._steps(path) == "m10 .1 2.3-3.2-12.3 10.1zm-9 .9 0 99"


@pytest.mark.parametrize(("raster", "lines"), [(False, 1), (True, 0)])
def test_a_rasterized_figure_keeps_its_scale(raster, lines):
    figure, axes = plt.subplots(figsize=(2, 2))
    axes.pcolormesh(np.arange(12.0).reshape(3, 4), rasterized=raster)
    plt.close(figure)
    root = ElementTree.fromstring(_svg.svg(figure))
    assert (len(root.findall(".//{*}image")) == 0) == bool(lines)


def test_markers_without_a_point_leave_the_picture_whole():
    figure, axis = plt.subplots()
    axis.plot([np.nan, np.nan], [1, 2], marker="o")
    axis.errorbar([np.nan], [1.0], [0.1], marker="s")
    axis.plot([0, 1], [0, 1], marker="^")
    plt.close(figure)
    ElementTree.fromstring(_svg.svg(figure))


def test_any_title_alt_label_or_value_stays_text():
    made = explorer(blank, title=UNSAFE, alt=UNSAFE, lam=[UNSAFE, "b"], omega=[1], labels={"omega": UNSAFE})
    page = Page(made._page)
    assert len(page.all("script")) == 1 and not page.all("b")
    assert page.all("img")[0]["alt"] == f"lam = {UNSAFE}, {UNSAFE} = 1: {UNSAFE}"
    assert "<b" not in "".join(
        child.value
        for child in made.widget().children
        if hasattr(child, "description_allow_html")
        and isinstance(child.value, str)
        and child.value.startswith("<strong>")
    )


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor])
def test_a_choice_may_be_any_sequence(kind):
    made = explorer(blank, lam=kind([0.25, 0.5]), omega=range(1, 3))
    assert repr(made) == "Explorer('Blend', lam=[0.25, 0.5], omega=[1, 2])"


def test_an_explorer_that_computes_says_for_each_frame_what_of():
    asks = {
        "compute": lambda lam, omega: {"what": "variance", "n": omega, "observable": "own", "own": "Z0 + X1"}
    }
    page = Page(explorer(blank, **asks)._page)
    (box,) = (tag for tag in page.all("div") if tag.get("class") == "qbp-live")
    assert "hidden" in box and box["data-figure"] == "compute"  # without its script it stays hidden
    states = [dict(parse_qsl(state)) for state in json.loads(box["data-states"])]
    assert len(states) == len(page.all("img")) and states[0]["own"] == "Z0 + X1"
    assert [int(state["n"]) for state in states[: len(OMEGAS)]] == OMEGAS  # the last slider varies fastest
    assert "qbp-live" not in explorer(blank)._page
    with pytest.raises(TypeError, match="compute must be a function that returns settings, got 3"):
        explorer(blank, compute=3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"lam": []}, ValueError, r"lam must hold at least one value, .* got \[\]"),
        ({"lam": [1, 1.0]}, ValueError, "lam must hold .* no two that read the same"),
        ({"lam": "abc"}, TypeError, "lam must be a sequence of numbers or strings, got 'abc'"),
        ({"lam": 3}, TypeError, "lam must be a sequence of numbers or strings, got 3"),
        ({"lam": [None]}, TypeError, "lam must hold numbers or strings, got None"),
        ({"lam": range(51)}, ValueError, f"choices must make at most {MAX_FRAMES} frames, got 204"),
        ({"a": [1], "b": [1]}, ValueError, "choices must be 1 to 3 parameters, .* got 4"),
        ({"start": {"lam": 0.3}}, ValueError, r"start\['lam'\] must be among 0, 0.5, 1; got 0.3"),
        ({"start": {"mu": 1}}, ValueError, "start must name parameters among lam, omega; got mu"),
        ({"labels": {"mu": "µ"}}, ValueError, "labels must name parameters among lam, omega; got mu"),
        ({"live": {"mu": [1]}}, ValueError, "live must name parameters among lam, omega; got mu"),
        ({"live": {"lam": [0.1]}}, ValueError, r"start\['lam'\] must be among 0.1; got 0"),
        ({"live": {"lam": []}}, ValueError, r"live\['lam'\] must hold at least one value"),
        ({"live": ["mu"]}, ValueError, "live must name parameters among lam, omega; got mu"),
        ({"live": {"omega": range(0)}}, ValueError, r"live\['omega'\] must hold at least one value"),
        ({"live": {"omega": range(2, 5)}}, ValueError, r"start\['omega'\] must be among 2, 3, 4; got 1"),
        (
            {"live": ["lam"], "lam": ["a", "b"]},
            TypeError,
            "live must name parameters that take numbers, got lam",
        ),
        ({"function": None}, TypeError, "draw must be a function that returns a Figure, got None"),
        ({"function": lambda **v: 3}, TypeError, "draw must return a matplotlib Figure, got 'int'"),
        (
            {"function": lambda **v: blank().add_subplot()},
            TypeError,
            "draw must return a matplotlib Figure, got 'Axes'",
        ),
        ({"title": ""}, TypeError, "title must be a text that is not empty, got ''"),
        ({"alt": None}, TypeError, "alt must be a text that is not empty, got None"),
    ],
)
def test_bad_input_is_one_clear_line(change, error, message):
    with pytest.raises(error, match=message):
        explorer(**{"function": blank} | change)


def test_no_choices():
    with pytest.raises(ValueError, match="got 0"):
        Explorer(blank, "Blend", alt="loss surface")


def test_a_failing_draw_fails_its_cell_and_leaves_no_figure():
    def fail(lam, omega):
        plt.figure()
        raise RuntimeError(f"at {lam}")

    with pytest.raises(RuntimeError, match="at 0"):
        explorer(fail)


def test_live_sliders_draw_finer_values_once_each_and_report_errors():
    drawn = []

    def count(lam, omega):
        drawn.append((lam, omega))
        if lam == 0.75:
            raise RuntimeError("<no figure>")
        figure = blank()
        figure.text(0, 0, f"{lam} {omega}")
        return figure

    made = explorer(count, start={"omega": 2}, live={"lam": np.linspace(0, 1, 5)})
    drawn.clear()
    _, lam, omega, image = made.widget().children
    assert [value for _, value in lam.options] == [0, 0.25, 0.5, 0.75, 1]
    assert (lam.value, omega.value, omega.description) == (0, 2, "omega")
    first = image.value
    assert first in made._page
    lam.value = 0.25
    assert image.value != first and 'alt="lam = 0.25, omega = 2: loss surface"' in image.value
    lam.value = 0.75
    assert image.value == '<pre role="alert">RuntimeError: &lt;no figure&gt;</pre>'
    lam.value = 0
    assert image.value == first
    lam.value, omega.value = 0.25, 4
    assert (0.25, 4) in drawn and drawn.count((0.25, 2)) == 1


def test_live_sliders_compute_any_value_between_the_frames():
    """The maximum of the drawn line, which no frame has, is the closed form at the value of the slider."""

    def parabola(lam, omega):
        figure, axes = plt.subplots(figsize=(2, 2))
        x = np.linspace(0, 2, 201)
        axes.plot(x, (y := lam * x * (omega - x)))
        axes.set_title(f"top {y.max():.4f}")
        return figure

    made = explorer(parabola, lam=[0.0, 0.5, 1.0], omega=[1, 2, 4], live=["lam", "omega"])
    _, lam, omega, image = made.widget().children
    assert (lam.min, lam.max, omega.min, omega.max, omega.step) == (0, 1, 1, 4, 1)
    for value, whole in [(0.1234, 3), (0.777, 2), (1.0, 3)]:
        lam.value, omega.value = value, whole
        (top,) = re.findall(r">top (\d\.\d+)<", unquote(image.value))
        assert float(top) == pytest.approx(value * whole**2 / 4, abs=1e-4)
        assert f'alt="lam = {value:g}, omega = {whole}: loss surface"' in image.value
        assert top not in unquote(made._page)
    lam.value = 7.0
    assert lam.value == 1.0  # the range ends there


def test_live_values_may_go_beyond_the_frames():
    made = explorer(blank, lam=[0.0, 1.0], omega=[0, 1], live={"omega": range(0, 1000, 5), "lam": [0, 1, 3]})
    lam, omega = made.widget().children[1:-1]
    assert (omega.min, omega.max, omega.step, lam.options[-1]) == (0, 995, 5, ("3", 3))


def test_thirty_frames_stay_small():
    line = explorer(lambda lam, omega: draw_line(lam * omega), lam=np.linspace(0, 1, 5), omega=range(1, 7))
    surface = explorer(lam=np.linspace(0, 1, 5), omega=[0, 1, 2, 3, 4, 5])
    assert len(line._page) < 250_000
    assert len(surface._page) < 600_000
    assert len(surface._png) < 150_000


def draw_line(slope):
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    x = np.linspace(0, 6, 400)
    axes.plot(x, np.sin(slope * x))
    axes.grid(True)
    return figure


CELL = """\
%matplotlib inline
import matplotlib.pyplot as plt
from qbp.book.explorer import Explorer
def draw(n):
    figure, axes = plt.subplots(figsize=(2, 2))
    axes.plot([0, n])
    return figure
Explorer(draw, "Line", alt="a line", n=[1, 2])"""


def test_a_runner_stores_the_page_and_no_widget():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs  # one: the figures themselves are not displayed
    assert output.data.keys() == {"text/html", "image/png", "text/plain"}
    assert "widgets" not in notebook.metadata


def test_a_front_end_gets_live_sliders_beside_the_page():
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        content = {
            "code": CELL,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
        }
        client.shell_channel.send(
            client.session.msg("execute_request", content, metadata={"cellId": "cell-1"})
        )
        while (message := client.get_iopub_msg(timeout=60))["msg_type"] != "execute_result":
            assert message["msg_type"] != "error", message["content"]
        assert message["content"]["data"].keys() == {WIDGET, "text/html", "image/png", "text/plain"}
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
