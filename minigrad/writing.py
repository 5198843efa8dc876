"""Writing files: whole or not at all, with errors that say what stands in the way and what to do."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def replace(path: str | Path, content: bytes) -> None:
    """Write a file so that at any moment, a power cut included, the old contents or the new ones are there in full.

    What is no file of a disk, such as a pipe or /dev/null, is written to as it is. Raises OSError, which says what to
    do.
    """
    path = Path(os.path.realpath(path))  # a link stays one
    with explained(path):
        if _no_file(path):
            path.write_bytes(content)
            return
        part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")  # several may write at once
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise


def _no_file(path: Path) -> bool:
    """Whether something is there that is neither a file nor a directory."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def explained(path: str | Path) -> Iterator[None]:
    """Word errors of the system inside, where a file or a directory is written, for those who gave the path."""
    try:
        yield
    except OSError as error:
        raise explanation(error, Path(path)) from error


@contextmanager
def tidied(directory: str | Path) -> Iterator[None]:
    """Afterwards the directory and its parents are gone, as far as they were made inside and are empty."""
    directory = Path(directory)
    new = [folder for folder in (directory, *directory.parents) if not os.path.exists(folder)]
    try:
        yield
    finally:
        with suppress(OSError):  # it is not empty
            for folder in new:
                folder.rmdir()


@contextmanager
def made(directory: str | Path) -> Iterator[Path]:
    """Make a directory. Afterwards those that were made for it, and are empty, are removed again.

    Raises OSError, which says what to do.
    """
    directory = Path(directory)
    with tidied(directory):
        with explained(directory):
            directory.mkdir(parents=True, exist_ok=True)
        yield directory


def explanation(error: OSError, path: Path) -> OSError:
    """The same kind of error, which says what could not be written, why, and what to do; one in words as it is."""
    if error.errno is None or error.strerror is None or isinstance(error, BrokenPipeError):
        return error
    worded = type(error)(f"cannot write {path}: {_reason(error, path)}")
    worded.errno = error.errno
    return worded


def _reason(error: OSError, path: Path) -> str:
    if error.errno in (errno.ENOTDIR, errno.EEXIST) and path.is_file():
        return "it is a file, not a folder"
    folder = next(parent for parent in (path, *path.parents) if os.path.exists(parent) or parent == parent.parent)
    if folder.is_file() and folder != path:
        return f"{folder} is a file, not a folder"
    lacking = f"there is no folder {path.parent}; make it first"
    reasons = {
        errno.ENOENT: lacking if folder not in (path, path.parent) else f"nothing can be made in {folder}",
        errno.ENOTDIR: f"a part of {path.parent} is no folder",
        errno.EISDIR: "it is a folder; give the path of a file in it",
        errno.EEXIST: "it is there already",
        errno.ENOSPC: "no space is left on the disk; make room, or write to another one",
        errno.EDQUOT: "your quota of the disk is used up; make room, or write to another one",
        errno.EROFS: "the disk is mounted read-only; write to another one",
        errno.EACCES: f"there is no permission to write to {folder}; write to another folder",
        errno.EPERM: f"the system does not permit it for {folder}; write to another folder",
        errno.ENAMETOOLONG: "the name is too long",
        errno.EFBIG: "it would be larger than a file may be here",
    }
    return reasons.get(error.errno or 0, error.strerror or str(error))
