"""The chapters in JupyterLab: their prose has its numbers, files keep their names, an explorer computes.

The last test opens JupyterLab in Chromium, as `make jupyter` does: `pytest -m browser`.
"""

import asyncio
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import unquote

import nbformat
import numpy as np
import pytest
import reference
import torch
from test_browser import Browser, find_browser

import qbp
from qbp.book import jupyter, svg
from qbp.book.figures import circuit_plots
from qbp.book.jupyter import GLUE, Chapters, glued, with_names, with_numbers
from qbp.plateaus.sampling import random_angles
from qbp.plateaus.shifts import slice_along

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "book"
CHAPTER = "variational-circuits"


@pytest.mark.parametrize("name", sorted(path.stem for path in BOOK.glob("*.ipynb")))
def test_prose_is_shown_with_its_numbers_and_saved_with_its_names(name):
    cells = nbformat.read(BOOK / f"{name}.ipynb", as_version=4).cells
    values = glued(cells)
    for cell in cells:
        if cell.cell_type == "markdown":
            shown = with_numbers(cell.source, values)
            assert "{glue" not in shown and with_names(shown) == cell.source
            assert all(f"`{values[key]} (" in shown for key in GLUE.findall(cell.source))


def test_a_chapter_that_is_opened_and_saved_is_the_same_file_and_another_notebook_is_not_trusted(
    tmp_path, monkeypatch
):
    before = (BOOK / f"{CHAPTER}.ipynb").read_bytes()
    (tmp_path / "a.ipynb").write_bytes(before)
    (tmp_path / "b.ipynb").write_bytes(before.replace(b'"import torch', b'"import math, torch'))  # not signed
    monkeypatch.setattr(jupyter, "chapters", lambda: [tmp_path / "a.ipynb"])
    contents = Chapters(root_dir=str(tmp_path))

    async def open_and_save():
        model = await contents.get("a.ipynb")
        assert all(cell.metadata.trusted for cell in model["content"].cells if cell.cell_type == "code")
        assert "(glued: vc-single)" in "".join(cell.source for cell in model["content"].cells)
        await contents.save(model, "a.ipynb")
        other = (await contents.get("b.ipynb"))["content"].cells
        assert not any(cell.metadata.trusted for cell in other if cell.cell_type == "code" and cell.outputs)

    asyncio.run(open_and_save())
    assert (tmp_path / "a.ipynb").read_bytes() == before


# ------------------------------------------------------------------------------------------- in a browser


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def lab(tmp_path):
    """JupyterLab, by the command of `make jupyter`, on one chapter up to its explorer; yields its address."""
    (tmp_path / "book").mkdir()
    notebook = nbformat.read(BOOK / f"{CHAPTER}.ipynb", as_version=4)
    last = next(i for i, cell in enumerate(notebook.cells) if cell.source.startswith("Explorer("))
    del notebook.cells[last + 1 :]  # a kernel answers a slider after the cells that wait
    nbformat.write(notebook, tmp_path / "book" / f"{CHAPTER}.ipynb")
    recipe = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    words = shlex.split(re.search(r"\$\(BIN\)/jupyter (lab .*) \$\(LAB\)", recipe)[1])
    port = free_port()
    words += ["--no-browser", "--allow-root", "--IdentityProvider.token=", f"--ServerApp.port={port}"]
    words += ["--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={tmp_path}"]
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    env = os.environ | own | {"OMP_NUM_THREADS": "1", "JUPYTER_PREFER_ENV_PATH": "1"}
    with (tmp_path / "log").open("w") as log:
        jupyter = [sys.executable, "-m", "jupyter", *words]
        server = subprocess.Popen(jupyter, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(lambda: json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/api")))
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def wait_for(ask, seconds=300):
    """Return what `ask` returns once it is true; errors count as not yet."""
    end = time.monotonic() + seconds
    while True:
        try:
            if answer := ask():
                return answer
        except (AssertionError, OSError) as error:
            if time.monotonic() > end:
                raise TimeoutError from error
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.3)


def dense_slice(n, layers):
    """Draw what the explorer should show, with every energy from dense matrices."""
    theta = random_angles(0, range(1), 2 * n * layers)[0]
    k = 2 * n * (layers - 1)
    terms = {"I" * i + "ZZ" + "I" * (n - i - 2): -1.0 for i in range(n - 1)}
    H = reference.pauli_sum(terms | {"I" * i + "X" + "I" * (n - i - 1): -1.0 for i in range(n)})

    def energy(step):
        angles = theta.clone()
        angles[k] += step
        state = reference.hardware_efficient(n, angles.numpy(), [["YZ"] * n] * layers, "cz", "ladder")
        return reference.expectation(H, state)

    like = slice_along(qbp.HardwareEfficient(n, layers), theta, qbp.tfim(n), k)
    cost = torch.tensor([energy(step) for step in like.at])
    eigenvalues = np.linalg.eigvalsh(H)
    return circuit_plots.sine_slice(like._replace(cost=cost, sine=cost), (eigenvalues[0], eigenvalues[-1]))


@pytest.mark.browser
def test_an_explorer_computes_in_jupyterlab_what_no_frame_has(lab):
    browser = Browser(find_browser())
    try:
        browser.send(
            "Emulation.setDeviceMetricsOverride", width=1400, height=9000, deviceScaleFactor=1, mobile=False
        )
        browser.send("Page.navigate", url=f"{lab}/lab/tree/book/{CHAPTER}.ipynb")
        prose = "[...document.querySelectorAll('.jp-MarkdownCell')].map(cell => cell.innerText).join('\\n')"
        values = glued(nbformat.read(BOOK / f"{CHAPTER}.ipynb", as_version=4).cells)
        text = wait_for(lambda: "{abbr}" not in (t := browser.run(prose)) and "slices" in t and t)
        assert f"{values['vc-single']} slices" in text and "vc-single" not in text and "{eq}" not in text
        status = "jupyterapp.shell.currentWidget.sessionContext.session.kernel.status"
        wait_for(lambda: browser.run(f"{status} === 'idle'"))  # before that, running does nothing
        browser.run("jupyterapp.commands.execute('notebook:run-all-cells'), true")
        find = "[...document.querySelectorAll('.widget-readout')]"
        wait_for(lambda: browser.run(f"{find}.length >= 2"))
        stored = browser.run("[...document.querySelectorAll('.jp-OutputArea img')].map(image => image.alt)")
        frames = (BOOK / f"{CHAPTER}.ipynb").read_text()
        for number, value in enumerate((3, 7)):  # qubits, layers: the frames have 1, 2, 4, 6 and 1, 4, 12
            browser.run(
                f"{find}[{number}].focus(); document.getSelection().selectAllChildren({find}[{number}])"
            )
            browser.send("Input.insertText", text=str(value))
            for kind in ("keyDown", "keyUp"):
                browser.send("Input.dispatchKeyEvent", type=kind, key="Enter", windowsVirtualKeyCode=13)
        shown = "[...document.querySelectorAll('.widget-html img')].map(image => [image.alt, image.src])"
        alt = "qubits = 3, layers = 7"
        ((said, source),) = wait_for(lambda: (i := browser.run(shown)) and alt in i[0][0] and i)
        assert said not in stored and said.split(":")[0] not in frames
        assert unquote(source.partition(",")[2]) == svg.svg(dense_slice(3, 7))
    finally:
        browser.close()
