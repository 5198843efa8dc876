"""What a file holds, for all readers: its bytes, unpacked if gzip has packed them, and words for what is wrong."""

from __future__ import annotations

import gzip
import sys
import zlib
from pathlib import Path

GZIP = b"\x1f\x8b"
STANDARD_INPUT = Path("/dev/stdin")  # read by its stream, wherever there is such a file or not


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a file, or of a pipe that has a path; what gzip has packed is unpacked, whatever its name is.

    Raises:
        OSError: there is no such file, it is a directory, or it cannot be read.
        ValueError: it is packed and damaged, or it is empty.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory, not a file")
    try:
        content = sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}") from None
    if content.startswith(GZIP):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is packed by gzip, and damaged ({error}); copy or download it again") from error
    if not content:
        raise ValueError(f"{path} is empty")
    return content
