"""Dask: processes on this machine, or the workers of a scheduler that runs elsewhere, and work given to them.

Workers have one thread each and no limit of memory, which kernels are outside of in any case.  What Dask
opens on this machine listens on the loopback device alone.  A scheduler elsewhere runs what it is sent, and
what it sends back is unpickled here: it has to be one's own, and by tls:// all sides show a certificate.
"""

import contextlib
import logging
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from qbp import _checks

if TYPE_CHECKING:
    from distributed import Client

LOOPBACK = "127.0.0.1"
TRANSPORTS = ("tcp://", "tls://", "ws://", "wss://", "ucx://")
ENCRYPTED = ("tls://", "wss://")
Work = TypeVar("Work")


@dataclass(frozen=True)
class Place:
    """Where work is done.

    Attributes:
        workers: processes on this machine, one thread each.
        scheduler: address of a Dask scheduler whose workers do it instead, such as "tcp://127.0.0.1:8786".
        resources: {name: amount} that each piece of work takes of a worker, such as {"GPU": 1}; workers on
            this machine have that much each.
        dashboard: whether Dask's pages are served on this machine, at a free port.
        seconds: how long a scheduler may take to answer.
        tls_ca, tls_cert, tls_key: files for a scheduler at tls://: the certificate of who signed those of all
            sides, this side's own, and its key; without them those of Dask's configuration are taken.
    """

    workers: int = 2
    scheduler: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    dashboard: bool = True
    seconds: float = 10.0
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None

    def __post_init__(self) -> None:
        _checks.integer("workers", self.workers)
        if self.scheduler is not None and not self.scheduler.startswith(TRANSPORTS):
            raise ValueError(f"scheduler must be an address such as tcp://HOST:8786, got {self.scheduler!r}")
        files = {name: getattr(self, name) for name in ("tls_ca", "tls_cert", "tls_key")}
        if not any(files.values()):
            return
        if not (self.scheduler or "").startswith(ENCRYPTED):
            raise ValueError(f"scheduler must be tls://HOST:PORT for certificates, got {self.scheduler!r}")
        for name, file in files.items():
            if file is None or not Path(file).is_file():
                raise ValueError(f"{name} must be a file, as the two others of TLS, got {file!r}")

    @property
    def security(self) -> Any:
        """Dask's own description of the certificates, None where its configuration has to say."""
        from distributed import Security

        if self.tls_ca is None:
            return None
        own = {"tls_client_cert": self.tls_cert, "tls_client_key": self.tls_key}
        return Security(tls_ca_file=self.tls_ca, require_encryption=True, **own)


def resources(texts: Iterable[str]) -> dict[str, float]:
    """Return resources as they are asked for on the command line.

    Example:
        >>> resources(["GPU=1", "MEMORY=2.5"])
        {'GPU': 1.0, 'MEMORY': 2.5}
    """
    found = dict[str, float]()
    for text in texts:
        name, _, amount = text.partition("=")
        try:
            found[name] = float(amount)
        except ValueError:
            found[name] = 0.0
        if not name or not 0 < found[name] < float("inf"):
            raise ValueError(f"resources must be NAME=AMOUNT, such as GPU=1, got {text!r}")
    return found


@contextlib.contextmanager
def computed(
    function: Callable[..., Any],
    todo: Iterable[tuple[Work, tuple[Any, ...]]],
    place: Place,
    *,
    say: Callable[[str], None] | None = None,
) -> Iterator[Iterator[tuple[Work, Any]]]:
    """Call a function on the workers, and yield what it returns as it comes.

    Args:
        function: at the top of a module that the workers have, too; its arguments and values are picklable.
        todo: (name of the work, arguments), begun in this order.
        place: the workers.
        say: told the address of the dashboard; by default on standard error.

    Returns:
        A context with an iterator of (name, value).  In place of a value stands the exception that the
        function raised, or ChildProcessError of work whose workers were killed time and again.  Where the
        context is left by an exception, Ctrl-C among them, nothing more is begun; processes of this machine
        are killed at once, workers elsewhere drop what they run when it ends.

    Raises:
        ConnectionError: the scheduler does not answer, or is gone.
    """
    work = list(todo)
    with _connected(place, say or _say) as client:
        # Keys of our own: equal arguments, or another sweep's, would be one piece of work for Dask.
        keys, wanted = f"qbp-{uuid.uuid4().hex}", dict(place.resources) or None

        def submitted(at: int, attempt: str = "") -> Any:
            key = f"{keys}-{at}{attempt}"
            return client.submit(function, *work[at][1], key=key, pure=False, resources=wanted)

        futures = [submitted(at) for at in range(len(work))]
        places = {str(future.key): at for at, future in enumerate(futures)}
        values = _values(futures, places, place, lambda at: submitted(at, "-alone"))
        yield ((work[at][0], value) for at, value in values)


