"""Local files. Writes are atomic: a name appears with all of its bytes, or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat as modes
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from mmsum.errors import DocumentFailure, FailureKind, ObjectChanged, ObjectForbidden, ObjectNotFound, StorageError
from mmsum.records import ObjectRef
from mmsum.storage.uris import from_path, local_path

_NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK})
_NO_SUCH_NAME = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
_LEADS_NOWHERE = _NO_SUCH_NAME | {errno.EACCES}
"""What a link may do that leads to nothing, to itself, or into a folder that is closed to us: its own fault."""


def walk(folder: str, starts_with: str = "", depth: int | None = None) -> Iterator[ObjectRef]:
    """Every regular file under `folder`, at most `depth` folders deep, whose first name below it starts so.

    Links to folders are followed after all real folders; without a `depth` each real folder once, so that loops end. A link
    to nothing, or to what may not be looked at, is listed with size -1: its row then says so. Hidden names, devices, sockets
    and FIFOs are left out.
    """
    top = local_path(folder)
    real, linked = [(top, 1)], list[tuple[str, int]]()
    seen: set[tuple[int, int]] = set()
    while real or linked:
        path, level = real.pop() if real else linked.pop()
        with _explained("list", path):
            try:
                status = os.stat(path)
            except (FileNotFoundError, NotADirectoryError):  # or a file stands in its way
                continue
            if not modes.S_ISDIR(status.st_mode) or (status.st_dev, status.st_ino) in seen:
                continue
            if depth is None:
                seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        deeper: list[tuple[str, int]] = []
        for entry in entries:
            if entry.name.startswith(".") or (level == 1 and not entry.name.startswith(starts_with)):
                continue
            with _explained("list", entry.path):
                if not _is_folder(entry):
                    ref = _ref(entry)
                elif depth is not None and level >= depth:
                    continue
                else:
                    ref = None
                    (linked if entry.is_symlink() else deeper).append((entry.path, level + 1))
            if ref is not None:
                yield ref
        real.extend(reversed(deeper))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        if entry.is_symlink() and error.errno in _LEADS_NOWHERE:
            return False
        raise


def _ref(entry: os.DirEntry[str]) -> ObjectRef | None:
    try:
        status = entry.stat()
    except OSError as error:
        if entry.is_symlink() and error.errno in _LEADS_NOWHERE:
            return ObjectRef(from_path(entry.path), -1, "")
        if isinstance(error, FileNotFoundError):  # deleted since the folder was read
            return None
        raise
    if not modes.S_ISREG(status.st_mode):
        return None
    return ObjectRef(from_path(entry.path), status.st_size, _version(status))


def stat(uri: str) -> ObjectRef | None:
    """Size and version of a regular file, or None where there is none."""
    path = local_path(uri)
    try:
        with _explained("look at", path):
            status = os.stat(path)
    except ObjectNotFound:
        return None
    return ObjectRef(from_path(path), status.st_size, _version(status)) if modes.S_ISREG(status.st_mode) else None


def folder_exists(uri: str) -> bool:
    return os.path.isdir(local_path(uri))


def read(uri: str, version: str = "", max_bytes: int | None = None) -> bytes:
    """All bytes of a regular file. See mmsum.storage.read."""
    path = local_path(uri)
    with _explained("read", path):
        # Non-blocking, because opening a FIFO nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        status = os.fstat(descriptor)
        if not modes.S_ISREG(status.st_mode):
            os.close(descriptor)
            kind = "a folder" if modes.S_ISDIR(status.st_mode) else "a device, socket or FIFO"
            raise DocumentFailure(FailureKind.UNSUPPORTED, f"{path} is {kind}, not a file")
        with open(descriptor, "rb") as file:
            _check_version(path, version, status)
            data = file.read() if max_bytes is None else file.read(max_bytes + 1)
            if max_bytes is not None and len(data) > max_bytes:
                size = max(status.st_size, len(data))
                raise DocumentFailure(FailureKind.TOO_LARGE, f"{path} has {size} bytes, above limits.bytes={max_bytes}")
            _check_version(path, version, os.fstat(descriptor))
    return data


def read_range(uri: str, start: int, size: int, version: str = "") -> bytes:
    """Some bytes of a regular file. See mmsum.storage.read_range."""
    path = local_path(uri)
    with _explained("read", path), open(path, "rb") as file:
        _check_version(path, version, os.fstat(file.fileno()))
        file.seek(start)
        return file.read(size)


def put_if_absent(uri: str, data: bytes) -> bool:
    """Write a new file by linking a finished temporary one to its name. False: the name was taken.

    File systems without hard links (FAT, some network mounts) cannot say "only if absent"; there the file is replaced.
    """
    path = local_path(uri)
    with _explained("write", path), _finished_temporary(path, data) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            # A network file system may repeat a link that had succeeded: then the name is our own file's second one.
            return os.stat(temporary).st_nlink == 2
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            os.replace(temporary, path)
        return True


def put(uri: str, data: bytes) -> None:
    """Write or replace a file."""
    path = local_path(uri)
    with _explained("write", path), _finished_temporary(path, data) as temporary:
        os.replace(temporary, path)


def delete(uris: Iterable[str]) -> None:
    """Delete files; those that do not exist are fine."""
    for uri in uris:
        path = local_path(uri)
        with suppress(ObjectNotFound), _explained("delete", path):
            os.unlink(path)


@contextmanager
def _finished_temporary(path: str, data: bytes) -> Iterator[str]:
    """A hidden file beside `path` with all of `data` safely on disk; gone after the block, and the folder synced."""
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f".tmp-{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _version(status: os.stat_result) -> str:
    return f"mtime:{status.st_mtime_ns}:{status.st_size}"


def _check_version(path: str, version: str, status: os.stat_result) -> None:
    if version and version != _version(status):
        raise ObjectChanged(f"{path} has changed since it was listed; the next snapshot takes the new version")


@contextmanager
def _explained(action: str, path: str) -> Iterator[None]:
    """Turn the operating system's errors into ours."""
    try:
        yield
    except PermissionError as error:
        raise ObjectForbidden(f"cannot {action} {path}: {error.strerror}; check its owner and mode") from error
    except OSError as error:
        if error.errno in _NO_SUCH_NAME:
            raise ObjectNotFound(f"cannot {action} {path}: {error.strerror}; check the name") from error
        hint = "check the disk or the mount, then start the same command again"
        raise StorageError(f"cannot {action} {path}: {error.strerror or error}; {hint}") from error
    except ValueError as error:  # a NUL inside the name
        raise ObjectNotFound(f"cannot {action} {path!r}: {error}; check the name") from error
