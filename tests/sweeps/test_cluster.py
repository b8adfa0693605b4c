"""Work on Dask: real processes of this machine, on the loopback device, and a scheduler that is not there."""

import contextlib
import os
import shutil
import signal
import socket
import time

import pytest
from said import Said
from swept import Scheduler, certificates

from qbp.sweeps.cluster import LOOPBACK, Place, computed, resources


def work(number):
    """A value, an error, the end of the process; and what the process is like."""
    if number == 1:
        raise ValueError("one")
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number, os.environ["OMP_NUM_THREADS"], signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def listening():
    """Addresses at which this process and its children wait for others."""
    import psutil

    here, found = psutil.Process(), set()
    for process in (here, *here.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker that has just been killed
            connections = process.net_connections("inet")
            found |= {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}
    return found


def test_values_errors_and_killed_workers_of_this_machine():
    import dask
    import distributed  # noqa: F401  its defaults belong to no block

    lines, found, before = [], {}, listening()
    place = Place(2, resources={"GPU": 1})
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 2}),
        computed(work, [(f"run {n}", (n,)) for n in range(5)], place, say=lines.append) as finished,
    ):
        found |= [next(finished)]
        addresses = listening() - before
        found |= dict(finished)
    assert addresses <= {LOOPBACK} and lines
    assert lines[0].startswith("dashboard: http://127.0.0.1:") and lines[0].endswith("/status")
    assert [found[f"run {n}"] for n in (0, 3, 4)] == [(n, "1", True) for n in (0, 3, 4)]
    assert str(found["run 1"]) == "one" and isinstance(found["run 2"], ChildProcessError)


def test_what_is_left_by_an_exception_ends_at_once():
    began = time.monotonic()
    with (
        pytest.raises(KeyboardInterrupt),
        computed(time.sleep, [(n, (n,)) for n in (0, 60, 60)], QUIET) as done,
    ):
        assert next(done) == (0, None)
        raise KeyboardInterrupt
    assert time.monotonic() - began < 40


QUIET = Place(2, dashboard=False)


def test_a_scheduler_that_does_not_answer_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        address = f"tcp://{LOOPBACK}:{free.getsockname()[1]}"
    nowhere = computed(work, [(0, (0,))], Place(scheduler=address, seconds=1))
    with pytest.raises(ConnectionError, match=f"the scheduler {address} does not answer: "), nowhere:
        pass
    monkeypatch.setattr("qbp.studies.tables.gridded", dict)
    said = Said("grid", "--scheduler", "127.0.0.1")
    assert said.status == 2 and "scheduler must be an address such as tcp://HOST:8786" in said.err


def test_resources():
    assert resources(["GPU=1", "M=2.5"]) == {"GPU": 1.0, "M": 2.5}
    with pytest.raises(ValueError, match="resources must be NAME=AMOUNT, such as GPU=1, got 'GPU=inf'"):
        resources(["GPU=inf"])


@pytest.mark.skipif(not shutil.which("openssl"), reason="the certificates are made by openssl")
def test_a_scheduler_by_tls_takes_who_has_a_certificate_and_nobody_else(tmp_path):
    tls, stranger = certificates(tmp_path / "ours"), certificates(tmp_path / "another's")
    scheduler = Scheduler(tmp_path, tls)
    try:
        assert scheduler.address.startswith("tls://127.0.0.1:")
        own = {f"tls_{name}": str(file) for name, file in tls.items()}
        with computed(
            pow, [(n, (n, 2)) for n in range(6)], Place(scheduler=scheduler.address, **own)
        ) as finished:
            assert dict(finished) == {n: n**2 for n in range(6)}
        others = {f"tls_{name}": str(file) for name, file in stranger.items()}
        plain = scheduler.address.replace("tls://", "tcp://")
        for place in (
            Place(scheduler=scheduler.address, seconds=1, **others),  # signed by somebody else
            Place(scheduler=scheduler.address, seconds=1),  # no certificate
            Place(scheduler=plain, seconds=1),  # no TLS
        ):
            with (
                pytest.raises(ConnectionError, match="does not answer: "),
                computed(pow, [(0, (0, 2))], place),
            ):
                pass
        words = [word for name, file in tls.items() for word in (f"--tls-{name}", str(file))]
        said = Said(
            "sweep", "telecom", "-p", "seeds=2", "--dry-run", "--scheduler", scheduler.address, *words
        )
        assert said.status == 0
    finally:
        scheduler.close()


def test_certificates_that_are_not_there_are_one_line(tmp_path):
    (tmp_path / "ca.pem").touch()
    given = {"scheduler": "tls://127.0.0.1:1", "tls_ca": str(tmp_path / "ca.pem")}
    with pytest.raises(ValueError, match="tls_cert must be a file, as the two others of TLS, got None"):
        Place(**given)
    with pytest.raises(ValueError, match="scheduler must be tls://HOST:PORT for certificates, got 'tcp:"):
        Place(**{**given, "scheduler": "tcp://127.0.0.1:1"})
    said = Said("grid", "curve", "--tls-ca", str(tmp_path / "ca.pem"))
    assert said.status == 2 and "scheduler must be tls://HOST:PORT for certificates, got None" in said.err
