"""A small notebook to sweep, runs that need no kernel, and schedulers of their own."""

import contextlib
import json
import re
import subprocess

from programs import start

from qbp.sweeps.notebook import Ran, Row

GLUE = """def glue(name, value):
    meta = {"scrapbook": {"name": name, "mime_prefix": "application/papermill.record/"}}
    display({"application/papermill.record/text/plain": repr(value)}, raw=True, metadata=meta)"""
TINY = ["n = 2  # a number\nx = 0.5\nword = 'a'\nyes = True", GLUE]
TINY += ["glue('double', 2 * n + x)\nglue('said', f'{n} of 9')", "1 / (n - 7)"]
WORDS = ["-p", "n=2:4", "-p", "x=0.1,0.2", "--no-dashboard"]  # six runs


def notebook(path, *sources, tags=("parameters",)):
    """Store a notebook of these code cells, of which the first holds the parameters."""
    cells = [
        {"cell_type": "code", "id": f"c{at}", "source": source, "outputs": [], "execution_count": None,
         "metadata": {} if at else {"tags": [*tags]}}
        for at, source in enumerate(sources or TINY)
    ]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}))
    return path


def ran(source, given, folder, code):
    """In place of a kernel: what the small notebook leaves."""
    n = given.get("n", 2)
    if n == 7:
        return Ran(source, (), 0.5, "cell 4, line 1: `1 / (n - 7)`: ZeroDivisionError: division by zero")
    value = 2 * n + given.get("x", 0.5)
    rows = (Row("run", -1, -1, "cells", 4.0), Row("glue", -1, -1, "double", value, str(value)))
    return Ran(source, rows, 0.5)


class Here:
    """In place of the workers: each run is computed here when its turn comes."""

    def __init__(self, function=ran):
        self.function, self.begun = function, []

    @contextlib.contextmanager
    def __call__(self, function, work, place, say=None):
        def values():
            for name, arguments in work:
                self.begun.append(str(name))
                yield name, self.function(*arguments)

        yield values()


SPELLED = {"ca": "ca-file", "cert": "cert", "key": "key"}  # for Dask


def certificates(folder):
    """Make an authority, and a certificate that it has signed: {"ca", "cert", "key"}, as a site would."""
    folder.mkdir()
    made, days = ["-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], ["-days", "2"]
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", *days]
    steps = [
        ["req", "-x509", *made, *days, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"],
        ["req", *made, "-subj", "/CN=own", "-keyout", "own.key", "-out", "own.csr"],
        ["x509", "-req", "-in", "own.csr", *signed, "-out", "own.pem"],
    ]
    for words in steps:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    return {"ca": folder / "ca.pem", "cert": folder / "own.pem", "key": folder / "own.key"}


class Scheduler:
    """A Dask scheduler and two workers, each a process of its own, on the loopback device.

    `tls` are files by which all of them show who they are: ca, cert and key.
    """

    def __init__(self, folder, tls=None):
        shown = [word for name in tls or () for word in (f"--tls-{SPELLED[name]}", str(tls[name]))]
        words = ["--host", "tls://127.0.0.1" if tls else "127.0.0.1", "--port", "0", "--no-dashboard", *shown]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        self.process = start("-m", "distributed.cli.dask_scheduler", *words, cwd=folder, **quiet)
        for line in self.process.stderr:
            if found := re.search(r"(tcp|tls)://127\.0\.0\.1:\d+", line):
                self.address = found[0]
                break
        words = [
            self.address,
            "--host",
            "127.0.0.1",
            "--nthreads",
            "1",
            "--no-nanny",
            "--no-dashboard",
            *shown,
        ]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        worker = ["-m", "distributed.cli.dask_worker", *words, "--death-timeout", "5"]
        self.workers = [start(*worker, cwd=folder, **quiet) for _ in range(2)]

    def close(self):
        for process in (*self.workers, self.process):
            process.kill()
            process.wait()
        self.process.stderr.close()


def program(words, folder, **streams):
    """Start `qbp sweep` on the small notebook in a folder."""
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, **streams}
    return start("-m", "qbp", "sweep", "tiny.ipynb", *words, cwd=folder, **streams)
