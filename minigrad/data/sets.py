"""The data sets that `fetch` knows: what each is, where its original lies, its licence and its SHA-256.

The digests are those of the files as they are used. Where the original is packed or written differently, `prepare`
turns the download into that file, and the digest is checked after that.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Args:
        path: where it lies in the data folder, with `/`.
        sha256: of its content, in hexadecimal.
        url: of the original.
        prepare: makes the content from the original's bytes; None if they are the same.
    """

    path: str
    sha256: str
    url: str
    prepare: Callable[[bytes], bytes] | None = None


@dataclass(frozen=True)
class DataFolder:
    """A folder of many files that come in one ZIP archive.

    Args:
        path: where it lies in the data folder, with `/`.
        sha256: over all files, sorted by name: the name, a zero byte, the SHA-256 of the content (32 bytes).
        url: of the archive. Such archives are packed anew when they are asked for, so they have no lasting digest.
        inside: the folder in the archive, below its topmost one.
        files: the names of the files, sorted; others in the archive are left out.
    """

    path: str
    sha256: str
    url: str
    inside: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set: name, a line that tells what it is, licence, home page, usual split, and files."""

    name: str
    what: str
    licence: str
    source: str
    split: str
    files: tuple[DataFile | DataFolder, ...] = field(repr=False)


RAW = "https://raw.githubusercontent.com"
STATSMODELS = f"{RAW}/statsmodels/statsmodels/v0.14.4/statsmodels/datasets"
STATSMODELS_PAGE = "https://www.statsmodels.org/stable/datasets/"
MULTI30K = f"{RAW}/multi30k/dataset/master/data/task1/raw"
POLARITY = f"{RAW}/dennybritz/cnn-text-classification-tf/master/data/rt-polaritydata"
SPEAKERS = ("george", "jackson", "nicolas", "theo")


def polarity_part(original: bytes) -> bytes:
    """The first 4,798 of 5,331 lines of a sentence polarity file, with the letters beyond ASCII encoded twice.

    The digests stand for a copy that was written so: `é` is there as the two letters that its UTF-8 bytes mean in
    Latin-1. Two lines in a hundred have such letters.
    """
    lines = original.split(b"\n")[:4798]
    return (b"\n".join(lines) + b"\n").decode("latin-1").encode()


def _polarity(ending: str, sha256: str) -> DataFile:
    name = f"rt-polarity.{ending}"
    return DataFile(f"sentiment/{name}", sha256, f"{POLARITY}/{name}", polarity_part)


def _series(name: str, sha256: str) -> tuple[DataFile]:
    return (DataFile(f"series/{name}.csv", sha256, f"{STATSMODELS}/{name}/{name}.csv"),)


def _captions(split: str, language: str, sha256: str) -> DataFile:
    url = f"{MULTI30K}/{'test_2016_flickr' if split == 'test2016' else split}.{language}.gz"
    return DataFile(f"translation/multi30k.{split}.{language}", sha256, url, gzip.decompress)


DATA_SETS = {
    data_set.name: data_set
    for data_set in (
        DataSet(
            "tiny_shakespeare",
            "1.1 MB of Shakespeare's plays, for character language models",
            "public domain",
            "https://github.com/karpathy/char-rnn",
            "first 90 % train, last 10 % validation",
            (
                DataFile(
                    "text/tiny_shakespeare.txt",
                    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                    f"{RAW}/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
                ),
            ),
        ),
        DataSet(
            "sunspots",
            "yearly sunspot numbers, 1700 to 2008 (SILSO, as in statsmodels)",
            "public domain",
            f"{STATSMODELS_PAGE}generated/sunspots.html",
            "last 67 years test",
            _series("sunspots", "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b"),
        ),
        DataSet(
            "co2",
            "weekly CO2 in the air at Mauna Loa in ppm, 1958 to 2001, with gaps (Scripps/NOAA, as in statsmodels)",
            "public domain",
            f"{STATSMODELS_PAGE}generated/co2.html",
            "last 10 % test",
            _series("co2", "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f"),
        ),
        DataSet(
            "elnino",
            "monthly temperature of the sea's surface in degrees Celsius, 1950 to 2010 (NOAA, as in statsmodels)",
            "public domain",
            f"{STATSMODELS_PAGE}generated/elnino.html",
            "last 10 % test",
            _series("elnino", "b647be00e0fd264be9764e317e6b963f35030014ecca2b21b204521716e463ad"),
        ),
        DataSet(
            "rt-polarity",
            "2 x 4,798 sentences of film reviews, for and against (Pang and Lee 2005, sentence polarity v1.0; a part)",
            "none stated; made public for research",
            "https://www.cs.cornell.edu/people/pabo/movie-review-data/",
            "none given; every tenth line can be held out",
            (
                _polarity("pos", "727891e3d1f20a7acd9b9de6a3cae233d1abbb67fd16c3eab8ca6654aadc9ca3"),
                _polarity("neg", "22eb55d6c9bf747a85c846f7d615c8e89c0ab9657cc128f9584600fc0f65e64e"),
            ),
        ),
        DataSet(
            "fsdd",
            "2,000 spoken digits by four speakers: 8 kHz, 16 bit, mono; the name is digit_speaker_index.wav",
            "CC BY-SA 4.0",
            "https://github.com/Jakobovski/free-spoken-digit-dataset",
            "index 0 to 4 test, the others train",
            (
                DataFolder(
                    "speech/fsdd",
                    "62d527d53e3a2c3bfe42be270ea54ad2e94f91bc0916412b5e6f94ae8a45cefb",
                    "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.8.zip",
                    "recordings",
                    tuple(
                        sorted(f"{digit}_{who}_{i}.wav" for digit in range(10) for who in SPEAKERS for i in range(50))
                    ),
                ),
            ),
        ),
        DataSet(
            "jsb-chorales",
            "382 chorales by Bach as lists of MIDI pitches, one a quarter note (split of Boulanger-Lewandowski 2012)",
            "none stated; the music is in the public domain",
            "https://github.com/czhuang/JSB-Chorales-dataset",
            "train, valid, test by key",
            (
                DataFile(
                    "music/jsb-chorales-quarter.json",
                    "2db9329f1881a1d3f49703ec556bf1d6f84b4f6c1d702c156536e93cf31e1c91",
                    f"{RAW}/czhuang/JSB-Chorales-dataset/master/jsb-chorales-quarter.json",
                ),
            ),
        ),
        DataSet(
            "multi30k",
            "31,014 captions of pictures in English and German, one a line (Elliott et al. 2016)",
            "CC BY-NC-SA 4.0",
            "https://github.com/multi30k/dataset",
            "train, val, test2016 by file",
            (
                _captions("train", "en", "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6"),
                _captions("train", "de", "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72"),
                _captions("val", "en", "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227"),
                _captions("val", "de", "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660"),
                _captions("test2016", "en", "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182"),
                _captions("test2016", "de", "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16"),
            ),
        ),
    )
}
