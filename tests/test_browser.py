"""The built pages in a real browser: `pytest -m browser tests/test_browser.py`, after `make book`.

The browser is the one that CHROMIUM names, or the system's. Without one these tests fail and are not skipped.
What axe-core, from npm, says of a page is asked where there is npm.
"""

import contextlib
import fcntl
import functools
import gzip
import http.server
import itertools
import json
import os
import re
import select
import shutil
import signal
import tempfile
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import npm
import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
# Named by the sources: a page that was not built fails.
SOURCES = sorted(
    path.relative_to(ROOT / "book").with_suffix("").as_posix()
    for path in (ROOT / "book").rglob("*")
    if path.suffix in (".md", ".ipynb")
)
PAGES = [*SOURCES, "search", "genindex"]
EXPLORERS = ["algorithm-1"]  # pages that must have one; the others are tested where they do
AXE = "4.14.1"
LIGHT, SOON = 2000, 1000  # kB of a page, packed, and ms until it is painted first: the aims
ARROWS = {"ArrowLeft": 37, "ArrowRight": 39}


def find_browser() -> str:
    """Return the path of CHROMIUM or of a Chromium on the system, or fail."""
    names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    names = [os.environ["CHROMIUM"]] if os.environ.get("CHROMIUM") else names
    for path in filter(None, map(shutil.which, names)):
        return path
    pytest.fail(f"no browser: {', '.join(names)} not found; install chromium or set CHROMIUM", pytrace=False)


def quiet(event: dict, loader: str) -> bool:
    """Whether an event says that the page of this loader has all it asked for."""
    name, owner = event["params"].get("name"), event["params"].get("loaderId")
    return event["method"] == "Page.lifecycleEvent" and (name, owner) == ("networkIdle", loader)


