"""The built pages in a real browser: `pytest -m browser tests/test_browser.py`, after `make book`.

The browser is the one that CHROMIUM names, or the system's. Without one these tests fail and are not skipped.
"""

import contextlib
import fcntl
import functools
import http.server
import itertools
import json
import os
import select
import shutil
import signal
import tempfile
import threading
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
# Named by the sources: a page that was not built fails.
SOURCES = sorted(path.stem for path in (ROOT / "book").iterdir() if path.suffix in (".md", ".ipynb"))
PAGES = [*SOURCES, "search", "genindex"]
EXPLORERS = ["algorithm-1"]  # pages that must have one; the others are tested where they do
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
def test_a_page_loads_without_an_error_or_a_foreign_request(browser, origin, page):
    assert problems(browser.open(f"{origin}/{page}.html"), origin) == []


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
