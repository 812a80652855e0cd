"""Linux namespaces for the keeper: a file system, a process table and a network of the call's own.

Everything here is tried and may be refused by the kernel; :func:`enter` says whether it held.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
from typing import Any

_NEWNS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND = 1, 2, 4, 8, 32, 4096
_MS_REC, _MS_PRIVATE, _MNT_DETACH = 16384, 1 << 18, 2
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def prctl(option: int, value: int) -> None:
    """Linux' prctl; elsewhere nothing."""
    if hasattr(_libc, "prctl"):
        _libc.prctl(option, value, 0, 0, 0)


def enter(*, network: bool) -> bool:
    """Make namespaces for the next child: processes, inter-process memory and, without ``network``, network.

    False where the kernel does not let us; then nothing has changed. Raises ``OSError`` when it let us half of the way:
    then this process is of no more use.
    """
    if not hasattr(_libc, "unshare") or os.uname().machine not in _SYS_PIVOT_ROOT:
        return False
    user, group = os.getuid(), os.getgid()
    flags = _NEWIPC | _NEWPID | (0 if network else _NEWNET) | (0 if user == 0 else _NEWUSER)
    try:
        _checked(_libc.unshare(flags), "unshare")
    except OSError:
        return False
    if user != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"1000 {user} 1"), ("gid_map", f"1000 {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    return True


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    given = [None if value is None else value.encode() for value in (source, target, kind)]
    _checked(_libc.mount(*given, ctypes.c_ulong(flags), data.encode() if data else None), f"mount {target}")


def _bind(source: str, target: str, *, writable: bool = False) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w"):
            pass
    _mount(source, target, None, _MS_BIND)
    # What the file system was mounted with must stay, or a user namespace may not change the rest.
    kept = os.statvfs(target).f_flag & (_MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC | 1024 | 2048)
    device = "/dev/" in target
    flags = _MS_BIND | _MS_REMOUNT | _MS_NOSUID | kept | (0 if writable else _MS_RDONLY) | (0 if device else _MS_NODEV)
    flags &= ~(1024 | 2048)
    for more in (0, 1024, 2048, 1024 | 2048, 1 << 21):  # noatime, nodiratime, relatime as they were
        with contextlib.suppress(OSError):
            _mount(None, target, None, flags | more)
            return
    raise OSError(f"{target} could not be made read-only")


def build(order: dict[str, Any], program: str, library: str) -> list[str]:
    """Make a file system with the interpreter, the skill and its scratch folder, and nothing else; move into it.

    Gives the skill's and the scratch folder's place in it. To be called by the first process of the namespaces.
    """
    _checked(_libc.unshare(_NEWNS), "unshare")
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    base = order["base"]
    root = f"{base}/root"
    os.mkdir(root)
    _mount("none", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=2m,mode=0755")
    for folder in ("tmp", "proc", "old"):
        os.mkdir(f"{root}/{folder}")
    _mount("none", f"{root}/tmp", "tmpfs", _MS_NOSUID | _MS_NODEV, "size=8m,mode=1777,nr_inodes=1000")
    for folder in _SYSTEM:
        if os.path.islink(folder):
            os.symlink(os.readlink(folder), f"{root}{folder}")
        elif os.path.isdir(folder):
            _bind(folder, f"{root}{folder}")
    if not order["prefix"].startswith("/usr/"):
        _bind(order["prefix"], f"{root}{order['prefix']}")
    for device in _DEVICES:
        _bind(device, f"{root}{device}", writable=True)
    _bind(order["program"], f"{root}{program}")
    _bind(order["library"], f"{root}{library}/manyclaw_skill")
    _bind(f"{base}/skill", f"{root}/skill")
    _bind(f"{base}/scratch", f"{root}/scratch", writable=True)
    _mount("proc", f"{root}/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    os.chdir(root)
    number = _SYS_PIVOT_ROOT[os.uname().machine]
    _checked(_libc.syscall(number, root.encode(), f"{root}/old".encode()), "pivot_root")
    os.chdir("/")
    _checked(_libc.umount2(b"/old", _MNT_DETACH), "umount")
    os.rmdir("/old")
    _mount(None, "/", None, _MS_REMOUNT | _MS_RDONLY | _MS_NOSUID | _MS_NODEV, "size=2m,mode=0755")
    return ["/skill", "/scratch"]


def give(folder: str, user: int) -> None:
    """Make ``user`` the owner of a folder of ours and all in it."""
    os.chown(folder, user, user)
    for path, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(f"{path}/{name}", user, user, follow_symlinks=False)


def reachable(program: str) -> bool:
    """Whether any user may run ``program``: each folder above it lets everybody pass."""
    path = program
    while path != "/":
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return False
        path = os.path.dirname(path)
    return True


def children(parent: int) -> list[int]:
    """The processes whose parent is ``parent``, from /proc."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/stat") as file:
                if int(file.read().rpartition(")")[2].split()[1]) == parent:
                    found.append(int(name))
    return found


def tasks_of_user() -> int:
    """How many threads this user has already: the kernel's limit counts them all."""
    user, total = os.getuid(), 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == user:
                    total += len(os.listdir(f"/proc/{name}/task"))
    return total
