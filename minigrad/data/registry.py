"""Data sets by name: taken from a folder or downloaded, and checked either way."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path

from ..extras import extra
from ..writing import made
from .sets import DATA_SETS, DataFile, DataFolder, DataSet

VARIABLE = "MINIGRAD_DATA"
DAMAGED = (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error)


def names() -> tuple[str, ...]:
    """The names of the data sets."""
    return tuple(DATA_SETS)


def describe(name: str) -> DataSet:
    """What is known of a data set: `what` it is, `licence`, `source`, `split`, `files`.

    Raises ValueError for an unknown name.
    """
    try:
        return DATA_SETS[name]
    except KeyError:
        raise ValueError(f"there is no data set {name!r}; there are {', '.join(DATA_SETS)}") from None


def fetch(name: str, progress: bool = False) -> Path:
    """The path of a data set on this machine.

    If the environment variable MINIGRAD_DATA names a folder, the data set is taken from there and the network is not
    used. Otherwise it is downloaded once, into the cache folder of the user (`pooch.os_cache("minigrad")`). Both ways
    each file is compared with its SHA-256, each time.

    Args:
        name: one of `names()`.
        progress: show a bar while downloading (needs tqdm).

    Returns:
        The file, if the data set is one file; otherwise the folder that holds its files.

    Raises:
        ValueError: the name is unknown; a file is damaged, or its original has changed.
        OSError: a file is not in $MINIGRAD_DATA (FileNotFoundError), or cannot be downloaded (ConnectionError).
        ImportError: there is something to download, and pooch is not installed.
    """
    data_set = describe(name)
    given = os.environ.get(VARIABLE)
    paths = []
    for part in data_set.files:
        if given:
            path = Path(given) / part.path
            if not path.exists():
                raise FileNotFoundError(
                    f"the data set {name!r} needs {path} (${VARIABLE} is {given}), and there is no such file; "
                    f"its original is {part.url}"
                )
            verify(path, part)
        else:
            path = _cached(name, part, progress)
        paths.append(path)
    return paths[0] if len(paths) == 1 else paths[0].parent


def verify(path: str | Path, part: DataFile | DataFolder) -> None:
    """Check that what is at `path` has the SHA-256 of `part`.

    Raises ValueError that names the path, what was expected and what was found; OSError if it cannot be read.
    """
    path = Path(path)
    if isinstance(part, DataFolder):
        found = tuple(sorted(entry.name for entry in path.iterdir()))
        if found != part.files:
            lacking, more = sorted(set(part.files) - set(found)), sorted(set(found) - set(part.files))
            raise ValueError(
                f"{path} should hold {len(part.files)} files and holds {len(found)}; "
                f"lacking: {_some(lacking)}; not part of it: {_some(more)}"
            )
        digest = folder_digest(path, part.files)
    else:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != part.sha256:
        raise ValueError(
            f"{path} is damaged or is another version: its SHA-256 should be {part.sha256} and is {digest}; "
            f"the original is {part.url}"
        )


def folder_digest(folder: str | Path, files: tuple[str, ...]) -> str:
    """The SHA-256 over names and contents, as `DataFolder` describes it, in hexadecimal."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.encode() + b"\0" + hashlib.sha256((Path(folder) / file).read_bytes()).digest())
    return digest.hexdigest()


def _some(files: list[str]) -> str:
    return ", ".join(files[:3]) + (", ..." if len(files) > 3 else "") if files else "none"


def _cached(name: str, part: DataFile | DataFolder, progress: bool) -> Path:
    """The path of a file in the cache folder, downloaded if it is not there or damaged."""
    pooch = extra(
        "pooch", "downloading data needs pooch", "data", f"; or let ${VARIABLE} name a folder that holds {part.path}"
    )
    path = Path(pooch.os_cache("minigrad")) / part.path
    if path.exists():
        try:
            verify(path, part)
            return path
        except ValueError:
            pass  # damaged: downloaded anew, and checked again
    # Beside the place where it goes: only what is whole and checked is moved there, in one step.
    with made(path.parent), tempfile.TemporaryDirectory(dir=path.parent, prefix=".download-") as folder:
        new = Path(folder) / path.name
        try:
            content = _download(part.url, folder, progress)
        except OSError as error:  # what requests raises is an OSError, too
            raise ConnectionError(
                f"{part.url} cannot be downloaded: {_brief(error)}. Where there is a network, run "
                f"`minigrad data {name}`, and copy what that names to {path}; or to {part.path} in any folder, and let "
                f"${VARIABLE} be that"
            ) from error
        try:
            _unpack(content, part, new)
            verify(new, part)
        except (ValueError, EOFError, LookupError, *DAMAGED) as error:
            raise ValueError(
                f"{part.url} is not what it was ({error}); ${VARIABLE} can name a folder that has it"
            ) from error
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(new, path)
    return path


def _download(url: str, folder: str, progress: bool) -> bytes:
    import pooch

    downloader = pooch.HTTPDownloader(progressbar=progress, timeout=30)
    return Path(pooch.retrieve(url, None, "download", folder, downloader=downloader)).read_bytes()


def _brief(error: OSError) -> str:
    """Why a download failed, in a few words: those of requests fill a screen."""
    text = str(error)
    for words, reason in {
        "resol": "the name of the computer is not found (is there a network?)",
        "timed out": "there is no answer in time",
        "refused": "the connection is refused",
        "roxy": "the proxy refuses",
        "CERTIFICATE": "the certificate of the computer is not accepted",
        "No space left": "no space is left on the disk",
    }.items():
        if words in text:
            return reason
    return " ".join(text.split())[:100]


def _unpack(content: bytes, part: DataFile | DataFolder, path: Path) -> None:
    """Write the file, or the files of the folder, that a download holds. Raises errors of all kinds if it does not."""
    if isinstance(part, DataFile):
        path.write_bytes(part.prepare(content) if part.prepare else content)
        return
    path.mkdir()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        top = archive.namelist()[0].split("/")[0]
        for file in part.files:
            (path / file).write_bytes(archive.read(f"{top}/{part.inside}/{file}"))
