"""Files: written whole or not at all, by one process at a time; text of a stranger's file, read and shown."""

import contextlib
import gzip
import json
import os
import stat
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LOCK = ".lock"  # beside the files that one process writes at a time, while it does
PIECE = 1 << 16  # bytes that are unpacked at a time


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, under a name of its own until it is whole."""
    new = path.with_name(f".{path.name}.{uuid.uuid4().hex}.new")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else a crash of the machine may leave an empty file under the name
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)  # there only if writing failed


@contextlib.contextmanager
def locked(folder: Path, seconds: float = 600) -> Iterator[None]:
    """Keep other processes out of a folder while its files are read and written together.

    The lock is the operating system's: it ends with the process that holds it.

    Args:
        folder: made if it is not there.
        seconds: how long to wait for another process.

    Raises:
        OSError: another process holds the folder for longer than that.
    """
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    lock = FileLock(path, timeout=seconds)
    try:
        lock.acquire()
    except TimeoutError:
        raise OSError(f"another process writes to {folder}: {path} is locked") from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows keeps an open file
            path.unlink()  # who waits for it sees that, and makes a new one
        lock.release()


def probe(name: str, folder: Path, size: int = 1 << 20) -> None:
    """Raise ValueError unless a folder, made if it is not there, takes so many bytes.

    Args:
        name: what it is called, for the error.
        folder: the folder.
        size: in bytes.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f".{uuid.uuid4().hex}.probe"
        try:
            path.write_bytes(bytes(size))
        finally:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ValueError(
            f"{name} must be a folder that can be written, got {folder}: {error.strerror}"
        ) from None


def content(path: Path, most: int) -> bytes:
    """Return the bytes of a plain file of at most so many; a pipe or a device might never end.

    Args:
        path: the file.
        most: in bytes.

    Raises:
        ValueError: it is no plain file, or larger.
        OSError: it cannot be read.
    """
    with open(
        os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb"
    ) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError(f"{path} is no plain file")
        found = file.read(most + 1)
    if len(found) > most:
        raise ValueError(f"{path} has more than {most} bytes, which is not read")
    return found


def within(name: str, path: Path, most: int) -> None:
    """Raise ValueError if a file has more than so many bytes, as it stands or unpacked by gzip.

    It is unpacked piece by piece, and no piece is kept; an archive that is broken ends where it breaks.

    Args:
        name: what the file belongs to, for the error.
        path: the file.
        most: in bytes.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"  # whatever it is called
    if packed and size <= most:
        size = 0
        with gzip.open(path) as file, contextlib.suppress(OSError, EOFError, zlib.error):
            while size <= most and (piece := file.read(PIECE)):
                size += len(piece)
    if size > most:
        said = f"files of at most {most:,} bytes, as they are and unpacked"
        raise ValueError(f"{name} must have {said}, got more in {str(path)!r}")


def parse(text: str | bytes, what: str) -> dict[str, Any]:
    """Return the JSON object of a text.

    Args:
        text: the text.
        what: whose it is, for the error.

    Raises:
        ValueError: it is no JSON object, is nested too deeply, or one of its keys stands twice.

    Example:
        >>> parse('{"a": 1, "a": 2}', "this")
        Traceback (most recent call last):
        ValueError: this cannot be read: the key 'a' stands twice
    """
    found = decoded(text, what, _once)
    if not isinstance(found, dict):
        raise ValueError(f"{what} cannot be read: it is not an object")
    return found


def kept(directory: Path, name: str) -> dict[str, Any]:
    """Return the JSON object of a file in a results folder, of ten million bytes at most.

    Raises:
        ValueError: the file is not there, or says no object.
    """
    try:
        return parse(content(directory / name, 10_000_000), name)
    except OSError as error:
        raise ValueError(f"directory must have {name}, got {directory}: {error.strerror}") from None


def decoded(text: str | bytes, what: str, pairs: Callable[[list[tuple[str, Any]]], Any]) -> Any:
    """Return what a text in JSON says.

    Args:
        text: the text.
        what: whose it is, for the error.
        pairs: makes an object of its keys and values.

    Raises:
        ValueError: it is no JSON, or is nested too deeply; or as `pairs` raises it.
    """
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except RecursionError:
        raise ValueError(f"{what} cannot be read: it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{what} cannot be read: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict[str, Any]()
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice")
        found[key] = value
    return found


def printable(text: object) -> str:
    r"""Return a text without what a terminal would act on: control and format characters are escaped.

    Example:
        >>> printable("\x1b[31mred\u202e")
        '\\x1b[31mred\\u202e'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))