class Browser:
    """One page of Chromium, driven by its DevTools protocol over two pipes, which needs no package."""

    FLAGS = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --disable-dev-shm-usage --remote-debugging-pipe"
    )
    # No other name is looked up: a page that asks for another origin gets an error, and the request is seen.
    LOCAL = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"

    def __init__(self, command: str):
        self.profile, self.numbers, self.session = tempfile.mkdtemp(), itertools.count(1), {}
        self.events, self.unread = [], b""
        # Chromium reads from descriptor 3 and writes to 4; copies from 10 up keep clear of both.
        pipes = [*os.pipe(), *os.pipe()]
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in pipes]
        actions = [(os.POSIX_SPAWN_DUP2, ends[0], 3), (os.POSIX_SPAWN_DUP2, ends[3], 4)]
        actions += [(os.POSIX_SPAWN_OPEN, end, os.devnull, os.O_WRONLY, 0) for end in (1, 2)]
        argv = [command, *self.FLAGS.split(), self.LOCAL, f"--user-data-dir={self.profile}"]
        self.pid = os.posix_spawn(command, argv, os.environ, file_actions=actions, setpgroup=0)
        for end in (*pipes, ends[0], ends[3]):
            os.close(end)
        self.write, self.read = ends[1], ends[2]
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = {
            "sessionId": self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        }
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.send("Page.setLifecycleEventsEnabled", enabled=True)

    def send(self, method: str, **params) -> dict:
        """Return the answer to a command; the events that come before it are kept."""
        number = next(self.numbers)
        os.write(
            self.write,
            json.dumps({"id": number, "method": method, "params": params} | self.session).encode() + b"\0",
        )
        while (message := self.receive()).get("id") != number:
            self.events.append(message)
        assert "error" not in message, f"{method}: {message['error']}"
        return message["result"]

    def receive(self) -> dict:
        while b"\0" not in self.unread:
            assert select.select([self.read], [], [], 60)[0], "the browser does not answer"
            more = os.read(self.read, 1 << 20)
            assert more, "the browser has stopped"
            self.unread += more
        message, _, self.unread = self.unread.partition(b"\0")
        return json.loads(message)

    def open(self, url: str) -> list[dict]:
        """Return what happened from asking for a page until its network was quiet for half a second."""
        self.events = []
        loader = self.send("Page.navigate", url=url).get("loaderId")
        if loader is None:  # another place on the page that is open: it would not be loaded
            self.send("Page.navigate", url="about:blank")
            loader = self.send("Page.navigate", url=url)["loaderId"]
        while not any(quiet(event, loader) for event in self.events):
            self.events.append(self.receive())
        return self.events

    def run(self, script: str):
        done = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def close(self) -> None:
        with contextlib.suppress(AssertionError, OSError):
            self.send("Browser.close")
            self.receive()  # until the pipe is closed
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.write)
        os.close(self.read)
        shutil.rmtree(self.profile, ignore_errors=True)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def browser():
    browser = Browser(find_browser())
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def origin():
    handler = functools.partial(Quiet, directory=HTML)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def problems(events: list[dict], origin: str) -> list[str]:
    """Return a line for each script error, failed request, and request to another origin."""
    found = []
    for event in events:
        method, params = event["method"], event["params"]
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            found.append(f"exception: {details.get('exception', {}).get('description', details['text'])}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            found.append(f"console: {[arg.get('value', arg.get('description')) for arg in params['args']]}")
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            found.append(f"log: {params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith((f"{origin}/", "data:", "blob:", "about:")):
                found.append(f"another origin: {url}")
        elif method == "Network.responseReceived" and params["response"]["status"] >= 400:
            found.append(f"HTTP {params['response']['status']}: {params['response']['url']}")
    return found


# The names of icons that the page asks for and their script lacks, which shows a sign that blinks instead.
MISSING = "[...document.querySelectorAll('.svg-inline--fa:has(animate)')].map(icon => icon.dataset.icon)"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


@functools.cache
def packed(path: Path) -> int:
    """Return the bytes of a file as a server would send it, packed by gzip."""
    return len(gzip.compress(path.read_bytes(), 6))


def measure(browser: Browser, origin: str, page: str) -> dict:
    """Open a page with nothing kept from before; return its problems, packed kB, and ms to first paint.

    On a busy machine others delay the paint.  What the page's thread computes until all is quiet is at least
    what its first paint takes, so the smaller of both times is returned.
    """
    browser.send("Network.setCacheDisabled", cacheDisabled=True)
    browser.send("Performance.enable", timeDomain="threadTicks")
    try:
        events = browser.open(f"{origin}/{page}.html")
        metrics = {one["name"]: one["value"] for one in browser.send("Performance.getMetrics")["metrics"]}
    finally:
        browser.send("Performance.disable")
        browser.send("Network.setCacheDisabled", cacheDisabled=False)
    asked = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    urls = {one["request"]["url"] for one in asked if one["request"]["url"].startswith(f"{origin}/")}
    files = {HTML / unquote(urlsplit(url).path).lstrip("/") for url in urls}
    return {
        "problems": problems(events, origin) + [f"no icon {name}" for name in browser.run(MISSING)],
        "kB": round(sum(packed(path) for path in files if path.is_file()) / 1000),
        "ms": round(min(browser.run(PAINTED), 1000 * metrics["TaskDuration"])),
    }


@pytest.fixture(scope="module")
def opened(browser, origin):
    """A function that measures a page, once; what it found goes to `_build/pages.json`."""
    found = {}

    def once(page: str) -> dict:
        found[page] = found.get(page) or measure(browser, origin, page)
        return found[page]

    yield once
    if found.keys() == set(PAGES):
        listed = {page: {part: found[page][part] for part in ("kB", "ms")} for page in PAGES}
        (HTML.parent / "pages.json").write_text(json.dumps(listed, indent=1) + "\n")


# What a reader sees of each explorer: its frames that are shown, and the values beside its sliders.
SHOWN = """[...document.querySelectorAll(".qbp-explorer")].map(root => ({
    frames: [...root.querySelectorAll("img")].filter(image => image.checkVisibility())
        .map(image => [image.alt, image.src, image.naturalWidth > 0]),
    sliders: [...root.querySelectorAll("input")].filter(slider => slider.checkVisibility()).map(slider => [
        Number(slider.value), Number(slider.max), slider.getAttribute("aria-valuetext"),
        slider.closest(".slider").querySelector("output").value, slider.labels[0].innerText]),
    note: [...root.querySelectorAll("noscript")].map(note => note.innerText).join(""),
}))"""


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_without_an_error_or_a_foreign_request(opened, page):
    assert opened(page)["problems"] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_light_and_soon_painted(opened, page, record_property):
    found = opened(page)
    record_property("page", (found["kB"], found["ms"], page))
    assert found["kB"] <= LIGHT and found["ms"] <= SOON


@pytest.mark.parametrize("page", sorted({*SOURCES, *EXPLORERS}))
def test_each_slider_is_moved_by_the_keyboard(browser, origin, page):
    events = browser.open(f"{origin}/{page}.html")
    shown = browser.run(SHOWN)
    assert shown or page not in EXPLORERS, f"{page} has no explorer"
    browser.run(
        "Promise.all([...document.querySelectorAll('.qbp-explorer img')].map(image => image.decode()))"
    )
    for number, before in enumerate(shown):
        assert before["sliders"], "no slider is shown"
        for index, (at, last, *_) in enumerate(before["sliders"]):
            if last == 0:
                continue
            find = f"document.querySelectorAll('.qbp-explorer')[{number}].querySelectorAll('input')[{index}]"
            browser.run(f"{find}.focus()")
            key = "ArrowRight" if at < last else "ArrowLeft"
            for kind in ("keyDown", "keyUp"):
                browser.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=ARROWS[key])
            after = browser.run(SHOWN)
            assert shown[:number] == after[:number] and shown[number + 1 :] == after[number + 1 :]  # no other
            (old,), (new,) = shown[number]["frames"], after[number]["frames"]
            assert new[0] != old[0] and new[1] != old[1] and new[2]
            moved, _, spoken, text, label = after[number]["sliders"][index]
            assert abs(moved - at) == 1 and spoken == text and f"{label} = {text}" in new[0]
            shown = after
    assert problems(events, origin) == []


@pytest.mark.parametrize("page", EXPLORERS)
def test_without_scripts_the_start_frame_and_a_note_are_shown(browser, origin, page):
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(f"{origin}/{page}.html")
        shown = browser.run(SHOWN)
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)
    assert shown
    for explorer in shown:
        assert len(explorer["frames"]) == 1 and explorer["sliders"] == []
        assert "need JavaScript" in explorer["note"]


