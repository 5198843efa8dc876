"""Sound from WAV files: of all usual encodings, from pipes, with other chunks; and files that are damaged."""

import gzip
import io
import os
import re
import struct
import threading
import wave

import numpy as np
import pytest
import real_data

from minigrad.data import read_wav


def written(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def wav(samples, width=2, rate=8000, channels=1):
    """A WAV file's bytes, made by Python's own library."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples).tobytes())
    return content.getvalue()


@pytest.mark.parametrize(
    ("dtype", "samples", "expected"),
    [
        ("int16", [-32768, 0, 16384, 32767], [-1, 0, 0.5, 32767 / 32768]),
        ("uint8", [0, 128, 192, 255], [-1, 0, 0.5, 127 / 128]),
        ("int32", [-(2**31), 0, 2**30], [-1, 0, 0.5]),
    ],
)
def test_integers_become_minus_one_to_one(tmp_path, dtype, samples, expected):
    samples = np.array(samples, dtype)
    rate, sound = read_wav(written(tmp_path, wav(samples, samples.itemsize, 11025)))
    assert rate == 11025
    assert sound.dtype == np.float32
    np.testing.assert_array_equal(sound, np.float32(expected))


def test_24_bits(tmp_path):
    raw = b"".join(value.to_bytes(3, "little", signed=True) for value in (-(2**23), 0, 2**22))
    assert read_wav(written(tmp_path, wav(np.frombuffer(raw, np.uint8), 3)))[1].tolist() == [-1, 0, 0.5]


def test_floats_are_taken_as_they_are(tmp_path):
    wavfile = pytest.importorskip("scipy.io.wavfile")
    samples = np.array([0.25, -1, 1.5], np.float64)
    wavfile.write(tmp_path / "file", 8000, samples)
    assert read_wav(tmp_path / "file")[1].tolist() == samples.tolist()


def test_several_channels_are_an_error_or_averaged(tmp_path):
    path = written(tmp_path, wav(np.array([[8192, 16384], [0, -32768]], np.int16), channels=2))
    with pytest.raises(ValueError, match="has 2 channels, not one; average=True"):
        read_wav(path)
    assert read_wav(path, average=True)[1].tolist() == [0.375, -0.5]


def test_a_wav_file_cut_off_anywhere_is_refused(tmp_path):
    content = wav(np.arange(50, dtype=np.int16))
    for end in range(len(content)):
        with pytest.raises(ValueError, match="file"):
            read_wav(written(tmp_path, content[:end]))


def test_what_is_there_of_a_file_that_is_cut_off(tmp_path):
    path = written(tmp_path, wav(np.arange(50, dtype=np.int16))[:-31])
    with pytest.raises(ValueError, match=r"31 of the 100 bytes of its sound are not there.*partial=True"):
        read_wav(path)
    sound = read_wav(path, partial=True)[1]
    with wave.open(str(path)) as file:  # Python's own reader takes what is there
        expected = np.frombuffer(file.readframes(50)[:68], "<i2") / 32768
    np.testing.assert_array_equal(sound, expected.astype(np.float32))


def test_what_is_no_sound(tmp_path):
    with pytest.raises(ValueError, match="not a whole WAV file"):
        read_wav(written(tmp_path, b"date,co2\n19580329,316.1\n" * 9))
    with pytest.raises(ValueError, match="no samples"):
        read_wav(written(tmp_path, wav(np.zeros(0, np.int16))))
    with pytest.raises(ValueError, match="is empty"):
        read_wav(written(tmp_path, b""))
    with pytest.raises(ValueError, match=r"looks like FLAC; .* converted by: ffmpeg"):
        read_wav(written(tmp_path, b"fLaC" + bytes(100)))
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_wav(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError, match="is a directory"):
        read_wav(tmp_path)


# --- the chunks of a file ---------------------------------------------------------------------------------------------


def chunk(name, body, size=None, pad=True):
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (pad and len(body) % 2)


def riff(*chunks, size=None):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def described(coding=1, channels=1, rate=8000, frame=2, bits=16, more=b""):
    return chunk(b"fmt ", struct.pack("<HHIIHH", coding, channels, rate, rate * frame, frame, bits) + more)


SOUND = struct.pack("<3h", 16384, -32768, 8192)
SAMPLES = [0.5, -1.0, 0.25]


@pytest.mark.parametrize(
    ("whole", "size"),
    [
        (0xFFFFFFFF, 0xFFFFFFFF),  # ffmpeg
        (0, 0),  # GStreamer
        (0x7FFFF024, 0x7FFFF000),  # SoX
        (0x80000024, 0x80000000),  # arecord
        (36, 0),  # never closed
        (8, 0),
        (0xFFFFFFFF, 6),
        (0, 6),
    ],
)
def test_sound_that_a_program_wrote_into_a_pipe(tmp_path, whole, size):
    tags = chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0\0")
    for before in ((), (tags,)):
        data = chunk(b"data", SOUND, size)
        assert read_wav(written(tmp_path, riff(described(), *before, data, size=whole)))[1].tolist() == SAMPLES
    torn = riff(described(), chunk(b"data", SOUND + b"x", 0xFFFFFFFF, pad=False), size=0xFFFFFFFF)
    assert read_wav(written(tmp_path, torn))[1].tolist() == SAMPLES


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on Windows")
def test_sound_from_a_pipe_that_has_a_name(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(riff(described(), chunk(b"data", SOUND)),))
    writer.start()
    assert read_wav(tmp_path / "pipe")[1].tolist() == SAMPLES
    writer.join()


@pytest.mark.parametrize(
    "content",
    [
        riff(described(), chunk(b"data", SOUND)) + b"junk at the end",
        riff(described(), chunk(b"data", SOUND), chunk(b"note", b"abc")),
        riff(described(), chunk(b"data", SOUND), b"ID3\x03"),
        riff(described(), chunk(b"data", SOUND), chunk(b"LIST", b"INFO", 4000)),  # a title that ends early
        riff(chunk(b"JUNK", bytes(27)), described(), chunk(b"LIST", b"INFOabc"), chunk(b"data", SOUND)),
        riff(described(), chunk(b"LIST", b"INFOabc", pad=False), chunk(b"data", SOUND)),
        riff(described(more=b"\0\0"), chunk(b"data", SOUND)),
        riff(described(), chunk(b"data", SOUND), size=4),
        riff(described(), chunk(b"data", SOUND), size=4000),
        gzip.compress(riff(described(), chunk(b"data", SOUND)), mtime=0),
    ],
)
def test_what_is_beside_the_sound_does_no_harm(tmp_path, content):
    assert read_wav(written(tmp_path, content))[1].tolist() == SAMPLES


def test_sound_of_no_length_is_not_what_follows_it(tmp_path):
    with pytest.raises(ValueError, match="no samples"):
        read_wav(written(tmp_path, riff(described(), chunk(b"data", b""), chunk(b"LIST", b"INFOabcd"))))


def extensible(coding, bits, frame):
    guid = struct.pack("<H", coding) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    return described(0xFFFE, 1, 48000, frame, 8 * frame, struct.pack("<HHI", 22, bits, 4) + guid)


@pytest.mark.parametrize(
    ("described", "sound"),
    [
        (extensible(1, 16, 2), SOUND),
        (extensible(1, 24, 4), struct.pack("<3i", 2**30, -(2**31), 2**29)),  # 24 bits on top of 32
        (extensible(3, 32, 4), struct.pack("<3f", *SAMPLES)),
        (described(3, 1, 48000, 4, 32), struct.pack("<3f", *SAMPLES)),
        (described(3, 1, 48000, 8, 64), struct.pack("<3d", *SAMPLES)),
        (described(1, 1, 48000, 3, 24), b"\0\0\x40\0\0\x80\0\0\x20"),
        (described(1, 1, 48000, 1, 8), bytes([192, 0, 160])),
        (described(1, 1, 48000, 2, 12), SOUND),  # 12 bits on top of 16
    ],
)
def test_encodings(tmp_path, described, sound):
    rate, samples = read_wav(written(tmp_path, riff(described, chunk(b"data", sound))))
    assert (rate, samples.dtype, samples.tolist()) == (48000, np.float32, SAMPLES)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64", ">i2", ">i4", ">f4"])
def test_what_scipy_writes_is_read_as_scipy_reads_it(tmp_path, dtype):
    wavfile = pytest.importorskip("scipy.io.wavfile")
    rng = np.random.default_rng(0)
    samples = np.asarray(rng.integers(0, 200, (9, 2)) if dtype[0] in "ui>" else rng.normal(size=(9, 2)), dtype)
    wavfile.write(tmp_path / "file", 22050, samples)
    samples = wavfile.read(tmp_path / "file")[1].astype(np.float64)
    full = {"uint8": 128, "int16": 2**15, ">i2": 2**15, "int32": 2**31, ">i4": 2**31}.get(dtype, 1)
    expected = (samples - (dtype == "uint8") * 128) / full
    rate, sound = read_wav(tmp_path / "file", average=True)
    assert rate == 22050
    np.testing.assert_allclose(sound, expected.mean(axis=1), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 6])
def test_files_for_more_than_4_gib(tmp_path, size):
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 0, len(SOUND), 3, 0))
    content = riff(ds64, described(), chunk(b"data", SOUND, size), chunk(b"LIST", b"INFO"), size=0xFFFFFFFF)
    assert read_wav(written(tmp_path, b"RF64" + content[4:]))[1].tolist() == SAMPLES
    with pytest.raises(ValueError, match="2 of the 6 bytes"):
        read_wav(written(tmp_path, b"RF64" + content[4:-14]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (riff(chunk(b"data", SOUND)), "it has no description of its sound"),
        (riff(described()), r"it has no sound \(chunk 'data'\)"),
        (riff(chunk(b"fmt ", bytes(8)), chunk(b"data", SOUND)), "has 8 bytes, not 16"),
        (riff(described(7, frame=1, bits=8), chunk(b"data", SOUND)), r"mu-law \(format 7\).*ffmpeg"),
        (riff(described(0x11, frame=256, bits=4), chunk(b"data", SOUND)), "IMA ADPCM"),
        (riff(described(channels=0), chunk(b"data", SOUND)), "0 channels"),
        (riff(described(rate=0), chunk(b"data", SOUND)), "0 Hz"),
        (riff(described(frame=0), chunk(b"data", SOUND)), "0 bytes a frame"),
        (riff(described(frame=8, bits=64), chunk(b"data", SOUND)), "integers of 64 bits in 8 bytes"),
        (riff(described(3, frame=2, bits=16), chunk(b"data", SOUND)), "floats of 16 bits in 2 bytes"),
        (riff(described(frame=1, bits=16), chunk(b"data", SOUND)), "16 bits in 1 bytes"),
    ],
)
def test_files_that_are_damaged_or_of_another_kind(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_wav(written(tmp_path, content))


# --- the real recordings ----------------------------------------------------------------------------------------------


def test_the_spoken_digits_are_what_their_headers_say():
    files = sorted(real_data.folder("speech/fsdd").glob("*.wav"))
    assert len(files) == 2000
    assert all(re.fullmatch(r"\d_(george|jackson|nicolas|theo)_\d+\.wav", file.name) for file in files)
    for file in files[::100]:
        with wave.open(str(file)) as header:
            assert (header.getnchannels(), header.getsampwidth(), header.getframerate()) == (1, 2, 8000)
            expected = np.frombuffer(header.readframes(header.getnframes()), "<i2") / 32768
        rate, sound = read_wav(file)
        assert rate == 8000
        np.testing.assert_array_equal(sound, expected)
