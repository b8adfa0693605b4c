"""Launcher of a process that is to do no harm: limits, namespaces of its own, no way back.

Run as a script, ``python -I -S jail.py SPEC.json COMMAND ...``; it imports nothing of this project, and
`SPEC` is :class:`Jail` as JSON.  Two kinds of walls, the better one first:

- ``namespaces`` (Linux that allows them, with or without root): a file system with the folder of the run, and
  read-only Python and system libraries, and nothing else; no network; processes that end with the first of
  them; no privileges.  As root the process also becomes a user that owns nothing.
- ``user`` (root alone): a user that owns nothing.  What everybody may read stays readable, and there is a
  network.

``none`` keeps the limits on memory, files and time.  No kind hides from a notebook what its cells contain.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

KINDS = ("namespaces", "user", "none")
_NEW = {"mount": 0x20000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000, "pid": 0x20000000}
_NET = 0x40000000
_RDONLY, _NOSUID, _NODEV, _BIND, _REC, _PRIVATE = 1, 2, 4, 4096, 16384, 1 << 18
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE = 442, -100, 0x8000  # one number on every architecture
_PDEATHSIG, _NO_NEW_PRIVS = 1, 38
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/sys/devices/system/cpu")
_ETC = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "localtime",
    "nsswitch.conf",
    "os-release",
)
_DEVICES = ("null", "zero", "full", "random", "urandom")


@dataclass(frozen=True)
class Jail:
    """Walls and limits of one run.

    Attributes:
        kind: one of ``KINDS``.
        folder: the only folder that can be written, working folder and home.
        root: an empty folder, where the file system of the run is put together.
        readable: files and folders to be read besides the system's: Python and the package.
        memory: largest address space of a process, in bytes.
        file_size: largest file, in bytes.
        seconds: of computing, a process; the wall clock is watched from outside.
        processes: most processes and threads at a time, where they are counted apart from other people's.
        env: environment of the process.
    """

    kind: str
    folder: str
    root: str
    readable: Sequence[str] = ()
    memory: int = 6 * 2**30
    file_size: int = 64 * 2**20
    seconds: int = 600
    processes: int = 256
    env: dict[str, str] = field(default_factory=dict)


def _call(name: str, *arguments: object) -> None:
    """Call the C library; an error is an OSError."""
    if getattr(_libc(), name)(*arguments) != 0:
        number = ctypes.get_errno()
        shown = [a.decode() if isinstance(a, bytes) else a for a in arguments]
        raise OSError(number, f"{name}{tuple(shown)}: {os.strerror(number)}")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [None if t is None else os.fsencode(t) for t in (source, target, kind, options)]
    _call("mount", texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])


def _read_only(target: str) -> None:
    """Make a mount and all below it read-only, without programs that change the user."""

    class Attributes(ctypes.Structure):
        _fields_ = [(n, ctypes.c_uint64) for n in ("set", "clear", "propagation", "userns")]

    wanted = Attributes(_RDONLY | _NOSUID, 0, 0, 0)
    path = ctypes.c_char_p(os.fsencode(target))
    size = ctypes.c_size_t(ctypes.sizeof(wanted))
    _call(
        "syscall", ctypes.c_long(_MOUNT_SETATTR), _AT_FDCWD, path, _AT_RECURSIVE, ctypes.byref(wanted), size
    )


def _bind(path: str, root: str, *, writable: bool = False) -> None:
    """Show a file or folder under its own name in the new file system."""
    target = root + path
    if os.path.islink(path) and not writable and not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "a"):
            pass
    _mount(path, target, None, _BIND | _REC)
    if not writable:
        _read_only(target)


def _file_system(jail: Jail) -> None:
    """Put the file system of the run together and make it the only one."""
    _mount("none", "/", None, _REC | _PRIVATE)
    root = jail.root
    _mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, "mode=755,size=16m")
    for folder, size in (("/tmp", "64m"), ("/dev/shm", "64m")):
        os.makedirs(root + folder)
        _mount("tmpfs", root + folder, "tmpfs", _NOSUID | _NODEV, f"mode=1777,size={size}")
    etc = [f"/etc/{name}" for name in _ETC]
    given = sorted(set(jail.readable), key=len)
    outer = [p for p in given if not any(p == q or p.startswith(f"{q}/") for q in _SYSTEM)]
    outer = [p for p in outer if not any(p.startswith(f"{q}/") for q in outer)]
    for path in (*_SYSTEM, *etc, *outer):
        if os.path.lexists(path):
            _bind(path, root)
    for device in _DEVICES:
        _bind(f"/dev/{device}", root, writable=True)
    os.symlink("/proc/self/fd", f"{root}/dev/fd")
    _bind(jail.folder, root, writable=True)
    os.makedirs(f"{root}/proc")
    with contextlib.suppress(OSError):  # a container may not allow it: then there is none
        _mount("proc", f"{root}/proc", "proc", _NOSUID | _NODEV)
    _read_only_alone(root)
    os.chroot(root)  # without privileges, and without a namespace of users, there is no way back
    os.chdir("/")


def _read_only_alone(root: str) -> None:
    """Make the file system itself read-only, not what is mounted in it."""
    _mount("none", root, None, _RDONLY | _NOSUID | _NODEV | _BIND | 32)  # 32: change the flags of a mount


def _separate() -> None:
    """Leave the namespaces of the system; without root, through one of users where we keep our own name."""
    uid, gid = os.getuid(), os.getgid()
    flags = sum(_NEW.values()) | _NET
    if uid == 0:
        _call("unshare", flags & ~_NEW["user"])
        return
    _call("unshare", flags)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _limit(jail: Jail) -> None:
    """Set what a process may use."""
    limits = {"AS": jail.memory, "FSIZE": jail.file_size, "CPU": jail.seconds, "CORE": 0, "NOFILE": 1024}
    if jail.kind == "namespaces":
        limits["NPROC"] = jail.processes
    for name, most in limits.items():
        with contextlib.suppress(OSError, ValueError, AttributeError):  # macOS has no limit of address space
            number = getattr(resource, f"RLIMIT_{name}")
            hard = resource.getrlimit(number)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(number, (most, most))


def _hand_over(jail: Jail, uid: int) -> None:
    """Become a user that owns the folder of the run and nothing else."""
    for path, folders, files in os.walk(jail.folder):
        for name in (path, *(os.path.join(path, n) for n in (*folders, *files))):
            os.chown(name, uid, uid, follow_symlinks=False)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _enter(jail: Jail, command: Sequence[str], uid: int) -> None:
    """Close the walls and become the command."""
    if jail.kind == "namespaces":
        _file_system(jail)
    _limit(jail)
    if os.getuid() == 0 and jail.kind != "none":
        _hand_over(jail, uid)
    if sys.platform == "linux":
        _call("prctl", _NO_NEW_PRIVS, 1, 0, 0, 0)
        _call("prctl", _PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.umask(0o077)
    os.chdir(jail.folder)
    os.execve(command[0], list(command), jail.env)


def main(arguments: Sequence[str]) -> int:
    """Run a command in a jail.

    Args:
        arguments: the file with the jail as JSON, then the command.

    Returns:
        Exit status of the command; 125 if the walls could not be put up.
    """
    with open(arguments[0], encoding="utf-8") as file:
        jail = Jail(**json.load(file))
    command, uid = arguments[1:], 200_000 + os.getpid() % 1_000_000  # of one run at a time
    try:
        if jail.kind == "namespaces":
            _call("prctl", _PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            _separate()
            if child := os.fork():  # the first process of its namespace: with it all others end
                status = os.waitpid(child, 0)[1]
                return os.waitstatus_to_exitcode(status) % 256
        _enter(jail, command, uid)
    except (OSError, AttributeError) as error:
        print(f"jail: {error}", file=sys.stderr)
    return 125


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