PRESS = (
    "[...document.querySelectorAll('.qbp-buttons button')].find(b => b.textContent.includes('{}')).click()"
)


def moved(browser, page):
    """Open a page, move the first slider to its end, and return what is shown."""
    browser.open(page)
    browser.run(
        "{const slider = document.querySelector('.qbp-explorer input'); slider.value = slider.max;"
        "slider.dispatchEvent(new Event('input', {bubbles: true}))}"
    )
    return browser.run(SHOWN)


@pytest.mark.parametrize("from_file", [False, True])
def test_a_link_carries_the_state_of_an_explorer(browser, origin, from_file):
    page = (HTML.as_uri() if from_file else origin) + "/algorithm-1.html"
    shown = moved(browser, page)
    browser.run(PRESS.format("copy link"))
    link = browser.run("location.href")
    assert link.startswith(f"{page}#explore-") and "?" in link
    browser.open("about:blank")
    browser.open(link)
    assert browser.run(SHOWN) == shown
    browser.run(PRESS.format("reset"))
    assert browser.run(SHOWN) != shown
    browser.open("about:blank")
    events = browser.open(f"{link.split('?')[0]}?<img%20src=x%20onerror=alert(1)>=1&a=%3Cb%3E")
    found = problems(events, page.rsplit("/", 1)[0])  # from a file, Chromium refuses the icons' fonts
    assert [line for line in found if line.startswith("exception")] == []  # what is not known is left alone