def _values(
    futures: list[Any], places: Mapping[str, int], place: Place, again: Callable[[int], Any]
) -> Iterator[tuple[int, Any]]:
    """Yield what comes of each; what was blamed for a killed worker runs again alone, at the end.

    With resources, work waits at a worker, and all that waits there is blamed for the one that killed it.
    """
    from distributed import KilledWorker, as_completed

    waiting, blamed = as_completed(futures), []
    futures.clear()  # a value is forgotten by the cluster when we have it
    for future in waiting:
        value = _value(future, place)
        if isinstance(value, KilledWorker):
            blamed.append(places[str(future.key)])
        else:
            yield places[str(future.key)], value
    for at in sorted(blamed):
        value = _value(next(iter(as_completed([again(at)]))), place)
        if isinstance(value, KilledWorker):
            value = ChildProcessError("its worker was killed time and again, as for want of memory")
        yield at, value


def _value(future: Any, place: Place) -> Any:
    """Return what a finished piece of work returned, or the exception that it ended with."""
    from distributed import CancelledError
    from distributed.comm import CommClosedError

    try:
        error = future.exception() if future.status == "error" else None
        return future.result() if error is None else error
    except (CancelledError, CommClosedError):
        where = place.scheduler or "of this machine"
        raise ConnectionError(f"the scheduler {where} is gone; what is finished is kept") from None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _connected(place: Place, say: Callable[[str], None]) -> "Iterator[Client]":
    import dask
    from distributed import Client  # before its settings are set, or leaving them takes its defaults along

    settings: dict[str, Any] = {
        "logging.distributed": "critical",
        "distributed.comm.timeouts.connect": f"{place.seconds}s",
        "distributed.scheduler.worker-saturation": 1.0,  # work that waits is not blamed for a killed worker
    }
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # workers that come and go are ours to name
    with dask.config.set(settings):
        if place.scheduler is None:
            with _local(place) as cluster, Client(cluster) as client:
                if place.dashboard and cluster.dashboard_link:
                    say(f"dashboard: {cluster.dashboard_link}")
                yield client
            return
        try:
            client = Client(place.scheduler, timeout=place.seconds, security=place.security)
        except (OSError, TimeoutError, ValueError, TypeError) as error:  # TypeError: no certificate
            said = " ".join(str(error).split()) or "no answer"
            raise ConnectionError(f"the scheduler {place.scheduler} does not answer: {said}") from None
        try:
            say(f"dashboard: {client.dashboard_link}")
            if not client.scheduler_info(n_workers=0).get("total_threads", 1):
                say(f"waiting for a worker of {place.scheduler}")
            yield client
        finally:
            with contextlib.suppress(Exception):  # it may be gone
                client.close(timeout=2)


@contextlib.contextmanager
def _local(place: Place) -> Iterator[Any]:
    from distributed import LocalCluster

    cluster = LocalCluster(
        n_workers=place.workers,
        threads_per_worker=1,
        processes=True,
        host=LOOPBACK,
        memory_limit=0,
        dashboard_address=f"{LOOPBACK}:0",
        scheduler_kwargs={"dashboard": place.dashboard},
        silence_logs=logging.CRITICAL,
        resources=dict(place.resources) or None,
        preload=["qbp.sweeps.worker"],
    )
    try:
        yield cluster
    except BaseException:
        for nanny in cluster.workers.values():
            nanny.auto_restart = False
            with contextlib.suppress(ProcessLookupError, TypeError):  # ended before
                os.kill(nanny.pid, signal.SIGKILL)
        raise
    finally:
        with contextlib.suppress(TimeoutError):
            cluster.close(timeout=10)
