"""Sound from WAV files: the chunks of a RIFF file, and samples of its usual encodings.

IBM and Microsoft, Multimedia Programming Interface and Data Specifications 1.0 (1991); Microsoft, Multiple Channel
Audio Data and WAVE Files (2007), for the extensible form; EBU Tech 3306 (2018), for files above 4 GiB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .contents import read_bytes

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
CODINGS = {2: "ADPCM", 6: "A-law", 7: "mu-law", 0x11: "IMA ADPCM", 0x31: "GSM", 0x50: "MPEG", 0x55: "MP3"}
OTHERS = {b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3": "MP3", b"\xff\xfb": "MP3", b"FORM": "AIFF", b".snd": "AU"}
ENDLESS = 0x7FFFF000  # sizes from here on, if the file is shorter, were written before the end was known
CONVERT = "ffmpeg -i FILE -c:a pcm_s16le NEW.wav"


class Format(NamedTuple):
    """The `fmt ` chunk: how samples are encoded, channels, sampling rate in Hz, bytes of a frame, bits of a sample."""

    coding: int
    channels: int
    rate: int
    frame: int
    bits: int


def read_wav(path: str | Path, average: bool = False, partial: bool = False) -> tuple[int, np.ndarray]:
    """The sampling rate in Hz, and the samples of a WAV file, float32 of shape (samples,).

    Integers of 8 to 32 bits become -1 to 1; floats are taken as they are. Chunks other than the sound's, such as the
    title, and whatever follows the sound, are passed over. A file that a program wrote into a pipe, with sizes that say
    nothing (0, or about 2 or 4 GiB), is read to its end.

    Args:
        path: the file.
        average: of several channels, take the mean. Otherwise they are an error.
        partial: of a file that is cut off, take the samples that are there. Otherwise it is an error.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is not a WAV file, is compressed, is cut off, has no samples, or has several channels.
    """
    content = read_bytes(path)
    format, sound, lacking = _parts(path, content)
    if lacking and not partial:
        raise ValueError(
            f"{path} is not a whole WAV file: {lacking} of the {lacking + len(sound)} bytes of its sound are not "
            "there. Copy it again, or take what is there with read_wav(..., partial=True)"
        )
    if format.channels > 1 and not average:
        raise ValueError(f"{path} has {format.channels} channels, not one; average=True takes their mean")
    sound = sound[: len(sound) // format.frame * format.frame]
    if not sound:
        raise ValueError(f"{path} has no samples")
    samples = _samples(sound, format, "<" if content[:4] != b"RIFX" else ">")
    return format.rate, samples[:, 0] if format.channels == 1 else samples.mean(axis=1)


def _parts(path: str | Path, content: bytes) -> tuple[Format, bytes, int]:
    """The format, the bytes of the sound, and how many of these are lacking."""
    if content[:4] not in (b"RIFF", b"RIFX", b"RF64") or content[8:12] != b"WAVE":
        kind = next((f": it looks like {kind}" for mark, kind in OTHERS.items() if content.startswith(mark)), "")
        raise ValueError(f"{path} is not a whole WAV file{kind}; other sound is converted by: {CONVERT}")
    order = ">" if content[:4] == b"RIFX" else "<"
    format, long = None, None
    for name, size, place in _chunks(content, order):
        body = content[place : place + size]
        if name == b"ds64" and len(body) >= 16:
            long = struct.unpack_from("<Q", body, 8)[0]
        elif name == b"fmt ":
            format = _format(path, body, order)
        elif name == b"data" and format is not None:
            end = struct.unpack_from(order + "I", content, 4)[0] + 8
            size = long if size == 0xFFFFFFFF and long is not None else size
            there = len(content) - place
            if (size >= ENDLESS and size > there and long is None) or (size == 0 and not place < end < ENDLESS):
                size = there
            return format, content[place : place + size], max(0, size - there)
    lacking = "description of its sound (chunk 'fmt ')" if format is None else "sound (chunk 'data')"
    raise ValueError(f"{path} is not a whole WAV file: it has no {lacking}. Copy it again, or convert it: {CONVERT}")


def _chunks(content: bytes, order: str) -> Iterator[tuple[bytes, int, int]]:
    """The chunks of a RIFF file: name, size, and where the body begins. The size may be beyond the end."""
    place = 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from(order + "4sI", content, place)
        yield name, size, place + 8
        place += 8 + size
        # A chunk of odd size is followed by a zero. Some programs forget it.
        if size % 2 and content[place : place + 4] not in (b"data", b"fmt ", b"LIST", b"fact"):
            place += 1


def _format(path: str | Path, body: bytes, order: str) -> Format:
    if len(body) < 16:
        raise ValueError(
            f"{path} is not a whole WAV file: its description (chunk 'fmt ') has {len(body)} bytes, not 16"
        )
    coding, channels, rate, _, frame, bits = struct.unpack_from(order + "HHIIHH", body)
    if coding == EXTENSIBLE and len(body) >= 26:
        coding = struct.unpack_from(order + "H", body, 24)[0]  # the beginning of a GUID says what it extends
    if coding not in (PCM, FLOAT):
        raise ValueError(
            f"{path} has sound encoded as {CODINGS.get(coding, 'an unknown kind')} (format {coding}); integers and "
            f"floats are read. Convert it: {CONVERT}"
        )
    if not channels or not rate or not frame or frame % channels:
        raise ValueError(f"{path} is damaged: {channels} channels, {frame} bytes a frame, {rate} Hz")
    if frame // channels not in ((1, 2, 3, 4) if coding == PCM else (4, 8)) or not 0 < bits <= 8 * frame // channels:
        kind = "integers" if coding == PCM else "floats"
        raise ValueError(
            f"{path} has {kind} of {bits} bits in {frame // channels} bytes; integers of 8, 16, 24, 32 bits and floats "
            f"of 32 and 64 are known. Convert it: {CONVERT}"
        )
    return Format(coding, channels, rate, frame, bits)


def _samples(sound: bytes, format: Format, order: str) -> np.ndarray:
    """The samples, float32 (frames, channels)."""
    width = format.frame // format.channels
    scaled: np.ndarray
    if format.coding == FLOAT:
        with np.errstate(over="ignore"):
            scaled = np.frombuffer(sound, f"{order}f{width}").astype(np.float32)
    elif width == 1:
        scaled = (np.frombuffer(sound, np.uint8).astype(np.float32) - 128) / 128
    elif width == 3:  # as the upper bytes of 32 bits
        raw = np.zeros((len(sound) // 3, 4), np.uint8)
        raw[:, 1:] = np.frombuffer(sound, np.uint8).reshape(-1, 3)[:, :: 1 if order == "<" else -1]
        scaled = (raw.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
    else:
        scaled = (np.frombuffer(sound, f"{order}i{width}") / 2.0 ** (8 * width - 1)).astype(np.float32)
    return scaled.reshape(-1, format.channels)