def test_an_explorer_plays_to_its_end_and_stops(browser, origin):
    page = f"{origin}/algorithm-1.html"
    browser.open(page)
    (first, *_) = browser.run(SHOWN)
    longest = max(range(len(first["sliders"])), key=lambda k: first["sliders"][k][1])
    last = first["sliders"][longest][1]
    browser.run(PRESS.format("play"))
    for _ in range(600):
        browser.run("new Promise(done => setTimeout(done, 100))")
        now = browser.run(SHOWN)[0]["sliders"][longest][0]
        if now == last and not browser.run(
            "document.querySelector('.qbp-buttons').innerText.includes('stop')"
        ):
            break
    assert now == last


def test_a_long_table_is_folded_and_sorted(browser, origin):
    browser.open(f"{origin}/index.html")
    rows = "[...document.querySelectorAll('table')].find(t => t.querySelector('.qbp-sort')).tBodies[0].rows"
    seen = f"[...{rows}].filter(row => row.checkVisibility()).map(row => row.cells[0].innerText)"
    everything = browser.run(f"[...{rows}].map(row => row.cells[0].textContent)")
    assert len(browser.run(seen)) == 10 < len(everything)
    browser.run("document.querySelector('.qbp-sort').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.send("Input.dispatchKeyEvent", type=kind, key="Enter", windowsVirtualKeyCode=13)
    first = browser.run(f"[...{rows}].map(row => row.cells[0].textContent)")
    assert sorted(first) == sorted(everything) and first != everything
    assert browser.run("document.querySelector('th[aria-sort]').ariaSort") == "ascending"
    browser.run("document.querySelector('.qbp-more').click()")
    assert len(browser.run(seen)) == len(everything)


def test_of_each_sentence_a_line_is_shown_and_paper_has_every_row(browser, origin):
    browser.open(f"{origin}/claims.html")
    rows = "[...document.querySelectorAll('.qbp-lines tr[id]')]"
    shown = f"{rows}.filter(row => row.checkVisibility({{contentVisibilityAuto: true}})).length"
    everything, few = browser.run(f"{rows}.length"), browser.run(shown)
    assert 40 <= few < everything / 4
    browser.run("document.querySelector('.qbp-lines .below summary').click()")
    assert few < browser.run(shown) < everything
    with emulated(browser, "print", 700):
        assert browser.run(shown) == everything
    back = f"const wait = () => {shown} < {everything} ? done() : setTimeout(wait, 50); wait()"
    browser.run(f"new Promise(done => {{ {back} }})")  # a screen again
    assert few < browser.run(shown) < everything


def test_a_link_to_what_is_folded_opens_it(browser, origin):
    for page, inside in (("claims", "claim-curve-no-init-as-released"), ("ambiguities", "ambiguity-24")):
        browser.open(f"{origin}/{page}.html#{inside}")
        assert browser.run(f"document.getElementById('{inside}').checkVisibility()"), inside
        assert browser.run("scrollY") > 0


# Of these a page has many, built alike, and axe-core takes minutes for them all; so many are asked.
ALIKE = {"dl.py": 15, "div.highlight": 4, "tr": 25, "mjx-container": 5, ".qbp-explorer img[hidden]": 0}
AUDIT = """axe.run(document, {resultTypes: ["violations"], %s}).then(found => found.violations.flatMap(
    rule => rule.nodes.map(node => `${rule.id}: ${node.target} ${node.html.slice(0, 120)}`)))"""
# The page, if it is wider than its window, and boxes that reach over the edge and stand in none that scrolls.
WIDE = """[document.documentElement, ...document.querySelectorAll("article *")].filter((box, at) => {
    if (at === 0) return box.scrollWidth > box.clientWidth;
    if (box.getBoundingClientRect().right <= innerWidth || !box.checkVisibility()) return false;
    for (let around = box.parentElement; around; around = around.parentElement)
        if (getComputedStyle(around).overflowX !== "visible" && around.tagName !== "BODY") return false;
    return true;
}).map(box => box.outerHTML.slice(0, 120))"""
FIGURES = """[...document.querySelectorAll(".cell_output img")].filter(image => image.checkVisibility()).map(
    image => [image.clientWidth / image.style.getPropertyValue("--points"), image.src])"""
PAPER = """(() => {
    const seen = all => [...document.querySelectorAll(all)].filter(
        box => box.checkVisibility({visibilityProperty: true}));
    const said = boxes => boxes.map(box => box.outerHTML.slice(0, 120));
    const ink = getComputedStyle(document.querySelector("main")).color.match(/\\d+/g);
    return {
        light: ink.every(part => part < 100),
        cut: said(seen("article :is(pre, img, table)").filter(box => box.scrollWidth > box.clientWidth + 1
            || box.getBoundingClientRect().right > innerWidth)),
        pressed: said(seen("button, input, .bd-sidebar-primary, .bd-sidebar-secondary, .qbp-explorer")),
        solutions: seen(".solution :is(p, pre)").length};
})()"""


@contextlib.contextmanager
def emulated(browser: Browser, media: str, width: int):
    """A screen or a sheet of this many pixels."""
    size = {"width": width, "height": 0, "deviceScaleFactor": 0, "mobile": False}
    browser.send("Emulation.setEmulatedMedia", media=media)
    browser.send("Emulation.setDeviceMetricsOverride", **size)
    yield
    browser.send("Emulation.clearDeviceMetricsOverride")
    browser.send("Emulation.setEmulatedMedia", media="")


# First of these: after an emulated sheet Chromium tells no page that it is printed.
@pytest.mark.parametrize("asked", [False, True])
def test_a_printed_chapter_has_solutions_only_when_asked(browser, origin, asked):
    browser.open(f"{origin}/curve.html")
    browser.run(f"document.documentElement.classList.toggle('with-solutions', {json.dumps(asked)})")
    browser.run(
        f"(window.sheet = matchMedia('print')).onchange = ({{matches}}) => matches && (seen = {PAPER})"
    )
    browser.send("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
    paper = browser.run("seen")
    assert paper["cut"] == paper["pressed"] == [] and bool(paper["solutions"]) == asked


def smallest_letter(source: str) -> float:
    """Return the size in points of the smallest letters in a figure: those of an SVG, else an exponent's."""
    sizes = re.findall(r"font(?:-size)?:\s*(?:\d+ )?([\d.]+)px", unquote(source))
    return min(map(float, sizes), default=0.7 * 12)


@pytest.fixture(scope="module", params=PAGES)
def page(request, browser, origin):
    browser.open(f"{origin}/{request.param}.html")
    return request.param


def test_a_phone_scrolls_no_page_sideways_and_shows_letters_that_can_be_read(browser, page):
    with emulated(browser, "screen", 360):
        assert browser.run(WIDE) == []
        for scale, source in browser.run(FIGURES):
            assert scale * smallest_letter(source) >= 8


def test_paper_has_the_whole_width_and_no_solution(browser, page):
    with emulated(browser, "print", 700):
        browser.run("document.documentElement.dataset.theme = 'dark'")
        assert browser.run(PAPER) == {"light": True, "cut": [], "pressed": [], "solutions": 0}


def test_axe_finds_nothing_in_either_theme(browser, page):
    if not shutil.which("npm"):
        pytest.skip("no npm here, which brings axe-core: pages are not checked by it")
    still = "<style>* { transition: none !important }</style>"
    browser.run(f"document.head.insertAdjacentHTML('beforeend', '{still}')")
    browser.run("dispatchEvent(new Event('resize'))")  # what scrolls takes the keyboard 0.3 s after that
    browser.run("new Promise(done => setTimeout(done, 600))")
    for kind, kept in ALIKE.items():
        browser.run(f"[...document.querySelectorAll('{kind}')].slice({kept}).forEach(box => box.remove())")
    browser.run((npm.package("axe-core", AXE) / "axe.min.js").read_text())
    all_rules = "rules: {'label-content-name-mismatch': {enabled: true}}"
    for theme, rules in {"light": all_rules, "dark": "runOnly: ['color-contrast']"}.items():
        browser.run(f"document.documentElement.dataset.theme = '{theme}'")
        assert browser.run(AUDIT % rules) == []
