"""Folders as zip archives and back, with both sides bounded: the archive may come from the tenant's own code."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path, PurePosixPath

_EPOCH = (1980, 1, 1, 0, 0, 0)


class FilesRefused(Exception):
    """Too many files, too large, or names that lead elsewhere; the text says which."""


def pack(folder: Path, *, most_bytes: int, most_files: int) -> bytes:
    """The regular files below ``folder`` as a zip, the same bytes for the same content. Links are left out.

    Raises
    ------
    FilesRefused
        There are more than the folder may hold.
    """
    target = io.BytesIO()
    total = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for count, path in enumerate(regular_files(folder, most_files), 1):
            total += path.lstat().st_size
            if total > most_bytes or count > most_files:
                raise FilesRefused(f"more than {most_bytes // 1024} KB or {most_files} files")
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            with path.open("rb") as file:
                archive.writestr(info, file.read(most_bytes + 1))
    return target.getvalue()


def regular_files(folder: Path, most: int) -> list[Path]:
    """The regular files below ``folder``, sorted, no link followed; at most one more than ``most`` are listed."""
    found: list[Path] = []
    pending = [folder]
    seen = 0
    while pending and len(found) <= most and seen <= 20 * most:
        for path in pending.pop().iterdir():
            seen += 1
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                pending.append(path)
            elif stat.S_ISREG(mode):
                found.append(path)
            if len(found) > most or seen > 20 * most:
                break
    if seen > 20 * most:
        raise FilesRefused(f"more than {most} files")
    return sorted(found)


def unpack(data: bytes, folder: Path, *, most_bytes: int, most_files: int) -> None:
    """Write a zip's files below ``folder``, readable by all.

    Raises
    ------
    FilesRefused
        No zip, too much in it, or a name that leads out of the folder.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > most_files or sum(member.file_size for member in members) > most_bytes:
            raise FilesRefused(f"more than {most_bytes // 1024} KB or {most_files} files")
        for member in members:
            target = folder / _safe(member.filename)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as file:
                content = file.read(member.file_size + 1)
            if len(content) > member.file_size:
                raise FilesRefused(f"{member.filename} is larger than it says")
            target.write_bytes(content)
            target.chmod(0o644)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        raise FilesRefused(f"no archive that can be read ({error})") from None


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\x00" in name or "\\" in name:
        raise FilesRefused(f"the file name {name!r} leads out of the folder")
    return path
